//! Servers and faults that the tests need.

/// The folder of the project.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A proxy that breaks connections on request.
pub(crate) mod fault_proxy;

/// What the proxies have in common.
mod http;

/// The S3 server.
pub(crate) mod s3;

/// A whole Kura in a temporary folder.
pub(crate) mod kura;

/// Dice that fall the same every time.
pub(crate) mod dice;

/// A store with versions, locks and trouble.
pub(crate) mod versions;

/// Simulated days.
pub(crate) mod simulate;

/// A proxy that breaks chosen requests.
pub(crate) mod s3_gate;

/// The real program with a home of its own.
pub(crate) mod site;

/// PDFs, read by poppler.
pub(crate) mod pdf;

/// Checks from outside, in Python.
pub(crate) mod python;

/// The database of a small clinic.
pub(crate) mod clinic;

/// A PostgreSQL server.
pub(crate) mod postgres;

/// The commands of a runbook, run as they stand.
pub(crate) mod runbook;

/// A mail server.
pub(crate) mod smtp;

/// An installation in which things go wrong.
pub(crate) mod ward;

/// File systems or a network of a test's own.
pub(crate) mod namespace;

/// A number from the environment, for how hard a long test is.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration file")]
    let set = std::env::var(name);
    set.ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
