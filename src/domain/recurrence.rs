//! When something comes again: every day, once a month, or once. On civil days of a zone; no cron text.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;

use crate::domain::time::{Day, TimeOfDay, half_width};

/// Which day of each month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MonthDay {
    /// This number, 1 to 28: the days that every month has.
    Number(i8),
    /// The last day.
    Last,
    /// The first to fourth such weekday.
    Weekday(i8, Weekday),
    /// The last such weekday.
    LastWeekday(Weekday),
}

/// When something comes again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recurrence {
    /// Every day at a time.
    Daily(TimeOfDay),
    /// Once a month at a time.
    Monthly(MonthDay, TimeOfDay),
    /// On one day only.
    Once(Day, TimeOfDay),
}

/// The text is not a day of the month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", not_a_month_day(.0))]
pub struct NotAMonthDay(pub String);

/// Whoever wrote a date meant one day, not one of each month.
fn not_a_month_day(text: &str) -> String {
    let is_date = half_width(text).split('-').filter(|part| part.trim().parse::<u16>().is_ok()).count() == 3;
    if is_date {
        return format!("{text:?} is not a date of the calendar: write one such as 2026-12-06");
    }
    format!(
        "{text:?} is not a day that every month has: write a number from 1 to 28, \"last day\", \"first sunday\" … \
         \"fourth sunday\" or \"last sunday\""
    )
}

/// The text is not a recurrence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a recurrence such as \"daily 02:00\" or \"monthly first sunday 01:00\"")]
pub struct NotARecurrence(pub String);

const ORDINALS: [&str; 4] = ["first", "second", "third", "fourth"];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl MonthDay {
    /// Its day in the month of `of`.
    fn in_month_of(self, of: Day) -> Option<Day> {
        let first = of.date().first_of_month();
        let day = match self {
            Self::Number(number) => return Day::of(first.year(), first.month(), number),
            Self::Last => Ok(first.last_of_month()),
            Self::Weekday(nth, weekday) => first.nth_weekday_of_month(nth, weekday),
            Self::LastWeekday(weekday) => first.nth_weekday_of_month(-1, weekday),
        };
        day.ok().map(Day::from_date)
    }

    /// The first such day from `from` on; `None` if the calendar ends before.
    fn from(self, from: Day) -> Option<Day> {
        let next = Day::from_date(from.date().last_of_month()).next();
        // After the last month of the calendar comes none.
        [from, next].into_iter().filter_map(|month| self.in_month_of(month)).find(|day| *day >= from)
    }
}

impl FromStr for MonthDay {
    type Err = NotAMonthDay;

    fn from_str(text: &str) -> Result<Self, NotAMonthDay> {
        let refused = || NotAMonthDay(text.to_owned());
        let plain = half_width(text).to_ascii_lowercase();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let weekday = |word: &str| WEEKDAYS.iter().find(|(name, _)| *name == word).map(|(_, day)| *day);
        match words.as_slice() {
            ["last", "day"] => Ok(Self::Last),
            ["last", word] => weekday(word).map(Self::LastWeekday).ok_or_else(refused),
            [ordinal, word] => {
                let nth = (1_i8..).zip(ORDINALS).find(|(_, name)| name == ordinal).ok_or_else(refused)?.0;
                weekday(word).map(|day| Self::Weekday(nth, day)).ok_or_else(refused)
            }
            [number] => {
                let number: i8 = number.parse().map_err(|_| refused())?;
                if (1..=28).contains(&number) { Ok(Self::Number(number)) } else { Err(refused()) }
            }
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |weekday: Weekday| {
            WEEKDAYS.iter().find(|(_, day)| *day == weekday).map_or("sunday", |(name, _)| *name)
        };
        let ordinal =
            |nth: i8| (1_i8..).zip(ORDINALS).find(|(at, _)| *at == nth).map_or("first", |(_, name)| name);
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Last => f.write_str("last day"),
            Self::Weekday(nth, weekday) => write!(f, "{} {}", ordinal(*nth), name(*weekday)),
            Self::LastWeekday(weekday) => write!(f, "last {}", name(*weekday)),
        }
    }
}

