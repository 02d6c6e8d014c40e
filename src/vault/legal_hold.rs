//! Legal holds of a store: a right of its own, apart from writing and from deleting. What is held nobody deletes, whatever
//! its lock says, until the hold is taken off.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Remain, S3Settings, StoreUrl, Vault as _, VaultError, s3};

/// Who sets legal holds.
#[async_trait]
pub trait LegalHolds: Send + Sync {
    /// Every version whose key starts with `prefix`.
    async fn versions(&self, prefix: &str) -> Result<Vec<Remain>, VaultError>;

    /// Whether a version is held.
    async fn is_held(&self, version: &Remain) -> Result<bool, VaultError>;

    /// Sets the hold of a version, or takes it off. Doing it twice changes nothing.
    async fn set(&self, version: &Remain, is_held: bool) -> Result<(), VaultError>;
}

/// Opens a store for legal holds; `None` if it has none: a directory, or a bucket without Object Lock.
pub async fn open_legal_holds(
    address: &StoreUrl,
    settings: &S3Settings,
) -> Result<Option<Arc<dyn LegalHolds>>, VaultError> {
    match address {
        StoreUrl::Directory(_) => Ok(None),
        StoreUrl::Bucket(bucket) => {
            let vault = s3::S3Vault::open(bucket, settings).await?;
            Ok(if vault.can_lock() { Some(Arc::new(vault)) } else { None })
        }
    }
}
