//! Snapshots as the repository has them: counts, sizes and days; what a host may know without a recovery key.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

use super::convert::{Columns, stored};
use super::packs::{self, PackRow};
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::archive::digest::Sha256;
use crate::domain::time::{Day, Instant};

const TABLE: &str = "snapshots";

const INSERT: &str = "
INSERT INTO snapshots (
    plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (plan, sequence) DO NOTHING";

const HAS_SAME: &str = "
SELECT COUNT(*)
FROM snapshots
WHERE plan = $1 AND sequence = $2 AND digest = $3";

const HEAD: &str = "
SELECT plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
FROM snapshots
WHERE plan = $1
ORDER BY sequence DESC
LIMIT 1";

const NEWEST_COMPLETE: &str = "
SELECT plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
FROM snapshots
WHERE plan = $1 AND is_complete = $2
ORDER BY sequence DESC
LIMIT 1";

const LIST_ALL: &str = "
SELECT plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
FROM snapshots
ORDER BY plan, sequence
LIMIT 100000";

const LIST_PLAN: &str = "
SELECT plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
FROM snapshots
WHERE plan = $1
ORDER BY plan, sequence
LIMIT 100000";

/// Newest first, from a place on.
const PAGE: &str = "
SELECT plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
FROM snapshots
WHERE (taken_at, digest) < ($1, $2) AND ($3 = '' OR plan = $3)
ORDER BY taken_at DESC, digest DESC
LIMIT $4";

const DELETE_FROM: &str = "
DELETE FROM snapshots
WHERE plan = $1 AND sequence >= $2";

pub(super) const DELETE_PLAN: &str = "
DELETE FROM snapshots
WHERE plan = $1";

/// A snapshot as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRow {
    /// The plan.
    pub plan: String,
    /// Counts up by one in each plan.
    pub sequence: u64,
    /// SHA-256 of the snapshot object: its name.
    pub digest: Sha256,
    /// The snapshot before this one; none for the first.
    pub parent: Option<Sha256>,
    /// When the run began.
    pub taken_at: Instant,
    /// The civil day of that instant in the plan's zone.
    pub day: Day,
    /// Why it was taken.
    pub event: String,
    /// Whether everything that the plan names was read.
    pub is_complete: bool,
    /// Entries that are not directories.
    pub files: u64,
    /// Bytes of regular files.
    pub bytes: u64,
    /// Bytes that its run added to the store.
    pub new_bytes_stored: u64,
    /// Entries that could not be read.
    pub skipped: u64,
    /// How many cohorts it names.
    pub cohorts: u64,
}

/// The newest of each plan, and the newest complete one, which is often the same.
const NEWEST: &str = "
WITH ends AS (
    SELECT plan, MAX(sequence) AS last, MAX(CASE WHEN is_complete = 1 THEN sequence END) AS complete
    FROM snapshots
    GROUP BY plan
)
SELECT snapshots.plan AS plan, sequence, digest, parent, taken_at, day, event,
    is_complete, files, bytes, new_bytes_stored, skipped, cohorts
FROM ends JOIN snapshots ON snapshots.plan = ends.plan AND (sequence = ends.last OR sequence = ends.complete)
ORDER BY snapshots.plan, sequence
LIMIT 10000";

impl Tx {
    /// The newest snapshot of a plan.
    pub async fn snapshot_head(&mut self, plan: &str) -> Result<Option<SnapshotRow>, CatalogError> {
        let row = sqlx::query(HEAD).bind(plan).fetch_optional(self.connection()).await;
        row.map_err(|error| self.failed(error))?.as_ref().map(read).transpose()
    }
}

