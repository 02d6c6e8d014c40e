//! Making an installation: keys, the signed records, the first objects of the repository.
//!
//! Order: the home's folders, the key files, the objects in the store, and the settings last. A home without settings
//! is not one, so a crash in between leaves nothing that could be mistaken for an installation.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::archive::digest::Sha256;
use crate::archive::envelope::{SigningKey, payload_type};
use crate::archive::layout;
use crate::archive::records::{CatalogSecrets, FORMAT, HostKey, RecoveryKeys, Repository, SigningKeys};
use crate::archive::seal::{self, Identity, Recipient};
use crate::clock::{self, Clock};
use crate::config::{self, Home, Settings};
use crate::domain::retention::{self, Retention};
use crate::domain::time::{Instant, Zone};
use crate::vault::{self, Put, S3Settings, StoreUrl, Vault};

use super::host::files;
use super::repository::RepositoryError;

/// What is needed for a new installation.
pub struct NewInstallation {
    /// Where it lives.
    pub home: Home,
    /// Where objects are kept.
    pub store: StoreUrl,
    /// Recovery keys that exist already (`age1…`).
    pub recipients: Vec<Recipient>,
    /// Make a recovery key and write it here.
    pub new_recovery_key: Option<PathBuf>,
    /// Protect the new recovery key with this passphrase.
    pub passphrase: Option<SecretString>,
    /// The root key: read from here, or made here if the file is missing. Default: beside the new recovery key.
    pub root_key: Option<PathBuf>,
}

/// What was made.
#[derive(Debug)]
pub struct Installed {
    /// The repository's id.
    pub repository: String,
    /// The fingerprint of the root key.
    pub root_fingerprint: String,
    /// Where the root key lies; it must go offline.
    pub root_key: PathBuf,
    /// Where the new recovery key lies; it must go offline.
    pub recovery_key: Option<PathBuf>,
    /// The public recovery keys.
    pub recipients: Vec<String>,
}

/// Why no installation was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The store.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// The store holds a repository.
    #[error("there is a repository at {0} already; choose an empty folder or prefix")]
    Taken(String),
    /// No recovery key was given.
    #[error("no recovery key: give --recipient AGE-PUBLIC-KEY or --new-recovery-key FILE")]
    NoRecoveryKey,
    /// Nothing says where the root key is.
    #[error("no root key: give --root-key FILE (it is made there if the file is missing)")]
    NoRootKey,
    /// Keys could not be made or read.
    #[error("cannot use the key in {}: {message}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The store did not keep what was written.
    #[error("the store did not give back what was written to it: {0}")]
    Lost(String),
    /// A record could not be made.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Makes a new installation.
pub async fn init(new: NewInstallation, clock: &dyn Clock) -> Result<Installed, InitError> {
    if new.recipients.is_empty() && new.new_recovery_key.is_none() {
        return Err(InitError::NoRecoveryKey);
    }
    let root_path = match (&new.root_key, &new.new_recovery_key) {
        (Some(path), _) => path.clone(),
        (None, Some(recovery)) => beside(recovery),
        (None, None) => return Err(InitError::NoRootKey),
    };
    new.home.create()?;
    let vault = vault::create(&new.store, &S3Settings::default()).await?;
    if !vault.list("kura/").await?.is_empty() {
        return Err(InitError::Taken(vault.address()));
    }
    let now = clock.now();
    let root = root_key(&root_path)?;
    let mut recipients = new.recipients;
    if let Some(path) = &new.new_recovery_key {
        recipients.push(new_recovery_key(path, &root, now, new.passphrase.as_ref())?);
    }
    let made = records(&new.home, &root, &recipients, now)?;
    for (key, bytes) in &made.objects {
        store(&*vault, key, bytes, now).await?;
    }
    vault.flush().await?;
    let settings = Settings::of_store(new.store.to_string());
    new.home.write_settings(&settings)?;
    Ok(Installed {
        repository: made.repository,
        root_fingerprint: root.public().fingerprint(),
        root_key: root_path,
        recovery_key: new.new_recovery_key,
        recipients: recipients.iter().map(ToString::to_string).collect(),
    })
}

/// `recovery.key` has its root key in `recovery.key.root`.
fn beside(recovery: &Path) -> PathBuf {
    let mut name = recovery.as_os_str().to_owned();
    name.push(".root");
    PathBuf::from(name)
}

fn key_error(path: &Path, message: impl ToString) -> InitError {
    InitError::Key { path: path.to_owned(), message: message.to_string() }
}

fn root_key(path: &Path) -> Result<SigningKey, InitError> {
    if path.exists() {
        return read_root_key(path);
    }
    new_root_key(path)
}

/// Makes a root key in a file that must not be there.
pub(super) fn new_root_key(path: &Path) -> Result<SigningKey, InitError> {
    let (key, pem) = SigningKey::generate().map_err(|e| key_error(path, e))?;
    config::write_new(path, pem.as_bytes(), 0o600)?;
    Ok(key)
}

