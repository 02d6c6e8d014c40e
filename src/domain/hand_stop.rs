//! Services that a person stops and starts (手作業): asked for in the window, counted only once somebody confirmed it.
//!
//! Nothing else is stopped, and no run begins, before everything that a person stops is confirmed: if that does not come in
//! time, nothing was stopped in vain but what the person stopped himself, and he is asked to start it.

use crate::domain::account::AccountId;
use crate::domain::time::Instant;

/// How long a confirmation is waited for, minutes.
pub const CONFIRM_MINUTES: i64 = 30;

/// A service that a person stops for an occurrence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandStop {
    /// The occurrence.
    pub occurrence: String,
    /// The name that users know.
    pub service: String,
    /// Since when it is asked for.
    pub asked_at: Instant,
    /// When and by whom it was confirmed that it has stopped.
    pub stopped: Option<(Instant, AccountId)>,
    /// Since when it is not needed stopped any more.
    pub over_at: Option<Instant>,
    /// When and by whom it was confirmed that it runs again.
    pub running: Option<(Instant, AccountId)>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Somebody is asked to stop it.
    ToStop,
    /// It has stopped; the run needs it so.
    Stopped,
    /// Somebody is asked to start it, or to see that it runs.
    ToStart,
    /// It runs again.
    Runs,
}

/// What a person confirms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirmed {
    /// The service has stopped.
    Stopped,
    /// The service runs.
    Running,
}

impl Confirmed {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stopped, Self::Running];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Running => "running",
        }
    }

    /// What is confirmed by a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|confirmed| confirmed.word() == word)
    }
}

/// Why a confirmation does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotConfirmed {
    /// Nobody is asked for that now.
    #[error("nobody is asked to confirm this now: look at what is waited for")]
    NotAsked,
    /// The time for it is over.
    #[error("the time to confirm the stop is over and the occurrence is refused: start the service again")]
    TooLate,
}

impl HandStop {
    /// What is waited for.
    pub const fn stage(&self) -> Stage {
        match (&self.running, self.over_at, &self.stopped) {
            (Some(_), _, _) => Stage::Runs,
            (None, Some(_), _) => Stage::ToStart,
            (None, None, Some(_)) => Stage::Stopped,
            (None, None, None) => Stage::ToStop,
        }
    }

    /// Until when its stop may be confirmed, if runs of the window stop at `limit`.
    pub fn confirm_until(&self, limit: Instant) -> Instant {
        self.asked_at.plus_minutes(CONFIRM_MINUTES).min(limit)
    }

    /// Whether a confirmation counts at `now`.
    pub fn check(&self, confirmed: Confirmed, limit: Instant, now: Instant) -> Result<(), NotConfirmed> {
        match (confirmed, self.stage()) {
            (Confirmed::Stopped, Stage::ToStop) if self.confirm_until(limit) <= now => {
                Err(NotConfirmed::TooLate)
            }
            (Confirmed::Stopped, Stage::ToStop) | (Confirmed::Running, Stage::ToStart) => Ok(()),
            (Confirmed::Stopped, Stage::Stopped | Stage::ToStart | Stage::Runs)
            | (Confirmed::Running, Stage::ToStop | Stage::Stopped | Stage::Runs) => {
                Err(NotConfirmed::NotAsked)
            }
        }
    }
}

/// Whether a run may begin, as far as persons stop services for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Everything is confirmed.
    Ready,
    /// These have to be asked for first.
    Ask(Vec<String>),
    /// These are waited for, until then.
    Wait(Vec<String>, Instant),
    /// These were not confirmed in time.
    Late(Vec<String>),
}

