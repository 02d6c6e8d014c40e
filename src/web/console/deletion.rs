//! Deletion (消去): how it stands by plan, and approving it for good.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form;
use super::layout::{Sheet, badge};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{grouped, size, w};
use crate::domain::expiry::stop_words;
use crate::domain::role::Act;
use crate::web::Shared;
use crate::workflows::certificates::CertificateRow;
use crate::workflows::expire::state::{self, OpenOrder, PlanDeletion};
use crate::workflows::expire::{self, Bench};
use crate::workflows::lists::{self, ListPlace};

/// How many certificates the first page of deletion names.
const CERTIFICATES: u32 = 10;

/// The host with its store, opened afresh.
pub(super) async fn bench(shared: &Shared) -> Result<Bench, Refused> {
    shared.benches.bench().await.map_err(Refused::unreadable)
}

/// `GET /console/deletion`.
pub(super) async fn page(axum::Extension(visit): At) -> Result<Response, Refused> {
    visit.actor()?.check(Act::Read)?;
    let plans = state::plans(&visit.desk).await?;
    let orders = state::orders(&visit.desk).await?;
    let newest = lists::certificates(&visit.desk, visit.actor()?, &ListPlace::newest(), CERTIFICATES).await?;
    let body = html! {
        p {
            (visit.t(
                "保管期限を過ぎた記録は、承認された計画に従って毎朝消去し、証明書を発行します。",
                "What is past its time is deleted each morning, as far as it is approved, and certified.",
            ))
        }
        @if !orders.is_empty() {
            h2 { (visit.t("承認済みで、まだ消去していないもの", "Approved and not deleted yet")) }
            ul class="tasks" { @for order in &orders { li { (waiting(&visit, order)) } } }
        }
        h2 { (visit.t("計画ごとの状態", "By plan")) }
        @if plans.is_empty() { p { (visit.t("計画がありません。", "There is no plan.")) } }
        ul class="rows" { @for plan in &plans { (row(&visit, plan)) } }
        div class="buttons" {
            a class="button main" href="/console/deletion/due" { (visit.t("いま消去できるものを調べる", "Look at what is due now")) }
            a class="button plain" href="/console/holds" { (visit.t("保全の一覧", "Holds")) }
        }
        h2 { (visit.t("消去証明書", "Certificates of deletion")) }
        (certificates(&visit, &newest.rows))
        p { a class="button plain" href="/console/certificates" { (visit.t("すべての証明書", "All certificates")) } }
    };
    Ok(Sheet::new(w("消去", "Deletion"), body).show(&visit))
}

/// Certificates, each with a link.
pub(super) fn certificates(visit: &Visit, rows: &[CertificateRow]) -> Markup {
    html! {
        @if rows.is_empty() { p { (visit.t("証明書はまだありません。消去したものはありません。", "There is none: nothing was deleted yet.")) } }
        ul class="rows" {
            @for row in rows {
                li {
                    a href={ "/console/certificates/" (row.number) } {
                        (visit.t("第", "No. ")) (row.number) (visit.t("号", ""))
                    }
                    p {
                        (visit.lang.moment(row.issued_at)) " / "
                        (grouped(row.cohorts)) (visit.t("日分", " days")) " / " (size(row.bytes))
                    }
                }
            }
        }
    }
}

fn waiting(visit: &Visit, order: &OpenOrder) -> Markup {
    let row = &order.row;
    let digest: String = row.digest.to_string().chars().take(12).collect();
    html! {
        a href={ "/console/deletion/orders/" (row.digest) } {
            (grouped(u64::try_from(order.items.len()).unwrap_or(u64::MAX))) (visit.t("件（指紋 ", " items (digest ")) (digest) (visit.t("）", ")"))
        }
        " "
        @if row.confirmed.is_some() { (badge("good", visit.t("✓ 確認済み：次の朝に消去します", "✓ confirmed: deleted in the morning"))) }
        @else { (badge("unknown", visit.t("… もう一人の確認待ち", "… waits for a second person"))) }
    }
}

