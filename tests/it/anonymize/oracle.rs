//! A second program for the tests: walks every node of the lattice, row by row and text by text.
//!
//! Slow and plain on purpose. It shares no code with the engine: crowds are maps of texts, persons are sets, rules are
//! fractions of `i128` (entropy and the values of metrics are floats, compared with a margin).
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts of a few rows; the engine has its own, checked conversions"
)]

use std::collections::{BTreeMap, BTreeSet};

/// A table: texts of each row on each level, column by column: `cells[column][row][level]`.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    pub(super) cells: Vec<Vec<Vec<String>>>,
    /// How many values each column's hierarchy has for each text of each level: `weights[column][level][text]`.
    pub(super) weights: Vec<Vec<BTreeMap<String, i128>>>,
    pub(super) persons: Vec<u32>,
    pub(super) sensitive: Vec<u32>,
    /// How many sensitive values there are, whether they occur or not.
    pub(super) values: u32,
}

/// A rule, in plain numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    Distinct(usize),
    Entropy(u32),
    Recursive(i128, i128, usize),
    Equal(i128, i128),
    Ordered(i128, i128),
}

/// What is priced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Price {
    Loss,
    Discernibility,
    CrowdSquares,
    AverageCrowd,
    Entropy,
    GeneralizationEntropy,
    Precision,
}

/// A node that keeps the rules.
#[derive(Debug, Clone)]
pub(super) struct Good {
    pub(super) levels: Vec<u8>,
    pub(super) value: f64,
    pub(super) left_out: usize,
}

struct Crowd {
    rows: Vec<usize>,
    is_kept: bool,
}

/// Every node that keeps the rules.
pub(super) fn walk(table: &Plain, k: usize, rule: Option<Rule>, limit: usize, price: Price) -> Vec<Good> {
    let heights: Vec<u8> = table.weights.iter().map(|w| u8::try_from(w.len() - 1).expect("few")).collect();
    let mut nodes: Vec<Vec<u8>> = vec![Vec::new()];
    for height in heights {
        nodes = nodes
            .into_iter()
            .flat_map(|n| (0..=height).map(move |l| [n.clone(), vec![l]].concat()))
            .collect();
    }
    nodes.into_iter().filter_map(|levels| look(table, k, rule, limit, price, levels)).collect()
}

fn look(
    table: &Plain,
    k: usize,
    rule: Option<Rule>,
    limit: usize,
    price: Price,
    levels: Vec<u8>,
) -> Option<Good> {
    let mut rows_of: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for row in 0..table.persons.len() {
        let seen = table.cells.iter().zip(&levels);
        let seen = seen.map(|(column, level)| column[row][usize::from(*level)].as_str()).collect();
        rows_of.entry(seen).or_default().push(row);
    }
    let crowds: Vec<Crowd> = rows_of
        .into_values()
        .map(|rows| {
            let persons: BTreeSet<u32> = rows.iter().map(|row| table.persons[*row]).collect();
            let is_kept = persons.len() >= k && rule.is_none_or(|rule| keeps(table, &rows, rule));
            Crowd { rows, is_kept }
        })
        .collect();
    let left_out: usize = crowds.iter().filter(|crowd| !crowd.is_kept).map(|crowd| crowd.rows.len()).sum();
    (left_out <= limit).then(|| Good { value: value(table, &crowds, &levels, price), levels, left_out })
}

/// Persons with each value among these rows.
fn counts(table: &Plain, rows: &[usize]) -> Vec<i128> {
    let pairs: BTreeSet<(u32, u32)> =
        rows.iter().map(|row| (table.persons[*row], table.sensitive[*row])).collect();
    (0..table.values)
        .map(|value| pairs.iter().filter(|(_, own)| *own == value).count())
        .map(|n| n as i128)
        .collect()
}

