//! Reminders of permits by mail: each is queued once, sent by one sender at a time, and ends once.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::{Catalog, CatalogError, Tx};
use crate::domain::permit_reminder::Reminder;
use crate::domain::time::Instant;

const TABLE: &str = "permit_mails";

const ADD: &str = "
INSERT INTO permit_mails (message, permit, stage, contact, state, attempts, next_at)
VALUES ($1, $2, $3, $4, 'queued', 0, $5)
ON CONFLICT (message) DO NOTHING";

const DUE: &str = "
SELECT message, permit, stage, contact, attempts
FROM permit_mails
WHERE state = 'queued' AND next_at <= $1
ORDER BY next_at, message
LIMIT $2";

/// Takes a mail: of two senders one has the right number of attempts.
const TAKE: &str = "
UPDATE permit_mails
SET attempts = attempts + 1, next_at = $3
WHERE message = $1 AND state = 'queued' AND attempts = $2";

const END: &str = "
UPDATE permit_mails
SET state = $2, ended_at = $3
WHERE message = $1 AND state = 'queued'";

/// A reminder that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermitMailRow {
    /// The idempotency key.
    pub message: String,
    /// The permit.
    pub permit: String,
    /// What it is about.
    pub stage: Reminder,
    /// The id of the contact.
    pub contact: String,
    /// Attempts so far.
    pub attempts: u32,
}

/// How a reminder ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PermitMailEnd {
    /// The server took it.
    Delivered,
    /// It was tried often enough.
    GivenUp,
    /// What it was about was done before it could be sent.
    Dropped,
}

impl PermitMailEnd {
    /// The word in rows and in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
        }
    }
}

impl Catalog {
    /// Queues a reminder. Whether it was not queued before.
    pub async fn queue_permit_mail(
        &self,
        message: &str,
        (permit, stage): (&str, Reminder),
        contact: &str,
        now: Instant,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query(ADD)
            .bind(message)
            .bind(permit)
            .bind(stage.word())
            .bind(contact)
            .bind(now.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// The reminders that are due, at most `limit`.
    pub async fn due_permit_mails(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<PermitMailRow>, CatalogError> {
        let query = sqlx::query(DUE).bind(now.as_micros()).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Takes a reminder for sending until `next`; whether no other sender was quicker.
    pub async fn take_permit_mail(&self, mail: &PermitMailRow, next: Instant) -> Result<bool, CatalogError> {
        let query =
            sqlx::query(TAKE).bind(&mail.message).bind(i64::from(mail.attempts)).bind(next.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }
}

impl Tx {
    /// Ends a reminder. `Stale` if it had ended.
    pub async fn end_permit_mail(
        &mut self,
        message: &str,
        end: PermitMailEnd,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(END).bind(message).bind(end.word()).bind(now.as_micros());
        self.changed_one(query, TABLE, message).await
    }
}

fn read(row: &SqliteRow) -> Result<PermitMailRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["message"] };
    let attempts = columns.number("attempts")?;
    Ok(PermitMailRow {
        message: columns.get("message")?,
        permit: columns.get("permit")?,
        stage: Reminder::of_word(columns.get("stage")?).ok_or_else(|| columns.corrupt("stage"))?,
        contact: columns.get("contact")?,
        attempts: u32::try_from(attempts).map_err(|_| columns.corrupt("attempts"))?,
    })
}
