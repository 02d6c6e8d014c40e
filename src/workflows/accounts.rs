//! Accounts: adding, disabling, passwords, second factors. 別紙1 is checked before anything is kept.

use secrecy::{ExposeSecret as _, SecretString};

use crate::archive::digest::Sha256;
use crate::catalog::{AccountRow, Catalog, CatalogError};
use crate::config::{ConfigError, Home};
use crate::credentials::sealed::Unsealable;
use crate::credentials::{password, second_factor};
use crate::domain::account::{AccountId, MustStay, PasswordFault, must_stay, password_faults};
use crate::domain::actor::{Actor, Denied};
use crate::domain::role::{Act, Role, may_manage};
use crate::domain::time::Instant;

use super::hashing;
use super::sign_in::{AccessError, check_password, line, sealing_key};

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The password breaks rules.
    #[error("the password is refused: it {}", list(.0))]
    Password(Vec<PasswordFault>),
    /// There is an account of this id, perhaps disabled: an id is never given twice.
    #[error("there is an account {0} already; an id is never given to somebody else")]
    Taken(AccountId),
    /// Somebody must say who he is: only the first account is made by whoever holds the machine.
    #[error("there are accounts already: give --account (or KURA_TOKEN_FILE) of one that may add others")]
    NotFirst,
    /// The first account could not make the others.
    #[error(
        "the first account must be able to make the others: service_operator, operations_manager or system_administrator, not {0}"
    )]
    FirstRole(Role),
    /// There is no such account.
    #[error("there is no account {0}")]
    None(AccountId),
    /// It is disabled already.
    #[error("{0} is disabled already")]
    Disabled(AccountId),
    /// The last account that manages accounts must stay.
    #[error("{0} is the last account that may manage accounts: add another one first")]
    Last(AccountId),
    /// The last サービス運用者 must stay.
    #[error(
        "{0} is the last active service_operator: without one nobody approves, and whoever manages accounts could make an \
         approver; add the next one first (`kura account add ID --role service_operator`), then disable {0}"
    )]
    LastServiceOperator(AccountId),
    /// There is a second factor already.
    #[error("{0} has a second factor already: remove it first")]
    HasFactor(AccountId),
    /// There is no second factor to confirm or remove.
    #[error("{0} has no second factor that waits for this")]
    NoFactor(AccountId),
    /// Without the second factor the password would be too short.
    #[error("the password of {0} is too short to stand alone: set one of 13 characters or more first")]
    ShortAlone(AccountId),
    /// The account or the subject is linked already.
    #[error("{0} or this subject is linked already: end that link first")]
    Linked(AccountId),
    /// The account is not linked.
    #[error("{0} is not linked to an identity provider")]
    NotLinked(AccountId),
    /// The subject is none.
    #[error("a subject is 1 to 255 characters without control characters, as the provider writes it")]
    Subject,
    /// Who it is, or what he may do.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] password::HashError),
    /// Sealing failed.
    #[error("the second factor's secret could not be sealed")]
    Seal(#[from] Unsealable),
    /// A key file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<Denied> for AccountError {
    fn from(denied: Denied) -> Self {
        Self::Access(denied.into())
    }
}

fn list(faults: &[PasswordFault]) -> String {
    let faults: Vec<String> = faults.iter().map(|fault| format!("{fault} — {}", fault.japanese())).collect();
    faults.join("; it ")
}

/// The version of an account: SHA-256 of everything that those who manage accounts decide about.
pub fn version(row: &AccountRow) -> [u8; 32] {
    let disabled_at = row.disabled_at.map(Instant::as_micros);
    let (changed_at, factor) = (row.password_changed_at.as_micros(), row.has_second_factor());
    let text = format!(
        "kura account version 1\n{}\n{}\n{disabled_at:?}\n{changed_at}\n{}\n{factor}",
        row.account, row.role, row.must_change
    );
    Sha256::of(text.as_bytes()).0
}

/// Who adds an account.
#[derive(Clone, Debug)]
pub enum By {
    /// Whoever holds the machine, by the system's user name: the first account only.
    Host(String),
    /// An account.
    Account(Actor),
}

/// A new account.
#[derive(Debug)]
pub struct NewAccount {
    /// Its id.
    pub account: AccountId,
    /// Its role.
    pub role: Role,
    /// Its first password.
    pub password: SecretString,
}

