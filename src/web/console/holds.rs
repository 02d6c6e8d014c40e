//! Holds (保全): what is kept although its time is over, placing one, releasing one.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::deletion::bench;
use super::form::{self, Faults, Fields, Line};
use super::layout::{Sheet, badge};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::domain::hold::REASON_CHARACTERS_MAX;
use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::domain::window::is_one_line;
use crate::web::Shared;
use crate::workflows::desk::tokyo;
use crate::workflows::expire::Bench;
use crate::workflows::holds::{self, NewHold, ShownHold};

/// `GET /console/holds`: they are read from the store, so that none is missed.
pub(super) async fn list(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
) -> Result<Response, Refused> {
    visit.actor()?.check(Act::Read)?;
    let bench = bench(&shared).await?;
    let mut shown = Vec::new();
    for plan in &bench.plans {
        shown.extend(holds::of_host(&bench.host, &visit.desk.catalog, plan.name()).await?);
    }
    let body = html! {
        p {
            (visit.t(
                "保全の対象は、保管期限を過ぎても消去しません。置くことと解除することは、別の方が行います。",
                "What a hold covers is not deleted although its time is over. Nobody releases a hold of his own.",
            ))
        }
        @if visit.may(Act::ManageHolds) {
            p { a class="button main" href="/console/holds/new" { (visit.t("保全を置く", "Place a hold")) } }
        }
        @if shown.is_empty() { p { (visit.t("保全はありません。", "There is no hold.")) } }
        ul class="rows" { @for one in &shown { (row(&visit, one, true)) } }
        p { a class="button plain" href="/console/deletion" { (visit.t("消去の状態へ戻る", "Back")) } }
    };
    Ok(Sheet::new(w("保全", "Holds"), body).show(&visit))
}

fn row(visit: &Visit, shown: &ShownHold, has_link: bool) -> Markup {
    let hold = &shown.hold;
    let is_over = hold.until.is_some_and(|until| until < tokyo().day_of(visit.now));
    html! {
        li {
            p {
                strong { (hold.plan) (visit.t(" 保全 ", " hold ")) (hold.number) } " "
                @if hold.is_released { (badge("plain", visit.t("解除済み", "released"))) }
                @else if is_over { (badge("plain", visit.t("期間終了", "over"))) }
                @else { (badge("good", visit.t("✓ 保全中", "✓ in force"))) }
            }
            p {
                (visit.lang.day(hold.days.0)) (visit.t("から", " to ")) (visit.lang.day(hold.days.1)) " / "
                @if let Some(until) = hold.until { (visit.t("保全の最終日：", "until ")) (visit.lang.day(until)) }
                @else { (visit.t("解除されるまで", "until it is released")) }
            }
            p { (visit.t("理由：", "Why: ")) (shown.reason) " / " (shown.by) }
            @if has_link && !hold.is_released && visit.may(Act::ManageHolds) {
                p { a class="button plain" href={ "/console/holds/" (hold.plan) "/" (hold.number) "/release" } { (visit.t("解除へ進む", "Release it")) } }
            }
        }
    }
}

fn reason_hint() -> Words {
    w(
        format!("1行、{REASON_CHARACTERS_MAX}文字まで。個人の名前は書かないでください。"),
        format!("One line of at most {REASON_CHARACTERS_MAX} characters, without names of persons."),
    )
}

fn reason_fault() -> Words {
    w(
        format!("理由を1行、{REASON_CHARACTERS_MAX}文字以内で入力してください。"),
        format!("Give a reason, on one line of at most {REASON_CHARACTERS_MAX} characters."),
    )
}

fn render(visit: &Visit, fields: &Fields, faults: &Faults) -> Markup {
    let plans = visit.desk.contents.keys().map(|name| (name.clone(), name.clone()));
    let example = w(
        "記録の送信日（システムの計画では世代の末日）。例：令和8年11月1日",
        "The day on which records were sent, such as 2026-11-01.",
    );
    let line = |name, ja: &str, en: &str| Line::text(name, w(ja, en), fields.raw(name).to_owned());
    let until_hint = w("空欄なら、解除されるまで続きます。", "Without one it lasts until it is released.");
    let inside = html! {
        (form::choice(visit, ("plan", &w("対象の計画", "Plan")), &plans.collect::<Vec<_>>(), fields.raw("plan"), faults))
        (line("from", "最初の日", "First day").hint(example).show(visit, faults))
        (line("to", "最後の日", "Last day").show(visit, faults))
        (line("until", "保全の最終日", "Holds until").hint(until_hint).optional().show(visit, faults))
        (form::area(visit, ("reason", &w("理由", "Reason")), Some(&reason_hint()), fields.raw("reason"), (true, faults)))
        (form::button("main", visit.t("保全を置く", "Place the hold")))
    };
    html! {
        (faults.summary(visit))
        (form::form(visit, "/console/holds/new", &inside))
    }
}

