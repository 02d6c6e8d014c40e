//! Occurrences (実施回): the dated starts of approved windows, and what must become of windows and occurrences by now.
//!
//! `plan` is pure: facts and a time in, steps out; taking the steps and planning again gives none (like K-5). An
//! occurrence exists only if it can still be announced in time, so that nothing is promised that the gate would refuse.

use std::collections::BTreeSet;

use crate::domain::notice::LeadDays;
use crate::domain::recurrence::Recurrence;
use crate::domain::time::{Day, Instant};
use crate::domain::window::{Window, WindowKind, WindowState};

/// How far ahead occurrences are made, days. More than the longest lead, so that each is announced in time.
pub const HORIZON_DAYS: i64 = 60;

/// Where an occurrence stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OccurrenceState {
    /// Made, and no notice names it.
    Due,
    /// A notice names it.
    Announced,
    /// Its run has begun.
    Running,
    /// Its run made a snapshot.
    Done,
    /// Its time passed without one.
    Missed,
    /// The gate refused it until its time had passed.
    Refused,
    /// Its window was withdrawn, or lapsed.
    Cancelled,
}

impl OccurrenceState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Due, Self::Announced, Self::Running, Self::Done, Self::Missed, Self::Refused, Self::Cancelled];

    /// The word in rows and listings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Announced => "announced",
            Self::Running => "running",
            Self::Done => "done",
            Self::Missed => "missed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it is still to come or going on.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::Announced | Self::Running)
    }
}

/// One dated start of a window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occurrence {
    /// Its id: the window's and the day, `w-0001-2026-12-06`.
    pub id: String,
    /// Its window.
    pub window: String,
    /// Its day in the window's zone.
    pub day: Day,
    /// When it starts and ends.
    pub span: (Instant, Instant),
    /// Where it stands.
    pub state: OccurrenceState,
    /// When the notice that names it was published.
    pub announced_at: Option<Instant>,
    /// Who let it run although the gate refused, and why.
    pub break_glass: Option<(String, String)>,
}

impl Occurrence {
    /// Whether a power inspection will keep it from running, as things are: it is open, overlaps one, and nobody let it
    /// through.
    pub fn is_inspected(&self, inspections: &[(Instant, Instant)]) -> bool {
        self.state.is_open() && self.break_glass.is_none() && overlaps(self.span, inspections)
    }

    /// Whether it was let through behind the glass and is over, so that there is something to report.
    pub const fn has_report(&self) -> bool {
        let is_over = !self.state.is_open() && !matches!(self.state, OccurrenceState::Cancelled);
        self.break_glass.is_some() && is_over
    }
}

/// A window with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct WindowFacts<'a> {
    /// The window.
    pub window: &'a Window,
    /// What would run now; `None` if its plan cannot be read.
    pub digest_now: Option<[u8; 32]>,
    /// Its occurrences, at least those that are open or lie ahead.
    pub occurrences: &'a [Occurrence],
    /// The ids of occurrences whose run is alive.
    pub living: &'a [String],
}

/// What must happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// The window's approval no longer covers what would run.
    Lapse {
        /// The window.
        window: String,
    },
    /// The window's last day is over.
    End {
        /// The window.
        window: String,
    },
    /// An occurrence is made, and announced by a notice of its own or by the one of its window.
    Make {
        /// The occurrence, announced.
        occurrence: Occurrence,
        /// Whether it gets a notice of its own.
        own_notice: bool,
    },
    /// An occurrence's time has passed.
    Miss {
        /// The occurrence.
        occurrence: String,
        /// Whether it was never allowed to start.
        refused: bool,
    },
}

/// The first instant at which an occurrence of an approved window may start: its notice comes with the approval, and
/// must have stood for the lead.
pub fn first_start(window: &Window, lead: LeadDays) -> Option<Instant> {
    let approval = window.approval()?;
    Some(approval.at.plus_minutes(i64::from(lead.of(&window.terms)).saturating_mul(24 * 60)))
}

/// The first instant at which an occurrence that is not made yet may start: after the lead of its notice, which comes
/// with the approval, or for what stops services when the occurrence is made.
pub fn first_expected(window: &Window, lead: LeadDays, now: Instant) -> Option<Instant> {
    let first = first_start(window, lead)?;
    let lead = i64::from(lead.of(&window.terms)).saturating_mul(24 * 60);
    Some(if has_own_notices(window) { first.max(now.plus_minutes(lead)) } else { first })
}

