//! A PostgreSQL database: a stream for each table and sent day, as of one moment.
//!
//! One session exports its snapshot; every other one, and `pg_dump`, reads in the same. It stays open until the run is
//! over. What is listed is what the snapshot shows: for each table the days it has, with a count and a sum over the
//! versions of its rows that tell whether a day is as it was.
//!
//! Below the source: `schema/<run day>/…` (see `schema`), `rows/<schema>/<table>/<day>.copy`, `undated.copy` for rows
//! without a day, `all.copy` for a table of system data. The text of rows is PostgreSQL's own (COPY, text format).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::PgConnection;
use sqlx::{Executor as _, Row as _};
use tokio::runtime::Handle;

use crate::archive::entry::FileTime;
use crate::archive::stream::{self, StreamFile, StreamPrint, Streams};
use crate::archive::walk::Refusal;
use crate::domain::plan::Class;
use crate::domain::source_kind::{Postgresql, TableClock, TableName};
use crate::domain::time::{Day, Zone};

use super::{Basis, file_time};
use rows::{DayCount, DayType, Reading, Step};
use sorted::Sorted;
use tables::Table;

mod check;
mod connect;
mod copying;
mod dataset;
mod error;
mod load;
mod rows;
mod schema;
mod sorted;
mod tables;

pub use check::check;
pub use dataset::{Dataset, DatasetColumn};
pub use error::DatabaseError;
pub use load::{Load, LoadError, check_address, load};

/// Names the snapshot, for other sessions.
const EXPORT: &str = "SELECT pg_catalog.pg_export_snapshot() AS it";

/// What stands for the day of rows that have none: a day that cannot be right, so that they count from the first run
/// that sees them as they are.
const NEVER: FileTime = FileTime { seconds: 0, nanos: 0 };

/// What a file is made from.
enum FileContent {
    /// It is here.
    Text(Vec<u8>),
    /// A statement gives it: so many rows.
    Rows { statement: String, rows: i64, of: Option<DayOf> },
}

/// A day of a table whose days no index finds.
struct DayOf {
    table: Arc<Sorted>,
    day: Option<i32>,
}

/// A database under one snapshot.
pub struct Database {
    settings: Postgresql,
    snapshot: String,
    files: Vec<StreamFile>,
    contents: BTreeMap<Vec<u8>, FileContent>,
    refusals: Vec<Refusal>,
    handle: Handle,
    /// Sessions that are not at work.
    idle: Arc<Mutex<Vec<PgConnection>>>,
    /// Where rows in order may lie for the time of the run.
    spill: PathBuf,
    /// The session whose snapshot is read; it ends with the run.
    exporter: PgConnection,
}

impl Database {
    /// Connects, exports a snapshot and lists what it shows.
    pub async fn open(basis: &Basis<'_>, settings: &Postgresql) -> Result<Self, DatabaseError> {
        let mut exporter = connect::begin(settings).await?;
        let snapshot: String = exporter.fetch_one(EXPORT).await?.try_get("it")?;
        let tables = tables::all(&mut exporter).await?;
        refuse_as_a_whole(&mut exporter, settings, &tables).await?;
        let mut listing = Listing { types: tables::types(&mut exporter).await?, ..Listing::default() };
        let zone = basis.plan.zone();
        let wants_system = basis.plan.class() == Class::System;
        let mut read = Vec::new();
        for rule in &settings.tables {
            if matches!(rule.clock, TableClock::System) != wants_system {
                continue;
            }
            let Some(table) = tables.get(&rule.name) else { continue };
            // One table that cannot be read does not keep the others from being kept.
            match list_table(&mut exporter, (settings, zone), table, &tables).await {
                Ok(listed) => {
                    listing.add_table(table, &listed, (zone, file_time(basis.now)));
                    read.push((table.name.clone(), listed.reading.columns()));
                }
                Err(error) if error.is_of_connection() => return Err(error),
                Err(error) => {
                    let path = folder_of(&table.name).into_bytes();
                    listing.refusals.push(Refusal { path, reason: error.to_string() });
                    rollback_to_begin(&mut exporter).await?;
                }
            }
        }
        let mut database = Self {
            settings: settings.clone(),
            snapshot,
            files: listing.files,
            contents: listing.contents,
            refusals: listing.refusals,
            handle: Handle::current(),
            idle: Arc::default(),
            spill: basis.spill.to_owned(),
            exporter,
        };
        database.add_schema(basis, &read).await?;
        Ok(database)
    }

    /// Adds the texts that make the database anew around its rows.
    async fn add_schema(
        &mut self,
        basis: &Basis<'_>,
        tables: &[(TableName, String)],
    ) -> Result<(), DatabaseError> {
        let zone = basis.plan.zone();
        let day = zone.day_of(basis.now);
        // The same for all runs of a day, so that what did not change between them is not stored again.
        let begun = file_time(zone.start_of(day));
        let texts = schema::texts(&self.settings, &self.snapshot, &mut self.exporter, tables).await?;
        for (name, text) in texts {
            let path = format!("schema/{day}/{name}").into_bytes();
            match text {
                Ok(text) => {
                    self.files.push(stream::file_of_bytes(path.clone(), begun, &text));
                    self.contents.insert(path, FileContent::Text(text));
                }
                Err(reason) => self.refusals.push(Refusal { path, reason }),
            }
        }
        Ok(())
    }
}

