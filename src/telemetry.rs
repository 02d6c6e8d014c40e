//! Messages of the program to its operator: tracing on stderr, warnings only unless `KURA_LOG` says otherwise.
//!
//! `KURA_LOG=info` or `KURA_LOG=kura=debug` shows more; `KURA_LOG_FORMAT=json` writes one JSON object a line. No
//! message holds the name of a file or of a person (invariant K-9): that is kept where the message is made.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config;

/// Warnings, but not those of the S3 client: what it warns of is in the error that Kura prints.
const WARNINGS: &str = "warn,aws_config=off,aws_runtime=off,aws_smithy_runtime=off,aws_sdk_s3=off";

/// Why messages cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("KURA_LOG is not a filter; write for example `info` or `kura=debug`")]
pub struct BadFilter(#[source] ParseError);

/// Begins to write messages, as the environment says. Later calls change nothing.
pub fn start() -> Result<(), BadFilter> {
    let wanted = config::environment("KURA_LOG");
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(WARNINGS)).map_err(BadFilter)?;
    let has_colours = io::stderr().is_terminal();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(has_colours);
    let is_json = config::environment("KURA_LOG_FORMAT").is_some_and(|format| format == "json");
    let started = if is_json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    // Only a second start fails, and then messages flow already.
    drop(started);
    Ok(())
}
