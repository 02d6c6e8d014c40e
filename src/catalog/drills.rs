//! Drills: what was tried out when, how long it took, and what came of it.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::archive::digest::Sha256;
use crate::domain::drill::DrillKind;
use crate::domain::time::Instant;

const TABLE: &str = "drills";

const INSERT: &str = "
INSERT INTO drills
    (number, kind, plan, keys, scope, ended_at, milliseconds, cohorts, files, bytes, failed, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (number) DO NOTHING";

const LAST: &str = "
SELECT number, kind, plan, keys, scope, ended_at, milliseconds, cohorts, files, bytes, failed, digest
FROM drills
ORDER BY number DESC
LIMIT $1";

const FIRST_RUNS: &str = "
SELECT plan, MIN(started_at) AS started_at
FROM runs
GROUP BY plan
ORDER BY plan
LIMIT 10000";

/// A drill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DrillRow {
    /// Its number, as in the name of its evidence.
    pub number: u64,
    /// What was tried out.
    pub kind: DrillKind,
    /// The plan of a restore; empty for a key.
    pub plan: String,
    /// The public halves of the recovery keys that were used.
    pub keys: Vec<String>,
    /// How much: `sample`, `days`, `all`; of a key always `all`.
    pub scope: String,
    /// When it ended.
    pub ended_at: Instant,
    /// How long the restore took.
    pub milliseconds: u64,
    /// Cohorts that were opened.
    pub cohorts: u64,
    /// Files that were restored and compared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What did not come back as it was, or did not open.
    pub failed: u64,
    /// SHA-256 of the evidence.
    pub digest: Sha256,
}

impl Catalog {
    /// The last drills, newest first.
    pub async fn last_drills(&self, limit: u32) -> Result<Vec<DrillRow>, CatalogError> {
        let rows = sqlx::query(LAST).bind(i64::from(limit)).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// When each plan ran first, by plan.
    pub async fn first_runs(&self) -> Result<Vec<(String, Instant)>, CatalogError> {
        let rows = sqlx::query(FIRST_RUNS).fetch_all(self.engine.readers()).await;
        let first = |row: &SqliteRow| {
            let columns = Columns { row, table: "runs", key: &["plan"] };
            Ok((columns.get("plan")?, columns.instant("started_at")?))
        };
        rows.map_err(|error| self.engine.failed(error))?.iter().map(first).collect()
    }
}

impl Tx {
    /// Records a drill. `Stale` if its number is taken.
    pub async fn add_drill(&mut self, row: &DrillRow) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(stored(row.number, TABLE, "number")?)
            .bind(row.kind.word())
            .bind(&row.plan)
            .bind(row.keys.join(" "))
            .bind(&row.scope)
            .bind(row.ended_at.as_micros())
            .bind(stored(row.milliseconds, TABLE, "milliseconds")?)
            .bind(stored(row.cohorts, TABLE, "cohorts")?)
            .bind(stored(row.files, TABLE, "files")?)
            .bind(stored(row.bytes, TABLE, "bytes")?)
            .bind(stored(row.failed, TABLE, "failed")?)
            .bind(&row.digest.0[..]);
        self.changed_one(query, TABLE, &row.number.to_string()).await
    }
}

fn read(row: &SqliteRow) -> Result<DrillRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["number"] };
    let kind: &str = columns.get("kind")?;
    Ok(DrillRow {
        number: columns.number("number")?,
        kind: DrillKind::of_word(kind).ok_or_else(|| columns.corrupt("kind"))?,
        plan: columns.get("plan")?,
        keys: columns.get::<&str>("keys")?.split_whitespace().map(str::to_owned).collect(),
        scope: columns.get("scope")?,
        ended_at: columns.instant("ended_at")?,
        milliseconds: columns.number("milliseconds")?,
        cohorts: columns.number("cohorts")?,
        files: columns.number("files")?,
        bytes: columns.number("bytes")?,
        failed: columns.number("failed")?,
        digest: columns.digest("digest")?,
    })
}
