//! A vault in a directory: one read-only file for each object.
//!
//! An object is written under `.tmp`, then renamed to its key without replacing anything. `put` does not wait
//! for the disk; `flush` does, once for everything. A power cut before `flush` may therefore leave the beginning
//! of an object (usually nothing) under its key; `put` of the same key replaces such a torn beginning and nothing
//! else. Kura stores no empty objects, so an empty file counts as torn.
//!
//! Symbolic links and odd files in the tree are not followed and not listed. A directory cannot enforce a lock: the end
//! of an object's lock is noted as its modification time, and Kura itself deletes nothing before it.

/// What the errors of a file system mean.
mod errors;

/// The few system calls that it is made of.
mod files;

/// Mending what was altered, and clearing up what a crash left.
mod mend;

/// Deleting.
mod reap;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use errors::{cannot_open, fault, is_absence};
use files::{has_bytes, open_folder, publish, random_name, remove_quietly, write_new};

use super::{KeptLock, Listed, Lock, Put, Vault, VaultError, key};
use crate::clock::Clock;
use crate::domain::time::Instant;

/// Where objects are written before they get their key.
const TEMP: &str = ".tmp";

/// Up to this many objects, `flush` syncs each; above, the whole file system.
const FLUSH_EACH_MAX: usize = 16;

/// Reads up to this size are done at once, without the detour over a thread for slow work.
const SMALL_READ_BYTES: u64 = 1 << 20;

/// Writing to disk stores whole pages: what a power cut leaves is a multiple of this, bytes.
const PAGE_BYTES: usize = 4096;

/// A vault in a directory.
pub struct DirVault {
    tree: Arc<Tree>,
}

/// The directory and what was put since the last flush.
struct Tree {
    root: PathBuf,
    folder: OwnedFd,
    unflushed: Mutex<BTreeSet<String>>,
    /// Held while a flush runs; true once one has failed.
    flush_failed: Mutex<bool>,
    /// Who says whether a lock has ended; the machine's clock if nobody else does.
    clock: OnceLock<Arc<dyn Clock>>,
}

impl DirVault {
    /// Opens a vault in a directory that exists.
    ///
    /// Removes what a crash left in `.tmp` more than a day ago.
    pub fn open(root: &Path) -> Result<Self, VaultError> {
        let folder =
            rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .map_err(|errno| cannot_open(root, errno))?;
        let tree = Tree {
            root: root.to_path_buf(),
            folder,
            unflushed: Mutex::new(BTreeSet::new()),
            flush_failed: Mutex::new(false),
            clock: OnceLock::new(),
        };
        tree.remove_leftovers();
        Ok(Self { tree: Arc::new(tree) })
    }

    /// Makes the directory if it is missing, then opens it.
    pub fn create(root: &Path) -> Result<Self, VaultError> {
        std::fs::create_dir_all(root)
            .map_err(|error| fault("creation", &root.display().to_string(), &error))?;
        let vault = Self::open(root)?;
        if let Some(Ok(above)) = root.parent().map(File::open) {
            above.sync_all().map_err(|error| fault("creation", &root.display().to_string(), &error))?;
        }
        Ok(vault)
    }

    /// Runs slow file work on a thread of its own, so that it holds up nobody else.
    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tree) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let tree = Arc::clone(&self.tree);
        match tokio::task::spawn_blocking(move || work(&tree)).await {
            Ok(done) => done,
            Err(error) => Err(VaultError::Unavailable {
                act: "file work",
                place: self.address(),
                reason: error.to_string(),
            }),
        }
    }
}

#[async_trait]
impl Vault for DirVault {
    fn address(&self) -> String {
        format!("file://{}", self.tree.root.display())
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        key::check(key)?;
        let key = key.to_owned();
        let until = lock.map(|lock| lock.until);
        self.slowly(move |tree| tree.put(&key, &bytes, until).map_err(|error| fault("write", &key, &error)))
            .await
    }

