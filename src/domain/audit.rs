//! The audit log: what a line holds, and the bytes that chain it to the line before.
//!
//! A line's digest is the SHA-256 of `chained`, which holds the digest of the line before: whoever changes, removes or
//! adds a line in the middle changes every digest after it. Hashing itself is the catalog's.

use crate::domain::time::Instant;

/// Something that happened, before it has a place in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// When.
    pub at: Instant,
    /// Who: an account's id, `host:USER` for a user of the machine, or `kura` for the service itself.
    pub actor: String,
    /// What, in words with dots: `window.approve`.
    pub act: String,
    /// To what: an id, never the name of a file.
    pub subject: String,
    /// More, in words for people: a reason, a digest.
    pub detail: String,
}

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditLine {
    /// Its place, from 1, without gaps.
    pub sequence: u64,
    /// What happened.
    pub entry: AuditEntry,
    /// The digest of the line before; zeros for the first.
    pub previous: [u8; 32],
    /// Its own digest.
    pub digest: [u8; 32],
}

/// The bytes whose SHA-256 is the digest of a line. Version 1: each field with its length, so that no two lines agree.
pub fn chained(sequence: u64, previous: &[u8; 32], entry: &AuditEntry) -> Vec<u8> {
    let mut bytes = b"kura audit 1\n".to_vec();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(previous);
    bytes.extend(entry.at.as_micros().to_be_bytes());
    for text in [&entry.actor, &entry.act, &entry.subject, &entry.detail] {
        bytes.extend(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// What is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChainFault {
    /// A number is missing or stands twice.
    #[error("line {expected} is missing: line {found} stands in its place")]
    Gap {
        /// The number that had to come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The line does not name the one before it.
    #[error(
        "line {sequence} does not follow the line before it: a line was changed, removed or put in between"
    )]
    Broken {
        /// The line.
        sequence: u64,
    },
    /// The line is not what its digest says.
    #[error("line {sequence} was changed after it was written")]
    Changed {
        /// The line.
        sequence: u64,
    },
}

/// Checks a line against the one before; `digest` is the SHA-256 of the line's `chained` bytes.
pub fn check_link(
    before: Option<(u64, [u8; 32])>,
    line: &AuditLine,
    digest: [u8; 32],
) -> Result<(), ChainFault> {
    let (last, previous) = before.unwrap_or((0, [0; 32]));
    let expected = last.saturating_add(1);
    if line.sequence != expected {
        return Err(ChainFault::Gap { expected, found: line.sequence });
    }
    if line.previous != previous {
        return Err(ChainFault::Broken { sequence: line.sequence });
    }
    if line.digest != digest {
        return Err(ChainFault::Changed { sequence: line.sequence });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(subject: &str, detail: &str) -> AuditEntry {
        AuditEntry {
            at: Instant::from_micros(1),
            actor: "tanaka0001".to_owned(),
            act: "window.approve".to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn moving_a_letter_from_one_field_to_the_next_changes_the_bytes() {
        let [a, b] = [entry("ab", "c"), entry("a", "bc")].map(|entry| chained(1, &[0; 32], &entry));
        assert_ne!(a, b);
    }

    #[test]
    fn a_gap_a_broken_link_and_a_changed_line_are_told_apart() {
        let line = AuditLine { sequence: 2, entry: entry("a", ""), previous: [1; 32], digest: [2; 32] };
        assert_eq!(check_link(Some((1, [1; 32])), &line, [2; 32]), Ok(()));
        let before = |sequence, digest| Some((sequence, [digest; 32]));
        assert_eq!(check_link(before(3, 1), &line, [2; 32]), Err(ChainFault::Gap { expected: 4, found: 2 }));
        assert_eq!(check_link(before(1, 9), &line, [2; 32]), Err(ChainFault::Broken { sequence: 2 }));
        assert_eq!(check_link(before(1, 1), &line, [3; 32]), Err(ChainFault::Changed { sequence: 2 }));
        assert_eq!(check_link(None, &line, [2; 32]), Err(ChainFault::Gap { expected: 1, found: 2 }));
    }
}
