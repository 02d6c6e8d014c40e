//! Blocks of manifest entries: a run of paths in ascending order with the chunks that hold their bytes.
//!
//! A block is a chunk of its own in a pack of the cohort. Its chunk table is one stream: the files with content of
//! their own take their bytes from it one after the other, so no file needs to say where its bytes begin.
//! Entries are stored column by column, which compresses far better than row by row.

use std::collections::BTreeMap;

use super::entry::{Content, Entry, Extent, FileTime, Kind, Meta, Xattr};
use super::wire::{Malformed, Reader, Writer};

const VERSION: u8 = 1;
const CONTEXT: u8 = 1;
const UNSTABLE: u8 = 2;
const SPARSE: u8 = 4;
const XATTRS: u8 = 8;
const LINK_GROUP: u8 = 16;

/// Where a chunk's bytes are: a stretch of the plaintext of one frame of one pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct Place {
    /// Which pack, by its number in the manifest part's table.
    pub pack: u32,
    /// Where the frame begins in the pack's payload, bytes.
    pub frame_offset: u64,
    /// Bytes of the frame.
    pub frame_length: u32,
    /// Bytes of the frame's plaintext.
    pub frame_plain: u32,
    /// Where the chunk begins in the frame's plaintext.
    pub offset: u32,
    /// Bytes of the chunk.
    pub length: u32,
}

/// Names of owners and groups by number, for restores that map by name.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OwnerNames {
    /// User names by uid.
    pub users: BTreeMap<u32, Vec<u8>>,
    /// Group names by gid.
    pub groups: BTreeMap<u32, Vec<u8>>,
}

/// A block, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The stream its files take their bytes from.
    pub chunks: Vec<Place>,
    /// Owner names.
    pub owners: OwnerNames,
    /// The entries in ascending order of path.
    pub entries: Vec<Entry>,
}

impl Block {
    /// Encodes the block.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.byte(VERSION);
        self.encode_chunks(&mut w);
        for names in [&self.owners.users, &self.owners.groups] {
            w.length(names.len());
            for (id, name) in names {
                w.number(u64::from(*id));
                w.bytes(name);
            }
        }
        w.length(self.entries.len());
        self.encode_columns(&mut w);
        w.into_bytes()
    }

    fn encode_chunks(&self, w: &mut Writer) {
        let mut frames: Vec<(u32, u64, u32, u32)> = Vec::new();
        let mut numbers = BTreeMap::new();
        let mut chunks = Writer::new();
        for place in &self.chunks {
            let frame = (place.pack, place.frame_offset, place.frame_length, place.frame_plain);
            let number = *numbers.entry(frame).or_insert_with(|| {
                frames.push(frame);
                frames.len() - 1
            });
            chunks.length(number);
            chunks.number(u64::from(place.offset));
            chunks.number(u64::from(place.length));
        }
        w.length(frames.len());
        for (pack, offset, length, plain) in frames {
            w.number(u64::from(pack));
            w.number(offset);
            w.number(u64::from(length));
            w.number(u64::from(plain));
        }
        w.length(self.chunks.len());
        w.raw(&chunks.into_bytes());
    }

    fn encode_columns(&self, w: &mut Writer) {
        let mut previous: &[u8] = &[];
        for entry in &self.entries {
            let shared = previous.iter().zip(&entry.path).take_while(|(a, b)| a == b).count();
            w.length(shared);
            w.bytes(&entry.path[shared..]);
            previous = &entry.path;
        }
        self.entries.iter().for_each(|e| w.byte(e.meta.kind.number() | content_number(&e.content) << 4));
        self.entries.iter().for_each(|e| w.byte(flags(e)));
        self.entries.iter().for_each(|e| w.number(u64::from(e.meta.mode)));
        self.entries.iter().for_each(|e| w.number(u64::from(e.meta.uid)));
        self.entries.iter().for_each(|e| w.number(u64::from(e.meta.gid)));
        let mut before = 0_i64;
        for entry in &self.entries {
            w.signed(entry.meta.mtime.seconds.wrapping_sub(before));
            before = entry.meta.mtime.seconds;
        }
        self.entries.iter().for_each(|e| w.number(u64::from(e.meta.mtime.nanos)));
        let files = || self.entries.iter().filter(|e| e.meta.kind == Kind::File);
        files().for_each(|e| w.number(e.size_bytes));
        files().for_each(|e| w.raw(&e.hash));
        for entry in &self.entries {
            if entry.meta.kind == Kind::Symlink {
                w.bytes(&entry.target);
            }
            if let Content::LinkTo(leader) = &entry.content {
                w.bytes(leader);
            }
            if matches!(entry.meta.kind, Kind::CharDevice | Kind::BlockDevice) {
                w.number(entry.meta.device);
            }
            if let Some(group) = &entry.meta.link_group {
                w.raw(group);
            }
            if entry.sparse {
                encode_extents(w, &entry.extents);
            }
            if !entry.meta.xattrs.is_empty() {
                encode_xattrs(w, &entry.meta.xattrs);
            }
        }
    }

    /// Decodes a block; nothing in it is trusted.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let r = &mut Reader::new(bytes);
        if r.byte("block version")? != VERSION {
            return Err(Malformed { what: "block version" });
        }
        let chunks = decode_chunks(r)?;
        let owners = OwnerNames { users: decode_names(r)?, groups: decode_names(r)? };
        let n = r.count(8, "entries of a block")?;
        let entries = decode_columns(r, n)?;
        r.end("block")?;
        Ok(Self { chunks, owners, entries })
    }
}

