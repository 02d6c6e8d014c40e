//! What a written table keeps, measured again: by its texts alone, with nothing of the engine that made it.
//!
//! Crowds are maps of texts here, distances are sums over texts. If this and the search disagree, nothing is delivered.

use std::collections::{BTreeMap, BTreeSet};

use super::number::{Ratio, count, float};
use super::table::Table;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Rows of the table.
    pub rows: u64,
    /// Persons in it.
    pub persons: u64,
    /// Crowds.
    pub crowds: u64,
    /// Persons in the smallest crowd: the k that is kept.
    pub smallest: u64,
    /// Crowds by persons: 1, 2, 3–4, 5–9, 10–19, 20–49, 50 and more.
    pub sizes: [u64; 7],
    /// Persons in crowds so small that somebody who knows a person finds him with a chance above 1/20, and above 1/5.
    pub above_twentieth: u64,
    /// The same for 1/5.
    pub above_fifth: u64,
    /// For each sensitive column.
    pub sensitive: Vec<MeasuredColumn>,
}

/// What was measured of a sensitive column.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredColumn {
    /// Its name.
    pub name: String,
    /// The fewest different values of a crowd: the l that is kept.
    pub distinct: u64,
    /// The least entropy of a crowd, as the number of equally frequent values that would have it.
    pub entropy: f64,
    /// The largest distance of a crowd to the input, all values equally far apart; as a fraction.
    pub distance: (u128, u128),
    /// The same where values follow each other in their order: numbers by size, then texts.
    pub ordered: (u128, u128),
    /// For l from 1 to [`RECURSIVE_MAX`]: the most frequent value of the worst crowd, and all from the l-th on.
    pub recursive: Vec<(u64, u64)>,
}

/// Up to this l the recursive diversity is measured.
pub const RECURSIVE_MAX: usize = 10;

impl Measured {
    /// The largest chance to find a person of whom the quasi-identifiers are known.
    pub fn risk_max(&self) -> f64 {
        if self.smallest == 0 { 0.0 } else { 1.0 / float(self.smallest) }
    }

    /// That chance on average over persons.
    pub fn risk_average(&self) -> f64 {
        if self.persons == 0 { 0.0 } else { float(self.crowds) / float(self.persons) }
    }
}

impl MeasuredColumn {
    /// Whether the distance is at most this.
    pub fn is_within(&self, limit: Ratio) -> bool {
        is_at_most(self.distance, limit)
    }

    /// Whether the distance in order is at most this.
    pub fn is_within_in_order(&self, limit: Ratio) -> bool {
        is_at_most(self.ordered, limit)
    }

    /// Whether in every crowd the most frequent value is rarer than `c` times all from the `l`-th on. False beyond
    /// [`RECURSIVE_MAX`], where nothing was measured.
    pub fn is_recursive(&self, c: Ratio, l: usize) -> bool {
        let worst = l.checked_sub(1).and_then(|place| self.recursive.get(place));
        worst.is_some_and(|(most, rarer)| {
            u128::from(*most) * u128::from(c.denominator()) < u128::from(*rarer) * u128::from(c.numerator())
        })
    }

    /// The distance, to show it.
    pub fn distance_value(&self) -> f64 {
        let part = |number: u128| float(u64::try_from(number).unwrap_or(u64::MAX));
        part(self.distance.0) / part(self.distance.1).max(1.0)
    }
}

fn is_at_most((above, below): (u128, u128), limit: Ratio) -> bool {
    above.saturating_mul(u128::from(limit.denominator()))
        <= below.saturating_mul(u128::from(limit.numerator()))
}

/// How often each value occurs in the input, for each sensitive column by name: what closeness is measured against.
pub type InputCounts = BTreeMap<String, BTreeMap<String, u64>>;

/// Measures a table. `persons` says whose each row is, in the order of the rows; without it each row is a person.
pub fn measure(table: &Table, quasi: &[&str], persons: Option<&[u32]>, input: &InputCounts) -> Measured {
    let columns: Vec<_> = quasi.iter().filter_map(|name| table.column(name)).collect();
    let person = |row: usize| persons.and_then(|persons| persons.get(row).copied()).unwrap_or(u32::MAX);
    let mut rows_of: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for row in 0..table.rows() {
        rows_of.entry(columns.iter().map(|column| column.text(row)).collect()).or_default().push(row);
    }
    let heads = |rows: &[usize]| -> u64 {
        match persons {
            None => count(rows.len()),
            Some(_) => count(rows.iter().map(|row| person(*row)).collect::<BTreeSet<_>>().len()),
        }
    };
    let sizes: Vec<u64> = rows_of.values().map(|rows| heads(rows)).collect();
    let mut made = Measured {
        rows: count(table.rows()),
        persons: heads(&(0..table.rows()).collect::<Vec<_>>()),
        crowds: count(sizes.len()),
        smallest: sizes.iter().min().copied().unwrap_or(0),
        sizes: [0; 7],
        above_twentieth: sizes.iter().filter(|size| **size < 20).sum(),
        above_fifth: sizes.iter().filter(|size| **size < 5).sum(),
        sensitive: Vec::new(),
    };
    for size in sizes {
        let shelf = [1, 2, 4, 9, 19, 49].iter().position(|most| size <= *most).unwrap_or(6);
        made.sizes[shelf] += 1;
    }
    for (name, all) in input {
        let Some(column) = table.column(name) else { continue };
        let mut measured = MeasuredColumn {
            name: name.clone(),
            distinct: u64::MAX,
            entropy: f64::INFINITY,
            distance: (0, 1),
            ordered: (0, 1),
            recursive: vec![(0, 1); RECURSIVE_MAX],
        };
        for rows in rows_of.values() {
            let pair = |row: &usize| {
                (if persons.is_some() { person(*row) } else { super::number::code(*row) }, column.text(*row))
            };
            let mut own: BTreeMap<&str, u64> = BTreeMap::new();
            for (_, value) in rows.iter().map(pair).collect::<BTreeSet<_>>() {
                *own.entry(value).or_insert(0) += 1;
            }
            measured.add(&own, all);
        }
        made.sensitive.push(measured);
    }
    made
}

