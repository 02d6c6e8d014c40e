//! What is told of an extract: counts, levels and names of columns. Never a value.
//!
//! It is kept in the catalog, printed by `print::extract`, and read again by `verify`.

use serde::{Deserialize, Serialize};

use crate::anonymize::classes::ColumnRule;
use crate::anonymize::count_extract::CountExtract;
use crate::anonymize::extract::{ExtractRules, Report};
use crate::anonymize::instructions::{CountsAsked, Instructions, Seal, Shape};
use crate::anonymize::scan::Scan;
use crate::anonymize::search::Proof;
use crate::anonymize::statement::{A_PERSON_DECIDES, measures, publication};
use crate::anonymize::statistics::Protection;

use super::measured::MeasuredReport;
use super::words::{asked, class, metric, treatment};
use super::{ExtractError, ExtractRow};

/// What the first field says.
const KIND: &str = "extract report 1";

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractReport {
    /// Always `extract report 1`.
    pub kura: String,
    /// The permit; empty in a plan for no permit.
    pub permit: String,
    /// Which execution; 0 in a plan.
    pub execution: u32,
    /// SHA-256 of what the permit said.
    pub permit_digest: String,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// The program.
    pub program: String,
    /// The data set.
    pub dataset: String,
    /// The fingerprint of its columns.
    pub schema: String,
    /// SHA-256 of the data set's file.
    pub source_digest: String,
    /// The snapshot that it was taken from.
    pub snapshot: Option<String>,
    /// Rows of the source that the filter lets through (or of the sample).
    pub rows_in: u64,
    /// Persons in them.
    pub persons_in: u64,
    /// Rows that are released; lines of a table of counts.
    pub rows_out: u64,
    /// Rows left out because their crowd breaks a rule, or their person stands out.
    pub left_out: u64,
    /// Rows with a value that was coded as top, bottom or rare.
    pub coded: u64,
    /// Rows with a value that could not be read.
    pub unreadable: u64,
    /// Cells of the source with control characters, which were left out.
    #[serde(default)]
    pub controls: u64,
    /// Cells of the file that a spreadsheet would run as a formula.
    #[serde(default)]
    pub formulas: u64,
    /// Whether those have a `'` in front, so that none is run.
    #[serde(default)]
    pub is_guarded: bool,
    /// Every column of the source.
    pub columns: Vec<ColumnReport>,
    /// What was asked for.
    pub rules: Vec<RuleReport>,
    /// How the levels were found.
    pub search: Option<SearchReport>,
    /// What the written file keeps, measured from its bytes by other code.
    pub measured: Option<MeasuredReport>,
    /// The table of counts.
    pub counts: Option<CountsReport>,
    /// What was looked for in the written file.
    pub scan: ScanReport,
    /// How many earlier extracts it was compared with.
    pub compared_with: u64,
    /// What was done for each item of 施行規則第34条.
    pub measures: Vec<RuleReport>,
    /// The draft of what is made public.
    pub publication: String,
    /// That a person decides.
    pub decides: String,
    /// How the file is written.
    pub encoding: String,
    /// As what it is handed over: `csv`, `xlsx` or `paper`.
    #[serde(default = "csv")]
    pub shape: String,
    /// SHA-256 of the table as CSV, which stands on every page; on paper only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_digest: Option<String>,
    /// To what it is sealed: `key` or `passphrase`.
    pub sealed_to: String,
    /// SHA-256 of the file before it was sealed.
    pub extract_digest: String,
    /// Its size.
    pub extract_bytes: u64,
}

/// Reports that say nothing of it are of CSV.
fn csv() -> String {
    Shape::Csv.word().to_owned()
}

/// A column of the source, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// What it is, as instructions write it.
    pub class: String,
    /// What was done with it, as instructions write it.
    pub done: String,
    /// The level that was chosen, and the vaguest there is.
    pub level: Option<(u8, u8)>,
    /// How much of the column's domain a released value stands for, on average: 0 to 1.
    pub share: Option<f64>,
}

/// A rule, or an item of a regulation, and what was done for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleReport {
    /// The rule.
    pub asks: String,
    /// What was done.
    pub done: String,
}

/// How the levels were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchReport {
    /// Choices of levels; a number as text, because it can be larger than any number of JSON.
    pub nodes: String,
    /// Choices looked at.
    pub looks: u64,
    /// Whether there is proof that no choice is better.
    pub is_proved: bool,
    /// How many choices cost the same.
    pub ties: u64,
    /// What was kept small.
    pub metric: String,
    /// What it costs.
    pub cost: f64,
}

/// A table of counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountsReport {
    /// The columns that it groups by, each with its level.
    pub by: Vec<(String, u8)>,
    /// The fewest persons of a cell that is shown.
    pub min_cell: u32,
    /// `hide` or `round-up`.
    pub protection: String,
    /// Cells below the smallest that is shown.
    pub small: u64,
    /// Cells that are hidden with them.
    pub complementary: u64,
    /// How far the possible values of the small cell that is known best are apart.
    pub narrowest: Option<i64>,
    /// Whether totals are shown.
    pub has_totals: bool,
    /// The column that is added up, and in how many cells that show their persons its sum is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<(String, u64)>,
}

/// What was looked for in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanReport {
    /// Cells that were read.
    pub cells: u64,
    /// Names and numbers of the source that were looked for.
    pub looked_for: u64,
    /// Those too short to look for.
    pub too_short: u64,
    /// Cells that only look like something, by column.
    pub warnings: Vec<(String, u64)>,
}

/// The report of an extract that was handed over.
pub fn report_of(row: &ExtractRow) -> Result<ExtractReport, ExtractError> {
    row.report.as_deref().and_then(|text| serde_json::from_str(text).ok()).ok_or(ExtractError::Report)
}

