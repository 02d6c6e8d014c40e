//! Reasons: why an occurrence did not run or did not end well, in words, each code once.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::time::Instant;

const TABLE: &str = "reasons";

const NOTE: &str = "
INSERT INTO reasons (plan, occurrence, code, japanese, english, first_at, last_at, times)
VALUES ($1, $2, $3, $4, $5, $6, $6, 1)
ON CONFLICT (plan, occurrence, code) DO UPDATE
SET japanese = excluded.japanese, english = excluded.english, last_at = excluded.last_at, times = reasons.times + 1";

/// Reasons that are not refusals: a run began, or nothing was tried.
const OF_OCCURRENCE: &str = "
SELECT COUNT(*)
FROM reasons
WHERE occurrence = $1
    AND (code IN ('run-failed', 'stop-failed', 'deadline', 'plan-busy', 'time-over')) = $2";

/// Of occurrences that may still run.
const OPEN: &str = "
SELECT reasons.occurrence AS occurrence, code, first_at
FROM occurrences JOIN reasons ON reasons.occurrence = occurrences.occurrence
WHERE occurrences.state IN ('due', 'announced', 'running') AND occurrences.starts_at <= $1
ORDER BY first_at, code
LIMIT 1000";

const LAST: &str = "
SELECT plan, occurrence, code, japanese, english, first_at, last_at, times
FROM reasons
ORDER BY last_at DESC, plan, occurrence, code
LIMIT $1";

const OF_ONE: &str = "
SELECT plan, occurrence, code, japanese, english, first_at, last_at, times
FROM reasons
WHERE occurrence = $1
ORDER BY last_at DESC, code
LIMIT 100";

/// Why something did not run or did not end well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReasonRow {
    /// The plan.
    pub plan: String,
    /// The occurrence, if there was one.
    pub occurrence: Option<String>,
    /// The code.
    pub code: String,
    /// The sentence in Japanese.
    pub japanese: String,
    /// The sentence in English.
    pub english: String,
    /// When it was met first.
    pub first_at: Instant,
    /// When it was met last.
    pub last_at: Instant,
    /// How often.
    pub times: u64,
}

impl Catalog {
    /// The last `limit` reasons, newest first.
    pub async fn reasons(&self, limit: u32) -> Result<Vec<ReasonRow>, CatalogError> {
        let rows = sqlx::query(LAST).bind(i64::from(limit)).fetch_all(self.engine.pool()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// What was noted of an occurrence, newest first.
    pub async fn reasons_of(&self, occurrence: &str) -> Result<Vec<ReasonRow>, CatalogError> {
        let rows = sqlx::query(OF_ONE).bind(occurrence).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// What was said lately against occurrences that may still run: the occurrence, the code, since when.
    pub async fn open_reasons(&self, now: Instant) -> Result<Vec<(String, String, Instant)>, CatalogError> {
        let query = sqlx::query(OPEN).bind(now.as_micros());
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        let read = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["occurrence", "code"] };
            Ok((columns.get("occurrence")?, columns.get("code")?, columns.instant("first_at")?))
        };
        rows.iter().map(read).collect()
    }
}

impl Tx {
    /// How many reasons are noted for an occurrence: refusals, and others.
    pub async fn count_reasons(&mut self, occurrence: &str) -> Result<(i64, i64), CatalogError> {
        let refusals = self.scalar(sqlx::query_scalar(OF_OCCURRENCE).bind(occurrence).bind(false)).await?;
        let others = self.scalar(sqlx::query_scalar(OF_OCCURRENCE).bind(occurrence).bind(true)).await?;
        Ok((refusals, others))
    }

    /// Notes a reason, or that it was met again.
    pub async fn note_reason(&mut self, reason: &ReasonRow) -> Result<(), CatalogError> {
        let query = sqlx::query(NOTE)
            .bind(&reason.plan)
            .bind(reason.occurrence.as_deref().unwrap_or_default())
            .bind(&reason.code)
            .bind(&reason.japanese)
            .bind(&reason.english)
            .bind(reason.last_at.as_micros());
        self.changed_one(query, TABLE, &reason.code).await
    }
}

fn read(row: &SqliteRow) -> Result<ReasonRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["plan", "occurrence", "code"] };
    let occurrence: String = columns.get("occurrence")?;
    Ok(ReasonRow {
        plan: columns.get("plan")?,
        occurrence: Some(occurrence).filter(|id| !id.is_empty()),
        code: columns.get("code")?,
        japanese: columns.get("japanese")?,
        english: columns.get("english")?,
        first_at: columns.instant("first_at")?,
        last_at: columns.instant("last_at")?,
        times: columns.number("times")?,
    })
}
