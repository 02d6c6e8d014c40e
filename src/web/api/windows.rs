//! `/api/v1/windows`: asking for a window, looking at what it would mean, deciding.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::recurrence::NotARecurrence;
use crate::domain::role::Act;
use crate::domain::time::Zone;
use crate::domain::window::{Terms, TermsParts};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::desk::{Desk, DeskError};
use crate::workflows::lists::{self, ListPlace};
use crate::workflows::look;
use crate::workflows::windows::{self, Seen};

use super::extract::{Asked, Headers, Named, Sent};
use super::page::{Listing, Wanted};
use super::version;

/// The shapes.
mod shapes;

pub(super) use shapes::Reason;
use shapes::{States, WindowQuery, WindowRequest, WindowShown, WindowWithPreview, previewed, shown};

/// The answer with a window as it is now.
async fn answer(shared: &Shared, desk: &Desk, id: &str, status: StatusCode) -> Result<Response, Problem> {
    let sheet = look::window(desk, id, shared.clock.now()).await?;
    let body = WindowWithPreview {
        window: shown(desk, &sheet.window),
        replaces: sheet.replaces,
        preview: sheet.preview.iter().map(previewed).collect(),
    };
    let response = (status, Json(body)).into_response();
    Ok(version::tagged(response, &windows::version(desk, &sheet.window)))
}

fn terms(request: WindowRequest, shared: &Shared) -> Result<Terms, Problem> {
    let zone = Zone::named(request.time_zone.as_deref().unwrap_or("Asia/Tokyo"));
    let zone = zone.map_err(|error| {
        Problem::refused(
            error.to_string(),
            "時間帯の地域（time_zone）は Asia/Tokyo のような名前で指定してください。",
        )
    })?;
    let day = |text: Option<String>| text.map(|text| text.parse()).transpose();
    let parts = TermsParts {
        plan: request
            .plan
            .map(|plan| plan.parse())
            .transpose()?,
        kind: request.kind.kind(),
        recurrence: request
            .recurrence
            .parse()
            .map_err(|error: NotARecurrence| {
                Problem::refused(
                    error.to_string(),
                    "繰り返し（recurrence）は daily 02:00、monthly first sunday 01:00、once 2027-01-10 09:00 のように指定してください。",
                )
            })?,
        length_minutes: request.length_minutes,
        stops: request.stops,
        first_day: day(request.first_day)?.unwrap_or_else(|| zone.day_of(shared.clock.now())),
        last_day: day(request.last_day)?,
        zone,
    };
    Terms::new(parts).map_err(|error| Problem::refused(error.to_string(), error.japanese()))
}

