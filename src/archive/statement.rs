//! Statements of recoverability, as they are stored.

use serde::{Deserialize, Serialize};

use super::evidence::AuditPosition;

/// `audit/statements/<number>.json`, signed by a host key: of which days of a plan an identical copy exists. Names no path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementRecord {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// Counts up.
    pub number: u64,
    /// The plan.
    pub plan: String,
    /// The first and last day that were asked for; none: all.
    pub days: Option<(String, String)>,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// The snapshot that it speaks of; none in those of the first versions, which speak of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<StatedSnapshot>,
    /// How far copies were checked: `presence`, `read`, `opened`.
    pub checked: String,
    /// Where the copies are.
    pub copies: Vec<String>,
    /// What is known of each cohort that was asked for.
    pub cohorts: Vec<StatedCohort>,
    /// What is known of each path that was asked for, in the order of asking; without a recovery key nothing.
    pub paths: Vec<StatedPath>,
    /// Objects that belong to no cohort, such as snapshots and keys, and are missing or altered, in the first copy.
    pub other_problems: u64,
    /// The drill by which the time was reckoned.
    pub drill: Option<u64>,
    /// How long giving everything back that can be takes, milliseconds; none if no drill can say.
    pub estimate_milliseconds: Option<u64>,
    /// Where the audit log stood.
    pub audit: Option<AuditPosition>,
}

/// A snapshot that a statement names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedSnapshot {
    /// Its place in the chain of its plan.
    pub sequence: u64,
    /// SHA-256 of the object.
    pub digest: String,
    /// When it was taken, RFC 3339.
    pub taken_at: String,
}

/// What a statement says of a cohort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedCohort {
    /// The cohort.
    pub cohort: String,
    /// When the oldest snapshot was taken from which on it was just so, RFC 3339.
    pub since: Option<String>,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last snapshot that names it, if the one that the statement speaks of does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<StatedSnapshot>,
    /// What each copy has: `whole`, `damaged`, `absent`.
    pub copies: Vec<String>,
    /// `recoverable`, `deleted`, `partly`, `not-recoverable`.
    pub verdict: String,
}

/// What a statement says of a path that was asked for. The path itself is for the terminal and the page alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedPath {
    /// Files that it names.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of them in cohorts that can be given back.
    pub recoverable: u64,
    /// Parts of the lists of names that could not be read: nobody knows what else the path names in them.
    pub unreadable: u64,
    /// The newest snapshot that has them, if the one that the statement speaks of does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<StatedSnapshot>,
}
