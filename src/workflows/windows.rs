//! Windows: asking for one, approving, returning, withdrawing; letting a refused occurrence run (第21条②).

use crate::archive::digest::Sha256;
use crate::catalog::Tx;
use crate::domain::actor::Actor;
use crate::domain::notice::NoticeKind;
use crate::domain::occurrence::{Occurrence, first_start, has_own_notices};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::domain::window::{Approval, Move, REASON_CHARACTERS_MAX, Terms, Window, WindowState, is_one_line};

use super::desk::{Desk, DeskError, find};
use super::move_window;
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

/// The request that waits already with the same terms, in the place of the same window: who sends a form twice asks once.
async fn waiting(tx: &mut Tx, terms: &Terms, replaces: Option<&str>) -> Result<Option<String>, DeskError> {
    for window in tx.windows().await? {
        let is_same = window.state == WindowState::Requested && window.terms == *terms;
        if is_same && tx.replaced(&window.id).await?.as_deref() == replaces {
            return Ok(Some(window.id));
        }
    }
    Ok(None)
}

/// Asks for a window and returns its id; the id of the one that waits, if the same was asked for already. Nothing runs and
/// nobody is told before it is approved.
pub async fn request(desk: &Desk, terms: &Terms, by: &Actor, now: Instant) -> Result<String, DeskError> {
    request_for(desk, terms, None, by, now).await
}

/// The same, in the place of an approved window of the same plan and kind, if one is named.
pub async fn request_for(
    desk: &Desk,
    terms: &Terms,
    replaces: Option<&str>,
    by: &Actor,
    now: Instant,
) -> Result<String, DeskError> {
    by.check(Act::RequestWindow)?;
    if desk.digest_now(terms).is_none() {
        let plan = terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
        return Err(DeskError::Plan(plan));
    }
    desk.check_services(terms)?;
    terms.check_ahead(now)?;
    let mut tx = desk.catalog.begin().await?;
    if let Some(old) = replaces {
        move_window::check(&mut tx, terms, old).await?;
    }
    if let Some(waiting) = waiting(&mut tx, terms, replaces).await? {
        let detail = format!("{terms}: the same waits already, nothing was added");
        tx.commit(&[line(now, by.account.as_str(), "window.request", &waiting, &detail)]).await?;
        return Ok(waiting);
    }
    let id = tx.add_window(terms, &by.account, now).await?;
    let mut detail = terms.to_string();
    if let Some(old) = replaces {
        tx.set_replaced(&id, old).await?;
        detail = format!("{terms}, in the place of {old}");
    }
    tx.commit(&[line(now, by.account.as_str(), "window.request", &id, &detail)]).await?;
    Ok(id)
}

/// What somebody who decides was shown. If it has changed since, nothing is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing is held against him.
    Anything,
    /// The digest of what would run.
    Content([u8; 32]),
    /// The version: where the window stands, and what would run.
    Version([u8; 32]),
}

impl Seen {
    fn check(self, desk: &Desk, window: &Window) -> Result<(), DeskError> {
        let is_current = match self {
            Self::Anything => true,
            Self::Content(seen) => desk.digest_now(&window.terms) == Some(seen),
            Self::Version(seen) => version(desk, window) == seen,
        };
        if is_current { Ok(()) } else { Err(DeskError::Stale(window.id.clone())) }
    }
}

/// The version of a window: SHA-256 of where it stands and of what would run in it now.
pub fn version(desk: &Desk, window: &Window) -> [u8; 32] {
    let digest = desk.digest_now(&window.terms).map_or_else(|| "unreadable".to_owned(), hex::encode);
    let approval = window.approval().map_or("", |approval| &approval.number);
    Sha256::of(
        format!("kura window version 1\n{}\n{}\n{approval}\n{digest}", window.id, window.state.word())
            .as_bytes(),
    )
    .0
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
    approve_seen(desk, id, seen.map_or(Seen::Anything, Seen::Content), by, now).await
}

