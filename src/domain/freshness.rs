//! Whether the newest complete snapshot of a plan is young enough for the windows that were approved for it.

use crate::domain::time::Instant;
use crate::domain::window::WindowKind;

/// How old it may be where a snapshot is taken each day, hours: a day, and some for the run itself.
pub const DAILY_HOURS: i64 = 30;
/// How old it may be where one is taken each month, hours: the longest month, and two days.
pub const MONTHLY_HOURS: i64 = 33 * 24;

/// How far a snapshot may lie ahead of the clock, minutes: clocks that are set by the network differ by far less.
const AHEAD_MINUTES: i64 = 5;

/// Whether an instant that was recorded lies in the future: this machine's clock went back since, or was ahead then.
pub fn is_in_future(at: Instant, now: Instant) -> bool {
    now.plus_minutes(AHEAD_MINUTES) < at
}

/// How a plan stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Freshness {
    /// A complete snapshot is young enough.
    Fresh,
    /// No window says how often: nothing can be promised.
    NoWindow,
    /// There is a complete snapshot, and it is too old.
    Stale,
    /// There is none.
    Missing,
}

/// Judges a plan by its newest complete snapshot and the kinds of its approved windows.
pub fn judge(complete: Option<Instant>, approved: &[WindowKind], now: Instant) -> Freshness {
    let Some(taken_at) = complete else { return Freshness::Missing };
    if is_in_future(taken_at, now) {
        // Nothing is known about its age.
        return Freshness::Stale;
    }
    let hours = if approved.contains(&WindowKind::Daily) {
        DAILY_HOURS
    } else if approved.contains(&WindowKind::Monthly) {
        MONTHLY_HOURS
    } else {
        return Freshness::NoWindow;
    };
    if now <= taken_at.plus_minutes(hours.saturating_mul(60)) { Freshness::Fresh } else { Freshness::Stale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use WindowKind::{Daily, Maintenance, Monthly};

    #[test]
    fn how_old_a_snapshot_may_be_follows_from_its_windows() {
        let taken = Instant::from_micros(0);
        let judged = |complete: Option<Instant>, kinds: &[WindowKind], hours: i64, minutes: i64| {
            judge(complete, kinds, taken.plus_minutes(hours * 60 + minutes))
        };
        for (complete, kinds, hours, minutes, expected) in [
            (None, &[Daily][..], 0, 0, Freshness::Missing),
            (Some(taken), &[Daily], 30, 0, Freshness::Fresh),
            (Some(taken), &[Daily], 30, 1, Freshness::Stale),
            (Some(taken), &[Monthly, Daily], 31, 0, Freshness::Stale),
            (Some(taken), &[Monthly], 31 * 24, 0, Freshness::Fresh),
            (Some(taken), &[Monthly], 34 * 24, 0, Freshness::Stale),
            (Some(taken), &[Daily], 0, -5, Freshness::Fresh),
            (Some(taken), &[Daily], 0, -6, Freshness::Stale),
            (Some(taken), &[Maintenance], 0, 0, Freshness::NoWindow),
            (Some(taken), &[], 0, 0, Freshness::NoWindow),
        ] {
            assert_eq!(judged(complete, kinds, hours, minutes), expected, "{kinds:?} {hours}:{minutes}");
        }
    }
}
