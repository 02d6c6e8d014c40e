//! What persons do with an incident: open one, write what they see and do, tell those concerned, report, close. Each act
//! leaves an entry with their account, and a line in the audit log.

use crate::catalog::{IncidentRow, TickRow, Tx};
use crate::domain::actor::Actor;
use crate::domain::incident::{IncidentEvent, IncidentField, IncidentState, NotAllowed, ToClose, may_close};
use crate::domain::incident_cause::{Cause, CauseKind};
use crate::domain::incident_clock::Concern;
use crate::domain::incident_contact::Way;
use crate::domain::incident_words::moment;
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::{Desk, DeskError, tokyo};
use crate::workflows::sign_in::line;

use super::notes::{self, Happened, is_text, past};
use super::{Incident, look};

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
}

/// Opens an incident that a person noticed; gives its number. Users are told if services are named.
pub async fn open(desk: &Desk, new: &New, by: &Actor, now: Instant) -> Result<String, DeskError> {
    by.check(Act::ManageIncidents)?;
    is_text(&new.content)?;
    for text in new.place.iter().chain(&new.scope).chain(&new.services) {
        is_text(text)?;
    }
    past(new.found_at, "the time of finding", now)?;
    past(new.occurred_at, "the time of the failure", now)?;
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
    /// Closes it.
    Close {
        /// Why nothing has to be done against a recurrence, where that is so.
        no_action: Option<String>,
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
        let event = IncidentEvent::Close;
        return Err(NotAllowed::State { state: row.state, event }.into());
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
    let mut lines = vec![line(now, account, &format!("incident.{act}"), id, "")];
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
    let what = Happened { actor: account, kind, reference: String::new(), words };
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

type Words = (String, String);

/// What becomes of the row, with the name of the act and the words of its entry.
fn decide(
    desk: &Desk,
    before: &Incident,
    doing: &Doing,
    (row, now): (&mut IncidentRow, Instant),
) -> Result<(&'static str, Words), DeskError> {
    let w = |ja: &str, en: &str| (ja.to_owned(), en.to_owned());
    let zone = tokyo();
    Ok(match doing {
        Doing::Note(text) => {
            is_text(text)?;
            ("note", (text.clone(), text.clone()))
        }
        Doing::Confirm | Doing::Begin | Doing::Recover { .. } | Doing::Report | Doing::Close { .. } => {
            step(before, doing, (row, now))?
        }
        Doing::Field(field, text) => {
            is_text(text)?;
            let (ja, en) = field.names();
            ("field", (format!("{ja}：{text}"), format!("{en}: {text}")))
        }
        Doing::Expect(at) => {
            if at.is_some_and(|at| at <= now) {
                return Err(NotAllowed::Time("the time of recovery").into());
            }
            row.expected_at = *at;
            let words = at.map_or_else(
                || w("復旧予定：未定", "Recovery: not known"),
                |at| (format!("復旧予定：{}", moment(at, &zone)), format!("Recovery expected: {at}")),
            );
            ("expect", words)
        }
        Doing::Occurred(at) => {
            past(Some(*at), "the time of the failure", now)?;
            row.occurred_at = Some(*at);
            ("occurred", (format!("発生日時：{}", moment(*at, &zone)), format!("It began: {at}")))
        }
        Doing::Concern(concern, why) => {
            is_text(why)?;
            row.concern = *concern;
            let (ja, en) = concern.names();
            ("concern", (format!("{ja}（{why}）"), format!("{en} ({why})")))
        }
        Doing::Told(at, receipt) => {
            is_text(receipt)?;
            past(Some(*at), "the time of telling", now)?;
            (row.told_at, row.told_receipt) = (Some(*at), Some(receipt.clone()));
            let ja = format!("委託元へ通知しました（{}、控え：{receipt}）", moment(*at, &zone));
            ("told", (ja, format!("Who entrusted the data was told ({at}, receipt: {receipt})")))
        }
        Doing::TellUsers(services, text) => {
            for one in services.iter().chain(text) {
                is_text(one)?;
            }
            if services.is_empty() && text.is_none() && row.services.is_empty() {
                return Err(NotAllowed::NothingToTell.into());
            }
            if !services.is_empty() {
                row.services.clone_from(services);
            }
            ("tell-users", w("利用者へ周知しました。", "Users were told."))
        }
        Doing::Contact(id, way) => ("contact", told_contact(desk, id, *way)?),
        Doing::Action(what, owner, due) => {
            is_text(what)?;
            is_text(owner)?;
            let ja = format!("再発防止策：{what}（担当 {owner}、期限 {due}）");
            ("action", (ja, format!("Against a recurrence: {what} ({owner}, until {due})")))
        }
        Doing::ActionDone(number) => (
            "action-done",
            (format!("再発防止策 {number} を終えました。"), format!("Action {number} is done.")),
        ),
    })
}

/// The words that say that a contact was told, if there is such a contact and he can be told so.
fn told_contact(desk: &Desk, id: &str, way: Way) -> Result<Words, DeskError> {
    let contact = desk.incidents.contacts.iter().find(|contact| contact.id == id);
    let contact = contact.ok_or_else(|| DeskError::None { what: "contact", id: id.to_owned() })?;
    if contact.reached(way).is_none() {
        return Err(NotAllowed::NoWay.into());
    }
    let ((group, group_en), (how, how_en)) = (contact.group.names(), way.names());
    let ja = format!("{group}（{id}）に{how}で連絡しました。");
    Ok((ja, format!("Told {group_en} ({id}) by {how_en}.")))
}

/// A step from one state to the next.
fn step(
    before: &Incident,
    doing: &Doing,
    (row, now): (&mut IncidentRow, Instant),
) -> Result<(&'static str, Words), DeskError> {
    let w = |ja: &str, en: &str| (ja.to_owned(), en.to_owned());
    let event = match doing {
        Doing::Begin => IncidentEvent::Begin,
        Doing::Recover { .. } => IncidentEvent::Recover,
        Doing::Report => IncidentEvent::Report,
        Doing::Close { .. } => IncidentEvent::Close,
        _ => IncidentEvent::Confirm,
    };
    let after = row.state.after(event)?;
    let words = match doing {
        Doing::Begin => w("復旧作業を始めました。", "Mending begins."),
        Doing::Recover { at, measures } => {
            if before.lasting() > 0 {
                return Err(NotAllowed::AlarmsLast(before.lasting()).into());
            }
            if let Some(text) = measures {
                is_text(text)?;
            }
            let at = at.unwrap_or(now);
            if at > now || at < row.occurred_at.unwrap_or(row.found_at).min(row.found_at) {
                return Err(NotAllowed::Time("the time of recovery").into());
            }
            row.recovered_at = Some(at);
            (format!("復旧しました（{}）。", moment(at, &tokyo())), format!("Mended ({at})."))
        }
        Doing::Report => {
            row.reports = row.reports.saturating_add(1);
            row.reported_at = Some(now);
            let number = row.reports;
            (
                format!("障害報告書を発行しました（第{number}版）。"),
                format!("Report issued, version {number}."),
            )
        }
        Doing::Close { no_action } => {
            if let Some(text) = no_action {
                is_text(text)?;
                row.no_action = Some(text.clone());
            }
            may_close(ToClose {
                state: row.state,
                lasting: before.lasting(),
                actions: before.actions.len(),
                needs_none: row.no_action.is_some(),
                concerns_persons: row.concern != Concern::None,
                is_told: row.told_at.is_some(),
            })?;
            row.closed_at = Some(now);
            w("対応を完了しました。", "Closed.")
        }
        _ => w("状況を確認し、障害と判断しました（第17条①）。", "Confirmed to be a failure."),
    };
    row.state = after;
    Ok((event.word(), words))
}
