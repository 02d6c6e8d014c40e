//! Hierarchies that need no table: ages in bands, days, postal codes, ICD-10 codes, numbers in steps.
//!
//! Each is made for the values that occur, and is then a table like any other: it can be hashed, printed and checked.

use crate::domain::time::Day;

use super::era::parse_day;
use super::hierarchy::{ANYTHING, Hierarchy, HierarchyProblem, UNKNOWN};
use super::normal_form::{canonical, is_unknown};

/// A rule that makes a value vaguer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ladder {
    /// Ages in bands of these widths, each a multiple of the one before; from `top` on one band (`90以上`).
    Ages {
        /// Years of each level's bands.
        widths: Vec<u32>,
        /// The age from which everybody is one.
        top: Option<u32>,
    },
    /// Days: month, quarter, year, decade. Any writing that `era` knows; what names no day is [`UNKNOWN`].
    Days,
    /// Postal codes: three digits, two, one.
    Postal,
    /// ICD-10: three characters, then the letter.
    Icd10,
}

/// What was made for the values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Climbed {
    /// The hierarchy over the values as they are written from now on.
    pub hierarchy: Hierarchy,
    /// That value for each one given.
    pub values: Vec<String>,
    /// How many of the values given could not be read, and are [`UNKNOWN`] now.
    pub unreadable: usize,
    /// How many of the values given were coded as the top.
    pub top_coded: usize,
}

impl Ladder {
    /// Makes the hierarchy for these values.
    pub fn climb(&self, values: &[String]) -> Result<Climbed, HierarchyProblem> {
        let height = self.height();
        let (mut unreadable, mut top_coded) = (0, 0);
        let mut lines: Vec<Vec<String>> = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        let mut written = Vec::with_capacity(values.len());
        for value in values {
            let line = match self.line(value) {
                Some((line, is_top)) => {
                    top_coded += usize::from(is_top);
                    line
                }
                None => {
                    unreadable += usize::from(!is_unknown(value));
                    let mut line = vec![UNKNOWN.to_owned(); height];
                    line.push(ANYTHING.to_owned());
                    line
                }
            };
            written.push(line.first().cloned().unwrap_or_default());
            if known.insert(line.first().cloned().unwrap_or_default()) {
                lines.push(line);
            }
        }
        lines.sort();
        Ok(Climbed { hierarchy: Hierarchy::from_lines(&lines)?, values: written, unreadable, top_coded })
    }

    /// The finest level that may be released: a whole postal code or a day of birth is as good as a name.
    ///
    /// Source: 個人情報保護委員会 事務局レポート 2017-02 (of a day of birth, the year or the day goes); hospitals drop the
    /// last four digits of postal codes.
    pub fn finest(&self) -> usize {
        match self {
            Self::Days | Self::Postal => 1,
            Self::Ages { .. } | Self::Icd10 => 0,
        }
    }

    /// The vaguest level, counted from the finest there is.
    pub(super) fn height(&self) -> usize {
        match self {
            Self::Ages { widths, .. } => widths.len() + 1,
            Self::Days => 5,
            Self::Postal => 4,
            Self::Icd10 => 3,
        }
    }

    /// The texts of a value on each level, and whether it was coded as the top.
    fn line(&self, value: &str) -> Option<(Vec<String>, bool)> {
        if is_unknown(value) {
            return None;
        }
        let plain = canonical(value);
        let (mut line, is_top) = match self {
            Self::Ages { widths, top } => ages(&plain, widths, *top)?,
            Self::Days => (days(parse_day(&plain)?), false),
            Self::Postal => (postal(&plain)?, false),
            Self::Icd10 => (icd10(&plain)?, false),
        };
        line.push(ANYTHING.to_owned());
        Some((line, is_top))
    }
}

fn ages(text: &str, widths: &[u32], top: Option<u32>) -> Option<(Vec<String>, bool)> {
    let age: u32 = text.strip_suffix('歳').or(text.strip_suffix('才')).unwrap_or(text).parse().ok()?;
    if age > 150 {
        return None;
    }
    if let Some(top) = top.filter(|top| age >= *top) {
        return Some((vec![format!("{top}以上"); widths.len() + 1], true));
    }
    let mut line = vec![age.to_string()];
    for width in widths {
        let low = age / (*width).max(1) * (*width).max(1);
        let high = (low + width.max(&1) - 1).min(top.map_or(u32::MAX, |top| top.saturating_sub(1)));
        line.push(format!("{low}-{high}"));
    }
    Some((line, false))
}

