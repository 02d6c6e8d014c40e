//! `/api/v1/runs` and `/api/v1/snapshots`: what was tried, and what came of it; no names of files.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::Phase;
use crate::workflows::lists::{self, ListPlace, RunLife, RunRow, SnapshotRow};

use super::extract::{Asked, Named};
use super::page::{Listing, Wanted};

/// The longest name of a plan in a question, characters; names are shorter.
const PLAN_CHARACTERS_MAX: usize = 100;

/// Where a run stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RunStates {
    Running,
    Verified,
    Partial,
    Failed,
    Refused,
    Abandoned,
}

/// How far a run of this service is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProgressShown {
    /// `walking`, `hashing`, `storing` or `committing`.
    phase: String,
    files: u64,
    bytes: u64,
    /// 0 while it is unknown.
    files_total: u64,
    bytes_total: u64,
}

/// One attempt to take a snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunShown {
    /// Its id.
    run: String,
    plan: String,
    /// `daily`, `monthly`, `acceptance`, `maintenance` or `adhoc`.
    event: String,
    /// Why it was taken by hand.
    reason: Option<String>,
    state: RunStates,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// SHA-256 of the snapshot that it made.
    snapshot: Option<String>,
    /// Entries that are not directories.
    files: Option<u64>,
    bytes: Option<u64>,
    new_bytes_stored: Option<u64>,
    /// Entries that could not be read.
    skipped: Option<u64>,
    /// While it goes on.
    progress: Option<ProgressShown>,
}

/// Which runs or snapshots.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfPlanQuery {
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false)]
    cursor: Option<String>,
    /// Only those of this plan.
    #[param(required = false, max_length = 100)]
    plan: Option<String>,
}

fn shown(shared: &Shared, row: &RunRow) -> RunShown {
    let (state, ended_at, end) = match &row.life {
        RunLife::Running => (RunStates::Running, None, None),
        RunLife::Abandoned { at } => (RunStates::Abandoned, Some(*at), None),
        RunLife::Ended(end) => {
            let state = match end.state.as_str() {
                "verified" => RunStates::Verified,
                "partial" => RunStates::Partial,
                "refused" => RunStates::Refused,
                _ => RunStates::Failed,
            };
            (state, Some(end.ended_at), Some(end))
        }
    };
    let start = &row.start;
    let progress = matches!(row.life, RunLife::Running).then(|| progress(shared, &start.plan)).flatten();
    RunShown {
        run: start.run.clone(),
        plan: start.plan.clone(),
        event: start.event.clone(),
        reason: start.reason.clone(),
        state,
        started_at: start.started_at.to_string(),
        ended_at: ended_at.map(|at| at.to_string()),
        snapshot: end.and_then(|end| end.snapshot).map(|digest| digest.to_string()),
        files: end.map(|end| end.files),
        bytes: end.map(|end| end.bytes),
        new_bytes_stored: end.map(|end| end.new_bytes_stored),
        skipped: end.map(|end| end.skipped),
        progress,
    }
}

/// The plan that a list is asked for; empty for any.
fn wanted_plan(plan: Option<String>) -> Result<String, Problem> {
    let plan = plan.unwrap_or_default();
    if plan.chars().count() > PLAN_CHARACTERS_MAX {
        return Err(Problem::bad_request(
            format!("plan has at most {PLAN_CHARACTERS_MAX} characters"),
            format!("計画の名前（plan）は{PLAN_CHARACTERS_MAX}文字以内で指定してください。"),
        ));
    }
    Ok(plan)
}

fn progress(shared: &Shared, plan: &str) -> Option<ProgressShown> {
    let runs = shared.under_way.list();
    let (_, progress) = runs.iter().find(|(name, _)| name.as_str() == plan)?;
    let now = progress.shown();
    let phase = match now.phase {
        Phase::Walking => "walking",
        Phase::Hashing => "hashing",
        Phase::Storing => "storing",
        Phase::Committing => "committing",
        Phase::Restoring => "restoring",
        Phase::Verifying => "verifying",
    };
    Some(ProgressShown {
        phase: phase.to_owned(),
        files: now.files,
        bytes: now.bytes,
        files_total: now.files_total,
        bytes_total: now.bytes_total,
    })
}

#[utoipa::path(
    get, path = "/api/v1/runs", tag = "runs", operation_id = "listRuns",
    summary = "List runs, newest first / 実行の一覧（新しい順）",
    params(OfPlanQuery),
    responses((status = 200, description = "A page of runs", body = Listing<RunShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(query, uri): Asked<OfPlanQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("runs", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let plan = wanted_plan(query.plan)?;
    let desk = caller.desk();
    let page = lists::runs(&desk, &caller.actor, &wanted.after, &plan, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, |row| shown(&shared, row)))
}

#[utoipa::path(
    get, path = "/api/v1/runs/{run}", tag = "runs", operation_id = "getRun",
    summary = "A run, with its progress while it goes on / 実行（実行中は進捗を含む）",
    params(("run" = String, Path, description = "Its id")),
    responses((status = 200, description = "The run", body = RunShown)),
    security(("token" = ["read"]))
)]
pub(super) async fn get(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
) -> Result<Json<RunShown>, Problem> {
    let row = lists::run(&caller.desk(), &caller.actor, &id).await?;
    Ok(Json(shown(&shared, &row)))
}

/// A snapshot as far as the host knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotShown {
    /// SHA-256 of the snapshot object, hexadecimal; its first 12 digits are its id in commands.
    snapshot: String,
    plan: String,
    /// Counts up by one in each plan.
    sequence: u64,
    #[schema(format = DateTime)]
    taken_at: String,
    /// The day in the plan's zone.
    #[schema(format = Date)]
    day: String,
    event: String,
    /// Whether everything that the plan names was read.
    is_complete: bool,
    files: u64,
    bytes: u64,
    new_bytes_stored: u64,
    skipped: u64,
    cohorts: u64,
}

fn snapshot_shown(row: &SnapshotRow) -> SnapshotShown {
    SnapshotShown {
        snapshot: row.digest.to_string(),
        plan: row.plan.clone(),
        sequence: row.sequence,
        taken_at: row.taken_at.to_string(),
        day: row.day.to_string(),
        event: row.event.clone(),
        is_complete: row.is_complete,
        files: row.files,
        bytes: row.bytes,
        new_bytes_stored: row.new_bytes_stored,
        skipped: row.skipped,
        cohorts: row.cohorts,
    }
}

#[utoipa::path(
    get, path = "/api/v1/snapshots", tag = "runs", operation_id = "listSnapshots",
    summary = "List snapshots, newest first / スナップショットの一覧（新しい順）",
    params(OfPlanQuery),
    responses((status = 200, description = "A page of snapshots", body = Listing<SnapshotShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn snapshots(
    caller: Caller,
    Asked(query, uri): Asked<OfPlanQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("snapshots", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let plan = wanted_plan(query.plan)?;
    let desk = caller.desk();
    let page = lists::snapshots(&desk, &caller.actor, &wanted.after, &plan, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, snapshot_shown))
}