impl MonthDay {
    /// In Japanese: `第1日曜日`.
    pub fn japanese(self) -> String {
        let name = |weekday: Weekday| {
            let names = ['月', '火', '水', '木', '金', '土', '日'];
            let at = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
            names.get(at).copied().unwrap_or('日')
        };
        match self {
            Self::Number(number) => format!("{number}日"),
            Self::Last => "末日".to_owned(),
            Self::Weekday(nth, weekday) => format!("第{nth}{}曜日", name(weekday)),
            Self::LastWeekday(weekday) => format!("最終{}曜日", name(weekday)),
        }
    }
}

impl Recurrence {
    /// The first day from `from` on, on which it comes; `None` if there is none.
    pub fn first_from(self, from: Day) -> Option<Day> {
        match self {
            Self::Daily(_) => Some(from),
            Self::Monthly(which, _) => which.from(from),
            Self::Once(only, _) => Some(only).filter(|only| *only >= from),
        }
    }

    /// At what time.
    pub const fn time(self) -> TimeOfDay {
        match self {
            Self::Daily(time) | Self::Monthly(_, time) | Self::Once(_, time) => time,
        }
    }

    /// The days on which it comes, from `first` to `last`.
    ///
    /// Shape: ascending, each once. Ends at `last`, or with the calendar. Days without it cost nothing, however many.
    pub fn days(self, first: Day, last: Day) -> impl Iterator<Item = Day> {
        let from = move |day: Day| self.first_from(day).filter(|found| *found <= last);
        std::iter::successors(from(first), move |day| {
            Some(day.next()).filter(|next| next != day).and_then(from)
        })
    }

    /// In Japanese: `毎月第1日曜日 01:00`.
    pub fn japanese(self) -> String {
        match self {
            Self::Daily(time) => format!("毎日 {time}"),
            Self::Monthly(which, time) => format!("毎月{} {time}", which.japanese()),
            Self::Once(day, time) => format!("{} {time}", crate::domain::calendar::wareki(day)),
        }
    }
}

impl fmt::Display for Recurrence {
    /// The form that is kept, signed for and read back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily(time) => write!(f, "daily {time}"),
            Self::Monthly(day, time) => write!(f, "monthly {day} {time}"),
            Self::Once(day, time) => write!(f, "once {day} {time}"),
        }
    }
}

impl FromStr for Recurrence {
    type Err = NotARecurrence;

