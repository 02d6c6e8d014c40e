//! One test binary for everything that crosses modules.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test stops the test, like the test itself"
)]

/// Servers and faults that the tests need.
mod support;

/// The promises of a vault, on every kind of store.
mod vault;
