//! Files that pages need. One stylesheet for the public page and the console; no script, no font, nothing from elsewhere.

use axum::http::header;
use axum::response::IntoResponse;

/// The stylesheet.
const STYLE: &str = include_str!("kura.css");

/// `/assets/kura.css`. Kept for five minutes only: after an upgrade nobody sees a new page in an old dress for long.
pub(super) async fn stylesheet() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")], STYLE)
}
