//! What is written about an incident in the transaction of its cause: entries, the notice to users, mails to contacts.

use crate::catalog::{EntryRow, IncidentRow, NoticeRow, Tx};
use crate::domain::audit::AuditEntry;
use crate::domain::incident::{IncidentField, IncidentState, TEXT_CHARACTERS_MAX};
use crate::domain::notice::{NoticeKind, NoticeStatus};
use crate::domain::time::Instant;
use crate::domain::window::is_one_line;
use crate::workflows::desk::{Desk, DeskError, tokyo};
use crate::workflows::sign_in::line;

use super::with_told;

/// Something that happened, before it is written.
pub(super) struct Happened<'a> {
    /// `kura`, or an account.
    pub(super) actor: &'a str,
    /// What kind: `alarm`, `note`, `contact` ….
    pub(super) kind: &'static str,
    /// What it tells of; empty for what may come again.
    pub(super) reference: String,
    /// Japanese and English.
    pub(super) words: (String, String),
}

/// Writes what happened; whether it was not told already.
pub(super) async fn happened(
    tx: &mut Tx,
    incident: &str,
    what: Happened<'_>,
    (at, version): (Instant, u64),
) -> Result<bool, DeskError> {
    // What may come again is told apart by the version of the incident that it makes.
    let reference = if what.reference.is_empty() {
        format!("{}/{version}/{}", what.kind, at.as_micros())
    } else {
        what.reference
    };
    let (japanese, english) = what.words;
    let (actor, kind) = (what.actor.to_owned(), what.kind.to_owned());
    let entry = EntryRow { number: 0, at, actor, kind, reference, japanese, english };
    Ok(tx.add_incident_entry(incident, &entry).await?)
}

/// Publishes the notice of an incident, or revises it; gives its number. Users are told what they need, in the words of the
/// incident as it stands.
pub(super) async fn tell_users(
    desk: &Desk,
    tx: &mut Tx,
    row: &IncidentRow,
    now: Instant,
) -> Result<(String, AuditEntry), DeskError> {
    let fields = tx.incident_fields(&row.incident).await?;
    let remark = fields.get(&IncidentField::Users).map(String::as_str);
    let words = with_told(desk, (row, &fields), now, |told| told.notice(remark));
    let lasts = row.state.lasts();
    let status = if lasts { NoticeStatus::InProgress } else { NoticeStatus::Completed };
    let before = match &row.notice {
        Some(number) => tx.open_notice(number).await?,
        None => None,
    };
    let notice = NoticeRow {
        notice: String::new(),
        revision: 1,
        kind: NoticeKind::Incident,
        status,
        window: String::new(),
        occurrence: None,
        words,
        stops: !row.services.is_empty(),
        work_from: row.occurred_at.unwrap_or(row.found_at),
        work_until: if lasts { None } else { row.recovered_at },
        published_at: now,
        updated_at: now,
        closed_at: None,
        incident: Some(row.incident.clone()),
    };
    let title = notice.words.title.clone();
    match before {
        Some(before) => {
            let revision = before.revision + 1;
            let published_at = before.published_at;
            tx.add_revision(&NoticeRow { notice: before.notice.clone(), revision, published_at, ..notice })
                .await?;
            let detail = format!("revision {revision}: {title}");
            Ok((before.notice.clone(), line(now, "kura", "notice.incident", &before.notice, &detail)))
        }
        None => {
            let number = tx.add_notice(&notice, tokyo().day_of(now).date().year()).await?;
            let line = line(now, "kura", "notice.publish", &number, &title);
            Ok((number, line))
        }
    }
}

/// Whether the notice of an incident is its own: one of a window is told by the window's run.
pub(super) async fn has_own_notice(tx: &mut Tx, row: &IncidentRow) -> Result<bool, DeskError> {
    let Some(number) = &row.notice else { return Ok(false) };
    Ok(tx.open_notice(number).await?.is_some_and(|notice| notice.incident.is_some()))
}

/// Queues the mails that the state of an incident asks for: each contact is written to once for each of them.
pub(super) async fn queue_mails(
    desk: &Desk,
    tx: &mut Tx,
    row: &IncidentRow,
    now: Instant,
) -> Result<(), DeskError> {
    let stage = match row.state {
        IncidentState::Detected => "detected",
        IncidentState::Confirmed => "confirmed",
        IncidentState::Recovered => "recovered",
        IncidentState::Recovering | IncidentState::Reported | IncidentState::Closed => return Ok(()),
    };
    let contacts = desk.incidents.contacts.iter().filter(|contact| contact.mail.is_some());
    for contact in contacts.filter(|contact| contact.group.is_told(row.state, !row.services.is_empty())) {
        let message = format!("{}.{stage}.{}", row.incident, contact.id);
        tx.queue_incident_mail((&message, &row.incident), &contact.id, now).await?;
    }
    Ok(())
}

/// Whether a text may stand in an incident.
pub(super) fn is_text(text: &str) -> Result<(), DeskError> {
    if is_one_line(text, TEXT_CHARACTERS_MAX) { Ok(()) } else { Err(DeskError::Reason(TEXT_CHARACTERS_MAX)) }
}
