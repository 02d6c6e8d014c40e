//! Reports to the 医師会 from live facts: the five items of an SLA, the table of a BCP, the register of places, the table of
//! generations. Nothing in them is typed by hand.

use crate::domain::availability;
use crate::domain::calendar::wareki;
use crate::domain::evidence_facts::{Facts, PlanEvidence};
use crate::domain::plan::Class;
use crate::domain::retention::Retention;
use crate::domain::size::size;
use crate::domain::time::Day;

/// A report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Its title.
    pub title: String,
    /// As of which day.
    pub made_on: Day,
    /// What a reader must know.
    pub note: String,
    /// Its tables.
    pub tables: Vec<ReportTable>,
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportTable {
    /// Its title.
    pub title: String,
    /// The titles of its columns.
    pub heads: Vec<&'static str>,
    /// Its rows, each as long as `heads`.
    pub rows: Vec<Vec<String>>,
}

fn period(retention: Retention) -> String {
    match retention {
        Retention::Years(n) => format!("{n}年"),
        Retention::Months(n) => format!("{n}か月"),
        Retention::Days(n) => format!("{n}日"),
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Application => "アプリケーションデータ（利用者の複製診療情報）",
        Class::System => "システムデータ",
    }
}

fn often(plan: &PlanEvidence) -> String {
    if plan.windows.is_empty() {
        "承認された実施時間帯なし（手動）".to_owned()
    } else {
        plan.windows.join("、")
    }
}

fn method(plan: &PlanEvidence) -> String {
    let kept = match plan.class {
        Class::Application => "発信日ごとに分け、変わらない記録は再び保存しない",
        Class::System => "月ごとの世代に分け、世代の最初に全体を保存する",
    };
    format!("暗号化、圧縮、重複排除したスナップショット。{kept}")
}

fn days(plan: &PlanEvidence) -> String {
    match (plan.oldest, plan.newest) {
        (Some(oldest), Some((newest, is_complete))) => {
            let partial = if is_complete { "" } else { "。最新は一部を読めず" };
            format!("{}世代（{}から{}まで{partial}）", plan.snapshots, wareki(oldest), wareki(newest))
        }
        _ => "まだありません".to_owned(),
    }
}

fn places(facts: &Facts) -> String {
    let second = facts.second.as_ref().map(|second| format!("、{second}（2つ目）"));
    format!("{}{}", facts.store, second.unwrap_or_default())
}

/// 対象、頻度、復旧できる世代、方法、保存場所: the five items that an SLA states of backups (ガイドライン 6.0 システム運用編 12.2), and
/// the availability that monitoring measured.
pub fn sla(facts: &Facts) -> Report {
    let rows = facts.plans.iter().map(|plan| {
        let subject = format!("{}：{}（{}）", plan.name, class(plan.class), plan.sources.join("、"));
        let kept = format!("{}。保管期間 {}", days(plan), period(plan.retention));
        vec![subject, often(plan), kept, method(plan), places(facts)]
    });
    let five = ReportTable {
        title: "バックアップ".to_owned(),
        heads: vec!["対象", "頻度", "復旧できる世代", "方法", "保存場所"],
        rows: rows.collect(),
    };
    let measured = facts.availability.as_deref().unwrap_or_default();
    let note = availability::note(measured, facts.availability.is_some());
    Report {
        title: "バックアップに関する SLA の5項目と稼働率".to_owned(),
        made_on: facts.made_on,
        note: format!("設定と記録から自動で作成したものです。{note}"),
        tables: std::iter::once(five).chain(availability::tables(measured)).collect(),
    }
}

/// バックアップの作成と復旧方法: the table of the ministry's BCP form (2.2.4).
pub fn bcp(facts: &Facts) -> Report {
    let rows = facts.plans.iter().map(|plan| {
        let drill = plan.drill.map_or_else(
            || "訓練の記録なし".to_owned(),
            |(day, seconds, files)| {
                format!("{}の訓練：{files}件を{}分{}秒で復元", wareki(day), seconds / 60, seconds % 60)
            },
        );
        let restore = format!(
            "復旧鍵を用意し、kura restore で別の場所に戻して確かめてから切り替える（docs/runbooks/restore.md）。{drill}"
        );
        vec![plan.name.clone(), often(plan), method(plan), restore]
    });
    Report {
        title: "バックアップの作成と復旧方法".to_owned(),
        made_on: facts.made_on,
        note: "医療情報システム部門等におけるBCPのひな形 2.2.4 の表です。".to_owned(),
        tables: vec![ReportTable {
            title: "バックアップの作成と復旧方法".to_owned(),
            heads: vec!["システム", "頻度", "作成方法", "復旧方法"],
            rows: rows.collect(),
        }],
    }
}

