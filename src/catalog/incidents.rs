//! Incidents: one row each, changed only in the version that was seen. What belongs to one is `incident_details`'.

use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::domain::alarm_code::AlarmCode;
use crate::domain::incident::IncidentState;
use crate::domain::incident_cause::{Cause, CauseKind};
use crate::domain::incident_clock::Concern;
use crate::domain::time::Instant;

const TABLE: &str = "incidents";

const INSERT: &str = "
INSERT INTO incidents (incident, cause, subject, state, opened_by, title, title_en, found_at, occurred_at, expected_at,
    recovered_at, services, concern, told_at, told_receipt, no_action, notice, reports, reported_at, closed_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 1)
ON CONFLICT DO NOTHING";

/// Everything that may change, in the version that was seen.
const UPDATE: &str = "
UPDATE incidents
SET state = $3, title = $4, title_en = $5, found_at = $6, occurred_at = $7, expected_at = $8, recovered_at = $9,
    services = $10, concern = $11, told_at = $12, told_receipt = $13, no_action = $14, notice = $15, reports = $16,
    reported_at = $17, closed_at = $18, version = version + 1
WHERE incident = $1 AND version = $2";

const COUNT: &str = "SELECT COUNT(*) FROM incidents WHERE incident LIKE $1";

const ONE: &str = "
SELECT incident, cause, subject, state, opened_by, title, title_en, found_at, occurred_at, expected_at, recovered_at,
    services, concern, told_at, told_receipt, no_action, notice, reports, reported_at, closed_at, version
FROM incidents
WHERE incident = $1";

const OPEN: &str = "
SELECT incident, cause, subject, state, opened_by, title, title_en, found_at, occurred_at, expected_at, recovered_at,
    services, concern, told_at, told_receipt, no_action, notice, reports, reported_at, closed_at, version
FROM incidents
WHERE state <> 'closed'
ORDER BY found_at, incident
LIMIT 10000";

/// Newest first, from a place on; of one state, `open` for all that are not closed, or of any if it is empty.
const PAGE: &str = "
SELECT incident, cause, subject, state, opened_by, title, title_en, found_at, occurred_at, expected_at, recovered_at,
    services, concern, told_at, told_receipt, no_action, notice, reports, reported_at, closed_at, version
FROM incidents
WHERE (found_at, incident) < ($1, $2) AND ($3 = '' OR $3 = state OR ($3 = 'open' AND state <> 'closed'))
ORDER BY found_at DESC, incident DESC
LIMIT $4";

const LINK: &str = "
INSERT INTO incident_alarms (incident, code, subject, since)
VALUES ($1, $2, $3, $4)
ON CONFLICT (incident, code, subject, since) DO NOTHING";

/// The alarms of incidents that are not closed, with whether each lasts.
const LINKED: &str = "
SELECT incident_alarms.incident AS incident, incident_alarms.code AS code, incident_alarms.subject AS subject,
    incident_alarms.since AS since, alarms.cleared_at AS cleared_at
FROM incident_alarms
JOIN incidents ON incidents.incident = incident_alarms.incident
LEFT JOIN alarms ON alarms.code = incident_alarms.code AND alarms.subject = incident_alarms.subject
    AND alarms.since = incident_alarms.since
WHERE incidents.state <> 'closed'
ORDER BY incident_alarms.since, incident_alarms.incident, incident_alarms.code, incident_alarms.subject
LIMIT 10000";

const OF_INCIDENT: &str = "
SELECT incident_alarms.incident AS incident, incident_alarms.code AS code, incident_alarms.subject AS subject,
    incident_alarms.since AS since, alarms.cleared_at AS cleared_at
FROM incident_alarms
LEFT JOIN alarms ON alarms.code = incident_alarms.code AND alarms.subject = incident_alarms.subject
    AND alarms.since = incident_alarms.since
WHERE incident_alarms.incident = $1
ORDER BY incident_alarms.since, incident_alarms.code, incident_alarms.subject
LIMIT 10000";

