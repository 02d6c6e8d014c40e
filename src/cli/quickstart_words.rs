//! What `kura quickstart` says: a line a step, and at the end what lies where and what to try next.

use std::path::Path;
use std::time::Instant as Watch;

use serde::Serialize;

use crate::workflows::quickstart::{Comparison, Layout};
use crate::workflows::take_snapshot::Summary;

use super::failure::Failure;
use super::snapshots::short;
use super::words::{counted, print, size};

/// At most this many differences are named.
pub(super) const NAMES_MAX: usize = 20;

/// The steps so far.
pub(super) struct Steps {
    begun: Watch,
    is_shown: bool,
    done: Vec<Step>,
}

#[derive(Clone, Serialize)]
struct Step {
    step: &'static str,
    result: String,
    duration_ms: u64,
}

fn millis(since: Watch) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// `0.12 s`, `75.30 s`.
fn seconds(millis: u64) -> String {
    format!("{}.{:02} s", millis / 1000, millis % 1000 / 10)
}

impl Steps {
    /// Starts the clock; steps are printed as they end if `is_shown`.
    pub(super) fn begin(is_shown: bool) -> Self {
        Self { begun: Watch::now(), is_shown, done: Vec::new() }
    }

    /// Notes a step that began at `watch` and has ended now.
    pub(super) fn done(&mut self, step: &'static str, result: &str, watch: Watch) -> Result<(), Failure> {
        let duration_ms = millis(watch);
        self.done.push(Step { step, result: result.to_owned(), duration_ms });
        if self.is_shown {
            print(&format!("{step:<16} {:>9}  {result}\n", seconds(duration_ms)))?;
        }
        Ok(())
    }
}

/// Everything that is told at the end.
pub(super) struct Told<'a> {
    /// The home as the user named it.
    pub(super) home: &'a Path,
    /// The same, absolute.
    pub(super) at: &'a Path,
    /// Where things lie.
    pub(super) layout: &'a Layout,
    /// The plan's name.
    pub(super) plan: &'a str,
    /// What was protected.
    pub(super) source: &'a Path,
    /// The first snapshot.
    pub(super) first: &'a Summary,
    /// The second.
    pub(super) second: &'a Summary,
    /// The source beside what was restored.
    pub(super) comparison: &'a Comparison,
    /// Entries that could not be copied.
    pub(super) left_out: u64,
    /// Whether the check of the store found nothing wrong.
    pub(super) is_verified: bool,
}

#[derive(Serialize)]
struct Taken {
    snapshot: String,
    files: u64,
    bytes: u64,
    new_bytes_stored: u64,
    skipped: u64,
}

impl Taken {
    fn of(summary: &Summary) -> Self {
        Self {
            snapshot: short(&summary.snapshot.to_string()),
            files: summary.files,
            bytes: summary.bytes,
            new_bytes_stored: summary.new_bytes_stored,
            skipped: summary.skipped,
        }
    }
}

/// The machine-readable summary.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    ok: bool,
    home: &'a Path,
    plan: &'a str,
    source: &'a Path,
    store: &'a Path,
    recovery_key: std::path::PathBuf,
    restored: &'a Path,
    snapshots: [Taken; 2],
    compared_files: u64,
    compared_bytes: u64,
    differences: &'a [String],
    unread: u64,
    verified: bool,
    duration_ms: u64,
    steps: Vec<Step>,
    next: Vec<String>,
}

impl<'a> Told<'a> {
    /// Whether every file came back as it was and the store is whole.
    pub(super) fn is_right(&self) -> bool {
        self.comparison.wrong.is_empty() && self.is_verified
    }

    /// Entries of the source that could not be read.
    pub(super) fn unread(&self) -> u64 {
        self.left_out.max(self.comparison.unreadable).max(self.second.skipped)
    }

    /// As JSON.
    pub(super) fn as_json(&self, steps: &Steps) -> Report<'a> {
        Report {
            ok: self.is_right(),
            home: self.at,
            plan: self.plan,
            source: self.source,
            store: &self.layout.store,
            recovery_key: self.layout.recovery_key(),
            restored: &self.layout.restored,
            snapshots: [Taken::of(self.first), Taken::of(self.second)],
            compared_files: self.comparison.right,
            compared_bytes: self.comparison.bytes,
            differences: &self.comparison.wrong,
            unread: self.unread(),
            verified: self.is_verified,
            duration_ms: millis(steps.begun),
            steps: steps.done.clone(),
            next: self.next().into_iter().map(|(command, _)| command).collect(),
        }
    }

    /// In words.
    pub(super) fn in_words(&self, steps: &Steps) -> String {
        let files = counted(self.comparison.right, "file");
        let verdict = if self.is_right() {
            format!("Right: {files} came back as they were, in {} altogether.", seconds(millis(steps.begun)))
        } else {
            "WRONG: what came back is not what was protected; see the lines below.".to_owned()
        };
        let mut lines = vec![String::new(), verdict];
        if self.unread() > 0 {
            let unread = self.unread();
            lines.push(format!("Not protected: {unread} entries that this user may not read (exit code 3)."));
        }
        lines.push(format!(
            "The second snapshot is as whole as the first, but only {} were sent for it.",
            size(self.second.new_bytes_stored)
        ));
        let home = self.at.display();
        lines.push(format!("\nEverything lies in {home}; remove that folder and nothing is left:"));
        for (name, what) in [
            ("store/", "the repository: all that a backup server or bucket would hold, sealed and signed"),
            ("offline/", "recovery key and root key: in earnest they leave this machine"),
            ("policies/", "the plan"),
            ("source/", "what was protected (missing if your folder was too large to copy)"),
            ("restored/", "what came back"),
        ] {
            lines.push(format!("  {name:<10} {what}"));
        }
        lines.push("\nTry next:".to_owned());
        for (command, what) in self.next() {
            lines.push(format!("  # {what}\n  {command}"));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// Commands that work as they stand, in the folder where the demonstration was started.
    fn next(&self) -> Vec<(String, &'static str)> {
        let kura = quoted(&std::env::args().next().unwrap_or_else(|| "kura".to_owned()));
        let at = |name: &str| quoted(&self.home.join(name).to_string_lossy());
        let (home, key) = (quoted(&self.home.to_string_lossy()), at("offline/recovery.key"));
        let store = quoted(&self.layout.store.to_string_lossy());
        let [one, two] = [self.first, self.second].map(|taken| short(&taken.snapshot.to_string()));
        vec![
            (format!("{kura} --home {home} snapshots"), "what the host knows: counts, sizes, days; no names"),
            (
                format!("{kura} --home {home} diff {one} {two} --identity {key}"),
                "what changed between the two",
            ),
            (
                format!("{kura} --home {home} find '*.txt' --identity {key}"),
                "find files in the newest snapshot",
            ),
            (format!("{kura} --home {home} verify --read 1/1"), "check the store without any recovery key"),
            (
                format!("{kura} restore latest --store {store} --identity {key} --to {}", at("again")),
                "restore from store and key alone, as after the loss of the machine",
            ),
            (format!("{kura} --home {home} plan show {}", self.plan), "what the plan means, in days"),
        ]
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_spaces_or_quotes_is_one_word_for_the_shell() {
        assert_eq!(quoted("/srv/記録-1"), "/srv/記録-1");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn seconds_have_two_decimals() {
        assert_eq!(seconds(75_309), "75.30 s");
        assert_eq!(seconds(9), "0.00 s");
    }
}
