//! The JSON records of deletion: intents, certificates, holds (docs/format.md). Accounts, cohorts and counts; no names.

use serde::{Deserialize, Serialize};

use super::digest::Sha256;

/// The rule by which a plan's data was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The plan.
    pub plan: String,
    /// The version of the plan: SHA-256 of its content.
    pub version: Sha256,
    /// How long it keeps its data, such as `1 year`.
    pub retention: String,
    /// The zone in which days are counted.
    pub zone: String,
}

/// A cohort that is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedCohort {
    /// The plan.
    pub plan: String,
    /// The cohort.
    pub cohort: String,
    /// The day from which it counts.
    pub clock_day: String,
    /// The last day of its time where the first day counts (reading A, which is promised).
    pub last_day_a: String,
    /// The last day where the first day does not count (reading B).
    pub last_day_b: String,
    /// From when on it may be deleted, RFC 3339.
    pub delete_from: String,
    /// Entries that have bytes in its packs, as this host recorded them.
    pub records: u64,
    /// Objects: every version, delete marker and unfinished upload.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A snapshot object that is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedSnapshot {
    /// The plan.
    pub plan: String,
    /// Its number.
    pub sequence: u64,
    /// SHA-256 of the object.
    pub digest: String,
    /// From when on it may be deleted, RFC 3339.
    pub delete_from: String,
}

/// Something whose time is over and that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotDeleted {
    /// The plan.
    pub plan: String,
    /// The cohort, or the number of the snapshot.
    pub what: String,
    /// Why: `hold`, `newest-generation`, `locked`, `needed`, `changed`.
    pub code: String,
    /// The same in words.
    pub japanese: String,
}

/// By whose authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// `order`: approved by one and confirmed by another. `standing`: approved for good.
    pub kind: String,
    /// Who approved.
    pub approved_by: String,
    /// When, RFC 3339.
    pub approved_at: String,
    /// Who confirmed; none of a standing approval.
    pub confirmed_by: Option<String>,
    /// When, RFC 3339.
    pub confirmed_at: Option<String>,
}

/// What spoke for the date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockRecord {
    /// What the host's clock showed, RFC 3339.
    pub host: String,
    /// Clocks outside the machine: which, and what they showed.
    pub outside: Vec<ClockReading>,
    /// The account that said what day it is, and the day, if that was needed.
    pub word: Option<ClockWord>,
}

/// What one clock showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockReading {
    /// Which.
    pub source: String,
    /// What it showed, RFC 3339.
    pub at: String,
}

/// Somebody said what day it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockWord {
    /// Who.
    pub by: String,
    /// The day.
    pub day: String,
}

/// Where the audit log stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditPosition {
    /// The number of the newest line.
    pub sequence: u64,
    /// Its digest.
    pub digest: Sha256,
}

/// `certificates/<number>.intent.json`, signed by a host key before anything is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// Counts up by one; the certificate that follows has the same number.
    pub number: u64,
    /// SHA-256 of the certificate before; none for the first.
    pub previous: Option<Sha256>,
    /// The order: exactly what is deleted (docs/format.md).
    pub order: String,
    /// SHA-256 of the order that people approved; none under a standing approval.
    pub approved: Option<Sha256>,
    /// The rules.
    pub rules: Vec<Rule>,
    /// The cohorts of the order.
    pub cohorts: Vec<DeletedCohort>,
    /// The snapshots of the order.
    pub snapshots: Vec<DeletedSnapshot>,
    /// What is past its time and kept back.
    pub not_deleted: Vec<NotDeleted>,
    /// By whose authority.
    pub authority: Authority,
    /// Who carries it out: an account, or `kura` for the service.
    pub executor: String,
    /// What spoke for the date.
    pub clock: ClockRecord,
    /// Where the audit log stood.
    pub audit: Option<AuditPosition>,
    /// When it was written, RFC 3339.
    pub at: String,
}

