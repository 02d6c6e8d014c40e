//! Notices that people look at, correct and close. Publishing is never theirs: `publish` does it with its cause.

use std::collections::BTreeMap;

use crate::catalog::Tx;
pub use crate::catalog::{NoticeRow, Posted};
use crate::domain::actor::Actor;
use crate::domain::board::{over_since, shown_since};
use crate::domain::notice::{NoticeStatus, TEXT_CHARACTERS_MAX, corrected};
use crate::domain::occurrence::{Occurrence, OccurrenceState, inspections};
use crate::domain::recurrence::Recurrence;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::domain::window::{Window, is_one_line};

use super::desk::{Desk, DeskError, find, tokyo};
use super::sign_in::line;

/// The newest `limit` notices, current ones only unless `all`.
pub async fn list(desk: &Desk, all: bool, limit: u32) -> Result<Vec<NoticeRow>, DeskError> {
    let rows = desk.catalog.notices(limit).await?;
    Ok(rows.into_iter().filter(|row| all || row.closed_at.is_none()).collect())
}

/// Notices that readers are shown, and when that last changed.
#[derive(Clone, Debug)]
pub struct Board {
    /// The notices, last changed first.
    pub notices: Vec<Posted>,
    /// When anything about them changed, be it that a mark ended. The beginning of time if there never was a notice.
    pub changed_at: Instant,
}

/// How many days of occurrences that are over a calendar shows.
const OVER_SHOWN_MINUTES: i64 = 7 * 24 * 60;

/// The current notices.
pub async fn board(desk: &Desk, now: Instant, limit: u32) -> Result<Board, DeskError> {
    let notices = desk.catalog.board(over_since(now), limit).await?;
    with_change(desk, notices, now).await
}

/// The newest notices that are no longer current.
pub async fn past(desk: &Desk, now: Instant, limit: u32) -> Result<Board, DeskError> {
    let notices = desk.catalog.past_notices(over_since(now), limit).await?;
    with_change(desk, notices, now).await
}

async fn with_change(desk: &Desk, notices: Vec<Posted>, now: Instant) -> Result<Board, DeskError> {
    let newest = desk.catalog.notices_changed_at().await?.unwrap_or(Instant::from_micros(0));
    let shown = notices.iter().map(|posted| shown_since(posted.row.updated_at, now));
    let changed_at = shown.max().map_or(newest, |shown| shown.max(newest));
    Ok(Board { notices, changed_at })
}

/// Every revision of the current notices, newest first.
pub async fn revisions(
    desk: &Desk,
    now: Instant,
    limit: u32,
) -> Result<BTreeMap<String, Vec<NoticeRow>>, DeskError> {
    let mut by_notice: BTreeMap<String, Vec<NoticeRow>> = BTreeMap::new();
    for row in desk.catalog.board_revisions(over_since(now), limit).await? {
        by_notice.entry(row.notice.clone()).or_default().push(row);
    }
    Ok(by_notice)
}

/// The occurrences that calendars show: those of the last week, those that go on, those to come. What a power inspection
/// will keep from running is shown as cancelled.
pub async fn dates(desk: &Desk, now: Instant) -> Result<Vec<Occurrence>, DeskError> {
    let inspections = inspections(desk.catalog.windows().await?.iter());
    let mut found = desk.catalog.occurrences_since(now.plus_minutes(-OVER_SHOWN_MINUTES)).await?;
    for one in found.iter_mut().filter(|one| one.is_inspected(&inspections)) {
        one.state = OccurrenceState::Cancelled;
    }
    Ok(found)
}

/// Whether a notice tells of one span of time, and not of work that comes again and again.
pub const fn is_dated(posted: &Posted) -> bool {
    posted.row.occurrence.is_some() || matches!(posted.recurrence, Recurrence::Once(..))
}

async fn current(tx: &mut Tx, id: &str) -> Result<NoticeRow, DeskError> {
    let found = tx.open_notice(id).await?;
    found.ok_or_else(|| DeskError::None { what: "current notice", id: id.to_owned() })
}

fn window_of<'a>(windows: &'a [Window], row: &NoticeRow) -> Result<&'a Window, DeskError> {
    find(windows, &row.window)
}

/// Corrects a notice: the reason stands on top, the title says 訂正. Times are never corrected so: they belong to the
/// window, which must be withdrawn and asked for again.
pub async fn correct(
    desk: &Desk,
    id: &str,
    text: &str,
    by: &Actor,
    now: Instant,
) -> Result<NoticeRow, DeskError> {
    by.check(Act::EditNotice)?;
    if !is_one_line(text, TEXT_CHARACTERS_MAX) {
        return Err(DeskError::Reason(TEXT_CHARACTERS_MAX));
    }
    let mut tx = desk.catalog.begin().await?;
    let before = current(&mut tx, id).await?;
    let on = if before.incident.is_some() {
        tokyo().day_of(now)
    } else {
        let windows = tx.windows().await?;
        window_of(&windows, &before)?.terms.parts().zone.day_of(now)
    };
    // What was cancelled stays so in the title.
    let is_cancelled = before.status == NoticeStatus::Cancelled;
    let words = corrected(&before.words, text, is_cancelled, on);
    let after = NoticeRow { revision: before.revision + 1, words, updated_at: now, ..before };
    tx.add_revision(&after).await?;
    let detail = format!("revision {}: {text}", after.revision);
    tx.commit(&[line(now, by.account.as_str(), "notice.correct", id, &detail)]).await?;
    Ok(after)
}

/// Takes a notice from the current ones. It stays readable. Not one of what lies ahead or goes on: without it the gate would
/// refuse the work, and nobody would be told that it was cancelled.
pub async fn close(desk: &Desk, id: &str, by: &Actor, now: Instant) -> Result<(), DeskError> {
    by.check(Act::EditNotice)?;
    let mut tx = desk.catalog.begin().await?;
    let before = current(&mut tx, id).await?;
    if matches!(before.status, NoticeStatus::Scheduled | NoticeStatus::InProgress) {
        return Err(match before.incident {
            Some(incident) => DeskError::OfIncident(incident),
            None => DeskError::Ahead(before.window),
        });
    }
    let after = NoticeRow { revision: before.revision + 1, updated_at: now, closed_at: Some(now), ..before };
    tx.add_revision(&after).await?;
    Ok(tx.commit(&[line(now, by.account.as_str(), "notice.close", id, "")]).await?)
}
