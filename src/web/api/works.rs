//! `/api/v1/works`: records of acceptance, maintenance and inspections, and writing them.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::role::Act;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::desk::{Desk, DeskError};
use crate::workflows::lists::{ListPlace, Page};
use crate::workflows::works::{self, Doing, Row, WorkShown};

use super::extract::{Asked, Named, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// How many records are looked through for a page.
const ROWS_MAX: u32 = 10_000;

/// A record of work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkRecord {
    #[schema(example = "WR-2026-0001")]
    work: String,
    /// `acceptance`, `maintenance`, `power-inspection`.
    kind: String,
    /// `planned`, `doing`, `done`, `closed`, `withdrawn`.
    state: String,
    title: String,
    /// The id of a release or of a work order; empty if there is none.
    reference: String,
    #[schema(format = Date)]
    planned_on: String,
    /// The window in which it stops something.
    window: Option<String>,
    before_version: String,
    after_version: String,
    remarks: String,
    #[schema(format = DateTime)]
    opened_at: String,
    #[schema(format = DateTime)]
    begun_at: Option<String>,
    #[schema(format = DateTime)]
    done_at: Option<String>,
    #[schema(format = DateTime)]
    closed_at: Option<String>,
}

/// A point of a checklist.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkPoint {
    number: u64,
    text: String,
    article: String,
    #[schema(format = DateTime)]
    ticked_at: Option<String>,
    ticked_by: Option<String>,
    remark: String,
}

/// A result that is attached.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkResultShown {
    title: String,
    sha256: String,
    bytes: u64,
}

/// A snapshot that was asked for for a record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkSnapshot {
    #[schema(example = "e-0001")]
    request: String,
    plan: String,
    /// `requested`, `running`, `done`, `partial`, `failed`.
    state: String,
    /// SHA-256 of the snapshot object.
    snapshot: Option<String>,
    /// Whether it was asked for before the work was over: such a one does not close the record.
    is_early: bool,
}

/// A record with all that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkWhole {
    record: WorkRecord,
    points: Vec<WorkPoint>,
    results: Vec<WorkResultShown>,
    snapshots: Vec<WorkSnapshot>,
    /// What is missing before it can be closed; null if nothing is.
    missing: Option<String>,
}

fn record(row: &Row) -> WorkRecord {
    let at = |at: Option<crate::domain::time::Instant>| at.map(|at| at.to_string());
    WorkRecord {
        work: row.work.clone(),
        kind: row.kind.word().to_owned(),
        state: row.state.word().to_owned(),
        title: row.title.clone(),
        reference: row.reference.clone(),
        planned_on: row.planned_on.to_string(),
        window: row.window.clone(),
        before_version: row.before_version.clone(),
        after_version: row.after_version.clone(),
        remarks: row.remarks.clone(),
        opened_at: row.opened_at.to_string(),
        begun_at: at(row.begun_at),
        done_at: at(row.done_at),
        closed_at: row.closed.as_ref().map(|(at, _)| at.to_string()),
    }
}

fn whole(desk: &Desk, shown: &WorkShown) -> WorkWhole {
    let points = shown.points.iter().map(|point| WorkPoint {
        number: point.number,
        text: point.text.clone(),
        article: point.article.clone(),
        ticked_at: point.ticked.as_ref().map(|(at, _)| at.to_string()),
        ticked_by: point.ticked.as_ref().map(|(_, by)| by.clone()),
        remark: point.remark.clone(),
    });
    let results = shown.results.iter().map(|result| WorkResultShown {
        title: result.title.clone(),
        sha256: result.sha256.to_string(),
        bytes: result.bytes,
    });
    let snapshots = shown.requests.iter().map(|request| WorkSnapshot {
        request: request.request.clone(),
        plan: request.plan.clone(),
        state: request.state.word().to_owned(),
        snapshot: request.snapshot.map(|digest| digest.to_string()),
        is_early: shown.is_early(request),
    });
    WorkWhole {
        record: record(&shown.row),
        points: points.collect(),
        results: results.collect(),
        snapshots: snapshots.collect(),
        missing: works::missing(desk, shown).map(|missing| missing.to_string()),
    }
}

#[utoipa::path(
    get, path = "/api/v1/works", tag = "works", operation_id = "listWorks",
    summary = "List records of work, newest first / 受入・維持管理記録の一覧（新しい順）",
    params(PageQuery),
    responses((status = 200, description = "A page of records", body = Listing<WorkRecord>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("works", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    caller.actor.check(Act::Read).map_err(DeskError::from)?;
    let all = works::list(&caller.desk(), true, ROWS_MAX).await?;
    let place = |row: &Row| ListPlace { at: row.opened_at, id: row.work.clone() };
    let is_older = |row: &Row| {
        let after = &wanted.after;
        (row.opened_at, row.work.as_str()) < (after.at, after.id.as_str())
    };
    let rows = all.into_iter().filter(is_older).collect();
    Ok(wanted.answer(Page::of_all(rows, wanted.limit, place), &uri, record))
}

#[utoipa::path(
    get, path = "/api/v1/works/{work}", tag = "works", operation_id = "getWork",
    summary = "Get a record of work with its checklist / 受入・維持管理記録の内容",
    params(("work" = String, Path, description = "Its number", example = "WR-2026-0001")),
    responses((status = 200, description = "The record", body = WorkWhole)),
    security(("token" = ["read"]))
)]
pub(super) async fn get(caller: Caller, Named(id): Named) -> Result<Json<WorkWhole>, Problem> {
    caller.actor.check(Act::Read).map_err(DeskError::from)?;
    let desk = caller.desk();
    Ok(Json(whole(&desk, &works::look(&desk, &id).await?)))
}

/// What is done with a record.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WorkSteps {
    /// Somebody begins.
    Begin,
    /// The work is over.
    Finish,
    /// The record is complete.
    Close,
    /// It is not done after all.
    Withdraw,
    /// A point of the checklist is ticked.
    Tick,
}

/// A step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkStep {
    step: WorkSteps,
    /// With `tick`: which point.
    point: Option<u64>,
    /// With `tick`: what was seen, on one line.
    remark: Option<String>,
}

#[utoipa::path(
    post, path = "/api/v1/works/{work}/steps", tag = "works", operation_id = "stepWork",
    summary = "Go on with a record of work / 受入・維持管理記録を進める",
    description = "It is closed only with every point ticked and, for acceptance and maintenance, with a complete snapshot of a \
                   system plan that was asked for for it after it was done.",
    params(("work" = String, Path, description = "Its number", example = "WR-2026-0001")),
    request_body = WorkStep,
    responses((status = 200, description = "The record", body = WorkWhole)),
    security(("token" = ["record"]))
)]
pub(super) async fn step(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<WorkStep>,
) -> Result<Json<WorkWhole>, Problem> {
    let doing = match body.step {
        WorkSteps::Begin => Doing::Begin,
        WorkSteps::Finish => Doing::Finish,
        WorkSteps::Close => Doing::Close,
        WorkSteps::Withdraw => Doing::Withdraw,
        WorkSteps::Tick => Doing::Tick(body.point.unwrap_or(0), body.remark.unwrap_or_default()),
    };
    let desk = caller.desk();
    let shown = works::act(&desk, &id, &doing, &caller.actor, shared.clock.now()).await?;
    Ok(Json(whole(&desk, &shown)))
}
