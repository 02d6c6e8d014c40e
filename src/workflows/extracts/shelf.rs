//! Sealed extracts in the home, as they wait to be fetched (0600), and the lock of a permit's extracts.
//!
//! A file is written once, sealed from its first byte. Its name is the permit's number and the execution: a file that
//! no row of the catalog calls handed over is nobody's, and is removed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::config::{self, Home};

use super::ExtractError;

/// The lock of a permit's extracts, held. The system lets go of it when a program ends, however it ends. Its file goes with
/// it; one that a program left when it died goes with the next, or when `sweep_locks` looks.
#[derive(Debug)]
pub(super) struct ExtractLock {
    /// The lock is held as long as it is open; how far the work is stands in it.
    file: File,
    path: PathBuf,
}

impl Drop for ExtractLock {
    fn drop(&mut self) {
        // Removed while it is held: who has opened it meanwhile finds that his is not the one that has the name.
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}

/// How a file of a lock is called.
const LOCK: &str = "lock";

impl ExtractLock {
    /// Takes the lock; `None` if somebody holds it.
    pub(super) fn take(home: &Home, permit: &str) -> Result<Option<Self>, ExtractError> {
        config::make_folder(&home.extracts())?;
        let path = home.extracts().join(format!("{permit}.{LOCK}"));
        let taken = Self::take_at(&path);
        taken.map_err(|source| ExtractError::File { path, source })
    }

    fn take_at(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let file = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // A lock on a file that has lost its name keeps nobody out.
            let is_named = match std::fs::symlink_metadata(path) {
                Ok(named) => {
                    (named.dev(), named.ino()) == file.metadata().map(|own| (own.dev(), own.ino()))?
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            if is_named {
                return Ok(Some(Self { file, path: path.to_owned() }));
            }
        }
    }
}

/// So long is a note in a lock's file: it is written over in one piece.
const NOTE_BYTES: usize = 256;

impl ExtractLock {
    /// Writes a line for those who look from other programs, over the one before. One that cannot be written, because
    /// the disk is full, is no reason to stop.
    pub(super) fn note(&self, line: &str) {
        let padded = format!("{line:<NOTE_BYTES$}");
        if padded.len() == NOTE_BYTES {
            self.file.write_all_at(padded.as_bytes(), 0).unwrap_or_default();
        }
    }
}

/// What whoever holds a lock has noted; nothing if nobody holds it.
pub(super) fn noted(home: &Home, name: &str) -> Option<String> {
    let file = File::open(home.extracts().join(format!("{name}.{LOCK}"))).ok()?;
    let mut bytes = [0; NOTE_BYTES];
    file.read_exact_at(&mut bytes, 0).ok()?;
    // Asked last, and only where there is a note: whoever takes the lock for the first time is not disturbed.
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => String::from_utf8(bytes.to_vec()).ok(),
        Ok(()) | Err(_) => None,
    }
}

/// Removes the files of locks that nobody holds: of programs that died, and of versions that left them.
pub(super) fn sweep_locks(home: &Home) -> Result<(), ExtractError> {
    let folder = home.extracts();
    let listing = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing.map_err(|source| ExtractError::File { path: folder, source })?,
    };
    for path in
        listing.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == LOCK))
    {
        drop(ExtractLock::take_at(&path).map_err(|source| ExtractError::File { path, source })?);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_others_out_and_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().to_owned());
        let files = || std::fs::read_dir(home.extracts()).map_or(0, Iterator::count);
        let lock = ExtractLock::take(&home, "R08-001").expect("a file").expect("nobody has it");
        assert!(ExtractLock::take(&home, "R08-001").expect("a file").is_none(), "it is held");
        assert!(ExtractLock::take(&home, "R08-002").expect("a file").is_some(), "another permit has its own");
        sweep_locks(&home).expect("is swept");
        assert_eq!(files(), 1, "what is held stays");
        drop(lock);
        assert_eq!(files(), 0);
        // What a program left that died.
        std::fs::write(home.extracts().join("R08-001.lock"), "").expect("is written");
        sweep_locks(&home).expect("is swept");
        assert_eq!(files(), 0);
        assert!(ExtractLock::take(&home, "R08-001").expect("a file").is_some());
    }

    #[test]
    fn a_note_is_read_as_long_as_somebody_works() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().to_owned());
        assert_eq!(noted(&home, "R08-001"), None);
        let lock = ExtractLock::take(&home, "R08-001").expect("a file").expect("nobody has it");
        assert_eq!(noted(&home, "R08-001"), None, "nothing is noted yet");
        lock.note("a long line");
        lock.note("short");
        assert_eq!(noted(&home, "R08-001").as_deref().map(str::trim), Some("short"));
        // What a program left that was killed.
        let left = std::fs::read(home.extracts().join("R08-001.lock")).expect("a file");
        drop(lock);
        std::fs::write(home.extracts().join("R08-001.lock"), left).expect("is written");
        assert_eq!(noted(&home, "R08-001"), None, "nobody works");
    }

    #[test]
    fn of_many_at_once_one_holds_it_whoever_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().to_owned());
        let (held, most) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if let Some(lock) = ExtractLock::take(&home, "R08-001").expect("a file") {
                            most.fetch_max(held.fetch_add(1, order) + 1, order);
                            std::thread::yield_now();
                            held.fetch_sub(1, order);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert_eq!(most.load(order), 1);
    }
}
