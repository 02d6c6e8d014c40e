//! The gate before a snapshot: which occurrence it is for, or why not. Every refusal is a line of the audit log.

use crate::domain::account::AccountId;
use crate::domain::gate::{self, Facts, Refusal};
use crate::domain::notice::{NoticeKind, NoticeStatus};
use crate::domain::occurrence::{Occurrence, OccurrenceState, inspections};
use crate::domain::plan::PlanName;
use crate::domain::time::{Instant, Zone};
use crate::domain::window::{Window, WindowKind};

use super::desk::{Desk, DeskError, find};
use super::publish;
use super::schedule;
use super::sign_in::line;

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
    /// The catalog, or what is in it.
    #[error(transparent)]
    Desk(#[from] DeskError),
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
    let windows = desk.catalog.windows().await?;
    let open = desk.catalog.occurrences_since(now).await?;
    let is_now = |found: &Occurrence| found.state.is_open() && found.span.0 <= now && now < found.span.1;
    let plan_of = |found: Occurrence| {
        let window = windows.iter().find(|window| window.id == found.window)?;
        Some((window.terms.parts().plan.clone()?, found))
    };
    Ok(open.into_iter().filter(is_now).filter_map(plan_of).collect())
}

/// Finds the occurrence that a snapshot of `plan` is for and begins it; refuses where there is none (K-24).
pub async fn enter(desk: &Desk, plan: &PlanName, zone: &Zone, now: Instant) -> Result<Entry, GateError> {
    schedule::refresh(desk, now).await?;
    let windows = desk.catalog.windows().await?;
    let of_plan = |window: &&Window| window.is_alive() && window.terms.parts().plan.as_ref() == Some(plan);
    let mine: Vec<&Window> = windows.iter().filter(of_plan).collect();
    if mine.is_empty() {
        return Ok(Entry::Free);
    }
    let inspections = inspections(windows.iter());
    let open = desk.catalog.occurrences_since(now).await?;
    let is_mine =
        |found: &&Occurrence| mine.iter().any(|window| window.id == found.window) && found.state.is_open();
    let mut refused: Vec<Refusal> = Vec::new();
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
            break_glass: by.as_ref(),
        };
        let reasons = gate::refusals(&facts, now);
        if reasons.is_empty() {
            begin(desk, window, found, now).await?;
            return Ok(Entry::Occurrence(found.clone(), window.terms.parts().kind));
        }
        refused.extend(reasons);
    }
    if refused.is_empty() {
        refused = without_occurrence(desk, &mine, &inspections, now);
    }
    let next = open.iter().filter(is_mine).find(|found| now < found.span.0).map(|found| found.span);
    Err(refuse(desk, plan, zone, &refused, next, now).await?)
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
            break_glass: None,
        };
        found.extend(gate::standing_refusals(&facts));
    }
    found
}

async fn refuse(
    desk: &Desk,
    plan: &PlanName,
    zone: &Zone,
    refused: &[Refusal],
    next: Option<(Instant, Instant)>,
    now: Instant,
) -> Result<GateError, GateError> {
    let mut codes: Vec<&'static str> = refused.iter().map(Refusal::code).collect();
    let mut words: Vec<String> = Vec::new();
    for refusal in refused {
        words.extend([refusal.japanese(zone), refusal.english(zone)]);
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
    let tx = desk.catalog.begin().await?;
    tx.commit(&[line(now, "kura", "snapshot.refuse", plan.as_str(), &codes.join(" "))]).await?;
    tracing::error!(plan = plan.as_str(), codes = codes.join(" "), "a snapshot was refused by a rule");
    Ok(GateError::Refused { plan: plan.to_string(), codes, words })
}

async fn begin(desk: &Desk, window: &Window, found: &Occurrence, now: Instant) -> Result<(), GateError> {
    if found.state == OccurrenceState::Running {
        // A run that crashed: the plan's lock keeps a living one apart.
        return Ok(());
    }
    let mut tx = desk.catalog.begin().await?;
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

/// Ends the run of an occurrence. After a failure it may be tried again while its time lasts.
pub async fn leave(
    desk: &Desk,
    found: &Occurrence,
    has_snapshot: bool,
    now: Instant,
) -> Result<(), GateError> {
    let windows = desk.catalog.windows().await?;
    let window = find(&windows, &found.window)?;
    let mut tx = desk.catalog.begin().await?;
    let (to, act) = if has_snapshot {
        (OccurrenceState::Done, "occurrence.done")
    } else {
        (OccurrenceState::Announced, "occurrence.fail")
    };
    tx.move_occurrence(&found.id, OccurrenceState::Running, to).await?;
    let mut lines = vec![line(now, "kura", act, &found.id, "")];
    if has_snapshot {
        let end = (NoticeKind::Completion, NoticeStatus::Completed);
        lines.extend(publish::tell_progress(desk, &mut tx, window, found, end, now).await?);
    }
    Ok(tx.commit(&lines).await?)
}
