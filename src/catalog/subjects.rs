//! Which account a subject of an identity provider is.

use super::convert::Columns;
use super::{Catalog, CatalogError, Tx};
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

const TABLE: &str = "subjects";

const ACCOUNT: &str = "
SELECT account
FROM subjects
WHERE issuer = $1 AND subject = $2";

const INSERT: &str = "
INSERT INTO subjects (issuer, subject, account, linked_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING";

const DELETE: &str = "
DELETE FROM subjects
WHERE account = $1";

impl Catalog {
    /// The account that a subject was linked to.
    pub async fn account_of_subject(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<AccountId>, CatalogError> {
        let row = sqlx::query(ACCOUNT).bind(issuer).bind(subject).fetch_optional(self.engine.readers()).await;
        let Some(row) = row.map_err(|error| self.engine.failed(error))? else { return Ok(None) };
        let columns = Columns { row: &row, table: TABLE, key: &[] };
        columns.get::<&str>("account")?.parse().map(Some).map_err(|_| columns.corrupt("account"))
    }
}

impl Tx {
    /// Links a subject to an account. `Stale` if one of them is linked already.
    pub async fn link_subject(
        &mut self,
        (issuer, subject): (&str, &str),
        account: &AccountId,
        at: Instant,
    ) -> Result<(), CatalogError> {
        let query =
            sqlx::query(INSERT).bind(issuer).bind(subject).bind(account.as_str()).bind(at.as_micros());
        self.changed_one(query, TABLE, account.as_str()).await
    }

    /// Ends the link of an account. `Stale` if there is none.
    pub async fn unlink_subject(&mut self, account: &AccountId) -> Result<(), CatalogError> {
        self.changed_one(sqlx::query(DELETE).bind(account.as_str()), TABLE, account.as_str()).await
    }
}
