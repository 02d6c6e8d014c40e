//! What `kura window` shows: windows, previews, occurrences.

use serde::Serialize;

use crate::app::Desk;
use crate::domain::calendar::{Holiday, Holidays};
use crate::domain::time::Instant;
use crate::domain::window::{Window, WindowState};
use crate::workflows::look::{self, WindowSheet};

use super::commands::Global;
use super::failure::Failure;
use super::words::{local, print, print_json, table, tokyo};

#[derive(Serialize)]
struct Listed<'a> {
    window: &'a str,
    plan: Option<&'a str>,
    kind: &'static str,
    recurrence: String,
    length_minutes: u32,
    stops: &'a [String],
    first_day: String,
    last_day: Option<String>,
    time_zone: &'a str,
    requested_by: &'a str,
    requested_at: String,
    state: &'static str,
    approval: Option<&'a str>,
    approved_by: Option<&'a str>,
    reason: Option<&'a str>,
    digest_now: Option<String>,
}

fn listed<'a>(desk: &Desk, window: &'a Window) -> Listed<'a> {
    let parts = window.terms.parts();
    let reason = match &window.state {
        WindowState::Returned { reason, .. }
        | WindowState::Withdrawn { reason, .. }
        | WindowState::Lapsed { reason, .. } => Some(reason.as_str()),
        WindowState::Requested | WindowState::Approved(_) | WindowState::Ended { .. } => None,
    };
    Listed {
        window: &window.id,
        plan: parts.plan.as_ref().map(crate::domain::plan::PlanName::as_str),
        kind: parts.kind.word(),
        recurrence: parts.recurrence.to_string(),
        length_minutes: parts.length_minutes,
        stops: &parts.stops,
        first_day: parts.first_day.to_string(),
        last_day: parts.last_day.map(|day| day.to_string()),
        time_zone: parts.zone.name(),
        requested_by: window.requested_by.as_str(),
        requested_at: window.requested_at.to_string(),
        state: window.state.word(),
        approval: window.approval().map(|approval| approval.number.as_str()),
        approved_by: window.approval().map(|approval| approval.by.as_str()),
        reason,
        digest_now: desk.digest_now(&window.terms).map(hex::encode),
    }
}

/// `kura window list`.
pub(super) async fn windows(global: &Global, desk: &Desk) -> Result<(), Failure> {
    let windows = desk.catalog.windows().await?;
    if global.json {
        return print_json(&windows.iter().map(|window| listed(desk, window)).collect::<Vec<_>>());
    }
    if windows.is_empty() {
        return print(
            "There is no window; `kura window request` asks for one. Plans without windows run by hand.\n",
        );
    }
    let cells = windows.iter().map(|window| {
        let parts = window.terms.parts();
        vec![
            window.id.clone(),
            parts.plan.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            parts.kind.word().to_owned(),
            window.terms.to_string(),
            format!("{} {}", window.state.word(), window.state.japanese()),
            window.approval().map_or_else(|| "-".to_owned(), |approval| approval.number.clone()),
        ]
    });
    print(&table(&["WINDOW", "PLAN", "KIND", "WHEN", "STATE", "APPROVAL"], &cells.collect::<Vec<_>>()))
}

/// `kura window preview`.
pub(super) async fn preview(global: &Global, desk: &Desk, id: &str, now: Instant) -> Result<(), Failure> {
    let WindowSheet { window, preview: rows, replaces, .. } = look::window(desk, id, now).await?;
    let zone = &window.terms.parts().zone;
    let digest = desk.digest_now(&window.terms).map(hex::encode);
    if global.json {
        let shown = rows.iter().map(|row| {
            let holiday = match row.holiday {
                Holiday::Named(name) => serde_json::json!(name),
                Holiday::None => serde_json::json!(false),
                Holiday::Unknown => serde_json::Value::Null,
            };
            serde_json::json!({
                "day": row.day.to_string(), "starts_at": row.span.0.to_string(), "ends_at": row.span.1.to_string(),
                "holiday": holiday, "clashes": row.clashes, "too_early_for_a_notice": row.is_too_early,
            })
        });
        let shown: Vec<serde_json::Value> = shown.collect();
        return print_json(&serde_json::json!({ "window": id, "digest": digest, "occurrences": shown }));
    }
    let mut cells = Vec::new();
    for row in &rows {
        let mut remarks = Vec::new();
        match row.holiday {
            Holiday::Named(name) => remarks.push(name.to_owned()),
            Holiday::None => {}
            Holiday::Unknown => {
                remarks.push(format!("holidays are known to {} only", Holidays::of_japan().last_year()));
            }
        }
        if row.is_too_early {
            remarks.push("too early: a notice now would come too late".to_owned());
        }
        if !row.clashes.is_empty() {
            remarks.push(format!("clashes with {}", row.clashes.join(", ")));
        }
        cells.push(vec![
            crate::domain::calendar::wareki_span(row.span.0, row.span.1, zone),
            remarks.join("; "),
        ]);
    }
    let digest = digest.unwrap_or_else(|| "the plan cannot be read".to_owned());
    let mut head = format!("{id}: {}\nwhat would be approved: {digest}\n", window.terms);
    if let Some(old) = replaces {
        head.push_str(&format!(
            "it takes the place of {old}, which ends with the approval, with everything that has not begun: until the first \
             run of the new one there is no backup\n"
        ));
    }
    print(&format!("{head}{}", table(&["OCCURRENCE", "REMARKS"], &cells)))
}

/// `kura window occurrences`.
pub(super) async fn occurrences(global: &Global, desk: &Desk, now: Instant) -> Result<(), Failure> {
    let rows = desk.catalog.occurrences_since(now.plus_minutes(-24 * 60)).await?;
    if global.json {
        let shown = rows.iter().map(|row| {
            serde_json::json!({
                "occurrence": row.id, "window": row.window, "day": row.day.to_string(),
                "starts_at": row.span.0.to_string(), "ends_at": row.span.1.to_string(), "state": row.state.word(),
                "announced_at": row.announced_at.map(|at| at.to_string()),
                "break_glass": row.break_glass.as_ref().map(|(by, reason)| serde_json::json!({ "by": by, "reason": reason })),
            })
        });
        return print_json(&shown.collect::<Vec<serde_json::Value>>());
    }
    if rows.is_empty() {
        return print("No occurrence lies ahead.\n");
    }
    let cells = rows.iter().map(|row| {
        let [start, end] = [row.span.0, row.span.1].map(|at| local(at, &tokyo()));
        vec![row.id.clone(), start, end, row.state.word().to_owned()]
    });
    print(&table(&["OCCURRENCE", "STARTS", "ENDS", "STATE"], &cells.collect::<Vec<_>>()))
}
