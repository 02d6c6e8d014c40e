//! The best choice of levels, with the proof that there is no better one.
//!
//! A choice that leaves out too many rows by k or distinct-l rules out every finer one; that holds whatever is
//! suppressed. For the other models it holds only if nothing may be suppressed, so that nothing is inferred from them
//! otherwise. A choice that costs more than the best one known *before anything is suppressed* rules out every vaguer
//! one, because that part of the cost never falls on the way up. Nothing else is pruned, so that what is left over is
//! the optimum; of several with one cost the one that leaves out least, then the one with the lowest levels, column by
//! column.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::evaluate::{Evaluator, Finding, Problem};
use super::lattice::{Lattice, Levels, size, total};
use super::metric::Price;
use super::natural::Natural;
use super::number::{at, count};

/// Up to so many choices are searched to the end; above, the search is bounded.
pub const NODES_MAX: u32 = 4_000_000;

/// What a search would be, before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// How many choices of levels there are.
    pub nodes: u128,
    /// Whether all of them would be searched, so that the result is proved to be the best.
    pub is_exact: bool,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Choices looked at.
    pub looks: u64,
    /// Choices about which nothing is known yet; an estimate.
    pub open: u64,
}

/// What is known about the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// There is no better choice.
    Optimal,
    /// There may be a better one: not all were searched.
    Bounded,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// The level of each column.
    pub levels: Levels,
    /// What it costs, in the metric's own unit.
    pub value: f64,
    /// Rows that are left out.
    pub left_out: u64,
    /// How many choices cost the same, this one included.
    pub ties: u64,
}

/// What a search found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The best choice; none if no choice keeps the rules.
    pub best: Option<Optimum>,
    /// Whether this is proved.
    pub proof: Proof,
    /// How many choices there are.
    pub nodes: u128,
    /// Choices looked at.
    pub looks: u64,
    /// Looks that began with crowds of an earlier one.
    pub rolled_up: u64,
    /// Different rows.
    pub tuples: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchStopped {
    /// Whoever watches the progress stopped it.
    #[error("the search was cancelled")]
    Cancelled,
    /// Fewer persons than k: whatever the levels, nobody is hidden.
    #[error("there are fewer persons than the {k} that must look alike")]
    TooFew {
        /// The k.
        k: u64,
    },
    /// No column to make vaguer, or columns of different lengths.
    #[error("the columns do not have one value for each row")]
    Unequal,
}

/// How large the search for a problem would be.
pub fn estimate(problem: &Problem) -> Estimate {
    let nodes = size(&heights(problem));
    Estimate { nodes, is_exact: nodes <= u128::from(NODES_MAX) }
}

/// Finds the best choice of levels.
///
/// `watch` is told after each look and may stop the search.
pub fn search(
    problem: &Problem,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Answer, SearchStopped> {
    check(problem)?;
    let mut evaluator = Evaluator::new(problem);
    let heights = heights(problem);
    let nodes = size(&heights);
    let lattice = Lattice::new(heights.clone()).filter(|lattice| lattice.nodes() <= NODES_MAX);
    let (best, proof) = if let Some(lattice) = lattice {
        let mut search = Search::new(&lattice, &mut evaluator, watch);
        search.find_borders()?;
        search.finish()?;
        (search.optimum(), Proof::Optimal)
    } else {
        (super::descent::descend(&heights, &mut evaluator, watch)?, Proof::Bounded)
    };
    let (looks, rolled_up, tuples) = (evaluator.looks, evaluator.rolled_up, count(evaluator.tuples()));
    Ok(Answer { best, proof, nodes, looks, rolled_up, tuples })
}

fn heights(problem: &Problem) -> Levels {
    let height = |height: usize| u8::try_from(height).unwrap_or(u8::MAX);
    problem.quasi.iter().map(|quasi| height(quasi.hierarchy.height())).collect()
}

fn check(problem: &Problem) -> Result<(), SearchStopped> {
    let fits = |codes: &[u32], known: usize| {
        codes.len() == problem.rows && codes.iter().all(|code| at(*code) < known)
    };
    let quasi = problem.quasi.iter().all(|quasi| fits(&quasi.leaves, quasi.hierarchy.groups(0).len()));
    let sensitive = problem.sensitive.iter().all(|column| fits(&column.codes, column.values));
    let persons = problem.persons.as_ref().is_none_or(|persons| fits(persons, problem.rows));
    let named = problem.rules.models.iter().all(|(column, _)| *column < problem.sensitive.len());
    if !(quasi && sensitive && persons && named) || u32::try_from(problem.rows).is_err() {
        return Err(SearchStopped::Unequal);
    }
    let persons = problem
        .persons
        .as_ref()
        .map_or(problem.rows, |persons| persons.iter().collect::<std::collections::BTreeSet<_>>().len());
    if count(persons) < problem.rules.k.max(1) {
        return Err(SearchStopped::TooFew { k: problem.rules.k });
    }
    Ok(())
}

/// What is known about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// It leaves out too much, and so does everything below.
    Out,
    /// It leaves out few enough by k and distinct-l: a node below it does.
    Candidate,
    /// It was looked at.
    Seen,
    /// It costs more than the best.
    Dear,
}