/// What was done in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyDeleted {
    /// The store's address.
    pub location: String,
    /// `version-purged`: each version by its id. `object-deleted`: the file.
    pub method: String,
    /// Who kept it from being deleted early: `store`, `kura`, `nobody`.
    pub locked_by: String,
    /// When nothing was left, by the clock of Tokyo.
    pub finished_at: String,
    /// What a last look found: versions, delete markers and unfinished uploads together. Always 0.
    pub left: u64,
}

/// An erasure order that was in force for a deleted cohort: nothing was erased before its day, it was kept back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppressed {
    /// The plan.
    pub plan: String,
    /// The number of the order.
    pub order: u64,
    /// When it was given, RFC 3339.
    pub ordered_at: String,
    /// By whom.
    pub by: String,
}

/// `certificates/<number>.json`, signed by a host key (消去証明書).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// Counts up by one.
    pub number: u64,
    /// SHA-256 of the certificate before; none for the first.
    pub previous: Option<Sha256>,
    /// SHA-256 of the intent.
    pub intent: Sha256,
    /// SHA-256 of the order that was carried out.
    pub order: Sha256,
    /// Why: the article of the policy.
    pub basis: String,
    /// The rules, with their versions.
    pub rules: Vec<Rule>,
    /// Cohorts that are gone.
    pub cohorts: Vec<DeletedCohort>,
    /// Snapshots that are gone.
    pub snapshots: Vec<DeletedSnapshot>,
    /// What is past its time and was not deleted.
    pub not_deleted: Vec<NotDeleted>,
    /// Erasure orders that kept something of these cohorts from being given back until now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<Suppressed>,
    /// Every place from which they were deleted.
    pub copies: Vec<CopyDeleted>,
    /// What else of them this host forgot: `catalog`, `index-copies`.
    pub local: Vec<String>,
    /// By whose authority.
    pub authority: Authority,
    /// Who carried it out.
    pub executor: String,
    /// What spoke for the date.
    pub clock: ClockRecord,
    /// Where the audit log stood when it was issued.
    pub audit: Option<AuditPosition>,
    /// When it was issued, RFC 3339.
    pub issued_at: String,
}

/// `<plan>/holds/<number>`, signed by a host key, sealed to the catalog key and the recovery keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRecord {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// The plan.
    pub plan: String,
    /// Counts up by one in each plan.
    pub number: u64,
    /// What it does.
    pub act: HoldAct,
    /// Why.
    pub reason: String,
    /// The account that decided.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

/// `audit/drills/<number>.json`, signed by a host key: what was tried out, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillRecord {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// Counts up.
    pub number: u64,
    /// `restore` or `key`.
    pub kind: String,
    /// The plan of a restore.
    pub plan: Option<String>,
    /// The snapshots that were looked into: SHA-256 of each.
    pub snapshots: Vec<Sha256>,
    /// The public halves of the recovery keys that were used.
    pub keys: Vec<String>,
    /// `sample`, `days` or `all`.
    pub scope: String,
    /// When it began, RFC 3339.
    pub began_at: String,
    /// When it ended, RFC 3339.
    pub ended_at: String,
    /// How long the restore took, milliseconds; comparing comes on top.
    pub milliseconds: u64,
    /// Cohorts that were opened.
    pub cohorts: u64,
    /// Files that were restored and compared with the digests recorded of them.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What did not come back as it was, or did not open.
    pub failed: u64,
    /// Files of the whole snapshot.
    pub of_files: u64,
    /// Their bytes.
    pub of_bytes: u64,
    /// Where the audit log stood.
    pub audit: Option<AuditPosition>,
}

/// What a hold record does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum HoldAct {
    /// Keeps the cohorts of these clock days.
    Place {
        /// The first day.
        from: String,
        /// The last day.
        to: String,
        /// The last day on which it holds; none until it is released.
        until: Option<String>,
    },
    /// Ends an earlier one.
    Release {
        /// Its number.
        number: u64,
    },
}
