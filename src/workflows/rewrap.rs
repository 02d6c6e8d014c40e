//! Sealing what exists to the recovery keys that count now: the catalog secrets and every living cohort's identity.
//!
//! Needs a recovery key that opens them, so it runs where that key is. Data is neither read nor written. Each object says
//! for which set it was made: what is there already is left alone, so that it may be done again after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::archive::envelope::{SigningKey, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{CatalogSecrets, CohortKey, RecoveryKeys};
use crate::archive::seal::{self, Recipient, SealError};
use crate::domain::cohort::CohortId;
use crate::domain::plan::LockMode;
use crate::domain::plan::PlanName;
use crate::domain::retention::{self, Retention};
use crate::domain::time::Instant;
use crate::vault::{Lock, Put, Vault, VaultError};

use super::cohort_key::{check_cohort_key, open_identity};
use super::desk::tokyo;
use super::evidence::{self, instant};
use super::repository::{Opened, RepositoryError, Secrets, Trust, decode};
use super::snapshots::{self, SnapshotKeys, SnapshotName};
use super::upload::{UploadError, put_and_compare};

/// The catalog secrets are never longer, bytes.
const SECRETS_BYTES_MAX: u64 = 1 << 20;

/// Why keys were not sealed again.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The key that should sign is neither a host's nor the root key.
    #[error("the key that should sign is neither this repository's root key nor one of its hosts'")]
    Signer,
    /// A recovery key that counts cannot be sealed to.
    #[error("cannot seal to the recovery keys")]
    Seal(#[from] SealError),
    /// A record, or the store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing one.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

impl From<VaultError> for RewrapError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// The set that everything is sealed to now.
    pub set: u32,
    /// Cohorts that are owed or still there.
    pub cohorts: u64,
    /// Of them, those whose identity was sealed again just now.
    pub sealed: u64,
    /// Whether the catalog secrets were sealed again just now.
    pub is_catalog_sealed: bool,
    /// Cohorts that the recovery key at hand does not open: they stay as they are.
    pub unopened: Vec<String>,
}

/// The cohorts that snapshots name, with the day from which they may be deleted, as an instant.
pub async fn promised(
    opened: &Opened,
    now: Instant,
) -> Result<BTreeMap<(PlanName, CohortId), Instant>, RepositoryError> {
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, now);
    promised_by(&*opened.vault, &keys, snapshots::list(&*opened.vault, None).await?).await
}

/// The same, of the snapshots that were listed.
pub(super) async fn promised_by(
    vault: &dyn Vault,
    keys: &SnapshotKeys<'_>,
    listed: BTreeMap<PlanName, Vec<SnapshotName>>,
) -> Result<BTreeMap<(PlanName, CohortId), Instant>, RepositoryError> {
    let mut found: BTreeMap<(PlanName, CohortId), Instant> = BTreeMap::new();
    for (plan, names) in listed {
        for name in names {
            let snapshot = match snapshots::fetch(vault, &name, keys).await {
                Ok(snapshot) => snapshot,
                Err(error) if error.is_of_object() => {
                    tracing::warn!(object = %name.key(), reason = %error, "not a snapshot of this repository");
                    continue;
                }
                Err(error) => return Err(error),
            };
            for cohort in snapshot.cohorts {
                let (Ok(id), Some(until)) = (cohort.cohort.parse(), instant(&cohort.delete_from)) else {
                    continue;
                };
                let known = found.entry((plan.clone(), id)).or_insert(until);
                *known = until.max(*known);
            }
        }
    }
    Ok(found)
}

/// Those of them that are owed or still there: what is past its time goes only when it is due for deletion and nothing holds
/// it, so until evidence says that its deletion has begun it must open for whoever may open it.
pub(super) async fn living(
    vault: &Arc<dyn Vault>,
    trust: &Trust,
    mut promised: BTreeMap<(PlanName, CohortId), Instant>,
    now: Instant,
) -> Result<BTreeMap<(PlanName, CohortId), Instant>, RepositoryError> {
    if promised.values().all(|until| now < *until) {
        return Ok(promised);
    }
    let evidence = evidence::load(vault, trust).await?;
    promised.retain(|(plan, cohort), until| {
        now < *until || evidence.shown(plan.as_str(), &cohort.to_string(), *until).is_none()
    });
    Ok(promised)
}

