//! `[[service]]` and `on_deadline` of `kura.toml`: what windows may stop, and what happens at their end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::service::{How, Service, TIMEOUT_DEFAULT};

/// `on_deadline` in `kura.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadlineSetting {
    /// The run goes on.
    Finish,
    /// It stops and keeps what is in the store.
    Stop,
}

/// `[[service]]` in `kura.toml`: a service that windows may stop, by the name that users know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    /// The name that windows and notices use.
    pub name: String,
    /// The command that stops it: program and arguments, no shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The command that starts it; it must do no harm where the service runs already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// How long either may take, seconds. Default 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// A person stops and starts it, and confirms both. Default no.
    #[serde(default, skip_serializing_if = "is_false")]
    pub manual: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl ServiceSettings {
    /// The service that is meant; `None` if commands are missing or are too many.
    pub fn service(&self) -> Option<Service> {
        let has_commands = !self.stop.is_empty() && !self.start.is_empty();
        let has_any = !self.stop.is_empty() || !self.start.is_empty();
        let how = match (self.manual, has_commands, has_any) {
            (true, _, false) => How::Manual,
            (false, true, _) => How::Commands {
                stop: self.stop.clone(),
                start: self.start.clone(),
                timeout: self.timeout_seconds.map_or(TIMEOUT_DEFAULT, Duration::from_secs),
            },
            (_, _, _) => return None,
        };
        Some(Service { name: self.name.clone(), how })
    }
}
