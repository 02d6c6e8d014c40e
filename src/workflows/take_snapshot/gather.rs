//! What is known before a run begins: what the store holds, the newest snapshot, the cache, the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::index::Index;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{Snapshot, SnapshotCohort};
use crate::archive::resolve::FirstSeen;
use crate::archive::stat_cache::CacheReader;
use crate::domain::cohort::CohortId;
use crate::domain::plan::Class;
use crate::workflows::journal::JournalledPack;
use crate::workflows::rebuild;
use crate::workflows::repository::{RepositoryError, open_signed};
use crate::workflows::snapshots::{self, SnapshotKeys, SnapshotName};

use super::Run;
use super::errors::{Refused, SnapshotError};

/// What is known before a run begins.
pub(super) struct Gathered {
    /// Sizes of the packs in the store.
    pub(super) packs: BTreeMap<(CohortId, Sha256), u64>,
    /// Cohort keys in the store.
    pub(super) keys: BTreeSet<(CohortId, u32)>,
    /// The newest snapshot.
    pub(super) parent: Option<(SnapshotName, Snapshot)>,
    /// Its cohorts by clock day, if the cache knows them: those are built upon.
    pub(super) carried: BTreeMap<i32, SnapshotCohort>,
    /// Its cohorts by clock day, whether the cache is there or not: their chunks may be reused.
    pub(super) cohorts: BTreeMap<i32, SnapshotCohort>,
    /// Days whose cohorts lost their key or a pack.
    pub(super) damaged: BTreeSet<i32>,
    /// What was first seen when, if the cache was lost.
    pub(super) first_seen: Option<FirstSeen>,
    /// Packs of a run that did not finish.
    pub(super) journalled: Vec<JournalledPack>,
    cache: Option<PathBuf>,
}

impl Gathered {
    /// The file of the stat cache of the newest snapshot.
    pub(super) fn cache_file(&self) -> Option<&std::path::Path> {
        self.cache.as_deref()
    }

    /// The stat cache of the newest snapshot, opened.
    pub(super) fn open_cache(&self) -> io::Result<CacheReader> {
        self.cache.as_deref().map_or_else(|| Ok(CacheReader::empty()), CacheReader::open)
    }
}

/// Gathers.
pub(super) async fn gather(run: &Run<'_>) -> Result<Gathered, SnapshotError> {
    let plan = run.plan();
    let mut packs = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let mut names = Vec::new();
    for listed in run.host.vault.list(&format!("{}/", plan.name())).await? {
        match layout::parse(&listed.key) {
            Some(ObjectKind::Pack(_, cohort, name)) => {
                packs.insert((cohort, name), listed.size_bytes);
            }
            Some(ObjectKind::CohortKey(_, cohort, set)) => {
                keys.insert((cohort, set));
            }
            Some(ObjectKind::Snapshot(plan, sequence, digest)) => {
                names.push(SnapshotName { plan, sequence, digest });
            }
            Some(_) | None => {}
        }
    }
    names.sort();
    snapshots::check_sequence(plan.name(), &names).map_err(|e| chain_error(&e))?;
    let parent = match names.last() {
        Some(name) => Some((name.clone(), fetch(run, name).await?)),
        None => None,
    };
    let known = check_head(run, parent.as_ref()).await?;
    let cache = run
        .state
        .settle(parent.as_ref().map(|(name, _)| name.digest))
        .map_err(|source| SnapshotError::Local { what: "the stat cache", source })?;
    let cohorts = living_cohorts(run, parent.as_ref().map(|(_, snapshot)| snapshot))?;
    let journalled = run
        .state
        .journal
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .read()
        .map_err(|source| SnapshotError::Local { what: "the journal", source })?;
    let mut gathered = Gathered {
        packs,
        keys,
        parent,
        carried: if cache.is_some() { cohorts.clone() } else { BTreeMap::new() },
        cohorts,
        damaged: BTreeSet::new(),
        first_seen: None,
        journalled,
        cache,
    };
    if gathered.parent.as_ref().is_some_and(|(name, _)| name.sequence > known) {
        absorb(run, &gathered).await?;
    }
    gathered.damaged = damaged(run, &gathered).await?;
    if gathered.cache.is_none() && plan.class() == Class::Application && gathered.parent.is_some() {
        gathered.first_seen = Some(first_seen(run, &gathered).await?);
    }
    Ok(gathered)
}

fn chain_error(error: &snapshots::ChoiceError) -> SnapshotError {
    RepositoryError::wrong("snapshots", error.to_string()).into()
}

async fn fetch(run: &Run<'_>, name: &SnapshotName) -> Result<Snapshot, SnapshotError> {
    let keys = SnapshotKeys { trust: &run.host.trust, keys: &run.host.secrets.catalog };
    Ok(snapshots::fetch(&*run.host.vault, name, &keys).await?)
}

