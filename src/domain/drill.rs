//! Drills (復旧訓練): when the next restore of a plan, and the next use of a recovery key, is due.
//!
//! A promise that nobody tried out is a guess: no check without a key can show to whom a cohort is sealed.

use crate::domain::retention::{self, Retention};
use crate::domain::time::{Instant, Zone};

/// What is tried out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DrillKind {
    /// Restoring something of a plan.
    Restore,
    /// Opening everything with a recovery key.
    Key,
}

impl DrillKind {
    /// The word in rows and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Key => "key",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Restore, Self::Key].into_iter().find(|kind| kind.word() == word)
    }
}

/// How often each recovery key is tried out, and each plan whose file says nothing else.
pub const EVERY_DEFAULT: Retention = Retention::Months(3);

/// What has to be tried out, and when it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DrillFacts {
    /// What kind.
    pub kind: DrillKind,
    /// The plan, or the public half of the recovery key.
    pub subject: String,
    /// How often.
    pub every: Retention,
    /// Since when there is something to try out; `None` as long as there is nothing.
    pub first: Option<Instant>,
    /// When it last went well.
    pub last: Option<Instant>,
}

impl DrillFacts {
    /// From when on the next one is overdue: the morning after a whole period has passed. `None` if nothing can be tried out.
    pub fn due_at(&self, zone: &Zone) -> Option<Instant> {
        let from = self.last.or(self.first)?;
        let last_day = retention::last_day(self.every, zone.day_of(from).next());
        Some(zone.start_of(last_day.next()))
    }

    /// Whether it is overdue.
    pub fn is_overdue(&self, zone: &Zone, now: Instant) -> bool {
        self.due_at(zone).is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon(day: &str) -> Instant {
        Zone::named("Asia/Tokyo").unwrap().at(day.parse().unwrap(), "12:00".parse().unwrap())
    }

    #[test]
    fn a_drill_is_due_when_its_period_is_over() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let facts = DrillFacts {
            kind: DrillKind::Restore,
            subject: "records".to_owned(),
            every: EVERY_DEFAULT,
            first: Some(noon("2026-11-22")),
            last: None,
        };
        assert!(!facts.is_overdue(&zone, noon("2027-02-22")));
        assert!(facts.is_overdue(&zone, noon("2027-02-23")));
        let done = DrillFacts { last: Some(noon("2027-02-01")), ..facts.clone() };
        assert!(!done.is_overdue(&zone, noon("2027-05-01")));
        assert!(done.is_overdue(&zone, noon("2027-05-02")));
        let nothing = DrillFacts { first: None, ..facts };
        assert_eq!(nothing.due_at(&zone), None);
    }
}
