//! Extracts in which no one can be identified: rows in, rows and a report out. Synchronous, CPU only.
//!
//! In reading order: `hierarchy` says how values become vaguer, `lattice` counts the choices, `crowds` joins the rows
//! that look alike and counts persons, `rules` says what must hold for a crowd, `metric` what a choice costs, `search`
//! finds the best choice and proves it.
//!
//! What lives elsewhere: permits and who may do what (`domain`), files and databases (`workflows`). Nothing here reads
//! a clock, makes a random number or opens a file.

/// Exact fractions and the conversions between counts, codes and floats.
pub mod number;

/// Whole numbers of any size.
pub mod natural;

/// How a value becomes vaguer, level by level.
pub mod hierarchy;

/// Every choice of a level for each column.
pub mod lattice;

/// What must hold for a crowd.
pub mod rules;

/// Which rows look alike.
mod keys;

/// The rows that look alike, counted in persons.
mod crowds;

/// What a choice costs.
pub mod metric;

/// One choice of levels, looked at.
pub mod evaluate;

/// The bounded search.
mod descent;

/// The best choice of levels.
pub mod search;

/// The rows and cells that are released.
pub mod release;
