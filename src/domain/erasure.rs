//! Erasure orders (消去指示): records that must not be given back any more, because the consent was withdrawn.
//!
//! An order deletes nothing: what is locked stays until its day, as everything does. It keeps every reader from showing it.
//! A path is known by its keyed digest only.

use std::collections::BTreeSet;

use crate::domain::time::Day;

/// The longest reason, characters.
pub const REASON_CHARACTERS_MAX: usize = 200;
/// The most paths of one order.
pub const PATHS_MAX: usize = 1000;

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// Its number in the plan.
    pub number: u64,
    /// The last clock day that it covers: what comes later was sent after it, under a new consent.
    pub through: Day,
    /// Keyed digests of paths; each covers what is below it.
    pub paths: BTreeSet<[u8; 16]>,
    /// Whether somebody took it back.
    pub is_revoked: bool,
}

/// The digests that orders in force cover in a cohort of this clock day.
pub fn covered(orders: &[Erasure], clock_day: Day) -> BTreeSet<[u8; 16]> {
    let counts = |order: &&Erasure| !order.is_revoked && clock_day <= order.through;
    orders.iter().filter(counts).flat_map(|order| order.paths.iter().copied()).collect()
}

/// A path and every folder above it, the longest last: an order for any of them covers it.
pub fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.chain([path.len()]).map(|end| path.get(..end).unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_covers_what_was_sent_until_its_day() {
        let order = |number, through: &str, path: u8, is_revoked| Erasure {
            number,
            through: through.parse().unwrap(),
            paths: BTreeSet::from([[path; 16]]),
            is_revoked,
        };
        let orders = [
            order(1, "2026-11-22", 1, false),
            order(2, "2026-11-23", 2, false),
            order(3, "2027-01-01", 3, true),
        ];
        let on = |day: &str| covered(&orders, day.parse().unwrap());
        assert_eq!(on("2026-11-22"), BTreeSet::from([[1; 16], [2; 16]]));
        assert_eq!(on("2026-11-23"), BTreeSet::from([[2; 16]]));
        assert_eq!(on("2026-11-24"), BTreeSet::new());
    }

    #[test]
    fn a_path_is_covered_by_the_folders_above_it() {
        let found: Vec<&[u8]> = prefixes(b"records/a/b").collect();
        assert_eq!(found, [&b"records"[..], b"records/a", b"records/a/b"]);
    }
}
