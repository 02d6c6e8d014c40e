//! What Kura keeps of a file, directory, link or device.
//!
//! Paths are bytes: `<source name>/<path below the source>`; the source's own root is `<source name>` alone.

use super::digest::FileHash;
use super::wire::Writer;
use crate::domain::time::Instant;

/// The order of paths in manifests: as bytes, but a slash comes before everything, so that what is in a directory
/// follows it at once.
pub fn path_order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(rank).cmp(b.iter().map(rank))
}

/// Bytes whose plain order is `path_order` (no name holds a zero byte).
pub fn path_key(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

/// What kind of thing a path names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl Kind {
    /// All kinds, in the order of their stored number.
    pub const ALL: [Self; 7] = [
        Self::File,
        Self::Directory,
        Self::Symlink,
        Self::Fifo,
        Self::Socket,
        Self::CharDevice,
        Self::BlockDevice,
    ];

    /// The stored number.
    pub fn number(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Directory => 1,
            Self::Symlink => 2,
            Self::Fifo => 3,
            Self::Socket => 4,
            Self::CharDevice => 5,
            Self::BlockDevice => 6,
        }
    }

    /// One letter, as `ls -l` shows it.
    pub fn letter(self) -> char {
        match self {
            Self::File => '-',
            Self::Directory => 'd',
            Self::Symlink => 'l',
            Self::Fifo => 'p',
            Self::Socket => 's',
            Self::CharDevice => 'c',
            Self::BlockDevice => 'b',
        }
    }
}

/// A file time: seconds since 1970 (negative before) and nanoseconds within the second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct FileTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub nanos: u32,
}

impl FileTime {
    /// The same as an instant, microseconds.
    pub fn instant(self) -> Instant {
        let micros = self.seconds.saturating_mul(1_000_000).saturating_add(i64::from(self.nanos) / 1000);
        Instant::from_micros(micros)
    }
}

/// An extended attribute; POSIX ACLs and capabilities are attributes too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Xattr {
    /// The name, for example `user.comment`.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Metadata of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-user-id, set-group-id and sticky (12 bits).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last modification.
    pub mtime: FileTime,
    /// Device number of a device (`major << 32 | minor`), else 0.
    pub device: u64,
    /// The same for all names of one inode with several names, else none.
    pub link_group: Option<[u8; 16]>,
    /// Extended attributes in ascending order of name.
    pub xattrs: Vec<Xattr>,
}

impl Meta {
    /// A digest of everything here, to see whether metadata changed.
    pub fn digest(&self) -> [u8; 32] {
        let mut w = Writer::new();
        w.byte(self.kind.number());
        for number in [u64::from(self.mode), u64::from(self.uid), u64::from(self.gid), self.device] {
            w.number(number);
        }
        w.signed(self.mtime.seconds);
        w.number(u64::from(self.mtime.nanos));
        for xattr in &self.xattrs {
            w.bytes(&xattr.name);
            w.bytes(&xattr.value);
        }
        *blake3::hash(&w.into_bytes()).as_bytes()
    }
}

/// Where an entry's bytes are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// It has none: not a regular file.
    None,
    /// In the chunks of its block: the next `data_bytes` of the block's stream.
    Own,
    /// Those of the entry of the same path in an earlier part of the cohort (only metadata changed).
    Inherited,
    /// Those of another name of the same inode, in the same part.
    LinkTo(Vec<u8>),
}

/// A stretch of data in a sparse file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Where it begins in the file, bytes.
    pub offset: u64,
    /// Its length, bytes.
    pub length: u64,
}

/// One path of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `<source name>/<path below the source>`.
    pub path: Vec<u8>,
    /// Metadata.
    pub meta: Meta,
    /// Length of a regular file, bytes; else 0.
    pub size_bytes: u64,
    /// BLAKE3 of a regular file's data bytes (of a sparse file: of its extents, one after the other); else zeros.
    pub hash: FileHash,
    /// Where its bytes are.
    pub content: Content,
    /// The data of a sparse file; empty for a file without holes (and for one that is nothing but a hole: see `sparse`).
    pub extents: Vec<Extent>,
    /// Whether `extents` says where the data is.
    pub sparse: bool,
    /// Target of a symbolic link, else empty.
    pub target: Vec<u8>,
    /// A directory that stands here only because files below it do; it is made only if one of them is restored.
    pub context: bool,
    /// The file changed each time it was read; what was read last is kept.
    pub unstable: bool,
}

impl Entry {
    /// An entry without content.
    pub fn bare(path: Vec<u8>, meta: Meta) -> Self {
        Self {
            path,
            meta,
            size_bytes: 0,
            hash: [0; 32],
            content: Content::None,
            extents: Vec::new(),
            sparse: false,
            target: Vec::new(),
            context: false,
            unstable: false,
        }
    }

    /// Bytes of the block's stream that belong to a file with content of its own.
    pub fn data_bytes(&self) -> u64 {
        if self.sparse { self.extents.iter().map(|extent| extent.length).sum() } else { self.size_bytes }
    }
}
