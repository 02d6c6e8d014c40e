//! A cohort's entries in order of path, merged from its manifest parts.
//!
//! Every part is a sorted stream of blocks; at each path the newest part wins, and a path that a newer part lists as
//! gone is left out. Memory: one block of each part.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::archive::block::{Block, OwnerNames, Place};
use crate::archive::digest::{Hashing, PathDigest, Sha256};
use crate::archive::entry::{Content, Entry, path_order};
use crate::archive::manifest::{BlockRef, Part};
use crate::archive::records::Location;
use crate::archive::unseal::Unpacker;
use crate::archive::wire::Malformed;

use super::causes::with_causes;
use super::reading::{CohortReader, FrameAt, PackName, ReadError};
use super::selection::Selection;

/// A stretch of a file's data: part of one frame of one pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The pack.
    pub pack: PackName,
    /// The frame.
    pub frame: FrameAt,
    /// Where in the frame's plaintext.
    pub offset: u32,
    /// How many bytes.
    pub length: u32,
}

/// An entry with where its bytes are.
#[derive(Clone, Debug)]
pub struct Located {
    /// The entry.
    pub entry: Entry,
    /// Owner names of its block.
    pub owners: Arc<OwnerNames>,
    /// Its data in order; empty unless it has content of its own (or inherits it).
    pub pieces: Vec<Piece>,
    /// A damaged block may say otherwise of it: it is not to be restored.
    pub is_doubtful: bool,
}

/// A block that cannot be read: a stretch of paths with so many entries in it.
#[derive(Clone, Debug)]
pub struct Lost {
    part: usize,
    /// The first of its paths.
    pub first: Vec<u8>,
    /// The last of its paths.
    pub last: Vec<u8>,
    /// How many entries it has.
    pub entries: u64,
    /// Why it cannot be read.
    pub reason: String,
}

impl Lost {
    fn covers(&self, path: &[u8]) -> bool {
        path_order(&self.first, path) != std::cmp::Ordering::Greater
            && path_order(path, &self.last) != std::cmp::Ordering::Greater
    }
}

/// Streams the entries of a cohort.
pub struct CohortEntries<'a> {
    reader: &'a CohortReader,
    hashing: &'a Hashing,
    selection: &'a Selection,
    unpacker: Unpacker,
    cursors: Vec<Cursor>,
    lost: Vec<Lost>,
    erased: u64,
}

struct Cursor {
    root: Location,
    packs: BTreeMap<u32, PackName>,
    blocks: VecDeque<BlockRef>,
    ready: VecDeque<Located>,
    gone: BTreeSet<PathDigest>,
}

impl<'a> CohortEntries<'a> {
    /// Opens all parts of a cohort.
    pub fn open(
        reader: &'a CohortReader,
        hashing: &'a Hashing,
        parts: &[Location],
        selection: &'a Selection,
    ) -> Result<Self, ReadError> {
        let damaged = |root: &Location, what| reader.malformed(&root.pack, Malformed { what });
        let mut unpacker = match Unpacker::new() {
            Ok(unpacker) => unpacker,
            Err(_) => {
                return Err(reader.malformed(&Sha256([0; 32]), Malformed { what: "no memory to decompress" }));
            }
        };
        let mut cursors = Vec::new();
        for root in parts {
            let bytes = reader.chunk(root, hashing, &mut unpacker)?;
            let part = Part::decode(&bytes).map_err(|e| reader.malformed(&root.pack, e))?;
            let own =
                PackName { name: root.pack, size_bytes: root.pack_bytes, header_length: root.header_bytes };
            let packs = part.packs.iter().map(|pack| {
                let name = pack.name.map_or(own, |name| PackName {
                    name,
                    size_bytes: pack.size_bytes,
                    header_length: pack.header_length,
                });
                (pack.number, name)
            });
            let is_sorted = part
                .blocks
                .windows(2)
                .all(|pair| path_order(&pair[0].last, &pair[1].first) == std::cmp::Ordering::Less);
            if !is_sorted {
                return Err(damaged(root, "blocks out of order"));
            }
            cursors.push(Cursor {
                root: root.clone(),
                packs: packs.collect(),
                blocks: part.blocks.into(),
                ready: VecDeque::new(),
                gone: part.gone.into_iter().collect(),
            });
        }
        Ok(Self { reader, hashing, selection, unpacker, cursors, lost: Vec::new(), erased: 0 })
    }

    /// Blocks that could not be read so far. What else of the cohort was given is right, unless it is doubtful.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// How many entries that the selection wants were left out so far because erasure orders cover them.
    pub fn erased(&self) -> u64 {
        self.erased
    }

