//! Cohorts: everything of one plan with one clock day, locked together and deleted whole.
//!
//! Application data is filed by its sent day (`sent-2026-11-22`), system data by the calendar month or quarter
//! of the snapshot (`gen-2026-11`, `gen-2026-q4`). How a record finds its day lives in `sent_day`.
//!
//! Public here: `CohortId`, `Generation`, `GenerationId`.

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_cohort_is_written_and_read_in_one_way_only() {
        for (text, clock_day) in [
            ("sent-2026-11-22", "2026-11-22"),
            ("sent-2024-02-29", "2024-02-29"),
            ("gen-2026-11", "2026-11-30"),
            ("gen-2024-02", "2024-02-29"),
            ("gen-2026-q1", "2026-03-31"),
            ("gen-2026-q4", "2026-12-31"),
        ] {
            let cohort: CohortId = text.parse().unwrap();
            assert_eq!(cohort.to_string(), text);
            assert_eq!(cohort.clock_day(), day(clock_day), "{text}");
        }
        for bad in [
            "",
            "sent-",
            "sent-2026-02-30",
            "sent-20261122",
            "Sent-2026-11-22",
            "sent-2026-11-22 ",
            "gen-2026",
        ] {
            assert_eq!(bad.parse::<CohortId>(), Err(NotACohort(bad.to_owned())));
        }
        for bad in [
            "gen-2026-13",
            "gen-2026-00",
            "gen-2026-1",
            "gen-2026-q5",
            "gen-2026-q0",
            "gen-2026-q04",
            "gen-+026-01",
        ] {
            assert_eq!(bad.parse::<CohortId>(), Err(NotACohort(bad.to_owned())));
        }
    }

    #[test]
    fn a_snapshot_day_lies_in_its_month_and_quarter() {
        for (on, month, quarter) in [
            ("2026-01-01", "gen-2026-01", "gen-2026-q1"),
            ("2026-03-31", "gen-2026-03", "gen-2026-q1"),
            ("2026-04-01", "gen-2026-04", "gen-2026-q2"),
            ("2026-12-31", "gen-2026-12", "gen-2026-q4"),
        ] {
            assert_eq!(CohortId::Generation(Generation::Month.generation_of(day(on))).to_string(), month);
            assert_eq!(CohortId::Generation(Generation::Quarter.generation_of(day(on))).to_string(), quarter);
        }
    }

    #[test]
    fn a_generation_is_locked_for_its_year_from_the_last_day() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        let cohort: CohortId = "gen-2026-11".parse().unwrap();
        let at = cohort.delete_from(Retention::Years(1), &tokyo);
        assert_eq!(tokyo.day_of(at), day("2027-12-01"));
        assert_eq!(at, tokyo.start_of(day("2027-12-01")));
    }

    #[test]
    fn a_cohort_takes_its_last_pack_24_hours_before_its_deletion() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        let cohort: CohortId = "sent-2025-11-22".parse().unwrap();
        let year = Retention::Years(1);
        let last = cohort.delete_from(year, &tokyo).as_micros() - 24 * 3600 * 1_000_000;
        assert!(cohort.accepts_packs(year, &tokyo, Instant::from_micros(last)));
        assert!(!cohort.accepts_packs(year, &tokyo, Instant::from_micros(last + 1)));
    }

    fn any_cohort() -> impl Strategy<Value = CohortId> {
        let day = (0..=9999_i16, 1..=12_i8, 1..=28_i8).prop_map(|(y, m, d)| Day::of(y, m, d).unwrap());
        (day, 0..3).prop_map(|(day, kind)| match kind {
            0 => CohortId::Sent(day),
            1 => CohortId::Generation(Generation::Month.generation_of(day)),
            _ => CohortId::Generation(Generation::Quarter.generation_of(day)),
        })
    }

    proptest! {
        #[test]
        fn a_cohort_survives_being_written_and_read(cohort in any_cohort()) {
            prop_assert_eq!(cohort.to_string().parse(), Ok(cohort));
        }

        #[test]
        fn a_day_lies_between_the_first_and_last_day_of_its_generation(
            (y, m, d) in (1990..2110_i16, 1..=12_i8, 1..=28_i8),
            generation in prop_oneof![Just(Generation::Month), Just(Generation::Quarter)],
        ) {
            let day = Day::of(y, m, d).unwrap();
            let id = generation.generation_of(day);
            prop_assert!(id.first_day() <= day && day <= id.last_day());
            prop_assert_eq!(generation.generation_of(id.first_day()), id);
            prop_assert_eq!(generation.generation_of(id.last_day()), id);
            prop_assert!(generation.generation_of(id.last_day().next()) > id);
        }
    }
}
