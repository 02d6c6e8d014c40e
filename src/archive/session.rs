//! One cohort while a run adds to it: its known chunks, its open packs, its blocks.
//!
//! Workers take an open pack, add to it and give it back, so at most as many packs are open as workers are at work.
//! The worker that ends the last job of a closed session finishes it: packs, manifest part, index object.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::cohort::CohortId;

use super::block::{Block, Place};
use super::compress::{self, Compressor};
use super::digest::{ChunkId, PathDigest, SeenDigest, Sha256};
use super::entry::Content;
use super::envelope::payload_type;
use super::index::Index;
use super::manifest::{BlockRef, PackRef, Part};
use super::outlet::{ExistingPack, Makers, Outgoing, SessionError, SessionOutcome, Stopped};
use super::pack::{ChunkKind, PackFacts, PackWriter, PackedChunk};
use super::records::Location;
use super::seal::{self, Recipient};
use super::wire::to_u64;

/// An index object names about so many chunks at most (about 10 MiB).
const INDEX_CHUNKS: usize = 250_000;

struct PackSlot {
    named: Option<(Sha256, u64, u32)>,
}

#[derive(Default)]
struct State {
    packs: Vec<PackSlot>,
    #[expect(
        clippy::disallowed_types,
        reason = "looked up once for each chunk of the source; never iterated"
    )]
    known: std::collections::HashMap<ChunkId, Place>,
    idle: Vec<PackWriter>,
    fresh: Vec<(Sha256, PackFacts)>,
    blocks: Vec<(u64, BlockRef)>,
    used: BTreeSet<u32>,
    seen: Vec<SeenDigest>,
    gone: Vec<PathDigest>,
    files: u64,
    bytes: u64,
    pending: u64,
    is_closed: bool,
}

/// One cohort while a run adds to it.
pub struct CohortSession {
    /// The cohort.
    pub cohort: CohortId,
    recipient: Recipient,
    state: Mutex<State>,
}

