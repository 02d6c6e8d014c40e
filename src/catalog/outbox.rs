//! The outbox: how far the delivery of each notice's revision to each target is.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::notices::NoticeRow;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::time::Instant;

const TABLE: &str = "outbox";

/// The newest revision of each current notice that has no row for the target yet; and of one that was taken away, if the
/// target knows it.
const ENQUEUE: &str = "
INSERT INTO outbox (message, target, notice, revision, state, attempts, next_at)
SELECT notice || '.' || revision || '.' || $1, $1, notice, revision, 'queued', 0, $2
FROM notices
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.notice = notices.notice
        AND outbox.revision = notices.revision AND outbox.target = $1)
    AND (closed_at IS NULL AND (status IN ('scheduled', 'in_progress') OR updated_at >= $3)
        OR closed_at IS NOT NULL AND $4 AND EXISTS (SELECT 1 FROM outbox
            WHERE outbox.notice = notices.notice AND outbox.target = $1))
ON CONFLICT (message) DO NOTHING";

const DUE: &str = "
SELECT message, target, notice, revision, attempts
FROM outbox
WHERE state = 'queued' AND target = $1 AND next_at <= $2
ORDER BY next_at, message
LIMIT $3";

/// Takes a message: of two senders one has the right number of attempts.
const TAKE: &str = "
UPDATE outbox
SET attempts = attempts + 1, next_at = $3
WHERE message = $1 AND state = 'queued' AND attempts = $2";

const DELIVERED: &str = "
UPDATE outbox
SET state = 'delivered', receipt = $2, ended_at = $3
WHERE message = $1 AND state = 'queued'";

const GIVE_UP: &str = "
UPDATE outbox
SET state = 'given_up', receipt = $2, ended_at = $3
WHERE message = $1 AND state = 'queued'";

const OF_NOTICE: &str = "
SELECT target, state, attempts, receipt
FROM outbox
WHERE notice = $1 AND revision = $2
ORDER BY target
LIMIT 1000";

/// A message that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The idempotency key.
    pub message: String,
    /// The notice.
    pub notice: String,
    /// Its revision.
    pub revision: u32,
    /// Attempts so far.
    pub attempts: u32,
}

/// How far a delivery is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// To whom.
    pub target: String,
    /// `queued`, `delivered` or `given_up`.
    pub state: String,
    /// Attempts so far.
    pub attempts: u32,
    /// The status that the target answered with last.
    pub receipt: Option<String>,
}

impl Catalog {
    /// Queues what a target has not been sent yet and says how many messages that were.
    ///
    /// What is over is queued only if it changed at `over_since` or later, so that a new target is not told the past;
    /// `with_closed` also queues that a notice was taken away.
    pub async fn enqueue(
        &self,
        target: &str,
        over_since: Instant,
        with_closed: bool,
        now: Instant,
    ) -> Result<u64, CatalogError> {
        let query = sqlx::query(ENQUEUE)
            .bind(target)
            .bind(now.as_micros())
            .bind(over_since.as_micros())
            .bind(with_closed);
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected())
    }

    /// Messages for a target whose time has come, oldest first.
    pub async fn due_messages(
        &self,
        target: &str,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<Message>, CatalogError> {
        let query = sqlx::query(DUE).bind(target).bind(now.as_micros()).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// Takes a message until `next`; `false` if another sender took it.
    pub async fn take_message(&self, message: &Message, next: Instant) -> Result<bool, CatalogError> {
        let query =
            sqlx::query(TAKE).bind(&message.message).bind(i64::from(message.attempts)).bind(next.as_micros());
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected() == 1)
    }

    /// The deliveries of a revision.
    pub async fn deliveries(&self, notice: &NoticeRow) -> Result<Vec<Delivery>, CatalogError> {
        let query = sqlx::query(OF_NOTICE).bind(&notice.notice).bind(i64::from(notice.revision));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        let delivery = |row: &SqliteRow| {
            let columns = Columns { row, table: TABLE, key: &["target"] };
            Ok(Delivery {
                target: columns.get("target")?,
                state: columns.get("state")?,
                attempts: u32::try_from(columns.number("attempts")?)
                    .map_err(|_| columns.corrupt("attempts"))?,
                receipt: columns.get("receipt")?,
            })
        };
        rows.iter().map(delivery).collect()
    }
}

impl Tx {
    /// Notes that a message has arrived. `Stale` if that was noted before.
    pub async fn delivered(&mut self, message: &str, receipt: &str, at: Instant) -> Result<(), CatalogError> {
        let query = sqlx::query(DELIVERED).bind(message).bind(receipt).bind(at.as_micros());
        self.changed_one(query, TABLE, message).await
    }

    /// Notes that a message is not tried again. `Stale` if it has arrived.
    pub async fn give_up(&mut self, message: &str, receipt: &str, at: Instant) -> Result<(), CatalogError> {
        let query = sqlx::query(GIVE_UP).bind(message).bind(receipt).bind(at.as_micros());
        self.changed_one(query, TABLE, message).await
    }
}

fn read(row: &SqliteRow) -> Result<Message, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["message"] };
    let small = |column| u32::try_from(columns.number(column)?).map_err(|_| columns.corrupt(column));
    Ok(Message {
        message: columns.get("message")?,
        notice: columns.get("notice")?,
        revision: small("revision")?,
        attempts: small("attempts")?,
    })
}
