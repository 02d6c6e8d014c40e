//! Records of work (受入・維持管理記録): the list, one of them with its checklist, and what somebody does with it.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults, Line};
use super::layout::{Sheet, badge, facts};
use super::printed::Printing;
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{size, w};
use super::work_forms;
use crate::domain::role::Act;
use crate::domain::work::{InspectionDue, WorkState};
use crate::print;
use crate::workflows::works::{self, Doing, Row, WorkShown};

/// How many records are listed.
const LISTED: u32 = 200;

fn state(visit: &Visit, row: &Row) -> Markup {
    let class = match row.state {
        WorkState::Closed => "good",
        WorkState::Withdrawn => "plain",
        WorkState::Planned | WorkState::Doing | WorkState::Done => "unknown",
    };
    badge(class, visit.t(row.state.japanese(), row.state.word()))
}

/// `GET /console/works`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    visit.actor()?;
    let rows = works::list(&visit.desk, true, LISTED).await?;
    let body = html! {
        (inspection(&visit, works::inspection(&visit.desk, visit.now).await?))
        @if rows.is_empty() { p { (visit.t("受入・維持管理記録はありません。", "There is no record.")) } }
        ul class="rows" {
            @for row in &rows {
                li {
                    p { (state(&visit, row)) " " a href={ "/console/works/" (row.work) } { (row.work) " " (row.title) } }
                    p { (visit.t(row.kind.japanese(), row.kind.word())) " — " (visit.lang.day(row.planned_on)) }
                }
            }
        }
        @if visit.may(Act::KeepRecords) {
            p { a class="button main" href="/console/works/new" { (visit.t("記録を開く", "Open a record")) } }
        }
        p class="note" {
            (visit.t(
                "受入と維持管理の記録は、作業後のシステムファイルのバックアップがそろうまで完了できません（第19条④、第20条③）。",
                "Acceptance and maintenance are closed only with a complete snapshot of after the work (第19条④, 第20条③).",
            ))
        }
    };
    Ok(Sheet::new(w("受入・維持管理記録", "Records of work"), body).show(&visit))
}

fn inspection(visit: &Visit, due: InspectionDue) -> Markup {
    html! {
        p {
            (visit.t("電源設備の点検（第10条、年1回）：", "Inspection of the power supply (第10条, yearly): "))
            @match due {
                InspectionDue::Never => (badge("unknown", visit.t("？ 記録がありません", "? none is recorded"))),
                InspectionDue::Until(day) => { (visit.lang.day(day)) (visit.t("までに実施します。", " at the latest.")) }
                InspectionDue::Overdue(day) => {
                    (badge("bad", visit.t("✕ 期限を過ぎています", "✕ overdue"))) " " (visit.lang.day(day))
                }
            }
        }
    }
}

/// `GET /console/works/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    show(&visit, &id, &Faults::default()).await
}

