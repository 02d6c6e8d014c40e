//! Fetching parts of packs: ranges in as few requests as may be, headers kept, frames decompressed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::archive::digest::{ChunkId, Hashing, PathDigest, Sha256};
use crate::archive::entry::{Content, Entry};
use crate::archive::layout;
use crate::archive::records::Location;
use crate::archive::seal::Keys;
use crate::archive::unseal::{self, Fetched, Unpacker, UnsealError};
use crate::archive::wire::Malformed;
use crate::domain::cohort::CohortId;
use crate::domain::erasure;
use crate::domain::plan::PlanName;
use crate::vault::{Vault, VaultError};

/// Frames that lie closer together than this are fetched in one request, bytes.
const GAP_BYTES_MAX: u64 = 256 << 10;
/// No single request asks for more than this, bytes.
const RANGE_BYTES_MAX: u64 = 4 << 20;
/// Headers of this many packs are kept.
const HEADERS_MAX: usize = 64;

/// Why stored bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error("cannot read {key}")]
    Vault {
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: VaultError,
    },
    /// The pack does not give back what it should.
    #[error("{key} is damaged")]
    Damaged {
        /// The object.
        key: String,
        /// What is wrong.
        #[source]
        source: UnsealError,
    },
}

impl ReadError {
    /// Whether the object is at fault: it is missing or altered. The store's own failures are not its fault.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Vault { source, .. } => matches!(source, VaultError::Missing { .. }),
            Self::Damaged { .. } => true,
        }
    }
}

/// A pack as a manifest names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PackName {
    /// Its name.
    pub name: Sha256,
    /// Its size, bytes.
    pub size_bytes: u64,
    /// Bytes before its age payload.
    pub header_length: u32,
}

/// A frame of a pack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FrameAt {
    /// Where it begins in the payload.
    pub offset: u64,
    /// Its length, bytes.
    pub length: u32,
    /// Its plaintext, bytes.
    pub plain_length: u32,
}

/// Reads from the packs of one cohort. Shared by threads.
pub struct CohortReader {
    vault: Arc<dyn Vault>,
    runtime: Handle,
    plan: PlanName,
    cohort: CohortId,
    keys: Arc<Keys>,
    headers: Mutex<BTreeMap<Sha256, Bytes>>,
    /// Digests of paths that erasure orders cover: with what is below them they are not given back.
    erased: BTreeSet<[u8; 16]>,
}

impl CohortReader {
    /// A reader with the cohort's key.
    pub fn new(
        vault: Arc<dyn Vault>,
        runtime: Handle,
        plan: PlanName,
        cohort: CohortId,
        keys: Arc<Keys>,
    ) -> Self {
        let (headers, erased) = (Mutex::new(BTreeMap::new()), BTreeSet::new());
        Self { vault, runtime, plan, cohort, keys, headers, erased }
    }

    /// The same; entries at these paths, or below them, are left out.
    #[must_use]
    pub fn without(self, erased: BTreeSet<[u8; 16]>) -> Self {
        Self { erased, ..self }
    }

    /// Whether an erasure order covers an entry, or the bytes that it shares with another name.
    pub fn is_erased(&self, hashing: &Hashing, entry: &Entry) -> bool {
        let covers = |path: &[u8]| {
            erasure::prefixes(path).any(|prefix| {
                let PathDigest(digest) = hashing.path(prefix);
                self.erased.contains(&digest)
            })
        };
        !self.erased.is_empty()
            && (covers(&entry.path) || matches!(&entry.content, Content::LinkTo(leader) if covers(leader)))
    }

    /// The cohort.
    pub fn cohort(&self) -> &CohortId {
        &self.cohort
    }

    fn fetch(&self, key: &str, start: u64, end: u64) -> Result<Bytes, ReadError> {
        let got = self.runtime.block_on(self.vault.get(key, Some(start..end)));
        got.map_err(|source| ReadError::Vault { key: key.to_owned(), source })
    }

    fn header(&self, key: &str, pack: &PackName) -> Result<Bytes, ReadError> {
        let lock = || self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(header) = lock().get(&pack.name) {
            return Ok(header.clone());
        }
        let header = self.fetch(key, 0, u64::from(pack.header_length).min(pack.size_bytes))?;
        let mut headers = lock();
        if headers.len() >= HEADERS_MAX {
            headers.pop_first();
        }
        headers.insert(pack.name, header.clone());
        Ok(header)
    }

