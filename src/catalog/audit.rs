//! Lines of the audit log: appended by `Tx::commit` only, read in order, never changed.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::audit::{AuditEntry, AuditLine, chained};

const TABLE: &str = "audit";

const HEAD: &str = "
SELECT sequence, digest
FROM audit
ORDER BY sequence DESC
LIMIT 1";

const APPEND: &str = "
INSERT INTO audit (sequence, at, actor, act, subject, detail, previous, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const NEWEST_OF: &str = "
SELECT sequence, at, actor, act, subject, detail, previous, digest
FROM audit
WHERE act = $1
ORDER BY sequence DESC
LIMIT 1";

const AFTER: &str = "
SELECT sequence, at, actor, act, subject, detail, previous, digest
FROM audit
WHERE sequence > $1
ORDER BY sequence
LIMIT $2";

const PAGE: &str = "
SELECT sequence, at, actor, act, subject, detail, previous, digest
FROM audit
WHERE sequence < $1
ORDER BY sequence DESC
LIMIT $2";

const NEWEST: &str = "
SELECT sequence, at, actor, act, subject, detail, previous, digest
FROM audit
ORDER BY sequence DESC
LIMIT $1";

impl Tx {
    /// Number and digest of the newest line; `None` for an empty log.
    pub async fn audit_head(&mut self) -> Result<Option<(u64, Sha256)>, CatalogError> {
        let head = sqlx::query(HEAD).fetch_optional(self.connection()).await;
        let head = head.map_err(|error| self.failed(error))?;
        let read = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["sequence"] };
            Ok((columns.number("sequence")?, columns.digest("digest")?))
        };
        head.as_ref().map(read).transpose()
    }
}

/// Adds a line after the newest one.
pub(super) async fn append(tx: &mut Tx, entry: &AuditEntry) -> Result<(), CatalogError> {
    let (last, previous) = tx.audit_head().await?.unwrap_or((0, Sha256([0; 32])));
    let sequence = last + 1;
    let digest = Sha256::of(&chained(sequence, &previous.0, entry));
    let query = sqlx::query(APPEND)
        .bind(stored(sequence, TABLE, "sequence")?)
        .bind(entry.at.as_micros())
        .bind(&entry.actor)
        .bind(&entry.act)
        .bind(&entry.subject)
        .bind(&entry.detail)
        .bind(previous.0.as_slice())
        .bind(digest.0.as_slice());
    let done = query.execute(tx.connection()).await;
    done.map(drop).map_err(|error| tx.failed(error))
}

impl Catalog {
    /// Lines after number `after`, oldest first, at most `limit`.
    pub async fn audit_after(&self, after: u64, limit: u32) -> Result<Vec<AuditLine>, CatalogError> {
        let query = sqlx::query(AFTER).bind(stored(after, TABLE, "sequence")?).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// Lines before number `before`, newest first, at most `limit`.
    pub async fn audit_page(&self, before: u64, limit: u32) -> Result<Vec<AuditLine>, CatalogError> {
        let query = sqlx::query(PAGE).bind(stored(before, TABLE, "sequence")?).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// The newest line of an act.
    pub async fn audit_newest_of(&self, act: &str) -> Result<Option<AuditLine>, CatalogError> {
        let row = sqlx::query(NEWEST_OF).bind(act).fetch_optional(self.engine.pool()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The newest `limit` lines, newest first.
    pub async fn audit_newest(&self, limit: u32) -> Result<Vec<AuditLine>, CatalogError> {
        let query = sqlx::query(NEWEST).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<AuditLine, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["sequence"] };
    Ok(AuditLine {
        sequence: columns.number("sequence")?,
        entry: AuditEntry {
            at: columns.instant("at")?,
            actor: columns.get("actor")?,
            act: columns.get("act")?,
            subject: columns.get("subject")?,
            detail: columns.get("detail")?,
        },
        previous: columns.digest("previous")?.0,
        digest: columns.digest("digest")?.0,
    })
}