/// The page of one record, with what is wrong in a form that was sent from it.
pub(super) async fn show(visit: &Visit, id: &str, faults: &Faults) -> Result<Response, Refused> {
    visit.actor()?;
    let shown = works::look(&visit.desk, id).await?;
    let row = &shown.row;
    let text = |text: &str| html! { @if text.is_empty() { "-" } @else { (text) } };
    let rows = [
        (visit.t("状態", "State"), state(visit, row)),
        (visit.t("種別", "Kind"), html! { (visit.t(row.kind.japanese(), row.kind.word())) }),
        (visit.t("リリース・作業番号", "Reference"), text(&row.reference)),
        (visit.t("予定日", "On"), html! { (visit.lang.day(row.planned_on)) }),
        (
            visit.t("停止を伴う実施時間帯", "Window"),
            html! { @if let Some(window) = &row.window { a href={ "/console/windows/" (window) } { (window) } } @else { "-" } },
        ),
        (visit.t("作業前の版", "Version before"), text(&row.before_version)),
        (visit.t("作業後の版", "Version after"), text(&row.after_version)),
        (visit.t("備考", "Remarks"), text(&row.remarks)),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let may = visit.may(Act::KeepRecords) && row.state.is_open();
    let body = html! {
        (faults.summary(visit))
        p { strong { (row.title) } }
        (facts(&rows))
        h2 { (visit.t("チェック項目", "Checklist")) }
        @for point in &shown.points { (one_point(visit, &shown, point, may)) }
        h2 { (visit.t("添付した試験結果", "Results")) }
        @if shown.results.is_empty() { p { (visit.t("ありません。", "None.")) } }
        ul class="rows" {
            @for result in &shown.results {
                li {
                    (result.title) " — " (size(result.bytes)) br;
                    (visit.lang.moment(result.added.0)) " " (result.added.1) br;
                    span class="digest" { "SHA-256 " code { (result.sha256) } }
                }
            }
        }
        @if may { (work_forms::attaching(visit, &row.work, faults)) }
        h2 { (visit.t("この作業のためのバックアップ", "Snapshots for it")) }
        @if shown.requests.is_empty() { p { (visit.t("ありません。", "None.")) } }
        ul class="rows" {
            @for request in &shown.requests {
                li { a href={ "/console/snapshots/" (request.request) } { (request.request) " " (request.plan) } " — " (work_forms::taken(visit, request)) @if shown.is_early(request) { " " (visit.t("（作業の終了前に依頼したもの。記録の完了には、終了後のものが必要です）", "(asked for before the work was over: one of afterwards is needed)")) } }
            }
        }
        @if may {
            @if row.kind.needs_snapshot() && row.done_at.is_none() {
                p class="warning" { "⚠ " (visit.t(
                    "作業の終了を記録する前に依頼したバックアップでは、記録を完了できません（第19条④、第20条③）。",
                    "A snapshot that is asked for before the work is over does not close the record (第19条④, 第20条③).",
                )) }
            }
            (work_forms::asking(visit, &row.work))
        }
        @if may { (steps(visit, &shown)) }
        p { a class="button plain" href={ "/console/works/" (row.work) "/page" } { (visit.t("印刷用の画面", "Page to print")) } }
    };
    let title = w(format!("受入・維持管理記録 {id}"), format!("Record {id}"));
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

fn one_point(visit: &Visit, shown: &WorkShown, point: &works::Point, may: bool) -> Markup {
    let path = format!("/console/works/{}/act", shown.row.work);
    html! {
        section class="note" {
            p { (point.number) ". " (point.text) @if !point.article.is_empty() { "（" (point.article) "）" } }
            @if let Some((at, by)) = &point.ticked {
                p { (badge("good", visit.t("■ 確認済み", "■ ticked"))) " " (by) " " (visit.lang.moment(*at)) " " (point.remark) }
            } @else if may {
                @let inside = html! {
                    (form::hidden("step", "tick"))
                    (form::hidden("point", &point.number.to_string()))
                    @let seen = Line::text("text", w("所見", "What was seen"), "").id(format!("seen-{}", point.number));
                    (seen.optional().show(visit, &Faults::default()))
                    (form::button("plain", visit.t("確認した", "Ticked")))
                };
                (form::form(visit, &path, &inside))
            } @else { p { (badge("unknown", visit.t("□ 未確認", "□ open"))) } }
        }
    }
}

fn steps(visit: &Visit, shown: &WorkShown) -> Markup {
    let path = format!("/console/works/{}/act", shown.row.work);
    let button = |step: &str, words: &str| {
        let inside = html! { (form::hidden("step", step)) (form::button("main", words)) };
        form::form(visit, &path, &inside)
    };
    html! {
        h2 { (visit.t("作業の進み", "Where the work stands")) }
        @let versions = html! {
            (form::hidden("step", "after"))
            (Line::text("text", w("作業後の版", "Version after"), shown.row.after_version.clone()).show(visit, &Faults::default()))
            (form::button("plain", visit.t("版を記録する", "Note the version")))
        };
        (form::form(visit, &path, &versions))
        @match shown.row.state {
            WorkState::Planned => {
                (button("begin", visit.t("作業を始める", "Begin")))
                @let withdraw = html! { (form::hidden("step", "withdraw")) (form::button("danger", visit.t("作業を取りやめる", "Do not do it"))) };
                (form::form(visit, &path, &withdraw))
            }
            WorkState::Doing => (button("finish", visit.t("作業が終わった", "The work is over"))),
            WorkState::Done => {
                @if let Some(missing) = works::missing(&visit.desk, shown) {
                    p class="warning" { "⚠ " (visit.t(&missing.japanese(), &missing.to_string())) }
                } @else { (button("close", visit.t("記録を完了する", "Close the record"))) }
            }
            WorkState::Closed | WorkState::Withdrawn => {}
        }
    }
}

/// `POST /console/works/{id}/act`.
pub(super) async fn send(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let text = fields.text("text");
    let doing = match fields.raw("step") {
        "begin" => Doing::Begin,
        "finish" => Doing::Finish,
        "close" => Doing::Close,
        "withdraw" => Doing::Withdraw,
        "snapshot" => Doing::Snapshot(fields.plain("plan").parse().map_err(|_| Refused::unreadable_form())?),
        "after" => Doing::Versions(None, Some(text)),
        "tick" => {
            let point = fields.plain("point").parse().map_err(|_| Refused::unreadable_form())?;
            Doing::Tick(point, text)
        }
        _ => return Err(Refused::unreadable_form()),
    };
    works::act(&visit.desk, &id, &doing, visit.actor()?, visit.now).await?;
    Ok(Redirect::to(&format!("/console/works/{id}")).into_response())
}

/// `GET /console/works/{id}/page`.
pub(super) async fn page(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    printing: Printing,
) -> Result<Response, Refused> {
    visit.actor()?;
    printing.answer(print::work::page(&works::look(&visit.desk, &id).await?, visit.now)).await
}
