//! Opening a record of work, and what is attached to one: results of tests, snapshots that are asked for.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults, Fields, Line};
use super::layout::{Sheet, badge};
use super::refused::Refused;
use super::upload::Uploaded;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use super::works;
use crate::domain::work::WorkKind;
use crate::web::Shared;
use crate::workflows::desk::{DeskError, tokyo};
use crate::workflows::take_event_snapshot::{EventRequest, RequestState};
use crate::workflows::works::{self as records, NewWork};

fn kinds(visit: &Visit) -> Vec<(String, String)> {
    let english = |kind: WorkKind| match kind {
        WorkKind::Acceptance => "Acceptance (第19条)",
        WorkKind::Maintenance => "Maintenance (第20条)",
        WorkKind::PowerInspection => "Inspection of the power supply (第10条)",
    };
    let kinds = WorkKind::ALL.into_iter();
    kinds.map(|kind| (kind.word().to_owned(), visit.t(kind.japanese(), english(kind)).to_owned())).collect()
}

fn opening(visit: &Visit, fields: &Fields, faults: &Faults) -> Response {
    let today = tokyo().day_of(visit.now).to_string();
    let day = if fields.is_set("day") { fields.raw("day") } else { &today };
    let line = |name: &'static str, label: Words| Line::text(name, label, fields.raw(name).to_owned());
    let title = line(
        "title",
        w("作業の内容（1行。個人名を書かないこと）", "What is done, on one line; no names of persons"),
    );
    let reference = line("reference", w("リリース番号・作業番号", "The number of a release or a work order"));
    let on = Line::text("day", w("予定日", "On which day"), day);
    let window = line("window", w("停止を伴う実施時間帯の番号", "The window in which it stops something"));
    let before = line("before", w("作業前の版", "The version that runs before"));
    let inside = html! {
        (form::choice(visit, ("kind", &w("種別", "Kind")), &kinds(visit), fields.raw("kind"), faults))
        (title.hint(w("例：ポータルの更新", "For example: update of the portal")).show(visit, faults))
        (on.hint(w("例：令和8年11月23日、2026-11-23", "For example 2026-11-23")).show(visit, faults))
        (reference.optional().show(visit, faults))
        (window.hint(w("例：w-0001", "For example w-0001")).optional().show(visit, faults))
        (before.optional().show(visit, faults))
        (form::button("main", visit.t("記録を開く", "Open the record")))
    };
    let body = html! {
        (faults.summary(visit))
        p { (visit.t("種別ごとのチェック項目が、開いたときの内容で記録に入ります。", "The checklist of its kind goes into the record as it is now.")) }
        (form::form(visit, "/console/works/new", &inside))
    };
    let title = w("受入・維持管理記録を開く", "Open a record of work");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    sheet.show(visit)
}

/// `GET /console/works/new`.
pub(super) async fn ask(axum::Extension(visit): At) -> Response {
    opening(&visit, &Fields::default(), &Faults::default())
}

fn read(fields: &Fields) -> Result<NewWork, Faults> {
    let mut faults = Faults::default();
    let kind = WorkKind::of_word(fields.raw("kind"));
    if kind.is_none() {
        faults.add("kind", w("種別を選んでください。", "Choose a kind."));
    }
    let title = fields.text("title");
    if title.is_empty() {
        faults.add("title", form::missing("作業の内容", "what is done"));
    }
    let day = form::day(&fields.plain("day"));
    if day.is_none() {
        faults.add(
            "day",
            w("日付を「2026-11-23」のように入力してください。", "Enter a day such as 2026-11-23."),
        );
    }
    let (Some(kind), Some(planned_on), true) = (kind, day, faults.is_empty()) else { return Err(faults) };
    let window = Some(fields.plain("window")).filter(|window| !window.is_empty());
    let (reference, before_version) = (fields.text("reference"), fields.text("before"));
    Ok(NewWork { kind, title, reference, planned_on, window, before_version })
}

