//! The gate before a snapshot: which occurrence it is for, or why not. Every refusal is a line of the audit log.

use crate::catalog::ReasonRow;
use crate::domain::account::AccountId;
use crate::domain::gate::{self, Facts, Refusal};
use crate::domain::notice::{NoticeKind, NoticeStatus};
use crate::domain::occurrence::{Occurrence, OccurrenceState, inspections};
use crate::domain::plan::PlanName;
use crate::domain::time::{Instant, Zone};
use crate::domain::window::{Window, WindowKind};

use super::desk::{Desk, DeskError, find};
use super::prove_notices::proven_at;
use super::publish;
use super::schedule;
use super::services;
use super::sign_in::line;

/// How long a lease lasts without being kept, minutes. The heart keeps them with every beat.
const LEASE_MINUTES: i64 = 2;

/// What a snapshot of a plan is for.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The plan has no window: snapshots are taken by hand, and stop nothing.
    Free,
    /// An occurrence, which is now running.
    Occurrence(Occurrence, WindowKind),
}

/// Why a snapshot may not be taken.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A rule said no.
    #[error("no snapshot of {plan} may be taken now: {}", .words.join(" "))]
    Refused {
        /// The plan.
        plan: String,
        /// The codes.
        codes: Vec<&'static str>,
        /// The sentences: Japanese, then English.
        words: Vec<String>,
    },
    /// Another program runs the occurrence.
    #[error("another program runs occurrence {0}; wait for it to end")]
    Elsewhere(String),
    /// The catalog, or what is in it.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// How the run of an occurrence ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With a snapshot.
    Taken,
    /// Without one; it may be tried again while its time lasts.
    Failed(Why),
    /// Without one, and its time is over or it must not be tried again.
    Over(Why),
}

/// Why a run ended without a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    /// The code.
    pub code: &'static str,
    /// The sentence in Japanese.
    pub japanese: String,
    /// The sentence in English.
    pub english: String,
}

impl From<crate::catalog::CatalogError> for GateError {
    fn from(error: crate::catalog::CatalogError) -> Self {
        Self::Desk(error.into())
    }
}

/// Whether a plan has windows, so that its snapshots need an occurrence.
pub async fn has_windows(desk: &Desk, plan: &PlanName) -> Result<bool, GateError> {
    let windows = desk.catalog.windows().await?;
    Ok(windows.iter().any(|window| window.is_alive() && window.terms.parts().plan.as_ref() == Some(plan)))
}

/// The plans that have an open occurrence now, allowed or not, with its id.
pub async fn due(desk: &Desk, now: Instant) -> Result<Vec<(PlanName, Occurrence)>, GateError> {
    let open = desk.catalog.occurrences_at(now).await?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let windows = desk.catalog.windows().await?;
    let plan_of = |found: Occurrence| {
        let window = windows.iter().find(|window| window.id == found.window)?;
        Some((window.terms.parts().plan.clone()?, found))
    };
    Ok(open.into_iter().filter_map(plan_of).collect())
}

/// Finds the occurrence that a snapshot of `plan` is for and begins it; refuses where there is none (K-24).
pub async fn enter(desk: &Desk, plan: &PlanName, zone: &Zone, now: Instant) -> Result<Entry, GateError> {
    let Some((window, found)) = admit(desk, plan, zone, now).await? else { return Ok(Entry::Free) };
    begin(desk, &window, &found, now).await?;
    Ok(Entry::Occurrence(found, window.terms.parts().kind))
}

