//! Opening cohort sessions with what may be built upon, and finishing what the engine leaves.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::{JoinError, JoinSet};

use crate::archive::compress::Compressor;
use crate::archive::digest::{PathDigest, Sha256};
use crate::archive::entry::Kind;
use crate::archive::layout;
use crate::archive::manifest::{self, DirectoryMeta};
use crate::archive::outlet::{ExistingPack, SessionError, Stopped};
use crate::archive::pipeline::Sessions;
use crate::archive::progress::Phase;
use crate::archive::records::InCohort;
use crate::archive::resolve::Tally;
use crate::archive::session::CohortSession;
use crate::archive::worker::{Shared, Worker};
use crate::config::Home;
use crate::domain::cohort::CohortId;
use crate::vault::VaultError;
use crate::workflows::repository::RepositoryError;

use super::Run;
use super::errors::SnapshotError;
use super::gather::{self, Gathered};
use super::keys::{CohortKeys, KeyInUse};

/// So much of a report is sealed into the snapshot, whole lines, bytes; the home has all of it.
const REPORT_BYTES_MAX: usize = 4 << 20;

/// What stands in the run-day cohort beside manifests.
#[derive(Default)]
pub(super) struct Extras {
    /// Directory metadata.
    pub(super) directories: Option<InCohort>,
    /// The run's report.
    pub(super) report: Option<InCohort>,
}

/// Packs of an unfinished run that are read at once.
const ADOPTED_READS_MAX: usize = 3;

/// Sessions to be opened, by clock day.
pub(super) struct OpenSessions {
    waiting: BTreeMap<i32, (KeyInUse, Vec<ExistingPack>)>,
    gone: BTreeMap<i32, Vec<PathDigest>>,
    extra: Option<(KeyInUse, Vec<ExistingPack>)>,
    today: i32,
    /// Days for which an index object cannot be read.
    pub(super) unreadable: BTreeSet<i32>,
}

