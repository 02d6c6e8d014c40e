//! The one-year clock: how long a record is kept, and from when it may be deleted.
//!
//! 「発信した日から起算して1年間」 has two readings. Reading A counts the sent day itself; reading B
//! (民法140条) starts on the day after. Kura promises A and deletes only after the later of A and B.
//! No "add one year" of a date library is used: those clamp 29 February to 28 February, a day short.
//! 民法142条 (holidays) does not apply. Start with `kept`.
//!
//! Public here: `Retention`, `FirstDay`, `last_day`, `Kept`, `kept`, `delete_from_instant`.

use crate::domain::time::{Day, Instant, Zone};
use std::fmt;

/// How long something is kept, counted by the calendar (民法143条), never in hours.
///
/// Text form: `1 year`, `10 years`, `6 months`, `30 days`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retention {
    /// Calendar years.
    Years(u16),
    /// Calendar months.
    Months(u16),
    /// Days.
    Days(u32),
}

impl Retention {
    /// The longest period that a plan may state, in words for messages.
    pub const LONGEST: &'static str = "100 years, 1200 months or 36525 days";

    /// Whether the period is zero, which keeps nothing.
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::Years(0) | Self::Months(0) | Self::Days(0))
    }

    /// Whether the period is longer than [`Retention::LONGEST`].
    pub const fn is_too_long(self) -> bool {
        match self {
            Self::Years(n) => n > 100,
            Self::Months(n) => n > 1200,
            Self::Days(n) => n > 36_525,
        }
    }
}

