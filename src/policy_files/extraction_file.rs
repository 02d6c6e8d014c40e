//! The keys of the instructions of an extract, as they are written. What is not known is refused.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) dataset: String,
    pub(super) schema: String,
    pub(super) rows_max: Option<u64>,
    #[serde(default)]
    pub(super) filter: Vec<FilterFile>,
    pub(super) columns: BTreeMap<String, ColumnFile>,
    #[serde(default)]
    pub(super) tables: BTreeMap<String, String>,
    pub(super) privacy: PrivacyFile,
    pub(super) table: Option<TableFile>,
    pub(super) output: OutputFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterFile {
    pub(super) column: String,
    pub(super) op: String,
    pub(super) value: Option<String>,
    pub(super) values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnFile {
    pub(super) class: String,
    #[serde(rename = "do")]
    pub(super) treatment: String,
    pub(super) reason: Option<String>,
    pub(super) space: Option<String>,
    pub(super) widths: Option<Vec<u32>>,
    pub(super) top: Option<u32>,
    pub(super) table: Option<String>,
    pub(super) days: Option<u16>,
    pub(super) below: Option<u64>,
    pub(super) other: Option<String>,
    pub(super) step: Option<u32>,
    pub(super) low: Option<i64>,
    pub(super) high: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrivacyFile {
    pub(super) person: Option<String>,
    pub(super) k: u64,
    #[serde(default = "zero")]
    pub(super) suppression: String,
    #[serde(default = "loss")]
    pub(super) metric: String,
    pub(super) sample: Option<usize>,
    #[serde(default = "a_twentieth")]
    pub(super) singling_out: String,
    #[serde(default)]
    pub(super) l: Vec<ModelFile>,
    #[serde(default)]
    pub(super) t: Vec<ModelFile>,
    #[serde(default)]
    pub(super) words: Vec<String>,
    #[serde(default)]
    pub(super) bounded: bool,
}

fn zero() -> String {
    "0".to_owned()
}

fn loss() -> String {
    "loss".to_owned()
}

fn a_twentieth() -> String {
    "0.05".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelFile {
    pub(super) column: String,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) c: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableFile {
    pub(super) by: Vec<GroupFile>,
    #[serde(default = "three")]
    pub(super) max_dimensions: usize,
    #[serde(default = "ten")]
    pub(super) min_cell: u32,
    pub(super) protection: Option<String>,
    #[serde(default)]
    pub(super) totals: bool,
    pub(super) sum: Option<String>,
}

fn three() -> usize {
    3
}

fn ten() -> u32 {
    10
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    pub(super) column: String,
    #[serde(default)]
    pub(super) level: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputFile {
    pub(super) format: String,
    pub(super) encoding: Option<String>,
    #[serde(default)]
    pub(super) spreadsheet_safe: bool,
    pub(super) seal: String,
}
