//! Doing what the rules say with one column: fold rare values, round numbers, move days, replace ids.

use crate::domain::time::Day;

use super::era::parse_day;
use super::hierarchy::UNKNOWN;
use super::normal_form::canonical;
use super::number::{at, code};
use super::pseudonym::ExtractKey;
use super::table::Column;

/// A column after its treatment, and how many rows it touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Treated {
    pub(super) column: Column,
    /// Rows whose value became another one: folded, coded as top or bottom.
    pub(super) coded: u64,
    /// Rows whose value could not be read; they are [`UNKNOWN`] now.
    pub(super) unreadable: u64,
}

/// Values that fewer than `below` persons have become `other`; so does, if that is still too rare, the next rarest.
pub(super) fn fold(column: &Column, persons: Option<&[u32]>, below: u64, other: &str) -> Treated {
    let counts = column.persons(persons);
    let rows = column.counts();
    let is_rare = |place: usize| counts.get(place).is_some_and(|persons| *persons < below);
    let mut folded: Vec<bool> = (0..counts.len()).map(is_rare).collect();
    let mut by_rarity: Vec<usize> = (0..counts.len()).filter(|place| !folded[*place]).collect();
    by_rarity.sort_by_key(|place| (counts[*place], *place));
    // A single rare value would be known by its new name: it takes the next rarest with it.
    let sum =
        |folded: &[bool]| -> u64 { counts.iter().zip(folded).filter(|(_, f)| **f).map(|(c, _)| c).sum() };
    let mut next = by_rarity.into_iter();
    while folded.contains(&true) && sum(&folded) < below {
        let Some(place) = next.next() else { break };
        folded[place] = true;
    }
    let coded = rows.iter().zip(&folded).filter(|(_, folded)| **folded).map(|(rows, _)| rows).sum();
    let text = |place: usize, value: &str| if folded[place] { other.to_owned() } else { value.to_owned() };
    Treated { column: column.changed(text), coded, unreadable: 0 }
}

/// Numbers become multiples of `step`; what lies beyond the ends becomes these.
pub(super) fn round(column: &Column, step: u32, low: Option<i64>, high: Option<i64>) -> Treated {
    let rows = column.counts();
    let (mut coded, mut unreadable) = (0, 0);
    let changed = column.changed(|place, value| {
        let own = rows.get(place).copied().unwrap_or(0);
        if value == UNKNOWN {
            return UNKNOWN.to_owned();
        }
        let Some(number) = whole(value) else {
            unreadable += own;
            return UNKNOWN.to_owned();
        };
        if let Some(high) = high.filter(|high| number >= *high) {
            coded += own;
            return format!("{high}以上");
        }
        if let Some(low) = low.filter(|low| number <= *low) {
            coded += own;
            return format!("{low}以下");
        }
        let step = i64::from(step.max(1));
        (number.saturating_add(step / 2).div_euclid(step) * step).to_string()
    });
    Treated { column: changed, coded, unreadable }
}

