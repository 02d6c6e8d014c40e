//! Sessions of the console: signing in, staying in for a while, signing out. The cookie's secret is never kept.

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, CatalogError, SessionStage};
use crate::clock::random_bytes;
use crate::config::Home;
use crate::domain::account::AccountId;
use crate::domain::actor::Actor;
use crate::domain::time::Instant;

use super::sign_in::{AccessError, check_password, check_second_factor};

/// How long a session may rest, minutes.
pub const IDLE_MINUTES: i64 = 30;
/// How long a session may last at all, minutes: a working day and somewhat more.
pub const WHOLE_MINUTES: i64 = 12 * 60;
/// How long the code of the second factor is waited for, minutes.
const CODE_MINUTES: i64 = 5;
/// Being used is noted once in this many minutes: reading a page is no reason to write.
const SEEN_MINUTES: i64 = 1;

/// A session that counts now.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose it is and what he may do.
    pub actor: Actor,
    /// Whether the password must be changed before anything else.
    pub must_change: bool,
    /// When it ends if nothing is done.
    pub ends_at: Instant,
    /// What a form of this session must hold.
    pub form_token: String,
}

/// What a cookie means.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing that counts.
    None,
    /// The password was right, the code is still asked for.
    CodeNeeded,
    /// Somebody who proved who he is.
    Session(Box<Session>),
}

/// What came of showing a password.
#[derive(Debug)]
pub enum Begun {
    /// Everything is proved: the secret for the cookie.
    Session(Zeroizing<String>),
    /// The code is needed next: the secret for the cookie until then.
    CodeNeeded(Zeroizing<String>),
}

fn new_secret() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    random_bytes(&mut *bytes);
    Zeroizing::new(hex::encode(*bytes))
}

/// What is kept of a secret.
fn digest_of(secret: &str) -> Sha256 {
    Sha256::of(format!("kura session 1\n{secret}").as_bytes())
}

/// What the forms of a session must hold: made from the cookie's secret, so that nothing more is kept, and no page of
/// somebody else can know it.
pub fn form_token(secret: &str) -> String {
    Sha256::of(format!("kura form 1\n{secret}").as_bytes()).to_string()
}

async fn begin(
    catalog: &Catalog,
    account: &AccountId,
    stage: SessionStage,
    now: Instant,
) -> Result<Zeroizing<String>, CatalogError> {
    let secret = new_secret();
    let minutes = if stage == SessionStage::Full { WHOLE_MINUTES } else { CODE_MINUTES };
    catalog.forget_sessions(now).await?;
    catalog.begin_session(&digest_of(&secret), account, stage, (now, now.plus_minutes(minutes))).await?;
    Ok(secret)
}

/// Checks a password and begins a session, or the wait for the code. What the browser held before counts no more.
pub async fn sign_in(
    home: &Home,
    catalog: &Catalog,
    (account, password): (&AccountId, &SecretString),
    before: Option<&str>,
    now: Instant,
) -> Result<Begun, AccessError> {
    let checked = check_password(home, catalog, (account, password, None), now).await;
    let is_code_needed = match checked {
        Ok(_) => false,
        Err(AccessError::CodeNeeded(_)) => true,
        Err(error) => return Err(error),
    };
    if let Some(before) = before {
        catalog.end_session(&digest_of(before)).await?;
    }
    if is_code_needed {
        return Ok(Begun::CodeNeeded(begin(catalog, account, SessionStage::Code, now).await?));
    }
    Ok(Begun::Session(begin(catalog, account, SessionStage::Full, now).await?))
}

/// Checks the code and begins the session, under a new secret. `None` if no code is waited for any more.
pub async fn give_code(
    home: &Home,
    catalog: &Catalog,
    secret: &str,
    code: &str,
    now: Instant,
) -> Result<Option<Zeroizing<String>>, AccessError> {
    let digest = digest_of(secret);
    let waiting = catalog.session(&digest).await?;
    let waiting = waiting.filter(|row| row.stage == SessionStage::Code && now < row.expires_at);
    let Some(row) = waiting else { return Ok(None) };
    check_second_factor(home, catalog, &row.account, code, now).await?;
    catalog.end_session(&digest).await?;
    Ok(Some(begin(catalog, &row.account, SessionStage::Full, now).await?))
}

/// Begins a session for somebody who proved a moment ago who he is: by the password that he has just changed, or by an
/// identity provider. What the browser held `before` counts no more.
pub async fn begin_proved(
    catalog: &Catalog,
    account: &AccountId,
    before: Option<&str>,
    now: Instant,
) -> Result<Zeroizing<String>, CatalogError> {
    if let Some(before) = before {
        catalog.end_session(&digest_of(before)).await?;
    }
    begin(catalog, account, SessionStage::Full, now).await
}

/// What a cookie means now; being used keeps a session alive.
pub async fn find(catalog: &Catalog, secret: &str, now: Instant) -> Result<Found, CatalogError> {
    let digest = digest_of(secret);
    let Some(row) = catalog.session(&digest).await? else { return Ok(Found::None) };
    if row.expires_at <= now || row.seen_at.plus_minutes(IDLE_MINUTES) <= now {
        catalog.end_session(&digest).await?;
        return Ok(Found::None);
    }
    if row.stage == SessionStage::Code {
        return Ok(Found::CodeNeeded);
    }
    if row.seen_at.plus_minutes(SEEN_MINUTES) <= now {
        catalog.session_seen(&digest, now).await?;
    }
    Ok(Found::Session(Box::new(Session {
        actor: Actor { account: row.account, role: row.role, scopes: None },
        must_change: row.must_change,
        ends_at: now.plus_minutes(IDLE_MINUTES).min(row.expires_at),
        form_token: form_token(secret),
    })))
}

/// Ends a session, if there is one.
pub async fn sign_out(catalog: &Catalog, secret: &str) -> Result<(), CatalogError> {
    catalog.end_session(&digest_of(secret)).await
}

/// The digest of a secret that opens the set-up page, and whether another one agrees with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetUpDigest(Sha256);

impl SetUpDigest {
    /// A new secret, with what is kept of it.
    pub fn fresh() -> (Zeroizing<String>, Self) {
        let secret = new_secret();
        let digest = Self::of(&secret);
        (secret, digest)
    }

    /// What is kept of a secret. Digests are compared, so that the time of comparing tells nothing about the secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::of(format!("kura set-up 1\n{secret}").as_bytes()))
    }
}
