//! Which of the objects that call themselves snapshots of a plan are its chain.
//!
//! Anybody who may write to the store can put an object under any name. A name alone therefore counts only as long as
//! nothing contradicts it: where several objects claim one number, or one stands beyond a gap, they are opened, and
//! those that no host signed are left aside and told. Two that hosts signed under one number are both kept: two hosts
//! took a snapshot at once.

use crate::archive::digest::Sha256;
use crate::archive::records::Snapshot;
use crate::domain::plan::PlanName;
use crate::vault::Vault;

use super::repository::RepositoryError;
use super::snapshots::{SnapshotKeys, SnapshotName, fetch, open};

/// An object that calls itself a snapshot and is none of this repository.
#[derive(Debug)]
pub struct Aside {
    /// Its name.
    pub name: SnapshotName,
    /// What is wrong with it.
    pub reason: RepositoryError,
}

/// The snapshots of one plan.
#[derive(Debug, Default)]
pub struct Chain {
    /// Ascending; of those with one number, the one taken last comes last.
    pub names: Vec<SnapshotName>,
    /// What was left aside.
    pub aside: Vec<Aside>,
}

/// Snapshots are missing from a chain.
#[derive(Debug, thiserror::Error)]
#[error(
    "the chain of plan {plan} is broken: {problem}. The store may have been rolled back or tampered with. \
     `kura snapshots` lists what there is; a snapshot that is named by its id is restored all the same"
)]
pub struct BrokenChain {
    /// The plan.
    pub plan: PlanName,
    /// What is wrong.
    pub problem: String,
}

impl Chain {
    /// Settles which of `names` (ascending, of one plan) count. Opens only those whose number is contested.
    pub async fn settle(
        vault: &dyn Vault,
        names: &[SnapshotName],
        keys: &SnapshotKeys<'_>,
    ) -> Result<Self, RepositoryError> {
        let mut chain = Self::default();
        for group in names.chunk_by(|a, b| a.sequence == b.sequence) {
            if let [only] = group {
                chain.names.push(only.clone());
                continue;
            }
            let mut signed = Vec::new();
            for name in group {
                if let Some(snapshot) = chain.opened(vault, name, keys).await? {
                    signed.push((snapshot.taken_at, name.clone()));
                }
            }
            signed.sort();
            chain.names.extend(signed.into_iter().map(|(_, name)| name));
        }
        while let [.., before, last] = chain.names.as_slice()
            && last.sequence > before.sequence.saturating_add(1)
        {
            let last = last.clone();
            if chain.opened(vault, &last, keys).await?.is_some() {
                break;
            }
            chain.names.pop();
        }
        Ok(chain)
    }

    /// Takes the newest one that opens, with what it takes from its base; what stands above it and does not is left aside.
    pub async fn newest_intact(
        &mut self,
        vault: &dyn Vault,
        keys: &SnapshotKeys<'_>,
    ) -> Result<Option<(SnapshotName, Snapshot)>, RepositoryError> {
        while let Some(name) = self.names.last().cloned() {
            if let Some(snapshot) = self.taken(&name, fetch(vault, &name, keys).await)? {
                return Ok(Some((name, snapshot)));
            }
            self.names.pop();
        }
        Ok(None)
    }

    /// Takes the newest one that a host signed, as it is written, whatever became of its base.
    pub async fn newest_signed(
        &mut self,
        vault: &dyn Vault,
        keys: &SnapshotKeys<'_>,
    ) -> Result<Option<(SnapshotName, Snapshot)>, RepositoryError> {
        while let Some(name) = self.names.last().cloned() {
            if let Some(snapshot) = self.opened(vault, &name, keys).await? {
                return Ok(Some((name, snapshot)));
            }
            self.names.pop();
        }
        Ok(None)
    }

    async fn opened(
        &mut self,
        vault: &dyn Vault,
        name: &SnapshotName,
        keys: &SnapshotKeys<'_>,
    ) -> Result<Option<Snapshot>, RepositoryError> {
        let opened = open(vault, name, keys).await;
        self.taken(name, opened)
    }

    fn taken(
        &mut self,
        name: &SnapshotName,
        opened: Result<Snapshot, RepositoryError>,
    ) -> Result<Option<Snapshot>, RepositoryError> {
        match opened {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(reason) if reason.is_of_object() => {
                self.aside.push(Aside { name: name.clone(), reason });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Numbers must follow each other: expiry takes the oldest, nothing may be missing in between.
    pub fn check_sequence(&self, plan: &PlanName) -> Result<(), BrokenChain> {
        for pair in self.names.windows(2) {
            let [before, after] = pair else { continue };
            if after.sequence > before.sequence.saturating_add(1) {
                let problem = format!("number {} is missing", before.sequence.saturating_add(1));
                return Err(BrokenChain { plan: plan.clone(), problem });
            }
        }
        Ok(())
    }

    /// The parent that a snapshot names must stand before it.
    pub fn check_parent(&self, name: &SnapshotName, parent: Option<&Sha256>) -> Result<(), BrokenChain> {
        let before = self.names.iter().rev().find(|other| other.sequence < name.sequence);
        let Some(number) = before.map(|before| before.sequence) else { return Ok(()) };
        let mut parents = self.names.iter().filter(|other| other.sequence == number);
        if parents.any(|before| Some(&before.digest) == parent) {
            return Ok(());
        }
        let problem = format!("number {} does not follow the one before it", name.sequence);
        Err(BrokenChain { plan: name.plan.clone(), problem })
    }

    /// Whether some snapshot of this number and digest is in the chain.
    pub fn has(&self, sequence: u64, digest: &Sha256) -> bool {
        self.names.iter().any(|name| name.sequence == sequence && name.digest == *digest)
    }

    /// Says in the log what was left aside.
    pub fn tell_aside(&self) {
        for aside in &self.aside {
            let reason = &aside.reason;
            tracing::warn!(object = %aside.name.key(), %reason, "left aside: not a snapshot of this repository");
        }
    }

    /// The number of the newest, 0 for none.
    pub fn head(&self) -> u64 {
        self.names.last().map_or(0, |name| name.sequence)
    }
}
