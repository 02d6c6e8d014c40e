//! Settings of the second store: `[replica]` in `kura.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ReaperSettings;

/// `[replica]` in `kura.toml`: a second store that gets the same objects, with locks of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaSettings {
    /// Its address, `file:///…` or `s3://…`; another disk or bucket than the first.
    pub store: String,
    /// The public half of the key pair that writes to it, if it is a bucket. Default: as for the first store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The file with the secret half, in the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key_file: Option<PathBuf>,
    /// The credential that may delete from it, after the date; a directory needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaper: Option<ReaperSettings>,
}