/// Decides whether a run may begin whose window stops the services `by_hand` by persons; runs of it stop at `limit`.
pub fn readiness(by_hand: &[&str], rows: &[HandStop], limit: Instant, now: Instant) -> Readiness {
    let row = |name: &str| rows.iter().find(|row| row.service == name);
    let is_in = |name: &&&str, stages: &[Stage]| row(name).is_some_and(|row| stages.contains(&row.stage()));
    let names = |stages: &[Stage]| -> Vec<String> {
        by_hand.iter().filter(|name| is_in(name, stages)).map(|&name| name.to_owned()).collect()
    };
    let all_but = |stages: &[Stage]| -> Vec<String> {
        by_hand.iter().filter(|name| !is_in(name, stages)).map(|&name| name.to_owned()).collect()
    };
    let open = all_but(&[Stage::Stopped]);
    if open.is_empty() {
        return Readiness::Ready;
    }
    if limit <= now {
        return Readiness::Late(open);
    }
    let unasked = all_but(&[Stage::Stopped, Stage::ToStop]);
    if !unasked.is_empty() {
        return Readiness::Ask(unasked);
    }
    let waiting = names(&[Stage::ToStop]);
    let until =
        waiting.iter().filter_map(|name| Some(row(name)?.confirm_until(limit))).min().unwrap_or(limit);
    if until <= now { Readiness::Late(waiting) } else { Readiness::Wait(waiting, until) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(minutes)
    }

    fn noted(minutes: i64) -> (Instant, AccountId) {
        (at(minutes), "operator01".parse().unwrap())
    }

    fn asked(service: &str, minutes: i64) -> HandStop {
        HandStop {
            occurrence: "w-0001-2027-01-03".to_owned(),
            service: service.to_owned(),
            asked_at: at(minutes),
            stopped: None,
            over_at: None,
            running: None,
        }
    }

    #[test]
    fn a_run_begins_once_every_stop_is_confirmed_and_is_refused_when_the_time_is_over() {
        let (names, limit) = (["a", "b"], at(235));
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let find = |rows: &[HandStop], minutes| readiness(&names, rows, limit, at(minutes));
        assert_eq!(readiness(&[], &[], limit, at(500)), Readiness::Ready, "nothing is stopped by hand");
        assert_eq!(find(&[], 0), Readiness::Ask(list(&["a", "b"])));
        assert_eq!(find(&[], 235), Readiness::Late(list(&["a", "b"])), "nobody is asked when it is too late");
        let (a, b) = (asked("a", 0), asked("b", 0));
        assert_eq!(find(&[a.clone(), b.clone()], 29), Readiness::Wait(list(&["a", "b"]), at(30)));
        let a = HandStop { stopped: Some(noted(10)), ..a };
        assert_eq!(find(&[a.clone(), b.clone()], 29), Readiness::Wait(list(&["b"]), at(30)));
        assert_eq!(find(&[a.clone(), b.clone()], 30), Readiness::Late(list(&["b"])));
        let b = HandStop { stopped: Some(noted(29)), ..b };
        assert_eq!(
            find(&[a.clone(), b.clone()], 300),
            Readiness::Ready,
            "the run's own deadline is the run's"
        );
        // A run ended, the service may run again: what was confirmed before it counts no more.
        let over = HandStop { over_at: Some(at(40)), ..b.clone() };
        assert_eq!(find(&[a.clone(), over.clone()], 50), Readiness::Ask(list(&["b"])));
        assert_eq!(
            find(&[a, HandStop { running: Some(noted(45)), ..over }], 50),
            Readiness::Ask(list(&["b"]))
        );
        let late = asked("a", 220);
        assert_eq!(late.confirm_until(limit), limit, "never after the window's deadline");
    }

    #[test]
    fn only_what_is_asked_for_can_be_confirmed_and_only_in_time() {
        use Confirmed::{Running, Stopped};
        let asked = asked("a", 0);
        let stopped = HandStop { stopped: Some(noted(10)), ..asked.clone() };
        let over = HandStop { over_at: Some(at(60)), ..stopped.clone() };
        let never = HandStop { stopped: None, ..over.clone() };
        let runs = HandStop { running: Some(noted(70)), ..over.clone() };
        let check = |row: &HandStop, what, minutes| row.check(what, at(235), at(minutes));
        assert_eq!(check(&asked, Stopped, 29), Ok(()));
        assert_eq!(check(&asked, Stopped, 30), Err(NotConfirmed::TooLate));
        assert_eq!(check(&asked, Running, 5), Err(NotConfirmed::NotAsked));
        assert_eq!(check(&stopped, Stopped, 20), Err(NotConfirmed::NotAsked));
        assert_eq!(check(&stopped, Running, 20), Err(NotConfirmed::NotAsked), "the run needs it stopped");
        assert_eq!(check(&over, Running, 9999), Ok(()), "starting is never too late");
        assert_eq!(check(&never, Running, 61), Ok(()), "somebody sees that it runs");
        assert_eq!(check(&over, Stopped, 61), Err(NotConfirmed::NotAsked));
        assert_eq!(check(&runs, Running, 71), Err(NotConfirmed::NotAsked));
    }
}
