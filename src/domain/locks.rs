//! Locks as they were read back: is each object locked as its plan says, not shorter and not longer (K-97)?
//!
//! A lock that is too short lets data go before its year is over; one that is too long keeps personal data when it should
//! be gone (第21条①), and under compliance nobody can shorten it. Whoever may write can also lock for too long: that is
//! why somebody looks.

use crate::domain::alarm::{Alarm, AlarmCode};
use crate::domain::plan::LockMode;
use crate::domain::time::Instant;

/// A lock may end this much later than it should, minutes: deletion is due within days, not within the hour.
const LONGER_MINUTES_MAX: i64 = 24 * 60;

/// What has no day of its own is locked again when its lock has fallen this far behind, days: a month.
const BEHIND_DAYS_MAX: i64 = 31;

/// Whether what has no day of its own must be written again with a lock to the `wanted` end.
pub fn is_renewal_due(kept: Option<Instant>, wanted: Instant) -> bool {
    kept.is_none_or(|kept| kept.plus_minutes(BEHIND_DAYS_MAX * 24 * 60) <= wanted)
}

/// What is wrong with a lock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LockFlaw {
    /// There is none, or it ends before it may.
    Short,
    /// It ends later than the plan allows.
    Long,
    /// It is of another kind than the plan says.
    OtherMode,
}

impl LockFlaw {
    /// Every flaw.
    pub const ALL: [Self; 3] = [Self::Short, Self::Long, Self::OtherMode];

    /// The code, as coverage records it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Short => "lock-short",
            Self::Long => "lock-long",
            Self::OtherMode => "lock-other-mode",
        }
    }

    /// The sentences, without how many: Japanese and English.
    pub const fn sentences(self) -> (&'static str, &'static str) {
        match self {
            Self::Short => (
                "保護がないか、期限より早く終わるものがあります。",
                "There are objects that are not locked, or not for long enough.",
            ),
            Self::Long => (
                "計画の期限より長く保護されているものがあります。期限が来ても消去できません。",
                "There are objects that are locked for longer than the plan allows: they cannot be deleted in time.",
            ),
            Self::OtherMode => (
                "計画とは違う種類で保護されているものがあります。",
                "There are objects whose lock is of another kind than the plan says.",
            ),
        }
    }
}

/// What the locks of a plan turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LockFacts {
    /// Objects whose lock was read back.
    pub read: u64,
    /// Of them, those that are not locked or not for long enough.
    pub short: u64,
    /// Locked for too long.
    pub long: u64,
    /// Locked in another mode.
    pub other_mode: u64,
    /// Whether the store let nobody see the locks.
    pub is_hidden: bool,
}

impl LockFacts {
    /// Counts one lock as it was read back: its end and its kind, if the store says it.
    pub fn count(&mut self, wanted: (Instant, LockMode), kept: Option<(Instant, Option<LockMode>)>) {
        self.read = self.read.saturating_add(1);
        match flaw(wanted, kept) {
            None => {}
            Some(LockFlaw::Short) => self.short = self.short.saturating_add(1),
            Some(LockFlaw::Long) => self.long = self.long.saturating_add(1),
            Some(LockFlaw::OtherMode) => self.other_mode = self.other_mode.saturating_add(1),
        }
    }

    /// Counts one lock of what is kept as evidence: it may end between two instants, as nobody wrote down when exactly it
    /// was stored.
    pub fn count_between(&mut self, (earliest, latest): (Instant, Instant), kept: Option<Instant>) {
        self.read = self.read.saturating_add(1);
        match kept {
            Some(until) if latest.plus_minutes(LONGER_MINUTES_MAX) < until => {
                self.long = self.long.saturating_add(1);
            }
            Some(until) if earliest <= until => {}
            Some(_) | None => self.short = self.short.saturating_add(1),
        }
    }

    /// These and others together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            read: self.read.saturating_add(other.read),
            short: self.short.saturating_add(other.short),
            long: self.long.saturating_add(other.long),
            other_mode: self.other_mode.saturating_add(other.other_mode),
            is_hidden: self.is_hidden || other.is_hidden,
        }
    }

    /// How many have a flaw.
    pub const fn with(&self, flaw: LockFlaw) -> u64 {
        match flaw {
            LockFlaw::Short => self.short,
            LockFlaw::Long => self.long,
            LockFlaw::OtherMode => self.other_mode,
        }
    }
}

