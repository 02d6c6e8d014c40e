//! `/api/v1/incidents/{incident}/statements`: the statement of recoverability, signed and stored.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::domain::time::Day;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::evidence::instant;
use crate::workflows::incidents;
use crate::workflows::issue_statement::{IssueError, issue};
use crate::workflows::past::PastError;
use crate::workflows::statement::{AsOf, Asked, Checked, Statement, StatementError};

use super::deletions::bench;
use super::extract::{Named, Sent};

/// What is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementAsked {
    /// The plan; that of the incident unless it is given.
    #[serde(default)]
    plan: Option<String>,
    /// The first sent day; all days without it.
    #[serde(default)]
    #[schema(format = Date)]
    from: Option<String>,
    /// The last sent day; the first one without it.
    #[serde(default)]
    #[schema(format = Date)]
    to: Option<String>,
    /// It speaks of the newest snapshot taken before this time; when the incident occurred, or else was found, unless it is
    /// given. If none was taken before the incident, of the newest.
    #[serde(default)]
    #[schema(format = DateTime)]
    before: Option<String>,
}

/// A day, or a generation, and what may be said of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatedDay {
    #[schema(example = "sent-2026-11-22")]
    cohort: String,
    /// `recoverable`, `damaged`, `lost` or `deleted`.
    verdict: String,
    /// Of each copy, in the order of `locations`: `whole`, `damaged` or `absent`.
    copies: Vec<String>,
    files: u64,
    bytes: u64,
}

/// A statement of recoverability.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementShown {
    number: u64,
    /// SHA-256 of what was signed and stored.
    digest: String,
    plan: String,
    /// Whether everything that was asked for can be given back.
    is_whole: bool,
    /// How far it was checked: `presence`.
    checked: String,
    #[schema(format = DateTime)]
    made_at: String,
    /// The id of the snapshot that it speaks of.
    #[schema(example = "7d1c2e9a41b0")]
    snapshot: String,
    #[schema(format = DateTime)]
    snapshot_taken_at: String,
    locations: Vec<String>,
    days: Vec<StatedDay>,
    /// How long giving it back takes by the last drill; null if there was none.
    estimate_milliseconds: Option<u64>,
}

fn shown(made: &Statement, (number, digest): (u64, String)) -> StatementShown {
    let days = made.cohorts.iter().map(|one| StatedDay {
        cohort: one.cohort.to_string(),
        verdict: one.verdict().word().to_owned(),
        copies: one.copies.iter().map(|copy| copy.word().to_owned()).collect(),
        files: one.size.0,
        bytes: one.size.1,
    });
    StatementShown {
        number,
        digest,
        plan: made.asked.plan.to_string(),
        is_whole: made.is_whole(),
        checked: made.asked.checked.word().to_owned(),
        made_at: made.made_at.to_string(),
        snapshot: made.snapshot.id().to_owned(),
        snapshot_taken_at: made.snapshot.taken_at.to_string(),
        locations: made.locations.clone(),
        days: days.collect(),
        estimate_milliseconds: made.estimate_ms,
    }
}

fn day(text: Option<&str>) -> Result<Option<Day>, Problem> {
    let parsed = text.map(str::parse::<Day>).transpose();
    parsed.map_err(|_| {
        Problem::refused(
            format!("{} is not a day such as 2026-11-22", text.unwrap_or_default()),
            "日付を 2026-11-22 のように指定してください。",
        )
    })
}

#[utoipa::path(
    post, path = "/api/v1/incidents/{incident}/statements", tag = "incidents", operation_id = "stateRecoverability",
    summary = "Issue a statement of recoverability / 復元可能性の証明を発行する",
    description = "Of which sent days an identical copy is there; signed and stored as evidence. Everything is looked for, \
                   nothing is read again: that is `kura incident statement`.",
    params(("incident" = String, Path, description = "Its number", example = "I-2026-0001")),
    request_body = StatementAsked,
    responses((status = 201, description = "The statement", body = StatementShown)),
    security(("token" = ["incident"]))
)]
pub(super) async fn issue_one(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<StatementAsked>,
) -> Result<Response, Problem> {
    caller.actor.check(Act::ManageIncidents).map_err(|denied| Problem::denied(&denied))?;
    let desk = caller.desk();
    let incident = incidents::look(&desk, &id).await?;
    let as_of = match body.before.as_deref() {
        Some(text) => AsOf::Before(instant(text).ok_or_else(|| {
            Problem::refused(
                format!("{text} is not a time such as 2026-11-24T00:00:00Z"),
                "日時を 2026-11-24T00:00:00Z のように指定してください。",
            )
        })?),
        None => AsOf::BeforeIfAny(incident.row.occurred_at.unwrap_or(incident.row.found_at)),
    };
    let plan: PlanName = body.plan.unwrap_or(incident.row.cause.subject).parse()?;
    let (from, to) = (day(body.from.as_deref())?, day(body.to.as_deref())?);
    let days = from.or(to).zip(to.or(from));
    let asked = Asked { plan, days, as_of, paths: Vec::new(), checked: Checked::Presence };
    let hosts = [bench(&shared).await?.host, bench(&shared).await?.host, bench(&shared).await?.host];
    let by = caller.actor.account.to_string();
    let issued = Box::pin(issue(hosts, &desk.catalog, (asked, &by), &*shared.clock)).await;
    match issued {
        Ok((made, number, digest)) => {
            Ok((StatusCode::CREATED, Json(shown(&made, (number, digest)))).into_response())
        }
        Err(IssueError::Statement(StatementError::Past(PastError::NoneBefore(plan, time)))) => {
            Err(Problem::refused(
                format!("no snapshot of {plan} was taken before {time}"),
                "その日時より前に取られたスナップショットがないため、証明できません。",
            ))
        }
        Err(IssueError::Statement(StatementError::Past(PastError::Nothing(plan)))) => Err(Problem::refused(
            format!("no snapshot of {plan} is stored: nothing can be said of it"),
            "その計画のスナップショットが保管されていないため、証明できません。",
        )),
        Err(error) => Err(Problem::logged(&error)),
    }
}
