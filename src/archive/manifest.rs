//! Manifest parts: a table of packs, a list of blocks, what is gone.
//!
//! A cohort's manifest is a base part and any number of later parts; each run that changes a cohort adds one. Reading
//! them in order gives the cohort: a later entry replaces an earlier one of the same path, and a path whose keyed
//! digest a later part lists as gone is gone. Nothing is ever rewritten (docs/decisions/0006).

use super::block::{Place, decode_xattrs, encode_xattrs};
use super::digest::{ChunkId, PathDigest, Sha256};
use super::entry::{FileTime, Kind, Meta};
use super::wire::{Malformed, Reader, Writer};

const VERSION: u8 = 1;

/// A pack as a manifest part names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackRef {
    /// The number by which places refer to it.
    pub number: u32,
    /// The pack's name; `None` is the pack that holds the part itself.
    pub name: Option<Sha256>,
    /// Bytes of the pack (0 if it is the part's own, whose size the snapshot states).
    pub size_bytes: u64,
    /// Bytes before the age payload (0 if it is the part's own).
    pub header_length: u32,
}

/// A block as a manifest part lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockRef {
    /// Where its bytes are; it fills its frame.
    pub place: Place,
    /// Its keyed id, checked when it is read: through it the signed snapshot vouches for every entry.
    pub chunk: ChunkId,
    /// Entries in it.
    pub entries: u64,
    /// Its first path.
    pub first: Vec<u8>,
    /// Its last path.
    pub last: Vec<u8>,
}

/// A manifest part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// The packs that places refer to, ascending by number.
    pub packs: Vec<PackRef>,
    /// The blocks in ascending order of path.
    pub blocks: Vec<BlockRef>,
    /// Keyed digests of the paths that are gone, ascending.
    pub gone: Vec<PathDigest>,
}

impl Part {
    /// Encodes the part.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.byte(VERSION);
        w.length(self.packs.len());
        for pack in &self.packs {
            w.number(u64::from(pack.number));
            w.raw(&pack.name.map_or([0; 32], |name| name.0));
            w.number(pack.size_bytes);
            w.number(u64::from(pack.header_length));
        }
        w.length(self.blocks.len());
        for block in &self.blocks {
            w.number(u64::from(block.place.pack));
            w.number(block.place.frame_offset);
            w.number(u64::from(block.place.frame_length));
            w.number(u64::from(block.place.frame_plain));
            w.raw(&block.chunk.0);
            w.number(block.entries);
            w.bytes(&block.first);
            w.bytes(&block.last);
        }
        w.length(self.gone.len());
        self.gone.iter().for_each(|digest| w.raw(&digest.0));
        w.into_bytes()
    }

    /// Decodes a part.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let r = &mut Reader::new(bytes);
        if r.byte("manifest version")? != VERSION {
            return Err(Malformed { what: "manifest version" });
        }
        let mut part = Self::default();
        for _ in 0..r.count(35, "packs of a manifest")? {
            let number = r.number32("pack number")?;
            let name: [u8; 32] = r.array("pack name")?;
            part.packs.push(PackRef {
                number,
                name: (name != [0; 32]).then_some(Sha256(name)),
                size_bytes: r.number("pack size")?,
                header_length: r.number32("pack header length")?,
            });
        }
        for _ in 0..r.count(39, "blocks of a manifest")? {
            let pack = r.number32("pack number")?;
            let frame_offset = r.number("frame offset")?;
            let frame_length = r.number32("frame length")?;
            let frame_plain = r.number32("frame plain length")?;
            let place =
                Place { pack, frame_offset, frame_length, frame_plain, offset: 0, length: frame_plain };
            let chunk = ChunkId(r.array("block id")?);
            let entries = r.number("entries of a block")?;
            let first = r.bytes("first path")?.to_vec();
            part.blocks.push(BlockRef { place, chunk, entries, first, last: r.bytes("last path")?.to_vec() });
        }
        for _ in 0..r.count(16, "gone paths")? {
            part.gone.push(PathDigest(r.array("gone path")?));
        }
        r.end("manifest")?;
        Ok(part)
    }
}

/// Current metadata of a directory, by the keyed digest of its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectoryMeta {
    /// Which directory.
    pub path: PathDigest,
    /// Its metadata.
    pub meta: Meta,
}

/// Encodes the directories whose current metadata differs from what manifests say.
pub fn encode_directories(directories: &[DirectoryMeta]) -> Vec<u8> {
    let mut w = Writer::new();
    w.byte(VERSION);
    w.length(directories.len());
    for directory in directories {
        w.raw(&directory.path.0);
        w.number(u64::from(directory.meta.mode));
        w.number(u64::from(directory.meta.uid));
        w.number(u64::from(directory.meta.gid));
        w.signed(directory.meta.mtime.seconds);
        w.number(u64::from(directory.meta.mtime.nanos));
        encode_xattrs(&mut w, &directory.meta.xattrs);
    }
    w.into_bytes()
}

/// Decodes directory metadata.
pub fn decode_directories(bytes: &[u8]) -> Result<Vec<DirectoryMeta>, Malformed> {
    let r = &mut Reader::new(bytes);
    if r.byte("directories version")? != VERSION {
        return Err(Malformed { what: "directories version" });
    }
    let mut directories = Vec::new();
    for _ in 0..r.count(22, "directories")? {
        let path = PathDigest(r.array("path digest")?);
        let meta = Meta {
            kind: Kind::Directory,
            mode: r.number32("mode")? & 0o7777,
            uid: r.number32("owner")?,
            gid: r.number32("group")?,
            mtime: FileTime {
                seconds: r.signed("seconds")?,
                nanos: r.number32("nanoseconds")?.min(999_999_999),
            },
            device: 0,
            link_group: None,
            xattrs: decode_xattrs(r)?,
        };
        directories.push(DirectoryMeta { path, meta });
    }
    r.end("directories")?;
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_directories_come_back_as_they_were() {
        let place = Place { pack: 0, frame_offset: 7, frame_length: 8, frame_plain: 9, offset: 0, length: 9 };
        let part = Part {
            packs: vec![
                PackRef { number: 0, name: None, size_bytes: 0, header_length: 0 },
                PackRef { number: 5, name: Some(Sha256([3; 32])), size_bytes: 1000, header_length: 300 },
            ],
            blocks: vec![BlockRef {
                place,
                chunk: ChunkId([4; 32]),
                entries: 2,
                first: b"a".to_vec(),
                last: b"b\xff".to_vec(),
            }],
            gone: vec![PathDigest([1; 16])],
        };
        assert_eq!(Part::decode(&part.encode()).unwrap(), part);
        let meta = Meta {
            kind: Kind::Directory,
            mode: 0o755,
            uid: 1,
            gid: 2,
            mtime: FileTime { seconds: -5, nanos: 3 },
            device: 0,
            link_group: None,
            xattrs: Vec::new(),
        };
        let directories = vec![DirectoryMeta { path: PathDigest([2; 16]), meta }];
        assert_eq!(decode_directories(&encode_directories(&directories)).unwrap(), directories);
    }
}
