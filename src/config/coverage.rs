//! Settings of the daily proof: `[coverage]` in `kura.toml`.

use serde::{Deserialize, Serialize};

use crate::domain::reread::{DAYS_DEFAULT, DAYS_MAX};

/// `[coverage]` in `kura.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageSettings {
    /// In how many days the bytes of all packs are read again, a part each day; `0`: never. Default 30, at most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reread_days: Option<u32>,
}

impl CoverageSettings {
    /// One of so many parts is read each day; 0: none.
    pub fn parts(self) -> u32 {
        self.reread_days.unwrap_or(DAYS_DEFAULT).min(DAYS_MAX)
    }
}