struct Search<'s, 'a> {
    lattice: &'s Lattice,
    evaluator: &'s mut Evaluator<'a>,
    watch: &'s mut dyn FnMut(Progress) -> ControlFlow<()>,
    known: Vec<Known>,
    best: Option<Best>,
    ties: u64,
    /// What everything above a node costs at least, for nodes that were looked at.
    floors: BTreeMap<u32, Natural>,
    open: u64,
}

struct Best {
    levels: Levels,
    price: Price,
    left_out: u64,
}

impl<'s, 'a> Search<'s, 'a> {
    fn new(
        lattice: &'s Lattice,
        evaluator: &'s mut Evaluator<'a>,
        watch: &'s mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Self {
        let known = vec![Known::Nothing; at(lattice.nodes())];
        let open = u64::from(lattice.nodes());
        Self { lattice, evaluator, watch, known, best: None, ties: 0, floors: BTreeMap::new(), open }
    }

    /// Finds, on paths through the lattice, where too much begins to be left out; everything below that is out.
    fn find_borders(&mut self) -> Result<(), SearchStopped> {
        for node in self.lattice.by_height() {
            while self.is_open(node) {
                let path = self.path_from(node);
                let (mut low, mut high) = (0, path.len());
                while low < high {
                    let middle = low + (high - low) / 2;
                    let Some(node) = path.get(middle).copied() else { break };
                    if self.look(node)? { high = middle } else { low = middle + 1 }
                }
            }
        }
        Ok(())
    }

    /// A path upward through nodes about which nothing is known, cheapest first.
    fn path_from(&mut self, node: u32) -> Vec<u32> {
        let mut path = vec![node];
        let mut last = node;
        loop {
            let above: Vec<u32> = self.lattice.above(last).collect();
            let mut cheapest: Option<(Option<Natural>, u32)> = None;
            for next in above {
                if self.is_open(next) {
                    let priced = (self.evaluator.prices.at_least(&self.lattice.levels(next)), next);
                    if cheapest.as_ref().is_none_or(|known| priced < *known) {
                        cheapest = Some(priced);
                    }
                }
            }
            let Some((_, next)) = cheapest else { return path };
            path.push(next);
            last = next;
        }
    }

    /// Whether nothing is known about a node and it may be the best.
    fn is_open(&mut self, node: u32) -> bool {
        if self.known[at(node)] != Known::Nothing {
            return false;
        }
        if self.is_dear(node) {
            self.known[at(node)] = Known::Dear;
            self.open = self.open.saturating_sub(1);
            return false;
        }
        true
    }

    /// Whether a node costs more than the best one by its levels alone.
    fn is_dear(&self, node: u32) -> bool {
        let Some(best) = &self.best else { return false };
        let least = self.evaluator.prices.at_least(&self.lattice.levels(node));
        least.is_some_and(|least| least > best.price.cost)
    }

