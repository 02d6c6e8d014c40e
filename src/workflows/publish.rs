//! Notices as the transactions of their causes write them: published, corrected, closed. Never by hand twice.

use crate::archive::digest::Sha256;
use crate::catalog::{NoticeRow, Tx};
use crate::domain::audit::AuditEntry;
use crate::domain::notice::{About, Heads, NoticeKind, NoticeStatus, Words, corrected, interrupted, moved};
use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::recurrence::Recurrence;
use crate::domain::time::Instant;
use crate::domain::window::Window;

use super::desk::{Desk, DeskError};
use super::sign_in::line;
use super::windows::notice_kind;

fn about<'a>(desk: &'a Desk, window: &'a Window, now: Instant) -> About<'a> {
    About {
        sender: &desk.sender,
        terms: &window.terms,
        approval: window.approval().map_or("-", |approval| approval.number.as_str()),
        published_on: window.terms.parts().zone.day_of(now),
    }
}

fn row(
    window: &Window,
    kind: NoticeKind,
    words: Words,
    span: (Instant, Option<Instant>),
    now: Instant,
) -> NoticeRow {
    NoticeRow {
        notice: String::new(),
        revision: 1,
        kind,
        status: NoticeStatus::Scheduled,
        window: window.id.clone(),
        occurrence: None,
        words,
        stops: window.terms.stops_services(),
        work_from: span.0,
        work_until: span.1,
        published_at: now,
        updated_at: now,
        closed_at: None,
        incident: None,
    }
}

async fn add(tx: &mut Tx, window: &Window, row: &NoticeRow, now: Instant) -> Result<AuditEntry, DeskError> {
    let year = window.terms.parts().zone.day_of(now).date().year();
    let number = tx.add_notice(row, year).await?;
    Ok(line(now, "kura", "notice.publish", &number, &row.words.title))
}

/// Tells of all occurrences of a window, from the first that can be announced in time.
pub(super) async fn announce_window(
    desk: &Desk,
    tx: &mut Tx,
    window: &Window,
    first: Instant,
    now: Instant,
) -> Result<AuditEntry, DeskError> {
    let parts = window.terms.parts();
    let (words, span) = if let Recurrence::Once(day, _) = parts.recurrence {
        let span = window.terms.span_on(day);
        (about(desk, window, now).downtime(span), (span.0, Some(span.1)))
    } else {
        // The day after, if the time of that day comes before the lead is over.
        let day = parts.zone.day_of(first);
        let from = if window.terms.span_on(day).0 < first { day.next() } else { day }.max(parts.first_day);
        let until = parts.last_day.map(|day| window.terms.span_on(day).1);
        (about(desk, window, now).calendar(from), (window.terms.span_on(from).0, until))
    };
    add(tx, window, &row(window, notice_kind(&window.terms), words, span, now), now).await
}

/// Tells of one occurrence.
pub(super) async fn announce_occurrence(
    desk: &Desk,
    tx: &mut Tx,
    window: &Window,
    occurrence: &Occurrence,
    now: Instant,
) -> Result<AuditEntry, DeskError> {
    let (span, words) = (occurrence.span, about(desk, window, now).downtime(occurrence.span));
    let row = row(window, NoticeKind::Downtime, words, (span.0, Some(span.1)), now);
    add(tx, window, &NoticeRow { occurrence: Some(occurrence.id.clone()), ..row }, now).await
}

/// How many hexadecimal digits of a digest people are shown.
const SHORT_DIGITS: usize = 16;

/// A head as people note it, and as `--expect-head` takes it: `41:04edb833ffe1a2b3`.
pub(super) fn short_head(sequence: u64, digest: &Sha256) -> String {
    let digits: String = digest.to_string().chars().take(SHORT_DIGITS).collect();
    format!("{sequence}:{digits}")
}

/// The newest snapshot of a window's plan and the newest line of the audit log, before this transaction's own.
async fn heads(tx: &mut Tx, window: &Window) -> Result<Heads, DeskError> {
    let audit = tx.audit_head().await?.map(|(sequence, digest)| short_head(sequence, &digest));
    let snapshot = match &window.terms.parts().plan {
        Some(plan) => tx.snapshot_head(plan.as_str()).await?.map(|row| short_head(row.sequence, &row.digest)),
        None => None,
    };
    Ok(Heads { snapshot, audit })
}

/// Tells that an occurrence that stops services has begun, is over or was interrupted, as the next revision of its
/// notice. Nothing is told of occurrences without a notice of their own, nor twice: a run that is tried again after a
/// failure has begun already.
pub(super) async fn tell_progress(
    desk: &Desk,
    tx: &mut Tx,
    window: &Window,
    occurrence: &Occurrence,
    (kind, status): (NoticeKind, NoticeStatus),
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let current = tx.notices_of(&window.id).await?;
    let own = current.into_iter().filter(|row| row.occurrence.as_ref() == Some(&occurrence.id));
    let heads = if kind == NoticeKind::Completion { Some(heads(tx, window).await?) } else { None };
    let mut lines = Vec::new();
    for before in own.filter(|before| (before.kind, before.status) != (kind, status)) {
        let words = about(desk, window, now).progress(kind, occurrence.span, now, heads.as_ref());
        let revised =
            NoticeRow { revision: before.revision + 1, kind, status, words, updated_at: now, ..before };
        lines.push(revise(tx, &revised, "notice.progress", now).await?);
    }
    Ok(lines)
}

