//! Runs: one row for each attempt to take a snapshot, written before anything is read.
//!
//! running → verified, partial, failed, refused (by the run itself) or abandoned (found after a crash).
//! Nothing leaves another state than `running`; a second end is `Stale`.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Place};
use crate::archive::digest::Sha256;
use crate::domain::audit::AuditEntry;
use crate::domain::time::Instant;

const TABLE: &str = "runs";

const BEGIN_RUN: &str = "
INSERT INTO runs (run, plan, event, state, started_at, reason)
VALUES ($1, $2, $3, 'running', $4, $5)
ON CONFLICT (run) DO NOTHING";

const END_RUN: &str = "
UPDATE runs
SET state = $2, ended_at = $3, snapshot = $4, files = $5, bytes = $6, new_bytes_stored = $7, skipped = $8
WHERE run = $1 AND state = 'running'";

const ABANDON_RUNS: &str = "
UPDATE runs
SET state = 'abandoned', ended_at = $2
WHERE plan = $1 AND state = 'running'";

/// Newest first, from a place on.
const PAGE: &str = "
SELECT run, plan, event, state, started_at, ended_at, snapshot, files, bytes, new_bytes_stored, skipped, reason
FROM runs
WHERE (started_at, run) < ($1, $2) AND ($3 = '' OR plan = $3)
ORDER BY started_at DESC, run DESC
LIMIT $4";

const GET: &str = "
SELECT run, plan, event, state, started_at, ended_at, snapshot, files, bytes, new_bytes_stored, skipped, reason
FROM runs
WHERE run = $1";

const LAST_RUNS: &str = "
SELECT run, plan, event, state, started_at, ended_at, snapshot, files, bytes, new_bytes_stored, skipped, reason
FROM runs
WHERE plan = $1
ORDER BY started_at DESC, run DESC
LIMIT $2";

/// Of all plans, from a place in the order on.
const PAGE: &str = "
SELECT run, plan, event, state, started_at, ended_at, snapshot, files, bytes, new_bytes_stored, skipped, reason
FROM runs
WHERE (started_at, run) < ($1, $2)
ORDER BY started_at DESC, run DESC
LIMIT $3";

const GET: &str = "
SELECT run, plan, event, state, started_at, ended_at, snapshot, files, bytes, new_bytes_stored, skipped, reason
FROM runs
WHERE run = $1";

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Everything was read, and what was stored was read back.
    Verified,
    /// A snapshot was made, but something was not read.
    Partial,
    /// No snapshot was made, or it could not be verified.
    Failed,
    /// A rule forbade it.
    Refused,
}

impl RunState {
    /// The word in the table, the same in listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Verified, Self::Partial, Self::Failed, Self::Refused].into_iter().find(|s| s.as_str() == text)
    }
}

/// What is known when a run begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunStart {
    /// The run's random id, 32 hexadecimal digits.
    pub run: String,
    /// The plan.
    pub plan: String,
    /// Why it runs: `adhoc`, `acceptance`, `maintenance`, `daily`, `monthly`.
    pub event: String,
    /// When it began.
    pub started_at: Instant,
    /// Why it was made by hand, in the administrator's words.
    pub reason: Option<String>,
}

/// What is known when a run has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunEnd {
    /// How it ended.
    pub state: RunState,
    /// When it ended.
    pub ended_at: Instant,
    /// The snapshot that it made, if any.
    pub snapshot: Option<Sha256>,
    /// Entries that are not directories.
    pub files: u64,
    /// Bytes of regular files.
    pub bytes: u64,
    /// Bytes that were new to the store.
    pub new_bytes_stored: u64,
    /// Entries that could not be read.
    pub skipped: u64,
}

/// Where a run stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunLife {
    /// It goes on, or crashed unseen.
    Running,
    /// It said how it ended.
    Ended(RunEnd),
    /// It was found still running by a later run that held the plan's lock.
    Abandoned {
        /// When it was found.
        at: Instant,
    },
}

/// A run as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRow {
    /// How it began.
    pub start: RunStart,
    /// Where it stands.
    pub life: RunLife,
}

impl Catalog {
    /// Records that a run begins. `Stale` if there is a run of this id already.
    pub async fn begin_run(&self, start: &RunStart) -> Result<(), CatalogError> {
        let query = sqlx::query(BEGIN_RUN)
            .bind(&start.run)
            .bind(&start.plan)
            .bind(&start.event)
            .bind(start.started_at.as_micros())
            .bind(&start.reason);
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        changed_one(done.rows_affected(), &start.run)
    }

