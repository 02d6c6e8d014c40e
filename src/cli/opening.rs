//! Opening a repository with a recovery key: options that `restore`, `ls`, `verify` and others have in common.
//!
//! The store's address and the key are enough; a home, if there is one, only fills in the address.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::app::App;
use crate::config::ConfigError;
use crate::workflows::keys;
use crate::workflows::repository::{self, Opened, RepositoryError, RootPolicy};
use crate::workflows::store::{self, StoreUrl};

use super::failure::Failure;
use super::passphrase;
use super::words::tell;

/// Where the repository is, and whom to trust.
#[derive(Clone, Debug, Args)]
pub(super) struct Place {
    /// The store [default: the one in the settings of the home].
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
    /// The fingerprint of the root key to trust [default: the one that the identity file names].
    #[arg(long, value_name = "FINGERPRINT")]
    root: Option<String>,
    /// Trust whatever root key the repository names, and show it.
    #[arg(long, conflicts_with = "root")]
    trust_on_first_use: bool,
}

/// A recovery key and where it is used.
#[derive(Clone, Debug, Args)]
pub(super) struct Opening {
    /// The recovery key; `-` asks for it at the terminal, as it stands on paper. Its passphrase is asked for, or read from
    /// the file named in `KURA_PASSPHRASE_FILE`; a hardware key needs its age plugin on the PATH.
    #[arg(long, short, value_name = "FILE")]
    identity: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Opening {
    /// Whether the home's own store is meant.
    pub(super) const fn is_of_home(&self) -> bool {
        self.place.store.is_none()
    }

    /// Opens the repository.
    pub(super) async fn open(&self, app: &App) -> Result<Arc<Opened>, Failure> {
        self.place.open(app, &self.identity).await
    }

    /// Opens the repository, and says which of its recovery keys this is.
    pub(super) async fn open_with_names(&self, app: &App) -> Result<(Arc<Opened>, Vec<String>), Failure> {
        let file = read(&self.identity)?;
        let named = file.recipients.clone();
        let opened = self.place.open_read(app, file).await?;
        // A comment in a file proves nothing: of the names in it those count that the root key signed.
        let recovery = &opened.trust.recovery;
        let known = named.into_iter().filter(|one| recovery.recipients.contains(one));
        let names = known.collect();
        Ok((opened, names))
    }
}

impl Place {
    /// The repository of the home, with the root key that the identity file names.
    pub(super) const fn of_home() -> Self {
        Self { store: None, root: None, trust_on_first_use: false }
    }

    /// The repository at an address, with the root key that the identity file names.
    pub(super) const fn at(store: String) -> Self {
        Self { store: Some(store), root: None, trust_on_first_use: false }
    }

    /// The address of the store.
    pub(super) fn address(&self, app: &App) -> Result<StoreUrl, Failure> {
        let text = match (&self.store, app.home.settings()) {
            (Some(store), _) => store.clone(),
            (None, Ok(settings)) => settings.store,
            (None, Err(ConfigError::NoHome(home))) => {
                let home = home.display();
                return Err(Failure::Usage(format!(
                    "it is not known where the repository is: give --store URL ({home} is not a Kura home)"
                )));
            }
            (None, Err(error)) => return Err(error.into()),
        };
        Ok(text.parse()?)
    }

    /// Opens the repository with the recovery key in `identity`.
    pub(super) async fn open(&self, app: &App, identity: &std::path::Path) -> Result<Arc<Opened>, Failure> {
        let file = read(identity)?;
        self.open_read(app, file).await
    }

    async fn open_read(&self, app: &App, file: keys::IdentityFile) -> Result<Arc<Opened>, Failure> {
        let address = self.address(app)?;
        let policy = self.policy(file.root)?;
        let vault = store::open(&address).await?;
        let opened = repository::open(vault, file.keys, &policy).await?;
        if matches!(policy, RootPolicy::FirstUse) {
            let fingerprint = opened.trust.repository.root.fingerprint();
            tell(&format!("kura: trusting root key {fingerprint}: compare it with the recovery sheet"));
        }
        Ok(Arc::new(opened))
    }

    fn policy(&self, named: Option<String>) -> Result<RootPolicy, Failure> {
        if self.trust_on_first_use {
            return Ok(RootPolicy::FirstUse);
        }
        match (&self.root, named) {
            (Some(root), _) => fingerprint(root).map(RootPolicy::Fingerprint),
            (None, Some(root)) => Ok(RootPolicy::Fingerprint(root)),
            (None, None) => Err(RepositoryError::NoRoot.into()),
        }
    }
}

/// Reads a recovery key: a file, or `-` for what somebody types.
pub(super) fn read(identity: &std::path::Path) -> Result<keys::IdentityFile, Failure> {
    let talker = keys::Talker::new(passphrase::Terminal);
    if identity == std::path::Path::new("-") {
        return Ok(keys::typed_identity(&passphrase::typed_key()?, talker)?);
    }
    keys::read_identity(identity, passphrase::of, talker)
}

/// A fingerprint as people copy it: with or without `sha256:`, in any case.
pub(super) fn fingerprint(text: &str) -> Result<String, Failure> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.strip_prefix("sha256:").unwrap_or(&lower);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{digits}"));
    }
    Err(Failure::Usage(format!("{text:?} is not a fingerprint: write sha256: and 64 hexadecimal digits")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_people_copy_it() {
        let digits = "0123456789abcdef".repeat(4);
        for text in
            [format!("sha256:{digits}"), digits.clone(), format!(" SHA256:{} ", digits.to_uppercase())]
        {
            assert_eq!(fingerprint(&text).unwrap(), format!("sha256:{digits}"));
        }
        assert!(fingerprint("sha256:12").is_err());
    }
}
