//! `/api/v1/deletions`: how deletion stands, what is due now, approving and confirming it, standing approvals.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::role::Act;
use crate::domain::time::Day;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::expire::state::{self, OpenOrder, PlanDeletion};
use crate::workflows::expire::{self, Bench, Item};
use crate::workflows::lists::{ListPlace, Page};

use super::extract::{Asked, Named, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// The host with its store, opened afresh.
pub(super) async fn bench(shared: &Shared) -> Result<Bench, Problem> {
    shared.benches.bench().await.map_err(Problem::unreadable)
}

/// How deletion of a plan's data stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletionShown {
    plan: String,
    /// When it was looked at last; null if it never was.
    #[schema(format = DateTime)]
    looked_at: Option<String>,
    /// Cohorts (days of records, or generations) that could be deleted then.
    due: u64,
    /// Cohorts past their time that are kept back.
    kept_back: u64,
    /// Since when the oldest of those due could have been deleted.
    #[schema(format = DateTime)]
    due_since: Option<String>,
    /// The code of the rule that stops deletion, if one does.
    stopped: Option<String>,
    /// Who approved deletion for good.
    standing_by: Option<String>,
    #[schema(format = DateTime)]
    standing_since: Option<String>,
    /// Whether that approval covers the plan as it is now.
    is_standing_current: bool,
}

/// Something that may be deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemShown {
    plan: String,
    /// A cohort, or a snapshot by its number.
    #[schema(example = "sent-2026-11-01")]
    what: String,
    /// The last day on which it was promised to be kept (reading A).
    #[schema(format = Date)]
    promised_last_day: String,
    /// The last day by the other reading of one year (B).
    #[schema(format = Date)]
    last_day_b: String,
    /// From which day on it may be deleted.
    #[schema(format = Date)]
    delete_from: String,
    objects: u64,
    bytes: u64,
}

/// Something that is past its time and kept back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeptShown {
    #[serde(flatten)]
    item: ItemShown,
    /// Why: `hold`, `newest-generation`, `locked`, `needed`.
    code: String,
    reason_ja: String,
    reason_en: String,
}

/// Why the date is not known well enough to delete anything.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DoubtShown {
    code: String,
    reason_ja: String,
    reason_en: String,
}

/// What is due now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DueShown {
    /// SHA-256 of exactly what is shown under `due`: what an approval names.
    digest: String,
    due: Vec<ItemShown>,
    kept_back: Vec<KeptShown>,
    /// Plans of which so much fell due at once that a standing approval does not cover it.
    needs_two_people: Vec<String>,
    /// Null if the clocks agree.
    clock: Option<DoubtShown>,
}

/// An order that was approved and not carried out yet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderShown {
    digest: String,
    approved_by: String,
    #[schema(format = DateTime)]
    approved_at: String,
    /// Who confirmed it; null while somebody else must.
    confirmed_by: Option<String>,
    #[schema(format = DateTime)]
    confirmed_at: Option<String>,
    items: Vec<ItemShown>,
}

/// What is approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// The digest of what was shown.
    #[schema(min_length = 64, max_length = 64)]
    digest: String,
}

/// A confirmation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderConfirmation {
    /// Today's date, from a calendar, where no clock outside the machine can be asked.
    #[schema(format = Date)]
    today: Option<String>,
}

/// What day somebody says it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Today {
    /// The date, from a calendar and not from the machine.
    #[schema(format = Date)]
    today: String,
}

fn item(item: &Item) -> ItemShown {
    ItemShown {
        plan: item.plan.to_string(),
        what: item.name(),
        promised_last_day: item.kept.promised_last_day.to_string(),
        last_day_b: item.kept.last_day_b.to_string(),
        delete_from: item.kept.delete_from.to_string(),
        objects: item.objects,
        bytes: item.bytes,
    }
}

fn shown(plan: &PlanDeletion) -> DeletionShown {
    let (look, standing) = (plan.look.as_ref(), plan.standing.as_ref());
    DeletionShown {
        plan: plan.plan.clone(),
        looked_at: look.map(|look| look.looked_at.to_string()),
        due: look.map_or(0, |look| look.due),
        kept_back: look.map_or(0, |look| look.kept_back),
        due_since: look.and_then(|look| look.due_since).map(|at| at.to_string()),
        stopped: look.map(|look| look.stopped.clone()).filter(|code| !code.is_empty()),
        standing_by: standing.map(|row| row.approved_by.to_string()),
        standing_since: standing.map(|row| row.approved_at.to_string()),
        is_standing_current: plan.is_current,
    }
}