    fn from_str(text: &str) -> Result<Self, NotARecurrence> {
        let refused = || NotARecurrence(text.to_owned());
        let (rest, time) = text.rsplit_once(' ').ok_or_else(refused)?;
        let time = time.parse().map_err(|_| refused())?;
        match rest.split_once(' ') {
            None if rest == "daily" => Ok(Self::Daily(time)),
            Some(("monthly", day)) => Ok(Self::Monthly(day.parse().map_err(|_| refused())?, time)),
            Some(("once", day)) => Ok(Self::Once(day.parse().map_err(|_| refused())?, time)),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Zone;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn first_three(text: &str) -> String {
        let recurrence: Recurrence = text.parse().unwrap();
        let days = recurrence.days(day("2026-11-22"), day("2027-12-31")).take(3);
        days.map(|day| day.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_form_comes_on_its_days() {
        for (text, days) in [
            ("daily 02:00", "2026-11-22 2026-11-23 2026-11-24"),
            ("monthly first sunday 01:00", "2026-12-06 2027-01-03 2027-02-07"),
            ("monthly fourth sunday 01:00", "2026-11-22 2026-12-27 2027-01-24"),
            ("monthly last sunday 01:00", "2026-11-29 2026-12-27 2027-01-31"),
            ("monthly last day 23:00", "2026-11-30 2026-12-31 2027-01-31"),
            ("monthly 28 23:00", "2026-11-28 2026-12-28 2027-01-28"),
            ("once 2027-02-11 00:00", "2027-02-11"),
        ] {
            assert_eq!(first_three(text), days, "{text}");
            assert_eq!(text.parse::<Recurrence>().unwrap().to_string(), text);
        }
        let february: Recurrence = "monthly last day 01:00".parse().unwrap();
        let leap = february.days(day("2028-02-01"), day("2028-03-01")).next();
        assert_eq!(leap, Some(day("2028-02-29")));
    }

    #[test]
    fn what_some_months_lack_is_refused() {
        for text in ["29", "31", "0", "fifth sunday", "first", "last", "sunday", "first sunnday", ""] {
            assert!(text.parse::<MonthDay>().is_err(), "{text}");
        }
        let said = |text: &str| text.parse::<MonthDay>().unwrap_err().to_string();
        assert_eq!(
            said("2027-02-29"),
            "\"2027-02-29\" is not a date of the calendar: write one such as 2026-12-06"
        );
        assert!(said("31").contains("not a day that every month has"), "{}", said("31"));
        assert_eq!("　First　Sunday".parse(), Ok(MonthDay::Weekday(1, Weekday::Sunday)));
        assert_eq!("１５".parse(), Ok(MonthDay::Number(15)));
    }

    #[test]
    fn the_calendar_ends_and_so_do_the_days() {
        for text in ["daily 02:00", "monthly last day 23:00", "monthly 15 23:00", "once 9999-12-31 00:00"] {
            let recurrence: Recurrence = text.parse().unwrap();
            assert!(recurrence.days(day("9999-11-30"), Day::LAST).count() <= 32, "{text}");
        }
        let monthly: Recurrence = "monthly 15 23:00".parse().unwrap();
        assert_eq!(monthly.first_from(day("9999-12-16")), None);
    }

    #[test]
    fn japanese_names_are_what_people_say() {
        let japanese = |text: &str| text.parse::<Recurrence>().unwrap().japanese();
        assert_eq!(japanese("monthly first sunday 01:00"), "毎月第1日曜日 01:00");
        assert_eq!(japanese("monthly last day 23:00"), "毎月末日 23:00");
        assert_eq!(japanese("daily 02:00"), "毎日 02:00");
    }

    #[test]
    fn a_time_that_spring_skips_comes_an_hour_later_and_one_that_comes_twice_counts_once() {
        let zone = Zone::named("America/New_York").unwrap();
        let at = |text, time: &str| zone.at(day(text), time.parse().unwrap()).to_string();
        assert_eq!(at("2026-03-08", "02:30"), "2026-03-08T07:30:00Z");
        assert_eq!(at("2026-11-01", "01:30"), "2026-11-01T05:30:00Z");
    }

    proptest! {
        /// Every month has exactly one day of each kind, whatever its length.
        #[test]
        fn each_month_has_exactly_one(year in 1990_i16..2110, month in 1_i8..=12, kind in 0_usize..4, number in 1_i8..=28) {
            let which = [
                MonthDay::Number(number),
                MonthDay::Last,
                MonthDay::Weekday(number.saturating_sub(1).div_euclid(7).saturating_add(1), Weekday::Sunday),
                MonthDay::LastWeekday(Weekday::Wednesday),
            ][kind];
            let first = Day::of(year, month, 1).unwrap();
            let last = Day::of(year, month, first.date().days_in_month()).unwrap();
            let recurrence = Recurrence::Monthly(which, TimeOfDay::MIDNIGHT);
            prop_assert_eq!(recurrence.days(first, last).count(), 1);
            prop_assert_eq!(recurrence.to_string().parse::<Recurrence>(), Ok(recurrence));
        }
    }
}
