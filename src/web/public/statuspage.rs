//! Notices in the shape of Statuspage's scheduled maintenances, for portals that read that already.
//!
//! Each notice is one maintenance. Work that comes again and again stands at its next occurrence.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use crate::domain::notice::NoticeStatus;
use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::time::Instant;
use crate::workflows::notices::{self, NoticeRow, Posted, is_dated};

use super::cached;
use super::feeds::address;
use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

/// Our only page; readers keep what they know by it.
const PAGE: &str = "kura";
/// The most revisions that are told.
const REVISIONS_MAX: u32 = 5000;

const fn status_word(status: NoticeStatus) -> &'static str {
    match status {
        NoticeStatus::Scheduled => "scheduled",
        NoticeStatus::InProgress => "in_progress",
        // Statuspage has no word for cancelled; its readers treat a completed one as over.
        NoticeStatus::Completed | NoticeStatus::Cancelled => "completed",
    }
}

/// Where a notice stands and when its work is: that of its next occurrence, if it comes again.
fn place(posted: &Posted, dates: &[Occurrence]) -> (NoticeStatus, Instant, Option<Instant>) {
    let row = &posted.row;
    if is_dated(posted) || row.status != NoticeStatus::Scheduled {
        return (row.status, row.work_from, row.work_until);
    }
    match dates.iter().find(|found| found.window == row.window && found.state.is_open()) {
        Some(next) if next.state == OccurrenceState::Running => {
            (NoticeStatus::InProgress, next.span.0, Some(next.span.1))
        }
        Some(next) => (NoticeStatus::Scheduled, next.span.0, Some(next.span.1)),
        None => (row.status, row.work_from, row.work_until),
    }
}

/// A service by an id that does not change as long as its name does not.
fn component(service: &str, number: usize, posted: &Posted, status: NoticeStatus) -> Value {
    let row = &posted.row;
    let id: String = blake3::hash(service.as_bytes()).to_hex().chars().take(12).collect();
    let is_stopped = status == NoticeStatus::InProgress;
    json!({
        "id": id, "page_id": PAGE, "name": service, "description": null, "position": number + 1,
        "status": if is_stopped { "under_maintenance" } else { "operational" }, "showcase": false,
        "group": false, "group_id": null, "only_show_if_degraded": false, "start_date": null,
        "created_at": row.published_at.to_string(), "updated_at": row.updated_at.to_string(),
    })
}

fn update(row: &NoticeRow) -> Value {
    let at = row.updated_at.to_string();
    json!({
        "id": format!("{}-{}", row.notice, row.revision), "incident_id": row.notice, "status": status_word(row.status),
        "body": row.words.body, "created_at": at, "updated_at": at, "display_at": at, "affected_components": null,
        "deliver_notifications": true, "custom_tweet": null, "tweet_id": null,
    })
}

fn maintenance(
    posted: &Posted,
    revisions: &[NoticeRow],
    (status, from, until): (NoticeStatus, Instant, Option<Instant>),
    base: &str,
) -> Value {
    let row = &posted.row;
    let services = posted.services.iter().enumerate();
    let began = revisions.iter().rfind(|one| one.status == NoticeStatus::InProgress);
    let is_over = status_word(status) == "completed";
    json!({
        "id": row.notice, "page_id": PAGE, "name": row.words.title, "status": status_word(status),
        "impact": if row.stops { "major" } else { "none" }, "created_at": row.published_at.to_string(),
        "updated_at": row.updated_at.to_string(), "started_at": began.map(|one| one.updated_at.to_string()),
        "monitoring_at": null, "resolved_at": is_over.then(|| row.updated_at.to_string()),
        "scheduled_for": from.to_string(), "scheduled_until": until.map(|at| at.to_string()),
        "shortlink": address(posted, base),
        "components": services.map(|(number, name)| component(name, number, posted, status)).collect::<Vec<_>>(),
        "incident_updates": revisions.iter().map(update).collect::<Vec<_>>(),
    })
}

async fn answer(
    shared: Shared,
    asked: HeaderMap,
    which: impl Fn(NoticeStatus) -> bool,
) -> Result<Response, Problem> {
    let (desk, now) = (shared.desk()?, shared.clock.now());
    let board = notices::board(&desk, now, SHOWN_MAX).await?;
    let dates = notices::dates(&desk, now).await?;
    let revisions: BTreeMap<String, Vec<NoticeRow>> = notices::revisions(&desk, now, REVISIONS_MAX).await?;
    let mut list = Vec::new();
    for posted in &board.notices {
        let place = place(posted, &dates);
        // Without an end there is nothing that a reader of this shape could show; a failure is no planned work.
        if posted.row.incident.is_none() && place.2.is_some() && which(place.0) {
            let own = revisions.get(&posted.row.notice).map(Vec::as_slice).unwrap_or_default();
            list.push(maintenance(posted, own, place, &shared.base));
        }
    }
    let page = json!({
        "id": PAGE, "name": desk.sender.service, "url": format!("{}/notices", shared.base),
        "time_zone": "Asia/Tokyo", "updated_at": board.changed_at.to_string(),
    });
    let body = json!({ "page": page, "scheduled_maintenances": list }).to_string();
    Ok(cached::answer(&asked, "application/json", body, board.changed_at.max(begun(&dates, now))))
}

/// When an occurrence last began or ended: what is upcoming or active depends on that too.
fn begun(dates: &[Occurrence], now: Instant) -> Instant {
    let edges = dates.iter().flat_map(|found| [found.span.0, found.span.1]).filter(|at| *at <= now);
    edges.max().unwrap_or(Instant::from_micros(0))
}

/// `/api/v2/scheduled-maintenances.json`.
pub(in crate::web) async fn all(State(shared): State<Shared>, asked: HeaderMap) -> Result<Response, Problem> {
    answer(shared, asked, |_| true).await
}

/// `/api/v2/scheduled-maintenances/upcoming.json`.
pub(in crate::web) async fn upcoming(
    State(shared): State<Shared>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    answer(shared, asked, |status| status == NoticeStatus::Scheduled).await
}

/// `/api/v2/scheduled-maintenances/active.json`.
pub(in crate::web) async fn active(
    State(shared): State<Shared>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    answer(shared, asked, |status| status == NoticeStatus::InProgress).await
}
