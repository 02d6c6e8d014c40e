//! The public addresses beside the API, for the document only: feeds, Statuspage, health. `public/` answers them.

#![expect(dead_code, reason = "the functions are there for what is written above them")]

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::notices::Span;

/// The paths of this file.
#[derive(OpenApi)]
#[openapi(paths(
    api,
    page,
    json_feed,
    atom,
    calendar,
    statuspage_all,
    statuspage_upcoming,
    statuspage_active,
    alive,
    ready
))]
pub(super) struct Beside;

/// A notice as the public reads it. The fields are a contract with portals.
#[derive(Serialize, ToSchema)]
struct PublicNotice {
    id: String,
    revision: u32,
    kind: String,
    status: String,
    title: String,
    body: String,
    title_en: String,
    body_en: String,
    /// `full` where services stop, else `none`.
    impact: String,
    /// What it is about, by the names that users know.
    affected: Vec<String>,
    work_window: Span,
    stop_window: Option<Span>,
    recurrence: String,
    #[schema(format = DateTime)]
    published_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    #[schema(format = DateTime)]
    effective_until: Option<String>,
    #[schema(format = DateTime)]
    closed_at: Option<String>,
    approval_id: Option<String>,
    supersedes: Option<String>,
    contact: String,
    /// 新規 (第13条③)
    is_new: bool,
    /// 更新
    updated: bool,
    lead_days: u32,
    tz: String,
    url: String,
}

/// The notices that the public reads.
#[derive(Serialize, ToSchema)]
struct PublicNotices {
    notices: Vec<PublicNotice>,
}

#[utoipa::path(
    get, path = "/api/v1/notices", tag = "public", operation_id = "publicNotices",
    summary = "The current notices / 現在のお知らせ",
    description = "At most 500; all of them, page by page, are in the archive.",
    params(("closed" = Option<bool>, Query, description = "Those that are no longer current, instead")),
    responses((status = 200, description = "The notices", body = PublicNotices),
        (status = 304, description = "They are as the reader has them"),
        (status = 400, description = "`closed` is neither", content_type = "application/problem+json",
            body = super::document::ProblemBody)),
    security(())
)]
fn api() {}

#[utoipa::path(
    get, path = "/notices", tag = "public", operation_id = "noticesPage",
    summary = "The page of notices / お知らせのページ",
    params(("lang" = Option<String>, Query, description = "`ja` or `en`", pattern = "^(ja|en)$")),
    responses((status = 200, description = "HTML", content_type = "text/html", body = String),
        (status = 400, description = "Another language", content_type = "application/problem+json",
            body = super::document::ProblemBody)),
    security(())
)]
fn page() {}

#[utoipa::path(
    get, path = "/notices.json", tag = "public", operation_id = "noticesJsonFeed",
    summary = "Notices as JSON Feed 1.1 / お知らせ（JSON Feed）",
    responses((status = 200, description = "A feed", content_type = "application/feed+json", body = Object)),
    security(())
)]
fn json_feed() {}

#[utoipa::path(
    get, path = "/notices.atom", tag = "public", operation_id = "noticesAtom",
    summary = "Notices as Atom / お知らせ（Atom）",
    responses((status = 200, description = "A feed", content_type = "application/atom+xml", body = String)),
    security(())
)]
fn atom() {}

#[utoipa::path(
    get, path = "/notices.ics", tag = "public", operation_id = "noticesCalendar",
    summary = "Notices as iCalendar / お知らせ（iCalendar）",
    responses((status = 200, description = "A calendar", content_type = "text/calendar", body = String)),
    security(())
)]
fn calendar() {}

#[utoipa::path(
    get, path = "/api/v2/scheduled-maintenances.json", tag = "public", operation_id = "statuspageAll",
    summary = "Dated notices in the shape of Statuspage / Statuspage 形式の予定作業",
    responses((status = 200, description = "Scheduled maintenances", body = Object)),
    security(())
)]
fn statuspage_all() {}

#[utoipa::path(
    get, path = "/api/v2/scheduled-maintenances/upcoming.json", tag = "public", operation_id = "statuspageUpcoming",
    summary = "Those to come / 今後の予定作業",
    responses((status = 200, description = "Scheduled maintenances", body = Object)),
    security(())
)]
fn statuspage_upcoming() {}

#[utoipa::path(
    get, path = "/api/v2/scheduled-maintenances/active.json", tag = "public", operation_id = "statuspageActive",
    summary = "Those under way / 実施中の予定作業",
    responses((status = 200, description = "Scheduled maintenances", body = Object)),
    security(())
)]
fn statuspage_active() {}

#[utoipa::path(
    get, path = "/healthz", tag = "public", operation_id = "healthz",
    summary = "Whether the scheduler's heart beats / 稼働確認",
    responses((status = 200, description = "It beats", content_type = "text/plain", body = String),
        (status = 503, description = "It has stopped", content_type = "text/plain", body = String)),
    security(())
)]
fn alive() {}

#[utoipa::path(
    get, path = "/readyz", tag = "public", operation_id = "readyz",
    summary = "Whether the catalog answers too / 応答確認",
    responses((status = 200, description = "It does", content_type = "text/plain", body = String),
        (status = 503, description = "It does not", content_type = "text/plain", body = String)),
    security(())
)]
fn ready() {}
