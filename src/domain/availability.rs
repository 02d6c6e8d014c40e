//! Availability (稼働率) by month, as an SLA states it: of each target that is monitored, and of each service that users know.
//!
//! A service is as available as the worst of its targets: a page that does not open is no service, however well its host
//! answers. What a window stopped on purpose, and what could not be asked, counts for nothing and is told beside.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::evidence_report::ReportTable;
use crate::domain::monitor::{Tally, share};

/// What monitoring measured of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Availability {
    /// Its name.
    pub target: String,
    /// How it is asked, in Japanese.
    pub how: &'static str,
    /// The services that need it.
    pub services: Vec<String>,
    /// By month, newest first: `2026-11` and what was heard.
    pub months: Vec<(String, Tally)>,
}

/// `2026-11` as people read it.
fn month_words(month: &str) -> String {
    let words =
        month.split_once('-').map(|(year, month)| format!("{year}年{}月", month.trim_start_matches('0')));
    words.unwrap_or_else(|| month.to_owned())
}

/// What was measured in a month, in the last four columns.
fn measured(tally: &Tally) -> [String; 4] {
    [tally.good.saturating_add(tally.bad), tally.bad, tally.silenced, tally.unknown]
        .map(|count| count.to_string())
}

/// The tables of an SLA: by service, then by target. Empty if nothing is monitored.
pub fn tables(found: &[Availability]) -> Vec<ReportTable> {
    if found.is_empty() {
        return Vec::new();
    }
    vec![by_service(found), by_target(found)]
}

fn by_target(found: &[Availability]) -> ReportTable {
    let mut rows = Vec::new();
    for one in found {
        for (month, tally) in &one.months {
            let about =
                [month_words(month), one.target.clone(), one.how.to_owned(), share(tally.availability())];
            rows.push(about.into_iter().chain(measured(tally)).collect());
        }
    }
    ReportTable {
        title: "監視対象ごとの月間稼働率".to_owned(),
        heads: vec![
            "月",
            "監視対象",
            "確認の方法",
            "稼働率",
            "測定回数",
            "うち異常",
            "計画停止中（数えない）",
            "確認できず（数えない）",
        ],
        rows,
    }
}

fn by_service(found: &[Availability]) -> ReportTable {
    let services: BTreeSet<&String> = found.iter().flat_map(|one| &one.services).collect();
    let mut rows = Vec::new();
    for service in services {
        let mut months: BTreeMap<&String, (Option<u64>, Tally, &str)> = BTreeMap::new();
        for one in found.iter().filter(|one| one.services.contains(service)) {
            for (month, tally) in &one.months {
                let (worst, sum, by) = months.entry(month).or_insert((None, Tally::default(), "-"));
                *sum = sum.plus(*tally);
                let own = tally.availability();
                if own.is_some_and(|own| worst.is_none_or(|worst| own < worst)) {
                    (*worst, *by) = (own, &one.target);
                }
            }
        }
        for (month, (worst, sum, by)) in months.into_iter().rev() {
            let about = [month_words(month), service.clone(), share(worst), by.to_owned()];
            rows.push(about.into_iter().chain(measured(&sum)).collect());
        }
    }
    ReportTable {
        title: "サービスごとの月間稼働率".to_owned(),
        heads: vec![
            "月",
            "サービス",
            "稼働率",
            "稼働率が最も低い監視対象",
            "測定回数",
            "うち異常",
            "計画停止中（数えない）",
            "確認できず（数えない）",
        ],
        rows,
    }
}

/// How the figures are to be read, or why there are none.
pub const fn note(found: &[Availability], is_readable: bool) -> &'static str {
    match (found.is_empty(), is_readable) {
        (_, false) => "稼働監視の設定を読み取れないため、稼働率を出せません（kura monitor list）。",
        (true, true) => "稼働監視の対象がないため、稼働率はありません。",
        (false, true) => {
            "稼働率は、監視の測定回数に占める正常な応答の割合です（小数第3位以下切り捨て）。サービスの稼働率は、そのサービスの監視対象のうち最も低い値です。\
             実施時間帯で停止を予告した間の測定と、確認できなかった測定は数えません。"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, services: &[&str], months: &[(&str, Tally)]) -> Availability {
        Availability {
            target: name.to_owned(),
            how: "Ping",
            services: services.iter().map(|&name| name.to_owned()).collect(),
            months: months.iter().map(|&(month, tally)| (month.to_owned(), tally)).collect(),
        }
    }

    fn tally(good: u64, bad: u64, silenced: u64) -> Tally {
        Tally { good, bad, silenced, unknown: 0 }
    }

    #[test]
    fn a_service_is_as_available_as_the_worst_of_its_targets() {
        let found = [
            target("host", &["ポータル"], &[("2026-11", tally(100, 0, 0)), ("2026-10", tally(8, 0, 3))]),
            target("page", &["ポータル", "掲示板"], &[("2026-11", tally(29, 1, 2))]),
            target("gateway", &[], &[("2026-11", tally(0, 0, 0))]),
        ];
        let tables = tables(&found);
        let rows =
            |index: usize| -> Vec<String> { tables[index].rows.iter().map(|row| row.join("|")).collect() };
        assert_eq!(
            rows(0),
            [
                "2026年11月|ポータル|96.66%|page|130|1|2|0",
                "2026年10月|ポータル|100.00%|host|8|0|3|0",
                "2026年11月|掲示板|96.66%|page|30|1|2|0",
            ]
        );
        assert_eq!(
            rows(1),
            [
                "2026年11月|host|Ping|100.00%|100|0|0|0",
                "2026年10月|host|Ping|100.00%|8|0|3|0",
                "2026年11月|page|Ping|96.66%|30|1|2|0",
                "2026年11月|gateway|Ping|-|0|0|0|0",
            ]
        );
        for table in &tables {
            assert!(table.rows.iter().all(|row| row.len() == table.heads.len()), "{}", table.title);
        }
    }

    #[test]
    fn nothing_is_said_of_what_nobody_measured() {
        assert!(tables(&[]).is_empty());
        assert!(note(&[], true).contains("対象がない") && note(&[], false).contains("読み取れない"));
    }
}
