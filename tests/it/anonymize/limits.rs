//! Searches that are too large, stopped, or over before they begin.

use std::ops::ControlFlow;

use super::tables::{problem, quasi};
use kura::anonymize::evaluate::{Problem, Quasi};
use kura::anonymize::hierarchy::Hierarchy;
use kura::anonymize::metric::Metric;
use kura::anonymize::release::Release;
use kura::anonymize::search::{Estimate, Proof, SearchStopped, estimate, search};

/// So many columns of 16 values in hierarchies of five levels, 300 rows.
fn wide(columns: u64, k: u64, suppression: &str) -> Problem {
    let lines: Vec<Vec<String>> =
        (0..16_u32).map(|leaf| (0..5).map(|level| format!("{level}/{}", leaf >> level)).collect()).collect();
    let hierarchy = Hierarchy::from_lines(&lines).expect("is one");
    let column = |number: u64| -> Quasi {
        let cell = |row: u64| format!("0/{}", (row * (number + 3) + row / 7) % 16);
        quasi(&(0..300).map(cell).collect::<Vec<_>>(), hierarchy.clone())
    };
    problem((0..columns).map(column).collect(), k, suppression, Metric::Loss)
}

#[test]
fn case_26_a_lattice_that_is_too_large_is_told_before_and_searched_without_a_claim() {
    let problem = wide(20, 5, "0.05");
    assert_eq!(estimate(&problem), Estimate { nodes: 95_367_431_640_625, is_exact: false });
    let answer = search(&problem, &mut |_| ControlFlow::Continue(())).expect("runs");
    assert_eq!((answer.proof, answer.nodes), (Proof::Bounded, 95_367_431_640_625));
    let best = answer.best.expect("the vaguest choice keeps the rules");
    let release = Release::new(&problem, &best.levels);
    assert!(release.left_out() <= 15 && release.left_out() == best.left_out);
    assert!(answer.looks < 6_000, "{} looks", answer.looks);
}

#[test]
fn a_small_lattice_is_searched_to_the_end() {
    let problem = wide(3, 5, "0.05");
    assert_eq!(estimate(&problem), Estimate { nodes: 125, is_exact: true });
    let answer = search(&problem, &mut |_| ControlFlow::Continue(())).expect("runs");
    assert_eq!(answer.proof, Proof::Optimal);
    assert!(answer.looks <= 125);
}

#[test]
fn progress_is_told_and_a_search_stops_when_it_is_asked_to() {
    let mut told = 0;
    let stopped = search(&wide(4, 5, "0.05"), &mut |progress| {
        told += 1;
        assert_eq!(progress.looks, told);
        if told == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((stopped, told), (Err(SearchStopped::Cancelled), 3));
    assert_eq!(search(&wide(20, 5, "0.05"), &mut |_| ControlFlow::Break(())), Err(SearchStopped::Cancelled));
}

#[test]
fn case_13_fewer_rows_than_k_are_refused_before_any_search() {
    let mut looks = 0;
    let refused = search(&wide(3, 301, "1"), &mut |_| {
        looks += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((refused, looks), (Err(SearchStopped::TooFew { k: 301 }), 0));
}

#[test]
fn columns_of_other_lengths_and_codes_that_mean_nothing_are_refused() {
    let mut short = wide(2, 2, "0");
    short.quasi[1].leaves.pop();
    assert_eq!(search(&short, &mut |_| ControlFlow::Continue(())), Err(SearchStopped::Unequal));
    let mut wrong = wide(2, 2, "0");
    wrong.quasi[1].leaves[7] = 16;
    assert_eq!(search(&wrong, &mut |_| ControlFlow::Continue(())), Err(SearchStopped::Unequal));
}
