//! Permits (本番データ使用許可, 別紙2): the list, what one says, the page to print, what waits for whom.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Sheet, badge, facts};
use super::paging::{After, older};
use super::printed::Printing;
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::w;
use super::{extract_progress, extracts};
use crate::domain::permit::PermitContent;
use crate::domain::role::Act;
use crate::domain::time::Day;
use crate::print;
use crate::web::Shared;
use crate::workflows::lists::LIST_PAGE;
use crate::workflows::permits::{self, PermitRow, PermitState};

/// A state in words.
pub(super) fn state(visit: &Visit, row: &PermitRow) -> Markup {
    let (class, en) = match &row.permit.state {
        PermitState::Applied => ("plain", "applied for"),
        PermitState::Approved(_) => ("good", "approved"),
        PermitState::Executing { .. } => ("good", "being executed"),
        PermitState::Delivered { .. } => ("good", "delivered"),
        PermitState::Closed { .. } => ("unknown", "closed"),
        PermitState::Returned { .. } if row.permit.is_withdrawn() => ("unknown", "withdrawn"),
        PermitState::Returned { .. } => ("bad", "returned"),
        PermitState::Revoked { .. } => ("bad", "revoked"),
        PermitState::Expired { .. } => ("unknown", "expired"),
    };
    badge(class, visit.t(row.permit.japanese(), en))
}

/// Whether the after-use measure was due and nobody confirmed it.
fn overdue(visit: &Visit, row: &PermitRow) -> Markup {
    html! {
        @if row.permit.is_overdue(&permits::zone(), visit.now) {
            " " (badge("bad", visit.t("✕ 使用後の措置の期日超過", "✕ after-use measure overdue")))
        }
    }
}

/// `GET /console/permits`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let (catalog, by) = (&visit.desk.catalog, visit.actor()?);
    let owed = if after.is_first() { permits::owed(catalog, by, true, visit.now).await? } else { Vec::new() };
    let page = permits::page(catalog, by, ("", &after.place()), LIST_PAGE).await?;
    let body = html! {
        p {
            (visit.t(
                "本番データは、承認された許可（別紙2）の範囲で、個人を特定できないように加工して提供します。",
                "Production data leaves only under an approved permit, processed so that nobody can be identified.",
            ))
        }
        @if visit.may(Act::ApplyPermit) {
            p { a class="button main" href="/console/permits/new" { (visit.t("使用許可を申請する", "Apply for a permit")) } }
        }
        @if !owed.is_empty() {
            h2 { (visit.t("使用後の措置の期日を過ぎているもの", "After-use measures that are overdue")) }
            (rows(&visit, &owed))
            h2 { (visit.t("すべての許可", "All permits")) }
        }
        (rows(&visit, &page.rows))
        (older(&visit, "/console/permits", None, page.next.as_ref()))
    };
    Ok(Sheet::new(w("本番データ使用許可", "Permits"), body).show(&visit))
}

fn rows(visit: &Visit, rows: &[PermitRow]) -> Markup {
    html! {
        @if rows.is_empty() { p { (visit.t("ありません。", "None.")) } }
        ul class="rows" {
            @for row in rows {
                @let content = &row.permit.content;
                li {
                    a href={ "/console/permits/" (row.permit.number) } { (row.permit.number) " " (content.subject) }
                    p {
                        (state(visit, row)) (overdue(visit, row)) " "
                        (visit.t("申請者：", "by ")) (content.applicant.as_str()) " / "
                        (visit.t("使用期間：", "period: ")) (span(visit, content.period))
                    }
                }
            }
        }
    }
}

/// From one day to another, or one day.
pub(super) fn span(visit: &Visit, (first, last): (Day, Day)) -> String {
    if first == last {
        return visit.lang.day(first);
    }
    format!("{}{}{}", visit.lang.day(first), visit.t("～", " to "), visit.lang.day(last))
}

