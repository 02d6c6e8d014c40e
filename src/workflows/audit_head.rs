//! The head of the audit log in the store, once a day, signed and locked: whoever cuts or rewrites the log later, on this
//! host and with all of its rights, cannot make the stored heads agree with it.

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, PublicKey, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{AuditHead, FORMAT};
use crate::catalog::{Catalog, CatalogError};
use crate::clock::Clock;
use crate::domain::time::Instant;
use crate::vault::{Vault, VaultError};

use super::check_audit::{self, AuditError, Head, Noted};
use super::desk::tokyo;
use super::host::Host;
use super::repository::{self, RepositoryError};
use super::sign_in::line;
use super::upload::{UploadError, put_and_compare};

/// The act of the line that notes a stored head.
const ACT: &str = "audit.head";

/// Why the head was not stored, or the stored ones cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum AuditHeadError {
    /// The log does not hold, by itself or against the store: nothing is signed then.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The store.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Storing it.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A stored head.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Whether a head is to be stored: something was decided since the last one, and that was on another day.
pub async fn is_due(catalog: &Catalog, now: Instant) -> Result<bool, CatalogError> {
    let newest = catalog.audit_newest(1).await?;
    let Some(newest) = newest.first().filter(|line| line.entry.act != ACT) else { return Ok(false) };
    // Looking for the last one costs more the longer it is ago: only where there may be something new.
    let last = catalog.audit_newest_of(ACT).await?;
    let zone = tokyo();
    Ok(last
        .is_none_or(|last| last.sequence < newest.sequence && zone.day_of(last.entry.at) < zone.day_of(now)))
}

/// Stores the head of the log, after checking the log itself and against the newest stored head; the name of the object.
///
/// The bytes depend on the log alone, so that a second try after a crash finds its own object there.
pub async fn write(
    host: &Host,
    catalog: &Catalog,
    clock: &dyn Clock,
) -> Result<Option<String>, AuditHeadError> {
    let stored = names(&*host.vault).await?;
    let newest = match stored.last() {
        Some((sequence, digest)) => {
            let trusted = host.trust.host_keys();
            let noted =
                read(&*host.vault, &trusted, &host.trust.repository.repository, *sequence, digest).await?;
            vec![noted]
        }
        None => Vec::new(),
    };
    let head = check_audit::verify_against(catalog, &newest).await?;
    let Some(line_at) = catalog.audit_newest(1).await?.first().map(|line| line.entry.at) else {
        return Ok(None);
    };
    let record = AuditHead {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        sequence: head.sequence,
        digest: head.digest,
        at: line_at.to_string(),
    };
    let bytes = Bytes::from(host.sign_record(layout::AUDIT, payload_type::AUDIT_HEAD, &record)?);
    let key = layout::audit_head(head.sequence, &Sha256::of(&bytes));
    let now = clock.now();
    put_and_compare(&*host.vault, &key, &bytes, Some(host.evidence_end(now).into())).await?;
    host.vault.flush().await?;
    let tx = catalog.begin().await?;
    let detail = format!("{}:{}", head.sequence, head.digest);
    tx.commit(&[line(now, "kura", ACT, &key, &detail)]).await?;
    tracing::info!(sequence = head.sequence, "the head of the audit log was stored");
    Ok(Some(key))
}

/// What a comparison with the store found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// The head of the log.
    pub head: Head,
    /// How many stored heads agree with it.
    pub stored: u64,
    /// The number that the newest of them names; 0 if there is none.
    pub newest: u64,
}

/// Checks the whole log, and every stored head against it.
pub async fn verify(
    host: &Host,
    catalog: &Catalog,
    expected: Option<Noted>,
) -> Result<Compared, AuditHeadError> {
    let trusted = host.trust.host_keys();
    let mut noted: Vec<Noted> = expected.into_iter().collect();
    let (mut stored, mut newest) = (0, 0);
    for (sequence, digest) in names(&*host.vault).await? {
        noted.push(read(&*host.vault, &trusted, &host.trust.repository.repository, sequence, &digest).await?);
        (stored, newest) = (stored + 1, sequence);
    }
    let head = check_audit::verify_against(catalog, &noted).await?;
    Ok(Compared { head, stored, newest })
}

/// The stored heads by their names, ascending.
async fn names(vault: &dyn Vault) -> Result<Vec<(u64, Sha256)>, VaultError> {
    let listed = vault.list(layout::AUDIT).await?;
    let name = |key: &str| match layout::parse(key) {
        Some(ObjectKind::AuditHead(sequence, digest)) => Some((sequence, digest)),
        _ => None,
    };
    Ok(listed.iter().filter_map(|listed| name(&listed.key)).collect())
}

/// Reads a stored head: its bytes are those of its name, and a host key signed it for this repository.
async fn read(
    vault: &dyn Vault,
    trusted: &[PublicKey],
    repository: &str,
    sequence: u64,
    name: &Sha256,
) -> Result<Noted, AuditHeadError> {
    let key = layout::audit_head(sequence, name);
    let bytes = vault.get(&key, None).await?;
    let wrong = |problem: &str| RepositoryError::wrong(&key, problem);
    if Sha256::of(&bytes) != *name {
        return Err(wrong("its bytes are not those of its name").into());
    }
    let opened = envelope::open(&bytes, payload_type::AUDIT_HEAD, trusted);
    let opened = opened.map_err(|source| RepositoryError::Record { key: key.clone(), source })?;
    let record: AuditHead = repository::decode(&key, &opened.payload)?;
    if record.sequence != sequence || record.repository != repository {
        return Err(wrong("it is the head of another log").into());
    }
    Ok(Noted { sequence, digest: record.digest.to_string(), place: key })
}
