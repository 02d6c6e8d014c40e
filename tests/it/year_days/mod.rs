//! Simulated days, up to eight hundred (courses with more records are `long_`), with a year's
//! retention, on a store that keeps its locks by the test's clock (K-94).
//!
//! Every day records are sent, edited and removed and a snapshot is taken; what is past its time is deleted. Programs are
//! killed, the store fails, clocks are wrong, days are held, records are erased, recovery keys change. Every day everything
//! in the store that is new is opened with the recovery key and searched as bytes, and what is there is held against what
//! is owed: each record inside its year, and none past it.
//!
//! `KURA_DAYS_SENT`, `KURA_DAYS`, `KURA_DAYS_SEEDS` and `KURA_DAYS_EVERY` set how hard the long test is.

/// Holds, erasures, keys, deletion, the second store.
mod acts;
/// Opening and searching.
mod looking;
/// What is sent, and what is owed.
mod source;
/// Everything together.
mod world;

use crate::support::number;
use source::Churn;
use world::{Course, World};

/// From 2031-01-10: a leap year's 29 February is the last day of what was sent on 28 February 2031 and on 1 March 2031
/// (by the first reading), and a sent day itself; a year later it has no day of its own.
const FIRST: &str = "2031-01-10";

fn course(seed: u64) -> Course {
    Course {
        days: 800,
        seed,
        churn: Churn { sent: 40, edited: 15, standing: 500 },
        check_every: 40,
        has_second: false,
    }
}

#[test]
fn seventy_days_keep_what_is_owed_and_nothing_else() {
    let churn = Churn { sent: 30, edited: 15, standing: 150 };
    World::new(FIRST, Course { days: 70, seed: 100, churn, check_every: 70, has_second: true }).live();
}

/// Two leap years' boundaries and three changes of keys, with few records: what a day costs is mostly not theirs.
#[test]
fn eight_hundred_days_of_few_records_keep_what_is_owed_and_nothing_else() {
    let churn = Churn { sent: 6, edited: 3, standing: 30 };
    World::new(FIRST, Course { churn, check_every: 100, has_second: true, ..course(4) }).live();
}

#[test]
fn long_eight_hundred_days_keep_what_is_owed_and_nothing_else() {
    World::new(FIRST, course(1)).live();
}

#[test]
fn long_eight_hundred_days_with_a_second_store_keep_what_is_owed_and_nothing_else() {
    World::new(FIRST, Course { has_second: true, ..course(2) }).live();
}

#[test]
fn long_a_hundred_days_with_thousands_of_records_a_day_keep_what_is_owed() {
    let churn = Churn { sent: 1200, edited: 600, standing: 6000 };
    World::new("2031-12-20", Course { days: 100, churn, seed: 3, ..course(3) }).live();
}

#[test]
fn long_days_with_thousands_of_records_are_searched_wholly_every_day() {
    let sent = usize::try_from(number("KURA_DAYS_SENT", 2000)).expect("small");
    for seed in 0..number("KURA_DAYS_SEEDS", 3) {
        let course = Course {
            days: i32::try_from(number("KURA_DAYS", 800)).expect("small"),
            seed: 100 + seed,
            churn: Churn { sent, edited: sent / 2, standing: sent * 5 },
            check_every: i32::try_from(number("KURA_DAYS_EVERY", 1)).expect("small"),
            has_second: seed % 2 == 0,
        };
        World::new(FIRST, course).live();
    }
}
