//! What can be wrong with a database, in words for administrators.

use std::path::PathBuf;

use crate::domain::source_kind::TableName;

/// Why a database, or a table of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection.
    #[error("no connection to {place}: {}", words(.source))]
    Connect {
        /// Which database, where.
        place: String,
        /// Why.
        source: sqlx::Error,
    },
    /// A statement.
    #[error("{}", words(.0))]
    Statement(#[from] sqlx::Error),
    /// The file with the password.
    #[error("the password file {} cannot be used: {source}", .path.display())]
    PasswordFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Tables that the plan does not name.
    #[error(
        "the plan does not name {}; name every table with sent_at, parent or system = true, so that no records of \
         users are kept by the wrong clock", list(.0)
    )]
    Unnamed(Vec<TableName>),
    /// Tables that the database does not have.
    #[error("the database has no {}; correct the plan, or restore the table", list(.0))]
    Absent(Vec<TableName>),
    /// Tables with row policies that hide rows.
    #[error(
        "row security hides rows of {} from this role; let the role bypass it (ALTER ROLE … BYPASSRLS)", list(.0)
    )]
    Secured(Vec<TableName>),
    /// Large objects.
    #[error(
        "the database has {0} large objects (pg_largeobject), which have no sent day and are not kept; move them into \
         a column of type bytea, or unlink them"
    )]
    LargeObjects(i64),
    /// No right.
    #[error("the role may not read {table}; GRANT SELECT ON {table} TO {user}, and USAGE on its schema")]
    NotReadable {
        /// The table.
        table: TableName,
        /// The role.
        user: String,
    },
    /// It does not fit into memory.
    #[error(
        "{table} is larger than {bytes_max} bytes, which is the most that is read into memory; make a view of less"
    )]
    TooLarge {
        /// The table.
        table: TableName,
        /// The limit.
        bytes_max: usize,
    },
    /// No way to a parent.
    #[error(
        "{child} has {count} foreign keys to {parent}, and exactly one is needed to find the day of its rows"
    )]
    NoForeignKey {
        /// The table.
        child: TableName,
        /// Its parent.
        parent: TableName,
        /// How many there are.
        count: usize,
    },
    /// The column is not there, or holds no day.
    #[error("{}", no_day(.table, .column, .found.as_deref()))]
    NoDayColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Its type, if it is there.
        found: Option<String>,
    },
}

impl DatabaseError {
    /// What is wrong without the words of the server, which may quote a value of a row: its code alone.
    pub fn bare(&self) -> String {
        let Self::Statement(error) = self else { return self.to_string() };
        match error.as_database_error().and_then(|said| said.code().map(|code| (meaning(&code), code))) {
            Some((meaning, code)) => format!("PostgreSQL refused the statement ({code}){meaning}"),
            None => "the connection was lost, or the answer cannot be read".to_owned(),
        }
    }

    /// Whether the database is gone, not only a part of it.
    pub(super) fn is_of_connection(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Statement(error) => error.as_database_error().is_none_or(|error| {
                // Class 57P: the server shuts down or ended the session; 08: the connection.
                error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
            }),
            _ => false,
        }
    }
}

fn list(names: &[TableName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("table {name}")).collect();
    names.join(", ")
}

fn no_day(table: &TableName, column: &str, found: Option<&str>) -> String {
    match found {
        None => format!("{table} has no column {column:?}, which sent_at names"),
        Some(kind) => {
            format!(
                "column {column:?} of {table} is of type {kind}; sent_at names a timestamptz, timestamp or date"
            )
        }
    }
}

/// What PostgreSQL said, with its code; what is known of a code is said in words.
pub(super) fn words(error: &sqlx::Error) -> String {
    let Some(said) = error.as_database_error() else {
        return match error {
            sqlx::Error::Io(error) => format!("the connection was lost: {error}"),
            other => other.to_string(),
        };
    };
    let code = said.code().unwrap_or_default();
    format!("PostgreSQL said: {} ({code}){}", said.message(), meaning(&code))
}

/// What a code means for administrators, if it is one that they can do something about.
fn meaning(code: &str) -> &'static str {
    match code {
        "28P01" | "28000" => ": the role or its password is not accepted; see password_file and pg_hba.conf",
        "3D000" => ": there is no such database",
        "42P01" => ": the table was dropped meanwhile",
        "42501" => ": a GRANT is missing",
        "40001" | "72000" => {
            ": the server cancelled the snapshot, as a replica does that must catch up; read from the primary"
        }
        "55P03" => ": somebody holds a lock on it, such as a running ALTER TABLE",
        "57014" => ": it took too long",
        "57P01" | "57P02" | "57P03" => ": the server is shutting down or starting up",
        _ => "",
    }
}
