//! Directories of the target: opened below its root without following a link, made where missing, kept open a while.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::error::PlaceError;

/// How many directories stay open for the next entry.
const OPEN_MAX: usize = 32;

/// Permissions of a directory while its entries are written.
const PRIVATE: Mode = Mode::RWXU;

/// A directory of the target, open.
#[derive(Debug)]
pub(super) struct OpenDirectory {
    fd: OwnedFd,
    passes_acl: OnceLock<bool>,
}

impl OpenDirectory {
    fn new(fd: OwnedFd) -> Arc<Self> {
        Arc::new(Self { fd, passes_acl: OnceLock::new() })
    }

    /// Whether what is made in it gets an ACL from it. Asked of the system once.
    pub(super) fn passes_acl(&self) -> bool {
        let ask = || rustix::fs::fgetxattr_query(&self.fd, c"system.posix_acl_default").is_ok();
        *self.passes_acl.get_or_init(ask)
    }
}

impl AsFd for OpenDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Directories that stay open, by path; the last used stands last.
type Recent = Vec<(Box<[u8]>, Arc<OpenDirectory>)>;

/// The directories of a target.
#[derive(Debug)]
pub(super) struct Directories {
    root: Arc<OpenDirectory>,
    recent: Mutex<Recent>,
    /// The user whose closed directories are opened for writing (in-place restore by another user than root).
    widen_for: Option<u32>,
}

impl Directories {
    pub(super) fn new(root: OwnedFd, widen_for: Option<u32>) -> Self {
        Self { root: OpenDirectory::new(root), recent: Mutex::new(Vec::new()), widen_for }
    }

    pub(super) fn root(&self) -> &OpenDirectory {
        &self.root
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, path: &[u8]) -> Option<Arc<OpenDirectory>> {
        if path.is_empty() {
            return Some(Arc::clone(&self.root));
        }
        let mut recent = self.lock();
        let at = recent.iter().rposition(|(known, _)| **known == *path)?;
        if at + 1 < recent.len() {
            let hit = recent.remove(at);
            recent.push(hit);
        }
        recent.last().map(|(_, directory)| Arc::clone(directory))
    }

    fn remember(&self, path: &[u8], directory: &Arc<OpenDirectory>) {
        let mut recent = self.lock();
        if recent.iter().any(|(known, _)| **known == *path) {
            return;
        }
        if recent.len() >= OPEN_MAX {
            recent.remove(0);
        }
        recent.push((path.into(), Arc::clone(directory)));
    }

    /// Forgets a path that was removed, and everything below it.
    pub(super) fn forget(&self, path: &[u8]) {
        self.lock().retain(|(known, _)| {
            !known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
    }

    /// Opens a directory that exists; the path has been checked.
    pub(super) fn get(&self, path: &[u8]) -> Result<Arc<OpenDirectory>, PlaceError> {
        self.reach(path, false)
    }

    /// Opens a directory and makes it and those above it where they are missing; the path has been checked.
    pub(super) fn ensure(&self, path: &[u8]) -> Result<Arc<OpenDirectory>, PlaceError> {
        self.reach(path, true)
    }

    fn reach(&self, path: &[u8], make: bool) -> Result<Arc<OpenDirectory>, PlaceError> {
        if let Some(directory) = self.recall(path) {
            return Ok(directory);
        }
        let (from, rest) = self.nearest(path);
        // Below an open directory a missing one is made first: in a fresh target it does not exist.
        let below = make && !rest.contains(&b'/');
        let fd = if below { step(from.as_fd(), rest, make)? } else { leap(from.as_fd(), rest, make)? };
        if make {
            self.widen(&fd)?;
        }
        let directory = OpenDirectory::new(fd);
        self.remember(path, &directory);
        Ok(directory)
    }

    /// The nearest open directory above a path, and the way from there.
    fn nearest<'p>(&self, path: &'p [u8]) -> (Arc<OpenDirectory>, &'p [u8]) {
        let mut above = path;
        while let Some(at) = above.iter().rposition(|byte| *byte == b'/') {
            above = &above[..at];
            if let Some(directory) = self.recall(above) {
                return (directory, &path[at + 1..]);
            }
        }
        (Arc::clone(&self.root), path)
    }

    /// A directory of our own that was restored with closed permissions is opened again; it is closed at the end.
    fn widen(&self, fd: &OwnedFd) -> Result<(), PlaceError> {
        let Some(user) = self.widen_for else { return Ok(()) };
        let act = "write to a directory";
        let stat = rustix::fs::fstat(fd).map_err(|e| PlaceError::of(act, e))?;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        if stat.st_uid != user || mode.contains(PRIVATE) {
            return Ok(());
        }
        rustix::fs::fchmod(fd, mode | PRIVATE).map_err(|e| PlaceError::of(act, e))
    }
}

const THROUGH: OFlags =
    OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a directory in one call, or step by step where one call does not do or says too little.
fn leap(from: BorrowedFd<'_>, path: &[u8], make: bool) -> Result<OwnedFd, PlaceError> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(from, path, THROUGH, Mode::empty(), resolve) {
        Ok(fd) => Ok(fd),
        Err(Errno::NOSYS | Errno::NAMETOOLONG | Errno::AGAIN | Errno::PERM | Errno::NOTDIR) => {
            step(from, path, make)
        }
        Err(Errno::NOENT) if make => step(from, path, make),
        Err(e) => Err(PlaceError::of("open a directory", e)),
    }
}

/// Opens a directory name by name; makes what is missing if `make` says so.
fn step(from: BorrowedFd<'_>, path: &[u8], make: bool) -> Result<OwnedFd, PlaceError> {
    let mut at: Option<OwnedFd> = None;
    // Below a directory that was just made, and for a single name, there is nothing to look for.
    let mut is_new = make && !path.contains(&b'/');
    for name in path.split(|byte| *byte == b'/') {
        let here = at.as_ref().map_or(from, AsFd::as_fd);
        let fd = if is_new { None } else { open_name(here, name, make)? };
        at = Some(if let Some(fd) = fd {
            fd
        } else {
            is_new = true;
            make_name(here, name)?
        });
    }
    at.ok_or(PlaceError::BadPath("is empty"))
}

/// Opens one name; none if it is missing and may be made.
fn open_name(here: BorrowedFd<'_>, name: &[u8], make: bool) -> Result<Option<OwnedFd>, PlaceError> {
    match rustix::fs::openat(here, name, THROUGH, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) if make => Ok(None),
        Err(e @ (Errno::NOTDIR | Errno::LOOP)) => Err(what_stands(here, name, e)),
        Err(e) => Err(PlaceError::of("open a directory", e)),
    }
}

fn make_name(here: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, PlaceError> {
    match rustix::fs::mkdirat(here, name, PRIVATE) {
        // Another thread made it, or it was there: what counts is that it opens as a directory.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(PlaceError::of("make a directory", e)),
    }
    open_name(here, name, false)?.ok_or(PlaceError::NotDirectory)
}

fn what_stands(here: BorrowedFd<'_>, name: &[u8], error: Errno) -> PlaceError {
    match rustix::fs::statat(here, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => PlaceError::Symlink,
        _ => PlaceError::of("open a directory", error),
    }
}