/// Adds an account. The password of any but the first must be changed before anything else.
pub async fn add(catalog: &Catalog, new: &NewAccount, by: &By, now: Instant) -> Result<(), AccountError> {
    let faults = password_faults(new.password.expose_secret(), &new.account, false);
    if !faults.is_empty() {
        return Err(AccountError::Password(faults));
    }
    let hash = hashing::hash(&new.password).await?;
    let mut tx = catalog.begin().await?;
    let others = tx.accounts().await?;
    let actor = match by {
        By::Host(_) if !others.is_empty() => return Err(AccountError::NotFirst),
        By::Host(_) if !crate::domain::role::may(new.role, Act::ManageAccounts) => {
            return Err(AccountError::FirstRole(new.role));
        }
        By::Host(user) => format!("host:{user}"),
        By::Account(actor) => {
            check_management(actor, new.role, &others)?;
            actor.account.to_string()
        }
    };
    let must_change = matches!(by, By::Account(_));
    match tx.add_account(&new.account, new.role, &hash, must_change, now).await {
        Err(CatalogError::Stale { .. }) => return Err(AccountError::Taken(new.account.clone())),
        other => other?,
    }
    let line = line(now, &actor, "account.add", new.account.as_str(), new.role.word());
    Ok(tx.commit(&[line]).await?)
}

pub(super) fn check_management(actor: &Actor, role: Role, accounts: &[AccountRow]) -> Result<(), Denied> {
    actor.check(Act::ManageAccounts)?;
    let has_service_operator =
        accounts.iter().any(|row| row.role == Role::ServiceOperator && row.disabled_at.is_none());
    if may_manage(actor.role, role, has_service_operator) {
        Ok(())
    } else {
        Err(Denied::Decider { by: actor.account.clone(), role })
    }
}

/// Disables an account and revokes its tokens, at once and for ever (第12条②). The last サービス運用者 stays, and so does
/// the last who manages accounts.
pub async fn disable(
    catalog: &Catalog,
    account: &AccountId,
    reason: &str,
    by: &Actor,
    now: Instant,
) -> Result<u64, AccountError> {
    let mut tx = catalog.begin().await?;
    let accounts = tx.accounts().await?;
    let row = accounts.iter().find(|row| row.account == *account);
    let row = row.ok_or_else(|| AccountError::None(account.clone()))?;
    check_management(by, row.role, &accounts)?;
    if row.disabled_at.is_some() {
        return Err(AccountError::Disabled(account.clone()));
    }
    let others = accounts.iter().filter(|other| other.account != *account && other.disabled_at.is_none());
    match must_stay(row.role, &others.map(|other| other.role).collect::<Vec<_>>()) {
        Some(MustStay::LastManager) => return Err(AccountError::Last(account.clone())),
        Some(MustStay::LastServiceOperator) => {
            return Err(AccountError::LastServiceOperator(account.clone()));
        }
        None => {}
    }
    tx.disable_account(account, now).await?;
    let tokens = tx.revoke_tokens_of(account, now).await?;
    let detail = format!("{reason} (tokens revoked: {tokens})");
    tx.commit(&[line(now, by.account.as_str(), "account.disable", account.as_str(), &detail)]).await?;
    Ok(tokens)
}

/// A password and code of an account, as its holder gives them.
#[derive(Debug)]
pub struct Own<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// Its password.
    pub password: &'a SecretString,
    /// The code of its second factor, if it has one.
    pub code: Option<&'a str>,
}

async fn own_row(
    home: &Home,
    catalog: &Catalog,
    own: &Own<'_>,
    now: Instant,
) -> Result<AccountRow, AccountError> {
    Ok(check_password(home, catalog, (own.account, own.password, own.code), now).await?)
}

/// Changes one's own password. None that was used before is used again.
pub async fn change_password(
    home: &Home,
    catalog: &Catalog,
    own: &Own<'_>,
    new: &SecretString,
    now: Instant,
) -> Result<(), AccountError> {
    let row = own_row(home, catalog, own, now).await?;
    let mut faults = password_faults(new.expose_secret(), own.account, row.has_second_factor());
    let mut used = catalog.old_passwords(own.account).await?;
    used.push(row.password.clone());
    for hash in &used {
        if hashing::is_right(new, hash).await {
            faults.push(PasswordFault::UsedBefore);
            break;
        }
    }
    if !faults.is_empty() {
        return Err(AccountError::Password(faults));
    }
    let hash = hashing::hash(new).await?;
    let mut tx = catalog.begin().await?;
    tx.set_password(&row, &hash, false, now).await?;
    let account = own.account.as_str();
    Ok(tx.commit(&[line(now, account, "account.password", account, "")]).await?)
}

