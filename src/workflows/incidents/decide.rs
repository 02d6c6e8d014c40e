//! What becomes of an incident by what a person does with it, and the words in which that is written: nothing is written here.

use crate::catalog::IncidentRow;
use crate::domain::calendar::wareki;
use crate::domain::incident::{IncidentEvent, NotAllowed};
use crate::domain::incident_clock::Concern;
use crate::domain::incident_closing::{ToClose, may_close};
use crate::domain::incident_contact::Way;
use crate::domain::incident_time::{IncidentTime, KnownTimes, check_time, is_due_day};
use crate::domain::incident_words::moment;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::{Desk, DeskError, tokyo};

use super::notes::is_text;
use super::people::Doing;
use super::{Incident, Lacking};

/// Japanese and English.
type Words = (String, String);

/// What becomes of the row, with the name of the act and the words of its entry.
pub(super) fn decide(
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
            if !row.state.lasts() {
                return Err(NotAllowed::Mended.into());
            }
            if let Some(at) = at {
                time(IncidentTime::Expected, *at, (row, now))?;
            }
            row.expected_at = *at;
            let words = at.map_or_else(
                || w("復旧予定：未定", "Recovery: not known"),
                |at| (format!("復旧予定：{}", moment(at, &zone)), format!("Recovery expected: {at}")),
            );
            ("expect", words)
        }
        Doing::Occurred(at) => {
            time(IncidentTime::Occurred, *at, (row, now))?;
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
            time(IncidentTime::Told, *at, (row, now))?;
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
        Doing::Contact(id, way) => ("contact", told_contact(desk, before, (id, *way))?),
        Doing::Action(what, owner, due) => ("action", action((what, owner), *due, now)?),
        Doing::ActionDone(number) => ("action-done", action_done(before, *number)?),
    })
}

fn action((what, owner): (&str, &str), due: Day, now: Instant) -> Result<Words, DeskError> {
    is_text(what)?;
    is_text(owner)?;
    if !is_due_day(due, tokyo().day_of(now)) {
        return Err(NotAllowed::DueOver(due).into());
    }
    let ja = format!("再発防止策：{what}（担当 {owner}、期限 {}）", wareki(due));
    Ok((ja, format!("Against a recurrence: {what} ({owner}, until {due})")))
}

fn action_done(before: &Incident, number: u64) -> Result<Words, DeskError> {
    let action = before.actions.iter().find(|action| action.number == number);
    let none = || DeskError::None { what: "action with number", id: number.to_string() };
    if action.ok_or_else(none)?.done.is_some() {
        return Err(NotAllowed::DoneAlready(number).into());
    }
    Ok((format!("再発防止策 {number} を終えました。"), format!("Action {number} is done.")))
}

fn time(time: IncidentTime, at: Instant, (row, now): (&IncidentRow, Instant)) -> Result<(), NotAllowed> {
    let known = KnownTimes { found: row.found_at, occurred: row.occurred_at, recovered: row.recovered_at };
    Ok(check_time(time, at, &known, now)?)
}

/// The words that say that a contact was told, if there is such a contact and he can be told so.
fn told_contact(desk: &Desk, before: &Incident, (id, way): (&str, Way)) -> Result<Words, DeskError> {
    let contact = desk.incidents.contacts.iter().find(|contact| contact.id == id);
    let contact = contact.ok_or_else(|| DeskError::None { what: "contact", id: id.to_owned() })?;
    if contact.reached(way).is_none() {
        return Err(NotAllowed::NoWay.into());
    }
    let own = before.checklist.iter().find(|one| one.contact.id == id);
    if own.is_some_and(|one| one.ticks.iter().any(|tick| tick.way == way)) {
        return Err(NotAllowed::ToldAlready.into());
    }
    let ((group, group_en), (how, how_en)) = (contact.group.names(), way.names());
    let ja = format!("{group}（{id}）に{how}で連絡しました。");
    Ok((ja, format!("Told {group_en} ({id}) by {how_en}.")))
}

/// The report is issued; gives its version.
fn issue(row: &mut IncidentRow, now: Instant) -> u64 {
    row.reports = row.reports.saturating_add(1);
    row.reported_at = Some(now);
    row.reports
}

/// What is written when an incident is closed: what is missing and why that may be, and the version that is issued with it.
fn closed(excuse: Option<(&str, &Lacking)>, issued: Option<u64>) -> Words {
    let (mut ja, mut en) = ("対応を完了しました。".to_owned(), "Closed.".to_owned());
    if let Some((why, lacking)) = excuse {
        ja.push_str(&format!("{}その理由：{why}", lacking.japanese()));
        en.push_str(&format!(" Although {lacking}: {why}"));
    }
    if let Some(number) = issued {
        let begin = if excuse.is_some() { "（" } else { "" };
        let end = if excuse.is_some() { "）" } else { "" };
        ja.push_str(&format!("{begin}障害報告書の最終版（第{number}版）を発行しました。{end}"));
        en.push_str(&format!(" Report issued, version {number}, the last one."));
    }
    (ja, en)
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
            time(IncidentTime::Recovered, at, (row, now))?;
            row.recovered_at = Some(at);
            (format!("復旧しました（{}）。", moment(at, &tokyo())), format!("Mended ({at})."))
        }
        Doing::Report => {
            let number = issue(row, now);
            (
                format!("障害報告書を発行しました（第{number}版）。"),
                format!("Report issued, version {number}."),
            )
        }
        Doing::Close { no_action, incomplete } => {
            for text in no_action.iter().chain(incomplete) {
                is_text(text)?;
            }
            if let Some(text) = no_action {
                row.no_action = Some(text.clone());
            }
            let lacking = before.lacking();
            may_close(ToClose {
                state: row.state,
                lasting: before.lasting(),
                actions: before.actions.len(),
                needs_none: row.no_action.is_some(),
                concerns_persons: row.concern != Concern::None,
                is_told: row.told_at.is_some(),
                lacking: &lacking,
                is_excused: incomplete.is_some(),
            })?;
            row.closed_at = Some(now);
            let excuse = incomplete.as_deref().filter(|_| !lacking.is_nothing());
            let is_stale = before.since_report() > 0
                || *row != IncidentRow { closed_at: row.closed_at, ..before.row.clone() };
            let issued = (is_stale || excuse.is_some()).then(|| issue(row, now));
            closed(excuse.map(|why| (why, &lacking)), issued)
        }
        _ => w("状況を確認し、障害と判断しました（第17条①）。", "Confirmed to be a failure."),
    };
    row.state = after;
    Ok((event.word(), words))
}
