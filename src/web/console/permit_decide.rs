//! Deciding about a permit: approving, returning, revoking, confirming the after-use measure, each with a page before it.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;

use super::decide::reason_fault;
use super::extracts;
use super::form::{self, Faults, Fields};
use super::layout::Sheet;
use super::permits::{content_facts, standing};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::workflows::desk::DeskError;
use crate::workflows::permits::{self, Ending, Seen};

/// What was shown, as the form carries it: without it nothing is decided.
fn seen(fields: &Fields) -> Result<Seen, Refused> {
    let version = hex::decode(fields.raw("seen")).ok().and_then(|bytes| bytes.try_into().ok());
    version.map(Seen::Version).ok_or_else(|| DeskError::Stale(String::new()).into())
}

/// `GET /console/permits/{id}/approve`.
pub(super) async fn ask_approval(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let row = permits::show(&visit.desk.catalog, &id, visit.actor()?).await?;
    let inside = html! {
        (form::hidden("seen", &hex::encode(permits::version(&row))))
        div class="buttons" {
            (form::button("main", visit.t("承認する", "Approve")))
            a class="button plain" href={ "/console/permits/" (id) } { (visit.t("承認せずに戻る", "Go back without approving")) }
        }
    };
    let body = html! {
        p class="lead" { (visit.t("次の申請を承認します。よろしいですか。", "You are about to approve this.")) }
        p {
            (visit.t(
                "承認は、下の内容そのものに対して行います。後で1文字でも変わると、承認は無効になります。",
                "The approval is bound to exactly what stands below: whatever changes, it counts no more.",
            ))
        }
        (extracts::of_plan(&visit, &row).await?)
        h2 { (visit.t("申請の内容（別紙2）", "What is applied for")) }
        (content_facts(&visit, &row.permit.content))
        (form::form(&visit, &format!("/console/permits/{id}/approve"), &inside))
    };
    Ok(Sheet::new(w(format!("使用許可の承認：{id}"), format!("Approve permit {id}?")), body).show(&visit))
}

