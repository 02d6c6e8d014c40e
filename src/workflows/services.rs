//! Stopping services for an occurrence, and starting them again whatever happens.
//!
//! A row is written before a stop, and closed after the start succeeded: between the two every beat and every start of the
//! service tries to start what no run needs stopped any more.

use crate::catalog::StoppedService;
use crate::clock::Clock;
use crate::config::Home;
use crate::domain::hand_stop::Stage;
use crate::domain::occurrence::Occurrence;
use crate::domain::service::{How, stops_at};
use crate::domain::window::Window;
use crate::hooks::Hooks;

use super::desk::{Desk, DeskError, find};
use super::hand_stops;
use super::occurrence_lock::OccurrenceLock;
use super::sign_in::line;

/// Why services could not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// A command failed, or nobody said which it is. Says it for people.
    #[error("{service} could not be stopped: {problem}")]
    Failed {
        /// The service.
        service: String,
        /// What went wrong.
        problem: String,
    },
    /// The window's kind stops nothing.
    #[error("a {0} window stops no service (第21条③)")]
    NotAllowed(&'static str),
    /// The catalog.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<crate::catalog::CatalogError> for StopError {
    fn from(error: crate::catalog::CatalogError) -> Self {
        Self::Desk(error.into())
    }
}

/// Stops every service of an occurrence's window, in the order of the window. The caller holds its lease.
/// What a person stops must be confirmed to have stopped already.
///
/// The first failure ends it; the caller then starts again what is recorded.
pub async fn stop_all(
    desk: &Desk,
    hooks: &dyn Hooks,
    window: &Window,
    occurrence: &Occurrence,
    clock: &dyn Clock,
) -> Result<(), StopError> {
    let parts = window.terms.parts();
    // The gate has said so before; no other path may lead here either.
    if !parts.kind.may_stop() && window.terms.stops_services() {
        return Err(StopError::NotAllowed(parts.kind.word()));
    }
    for name in &parts.stops {
        let failed = |problem: String| StopError::Failed { service: name.clone(), problem };
        let service = desk.service(name).ok_or_else(|| failed("kura.toml no longer names it".to_owned()))?;
        let How::Commands { stop, timeout, .. } = &service.how else {
            if !hand_stops::is_stopped(desk, &occurrence.id, name).await? {
                return Err(failed("nobody confirmed that it was stopped by hand".to_owned()));
            }
            continue;
        };
        let now = clock.now();
        let mut tx = desk.catalog.begin().await?;
        tx.stopping(&occurrence.id, name, now).await?;
        tx.commit(&[line(now, "kura", "service.stopping", name, &occurrence.id)]).await?;
        hooks.run(stop, *timeout).await.map_err(|error| failed(error.to_string()))?;
        let now = clock.now();
        let mut tx = desk.catalog.begin().await?;
        tx.stopped(&occurrence.id, name, now).await?;
        tx.commit(&[line(now, "kura", "service.stopped", name, &occurrence.id)]).await?;
    }
    Ok(())
}

/// Starts what is recorded as stopped for an occurrence, last stopped first, and asks persons for their part. Gives how
/// many could not be started; those stay recorded and are tried again on the next beat.
pub async fn start_all(
    desk: &Desk,
    hooks: &dyn Hooks,
    occurrence: &str,
    clock: &dyn Clock,
) -> Result<u32, DeskError> {
    let open = desk.catalog.stopped_services().await?;
    let mut failures = 0;
    for row in open.iter().rev().filter(|row| row.occurrence == occurrence) {
        failures += u32::from(!start(desk, hooks, row, false, clock).await?);
    }
    hand_stops::release(desk, occurrence, clock.now()).await?;
    Ok(failures)
}

/// The services that were stopped for an occurrence and of which nobody knows that they run again.
pub(super) async fn still_down(desk: &Desk, occurrence: &str) -> Result<Vec<String>, DeskError> {
    let stopped = desk.catalog.stopped_services().await?.into_iter();
    let by_hand = desk.catalog.hand_stops_of(occurrence).await?.into_iter();
    let down = stopped.filter(|row| row.occurrence == occurrence).map(|row| row.service);
    let mut down: Vec<String> =
        down.chain(by_hand.filter(|row| row.stage() != Stage::Runs).map(|row| row.service)).collect();
    down.sort();
    down.dedup();
    Ok(down)
}