    /// Reads and decompresses frames of one pack (ascending by offset), each given to `take` as it comes.
    pub fn frames(
        &self,
        pack: &PackName,
        frames: &[FrameAt],
        unpacker: &mut Unpacker,
        mut take: impl FnMut(&FrameAt, Vec<u8>),
    ) -> Result<(), ReadError> {
        let key = layout::pack(&self.plan, &self.cohort, &pack.name);
        let damaged = |source: UnsealError| ReadError::Damaged { key: key.clone(), source };
        for group in coalesce(frames) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let payload = first.offset..last.offset.saturating_add(u64::from(last.length));
            let range = unseal::sealed_range(pack.header_length, pack.size_bytes, payload.clone());
            if range.start >= range.end {
                return Err(damaged(Malformed { what: "frame outside its pack" }.into()));
            }
            // A range that starts right behind the header brings the header along.
            let with_header = range.start == u64::from(pack.header_length);
            let (header, body) = if with_header {
                let all = self.fetch(&key, 0, range.end)?;
                let at = usize::try_from(range.start).unwrap_or(usize::MAX).min(all.len());
                (all.slice(..at), all.slice(at..))
            } else {
                (self.header(&key, pack)?, self.fetch(&key, range.start, range.end)?)
            };
            let fetched = Fetched {
                header: &header,
                body: &body,
                body_start: range.start,
                size_bytes: pack.size_bytes,
            };
            unpacker.open(&fetched, &self.keys, payload.clone()).map_err(damaged)?;
            for frame in group {
                let offset = frame.offset - payload.start;
                take(frame, unpacker.frame(offset, frame.length, frame.plain_length).map_err(damaged)?);
            }
        }
        Ok(())
    }

    /// Reads one manifest chunk and checks its id.
    pub fn chunk(
        &self,
        location: &Location,
        hashing: &Hashing,
        unpacker: &mut Unpacker,
    ) -> Result<Vec<u8>, ReadError> {
        let pack = PackName {
            name: location.pack,
            size_bytes: location.pack_bytes,
            header_length: location.header_bytes,
        };
        let frame = FrameAt {
            offset: location.frame_offset,
            length: location.frame_bytes,
            plain_length: location.plain_bytes,
        };
        let plain = self.whole_frame(&pack, frame, unpacker)?;
        self.check(&pack, &plain, &location.chunk, hashing)?;
        Ok(plain)
    }

    /// Reads one frame.
    pub fn whole_frame(
        &self,
        pack: &PackName,
        frame: FrameAt,
        unpacker: &mut Unpacker,
    ) -> Result<Vec<u8>, ReadError> {
        let mut plain = Vec::new();
        self.frames(pack, &[frame], unpacker, |_, bytes| plain = bytes)?;
        Ok(plain)
    }

    /// Refuses a manifest chunk that is not the one its id names.
    pub fn check(
        &self,
        pack: &PackName,
        plain: &[u8],
        id: &ChunkId,
        hashing: &Hashing,
    ) -> Result<(), ReadError> {
        if hashing.chunk(plain) == *id {
            return Ok(());
        }
        let key = layout::pack(&self.plan, &self.cohort, &pack.name);
        Err(ReadError::Damaged { key, source: UnsealError::WrongChunk })
    }

    /// An error that says a pack's content does not decode.
    pub fn malformed(&self, pack: &Sha256, source: Malformed) -> ReadError {
        ReadError::Damaged { key: layout::pack(&self.plan, &self.cohort, pack), source: source.into() }
    }
}

/// Groups frames that are fetched together.
fn coalesce(frames: &[FrameAt]) -> Vec<&[FrameAt]> {
    let mut groups = Vec::new();
    let mut start = 0;
    for at in 1..=frames.len() {
        let is_joined = at < frames.len() && {
            let (previous, next) = (&frames[at - 1], &frames[at]);
            let end = previous.offset.saturating_add(u64::from(previous.length));
            let span =
                next.offset.saturating_add(u64::from(next.length)).saturating_sub(frames[start].offset);
            next.offset >= end && next.offset - end <= GAP_BYTES_MAX && span <= RANGE_BYTES_MAX
        };
        if !is_joined && start < at {
            groups.push(&frames[start..at]);
            start = at;
        }
    }
    groups
}
