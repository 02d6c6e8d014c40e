//! Extracts under permits, from an application to what the applicant opens.

/// A made-up ward, its permits and who acts.
pub(crate) mod ward;

/// Handed over, opened, compared.
mod story;

/// What refuses, and that nothing leaves then.
mod refusals;

/// Killed at every step, revoked in the middle, two at once.
mod steps;

/// How far a search is, on the page.
mod progress;

/// A disk that is full.
mod full;

/// Fetching over HTTP.
mod fetching;

/// Pages and the file over HTTP.
mod web;

/// Inside a snapshot.
mod snapshot;

/// A table or a view of a database.
mod database;

/// Spreadsheets and paper.
mod shapes;

/// Real tables.
mod adult;
