//! The canary: an object that is locked and then deleted on purpose, every day, to see that the store refuses.
//!
//! Stores are known that accept a lock and ignore it, and a bucket's settings can be changed behind Kura's back: whoever
//! has the right to delete could then delete backups before their time.

use crate::domain::time::Instant;

/// What became of the canary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CanaryOutcome {
    /// Its lock was read back as it was asked for, and deleting it was refused.
    Held,
    /// It was there, and its lock was missing or too short.
    NotLocked,
    /// It was deleted before its time.
    Deleted,
}

impl CanaryOutcome {
    /// The word in rows and output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotLocked => "not-locked",
            Self::Deleted => "deleted",
        }
    }

    /// The outcome of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Held, Self::NotLocked, Self::Deleted].into_iter().find(|outcome| outcome.word() == word)
    }

    /// What was seen, decided: whether it was still there after the deletion, and until when it was locked.
    pub fn of(is_there: bool, locked_until: Option<Instant>, asked: Instant) -> Self {
        match (is_there, locked_until) {
            (false, _) => Self::Deleted,
            // A store keeps whole seconds.
            (true, Some(until)) if until.as_seconds() >= asked.as_seconds() => Self::Held,
            (true, _) => Self::NotLocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_counts_only_if_it_is_there_long_enough_and_holds() {
        let asked = Instant::from_micros(90_500_000);
        let at = |seconds: i64| Some(Instant::from_micros(seconds.saturating_mul(1_000_000)));
        assert_eq!(CanaryOutcome::of(true, at(90), asked), CanaryOutcome::Held);
        assert_eq!(CanaryOutcome::of(true, at(91), asked), CanaryOutcome::Held);
        assert_eq!(CanaryOutcome::of(true, at(89), asked), CanaryOutcome::NotLocked);
        assert_eq!(CanaryOutcome::of(true, None, asked), CanaryOutcome::NotLocked);
        assert_eq!(CanaryOutcome::of(false, at(91), asked), CanaryOutcome::Deleted);
        for outcome in [CanaryOutcome::Held, CanaryOutcome::NotLocked, CanaryOutcome::Deleted] {
            assert_eq!(CanaryOutcome::of_word(outcome.word()), Some(outcome));
        }
    }
}
