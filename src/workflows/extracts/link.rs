//! Fetching what was handed over: an address that somebody has, that ends, and that leaves a receipt.
//!
//! The address is a public half that finds the row and a secret half of which only the SHA-256 is kept. Whether it may be
//! fetched is asked again in the transaction that counts the fetch: revoked, closed and expired permits give nothing.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, ExtractRow, ExtractState};
use crate::config::Home;
use crate::credentials::token;
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::permits;
use crate::workflows::sign_in::line;

use super::report::report_of;
use super::{ExtractError, shelf};

/// An address counts for so many days, and never longer than the permit.
pub const DAYS_MAX: i64 = 14;

/// So often a file is fetched at most: what is asked for more often is asked for by somebody else.
pub const FETCHES_MAX: u64 = 20;

/// A new address.
pub struct Link {
    /// What stands behind `/extracts/`.
    pub path: zeroize::Zeroizing<String>,
    /// Which execution.
    pub execution: u32,
    /// Until when it counts.
    pub expires_at: Instant,
}

/// Makes an address for what was handed over last under a permit, in the place of an earlier one.
pub async fn make(
    catalog: &Catalog,
    number: &str,
    (by, now): (&Actor, Instant),
) -> Result<Link, ExtractError> {
    by.check(Act::ExecutePermit)?;
    let rows = catalog.extracts(Some(number)).await?;
    let is_there = |row: &&ExtractRow| row.state == ExtractState::Delivered && row.removed_at.is_none();
    let row = rows.iter().find(is_there).ok_or_else(|| ExtractError::None(number.to_owned()))?;
    let token = token::new_token();
    let mut tx = catalog.begin().await?;
    let permit = tx.permit(number).await?.ok_or_else(|| ExtractError::None(number.to_owned()))?;
    let (zone, content) = (permits::zone(), &permit.permit.content);
    if !permit.permit.may_be_fetched(&content.applicant, &zone, now) {
        return Err(ExtractError::None(number.to_owned()));
    }
    let end_of_period = zone.start_of(content.period.1.next());
    let expires_at = now.plus_minutes(DAYS_MAX * 24 * 60).min(end_of_period);
    let which = (number, row.execution);
    tx.link_extract(which, (&token.id, &token.digest), expires_at).await?;
    let detail = format!("execution {}, until {expires_at}", row.execution);
    tx.commit(&[line(now, by.account.as_str(), "extract.link", number, &detail)]).await?;
    Ok(Link { path: token.text, execution: row.execution, expires_at })
}

/// Why nothing is given.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no such address.
    #[error("there is no such address")]
    None,
    /// The address was one, and is over.
    #[error("the address is over")]
    Over,
    /// It could not be given.
    #[error(transparent)]
    Failed(#[from] ExtractError),
}

/// What is fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The permit: the name of the file.
    pub permit: String,
    /// Which execution.
    pub execution: u32,
    /// How the file's name ends, before it was sealed.
    pub ending: &'static str,
    /// The sealed file.
    pub sealed: Vec<u8>,
}

/// Gives the sealed file of an address, and notes that it was fetched.
pub async fn fetch(catalog: &Catalog, home: &Home, path: &str, now: Instant) -> Result<Fetched, FetchError> {
    let (link, secret) = token::read(path).ok_or(FetchError::None)?;
    let row = catalog.extract_of_link(&link).await.map_err(ExtractError::from)?;
    // Found or not, two digests are compared.
    let known = row.as_ref().and_then(|row| row.secret).unwrap_or(Sha256([0; 32]));
    let is_right = token::agree(&secret, &known);
    let row = row.filter(|_| is_right).ok_or(FetchError::None)?;
    let is_over = row.expires_at.is_none_or(|until| now >= until) || row.fetched >= FETCHES_MAX;
    if is_over || row.removed_at.is_some() {
        return Err(FetchError::Over);
    }
    let sealed = shelf::read(home, &row.permit, row.execution)?;
    if row.digest != Some(Sha256::of(&sealed)) {
        tracing::error!(
            permit = row.permit,
            execution = row.execution,
            "a sealed extract is not what was handed over"
        );
        return Err(ExtractError::None(row.permit).into());
    }
    let mut tx = catalog.begin().await.map_err(ExtractError::from)?;
    let permit = tx.permit(&row.permit).await.map_err(ExtractError::from)?.ok_or(FetchError::Over)?.permit;
    if !permit.may_be_fetched(&permit.content.applicant, &permits::zone(), now) {
        return Err(FetchError::Over);
    }
    tx.count_fetch((&row.permit, row.execution), now).await.map_err(ExtractError::from)?;
    let detail = format!("execution {}, fetch {}", row.execution, row.fetched + 1);
    let entry = line(now, permit.content.applicant.as_str(), "extract.fetch", &row.permit, &detail);
    tx.commit(&[entry]).await.map_err(ExtractError::from)?;
    let ending = report_of(&row)?.shape().ending();
    Ok(Fetched { permit: row.permit, execution: row.execution, ending, sealed })
}
