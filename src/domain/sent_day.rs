//! The day a record counts from: how a plan's rule finds it, and what first capture makes of it.
//!
//! Three steps, all pure: `SentDayRule::find` reads a day from a path or a time; `clock_day` decides the
//! record's day once and for all; `fate` says in which cohort it goes, or why it does not go.
//! Remembering what was captured earlier is not done here.

use crate::domain::cohort::CohortId;
use crate::domain::path_pattern::PathPattern;
use crate::domain::plan::{Class, PastRetention, Plan};
use crate::domain::time::{Day, Instant, Zone};
use std::fmt;

/// Where a record of application data has its sent day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentDayRule {
    /// The day of the file's modification time, in the plan's zone.
    Mtime,
    /// A date in the path below the source.
    Path(PathPattern),
}

impl SentDayRule {
    /// The day that the rule finds for a file, as found: it may lie in the future or be absurd.
    ///
    /// `path` is relative to the source root, in bytes, without a leading `/`. `None`: no date in the path.
    pub fn find(&self, path: &[u8], mtime: Instant, zone: &Zone) -> Option<Day> {
        match self {
            Self::Mtime => Some(zone.day_of(mtime)),
            Self::Path(pattern) => pattern.find(path),
        }
    }
}

impl fmt::Display for SentDayRule {
    /// `mtime`, or `path ` and the pattern.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mtime => f.write_str("mtime"),
            Self::Path(pattern) => write!(f, "path {pattern}"),
        }
    }
}

/// What Kura remembers of this path from earlier snapshots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Earlier {
    /// The path was never captured, or its cohorts are gone.
    Never,
    /// Captured with exactly this content; it counts from this day.
    SameContent(Day),
    /// The same, and nothing about the file has changed since the last run.
    Untouched {
        /// The day from which it counts.
        day: Day,
        /// The day of the last run in the plan's zone.
        last_run: Day,
    },
    /// Captured, but with other content: this is a new record.
    OtherContent,
}

/// What is known about a record when it is captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentDayFacts {
    /// The day found by the plan's rule.
    pub rule_day: Option<Day>,
    /// The day of the file's modification time in the plan's zone.
    pub mtime_day: Day,
    /// The day of the run in the plan's zone.
    pub today: Day,
    /// What was captured before.
    pub earlier: Earlier,
}

/// Why a record counts from the day of the run instead of the day that was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Note {
    /// It does not: the day is the one found, or the one kept from earlier.
    None,
    /// The day found lies after the day of the run.
    FutureDay,
    /// The day found lies before 1970-01-02: an unset clock or an unset field.
    AbsurdDay,
    /// The path holds no date where the pattern expects one.
    NoDayInPath,
}

/// The day a record counts from. It never moves for this content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockDay {
    /// The day.
    pub day: Day,
    /// What has to be reported about it.
    pub note: Note,
}

/// Decides the day a record counts from.
///
/// Unchanged content keeps its first day whatever its times say now. New content counts from the rule's day;
/// content that changed after first capture counts from the later of the rule's day and its mtime day.
/// A day that cannot be right (future, before 1970-01-02, none in the path) becomes the day of the run, and the note
/// says why. That is never earlier than the truth unless the clock of the run was slow: what lay in the future at the
/// last run and does not any more counts from its own day then, so that no year is cut short (K-94).
/// Source: 第20条; 第21条①. Invariant K-1.
pub fn clock_day(facts: SentDayFacts) -> ClockDay {
    let first_seen = |note| ClockDay { day: facts.today, note };
    let other_content = match facts.earlier {
        Earlier::SameContent(day) => return ClockDay { day, note: Note::None },
        Earlier::Untouched { day, last_run } => {
            let day = if catches_up(facts.rule_day, (day, last_run), facts.today) {
                facts.rule_day.unwrap_or(day)
            } else {
                day
            };
            return ClockDay { day, note: Note::None };
        }
        Earlier::Never => false,
        Earlier::OtherContent => true,
    };
    let Some(rule_day) = facts.rule_day else { return first_seen(Note::NoDayInPath) };
    match doubt(rule_day, facts.today) {
        Note::None => {}
        note @ (Note::FutureDay | Note::AbsurdDay | Note::NoDayInPath) => return first_seen(note),
    }
    if !other_content {
        return ClockDay { day: rule_day, note: Note::None };
    }
    match doubt(facts.mtime_day, facts.today) {
        Note::None => ClockDay { day: rule_day.max(facts.mtime_day), note: Note::None },
        note @ (Note::FutureDay | Note::AbsurdDay | Note::NoDayInPath) => first_seen(note),
    }
}

/// Whether the day that was found lay in the future at the last run, and does not any more.
pub fn catches_up(rule_day: Option<Day>, (day, last_run): (Day, Day), today: Day) -> bool {
    rule_day.is_some_and(|found| day.max(last_run) < found && found <= today)
}

/// Why a day that was found cannot be right.
fn doubt(day: Day, today: Day) -> Note {
    if day > today {
        return Note::FutureDay;
    }
    match Day::of(1970, 1, 2) {
        Some(earliest) if day < earliest => Note::AbsurdDay,
        Some(_) | None => Note::None,
    }
}