/// A statement that fails ends a transaction, and with it the snapshot: what may fail does so behind a savepoint.
const SAVEPOINT: &str = "SAVEPOINT kura";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT kura";

async fn rollback_to_begin(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    connection.execute(ROLLBACK).await?;
    Ok(())
}

/// What makes a backup of the database wrong as a whole.
async fn refuse_as_a_whole(
    connection: &mut PgConnection,
    settings: &Postgresql,
    tables: &BTreeMap<TableName, Table>,
) -> Result<(), DatabaseError> {
    let is_named = |name: &TableName| settings.rule(name).is_some();
    let unnamed: Vec<TableName> = tables.keys().filter(|name| !is_named(name)).cloned().collect();
    if !unnamed.is_empty() {
        return Err(DatabaseError::Unnamed(unnamed));
    }
    let absent = settings.tables.iter().map(|rule| &rule.name).filter(|name| !tables.contains_key(*name));
    let absent: Vec<TableName> = absent.cloned().collect();
    if !absent.is_empty() {
        return Err(DatabaseError::Absent(absent));
    }
    let secured = tables.values().filter(|table| table.is_secured).map(|table| table.name.clone());
    let secured: Vec<TableName> = secured.collect();
    if !secured.is_empty() {
        return Err(DatabaseError::Secured(secured));
    }
    match tables::large_objects(connection).await? {
        0 => Ok(()),
        count => Err(DatabaseError::LargeObjects(count)),
    }
}

/// A table that was looked at.
struct Listed {
    reading: Reading,
    /// The days it has.
    days: Vec<DayCount>,
    /// What the text of its rows depends on.
    shape: String,
    /// Whether an index leads to the rows of a day.
    is_found: bool,
}

/// How a table is read, and the days it has.
async fn list_table(
    connection: &mut PgConnection,
    (settings, zone): (&Postgresql, &Zone),
    table: &Table,
    tables: &BTreeMap<TableName, Table>,
) -> Result<Listed, DatabaseError> {
    connection.execute(SAVEPOINT).await?;
    let (reading, way) = reading_of(connection, (settings, zone), table, tables).await?;
    let days = rows::count(connection, &reading).await?;
    let shape = tables::shape(connection, table).await?;
    let is_found = missing_indexes(connection, &way).await?.is_empty();
    Ok(Listed { reading, days, shape, is_found })
}

/// The tables and columns on the way to a day that no index begins with.
async fn missing_indexes(
    connection: &mut PgConnection,
    way: &[(&Table, String)],
) -> Result<Vec<(TableName, String)>, DatabaseError> {
    let mut missing = Vec::new();
    for (table, column) in way {
        if !tables::has_index(connection, table, column).await? {
            missing.push((table.name.clone(), column.clone()));
        }
    }
    Ok(missing)
}

