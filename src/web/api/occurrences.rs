//! `/api/v1/occurrences`: the dated starts of windows, and letting a refused one run.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::time::{Day, Instant, TimeOfDay, Zone};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{DAY_WORDS, Problem};
use crate::workflows::lists::{self, ListPlace};
use crate::workflows::look;
use crate::workflows::windows;

use super::extract::{Asked, Named, Sent};
use super::page::{Listing, Wanted};
use super::windows::Reason;

/// Where an occurrence stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum OccurrenceStates {
    Due,
    Announced,
    Running,
    Done,
    Missed,
    Refused,
    Cancelled,
}

impl OccurrenceStates {
    const fn of(state: OccurrenceState) -> Self {
        match state {
            OccurrenceState::Due => Self::Due,
            OccurrenceState::Announced => Self::Announced,
            OccurrenceState::Running => Self::Running,
            OccurrenceState::Done => Self::Done,
            OccurrenceState::Missed => Self::Missed,
            OccurrenceState::Refused => Self::Refused,
            OccurrenceState::Cancelled => Self::Cancelled,
        }
    }
}

/// Who let an occurrence run although a rule refused it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BreakGlassShown {
    by: String,
    reason: String,
}

/// One dated start of a window.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OccurrenceShown {
    /// Its id.
    #[schema(example = "w-0001-2026-12-06")]
    occurrence: String,
    /// Its window.
    window: String,
    /// Its day in the window's zone.
    #[schema(format = Date)]
    day: String,
    #[schema(format = DateTime)]
    starts_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
    state: OccurrenceStates,
    /// When the notice that names it was published.
    #[schema(format = DateTime)]
    announced_at: Option<String>,
    /// If somebody let it run.
    break_glass: Option<BreakGlassShown>,
}

/// Why an occurrence did not run or did not end well, or was refused before it ran.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReasonShown {
    /// The code, such as `power-inspection`.
    code: String,
    reason_ja: String,
    reason_en: String,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
}

/// An occurrence with what was noted of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OccurrenceDetail {
    #[serde(flatten)]
    occurrence: OccurrenceShown,
    /// The reasons on record, newest first.
    reasons: Vec<ReasonShown>,
}

/// Which occurrences.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OccurrenceQuery {
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false)]
    cursor: Option<String>,
    /// From this day on (Tokyo); from the first one unless it is given.
    #[param(required = false, format = Date)]
    from: Option<String>,
    /// To this day and with it; without an end unless it is given.
    #[param(required = false, format = Date)]
    until: Option<String>,
}

fn shown(found: &Occurrence) -> OccurrenceShown {
    OccurrenceShown {
        occurrence: found.id.clone(),
        window: found.window.clone(),
        day: found.day.to_string(),
        starts_at: found.span.0.to_string(),
        ends_at: found.span.1.to_string(),
        state: OccurrenceStates::of(found.state),
        announced_at: found.announced_at.map(|at| at.to_string()),
        break_glass: found
            .break_glass
            .as_ref()
            .map(|(by, reason)| BreakGlassShown { by: by.clone(), reason: reason.clone() }),
    }
}

/// The instants of days in Tokyo.
fn span(from: Option<&str>, until: Option<&str>) -> Result<(Instant, Instant), Problem> {
    let zone = Zone::tokyo();
    let day =
        |text: &str| text.parse::<Day>().map_err(|error| Problem::bad_request(error.to_string(), DAY_WORDS));
    let start = |day: Day| zone.at(day, TimeOfDay::MIDNIGHT);
    let from = from.map(day).transpose()?.map_or(Instant::from_micros(i64::MIN), start);
    let until = until.map(day).transpose()?.map_or(Instant::from_micros(i64::MAX), |day| start(day.next()));
    Ok((from, until))
}

#[utoipa::path(
    get, path = "/api/v1/occurrences", tag = "occurrences", operation_id = "listOccurrences",
    summary = "List occurrences by their start / 実施回の一覧（開始日時順）",
    params(OccurrenceQuery),
    responses((status = 200, description = "A page of occurrences", body = Listing<OccurrenceShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(
    caller: Caller,
    Asked(query, uri): Asked<OccurrenceQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("occurrences", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    let span = span(query.from.as_deref(), query.until.as_deref())?;
    let desk = caller.desk();
    let page = lists::occurrences(&desk, &caller.actor, &wanted.after, span, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, shown))
}

#[utoipa::path(
    get, path = "/api/v1/occurrences/{occurrence}", tag = "occurrences", operation_id = "getOccurrence",
    summary = "An occurrence / 実施回",
    params(("occurrence" = String, Path, description = "Its id", example = "w-0001-2026-12-06")),
    responses((status = 200, description = "The occurrence", body = OccurrenceDetail)),
    security(("token" = ["read"]))
)]
pub(super) async fn get(caller: Caller, Named(id): Named) -> Result<Json<OccurrenceDetail>, Problem> {
    let occurrence = shown(&lists::occurrence(&caller.desk(), &caller.actor, &id).await?);
    let reasons = look::reasons(&caller.desk(), &id).await?.into_iter().map(|reason| ReasonShown {
        code: reason.code,
        reason_ja: reason.japanese,
        reason_en: reason.english,
        first_at: reason.first_at.to_string(),
        last_at: reason.last_at.to_string(),
    });
    Ok(Json(OccurrenceDetail { occurrence, reasons: reasons.collect() }))
}

#[utoipa::path(
    post, path = "/api/v1/occurrences/{occurrence}/break-glass", tag = "occurrences", operation_id = "breakGlass",
    summary = "Let a refused occurrence run / 緊急実施を許可する（運用管理責任者）",
    description = "Gives way to the rules that may give way, never to a stop or another time. Reported afterwards.",
    params(("occurrence" = String, Path, description = "Its id")),
    request_body = Reason,
    responses((status = 200, description = "The occurrence", body = OccurrenceShown)),
    security(("token" = ["break-glass"]))
)]
pub(super) async fn break_glass(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<Reason>,
) -> Result<Json<OccurrenceShown>, Problem> {
    let desk = caller.desk();
    windows::break_glass(&desk, &id, &body.reason, &caller.actor, shared.clock.now()).await?;
    // Who may let it run may not be allowed to read by this token: the answer is his own act.
    Ok(Json(shown(&windows::occurrence(&desk, &id).await?)))
}

#[utoipa::path(
    post, path = "/api/v1/occurrences/{occurrence}/report-seen", tag = "occurrences", operation_id = "seeReport",
    summary = "Confirm that the report of a break-glass was seen / 緊急実施の報告を確認する（サービス運用者）",
    description = "Once the occurrence is over. Ends the alarm `break-glass`.",
    params(("occurrence" = String, Path, description = "Its id")),
    responses((status = 200, description = "The occurrence", body = OccurrenceShown)),
    security(("token" = ["window.decide"]))
)]
pub(super) async fn see_report(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
) -> Result<Json<OccurrenceShown>, Problem> {
    let desk = caller.desk();
    windows::see_report(&desk, &id, &caller.actor, shared.clock.now()).await?;
    Ok(Json(shown(&windows::occurrence(&desk, &id).await?)))
}
