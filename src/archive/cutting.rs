//! The worker's part in chunks: cut a stream, leave out what is stored, collect what is new into frames.

use std::collections::BTreeMap;

use super::block::Place;
use super::digest::ChunkId;
use super::outlet::SessionError;
use super::pack::PackWriter;
use super::session::CohortSession;
use super::wire::to_u64;
use super::worker::Worker;

impl Worker<'_> {
    /// Cuts `stream` to its end; known chunks get their places, new ones are copied for the next frame.
    pub(super) fn cut_and_store(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        stream: &[u8],
        chunks: &mut Cut,
    ) -> Result<(), SessionError> {
        let mut rest = stream;
        while !rest.is_empty() {
            let length = self.shared.cutter.cut(rest);
            let (bytes, after) = rest.split_at(length);
            rest = after;
            self.take_chunk(session, pack, bytes, chunks)?;
        }
        Ok(())
    }

    /// Takes one chunk.
    pub(super) fn take_chunk(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        bytes: &[u8],
        chunks: &mut Cut,
    ) -> Result<(), SessionError> {
        let id = self.shared.makers.hashing.chunk(bytes);
        let pending = match session.place_of(&id) {
            Some(place) => Pending::Stored(place),
            None => {
                let is_waiting = chunks
                    .waiting()
                    .iter()
                    .rev()
                    .take(64)
                    .any(|p| matches!(p, Pending::New(i, _) if *i == id));
                if !is_waiting {
                    self.fresh.extend_from_slice(bytes);
                }
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                if is_waiting { Pending::Again(id) } else { Pending::New(id, length) }
            }
        };
        chunks.all.push(pending);
        if self.fresh.len() >= pack.frame_bytes() {
            self.flush_fresh(session, pack, chunks)?;
        }
        Ok(())
    }

    /// Stores the waiting chunks as one frame and gives every waiting chunk its place.
    pub(super) fn flush_fresh(
        &mut self,
        session: &CohortSession,
        pack: &mut PackWriter,
        chunks: &mut Cut,
    ) -> Result<(), SessionError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let waiting: Vec<(ChunkId, u32)> = chunks
            .waiting()
            .iter()
            .filter_map(|p| if let Pending::New(id, length) = p { Some((*id, *length)) } else { None })
            .collect();
        let places = session.store(pack, &mut self.compressor, &self.fresh, &waiting)?;
        if let Some(place) = places.first() {
            self.shared.churn.frame(self.fresh.len(), place.frame_length);
        }
        let stored: BTreeMap<ChunkId, Place> = waiting.iter().map(|(id, _)| *id).zip(places).collect();
        for pending in chunks.all.iter_mut().skip(chunks.settled) {
            if let Pending::New(id, _) | Pending::Again(id) = pending
                && let Some(place) = stored.get(id)
            {
                *pending = Pending::Stored(*place);
            }
        }
        chunks.settled = chunks.all.len();
        self.shared.progress.stored(to_u64(self.fresh.len()));
        self.fresh.clear();
        Ok(())
    }
}

/// The chunks of a stream, in order. All before `settled` have their places, so that a frame looks only at its own.
#[derive(Debug, Default)]
pub(super) struct Cut {
    all: Vec<Pending>,
    settled: usize,
}

impl Cut {
    fn waiting(&self) -> &[Pending] {
        self.all.get(self.settled..).unwrap_or_default()
    }

    /// The places of all chunks, once the last frame is stored.
    pub(super) fn places(self) -> Vec<Place> {
        let place = |pending| if let Pending::Stored(place) = pending { Some(place) } else { None };
        self.all.into_iter().filter_map(place).collect()
    }
}

/// A chunk of a stream on its way to a place.
#[derive(Clone, Debug)]
enum Pending {
    /// It has its place.
    Stored(Place),
    /// It waits for the next frame.
    New(ChunkId, u32),
    /// The same as one that waits.
    Again(ChunkId),
}
