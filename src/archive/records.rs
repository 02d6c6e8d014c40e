//! The JSON records of the repository: repository, keys, cohort keys, snapshots (docs/format.md).
//!
//! All but the catalog secrets travel in signed envelopes. Unknown fields are refused: a reader that does not know a
//! field cannot know what it would miss.

use serde::{Deserialize, Serialize};

use super::base::Base;
use super::digest::{ChunkId, Sha256};
use super::envelope::PublicKey;
use super::erasure::ErasureHead;

/// The format version that this program writes and reads.
pub const FORMAT: u32 = 1;

/// `kura/<n>.json`, signed by the root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Format version.
    pub format: u32,
    /// The repository's random id, 32 hexadecimal digits.
    pub repository: String,
    /// The root key.
    pub root: PublicKey,
    /// The catalog key's public half (`age1…`): index objects and snapshots are sealed to it.
    pub catalog: String,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// One host signing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostKey {
    /// The key.
    pub key: PublicKey,
    /// From when its signatures count, RFC 3339.
    pub valid_from: String,
    /// Until when, RFC 3339; none while in force.
    pub valid_until: Option<String>,
}

/// `keys/signing-<n>.json`, signed by the root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeys {
    /// The repository this is for.
    pub repository: String,
    /// Counts up with every change; a reader takes the highest that verifies.
    pub version: u32,
    /// All host keys that ever counted.
    pub keys: Vec<HostKey>,
}

/// `keys/recovery-<n>.json`, signed by the root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKeys {
    /// The repository this is for.
    pub repository: String,
    /// The number of this recovery-key set; cohort keys say which set they are sealed to.
    pub set: u32,
    /// The age recipients.
    pub recipients: Vec<String>,
    /// When the root key signed this set, RFC 3339; the first set has the time of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
    /// What people noted of recovery keys, those that no longer count among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownKey>,
}

impl RecoveryKeys {
    /// Cohort keys sealed to sets before this one are not built upon: a key of theirs is in wrong hands.
    pub fn distrusted_before(&self) -> Option<u32> {
        self.known.iter().filter(|key| key.is_compromised).filter_map(|key| key.retired_in).max()
    }

    /// What is noted of a key.
    pub fn known(&self, recipient: &str) -> Option<&KnownKey> {
        self.known.iter().find(|key| key.recipient == recipient)
    }
}

/// What people noted of a recovery key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownKey {
    /// Its public half.
    pub recipient: String,
    /// The office that keeps it, such as `医師会`. Not a person.
    pub holder: Option<String>,
    /// Since when it counts, RFC 3339.
    pub since: String,
    /// Since when it counts no more.
    pub retired_at: Option<String>,
    /// The first set without it.
    pub retired_in: Option<u32>,
    /// Whether it is in wrong hands, or may be.
    pub is_compromised: bool,
}

/// What `keys/catalog-<n>.age` holds: the host's secrets, for a host that must be rebuilt and for restores.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogSecrets {
    /// The repository this is for.
    pub repository: String,
    /// The catalog identity (`AGE-SECRET-KEY-1…`).
    pub catalog_identity: String,
    /// The chunk-id key, 64 hexadecimal digits.
    pub chunk_key: String,
    /// The seed of the gear table, 64 hexadecimal digits.
    pub gear_seed: String,
    /// The set of recovery keys that this is sealed to; the first does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<u32>,
}

/// `<plan>/<cohort>/key-<n>.json`, signed by a host key; sealed again for other recovery keys, by the root key or a host key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortKey {
    /// The repository this is for.
    pub repository: String,
    /// The plan.
    pub plan: String,
    /// The cohort.
    pub cohort: String,
    /// The recovery-key set its identity is sealed to.
    pub set: u32,
    /// The cohort's public key: packs are sealed to it.
    pub recipient: String,
    /// The cohort's identity, sealed to every key of the set (ASCII armor).
    pub sealed_identity: String,
}

/// Where a manifest part, directory metadata or a report is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The pack's name.
    pub pack: Sha256,
    /// Bytes of the pack.
    pub pack_bytes: u64,
    /// Bytes before its age payload.
    pub header_bytes: u32,
    /// Where the frame begins in the payload.
    pub frame_offset: u64,
    /// Bytes of the frame.
    pub frame_bytes: u32,
    /// Bytes of its plaintext; the chunk fills the frame.
    pub plain_bytes: u32,
    /// The chunk's keyed id, checked when it is read.
    pub chunk: ChunkId,
}

/// One cohort of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotCohort {
    /// The cohort.
    pub cohort: String,
    /// SHA-256 of its key object.
    pub key: Sha256,
    /// The number in the name of that key object.
    pub key_number: u32,
    /// Its manifest parts, oldest first.
    pub parts: Vec<Location>,
    /// Its index objects, oldest first.
    pub indexes: Vec<Sha256>,
    /// Entries that are not directories.
    pub files: u64,
    /// Bytes of its regular files.
    pub bytes: u64,
    /// From when it may be deleted, RFC 3339.
    pub delete_from: String,
}

/// How complete a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Completeness {
    /// Everything the plan names was read.
    Complete,
    /// Something was not; the run's report names it.
    Partial,
}

/// Something stored in the run-day cohort beside manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InCohort {
    /// The cohort whose key opens it.
    pub cohort: String,
    /// Where it is.
    pub location: Location,
}

/// `<plan>/snapshots/<sequence>-<sha256>`, signed by a host key, sealed to the catalog key and the recovery keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// The plan.
    pub plan: String,
    /// `application` or `system`.
    pub class: String,
    /// Counts up by one in each plan.
    pub sequence: u64,
    /// SHA-256 of the snapshot object before this one; none for the first.
    pub parent: Option<Sha256>,
    /// When the run began, RFC 3339 in UTC.
    pub taken_at: String,
    /// The civil day of that instant in the plan's zone.
    pub day: String,
    /// Why it was taken: `adhoc`, `acceptance`, `maintenance`, `daily`, `monthly`.
    pub event: String,
    /// Whether everything was read.
    pub completeness: Completeness,
    /// How many sources the plan has; with one, a restore leaves out the source's name.
    pub sources: u32,
    /// The whole snapshot that this one builds on; none if it lists every cohort itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The base's cohorts that are not alive any more, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// The cohorts alive at this instant, ascending; with a base, those that are not as they are there.
    pub cohorts: Vec<SnapshotCohort>,
    /// Metadata of directories that changed since the manifests that name them were written.
    pub directories: Option<InCohort>,
    /// What could not be read or was not as expected, by name.
    pub report: Option<InCohort>,
    /// Entries that are not directories.
    pub files: u64,
    /// Bytes of regular files.
    pub bytes: u64,
    /// Entries that could not be read.
    pub skipped: u64,
    /// How far erasure orders went when it was taken; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasures: Option<ErasureHead>,
}

/// `audit/<sequence>-<sha256>`, signed by a host key: how far the audit log was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditHead {
    /// Format version.
    pub format: u32,
    /// The repository this belongs to.
    pub repository: String,
    /// The number of the newest line.
    pub sequence: u64,
    /// Its digest, which covers every line before it.
    pub digest: Sha256,
    /// When that line was written, RFC 3339 in UTC.
    pub at: String,
}
