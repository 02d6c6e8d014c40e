//! Cohorts: everything of one plan with one clock day, locked together and deleted whole.
//!
//! Application data is filed by its sent day (`sent-2026-11-22`), system data by the calendar month or quarter
//! of the snapshot (`gen-2026-11`, `gen-2026-q4`). How a record finds its day lives in `sent_day`.
//!
//! Public here: [`CohortId`], [`Generation`], [`GenerationId`].

use crate::domain::retention::{Retention, delete_from_instant};
use crate::domain::time::{Day, Instant, Zone};
use std::fmt;

/// 24 hours: a cohort closer than this to its deletion takes no new pack.
const LAST_HOURS_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// How long one generation of system data lasts. Default: a month.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Generation {
    /// A calendar month.
    #[default]
    Month,
    /// A calendar quarter: January to March, and so on.
    Quarter,
}

impl Generation {
    /// The generation in which a snapshot day lies.
    pub fn generation_of(self, day: Day) -> GenerationId {
        let (year, month) = (day.date().year(), day.date().month());
        let part = match self {
            Self::Month => Part::Month(month),
            Self::Quarter => Part::Quarter(month.saturating_add(2).div_euclid(3)),
        };
        GenerationId { year, part }
    }
}

/// One month or quarter of system data. Made by [`Generation::generation_of`] or read from its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GenerationId {
    year: i16,
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Part {
    /// 1–12.
    Month(i8),
    /// 1–4.
    Quarter(i8),
}

impl GenerationId {
    /// The first day of the month or quarter.
    pub fn first_day(self) -> Day {
        let month = match self.part {
            Part::Month(month) => month,
            Part::Quarter(quarter) => quarter.saturating_mul(3).saturating_sub(2),
        };
        Day::of(self.year, month, 1).unwrap_or(Day::LAST)
    }

    /// The last day of the month or quarter, from which lock and deletion count.
    pub fn last_day(self) -> Day {
        let last_month = match self.part {
            Part::Month(month) => month,
            Part::Quarter(quarter) => quarter.saturating_mul(3),
        };
        Day::of(self.year, last_month, 1)
            .map_or(Day::LAST, |first| Day::from_date(first.date().last_of_month()))
    }
}

/// The name of a cohort. Ordered: sent days by day, then generations by year and part.
///
/// Text form, also the folder of the cohort in the store: `sent-2026-11-22`, `gen-2026-11`, `gen-2026-q4`
/// (years 0000 to 9999).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CohortId {
    /// Application data that counts from this sent day.
    Sent(Day),
    /// System data of one month or quarter.
    Generation(GenerationId),
}

impl CohortId {
    /// The day from which the lock and the deletion count: the sent day, or the generation's last day.
    pub fn clock_day(&self) -> Day {
        match self {
            Self::Sent(day) => *day,
            Self::Generation(generation) => generation.last_day(),
        }
    }

    /// The instant before which nothing of the cohort is deleted, and until which its objects are locked.
    ///
    /// Source: 第20条, 第21条①. Invariant K-1.
    pub fn delete_from(&self, retention: Retention, zone: &Zone) -> Instant {
        delete_from_instant(retention, self.clock_day(), zone)
    }

    /// Whether the cohort may take a new pack: `now` is at least 24 hours before [`CohortId::delete_from`].
    pub fn accepts_packs(&self, retention: Retention, zone: &Zone, now: Instant) -> bool {
        let end = self.delete_from(retention, zone).as_micros();
        now.as_micros() <= end.saturating_sub(LAST_HOURS_MICROS)
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Month(month) => write!(f, "{:04}-{month:02}", self.year),
            Part::Quarter(quarter) => write!(f, "{:04}-q{quarter}", self.year),
        }
    }
}

impl fmt::Display for CohortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(day) => write!(f, "sent-{day}"),
            Self::Generation(generation) => write!(f, "gen-{generation}"),
        }
    }
}

/// The text is not the name of a cohort.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cohort; cohorts are written sent-2026-11-22, gen-2026-11 or gen-2026-q4")]
pub struct NotACohort(pub String);

impl std::str::FromStr for CohortId {
    type Err = NotACohort;

    /// Reads exactly the text that `Display` writes.
    fn from_str(text: &str) -> Result<Self, NotACohort> {
        let found = match text.split_once('-') {
            Some(("sent", day)) => day.parse().ok().map(Self::Sent),
            Some(("gen", generation)) => generation_named(generation).map(Self::Generation),
            Some(_) | None => None,
        };
        found.filter(|cohort| cohort.to_string() == text).ok_or_else(|| NotACohort(text.to_owned()))
    }
}

/// The generation written `2026-11` or `2026-q4`.
fn generation_named(text: &str) -> Option<GenerationId> {
    let (year, part) = text.split_once('-')?;
    let year: i16 = year.parse().ok().filter(|year| (0..=9999).contains(year))?;
    let part = match part.strip_prefix('q') {
        Some(quarter) => Part::Quarter(quarter.parse().ok().filter(|quarter| (1..=4).contains(quarter))?),
        None => Part::Month(part.parse().ok().filter(|month| (1..=12).contains(month))?),
    };
    Some(GenerationId { year, part })
}
