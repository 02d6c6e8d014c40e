//! Settings of an identity provider: `[oidc]` in `kura.toml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[oidc]` in `kura.toml`: an OpenID Connect provider. Accounts and roles stay Kura's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// The issuer: `https://…`, or `http://` on this machine.
    pub issuer: String,
    /// The id under which the provider knows Kura.
    pub client_id: String,
    /// The file with the client secret, in the first line.
    pub client_secret_file: PathBuf,
    /// What the sign-in page calls it. Default: the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
