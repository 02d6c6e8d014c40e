//! Deletion by order: what is due now, one person who approves exactly that, another who confirms it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::deletion::bench;
use super::form::{self, Faults, Line};
use super::layout::Sheet;
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{grouped, size, w};
use crate::domain::role::Act;
use crate::domain::time::Day;
use crate::web::Shared;
use crate::workflows::expire::state::{self, OpenOrder};
use crate::workflows::expire::{self, Item, Look};

/// What may be deleted, one row each.
fn items(visit: &Visit, items: &[Item]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(visit.t("消去するもの", "What is deleted")) {
            table {
                thead { tr {
                    th scope="col" { (visit.t("計画", "Plan")) }
                    th scope="col" { (visit.t("対象", "What")) }
                    th scope="col" { (visit.t("期限A", "Kept to (A)")) }
                    th scope="col" { (visit.t("期限B", "Kept to (B)")) }
                    th scope="col" { (visit.t("消去できる日", "May go from")) }
                    th scope="col" class="count" { (visit.t("容量", "Size")) }
                } }
                tbody {
                    @for item in items {
                        tr {
                            td { (item.plan) }
                            th scope="row" { (item.name()) }
                            td class="when" { (visit.lang.day(item.kept.promised_last_day)) }
                            td class="when" { (visit.lang.day(item.kept.last_day_b)) }
                            td class="when" { (visit.lang.day(item.kept.delete_from)) }
                            td class="count" { (size(item.bytes)) }
                        }
                    }
                }
            }
        }
    }
}

/// `GET /console/deletion/due`: the store is looked at now.
pub(super) async fn due(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
) -> Result<Response, Refused> {
    due_page(&visit, &shared, &Faults::default()).await
}

