//! How far an extract or its plan is, for those who look from another program: numbers, in the file of its lock. They are
//! gone with the lock, however the work ends.

use serde::{Deserialize, Serialize};

use crate::config::Home;
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;

use super::ExtractError;
use super::making::Told;
use super::shelf::{self, ExtractLock};

/// What is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A plan.
    Plan,
    /// An extract.
    Run,
}

impl Work {
    /// The name of its lock.
    pub(super) fn lock(self, permit: &str) -> String {
        match self {
            Self::Plan => format!("{permit}-plan"),
            Self::Run => permit.to_owned(),
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// When it was begun, microseconds.
    begun_at: i64,
    /// The search, as soon as its size is known.
    search: Option<SearchCourse>,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchCourse {
    /// How many choices of levels there are.
    pub nodes: u64,
    /// Whether all of them are decided in the end; otherwise the search is broken off.
    pub is_exact: bool,
    /// How many were looked at.
    pub looks: u64,
    /// About how many are still open.
    open: u64,
}

impl SearchCourse {
    /// How many of how many are done: of an exact search the choices that are decided, looked at or ruled out; of one
    /// that is broken off those that were looked at, of those that it may look at.
    pub const fn done(&self) -> (u64, u64) {
        if self.is_exact {
            (self.nodes.saturating_sub(self.open), self.nodes)
        } else {
            (self.looks, self.looks.saturating_add(self.open))
        }
    }
}

impl Course {
    /// When it was begun.
    pub const fn begun_at(&self) -> Instant {
        Instant::from_micros(self.begun_at)
    }

    /// How far the search is; none as long as its size is not known.
    pub const fn search(&self) -> Option<SearchCourse> {
        self.search
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Estimated(estimate) => {
                let nodes = u64::try_from(estimate.nodes).unwrap_or(u64::MAX);
                let open = if estimate.is_exact { nodes } else { 0 };
                self.search = Some(SearchCourse { nodes, is_exact: estimate.is_exact, looks: 0, open });
            }
            Told::Searched(progress) => {
                if let Some(search) = &mut self.search {
                    (search.looks, search.open) = (progress.looks, progress.open);
                }
            }
        }
    }
}

/// Whoever works notes here how far it is.
pub(super) struct Noting<'l> {
    lock: &'l ExtractLock,
    course: Course,
}

impl<'l> Noting<'l> {
    /// Notes that it begins.
    pub(super) fn begin(lock: &'l ExtractLock, now: Instant) -> Self {
        let noting = Self { lock, course: Course { begun_at: now.as_micros(), search: None } };
        noting.note();
        noting
    }

    /// Notes how far it is.
    pub(super) fn hear(&mut self, told: Told) {
        self.course.hear(told);
        self.note();
    }

    fn note(&self) {
        if let Ok(line) = serde_json::to_string(&self.course) {
            self.lock.note(&line);
        }
    }
}

/// How far somebody is who makes this now; nothing if nobody does.
pub fn course(home: &Home, permit: &str, work: Work, by: &Actor) -> Result<Option<Course>, ExtractError> {
    by.check(Act::ReadPermits)?;
    let line = shelf::noted(home, &work.lock(permit));
    Ok(line.and_then(|line| serde_json::from_str(line.trim_end()).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonymize::search::{Estimate, Progress};

    #[test]
    fn a_course_says_what_is_done_of_what() {
        let mut course = Course { begun_at: 7, search: None };
        course.hear(Told::Searched(Progress { looks: 1, open: 1 }));
        assert_eq!(course.search(), None, "of what is not known");
        course.hear(Told::Estimated(Estimate { nodes: 100, is_exact: true }));
        assert_eq!(course.search().map(|search| search.done()), Some((0, 100)));
        course.hear(Told::Searched(Progress { looks: 3, open: 40 }));
        assert_eq!(course.search().map(|search| search.done()), Some((60, 100)));
        course.hear(Told::Estimated(Estimate { nodes: u128::MAX, is_exact: false }));
        course.hear(Told::Searched(Progress { looks: 3, open: 40 }));
        assert_eq!(course.search().map(|search| search.done()), Some((3, 43)));
        let line = serde_json::to_string(&course).expect("is written");
        assert!(line.len() <= 200, "it fits into a note: {line}");
        assert_eq!(serde_json::from_str::<Course>(&line).expect("is read"), course);
    }
}
