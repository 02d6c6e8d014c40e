//! The packs that snapshots need: what the store must list, and what a damaged pack costs.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};

use super::convert::{Columns, stored};
use super::engine::Engine;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;

const TABLE: &str = "packs";

const INSERT_ONE: &str = "
INSERT INTO packs (plan, cohort, name, size_bytes, files)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (plan, cohort, name) DO NOTHING";

/// How many rows `INSERT_MANY` takes.
const MANY: usize = 10;

/// One statement for ten rows: a first snapshot has tens of thousands of packs.
const INSERT_MANY: &str = "
INSERT INTO packs (plan, cohort, name, size_bytes, files)
VALUES
    ($1, $2, $3, $4, $5),
    ($6, $7, $8, $9, $10),
    ($11, $12, $13, $14, $15),
    ($16, $17, $18, $19, $20),
    ($21, $22, $23, $24, $25),
    ($26, $27, $28, $29, $30),
    ($31, $32, $33, $34, $35),
    ($36, $37, $38, $39, $40),
    ($41, $42, $43, $44, $45),
    ($46, $47, $48, $49, $50)
ON CONFLICT (plan, cohort, name) DO NOTHING";

/// The limit is 120 TB of packs of 12 MiB.
const LIST_PLAN: &str = "
SELECT plan, cohort, name, size_bytes, files
FROM packs
WHERE plan = $1
ORDER BY plan, cohort, name
LIMIT 10000000";

const LIST_COHORT: &str = "
SELECT plan, cohort, name, size_bytes, files
FROM packs
WHERE plan = $1 AND cohort = $2
ORDER BY plan, cohort, name
LIMIT 10000000";

const DELETE_COHORT: &str = "
DELETE FROM packs
WHERE plan = $1 AND cohort = $2";

pub(super) const DELETE_PLAN: &str = "
DELETE FROM packs
WHERE plan = $1";

/// A pack as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackRow {
    /// The plan.
    pub plan: String,
    /// The cohort.
    pub cohort: String,
    /// SHA-256 of its bytes: its name.
    pub name: Sha256,
    /// Bytes of the age file.
    pub size_bytes: u64,
    /// File entries that have bytes in it.
    pub files: u64,
}

impl Catalog {
    /// All packs of a plan, ascending by cohort and name; at most 10,000,000.
    pub async fn packs_of(&self, plan: &str) -> Result<Vec<PackRow>, CatalogError> {
        let rows = sqlx::query(LIST_PLAN).bind(plan).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The packs of one cohort, ascending by name; at most 10,000,000.
    pub async fn packs_of_cohort(&self, plan: &str, cohort: &str) -> Result<Vec<PackRow>, CatalogError> {
        let rows = sqlx::query(LIST_COHORT).bind(plan).bind(cohort).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Forgets the packs of a cohort that is gone from the store and says how many there were. Snapshots stay.
    pub async fn remove_cohort(&self, plan: &str, cohort: &str) -> Result<u64, CatalogError> {
        let done = sqlx::query(DELETE_COHORT).bind(plan).bind(cohort).execute(self.engine.pool()).await;
        Ok(done.map_err(|error| self.engine.failed(error))?.rows_affected())
    }
}

/// Adds packs; one that is there already stays as it is, because its name fixes its bytes.
pub(super) async fn insert(
    engine: &Engine,
    tx: &mut Transaction<'static, Sqlite>,
    packs: &[PackRow],
) -> Result<(), CatalogError> {
    // In the order of the key, so that the table grows at one place after the other.
    let mut packs: Vec<&PackRow> = packs.iter().collect();
    packs.sort_unstable_by(|a, b| (&a.plan, &a.cohort, a.name).cmp(&(&b.plan, &b.cohort, b.name)));
    let (tens, rest) = packs.as_chunks::<MANY>();
    let tens = tens.iter().map(|ten| (INSERT_MANY, ten.as_slice()));
    let ones = rest.iter().map(|one| (INSERT_ONE, std::slice::from_ref(one)));
    for (statement, rows) in tens.chain(ones) {
        let mut query = sqlx::query(statement);
        for pack in rows {
            query = query
                .bind(&pack.plan)
                .bind(&pack.cohort)
                .bind(pack.name.0.as_slice())
                .bind(stored(pack.size_bytes, TABLE, "size_bytes")?)
                .bind(stored(pack.files, TABLE, "files")?);
        }
        query.execute(&mut **tx).await.map_err(|error| engine.failed(error))?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<PackRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["plan", "cohort", "name"] };
    Ok(PackRow {
        plan: columns.get("plan")?,
        cohort: columns.get("cohort")?,
        name: columns.digest("name")?,
        size_bytes: columns.number("size_bytes")?,
        files: columns.number("files")?,
    })
}
