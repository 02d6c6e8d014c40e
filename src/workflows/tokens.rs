//! API tokens: making, listing, revoking. A token never may more than its account, and always ends.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::catalog::{Catalog, CatalogError, TokenRow};
use crate::credentials::token;
use crate::domain::account::AccountId;
use crate::domain::actor::{Actor, Denied};
use crate::domain::role::{Act, Role, may};
use crate::domain::time::Instant;

use super::sign_in::line;

/// How long a token lasts unless its maker says otherwise, days.
pub const DAYS: u32 = 90;
/// The longest, days.
pub const DAYS_MAX: u32 = 366;

/// Why a token was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Tokens do not make tokens.
    #[error("a token cannot make tokens: give --account and its password")]
    ByToken,
    /// The life is zero or too long.
    #[error("a token lasts 1 to {DAYS_MAX} days, not {0}")]
    Days(u32),
    /// The account may not do what the token is to allow.
    #[error("{account} is {role}, which has no right {}", .scope.word())]
    Scope {
        /// The account.
        account: AccountId,
        /// Its role.
        role: Role,
        /// The scope.
        scope: Act,
    },
    /// Somebody makes a token for another account, which is possible for portals only.
    #[error(
        "a token for {0} can be made by its own account only; for accounts of the role portal, by who manages accounts"
    )]
    Other(AccountId),
    /// There is no such token in force.
    #[error("there is no token {0} in force")]
    None(String),
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What is asked for.
#[derive(Debug)]
pub struct NewToken {
    /// For another account; only for portals.
    pub account: Option<AccountId>,
    /// What it may be used for; empty: all that the account may do.
    pub scopes: BTreeSet<Act>,
    /// How many days it lasts.
    pub days: u32,
    /// What it is for.
    pub label: String,
}

/// A token that was made.
#[derive(Debug)]
pub struct Made {
    /// The token, to be shown this once.
    pub text: Zeroizing<String>,
    /// What is kept of it.
    pub row: TokenRow,
}

/// Makes a token.
pub async fn make(catalog: &Catalog, new: NewToken, by: &Actor, now: Instant) -> Result<Made, TokenError> {
    if by.scopes.is_some() {
        return Err(TokenError::ByToken);
    }
    if !(1..=DAYS_MAX).contains(&new.days) {
        return Err(TokenError::Days(new.days));
    }
    let (account, role) = owner(catalog, new.account, by).await?;
    if let Some(scope) = new.scopes.iter().copied().find(|scope| !may(role, *scope)) {
        return Err(TokenError::Scope { account, role, scope });
    }
    let all = || Act::ALL.into_iter().filter(|act| may(role, *act)).collect();
    let scopes = if new.scopes.is_empty() { all() } else { new.scopes };
    let fresh = token::new_token();
    let expires_at = now.plus_minutes(i64::from(new.days) * 24 * 60);
    let row = TokenRow {
        token: fresh.id,
        account,
        digest: fresh.digest,
        scopes,
        label: new.label,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    let mut tx = catalog.begin().await?;
    tx.add_token(&row).await?;
    let detail = format!("for {} until {expires_at}: {}", row.account, row.label);
    tx.commit(&[line(now, by.account.as_str(), "token.new", &row.token, &detail)]).await?;
    Ok(Made { text: fresh.text, row })
}

async fn owner(
    catalog: &Catalog,
    wanted: Option<AccountId>,
    by: &Actor,
) -> Result<(AccountId, Role), TokenError> {
    let Some(account) = wanted.filter(|account| *account != by.account) else {
        return Ok((by.account.clone(), by.role));
    };
    by.check(Act::ManageAccounts)?;
    let row = catalog.account(&account).await?;
    match row.filter(|row| row.role == Role::Portal && row.disabled_at.is_none()) {
        Some(row) => Ok((row.account, row.role)),
        None => Err(TokenError::Other(account)),
    }
}

/// The tokens that somebody may see: one's own, or all for those who manage accounts or read the audit log.
pub async fn list(catalog: &Catalog, by: &Actor) -> Result<Vec<TokenRow>, TokenError> {
    Ok(catalog.tokens(Some(&by.account).filter(|_| !sees_all(by))).await?)
}

/// Whether somebody sees the tokens of others.
pub(super) fn sees_all(by: &Actor) -> bool {
    by.check(Act::ManageAccounts).is_ok() || by.check(Act::ReadAudit).is_ok()
}

/// Revokes a token: one's own, or any for those who manage accounts.
pub async fn revoke(catalog: &Catalog, token: &str, by: &Actor, now: Instant) -> Result<(), TokenError> {
    let none = || TokenError::None(token.to_owned());
    let row = catalog.token(token).await?.ok_or_else(none)?;
    if row.account != by.account {
        by.check(Act::ManageAccounts)?;
    }
    let mut tx = catalog.begin().await?;
    match tx.revoke_token(token, now).await {
        Err(CatalogError::Stale { .. }) => return Err(none()),
        other => other?,
    }
    let detail = format!("of {}", row.account);
    Ok(tx.commit(&[line(now, by.account.as_str(), "token.revoke", token, &detail)]).await?)
}