/// Finds the occurrence that a snapshot of `plan` is for, with its window, and lets it through without beginning it;
/// refuses where there is none (K-24). `None` for a plan without windows.
pub(super) async fn admit(
    desk: &Desk,
    plan: &PlanName,
    zone: &Zone,
    now: Instant,
) -> Result<Option<(Window, Occurrence)>, GateError> {
    schedule::refresh(desk, now).await?;
    let windows = desk.catalog.windows().await?;
    let of_plan = |window: &&Window| window.is_alive() && window.terms.parts().plan.as_ref() == Some(plan);
    let mine: Vec<&Window> = windows.iter().filter(of_plan).collect();
    if mine.is_empty() {
        return Ok(None);
    }
    let inspections = inspections(windows.iter());
    let open = desk.catalog.occurrences_since(now).await?;
    let is_mine =
        |found: &&Occurrence| mine.iter().any(|window| window.id == found.window) && found.state.is_open();
    let mut refused: Vec<(Option<&str>, Refusal)> = Vec::new();
    for found in open.iter().filter(is_mine).filter(|found| found.span.0 <= now && now < found.span.1) {
        let window = find(&windows, &found.window)?;
        let by: Option<AccountId> = found.break_glass.as_ref().and_then(|(by, _)| by.parse().ok());
        let facts = Facts {
            window,
            digest_now: desk.digest_now(&window.terms).unwrap_or_default(),
            span: found.span,
            announced_at: found.announced_at,
            lead_days: desk.lead.of(&window.terms),
            inspections: &inspections,
            proven_at: proven_at(desk, found, now).await?,
            break_glass: by.as_ref(),
        };
        let reasons = gate::refusals(&facts, now);
        if reasons.is_empty() {
            return Ok(Some((window.clone(), found.clone())));
        }
        refused.extend(reasons.into_iter().map(|refusal| (Some(found.id.as_str()), refusal)));
    }
    if refused.is_empty() {
        refused = without_occurrence(desk, &mine, &inspections, now).into_iter().map(|r| (None, r)).collect();
    }
    let next = open.iter().filter(is_mine).find(|found| now < found.span.0).map(|found| found.span);
    Err(refuse(desk, (plan, zone), &refused, next, now).await?)
}

/// Why there is no occurrence now: what speaks against those windows that cover this time, or else the time itself.
fn without_occurrence(
    desk: &Desk,
    windows: &[&Window],
    inspections: &[(Instant, Instant)],
    now: Instant,
) -> Vec<Refusal> {
    let mut found = Vec::new();
    for window in windows {
        let today = window.terms.parts().zone.day_of(now);
        let spans = window.terms.days(today.previous(), today).map(|day| window.terms.span_on(day));
        let span = spans.filter(|(start, end)| *start <= now && now < *end).last();
        let facts = Facts {
            window,
            digest_now: desk.digest_now(&window.terms).unwrap_or_default(),
            span: span.unwrap_or((now, now)),
            announced_at: window.approval().map(|approval| approval.at),
            lead_days: if span.is_some() { desk.lead.of(&window.terms) } else { 0 },
            inspections,
            // There is no occurrence whose notice could be read: that is not what speaks against it.
            proven_at: Some(now),
            break_glass: None,
        };
        found.extend(gate::standing_refusals(&facts));
    }
    found
}

async fn refuse(
    desk: &Desk,
    (plan, zone): (&PlanName, &Zone),
    refused: &[(Option<&str>, Refusal)],
    next: Option<(Instant, Instant)>,
    now: Instant,
) -> Result<GateError, GateError> {
    let mut codes: Vec<&'static str> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut tx = desk.catalog.begin().await?;
    for (occurrence, refusal) in refused {
        let (code, japanese, english) = (refusal.code(), refusal.japanese(zone), refusal.english(zone));
        // Several windows may be refused for the same reason: it is told once.
        if !codes.contains(&code) {
            codes.push(code);
        }
        if !words.contains(&japanese) {
            words.extend([japanese.clone(), english.clone()]);
        }
        let why = Why { code, japanese, english };
        tx.note_reason(&reason(plan.as_str(), *occurrence, &why, now)).await?;
    }
    if let Some((from, until)) = next {
        let refusal = Refusal::OutsideWindow(from, until);
        if codes.is_empty() {
            codes.push(refusal.code());
        }
        let japanese = crate::domain::calendar::wareki_span(from, until, zone);
        words.push(format!("次の実施回は{japanese}です。"));
        let english = crate::domain::calendar::english_span(from, until, zone);
        words.push(format!("The next occurrence is {english}."));
    } else if codes.is_empty() {
        codes.push("outside-window");
        words.push("承認済みの実施回がありません。No approved occurrence lies ahead.".to_owned());
    }
    tx.commit(&[line(now, "kura", "snapshot.refuse", plan.as_str(), &codes.join(" "))]).await?;
    tracing::error!(plan = plan.as_str(), codes = codes.join(" "), "a snapshot was refused by a rule");
    Ok(GateError::Refused { plan: plan.to_string(), codes, words })
}

