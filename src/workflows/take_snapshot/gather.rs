//! What is known before a run begins: what the store holds, the newest snapshot, the cache, the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::erasure::ErasureHead;
use crate::archive::index::Index;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{Snapshot, SnapshotCohort};
use crate::archive::resolve::FirstSeen;
use crate::archive::stat_cache::CacheReader;
use crate::domain::clock_evidence::{Doubt, WORD_MINUTES_MAX, disagreement};
use crate::domain::cohort::CohortId;
use crate::domain::plan::Class;
use crate::vault::Lock;
use crate::workflows::chain::Chain;
use crate::workflows::clocks;
use crate::workflows::desk::tokyo;
use crate::workflows::erasures::{self, ErasureError};
use crate::workflows::expire::TODAY;
use crate::workflows::journal::JournalledPack;
use crate::workflows::rebuild;
use crate::workflows::repository::{RepositoryError, open_signed};
use crate::workflows::snapshots::{SnapshotKeys, SnapshotName};
use crate::workflows::upload::put_and_compare;

use super::Run;
use super::bases::{self, BaseAtHand, Newest};
use super::changes::Changes;
use super::errors::{Refused, SnapshotError};

/// What is known before a run begins.
pub(super) struct Gathered {
    /// Sizes of the packs in the store.
    pub(super) packs: BTreeMap<(CohortId, Sha256), u64>,
    /// Cohort keys in the store.
    keys: BTreeSet<(CohortId, u32)>,
    /// The newest snapshot.
    pub(super) parent: Option<(SnapshotName, Snapshot)>,
    /// What the next snapshot may build on.
    pub(super) base: Option<BaseAtHand>,
    /// Its cohorts by clock day, if the cache knows them: those are built upon.
    pub(super) carried: BTreeMap<i32, SnapshotCohort>,
    /// Its cohorts by clock day, whether the cache is there or not: their chunks may be reused.
    pub(super) cohorts: BTreeMap<i32, SnapshotCohort>,
    /// Index objects in the store.
    indexes: BTreeSet<(CohortId, Sha256)>,
    /// Days whose cohorts lost their key, an index object or a pack.
    pub(super) damaged: BTreeSet<i32>,
    /// What was first seen when, if the cache was lost.
    pub(super) first_seen: Option<FirstSeen>,
    /// Packs of a run that did not finish.
    pub(super) journalled: Vec<JournalledPack>,
    /// How far the plan's erasure orders go.
    pub(super) erasures: Option<ErasureHead>,
    cache: Option<PathBuf>,
    /// What is noted of changes with the newest snapshot.
    pub(super) changes: Changes,
}

impl Gathered {
    /// Numbers of a cohort's key objects in the store, ascending.
    pub(super) fn key_numbers(&self, cohort: &CohortId) -> Vec<u32> {
        let range = (*cohort, 0)..=(*cohort, u32::MAX);
        self.keys.range(range).map(|(_, number)| *number).collect()
    }

    /// The file of the stat cache of the newest snapshot.
    pub(super) fn cache_file(&self) -> Option<&std::path::Path> {
        self.cache.as_deref()
    }

    /// The stat cache of the newest snapshot, opened.
    pub(super) fn open_cache(&self) -> io::Result<CacheReader> {
        self.cache.as_deref().map_or_else(|| Ok(CacheReader::empty()), CacheReader::open)
    }
}

