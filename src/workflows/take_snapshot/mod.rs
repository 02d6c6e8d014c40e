//! Taking a snapshot: gather what is known, walk the source, store what is new, sign, commit.
//!
//! Order of effects: cohort keys, then packs (journalled before each PUT, read back and opened after), then index
//! objects, then a flush, then the next stat cache beside the old one, then the signed snapshot, then the catalog row,
//! then the new cache takes the old one's place, then the journal is emptied. A crash between any two leaves the last
//! snapshot whole and everything that was sent either built upon by the next run or counted as an orphan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::buffers::Buffers;
use crate::archive::chunk::Cutter;
use crate::archive::churn::{Churn, Counted};
use crate::archive::digest::Sha256;
use crate::archive::outlet::{Makers, SessionError, SessionOutcome};
use crate::archive::pipeline;
use crate::archive::progress::{Phase, Progress};
use crate::archive::racy::RacyFrom;
use crate::archive::report::{Remark, RunReport};
use crate::archive::resolve::{self, Basis, Resolution, Tally};
use crate::archive::seal::{Identity, Keys};
use crate::archive::sorter::Sorter;
use crate::archive::stream::{self, SourceRoot};
use crate::archive::walk::{self, Finds, Found, Refusal};
use crate::archive::worker::Shared;
use crate::clock::Clock;
use crate::domain::plan::{Class, Plan};
use crate::domain::sudden_change::ChangeFacts;
use crate::domain::time::{Day, Instant};

use super::host::Host;
use super::upload::{Upload, UploadParts};

mod bases;
mod changes;
mod commit;
mod errors;
mod gather;
mod keys;
mod local;
mod sessions;
mod sources;

pub use errors::{Refused, SnapshotError};

use gather::Gathered;
use keys::CohortKeys;
use local::PlanState;
use sessions::OpenSessions;

/// What is asked for.
pub struct Request {
    /// The plan.
    pub plan: Plan,
    /// Why: `adhoc`, `acceptance`, `maintenance`, `daily`, `monthly`.
    pub event: String,
    /// Why, in the administrator's words; kept with the run in the catalog, not in the store.
    pub reason: Option<String>,
    /// Read every file again, whatever the stat cache says.
    pub reread: bool,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The snapshot's digest.
    pub snapshot: Sha256,
    /// Its place in the chain.
    pub sequence: u64,
    /// Whether everything was read.
    pub is_complete: bool,
    /// Entries of the snapshot that are not directories.
    pub files: u64,
    /// Bytes of its regular files.
    pub bytes: u64,
    /// Bytes that were sent to the store.
    pub new_bytes_stored: u64,
    /// What was remarked, by kind.
    pub remarks: BTreeMap<&'static str, u64>,
    /// Entries that could not be read.
    pub skipped: u64,
    /// The run's report, if anything was remarked.
    pub report: Option<std::path::PathBuf>,
    /// Packs taken over from a run that did not finish (compared by SHA-256 only).
    pub adopted_packs: u64,
    /// Cohorts whose key or packs were damaged and that were sent again.
    pub repaired_cohorts: Vec<String>,
    /// What is different from the snapshot before.
    pub changes: ChangeFacts,
    /// What the alarm says if the source changed suddenly, in Japanese and in English.
    pub sudden: Option<(String, String)>,
}

/// Takes a snapshot.
pub async fn take_snapshot(
    host: &Host,
    catalog: &crate::catalog::Catalog,
    request: &Request,
    clock: &dyn Clock,
    progress: &Arc<Progress>,
) -> Result<Summary, SnapshotError> {
    let now = clock.now();
    let state = PlanState::lock(&host.home, request.plan.name(), now)?;
    let run = Run { host, catalog, request, state: &state, now, progress };
    catalog.abandon_runs(request.plan.name().as_str(), now).await?;
    let id = commit::begin(&run).await?;
    let outcome = run.take().await;
    let ended = commit::end(&run, &id, outcome.as_ref(), clock.now()).await;
    // What went wrong first is told first; the catalog often fails for the same reason, such as a full disk.
    let summary = outcome?;
    ended?;
    Ok(summary)
}

/// One run.
struct Run<'a> {
    host: &'a Host,
    catalog: &'a crate::catalog::Catalog,
    request: &'a Request,
    state: &'a PlanState,
    now: Instant,
    progress: &'a Arc<Progress>,
}

/// What the engine left for the commit.
struct Stored {
    outcomes: Vec<SessionOutcome>,
    tallies: BTreeMap<i32, Tally>,
    extras: sessions::Extras,
    keys: CohortKeys,
    news: Sorter,
    sent_bytes: u64,
    /// What was found different, and how many files are gone.
    churn: (Counted, u64),
}

