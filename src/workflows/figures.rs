//! Figures for monitoring, read from the catalog when somebody asks. Plans, targets and states; no file and no person.

use std::collections::BTreeMap;

use crate::domain::alarm::AlarmCode;
use crate::domain::time::Instant;

use super::desk::{Desk, DeskError};

/// What monitoring asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// By plan: when its newest complete snapshot was taken.
    pub last_complete: BTreeMap<String, Instant>,
    /// By plan: whether its newest snapshot is complete.
    pub is_complete: BTreeMap<String, bool>,
    /// Occurrences by state.
    pub occurrences: BTreeMap<String, u64>,
    /// Alarms that last, by code; every code is there.
    pub alarms: BTreeMap<&'static str, u64>,
    /// Messages by target and state.
    pub outbox: BTreeMap<(String, String), u64>,
    /// Services that are recorded as stopped.
    pub services_stopped: u64,
}

/// Reads them.
pub async fn read(desk: &Desk) -> Result<Figures, DeskError> {
    let mut figures = Figures::default();
    for row in desk.catalog.newest_snapshots().await? {
        if row.is_complete {
            figures.last_complete.insert(row.plan.clone(), row.taken_at);
        }
        // They come in the order of their taking: the last one counts.
        figures.is_complete.insert(row.plan, row.is_complete);
    }
    figures.occurrences = desk.catalog.occurrence_states().await?.into_iter().collect();
    figures.alarms = AlarmCode::ALL.into_iter().map(|code| (code.word(), 0)).collect();
    for row in desk.catalog.open_alarms().await? {
        *figures.alarms.entry(row.alarm.code.word()).or_default() += 1;
    }
    let states = desk.catalog.outbox_states().await?.into_iter();
    figures.outbox = states.map(|(target, state, count)| ((target, state), count)).collect();
    let by_hand = desk.catalog.open_hand_stops().await?.into_iter().filter(|row| row.stopped.is_some());
    let stopped = desk.catalog.stopped_services().await?.len().saturating_add(by_hand.count());
    figures.services_stopped = u64::try_from(stopped).unwrap_or(u64::MAX);
    Ok(figures)
}
