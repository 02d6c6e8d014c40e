//! How the scheduler's heart does, for those who ask from outside: whether it beats, and whether its work succeeds.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::Instant;

/// A heart whose last beat or whose last good beat is older than this is not well, minutes.
const MINUTES_MAX: i64 = 2;

/// When the heart last beat, and when it last brought everything up to date.
#[derive(Debug)]
pub struct Pulse {
    beat: AtomicI64,
    worked: AtomicI64,
}

impl Pulse {
    /// A heart that begins well at `now`.
    pub const fn new(now: Instant) -> Self {
        Self { beat: AtomicI64::new(now.as_micros()), worked: AtomicI64::new(now.as_micros()) }
    }

    /// Notes a beat at `now`, and whether everything could be brought up to date in it.
    pub fn note(&self, now: Instant, has_worked: bool) {
        self.beat.store(now.as_micros(), Ordering::SeqCst);
        if has_worked {
            self.worked.store(now.as_micros(), Ordering::SeqCst);
        }
    }

    /// When it last beat.
    pub fn last_beat(&self) -> Instant {
        Instant::from_micros(self.beat.load(Ordering::SeqCst))
    }

    /// When it last brought everything up to date.
    pub fn last_work(&self) -> Instant {
        Instant::from_micros(self.worked.load(Ordering::SeqCst))
    }

    /// Whether it has beaten lately.
    pub fn beats(&self, now: Instant) -> bool {
        now < self.last_beat().plus_minutes(MINUTES_MAX)
    }

    /// Whether it has brought everything up to date lately.
    pub fn works(&self, now: Instant) -> bool {
        now < self.last_work().plus_minutes(MINUTES_MAX)
    }
}
