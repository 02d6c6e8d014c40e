//! How days are called in Japan: 和暦 with the weekday, national holidays, business days of the help desk.
//!
//! The holidays come from a table that ends; beyond its last year nothing is known, and that is what is said.

use crate::domain::time::{Day, Instant, Zone};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The table (`policies/holidays-ja.csv`): its source and the years it covers stand in it.
static HOLIDAYS: LazyLock<Holidays> =
    LazyLock::new(|| Holidays::parse(include_str!("../../policies/holidays-ja.csv")));

/// National holidays of some years.
#[derive(Clone, Debug)]
pub struct Holidays {
    first_year: i16,
    last_year: i16,
    names: BTreeMap<Day, String>,
}

/// What is known of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holiday<'a> {
    /// It is a holiday with this name.
    Named(&'a str),
    /// It is none.
    None,
    /// The table does not cover its year.
    Unknown,
}

impl Holidays {
    /// The table that is part of the program.
    pub fn of_japan() -> &'static Self {
        &HOLIDAYS
    }

    /// Reads `YYYY-MM-DD,name` lines and `# covers FIRST LAST`. Lines that are neither say nothing.
    fn parse(text: &str) -> Self {
        let mut holidays = Self { first_year: 1, last_year: 0, names: BTreeMap::new() };
        for line in text.lines() {
            if let Some(years) = line.strip_prefix("# covers ") {
                let mut years = years.split_whitespace().filter_map(|year| year.parse().ok());
                if let (Some(first), Some(last)) = (years.next(), years.next()) {
                    (holidays.first_year, holidays.last_year) = (first, last);
                }
            } else if let Some((day, name)) = line.split_once(',')
                && let Ok(day) = day.parse()
            {
                holidays.names.insert(day, name.trim().to_owned());
            }
        }
        holidays
    }

    /// The last year that is covered.
    pub const fn last_year(&self) -> i16 {
        self.last_year
    }

    /// What a day is.
    pub fn of(&self, day: Day) -> Holiday<'_> {
        if !(self.first_year..=self.last_year).contains(&day.date().year()) {
            return Holiday::Unknown;
        }
        self.names.get(&day).map_or(Holiday::None, |name| Holiday::Named(name))
    }
}

/// The weekday, one character.
pub fn weekday(day: Day) -> char {
    match day.date().weekday() {
        jiff::civil::Weekday::Monday => '月',
        jiff::civil::Weekday::Tuesday => '火',
        jiff::civil::Weekday::Wednesday => '水',
        jiff::civil::Weekday::Thursday => '木',
        jiff::civil::Weekday::Friday => '金',
        jiff::civil::Weekday::Saturday => '土',
        jiff::civil::Weekday::Sunday => '日',
    }
}

/// 和暦 with the weekday: `令和8年11月22日（日）`. Before 昭和, the year of the common calendar: `1920年1月1日（木）`.
pub fn wareki(day: Day) -> String {
    let date = day.date();
    let eras = [
        ("令和", jiff::civil::date(2019, 5, 1)),
        ("平成", jiff::civil::date(1989, 1, 8)),
        ("昭和", jiff::civil::date(1926, 12, 25)),
    ];
    let era = eras.into_iter().find(|(_, from)| date >= *from);
    let year = match era {
        None => date.year().to_string(),
        Some((name, from)) => match date.year().saturating_sub(from.year()) {
            0 => format!("{name}元"),
            more => format!("{name}{}", more.saturating_add(1)),
        },
    };
    format!("{year}年{}月{}日（{}）", date.month(), date.day(), weekday(day))
}

/// A day in English: `Sunday 22 November 2026`.
pub fn english(day: Day) -> String {
    day.date().strftime("%A %-d %B %Y").to_string()
}

/// From one instant to another in 和暦: `令和8年12月5日（土）23:00～翌6日（日）4:00`.
pub fn wareki_span(from: Instant, until: Instant, zone: &Zone) -> String {
    let [first, last] = [from, until].map(|at| (zone.day_of(at), clock(at, zone)));
    let end = if last.0 == first.0 {
        last.1
    } else if last.0 == first.0.next() {
        format!("翌{}日（{}）{}", last.0.date().day(), weekday(last.0), last.1)
    } else {
        format!("{}{}", wareki(last.0), last.1)
    };
    format!("{}{}～{end}", wareki(first.0), first.1)
}

/// From one instant to another in English: `Sunday 6 December 2026 01:00–05:00`.
pub fn english_span(from: Instant, until: Instant, zone: &Zone) -> String {
    let [first, last] = [from, until].map(|at| (zone.day_of(at), zone.time_of(at)));
    let end = if last.0 == first.0 { String::new() } else { format!("{} ", english(last.0)) };
    format!("{} {}–{end}{}", english(first.0), first.1, last.1)
}

/// A time as notices write it: `1:00`.
fn clock(at: Instant, zone: &Zone) -> String {
    let (hour, minute) = zone.time_of(at).parts();
    format!("{hour}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn days_have_their_name_in_the_japanese_calendar() {
        for (text, name) in [
            ("2026-11-22", "令和8年11月22日（日）"),
            ("2019-05-01", "令和元年5月1日（水）"),
            ("2019-04-30", "平成31年4月30日（火）"),
            ("1989-01-08", "平成元年1月8日（日）"),
            ("1989-01-07", "昭和64年1月7日（土）"),
            ("1920-01-01", "1920年1月1日（木）"),
        ] {
            assert_eq!(wareki(day(text)), name);
        }
        assert_eq!(english(day("2026-12-06")), "Sunday 6 December 2026");
    }

    #[test]
    fn a_span_that_crosses_midnight_says_so() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let at = |text, time: &str| zone.at(day(text), time.parse().unwrap());
        let span = |until| wareki_span(at("2026-12-05", "23:00"), until, &zone);
        assert_eq!(span(at("2026-12-05", "23:30")), "令和8年12月5日（土）23:00～23:30");
        assert_eq!(span(at("2026-12-06", "4:00")), "令和8年12月5日（土）23:00～翌6日（日）4:00");
        assert_eq!(span(at("2027-01-04", "8:00")), "令和8年12月5日（土）23:00～令和9年1月4日（月）8:00");
    }

    /// The holidays of 2026 as 内閣府 published them (2025-02), and those that follow from others in the years around.
    #[test]
    fn holidays_are_those_of_the_law() {
        let holidays = Holidays::of_japan();
        let of_2026: Vec<String> = holidays
            .names
            .keys()
            .filter(|day| day.date().year() == 2026)
            .map(|day| day.date().strftime("%-m/%-d").to_string())
            .collect();
        let known = "1/1 1/12 2/11 2/23 3/20 4/29 5/3 5/4 5/5 5/6 7/20 8/11 9/21 9/22 9/23 10/12 11/3 11/23";
        assert_eq!(of_2026.join(" "), known);
        for (text, name) in [
            ("2027-03-21", Holiday::Named("春分の日")),
            ("2027-03-22", Holiday::Named("休日")),
            ("2024-09-23", Holiday::Named("休日")),
            ("2025-05-06", Holiday::Named("休日")),
            ("2026-11-24", Holiday::None),
            ("2028-01-01", Holiday::Unknown),
            ("2023-01-01", Holiday::Unknown),
        ] {
            assert_eq!(holidays.of(day(text)), name, "{text}");
        }
        assert_eq!(holidays.last_year(), 2027);
    }
}
