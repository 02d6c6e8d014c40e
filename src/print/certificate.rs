//! A certificate of deletion (消去証明書).

use super::{at, day, time};
use crate::domain::retention::Retention;
use crate::domain::size::size;
use crate::paper::Paper;
use crate::workflows::certificates::Certificate;

/// The paper. `digest` is that of the certificate as it is in the store.
pub fn page(certificate: &Certificate, digest: &str) -> Paper {
    let title = format!("消去証明書 第{}号", certificate.number);
    let mut paper = Paper::new(&title, at(&certificate.issued_at));
    paper.title("消去証明書");
    heading(&mut paper, certificate, digest);
    deleted(&mut paper, certificate);
    suppressed(&mut paper, certificate);
    places(&mut paper, certificate);
    people(&mut paper, certificate);
    paper
}

fn heading(paper: &mut Paper, certificate: &Certificate, digest: &str) {
    let rules = certificate.rules.iter().map(|rule| {
        let version: String = rule.version.to_string().chars().take(16).collect();
        let period = rule.retention.parse().map_or_else(|_| rule.retention.clone(), Retention::japanese);
        format!("計画 {}：保管期間 {period}、計画の版 {version}", rule.plan)
    });
    let before =
        certificate.previous.as_ref().map_or_else(|| "なし（最初の証明書）".to_owned(), ToString::to_string);
    let counting = "A：発信した日を1日目とする。B：翌日を1日目とする（民法140条）。Aまでの保管を約束し、AとBの遅い方の翌日以降に消去する。";
    let rows = [
        ("証明書番号", format!("第{}号", certificate.number)),
        ("発行日時", time(&certificate.issued_at)),
        ("根拠", certificate.basis.clone()),
        ("適用した規則", rules.collect::<Vec<_>>().join("／")),
        ("保管期限の数え方", counting.to_owned()),
        ("この証明書のSHA-256", digest.to_owned()),
        ("1つ前の証明書のSHA-256", before),
    ];
    paper.fields("証明書", rows);
}

fn deleted(paper: &mut Paper, certificate: &Certificate) {
    let cohorts = certificate.cohorts.iter().map(|cohort| {
        vec![
            cohort.plan.clone(),
            day(&cohort.clock_day),
            day(&cohort.last_day_a),
            day(&cohort.last_day_b),
            cohort.records.to_string(),
            cohort.objects.to_string(),
            size(cohort.bytes),
        ]
    });
    let snapshots = certificate.snapshots.iter();
    let snapshots = snapshots.map(|one| vec![one.plan.clone(), one.sequence.to_string(), one.digest.clone()]);
    let kept = certificate.not_deleted.iter();
    let kept = kept.map(|one| vec![one.plan.clone(), one.what.clone(), one.japanese.clone()]);
    let heads = ["計画", "発信日・世代の末日", "期限A", "期限B", "記録数", "保存物", "容量"];
    paper.list("消去したもの", &heads, cohorts);
    if !certificate.snapshots.is_empty() {
        paper.list("消去したスナップショットの記録", &["計画", "番号", "SHA-256"], snapshots);
    }
    if certificate.not_deleted.is_empty() {
        paper.text("期限を過ぎて消去しなかったものはありません。");
    } else {
        paper.list("期限を過ぎて消去しなかったもの", &["計画", "対象", "理由"], kept);
    }
}

/// Records that were kept from being given back before their day came.
fn suppressed(paper: &mut Paper, certificate: &Certificate) {
    if certificate.suppressed.is_empty() {
        return;
    }
    let rows = certificate.suppressed.iter();
    let rows =
        rows.map(|one| vec![one.plan.clone(), one.order.to_string(), time(&one.ordered_at), one.by.clone()]);
    let heads = ["計画", "番号", "指示した日時", "指示した者"];
    paper.list("この証明書の発行まで有効だった消去指示", &heads, rows);
    paper.text(
        "消去指示の対象は、指示のときから復元と閲覧ができないようにし、保管期限の後に上記のとおり消去しました。期限前の消去は行っていません。",
    );
}

fn places(paper: &mut Paper, certificate: &Certificate) {
    let rows = certificate.copies.iter().map(|copy| {
        let method = match copy.method.as_str() {
            "version-purged" => "すべての版を版番号を指定して消去",
            _ => "ファイルを消去",
        };
        let locked = match copy.locked_by.as_str() {
            "store" => "保管先が期限前の消去を拒否する設定",
            "kura" => "Kura が期限を記録して守る（保管先の管理者は消去できた）",
            _ => "期限前の消去を妨げる仕組みなし",
        };
        let left = format!("残り {} 件", copy.left);
        vec![copy.location.clone(), method.to_owned(), locked.to_owned(), copy.finished_at.clone(), left]
    });
    let heads = ["場所", "方法", "期限前の保護", "完了（日本時間）", "消去後の確認"];
    paper.list("消去した場所と方法", &heads, rows);
    paper.text("あわせて、バックアップ機器の台帳の該当行と索引の写しを消去しました。鍵の破棄による消去は行っていません。");
}

fn people(paper: &mut Paper, certificate: &Certificate) {
    let (authority, clock) = (&certificate.authority, &certificate.clock);
    let approved = format!("{}（{}）", authority.approved_by, time(&authority.approved_at));
    let mut rows = match (&authority.confirmed_by, &authority.confirmed_at) {
        (Some(by), Some(at)) => vec![("承認", approved), ("確認", format!("{by}（{}）", time(at)))],
        _ => vec![("包括承認", approved)],
    };
    let executor = if certificate.executor == "kura" { "Kura（自動）" } else { &certificate.executor };
    let mut clocks = vec![format!("この機器 {}", time(&clock.host))];
    clocks.extend(clock.outside.iter().map(|one| format!("{} {}", one.source, time(&one.at))));
    clocks.extend(clock.word.iter().map(|word| format!("{} が {} と確認", word.by, day(&word.day))));
    let position = certificate.audit.as_ref();
    let position =
        position.map_or_else(|| "なし".to_owned(), |at| format!("{}行目 {}", at.sequence, at.digest));
    rows.extend([
        ("実行", executor.to_owned()),
        ("消去計画のSHA-256", certificate.order.to_string()),
        ("開始前の記録のSHA-256", certificate.intent.to_string()),
        ("日時の裏付け", clocks.join("／")),
        ("監査ログの位置", position),
    ]);
    paper.fields("承認と実行", rows);
}
