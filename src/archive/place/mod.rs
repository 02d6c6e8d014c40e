//! Writing restored entries into a target directory, and never outside of it.
//!
//! Paths are bytes below the target. Every directory on the way is opened without following a symbolic link, so a
//! link that was there before, or that the snapshot itself brings, leads nowhere. A file is written under a temporary
//! name and renamed when the caller has found its content right. Directories are private (0700) while they are
//! filled and get their own metadata last, children first. Which entries are written, and in which order, is not
//! decided here. Start at `Target`.
//!
//! Nothing is forced to the disk per file: `Target::sync` does that once. After a power failure before it, restore
//! again in place; `Target::matches` and the hash tell what is whole.

/// What can go wrong, and what may be lacking.
mod error;

/// Directories of the target.
mod directory;

/// Owner, permissions, attributes, times.
mod meta;

/// Regular files.
mod file;

/// Links, pipes, sockets, devices.
mod other;

use std::fs::DirBuilder;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::block::OwnerNames;
use super::entry::{Entry, Kind, Meta};
use super::tree::{self, StatFacts};

use directory::{Directories, OpenDirectory};
use meta::{Before, Owners, Spot};

pub use error::{PlaceError, Shortcoming};
pub use file::PlacedFile;
pub use meta::OwnerMapping;

/// How entries are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlaceOptions {
    /// Whose they are.
    pub owners: OwnerMapping,
    /// Whether what stands in the target may be replaced.
    pub in_place: bool,
}

/// A directory that receives a restore. Several threads may write to it.
#[derive(Debug)]
pub struct Target {
    directories: Directories,
    settings: Arc<Settings>,
}

/// What everything written to one target has in common.
#[derive(Debug)]
struct Settings {
    in_place: bool,
    owners: Owners,
    /// Makes temporary names differ from those of other restores.
    seed: u64,
    count: AtomicU64,
}

impl Settings {
    fn temporary_name(&self) -> Vec<u8> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!(".kura-{:016x}-{count:x}.part", self.seed).into_bytes()
    }
}

fn is_temporary_name(name: &[u8]) -> bool {
    let middle = name.strip_prefix(b".kura-").and_then(|rest| rest.strip_suffix(b".part"));
    let Some((seed, count)) = middle.and_then(|middle| middle.split_at_checked(16)) else { return false };
    let is_hex = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
    is_hex(seed) && count.strip_prefix(b"-").is_some_and(is_hex)
}

/// Refuses a path that is not a plain way down from the target: absolute, or with an empty part, `.`, `..` or NUL.
pub fn check_path(path: &[u8]) -> Result<(), PlaceError> {
    if path.is_empty() {
        return Err(PlaceError::BadPath("is empty"));
    }
    if path.starts_with(b"/") {
        return Err(PlaceError::BadPath("is absolute"));
    }
    if path.contains(&0) {
        return Err(PlaceError::BadPath("contains a NUL byte"));
    }
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" => return Err(PlaceError::BadPath("has an empty part")),
            b"." => return Err(PlaceError::BadPath("has a part \".\"")),
            b".." => return Err(PlaceError::BadPath("has a part \"..\"")),
            _ => {}
        }
    }
    Ok(())
}

/// As `check_path`; the empty path is the target itself.
fn check_directory_path(path: &[u8]) -> Result<(), PlaceError> {
    if path.is_empty() { Ok(()) } else { check_path(path) }
}

/// The directory of a path and its name in there.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

