//! Snapshots in the store: listing their names, fetching and opening one, with what it takes from its base.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::base::Base;
use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::Snapshot;
use crate::archive::seal::Keys;
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;
use crate::vault::Vault;

use super::repository::{RepositoryError, Trust, decode, open_signed};

/// A snapshot's name in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// Its plan.
    pub plan: PlanName,
    /// Its place in the plan's chain.
    pub sequence: u64,
    /// SHA-256 of the object; shown to people as its first 12 digits.
    pub digest: Sha256,
}

impl SnapshotName {
    /// The object's key.
    pub fn key(&self) -> String {
        layout::snapshot(&self.plan, self.sequence, &self.digest)
    }

    /// The id that people type: the first 12 hexadecimal digits.
    pub fn short(&self) -> String {
        self.digest.to_string().chars().take(12).collect()
    }
}

/// So many bases are kept while snapshots are opened; most have the same one as the one before.
const BASES_MAX: usize = 4;

/// Who can open and check snapshots.
pub struct SnapshotKeys<'a> {
    /// The repository and the hosts that count.
    pub trust: &'a Trust,
    /// Opens them: the catalog key or a recovery key.
    pub keys: &'a Keys,
    /// What time it is: a base whose time is over may be gone.
    now: Instant,
    /// Whole snapshots that were opened last. A digest names them: it does not matter from which store they came.
    bases: Mutex<VecDeque<(Sha256, Arc<Snapshot>)>>,
}

impl<'a> SnapshotKeys<'a> {
    /// Opens snapshots for as long as one act lasts.
    pub const fn new(trust: &'a Trust, keys: &'a Keys, now: Instant) -> Self {
        Self { trust, keys, now, bases: Mutex::new(VecDeque::new()) }
    }

    fn kept(&self, digest: &Sha256) -> Option<Arc<Snapshot>> {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.iter().find(|(name, _)| name == digest).map(|(_, base)| base.clone())
    }

    fn keep(&self, digest: Sha256, snapshot: &Snapshot) {
        if snapshot.base.is_some() || self.kept(&digest).is_some() {
            return;
        }
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.push_front((digest, Arc::new(snapshot.clone())));
        bases.truncate(BASES_MAX);
    }
}

/// All snapshots in the store, by plan, ascending in sequence.
pub async fn list(
    vault: &dyn Vault,
    plan: Option<&PlanName>,
) -> Result<BTreeMap<PlanName, Vec<SnapshotName>>, RepositoryError> {
    let prefix = plan.map(layout::snapshots).unwrap_or_default();
    Ok(by_plan(vault.list(&prefix).await?.iter().map(|listed| &listed.key)))
}

/// The snapshots among the keys of objects, by plan, ascending in sequence.
pub fn by_plan<'k>(keys: impl Iterator<Item = &'k String>) -> BTreeMap<PlanName, Vec<SnapshotName>> {
    let mut all: BTreeMap<PlanName, Vec<SnapshotName>> = BTreeMap::new();
    for key in keys {
        if let Some(ObjectKind::Snapshot(plan, sequence, digest)) = layout::parse(key) {
            all.entry(plan.clone()).or_default().push(SnapshotName { plan, sequence, digest });
        }
    }
    for names in all.values_mut() {
        names.sort();
    }
    all
}

/// Fetches, opens and checks one snapshot, with the cohorts that it takes from its base.
pub async fn fetch(
    vault: &dyn Vault,
    name: &SnapshotName,
    keys: &SnapshotKeys<'_>,
) -> Result<Snapshot, RepositoryError> {
    let own = open(vault, name, keys).await?;
    whole(vault, name, own, keys).await
}

/// Fetches, opens and checks one snapshot as it is written: with a base it lists some of its cohorts only.
pub async fn open(
    vault: &dyn Vault,
    name: &SnapshotName,
    keys: &SnapshotKeys<'_>,
) -> Result<Snapshot, RepositoryError> {
    let key = name.key();
    let sealed = vault.get(&key, None).await?;
    if Sha256::of(&sealed) != name.digest {
        return Err(RepositoryError::wrong(&key, "its bytes are not those that its name states"));
    }
    let verified = open_signed(&key, &sealed, keys.keys, payload_type::SNAPSHOT, &keys.trust.host_keys())?;
    let snapshot: Snapshot = decode(&key, &verified.payload)?;
    if snapshot.format != crate::archive::records::FORMAT {
        return Err(RepositoryError::NewerFormat { found: snapshot.format });
    }
    if !keys.trust.counted(&verified.signer, &snapshot.taken_at) {
        return Err(RepositoryError::wrong(&key, "the host key that signed it did not count at that time"));
    }
    let is_right = snapshot.repository == keys.trust.repository.repository
        && snapshot.plan == name.plan.as_str()
        && snapshot.sequence == name.sequence;
    if !is_right {
        return Err(RepositoryError::wrong(&key, "it is for another place"));
    }
    keys.keep(name.digest, &snapshot);
    Ok(snapshot)
}

/// A snapshot as it was written, with the cohorts that it takes from its base. Once the time of the base is over it may be
/// gone: none of its cohorts is owed any more, and the snapshot has those that it lists itself.
pub async fn whole(
    vault: &dyn Vault,
    name: &SnapshotName,
    own: Snapshot,
    keys: &SnapshotKeys<'_>,
) -> Result<Snapshot, RepositoryError> {
    let Some(named) = own.base.clone() else { return Ok(own) };
    let refused = |source| {
        let base = base_name(&name.plan, &named).key();
        Err(RepositoryError::Base { key: name.key(), base, source: Box::new(source) })
    };
    match base(vault, &name.plan, &named, keys).await {
        Ok(base) => own.on(&base).or_else(|problem| refused(RepositoryError::wrong(&name.key(), problem))),
        Err(error) if !error.is_of_object() => Err(error),
        Err(_) if named.is_over(keys.now) => Ok(own),
        Err(error) => refused(error),
    }
}

/// The name of a base.
pub fn base_name(plan: &PlanName, base: &Base) -> SnapshotName {
    SnapshotName { plan: plan.clone(), sequence: base.sequence, digest: base.digest }
}

/// A base, fetched once for all that build on it.
pub async fn base(
    vault: &dyn Vault,
    plan: &PlanName,
    base: &Base,
    keys: &SnapshotKeys<'_>,
) -> Result<Arc<Snapshot>, RepositoryError> {
    let name = base_name(plan, base);
    match keys.kept(&name.digest) {
        // The digest says what it is; the name that stands in a snapshot could still be another one.
        Some(kept) if kept.plan == plan.as_str() && kept.sequence == base.sequence => Ok(kept),
        Some(_) => Err(RepositoryError::wrong(&name.key(), "it is for another place")),
        None => Ok(Arc::new(open(vault, &name, keys).await?)),
    }
}
