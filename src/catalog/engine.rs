//! The database behind the catalog. What SQLite does in its own way stands here and nowhere else.
//!
//! SQLite has one writer: one connection writes. A few others only read, beside it, so that the pages of fifty people do
//! not wait for each other or for a run; they are opened when they are needed first. Writing transactions begin with
//! `BEGIN IMMEDIATE`, because a reader that turns writer fails at once when another writes.

use std::fmt;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Sqlite, SqliteConnection, Transaction};

use super::CatalogError;

/// The migrations, oldest first.
static MIGRATOR: Migrator = sqlx::migrate!("./migrations/sqlite");
/// The number of the newest migration; SQLite keeps it as `user_version`, so that opening need not look further.
const SCHEMA_VERSION: i64 = 24;

const GET_SCHEMA_VERSION: &str = "PRAGMA user_version";
/// Names `SCHEMA_VERSION`: a pragma takes no parameter.
const SET_SCHEMA_VERSION: &str = "PRAGMA user_version = 24";
const GET_JOURNAL: &str = "PRAGMA journal_mode";
const SET_JOURNAL: &str = "PRAGMA journal_mode = WAL";
/// Takes the lock for writing at once. SQLite only; PostgreSQL will say `BEGIN`.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// How long a statement waits while another program writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections only read. Far more than cores: between two statements a connection waits for whoever asks, and
/// while few wait for many, the pages that ask most wait longest. Each costs a thread and up to 2 MiB.
const READERS_MAX: u32 = 16;
/// How often a new file is asked to keep a write-ahead log, while another program opens it too.
const JOURNAL_TRIES_MAX: u32 = 200;
/// The pause between two such tries.
const JOURNAL_PAUSE: Duration = Duration::from_millis(10);

/// What keeps the database from being used. Displayed as what is wrong and what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Another program holds it.
    Locked,
    /// No space is left.
    DiskFull,
    /// The file is not a database, or parts of it are overwritten.
    Damaged,
    /// The file or its folder cannot be opened or written.
    NotOpened,
    /// Its tables were made by a program whose migrations differ from this one's.
    OtherTables,
    /// The file that is open is not the one of this name any more.
    Moved,
    /// Anything else; the source says it.
    Failed,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Locked => "another program is writing to it; try again when that has ended",
            Self::DiskFull => "the disk is full; make room and try again",
            Self::Damaged => {
                "it is damaged or not a catalog; move it away and run `kura catalog rebuild`, which restores it from \
                 the repository (runs, accounts, windows and the audit log are only in copies of this file)"
            }
            Self::NotOpened => "it cannot be opened; check that its folder exists and that you may write there",
            Self::OtherTables => {
                "its tables are not those of this program; move it away and run `kura catalog rebuild`, which \
                 restores it from the repository (runs, accounts, windows and the audit log are only in copies of this file)"
            }
            Self::Moved => {
                "its file was moved away or replaced while this program ran; stop the program, put the file back, start it again"
            }
            Self::Failed => {
                "the database failed; try again, and if it fails again stop Kura, keep a copy of the file and start it again"
            }
        })
    }
}

/// Makes the file for its owner alone if there is none; SQLite fills it, and gives its other files the same rights. What
/// cannot be made here is told when SQLite opens it.
fn make_private(path: &Path) {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    drop(made);
}

/// The open database.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pool: SqlitePool,
    readers: SqlitePool,
    file: String,
    /// Device and inode of the file when it was opened.
    identity: Option<(u64, u64)>,
}

impl Engine {
    /// Opens `path`, making the file if there is none, and applies what migrations are missing.
    pub(super) async fn open(path: &Path) -> Result<Self, CatalogError> {
        make_private(path);
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let readers = common(options.clone()).create_if_missing(false).pragma("query_only", "true");
        let readers = pool(READERS_MAX, readers);
        let engine = Self::with(options, Some(readers), path.display().to_string()).await?;
        Ok(Self { identity: identity(path), ..engine })
    }

    /// An empty database in memory.
    pub(super) async fn in_memory() -> Result<Self, CatalogError> {
        Self::with(SqliteConnectOptions::new().in_memory(true), None, ":memory:".to_owned()).await
    }

