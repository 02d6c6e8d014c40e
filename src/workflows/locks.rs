//! Reading locks back, in both stores: of what lives, of snapshots and of evidence. The first object of each cohort, the
//! newest snapshot and the newest evidence each time; every object once in the days in which everything is read again.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::envelope::{self, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::catalog::SnapshotRow;
use crate::domain::cohort::CohortId;
use crate::domain::locks::LockFacts;
use crate::domain::plan::Plan;
use crate::domain::retention::{self, Retention};
use crate::domain::time::Instant;
use crate::vault::{KeptLock, Vault, VaultError};

use super::desk::tokyo;
use super::evidence::instant;
use super::repository::open_signed;
use super::verify::Viewer;

/// Which objects are looked at beside the first ones: part N of M.
pub type Part = Option<(u32, u32)>;

/// Looks at locks one after the other.
struct Looker<'a> {
    vault: &'a dyn Vault,
    part: Part,
    at: u32,
    facts: LockFacts,
}

impl<'a> Looker<'a> {
    const fn new(vault: &'a dyn Vault, part: Part) -> Self {
        let facts = LockFacts { read: 0, short: 0, long: 0, other_mode: 0, is_hidden: false };
        Self { vault, part, at: 0, facts }
    }

    /// Whether an object's turn has come; the first of its kind always has.
    fn is_due(&mut self, is_first: bool) -> bool {
        self.at = self.at.wrapping_add(1);
        is_first || self.part.is_some_and(|(number, of)| self.at % of.max(1) == number % of.max(1))
    }

    /// The lock of an object.
    async fn seen(&mut self, key: &str) -> Result<Seen, VaultError> {
        match self.vault.kept_lock(key).await {
            Ok(kept) => Ok(Seen::Kept(kept)),
            Err(VaultError::Denied { .. }) => {
                tracing::warn!("the credentials may not read locks back");
                self.facts.is_hidden = true;
                Ok(Seen::Hidden)
            }
            Err(VaultError::Missing { .. }) => Ok(Seen::Gone),
            Err(error) => Err(error),
        }
    }
}

/// What is seen of a lock.
enum Seen {
    /// The lock, or that there is none.
    Kept(Option<KeptLock>),
    /// The object was deleted in its time a moment ago.
    Gone,
    /// Nobody may see locks: no other one is asked for.
    Hidden,
}

/// What the locks of a plan's living cohorts and of its snapshots are.
///
/// What lies past its time is left out, as nothing locks it any more.
pub async fn look(
    vault: &dyn Vault,
    (plan, taken): (&Plan, &[SnapshotRow]),
    part: Part,
    now: Instant,
) -> Result<LockFacts, VaultError> {
    let mut looker = Looker::new(vault, part);
    if !vault.can_lock() {
        return Ok(looker.facts);
    }
    let mut wanted: Vec<(CohortId, String, bool)> = Vec::new();
    let (mut cohorts, mut newest) = (BTreeSet::new(), None);
    for listed in vault.list(&format!("{}/", plan.name())).await? {
        match layout::parse(&listed.key) {
            // Later keys are made where nobody may know yet how long the cohort is kept.
            Some(
                ObjectKind::Pack(_, cohort, _)
                | ObjectKind::Index(_, cohort, _)
                | ObjectKind::CohortKey(_, cohort, 1),
            ) => wanted.push((cohort, listed.key, cohorts.insert(cohort))),
            Some(ObjectKind::Snapshot(_, sequence, digest)) => {
                let is_it = |row: &&SnapshotRow| {
                    row.plan == plan.name().as_str() && row.sequence == sequence && row.digest == digest
                };
                // One that this host does not know is named elsewhere.
                let Some(row) = taken.iter().find(is_it) else { continue };
                wanted.push((plan.cohort_of(row.day), listed.key, false));
                newest = Some(wanted.len().saturating_sub(1));
            }
            _ => {}
        }
    }
    if let Some((.., is_first)) = newest.and_then(|place| wanted.get_mut(place)) {
        *is_first = true;
    }
    for (cohort, key, is_first) in wanted {
        let until = cohort.delete_from(plan.retention(), plan.zone());
        if until <= now || !looker.is_due(is_first) {
            continue;
        }
        match looker.seen(&key).await? {
            Seen::Kept(kept) => {
                let kept = kept.map(|kept| (kept.until, kept.mode));
                looker.facts.count((until, plan.lock_mode()), kept);
            }
            Seen::Gone => {}
            Seen::Hidden => break,
        }
    }
    Ok(looker.facts)
}

