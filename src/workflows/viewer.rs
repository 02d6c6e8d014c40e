//! Who checks what is stored: the host with its catalog key, or the holder of a recovery key.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::archive::seal::Identity;
use crate::config;
use crate::vault::Vault;

use super::host::{Host, files};
use super::repository::{Opened, RepositoryError};
use super::verify::Viewer;

impl Viewer {
    /// The host: opens snapshots and indexes, but no pack.
    pub fn of_host(host: impl Borrow<Host>) -> Self {
        let host = host.borrow();
        let sealed_catalog = config::read_file(&host.home.key_file(files::SEALED_CATALOG)).ok();
        Self {
            sealed_catalog,
            vault: host.vault.clone(),
            trust: host.trust.clone(),
            catalog: host.secrets.catalog.clone(),
            hashing: host.secrets.hashing.clone(),
            opened: None,
            evidence: Some(host.settings.evidence_retention()),
            second: None,
        }
    }

    /// The same; the second store is compared with the first.
    #[must_use]
    pub fn with_second(self, second: Option<Arc<dyn Vault>>) -> Self {
        Self { second, ..self }
    }

    /// A recovery key: opens everything.
    pub fn of_opened(opened: Arc<Opened>) -> Result<Self, RepositoryError> {
        let secrets = &opened.secrets;
        let identity = Identity::from_secret(&secrets.record.catalog_identity);
        let identity = identity
            .map_err(|source| RepositoryError::Sealed { key: "keys/catalog-<n>.age".to_owned(), source })?;
        Ok(Self {
            vault: opened.vault.clone(),
            trust: opened.trust.clone(),
            catalog: identity.into(),
            hashing: secrets.hashing.clone(),
            opened: Some(opened),
            sealed_catalog: None,
            evidence: None,
            second: None,
        })
    }
}
