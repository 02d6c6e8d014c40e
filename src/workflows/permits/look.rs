//! Looking at permits.

use crate::catalog::{Catalog, PermitRow, Place};
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::desk::DeskError;
use crate::workflows::lists::Page;

use super::zone;

/// A page of permits, newest first; of one state, or of any if it is empty.
pub async fn page(
    catalog: &Catalog,
    by: &Actor,
    (state, after): (&str, &Place),
    limit: u32,
) -> Result<Page<PermitRow>, DeskError> {
    by.check(Act::ReadPermits)?;
    let rows = catalog.permits_page(after, state, limit.saturating_add(1)).await?;
    Ok(Page::of_all(rows, limit, |row| Place { at: row.applied_at, id: row.permit.number.clone() }))
}

/// The permit of a number.
pub async fn show(catalog: &Catalog, number: &str, by: &Actor) -> Result<PermitRow, DeskError> {
    by.check(Act::ReadPermits)?;
    of_number(catalog, number).await
}

/// The same for whoever holds the machine; with `overdue` those whose after-use measure was due and is not confirmed.
pub async fn all(
    catalog: &Catalog,
    state: &str,
    overdue: bool,
    limit: u32,
    now: Instant,
) -> Result<Vec<PermitRow>, DeskError> {
    if !overdue {
        return Ok(catalog.permits_page(&Place::newest(), state, limit).await?);
    }
    let rows = catalog.permits_owed().await?;
    Ok(rows.into_iter().filter(|row| row.permit.is_overdue(&zone(), now)).collect())
}

/// The permit of a number, for whoever holds the machine.
pub async fn of_number(catalog: &Catalog, number: &str) -> Result<PermitRow, DeskError> {
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
