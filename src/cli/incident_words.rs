//! What `kura incident` prints, for people and as JSON, and how it reads what they type.

use serde_json::{Value, json};

use crate::app::Desk;
use crate::domain::time::Instant;
use crate::workflows::incidents::{Concern, Due, Incident, IncidentField, IncidentRow, first_report};

use super::commands::Global;
use super::failure::Failure;
use super::words::{local, print, print_json, table, tokyo};

fn row(row: &IncidentRow) -> Value {
    let at = |at: Option<Instant>| at.map(|at| at.to_string());
    json!({
        "incident": row.incident, "cause": row.cause.kind.word(), "subject": row.cause.subject,
        "state": row.state.word(), "opened_by": row.opened_by, "title": row.title, "title_en": row.title_en,
        "found_at": row.found_at.to_string(), "occurred_at": at(row.occurred_at),
        "expected_at": at(row.expected_at), "recovered_at": at(row.recovered_at), "services": row.services,
        "concern": row.concern.word(), "told_at": at(row.told_at), "told_receipt": row.told_receipt,
        "no_action": row.no_action, "notice": row.notice, "reports": row.reports,
        "reported_at": at(row.reported_at), "closed_at": at(row.closed_at),
    })
}

/// An incident as JSON: contacts by their ids alone.
pub(super) fn shown(incident: &Incident) -> Value {
    let mut value = row(&incident.row);
    let entries = incident.entries.iter().map(|entry| {
        json!({
            "at": entry.at.to_string(), "actor": entry.actor, "kind": entry.kind,
            "ja": entry.japanese, "en": entry.english,
        })
    });
    let alarms = incident.alarms.iter().map(|alarm| {
        json!({
            "code": alarm.code.word(), "subject": alarm.subject, "since": alarm.since.to_string(),
            "cleared_at": alarm.cleared_at.map(|at| at.to_string()),
        })
    });
    let checklist = incident.checklist.iter().map(|one| {
        let ticks = one.ticks.iter().map(
            |tick| json!({ "way": tick.way.word(), "at": tick.told_at.to_string(), "by": tick.told_by }),
        );
        json!({
            "contact": one.contact.id, "group": one.contact.group.word(), "due": one.is_due,
            "told": ticks.collect::<Vec<_>>(), "mail": one.mail,
        })
    });
    let actions = incident.actions.iter().map(|action| {
        json!({
            "number": action.number, "what": action.what, "owner": action.owner, "due": action.due.to_string(),
            "done_at": action.done.as_ref().map(|(at, _)| at.to_string()),
        })
    });
    let timers = incident.timers.map(|timers| {
        json!({
            "first_from": timers.first_from.to_string(), "first_by": timers.first_by.to_string(),
            "second_by": timers.second_by.to_string(),
        })
    });
    let fields: serde_json::Map<String, Value> =
        incident.fields.iter().map(|(field, text)| (field.word().to_owned(), json!(text))).collect();
    if let Some(map) = value.as_object_mut() {
        map.insert("entries".to_owned(), entries.collect());
        map.insert("alarms".to_owned(), alarms.collect());
        map.insert("checklist".to_owned(), checklist.collect());
        map.insert("actions".to_owned(), actions.collect());
        map.insert("fields".to_owned(), Value::Object(fields));
        map.insert("timers".to_owned(), json!(timers));
    }
    value
}

