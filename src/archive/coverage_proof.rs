//! The JSON record of a proof of coverage. Counts and codes of plans and cohorts; no names of files or persons.

use serde::{Deserialize, Serialize};

use super::digest::Sha256;
use super::evidence::AuditPosition;

/// `audit/coverage/<number>.json`, signed by a host key: what a proof of coverage found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageRecord {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// Counts up by one.
    pub number: u64,
    /// SHA-256 of the object before; none for the first.
    pub previous: Option<Sha256>,
    /// When it was found, RFC 3339.
    pub at: String,
    /// The addresses of the stores that were looked at; the first is the one that was checked, the second was compared.
    pub stores: Vec<String>,
    /// Whether the first store enforces locks.
    pub can_lock: bool,
    /// Which part of all packs was read, of how many; none if none was.
    pub read: Option<(u32, u32)>,
    /// Packs whose bytes were read and compared with their name.
    pub read_packs: u64,
    /// Their bytes.
    pub read_bytes: u64,
    /// Objects that are missing, altered or not as they should be, in all.
    pub problems: u64,
    /// What was found of each plan, ascending by name.
    pub plans: Vec<CoveredPlan>,
    /// Plans that the store has and nobody can say how long they are owed.
    pub unplanned: Vec<String>,
    /// Where the audit log stood.
    pub audit: Option<AuditPosition>,
}

/// What was found of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoveredPlan {
    /// The plan.
    pub plan: String,
    /// Cohorts inside their time.
    pub alive: u64,
    /// Those of them whose every object is there.
    pub whole: u64,
    /// Cohorts past their time that a hold keeps.
    pub held: u64,
    /// Packs of cohorts inside their time.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How the plan locks: `compliance`, `governance`.
    pub lock: String,
    /// Objects whose lock was read back.
    pub locks_read: u64,
    /// What keeps the promise from being proved.
    pub exceptions: Vec<CoverageException>,
}

/// Something that keeps the promise from being proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageException {
    /// The code, as `kura coverage` says it.
    pub code: String,
    /// The cohort, where it is about one.
    pub cohort: Option<String>,
    /// How many objects, where they were counted.
    pub count: Option<u64>,
}