/// The store must not be behind what this host remembers, nor the clock behind the newest snapshot.
///
/// Gives the number of the newest snapshot that the catalog knows, 0 for none.
async fn check_head(run: &Run<'_>, parent: Option<&(SnapshotName, Snapshot)>) -> Result<u64, SnapshotError> {
    let known = run.catalog.head(run.plan().name().as_str()).await?;
    let stored = parent.map_or(0, |(name, _)| name.sequence);
    if let Some(known) = &known {
        let is_other =
            parent.is_some_and(|(name, _)| name.sequence == known.sequence && name.digest != known.digest);
        if known.sequence > stored || is_other {
            return Err(Refused::RolledBack { stored, known: known.sequence }.into());
        }
    }
    if let Some((_, snapshot)) = parent
        && let Ok(last) = snapshot.taken_at.parse::<jiff::Timestamp>()
        && run.now.as_micros() < last.as_microsecond()
    {
        return Err(Refused::ClockBehind { now: run.now, last: snapshot.taken_at.clone() }.into());
    }
    Ok(known.map_or(0, |known| known.sequence))
}

/// Records the newest snapshot in the catalog: a run that ended after it was stored, or another host, did not.
async fn absorb(run: &Run<'_>, gathered: &Gathered) -> Result<(), SnapshotError> {
    let Some((name, snapshot)) = &gathered.parent else { return Ok(()) };
    let mut packs = Vec::new();
    for cohort in gathered.cohorts.values() {
        let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
        for digest in &cohort.indexes {
            packs.extend(rebuild::pack_rows(&name.plan, &id, read_index(run, &id, digest).await?));
        }
    }
    Ok(run.catalog.record_snapshot(&rebuild::row(name, snapshot)?, &packs).await?)
}

/// The newest snapshot's cohorts that still count: not yet deletable; of a system plan, this generation only.
fn living_cohorts(
    run: &Run<'_>,
    parent: Option<&Snapshot>,
) -> Result<BTreeMap<i32, SnapshotCohort>, SnapshotError> {
    let plan = run.plan();
    let mut living = BTreeMap::new();
    for cohort in parent.map_or(&[][..], |snapshot| &snapshot.cohorts) {
        let id: CohortId = cohort
            .cohort
            .parse()
            .map_err(|_| RepositoryError::wrong("snapshot", "a cohort in it has no valid name"))?;
        let is_current = match plan.class() {
            Class::Application => run.now < id.delete_from(plan.retention(), plan.zone()),
            Class::System => id == plan.cohort_of(run.today()),
        };
        if is_current {
            living.insert(id.clock_day().number(), cohort.clone());
        }
    }
    Ok(living)
}

/// Days whose cohorts lost their key object or a pack that this host knows of.
async fn damaged(run: &Run<'_>, gathered: &Gathered) -> Result<BTreeSet<i32>, SnapshotError> {
    let mut damaged = run.state.repairs();
    damaged.retain(|day| gathered.carried.contains_key(day));
    let mut days = BTreeMap::new();
    for (day, cohort) in &gathered.carried {
        if let Ok(id) = cohort.cohort.parse::<CohortId>() {
            days.insert(id, *day);
            if !gathered.keys.contains(&(id, cohort.set)) {
                damaged.insert(*day);
            }
        }
    }
    for pack in run.catalog.packs_of(run.plan().name().as_str()).await? {
        let Ok(id) = pack.cohort.parse::<CohortId>() else { continue };
        let Some(day) = days.get(&id) else { continue };
        if gathered.packs.get(&(id, pack.name)) != Some(&pack.size_bytes) {
            damaged.insert(*day);
        }
    }
    Ok(damaged)
}

/// Reads first-seen digests of all living cohorts from their index objects.
async fn first_seen(run: &Run<'_>, gathered: &Gathered) -> Result<FirstSeen, SnapshotError> {
    let mut seen = FirstSeen::new();
    for (day, cohort) in &gathered.cohorts {
        let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
        for name in &cohort.indexes {
            for digest in read_index(run, &id, name).await?.seen {
                seen.insert(digest, *day);
            }
        }
    }
    Ok(seen)
}

/// An index object, from the local copy or the store.
pub(super) async fn read_index(
    run: &Run<'_>,
    cohort: &CohortId,
    name: &Sha256,
) -> Result<Index, SnapshotError> {
    let plan = run.plan().name();
    let key = layout::index(plan, cohort, name);
    let sealed = match std::fs::read(run.state.index_copy(name)) {
        Ok(bytes) if Sha256::of(&bytes) == *name => bytes,
        Ok(_) | Err(_) => {
            let bytes = run.host.vault.get(&key, None).await?;
            if Sha256::of(&bytes) != *name {
                return Err(
                    RepositoryError::wrong(&key, "its bytes are not those that its name states").into()
                );
            }
            run.state.keep_index(name, &bytes);
            bytes.to_vec()
        }
    };
    let signers = run.host.trust.host_keys();
    let payload = open_signed(&key, &sealed, &run.host.secrets.catalog, payload_type::INDEX, &signers)?;
    Index::decode(&payload.payload, plan.as_str(), &cohort.to_string())
        .map_err(|e| RepositoryError::wrong(&key, e.to_string()).into())
}
