//! `/api/v1/coverage` and `/api/v1/alarms`: whether everything inside its time is safe, and what somebody must look after.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::coverage::Exception;
use crate::domain::standing::Standing;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::lists::{self, AlarmRow, CoverageRow, ListPlace};

use super::extract::Asked;
use super::page::{Listing, Wanted};

/// The answer for all plans.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standings {
    /// Everything inside its time was there and whole, and nothing past it.
    Proved,
    /// There is no plan.
    NoPlan,
    /// Everything inside its time was there and whole, and something past it waits to be deleted.
    PastDue,
    /// A proof is older than two days.
    Old,
    /// A plan was never proved.
    Unproved,
    /// Something was not right.
    Broken,
}

/// Something that was not right.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExceptionShown {
    /// The code; never changes.
    #[schema(example = "cohort-damaged")]
    code: String,
    sentence: String,
    sentence_ja: String,
}

/// The newest proof of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanCoverage {
    plan: String,
    /// When it was proved; null if it never was.
    #[schema(format = DateTime)]
    checked_at: Option<String>,
    /// Cohorts (days of records) inside their time.
    alive: u64,
    /// Those whose every object was there.
    whole: u64,
    packs: u64,
    bytes: u64,
    /// What was not right, each kind once.
    exceptions: Vec<ExceptionShown>,
}

/// Whether everything inside its time is safe.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CoverageShown {
    standing: Standings,
    /// Cohorts inside their time, of all plans.
    alive: u64,
    /// Those whose every object was there.
    whole: u64,
    /// How many cohorts are not whole, and how many further kinds of exceptions there are.
    exceptions: u64,
    /// Since when all of this is known; null while a plan was never proved.
    #[schema(format = DateTime)]
    proved_at: Option<String>,
    /// Every plan, by name.
    plans: Vec<PlanCoverage>,
}

fn plan_coverage(plan: &str, row: Option<&CoverageRow>) -> PlanCoverage {
    let exception = |code: &String| {
        let (sentence_ja, sentence) = Exception::sentences(code).unwrap_or_default();
        ExceptionShown {
            code: code.clone(),
            sentence: sentence.to_owned(),
            sentence_ja: sentence_ja.to_owned(),
        }
    };
    PlanCoverage {
        plan: plan.to_owned(),
        checked_at: row.map(|row| row.checked_at.to_string()),
        alive: row.map_or(0, |row| row.alive),
        whole: row.map_or(0, |row| row.whole),
        packs: row.map_or(0, |row| row.packs),
        bytes: row.map_or(0, |row| row.bytes),
        exceptions: row.map(|row| row.exceptions.iter().map(exception).collect()).unwrap_or_default(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/coverage", tag = "watch", operation_id = "getCoverage",
    summary = "Whether everything inside its time is safe / 保管状況の証明",
    description = "What the newest proofs say (`kura coverage` makes them). Nothing is read from the store now.",
    responses((status = 200, description = "The proofs, and one answer for all", body = CoverageShown)),
    security(("token" = ["read"]))
)]
pub(super) async fn coverage(
    State(shared): State<Shared>,
    caller: Caller,
) -> Result<Json<CoverageShown>, Problem> {
    let now = shared.clock.now();
    let proofs = lists::coverage(&caller.desk(), &caller.actor, now).await?;
    let found = lists::standing(&proofs, now);
    let standing = match found.standing {
        Standing::Proved => Standings::Proved,
        Standing::NoPlan => Standings::NoPlan,
        Standing::PastDue => Standings::PastDue,
        Standing::Old => Standings::Old,
        Standing::Unproved => Standings::Unproved,
        Standing::Broken => Standings::Broken,
    };
    Ok(Json(CoverageShown {
        standing,
        alive: found.alive,
        whole: found.whole,
        exceptions: found.exceptions,
        proved_at: found.proved_at.map(|at| at.to_string()),
        plans: proofs.iter().map(|(plan, row)| plan_coverage(plan, row.as_ref())).collect(),
    }))
}

/// Whether an alarm lasts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AlarmStates {
    /// Somebody has to look after it.
    Open,
    /// It was mended.
    Cleared,
}

impl AlarmStates {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cleared => "cleared",
        }
    }
}

/// What somebody has, or had, to look after.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlarmShown {
    /// What is wrong; the runbook `docs/runbooks/CODE.md` says what to do.
    #[schema(example = "backup-missed")]
    code: String,
    /// With what: a plan, an occurrence, a window, a notice, a portal or a service.
    subject: String,
    state: AlarmStates,
    #[schema(format = DateTime)]
    since: String,
    /// When it was mended.
    #[schema(format = DateTime)]
    cleared_at: Option<String>,
    sentence: String,
    sentence_ja: String,
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlarmQuery {
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false)]
    cursor: Option<String>,
    /// Only those that last, or that were mended.
    #[param(required = false)]
    state: Option<AlarmStates>,
}

fn alarm_shown(row: &AlarmRow) -> AlarmShown {
    AlarmShown {
        code: row.alarm.code.word().to_owned(),
        subject: row.alarm.subject.clone(),
        state: if row.cleared_at.is_none() { AlarmStates::Open } else { AlarmStates::Cleared },
        since: row.alarm.since.to_string(),
        cleared_at: row.cleared_at.map(|at| at.to_string()),
        sentence: row.alarm.english.clone(),
        sentence_ja: row.alarm.japanese.clone(),
    }
}

#[utoipa::path(
    get, path = "/api/v1/alarms", tag = "watch", operation_id = "listAlarms",
    summary = "List alarms, newest first / 警報の一覧（新しい順）",
    description = "They end by themselves when their cause is mended.",
    params(AlarmQuery),
    responses((status = 200, description = "A page of alarms", body = Listing<AlarmShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn alarms(
    caller: Caller,
    Asked(query, uri): Asked<AlarmQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("alarms", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let state = query.state.map_or("", AlarmStates::word);
    let page = lists::alarms(&caller.desk(), &caller.actor, &wanted.after, state, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, alarm_shown))
}
