//! Deleting what is past its time: a right of its own, apart from writing, that the writer's credential does not have.
//!
//! Nothing here decides what may go. A reaper lists all there is below a prefix, hidden versions too, deletes one thing
//! after the other, and is asked again until nothing is left. What the store still locks it refuses to delete.

use std::sync::Arc;

use async_trait::async_trait;

use super::{DirVault, S3Settings, StoreUrl, VaultError, s3};
use crate::domain::time::Instant;

/// What is left of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemainKind {
    /// A version with bytes; in a store without versions, the object.
    Version,
    /// A mark that hides older versions.
    DeleteMarker,
    /// An upload that was begun and not finished.
    Upload,
}

impl RemainKind {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::DeleteMarker => "delete-marker",
            Self::Upload => "upload",
        }
    }
}

/// Something that is left below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remain {
    /// The whole key, relative to the store's root.
    pub key: String,
    /// What it is.
    pub kind: RemainKind,
    /// The id of the version or the upload; empty in a store without versions.
    pub id: String,
    /// Bytes.
    pub size_bytes: u64,
}

/// How far a store itself keeps objects from being deleted early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// The store refuses.
    Enforced,
    /// The end of the lock is noted beside each object, and Kura keeps it; whoever is root can delete.
    Noted,
    /// Nothing is known of locks.
    Unknown,
}

/// Who deletes.
///
/// Guarantees every implementation gives:
/// - `delete` removes exactly the version that was listed, and refuses with `VaultError::Locked` while it is locked.
/// - deleting what is gone succeeds, so that a second try after a crash does.
#[async_trait]
pub trait Reaper: Send + Sync {
    /// The address, for messages and certificates; never holds a secret.
    fn address(&self) -> String;

    /// Everything whose key starts with `prefix`, ascending: versions, delete markers, unfinished uploads.
    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError>;

    /// Until when the store keeps something from being deleted; `None` if it does not or cannot say.
    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError>;

    /// Deletes one thing for good.
    async fn delete(&self, remain: &Remain) -> Result<(), VaultError>;

    /// What was deleted stays deleted after a power cut once this has returned.
    async fn flush(&self) -> Result<(), VaultError>;

    /// Who keeps the locks.
    fn locking(&self) -> Locking;

    /// What a clock of the store shows that lies outside this machine; `None` if there is none.
    async fn outside_time(&self) -> Result<Option<Instant>, VaultError>;
}

/// Opens a store for deletion. A bucket needs credentials of its own, which the caller gives in `settings`.
pub async fn open_reaper(address: &StoreUrl, settings: &S3Settings) -> Result<Arc<dyn Reaper>, VaultError> {
    match address {
        StoreUrl::Directory(root) => Ok(Arc::new(DirVault::open(root)?)),
        StoreUrl::Bucket(bucket) => Ok(Arc::new(s3::S3Vault::open(bucket, settings).await?)),
    }
}
