//! What each recovery key is, since when it counts, what it opens and until when, and what is to be done about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::envelope::{self, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::RecoveryKeys;
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;

use super::cohort_key::{check_cohort_key, numbers};
use super::evidence::instant;
use super::host::{Host, HostError};
use super::repository::{RepositoryError, RootPolicy, Trust, decode, load_trust};
use super::snapshots::{self, SnapshotKeys};

/// A recovery key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStanding {
    /// Its public half.
    pub recipient: String,
    /// The office that keeps it.
    pub holder: Option<String>,
    /// Since when it counts, RFC 3339.
    pub since: String,
    /// Since when it counts no more.
    pub retired_at: Option<String>,
    /// Whether it is, or may be, in wrong hands.
    pub is_compromised: bool,
    /// Cohorts inside their time that it opens.
    pub opens: u64,
    /// When the last of them may be deleted.
    pub opens_until: Option<Instant>,
}

/// What somebody should do about the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// There is one recovery key: if it is lost, everything is.
    OneKey,
    /// The store has a newer set than this host seals to.
    NotAdopted {
        /// The set of the store.
        stored: u32,
        /// The set of the host.
        own: u32,
    },
    /// A key that counts does not open everything.
    NotWrapped {
        /// The key.
        recipient: String,
        /// Cohorts that it does not open.
        cohorts: u64,
    },
    /// A key in wrong hands still opens something.
    Compromised {
        /// The key.
        recipient: String,
        /// Cohorts that it opens.
        cohorts: u64,
        /// Until when.
        until: Option<Instant>,
    },
}

/// The recovery keys of a repository.
#[derive(Clone, Debug)]
pub struct KeyListing {
    /// The repository's id.
    pub repository: String,
    /// The fingerprint of the root key.
    pub root_fingerprint: String,
    /// The set that this host seals to.
    pub set: u32,
    /// The keys that count, by that set.
    pub recipients: Vec<String>,
    /// Cohorts inside their time, and those past it that are still there.
    pub cohorts: u64,
    /// Every key, those that count first.
    pub keys: Vec<KeyStanding>,
    /// What to do.
    pub warnings: Vec<Warning>,
}

/// Reads what the store says of the keys. Opens nothing but snapshots, with the catalog key.
pub async fn list(host: &Host, now: Instant) -> Result<KeyListing, HostError> {
    let root = RootPolicy::Fingerprint(host.trust.repository.root.fingerprint());
    let stored = load_trust(&*host.vault, &root).await?;
    let sets = sets(host, &stored).await?;
    let promised = promised(host, &stored, now).await?;
    let mut opens: BTreeMap<String, (u64, Option<Instant>)> = BTreeMap::new();
    let mut living = 0_u64;
    for ((plan, cohort), until) in &super::rewrap::living(&host.vault, &stored, promised, now).await? {
        living += 1;
        for recipient in openers(host, &stored, (plan, cohort), &sets).await? {
            let entry = opens.entry(recipient).or_default();
            *entry = (entry.0 + 1, entry.1.max(Some(*until)));
        }
    }
    let newest = if stored.recovery.set > host.trust.recovery.set { &stored } else { &host.trust };
    let keys = standings(&newest.recovery, &newest.repository.created, &opens);
    let mut warnings = warnings(&newest.recovery, &keys, living);
    if stored.recovery.set > host.trust.recovery.set {
        let (stored, own) = (stored.recovery.set, host.trust.recovery.set);
        warnings.insert(0, Warning::NotAdopted { stored, own });
    }
    Ok(KeyListing {
        repository: host.trust.repository.repository.clone(),
        root_fingerprint: host.trust.repository.root.fingerprint(),
        set: host.trust.recovery.set,
        recipients: host.trust.recovery.recipients.clone(),
        cohorts: living,
        keys,
        warnings,
    })
}

fn standings(
    recovery: &RecoveryKeys,
    created: &str,
    opens: &BTreeMap<String, (u64, Option<Instant>)>,
) -> Vec<KeyStanding> {
    let retired = recovery.known.iter().filter(|key| key.retired_in.is_some()).map(|key| &key.recipient);
    let all = recovery.recipients.iter().chain(retired);
    let standing = |recipient: &String| {
        let known = recovery.known(recipient);
        let first = recovery.signed_at.as_deref().unwrap_or(created);
        let (count, until) = opens.get(recipient).copied().unwrap_or_default();
        KeyStanding {
            recipient: recipient.clone(),
            holder: known.and_then(|key| key.holder.clone()),
            since: known.map_or(first, |key| &key.since).to_owned(),
            retired_at: known.and_then(|key| key.retired_at.clone()),
            is_compromised: known.is_some_and(|key| key.is_compromised),
            opens: count,
            opens_until: until,
        }
    };
    all.map(standing).collect()
}

fn warnings(recovery: &RecoveryKeys, keys: &[KeyStanding], living: u64) -> Vec<Warning> {
    let mut found = Vec::new();
    if recovery.recipients.len() == 1 {
        found.push(Warning::OneKey);
    }
    for key in keys {
        let recipient = key.recipient.clone();
        if key.retired_at.is_none() && key.opens < living {
            found.push(Warning::NotWrapped { recipient, cohorts: living - key.opens });
        } else if key.is_compromised && key.opens > 0 {
            found.push(Warning::Compromised { recipient, cohorts: key.opens, until: key.opens_until });
        }
    }
    found
}

/// The keys of every set that the root key ever signed.
async fn sets(host: &Host, trust: &Trust) -> Result<BTreeMap<u32, Vec<String>>, HostError> {
    let mut sets = BTreeMap::new();
    for kind in &trust.perpetual {
        let ObjectKind::RecoveryKeys(number) = kind else { continue };
        let key = layout::recovery_keys(*number);
        let bytes = host.vault.get(&key, None).await?;
        let root = [trust.repository.root.clone()];
        let Ok(opened) = envelope::open(&bytes, payload_type::RECOVERY_KEYS, &root) else { continue };
        let record: RecoveryKeys = decode(&key, &opened.payload)?;
        sets.insert(record.set, record.recipients);
    }
    Ok(sets)
}

type Promised = BTreeMap<(PlanName, CohortId), Instant>;

async fn promised(host: &Host, trust: &Trust, now: Instant) -> Result<Promised, RepositoryError> {
    let keys = SnapshotKeys::new(trust, &host.secrets.catalog, now);
    super::rewrap::promised_by(&*host.vault, &keys, snapshots::list(&*host.vault, None).await?).await
}

/// The recovery keys that open a cohort.
async fn openers(
    host: &Host,
    trust: &Trust,
    (plan, cohort): (&PlanName, &CohortId),
    sets: &BTreeMap<u32, Vec<String>>,
) -> Result<BTreeSet<String>, RepositoryError> {
    let mut found = BTreeSet::new();
    for number in numbers(&*host.vault, plan, cohort).await? {
        let bytes = host.vault.get(&layout::cohort_key(plan, cohort, number), None).await?;
        if let Ok(record) = check_cohort_key(&bytes, trust, plan, cohort, number) {
            found.extend(sets.get(&record.set).into_iter().flatten().cloned());
        }
    }
    Ok(found)
}

/// A time as a record states it, for people.
pub fn at(text: &str) -> Option<Instant> {
    instant(text)
}
