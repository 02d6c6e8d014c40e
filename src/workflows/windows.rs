//! Windows: asking for one, approving, returning, withdrawing; letting a refused occurrence run (第21条②).

use crate::domain::actor::Actor;
use crate::domain::notice::NoticeKind;
use crate::domain::occurrence::{first_start, has_own_notices};
use crate::domain::preview::{self, Previewed};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::domain::window::{
    Approval, Move, REASON_CHARACTERS_MAX, Terms, Window, WindowKind, WindowState, is_one_line,
};

use super::desk::{Desk, DeskError, find};
use super::publish;
use super::schedule;
use super::sign_in::line;

/// Checks a reason that people will read.
pub(super) fn check_reason(reason: &str) -> Result<(), DeskError> {
    if is_one_line(reason, REASON_CHARACTERS_MAX) {
        Ok(())
    } else {
        Err(DeskError::Reason(REASON_CHARACTERS_MAX))
    }
}

/// Asks for a window and returns its id. Nothing runs and nobody is told before it is approved.
pub async fn request(desk: &Desk, terms: &Terms, by: &Actor, now: Instant) -> Result<String, DeskError> {
    by.check(Act::RequestWindow)?;
    if desk.digest_now(terms).is_none() {
        let plan = terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
        return Err(DeskError::Plan(plan));
    }
    desk.check_services(terms)?;
    let mut tx = desk.catalog.begin().await?;
    let id = tx.add_window(terms, &by.account, now).await?;
    tx.commit(&[line(now, by.account.as_str(), "window.request", &id, &terms.to_string())]).await?;
    Ok(id)
}

/// Approves a request: from now on its occurrences are announced, and run.
///
/// The approval is bound to what would run now. `seen` is the digest that the approver was shown; if what would run has
/// changed since, nothing is approved.
pub async fn approve(
    desk: &Desk,
    id: &str,
    seen: Option<[u8; 32]>,
    by: &Actor,
    now: Instant,
) -> Result<Approval, DeskError> {
    let mut tx = desk.catalog.begin().await?;
    let windows = tx.windows().await?;
    let window = find(&windows, id)?;
    by.check_decision(Act::DecideWindow, &window.requested_by)?;
    window.check_move(Move::Approve)?;
    let plan = || window.terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
    let digest = desk.digest_now(&window.terms).ok_or_else(|| DeskError::Plan(plan()))?;
    if seen.is_some_and(|seen| seen != digest) {
        return Err(DeskError::Stale(id.to_owned()));
    }
    let year = window.terms.parts().zone.day_of(now).date().year();
    let approval = tx.approve_window(id, (&by.account, now), year, digest).await?;
    let approved = Window { state: WindowState::Approved(approval.clone()), ..window.clone() };
    let detail = format!("{}, digest {}", approval.number, hex::encode(digest));
    let mut lines = vec![line(now, by.account.as_str(), "window.approve", id, &detail)];
    if !has_own_notices(&approved) {
        let first = first_start(&approved, desk.lead).unwrap_or(now);
        lines.push(publish::announce_window(desk, &mut tx, &approved, first, now).await?);
    }
    tx.commit(&lines).await?;
    schedule::refresh(desk, now).await?;
    Ok(approval)
}

/// Returns a request to who asked, with the reason.
pub async fn return_request(
    desk: &Desk,
    id: &str,
    reason: &str,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    check_reason(reason)?;
    let mut tx = desk.catalog.begin().await?;
    let windows = tx.windows().await?;
    let window = find(&windows, id)?;
    by.check_decision(Act::DecideWindow, &window.requested_by)?;
    window.check_move(Move::Return)?;
    tx.return_window(id, &by.account, now, reason).await?;
    Ok(tx.commit(&[line(now, by.account.as_str(), "window.return", id, reason)]).await?)
}

/// Withdraws a window. What was announced and has not begun is cancelled, and users are told so.
pub async fn withdraw(
    desk: &Desk,
    id: &str,
    reason: &str,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    check_reason(reason)?;
    by.check(Act::RequestWindow)?;
    let mut tx = desk.catalog.begin().await?;
    let windows = tx.windows().await?;
    let window = find(&windows, id)?;
    window.check_move(Move::Withdraw)?;
    tx.withdraw_window(id, now, reason).await?;
    let cancelled = tx.cancel_occurrences(id).await?;
    let detail = format!("{reason} (occurrences cancelled: {cancelled})");
    let mut lines = vec![line(now, by.account.as_str(), "window.withdraw", id, &detail)];
    lines.extend(publish::cancel_window(&mut tx, window, reason, now).await?);
    Ok(tx.commit(&lines).await?)
}

/// Lets an occurrence run although rules refuse it that give way (運用管理責任者). Told of in the log and in its notice.
pub async fn break_glass(
    desk: &Desk,
    occurrence: &str,
    reason: &str,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    check_reason(reason)?;
    by.check(Act::BreakGlass)?;
    let none = || DeskError::None { what: "occurrence", id: occurrence.to_owned() };
    let found = desk.catalog.occurrence(occurrence).await?.ok_or_else(none)?;
    let windows = desk.catalog.windows().await?;
    by.check_decision(Act::BreakGlass, &find(&windows, &found.window)?.requested_by)?;
    let mut tx = desk.catalog.begin().await?;
    match tx.break_glass(occurrence, &by.account, reason).await.map_err(DeskError::from) {
        Err(DeskError::Stale(id)) => return Err(DeskError::Begun(id)),
        other => other?,
    }
    Ok(tx.commit(&[line(now, by.account.as_str(), "break-glass", occurrence, reason)]).await?)
}

/// The next occurrences of a window, requested or approved, with what they clash with.
pub async fn preview(desk: &Desk, id: &str, now: Instant) -> Result<(Window, Vec<Previewed>), DeskError> {
    let windows = desk.catalog.windows().await?;
    let window = find(&windows, id)?.clone();
    let is_inspection = window.terms.parts().kind == WindowKind::PowerInspection;
    let lead = if is_inspection { 0 } else { desk.lead.of(&window.terms) };
    let rows = preview::preview(&window.terms, id, &windows, lead, now);
    Ok((window, rows))
}

/// The kind of notice that tells of a window itself.
pub(super) const fn notice_kind(terms: &Terms) -> NoticeKind {
    if terms.stops_services() { NoticeKind::Downtime } else { NoticeKind::Calendar }
}