impl Run<'_> {
    fn plan(&self) -> &Plan {
        &self.request.plan
    }

    fn today(&self) -> Day {
        self.plan().zone().day_of(self.now)
    }

    async fn take(&self) -> Result<Summary, SnapshotError> {
        let mut gathered = gather::gather(self).await?;
        changes::tell(self, &gathered.changes).await?;
        let trees = sources::open(self).await?;
        // Damage that shows only when a cohort's key and index are opened is noted, and the run decides anew.
        let (report, mut resolution, directories, keys, sessions) = loop {
            let report = RunReport::create(&self.state.report_file(self.now))
                .map_err(|source| SnapshotError::local(&self.host.home, "the run's report", source))?;
            let resolved = tokio::task::block_in_place(|| self.resolve(&gathered, &trees, &report));
            self.check_stopped()?;
            let mut resolution = resolved?;
            let directories = sessions::take_stored(self, &gathered, &mut resolution.directories);
            self.check_clamped(&report, resolution.entries)?;
            let today = self.plan().cohort_of(self.today()).clock_day().number();
            let days = touched_days(&resolution, today, &report);
            let keys = keys::prepare(self, &gathered, &days).await?;
            if keys.lost.is_empty() {
                let sessions = sessions::prepare(self, &gathered, &keys, &days).await?;
                if sessions.unreadable.is_empty() {
                    break (report, resolution, directories, keys, sessions);
                }
                gathered.damaged.extend(&sessions.unreadable);
            }
            gathered.damaged.extend(&keys.lost);
        };
        let stored = self.store(&mut resolution, sessions, keys, &trees, &report).await;
        self.check_stopped()?;
        let mut stored = stored?;
        stored.extras.directories = directories.or(stored.extras.directories);
        report.flush().map_err(|source| SnapshotError::local(&self.host.home, "the run's report", source))?;
        commit::commit(self, &gathered, stored, &report).await
    }

    /// Whether the run was asked to stop. From the last look on it commits: that takes seconds, and all is in the store.
    fn check_stopped(&self) -> Result<(), SnapshotError> {
        if self.progress.is_stopped() { Err(SnapshotError::Stopped) } else { Ok(()) }
    }

    /// Walks and resolves. Nothing is stored yet.
    fn resolve(
        &self,
        gathered: &Gathered,
        trees: &[SourceRoot],
        report: &RunReport,
    ) -> Result<Resolution, SnapshotError> {
        let local = |source| SnapshotError::local(&self.host.home, "temporary data", source);
        let (budget, spill) = (self.host.sort_memory_bytes(), self.host.home.spill());
        let crew = self.host.crew();
        self.progress.begin(Phase::Walking, 0, 0);
        let finds = Collected {
            sorter: Mutex::new(Sorter::new(budget, spill.clone())),
            hashing: &self.host.secrets.hashing,
            report,
            progress: self.progress,
        };
        for (number, (tree, source)) in (0_u32..).zip(trees.iter().zip(self.plan().sources())) {
            match tree {
                SourceRoot::Folder(tree) => walk::walk(tree, source, number, crew, &finds),
                SourceRoot::Streams(streams) => {
                    stream::list(&**streams, source.name().as_str(), number, &finds)
                }
            }
            .map_err(local)?;
        }
        let found =
            finds.sorter.into_inner().unwrap_or_else(PoisonError::into_inner).finish().map_err(local)?;
        let basis = Basis {
            plan: self.plan(),
            now: self.now,
            last_run: gathered.parent.as_ref().and_then(|(_, snapshot)| snapshot.day.parse().ok()),
            hashing: &self.host.secrets.hashing,
            trees,
            reread: self.request.reread,
            damaged: &gathered.damaged,
            first_seen: gathered.first_seen.as_ref(),
            report,
        };
        let cache = gathered.open_cache().map_err(local)?;
        let mut resolution = resolve::resolve(&basis, found, cache, (budget, spill)).map_err(local)?;
        if !resolution.undecided.is_empty() {
            self.progress.begin(Phase::Hashing, 0, 0);
            pipeline::decide_all(&basis, &mut resolution, crew, self.progress).map_err(local)?;
        }
        Ok(resolution)
    }

    /// A clock that runs ahead or behind shows in records that seem to come from the future.
    fn check_clamped(&self, report: &RunReport, entries: u64) -> Result<(), SnapshotError> {
        let clamped = report.count(Remark::FutureDay);
        if clamped >= 20 && clamped.saturating_mul(100) > entries {
            return Err(Refused::Clamped { clamped, entries }.into());
        }
        Ok(())
    }

    async fn store(
        &self,
        resolution: &mut Resolution,
        sessions: OpenSessions,
        keys: CohortKeys,
        trees: &[SourceRoot],
        report: &RunReport,
    ) -> Result<Stored, SnapshotError> {
        let run_identity = Identity::generate();
        let run_recipient = run_identity.recipient();
        let buffers = Arc::new(Buffers::default());
        let (outlet, upload) = Upload::begin(UploadParts {
            vault: self.host.vault.clone(),
            plan: self.plan().clone(),
            run: Keys::from(run_identity),
            hashing: self.host.secrets.hashing.clone(),
            progress: self.progress.clone(),
            journal: self.state.journal.clone(),
            buffers: buffers.clone(),
            indexes: self.state.indexes.clone(),
            limit_kib: self.host.settings.limit_upload_kib,
            recipients: keys.by_cohort(),
        });
        let catalog = self.host.trust.repository.catalog.parse().map_err(SnapshotError::Seal)?;
        let makers = Makers {
            plan: self.plan().name().clone(),
            hashing: &self.host.secrets.hashing,
            signing: &self.host.signing,
            catalog,
            run: run_recipient,
            outlet: &outlet,
            buffers: &buffers,
        };
        let empty = || Sorter::new(self.host.sort_memory_bytes(), self.host.home.spill());
        let churn = Churn::default();
        let shared = Shared {
            makers,
            cutter: Cutter::new(&self.host.secrets.gear_seed),
            trees,
            report,
            news: Mutex::new(std::mem::replace(&mut resolution.news, empty())),
            outcomes: Mutex::new(Vec::new()),
            progress: self.progress,
            racy_from: RacyFrom::run(self.now),
            churn: &churn,
            keeps_first_seen: self.plan().class() == Class::Application,
        };
        self.progress.begin(Phase::Storing, resolution.dirty_files, resolution.dirty_bytes);
        let engine = tokio::task::block_in_place(|| self.engine(&shared, resolution, sessions));
        let (news, outcomes) = (shared.news, shared.outcomes);
        drop(outlet);
        self.progress.begin(Phase::Committing, 0, 0);
        // A failed upload is the cause of a stopped engine: it is told first.
        let sent_bytes = upload.finish().await?;
        let extras = engine?;
        Ok(Stored {
            outcomes: outcomes.into_inner().unwrap_or_else(PoisonError::into_inner),
            tallies: std::mem::take(&mut resolution.cohorts),
            extras,
            keys,
            news: news.into_inner().unwrap_or_else(PoisonError::into_inner),
            sent_bytes,
            churn: (churn.counted(), resolution.removed_files),
        })
    }

    fn engine(
        &self,
        shared: &Shared<'_>,
        resolution: &mut Resolution,
        mut sessions: OpenSessions,
    ) -> Result<sessions::Extras, SnapshotError> {
        let empty = Sorter::new(0, self.host.home.spill());
        let dirty = std::mem::replace(&mut resolution.dirty, empty).finish().map_err(SessionError::Spill)?;
        sessions.take_gone(&mut resolution.cohorts);
        let names_parents = self.plan().class() == Class::Application;
        pipeline::store_all(shared, dirty, &mut sessions, names_parents, self.host.crew())?;
        sessions.finish_rest(shared)?;
        let today = self.plan().cohort_of(self.today()).clock_day().number();
        sessions.store_extras(shared, (today, &self.host.home), &resolution.directories)
    }
}

