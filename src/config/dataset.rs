//! `[[dataset]]` in `kura.toml`: a table that permits may name. No path ever comes from a permit.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::source_kind::{Postgresql, TableName, Tls};

/// A table that extracts are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSettings {
    /// The name that permits say; it is never changed.
    pub name: String,
    /// A file on this machine, one inside a snapshot, or a table of a database.
    pub kind: DatasetKind,
    /// The CSV file: an absolute path, or for a snapshot the path as `kura ls` shows it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub path: PathBuf,
    /// The plan whose snapshots hold it; with `kind = "snapshot"` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// How the file is encoded. Default `utf-8`.
    #[serde(default)]
    pub encoding: DatasetEncoding,
    /// The table or view, `schema.table`; this and what follows with `kind = "postgresql"` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// A host name, an address, or the folder of a socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port. Default 5432.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The role; it should be able to read this one table and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file in the form of `.pgpass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// How the connection is protected: `disable`, `require`, `verify-ca`, `verify-full`. Default `verify-full`, for a
    /// socket `disable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The authority's certificate, if it is not one that browsers trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_root: Option<PathBuf>,
}

fn is_none(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

/// Where a data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    /// A CSV file on this machine.
    Csv,
    /// A CSV file inside a snapshot; a recovery key opens it, for one run.
    Snapshot,
    /// A table or a view of a PostgreSQL database.
    Postgresql,
}

/// How a data set is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatasetEncoding {
    /// UTF-8, with or without a byte-order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// `Shift_JIS` as Windows writes it (CP932).
    #[serde(rename = "shift_jis")]
    ShiftJis,
}

/// What is wrong with the data sets of a file.
pub(super) fn problem(all: &[DatasetSettings]) -> Option<String> {
    all.iter().enumerate().find_map(|(place, dataset)| {
        let name = &dataset.name;
        if all.iter().take(place).any(|other| other.name == *name) {
            return Some(format!("[[dataset]] {name}: there are two of this name"));
        }
        dataset.problem().map(|problem| format!("[[dataset]] {name}: {problem}"))
    })
}

impl DatasetSettings {
    /// What is wrong with it, in words.
    fn problem(&self) -> Option<&'static str> {
        let is_name = !self.name.is_empty()
            && self.name.len() <= 64
            && self.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
        if !is_name {
            return Some("a name has 1 to 64 of a-z, 0-9, - _ and .");
        }
        let of_database =
            [&self.table, &self.host, &self.database, &self.user, &self.tls].map(Option::is_some);
        let has_others = self.port.is_some() || self.password_file.is_some() || self.tls_root.is_some();
        if self.kind == DatasetKind::Postgresql {
            return self.database_problem();
        }
        if of_database.contains(&true) || has_others {
            return Some(
                "table, host, port, database, user, password_file and tls go with kind = \"postgresql\" only",
            );
        }
        match (self.kind, &self.plan) {
            (_, _) if is_none(&self.path) => Some("path is missing"),
            (DatasetKind::Csv, Some(_)) => Some("plan goes with kind = \"snapshot\" only"),
            (DatasetKind::Csv, None) if !self.path.is_absolute() => Some("path must be absolute"),
            (DatasetKind::Snapshot, None) => Some("kind = \"snapshot\" needs plan = \"NAME\""),
            (_, _) => None,
        }
    }

    fn database_problem(&self) -> Option<&'static str> {
        if !is_none(&self.path) || self.plan.is_some() {
            return Some("path and plan do not go with kind = \"postgresql\"");
        }
        if self.encoding != DatasetEncoding::Utf8 {
            return Some("encoding does not go with kind = \"postgresql\"");
        }
        let is_plain = |name: &Option<String>| {
            name.as_ref()
                .is_some_and(|name| !name.is_empty() && !name.contains(['\0', '=']) && !name.contains("://"))
        };
        if ![&self.host, &self.database, &self.user].into_iter().all(is_plain) {
            return Some(
                "kind = \"postgresql\" needs host, database and user: plain names, no URL and no password",
            );
        }
        if self.tls.is_some() && self.postgresql().is_none() {
            return Some("tls is disable, require, verify-ca or verify-full, and table is \"schema.table\"");
        }
        self.postgresql().is_none().then_some("kind = \"postgresql\" needs table = \"schema.table\"")
    }

    /// The database and the table, if it is one.
    pub fn postgresql(&self) -> Option<(Postgresql, TableName)> {
        let host = self.host.clone()?;
        let usual = if host.starts_with('/') { Tls::Disable } else { Tls::VerifyFull };
        let tls = match &self.tls {
            None => usual,
            Some(word) => Tls::ALL.into_iter().find(|tls| tls.word() == word)?,
        };
        let database = Postgresql {
            host,
            port: self.port.unwrap_or(Postgresql::PORT_DEFAULT),
            database: self.database.clone()?,
            user: self.user.clone()?,
            password_file: self.password_file.clone(),
            tls,
            tls_root: self.tls_root.clone(),
            tables: Vec::new(),
        };
        Some((database, self.table.as_ref()?.parse().ok()?))
    }
}
