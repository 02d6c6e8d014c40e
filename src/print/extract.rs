//! The report of an extract (抽出の測定報告書), for people who decide and file it. Counts and columns, never a value.

use super::{at, time};
use crate::domain::size::size;
use crate::paper::Paper;
use crate::workflows::extracts::{ExtractReport, MeasuredReport};

/// How crowds are counted by their persons.
const SIZES: [&str; 7] = ["1人", "2人", "3～4人", "5～9人", "10～19人", "20～49人", "50人以上"];

/// The paper.
pub fn page(report: &ExtractReport) -> Paper {
    let title = format!("抽出の測定報告書 {}（{}回目）", report.permit, report.execution);
    let mut paper = Paper::new(&title, at(&report.made_at));
    paper.title("抽出の測定報告書");
    paper.warning("", &report.decides);
    heading(&mut paper, report);
    list_columns(&mut paper, report);
    if let Some(measured) = &report.measured {
        measured_part(&mut paper, measured);
    }
    if let Some(counts) = &report.counts {
        counts_part(&mut paper, counts);
    }
    paper.list("求めた条件", &["条件", "値"], pairs(&report.rules));
    if let Some(search) = &report.search {
        search_part(&mut paper, search);
    }
    scan(&mut paper, report);
    if !report.measures.is_empty() {
        paper.list("施行規則第34条の各号について行った措置", &["号", "措置"], pairs(&report.measures));
    }
    paper.heading("公表文（案）");
    paper.verbatim(&report.publication);
    paper
}

fn pairs(rules: &[crate::workflows::extracts::RuleReport]) -> Vec<Vec<String>> {
    rules.iter().map(|rule| vec![rule.asks.clone(), rule.done.clone()]).collect()
}

fn heading(paper: &mut Paper, report: &ExtractReport) {
    let sealed = if report.sealed_to == "passphrase" {
        "一度だけ表示した合言葉"
    } else {
        "申請者の公開鍵（age）"
    };
    let mut rows = vec![
        ("許可番号", report.permit.clone()),
        ("実施", format!("{}回目", report.execution)),
        ("作成日時", time(&report.made_at)),
        ("データセット", report.dataset.clone()),
        ("対象の行数", report.rows_in.to_string()),
        ("対象の人数", report.persons_in.to_string()),
        ("出力した行数", report.rows_out.to_string()),
        ("条件を満たさず除外した行数", report.left_out.to_string()),
        ("上限・下限・少数値をまとめた行数", report.coded.to_string()),
        ("読み取れず「不明」とした行数", report.unreadable.to_string()),
        ("制御文字を除いた元データのセル", report.controls.to_string()),
        ("計算式として働くおそれのあるセル", formulas(report)),
        ("比較した過去の抽出", format!("{}件", report.compared_with)),
        ("提供の形", shape(&report.shape).to_owned()),
        ("暗号化", sealed.to_owned()),
        ("ファイルの大きさ", size(report.extract_bytes)),
        ("許可内容のSHA-256", report.permit_digest.clone()),
        ("元データのSHA-256", report.source_digest.clone()),
        ("出力（暗号化前）のSHA-256", report.extract_digest.clone()),
        ("プログラム", report.program.clone()),
    ];
    if let Some(digest) = &report.table_digest {
        rows.push(("紙に印字した表のSHA-256", digest.clone()));
    }
    if let Some(snapshot) = &report.snapshot {
        rows.push(("元のスナップショット", snapshot.clone()));
    }
    paper.fields("抽出", rows);
}

/// Cells that a spreadsheet would run, and whether it still would.
pub fn formulas(report: &ExtractReport) -> String {
    let after = match report.formulas {
        0 => "",
        _ if report.is_guarded => "（先頭に「'」を付けた）",
        _ if report.shape == "csv" => "（値のまま。表計算ソフトで開くときは文字列として読み込む）",
        _ => "（文字列として書くため働かない）",
    };
    format!("{}{after}", report.formulas)
}

fn shape(word: &str) -> &str {
    match word {
        "csv" => "ファイル（CSV）",
        "parquet" => "ファイル（Parquet。すべて文字列）",
        "xlsx" => "ファイル（Excel。すべて文字列）",
        "paper" => "紙（印刷用のページ）",
        other => other,
    }
}

/// What is done with each column, as a paper of its own.
pub fn columns(report: &ExtractReport) -> Paper {
    let mut paper = Paper::new("項目ごとの処理", at(&report.made_at));
    list_columns(&mut paper, report);
    paper
}

fn list_columns(paper: &mut Paper, report: &ExtractReport) {
    let rows = report.columns.iter().map(|column| {
        vec![
            column.name.clone(),
            class(&column.class).to_owned(),
            done(&column.done).to_owned(),
            column.level.map_or_else(|| "―".to_owned(), |(level, height)| format!("{level}／{height}")),
            column.share.map_or_else(|| "―".to_owned(), |share| format!("{share:.4}")),
        ]
    });
    let heads = ["項目", "区分", "処理", "段階（最大）", "情報の損失（0～1）"];
    paper.list("項目ごとの処理", &heads, rows);
}