/// `POST /console/permits/{id}/approve`.
pub(super) async fn approve(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let (catalog, by) = (&visit.desk.catalog, visit.actor()?);
    match permits::approve((catalog, &visit.desk.datasets), &id, &seen(&fields)?, by, visit.now).await {
        Ok(_) => {}
        Err(error @ (DeskError::Permit(_) | DeskError::Stale(_))) => {
            // A second tap: the same person has approved the same content already, and is shown so.
            let row = permits::show(catalog, &id, by).await?;
            let is_done =
                row.approval.is_some_and(|done| done.by == by.account && done.digest == row.digest.0);
            if !is_done {
                return Err(error.into());
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Redirect::to(&format!("/console/permits/{id}/approval")).into_response())
}

/// `GET /console/permits/{id}/approval`: that it is approved, and what comes next.
pub(super) async fn approval(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let row = permits::show(&visit.desk.catalog, &id, visit.actor()?).await?;
    if row.approval.is_none() {
        return Err(Refused::not_found());
    }
    let body = html! {
        p class="lead" {
            (visit.t("承認しました。許可番号：", "Approved. Number: ")) strong class="number" { (id) }
        }
        p {
            (visit.t(
                "システム運用者が、実施日に抽出を行い、申請者に提供します。",
                "The system operator makes the extract on the days of execution and hands it to the applicant.",
            ))
        }
        (standing(&visit, &row))
        p {
            a class="button plain" href={ "/console/permits/" (id) "/page" } { (visit.t("許可書を印刷用に開く", "Open the page to print")) }
            " " a class="button plain" href={ "/console/permits/" (id) } { (visit.t("許可の画面へ", "To the permit")) }
        }
    };
    Ok(Sheet::new(w("使用許可の承認", "Approval of a permit"), body).show(&visit))
}

/// The words of a page that asks for a reason.
struct Ask {
    ending: Ending,
    path: &'static str,
    title: Words,
    lead: Words,
    reason: Words,
    button: (&'static str, Words),
}

fn returning(id: &str) -> Ask {
    Ask {
        ending: Ending::Return,
        path: "return",
        title: w(format!("使用許可の差戻し：{id}"), format!("Return permit {id}")),
        lead: w(
            "申請者に理由とともに差し戻します。申請者は内容を直して、もう一度申請できます。",
            "It goes back to the applicant with the reason; he may change it and apply again.",
        ),
        reason: w("理由", "Reason"),
        button: ("danger", w("差し戻す", "Return it")),
    }
}

fn withdrawing(id: &str) -> Ask {
    Ask {
        ending: Ending::Withdraw,
        path: "withdraw",
        title: w(format!("申請の取下げ：{id}"), format!("Withdraw permit {id}")),
        lead: w(
            "自分の申請を取り下げます。承認されていても無効になります。後で内容を直して、もう一度申請できます。",
            "Takes your own application back; an approval counts no more. You may change it and apply again.",
        ),
        reason: w("理由", "Reason"),
        button: ("danger", w("取り下げる", "Withdraw it")),
    }
}

fn revoking(id: &str) -> Ask {
    Ask {
        ending: Ending::Revoke,
        path: "revoke",
        title: w(format!("使用許可の取消し：{id}"), format!("Revoke permit {id}")),
        lead: w(
            "許可を取り消します。実施中の抽出は提供されません。提供した後であれば、使用後の措置の確認が引き続き必要です。",
            "Takes the permit away. What is being extracted is not handed over; for what was, the after-use measure stays owed.",
        ),
        reason: w("理由", "Reason"),
        button: ("danger", w("許可を取り消す", "Revoke it")),
    }
}

fn closing(id: &str) -> Ask {
    Ask {
        ending: Ending::Close,
        path: "close",
        title: w(format!("使用後の措置の確認：{id}"), format!("After-use measure of permit {id}")),
        lead: w(
            "申請書に書かれた使用後の措置が済んだことを、あなたの名前で確認します。",
            "You confirm under your name that the after-use measure was done.",
        ),
        reason: w("何をどのように確かめたか", "What was found, and how"),
        button: ("main", w("確認した", "I confirm it")),
    }
}

async fn ask(
    visit: &Visit,
    id: &str,
    ask: Ask,
    (reason, faults): (&str, Faults),
) -> Result<Response, Refused> {
    let row = permits::show(&visit.desk.catalog, id, visit.actor()?).await?;
    let hint = w(
        "1行、500文字まで。記録に残り、申請者にも表示されます。個人の名前は書かないでください。",
        "One line of at most 500 characters, kept and shown to the applicant. No names of persons.",
    );
    let inside = html! {
        (form::hidden("seen", &hex::encode(permits::version(&row))))
        (form::area(visit, ("reason", &ask.reason), Some(&hint), reason, (true, &faults)))
        div class="buttons" {
            (form::button(ask.button.0, visit.words(&ask.button.1)))
            a class="button plain" href={ "/console/permits/" (id) } { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        p class="lead" { (visit.words(&ask.lead)) }
        (standing(visit, &row))
        (form::form(visit, &format!("/console/permits/{id}/{}", ask.path), &inside))
        h2 { (visit.t("申請の内容（別紙2）", "What is applied for")) }
        (content_facts(visit, &row.permit.content))
    };
    let sheet = if faults.is_empty() { Sheet::new(ask.title, body) } else { Sheet::faulty(ask.title, body) };
    Ok(sheet.show(visit))
}

/// Decides with the reason that was given; or asks again, if that is none.
async fn end(visit: &Visit, id: &str, asked: Ask, fields: &Fields) -> Result<Response, Refused> {
    let (reason, seen) = (fields.text("reason"), seen(fields)?);
    let (catalog, by) = (&visit.desk.catalog, visit.actor()?);
    match permits::end(catalog, (id, asked.ending), (&reason, &seen), by, visit.now).await {
        Ok(()) => Ok(Redirect::to(&format!("/console/permits/{id}")).into_response()),
        Err(error) => ask(visit, id, asked, (&reason, reason_fault(error)?)).await,
    }
}

/// `GET /console/permits/{id}/return`.
pub(super) async fn ask_return(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    ask(&visit, &id, returning(&id), ("", Faults::default())).await
}

/// `POST /console/permits/{id}/return`.
pub(super) async fn return_application(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    end(&visit, &id, returning(&id), &fields).await
}

/// `GET /console/permits/{id}/withdraw`.
pub(super) async fn ask_withdrawal(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    ask(&visit, &id, withdrawing(&id), ("", Faults::default())).await
}

/// `POST /console/permits/{id}/withdraw`.
pub(super) async fn withdraw(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    end(&visit, &id, withdrawing(&id), &fields).await
}

/// `GET /console/permits/{id}/revoke`.
pub(super) async fn ask_revocation(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    ask(&visit, &id, revoking(&id), ("", Faults::default())).await
}

/// `POST /console/permits/{id}/revoke`.
pub(super) async fn revoke(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    end(&visit, &id, revoking(&id), &fields).await
}

/// `GET /console/permits/{id}/close`.
pub(super) async fn ask_close(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    ask(&visit, &id, closing(&id), ("", Faults::default())).await
}

/// `POST /console/permits/{id}/close`.
pub(super) async fn close(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    end(&visit, &id, closing(&id), &fields).await
}
