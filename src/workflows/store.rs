//! Stores by their address: opening one, and trying out what it can do.

use std::sync::Arc;

use crate::clock::Clock;
use crate::vault::{self, Reaper, S3Settings, Vault, probe};

pub use crate::vault::probe::{ProbeLine, ProbeReport, Verdict};
pub use crate::vault::{StoreUrl, StoreUrlError, VaultError};

/// Opens a store that exists.
pub async fn open(address: &StoreUrl) -> Result<Arc<dyn Vault>, VaultError> {
    vault::open(address, &S3Settings::default()).await
}

/// Who deletes from a store, with the credential of the environment.
pub async fn reaper(address: &StoreUrl) -> Result<Arc<dyn Reaper>, VaultError> {
    vault::open_reaper(address, &S3Settings::default()).await
}

/// Tries out a store that exists. Fails only if it cannot be opened.
pub async fn probe(address: &StoreUrl, clock: &dyn Clock) -> Result<ProbeReport, VaultError> {
    probe::probe(address, &S3Settings::default(), clock).await
}

/// Makes a store's folder if it is missing, then tries the store out.
pub async fn create_and_probe(address: &StoreUrl, clock: &dyn Clock) -> Result<ProbeReport, VaultError> {
    drop(vault::create(address, &S3Settings::default()).await?);
    probe(address, clock).await
}
