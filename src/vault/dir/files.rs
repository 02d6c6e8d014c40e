//! The few system calls that a directory vault is made of. All relative to an open folder; none follows a link.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::clock::random_bytes;
use crate::domain::time::Instant;
use crate::vault::Put;

/// A file is compared in pieces of this length, bytes: they stay in the processor's cache.
const COMPARE_BYTES: usize = 128 << 10;

/// Whether a file goes on with these bytes.
pub(super) fn has_bytes(file: &mut File, bytes: &[u8]) -> io::Result<bool> {
    let mut piece = vec![0; COMPARE_BYTES];
    for expected in bytes.chunks(COMPARE_BYTES) {
        let piece = &mut piece[..expected.len()];
        file.read_exact(piece)?;
        if piece != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a folder for reading and for `fsync`.
pub(super) fn open_folder(above: &OwnedFd, part: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, part, flags, Mode::empty())
}

/// Writes a new read-only file whose modification time is the end of its lock, if it has one.
pub(super) fn write_new(
    folder: &OwnedFd,
    name: &str,
    bytes: &[u8],
    retain_until: Option<Instant>,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    if let Some(until) = retain_until {
        // Rounded up, as everywhere: a lock never ends early.
        let seconds = until.as_micros().saturating_add(999_999).div_euclid(1_000_000);
        let end = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: end })?;
    }
    Ok(rustix::fs::fchmod(&file, Mode::RUSR | Mode::RGRP | Mode::ROTH)?)
}

/// Gives a written file its key, unless the key is taken.
pub(super) fn publish(temp: &OwnedFd, temp_name: &str, folder: &OwnedFd, name: &str) -> Result<Put, Errno> {
    let renamed = rustix::fs::renameat_with(temp, temp_name, folder, name, RenameFlags::NOREPLACE);
    let published = match renamed {
        // File systems without this kind of rename (NFS, some FUSE): a second name, then drop the first.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::linkat(temp, temp_name, folder, name, AtFlags::empty())
                .inspect(|()| remove_quietly(temp, temp_name))
        }
        renamed => renamed,
    };
    match published {
        Ok(()) => Ok(Put::Created),
        Err(Errno::EXIST) => Ok(Put::AlreadyThere),
        Err(errno) => Err(errno),
    }
}

/// Removes a file of `.tmp`; if that fails, the next opening a day later tries again.
pub(super) fn remove_quietly(folder: impl AsFd, name: &str) {
    if let Err(errno) = rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        tracing::debug!(%errno, "a temporary file could not be removed");
    }
}

/// A name that no other writer makes.
pub(super) fn random_name() -> String {
    let mut name = [0; 16];
    random_bytes(&mut name);
    hex::encode(name)
}
