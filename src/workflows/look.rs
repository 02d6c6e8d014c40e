//! What people look at in the console, one thing at a time; lists are in `lists`. Nothing is decided but what the domain
//! decides.

use std::collections::BTreeMap;

use crate::domain::account::AccountId;
use crate::domain::alarm::AlarmCode;
use crate::domain::freshness::{self, Freshness};
use crate::domain::gate::{self, Facts, Refusal};
use crate::domain::occurrence::{Occurrence, OccurrenceState, first_expected, inspections};
use crate::domain::preview::{self, Previewed};
use crate::domain::time::{Day, Instant};
use crate::domain::window::{Terms, Window, WindowKind, WindowState};

pub use crate::catalog::CatalogError;
pub use crate::catalog::{
    AccountRow, AlarmRow, Catalog, Delivery, NoticeRow, ReasonRow, RunLife, RunRow, RunState, SnapshotRow,
    TokenRow,
};

use super::desk::{Desk, DeskError};
use super::expire::state::{self, OpenOrder};
use super::own;
use super::prove_notices::is_unproven;

/// How a plan stands.
#[derive(Clone, Debug)]
pub struct PlanState {
    /// The plan.
    pub plan: String,
    /// Its newest snapshot in which nothing is missing.
    pub complete: Option<SnapshotRow>,
    /// Whether the newest one lacks something.
    pub is_partial_since: bool,
    /// Whether the complete one is young enough for the plan's windows.
    pub freshness: Freshness,
    /// Whether its file is there and can be read.
    pub is_readable: bool,
}

/// What the first page tells.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Each plan.
    pub plans: Vec<PlanState>,
    /// The next occurrences of all windows, by their start.
    pub next: Vec<(Occurrence, Option<Window>)>,
    /// Where approved power inspections lie: what overlaps one will not run.
    pub inspections: Vec<(Instant, Instant)>,
    /// Requests that wait for a decision.
    pub requested: Vec<Window>,
    /// Windows whose approval lapsed.
    pub lapsed: Vec<Window>,
    /// Occurrences of the last seven days that did not run.
    pub failed: Vec<Occurrence>,
    /// The alarms that last: the urgent ones first, then oldest first.
    pub alarms: Vec<AlarmRow>,
    /// Occurrences that were let through behind the glass and whose report nobody has seen.
    pub to_report: Vec<Occurrence>,
    /// Deletions that were approved and not carried out yet.
    pub orders: Vec<OpenOrder>,
    /// Cohorts of plans without a standing approval that could be deleted when they were looked at last.
    pub due: u64,
}

/// How far back the first page looks, days.
const DAYS: i64 = 7;
/// How many of the next occurrences it names.
const NEXT: u32 = 5;

/// Gathers the first page.
pub async fn overview(desk: &Desk, now: Instant) -> Result<Overview, DeskError> {
    let windows = desk.catalog.windows_alive().await?;
    let mut newest: BTreeMap<String, Vec<SnapshotRow>> = BTreeMap::new();
    for row in desk.catalog.newest_snapshots().await? {
        newest.entry(row.plan.clone()).or_default().push(row);
    }
    // The plans that can be read, those that windows need, and those of which snapshots are kept.
    for plan in desk.contents.keys() {
        newest.entry(plan.clone()).or_default();
    }
    for plan in windows.iter().filter_map(|window| window.terms.parts().plan.as_ref()) {
        newest.entry(plan.to_string()).or_default();
    }
    let mut plans = Vec::new();
    for (plan, mut rows) in newest {
        let is_partial_since = rows.last().is_some_and(|row| !row.is_complete);
        let complete = rows.iter().rposition(|row| row.is_complete).map(|at| rows.swap_remove(at));
        let kinds = windows.iter().filter(|window| window.approval().is_some());
        let kinds =
            kinds.filter(|window| window.terms.parts().plan.as_ref().is_some_and(|p| p.as_str() == plan));
        let mut kinds: Vec<WindowKind> = kinds.map(|window| window.terms.parts().kind).collect();
        if plan == own::PLAN {
            // The service keeps Kura's own records every day, and no window says so.
            kinds.push(WindowKind::Daily);
        }
        let taken_at = complete.as_ref().map(|snapshot| snapshot.taken_at);
        plans.push(PlanState {
            is_readable: desk.contents.contains_key(&plan),
            plan,
            freshness: freshness::judge(taken_at, &kinds, now),
            complete,
            is_partial_since,
        });
    }
    let by_id: BTreeMap<&str, &Window> = windows.iter().map(|window| (window.id.as_str(), window)).collect();
    let open = desk.catalog.next_occurrences(now, NEXT).await?.into_iter();
    let next = open.map(|found| {
        let window = by_id.get(found.window.as_str()).map(|&window| window.clone());
        (found, window)
    });
    let next = next.collect();
    let mut failed = desk.catalog.troubled_occurrences(now.plus_minutes(-DAYS * 24 * 60), now).await?;
    failed.retain(|found| matches!(found.state, OccurrenceState::Missed | OccurrenceState::Refused));
    let mut alarms = desk.catalog.open_alarms().await?;
    alarms.sort_by_key(|row| !row.alarm.code.is_urgent());
    let deletions = state::plans(desk).await?;
    let waits = deletions.iter().filter(|plan| !plan.is_current).filter_map(|plan| plan.look.as_ref());
    let mut to_report = Vec::new();
    for row in alarms.iter().filter(|row| row.alarm.code == AlarmCode::BreakGlass) {
        to_report.extend(desk.catalog.occurrence(&row.alarm.subject).await?);
    }
    let of_state = |word: &str| windows.iter().filter(|w| w.state.word() == word).cloned().collect();
    Ok(Overview {
        plans,
        next,
        inspections: inspections(windows.iter()),
        requested: of_state("requested"),
        lapsed: of_state("lapsed"),
        failed,
        alarms,
        to_report,
        due: waits.map(|look| look.due).sum(),
        orders: state::orders(desk).await?,
    })
}