#[utoipa::path(
    get, path = "/api/v1/windows", tag = "windows", operation_id = "listWindows",
    summary = "List windows, newest request first / 実施時間帯の一覧（新しい申請から）",
    params(WindowQuery),
    responses((status = 200, description = "A page of windows", body = Listing<WindowShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<WindowQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("windows", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let desk = caller.desk();
    let state = query.state.map_or("", States::word);
    let page = lists::windows(&desk, &caller.actor, &wanted.after, state, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, |window| shown(&desk, window)))
}

#[utoipa::path(
    get, path = "/api/v1/windows/{window}", tag = "windows", operation_id = "getWindow",
    summary = "A window and its next occurrences / 実施時間帯と次回以降の実施回",
    params(("window" = String, Path, description = "Its id", example = "w-0001")),
    responses((status = 200, description = "The window", body = WindowWithPreview,
        headers(("ETag" = String, description = "Its version: needed for a decision")))),
    security(("token" = ["read"]))
)]
pub(super) async fn get(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
) -> Result<Response, Problem> {
    let desk = caller.desk();
    caller.actor.check(Act::Read).map_err(|denied| Problem::denied(&denied))?;
    answer(&shared, &desk, &id, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/windows", tag = "windows", operation_id = "requestWindow",
    summary = "Ask for a window / 実施時間帯を申請する",
    description = "Nothing runs and nobody is told before somebody else approves it.",
    request_body = WindowRequest,
    responses((status = 201, description = "The request", body = WindowWithPreview, headers(
        ("Location" = String, description = "Its address"), ("ETag" = String, description = "Its version")))),
    security(("token" = ["window.request"]))
)]
pub(super) async fn request(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<WindowRequest>,
) -> Result<Response, Problem> {
    let desk = caller.desk();
    let act = Act::RequestWindow;
    caller.actor.check(act).map_err(|denied| Problem::denied(&denied))?;
    let replaces = body.replaces.clone();
    let terms = terms(body, &shared)?;
    let now = shared.clock.now();
    let id = windows::request_for(&desk, &terms, replaces.as_deref(), &caller.actor, now).await?;
    let mut response = answer(&shared, &desk, &id, StatusCode::CREATED).await?;
    if let Ok(location) = format!("/api/v1/windows/{id}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A decision about another version than was seen has not been made.
fn decided(error: DeskError) -> Problem {
    match error {
        DeskError::Stale(_) => version::changed(),
        other => other.into(),
    }
}

fn seen(headers: &HeaderMap) -> Result<Seen, Problem> {
    Ok(Seen::Version(version::decided_about(headers)?))
}

#[utoipa::path(
    post, path = "/api/v1/windows/{window}/approve", tag = "windows", operation_id = "approveWindow",
    summary = "Approve a window / 実施時間帯を承認する",
    description = "Publishes its notice. Bound to what would run now: If-Match must be the ETag of what was looked at.",
    params(("window" = String, Path, description = "Its id"),
        ("If-Match" = String, Header, description = "The ETag of the window that was looked at")),
    responses((status = 200, description = "The window with its approval", body = WindowWithPreview,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["window.decide"]))
)]
pub(super) async fn approve(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Headers(headers): Headers,
) -> Result<Response, Problem> {
    let (desk, seen, now) = (caller.desk(), seen(&headers)?, shared.clock.now());
    let approved = windows::approve_seen(&desk, &id, seen, &caller.actor, now).await;
    approved.map_err(decided)?;
    answer(&shared, &desk, &id, StatusCode::OK).await
}

/// How somebody ends a window with a reason.
#[derive(Clone, Copy)]
enum Closing {
    /// Who decides gives a request back.
    Return,
    /// Who asked takes it back.
    Withdraw,
}

/// Ends a window with a reason, about the version that was seen.
async fn close(
    shared: &Shared,
    caller: &Caller,
    (id, headers, reason): (&str, &HeaderMap, &str),
    closing: Closing,
) -> Result<Response, Problem> {
    let (desk, now, by) = (caller.desk(), shared.clock.now(), &caller.actor);
    let why = (reason, seen(headers)?);
    let done = match closing {
        Closing::Return => windows::return_seen(&desk, id, why, by, now).await,
        Closing::Withdraw => windows::withdraw_seen(&desk, id, why, by, now).await,
    };
    done.map_err(decided)?;
    answer(shared, &desk, id, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/windows/{window}/return", tag = "windows", operation_id = "returnWindow",
    summary = "Return a request with a reason / 申請を差し戻す",
    params(("window" = String, Path, description = "Its id"),
        ("If-Match" = String, Header, description = "The ETag of the window that was looked at")),
    request_body = Reason,
    responses((status = 200, description = "The window", body = WindowWithPreview,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["window.decide"]))
)]
pub(super) async fn return_request(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    close(&shared, &caller, (&id, &headers, &body.reason), Closing::Return).await
}

#[utoipa::path(
    post, path = "/api/v1/windows/{window}/withdraw", tag = "windows", operation_id = "withdrawWindow",
    summary = "Withdraw a window / 実施時間帯を取り下げる",
    description = "What was announced and has not begun is cancelled, and users are told so.",
    params(("window" = String, Path, description = "Its id"),
        ("If-Match" = String, Header, description = "The ETag of the window that was looked at")),
    request_body = Reason,
    responses((status = 200, description = "The window", body = WindowWithPreview,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["window.request"]))
)]
pub(super) async fn withdraw(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    close(&shared, &caller, (&id, &headers, &body.reason), Closing::Withdraw).await
}
