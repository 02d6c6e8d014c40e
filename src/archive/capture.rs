//! Reading one entry of a source: metadata always, content of small files into the segment at hand.
//!
//! What is opened is compared before and after: a file that changes while it is read is read once more, then kept as
//! it was read last and marked.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::digest::FileHash;
use super::entry::{Content, Entry, Kind, Meta};
use super::tree::{self, StatFacts, Tree};
use super::walk::{self, Found};

/// A file at least this long is cut by itself, bytes; shorter ones share segments.
pub const LARGE_BYTES: u64 = 1 << 20;

/// Why an entry was not captured.
#[derive(Debug)]
pub enum Missed {
    /// It is no longer there.
    Vanished,
    /// It cannot be read; the words say why.
    Unreadable(String),
}

impl From<Errno> for Missed {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NOTDIR => Self::Vanished,
            Errno::LOOP => Self::Unreadable("a directory above it was replaced by a link".to_owned()),
            other => Self::Unreadable(format!("cannot be read: {}", walk::words(other))),
        }
    }
}

/// An entry that was captured.
#[derive(Debug)]
pub struct Captured {
    /// The entry. A file's content is `Own` and its bytes are at the end of the segment.
    pub entry: Entry,
    /// What `fstat` said after reading.
    pub stat: StatFacts,
}

/// Opens a regular file and checks that it is one.
pub fn open_regular(tree: &Tree, below: &[u8]) -> Result<(OwnedFd, StatFacts), Missed> {
    let fd = tree.open_file(below)?;
    match tree::fstat(&fd)? {
        Some(stat) if stat.kind == Kind::File => Ok((fd, stat)),
        Some(_) | None => Err(Missed::Unreadable("was replaced by something that is not a file".to_owned())),
    }
}

/// Metadata of an open file or directory with its extended attributes.
pub fn meta_of(fd: &OwnedFd, stat: &StatFacts) -> Result<Meta, Missed> {
    let mut meta = stat.meta();
    meta.xattrs = tree::xattrs_of(fd.as_fd())?;
    if stat.kind == Kind::File && stat.links > 1 {
        meta.link_group = Some(link_group(stat));
    }
    Ok(meta)
}

/// The same for all names of one inode on one device.
pub fn link_group(stat: &StatFacts) -> [u8; 16] {
    let mut input = [0_u8; 16];
    input[..8].copy_from_slice(&stat.device.to_le_bytes());
    input[8..].copy_from_slice(&stat.inode.to_le_bytes());
    super::digest::first16(blake3::hash(&input).as_bytes())
}

/// Reads a small file: its bytes are appended to `segment`.
///
/// It may have grown: up to twice `LARGE_BYTES` are read, the rest is for the next run, and the entry is marked.
pub fn small_file(tree: &Tree, found: &Found, segment: &mut Vec<u8>) -> Result<Captured, Missed> {
    let start = segment.len();
    let mut attempt = 0;
    loop {
        segment.truncate(start);
        let (fd, before) = open_regular(tree, found.below())?;
        let meta = meta_of(&fd, &before)?;
        let expected = usize::try_from(before.size_bytes.min(2 * LARGE_BYTES)).unwrap_or(0);
        read_up_to(&fd, expected, segment)?;
        let after = tree::fstat(&fd)?.ok_or(Missed::Vanished)?;
        let size_bytes = super::wire::to_u64(segment.len() - start);
        let is_steady = after.same_content_as(&before) && size_bytes == before.size_bytes;
        if is_steady || attempt == 1 {
            let mut entry = Entry::bare(found.path.clone(), meta);
            entry.size_bytes = size_bytes;
            entry.hash = *blake3::hash(&segment[start..]).as_bytes();
            entry.content = Content::Own;
            entry.unstable = !is_steady;
            return Ok(Captured { entry, stat: after });
        }
        attempt += 1;
    }
}

fn read_up_to(fd: &OwnedFd, expected: usize, out: &mut Vec<u8>) -> Result<(), Errno> {
    let start = out.len();
    // One byte more than expected: the file's end is seen in the same call.
    out.resize(start + expected + 1, 0);
    let mut filled = start;
    while filled < out.len() {
        match rustix::io::read(fd, &mut out[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(Errno::INTR) => {}
            Err(e) => {
                out.truncate(start);
                return Err(e);
            }
        }
    }
    out.truncate(filled.min(start + expected));
    Ok(())
}

/// Captures a directory, link, pipe, socket or device.
pub fn special(tree: &Tree, found: &Found) -> Result<Captured, Missed> {
    if found.stat.kind == Kind::Directory {
        return directory(tree, &found.path, &found.stat);
    }
    let (parent, name) = tree.parent(found.below())?;
    let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let stat = StatFacts::of(&stat).filter(|stat| stat.kind == found.stat.kind);
    let stat = stat.ok_or_else(|| Missed::Unreadable("was replaced by something else".to_owned()))?;
    let mut meta = stat.meta();
    meta.xattrs = tree::xattrs_at(parent.as_fd(), name).unwrap_or_default();
    let mut entry = Entry::bare(found.path.clone(), meta);
    if stat.kind == Kind::Symlink {
        entry.target = rustix::fs::readlinkat(&parent, name, Vec::new())?.into_bytes();
    }
    Ok(Captured { entry, stat })
}

/// Captures a directory; one that may not be opened keeps what its parent showed of it.
pub fn directory(tree: &Tree, path: &[u8], listed: &StatFacts) -> Result<Captured, Missed> {
    match tree.open_directory(walk::below(path)) {
        Ok(fd) => {
            let stat = tree::fstat(&fd)?.ok_or(Missed::Vanished)?;
            Ok(Captured { entry: Entry::bare(path.to_vec(), meta_of(&fd, &stat)?), stat })
        }
        Err(Errno::ACCESS | Errno::PERM) => {
            Ok(Captured { entry: Entry::bare(path.to_vec(), listed.meta()), stat: *listed })
        }
        Err(e) => Err(e.into()),
    }
}

/// The hash as entries have it: of the data extents, if the file has holes.
pub fn hash_of(fd: &OwnedFd, buffer: &mut [u8]) -> Result<FileHash, Missed> {
    let mut hasher = blake3::Hasher::new();
    let stat = tree::fstat(fd)?.ok_or(Missed::Vanished)?;
    let is_sparse = stat.size_bytes >= LARGE_BYTES && stat.allocated_bytes < stat.size_bytes;
    let whole = super::entry::Extent { offset: 0, length: u64::MAX };
    let extents = if is_sparse { super::large::extents(fd, stat.size_bytes)? } else { vec![whole] };
    for extent in extents {
        let end = extent.offset.saturating_add(extent.length);
        let mut at = extent.offset;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            let n = rustix::io::pread(fd, &mut buffer[..want], at)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            at += super::wire::to_u64(n);
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Another name of an inode whose content stands under `leader`: metadata and hash.
pub fn other_name(tree: &Tree, found: &Found, leader: Vec<u8>) -> Result<Captured, Missed> {
    let (fd, stat) = open_regular(tree, found.below())?;
    let mut entry = Entry::bare(found.path.clone(), meta_of(&fd, &stat)?);
    entry.size_bytes = stat.size_bytes;
    entry.hash = hash_of(&fd, &mut vec![0; 256 << 10])?;
    entry.content = Content::LinkTo(leader);
    Ok(Captured { entry, stat })
}
