//! What a source is: a folder, or something that gives streams (the output of a program, a database).
//!
//! Values here are right by themselves; what a plan's class allows is checked in `plan`. How a database is read lives
//! in `sources`.
//!
//! Public here: `SourceKind`, `CommandOutput`, `Postgresql`, `Tls`, `TableName`, `TableRule`, `TableClock`.

use std::fmt;
use std::path::PathBuf;

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A folder, walked from its path down.
    Directory,
    /// What a program writes to its standard output, as one file.
    Command(CommandOutput),
    /// A SQLite database, copied as it stands at one moment. Its path is the database's file.
    Sqlite,
    /// A PostgreSQL database, read in one snapshot.
    Postgresql(Box<Postgresql>),
}

impl SourceKind {
    /// The word used in plan files.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Command(_) => "command",
            Self::Sqlite => "sqlite",
            Self::Postgresql(_) => "postgresql",
        }
    }
}

/// A program whose output is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// The program, by its absolute path, and its arguments; no shell.
    pub command: Vec<String>,
    /// The name of the file that its output becomes.
    pub file: String,
    /// So long it may run, minutes.
    pub timeout_minutes: u32,
}

impl CommandOutput {
    /// The file's name if a plan gives none.
    pub const FILE_DEFAULT: &'static str = "output";
    /// The time a program has if a plan gives none, minutes.
    pub const TIMEOUT_MINUTES_DEFAULT: u32 = 60;
    /// The longest a program may run, minutes.
    pub const TIMEOUT_MINUTES_MAX: u32 = 24 * 60;
}

/// How a connection is protected, in libpq's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: a socket of this machine.
    Disable,
    /// Encrypted; whose the server is does not matter.
    Require,
    /// Encrypted, and an authority that is trusted vouches for the server.
    VerifyCa,
    /// The same, and for the host name that was asked for.
    VerifyFull,
}

impl Tls {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Disable, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// The word used in plan files and by libpq.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A PostgreSQL database as a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgresql {
    /// A host name, an address, or the folder of a socket (begins with `/`).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role; it should be able to read and nothing else.
    pub user: String,
    /// A file in the form of `.pgpass`; `None`: `PGPASSFILE`, `~/.pgpass`, or no password.
    pub password_file: Option<PathBuf>,
    /// How the connection is protected.
    pub tls: Tls,
    /// The authority's certificate, if it is not one that browsers trust.
    pub tls_root: Option<PathBuf>,
    /// Every table of the database, named.
    pub tables: Vec<TableRule>,
}

impl Postgresql {
    /// The port if a plan gives none.
    pub const PORT_DEFAULT: u16 = 5432;

    /// Whether the host is the folder of a socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// What was said of a table.
    pub fn rule(&self, name: &TableName) -> Option<&TableRule> {
        self.tables.iter().find(|rule| rule.name == *name)
    }

    /// What is wrong with the tables among themselves: the number of the rule, and what.
    pub fn table_problems(&self) -> Vec<(usize, String)> {
        let mut problems = Vec::new();
        for (index, rule) in self.tables.iter().enumerate() {
            if self.tables.iter().take(index).any(|earlier| earlier.name == rule.name) {
                problems.push((index, format!("table {} is named twice", rule.name)));
            }
            if let Err(message) = self.day_table(&rule.name) {
                problems.push((index, message));
            }
        }
        problems
    }

    /// The tables from `name` up to the one whose own column tells its day; empty for a table without a day.
    ///
    /// # Errors
    /// A table above it is not named, has no day, or leads back to itself.
    pub fn day_table(&self, name: &TableName) -> Result<Vec<&TableName>, String> {
        let mut chain: Vec<&TableName> = Vec::new();
        let mut at = self.rule(name);
        while let Some(rule) = at {
            if chain.contains(&&rule.name) {
                return Err(format!("the parents of table {name} lead back to {}", rule.name));
            }
            chain.push(&rule.name);
            match &rule.clock {
                TableClock::SentAt(_) => return Ok(chain),
                TableClock::Parent(parent) => {
                    at = self.rule(parent);
                    if at.is_none() {
                        return Err(format!(
                            "table {} counts from its parent {parent}, which is not named",
                            rule.name
                        ));
                    }
                }
                TableClock::System if chain.len() == 1 => return Ok(Vec::new()),
                TableClock::System => {
                    return Err(format!(
                        "table {name} counts from {}, which has no sent day: it is system data",
                        rule.name
                    ));
                }
            }
        }
        Ok(Vec::new())
    }
}

