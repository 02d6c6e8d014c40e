//! Proofs of coverage as signed objects: one for each morning and each time somebody asks, chained by digests (K-121).
//!
//! Whoever removes one, or puts another in its place, leaves a gap or a digest that does not fit; whoever removes the last
//! one is found by the audit log, which names it.

use bytes::Bytes;

use crate::archive::coverage_proof::{CoverageException, CoverageRecord, CoveredPlan};
use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, payload_type};
use crate::archive::evidence::AuditPosition;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::FORMAT;
use crate::archive::wire::to_u64;
use crate::catalog::{Catalog, CatalogError};
use crate::clock::Clock;
use crate::domain::coverage::{Coverage, Exception};
use crate::domain::locks::LockFlaw;
use crate::vault::{Vault, VaultError};

use super::causes::with_causes;
use super::coverage::Proof;
use super::evidence::instant;
use super::host::Host;
use super::repository::{RepositoryError, Trust, decode};
use super::sign_in::line;
use super::upload::{UploadError, put_and_compare, put_own};

/// The act of the line that names a stored proof.
const ACT: &str = "coverage.proof";

/// Why a proof was not stored, or the stored ones cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CoverageProofError {
    /// There is no such proof.
    #[error("there is no proof {0} in the store; `kura coverage list` shows those there are")]
    None(u64),
    /// A record, or the store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing it.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<VaultError> for CoverageProofError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// A proof as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredProof {
    /// SHA-256 of the object.
    pub digest: Sha256,
    /// The signed envelope.
    pub envelope: Vec<u8>,
    /// What it says.
    pub record: CoverageRecord,
}

/// What is stored, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Those that are right, ascending.
    pub stored: Vec<StoredProof>,
    /// What is wrong: the object and why.
    pub problems: Vec<(String, String)>,
}

/// Signs and stores what a proof found, naming the one before, with a line in the audit log. Gives its number.
pub async fn record(
    (host, second): (&Host, Option<&dyn Vault>),
    catalog: &Catalog,
    (proof, read): (&Proof, Option<(u32, u32)>),
    clock: &dyn Clock,
) -> Result<u64, CoverageProofError> {
    let now = clock.now();
    let head = catalog.audit_newest(1).await?;
    let compared = proof.report.second.iter().map(|second| second.address.clone());
    let mut record = CoverageRecord {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        number: 0,
        previous: None,
        at: now.to_string(),
        stores: std::iter::once(host.vault.address()).chain(compared).collect(),
        can_lock: proof.can_lock,
        read,
        read_packs: proof.report.read_packs,
        read_bytes: proof.report.read_bytes,
        problems: to_u64(proof.report.problems.len()),
        plans: proof.plans.iter().map(|(plan, found)| covered(plan, found)).collect(),
        unplanned: proof.unplanned.clone(),
        audit: head
            .first()
            .map(|line| AuditPosition { sequence: line.sequence, digest: Sha256(line.digest) }),
    };
    let until = host.evidence_end(now);
    let mut newest = numbers(&*host.vault).await?.last().copied().unwrap_or(0);
    let named = named_last(catalog).await?;
    let bytes = loop {
        record.previous = match named.filter(|(number, _)| *number > newest) {
            // What the store does not show now was stored nevertheless: no number is given twice.
            Some((number, digest)) => {
                newest = number;
                Some(digest)
            }
            None if newest == 0 => None,
            None => Some(Sha256::of(&host.vault.get(&layout::coverage(newest), None).await?)),
        };
        record.number = newest.saturating_add(1);
        let key = layout::coverage(record.number);
        let bytes = Bytes::from(host.sign_record(&key, payload_type::COVERAGE, &record)?);
        if put_own(&*host.vault, &key, &bytes, Some(until.into())).await? {
            break bytes;
        }
        // Another program stored its own a moment ago: this one comes after it.
        newest = record.number;
    };
    host.vault.flush().await?;
    if let Some(second) = second
        && let Err(error) =
            put_and_compare(second, &layout::coverage(record.number), &bytes, Some(until.into())).await
    {
        tracing::error!(
            error = with_causes(&error),
            "the second store did not get the proof; it is tried again"
        );
    }
    let digest = Sha256::of(&bytes);
    let (whole, alive) = record.plans.iter().fold((0_u64, 0_u64), |(whole, alive), plan| {
        (whole.saturating_add(plan.whole), alive.saturating_add(plan.alive))
    });
    let detail = format!("{digest} {whole} of {alive} whole");
    let tx = catalog.begin().await?;
    tx.commit(&[line(now, "kura", ACT, &layout::coverage(record.number), &detail)]).await?;
    Ok(record.number)
}

fn covered(plan: &str, found: &Coverage) -> CoveredPlan {
    CoveredPlan {
        plan: plan.to_owned(),
        alive: found.alive,
        whole: found.whole,
        held: found.held,
        packs: found.packs,
        bytes: found.bytes,
        lock: found.lock_mode.word().to_owned(),
        locks_read: found.locks.read,
        exceptions: found.exceptions.iter().map(exception).collect(),
    }
}