/// The fields of 別紙2 in its order, then what Kura needs to carry them out.
pub(super) fn content_facts(visit: &Visit, content: &PermitContent) -> Markup {
    let text = |text: &str| html! { @for line in text.split('\n') { (line) br; } };
    let row = |ja: &str, en: &str, markup: Markup| (visit.t(ja, en).to_owned(), markup);
    let attached = html! {
        @for one in &content.attachments { p { (one.name) br; code { (hex::encode(one.sha256)) } } }
    };
    facts(&[
        row("申請日", "Applied on", html! { (visit.lang.day(content.applied_on)) }),
        row("申請者", "Applicant", html! { (content.applicant.as_str()) }),
        row("件名", "Subject", html! { (content.subject) }),
        row("使用目的", "Purpose", text(&content.purpose)),
        row("処理内容", "Processing", text(&content.processing)),
        row("保存媒体", "Medium", html! { (print::permit::medium(&content.medium)) }),
        row("使用後の措置", "After use", html! { (print::permit::after_use(&content.after_use)) }),
        row("使用期間", "Period of use", html! { (span(visit, content.period)) }),
        row("実施日", "Day of execution", html! { (span(visit, content.execution)) }),
        row("備考", "Remarks", text(&content.remarks)),
        row("添付資料", "Attachments", attached),
        row("使用後の措置の期日", "After-use measure due", html! { (visit.lang.day(content.after_use_due)) }),
        row("提供方法", "Handed over as", html! { (visit.t(content.form.japanese(), content.form.word())) }),
        row("法令上の区分", "Legal class", html! { (content.legal_class.japanese()) }),
        row("実施できる回数", "Executions allowed", html! { (content.executions_max) }),
        row("抽出の条件", "What is extracted", html! { pre { (content.extraction) } }),
    ])
}

/// Where a permit stands: who decided what, and when.
pub(super) fn standing(visit: &Visit, row: &PermitRow) -> Markup {
    let mut rows: Vec<(String, Markup)> = vec![
        (visit.t("状態", "State").to_owned(), html! { (state(visit, row)) (overdue(visit, row)) }),
        (
            visit.t("申請の版", "Revision").to_owned(),
            html! { (row.revision) " (" (visit.lang.moment(row.written_at)) ")" },
        ),
        (visit.t("内容の指紋", "Digest of what it says").to_owned(), html! { code { (row.digest) } }),
        (
            visit.t("実施した回数", "Executions").to_owned(),
            html! {
                (row.permit.used()) " / " (row.permit.content.executions_max)
                @if row.permit.given_up > 0 {
                    (visit.t("（ほかに、何も提供せずに終わったもの：", " (besides, ended with nothing handed over: "))
                    (row.permit.given_up) (visit.t("回。数えません）", "; not counted)"))
                }
            },
        ),
    ];
    let mut add = |ja: &str, en: &str, text: String| {
        rows.push((visit.t(ja, en).to_owned(), html! { (text) }));
    };
    if let Some(approval) = &row.approval {
        add("承認", "Approved", format!("{} {}", approval.by, visit.lang.moment(approval.at)));
    }
    if let PermitState::Executing { by, since, .. } = &row.permit.state {
        add("実施中", "Being executed", format!("{by} {}", visit.lang.moment(*since)));
    }
    if let Some(at) = row.delivered_at {
        add("提供した日時", "Handed over", visit.lang.moment(at));
    }
    match &row.permit.state {
        PermitState::Closed { by, at } => {
            let text = format!("{} / {by} {}", row.reason, visit.lang.moment(*at));
            add("使用後の措置の確認", "After-use measure confirmed", text);
        }
        PermitState::Returned { by, at, reason } | PermitState::Revoked { by, at, reason, .. } => {
            add("理由", "Why", format!("{reason} / {by} {}", visit.lang.moment(*at)));
        }
        PermitState::Applied
        | PermitState::Approved(_)
        | PermitState::Executing { .. }
        | PermitState::Delivered { .. }
        | PermitState::Expired { .. } => {}
    }
    facts(&rows)
}

/// `GET /console/permits/{id}`.
pub(super) async fn one(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let row = permits::show(&visit.desk.catalog, &id, visit.actor()?).await?;
    let (progress, refresh) = extract_progress::under_way(&visit, &shared.home, &row.permit.number)?;
    let body = html! {
        (progress)
        (standing(&visit, &row))
        (buttons(&visit, &row)?)
        (extracts::of_permit(&visit, &row).await?)
        h2 { (visit.t("申請の内容（別紙2）", "What is applied for")) }
        (content_facts(&visit, &row.permit.content))
        p {
            a class="button plain" href={ "/console/permits/" (id) "/page" } { (visit.t("申請書を印刷用に開く", "Open the page to print")) }
            " " a class="button plain" href="/console/permits" { (visit.t("一覧へ戻る", "Back to the list")) }
        }
    };
    let title = w(format!("使用許可 {id}"), format!("Permit {id}"));
    Ok(Sheet { refresh, ..Sheet::new(title, body) }.show(&visit))
}