    /// Records how a run ended, in a row and a line of the audit log (K-7). `Stale` if it is not running any more.
    pub async fn end_run(&self, run: &str, end: &RunEnd) -> Result<(), CatalogError> {
        let query = sqlx::query(END_RUN)
            .bind(run)
            .bind(end.state.as_str())
            .bind(end.ended_at.as_micros())
            .bind(end.snapshot.as_ref().map(|digest| digest.0.as_slice()))
            .bind(stored(end.files, TABLE, "files")?)
            .bind(stored(end.bytes, TABLE, "bytes")?)
            .bind(stored(end.new_bytes_stored, TABLE, "new_bytes_stored")?)
            .bind(stored(end.skipped, TABLE, "skipped")?);
        let mut tx = self.begin().await?;
        tx.changed_one(query, TABLE, run).await?;
        let snapshot =
            end.snapshot.map_or_else(|| "no snapshot".to_owned(), |digest| format!("snapshot {digest}"));
        let entry = AuditEntry {
            at: end.ended_at,
            actor: "host".to_owned(),
            act: format!("run.{}", end.state.as_str()),
            subject: run.to_owned(),
            detail: format!("{snapshot}, {} skipped", end.skipped),
        };
        tx.commit(&[entry]).await
    }

    /// Marks every run of a plan that is still `running` as abandoned and says how many there were.
    ///
    /// The caller holds the plan's lock, so that none of them can be alive.
    pub async fn abandon_runs(&self, plan: &str, now: Instant) -> Result<u64, CatalogError> {
        let query = sqlx::query(ABANDON_RUNS).bind(plan).bind(now.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected())
    }

    /// At most `limit` runs of all plans that began before `before` (an instant and a run), newest first.
    pub async fn runs_before(
        &self,
        (at, run): (Instant, &str),
        limit: u32,
    ) -> Result<Vec<RunRow>, CatalogError> {
        let query = sqlx::query(PAGE).bind(at.as_micros()).bind(run).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// The run of an id.
    pub async fn run(&self, run: &str) -> Result<Option<RunRow>, CatalogError> {
        let row = sqlx::query(GET).bind(run).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The newest `limit` runs of a plan, newest first.
    pub async fn last_runs(&self, plan: &str, limit: u32) -> Result<Vec<RunRow>, CatalogError> {
        let query = sqlx::query(LAST_RUNS).bind(plan).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// At most `limit` runs after a place, newest first; of one plan, or of any if it is empty.
    pub async fn runs_page(
        &self,
        after: &Place,
        plan: &str,
        limit: u32,
    ) -> Result<Vec<RunRow>, CatalogError> {
        let query =
            sqlx::query(PAGE).bind(after.at.as_micros()).bind(&after.id).bind(plan).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// The run of an id.
    pub async fn run(&self, run: &str) -> Result<Option<RunRow>, CatalogError> {
        let row = sqlx::query(GET).bind(run).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }
}

fn changed_one(rows: u64, run: &str) -> Result<(), CatalogError> {
    if rows == 1 { Ok(()) } else { Err(CatalogError::Stale { table: TABLE, id: run.to_owned() }) }
}

fn read(row: &SqliteRow) -> Result<RunRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["run"] };
    let life = match columns.get::<&str>("state")? {
        "running" => RunLife::Running,
        "abandoned" => RunLife::Abandoned { at: columns.instant("ended_at")? },
        ended => RunLife::Ended(RunEnd {
            state: RunState::parse(ended).ok_or_else(|| columns.corrupt("state"))?,
            ended_at: columns.instant("ended_at")?,
            snapshot: columns.optional_digest("snapshot")?,
            files: columns.number("files")?,
            bytes: columns.number("bytes")?,
            new_bytes_stored: columns.number("new_bytes_stored")?,
            skipped: columns.number("skipped")?,
        }),
    };
    let start = RunStart {
        run: columns.get("run")?,
        plan: columns.get("plan")?,
        event: columns.get("event")?,
        started_at: columns.instant("started_at")?,
        reason: columns.get("reason")?,
    };
    Ok(RunRow { start, life })
}
