//! Extracts in which no one can be identified: the engine against other programs, against brute force, against tricks.

/// Building small problems and reading the tables of the tests.
mod tables;

/// What ARX finds on real tables, Kura finds too.
mod golden;

/// The whole lattice walked by a second program that shares nothing with the engine.
mod oracle;

/// Small random tables: the engine against the oracle.
mod random;

/// Tables of counts, and what a reader can work out.
mod tables_of_counts;

/// Whole extracts, from a source to a file.
mod extracts;

/// Another program measures what was written.
mod pycanon;

/// Searches that are too large, stopped, or over before they begin.
mod limits;

/// The adversarial cases, and which tests play each of them.
mod cases;
