//! The names of objects in the repository (docs/format.md, "Objects").
//!
//! Names are built and parsed only here. `<n>` counts from 1; digests are 64 lower-case hexadecimal digits.

use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;

use super::digest::Sha256;

/// `kura/<n>.json`: format version, repository id, root key.
pub fn repository(n: u32) -> String {
    format!("kura/{n}.json")
}

/// `keys/signing-<n>.json`: host signing keys in force.
pub fn signing_keys(n: u32) -> String {
    format!("keys/signing-{n}.json")
}

/// `keys/recovery-<n>.json`: recovery keys in force.
pub fn recovery_keys(n: u32) -> String {
    format!("keys/recovery-{n}.json")
}

/// `keys/catalog-<n>.age`: the host's secrets, sealed to the recovery keys.
pub fn catalog_key(n: u32) -> String {
    format!("keys/catalog-{n}.age")
}

/// `<plan>/<cohort>/key-<n>.json`: a key of the cohort, sealed to the recovery keys.
pub fn cohort_key(plan: &PlanName, cohort: &CohortId, n: u32) -> String {
    format!("{plan}/{cohort}/key-{n}.json")
}

/// What the names of a cohort's key objects begin with.
pub fn cohort_keys(plan: &PlanName, cohort: &CohortId) -> String {
    format!("{plan}/{cohort}/key-")
}

/// `<plan>/<cohort>/packs/<sha256>`.
pub fn pack(plan: &PlanName, cohort: &CohortId, name: &Sha256) -> String {
    format!("{plan}/{cohort}/packs/{name}")
}

/// `<plan>/<cohort>/index/<sha256>`.
pub fn index(plan: &PlanName, cohort: &CohortId, name: &Sha256) -> String {
    format!("{plan}/{cohort}/index/{name}")
}

/// `<plan>/snapshots/`.
pub fn snapshots(plan: &PlanName) -> String {
    format!("{plan}/snapshots/")
}

/// `<plan>/snapshots/<sequence>-<sha256>`; the sequence has ten digits so that names sort.
pub fn snapshot(plan: &PlanName, sequence: u64, name: &Sha256) -> String {
    format!("{plan}/snapshots/{sequence:010}-{name}")
}

/// Where the heads of the audit log are.
pub const AUDIT: &str = "audit/";

/// `audit/<sequence>-<sha256>`: a head of the audit log; ten digits as for snapshots.
pub fn audit_head(sequence: u64, name: &Sha256) -> String {
    format!("{AUDIT}{sequence:010}-{name}")
}

/// Where the evidence of drills is.
pub const DRILLS: &str = "audit/drills/";

/// `audit/drills/<number>.json`; ten digits as for snapshots.
pub fn drill(number: u64) -> String {
    format!("{DRILLS}{number:010}.json")
}

/// Where statements of recoverability are.
pub const STATEMENTS: &str = "audit/statements/";

/// `audit/statements/<number>.json`; ten digits as for snapshots.
pub fn statement(number: u64) -> String {
    format!("{STATEMENTS}{number:010}.json")
}

/// Where proofs of coverage are.
pub const COVERAGE: &str = "audit/coverage/";

/// `audit/coverage/<number>.json`; ten digits as for snapshots.
pub fn coverage(number: u64) -> String {
    format!("{COVERAGE}{number:010}.json")
}

/// Where intents and certificates of deletion are.
pub const CERTIFICATES: &str = "certificates/";

/// `certificates/<number>.intent.json`; ten digits as for snapshots.
pub fn intent(number: u64) -> String {
    format!("{CERTIFICATES}{number:010}.intent.json")
}

/// `certificates/<number>.json`.
pub fn certificate(number: u64) -> String {
    format!("{CERTIFICATES}{number:010}.json")
}

/// `<plan>/holds/`.
pub fn holds(plan: &PlanName) -> String {
    format!("{plan}/holds/")
}

/// `<plan>/holds/<number>`; ten digits as for snapshots.
pub fn hold(plan: &PlanName, number: u64) -> String {
    format!("{plan}/holds/{number:010}")
}

/// `<plan>/erasures/`.
pub fn erasures(plan: &PlanName) -> String {
    format!("{plan}/erasures/")
}

