//! A certificate of deletion as a page to print (消去証明書), in Japanese, without script and without anything from elsewhere.

use crate::domain::calendar::wareki;
use crate::domain::time::Day;
use crate::workflows::certificates::Certificate;

use super::words::{local, size, tokyo};

const STYLE: &str = "body{font-family:serif;max-width:46em;margin:2em auto;line-height:1.7}h1{text-align:center}\
table{border-collapse:collapse;width:100%;margin:.5em 0 1.5em}th,td{border:1px solid #000;padding:.3em .6em;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{width:30%;font-weight:normal;background:#eee}\
thead th{width:auto}code{font-size:.8em}@media print{body{margin:0}}";

/// The page.
pub(super) fn page(certificate: &Certificate, digest: &str) -> String {
    let mut body = String::new();
    heading(certificate, digest, &mut body);
    deleted(certificate, &mut body);
    suppressed(certificate, &mut body);
    places(certificate, &mut body);
    people(certificate, &mut body);
    let number = certificate.number;
    format!(
        "<!doctype html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><title>消去証明書 第{number}号</title>\
         <style>{STYLE}</style></head><body>\n<h1>消去証明書</h1>\n{body}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn row(title: &str, text: &str) -> String {
    format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(title), escaped(text))
}

fn table(title: &str, rows: &str) -> String {
    format!("<h2>{}</h2>\n<table>\n{rows}</table>\n", escaped(title))
}

fn cells(tag: &str, row: &[String]) -> String {
    let end = tag.split(' ').next().unwrap_or(tag);
    row.iter().fold(String::new(), |text, cell| text + &format!("<{tag}>{}</{end}>", escaped(cell)))
}

fn list(title: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let heads = cells("th scope=\"col\"", &heads);
    let rows =
        rows.iter().fold(String::new(), |text, row| text + &format!("<tr>{}</tr>\n", cells("td", row)));
    let title = escaped(title);
    format!("<h2>{title}</h2>\n<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table>\n")
}

fn day(text: &str) -> String {
    text.parse::<Day>().map_or_else(|_| text.to_owned(), wareki)
}

fn time(text: &str) -> String {
    let at = text.parse::<jiff::Timestamp>();
    at.map_or_else(
        |_| text.to_owned(),
        |at| local(crate::domain::time::Instant::from_micros(at.as_microsecond()), &tokyo()),
    )
}

fn heading(certificate: &Certificate, digest: &str, body: &mut String) {
    let rules = certificate.rules.iter().map(|rule| {
        let version: String = rule.version.to_string().chars().take(16).collect();
        format!("計画 {}：保管期間 {}、計画の版 {version}", rule.plan, rule.retention)
    });
    let mut rows = row("証明書番号", &format!("第{}号", certificate.number));
    rows.push_str(&row("発行日時", &time(&certificate.issued_at)));
    rows.push_str(&row("根拠", &certificate.basis));
    rows.push_str(&row("適用した規則", &rules.collect::<Vec<_>>().join("／")));
    rows.push_str(&row(
        "保管期限の数え方",
        "A：発信した日を1日目とする。B：翌日を1日目とする（民法140条）。Aまでの保管を約束し、AとBの遅い方の翌日以降に消去する。",
    ));
    rows.push_str(&row("この証明書のSHA-256", digest));
    let before =
        certificate.previous.as_ref().map_or_else(|| "なし（最初の証明書）".to_owned(), ToString::to_string);
    rows.push_str(&row("1つ前の証明書のSHA-256", &before));
    body.push_str(&table("証明書", &rows));
}

