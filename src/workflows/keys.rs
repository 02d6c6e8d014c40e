//! Recovery keys: making a further one that names the same root key, and saying which are in force.

use std::path::Path;

use secrecy::SecretString;

use crate::clock::Clock;
use crate::config::Home;

use super::host::{self, HostError};
use super::init::{self, InitError};

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
