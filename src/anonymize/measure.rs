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
}

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
        let (above, below) = self.distance;
        let denominator = u128::from(limit.denominator());
        above.saturating_mul(denominator) <= below.saturating_mul(u128::from(limit.numerator()))
    }

    /// The distance, to show it.
    pub fn distance_value(&self) -> f64 {
        let part = |number: u128| float(u64::try_from(number).unwrap_or(u64::MAX));
        part(self.distance.0) / part(self.distance.1).max(1.0)
    }
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
        let below = 2 * u128::from(n) * u128::from(total);
        // Counts below 2^32 keep these products inside 128 bits.
        if below > 0 && apart.saturating_mul(self.distance.1) > self.distance.0.saturating_mul(below) {
            self.distance = (apart, below);
        }
    }
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
    fn diversity_and_distance_are_those_of_the_worst_crowd() {
        let age = Column::of("age", ["a", "a", "a", "a", "b", "b"]);
        let icd = Column::of("icd", ["E11", "E11", "C50", "C50", "E11", "E11"]);
        let input =
            InputCounts::from([("icd".into(), BTreeMap::from([("E11".into(), 4), ("C50".into(), 2)]))]);
        let measured = measure(&Table { columns: vec![age, icd] }, &["age"], None, &input);
        let icd = &measured.sensitive[0];
        assert_eq!((icd.distinct, icd.is_within(Ratio::new(1, 3).expect("not zero"))), (1, true));
        assert!(!icd.is_within(Ratio::new(33, 100).expect("not zero")));
        assert!((icd.entropy - 1.0).abs() < 1e-9 && (icd.distance_value() - 1.0 / 3.0).abs() < 1e-9);
    }
}
