//! Which changes are too young to trust a time stamp: another may follow under the same one.

use super::entry::FileTime;
use crate::domain::time::Instant;

/// From when on a change may be followed by another one under the same time stamp.
#[derive(Clone, Copy, Debug)]
pub struct RacyFrom {
    /// Where time stamps have fractions of a second: a few ticks of the system's clock before the run.
    pub fine: FileTime,
    /// Where they have whole seconds only, or every second one.
    pub coarse: FileTime,
}

impl RacyFrom {
    /// For a run that begins at `now`.
    pub fn run(now: Instant) -> Self {
        const FINE_MICROS: i64 = 100_000;
        let fine = now.as_micros() - FINE_MICROS;
        let nanos = u32::try_from(fine.rem_euclid(1_000_000)).unwrap_or(0) * 1000;
        let coarse = FileTime { seconds: now.as_seconds() - 2, nanos: 0 };
        Self { fine: FileTime { seconds: fine.div_euclid(1_000_000), nanos }, coarse }
    }

    /// Whether a file that changed then is looked at again in the next run.
    pub fn covers(&self, changed: FileTime) -> bool {
        changed >= if changed.nanos == 0 { self.coarse } else { self.fine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_just_before_the_run_is_looked_at_again() {
        let racy = RacyFrom::run(Instant::from_micros(1_000_000_050_000));
        let at = |seconds, nanos| FileTime { seconds, nanos };
        // Fractions of a second: a tenth of a second before the run is near enough.
        assert!(racy.covers(at(1_000_000, 1)));
        assert!(racy.covers(at(999_999, 950_000_000)));
        assert!(!racy.covers(at(999_999, 949_999_999)));
        // Whole seconds only: two of them.
        assert!(racy.covers(at(999_998, 0)));
        assert!(!racy.covers(at(999_997, 0)));
    }
}
