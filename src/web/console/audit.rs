//! The audit log: page by page, newest first, and checking its chain.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};

use super::form;
use super::layout::{Sheet, facts};
use super::paging::{After, older};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{grouped, w};
use crate::domain::audit::AuditLine;
use crate::workflows::check_audit;
use crate::workflows::lists::{self, LIST_PAGE};

/// `GET /console/audit`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let page = lists::audit(&visit.desk, visit.actor()?, &after.place(), LIST_PAGE).await?;
    let check = form::button("plain", visit.t("記録の連続を確かめる", "Check the whole log"));
    let body = html! {
        (form::form(&visit, "/console/audit/verify", &check))
        (table(&visit, &page.rows))
        (older(&visit, "/console/audit", None, page.next.as_ref()))
    };
    Ok(Sheet::new(w("監査記録", "Audit log"), body).show(&visit))
}

fn table(visit: &Visit, lines: &[AuditLine]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(visit.t("監査記録", "Audit log")) {
            table {
                thead { tr {
                    th scope="col" { (visit.t("番号", "No.")) }
                    th scope="col" { (visit.t("日時", "When")) }
                    th scope="col" { (visit.t("誰が", "Who")) }
                    th scope="col" { (visit.t("何を", "What")) }
                    th scope="col" { (visit.t("対象", "To what")) }
                    th scope="col" { (visit.t("詳細", "Detail")) }
                } }
                tbody {
                    @for line in lines {
                        tr {
                            th scope="row" { (line.sequence) }
                            td class="when" { (visit.lang.moment(line.entry.at)) }
                            td { (line.entry.actor) }
                            td { code { (line.entry.act) } }
                            td { (line.entry.subject) }
                            td class="wrap" { (line.entry.detail) }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /console/audit/verify`.
pub(super) async fn verify(axum::Extension(visit): At, Sent(_): Sent) -> Result<Response, Refused> {
    let head = check_audit::verify(&visit.desk.catalog, None).await?;
    let rows = [
        (visit.t("最後の番号", "Newest line"), html! { (grouped(head.sequence)) }),
        (
            visit.t("その指紋（SHA-256）", "Its digest (SHA-256)"),
            html! { code class="secret" { (head.digest) } },
        ),
        (visit.t("確かめた日時", "Checked"), html! { (visit.lang.moment(visit.now)) }),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let body = html! {
        p class="lead" { (visit.t("✓ すべての行が連続しています。", "✓ Every line follows the one before.")) }
        (facts(&rows))
        p { (visit.t("番号と指紋を別の場所に書き留めておくと、後で記録が切り詰められていないことを確かめられます。", "Note both elsewhere: they show later that the log was not cut.")) }
        p { a class="button plain" href="/console/audit" { (visit.t("監査記録へ戻る", "Back to the log")) } }
    };
    Ok(Sheet::new(w("監査記録の確認", "The audit log was checked"), body).show(&visit))
}
