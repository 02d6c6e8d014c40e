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
    let plans = match plan {
        Some(plan) => vec![plan.clone()],
        None => plans(vault).await?,
    };
    let mut all = BTreeMap::new();
    for plan in plans {
        let mut names: Vec<SnapshotName> = vault
            .list(&layout::snapshots(&plan))
            .await?
            .iter()
            .filter_map(|listed| match layout::parse(&listed.key) {
                Some(ObjectKind::Snapshot(plan, sequence, digest)) => {
                    Some(SnapshotName { plan, sequence, digest })
                }
                Some(_) | None => None,
            })
            .collect();
        names.sort();
        if !names.is_empty() {
            all.insert(plan, names);
        }
    }
    Ok(all)
}

/// The plans that have objects in the store.
async fn plans(vault: &dyn Vault) -> Result<Vec<PlanName>, RepositoryError> {
    let mut plans: Vec<PlanName> = vault
        .list("")
        .await?
        .iter()
        .filter_map(|listed| match layout::parse(&listed.key) {
            Some(ObjectKind::Snapshot(plan, _, _)) => Some(plan),
            Some(_) | None => None,
        })
        .collect();
    plans.sort();
    plans.dedup();
    Ok(plans)
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