/// A table by schema and name, exactly as the database has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
}

impl std::str::FromStr for TableName {
    type Err = String;

    /// `schema.table`, or `table` for the schema `public`. The first dot counts.
    fn from_str(text: &str) -> Result<Self, String> {
        let (schema, table) = text.split_once('.').unwrap_or(("public", text));
        // An identifier has at most 63 bytes in PostgreSQL as it is built by everybody.
        let is_name = |name: &str| (1..=63).contains(&name.len()) && !name.contains(['\0', '"']);
        if is_name(schema) && is_name(table) {
            Ok(Self { schema: schema.to_owned(), table: table.to_owned() })
        } else {
            Err(format!(
                "{text:?} is not the name of a table; write \"schema.table\" without quotation marks"
            ))
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// What a plan says of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRule {
    /// The table.
    pub name: TableName,
    /// From when its rows count.
    pub clock: TableClock,
}

/// From when the rows of a table count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableClock {
    /// From the day in one of its columns.
    SentAt(String),
    /// From the day of the row of another table that a foreign key points to.
    Parent(TableName),
    /// Not at all: it holds no records of users and is filed by generation.
    System,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TableName {
        text.parse().unwrap()
    }

    fn database(tables: &[(&str, TableClock)]) -> Postgresql {
        let rule =
            |(table, clock): &(&str, TableClock)| TableRule { name: name(table), clock: clock.clone() };
        Postgresql {
            host: "/run/postgresql".to_owned(),
            port: 5432,
            database: "emr".to_owned(),
            user: "kura".to_owned(),
            password_file: None,
            tls: Tls::Disable,
            tls_root: None,
            tables: tables.iter().map(rule).collect(),
        }
    }

    #[test]
    fn a_table_is_named_by_schema_and_name() {
        assert_eq!(name("受診").to_string(), "public.受診");
        assert_eq!(name("emr.a.b"), TableName { schema: "emr".to_owned(), table: "a.b".to_owned() });
        for bad in ["", ".", "a.", ".a", "a.\"b\"", &"x".repeat(64)] {
            assert!(bad.parse::<TableName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_table_counts_from_the_day_of_its_parent() {
        let sent = TableClock::SentAt("sent_at".to_owned());
        let found = database(&[
            ("visit", sent),
            ("note", TableClock::Parent(name("visit"))),
            ("image", TableClock::Parent(name("note"))),
            ("code", TableClock::System),
        ]);
        let chain = |table| found.day_table(&name(table)).map(|chain| chain.len());
        assert_eq!((chain("visit"), chain("note"), chain("image")), (Ok(1), Ok(2), Ok(3)));
        assert_eq!(chain("code"), Ok(0));
        assert!(found.table_problems().is_empty());
    }

    #[test]
    fn parents_that_are_missing_timeless_or_their_own_are_named() {
        let parent = |table| TableClock::Parent(name(table));
        let found = database(&[
            ("a", parent("b")),
            ("b", parent("a")),
            ("c", parent("d")),
            ("e", parent("f")),
            ("f", TableClock::System),
            ("f", TableClock::System),
        ]);
        let problems = found.table_problems();
        let said: Vec<_> = problems.iter().map(|(index, message)| format!("{index} {message}")).collect();
        assert_eq!(
            said,
            [
                "0 the parents of table public.a lead back to public.a",
                "1 the parents of table public.b lead back to public.b",
                "2 table public.c counts from its parent public.d, which is not named",
                "3 table public.e counts from public.f, which has no sent day: it is system data",
                "5 table public.f is named twice",
            ]
        );
    }
}
