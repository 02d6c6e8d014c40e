//! `[heartbeat]` of `kura.toml`: who is told from time to time that Kura lives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ConfigError, secret_line};

/// How often it is told where the settings say nothing, minutes.
const EVERY_MINUTES: u32 = 5;

/// `[heartbeat]` in `kura.toml`: somebody outside who gives the alarm when Kura tells nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatSettings {
    /// The file whose first line is the address that is called: `https://…`, or `http://` on this machine. On most such
    /// sites the address is the secret, so it does not stand here.
    pub url_file: PathBuf,
    /// How often, minutes. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_minutes: Option<u32>,
}

impl HeartbeatSettings {
    /// How often, minutes; at least one.
    pub fn every_minutes(&self) -> u32 {
        self.every_minutes.unwrap_or(EVERY_MINUTES).max(1)
    }

    /// The address.
    pub fn address(&self) -> Result<Zeroizing<String>, ConfigError> {
        secret_line(&self.url_file)
    }
}
