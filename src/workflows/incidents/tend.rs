//! What the service does by itself, on every beat: opens incidents from alarms, one for each cause, writes into each what
//! happens, and says when a cause came back. Doing it twice changes nothing.

use std::collections::BTreeSet;

use crate::catalog::{AlarmRow, IncidentRow, LinkedAlarm, RunLife, Tx};
use crate::domain::alarm::Alarm;
use crate::domain::alarm_code::AlarmCode;
use crate::domain::audit::AuditEntry;
use crate::domain::incident::{IncidentEvent, IncidentField, IncidentState};
use crate::domain::incident_cause::{
    Cause, CauseKind, Placed, Raised, Standing, asks_for_notice, concern, order, place,
};
use crate::domain::monitor_alarm::WHOLE;
use crate::domain::time::Instant;
use crate::workflows::desk::{Desk, DeskError, tokyo};
use crate::workflows::sign_in::line;

use super::notes::{self, Happened};

/// How many runs and drills of a plan are looked at.
const LOOK_BACK: u32 = 50;

/// An alarm with where it belongs.
struct Failing {
    raised: Raised,
    alarm: Alarm,
    /// The notice of the run that it goes back to, which tells users already.
    notice: Option<String>,
}

/// Brings incidents up to date with what fails and what was mended.
pub async fn refresh(desk: &Desk, now: Instant) -> Result<(), DeskError> {
    let (open, linked) = (desk.catalog.open_incidents().await?, desk.catalog.linked_alarms().await?);
    let alarms = desk.catalog.open_alarms().await?;
    let is_linked = |alarm: &Alarm| linked.iter().any(|known| is_same(known, alarm));
    let mut failing = Vec::new();
    for AlarmRow { alarm, .. } in alarms.iter().filter(|row| !is_linked(&row.alarm)) {
        failing.push(resolve(desk, alarm).await?);
    }
    failing.sort_by_key(|one| order(&one.raised));
    // One after the other: what one transaction opens the next one joins.
    match place_all(desk, &open, failing, now).await {
        // Another program did it a moment ago; the next beat looks at the whole.
        Err(DeskError::Stale(_)) => return Ok(()),
        other => other?,
    }
    match write_all(desk, now).await {
        Err(DeskError::Stale(_)) => Ok(()),
        other => other,
    }
}

fn is_same(known: &LinkedAlarm, alarm: &Alarm) -> bool {
    (known.code, &known.subject, known.since) == (alarm.code, &alarm.subject, alarm.since)
}

/// What an alarm belongs to.
async fn resolve(desk: &Desk, alarm: &Alarm) -> Result<Failing, DeskError> {
    let (code, subject, since) = (alarm.code, alarm.subject.clone(), alarm.since);
    let mut raised = Raised { code, subject, since, plan: None, occurrence: None, service: None };
    let mut notice = None;
    match alarm.code {
        AlarmCode::RunRefused => raised.occurrence = Some(alarm.subject.clone()),
        AlarmCode::ServiceStopped => raised.occurrence = stopped_for(desk, &alarm.subject).await?,
        AlarmCode::TargetDown => {
            let target = desk.monitoring.rules.target(&alarm.subject);
            raised.service = target.and_then(|target| target.services.first().cloned());
            if let Some(service) = &raised.service {
                raised.occurrence = stopped_for(desk, service).await?;
            }
        }
        _ => {}
    }
    if let Some(id) = &raised.occurrence
        && let Some(occurrence) = desk.catalog.occurrence(id).await?
    {
        let window = desk.catalog.window(&occurrence.window).await?;
        raised.plan = window.and_then(|window| window.terms.parts().plan.as_ref().map(ToString::to_string));
        let own = desk.catalog.notice_of(&occurrence.window, id).await?;
        let own = own.filter(|row| row.occurrence.is_some() && row.closed_at.is_none());
        notice = own.map(|row| row.notice);
    }
    Ok(Failing { raised, alarm: alarm.clone(), notice })
}

