//! Sealed extracts in the home, as they wait to be fetched (0600), and the lock of a permit's extracts.
//!
//! A file is written once, sealed from its first byte. Its name is the permit's number and the execution: a file that
//! no row of the catalog calls handed over is nobody's, and is removed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rustix::fs::FlockOperation;

use crate::config::{self, Home};

use super::ExtractError;

/// The lock of a permit's extracts, held. The system lets go of it when a program ends, however it ends.
#[derive(Debug)]
pub(super) struct ExtractLock(
    #[expect(dead_code, reason = "the lock is held as long as the file is open")] File,
);

impl ExtractLock {
    /// Takes the lock; `None` if somebody holds it.
    pub(super) fn take(home: &Home, permit: &str) -> Result<Option<Self>, ExtractError> {
        config::make_folder(&home.extracts())?;
        let path = home.extracts().join(format!("{permit}.lock"));
        let open = || -> io::Result<Option<Self>> {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(Self(file))),
                Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        open().map_err(|source| ExtractError::File { path: path.clone(), source })
    }
}

/// Where a sealed extract is.
pub(super) fn path(home: &Home, permit: &str, execution: u32) -> PathBuf {
    home.extracts().join(format!("{permit}-{execution}.age"))
}

/// Keeps a sealed extract, durably. One that was left there by a program that died is nobody's.
pub(super) fn keep(home: &Home, permit: &str, execution: u32, sealed: &[u8]) -> Result<(), ExtractError> {
    remove(home, permit, execution)?;
    config::write_new(&path(home, permit, execution), sealed, 0o600)?;
    let folder = home.extracts();
    let synced = File::open(&folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| ExtractError::File { path: folder, source })
}

/// Removes a sealed extract; one that is not there is no failure.
pub(super) fn remove(home: &Home, permit: &str, execution: u32) -> Result<(), ExtractError> {
    let path = path(home, permit, execution);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ExtractError::File { path, source }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A sealed extract.
pub(super) fn read(home: &Home, permit: &str, execution: u32) -> Result<Vec<u8>, ExtractError> {
    Ok(config::read_file(&path(home, permit, execution))?)
}
