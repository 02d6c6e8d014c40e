//! Tables of counts in which nobody can be found: groups by up to three columns, small cells hidden or rounded.
//!
//! Cells count persons. No cell between 1 and `cell_min - 1` is shown, and further cells are hidden until a reader who
//! adds and subtracts still has to reckon with several values for each small one (`audit`). Zeros are shown. Where some
//! person is in several cells, totals are not sums and could say who; they are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::audit::{Range, System};
use super::number::{at, code, count};
use super::table::Column;

/// How small cells are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// They are hidden, and others with them.
    Hide,
    /// Every number is rounded up to tens, totals too.
    RoundUp,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRules {
    /// The fewest persons of a cell that is shown.
    pub cell_min: u32,
    /// By how many columns a table may group.
    pub dimensions_max: usize,
    /// How small cells are protected.
    pub protection: Protection,
    /// Whether totals are shown.
    pub totals: bool,
}

/// A cell, or a total: the value of each column, none where it is summed up.
pub type Place = Vec<Option<u32>>;

/// What is shown in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The number.
    Count(u64),
    /// Hidden.
    Hidden,
}

/// A table that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountTable {
    /// The values of each column that it groups by.
    pub values: Vec<Vec<String>>,
    /// Every cell, and every total where totals are shown.
    pub cells: BTreeMap<Place, Shown>,
    /// What the audit found.
    pub audit: TableAudit,
}

/// What the audit of a table found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableAudit {
    /// Cells below the smallest that is shown.
    pub small: u64,
    /// Cells that are hidden with them.
    pub complementary: u64,
    /// How far the possible values of the small cell that is known best are apart; none without small cells.
    pub narrowest: Option<i64>,
    /// Whether totals are shown.
    pub has_totals: bool,
}

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// More columns than are permitted.
    #[error("the table groups by {asked} columns; {permitted} are permitted")]
    Dimensions {
        /// How many were asked for.
        asked: usize,
        /// How many are permitted.
        permitted: usize,
    },
    /// More cells than can be audited.
    #[error("the table would have {cells} cells; at most {CELLS_MAX} can be audited")]
    TooLarge {
        /// How many.
        cells: u128,
    },
    /// The columns do not have the same rows.
    #[error("the columns do not have one value for each row")]
    Unequal,
    /// Nothing would be left to show.
    #[error("no cell can be shown: group by fewer columns or by vaguer values")]
    Empty,
}

/// A table with more cells is not audited.
pub const CELLS_MAX: u128 = 4_000;

/// A reader must reckon with values of a small cell that are at least so far apart.
const WIDTH_MIN: i64 = 5;

/// Groups rows by columns, counts persons and protects small cells.
pub fn tabulate(
    columns: &[&Column],
    persons: Option<&[u32]>,
    rules: TableRules,
) -> Result<CountTable, TableProblem> {
    if columns.len() > rules.dimensions_max || columns.is_empty() {
        return Err(TableProblem::Dimensions { asked: columns.len(), permitted: rules.dimensions_max });
    }
    let rows = columns.first().map_or(0, |column| column.rows());
    let persons: Vec<u32> = persons.map_or_else(|| (0..code(rows)).collect(), <[u32]>::to_vec);
    if columns.iter().any(|column| column.rows() != rows) || persons.len() != rows {
        return Err(TableProblem::Unequal);
    }
    let cells: u128 = columns.iter().map(|column| u128::from(count(column.values().len())) + 1).product();
    if cells > CELLS_MAX {
        return Err(TableProblem::TooLarge { cells });
    }
    let (inner, is_additive) = count_inner(columns, &persons);
    let counts = Counts::new(columns, inner, rules.totals && is_additive);
    let (cells, audit) = match rules.protection {
        Protection::Hide => counts.hidden(rules.cell_min),
        Protection::RoundUp => counts.rounded(rules.cell_min).unwrap_or_else(|| {
            // The totals would give small cells away: they are left out.
            counts.without_totals().rounded(rules.cell_min).unwrap_or_else(|| counts.hidden(rules.cell_min))
        }),
    };
    if !cells.values().any(|shown| matches!(shown, Shown::Count(number) if *number > 0)) {
        return Err(TableProblem::Empty);
    }
    Ok(CountTable { values: columns.iter().map(|column| column.values().to_vec()).collect(), cells, audit })
}

