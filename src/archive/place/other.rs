//! Entries that are no regular files: links, pipes, sockets, devices; second names; and making room.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Dev, FileType, Mode};
use rustix::io::Errno;

use crate::archive::block::OwnerNames;
use crate::archive::entry::{Kind, Meta};
use crate::archive::tree::StatFacts;

use super::directory::OpenDirectory;
use super::error::{PlaceError, Shortcoming};
use super::file::take_name;
use super::meta::{self, Before, Spot, Wish};
use super::{Target, check_path, split};

/// Whether an entry was made or was there as it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Now,
    Before,
}

impl Target {
    /// Makes a symbolic link; returns the metadata it lacks.
    pub fn symlink(
        &self,
        path: &[u8],
        target: &[u8],
        meta: &Meta,
        owners: &OwnerNames,
    ) -> Result<Vec<Shortcoming>, PlaceError> {
        let (directory, name) = self.parent(path)?;
        let make = |name: &[u8]| rustix::fs::symlinkat(target, &directory, name);
        let is_same = |_: &StatFacts| {
            rustix::fs::readlinkat(&directory, name, Vec::new()).is_ok_and(|there| there.as_bytes() == target)
        };
        let origin =
            self.make(&directory, name, make, is_same).map_err(|e| e.into_place("make a symbolic link"))?;
        Ok(apply_named(&directory, name, origin, self.settings.wish(meta, owners)))
    }

    /// Makes a pipe, a socket or a device; returns the metadata it lacks.
    ///
    /// Errors: `DeviceDenied` for a device when the user is not root.
    pub fn special(
        &self,
        path: &[u8],
        meta: &Meta,
        owners: &OwnerNames,
    ) -> Result<Vec<Shortcoming>, PlaceError> {
        let kind = match meta.kind {
            Kind::Fifo => FileType::Fifo,
            Kind::Socket => FileType::Socket,
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            Kind::File | Kind::Directory | Kind::Symlink => return Err(PlaceError::WrongKind),
        };
        let is_device = matches!(meta.kind, Kind::CharDevice | Kind::BlockDevice);
        let device = if is_device { device_number(meta.device)? } else { 0 };
        let (directory, name) = self.parent(path)?;
        let make = |name: &[u8]| rustix::fs::mknodat(&directory, name, kind, Mode::RUSR | Mode::WUSR, device);
        let is_same = |there: &StatFacts| there.kind == meta.kind && there.device_number == meta.device;
        let origin = self.make(&directory, name, make, is_same).map_err(|e| match e {
            Failed::Making(Errno::PERM) if is_device => PlaceError::DeviceDenied,
            other => other.into_place("make a pipe, socket or device"),
        })?;
        Ok(apply_named(&directory, name, origin, self.settings.wish(meta, owners)))
    }

    /// Gives a restored file a second name.
    ///
    /// Errors: `LinkDenied` where the file system has no hard links or no more of them; the caller then writes the
    /// file once more.
    pub fn hard_link(&self, existing: &[u8], path: &[u8]) -> Result<(), PlaceError> {
        check_path(existing)?;
        let (above, old) = split(existing);
        let source = self.directories.get(above)?;
        let (directory, name) = self.parent(path)?;
        let make = |name: &[u8]| rustix::fs::linkat(&source, old, &directory, name, AtFlags::empty());
        let first = rustix::fs::statat(&source, old, AtFlags::SYMLINK_NOFOLLOW);
        let first = first.map_err(|e| PlaceError::of("find a file's first name", e))?;
        if FileType::from_raw_mode(first.st_mode) != FileType::RegularFile {
            return Err(PlaceError::WrongKind);
        }
        let is_same = |there: &StatFacts| there.inode == first.st_ino && there.device == first.st_dev;
        self.make(&directory, name, make, is_same).map(|_| ()).map_err(|e| match e {
            Failed::Making(source @ (Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP)) => {
                PlaceError::LinkDenied { source }
            }
            other => other.into_place("make a second name"),
        })
    }

    /// Removes what has another kind than the snapshot says, so that the entry can be written. Nothing there is fine.
    ///
    /// Errors: `Exists` if the restore is not in place, `NotEmpty` for a directory with something in it.
    pub fn remove(&self, path: &[u8]) -> Result<(), PlaceError> {
        let Some(there) = self.look(path)? else { return Ok(()) };
        if !self.settings.in_place {
            return Err(PlaceError::Exists);
        }
        let (above, name) = split(path);
        let directory = self.directories.get(above)?;
        let is_directory = there.kind == Kind::Directory;
        let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.directories.forget(path);
        match rustix::fs::unlinkat(&directory, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) if is_directory => Err(PlaceError::NotEmpty),
            Err(e) => Err(PlaceError::of("remove an entry", e)),
        }
    }

    /// Makes an entry under its name. What is there is kept if it is the same, replaced if the restore is in place.
    fn make(
        &self,
        directory: &OpenDirectory,
        name: &[u8],
        make: impl Fn(&[u8]) -> Result<(), Errno>,
        is_same: impl Fn(&StatFacts) -> bool,
    ) -> Result<Made, Failed> {
        match make(name) {
            Ok(()) => return Ok(Made::Now),
            Err(Errno::EXIST) if self.settings.in_place => {}
            Err(e) => return Err(Failed::Making(e)),
        }
        let there = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Failed::Making)?;
        match StatFacts::of(&there) {
            Some(there) if is_same(&there) => return Ok(Made::Before),
            Some(there) if there.kind == Kind::Directory => {
                return Err(Failed::Replacing(PlaceError::IsDirectory));
            }
            _ => {}
        }
        let temporary = self.settings.temporary_name();
        make(&temporary).map_err(Failed::Making)?;
        take_name(directory, &temporary, name, true).map_err(|e| {
            if let Err(left) = rustix::fs::unlinkat(directory, temporary.as_slice(), AtFlags::empty()) {
                tracing::warn!(error = %left, "an unfinished entry could not be removed from the target");
            }
            Failed::Replacing(e)
        })?;
        Ok(Made::Now)
    }
}

fn apply_named(directory: &OpenDirectory, name: &[u8], origin: Made, wish: Wish<'_>) -> Vec<Shortcoming> {
    let before = if origin == Made::Before { Before::Anything } else { Before::made_in(directory) };
    meta::apply(Spot::Named(directory.as_fd(), name), before, wish)
}

/// Where making an entry failed.
enum Failed {
    Making(Errno),
    Replacing(PlaceError),
}

impl Failed {
    fn into_place(self, act: &'static str) -> PlaceError {
        match self {
            Self::Making(e) => PlaceError::of(act, e),
            Self::Replacing(e) => e,
        }
    }
}

/// The system's number of a device from the stored one.
fn device_number(stored: u64) -> Result<Dev, PlaceError> {
    let major = u32::try_from(stored >> 32).map_err(|_| PlaceError::WrongKind)?;
    let minor = u32::try_from(stored & u64::from(u32::MAX)).map_err(|_| PlaceError::WrongKind)?;
    Ok(rustix::fs::makedev(major, minor))
}