/// A month: its occurrences, and those that windows will bring but that are not made yet.
#[derive(Clone, Debug)]
pub struct Month {
    /// The occurrences, by their start.
    pub made: Vec<Occurrence>,
    /// What lies further ahead: window and span.
    pub expected: Vec<(String, Day, (Instant, Instant))>,
    /// The windows that are alive, and power inspections that are over.
    pub windows: Vec<Window>,
    /// Where approved power inspections lie: what overlaps one will not run.
    pub inspections: Vec<(Instant, Instant)>,
}

/// Gathers the days from `first` to `last`.
pub async fn month(desk: &Desk, (first, last): (Day, Day), now: Instant) -> Result<Month, DeskError> {
    let mut windows = desk.catalog.windows().await?;
    windows.retain(|window| window.is_alive() || is_past_inspection(window));
    let zone = super::desk::tokyo();
    let midnight = crate::domain::time::TimeOfDay::MIDNIGHT;
    let (from, until) = (zone.at(first, midnight), zone.at(last.next(), midnight));
    let made = desk.catalog.occurrences_between(from, until).await?;
    let mut expected = Vec::new();
    for window in windows.iter().filter(|w| w.approval().is_some() || is_past_inspection(w)) {
        // Nothing runs in an inspection: it has no occurrence, and stays in the calendar when it is over.
        let is_inspection = window.terms.parts().kind == WindowKind::PowerInspection;
        let from = first_expected(window, desk.lead, now);
        for day in window.terms.days(first, last) {
            let span = window.terms.span_on(day);
            let is_made = made.iter().any(|found| found.window == window.id && found.day == day);
            let is_ahead = now < span.0 && from.is_some_and(|from| from <= span.0);
            if is_inspection || (is_ahead && !is_made) {
                expected.push((window.id.clone(), day, span));
            }
        }
    }
    expected.sort_by_key(|(_, _, span)| span.0);
    Ok(Month { made, expected, inspections: inspections(windows.iter()), windows })
}

/// Whether a window is a power inspection that is over.
fn is_past_inspection(window: &Window) -> bool {
    window.terms.parts().kind == WindowKind::PowerInspection
        && matches!(window.state, WindowState::Ended { .. })
}

/// A window with all that somebody who decides must see.
#[derive(Clone, Debug)]
pub struct WindowSheet {
    /// The window.
    pub window: Window,
    /// What would run now; `None` if the plan cannot be read.
    pub digest: Option<[u8; 32]>,
    /// Its next occurrences.
    pub preview: Vec<Previewed>,
    /// What was approved last for the same plan and kind.
    pub before: Option<Window>,
    /// Whether the plan's content is what it was then; `None` if nothing was approved before.
    pub is_plan_unchanged: Option<bool>,
    /// Its last occurrences.
    pub occurrences: Vec<Occurrence>,
    /// The window in whose place it was asked for.
    pub replaces: Option<String>,
    /// The windows that were asked for in its place, newest first.
    pub replaced_by: Vec<String>,
}

/// The terms of an approved window that another one may be asked for in the place of.
pub async fn to_move(desk: &Desk, id: &str) -> Result<Terms, DeskError> {
    let none = || DeskError::None { what: "approved window", id: id.to_owned() };
    let window = desk.catalog.window(id).await?.filter(|window| window.approval().is_some());
    Ok(window.ok_or_else(none)?.terms)
}

