//! What is tried out every day: which parts of all packs were read again when, and whether the store keeps its locks.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::domain::canary::CanaryOutcome;
use crate::domain::time::Instant;

const REREADS: &str = "rereads";

const CANARIES: &str = "canaries";

const NOTE_REREAD: &str = "
INSERT INTO rereads (parts, part, read_at, packs, bytes)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (parts, part) DO UPDATE
SET read_at = excluded.read_at, packs = excluded.packs, bytes = excluded.bytes";

const READ_PARTS: &str = "
SELECT part, read_at
FROM rereads
WHERE parts = $1
ORDER BY part
LIMIT 256";

const NOTE_CANARY: &str = "
INSERT INTO canaries (store, tried_at, since, outcome)
VALUES ($1, $2, $2, $3)
ON CONFLICT (store) DO UPDATE
SET tried_at = excluded.tried_at,
    since = CASE WHEN canaries.outcome = excluded.outcome THEN canaries.since ELSE excluded.since END,
    outcome = excluded.outcome";

const ALL_CANARIES: &str = "
SELECT store, tried_at, since, outcome
FROM canaries
ORDER BY store
LIMIT 100";

/// Whether a store keeps its locks, when it was tried last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CanaryRow {
    /// The address of the store.
    pub store: String,
    /// When it was tried last.
    pub tried_at: Instant,
    /// Since when it has been like this.
    pub since: Instant,
    /// What became of the canary.
    pub outcome: CanaryOutcome,
}

impl Catalog {
    /// Which of so many parts were read, and when last.
    pub async fn read_parts(&self, parts: u32) -> Result<Vec<(u32, Instant)>, CatalogError> {
        let rows = sqlx::query(READ_PARTS).bind(i64::from(parts)).fetch_all(self.engine.readers()).await;
        let part = |row: &SqliteRow| {
            let columns = Columns { row, table: REREADS, key: &["part"] };
            let part = u32::try_from(columns.number("part")?).map_err(|_| columns.corrupt("part"))?;
            Ok((part, columns.instant("read_at")?))
        };
        rows.map_err(|error| self.engine.failed(error))?.iter().map(part).collect()
    }

    /// The last canary of each store.
    pub async fn canaries(&self) -> Result<Vec<CanaryRow>, CatalogError> {
        let rows = sqlx::query(ALL_CANARIES).fetch_all(self.engine.readers()).await;
        let canary = |row: &SqliteRow| {
            let columns = Columns { row, table: CANARIES, key: &["store"] };
            let outcome: &str = columns.get("outcome")?;
            Ok(CanaryRow {
                store: columns.get("store")?,
                tried_at: columns.instant("tried_at")?,
                since: columns.instant("since")?,
                outcome: CanaryOutcome::of_word(outcome).ok_or_else(|| columns.corrupt("outcome"))?,
            })
        };
        rows.map_err(|error| self.engine.failed(error))?.iter().map(canary).collect()
    }
}

impl Tx {
    /// Notes that all packs of a part were read.
    pub async fn note_reread(
        &mut self,
        (part, parts): (u32, u32),
        (packs, bytes): (u64, u64),
        at: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(NOTE_REREAD)
            .bind(i64::from(parts))
            .bind(i64::from(part))
            .bind(at.as_micros())
            .bind(stored(packs, REREADS, "packs")?)
            .bind(stored(bytes, REREADS, "bytes")?);
        let done = query.execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// Notes what became of a store's canary.
    pub async fn note_canary(
        &mut self,
        store: &str,
        outcome: CanaryOutcome,
        at: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(NOTE_CANARY).bind(store).bind(at.as_micros()).bind(outcome.word());
        let done = query.execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }
}
