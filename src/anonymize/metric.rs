//! What a choice of levels costs: loss, discernibility, size of crowds, entropy, precision.
//!
//! A cost is a whole number that grows as the value that people know grows, so that two choices compare exactly. The
//! definitions are those of ARX: suppressed rows count as fully general.

use std::collections::BTreeMap;

use super::crowds::{Columns, Crowds};
use super::hierarchy::Hierarchy;
use super::natural::Natural;
use super::number::{at, bits, count, fixed, float};

/// What is kept small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// How much of each column's domain a value may stand for: geometric mean over the columns, 0 to 1.
    Loss,
    /// The sum of the squares of crowds; a suppressed row is alike all others.
    Discernibility,
    /// The sum of the squares of all crowds, suppressed ones too.
    CrowdSquares,
    /// Rows by crowds; all suppressed rows together are one crowd.
    AverageCrowd,
    /// Bits that nobody can get back from what is released (non-uniform entropy, with those of suppressed rows).
    Entropy,
    /// The same without the suppressed rows.
    GeneralizationEntropy,
    /// Levels climbed by levels there are: mean over the columns, 0 to 1.
    Precision,
}

/// What the search needs to know about the rows to price any choice.
pub(super) struct Prices<'a> {
    metric: Metric,
    columns: Vec<ColumnPrices<'a>>,
    rows: u64,
    /// A number that every height divides.
    steps: u64,
}

struct ColumnPrices<'a> {
    hierarchy: &'a Hierarchy,
    leaves: &'a [u32],
    height: u64,
    /// Sum over rows of the values their group stands for, by level.
    shares: Vec<u64>,
    /// Bits lost, by level.
    entropy: Vec<u128>,
}

/// A price, exact and as people read it.
#[derive(Debug, Clone)]
pub(super) struct Price {
    pub(super) cost: Natural,
    pub(super) value: f64,
}

impl<'a> Prices<'a> {
    pub(super) fn new(metric: Metric, columns: &Columns<'a>, rows: usize) -> Self {
        let prices: Vec<_> =
            columns.iter().map(|(leaves, hierarchy)| ColumnPrices::new(leaves, hierarchy)).collect();
        let steps = prices.iter().map(|column| column.height.max(1)).fold(1, least_common_multiple);
        Self { metric, columns: prices, rows: count(rows), steps }
    }

    /// What a choice costs at least, whatever is suppressed; grows with every level. None where levels alone say nothing.
    pub(super) fn at_least(&self, levels: &[u8]) -> Option<Natural> {
        match self.metric {
            Metric::Loss => Some(self.loss(levels, None).cost),
            Metric::Entropy | Metric::GeneralizationEntropy => Some(entropy(self.bits_lost(levels)).cost),
            Metric::Precision => Some(self.precision(levels, 0).cost),
            Metric::Discernibility | Metric::CrowdSquares | Metric::AverageCrowd => None,
        }
    }

    /// What a choice costs if these crowds are released and the others suppressed.
    pub(super) fn price(&self, levels: &[u8], crowds: &Crowds, kept: &[bool]) -> Price {
        let suppressed = || crowds.rows.iter().zip(kept).filter(|(_, kept)| !**kept);
        let left_out: u64 = suppressed().map(|(rows, _)| u64::from(*rows)).sum();
        match self.metric {
            Metric::Loss => self.loss(levels, Some((crowds, kept))),
            Metric::Precision => self.precision(levels, left_out),
            Metric::Discernibility => {
                let released = crowds.rows.iter().zip(kept).filter(|(_, kept)| **kept);
                let squares: u128 = released.map(|(rows, _)| square(*rows)).sum();
                whole(squares + u128::from(left_out) * u128::from(self.rows))
            }
            Metric::CrowdSquares => whole(crowds.rows.iter().map(|rows| square(*rows)).sum()),
            Metric::AverageCrowd => {
                let groups = count(kept.iter().filter(|kept| **kept).count()) + u64::from(left_out > 0);
                let cost = Natural::from(u128::from(self.rows - groups.min(self.rows)));
                Price { cost, value: float(self.rows) / float(groups.max(1)) }
            }
            Metric::GeneralizationEntropy => entropy(self.bits_lost(levels)),
            Metric::Entropy => {
                let of_suppressed = self.bits_of_suppressed(levels, crowds, kept, left_out);
                entropy(self.bits_lost(levels) + of_suppressed)
            }
        }
    }

    /// What every choice at least as vague as that of these crowds costs at least.
    pub(super) fn at_least_above(&self, crowds: &Crowds) -> Option<Natural> {
        match self.metric {
            Metric::Discernibility | Metric::CrowdSquares => {
                Some(Natural::from(crowds.rows.iter().map(|rows| square(*rows)).sum::<u128>()))
            }
            Metric::AverageCrowd => {
                Some(Natural::from(u128::from(self.rows.saturating_sub(count(crowds.len())))))
            }
            Metric::Loss | Metric::Entropy | Metric::GeneralizationEntropy | Metric::Precision => None,
        }
    }

    /// Whether the price is known from the levels if nothing is suppressed.
    pub(super) fn is_known_without_suppression(&self) -> bool {
        matches!(
            self.metric,
            Metric::Loss | Metric::Entropy | Metric::GeneralizationEntropy | Metric::Precision
        )
    }

    /// The price of a choice in which nothing is suppressed, where levels say it.
    pub(super) fn price_of_levels(&self, levels: &[u8]) -> Option<Price> {
        match self.metric {
            Metric::Loss => Some(self.loss(levels, None)),
            Metric::Entropy | Metric::GeneralizationEntropy => Some(entropy(self.bits_lost(levels))),
            Metric::Precision => Some(self.precision(levels, 0)),
            Metric::Discernibility | Metric::CrowdSquares | Metric::AverageCrowd => None,
        }
    }

