//! Proofs of coverage: what was checked when, and what came of it, plan by plan.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::domain::time::Instant;

const TABLE: &str = "coverage";

const INSERT: &str = "
INSERT INTO coverage (plan, checked_at, alive, whole, packs, bytes, exceptions)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING";

const NEWEST: &str = "
SELECT plan, checked_at, alive, whole, packs, bytes, exceptions
FROM coverage
WHERE (plan, checked_at) IN (SELECT plan, MAX(checked_at) FROM coverage WHERE checked_at <= $1 GROUP BY plan)
ORDER BY plan
LIMIT 10000";

/// A proof of coverage as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoverageRow {
    /// The plan.
    pub plan: String,
    /// When the check ended.
    pub checked_at: Instant,
    /// Cohorts inside their time.
    pub alive: u64,
    /// Those whose every object was there.
    pub whole: u64,
    /// Their packs.
    pub packs: u64,
    /// Bytes of those packs.
    pub bytes: u64,
    /// The codes of what was not right, each once.
    pub exceptions: Vec<String>,
}

impl Catalog {
    /// The newest proof of each plan, by plan. One of the future was made by a clock that has gone back since: it says
    /// nothing of today.
    pub async fn newest_coverage(&self, now: Instant) -> Result<Vec<CoverageRow>, CatalogError> {
        let rows = sqlx::query(NEWEST).bind(now.as_micros()).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// Records a proof.
    pub async fn add_coverage(&mut self, row: &CoverageRow) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(&row.plan)
            .bind(row.checked_at.as_micros())
            .bind(stored(row.alive, TABLE, "alive")?)
            .bind(stored(row.whole, TABLE, "whole")?)
            .bind(stored(row.packs, TABLE, "packs")?)
            .bind(stored(row.bytes, TABLE, "bytes")?)
            .bind(row.exceptions.join(" "));
        self.changed_one(query, TABLE, &row.plan).await
    }
}

fn read(row: &SqliteRow) -> Result<CoverageRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["plan", "checked_at"] };
    Ok(CoverageRow {
        plan: columns.get("plan")?,
        checked_at: columns.instant("checked_at")?,
        alive: columns.number("alive")?,
        whole: columns.number("whole")?,
        packs: columns.number("packs")?,
        bytes: columns.number("bytes")?,
        exceptions: columns.get::<&str>("exceptions")?.split_whitespace().map(str::to_owned).collect(),
    })
}