/// What becomes of a record that is new to its cohort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is backed up into this cohort.
    Keep(CohortId),
    /// It is past its year at the source: not backed up, counted and listed for manual deletion (第22条).
    PastRetention(Day),
    /// Its cohort is deleted in less than 24 hours: not backed up, reported.
    TooCloseToDeletion(Day),
}

/// Decides what becomes of a record (application) or of the source's content (system).
///
/// `day`: the day from [`clock_day`], or the day of the snapshot for a system plan. `now`: the start of the run.
/// A plan that says keep-from-first-seen files what is past its year under the day of the run, which is
/// then its remembered day; when that year is over too and the record still lies at the source, it counts anew.
/// Ask only about content that its cohort does not hold yet; what is held needs no new pack.
/// Source: 第20条, 第21条①, 第22条①.
pub fn fate(plan: &Plan, day: Day, now: Instant) -> Fate {
    let cohort = plan.cohort_of(day);
    if now >= cohort.delete_from(plan.retention(), plan.zone()) {
        return match (plan.class(), plan.past_retention()) {
            (Class::Application, PastRetention::KeepFromFirstSeen) => {
                Fate::Keep(CohortId::Sent(plan.zone().day_of(now)))
            }
            (Class::Application, PastRetention::Report) | (Class::System, _) => Fate::PastRetention(day),
        };
    }
    if cohort.accepts_packs(plan.retention(), plan.zone(), now) {
        Fate::Keep(cohort)
    } else {
        Fate::TooCloseToDeletion(day)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may stop where a sum overflows")]
mod tests {
    use super::*;
    use crate::domain::cohort::Generation;
    use crate::domain::plan::{LockMode, PlanParts, SourceParts};
    use crate::domain::retention::Retention;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn tokyo() -> Zone {
        Zone::named("Asia/Tokyo").unwrap()
    }

    fn plan(class: Class, past_retention: PastRetention) -> Plan {
        let sent_day = (class == Class::Application).then_some(SentDayRule::Mtime);
        let path = "/srv/records".into();
        Plan::new(PlanParts {
            name: "records".parse().unwrap(),
            class,
            retention: Retention::Years(1),
            zone: tokyo(),
            generation: Generation::Month,
            copies: 1,
            past_retention,
            lock_mode: LockMode::Compliance,
            drill_every: crate::domain::drill::EVERY_DEFAULT,
            sources: vec![SourceParts {
                kind: crate::domain::plan::SourceKind::Directory,
                name: None,
                path,
                sent_day,
                exclude: vec![],
                one_file_system: false,
            }],
        })
        .unwrap()
    }

    #[test]
    fn the_day_of_a_file_is_the_day_in_the_zone_of_the_plan() {
        let mtime = Instant::from_micros(1_740_758_400_000_000); // 2025-02-28T16:00:00Z
        assert_eq!(SentDayRule::Mtime.find(b"a", mtime, &tokyo()), Some(day("2025-03-01")));
        let rule = SentDayRule::Path("%Y/%m/%d".parse().unwrap());
        assert_eq!(rule.find(b"2024/02/29/a", mtime, &tokyo()), Some(day("2024-02-29")));
        assert_eq!(rule.find(b"a", mtime, &tokyo()), None);
    }

    #[test]
    fn the_clock_day_is_decided_at_first_capture() {
        use Earlier::{Never, OtherContent, SameContent};
        let today = "2026-11-22";
        let untouched = |of, last| Earlier::Untouched { day: day(of), last_run: day(last) };
        for (rule_day, mtime_day, earlier, expected, note) in [
            // New records count from the rule's day, whatever the mtime says.
            (Some("2026-11-20"), "2026-11-21", Never, "2026-11-20", Note::None),
            (Some("2026-11-22"), "2026-11-22", Never, "2026-11-22", Note::None),
            (Some("2020-01-01"), "2026-11-21", Never, "2020-01-01", Note::None),
            // Impossible days become the day of the run.
            (Some("2026-11-23"), "2026-11-21", Never, today, Note::FutureDay),
            (Some("1970-01-01"), "1970-01-01", Never, today, Note::AbsurdDay),
            (Some("1970-01-02"), "1970-01-02", Never, "1970-01-02", Note::None),
            (Some("0001-01-01"), "2026-11-21", Never, today, Note::AbsurdDay),
            (None, "2026-11-21", Never, today, Note::NoDayInPath),
            // Unchanged content never moves, even if its times or its path do.
            (Some("2026-11-22"), "2026-11-22", SameContent(day("2026-01-05")), "2026-01-05", Note::None),
            (Some("2027-01-01"), "2030-01-01", SameContent(day("2026-01-05")), "2026-01-05", Note::None),
            (None, "1970-01-01", SameContent(day("2026-01-05")), "2026-01-05", Note::None),
            // What was in the future at the last run counts from its own day as soon as that has come.
            (
                Some("2026-11-20"),
                "2026-11-20",
                untouched("2026-10-01", "2026-11-01"),
                "2026-11-20",
                Note::None,
            ),
            (
                Some("2026-11-22"),
                "2026-11-22",
                untouched("2026-11-21", "2026-11-21"),
                "2026-11-22",
                Note::None,
            ),
            (
                Some("2026-11-23"),
                "2026-11-23",
                untouched("2026-11-01", "2026-11-01"),
                "2026-11-01",
                Note::None,
            ),
            (
                Some("2026-11-20"),
                "2026-11-20",
                untouched("2026-10-01", "2026-11-21"),
                "2026-10-01",
                Note::None,
            ),
            (
                Some("2026-11-20"),
                "2026-11-20",
                untouched("2026-11-20", "2026-11-20"),
                "2026-11-20",
                Note::None,
            ),
            (None, "2026-11-20", untouched("2026-10-01", "2026-11-01"), "2026-10-01", Note::None),
            // Changed content is a new record: the later of both days.
            (Some("2026-01-05"), "2026-11-21", OtherContent, "2026-11-21", Note::None),
            (Some("2026-11-20"), "2026-01-05", OtherContent, "2026-11-20", Note::None),
            (Some("2026-01-05"), "2026-11-23", OtherContent, today, Note::FutureDay),
            (Some("2026-01-05"), "1970-01-01", OtherContent, today, Note::AbsurdDay),
            (None, "2026-11-21", OtherContent, today, Note::NoDayInPath),
        ] {
            let rule_day = rule_day.map(day);
            let facts = SentDayFacts { rule_day, mtime_day: day(mtime_day), today: day(today), earlier };
            assert_eq!(clock_day(facts), ClockDay { day: day(expected), note }, "{facts:?}");
        }
    }

    #[test]
    fn a_record_goes_to_its_cohort_until_its_year_is_nearly_over() {
        let report = plan(Class::Application, PastRetention::Report);
        let keep = plan(Class::Application, PastRetention::KeepFromFirstSeen);
        let now = |at: &str| Instant::from_micros(at.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let sent = day("2025-11-22"); // deleted from 2026-11-23T00:00+09:00
        for (at, of_report, of_keep) in [
            ("2026-11-21T23:59:59+09:00", Fate::Keep(CohortId::Sent(sent)), Fate::Keep(CohortId::Sent(sent))),
            ("2026-11-22T00:00:00+09:00", Fate::Keep(CohortId::Sent(sent)), Fate::Keep(CohortId::Sent(sent))),
            ("2026-11-22T00:00:01+09:00", Fate::TooCloseToDeletion(sent), Fate::TooCloseToDeletion(sent)),
            ("2026-11-22T23:59:59+09:00", Fate::TooCloseToDeletion(sent), Fate::TooCloseToDeletion(sent)),
            (
                "2026-11-23T00:00:00+09:00",
                Fate::PastRetention(sent),
                Fate::Keep(CohortId::Sent(day("2026-11-23"))),
            ),
        ] {
            assert_eq!(fate(&report, sent, now(at)), of_report, "{at}");
            assert_eq!(fate(&keep, sent, now(at)), of_keep, "{at}");
        }
    }

    #[test]
    fn system_data_goes_to_the_generation_of_the_snapshot() {
        let system = plan(Class::System, PastRetention::Report);
        let today = day("2026-11-22");
        let found = fate(&system, today, tokyo().start_of(today));
        assert_eq!(found, Fate::Keep("gen-2026-11".parse().unwrap()));
    }

    fn any_day() -> impl Strategy<Value = Day> {
        (1960..2060_i16, 1..=12_i8, 1..=28_i8).prop_map(|(y, m, d)| Day::of(y, m, d).unwrap())
    }

    fn any_earlier() -> impl Strategy<Value = Earlier> {
        prop_oneof![
            Just(Earlier::Never),
            Just(Earlier::OtherContent),
            any_day().prop_map(Earlier::SameContent)
        ]
    }

    proptest! {
        #[test]
        fn k_1_doubt_never_makes_a_record_older_than_what_was_found(
            rule_day in proptest::option::of(any_day()), mtime_day in any_day(), today in any_day(), earlier in any_earlier()
        ) {
            let decided = clock_day(SentDayFacts { rule_day, mtime_day, today, earlier });
            if let Earlier::SameContent(first) = earlier {
                prop_assert_eq!(decided, ClockDay { day: first, note: Note::None });
            } else {
                prop_assert!(decided.day <= today);
                prop_assert!(rule_day.is_none_or(|found| decided.day >= found.min(today)));
                prop_assert!(decided.note == Note::None || decided.day == today);
            }
        }

        #[test]
        fn nothing_is_kept_in_a_cohort_about_to_be_deleted(sent in any_day(), today in any_day(), seconds in 0..86_400_i64) {
            let start = tokyo().start_of(today);
            let now = Instant::from_micros(start.as_micros() + seconds * 1_000_000);
            for past in [PastRetention::Report, PastRetention::KeepFromFirstSeen] {
                let plan = plan(Class::Application, past);
                if let Fate::Keep(cohort) = fate(&plan, sent, now) {
                    prop_assert!(cohort.accepts_packs(plan.retention(), plan.zone(), now));
                }
            }
        }
    }
}
