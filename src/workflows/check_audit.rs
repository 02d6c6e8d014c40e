//! Checking the audit log: every line against the one before, and the newest against what somebody noted elsewhere.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, CatalogError};
use crate::domain::actor::Denied;
use crate::domain::audit::{AuditLine, ChainFault, chained, check_link};

/// A line that somebody noted, on paper or in a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noted {
    /// Its number.
    pub sequence: u64,
    /// Its digest in hexadecimal, or how it begins.
    pub digest: String,
    /// Where it was noted, for messages: `the head that you gave`, the name of an object.
    pub place: String,
}

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
    #[error(
        "the audit log has no line {expected}, which {place} names; its newest is {found}: lines were cut off"
    )]
    Cut {
        /// The number that was noted.
        expected: u64,
        /// Where.
        place: String,
        /// The newest number.
        found: u64,
    },
    /// The line that was noted is another one now.
    #[error("line {sequence} of the audit log is not the one that {place} names: the log was replaced")]
    Replaced {
        /// The line.
        sequence: u64,
        /// Where it was noted.
        place: String,
    },
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Checks the whole log. `expected` is a head that was noted before.
pub async fn verify(catalog: &Catalog, expected: Option<Head>) -> Result<Head, AuditError> {
    let place = "the head that was noted".to_owned();
    let noted =
        expected.map(|head| Noted { sequence: head.sequence, digest: head.digest.to_string(), place });
    verify_against(catalog, noted.as_slice()).await
}

/// The same with any number of lines that were noted before; each must still be there.
pub async fn verify_against(catalog: &Catalog, noted: &[Noted]) -> Result<Head, AuditError> {
    let mut before: Option<(u64, [u8; 32])> = None;
    loop {
        let last = before.map_or(0, |(sequence, _)| sequence);
        let lines = catalog.audit_after(last, BATCH).await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            before = Some(check(before, line, noted)?);
        }
    }
    let (sequence, digest) = before.unwrap_or((0, [0; 32]));
    // The lowest one says best where the cut is.
    let beyond = noted.iter().filter(|one| one.sequence > sequence).min_by_key(|one| one.sequence);
    match beyond {
        Some(one) => {
            Err(AuditError::Cut { expected: one.sequence, place: one.place.clone(), found: sequence })
        }
        None => Ok(Head { sequence, digest: Sha256(digest) }),
    }
}

fn check(
    before: Option<(u64, [u8; 32])>,
    line: &AuditLine,
    noted: &[Noted],
) -> Result<(u64, [u8; 32]), AuditError> {
    let digest = Sha256::of(&chained(line.sequence, &line.previous, &line.entry)).0;
    check_link(before, line, digest)?;
    let shown = hex::encode(digest);
    let is_other = |one: &&Noted| one.sequence == line.sequence && !shown.starts_with(&one.digest);
    match noted.iter().find(is_other) {
        Some(one) => Err(AuditError::Replaced { sequence: line.sequence, place: one.place.clone() }),
        None => Ok((line.sequence, digest)),
    }
}
