//! Sums beside the counts of a table: of a column of whole numbers, over the persons of each cell.
//!
//! A sum stands only where the number of persons stands, where enough of them contribute to it, and where no few make up so
//! much of it that it says what they have. Totals have none: nothing can be worked out by subtracting.

use std::collections::{BTreeMap, BTreeSet};

use super::hierarchy::UNKNOWN;
use super::number::count;
use super::statistics::{CountTable, Place, Shown};
use super::table::Column;

/// Whether a few persons make up so much of a sum that it says what they have: the largest `largest` contributions are
/// more than `percent` of it, or the largest can be worked out by the second to within `percent_of_largest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dominance {
    /// How many contributions count together.
    pub largest: usize,
    /// What share of the sum they may be.
    pub percent: u32,
    /// How well the second largest contributor may know the largest.
    pub percent_of_largest: u32,
}

/// The rule that sums are held to: one person has at most 75 %, and the second learns the first no better than to 10 %.
pub const DOMINANCE: Dominance = Dominance { largest: 1, percent: 75, percent_of_largest: 10 };

impl Dominance {
    /// Whether a sum of these contributions, one for each person, may not be shown. Means and sums are one: whoever has
    /// the count has both.
    pub fn forbids(self, contributions: &[u64]) -> bool {
        let mut sorted: Vec<u128> = contributions.iter().map(|own| u128::from(*own)).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let total: u128 = sorted.iter().sum();
        let largest: u128 = sorted.iter().take(self.largest).sum();
        let first = sorted.first().copied().unwrap_or(0);
        let rest: u128 = sorted.iter().skip(2).sum();
        total > 0
            && (largest * 100 > total * u128::from(self.percent)
                || rest * 100 < first * u128::from(self.percent_of_largest))
    }
}

/// Values of a column that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rows} values of {column:?} are no whole numbers from 0: round the column, or leave out the sum")]
pub struct NotNumbers {
    /// The column.
    pub column: String,
    /// How many rows.
    pub rows: u64,
}

/// The sums of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// Of each cell, none where it is hidden. Totals are not in it.
    pub cells: BTreeMap<Place, Option<u128>>,
    /// Cells whose number of persons is shown and whose sum is not.
    pub dominated: u64,
}

/// Adds a column up over the cells of a table that shows their persons. A value that is not there adds nothing.
pub fn sums(
    table: &CountTable,
    columns: &[&Column],
    (persons, values): (Option<&[u32]>, &Column),
    cell_min: u32,
) -> Result<Sums, NotNumbers> {
    let number = |text: &String| if text == UNKNOWN { Some(0) } else { text.parse::<u64>().ok() };
    let numbers: Vec<Option<u64>> = values.values().iter().map(number).collect();
    let of_row =
        |row: usize| values.codes().get(row).and_then(|code| *numbers.get(super::number::at(*code))?);
    let strange = (0..values.rows()).filter(|row| of_row(*row).is_none()).count();
    if strange > 0 {
        return Err(NotNumbers { column: values.name.clone(), rows: count(strange) });
    }
    let mut own: BTreeMap<Place, BTreeMap<u32, u64>> = BTreeMap::new();
    for row in 0..values.rows() {
        let place: Place = columns.iter().map(|column| column.codes().get(row).copied()).collect();
        let person = persons
            .map_or_else(|| super::number::code(row), |persons| persons.get(row).copied().unwrap_or(0));
        let sum = own.entry(place).or_default().entry(person).or_default();
        *sum = sum.saturating_add(of_row(row).unwrap_or(0));
    }
    let mut cells = BTreeMap::new();
    let mut dominated = 0;
    for (place, shown) in table.cells.iter().filter(|(place, _)| !place.contains(&None)) {
        let contributions: Vec<u64> =
            own.get(place).map(|own| own.values().copied().collect()).unwrap_or_default();
        let sum = match shown {
            Shown::Count(0) => Some(0),
            Shown::Hidden => None,
            Shown::Count(_) => {
                let sum = shown_sum(&contributions, cell_min);
                dominated += u64::from(sum.is_none());
                sum
            }
        };
        cells.insert(place.clone(), sum);
    }
    Ok(Sums { cells, dominated })
}

/// The sum of a cell whose persons are shown, unless it says what somebody has: too few contribute, a few make up most of
/// it, or all have the same.
fn shown_sum(contributions: &[u64], cell_min: u32) -> Option<u128> {
    let contributors = contributions.iter().filter(|own| **own > 0).count();
    let is_one_value = contributions.iter().collect::<BTreeSet<_>>().len() < 2;
    let is_told =
        count(contributors) < u64::from(cell_min) || is_one_value || DOMINANCE.forbids(contributions);
    (!is_told).then(|| contributions.iter().map(|own| u128::from(*own)).sum())
}
