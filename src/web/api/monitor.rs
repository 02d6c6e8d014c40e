//! `/api/v1/monitor`: how monitored targets stand, access logs, and reviewing them.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::monitor::{Pulse, Standing};
use crate::domain::role::Act;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::desk::DeskError;
use crate::workflows::lists::ListPlace;
use crate::workflows::monitor::logs::{self, LogLookRow, LogShown};
use crate::workflows::monitor::{self, MonitorShown};

use super::extract::{Asked, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// How many looks through each log are shown.
const LOOKS: u32 = 30;

/// How a target stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum TargetStandings {
    /// Nobody knows yet.
    Unknown,
    /// It lives.
    Up,
    /// It does not.
    Down,
}

/// What was heard of a target in a month.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MonthShown {
    #[schema(example = "2026-11")]
    month: String,
    good: u64,
    bad: u64,
    /// Asked while a window stopped it: not counted.
    silenced: u64,
    /// This machine could not ask: not counted.
    not_asked: u64,
    /// Hundredths of a per cent of the answers that count; null if none does.
    availability: Option<u64>,
}

/// A monitored target.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetShown {
    target: String,
    /// `ping`, `tcp`, `http` or `postgresql`.
    kind: String,
    address: String,
    /// The services that users cannot use without it.
    services: Vec<String>,
    every_minutes: u32,
    standing: TargetStandings,
    #[schema(format = DateTime)]
    since: Option<String>,
    #[schema(format = DateTime)]
    asked_at: Option<String>,
    /// What came last: `good`, `unreachable`, `timed-out`, `wrong-status`, `wrong-content`, `query-failed`, `not-asked`.
    answer: Option<String>,
    /// It comes and goes: down until it is quiet.
    is_unsteady: bool,
    /// A window stops it now.
    is_silenced: bool,
    /// Newest first, thirteen at most.
    months: Vec<MonthShown>,
}

fn target(shown: &MonitorShown) -> TargetShown {
    let pulse = shown.pulse.as_ref();
    let months = shown.months.iter().map(|(month, tally)| MonthShown {
        month: month.clone(),
        good: tally.good,
        bad: tally.bad,
        silenced: tally.silenced,
        not_asked: tally.unknown,
        availability: tally.availability(),
    });
    TargetShown {
        target: shown.target.name.clone(),
        kind: shown.target.ask.word().to_owned(),
        address: shown.target.ask.address(),
        services: shown.target.services.clone(),
        every_minutes: shown.target.every_minutes,
        standing: match pulse.map(|pulse| pulse.standing) {
            Some(Standing::Up) => TargetStandings::Up,
            Some(Standing::Down) => TargetStandings::Down,
            Some(Standing::Unknown) | None => TargetStandings::Unknown,
        },
        since: pulse.map(|pulse| pulse.since.to_string()),
        asked_at: pulse.map(|pulse| pulse.asked_at.to_string()),
        answer: pulse.map(|pulse| pulse.answer.word().to_owned()),
        is_unsteady: pulse.is_some_and(Pulse::is_unsteady),
        is_silenced: shown.is_silenced,
        months: months.collect(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/monitor/targets", tag = "watch", operation_id = "listMonitorTargets",
    summary = "List monitored targets / 監視対象の一覧",
    description = "How each stands and its availability by month; what windows stopped on purpose does not count.",
    params(PageQuery),
    responses((status = 200, description = "A page of targets", body = Listing<TargetShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("monitor", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    caller.actor.check(Act::Read).map_err(DeskError::from)?;
    let all = monitor::list(&caller.desk(), 13, shared.clock.now()).await?;
    let page = wanted.by_name(all, |shown| shown.target.name.clone());
    Ok(wanted.answer(page, &uri, target))
}

/// How many lines matched a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CountShown {
    rule: String,
    lines: u64,
}

/// A look through a log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LookShown {
    number: u64,
    #[schema(format = DateTime)]
    at: String,
    /// Lines that were new.
    lines: u64,
    counts: Vec<CountShown>,
    /// The file was another one than last time: lines in between may be missing.
    is_gap: bool,
    /// Why it could not be read, or not wholly: `not-read`, `command-failed`, `bad-rule`, `too-long`; empty if it could.
    trouble: String,
    #[schema(format = DateTime)]
    reviewed_at: Option<String>,
    reviewed_by: Option<String>,
    remark: Option<String>,
}

/// An access log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccessLogShown {
    log: String,
    #[schema(format = DateTime)]
    review_overdue_since: Option<String>,
    /// Newest first, thirty at most.
    looks: Vec<LookShown>,
}

fn look(row: &LogLookRow) -> LookShown {
    let counts = row.look.counts.iter();
    let review = row.review.as_ref();
    LookShown {
        number: row.number,
        at: row.at.to_string(),
        lines: row.look.lines,
        counts: counts.map(|(rule, lines)| CountShown { rule: rule.clone(), lines: *lines }).collect(),
        is_gap: row.look.is_gap,
        trouble: row.look.trouble.clone(),
        reviewed_at: review.map(|(at, _, _)| at.to_string()),
        reviewed_by: review.map(|(_, by, _)| by.clone()),
        remark: review.map(|(_, _, remark)| remark.clone()),
    }
}

fn log(shown: &LogShown) -> AccessLogShown {
    AccessLogShown {
        log: shown.log.name.clone(),
        review_overdue_since: shown.overdue_since.map(|at| at.to_string()),
        looks: shown.looks.iter().map(look).collect(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/monitor/logs", tag = "watch", operation_id = "listAccessLogs",
    summary = "List access logs with what was counted / アクセス・ログの集計結果",
    params(PageQuery),
    responses((status = 200, description = "A page of logs", body = Listing<AccessLogShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn logs(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("logs", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    caller.actor.check(Act::Read).map_err(DeskError::from)?;
    let all = logs::list(&caller.desk(), LOOKS, shared.clock.now()).await?;
    let page = wanted.by_name(all, |shown| shown.log.name.clone());
    Ok(wanted.answer(page, &uri, log))
}

/// A review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    /// The log.
    log: String,
    /// The number of the newest look that was seen; all before it count as seen too.
    number: u64,
    /// What is made of it, on one line; no names of persons, no addresses.
    remark: String,
}

/// What is reviewed now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reviewed {
    /// How many looks were not reviewed before.
    reviewed: u64,
}

#[utoipa::path(
    post, path = "/api/v1/monitor/reviews", tag = "watch", operation_id = "reviewAccessLog",
    summary = "Note that somebody has reviewed a log / アクセス・ログの確認を記録する",
    request_body = Review,
    responses((status = 200, description = "What is reviewed now", body = Reviewed)),
    security(("token" = ["record"]))
)]
pub(super) async fn review(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<Review>,
) -> Result<Json<Reviewed>, Problem> {
    let (desk, now) = (caller.desk(), shared.clock.now());
    let reviewed = logs::review(&desk, (&body.log, body.number), &body.remark, &caller.actor, now).await?;
    Ok(Json(Reviewed { reviewed }))
}
