//! The canonical text of a plan: what an approval covers, for digests.
//!
//! Two plans have the same text exactly if they mean the same; comments, order of keys and defaults left out or
//! written in the file do not matter. The text is not meant to be read back.

use crate::domain::cohort::Generation;
use crate::domain::plan::{Class, LockMode, PastRetention, Plan, Source};
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
        for source in self.sources() {
            add_source(&mut text, source);
        }
        text
    }
}

fn add_source(text: &mut String, source: &Source) {
    add_line(text, "source", &quoted(source.name().as_str().as_bytes()));
    add_line(text, "  path", &quoted(source.path().as_os_str().as_bytes()));
    if let Some(rule) = source.sent_day() {
        add_line(text, "  sent_day", &quoted(rule.to_string().as_bytes()));
    }
    for glob in source.exclude().globs() {
        add_line(text, "  exclude", &quoted(glob.as_bytes()));
    }
    add_line(text, "  one_file_system", if source.one_file_system() { "true" } else { "false" });
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
