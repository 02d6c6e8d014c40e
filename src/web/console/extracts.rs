//! Extracts (抽出): what was handed over and fetched, the report of each, and what one would be before anybody decides.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use maud::{Markup, html};

use super::layout::{Sheet, badge, facts};
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{grouped, w};
use crate::print;
use crate::workflows::extracts::{ExtractError, ExtractReport, ExtractRow, ExtractState, look};

impl From<ExtractError> for Refused {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Desk(error) => error.into(),
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
            table {
                thead { tr {
                    th scope="col" { (visit.t("許可番号", "Permit")) }
                    th scope="col" { (visit.t("実施", "Execution")) }
                    th scope="col" { (visit.t("状態", "State")) }
                    th scope="col" { (visit.t("開始", "Begun")) }
                    th scope="col" { (visit.t("実施者", "By")) }
                    th scope="col" { (visit.t("取得", "Fetched")) }
                    th scope="col" { (visit.t("報告書", "Report")) }
                } }
                tbody { @for row in &rows { (line(&visit, row)) } }
            }
        }
    };
    Ok(Sheet::new(w("抽出", "Extracts"), body).show(&visit))
}

fn line(visit: &Visit, row: &ExtractRow) -> Markup {
    let page = format!("/console/extracts/{}/{}", row.permit, row.execution);
    html! {
        tr {
            td { (row.permit) }
            td { (row.execution) }
            td {
                (state(visit, row))
                @if let Some(code) = &row.reason { " " (reason(visit, code)) }
            }
            td { (visit.lang.moment(row.begun_at)) }
            td { (row.made_by) }
            td {
                @match row.first_fetched_at {
                    Some(at) => {
                        (visit.t("初回 ", "first ")) (visit.lang.moment(at))
                        " （" (row.fetched) (visit.t("回", "×")) "）"
                    }
                    None => { (visit.t("まだ", "not yet")) }
                }
            }
            td { @if row.report.is_some() { a href=(page) { (visit.t("測定報告書", "Report")) } } }
        }
    }
}

/// `GET /console/extracts/{id}/{number}`: the page to print.
pub(super) async fn one(
    axum::Extension(visit): At,
    Path((permit, execution)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let execution = execution.parse().map_err(|_| Refused::not_found())?;
    let found = look::report(&visit.desk.catalog, (&permit, execution), visit.actor()?).await?;
    let report = found.ok_or_else(Refused::not_found)?;
    let mut response = Html(print::extract::page(&report)).into_response();
    // Its style stands in it, so that it can be saved and filed as it is: exactly this style is allowed.
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        print::style_source()
    );
    let policy = HeaderValue::from_str(&policy).map_err(|error| Refused::internal(&error))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// `GET /console/extracts/{id}`: what an extract would be, for those who decide.
pub(super) async fn plan(
    axum::Extension(visit): At,
    Path(permit): Path<String>,
) -> Result<Response, Refused> {
    let found = look::plan_of(&visit.desk.catalog, &permit, visit.actor()?).await?;
    let (row, plan) = found.ok_or_else(Refused::not_found)?;
    let digest: String = row.digest.to_string().chars().take(12).collect();
    let body = html! {
        p {
            (visit.t(
                "この試算を見て、許可するかどうかを判断してください。データはまだ渡していません。",
                "What an extract would be, for those who decide. Nothing has been handed over.",
            ))
        }
        (figures(&visit, &plan.report))
        h2 { (visit.t("1行の見本（架空の値）", "A row with made-up values")) }
        table {
            thead { tr { @for cell in &plan.preview { th scope="col" { (cell.column) } } } }
            tbody { tr { @for cell in &plan.preview { td { (cell.text) } } } }
        }
        (print::extract::columns(&plan.report))
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