/// What the locks of evidence are: each as long as evidence is kept, from the day on which it was written. It is nobody's
/// personal data, so that its mode is not compared.
pub async fn look_at_evidence(
    (vault, viewer): (&dyn Vault, &Viewer),
    kept_for: Retention,
    part: Part,
    now: Instant,
) -> Result<LockFacts, VaultError> {
    let mut looker = Looker::new(vault, part);
    if !vault.can_lock() {
        return Ok(looker.facts);
    }
    let zone = tokyo();
    let end = |at| retention::delete_from_instant(kept_for, zone.day_of(at), &zone);
    let mut folders: BTreeMap<String, Vec<(String, ObjectKind)>> = BTreeMap::new();
    for listed in vault.list("").await? {
        let Some((folder, _)) = listed.key.rsplit_once('/') else { continue };
        if let Some(kind) = layout::parse(&listed.key).filter(is_evidence) {
            folders.entry(folder.to_owned()).or_default().push((listed.key, kind));
        }
    }
    for keys in folders.into_values() {
        for (place, (key, kind)) in keys.into_iter().rev().enumerate() {
            if !looker.is_due(place == 0) {
                continue;
            }
            // What does not open is named where evidence is checked.
            let Some(written) = written_at((vault, viewer), &key, &kind).await? else { continue };
            if end(written) <= now {
                continue;
            }
            match looker.seen(&key).await? {
                Seen::Kept(kept) => {
                    looker.facts.count_between((end(written), end(now)), kept.map(|kept| kept.until));
                }
                Seen::Gone => {}
                Seen::Hidden => return Ok(looker.facts),
            }
        }
    }
    Ok(looker.facts)
}

const fn is_evidence(kind: &ObjectKind) -> bool {
    kind_of(kind).is_some()
}

/// What evidence is signed as, and whether it is sealed too.
const fn kind_of(kind: &ObjectKind) -> Option<(&'static str, bool)> {
    match kind {
        ObjectKind::AuditHead(..) => Some((payload_type::AUDIT_HEAD, false)),
        ObjectKind::Drill(_) => Some((payload_type::DRILL, false)),
        ObjectKind::Statement(_) => Some((payload_type::STATEMENT, false)),
        ObjectKind::Coverage(_) => Some((payload_type::COVERAGE, false)),
        ObjectKind::Intent(_) => Some((payload_type::INTENT, false)),
        ObjectKind::Certificate(_) => Some((payload_type::CERTIFICATE, false)),
        ObjectKind::Hold(..) => Some((payload_type::HOLD, true)),
        ObjectKind::Erasure(..) => Some((payload_type::ERASURE, true)),
        ObjectKind::Repository(_)
        | ObjectKind::SigningKeys(_)
        | ObjectKind::RecoveryKeys(_)
        | ObjectKind::CatalogKey(_)
        | ObjectKind::CohortKey(..)
        | ObjectKind::Pack(..)
        | ObjectKind::Index(..)
        | ObjectKind::Snapshot(..) => None,
    }
}

/// When evidence says that it was written.
async fn written_at(
    (vault, viewer): (&dyn Vault, &Viewer),
    key: &str,
    kind: &ObjectKind,
) -> Result<Option<Instant>, VaultError> {
    let Some((payload_type, is_sealed)) = kind_of(kind) else { return Ok(None) };
    let bytes = match vault.get(key, None).await {
        Ok(bytes) => bytes,
        Err(VaultError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let hosts = viewer.trust.host_keys();
    let payload = if is_sealed {
        open_signed(key, &bytes, &viewer.catalog, payload_type, &hosts).ok().map(|opened| opened.payload)
    } else {
        envelope::open(&bytes, payload_type, &hosts).ok().map(|opened| opened.payload)
    };
    let record: Option<serde_json::Value> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    let at = |field| record.as_ref()?.get(field)?.as_str().and_then(instant);
    Ok(["at", "issued_at", "made_at", "ended_at"].into_iter().find_map(at))
}