/// The occurrence for which a service was stopped last and does not run again.
async fn stopped_for(desk: &Desk, service: &str) -> Result<Option<String>, DeskError> {
    let stopped = desk.catalog.stopped_services().await?;
    if let Some(row) = stopped.into_iter().rfind(|row| row.service == service) {
        return Ok(Some(row.occurrence));
    }
    let by_hand = desk.catalog.open_hand_stops().await?;
    Ok(by_hand.into_iter().rfind(|row| row.service == service).map(|row| row.occurrence))
}

/// What an alarm is called among the entries of its incident.
pub(in crate::workflows) fn reference_of(alarm: &Alarm) -> String {
    format!("alarm/{}/{}/{}", alarm.code.word(), alarm.subject, alarm.since.as_micros())
}

/// Gives every alarm its place, in one transaction.
async fn place_all(
    desk: &Desk,
    open: &[IncidentRow],
    failing: Vec<Failing>,
    now: Instant,
) -> Result<(), DeskError> {
    let mut standing: Vec<Standing> = open.iter().map(standing_of).collect();
    let is_placed = |one: &Failing| place(&one.raised, &standing) != Placed::Nothing;
    if !failing.iter().any(is_placed) {
        return Ok(());
    }
    let mut tx = desk.catalog.begin().await?;
    let mut lines = Vec::new();
    for one in &failing {
        let id = match place(&one.raised, &standing) {
            Placed::Nothing => continue,
            Placed::Joins(id) => id,
            Placed::Opens(cause) => {
                let row = open_one(desk, &mut tx, cause, one, now).await?;
                lines.push(line(now, "kura", "incident.open", &row.incident, one.raised.code.word()));
                standing.push(standing_of(&row));
                row.incident
            }
        };
        lines.extend(join(desk, &mut tx, &id, one, now).await?);
    }
    if lines.is_empty() { Ok(()) } else { Ok(tx.commit(&lines).await?) }
}

fn standing_of(row: &IncidentRow) -> Standing {
    Standing { incident: row.incident.clone(), cause: row.cause.clone(), state: row.state }
}

/// What is concerned, as far as the cause alone tells.
fn scope(cause: &Cause) -> String {
    let subject = &cause.subject;
    match cause.kind {
        CauseKind::Clock => "このマシンの時計による、バックアップの取得と消去".to_owned(),
        CauseKind::StoredData => format!("計画 {subject} で保管している記録"),
        CauseKind::Store => format!("保管先 {subject} の保護（期限より前に消去させない仕組み）"),
        CauseKind::Source => format!("計画 {subject} の対象（保護しているシステムのデータ）"),
        CauseKind::Service => String::new(),
        CauseKind::Backup => format!("計画 {subject} のバックアップ"),
        CauseKind::Deletion => format!("計画 {subject} の保管期限を過ぎたものの消去"),
        CauseKind::Portal => "利用者へのお知らせの掲載".to_owned(),
        CauseKind::Monitoring if subject == WHOLE => "稼働監視の全体".to_owned(),
        CauseKind::Monitoring => format!("{subject}（稼働監視の対象）"),
        CauseKind::Person => String::new(),
    }
}

/// The title of an incident is short; what it is in full stands in its 障害内容.
fn first_sentence(text: &str, end: &str) -> String {
    text.split_inclusive(end).next().unwrap_or(text).to_owned()
}

