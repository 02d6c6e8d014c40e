//! The keys of a plan file and the shape of each value.
//!
//! The parsed text is walked by hand, not by serde, because serde stops at the first problem. A key with a
//! problem is marked `Given::Broken`, so that the rules over the whole plan do not blame it a second time.

use super::diagnose::{Diagnosis, hint, list};
use crate::domain::cohort::Generation;
use crate::domain::plan::{Class, LockMode, PastRetention, PlanName, SourceKind, SourceName};
use crate::domain::retention::Retention;
use crate::domain::sent_day::SentDayRule;
use crate::domain::time::Zone;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys of a plan.
const PLAN_KEYS: [&str; 10] = [
    "name",
    "class",
    "retention",
    "time_zone",
    "generation",
    "copies",
    "past_retention",
    "lock",
    "drill_every",
    "source",
];

/// The kinds of source, each with its keys.
const KINDS: [(&str, &[&str]); 4] = [
    ("directory", &["kind", "name", "path", "sent_day", "exclude", "one_file_system"]),
    ("command", &["kind", "name", "command", "file", "timeout_minutes"]),
    ("sqlite", &["kind", "name", "path"]),
    ("postgresql", &source_kinds::POSTGRESQL_KEYS),
];

/// The keys of kinds of source other than folders.
mod source_kinds;

/// What a key says.
#[derive(Debug)]
pub(super) enum Given<T> {
    /// The key is not there.
    Absent,
    /// It is there, its problem has been said.
    Broken(Range<usize>),
    /// It is there and readable.
    Value(T, Range<usize>),
}

impl<T> Given<T> {
    pub(super) fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Absent => None,
            Self::Broken(span) | Self::Value(_, span) => Some(span.clone()),
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, or `None` if there is none to be had.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Value(value, _) => Some(value),
            Self::Absent | Self::Broken(_) => None,
        }
    }
}

/// A plan file as written.
#[derive(Debug)]
pub(super) struct PlanFile {
    pub(super) name: Given<PlanName>,
    pub(super) class: Given<Class>,
    pub(super) retention: Given<Retention>,
    pub(super) time_zone: Given<Zone>,
    pub(super) generation: Given<Generation>,
    pub(super) copies: Given<u8>,
    pub(super) past_retention: Given<PastRetention>,
    pub(super) lock: Given<LockMode>,
    pub(super) drill_every: Given<Retention>,
    pub(super) sources: Given<Vec<SourceFile>>,
}

/// One `[[source]]` as written.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// The whole table.
    pub(super) span: Range<usize>,
    /// Without the path and the name, which are given beside it.
    pub(super) kind: Given<SourceKind>,
    /// Where each table of a database stands.
    pub(super) tables: Vec<Range<usize>>,
    pub(super) name: Given<SourceName>,
    pub(super) path: Given<String>,
    pub(super) sent_day: Given<SentDayRule>,
    pub(super) exclude: Given<Vec<(String, Range<usize>)>>,
    pub(super) one_file_system: Given<bool>,
}

/// Reads the keys of a plan; every problem of a key or a value goes to `diagnosis`.
pub(super) fn read_plan(table: &DeTable<'_>, diagnosis: &mut Diagnosis<'_>) -> PlanFile {
    let mut keys = Keys { table, diagnosis };
    keys.refuse_unknown("a plan", &PLAN_KEYS);
    PlanFile {
        name: keys.parsed("name"),
        class: keys.word("class", &[Class::Application, Class::System], Class::word),
        retention: keys.parsed("retention"),
        time_zone: keys.text("time_zone", |name| {
            Zone::named(name).map_err(|e| format!("{e}; use an IANA name such as \"Asia/Tokyo\""))
        }),
        generation: keys.word("generation", &[Generation::Month, Generation::Quarter], Generation::word),
        copies: keys.value("copies", "a whole number, 1 to 9", |value| {
            let number = value.as_integer()?;
            Some(
                u8::from_str_radix(number.as_str(), number.radix())
                    .map_err(|_| format!("copies is {number}; allowed: 1 to 9")),
            )
        }),
        past_retention: keys.word(
            "past_retention",
            &[PastRetention::Report, PastRetention::KeepFromFirstSeen],
            PastRetention::word,
        ),
        lock: keys.word("lock", &[LockMode::Compliance, LockMode::Governance], LockMode::word),
        drill_every: keys.parsed("drill_every"),
        sources: read_sources(table, diagnosis),
    }
}