/// The list.
pub(super) fn list(global: &Global, rows: &[IncidentRow]) -> Result<(), Failure> {
    if global.json {
        return print_json(&rows.iter().map(row).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return print("There is no incident that is not closed.\n");
    }
    let cells = rows.iter().map(|row| {
        vec![
            row.incident.clone(),
            row.state.word().to_owned(),
            local(row.found_at, &tokyo()),
            row.title_en.clone(),
        ]
    });
    print(&table(&["INCIDENT", "STATE", "FOUND", "WHAT"], &cells.collect::<Vec<_>>()))
}

/// What the help desk answers.
pub(super) fn help_desk(global: &Global, lines: &[(String, String, String)]) -> Result<(), Failure> {
    if global.json {
        let lines = lines.iter().map(|(id, ja, en)| json!({ "incident": id, "ja": ja, "en": en }));
        return print_json(&lines.collect::<Vec<_>>());
    }
    let mut text = String::new();
    for (id, japanese, english) in lines {
        text.extend([id.as_str(), if id.is_empty() { "" } else { "\n" }, japanese, "\n", english, "\n"]);
    }
    print(&text)
}

/// One incident.
pub(super) fn one(global: &Global, desk: &Desk, incident: &Incident, now: Instant) -> Result<(), Failure> {
    if global.json {
        return print_json(&shown(incident));
    }
    let (row, zone) = (&incident.row, tokyo());
    let mut text =
        format!("{} {} ({})\n{}\n", row.incident, row.state.word(), row.state.japanese(), row.title);
    // What a person wrote is the same in both languages.
    if row.title_en != row.title {
        text.extend([row.title_en.as_str(), "\n"]);
    }
    text.push('\n');
    let at = |at: Option<Instant>| at.map_or_else(|| "-".to_owned(), |at| local(at, &zone));
    text.push_str(&format!(
        "found {}  occurred {}  expected {}  recovered {}\n",
        local(row.found_at, &zone),
        at(row.occurred_at),
        at(row.expected_at),
        at(row.recovered_at)
    ));
    if let Some(notice) = &row.notice {
        text.push_str(&format!("users are told by notice {notice}\n"));
    }
    if let Some(timers) = &incident.timers {
        let due = match first_report(timers, row.told_at, zone.day_of(now)) {
            Due::Done => "told",
            Due::Ahead => "to come",
            Due::Now => "due now",
            Due::Over => "LATE",
        };
        text.push_str(&format!(
            "data of persons: {}; first report {} to {} ({due}), second by {}\n",
            row.concern.word(),
            timers.first_from,
            timers.first_by,
            timers.second_by
        ));
    }
    let is_new = |(_, written): &(&IncidentField, &String)| **written != row.title;
    for (field, written) in incident.fields.iter().filter(is_new) {
        text.push_str(&format!("{}: {written}\n", field.word()));
    }
    text.push_str("\nWhat happened:\n");
    for entry in &incident.entries {
        text.push_str(&format!("  {} {:<10} {}\n", local(entry.at, &zone), entry.actor, entry.japanese));
    }
    text.push_str(&contacts(desk, incident, now));
    text.push_str("\nAgainst a recurrence:\n");
    for action in &incident.actions {
        let done = if action.done.is_some() { "done" } else { "open" };
        text.push_str(&format!(
            "  {} {done} until {} {}: {}\n",
            action.number, action.due, action.owner, action.what
        ));
    }
    if incident.actions.is_empty() {
        text.push_str(
            &row.no_action.as_ref().map_or_else(
                || "  nothing is decided yet\n".to_owned(),
                |why| format!("  not needed: {why}\n"),
            ),
        );
    }
    print(&text)
}

/// Who is to be told, with the text to read out.
fn contacts(desk: &Desk, incident: &Incident, now: Instant) -> String {
    let mut text = "\nWho is told (別紙4):\n".to_owned();
    if let Some(trouble) = &desk.incidents.trouble {
        text.push_str(&format!("  nobody: {trouble}\n"));
    } else if incident.checklist.is_empty() {
        text.push_str("  nobody: there is no contacts.toml in the home\n");
    }
    for one in &incident.checklist {
        let told = one
            .ticks
            .iter()
            .map(|tick| format!("{} {} by {}", tick.way.word(), local(tick.told_at, &tokyo()), tick.told_by));
        let told: Vec<String> = told.collect();
        let standing = match (told.is_empty(), one.is_due) {
            (false, _) => told.join(", "),
            (true, true) => "TO BE TOLD".to_owned(),
            (true, false) => "not yet".to_owned(),
        };
        text.push_str(&format!("  {} ({}): {standing}\n", one.contact.id, one.contact.group.word()));
        if one.is_due && one.ticks.is_empty() {
            for (way, number) in one.by_hand() {
                text.push_str(&format!("    {} {number} {}\n", way.word(), one.contact.name));
            }
        }
    }
    if incident.checklist.iter().any(|one| one.is_due && one.ticks.is_empty() && !one.by_hand().is_empty()) {
        text.push_str("  To read out:\n");
        for line in incident.call(desk, now).lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// A time as somebody typed it, in Tokyo.
pub(super) fn time(text: &str) -> Result<Instant, Failure> {
    let wrong = || Failure::Usage(format!("{text:?} is no time: write for example \"2026-11-23 09:30\""));
    let (day, time) = text.trim().split_once([' ', 'T']).ok_or_else(wrong)?;
    let (day, time) = (day.parse().map_err(|_| wrong())?, time.parse().map_err(|_| wrong())?);
    Ok(tokyo().at(day, time))
}

/// An answer about data of persons, as somebody typed it.
pub(super) fn concern(text: &str) -> Result<Concern, Failure> {
    Concern::of_word(text)
        .ok_or_else(|| Failure::Usage(format!("{text:?} is not none, possible or on-purpose")))
}

/// A field of the report, as somebody typed it.
pub(super) fn field(text: &str) -> Result<IncidentField, Failure> {
    IncidentField::of_word(text).ok_or_else(|| {
        let known: Vec<&str> = IncidentField::ALL.into_iter().map(IncidentField::word).collect();
        Failure::Usage(format!("there is no field {text}; the fields are {}", known.join(", ")))
    })
}
