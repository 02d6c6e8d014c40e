//! Looking at one choice of levels: the crowds it makes, which of them may be released, what that costs.

use super::crowds::{Crowds, Rows};
use super::hierarchy::Hierarchy;
use super::lattice::{Levels, is_at_or_below};
use super::metric::{Metric, Price, Prices};
use super::natural::Natural;
use super::number::{at, count};
use super::rules::{Model, Rules, Spread};

/// A column by which a person could be recognised.
#[derive(Debug, Clone)]
pub struct Quasi {
    /// The leaf of each row in the hierarchy.
    pub leaves: Vec<u32>,
    /// How its values become vaguer.
    pub hierarchy: Hierarchy,
}

/// A column whose values nobody may learn about a person.
#[derive(Debug, Clone)]
pub struct Sensitive {
    /// The value of each row; for ordered closeness the codes follow the order of the values.
    pub codes: Vec<u32>,
    /// How many values there are.
    pub values: usize,
}

/// The rows to be released, and what must hold.
#[derive(Debug, Clone)]
pub struct Problem {
    /// How many rows there are.
    pub rows: usize,
    /// A number for each row's person; without it each row is a person of its own.
    pub persons: Option<Vec<u32>>,
    /// Columns to make vaguer.
    pub quasi: Vec<Quasi>,
    /// Columns that [`Rules::models`] names by place.
    pub sensitive: Vec<Sensitive>,
    /// What must hold.
    pub rules: Rules,
    /// What is kept small.
    pub metric: Metric,
}

/// What a look at one choice of levels found.
pub(super) struct Finding {
    /// Rows in crowds that no vaguer choice of any other column can have hidden better: they break k or distinct-l.
    pub(super) surely_left_out: u64,
    /// Rows in crowds that break any rule.
    pub(super) left_out: u64,
    /// The price, if few enough are left out.
    pub(super) price: Option<Price>,
    /// What every vaguer choice costs at least, where crowds say it.
    pub(super) at_least_above: Option<Natural>,
}

/// Crowds that were made once may be made coarser again; so much memory is kept for them.
const KEPT_BYTES_MAX: usize = 192 << 20;

/// Looks at choices of levels, each from the coarsest crowds at hand.
pub(super) struct Evaluator<'a> {
    columns: Vec<(&'a [u32], &'a Hierarchy)>,
    rules: &'a Rules,
    spreads: Vec<Spread>,
    base: Crowds,
    pub(super) prices: Prices<'a>,
    /// Rows that may be left out.
    pub(super) limit: u64,
    kept: Vec<(Levels, Crowds)>,
    kept_bytes: usize,
    /// How many choices were looked at, and for how many crowds were at hand.
    pub(super) looks: u64,
    /// Looks that did not start from the tuples.
    pub(super) rolled_up: u64,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(problem: &'a Problem) -> Self {
        let columns: Vec<(&[u32], &Hierarchy)> =
            problem.quasi.iter().map(|quasi| (quasi.leaves.as_slice(), &quasi.hierarchy)).collect();
        let sensitive: Vec<&[u32]> = problem.sensitive.iter().map(|column| column.codes.as_slice()).collect();
        let rows = Rows { persons: problem.persons.as_deref(), sensitive: &sensitive, rows: problem.rows };
        let base = Crowds::of_rows(&rows).coarser(&columns, &vec![0; columns.len()]);
        let spreads = problem.sensitive.iter();
        let spreads = spreads.map(|column| spread(column, problem.persons.as_deref())).collect();
        let prices = Prices::new(problem.metric, &columns, problem.rows);
        let limit = problem.rules.suppression.floor_of(count(problem.rows));
        let rules = &problem.rules;
        Self {
            columns,
            rules,
            spreads,
            base,
            prices,
            limit,
            kept: Vec::new(),
            kept_bytes: 0,
            looks: 0,
            rolled_up: 0,
        }
    }

    /// Whether a finer choice than one that leaves out too much does so too, whatever the rules.
    pub(super) fn everything_is_monotone(&self) -> bool {
        let all_survive = self.rules.models.iter().all(|(_, model)| model.survives_joining());
        all_survive || (self.limit == 0 && !self.base.has_spread_persons())
    }

    /// How many different rows there are.
    pub(super) fn tuples(&self) -> usize {
        self.base.len()
    }

    /// Looks at a choice of levels.
    pub(super) fn look(&mut self, levels: &[u8]) -> Finding {
        let crowds = self.crowds(levels);
        let persons = crowds.persons();
        let monotone = self.everything_is_monotone();
        let mut sure: Vec<bool> = persons.iter().map(|persons| u64::from(*persons) >= self.rules.k).collect();
        let mut kept = sure.clone();
        for (column, model) in &self.rules.models {
            let Some(whole) = self.spreads.get(*column) else { continue };
            let histograms = crowds.histograms(*column);
            for (crowd, kept) in kept.iter_mut().enumerate() {
                if *kept && !model.holds(histograms.of(crowd), whole) {
                    *kept = false;
                    if monotone || matches!(model, Model::DistinctDiversity(_)) {
                        sure[crowd] = false;
                    }
                }
            }
        }
        let left_out = |kept: &[bool]| -> u64 {
            crowds.rows.iter().zip(kept).filter(|(_, kept)| !**kept).map(|(rows, _)| u64::from(*rows)).sum()
        };
        let finding = Finding {
            surely_left_out: left_out(&sure),
            left_out: left_out(&kept),
            price: (left_out(&kept) <= self.limit).then(|| self.prices.price(levels, &crowds, &kept)),
            at_least_above: self.prices.at_least_above(&crowds),
        };
        self.keep(levels, crowds);
        finding
    }

    /// The crowds on these levels, from the fewest crowds that lie below them.
    fn crowds(&mut self, levels: &[u8]) -> Crowds {
        self.looks += 1;
        let below = self.kept.iter().filter(|(kept, _)| is_at_or_below(kept, levels));
        let nearest = below.map(|(_, crowds)| crowds).min_by_key(|crowds| crowds.len());
        self.rolled_up += u64::from(nearest.is_some());
        nearest.unwrap_or(&self.base).coarser(&self.columns, levels)
    }

    /// Keeps crowds that spare work: those that are much fewer than the tuples.
    fn keep(&mut self, levels: &[u8], crowds: Crowds) {
        let bytes = crowds.size_bytes();
        if crowds.len() * 4 > self.base.len() * 3 || bytes > KEPT_BYTES_MAX / 4 {
            return;
        }
        while self.kept.len() >= KEPT_MAX || self.kept_bytes + bytes > KEPT_BYTES_MAX {
            let Some(oldest) = (!self.kept.is_empty()).then(|| self.kept.remove(0)) else { break };
            self.kept_bytes -= oldest.1.size_bytes();
        }
        self.kept_bytes += bytes;
        self.kept.push((levels.to_vec(), crowds));
    }
}

/// Persons with each value in the whole input: who has a value in several rows counts once.
pub(super) fn spread(column: &Sensitive, persons: Option<&[u32]>) -> Spread {
    let mut counts = vec![0_u64; column.values];
    let Some(persons) = persons else {
        for value in &column.codes {
            counts[at(*value)] += 1;
        }
        return Spread::new(counts);
    };
    let mut pairs: Vec<(u32, u32)> = persons.iter().copied().zip(column.codes.iter().copied()).collect();
    pairs.sort_unstable();
    pairs.dedup();
    for (_, value) in pairs {
        counts[at(value)] += 1;
    }
    Spread::new(counts)
}

/// So many crowds are kept at most: looking through them must stay cheaper than joining.
const KEPT_MAX: usize = 512;
