//! The rules of Kura: pure functions of facts and a given time.
//!
//! Nothing here reads a clock, a file or a random number, and nothing here knows a file format.
//! Start with `time` (instants and civil days), then `retention` (the one-year clock).
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::float_arithmetic
)]

/// Instants and civil days.
pub mod time;
