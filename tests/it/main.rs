//! One test binary for everything that crosses modules.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test stops the test, like the test itself"
)]

mod architecture;
mod catalog;
mod cli;
mod engine;
mod policies;
mod recovery;
mod support;
mod vault;
