//! Cohort keys: made on first use, read back before the first pack is sealed to them, checked on every later use.
//!
//! The identity is sealed to the recovery keys and forgotten. Two hosts that open a cohort at once agree: one PUT wins,
//! the other host adopts the winner's key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::layout;
use crate::archive::records::CohortKey;
use crate::archive::seal::{self, Identity, Recipient};
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::time::Day;
use crate::vault::{Lock, Vault, VaultError};
use crate::workflows::cohort_key::check_cohort_key;
use crate::workflows::repository::{RepositoryError, Trust};

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
    /// The number in the name of the key object.
    pub(super) number: u32,
    /// The key is not the one that the newest snapshot names: what was sealed before cannot be built upon.
    pub(super) is_new: bool,
}

/// The keys of the cohorts a run adds to, by clock day.
#[derive(Clone, Debug, Default)]
pub(super) struct CohortKeys {
    /// By clock day.
    pub(super) by_day: BTreeMap<i32, KeyInUse>,
    /// Days whose cohorts were not known to be damaged, and whose key object is not what the newest snapshot names.
    pub(super) lost: BTreeSet<i32>,
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
/// the new key is in its place and nothing else tells that the cohort's old packs no longer open. For the same reason
/// a key that turns out to be lost gets no successor here: the day is given back, to be noted and resolved again.
pub(super) async fn prepare(
    run: &Run<'_>,
    gathered: &Gathered,
    days: &BTreeSet<i32>,
) -> Result<CohortKeys, SnapshotError> {
    run.state
        .note_repairs(&gathered.damaged)
        .map_err(|source| SnapshotError::local(&run.host.home, "the note of repairs", source))?;
    let gate = Arc::new(Semaphore::new(REQUESTS_MAX));
    let trust = Arc::new(run.host.trust.clone());
    let mut asks = JoinSet::new();
    let mut keys = CohortKeys::default();
    for day in days {
        let cohort = run.plan().cohort_of(Day::from_number(*day));
        let known = gathered.cohorts.get(day).map(|cohort| (cohort.key_number, cohort.key));
        let is_damaged = gathered.damaged.contains(day);
        let may_need_new = known.is_none() || is_damaged;
        let ask = Ask {
            vault: run.host.vault.clone(),
            trust: trust.clone(),
            plan: run.plan().name().clone(),
            cohort,
            known,
            is_damaged,
            distrusted_before: run.host.trust.recovery.distrusted_before().unwrap_or(0),
            numbers: gathered.key_numbers(&cohort),
            fresh: may_need_new.then(|| new_key(run, &cohort)).transpose()?,
            lock: Lock {
                until: cohort.delete_from(run.plan().retention(), run.plan().zone()),
                mode: run.plan().lock_mode(),
            },
        };
        let (gate, day) = (gate.clone(), *day);
        asks.spawn(async move {
            let _permit = gate.acquire_owned().await;
            (day, cohort, known, ask.settle().await)
        });
    }
    while let Some(done) = asks.join_next().await {
        let (day, cohort, known, settled) =
            done.map_err(|e| RepositoryError::wrong("cohort keys", e.to_string()))?;
        let Some((number, digest, record)) = settled? else {
            keys.lost.insert(day);
            continue;
        };
        let recipient = record.recipient.parse().map_err(SnapshotError::Seal)?;
        let is_new = known.is_some_and(|(_, expected)| expected != digest);
        keys.by_day.insert(day, KeyInUse { cohort, recipient, digest, number, is_new });
    }
    Ok(keys)
}

/// A key object's bytes: a new identity, sealed to the recovery keys and forgotten.
fn new_key(run: &Run<'_>, cohort: &CohortId) -> Result<Vec<u8>, SnapshotError> {
    let identity = Identity::generate();
    let sealed = seal::seal_armored(identity.secret().expose_secret().as_bytes(), &run.host.recovery)
        .map_err(SnapshotError::Seal)?;
    let record = CohortKey {
        repository: run.host.trust.repository.repository.clone(),
        plan: run.plan().name().to_string(),
        cohort: cohort.to_string(),
        set: run.host.trust.recovery.set,
        recipient: identity.recipient().to_string(),
        sealed_identity: sealed,
    };
    Ok(run.host.sign_record("cohort key", payload_type::COHORT_KEY, &record)?)
}

/// One cohort's key in the store: the one that is known, one that another run made, or a new one.
struct Ask {
    vault: Arc<dyn Vault>,
    trust: Arc<Trust>,
    plan: PlanName,
    cohort: CohortId,
    /// Number and digest that the newest snapshot names.
    known: Option<(u32, Sha256)>,
    is_damaged: bool,
    /// A key that was sealed to an earlier set of recovery keys than this one may be in wrong hands: 0 for none.
    distrusted_before: u32,
    /// Numbers that are taken in the store, ascending.
    numbers: Vec<u32>,
    /// A new key object, unless the known one is the only one that may be used.
    fresh: Option<Vec<u8>>,
    lock: Lock,
}

impl Ask {
    /// The key to use; `None` if the known one is lost and the cohort was not known to be damaged.
    async fn settle(self) -> Result<Option<(u32, Sha256, CohortKey)>, RepositoryError> {
        let distrusted = self.distrusted().await?;
        if let Some((number, digest)) = self.known {
            match self.read(number).await? {
                Some((found, record)) if found == digest && !distrusted.contains(&record.recipient) => {
                    return Ok(Some((number, found, record)));
                }
                Some(_) | None if !self.is_damaged => return Ok(None),
                Some(_) | None => {}
            }
        }
        let known = self.known.map(|(number, _)| number);
        for number in self.numbers.iter().rev().copied().filter(|number| Some(*number) != known) {
            // One that is sealed to an older set of recovery keys is not taken up again.
            if let Some((digest, record)) = self.read(number).await?
                && record.set == self.trust.recovery.set
                && !distrusted.contains(&record.recipient)
            {
                return Ok(Some((number, digest, record)));
            }
        }
        let Some(fresh) = self.fresh else { return Ok(None) };
        let number = self.numbers.last().copied().max(known).map_or(1, |number| number.saturating_add(1));
        let key = layout::cohort_key(&self.plan, &self.cohort, number);
        // Whoever wins, the object that is read back counts.
        self.vault.put(&key, fresh.into(), Some(self.lock)).await?;
        let bytes = self.vault.get(&key, None).await.map_err(|error| match error {
            VaultError::Missing { .. } => RepositoryError::wrong(
                &key,
                "the store acknowledged it and did not give back what was sent: it must not be trusted with backups",
            ),
            error => error.into(),
        })?;
        let record = check_cohort_key(&bytes, &self.trust, &self.plan, &self.cohort, number)?;
        Ok(Some((number, Sha256::of(&bytes), record)))
    }

    /// The cohort's keys whose identities somebody may know who should not: sealed, at some time, to a key that is in
    /// wrong hands.
    async fn distrusted(&self) -> Result<BTreeSet<String>, RepositoryError> {
        let mut found = BTreeSet::new();
        if self.distrusted_before > 0 {
            for number in &self.numbers {
                if let Some((_, record)) = self.read(*number).await?
                    && record.set < self.distrusted_before
                {
                    found.insert(record.recipient);
                }
            }
        }
        Ok(found)
    }

    /// A key object, if it is there and a host signed it for this cohort.
    async fn read(&self, number: u32) -> Result<Option<(Sha256, CohortKey)>, RepositoryError> {
        let key = layout::cohort_key(&self.plan, &self.cohort, number);
        let read = match self.vault.get(&key, None).await {
            Ok(bytes) => check_cohort_key(&bytes, &self.trust, &self.plan, &self.cohort, number)
                .map(|record| (Sha256::of(&bytes), record)),
            Err(error) => Err(error.into()),
        };
        match read {
            Ok(found) => Ok(Some(found)),
            Err(reason) if reason.is_of_object() => {
                tracing::warn!(object = %key, %reason, "a cohort's key object is not what it must be");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
