//! Notices for feed readers: JSON Feed 1.1, Atom. One record feeds them all; our own JSON is in `api`.

use atom_syndication::{Category, Content, Entry, Feed, FixedDateTime, Link, Person, Text};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::board::{Mark, mark};
use crate::domain::time::Instant;
use crate::workflows::desk::Desk;
use crate::workflows::notices::{self, Posted, is_dated};

use super::cached;
use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

/// `?closed=true`: those that are no longer current.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct Which {
    closed: Option<String>,
}

/// The address of a notice on the public page.
pub(super) fn address(posted: &Posted, base: &str) -> String {
    format!("{base}/notices#{}", posted.row.notice)
}

/// A notice in our own words; the fields are a contract with portals.
fn notice(posted: &Posted, base: &str, desk: &Desk, now: Instant) -> Value {
    let row = &posted.row;
    let span = json!({ "start": row.work_from.to_string(), "end": row.work_until.map(|at| at.to_string()) });
    let mark = mark(row.revision, row.updated_at, now);
    let affected =
        if posted.services.is_empty() { vec![desk.sender.service.clone()] } else { posted.services.clone() };
    let supersedes = row.revision.checked_sub(1).filter(|before| *before > 0);
    let effective_until = row.closed_at.or(row.work_until.filter(|_| is_dated(posted)));
    json!({
        "id": row.notice, "revision": row.revision, "kind": row.kind.word(), "status": row.status.word(),
        "title": row.words.title, "body": row.words.body, "title_en": row.words.title_en, "body_en": row.words.body_en,
        "impact": if row.stops { "full" } else { "none" }, "affected": affected, "work_window": span,
        "stop_window": row.stops.then(|| span.clone()), "recurrence": posted.recurrence.to_string(),
        "published_at": row.published_at.to_string(), "updated_at": row.updated_at.to_string(),
        "effective_until": effective_until.map(|at| at.to_string()),
        "closed_at": row.closed_at.map(|at| at.to_string()),
        "approval_id": posted.approval, "supersedes": supersedes.map(|before| format!("{}.{before}", row.notice)),
        "contact": desk.sender.contact, "is_new": mark == Some(Mark::New), "updated": mark == Some(Mark::Updated),
        "lead_days": if row.stops { desk.lead.downtime } else { desk.lead.routine }, "tz": posted.zone.name(),
        "url": address(posted, base),
    })
}

/// `/api/v1/notices`.
pub(in crate::web) async fn api(
    State(shared): State<Shared>,
    which: Result<Query<Which>, QueryRejection>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let wrong = || Problem::bad_request("closed is true or false", "closed は true か false です。");
    let which = which.map_err(|_| wrong())?;
    let (desk, now) = (shared.desk()?, shared.clock.now());
    let board = match which.closed.as_deref() {
        None | Some("false") => notices::board(&desk, now, SHOWN_MAX).await?,
        Some("true") => notices::past(&desk, now, SHOWN_MAX).await?,
        Some(_) => return Err(wrong()),
    };
    let shown = board.notices.iter().map(|posted| notice(posted, &shared.base, &desk, now));
    let body = json!({ "notices": shown.collect::<Vec<Value>>() }).to_string();
    Ok(cached::answer(&asked, "application/json", body, board.changed_at))
}

/// `/notices.json`.
pub(in crate::web) async fn json_feed(
    State(shared): State<Shared>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let (desk, now) = (shared.desk()?, shared.clock.now());
    let board = notices::board(&desk, now, SHOWN_MAX).await?;
    let base = &shared.base;
    let item = |posted: &Posted| {
        let row = &posted.row;
        json!({
            "id": address(posted, base), "url": address(posted, base), "title": row.words.title,
            "content_text": row.words.body, "language": "ja", "tags": [row.kind.word(), row.status.word()],
            "date_published": row.published_at.to_string(), "date_modified": row.updated_at.to_string(),
        })
    };
    let body = json!({
        "version": "https://jsonfeed.org/version/1.1", "title": format!("{} お知らせ", desk.sender.service),
        "home_page_url": format!("{base}/notices"), "feed_url": format!("{base}/notices.json"), "language": "ja",
        "authors": [{ "name": desk.sender.service }],
        "items": board.notices.iter().map(item).collect::<Vec<Value>>(),
    });
    let kind = "application/feed+json; charset=utf-8";
    Ok(cached::answer(&asked, kind, body.to_string(), board.changed_at))
}

fn date(at: Instant) -> FixedDateTime {
    at.to_string().parse().unwrap_or_default()
}

fn link(rel: &str, href: String, kind: &str) -> Link {
    Link { href, rel: rel.to_owned(), mime_type: Some(kind.to_owned()), ..Link::default() }
}

/// `/notices.atom`.
pub(in crate::web) async fn atom(
    State(shared): State<Shared>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let (desk, now) = (shared.desk()?, shared.clock.now());
    let board = notices::board(&desk, now, SHOWN_MAX).await?;
    let base = &shared.base;
    let newest = board.notices.iter().map(|posted| posted.row.updated_at).max();
    let feed = Feed {
        title: Text::plain(format!("{} お知らせ", desk.sender.service)),
        id: format!("{base}/notices"),
        updated: date(newest.unwrap_or(board.changed_at)),
        authors: vec![Person { name: desk.sender.service.clone(), ..Person::default() }],
        links: vec![
            link("self", format!("{base}/notices.atom"), "application/atom+xml"),
            link("alternate", format!("{base}/notices"), "text/html"),
        ],
        lang: Some("ja".to_owned()),
        entries: board.notices.iter().map(|posted| entry(posted, base)).collect(),
        ..Feed::default()
    };
    let kind = "application/atom+xml; charset=utf-8";
    Ok(cached::answer(&asked, kind, feed.to_string(), board.changed_at))
}

/// Text as XML can hold it: control characters are nowhere allowed there, not even escaped.
fn xml(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

fn entry(posted: &Posted, base: &str) -> Entry {
    let row = &posted.row;
    Entry {
        title: Text::plain(xml(&row.words.title)),
        id: address(posted, base),
        updated: date(row.updated_at),
        published: Some(date(row.published_at)),
        links: vec![link("alternate", address(posted, base), "text/html")],
        categories: vec![Category { term: row.kind.word().to_owned(), ..Category::default() }],
        content: Some(Content {
            value: Some(xml(&row.words.body)),
            content_type: Some("text".to_owned()),
            ..Content::default()
        }),
        ..Entry::default()
    }
}