/// How a table is read, and the way to its day: the column of each table on it. A table without days has none.
async fn reading_of<'a>(
    connection: &mut PgConnection,
    (settings, zone): (&Postgresql, &Zone),
    table: &'a Table,
    tables: &'a BTreeMap<TableName, Table>,
) -> Result<(Reading, Vec<(&'a Table, String)>), DatabaseError> {
    if !table.is_readable {
        return Err(DatabaseError::NotReadable { table: table.name.clone(), user: settings.user.clone() });
    }
    let columns = tables::columns(connection, table).await?;
    let key = tables::primary_key(connection, table).await?;
    // A plan's tables were checked when it was made.
    let chain = settings.day_table(&table.name).unwrap_or_default();
    let (mut steps, mut way): (Vec<Step<'_>>, Vec<(&Table, String)>) = (Vec::new(), Vec::new());
    let mut at = table;
    for parent in chain.iter().skip(1) {
        let Some(parent) = tables.get(*parent) else { continue };
        if !parent.is_readable {
            let table = parent.name.clone();
            return Err(DatabaseError::NotReadable { table, user: settings.user.clone() });
        }
        let key = tables::foreign_key(connection, at, parent).await?;
        way.extend(key.first().map(|(own, _)| (at, own.clone())));
        steps.push(Step { parent, key });
        at = parent;
    }
    let clock = chain.last().and_then(|name| settings.rule(name)).map(|rule| &rule.clock);
    let Some(TableClock::SentAt(sent_at)) = clock else {
        return Ok((Reading::new(table, &columns, &key, &steps, None), Vec::new()));
    };
    let found = if steps.is_empty() { columns.clone() } else { tables::columns(connection, at).await? };
    let wrong = |found: Option<String>| DatabaseError::NoDayColumn {
        table: at.name.clone(),
        column: sent_at.clone(),
        found,
    };
    let column = found.iter().find(|column| column.name == *sent_at).ok_or_else(|| wrong(None))?;
    let kind = DayType::of(&column.type_name).ok_or_else(|| wrong(Some(column.type_name.clone())))?;
    way.push((at, sent_at.clone()));
    Ok((Reading::new(table, &columns, &key, &steps, Some((sent_at, kind, zone))), way))
}

/// What is listed so far.
#[derive(Default)]
struct Listing {
    /// What the text of all tables' rows depends on.
    types: String,
    files: Vec<StreamFile>,
    contents: BTreeMap<Vec<u8>, FileContent>,
    refusals: Vec<Refusal>,
}

impl Listing {
    fn add_table(&mut self, table: &Table, listed: &Listed, (zone, now): (&Zone, FileTime)) {
        let reading = &listed.reading;
        let sorted = if listed.is_found { None } else { reading.sorted_statement() };
        let sorted = sorted.map(|statement| Arc::new(Sorted::new(statement)));
        for day in &listed.days {
            let statement = reading.copy_statement(day.day);
            let (name, mtime) = match day.day {
                Some(number) => {
                    let day = Day::from_number(number);
                    (day.to_string(), file_time(zone.start_of(day)))
                }
                None if reading.has_days() => ("undated".to_owned(), NEVER),
                None => ("all".to_owned(), now),
            };
            let path = format!("{}/{name}.copy", folder_of(&table.name)).into_bytes();
            self.files.push(StreamFile {
                path: path.clone(),
                // A table of system data is filed by the run; the time of an unchanged one must not move.
                mtime: if reading.has_days() { mtime } else { NEVER },
                size_bytes: u64::try_from(day.rows).unwrap_or(0).saturating_mul(ROW_BYTES),
                print: Some(print_of(day, &[&statement, &listed.shape, &self.types])),
            });
            let of = sorted.clone().map(|table| DayOf { table, day: day.day });
            self.contents.insert(path, FileContent::Rows { statement, rows: day.rows, of });
        }
    }
}

/// A guess at the length of a row, bytes: it must not move while the rows do not.
const ROW_BYTES: u64 = 100;

/// The same versions of rows, read the same way into the same text, give the same print.
fn print_of(day: &DayCount, how: &[&str]) -> StreamPrint {
    let mut hasher = blake3::Hasher::new();
    let counted = format!("{} {}", day.rows, day.sum);
    for part in std::iter::once(counted.as_str()).chain(how.iter().copied()) {
        hasher.update(&part.len().to_le_bytes()).update(part.as_bytes());
    }
    let mut print = StreamPrint::default();
    print.copy_from_slice(&hasher.finalize().as_bytes()[..12]);
    print
}

/// The folder of a table's rows. Only letters, digits, `_`, `-` and what is not ASCII stand as they are.
fn folder_of(name: &TableName) -> String {
    format!("rows/{}/{}", in_path(&name.schema), in_path(&name.table))
}

fn in_path(name: &str) -> String {
    let mut path = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') || (!c.is_ascii() && !c.is_control()) {
            path.push(c);
        } else {
            let mut buffer = [0_u8; 4];
            c.encode_utf8(&mut buffer).bytes().for_each(|byte| path.push_str(&format!("%{byte:02X}")));
        }
    }
    path
}

impl Database {
    /// Begins a COPY that must give so many rows, if that is known.
    fn copying(&self, statement: &str, rows: Option<i64>) -> copying::Copied {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let copying = copying::Copying {
            settings: self.settings.clone(),
            snapshot: self.snapshot.clone(),
            statement: statement.to_owned(),
            rows,
            idle: self.idle.clone(),
        };
        copying.begin(&self.handle, idle)
    }
}

impl Streams for Database {
    fn files(&self) -> &[StreamFile] {
        &self.files
    }

    fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    fn open(&self, below: &[u8]) -> Result<Box<dyn Read + Send>, String> {
        match self.contents.get(below) {
            Some(FileContent::Text(text)) => Ok(stream::of_bytes(text.clone())),
            Some(FileContent::Rows { rows, of: Some(DayOf { table, day }), .. }) if table.is_wanted() => {
                table.day((*day, *rows), &self.spill, |statement| self.copying(statement, None))
            }
            Some(FileContent::Rows { statement, rows, .. }) => {
                Ok(Box::new(self.copying(statement, Some(*rows))))
            }
            None => Err("is not in the listing".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_table_needs_no_quotes_in_a_shell() {
        let folder = |name: &str| folder_of(&name.parse().unwrap());
        assert_eq!(folder("emr.受診記録"), "rows/emr/受診記録");
        assert_eq!(folder("a.b.c"), "rows/a/b%2Ec");
        assert_eq!(folder("a.x; rm -rf $HOME/%"), "rows/a/x%3B%20rm%20-rf%20%24HOME%2F%25");
    }
}
