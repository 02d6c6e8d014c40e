//! Reading one large file: in spans that several workers read, cut and hash at the same time.
//!
//! A span is 64 MiB of the file, so a subtree of its BLAKE3 hash: the spans' chaining values merge into the hash of
//! the whole. Every span ends in a forced cut. A file with holes is read by one worker, its data extents one after
//! the other.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::block::Place;
use super::capture::Missed;
use super::digest::FileHash;
use super::entry::Extent;
use super::task::Task;
use super::tree::StatFacts;
use super::wire::to_u64;

/// Bytes of a span: a power of two, so that spans are subtrees of the file's hash.
pub const SPAN_BYTES: u64 = 64 << 20;

/// What one span gave.
pub struct SpanRead {
    /// What `fstat` said before and after; both must be the same for all spans.
    pub stat: StatFacts,
    /// Its chunks in order.
    pub places: Vec<Place>,
    /// Its chaining value, or the file's hash if it is the only span.
    pub value: ChainingValue,
    /// Bytes read.
    pub bytes: u64,
}

/// A large file whose spans are being read.
pub struct LargeFile {
    /// The entry to store.
    pub task: Task,
    /// The number of its block.
    pub number: u64,
    /// How many spans it has.
    pub spans: usize,
    results: Mutex<Vec<Option<Result<SpanRead, Missed>>>>,
    waiting: AtomicUsize,
}

impl LargeFile {
    /// A file to be read in as many spans as its size asks for.
    pub fn new(task: Task, number: u64) -> Self {
        let spans = usize::try_from(task.found.stat.size_bytes.div_ceil(SPAN_BYTES)).unwrap_or(1).max(1);
        let results = (0..spans).map(|_| None).collect();
        Self { task, number, spans, results: Mutex::new(results), waiting: AtomicUsize::new(spans) }
    }

    /// Notes a span's result; gives all of them to the caller that brought the last.
    pub fn deliver(
        &self,
        span: usize,
        result: Result<SpanRead, Missed>,
    ) -> Option<Vec<Result<SpanRead, Missed>>> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results[span] = Some(result);
        if self.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Some(results.drain(..).flatten().collect());
        }
        None
    }
}

/// Merges spans that were read at one moment of a file of `size_bytes`: chunks and hash. `None` if it changed.
pub fn merged(spans: &[SpanRead]) -> Option<(StatFacts, Vec<Place>, FileHash)> {
    let first = spans.first()?;
    let total: u64 = spans.iter().map(|span| span.bytes).sum();
    let steady = spans.iter().all(|span| span.stat.same_content_as(&first.stat));
    // Spans are planned for the size that the walk saw: of a file that shrank since, some are empty.
    let is_as_planned = to_u64(spans.len()) == first.stat.size_bytes.div_ceil(SPAN_BYTES);
    if !steady || !is_as_planned || total != first.stat.size_bytes {
        return None;
    }
    let places = spans.iter().flat_map(|span| span.places.iter().copied()).collect();
    let values: Vec<ChainingValue> = spans.iter().map(|span| span.value).collect();
    Some((first.stat, places, root_of(&values)))
}

/// The hash of a file from the chaining values of its spans (all but the last are full).
fn root_of(values: &[ChainingValue]) -> FileHash {
    match values {
        [only] => *only,
        values => {
            let (left, right) = values.split_at(left_length(values.len()));
            *merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).as_bytes()
        }
    }
}

fn subtree(values: &[ChainingValue]) -> ChainingValue {
    match values {
        [only] => *only,
        values => {
            let (left, right) = values.split_at(left_length(values.len()));
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// BLAKE3's tree: the left side takes the largest power of two that leaves something for the right.
fn left_length(n: usize) -> usize {
    n.div_ceil(2).next_power_of_two()
}

/// A hasher for the span that begins at `offset`.
pub fn span_hasher(offset: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    if offset > 0 {
        hasher.set_input_offset(offset);
    }
    hasher
}

/// The value a span's hasher gives: the file's hash if it is the only span, else a chaining value.
pub fn span_value(hasher: &blake3::Hasher, is_only: bool) -> ChainingValue {
    if is_only || hasher.count() == 0 { *hasher.finalize().as_bytes() } else { hasher.finalize_non_root() }
}

/// The data extents of a file that may have holes.
pub fn extents(fd: &OwnedFd, size_bytes: u64) -> Result<Vec<Extent>, Errno> {
    let mut extents = Vec::new();
    let mut at = 0;
    while at < size_bytes {
        let start = match rustix::fs::seek(fd, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole from here on.
            Err(Errno::NXIO) => break,
            // The file system does not know holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                return Ok(vec![Extent { offset: 0, length: size_bytes }]);
            }
            Err(e) => return Err(e),
        };
        let end = rustix::fs::seek(fd, SeekFrom::Hole(start))?.min(size_bytes);
        if start >= size_bytes || end <= start {
            break;
        }
        extents.push(Extent { offset: start, length: end - start });
        at = end;
    }
    Ok(extents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_merge_into_the_hash_of_the_whole() {
        // The same tree with smaller spans: 1 KiB is BLAKE3's own chunk, the smallest power of two that works.
        for spans in 1..20_usize {
            for tail in [1_usize, 500, 1024] {
                let mut bytes = vec![0_u8; (spans - 1) * 1024 + tail];
                blake3::Hasher::new().update(&[7]).finalize_xof().fill(&mut bytes);
                let values: Vec<ChainingValue> = bytes
                    .chunks(1024)
                    .enumerate()
                    .map(|(n, piece)| {
                        let mut hasher = span_hasher(to_u64(n) * 1024);
                        hasher.update(piece);
                        span_value(&hasher, spans == 1)
                    })
                    .collect();
                assert_eq!(root_of(&values), *blake3::hash(&bytes).as_bytes(), "{spans} spans, tail {tail}");
            }
        }
    }
}
