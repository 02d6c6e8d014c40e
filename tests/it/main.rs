//! One test binary for everything that crosses modules.

mod architecture;
mod policies;
mod support;
mod vault;
