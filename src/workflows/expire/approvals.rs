//! Who allows a deletion: one approves exactly what was shown and another confirms it; or it is allowed for good.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, CatalogError, OrderRow, StandingRow};
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::tokyo;
use crate::workflows::sign_in::line;

use super::gather::TODAY;
use super::{ExpireError, Look, OnHost};

/// Approves what is due now; `digest` is that of what was shown, or the beginning of it.
pub async fn approve(on: OnHost<'_>, look: &Look, digest: &str, by: &Actor) -> Result<Sha256, ExpireError> {
    by.check(Act::ApproveDeletion)?;
    let now = on.clock.now();
    if look.order.items.is_empty() {
        return Err(ExpireError::NothingDue);
    }
    let found = look.digest();
    if digest.len() < 12 || !found.to_string().starts_with(&digest.to_ascii_lowercase()) {
        return Err(ExpireError::Changed(found));
    }
    let text = look.order.text();
    let mut tx = on.catalog.begin().await?;
    match tx.approve_order((&found, &text), &by.account, now).await {
        Err(CatalogError::Stale { id, .. }) => return Err(ExpireError::Stale(id)),
        other => other?,
    }
    let detail = format!("{} items", look.order.items.len());
    tx.commit(&[line(now, by.account.as_str(), "expire.approve", &found.to_string(), &detail)]).await?;
    Ok(found)
}

/// Confirms what somebody else approved, and says what day it is, if asked to.
pub async fn confirm(
    catalog: &Catalog,
    digest: &str,
    today: Option<Day>,
    by: &Actor,
    now: Instant,
) -> Result<Sha256, ExpireError> {
    by.check(Act::ConfirmDeletion)?;
    let orders = catalog.open_orders().await?;
    let digest = digest.to_ascii_lowercase();
    let names = |row: &&OrderRow| digest.len() >= 12 && row.digest.to_string().starts_with(&digest);
    let row = orders.iter().find(names).ok_or_else(|| ExpireError::NoOrder(digest.clone()))?;
    by.check_decision(Act::ConfirmDeletion, &row.approved_by)?;
    let mut lines = Vec::new();
    if let Some(day) = today {
        check_day(day, now)?;
        lines.push(line(now, by.account.as_str(), TODAY, &day.to_string(), ""));
    }
    let mut tx = catalog.begin().await?;
    match tx.confirm_order(&row.digest, &by.account, now).await {
        Err(CatalogError::Stale { id, .. }) => return Err(ExpireError::Stale(id)),
        other => other?,
    }
    lines.push(line(now, by.account.as_str(), "expire.confirm", &row.digest.to_string(), ""));
    tx.commit(&lines).await?;
    Ok(row.digest)
}

fn check_day(said: Day, now: Instant) -> Result<(), ExpireError> {
    let found = tokyo().day_of(now);
    if said == found { Ok(()) } else { Err(ExpireError::OtherDay { said, found }) }
}

/// Says what day it is, where no clock outside the machine can be asked. Counts for a day.
pub async fn confirm_today(catalog: &Catalog, day: Day, by: &Actor, now: Instant) -> Result<(), ExpireError> {
    by.check(Act::ConfirmDeletion)?;
    check_day(day, now)?;
    let tx = catalog.begin().await?;
    Ok(tx.commit(&[line(now, by.account.as_str(), TODAY, &day.to_string(), "")]).await?)
}

/// Allows for good that what is past its time in a plan, as it is written now, is deleted.
pub async fn stand(on: OnHost<'_>, plan: &str, by: &Actor) -> Result<StandingRow, ExpireError> {
    by.check(Act::StandingDeletion)?;
    let now = on.clock.now();
    let digest = on.version(plan).ok_or_else(|| ExpireError::Plan(plan.to_owned()))?;
    let row =
        StandingRow { plan: plan.to_owned(), approved_at: now, approved_by: by.account.clone(), digest };
    let mut tx = on.catalog.begin().await?;
    tx.stand(&row).await?;
    let detail = format!("plan version {digest}");
    tx.commit(&[line(now, by.account.as_str(), "expire.stand", plan, &detail)]).await?;
    Ok(row)
}

/// Ends the standing approval of a plan; whether there was one.
pub async fn end_standing(
    catalog: &Catalog,
    plan: &str,
    by: &Actor,
    now: Instant,
) -> Result<bool, ExpireError> {
    by.check(Act::StandingDeletion)?;
    let mut tx = catalog.begin().await?;
    if tx.end_standing(plan, &by.account, now).await? == 0 {
        return Ok(false);
    }
    tx.commit(&[line(now, by.account.as_str(), "expire.stand-end", plan, "")]).await?;
    Ok(true)
}
