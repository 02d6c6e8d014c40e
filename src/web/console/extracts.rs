//! Extracts (抽出): what was handed over and fetched, the report of each, and what one would be before anybody decides.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form;
use super::layout::{Sheet, badge, facts};
use super::printed::Printing;
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{grouped, w};
use crate::domain::role::Act;
use crate::print;
use crate::workflows::extracts::{self, ExtractError, ExtractReport, ExtractRow, ExtractState, look};
use crate::workflows::permits::{PermitRow, PermitState};

impl From<ExtractError> for Refused {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Desk(error) => error.into(),
            ExtractError::NotMaking(_) => Self::rule(
                w("実施中の抽出はありません。", "No extract is being made."),
                w("画面を開き直して、状態をご確認ください。", "Open the page again and look at it."),
            ),
            other => Self::internal(&other),
        }
    }
}

/// A state in words.
fn state(visit: &Visit, row: &ExtractRow) -> Markup {
    match row.state {
        ExtractState::Making => badge("plain", visit.t("実施中", "being made")),
        ExtractState::Delivered => badge("good", visit.t("提供済み", "handed over")),
        ExtractState::Abandoned => badge("bad", visit.t("提供なし", "nothing handed over")),
    }
}

/// Why nothing was handed over, in words.
fn reason(visit: &Visit, code: &str) -> String {
    match code {
        "permit" => visit.t("許可が認めなかった", "the permit does not allow it"),
        "source" => visit.t("元データを読めなかった", "the source could not be read"),
        "drift" => visit.t("元データの項目が許可のときと違う", "the source has changed"),
        "leak" => visit.t("出力に個人を示す値があった", "a name or number was in what was written"),
        "empty" => visit.t("人数が足りない", "too few persons"),
        "rules" => visit.t("条件を満たさない", "a rule refused"),
        "ledger" => visit.t(
            "過去の提供と組み合わせると少人数が分かる",
            "together with an earlier extract it would show few",
        ),
        "cancelled" => visit.t("中止した", "it was cancelled"),
        "died" => visit.t("プログラムが途中で終わった", "the program ended halfway"),
        _ => visit.t("処理できなかった", "it failed"),
    }
    .to_owned()
}

/// `GET /console/extracts`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    let rows = look::list(&visit.desk.catalog, None, visit.actor()?).await?;
    let body = html! {
        p {
            (visit.t(
                "許可に基づいて作成し、暗号化して申請者に渡したデータの記録です。データそのものはここでは見られません。",
                "What was made under permits and handed over sealed. The data itself cannot be seen here.",
            ))
        }
        @if rows.is_empty() {
            p { (visit.t("抽出はまだありません。", "There is no extract yet.")) }
        } @else {
            ul class="rows" { @for row in &rows { (line(&visit, row)) } }
        }
    };
    Ok(Sheet::new(w("抽出", "Extracts"), body).show(&visit))
}

/// What was made under a permit, and what waits to be looked at before somebody decides.
pub(super) async fn of_permit(visit: &Visit, permit: &PermitRow) -> Result<Markup, Refused> {
    let number = &permit.permit.number;
    let rows = look::list(&visit.desk.catalog, Some(number), visit.actor()?).await?;
    let planned = of_plan(visit, permit).await?;
    let is_made = rows.iter().any(|row| row.state == ExtractState::Making);
    Ok(html! {
        (planned)
        @if !rows.is_empty() {
            h2 { (visit.t("この許可による抽出", "Extracts under this permit")) }
            ul class="rows" {
                @for row in &rows {
                    li {
                        (row.execution) (visit.t("回目", "")) " " (state(visit, row)) " "
                        (visit.lang.moment(row.begun_at)) " " (row.made_by)
                        @if let Some(code) = &row.reason { " " (reason(visit, code)) }
                        @if row.report.is_some() {
                            p { a href={ "/console/extracts/" (number) "/" (row.execution) } { (visit.t("測定報告書", "Report")) } }
                        }
                    }
                }
            }
        }
        @if is_made && visit.may(Act::ExecutePermit) {
            p {
                a class="button danger" href={ "/console/extracts/" (number) "/cancel" } {
                    (visit.t("実施中の抽出を中止する", "Cancel the extract that is being made"))
                }
            }
        }
    })
}

