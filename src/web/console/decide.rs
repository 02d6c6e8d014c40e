//! Deciding about a window: approving, returning, withdrawing, each with a page before it; the record of an approval.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::form::{self, Faults};
use super::layout::{Sheet, facts};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::windows::{sheet_body, terms_facts};
use super::words::{Words, w};
use crate::domain::window::{Approval, Window};
use crate::workflows::desk::DeskError;
use crate::workflows::{look, windows};

/// `?seen=`: the digest of what was shown.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    seen: Option<String>,
}

fn digest(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}

fn changed() -> Refused {
    Refused::from(DeskError::Stale(String::new()))
}

/// `GET /console/windows/{id}/approve`.
pub(super) async fn confirm_approval(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Query(seen): Query<Seen>,
) -> Result<Response, Refused> {
    let sheet = look::window(&visit.desk, &id, visit.now).await?;
    let shown = seen.seen.as_deref().and_then(digest).ok_or_else(Refused::unreadable_form)?;
    if sheet.digest != Some(shown) {
        return Err(changed());
    }
    let inside = html! {
        (form::hidden("seen", &hex::encode(shown)))
        div class="buttons" {
            (form::button("main", visit.t("承認する", "Approve")))
            a class="button plain" href={ "/console/windows/" (id) } { (visit.t("承認せずに戻る", "Go back without approving")) }
        }
    };
    let body = html! {
        p class="lead" { (visit.t("次の内容を承認します。よろしいですか。", "You are about to approve this.")) }
        p { (visit.t("承認すると、利用者へのお知らせがただちに掲載されます。", "With the approval the notice to users is published at once.")) }
        (sheet_body(&visit, &sheet))
        (form::form(&visit, &format!("/console/windows/{id}/approve"), &inside))
    };
    Ok(Sheet::new(w(format!("承認の確認：{id}"), format!("Approve {id}?")), body).show(&visit))
}