/// Persons in each cell, and whether nobody is in two.
fn count_inner(columns: &[&Column], persons: &[u32]) -> (BTreeMap<Place, i64>, bool) {
    let mut seen: BTreeSet<(u32, Place)> = BTreeSet::new();
    for (row, person) in persons.iter().enumerate() {
        let place = columns.iter().map(|column| column.codes().get(row).copied()).collect();
        seen.insert((*person, place));
    }
    let distinct: BTreeSet<u32> = persons.iter().copied().collect();
    let is_additive = seen.len() == distinct.len();
    let mut inner = BTreeMap::new();
    for (_, place) in seen {
        *inner.entry(place).or_insert(0) += 1;
    }
    (inner, is_additive)
}

/// All numbers of a table before anything is hidden.
#[derive(Debug, Clone)]
struct Counts {
    numbers: BTreeMap<Place, i64>,
    sizes: Vec<u32>,
    has_totals: bool,
}

impl Counts {
    fn new(columns: &[&Column], inner: BTreeMap<Place, i64>, has_totals: bool) -> Self {
        let sizes: Vec<u32> = columns.iter().map(|column| code(column.values().len())).collect();
        let mut places: Vec<Place> = vec![Vec::new()];
        for size in &sizes {
            let own = (0..*size).map(Some).chain(has_totals.then_some(None));
            let own: Vec<Option<u32>> = own.collect();
            places = places
                .into_iter()
                .flat_map(|place| own.iter().map(move |value| [place.as_slice(), &[*value]].concat()))
                .collect();
        }
        let is_part = |part: &Place, whole: &Place| {
            part.iter().zip(whole).all(|(own, all)| all.is_none() || own == all)
        };
        let sum = |place: &Place| inner.iter().filter(|(part, _)| is_part(part, place)).map(|(_, n)| n).sum();
        let numbers = places.into_iter().map(|place| (place.clone(), sum(&place))).collect();
        Self { numbers, sizes, has_totals }
    }

    fn without_totals(&self) -> Self {
        let inner = self.numbers.iter().filter(|(place, _)| place.iter().all(Option::is_some));
        Self {
            numbers: inner.map(|(p, n)| (p.clone(), *n)).collect(),
            sizes: self.sizes.clone(),
            has_totals: false,
        }
    }

    /// Every sum: a total and its parts along one column.
    fn sums(&self) -> Vec<(Place, Vec<Place>)> {
        let mut sums = Vec::new();
        for total in self.numbers.keys().filter(|_| self.has_totals) {
            for (column, _) in total.iter().enumerate().filter(|(_, value)| value.is_none()) {
                let part = |value: u32| {
                    let mut part = total.clone();
                    part[column] = Some(value);
                    part
                };
                sums.push((total.clone(), (0..self.sizes[column]).map(part).collect()));
            }
        }
        sums
    }

    /// The system of these cells, with what a reader knows of each.
    fn system(&self, cells: &[&Place], domain: impl Fn(i64) -> (i64, i64)) -> System {
        let number: BTreeMap<&Place, usize> =
            cells.iter().enumerate().map(|(number, place)| (*place, number)).collect();
        let truth: Vec<i64> =
            cells.iter().map(|place| self.numbers.get(*place).copied().unwrap_or(0)).collect();
        let mut equations = Vec::new();
        for (total, parts) in self.sums() {
            let mut own: Vec<(usize, i64)> =
                parts.iter().filter_map(|part| number.get(part)).map(|n| (*n, 1)).collect();
            own.extend(number.get(&total).map(|n| (*n, -1)));
            if !own.is_empty() {
                equations.push(own);
            }
        }
        System { domains: truth.iter().map(|truth| domain(*truth)).collect(), truth, equations }
    }

    fn small(&self, cell_min: u32) -> BTreeSet<&Place> {
        let is_small = |number: i64| 0 < number && number < i64::from(cell_min);
        self.numbers.iter().filter(|(_, number)| is_small(**number)).map(|(place, _)| place).collect()
    }

