//! What the backup host holds: its signing key, the catalog secrets, the signed records of who counts.
//!
//! None of it opens a pack. The recovery keys are known only by their public halves, and only those that the root key
//! signed are used.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::archive::crew::Crew;
use crate::archive::envelope::{self, SigningKey, payload_type};
use crate::archive::records::{CatalogSecrets, RecoveryKeys, Repository, SigningKeys};
use crate::archive::seal::{self, Recipient, SealError};
use crate::config::{self, ConfigError, Home, Settings};
use crate::domain::retention;
use crate::domain::time::Instant;
use crate::portal::date::{BadClock, OutsideClock};
use crate::vault::s3::Credentials;
use crate::vault::{self, S3Settings, StoreUrl, Vault};

use super::clocks;
use super::desk::tokyo;
use super::repository::{RepositoryError, Secrets, Trust, decode};

/// File names of the host's keys.
pub(super) mod files {
    /// The signing key (PKCS#8 PEM, 0600).
    pub(in crate::workflows) const SIGNING_KEY: &str = "host-signing-key.pem";
    /// The catalog secrets (JSON, 0600).
    pub(in crate::workflows) const CATALOG: &str = "catalog.json";
    /// A copy of `keys/catalog-1.age`: the same, sealed to the recovery keys, to be compared with the store's.
    pub(in crate::workflows) const SEALED_CATALOG: &str = "catalog.age";
    /// The signed repository record.
    pub(in crate::workflows) const REPOSITORY: &str = "repository.json";
    /// The signed host keys.
    pub(in crate::workflows) const SIGNERS: &str = "signing.json";
    /// The signed recovery keys.
    pub(in crate::workflows) const RECOVERY: &str = "recovery.json";
    /// The fingerprint of the root key.
    pub(in crate::workflows) const ROOT: &str = "root-fingerprint";
}

