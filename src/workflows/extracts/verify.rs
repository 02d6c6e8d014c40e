//! Opening what was handed over, with the applicant's key or passphrase, and measuring it again beside its report.

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::anonymize::count_extract::{HIDDEN, PERSONS};
use crate::anonymize::delimited::{Encoding, Writing, read_back};
use crate::anonymize::instructions::Shape;
use crate::anonymize::measure::{InputCounts, measure};
use crate::anonymize::parquet::read_parquet;
use crate::anonymize::spreadsheet::read_spreadsheet;
use crate::anonymize::table::Table;
use crate::archive::digest::Sha256;
use crate::archive::seal::{Keys, open, open_bytes_with_passphrase};

use super::measured::MeasuredReport;
use super::report::{ExtractReport, report_of};
use super::{ExtractError, ExtractRow};

/// Larger extracts are not opened, bytes.
const EXTRACT_BYTES_MAX: u64 = 4 << 30;

/// What opens it.
pub enum Opener {
    /// The applicant's age key.
    Keys(Keys),
    /// The passphrase of this one file.
    Passphrase(SecretString),
}

/// Something that is not as the report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub what: String,
    /// In the report.
    pub said: String,
    /// In the file.
    pub found: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The report.
    pub report: ExtractReport,
    /// Rows of the file.
    pub rows: u64,
    /// What the file keeps now.
    pub measured: Option<MeasuredReport>,
    /// What differs; nothing, if all is well.
    pub differences: Vec<Difference>,
    /// What could not be measured from the file alone.
    pub unmeasured: Vec<&'static str>,
}

/// Opens a sealed extract and compares it with its report.
pub fn verify(row: &ExtractRow, sealed: &[u8], opener: Opener) -> Result<Verified, ExtractError> {
    let report = report_of(row)?;
    let mut differences = Vec::new();
    let mut compare = |what: &str, said: String, found: String| {
        if said != found {
            differences.push(Difference { what: what.to_owned(), said, found });
        }
    };
    let digest = row.digest.map(|digest| digest.to_string()).unwrap_or_default();
    compare("SHA-256 of the sealed file", digest, Sha256::of(sealed).to_string());
    let plain = match opener {
        Opener::Keys(keys) => Zeroizing::new(open(sealed, &keys, EXTRACT_BYTES_MAX)?),
        Opener::Passphrase(words) => open_bytes_with_passphrase(sealed, words, EXTRACT_BYTES_MAX)?,
    };
    compare("SHA-256 of the file", report.extract_digest.clone(), Sha256::of(&plain).to_string());
    if report.shape() == Shape::Paper {
        // Pages are for people: what they show is named by its SHA-256 on each of them.
        let unmeasured =
            vec!["pages are not read: compare the SHA-256 on them with table_digest of the report"];
        let rows = report.rows_out;
        return Ok(Verified { report, rows, measured: None, differences, unmeasured });
    }
    let encoding = if report.encoding == "shift_jis" { Encoding::ShiftJis } else { Encoding::Utf8 };
    let table = match report.shape() {
        Shape::Spreadsheet => read_spreadsheet(&plain)?,
        Shape::Parquet if Sha256::of(&plain).to_string() == report.extract_digest => read_parquet(&plain)?,
        Shape::Parquet => {
            // The reader of Parquet is not made for files of strangers: what is not the file is not opened.
            let unmeasured = vec!["the file is another one: it was not read"];
            return Ok(Verified { rows: 0, report, measured: None, differences, unmeasured });
        }
        Shape::Csv | Shape::Paper => {
            let unread = |problem| ExtractError::Read { dataset: report.dataset.clone(), problem };
            let writing = Writing { encoding, is_spreadsheet_safe: report.is_guarded };
            read_back(&plain, writing).map_err(unread)?
        }
    };
    let rows = u64::try_from(table.rows()).unwrap_or(u64::MAX);
    compare("rows", report.rows_out.to_string(), rows.to_string());
    let (measured, mut unmeasured) = measure_again(&table, &report);
    if let (Some(said), Some(found)) = (&report.measured, &measured) {
        compare("crowds", said.crowds.to_string(), found.crowds.to_string());
        let has_persons = report.pseudonyms().is_some() || said.persons == rows;
        if has_persons {
            compare("smallest crowd", said.smallest.to_string(), found.smallest.to_string());
            compare("crowds by size", format!("{:?}", said.sizes), format!("{:?}", found.sizes));
            for (said, found) in said.sensitive.iter().zip(&found.sensitive) {
                let what = format!("fewest values of {} in a crowd", said.name);
                compare(&what, said.distinct.to_string(), found.distinct.to_string());
            }
        } else {
            unmeasured.push("persons: the file does not say whose each row is");
        }
    }
    if let Some(counts) = &report.counts {
        let least = smallest_cell(&table).map_or_else(|| "none".to_owned(), |least| least.to_string());
        let is_fine = smallest_cell(&table).is_some_and(|least| least >= u64::from(counts.min_cell));
        compare(
            "every number is none or at least",
            counts.min_cell.to_string(),
            if is_fine { counts.min_cell.to_string() } else { least },
        );
    }
    Ok(Verified { report, rows, measured, differences, unmeasured })
}

fn measure_again(table: &Table, report: &ExtractReport) -> (Option<MeasuredReport>, Vec<&'static str>) {
    let Some(said) = &report.measured else { return (None, Vec::new()) };
    let persons =
        report.pseudonyms().and_then(|name| table.column(name)).map(|column| column.codes().to_vec());
    let mut input = InputCounts::new();
    for column in &said.sensitive {
        let Some(own) = table.column(&column.name) else { continue };
        input.insert(column.name.clone(), own.values().iter().cloned().zip(own.counts()).collect());
    }
    let measured = measure(table, &report.quasi(), persons.as_deref(), &input);
    let unmeasured = if said.sensitive.is_empty() {
        Vec::new()
    } else {
        vec!["t-closeness: its distance is that to the source, which the file does not hold"]
    };
    (Some(MeasuredReport::of(&measured)), unmeasured)
}

/// The smallest number of a table of counts that is not none.
fn smallest_cell(table: &Table) -> Option<u64> {
    let numbers = table.column(PERSONS)?.values().iter().filter(|text| *text != HIDDEN);
    numbers.filter_map(|text| text.parse::<u64>().ok()).filter(|number| *number > 0).min()
}