    /// Looks at a node; says whether it leaves out few enough by the rules that can be reasoned with.
    fn look(&mut self, node: u32) -> Result<bool, SearchStopped> {
        let levels = self.lattice.levels(node);
        let Finding { surely_left_out, left_out, price, at_least_above } = self.evaluator.look(&levels);
        self.open = self.open.saturating_sub(1);
        let progress = Progress { looks: self.evaluator.looks, open: self.open };
        if (self.watch)(progress).is_break() {
            return Err(SearchStopped::Cancelled);
        }
        if surely_left_out > self.evaluator.limit {
            self.mark_below(node);
            return Ok(false);
        }
        self.known[at(node)] = Known::Seen;
        self.mark_above(node);
        let improved = price.is_some_and(|price| self.offer(levels, price, left_out));
        if let Some(floor) = at_least_above {
            self.floors.insert(node, floor);
            self.mark_dear(node);
        }
        if improved {
            let seen: Vec<u32> = self.floors.keys().copied().collect();
            for node in seen {
                self.mark_dear(node);
            }
        }
        Ok(true)
    }

    /// Takes a choice that keeps the rules; says whether it costs less than the best so far.
    fn offer(&mut self, levels: Levels, price: Price, left_out: u64) -> bool {
        let Some(best) = &self.best else {
            (self.best, self.ties) = (Some(Best { levels, price, left_out }), 1);
            return true;
        };
        let is_cheaper = price.cost < best.price.cost;
        if is_cheaper {
            self.ties = 1;
        } else if price.cost == best.price.cost {
            self.ties += 1;
        }
        if (&price.cost, left_out, &levels) < (&best.price.cost, best.left_out, &best.levels) {
            self.best = Some(Best { levels, price, left_out });
        }
        is_cheaper
    }

    /// Everything below a node that leaves out too much does so too.
    fn mark_below(&mut self, node: u32) {
        let mut waiting = vec![node];
        self.known[at(node)] = Known::Out;
        while let Some(node) = waiting.pop() {
            for lower in self.lattice.below(node) {
                if self.known[at(lower)] != Known::Out {
                    self.open -= u64::from(self.known[at(lower)] == Known::Nothing).min(self.open);
                    self.known[at(lower)] = Known::Out;
                    waiting.push(lower);
                }
            }
        }
    }

    /// Everything above a node that leaves out few enough does so too.
    fn mark_above(&mut self, node: u32) {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            for higher in self.lattice.above(node) {
                if self.known[at(higher)] == Known::Nothing {
                    self.known[at(higher)] = Known::Candidate;
                    waiting.push(higher);
                }
            }
        }
    }

    /// Everything above a node whose crowds already cost more than the best does so too.
    fn mark_dear(&mut self, node: u32) {
        let (Some(floor), Some(best)) = (self.floors.get(&node), &self.best) else { return };
        if *floor <= best.price.cost {
            return;
        }
        self.floors.remove(&node);
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            for higher in self.lattice.above(node) {
                if matches!(self.known[at(higher)], Known::Nothing | Known::Candidate) {
                    self.known[at(higher)] = Known::Dear;
                    self.open = self.open.saturating_sub(1);
                    waiting.push(higher);
                } else if self.known[at(higher)] == Known::Seen && self.floors.remove(&higher).is_some() {
                    waiting.push(higher);
                }
            }
        }
    }

    /// Looks at the candidates that may be better than the best, those that promise most first.
    fn finish(&mut self) -> Result<(), SearchStopped> {
        let known_by_levels = self.evaluator.limit == 0
            && self.evaluator.everything_is_monotone()
            && self.evaluator.prices.is_known_without_suppression();
        let mut candidates: Vec<(Option<Natural>, u64, u32)> = Vec::new();
        for node in 0..self.lattice.nodes() {
            if self.known[at(node)] == Known::Candidate && !self.is_dear(node) {
                let levels = self.lattice.levels(node);
                candidates.push((self.evaluator.prices.at_least(&levels), total(&levels), node));
            }
        }
        candidates.sort_unstable();
        for (_, _, node) in candidates {
            if self.known[at(node)] != Known::Candidate || self.is_dear(node) {
                continue;
            }
            let levels = self.lattice.levels(node);
            match self.evaluator.prices.price_of_levels(&levels).filter(|_| known_by_levels) {
                Some(price) => {
                    self.known[at(node)] = Known::Seen;
                    self.offer(levels, price, 0);
                }
                None => {
                    self.look(node)?;
                }
            }
        }
        Ok(())
    }

    fn optimum(self) -> Option<Optimum> {
        let ties = self.ties;
        self.best.map(|best| Optimum {
            levels: best.levels,
            value: best.price.value,
            left_out: best.left_out,
            ties,
        })
    }
}
