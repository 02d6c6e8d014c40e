//! Checking the audit log: every line against the one before, and the newest against what somebody noted elsewhere.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, CatalogError};
use crate::domain::actor::Denied;
use crate::domain::audit::{AuditLine, ChainFault, chained, check_link};

/// Lines that are read at a time.
const BATCH: u32 = 1000;

/// The newest line of a log: noted elsewhere, it shows later whether the log was cut or replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Its number; 0 for an empty log.
    pub sequence: u64,
    /// Its digest; zeros for an empty log.
    pub digest: Sha256,
}

/// Why a log does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A line.
    #[error("the audit log does not hold: {0}")]
    Chain(#[from] ChainFault),
    /// The log no longer has the line that was noted.
    #[error("the audit log has no line {expected}, its newest is {found}: lines were cut off")]
    Cut {
        /// The number that was noted.
        expected: u64,
        /// The newest number.
        found: u64,
    },
    /// The line that was noted is another one now.
    #[error("line {0} of the audit log is not the one that was noted: the log was replaced")]
    Replaced(u64),
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Checks the whole log. `expected` is a head that was noted before.
pub async fn verify(catalog: &Catalog, expected: Option<Head>) -> Result<Head, AuditError> {
    let mut before: Option<(u64, [u8; 32])> = None;
    loop {
        let last = before.map_or(0, |(sequence, _)| sequence);
        let lines = catalog.audit_after(last, BATCH).await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            before = Some(check(before, line, expected)?);
        }
    }
    let (sequence, digest) = before.unwrap_or((0, [0; 32]));
    match expected {
        Some(head) if head.sequence > sequence => {
            Err(AuditError::Cut { expected: head.sequence, found: sequence })
        }
        _ => Ok(Head { sequence, digest: Sha256(digest) }),
    }
}

fn check(
    before: Option<(u64, [u8; 32])>,
    line: &AuditLine,
    expected: Option<Head>,
) -> Result<(u64, [u8; 32]), AuditError> {
    let digest = Sha256::of(&chained(line.sequence, &line.previous, &line.entry)).0;
    check_link(before, line, digest)?;
    if expected.is_some_and(|head| head.sequence == line.sequence && head.digest.0 != digest) {
        return Err(AuditError::Replaced(line.sequence));
    }
    Ok((line.sequence, digest))
}
