//! Certificates of deletion as they are in the store, and the digests of holds, by which a lost one is noticed.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::archive::digest::Sha256;
use crate::domain::time::Instant;

const TABLE: &str = "certificates";

const INSERT: &str = "
INSERT INTO certificates (number, digest, issued_at, cohorts, objects, bytes, envelope)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (number) DO NOTHING";

const LIST: &str = "
SELECT number, digest, issued_at, cohorts, objects, bytes, envelope
FROM certificates
WHERE number < $1
ORDER BY number DESC
LIMIT $2";

const KNOWN: &str = "
SELECT number, digest
FROM certificates
ORDER BY number";

const NEWEST: &str = "SELECT COALESCE(MAX(number), 0) FROM certificates";

const DELETE_SNAPSHOT: &str = "
DELETE FROM snapshots
WHERE plan = $1 AND sequence = $2 AND digest = $3";

const DELETE_PACKS: &str = "
DELETE FROM packs
WHERE plan = $1 AND cohort = $2";

const NOTE_HOLD: &str = "
INSERT INTO holds (plan, number, digest)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING";

const HOLDS: &str = "
SELECT plan, number, digest
FROM holds
WHERE plan = $1
ORDER BY number
LIMIT 100000";

/// A certificate as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRow {
    /// Its number.
    pub number: u64,
    /// SHA-256 of the envelope.
    pub digest: Sha256,
    /// When it was issued.
    pub issued_at: Instant,
    /// Cohorts that were deleted.
    pub cohorts: u64,
    /// Objects that were deleted.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The signed envelope.
    pub envelope: Vec<u8>,
}

impl Catalog {
    /// At most `limit` certificates with a number below `before`, newest first.
    pub async fn certificates(&self, before: u64, limit: u32) -> Result<Vec<CertificateRow>, CatalogError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let query = sqlx::query(LIST).bind(before).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// The certificates that this host knows of: number and digest of the object, ascending.
    pub async fn known_certificates(&self) -> Result<Vec<(u64, Sha256)>, CatalogError> {
        let rows = sqlx::query(KNOWN).fetch_all(self.engine.pool()).await;
        let read = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["number"] };
            Ok((columns.number("number")?, columns.digest("digest")?))
        };
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The number of the newest certificate; 0 if there is none.
    pub async fn newest_certificate(&self) -> Result<u64, CatalogError> {
        let number = sqlx::query_scalar::<_, i64>(NEWEST).fetch_one(self.engine.pool()).await;
        Ok(u64::try_from(number.map_err(|error| self.engine.failed(error))?).unwrap_or(0))
    }

    /// The holds of a plan that this host knows of: number and digest of the object, ascending.
    pub async fn noted_holds(&self, plan: &str) -> Result<Vec<(u64, Sha256)>, CatalogError> {
        let rows = sqlx::query(HOLDS).bind(plan).fetch_all(self.engine.pool()).await;
        let read = |row: &SqliteRow| {
            let columns = Columns { row, table: "holds", key: &["plan", "number"] };
            Ok((columns.number("number")?, columns.digest("digest")?))
        };
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// Records a certificate; whether it is new.
    pub async fn add_certificate(&mut self, row: &CertificateRow) -> Result<bool, CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(stored(row.number, TABLE, "number")?)
            .bind(row.digest.0.as_slice())
            .bind(row.issued_at.as_micros())
            .bind(stored(row.cohorts, TABLE, "cohorts")?)
            .bind(stored(row.objects, TABLE, "objects")?)
            .bind(stored(row.bytes, TABLE, "bytes")?)
            .bind(row.envelope.as_slice());
        let done = query.execute(self.connection()).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a snapshot that was deleted from the store.
    pub async fn forget_snapshot(
        &mut self,
        plan: &str,
        sequence: u64,
        digest: &Sha256,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(DELETE_SNAPSHOT).bind(plan).bind(stored(sequence, "snapshots", "sequence")?);
        let done = query.bind(digest.0.as_slice()).execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// Forgets the packs of a cohort that was deleted from the store.
    pub async fn forget_packs(&mut self, plan: &str, cohort: &str) -> Result<(), CatalogError> {
        let done = sqlx::query(DELETE_PACKS).bind(plan).bind(cohort).execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// Notes a hold; one that is noted already stays.
    pub async fn note_hold(&mut self, plan: &str, number: u64, digest: &Sha256) -> Result<(), CatalogError> {
        let query = sqlx::query(NOTE_HOLD).bind(plan).bind(stored(number, "holds", "number")?);
        let done = query.bind(digest.0.as_slice()).execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }
}

fn read(row: &SqliteRow) -> Result<CertificateRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["number"] };
    Ok(CertificateRow {
        number: columns.number("number")?,
        digest: columns.digest("digest")?,
        issued_at: columns.instant("issued_at")?,
        cohorts: columns.number("cohorts")?,
        objects: columns.number("objects")?,
        bytes: columns.number("bytes")?,
        envelope: columns.get("envelope")?,
    })
}
