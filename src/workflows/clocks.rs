//! Clocks outside this machine: the store's, and web servers that the settings name.

use std::sync::Arc;

use crate::config::Settings;
use crate::domain::clock_evidence::Reading;
use crate::domain::time::Instant;
use crate::portal::date::{BadClock, OutsideClock, PageClock};

/// The clocks that the settings name (`[expiry] clocks`).
pub(super) fn of_settings(settings: &Settings) -> Result<Vec<Arc<dyn OutsideClock>>, BadClock> {
    let mut clocks: Vec<Arc<dyn OutsideClock>> = Vec::new();
    for address in settings.expiry.iter().flat_map(|expiry| &expiry.clocks) {
        clocks.push(Arc::new(PageClock::at(address)?));
    }
    Ok(clocks)
}

/// What they show now. Those that do not answer are left out: whoever decides says whether it can do without.
pub(super) async fn readings(
    (store, shown): (String, Option<Instant>),
    clocks: &[Arc<dyn OutsideClock>],
) -> Vec<Reading> {
    let mut readings: Vec<Reading> = shown.map(|at| Reading { source: store, at }).into_iter().collect();
    for clock in clocks {
        readings.extend(clock.now().await.map(|at| Reading { source: clock.name().to_owned(), at }));
    }
    readings
}
