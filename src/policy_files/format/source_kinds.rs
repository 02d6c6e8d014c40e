//! The keys of sources that are not folders: programs and databases.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Given, Keys, kind_of};
use crate::domain::plan::SourceKind;
use crate::domain::source_kind::{CommandOutput, Postgresql, TableClock, TableName, TableRule, Tls};

/// The keys of a PostgreSQL source.
pub(super) const POSTGRESQL_KEYS: [&str; 10] =
    ["kind", "name", "host", "port", "database", "user", "password_file", "tls", "tls_root", "table"];

/// The keys of one of its tables.
const TABLE_KEYS: [&str; 4] = ["name", "sent_at", "parent", "system"];

/// What stands for a value that was not given or cannot be read; what is wrong has been said.
const STAND_IN: &str = "unnamed";

impl Keys<'_, '_, '_> {
    /// Reads what belongs to a kind of source, and where its tables stand.
    pub(super) fn source_kind(
        &mut self,
        kind: &str,
        span: &Range<usize>,
    ) -> (Given<SourceKind>, Vec<Range<usize>>) {
        let mut tables = Vec::new();
        let kind = match kind {
            "sqlite" => SourceKind::Sqlite,
            "command" => SourceKind::Command(self.command_output(span)),
            "postgresql" => {
                let database = self.postgresql(span, &mut tables);
                SourceKind::Postgresql(Box::new(database))
            }
            _ => SourceKind::Directory,
        };
        (Given::Value(kind, span.clone()), tables)
    }

    fn command_output(&mut self, span: &Range<usize>) -> CommandOutput {
        const WANTED: &str = "command = [\"/usr/sbin/slapcat\", \"-n\", \"1\"]";
        let given = self.texts("command");
        let at = given.span().unwrap_or_else(|| span.clone());
        let is_said = given.is_broken();
        let command: Vec<String> =
            given.value().unwrap_or_default().into_iter().map(|(word, _)| word).collect();
        match command.first() {
            None if is_said => {}
            None => self.diagnosis.say(&at, format!("command is missing; write {WANTED}")),
            Some(program) if !Path::new(program).is_absolute() => {
                let message =
                    format!("command begins with {program:?}; begin it with the program's whole path");
                self.diagnosis.say(&at, message);
            }
            Some(_) if command.iter().any(|word| word.contains('\0')) => {
                self.diagnosis.say(&at, "command contains a NUL; an argument cannot".to_owned());
            }
            Some(_) => {}
        }
        let file = self.text("file", |name| {
            let is_name = (1..=255).contains(&name.len()) && !matches!(name, "." | "..");
            if is_name && !name.contains('/') && !name.chars().any(char::is_control) {
                Ok(name.to_owned())
            } else {
                Err(format!("file is {name:?}; write one file name without \"/\""))
            }
        });
        CommandOutput {
            command,
            file: file.value().unwrap_or_else(|| CommandOutput::FILE_DEFAULT.to_owned()),
            timeout_minutes: self
                .whole_number("timeout_minutes", (1, CommandOutput::TIMEOUT_MINUTES_MAX))
                .unwrap_or(CommandOutput::TIMEOUT_MINUTES_DEFAULT),
        }
    }

    fn whole_number(&mut self, key: &str, (least, most): (u32, u32)) -> Option<u32> {
        let given = self.value(key, "a whole number", |value| {
            let number = value.as_integer()?;
            let read = u32::from_str_radix(number.as_str(), number.radix()).ok();
            let read = read.filter(|n| (least..=most).contains(n));
            Some(read.ok_or_else(|| format!("{key} is {number}; allowed: {least} to {most}")))
        });
        given.value()
    }

    fn postgresql(&mut self, span: &Range<usize>, tables: &mut Vec<Range<usize>>) -> Postgresql {
        let plain = |key: &'static str| {
            move |text: &str| {
                if text.is_empty() || text.contains('\0') || text.contains("://") || text.contains('=') {
                    Err(format!("{key} is {text:?}; write a plain name, no URL and no password"))
                } else {
                    Ok(text.to_owned())
                }
            }
        };
        let host = self.needed("host", span, plain("host"));
        let database = self.needed("database", span, plain("database"));
        let user = self.needed("user", span, plain("user"));
        let port = self.whole_number("port", (1, u32::from(u16::MAX)));
        let tls = self.word("tls", &Tls::ALL, Tls::word);
        let is_socket = host.starts_with('/');
        Postgresql {
            port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(Postgresql::PORT_DEFAULT),
            password_file: self.file("password_file"),
            // A socket does not leave the machine; everything else does, unless somebody says otherwise.
            tls: tls.value().unwrap_or(if is_socket { Tls::Disable } else { Tls::VerifyFull }),
            tls_root: self.file("tls_root"),
            tables: self.tables(span, tables),
            host,
            database,
            user,
        }
    }

    fn needed(
        &mut self,
        key: &str,
        span: &Range<usize>,
        read: impl FnOnce(&str) -> Result<String, String>,
    ) -> String {
        match self.text(key, read) {
            Given::Value(text, _) => text,
            Given::Broken(_) => STAND_IN.to_owned(),
            Given::Absent => {
                self.diagnosis
                    .say(span, format!("{key} is missing; a source of kind \"postgresql\" needs it"));
                STAND_IN.to_owned()
            }
        }
    }

    fn file(&mut self, key: &str) -> Option<PathBuf> {
        let given = self.text(key, |path| {
            if Path::new(path).is_absolute() && !path.contains('\0') {
                Ok(PathBuf::from(path))
            } else {
                Err(format!("{key} is {path:?}; write the whole path of the file"))
            }
        });
        given.value()
    }

    fn tables(&mut self, span: &Range<usize>, places: &mut Vec<Range<usize>>) -> Vec<TableRule> {
        const WANTED: &str = "[[source.table]]";
        let Some(value) = self.table.get("table") else {
            self.diagnosis.say(span, format!("no table is named; write a {WANTED} for every table"));
            return Vec::new();
        };
        let DeValue::Array(entries) = value.get_ref() else {
            self.diagnosis
                .say(&value.span(), format!("table is {}; write {WANTED}", kind_of(value.get_ref())));
            return Vec::new();
        };
        let mut rules = Vec::new();
        for entry in entries {
            let DeValue::Table(table) = entry.get_ref() else {
                let message = format!("a table is {}; write {WANTED}", kind_of(entry.get_ref()));
                self.diagnosis.say(&entry.span(), message);
                continue;
            };
            if let Some(rule) = self.rule(table, entry) {
                rules.push(rule);
                places.push(entry.span());
            }
        }
        rules
    }

    fn rule(&mut self, table: &DeTable<'_>, entry: &Spanned<DeValue<'_>>) -> Option<TableRule> {
        let mut keys = Keys { table, diagnosis: &mut *self.diagnosis };
        keys.refuse_unknown("a table", &TABLE_KEYS);
        let name: Given<TableName> = keys.parsed("name");
        let sent_at = keys.text("sent_at", |column| {
            if (1..=63).contains(&column.len()) && !column.contains(['\0', '"']) {
                Ok(column.to_owned())
            } else {
                Err(format!("sent_at is {column:?}; write the name of a column"))
            }
        });
        let parent: Given<TableName> = keys.parsed("parent");
        let system = keys.value("system", "true", |value| {
            let is_system = value.as_bool()?;
            Some(if is_system { Ok(()) } else { Err("system is false; leave it out".to_owned()) })
        });
        let given = [!sent_at.is_absent(), !parent.is_absent(), !system.is_absent()];
        if given.iter().filter(|given| **given).count() != 1 {
            let message =
                "a table has one of sent_at = \"column\", parent = \"schema.table\" or system = true";
            keys.diagnosis.say(&entry.span(), message.to_owned());
        }
        if name.is_absent() {
            keys.diagnosis
                .say(&entry.span(), "a table has no name; write name = \"schema.table\"".to_owned());
        }
        let clock = match (sent_at.value(), parent.value(), system.value()) {
            (Some(column), None, None) => TableClock::SentAt(column),
            (None, Some(parent), None) => TableClock::Parent(parent),
            (None, None, Some(())) => TableClock::System,
            _ => return None,
        };
        Some(TableRule { name: name.value()?, clock })
    }
}
