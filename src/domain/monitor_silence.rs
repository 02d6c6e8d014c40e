//! Which services are down on purpose now: windows silence what they stop, while they stop it, and nothing else (K-101).

use std::collections::BTreeSet;

use crate::domain::occurrence::OccurrenceState;
use crate::domain::time::Instant;
use crate::domain::window::WindowKind;

/// The span of a window that names services.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopping {
    /// What the window is for.
    pub kind: WindowKind,
    /// Where its occurrence stands; none for a power inspection, which has none.
    pub state: Option<OccurrenceState>,
    /// From when until when users were told that it lasts.
    pub span: (Instant, Instant),
    /// The services that it stops.
    pub services: Vec<String>,
}

/// A service that is recorded as stopped for an occurrence, with the end that users were told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StillStopped {
    /// The service.
    pub service: String,
    /// Until when.
    pub until: Instant,
}

impl Stopping {
    fn silences(&self, now: Instant) -> bool {
        let is_now = self.span.0 <= now && now < self.span.1;
        let is_meant = match self.state {
            None => self.kind == WindowKind::PowerInspection,
            Some(OccurrenceState::Announced | OccurrenceState::Running) => self.kind.may_stop(),
            // The snapshot is taken, and the work for which the window is goes on until the end that users were told.
            Some(OccurrenceState::Done) => self.kind == WindowKind::Maintenance,
            Some(
                OccurrenceState::Due
                | OccurrenceState::Missed
                | OccurrenceState::Refused
                | OccurrenceState::Cancelled,
            ) => false,
        };
        is_now && is_meant
    }
}

/// The services that are down on purpose.
pub fn silenced(stopping: &[Stopping], still: &[StillStopped], now: Instant) -> BTreeSet<String> {
    let meant = stopping.iter().filter(|one| one.silences(now)).flat_map(|one| one.services.iter().cloned());
    // What does not run again after the end that users were told is a failure, whatever stopped it.
    let kept = still.iter().filter(|one| now < one.until).map(|one| one.service.clone());
    meant.chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(60_i64.saturating_mul(hour))
    }

    fn stopping(kind: WindowKind, state: Option<OccurrenceState>) -> Stopping {
        Stopping { kind, state, span: (hour(1), hour(5)), services: vec!["ポータル".to_owned()] }
    }

    fn is_silent(one: &Stopping, at: i64) -> bool {
        silenced(std::slice::from_ref(one), &[], hour(at)).contains("ポータル")
    }

    #[test]
    fn k_101_a_window_silences_what_it_stops_while_it_lasts() {
        use OccurrenceState::{Announced, Cancelled, Done, Due, Missed, Refused, Running};
        let table = [
            (WindowKind::Monthly, Some(Announced), true),
            (WindowKind::Monthly, Some(Running), true),
            (WindowKind::Monthly, Some(Done), false),
            (WindowKind::Maintenance, Some(Done), true),
            (WindowKind::Monthly, Some(Due), false),
            (WindowKind::Monthly, Some(Missed), false),
            (WindowKind::Monthly, Some(Refused), false),
            (WindowKind::Maintenance, Some(Cancelled), false),
            (WindowKind::Daily, Some(Running), false),
            (WindowKind::PowerInspection, None, true),
            (WindowKind::Monthly, None, false),
        ];
        for (kind, state, silent) in table {
            let one = stopping(kind, state);
            assert_eq!(is_silent(&one, 2), silent, "{kind:?} {state:?}");
            assert!(!is_silent(&one, 0) && !is_silent(&one, 5), "before and after it: {kind:?} {state:?}");
        }
        let one = stopping(WindowKind::Monthly, Some(Running));
        assert!(!silenced(&[one], &[], hour(2)).contains("診療情報の参照"), "only what it stops");
    }

    #[test]
    fn what_does_not_run_again_in_time_is_silent_no_more() {
        let still = StillStopped { service: "ポータル".to_owned(), until: hour(5) };
        let done = stopping(WindowKind::Monthly, Some(OccurrenceState::Done));
        let at = |at| silenced(std::slice::from_ref(&done), std::slice::from_ref(&still), hour(at)).len();
        assert_eq!((at(4), at(5)), (1, 0));
    }
}
