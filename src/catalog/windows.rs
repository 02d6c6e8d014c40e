//! Windows: what was asked for and decided. Guarded updates: a state is left once, by one of several programs.

use sqlx::Sqlite;
use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::domain::account::AccountId;
use crate::domain::time::{Instant, Zone};
use crate::domain::window::{Approval, Terms, TermsParts, Window, WindowKind, WindowState};

const TABLE: &str = "windows";

const INSERT: &str = "
INSERT INTO windows (window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone,
    requested_by, requested_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'requested')
ON CONFLICT (window_id) DO NOTHING";

const LIST: &str = "
SELECT window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
    requested_at, state, approval, decided_by, decided_at, digest, reason, closed_at
FROM windows
ORDER BY window_id
LIMIT 10000";

/// Newest first, from a place on.
const PAGE: &str = "
SELECT window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
    requested_at, state, approval, decided_by, decided_at, digest, reason, closed_at
FROM windows
WHERE (requested_at, window_id) < ($1, $2) AND ($3 = '' OR state = $3)
ORDER BY requested_at DESC, window_id DESC
LIMIT $4";

/// Those that may still matter for what is to come.
const ALIVE: &str = "
SELECT window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
    requested_at, state, approval, decided_by, decided_at, digest, reason, closed_at
FROM windows
WHERE state IN ('requested', 'approved', 'lapsed')
ORDER BY window_id
LIMIT 10000";

const CLOSED_BEFORE: &str = "
SELECT window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
    requested_at, state, approval, decided_by, decided_at, digest, reason, closed_at
FROM windows
WHERE state IN ('returned', 'withdrawn', 'ended') AND window_id < $1
ORDER BY window_id DESC
LIMIT $2";

const GET: &str = "
SELECT window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
    requested_at, state, approval, decided_by, decided_at, digest, reason, closed_at
FROM windows
WHERE window_id = $1";

/// What was approved last for the same plan and kind before a window was decided or closed; for one that waits, the newest.
const APPROVED_BEFORE: &str = "
SELECT window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
    requested_at, state, approval, decided_by, decided_at, digest, reason, closed_at
FROM windows
WHERE approval IS NOT NULL AND kind = $1 AND COALESCE(plan, '') = $2 AND window_id <> $3
    AND (decided_at, approval) < (
        SELECT COALESCE(own.decided_at, own.closed_at, 9223372036854775807), COALESCE(own.approval, '~')
        FROM windows AS own
        WHERE own.window_id = $3)
ORDER BY decided_at DESC, approval DESC
LIMIT 1";

const COUNT: &str = "SELECT COUNT(*) FROM windows";

const COUNT_APPROVALS: &str = "SELECT COUNT(*) FROM windows WHERE approval LIKE $1";

const APPROVE: &str = "
UPDATE windows
SET state = 'approved', approval = $2, decided_by = $3, decided_at = $4, digest = $5
WHERE window_id = $1 AND state = 'requested'";

const RETURN: &str = "
UPDATE windows
SET state = 'returned', decided_by = $2, decided_at = $3, reason = $4
WHERE window_id = $1 AND state = 'requested'";

const WITHDRAW: &str = "
UPDATE windows
SET state = 'withdrawn', closed_at = $2, reason = $3
WHERE window_id = $1 AND state IN ('requested', 'approved', 'lapsed')";

const LAPSE: &str = "
UPDATE windows
SET state = 'lapsed', closed_at = $2, reason = $3
WHERE window_id = $1 AND state = 'approved'";

const END: &str = "
UPDATE windows
SET state = 'ended', closed_at = $2
WHERE window_id = $1 AND state = 'approved'";