/// How long objects below `keys/` are locked: to the end of the newest cohort, and at least for a year.
pub(super) async fn keys_end(opened: &Opened, now: Instant) -> Result<Instant, RepositoryError> {
    let zone = tokyo();
    let year = retention::delete_from_instant(Retention::Years(1), zone.day_of(now), &zone);
    Ok(promised(opened, now).await?.into_values().fold(year, Instant::max))
}

/// Seals everything that lives to `recovery`, the set that counts.
pub async fn rewrap(
    opened: &Opened,
    recovery: &RecoveryKeys,
    signer: &SigningKey,
    now: Instant,
) -> Result<Rewrapped, RewrapError> {
    let mut signers = opened.trust.host_keys();
    signers.push(opened.trust.repository.root.clone());
    if !signers.contains(signer.public()) {
        return Err(RewrapError::Signer);
    }
    let recipients = recovery.recipients.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>()?;
    let to = To { opened, recovery, recipients, signer };
    let promised = promised(opened, now).await?;
    let living = living(&opened.vault, &opened.trust, promised.clone(), now).await?;
    let mut done = Rewrapped { set: recovery.set, ..Rewrapped::default() };
    let listed = opened.vault.list("").await?;
    done.is_catalog_sealed = to.catalog(now).await?;
    let mut numbers: BTreeMap<(PlanName, CohortId), BTreeSet<u32>> = BTreeMap::new();
    for one in &listed {
        if let Some(ObjectKind::CohortKey(plan, cohort, number)) = layout::parse(&one.key) {
            numbers.entry((plan, cohort)).or_default().insert(number);
        }
    }
    for ((plan, cohort), numbers) in numbers {
        let named = (plan, cohort);
        if promised.contains_key(&named) && !living.contains_key(&named) {
            continue;
        }
        // A cohort that no snapshot names may be one that a run is just making: sealed again, and not locked, as nobody
        // here can say how long its plan keeps it. Nor can one be locked whose time is over: a hold keeps it, or it goes.
        let until = living.get(&named).copied().filter(|until| now < *until);
        let (plan, cohort) = named;
        done.cohorts += 1;
        match to.cohort((&plan, &cohort), &numbers, until).await? {
            Sealed::Already => {}
            Sealed::Now => done.sealed += 1,
            Sealed::Unopened => done.unopened.push(format!("{plan}/{cohort}")),
        }
    }
    opened.vault.flush().await?;
    Ok(done)
}

enum Sealed {
    Already,
    Now,
    Unopened,
}

/// What is sealed to whom.
struct To<'a> {
    opened: &'a Opened,
    recovery: &'a RecoveryKeys,
    recipients: Vec<Recipient>,
    signer: &'a SigningKey,
}

