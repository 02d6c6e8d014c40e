//! The public page of notices: plain HTML, Japanese first, without script.

use axum::extract::{Query, State};
use axum::response::Html;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use crate::domain::calendar::{english, wareki};
use crate::domain::notice::NoticeStatus;
use crate::domain::time::Zone;
use crate::workflows::notices::{self, NoticeRow};

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
    Query(language): Query<Language>,
) -> Result<Html<String>, Problem> {
    let is_english = match language.lang.as_deref() {
        None | Some("ja") => false,
        Some("en") => true,
        Some(_) => return Err(Problem::bad_request("lang is ja or en".to_owned())),
    };
    let desk = shared.desk()?;
    let rows = notices::list(&desk, false, SHOWN_MAX).await?;
    Ok(Html(render(&desk.sender.service, &rows, is_english).into_string()))
}

fn render(service: &str, rows: &[NoticeRow], is_english: bool) -> Markup {
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
                    @if rows.is_empty() {
                        p { @if is_english { "There is no current notice." } @else { "現在、お知らせはありません。" } }
                    }
                    @for row in rows { (article(row, is_english)) }
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

/// 新規 or 更新 (第13条③), and the status.
fn marks(row: &NoticeRow, is_english: bool) -> (&'static str, Option<&'static str>) {
    let first = match (row.revision, is_english) {
        (1, false) => "新規",
        (1, true) => "New",
        (_, false) => "更新",
        (_, true) => "Updated",
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
    (first, second)
}

fn article(row: &NoticeRow, is_english: bool) -> Markup {
    let zone = Zone::named("Asia/Tokyo").unwrap_or_else(|_| Zone::utc());
    let day = zone.day_of(row.updated_at);
    let (first, second) = marks(row, is_english);
    let words = &row.words;
    html! {
        article id=(row.notice) {
            p {
                span class="mark" { (first) }
                @if let Some(second) = second { span class="mark" { (second) } }
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
