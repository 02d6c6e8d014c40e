//! Snapshots that people ask the service for, beside the windows.
//!
//! requested → running → done, partial or failed; a request whose program died goes back to requested.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

const TABLE: &str = "event_requests";

const INSERT: &str = "
INSERT INTO event_requests (request, plan, event, reason, requested_by, requested_at, state)
VALUES ($1, $2, $3, $4, $5, $6, 'requested')
ON CONFLICT (request) DO NOTHING";

const COUNT: &str = "SELECT COUNT(*) FROM event_requests";

const TAKE: &str = "
UPDATE event_requests
SET state = 'running', holder = $2
WHERE request = $1 AND state = 'requested'";

/// Requests of a plan that a program has which is not the asking one: that program is dead, the asker holds the lock.
const GIVE_BACK: &str = "
UPDATE event_requests
SET state = 'requested', holder = NULL
WHERE plan = $1 AND state = 'running'";

const END: &str = "
UPDATE event_requests
SET state = $2, ended_at = $3, snapshot = $4, failure = $5
WHERE request = $1 AND state = 'running'";

const OPEN: &str = "
SELECT request, plan, event, reason, requested_by, requested_at, state, ended_at, snapshot, failure
FROM event_requests
WHERE state IN ('requested', 'running')
ORDER BY requested_at, request
LIMIT 10000";

const GET: &str = "
SELECT request, plan, event, reason, requested_by, requested_at, state, ended_at, snapshot, failure
FROM event_requests
WHERE request = $1";

const LAST: &str = "
SELECT request, plan, event, reason, requested_by, requested_at, state, ended_at, snapshot, failure
FROM event_requests
ORDER BY requested_at DESC, request DESC
LIMIT $1";

/// Where a request stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestState {
    /// It waits.
    Requested,
    /// Its run goes on.
    Running,
    /// It made a complete snapshot.
    Done,
    /// It made a snapshot that lacks something.
    Partial,
    /// It made none.
    Failed,
}

impl RequestState {
    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let all = [Self::Requested, Self::Running, Self::Done, Self::Partial, Self::Failed];
        all.into_iter().find(|state| state.word() == word)
    }
}

/// A snapshot that somebody asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRequest {
    /// Its id, such as `e-0001`.
    pub request: String,
    /// The plan.
    pub plan: String,
    /// `acceptance`, `maintenance` or `adhoc`.
    pub event: String,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub requested_by: AccountId,
    /// When.
    pub requested_at: Instant,
    /// Where it stands.
    pub state: RequestState,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// What it made.
    pub snapshot: Option<Sha256>,
    /// Why it made nothing.
    pub failure: Option<String>,
}

impl Catalog {
    /// Requests that wait or run, oldest first.
    pub async fn open_requests(&self) -> Result<Vec<EventRequest>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.pool()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The last `limit` requests, newest first.
    pub async fn last_requests(&self, limit: u32) -> Result<Vec<EventRequest>, CatalogError> {
        let rows = sqlx::query(LAST).bind(i64::from(limit)).fetch_all(self.engine.pool()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The request of an id.
    pub async fn request(&self, request: &str) -> Result<Option<EventRequest>, CatalogError> {
        let row = sqlx::query(GET).bind(request).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// Takes a request; `false` if another program took it.
    pub async fn take_request(&self, request: &str, program: &str) -> Result<bool, CatalogError> {
        let done = sqlx::query(TAKE).bind(request).bind(program).execute(self.engine.pool()).await;
        Ok(done.map_err(|error| self.engine.failed(error))?.rows_affected() == 1)
    }

    /// Gives back the requests of a plan that are said to run. The caller holds the plan's lock.
    pub async fn give_requests_back(&self, plan: &str) -> Result<u64, CatalogError> {
        let done = sqlx::query(GIVE_BACK).bind(plan).execute(self.engine.pool()).await;
        Ok(done.map_err(|error| self.engine.failed(error))?.rows_affected())
    }
}

impl Tx {
    /// Adds a request and returns its id.
    pub async fn add_request(
        &mut self,
        (plan, event, reason): (&str, &str, &str),
        by: &AccountId,
        now: Instant,
    ) -> Result<String, CatalogError> {
        let count = self.scalar(sqlx::query_scalar(COUNT)).await?;
        let id = format!("e-{:04}", count + 1);
        let query = sqlx::query(INSERT)
            .bind(&id)
            .bind(plan)
            .bind(event)
            .bind(reason)
            .bind(by.as_str())
            .bind(now.as_micros());
        self.changed_one(query, TABLE, &id).await?;
        Ok(id)
    }

    /// Ends a request. `Stale` if it does not run.
    pub async fn end_request(
        &mut self,
        request: &str,
        state: RequestState,
        snapshot: Option<Sha256>,
        failure: Option<&str>,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(END)
            .bind(request)
            .bind(state.word())
            .bind(now.as_micros())
            .bind(snapshot.as_ref().map(|digest| digest.0.as_slice()))
            .bind(failure);
        self.changed_one(query, TABLE, request).await
    }
}

fn read(row: &SqliteRow) -> Result<EventRequest, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["request"] };
    let by: &str = columns.get("requested_by")?;
    Ok(EventRequest {
        request: columns.get("request")?,
        plan: columns.get("plan")?,
        event: columns.get("event")?,
        reason: columns.get("reason")?,
        requested_by: by.parse().map_err(|_| columns.corrupt("requested_by"))?,
        requested_at: columns.instant("requested_at")?,
        state: RequestState::of_word(columns.get("state")?).ok_or_else(|| columns.corrupt("state"))?,
        ended_at: columns.optional_instant("ended_at")?,
        snapshot: columns.optional_digest("snapshot")?,
        failure: columns.get("failure")?,
    })
}