/// `<plan>/erasures/<number>`; ten digits as for snapshots.
pub fn erasure(plan: &PlanName, number: u64) -> String {
    format!("{plan}/erasures/{number:010}")
}

/// What a key says the object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// `kura/<n>.json`.
    Repository(u32),
    /// `keys/signing-<n>.json`.
    SigningKeys(u32),
    /// `keys/recovery-<n>.json`.
    RecoveryKeys(u32),
    /// `keys/catalog-<n>.age`.
    CatalogKey(u32),
    /// `<plan>/<cohort>/key-<n>.json`.
    CohortKey(PlanName, CohortId, u32),
    /// `<plan>/<cohort>/packs/<sha256>`.
    Pack(PlanName, CohortId, Sha256),
    /// `<plan>/<cohort>/index/<sha256>`.
    Index(PlanName, CohortId, Sha256),
    /// `<plan>/snapshots/<sequence>-<sha256>`.
    Snapshot(PlanName, u64, Sha256),
    /// `audit/<sequence>-<sha256>`.
    AuditHead(u64, Sha256),
    /// `audit/drills/<number>.json`.
    Drill(u64),
    /// `audit/statements/<number>.json`.
    Statement(u64),
    /// `audit/coverage/<number>.json`.
    Coverage(u64),
    /// `certificates/<number>.intent.json`.
    Intent(u64),
    /// `certificates/<number>.json`.
    Certificate(u64),
    /// `<plan>/holds/<number>`.
    Hold(PlanName, u64),
    /// `<plan>/erasures/<number>`.
    Erasure(PlanName, u64),
}

/// What the object of this key is, or `None` if the name is not one of Kura's.
pub fn parse(key: &str) -> Option<ObjectKind> {
    let parts: Vec<&str> = key.split('/').collect();
    match parts.as_slice() {
        ["kura", file] => Some(ObjectKind::Repository(numbered(file, "", ".json")?)),
        ["keys", file] => numbered(file, "signing-", ".json")
            .map(ObjectKind::SigningKeys)
            .or_else(|| numbered(file, "recovery-", ".json").map(ObjectKind::RecoveryKeys))
            .or_else(|| numbered(file, "catalog-", ".age").map(ObjectKind::CatalogKey)),
        ["audit", file] => {
            let (number, name) = sequenced(file)?;
            Some(ObjectKind::AuditHead(number, name))
        }
        ["audit", "statements", file] => ten_digits(file.strip_suffix(".json")?).map(ObjectKind::Statement),
        ["audit", "drills", file] => ten_digits(file.strip_suffix(".json")?).map(ObjectKind::Drill),
        ["audit", "coverage", file] => ten_digits(file.strip_suffix(".json")?).map(ObjectKind::Coverage),
        ["certificates", file] => match file.strip_suffix(".intent.json") {
            Some(number) => ten_digits(number).map(ObjectKind::Intent),
            None => ten_digits(file.strip_suffix(".json")?).map(ObjectKind::Certificate),
        },
        [plan, "holds", number] => Some(ObjectKind::Hold(plan.parse().ok()?, ten_digits(number)?)),
        [plan, "erasures", number] => Some(ObjectKind::Erasure(plan.parse().ok()?, ten_digits(number)?)),
        [plan, "snapshots", file] => {
            let (number, name) = sequenced(file)?;
            Some(ObjectKind::Snapshot(plan.parse().ok()?, number, name))
        }
        [plan, cohort, "packs", name] => {
            Some(ObjectKind::Pack(plan.parse().ok()?, cohort.parse().ok()?, name.parse().ok()?))
        }
        [plan, cohort, "index", name] => {
            Some(ObjectKind::Index(plan.parse().ok()?, cohort.parse().ok()?, name.parse().ok()?))
        }
        [plan, cohort, file] => Some(ObjectKind::CohortKey(
            plan.parse().ok()?,
            cohort.parse().ok()?,
            numbered(file, "key-", ".json")?,
        )),
        _ => None,
    }
}

fn sequenced(file: &str) -> Option<(u64, Sha256)> {
    let (sequence, name) = file.split_once('-')?;
    Some((ten_digits(sequence)?, name.parse().ok()?))
}

fn ten_digits(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (format!("{number:010}") == text).then_some(number)
}

fn numbered(file: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let digits = file.strip_prefix(prefix)?.strip_suffix(suffix)?;
    if digits.is_empty() || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
