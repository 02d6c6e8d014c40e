//! On which whole snapshot the next one may build, and what is known if the base of the newest one is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::archive::base::Base;
use crate::archive::records::Snapshot;
use crate::domain::plan::Class;
use crate::domain::snapshot_base::BaseCost;
use crate::workflows::chain::Chain;
use crate::workflows::repository::RepositoryError;
use crate::workflows::snapshots::{self, SnapshotKeys, SnapshotName};

use super::Run;

/// So many snapshots before a lost base are tried, to learn what was stored then.
const OLDER_MAX: usize = 8;

/// A whole snapshot in the store that was just read and is right.
pub(super) struct BaseAtHand {
    /// How it is referred to.
    pub(super) named: Base,
    /// What it lists.
    pub(super) snapshot: Arc<Snapshot>,
    /// What it and those that build on it take.
    pub(super) cost: BaseCost,
}

/// The newest snapshot.
#[derive(Default)]
pub(super) struct Newest {
    /// With what it takes from its base.
    pub(super) parent: Option<(SnapshotName, Snapshot)>,
    /// What the next one may build on.
    pub(super) base: Option<BaseAtHand>,
    /// Whether all of its cohorts are known.
    pub(super) is_whole: bool,
}

/// Completes the newest snapshot that a host signed from its base.
///
/// If the base is lost, the newest one keeps its place in the chain. What it does not list itself is taken from an older
/// snapshot, so that chunks are found again; nothing is built on that, and the next snapshot lists everything anew.
pub(super) async fn settle(
    run: &Run<'_>,
    (chain, sizes): (&Chain, &BTreeMap<SnapshotName, u64>),
    signed: Option<(SnapshotName, Snapshot)>,
    keys: &SnapshotKeys<'_>,
) -> Result<Newest, RepositoryError> {
    let Some((name, own)) = signed else { return Ok(Newest { is_whole: true, ..Newest::default() }) };
    let vault = &*run.host.vault;
    match snapshots::whole(vault, &name, own.clone(), keys).await {
        Ok(snapshot) => {
            let base = at_hand(run, (chain, sizes), (&name, &snapshot), keys).await?;
            Ok(Newest { parent: Some((name, snapshot)), base, is_whole: true })
        }
        Err(reason) if reason.is_of_object() => {
            tracing::error!(object = %name.key(), %reason, "everything is read again and listed anew");
            let known = with_older(run, chain, own, keys).await?;
            Ok(Newest { parent: Some((name, known)), base: None, is_whole: false })
        }
        Err(error) => Err(error),
    }
}

/// What the next snapshot may build on: the newest one, or the base of that. A generation has one entry, which every run
/// changes: nothing is won there.
async fn at_hand(
    run: &Run<'_>,
    (chain, sizes): (&Chain, &BTreeMap<SnapshotName, u64>),
    (name, newest): (&SnapshotName, &Snapshot),
    keys: &SnapshotKeys<'_>,
) -> Result<Option<BaseAtHand>, RepositoryError> {
    let named = newest.base.clone().or_else(|| Base::of(newest, name.digest));
    let named = named.filter(|base| run.plan().class() == Class::Application && !base.is_over(run.now));
    let Some(named) = named else { return Ok(None) };
    let snapshot = match snapshots::base(&*run.host.vault, run.plan().name(), &named, keys).await {
        Ok(snapshot) => snapshot,
        Err(error) if error.is_of_object() => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = |name: &SnapshotName| sizes.get(name).copied().unwrap_or(0);
    let later = chain.names.iter().filter(|name| name.sequence > named.sequence);
    let cost = BaseCost {
        base_bytes: size(&snapshots::base_name(run.plan().name(), &named)),
        dependents: newest.sequence.saturating_sub(named.sequence),
        dependent_bytes: later.map(size).fold(0, u64::saturating_add),
    };
    Ok(Some(BaseAtHand { named, snapshot, cost }))
}

/// What a snapshot lists itself, and of the other cohorts what the newest whole one before its base knew.
async fn with_older(
    run: &Run<'_>,
    chain: &Chain,
    own: Snapshot,
    keys: &SnapshotKeys<'_>,
) -> Result<Snapshot, RepositoryError> {
    let before = own.base.as_ref().map_or(own.sequence, |base| base.sequence);
    let older = chain.names.iter().rev().filter(|name| name.sequence < before);
    for name in older.take(OLDER_MAX) {
        match snapshots::fetch(&*run.host.vault, name, keys).await {
            Ok(older) => {
                let known: BTreeSet<&String> =
                    own.cohorts.iter().map(|cohort| &cohort.cohort).chain(&own.gone).collect();
                let others = older.cohorts.into_iter().filter(|cohort| !known.contains(&cohort.cohort));
                let cohorts = others.chain(own.cohorts.iter().cloned()).collect();
                return Ok(Snapshot { cohorts, ..own });
            }
            Err(error) if error.is_of_object() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(own)
}
