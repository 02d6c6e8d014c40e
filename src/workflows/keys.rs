//! Recovery keys: making a further one that names the same root key, saying which are in force, reading their files.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::archive::envelope::SigningKey;
use crate::archive::seal::{self, SealError};
use crate::clock::Clock;
use crate::config::{self, ConfigError, Home};

use super::host::{self, HostError};
use super::init::{self, InitError};

pub use crate::archive::plugin::{Talk, Talker};
pub use crate::archive::seal::{IdentityFile, Recipient};

/// A recovery key that was made.
#[derive(Debug)]
pub struct NewKey {
    /// Its public half, `age1…`.
    pub recipient: String,
    /// The fingerprint of the root key that its file names.
    pub root_fingerprint: String,
}

/// Makes a recovery key in `file` that names the root key in `root`, which must be there.
///
/// It opens nothing until the repository's records name it.
pub fn new_key(
    file: &Path,
    root: &Path,
    passphrase: Option<&SecretString>,
    clock: &dyn Clock,
) -> Result<NewKey, InitError> {
    let root = init::read_root_key(root)?;
    let recipient = init::new_recovery_key(file, &root, clock.now(), passphrase)?;
    Ok(NewKey { recipient: recipient.to_string(), root_fingerprint: root.public().fingerprint() })
}

/// Reads a root key.
pub fn root_key(file: &Path) -> Result<SigningKey, InitError> {
    init::read_root_key(file)
}

/// What a key ceremony made.
#[derive(Debug)]
pub struct Ceremony {
    /// The root key's file.
    pub root: PathBuf,
    /// Its fingerprint.
    pub root_fingerprint: String,
    /// The recovery keys: the office that keeps it, the file, the public half.
    pub keys: Vec<(String, PathBuf, String)>,
}

/// Makes a root key and a recovery key for each holder in a new folder that only its owner may enter.
pub fn ceremony(
    folder: &Path,
    holders: &[(String, Option<SecretString>)],
    clock: &dyn Clock,
) -> Result<Ceremony, InitError> {
    config::make_folder(folder)?;
    let root_file = folder.join("root.key");
    let root = init::new_root_key(&root_file)?;
    let mut keys = Vec::new();
    for (number, (holder, passphrase)) in (1..).zip(holders) {
        let file = folder.join(format!("recovery-{number}.key"));
        let recipient = init::new_recovery_key(&file, &root, clock.now(), passphrase.as_ref())?;
        keys.push((holder.clone(), file, recipient.to_string()));
    }
    Ok(Ceremony { root: root_file, root_fingerprint: root.public().fingerprint(), keys })
}

/// The recovery keys that new cohorts are sealed to.
#[derive(Debug)]
pub struct KeysInForce {
    /// The repository's id.
    pub repository: String,
    /// The fingerprint of the root key.
    pub root_fingerprint: String,
    /// The number of the set.
    pub set: u32,
    /// The public keys, `age1…`.
    pub recipients: Vec<String>,
}

/// The keys in force, by the signed records in a home.
pub fn in_force(home: &Home) -> Result<KeysInForce, HostError> {
    let trust = host::trust_of(home)?;
    Ok(KeysInForce {
        repository: trust.repository.repository.clone(),
        root_fingerprint: trust.repository.root.fingerprint(),
        set: trust.recovery.set,
        recipients: trust.recovery.recipients,
    })
}

/// Why an identity file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It does not open, or holds no identity.
    #[error("cannot use the identity file {}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SealError,
    },
}

/// Reads an identity file; `passphrase` is asked for its passphrase if it is protected by one, and `talker` answers the
/// plugins of hardware keys.
pub fn read_identity<E: From<IdentityError>>(
    path: &Path,
    passphrase: impl FnOnce(&Path) -> Result<SecretString, E>,
    talker: Talker,
) -> Result<IdentityFile, E> {
    let bytes = Zeroizing::new(config::read_file(path).map_err(IdentityError::from)?);
    let passphrase = if seal::needs_passphrase(&bytes) { Some(passphrase(path)?) } else { None };
    let read = seal::read_identity_file_asking(&bytes, passphrase, talker);
    Ok(read.map_err(|source| IdentityError::Unusable { path: path.to_owned(), source })?)
}

/// Reads an identity that somebody typed, `AGE-SECRET-KEY-1…`, as it stands on paper.
pub fn typed_identity(text: &SecretString, talker: Talker) -> Result<IdentityFile, IdentityError> {
    let read = seal::read_identity_file_asking(text.expose_secret().trim().as_bytes(), None, talker);
    read.map_err(|source| IdentityError::Unusable { path: PathBuf::from("what was typed"), source })
}
