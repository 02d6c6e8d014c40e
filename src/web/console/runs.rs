//! Runs: the list, one of them, and how far those are that are under way.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Sheet, badge, facts};
use super::paging::{After, older};
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{Lang, grouped, size, w};
use crate::web::Shared;
use crate::workflows::lists::{self, LIST_PAGE};
use crate::workflows::look::{self, RunLife, RunRow, RunState};
use crate::workflows::{Phase, Shown};

/// How often a page with a run under way asks again, seconds.
const REFRESH_SECONDS: u32 = 5;

fn state(visit: &Visit, life: &RunLife) -> Markup {
    let (class, ja, en) = match life {
        RunLife::Running => ("plain", "▶ 実行中", "▶ running"),
        RunLife::Abandoned { .. } => ("bad", "✕ 中断", "✕ abandoned"),
        RunLife::Ended(end) => match end.state {
            RunState::Verified => ("good", "✓ 確認済み", "✓ verified"),
            RunState::Partial => ("bad", "△ 一部のみ", "△ partial"),
            RunState::Failed => ("bad", "✕ 失敗", "✕ failed"),
            RunState::Refused => ("bad", "✕ 拒否", "✕ refused"),
        },
    };
    badge(class, visit.t(ja, en))
}

fn event(visit: &Visit, word: &str) -> String {
    let ja = match word {
        "daily" => "毎日",
        "monthly" => "毎月",
        "maintenance" => "維持管理",
        "acceptance" => "受入",
        "adhoc" => "臨時",
        other => other,
    };
    visit.t(ja, word).to_owned()
}

/// What is under way, with its progress.
fn under_way(visit: &Visit, shared: &Shared) -> Markup {
    let runs = shared.under_way.list();
    html! {
        @for (plan, progress) in &runs {
            section class="note" {
                h2 { (visit.t("実行中：", "Under way: ")) (plan) }
                (bar(visit, &progress.shown()))
            }
        }
    }
}

fn phase(visit: &Visit, phase: Phase) -> &'static str {
    let (ja, en) = match phase {
        Phase::Walking => ("対象を調べています", "Looking through the source"),
        Phase::Hashing => ("変更を確かめています", "Checking what changed"),
        Phase::Storing => ("読み取り、暗号化して送っています", "Reading, sealing and sending"),
        Phase::Committing => ("確認し、署名しています", "Checking and signing"),
        Phase::Restoring => ("復元しています", "Restoring"),
        Phase::Verifying => ("検証しています", "Verifying"),
    };
    match visit.lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}

fn bar(visit: &Visit, shown: &Shown) -> Markup {
    html! {
        p { (phase(visit, shown.phase)) }
        @if shown.bytes_total > 0 {
            progress max=(shown.bytes_total) value=(shown.bytes.min(shown.bytes_total))
                aria-label=(visit.t("進み具合", "Progress")) {}
        }
        p {
            (grouped(shown.files)) " " (visit.t("件", "entries")) " / " (size(shown.bytes))
            @if shown.bytes_total > 0 { " (" (visit.t("全体 ", "of ")) (size(shown.bytes_total)) ")" }
            " / " (visit.t("送信済み ", "sent ")) (size(shown.sent))
        }
    }
}

/// `GET /console/runs`.
pub(super) async fn list(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let page = lists::runs(&visit.desk, visit.actor()?, &after.place(), "", LIST_PAGE).await?;
    let rows = &page.rows;
    let is_under_way = !shared.under_way.list().is_empty();
    let body = html! {
        p {
            a class="button plain" href="/console/snapshots" {
                (visit.t("受入・維持管理・臨時のスナップショット", "Snapshots for an event"))
            }
        }
        (under_way(&visit, &shared))
        @if rows.is_empty() { p { (visit.t("まだ実行されていません。", "Nothing has run yet.")) } }
        ul class="rows" {
            @for row in rows {
                li {
                    a href={ "/console/runs/" (row.start.run) } { (visit.lang.moment(row.start.started_at)) }
                    p {
                        (state(&visit, &row.life)) " " (row.start.plan) " / " (event(&visit, &row.start.event))
                        @if let RunLife::Ended(end) = &row.life {
                            " / " (grouped(end.files)) " " (visit.t("件", "files")) " / " (size(end.bytes))
                        }
                    }
                }
            }
        }
        (older(&visit, "/console/runs", None, page.next.as_ref()))
    };
    let refresh = is_under_way.then_some(REFRESH_SECONDS);
    Ok(Sheet { refresh, ..Sheet::new(w("実行", "Runs"), body) }.show(&visit))
}

/// `GET /console/runs/{id}`.
pub(super) async fn one(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let row = look::run(&visit.desk.catalog, &id).await?.ok_or_else(Refused::not_found)?;
    let is_running = row.life == RunLife::Running;
    let runs = shared.under_way.list();
    let progress = runs.iter().find(|(plan, _)| is_running && plan.as_str() == row.start.plan);
    let body = html! {
        @if let Some((_, progress)) = progress { (bar(&visit, &progress.shown())) }
        (describe(&visit, &row))
    };
    let title = w(
        format!("実行：{}", Lang::Ja.moment(row.start.started_at)),
        format!("Run of {}", Lang::En.moment(row.start.started_at)),
    );
    let refresh = progress.map(|_| REFRESH_SECONDS);
    Ok(Sheet { refresh, ..Sheet::new(title, body) }.show(&visit))
}

fn describe(visit: &Visit, row: &RunRow) -> Markup {
    let mut rows = vec![
        (visit.t("状態", "State"), state(visit, &row.life)),
        (visit.t("計画", "Plan"), html! { (row.start.plan) }),
        (visit.t("きっかけ", "Event"), html! { (event(visit, &row.start.event)) }),
        (visit.t("開始", "Began"), html! { (visit.lang.moment(row.start.started_at)) }),
    ];
    if let Some(reason) = &row.start.reason {
        rows.push((visit.t("理由", "Reason"), html! { (reason) }));
    }
    match &row.life {
        RunLife::Running => {}
        RunLife::Abandoned { at } => {
            rows.push((visit.t("中断を確認", "Found abandoned"), html! { (visit.lang.moment(*at)) }));
        }
        RunLife::Ended(end) => rows.extend([
            (visit.t("終了", "Ended"), html! { (visit.lang.moment(end.ended_at)) }),
            (visit.t("件数", "Files"), html! { (grouped(end.files)) }),
            (visit.t("データ量", "Size"), html! { (size(end.bytes)) }),
            (visit.t("新しく保管した量", "Newly stored"), html! { (size(end.new_bytes_stored)) }),
            (
                visit.t("読めなかったもの", "Could not be read"),
                html! {
                    (grouped(end.skipped))
                    @if end.skipped > 0 {
                        p { (visit.t("名前は、この設備の実行報告書（システム管理者だけが読めます）にあります。", "Their names are in the run's report, which only the administrator can read.")) }
                    }
                },
            ),
            (
                visit.t("スナップショット", "Snapshot"),
                html! { @if let Some(digest) = &end.snapshot { code { (digest) } } @else { "-" } },
            ),
        ]),
    }
    rows.push((visit.t("実行番号", "Run"), html! { code { (row.start.run) } }));
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    facts(&rows)
}