fn content_number(content: &Content) -> u8 {
    match content {
        Content::None => 0,
        Content::Own => 1,
        Content::Inherited => 2,
        Content::LinkTo(_) => 3,
    }
}

fn flags(entry: &Entry) -> u8 {
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    flag(entry.context, CONTEXT)
        | flag(entry.unstable, UNSTABLE)
        | flag(entry.sparse, SPARSE)
        | flag(!entry.meta.xattrs.is_empty(), XATTRS)
        | flag(entry.meta.link_group.is_some(), LINK_GROUP)
}

fn encode_extents(w: &mut Writer, extents: &[Extent]) {
    w.length(extents.len());
    let mut end = 0;
    for extent in extents {
        w.number(extent.offset.saturating_sub(end));
        w.number(extent.length);
        end = extent.offset.saturating_add(extent.length);
    }
}

fn decode_extents(r: &mut Reader<'_>, size_bytes: u64) -> Result<Vec<Extent>, Malformed> {
    let bad = Malformed { what: "extents" };
    let mut end = 0_u64;
    let mut extents = Vec::new();
    for _ in 0..r.count(2, "extents")? {
        let offset = end.checked_add(r.number("extent gap")?).ok_or(bad)?;
        let length = r.number("extent length")?;
        end = offset.checked_add(length).filter(|end| *end <= size_bytes).ok_or(bad)?;
        extents.push(Extent { offset, length });
    }
    Ok(extents)
}

/// Encodes extended attributes: a count, then name and value of each.
pub fn encode_xattrs(w: &mut Writer, xattrs: &[Xattr]) {
    w.length(xattrs.len());
    for xattr in xattrs {
        w.bytes(&xattr.name);
        w.bytes(&xattr.value);
    }
}

/// Decodes extended attributes.
pub fn decode_xattrs(r: &mut Reader<'_>) -> Result<Vec<Xattr>, Malformed> {
    (0..r.count(2, "extended attributes")?)
        .map(|_| {
            let name = r.bytes("attribute name")?.to_vec();
            Ok(Xattr { name, value: r.bytes("attribute value")?.to_vec() })
        })
        .collect()
}