fn read_sources(table: &DeTable<'_>, diagnosis: &mut Diagnosis<'_>) -> Given<Vec<SourceFile>> {
    let Some(value) = table.get("source") else { return Given::Absent };
    let span = value.span();
    let DeValue::Array(entries) = value.get_ref() else {
        diagnosis.say(&span, format!("source is {}; write [[source]]", kind_of(value.get_ref())));
        return Given::Broken(span);
    };
    let mut sources = Vec::new();
    let mut broken = false;
    for entry in entries {
        if let DeValue::Table(source) = entry.get_ref() {
            sources.push(read_source(source, entry.span(), diagnosis));
        } else {
            broken = true;
            let message = format!("a source is {}; write [[source]]", kind_of(entry.get_ref()));
            diagnosis.say(&entry.span(), message);
        }
    }
    if broken { Given::Broken(span) } else { Given::Value(sources, span) }
}

fn read_source(table: &DeTable<'_>, span: Range<usize>, diagnosis: &mut Diagnosis<'_>) -> SourceFile {
    let mut keys = Keys { table, diagnosis };
    let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
    let mut is_later_kind = false;
    let kind = keys.text("kind", |kind| {
        is_later_kind = kind == "mysql";
        let found = KINDS.iter().find(|(word, _)| *word == kind);
        let known = choice_hint(kind, &words);
        found.copied().ok_or_else(|| match kind {
            "mysql" => format!("kind \"mysql\" is not available in this version; {known}"),
            _ => format!("kind {kind:?} is not known; {known}"),
        })
    });
    let (kind, tables) = match kind {
        Given::Value((word, allowed), span) => {
            keys.refuse_unknown("a source", allowed);
            keys.source_kind(word, &span)
        }
        // A misspelt folder is a folder; of what has no path nothing more can be said.
        Given::Broken(span) if is_later_kind || table.get("path").is_none() => {
            return unread_source(Given::Broken(span.clone()), span);
        }
        Given::Broken(span) => {
            keys.refuse_unknown("a source", KINDS[0].1);
            (Given::Broken(span), Vec::new())
        }
        // That it is missing is said elsewhere; the rest is read as a folder's.
        Given::Absent => {
            keys.refuse_unknown("a source", KINDS[0].1);
            (Given::Absent, Vec::new())
        }
    };
    SourceFile {
        span,
        kind,
        tables,
        name: keys.parsed("name"),
        path: keys.text("path", |path| {
            if path.contains('\0') {
                Err("path contains a NUL; a file name cannot".to_owned())
            } else {
                Ok(path.to_owned())
            }
        }),
        sent_day: keys.sent_day(),
        exclude: keys.texts("exclude"),
        one_file_system: keys.value("one_file_system", "true or false", |value| value.as_bool().map(Ok)),
    }
}

/// A source of a kind whose other keys this version cannot judge.
fn unread_source(kind: Given<SourceKind>, span: Range<usize>) -> SourceFile {
    SourceFile {
        kind,
        tables: Vec::new(),
        name: Given::Broken(span.clone()),
        path: Given::Broken(span.clone()),
        sent_day: Given::Broken(span.clone()),
        exclude: Given::Broken(span.clone()),
        one_file_system: Given::Broken(span.clone()),
        span,
    }
}

/// A table whose keys are being read.
struct Keys<'a, 'd, 't> {
    table: &'a DeTable<'a>,
    diagnosis: &'d mut Diagnosis<'t>,
}