pub(super) fn reason(plan: &str, occurrence: Option<&str>, why: &Why, now: Instant) -> ReasonRow {
    ReasonRow {
        plan: plan.to_owned(),
        occurrence: occurrence.map(str::to_owned),
        code: why.code.to_owned(),
        japanese: why.japanese.clone(),
        english: why.english.clone(),
        first_at: now,
        last_at: now,
        times: 1,
    }
}

/// Takes the lease of an occurrence and notes that its run begins.
pub(super) async fn begin(
    desk: &Desk,
    window: &Window,
    found: &Occurrence,
    now: Instant,
) -> Result<(), GateError> {
    let mut tx = desk.catalog.begin().await?;
    let until = now.plus_minutes(LEASE_MINUTES);
    match tx.take_lease(&found.id, &desk.holder, now, until).await.map_err(DeskError::from) {
        Err(DeskError::Stale(_)) => return Err(GateError::Elsewhere(found.id.clone())),
        other => other?,
    }
    if found.state == OccurrenceState::Running {
        // Its run crashed: nobody holds the lease any more.
        return Ok(tx.commit(&[line(now, "kura", "occurrence.resume", &found.id, "")]).await?);
    }
    tx.move_occurrence(&found.id, found.state, OccurrenceState::Running).await?;
    let detail = found
        .break_glass
        .as_ref()
        .map_or_else(String::new, |(by, why)| format!("break-glass by {by}: {why}"));
    let mut lines = vec![line(now, "kura", "occurrence.start", &found.id, &detail)];
    let start = (NoticeKind::Start, NoticeStatus::InProgress);
    lines.extend(publish::tell_progress(desk, &mut tx, window, found, start, now).await?);
    Ok(tx.commit(&lines).await?)
}

/// Keeps the leases of this program.
pub async fn keep_leases(desk: &Desk, now: Instant) -> Result<(), GateError> {
    Ok(desk.catalog.renew_leases(&desk.holder.program, now.plus_minutes(LEASE_MINUTES)).await?)
}

/// Ends the run of an occurrence. After a failure it may be tried again while its time lasts.
pub async fn leave(
    desk: &Desk,
    found: &Occurrence,
    has_snapshot: bool,
    now: Instant,
) -> Result<(), GateError> {
    let japanese = "実行に失敗しました。時間内に再試行します。".to_owned();
    let english = "The run failed; it is tried again while its time lasts.".to_owned();
    let failed = Ending::Failed(Why { code: "run-failed", japanese, english });
    leave_as(desk, found, if has_snapshot { &Ending::Taken } else { &failed }, now).await
}

/// The same, with what is to be noted and told.
pub async fn leave_as(
    desk: &Desk,
    found: &Occurrence,
    ending: &Ending,
    now: Instant,
) -> Result<(), GateError> {
    let windows = desk.catalog.windows().await?;
    let window = find(&windows, &found.window)?;
    // What does not run again yet is told of by `notice_ends`: 終了 says that everything can be used.
    let is_down = !services::still_down(desk, &found.id).await?.is_empty();
    let mut tx = desk.catalog.begin().await?;
    // A program that was overtaken changes nothing any more.
    tx.give_lease_back(&found.id, &desk.holder, now).await?;
    let (to, act, told) = match ending {
        Ending::Taken => (OccurrenceState::Done, "occurrence.done", Some(NoticeKind::Completion)),
        Ending::Failed(_) => (OccurrenceState::Announced, "occurrence.fail", None),
        Ending::Over(_) => (OccurrenceState::Missed, "occurrence.missed", Some(NoticeKind::Incident)),
    };
    tx.move_occurrence(&found.id, OccurrenceState::Running, to).await?;
    let mut detail = String::new();
    if let Ending::Failed(why) | Ending::Over(why) = ending {
        let plan = window.terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
        tx.note_reason(&reason(&plan, Some(&found.id), why, now)).await?;
        detail = format!("{}: {}", why.code, why.english);
    }
    let mut lines = vec![line(now, "kura", act, &found.id, &detail)];
    if let Some(kind) = told.filter(|_| !is_down) {
        let end = (kind, NoticeStatus::Completed);
        lines.extend(publish::tell_progress(desk, &mut tx, window, found, end, now).await?);
    }
    Ok(tx.commit(&lines).await?)
}