impl Catalog {
    /// Every window, oldest first.
    pub async fn windows(&self) -> Result<Vec<Window>, CatalogError> {
        let rows = sqlx::query(LIST).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` windows after a place, newest first; of one state, or of any if it is empty.
    pub async fn windows_page(
        &self,
        after: &Place,
        state: &str,
        limit: u32,
    ) -> Result<Vec<Window>, CatalogError> {
        let query =
            sqlx::query(PAGE).bind(after.at.as_micros()).bind(&after.id).bind(state).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Windows that are requested, approved or lapsed, oldest first.
    pub async fn windows_alive(&self) -> Result<Vec<Window>, CatalogError> {
        let rows = sqlx::query(ALIVE).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` closed windows with ids before `before`, newest first.
    pub async fn windows_closed(&self, before: &str, limit: u32) -> Result<Vec<Window>, CatalogError> {
        let query = sqlx::query(CLOSED_BEFORE).bind(before).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The window of an id.
    pub async fn window(&self, id: &str) -> Result<Option<Window>, CatalogError> {
        let row = sqlx::query(GET).bind(id).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The window that was approved last for the same plan and kind before this one was decided, with the digest of its
    /// approval.
    pub async fn approved_before(&self, of: &Window) -> Result<Option<(Window, [u8; 32])>, CatalogError> {
        let parts = of.terms.parts();
        let plan = parts.plan.as_ref().map(ToString::to_string).unwrap_or_default();
        let query = sqlx::query(APPROVED_BEFORE).bind(parts.kind.word()).bind(plan).bind(&of.id);
        let row = query.fetch_optional(self.engine.readers()).await;
        let row = row.map_err(|error| self.engine.failed(error))?;
        let read_both = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["window_id"] };
            Ok((read(row)?, columns.digest("digest")?.0))
        };
        row.as_ref().map(read_both).transpose()
    }
}

impl Tx {
    /// Every window, oldest first.
    pub async fn windows(&mut self) -> Result<Vec<Window>, CatalogError> {
        let rows = sqlx::query(LIST).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// Adds a request and returns its id.
    pub async fn add_window(
        &mut self,
        terms: &Terms,
        by: &AccountId,
        at: Instant,
    ) -> Result<String, CatalogError> {
        let count: i64 = self.scalar(sqlx::query_scalar(COUNT)).await?;
        let (id, parts) = (format!("w-{:04}", count + 1), terms.parts());
        let query = sqlx::query(INSERT)
            .bind(&id)
            .bind(parts.plan.as_ref().map(|plan| plan.as_str().to_owned()))
            .bind(parts.kind.word())
            .bind(parts.recurrence.to_string())
            .bind(i64::from(parts.length_minutes))
            .bind(parts.stops.join("\n"))
            .bind(parts.first_day.to_string())
            .bind(parts.last_day.map(|day| day.to_string()))
            .bind(parts.zone.name())
            .bind(by.as_str())
            .bind(at.as_micros());
        self.changed_one(query, TABLE, &id).await?;
        Ok(id)
    }

    /// Approves a request and returns the approval with its number, the next of the year. `Stale` if it was decided.
    pub async fn approve_window(
        &mut self,
        window: &str,
        (by, at): (&AccountId, Instant),
        year: i16,
        digest: [u8; 32],
    ) -> Result<Approval, CatalogError> {
        let count: i64 =
            self.scalar(sqlx::query_scalar(COUNT_APPROVALS).bind(format!("BW-{year}-%"))).await?;
        let number = format!("BW-{year}-{:03}", count + 1);
        let query = sqlx::query(APPROVE)
            .bind(window)
            .bind(&number)
            .bind(by.as_str())
            .bind(at.as_micros())
            .bind(digest.as_slice());
        self.changed_one(query, TABLE, window).await?;
        Ok(Approval { number, by: by.clone(), at, digest })
    }

    /// Returns a request. `Stale` if it was decided.
    pub async fn return_window(
        &mut self,
        window: &str,
        by: &AccountId,
        at: Instant,
        reason: &str,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(RETURN).bind(window).bind(by.as_str()).bind(at.as_micros()).bind(reason);
        self.changed_one(query, TABLE, window).await
    }

    /// Withdraws a window. `Stale` if it was closed.
    pub async fn withdraw_window(&mut self, id: &str, at: Instant, reason: &str) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(WITHDRAW).bind(id).bind(at.as_micros()).bind(reason), TABLE, id).await
    }

    /// Lets an approval lapse. `Stale` if it was closed.
    pub async fn lapse_window(&mut self, id: &str, at: Instant, reason: &str) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(LAPSE).bind(id).bind(at.as_micros()).bind(reason), TABLE, id).await
    }

    /// Ends a window whose last day is over. `Stale` if it was closed.
    pub async fn end_window(&mut self, id: &str, at: Instant) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(END).bind(id).bind(at.as_micros()), TABLE, id).await
    }

    /// One number.
    pub(super) async fn scalar(
        &mut self,
        query: sqlx::query::QueryScalar<'_, Sqlite, i64, sqlx::sqlite::SqliteArguments>,
    ) -> Result<i64, CatalogError> {
        let number = query.fetch_one(self.connection()).await;
        number.map_err(|error| self.failed(error))
    }
}

fn read(row: &SqliteRow) -> Result<Window, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["window_id"] };
    let account = |column| {
        let text: &str = columns.get(column)?;
        text.parse::<AccountId>().map_err(|_| columns.corrupt(column))
    };
    let reason = || Ok::<String, CatalogError>(columns.get::<Option<String>>("reason")?.unwrap_or_default());
    let state = match columns.get::<&str>("state")? {
        "requested" => WindowState::Requested,
        "approved" => WindowState::Approved(Approval {
            number: columns.get("approval")?,
            by: account("decided_by")?,
            at: columns.instant("decided_at")?,
            digest: columns.digest("digest")?.0,
        }),
        "returned" => WindowState::Returned {
            by: account("decided_by")?,
            at: columns.instant("decided_at")?,
            reason: reason()?,
        },
        "withdrawn" => WindowState::Withdrawn { at: columns.instant("closed_at")?, reason: reason()? },
        "lapsed" => WindowState::Lapsed { at: columns.instant("closed_at")?, reason: reason()? },
        "ended" => WindowState::Ended { at: columns.instant("closed_at")? },
        _ => return Err(columns.corrupt("state")),
    };
    Ok(Window {
        id: columns.get("window_id")?,
        terms: read_terms(&columns)?,
        requested_by: account("requested_by")?,
        requested_at: columns.instant("requested_at")?,
        state,
    })
}

fn read_terms(columns: &Columns<'_>) -> Result<Terms, CatalogError> {
    let plan: Option<&str> = columns.get("plan")?;
    let length = columns.number("length_minutes")?;
    let last_day: Option<&str> = columns.get("last_day")?;
    let parts = TermsParts {
        plan: plan.map(|plan| plan.parse().map_err(|_| columns.corrupt("plan"))).transpose()?,
        kind: WindowKind::of_word(columns.get("kind")?).ok_or_else(|| columns.corrupt("kind"))?,
        recurrence: columns.get::<&str>("recurrence")?.parse().map_err(|_| columns.corrupt("recurrence"))?,
        length_minutes: u32::try_from(length).map_err(|_| columns.corrupt("length_minutes"))?,
        stops: columns.get::<&str>("stops")?.lines().map(str::to_owned).collect(),
        first_day: columns.day("first_day")?,
        last_day: last_day.map(|day| day.parse().map_err(|_| columns.corrupt("last_day"))).transpose()?,
        zone: Zone::named(columns.get("zone")?).map_err(|_| columns.corrupt("zone"))?,
    };
    Terms::new(parts).map_err(|_| columns.corrupt("kind"))
}
