//! Occurrences: one row for each dated start of an approved window.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::domain::account::AccountId;
use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::time::Instant;

const TABLE: &str = "occurrences";

const INSERT: &str = "
INSERT INTO occurrences (occurrence, window_id, day, starts_at, ends_at, state, announced_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (occurrence) DO NOTHING";

/// Those that are open, and those from an instant on.
const SINCE: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE starts_at >= $1 OR state IN ('due', 'announced', 'running')
ORDER BY starts_at, occurrence
LIMIT 10000";

/// The open ones whose time it is.
const NOW: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE state IN ('due', 'announced', 'running') AND starts_at <= $1 AND ends_at > $1
ORDER BY starts_at, occurrence
LIMIT 1000";

/// The next of the open ones, those whose time it is among them.
const NEXT: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE state IN ('due', 'announced', 'running') AND ends_at > $1
ORDER BY starts_at, occurrence
LIMIT $2";

/// Those that were lost since an instant, those that have begun and are not over, those that were let through behind the
/// glass.
const TROUBLED: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE starts_at >= $1 AND starts_at <= $2
    AND (state NOT IN ('done', 'cancelled') OR (break_glass_by IS NOT NULL AND state = 'done'))
ORDER BY starts_at, occurrence
LIMIT 10000";

/// Those that start in a span, by their start, from a place on.
const PAGE: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE (starts_at, occurrence) > ($1, $2) AND starts_at >= $3 AND starts_at < $4
ORDER BY starts_at, occurrence
LIMIT $5";

const BETWEEN: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE starts_at >= $1 AND starts_at < $2
ORDER BY starts_at, occurrence
LIMIT 1000";

/// The next ones of a window, or those it had last.
const OF_WINDOW: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE window_id = $1
ORDER BY day DESC
LIMIT $2";

const GET: &str = "
SELECT occurrence, window_id, day, starts_at, ends_at, state, announced_at, break_glass_by, break_glass_reason
FROM occurrences
WHERE occurrence = $1";

const MOVE: &str = "
UPDATE occurrences
SET state = $3
WHERE occurrence = $1 AND state = $2";

const CANCEL: &str = "
UPDATE occurrences
SET state = 'cancelled'
WHERE window_id = $1 AND state IN ('due', 'announced')";

const BREAK_GLASS: &str = "
UPDATE occurrences
SET break_glass_by = $2, break_glass_reason = $3
WHERE occurrence = $1 AND state IN ('due', 'announced') AND break_glass_by IS NULL";

const STATES: &str = "
SELECT state, COUNT(*) AS occurrences
FROM occurrences
GROUP BY state
ORDER BY state
LIMIT 100";

impl Catalog {
    /// How many occurrences are in each state.
    pub async fn occurrence_states(&self) -> Result<Vec<(String, u64)>, CatalogError> {
        let rows = sqlx::query(STATES).fetch_all(self.engine.pool()).await;
        let rows = rows.map_err(|error| self.engine.failed(error))?;
        let count = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["state"] };
            Ok((columns.get("state")?, columns.number("occurrences")?))
        };
        rows.iter().map(count).collect()
    }

    /// Occurrences that start at `from` or later, and all that are open, by their start.
    pub async fn occurrences_since(&self, from: Instant) -> Result<Vec<Occurrence>, CatalogError> {
        let rows = sqlx::query(SINCE).bind(from.as_micros()).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The open occurrences whose time it is.
    pub async fn occurrences_at(&self, now: Instant) -> Result<Vec<Occurrence>, CatalogError> {
        let rows = sqlx::query(NOW).bind(now.as_micros()).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The next `limit` open occurrences that are not over, by their start.
    pub async fn next_occurrences(&self, now: Instant, limit: u32) -> Result<Vec<Occurrence>, CatalogError> {
        let query = sqlx::query(NEXT).bind(now.as_micros()).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Occurrences that started at `from` or later and need a look: without a snapshot yet, lost, or let through by a
    /// break-glass.
    pub async fn troubled_occurrences(
        &self,
        from: Instant,
        now: Instant,
    ) -> Result<Vec<Occurrence>, CatalogError> {
        let query = sqlx::query(TROUBLED).bind(from.as_micros()).bind(now.as_micros());
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Occurrences that start at `from` or later and before `until`, by their start; at most 1,000.
    pub async fn occurrences_between(
        &self,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<Occurrence>, CatalogError> {
        let query = sqlx::query(BETWEEN).bind(from.as_micros()).bind(until.as_micros());
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The last `limit` occurrences of a window, the latest first.
    pub async fn occurrences_of(&self, window: &str, limit: u32) -> Result<Vec<Occurrence>, CatalogError> {
        let query = sqlx::query(OF_WINDOW).bind(window).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` occurrences after a place that start in a span, by their start.
    pub async fn occurrences_page(
        &self,
        after: &Place,
        (from, until): (Instant, Instant),
        limit: u32,
    ) -> Result<Vec<Occurrence>, CatalogError> {
        let query = sqlx::query(PAGE)
            .bind(after.at.as_micros())
            .bind(&after.id)
            .bind(from.as_micros())
            .bind(until.as_micros())
            .bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The occurrence of an id.
    pub async fn occurrence(&self, id: &str) -> Result<Option<Occurrence>, CatalogError> {
        let row = sqlx::query(GET).bind(id).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }
}

impl Tx {
    /// Adds an occurrence. `Stale` if somebody else made it a moment ago.
    pub async fn add_occurrence(&mut self, occurrence: &Occurrence) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(&occurrence.id)
            .bind(&occurrence.window)
            .bind(occurrence.day.to_string())
            .bind(occurrence.span.0.as_micros())
            .bind(occurrence.span.1.as_micros())
            .bind(occurrence.state.word())
            .bind(occurrence.announced_at.map(Instant::as_micros));
        self.changed_one(query, TABLE, &occurrence.id).await
    }

    /// Moves an occurrence from a state to the next. `Stale` if it is in another one.
    pub async fn move_occurrence(
        &mut self,
        id: &str,
        from: OccurrenceState,
        to: OccurrenceState,
    ) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(MOVE).bind(id).bind(from.word()).bind(to.word()), TABLE, id).await
    }

    /// Cancels every occurrence of a window that has not begun, and says how many there were.
    pub async fn cancel_occurrences(&mut self, window: &str) -> Result<u64, CatalogError> {
        let done = sqlx::query(CANCEL).bind(window).execute(self.connection()).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected())
    }

    /// Notes who lets an occurrence run although the gate refuses. `Stale` if it began, or somebody did before.
    pub async fn break_glass(&mut self, id: &str, by: &AccountId, reason: &str) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(BREAK_GLASS).bind(id).bind(by.as_str()).bind(reason), TABLE, id).await
    }
}

fn read(row: &SqliteRow) -> Result<Occurrence, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["occurrence"] };
    let by: Option<String> = columns.get("break_glass_by")?;
    let reason: Option<String> = columns.get("break_glass_reason")?;
    let state = OccurrenceState::of_word(columns.get("state")?);
    Ok(Occurrence {
        id: columns.get("occurrence")?,
        window: columns.get("window_id")?,
        day: columns.day("day")?,
        span: (columns.instant("starts_at")?, columns.instant("ends_at")?),
        state: state.ok_or_else(|| columns.corrupt("state"))?,
        announced_at: columns.optional_instant("announced_at")?,
        break_glass: by.zip(reason),
    })
}
