//! Where all plans stand (保管の状況): one answer and one number, from the newest recorded proof of coverage of each plan.

use crate::domain::time::Instant;

/// A proof older than this says nothing about today, minutes: one comes each day, and one may fail.
const PROOF_MINUTES_MAX: i64 = 48 * 60;

/// The newest proof of a plan, as it is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded<'a> {
    /// When it was made.
    pub checked_at: Instant,
    /// Cohorts inside their time.
    pub alive: u64,
    /// Those whose every object was there.
    pub whole: u64,
    /// The codes of what was not right, each once.
    pub exceptions: &'a [String],
}

impl Recorded<'_> {
    /// How much was not right: each cohort that is not whole, and each further kind of exception.
    pub fn exceptions_count(&self) -> u64 {
        let others = self.exceptions.iter().filter(|code| *code != "cohort-damaged").count();
        self.alive.saturating_sub(self.whole).saturating_add(u64::try_from(others).unwrap_or(u64::MAX))
    }
}

impl Recorded<'_> {
    /// Whether nothing is wrong but that something past its time is still there: by itself no record is in danger.
    fn is_past_due_only(&self) -> bool {
        self.alive == self.whole && self.exceptions.iter().all(|code| code == "past-its-time")
    }
}

/// The answer for all plans, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Everything inside its time was there and whole, and nothing past it.
    Proved,
    /// There is no plan.
    NoPlan,
    /// Everything inside its time was there and whole, and something past it waits to be deleted.
    PastDue,
    /// The proof of a plan is too old to say anything about today.
    Old,
    /// A plan was never proved.
    Unproved,
    /// Something was not right.
    Broken,
}

/// One answer with its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The answer.
    pub standing: Standing,
    /// Cohorts inside their time, of all plans.
    pub alive: u64,
    /// Those whose every object was there.
    pub whole: u64,
    /// How much was not right.
    pub exceptions: u64,
    /// Since when all of it is known: the oldest of the newest proofs. `None` if one is missing.
    pub proved_at: Option<Instant>,
}

impl Summary {
    /// The share that is whole in thousandths, never rounded up to a whole; `None` while there is nothing.
    pub fn permille(&self) -> Option<u64> {
        self.whole.saturating_mul(1000).checked_div(self.alive)
    }
}

/// Sums up the newest proofs of all plans; `None` stands for a plan that was never proved.
pub fn summary(plans: &[Option<Recorded<'_>>], now: Instant) -> Summary {
    let known = || plans.iter().flatten();
    let of = |one: &Recorded<'_>| {
        if one.exceptions_count() > 0 && !one.is_past_due_only() {
            Standing::Broken
        } else if one.checked_at.plus_minutes(PROOF_MINUTES_MAX) <= now {
            Standing::Old
        } else if one.exceptions_count() > 0 {
            Standing::PastDue
        } else {
            Standing::Proved
        }
    };
    let worst = plans.iter().map(|plan| plan.as_ref().map_or(Standing::Unproved, of)).max();
    let is_known = plans.iter().all(Option::is_some);
    Summary {
        standing: worst.unwrap_or(Standing::NoPlan),
        alive: known().map(|one| one.alive).sum(),
        whole: known().map(|one| one.whole).sum(),
        exceptions: known().map(Recorded::exceptions_count).sum(),
        proved_at: known().map(|one| one.checked_at).min().filter(|_| is_known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(minutes)
    }

    #[test]
    fn the_worst_plan_gives_the_answer() {
        let codes = ["cohort-damaged".to_owned(), "newest-partial".to_owned()];
        let good = Recorded { checked_at: at(100), alive: 366, whole: 366, exceptions: &[] };
        let bad = Recorded { whole: 364, exceptions: &codes, ..good };
        let old = Recorded { checked_at: at(0), ..good };
        let now = at(48 * 60);
        let answer = |plans: &[Option<Recorded<'_>>]| {
            let found = summary(plans, now);
            (found.standing, found.permille(), found.exceptions, found.proved_at.map(Instant::as_seconds))
        };
        assert_eq!(answer(&[]), (Standing::NoPlan, None, 0, None));
        assert_eq!(answer(&[Some(good)]), (Standing::Proved, Some(1000), 0, Some(6000)));
        let late = ["past-its-time".to_owned()];
        let late = Recorded { exceptions: &late, ..good };
        assert_eq!(answer(&[Some(good), Some(late)]).0, Standing::PastDue);
        assert_eq!(answer(&[Some(Recorded { whole: 365, ..late })]).0, Standing::Broken);
        assert_eq!(answer(&[Some(late), Some(bad)]).0, Standing::Broken);
        assert_eq!(answer(&[Some(good), Some(old)]), (Standing::Old, Some(1000), 0, Some(0)));
        assert_eq!(answer(&[Some(old), None]), (Standing::Unproved, Some(1000), 0, None));
        assert_eq!(
            answer(&[Some(good), Some(bad), None]),
            (Standing::Broken, Some(997), 3, None),
            "two damaged days and one more exception; never rounded up"
        );
    }
}