/// `GET /console/holds/new`.
pub(super) async fn ask(axum::Extension(visit): At) -> Response {
    Sheet::new(w("保全を置く", "Place a hold"), render(&visit, &Fields::default(), &Faults::default()))
        .show(&visit)
}

fn read(visit: &Visit, fields: &Fields) -> Result<NewHold, Faults> {
    let mut faults = Faults::default();
    let mut day = |name: &'static str| {
        let found = form::day(fields.raw(name));
        if found.is_none() {
            faults.add(
                name,
                w("日付を 2026-11-01 のように入力してください。", "Give a date such as 2026-11-01."),
            );
        }
        found
    };
    let (from, to) = (day("from"), day("to"));
    let until = if fields.plain("until").is_empty() { None } else { Some(day("until")) };
    let plan = fields.plain("plan");
    let plan = visit.desk.contents.contains_key(&plan).then(|| plan.parse::<PlanName>().ok()).flatten();
    if plan.is_none() {
        faults.add("plan", w("計画を選んでください。", "Choose a plan."));
    }
    let reason = fields.text("reason");
    if !is_one_line(&reason, REASON_CHARACTERS_MAX) {
        faults.add("reason", reason_fault());
    }
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        faults.add("to", w("最初の日以後の日にしてください。", "It must not lie before the first day."));
    }
    if until.flatten().is_some_and(|until| until < tokyo().day_of(visit.now)) {
        faults.add("until", w("今日以後の日にしてください。", "It must not be past."));
    }
    match (plan, from, to) {
        (Some(plan), Some(from), Some(to)) if faults.is_empty() => {
            Ok(NewHold { plan, days: (from, to), until: until.flatten(), reason })
        }
        _ => Err(faults),
    }
}

/// `POST /console/holds/new`.
pub(super) async fn place(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let new = match read(&visit, &fields) {
        Ok(new) => new,
        Err(faults) => {
            let body = render(&visit, &fields, &faults);
            return Ok(Sheet::faulty(w("保全を置く", "Place a hold"), body).show(&visit));
        }
    };
    let by = visit.actor()?;
    by.check(Act::ManageHolds)?;
    let bench = bench(&shared).await?;
    holds::add(&bench.host, &visit.desk.catalog, &new, by, shared.clock.now()).await?;
    Ok(Redirect::to("/console/holds").into_response())
}

/// The hold that an address names, as it is in the store now.
async fn named(
    visit: &Visit,
    shared: &Shared,
    (plan, number): (&str, &str),
) -> Result<(Bench, PlanName, ShownHold), Refused> {
    let plan: PlanName = plan.parse().map_err(|_| Refused::not_found())?;
    let number: u64 = number.parse().map_err(|_| Refused::not_found())?;
    let bench = bench(shared).await?;
    let all = holds::of_host(&bench.host, &visit.desk.catalog, &plan).await?;
    let found = all.into_iter().find(|shown| shown.hold.number == number);
    Ok((bench, plan, found.ok_or_else(Refused::not_found)?))
}

fn release_page(visit: &Visit, shown: &ShownHold, faults: &Faults) -> Result<Response, Refused> {
    let (plan, number) = (&shown.hold.plan, shown.hold.number);
    let is_own = visit.account()?.as_str() == shown.by;
    let inside = html! {
        (form::area(visit, ("reason", &w("理由", "Reason")), Some(&reason_hint()), "", (true, faults)))
        div class="buttons" {
            (form::button("danger", visit.t("保全を解除する", "Release the hold")))
            a class="button plain" href="/console/holds" { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        ul class="rows" { (row(visit, shown, false)) }
        @if shown.hold.is_released {
            p { (visit.t("すでに解除されています。", "It is released already.")) }
        } @else if is_own {
            p { (visit.t("置いた方とは別の方が解除してください。", "Somebody other than who placed it must release it.")) }
        } @else {
            p { (visit.t("解除すると、保管期限を過ぎたものは消去の対象になります。", "What it kept may then be deleted, once its time is over.")) }
            (form::form(visit, &format!("/console/holds/{plan}/{number}/release"), &inside))
        }
    };
    let title = w("保全の解除", "Release a hold");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

/// `GET /console/holds/{plan}/{number}/release`.
pub(super) async fn ask_release(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path((plan, number)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (_, _, shown) = named(&visit, &shared, (&plan, &number)).await?;
    release_page(&visit, &shown, &Faults::default())
}

/// `POST /console/holds/{plan}/{number}/release`.
pub(super) async fn release(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path((plan, number)): Path<(String, String)>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let by = visit.actor()?;
    by.check(Act::ManageHolds)?;
    let (bench, plan, shown) = named(&visit, &shared, (&plan, &number)).await?;
    let reason = fields.text("reason");
    if !is_one_line(&reason, REASON_CHARACTERS_MAX) {
        return release_page(&visit, &shown, &Faults::one("reason", reason_fault()));
    }
    let which = (&plan, shown.hold.number, reason.as_str());
    holds::release(&bench.host, &visit.desk.catalog, which, by, shared.clock.now()).await?;
    Ok(Redirect::to("/console/holds").into_response())
}
