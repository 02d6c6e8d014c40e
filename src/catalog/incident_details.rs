//! What belongs to an incident: what happened, what people wrote, who was told, mails, actions against a recurrence.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::incident::IncidentField;
use crate::domain::incident_contact::Way;
use crate::domain::time::{Day, Instant};

/// The next number of its incident; nothing that is told already is told again.
const ADD_ENTRY: &str = "
INSERT INTO incident_entries (incident, number, at, actor, kind, reference, japanese, english)
SELECT $1, COALESCE((SELECT MAX(number) FROM incident_entries WHERE incident = $1), 0) + 1, $2, $3, $4, $5, $6, $7
WHERE NOT EXISTS (SELECT 1 FROM incident_entries WHERE incident = $1 AND reference = $5)";

const ENTRIES: &str = "
SELECT incident, number, at, actor, kind, reference, japanese, english
FROM incident_entries
WHERE incident = $1
ORDER BY at, number
LIMIT 10000";

const SET_FIELD: &str = "
INSERT INTO incident_fields (incident, field, text)
VALUES ($1, $2, $3)
ON CONFLICT (incident, field) DO UPDATE SET text = excluded.text";

const FIELDS: &str = "
SELECT incident, field, text
FROM incident_fields
WHERE incident = $1
ORDER BY field
LIMIT 100";

const TICK: &str = "
INSERT INTO incident_contacts (incident, contact, way, told_at, told_by)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (incident, contact, way) DO NOTHING";

const TICKS: &str = "
SELECT incident, contact, way, told_at, told_by
FROM incident_contacts
WHERE incident = $1
ORDER BY told_at, contact, way
LIMIT 10000";

const ADD_ACTION: &str = "
INSERT INTO incident_actions (incident, number, what, owner, due)
SELECT $1, COALESCE((SELECT MAX(number) FROM incident_actions WHERE incident = $1), 0) + 1, $2, $3, $4";

const FINISH_ACTION: &str = "
UPDATE incident_actions
SET done_at = $3, done_by = $4
WHERE incident = $1 AND number = $2 AND done_at IS NULL";

const ACTIONS: &str = "
SELECT incident, number, what, owner, due, done_at, done_by
FROM incident_actions
WHERE incident = $1
ORDER BY number
LIMIT 10000";

const ADD_MAIL: &str = "
INSERT INTO incident_mails (message, incident, contact, state, attempts, next_at)
VALUES ($1, $2, $3, 'queued', 0, $4)
ON CONFLICT (message) DO NOTHING";

const DUE_MAILS: &str = "
SELECT message, incident, contact, state, attempts, next_at
FROM incident_mails
WHERE state = 'queued' AND next_at <= $1
ORDER BY next_at, message
LIMIT $2";

const MAILS_OF: &str = "
SELECT message, incident, contact, state, attempts, next_at
FROM incident_mails
WHERE incident = $1
ORDER BY message
LIMIT 10000";

/// Takes a mail: of two senders one has the right number of attempts.
const TAKE_MAIL: &str = "
UPDATE incident_mails
SET attempts = attempts + 1, next_at = $3
WHERE message = $1 AND state = 'queued' AND attempts = $2";

const END_MAIL: &str = "
UPDATE incident_mails
SET state = $2, ended_at = $3
WHERE message = $1 AND state = 'queued'";

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryRow {
    /// Its place, from 1; counted when it is added.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// `kura`, or an account.
    pub actor: String,
    /// What kind: `alarm`, `note`, `contact` ….
    pub kind: String,
    /// What it tells of: nothing is told twice.
    pub reference: String,
    /// The sentence in Japanese.
    pub japanese: String,
    /// The sentence in English.
    pub english: String,
}

/// That a contact was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TickRow {
    /// The contact's id.
    pub contact: String,
    /// How.
    pub way: Way,
    /// When.
    pub told_at: Instant,
    /// `kura`, or an account.
    pub told_by: String,
}

