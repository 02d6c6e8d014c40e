//! The private place into which a drill restores: one at a time, and gone when the drill is over.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::clock;

use super::DrillError;

/// What the folder of a drill begins with.
const PREFIX: &str = "kura-drill-";
/// Held by the drill that is under way.
const LOCK: &str = "kura-drill.lock";

/// A private folder, removed with everything in it when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes one below `place`, after removing what killed drills left there.
    pub fn make(place: &Path) -> Result<Self, DrillError> {
        let failed = |source| DrillError::Scratch { path: place.to_owned(), source };
        let lock = lock(place).map_err(failed)?.ok_or_else(|| DrillError::Busy(place.to_owned()))?;
        remove_left(place).map_err(failed)?;
        let mut id = [0_u8; 8];
        clock::random_bytes(&mut id);
        let folder = place.join(format!("{PREFIX}{}", hex::encode(id)));
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder) {
            tracing::error!(%error, "what a drill restored could not be removed: remove it by hand");
        }
    }
}

/// Removes what killed drills left in `place`, unless one is under way.
pub fn sweep(place: &Path) {
    match lock(place) {
        Ok(Some(_lock)) => {
            if let Err(error) = remove_left(place) {
                tracing::error!(%error, "what a drill left could not be removed: remove it by hand");
            }
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "it is not known whether a drill left something"),
    }
}

/// The lock; `None` if somebody else has it.
fn lock(place: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(place.join(LOCK))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn remove_left(place: &Path) -> io::Result<()> {
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder although folders in it were restored without the right to write.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(folder)?;
            fs::remove_dir_all(folder)
        }
        other => other,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}
