//! The second store (写し): the same objects under the same names, locked there too. Copied after each snapshot and by
//! `kura store copy`; compared by verify and coverage; each store mends what the other lost or altered.
//!
//! What is past its time is never copied unless a hold keeps it, so that nothing comes back that is being deleted. Records that say which keys
//! count go first and snapshots last: a copy that was killed names nothing that is not there, and the next one goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::seal::Keys;
use crate::config::{self, ReaperSettings, Settings};
use crate::domain::time::Instant;
use crate::vault::{self, Reaper, S3Settings, StoreUrl, Vault, VaultError};

use super::causes::with_causes;
use super::host::{Host, HostError, credentials};
use super::repository::{RepositoryError, Trust};
use super::upload::{UploadError, put_and_compare};

mod ends;
mod held;
mod judge;
mod scrub;

pub use ends::{Ends, ends_of};
pub use scrub::{Scrubbed, scrub};

/// Why the second store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// There is none.
    #[error("kura.toml has no [replica]: name a second store there")]
    None,
    /// It is the first store.
    #[error("the second store is the first one: name another disk or bucket in [replica]")]
    Same,
    /// Its settings or its address.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Nobody may delete from it.
    #[error(
        "[replica] names a bucket and no reaper: give it [replica.reaper] with a credential that may delete"
    )]
    NoReaper,
    /// A record, or a store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing an object.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

impl From<VaultError> for ReplicaError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// The address of the second store; none if the settings name none.
fn address(settings: &Settings) -> Result<Option<StoreUrl>, ReplicaError> {
    let Some(replica) = &settings.replica else { return Ok(None) };
    if replica.store == settings.store {
        return Err(ReplicaError::Same);
    }
    let parsed: Result<StoreUrl, _> = replica.store.parse();
    let bad = |error: vault::StoreUrlError| HostError::Address {
        file: "[replica] of kura.toml".to_owned(),
        message: error.to_string(),
    };
    Ok(Some(parsed.map_err(bad)?))
}

/// Opens the second store for writing; none if the settings name none. A folder that is missing is made.
pub async fn open(settings: &Settings) -> Result<Option<Arc<dyn Vault>>, ReplicaError> {
    let (Some(address), Some(replica)) = (address(settings)?, &settings.replica) else { return Ok(None) };
    let mut s3 = S3Settings::default();
    if let (Some(id), Some(file)) = (&replica.access_key_id, &replica.secret_access_key_file) {
        s3.credentials = credentials(id, file).map_err(HostError::from)?;
    }
    Ok(Some(vault::create(&address, &s3).await?))
}

/// Opens the second store for deletion; none if the settings name none.
pub async fn open_reaper(settings: &Settings) -> Result<Option<Arc<dyn Reaper>>, ReplicaError> {
    let (Some(address), Some(replica)) = (address(settings)?, &settings.replica) else { return Ok(None) };
    let mut s3 = S3Settings::default();
    match (&address, &replica.reaper) {
        (StoreUrl::Directory(_), _) => {}
        (StoreUrl::Bucket(_), None) => return Err(ReplicaError::NoReaper),
        (StoreUrl::Bucket(_), Some(ReaperSettings { access_key_id, secret_access_key_file })) => {
            s3.credentials = credentials(access_key_id, secret_access_key_file).map_err(HostError::from)?;
        }
    }
    Ok(Some(vault::open_reaper(&address, &s3).await?))
}

/// Snapshots last, the records of who counts first.
fn rank(key: &str) -> u8 {
    match layout::parse(key) {
        Some(ObjectKind::Repository(_) | ObjectKind::SigningKeys(_) | ObjectKind::RecoveryKeys(_)) => 0,
        Some(ObjectKind::Snapshot(..)) => 2,
        Some(_) | None => 1,
    }
}

/// The digest that a name states, where it states one.
fn named(key: &str) -> Option<Sha256> {
    match layout::parse(key)? {
        ObjectKind::Pack(_, _, name)
        | ObjectKind::Index(_, _, name)
        | ObjectKind::Snapshot(_, _, name)
        | ObjectKind::AuditHead(_, name) => Some(name),
        _ => None,
    }
}

/// Reads an object whose bytes are those of its name; what is wrong with it otherwise.
async fn read_right(vault: &dyn Vault, key: &str) -> Result<Result<Bytes, &'static str>, VaultError> {
    match vault.get(key, None).await {
        Ok(bytes) if named(key).is_none_or(|name| Sha256::of(&bytes) == name) => Ok(Ok(bytes)),
        Ok(_) => Ok(Err("its bytes are not those that its name states")),
        Err(VaultError::Missing { .. }) => Ok(Err("it is missing")),
        Err(error) => Err(error),
    }
}

async fn sizes(vault: &dyn Vault) -> Result<BTreeMap<String, u64>, VaultError> {
    Ok(vault.list("").await?.into_iter().map(|listed| (listed.key, listed.size_bytes)).collect())
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What could not be copied, with the reason.
    pub wrong: Vec<(String, String)>,
}

