//! Counters that a run turns while people watch. Atomic, so that watching costs nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::domain::time::Instant;

use super::entry::Kind;

/// What a run is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Looking through the source.
    Walking,
    /// Hashing files whose day depends on whether they changed.
    Hashing,
    /// Reading, sealing and uploading.
    Storing,
    /// Waiting for the last objects, signing.
    Committing,
    /// Reading from the store and writing files.
    Restoring,
    /// Reading from the store and checking.
    Verifying,
}

const PHASES: [Phase; 6] =
    [Phase::Walking, Phase::Hashing, Phase::Storing, Phase::Committing, Phase::Restoring, Phase::Verifying];

/// The counters of one run.
#[derive(Default, Debug)]
pub struct Progress {
    phase: AtomicU8,
    files: AtomicU64,
    bytes: AtomicU64,
    files_total: AtomicU64,
    bytes_total: AtomicU64,
    stored: AtomicU64,
    sent: AtomicU64,
    is_stopped: AtomicBool,
    stops_at: OnceLock<Instant>,
}

/// The counters at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// What is being done.
    pub phase: Phase,
    /// Entries done.
    pub files: u64,
    /// Bytes of files done.
    pub bytes: u64,
    /// Entries to do; 0 while unknown.
    pub files_total: u64,
    /// Bytes to do; 0 while unknown.
    pub bytes_total: u64,
    /// Bytes of plaintext that were new.
    pub stored: u64,
    /// Bytes that reached the store.
    pub sent: u64,
}

impl Progress {
    /// Begins a phase with its totals.
    pub fn begin(&self, phase: Phase, files_total: u64, bytes_total: u64) {
        let number = PHASES.iter().position(|p| *p == phase).and_then(|n| u8::try_from(n).ok()).unwrap_or(0);
        self.phase.store(number, Ordering::Relaxed);
        for (counter, value) in [
            (&self.files, 0),
            (&self.bytes, 0),
            (&self.files_total, files_total),
            (&self.bytes_total, bytes_total),
        ] {
            counter.store(value, Ordering::Relaxed);
        }
    }

    /// Counts an entry.
    pub fn file(&self, bytes: u64, kind: Kind) {
        self.files.fetch_add(1, Ordering::Relaxed);
        if kind == Kind::File {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Counts many entries at once.
    pub fn files(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts new plaintext.
    pub fn stored(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that reached the store.
    pub fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Asks the run to stop at its next safe point: what is in the store by then is kept for the next run.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Says when the run has to stop. The first word counts.
    pub fn stop_from(&self, at: Instant) {
        self.stops_at.get_or_init(|| at);
    }

    /// Stops the run if its time is over.
    pub fn stop_if_due(&self, now: Instant) {
        if self.stops_at.get().is_some_and(|at| *at <= now) {
            self.stop();
        }
    }

    /// The counters now.
    pub fn shown(&self) -> Shown {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let phase =
            PHASES.get(usize::from(self.phase.load(Ordering::Relaxed))).copied().unwrap_or(Phase::Walking);
        Shown {
            phase,
            files: get(&self.files),
            bytes: get(&self.bytes),
            files_total: get(&self.files_total),
            bytes_total: get(&self.bytes_total),
            stored: get(&self.stored),
            sent: get(&self.sent),
        }
    }
}