/// The same, held against what the approver was shown.
pub async fn approve_seen(
    desk: &Desk,
    id: &str,
    seen: Seen,
    by: &Actor,
    now: Instant,
) -> Result<Approval, DeskError> {
    by.check(Act::DecideWindow)?;
    let mut tx = desk.catalog.begin().await?;
    let windows = tx.windows().await?;
    let window = find(&windows, id)?;
    by.check_decision(Act::DecideWindow, &window.requested_by)?;
    seen.check(desk, window)?;
    window.check_move(Move::Approve)?;
    window.terms.check_ahead(now)?;
    let plan = || window.terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
    let digest = desk.digest_now(&window.terms).ok_or_else(|| DeskError::Plan(plan()))?;
    let year = window.terms.parts().zone.day_of(now).date().year();
    let approval = tx.approve_window(id, (&by.account, now), year, digest).await?;
    let approved = Window { state: WindowState::Approved(approval.clone()), ..window.clone() };
    let detail = format!("{}, digest {}", approval.number, hex::encode(digest));
    let mut lines = vec![line(now, by.account.as_str(), "window.approve", id, &detail)];
    lines.extend(move_window::replace(&mut tx, &windows, &approved, by, now).await?);
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
    return_seen(desk, id, (reason, Seen::Anything), by, now).await
}

/// The same, held against what who returns it was shown.
pub async fn return_seen(
    desk: &Desk,
    id: &str,
    (reason, seen): (&str, Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    by.check(Act::DecideWindow)?;
    check_reason(reason)?;
    let mut tx = desk.catalog.begin().await?;
    let windows = tx.windows().await?;
    let window = find(&windows, id)?;
    by.check_decision(Act::DecideWindow, &window.requested_by)?;
    seen.check(desk, window)?;
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
    withdraw_seen(desk, id, (reason, Seen::Anything), by, now).await
}

/// The same, held against what who withdraws it was shown.
pub async fn withdraw_seen(
    desk: &Desk,
    id: &str,
    (reason, seen): (&str, Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    by.check(Act::RequestWindow)?;
    check_reason(reason)?;
    let mut tx = desk.catalog.begin().await?;
    let windows = tx.windows().await?;
    let window = find(&windows, id)?;
    seen.check(desk, window)?;
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
    by.check(Act::BreakGlass)?;
    check_reason(reason)?;
    let found = self::occurrence(desk, occurrence).await?;
    let windows = desk.catalog.windows().await?;
    by.check_decision(Act::BreakGlass, &find(&windows, &found.window)?.requested_by)?;
    let mut tx = desk.catalog.begin().await?;
    match tx.break_glass(occurrence, &by.account, reason).await.map_err(DeskError::from) {
        Err(DeskError::Stale(id)) => return Err(DeskError::Begun(id)),
        other => other?,
    }
    Ok(tx.commit(&[line(now, by.account.as_str(), "break-glass", occurrence, reason)]).await?)
}

/// Notes that somebody who approves has seen the report of a break-glass, once its occurrence is over (事後報告).
pub async fn see_report(desk: &Desk, occurrence: &str, by: &Actor, now: Instant) -> Result<(), DeskError> {
    by.check(Act::DecideWindow)?;
    let found = self::occurrence(desk, occurrence).await?;
    let none = || DeskError::None { what: "break-glass to report of", id: occurrence.to_owned() };
    if found.break_glass.is_some() && found.state.is_open() {
        // Before its end nobody knows the result.
        return Err(DeskError::NotOver(occurrence.to_owned()));
    }
    let has_report = found.has_report();
    let (who, reason) = found.break_glass.filter(|_| has_report).ok_or_else(none)?;
    if desk.catalog.report_seen(occurrence).await?.is_some_and(|(seen_by, _)| seen_by == by.account) {
        return Ok(());
    }
    let mut tx = desk.catalog.begin().await?;
    tx.see_report(occurrence, &by.account, now).await?;
    let detail = format!("break-glass by {who}: {reason}; {}", found.state.word());
    Ok(tx.commit(&[line(now, by.account.as_str(), "break-glass.report-seen", occurrence, &detail)]).await?)
}

/// The occurrence of an id.
pub async fn occurrence(desk: &Desk, id: &str) -> Result<Occurrence, DeskError> {
    let none = || DeskError::None { what: "occurrence", id: id.to_owned() };
    desk.catalog.occurrence(id).await?.ok_or_else(none)
}

/// The kind of notice that tells of a window itself.
pub(super) const fn notice_kind(terms: &Terms) -> NoticeKind {
    if terms.stops_services() { NoticeKind::Downtime } else { NoticeKind::Calendar }
}
