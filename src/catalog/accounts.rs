//! Accounts, the passwords they had, their second factors and recovery codes.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, SqliteExecutor};

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::role::Role;
use crate::domain::time::Instant;

const TABLE: &str = "accounts";
/// Old passwords that are compared with a new one: more would only cost time.
const OLD_PASSWORDS_MAX: i64 = 24;

const INSERT: &str = "
INSERT INTO accounts (account, role, created_at, password, password_changed_at, must_change)
VALUES ($1, $2, $3, $4, $3, $5)
ON CONFLICT (account) DO NOTHING";

const GET: &str = "
SELECT account, role, created_at, disabled_at, password, password_changed_at, must_change, totp, totp_confirmed,
    totp_step, failures, failed_at
FROM accounts
WHERE account = $1";

const LIST: &str = "
SELECT account, role, created_at, disabled_at, password, password_changed_at, must_change, totp, totp_confirmed,
    totp_step, failures, failed_at
FROM accounts
ORDER BY account
LIMIT 10000";

/// By id, from one on.
const PAGE: &str = "
SELECT account, role, created_at, disabled_at, password, password_changed_at, must_change, totp, totp_confirmed,
    totp_step, failures, failed_at
FROM accounts
WHERE account > $1
ORDER BY account
LIMIT $2";

const DISABLE: &str = "
UPDATE accounts
SET disabled_at = $2
WHERE account = $1 AND disabled_at IS NULL";

const RETIRE_PASSWORD: &str = "
INSERT INTO old_passwords (account, password, retired_at)
SELECT account, password, $2 FROM accounts WHERE account = $1
ON CONFLICT (account, password) DO NOTHING";

const SET_PASSWORD: &str = "
UPDATE accounts
SET password = $2, password_changed_at = $3, must_change = $4, failures = 0
WHERE account = $1 AND disabled_at IS NULL AND password_changed_at = $5";

const OLD_PASSWORDS: &str = "
SELECT password
FROM old_passwords
WHERE account = $1
ORDER BY retired_at DESC, password
LIMIT $2";

const COUNT_FAILURE: &str = "
UPDATE accounts
SET failures = failures + 1, failed_at = $2
WHERE account = $1";

const SIGNED_IN: &str = "
UPDATE accounts
SET failures = 0, totp_step = $2
WHERE account = $1 AND disabled_at IS NULL AND ($2 = totp_step OR $2 > totp_step)";

const SET_TOTP: &str = "
UPDATE accounts
SET totp = $2, totp_confirmed = 0, totp_step = 0
WHERE account = $1 AND disabled_at IS NULL AND totp_confirmed = 0";

const CONFIRM_TOTP: &str = "
UPDATE accounts
SET totp_confirmed = 1, totp_step = $2
WHERE account = $1 AND totp IS NOT NULL AND totp_confirmed = 0";

const REMOVE_TOTP: &str = "
UPDATE accounts
SET totp = NULL, totp_confirmed = 0, totp_step = 0
WHERE account = $1 AND totp IS NOT NULL";

const FORGET_RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE account = $1";

const ADD_RECOVERY_CODE: &str = "
INSERT INTO recovery_codes (account, digest)
VALUES ($1, $2)";

const USE_RECOVERY_CODE: &str = "
UPDATE recovery_codes
SET used_at = $3
WHERE account = $1 AND digest = $2 AND used_at IS NULL";

/// An account as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub account: AccountId,
    /// Its role.
    pub role: Role,
    /// When it was made.
    pub created_at: Instant,
    /// Since when it cannot be used.
    pub disabled_at: Option<Instant>,
    /// The hash of its password, PHC form.
    pub password: String,
    /// When the password was set.
    pub password_changed_at: Instant,
    /// Whether the password must be changed before anything else.
    pub must_change: bool,
    /// The sealed secret of its second factor.
    pub totp: Option<Vec<u8>>,
    /// Whether the second factor counts.
    pub totp_confirmed: bool,
    /// The time step of the last code.
    pub totp_step: u64,
    /// Wrong passwords in a row.
    pub failures: u32,
    /// When the last wrong one came.
    pub failed_at: Instant,
}

impl std::fmt::Debug for AccountRow {
    /// Without what proves who it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountRow")
            .field("account", &self.account)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl AccountRow {
    /// Whether a code is needed beside the password.
    pub const fn has_second_factor(&self) -> bool {
        self.totp.is_some() && self.totp_confirmed
    }
}

async fn get<'e>(executor: impl SqliteExecutor<'e>, account: &str) -> Result<Option<SqliteRow>, sqlx::Error> {
    sqlx::query::<Sqlite>(GET).bind(account).fetch_optional(executor).await
}

