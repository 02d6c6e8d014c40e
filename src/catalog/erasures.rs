//! Digests of the erasure orders in the store, by which a lost one is noticed.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::archive::digest::Sha256;

const TABLE: &str = "erasures";

const NOTE: &str = "
INSERT INTO erasures (plan, number, digest)
VALUES ($1, $2, $3)
ON CONFLICT (plan, number) DO NOTHING";

const NOTED: &str = "
SELECT number, digest
FROM erasures
WHERE plan = $1
ORDER BY number
LIMIT 100000";

impl Catalog {
    /// The erasure orders of a plan that this host knows of: number and digest of the object, ascending.
    pub async fn noted_erasures(&self, plan: &str) -> Result<Vec<(u64, Sha256)>, CatalogError> {
        let rows = sqlx::query(NOTED).bind(plan).fetch_all(self.engine.readers()).await;
        let noted = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["number"] };
            Ok((columns.number("number")?, columns.digest("digest")?))
        };
        rows.map_err(|error| self.engine.failed(error))?.iter().map(noted).collect()
    }
}

impl Tx {
    /// Notes an erasure order; one that is noted already stays.
    pub async fn note_erasure(
        &mut self,
        plan: &str,
        number: u64,
        digest: &Sha256,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(NOTE).bind(plan).bind(stored(number, TABLE, "number")?);
        let done = query.bind(digest.0.as_slice()).execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }
}