/// Why the host's own state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file or the settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store's address in the settings.
    #[error("the store in {file} is not an address Kura knows: {message}")]
    Address {
        /// The settings file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A clock in the settings.
    #[error("[expiry] clocks: {0}")]
    Clock(#[from] BadClock),
    /// The store.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// A record among the host's keys.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A host, ready to back up.
pub struct Host {
    /// Its folder.
    pub home: Home,
    /// Its settings.
    pub settings: Settings,
    /// The store.
    pub vault: Arc<dyn Vault>,
    /// Who counts.
    pub trust: Trust,
    /// Signs snapshots and indexes.
    pub signing: SigningKey,
    /// Opens indexes and snapshots; hashes and cuts.
    pub secrets: Secrets,
    /// The recovery keys to seal to.
    pub recovery: Vec<Recipient>,
    /// Clocks outside the machine, beside the store's.
    pub clocks: Vec<Arc<dyn OutsideClock>>,
    /// How far its threads give way where the settings do not say.
    pub nice_default: u8,
}

/// Beside the pages of the service and the programs that it protects.
const NICE_IN_BACKGROUND: u8 = 10;

/// Memory for each sorter where the settings say nothing, MiB.
pub const SORT_MEMORY_MIB: usize = 8;

/// Opens the store of an address.
pub async fn open_store(address: &str, file: &str) -> Result<Arc<dyn Vault>, HostError> {
    let parsed: StoreUrl = address.parse().map_err(|e: vault::StoreUrlError| HostError::Address {
        file: file.to_owned(),
        message: e.to_string(),
    })?;
    Ok(vault::open(&parsed, &S3Settings::default()).await?)
}

impl Host {
    /// Opens the host of a home; `store` overrides the address in the settings.
    pub async fn open(home: Home, store: Option<&str>) -> Result<Self, HostError> {
        let settings = home.settings()?;
        let file = home.settings_file().display().to_string();
        let vault = open_store(store.unwrap_or(&settings.store), &file).await?;
        let read = |name: &str| config::read_file(&home.key_file(name));
        let signing = SigningKey::from_pem(&String::from_utf8_lossy(&read(files::SIGNING_KEY)?))
            .map_err(|source| RepositoryError::Record { key: files::SIGNING_KEY.to_owned(), source })?;
        let trust = local_trust(&read)?;
        let secrets: CatalogSecrets = decode(files::CATALOG, &read(files::CATALOG)?)?;
        let secrets = Secrets::check(secrets, &trust.repository, files::CATALOG)?;
        if !trust.host_keys().contains(signing.public()) {
            return Err(
                RepositoryError::wrong(files::SIGNERS, "this host's key is not among the host keys").into()
            );
        }
        let recovery = trust
            .recovery
            .recipients
            .iter()
            .map(|text| text.parse::<Recipient>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| RepositoryError::Sealed { key: files::RECOVERY.to_owned(), source })?;
        let clocks = clocks::of_settings(&settings)?;
        Ok(Self { home, settings, vault, trust, signing, secrets, recovery, clocks, nice_default: 0 })
    }

    /// Threads for reading, compressing and sealing.
    pub fn crew(&self) -> Crew {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let threads = self.settings.threads.unwrap_or(cores).clamp(1, 256);
        Crew { threads, nice: self.settings.nice.unwrap_or(self.nice_default) }
    }

    /// The same host, working beside others: its threads give way unless the settings say how far.
    #[must_use]
    pub fn in_background(self) -> Self {
        Self { nice_default: NICE_IN_BACKGROUND, ..self }
    }

    /// A record in its envelope, signed by this host. `key` is its name in messages.
    pub(super) fn sign_record<T: Serialize>(
        &self,
        key: &str,
        kind: &'static str,
        record: &T,
    ) -> Result<Vec<u8>, RepositoryError> {
        let payload =
            serde_json::to_vec(record).map_err(|error| RepositoryError::wrong(key, error.to_string()))?;
        Ok(self.signing.sign(kind, &payload))
    }

    /// Seals what this host and the holders of recovery keys read: to the catalog key and to every recovery key.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Bytes, SealError> {
        let catalog: Recipient = self.trust.repository.catalog.parse()?;
        let recipients: Vec<&Recipient> = std::iter::once(&catalog).chain(&self.recovery).collect();
        Ok(Bytes::from(seal::seal(plain, &recipients)?))
    }

    /// Until when evidence that is written now is locked.
    pub fn evidence_end(&self, now: Instant) -> Instant {
        let zone = tokyo();
        retention::delete_from_instant(self.settings.evidence_retention(), zone.day_of(now), &zone)
    }

    /// Memory for each sorter, bytes.
    pub fn sort_memory_bytes(&self) -> usize {
        self.settings.sort_memory_mib.unwrap_or(SORT_MEMORY_MIB).clamp(1, 4096) << 20
    }
}

/// A credential whose secret half stands on the first line of a file.
pub(super) fn credentials(id: &str, file: &Path) -> Result<Credentials, ConfigError> {
    let secret = config::secret_line(file)?.trim().into();
    Ok(Credentials::Keys { access_key_id: id.to_owned(), secret_access_key: secret })
}

/// Who counts, by the records in a home; the store is not asked.
pub fn trust_of(home: &Home) -> Result<Trust, HostError> {
    home.settings()?;
    local_trust(&|name: &str| config::read_file(&home.key_file(name)))
}

/// The records among the host's own files, checked down from the root key whose fingerprint the home holds.
fn local_trust(read: &dyn Fn(&str) -> Result<Vec<u8>, ConfigError>) -> Result<Trust, HostError> {
    let expected = String::from_utf8_lossy(&read(files::ROOT)?).trim().to_owned();
    let bytes = read(files::REPOSITORY)?;
    let record = |key: &str| {
        let key = key.to_owned();
        move |source| RepositoryError::Record { key, source }
    };
    let claimed = envelope::peek(&bytes, payload_type::REPOSITORY).map_err(record(files::REPOSITORY))?;
    let repository: Repository = decode(files::REPOSITORY, &claimed)?;
    let found = repository.root.fingerprint();
    if found != expected {
        return Err(RepositoryError::OtherRoot { expected, found }.into());
    }
    let root = [repository.root.clone()];
    envelope::open(&bytes, payload_type::REPOSITORY, &root).map_err(record(files::REPOSITORY))?;
    let signers = envelope::open(&read(files::SIGNERS)?, payload_type::SIGNING_KEYS, &root)
        .map_err(record(files::SIGNERS))?;
    let signers: SigningKeys = decode(files::SIGNERS, &signers.payload)?;
    let recovery = envelope::open(&read(files::RECOVERY)?, payload_type::RECOVERY_KEYS, &root)
        .map_err(record(files::RECOVERY))?;
    let recovery: RecoveryKeys = decode(files::RECOVERY, &recovery.payload)?;
    Ok(Trust { repository, signers, recovery, perpetual: Vec::new() })
}
