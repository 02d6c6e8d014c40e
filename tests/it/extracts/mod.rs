//! Extracts under permits, from an application to what the applicant opens.

/// A made-up ward, its permits and who acts.
pub(crate) mod ward;

/// Handed over, opened, compared.
mod story;

/// What refuses, and that nothing leaves then.
mod refusals;

/// Killed at every step, revoked in the middle, two at once.
mod steps;

/// Fetching over HTTP.
mod fetching;

/// Pages and the file over HTTP.
mod web;

/// Inside a snapshot.
mod snapshot;

/// Real tables.
mod adult;
