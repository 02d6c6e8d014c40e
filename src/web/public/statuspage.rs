//! Notices of dated work in the shape of Statuspage's scheduled maintenances, for portals that read that already.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::domain::notice::NoticeStatus;
use crate::workflows::notices::{self, NoticeRow};

use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

fn maintenance(row: &NoticeRow, base: &str) -> Value {
    let (created, updated) = (row.published_at.to_string(), row.updated_at.to_string());
    let status = match row.status {
        NoticeStatus::Scheduled => "scheduled",
        NoticeStatus::InProgress => "in_progress",
        // Statuspage has no word for cancelled; its readers treat a completed one as over.
        NoticeStatus::Completed | NoticeStatus::Cancelled => "completed",
    };
    json!({
        "id": row.notice, "page_id": "kura", "name": row.words.title, "status": status,
        "impact": if row.stops { "major" } else { "none" }, "created_at": created, "updated_at": updated,
        "scheduled_for": row.work_from.to_string(), "scheduled_until": row.work_until.map(|at| at.to_string()),
        "shortlink": format!("{base}/notices#{}", row.notice), "components": [],
        "monitoring_at": null, "resolved_at": (status == "completed").then(|| updated.clone()),
        "incident_updates": [{
            "id": format!("{}-{}", row.notice, row.revision), "incident_id": row.notice, "status": status,
            "body": row.words.body, "created_at": updated, "updated_at": updated, "display_at": updated,
        }],
    })
}

async fn answer(shared: Shared, which: impl Fn(&NoticeRow) -> bool) -> Result<Json<Value>, Problem> {
    let desk = shared.desk()?;
    let rows = notices::list(&desk, false, SHOWN_MAX).await?;
    let dated = rows.iter().filter(|row| row.work_until.is_some() && which(row));
    let list: Vec<Value> = dated.map(|row| maintenance(row, &shared.base)).collect();
    let page = json!({
        "id": "kura", "name": desk.sender.service, "url": format!("{}/notices", shared.base),
        "time_zone": "Asia/Tokyo", "updated_at": shared.clock.now().to_string(),
    });
    Ok(Json(json!({ "page": page, "scheduled_maintenances": list })))
}

/// `/api/v2/scheduled-maintenances.json`.
pub(in crate::web) async fn all(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    answer(shared, |_| true).await
}

/// `/api/v2/scheduled-maintenances/upcoming.json`.
pub(in crate::web) async fn upcoming(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    answer(shared, |row| row.status == NoticeStatus::Scheduled).await
}

/// `/api/v2/scheduled-maintenances/active.json`.
pub(in crate::web) async fn active(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    answer(shared, |row| row.status == NoticeStatus::InProgress).await
}