/// Refuses to store anything while a clock outside the machine disagrees with this one's. One that does not answer says
/// nothing: a snapshot must not wait for it.
async fn check_clock(run: &Run<'_>) -> Result<(), SnapshotError> {
    let vault = &run.host.vault;
    let store = (vault.address(), vault.outside_time().await?);
    let outside = clocks::readings(store, &run.host.clocks).await;
    match disagreement(run.now, &outside) {
        Some(Doubt::Disagreement { source, ahead_seconds }) => {
            Err(Refused::ClockDisagrees { source_name: source, ahead_seconds }.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// Gathers.
pub(super) async fn gather(run: &Run<'_>) -> Result<Gathered, SnapshotError> {
    check_clock(run).await?;
    let plan = run.plan();
    let mut packs = BTreeMap::new();
    let (mut keys, mut indexes) = (BTreeSet::new(), BTreeSet::new());
    let mut sizes = BTreeMap::new();
    for listed in run.host.vault.list(&format!("{}/", plan.name())).await? {
        match layout::parse(&listed.key) {
            Some(ObjectKind::Pack(_, cohort, name)) => {
                packs.insert((cohort, name), listed.size_bytes);
            }
            Some(ObjectKind::CohortKey(_, cohort, number)) => {
                keys.insert((cohort, number));
            }
            Some(ObjectKind::Index(_, cohort, name)) => {
                indexes.insert((cohort, name));
            }
            Some(ObjectKind::Snapshot(plan, sequence, digest)) => {
                sizes.insert(SnapshotName { plan, sequence, digest }, listed.size_bytes);
            }
            Some(_) | None => {}
        }
    }
    let (chain, Newest { parent, base, is_whole }) = newest(run, &sizes).await?;
    let is_news = check_head(run, &chain, parent.as_ref()).await?;
    let cache = run
        .state
        .settle(parent.as_ref().map(|(name, _)| name.digest))
        .map_err(|source| SnapshotError::local(&run.host.home, "the stat cache", source))?
        // Cohorts of which nothing is known any more cannot be built upon: everything is read again.
        .filter(|_| is_whole);
    let parent_digest = parent.as_ref().map(|(name, _)| name.digest);
    let cohorts = living_cohorts(run, parent.as_ref().map(|(_, snapshot)| snapshot))?;
    let journalled = run
        .state
        .journal
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .read()
        .map_err(|source| SnapshotError::local(&run.host.home, "the journal", source))?;
    let erasures = erasure_head(run, parent.as_ref().map(|(_, snapshot)| snapshot)).await?;
    let mut gathered = Gathered {
        packs,
        keys,
        indexes,
        parent,
        base,
        carried: if cache.is_some() { cohorts.clone() } else { BTreeMap::new() },
        cohorts,
        damaged: BTreeSet::new(),
        first_seen: None,
        journalled,
        erasures,
        cache,
        changes: run.state.changes(parent_digest),
    };
    if is_news {
        absorb(run, &gathered).await?;
    }
    gathered.damaged = damaged(run, &gathered).await?;
    put_back_indexes(run, &mut gathered).await?;
    if gathered.cache.is_none() && plan.class() == Class::Application && gathered.parent.is_some() {
        let (seen, unreadable) = first_seen(run, &gathered).await?;
        gathered.first_seen = Some(seen);
        gathered.damaged.extend(unreadable);
    }
    Ok(gathered)
}

/// How far erasure orders go. If one is lost, what was known of them stays: restores then refuse until it is back.
async fn erasure_head(
    run: &Run<'_>,
    parent: Option<&Snapshot>,
) -> Result<Option<ErasureHead>, SnapshotError> {
    let known = erasures::known_by(parent);
    let (host, plan) = (run.host, run.plan().name());
    match erasures::load(&*host.vault, &host.trust, &host.secrets.catalog, plan, &known).await {
        Ok(ledger) => Ok(ledger.head),
        Err(ErasureError::Repository(error)) if !error.is_of_object() => Err(error.into()),
        Err(reason) => {
            tracing::error!(%plan, %reason, "an erasure order is missing or altered");
            Ok(parent.and_then(|parent| parent.erasures))
        }
    }
}

/// The plan's chain and the newest snapshot in it.
///
/// What is missing or was altered in the store does not end a run: the sooner a whole snapshot stands there again, the
/// better. It is told, and restore and verify refuse or name it.
async fn newest(
    run: &Run<'_>,
    sizes: &BTreeMap<SnapshotName, u64>,
) -> Result<(Chain, Newest), SnapshotError> {
    let keys = SnapshotKeys::new(&run.host.trust, &run.host.secrets.catalog, run.now);
    let names: Vec<SnapshotName> = sizes.keys().cloned().collect();
    let mut chain = Chain::settle(&*run.host.vault, &names, &keys).await?;
    let signed = chain.newest_signed(&*run.host.vault, &keys).await?;
    chain.tell_aside();
    if let Err(broken) = chain.check_sequence(run.plan().name()) {
        tracing::warn!(%broken, "snapshots are missing from the store");
    }
    let newest = bases::settle(run, (&chain, sizes), signed, &keys).await?;
    Ok((chain, newest))
}

/// The store must not be behind what this host remembers, nor the clock behind the newest snapshot.
///
/// What this host remembers as the newest must be in the store, whole or altered: an altered one is damage, not a
/// rolled-back store. Gives whether the store's newest snapshot is news to the catalog.
async fn check_head(
    run: &Run<'_>,
    chain: &Chain,
    parent: Option<&(SnapshotName, Snapshot)>,
) -> Result<bool, SnapshotError> {
    let known = run.catalog.head(run.plan().name().as_str()).await?;
    let stored = chain.head();
    if let Some(known) = &known {
        let is_altered = chain
            .aside
            .iter()
            .any(|aside| aside.name.sequence == known.sequence && aside.name.digest == known.digest);
        if !is_altered && !chain.has(known.sequence, &known.digest) {
            return Err(Refused::RolledBack { stored, known: known.sequence }.into());
        }
    }
    if let Some((_, snapshot)) = parent
        && let Ok(last) = snapshot.taken_at.parse::<jiff::Timestamp>()
        && run.now.as_micros() < last.as_microsecond()
        && !is_said(run).await?
    {
        return Err(Refused::ClockBehind { now: run.now, last: snapshot.taken_at.clone() }.into());
    }
    Ok(parent.is_some_and(|(name, _)| known.is_none_or(|known| known.digest != name.digest)))
}

/// Whether a person said today what day it is, and it is the clock's: then the clock was wrong when the newest was taken.
async fn is_said(run: &Run<'_>) -> Result<bool, SnapshotError> {
    let Some(line) = run.catalog.audit_newest_of(TODAY).await? else { return Ok(false) };
    let (at, zone) = (line.entry.at, tokyo());
    let is_fresh = at <= run.now && run.now < at.plus_minutes(WORD_MINUTES_MAX);
    Ok(is_fresh && line.entry.subject.parse() == Ok(zone.day_of(run.now)))
}

/// Records the newest snapshot in the catalog: a run that ended after it was stored, or another host, did not. Rows of
/// snapshots that took its number, or a later one, and are damaged give way.
async fn absorb(run: &Run<'_>, gathered: &Gathered) -> Result<(), SnapshotError> {
    let Some((name, snapshot)) = &gathered.parent else { return Ok(()) };
    let mut packs = Vec::new();
    for cohort in gathered.cohorts.values() {
        let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
        for digest in &cohort.indexes {
            if let Some(index) = read_index(run, &id, digest).await? {
                packs.extend(rebuild::pack_rows(&name.plan, &id, index));
            }
        }
    }
    run.catalog.forget_snapshots_from(name.plan.as_str(), name.sequence).await?;
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

/// Days whose cohorts lost their key object, an index object or a pack that this host knows of.
async fn damaged(run: &Run<'_>, gathered: &Gathered) -> Result<BTreeSet<i32>, SnapshotError> {
    let mut damaged = run.state.repairs();
    damaged.retain(|day| gathered.carried.contains_key(day));
    let mut days = BTreeMap::new();
    for (day, cohort) in &gathered.carried {
        if let Ok(id) = cohort.cohort.parse::<CohortId>() {
            days.insert(id, *day);
            if !gathered.keys.contains(&(id, cohort.key_number)) {
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

/// Puts lost index objects back from their local copies; a cohort that lost one for good must be sent again.
async fn put_back_indexes(run: &Run<'_>, gathered: &mut Gathered) -> Result<(), SnapshotError> {
    let plan = run.plan();
    for (day, cohort) in &gathered.cohorts {
        let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
        for name in cohort.indexes.iter().filter(|name| !gathered.indexes.contains(&(id, **name))) {
            let key = layout::index(plan.name(), &id, name);
            match run.state.indexes.read(name) {
                Some(copy) => {
                    let until = id.delete_from(plan.retention(), plan.zone());
                    let lock = Lock { until, mode: plan.lock_mode() };
                    put_and_compare(&*run.host.vault, &key, &copy.into(), Some(lock)).await?;
                    tracing::warn!(object = %key, "a lost index object was put back");
                }
                None => {
                    tracing::warn!(object = %key, "an index object is lost; its cohort is sent again");
                    gathered.damaged.insert(*day);
                }
            }
        }
    }
    Ok(())
}

/// Reads first-seen digests of all living cohorts from their index objects; also the days for which one is unreadable.
async fn first_seen(run: &Run<'_>, gathered: &Gathered) -> Result<(FirstSeen, BTreeSet<i32>), SnapshotError> {
    let (mut seen, mut unreadable) = (FirstSeen::new(), BTreeSet::new());
    for (day, cohort) in &gathered.cohorts {
        let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
        for name in &cohort.indexes {
            let Some(index) = read_index(run, &id, name).await? else {
                unreadable.insert(*day);
                continue;
            };
            for digest in index.seen {
                seen.insert(digest, *day);
            }
        }
    }
    Ok((seen, unreadable))
}

/// An index object, from the local copy or the store; `None` if it is lost or not what it must be.
pub(super) async fn read_index(
    run: &Run<'_>,
    cohort: &CohortId,
    name: &Sha256,
) -> Result<Option<Index>, SnapshotError> {
    match fetch_index(run, cohort, name).await {
        Ok(index) => Ok(Some(index)),
        Err(reason) if reason.is_of_object() => {
            let object = layout::index(run.plan().name(), cohort, name);
            tracing::warn!(%object, %reason, "an index object is not what it must be");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn fetch_index(run: &Run<'_>, cohort: &CohortId, name: &Sha256) -> Result<Index, RepositoryError> {
    let plan = run.plan().name();
    let key = layout::index(plan, cohort, name);
    let sealed = match run.state.indexes.read(name) {
        Some(copy) => copy,
        None => {
            let bytes = run.host.vault.get(&key, None).await?;
            if Sha256::of(&bytes) != *name {
                return Err(RepositoryError::wrong(&key, "its bytes are not those that its name states"));
            }
            run.state.indexes.keep(name, &bytes);
            bytes.to_vec()
        }
    };
    let signers = run.host.trust.host_keys();
    let payload = open_signed(&key, &sealed, &run.host.secrets.catalog, payload_type::INDEX, &signers)?;
    Index::decode(&payload.payload, plan.as_str(), &cohort.to_string())
        .map_err(|e| RepositoryError::wrong(&key, e.to_string()))
}