/// Sets a new first password for somebody who forgot his; it must be changed before anything else.
pub async fn reset_password(
    catalog: &Catalog,
    account: &AccountId,
    new: &SecretString,
    by: &Actor,
    now: Instant,
) -> Result<(), AccountError> {
    let row = catalog.account(account).await?.ok_or_else(|| AccountError::None(account.clone()))?;
    check_management(by, row.role, &catalog.accounts().await?)?;
    if row.disabled_at.is_some() {
        return Err(AccountError::Disabled(account.clone()));
    }
    let faults = password_faults(new.expose_secret(), account, row.has_second_factor());
    if !faults.is_empty() {
        return Err(AccountError::Password(faults));
    }
    let hash = hashing::hash(new).await?;
    let mut tx = catalog.begin().await?;
    tx.set_password(&row, &hash, true, now).await?;
    let by = by.account.as_str();
    Ok(tx.commit(&[line(now, by, "account.password-reset", account.as_str(), "")]).await?)
}

/// A second factor that waits for its first code.
#[derive(Debug)]
pub struct NewFactor {
    /// The secret as people type it.
    pub secret: String,
    /// The address for authenticators.
    pub address: String,
}

/// Makes the secret of a second factor. It counts once `confirm_factor` has seen a code.
pub async fn new_factor(
    home: &Home,
    catalog: &Catalog,
    own: &Own<'_>,
    now: Instant,
) -> Result<NewFactor, AccountError> {
    let row = own_row(home, catalog, own, now).await?;
    if row.has_second_factor() {
        return Err(AccountError::HasFactor(own.account.clone()));
    }
    let (account, secret) = (own.account.as_str(), second_factor::new_secret());
    let sealed = sealing_key(home)?.seal(account, &secret)?;
    let mut tx = catalog.begin().await?;
    tx.set_totp(own.account, &sealed).await?;
    tx.commit(&[line(now, account, "account.second-factor-new", account, "")]).await?;
    let address = second_factor::otpauth(&secret, account);
    Ok(NewFactor { secret: second_factor::base32(&secret), address })
}

/// The second factor that waits for its first code, so that its picture can be shown again.
pub async fn waiting_factor(
    home: &Home,
    catalog: &Catalog,
    account: &AccountId,
) -> Result<Option<NewFactor>, AccountError> {
    let row = catalog.account(account).await?.filter(|row| !row.totp_confirmed);
    let Some(sealed) = row.and_then(|row| row.totp) else { return Ok(None) };
    let secret = sealing_key(home)?.open(account.as_str(), &sealed)?;
    let address = second_factor::otpauth(&secret, account.as_str());
    Ok(Some(NewFactor { secret: second_factor::base32(&secret), address }))
}

/// Makes a second factor count, and returns recovery codes, which are shown this once.
pub async fn confirm_factor(
    home: &Home,
    catalog: &Catalog,
    own: &Own<'_>,
    now: Instant,
) -> Result<Vec<String>, AccountError> {
    let code = own.code.ok_or_else(|| AccessError::CodeNeeded(own.account.clone()))?;
    let row = own_row(home, catalog, own, now).await?;
    let account = own.account.as_str();
    let waiting = row.totp.as_deref().filter(|_| !row.totp_confirmed);
    let sealed = waiting.ok_or_else(|| AccountError::NoFactor(own.account.clone()))?;
    let secret = sealing_key(home)?.open(account, sealed)?;
    let step = second_factor::step_of(&secret, code, now).ok_or(AccessError::WrongCode)?;
    let codes = second_factor::new_recovery_codes();
    let digests: Vec<_> = codes.iter().map(|code| second_factor::recovery_digest(code)).collect();
    let mut tx = catalog.begin().await?;
    tx.confirm_totp(own.account, step, &digests).await?;
    tx.commit(&[line(now, account, "account.second-factor", account, "")]).await?;
    Ok(codes)
}

/// Removes one's own second factor; the password must be long enough to stand alone.
pub async fn remove_factor(
    home: &Home,
    catalog: &Catalog,
    own: &Own<'_>,
    now: Instant,
) -> Result<(), AccountError> {
    let row = own_row(home, catalog, own, now).await?;
    if row.totp.is_none() {
        return Err(AccountError::NoFactor(own.account.clone()));
    }
    if !password_faults(own.password.expose_secret(), own.account, false).is_empty() {
        return Err(AccountError::ShortAlone(own.account.clone()));
    }
    let account = own.account.as_str();
    let mut tx = catalog.begin().await?;
    tx.remove_totp(own.account).await?;
    Ok(tx.commit(&[line(now, account, "account.second-factor-remove", account, "")]).await?)
}
