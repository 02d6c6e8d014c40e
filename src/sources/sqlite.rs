//! A SQLite database as one file: a copy as of one moment, made by SQLite itself, never a torn one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Handle;

use crate::archive::stream::{StreamFile, Streams};
use crate::archive::walk::Refusal;

use super::{Basis, SourceError, file_time};

/// SQLite reads in one transaction and writes a new, whole database.
const COPY: &str = "VACUUM INTO ?";

/// What a catalog of Kura's own knows from the store, and reads again from there: it is left out of its copy, so that
/// nothing of a cohort outlives it there.
const CACHE: [&str; 2] = ["DELETE FROM packs", "DELETE FROM snapshots"];

/// Gives back the room of what was deleted, and overwrites it.
const PACK: &str = "VACUUM";

/// The name of a catalog in its home.
const OWN: &str = "catalog.sqlite";

/// A SQLite database.
pub(super) struct Database {
    path: PathBuf,
    spill: PathBuf,
    /// It is the catalog of the home that the run belongs to.
    is_own: bool,
    prefix: String,
    files: Vec<StreamFile>,
    handle: Handle,
}

impl Database {
    /// Takes it on, and removes copies that a killed run of the plan left.
    pub(super) fn open(basis: &Basis<'_>, path: &Path) -> Result<Self, SourceError> {
        let failed = |source| SourceError::File { what: path.display().to_string(), source };
        let found = fs::metadata(path).map_err(failed)?;
        // A plan's name has no dot, and its lock is held: nobody else uses these folders.
        let prefix = format!("sqlite.{}.", basis.plan.name());
        remove_leftovers(basis.spill, &prefix)
            .map_err(|source| SourceError::File { what: "temporary copies".to_owned(), source })?;
        let name = std::os::unix::ffi::OsStrExt::as_bytes(path.file_name().unwrap_or_default());
        let file = StreamFile {
            path: name.to_vec(),
            mtime: file_time(basis.now),
            size_bytes: found.len(),
            print: None,
        };
        Ok(Self {
            path: path.to_owned(),
            spill: basis.spill.to_owned(),
            is_own: is_own(basis.spill, path),
            prefix,
            files: vec![file],
            handle: Handle::current(),
        })
    }
}

/// Temporary files lie in a folder of the home, and the catalog beside it.
fn is_own(spill: &Path, path: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    spill.parent().is_some_and(|home| real(&home.join(OWN)).is_some_and(|own| real(path) == Some(own)))
}

fn remove_leftovers(spill: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(spill)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl Streams for Database {
    fn files(&self) -> &[StreamFile] {
        &self.files
    }

    fn refusals(&self) -> &[Refusal] {
        &[]
    }

    fn open(&self, _below: &[u8]) -> Result<Box<dyn Read + Send>, String> {
        let temporary = |error: io::Error| format!("cannot make a temporary copy: {error}");
        let folder =
            tempfile::Builder::new().prefix(&self.prefix).tempdir_in(&self.spill).map_err(temporary)?;
        let target = folder.path().join("copy");
        let made = self.handle.block_on(async {
            copy(&self.path, &target).await?;
            if self.is_own { without_cache(&target).await } else { Ok(()) }
        });
        made.map_err(|error: sqlx::Error| error.to_string())?;
        // Gone from the disk as soon as it is open: a run that dies leaves nothing that can be read.
        let file = File::open(&target).map_err(temporary)?;
        folder.close().map_err(temporary)?;
        Ok(Box::new(file))
    }
}

async fn without_cache(copy: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(copy).disable_statement_logging();
    let mut connection = options.connect().await?;
    for statement in CACHE.into_iter().chain([PACK]) {
        if let Err(error) = sqlx::query(statement).execute(&mut connection).await {
            connection.close().await?;
            return Err(error);
        }
    }
    connection.close().await
}

async fn copy(from: &Path, to: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(from).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await?;
    let target =
        to.to_str().ok_or_else(|| sqlx::Error::Protocol("the home's path is not text".to_owned()))?;
    let copied = sqlx::query(COPY).bind(target).execute(&mut connection).await;
    connection.close().await?;
    copied.map(|_| ())
}