/// What the visitor may do about it; what he may not is said, not offered.
fn buttons(visit: &Visit, row: &PermitRow) -> Result<Markup, Refused> {
    let is_own = *visit.account()? == row.permit.content.applicant;
    let number = &row.permit.number;
    let decides = visit.may(Act::DecidePermit);
    let state = &row.permit.state;
    let waits = matches!(state, PermitState::Applied);
    let lasts = matches!(
        state,
        PermitState::Applied
            | PermitState::Approved(_)
            | PermitState::Executing { .. }
            | PermitState::Delivered { .. }
    );
    let may_change =
        matches!(state, PermitState::Applied | PermitState::Approved(_) | PermitState::Returned { .. });
    let is_owed =
        matches!(state, PermitState::Delivered { .. } | PermitState::Revoked { was_delivered: true, .. });
    let link = |class: &str, path: &str, ja: &'static str, en: &'static str| {
        html! { a class={ "button " (class) } href={ "/console/permits/" (number) "/" (path) } { (visit.t(ja, en)) } " " }
    };
    Ok(html! {
        @if is_own && (decides && waits || is_owed && visit.may(Act::ClosePermit)) {
            p class="warning" {
                (visit.t(
                    "自分が申請した許可は、自分では承認も確認もできません。別の方に依頼してください。",
                    "This is your own application: somebody else must decide about it.",
                ))
            }
        }
        div class="buttons" {
            @if decides && waits && !is_own { (link("main", "approve", "承認へ進む", "Approve it")) }
            @if decides && waits && !is_own { (link("plain", "return", "差し戻す", "Return it")) }
            @if visit.may(Act::ClosePermit) && is_owed && !is_own {
                (link("main", "close", "使用後の措置を確認する", "Confirm the after-use measure"))
            }
            @if decides && lasts && !waits { (link("danger", "revoke", "許可を取り消す", "Revoke it")) }
            @if is_own && may_change && visit.may(Act::ApplyPermit) {
                a class="button plain" href={ "/console/permits/new?replaces=" (number) } { (visit.t("内容を変更する", "Change it")) }
                @if !matches!(state, PermitState::Returned { .. }) {
                    " " (link("danger", "withdraw", "申請を取り下げる", "Withdraw it"))
                }
            }
        }
    })
}

/// `GET /console/permits/{id}/page`: 別紙2 to print and file.
pub(super) async fn page(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    printing: Printing,
) -> Result<Response, Refused> {
    let row = permits::show(&visit.desk.catalog, &id, visit.actor()?).await?;
    printing.answer(print::permit::page(&row, visit.now)).await
}

/// What about permits waits for the visitor: address and sentence.
pub(super) async fn tasks(visit: &Visit) -> Result<Vec<(String, String)>, Refused> {
    let by = visit.actor()?;
    let zone = permits::zone();
    let today = zone.day_of(visit.now);
    let mut items = Vec::new();
    for row in permits::open(&visit.desk.catalog, by).await? {
        let permit = &row.permit;
        let is_own = by.account == permit.content.applicant;
        let is_handed_over = permit.delivered_at().is_some()
            || matches!(permit.state, PermitState::Revoked { was_delivered: true, .. });
        let is_used = is_handed_over
            && (today > permit.content.period.1 || matches!(permit.state, PermitState::Revoked { .. }));
        let may_run = |(first, last): (Day, Day)| first <= today && today <= last;
        let words = match &permit.state {
            PermitState::Applied if visit.may(Act::DecidePermit) && !is_own => {
                Some(w("使用許可の承認をお待ちしています", "A permit waits for your decision"))
            }
            PermitState::Approved(_)
                if visit.may(Act::ExecutePermit) && !is_own && may_run(permit.content.execution) =>
            {
                Some(w("許可による抽出を実施できます", "An extract may be made under a permit"))
            }
            _ if is_used && visit.may(Act::ClosePermit) && !is_own => {
                Some(w("使用後の措置を確認してください", "Confirm what became of an extract"))
            }
            _ if is_used && is_own => Some(w(
                "使用期間が終わりました。使用後の措置を済ませ、サービス運用者に連絡してください",
                "The period of use is over: do the after-use measure and tell the service operator",
            )),
            _ => None,
        };
        if let Some(words) = words {
            let due = permit.content.after_use_due;
            let until = if is_used {
                format!("{}{}", visit.t("、期日：", ", due "), visit.lang.day(due))
            } else {
                String::new()
            };
            let text =
                format!("{}：{}（{}{until}）", visit.words(&words), permit.content.subject, permit.number);
            items.push((format!("/console/permits/{}", permit.number), text));
        }
    }
    Ok(items)
}