/// `POST /console/windows/{id}/approve`.
pub(super) async fn approve(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    // Nothing is approved that was not shown: a form without the digest approves nothing.
    let seen = digest(fields.raw("seen")).ok_or_else(changed)?;
    let by = visit.actor()?;
    match windows::approve(&visit.desk, &id, Some(seen), by, visit.now).await {
        Ok(_) => {}
        Err(error @ (DeskError::Move(_) | DeskError::Stale(_))) => {
            // A second tap: the same person has approved the same content already, and is shown so.
            let sheet = look::window(&visit.desk, &id, visit.now).await?;
            let is_done =
                sheet.window.approval().is_some_and(|done| done.by == by.account && done.digest == seen);
            if !is_done {
                return Err(error.into());
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Redirect::to(&format!("/console/windows/{id}/approval")).into_response())
}

/// `GET /console/windows/{id}/approval`: the record, to print and file.
pub(super) async fn approval(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let sheet = look::window(&visit.desk, &id, visit.now).await?;
    let approval = sheet.window.approval().cloned().ok_or_else(Refused::not_found)?;
    let body = record(&visit, &sheet.window, &approval);
    Ok(Sheet::new(w("実施時間帯の承認", "Approval of a window"), body).show(&visit))
}

fn record(visit: &Visit, window: &Window, approval: &Approval) -> Markup {
    let mut rows = terms_facts(visit, &window.terms);
    let by = format!("{} {}", approval.by, visit.lang.moment(approval.at));
    let asked = format!("{} {}", window.requested_by, visit.lang.moment(window.requested_at));
    rows.push((visit.t("申請", "Asked for").to_owned(), html! { (asked) }));
    rows.push((visit.t("承認", "Approved").to_owned(), html! { (by) }));
    let digest = hex::encode(approval.digest);
    rows.push((
        visit.t("承認した内容の指紋", "Digest of what was approved").to_owned(),
        html! { code { (digest) } },
    ));
    html! {
        p class="lead" {
            (visit.t("承認しました。承認番号：", "Approved. Number: ")) strong class="number" { (approval.number) }
        }
        p { (visit.t("利用者へのお知らせを掲載しました。", "The notice to users is published.")) }
        (facts(&rows))
        table class="seals" {
            caption { (visit.t("押印欄（紙で保管する場合）", "For seals, if filed on paper")) }
            thead { tr {
                th scope="col" { (visit.t("サービス運用者", "Service operator")) }
                th scope="col" { (visit.t("確認", "Checked")) }
                th scope="col" { (visit.t("担当", "In charge")) }
            } }
            tbody { tr { td {} td {} td {} } }
        }
        p class="unprinted" {
            (visit.t("この画面はブラウザの「印刷」で印刷できます。", "Print this page with your browser."))
        }
        p class="unprinted" {
            a class="button plain" href={ "/console/windows/" (window.id) } { (visit.t("実施時間帯へ戻る", "Back to the window")) }
        }
    }
}

/// The words of a page that asks for a reason.
struct Ask {
    path: &'static str,
    title: Words,
    lead: Words,
    button: Words,
}

fn returning(id: &str) -> Ask {
    Ask {
        path: "return",
        title: w(format!("差戻し：{id}"), format!("Return {id}")),
        lead: w(
            "申請者に理由とともに差し戻します。何も実施されません。",
            "It goes back to who asked, with the reason. Nothing will run.",
        ),
        button: w("差し戻す", "Return it"),
    }
}

fn withdrawing(id: &str) -> Ask {
    Ask {
        path: "withdraw",
        title: w(format!("取下げ：{id}"), format!("Withdraw {id}")),
        lead: w(
            "この実施時間帯を取り下げます。まだ始まっていない回は中止になり、掲載済みのお知らせは自動的に訂正されます。",
            "Takes the window back. Occurrences that have not begun are cancelled, and their notices are corrected.",
        ),
        button: w("取り下げる", "Withdraw it"),
    }
}

async fn ask(visit: &Visit, id: &str, ask: Ask, faults: Faults) -> Result<Response, Refused> {
    let sheet = look::window(&visit.desk, id, visit.now).await?;
    let reason = w("理由", "Reason");
    let hint = w(
        "1行、500文字まで。記録に残り、相手にも表示されます。",
        "One line of at most 500 characters; it is kept and shown.",
    );
    let inside = html! {
        (form::area(visit, ("reason", &reason), Some(&hint), "", (true, &faults)))
        div class="buttons" {
            (form::button("danger", visit.words(&ask.button)))
            a class="button plain" href={ "/console/windows/" (id) } { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        p class="lead" { (visit.words(&ask.lead)) }
        (facts(&terms_facts(visit, &sheet.window.terms)))
        (form::form(visit, &format!("/console/windows/{id}/{}", ask.path), &inside))
    };
    let sheet = if faults.is_empty() { Sheet::new(ask.title, body) } else { Sheet::faulty(ask.title, body) };
    Ok(sheet.show(visit))
}

/// What is told at the reason's field; everything else is a page of its own.
pub(super) fn reason_fault(error: DeskError) -> Result<Faults, Refused> {
    match error {
        DeskError::Reason(_) => Ok(Faults::one("reason", Refused::from(error).into_words())),
        other => Err(other.into()),
    }
}

/// `GET /console/windows/{id}/return`.
pub(super) async fn ask_return(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    ask(&visit, &id, returning(&id), Faults::default()).await
}

/// `POST /console/windows/{id}/return`.
pub(super) async fn return_request(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let reason = fields.text("reason");
    match windows::return_request(&visit.desk, &id, &reason, visit.actor()?, visit.now).await {
        Ok(()) => Ok(Redirect::to(&format!("/console/windows/{id}")).into_response()),
        Err(error) => ask(&visit, &id, returning(&id), reason_fault(error)?).await,
    }
}

/// `GET /console/windows/{id}/withdraw`.
pub(super) async fn ask_withdrawal(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    ask(&visit, &id, withdrawing(&id), Faults::default()).await
}

/// `POST /console/windows/{id}/withdraw`.
pub(super) async fn withdraw(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let reason = fields.text("reason");
    match windows::withdraw(&visit.desk, &id, &reason, visit.actor()?, visit.now).await {
        Ok(()) => Ok(Redirect::to(&format!("/console/windows/{id}")).into_response()),
        Err(error) => ask(&visit, &id, withdrawing(&id), reason_fault(error)?).await,
    }
}
