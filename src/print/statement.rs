//! A statement of recoverability (復元可能性の証明): of which days an identical copy exists, to print and file.

use crate::domain::calendar::wareki;
use crate::domain::incident_words::moment;
use crate::domain::size::size;
use crate::domain::statement::{Checked, CopyState, NamedSnapshot, Verdict};
use crate::paper::Paper;
use crate::workflows::desk::tokyo;
use crate::workflows::statement::Statement;

/// The paper. `paths` are those that were asked for, as people typed them; `stored` is the number and the digest of what was
/// signed, if it was.
pub fn page(statement: &Statement, paths: &[String], stored: Option<(u64, &str)>) -> Paper {
    let title = stored.map_or_else(
        || "復元可能性の証明（未署名）".to_owned(),
        |(number, _)| format!("復元可能性の証明 第{number}号"),
    );
    let mut paper = Paper::new(&title, statement.made_at);
    paper.title("復元可能性の証明");
    paper.text("次の日に発信された記録について、同一の写しが保管されているかを確かめた結果です。同じデータが他に保管されている場合は、個人データの滅失に該当しません。");
    if let Some((ja, _)) = statement.nothing_found() {
        paper.warning("", &format!("{ja}。"));
    }
    paper.fields("証明の内容", head(statement, stored));
    if statement.asked.paths.is_empty() {
        paper.text("個々のファイルについては確認していません。");
    } else {
        let heads = ["パス", "件数", "容量", "復元できる件数", "スナップショット", "読み取れない目録"];
        paper.list("パスごとの結果", &heads, path_rows(statement, paths));
    }
    let heads = ["発信日・世代", "写しがある時点", "件数", "容量", "写し", "結果"];
    paper.list("日ごとの結果", &heads, rows(statement));
    if statement.asked.days.is_some() {
        paper.text("対象の発信日のうち表にない日は、写しが見つかりませんでした。");
    }
    paper.text("件数と容量は、対象のスナップショットのものです。「写しがある時点」は、その内容の写しが最初に保管された日時です。");
    paper
}

fn head(statement: &Statement, stored: Option<(u64, &str)>) -> Vec<(&'static str, String)> {
    let asked = &statement.asked;
    let days = asked
        .days
        .map_or_else(|| "すべて".to_owned(), |(from, to)| format!("{}から{}まで", wareki(from), wareki(to)));
    let copies: Vec<String> = statement
        .locations
        .iter()
        .enumerate()
        .map(|(at, place)| format!("{}：{place}", at.saturating_add(1)))
        .collect();
    let counted =
        Verdict::ALL.map(|verdict| format!("{} {}日分", verdict.names().0, statement.count(verdict)));
    let time = match (statement.estimate_ms, statement.drill) {
        (Some(ms), Some((number, timed))) => format!(
            "およそ{}（訓練 第{number}号：{}件 {} を {} で復元）",
            length(ms),
            timed.files,
            size(timed.bytes),
            length(timed.milliseconds)
        ),
        _ => "分かりません（復元の訓練の記録がありません）".to_owned(),
    };
    let mut rows = vec![
        ("計画", asked.plan.to_string()),
        ("対象の発信日", days),
        ("対象のスナップショット", taken(&statement.snapshot)),
        ("確認した日時", moment(statement.made_at, &tokyo())),
        ("確認の方法", asked.checked.names().0.to_owned()),
        ("写しの場所", copies.join("／")),
        ("日ごとの結果", counted.join("／")),
        ("復元にかかる時間", time),
    ];
    if asked.checked != Checked::Opened {
        let unknown = "復旧鍵なしの確認のため、中身を開けるかどうかは確かめていません。";
        rows.push(("確かめていないこと", unknown.to_owned()));
    }
    if statement.other_problems > 0 {
        rows.push(("その他の異常", format!("スナップショットまたは鍵の記録 {}個", statement.other_problems)));
    }
    match stored {
        Some((number, digest)) => rows.push(("証明の番号とSHA-256", format!("第{number}号 {digest}"))),
        None => rows.push(("署名", "なし（バックアップ機器以外で作成）".to_owned())),
    }
    rows
}

fn taken(snapshot: &NamedSnapshot) -> String {
    format!("{}（{}に取得）", snapshot.id(), moment(snapshot.taken_at, &tokyo()))
}

/// A length of time, rounded up to what people can plan with.
fn length(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    match seconds {
        0..=119 => format!("{seconds}秒"),
        120..=7199 => format!("{}分", seconds.div_ceil(60)),
        _ => format!("{}時間", seconds.div_ceil(3600)),
    }
}

fn rows(statement: &Statement) -> Vec<Vec<String>> {
    let rows = statement.cohorts.iter().map(|one| {
        let since = moment(one.since, &tokyo());
        let since = match &one.older {
            Some(older) => format!("{since}（最後に含むもの：{}）", taken(older)),
            None => since,
        };
        let copies = one.copies.iter().enumerate().map(|(at, copy)| {
            let found = match copy {
                CopyState::Whole => "完全".to_owned(),
                CopyState::Damaged(count) => format!("異常{count}個"),
                CopyState::Absent => "なし".to_owned(),
            };
            format!("{}：{found}", at.saturating_add(1))
        });
        vec![
            wareki(one.cohort.clock_day()),
            since,
            one.size.0.to_string(),
            size(one.size.1),
            copies.collect::<Vec<_>>().join(" "),
            one.verdict().names().0.to_owned(),
        ]
    });
    rows.collect()
}

fn unreadable(count: u64) -> String {
    if count == 0 {
        "なし".to_owned()
    } else {
        format!("{count}個（含まれるものは分かりません）")
    }
}

fn path_rows(statement: &Statement, paths: &[String]) -> Vec<Vec<String>> {
    let rows = paths.iter().zip(&statement.paths).map(|(path, found)| {
        vec![
            path.clone(),
            if found.files == 0 { "写しなし".to_owned() } else { found.files.to_string() },
            size(found.bytes),
            found.recoverable.to_string(),
            found.older.as_ref().map_or_else(|| "対象のもの".to_owned(), taken),
            unreadable(found.unreadable),
        ]
    });
    rows.collect()
}
