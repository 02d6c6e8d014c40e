//! The day a record counts from: how a plan's rule finds it, and what first capture makes of it.
//!
//! Three steps, all pure: [`SentDayRule::find`] reads a day from a path or a time; [`clock_day`] decides the
//! record's day once and for all; [`fate`] says in which cohort it goes, or why it does not go.
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
/// A day that cannot be right (future, before 1970-01-02, none in the path) becomes the day of the run, which is
/// never earlier than the truth, and the note says why.
/// Source: 第20条; 第21条①. Invariant K-1.
pub fn clock_day(facts: SentDayFacts) -> ClockDay {
    let first_seen = |note| ClockDay { day: facts.today, note };
    let other_content = match facts.earlier {
        Earlier::SameContent(day) => return ClockDay { day, note: Note::None },
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
/// A plan that says keep-from-first-seen files what is past its year under the day of the run.
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