fn decode_chunks(r: &mut Reader<'_>) -> Result<Vec<Place>, Malformed> {
    let mut frames = Vec::new();
    for _ in 0..r.count(4, "frames of a block")? {
        frames.push(Place {
            pack: r.number32("pack number")?,
            frame_offset: r.number("frame offset")?,
            frame_length: r.number32("frame length")?,
            frame_plain: r.number32("frame plain length")?,
            offset: 0,
            length: 0,
        });
    }
    let mut chunks = Vec::new();
    for _ in 0..r.count(3, "chunks of a block")? {
        let number = r.number32("frame number")?;
        let frame = usize::try_from(number).ok().and_then(|n| frames.get(n));
        let frame = *frame.ok_or(Malformed { what: "frame number" })?;
        let (offset, length) = (r.number32("chunk offset")?, r.number32("chunk length")?);
        if offset.checked_add(length).is_none_or(|end| end > frame.frame_plain) {
            return Err(Malformed { what: "chunk range" });
        }
        chunks.push(Place { offset, length, ..frame });
    }
    Ok(chunks)
}

fn decode_names(r: &mut Reader<'_>) -> Result<BTreeMap<u32, Vec<u8>>, Malformed> {
    let mut names = BTreeMap::new();
    for _ in 0..r.count(2, "owner names")? {
        let id = r.number32("owner number")?;
        names.insert(id, r.bytes("owner name")?.to_vec());
    }
    Ok(names)
}

fn decode_columns(r: &mut Reader<'_>, n: usize) -> Result<Vec<Entry>, Malformed> {
    let mut entries: Vec<Entry> = Vec::with_capacity(n);
    for _ in 0..n {
        let shared = usize::try_from(r.number("shared prefix")?).unwrap_or(usize::MAX);
        let previous: &[u8] = entries.last().map_or(&[], |e| &e.path);
        let mut path = previous.get(..shared).ok_or(Malformed { what: "shared prefix" })?.to_vec();
        path.extend_from_slice(r.bytes("path")?);
        entries.push(Entry::bare(path, empty_meta()));
    }
    let mut contents = Vec::with_capacity(n);
    for entry in &mut entries {
        let byte = r.byte("kind")?;
        entry.meta.kind = *Kind::ALL.get(usize::from(byte & 15)).ok_or(Malformed { what: "kind" })?;
        contents.push(byte >> 4);
    }
    let mut marks = Vec::with_capacity(n);
    for entry in &mut entries {
        let flags = r.byte("flags")?;
        if flags & !(CONTEXT | UNSTABLE | SPARSE | XATTRS | LINK_GROUP) != 0 {
            return Err(Malformed { what: "flags" });
        }
        entry.context = flags & CONTEXT != 0;
        entry.unstable = flags & UNSTABLE != 0;
        entry.sparse = flags & SPARSE != 0;
        marks.push(flags);
    }
    for entry in &mut entries {
        entry.meta.mode = r.number32("mode")? & 0o7777;
    }
    for entry in &mut entries {
        entry.meta.uid = r.number32("owner")?;
    }
    for entry in &mut entries {
        entry.meta.gid = r.number32("group")?;
    }
    let mut before = 0_i64;
    for entry in &mut entries {
        before = before.wrapping_add(r.signed("modification time")?);
        entry.meta.mtime.seconds = before;
    }
    for entry in &mut entries {
        entry.meta.mtime.nanos = r.number32("nanoseconds")?.min(999_999_999);
    }
    for entry in entries.iter_mut().filter(|e| e.meta.kind == Kind::File) {
        entry.size_bytes = r.number("size")?;
    }
    for entry in entries.iter_mut().filter(|e| e.meta.kind == Kind::File) {
        entry.hash = r.array("file hash")?;
    }
    for ((entry, content), mark) in entries.iter_mut().zip(contents).zip(marks) {
        decode_rest(r, entry, content, mark)?;
    }
    Ok(entries)
}

