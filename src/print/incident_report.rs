//! 障害報告書 (別紙3): fields, order and wording of the form, from facts. A field that nobody has filled in says so.

use crate::domain::calendar::wareki;
use crate::domain::incident_words::moment;
use crate::domain::time::Instant;
use crate::paper::Paper;
use crate::workflows::desk::{Desk, tokyo};
use crate::workflows::incidents::{Due, Edition, Incident, IncidentField, NINE_ITEMS, first_report};

/// What stands where a fact is missing.
const UNKNOWN: &str = "（未記入）";

/// The paper: the version that was issued last, as it was issued, or a draft (案) of the next one.
pub fn page(incident: &Incident, desk: &Desk, now: Instant) -> Paper {
    let row = &incident.row;
    let (made_at, edition) = match incident.edition() {
        Edition::Draft(number) => (now, format!("第{number}版（案）")),
        Edition::Issued(number) => (row.reported_at.unwrap_or(now), format!("第{number}版")),
    };
    let mut paper = Paper::new(&format!("障害報告書 {}", row.incident), made_at);
    match (incident.edition(), row.reports) {
        (Edition::Issued(_), _) => {}
        (Edition::Draft(_), 0) => paper.text("【案】この報告書はまだ発行されていません。"),
        (Edition::Draft(_), last) => {
            paper
                .text(&format!("【案】第{last}版の発行後に変わったことを含みます。まだ発行されていません。"));
        }
    }
    paper.title("障害報告書");
    paper.text("拝啓　時下ますますご清栄のこととお慶び申し上げます。\n平素は当社サービスをご利用いただき、厚くお礼申し上げます。\n障害内容について次の通り報告させて頂きますので、ご査収を宜しくお願いいたします。");
    paper.right("敬具");
    paper.right(&wareki(tokyo().day_of(made_at)));
    paper.text(&format!("{}　様", desk.incidents.addressee));
    paper.right(&desk.incidents.sender);
    paper.form(form(incident));
    paper.text(&format!("障害番号 {}　{edition}", row.incident));
    prevention(&mut paper, incident);
    personal_data(&mut paper, incident, made_at);
    paper
}

fn at(at: Option<Instant>, missing: &str) -> String {
    at.map_or_else(|| missing.to_owned(), |at| moment(at, &tokyo()))
}

/// The table of 別紙3.
fn form(incident: &Incident) -> [(&'static str, String); 11] {
    let row = &incident.row;
    let text = |field| incident.field(field).unwrap_or(UNKNOWN).to_owned();
    let scope = match (incident.field(IncidentField::Scope), row.services.is_empty()) {
        (Some(scope), true) => scope.to_owned(),
        (Some(scope), false) => format!("{scope}（利用できないサービス：{}）", row.services.join("、")),
        (None, false) => format!("利用できないサービス：{}", row.services.join("、")),
        (None, true) => UNKNOWN.to_owned(),
    };
    let recovered = if row.state.lasts() { "復旧していません" } else { UNKNOWN };
    [
        ("発見日時", moment(row.found_at, &tokyo())),
        ("発見箇所", text(IncidentField::Place)),
        ("発生日時", at(row.occurred_at, "（不明）")),
        ("障害内容", text(IncidentField::Content)),
        ("影響範囲", scope),
        ("復旧日時", at(row.recovered_at, recovered)),
        ("経過", course(incident)),
        ("原因", text(IncidentField::Cause)),
        ("処置", text(IncidentField::Measures)),
        ("備考", text(IncidentField::Remarks)),
        ("添付資料", text(IncidentField::Attachments)),
    ]
}

/// 経過: what happened, as it was written.
fn course(incident: &Incident) -> String {
    let lines = incident.printed();
    let lines = lines.map(|entry| format!("{}　{}", moment(entry.at, &tokyo()), entry.japanese));
    lines.collect::<Vec<_>>().join("\n")
}

/// 再発防止 (第17条④), which has no place on the form.
fn prevention(paper: &mut Paper, incident: &Incident) {
    let title = "再発防止策（第17条④）";
    if incident.actions.is_empty() {
        let why = incident.row.no_action.as_ref();
        paper.heading(title);
        paper.text(&why.map_or_else(|| "（未定）".to_owned(), |why| format!("不要：{why}")));
        return;
    }
    let rows = incident.actions.iter().map(|action| {
        let state = action.done.as_ref();
        let state =
            state.map_or_else(|| "未完了".to_owned(), |(at, _)| format!("完了 {}", moment(*at, &tokyo())));
        vec![action.what.clone(), action.owner.clone(), wareki(action.due), state]
    });
    paper.list(title, &["内容", "担当", "期限", "状態"], rows);
}

/// The clock of personal data, and the nine items of the report to the commission.
fn personal_data(paper: &mut Paper, incident: &Incident, now: Instant) {
    let row = &incident.row;
    let Some(timers) = &incident.timers else { return };
    paper.heading("個人データに関する報告（個人情報保護法第26条）");
    paper.text(&format!(
        "{}。速報：{}から{}まで。確報：{}まで（発見日の翌日から数えています。発見日を1日目とすると1日早くなります）。",
        row.concern.names().0,
        wareki(timers.first_from),
        wareki(timers.first_by),
        wareki(timers.second_by)
    ));
    let due = first_report(timers, row.told_at, tokyo().day_of(now));
    let told = match (row.told_at, &row.told_receipt, due) {
        (Some(told), Some(receipt), _) => format!("{}（控え：{receipt}）", moment(told, &tokyo())),
        (_, _, Due::Over) => "未（期限を過ぎています）".to_owned(),
        (_, _, _) => "未".to_owned(),
    };
    paper.text(&format!("委託元への通知：{told}"));
    let actions = || {
        let what: Vec<&str> = incident.actions.iter().map(|action| action.what.as_str()).collect();
        if what.is_empty() { UNKNOWN.to_owned() } else { what.join("、") }
    };
    let text = |field: IncidentField| incident.field(field).unwrap_or(UNKNOWN).to_owned();
    paper.form(NINE_ITEMS.iter().map(|(name, _, field)| (*name, field.map_or_else(actions, text))));
}