    /// Without `readers` the one connection reads too: a database in memory is its connection.
    async fn with(
        options: SqliteConnectOptions,
        readers: Option<SqlitePool>,
        file: String,
    ) -> Result<Self, CatalogError> {
        let pool = if readers.is_some() { writer(common(options)) } else { pool(1, common(options)) };
        let engine = Self { readers: readers.unwrap_or_else(|| pool.clone()), pool, file, identity: None };
        let found = engine.schema_version().await?;
        if found > SCHEMA_VERSION {
            return Err(engine.newer(found));
        }
        if found < SCHEMA_VERSION {
            engine.keep_write_ahead_log().await?;
            engine.migrate().await?;
        }
        Ok(engine)
    }

    /// For reading: sees everything that was committed before it asks, and waits for no writer.
    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// For writing with one statement.
    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction that writes. Dropping it undoes it.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, CatalogError> {
        self.pool.begin_with(BEGIN).await.map_err(|error| self.failed(error))
    }

    /// Proves that what is decided now can be written, and that the next start will find it.
    pub(super) async fn prove_writable(&self) -> Result<(), CatalogError> {
        if self.identity.is_some() && identity(Path::new(&self.file)) != self.identity {
            let source = sqlx::Error::Io(std::io::ErrorKind::NotFound.into());
            return Err(CatalogError::Unavailable {
                file: self.file.clone(),
                trouble: Trouble::Moved,
                source,
            });
        }
        // Writes what is there already: nothing changes, and yet a page has to reach the disk.
        let mut tx = self.begin().await?;
        sqlx::query(SET_SCHEMA_VERSION).execute(&mut *tx).await.map_err(|error| self.failed(error))?;
        self.commit(tx).await
    }

    /// Makes a transaction lasting.
    pub(super) async fn commit(&self, tx: Transaction<'static, Sqlite>) -> Result<(), CatalogError> {
        tx.commit().await.map_err(|error| self.failed(error))
    }

    /// Waits until the file is closed.
    pub(super) async fn close(&self) {
        // The writer last: it takes the write-ahead log away.
        self.readers.close().await;
        self.pool.close().await;
    }

    /// What a failure of the database means to the operator.
    pub(super) fn failed(&self, source: sqlx::Error) -> CatalogError {
        CatalogError::Unavailable { file: self.file.clone(), trouble: trouble(&source), source }
    }

    fn newer(&self, found: i64) -> CatalogError {
        CatalogError::Newer { file: self.file.clone(), found, known: SCHEMA_VERSION }
    }

    async fn schema_version(&self) -> Result<i64, CatalogError> {
        let version = sqlx::query_scalar(GET_SCHEMA_VERSION).fetch_one(&self.pool).await;
        version.map_err(|error| self.failed(error))
    }

    /// Makes the file keep a write-ahead log, which it then does for ever.
    ///
    /// SQLite does not wait for other programs here, whatever its timeout: so this does.
    async fn keep_write_ahead_log(&self) -> Result<(), CatalogError> {
        let mut tries = 1;
        loop {
            let journal = sqlx::query_scalar::<_, String>(GET_JOURNAL).fetch_one(&self.pool).await;
            let journal = journal.map_err(|error| self.failed(error))?;
            if journal == "wal" || journal == "memory" {
                return Ok(());
            }
            match sqlx::query(SET_JOURNAL).execute(&self.pool).await {
                Ok(_) => return Ok(()),
                Err(error) if tries < JOURNAL_TRIES_MAX && trouble(&error) == Trouble::Locked => {}
                Err(error) => return Err(self.failed(error)),
            }
            tries += 1;
            tokio::time::sleep(JOURNAL_PAUSE).await;
        }
    }

