//! Proving who somebody is: password and code, or token. Every try leaves a line in the audit log, but for floods.
//!
//! A password that is refused is answered alike, in words and in time, whether the id is unknown, the password wrong or the
//! account locked: nobody learns which ids there are, and a lock tells nobody that he has guessed right.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::catalog::{AccountRow, Catalog, CatalogError};
use crate::config::{self, ConfigError, Home};
use crate::credentials::sealed::{SealingKey, Unsealable};
use crate::credentials::{second_factor, token};
use crate::domain::account::{AccountId, FAILURES_MAX, LOCK_MINUTES, UnknownTries, locked_until};
use crate::domain::actor::{Actor, Denied};
use crate::domain::audit::AuditEntry;
use crate::domain::role::Act;
use crate::domain::time::Instant;

use super::hashing;

/// What somebody shows.
#[derive(Debug)]
pub enum Proof {
    /// An id, its password, and a code of the second factor (or a recovery code) if the account has one.
    Password {
        /// The id.
        account: AccountId,
        /// The password.
        password: SecretString,
        /// The code.
        code: Option<String>,
    },
    /// An API token.
    Token(SecretString),
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no such account, or the password is not its own, or it is locked: which of them is not told.
    #[error(
        "the account or its password is wrong, or the account is locked: after {FAILURES_MAX} wrong ones in a row it is, \
         for {LOCK_MINUTES} minutes at first and for a day at most"
    )]
    Wrong,
    /// Too many wrong codes, after a password that was right.
    #[error("{account} is locked until {until} after {failures} wrong passwords or codes in a row")]
    Locked {
        /// The account.
        account: AccountId,
        /// Until when.
        until: Instant,
        /// How many.
        failures: u32,
    },
    /// The account was disabled.
    #[error("{0} is disabled")]
    Disabled(AccountId),
    /// A code is needed.
    #[error("{0} has a second factor: a code is needed")]
    CodeNeeded(AccountId),
    /// The code is wrong or was used.
    #[error("the code is wrong, too old or was used already")]
    WrongCode,
    /// The password was chosen by somebody else.
    #[error(
        "the password of {0} was chosen by somebody else and must be changed first: `kura account password {0}`"
    )]
    MustChange(AccountId),
    /// The token does not count.
    #[error("the token is {0}")]
    Token(&'static str),
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The secret of the second factor does not open.
    #[error("the second factor of {0} cannot be read: disable the account and add another one")]
    Factor(AccountId, #[source] Unsealable),
    /// The home.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// The installation's key for the secrets of second factors; made when it is needed first.
pub fn sealing_key(home: &Home) -> Result<SealingKey, ConfigError> {
    let path = home.key_file("second-factor.key");
    if !path.exists() {
        let made = config::write_new(&path, &*SealingKey::new_bytes(), 0o600);
        // Two programs at once: the file that is there counts.
        made.or_else(|error| if path.exists() { Ok(()) } else { Err(error) })?;
    }
    let bytes = zeroize::Zeroizing::new(config::read_file(&path)?);
    SealingKey::new(&bytes)
        .map_err(|_| ConfigError::Invalid { path, message: "it is not a key of 32 bytes".to_owned() })
}

/// A line of the audit log about an account.
pub(super) fn line(at: Instant, actor: &str, act: &str, subject: &str, detail: &str) -> AuditEntry {
    let [actor, act, subject, detail] = [actor, act, subject, detail].map(str::to_owned);
    AuditEntry { at, actor, act, subject, detail }
}

/// Checks a proof and says who it is and what he may do. A password that must be changed first is refused.
pub async fn sign_in(
    home: &Home,
    catalog: &Catalog,
    proof: &Proof,
    now: Instant,
) -> Result<Actor, AccessError> {
    match proof {
        Proof::Password { account, password, code } => {
            let row = check_password(home, catalog, (account, password, code.as_deref()), now).await?;
            if row.must_change {
                return Err(AccessError::MustChange(account.clone()));
            }
            Ok(Actor { account: row.account, role: row.role, scopes: None })
        }
        Proof::Token(text) => check_token(catalog, text.expose_secret(), now).await,
    }
}

/// Checks a proof for one act.
pub async fn sign_in_for(
    home: &Home,
    catalog: &Catalog,
    proof: &Proof,
    act: Act,
    now: Instant,
) -> Result<Actor, AccessError> {
    let actor = sign_in(home, catalog, proof, now).await?;
    actor.check(act)?;
    Ok(actor)
}

/// Refusals take a whole number of these, so that what was written on the way does not show in the time.
const REFUSAL: Duration = Duration::from_millis(100);

fn rounded_up(elapsed: Duration) -> Duration {
    let steps = elapsed.as_nanos() / REFUSAL.as_nanos() + 1;
    REFUSAL.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

/// Tries with ids that do not exist, of this program.
static UNKNOWN_TRIES: Mutex<UnknownTries> = Mutex::new(UnknownTries::NONE);

/// The account, if there is one, its password is this one, and it is not locked.
async fn right_row(
    catalog: &Catalog,
    account: &AccountId,
    given: &SecretString,
    now: Instant,
) -> Result<Option<AccountRow>, AccessError> {
    let Some(row) = catalog.account(account).await? else {
        hashing::spend_the_same_time(given).await;
        let tried = UNKNOWN_TRIES.lock().unwrap_or_else(PoisonError::into_inner).count(now);
        if let Some(left_out) = tried {
            let more = format!("no such account ({left_out} such tries before it have no line)");
            let why = if left_out == 0 { "no such account" } else { &more };
            refused(catalog, "unknown", why, now).await?;
        }
        return Ok(None);
    };
    let is_right = hashing::is_right(given, &row.password).await;
    // A locked account is refused whatever the password is: an answer that differs would say that the guess was right.
    if locked_until(row.failures, row.failed_at).is_some_and(|until| now < until) {
        return Ok(None);
    }
    if !is_right {
        count_failure(catalog, account, "wrong password", now).await?;
        return Ok(None);
    }
    Ok(Some(row))
}

/// Checks a password and, where the account has one, its second factor.
pub(super) async fn check_password(
    home: &Home,
    catalog: &Catalog,
    (account, given, code): (&AccountId, &SecretString, Option<&str>),
    now: Instant,
) -> Result<AccountRow, AccessError> {
    let begun = tokio::time::Instant::now();
    let Some(row) = right_row(catalog, account, given, now).await? else {
        tokio::time::sleep_until(begun + rounded_up(begun.elapsed())).await;
        return Err(AccessError::Wrong);
    };
    if row.disabled_at.is_some() {
        refused(catalog, account.as_str(), "disabled", now).await?;
        return Err(AccessError::Disabled(account.clone()));
    }
    let step = match (row.has_second_factor(), code) {
        (false, _) => row.totp_step,
        (true, None) => return Err(AccessError::CodeNeeded(account.clone())),
        (true, Some(code)) => return check_code(home, catalog, row, code, now).await,
    };
    accept(catalog, account, step, now).await?;
    Ok(row)
}

/// Checks the code of the second factor of somebody whose password was right a moment ago.
pub(super) async fn check_second_factor(
    home: &Home,
    catalog: &Catalog,
    account: &AccountId,
    code: &str,
    now: Instant,
) -> Result<AccountRow, AccessError> {
    let row =
        catalog.account(account).await?.filter(AccountRow::has_second_factor).ok_or(AccessError::Wrong)?;
    if let Some(until) = locked_until(row.failures, row.failed_at).filter(|until| now < *until) {
        return Err(AccessError::Locked { account: account.clone(), until, failures: row.failures });
    }
    if row.disabled_at.is_some() {
        return Err(AccessError::Disabled(account.clone()));
    }
    check_code(home, catalog, row, code, now).await
}

async fn check_code(
    home: &Home,
    catalog: &Catalog,
    row: AccountRow,
    code: &str,
    now: Instant,
) -> Result<AccountRow, AccessError> {
    let account = &row.account;
    let unreadable = |error| AccessError::Factor(account.clone(), error);
    let sealed = row.totp.as_deref().unwrap_or_default();
    let secret = sealing_key(home)?.open(account.as_str(), sealed).map_err(unreadable)?;
    match second_factor::step_of(&secret, code, now) {
        Some(step) if step > row.totp_step => accept(catalog, account, step, now).await?,
        Some(_) => {
            count_failure(catalog, account, "code used twice", now).await?;
            return Err(AccessError::WrongCode);
        }
        None => use_recovery_code(catalog, &row, code, now).await?,
    }
    Ok(row)
}

async fn use_recovery_code(
    catalog: &Catalog,
    row: &AccountRow,
    code: &str,
    now: Instant,
) -> Result<(), AccessError> {
    let account = &row.account;
    let mut tx = catalog.begin().await?;
    match tx.use_recovery_code(account, &second_factor::recovery_digest(code), now).await {
        Ok(()) => {
            tx.signed_in(account, row.totp_step).await?;
            let line = line(now, account.as_str(), "account.sign-in", account.as_str(), "recovery code");
            Ok(tx.commit(&[line]).await?)
        }
        Err(CatalogError::Stale { .. }) => {
            drop(tx);
            count_failure(catalog, account, "wrong code", now).await?;
            Err(AccessError::WrongCode)
        }
        Err(error) => Err(error.into()),
    }
}

async fn accept(catalog: &Catalog, account: &AccountId, step: u64, now: Instant) -> Result<(), AccessError> {
    let mut tx = catalog.begin().await?;
    match tx.signed_in(account, step).await {
        // Somebody used the same code a moment ago, or the account was disabled.
        Err(CatalogError::Stale { .. }) => return Err(AccessError::WrongCode),
        other => other?,
    }
    let line = line(now, account.as_str(), "account.sign-in", account.as_str(), "");
    Ok(tx.commit(&[line]).await?)
}

async fn count_failure(
    catalog: &Catalog,
    account: &AccountId,
    why: &str,
    now: Instant,
) -> Result<(), AccessError> {
    let mut tx = catalog.begin().await?;
    tx.count_failure(account, now).await?;
    let line = line(now, "kura", "account.sign-in-refused", account.as_str(), why);
    Ok(tx.commit(&[line]).await?)
}

async fn refused(catalog: &Catalog, subject: &str, why: &str, now: Instant) -> Result<(), AccessError> {
    let tx = catalog.begin().await?;
    Ok(tx.commit(&[line(now, "kura", "account.sign-in-refused", subject, why)]).await?)
}

/// Checks a token. Nothing is written: tokens are used often, and guessing 256 bits is hopeless.
async fn check_token(catalog: &Catalog, text: &str, now: Instant) -> Result<Actor, AccessError> {
    let (id, digest) = token::read(text).ok_or(AccessError::Token("not one of Kura's tokens"))?;
    let row = catalog.token(&id).await?.filter(|row| token::agree(&row.digest, &digest));
    let row = row.ok_or(AccessError::Token("not known"))?;
    if row.revoked_at.is_some() {
        return Err(AccessError::Token("revoked"));
    }
    if row.expires_at <= now {
        return Err(AccessError::Token("expired: make a new one with `kura token new`"));
    }
    let account = catalog.account(&row.account).await?.ok_or(AccessError::Token("not known"))?;
    if account.disabled_at.is_some() {
        return Err(AccessError::Disabled(account.account));
    }
    Ok(Actor { account: account.account, role: account.role, scopes: Some(row.scopes) })
}
