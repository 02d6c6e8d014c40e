//! `/api/v1/services`: the services that windows stop, how they stand, and confirming what a person did.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::time::Instant;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::hand_stops::{self, Confirmed, HandStop};
use crate::workflows::lists::ListPlace;
use crate::workflows::service_list::{self, ServiceState, Stage};

use super::extract::{Asked, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// What is waited for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stages {
    /// Somebody is asked to stop it, and to confirm that.
    ToStop,
    /// It has stopped; the run needs it so.
    Stopped,
    /// Somebody is asked to start it, and to confirm that it runs.
    ToStart,
    /// It runs again.
    Runs,
}

/// What a person confirms.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Confirmations {
    /// The service has stopped: users cannot open it.
    Stopped,
    /// The service runs: users can open it.
    Running,
}

/// A stop by a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HandStopShown {
    occurrence: String,
    service: String,
    stage: Stages,
    #[schema(format = DateTime)]
    asked_at: String,
    /// Until when the stop may be confirmed; after that the occurrence is refused.
    #[schema(format = DateTime)]
    confirm_until: Option<String>,
    #[schema(format = DateTime)]
    stopped_at: Option<String>,
    /// Who confirmed it.
    stopped_by: Option<String>,
    #[schema(format = DateTime)]
    running_at: Option<String>,
    /// Who confirmed it.
    running_by: Option<String>,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceShown {
    /// The name that users know.
    service: String,
    /// Whether a person stops and starts it; null if kura.toml no longer names it.
    is_by_hand: Option<bool>,
    /// Whether it is stopped, or somebody was asked to stop it.
    is_down: bool,
    /// Since when Kura has it stopped.
    #[schema(format = DateTime)]
    stopped_at: Option<String>,
    /// Stops by persons that are not over yet.
    by_hand: Vec<HandStopShown>,
    /// The ids of the windows, requested or approved, that stop it.
    windows: Vec<String>,
}

/// A confirmation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// The occurrence for which it was asked.
    #[schema(example = "w-0001-2026-12-06")]
    occurrence: String,
    /// The service.
    service: String,
    /// What was seen.
    state: Confirmations,
}

fn by_hand(row: &HandStop, confirm_until: Option<Instant>) -> HandStopShown {
    let at = |one: &Option<(Instant, _)>| one.as_ref().map(|(at, _)| at.to_string());
    HandStopShown {
        occurrence: row.occurrence.clone(),
        service: row.service.clone(),
        stage: match row.stage() {
            Stage::ToStop => Stages::ToStop,
            Stage::Stopped => Stages::Stopped,
            Stage::ToStart => Stages::ToStart,
            Stage::Runs => Stages::Runs,
        },
        asked_at: row.asked_at.to_string(),
        confirm_until: confirm_until.filter(|_| row.stage() == Stage::ToStop).map(|at| at.to_string()),
        stopped_at: at(&row.stopped),
        stopped_by: row.stopped.as_ref().map(|(_, by)| by.to_string()),
        running_at: at(&row.running),
        running_by: row.running.as_ref().map(|(_, by)| by.to_string()),
    }
}

fn shown(state: &ServiceState) -> ServiceShown {
    ServiceShown {
        service: state.name.clone(),
        is_by_hand: state.is_by_hand,
        is_down: state.is_down(),
        stopped_at: state.stopped.first().map(|row| row.stopping_at.to_string()),
        by_hand: state.by_hand.iter().map(|one| by_hand(&one.row, Some(one.confirm_until))).collect(),
        windows: state.windows.iter().map(|window| window.id.clone()).collect(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/services", tag = "services", operation_id = "listServices",
    summary = "List the services that windows stop / 停止対象サービスの一覧",
    params(PageQuery),
    responses((status = 200, description = "A page of services", body = Listing<ServiceShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("services", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    let all = service_list::list(&caller.desk(), &caller.actor).await?;
    Ok(wanted.answer(wanted.by_name(all, |state| state.name.clone()), &uri, shown))
}

#[utoipa::path(
    post, path = "/api/v1/services/confirm", tag = "services", operation_id = "confirmService",
    summary = "Confirm that a service was stopped or started by hand / 手動の停止・再開を確認する",
    description = "The run begins only once every stop by a person is confirmed, and in time; else the occurrence is refused.",
    request_body = Confirmation,
    responses((status = 200, description = "What is confirmed now", body = HandStopShown)),
    security(("token" = ["service.confirm"]))
)]
pub(super) async fn confirm(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<Confirmation>,
) -> Result<Json<HandStopShown>, Problem> {
    let confirmed = match body.state {
        Confirmations::Stopped => Confirmed::Stopped,
        Confirmations::Running => Confirmed::Running,
    };
    let (desk, now) = (caller.desk(), shared.clock.now());
    let what = (body.occurrence.as_str(), body.service.as_str());
    let row = hand_stops::confirm(&desk, what, confirmed, &caller.actor, now).await?;
    Ok(Json(by_hand(&row, None)))
}