impl CohortSession {
    /// Begins a session on a cohort that has `existing` packs; `gone` are paths to be listed as gone.
    pub fn new(
        cohort: CohortId,
        recipient: Recipient,
        existing: Vec<ExistingPack>,
        gone: Vec<PathDigest>,
    ) -> Self {
        let mut state = State { gone, ..State::default() };
        for pack in existing {
            let number = u32::try_from(state.packs.len()).unwrap_or(u32::MAX);
            for frame in &pack.facts.frames {
                let mut offset = 0;
                for chunk in &frame.chunks {
                    let place = Place {
                        pack: number,
                        frame_offset: frame.offset,
                        frame_length: frame.length,
                        frame_plain: frame.plain_length,
                        offset,
                        length: chunk.length,
                    };
                    offset += chunk.length;
                    if chunk.kind == ChunkKind::Data {
                        state.known.insert(chunk.id, place);
                    }
                }
            }
            let named = Some((pack.name, pack.facts.size_bytes, pack.facts.header_length));
            state.packs.push(PackSlot { named });
            if pack.is_adopted {
                state.fresh.push((pack.name, pack.facts));
            }
        }
        Self { cohort, recipient, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a chunk already is.
    pub fn place_of(&self, id: &ChunkId) -> Option<Place> {
        self.lock().known.get(id).copied()
    }

    /// Counts an entry that was read again and found as it is stored.
    pub fn keep(&self, bytes: u64) {
        let mut state = self.lock();
        state.files += 1;
        state.bytes += bytes;
    }

    /// Announces a job; `end_job` must follow.
    pub fn begin_job(&self) {
        self.lock().pending += 1;
    }

    /// Ends a job; true if the session is closed and this was the last: the caller must `finish` it.
    pub fn end_job(&self) -> bool {
        let mut state = self.lock();
        state.pending -= 1;
        state.is_closed && state.pending == 0
    }

    /// No more jobs will come; true if none is pending: the caller must `finish` the session.
    pub fn close(&self) -> bool {
        let mut state = self.lock();
        state.is_closed = true;
        state.pending == 0
    }

    /// An open pack to add to.
    pub fn take_pack(&self, makers: &Makers<'_>) -> Result<PackWriter, SessionError> {
        let number = {
            let mut state = self.lock();
            if let Some(pack) = state.idle.pop() {
                return Ok(pack);
            }
            state.packs.push(PackSlot { named: None });
            u32::try_from(state.packs.len() - 1).unwrap_or(u32::MAX)
        };
        Ok(PackWriter::new(number, &[&self.recipient, &makers.run], makers.buffers.take())?)
    }

    /// Gives a pack back, or seals it and sends it off if it is full.
    pub fn give_back(&self, makers: &Makers<'_>, pack: PackWriter) -> Result<(), SessionError> {
        if pack.is_full() {
            return self.seal(makers, pack);
        }
        self.lock().idle.push(pack);
        Ok(())
    }

    fn seal(&self, makers: &Makers<'_>, pack: PackWriter) -> Result<(), SessionError> {
        if pack.is_empty() {
            return Ok(());
        }
        let sealed = pack.close()?;
        {
            let mut state = self.lock();
            let number = usize::try_from(sealed.ordinal).unwrap_or(usize::MAX);
            let named = Some((sealed.name, sealed.facts.size_bytes, sealed.facts.header_length));
            if let Some(slot) = state.packs.get_mut(number) {
                *slot = PackSlot { named };
            }
            state.fresh.push((sealed.name, sealed.facts.clone()));
        }
        makers.outlet.send(Outgoing::Pack(self.cohort, sealed))?;
        Ok(())
    }

    /// Stores new chunks as one frame: `plain` is their bytes, one after the other. Gives their places.
    pub fn store(
        &self,
        pack: &mut PackWriter,
        compressor: &mut Compressor,
        plain: &[u8],
        chunks: &[(ChunkId, u32)],
    ) -> Result<Vec<Place>, SessionError> {
        let packed =
            |(id, length): &(ChunkId, u32)| PackedChunk { kind: ChunkKind::Data, id: *id, length: *length };
        let (frame_offset, frame_length) =
            pack.add_frame(compressor, plain, chunks.iter().map(packed).collect())?;
        let frame_plain = u32::try_from(plain.len()).unwrap_or(u32::MAX);
        let mut offset = 0;
        let mut places = Vec::with_capacity(chunks.len());
        let mut state = self.lock();
        for (id, length) in chunks {
            let place = Place {
                pack: pack.ordinal,
                frame_offset,
                frame_length,
                frame_plain,
                offset,
                length: *length,
            };
            state.known.insert(*id, place);
            places.push(place);
            offset += length;
        }
        Ok(places)
    }

    /// Stores a block of entries; `number` orders blocks by path.
    pub fn store_block(
        &self,
        makers: &Makers<'_>,
        pack: &mut PackWriter,
        compressor: &mut Compressor,
        (number, block): (u64, &Block),
        seen: &[SeenDigest],
    ) -> Result<(), SessionError> {
        let (Some(first), Some(last)) = (block.entries.first(), block.entries.last()) else { return Ok(()) };
        let (place, chunk) = store_manifest(makers, pack, compressor, &block.encode())?;
        let not_directories = block.entries.iter().filter(|e| e.meta.kind != super::entry::Kind::Directory);
        pack.files += to_u64(block.entries.iter().filter(|e| e.content == Content::Own).count());
        let entries = to_u64(block.entries.len());
        let mut state = self.lock();
        state.used.extend(block.chunks.iter().map(|place| place.pack));
        state.used.insert(place.pack);
        state.files += to_u64(not_directories.count());
        state.bytes += block.entries.iter().map(|entry| entry.size_bytes).sum::<u64>();
        state.seen.extend_from_slice(seen);
        state.blocks.push((
            number,
            BlockRef { place, chunk, entries, first: first.path.clone(), last: last.path.clone() },
        ));
        Ok(())
    }

    /// Ends the session: seals every pack, the manifest part in the last of them, and the index object.
    pub fn finish(
        &self,
        makers: &Makers<'_>,
        compressor: &mut Compressor,
    ) -> Result<SessionOutcome, SessionError> {
        let (mut idle, has_part) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.idle), !state.blocks.is_empty() || !state.gone.is_empty())
        };
        let mut part = None;
        if has_part {
            let mut home = match idle.pop() {
                Some(pack) => pack,
                None => self.take_pack(makers)?,
            };
            for pack in idle {
                self.seal(makers, pack)?;
            }
            let root = self.part(home.ordinal).encode();
            let (place, chunk) = store_manifest(makers, &mut home, compressor, &root)?;
            let ordinal = usize::try_from(home.ordinal).unwrap_or(usize::MAX);
            self.seal(makers, home)?;
            let named = self.lock().packs.get(ordinal).and_then(|slot| slot.named);
            part = named.map(|(pack, pack_bytes, header_bytes)| {
                location(place, chunk, (pack, pack_bytes, header_bytes))
            });
        } else {
            for pack in idle {
                self.seal(makers, pack)?;
            }
        }
        let (packs, mut seen, files, bytes) = {
            let mut state = self.lock();
            state.known.clear();
            state.known.shrink_to_fit();
            (std::mem::take(&mut state.fresh), std::mem::take(&mut state.seen), state.files, state.bytes)
        };
        seen.sort_unstable();
        seen.dedup();
        let indexes = self.send_indexes(makers, &packs, seen)?;
        Ok(SessionOutcome { cohort: self.cohort, part, indexes, packs, files, bytes })
    }

    /// Index objects of bounded size: a large run makes several.
    fn send_indexes(
        &self,
        makers: &Makers<'_>,
        packs: &[(Sha256, PackFacts)],
        mut seen: Vec<SeenDigest>,
    ) -> Result<Vec<Sha256>, SessionError> {
        let mut names = Vec::new();
        let mut group = Vec::new();
        let mut chunks = 0;
        for (name, facts) in packs {
            chunks += facts.frames.iter().map(|frame| frame.chunks.len()).sum::<usize>();
            group.push((*name, facts.clone()));
            if chunks >= INDEX_CHUNKS {
                names.push(self.send_index(makers, std::mem::take(&mut group), std::mem::take(&mut seen))?);
                chunks = 0;
            }
        }
        if !group.is_empty() {
            names.push(self.send_index(makers, group, seen)?);
        }
        Ok(names)
    }

    fn part(&self, own: u32) -> Part {
        let mut state = self.lock();
        state.blocks.sort_by_key(|(number, _)| *number);
        let mut part = Part { gone: std::mem::take(&mut state.gone), ..Part::default() };
        part.gone.sort_unstable();
        for number in &state.used {
            let slot =
                usize::try_from(*number).ok().and_then(|n| state.packs.get(n)).and_then(|slot| slot.named);
            let pack = match slot {
                Some((name, size_bytes, header_length)) if *number != own => {
                    PackRef { number: *number, name: Some(name), size_bytes, header_length }
                }
                Some(_) | None => PackRef { number: *number, name: None, size_bytes: 0, header_length: 0 },
            };
            part.packs.push(pack);
        }
        part.blocks = std::mem::take(&mut state.blocks).into_iter().map(|(_, block)| block).collect();
        part
    }

    fn send_index(
        &self,
        makers: &Makers<'_>,
        packs: Vec<(Sha256, PackFacts)>,
        seen: Vec<SeenDigest>,
    ) -> Result<Sha256, SessionError> {
        let index = Index { plan: makers.plan.to_string(), cohort: self.cohort.to_string(), packs, seen };
        let signed = makers.signing.sign(payload_type::INDEX, &index.encode());
        let sealed = seal::seal(&compress::compress(&signed)?, &[&makers.catalog, &self.recipient])?;
        let name = Sha256::of(&sealed);
        makers.outlet.send(Outgoing::Index(self.cohort, name, sealed))?;
        Ok(name)
    }

    /// Stores chunks that stand beside the manifest (directory metadata, a report) in a pack of their own.
    pub fn store_extras(
        &self,
        makers: &Makers<'_>,
        compressor: &mut Compressor,
        extras: &[Vec<u8>],
    ) -> Result<Vec<Location>, SessionError> {
        let mut pack = self.take_pack(makers)?;
        let ordinal = usize::try_from(pack.ordinal).unwrap_or(usize::MAX);
        let mut places = Vec::new();
        for extra in extras {
            places.push(store_manifest(makers, &mut pack, compressor, extra)?);
        }
        self.seal(makers, pack)?;
        let named = self.lock().packs.get(ordinal).and_then(|slot| slot.named);
        let named = named.ok_or(Stopped)?;
        Ok(places.into_iter().map(|(place, chunk)| location(place, chunk, named)).collect())
    }
}

fn location(place: Place, chunk: ChunkId, (pack, pack_bytes, header_bytes): (Sha256, u64, u32)) -> Location {
    Location {
        pack,
        pack_bytes,
        header_bytes,
        frame_offset: place.frame_offset,
        frame_bytes: place.frame_length,
        plain_bytes: place.frame_plain,
        chunk,
    }
}

fn store_manifest(
    makers: &Makers<'_>,
    pack: &mut PackWriter,
    compressor: &mut Compressor,
    plain: &[u8],
) -> Result<(Place, ChunkId), SessionError> {
    let id = makers.hashing.chunk(plain);
    let length = u32::try_from(plain.len()).unwrap_or(u32::MAX);
    let chunk = PackedChunk { kind: ChunkKind::Manifest, id, length };
    let (frame_offset, frame_length) = pack.add_frame(compressor, plain, vec![chunk])?;
    let place =
        Place { pack: pack.ordinal, frame_offset, frame_length, frame_plain: length, offset: 0, length };
    Ok((place, id))
}
