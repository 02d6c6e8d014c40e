//! A file on its way: written under a temporary name beside its place, renamed when it is whole.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::archive::block::OwnerNames;
use crate::archive::entry::Meta;
use crate::archive::wire::to_u64;

use super::directory::OpenDirectory;
use super::error::{PlaceError, Shortcoming};
use super::meta::{self, Before, Spot};
use super::{Settings, is_temporary_name};

/// From this length on a file gets its length and is looked for before it is written.
const LARGE_BYTES: u64 = 1 << 20;

/// A file that is being written. Dropped unfinished, it leaves nothing behind.
///
/// Several threads may write to it. Bytes nobody writes are a hole.
#[derive(Debug)]
pub struct PlacedFile {
    fd: OwnedFd,
    directory: Arc<OpenDirectory>,
    settings: Arc<Settings>,
    temporary: Vec<u8>,
    name: Vec<u8>,
    size_bytes: u64,
    /// The length the file has.
    reached_bytes: AtomicU64,
    is_renamed: bool,
}

impl PlacedFile {
    pub(super) fn begin(
        directory: Arc<OpenDirectory>,
        name: &[u8],
        size_bytes: u64,
        settings: &Arc<Settings>,
    ) -> Result<Self, PlaceError> {
        let is_large = size_bytes >= LARGE_BYTES;
        if is_large {
            refuse_taken(&directory, name, settings.in_place)?;
        }
        let temporary = settings.temporary_name();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&directory, temporary.as_slice(), flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| PlaceError::of("make a file", e))?;
        let file = Self {
            fd,
            directory,
            settings: Arc::clone(settings),
            temporary,
            name: name.to_vec(),
            size_bytes,
            reached_bytes: AtomicU64::new(0),
            is_renamed: false,
        };
        if is_large {
            file.set_length()?;
        }
        Ok(file)
    }

    fn set_length(&self) -> Result<(), PlaceError> {
        rustix::fs::ftruncate(&self.fd, self.size_bytes)
            .map_err(|e| PlaceError::of("give a file its length", e))?;
        self.reached_bytes.store(self.size_bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Writes bytes at an offset; refuses what would make the file longer than it was begun with.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), PlaceError> {
        let end = offset.checked_add(to_u64(bytes.len())).filter(|end| *end <= self.size_bytes);
        let end = end.ok_or(PlaceError::BeyondEnd)?;
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            match rustix::io::pwrite(&self.fd, rest, at) {
                Ok(0) => return Err(PlaceError::of("write a file", Errno::IO)),
                Ok(n) => {
                    at += to_u64(n);
                    rest = rest.get(n..).unwrap_or_default();
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(PlaceError::of("write a file", e)),
            }
        }
        self.reached_bytes.fetch_max(end, Ordering::Relaxed);
        Ok(())
    }

    /// Reads back what was written, to check it before the file appears; 0 at the end.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<usize, PlaceError> {
        rustix::io::pread(&self.fd, out, offset).map_err(|e| PlaceError::of("read back a file", e))
    }

    /// Gives the file its metadata and its name; returns the metadata it still lacks.
    ///
    /// The caller has checked the content. Errors: `Exists` if the name is taken and the restore is not in place,
    /// `IsDirectory` if a directory has it.
    pub fn finish(mut self, meta: &Meta, owners: &OwnerNames) -> Result<Vec<Shortcoming>, PlaceError> {
        if self.reached_bytes.load(Ordering::Relaxed) < self.size_bytes {
            self.set_length()?;
        }
        let before = Before::made_in(&self.directory);
        let lacks = meta::apply(Spot::Open(self.fd.as_fd()), before, self.settings.wish(meta, owners));
        take_name(&self.directory, &self.temporary, &self.name, self.settings.in_place)?;
        self.is_renamed = true;
        Ok(lacks)
    }
}

impl AsFd for PlacedFile {
    /// The file, open for reading too: a caller may read back what was written out of order.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for PlacedFile {
    fn drop(&mut self) {
        if !self.is_renamed
            && let Err(e) = rustix::fs::unlinkat(&self.directory, self.temporary.as_slice(), AtFlags::empty())
        {
            tracing::warn!(error = %e, "an unfinished file could not be removed from the target");
        }
    }
}

fn refuse_taken(directory: &OpenDirectory, name: &[u8], in_place: bool) -> Result<(), PlaceError> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) if !in_place => Err(PlaceError::Exists),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
            Err(PlaceError::IsDirectory)
        }
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(PlaceError::of("look for a file", e)),
    }
}

/// Gives an entry with a temporary name its own; replaces another one, but no directory, if `in_place` says so.
pub(super) fn take_name(
    directory: &OpenDirectory,
    temporary: &[u8],
    name: &[u8],
    in_place: bool,
) -> Result<(), PlaceError> {
    debug_assert!(is_temporary_name(temporary), "only what was begun here is renamed");
    let renamed = if in_place {
        rustix::fs::renameat(directory, temporary, directory, name)
    } else {
        match rustix::fs::renameat_with(directory, temporary, directory, name, RenameFlags::NOREPLACE) {
            // The file system cannot say "unless it exists": a second name can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(directory, temporary, directory, name, AtFlags::empty())
                    .and_then(|()| rustix::fs::unlinkat(directory, temporary, AtFlags::empty()))
            }
            other => other,
        }
    };
    renamed.map_err(|e| PlaceError::of("give a file its name", e))
}
