//! Notices: the list, one in both languages with its deliveries, correcting and closing it.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults};
use super::layout::{Sheet, badge, facts};
use super::paging::{After, older};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Lang, Words, w};
use crate::domain::notice::NoticeStatus;
use crate::domain::role::Act;
use crate::workflows::desk::DeskError;
use crate::workflows::lists::{self, LIST_PAGE};
use crate::workflows::look::{self, Delivery, NoticeRow};
use crate::workflows::notices;

fn status(visit: &Visit, row: &NoticeRow) -> Markup {
    let (class, words): (&str, Words) = match row.status {
        NoticeStatus::Scheduled => ("plain", w("予定", "scheduled")),
        NoticeStatus::InProgress => ("plain", w("▶ 実施中", "▶ in progress")),
        NoticeStatus::Completed => ("good", w("✓ 終了", "✓ over")),
        NoticeStatus::Cancelled => ("unknown", w("－ 中止", "- cancelled")),
    };
    html! {
        (badge(if class == "good" { "good" } else { "plain" }, visit.words(&words)))
        @if row.closed_at.is_some() { " " (badge("unknown", visit.t("掲載終了", "closed"))) }
    }
}

/// `GET /console/notices`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let page = lists::notices(&visit.desk, visit.actor()?, &after.place(), LIST_PAGE).await?;
    let rows = &page.rows;
    let body = html! {
        p {
            (visit.t(
                "お知らせは、承認と実施の状況から自動的に作成されます。",
                "Notices are made by themselves, from approvals and runs.",
            ))
        }
        @if rows.is_empty() { p { (visit.t("まだお知らせはありません。", "There is no notice yet.")) } }
        ul class="rows" {
            @for row in rows {
                li {
                    a href={ "/console/notices/" (row.notice) } {
                        @match visit.lang { Lang::Ja => (row.words.title), Lang::En => (row.words.title_en) }
                    }
                    p {
                        (status(&visit, row)) " " (row.notice) " / "
                        (visit.t("第", "revision ")) (row.revision) (visit.t("版", "")) " / "
                        (visit.lang.moment(row.updated_at))
                    }
                }
            }
        }
        (older(&visit, "/console/notices", None, page.next.as_ref()))
    };
    Ok(Sheet::new(w("お知らせ", "Notices"), body).show(&visit))
}

async fn page(visit: &Visit, id: &str, (text, faults): (&str, Faults)) -> Result<Response, Refused> {
    let found = look::notice(&visit.desk.catalog, id).await?;
    let (row, deliveries) = found.ok_or_else(Refused::not_found)?;
    let edits = visit.may(Act::EditNotice) && row.closed_at.is_none();
    let body = html! {
        (faults.summary(visit))
        p { (status(visit, &row)) }
        (describe(visit, &row))
        h2 { (visit.t("本文", "Text")) }
        div class="body quoted" lang="ja" { strong { (row.words.title) } "\n" (row.words.body) }
        details {
            summary { (visit.t("英語の本文", "The Japanese above is what users read; English")) }
            div class="body quoted" lang="en" { strong { (row.words.title_en) } "\n" (row.words.body_en) }
        }
        h2 { (visit.t("ポータルへの配信", "Deliveries to portals")) }
        (delivered(visit, &deliveries))
        @if edits { (editing(visit, id, text, &faults)) }
    };
    let title = w(format!("お知らせ {id}"), format!("Notice {id}"));
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

fn describe(visit: &Visit, row: &NoticeRow) -> Markup {
    let rows = [
        (visit.t("版", "Revision"), html! { (row.revision) }),
        (visit.t("掲載", "Published"), html! { (visit.lang.moment(row.published_at)) }),
        (visit.t("更新", "Updated"), html! { (visit.lang.moment(row.updated_at)) }),
        (visit.t("作業の開始", "Work from"), html! { (visit.lang.moment(row.work_from)) }),
        match &row.incident {
            Some(incident) => (
                visit.t("障害", "Incident"),
                html! { a href={ "/console/incidents/" (incident) } { (incident) } },
            ),
            None => (
                visit.t("実施時間帯", "Window"),
                html! { a href={ "/console/windows/" (row.window) } { (row.window) } },
            ),
        },
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    facts(&rows)
}

fn delivered(visit: &Visit, deliveries: &[Delivery]) -> Markup {
    html! {
        @if deliveries.is_empty() {
            p { (visit.t("この版の配信はまだありません（配信先の設定がない場合も含みます）。", "None of this revision yet, or no portal is set up.")) }
        } @else {
            div class="scroll" tabindex="0" role="region" aria-label=(visit.t("配信", "Deliveries")) {
                table {
                    thead { tr {
                        th scope="col" { (visit.t("配信先", "Portal")) }
                        th scope="col" { (visit.t("状態", "State")) }
                        th scope="col" { (visit.t("試行", "Attempts")) }
                        th scope="col" { (visit.t("応答", "Answer")) }
                    } }
                    tbody {
                        @for one in deliveries {
                            tr {
                                th scope="row" { (one.target) }
                                td {
                                    @match one.state.as_str() {
                                        "delivered" => (badge("good", visit.t("✓ 届きました", "✓ delivered"))),
                                        "given_up" => (badge("bad", visit.t("✕ 断念", "✕ given up"))),
                                        _ => (badge("plain", visit.t("… 送信中", "… on its way"))),
                                    }
                                }
                                td class="count" { (one.attempts) }
                                td { (one.receipt.as_deref().unwrap_or("-")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn editing(visit: &Visit, id: &str, text: &str, faults: &Faults) -> Markup {
    let words = w("訂正の内容", "What is corrected");
    let hint = w(
        "1行で入力します。お知らせの一番上に訂正として表示されます。日時の変更は、実施時間帯の取下げと再申請で行います。",
        "One line; it stands on top of the notice. Times are changed by withdrawing the window and asking again.",
    );
    let inside = html! {
        (form::area(visit, ("text", &words), Some(&hint), text, (true, faults)))
        (form::button("main", visit.t("訂正を掲載する", "Publish the correction")))
    };
    html! {
        h2 { (visit.t("訂正する", "Correct it")) }
        (form::form(visit, &format!("/console/notices/{id}/correct"), &inside))
        h2 { (visit.t("掲載を終える", "Close it")) }
        p { (visit.t("公開ページの一覧から外します。記録には残ります。", "Takes it from the public page. It stays on record.")) }
        (form::form(visit, &format!("/console/notices/{id}/close"), &form::button("danger", visit.t("掲載を終える", "Close it"))))
    }
}

/// `GET /console/notices/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    page(&visit, &id, ("", Faults::default())).await
}

/// `POST /console/notices/{id}/correct`.
pub(super) async fn correct(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let text = fields.text("text");
    match notices::correct(&visit.desk, &id, &text, visit.actor()?, visit.now).await {
        Ok(_) => Ok(Redirect::to(&format!("/console/notices/{id}")).into_response()),
        Err(DeskError::Reason(most)) => {
            let words = w(
                format!(
                    "訂正の内容を1行、{most}文字以内で入力してください。見えない文字や文字の向きを変える記号は使用できません。"
                ),
                format!(
                    "Say what is corrected, on one line of at most {most} characters, without any that are not seen."
                ),
            );
            page(&visit, &id, (&text, Faults::one("text", words))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /console/notices/{id}/close`.
pub(super) async fn close(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Refused> {
    notices::close(&visit.desk, &id, visit.actor()?, visit.now).await?;
    Ok(Redirect::to(&format!("/console/notices/{id}")).into_response())
}
