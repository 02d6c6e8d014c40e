//! The only place that asks the machine for the time or for randomness.
//!
//! Everything else takes an `Instant` or a `&dyn Clock`, so that tests can simulate weeks in milliseconds.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::Instant;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The instant it is now.
    fn now(&self) -> Instant;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn now(&self) -> Instant {
        Instant::from_micros(jiff::Timestamp::now().as_microsecond())
    }
}

/// A clock that moves only when it is told to; for simulations and tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Instant) -> Self {
        Self(AtomicI64::new(start.as_micros()))
    }

    /// Sets the clock to `at`.
    pub fn set(&self, at: Instant) {
        self.0.store(at.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A random id of this program, the same as long as it lives.
pub fn program_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let mut id = [0_u8; 16];
        random_bytes(&mut id);
        hex::encode(id)
    })
}

/// Fills `out` with random bytes from the operating system.
///
/// # Panics
/// Never in practice: the system's generator does not fail once it has started.
#[expect(
    clippy::expect_used,
    reason = "without randomness no key may be made: stopping is the only safe act"
)]
pub fn random_bytes(out: &mut [u8]) {
    getrandom::fill(out).expect("the operating system gives random bytes");
}
