//! A vault in a bucket of an S3 server.
//!
//! Every object goes up in one PUT that carries its SHA-256, its lock and `If-None-Match: *`; nothing is ever
//! overwritten. The SHA-256 is also kept as metadata, so that a PUT whose answer was lost can be told from a clash.
//! Passing faults are tried again within the limits of `S3Settings`.
//!
//! `get` reads the current version of a key. In a bucket with versions, others may hide behind it.

/// Opening a bucket.
mod connect;

/// What the answers of S3 servers mean.
mod errors;

/// Legal holds.
mod legal_hold;

/// Locks: asking for one, reading it back.
mod locks;

/// The checks of `kura store probe` that only S3 can answer.
pub(super) mod probe;

/// Deleting.
mod reap;

/// How Kura speaks to an S3 server.
mod settings;

pub use settings::{Credentials, S3Settings};

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ObjectLockMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::retry::{Try, patiently};
use super::{BucketUrl, KeptLock, Listed, Lock, LockKind, Put, Vault, VaultError, key};
use crate::domain::time::Instant;
use connect::{Locking, ServerClock};
use errors::{Asked, Fault, judge};

/// Where an object's SHA-256 is kept beside it (`x-amz-meta-kura-sha256`), in hex.
const DIGEST_NAME: &str = "kura-sha256";

/// Most pages of one listing: 10 million objects of 1000 a page.
const PAGES_MAX: usize = 10_000;

/// A vault in a bucket of an S3 server.
pub struct S3Vault {
    client: Client,
    address: BucketUrl,
    store: String,
    settings: S3Settings,
    locking: Locking,
    server_clock: Arc<ServerClock>,
}

/// What a PUT may be put over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Nothing may be there.
    Nothing,
    /// An altered object; in a bucket with versions it stays below.
    Altered,
}

impl S3Vault {
    /// Opens a bucket that exists, and reads whether it can lock.
    pub async fn open(address: &BucketUrl, settings: &S3Settings) -> Result<Self, VaultError> {
        let server_clock = ServerClock::unknown();
        let client = Box::pin(connect::client(address, settings, Arc::clone(&server_clock))).await?;
        let locking = Box::pin(connect::locking(&client, address, settings)).await?;
        Ok(Self {
            client,
            address: address.clone(),
            store: address.to_string(),
            settings: settings.clone(),
            locking,
            server_clock,
        })
    }

    /// The name of an object in the bucket.
    fn object_name(&self, key: &str) -> String {
        if self.address.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.address.prefix) }
    }

    fn asked<'a>(&'a self, act: &'static str, key: &'a str) -> Asked<'a> {
        Asked { act, key, store: &self.store }
    }

    /// Tries a call until it is settled. Each try has a time limit that grows with the bytes to move.
    async fn patiently<T, F>(
        &self,
        asked: Asked<'_>,
        size_bytes: u64,
        mut call: impl FnMut() -> F,
    ) -> Result<T, VaultError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let moving = Duration::from_secs(size_bytes / self.settings.slowest_bytes_per_second.max(1));
        let limit = self.settings.attempt_timeout.saturating_add(moving);
        patiently(&self.settings.patience, |tries| {
            let call = Box::pin(tokio::time::timeout(limit, call()));
            async move {
                let fault = match call.await {
                    Ok(Ok(answer)) => return Try::Settled(Ok(answer)),
                    Ok(Err(Fault::Final(error))) => return Try::Settled(Err(error)),
                    Ok(Err(fault)) => fault.into_error(asked),
                    Err(_) => asked.unavailable(format!("no answer within {} s", limit.as_secs())),
                };
                tracing::debug!(act = asked.act, tries, fault = %fault, "a call to the store failed for now");
                Try::Passing(fault)
            }
        })
        .await
    }

    /// One PUT. A key that is taken is settled by a look at it.
    async fn put_once(
        &self,
        key: &str,
        bytes: Bytes,
        (lock, over): (Option<(ObjectLockMode, DateTime)>, Over),
    ) -> Result<Put, Fault> {
        let digest = digest::digest(&digest::SHA256, &bytes);
        let (mode, until) = lock.unzip();
        let sent = self
            .client
            .put_object()
            .bucket(&self.address.bucket)
            .key(self.object_name(key))
            .set_if_none_match((over == Over::Nothing).then(|| "*".to_owned()))
            .checksum_sha256(BASE64.encode(digest))
            .metadata(DIGEST_NAME, hex::encode(digest))
            .content_type("application/octet-stream")
            .set_object_lock_mode(mode)
            .set_object_lock_retain_until_date(until)
            .body(ByteStream::from(bytes.clone()))
            .send()
            .await;
        let Err(error) = sent else { return Ok(Put::Created) };
        match judge(self.asked("PUT", key), &error) {
            Fault::Conflict => self.settle_conflict(key, size_of(&bytes), &hex::encode(digest)).await,
            fault => Err(fault),
        }
    }

    /// The key is taken, perhaps by an earlier try of ours whose answer was lost: either way it is there already.
    ///
    /// If it is not there after all (another writer is busy, or has failed), the PUT is worth another try.
    async fn settle_conflict(&self, key: &str, size_bytes: u64, digest: &str) -> Result<Put, Fault> {
        let head = self.client.head_object().bucket(&self.address.bucket).key(self.object_name(key));
        match head.send().await {
            Ok(there) => {
                let kept = there.metadata().and_then(|kept| kept.get(DIGEST_NAME));
                let is_same = kept.is_some_and(|kept| kept == digest)
                    && there.content_length().and_then(|length| u64::try_from(length).ok())
                        == Some(size_bytes);
                if !is_same {
                    tracing::debug!("a key of the store is taken by other bytes");
                }
                Ok(Put::AlreadyThere)
            }
            Err(error) => match judge(self.asked("PUT", key), &error) {
                Fault::Final(VaultError::Missing { .. }) => Err(Fault::Conflict),
                fault => Err(fault),
            },
        }
    }

    async fn get_once(&self, key: &str, range: Option<&Range<u64>>) -> Result<Bytes, Fault> {
        let asked = self.asked("GET", key);
        let header = range.map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let answer = self
            .client
            .get_object()
            .bucket(&self.address.bucket)
            .key(self.object_name(key))
            .set_range(header)
            .send()
            .await
            .map_err(|error| judge(asked, &error))?;
        let total = answer.content_range().and_then(|text| text.rsplit_once('/')?.1.parse::<u64>().ok());
        if let (Some(range), Some(total)) = (range, total)
            && range.end > total
        {
            return Err(Fault::Final(VaultError::Missing { key: key.to_owned() }));
        }
        let promised = match range {
            Some(range) => Some(range.end.saturating_sub(range.start)),
            None => answer.content_length().and_then(|length| u64::try_from(length).ok()),
        };
        let body = answer.body.collect().await;
        let bytes = body.map_err(|_| Fault::Passing(asked.unavailable("the answer broke off")))?.into_bytes();
        match promised {
            Some(promised) if promised != size_of(&bytes) => Err(Fault::Passing(
                asked.unavailable(format!("{promised} bytes were due and {} came", bytes.len())),
            )),
            _ => Ok(bytes),
        }
    }

    async fn page(&self, prefix: &str, from: Option<String>) -> Result<ListObjectsV2Output, VaultError> {
        let asked = self.asked("LIST", prefix);
        self.patiently(asked, 0, || {
            let page = self.client.list_objects_v2().bucket(&self.address.bucket);
            let page = page.prefix(self.object_name(prefix)).set_continuation_token(from.clone());
            async move { page.send().await.map_err(|error| judge(asked, &error)) }
        })
        .await
    }
}

