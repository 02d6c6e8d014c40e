//! `/api/v1/plans`: which plans there are, and runs that are asked for by hand.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::role::Act;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{Kind, Problem};
use crate::workflows::lists::{self, ListPlace, PlanShown};
use crate::workflows::take_event_snapshot::{self, Event};

use super::extract::{Asked, Named, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// A plan. Its sources and its schedule are in its file and are not told here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanBody {
    /// Its name.
    plan: String,
    /// Whether its file can be read: `kura plan check` says why not.
    is_readable: bool,
    /// SHA-256 of what an approval covers: sources, times, retention, recipients.
    digest: Option<String>,
    /// Whether a run of it is under way.
    is_running: bool,
}

/// What a run is taken for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Events {
    /// 受入 (第19条④)
    Acceptance,
    /// 維持管理 (第20条③)
    Maintenance,
    /// 臨時
    Adhoc,
}

impl Events {
    const fn event(self) -> Event {
        match self {
            Self::Acceptance => Event::Acceptance,
            Self::Maintenance => Event::Maintenance,
            Self::Adhoc => Event::Adhoc,
        }
    }
}

/// A run that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotRequest {
    event: Events,
    /// One line, for the record of runs; no names of persons.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// A run that begins.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotAccepted {
    plan: String,
    event: Events,
    /// Where its record appears.
    #[schema(example = "/api/v1/runs?plan=records")]
    runs: String,
}

fn shown(shared: &Shared, plan: &PlanShown) -> PlanBody {
    PlanBody {
        plan: plan.name.clone(),
        is_readable: plan.digest.is_some(),
        digest: plan.digest.clone(),
        is_running: shared.under_way.list().iter().any(|(name, _)| name.as_str() == plan.name),
    }
}

#[utoipa::path(
    get, path = "/api/v1/plans", tag = "plans", operation_id = "listPlans",
    summary = "List plans by name / 計画の一覧",
    params(PageQuery),
    responses((status = 200, description = "A page of plans", body = Listing<PlanBody>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("plans", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    let plans = lists::plans(&caller.desk(), &shared.home, &caller.actor)?;
    let page = wanted.by_name(plans, |plan| plan.name.clone());
    Ok(wanted.answer(page, &uri, |plan| shown(&shared, plan)))
}

#[utoipa::path(
    get, path = "/api/v1/plans/{plan}", tag = "plans", operation_id = "getPlan",
    summary = "A plan / 計画",
    params(("plan" = String, Path, description = "Its name", example = "records")),
    responses((status = 200, description = "The plan", body = PlanBody)),
    security(("token" = ["read"]))
)]
pub(super) async fn get(
    State(shared): State<Shared>,
    caller: Caller,
    Named(name): Named,
) -> Result<Json<PlanBody>, Problem> {
    let plans = lists::plans(&caller.desk(), &shared.home, &caller.actor)?;
    let found = plans.iter().find(|plan| plan.name == name).ok_or_else(|| no_plan(&name))?;
    Ok(Json(shown(&shared, found)))
}

fn no_plan(name: &str) -> Problem {
    let english = format!("There is no plan {name}; GET /api/v1/plans lists them.");
    Problem::new(Kind::NotFound, english, "計画の名前をご確認ください。")
}

#[utoipa::path(
    post, path = "/api/v1/plans/{plan}/snapshots", tag = "plans", operation_id = "takeSnapshot",
    summary = "Take a snapshot for an event / 受入・維持管理・臨時のスナップショットを取得する",
    description = "Begins within seconds, after a run of the plan that is under way. Stops no service.",
    params(("plan" = String, Path, description = "The plan's name", example = "records")),
    request_body = SnapshotRequest,
    responses((status = 202, description = "It begins", body = SnapshotAccepted,
        headers(("Location" = String, description = "Where its record appears")))),
    security(("token" = ["snapshot"]))
)]
pub(super) async fn take(
    State(shared): State<Shared>,
    caller: Caller,
    Named(name): Named,
    Sent(body): Sent<SnapshotRequest>,
) -> Result<Response, Problem> {
    let plan = name.parse().map_err(|_| no_plan(&name))?;
    caller.actor.check(Act::TakeSnapshot).map_err(|denied| Problem::denied(&denied))?;
    let desk = caller.desk();
    if !desk.contents.contains_key(&name) && !shared.home.plan_names().contains(&name) {
        return Err(no_plan(&name));
    }
    let asked = (&plan, body.event.event());
    let (by, now) = (&caller.actor, shared.clock.now());
    take_event_snapshot::request(&desk, asked, &body.reason, by, now).await?;
    let runs = format!("/api/v1/runs?plan={name}");
    let location = HeaderValue::try_from(&runs).map_err(|error| Problem::logged(&error))?;
    let body = SnapshotAccepted { plan: name, event: body.event, runs };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response())
}
