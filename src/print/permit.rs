//! An application for a permit and its approval (本データ使用許可申請書, 別紙2): the fields of the policy in its order and
//! wording, then what the form has no place for.

use crate::domain::calendar::wareki;
use crate::domain::permit::{AfterUse, Medium, PermitContent};
use crate::domain::time::{Day, Instant};
use crate::paper::Paper;
use crate::workflows::desk::tokyo;
use crate::workflows::permits::{PermitRow, PermitState};

/// The paper.
pub fn page(row: &PermitRow, now: Instant) -> Paper {
    let content = &row.permit.content;
    let mut paper = Paper::new(&format!("本データ使用許可申請書 {}", row.permit.number), now);
    paper.text("（別紙２）");
    paper.title("本データ使用許可申請書");
    paper.text("拝啓　時下ますますご清栄のこととお慶び申し上げます。");
    paper.text("本データに記録されているデータの活用について次の通り申請させていただきますので、ご査収を宜しくお願いいたします。");
    paper.right("敬具");
    paper.form(form(content));
    paper.fields("許可", decision(row));
    paper.fields("提供", provision(content));
    paper.heading("抽出の条件");
    paper.verbatim(&content.extraction);
    paper
}

fn form(content: &PermitContent) -> Vec<(&'static str, String)> {
    let attached = content
        .attachments
        .iter()
        .map(|attached| format!("{}\nSHA-256 {}", attached.name, hex::encode(attached.sha256)));
    vec![
        ("申請日", wareki(content.applied_on)),
        ("申請者", format!("{}　　　　　　　　　　　　　㊞", content.applicant.as_str())),
        ("件名", content.subject.clone()),
        ("使用目的", content.purpose.clone()),
        ("処理内容", content.processing.clone()),
        ("保存媒体", medium(&content.medium)),
        ("使用後の措置", after_use(&content.after_use)),
        ("使用期間", format!("{}～{}", wareki(content.period.0), wareki(content.period.1))),
        ("実施日", days(content.execution)),
        ("備考", content.remarks.clone()),
        ("添付資料", attached.collect::<Vec<_>>().join("\n")),
    ]
}

fn days((first, last): (Day, Day)) -> String {
    if first == last { wareki(first) } else { format!("{}～{}", wareki(first), wareki(last)) }
}

/// The boxes of the form, one of them ticked.
fn boxes(choices: &[&str], chosen: &str, other: Option<&str>) -> String {
    let mut text = String::new();
    for choice in choices {
        let is_chosen = other.is_none() && *choice == chosen;
        text.extend([if is_chosen { "■" } else { "□" }, choice, "　"]);
    }
    let tick = if other.is_some() { "■" } else { "□" };
    text.extend([tick, "その他（", other.unwrap_or("　　　　　　　　"), "）"]);
    text
}

/// 保存媒体 as the form has it.
pub fn medium(medium: &Medium) -> String {
    boxes(&["CD-R", "DVD", "USBメモリ", "ハードディスク"], medium.japanese(), medium.other())
}

/// 使用後の措置 as the form has it.
pub fn after_use(measure: &AfterUse) -> String {
    boxes(&["自動保管", "返却", "消去"], measure.japanese(), measure.other())
}

fn decision(row: &PermitRow) -> Vec<(&'static str, String)> {
    let at = |at: Instant| {
        let zone = tokyo();
        format!("{} {}", wareki(zone.day_of(at)), zone.time_of(at))
    };
    let mut rows = vec![
        ("許可番号", row.permit.number.clone()),
        ("申請の版", format!("第{}版", row.revision)),
        ("状態", row.permit.japanese().to_owned()),
        ("申請内容のSHA-256", row.digest.to_string()),
    ];
    match &row.approval {
        Some(approval) => rows.push(("承認", format!("{}（{}）　㊞", approval.by, at(approval.at)))),
        None => rows.push(("承認", "　　　　　　　　　　　　　㊞".to_owned())),
    }
    if let Some(delivered_at) = row.delivered_at {
        rows.push(("提供した日時", at(delivered_at)));
    }
    match &row.permit.state {
        PermitState::Closed { by, at: closed } => {
            rows.push(("使用後の措置の確認", format!("{}（{by}、{}）", row.reason, at(*closed))));
        }
        PermitState::Returned { by, at: when, reason } => {
            let why = if row.permit.is_withdrawn() { "取下げの理由" } else { "差戻しの理由" };
            rows.push((why, format!("{reason}（{by}、{}）", at(*when))));
        }
        PermitState::Revoked { by, at: when, reason, .. } => {
            rows.push(("取消しの理由", format!("{reason}（{by}、{}）", at(*when))));
        }
        PermitState::Applied
        | PermitState::Approved(_)
        | PermitState::Executing { .. }
        | PermitState::Delivered { .. }
        | PermitState::Expired { .. } => {}
    }
    rows
}

fn provision(content: &PermitContent) -> Vec<(&'static str, String)> {
    vec![
        ("提供方法", content.form.japanese().to_owned()),
        ("法令上の区分（申請者の申告）", content.legal_class.japanese().to_owned()),
        ("実施できる回数", format!("{}回", content.executions_max)),
        ("使用後の措置の期日", wareki(content.after_use_due)),
    ]
}
