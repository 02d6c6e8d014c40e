//! 障害報告書 (別紙3): fields, order and wording of the form, from facts. A field that nobody has filled in says so.

use maud::{Markup, html};

use super::document;
use crate::domain::calendar::wareki;
use crate::domain::incident_words::moment;
use crate::domain::time::Instant;
use crate::workflows::desk::{Desk, tokyo};
use crate::workflows::incidents::{Due, Incident, IncidentField, NINE_ITEMS, first_report};

/// What stands where a fact is missing.
const UNKNOWN: &str = "（未記入）";

/// The page: a draft (案) until the report is issued.
pub fn page(incident: &Incident, desk: &Desk, now: Instant) -> String {
    let row = &incident.row;
    let zone = tokyo();
    let on = wareki(zone.day_of(row.reported_at.unwrap_or(now)));
    let is_draft = row.reports == 0;
    let body = html! {
        @if is_draft { p { "【案】この報告書はまだ発行されていません。" } }
        h1 { "障害報告書" }
        p { "拝啓　時下ますますご清栄のこととお慶び申し上げます。" }
        p { "平素は当社サービスをご利用いただき、厚くお礼申し上げます。" }
        p { "障害内容について次の通り報告させて頂きますので、ご査収を宜しくお願いいたします。" }
        p class="right" { "敬具" }
        p class="right" { (on) }
        p { (desk.incidents.addressee) "　様" }
        p class="right" { (desk.incidents.sender) }
        (form(incident))
        p { "障害番号 " (row.incident) "　" @if is_draft { "案" } @else { "第" (row.reports) "版" } }
        (appendix(incident, now))
    };
    document(&format!("障害報告書 {}", row.incident), &body)
}

fn at(at: Option<Instant>, missing: &str) -> String {
    at.map_or_else(|| missing.to_owned(), |at| moment(at, &tokyo()))
}

/// The table of 別紙3.
fn form(incident: &Incident) -> Markup {
    let row = &incident.row;
    let text = |field| incident.field(field).unwrap_or(UNKNOWN).to_owned();
    let scope = match (incident.field(IncidentField::Scope), row.services.is_empty()) {
        (Some(scope), true) => scope.to_owned(),
        (Some(scope), false) => format!("{scope}（利用できないサービス：{}）", row.services.join("、")),
        (None, false) => format!("利用できないサービス：{}", row.services.join("、")),
        (None, true) => UNKNOWN.to_owned(),
    };
    let recovered = if row.state.lasts() { "復旧していません" } else { UNKNOWN };
    let rows = [
        ("発見日時", html! { (moment(row.found_at, &tokyo())) }),
        ("発見箇所", html! { (text(IncidentField::Place)) }),
        ("発生日時", html! { (at(row.occurred_at, "（不明）")) }),
        ("障害内容", html! { (text(IncidentField::Content)) }),
        ("影響範囲", html! { (scope) }),
        ("復旧日時", html! { (at(row.recovered_at, recovered)) }),
        ("経過", course(incident)),
        ("原因", html! { (text(IncidentField::Cause)) }),
        ("処置", html! { (text(IncidentField::Measures)) }),
        ("備考", html! { (text(IncidentField::Remarks)) }),
        ("添付資料", html! { (text(IncidentField::Attachments)) }),
    ];
    html! {
        table { tbody {
            @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } }
        } }
    }
}

/// 経過: what happened, as it was written.
fn course(incident: &Incident) -> Markup {
    html! {
        @for entry in &incident.entries {
            div { (moment(entry.at, &tokyo())) "　" (entry.japanese) }
        }
    }
}

/// What does not stand on the form: 再発防止 (第17条④), and the clock of personal data.
fn appendix(incident: &Incident, now: Instant) -> Markup {
    let row = &incident.row;
    html! {
        h2 { "再発防止策（第17条④）" }
        @if incident.actions.is_empty() {
            p { (row.no_action.as_ref().map_or_else(|| "（未定）".to_owned(), |why| format!("不要：{why}"))) }
        } @else {
            table {
                thead { tr { th scope="col" { "内容" } th scope="col" { "担当" } th scope="col" { "期限" } th scope="col" { "状態" } } }
                tbody {
                    @for action in &incident.actions {
                        tr {
                            td { (action.what) }
                            td { (action.owner) }
                            td { (wareki(action.due)) }
                            td { @if let Some((at, _)) = &action.done { "完了 " (moment(*at, &tokyo())) } @else { "未完了" } }
                        }
                    }
                }
            }
        }
        @if let Some(timers) = &incident.timers {
            h2 { "個人データに関する報告（個人情報保護法第26条）" }
            p {
                (row.concern.names().0) "。速報：" (wareki(timers.first_from)) "から" (wareki(timers.first_by))
                "まで。確報：" (wareki(timers.second_by)) "まで（発見日の翌日から数えています。発見日を1日目とすると1日早くなります）。"
            }
            p {
                "委託元への通知："
                @match (row.told_at, &row.told_receipt, first_report(timers, row.told_at, tokyo().day_of(now))) {
                    (Some(told), Some(receipt), _) => { (moment(told, &tokyo())) "（控え：" (receipt) "）" }
                    (_, _, Due::Over) => "未（期限を過ぎています）",
                    (_, _, _) => "未",
                }
            }
            (nine_items(incident))
        }
    }
}

/// The nine items of the report to the commission.
fn nine_items(incident: &Incident) -> Markup {
    let actions = || {
        let what: Vec<&str> = incident.actions.iter().map(|action| action.what.as_str()).collect();
        if what.is_empty() { UNKNOWN.to_owned() } else { what.join("、") }
    };
    html! {
        table { tbody {
            @for (name, _, field) in NINE_ITEMS {
                tr {
                    th scope="row" { (name) }
                    td { (field.map_or_else(actions, |field| incident.field(field).unwrap_or(UNKNOWN).to_owned())) }
                }
            }
        } }
    }
}
