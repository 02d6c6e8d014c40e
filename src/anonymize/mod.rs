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

/// One form for texts that people read as the same.
pub mod normal_form;

/// Days as Japanese files write them.
pub mod era;

/// Hierarchies that need no table.
pub mod ladders;

/// What stands for an id, and what is drawn by lot.
pub mod pseudonym;

/// Columns of text.
pub mod table;

/// Numbers and addresses that name a person.
pub mod detect;

/// The leak scan of what was written.
pub mod scan;

/// What each column of a source is, and what is done with it.
pub mod classes;

/// Whether a column is what its rule says.
pub mod profile;

/// What a reader can work out about a hidden cell.
pub mod audit;

/// Tables of counts in which nobody can be found.
pub mod statistics;

/// CSV, in and out.
pub mod delimited;

/// What a written table keeps, measured again by other means.
pub mod measure;

/// Persons whose rows stay joined by a pseudonym.
mod linked;

/// Doing what the rules say with one column.
mod treat;

/// From a source and its rules to a problem for the search.
mod prepare;

/// One extract from beginning to end.
pub mod extract;
