//! The one-year clock: how long a record is kept, and from when it may be deleted.
//!
//! 「発信した日から起算して1年間」 has two readings. Reading A counts the sent day itself; reading B
//! (民法140条) starts on the day after. Kura promises A and deletes only after the later of A and B.
//! No "add one year" of a date library is used: those clamp 29 February to 28 February, a day short.
//! 民法142条 (holidays) does not apply. Start with [`kept`].
//!
//! Public here: [`Retention`], [`FirstDay`], [`last_day`], [`Kept`], [`kept`], [`delete_from_instant`].

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
