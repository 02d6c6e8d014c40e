//! `/api/v1/permits`: applying for the use of production data (別紙2), deciding, confirming the after-use measure.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::desk::{Desk, DeskError};
use crate::workflows::lists::ListPlace;
use crate::workflows::permits::{self, Ending, Seen};

use super::extract::{Asked, Headers, Named, Sent};
use super::page::{Listing, Wanted};
use super::version;
use super::windows::Reason;

/// The shapes.
mod shapes;

use shapes::{PermitApplication, PermitQuery, PermitShown, PermitStates, shown};

/// The answer with a permit as it is now. Who decided may see it.
async fn answer(desk: &Desk, number: &str, status: StatusCode) -> Result<Response, Problem> {
    let row = permits::of_number(&desk.catalog, number).await?;
    let response = (status, Json(shown(&row))).into_response();
    Ok(version::tagged(response, &permits::version(&row)))
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

fn check(by: &Actor, act: Act) -> Result<(), Problem> {
    by.check(act).map_err(|denied| Problem::denied(&denied))
}

#[utoipa::path(
    get, path = "/api/v1/permits", tag = "permits", operation_id = "listPermits",
    summary = "List permits, newest first / 本番データ使用許可の一覧（新しい順）",
    params(PermitQuery),
    responses((status = 200, description = "A page of permits", body = Listing<PermitShown>)),
    security(("token" = ["permit.read"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PermitQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("permits", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let desk = caller.desk();
    let state = query.state.map_or("", PermitStates::word);
    let page = permits::page(&desk.catalog, &caller.actor, (state, &wanted.after), wanted.limit).await?;
    Ok(wanted.answer(page, &uri, shown))
}

#[utoipa::path(
    get, path = "/api/v1/permits/{permit}", tag = "permits", operation_id = "getPermit",
    summary = "A permit / 本番データ使用許可",
    params(("permit" = String, Path, description = "Its number", example = "R08-014")),
    responses((status = 200, description = "The permit", body = PermitShown,
        headers(("ETag" = String, description = "Its version: needed for a decision")))),
    security(("token" = ["permit.read"]))
)]
pub(super) async fn get(caller: Caller, Named(number): Named) -> Result<Response, Problem> {
    check(&caller.actor, Act::ReadPermits)?;
    answer(&caller.desk(), &number, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/permits", tag = "permits", operation_id = "applyPermit",
    summary = "Apply for a permit / 使用許可を申請する",
    description = "In the name of whose token it is, dated today. Nothing is extracted before somebody else approves it.",
    request_body = PermitApplication,
    responses((status = 201, description = "The application", body = PermitShown, headers(
        ("Location" = String, description = "Its address"), ("ETag" = String, description = "Its version")))),
    security(("token" = ["permit.apply"]))
)]
pub(super) async fn apply(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<PermitApplication>,
) -> Result<Response, Problem> {
    check(&caller.actor, Act::ApplyPermit)?;
    let (desk, now) = (caller.desk(), shared.clock.now());
    let content = body.content(caller.actor.account.clone(), permits::zone().day_of(now))?;
    let number = permits::apply((&desk.catalog, &desk.datasets), &content, &caller.actor, now).await?;
    let mut response = answer(&desk, &number, StatusCode::CREATED).await?;
    if let Ok(location) = format!("/api/v1/permits/{number}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/change", tag = "permits", operation_id = "changePermit",
    summary = "Change what was applied for / 申請の内容を変更する",
    description = "Only the applicant. Whatever was approved is approved no more: it waits for a decision again.",
    params(("permit" = String, Path, description = "Its number"),
        ("If-Match" = String, Header, description = "The ETag of the permit that was looked at")),
    request_body = PermitApplication,
    responses((status = 200, description = "The permit", body = PermitShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["permit.apply"]))
)]
pub(super) async fn change(
    State(shared): State<Shared>,
    caller: Caller,
    Named(number): Named,
    Headers(headers): Headers,
    Sent(body): Sent<PermitApplication>,
) -> Result<Response, Problem> {
    check(&caller.actor, Act::ApplyPermit)?;
    let (desk, now, seen) = (caller.desk(), shared.clock.now(), seen(&headers)?);
    let content = body.content(caller.actor.account.clone(), permits::zone().day_of(now))?;
    let changed =
        permits::change((&desk.catalog, &desk.datasets), &number, (&content, seen), &caller.actor, now).await;
    changed.map_err(decided)?;
    answer(&desk, &number, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/approve", tag = "permits", operation_id = "approvePermit",
    summary = "Approve a permit / 使用許可を承認する",
    description = "Bound to what it says: If-Match must be the ETag of what was looked at. Never by the applicant.",
    params(("permit" = String, Path, description = "Its number"),
        ("If-Match" = String, Header, description = "The ETag of the permit that was looked at")),
    responses((status = 200, description = "The permit with its approval", body = PermitShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["permit.decide"]))
)]
pub(super) async fn approve(
    State(shared): State<Shared>,
    caller: Caller,
    Named(number): Named,
    Headers(headers): Headers,
) -> Result<Response, Problem> {
    let (desk, seen, now) = (caller.desk(), seen(&headers)?, shared.clock.now());
    let approved =
        permits::approve((&desk.catalog, &desk.datasets), &number, &seen, &caller.actor, now).await;
    approved.map_err(decided)?;
    answer(&desk, &number, StatusCode::OK).await
}

/// Decides with a reason, about the version that was seen.
async fn end(
    shared: &Shared,
    caller: &Caller,
    (number, headers, reason): (&str, &HeaderMap, &str),
    ending: Ending,
) -> Result<Response, Problem> {
    let (desk, now, by) = (caller.desk(), shared.clock.now(), &caller.actor);
    let seen = seen(headers)?;
    let done = permits::end(&desk.catalog, (number, ending), (reason, &seen), by, now).await;
    done.map_err(decided)?;
    answer(&desk, number, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/return", tag = "permits", operation_id = "returnPermit",
    summary = "Return an application with a reason / 申請を差し戻す",
    params(("permit" = String, Path, description = "Its number"),
        ("If-Match" = String, Header, description = "The ETag of the permit that was looked at")),
    request_body = Reason,
    responses((status = 200, description = "The permit", body = PermitShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["permit.decide"]))
)]
pub(super) async fn return_application(
    State(shared): State<Shared>,
    caller: Caller,
    Named(number): Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    end(&shared, &caller, (&number, &headers, &body.reason), Ending::Return).await
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/withdraw", tag = "permits", operation_id = "withdrawPermit",
    summary = "Take one's own application back / 申請を取り下げる",
    description = "Only the applicant, before anything is extracted. It stands as returned by himself and may be changed.",
    params(("permit" = String, Path, description = "Its number"),
        ("If-Match" = String, Header, description = "The ETag of the permit that was looked at")),
    request_body = Reason,
    responses((status = 200, description = "The permit", body = PermitShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["permit.apply"]))
)]
pub(super) async fn withdraw(
    State(shared): State<Shared>,
    caller: Caller,
    Named(number): Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    end(&shared, &caller, (&number, &headers, &body.reason), Ending::Withdraw).await
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/revoke", tag = "permits", operation_id = "revokePermit",
    summary = "Take a permit away / 使用許可を取り消す",
    description = "What is being extracted under it is not handed over. For what was, the after-use measure stays owed.",
    params(("permit" = String, Path, description = "Its number"),
        ("If-Match" = String, Header, description = "The ETag of the permit that was looked at")),
    request_body = Reason,
    responses((status = 200, description = "The permit", body = PermitShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["permit.decide"]))
)]
pub(super) async fn revoke(
    State(shared): State<Shared>,
    caller: Caller,
    Named(number): Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    end(&shared, &caller, (&number, &headers, &body.reason), Ending::Revoke).await
}

#[utoipa::path(
    post, path = "/api/v1/permits/{permit}/close", tag = "permits", operation_id = "closePermit",
    summary = "Confirm the after-use measure / 使用後の措置を確認する",
    description = "The reason says what was found, and how. Never by the applicant.",
    params(("permit" = String, Path, description = "Its number"),
        ("If-Match" = String, Header, description = "The ETag of the permit that was looked at")),
    request_body = Reason,
    responses((status = 200, description = "The permit", body = PermitShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["permit.close"]))
)]
pub(super) async fn close(
    State(shared): State<Shared>,
    caller: Caller,
    Named(number): Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    end(&shared, &caller, (&number, &headers, &body.reason), Ending::Close).await
}