fn deleted(certificate: &Certificate, body: &mut String) {
    let rows: Vec<Vec<String>> = certificate
        .cohorts
        .iter()
        .map(|cohort| {
            vec![
                cohort.plan.clone(),
                day(&cohort.clock_day),
                day(&cohort.last_day_a),
                day(&cohort.last_day_b),
                cohort.records.to_string(),
                cohort.objects.to_string(),
                size(cohort.bytes),
            ]
        })
        .collect();
    let heads = ["計画", "発信日・世代の末日", "期限A", "期限B", "記録数", "保存物", "容量"];
    body.push_str(&list("消去したもの", &heads, &rows));
    if !certificate.snapshots.is_empty() {
        let rows = certificate
            .snapshots
            .iter()
            .map(|one| vec![one.plan.clone(), one.sequence.to_string(), one.digest.clone()]);
        body.push_str(&list(
            "消去したスナップショットの記録",
            &["計画", "番号", "SHA-256"],
            &rows.collect::<Vec<_>>(),
        ));
    }
    if certificate.not_deleted.is_empty() {
        body.push_str("<p>期限を過ぎて消去しなかったものはありません。</p>\n");
    } else {
        let rows = certificate.not_deleted.iter();
        let rows = rows.map(|one| vec![one.plan.clone(), one.what.clone(), one.japanese.clone()]);
        body.push_str(&list(
            "期限を過ぎて消去しなかったもの",
            &["計画", "対象", "理由"],
            &rows.collect::<Vec<_>>(),
        ));
    }
}

/// Records that were kept from being given back before their day came.
fn suppressed(certificate: &Certificate, body: &mut String) {
    if certificate.suppressed.is_empty() {
        return;
    }
    let rows = certificate.suppressed.iter();
    let rows =
        rows.map(|one| vec![one.plan.clone(), one.order.to_string(), time(&one.ordered_at), one.by.clone()]);
    let heads = ["計画", "番号", "指示した日時", "指示した者"];
    body.push_str(&list("この証明書の発行まで有効だった消去指示", &heads, &rows.collect::<Vec<_>>()));
    body.push_str(
        "<p>消去指示の対象は、指示のときから復元と閲覧ができないようにし、保管期限の後に上記のとおり消去しました。期限前の消去は行っていません。</p>\n",
    );
}

fn places(certificate: &Certificate, body: &mut String) {
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
    body.push_str(&list("消去した場所と方法", &heads, &rows.collect::<Vec<_>>()));
    body.push_str("<p>あわせて、バックアップ機器の台帳の該当行と索引の写しを消去しました。鍵の破棄による消去は行っていません。</p>\n");
}

fn people(certificate: &Certificate, body: &mut String) {
    let authority = &certificate.authority;
    let mut rows = match (&authority.confirmed_by, &authority.confirmed_at) {
        (Some(by), Some(at)) => [
            row("承認", &format!("{}（{}）", authority.approved_by, time(&authority.approved_at))),
            row("確認", &format!("{by}（{}）", time(at))),
        ]
        .concat(),
        _ => row("包括承認", &format!("{}（{}）", authority.approved_by, time(&authority.approved_at))),
    };
    let executor = if certificate.executor == "kura" { "Kura（自動）" } else { &certificate.executor };
    rows.push_str(&row("実行", executor));
    rows.push_str(&row("消去計画のSHA-256", &certificate.order.to_string()));
    rows.push_str(&row("開始前の記録のSHA-256", &certificate.intent.to_string()));
    let mut clocks = vec![format!("この機器 {}", time(&certificate.clock.host))];
    clocks.extend(certificate.clock.outside.iter().map(|one| format!("{} {}", one.source, time(&one.at))));
    if let Some(word) = &certificate.clock.word {
        clocks.push(format!("{} が {} と確認", word.by, day(&word.day)));
    }
    rows.push_str(&row("日時の裏付け", &clocks.join("／")));
    let position = certificate.audit.as_ref();
    let position =
        position.map_or_else(|| "なし".to_owned(), |at| format!("{}行目 {}", at.sequence, at.digest));
    rows.push_str(&row("監査ログの位置", &position));
    body.push_str(&table("承認と実行", &rows));
}
