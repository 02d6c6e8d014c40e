//! Services that a person stops and starts (手作業): asking for it, taking a confirmation, giving up when none comes.
//!
//! Kura believes nothing that no person confirmed under his name; the rules are in `domain::hand_stop`.

use crate::catalog::Tx;
use crate::config::Home;
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEntry;
use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::domain::service::{How, stops_at};
use crate::domain::time::Instant;
use crate::domain::window::Window;

use super::desk::{Desk, DeskError, find};
use super::gate::{self, Why};
use super::occurrence_lock::OccurrenceLock;
use super::publish;
use super::sign_in::line;

pub use crate::domain::hand_stop::{CONFIRM_MINUTES, Confirmed, HandStop, NotConfirmed, Readiness, Stage};

/// The instant at which runs of an occurrence end that stops services.
pub(super) fn limit(desk: &Desk, window: &Window, occurrence: &Occurrence) -> Instant {
    let limit = stops_at(&window.terms, occurrence.span, &desk.services, desk.on_deadline);
    limit.unwrap_or(occurrence.span.1)
}

/// The services of a window that a person stops.
fn by_hand<'a>(desk: &Desk, window: &'a Window) -> Vec<&'a str> {
    let is_manual = |name: &&String| desk.service(name).is_some_and(|service| service.how == How::Manual);
    window.terms.parts().stops.iter().filter(is_manual).map(String::as_str).collect()
}

/// Whether the run of an occurrence that the gate lets through may begin. Asks for what was not asked for yet, and refuses
/// the occurrence when nobody confirmed it in time.
pub(super) async fn ready(
    desk: &Desk,
    (window, occurrence): (&Window, &Occurrence),
    now: Instant,
) -> Result<Readiness, DeskError> {
    let (by_hand, limit) = (by_hand(desk, window), limit(desk, window, occurrence));
    if by_hand.is_empty() {
        return Ok(Readiness::Ready);
    }
    let look = async || -> Result<Readiness, DeskError> {
        let rows = desk.catalog.hand_stops_of(&occurrence.id).await?;
        Ok(crate::domain::hand_stop::readiness(&by_hand, &rows, limit, now))
    };
    let found = look().await?;
    match &found {
        Readiness::Ready | Readiness::Wait(..) => Ok(found),
        Readiness::Ask(names) => {
            let mut tx = desk.catalog.begin().await?;
            let mut lines = Vec::new();
            for name in names {
                match tx.ask_by_hand(&occurrence.id, name, now).await.map_err(DeskError::from) {
                    // Another program asked a moment ago.
                    Err(DeskError::Stale(_)) => return Ok(Readiness::Wait(names.clone(), limit)),
                    other => other?,
                }
                lines.push(line(now, "kura", "service.ask-stop", name, &occurrence.id));
            }
            tx.commit(&lines).await?;
            tracing::warn!(
                occurrence.id,
                "a service has to be stopped by hand now, and confirmed: `kura service list` says which"
            );
            look().await
        }
        Readiness::Late(names) => {
            refuse(desk, (window, occurrence), names, now).await?;
            Ok(found)
        }
    }
}

/// Ends an occurrence for which nobody confirmed a stop in time.
async fn refuse(
    desk: &Desk,
    (window, occurrence): (&Window, &Occurrence),
    names: &[String],
    now: Instant,
) -> Result<(), DeskError> {
    let (japanese, english) = (names.join("、"), names.join(", "));
    let why = Why {
        code: "service-not-confirmed",
        japanese: format!(
            "手動で停止するサービス（{japanese}）の停止が時間内に確認されなかったため、実施しませんでした。"
        ),
        english: format!(
            "Nobody confirmed in time that {english} had been stopped by hand, so it did not run."
        ),
    };
    let plan = window.terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
    let rows = desk.catalog.hand_stops_of(&occurrence.id).await?;
    let mut tx = desk.catalog.begin().await?;
    let has_begun = occurrence.state == OccurrenceState::Running;
    let to = if has_begun { OccurrenceState::Missed } else { OccurrenceState::Refused };
    match tx.move_occurrence(&occurrence.id, occurrence.state, to).await.map_err(DeskError::from) {
        // Another program did it a moment ago.
        Err(DeskError::Stale(_)) => return Ok(()),
        other => other?,
    }
    tx.note_reason(&gate::reason(&plan, Some(&occurrence.id), &why, now)).await?;
    let act = format!("occurrence.{}", to.word());
    let mut lines = vec![line(now, "kura", &act, &occurrence.id, &format!("{}: {}", why.code, why.english))];
    lines.extend(over_all(&mut tx, &rows, now).await?);
    lines.extend(publish::tell_not_run(desk, &mut tx, window, occurrence, now).await?);
    tx.commit(&lines).await?;
    tracing::error!(occurrence.id, "an occurrence was refused: nobody confirmed a stop by hand in time");
    Ok(())
}

/// Notes that nothing of an occurrence is needed stopped any more: what is open must be seen to run again.
async fn over_all(tx: &mut Tx, rows: &[HandStop], now: Instant) -> Result<Vec<AuditEntry>, DeskError> {
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| row.over_at.is_none()) {
        match tx.over_by_hand(&row.occurrence, &row.service, now).await.map_err(DeskError::from) {
            Err(DeskError::Stale(_)) => continue,
            other => other?,
        }
        lines.push(line(now, "kura", "service.ask-start", &row.service, &row.occurrence));
    }
    Ok(lines)
}

