//! Snapshots in the store: listing their names, fetching and opening one.

use std::collections::BTreeMap;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::Snapshot;
use crate::archive::seal::Keys;
use crate::domain::plan::PlanName;
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

/// Who can open and check snapshots.
pub struct SnapshotKeys<'a> {
    /// The repository and the hosts that count.
    pub trust: &'a Trust,
    /// Opens them: the catalog key or a recovery key.
    pub keys: &'a Keys,
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

/// Fetches, opens and checks one snapshot.
pub async fn fetch(
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
    if is_right { Ok(snapshot) } else { Err(RepositoryError::wrong(&key, "it is for another place")) }
}
