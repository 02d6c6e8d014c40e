//! Records of work: acceptance, maintenance, inspections; their checklists, results and snapshots.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::time::{Day, Instant};
use crate::domain::work::{WorkKind, WorkState};

const TABLE: &str = "works";

const COUNT_YEAR: &str = "SELECT COUNT(*) FROM works WHERE work LIKE $1";

const ADD: &str = "
INSERT INTO works (work, kind, state, title, reference, planned_on, window_id, before_version, after_version,
    remarks, opened_at, opened_by, begun_at, done_at, closed_at, closed_by, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, NULL, NULL, NULL, 1)
ON CONFLICT (work) DO NOTHING";

const CHANGE: &str = "
UPDATE works
SET state = $3, window_id = $4, before_version = $5, after_version = $6, remarks = $7, begun_at = $8, done_at = $9,
    closed_at = $10, closed_by = $11, version = version + 1
WHERE work = $1 AND version = $2";

const LAST: &str = "
SELECT work, kind, state, title, reference, planned_on, window_id, before_version, after_version, remarks,
    opened_at, opened_by, begun_at, done_at, closed_at, closed_by, version
FROM works
WHERE state IN ('planned', 'doing', 'done') OR $1
ORDER BY opened_at DESC, work DESC
LIMIT $2";

const GET: &str = "
SELECT work, kind, state, title, reference, planned_on, window_id, before_version, after_version, remarks,
    opened_at, opened_by, begun_at, done_at, closed_at, closed_by, version
FROM works
WHERE work = $1";

/// Those whose work ended last: which of them was on the latest day, a rule decides.
const LAST_OF_KIND: &str = "
SELECT work, kind, state, title, reference, planned_on, window_id, before_version, after_version, remarks,
    opened_at, opened_by, begun_at, done_at, closed_at, closed_by, version
FROM works
WHERE kind = $1 AND state IN ('done', 'closed')
ORDER BY done_at DESC, work DESC
LIMIT 100";

const ADD_POINT: &str = "
INSERT INTO work_points (work, number, text, article, ticked_at, ticked_by, remark)
VALUES ($1, $2, $3, $4, NULL, NULL, '')";

const TICK: &str = "
UPDATE work_points
SET ticked_at = $3, ticked_by = $4, remark = $5
WHERE work = $1 AND number = $2 AND ticked_at IS NULL";

const POINTS: &str = "
SELECT work, number, text, article, ticked_at, ticked_by, remark
FROM work_points
WHERE work = $1
ORDER BY number
LIMIT 1000";

const ADD_RESULT: &str = "
INSERT INTO work_results (work, number, title, sha256, bytes, added_at, added_by)
SELECT $1, COALESCE((SELECT MAX(number) FROM work_results WHERE work = $1), 0) + 1, $2, $3, $4, $5, $6";

const RESULTS: &str = "
SELECT work, number, title, sha256, bytes, added_at, added_by
FROM work_results
WHERE work = $1
ORDER BY number
LIMIT 1000";

const ADD_SNAPSHOT: &str = "
INSERT INTO work_snapshots (work, request)
VALUES ($1, $2)
ON CONFLICT (work, request) DO NOTHING";

const SNAPSHOTS: &str = "
SELECT request
FROM work_snapshots
WHERE work = $1
ORDER BY request
LIMIT 1000";

/// A record of work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkRow {
    /// Its number, such as `WR-2026-0001`.
    pub work: String,
    /// What kind.
    pub kind: WorkKind,
    /// Where it stands.
    pub state: WorkState,
    /// What is done.
    pub title: String,
    /// The id of a release or of a work order; empty if there is none.
    pub reference: String,
    /// On which day.
    pub planned_on: Day,
    /// The window in which it stops something.
    pub window: Option<String>,
    /// What ran before.
    pub before_version: String,
    /// What runs now.
    pub after_version: String,
    /// What else is to be said.
    pub remarks: String,
    /// When the record was opened.
    pub opened_at: Instant,
    /// By whom.
    pub opened_by: String,
    /// When the work began.
    pub begun_at: Option<Instant>,
    /// When it was over.
    pub done_at: Option<Instant>,
    /// When the record was complete, and who said so.
    pub closed: Option<(Instant, String)>,
    /// Counts up with each change.
    pub version: u64,
}

/// A point of a checklist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointRow {
    /// Its place, from 1.
    pub number: u64,
    /// What is to be seen to.
    pub text: String,
    /// Where the policy asks for it.
    pub article: String,
    /// When it was ticked, and by whom.
    pub ticked: Option<(Instant, String)>,
    /// What was seen.
    pub remark: String,
}

/// A result that is attached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultRow {
    /// Its place, from 1.
    pub number: u64,
    /// What it is.
    pub title: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// How many there are.
    pub bytes: u64,
    /// When it was attached, and by whom.
    pub added: (Instant, String),
}