impl Catalog {
    /// By plan, its newest complete snapshot and its newest one, in this order; once where both are the same.
    pub async fn newest_snapshots(&self) -> Result<Vec<SnapshotRow>, CatalogError> {
        let rows = sqlx::query(NEWEST).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Records a snapshot and the packs that its run added, both or neither.
    ///
    /// Recording the same snapshot again changes nothing in its row and adds packs that were missing. Another snapshot
    /// with its plan and sequence is refused (`OtherSnapshot`), and nothing is recorded.
    pub async fn record_snapshot(
        &self,
        snapshot: &SnapshotRow,
        new_packs: &[PackRow],
    ) -> Result<(), CatalogError> {
        let mut tx = self.engine.begin().await?;
        if !self.insert(&mut tx, snapshot).await? && !self.has_same(&mut tx, snapshot).await? {
            return Err(CatalogError::OtherSnapshot {
                plan: snapshot.plan.clone(),
                sequence: snapshot.sequence,
            });
        }
        packs::insert(&self.engine, &mut tx, new_packs).await?;
        self.engine.commit(tx).await
    }

    /// Forgets a plan's snapshots from `sequence` on: the store has others in their place. Packs stay.
    pub async fn forget_snapshots_from(&self, plan: &str, sequence: u64) -> Result<(), CatalogError> {
        let query = sqlx::query(DELETE_FROM).bind(plan).bind(stored(sequence, TABLE, "sequence")?);
        query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(())
    }

    /// The newest snapshot of a plan.
    pub async fn head(&self, plan: &str) -> Result<Option<SnapshotRow>, CatalogError> {
        let row = sqlx::query(HEAD).bind(plan).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The newest snapshot of a plan in which nothing is missing.
    pub async fn newest_complete(&self, plan: &str) -> Result<Option<SnapshotRow>, CatalogError> {
        let query = sqlx::query(NEWEST_COMPLETE).bind(plan).bind(true);
        let row = query.fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The snapshots of one plan or of all, ascending by plan and sequence; at most 100,000.
    pub async fn snapshots(&self, plan: Option<&str>) -> Result<Vec<SnapshotRow>, CatalogError> {
        let query = match plan {
            Some(plan) => sqlx::query(LIST_PLAN).bind(plan),
            None => sqlx::query(LIST_ALL),
        };
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// At most `limit` snapshots after a place (its id is a digest), newest first; of one plan, or of any if it is empty.
    pub async fn snapshots_page(
        &self,
        after: &Place,
        plan: &str,
        limit: u32,
    ) -> Result<Vec<SnapshotRow>, CatalogError> {
        let query = sqlx::query(PAGE)
            .bind(after.at.as_micros())
            .bind(hex::decode(&after.id).unwrap_or_default())
            .bind(plan)
            .bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// Whether the row is new.
    async fn insert(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        snapshot: &SnapshotRow,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(&snapshot.plan)
            .bind(stored(snapshot.sequence, TABLE, "sequence")?)
            .bind(snapshot.digest.0.as_slice())
            .bind(snapshot.parent.as_ref().map(|digest| digest.0.as_slice()))
            .bind(snapshot.taken_at.as_micros())
            .bind(snapshot.day.to_string())
            .bind(&snapshot.event)
            .bind(snapshot.is_complete)
            .bind(stored(snapshot.files, TABLE, "files")?)
            .bind(stored(snapshot.bytes, TABLE, "bytes")?)
            .bind(stored(snapshot.new_bytes_stored, TABLE, "new_bytes_stored")?)
            .bind(stored(snapshot.skipped, TABLE, "skipped")?)
            .bind(stored(snapshot.cohorts, TABLE, "cohorts")?);
        let done = query.execute(&mut **tx).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether the row that is there already is of this very snapshot.
    async fn has_same(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        snapshot: &SnapshotRow,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query_scalar::<_, i64>(HAS_SAME)
            .bind(&snapshot.plan)
            .bind(stored(snapshot.sequence, TABLE, "sequence")?)
            .bind(snapshot.digest.0.as_slice());
        let same = query.fetch_one(&mut **tx).await.map_err(|error| self.engine.failed(error))?;
        Ok(same == 1)
    }
}

fn read(row: &SqliteRow) -> Result<SnapshotRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["plan", "sequence"] };
    Ok(SnapshotRow {
        plan: columns.get("plan")?,
        sequence: columns.number("sequence")?,
        digest: columns.digest("digest")?,
        parent: columns.optional_digest("parent")?,
        taken_at: columns.instant("taken_at")?,
        day: columns.day("day")?,
        event: columns.get("event")?,
        is_complete: columns.get("is_complete")?,
        files: columns.number("files")?,
        bytes: columns.number("bytes")?,
        new_bytes_stored: columns.number("new_bytes_stored")?,
        skipped: columns.number("skipped")?,
        cohorts: columns.number("cohorts")?,
    })
}
