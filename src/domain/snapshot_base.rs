//! When a snapshot lists every cohort, and when only what differs from a base: the bytes of all snapshots decide.
//!
//! A whole list costs as much as there are cohorts, and a list of differences as much as has changed since its base. The
//! longer a base is used, the fewer whole lists there are and the longer are the others. A base is given up as soon as
//! the next list would be longer than those so far on average, the base among them: as long as lists only grow, no other
//! moment costs less.

/// No more snapshots than this build on one base, so that a base that is lost takes few along.
pub const DEPENDENTS_MAX: u64 = 64;

/// What a base and the snapshots that build on it take, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BaseCost {
    /// The base.
    pub base_bytes: u64,
    /// How many snapshots build on it.
    pub dependents: u64,
    /// All of these together.
    pub dependent_bytes: u64,
}

impl BaseCost {
    /// Whether the next snapshot lists every cohort, instead of `next_bytes` of differences.
    pub const fn is_whole_due(&self, next_bytes: u64) -> bool {
        let so_far = self.base_bytes.saturating_add(self.dependent_bytes);
        let as_many = next_bytes.saturating_mul(self.dependents.saturating_add(1));
        self.dependents >= DEPENDENTS_MAX || as_many > so_far
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may stop where a sum overflows")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many snapshots share a base that takes `base` bytes if the k-th after it takes `next(k)`, and what they take.
    fn lived(base: u64, next: impl Fn(u64) -> u64) -> (u64, u64) {
        let mut cost = BaseCost { base_bytes: base, dependents: 0, dependent_bytes: 0 };
        while !cost.is_whole_due(next(cost.dependents + 1)) {
            cost.dependent_bytes += next(cost.dependents + 1);
            cost.dependents += 1;
        }
        (cost.dependents + 1, cost.base_bytes + cost.dependent_bytes)
    }

    #[test]
    fn a_year_of_days_begins_anew_each_month_and_a_few_days_at_once() {
        // A kilobyte for each cohort; ten change each day beside the new one.
        assert_eq!(lived(366_000, |k| 1000 * (k + 10)), (27, 366_000 + 351_000 + 260_000));
        assert_eq!(lived(2000, |_| 2100).0, 1, "differences that are longer than the whole");
        assert_eq!(lived(1_000_000_000, |_| 1).0, DEPENDENTS_MAX + 1);
        assert_eq!(lived(0, |_| 0).0, DEPENDENTS_MAX + 1);
    }

    proptest! {
        /// Whatever lists cost, as long as they only grow: no fixed number of snapshots on a base takes less on average.
        #[test]
        fn no_other_moment_costs_less(
            base in 1..5_000_000_u64,
            steps in proptest::collection::vec(0..50_000_u64, 70),
        ) {
            let grown: Vec<u64> = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let next = |k: u64| grown[usize::try_from(k).unwrap().min(69)];
            let (count, bytes) = lived(base, next);
            for other in 1..=DEPENDENTS_MAX + 1 {
                let others: u64 = base + (1..other).map(next).sum::<u64>();
                prop_assert!(bytes * other <= others * count, "{count} beside {other}");
            }
        }

        #[test]
        fn nothing_overflows(base in any::<u64>(), dependents in any::<u64>(), sum in any::<u64>(), next in any::<u64>()) {
            let cost = BaseCost { base_bytes: base, dependents, dependent_bytes: sum };
            prop_assert!(dependents < DEPENDENTS_MAX || cost.is_whole_due(next));
        }
    }
}
