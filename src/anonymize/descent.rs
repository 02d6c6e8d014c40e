//! The bounded search, for lattices too large to search to the end: down from the top, always to the best neighbour.

use std::ops::ControlFlow;

use super::evaluate::Evaluator;
use super::lattice::Levels;
use super::metric::Price;
use super::search::{Optimum, Progress, SearchStopped};

/// At most so many choices are looked at.
const LOOKS_MAX: u64 = 5_000;

/// Walks down from the vaguest choice while some neighbour keeps the rules and costs less. What it ends at keeps the
/// rules; nothing says that it is the best.
pub(super) fn descend(
    heights: &[u8],
    evaluator: &mut Evaluator<'_>,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Optimum>, SearchStopped> {
    let mut here: Levels = heights.to_vec();
    let mut look = |levels: &[u8]| -> Result<Option<(Price, u64)>, SearchStopped> {
        let finding = evaluator.look(levels);
        let progress = Progress { looks: evaluator.looks, open: LOOKS_MAX.saturating_sub(evaluator.looks) };
        if watch(progress).is_break() {
            return Err(SearchStopped::Cancelled);
        }
        Ok(finding.price.map(|price| (price, finding.left_out)))
    };
    let Some((mut price, mut left_out)) = look(&here)? else { return Ok(None) };
    let mut looks = 1;
    while looks < LOOKS_MAX {
        let mut next: Option<(Levels, Price, u64)> = None;
        for column in 0..here.len() {
            let mut lower = here.clone();
            let Some(level) = lower.get_mut(column).filter(|level| **level > 0) else { continue };
            *level -= 1;
            looks += 1;
            if let Some((found, rows)) = look(&lower)? {
                let is_better = |(levels, known, left): &(Levels, Price, u64)| {
                    (&found.cost, rows, &lower) < (&known.cost, *left, levels)
                };
                if next.as_ref().is_none_or(is_better) {
                    next = Some((lower, found, rows));
                }
            }
        }
        match next.filter(|(_, found, _)| found.cost <= price.cost) {
            Some((levels, found, rows)) => (here, price, left_out) = (levels, found, rows),
            None => break,
        }
    }
    Ok(Some(Optimum { levels: here, value: price.value, left_out, ties: 1 }))
}
