//! Break-glasses whose report somebody has seen.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

const TABLE: &str = "seen_reports";

const INSERT: &str = "
INSERT INTO seen_reports (occurrence, seen_by, seen_at)
VALUES ($1, $2, $3)
ON CONFLICT (occurrence) DO NOTHING";

const GET: &str = "
SELECT occurrence, seen_by, seen_at
FROM seen_reports
WHERE occurrence = $1";

const ALL: &str = "
SELECT occurrence
FROM seen_reports
ORDER BY occurrence
LIMIT 100000";

impl Catalog {
    /// Who has seen the report of a break-glass, and when.
    pub async fn report_seen(&self, occurrence: &str) -> Result<Option<(AccountId, Instant)>, CatalogError> {
        let row = sqlx::query(GET).bind(occurrence).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The occurrences whose report was seen.
    pub async fn seen_reports(&self) -> Result<Vec<String>, CatalogError> {
        let rows = sqlx::query_scalar(ALL).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Notes who has seen the report of a break-glass. `Stale` if somebody has already.
    pub async fn see_report(
        &mut self,
        occurrence: &str,
        by: &AccountId,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT).bind(occurrence).bind(by.as_str()).bind(now.as_micros());
        self.changed_one(query, TABLE, occurrence).await
    }
}

fn read(row: &SqliteRow) -> Result<(AccountId, Instant), CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["occurrence"] };
    let by: &str = columns.get("seen_by")?;
    Ok((by.parse().map_err(|_| columns.corrupt("seen_by"))?, columns.instant("seen_at")?))
}
