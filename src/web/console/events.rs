//! Snapshots that people ask for beside the windows (受入, 維持管理, 臨時): the form, what it means, where each stands.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::decide::reason_fault;
use super::form::{self, Faults, Fields};
use super::layout::{Sheet, badge, facts};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Lang, Words, w};
use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::domain::window::{REASON_CHARACTERS_MAX, is_one_line};
use crate::workflows::lists::LIST_PAGE;
use crate::workflows::take_event_snapshot::{self, Event, EventRequest, RequestState};

fn title() -> Words {
    w("スナップショットの取得", "Take a snapshot")
}

/// What a snapshot is taken for, in words; an event of another version stays as it is.
fn event_words(lang: Lang, word: &str) -> String {
    match (lang, Event::of_word(word)) {
        (Lang::Ja, Some(event)) => event.japanese().to_owned(),
        (Lang::En, Some(Event::Acceptance)) => "Acceptance".to_owned(),
        (Lang::En, Some(Event::Maintenance)) => "Maintenance".to_owned(),
        (Lang::En, Some(Event::Adhoc)) => "Ad hoc".to_owned(),
        (_, None) => word.to_owned(),
    }
}

fn meaning(event: Event) -> Words {
    match event {
        Event::Acceptance => w(
            "受入：新しいものを受け入れる前（第19条④）",
            "Acceptance: before something new is accepted (第19条④)",
        ),
        Event::Maintenance => {
            w("維持管理：作業の前または後（第20条③）", "Maintenance: before or after the work (第20条③)")
        }
        Event::Adhoc => w("臨時：その他の必要があるとき", "Ad hoc: for any other need"),
    }
}

fn render(visit: &Visit, fields: &Fields, faults: &Faults) -> Markup {
    let plans: Vec<(String, String)> =
        visit.desk.contents.keys().map(|name| (name.clone(), name.clone())).collect();
    let events = Event::ALL.into_iter();
    let events: Vec<(String, String)> =
        events.map(|event| (event.word().to_owned(), visit.words(&meaning(event)).to_owned())).collect();
    let hint = w(
        "1行、500文字まで。記録に残ります。個人の名前は書かないでください。",
        "One line of at most 500 characters; it is kept. No names of persons.",
    );
    let inside = html! {
        (form::choice(visit, ("plan", &w("対象の計画", "Plan")), &plans, fields.raw("plan"), faults))
        (form::choice(visit, ("event", &w("目的", "What for")), &events, fields.raw("event"), faults))
        (form::area(visit, ("reason", &w("理由", "Reason")), Some(&hint), fields.raw("reason"), (true, faults)))
        (form::button("main", visit.t("確認へ進む", "Go on to check it")))
    };
    html! {
        p {
            (visit.t(
                "実施時間帯とは別に、1回だけ取得します。サービスは停止しません。",
                "Once, beside the windows. No service stops.",
            ))
        }
        (faults.summary(visit))
        @if plans.is_empty() { p class="warning" { (visit.t("計画がありません。", "There is no plan.")) } }
        @else { (form::form(visit, "/console/snapshots/new", &inside)) }
    }
}

/// `GET /console/snapshots/new`.
pub(super) async fn page(axum::Extension(visit): At) -> Response {
    Sheet::new(title(), render(&visit, &Fields::default(), &Faults::default())).show(&visit)
}

/// Reads the form.
fn asked(visit: &Visit, fields: &Fields) -> Result<(PlanName, Event, String), Faults> {
    let (plan, reason) = (fields.plain("plan"), fields.text("reason"));
    let mut faults = Faults::default();
    let known = visit.desk.contents.contains_key(&plan).then(|| plan.parse::<PlanName>().ok()).flatten();
    if known.is_none() {
        faults.add("plan", w("計画を選んでください。", "Choose a plan."));
    }
    let event = Event::of_word(&fields.plain("event"));
    if event.is_none() {
        faults.add("event", w("目的を選んでください。", "Choose what for."));
    }
    if !is_one_line(&reason, REASON_CHARACTERS_MAX) {
        faults.add(
            "reason",
            w(
                "理由を1行、500文字以内で入力してください。",
                "Give a reason, on one line of at most 500 characters.",
            ),
        );
    }
    match (known, event) {
        (Some(plan), Some(event)) if faults.is_empty() => Ok((plan, event, reason)),
        _ => Err(faults),
    }
}

fn again(visit: &Visit, fields: &Fields, faults: &Faults) -> Response {
    Sheet::faulty(title(), render(visit, fields, faults)).show(visit)
}

