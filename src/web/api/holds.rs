//! `/api/v1/holds` (保全) and `/api/v1/certificates` (消去証明書).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::certificates::{self, Bundle, CertificateRow};
use crate::workflows::expire::Bench;
use crate::workflows::holds::{self, NewHold, ShownHold};
use crate::workflows::lists::{self, ListPlace};

use super::deletions::bench;
use super::extract::{Asked, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// A hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldShown {
    plan: String,
    number: u64,
    /// The first clock day that it covers.
    #[schema(format = Date)]
    from: String,
    /// The last one.
    #[schema(format = Date)]
    to: String,
    /// The last day on which it holds; null: until it is released.
    #[schema(format = Date)]
    until: Option<String>,
    is_released: bool,
    reason: String,
    placed_by: String,
    #[schema(format = DateTime)]
    placed_at: String,
}

/// A hold that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldRequest {
    plan: String,
    /// The first clock day that it covers: the day on which records were sent.
    #[schema(format = Date)]
    from: String,
    /// The last one.
    #[schema(format = Date)]
    to: String,
    /// The last day on which it holds; without it, until it is released.
    #[schema(format = Date)]
    until: Option<String>,
    /// Why, on one line, without names of persons.
    reason: String,
}

/// Why a hold is released.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// Why, on one line, without names of persons.
    reason: String,
}

/// A certificate of deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CertificateShown {
    number: u64,
    /// SHA-256 of the signed certificate as it is in the store.
    digest: String,
    #[schema(format = DateTime)]
    issued_at: String,
    /// Cohorts (days of records, or generations) that were deleted.
    cohorts: u64,
    objects: u64,
    bytes: u64,
}

/// The file that `kura certificate verify` checks offline. Each part is a signed document as text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BundleShown {
    /// Always `certificate bundle 1`.
    kura: String,
    certificate: String,
    repository: String,
    signing: String,
}

