//! A directory tree that is read without ever leaving it.
//!
//! Every path is opened below the root without following a symbolic link, in one call where the kernel can, step by
//! step where it cannot or where the path is longer than one call takes. What was opened is compared with what was
//! listed, so that a file swapped for another during the walk is noticed.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::entry::{FileTime, Kind, Meta, Xattr};

/// The root of a source, held open.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    /// The device of the root, for `one_file_system`.
    pub device: u64,
}

/// What `lstat` says of an entry, as far as Kura uses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatFacts {
    /// What it is.
    pub kind: Kind,
    /// Permission bits (12).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size_bytes: u64,
    /// Modification time.
    pub mtime: FileTime,
    /// Change time.
    pub ctime: FileTime,
    /// Inode number.
    pub inode: u64,
    /// Device the inode lives on.
    pub device: u64,
    /// Names of the inode.
    pub links: u64,
    /// Device number of a device.
    pub device_number: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
}

impl StatFacts {
    /// Reads the fields of a `stat` result; `None` for a kind that no file system of ours has.
    pub fn of(stat: &Stat) -> Option<Self> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Unknown => return None,
        };
        let is_device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
        let number =
            u64::from(rustix::fs::major(stat.st_rdev)) << 32 | u64::from(rustix::fs::minor(stat.st_rdev));
        Some(Self {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: FileTime { seconds: stat.st_mtime, nanos: nanos(stat.st_mtime_nsec) },
            ctime: FileTime { seconds: stat.st_ctime, nanos: nanos(stat.st_ctime_nsec) },
            inode: stat.st_ino,
            device: stat.st_dev,
            links: stat.st_nlink,
            device_number: if is_device { number } else { 0 },
            allocated_bytes: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
        })
    }

    /// Whether a later look at the same path still shows the same thing with the same bytes.
    pub fn same_content_as(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.inode == other.inode
            && self.device == other.device
            && self.size_bytes == other.size_bytes
            && self.mtime == other.mtime
            && self.ctime == other.ctime
    }

    /// The metadata to store, without extended attributes.
    pub fn meta(&self) -> Meta {
        Meta {
            kind: self.kind,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            mtime: self.mtime,
            device: self.device_number,
            link_group: None,
            xattrs: Vec::new(),
        }
    }
}

fn nanos<T: TryInto<u32>>(value: T) -> u32 {
    value.try_into().unwrap_or(0)
}

impl Tree {
    /// Opens the root of a source.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let root =
            rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())?;
        let stat = rustix::fs::fstat(&root)?;
        Ok(Self { root, device: stat.st_dev })
    }

    /// Opens a directory below the root (`""` is the root itself).
    pub fn open_directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.open_below(path, OFlags::DIRECTORY | OFlags::RDONLY)
    }

    /// Opens a regular file for reading, without touching its access time where that is allowed.
    pub fn open_file(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        match self.open_below(path, flags | OFlags::NOATIME) {
            Err(Errno::PERM) => self.open_below(path, flags),
            other => other,
        }
    }

    fn open_below(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if path.is_empty() {
            return rustix::fs::openat(&self.root, c".", flags, Mode::empty());
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::NAMETOOLONG | Errno::AGAIN | Errno::PERM) => {
                self.step_below(path, flags)
            }
            other => other,
        }
    }

    fn step_below(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let through = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut parts = path.split(|byte| *byte == b'/').peekable();
        let mut at: Option<OwnedFd> = None;
        while let Some(name) = parts.next() {
            if name.is_empty() || name == b"." || name == b".." {
                return Err(Errno::INVAL);
            }
            let flags = if parts.peek().is_some() { through } else { flags };
            let from = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            at = Some(rustix::fs::openat(from, name, flags, Mode::empty())?);
        }
        at.ok_or(Errno::INVAL)
    }

    /// Opens the directory above a path and gives the path's own name in it.
    pub fn parent<'p>(&self, path: &'p [u8]) -> Result<(OwnedFd, &'p [u8]), Errno> {
        match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => Ok((self.open_directory(&path[..at])?, &path[at + 1..])),
            None => Ok((self.open_directory(b"")?, path)),
        }
    }

    /// Target of a symbolic link.
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let (directory, name) = self.parent(path)?;
        Ok(rustix::fs::readlinkat(&directory, name, Vec::new())?.into_bytes())
    }

    /// `lstat` of a path.
    pub fn lstat(&self, path: &[u8]) -> Result<Option<StatFacts>, Errno> {
        if path.is_empty() {
            return Ok(StatFacts::of(&rustix::fs::fstat(&self.root)?));
        }
        let (directory, name) = self.parent(path)?;
        Ok(StatFacts::of(&rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }
}

/// `fstat` of an open file.
pub fn fstat(fd: impl AsFd) -> Result<Option<StatFacts>, Errno> {
    Ok(StatFacts::of(&rustix::fs::fstat(fd)?))
}

/// Extended attributes of an open file or directory; none where the file system has no such thing.
pub fn xattrs_of(fd: BorrowedFd<'_>) -> Result<Vec<Xattr>, Errno> {
    let names = read_growing(|buffer| rustix::fs::flistxattr(fd, buffer))?;
    collect_xattrs(&names, |name, buffer| rustix::fs::fgetxattr(fd, name, buffer))
}

/// Extended attributes of something that cannot be opened (a link, a pipe, a device), by its name in a directory.
pub fn xattrs_at(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<Xattr>, Errno> {
    let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    let names = match read_growing(|buffer| rustix::fs::llistxattr(&path, buffer)) {
        // Without /proc these attributes cannot be reached; links and pipes hardly ever have any.
        Err(Errno::NOENT) => Vec::new(),
        other => other?,
    };
    collect_xattrs(&names, |name, buffer| rustix::fs::lgetxattr(&path, name, buffer))
}

fn collect_xattrs(
    names: &[u8],
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> Result<Vec<Xattr>, Errno> {
    let mut xattrs = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match read_growing(|buffer| get(name, buffer)) {
            Ok(value) => xattrs.push(Xattr { name: name.to_vec(), value }),
            // Removed meanwhile, or of a namespace that this user may list but not read.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => {}
            Err(e) => return Err(e),
        }
    }
    xattrs.sort();
    Ok(xattrs)
}

fn read_growing(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0_u8; 512];
    loop {
        match read(&mut buffer) {
            Ok(n) => {
                buffer.truncate(n);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => {
                let larger = buffer.len() * 16;
                buffer.resize(larger, 0);
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
            Err(e) => return Err(e),
        }
    }
}
