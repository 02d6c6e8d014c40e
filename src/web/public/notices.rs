//! The public page of notices: plain HTML, Japanese first, without script.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use crate::domain::board::{Mark, mark};
use crate::domain::calendar::{english, wareki};
use crate::domain::notice::NoticeStatus;
use crate::domain::time::Instant;
use crate::workflows::notices::{self, Posted};

use super::cached;
use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

/// `?lang=en`.
#[derive(Debug, Deserialize)]
pub(in crate::web) struct Language {
    lang: Option<String>,
}

/// `/notices`.
pub(in crate::web) async fn page(
    State(shared): State<Shared>,
    language: Result<Query<Language>, QueryRejection>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let wrong = || Problem::bad_request("lang is ja or en", "lang は ja か en です。");
    let is_english = match language.map_err(|_| wrong())?.lang.as_deref() {
        None | Some("ja") => false,
        Some("en") => true,
        Some(_) => return Err(wrong()),
    };
    let (desk, now) = (shared.desk()?, shared.clock.now());
    let board = notices::board(&desk, now, SHOWN_MAX).await?;
    let page = render(&desk.sender.service, &board.notices, now, is_english).into_string();
    Ok(cached::answer(&asked, "text/html; charset=utf-8", page, board.changed_at))
}

fn render(service: &str, notices: &[Posted], now: Instant, is_english: bool) -> Markup {
    let (lang, title) = if is_english { ("en", "Notices") } else { ("ja", "お知らせ") };
    html! {
        (DOCTYPE)
        html lang=(lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - " (service) }
                link rel="stylesheet" href="/assets/kura.css";
                link rel="alternate" type="application/atom+xml" href="/notices.atom" title=(title);
                link rel="alternate" type="application/feed+json" href="/notices.json" title=(title);
                link rel="alternate" type="text/calendar" href="/notices.ics" title=(title);
            }
            body {
                header {
                    @if is_english {
                        nav aria-label="Language" { a href="/notices" lang="ja" hreflang="ja" { "日本語" } }
                    } @else {
                        nav aria-label="言語" { a href="/notices?lang=en" lang="en" hreflang="en" { "English" } }
                    }
                }
                main {
                    h1 { (title) }
                    @if notices.is_empty() {
                        p { @if is_english { "There is no current notice." } @else { "現在、お知らせはありません。" } }
                    }
                    @for posted in notices { (article(posted, now, is_english)) }
                }
                footer {
                    @if is_english { "Feeds: " } @else { "配信：" }
                    a href="/notices.atom" { "Atom" } " " a href="/notices.json" { "JSON Feed" } " "
                    a href="/notices.ics" { "iCalendar" }
                }
            }
        }
    }
}

/// 新規 or 更新 (第13条③) while it is fresh, and the status.
fn marks(posted: &Posted, now: Instant, is_english: bool) -> Vec<&'static str> {
    let row = &posted.row;
    let first = match (mark(row.revision, row.updated_at, now), is_english) {
        (None, _) => None,
        (Some(Mark::New), false) => Some("新規"),
        (Some(Mark::New), true) => Some("New"),
        (Some(Mark::Updated), false) => Some("更新"),
        (Some(Mark::Updated), true) => Some("Updated"),
    };
    let second = match (row.status, is_english) {
        (NoticeStatus::Scheduled, _) => None,
        (NoticeStatus::InProgress, false) => Some("実施中"),
        (NoticeStatus::InProgress, true) => Some("In progress"),
        (NoticeStatus::Completed, false) => Some("終了"),
        (NoticeStatus::Completed, true) => Some("Over"),
        (NoticeStatus::Cancelled, false) => Some("中止"),
        (NoticeStatus::Cancelled, true) => Some("Cancelled"),
    };
    first.into_iter().chain(second).collect()
}

fn article(posted: &Posted, now: Instant, is_english: bool) -> Markup {
    let row = &posted.row;
    let day = posted.zone.day_of(row.updated_at);
    let words = &row.words;
    html! {
        article id=(row.notice) {
            p {
                @for mark in marks(posted, now, is_english) { span class="mark" { (mark) } }
                time datetime=(row.updated_at.to_string()) {
                    @if is_english { (english(day)) } @else { (wareki(day)) }
                }
                " " (row.notice)
            }
            h2 { @if is_english { (words.title_en) } @else { (words.title) } }
            div class="body" { @if is_english { (words.body_en) } @else { (words.body) } }
        }
    }
}