/// Copies what the other store lacks.
pub async fn copy(from: &dyn Vault, to: &dyn Vault, ends: &Ends) -> Result<Copied, ReplicaError> {
    let (there, here) = (sizes(from).await?, sizes(to).await?);
    let lacks = |key: &&String| ends.is_wanted(key) && !here.contains_key(*key);
    let mut missing: Vec<&String> = there.keys().filter(lacks).collect();
    missing.sort_by_key(|key| (rank(key), *key));
    let mut copied = Copied::default();
    let mut is_flushed = false;
    for key in missing {
        if rank(key) == 2 && !is_flushed {
            // What snapshots name is there for good before the first of them is.
            to.flush().await?;
            is_flushed = true;
        }
        match read_right(from, key).await? {
            Ok(bytes) => {
                put_and_compare(to, key, &bytes, ends.lock_like(from, key).await?).await?;
                copied.objects += 1;
                copied.bytes += crate::archive::wire::to_u64(bytes.len());
            }
            Err(what) => copied.wrong.push((key.clone(), what.to_owned())),
        }
    }
    to.flush().await?;
    Ok(copied)
}

/// How the second store differs from the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Its address.
    pub address: String,
    /// Objects that it should have and has not, or has with another size.
    pub missing: Vec<String>,
    /// Objects that it should not have any more: the first store deleted them in their time.
    pub past: Vec<String>,
}

impl Compared {
    /// Whether it has everything of a plan, and what a restore of it needs beside.
    pub fn is_whole(&self, plan: &str) -> bool {
        let mine = [format!("{plan}/"), "kura/".to_owned(), "keys/".to_owned()];
        !self.missing.iter().any(|key| mine.iter().any(|prefix| key.starts_with(prefix)))
    }
}

/// Compares names and sizes.
pub async fn compare(first: &dyn Vault, second: &dyn Vault, ends: &Ends) -> Result<Compared, VaultError> {
    let (there, here) = (sizes(first).await?, sizes(second).await?);
    let lacks = |(key, size): &(&String, &u64)| ends.is_wanted(key) && here.get(*key) != Some(*size);
    let missing = there.iter().filter(lacks).map(|(key, _)| key.clone()).collect();
    let is_past = |key: &&String| {
        let is_of_data = matches!(
            layout::parse(key),
            Some(
                ObjectKind::CohortKey(..)
                    | ObjectKind::Pack(..)
                    | ObjectKind::Index(..)
                    | ObjectKind::Snapshot(..)
            )
        );
        is_of_data && !there.contains_key(*key) && !ends.is_wanted(key)
    };
    let past = here.keys().filter(is_past).cloned().collect();
    Ok(Compared { address: second.address(), missing, past })
}

/// Copies what the second store lacks where there is no host, as after a change of keys on an offline machine.
pub async fn copy_with(
    (first, second): (&dyn Vault, &dyn Vault),
    who: (&Trust, &Keys),
    now: Instant,
) -> Result<Copied, ReplicaError> {
    let ends = Ends::of((first, second), who, config::EVIDENCE_RETENTION, now).await?;
    copy(first, second, &ends).await
}

/// Copies to the second store what it lacks, if there is one.
pub async fn copy_host(host: &Host, now: Instant) -> Result<Option<Copied>, ReplicaError> {
    let Some(replica) = open(&host.settings).await? else { return Ok(None) };
    let ends = ends_of(host, &*replica, now).await?;
    Ok(Some(copy(&*host.vault, &*replica, &ends).await?))
}

/// Brings one piece of evidence to the second store, if there is one; what fails is told, and tried again by the daily work.
pub(in crate::workflows) async fn bring(host: &Host, key: &str, bytes: &Bytes, until: Instant) {
    let put = async {
        let Some(second) = open(&host.settings).await? else { return Ok(()) };
        put_and_compare(&*second, key, bytes, Some(until.into())).await?;
        Ok::<(), ReplicaError>(second.flush().await?)
    };
    if let Err(error) = put.await {
        tracing::error!(
            error = with_causes(&error),
            object = key,
            "the second store did not get the evidence; it is tried again"
        );
    }
}

/// Copies after a snapshot or in the daily work what the second store lacks: what fails is told, and tried again the next time.
pub async fn keep_up(host: &Host, now: Instant) {
    match copy_host(host, now).await {
        Ok(None) => {}
        Ok(Some(copied)) if copied.wrong.is_empty() => {
            tracing::info!(objects = copied.objects, size_bytes = copied.bytes, "copied to the second store");
        }
        Ok(Some(copied)) => {
            let wrong = copied.wrong.len();
            tracing::error!(wrong, "some objects could not be copied to the second store: run `kura verify`");
        }
        Err(error) => {
            tracing::error!(
                error = with_causes(&error),
                "the second store did not get its copy; it is tried again"
            );
        }
    }
}
