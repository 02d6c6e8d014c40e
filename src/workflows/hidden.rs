//! Objects that somebody hid: in a bucket with versions a plain deletion removes nothing and puts a delete marker in front,
//! behind which the locked versions stay. Whoever may write can do that, and nobody reads past it.
//!
//! Bringing them back deletes markers and no version with bytes. Kura puts no markers itself: it deletes by version.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::vault::{Reaper, Remain, RemainKind, Vault, VaultError};
use crate::workflows::expire;
use crate::workflows::host::Host;

pub use crate::workflows::expire::OpenError;

/// An object that is not seen although its bytes are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Its key.
    pub key: String,
    /// What hides it.
    markers: Vec<Remain>,
}

/// Why hidden objects cannot be looked for, or are not back.
#[derive(Debug, thiserror::Error)]
pub enum HiddenError {
    /// Nobody may delete markers.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A marker was taken away, and the object is still not seen.
    #[error("{0} is still hidden: somebody hides it again, so take his credential away first")]
    Again(String),
}

/// Who reads and who deletes in a store.
pub type Ends = (Arc<dyn Vault>, Arc<dyn Reaper>);

/// The ends of a host's store, with the credential of its settings that may delete.
pub async fn of_host(host: &Host) -> Result<Ends, HiddenError> {
    Ok((host.vault.clone(), expire::open_reaper(host).await?))
}

/// Every object that is hidden, in order.
pub async fn look((vault, reaper): &Ends) -> Result<Vec<Hidden>, HiddenError> {
    let mut found: BTreeMap<String, (bool, Vec<Remain>)> = BTreeMap::new();
    for remain in reaper.remains("").await? {
        let (has_bytes, markers) = found.entry(remain.key.clone()).or_default();
        match remain.kind {
            RemainKind::Version => *has_bytes = true,
            RemainKind::DeleteMarker => markers.push(remain),
            RemainKind::Upload => {}
        }
    }
    let mut hidden = Vec::new();
    for (key, (has_bytes, markers)) in found {
        // A marker below a newer version hides nothing any more; one without a version has nothing to hide.
        if has_bytes && !markers.is_empty() && vault.size(&key).await?.is_none() {
            hidden.push(Hidden { key, markers });
        }
    }
    Ok(hidden)
}

/// Takes the markers in front of objects away, and looks whether each is seen again. What lies there then is judged by
/// `verify`: somebody who hid it may have put other bytes over it before.
pub async fn bring_back((vault, reaper): &Ends, hidden: &[Hidden]) -> Result<(), HiddenError> {
    for one in hidden {
        for marker in &one.markers {
            reaper.delete(marker).await?;
        }
        if vault.size(&one.key).await?.is_none() {
            return Err(HiddenError::Again(one.key.clone()));
        }
    }
    Ok(reaper.flush().await?)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::vault::MemoryVault;

    #[tokio::test]
    async fn a_folder_or_a_store_without_markers_hides_nothing() {
        let store = Arc::new(MemoryVault::new());
        store.put("a/b", Bytes::from_static(b"bytes"), None).await.unwrap();
        let ends: Ends = (store.clone(), store);
        assert_eq!(look(&ends).await.unwrap(), []);
        bring_back(&ends, &[]).await.unwrap();
    }
}
