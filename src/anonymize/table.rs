//! A table: columns of text, each value once in a dictionary, rows as codes.

use std::collections::BTreeMap;

use super::hierarchy::UNKNOWN;
use super::normal_form::{canonical, is_unknown};
use super::number::{at, code};

/// A column of text. Two are equal if they have one name and the same values in the same rows.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// What it is called.
    pub name: String,
    /// Every value once, in its canonical form; what is not known is [`UNKNOWN`].
    values: Vec<String>,
    /// The value of each row.
    codes: Vec<u32>,
    known: BTreeMap<String, u32>,
}

impl Column {
    /// A column without rows.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A column with these values.
    pub fn of<'v>(name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        let mut made = Self::new(name);
        for value in values {
            made.push(value);
        }
        made
    }

    /// Adds a row.
    pub fn push(&mut self, value: &str) {
        let own = match self.known.get(value) {
            Some(own) => *own,
            None => {
                let plain = if is_unknown(value) { UNKNOWN.to_owned() } else { canonical(value) };
                let own = self.known.get(&plain).copied().unwrap_or_else(|| {
                    self.values.push(plain.clone());
                    code(self.values.len() - 1)
                });
                self.known.insert(plain, own);
                self.known.insert(value.to_owned(), own);
                own
            }
        };
        self.codes.push(own);
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.codes.len()
    }

    /// Every value once.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The value of each row, as its place in [`Column::values`].
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The text of a row.
    pub fn text(&self, row: usize) -> &str {
        let value = self.codes.get(row).and_then(|own| self.values.get(at(*own)));
        value.map(String::as_str).unwrap_or_default()
    }

    /// How many rows have each value.
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0_u64; self.values.len()];
        for own in &self.codes {
            counts[at(*own)] += 1;
        }
        counts
    }

    /// How many persons have each value; without persons, how many rows.
    pub fn persons(&self, persons: Option<&[u32]>) -> Vec<u64> {
        let Some(persons) = persons else { return self.counts() };
        let mut pairs: Vec<(u32, u32)> = self.codes.iter().copied().zip(persons.iter().copied()).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut counts = vec![0_u64; self.values.len()];
        for (own, _) in pairs {
            counts[at(own)] += 1;
        }
        counts
    }

    /// The same rows with other values: `change` is asked once for each value.
    #[must_use]
    pub fn changed(&self, mut change: impl FnMut(usize, &str) -> String) -> Self {
        let mut made = Self::new(&self.name);
        let mut own_of = Vec::with_capacity(self.values.len());
        for (place, value) in self.values.iter().enumerate() {
            let new = change(place, value);
            let own = made.known.get(&new).copied().unwrap_or_else(|| {
                made.values.push(new.clone());
                code(made.values.len() - 1)
            });
            made.known.insert(new, own);
            own_of.push(own);
        }
        made.codes = self.codes.iter().map(|own| own_of[at(*own)]).collect();
        made
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        let same = |row| self.text(row) == other.text(row);
        self.name == other.name && self.rows() == other.rows() && (0..self.rows()).all(same)
    }
}

impl Eq for Column {}

/// Columns of the same length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns, in the order in which they stand.
    pub columns: Vec<Column>,
}

impl Table {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::rows)
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_14_what_is_not_known_is_one_value_of_its_own() {
        let column = Column::of("age", ["34", "", "NULL", "不明", "NaN", " ", "34 ", "３４"]);
        assert_eq!(column.values(), ["34", UNKNOWN]);
        assert_eq!(column.counts(), [3, 5]);
    }

    #[test]
    fn case_5_twins_are_one_value() {
        let column = Column::of("kana", ["ｶﾞﾝ", "ガン", "カ\u{3099}ン"]);
        assert_eq!(column.values(), ["ガン"]);
    }

    #[test]
    fn persons_count_once_for_a_value() {
        let column = Column::of("icd10", ["E11", "E11", "C50", "E11"]);
        assert_eq!(column.persons(Some(&[0, 0, 0, 1])), [2, 1]);
        assert_eq!(column.persons(None), [3, 1]);
    }

    #[test]
    fn a_change_joins_values() {
        let column = Column::of("icd10", ["E11", "C50", "E11", "Z99"]);
        let changed =
            column.changed(|_, value| if value == "E11" { value.to_owned() } else { "その他".to_owned() });
        assert_eq!(changed.values(), ["E11", "その他"]);
        assert_eq!(changed.codes(), [0, 1, 0, 1]);
    }
}
