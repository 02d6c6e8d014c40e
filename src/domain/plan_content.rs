//! The canonical text of a plan: what an approval covers, for digests.
//!
//! Two plans have the same text exactly if they mean the same; comments, order of keys and defaults left out or
//! written in the file do not matter. The text is not meant to be read back.

use crate::domain::cohort::Generation;
use crate::domain::drill::EVERY_DEFAULT;
use crate::domain::plan::{Class, LockMode, PastRetention, Plan, Source, SourceKind};
use crate::domain::source_kind::{Postgresql, TableClock};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

impl Class {
    /// The word used in plan files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::System => "system",
        }
    }
}

impl PastRetention {
    /// The word used in plan files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::KeepFromFirstSeen => "keep-from-first-seen",
        }
    }
}

impl LockMode {
    /// The word used in plan files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

impl Generation {
    /// The word used in plan files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }
}

impl Plan {
    /// Everything of the plan that matters, one key a line, in a fixed order and a fixed form (version 1).
    ///
    /// Shape: ASCII; text and paths quoted, bytes outside printable ASCII as `\xNN`. Sources and globs keep the
    /// plan's order. The form never changes for a version: approvals are bound to its digest.
    pub fn content_digest_text(&self) -> String {
        let mut text = String::from("kura plan 1\n");
        let mut line = |key: &str, value: &str| add_line(&mut text, key, value);
        line("name", &quoted(self.name().as_str().as_bytes()));
        line("class", self.class().word());
        line("retention", &self.retention().to_string());
        line("time_zone", &quoted(self.zone().name().as_bytes()));
        line("generation", self.generation().word());
        line("copies", &self.copies().to_string());
        line("past_retention", self.past_retention().word());
        line("lock", self.lock_mode().word());
        // Plans that were approved before there were drills mean the same as ever.
        if self.drill_every() != EVERY_DEFAULT {
            line("drill_every", &self.drill_every().to_string());
        }
        for source in self.sources() {
            add_source(&mut text, source);
        }
        text
    }
}

fn add_source(text: &mut String, source: &Source) {
    add_line(text, "source", &quoted(source.name().as_str().as_bytes()));
    add_kind(text, source);
    if let Some(rule) = source.sent_day() {
        add_line(text, "  sent_day", &quoted(rule.to_string().as_bytes()));
    }
    for glob in source.exclude().globs() {
        add_line(text, "  exclude", &quoted(glob.as_bytes()));
    }
    add_line(text, "  one_file_system", if source.one_file_system() { "true" } else { "false" });
}

/// A folder's lines are as they were before there were other kinds.
fn add_kind(text: &mut String, source: &Source) {
    let path = quoted(source.path().as_os_str().as_bytes());
    match source.kind() {
        SourceKind::Directory => add_line(text, "  path", &path),
        SourceKind::Sqlite => {
            add_line(text, "  kind", "sqlite");
            add_line(text, "  path", &path);
        }
        SourceKind::Command(output) => {
            add_line(text, "  kind", "command");
            for word in &output.command {
                add_line(text, "  word", &quoted(word.as_bytes()));
            }
            add_line(text, "  file", &quoted(output.file.as_bytes()));
            add_line(text, "  timeout_minutes", &output.timeout_minutes.to_string());
        }
        SourceKind::Postgresql(database) => add_database(text, database),
    }
}

fn add_database(text: &mut String, database: &Postgresql) {
    add_line(text, "  kind", "postgresql");
    let values = [("  host", &database.host), ("  database", &database.database), ("  user", &database.user)];
    for (key, value) in values {
        add_line(text, key, &quoted(value.as_bytes()));
    }
    add_line(text, "  port", &database.port.to_string());
    add_line(text, "  tls", database.tls.word());
    let files = [("  password_file", &database.password_file), ("  tls_root", &database.tls_root)];
    for (key, file) in files {
        if let Some(file) = file {
            add_line(text, key, &quoted(file.as_os_str().as_bytes()));
        }
    }
    for rule in &database.tables {
        add_line(text, "  table", &quoted(rule.name.to_string().as_bytes()));
        match &rule.clock {
            TableClock::SentAt(column) => add_line(text, "    sent_at", &quoted(column.as_bytes())),
            TableClock::Parent(parent) => {
                add_line(text, "    parent", &quoted(parent.to_string().as_bytes()));
            }
            TableClock::System => add_line(text, "    system", "true"),
        }
    }
}

fn add_line(text: &mut String, key: &str, value: &str) {
    text.extend([key, " ", value, "\n"]);
}

/// The bytes between quotation marks, with `"`, `\` and all but printable ASCII as `\xNN`.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        if (byte.is_ascii_graphic() || *byte == b' ') && !matches!(byte, b'"' | b'\\') {
            out.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            write!(out, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::{PlanParts, SourceParts};
    use crate::domain::retention::Retention;
    use crate::domain::sent_day::SentDayRule;
    use crate::domain::time::Zone;

    fn parts() -> PlanParts {
        PlanParts {
            name: "records".parse().unwrap(),
            class: Class::Application,
            retention: Retention::Years(1),
            zone: Zone::named("Asia/Tokyo").unwrap(),
            generation: Generation::Month,
            copies: 1,
            past_retention: PastRetention::Report,
            lock_mode: LockMode::Compliance,
            drill_every: EVERY_DEFAULT,
            sources: vec![SourceParts {
                kind: SourceKind::Directory,
                name: None,
                path: "/srv/記 \"x\"".into(),
                sent_day: Some(SentDayRule::Path("%Y/%m/%d".parse().unwrap())),
                exclude: vec!["*.tmp".to_owned()],
                one_file_system: true,
            }],
        }
    }

    #[test]
    fn the_approved_content_has_one_fixed_text() {
        let text = Plan::new(parts()).unwrap().content_digest_text();
        let expected = r#"kura plan 1
name "records"
class application
retention 1 year
time_zone "Asia/Tokyo"
generation month
copies 1
past_retention report
lock compliance
source "\xe8\xa8\x98 \x22x\x22"
  path "/srv/\xe8\xa8\x98 \x22x\x22"
  sent_day "path %Y/%m/%d"
  exclude "*.tmp"
  one_file_system true
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn every_change_that_matters_changes_the_text() {
        let changes: [fn(&mut PlanParts); 9] = [
            |p| p.retention = Retention::Months(12),
            |p| p.zone = Zone::named("UTC").unwrap(),
            |p| p.generation = Generation::Quarter,
            |p| p.copies = 2,
            |p| p.past_retention = PastRetention::KeepFromFirstSeen,
            |p| p.lock_mode = LockMode::Governance,
            |p| p.sources[0].exclude.push("b".to_owned()),
            |p| p.sources[0].sent_day = Some(SentDayRule::Mtime),
            |p| p.sources[0].one_file_system = false,
        ];
        let mut texts = std::collections::BTreeSet::new();
        texts.insert(Plan::new(parts()).unwrap().content_digest_text());
        for change in changes {
            let mut other = parts();
            change(&mut other);
            assert!(texts.insert(Plan::new(other).unwrap().content_digest_text()));
        }
    }
}
