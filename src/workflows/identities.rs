//! Signing in with an identity provider (optional): it says who somebody is, the catalog which account that is.
//!
//! An account is linked to a subject by somebody who manages accounts; nobody becomes an account by arriving.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::catalog::{Catalog, CatalogError};
use crate::config::{self, OidcSettings};
use crate::domain::account::AccountId;
use crate::domain::actor::Actor;
use crate::domain::time::Instant;
use crate::identity::{Pending, Provider, ProviderError};

use super::accounts::{AccountError, check_management};
use super::sign_in::{AccessError, line};

/// Somebody who left for the provider must be back after this long, minutes.
const AWAY_MINUTES_MAX: i64 = 10;
/// How many may be away at once; the one who left first is forgotten.
const AWAY_MAX: usize = 1000;
/// The longest subject, characters (OpenID Connect Core, section 2).
const SUBJECT_CHARACTERS_MAX: usize = 255;

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// Nobody left with this state, or too long ago.
    #[error("the sign-in took too long or was begun elsewhere: begin again")]
    NotAway,
    /// The provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// No account is linked to the subject, which is shown so that it can be.
    #[error(
        "no account is linked to {0:?}: somebody who manages accounts runs `kura account link ID --subject`"
    )]
    Unknown(String),
    /// The account.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<CatalogError> for ArrivalError {
    fn from(error: CatalogError) -> Self {
        Self::Access(error.into())
    }
}

/// Somebody who is away.
#[derive(Debug)]
struct Away {
    left: Instant,
    pending: Pending,
    /// Where he wanted to go.
    next: String,
}

/// A provider, and who is away to it. What is kept of them lives in memory: after a restart they begin again.
#[derive(Debug)]
pub struct Entrance {
    /// What the sign-in page calls the provider.
    pub name: String,
    provider: Provider,
    away: Mutex<BTreeMap<String, Away>>,
}

impl Entrance {
    /// The provider of the settings; `base` is the service's address as people use it.
    pub fn open(settings: &OidcSettings, base: &str) -> Result<Self, OpenError> {
        let secret = config::secret_line(&settings.client_secret_file)?.trim().into();
        let back = format!("{base}/console/provider/return");
        Ok(Self {
            name: settings.name.clone().unwrap_or_else(|| settings.issuer.clone()),
            provider: Provider::new(&settings.issuer, &settings.client_id, secret, &back)?,
            away: Mutex::default(),
        })
    }

    /// Sends somebody to the provider: its address, and the state with which he returns (for a cookie). `next` is where he
    /// wants to go.
    pub async fn depart(&self, next: &str, now: Instant) -> Result<(String, String), ProviderError> {
        let departure = self.provider.depart().await?;
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.retain(|_, one| now < one.left.plus_minutes(AWAY_MINUTES_MAX));
        if away.len() >= AWAY_MAX {
            let first = away.iter().min_by_key(|(_, one)| one.left).map(|(state, _)| state.clone());
            first.and_then(|state| away.remove(&state));
        }
        let one = Away { left: now, pending: departure.pending, next: next.to_owned() };
        away.insert(departure.state.clone(), one);
        Ok((departure.address, departure.state))
    }

    /// Lets somebody in who returned with a code, and says where he wanted to go. Each departure counts for one return.
    pub async fn arrive(
        &self,
        catalog: &Catalog,
        (state, code): (&str, &str),
        now: Instant,
    ) -> Result<(Actor, String), ArrivalError> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner).remove(state);
        let Away { left, pending, next } = away.ok_or(ArrivalError::NotAway)?;
        if now >= left.plus_minutes(AWAY_MINUTES_MAX) {
            return Err(ArrivalError::NotAway);
        }
        let subject = self.provider.arrive(code, pending).await?;
        let Some(account) = catalog.account_of_subject(self.provider.issuer(), &subject).await? else {
            let tx = catalog.begin().await?;
            tx.commit(&[line(now, "kura", "account.sign-in-refused", "unknown", "unknown subject")]).await?;
            return Err(ArrivalError::Unknown(subject));
        };
        let row = catalog.account(&account).await?.ok_or(AccessError::Wrong)?;
        let tx = catalog.begin().await?;
        let id = account.as_str();
        if row.disabled_at.is_some() {
            tx.commit(&[line(now, "kura", "account.sign-in-refused", id, "disabled")]).await?;
            return Err(AccessError::Disabled(account).into());
        }
        tx.commit(&[line(now, id, "account.sign-in", id, "identity provider")]).await?;
        Ok((Actor { account, role: row.role, scopes: None }, next))
    }
}

/// Why the provider of the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The secret's file.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The address.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Links an account to a subject of the provider: whoever the provider says that is, is this account.
pub async fn link(
    catalog: &Catalog,
    account: &AccountId,
    (issuer, subject): (&str, &str),
    by: &Actor,
    now: Instant,
) -> Result<(), AccountError> {
    let is_subject = (1..=SUBJECT_CHARACTERS_MAX).contains(&subject.chars().count());
    if !is_subject || subject.chars().any(char::is_control) {
        return Err(AccountError::Subject);
    }
    let mut tx = catalog.begin().await?;
    check(&mut tx, account, by).await?;
    match tx.link_subject((issuer, subject), account, now).await {
        Err(CatalogError::Stale { .. }) => return Err(AccountError::Linked(account.clone())),
        other => other?,
    }
    Ok(tx.commit(&[line(now, by.account.as_str(), "account.link", account.as_str(), issuer)]).await?)
}

/// Ends the link of an account.
pub async fn unlink(
    catalog: &Catalog,
    account: &AccountId,
    by: &Actor,
    now: Instant,
) -> Result<(), AccountError> {
    let mut tx = catalog.begin().await?;
    check(&mut tx, account, by).await?;
    match tx.unlink_subject(account).await {
        Err(CatalogError::Stale { .. }) => return Err(AccountError::NotLinked(account.clone())),
        other => other?,
    }
    Ok(tx.commit(&[line(now, by.account.as_str(), "account.unlink", account.as_str(), "")]).await?)
}

/// Whether `by` manages the account, and it is not disabled.
async fn check(tx: &mut crate::catalog::Tx, account: &AccountId, by: &Actor) -> Result<(), AccountError> {
    let accounts = tx.accounts().await?;
    let row = accounts.iter().find(|row| row.account == *account);
    let row = row.ok_or_else(|| AccountError::None(account.clone()))?;
    check_management(by, row.role, &accounts)?;
    if row.disabled_at.is_some() { Err(AccountError::Disabled(account.clone())) } else { Ok(()) }
}