/// The run of an occurrence is over: what persons stopped for it may be started.
pub(super) async fn release(desk: &Desk, occurrence: &str, now: Instant) -> Result<(), DeskError> {
    let rows = desk.catalog.hand_stops_of(occurrence).await?;
    if rows.iter().all(|row| row.over_at.is_some()) {
        return Ok(());
    }
    let mut tx = desk.catalog.begin().await?;
    let lines = over_all(&mut tx, &rows, now).await?;
    if lines.is_empty() { Ok(()) } else { Ok(tx.commit(&lines).await?) }
}

/// Releases what is held for occurrences of a plan that the gate no longer lets through. The caller holds the plan's lock.
pub(super) async fn give_up(desk: &Desk, plan: &PlanName, now: Instant) -> Result<(), DeskError> {
    let open = desk.catalog.open_hand_stops().await?;
    if open.iter().all(|row| row.over_at.is_some()) {
        return Ok(());
    }
    let (windows, living) = (desk.catalog.windows().await?, desk.catalog.living_leases(now).await?);
    for row in open.iter().filter(|row| row.over_at.is_none() && !living.contains(&row.occurrence)) {
        let Some(found) = desk.catalog.occurrence(&row.occurrence).await? else { continue };
        if find(&windows, &found.window)?.terms.parts().plan.as_ref() == Some(plan) {
            release(desk, &row.occurrence, now).await?;
        }
    }
    Ok(())
}

/// Releases what no run needs stopped any more: its occurrence is over, its time is, or its run died.
pub(super) async fn release_left(desk: &Desk, home: &Home, now: Instant) -> Result<(), DeskError> {
    let open = desk.catalog.open_hand_stops().await?;
    let mut ids: Vec<&str> =
        open.iter().filter(|row| row.over_at.is_none()).map(|row| row.occurrence.as_str()).collect();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let windows = desk.catalog.windows().await?;
    for id in ids {
        let Some(found) = desk.catalog.occurrence(id).await? else { continue };
        let window = find(&windows, &found.window)?;
        let is_over = !found.state.is_open() || limit(desk, window, &found) <= now;
        if is_over
            || (found.state == OccurrenceState::Running && is_dead(desk, home, window, id, now).await?)
        {
            release(desk, id, now).await?;
        }
    }
    Ok(())
}

/// Whether no run of an occurrence is alive: nobody has its lease, nor the lock of this place.
async fn is_dead(
    desk: &Desk,
    home: &Home,
    window: &Window,
    id: &str,
    now: Instant,
) -> Result<bool, DeskError> {
    let Some(plan) = &window.terms.parts().plan else { return Ok(true) };
    let lock = OccurrenceLock::take(home, plan).map_err(|error| DeskError::Lock(error.to_string()))?;
    let Some(lock) = lock else { return Ok(false) };
    desk.catalog.expire_leases(&lock.place, plan.as_str()).await?;
    let living = desk.catalog.living_leases(now).await?;
    drop(lock);
    Ok(!living.iter().any(|living| living == id))
}

/// Whether every service that a person stops is confirmed to have stopped.
pub(super) async fn is_stopped(desk: &Desk, occurrence: &str, service: &str) -> Result<bool, DeskError> {
    let rows = desk.catalog.hand_stops_of(occurrence).await?;
    Ok(rows.iter().any(|row| row.service == service && row.stage() == Stage::Stopped))
}

/// Takes the confirmation of a person: the service has stopped, or it runs.
pub async fn confirm(
    desk: &Desk,
    (occurrence, service): (&str, &str),
    confirmed: Confirmed,
    by: &Actor,
    now: Instant,
) -> Result<HandStop, DeskError> {
    by.check(Act::ConfirmService)?;
    let none = || DeskError::None {
        what: "service that a person stops for",
        id: format!("{occurrence}: {service}"),
    };
    let rows = desk.catalog.hand_stops_of(occurrence).await?;
    let row = rows.into_iter().find(|row| row.service == service).ok_or_else(none)?;
    let found = desk.catalog.occurrence(occurrence).await?.ok_or_else(none)?;
    let window = desk.catalog.window(&found.window).await?.ok_or_else(none)?;
    row.check(confirmed, limit(desk, &window, &found), now)?;
    let mut tx = desk.catalog.begin().await?;
    tx.confirm_by_hand((occurrence, service), confirmed, &by.account, now).await?;
    let act = format!("service.confirm-{}", confirmed.word());
    tx.commit(&[line(now, by.account.as_str(), &act, service, occurrence)]).await?;
    let noted = Some((now, by.account.clone()));
    Ok(match confirmed {
        Confirmed::Stopped => HandStop { stopped: noted, ..row },
        Confirmed::Running => HandStop { running: noted, ..row },
    })
}

/// The one occurrence for which a service is waited for; `None` if there is none, or more than one.
pub async fn waiting_for(
    desk: &Desk,
    service: &str,
    confirmed: Confirmed,
) -> Result<Option<String>, DeskError> {
    let stage = match confirmed {
        Confirmed::Stopped => Stage::ToStop,
        Confirmed::Running => Stage::ToStart,
    };
    let open = desk.catalog.open_hand_stops().await?;
    let mut found = open.into_iter().filter(|row| row.service == service && row.stage() == stage);
    Ok(found.next().filter(|_| found.next().is_none()).map(|row| row.occurrence))
}