fn exception(found: &Exception) -> CoverageException {
    let (cohort, count) = match found {
        Exception::NoSnapshot | Exception::Partial | Exception::LocksHidden | Exception::ClockBehind => {
            (None, None)
        }
        Exception::Records(count)
        | Exception::Locks(LockFlaw::Short | LockFlaw::Long | LockFlaw::OtherMode, count) => {
            (None, Some(*count))
        }
        Exception::Damaged(cohort, count) => (Some(cohort.to_string()), Some(*count)),
        Exception::Past(cohort) | Exception::Lost(cohort) | Exception::Unlocked(cohort) => {
            (Some(cohort.to_string()), None)
        }
        Exception::Copies { found, .. } => (None, Some(u64::from(*found))),
    };
    CoverageException { code: found.code().to_owned(), cohort, count }
}

/// The number and the digest of the proof that the audit log names last.
async fn named_last(catalog: &Catalog) -> Result<Option<(u64, Sha256)>, CatalogError> {
    let Some(line) = catalog.audit_newest_of(ACT).await? else { return Ok(None) };
    let number = match layout::parse(&line.entry.subject) {
        Some(ObjectKind::Coverage(number)) => Some(number),
        _ => None,
    };
    let digest = line.entry.detail.split(' ').next().and_then(|text| text.parse().ok());
    Ok(number.zip(digest))
}

async fn numbers(vault: &dyn Vault) -> Result<Vec<u64>, VaultError> {
    let listed = vault.list(layout::COVERAGE).await?;
    let mut numbers: Vec<u64> = listed
        .iter()
        .filter_map(|one| match layout::parse(&one.key) {
            Some(ObjectKind::Coverage(number)) => Some(number),
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads every stored proof: each must be signed, and name the one before. The oldest may be gone: evidence is kept for
/// some years only. What the audit log names last must be there.
pub async fn load(host: &Host, catalog: &Catalog) -> Result<Proofs, CoverageProofError> {
    let mut proofs = Proofs::default();
    let mut before: Option<(u64, Sha256)> = None;
    for number in numbers(&*host.vault).await? {
        let key = layout::coverage(number);
        let bytes = host.vault.get(&key, None).await?;
        let digest = Sha256::of(&bytes);
        let is_next = before.is_none_or(|(last, _)| last.saturating_add(1) == number);
        let opened = open(&host.trust, &key, number, &bytes);
        let what = match (&opened, before) {
            (Err(error), _) => Some(with_causes(error)),
            (_, Some((last, _))) if !is_next => {
                Some(format!("proof {} before it is missing", last.saturating_add(1)))
            }
            (Ok(record), Some((_, before))) if record.previous != Some(before) => {
                Some("it does not name the one before it: one of them was replaced".to_owned())
            }
            _ => None,
        };
        proofs.problems.extend(what.map(|what| (key, what)));
        if let Ok(record) = opened {
            proofs.stored.push(StoredProof { digest, envelope: bytes.to_vec(), record });
        }
        before = Some((number, digest));
    }
    if let Some((number, digest)) = named_last(catalog).await? {
        let is_there = |one: &StoredProof| one.record.number == number && one.digest == digest;
        let key = layout::coverage(number);
        if !proofs.stored.iter().any(is_there) && !proofs.problems.iter().any(|(named, _)| *named == key) {
            let what = "the audit log names it and the store does not have it as it was".to_owned();
            proofs.problems.push((key, what));
        }
    }
    Ok(proofs)
}

/// One stored proof.
pub async fn one(host: &Host, number: u64) -> Result<StoredProof, CoverageProofError> {
    let key = layout::coverage(number);
    let bytes = match host.vault.get(&key, None).await {
        Err(VaultError::Missing { .. }) => return Err(CoverageProofError::None(number)),
        other => other?,
    };
    let record = open(&host.trust, &key, number, &bytes)?;
    Ok(StoredProof { digest: Sha256::of(&bytes), envelope: bytes.to_vec(), record })
}

/// Opens a stored proof: a host signed it, for this repository and number, while its key counted.
fn open(trust: &Trust, key: &str, number: u64, bytes: &[u8]) -> Result<CoverageRecord, RepositoryError> {
    let opened = envelope::open(bytes, payload_type::COVERAGE, &trust.host_keys());
    let opened = opened.map_err(|source| RepositoryError::Record { key: key.to_owned(), source })?;
    let found: CoverageRecord = decode(key, &opened.payload)?;
    let is_right = found.format == FORMAT
        && found.repository == trust.repository.repository
        && found.number == number
        && instant(&found.at).is_some()
        && trust.counted(&opened.signer, &found.at);
    if is_right { Ok(found) } else { Err(RepositoryError::wrong(key, "it is for another place or time")) }
}
