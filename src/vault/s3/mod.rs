//! A vault in a bucket of an S3 server.

/// How Kura speaks to an S3 server.
mod settings;

pub use settings::{Credentials, S3Settings};

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use super::{BucketUrl, Listed, Put, Vault, VaultError};
use crate::domain::time::Instant;

/// A vault in a bucket of an S3 server.
pub struct S3Vault {
    address: BucketUrl,
}

impl S3Vault {
    /// Opens a bucket.
    pub async fn open(address: &BucketUrl, _settings: &S3Settings) -> Result<Self, VaultError> {
        Err(Self { address: address.clone() }.later())
    }

    fn later(&self) -> VaultError {
        VaultError::Unusable {
            place: self.address.to_string(),
            reason: "s3 comes with the next change".to_owned(),
        }
    }
}

#[async_trait]
impl Vault for S3Vault {
    fn address(&self) -> String {
        self.address.to_string()
    }

    async fn put(&self, _: &str, _: Bytes, _: Option<Instant>) -> Result<Put, VaultError> {
        Err(self.later())
    }

    async fn get(&self, _: &str, _: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        Err(self.later())
    }

    async fn size(&self, _: &str) -> Result<Option<u64>, VaultError> {
        Err(self.later())
    }

    async fn list(&self, _: &str) -> Result<Vec<Listed>, VaultError> {
        Err(self.later())
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Err(self.later())
    }

    fn can_lock(&self) -> bool {
        false
    }
}
