//! Extracts in which no one can be identified: rows in, rows and a report out. Synchronous, CPU only.
//!
//! `extract` is one from beginning to end. On its way, in reading order: `classes` says what each column is and what
//! may be done with it, `profile` whether it is that; `hierarchy` and `ladders` say how values become vaguer; `crowds`
//! joins the rows that look alike and counts persons, `rules` says what must hold for a crowd, `metric` what a choice of
//! levels costs, and `search` finds the best one and proves it. What was written is read again, searched (`scan`) and
//! measured by other code (`measure`). `statistics` makes tables of counts instead of rows.
//!
//! What lives elsewhere: permits and who may do what (`domain::permit`), files and databases (workflows). Nothing here
//! reads a clock, makes a random number or opens a file.

/// One extract from beginning to end.
pub mod extract;

/// What a permit asks of a source.
pub mod instructions;

/// What is wrong with instructions before any row is read.
pub mod faults;

/// What each column of a source is, and what is done with it.
pub mod classes;

/// Whether a column is what its rule says.
pub mod profile;

/// Columns of text.
pub mod table;

/// CSV, in and out.
pub mod delimited;

/// One form for texts that people read as the same.
pub mod normal_form;

/// Days as Japanese files write them.
pub mod era;

/// From a source and its rules to a problem for the search.
mod prepare;

/// Doing what the rules say with one column.
mod treat;

/// What stands for an id, and what is drawn by lot.
pub mod pseudonym;

/// How a value becomes vaguer, level by level.
pub mod hierarchy;

/// Hierarchies that need no table.
pub mod ladders;

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

/// The best choice of levels.
pub mod search;

/// The bounded search.
mod descent;

/// The rows and cells that are released.
pub mod release;

/// Persons whose rows stay joined by a pseudonym.
mod linked;

/// What a written table keeps, measured again by other means.
pub mod measure;

/// Numbers and addresses that name a person.
pub mod detect;

/// Parquet.
pub mod parquet;

/// Spreadsheets.
pub mod spreadsheet;

/// The leak scan of what was written.
pub mod scan;

/// Tables of counts in which nobody can be found.
pub mod statistics;

/// Sums beside the counts of a table.
pub mod sums;

/// A table of counts from beginning to end.
pub mod count_extract;

/// What a reader can work out about a hidden cell.
pub mod audit;

/// What is said of an extract in Japanese.
pub mod statement;

/// What two releases show together.
pub mod ledger;

/// Exact fractions and the conversions between counts, codes and floats.
pub mod number;

/// Whole numbers of any size.
pub mod natural;