fn keeps(table: &Plain, rows: &[usize], rule: Rule) -> bool {
    let own = counts(table, rows);
    let all = counts(table, &(0..table.persons.len()).collect::<Vec<_>>());
    let (n, total): (i128, i128) = (own.iter().sum(), all.iter().sum());
    let mut present: Vec<i128> = own.iter().copied().filter(|count| *count > 0).collect();
    present.sort_unstable_by(|a, b| b.cmp(a));
    match rule {
        Rule::Distinct(l) => present.len() >= l,
        Rule::Entropy(l) => {
            let bits: f64 = present.iter().map(|c| *c as f64 / n as f64).map(|p| -p * p.log2()).sum();
            bits >= f64::from(l).log2() - 1e-9
        }
        Rule::Recursive(above, below, l) => {
            present.len() >= l && present[0] * below < above * present[l - 1..].iter().sum::<i128>()
        }
        Rule::Equal(above, below) => {
            let apart: i128 = own.iter().zip(&all).map(|(c, a)| (c * total - a * n).abs()).sum();
            apart * below <= above * 2 * n * total
        }
        Rule::Ordered(above, below) => {
            let (mut sum, mut apart) = (0, 0);
            for (c, a) in own.iter().zip(&all) {
                sum += c * total - a * n;
                apart += sum.abs();
            }
            apart * below <= above * i128::from(table.values - 1).max(1) * n * total
        }
    }
}

fn value(table: &Plain, crowds: &[Crowd], levels: &[u8], price: Price) -> f64 {
    let n = table.persons.len() as f64;
    let sizes = |kept: bool| {
        crowds.iter().filter(move |crowd| crowd.is_kept == kept).map(|crowd| crowd.rows.len() as f64)
    };
    let out: f64 = sizes(false).sum();
    match price {
        Price::Discernibility => sizes(true).map(|size| size * size).sum::<f64>() + out * n,
        Price::CrowdSquares => crowds.iter().map(|crowd| (crowd.rows.len() as f64).powi(2)).sum(),
        Price::AverageCrowd => n / (sizes(true).count() as f64 + f64::from(u8::from(out > 0.0))),
        Price::Precision => {
            let part = |(level, weights): (&u8, &Vec<BTreeMap<String, i128>>)| {
                let height = (weights.len() - 1).max(1) as f64;
                ((n - out) * f64::from(*level) / height + out) / n
            };
            levels.iter().zip(&table.weights).map(part).sum::<f64>() / levels.len() as f64
        }
        Price::Loss => loss(table, crowds, levels),
        Price::Entropy | Price::GeneralizationEntropy => {
            (0..levels.len()).map(|column| entropy(table, crowds, column, levels[column], price)).sum()
        }
    }
}

fn loss(table: &Plain, crowds: &[Crowd], levels: &[u8]) -> f64 {
    let n = table.persons.len() as f64;
    let mut product = 1.0;
    for (column, level) in levels.iter().enumerate() {
        let size = table.weights[column][0].len() as f64;
        let mut sum = 0.0;
        for crowd in crowds {
            for row in &crowd.rows {
                let text = &table.cells[column][*row][usize::from(*level)];
                let share = table.weights[column][usize::from(*level)][text] as f64 / size;
                sum += if crowd.is_kept { share } else { 1.0 };
            }
        }
        let normal = if size > 1.0 { (sum - n / size) / (n - n / size) } else { 0.0 };
        product *= normal + 1.0;
    }
    product.powf(1.0 / levels.len() as f64) - 1.0
}

fn entropy(table: &Plain, crowds: &[Crowd], column: usize, level: u8, price: Price) -> f64 {
    let mut fine: BTreeMap<&str, f64> = BTreeMap::new();
    let mut coarse: BTreeMap<&str, f64> = BTreeMap::new();
    for texts in &table.cells[column] {
        *fine.entry(&texts[0]).or_default() += 1.0;
        *coarse.entry(&texts[usize::from(level)]).or_default() += 1.0;
    }
    let mut bits = 0.0;
    for texts in &table.cells[column] {
        bits += (coarse[texts[usize::from(level)].as_str()] / fine[texts[0].as_str()]).log2();
    }
    if price == Price::Entropy {
        let out: Vec<usize> =
            crowds.iter().filter(|crowd| !crowd.is_kept).flat_map(|crowd| crowd.rows.clone()).collect();
        let mut among: BTreeMap<&str, f64> = BTreeMap::new();
        for row in &out {
            *among.entry(&table.cells[column][*row][usize::from(level)]).or_default() += 1.0;
        }
        bits += among.values().map(|count| count * (out.len() as f64 / count).log2()).sum::<f64>();
    }
    bits
}