/// Gathers a window.
pub async fn window(desk: &Desk, id: &str, now: Instant) -> Result<WindowSheet, DeskError> {
    let none = || DeskError::None { what: "window", id: id.to_owned() };
    let window = desk.catalog.window(id).await?.ok_or_else(none)?;
    let alive = desk.catalog.windows_alive().await?;
    let before = desk.catalog.approved_before(&window).await?;
    let replaces = desk.catalog.replaced(id).await?;
    let unchanged = before.as_ref().map(|(before, digest)| desk.digest_now(&before.terms) == Some(*digest));
    Ok(WindowSheet {
        digest: desk.digest_now(&window.terms),
        preview: preview_of(desk, &window.terms, &[id, replaces.as_deref().unwrap_or_default()], &alive, now),
        occurrences: desk.catalog.occurrences_of(id, 20).await?,
        replaced_by: desk.catalog.replacements_of(id).await?,
        replaces,
        before: before.map(|(window, _)| window),
        is_plan_unchanged: unchanged,
        window,
    })
}

/// The next occurrences of terms that nobody asked for yet, perhaps in the place of a window.
pub async fn preview_terms(
    desk: &Desk,
    terms: &Terms,
    replaces: Option<&str>,
    now: Instant,
) -> Result<Vec<Previewed>, DeskError> {
    let alive = desk.catalog.windows_alive().await?;
    Ok(preview_of(desk, terms, &[replaces.unwrap_or_default()], &alive, now))
}

/// Occurrences with what they clash with; never with `own`: the window itself, and the one whose place it takes.
fn preview_of(desk: &Desk, terms: &Terms, own: &[&str], alive: &[Window], now: Instant) -> Vec<Previewed> {
    let lead = desk.lead_of(terms);
    let others: Vec<Window> =
        alive.iter().filter(|window| !own.contains(&window.id.as_str())).cloned().collect();
    preview::preview(terms, "", &others, lead, now)
}

/// An occurrence with its window and what speaks against it as things are.
pub async fn occurrence(desk: &Desk, id: &str) -> Result<(Occurrence, Window, Vec<Refusal>), DeskError> {
    let none = || DeskError::None { what: "occurrence", id: id.to_owned() };
    let found = desk.catalog.occurrence(id).await?.ok_or_else(none)?;
    let window = desk.catalog.window(&found.window).await?.ok_or_else(none)?;
    let inspections = inspections(desk.catalog.windows().await?.iter());
    let by = found.break_glass.as_ref().and_then(|(by, _)| by.parse().ok());
    let facts = Facts {
        window: &window,
        digest_now: desk.digest_now(&window.terms).unwrap_or_default(),
        span: found.span,
        announced_at: found.announced_at,
        lead_days: desk.lead.of(&window.terms),
        inspections: &inspections,
        // Proofs come later, in the last day: only a page that was looked at in vain speaks against it now.
        proven_at: (!is_unproven(desk, &found).await?).then_some(found.span.0),
        break_glass: by.as_ref(),
    };
    let refusals = gate::standing_refusals(&facts);
    Ok((found, window, refusals))
}

/// Why an occurrence did not run or did not end well, or was refused before it ran; newest first.
pub async fn reasons(desk: &Desk, id: &str) -> Result<Vec<ReasonRow>, DeskError> {
    Ok(desk.catalog.reasons_of(id).await?)
}

/// Who has seen the report of an occurrence's break-glass, and when.
pub async fn report_seen(desk: &Desk, id: &str) -> Result<Option<(AccountId, Instant)>, DeskError> {
    Ok(desk.catalog.report_seen(id).await?)
}

/// A run.
pub async fn run(catalog: &Catalog, id: &str) -> Result<Option<RunRow>, CatalogError> {
    catalog.run(id).await
}

/// A notice and how far its delivery is.
pub async fn notice(catalog: &Catalog, id: &str) -> Result<Option<(NoticeRow, Vec<Delivery>)>, CatalogError> {
    let Some(posted) = catalog.notice(id).await? else { return Ok(None) };
    let row = posted.row;
    let deliveries = catalog.deliveries(&row).await?;
    Ok(Some((row, deliveries)))
}

/// Every account; there are few.
pub async fn accounts(catalog: &Catalog) -> Result<Vec<AccountRow>, CatalogError> {
    catalog.accounts().await
}

/// One account.
pub async fn account(catalog: &Catalog, id: &AccountId) -> Result<Option<AccountRow>, CatalogError> {
    catalog.account(id).await
}