fn shown(one: &ShownHold) -> HoldShown {
    let hold = &one.hold;
    HoldShown {
        plan: hold.plan.to_string(),
        number: hold.number,
        from: hold.days.0.to_string(),
        to: hold.days.1.to_string(),
        until: hold.until.map(|until| until.to_string()),
        is_released: hold.is_released,
        reason: one.reason.clone(),
        placed_by: one.by.clone(),
        placed_at: one.at.clone(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/holds", tag = "holds", operation_id = "listHolds",
    summary = "List the holds / 保全の一覧",
    description = "Read from the store, so that none is missed; in the order of plans and numbers.",
    params(PageQuery),
    responses((status = 200, description = "A page of holds", body = Listing<HoldShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("holds", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    caller.actor.check(Act::Read).map_err(|denied| Problem::denied(&denied))?;
    let (bench, desk) = (bench(&shared).await?, caller.desk());
    let mut all = Vec::new();
    for plan in &bench.plans {
        all.extend(holds::of_host(&bench.host, &desk.catalog, plan.name()).await?);
    }
    let page = wanted.by_name(all, |one| format!("{} {:020}", one.hold.plan, one.hold.number));
    Ok(wanted.answer(page, &uri, shown))
}

async fn answer(
    bench: &Bench,
    caller: &Caller,
    (plan, number): (&PlanName, u64),
    status: StatusCode,
) -> Result<Response, Problem> {
    let all = holds::of_host(&bench.host, &caller.desk().catalog, plan).await?;
    let found = all.iter().find(|one| one.hold.number == number);
    let found = found.ok_or_else(|| Problem::no_such("hold", &format!("{plan}/{number}")))?;
    Ok((status, Json(shown(found))).into_response())
}

#[utoipa::path(
    post, path = "/api/v1/holds", tag = "holds", operation_id = "placeHold",
    summary = "Place a hold / 保全を置く",
    request_body = HoldRequest,
    responses((status = 201, description = "The hold", body = HoldShown)),
    security(("token" = ["hold"]))
)]
pub(super) async fn add(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<HoldRequest>,
) -> Result<Response, Problem> {
    caller.actor.check(Act::ManageHolds).map_err(|denied| Problem::denied(&denied))?;
    let desk = caller.desk();
    let plan: PlanName = body.plan.parse()?;
    if !desk.contents.contains_key(plan.as_str()) {
        return Err(Problem::no_such("plan", plan.as_str()));
    }
    let days = (body.from.parse()?, body.to.parse()?);
    let until = body.until.as_deref().map(str::parse).transpose()?;
    let new = NewHold { plan: plan.clone(), days, until, reason: body.reason };
    let bench = bench(&shared).await?;
    let number = holds::add(&bench.host, &desk.catalog, &new, &caller.actor, shared.clock.now()).await?;
    answer(&bench, &caller, (&plan, number), StatusCode::CREATED).await
}

#[utoipa::path(
    post, path = "/api/v1/holds/{plan}/{number}/release", tag = "holds", operation_id = "releaseHold",
    summary = "Release a hold / 保全を解除する",
    description = "Nobody releases a hold that he placed.",
    params(("plan" = String, Path, description = "The plan"), ("number" = u64, Path, description = "Its number")),
    request_body = Release,
    responses((status = 200, description = "The hold", body = HoldShown)),
    security(("token" = ["hold"]))
)]
pub(super) async fn release(
    State(shared): State<Shared>,
    caller: Caller,
    path: Result<Path<(String, u64)>, axum::extract::rejection::PathRejection>,
    Sent(body): Sent<Release>,
) -> Result<Response, Problem> {
    caller.actor.check(Act::ManageHolds).map_err(|denied| Problem::denied(&denied))?;
    let Path((plan, number)) = path.map_err(|error| {
        Problem::bad_request(error.body_text(), "アドレスの番号またはIDを読み取れません。")
    })?;
    let plan: PlanName = plan.parse().map_err(|_| Problem::no_such("plan", &plan))?;
    let (bench, desk) = (bench(&shared).await?, caller.desk());
    let which = (&plan, number, body.reason.as_str());
    holds::release(&bench.host, &desk.catalog, which, &caller.actor, shared.clock.now()).await?;
    answer(&bench, &caller, (&plan, number), StatusCode::OK).await
}

fn certificate(row: &CertificateRow) -> CertificateShown {
    CertificateShown {
        number: row.number,
        digest: row.digest.to_string(),
        issued_at: row.issued_at.to_string(),
        cohorts: row.cohorts,
        objects: row.objects,
        bytes: row.bytes,
    }
}

#[utoipa::path(
    get, path = "/api/v1/certificates", tag = "certificates", operation_id = "listCertificates",
    summary = "List the certificates of deletion, newest first / 消去証明書の一覧",
    params(PageQuery),
    responses((status = 200, description = "A page of certificates", body = Listing<CertificateShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list_certificates(
    caller: Caller,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("certificates", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let page = lists::certificates(&caller.desk(), &caller.actor, &wanted.after, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, certificate))
}

#[utoipa::path(
    get, path = "/api/v1/certificates/{number}", tag = "certificates", operation_id = "getCertificate",
    summary = "A certificate of deletion as a file / 消去証明書のファイル",
    description = "What `kura certificate verify FILE --root FINGERPRINT` checks on any machine, offline.",
    params(("number" = u64, Path, description = "Its number")),
    responses((status = 200, description = "The file", body = BundleShown)),
    security(("token" = ["read"]))
)]
pub(super) async fn get_certificate(
    State(shared): State<Shared>,
    caller: Caller,
    path: Result<Path<u64>, axum::extract::rejection::PathRejection>,
) -> Result<Json<BundleShown>, Problem> {
    let Path(number) = path.map_err(|error| {
        Problem::bad_request(error.body_text(), "アドレスの番号またはIDを読み取れません。")
    })?;
    let found = lists::certificate(&caller.desk(), &caller.actor, number).await?;
    let row = found.ok_or_else(|| Problem::no_such("certificate", &number.to_string()))?;
    let bench = bench(&shared).await?;
    let bundle = certificates::bundle(&bench.host, &row).map_err(|error| Problem::logged(&error))?;
    let Bundle { kura, certificate, repository, signing } = bundle;
    Ok(Json(BundleShown { kura, certificate, repository, signing }))
}
