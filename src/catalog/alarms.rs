//! Alarms: raised once, cleared when mended.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::domain::alarm::{Alarm, AlarmCode};
use crate::domain::time::Instant;

const TABLE: &str = "alarms";

/// An alarm of the same code and subject stays as it was raised.
const RAISE: &str = "
INSERT INTO alarms (code, subject, since, japanese, english)
SELECT $1, $2, $3, $4, $5
WHERE NOT EXISTS (SELECT 1 FROM alarms WHERE code = $1 AND subject = $2 AND cleared_at IS NULL)
ON CONFLICT (code, subject, since) DO UPDATE
SET cleared_at = NULL, japanese = excluded.japanese, english = excluded.english";

/// An alarm of something that happened once: it is raised once, also if it was cleared since.
const RAISE_ONCE: &str = "
INSERT INTO alarms (code, subject, since, japanese, english)
SELECT $1, $2, $3, $4, $5
WHERE NOT EXISTS (
    SELECT 1 FROM alarms WHERE code = $1 AND subject = $2 AND (since = $3 OR cleared_at IS NULL)
)";

const CLEAR: &str = "
UPDATE alarms
SET cleared_at = $3
WHERE code = $1 AND subject = $2 AND cleared_at IS NULL";

const OPEN: &str = "
SELECT code, subject, since, japanese, english, cleared_at
FROM alarms
WHERE cleared_at IS NULL
ORDER BY since, code, subject
LIMIT 10000";

const LAST: &str = "
SELECT code, subject, since, japanese, english, cleared_at
FROM alarms
ORDER BY since DESC, code, subject
LIMIT $1";

/// Newest first, from a place on; of one state, or of any if it is empty. One subject has one alarm of a code at a time.
const PAGE: &str = "
SELECT code, subject, since, japanese, english, cleared_at
FROM alarms
WHERE (since, code || '/' || subject) < ($1, $2) AND ($3 = '' OR ($3 = 'open') = (cleared_at IS NULL))
ORDER BY since DESC, code || '/' || subject DESC
LIMIT $4";

/// An alarm as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlarmRow {
    /// What is or was wrong.
    pub alarm: Alarm,
    /// When it was mended.
    pub cleared_at: Option<Instant>,
}

impl Catalog {
    /// The alarms that last, oldest first.
    pub async fn open_alarms(&self) -> Result<Vec<AlarmRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` alarms after a place (its id is code and subject), newest first; `open`, `cleared`, or any if the
    /// state is empty.
    pub async fn alarms_page(
        &self,
        after: &Place,
        state: &str,
        limit: u32,
    ) -> Result<Vec<AlarmRow>, CatalogError> {
        let query =
            sqlx::query(PAGE).bind(after.at.as_micros()).bind(&after.id).bind(state).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The last `limit` alarms, mended ones too, newest first.
    pub async fn last_alarms(&self, limit: u32) -> Result<Vec<AlarmRow>, CatalogError> {
        let rows = sqlx::query(LAST).bind(i64::from(limit)).fetch_all(self.engine.pool()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// Raises an alarm. `Stale` if it is raised already.
    pub async fn raise(&mut self, alarm: &Alarm) -> Result<(), CatalogError> {
        let query = sqlx::query(RAISE)
            .bind(alarm.code.word())
            .bind(&alarm.subject)
            .bind(alarm.since.as_micros())
            .bind(&alarm.japanese)
            .bind(&alarm.english);
        self.changed_one(query, TABLE, alarm.code.word()).await
    }

    /// Raises an alarm of something that happened once; whether it is new. One of the same code and subject that lasts
    /// tells of it already.
    pub async fn raise_once(&mut self, alarm: &Alarm) -> Result<bool, CatalogError> {
        let query = sqlx::query(RAISE_ONCE)
            .bind(alarm.code.word())
            .bind(&alarm.subject)
            .bind(alarm.since.as_micros())
            .bind(&alarm.japanese)
            .bind(&alarm.english);
        let done = query.execute(self.connection()).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// Clears an alarm. `Stale` if it was cleared already.
    pub async fn clear(&mut self, alarm: &Alarm, now: Instant) -> Result<(), CatalogError> {
        let query = sqlx::query(CLEAR).bind(alarm.code.word()).bind(&alarm.subject).bind(now.as_micros());
        self.changed_one(query, TABLE, alarm.code.word()).await
    }
}

fn read(row: &SqliteRow) -> Result<AlarmRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["code", "subject"] };
    let alarm = Alarm {
        code: AlarmCode::of_word(columns.get("code")?).ok_or_else(|| columns.corrupt("code"))?,
        subject: columns.get("subject")?,
        since: columns.instant("since")?,
        japanese: columns.get("japanese")?,
        english: columns.get("english")?,
    };
    Ok(AlarmRow { alarm, cleared_at: columns.optional_instant("cleared_at")? })
}
