//! The canary: every day something is locked and deleted before its time, and the store has to refuse (K-72).
//!
//! The credential that may delete tries it, because the lock is there for what that credential could do. What a canary
//! leaves behind goes the next day, when its lock is over.

use bytes::Bytes;

use crate::catalog::{Catalog, CatalogError};
use crate::clock::random_bytes;
use crate::domain::canary::CanaryOutcome;
use crate::domain::time::Instant;
use crate::vault::{Locking, Reaper, RemainKind, Vault, VaultError};

use super::sign_in::line;

pub use crate::catalog::CanaryRow;

/// Where canaries sit.
const PREFIX: &str = "probe/canary-";

/// How long one is locked, minutes: longer than clocks may differ.
const LOCK_MINUTES: i64 = 30;

/// Why nothing is known of the locks.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// The store.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// It was written and is not there.
    #[error("{0} was written and is not listed")]
    Missing(String),
}

/// Tries a store's locks out and records what came of it; `None` where no store keeps locks (a directory: `kura coverage`
/// says so).
pub async fn fly(
    (vault, reaper): (&dyn Vault, &dyn Reaper),
    catalog: &Catalog,
    now: Instant,
) -> Result<Option<CanaryOutcome>, CanaryError> {
    if reaper.locking() != Locking::Enforced || !vault.can_lock() {
        return Ok(None);
    }
    let outcome = try_lock(vault, reaper, now).await?;
    let store = vault.address();
    let mut tx = catalog.begin().await?;
    tx.note_canary(&store, outcome, now).await?;
    tx.commit(&[line(now, "kura", "canary", &store, outcome.word())]).await?;
    Ok(Some(outcome))
}

async fn try_lock(
    vault: &dyn Vault,
    reaper: &dyn Reaper,
    now: Instant,
) -> Result<CanaryOutcome, CanaryError> {
    let mut name = [0; 8];
    random_bytes(&mut name);
    let key = format!("{PREFIX}{}", hex::encode(name));
    let until = now.plus_minutes(LOCK_MINUTES);
    vault.put(&key, Bytes::from_static(b"locked, to see that it stays"), Some(until.into())).await?;
    let mut locked = None;
    let mut is_written = false;
    for remain in reaper.remains(PREFIX).await? {
        if remain.key == key {
            is_written = true;
            locked = reaper.locked_until(&remain).await?.max(locked);
        }
        // The new one has to be refused; of old ones goes what may go.
        match reaper.delete(&remain).await {
            Ok(()) => {}
            Err(error) => tracing::debug!(error = %error, "a canary stays"),
        }
    }
    if !is_written {
        return Err(CanaryError::Missing(key));
    }
    let is_there = reaper
        .remains(&key)
        .await?
        .iter()
        .any(|remain| remain.key == key && remain.kind == RemainKind::Version);
    Ok(CanaryOutcome::of(is_there, locked, until))
}
