//! Answers to requests that carry an idempotency key: reserved before the effect, marked in its transaction, kept after.
//!
//! A reservation is random. Each step names it, so that of two requests with one key only one can have an effect: the
//! mark is an update of the row that must find its reservation, inside the transaction of the effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

const TABLE: &str = "answers";

const RESERVE: &str = "
INSERT INTO answers (account, key, digest, reservation, reserved_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account, key) DO NOTHING";

const GET: &str = "
SELECT account, key, digest, reservation, reserved_at, done_at, subject, status, location, etag, body
FROM answers
WHERE account = $1 AND key = $2";

const TAKE_OVER: &str = "
UPDATE answers
SET reservation = $4, reserved_at = $5
WHERE account = $1 AND key = $2 AND reservation = $3 AND done_at IS NULL";

const MARK: &str = "
UPDATE answers
SET done_at = $4, subject = $5
WHERE account = $1 AND key = $2 AND reservation = $3 AND done_at IS NULL";

const KEEP: &str = "
UPDATE answers
SET status = $4, location = $5, etag = $6, body = $7
WHERE account = $1 AND key = $2 AND reservation = $3 AND done_at IS NOT NULL AND status IS NULL";

const RELEASE: &str = "
DELETE FROM answers
WHERE account = $1 AND key = $2 AND reservation = $3 AND done_at IS NULL";

const FORGET: &str = "
DELETE FROM answers
WHERE reserved_at < $1";

/// An answer as it is kept: without secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where to look, if that was said.
    pub location: Option<String>,
    /// The version of what was changed, if that was said.
    pub etag: Option<String>,
    /// The body.
    pub body: String,
}

/// What is kept under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnswerRow {
    /// What was asked for.
    pub digest: Sha256,
    /// Who answers.
    pub reservation: String,
    /// Since when.
    pub reserved_at: Instant,
    /// When the effect was made.
    pub done_at: Option<Instant>,
    /// What it was about.
    pub subject: Option<String>,
    /// What was answered.
    pub answer: Option<Answer>,
}

/// The right to have one effect under a key. Clones share it: the first transaction that commits uses it up.
#[derive(Clone, Debug)]
pub struct Receipt {
    account: AccountId,
    key: Arc<str>,
    reservation: Arc<str>,
    is_used: Arc<AtomicBool>,
}

impl Receipt {
    /// The receipt of a reservation.
    pub fn new(account: AccountId, key: &str, reservation: &str) -> Self {
        Self { account, key: key.into(), reservation: reservation.into(), is_used: Arc::default() }
    }
}

impl Catalog {
    /// The same catalog; its next transaction that commits marks the receipt as used, or does not commit.
    #[must_use]
    pub fn with_receipt(&self, receipt: &Receipt) -> Self {
        Self { engine: self.engine.clone(), receipt: Some(receipt.clone()) }
    }

    /// Reserves a key, and says whether it was free. Forgets answers from before `oldest`.
    pub async fn reserve_answer(
        &self,
        receipt: &Receipt,
        digest: &Sha256,
        at: Instant,
        oldest: Instant,
    ) -> Result<bool, CatalogError> {
        let forgotten = sqlx::query(FORGET).bind(oldest.as_micros()).execute(self.engine.pool()).await;
        forgotten.map_err(|error| self.engine.failed(error))?;
        let query = sqlx::query(RESERVE)
            .bind(receipt.account.as_str())
            .bind(&*receipt.key)
            .bind(digest.0.as_slice())
            .bind(&*receipt.reservation)
            .bind(at.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// What is kept under the key of a receipt.
    pub async fn answer(&self, receipt: &Receipt) -> Result<Option<AnswerRow>, CatalogError> {
        let query = sqlx::query(GET).bind(receipt.account.as_str()).bind(&*receipt.key);
        let row = query.fetch_optional(self.engine.pool()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// Takes a key from a reservation that has had no effect, and says whether that was still so.
    pub async fn take_answer_over(
        &self,
        receipt: &Receipt,
        from: &str,
        at: Instant,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query(TAKE_OVER)
            .bind(receipt.account.as_str())
            .bind(&*receipt.key)
            .bind(from)
            .bind(&*receipt.reservation)
            .bind(at.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps the answer, if there was an effect and none is kept yet.
    pub async fn keep_answer(&self, receipt: &Receipt, answer: &Answer) -> Result<(), CatalogError> {
        let query = sqlx::query(KEEP)
            .bind(receipt.account.as_str())
            .bind(&*receipt.key)
            .bind(&*receipt.reservation)
            .bind(i64::from(answer.status))
            .bind(&answer.location)
            .bind(&answer.etag)
            .bind(&answer.body);
        let done = query.execute(self.engine.pool()).await;
        done.map(drop).map_err(|error| self.engine.failed(error))
    }

    /// Gives a key back that had no effect.
    pub async fn release_answer(&self, receipt: &Receipt) -> Result<(), CatalogError> {
        let query = sqlx::query(RELEASE)
            .bind(receipt.account.as_str())
            .bind(&*receipt.key)
            .bind(&*receipt.reservation);
        let done = query.execute(self.engine.pool()).await;
        done.map(drop).map_err(|error| self.engine.failed(error))
    }
}

/// Marks that the effect under a key is made, in its own transaction. `Stale` if another request has the key now.
pub(super) async fn mark(
    tx: &mut Tx,
    receipt: &Receipt,
    (at, subject): (Instant, &str),
) -> Result<(), CatalogError> {
    if receipt.is_used.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let query = sqlx::query(MARK)
        .bind(receipt.account.as_str())
        .bind(&*receipt.key)
        .bind(&*receipt.reservation)
        .bind(at.as_micros())
        .bind(subject);
    tx.changed_one(query, TABLE, &receipt.key).await
}

fn read(row: &SqliteRow) -> Result<AnswerRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["account", "key"] };
    let status: Option<i64> = columns.get("status")?;
    let answer = match status {
        None => None,
        Some(status) => Some(Answer {
            status: u16::try_from(status).map_err(|_| columns.corrupt("status"))?,
            location: columns.get("location")?,
            etag: columns.get("etag")?,
            body: columns.get::<Option<String>>("body")?.unwrap_or_default(),
        }),
    };
    Ok(AnswerRow {
        digest: columns.digest("digest")?,
        reservation: columns.get("reservation")?,
        reserved_at: columns.instant("reserved_at")?,
        done_at: columns.optional_instant("done_at")?,
        subject: columns.get("subject")?,
        answer,
    })
}