    async fn mend(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<(), VaultError> {
        key::check(key)?;
        let key = key.to_owned();
        let until = lock.map(|lock| lock.until);
        self.slowly(move |tree| {
            tree.replace(&key, &bytes, until).map_err(|error| fault("write", &key, &error))
        })
        .await
    }

    async fn kept_lock(&self, key: &str) -> Result<Option<KeptLock>, VaultError> {
        key::check(key)?;
        let key = key.to_owned();
        let until = self
            .slowly(move |tree| tree.locked_until(&key).map_err(|error| fault("look-up", &key, &error)))
            .await?;
        Ok(until.map(|until| KeptLock { until, mode: None }))
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        key::check(key)?;
        let is_small =
            range.as_ref().is_some_and(|range| range.end.saturating_sub(range.start) <= SMALL_READ_BYTES);
        if is_small {
            return self.tree.get(key, range).map_err(|error| fault("read", key, &error));
        }
        let key = key.to_owned();
        self.slowly(move |tree| tree.get(&key, range).map_err(|error| fault("read", &key, &error))).await
    }

    async fn holds(&self, key: &str, bytes: &Bytes) -> Result<bool, VaultError> {
        key::check(key)?;
        let (key, bytes) = (key.to_owned(), bytes.clone());
        self.slowly(move |tree| tree.holds(&key, &bytes).map_err(|error| fault("read", &key, &error))).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        key::check(key)?;
        match self.tree.open_object(key) {
            Ok((_, size_bytes)) => Ok(Some(size_bytes)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(fault("look-up", key, &error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        let (folder, name) = key::split_prefix(prefix)?;
        let (folder, name) = (folder.to_owned(), name.to_owned());
        self.slowly(move |tree| {
            let mut found = Vec::new();
            tree.walk(&folder, &name, &mut found).map_err(|error| {
                let place = tree.root.join(&folder);
                fault("listing", &place.display().to_string(), &error)
            })?;
            found.sort_unstable_by(|one: &Listed, other| one.key.cmp(&other.key));
            Ok(found)
        })
        .await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        self.slowly(|tree| {
            let place = tree.root.display().to_string();
            // A second flush waits for the first: it must not return before what the first one took is durable.
            let mut has_failed = tree.flush_failed.lock().unwrap_or_else(PoisonError::into_inner);
            if *has_failed {
                // The system forgets what it could not write: a second flush would succeed without having done it.
                let reason = "an earlier flush failed: check the disk, then start again".to_owned();
                return Err(VaultError::Unavailable { act: "flush", place, reason });
            }
            let waiting = std::mem::take(&mut *tree.unflushed());
            tree.flush(&waiting).map_err(|error| {
                *has_failed = true;
                fault("flush", &place, &error)
            })
        })
        .await
    }

    fn can_lock(&self) -> bool {
        false
    }

    fn is_remote(&self) -> bool {
        false
    }
}

impl Tree {
    fn unflushed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a folder below the root, part by part, following no link. Makes it if `missing` says so.
    fn enter(&self, path: &str, missing: Missing) -> io::Result<OwnedFd> {
        let mut folder = self.folder.try_clone()?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            folder = match open_folder(&folder, part) {
                Err(Errno::NOENT) if missing == Missing::Make => {
                    match rustix::fs::mkdirat(&folder, part, Mode::RWXU) {
                        Ok(()) | Err(Errno::EXIST) => open_folder(&folder, part)?,
                        Err(errno) => return Err(errno.into()),
                    }
                }
                opened => opened?,
            };
        }
        Ok(folder)
    }

    /// Opens an object and tells its size. Whatever is not a regular file counts as absent.
    fn open_object(&self, key: &str) -> io::Result<(File, u64)> {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let folder = self.enter(folder, Missing::Report)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&folder, name, flags, Mode::empty())?);
        let about = file.metadata()?;
        if about.is_file() { Ok((file, about.len())) } else { Err(Errno::NOENT.into()) }
    }

    fn get(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Bytes> {
        let (mut file, size_bytes) = self.open_object(key)?;
        let Some(range) = range else {
            let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
            file.read_to_end(&mut bytes)?;
            return Ok(bytes.into());
        };
        if range.start > range.end || range.end > size_bytes {
            return Err(Errno::NOENT.into());
        }
        let length = usize::try_from(range.end - range.start).map_err(|_| io::Error::from(Errno::FBIG))?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }

    fn holds(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (mut file, size_bytes) = self.open_object(key)?;
        let is_as_long = size_bytes == u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(is_as_long && has_bytes(&mut file, bytes)?)
    }

    fn put(&self, key: &str, bytes: &[u8], retain_until: Option<Instant>) -> io::Result<Put> {
        let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
        let temp = self.enter(TEMP, Missing::Make)?;
        let folder = self.enter(path, Missing::Make)?;
        let temp_name = random_name();
        let written = write_new(&temp, &temp_name, bytes, retain_until)
            .and_then(|()| publish(&temp, &temp_name, &folder, name).map_err(io::Error::from))
            .and_then(|put| match put {
                Put::AlreadyThere if self.is_torn(key, bytes)? => {
                    self.replace_torn((&temp, &temp_name), (&folder, name), key, bytes)
                }
                Put::Created | Put::AlreadyThere => Ok(put),
            });
        if !matches!(written, Ok(Put::Created)) {
            remove_quietly(&temp, &temp_name);
        }
        // An object of another writer may not be on the disk yet either: both cases wait for `flush`.
        if written.is_ok() {
            self.unflushed().insert(key.to_owned());
        }
        written
    }

    /// Whether the object is what a power cut left of `bytes`: fewer whole pages, all of them equal.
    fn is_torn(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (mut file, size_bytes) = match self.open_object(key) {
            Err(error) if is_absence(&error) => return Ok(false),
            opened => opened?,
        };
        let length = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        if length >= bytes.len() || !length.is_multiple_of(PAGE_BYTES) {
            return Ok(false);
        }
        let mut there = Vec::with_capacity(length);
        file.read_to_end(&mut there)?;
        Ok(bytes.starts_with(&there) && there.len() < bytes.len())
    }

    /// Puts the whole object in the place of its torn beginning. One writer at a time, and only if it is torn still.
    fn replace_torn(
        &self,
        from: (&OwnedFd, &str),
        to: (&OwnedFd, &str),
        key: &str,
        bytes: &[u8],
    ) -> io::Result<Put> {
        let turn = self.enter(TEMP, Missing::Make)?;
        rustix::fs::flock(&turn, FlockOperation::LockExclusive)?;
        if !self.is_torn(key, bytes)? {
            return Ok(Put::AlreadyThere);
        }
        rustix::fs::renameat(from.0, from.1, to.0, to.1)?;
        Ok(Put::Created)
    }

    /// Adds the objects below `path` whose first part below it starts with `name`.
    fn walk(&self, path: &str, name: &str, found: &mut Vec<Listed>) -> io::Result<()> {
        let folder = match self.enter(path, Missing::Report) {
            Err(error) if is_absence(&error) => return Ok(()),
            entered => entered?,
        };
        let mut folders = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Some(part) = entry.file_name().to_str().ok().filter(|part| key::is_part(part)) else {
                continue;
            };
            if !part.starts_with(name) {
                continue;
            }
            let about = match rustix::fs::statat(&folder, part, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                about => about?,
            };
            let key = if path.is_empty() { part.to_owned() } else { format!("{path}/{part}") };
            match FileType::from_raw_mode(about.st_mode) {
                FileType::Directory => folders.push(key),
                FileType::RegularFile => {
                    found.push(Listed { key, size_bytes: u64::try_from(about.st_size).unwrap_or(0) });
                }
                _ => {}
            }
        }
        drop(folder);
        folders.iter().try_for_each(|inner| self.walk(inner, "", found))
    }

    /// Waits until the named objects, and the folders that name them, are on the disk.
    fn flush(&self, keys: &BTreeSet<String>) -> io::Result<()> {
        if keys.len() > FLUSH_EACH_MAX {
            return Ok(rustix::fs::syncfs(&self.folder)?);
        }
        let mut folders = BTreeSet::from([""]);
        for key in keys {
            match self.open_object(key) {
                // Deleted since: there is nothing to keep.
                Err(error) if is_absence(&error) => continue,
                opened => opened?.0.sync_all()?,
            }
            let mut path = key.as_str();
            while let Some((above, _)) = path.rsplit_once('/') {
                folders.insert(above);
                path = above;
            }
        }
        if !keys.is_empty() {
            for path in folders {
                rustix::fs::fsync(&self.enter(path, Missing::Report)?)?;
            }
        }
        Ok(())
    }
}

/// What to do about a folder that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Report,
}
