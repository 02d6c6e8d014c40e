//! What persons do with an incident: open one, write what they see and do, tell those concerned, report, close. Each act
//! leaves an entry with their account, and a line in the audit log.

use crate::catalog::{IncidentRow, TickRow, Tx};
use crate::domain::actor::Actor;
use crate::domain::incident::{IncidentField, IncidentState, NotAllowed};
use crate::domain::incident_cause::{Cause, CauseKind};
use crate::domain::incident_clock::Concern;
use crate::domain::incident_contact::Way;
use crate::domain::incident_time::{IncidentTime, KnownTimes, check_time};
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::{Desk, DeskError, tokyo};
use crate::workflows::sign_in::line;

use super::decide::decide;
use super::notes::{self, Happened, is_text};
use super::{Incident, alike, look, report_reference};

/// What a person noticed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct New {
    /// What failed, in a sentence.
    pub content: String,
    /// Where it was found.
    pub place: Option<String>,
    /// What is concerned.
    pub scope: Option<String>,
    /// When it was found; now, if it is not said.
    pub found_at: Option<Instant>,
    /// When it began, if that is known.
    pub occurred_at: Option<Instant>,
    /// The services that users cannot use, by the names that they know.
    pub services: Vec<String>,
    /// Whether data of persons are concerned.
    pub concern: Concern,
    /// It is another failure than any that is open, also if it is about the same plan or service.
    pub is_another: bool,
}

/// Opens an incident that a person noticed; gives its number. Users are told if services are named. Refused if one about the
/// same plan or service is open, unless it is said to be another.
pub async fn open(desk: &Desk, new: &New, by: &Actor, now: Instant) -> Result<String, DeskError> {
    by.check(Act::ManageIncidents)?;
    is_text(&new.content)?;
    for text in new.place.iter().chain(&new.scope).chain(&new.services) {
        is_text(text)?;
    }
    let known = KnownTimes { found: new.found_at.unwrap_or(now), occurred: None, recovered: None };
    for (time, at) in [(IncidentTime::Found, new.found_at), (IncidentTime::Occurred, new.occurred_at)] {
        if let Some(at) = at {
            check_time(time, at, &known, now).map_err(NotAllowed::from)?;
        }
    }
    let cause = Cause { kind: CauseKind::Person, subject: String::new() };
    let mut row = IncidentRow {
        title: new.content.clone(),
        title_en: new.content.clone(),
        found_at: new.found_at.unwrap_or(now),
        occurred_at: new.occurred_at,
        services: new.services.clone(),
        concern: new.concern,
        ..IncidentRow::found(cause, by.account.to_string(), now)
    };
    let mut tx = desk.catalog.begin().await?;
    if !new.is_another {
        alike::check(desk, &mut tx, new).await?;
    }
    row.incident = tx.add_incident(&row, tokyo().day_of(now).date().year()).await?;
    let texts = [
        (IncidentField::Content, Some(&new.content)),
        (IncidentField::Place, new.place.as_ref()),
        (IncidentField::Scope, new.scope.as_ref()),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            tx.set_incident_field(&row.incident, field, text).await?;
        }
    }
    let words = (format!("障害を登録しました：{}", new.content), format!("Opened: {}", new.content));
    let what = Happened { actor: by.account.as_str(), kind: "opened", reference: "opened".to_owned(), words };
    notes::happened(&mut tx, &row.incident, what, (now, row.version)).await?;
    let mut lines = vec![line(now, by.account.as_str(), "incident.open", &row.incident, "")];
    if !row.services.is_empty() {
        let (number, line) = notes::tell_users(desk, &mut tx, &row, now).await?;
        lines.push(line);
        told_by(&mut tx, &row, &number, (by.account.as_str(), now)).await?;
        row.notice = Some(number);
        tx.change_incident(&row).await?;
    }
    notes::queue_mails(desk, &mut tx, &row, now).await?;
    tx.commit(&lines).await?;
    Ok(row.incident)
}

async fn told_by(
    tx: &mut Tx,
    row: &IncidentRow,
    number: &str,
    (actor, now): (&str, Instant),
) -> Result<(), DeskError> {
    let words = (
        format!("利用者へのお知らせ {number} を掲載しました。"),
        format!("Users are told: notice {number}."),
    );
    let what = Happened { actor, kind: "notice", reference: format!("notice/{number}"), words };
    notes::happened(tx, &row.incident, what, (now, row.version)).await?;
    Ok(())
}

