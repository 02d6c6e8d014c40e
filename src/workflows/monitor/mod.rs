//! Monitoring (稼働監視, 第22条②): asks what is due, notes how each target stands, and shows it.
//!
//! Alarms come of it like of everything else (`workflows/alarms`), and incidents of alarms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::catalog::MonitorCheck;
use crate::clock::Clock;
use crate::domain::monitor::{
    self, Answer, FLAPPING_MINUTES, Heard, MonitorTarget, Monitoring, Pulse, Standing, Tally,
};
use crate::domain::monitor_silence::{StillStopped, Stopping, silenced};
use crate::domain::recurrence::Recurrence;
use crate::domain::time::{Day, Instant};
use crate::domain::window::{WindowKind, WindowState};

use super::desk::{Desk, DeskError, tokyo};
use super::sign_in::line;

/// Access logs.
pub mod logs;

/// Telling somebody outside that Kura lives.
pub mod beat;

pub use crate::catalog::MonitorChange;
pub use crate::monitor::{Asker, FromHere};

/// How many targets are asked at once.
const ASKED_AT_ONCE: usize = 16;
/// How long single answers are kept, minutes: 35 days; what they were stays counted by day.
const KEPT_MINUTES: i64 = 35 * 24 * 60;
/// The longest window, minutes.
const WINDOW_MINUTES: i64 = 24 * 60;
/// How many changes within an hour are looked at.
const CHANGES_MAX: u32 = 1000;

/// What is monitored, as the files say, and whether they can be read.
#[derive(Clone, Debug, Default)]
pub struct MonitorDesk {
    /// What is monitored; nothing if the files cannot be read.
    pub rules: Arc<Monitoring>,
    /// Why they cannot be read.
    pub trouble: Option<String>,
    /// Since when this program could have asked: nothing is missed before.
    pub began: Option<Instant>,
}

impl MonitorDesk {
    /// What was read, or why it could not be.
    pub fn of(loaded: Result<Monitoring, String>) -> Self {
        match loaded {
            Ok(rules) => Self { rules: Arc::new(rules), trouble: None, began: None },
            Err(trouble) => Self { trouble: Some(trouble), ..Self::default() },
        }
    }
}

/// Asks every target that is due and notes what came; how many were asked.
pub async fn refresh(desk: &Desk, asker: &Arc<dyn Asker>, clock: &dyn Clock) -> Result<usize, DeskError> {
    let now = clock.now();
    let pulses = desk.catalog.monitor_pulses().await?;
    let targets = desk.monitoring.rules.targets.iter();
    let is_due =
        |target: &&MonitorTarget| monitor::is_due(pulses.get(&target.name), target.every_minutes, now);
    let due: Vec<MonitorTarget> = targets.filter(is_due).cloned().collect();
    if due.is_empty() {
        return Ok(0);
    }
    let heard = ask_all(due, asker).await;
    let asked = heard.len();
    // Looked up afterwards: a window that began while somebody was asked explains the failure.
    let at = clock.now();
    let silent = silenced_now(desk, at).await?;
    for (target, answer) in heard {
        match note(desk, &target, pulses.get(&target.name), (answer, at, &silent)).await {
            // Another program asked meanwhile: its answer counts.
            Ok(()) | Err(DeskError::Stale(_)) => {}
            Err(error) => return Err(error),
        }
    }
    desk.catalog.forget_monitor_answers(at.plus_minutes(-KEPT_MINUTES)).await?;
    Ok(asked)
}

/// Asks targets, some at a time; in the order of their names.
async fn ask_all(targets: Vec<MonitorTarget>, asker: &Arc<dyn Asker>) -> Vec<(MonitorTarget, Answer)> {
    let turns = Arc::new(Semaphore::new(ASKED_AT_ONCE));
    let mut asking = JoinSet::new();
    for target in targets {
        let (asker, turns) = (asker.clone(), turns.clone());
        asking.spawn(async move {
            let Ok(_turn) = turns.acquire().await else { return (target, Answer::NotAsked) };
            let answer = asker.ask(&target.ask, target.timeout).await;
            (target, answer)
        });
    }
    let mut heard = Vec::new();
    while let Some(one) = asking.join_next().await {
        // One that panicked is asked again with the next beat.
        heard.extend(one.ok());
    }
    heard.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    heard
}

async fn note(
    desk: &Desk,
    target: &MonitorTarget,
    before: Option<&Pulse>,
    (answer, at, silent): (Answer, Instant, &BTreeSet<String>),
) -> Result<(), DeskError> {
    let is_silenced = target.services.iter().any(|service| silent.contains(service));
    let heard = Heard { answer, at, is_silenced };
    let span = at.plus_minutes(-FLAPPING_MINUTES);
    let changes = desk.catalog.monitor_changes(&target.name, span, CHANGES_MAX).await?;
    let changes: Vec<Instant> = changes.into_iter().map(|change| change.at).collect();
    let pulse = monitor::after(before, heard, &changes, &target.damping);
    let was = before.map_or(Standing::Unknown, |pulse| pulse.standing);
    let (standing, name) = (pulse.standing, target.name.clone());
    let check = MonitorCheck {
        target: name.clone(),
        before: before.map(|pulse| pulse.asked_at),
        pulse,
        heard,
        day: tokyo().day_of(at),
    };
    if standing == was {
        return Ok(desk.catalog.note_monitor_check(&check).await?);
    }
    let mut tx = desk.catalog.begin().await?;
    tx.change_monitor_target(&check).await?;
    let act = format!("monitor.{}", standing.word());
    tx.commit(&[line(at, "kura", &act, &name, answer.word())]).await?;
    if standing == Standing::Down {
        tracing::warn!(monitor.target = name, answer = answer.word(), "a monitored target is down");
    } else {
        tracing::info!(monitor.target = name, "a monitored target answers");
    }
    Ok(())
}

