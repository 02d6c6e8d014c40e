//! Bringing the catalog back from the store and a recovery key.

use std::collections::BTreeSet;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::index::Index;
use crate::archive::layout;
use crate::archive::pack::PackFacts;
use crate::archive::records::{Completeness, Snapshot};
use crate::archive::wire::to_u64;
use crate::catalog::{Catalog, CatalogError, PackRow, SnapshotRow};
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;
use crate::vault::VaultError;

use super::chain::Chain;
use super::evidence;
use super::repository::{Opened, RepositoryError, open_signed};
use super::sign_in::line;
use super::snapshots::{self, SnapshotKeys, SnapshotName};

/// What was brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Plans found.
    pub plans: u64,
    /// Snapshots recorded.
    pub snapshots: u64,
    /// Packs recorded.
    pub packs: u64,
    /// Certificates of deletion noted.
    pub certificates: u64,
    /// Snapshots and index objects that are not what they must be: left out.
    pub unreadable: u64,
}

/// Why the catalog could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// A record in the store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Rebuilds the rows of every plan in the store.
pub async fn rebuild(opened: &Opened, catalog: &Catalog, now: Instant) -> Result<Rebuilt, RebuildError> {
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, now);
    let mut rebuilt = Rebuilt::default();
    for (plan, names) in snapshots::list(&*opened.vault, None).await? {
        catalog.clear_plan(plan.as_str()).await?;
        rebuilt.plans += 1;
        let mut seen = BTreeSet::new();
        let chain = Chain::settle(&*opened.vault, &names, &keys).await?;
        chain.tell_aside();
        rebuilt.unreadable += to_u64(chain.aside.len());
        let mut last = None;
        for name in chain.names {
            let snapshot = match snapshots::fetch(&*opened.vault, &name, &keys).await {
                Ok(snapshot) => snapshot,
                Err(reason) if reason.is_of_object() => {
                    tracing::warn!(object = %name.key(), %reason, "a snapshot was left out");
                    rebuilt.unreadable += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if last == Some(name.sequence) {
                // Two hosts took a snapshot at once; a number has one row, and the later one counts.
                catalog.forget_snapshots_from(plan.as_str(), name.sequence).await?;
            }
            last = Some(name.sequence);
            let packs = new_packs(opened, &name, &snapshot, (&mut seen, &mut rebuilt.unreadable)).await?;
            rebuilt.packs += to_u64(packs.len());
            catalog.record_snapshot(&row(&name, &snapshot)?, &packs).await?;
            rebuilt.snapshots += 1;
        }
    }
    rebuilt.certificates = certificates(opened, catalog, now).await?;
    Ok(rebuilt)
}

/// Notes the certificates of deletion; how many there are. What is wrong with one is told by `kura verify`.
async fn certificates(opened: &Opened, catalog: &Catalog, now: Instant) -> Result<u64, RebuildError> {
    let evidence = evidence::load(&opened.vault, &opened.trust).await?;
    for (number, certified) in &evidence.certificates {
        let mut tx = catalog.begin().await?;
        if tx.add_certificate(&certified.row(now)).await? {
            let digest = certified.digest.to_string();
            let entry = line(now, "kura", "catalog.certificate", &layout::certificate(*number), &digest);
            tx.commit(&[entry]).await?;
        }
    }
    Ok(to_u64(evidence.certificates.len()))
}

/// The snapshots that the store has, of one plan or of all, ascending by plan and sequence, and how many could not be
/// read.
pub async fn stored_snapshots(
    opened: &Opened,
    plan: Option<&PlanName>,
    now: Instant,
) -> Result<(Vec<SnapshotRow>, u64), RepositoryError> {
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, now);
    let (mut rows, mut unreadable) = (Vec::new(), 0);
    for names in snapshots::list(&*opened.vault, plan).await?.into_values() {
        for name in names {
            match snapshots::fetch(&*opened.vault, &name, &keys).await {
                Ok(snapshot) => rows.push(row(&name, &snapshot)?),
                Err(reason) if reason.is_of_object() => {
                    tracing::warn!(object = %name.key(), %reason, "not a snapshot of this repository");
                    unreadable += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok((rows, unreadable))
}

/// The packs that a snapshot's index objects name and no earlier one did.
async fn new_packs(
    opened: &Opened,
    name: &SnapshotName,
    snapshot: &Snapshot,
    (seen, unreadable): (&mut BTreeSet<Sha256>, &mut u64),
) -> Result<Vec<PackRow>, RebuildError> {
    let mut packs = Vec::new();
    for cohort in &snapshot.cohorts {
        let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
        for digest in &cohort.indexes {
            if !seen.insert(*digest) {
                continue;
            }
            let key = layout::index(&name.plan, &id, digest);
            let sealed = match opened.vault.get(&key, None).await {
                Ok(sealed) => sealed,
                // An index of a cohort that has been deleted since is no loss: its packs are gone too.
                Err(VaultError::Missing { .. }) => continue,
                Err(error) => return Err(RepositoryError::from(error).into()),
            };
            match decoded(opened, &key, &sealed, (&name.plan, &cohort.cohort)) {
                Ok(index) => packs.extend(pack_rows(&name.plan, &id, index)),
                Err(reason) => {
                    tracing::warn!(object = %key, %reason, "an index object was left out");
                    *unreadable += 1;
                }
            }
        }
    }
    Ok(packs)
}

fn decoded(
    opened: &Opened,
    key: &str,
    sealed: &[u8],
    (plan, cohort): (&PlanName, &str),
) -> Result<Index, RepositoryError> {
    let signers = opened.trust.host_keys();
    let payload = open_signed(key, sealed, &opened.secrets.catalog, payload_type::INDEX, &signers)?;
    Index::decode(&payload.payload, plan.as_str(), cohort)
        .map_err(|e| RepositoryError::wrong(key, e.to_string()))
}

/// The catalog rows of an index object's packs.
pub(super) fn pack_rows(plan: &PlanName, cohort: &CohortId, index: Index) -> Vec<PackRow> {
    let row = |(name, facts): (Sha256, PackFacts)| PackRow {
        plan: plan.to_string(),
        cohort: cohort.to_string(),
        name,
        size_bytes: facts.size_bytes,
        files: facts.files,
    };
    index.packs.into_iter().map(row).collect()
}

/// A snapshot's row. Bytes stored are not known from the record: the row says 0.
pub(super) fn row(name: &SnapshotName, snapshot: &Snapshot) -> Result<SnapshotRow, RepositoryError> {
    let wrong = |what: &str| RepositoryError::wrong(&name.key(), format!("its {what} cannot be read"));
    let taken_at: jiff::Timestamp = snapshot.taken_at.parse().map_err(|_| wrong("time"))?;
    Ok(SnapshotRow {
        plan: name.plan.to_string(),
        sequence: name.sequence,
        digest: name.digest,
        parent: snapshot.parent,
        taken_at: Instant::from_micros(taken_at.as_microsecond()),
        day: snapshot.day.parse().map_err(|_| wrong("day"))?,
        event: snapshot.event.clone(),
        is_complete: snapshot.completeness == Completeness::Complete,
        files: snapshot.files,
        bytes: snapshot.bytes,
        new_bytes_stored: 0,
        skipped: snapshot.skipped,
        cohorts: to_u64(snapshot.cohorts.len()),
    })
}
