//! Loading a restored backup into an empty database, with `psql` and the scripts that stand in the backup.
//!
//! Nothing is done here that an administrator with `psql` could not do: the order is that of `load.sql`, but that tables
//! are filled several at a time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::programs::Program;

use super::schema::Programs;

/// Loading may take as long as it takes.
const TIMEOUT: Duration = Duration::from_hours(7 * 24);
/// Whether anything was made in the database.
const COUNT: &str = "SELECT count(*) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'";
/// Tables that are filled at the same time, at most.
const SESSIONS_MAX: usize = 4;
/// Marks what the scripts say to the administrator.
const MARK: &str = "kura: ";

/// What is asked for.
pub struct Load {
    /// Which database, as a URL without a password.
    pub url: String,
    /// The restored folder with schema and rows.
    pub folder: PathBuf,
    /// Further restored folders whose rows belong to it, such as those of the plan of system data.
    pub rows_from: Vec<PathBuf>,
}

/// Why nothing, or not everything, was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address.
    #[error(
        "this is not the address of a database without a password: write postgres://USER@HOST:PORT/DATABASE; the \
         password comes from PGPASSFILE"
    )]
    Address(String),
    /// No backup there.
    #[error("{} holds no backup of one PostgreSQL database: there is no folder schema/DAY in it", .0.display())]
    NoSchema(PathBuf),
    /// The database is in use.
    #[error(
        "the database has {0} tables, sequences or indexes already; make an empty one and load into that"
    )]
    NotEmpty(String),
    /// A step failed.
    #[error("{step}: {reason}; what was loaded so far stays in the database: drop it and begin again")]
    Step {
        /// Which script.
        step: String,
        /// What `psql` said.
        reason: String,
    },
}

/// Loads; gives what there is to say about foreign keys.
///
/// # Errors
/// The first script that fails ends it.
pub fn load(load: &Load) -> Result<Vec<String>, LoadError> {
    check_address(&load.url)?;
    let main = Backup::find(&load.folder)?;
    let others: Vec<Backup> = load.rows_from.iter().map(|at| Backup::find(at)).collect::<Result<_, _>>()?;
    let psql = Psql { url: &load.url };
    let count = psql.run(&main, "is the database empty", &["-A", "-t", "-c", COUNT])?.0;
    if count.trim() != "0" {
        return Err(LoadError::NotEmpty(count.trim().to_owned()));
    }
    psql.script(&main, "pre-data.sql")?;
    let backups: Vec<&Backup> = others.iter().chain([&main]).collect();
    psql.rows(&backups)?;
    psql.script(&main, "sequences.sql")?;
    psql.script(&main, "post-data.sql")?;
    let said = psql.script(&main, "foreign-keys.sql")?;
    Ok(said.split(MARK).skip(1).map(|part| part.trim().to_owned()).collect())
}

/// Whether it is the URL of a database, without a secret in it.
///
/// # Errors
/// It is not.
pub fn check_address(text: &str) -> Result<(), LoadError> {
    let address = || LoadError::Address(text.to_owned());
    let url = url::Url::parse(text).map_err(|_| address())?;
    let has_secret = url.password().is_some() || url.query().is_some_and(|query| query.contains("password"));
    if !matches!(url.scheme(), "postgres" | "postgresql") || has_secret { Err(address()) } else { Ok(()) }
}

/// A restored source of a database.
struct Backup {
    root: PathBuf,
    schema: PathBuf,
}

