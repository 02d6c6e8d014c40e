//! Counts of what a run found different: files that are new, rewritten or gone, and how well new data compressed.
//!
//! Atomic, because all workers turn them. What they mean is `domain::sudden_change`'s.

use std::sync::atomic::{AtomicU64, Ordering};

use super::digest::FileHash;
use super::wire::to_u64;

/// The counters of one run.
#[derive(Default, Debug)]
pub struct Churn {
    new_files: AtomicU64,
    changed_files: AtomicU64,
    new_bytes: AtomicU64,
    packed_bytes: AtomicU64,
}

/// The counters at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// Files that were not known.
    pub new_files: u64,
    /// Files whose content is another than was known.
    pub changed_files: u64,
    /// Bytes of plaintext that were stored.
    pub new_bytes: u64,
    /// Bytes of their frames.
    pub packed_bytes: u64,
}

impl Churn {
    /// Counts a file whose content was read. `before`: the hash that was known of it, whatever became of its cohort.
    pub fn file(&self, before: Option<&FileHash>, now: &FileHash) {
        match before {
            None => self.new_files.fetch_add(1, Ordering::Relaxed),
            Some(before) if before != now => self.changed_files.fetch_add(1, Ordering::Relaxed),
            Some(_) => 0,
        };
    }

    /// Counts a frame of new data.
    pub fn frame(&self, plain: usize, packed: u32) {
        self.new_bytes.fetch_add(to_u64(plain), Ordering::Relaxed);
        self.packed_bytes.fetch_add(u64::from(packed), Ordering::Relaxed);
    }

    /// What was counted.
    pub fn counted(&self) -> Counted {
        Counted {
            new_files: self.new_files.load(Ordering::Relaxed),
            changed_files: self.changed_files.load(Ordering::Relaxed),
            new_bytes: self.new_bytes.load(Ordering::Relaxed),
            packed_bytes: self.packed_bytes.load(Ordering::Relaxed),
        }
    }
}
