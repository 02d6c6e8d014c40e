//! Notices that people look at, correct and close. Publishing is never theirs: `publish` does it with its cause.

pub use crate::catalog::NoticeRow;
use crate::domain::actor::Actor;
use crate::domain::notice::{TEXT_CHARACTERS_MAX, corrected};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::domain::window::{Window, is_one_line};

use super::desk::{Desk, DeskError, find};
use super::sign_in::line;

/// The newest `limit` notices, current ones only unless `all`.
pub async fn list(desk: &Desk, all: bool, limit: u32) -> Result<Vec<NoticeRow>, DeskError> {
    let rows = desk.catalog.notices(limit).await?;
    Ok(rows.into_iter().filter(|row| all || row.closed_at.is_none()).collect())
}

fn current(rows: Vec<NoticeRow>, id: &str) -> Result<NoticeRow, DeskError> {
    let found = rows.into_iter().find(|row| row.notice == id);
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
    let before = current(tx.current_notices().await?, id)?;
    let windows = tx.windows().await?;
    let on = window_of(&windows, &before)?.terms.parts().zone.day_of(now);
    let words = corrected(&before.words, text, false, on);
    let after = NoticeRow { revision: before.revision + 1, words, updated_at: now, ..before };
    tx.add_revision(&after).await?;
    let detail = format!("revision {}: {text}", after.revision);
    tx.commit(&[line(now, by.account.as_str(), "notice.correct", id, &detail)]).await?;
    Ok(after)
}

/// Takes a notice from the current ones. It stays readable.
pub async fn close(desk: &Desk, id: &str, by: &Actor, now: Instant) -> Result<(), DeskError> {
    by.check(Act::EditNotice)?;
    let mut tx = desk.catalog.begin().await?;
    let before = current(tx.current_notices().await?, id)?;
    let after = NoticeRow { revision: before.revision + 1, updated_at: now, closed_at: Some(now), ..before };
    tx.add_revision(&after).await?;
    Ok(tx.commit(&[line(now, by.account.as_str(), "notice.close", id, "")]).await?)
}
