//! A plan's local state: its lock, its journal, and which stat cache belongs to which snapshot.
//!
//! The next cache and a note that names it are written before the snapshot is; when the snapshot is in the store, the
//! note takes the old one's place. After a crash in between, the note whose snapshot is the newest in the store counts.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::archive::digest::Sha256;
use crate::archive::stat_cache::CacheReader;
use crate::config::{self, Home};
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;
use crate::workflows::index_copies::IndexCopies;
use crate::workflows::journal::Journal;

use super::changes::Changes;
use super::errors::SnapshotError;

/// Reports of runs are kept this long, minutes.
const REPORT_MINUTES: i64 = 30 * 24 * 60;

/// Which stat cache belongs to which snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheNote {
    /// The snapshot.
    pub(super) snapshot: Sha256,
    /// The cache file's name.
    pub(super) file: String,
    /// What changed in it and in those before it; an older Kura noted none.
    #[serde(default)]
    pub(super) changes: Changes,
}

/// A plan's local state, locked for this process.
pub(super) struct PlanState {
    folder: PathBuf,
    reports: PathBuf,
    plan: String,
    _lock: File,
    /// The journal.
    pub(super) journal: Arc<Mutex<Journal>>,
    /// Local copies of index objects.
    pub(super) indexes: IndexCopies,
}

impl PlanState {
    /// Locks a plan's state; what is too old by `now` to be of use any more is forgotten.
    pub(super) fn lock(home: &Home, plan: &PlanName, now: Instant) -> Result<Self, SnapshotError> {
        let local = |source| SnapshotError::local(home, "the plan's state", source);
        let lock_path = home.state_file(plan.as_str(), "lock");
        let folder = lock_path.parent().unwrap_or(Path::new(".")).to_owned();
        for path in [&folder, &home.spill(), &home.reports()] {
            config::make_folder(path).map_err(|e| local(io::Error::other(e)))?;
        }
        let lock =
            OpenOptions::new().create(true).append(true).mode(0o600).open(&lock_path).map_err(local)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(SnapshotError::Running(plan.to_string())),
            Err(e) => return Err(local(e.into())),
        }
        let journal = Journal::open(&folder.join("journal")).map_err(local)?;
        let reports = home.reports();
        forget_old_reports(&reports, now);
        let journal = Arc::new(Mutex::new(journal));
        let indexes = IndexCopies::new(folder.join("index"));
        Ok(Self { folder, reports, plan: plan.to_string(), _lock: lock, journal, indexes })
    }

    /// Where this run's report goes.
    pub(super) fn report_file(&self, now: Instant) -> PathBuf {
        self.reports.join(format!("{}-{}.jsonl", self.plan, now.as_micros()))
    }

    fn read_note(&self, name: &str) -> Option<CacheNote> {
        let bytes = fs::read(self.folder.join(name)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The cache that belongs to the newest snapshot in the store, if there is one; all other caches are removed.
    pub(super) fn settle(&self, newest: Option<Sha256>) -> io::Result<Option<PathBuf>> {
        let fits = |note: &CacheNote| Some(note.snapshot) == newest;
        if self.read_note("cache-next.json").is_some_and(|note| fits(&note)) {
            self.adopt_next()?;
        }
        let current = self.read_note("cache.json").filter(fits);
        self.keep_only(current.as_ref().map(|note| note.file.as_str()))?;
        let path = current.map(|note| self.folder.join(note.file));
        Ok(path.filter(|path| CacheReader::open(path).is_ok()))
    }

    /// What is noted of changes with the newest snapshot; nothing if the note is lost.
    pub(super) fn changes(&self, newest: Option<Sha256>) -> Changes {
        let note = self.read_note("cache.json").filter(|note| Some(note.snapshot) == newest);
        note.map(|note| note.changes).unwrap_or_default()
    }

    /// The file of the next cache.
    pub(super) fn next_cache(&self, now: Instant) -> PathBuf {
        self.folder.join(format!("cache.{}", now.as_micros()))
    }

    /// Notes the next cache, durably, before its snapshot is stored.
    pub(super) fn note_next(&self, snapshot: Sha256, cache: &Path, changes: Changes) -> io::Result<()> {
        let file = cache.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let note = serde_json::to_vec(&CacheNote { snapshot, file, changes }).map_err(io::Error::other)?;
        let path = self.folder.join("cache-next.json");
        let mut out = File::create(&path)?;
        io::Write::write_all(&mut out, &note)?;
        out.sync_all()
    }

    /// The next cache takes the current one's place.
    pub(super) fn adopt_next(&self) -> io::Result<()> {
        fs::rename(self.folder.join("cache-next.json"), self.folder.join("cache.json"))?;
        // The one before knows what ended since: it goes at once, not with the next run (K-94).
        self.keep_only(self.read_note("cache.json").as_ref().map(|note| note.file.as_str()))
    }

    /// Removes all caches but one.
    fn keep_only(&self, keep: Option<&str>) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("cache.") && name != "cache.json" && Some(&*name) != keep {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Notes which cohorts (by clock day) are being sent again, durably; an empty set removes the note.
    pub(super) fn note_repairs(&self, days: &BTreeSet<i32>) -> io::Result<()> {
        let path = self.folder.join("repairs.json");
        if days.is_empty() {
            return match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let mut out = File::create(&path)?;
        io::Write::write_all(&mut out, &serde_json::to_vec(days).map_err(io::Error::other)?)?;
        out.sync_all()
    }

    /// The cohorts that a run which did not finish was sending again.
    pub(super) fn repairs(&self) -> BTreeSet<i32> {
        let bytes = fs::read(self.folder.join("repairs.json")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

/// When the run of a report began, as the report's name says.
fn begun_at(report: &Path) -> Option<Instant> {
    report.file_stem()?.to_str()?.rsplit_once('-')?.1.parse().ok().map(Instant::from_micros)
}

/// Reports hold names: they do not stay longer than they are of use.
fn forget_old_reports(reports: &Path, now: Instant) {
    let Ok(listing) = fs::read_dir(reports) else { return };
    for entry in listing.flatten() {
        if begun_at(&entry.path()).is_some_and(|at| at.plus_minutes(REPORT_MINUTES) < now)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "an old report could not be removed");
        }
    }
}