/// An incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncidentRow {
    /// Its number, such as `I-2026-0001`; empty before it is added.
    pub incident: String,
    /// What is broken.
    pub cause: Cause,
    /// Where it stands.
    pub state: IncidentState,
    /// `kura`, or an account.
    pub opened_by: String,
    /// What it is, in a sentence: Japanese.
    pub title: String,
    /// The same in English.
    pub title_en: String,
    /// 発見日時.
    pub found_at: Instant,
    /// 発生日時.
    pub occurred_at: Option<Instant>,
    /// 復旧予定.
    pub expected_at: Option<Instant>,
    /// 復旧日時.
    pub recovered_at: Option<Instant>,
    /// The services that users cannot use.
    pub services: Vec<String>,
    /// Whether data of persons are concerned.
    pub concern: Concern,
    /// When who entrusted the data was told.
    pub told_at: Option<Instant>,
    /// What shows it.
    pub told_receipt: Option<String>,
    /// Why nothing has to be done against a recurrence.
    pub no_action: Option<String>,
    /// The notice to users.
    pub notice: Option<String>,
    /// How often the report was issued.
    pub reports: u64,
    /// When it was issued last.
    pub reported_at: Option<Instant>,
    /// When it was closed.
    pub closed_at: Option<Instant>,
    /// Counts up with each change.
    pub version: u64,
}

impl IncidentRow {
    /// An incident that was found just now and has no number yet. Nothing is said of it.
    pub fn found(cause: Cause, by: String, now: Instant) -> Self {
        Self {
            incident: String::new(),
            cause,
            state: IncidentState::Detected,
            opened_by: by,
            title: String::new(),
            title_en: String::new(),
            found_at: now,
            occurred_at: None,
            expected_at: None,
            recovered_at: None,
            services: Vec::new(),
            concern: Concern::None,
            told_at: None,
            told_receipt: None,
            no_action: None,
            notice: None,
            reports: 0,
            reported_at: None,
            closed_at: None,
            version: 1,
        }
    }
}

/// An alarm of an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkedAlarm {
    /// The incident.
    pub incident: String,
    /// What is wrong.
    pub code: AlarmCode,
    /// With what.
    pub subject: String,
    /// Since when.
    pub since: Instant,
    /// When it was mended; `None` while it lasts.
    pub cleared_at: Option<Instant>,
}

