//! Objects without a day on which they go: who counts (`kura/`, `keys/`). Each month they are written again under the next
//! number, locked to the end of the newest cohort, so that they never outlive their lock before the data does (K-98).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::CatalogSecrets;
use crate::archive::seal;
use crate::catalog::Catalog;
use crate::config;
use crate::domain::clock_evidence::disagreement;
use crate::domain::locks::is_renewal_due;
use crate::domain::plan::Plan;
use crate::domain::retention::{self, Retention};
use crate::domain::time::Instant;
use crate::vault::Put;

use super::clocks;
use super::desk::tokyo;
use super::host::{Host, files};
use super::repository::{RepositoryError, RootPolicy, Trust, decode, load_trust};
use super::rewrap::promised_by;
use super::sign_in::line;
use super::snapshots::{self, SnapshotKeys};
use super::upload::{UploadError, put_and_compare};

/// The catalog secrets are never longer, bytes.
const SECRETS_BYTES_MAX: u64 = 1 << 20;

/// Why they were not written again.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// A record, or the store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing one.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::CatalogError),
}

impl From<crate::vault::VaultError> for RenewError {
    fn from(error: crate::vault::VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// One kind of them.
struct Kind {
    number: fn(&ObjectKind) -> Option<u32>,
    key: fn(u32) -> String,
}

const KINDS: [Kind; 4] = [
    Kind {
        number: |kind| if let ObjectKind::Repository(n) = kind { Some(*n) } else { None },
        key: layout::repository,
    },
    Kind {
        number: |kind| if let ObjectKind::SigningKeys(n) = kind { Some(*n) } else { None },
        key: layout::signing_keys,
    },
    Kind {
        number: |kind| if let ObjectKind::RecoveryKeys(n) = kind { Some(*n) } else { None },
        key: layout::recovery_keys,
    },
    Kind {
        number: |kind| if let ObjectKind::CatalogKey(n) = kind { Some(*n) } else { None },
        key: layout::catalog_key,
    },
];

/// Writes again what is due and gives the names of the new objects. Killed between any two of them, the next call ends in
/// the same: what was written is locked for long enough and is not due any more.
pub async fn renew(
    host: &Host,
    catalog: &Catalog,
    plans: &[Plan],
    now: Instant,
) -> Result<Vec<String>, RenewError> {
    let root = RootPolicy::Fingerprint(host.trust.repository.root.fingerprint());
    let trust = load_trust(&*host.vault, &root).await?;
    let wanted = newest_end(plans, now);
    let mut until = None;
    let mut made = Vec::new();
    for kind in &KINDS {
        let numbers: BTreeSet<u32> = trust.perpetual.iter().filter_map(kind.number).collect();
        let Some(current) = current(host, &trust, kind, &numbers).await? else { continue };
        let kept = kept(host, kind, &numbers, &current).await?;
        // A store that keeps no locks, and notes none, has none to renew.
        let has_none = kept.is_none() && !host.vault.can_lock();
        if has_none || !is_renewal_due(kept, wanted) {
            continue;
        }
        let end = match until {
            Some(end) => end,
            // A clock that is ahead must not lock what nobody could unlock.
            None if is_clock_doubted(host, now).await? => return Ok(made),
            None => *until.insert(promised_end(host, &trust, now).await?.max(wanted)),
        };
        let next = numbers.last().map_or(1, |number| number.saturating_add(1));
        for number in next..=u32::MAX {
            let key = (kind.key)(number);
            let put = host.vault.put(&key, current.clone(), Some(end.into())).await?;
            // Another host may be renewing too: its copy is the same, or another kind of change took the number.
            if put == Put::Created || host.vault.holds(&key, &current).await? {
                put_and_compare(&*host.vault, &key, &current, Some(end.into())).await?;
                made.push(key);
                break;
            }
        }
    }
    if !made.is_empty() {
        host.vault.flush().await?;
        let tx = catalog.begin().await?;
        tx.commit(&[line(now, "kura", "keys.renew", "keys", &made.join(" "))]).await?;
    }
    Ok(made)
}

/// Whether a clock outside the machine disagrees with this one's, as before a snapshot.
async fn is_clock_doubted(host: &Host, now: Instant) -> Result<bool, RenewError> {
    let store = (host.vault.address(), host.vault.outside_time().await?);
    let doubt = disagreement(now, &clocks::readings(store, &host.clocks).await);
    if doubt.is_some() {
        tracing::error!(
            "who counts is not written again: a clock outside the machine disagrees with this one's"
        );
    }
    Ok(doubt.is_some())
}

/// The end of what a run of today would write, and at least a year.
fn newest_end(plans: &[Plan], now: Instant) -> Instant {
    let zone = tokyo();
    let year = retention::delete_from_instant(Retention::Years(1), zone.day_of(now), &zone);
    let ends = plans.iter().map(|plan| {
        let cohort = plan.cohort_of(plan.zone().day_of(now));
        cohort.delete_from(plan.retention(), plan.zone())
    });
    ends.fold(year, Instant::max)
}

async fn promised_end(host: &Host, trust: &Trust, now: Instant) -> Result<Instant, RepositoryError> {
    let keys = SnapshotKeys::new(trust, &host.secrets.catalog, now);
    let promised = promised_by(&*host.vault, &keys, snapshots::list(&*host.vault, None).await?).await?;
    Ok(promised.into_values().fold(Instant::from_micros(i64::MIN), Instant::max))
}

/// The bytes that count now: of the highest number that is right. Signed records are compared with the host's own copy,
/// which is checked from the root key down; secrets are those sealed for the set that counts.
async fn current(
    host: &Host,
    trust: &Trust,
    kind: &Kind,
    numbers: &BTreeSet<u32>,
) -> Result<Option<Bytes>, RenewError> {
    let own = |name: &str| config::read_file(&host.home.key_file(name)).ok();
    let copies: Vec<Vec<u8>> = [files::REPOSITORY, files::SIGNERS, files::RECOVERY, files::SEALED_CATALOG]
        .into_iter()
        .filter_map(own)
        .collect();
    for number in numbers.iter().rev() {
        let key = (kind.key)(*number);
        let bytes = host.vault.get(&key, None).await?;
        let is_current = match layout::parse(&key) {
            Some(ObjectKind::CatalogKey(_)) if trust.recovery.set > 1 => {
                is_for_set(host, trust, &key, &bytes)
            }
            _ => copies.iter().any(|copy| *copy == bytes),
        };
        if is_current {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn is_for_set(host: &Host, trust: &Trust, key: &str, bytes: &[u8]) -> bool {
    let opened = seal::open(bytes, &host.secrets.catalog, SECRETS_BYTES_MAX).map(zeroize::Zeroizing::new);
    let record = opened.ok().and_then(|plain| decode::<CatalogSecrets>(key, &plain).ok());
    record.is_some_and(|record| record.set == Some(trust.recovery.set))
}

/// The longest lock that an object with these bytes has.
async fn kept(
    host: &Host,
    kind: &Kind,
    numbers: &BTreeSet<u32>,
    current: &Bytes,
) -> Result<Option<Instant>, RenewError> {
    let mut longest = None;
    // Only the newest few can have the longest lock: each was written later than the one before.
    for number in numbers.iter().rev().take(4) {
        let key = (kind.key)(*number);
        if host.vault.holds(&key, current).await? {
            let kept = host.vault.kept_lock(&key).await?.map(|kept| kept.until);
            longest = longest.max(kept);
        }
    }
    Ok(longest)
}
