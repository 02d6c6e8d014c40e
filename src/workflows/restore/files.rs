//! What a restore worker does: fetch frames, put files together, check their hashes, give them their names.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use crate::archive::compress::CompressError;
use crate::archive::digest::{FileHash, Sha256};
use crate::archive::entry::{Entry, Extent, Kind};
use crate::archive::place::{PlaceError, PlacedFile, Target};
use crate::archive::progress::Progress;
use crate::archive::unseal::Unpacker;
use crate::archive::wire::to_u64;
use crate::workflows::causes::with_causes;
use crate::workflows::cohort_entries::Piece;
use crate::workflows::reading::{CohortReader, FrameAt, PackName, ReadError};

use super::counts::Counts;
use super::plan::{Item, Job, bytes_of};

/// A part of a large file covers at least so many bytes, in whole frames: each is decompressed once.
const PART_BYTES: u64 = 2 << 20;
const HASH_BUFFER_BYTES: usize = 1 << 20;

/// The frames of a job, decompressed, by pack and offset.
type Frames = BTreeMap<(Sha256, u64), Result<Vec<u8>, String>>;

/// A restore worker with its buffers.
pub(super) struct FileWorker<'a> {
    counts: &'a Counts,
    progress: &'a Progress,
    unpacker: Unpacker,
}

/// A large file that several workers restore.
pub(super) struct LargeRestore {
    item: Item,
    placed: RwLock<Option<PlacedFile>>,
    /// Stretches of the file's data: where each begins in the stream of data, and its pieces.
    pub(super) parts: Vec<(u64, Vec<Piece>)>,
    waiting: AtomicUsize,
    failed: Mutex<Option<String>>,
}

/// Begins a large file, or notes that it stands in the target as it should.
pub(super) fn begin_large(
    target: &Target,
    item: Item,
    counts: &Counts,
    progress: &Progress,
) -> Result<Option<LargeRestore>, (Vec<u8>, PlaceError)> {
    let failed = |e| (item.path.clone(), e);
    if stands_already(target, &item, counts).map_err(failed)? {
        progress.file(bytes_of(&item), item.located.entry.meta.kind);
        return Ok(None);
    }
    let placed = target.begin_file(&item.path, item.located.entry.size_bytes).map_err(failed)?;
    let mut parts: Vec<(u64, Vec<Piece>)> = Vec::new();
    let (mut at, mut held) = (0, 0);
    let mut last = None;
    for piece in &item.located.pieces {
        let frame = Some((piece.pack.name, piece.frame.offset));
        if held == 0 || (held >= PART_BYTES && frame != last) || held >= 8 * PART_BYTES {
            parts.push((at, Vec::new()));
            held = 0;
        }
        last = frame;
        if let Some((_, pieces)) = parts.last_mut() {
            pieces.push(*piece);
        }
        held += u64::from(piece.length);
        at += u64::from(piece.length);
    }
    let waiting = AtomicUsize::new(parts.len());
    Ok(Some(LargeRestore {
        item,
        placed: RwLock::new(Some(placed)),
        parts,
        waiting,
        failed: Mutex::new(None),
    }))
}

/// Whether a file with the right content is there; its metadata is then corrected.
fn stands_already(target: &Target, item: &Item, counts: &Counts) -> Result<bool, PlaceError> {
    let entry = &item.located.entry;
    let Some(file) = target.matches(&item.path, entry)? else { return Ok(false) };
    if hash_file(&file, entry).is_none_or(|hash| hash != entry.hash) {
        return Ok(false);
    }
    let lacks = target.fix_meta(&file, &entry.meta, &item.located.owners);
    counts.add(|summary| {
        summary.unchanged += 1;
        for lack in lacks {
            *summary.shortcomings.entry(lack.kind()).or_default() += 1;
        }
    });
    Ok(true)
}

/// The hash of a file's data as its entry has it.
fn hash_file(file: &OwnedFd, entry: &Entry) -> Option<FileHash> {
    let read = |at: u64, buffer: &mut [u8]| rustix::io::pread(file, buffer, at).ok();
    hash_extents(&data_extents(entry), read)
}

