//! One test binary for everything that crosses modules.

/// Servers and faults that the tests need.
mod support;

/// The promises of a vault, on every kind of store.
mod vault;
