//! Sources that are no folders: the output of a program, a SQLite database, a PostgreSQL database.
//!
//! Each names its files and gives the content of each as a stream (`archive::stream`); what becomes of them is the
//! engine's. A source only reads: nothing here changes what it protects.

use std::path::Path;

use crate::archive::entry::FileTime;
use crate::archive::stream::Streams;
use crate::domain::plan::{Plan, Source, SourceKind};
use crate::domain::time::Instant;

/// A program's standard output as one file.
mod command;

/// A SQLite database as one file.
mod sqlite;

/// A PostgreSQL database: a stream for each table and sent day.
pub mod postgresql;

/// What a source is opened with.
pub struct Basis<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// When the run began.
    pub now: Instant,
    /// A folder of the home for temporary files; nobody else may enter it.
    pub spill: &'a Path,
}

/// Why a source cannot be read as a whole. What only concerns a part of it is a refusal in its listing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is a folder.
    #[error("it is a folder")]
    Folder,
    /// A file on the way.
    #[error("{what}: {source}")]
    File {
        /// What was needed.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Postgresql(#[from] postgresql::DatabaseError),
}

/// Opens a source; what it lists stands for the whole run.
pub async fn open(basis: &Basis<'_>, source: &Source) -> Result<Box<dyn Streams>, SourceError> {
    match source.kind() {
        SourceKind::Directory => Err(SourceError::Folder),
        SourceKind::Command(output) => Ok(Box::new(command::Output::new(output, file_time(basis.now)))),
        SourceKind::Sqlite => Ok(Box::new(sqlite::Database::open(basis, source.path())?)),
        SourceKind::Postgresql(database) => Ok(Box::new(postgresql::Database::open(basis, database).await?)),
    }
}

/// What a source of this machine lacks, in words; for folders nothing is looked at.
pub async fn check(basis: &Basis<'_>, source: &Source) -> Vec<String> {
    match source.kind() {
        SourceKind::Directory => Vec::new(),
        SourceKind::Command(output) => command::missing(output).into_iter().collect(),
        SourceKind::Sqlite if source.path().is_file() => Vec::new(),
        SourceKind::Sqlite => vec![format!("{} is no file on this machine", source.path().display())],
        SourceKind::Postgresql(database) => postgresql::check(basis, database).await,
    }
}

/// An instant as a file's time.
fn file_time(at: Instant) -> FileTime {
    let micros = at.as_micros();
    let nanos = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0) * 1000;
    FileTime { seconds: micros.div_euclid(1_000_000), nanos }
}