/// The whole number nearest to a decimal one, a half away from zero.
fn whole(value: &str) -> Option<i64> {
    let plain = canonical(value).replace(',', "");
    let (number, part) = plain.split_once('.').unwrap_or((plain.as_str(), ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_up = part.bytes().next().is_some_and(|digit| digit >= b'5');
    let whole: i64 = number.parse().ok()?;
    let by = i64::from(is_up);
    whole.checked_add(if number.starts_with('-') { -by } else { by })
}

/// Each row's day moved by as many days as its person's; what is no day is [`UNKNOWN`].
pub(super) fn shift(
    column: &Column,
    persons: &Column,
    space: &str,
    days_max: u16,
    key: &ExtractKey,
) -> Treated {
    let by: Vec<i32> = persons.values().iter().map(|id| key.shift_days(space, id, days_max)).collect();
    let days: Vec<Option<Day>> = column.values().iter().map(|value| parse_day(value)).collect();
    let mut made = Column::new(&column.name);
    let mut unreadable = 0;
    for (own, person) in column.codes().iter().zip(persons.codes()) {
        let day = days.get(at(*own)).copied().flatten();
        unreadable +=
            u64::from(day.is_none() && column.values().get(at(*own)).is_none_or(|value| value != UNKNOWN));
        let by = by.get(at(*person)).copied().unwrap_or(0);
        made.push(&day.map_or(UNKNOWN.to_owned(), |day| key.shifted(day, by).to_string()));
    }
    Treated { column: made, coded: 0, unreadable }
}

/// Ids become pseudonyms; a row without an id has one of its own, so that such rows are not joined.
pub(super) fn replace(column: &Column, space: &str, key: &ExtractKey) -> Treated {
    let pseudonyms: Vec<String> = column.values().iter().map(|id| key.pseudonym(space, id)).collect();
    let mut made = Column::new(&column.name);
    for (row, own) in column.codes().iter().enumerate() {
        let is_unknown = column.values().get(at(*own)).is_none_or(|value| value == UNKNOWN);
        if is_unknown {
            made.push(&key.pseudonym("row without an id", &code(row).to_string()));
        } else {
            made.push(pseudonyms.get(at(*own)).map(String::as_str).unwrap_or_default());
        }
    }
    Treated { column: made, coded: 0, unreadable: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_23_rare_values_are_folded_by_persons_and_never_alone() {
        let mut values = vec!["I10"; 20];
        values.extend(["E11"; 9]);
        values.extend(["G12"; 12]);
        let column = Column::of("icd10", values);
        // Twelve rows of G12 belong to one person.
        let persons: Vec<u32> = (0..29).chain([99; 12]).collect();
        let folded = fold(&column, Some(&persons), 10, "その他");
        assert_eq!(folded.column.values(), ["I10", "その他"]);
        assert_eq!(folded.coded, 21);
        let one = Column::of("icd10", [vec!["I10"; 20], vec!["E11"; 3], vec!["J45"; 15]].concat());
        let folded = fold(&one, None, 10, "その他");
        assert_eq!(folded.column.values(), ["I10", "その他"], "three persons alone would be known by その他");
        assert_eq!(fold(&one, None, 1, "その他").coded, 0);
    }

    #[test]
    fn case_1_measures_lose_their_ends_and_their_last_digits() {
        let column = Column::of("weight", ["61.4", "61.5", "250", "２９", "-3", "x", "", "1,000"]);
        let rounded = round(&column, 5, Some(30), Some(150));
        let texts: Vec<&str> = (0..8).map(|row| rounded.column.text(row)).collect();
        assert_eq!(texts, ["60", "60", "150以上", "30以下", "30以下", UNKNOWN, UNKNOWN, "150以上"]);
        assert_eq!((rounded.coded, rounded.unreadable), (4, 1));
        assert_eq!(
            (whole("2.5"), whole("-2.5"), whole("2.4"), whole("1e3")),
            (Some(3), Some(-3), Some(2), None)
        );
    }

    #[test]
    fn case_24_days_of_one_person_are_moved_together() {
        let key = ExtractKey::new(&[7; 32], "R08-014/1");
        let days = Column::of("day", ["R6.4.1", "R6.4.11", "2024-04-01", "昭和64年1月8日"]);
        let persons = Column::of("id", ["a", "a", "b", "b"]);
        let moved = shift(&days, &persons, "patient", 30, &key);
        let day = |row: usize| parse_day(moved.column.text(row));
        let (first, second, other) = (day(0).expect("a day"), day(1).expect("a day"), day(2).expect("a day"));
        assert_eq!(key.shifted(first, 10), second, "ten days stay ten days");
        assert_ne!(first, Day::of(2024, 4, 1).expect("a day"));
        assert_ne!(first, other);
        assert_eq!((moved.column.text(3), moved.unreadable), (UNKNOWN, 1));
    }

    #[test]
    fn case_14_rows_without_an_id_are_not_one_person() {
        let key = ExtractKey::new(&[7; 32], "R08-014/1");
        let replaced = replace(&Column::of("id", ["a", "", "a", ""]), "patient", &key).column;
        assert_eq!(replaced.text(0), replaced.text(2));
        assert_ne!(replaced.text(1), replaced.text(3));
    }
}
