//! `/api/v1/permits/{permit}/extracts`: what was made under a permit, its report, what one would be, stopping one.
//!
//! The data itself is nowhere here: it leaves sealed, by an address that only the applicant gets.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{Kind, Problem};
use crate::workflows::extracts::{self, ExtractError, ExtractReport, ExtractRow, ExtractState, look};

use super::extract::Named;

/// Where an execution stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ExtractStates {
    Making,
    Delivered,
    Abandoned,
}

/// One execution of a permit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExtractShown {
    permit: String,
    /// From 1.
    execution: u32,
    state: ExtractStates,
    made_by: String,
    #[schema(format = DateTime)]
    begun_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why nothing was handed over: `permit`, `drift`, `leak`, `empty`, `rules`, `ledger`, `cancelled`, `died`, …
    reason: Option<String>,
    /// SHA-256 of the sealed file.
    sealed: Option<String>,
    size_bytes: Option<u64>,
    /// How often the applicant fetched it.
    fetched: u64,
    #[schema(format = DateTime)]
    first_fetched_at: Option<String>,
    /// When the sealed file was removed.
    #[schema(format = DateTime)]
    removed_at: Option<String>,
}

/// An execution with its report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExtractWithReport {
    #[serde(flatten)]
    extract: ExtractShown,
    /// What was measured: counts, levels, names of columns; never a value. None if nothing was handed over.
    #[schema(value_type = Option<Object>)]
    report: Option<ExtractReport>,
}

/// The executions of a permit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExtractList {
    /// Newest first.
    items: Vec<ExtractShown>,
}

/// A column of the made-up row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeUpCell {
    column: String,
    /// What it would say of somebody who does not exist.
    text: String,
}

/// What an extract would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExtractPlanShown {
    permit: String,
    /// SHA-256 of what the permit said then: compare it with the permit's `digest`.
    digest: String,
    planned_by: String,
    #[schema(format = DateTime)]
    planned_at: String,
    /// Levels, what they cost, what is left out.
    #[schema(value_type = Object)]
    report: ExtractReport,
    /// A row with made-up values.
    preview: Vec<MadeUpCell>,
}

fn shown(row: &ExtractRow) -> ExtractShown {
    ExtractShown {
        permit: row.permit.clone(),
        execution: row.execution,
        state: match row.state {
            ExtractState::Making => ExtractStates::Making,
            ExtractState::Delivered => ExtractStates::Delivered,
            ExtractState::Abandoned => ExtractStates::Abandoned,
        },
        made_by: row.made_by.to_string(),
        begun_at: row.begun_at.to_string(),
        ended_at: row.ended_at.map(|at| at.to_string()),
        reason: row.reason.clone(),
        sealed: row.digest.map(|digest| digest.to_string()),
        size_bytes: row.size_bytes,
        fetched: row.fetched,
        first_fetched_at: row.first_fetched_at.map(|at| at.to_string()),
        removed_at: row.removed_at.map(|at| at.to_string()),
    }
}

impl From<ExtractError> for Problem {
    fn from(error: ExtractError) -> Self {
        let words = error.to_string();
        match error {
            ExtractError::Desk(error) => error.into(),
            ExtractError::NotMaking(_) => Self::new(Kind::Conflict, words, "実施中の抽出はありません。"),
            other => Self::logged(&other),
        }
    }
}

#[utoipa::path(
    get, path = "/api/v1/permits/{permit}/extracts", tag = "permits", operation_id = "listExtracts",
    summary = "What was made under a permit, newest first / 許可による抽出の一覧",
    params(("permit" = String, Path, description = "Its number")),
    responses((status = 200, description = "The executions", body = ExtractList)),
    security(("token" = ["permit.read"]))
)]
pub(super) async fn list(caller: Caller, Named(permit): Named) -> Result<Json<ExtractList>, Problem> {
    let rows = look::list(&caller.desk().catalog, Some(&permit), &caller.actor).await?;
    Ok(Json(ExtractList { items: rows.iter().map(shown).collect() }))
}

#[utoipa::path(
    get, path = "/api/v1/permits/{permit}/extracts/{execution}", tag = "permits", operation_id = "getExtract",
    summary = "An execution with its report / 抽出とその測定報告書",
    params(("permit" = String, Path, description = "Its number"), ("execution" = u32, Path, description = "From 1")),
    responses((status = 200, description = "The execution", body = ExtractWithReport)),
    security(("token" = ["permit.read"]))
)]
pub(super) async fn get(
    caller: Caller,
    path: Result<Path<(String, u32)>, PathRejection>,
) -> Result<Json<ExtractWithReport>, Problem> {
    let Path((permit, execution)) = path.map_err(|error| {
        Problem::bad_request(error.body_text(), "アドレスの番号またはIDを読み取れません。")
    })?;
    let found = look::one(&caller.desk().catalog, (&permit, execution), &caller.actor).await?;
    let row = found.ok_or_else(|| Problem::no_such("extract", &format!("{permit}/{execution}")))?;
    let report = row.report.as_ref().map(|_| extracts::report_of(&row)).transpose()?;
    Ok(Json(ExtractWithReport { extract: shown(&row), report }))
}

#[utoipa::path(
    get, path = "/api/v1/permits/{permit}/plan", tag = "permits", operation_id = "getExtractPlan",
    summary = "What an extract would be, as it was planned last / 抽出の試算",
    description = "Noted by a system operator with `kura extract plan`, for those who decide.",
    params(("permit" = String, Path, description = "Its number")),
    responses((status = 200, description = "The plan", body = ExtractPlanShown)),
    security(("token" = ["permit.read"]))
)]
pub(super) async fn plan(caller: Caller, Named(permit): Named) -> Result<Json<ExtractPlanShown>, Problem> {
    let found = look::plan_of(&caller.desk().catalog, &permit, &caller.actor).await?;
    let (row, plan) = found.ok_or_else(|| Problem::no_such("plan of an extract", &permit))?;
    let cells = plan.preview.into_iter().map(|cell| MadeUpCell { column: cell.column, text: cell.text });
    Ok(Json(ExtractPlanShown {
        permit: row.permit,
        digest: row.digest.to_string(),
        planned_by: row.planned_by.to_string(),
        planned_at: row.planned_at.to_string(),
        report: plan.report,
        preview: cells.collect(),
    }))
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/extracts/cancel", tag = "permits", operation_id = "cancelExtract",
    summary = "Stop the extract that is being made / 実施中の抽出を中止する",
    description = "Whichever program makes it. Nothing is handed over, and it does not count as an execution.",
    params(("permit" = String, Path, description = "Its number")),
    responses((status = 200, description = "The execution", body = ExtractShown)),
    security(("token" = ["permit.execute"]))
)]
pub(super) async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    Named(permit): Named,
) -> Result<Json<ExtractShown>, Problem> {
    let desk = caller.desk();
    let execution = extracts::cancel(&desk.catalog, &permit, (&caller.actor, shared.clock.now())).await?;
    // A token that may execute permits need not be one that may read them.
    let found = look::of_number(&desk.catalog, (&permit, execution)).await?;
    found.map(|row| Json(shown(&row))).ok_or_else(|| Problem::no_such("extract", &permit))
}