/// What a person does with an incident that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doing {
    /// Writes what he sees or does.
    Note(String),
    /// Says that it is so (第17条①).
    Confirm,
    /// Begins to mend it.
    Begin,
    /// Says that it is mended, and since when.
    Recover {
        /// Since when; now, if it is not said.
        at: Option<Instant>,
        /// What was done (処置).
        measures: Option<String>,
    },
    /// Issues the report (別紙3).
    Report,
    /// Closes it, and issues what the report says by then, if it was not issued so.
    Close {
        /// Why nothing has to be done against a recurrence, where that is so.
        no_action: Option<String>,
        /// Why it is closed although something of the report or of the telling is missing.
        incomplete: Option<String>,
    },
    /// Writes a field of the report.
    Field(IncidentField, String),
    /// Says when it is expected to be mended; `None`: nobody knows any more.
    Expect(Option<Instant>),
    /// Says when it began.
    Occurred(Instant),
    /// Says whether data of persons are concerned, and why.
    Concern(Concern, String),
    /// Notes that who entrusted the data was told: when, and what shows it.
    Told(Instant, String),
    /// Tells users: which services they cannot use, and what else they should know.
    TellUsers(Vec<String>, Option<String>),
    /// Ticks that a contact was told.
    Contact(String, Way),
    /// Adds an action against a recurrence: what, by which role, until when.
    Action(String, String, Day),
    /// Notes that an action was done.
    ActionDone(u64),
}

/// Does it. Gives the incident as it is then.
pub async fn act(
    desk: &Desk,
    id: &str,
    doing: &Doing,
    by: &Actor,
    now: Instant,
) -> Result<Incident, DeskError> {
    by.check(Act::ManageIncidents)?;
    let before = look(desk, id).await?;
    let mut row = before.row.clone();
    if row.state == IncidentState::Closed {
        return Err(NotAllowed::Closed.into());
    }
    let (act, words) = decide(desk, &before, doing, (&mut row, now))?;
    let account = by.account.as_str();
    let mut tx = desk.catalog.begin().await?;
    let kind = match doing {
        Doing::Note(_) => "note",
        Doing::Contact(..) => "contact",
        Doing::Action(..) | Doing::ActionDone(_) => "action",
        Doing::Field(..) => "field",
        Doing::Told(..) | Doing::Concern(..) => "persons",
        Doing::TellUsers(..) => "notice",
        _ => "state",
    };
    write_beside(&mut tx, id, doing, (account, now)).await?;
    let is_issued = row.reports != before.row.reports;
    let detail = if is_issued { format!("report version {}", row.reports) } else { String::new() };
    let mut lines = vec![line(now, account, &format!("incident.{act}"), id, &detail)];
    let has_notice = notes::has_own_notice(&mut tx, &row).await?;
    let asks = matches!(doing, Doing::TellUsers(..));
    if asks || (has_notice && changes_notice(doing)) {
        let (number, line) = notes::tell_users(desk, &mut tx, &row, now).await?;
        lines.push(line);
        if row.notice.as_ref() != Some(&number) {
            told_by(&mut tx, &row, &number, (account, now)).await?;
            row.notice = Some(number);
        }
    }
    let reference = if is_issued { report_reference(row.reports) } else { String::new() };
    let what = Happened { actor: account, kind, reference, words };
    notes::happened(&mut tx, id, what, (now, row.version)).await?;
    // Every act counts as a change: two people who act at once on what they saw do not overwrite each other.
    tx.change_incident(&row).await?;
    if row.state != before.row.state {
        notes::queue_mails(desk, &mut tx, &row, now).await?;
    }
    tx.commit(&lines).await?;
    look(desk, id).await
}

/// Whether users read something else after it.
const fn changes_notice(doing: &Doing) -> bool {
    matches!(
        doing,
        Doing::Confirm | Doing::Begin | Doing::Recover { .. } | Doing::Expect(_) | Doing::TellUsers(..)
    )
}

/// What is written in other tables.
async fn write_beside(
    tx: &mut Tx,
    id: &str,
    doing: &Doing,
    (account, now): (&str, Instant),
) -> Result<(), DeskError> {
    match doing {
        Doing::Field(field, text) => tx.set_incident_field(id, *field, text).await?,
        Doing::Recover { measures: Some(text), .. } => {
            tx.set_incident_field(id, IncidentField::Measures, text).await?;
        }
        Doing::TellUsers(_, Some(text)) => tx.set_incident_field(id, IncidentField::Users, text).await?,
        Doing::Contact(contact, way) => {
            let (contact, told_by) = (contact.clone(), account.to_owned());
            tx.tick_contact(id, &TickRow { contact, way: *way, told_at: now, told_by }).await?;
        }
        Doing::Action(what, owner, due) => tx.add_incident_action(id, (what, owner), *due).await?,
        Doing::ActionDone(number) => tx.finish_incident_action((id, *number), account, now).await?,
        Doing::Note(_)
        | Doing::Confirm
        | Doing::Begin
        | Doing::Recover { measures: None, .. }
        | Doing::Report
        | Doing::Close { .. }
        | Doing::Expect(_)
        | Doing::Occurred(_)
        | Doing::Concern(..)
        | Doing::Told(..)
        | Doing::TellUsers(_, None) => {}
    }
    Ok(())
}