impl Retention {
    /// As Japanese pages say it: `1年`, `6か月`, `30日`.
    pub fn japanese(self) -> String {
        match self {
            Self::Years(n) => format!("{n}年"),
            Self::Months(n) => format!("{n}か月"),
            Self::Days(n) => format!("{n}日"),
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match *self {
            Self::Years(n) => (u32::from(n), "year"),
            Self::Months(n) => (u32::from(n), "month"),
            Self::Days(n) => (n, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// The text is not a retention period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a period; write a number and a unit, such as \"1 year\", \"6 months\" or \"30 days\"")]
pub struct NotAPeriod(pub String);

impl std::str::FromStr for Retention {
    type Err = NotAPeriod;

    /// Reads a decimal number without sign or leading zero, one space, and `year(s)`, `month(s)` or `day(s)`.
    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let refused = || NotAPeriod(text.to_owned());
        let (count, unit) = text.split_once(' ').ok_or_else(refused)?;
        let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
        if !digits || (count.len() > 1 && count.starts_with('0')) {
            return Err(refused());
        }
        match unit {
            "year" | "years" => count.parse().map(Self::Years).map_err(|_| refused()),
            "month" | "months" => count.parse().map(Self::Months).map_err(|_| refused()),
            "day" | "days" => count.parse().map(Self::Days).map_err(|_| refused()),
            _ => Err(refused()),
        }
    }
}

/// Whether the sent day is itself the first day of the period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstDay {
    /// Reading A, 「の日から起算して」: the sent day counts.
    SentDay,
    /// Reading B, 民法140条: the first day does not count.
    DayAfter,
}

impl FirstDay {
    /// The first day of the period (起算日) for something sent on `sent`.
    pub fn of(self, sent: Day) -> Day {
        match self {
            Self::SentDay => sent,
            Self::DayAfter => sent.next(),
        }
    }
}

/// The last day of a period whose first day is `first` (民法143条2項).
///
/// Years and months: the day before the same day n years or months on; where that month has no such day, the
/// last day of that month. Days: `first + n − 1`. A zero period ends on the day before it begins.
/// Errors: none; what would end after 9999-12-31 ends on [`Day::LAST`], which is then treated as "never".
pub fn last_day(period: Retention, first: Day) -> Day {
    match period {
        Retention::Years(n) => {
            day_months_on(first, u32::from(n).saturating_mul(12)).map_or(Day::LAST, Day::previous)
        }
        Retention::Months(n) => day_months_on(first, u32::from(n)).map_or(Day::LAST, Day::previous),
        Retention::Days(n) => day_days_on(first, n).map_or(Day::LAST, Day::previous),
    }
}

/// The same day `months` on, or the 1st of the month after where that month has no such day; `None` after 9999.
fn day_months_on(first: Day, months: u32) -> Option<Day> {
    let date = first.date();
    let from_year_zero = i64::from(date.year()).saturating_mul(12).saturating_add(i64::from(date.month()));
    let target = from_year_zero.saturating_add(i64::from(months)).saturating_sub(1);
    let at = |month_index: i64, day: i8| {
        let year = i16::try_from(month_index.div_euclid(12)).ok()?;
        let month = i8::try_from(month_index.rem_euclid(12)).ok()?;
        Day::of(year, month.saturating_add(1), day)
    };
    at(target, date.day()).or_else(|| at(target.saturating_add(1), 1))
}

/// The day `days` days after `first`; `None` after 9999.
fn day_days_on(first: Day, days: u32) -> Option<Day> {
    let span = jiff::Span::new().try_days(days).ok()?;
    first.date().checked_add(span).ok().map(Day::from_date)
}

/// How long something sent on one day is kept, in both readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The promised end (保管期限), reading A: the last day on which the record is surely kept.
    pub promised_last_day: Day,
    /// The last day under reading B; never before the promised one.
    pub last_day_b: Day,
    /// The first day, from its 00:00, on which the record may be deleted: the day after the later of both.
    /// [`Day::LAST`] means never.
    pub delete_from: Day,
}

/// What is promised for something sent on `sent`, and from which day it may be deleted.
///
/// Units: civil days in the plan's zone. Errors: none, see [`last_day`].
/// Source: 第20条, 第21条①; 民法140条, 143条2項. Invariant K-1.
pub fn kept(period: Retention, sent: Day) -> Kept {
    let promised_last_day = last_day(period, FirstDay::SentDay.of(sent));
    let last_day_b = last_day(period, FirstDay::DayAfter.of(sent));
    Kept { promised_last_day, last_day_b, delete_from: promised_last_day.max(last_day_b).next() }
}

/// The instant from which something sent on `sent` may be deleted: 00:00 of [`Kept::delete_from`] in the zone.
///
/// Where the calendar ends first, this is the last instant there is: such a thing is never deleted.
pub fn delete_from_instant(period: Retention, sent: Day, zone: &Zone) -> Instant {
    let day = kept(period, sent).delete_from;
    if day == Day::LAST { Instant::from_micros(i64::MAX) } else { zone.start_of(day) }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may stop where a sum overflows")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const YEAR: Retention = Retention::Years(1);

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// Every day of 1990 to 2109.
    fn all_days() -> Vec<Day> {
        let end = day("2109-12-31");
        let days = std::iter::successors(Some(day("1990-01-01")), |d| (*d < end).then(|| d.next()));
        days.collect()
    }

    fn days_between(from: Day, to: Day) -> i32 {
        from.date().until(to.date()).unwrap().get_days()
    }

    fn is_leap_february(d: Day, day_of_month: i8) -> bool {
        d.date().in_leap_year() && d.date().month() == 2 && d.date().day() == day_of_month
    }

    #[test]
    fn k_1_one_year_is_counted_as_in_the_table_of_the_rules() {
        // sent, last day A, A may delete from, last day B, B may delete from
        let table = [
            ("2023-02-28", "2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"),
            ("2023-03-01", "2024-02-29", "2024-03-01", "2024-03-01", "2024-03-02"),
            ("2024-02-28", "2025-02-27", "2025-02-28", "2025-02-28", "2025-03-01"),
            ("2024-02-29", "2025-02-28", "2025-03-01", "2025-02-28", "2025-03-01"),
            ("2024-03-01", "2025-02-28", "2025-03-01", "2025-03-01", "2025-03-02"),
            ("2025-03-01", "2026-02-28", "2026-03-01", "2026-03-01", "2026-03-02"),
            ("2025-03-31", "2026-03-30", "2026-03-31", "2026-03-31", "2026-04-01"),
            ("2025-12-31", "2026-12-30", "2026-12-31", "2026-12-31", "2027-01-01"),
            ("2026-01-01", "2026-12-31", "2027-01-01", "2027-01-01", "2027-01-02"),
            ("2026-02-28", "2027-02-27", "2027-02-28", "2027-02-28", "2027-03-01"),
            ("2026-11-22", "2027-11-21", "2027-11-22", "2027-11-22", "2027-11-23"),
            ("2027-02-28", "2028-02-27", "2028-02-28", "2028-02-29", "2028-03-01"),
            ("2027-03-01", "2028-02-29", "2028-03-01", "2028-03-01", "2028-03-02"),
            ("2028-02-29", "2029-02-28", "2029-03-01", "2029-02-28", "2029-03-01"),
        ];
        for (sent, last_a, delete_a, last_b, delete_b) in table {
            let kept = kept(YEAR, day(sent));
            assert_eq!(kept.promised_last_day, day(last_a), "{sent} A");
            assert_eq!(kept.promised_last_day.next(), day(delete_a), "{sent} A delete");
            assert_eq!(kept.last_day_b, day(last_b), "{sent} B");
            assert_eq!(kept.last_day_b.next(), day(delete_b), "{sent} B delete");
            assert_eq!(kept.delete_from, day(delete_b), "{sent} delete_from");
        }
    }

    #[test]
    fn k_1_every_sent_day_from_1990_to_2109_keeps_its_year_in_both_readings() {
        let days = all_days();
        assert_eq!(days.len(), 43_829);
        for sent in days {
            let kept = kept(YEAR, sent);
            assert!(kept.promised_last_day <= kept.last_day_b, "{sent}");
            assert!(
                kept.delete_from > kept.promised_last_day && kept.delete_from > kept.last_day_b,
                "{sent}"
            );
            let days_kept = days_between(sent, kept.promised_last_day) + 1;
            assert!(days_kept == 365 || days_kept == 366, "{sent}: {days_kept}");
            assert!(!is_leap_february(kept.promised_last_day, 28), "{sent} expires on 28 February");
            let later_days = days_between(kept.promised_last_day, kept.last_day_b);
            let expected = match (sent.date().month(), sent.date().day()) {
                (2, 28) if is_leap_february(kept.last_day_b, 29) => 2,
                (2, 29) => 0,
                _ => 1,
            };
            assert_eq!(later_days, expected, "{sent}");
        }
    }

    #[test]
    fn only_the_29th_of_february_shares_its_expiry_with_another_sent_day() {
        let (mut by_a, mut by_deletion) = (BTreeMap::new(), BTreeMap::new());
        for sent in all_days() {
            let kept = kept(YEAR, sent);
            by_a.entry(kept.promised_last_day).or_insert_with(Vec::new).push(sent);
            by_deletion.entry(kept.delete_from).or_insert_with(Vec::new).push(sent);
        }
        for group in by_a.values().filter(|group| group.len() > 1) {
            assert!(
                group.len() == 2 && is_leap_february(group[0], 29) && group[1] == group[0].next(),
                "{group:?}"
            );
        }
        for (deletion, group) in by_deletion.iter().filter(|(_, group)| group.len() > 1) {
            assert!(
                group.len() == 2 && is_leap_february(group[0], 28) && group[1] == group[0].next(),
                "{group:?}"
            );
            assert_eq!((deletion.date().month(), deletion.date().day()), (3, 1));
        }
        let leap_days = all_days().into_iter().filter(|d| is_leap_february(*d, 29)).count();
        assert_eq!(by_a.values().filter(|group| group.len() > 1).count(), leap_days);
        assert_eq!(by_deletion.values().filter(|group| group.len() > 1).count(), leap_days);
    }

    #[test]
    fn months_end_on_the_day_before_or_at_the_end_of_the_month() {
        for (first, months, last) in [
            ("2026-08-31", 6, "2027-02-28"),
            ("2027-08-31", 6, "2028-02-29"),
            ("2026-08-30", 6, "2027-02-28"),
            ("2026-08-28", 6, "2027-02-27"),
            ("2026-03-31", 1, "2026-04-30"),
            ("2026-12-31", 2, "2027-02-28"),
            ("2026-01-01", 1, "2026-01-31"),
            ("2024-02-29", 12, "2025-02-28"),
            ("2026-12-15", 1, "2027-01-14"),
        ] {
            assert_eq!(
                last_day(Retention::Months(months), day(first)),
                day(last),
                "{first} + {months} months"
            );
        }
    }

    #[test]
    fn days_count_the_first_one() {
        for (first, days, last) in [
            ("2026-11-22", 1, "2026-11-22"),
            ("2026-11-22", 30, "2026-12-21"),
            ("2024-02-28", 3, "2024-03-01"),
        ] {
            assert_eq!(last_day(Retention::Days(days), day(first)), day(last), "{first} + {days} days");
        }
    }

    #[test]
    fn deletion_begins_at_midnight_of_the_zone_and_not_of_utc() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        let at = delete_from_instant(YEAR, day("2025-03-01"), &tokyo);
        assert_eq!(at.to_string(), "2026-03-01T15:00:00Z");
        assert_eq!(tokyo.day_of(at), day("2026-03-02"));
        assert_eq!(tokyo.day_of(Instant::from_micros(at.as_micros() - 1)), day("2026-03-01"));
    }

    #[test]
    fn what_would_end_after_the_calendar_is_never_deleted() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        for period in [YEAR, Retention::Months(12), Retention::Days(365), Retention::Days(u32::MAX)] {
            let kept = kept(period, day("9999-06-01"));
            assert_eq!(kept.delete_from, Day::LAST, "{period}");
            assert_eq!(delete_from_instant(period, day("9999-06-01"), &tokyo).as_micros(), i64::MAX);
        }
    }

