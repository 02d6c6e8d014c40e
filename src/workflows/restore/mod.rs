//! Giving a snapshot back: from the store and a recovery key alone, without catalog or configuration.
//!
//! Cohort by cohort, in order of path, entries become jobs; workers fetch the frames a job needs in as few ranges as
//! may be and write files beside their final name. A file appears only after its hash was right. Directories get their
//! metadata at the end, deepest first.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::archive::digest::PathDigest;
use crate::archive::entry::Meta;
use crate::archive::manifest;
use crate::archive::place::{OwnerMapping, PlaceError, PlaceOptions, Target};
use crate::archive::progress::{Phase, Progress};
use crate::archive::records::{Snapshot, SnapshotCohort};
use crate::archive::seal::Keys;
use crate::domain::cohort::CohortId;
use crate::domain::time::{Day, Instant};

use super::causes::with_causes;
use super::chain::Chain;
use super::choice::{self, ChoiceError, Wanted};
use super::cohort_key;
use super::erasures::{self, ErasureError, Ledger};
use super::reading::{CohortReader, ReadError};
use super::repository::{Opened, RepositoryError};
use super::selection::{BadPattern, Selection};
use super::snapshots::{self, SnapshotKeys, SnapshotName};

mod counts;
mod directories;
mod files;
mod links;
mod plan;

pub use counts::Named;

pub(super) use files::data_extents;
pub(super) use plan::source_name;

/// Whose the restored files are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owners {
    /// As numbers say, when run by root; else the user's own.
    Usual,
    /// As names say, where this machine knows them.
    ByName,
}

/// What is asked for.
pub struct Request {
    /// Which snapshot.
    pub wanted: Wanted,
    /// Paths or globs; none is everything.
    pub patterns: Vec<std::ffi::OsString>,
    /// Where to.
    pub to: PathBuf,
    /// Only records sent between these days.
    pub sent: Option<(Day, Day)>,
    /// Replace what differs in the target, leave what is right.
    pub in_place: bool,
    /// End only when everything is on the disk.
    pub sync: bool,
    /// Only say what would be restored.
    pub dry_run: bool,
    /// Whose the files are.
    pub owners: Owners,
    /// The head that the administrator knows from a notice or mail: sequence and digest.
    pub expect_head: Option<(u64, String)>,
}

