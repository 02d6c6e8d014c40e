//! Where objects are kept. One small trait, three places behind it: a directory, an S3 bucket, memory for tests.
//!
//! Objects are written once and never changed. Nothing here knows what an object means.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::plan::LockMode;
use crate::domain::time::Instant;

/// The address of a store.
mod address;

/// What a key may look like.
mod key;

/// A vault in a directory.
pub mod dir;

/// A vault in a bucket of an S3 server.
pub mod s3;

/// A vault in memory, for tests.
pub mod memory;

/// What a store can do, tried out.
pub mod probe;

/// Deleting what is past its time.
pub mod reaper;

/// Legal holds.
mod legal_hold;

/// Trying again after a passing fault.
mod retry;

pub use address::{BucketUrl, LockKind, StoreUrl, StoreUrlError};
pub use dir::DirVault;
pub use legal_hold::{LegalHolds, open_legal_holds};
pub use memory::MemoryVault;
pub use reaper::{Locking, Reaper, Remain, RemainKind, open_reaper};
pub use retry::Patience;
pub use s3::S3Settings;

/// Opens a store that exists.
///
/// A directory must be there; a bucket must be there and the credentials must be able to read its settings.
pub async fn open(address: &StoreUrl, settings: &S3Settings) -> Result<Arc<dyn Vault>, VaultError> {
    match address {
        StoreUrl::Directory(root) => Ok(Arc::new(DirVault::open(root)?)),
        StoreUrl::Bucket(bucket) => Ok(Arc::new(s3::S3Vault::open(bucket, settings).await?)),
    }
}

/// Opens a store, making the directory first if it is missing. Kura makes no buckets: their lock is set at birth.
pub async fn create(address: &StoreUrl, settings: &S3Settings) -> Result<Arc<dyn Vault>, VaultError> {
    match address {
        StoreUrl::Directory(root) => Ok(Arc::new(DirVault::create(root)?)),
        StoreUrl::Bucket(_) => open(address, settings).await,
    }
}

/// What the store says about one object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The whole key, relative to the vault's root (no leading slash).
    pub key: String,
    /// Size of the object, bytes.
    pub size_bytes: u64,
}

/// The lock to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its end.
    pub until: Instant,
    /// Which kind. A store whose address allows only the weaker one uses that.
    pub mode: LockMode,
}

/// The kind that nobody can lift: what belongs to no plan is locked so.
impl From<Instant> for Lock {
    fn from(until: Instant) -> Self {
        Self { until, mode: LockMode::Compliance }
    }
}

/// The lock that a store says an object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptLock {
    /// Its end.
    pub until: Instant,
    /// Which kind; `None` where the store only notes the end.
    pub mode: Option<LockMode>,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// This call created the object.
    Created,
    /// An object of that name was there before; it was not touched. The caller decides whether its bytes are the same.
    AlreadyThere,
}

/// Why a vault could not do as asked. Every variant names the key or the place.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No object has this key.
    #[error("the store has no object {key}")]
    Missing {
        /// The key asked for.
        key: String,
    },
    /// The credentials are wrong or may not do this.
    #[error("the store refused access to {place}: {reason}")]
    Denied {
        /// Bucket, folder or key.
        place: String,
        /// The store's own words.
        reason: String,
    },
    /// It may not be deleted yet.
    #[error(
        "the store keeps {key} from being deleted until {until}: nothing can shorten that; try again then"
    )]
    Locked {
        /// The key.
        key: String,
        /// The end of the lock.
        until: Instant,
    },
    /// The store is full.
    #[error("the store has no space left at {place}")]
    Full {
        /// Bucket, folder or key.
        place: String,
    },
    /// The address or its settings are wrong; trying again cannot help.
    #[error("the store at {place} cannot be used: {reason}")]
    Unusable {
        /// The store's address.
        place: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The store did not answer, or answered with a passing fault, until the retries ran out.
    #[error("the store did not complete {act} of {place}: {reason}")]
    Unavailable {
        /// What was asked, for example `GET`.
        act: &'static str,
        /// Bucket, folder or key.
        place: String,
        /// The last answer.
        reason: String,
    },
}

/// A place that keeps objects.
///
/// Guarantees every implementation gives:
/// - `put` never changes an object that exists: of any number of writers exactly one gets `Put::Created`.
/// - an object is visible whole or not at all.
/// - what `put` acknowledged survives a power cut once a later `flush` has returned.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The address, for messages; never holds a secret.
    fn address(&self) -> String;

    /// Creates an object, locked where the store can lock.
    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError>;

    /// Puts the right bytes in front of an object that was altered; only for mending (K-96). In a store with versions the
    /// altered one stays below until its lock is over.
    async fn mend(&self, key: &str, _bytes: Bytes, _lock: Option<Lock>) -> Result<(), VaultError> {
        let reason = format!("{key} is altered, and nothing can be put in its place here");
        Err(VaultError::Unusable { place: self.address(), reason })
    }

    /// The lock that the store says an object has; `None` if it has none.
    async fn kept_lock(&self, _key: &str) -> Result<Option<KeptLock>, VaultError> {
        Ok(None)
    }

    /// Reads an object, whole or a range of its bytes. A range past the end is `VaultError::Missing`.
    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError>;

    /// Whether the object is there with exactly these bytes. They are read from the store and compared.
    async fn holds(&self, key: &str, bytes: &Bytes) -> Result<bool, VaultError> {
        Ok(self.get(key, None).await? == bytes)
    }

    /// Size of an object in bytes, or `None` if there is none.
    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError>;

    /// Every object whose key starts with `prefix`, in ascending byte order of the key.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError>;

    /// Write barrier: what was put before is durable when this returns.
    async fn flush(&self) -> Result<(), VaultError>;

    /// Whether the store enforces the `retain_until` of `put`.
    fn can_lock(&self) -> bool;

    /// Whether answers take long enough that many requests should be under way at once.
    fn is_remote(&self) -> bool;

    /// What a clock of the store shows that lies outside this machine; `None` if there is none.
    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(None)
    }
}