impl Catalog {
    /// The last `limit` records, newest first; those that are over too, if `all`.
    pub async fn works(&self, all: bool, limit: u32) -> Result<Vec<WorkRow>, CatalogError> {
        let rows = sqlx::query(LAST).bind(all).bind(i64::from(limit)).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The record of a number.
    pub async fn work(&self, work: &str) -> Result<Option<WorkRow>, CatalogError> {
        let row = sqlx::query(GET).bind(work).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The last records of a kind whose work is over, newest first.
    pub async fn last_works_of(&self, kind: WorkKind) -> Result<Vec<WorkRow>, CatalogError> {
        let rows = sqlx::query(LAST_OF_KIND).bind(kind.word()).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The checklist of a record.
    pub async fn work_points(&self, work: &str) -> Result<Vec<PointRow>, CatalogError> {
        let rows = sqlx::query(POINTS).bind(work).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(point).collect()
    }

    /// What is attached to a record.
    pub async fn work_results(&self, work: &str) -> Result<Vec<ResultRow>, CatalogError> {
        let rows = sqlx::query(RESULTS).bind(work).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(result).collect()
    }

    /// The requests for snapshots of a record.
    pub async fn work_snapshots(&self, work: &str) -> Result<Vec<String>, CatalogError> {
        let rows = sqlx::query_scalar(SNAPSHOTS).bind(work).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Adds a record with its checklist and gives it its number of the year.
    pub async fn add_work(
        &mut self,
        row: &WorkRow,
        points: &[(String, String)],
        year: i16,
    ) -> Result<String, CatalogError> {
        let count = self.scalar(sqlx::query_scalar(COUNT_YEAR).bind(format!("WR-{year}-%"))).await?;
        let work = format!("WR-{year}-{:04}", count.saturating_add(1));
        let query = sqlx::query(ADD)
            .bind(&work)
            .bind(row.kind.word())
            .bind(row.state.word())
            .bind(&row.title)
            .bind(&row.reference)
            .bind(row.planned_on.to_string())
            .bind(&row.window)
            .bind(&row.before_version)
            .bind(&row.after_version)
            .bind(&row.remarks)
            .bind(row.opened_at.as_micros())
            .bind(&row.opened_by);
        self.changed_one(query, TABLE, &work).await?;
        for (number, (text, article)) in (1_i64..).zip(points) {
            let query = sqlx::query(ADD_POINT).bind(&work).bind(number).bind(text).bind(article);
            self.changed_one(query, "work_points", &work).await?;
        }
        Ok(work)
    }

    /// Changes a record. `Stale` if somebody changed it since it was read.
    pub async fn change_work(&mut self, row: &WorkRow) -> Result<(), CatalogError> {
        let query = sqlx::query(CHANGE)
            .bind(&row.work)
            .bind(stored(row.version, TABLE, "version")?)
            .bind(row.state.word())
            .bind(&row.window)
            .bind(&row.before_version)
            .bind(&row.after_version)
            .bind(&row.remarks)
            .bind(row.begun_at.map(Instant::as_micros))
            .bind(row.done_at.map(Instant::as_micros))
            .bind(row.closed.as_ref().map(|(at, _)| at.as_micros()))
            .bind(row.closed.as_ref().map(|(_, by)| by));
        self.changed_one(query, TABLE, &row.work).await
    }

    /// Ticks a point. `Stale` if it is ticked already, or there is none.
    pub async fn tick_work_point(
        &mut self,
        (work, number): (&str, u64),
        (by, remark): (&str, &str),
        now: Instant,
    ) -> Result<(), CatalogError> {
        let number = stored(number, "work_points", "number")?;
        let query = sqlx::query(TICK).bind(work).bind(number).bind(now.as_micros()).bind(by).bind(remark);
        self.changed_one(query, "work_points", work).await
    }

    /// Notes what is attached.
    pub async fn add_work_result(&mut self, work: &str, row: &ResultRow) -> Result<(), CatalogError> {
        let query = sqlx::query(ADD_RESULT)
            .bind(work)
            .bind(&row.title)
            .bind(row.sha256.0.as_slice())
            .bind(stored(row.bytes, "work_results", "bytes")?)
            .bind(row.added.0.as_micros())
            .bind(&row.added.1);
        self.changed_one(query, "work_results", work).await
    }

    /// Notes that a snapshot was asked for for a record.
    pub async fn add_work_snapshot(&mut self, work: &str, request: &str) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(ADD_SNAPSHOT).bind(work).bind(request), "work_snapshots", work).await
    }
}

fn read(row: &SqliteRow) -> Result<WorkRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["work"] };
    let closed_by: Option<String> = columns.get("closed_by")?;
    Ok(WorkRow {
        work: columns.get("work")?,
        kind: WorkKind::of_word(columns.get("kind")?).ok_or_else(|| columns.corrupt("kind"))?,
        state: WorkState::of_word(columns.get("state")?).ok_or_else(|| columns.corrupt("state"))?,
        title: columns.get("title")?,
        reference: columns.get("reference")?,
        planned_on: columns.day("planned_on")?,
        window: columns.get("window_id")?,
        before_version: columns.get("before_version")?,
        after_version: columns.get("after_version")?,
        remarks: columns.get("remarks")?,
        opened_at: columns.instant("opened_at")?,
        opened_by: columns.get("opened_by")?,
        begun_at: columns.optional_instant("begun_at")?,
        done_at: columns.optional_instant("done_at")?,
        closed: columns.optional_instant("closed_at")?.zip(closed_by),
        version: columns.number("version")?,
    })
}

fn point(row: &SqliteRow) -> Result<PointRow, CatalogError> {
    let columns = Columns { row, table: "work_points", key: &["work", "number"] };
    let by: Option<String> = columns.get("ticked_by")?;
    Ok(PointRow {
        number: columns.number("number")?,
        text: columns.get("text")?,
        article: columns.get("article")?,
        ticked: columns.optional_instant("ticked_at")?.zip(by),
        remark: columns.get("remark")?,
    })
}

fn result(row: &SqliteRow) -> Result<ResultRow, CatalogError> {
    let columns = Columns { row, table: "work_results", key: &["work", "number"] };
    Ok(ResultRow {
        number: columns.number("number")?,
        title: columns.get("title")?,
        sha256: columns.digest("sha256")?,
        bytes: columns.number("bytes")?,
        added: (columns.instant("added_at")?, columns.get("added_by")?),
    })
}