fn class(word: &str) -> &str {
    match word {
        "direct" => "直接識別子",
        "pic" => "個人識別符号",
        "link" => "連結する符号",
        "qi" => "準識別子",
        "date" => "日付（準識別子）",
        "sensitive" => "要配慮の値",
        "free_text" => "自由記載",
        "measure" => "測定値",
        "public" => "公知の値",
        "binary" => "画像・文書",
        other => other,
    }
}

fn done(word: &str) -> &str {
    match word {
        "drop" => "削除",
        "pseudonym" => "この抽出限りの符号に置換",
        "table" => "分類表で一般化",
        "age" => "年齢の階級に一般化",
        "days" => "年月日を一般化",
        "postal" => "郵便番号を一般化",
        "icd10" => "ICD-10を一般化",
        "shift" => "人ごとに日をずらし、月以上に一般化",
        "fold" => "少数値をまとめる",
        "round" => "丸め・上下限の設定",
        "keep" => "元の値（表記だけそろえる）",
        other => other,
    }
}

fn measured_part(paper: &mut Paper, measured: &MeasuredReport) {
    let rows = [
        ("人数", measured.persons.to_string()),
        ("組合せの数", measured.crowds.to_string()),
        ("同じ組合せの最少人数（k）", measured.smallest.to_string()),
        ("特定される確率の最大", format!("{:.4}", measured.risk_max)),
        ("特定される確率の平均", format!("{:.4}", measured.risk_average)),
        ("確率が1/20を超える人数", measured.above_twentieth.to_string()),
        ("確率が1/5を超える人数", measured.above_fifth.to_string()),
    ];
    let sizes =
        SIZES.iter().zip(measured.sizes).map(|(size, crowds)| vec![(*size).to_owned(), crowds.to_string()]);
    let sensitive = measured.sensitive.iter().map(|column| {
        vec![
            column.name.clone(),
            column.distinct.to_string(),
            format!("{:.4}", column.entropy),
            format!("{:.4}", column.distance),
        ]
    });
    let heads = ["項目", "値の種類の最少（l）", "エントロピーの最小", "全体との距離の最大（t）"];
    paper.fields("出力したファイルを別のプログラムで測り直した結果", rows);
    paper.list("組合せの大きさ", &["人数", "組合せの数"], sizes);
    if !measured.sensitive.is_empty() {
        paper.list("要配慮の値", &heads, sensitive);
    }
}

fn counts_part(paper: &mut Paper, counts: &crate::workflows::extracts::CountsReport) {
    let by = counts.by.iter().map(|(name, level)| format!("{name}（段階{level}）"));
    let protection = match counts.protection.as_str() {
        "round-up" => "すべての数を10単位に切り上げ",
        _ => "少数の欄を秘匿し、計算で分からないよう他の欄も秘匿",
    };
    let narrowest = counts
        .narrowest
        .map_or_else(|| "該当なし".to_owned(), |width| format!("{width}以上の幅でしか推定できない"));
    let mut rows = vec![
        ("集計の項目", by.collect::<Vec<_>>().join("、")),
        ("表示する最少人数", counts.min_cell.to_string()),
        ("少数の欄の保護", protection.to_owned()),
        ("少数の欄", counts.small.to_string()),
        ("あわせて秘匿した欄", counts.complementary.to_string()),
        ("秘匿した欄の推定", narrowest),
        ("合計", if counts.has_totals { "表示" } else { "非表示" }.to_owned()),
    ];
    if let Some((column, hidden)) = &counts.sum {
        rows.push(("合計する項目", column.clone()));
        rows.push(("合計だけを秘匿した欄（少数の人が大半を占めるなど）", hidden.to_string()));
    }
    paper.fields("集計表", rows);
}

fn search_part(paper: &mut Paper, search: &crate::workflows::extracts::SearchReport) {
    let proof = if search.is_proved {
        "最適であることを証明済み"
    } else {
        "最適とは限らない（探索を打ち切り）"
    };
    let rows = [
        ("段階の組合せ", search.nodes.clone()),
        ("調べた組合せ", search.looks.to_string()),
        ("結果", proof.to_owned()),
        ("同じ費用の組合せ", search.ties.to_string()),
        ("小さくした指標", format!("{}：{:.6}", search.metric, search.cost)),
    ];
    paper.fields("段階の選択", rows);
}

fn scan(paper: &mut Paper, report: &ExtractReport) {
    let warnings = report.scan.warnings.iter().map(|(column, cells)| format!("{column}：{cells}セル"));
    let warnings = warnings.collect::<Vec<_>>().join("、");
    let rows = [
        ("検査したセル", report.scan.cells.to_string()),
        ("照合した氏名・番号など", report.scan.looked_for.to_string()),
        ("短すぎて照合しなかったもの", report.scan.too_short.to_string()),
        ("該当", "なし（1件でもあれば提供しない）".to_owned()),
        ("似た形の数字（参考）", if warnings.is_empty() { "なし".to_owned() } else { warnings }),
    ];
    paper.fields("出力に個人を示す値がないことの検査", rows);
}