    #[test]
    fn a_period_is_written_as_people_write_it() {
        for (text, period) in [
            ("1 year", YEAR),
            ("10 years", Retention::Years(10)),
            ("6 months", Retention::Months(6)),
            ("30 days", Retention::Days(30)),
        ] {
            assert_eq!(text.parse(), Ok(period));
            assert_eq!(period.to_string(), text);
        }
        for bad in
            ["", "year", "1", "1year", "1  year", " 1 year", "+1 year", "-1 year", "01 year", "1.5 years"]
        {
            assert_eq!(bad.parse::<Retention>(), Err(NotAPeriod(bad.to_owned())), "{bad}");
        }
        for bad in ["1 Year", "1 week", "65536 years", "1 year ", "一 year", "4294967296 days"] {
            assert_eq!(bad.parse::<Retention>(), Err(NotAPeriod(bad.to_owned())), "{bad}");
        }
    }

    fn any_day() -> impl Strategy<Value = Day> {
        (0..43_829_i64).prop_map(|n| Day::from_date(day("1990-01-01").date() + jiff::Span::new().days(n)))
    }

    fn any_period() -> impl Strategy<Value = Retention> {
        prop_oneof![
            (1..=100_u16).prop_map(Retention::Years),
            (1..=1200_u16).prop_map(Retention::Months),
            (1..=36_525_u32).prop_map(Retention::Days),
        ]
    }