/// Fetches what the sessions of `keys` may build upon.
pub(super) async fn prepare(
    run: &Run<'_>,
    gathered: &Gathered,
    keys: &CohortKeys,
    days: &BTreeSet<i32>,
) -> Result<OpenSessions, SnapshotError> {
    let (mut waiting, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
    for (day, key) in keys.by_day.iter().filter(|(day, _)| days.contains(day)) {
        let mut existing = Vec::new();
        if !key.is_new {
            let is_whole = indexed(run, gathered, (*day, &key.cohort), &mut existing).await?;
            if !is_whole && !gathered.damaged.contains(day) {
                unreadable.insert(*day);
            }
        }
        let taken = journalled(run, gathered, key, &existing).await?;
        existing.extend(taken);
        waiting.insert(*day, (key.clone(), existing));
    }
    let today = run.plan().cohort_of(run.today()).clock_day().number();
    let extra = waiting.get(&today).map(|(key, _)| (key.clone(), Vec::new()));
    Ok(OpenSessions { waiting, gone: BTreeMap::new(), extra, today, unreadable })
}

/// Packs that a signed snapshot's index names and that the store lists with the right size. False if an index object
/// cannot be read.
///
/// A damaged cohort starts over with index objects of its own, which name what is left of its packs.
async fn indexed(
    run: &Run<'_>,
    gathered: &Gathered,
    (day, cohort): (i32, &CohortId),
    existing: &mut Vec<ExistingPack>,
) -> Result<bool, SnapshotError> {
    let Some(carried) = gathered.cohorts.get(&day) else { return Ok(true) };
    let is_adopted = gathered.damaged.contains(&day);
    let mut is_whole = true;
    for name in &carried.indexes {
        let Some(index) = gather::read_index(run, cohort, name).await? else {
            is_whole = false;
            continue;
        };
        for (name, facts) in index.packs {
            if gathered.packs.get(&(*cohort, name)) == Some(&facts.size_bytes) {
                existing.push(ExistingPack { name, facts, is_adopted });
            }
        }
    }
    Ok(is_whole)
}

/// Packs of a run that did not finish: sealed to the same key, in the store, and the same bytes.
async fn journalled(
    run: &Run<'_>,
    gathered: &Gathered,
    key: &KeyInUse,
    existing: &[ExistingPack],
) -> Result<Vec<ExistingPack>, SnapshotError> {
    let recipient = key.recipient.to_string();
    let mut names: BTreeSet<Sha256> = existing.iter().map(|pack| pack.name).collect();
    let mut wanted = Vec::new();
    for pack in gathered.journalled.iter().filter(|pack| pack.cohort == key.cohort.to_string()) {
        let is_stored = gathered.packs.get(&(key.cohort, pack.name)) == Some(&pack.facts.size_bytes);
        if is_stored && pack.recipient == recipient && names.insert(pack.name) {
            wanted.push(pack);
        }
    }
    let mut reads = JoinSet::new();
    let mut whole = BTreeSet::new();
    let bytes = wanted.iter().map(|pack| pack.facts.size_bytes).sum();
    run.progress.begin(Phase::Verifying, crate::archive::wire::to_u64(wanted.len()), bytes);
    for pack in &wanted {
        if reads.len() >= ADOPTED_READS_MAX
            && let Some(done) = reads.join_next().await
        {
            whole.extend(read(done)?);
        }
        let (vault, progress) = (run.host.vault.clone(), run.progress.clone());
        let (key, name) = (layout::pack(run.plan().name(), &key.cohort, &pack.name), pack.name);
        reads.spawn(async move {
            let bytes = vault.get(&key, None).await?;
            progress.file(crate::archive::wire::to_u64(bytes.len()), Kind::File);
            Ok((Sha256::of(&bytes) == name).then_some(name))
        });
    }
    while let Some(done) = reads.join_next().await {
        whole.extend(read(done)?);
    }
    let taken = wanted.into_iter().filter(|pack| whole.contains(&pack.name));
    Ok(taken
        .map(|pack| ExistingPack { name: pack.name, facts: pack.facts.clone(), is_adopted: true })
        .collect())
}

/// Where the newest snapshot already has exactly this directory metadata, if it has: `directories` is then emptied.
///
/// Directories differ from their manifests for as long as these live: without this, every run would store them again.
pub(super) fn take_stored(
    run: &Run<'_>,
    gathered: &Gathered,
    directories: &mut Vec<DirectoryMeta>,
) -> Option<InCohort> {
    let (_, parent) = gathered.parent.as_ref()?;
    let stored = parent.directories.as_ref().filter(|_| !directories.is_empty())?;
    let cohort: CohortId = stored.cohort.parse().ok()?;
    let day = cohort.clock_day().number();
    let is_whole = gathered.carried.contains_key(&day)
        && !gathered.damaged.contains(&day)
        && gathered.packs.get(&(cohort, stored.location.pack)) == Some(&stored.location.pack_bytes);
    let chunk = run.host.secrets.hashing.chunk(&manifest::encode_directories(directories));
    if !is_whole || chunk != stored.location.chunk {
        return None;
    }
    directories.clear();
    Some(stored.clone())
}

fn read(
    done: Result<Result<Option<Sha256>, VaultError>, JoinError>,
) -> Result<Option<Sha256>, SnapshotError> {
    Ok(done.map_err(|e| RepositoryError::wrong("packs", e.to_string()))??)
}

impl Sessions for OpenSessions {
    fn session(&mut self, day: i32) -> Result<CohortSession, SessionError> {
        let (key, existing) = self.waiting.remove(&day).ok_or(Stopped)?;
        let gone = self.gone.remove(&day).unwrap_or_default();
        Ok(CohortSession::new(key.cohort, key.recipient, existing, gone))
    }
}

impl OpenSessions {
    /// Takes the paths that are gone from the tallies.
    pub(super) fn take_gone(&mut self, tallies: &mut BTreeMap<i32, Tally>) {
        for (day, tally) in tallies {
            if !tally.gone.is_empty() {
                self.gone.insert(*day, std::mem::take(&mut tally.gone));
            }
        }
    }

    /// Finishes cohorts that only lost something or only have packs to take over.
    pub(super) fn finish_rest(&mut self, shared: &Shared<'_>) -> Result<(), SnapshotError> {
        let mut worker = Worker::new(shared)?;
        let days: Vec<i32> = self.waiting.keys().copied().collect();
        for day in days {
            let has_adopted =
                self.waiting.get(&day).is_some_and(|(_, packs)| packs.iter().any(|pack| pack.is_adopted));
            if self.gone.contains_key(&day) || has_adopted {
                let session = self.session(day)?;
                session.close();
                worker.finish(&session)?;
            }
        }
        Ok(())
    }

    /// Stores directory metadata and the report in the run-day cohort.
    pub(super) fn store_extras(
        &mut self,
        shared: &Shared<'_>,
        (today, home): (i32, &Home),
        directories: &[DirectoryMeta],
    ) -> Result<Extras, SnapshotError> {
        let mut chunks = Vec::new();
        if !directories.is_empty() {
            chunks.push(manifest::encode_directories(directories));
        }
        let report = self.report_bytes(shared, home)?;
        let has_report = report.is_some();
        chunks.extend(report);
        let Some((key, existing)) = self.extra.take().filter(|_| !chunks.is_empty() && today == self.today)
        else {
            return Ok(Extras::default());
        };
        let session = CohortSession::new(key.cohort, key.recipient, existing, Vec::new());
        let mut compressor = Compressor::new().map_err(SessionError::from)?;
        let mut places = session.store_extras(&shared.makers, &mut compressor, &chunks)?;
        let outcome = session.finish(&shared.makers, &mut compressor)?;
        shared.outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
        let cohort = key.cohort.to_string();
        let in_cohort = |location| InCohort { cohort: cohort.clone(), location };
        let report = if has_report { places.pop().map(in_cohort) } else { None };
        Ok(Extras { directories: places.pop().map(in_cohort), report })
    }

    fn report_bytes(&self, shared: &Shared<'_>, home: &Home) -> Result<Option<Vec<u8>>, SnapshotError> {
        let local = |source| SnapshotError::local(home, "the run's report", source);
        if shared.report.is_empty() {
            return Ok(None);
        }
        let bytes = shared.report.for_snapshot(REPORT_BYTES_MAX).map_err(local)?;
        Ok((!bytes.is_empty()).then_some(bytes))
    }
}