    /// Applies what is missing, all or nothing; of several programs one does it and the others wait.
    async fn migrate(&self) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        MIGRATOR.run_direct(None, &mut *tx, false).await.map_err(|error| self.not_migrated(error))?;
        let set = sqlx::query(SET_SCHEMA_VERSION).execute(&mut *tx).await;
        set.map_err(|error| self.failed(error))?;
        self.commit(tx).await
    }

    fn not_migrated(&self, error: MigrateError) -> CatalogError {
        match error {
            MigrateError::VersionMissing(found) => self.newer(found),
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => self.failed(source),
            other => CatalogError::Unavailable {
                file: self.file.clone(),
                trouble: Trouble::OtherTables,
                source: sqlx::Error::Migrate(Box::new(other)),
            },
        }
    }
}

/// What holds for every connection.
fn common(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Device and inode of a file, if it is there.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// The one connection that writes. One whose transaction did not end well is given up for a new one.
fn writer(options: SqliteConnectOptions) -> SqlitePool {
    pool_options(1).before_acquire(|connection, _| Box::pin(is_usable(connection))).connect_lazy_with(options)
}

/// Whether a connection takes another transaction. Where the disk was full SQLite has ended the transaction by itself, and
/// the driver, which does not know, would refuse every other one for ever.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if !connection.is_in_transaction() {
        return Ok(true);
    }
    // One that was dropped a moment ago is still being undone; the answer comes after that.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// A pool that opens its connections when they are needed, and never drops one for its age: a database in memory lives
/// as long as its connection.
fn pool(connections_max: u32, options: SqliteConnectOptions) -> SqlitePool {
    pool_options(connections_max).connect_lazy_with(options)
}

fn pool_options(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Reads SQLite's result codes (sqlite.org/rescode.html): the low byte is the kind, the rest is detail.
fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::PoolTimedOut => Trouble::Locked,
        sqlx::Error::Io(_) => Trouble::NotOpened,
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse::<u32>().ok());
            // Not enough room for the shared-memory file counts as an input/output error there.
            if let Some(4874 | 5386) = code {
                return Trouble::DiskFull;
            }
            match code.map(|code| code & 0xff) {
                Some(5 | 6) => Trouble::Locked,
                Some(13) => Trouble::DiskFull,
                Some(11 | 26) => Trouble::Damaged,
                Some(3 | 8 | 14 | 23) => Trouble::NotOpened,
                _ => Trouble::Failed,
            }
        }
        _ => Trouble::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_version_is_that_of_the_newest_migration() {
        assert_eq!(MIGRATOR.iter().map(|migration| migration.version).max(), Some(SCHEMA_VERSION));
        assert_eq!(SET_SCHEMA_VERSION, format!("PRAGMA user_version = {SCHEMA_VERSION}"));
    }

    /// What a full disk does: the statement fails, SQLite undoes the transaction by itself.
    #[tokio::test]
    async fn a_disk_that_was_full_for_a_moment_stops_nothing_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(&folder.path().join("catalog.sqlite")).await.unwrap();
        // Fewer than there are means as many as there are.
        sqlx::query("PRAGMA max_page_count = 1").execute(&engine.pool).await.unwrap();
        let mut tx = engine.begin().await.unwrap();
        let full = sqlx::query("CREATE TABLE t (x BLOB); INSERT INTO t VALUES (zeroblob(1000000));")
            .execute(&mut *tx)
            .await
            .map_err(|error| engine.failed(error));
        assert!(
            matches!(full, Err(CatalogError::Unavailable { trouble: Trouble::DiskFull, .. })),
            "{full:?}"
        );
        drop(tx);
        engine.prove_writable().await.unwrap();
        engine.prove_writable().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_or_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let engine = Engine::open(&path).await.unwrap();
        engine.prove_writable().await.unwrap();
        std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        let moved = engine.prove_writable().await;
        assert!(matches!(moved, Err(CatalogError::Unavailable { trouble: Trouble::Moved, .. })), "{moved:?}");
        std::fs::rename(folder.path().join("elsewhere"), &path).unwrap();
        engine.prove_writable().await.unwrap();
    }

    #[tokio::test]
    async fn opening_applies_every_migration_and_notes_it() {
        let engine = Engine::in_memory().await.unwrap();
        assert_eq!(engine.schema_version().await.unwrap(), SCHEMA_VERSION);
    }
}