/// The plan of an extract in a few lines, and whether it is of what the permit says now.
pub(super) async fn of_plan(visit: &Visit, permit: &PermitRow) -> Result<Markup, Refused> {
    let number = &permit.permit.number;
    let found = look::plan_of(&visit.desk.catalog, number, visit.actor()?).await?;
    let waits = matches!(permit.permit.state, PermitState::Applied | PermitState::Approved(_));
    Ok(html! {
        @match found {
            Some((row, plan)) => {
                h2 { (visit.t("抽出の試算", "What an extract would be")) }
                @if row.digest != permit.digest {
                    p class="warning" {
                        (visit.t(
                            "この試算の後で申請の内容が変わりました。システム運用者に、試算のやり直しを依頼してください。",
                            "The application changed after this was planned: ask the system operator to plan again.",
                        ))
                    }
                }
                (figures(visit, &plan.report))
                p { a href={ "/console/extracts/" (number) } { (visit.t("試算の詳細と1行の見本を見る", "The whole plan, with a row of made-up values")) } }
            }
            None if waits => {
                p class="warning" {
                    (visit.t(
                        "この版の申請について、抽出の試算は行われていません。何がどれだけ出力されるかは、まだ誰も確かめていません。システム運用者が「kura extract plan」で行うと、ここに表示されます。",
                        "No extract was planned for what it says now: nobody has seen what would leave. A system operator plans it with `kura extract plan`.",
                    ))
                }
            }
            None => {}
        }
    })
}