#[async_trait]
impl Vault for S3Vault {
    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        self.server_time().await
    }

    fn address(&self) -> String {
        self.store.clone()
    }

    /// Creates an object in one PUT.
    ///
    /// If an answer was lost and the object turns out to be there, this is `Put::AlreadyThere`: who wrote it
    /// cannot be told.
    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        key::check(key)?;
        let lock = self.lock(key, lock)?;
        let call = || self.put_once(key, bytes.clone(), (lock.clone(), Over::Nothing));
        self.patiently(self.asked("PUT", key), size_of(&bytes), call).await
    }

    async fn mend(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<(), VaultError> {
        key::check(key)?;
        let lock = self.lock(key, lock)?;
        let call = || self.put_once(key, bytes.clone(), (lock.clone(), Over::Altered));
        self.patiently(self.asked("PUT", key), size_of(&bytes), call).await.map(drop)
    }

    async fn kept_lock(&self, key: &str) -> Result<Option<KeptLock>, VaultError> {
        key::check(key)?;
        self.read_lock(key, None).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        key::check(key)?;
        let missing = || VaultError::Missing { key: key.to_owned() };
        match &range {
            Some(range) if range.start > range.end => return Err(missing()),
            // HTTP has no words for an empty range.
            Some(range) if range.start == range.end => {
                let size_bytes = self.size(key).await?;
                let is_inside = size_bytes.is_some_and(|size_bytes| range.end <= size_bytes);
                return if is_inside { Ok(Bytes::new()) } else { Err(missing()) };
            }
            _ => {}
        }
        let length = range.as_ref().map_or(0, |range| range.end - range.start);
        self.patiently(self.asked("GET", key), length, || self.get_once(key, range.as_ref())).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        key::check(key)?;
        let asked = self.asked("HEAD", key);
        let head = self
            .patiently(asked, 0, || {
                let head = self.client.head_object().bucket(&self.address.bucket).key(self.object_name(key));
                async move { head.send().await.map_err(|error| judge(asked, &error)) }
            })
            .await;
        match head {
            Ok(head) => {
                Ok(Some(head.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0)))
            }
            Err(VaultError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        key::split_prefix(prefix)?;
        let above = self.object_name("");
        let mut found = Vec::new();
        let mut from = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(prefix, from.take()).await?;
            found.extend(page.contents().iter().filter_map(|object| {
                let key = object.key()?.strip_prefix(&above)?;
                let size_bytes = u64::try_from(object.size().unwrap_or(0)).unwrap_or(0);
                // Some servers list folders; they are no objects of Kura.
                key::is_key(key).then(|| Listed { key: key.to_owned(), size_bytes })
            }));
            from = page.next_continuation_token;
            if page.is_truncated != Some(true) || from.is_none() {
                // Servers differ in their order.
                found.sort_unstable_by(|one: &Listed, other| one.key.cmp(&other.key));
                return Ok(found);
            }
        }
        Err(self.asked("LIST", prefix).unusable("its listing has no end"))
    }

    async fn flush(&self) -> Result<(), VaultError> {
        // An S3 server keeps what it has acknowledged.
        Ok(())
    }

    fn can_lock(&self) -> bool {
        self.locking == Locking::On
    }

    fn is_remote(&self) -> bool {
        true
    }
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
