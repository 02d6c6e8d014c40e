//! Looking at permits.

use crate::catalog::{Catalog, PermitRow, Place};
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::desk::DeskError;

use super::zone;

/// At most `limit` permits, newest first; of one state, or of any if it is empty.
pub async fn list(
    catalog: &Catalog,
    by: &Actor,
    state: &str,
    limit: u32,
) -> Result<Vec<PermitRow>, DeskError> {
    by.check(Act::ReadPermits)?;
    Ok(catalog.permits_page(&Place::newest(), state, limit).await?)
}

/// The permit of a number.
pub async fn show(catalog: &Catalog, number: &str, by: &Actor) -> Result<PermitRow, DeskError> {
    by.check(Act::ReadPermits)?;
    let none = || DeskError::None { what: "permit", id: number.to_owned() };
    catalog.permit(number).await?.ok_or_else(none)
}

/// The permits of which something may still become, oldest first.
pub async fn open(catalog: &Catalog, by: &Actor) -> Result<Vec<PermitRow>, DeskError> {
    by.check(Act::ReadPermits)?;
    Ok(catalog.permits_open().await?)
}

/// The permits whose after-use measure is owed, oldest first; with `overdue` only those whose day is past.
pub async fn owed(
    catalog: &Catalog,
    by: &Actor,
    overdue: bool,
    now: Instant,
) -> Result<Vec<PermitRow>, DeskError> {
    by.check(Act::ReadPermits)?;
    let rows = catalog.permits_owed().await?;
    let is_wanted = |row: &PermitRow| !overdue || row.permit.is_overdue(&zone(), now);
    Ok(rows.into_iter().filter(is_wanted).collect())
}
