//! `[[mail]]` in `kura.toml`: people who get each notice by mail.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[[mail]]` in `kura.toml`: people who get each notice by mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// A name of its own, for the record of deliveries; it is never changed.
    pub name: String,
    /// The mail server.
    pub host: String,
    /// Its port. Default: 465, 587 or 25, as `tls` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is kept from others' eyes. Default `wrapper`.
    #[serde(default)]
    pub tls: MailTls,
    /// Who writes, such as `お知らせ <notices@example.jp>`. Its domain also stands in message ids: keep it.
    pub from: String,
    /// Who is written to. Nobody sees the others.
    pub to: Vec<String>,
    /// The user at the server. Default: none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file with the user's password on its first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// TLS from the first byte (port 465).
    #[default]
    Wrapper,
    /// TLS after STARTTLS (port 587); a server that does not offer it gets nothing.
    Starttls,
    /// None: only for a server on this machine (port 25).
    NoneOnLoopback,
}
