//! The worker's part in large files: one span at a time, or a whole file that has holes or would not stand still.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::block::{Block, Place};
use super::capture::{self, Missed};
use super::chunk;
use super::cutting::Cut;
use super::entry::{Content, Entry, Extent};
use super::large::{self, LargeFile, SPAN_BYTES, SpanRead};
use super::outlet::SessionError;
use super::pack::PackWriter;
use super::session::CohortSession;
use super::tree::{self, StatFacts};
use super::worker::Worker;

/// Bytes read at once.
const READ_BYTES: usize = 2 << 20;

impl Worker<'_> {
    /// Reads one span; the worker that brings a file's last span stores its entry.
    pub(super) fn span(
        &mut self,
        session: &CohortSession,
        file: &LargeFile,
        span: usize,
    ) -> Result<(), SessionError> {
        let mut pack = session.take_pack(&self.shared.makers)?;
        let read = self.read_span(session, &mut pack, file, span);
        session.give_back(&self.shared.makers, pack)?;
        let Some(spans) = file.deliver(span, read?) else { return Ok(()) };
        self.store_file(session, file, spans)
    }

    fn read_span(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        file: &LargeFile,
        span: usize,
    ) -> Result<Result<SpanRead, Missed>, SessionError> {
        let Some(tree) = usize::try_from(file.task.found.source).ok().and_then(|n| self.folder(n)) else {
            return Ok(Err(Missed::Vanished));
        };
        let (fd, stat) = match capture::open_regular(tree, file.task.found.below()) {
            Ok(opened) => opened,
            Err(missed) => return Ok(Err(missed)),
        };
        let start = super::wire::to_u64(span).saturating_mul(SPAN_BYTES);
        let end = stat.size_bytes.min(start.saturating_add(SPAN_BYTES));
        if start >= end || may_have_holes(&stat) {
            // Shrunk since the walk, or to be read as a whole: the one who brings the last span sees to it.
            let value = *blake3::hash(&[]).as_bytes();
            return Ok(Ok(SpanRead { stat, places: Vec::new(), value, bytes: 0 }));
        }
        let mut hasher = large::span_hasher(start);
        let extent = Extent { offset: start, length: end - start };
        let places = self.read_extents(session, pack, &fd, &[extent], &mut hasher)?;
        let after = tree::fstat(&fd);
        Ok(match (places, after) {
            (Ok(places), Ok(Some(after))) if after.same_content_as(&stat) => {
                let value = large::span_value(&hasher, file.spans == 1);
                Ok(SpanRead { stat, places, value, bytes: hasher.count() })
            }
            // Changed meanwhile: bytes that do not add up make the file be read again as a whole.
            (Ok(_), Ok(_)) => Ok(SpanRead { stat, places: Vec::new(), value: [0; 32], bytes: 0 }),
            (Err(e), _) | (_, Err(e)) => Err(e.into()),
        })
    }

    /// Reads extents one after the other as one stream, cuts it and stores what is new.
    fn read_extents(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        fd: &OwnedFd,
        extents: &[Extent],
        hasher: &mut blake3::Hasher,
    ) -> Result<Result<Vec<Place>, Errno>, SessionError> {
        let mut window = std::mem::take(&mut self.segment);
        window.clear();
        self.compressor.other_data();
        let mut chunks = Cut::default();
        let mut consumed = 0;
        for extent in extents {
            let mut at = extent.offset;
            let end = extent.offset + extent.length;
            while at < end {
                if consumed > 0 {
                    window.drain(..consumed);
                    consumed = 0;
                }
                let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(READ_BYTES);
                let filled = window.len();
                window.reserve_exact(want);
                let read = match rustix::io::pread(fd, rustix::buffer::spare_capacity(&mut window), at) {
                    // The spare capacity may be more than what is wanted.
                    Ok(n) => n.min(want),
                    Err(Errno::INTR) => continue,
                    Err(e) => {
                        self.segment = window;
                        return self.abandon(session, pack, chunks, e);
                    }
                };
                window.truncate(filled + read);
                hasher.update(&window[filled..]);
                at += super::wire::to_u64(read);
                if read == 0 && want > 0 {
                    break;
                }
                while window.len() - consumed >= chunk::MAX {
                    let length = self.shared.cutter.cut(&window[consumed..]);
                    self.take_chunk(session, pack, &window[consumed..consumed + length], &mut chunks)?;
                    consumed += length;
                }
                self.rotate(session, pack)?;
            }
        }
        self.cut_and_store(session, pack, &window[consumed..], &mut chunks)?;
        self.flush_fresh(session, pack, &mut chunks)?;
        self.segment = window;
        Ok(Ok(chunks.places()))
    }

    /// What was taken so far is stored all the same: it is whole chunks, and other files may refer to them.
    fn abandon(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        mut chunks: Cut,
        error: Errno,
    ) -> Result<Result<Vec<Place>, Errno>, SessionError> {
        self.flush_fresh(session, pack, &mut chunks)?;
        Ok(Err(error))
    }

    /// Changes a full pack for another.
    pub(super) fn rotate(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
    ) -> Result<(), SessionError> {
        if pack.is_full() {
            let next = session.take_pack(&self.shared.makers)?;
            session.give_back(&self.shared.makers, std::mem::replace(pack, next))?;
        }
        Ok(())
    }

    fn store_file(
        &mut self,
        session: &CohortSession,
        file: &LargeFile,
        spans: Vec<Result<SpanRead, Missed>>,
    ) -> Result<(), SessionError> {
        let spans: Result<Vec<SpanRead>, Missed> = spans.into_iter().collect();
        let spans = match spans {
            Ok(spans) => spans,
            Err(missed) => {
                self.note_missed(&file.task, missed);
                return Ok(());
            }
        };
        let mut pack = session.take_pack(&self.shared.makers)?;
        let stored = match large::merged(&spans) {
            Some((stat, places, hash)) => self.entry_of(file, &stat).map(|mut entry| {
                entry.hash = hash;
                entry.size_bytes = stat.size_bytes;
                (entry, stat, places)
            }),
            None => self.read_whole(session, &mut pack, file)?,
        };
        match stored {
            Ok((entry, stat, _)) if self.is_as_known(&file.task, &entry, &stat) => {
                session.keep(entry.size_bytes);
                self.shared.progress.file(entry.size_bytes, entry.meta.kind);
            }
            Ok((entry, stat, chunks)) => {
                let seen = self.remember(&file.task, &entry, &stat)?;
                self.shared.progress.file(entry.size_bytes, entry.meta.kind);
                let entries = vec![entry];
                let block = Block { chunks, owners: self.owners(&entries), entries };
                let seen: Vec<_> = seen.into_iter().collect();
                let numbered = (file.number, &block);
                session.store_block(&self.shared.makers, &mut pack, &mut self.compressor, numbered, &seen)?;
            }
            Err(missed) => self.note_missed(&file.task, missed),
        }
        session.give_back(&self.shared.makers, pack)
    }

    fn entry_of(&self, file: &LargeFile, stat: &StatFacts) -> Result<Entry, Missed> {
        let source = usize::try_from(file.task.found.source).ok();
        let tree = source.and_then(|n| self.folder(n)).ok_or(Missed::Vanished)?;
        let (fd, now) = capture::open_regular(tree, file.task.found.below())?;
        let mut entry = Entry::bare(file.task.found.path.clone(), capture::meta_of(&fd, stat)?);
        entry.content = Content::Own;
        entry.unstable = !now.same_content_as(stat);
        Ok(entry)
    }

    /// Reads a file that has holes, or that changed while its spans were read, by one worker from front to back.
    fn read_whole(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        file: &LargeFile,
    ) -> Result<Result<(Entry, StatFacts, Vec<Place>), Missed>, SessionError> {
        let source = usize::try_from(file.task.found.source).ok();
        let Some(tree) = source.and_then(|n| self.folder(n)) else {
            return Ok(Err(Missed::Vanished));
        };
        let mut attempt = 0;
        loop {
            let opened = capture::open_regular(tree, file.task.found.below())
                .and_then(|(fd, stat)| Ok((large::extents(&fd, stat.size_bytes)?, fd, stat)));
            let (extents, fd, stat) = match opened {
                Ok(opened) => opened,
                Err(missed) => return Ok(Err(missed)),
            };
            let mut hasher = blake3::Hasher::new();
            let places = match self.read_extents(session, pack, &fd, &extents, &mut hasher)? {
                Ok(places) => places,
                Err(e) => return Ok(Err(e.into())),
            };
            let after = match tree::fstat(&fd) {
                Ok(Some(after)) => after,
                Ok(None) => return Ok(Err(Missed::Vanished)),
                Err(e) => return Ok(Err(e.into())),
            };
            let expected: u64 = extents.iter().map(|extent| extent.length).sum();
            let is_steady = after.same_content_as(&stat) && hasher.count() == expected;
            if !is_steady && attempt == 0 {
                attempt += 1;
                continue;
            }
            let mut entry = match capture::meta_of(&fd, &after) {
                Ok(meta) => Entry::bare(file.task.found.path.clone(), meta),
                Err(missed) => return Ok(Err(missed)),
            };
            entry.content = Content::Own;
            entry.hash = *hasher.finalize().as_bytes();
            entry.unstable = !is_steady;
            fill_extents(&mut entry, extents, &stat, hasher.count());
            return Ok(Ok((entry, after, places)));
        }
    }
}

/// Says where the data of a file lies; if fewer bytes came than the extents promised, the rest is cut off.
fn fill_extents(entry: &mut Entry, extents: Vec<Extent>, stat: &StatFacts, read_bytes: u64) {
    let is_dense = matches!(extents.as_slice(), [only] if only.offset == 0 && only.length == stat.size_bytes);
    if is_dense || extents.iter().map(|e| e.length).sum::<u64>() != read_bytes {
        // A file that shrank under our hands: what was read counts as its beginning.
        entry.size_bytes = read_bytes;
        return;
    }
    entry.size_bytes = stat.size_bytes;
    entry.sparse = true;
    entry.extents = extents;
}

/// Whether fewer bytes are allocated than the file is long.
fn may_have_holes(stat: &StatFacts) -> bool {
    stat.allocated_bytes < stat.size_bytes
}