impl Target {
    /// Opens a target and makes it, and the directories above it, where they are missing.
    pub fn open(path: &Path, options: PlaceOptions) -> Result<Self, PlaceError> {
        let failed = |e: std::io::Error| {
            let source = Errno::from_io_error(&e).unwrap_or(Errno::IO);
            PlaceError::of("make the target directory", source)
        };
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(failed)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(e) if !path.is_dir() => return Err(failed(e)),
            _ => {}
        }
        let root =
            rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .map_err(|e| PlaceError::of("open the target directory", e))?;
        let user = rustix::process::geteuid();
        let widen_for = (options.in_place && !user.is_root()).then(|| user.as_raw());
        let mut seed = [0_u8; 8];
        crate::clock::random_bytes(&mut seed);
        let settings = Settings {
            in_place: options.in_place,
            owners: Owners::new(options.owners),
            seed: u64::from_le_bytes(seed),
            count: AtomicU64::new(0),
        };
        Ok(Self { directories: Directories::new(root, widen_for), settings: Arc::new(settings) })
    }

    /// Makes a directory and those above it where they are missing, for nobody but this user until
    /// `finish_directory`. The empty path is the target itself.
    ///
    /// In place and not as root, a directory of this user's that is closed to writing is opened for it; call
    /// `finish_directory` for it in the end.
    pub fn ensure_directory(&self, path: &[u8]) -> Result<(), PlaceError> {
        check_directory_path(path)?;
        self.directories.ensure(path).map(|_| ())
    }

    /// Gives a directory its metadata; returns what it still lacks. Called at the end, children first.
    pub fn finish_directory(
        &self,
        path: &[u8],
        meta: &Meta,
        owners: &OwnerNames,
    ) -> Result<Vec<Shortcoming>, PlaceError> {
        check_directory_path(path)?;
        let directory = self.directories.get(path)?;
        Ok(self.apply(directory.as_fd(), meta, owners))
    }

    /// Begins a regular file of `size_bytes`; directories above it are made where they are missing.
    pub fn begin_file(&self, path: &[u8], size_bytes: u64) -> Result<PlacedFile, PlaceError> {
        let (directory, name) = self.parent(path)?;
        PlacedFile::begin(directory, name, size_bytes, &self.settings)
    }

    /// What stands at a path; none if nothing does.
    pub fn look(&self, path: &[u8]) -> Result<Option<StatFacts>, PlaceError> {
        check_path(path)?;
        let (above, name) = split(path);
        let directory = match self.directories.get(above) {
            Ok(directory) => directory,
            Err(PlaceError::System { source: Errno::NOENT, .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(StatFacts::of(&stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(PlaceError::of("look for an entry", e)),
        }
    }

    /// Opens the file at a path for reading if, by kind, length and time, it may be the entry already.
    ///
    /// The caller hashes it, and rewrites it if that differs. A file with further names is not taken for an entry
    /// that has none, because `fix_meta` would change them too.
    pub fn matches(&self, path: &[u8], entry: &Entry) -> Result<Option<OwnedFd>, PlaceError> {
        let may_be = |there: &StatFacts| {
            there.kind == Kind::File
                && entry.meta.kind == Kind::File
                && there.size_bytes == entry.size_bytes
                && there.mtime == entry.meta.mtime
                && (there.links == 1 || entry.meta.link_group.is_some())
        };
        // A look first: a restore to an empty target opens nothing, and devices are never opened.
        if !self.look(path)?.is_some_and(|there| may_be(&there)) {
            return Ok(None);
        }
        let (above, name) = split(path);
        let directory = self.directories.get(above)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&directory, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            // Replaced meanwhile, or not for this user to read: it is written anew.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ACCESS) => return Ok(None),
            Err(e) => return Err(PlaceError::of("read a file", e)),
        };
        let there = tree::fstat(&fd).map_err(|e| PlaceError::of("read a file", e))?;
        Ok(there.is_some_and(|there| may_be(&there)).then_some(fd))
    }

    /// Corrects the metadata of a file that `matches` opened; returns what it still lacks.
    pub fn fix_meta(&self, file: &OwnedFd, meta: &Meta, owners: &OwnerNames) -> Vec<Shortcoming> {
        self.apply(file.as_fd(), meta, owners)
    }

    fn apply(&self, fd: BorrowedFd<'_>, meta: &Meta, owners: &OwnerNames) -> Vec<Shortcoming> {
        meta::apply(Spot::Open(fd), Before::Anything, meta, owners, &self.settings.owners)
    }

    /// Removes temporary files that a killed restore left in a directory; returns how many.
    ///
    /// For a restore in place, before anything is written to that directory, and only while no other restore writes
    /// to the same target. A directory that does not exist has none.
    pub fn remove_leftovers(&self, path: &[u8]) -> Result<u64, PlaceError> {
        check_directory_path(path)?;
        let failed = |e| PlaceError::of("list a directory", e);
        let directory = match self.directories.get(path) {
            Ok(directory) => directory,
            Err(PlaceError::System { source: Errno::NOENT, .. }) => return Ok(0),
            Err(e) => return Err(e),
        };
        let mut names = Vec::new();
        for listed in Dir::read_from(&directory).map_err(failed)? {
            let listed = listed.map_err(failed)?;
            if is_temporary_name(listed.file_name().to_bytes()) {
                names.push(listed.file_name().to_owned());
            }
        }
        let mut removed = 0;
        for name in names {
            match rustix::fs::unlinkat(&directory, name, AtFlags::empty()) {
                Ok(()) => removed += 1,
                Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(e) => return Err(PlaceError::of("remove a leftover", e)),
            }
        }
        Ok(removed)
    }

    /// Forces everything written to the disk; an error of the disk that came late is found here.
    pub fn sync(&self) -> Result<(), PlaceError> {
        rustix::fs::syncfs(self.directories.root())
            .map_err(|e| PlaceError::of("write everything to the disk", e))
    }

    /// The directory of an entry, made where it is missing, and the entry's name.
    fn parent<'p>(&self, path: &'p [u8]) -> Result<(Arc<OpenDirectory>, &'p [u8]), PlaceError> {
        check_path(path)?;
        let (above, name) = split(path);
        Ok((self.directories.ensure(above)?, name))
    }
}
