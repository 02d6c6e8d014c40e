//! What everybody may read: the page of notices and the same notices as feeds. No account, no plan, no file but a sealed
//! extract for whoever has its address.

use axum::Router;
use axum::routing::get;

use super::Shared;

/// The page.
mod notices;

/// JSON Feed, Atom and our own JSON.
mod feeds;

/// iCalendar.
mod calendar_feed;

/// How iCalendar is written.
mod calendar_lines;

/// Answers that readers may keep.
mod cached;

/// Fetching extracts.
mod extracts;

/// The shape of Statuspage.
mod statuspage;

/// The public addresses.
pub(super) fn router(shared: &Shared) -> Router<Shared> {
    Router::new()
        .merge(extracts::router(shared))
        .route("/", get(async || axum::response::Redirect::temporary("/notices")))
        .route("/notices", get(notices::page))
        .route("/api/v1/notices", get(feeds::api))
        .route("/notices.json", get(feeds::json_feed))
        .route("/notices.atom", get(feeds::atom))
        .route("/notices.ics", get(calendar_feed::calendar))
        .route("/api/v2/scheduled-maintenances.json", get(statuspage::all))
        .route("/api/v2/scheduled-maintenances/upcoming.json", get(statuspage::upcoming))
        .route("/api/v2/scheduled-maintenances/active.json", get(statuspage::active))
        .route("/assets/kura.css", get(super::assets::stylesheet))
}