    /// The next entry that the selection may want, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Located>, ReadError> {
        loop {
            for at in 0..self.cursors.len() {
                self.fill(at)?;
            }
            let fronts = self.cursors.iter().filter_map(|cursor| cursor.ready.front());
            let Some(path) = fronts.map(|l| &l.entry.path).min_by(|a, b| path_order(a, b)).cloned() else {
                return Ok(None);
            };
            let mut newest: Option<(usize, Located)> = None;
            let mut older = None;
            for (at, cursor) in self.cursors.iter_mut().enumerate().rev() {
                let Some(located) = cursor.ready.pop_front_if(|located| located.entry.path == path) else {
                    continue;
                };
                match &newest {
                    None => newest = Some((at, located)),
                    Some(_) if older.is_none() && located.entry.content == Content::Own => {
                        older = Some(located);
                    }
                    Some(_) => {}
                }
            }
            let Some((at, located)) = newest else { return Ok(None) };
            if self.is_gone(at, &path) {
                continue;
            }
            if self.reader.is_erased(self.hashing, &located.entry) {
                self.erased += u64::from(self.selection.wants(&path) && !located.entry.context);
            } else {
                let mut located = self.inherited(at, located, older)?;
                located.is_doubtful |= self.lost.iter().any(|lost| lost.part > at && lost.covers(&path));
                return Ok(Some(located));
            }
        }
    }

    /// Gives an entry that only changed its metadata the bytes of the one before it.
    fn inherited(
        &self,
        at: usize,
        mut located: Located,
        older: Option<Located>,
    ) -> Result<Located, ReadError> {
        if located.entry.content != Content::Inherited {
            return Ok(located);
        }
        match older {
            Some(older) if older.entry.hash == located.entry.hash => {
                located.pieces = older.pieces;
                located.entry.content = Content::Own;
                Ok(located)
            }
            _ if self.lost.iter().any(|lost| lost.part < at && lost.covers(&located.entry.path)) => {
                located.is_doubtful = true;
                Ok(located)
            }
            Some(_) | None => {
                let pack = self.cursors[at].root.pack;
                Err(self.reader.malformed(&pack, Malformed { what: "an entry inherits from nothing" }))
            }
        }
    }

    fn is_gone(&self, at: usize, path: &[u8]) -> bool {
        let later = &self.cursors[at + 1..];
        later.iter().any(|cursor| !cursor.gone.is_empty()) && {
            let digest = self.hashing.path(path);
            later.iter().any(|cursor| cursor.gone.contains(&digest))
        }
    }

    /// Decodes the cursor's next block of interest once the last is used up.
    fn fill(&mut self, at: usize) -> Result<(), ReadError> {
        let cursor = &mut self.cursors[at];
        while cursor.ready.is_empty()
            && let Some(block) = cursor.blocks.pop_front()
        {
            if !self.selection.touches(&block.first, &block.last) {
                continue;
            }
            match read_block(self.reader, self.hashing, &mut self.unpacker, (cursor, &block)) {
                Ok(located) => cursor.ready = located,
                Err(error) if error.is_damage() => self.lost.push(Lost {
                    part: at,
                    first: block.first,
                    last: block.last,
                    entries: block.entries,
                    reason: with_causes(&error),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn read_block(
    reader: &CohortReader,
    hashing: &Hashing,
    unpacker: &mut Unpacker,
    (cursor, block): (&Cursor, &BlockRef),
) -> Result<VecDeque<Located>, ReadError> {
    let wrong = |what| reader.malformed(&cursor.root.pack, Malformed { what });
    let pack = *cursor.packs.get(&block.place.pack).ok_or_else(|| wrong("pack number"))?;
    let bytes = reader.whole_frame(&pack, frame_of(&block.place), unpacker)?;
    reader.check(&pack, &bytes, &block.chunk, hashing)?;
    let decoded = Block::decode(&bytes).map_err(|e| reader.malformed(&pack.name, e))?;
    locate(decoded, &cursor.packs).map_err(|e| reader.malformed(&pack.name, e))
}

fn frame_of(place: &Place) -> FrameAt {
    FrameAt { offset: place.frame_offset, length: place.frame_length, plain_length: place.frame_plain }
}

/// Gives each file of a block its stretch of the block's stream.
fn locate(block: Block, packs: &BTreeMap<u32, PackName>) -> Result<VecDeque<Located>, Malformed> {
    let owners = Arc::new(block.owners);
    let mut chunks = block.chunks.into_iter();
    let mut current: Option<Place> = None;
    let mut located: VecDeque<Located> = VecDeque::with_capacity(block.entries.len());
    for entry in block.entries {
        if located
            .back()
            .is_some_and(|last| path_order(&last.entry.path, &entry.path) != std::cmp::Ordering::Less)
        {
            return Err(Malformed { what: "entries out of order" });
        }
        let mut pieces = Vec::new();
        let mut need = if entry.content == Content::Own { entry.data_bytes() } else { 0 };
        while need > 0 {
            let place = match current.take().or_else(|| chunks.next()) {
                Some(place) => place,
                None => return Err(Malformed { what: "a file longer than its chunks" }),
            };
            let pack = *packs.get(&place.pack).ok_or(Malformed { what: "pack number" })?;
            let length = u32::try_from(need).unwrap_or(u32::MAX).min(place.length);
            pieces.push(Piece { pack, frame: frame_of(&place), offset: place.offset, length });
            need -= u64::from(length);
            if length < place.length {
                current =
                    Some(Place { offset: place.offset + length, length: place.length - length, ..place });
            }
        }
        located.push_back(Located { entry, owners: owners.clone(), pieces, is_doubtful: false });
    }
    Ok(located)
}
