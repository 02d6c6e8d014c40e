//! Kura (蔵): sealed, deduplicated snapshots that are kept for their year and then provably gone.
//!
//! Read the modules in this order; each says in its first lines what lives there and what does not.

/// The rules: days, retention, plans, cohorts. No I/O, no clock, no randomness.
pub mod domain;

/// The plan files people write, parsed at the door with every problem named.
pub mod policy_files;

/// Bytes to sealed packs and back; synchronous, no network.
pub mod archive;

/// Extracts in which no one can be identified; synchronous, no files.
pub mod anonymize;

/// Extracts as pages to print.
pub mod paper;

/// Where objects are kept: a directory, an S3 bucket, memory for tests.
pub mod vault;

/// Proofs of who somebody is: password hashes, one-time codes, tokens.
pub mod credentials;

/// Sending notices to portals.
pub mod portal;

/// Running programs and reading what they write.
mod programs;

/// Sources that are no folders: the output of a program, databases.
pub mod sources;

/// Asking targets whether they live, reading logs.
pub mod monitor;

/// Running the commands that stop and start services.
pub mod hooks;

/// Asking an identity provider who somebody is.
pub mod identity;

/// An installation's home folder and its settings.
pub mod config;

/// The record of runs, and a cache of what the repository says: rows of a local database.
pub mod catalog;

/// The only place that asks the machine for the time or for randomness.
pub mod clock;

/// What Kura does, one file per promise: gather, decide, act, record.
pub mod workflows;

/// The heartbeat that brings everything up to date and starts what is due.
pub mod scheduler;

/// Pages to print and file, the same from the command line and from the console.
pub mod print;

/// What is told over HTTP: public pages and feeds of notices, health.
pub mod web;

/// Messages of the program to its operator, on stderr; never a name.
pub mod telemetry;

/// Builds the program's parts from an installation's home, or says why it cannot.
pub mod app;

/// The service: the heart and the pages, with the clock and the socket passed in.
pub mod service;

/// The command line: arguments, one workflow each, words for people, exit codes.
pub mod cli;