async fn open_one(
    desk: &Desk,
    tx: &mut Tx,
    cause: Cause,
    one: &Failing,
    now: Instant,
) -> Result<IncidentRow, DeskError> {
    let scope = scope(&cause);
    let mut row = IncidentRow {
        title: first_sentence(&one.alarm.japanese, "。"),
        title_en: first_sentence(&one.alarm.english, ". ").trim_end().to_owned(),
        // A clock that is wrong cannot say since when.
        occurred_at: Some(one.alarm.since).filter(|since| *since <= now),
        ..IncidentRow::found(cause, "kura".to_owned(), now)
    };
    row.incident = tx.add_incident(&row, tokyo().day_of(now).date().year()).await?;
    let place = format!("Kura の監視（警報 {}）", one.raised.code.word());
    for (field, text) in [
        (IncidentField::Place, &place),
        (IncidentField::Content, &one.alarm.japanese),
        (IncidentField::Scope, &scope),
    ] {
        if !text.is_empty() {
            tx.set_incident_field(&row.incident, field, text).await?;
        }
    }
    let words = ("Kura が障害を検知しました。".to_owned(), "Kura noticed a failure.".to_owned());
    let what = Happened { actor: "kura", kind: "opened", reference: "opened".to_owned(), words };
    notes::happened(tx, &row.incident, what, (now, row.version)).await?;
    notes::queue_mails(desk, tx, &row, now).await?;
    tracing::error!(
        incident.id = row.incident,
        "an incident was opened: `kura incident show` says what to do"
    );
    Ok(row)
}

/// An alarm joins its incident: what it tells is written, users are told where the policy asks for it.
async fn join(
    desk: &Desk,
    tx: &mut Tx,
    id: &str,
    one: &Failing,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let (alarm, code) = (&one.alarm, one.raised.code);
    tx.link_alarm(id, (code, &alarm.subject), alarm.since).await?;
    let mut lines = vec![line(now, "kura", "incident.alarm", id, code.word())];
    let found = tx.incident(id).await?;
    let mut row = found.ok_or_else(|| DeskError::Stale(id.to_owned()))?;
    let words = (format!("警報：{}", alarm.japanese), format!("Alarm: {}", alarm.english));
    let reference = reference_of(alarm);
    let what = Happened { actor: "kura", kind: "alarm", reference, words };
    notes::happened(tx, id, what, (now, row.version)).await?;
    let before = row.clone();
    row.concern = row.concern.max(concern(code));
    if code == AlarmCode::ServiceStopped && !row.services.contains(&alarm.subject) {
        row.services.push(alarm.subject.clone());
    }
    if asks_for_notice(code) && row.notice.is_none() {
        let number = if let Some(number) = &one.notice {
            // Users are told by the notice of the run: a second one would say the same.
            number.clone()
        } else {
            let (number, line) = notes::tell_users(desk, tx, &row, now).await?;
            lines.push(line);
            number
        };
        let words = (
            format!("利用者へのお知らせ {number} で周知しています。"),
            format!("Users are told by notice {number}."),
        );
        let what = Happened { actor: "kura", kind: "notice", reference: format!("notice/{number}"), words };
        notes::happened(tx, id, what, (now, row.version)).await?;
        row.notice = Some(number);
    } else if row.services != before.services && notes::has_own_notice(tx, &row).await? {
        lines.push(notes::tell_users(desk, tx, &row, now).await?.1);
    }
    if row != before {
        tx.change_incident(&row).await?;
    }
    Ok(lines)
}

/// Something to write that is not written yet.
struct ToWrite {
    at: Instant,
    kind: &'static str,
    reference: String,
    words: (String, String),
}