fn hash_extents(
    extents: &[Extent],
    mut read: impl FnMut(u64, &mut [u8]) -> Option<usize>,
) -> Option<FileHash> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0_u8; HASH_BUFFER_BYTES];
    for extent in extents {
        let (mut at, end) = (extent.offset, extent.offset.checked_add(extent.length)?);
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            let n = read(at, &mut buffer[..want])?;
            if n == 0 {
                return None;
            }
            hasher.update(&buffer[..n]);
            at += to_u64(n);
        }
    }
    Some(*hasher.finalize().as_bytes())
}

/// Where an entry's data lies in the file.
pub(in crate::workflows) fn data_extents(entry: &Entry) -> Vec<Extent> {
    if entry.sparse { entry.extents.clone() } else { vec![Extent { offset: 0, length: entry.size_bytes }] }
}

impl<'a> FileWorker<'a> {
    /// A worker with empty buffers.
    pub(super) fn new(counts: &'a Counts, progress: &'a Progress) -> Result<Self, CompressError> {
        Ok(Self { counts, progress, unpacker: Unpacker::new()? })
    }

    /// Does a job.
    pub(super) fn work(&mut self, target: &Target, job: Job<'_>) {
        match job {
            Job::Items(reader, items) => self.items(target, reader, items),
            Job::Part(reader, large, part) => self.part(reader, &large, part),
        }
    }

    fn items(&mut self, target: &Target, reader: &CohortReader, items: Vec<Item>) {
        let mut missing = Vec::with_capacity(items.len());
        for item in items {
            let kind = item.located.entry.meta.kind;
            match (kind, stands_already(target, &item, self.counts)) {
                (Kind::File, Ok(true)) => self.progress.file(bytes_of(&item), kind),
                (Kind::File, Ok(false)) => missing.push(item),
                (Kind::File, Err(e)) => self.counts.fail(&item.path, e.reason()),
                (_, _) => self.special(target, &item),
            }
        }
        let frames = self.fetch(reader, missing.iter().flat_map(|item| &item.located.pieces));
        for item in missing {
            self.file(target, &item, &frames);
        }
        self.recycle(frames);
    }

    fn recycle(&mut self, frames: Frames) {
        frames.into_values().flatten().for_each(|plain| self.unpacker.give_back(plain));
    }

    fn special(&self, target: &Target, item: &Item) {
        let entry = &item.located.entry;
        let owners = &item.located.owners;
        let made = match entry.meta.kind {
            Kind::Symlink => target.symlink(&item.path, &entry.target, &entry.meta, owners),
            _ => target.special(&item.path, &entry.meta, owners),
        };
        self.counts.placed(&item.path, 0, made);
        self.progress.file(0, entry.meta.kind);
    }