    /// Hides small cells, and others until none of the small ones can be worked out.
    fn hidden(&self, cell_min: u32) -> (BTreeMap<Place, Shown>, TableAudit) {
        let small = self.small(cell_min);
        let mut hidden = small.clone();
        loop {
            let cells: Vec<&Place> = hidden.iter().copied().collect();
            let system = self.system(&cells, |_| (1, i64::MAX / 4));
            let ranges = cells.iter().enumerate().filter(|(_, place)| small.contains(*place));
            let ranges: Vec<(&Place, Range)> =
                ranges.map(|(n, p)| (*p, system.range(n, WIDTH_MIN * 2))).collect();
            let weakest = ranges.iter().min_by_key(|(_, range)| range.width());
            let narrowest = weakest.map(|(_, range)| range.width());
            let next = weakest.filter(|(_, range)| range.width() < WIDTH_MIN);
            let next = next.and_then(|(place, _)| self.companion(place, &hidden));
            if let Some(place) = next {
                hidden.insert(place);
                continue;
            }
            if narrowest.is_some_and(|width| width < WIDTH_MIN) {
                // Nothing is left to hide: the totals themselves say too much.
                return if self.has_totals {
                    self.without_totals().hidden(cell_min)
                } else {
                    self.nothing(&small)
                };
            }
            let shown = |(place, number): (&Place, &i64)| {
                let number = u64::try_from(*number).unwrap_or(0);
                (place.clone(), if hidden.contains(place) { Shown::Hidden } else { Shown::Count(number) })
            };
            let audit = TableAudit {
                small: count(small.len()),
                complementary: count(hidden.len() - small.len()),
                narrowest,
                has_totals: self.has_totals,
            };
            return (self.numbers.iter().map(shown).collect(), audit);
        }
    }

    fn nothing(&self, small: &BTreeSet<&Place>) -> (BTreeMap<Place, Shown>, TableAudit) {
        let cells = self.numbers.keys().map(|place| (place.clone(), Shown::Hidden)).collect();
        let complementary = count(self.numbers.len() - small.len());
        (
            cells,
            TableAudit {
                small: count(small.len()),
                complementary,
                narrowest: None,
                has_totals: self.has_totals,
            },
        )
    }

    /// The cell to hide next: the smallest that shares a sum with this one, cells before totals.
    fn companion<'s>(&'s self, place: &Place, hidden: &BTreeSet<&Place>) -> Option<&'s Place> {
        let mut near: BTreeSet<Place> = BTreeSet::new();
        let sums = self.sums();
        // Cells that share a sum with it; then cells that share one with those that are hidden with it.
        let mut around: BTreeSet<Place> = BTreeSet::from([place.clone()]);
        for _ in 0..3 {
            for (total, parts) in &sums {
                if around.contains(total) || parts.iter().any(|part| around.contains(part)) {
                    near.extend(parts.iter().cloned());
                    near.insert(total.clone());
                }
            }
            let candidates = near.iter().filter_map(|place| self.numbers.get_key_value(place));
            let free = candidates.filter(|(place, number)| **number > 0 && !hidden.contains(place));
            let best =
                free.min_by_key(|(place, number)| (place.iter().filter(|v| v.is_none()).count(), **number));
            if let Some((place, _)) = best {
                return Some(place);
            }
            around.extend(near.iter().filter(|place| hidden.contains(place)).cloned());
        }
        self.numbers
            .iter()
            .filter(|(place, number)| **number > 0 && !hidden.contains(place))
            .map(|(p, _)| p)
            .next()
    }

    /// Rounds everything up to tens; none if the totals narrow a small cell down too far.
    fn rounded(&self, cell_min: u32) -> Option<(BTreeMap<Place, Shown>, TableAudit)> {
        let step = i64::from(cell_min.max(1));
        let up = |number: i64| (number + step - 1) / step * step;
        let cells: Vec<&Place> =
            self.numbers.iter().filter(|(_, number)| **number > 0).map(|(place, _)| place).collect();
        let small = self.small(cell_min);
        let system = self.system(&cells, |truth| (up(truth) - step + 1, up(truth)));
        let ranges = cells.iter().enumerate().filter(|(_, place)| small.contains(*place));
        let narrowest = ranges.map(|(number, _)| system.range(number, WIDTH_MIN * 2).width()).min();
        if narrowest.is_some_and(|width| width < WIDTH_MIN.min(step - 1)) {
            return None;
        }
        let shown = |(place, number): (&Place, &i64)| {
            (place.clone(), Shown::Count(u64::try_from(up(*number)).unwrap_or(0)))
        };
        let audit = TableAudit {
            small: count(small.len()),
            complementary: 0,
            narrowest,
            has_totals: self.has_totals,
        };
        Some((self.numbers.iter().map(shown).collect(), audit))
    }
}

/// The value of a cell in a dictionary.
pub fn label<'t>(table: &'t CountTable, place: &Place, column: usize) -> Option<&'t str> {
    let value = place.get(column).copied().flatten()?;
    table.values.get(column)?.get(at(value)).map(String::as_str)
}
