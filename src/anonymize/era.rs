//! Civil days as Japanese files write them: 令和6年4月1日, R6.4.1, 5060401, 2024-04-01, 20240401.
//!
//! A text that names no day of the calendar is no day: 昭和64年1月8日 is a mistake, not a value to pass on.

use crate::domain::time::Day;

use super::normal_form::{Seen, canonical, seen};

/// An era: its names, its number in receipts, the day before which and after which it is not written.
struct Era {
    kanji: &'static str,
    letter: char,
    number: u8,
    first: (i16, i8, i8),
    last: (i16, i8, i8),
}

/// Days of 明治 count from 1873, when Japan took the calendar that everybody uses.
const ERAS: [Era; 5] = [
    Era { kanji: "明治", letter: 'M', number: 1, first: (1873, 1, 1), last: (1912, 7, 29) },
    Era { kanji: "大正", letter: 'T', number: 2, first: (1912, 7, 30), last: (1926, 12, 24) },
    Era { kanji: "昭和", letter: 'S', number: 3, first: (1926, 12, 25), last: (1989, 1, 7) },
    Era { kanji: "平成", letter: 'H', number: 4, first: (1989, 1, 8), last: (2019, 4, 30) },
    Era { kanji: "令和", letter: 'R', number: 5, first: (2019, 5, 1), last: (9999, 12, 31) },
];

impl Era {
    /// The year before the first, so that the first year is this plus one.
    fn zero(&self) -> i16 {
        match self.letter {
            'M' => 1867,
            _ => self.first.0 - 1,
        }
    }

    fn day(&self, year: i16, month: i8, day: i8) -> Option<Day> {
        let at = |(year, month, day)| Day::of(year, month, day);
        let found = Day::of(self.zero().checked_add(year)?, month, day)?;
        (year >= 1 && at(self.first)? <= found && found <= at(self.last)?).then_some(found)
    }
}

/// The day that a text names; none if it names none.
pub fn parse_day(text: &str) -> Option<Day> {
    let plain = canonical(text).replace("元年", "1年");
    for era in &ERAS {
        if let Some(rest) = plain.strip_prefix(era.kanji) {
            let (year, month, day) = three(rest)?;
            return era.day(year, month, day);
        }
        let lower = era.letter.to_ascii_lowercase();
        if let Some(rest) = plain.strip_prefix(era.letter).or_else(|| plain.strip_prefix(lower)) {
            let (year, month, day) = three(rest).or_else(|| packed(rest, 2))?;
            return era.day(year, month, day);
        }
    }
    let is_packed = plain.bytes().all(|byte| byte.is_ascii_digit());
    match plain.len() {
        7 if is_packed => {
            let (number, rest) = (plain.get(..1)?, plain.get(1..)?);
            let era = ERAS.iter().find(|era| number == era.number.to_string())?;
            let (year, month, day) = packed(rest, 2)?;
            era.day(year, month, day)
        }
        8 if is_packed => packed(&plain, 4).and_then(|(year, month, day)| western(year, month, day)),
        _ => three(&plain).and_then(|(year, month, day)| western(year, month, day)),
    }
}

fn western(year: i16, month: i8, day: i8) -> Option<Day> {
    (1800..=2200).contains(&year).then(|| Day::of(year, month, day)).flatten()
}

/// Three numbers with something between them: `6年4月1日`, `6.4.1`, `2024/04/01`; a time of day after it is left out.
fn three(text: &str) -> Option<(i16, i8, i8)> {
    let before_time = text.split_once(':').and_then(|(before, _)| before.rsplit_once([' ', 'T']));
    let date = before_time.map_or(text, |(date, _)| date);
    let mut numbers: Vec<i16> = Vec::new();
    let mut is_inside = false;
    for c in seen(date) {
        match (c, numbers.last_mut().filter(|_| is_inside)) {
            (Seen::Digit(digit), Some(number)) => {
                *number = number.checked_mul(10)?.checked_add(i16::from(digit))?;
            }
            (Seen::Digit(digit), None) => numbers.push(i16::from(digit)),
            (Seen::Other('年' | '月' | '日') | Seen::Separator, _) => {}
            _ => return None,
        }
        is_inside = matches!(c, Seen::Digit(_));
    }
    let [year, month, day] = numbers.as_slice() else { return None };
    Some((*year, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?))
}

/// `YYMMDD` or `YYYYMMDD`, all digits.
fn packed(text: &str, year: usize) -> Option<(i16, i8, i8)> {
    if text.len() != year + 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((
        text.get(..year)?.parse().ok()?,
        text.get(year..year + 2)?.parse().ok()?,
        text.get(year + 2..)?.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_6_a_day_in_every_writing_is_one_day() {
        let day = Day::of(2024, 4, 1);
        for text in [
            "令和6年4月1日",
            "令和６年４月１日",
            "R6.4.1",
            "r6/4/1",
            "R060401",
            "5060401",
            "2024-04-01",
            "2024/4/1",
            "20240401",
            "2024年4月1日",
            "２０２４．０４．０１",
            "令和 6年 4月 1日",
            "2024-04-01T09:30:00",
            "2024-04-01 09:30",
        ] {
            assert_eq!(parse_day(text), day, "{text}");
        }
        assert_eq!(parse_day("昭和元年12月25日"), Day::of(1926, 12, 25));
        assert_eq!(parse_day("令和元年5月1日"), Day::of(2019, 5, 1));
        assert_eq!(parse_day("S64.1.7"), Day::of(1989, 1, 7));
        assert_eq!(parse_day("3640107"), Day::of(1989, 1, 7));
        assert_eq!(parse_day("M45.7.29"), Day::of(1912, 7, 29));
        assert_eq!(parse_day("平成31年4月30日"), Day::of(2019, 4, 30));
    }

    #[test]
    fn case_6_a_day_that_never_was_is_none() {
        for text in [
            "昭和64年1月8日",
            "平成31年5月1日",
            "R6.13.1",
            "R6.2.30",
            "昭和0年1月1日",
            "6040401",
            "20240230",
            "2023-02-29",
            "24-04-01",
            "令和6年4月",
            "4月1日",
            "R6.4.1.2",
            "明治5年1月1日",
            "",
            "不明",
            "R6年4月1日頃",
            "99999999",
            "2024-04-01-05",
        ] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
