//! Sessions of the console: who holds which cookie, and until when it counts. Only digests of cookies stand here.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::role::Role;
use crate::domain::time::Instant;

const TABLE: &str = "sessions";

const INSERT: &str = "
INSERT INTO sessions (digest, account, stage, created_at, seen_at, expires_at)
VALUES ($1, $2, $3, $4, $4, $5)
ON CONFLICT (digest) DO NOTHING";

/// With the account as it is now: who was disabled has no session, whatever stands in the table.
const GET: &str = "
SELECT sessions.digest, sessions.account, sessions.stage, sessions.created_at, sessions.seen_at, sessions.expires_at,
    accounts.role, accounts.must_change
FROM sessions
JOIN accounts ON accounts.account = sessions.account
WHERE sessions.digest = $1 AND accounts.disabled_at IS NULL";

const SEEN: &str = "
UPDATE sessions
SET seen_at = $2
WHERE digest = $1 AND seen_at < $2";

const END: &str = "DELETE FROM sessions WHERE digest = $1";

const END_ALL: &str = "DELETE FROM sessions WHERE account = $1";

const FORGET: &str = "DELETE FROM sessions WHERE expires_at <= $1";

/// How far somebody has got with proving who he is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionStage {
    /// The password was right; the code of the second factor is still asked for.
    Code,
    /// Everything was right.
    Full,
}

impl SessionStage {
    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Full => "full",
        }
    }
}

/// A session, with its account as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRow {
    /// SHA-256 of the secret in the cookie.
    pub digest: Sha256,
    /// Whose it is.
    pub account: AccountId,
    /// How far it has got.
    pub stage: SessionStage,
    /// When it began.
    pub created_at: Instant,
    /// When it was used last, to the minute.
    pub seen_at: Instant,
    /// From when on it does not count.
    pub expires_at: Instant,
    /// The account's role.
    pub role: Role,
    /// Whether the account must change its password before anything else.
    pub must_change: bool,
}

impl Catalog {
    /// Begins a session.
    pub async fn begin_session(
        &self,
        digest: &Sha256,
        account: &AccountId,
        stage: SessionStage,
        (now, expires_at): (Instant, Instant),
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(digest.0.as_slice())
            .bind(account.as_str())
            .bind(stage.word())
            .bind(now.as_micros())
            .bind(expires_at.as_micros());
        query.execute(self.engine.pool()).await.map(drop).map_err(|error| self.engine.failed(error))
    }

    /// The session of a cookie, unless its account is disabled.
    pub async fn session(&self, digest: &Sha256) -> Result<Option<SessionRow>, CatalogError> {
        let row = sqlx::query(GET).bind(digest.0.as_slice()).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// Notes that a session was used.
    pub async fn session_seen(&self, digest: &Sha256, now: Instant) -> Result<(), CatalogError> {
        let query = sqlx::query(SEEN).bind(digest.0.as_slice()).bind(now.as_micros());
        query.execute(self.engine.pool()).await.map(drop).map_err(|error| self.engine.failed(error))
    }

    /// Ends a session, if there is one.
    pub async fn end_session(&self, digest: &Sha256) -> Result<(), CatalogError> {
        let query = sqlx::query(END).bind(digest.0.as_slice());
        query.execute(self.engine.pool()).await.map(drop).map_err(|error| self.engine.failed(error))
    }

    /// Forgets sessions that are over.
    pub async fn forget_sessions(&self, now: Instant) -> Result<(), CatalogError> {
        let query = sqlx::query(FORGET).bind(now.as_micros());
        query.execute(self.engine.pool()).await.map(drop).map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Ends every session of an account: what proved who it is no longer does.
    pub(super) async fn end_sessions_of(&mut self, account: &AccountId) -> Result<(), CatalogError> {
        let done = sqlx::query(END_ALL).bind(account.as_str()).execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }
}

fn read(row: &SqliteRow) -> Result<SessionRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["account"] };
    let stage = match columns.get::<&str>("stage")? {
        "code" => SessionStage::Code,
        "full" => SessionStage::Full,
        _ => return Err(columns.corrupt("stage")),
    };
    Ok(SessionRow {
        digest: columns.digest("digest")?,
        account: columns.get::<&str>("account")?.parse().map_err(|_| columns.corrupt("account"))?,
        stage,
        created_at: columns.instant("created_at")?,
        seen_at: columns.instant("seen_at")?,
        expires_at: columns.instant("expires_at")?,
        role: Role::of_word(columns.get("role")?).ok_or_else(|| columns.corrupt("role"))?,
        must_change: columns.get("must_change")?,
    })
}
