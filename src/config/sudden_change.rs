//! From where on a change of a source is sudden: `[sudden_change]` in `kura.toml`.

use serde::{Deserialize, Serialize};

use crate::domain::sudden_change::Limits;

/// `[sudden_change]` in `kura.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuddenChangeSettings {
    /// Of a hundred files of the snapshot before, rewritten or gone; `0`: never. Default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn_percent: Option<u64>,
    /// New bytes, or bytes that are gone, of a hundred bytes of the snapshot before; `0`: never. Default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_percent: Option<u64>,
    /// Of a hundred new bytes, left after compression; `0`: never. Default 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed_percent: Option<u64>,
    /// Fewer files than this say nothing. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_min: Option<u64>,
    /// Less data than this says nothing, KiB. Default 1024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kib_min: Option<u64>,
}

impl SuddenChangeSettings {
    /// The limits, with the defaults for what is not written.
    pub fn limits(self) -> Limits {
        let default = Limits::default();
        Limits {
            churn_percent: self.churn_percent.unwrap_or(default.churn_percent),
            volume_percent: self.volume_percent.unwrap_or(default.volume_percent),
            packed_percent: self.packed_percent.unwrap_or(default.packed_percent),
            files_min: self.files_min.unwrap_or(default.files_min),
            bytes_min: self.kib_min.map_or(default.bytes_min, |kib| kib.saturating_mul(1024)),
        }
    }
}
