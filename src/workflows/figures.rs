//! Figures for monitoring, read from the catalog when somebody asks. Plans, targets and states; no file and no person.

use std::collections::BTreeMap;

use crate::domain::alarm::AlarmCode;
use crate::domain::monitor::{Standing, Tally};
use crate::domain::time::Instant;

use super::desk::{Desk, DeskError};
use super::monitor;

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
    /// By monitor target: how it stands, when it was asked last, and what was heard this month.
    pub monitored: BTreeMap<String, (Standing, Option<Instant>, Tally)>,
    /// By access log: looks that nobody has reviewed.
    pub unreviewed: BTreeMap<String, u64>,
}

/// Reads them.
pub async fn read(desk: &Desk, now: Instant) -> Result<Figures, DeskError> {
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
    for shown in monitor::list(desk, 1, now).await? {
        let standing = shown.pulse.as_ref().map_or(Standing::Unknown, |pulse| pulse.standing);
        let asked = shown.pulse.as_ref().map(|pulse| pulse.asked_at);
        let month = shown.months.first().map(|(_, tally)| *tally).unwrap_or_default();
        figures.monitored.insert(shown.target.name, (standing, asked, month));
    }
    let waiting = monitor::logs::open_looks(desk).await?;
    for log in &desk.monitoring.rules.logs {
        let count = waiting.get(&log.name).map_or(0, Vec::len);
        figures.unreviewed.insert(log.name.clone(), u64::try_from(count).unwrap_or(u64::MAX));
    }
    Ok(figures)
}