/// The clock days whose cohorts this run may add to: dirty ones, those with something gone, and today's for extras.
fn touched_days(resolution: &Resolution, today: i32, report: &RunReport) -> BTreeSet<i32> {
    let mut days = resolution.dirty_days.clone();
    days.extend(resolution.cohorts.iter().filter(|(_, tally)| !tally.gone.is_empty()).map(|(day, _)| *day));
    if !resolution.directories.is_empty() || !report.is_empty() || !days.is_empty() {
        days.insert(today);
    }
    days
}

/// Collects what the walk finds, by path digest.
struct Collected<'a> {
    sorter: Mutex<Sorter>,
    hashing: &'a crate::archive::digest::Hashing,
    report: &'a RunReport,
    progress: &'a Progress,
}

impl Finds for Collected<'_> {
    fn found(&self, batch: Vec<Found>) -> std::io::Result<()> {
        if self.progress.is_stopped() {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let encoded: Vec<_> =
            batch.iter().map(|found| (self.hashing.path(&found.path), found.encode())).collect();
        let bytes = batch.iter().map(|found| found.stat.size_bytes).sum();
        self.progress.files(crate::archive::wire::to_u64(batch.len()), bytes);
        let mut sorter = self.sorter.lock().unwrap_or_else(PoisonError::into_inner);
        encoded.iter().try_for_each(|(digest, bytes)| sorter.push(&digest.0, bytes))
    }

    fn refused(&self, refusal: Refusal) -> std::io::Result<()> {
        self.report.add(Remark::Skipped, &refusal.path, &refusal.reason);
        Ok(())
    }
}