fn order(order: &OpenOrder) -> OrderShown {
    let row = &order.row;
    OrderShown {
        digest: row.digest.to_string(),
        approved_by: row.approved_by.to_string(),
        approved_at: row.approved_at.to_string(),
        confirmed_by: row.confirmed.as_ref().map(|(by, _)| by.to_string()),
        confirmed_at: row.confirmed.as_ref().map(|(_, at)| at.to_string()),
        items: order.items.iter().map(item).collect(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/deletions", tag = "deletions", operation_id = "listDeletions",
    summary = "How deletion stands, by plan / 計画ごとの消去の状態",
    params(PageQuery),
    responses((status = 200, description = "A page of plans", body = Listing<DeletionShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("deletions", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    caller.actor.check(Act::Read).map_err(|denied| Problem::denied(&denied))?;
    let all = state::plans(&caller.desk()).await?;
    Ok(wanted.answer(wanted.by_name(all, |plan| plan.plan.clone()), &uri, shown))
}

#[utoipa::path(
    get, path = "/api/v1/deletions/due", tag = "deletions", operation_id = "listDue",
    summary = "What may be deleted now / いま消去できるもの",
    description = "Looks at the store now, and at the clocks. Changes nothing.",
    responses((status = 200, description = "What is due, with the digest to approve", body = DueShown)),
    security(("token" = ["read"]))
)]
pub(super) async fn due(State(shared): State<Shared>, caller: Caller) -> Result<Json<DueShown>, Problem> {
    caller.actor.check(Act::Read).map_err(|denied| Problem::denied(&denied))?;
    let (bench, desk) = (bench(&shared).await?, caller.desk());
    let look = expire::look(bench.on(&desk.catalog, &*shared.clock)).await?;
    let kept = look.decision.kept_back.iter().map(|kept| KeptShown {
        item: item(&kept.item),
        code: kept.why.code().to_owned(),
        reason_ja: kept.why.japanese(),
        reason_en: kept.why.english(),
    });
    Ok(Json(DueShown {
        digest: look.digest().to_string(),
        due: look.decision.due.iter().map(item).collect(),
        kept_back: kept.collect(),
        needs_two_people: look.decision.too_many.iter().map(|found| found.plan.to_string()).collect(),
        clock: look.clock.as_ref().err().map(|doubt| DoubtShown {
            code: doubt.code().to_owned(),
            reason_ja: doubt.japanese(),
            reason_en: doubt.english(),
        }),
    }))
}

#[utoipa::path(
    get, path = "/api/v1/deletion-orders", tag = "deletions", operation_id = "listDeletionOrders",
    summary = "Deletions that were approved and not carried out yet / 承認済みで未実施の消去",
    params(PageQuery),
    responses((status = 200, description = "A page of orders, oldest first", body = Listing<OrderShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn orders(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted =
        Wanted::read("deletion-orders", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    let place = |one: &OpenOrder| ListPlace { at: one.row.approved_at, id: one.row.digest.to_string() };
    caller.actor.check(Act::Read).map_err(|denied| Problem::denied(&denied))?;
    let all = state::orders(&caller.desk()).await?;
    let is_after = |one: &OpenOrder| {
        let (place, after) = (place(one), &wanted.after);
        (place.at, &place.id) > (after.at, &after.id)
    };
    let rows = all.into_iter().filter(is_after).collect();
    Ok(wanted.answer(Page::of_all(rows, wanted.limit, place), &uri, order))
}

async fn answer_order(caller: &Caller, digest: &str, status: StatusCode) -> Result<Response, Problem> {
    let orders = state::orders(&caller.desk()).await?;
    let found = orders.iter().find(|one| one.row.digest.to_string() == digest);
    let found = found.ok_or_else(|| Problem::no_such("order of deletion", digest))?;
    Ok((status, Json(order(found))).into_response())
}

#[utoipa::path(
    post, path = "/api/v1/deletion-orders", tag = "deletions", operation_id = "approveDeletion",
    summary = "Approve exactly what is due / 消去を承認する",
    description = "Somebody else then confirms it, and it is deleted the next morning. What has changed since it was shown is not approved.",
    request_body = Approval,
    responses((status = 201, description = "The order", body = OrderShown, headers(
        ("Location" = String, description = "Where it is listed")))),
    security(("token" = ["deletion.approve"]))
)]
pub(super) async fn approve(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<Approval>,
) -> Result<Response, Problem> {
    caller.actor.check(Act::ApproveDeletion).map_err(|denied| Problem::denied(&denied))?;
    let (bench, desk) = (bench(&shared).await?, caller.desk());
    let on = bench.on(&desk.catalog, &*shared.clock);
    let look = expire::look(on).await?;
    let digest = expire::approve(on, &look, &body.digest, &caller.actor).await?;
    let mut response = answer_order(&caller, &digest.to_string(), StatusCode::CREATED).await?;
    response
        .headers_mut()
        .insert(header::LOCATION, header::HeaderValue::from_static("/api/v1/deletion-orders"));
    Ok(response)
}

#[utoipa::path(
    post, path = "/api/v1/deletion-orders/{digest}/confirm", tag = "deletions", operation_id = "confirmDeletion",
    summary = "Confirm what somebody else approved / ほかの方が承認した消去を確認する",
    params(("digest" = String, Path, description = "The order's digest")),
    request_body = OrderConfirmation,
    responses((status = 200, description = "The order", body = OrderShown)),
    security(("token" = ["deletion.confirm"]))
)]
pub(super) async fn confirm(
    State(shared): State<Shared>,
    caller: Caller,
    Named(digest): Named,
    Sent(body): Sent<OrderConfirmation>,
) -> Result<Response, Problem> {
    let today = body.today.as_deref().map(str::parse).transpose()?;
    let (desk, now) = (caller.desk(), shared.clock.now());
    let digest = expire::confirm(&desk.catalog, &digest, today, &caller.actor, now).await?;
    answer_order(&caller, &digest.to_string(), StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/deletions/today", tag = "deletions", operation_id = "confirmToday",
    summary = "Say what day it is / 今日の日付を確認する",
    description = "Where no clock outside the machine can be asked, nothing is deleted before somebody has said it. Counts for a day.",
    request_body = Today,
    responses((status = 200, description = "What was said", body = Today)),
    security(("token" = ["deletion.confirm"]))
)]
pub(super) async fn say_today(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<Today>,
) -> Result<Json<Today>, Problem> {
    let day: Day = body.today.parse()?;
    let (desk, now) = (caller.desk(), shared.clock.now());
    expire::confirm_today(&desk.catalog, day, &caller.actor, now).await?;
    Ok(Json(Today { today: day.to_string() }))
}

async fn answer_plan(caller: &Caller, plan: &str) -> Result<Json<DeletionShown>, Problem> {
    let plans = state::plans(&caller.desk()).await?;
    let found = plans.iter().find(|found| found.plan == plan);
    Ok(Json(shown(found.ok_or_else(|| Problem::no_such("plan", plan))?)))
}

#[utoipa::path(
    post, path = "/api/v1/deletions/{plan}/stand", tag = "deletions", operation_id = "standDeletion",
    summary = "Approve the deletion of a plan's data for good / 消去の包括承認をする",
    description = "It lapses when the plan's sources, retention or recovery keys change.",
    params(("plan" = String, Path, description = "The plan")),
    responses((status = 200, description = "How deletion stands", body = DeletionShown)),
    security(("token" = ["deletion.standing"]))
)]
pub(super) async fn stand(
    State(shared): State<Shared>,
    caller: Caller,
    Named(plan): Named,
) -> Result<Json<DeletionShown>, Problem> {
    caller.actor.check(Act::StandingDeletion).map_err(|denied| Problem::denied(&denied))?;
    let (bench, desk) = (bench(&shared).await?, caller.desk());
    expire::stand(bench.on(&desk.catalog, &*shared.clock), &plan, &caller.actor).await?;
    answer_plan(&caller, &plan).await
}

#[utoipa::path(
    post, path = "/api/v1/deletions/{plan}/end-standing", tag = "deletions", operation_id = "endStandingDeletion",
    summary = "End a standing approval / 消去の包括承認を終了する",
    params(("plan" = String, Path, description = "The plan")),
    responses((status = 200, description = "How deletion stands", body = DeletionShown)),
    security(("token" = ["deletion.standing"]))
)]
pub(super) async fn end_standing(
    State(shared): State<Shared>,
    caller: Caller,
    Named(plan): Named,
) -> Result<Json<DeletionShown>, Problem> {
    let (desk, now) = (caller.desk(), shared.clock.now());
    expire::end_standing(&desk.catalog, &plan, &caller.actor, now).await?;
    answer_plan(&caller, &plan).await
}