/// `GET /console/extracts/{id}/cancel`.
pub(super) async fn ask_cancel(
    axum::Extension(visit): At,
    Path(permit): Path<String>,
) -> Result<Response, Refused> {
    let inside = html! {
        div class="buttons" {
            (form::button("danger", visit.t("中止する", "Cancel it")))
            a class="button plain" href={ "/console/permits/" (permit) } { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        p class="lead" {
            (visit.t(
                "実施中の抽出を中止します。何も提供されません。実施の回数には数えません。",
                "Stops the extract that is being made. Nothing is handed over, and it does not count.",
            ))
        }
        (form::form(&visit, &format!("/console/extracts/{permit}/cancel"), &inside))
    };
    let title = w(format!("抽出の中止：{permit}"), format!("Cancel the extract of {permit}"));
    Ok(Sheet::new(title, body).show(&visit))
}

/// `POST /console/extracts/{id}/cancel`.
pub(super) async fn cancel(
    axum::Extension(visit): At,
    Path(permit): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Refused> {
    extracts::cancel(&visit.desk.catalog, &permit, (visit.actor()?, visit.now)).await?;
    Ok(Redirect::to(&format!("/console/permits/{permit}")).into_response())
}

fn line(visit: &Visit, row: &ExtractRow) -> Markup {
    let page = format!("/console/extracts/{}/{}", row.permit, row.execution);
    html! {
        li {
            a href={ "/console/permits/" (row.permit) } { (row.permit) }
            " " (row.execution) (visit.t("回目", "")) " " (state(visit, row))
            @if let Some(code) = &row.reason { " " (reason(visit, code)) }
            p {
                (visit.lang.moment(row.begun_at)) " " (row.made_by) " / " (visit.t("取得：", "fetched: "))
                @match row.first_fetched_at {
                    Some(at) => {
                        (visit.t("初回 ", "first ")) (visit.lang.moment(at))
                        " （" (row.fetched) (visit.t("回", "×")) "）"
                    }
                    None => { (visit.t("まだ", "not yet")) }
                }
                @if row.report.is_some() { " / " a href=(page) { (visit.t("測定報告書", "Report")) } }
            }
        }
    }
}

/// `GET /console/extracts/{id}/{number}`: the page to print.
pub(super) async fn one(
    axum::Extension(visit): At,
    Path((permit, execution)): Path<(String, String)>,
    printing: Printing,
) -> Result<Response, Refused> {
    let execution = execution.parse().map_err(|_| Refused::not_found())?;
    let found = look::report(&visit.desk.catalog, (&permit, execution), visit.actor()?).await?;
    let report = found.ok_or_else(Refused::not_found)?;
    printing.answer(print::extract::page(&report)).await
}

/// `GET /console/extracts/{id}`: what an extract would be, for those who decide.
pub(super) async fn plan(
    axum::Extension(visit): At,
    Path(permit): Path<String>,
) -> Result<Response, Refused> {
    let found = look::plan_of(&visit.desk.catalog, &permit, visit.actor()?).await?;
    let (row, plan) = found.ok_or_else(Refused::not_found)?;
    let digest: String = row.digest.to_string().chars().take(12).collect();
    let sample: Vec<(String, Markup)> =
        plan.preview.iter().map(|cell| (cell.column.clone(), html! { (cell.text) })).collect();
    let body = html! {
        p {
            (visit.t(
                "この試算を見て、許可するかどうかを判断してください。データはまだ渡していません。",
                "What an extract would be, for those who decide. Nothing has been handed over.",
            ))
        }
        (figures(&visit, &plan.report))
        h2 { (visit.t("1行の見本（架空の値）", "A row with made-up values")) }
        (facts(&sample))
        div class="scroll" tabindex="0" role="region" aria-label=(visit.t("項目ごとの処理", "What is done with each column")) {
            (print::extract::columns(&plan.report).markup())
        }
        p { (plan.report.decides) }
        p {
            (visit.t("試算した許可内容の指紋 ", "Made for what the permit said, digest ")) code { (digest) }
            "、" (visit.lang.moment(row.planned_at)) "、" (row.planned_by)
        }
    };
    Ok(Sheet::new(w(format!("抽出の試算 {permit}"), format!("Plan of an extract, {permit}")), body)
        .show(&visit))
}

fn figures(visit: &Visit, report: &ExtractReport) -> Markup {
    let mut rows = vec![
        (
            visit.t("出力する行", "Rows").to_owned(),
            html! { (grouped(report.rows_out)) " ／ " (grouped(report.rows_in)) },
        ),
        (visit.t("除外する行", "Left out").to_owned(), html! { (grouped(report.left_out)) }),
    ];
    if let Some(measured) = &report.measured {
        let smallest = html! { (measured.smallest) (visit.t("人", " persons")) };
        rows.push((visit.t("同じ組合せの最少人数", "Smallest crowd").to_owned(), smallest));
        let risk = html! { (format!("{:.4}", measured.risk_max)) };
        rows.push((visit.t("特定される確率の最大", "Largest risk").to_owned(), risk));
    }
    if report.formulas > 0 {
        let name = visit.t("計算式として働くおそれのあるセル", "Cells like formulas").to_owned();
        rows.push((name, html! { (print::extract::formulas(report)) }));
    }
    if report.controls > 0 {
        let name =
            visit.t("制御文字を除いた元データのセル", "Source cells rid of control characters").to_owned();
        rows.push((name, html! { (grouped(report.controls)) }));
    }
    if let Some(search) = &report.search {
        let words = if search.is_proved {
            visit.t("最適であることを証明済み", "proved to be the best")
        } else {
            visit.t("最適とは限らない（探索を打ち切り）", "not proved to be the best")
        };
        rows.push((visit.t("段階の選択", "Choice of levels").to_owned(), html! { (words) }));
    }
    facts(&rows)
}