impl Catalog {
    /// An incident.
    pub async fn incident(&self, incident: &str) -> Result<Option<IncidentRow>, CatalogError> {
        let row = sqlx::query(ONE).bind(incident).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The incidents that are not closed, oldest first.
    pub async fn open_incidents(&self) -> Result<Vec<IncidentRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` incidents after a place, newest first; of a state, `open`, or any if it is empty.
    pub async fn incidents_page(
        &self,
        after: &Place,
        state: &str,
        limit: u32,
    ) -> Result<Vec<IncidentRow>, CatalogError> {
        let query =
            sqlx::query(PAGE).bind(after.at.as_micros()).bind(&after.id).bind(state).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The alarms of incidents that are not closed, oldest first.
    pub async fn linked_alarms(&self) -> Result<Vec<LinkedAlarm>, CatalogError> {
        let rows = sqlx::query(LINKED).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read_linked).collect()
    }

    /// The alarms of an incident, oldest first.
    pub async fn alarms_of(&self, incident: &str) -> Result<Vec<LinkedAlarm>, CatalogError> {
        let rows = sqlx::query(OF_INCIDENT).bind(incident).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read_linked).collect()
    }
}

impl Tx {
    /// The incidents that are not closed, as this transaction sees them.
    pub async fn open_incidents(&mut self) -> Result<Vec<IncidentRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// The alarms of incidents that are not closed, as this transaction sees them.
    pub async fn linked_alarms(&mut self) -> Result<Vec<LinkedAlarm>, CatalogError> {
        let rows = sqlx::query(LINKED).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(read_linked).collect()
    }

    /// An incident, as this transaction sees it.
    pub async fn incident(&mut self, incident: &str) -> Result<Option<IncidentRow>, CatalogError> {
        let row = sqlx::query(ONE).bind(incident).fetch_optional(self.connection()).await;
        row.map_err(|error| self.failed(error))?.as_ref().map(read).transpose()
    }

    /// Adds an incident under the next number of the year and returns it. `Stale` if one of its cause is open.
    pub async fn add_incident(&mut self, row: &IncidentRow, year: i16) -> Result<String, CatalogError> {
        let count = self.scalar(sqlx::query_scalar(COUNT).bind(format!("I-{year}-%"))).await?;
        let number = format!("I-{year}-{:04}", count + 1);
        let query = sqlx::query(INSERT)
            .bind(&number)
            .bind(row.cause.kind.word())
            .bind(&row.cause.subject)
            .bind(row.state.word())
            .bind(&row.opened_by);
        let query = changing(query, row)?;
        self.changed_one(query, TABLE, &number).await?;
        Ok(number)
    }

    /// Writes what changed of an incident. `Stale` if somebody else changed it since it was seen.
    pub async fn change_incident(&mut self, row: &IncidentRow) -> Result<(), CatalogError> {
        let query = sqlx::query(UPDATE)
            .bind(&row.incident)
            .bind(stored(row.version, TABLE, "version")?)
            .bind(row.state.word());
        let query = changing(query, row)?;
        self.changed_one(query, TABLE, &row.incident).await
    }

    /// Notes that an alarm belongs to an incident. `Stale` if that is noted already.
    pub async fn link_alarm(
        &mut self,
        incident: &str,
        (code, subject): (AlarmCode, &str),
        since: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(LINK).bind(incident).bind(code.word()).bind(subject).bind(since.as_micros());
        self.changed_one(query, "incident_alarms", incident).await
    }
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// What both statements write, in the order of their columns.
fn changing<'q>(query: Statement<'q>, row: &'q IncidentRow) -> Result<Statement<'q>, CatalogError> {
    Ok(query
        .bind(&row.title)
        .bind(&row.title_en)
        .bind(row.found_at.as_micros())
        .bind(row.occurred_at.map(Instant::as_micros))
        .bind(row.expected_at.map(Instant::as_micros))
        .bind(row.recovered_at.map(Instant::as_micros))
        .bind(row.services.join("\n"))
        .bind(row.concern.word())
        .bind(row.told_at.map(Instant::as_micros))
        .bind(row.told_receipt.as_deref())
        .bind(row.no_action.as_deref())
        .bind(row.notice.as_deref())
        .bind(stored(row.reports, TABLE, "reports")?)
        .bind(row.reported_at.map(Instant::as_micros))
        .bind(row.closed_at.map(Instant::as_micros)))
}

fn read(row: &SqliteRow) -> Result<IncidentRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["incident"] };
    Ok(IncidentRow {
        incident: columns.get("incident")?,
        cause: Cause {
            kind: CauseKind::of_word(columns.get("cause")?).ok_or_else(|| columns.corrupt("cause"))?,
            subject: columns.get("subject")?,
        },
        state: IncidentState::of_word(columns.get("state")?).ok_or_else(|| columns.corrupt("state"))?,
        opened_by: columns.get("opened_by")?,
        title: columns.get("title")?,
        title_en: columns.get("title_en")?,
        found_at: columns.instant("found_at")?,
        occurred_at: columns.optional_instant("occurred_at")?,
        expected_at: columns.optional_instant("expected_at")?,
        recovered_at: columns.optional_instant("recovered_at")?,
        services: columns.get::<&str>("services")?.lines().map(str::to_owned).collect(),
        concern: Concern::of_word(columns.get("concern")?).ok_or_else(|| columns.corrupt("concern"))?,
        told_at: columns.optional_instant("told_at")?,
        told_receipt: columns.get("told_receipt")?,
        no_action: columns.get("no_action")?,
        notice: columns.get("notice")?,
        reports: columns.number("reports")?,
        reported_at: columns.optional_instant("reported_at")?,
        closed_at: columns.optional_instant("closed_at")?,
        version: columns.number("version")?,
    })
}

fn read_linked(row: &SqliteRow) -> Result<LinkedAlarm, CatalogError> {
    let columns = Columns { row, table: "incident_alarms", key: &["incident", "code", "subject"] };
    Ok(LinkedAlarm {
        incident: columns.get("incident")?,
        code: AlarmCode::of_word(columns.get("code")?).ok_or_else(|| columns.corrupt("code"))?,
        subject: columns.get("subject")?,
        since: columns.instant("since")?,
        cleared_at: columns.optional_instant("cleared_at")?,
    })
}
