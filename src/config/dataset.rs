//! `[[dataset]]` in `kura.toml`: a table that permits may name. No path ever comes from a permit.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A table that extracts are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSettings {
    /// The name that permits say; it is never changed.
    pub name: String,
    /// A file on this machine, or one inside a snapshot.
    pub kind: DatasetKind,
    /// The CSV file: an absolute path, or for a snapshot the path as `kura ls` shows it.
    pub path: PathBuf,
    /// The plan whose snapshots hold it; with `kind = "snapshot"` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// How the file is encoded. Default `utf-8`.
    #[serde(default)]
    pub encoding: DatasetEncoding,
}

/// Where a data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    /// A CSV file on this machine.
    Csv,
    /// A CSV file inside a snapshot; a recovery key opens it, for one run.
    Snapshot,
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
        match (self.kind, &self.plan) {
            (DatasetKind::Csv, Some(_)) => Some("plan goes with kind = \"snapshot\" only"),
            (DatasetKind::Csv, None) if !self.path.is_absolute() => Some("path must be absolute"),
            (DatasetKind::Snapshot, None) => Some("kind = \"snapshot\" needs plan = \"NAME\""),
            (DatasetKind::Csv, None) | (DatasetKind::Snapshot, Some(_)) => None,
        }
    }
}
