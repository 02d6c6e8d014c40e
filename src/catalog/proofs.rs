//! Proofs: when the public page was seen with a notice on it, and which notices it did not show.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::time::Instant;

const TABLE: &str = "proofs";

const INSERT: &str = "
INSERT INTO proofs (notice, revision, fetched_at, address, status, digest)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (notice, fetched_at) DO NOTHING";

/// The last proof of a notice, as far as the clock has come: one that ran ahead proves nothing.
const PROVEN_AT: &str = "
SELECT fetched_at
FROM proofs
WHERE notice = $1 AND fetched_at <= $2
ORDER BY fetched_at DESC
LIMIT 1";

const OF_NOTICE: &str = "
SELECT notice, revision, fetched_at, address, status, digest
FROM proofs
WHERE notice = $1
ORDER BY fetched_at DESC
LIMIT $2";

const FAILED: &str = "
INSERT INTO unproven (notice, since, last_at, address, problem)
VALUES ($1, $2, $2, $3, $4)
ON CONFLICT (notice) DO UPDATE
SET last_at = excluded.last_at, address = excluded.address, problem = excluded.problem";

const MENDED: &str = "DELETE FROM unproven WHERE notice = $1";

const UNPROVEN: &str = "
SELECT notice, since, last_at, address, problem
FROM unproven
ORDER BY notice
LIMIT 10000";

/// The public page was seen with a notice on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofRow {
    /// The notice.
    pub notice: String,
    /// The revision that was current.
    pub revision: u32,
    /// When.
    pub fetched_at: Instant,
    /// Under which address.
    pub address: String,
    /// The status of the answer.
    pub status: u16,
    /// SHA-256 of its body.
    pub digest: Sha256,
}

/// The public page did not show a notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unproven {
    /// The notice.
    pub notice: String,
    /// Since when.
    pub since: Instant,
    /// When it was looked for last.
    pub last_at: Instant,
    /// Under which address.
    pub address: String,
    /// What was wrong.
    pub problem: String,
}

impl Catalog {
    /// When the page was seen last with a notice, until `now`.
    pub async fn proven_at(&self, notice: &str, now: Instant) -> Result<Option<Instant>, CatalogError> {
        let query = sqlx::query(PROVEN_AT).bind(notice).bind(now.as_micros());
        let row = query.fetch_optional(self.engine.readers()).await;
        let read = |row: &SqliteRow| Columns { row, table: TABLE, key: &[] }.instant("fetched_at");
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The newest `limit` proofs of a notice, newest first.
    pub async fn proofs(&self, notice: &str, limit: u32) -> Result<Vec<ProofRow>, CatalogError> {
        let query = sqlx::query(OF_NOTICE).bind(notice).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// The notices that the public page did not show.
    pub async fn unproven(&self) -> Result<Vec<Unproven>, CatalogError> {
        let rows = sqlx::query(UNPROVEN).fetch_all(self.engine.pool()).await;
        let rows = rows.map_err(|error| self.engine.failed(error))?;
        let unproven = |row: &SqliteRow| {
            let columns = Columns { row, table: "unproven", key: &["notice"] };
            Ok(Unproven {
                notice: columns.get("notice")?,
                since: columns.instant("since")?,
                last_at: columns.instant("last_at")?,
                address: columns.get("address")?,
                problem: columns.get("problem")?,
            })
        };
        rows.iter().map(unproven).collect()
    }

    /// Notes that the page did not show a notice. The first time is kept.
    pub async fn note_unproven(
        &self,
        notice: &str,
        address: &str,
        problem: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(FAILED).bind(notice).bind(now.as_micros()).bind(address).bind(problem);
        query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(())
    }

    /// Forgets that the page did not show a notice; nobody asks any more.
    pub async fn forget_unproven(&self, notice: &str) -> Result<(), CatalogError> {
        let done = sqlx::query(MENDED).bind(notice).execute(self.engine.pool()).await;
        done.map(|_| ()).map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Adds a proof; what failed before is forgotten.
    pub async fn add_proof(&mut self, proof: &ProofRow) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(&proof.notice)
            .bind(stored(u64::from(proof.revision), TABLE, "revision")?)
            .bind(proof.fetched_at.as_micros())
            .bind(&proof.address)
            .bind(i64::from(proof.status))
            .bind(proof.digest.0.as_slice());
        self.changed_one(query, TABLE, &proof.notice).await?;
        let done = sqlx::query(MENDED).bind(&proof.notice).execute(self.connection()).await;
        done.map(|_| ()).map_err(|error| self.failed(error))
    }
}

fn read(row: &SqliteRow) -> Result<ProofRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["notice", "fetched_at"] };
    Ok(ProofRow {
        notice: columns.get("notice")?,
        revision: u32::try_from(columns.number("revision")?).map_err(|_| columns.corrupt("revision"))?,
        fetched_at: columns.instant("fetched_at")?,
        address: columns.get("address")?,
        status: u16::try_from(columns.number("status")?).map_err(|_| columns.corrupt("status"))?,
        digest: columns.digest("digest")?,
    })
}
