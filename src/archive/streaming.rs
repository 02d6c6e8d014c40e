//! The worker's part in streams: a source's file that is read once, front to back, of unknown length.

use std::io::Read;

use super::block::{Block, Place};
use super::capture::{Captured, Missed};
use super::chunk;
use super::cutting::Cut;
use super::digest::FileHash;
use super::entry::{Content, Entry, Kind};
use super::outlet::{SessionError, Stopped};
use super::pack::PackWriter;
use super::session::CohortSession;
use super::stream;
use super::task::Task;
use super::wire::to_u64;
use super::worker::Worker;

/// Bytes read at once.
const READ_BYTES: usize = 2 << 20;

/// A stream that was read to its end.
struct Streamed {
    places: Vec<Place>,
    hash: FileHash,
    bytes: u64,
}

impl Worker<'_> {
    /// Stores one stream. One that breaks off is named in the report and leaves no entry: of what was read, whole
    /// chunks may stay, which nothing names.
    pub(super) fn stream(
        &mut self,
        session: &CohortSession,
        number: u64,
        task: Task,
    ) -> Result<(), SessionError> {
        let mut pack = session.take_pack(&self.shared.makers)?;
        match self.read_stream(session, &mut pack, &task)? {
            Ok(streamed) => self.store_stream(session, &mut pack, (number, &task), streamed)?,
            Err(reason) => self.note_missed(&task, Missed::Unreadable(reason)),
        }
        session.give_back(&self.shared.makers, pack)
    }

    fn store_stream(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        (number, task): (u64, &Task),
        streamed: Streamed,
    ) -> Result<(), SessionError> {
        let stat = &task.found.stat;
        let mut entry = Entry::bare(task.found.path.clone(), stat.meta());
        entry.size_bytes = streamed.bytes;
        entry.hash = streamed.hash;
        entry.content = Content::Own;
        self.shared.progress.file(entry.size_bytes, Kind::File);
        if self.is_as_known(task, &entry, stat) {
            session.keep(entry.size_bytes);
            return Ok(());
        }
        let mut chunks = streamed.places;
        let is_same = |known: &super::stat_cache::Known| {
            known.has_content && known.kind == Kind::File && known.hash == entry.hash
        };
        if task.known.as_ref().is_some_and(is_same) {
            entry.content = Content::Inherited;
            chunks.clear();
        }
        let seen: Vec<_> = self.remember(task, &entry, stat)?.into_iter().collect();
        let entries = vec![entry];
        let block = Block { chunks, owners: self.owners(&entries), entries };
        session.store_block(&self.shared.makers, pack, &mut self.compressor, (number, &block), &seen)
    }

    fn read_stream(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        task: &Task,
    ) -> Result<Result<Streamed, String>, SessionError> {
        let source = usize::try_from(task.found.source).ok();
        let root = source.and_then(|n| self.shared.trees.get(n)).and_then(|root| root.streams());
        let opened = root.map_or_else(|| Err("is no stream".to_owned()), |s| s.open(task.found.below()));
        let mut content = match opened {
            Ok(content) => content,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut window = std::mem::take(&mut self.segment);
        window.clear();
        self.compressor.other_data();
        let (mut hasher, mut chunks) = (blake3::Hasher::new(), Cut::default());
        let mut outcome = Ok(());
        loop {
            if self.shared.progress.is_stopped() {
                return Err(Stopped.into());
            }
            let filled = window.len();
            let read = match (&mut content).take(to_u64(READ_BYTES)).read_to_end(&mut window) {
                Ok(read) => read,
                Err(error) => {
                    outcome = Err(error.to_string());
                    break;
                }
            };
            hasher.update(&window[filled..]);
            let mut consumed = 0;
            while window.len() - consumed >= chunk::MAX {
                let length = self.shared.cutter.cut(&window[consumed..]);
                self.take_chunk(session, pack, &window[consumed..consumed + length], &mut chunks)?;
                consumed += length;
            }
            window.drain(..consumed);
            self.rotate(session, pack)?;
            if read < READ_BYTES {
                self.cut_and_store(session, pack, &window, &mut chunks)?;
                break;
            }
        }
        self.flush_fresh(session, pack, &mut chunks)?;
        self.segment = window;
        let (hash, bytes) = (*hasher.finalize().as_bytes(), hasher.count());
        Ok(outcome.map(|()| Streamed { places: chunks.places(), hash, bytes }))
    }
}

/// A folder above streams.
pub(super) fn folder_of_streams(path: &[u8]) -> Captured {
    Captured { entry: Entry::bare(path.to_vec(), stream::folder_meta()), stat: stream::folder_stat() }
}
