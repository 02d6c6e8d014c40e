//! Looking at extracts: lists, reports, plans.

use crate::catalog::{Catalog, ExtractRow};
use crate::domain::actor::Actor;
use crate::domain::role::Act;

use super::plan::ExtractPlan;
use super::report::{ExtractReport, report_of};
use super::{ExtractError, ExtractPlanRow};

/// The executions of a permit, or of all, newest first.
pub async fn list(
    catalog: &Catalog,
    permit: Option<&str>,
    by: &Actor,
) -> Result<Vec<ExtractRow>, ExtractError> {
    by.check(Act::ReadPermits)?;
    Ok(catalog.extracts(permit).await?)
}

/// An execution of a permit.
pub async fn one(
    catalog: &Catalog,
    (permit, execution): (&str, u32),
    by: &Actor,
) -> Result<Option<ExtractRow>, ExtractError> {
    by.check(Act::ReadPermits)?;
    of_number(catalog, (permit, execution)).await
}

/// The same for whoever has just acted on it.
pub async fn of_number(
    catalog: &Catalog,
    (permit, execution): (&str, u32),
) -> Result<Option<ExtractRow>, ExtractError> {
    let rows = catalog.extracts(Some(permit)).await?;
    Ok(rows.into_iter().find(|row| row.execution == execution))
}

/// The report of what was handed over by an execution; none if nothing was.
pub async fn report(
    catalog: &Catalog,
    (permit, execution): (&str, u32),
    by: &Actor,
) -> Result<Option<ExtractReport>, ExtractError> {
    let rows = list(catalog, Some(permit), by).await?;
    let row = rows.iter().find(|row| row.execution == execution && row.report.is_some());
    row.map(report_of).transpose()
}

/// What an extract under a permit would be, as it was planned last, with when, by whom and for which digest.
pub async fn plan_of(
    catalog: &Catalog,
    permit: &str,
    by: &Actor,
) -> Result<Option<(ExtractPlanRow, ExtractPlan)>, ExtractError> {
    by.check(Act::ReadPermits)?;
    let Some(row) = catalog.extract_plan(permit).await? else { return Ok(None) };
    let plan = serde_json::from_str(&row.plan).map_err(|_| ExtractError::Report)?;
    Ok(Some((row, plan)))
}
