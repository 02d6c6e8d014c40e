//! Notices for feed readers: JSON Feed 1.1, Atom. One record feeds them all; our own JSON is in `api`.

use atom_syndication::{Content, Entry, Feed, FixedDateTime, Link, Person, Text};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::domain::time::Instant;
use crate::workflows::notices::{self, NoticeRow};

use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

/// `/notices.json`.
pub(in crate::web) async fn json_feed(State(shared): State<Shared>) -> Result<Response, Problem> {
    let desk = shared.desk()?;
    let rows = notices::list(&desk, false, SHOWN_MAX).await?;
    let base = &shared.base;
    let entry = |row: &NoticeRow| {
        json!({
            "id": format!("{base}/notices#{}", row.notice), "url": format!("{base}/notices#{}", row.notice),
            "title": row.words.title, "content_text": row.words.body, "language": "ja",
            "date_published": row.published_at.to_string(), "date_modified": row.updated_at.to_string(),
        })
    };
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1", "title": format!("{} お知らせ", desk.sender.service),
        "home_page_url": format!("{base}/notices"), "feed_url": format!("{base}/notices.json"), "language": "ja",
        "items": rows.iter().map(entry).collect::<Vec<Value>>(),
    });
    Ok(([(header::CONTENT_TYPE, "application/feed+json; charset=utf-8")], feed.to_string()).into_response())
}

fn date(at: Instant) -> FixedDateTime {
    at.to_string().parse().unwrap_or_default()
}

/// `/notices.atom`.
pub(in crate::web) async fn atom(State(shared): State<Shared>) -> Result<Response, Problem> {
    let desk = shared.desk()?;
    let rows = notices::list(&desk, false, SHOWN_MAX).await?;
    let feed = Feed {
        title: Text::plain(format!("{} お知らせ", desk.sender.service)),
        id: format!("{}/notices", shared.base),
        updated: date(rows.iter().map(|row| row.updated_at).max().unwrap_or(Instant::from_micros(0))),
        authors: vec![Person { name: desk.sender.service.clone(), ..Person::default() }],
        links: vec![Link {
            href: format!("{}/notices.atom", shared.base),
            rel: "self".to_owned(),
            ..Link::default()
        }],
        lang: Some("ja".to_owned()),
        entries: rows.iter().map(|row| entry(row, &shared.base)).collect(),
        ..Feed::default()
    };
    Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feed.to_string()).into_response())
}

fn entry(row: &NoticeRow, base: &str) -> Entry {
    let address = format!("{base}/notices#{}", row.notice);
    Entry {
        title: Text::plain(row.words.title.clone()),
        id: address.clone(),
        updated: date(row.updated_at),
        published: Some(date(row.published_at)),
        links: vec![Link { href: address, rel: "alternate".to_owned(), ..Link::default() }],
        content: Some(Content {
            value: Some(row.words.body.clone()),
            content_type: Some("text".to_owned()),
            ..Content::default()
        }),
        ..Entry::default()
    }
}