    proptest! {
        #[test]
        fn k_1_no_period_is_deleted_before_both_readings_are_over(sent in any_day(), period in any_period()) {
            let kept = kept(period, sent);
            prop_assert!(kept.promised_last_day >= sent);
            prop_assert!(kept.promised_last_day <= kept.last_day_b);
            prop_assert_eq!(kept.delete_from, kept.last_day_b.next());
        }

        #[test]
        fn a_later_sent_day_is_never_deleted_earlier(a in any_day(), b in any_day(), period in any_period()) {
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(kept(period, early).promised_last_day <= kept(period, late).promised_last_day);
            prop_assert!(kept(period, early).last_day_b <= kept(period, late).last_day_b);
            prop_assert!(kept(period, early).delete_from <= kept(period, late).delete_from);
        }

        #[test]
        fn twelve_months_are_a_year_and_n_days_are_n_days(sent in any_day(), n in 1..=100_u16) {
            prop_assert_eq!(kept(Retention::Years(n), sent), kept(Retention::Months(n * 12), sent));
            let last = last_day(Retention::Days(u32::from(n)), sent);
            prop_assert_eq!(days_between(sent, last), i32::from(n) - 1);
        }

        #[test]
        fn a_period_survives_being_written_and_read(period in any_period()) {
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }
    }
}
