//! Incidents (障害, 別紙3, 別紙4): opened by the service from alarms or by a person, written as they happen, told of,
//! reported, closed. The rules are in `domain::incident`; which alarms have one cause, in `domain::incident_cause`.
//!
//! `tend` is the service's part, on every beat; `people` what persons do; both write through `notes`.

use std::collections::BTreeMap;

use crate::catalog::Place;
use crate::domain::incident_clock::{Timers, timers};
use crate::domain::incident_contact::{Contact, Way};
use crate::domain::incident_words::{NOTHING_OPEN, Told};
use crate::domain::time::Instant;

use super::desk::{Desk, DeskError, tokyo};

pub use crate::catalog::{ActionRow, EntryRow, IncidentRow, LinkedAlarm, MailRow, TickRow};
pub use crate::domain::incident::{IncidentEvent, IncidentField, IncidentState, NotAllowed};
pub use crate::domain::incident_cause::CauseKind;
pub use crate::domain::incident_clock::{Concern, Due, NINE_ITEMS, first_report};
pub use crate::domain::incident_closing::Lacking;
pub use crate::domain::incident_contact::Group;

/// Which open incident a new one may be.
mod alike;

/// What becomes of an incident by what a person does.
mod decide;

/// Mails to contacts.
pub mod mails;

/// Entries, fields and notices, as their causes write them.
mod notes;

/// What persons do.
pub mod people;

/// What the service does by itself.
pub mod tend;

/// Somebody who is to be told, and how he was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToTell {
    /// Who.
    pub contact: Contact,
    /// Whether he is to be told as the incident stands.
    pub is_due: bool,
    /// How he was told.
    pub ticks: Vec<TickRow>,
    /// How far Kura's mail to him is: the newest one's state.
    pub mail: Option<String>,
}

impl ToTell {
    /// The ways in which a person tells him: what Kura does not do.
    pub fn by_hand(&self) -> Vec<(Way, &str)> {
        let ways = [Way::Phone, Way::Fax].into_iter();
        ways.filter_map(|way| self.contact.reached(way).map(|number| (way, number))).collect()
    }
}

/// Which version of the report is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edition {
    /// None that was issued: what would become the version of this number.
    Draft(u64),
    /// The version of this number, as it was issued.
    Issued(u64),
}

/// What the entry is called with which a version of the report was issued.
pub(super) fn report_reference(version: u64) -> String {
    format!("report/{version}")
}

/// An incident with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The incident.
    pub row: IncidentRow,
    /// What happened, oldest first.
    pub entries: Vec<EntryRow>,
    /// Its alarms, oldest first.
    pub alarms: Vec<LinkedAlarm>,
    /// What people wrote.
    pub fields: BTreeMap<IncidentField, String>,
    /// Who is to be told, in the order of 別紙4.
    pub checklist: Vec<ToTell>,
    /// Who was told and is no contact any more.
    pub former: Vec<TickRow>,
    /// What is done against a recurrence.
    pub actions: Vec<ActionRow>,
    /// The days by which somebody must be told, if data of persons are concerned.
    pub timers: Option<Timers>,
}