    /// Fetches the frames of some pieces, pack by pack. What cannot be had is noted where it is needed.
    fn fetch<'p>(&mut self, reader: &CohortReader, pieces: impl Iterator<Item = &'p Piece>) -> Frames {
        let mut wanted: BTreeMap<PackName, BTreeMap<u64, FrameAt>> = BTreeMap::new();
        for piece in pieces {
            wanted.entry(piece.pack).or_default().insert(piece.frame.offset, piece.frame);
        }
        let mut frames = Frames::new();
        for (pack, asked) in wanted {
            let asked: Vec<FrameAt> = asked.into_values().collect();
            let got = reader.frames(&pack, &asked, &mut self.unpacker, |frame, plain| {
                frames.insert((pack.name, frame.offset), Ok(plain));
            });
            if let Err(e) = got {
                self.fetch_singly(reader, &pack, &asked, &mut frames, &e);
            }
        }
        frames
    }

    /// After a failure each frame is tried by itself, so that one damaged frame costs only the files in it.
    fn fetch_singly(
        &mut self,
        reader: &CohortReader,
        pack: &PackName,
        asked: &[FrameAt],
        frames: &mut Frames,
        error: &ReadError,
    ) {
        let first = with_causes(error);
        for frame in asked {
            let key = (pack.name, frame.offset);
            if !frames.contains_key(&key) {
                let again = reader.whole_frame(pack, *frame, &mut self.unpacker);
                frames.insert(key, again.map_err(|_| first.clone()));
            }
        }
    }

    fn file(&self, target: &Target, item: &Item, frames: &Frames) {
        let entry = &item.located.entry;
        self.progress.file(entry.size_bytes, entry.meta.kind);
        let parts: Result<Vec<&[u8]>, String> =
            item.located.pieces.iter().map(|piece| slice(piece, frames)).collect();
        let parts = match parts {
            Ok(parts) => parts,
            Err(reason) => return self.counts.fail(&item.path, reason),
        };
        let mut hasher = blake3::Hasher::new();
        for part in &parts {
            hasher.update(part);
        }
        if *hasher.finalize().as_bytes() != entry.hash {
            return self.counts.fail(&item.path, wrong_hash());
        }
        let write = || {
            let placed = target.begin_file(&item.path, entry.size_bytes)?;
            let mut at = 0;
            for part in &parts {
                write_stream(&placed, entry, at, part)?;
                at += to_u64(part.len());
            }
            placed.finish(&entry.meta, &item.located.owners)
        };
        self.counts.placed(&item.path, entry.size_bytes, write());
    }

    fn part(&mut self, reader: &CohortReader, large: &LargeRestore, part: usize) {
        if !large.has_failed()
            && let Some((at, pieces)) = large.parts.get(part)
        {
            let frames = self.fetch(reader, pieces.iter());
            if let Err(reason) = large.write(*at, pieces, &frames) {
                large.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
            }
            self.recycle(frames);
        }
        if large.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.finish_large(large);
        }
    }

    /// Checks a file whose parts are all written, and gives it its name.
    fn finish_large(&self, large: &LargeRestore) {
        let item = &large.item;
        let entry = &item.located.entry;
        self.progress.file(entry.size_bytes, entry.meta.kind);
        let placed = large.placed.write().unwrap_or_else(PoisonError::into_inner).take();
        let reason = large.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(placed), None) = (placed, &reason) else {
            return self.counts.fail(&item.path, reason.unwrap_or_else(wrong_hash));
        };
        let read = |at: u64, buffer: &mut [u8]| placed.read_at(at, buffer).ok();
        if hash_extents(&data_extents(entry), read).is_none_or(|hash| hash != entry.hash) {
            return self.counts.fail(&item.path, wrong_hash());
        }
        self.counts.placed(&item.path, entry.size_bytes, placed.finish(&entry.meta, &item.located.owners));
    }
}

impl LargeRestore {
    fn has_failed(&self) -> bool {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn write(&self, mut at: u64, pieces: &[Piece], frames: &Frames) -> Result<(), String> {
        let placed = self.placed.read().unwrap_or_else(PoisonError::into_inner);
        let Some(placed) = placed.as_ref() else { return Err(wrong_hash()) };
        for piece in pieces {
            let bytes = slice(piece, frames)?;
            write_stream(placed, &self.item.located.entry, at, bytes).map_err(|e| e.reason())?;
            at += u64::from(piece.length);
        }
        Ok(())
    }
}

fn wrong_hash() -> String {
    "its content is not what was backed up (wrong hash); it was not written".to_owned()
}

fn slice<'f>(piece: &Piece, frames: &'f Frames) -> Result<&'f [u8], String> {
    let frame = match frames.get(&(piece.pack.name, piece.frame.offset)) {
        Some(Ok(frame)) => frame,
        Some(Err(reason)) => return Err(reason.clone()),
        None => return Err("its bytes could not be fetched".to_owned()),
    };
    let start = usize::try_from(piece.offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(piece.length).unwrap_or(usize::MAX));
    frame.get(start..end).ok_or_else(|| "its bytes lie outside their frame".to_owned())
}

/// Writes bytes of an entry's data that begin at `at` in its stream, skipping the holes.
fn write_stream(placed: &PlacedFile, entry: &Entry, at: u64, bytes: &[u8]) -> Result<(), PlaceError> {
    if !entry.sparse {
        return placed.write_at(at, bytes);
    }
    let (mut stream, mut rest, mut at) = (0_u64, bytes, at);
    for extent in &entry.extents {
        let end = stream + extent.length;
        if at < end && !rest.is_empty() {
            let within = at - stream;
            let n = usize::try_from(extent.length - within).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at(n);
            placed.write_at(extent.offset + within, now)?;
            at += to_u64(n);
            rest = later;
        }
        stream = end;
    }
    if rest.is_empty() { Ok(()) } else { Err(PlaceError::BeyondEnd) }
}