/// The services that are down on purpose now.
pub async fn silenced_now(desk: &Desk, now: Instant) -> Result<BTreeSet<String>, DeskError> {
    let mut stopping = Vec::new();
    let begun =
        desk.catalog.occurrences_between(now.plus_minutes(-WINDOW_MINUTES), now.plus_minutes(1)).await?;
    for occurrence in begun {
        let Some(window) = desk.catalog.window(&occurrence.window).await? else { continue };
        let parts = window.terms.parts();
        stopping.push(Stopping {
            kind: parts.kind,
            state: Some(occurrence.state),
            span: occurrence.span,
            services: parts.stops.clone(),
        });
    }
    // Inspections have no occurrences: they are days on which nothing runs.
    for window in desk.catalog.windows_alive().await? {
        let parts = window.terms.parts();
        if let (WindowKind::PowerInspection, Recurrence::Once(day, _), WindowState::Approved(_)) =
            (parts.kind, &parts.recurrence, &window.state)
        {
            let (span, services) = (window.terms.span_on(*day), parts.stops.clone());
            stopping.push(Stopping { kind: parts.kind, state: None, span, services });
        }
    }
    let by_kura = desk.catalog.stopped_services().await?.into_iter().map(|row| (row.occurrence, row.service));
    let by_hand = desk.catalog.open_hand_stops().await?.into_iter().filter(|row| row.stopped.is_some());
    let by_hand = by_hand.map(|row| (row.occurrence, row.service));
    let mut still = Vec::new();
    for (id, service) in by_kura.chain(by_hand) {
        if let Some(occurrence) = desk.catalog.occurrence(&id).await? {
            still.push(StillStopped { service, until: occurrence.span.1 });
        }
    }
    Ok(silenced(&stopping, &still, now))
}

/// A target as it is shown.
#[derive(Clone, Debug)]
pub struct MonitorShown {
    /// What is asked.
    pub target: MonitorTarget,
    /// How it stands; none if it was never asked.
    pub pulse: Option<Pulse>,
    /// Whether a window stops it now.
    pub is_silenced: bool,
    /// By month, newest first: `2026-11` and what was heard.
    pub months: Vec<(String, Tally)>,
}

/// Every target, by name, with the figures of so many months.
pub async fn list(desk: &Desk, months: u32, now: Instant) -> Result<Vec<MonitorShown>, DeskError> {
    let pulses = desk.catalog.monitor_pulses().await?;
    let silent = silenced_now(desk, now).await?;
    let today = tokyo().day_of(now);
    let days = desk.catalog.monitor_days(first_of(today, months), today).await?;
    let mut found: BTreeMap<String, BTreeMap<String, Tally>> = BTreeMap::new();
    for (target, day, tally) in days {
        let month = format!("{:04}-{:02}", day.date().year(), day.date().month());
        let sum = found.entry(target).or_default().entry(month).or_default();
        *sum = sum.plus(tally);
    }
    let shown = desk.monitoring.rules.targets.iter().map(|target| MonitorShown {
        target: target.clone(),
        pulse: pulses.get(&target.name).cloned(),
        is_silenced: target.services.iter().any(|service| silent.contains(service)),
        months: found.remove(&target.name).unwrap_or_default().into_iter().rev().collect(),
    });
    Ok(shown.collect())
}

/// This month and those before it, newest first: `2026-11`.
pub fn months(now: Instant, count: u32) -> Vec<String> {
    let today = tokyo().day_of(now);
    let month = |back| {
        let first = first_of(today, back).date();
        format!("{:04}-{:02}", first.year(), first.month())
    };
    (1..=count).map(month).collect()
}

/// The first day of the month that lies so many months back; 1 is this month.
fn first_of(today: Day, months: u32) -> Day {
    let mut first = today;
    for _ in 1..months.max(1) {
        first = Day::of(first.date().year(), first.date().month(), 1).unwrap_or(first).previous();
    }
    Day::of(first.date().year(), first.date().month(), 1).unwrap_or(first)
}

/// One target with its last changes and answers.
pub async fn look(
    desk: &Desk,
    name: &str,
    now: Instant,
) -> Result<(MonitorShown, Vec<MonitorChange>, Vec<Heard>), DeskError> {
    let found = list(desk, 13, now).await?.into_iter().find(|shown| shown.target.name == name);
    let shown = found.ok_or_else(|| DeskError::None { what: "monitor target", id: name.to_owned() })?;
    let changes = desk.catalog.monitor_changes(name, Instant::from_micros(i64::MIN), 100).await?;
    Ok((shown, changes, desk.catalog.monitor_answers(name, 100).await?))
}

/// Asks targets now, by name (all, if none is named), and notes nothing.
pub async fn check(
    desk: &Desk,
    names: &[String],
    asker: &Arc<dyn Asker>,
) -> Result<Vec<(MonitorTarget, Answer)>, DeskError> {
    let rules = &desk.monitoring.rules;
    if let Some(unknown) = names.iter().find(|name| rules.target(name).is_none()) {
        return Err(DeskError::None { what: "monitor target", id: unknown.clone() });
    }
    let wanted = rules.targets.iter().filter(|target| names.is_empty() || names.contains(&target.name));
    Ok(ask_all(wanted.cloned().collect(), asker).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_back_is_the_month_before_whatever_its_length() {
        let first = |day: &str, months| first_of(day.parse().unwrap(), months).to_string();
        assert_eq!(first("2027-03-31", 1), "2027-03-01");
        assert_eq!(first("2027-03-31", 2), "2027-02-01");
        assert_eq!(first("2027-01-15", 13), "2026-01-01");
    }
}
