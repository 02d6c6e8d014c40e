//! What changed since the snapshot before, noted with the stat cache of each snapshot, and the alarm if it changed suddenly.
//!
//! The note is written before the snapshot, so that a run that was killed in between tells of it next time (K-105).

use serde::{Deserialize, Serialize};

use crate::archive::churn::Counted;
use crate::archive::records::Snapshot;
use crate::catalog::CatalogError;
use crate::domain::alarm::{Alarm, AlarmCode};
use crate::domain::sudden_change::{ChangeFacts, EARLIER_MAX, Earlier, judge};
use crate::domain::time::Instant;
use crate::workflows::sign_in::line;

use super::Run;
use super::gather::Gathered;

/// What had changed in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotedChange {
    files_before: u64,
    bytes_before: u64,
    bytes: u64,
    new_files: u64,
    changed_files: u64,
    removed_files: u64,
    new_bytes: u64,
    packed_bytes: u64,
    is_compared: bool,
    is_resent: bool,
    is_sudden: bool,
}

/// A sudden change, in the words of its alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotedSudden {
    since_micros: i64,
    japanese: String,
    english: String,
}

/// What is noted of changes with a snapshot: of those before it, oldest first, and of itself, last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    noted: Vec<NotedChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sudden: Option<NotedSudden>,
}

impl Changes {
    /// The sentences of the alarm of this snapshot, if it changed suddenly.
    pub(super) fn sudden_words(&self) -> Option<(String, String)> {
        self.sudden.as_ref().map(|sudden| (sudden.japanese.clone(), sudden.english.clone()))
    }

    /// What had changed in this snapshot.
    pub(super) fn facts(&self) -> ChangeFacts {
        self.noted.last().map_or_else(ChangeFacts::default, NotedChange::facts)
    }
}

impl NotedChange {
    fn facts(&self) -> ChangeFacts {
        ChangeFacts {
            files_before: self.files_before,
            bytes_before: self.bytes_before,
            bytes: self.bytes,
            new_files: self.new_files,
            changed_files: self.changed_files,
            removed_files: self.removed_files,
            new_bytes: self.new_bytes,
            packed_bytes: self.packed_bytes,
            is_compared: self.is_compared,
            is_resent: self.is_resent,
        }
    }

    fn of(facts: &ChangeFacts, is_sudden: bool) -> Self {
        Self {
            files_before: facts.files_before,
            bytes_before: facts.bytes_before,
            bytes: facts.bytes,
            new_files: facts.new_files,
            changed_files: facts.changed_files,
            removed_files: facts.removed_files,
            new_bytes: facts.new_bytes,
            packed_bytes: facts.packed_bytes,
            is_compared: facts.is_compared,
            is_resent: facts.is_resent,
            is_sudden,
        }
    }
}

/// What changed in `snapshot`, compared with what was noted before it.
pub(super) fn of_run(
    run: &Run<'_>,
    gathered: &Gathered,
    snapshot: &Snapshot,
    (counted, removed_files): (Counted, u64),
) -> Changes {
    let parent = gathered.parent.as_ref().map(|(_, parent)| parent);
    let facts = ChangeFacts {
        files_before: parent.map_or(0, |parent| parent.files),
        bytes_before: parent.map_or(0, |parent| parent.bytes),
        bytes: snapshot.bytes,
        new_files: counted.new_files,
        changed_files: counted.changed_files,
        removed_files,
        new_bytes: counted.new_bytes,
        packed_bytes: counted.packed_bytes,
        is_compared: gathered.cache_file().is_some(),
        // Nothing is carried over: the first snapshot, a new generation, or the cache was lost.
        is_resent: gathered.carried.is_empty() || !gathered.damaged.is_empty(),
    };
    let mut noted = gathered.changes.noted.clone();
    let earlier: Vec<Earlier> =
        noted.iter().map(|one| Earlier { facts: one.facts(), is_sudden: one.is_sudden }).collect();
    let limits = run.host.settings.sudden_change.unwrap_or_default().limits();
    let found = judge(&facts, &earlier, &limits);
    noted.push(NotedChange::of(&facts, found.is_some()));
    noted.drain(..noted.len().saturating_sub(EARLIER_MAX));
    let sudden = found.map(|found| {
        let (japanese, english) = found.words(run.plan().name().as_str(), run.now, run.plan().zone());
        NotedSudden { since_micros: run.now.as_micros(), japanese, english }
    });
    Changes { noted, sudden }
}

/// Raises the alarm of a snapshot that changed suddenly, once.
pub(super) async fn tell(run: &Run<'_>, changes: &Changes) -> Result<(), CatalogError> {
    let Some(sudden) = &changes.sudden else { return Ok(()) };
    let plan = run.plan().name().as_str();
    let alarm = Alarm {
        code: AlarmCode::SourceChangedSuddenly,
        subject: plan.to_owned(),
        since: Instant::from_micros(sudden.since_micros),
        japanese: sudden.japanese.clone(),
        english: sudden.english.clone(),
    };
    let mut tx = run.catalog.begin().await?;
    if !tx.raise_once(&alarm).await? {
        return Ok(());
    }
    let detail = format!("{}: {}", alarm.code.word(), alarm.english);
    tx.commit(&[line(run.now, "kura", "alarm.raise", plan, &detail)]).await?;
    tracing::error!(%plan, "the source changed suddenly: `kura runbook source-changed-suddenly` says what to do");
    Ok(())
}