/// `POST /console/works/new`.
pub(super) async fn open(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let new = match read(&fields) {
        Ok(new) => new,
        Err(faults) => return Ok(opening(&visit, &fields, &faults)),
    };
    match records::plan((&visit.desk, &shared.home), &new, visit.actor()?, visit.now).await {
        Ok(shown) => Ok(Redirect::to(&format!("/console/works/{}", shown.row.work)).into_response()),
        Err(DeskError::Reason(most)) => Ok(opening(&visit, &fields, &too_long("title", most))),
        Err(DeskError::None { .. }) => {
            let words = w("この番号の実施時間帯はありません。", "There is no window with this number.");
            Ok(opening(&visit, &fields, &Faults::one("window", words)))
        }
        Err(error) => Err(error.into()),
    }
}

fn too_long(field: &'static str, most: usize) -> Faults {
    let ja = format!(
        "どの項目も1行、{most}文字以内で入力してください。見えない文字や文字の向きを変える記号は使用できません。"
    );
    Faults::one(
        field,
        w(ja, format!("Write lines of at most {most} characters, without any that are not seen.")),
    )
}

/// The form that attaches a result.
pub(super) fn attaching(visit: &Visit, work: &str, faults: &Faults) -> Markup {
    let hint = w(
        "写真、PDF など。8 MiB まで。ファイル名は記録しません。",
        "A photograph, a PDF …, at most 8 MiB. Its name is not kept.",
    );
    let inside = html! {
        (Line::text("result-title", w("添付するものの名前", "What it is"), "").hint(w("例：試験成績書", "For example: test report")).show(visit, faults))
        (form::file(visit, ("file", &w("ファイル", "File")), &hint, faults))
        (form::button("plain", visit.t("試験結果を添付する", "Attach the result")))
    };
    form::upload(visit, &format!("/console/works/{work}/results"), &inside)
}

/// `POST /console/works/{id}/results`.
pub(super) async fn attach(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(id): Path<String>,
    sent: Uploaded,
) -> Result<Response, Refused> {
    let title = sent.fields.text("result-title");
    let mut faults = Faults::default();
    if title.is_empty() {
        faults.add("result-title", form::missing("添付するものの名前", "what it is"));
    }
    let Some(file) = sent.file.filter(|_| faults.is_empty()) else {
        faults.add("file", w("ファイルを選んでください。", "Choose the file."));
        return works::show(&visit, &id, &faults).await;
    };
    let at = (&visit.desk, &shared.home);
    match records::attach(at, &id, (&title, &file), visit.actor()?, visit.now).await {
        Ok(_) => Ok(Redirect::to(&format!("/console/works/{id}")).into_response()),
        Err(DeskError::Reason(most)) => works::show(&visit, &id, &too_long("result-title", most)).await,
        Err(error) => Err(error.into()),
    }
}

/// How a snapshot that was asked for stands.
pub(super) fn taken(visit: &Visit, request: &EventRequest) -> Markup {
    let (class, ja, en) = match request.state {
        RequestState::Done => ("good", "✓ 取得済み", "✓ taken"),
        RequestState::Partial => ("bad", "✕ 一部を読み取れず", "✕ partial"),
        RequestState::Failed => ("bad", "✕ 失敗", "✕ failed"),
        RequestState::Requested | RequestState::Running => ("unknown", "… 取得待ち", "… under way"),
    };
    badge(class, visit.t(ja, en))
}

/// The form that asks for a snapshot of system data for a record.
pub(super) fn asking(visit: &Visit, work: &str) -> Markup {
    let plans: Vec<(String, String)> =
        records::system_plans(&visit.desk).into_iter().map(|plan| (plan.clone(), plan)).collect();
    let inside = html! {
        (form::hidden("step", "snapshot"))
        (form::choice(visit, ("plan", &w("システムファイルの計画", "Plan of system files")), &plans, "", &Faults::default()))
        (form::button("plain", visit.t("バックアップの取得を依頼する", "Ask for a snapshot")))
    };
    html! {
        @if plans.is_empty() {
            p { (visit.t("システムファイルの計画（class = \"system\"）がありません。", "There is no plan of class system.")) }
        } @else { (form::form(visit, &format!("/console/works/{work}/act"), &inside)) }
    }
}
