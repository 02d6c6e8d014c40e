//! A new host for a repository whose host was lost: the secrets come from a recovery key, and the root key signs a new
//! signing key. Nothing that is stored is changed; the keys of hosts before end, unless they are to go on.
//!
//! Order: the home's folders and key files, the record in the store, the settings last. Killed in between and done again,
//! it ends in the same home with one key (K-106).

use std::path::Path;

use crate::archive::envelope::{SigningKey, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{HostKey, SigningKeys};
use crate::config::{self, ConfigError, Home, Settings};
use crate::domain::time::Instant;
use crate::vault::{StoreUrl, VaultError};

use super::host::files;
use super::init::{self, InitError};
use super::repository::{Opened, RepositoryError};
use super::rewrap::keys_end;
use super::take_snapshot::SnapshotError;
use super::upload::put_and_compare;

/// Why there is no new host.
#[derive(Debug, thiserror::Error)]
pub enum RejoinError {
    /// A file of the home, or the root key.
    #[error(transparent)]
    Init(#[from] InitError),
    /// A record in the store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing the record.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Another root key.
    #[error("{file} is the root key {found}, the repository belongs to {expected}", file = .path.display())]
    OtherRoot {
        /// The file.
        path: std::path::PathBuf,
        /// The repository's.
        expected: String,
        /// The file's.
        found: String,
    },
}

impl From<ConfigError> for RejoinError {
    fn from(error: ConfigError) -> Self {
        Self::Init(error.into())
    }
}

impl From<VaultError> for RejoinError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// What was made.
#[derive(Debug)]
pub struct Rejoined {
    /// The repository's id.
    pub repository: String,
    /// Keys of other hosts that ended.
    pub ended: usize,
}

/// What is asked for.
pub struct Rejoining<'a> {
    /// Where the new host lives; there is nothing yet.
    pub home: &'a Home,
    /// The address for its settings.
    pub store: &'a StoreUrl,
    /// The file of the root key.
    pub root_key: &'a Path,
    /// Whether other hosts go on signing.
    pub keeps_others: bool,
}

/// Makes a home for a new host of the repository that `opened` is.
pub async fn rejoin(asked: &Rejoining<'_>, opened: &Opened, now: Instant) -> Result<Rejoined, RejoinError> {
    let home = asked.home;
    let root = init::read_root_key(asked.root_key)?;
    let trust = &opened.trust;
    if *root.public() != trust.repository.root {
        let (expected, found) = (trust.repository.root.fingerprint(), root.public().fingerprint());
        return Err(RejoinError::OtherRoot { path: asked.root_key.to_owned(), expected, found });
    }
    home.create()?;
    let signing = own_key(home)?;
    let (next, ended) = after(&trust.signers, &signing, asked.keeps_others, now);
    let signers = match next {
        Some(next) => {
            let bytes = root.sign(payload_type::SIGNING_KEYS, &encoded(&next)?);
            let numbers = trust.perpetual.iter().filter_map(|kind| match kind {
                ObjectKind::SigningKeys(number) => Some(*number),
                _ => None,
            });
            let key = layout::signing_keys(numbers.max().map_or(1, |number| number.saturating_add(1)));
            let until = keys_end(opened, now).await?;
            let stored =
                put_and_compare(&*opened.vault, &key, &bytes.clone().into(), Some(until.into())).await;
            stored.map_err(SnapshotError::from)?;
            opened.vault.flush().await?;
            bytes
        }
        None => root.sign(payload_type::SIGNING_KEYS, &encoded(&trust.signers)?),
    };
    let recovery = root.sign(payload_type::RECOVERY_KEYS, &encoded(&trust.recovery)?);
    let repository = root.sign(payload_type::REPOSITORY, &encoded(&trust.repository)?);
    let sealed = newest_catalog_key(opened).await?;
    for (name, bytes, mode) in [
        (files::CATALOG, &encoded(&opened.secrets.record)?[..], 0o600),
        (files::SEALED_CATALOG, &sealed[..], 0o644),
        (files::REPOSITORY, &repository[..], 0o644),
        (files::SIGNERS, &signers[..], 0o644),
        (files::RECOVERY, &recovery[..], 0o644),
        (files::ROOT, format!("{}\n", root.public().fingerprint()).as_bytes(), 0o644),
    ] {
        config::replace(&home.key_file(name), bytes, mode)?;
    }
    home.write_settings(&Settings::of_store(asked.store.to_string()))?;
    Ok(Rejoined { repository: trust.repository.repository.clone(), ended })
}

fn encoded<T: serde::Serialize>(record: &T) -> Result<Vec<u8>, RepositoryError> {
    serde_json::to_vec_pretty(record).map_err(|e| RepositoryError::wrong("record", e.to_string()))
}

/// The host's new key; the one that is there, if an attempt before was killed.
fn own_key(home: &Home) -> Result<SigningKey, RejoinError> {
    let path = home.key_file(files::SIGNING_KEY);
    if path.exists() {
        return Ok(init::read_root_key(&path)?);
    }
    Ok(init::new_root_key(&path)?)
}

/// The record with the new key, and how many keys end by it; no record if the key counts already.
fn after(
    signers: &SigningKeys,
    own: &SigningKey,
    keeps_others: bool,
    now: Instant,
) -> (Option<SigningKeys>, usize) {
    if signers.keys.iter().any(|host| host.key == *own.public()) {
        return (None, 0);
    }
    let mut next = SigningKeys { version: signers.version.saturating_add(1), ..signers.clone() };
    // Records tell whole seconds: what the other host signed within this one still counts.
    let end = Instant::from_micros(now.as_micros().saturating_add(999_999)).to_string();
    let mut ended = 0;
    for host in next.keys.iter_mut().filter(|host| !keeps_others && host.valid_until.is_none()) {
        host.valid_until = Some(end.clone());
        ended += 1;
    }
    next.keys.push(HostKey { key: own.public().clone(), valid_from: now.to_string(), valid_until: None });
    (Some(next), ended)
}

/// The newest copy of the catalog secrets that this recovery key opens, as it is stored.
async fn newest_catalog_key(opened: &Opened) -> Result<Vec<u8>, RejoinError> {
    let numbers = opened.trust.perpetual.iter().filter_map(|kind| match kind {
        ObjectKind::CatalogKey(number) => Some(*number),
        _ => None,
    });
    let number =
        numbers.max().ok_or_else(|| RepositoryError::wrong("keys/catalog-<n>.age", "no such object"))?;
    Ok(opened.vault.get(&layout::catalog_key(number), None).await?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_host_ends_the_keys_of_those_before_once() {
        let (one, two) = (SigningKey::generate().unwrap().0, SigningKey::generate().unwrap().0);
        let key = HostKey {
            key: one.public().clone(),
            valid_from: "2026-01-01T00:00:00Z".to_owned(),
            valid_until: None,
        };
        let first = SigningKeys { repository: "r".to_owned(), version: 1, keys: vec![key] };
        let now = Instant::from_micros(1_800_000_000_000_000);
        let (next, ended) = after(&first, &two, false, now);
        let next = next.unwrap();
        assert_eq!((next.version, next.keys.len(), ended), (2, 2, 1));
        assert_eq!(next.keys[0].valid_until, Some(now.to_string()));
        assert_eq!(next.keys[1].valid_until, None);
        assert!(after(&next, &two, false, now).0.is_none(), "it counts already");
        let within = Instant::from_micros(now.as_micros() + 400_000);
        let next_second = Instant::from_micros(now.as_micros() + 1_000_000).to_string();
        assert_eq!(after(&first, &two, false, within).0.unwrap().keys[0].valid_until, Some(next_second));
        let (beside, ended) = after(&first, &two, true, now);
        assert_eq!((beside.unwrap().keys[0].valid_until.clone(), ended), (None, 0));
    }
}
