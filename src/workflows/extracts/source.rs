//! Where rows come from: a data set that `kura.toml` names, on this machine, inside a snapshot or in a database. Memory
//! only.
//!
//! Nothing of it is written anywhere, and no error holds more of it than the number of a line.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::anonymize::delimited::{Encoding, read_counted};
use crate::anonymize::instructions::{Drift, Instructions, drift, schema_text};
use crate::anonymize::table::Table;
use crate::archive::digest::Sha256;
use crate::config::{DatasetEncoding, DatasetKind, DatasetSettings, Home};
use crate::domain::time::Instant;
use crate::sources::postgresql::{DatabaseError, Dataset, DatasetColumn};
use crate::workflows::browse::Browser;
use crate::workflows::choice::{ChoiceError, Wanted};
use crate::workflows::repository::Opened;
use crate::workflows::restore::RestoreError;

use super::ExtractError;

/// Larger sources are not read, bytes: all of it is in memory.
const SOURCE_BYTES_MAX: u64 = 2 << 30;

/// What opens a snapshot, for one run.
pub struct Recovery {
    /// The repository, opened with a recovery key.
    pub opened: Arc<Opened>,
    /// Which snapshot; without it the plan's last.
    pub wanted: Option<String>,
}

/// A source that was read.
pub(super) struct Source {
    /// Its rows.
    pub(super) table: Table,
    /// SHA-256 of the file, or of the rows as CSV.
    pub(super) digest: Sha256,
    /// What the fingerprint of its columns is made of, in their order: names; of a database types and whether they may be
    /// empty, too.
    schema: Vec<String>,
    /// The snapshot that it was taken from.
    pub(super) snapshot: Option<String>,
    /// Cells with control characters, which were left out.
    pub(super) controls: u64,
}

/// The settings of a data set.
pub(super) fn dataset(home: &Home, name: &str) -> Result<DatasetSettings, ExtractError> {
    let all = home.settings()?.dataset;
    let known = || all.iter().map(|dataset| dataset.name.clone()).collect();
    let found = all.iter().find(|dataset| dataset.name == name).cloned();
    found.ok_or_else(|| ExtractError::NoDataset { name: name.to_owned(), known: known() })
}

/// Whether there is what opens a data set.
pub(super) fn openable(dataset: &DatasetSettings, recovery: Option<&Recovery>) -> Result<(), ExtractError> {
    if dataset.kind == DatasetKind::Snapshot && recovery.is_none() {
        return Err(ExtractError::NeedsKey(dataset.name.clone()));
    }
    Ok(())
}

/// Reads a data set.
pub(super) async fn read_source(
    dataset: &DatasetSettings,
    recovery: Option<&Recovery>,
    now: Instant,
) -> Result<Source, ExtractError> {
    let mut types = None;
    let (bytes, snapshot) = match dataset.kind {
        DatasetKind::Csv => {
            let own = dataset.clone();
            (super::off(move || of_machine(&own)).await?, None)
        }
        DatasetKind::Postgresql => {
            let failed = |error: DatabaseError| of_database(dataset, &error);
            let open = Box::pin(open_database(dataset)).await?;
            types = Some(open.columns.clone());
            let bytes_max = usize::try_from(SOURCE_BYTES_MAX).unwrap_or(usize::MAX);
            (Box::pin(open.rows(bytes_max)).await.map_err(failed)?, None)
        }
        DatasetKind::Snapshot => {
            let recovery = recovery.ok_or_else(|| ExtractError::NeedsKey(dataset.name.clone()))?;
            let (bytes, snapshot) = Box::pin(of_snapshot(dataset, recovery, now)).await?;
            (bytes, Some(snapshot))
        }
    };
    let encoding = match dataset.encoding {
        DatasetEncoding::Utf8 => Encoding::Utf8,
        DatasetEncoding::ShiftJis => Encoding::ShiftJis,
    };
    let dataset = dataset.name.clone();
    super::off(move || {
        let read = read_counted(&bytes, encoding);
        let (table, controls) = read.map_err(|problem| ExtractError::Read { dataset, problem })?;
        let schema = match &types {
            Some(columns) => columns.iter().flat_map(parts).collect(),
            None => table.columns.iter().map(|column| column.name.clone()).collect(),
        };
        Ok(Source { table, digest: Sha256::of(&bytes), snapshot, schema, controls })
    })
    .await
}

async fn open_database(dataset: &DatasetSettings) -> Result<Dataset, ExtractError> {
    // The settings were checked when they were read.
    let (database, table) = dataset
        .postgresql()
        .ok_or_else(|| ExtractError::NoDataset { name: dataset.name.clone(), known: Vec::new() })?;
    Dataset::open(&database, &table).await.map_err(|error| of_database(dataset, &error))
}