impl To<'_> {
    /// The catalog secrets under the next number, unless they are there for this set.
    ///
    /// They are sealed to the catalog key too: whoever opened any of these objects then sees for which sets there are
    /// others, although his recovery key may be none of theirs.
    async fn catalog(&self, now: Instant) -> Result<bool, RewrapError> {
        let record = &self.opened.secrets.record;
        if self.recovery.set == 1 || self.has_catalog().await? {
            return Ok(false);
        }
        let secrets = CatalogSecrets { set: Some(self.recovery.set), ..record.clone() };
        let plain = zeroize::Zeroizing::new(
            serde_json::to_vec_pretty(&secrets)
                .map_err(|e| RepositoryError::wrong("catalog secrets", e.to_string()))?,
        );
        let catalog_key: Recipient = self.opened.trust.repository.catalog.parse()?;
        let recipients: Vec<&Recipient> = self.recipients.iter().chain([&catalog_key]).collect();
        let bytes = Bytes::from(seal::seal(&plain, &recipients)?);
        let until = keys_end(self.opened, now).await?;
        let numbers = self.opened.trust.perpetual.iter().filter_map(|kind| match kind {
            ObjectKind::CatalogKey(number) => Some(*number),
            _ => None,
        });
        let first = numbers.max().map_or(1, |number| number.saturating_add(1));
        self.put_next(first, layout::catalog_key, &bytes, Some(until.into())).await?;
        Ok(true)
    }

    /// Whether the catalog secrets are there for this set.
    async fn has_catalog(&self) -> Result<bool, RewrapError> {
        for kind in &self.opened.trust.perpetual {
            let ObjectKind::CatalogKey(number) = kind else { continue };
            let key = layout::catalog_key(*number);
            let sealed = self.opened.vault.get(&key, None).await?;
            let opened = [&self.opened.keys, &self.opened.secrets.catalog]
                .into_iter()
                .find_map(|keys| seal::open(&sealed, keys, SECRETS_BYTES_MAX).ok());
            let Some(plain) = opened.map(zeroize::Zeroizing::new) else { continue };
            let Ok(record) = decode::<CatalogSecrets>(&key, &plain) else { continue };
            if record.set == Some(self.recovery.set)
                && Secrets::check(record, &self.opened.trust.repository, &key).is_ok()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every identity that a cohort has had, under the next numbers, unless they are there for this set.
    async fn cohort(
        &self,
        (plan, cohort): (&PlanName, &CohortId),
        numbers: &BTreeSet<u32>,
        until: Option<Instant>,
    ) -> Result<Sealed, RewrapError> {
        let mut by_recipient: BTreeMap<String, Vec<(String, CohortKey)>> = BTreeMap::new();
        for number in numbers {
            let key = layout::cohort_key(plan, cohort, *number);
            let bytes = self.opened.vault.get(&key, None).await?;
            match check_cohort_key(&bytes, &self.opened.trust, plan, cohort, *number) {
                Ok(record) => by_recipient.entry(record.recipient.clone()).or_default().push((key, record)),
                Err(reason) => {
                    tracing::warn!(object = %key, %reason, "a cohort's key object is not what it must be");
                }
            }
        }
        let mut outcome = Sealed::Already;
        let lock = match until {
            Some(until) => Some(Lock { until, mode: self.mode_of(plan, cohort, numbers).await? }),
            None => None,
        };
        let mut next = numbers.last().map_or(1, |number| number.saturating_add(1));
        for objects in by_recipient.into_values() {
            if objects.iter().any(|(_, record)| record.set == self.recovery.set) {
                continue;
            }
            let opens = |(key, record): &(String, CohortKey)| {
                open_identity(key, record, &self.opened.keys).ok().map(|identity| (identity, record.clone()))
            };
            let Some((identity, record)) = objects.iter().rev().find_map(opens) else {
                return Ok(Sealed::Unopened);
            };
            let sealed = seal::seal_armored(identity.secret().expose_secret().as_bytes(), &self.recipients)?;
            let again = CohortKey { set: self.recovery.set, sealed_identity: sealed, ..record };
            let payload = serde_json::to_vec(&again)
                .map_err(|e| RepositoryError::wrong("cohort key", e.to_string()))?;
            let bytes = Bytes::from(self.signer.sign(payload_type::COHORT_KEY, &payload));
            let name = |number| layout::cohort_key(plan, cohort, number);
            next = self.put_next(next, name, &bytes, lock).await?.saturating_add(1);
            outcome = Sealed::Now;
        }
        Ok(outcome)
    }

    /// How the cohort's key objects are locked; where the plan is not at hand, the store says it.
    async fn mode_of(
        &self,
        plan: &PlanName,
        cohort: &CohortId,
        numbers: &BTreeSet<u32>,
    ) -> Result<LockMode, RewrapError> {
        let Some(number) = numbers.first() else { return Ok(LockMode::default()) };
        let kept = match self.opened.vault.kept_lock(&layout::cohort_key(plan, cohort, *number)).await {
            Ok(kept) => kept,
            // These credentials may not ask: the kind that nobody can lift is never too weak.
            Err(VaultError::Denied { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(kept.and_then(|kept| kept.mode).unwrap_or_default())
    }

    /// Stores under the first number that is free, from `first` on; gives the number.
    async fn put_next(
        &self,
        first: u32,
        name: impl Fn(u32) -> String,
        bytes: &Bytes,
        lock: Option<Lock>,
    ) -> Result<u32, RewrapError> {
        for number in first..=u32::MAX {
            let key = name(number);
            let put = self.opened.vault.put(&key, bytes.clone(), lock).await?;
            // An answer that was lost on its way shows as an object that is there, with these bytes.
            if put == Put::Created || self.opened.vault.holds(&key, bytes).await? {
                put_and_compare(&*self.opened.vault, &key, bytes, lock).await?;
                return Ok(number);
            }
        }
        Err(RepositoryError::wrong(&name(u32::MAX), "there is no number left").into())
    }
}
