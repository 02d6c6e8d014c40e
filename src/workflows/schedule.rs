//! Bringing windows and occurrences up to date: lapses, ends, new occurrences with their notices, missed ones.
//!
//! Takes no input but the time, may be repeated, and does everything in one transaction; of several programs one does it.

use std::collections::BTreeMap;

use crate::catalog::Tx;
use crate::domain::audit::AuditEntry;
use crate::domain::occurrence::{self, Occurrence, OccurrenceState, Step, WindowFacts};
use crate::domain::time::Instant;
use crate::domain::window::{LAPSE_REASON, Window};

use super::desk::{Desk, DeskError, find};
use super::gate;
use super::publish;
use super::sign_in::line;

/// Occurrences of the last two days are looked at too: one may still go on.
const LOOK_BACK_MINUTES: i64 = 2 * 24 * 60;

/// What was brought up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refreshed {
    /// Steps that were taken.
    pub steps: usize,
}

/// Brings everything up to `now`.
pub async fn refresh(desk: &Desk, now: Instant) -> Result<Refreshed, DeskError> {
    let windows = desk.catalog.windows().await?;
    let open = desk.catalog.occurrences_since(now.plus_minutes(-LOOK_BACK_MINUTES)).await?;
    let living = desk.catalog.living_leases(now).await?;
    let mut by_window: BTreeMap<&str, Vec<Occurrence>> = BTreeMap::new();
    for occurrence in &open {
        by_window.entry(&occurrence.window).or_default().push(occurrence.clone());
    }
    let fact = |window| -> WindowFacts<'_> {
        let window: &Window = window;
        let occurrences = by_window.get(window.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        WindowFacts { window, digest_now: desk.digest_now(&window.terms), occurrences, living: &living }
    };
    let facts: Vec<WindowFacts<'_>> = windows.iter().map(fact).collect();
    let steps = occurrence::plan(now, &facts, desk.lead);
    if steps.is_empty() {
        return Ok(Refreshed::default());
    }
    let mut tx = desk.catalog.begin().await?;
    let mut lines = Vec::new();
    for step in &steps {
        match take(desk, &mut tx, step, (&windows, &open), now).await {
            Ok(more) => lines.extend(more),
            // Another program took these steps a moment ago: what is left is for the next time.
            Err(DeskError::Stale(_)) => return Ok(Refreshed::default()),
            Err(error) => return Err(error),
        }
    }
    tx.commit(&lines).await?;
    Ok(Refreshed { steps: steps.len() })
}

/// Why an occurrence passed without a snapshot, if nothing else was noted (K-30).
fn why_missed(plan: &str, is_readable: bool) -> gate::Why {
    if is_readable {
        return gate::Why {
            code: "time-over",
            japanese: "時間内にスナップショットを取得できませんでした。".to_owned(),
            english: "Its time passed without a snapshot.".to_owned(),
        };
    }
    gate::Why {
        code: "plan-unreadable",
        japanese: format!("計画 {plan} のファイルがないか、読み取れないため、実施できませんでした。"),
        english: format!("The file of plan {plan} is gone or cannot be read, so that nothing could run."),
    }
}

async fn take(
    desk: &Desk,
    tx: &mut Tx,
    step: &Step,
    (windows, open): (&[Window], &[Occurrence]),
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    match step {
        Step::Lapse { window } => {
            let reason = "承認後に計画・復旧鍵・日時のいずれかが変更されたため、予定を取り消します。";
            tx.lapse_window(window, now, LAPSE_REASON).await?;
            let cancelled = tx.cancel_occurrences(window).await?;
            let detail = format!("what was approved has changed (occurrences cancelled: {cancelled})");
            let mut lines = vec![line(now, "kura", "window.lapse", window, &detail)];
            lines.extend(publish::cancel_window(tx, find(windows, window)?, reason, now).await?);
            Ok(lines)
        }
        Step::End { window } => {
            tx.end_window(window, now).await?;
            let mut lines = vec![line(now, "kura", "window.end", window, "")];
            lines.extend(publish::close_window(tx, find(windows, window)?, now).await?);
            Ok(lines)
        }
        Step::Make { occurrence, own_notice } => {
            tx.add_occurrence(occurrence).await?;
            let mut lines = vec![line(now, "kura", "occurrence.announce", &occurrence.id, "")];
            if *own_notice {
                let window = find(windows, &occurrence.window)?;
                lines.push(publish::announce_occurrence(desk, tx, window, occurrence, now).await?);
            }
            Ok(lines)
        }
        Step::Miss { occurrence, refused } => {
            let found = open.iter().find(|found| found.id == *occurrence);
            let none = || DeskError::None { what: "occurrence", id: occurrence.clone() };
            let found = found.ok_or_else(none)?;
            let reasons = tx.count_reasons(occurrence).await?;
            let is_refused = *refused || matches!(reasons, (1.., 0));
            let to = if is_refused { OccurrenceState::Refused } else { OccurrenceState::Missed };
            tx.move_occurrence(occurrence, found.state, to).await?;
            let mut lines = vec![line(now, "kura", &format!("occurrence.{}", to.word()), occurrence, "")];
            let window = find(windows, &found.window)?;
            if reasons == (0, 0) {
                let plan = window.terms.parts().plan.as_ref().map(ToString::to_string).unwrap_or_default();
                let why = why_missed(&plan, desk.digest_now(&window.terms).is_some());
                tx.note_reason(&gate::reason(&plan, Some(occurrence), &why, now)).await?;
            }
            lines.extend(publish::tell_not_run(desk, tx, window, found, now).await?);
            Ok(lines)
        }
    }
}