fn decode_rest(r: &mut Reader<'_>, entry: &mut Entry, content: u8, mark: u8) -> Result<(), Malformed> {
    if entry.meta.kind == Kind::Symlink {
        entry.target = r.bytes("link target")?.to_vec();
    }
    entry.content = match (content, entry.meta.kind) {
        (0, kind) if kind != Kind::File => Content::None,
        (1, Kind::File) => Content::Own,
        (2, Kind::File) => Content::Inherited,
        (3, Kind::File) => Content::LinkTo(r.bytes("link leader")?.to_vec()),
        _ => return Err(Malformed { what: "content kind" }),
    };
    if matches!(entry.meta.kind, Kind::CharDevice | Kind::BlockDevice) {
        entry.meta.device = r.number("device number")?;
    }
    if mark & LINK_GROUP != 0 {
        entry.meta.link_group = Some(r.array("link group")?);
    }
    if entry.sparse {
        entry.extents = decode_extents(r, entry.size_bytes)?;
    }
    if mark & XATTRS != 0 {
        entry.meta.xattrs = decode_xattrs(r)?;
    }
    Ok(())
}

fn empty_meta() -> Meta {
    Meta {
        kind: Kind::File,
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: FileTime::default(),
        device: 0,
        link_group: None,
        xattrs: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        (
            proptest::collection::vec(1_u8.., 1..12),
            0_usize..7,
            any::<(u16, u32, u32, i64, u32)>(),
            0_u64..1 << 50,
            any::<([u8; 32], bool, bool, bool)>(),
            proptest::option::of(any::<[u8; 16]>()),
            proptest::collection::vec(any::<(u8, u8)>(), 0..3),
        )
            .prop_map(
                |(path, kind, (mode, uid, gid, seconds, nanos), size, (hash, a, b, c), group, xattrs)| {
                    let kind = Kind::ALL[kind];
                    let mut meta = empty_meta();
                    meta.kind = kind;
                    meta.mode = u32::from(mode) & 0o7777;
                    (meta.uid, meta.gid) = (uid, gid);
                    meta.mtime = FileTime { seconds, nanos: nanos % 1_000_000_000 };
                    meta.link_group = group;
                    meta.xattrs =
                        xattrs.iter().map(|(n, v)| Xattr { name: vec![*n], value: vec![*v] }).collect();
                    let mut entry = Entry::bare(path, meta);
                    match kind {
                        Kind::File => {
                            entry.size_bytes = size;
                            entry.hash = hash;
                            entry.sparse = a;
                            entry.unstable = b;
                            entry.content = match (b, c) {
                                (true, true) => Content::Own,
                                (true, false) => Content::Inherited,
                                (false, _) => Content::LinkTo(vec![1, 2]),
                            };
                            if a && size > 10 {
                                entry.extents =
                                    vec![Extent { offset: 3, length: 4 }, Extent { offset: 8, length: 2 }];
                            }
                        }
                        Kind::Symlink => entry.target = vec![9; 5],
                        Kind::CharDevice | Kind::BlockDevice => entry.meta.device = size,
                        Kind::Directory => entry.context = a,
                        Kind::Fifo | Kind::Socket => {}
                    }
                    entry
                },
            )
    }

    proptest! {
        #[test]
        fn blocks_come_back_as_they_were(entries in proptest::collection::vec(entry(), 0..20)) {
            let place = Place { pack: 1, frame_offset: 99, frame_length: 5, frame_plain: 100, offset: 10, length: 90 };
            let mut owners = OwnerNames::default();
            owners.users.insert(0, b"root".to_vec());
            let block = Block { chunks: vec![place, Place { pack: 2, ..place }, place], owners, entries };
            prop_assert_eq!(Block::decode(&block.encode()).unwrap(), block);
        }

        #[test]
        fn hostile_blocks_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(first) = bytes.first_mut() { *first = VERSION; }
            if let Ok(block) = Block::decode(&bytes) { prop_assert!(block.entries.len() <= bytes.len()); }
        }
    }
}
