//! `/api/v1/notices/…`: all notices with their history, corrections. The public list is `public/feeds`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::lists::{self, ListPlace, NoticeRow};
use crate::workflows::notices;

use super::extract::{Asked, Named, Sent};
use super::page::{Listing, PageQuery, Wanted};

/// From when to when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct Span {
    #[schema(format = DateTime)]
    start: String,
    /// Null for occurrences without an end.
    #[schema(format = DateTime)]
    end: Option<String>,
}

/// A revision of a notice.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Notice {
    /// Its number.
    #[schema(example = "N-2026-0001")]
    id: String,
    /// From 1; each correction and each change of state is one more.
    revision: u32,
    /// `backup_calendar`, `downtime`, `start`, `completion` or `incident`.
    kind: String,
    /// `scheduled`, `in_progress`, `completed` or `cancelled`.
    status: String,
    title: String,
    body: String,
    title_en: String,
    body_en: String,
    /// `full` where services stop, else `none`.
    impact: String,
    work_window: Span,
    /// When services stop, if they do.
    stop_window: Option<Span>,
    #[schema(format = DateTime)]
    published_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// Since when it is no longer among the current ones.
    #[schema(format = DateTime)]
    closed_at: Option<String>,
    /// Where people read it.
    url: String,
}

/// A correction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Correction {
    /// One line that stands on top of the notice. Times are never corrected so: they belong to the window.
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

fn shown(base: &str, row: &NoticeRow) -> Notice {
    let span = Span { start: row.work_from.to_string(), end: row.work_until.map(|at| at.to_string()) };
    Notice {
        id: row.notice.clone(),
        revision: row.revision,
        kind: row.kind.word().to_owned(),
        status: row.status.word().to_owned(),
        title: row.words.title.clone(),
        body: row.words.body.clone(),
        title_en: row.words.title_en.clone(),
        body_en: row.words.body_en.clone(),
        impact: if row.stops { "full" } else { "none" }.to_owned(),
        stop_window: row.stops.then(|| span.clone()),
        work_window: span,
        published_at: row.published_at.to_string(),
        updated_at: row.updated_at.to_string(),
        closed_at: row.closed_at.map(|at| at.to_string()),
        url: format!("{base}/notices#{}", row.notice),
    }
}

#[utoipa::path(
    get, path = "/api/v1/notices/archive", tag = "notices", operation_id = "listNotices",
    summary = "List all notices, current or not, last changed first / すべてのお知らせの一覧（更新の新しい順）",
    params(PageQuery),
    responses((status = 200, description = "A page of notices", body = Listing<Notice>)),
    security(("token" = ["notice.read"]))
)]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("notices", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let page = lists::notices(&caller.desk(), &caller.actor, &wanted.after, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, |row| shown(&shared.base, row)))
}

#[utoipa::path(
    get, path = "/api/v1/notices/{notice}/revisions", tag = "notices", operation_id = "listRevisions",
    summary = "All revisions of a notice, oldest first / お知らせの全改訂（古い順）",
    params(("notice" = String, Path, description = "Its number", example = "N-2026-0001"), PageQuery),
    responses((status = 200, description = "A page of revisions", body = Listing<Notice>)),
    security(("token" = ["notice.read"]))
)]
pub(super) async fn revisions(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Asked(query, uri): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let wanted = Wanted::read("revisions", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    let desk = caller.desk();
    let page = lists::notice_revisions(&desk, &caller.actor, &id, &wanted.after, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, |row| shown(&shared.base, row)))
}

#[utoipa::path(
    post, path = "/api/v1/notices/{notice}/correct", tag = "notices", operation_id = "correctNotice",
    summary = "Correct a notice / お知らせを訂正する",
    params(("notice" = String, Path, description = "Its number")),
    request_body = Correction,
    responses((status = 200, description = "The next revision", body = Notice)),
    security(("token" = ["notice.edit"]))
)]
pub(super) async fn correct(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<Correction>,
) -> Result<Json<Notice>, Problem> {
    let desk = caller.desk();
    let row = notices::correct(&desk, &id, &body.text, &caller.actor, shared.clock.now()).await?;
    Ok(Json(shown(&shared.base, &row)))
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Closed {
    /// The notice.
    id: String,
    /// Always false: it is no longer among the current ones.
    is_current: bool,
}

#[utoipa::path(
    post, path = "/api/v1/notices/{notice}/close", tag = "notices", operation_id = "closeNotice",
    summary = "Take a notice from the current ones / お知らせの掲載を終える",
    description = "It stays readable in the archive.",
    params(("notice" = String, Path, description = "Its number")),
    responses((status = 200, description = "It is closed", body = Closed)),
    security(("token" = ["notice.edit"]))
)]
pub(super) async fn close(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
) -> Result<Json<Closed>, Problem> {
    let desk = caller.desk();
    notices::close(&desk, &id, &caller.actor, shared.clock.now()).await?;
    Ok(Json(Closed { id, is_current: false }))
}
