//! Holds (保全): what must not be deleted although its time is over, by plan and range of days.
//!
//! A hold covers every cohort of its plan whose clock day lies in its range, whatever is added to it later. It lasts until
//! its last day is over or until somebody else releases it; without a last day, until it is released.

use crate::domain::cohort::CohortId;
use crate::domain::plan_name::PlanName;
use crate::domain::time::{Day, Instant, Zone};

/// The longest reason, characters.
pub const REASON_CHARACTERS_MAX: usize = 200;

/// A hold of one plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Its number in the plan, from 1.
    pub number: u64,
    /// The plan.
    pub plan: PlanName,
    /// The first and the last clock day that it covers.
    pub days: (Day, Day),
    /// The last day on which it holds; none until it is released.
    pub until: Option<Day>,
    /// Whether it was released.
    pub is_released: bool,
}

impl Hold {
    fn is_in_force(&self, zone: &Zone, now: Instant) -> bool {
        !self.is_released && self.until.is_none_or(|until| now < zone.start_of(until.next()))
    }

    /// Whether it keeps a cohort of its plan from being deleted at an instant.
    pub fn keeps(&self, cohort: &CohortId, zone: &Zone, now: Instant) -> bool {
        let day = cohort.clock_day();
        self.days.0 <= day && day <= self.days.1 && self.is_in_force(zone, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_hold_covers_its_days_until_its_last_day_is_over_or_it_is_released() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let noon = |text: &str| zone.at(day(text), "12:00".parse().unwrap());
        let mut hold = Hold {
            number: 1,
            plan: "records".parse().unwrap(),
            days: (day("2026-11-01"), day("2026-11-30")),
            until: Some(day("2028-03-31")),
            is_released: false,
        };
        let inside = CohortId::Sent(day("2026-11-30"));
        for (cohort, at, expected) in [
            (inside, "2027-12-01", true),
            (CohortId::Sent(day("2026-11-01")), "2027-12-01", true),
            (CohortId::Sent(day("2026-10-31")), "2027-12-01", false),
            (CohortId::Sent(day("2026-12-01")), "2027-12-01", false),
            ("gen-2026-11".parse().unwrap(), "2027-12-01", true),
            (inside, "2028-03-31", true),
            (inside, "2028-04-01", false),
        ] {
            assert_eq!(hold.keeps(&cohort, &zone, noon(at)), expected, "{cohort} {at}");
        }
        hold.until = None;
        assert!(hold.keeps(&inside, &zone, noon("2090-01-01")));
        hold.is_released = true;
        assert!(!hold.keeps(&inside, &zone, noon("2027-12-01")));
    }
}