/// What a database says may quote a row: only what Kura says itself goes on.
fn of_database(dataset: &DatasetSettings, error: &DatabaseError) -> ExtractError {
    ExtractError::Database { dataset: dataset.name.clone(), problem: error.bare() }
}

/// What of a column the fingerprint is made of.
fn parts(column: &DatasetColumn) -> [String; 3] {
    let null = if column.is_nullable { "null" } else { "not null" };
    [column.name.clone(), column.type_name.clone(), null.to_owned()]
}

/// The columns of a data set and their fingerprint: what instructions need to say.
pub async fn columns(
    home: &Home,
    name: &str,
    recovery: Option<&Recovery>,
    now: Instant,
) -> Result<(Vec<String>, Sha256), ExtractError> {
    let dataset = dataset(home, name)?;
    if dataset.kind == DatasetKind::Postgresql {
        // No row is needed for that.
        let open = Box::pin(open_database(&dataset)).await?;
        let schema: Vec<String> = open.columns.iter().flat_map(parts).collect();
        let names = open.columns.iter().map(|column| column.name.clone()).collect();
        return Ok((names, fingerprint(name, &schema)));
    }
    let source = Box::pin(read_source(&dataset, recovery, now)).await?;
    let names = source.table.columns.iter().map(|column| column.name.clone()).collect();
    Ok((names, fingerprint(name, &source.schema)))
}

fn of_machine(dataset: &DatasetSettings) -> Result<Zeroizing<Vec<u8>>, ExtractError> {
    let failed = |source| ExtractError::Source { dataset: dataset.name.clone(), source };
    let size = std::fs::metadata(&dataset.path).map_err(failed)?.len();
    if size > SOURCE_BYTES_MAX {
        return Err(ExtractError::SourceTooLarge { dataset: dataset.name.clone(), size_bytes: size });
    }
    std::fs::read(&dataset.path).map(Zeroizing::new).map_err(failed)
}

/// A file of a snapshot, as `kura cat` gives it, into memory.
async fn of_snapshot(
    dataset: &DatasetSettings,
    recovery: &Recovery,
    now: Instant,
) -> Result<(Zeroizing<Vec<u8>>, String), ExtractError> {
    let plan = dataset.plan.clone().unwrap_or_default();
    let wanted = recovery.wanted.clone().unwrap_or_else(|| format!("latest:{plan}"));
    let wanted = Wanted::parse(&wanted).map_err(RestoreError::from)?;
    let browser = Box::pin(Browser::open(recovery.opened.clone(), &wanted, now)).await?;
    let (of, id) = (browser.open.snapshot.plan.clone(), browser.open.name.digest.to_string());
    if of != plan {
        return Err(ExtractError::OtherPlan { dataset: dataset.name.clone(), plan: of });
    }
    let mut held = Held(Zeroizing::new(Vec::new()));
    let path = OsString::from(&dataset.path);
    browser.cat(&path, &mut held)?;
    Ok((held.0, id))
}

/// Bytes in memory, up to a limit.
struct Held(Zeroizing<Vec<u8>>);

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.0.len().saturating_add(bytes.len());
        if u64::try_from(length).unwrap_or(u64::MAX) > SOURCE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the data set is too large for memory"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fingerprint of a source's columns.
fn fingerprint(dataset: &str, schema: &[String]) -> Sha256 {
    Sha256::of(schema_text(dataset, schema.iter().map(String::as_str)).as_bytes())
}

/// Refuses a source that is not what the permit was written for, and gives the rows that are wanted.
pub(super) fn wanted_rows(source: &Source, instructions: &Instructions) -> Result<Wished, ExtractError> {
    let names: Vec<String> = source.table.columns.iter().map(|column| column.name.clone()).collect();
    let mut found = drift(&names, &instructions.columns());
    let own = fingerprint(&instructions.dataset, &source.schema).to_string();
    if found.is_empty() && own != instructions.schema {
        found.push(Drift::Fingerprint { fingerprint: own, order: source.schema.clone() });
    }
    if !found.is_empty() {
        return Err(ExtractError::Drift(found));
    }
    let rows = u64::try_from(source.table.rows()).unwrap_or(u64::MAX);
    if let Some(most) = instructions.rows_max.filter(|most| rows > *most) {
        return Err(ExtractError::ManyRows { rows, most });
    }
    let chosen = instructions.chosen(&source.table);
    let places = chosen.iter().enumerate().filter(|(_, chosen)| **chosen).map(|(row, _)| row).collect();
    let table = if instructions.filter.is_empty() { None } else { Some(source.table.filtered(&chosen)) };
    Ok(Wished { table, places })
}

/// The rows that the filter lets through.
pub(super) struct Wished {
    /// They alone; none if they are all.
    pub(super) table: Option<Table>,
    /// Their places in the source.
    pub(super) places: Vec<usize>,
}

impl From<ChoiceError> for ExtractError {
    fn from(error: ChoiceError) -> Self {
        Self::Snapshot(error.into())
    }
}