/// Writes into every incident that is not closed what happened since: alarms mended, runs, drills; a cause that came back
/// begins its recovery anew.
async fn write_all(desk: &Desk, now: Instant) -> Result<(), DeskError> {
    let (open, linked) = (desk.catalog.open_incidents().await?, desk.catalog.linked_alarms().await?);
    for row in open {
        let own: Vec<&LinkedAlarm> = linked.iter().filter(|alarm| alarm.incident == row.incident).collect();
        let mut found = mended(&own);
        found.extend(of_plan(desk, &row).await?);
        let known = desk.catalog.incident_entries(&row.incident).await?;
        let known: BTreeSet<&str> = known.iter().map(|entry| entry.reference.as_str()).collect();
        found.retain(|one| !known.contains(one.reference.as_str()));
        let came_back = own.iter().any(|alarm| alarm.cleared_at.is_none());
        let relapsed = row.state.after(IncidentEvent::Relapse).ok().filter(|_| came_back);
        if found.is_empty() && relapsed.is_none() {
            continue;
        }
        let mut tx = desk.catalog.begin().await?;
        let mut lines = Vec::new();
        for one in found {
            let what = Happened { actor: "kura", kind: one.kind, reference: one.reference, words: one.words };
            let detail = what.words.1.clone();
            if notes::happened(&mut tx, &row.incident, what, (one.at, row.version)).await? {
                lines.push(line(now, "kura", "incident.entry", &row.incident, &detail));
            }
        }
        if let Some(state) = relapsed {
            lines.extend(relapse(desk, &mut tx, &row, state, now).await?);
        }
        if !lines.is_empty() {
            tx.commit(&lines).await?;
        }
    }
    Ok(())
}

/// The cause came back after it had been mended: the incident is not over.
async fn relapse(
    desk: &Desk,
    tx: &mut Tx,
    row: &IncidentRow,
    state: IncidentState,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let next = IncidentRow { state, recovered_at: None, ..row.clone() };
    let mut lines = vec![line(now, "kura", "incident.relapse", &row.incident, row.state.word())];
    if notes::has_own_notice(tx, &next).await? {
        lines.push(notes::tell_users(desk, tx, &next, now).await?.1);
    }
    tx.change_incident(&next).await?;
    let words = (
        "同じ原因の警報が再び出たため、復旧作業中に戻しました。".to_owned(),
        "The same cause raised an alarm again: back to recovering.".to_owned(),
    );
    let what = Happened { actor: "kura", kind: "state", reference: String::new(), words };
    notes::happened(tx, &row.incident, what, (now, row.version)).await?;
    Ok(lines)
}

fn mended(own: &[&LinkedAlarm]) -> Vec<ToWrite> {
    let written = own.iter().filter_map(|alarm| {
        let at = alarm.cleared_at?;
        let (code, subject) = (alarm.code.word(), &alarm.subject);
        let reference = format!("cleared/{code}/{subject}/{}", at.as_micros());
        let words = (
            format!("警報が解消しました（{code}：{subject}）。"),
            format!("Alarm over: {code} of {subject}."),
        );
        Some(ToWrite { at, kind: "alarm", reference, words })
    });
    written.collect()
}

/// Runs and drills of the plan of an incident, since it was found.
async fn of_plan(desk: &Desk, row: &IncidentRow) -> Result<Vec<ToWrite>, DeskError> {
    if !matches!(row.cause.kind, CauseKind::Backup | CauseKind::StoredData | CauseKind::Source) {
        return Ok(Vec::new());
    }
    let plan = &row.cause.subject;
    let mut found = Vec::new();
    for run in desk.catalog.last_runs(plan, LOOK_BACK).await? {
        let RunLife::Ended(end) = &run.life else { continue };
        let (at, state) = (end.ended_at, end.state.as_str());
        if at < row.found_at {
            continue;
        }
        let words = (
            format!("計画 {plan} のバックアップの実行が終わりました（{state}）。"),
            format!("A run of {plan} ended: {state}."),
        );
        found.push(ToWrite { at, kind: "run", reference: format!("run/{}", run.start.run), words });
    }
    let drills = desk.catalog.last_drills(LOOK_BACK).await?;
    for drill in drills.iter().filter(|drill| drill.plan == *plan && drill.ended_at >= row.found_at) {
        let words = (
            format!("計画 {plan} の復元の訓練を行いました（{}件、失敗{}件）。", drill.files, drill.failed),
            format!("A restore drill of {plan}: {} files, {} failed.", drill.files, drill.failed),
        );
        let reference = format!("drill/{}", drill.number);
        found.push(ToWrite { at: drill.ended_at, kind: "restore", reference, words });
    }
    Ok(found)
}
