//! API tokens: what is kept of them, and until when they count.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::role::Act;
use crate::domain::time::Instant;

const TABLE: &str = "tokens";

const INSERT: &str = "
INSERT INTO tokens (token, account, digest, scopes, label, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (token) DO NOTHING";

const GET: &str = "
SELECT token, account, digest, scopes, label, created_at, expires_at, revoked_at
FROM tokens
WHERE token = $1";

const LIST: &str = "
SELECT token, account, digest, scopes, label, created_at, expires_at, revoked_at
FROM tokens
WHERE $1 = '' OR account = $1
ORDER BY account, created_at, token
LIMIT 10000";

/// Newest first, from a place on.
const PAGE: &str = "
SELECT token, account, digest, scopes, label, created_at, expires_at, revoked_at
FROM tokens
WHERE (created_at, token) < ($1, $2) AND ($3 = '' OR account = $3)
ORDER BY created_at DESC, token DESC
LIMIT $4";

const REVOKE: &str = "
UPDATE tokens
SET revoked_at = $2
WHERE token = $1 AND revoked_at IS NULL";

const REVOKE_ALL: &str = "
UPDATE tokens
SET revoked_at = $2
WHERE account = $1 AND revoked_at IS NULL";

/// A token as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRow {
    /// 16 hexadecimal digits.
    pub token: String,
    /// Whose it is.
    pub account: AccountId,
    /// SHA-256 of its secret half.
    pub digest: Sha256,
    /// What it may be used for.
    pub scopes: BTreeSet<Act>,
    /// What it is for, in its owner's words.
    pub label: String,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it does not count.
    pub expires_at: Instant,
    /// Since when it does not count.
    pub revoked_at: Option<Instant>,
}

impl Catalog {
    /// The token of an id.
    pub async fn token(&self, token: &str) -> Result<Option<TokenRow>, CatalogError> {
        let row = sqlx::query(GET).bind(token).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// The tokens of an account, or all, oldest first.
    pub async fn tokens(&self, account: Option<&AccountId>) -> Result<Vec<TokenRow>, CatalogError> {
        let query = sqlx::query(LIST).bind(account.map_or("", AccountId::as_str));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }

    /// At most `limit` tokens of an account, or of all, after a place, newest first.
    pub async fn tokens_page(
        &self,
        after: &Place,
        account: Option<&AccountId>,
        limit: u32,
    ) -> Result<Vec<TokenRow>, CatalogError> {
        let query = sqlx::query(PAGE)
            .bind(after.at.as_micros())
            .bind(&after.id)
            .bind(account.map_or("", AccountId::as_str))
            .bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }
}

impl Tx {
    /// Adds a token.
    pub async fn add_token(&mut self, token: &TokenRow) -> Result<(), CatalogError> {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.word()).collect();
        let query = sqlx::query(INSERT)
            .bind(&token.token)
            .bind(token.account.as_str())
            .bind(token.digest.0.as_slice())
            .bind(scopes.join(" "))
            .bind(&token.label)
            .bind(token.created_at.as_micros())
            .bind(token.expires_at.as_micros());
        self.changed_one(query, TABLE, &token.token).await
    }

    /// Revokes a token. `Stale` if it was before.
    pub async fn revoke_token(&mut self, token: &str, at: Instant) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(REVOKE).bind(token).bind(at.as_micros()), TABLE, token).await
    }

    /// Revokes every token of an account and says how many there were.
    pub async fn revoke_tokens_of(&mut self, account: &AccountId, at: Instant) -> Result<u64, CatalogError> {
        let query = sqlx::query(REVOKE_ALL).bind(account.as_str()).bind(at.as_micros());
        let done = query.execute(self.connection()).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<TokenRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["token"] };
    let scopes = columns.get::<&str>("scopes")?.split_whitespace();
    let scopes = scopes.map(|word| Act::of_word(word).ok_or_else(|| columns.corrupt("scopes")));
    Ok(TokenRow {
        token: columns.get("token")?,
        account: columns.get::<&str>("account")?.parse().map_err(|_| columns.corrupt("account"))?,
        digest: columns.digest("digest")?,
        scopes: scopes.collect::<Result<_, _>>()?,
        label: columns.get("label")?,
        created_at: columns.instant("created_at")?,
        expires_at: columns.instant("expires_at")?,
        revoked_at: columns.optional_instant("revoked_at")?,
    })
}