/// What was restored.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The snapshot.
    pub snapshot: String,
    /// When it was taken.
    pub taken_at: String,
    /// Entries restored that are not directories (would be, in a dry run).
    pub files: u64,
    /// Bytes of regular files restored.
    pub bytes: u64,
    /// Files that stood in the target already as they should.
    pub unchanged: u64,
    /// Entries that could not be restored, by name, with the reason.
    pub failed: Vec<Named>,
    /// How many could not be restored; `failed` names at most a thousand.
    pub failed_count: u64,
    /// Metadata that could not be set, by kind.
    pub shortcomings: BTreeMap<&'static str, u64>,
    /// Cohorts left out because their year is over.
    pub expired_cohorts: u64,
    /// Entries left out because an erasure order covers them.
    pub erased: u64,
    /// The snapshot itself was partial: so many entries were not read when it was taken.
    pub skipped_then: u64,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A pattern.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// Something that is asked for may stand in a part that cannot be read.
    #[error("a part of the snapshot cannot be read: {0}; `kura restore` gives back all that can be read")]
    Lost(String),
    /// No snapshot.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// What must not be given back is not known.
    #[error(transparent)]
    Erasures(ErasureError),
    /// A record.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A manifest.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The target.
    #[error("cannot restore to {}: {}", .path.display(), .source.reason())]
    Target {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: PlaceError,
    },
    /// The repository is older than the administrator knows it to be.
    #[error(
        "the newest snapshot is number {found}, but number {expected} is expected: the repository was rolled back. A \
         snapshot that is named by its id or a date is restored all the same"
    )]
    RolledBack {
        /// Expected.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// The expected head is not in the chain.
    #[error("snapshot number {sequence} is not the one expected: the chain was replaced")]
    OtherHead {
        /// Its number.
        sequence: u64,
    },
    /// Nothing fits what was asked for.
    #[error("the snapshot holds nothing that fits; `kura ls` and `kura find` show what it holds")]
    Nothing,
    /// Local temporary data.
    #[error("cannot use the disk for temporary data")]
    Spill(#[from] std::io::Error),
}

/// A snapshot that was chosen, with the readers of its cohorts.
pub struct OpenSnapshot {
    /// Its name.
    pub name: SnapshotName,
    /// Its record.
    pub snapshot: Snapshot,
    /// Its living cohorts, ascending, each with its reader.
    pub cohorts: Vec<(SnapshotCohort, CohortReader)>,
    /// Cohorts whose key object is missing or altered, with the reason.
    pub lost: Vec<(SnapshotCohort, String)>,
    /// Cohorts left out because their year is over.
    pub expired: u64,
    /// Erasure orders in force.
    pub erasures: u64,
}

impl OpenSnapshot {
    /// A path as a restore would make it: without the source's name, if the snapshot has one source only.
    pub fn shown_path(&self, path: &[u8]) -> Vec<u8> {
        if self.has_one_source() { crate::archive::walk::below(path).to_vec() } else { path.to_vec() }
    }

    /// Whether the snapshot has one source only: restores then leave out its name.
    pub fn has_one_source(&self) -> bool {
        self.snapshot.sources == 1
    }
}

/// Chooses and opens a snapshot.
pub async fn open_snapshot(
    opened: &Arc<Opened>,
    wanted: &Wanted,
    sent: Option<(Day, Day)>,
    now: Instant,
) -> Result<OpenSnapshot, RestoreError> {
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, now);
    let (name, snapshot) = choice::choose(&*opened.vault, wanted, &keys).await?;
    let ledger = ledger(opened, &name, &snapshot, &keys).await?;
    let mut expired = 0;
    let mut asks: JoinSet<OpenedCohort> = JoinSet::new();
    let mut cohorts = Vec::new();
    for cohort in &snapshot.cohorts {
        let wrong = || RepositoryError::wrong(&name.key(), "a cohort in it has no valid name");
        let id: CohortId = cohort.cohort.parse().map_err(|_| wrong())?;
        let until: jiff::Timestamp = cohort.delete_from.parse().map_err(|_| wrong())?;
        if now.as_micros() >= until.as_microsecond() {
            expired += 1;
            continue;
        }
        if sent.is_some_and(|(from, to)| id.clock_day() < from || id.clock_day() > to) {
            continue;
        }
        if asks.len() >= 32
            && let Some(done) = asks.join_next().await
        {
            cohorts.push(joined(done)?);
        }
        let (opened, plan, cohort) = (opened.clone(), name.plan.clone(), cohort.clone());
        asks.spawn(async move {
            let keys = cohort_key::open_cohort(&opened, &plan, &id, (cohort.key_number, &cohort.key)).await;
            (id, cohort, keys)
        });
    }
    while let Some(done) = asks.join_next().await {
        cohorts.push(joined(done)?);
    }
    cohorts.sort_by_key(|(id, _, _)| *id);
    let (mut readable, mut lost) = (Vec::new(), Vec::new());
    let mut first_error = None;
    for (id, cohort, keys) in cohorts {
        match keys {
            Ok(keys) => {
                let (vault, plan) = (opened.vault.clone(), name.plan.clone());
                let reader = CohortReader::new(vault, Handle::current(), plan, id, Arc::new(keys));
                readable.push((cohort, reader.without(ledger.covered(id.clock_day()))));
            }
            Err(error) if error.is_of_object() => {
                lost.push((cohort, with_causes(&error)));
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match first_error {
        Some(error) if readable.is_empty() => Err(error.into()),
        _ => {
            let erasures = ledger.in_force();
            Ok(OpenSnapshot { name, snapshot, cohorts: readable, lost, expired, erasures })
        }
    }
}

/// The erasure orders of the plan: as far as this snapshot and the newest one know, none may be missing.
async fn ledger(
    opened: &Opened,
    name: &SnapshotName,
    snapshot: &Snapshot,
    keys: &SnapshotKeys<'_>,
) -> Result<Ledger, RestoreError> {
    let names = snapshots::list(&*opened.vault, Some(&name.plan)).await?;
    let names = names.get(&name.plan).map_or(&[][..], Vec::as_slice);
    let newest = if names.last() == Some(name) {
        None
    } else {
        let mut chain = Chain::settle(&*opened.vault, names, keys).await?;
        chain.newest_signed(&*opened.vault, keys).await?.map(|(_, newest)| newest)
    };
    let known = erasures::known_by(std::iter::once(snapshot).chain(&newest));
    let loaded =
        erasures::load(&*opened.vault, &opened.trust, &opened.secrets.catalog, &name.plan, &known).await;
    loaded.map_err(|error| match error {
        ErasureError::Repository(error) if !error.is_of_object() => error.into(),
        other => RestoreError::Erasures(other),
    })
}

type OpenedCohort = (CohortId, SnapshotCohort, Result<Keys, RepositoryError>);

fn joined(done: Result<OpenedCohort, tokio::task::JoinError>) -> Result<OpenedCohort, RepositoryError> {
    done.map_err(|e| RepositoryError::wrong("cohort keys", e.to_string()))
}

/// Restores.
pub async fn restore(
    opened: Arc<Opened>,
    request: &Request,
    now: Instant,
    progress: &Arc<Progress>,
) -> Result<Summary, RestoreError> {
    if let Some(expected) = &request.expect_head {
        check_head(&opened, &request.wanted, expected).await?;
    }
    let open = open_snapshot(&opened, &request.wanted, request.sent, now).await?;
    progress.begin(Phase::Restoring, open.snapshot.files, open.snapshot.bytes);
    tokio::task::block_in_place(|| {
        let (directories, lost_directories) = match current_directories(&opened, &open) {
            Ok(directories) => (directories, None),
            Err(RestoreError::Read(e)) if e.is_damage() => (BTreeMap::new(), Some(with_causes(&e))),
            Err(e) => return Err(e),
        };
        let owners = match request.owners {
            Owners::Usual => OwnerMapping::for_this_user(),
            Owners::ByName => OwnerMapping::ByName,
        };
        let target = if request.dry_run {
            None
        } else {
            let options = PlaceOptions { owners, in_place: request.in_place };
            let failed = |source| RestoreError::Target { path: request.to.clone(), source };
            Some(Target::open(&request.to, options).map_err(failed)?)
        };
        if let Some(target) = target.as_ref().filter(|_| request.in_place) {
            let failed = |source| RestoreError::Target { path: request.to.clone(), source };
            target.remove_all_leftovers().map_err(failed)?;
        }
        let mut summary = plan::run(&opened, &open, request, target.as_ref(), (&directories, progress))?;
        if let Some(reason) = lost_directories {
            // Directories then have the metadata that manifests last wrote.
            summary
                .failed
                .push(Named { path: "metadata of directories that changed later".to_owned(), reason });
            summary.failed_count += 1;
        }
        if let Some(target) = target.as_ref().filter(|_| request.sync) {
            target.sync().map_err(|source| RestoreError::Target { path: request.to.clone(), source })?;
        }
        summary.snapshot = open.name.digest.to_string();
        summary.taken_at.clone_from(&open.snapshot.taken_at);
        summary.expired_cohorts = open.expired;
        summary.skipped_then = open.snapshot.skipped;
        Ok(summary)
    })
}

/// What to restore, once it is known how the snapshot's paths begin.
pub(super) fn selection(
    open: &OpenSnapshot,
    patterns: &[std::ffi::OsString],
    source: Option<&[u8]>,
) -> Result<Selection, BadPattern> {
    if patterns.is_empty() {
        return Ok(Selection::everything());
    }
    Selection::new(patterns, source.filter(|_| open.has_one_source()))
}

/// Current metadata of directories that changed since the manifests that name them.
pub(super) fn current_directories(
    opened: &Opened,
    open: &OpenSnapshot,
) -> Result<BTreeMap<PathDigest, Meta>, RestoreError> {
    let Some(stored) = &open.snapshot.directories else { return Ok(BTreeMap::new()) };
    // The run-day cohort may have been left out by `sent` or be past its year: manifests then have the last word.
    let Some((_, reader)) = open.cohorts.iter().find(|(cohort, _)| cohort.cohort == stored.cohort) else {
        return Ok(BTreeMap::new());
    };
    let mut unpacker = crate::archive::unseal::Unpacker::new()
        .map_err(|_| std::io::Error::other("no memory to decompress"))?;
    let bytes = reader.chunk(&stored.location, &opened.secrets.hashing, &mut unpacker)?;
    let decoded = manifest::decode_directories(&bytes);
    let decoded = decoded.map_err(|e| reader.malformed(&stored.location.pack, e))?;
    Ok(decoded.into_iter().map(|directory| (directory.path, directory.meta)).collect())
}

/// The head that the administrator knows must be in the chain.
async fn check_head(
    opened: &Opened,
    wanted: &Wanted,
    (sequence, digest): &(u64, String),
) -> Result<(), RestoreError> {
    let plan = if let Wanted::LatestOf(plan) = wanted { Some(plan) } else { None };
    let all = snapshots::list(&*opened.vault, plan).await?;
    let found = all.values().flatten().map(|name| name.sequence).max().unwrap_or(0);
    if found < *sequence {
        return Err(RestoreError::RolledBack { expected: *sequence, found });
    }
    let mut same = all.values().flatten().filter(|name| name.sequence == *sequence);
    if same.any(|name| name.digest.to_string().starts_with(digest.as_str())) {
        Ok(())
    } else {
        Err(RestoreError::OtherHead { sequence: *sequence })
    }
}