impl MeasuredColumn {
    fn add(&mut self, own: &BTreeMap<&str, u64>, all: &BTreeMap<String, u64>) {
        self.distinct = self.distinct.min(count(own.len()));
        let (n, total): (u64, u64) = (own.values().sum(), all.values().sum());
        let nats: f64 = own.values().map(|c| float(*c) / float(n)).map(|p| -p * p.ln()).sum();
        self.entropy = self.entropy.min(nats.exp());
        let mut apart = 0_u128;
        let values: BTreeSet<&str> = own.keys().copied().chain(all.keys().map(String::as_str)).collect();
        for value in values {
            let here = u128::from(own.get(value).copied().unwrap_or(0)) * u128::from(total);
            let there = u128::from(all.get(value).copied().unwrap_or(0)) * u128::from(n);
            apart += here.abs_diff(there);
        }
        // Counts below 2^32 keep these products inside 128 bits.
        self.distance = larger(self.distance, (apart, 2 * u128::from(n) * u128::from(total)));
        let mut order: Vec<&str> = all.keys().map(String::as_str).collect();
        order.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            (a, b) => b.is_ok().cmp(&a.is_ok()),
        });
        let (mut here, mut there, mut apart) = (0_u128, 0_u128, 0_u128);
        for value in &order {
            here += u128::from(own.get(value).copied().unwrap_or(0)) * u128::from(total);
            there += u128::from(all.get(*value).copied().unwrap_or(0)) * u128::from(n);
            apart += here.abs_diff(there);
        }
        let steps = u128::from(count(order.len().saturating_sub(1)).max(1));
        self.ordered = larger(self.ordered, (apart, steps * u128::from(n) * u128::from(total)));
        let mut frequencies: Vec<u64> = own.values().copied().collect();
        frequencies.sort_unstable();
        for (place, worst) in self.recursive.iter_mut().enumerate() {
            let most = frequencies.last().copied().unwrap_or(0);
            // The rarest come first: all but the l − 1 most frequent.
            let rarer: u64 = frequencies.iter().take(frequencies.len().saturating_sub(place)).sum();
            let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
            if product(most, worst.1) > product(worst.0, rarer) || rarer == 0 {
                *worst = (most, rarer);
            }
        }
    }
}

fn larger(known: (u128, u128), found: (u128, u128)) -> (u128, u128) {
    let is_larger = found.1 > 0 && found.0.saturating_mul(known.1) > known.0.saturating_mul(found.1);
    if is_larger { found } else { known }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonymize::table::Column;

    #[test]
    fn case_16_ten_rows_of_one_person_are_a_crowd_of_one() {
        let table = Table { columns: vec![Column::of("age", ["30-34"; 10])] };
        assert_eq!(measure(&table, &["age"], None, &InputCounts::new()).smallest, 10);
        let measured = measure(&table, &["age"], Some(&[7; 10]), &InputCounts::new());
        assert_eq!((measured.smallest, measured.persons, measured.rows), (1, 1, 10));
        assert_eq!((measured.sizes, measured.above_fifth), ([1, 0, 0, 0, 0, 0, 0], 1));
        assert!((measured.risk_max() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_follow_each_other_by_size() {
        let stage = Column::of("stage", ["2", "10", "2", "10"]);
        let table = Table { columns: vec![stage] };
        let counts = BTreeMap::from([("2".into(), 1), ("9".into(), 1), ("10".into(), 1)]);
        let measured = measure(&table, &[], None, &InputCounts::from([("stage".into(), counts)]));
        let stage = &measured.sensitive[0];
        // Half 2 and half 10 against a third each of 2, 9 and 10: 1/6 + 1/6 over two steps.
        assert!(stage.is_within_in_order(Ratio::new(1, 6).expect("not zero")));
        assert!(!stage.is_within_in_order(Ratio::new(16, 100).expect("not zero")));
        assert_eq!(stage.recursive.first(), Some(&(2, 4)));
        assert!(!stage.is_recursive(Ratio::whole(9), 3) && !stage.is_recursive(Ratio::whole(9), 11));
    }

    #[test]
    fn diversity_and_distance_are_those_of_the_worst_crowd() {
        let age = Column::of("age", ["a", "a", "a", "a", "b", "b"]);
        let icd = Column::of("icd", ["E11", "E11", "C50", "C50", "E11", "E11"]);
        let input =
            InputCounts::from([("icd".into(), BTreeMap::from([("E11".into(), 4), ("C50".into(), 2)]))]);
        let measured = measure(&Table { columns: vec![age, icd] }, &["age"], None, &input);
        let icd = &measured.sensitive[0];
        assert_eq!((icd.distinct, icd.is_within(Ratio::new(1, 3).expect("not zero"))), (1, true));
        assert!(!icd.is_within(Ratio::new(33, 100).expect("not zero")));
        // Crowd b is one value: no c allows it; crowd a has two of each.
        assert!(!icd.is_recursive(Ratio::whole(9), 2) && icd.is_recursive(Ratio::whole(2), 1));
        assert!(icd.is_within_in_order(Ratio::new(1, 3).expect("not zero")));
        assert!(!icd.is_within_in_order(Ratio::new(33, 100).expect("not zero")));
        assert!((icd.entropy - 1.0).abs() < 1e-9 && (icd.distance_value() - 1.0 / 3.0).abs() < 1e-9);
    }
}