/// The register of the places where copies lie (保存場所の台帳, 企画管理編 15 ④).
pub fn storage(facts: &Facts) -> Report {
    let bytes = facts.plans.iter().filter_map(|plan| plan.proof).map(|proof| proof.bytes);
    let bytes = bytes.fold(0, u64::saturating_add);
    let longest = facts.plans.iter().map(|plan| period(plan.retention)).collect::<Vec<_>>().join("、");
    let often = facts.plans.iter().map(often).collect::<Vec<_>>().join("、");
    let row = |place: &str, method: &str, answer: String| {
        vec![
            place.to_owned(),
            size(bytes),
            longest.clone(),
            "漏えい、期限前の消去、障害".to_owned(),
            answer,
            often.clone(),
            method.to_owned(),
        ]
    };
    let sealed = "暗号化して送信し、復旧鍵がなければ開けません。";
    let mut rows = vec![row(&facts.store, "スナップショット", format!("{sealed}{}", facts.lock_words()))];
    if let Some(second) = &facts.second {
        rows.push(row(second, "1つ目の保管先と同じ保存物の写し", sealed.to_owned()));
    }
    Report {
        title: "保存場所の台帳".to_owned(),
        made_on: facts.made_on,
        note: "所在地（国内法の適用が及ぶ場所か）と契約は、この装置からは確かめられません。担当者が書き加えてください。".to_owned(),
        tables: vec![ReportTable {
            title: "保存場所".to_owned(),
            heads: vec!["場所", "容量", "期間", "リスク", "対応", "バックアップの頻度", "方法"],
            rows,
        }],
    }
}

/// The table of generations: what can be brought back, and how that is known.
pub fn generations(facts: &Facts) -> Report {
    let rows = facts.plans.iter().map(|plan| {
        let proved = plan.proof.map_or_else(
            || "未確認".to_owned(),
            |proof| {
                let clean = if proof.is_clean { "" } else { "。ほかに例外あり（kura coverage）" };
                format!("{}のうち{}がそろう（{}確認{clean}）", proof.alive, proof.whole, wareki(proof.day))
            },
        );
        let copies = 1_u8.saturating_add(u8::from(facts.second.is_some()));
        vec![
            plan.name.clone(),
            days(plan),
            format!("{copies}（必要 {}）", plan.copies),
            proved,
            facts.lock_words(),
        ]
    });
    Report {
        title: "世代表".to_owned(),
        made_on: facts.made_on,
        note: facts.reread_words(),
        tables: vec![ReportTable {
            title: "計画ごとの世代".to_owned(),
            heads: vec!["計画", "復旧できる世代", "写しの数", "確認", "期限前の消去の防止"],
            rows: rows.collect(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evidence_facts::tests::facts;

    #[test]
    fn every_table_has_as_many_cells_as_titles_and_says_what_is_there() {
        for facts in [facts(), Facts::of(facts().made_on)] {
            for report in [sla(&facts), bcp(&facts), storage(&facts), generations(&facts)] {
                assert!(!report.note.is_empty(), "{}", report.title);
                for table in &report.tables {
                    assert!(table.rows.iter().all(|row| row.len() == table.heads.len()), "{}", table.title);
                }
            }
        }
        let five = sla(&facts());
        let row = five.tables[0].rows[0].join("|");
        for part in ["records", "毎日 02:00", "40世代", "1年", "重複排除", "s3://kura", "file:///mnt/second"]
        {
            assert!(row.contains(part), "{part} is missing in {row}");
        }
        assert!(bcp(&facts()).tables[0].rows[0][3].contains("200件を1分35秒で復元"));
    }
}
