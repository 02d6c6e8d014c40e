//! Cohort keys: made on first use, read back before the first pack is sealed to them, checked on every later use.
//!
//! The identity is sealed to the recovery keys and forgotten. Two hosts that open a cohort at once agree: one PUT wins,
//! the other host adopts the winner's key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::layout;
use crate::archive::records::CohortKey;
use crate::archive::seal::{self, Identity, Recipient};
use crate::domain::cohort::CohortId;
use crate::domain::time::Day;
use crate::vault::VaultError;
use crate::workflows::repository::{RepositoryError, check_cohort_key};

use super::Run;
use super::errors::SnapshotError;
use super::gather::Gathered;

/// Requests at once.
const REQUESTS_MAX: usize = 16;

/// A cohort's key as this run uses it.
#[derive(Clone, Debug)]
pub(super) struct KeyInUse {
    /// The cohort.
    pub(super) cohort: CohortId,
    /// What packs are sealed to.
    pub(super) recipient: Recipient,
    /// SHA-256 of the key object.
    pub(super) digest: Sha256,
    /// The recovery-key set it is sealed to.
    pub(super) set: u32,
    /// The key is not the one that the newest snapshot names: what was sealed before cannot be built upon.
    pub(super) is_new: bool,
}

/// The keys of the cohorts a run adds to, by clock day.
#[derive(Clone, Debug, Default)]
pub(super) struct CohortKeys {
    /// By clock day.
    pub(super) by_day: BTreeMap<i32, KeyInUse>,
}

impl CohortKeys {
    /// Finds a cohort's recipient, for the journal.
    pub(super) fn by_cohort(&self) -> Arc<dyn Fn(&CohortId) -> String + Send + Sync> {
        let recipients: BTreeMap<CohortId, String> =
            self.by_day.values().map(|key| (key.cohort, key.recipient.to_string())).collect();
        Arc::new(move |cohort| recipients.get(cohort).cloned().unwrap_or_default())
    }
}

/// Makes or checks the keys of all cohorts of `days`.
///
/// Which cohorts are being sent again is noted durably first: after a crash the next run must know, because by then
/// the new key is in its place and nothing else tells that the cohort's old packs no longer open.
pub(super) async fn prepare(
    run: &Run<'_>,
    gathered: &Gathered,
    days: &BTreeSet<i32>,
) -> Result<CohortKeys, SnapshotError> {
    run.state
        .note_repairs(&gathered.damaged)
        .map_err(|source| SnapshotError::Local { what: "the note of repairs", source })?;
    let gate = Arc::new(Semaphore::new(REQUESTS_MAX));
    let mut asks = JoinSet::new();
    let mut keys = CohortKeys::default();
    for day in days {
        let cohort = run.plan().cohort_of(Day::from_number(*day));
        let known = gathered.cohorts.get(day).map(|cohort| (cohort.set, cohort.key));
        let set = known.map_or(run.host.trust.recovery.set, |(set, _)| set);
        let is_stored = gathered.keys.contains(&(cohort, set));
        let fresh = if is_stored { None } else { Some(new_key(run, &cohort, set)?) };
        let ask = Ask {
            vault: run.host.vault.clone(),
            key: layout::cohort_key(run.plan().name(), &cohort, set),
            fresh,
            until: cohort.delete_from(run.plan().retention(), run.plan().zone()),
        };
        let (gate, day) = (gate.clone(), *day);
        asks.spawn(async move {
            let _permit = gate.acquire_owned().await;
            (day, cohort, known, ask.settle().await)
        });
    }
    while let Some(done) = asks.join_next().await {
        let (day, cohort, known, bytes) =
            done.map_err(|e| RepositoryError::wrong("cohort keys", e.to_string()))?;
        let bytes = bytes?;
        let set = known.map_or(run.host.trust.recovery.set, |(set, _)| set);
        let record = check_cohort_key(&bytes, &run.host.trust, run.plan().name(), &cohort, set)?;
        let digest = Sha256::of(&bytes);
        let recipient = record.recipient.parse().map_err(SnapshotError::Seal)?;
        let is_new = known.is_some_and(|(_, expected)| expected != digest);
        keys.by_day.insert(day, KeyInUse { cohort, recipient, digest, set, is_new });
    }
    Ok(keys)
}

/// A key object's bytes: a new identity, sealed to the recovery keys and forgotten.
fn new_key(run: &Run<'_>, cohort: &CohortId, set: u32) -> Result<Vec<u8>, SnapshotError> {
    let identity = Identity::generate();
    let sealed = seal::seal_armored(identity.secret().expose_secret().as_bytes(), &run.host.recovery)
        .map_err(SnapshotError::Seal)?;
    let record = CohortKey {
        repository: run.host.trust.repository.repository.clone(),
        plan: run.plan().name().to_string(),
        cohort: cohort.to_string(),
        set,
        recipient: identity.recipient().to_string(),
        sealed_identity: sealed,
    };
    let payload =
        serde_json::to_vec(&record).map_err(|e| RepositoryError::wrong("cohort key", e.to_string()))?;
    Ok(run.host.signing.sign(payload_type::COHORT_KEY, &payload))
}

/// One cohort's key in the store: made if need be, then read.
struct Ask {
    vault: Arc<dyn crate::vault::Vault>,
    key: String,
    fresh: Option<Vec<u8>>,
    until: crate::domain::time::Instant,
}

impl Ask {
    async fn settle(self) -> Result<Bytes, VaultError> {
        if let Some(fresh) = self.fresh {
            // Whoever wins, the object that is read back counts.
            self.vault.put(&self.key, fresh.into(), Some(self.until)).await?;
        }
        self.vault.get(&self.key, None).await
    }
}