/// Starts one service. `is_left`: another program stopped it.
async fn start(
    desk: &Desk,
    hooks: &dyn Hooks,
    row: &StoppedService,
    is_left: bool,
    clock: &dyn Clock,
) -> Result<bool, DeskError> {
    let (outcome, patience) = match desk.service(&row.service).map(|service| &service.how) {
        Some(How::Commands { start, timeout, .. }) => {
            (hooks.run(start, *timeout).await.map_err(|error| error.to_string()), timeout.as_secs())
        }
        Some(How::Manual) => (Ok(()), 0),
        None => (Err("kura.toml no longer names it".to_owned()), 0),
    };
    if let Err(problem) = outcome {
        desk.catalog.start_failed(&row.occurrence, &row.service, &problem).await?;
        tracing::error!(
            occurrence.id = row.occurrence,
            "a service could not be started again; it is tried again"
        );
        return Ok(false);
    }
    let now = clock.now();
    let minutes = i64::try_from(patience.div_ceil(60)).unwrap_or(i64::MAX);
    if is_left && row.stopped_at.is_none() && now < row.stopping_at.plus_minutes(minutes) {
        // The command that a dead program began may still be stopping it: it is started again until that cannot be.
        return Ok(true);
    }
    let mut tx = desk.catalog.begin().await?;
    match tx.started(&row.occurrence, &row.service, now).await.map_err(DeskError::from) {
        // Somebody else started it too: no harm.
        Err(DeskError::Stale(_)) => return Ok(true),
        other => other?,
    }
    let attempts = format!("{}, failed before: {}", row.occurrence, row.attempts);
    tx.commit(&[line(now, "kura", "service.started", &row.service, &attempts)]).await?;
    Ok(true)
}

/// Starts what is recorded as stopped and has no living run, or whose time is over although the run goes on.
pub async fn start_left(
    desk: &Desk,
    home: &Home,
    hooks: &dyn Hooks,
    clock: &dyn Clock,
) -> Result<u32, DeskError> {
    hand_stops::release_left(desk, home, clock.now()).await?;
    let open = desk.catalog.stopped_services().await?;
    if open.is_empty() {
        return Ok(0);
    }
    let windows = desk.catalog.windows().await?;
    let mut ids: Vec<&str> = open.iter().map(|row| row.occurrence.as_str()).collect();
    ids.dedup();
    let mut failures = 0;
    for id in ids {
        let none = || DeskError::None { what: "occurrence", id: id.to_owned() };
        let occurrence = desk.catalog.occurrence(id).await?.ok_or_else(none)?;
        let window = find(&windows, &occurrence.window)?;
        let limit = stops_at(&window.terms, occurrence.span, &desk.services, desk.on_deadline);
        let is_over = limit.is_none_or(|limit| limit <= clock.now());
        let Some(plan) = &window.terms.parts().plan else { continue };
        // Held until the services run, so that no new run begins meanwhile.
        let lock = OccurrenceLock::take(home, plan).map_err(|error| DeskError::Lock(error.to_string()))?;
        let is_dead = if let Some(lock) = &lock {
            // Without its lock no run of this place lives, whatever its lease says.
            desk.catalog.expire_leases(&lock.place, plan.as_str()).await?;
            !desk.catalog.living_leases(clock.now()).await?.iter().any(|living| living == id)
        } else {
            false
        };
        // A run that lives still stops what has not stopped yet; it starts that itself, and soon.
        let is_left = |row: &&StoppedService| row.occurrence == id && (is_dead || row.stopped_at.is_some());
        for row in open.iter().rev().filter(is_left).filter(|_| is_dead || is_over) {
            tracing::warn!(occurrence.id = id, "a service that was left stopped is started again");
            failures += u32::from(!start(desk, hooks, row, is_dead, clock).await?);
        }
        drop(lock);
    }
    Ok(failures)
}