/// Something that is done against a recurrence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActionRow {
    /// From 1; counted when it is added.
    pub number: u64,
    /// What is done.
    pub what: String,
    /// Which role or department does it.
    pub owner: String,
    /// Until when.
    pub due: Day,
    /// When it was done, and who said so.
    pub done: Option<(Instant, String)>,
}

/// A mail to a contact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailRow {
    /// The same for every attempt.
    pub message: String,
    /// The incident.
    pub incident: String,
    /// The contact's id.
    pub contact: String,
    /// `queued`, `delivered`, `given_up`.
    pub state: String,
    /// Attempts so far.
    pub attempts: u32,
}

impl Catalog {
    /// What happened in an incident, oldest first.
    pub async fn incident_entries(&self, incident: &str) -> Result<Vec<EntryRow>, CatalogError> {
        let rows = sqlx::query(ENTRIES).bind(incident).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(entry).collect()
    }

    /// What people wrote about an incident.
    pub async fn incident_fields(
        &self,
        incident: &str,
    ) -> Result<BTreeMap<IncidentField, String>, CatalogError> {
        let rows = sqlx::query(FIELDS).bind(incident).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(field).collect()
    }

    /// Who was told of an incident, in the order of telling.
    pub async fn incident_ticks(&self, incident: &str) -> Result<Vec<TickRow>, CatalogError> {
        let rows = sqlx::query(TICKS).bind(incident).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(tick).collect()
    }

    /// What is done against a recurrence.
    pub async fn incident_actions(&self, incident: &str) -> Result<Vec<ActionRow>, CatalogError> {
        let rows = sqlx::query(ACTIONS).bind(incident).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(action).collect()
    }

    /// The mails of an incident.
    pub async fn incident_mails(&self, incident: &str) -> Result<Vec<MailRow>, CatalogError> {
        let rows = sqlx::query(MAILS_OF).bind(incident).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(mail).collect()
    }

    /// The mails that are due, at most `limit`.
    pub async fn due_incident_mails(&self, now: Instant, limit: u32) -> Result<Vec<MailRow>, CatalogError> {
        let query = sqlx::query(DUE_MAILS).bind(now.as_micros()).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(mail).collect()
    }

    /// Takes a mail for sending until `next`; whether no other sender was quicker.
    pub async fn take_incident_mail(&self, mail: &MailRow, next: Instant) -> Result<bool, CatalogError> {
        let query =
            sqlx::query(TAKE_MAIL).bind(&mail.message).bind(i64::from(mail.attempts)).bind(next.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }
}

impl Tx {
    /// What people wrote about an incident, as this transaction sees it.
    pub async fn incident_fields(
        &mut self,
        incident: &str,
    ) -> Result<BTreeMap<IncidentField, String>, CatalogError> {
        let rows = sqlx::query(FIELDS).bind(incident).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(field).collect()
    }

    /// Adds what happened. Whether it was not told already.
    pub async fn add_incident_entry(
        &mut self,
        incident: &str,
        entry: &EntryRow,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query(ADD_ENTRY)
            .bind(incident)
            .bind(entry.at.as_micros())
            .bind(&entry.actor)
            .bind(&entry.kind)
            .bind(&entry.reference)
            .bind(&entry.japanese)
            .bind(&entry.english);
        let done = query.execute(self.connection()).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() == 1)
    }

    /// Writes a field.
    pub async fn set_incident_field(
        &mut self,
        incident: &str,
        field: IncidentField,
        text: &str,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(SET_FIELD).bind(incident).bind(field.word()).bind(text);
        self.changed_one(query, "incident_fields", incident).await
    }

    /// Notes that a contact was told. `Stale` if that is noted already.
    pub async fn tick_contact(&mut self, incident: &str, tick: &TickRow) -> Result<(), CatalogError> {
        let query = sqlx::query(TICK)
            .bind(incident)
            .bind(&tick.contact)
            .bind(tick.way.word())
            .bind(tick.told_at.as_micros())
            .bind(&tick.told_by);
        self.changed_one(query, "incident_contacts", incident).await
    }