    /// The geometric mean, over columns, of one plus the normalised share, less one.
    ///
    /// For a column with `size` values and a sum of shares `s`, that factor is (s + n·(size − 2)) / (n·(size − 1)); the
    /// divisors are the same for all choices, so that the product of the numerators orders them.
    fn loss(&self, levels: &[u8], suppressed: Option<(&Crowds, &[bool])>) -> Price {
        let mut cost = Natural::one();
        let (mut logarithm, mut columns) = (0.0, 0_u64);
        for (column, level) in self.columns.iter().zip(levels) {
            let size = column.hierarchy.size();
            columns += 1;
            if size < 2 {
                continue;
            }
            let level = usize::from(*level);
            let mut shares = column.shares.get(level).copied().unwrap_or(0);
            if let Some((crowds, kept)) = suppressed {
                for ((rep, rows), _) in
                    crowds.reps.iter().zip(&crowds.rows).zip(kept).filter(|(_, kept)| !**kept)
                {
                    let leaf = column.leaves.get(at(*rep)).copied().unwrap_or(0);
                    shares += u64::from(*rows) * (size - column.hierarchy.weight(level, leaf));
                }
            }
            let numerator = shares + self.rows * (size - 2);
            cost.multiply(numerator);
            logarithm += (float(numerator) / float((self.rows * (size - 1)).max(1))).ln();
        }
        Price { cost, value: (logarithm / float(columns.max(1))).exp_m1() }
    }

    fn precision(&self, levels: &[u8], left_out: u64) -> Price {
        let (mut cost, mut value) = (0_u128, 0.0);
        for (column, level) in self.columns.iter().zip(levels) {
            let climbed = u128::from(*level) * u128::from(self.steps / column.height.max(1));
            let part = f64::from(*level) / float(column.height.max(1));
            value += float(self.rows - left_out) * part + float(left_out);
            cost +=
                u128::from(self.rows - left_out) * climbed + u128::from(left_out) * u128::from(self.steps);
        }
        let all = float(self.rows) * float(count(self.columns.len()));
        Price { cost: Natural::from(cost), value: value / all.max(1.0) }
    }

    fn bits_lost(&self, levels: &[u8]) -> u128 {
        let columns = self.columns.iter().zip(levels);
        columns.map(|(column, level)| column.entropy.get(usize::from(*level)).copied().unwrap_or(0)).sum()
    }

    /// What nobody can tell apart any more among the suppressed rows, column by column.
    fn bits_of_suppressed(&self, levels: &[u8], crowds: &Crowds, kept: &[bool], left_out: u64) -> u128 {
        let mut lost = 0_u128;
        for (column, level) in self.columns.iter().zip(levels) {
            let groups = column.hierarchy.groups(usize::from(*level));
            let mut rows_of: BTreeMap<u32, u64> = BTreeMap::new();
            for ((rep, rows), _) in crowds.reps.iter().zip(&crowds.rows).zip(kept).filter(|(_, kept)| !**kept)
            {
                let leaf = column.leaves.get(at(*rep)).copied().unwrap_or(0);
                *rows_of.entry(groups.get(at(leaf)).copied().unwrap_or(0)).or_insert(0) += u64::from(*rows);
            }
            lost += rows_of.values().map(|rows| bits_hidden(*rows, left_out)).sum::<u128>();
        }
        lost
    }
}

impl<'a> ColumnPrices<'a> {
    fn new(leaves: &'a [u32], hierarchy: &'a Hierarchy) -> Self {
        let mut rows_of = vec![0_u64; hierarchy.groups(0).len()];
        for leaf in leaves {
            rows_of[at(*leaf)] += 1;
        }
        let levels = 0..=hierarchy.height();
        let weight = |level, leaf: &(u32, &u64)| hierarchy.weight(level, leaf.0) * leaf.1;
        let shares = |level| (0_u32..).zip(&rows_of).map(|leaf| weight(level, &leaf)).sum();
        Self {
            hierarchy,
            leaves,
            height: count(hierarchy.height()),
            shares: levels.clone().map(shares).collect(),
            entropy: levels.map(|level| entropy_of_level(hierarchy, level, &rows_of)).collect(),
        }
    }
}

fn entropy_of_level(hierarchy: &Hierarchy, level: usize, rows_of: &[u64]) -> u128 {
    let groups = hierarchy.groups(level);
    let mut rows_in = vec![0_u64; hierarchy.width(level)];
    for (group, rows) in groups.iter().zip(rows_of) {
        rows_in[at(*group)] += rows;
    }
    groups.iter().zip(rows_of).map(|(group, rows)| bits_hidden(*rows, rows_in[at(*group)])).sum()
}

/// Bits to find out that a row among `all` is one of `some`, for each of these.
fn bits_hidden(some: u64, all: u64) -> u128 {
    if some == 0 || some >= all {
        return 0;
    }
    u128::try_from(fixed(float(some) * (float(all) / float(some)).log2())).unwrap_or(0)
}

/// Logarithms are rounded, so that equal sums of other terms may differ in their last places: the price of entropy is
/// compared in steps of 1/65536 bit.
fn entropy(lost: u128) -> Price {
    Price { cost: Natural::from((lost + (1 << 13)) >> 14), value: bits(lost) }
}

fn square(rows: u32) -> u128 {
    u128::from(rows) * u128::from(rows)
}

fn whole(cost: u128) -> Price {
    Price { cost: Natural::from(cost), value: float(u64::try_from(cost).unwrap_or(u64::MAX)) }
}

fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor.max(1) * b
}