async fn due_page(visit: &Visit, shared: &Shared, faults: &Faults) -> Result<Response, Refused> {
    visit.actor()?.check(Act::Read)?;
    let bench = bench(shared).await?;
    let look = expire::look(bench.on(&visit.desk.catalog, &*shared.clock)).await?;
    let body = html! {
        (faults.summary(visit))
        @if let Err(doubt) = &look.clock {
            p class="warning" { "⚠ " (visit.t(&doubt.japanese(), &doubt.english())) }
            @if visit.may(Act::ConfirmDeletion) { (today_form(visit, faults)) }
        }
        @if look.decision.due.is_empty() {
            p class="lead" { (visit.t("いま消去できるものはありません。", "Nothing is due.")) }
        } @else {
            p class="lead" { (visit.t("次のものが、いま消去できます。", "This may be deleted now.")) }
            (items(visit, &look.decision.due))
        }
        @for found in &look.decision.too_many {
            p class="warning" {
                "⚠ " (found.plan) (visit.t("：前回から", ": ")) (grouped(found.fresh))
                (visit.t("日分が期限を迎えました。包括承認で消去できるのは", " days fell due since the last look; a standing approval covers "))
                (grouped(found.allowed)) (visit.t("日分までです。2人の承認が必要です。", " of them: two people must approve."))
            }
        }
        @if !look.decision.kept_back.is_empty() {
            h2 { (visit.t("期限を過ぎても残してあるもの", "Past its time and kept back")) }
            ul class="rows" {
                @for kept in &look.decision.kept_back {
                    li { p { strong { (kept.item.plan) " " (kept.item.name()) } } p { (visit.t(&kept.why.japanese(), &kept.why.english())) } }
                }
            }
        }
        @if !look.decision.due.is_empty() { (approval(visit, &look)) }
        p { a class="button plain" href="/console/deletion" { (visit.t("消去の状態へ戻る", "Back")) } }
    };
    let title = w("いま消去できるもの", "What is due now");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

fn approval(visit: &Visit, look: &Look) -> Markup {
    let inside = html! {
        (form::hidden("digest", &look.digest().to_string()))
        (form::button("danger", visit.t("この内容の消去を承認する", "Approve exactly this deletion")))
    };
    html! {
        p { (visit.t("指紋：", "Digest: ")) code class="secret" { (look.digest()) } }
        @if visit.may(Act::ApproveDeletion) {
            p {
                (visit.t(
                    "承認したあと、別の方が確認すると、次の朝に消去します。表示した内容と少しでも変わったものは消去しません。",
                    "Once somebody else has confirmed it, it is deleted in the morning; nothing that has changed since is.",
                ))
            }
            (form::form(visit, "/console/deletion/approve", &inside))
        } @else {
            p { (visit.t("承認できるのは、システム管理者と運用管理責任者です。", "The system administrator or the operations manager approves.")) }
        }
    }
}

fn today_line<'a>() -> Line<'a> {
    Line::text("today", w("今日の日付（カレンダーを見て入力）", "Today's date, from a calendar"), "").hint(w(
        "例：令和9年11月23日、2027-11-23。このマシンの時計を見ずに入力してください。1日だけ有効です。",
        "Such as 2027-11-23. Do not copy it from this machine. It counts for a day.",
    ))
}

fn today_form(visit: &Visit, faults: &Faults) -> Markup {
    let inside = html! {
        (today_line().show(visit, faults))
        (form::button("plain", visit.t("今日の日付を確認する", "Say what day it is")))
    };
    form::form(visit, "/console/deletion/today", &inside)
}

fn read_today(text: &str) -> Result<Day, Faults> {
    form::day(text).ok_or_else(|| {
        Faults::one(
            "today",
            w("日付を 2027-11-23 のように入力してください。", "Give a date such as 2027-11-23."),
        )
    })
}

/// `POST /console/deletion/today`.
pub(super) async fn say_today(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let day = match read_today(fields.raw("today")) {
        Ok(day) => day,
        Err(faults) => return due_page(&visit, &shared, &faults).await,
    };
    expire::confirm_today(&visit.desk.catalog, day, visit.actor()?, shared.clock.now()).await?;
    Ok(Redirect::to("/console/deletion/due").into_response())
}

/// `POST /console/deletion/approve`.
pub(super) async fn approve(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let by = visit.actor()?;
    by.check(Act::ApproveDeletion)?;
    let bench = bench(&shared).await?;
    let on = bench.on(&visit.desk.catalog, &*shared.clock);
    let look = expire::look(on).await?;
    let digest = expire::approve(on, &look, &fields.plain("digest"), by).await?;
    Ok(Redirect::to(&format!("/console/deletion/orders/{digest}")).into_response())
}

async fn open_order(visit: &Visit, digest: &str) -> Result<OpenOrder, Refused> {
    visit.actor()?.check(Act::Read)?;
    let orders = state::orders(&visit.desk).await?;
    orders.into_iter().find(|order| order.row.digest.to_string() == digest).ok_or_else(Refused::not_found)
}

/// `GET /console/deletion/orders/{digest}`.
pub(super) async fn order(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(digest): Path<String>,
) -> Result<Response, Refused> {
    order_page(&visit, &shared, &digest, &Faults::default()).await
}

async fn order_page(
    visit: &Visit,
    shared: &Shared,
    digest: &str,
    faults: &Faults,
) -> Result<Response, Refused> {
    let order = open_order(visit, digest).await?;
    let row = &order.row;
    let is_own = visit.account()? == &row.approved_by;
    // Where no clock outside can be asked, a confirmation without the date would delete nothing.
    let bench = bench(shared).await?;
    let doubt = expire::clock_doubt(bench.on(&visit.desk.catalog, &*shared.clock)).await?;
    let line = if doubt.is_some() { today_line() } else { today_line().optional() };
    let inside = html! {
        @if let Some(doubt) = &doubt { p class="warning" { "⚠ " (visit.t(&doubt.japanese(), &doubt.english())) } }
        (line.show(visit, faults))
        div class="buttons" {
            (form::button("danger", visit.t("確認して、消去を許可する", "Confirm: it may be deleted")))
            a class="button plain" href="/console/deletion" { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        p { (visit.t("承認：", "Approved: ")) (row.approved_by) " " (visit.lang.moment(row.approved_at)) }
        p { (visit.t("指紋：", "Digest: ")) code class="secret" { (row.digest) } }
        (items(visit, &order.items))
        @if let Some((by, at)) = &row.confirmed {
            p class="lead" { (visit.t("✓ 確認：", "✓ Confirmed: ")) (by) " " (visit.lang.moment(*at)) }
            p { (visit.t("次の朝に消去し、証明書を発行します。急ぐときは `kura expire run` で実行できます。", "It is deleted in the morning and certified; `kura expire run` does it at once.")) }
        } @else if is_own {
            p { (visit.t("承認した方とは別の方が確認してください。", "Somebody other than the approver must confirm it.")) }
        } @else if visit.may(Act::ConfirmDeletion) {
            p { (visit.t("消去すると、元に戻せません。対象と期限を確かめてください。", "What is deleted cannot be brought back: look at what and when.")) }
            (form::form(visit, &format!("/console/deletion/orders/{digest}"), &inside))
        } @else {
            p { (visit.t("確認できるのは、サービス運用者と運用管理責任者です。", "The service operator or the operations manager confirms it.")) }
        }
    };
    let title = w("消去の確認", "Confirm a deletion");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

/// `POST /console/deletion/orders/{digest}`.
pub(super) async fn confirm(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(digest): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let today = match fields.plain("today").as_str() {
        "" => None,
        text => match read_today(text) {
            Ok(day) => Some(day),
            Err(faults) => return order_page(&visit, &shared, &digest, &faults).await,
        },
    };
    expire::confirm(&visit.desk.catalog, &digest, today, visit.actor()?, shared.clock.now()).await?;
    Ok(Redirect::to("/console/deletion").into_response())
}