impl Catalog {
    /// The account of an id.
    pub async fn account(&self, account: &AccountId) -> Result<Option<AccountRow>, CatalogError> {
        let row = get(self.engine.readers(), account.as_str()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// Every account, by id.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, CatalogError> {
        let rows = sqlx::query(LIST).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` accounts whose ids come after one, by id.
    pub async fn accounts_page(&self, after: &str, limit: u32) -> Result<Vec<AccountRow>, CatalogError> {
        let rows =
            sqlx::query(PAGE).bind(after).bind(i64::from(limit)).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The hashes of passwords that an account had before, newest first.
    pub async fn old_passwords(&self, account: &AccountId) -> Result<Vec<String>, CatalogError> {
        let query = sqlx::query_scalar(OLD_PASSWORDS).bind(account.as_str()).bind(OLD_PASSWORDS_MAX);
        query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Every account, by id.
    pub async fn accounts(&mut self) -> Result<Vec<AccountRow>, CatalogError> {
        let rows = sqlx::query(LIST).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// Adds an account. `Stale` if there is one of this id.
    pub async fn add_account(
        &mut self,
        account: &AccountId,
        role: Role,
        password: &str,
        must_change: bool,
        at: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(account.as_str())
            .bind(role.word())
            .bind(at.as_micros())
            .bind(password)
            .bind(must_change);
        self.one(query, account).await
    }

    /// Disables an account for ever and ends its sessions. `Stale` if it is disabled already.
    pub async fn disable_account(&mut self, account: &AccountId, at: Instant) -> Result<(), CatalogError> {
        self.one(sqlx::query(DISABLE).bind(account.as_str()).bind(at.as_micros()), account).await?;
        self.end_sessions_of(account).await
    }

    /// Sets a password, remembers the one before and ends the account's sessions. `Stale` if another one was set since `before` was read.
    pub async fn set_password(
        &mut self,
        before: &AccountRow,
        password: &str,
        must_change: bool,
        at: Instant,
    ) -> Result<(), CatalogError> {
        let account = &before.account;
        let retire = sqlx::query(RETIRE_PASSWORD).bind(account.as_str()).bind(at.as_micros());
        let retired = retire.execute(self.connection()).await;
        retired.map_err(|error| self.failed(error))?;
        let query = sqlx::query(SET_PASSWORD)
            .bind(account.as_str())
            .bind(password)
            .bind(at.as_micros())
            .bind(must_change)
            .bind(before.password_changed_at.as_micros());
        self.one(query, account).await?;
        self.end_sessions_of(account).await
    }

    /// Counts a wrong password or code.
    pub async fn count_failure(&mut self, account: &AccountId, at: Instant) -> Result<(), CatalogError> {
        self.one(sqlx::query(COUNT_FAILURE).bind(account.as_str()).bind(at.as_micros()), account).await
    }

    /// Notes that somebody proved who he is. `Stale` if the code's time step was used before.
    pub async fn signed_in(&mut self, account: &AccountId, totp_step: u64) -> Result<(), CatalogError> {
        let step = stored(totp_step, TABLE, "totp_step")?;
        self.one(sqlx::query(SIGNED_IN).bind(account.as_str()).bind(step), account).await
    }

    /// Keeps the sealed secret of a second factor that does not count yet. `Stale` if one counts already.
    pub async fn set_totp(&mut self, account: &AccountId, sealed: &[u8]) -> Result<(), CatalogError> {
        self.one(sqlx::query(SET_TOTP).bind(account.as_str()).bind(sealed), account).await
    }

    /// Makes the second factor count, with new recovery codes; sessions that began without it end.
    pub async fn confirm_totp(
        &mut self,
        account: &AccountId,
        step: u64,
        codes: &[Sha256],
    ) -> Result<(), CatalogError> {
        let step = stored(step, TABLE, "totp_step")?;
        self.one(sqlx::query(CONFIRM_TOTP).bind(account.as_str()).bind(step), account).await?;
        self.end_sessions_of(account).await?;
        self.forget_recovery_codes(account).await?;
        for code in codes {
            let query = sqlx::query(ADD_RECOVERY_CODE).bind(account.as_str()).bind(code.0.as_slice());
            self.one(query, account).await?;
        }
        Ok(())
    }

    /// Removes the second factor and its recovery codes, and ends the account's sessions.
    pub async fn remove_totp(&mut self, account: &AccountId) -> Result<(), CatalogError> {
        self.one(sqlx::query(REMOVE_TOTP).bind(account.as_str()), account).await?;
        self.end_sessions_of(account).await?;
        self.forget_recovery_codes(account).await
    }

    /// Uses up a recovery code; `Stale` if there is none such, or it was used.
    pub async fn use_recovery_code(
        &mut self,
        account: &AccountId,
        code: &Sha256,
        at: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(USE_RECOVERY_CODE)
            .bind(account.as_str())
            .bind(code.0.as_slice())
            .bind(at.as_micros());
        self.one(query, account).await
    }

    async fn forget_recovery_codes(&mut self, account: &AccountId) -> Result<(), CatalogError> {
        let done = sqlx::query(FORGET_RECOVERY_CODES).bind(account.as_str()).execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    async fn one(
        &mut self,
        query: sqlx::query::Query<'_, Sqlite, sqlx::sqlite::SqliteArguments>,
        account: &AccountId,
    ) -> Result<(), CatalogError> {
        self.changed_one(query, TABLE, account.as_str()).await
    }
}

fn read(row: &SqliteRow) -> Result<AccountRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["account"] };
    let account = columns.get::<&str>("account")?.parse().map_err(|_| columns.corrupt("account"))?;
    Ok(AccountRow {
        account,
        role: Role::of_word(columns.get("role")?).ok_or_else(|| columns.corrupt("role"))?,
        created_at: columns.instant("created_at")?,
        disabled_at: columns.optional_instant("disabled_at")?,
        password: columns.get("password")?,
        password_changed_at: columns.instant("password_changed_at")?,
        must_change: columns.get("must_change")?,
        totp: columns.get("totp")?,
        totp_confirmed: columns.get("totp_confirmed")?,
        totp_step: columns.number("totp_step")?,
        failures: u32::try_from(columns.number("failures")?).map_err(|_| columns.corrupt("failures"))?,
        failed_at: columns.instant("failed_at")?,
    })
}