/// `POST /console/snapshots/new`: what it means, before it is asked for.
pub(super) async fn confirm(axum::Extension(visit): At, Sent(fields): Sent) -> Response {
    let (plan, event, reason) = match asked(&visit, &fields) {
        Ok(asked) => asked,
        Err(faults) => return again(&visit, &fields, &faults),
    };
    let rows = [
        (visit.t("対象の計画", "Plan"), plan.to_string()),
        (visit.t("目的", "What for"), visit.words(&meaning(event)).to_owned()),
        (visit.t("理由", "Reason"), reason.clone()),
        (visit.t("サービスの停止", "Services"), visit.t("停止しません", "Nothing stops").to_owned()),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), html! { (value) })).collect();
    let inside = html! {
        (form::hidden("plan", plan.as_str()))
        (form::hidden("event", event.word()))
        (form::hidden("reason", &reason))
        div class="buttons" {
            (form::button("main", visit.t("取得を依頼する", "Take it")))
            a class="button plain" href="/console/snapshots" { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        p class="lead" { (visit.t("次のスナップショットを取得します。よろしいですか。", "You are about to take this snapshot.")) }
        (facts(&rows))
        p { (visit.t("数秒以内に始まります。同じ計画が実行中のときは、その後に始まります。", "It begins within seconds, or after a run of the plan that is under way.")) }
        (form::form(&visit, "/console/snapshots", &inside))
    };
    Sheet::new(w("スナップショットの取得の確認", "Take this snapshot?"), body).show(&visit)
}

/// `POST /console/snapshots`.
pub(super) async fn make(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let (plan, event, reason) = match asked(&visit, &fields) {
        Ok(asked) => asked,
        Err(faults) => return Ok(again(&visit, &fields, &faults)),
    };
    let by = visit.actor()?;
    match take_event_snapshot::request(&visit.desk, (&plan, event), &reason, by, visit.now).await {
        Ok(id) => Ok(Redirect::to(&format!("/console/snapshots/{id}")).into_response()),
        Err(error) => Ok(again(&visit, &fields, &reason_fault(error)?)),
    }
}

fn state(visit: &Visit, state: RequestState) -> Markup {
    let (class, ja, en) = match state {
        RequestState::Requested => ("plain", "… 順番待ち", "… waits"),
        RequestState::Running => ("plain", "▶ 実行中", "▶ running"),
        RequestState::Done => ("good", "✓ 完了", "✓ done"),
        RequestState::Partial => ("bad", "△ 一部のみ", "△ partial"),
        RequestState::Failed => ("bad", "✕ 失敗", "✕ failed"),
    };
    badge(class, visit.t(ja, en))
}

const fn is_open(request: &EventRequest) -> bool {
    matches!(request.state, RequestState::Requested | RequestState::Running)
}

/// `GET /console/snapshots`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    let rows = take_event_snapshot::list(&visit.desk, LIST_PAGE).await?;
    let body = html! {
        p {
            (visit.t(
                "受入・維持管理・臨時のために依頼されたスナップショットです（新しい50件）。",
                "Snapshots that were asked for, for an acceptance, maintenance or another need: the newest fifty.",
            ))
        }
        @if visit.may(Act::TakeSnapshot) {
            p { a class="button main" href="/console/snapshots/new" { (visit.t("スナップショットを取得する", "Take a snapshot")) } }
        }
        @if rows.is_empty() { p { (visit.t("まだ依頼はありません。", "None was asked for yet.")) } }
        ul class="rows" {
            @for row in &rows {
                li {
                    a href={ "/console/snapshots/" (row.request) } { (visit.lang.moment(row.requested_at)) }
                    p {
                        (state(&visit, row.state)) " " (row.request) " / " (row.plan) " / "
                        (event_words(visit.lang, &row.event)) " / " (row.reason)
                    }
                }
            }
        }
    };
    Ok(Sheet::new(w("依頼されたスナップショット", "Snapshots asked for"), body).show(&visit))
}

/// `GET /console/snapshots/{id}`: that it was asked for, and where it stands.
pub(super) async fn one(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    let found = take_event_snapshot::get(&visit.desk, &id).await?;
    let mut rows = vec![
        (visit.t("状態", "State"), state(&visit, found.state)),
        (visit.t("対象の計画", "Plan"), html! { (found.plan) }),
        (visit.t("目的", "What for"), html! { (event_words(visit.lang, &found.event)) }),
        (visit.t("理由", "Reason"), html! { (found.reason) }),
        (
            visit.t("依頼", "Asked for"),
            html! { (found.requested_by) " " (visit.lang.moment(found.requested_at)) },
        ),
    ];
    if let Some(at) = found.ended_at {
        rows.push((visit.t("終了", "Ended"), html! { (visit.lang.moment(at)) }));
    }
    if let Some(digest) = &found.snapshot {
        rows.push((visit.t("スナップショット", "Snapshot"), html! { code { (digest) } }));
    }
    if let Some(failure) = &found.failure {
        rows.push((visit.t("できなかった理由", "Why it failed"), html! { (failure) }));
    }
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let body = html! {
        p class="lead" {
            (visit.t("依頼を受け付けました。番号：", "It was asked for. Number: ")) strong class="number" { (found.request) }
        }
        (facts(&rows))
        div class="buttons" {
            // Pages that reload by themselves take the place of whoever reads slowly.
            @if is_open(&found) {
                a class="button main" href={ "/console/snapshots/" (id) } { (visit.t("最新の状態を見る", "Look again")) }
            }
            a class="button plain" href="/console/runs" { (visit.t("実行の一覧へ", "To the runs")) }
            a class="button plain" href="/console/snapshots" { (visit.t("依頼の一覧へ", "To what was asked for")) }
        }
    };
    let title = w(format!("スナップショットの依頼 {id}"), format!("Snapshot request {id}"));
    Ok(Sheet::new(title, body).show(&visit))
}