/// Whether each occurrence of a window has a notice of its own: those that stop services. An inspection has no occurrence
/// to run, and so is told of by the notice of its window.
pub const fn has_own_notices(window: &Window) -> bool {
    window.terms.stops_services() && window.terms.parts().kind.takes_snapshots()
}

/// Whether the last day of a window is over, or its only occurrence.
fn is_over(now: Instant, window: &Window) -> bool {
    let parts = window.terms.parts();
    // An occurrence of yesterday may still go on.
    let by_day = parts.last_day.is_some_and(|last| last.next() < parts.zone.day_of(now));
    by_day || matches!(parts.recurrence, Recurrence::Once(day, _) if window.terms.span_on(day).1 <= now)
}

/// What must become of windows and occurrences by now.
///
/// Shape: windows in the given order; for each its lapse or end, then what passed, then what is made, by day.
/// Invariants: K-5, K-24 (no occurrence of a window that is not approved as it is now, none announced too late).
pub fn plan(now: Instant, windows: &[WindowFacts<'_>], lead: LeadDays) -> Vec<Step> {
    let mut steps = Vec::new();
    for facts in windows {
        let window = facts.window;
        let WindowState::Approved(approval) = &window.state else {
            steps.extend(passed(now, facts));
            continue;
        };
        if facts.digest_now.is_some_and(|digest| digest != approval.digest) {
            steps.push(Step::Lapse { window: window.id.clone() });
            continue;
        }
        let missed = passed(now, facts);
        // A run that is late is waited for.
        let is_busy = facts.occurrences.iter().filter(|found| found.state.is_open()).count() > missed.len();
        steps.extend(missed);
        let today = window.terms.parts().zone.day_of(now);
        if is_over(now, window) && !is_busy {
            steps.push(Step::End { window: window.id.clone() });
            continue;
        }
        steps.extend(made(now, facts, lead, today));
    }
    steps
}

/// Open occurrences whose time is over.
fn passed(now: Instant, facts: &WindowFacts<'_>) -> Vec<Step> {
    let over = facts.occurrences.iter().filter(|occurrence| {
        // A run that lives is given a day to end: a slow one is late, not lost.
        let is_living = occurrence.state == OccurrenceState::Running && facts.living.contains(&occurrence.id);
        let grace = if is_living { 24 * 60 } else { 0 };
        occurrence.state.is_open() && occurrence.span.1.plus_minutes(grace) <= now
    });
    let miss = |occurrence: &Occurrence| Step::Miss {
        occurrence: occurrence.id.clone(),
        refused: occurrence.state == OccurrenceState::Due,
    };
    over.map(miss).collect()
}

fn made(now: Instant, facts: &WindowFacts<'_>, lead: LeadDays, today: Day) -> Vec<Step> {
    let window = facts.window;
    let Some(first) = first_start(window, lead) else { return Vec::new() };
    if window.terms.parts().kind == WindowKind::PowerInspection {
        return Vec::new();
    }
    let known: BTreeSet<Day> = facts.occurrences.iter().map(|occurrence| occurrence.day).collect();
    let own_notice = has_own_notices(window);
    let announced_at = if own_notice { Some(now) } else { window.approval().map(|approval| approval.at) };
    let in_time = |start: Instant| {
        let lead = i64::from(lead.of(&window.terms)).saturating_mul(24 * 60);
        start >= first && announced_at.is_some_and(|at| at.plus_minutes(lead) <= start)
    };
    let horizon = window.terms.parts().zone.day_of(now.plus_minutes(HORIZON_DAYS.saturating_mul(24 * 60)));
    let days = window.terms.days(today, horizon).filter(|day| !known.contains(day));
    let make = |day: Day| {
        let span = window.terms.span_on(day);
        // What is over when it is first thought of was missed while nothing ran; it is not made afterwards.
        let is_wanted = in_time(span.0) && now < span.1;
        is_wanted.then(|| Step::Make {
            occurrence: Occurrence {
                id: format!("{}-{day}", window.id),
                window: window.id.clone(),
                day,
                span,
                state: OccurrenceState::Announced,
                announced_at,
                break_glass: None,
            },
            own_notice,
        })
    };
    days.filter_map(make).collect()
}

/// Whether a span overlaps one of others.
pub fn overlaps(span: (Instant, Instant), others: &[(Instant, Instant)]) -> bool {
    others.iter().any(|(from, until)| *from < span.1 && span.0 < *until)
}

/// Where the occurrences of approved power inspections lie (第10条), of those that are over too: what overlaps one is not
/// let through by its end.
pub fn inspections<'a>(windows: impl Iterator<Item = &'a Window>) -> Vec<(Instant, Instant)> {
    let is_inspection = |window: &&Window| {
        let was_approved = matches!(window.state, WindowState::Approved(_) | WindowState::Ended { .. });
        window.terms.parts().kind == WindowKind::PowerInspection && was_approved
    };
    let span = |window: &Window| {
        let Recurrence::Once(day, _) = window.terms.parts().recurrence else {
            return None;
        };
        Some(window.terms.span_on(day))
    };
    windows.filter(is_inspection).filter_map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::{self, Facts};
    use crate::domain::window::{Approval, Terms};
    use crate::domain::window_terms::tests::parts;

    const DAY: i64 = 24 * 60;

    fn window(id: &str, kind: WindowKind, recurrence: &str, stops: bool, approved_at: Instant) -> Window {
        let mut parts = parts(kind, recurrence);
        if stops {
            parts.stops = vec!["portal".to_owned()];
        }
        let digest = [1; 32];
        let by = "ishikai001".parse().unwrap();
        Window {
            id: id.to_owned(),
            terms: Terms::new(parts).unwrap(),
            requested_by: "admin00001".parse().unwrap(),
            requested_at: approved_at,
            state: WindowState::Approved(Approval { number: id.to_owned(), by, at: approved_at, digest }),
        }
    }

    fn noon() -> Instant {
        let zone = crate::domain::time::Zone::named("Asia/Tokyo").unwrap();
        zone.at("2026-11-22".parse().unwrap(), "12:00".parse().unwrap())
    }

    fn days(steps: &[Step]) -> Vec<String> {
        let day = |step: &Step| match step {
            Step::Make { occurrence, .. } => Some(occurrence.day.to_string()),
            Step::Lapse { .. } | Step::End { .. } | Step::Miss { .. } => None,
        };
        steps.iter().filter_map(day).collect()
    }

    #[test]
    fn the_first_occurrence_waits_for_its_notice() {
        let lead = LeadDays::default();
        let daily = window("w-0001", WindowKind::Daily, "daily 02:00", false, noon());
        let facts = WindowFacts { window: &daily, digest_now: Some([1; 32]), occurrences: &[], living: &[] };
        let steps = plan(noon(), &[facts], lead);
        assert_eq!(days(&steps).first().map(String::as_str), Some("2026-11-30"), "7 days after noon");
        let monthly = window("w-0002", WindowKind::Monthly, "monthly first sunday 01:00", true, noon());
        let facts = WindowFacts { window: &monthly, ..facts };
        assert_eq!(days(&plan(noon(), &[facts], lead)), ["2027-01-03"], "6 December is 13 days ahead");
    }

    #[test]
    fn a_changed_plan_lapses_and_an_unreadable_one_waits() {
        let daily = window("w-0001", WindowKind::Daily, "daily 02:00", false, noon());
        let facts = |digest_now| WindowFacts { window: &daily, digest_now, occurrences: &[], living: &[] };
        let lapse = [Step::Lapse { window: "w-0001".to_owned() }];
        assert_eq!(plan(noon(), &[facts(Some([2; 32]))], LeadDays::default()), lapse);
        assert!(!plan(noon(), &[facts(None)], LeadDays::default()).contains(&lapse[0]));
    }

    #[test]
    fn a_single_day_ends_when_it_is_over_and_its_run_too() {
        let lead = LeadDays::default();
        let end = [Step::End { window: "w-0001".to_owned() }];
        let inspection =
            window("w-0001", WindowKind::PowerInspection, "once 2027-02-11 00:00", false, noon());
        let (_, over) = inspection.terms.span_on("2027-02-11".parse().unwrap());
        let facts = |window| WindowFacts { window, digest_now: Some([1; 32]), occurrences: &[], living: &[] };
        assert!(plan(over.plus_minutes(-1), &[facts(&inspection)], lead).is_empty());
        assert_eq!(plan(over, &[facts(&inspection)], lead), end);

        let work = window("w-0001", WindowKind::Maintenance, "once 2027-02-11 00:00", false, noon());
        let Some(Step::Make { mut occurrence, .. }) =
            plan(over.plus_minutes(-30 * DAY), &[facts(&work)], lead).pop()
        else {
            panic!("none was made")
        };
        occurrence.state = OccurrenceState::Running;
        let (own, living) = ([occurrence.clone()], [occurrence.id.clone()]);
        let late = WindowFacts { occurrences: &own, living: &living, ..facts(&work) };
        assert!(plan(over, &[late], lead).is_empty(), "a slow run is waited for");
        let dead = WindowFacts { living: &[], ..late };
        let miss = Step::Miss { occurrence: occurrence.id, refused: false };
        assert_eq!(plan(over, &[dead], lead), [miss, end[0].clone()]);
    }

    /// What a simulated installation holds.
    struct World {
        windows: Vec<Window>,
        occurrences: Vec<Occurrence>,
    }

    impl World {
        fn take(&mut self, now: Instant, digest: [u8; 32], lead: LeadDays) -> usize {
            let own: Vec<Vec<Occurrence>> = self
                .windows
                .iter()
                .map(|w| self.occurrences.iter().filter(|o| o.window == w.id).cloned().collect())
                .collect();
            let facts: Vec<WindowFacts<'_>> = self
                .windows
                .iter()
                .zip(&own)
                .map(|(window, own)| WindowFacts {
                    window,
                    digest_now: Some(digest),
                    occurrences: own,
                    living: &[],
                })
                .collect();
            let steps = plan(now, &facts, lead);
            for step in &steps {
                match step {
                    Step::Make { occurrence, .. } => self.occurrences.push(occurrence.clone()),
                    Step::Miss { occurrence, .. } => {
                        let found = self.occurrences.iter_mut().find(|o| o.id == *occurrence).unwrap();
                        found.state = OccurrenceState::Missed;
                    }
                    Step::Lapse { window } => {
                        let lapsed = self.windows.iter_mut().find(|w| w.id == *window).unwrap();
                        lapsed.state = WindowState::Lapsed { at: now, reason: String::new() };
                    }
                    Step::End { window } => {
                        let ended = self.windows.iter_mut().find(|w| w.id == *window).unwrap();
                        ended.state = WindowState::Ended { at: now };
                    }
                }
            }
            steps.len()
        }
    }

    /// A thousand days, looked at every two hours: each occurrence runs at most once, only while its window is approved
    /// as it is, announced in time, off the inspection; stops are monthly; planning twice changes nothing.
    #[test]
    fn a_thousand_days_break_no_rule() {
        let lead = LeadDays::default();
        let mut world = World {
            windows: vec![
                window("w-0001", WindowKind::Daily, "daily 02:00", false, noon()),
                window("w-0002", WindowKind::Monthly, "monthly first sunday 01:00", true, noon()),
                window("w-0003", WindowKind::PowerInspection, "once 2027-02-11 00:00", false, noon()),
                window("w-0004", WindowKind::Daily, "daily 23:00", false, noon()),
            ],
            occurrences: Vec::new(),
        };
        let mut runs: Vec<(String, Instant)> = Vec::new();
        let mut refused = BTreeSet::new();
        for hours in 0..1000 * 12 {
            let now = noon().plus_minutes(hours * 120);
            // On day 600 the plan changes, and nobody approves again.
            let digest = if hours < 600 * 12 { [1; 32] } else { [2; 32] };
            world.take(now, digest, lead);
            assert_eq!(world.take(now, digest, lead), 0, "planning twice changes nothing");
            let inspections = inspections(world.windows.iter());
            for occurrence in &mut world.occurrences {
                let window = world.windows.iter().find(|w| w.id == occurrence.window).unwrap();
                let is_time = occurrence.span.0 <= now && now < occurrence.span.1;
                if !(is_time && occurrence.state == OccurrenceState::Announced) {
                    continue;
                }
                let facts = Facts {
                    window,
                    digest_now: digest,
                    span: occurrence.span,
                    announced_at: occurrence.announced_at,
                    lead_days: lead.of(&window.terms),
                    inspections: &inspections,
                    proven_at: Some(occurrence.span.0),
                    break_glass: None,
                };
                let found = gate::refusals(&facts, now);
                if found.is_empty() {
                    occurrence.state = OccurrenceState::Done;
                    runs.push((occurrence.id.clone(), now));
                } else {
                    refused.extend(found.iter().map(gate::Refusal::code));
                }
            }
        }
        let ids: BTreeSet<&String> = runs.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), runs.len(), "each at most once");
        let last = noon().plus_minutes(600 * DAY);
        assert!(runs.iter().all(|(_, at)| *at < last && *at >= noon().plus_minutes(7 * DAY)));
        let stops = runs.iter().filter(|(id, _)| id.starts_with("w-0002"));
        assert_eq!(stops.count(), 19, "first Sundays from 2027-01 to 2028-07");
        assert!(!runs.iter().any(|(id, _)| id.ends_with("2027-02-11") && id.starts_with("w-0001")));
        assert_eq!(refused.into_iter().collect::<Vec<_>>(), ["approval-lapsed", "power-inspection"]);
        assert!(runs.len() > 1100, "{}", runs.len());
    }
}