fn row(visit: &Visit, plan: &PlanDeletion) -> Markup {
    html! {
        li {
            p { strong { (plan.plan) } " " (standing_badge(visit, plan)) }
            @if let Some(look) = &plan.look {
                p {
                    (visit.t("消去できるもの ", "Due: ")) (grouped(look.due)) (visit.t("日分、残してあるもの ", " days, kept back: "))
                    (grouped(look.kept_back)) (visit.t("日分（調べた日時：", " days (looked at ")) (visit.lang.moment(look.looked_at)) (visit.t("）", ")"))
                }
                @if !look.stopped.is_empty() && look.due_since.is_some() {
                    @let (ja, en) = stop_words(&look.stopped);
                    p class="warning" { (visit.t("⚠ 止まっています：", "⚠ Stopped: ")) (visit.t(&ja, &en)) }
                }
            } @else {
                p { (visit.t("まだ調べていません。", "It was not looked at yet.")) }
            }
            @if let Some(standing) = &plan.standing {
                p { (visit.t("包括承認：", "Standing approval: ")) (standing.approved_by) " " (visit.lang.moment(standing.approved_at)) }
            }
            @if visit.may(Act::StandingDeletion) {
                p {
                    a class="button plain" href={ "/console/deletion/standing/" (plan.plan) } {
                        @if plan.standing.is_some() && plan.is_current { (visit.t("包括承認を終了する", "End the standing approval")) }
                        @else { (visit.t("包括承認をする", "Approve it for good")) }
                    }
                }
            }
        }
    }
}

fn standing_badge(visit: &Visit, plan: &PlanDeletion) -> Markup {
    match (&plan.standing, plan.is_current) {
        (Some(_), true) => badge("good", visit.t("✓ 包括承認あり", "✓ approved for good")),
        (Some(_), false) => badge(
            "bad",
            visit.t("✕ 計画が変わり、包括承認は効力を失いました", "✕ the approval is for an older version"),
        ),
        (None, _) => badge("plain", visit.t("包括承認なし（2人で承認）", "two people approve each deletion")),
    }
}

/// `GET /console/deletion/standing/{plan}`.
pub(super) async fn standing(
    axum::Extension(visit): At,
    Path(plan): Path<String>,
) -> Result<Response, Refused> {
    let plans = state::plans(&visit.desk).await?;
    let found = plans.into_iter().find(|found| found.plan == plan).ok_or_else(Refused::not_found)?;
    let is_ending = found.standing.is_some() && found.is_current;
    let (act, label) = if is_ending {
        ("end", visit.t("包括承認を終了する", "End the standing approval"))
    } else {
        ("stand", visit.t("包括承認をする", "Approve it for good"))
    };
    let inside = html! {
        (form::hidden("act", act))
        div class="buttons" {
            (form::button("danger", label))
            a class="button plain" href="/console/deletion" { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        p class="lead" { (visit.t("対象の計画：", "Plan: ")) strong { (plan) } }
        @if is_ending {
            p { (visit.t("終了すると、期限を過ぎた記録は、2人の承認があるまで消去しません。", "Without it nothing of the plan is deleted until two people approve it.")) }
        } @else {
            p {
                (visit.t(
                    "保管期限を過ぎた記録を、今後は毎朝、個別の承認なしに消去します。計画の対象・保管期間・復旧鍵が変わると、自動的に効力を失います。一度に多くのものが期限を迎えたときは、2人の承認を求めます。",
                    "From now on what is past its time is deleted each morning. It lapses when the plan's sources, retention or recovery keys change; where much falls due at once two people are asked.",
                ))
            }
        }
        (form::form(&visit, &format!("/console/deletion/standing/{plan}"), &inside))
    };
    Ok(Sheet::new(w("消去の包括承認", "Standing approval of deletion"), body).show(&visit))
}

/// `POST /console/deletion/standing/{plan}`.
pub(super) async fn stand(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(plan): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let by = visit.actor()?;
    match fields.raw("act") {
        "stand" => {
            by.check(Act::StandingDeletion)?;
            let bench = bench(&shared).await?;
            expire::stand(bench.on(&visit.desk.catalog, &*shared.clock), &plan, by).await.map(drop)?;
        }
        "end" => {
            expire::end_standing(&visit.desk.catalog, &plan, by, shared.clock.now()).await.map(drop)?;
        }
        _ => return Err(Refused::unreadable_form()),
    }
    Ok(Redirect::to("/console/deletion").into_response())
}