/// Reads a root key that is there.
pub(super) fn read_root_key(path: &Path) -> Result<SigningKey, InitError> {
    let text = config::read_file(path)?;
    SigningKey::from_pem(&String::from_utf8_lossy(&text)).map_err(|e| key_error(path, e))
}

/// Makes a recovery key file that names the root key.
pub fn new_recovery_key(
    path: &Path,
    root: &SigningKey,
    now: Instant,
    passphrase: Option<&SecretString>,
) -> Result<Recipient, InitError> {
    let identity = Identity::generate();
    let mut text = seal::identity_file_text(&identity, &now.to_string(), &root.public().fingerprint());
    if let Some(passphrase) = passphrase {
        text = seal::seal_with_passphrase(&text, passphrase.clone()).map_err(|e| key_error(path, e))?;
    }
    config::write_new(path, text.as_bytes(), 0o600)?;
    Ok(identity.recipient())
}

struct Made {
    repository: String,
    objects: Vec<(String, Vec<u8>)>,
}

fn random_hex<const N: usize>() -> String {
    let mut bytes = [0_u8; N];
    clock::random_bytes(&mut bytes);
    hex::encode(bytes)
}

fn json<T: serde::Serialize>(record: &T) -> Result<Vec<u8>, InitError> {
    serde_json::to_vec_pretty(record).map_err(|e| RepositoryError::wrong("record", e.to_string()).into())
}

/// Makes the host's keys and the first records, and writes the host's copies.
fn records(
    home: &Home,
    root: &SigningKey,
    recipients: &[Recipient],
    now: Instant,
) -> Result<Made, InitError> {
    let repository_id = random_hex::<16>();
    let (host_key, host_pem) = SigningKey::generate().map_err(|e| key_error(home.path(), e))?;
    let catalog = Identity::generate();
    let secrets = CatalogSecrets {
        repository: repository_id.clone(),
        catalog_identity: catalog.secret().expose_secret().to_owned(),
        chunk_key: random_hex::<32>(),
        gear_seed: random_hex::<32>(),
        set: None,
    };
    let repository = Repository {
        format: FORMAT,
        repository: repository_id.clone(),
        root: root.public().clone(),
        catalog: catalog.recipient().to_string(),
        created: now.to_string(),
    };
    let signers = SigningKeys {
        repository: repository_id.clone(),
        version: 1,
        keys: vec![HostKey {
            key: host_key.public().clone(),
            valid_from: now.to_string(),
            valid_until: None,
        }],
    };
    let recovery = RecoveryKeys {
        repository: repository_id.clone(),
        set: 1,
        recipients: recipients.iter().map(ToString::to_string).collect(),
        signed_at: None,
        known: Vec::new(),
    };
    let secrets = json(&secrets)?;
    let sealed = seal::seal(&secrets, &recipients.iter().collect::<Vec<_>>())
        .map_err(|e| key_error(home.path(), e))?;
    let repository = root.sign(payload_type::REPOSITORY, &json(&repository)?);
    let signers = root.sign(payload_type::SIGNING_KEYS, &json(&signers)?);
    let recovery = root.sign(payload_type::RECOVERY_KEYS, &json(&recovery)?);
    for (name, bytes, mode) in [
        (files::SIGNING_KEY, host_pem.as_bytes(), 0o600),
        (files::CATALOG, &secrets[..], 0o600),
        (files::SEALED_CATALOG, &sealed[..], 0o644),
        (files::REPOSITORY, &repository[..], 0o644),
        (files::SIGNERS, &signers[..], 0o644),
        (files::RECOVERY, &recovery[..], 0o644),
        (files::ROOT, format!("{}\n", root.public().fingerprint()).as_bytes(), 0o644),
    ] {
        config::write_new(&home.key_file(name), bytes, mode)?;
    }
    let objects = vec![
        (layout::catalog_key(1), sealed),
        (layout::signing_keys(1), signers),
        (layout::recovery_keys(1), recovery),
        (layout::repository(1), repository),
    ];
    Ok(Made { repository: repository_id, objects })
}

/// Stores a first object and reads it back. Locked for a year and a day: the first snapshots lock their own.
async fn store(vault: &dyn Vault, key: &str, bytes: &[u8], now: Instant) -> Result<(), InitError> {
    let zone = Zone::named("Asia/Tokyo").map_err(|e| RepositoryError::wrong(key, e.to_string()))?;
    let until = retention::delete_from_instant(Retention::Years(1), zone.day_of(now), &zone);
    let put = vault.put(key, bytes.to_vec().into(), Some(until.into())).await?;
    let back = vault.get(key, None).await?;
    if put == Put::AlreadyThere || Sha256::of(&back) != Sha256::of(bytes) {
        return Err(InitError::Lost(key.to_owned()));
    }
    Ok(())
}
