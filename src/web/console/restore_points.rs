//! Restore points: the snapshots of a plan with their days, counts and sizes; what the host may know.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Sheet, badge, older};
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{grouped, size, w};
use crate::workflows::look::{self, PAGE, SnapshotRow};

/// `?plan=&before=`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    plan: Option<String>,
    before: Option<u64>,
}

/// `GET /console/restore-points`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(asked): Query<Asked>,
) -> Result<Response, Refused> {
    let plans: Vec<&String> = visit.desk.contents.keys().collect();
    let plan = asked.plan.as_ref().or(plans.first().copied()).cloned().unwrap_or_default();
    let before = asked.before.unwrap_or(u64::MAX >> 1);
    let rows = look::snapshots(&visit.desk.catalog, &plan, before.min(u64::MAX >> 1)).await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("plan", &plan);
    let more = rows.last().filter(|_| is_full);
    let more =
        more.map(|last| format!("/console/restore-points?{}&before={}", query.finish(), last.sequence));
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
        @if rows.is_empty() { p { (visit.t("まだスナップショットがありません。", "There is no snapshot yet.")) } }
        @else { (table(&visit, &rows)) }
        (older(&visit, more))
    };
    let title = w(format!("復元できる時点：{plan}"), format!("Restore points: {plan}"));
    Ok(Sheet::new(title, body).show(&visit))
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