/// Tells that services are still down although the time of an occurrence is over, unless that is told already.
pub(super) async fn tell_still_down(
    desk: &Desk,
    tx: &mut Tx,
    window: &Window,
    occurrence: &Occurrence,
    down: &[String],
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let told = (NoticeKind::Incident, NoticeStatus::InProgress);
    let current = tx.notices_of(&window.id).await?;
    let own = current.into_iter().filter(|row| row.occurrence.as_ref() == Some(&occurrence.id));
    let mut lines = Vec::new();
    for before in own.filter(|before| (before.kind, before.status) != told) {
        let words = about(desk, window, now).still_down(occurrence.span, down);
        let (kind, status) = told;
        let revised =
            NoticeRow { revision: before.revision + 1, kind, status, words, updated_at: now, ..before };
        lines.push(revise(tx, &revised, "notice.incident", now).await?);
    }
    Ok(lines)
}

/// Tells that an occurrence did not run: what had begun was interrupted, what had not is cancelled.
pub(super) async fn tell_not_run(
    desk: &Desk,
    tx: &mut Tx,
    window: &Window,
    occurrence: &Occurrence,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    if occurrence.state == OccurrenceState::Running {
        let incident = (NoticeKind::Incident, NoticeStatus::Completed);
        return tell_progress(desk, tx, window, occurrence, incident, now).await;
    }
    cancel_occurrence(tx, window, &occurrence.id, "予定した作業は実施しませんでした。", now).await
}

async fn revise(tx: &mut Tx, row: &NoticeRow, act: &str, now: Instant) -> Result<AuditEntry, DeskError> {
    tx.add_revision(row).await?;
    let detail = format!("revision {}: {}", row.revision, row.words.title);
    Ok(line(now, "kura", act, &row.notice, &detail))
}

/// Cancels what is still to come of a window: a correction of each notice that announced it.
pub(super) async fn cancel_window(
    tx: &mut Tx,
    window: &Window,
    reason: &str,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    cancel(tx, window, reason, now, |row| row.status == NoticeStatus::Scheduled).await
}

/// Cancels one occurrence, if it has a notice of its own.
async fn cancel_occurrence(
    tx: &mut Tx,
    window: &Window,
    occurrence: &str,
    reason: &str,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let is_own = |row: &NoticeRow| row.occurrence.as_deref() == Some(occurrence);
    cancel(tx, window, reason, now, is_own).await
}

async fn cancel(
    tx: &mut Tx,
    window: &Window,
    reason: &str,
    now: Instant,
    which: impl Fn(&NoticeRow) -> bool,
) -> Result<Vec<AuditEntry>, DeskError> {
    let on = window.terms.parts().zone.day_of(now);
    let mut lines = Vec::new();
    for before in tx.notices_of(&window.id).await?.into_iter().filter(|row| which(row)) {
        let revision = before.revision + 1;
        // What users were told has begun was interrupted, not cancelled.
        let revised = if before.status == NoticeStatus::InProgress {
            let words = interrupted(&before.words, &window.terms, reason, on);
            let (kind, status) = (NoticeKind::Incident, NoticeStatus::Completed);
            NoticeRow { revision, kind, status, words, updated_at: now, ..before }
        } else {
            let words = corrected(&before.words, reason, true, on);
            NoticeRow { revision, status: NoticeStatus::Cancelled, words, updated_at: now, ..before }
        };
        lines.push(revise(tx, &revised, "notice.cancel", now).await?);
    }
    Ok(lines)
}

/// Tells that a window takes the place of another one: a correction of each notice of the old one, with the new times.
pub(super) async fn move_window(
    tx: &mut Tx,
    old: &Window,
    new: &Window,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let number = new.approval().map_or("-", |approval| approval.number.as_str());
    let on = new.terms.parts().zone.day_of(now);
    let mut lines = Vec::new();
    let current = tx.notices_of(&old.id).await?;
    for before in current.into_iter().filter(|row| row.status == NoticeStatus::Scheduled) {
        let words = moved(&before.words, &new.terms, number, on);
        let (revision, status) = (before.revision + 1, NoticeStatus::Cancelled);
        let revised = NoticeRow { revision, status, words, updated_at: now, ..before };
        lines.push(revise(tx, &revised, "notice.move", now).await?);
    }
    Ok(lines)
}

/// Ends the notices of a window whose last day is over.
pub(super) async fn close_window(
    tx: &mut Tx,
    window: &Window,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let mut lines = Vec::new();
    let current = tx.notices_of(&window.id).await?;
    for before in current.into_iter().filter(|row| row.occurrence.is_none()) {
        let (revision, status) = (before.revision + 1, NoticeStatus::Completed);
        let words = before.words.clone().over();
        let revised = NoticeRow { revision, status, words, updated_at: now, closed_at: Some(now), ..before };
        lines.push(revise(tx, &revised, "notice.close", now).await?);
    }
    Ok(lines)
}
