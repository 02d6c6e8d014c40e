//! Restore points: the snapshots of a plan with their days, counts and sizes; what the host may know.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Sheet, badge};
use super::paging::{After, older};
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{grouped, size, w};
use crate::workflows::lists::{self, DrillRow, LIST_PAGE, SnapshotRow};

/// `GET /console/restore-points`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let plans: Vec<&String> = visit.desk.contents.keys().collect();
    let plan = after.plan.as_ref().or(plans.first().copied()).cloned().unwrap_or_default();
    let page = lists::snapshots(&visit.desk, visit.actor()?, &after.place(), &plan, LIST_PAGE).await?;
    let rows = &page.rows;
    let drill = lists::newest_drill(&visit.desk, visit.actor()?, &plan).await?;
    let body = html! {
        nav aria-label=(visit.t("計画", "Plans")) class="months" {
            @for name in &plans {
                a href={ "/console/restore-points?plan=" (name) } aria-current=[(**name == plan).then_some("true")] { (name) }
            }
        }
        p {
            (visit.t(
                "復元には、この設備の外で保管している復旧鍵が必要です。復元はシステム管理者が kura restore で行います。",
                "A restore needs a recovery key, which is kept elsewhere; the administrator does it with `kura restore`.",
            ))
        }
        (drilled(&visit, drill.as_ref()))
        @if rows.is_empty() { p { (visit.t("まだスナップショットがありません。", "There is no snapshot yet.")) } }
        @else { (table(&visit, rows)) }
        (older(&visit, "/console/restore-points", Some(&plan), page.next.as_ref()))
    };
    let title = w(format!("復元できる時点：{plan}"), format!("Restore points: {plan}"));
    Ok(Sheet::new(title, body).show(&visit))
}

/// When a restore was last tried out, and how long it took.
fn drilled(visit: &Visit, drill: Option<&DrillRow>) -> Markup {
    let Some(row) = drill else {
        return html! { p { (visit.t("復元の訓練はまだ行われていません。", "No restore drill has been done yet.")) } };
    };
    let seconds = row.milliseconds.div_ceil(1000).max(1);
    html! {
        p {
            (visit.t("最後の復元の訓練：", "Last restore drill: ")) (visit.lang.moment(row.ended_at)) " "
            (grouped(row.files)) (visit.t("件、", " files, ")) (size(row.bytes)) (visit.t("、", ", "))
            (grouped(seconds)) (visit.t("秒", " s")) " "
            (badge("good", visit.t("✓ 一致", "✓ as recorded")))
        }
    }
}

fn table(visit: &Visit, rows: &[SnapshotRow]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(visit.t("スナップショット", "Snapshots")) {
            table {
                thead { tr {
                    th scope="col" { (visit.t("日時", "Taken")) }
                    th scope="col" { (visit.t("状態", "State")) }
                    th scope="col" { (visit.t("件数", "Files")) }
                    th scope="col" { (visit.t("データ量", "Size")) }
                    th scope="col" { (visit.t("日数", "Days")) }
                    th scope="col" { (visit.t("番号", "Id")) }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (visit.lang.moment(row.taken_at)) }
                            td {
                                @if row.is_complete { (badge("good", visit.t("✓ 完全", "✓ complete"))) }
                                @else {
                                    (badge("bad", visit.t("△ 一部のみ", "△ partial")))
                                    " " (grouped(row.skipped)) (visit.t("件読めず", " not read"))
                                }
                            }
                            td class="count" { (grouped(row.files)) }
                            td class="count" { (size(row.bytes)) }
                            td class="count" { (grouped(row.cohorts)) }
                            td { code { (row.digest.to_string().chars().take(12).collect::<String>()) } }
                        }
                    }
                }
            }
        }
    }
}