/// What is wrong with a lock; the worst if more than one thing is.
pub fn flaw(
    (until, mode): (Instant, LockMode),
    kept: Option<(Instant, Option<LockMode>)>,
) -> Option<LockFlaw> {
    let Some((kept_until, kept_mode)) = kept else { return Some(LockFlaw::Short) };
    if kept_until < until {
        Some(LockFlaw::Short)
    } else if until.plus_minutes(LONGER_MINUTES_MAX) < kept_until {
        Some(LockFlaw::Long)
    } else if kept_mode.is_some_and(|kept| kept != mode) {
        Some(LockFlaw::OtherMode)
    } else {
        None
    }
}

/// The alarm of a plan whose last proof found locks that are not the plan's.
pub fn lock_alarm(plan: &str, codes: &[String], checked_at: Instant) -> Option<Alarm> {
    let found = LockFlaw::ALL.into_iter().filter(|flaw| codes.iter().any(|code| code == flaw.code()));
    let (japanese, english): (Vec<_>, Vec<_>) = found.map(LockFlaw::sentences).unzip();
    (!japanese.is_empty()).then(|| Alarm {
        code: AlarmCode::LockWrong,
        subject: plan.to_owned(),
        since: checked_at,
        japanese: format!("計画 {plan} のデータの保護が計画と違います。{}", japanese.concat()),
        english: format!("What plan {plan} keeps is not locked as it says. {}", english.join(" ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_right_only_in_its_mode_and_for_its_time() {
        use LockMode::{Compliance, Governance};
        let until = Instant::from_micros(1_800_000_000_000_000);
        let later = |minutes| until.plus_minutes(minutes);
        for (mode, kept, expected) in [
            (Compliance, None, Some(LockFlaw::Short)),
            (Compliance, Some((until, Some(Compliance))), None),
            (Compliance, Some((until, None)), None),
            (Compliance, Some((later(-1), Some(Compliance))), Some(LockFlaw::Short)),
            (Compliance, Some((later(-1), Some(Governance))), Some(LockFlaw::Short)),
            (Compliance, Some((later(24 * 60), Some(Compliance))), None),
            (Compliance, Some((later(24 * 60 + 1), Some(Compliance))), Some(LockFlaw::Long)),
            (Compliance, Some((until, Some(Governance))), Some(LockFlaw::OtherMode)),
            (Governance, Some((until, Some(Governance))), None),
            (Governance, Some((until, Some(Compliance))), Some(LockFlaw::OtherMode)),
        ] {
            assert_eq!(flaw((until, mode), kept), expected, "{mode:?} {kept:?}");
        }
        let mut facts = LockFacts::default();
        facts.count((until, Compliance), None);
        facts.count((until, Compliance), Some((until, Some(Compliance))));
        assert_eq!((facts.read, facts.with(LockFlaw::Short), facts.with(LockFlaw::Long)), (2, 1, 0));
    }

    #[test]
    fn evidence_is_locked_from_the_day_on_which_it_was_written() {
        let until = Instant::from_micros(1_800_000_000_000_000);
        let later = |minutes| until.plus_minutes(minutes);
        let range = (until, later(60));
        for (kept, expected) in [
            (None, (1, 0)),
            (Some(later(-1)), (1, 0)),
            (Some(until), (0, 0)),
            (Some(later(60 + 24 * 60)), (0, 0)),
            (Some(later(61 + 24 * 60)), (0, 1)),
        ] {
            let mut facts = LockFacts::default();
            facts.count_between(range, kept);
            assert_eq!((facts.short, facts.long), expected, "{kept:?}");
            let both = facts.and(LockFacts { is_hidden: true, ..facts });
            assert_eq!((both.read, both.short, both.is_hidden), (2, 2 * expected.0, true));
        }
    }

    #[test]
    fn a_lock_that_fell_a_month_behind_is_renewed() {
        let wanted = Instant::from_micros(1_800_000_000_000_000);
        let behind = |days: i64| Some(wanted.plus_minutes(-days * 24 * 60));
        assert!(is_renewal_due(None, wanted) && is_renewal_due(behind(31), wanted));
        assert!(!is_renewal_due(behind(30), wanted) && !is_renewal_due(behind(-5), wanted));
    }

    #[test]
    fn an_alarm_says_what_is_wrong_and_nothing_of_other_codes() {
        let at = Instant::from_micros(0);
        assert!(lock_alarm("records", &["cohort-damaged".to_owned()], at).is_none());
        let alarm = lock_alarm("records", &["lock-long".to_owned()], at).unwrap();
        assert!(
            alarm.english.contains("longer") && alarm.japanese.contains("長く") && alarm.subject == "records"
        );
    }
}