impl Backup {
    /// Finds it in a folder that `kura restore` made: there, or in the folder of one of several sources.
    fn find(folder: &Path) -> Result<Self, LoadError> {
        let none = || LoadError::NoSchema(folder.to_owned());
        let root = std::fs::canonicalize(folder).map_err(|_| none())?;
        let below = |at: &Path| -> Vec<PathBuf> {
            let listed = std::fs::read_dir(at).into_iter().flatten().flatten();
            listed.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
        };
        let mut found = Vec::new();
        for root in std::iter::once(root.clone()).chain(below(&root)) {
            for schema in below(&root.join("schema")) {
                if schema.join("load.sql").is_file() {
                    found.push(Self { root: root.clone(), schema });
                }
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(none()),
        }
    }
}

/// A table to be filled.
struct Table {
    /// The command of `psql` that does it.
    copy: String,
    /// About how much there is, bytes.
    bytes: u64,
}

impl Backup {
    /// The lines of `rows.sql`: one for each table, `\copy … from program '… FOLDER/*.copy …'`.
    fn tables(&self) -> Result<Vec<Table>, LoadError> {
        let failed = |error: std::io::Error| LoadError::Step {
            step: "rows.sql".to_owned(),
            reason: error.to_string(),
        };
        let script = std::fs::read_to_string(self.schema.join("rows.sql")).map_err(failed)?;
        let table = |line: &str| {
            let folder = line.rsplit_once("for f in ").and_then(|(_, rest)| rest.split_once("/*.copy"));
            let bytes = folder.map_or(0, |(folder, _)| bytes_in(&self.root.join(folder)));
            Table { copy: line.to_owned(), bytes }
        };
        Ok(script.lines().filter(|line| line.starts_with("\\copy ")).map(table).collect())
    }
}

/// What the files of a folder hold, bytes.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

struct Psql<'a> {
    url: &'a str,
}

impl Psql<'_> {
    fn script(&self, backup: &Backup, name: &str) -> Result<String, LoadError> {
        let file = backup.schema.join(name).display().to_string();
        Ok(self.run(backup, name, &["-q", "-f", &file])?.1)
    }

    /// Fills the tables: one session for each, the largest first, a few at a time.
    fn rows(&self, backups: &[&Backup]) -> Result<(), LoadError> {
        let mut tables = Vec::new();
        for backup in backups {
            tables.extend(backup.tables()?.into_iter().map(|table| (table, *backup)));
        }
        tables.sort_by_key(|(table, _)| std::cmp::Reverse(table.bytes));
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), LoadError> {
            while let Some((table, backup)) = tables.get(next.fetch_add(1, Ordering::SeqCst)) {
                let filled = self.run(backup, "rows.sql", &["-q", "-c", &table.copy]);
                if filled.is_err() {
                    // Nobody begins another table.
                    next.store(tables.len(), Ordering::SeqCst);
                }
                filled?;
            }
            Ok(())
        };
        let sessions = std::thread::available_parallelism().map_or(1, usize::from).min(SESSIONS_MAX);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..sessions).map(|_| scope.spawn(work)).collect();
            let ended = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ended.collect()
        })
    }

    /// Gives what it answered, and what it said beside.
    fn run(&self, backup: &Backup, step: &str, more: &[&str]) -> Result<(String, String), LoadError> {
        let failed = |reason| LoadError::Step { step: step.to_owned(), reason };
        let mut command = vec![Programs::newest("psql").map_err(failed)?.display().to_string()];
        let arguments = ["-X", "--no-password", "-v", "ON_ERROR_STOP=1", "-d", self.url];
        command.extend(arguments.iter().chain(more).map(|&word| word.to_owned()));
        let environment = environment();
        let program =
            Program { command: &command, environment: &environment, folder: &backup.root, timeout: TIMEOUT };
        let (answer, said) = program.answer(1 << 20).map_err(failed)?;
        Ok((String::from_utf8_lossy(&answer).into_owned(), said))
    }
}

/// libpq's own settings of whoever restores: they say where the password is, and whom to trust.
fn environment() -> Vec<(OsString, OsString)> {
    let is_needed = |key: &OsString| {
        key.to_str().is_some_and(|key| key.starts_with("PG") || matches!(key, "HOME" | "KRB5CCNAME"))
    };
    let mut environment: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(key, _)| is_needed(key)).collect();
    environment.push(("PGOPTIONS".into(), "-c client_min_messages=warning".into()));
    // Rows are text in it, whatever the locale.
    environment.push(("PGCLIENTENCODING".into(), "UTF8".into()));
    environment
}
