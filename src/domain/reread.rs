//! Reading everything again, a part a day: which part is next, and since when nothing has been left unread.

use crate::domain::time::Instant;

/// So many days, where the settings say nothing: one part of as many is read each day.
pub const DAYS_DEFAULT: u32 = 30;

/// At most this many: packs are told apart by the first byte of their names.
pub const DAYS_MAX: u32 = 256;

/// The part to read next, from 1: one that was never read, or else the one that was read longest ago. A day on which
/// nothing was read leaves no part out.
pub fn next(read: &[(u32, Instant)], parts: u32) -> u32 {
    let last = |part: u32| read.iter().filter(|(read, _)| *read == part).map(|(_, at)| *at).max();
    (1..=parts).min_by_key(|part| (last(*part), *part)).unwrap_or(1)
}

/// Every part has been read at this instant or after it; `None` while some part never was.
pub fn since(read: &[(u32, Instant)], parts: u32) -> Option<Instant> {
    let last = |part: u32| read.iter().filter(|(read, _)| *read == part).map(|(_, at)| *at).max();
    (1..=parts).map(last).collect::<Option<Vec<_>>>()?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(day: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(day.saturating_mul(1440))
    }

    #[test]
    fn what_was_never_read_comes_first_and_then_the_oldest() {
        assert_eq!((next(&[], 30), since(&[], 30)), (1, None));
        assert_eq!(next(&[(1, at(1))], 30), 2);
        let all = [(1, at(5)), (2, at(3)), (3, at(4))];
        assert_eq!((next(&all, 3), since(&all, 3)), (2, Some(at(3))));
        assert_eq!((next(&all, 4), since(&all, 4)), (4, None));
        assert_eq!((next(&all, 1), since(&all, 1)), (1, Some(at(5))));
    }

    proptest! {
        #[test]
        fn so_many_reads_leave_nothing_unread(parts in 1_u32..60, before in prop::collection::vec((1_u32..60, 0_i64..100), 0..80)) {
            let mut read: Vec<_> = before.into_iter().map(|(part, day)| (part, at(day))).collect();
            for day in 0..i64::from(parts) {
                let part = next(&read, parts);
                read.push((part, at(day.saturating_add(1000))));
            }
            prop_assert!(since(&read, parts) >= Some(at(1000)));
        }
    }
}