impl Incident {
    /// A field, if somebody wrote it.
    pub fn field(&self, field: IncidentField) -> Option<&str> {
        self.fields.get(&field).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The alarms that last.
    pub fn lasting(&self) -> usize {
        self.alarms.iter().filter(|alarm| alarm.cleared_at.is_none()).count()
    }

    /// The entry with which the report was issued last.
    fn issued(&self) -> Option<u64> {
        let reference = report_reference(self.row.reports);
        self.entries.iter().find(|entry| entry.reference == reference).map(|entry| entry.number)
    }

    /// How much happened since the report was issued: each change leaves an entry, and none of these stands in that version.
    pub fn since_report(&self) -> usize {
        let issued = self.issued().unwrap_or_default();
        self.entries.iter().filter(|entry| entry.number > issued).count()
    }

    /// The version that is printed: the one that was issued last if it says what there is to say, else a draft. Closing issues
    /// what was not issued, and nothing changes after it.
    pub fn edition(&self) -> Edition {
        let issued = self.row.reports;
        let is_issued = self.row.state == IncidentState::Closed || (issued > 0 && self.since_report() == 0);
        if is_issued { Edition::Issued(issued) } else { Edition::Draft(issued.saturating_add(1)) }
    }

    /// The entries that stand in that version: a mail may have come after it.
    pub fn printed(&self) -> impl Iterator<Item = &EntryRow> {
        let until = match self.edition() {
            Edition::Issued(_) => self.issued(),
            Edition::Draft(_) => None,
        };
        self.entries.iter().filter(move |entry| until.is_none_or(|until| entry.number <= until))
    }

    /// What is missing of the report and of the telling.
    pub fn lacking(&self) -> Lacking {
        let needed = [
            IncidentField::Place,
            IncidentField::Content,
            IncidentField::Scope,
            IncidentField::Cause,
            IncidentField::Measures,
        ];
        // Services that cannot be used are what is concerned.
        let is_there = |field: IncidentField| {
            self.field(field).is_some() || (field == IncidentField::Scope && !self.row.services.is_empty())
        };
        let untold = self.checklist.iter().filter(|one| one.is_due && one.ticks.is_empty());
        Lacking {
            fields: needed.into_iter().filter(|field| !is_there(*field)).collect(),
            contacts: untold.map(|one| one.contact.id.clone()).collect(),
        }
    }

    /// What is read out by phone and sent by FAX: Japanese.
    pub fn call(&self, desk: &Desk, now: Instant) -> String {
        with_told(desk, (&self.row, &self.fields), now, call_of)
    }

    /// What the help desk answers: Japanese and English.
    pub fn help_desk(&self, desk: &Desk, now: Instant) -> (String, String) {
        with_told(desk, (&self.row, &self.fields), now, help_desk_of)
    }
}

fn call_of(told: &Told<'_>) -> String {
    told.call()
}

fn help_desk_of(told: &Told<'_>) -> (String, String) {
    told.help_desk()
}

/// What words need of an incident.
fn with_told<T>(
    desk: &Desk,
    (row, fields): (&IncidentRow, &BTreeMap<IncidentField, String>),
    now: Instant,
    make: impl FnOnce(&Told<'_>) -> T,
) -> T {
    let field = |field: IncidentField| fields.get(&field).map_or("", String::as_str);
    let content = field(IncidentField::Content);
    make(&Told {
        sender: &desk.sender,
        incident: &row.incident,
        state: row.state,
        services: &row.services,
        content: if content.is_empty() { &row.title } else { content },
        scope: field(IncidentField::Scope),
        found_at: row.found_at,
        expected_at: row.expected_at,
        recovered_at: row.recovered_at,
        zone: &tokyo(),
        now,
    })
}

/// An incident, whole.
pub async fn look(desk: &Desk, id: &str) -> Result<Incident, DeskError> {
    let found = desk.catalog.incident(id).await?;
    let row = found.ok_or_else(|| DeskError::None { what: "incident", id: id.to_owned() })?;
    let (ticks, mails) = (desk.catalog.incident_ticks(id).await?, desk.catalog.incident_mails(id).await?);
    let told = |contact: &Contact| ToTell {
        contact: contact.clone(),
        is_due: contact.group.is_told(row.state, !row.services.is_empty()),
        ticks: ticks.iter().filter(|tick| tick.contact == contact.id).cloned().collect(),
        mail: mails.iter().rfind(|mail| mail.contact == contact.id).map(|mail| mail.state.clone()),
    };
    let contacts = &desk.incidents.contacts;
    let mut checklist: Vec<ToTell> = contacts.iter().map(told).collect();
    checklist.sort_by_key(|one| one.contact.group);
    let is_former = |tick: &&TickRow| !contacts.iter().any(|contact| contact.id == tick.contact);
    Ok(Incident {
        entries: desk.catalog.incident_entries(id).await?,
        alarms: desk.catalog.alarms_of(id).await?,
        fields: desk.catalog.incident_fields(id).await?,
        former: ticks.iter().filter(is_former).cloned().collect(),
        actions: desk.catalog.incident_actions(id).await?,
        timers: timers(row.found_at, row.concern, &tokyo()),
        checklist,
        row,
    })
}

/// At most `limit` incidents, newest first: those that are not closed, or all.
pub async fn list(desk: &Desk, all: bool, limit: u32) -> Result<Vec<IncidentRow>, DeskError> {
    let newest = Place { at: Instant::from_micros(i64::MAX), id: String::new() };
    Ok(desk.catalog.incidents_page(&newest, if all { "" } else { "open" }, limit).await?)
}

/// What the help desk answers now (第15条⑦), one line for each incident that is not closed and was not mended for long, each
/// with its number; Japanese and English.
pub async fn help_desk(desk: &Desk, now: Instant) -> Result<Vec<(String, String, String)>, DeskError> {
    let mut lines = Vec::new();
    for row in desk.catalog.open_incidents().await? {
        let fields = desk.catalog.incident_fields(&row.incident).await?;
        let (japanese, english) = with_told(desk, (&row, &fields), now, help_desk_of);
        lines.push((row.incident, japanese, english));
    }
    if lines.is_empty() {
        lines.push((String::new(), NOTHING_OPEN.0.to_owned(), NOTHING_OPEN.1.to_owned()));
    }
    Ok(lines)
}
