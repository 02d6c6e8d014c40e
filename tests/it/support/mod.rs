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

/// Simulated days.
pub(crate) mod simulate;

/// A proxy that breaks chosen requests.
pub(crate) mod s3_gate;

/// The real program with a home of its own.
pub(crate) mod site;

/// Checks from outside, in Python.
pub(crate) mod python;

/// A PostgreSQL server.
pub(crate) mod postgres;

/// A mail server.
pub(crate) mod smtp;