impl Keys<'_, '_, '_> {
    /// Names every key that is not allowed.
    fn refuse_unknown(&mut self, owner: &str, allowed: &[&str]) {
        for key in self.table.keys() {
            let word: &str = key.get_ref();
            if !allowed.contains(&word) {
                self.diagnosis
                    .say(&key.span(), format!("{owner} has no key {word:?}; {}", hint(word, allowed)));
            }
        }
    }

    /// Reads a value: `read` returns `None` for a wrong type, or says what is wrong with the value.
    fn value<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&DeValue<'_>) -> Option<Result<T, String>>,
    ) -> Given<T> {
        let Some(value) = self.table.get(key) else { return Given::Absent };
        let span = value.span();
        let message = match read(value.get_ref()) {
            Some(Ok(value)) => return Given::Value(value, span),
            Some(Err(message)) => message,
            None => format!("{key} is {}; write {wanted}", kind_of(value.get_ref())),
        };
        self.diagnosis.say(&span, message);
        Given::Broken(span)
    }

    fn text<T>(&mut self, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Given<T> {
        self.value(key, "text in quotation marks", |value| value.as_str().map(read))
    }

    /// A text that its type knows how to read.
    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Given<T> {
        self.text(key, |text| text.parse().map_err(|e| format!("{key} {e}")))
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, key: &str, choices: &[T], word: impl Fn(T) -> &'static str) -> Given<T> {
        let words: Vec<&str> = choices.iter().map(|choice| word(*choice)).collect();
        self.value(key, &list(&words), |value| {
            let text = value.as_str()?;
            let found = choices.iter().find(|choice| word(**choice) == text);
            Some(found.copied().ok_or_else(|| format!("{key} is {text:?}; {}", choice_hint(text, &words))))
        })
    }

    fn sent_day(&mut self) -> Given<SentDayRule> {
        const WANTED: &str = "\"mtime\" or { path = \"%Y/%m/%d\" }";
        let Some(value) = self.table.get("sent_day") else { return Given::Absent };
        let DeValue::Table(inner) = value.get_ref() else {
            return self.value("sent_day", WANTED, |value| {
                let text = value.as_str()?;
                Some(if text == "mtime" {
                    Ok(SentDayRule::Mtime)
                } else {
                    Err(format!("sent_day is {text:?}; write {WANTED}"))
                })
            });
        };
        let span = value.span();
        let mut keys = Keys { table: inner, diagnosis: self.diagnosis };
        keys.refuse_unknown("sent_day", &["path"]);
        let pattern = keys.text("path", |text| {
            text.parse().map(SentDayRule::Path).map_err(|e| format!("sent_day path {text:?}: {e}"))
        });
        match pattern {
            Given::Value(rule, _) => Given::Value(rule, span),
            Given::Broken(_) => Given::Broken(span),
            Given::Absent => {
                self.diagnosis.say(&span, format!("sent_day has no path; write {WANTED}"));
                Given::Broken(span)
            }
        }
    }

    fn texts(&mut self, key: &str) -> Given<Vec<(String, Range<usize>)>> {
        const WANTED: &str = "a list of text, such as [\"*.tmp\"]";
        let Some(value) = self.table.get(key) else { return Given::Absent };
        let DeValue::Array(entries) = value.get_ref() else { return self.value(key, WANTED, |_| None) };
        let mut texts = Vec::new();
        let mut broken = false;
        for entry in entries {
            if let Some(text) = entry.get_ref().as_str() {
                texts.push((text.to_owned(), entry.span()));
            } else {
                broken = true;
                let message = format!("{key} contains {}; write {WANTED}", kind_of(entry.get_ref()));
                self.diagnosis.say(&entry.span(), message);
            }
        }
        if broken { Given::Broken(value.span()) } else { Given::Value(texts, value.span()) }
    }
}

/// For a choice of few words the whole list is said, after the nearest one if there is one.
fn choice_hint(text: &str, words: &[&str]) -> String {
    let hint = hint(text, words);
    if hint.starts_with("allowed") { hint } else { format!("{hint} (allowed: {})", list(words)) }
}

/// A value's type in the words of people.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The parsed text, or every syntax error in it.
pub(super) fn parse<'t>(text: &'t str, diagnosis: &mut Diagnosis<'_>) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        diagnosis.say(&span, format!("not TOML: {}", error.message().replace('\n', "; ")));
    }
    errors.is_empty().then_some(table)
}
