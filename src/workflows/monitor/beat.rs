//! Telling somebody outside that Kura lives (生存通知): whoever is told gives the alarm when nothing comes any more.
//!
//! Nothing is told while the heart does not do its work: silence is the message.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::config::HeartbeatSettings;
use crate::domain::time::Instant;
use crate::monitor::{BadBeat, Beat};
use crate::workflows::pulse::Pulse;

/// After a failure it is tried again this soon, minutes.
const AGAIN_MINUTES: i64 = 1;

/// When it was told last, and when that was tried.
#[derive(Debug)]
pub struct OutwardBeat {
    tried: AtomicI64,
    told: AtomicI64,
}

impl Default for OutwardBeat {
    fn default() -> Self {
        Self { tried: AtomicI64::new(i64::MIN), told: AtomicI64::new(i64::MIN) }
    }
}

/// What came of a beat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// It was taken.
    Taken,
    /// It is not time yet, or nobody is to be told.
    NotYet,
    /// The heart does not do its work: nothing is told.
    HeartIll,
    /// Nobody took it.
    NotTaken,
}

impl OutwardBeat {
    /// When it was told last.
    pub fn last(&self) -> Option<Instant> {
        let told = self.told.load(Ordering::SeqCst);
        (told != i64::MIN).then(|| Instant::from_micros(told))
    }

    /// Tells it, if it is time.
    pub async fn tell(
        &self,
        settings: Option<&HeartbeatSettings>,
        pulse: &Pulse,
        now: Instant,
    ) -> Result<Told, BadBeat> {
        let Some(settings) = settings else { return Ok(Told::NotYet) };
        let (tried, told) = (self.tried.load(Ordering::SeqCst), self.told.load(Ordering::SeqCst));
        let pause = if tried == told { i64::from(settings.every_minutes()) } else { AGAIN_MINUTES };
        let is_due = tried == i64::MIN
            || now.as_micros() < tried
            || Instant::from_micros(tried).plus_minutes(pause) <= now;
        if !is_due {
            return Ok(Told::NotYet);
        }
        if !pulse.works(now) {
            return Ok(Told::HeartIll);
        }
        self.tried.store(now.as_micros(), Ordering::SeqCst);
        let address = settings.address().map_err(|_| BadBeat)?;
        if !Beat::new(&address)?.tell().await {
            return Ok(Told::NotTaken);
        }
        self.told.store(now.as_micros(), Ordering::SeqCst);
        Ok(Told::Taken)
    }
}