fn days(day: Day) -> Vec<String> {
    let date = day.date();
    let (year, month) = (date.year(), date.month());
    vec![
        day.to_string(),
        format!("{year}-{month:02}"),
        format!("{year}-Q{}", (month + 2) / 3),
        format!("{year}"),
        format!("{}0年代", year.div_euclid(10)),
    ]
}

fn postal(text: &str) -> Option<Vec<String>> {
    let digits: String =
        text.trim_start_matches('〒').chars().filter(|c| !matches!(c, '-' | ' ' | 'ー' | '−')).collect();
    if digits.len() != 7 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let head = |length| digits.get(..length).unwrap_or_default();
    Some(vec![
        format!("{}-{}", head(3), digits.get(3..)?),
        head(3).to_owned(),
        head(2).to_owned(),
        head(1).to_owned(),
    ])
}

fn icd10(text: &str) -> Option<Vec<String>> {
    let code = text.to_ascii_uppercase().replace('.', "");
    let mut letters = code.chars();
    let starts_well = letters.next().is_some_and(|c| c.is_ascii_uppercase())
        && letters.next().is_some_and(|c| c.is_ascii_digit())
        && letters.next().is_some_and(|c| c.is_ascii_alphanumeric());
    if !starts_well || !(3..=6).contains(&code.len()) || !letters.all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    Some(vec![code.clone(), code.get(..3)?.to_owned(), code.get(..1)?.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn path(ladder: &Ladder, value: &str) -> Vec<String> {
        let climbed = ladder.climb(&texts(&[value])).expect("is a hierarchy");
        climbed.hierarchy.lines().into_iter().next().expect("one line")
    }

    #[test]
    fn case_1_an_outlier_is_coded_as_the_top_before_anything_else() {
        let ladder = Ladder::Ages { widths: vec![5, 10, 20], top: Some(90) };
        let climbed = ladder.climb(&texts(&["116", "90", "91", "34"])).expect("is one");
        assert_eq!((climbed.top_coded, climbed.unreadable), (3, 0));
        assert!(climbed.hierarchy.lines().iter().flatten().all(|text| !text.contains("11")), "never 110-119");
        assert_eq!(path(&ladder, "116"), ["90以上", "90以上", "90以上", "90以上", "*"]);
        assert_eq!(path(&ladder, "８７歳"), ["87", "85-89", "80-89", "80-89", "*"]);
    }

    #[test]
    fn case_6_days_in_many_writings_are_one_column() {
        let climbed =
            Ladder::Days.climb(&texts(&["R6.4.1", "2024-04-01", "昭和64年1月8日", ""])).expect("is one");
        assert_eq!(climbed.values, ["2024-04-01", "2024-04-01", UNKNOWN, UNKNOWN]);
        assert_eq!((climbed.unreadable, climbed.hierarchy.size()), (1, 2), "an empty cell is no mistake");
        assert_eq!(
            path(&Ladder::Days, "令和6年4月1日"),
            ["2024-04-01", "2024-04", "2024-Q2", "2024", "2020年代", "*"]
        );
    }

    #[test]
    fn codes_lose_their_last_characters_first() {
        assert_eq!(path(&Ladder::Postal, "〒４６０−０００１"), ["460-0001", "460", "46", "4", "*"]);
        assert_eq!(path(&Ladder::Icd10, "e11.9"), ["E119", "E11", "E", "*"]);
        assert_eq!(path(&Ladder::Icd10, "糖尿病"), [UNKNOWN, UNKNOWN, UNKNOWN, "*"]);
        assert_eq!(path(&Ladder::Postal, "460"), [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "*"]);
    }

    #[test]
    fn every_ladder_is_a_hierarchy_whatever_the_values() {
        let values: Vec<String> = (0..200).map(|age| age.to_string()).collect();
        let ages = Ladder::Ages { widths: vec![5, 10, 20], top: Some(87) };
        assert_eq!(ages.climb(&values).expect("is one").top_coded, 64);
        let days: Vec<String> = (1..13).map(|month| format!("19{month}9-{month}-{month}")).collect();
        assert!(Ladder::Days.climb(&days).is_ok());
    }
}
