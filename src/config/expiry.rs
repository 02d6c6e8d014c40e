//! Settings of deletion: `[reaper]`, `[legal_hold]` and `[expiry]` in `kura.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[reaper]` in `kura.toml`: the credential that may delete from the bucket, after the date; a directory needs none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaperSettings {
    /// The public half of the key pair.
    pub access_key_id: String,
    /// The file with the secret half, in the first line.
    pub secret_access_key_file: PathBuf,
}

/// `[legal_hold]` in `kura.toml`: the credential that sets and takes off legal holds in the bucket, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHoldSettings {
    /// The public half of the key pair.
    pub access_key_id: String,
    /// The file with the secret half, in the first line.
    pub secret_access_key_file: PathBuf,
}

/// `[expiry]` in `kura.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpirySettings {
    /// Addresses of web servers outside this machine whose clocks are asked, `https://…`. Default: the store's only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<String>,
    /// How many cohorts of a plan may go at once under a standing approval, beside the arrears. Default 2, at least 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohorts_at_once: Option<u64>,
    /// How many percent of a plan's cohorts; the larger of both counts. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_at_once: Option<u64>,
}
