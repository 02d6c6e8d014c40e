//! Notices: what they say and how early they come, and portals that they are pushed to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[[push]]` in `kura.toml`: a portal that takes notices as Standard Webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushSettings {
    /// A name of its own, for the record of deliveries; it is never changed.
    pub name: String,
    /// Where to send: `https://…`, or `http://` on this machine.
    pub url: String,
    /// The file with the shared secret, `whsec_…`.
    pub secret_file: PathBuf,
}

/// `[notices]` in `kura.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeSettings {
    /// The system's name, as its users know it. Default `はち丸ネットワーク`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// お問い合わせ先. Default: the help desk with its hours, without an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Days between a notice and what it announces, where nothing stops. Default 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_days: Option<u32>,
    /// The same where services stop. Default 14.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_days_downtime: Option<u32>,
    /// The address of the site as its users open it; its `/notices` is looked at before each run. Default: that of
    /// `kura serve --public-url`, or else of `--listen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}