    /// Adds an action against a recurrence.
    pub async fn add_incident_action(
        &mut self,
        incident: &str,
        (what, owner): (&str, &str),
        due: Day,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(ADD_ACTION).bind(incident).bind(what).bind(owner).bind(due.to_string());
        self.changed_one(query, "incident_actions", incident).await
    }

    /// Notes that an action was done. `Stale` if there is none, or that is noted already.
    pub async fn finish_incident_action(
        &mut self,
        (incident, number): (&str, u64),
        by: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(FINISH_ACTION)
            .bind(incident)
            .bind(stored(number, "incident_actions", "number")?)
            .bind(now.as_micros())
            .bind(by);
        self.changed_one(query, "incident_actions", incident).await
    }

    /// Queues a mail. Whether it was not queued before.
    pub async fn queue_incident_mail(
        &mut self,
        (message, incident): (&str, &str),
        contact: &str,
        now: Instant,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query(ADD_MAIL).bind(message).bind(incident).bind(contact).bind(now.as_micros());
        let done = query.execute(self.connection()).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected() == 1)
    }

    /// Ends a mail: it was delivered, or is given up. `Stale` if it had ended.
    pub async fn end_incident_mail(
        &mut self,
        message: &str,
        is_delivered: bool,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let state = if is_delivered { "delivered" } else { "given_up" };
        let query = sqlx::query(END_MAIL).bind(message).bind(state).bind(now.as_micros());
        self.changed_one(query, "incident_mails", message).await
    }
}

fn entry(row: &SqliteRow) -> Result<EntryRow, CatalogError> {
    let columns = Columns { row, table: "incident_entries", key: &["incident", "number"] };
    Ok(EntryRow {
        number: columns.number("number")?,
        at: columns.instant("at")?,
        actor: columns.get("actor")?,
        kind: columns.get("kind")?,
        reference: columns.get("reference")?,
        japanese: columns.get("japanese")?,
        english: columns.get("english")?,
    })
}

fn field(row: &SqliteRow) -> Result<(IncidentField, String), CatalogError> {
    let columns = Columns { row, table: "incident_fields", key: &["incident", "field"] };
    let field = IncidentField::of_word(columns.get("field")?);
    Ok((field.ok_or_else(|| columns.corrupt("field"))?, columns.get("text")?))
}

fn tick(row: &SqliteRow) -> Result<TickRow, CatalogError> {
    let columns = Columns { row, table: "incident_contacts", key: &["incident", "contact", "way"] };
    Ok(TickRow {
        contact: columns.get("contact")?,
        way: Way::of_word(columns.get("way")?).ok_or_else(|| columns.corrupt("way"))?,
        told_at: columns.instant("told_at")?,
        told_by: columns.get("told_by")?,
    })
}

fn action(row: &SqliteRow) -> Result<ActionRow, CatalogError> {
    let columns = Columns { row, table: "incident_actions", key: &["incident", "number"] };
    Ok(ActionRow {
        number: columns.number("number")?,
        what: columns.get("what")?,
        owner: columns.get("owner")?,
        due: columns.day("due")?,
        done: columns.optional_instant("done_at")?.zip(columns.get("done_by")?),
    })
}

fn mail(row: &SqliteRow) -> Result<MailRow, CatalogError> {
    let columns = Columns { row, table: "incident_mails", key: &["message"] };
    let attempts = columns.number("attempts")?;
    Ok(MailRow {
        message: columns.get("message")?,
        incident: columns.get("incident")?,
        contact: columns.get("contact")?,
        state: columns.get("state")?,
        attempts: u32::try_from(attempts).map_err(|_| columns.corrupt("attempts"))?,
    })
}