impl ExtractReport {
    /// The part of a report that the engine knows; who, when and from where is filled in by the caller.
    pub(super) fn of_rows(
        (instructions, rules): (&Instructions, &ExtractRules),
        report: &Report,
        bytes: u64,
        digest: String,
    ) -> Self {
        let best = report.answer.best.as_ref();
        let measures = measures(rules, report).into_iter();
        Self {
            rows_in: report.rows_in,
            persons_in: report.persons_in,
            rows_out: report.rows_out,
            left_out: report.left_out,
            coded: report.counts.coded,
            unreadable: report.counts.unreadable,
            formulas: report.formulas,
            columns: rules.columns.iter().map(|rule| column(rule, Some(report))).collect(),
            search: Some(SearchReport {
                nodes: report.answer.nodes.to_string(),
                looks: report.answer.looks,
                is_proved: report.answer.proof == Proof::Optimal,
                ties: best.map_or(0, |best| best.ties),
                metric: metric(rules.metric).to_owned(),
                cost: best.map_or(0.0, |best| best.value),
            }),
            measured: Some(MeasuredReport::of(&report.measured)),
            scan: ScanReport::of(&report.scan),
            measures: measures
                .map(|measure| RuleReport {
                    asks: format!("{}号：{}", measure.item, measure.asks),
                    done: measure.done,
                })
                .collect(),
            ..Self::bare((instructions, rules), bytes, digest)
        }
    }

    /// The same of a table of counts.
    pub(super) fn of_counts(
        (instructions, rules): (&Instructions, &ExtractRules),
        asked: &CountsAsked,
        made: &CountExtract,
        digest: String,
    ) -> Self {
        let protection = match asked.rules.protection {
            Protection::Hide => "hide",
            Protection::RoundUp => "round-up",
        };
        Self {
            rows_in: made.rows,
            persons_in: made.persons,
            rows_out: made.lines,
            formulas: made.formulas,
            columns: rules.columns.iter().map(|rule| column(rule, None)).collect(),
            counts: Some(CountsReport {
                by: asked.by.clone(),
                min_cell: asked.rules.cell_min,
                protection: protection.to_owned(),
                small: made.audit.small,
                complementary: made.audit.complementary,
                narrowest: made.audit.narrowest,
                has_totals: made.audit.has_totals,
                sum: asked.sum.clone().zip(made.dominated),
            }),
            scan: ScanReport::of(&made.scan),
            ..Self::bare((instructions, rules), u64::try_from(made.bytes.len()).unwrap_or(u64::MAX), digest)
        }
    }

    fn bare(
        (instructions, rules): (&Instructions, &ExtractRules),
        extract_bytes: u64,
        extract_digest: String,
    ) -> Self {
        use crate::anonymize::delimited::Encoding;
        let encoding = match rules.writing.encoding {
            Encoding::Utf8 => "utf-8",
            Encoding::ShiftJis => "shift_jis",
        };
        Self {
            kura: KIND.to_owned(),
            permit: String::new(),
            execution: 0,
            permit_digest: String::new(),
            made_at: String::new(),
            program: format!("kura {}", env!("CARGO_PKG_VERSION")),
            dataset: instructions.dataset.clone(),
            schema: instructions.schema.clone(),
            source_digest: String::new(),
            snapshot: None,
            rows_in: 0,
            persons_in: 0,
            rows_out: 0,
            left_out: 0,
            coded: 0,
            unreadable: 0,
            controls: 0,
            formulas: 0,
            is_guarded: rules.writing.is_spreadsheet_safe,
            columns: Vec::new(),
            rules: asked(rules),
            search: None,
            measured: None,
            counts: None,
            scan: ScanReport { cells: 0, looked_for: 0, too_short: 0, warnings: Vec::new() },
            compared_with: 0,
            measures: Vec::new(),
            publication: publication(rules),
            decides: A_PERSON_DECIDES.to_owned(),
            encoding: encoding.to_owned(),
            shape: instructions.shape.word().to_owned(),
            table_digest: None,
            sealed_to: if instructions.seal == Seal::Passphrase { "passphrase" } else { "key" }.to_owned(),
            extract_digest,
            extract_bytes,
        }
    }

    /// The columns by which a person could be recognised together with others.
    pub fn quasi(&self) -> Vec<&str> {
        self.columns
            .iter()
            .filter(|column| column.level.is_some())
            .map(|column| column.name.as_str())
            .collect()
    }

    /// As what it was handed over.
    pub fn shape(&self) -> Shape {
        Shape::of_word(&self.shape).unwrap_or(Shape::Csv)
    }

    /// The column whose pseudonyms say whose each row is.
    pub fn pseudonyms(&self) -> Option<&str> {
        self.columns.iter().find(|column| column.done == "pseudonym").map(|column| column.name.as_str())
    }
}

impl ScanReport {
    fn of(scan: &Scan) -> Self {
        let warnings = scan.warnings.iter().map(|((column, _), cells)| (column.clone(), *cells));
        Self {
            cells: scan.cells,
            looked_for: scan.looked_for,
            too_short: scan.too_short,
            warnings: warnings.collect(),
        }
    }
}

fn column(rule: &ColumnRule, report: Option<&Report>) -> ColumnReport {
    let cost = report.and_then(|report| report.costs.get(&rule.name));
    ColumnReport {
        name: rule.name.clone(),
        class: class(rule.class).to_owned(),
        done: treatment(&rule.treatment).to_owned(),
        level: cost.map(|cost| (cost.level, cost.height)),
        share: cost.map(|cost| cost.share),
    }
}
