//! What is said of an extract in Japanese: what was done, item by item of 施行規則第34条, and the draft of the publication
//! that the law asks for (法第43条). Columns and numbers only.

use super::classes::{Class, Treatment};
use super::extract::{ExtractRules, Report};
use super::search::Proof;

/// What stands under every report: no program decides what the law calls the result.
pub const A_PERSON_DECIDES: &str = "この測定結果は判断の資料であり、法令上の区分（統計情報・匿名加工情報・仮名加工情報）は人が判断し、その責任で決定します。";

/// What was done for one item of 施行規則第34条.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The item, 1–5.
    pub item: u8,
    /// What it asks for, in short.
    pub asks: &'static str,
    /// What was done.
    pub done: String,
}

/// What was done, item by item.
pub fn measures(rules: &ExtractRules, report: &Report) -> Vec<Measure> {
    let measured = &report.measured;
    let proof = match report.answer.proof {
        Proof::Optimal => "最適であることを証明済み",
        Proof::Bounded => "最適とは限らない（探索を打ち切り）",
    };
    let quasi: Vec<String> =
        report.levels.iter().map(|(name, level)| format!("{name}（段階{level}）")).collect();
    vec![
        Measure {
            item: 1,
            asks: "特定の個人を識別することができる記述等の削除",
            done: format!(
                "削除した項目：{}。一般化した項目：{}（{proof}）",
                names(rules, |rule| rule.0 == Class::Direct
                    || rule.0 == Class::FreeText
                    || rule.0 == Class::Binary),
                list(&quasi)
            ),
        },
        Measure {
            item: 2,
            asks: "個人識別符号の全部の削除",
            done: format!(
                "削除した項目：{}。出力した全{}セルを検査し、該当なし",
                names(rules, |rule| rule.0 == Class::PersonalCode),
                report.scan.cells
            ),
        },
        Measure {
            item: 3,
            asks: "情報を相互に連結する符号の削除",
            done: format!(
                "この抽出限りの無作為な符号に置換した項目：{}。鍵は提供後に廃棄",
                names(rules, |rule| matches!(rule.1, Treatment::Pseudonym { .. }))
            ),
        },
        Measure {
            item: 4,
            asks: "特異な記述等の削除",
            done: format!(
                "上限・下限・少数値をまとめた行：{}件、条件を満たさず除外した行：{}件",
                report.counts.coded, report.left_out
            ),
        },
        Measure {
            item: 5,
            asks: "個人情報データベース等の性質を勘案した措置",
            done: format!(
                "同じ組合せの最少人数：{}人（条件{}人以上）、行の無作為な並べ替え、出力の再測定",
                measured.smallest, rules.k
            ),
        },
    ]
}

/// The draft of what is made public: the items about persons that are in the extract, and how it is handed over.
pub fn publication(rules: &ExtractRules) -> String {
    let released = names(rules, |rule| *rule.1 != Treatment::Drop);
    format!(
        "匿名加工情報の作成・提供に関する公表（案）\n\
         1. 匿名加工情報に含まれる個人に関する情報の項目：{released}\n\
         2. 提供の方法：暗号化した電子ファイルまたは紙により、使用を許可した申請者に限り提供\n\
         {A_PERSON_DECIDES}\n"
    )
}

fn names(rules: &ExtractRules, choose: impl Fn((Class, &Treatment)) -> bool) -> String {
    let chosen = rules.columns.iter().filter(|rule| choose((rule.class, &rule.treatment)));
    list(&chosen.map(|rule| rule.name.clone()).collect::<Vec<_>>())
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "なし".to_owned() } else { names.join("、") }
}
