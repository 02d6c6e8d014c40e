//! A table of counts from beginning to end: classes, profile, treatment, counting, protecting, writing, reading back.
//!
//! The same gates as for rows come first. Columns are grouped on levels that the permit fixes. What was written is read
//! again and measured by its texts alone.

use super::classes::Class;
use super::delimited::{read_back, write};
use super::extract::{ExtractRules, Refusal};
use super::instructions::CountsAsked;
use super::number::{at, count};
use super::prepare::{Outlet, Prepared, prepare};
use super::pseudonym::ExtractKey;
use super::scan::{Scan, scan};
use super::statistics::{CountTable, Place, Protection, Shown, TableAudit, TableProblem, tabulate};
use super::sums::{NotNumbers, Sums, sums};
use super::table::{Column, Table};

/// What stands for a hidden number.
pub const HIDDEN: &str = "秘匿";

/// What stands for the sum over a column.
pub const TOTAL: &str = "計";

/// The name of the column with the numbers.
pub const PERSONS: &str = "人数";

/// The name of the column with the sums of another.
pub fn sum_head(column: &str) -> String {
    format!("{column}の合計")
}

/// A table, ready to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountExtract {
    /// The file.
    pub bytes: Vec<u8>,
    /// Persons of the source.
    pub persons: u64,
    /// Rows of the source.
    pub rows: u64,
    /// What the audit found.
    pub audit: TableAudit,
    /// Cells whose persons are shown and whose sum is not; none without sums.
    pub dominated: Option<u64>,
    /// Lines of the table.
    pub lines: u64,
    /// What was looked for in what was written.
    pub scan: Scan,
    /// Cells that a spreadsheet would run as a formula.
    pub formulas: u64,
    /// The rows of the source in each cell, for the ledger.
    pub cells: Vec<Vec<usize>>,
}

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CountRefusal {
    /// The same reasons as for rows.
    #[error(transparent)]
    Rows(#[from] Refusal),
    /// It groups by a column that is not released.
    #[error("the table groups by {0:?}, which is not released")]
    NotReleased(String),
    /// The column has no such level.
    #[error("the table groups by {column:?} on level {level}; its vaguest level is {height}")]
    NoLevel {
        /// The column.
        column: String,
        /// What was asked for.
        level: u8,
        /// What there is.
        height: u8,
    },
    /// The table itself.
    #[error(transparent)]
    Table(#[from] TableProblem),
    /// What should be added up.
    #[error(transparent)]
    Sum(#[from] NotNumbers),
}

/// Makes a table of counts, or says why there is none.
pub fn count_extract(
    source: &Table,
    rules: &ExtractRules,
    asked: &CountsAsked,
    key: &ExtractKey,
) -> Result<CountExtract, CountRefusal> {
    let prepared = prepare(source, rules, key)?;
    let columns = asked
        .by
        .iter()
        .map(|(name, level)| grouped(&prepared, name, *level))
        .collect::<Result<Vec<_>, _>>()?;
    let persons = prepared.problem.persons.as_deref();
    let borrowed: Vec<&Column> = columns.iter().collect();
    let made = tabulate(&borrowed, persons, asked.rules)?;
    let sums = match &asked.sum {
        None => None,
        Some(name) => {
            // What has levels is not added up.
            let values = grouped(&prepared, name, 0)?;
            Some((name.as_str(), sums(&made, &borrowed, (persons, &values), asked.rules.cell_min)?))
        }
    };
    let table = lines(&made, asked, sums.as_ref());
    let written = write(&table, rules.writing).map_err(Refusal::Write)?;
    let back = read_back(&written.bytes, rules.writing).map_err(Refusal::ReadBack)?;
    let scan = scan(&back, &prepared.dictionary, &std::collections::BTreeSet::new());
    if !scan.is_clean() {
        return Err(Refusal::Leak(Box::new(scan)).into());
    }
    if !keeps(&back, asked) {
        return Err(Refusal::Empty.into());
    }
    let heads = rules.person.as_deref().and_then(|name| source.column(name));
    Ok(CountExtract {
        persons: count(heads.map_or(source.rows(), |column| column.values().len())),
        rows: count(source.rows()),
        audit: made.audit,
        dominated: sums.map(|(_, sums)| sums.dominated),
        lines: count(back.rows()),
        cells: cells(&borrowed, source.rows()),
        formulas: written.formulas,
        bytes: written.bytes,
        scan,
    })
}

/// A column on a level; what has no levels stays as it was treated.
fn grouped(prepared: &Prepared, name: &str, level: u8) -> Result<Column, CountRefusal> {
    let outlet = prepared.outlets.iter().find(|outlet| outlet.name() == name);
    match outlet {
        None | Some(Outlet::Plain(_, Class::Link | Class::Direct)) => {
            Err(CountRefusal::NotReleased(name.to_owned()))
        }
        Some(Outlet::Plain(column, _)) => Ok(column.clone()),
        Some(Outlet::Quasi(_, place)) => {
            let quasi = prepared.problem.quasi.get(*place);
            let quasi = quasi.ok_or_else(|| CountRefusal::NotReleased(name.to_owned()))?;
            let height = u8::try_from(quasi.hierarchy.height()).unwrap_or(u8::MAX);
            if level > height {
                return Err(CountRefusal::NoLevel { column: name.to_owned(), level, height });
            }
            let labels = quasi.leaves.iter().map(|leaf| quasi.hierarchy.label(level.into(), *leaf));
            Ok(Column::of(name, labels))
        }
    }
}

/// The table as it is written: cells first, then totals, each in the order of their texts.
fn lines(made: &CountTable, asked: &CountsAsked, sums: Option<&(&str, Sums)>) -> Table {
    let text = |place: &Place| -> Vec<String> {
        let label = |(value, values): (&Option<u32>, &Vec<String>)| {
            value.and_then(|value| values.get(at(value)).cloned()).unwrap_or_else(|| TOTAL.to_owned())
        };
        place.iter().zip(&made.values).map(label).collect()
    };
    let hidden = || HIDDEN.to_owned();
    let mut rows: Vec<(bool, Vec<String>, Vec<String>)> = Vec::new();
    for (place, shown) in &made.cells {
        let number = match shown {
            Shown::Count(number) => number.to_string(),
            Shown::Hidden => hidden(),
        };
        let sum = |(_, sums): &(&str, Sums)| {
            sums.cells.get(place).copied().flatten().map_or_else(hidden, |sum| sum.to_string())
        };
        let numbers = std::iter::once(number).chain(sums.map(sum)).collect();
        rows.push((place.contains(&None), text(place), numbers));
    }
    rows.sort();
    let mut columns: Vec<Column> = asked.by.iter().map(|(name, _)| Column::new(name)).collect();
    columns.push(Column::new(PERSONS));
    columns.extend(sums.map(|(name, _)| Column::new(&sum_head(name))));
    for (_, texts, numbers) in &rows {
        for (column, text) in columns.iter_mut().zip(texts.iter().chain(numbers)) {
            column.push(text);
        }
    }
    Table { columns }
}

/// Whether every number that was written is none, or at least the smallest that may be shown.
pub fn keeps(back: &Table, asked: &CountsAsked) -> bool {
    let Some(numbers) = back.column(PERSONS) else { return false };
    let is_fine = |text: &String| match text.parse::<u64>() {
        Ok(number) => {
            let is_round = asked.rules.protection == Protection::Hide || number.is_multiple_of(10);
            number == 0 || (is_round && number >= u64::from(asked.rules.cell_min))
        }
        Err(_) => text == HIDDEN,
    };
    let has_sums = |name: &String| back.column(&sum_head(name)).is_some_and(|sums| sums_stand(numbers, sums));
    numbers.values().iter().all(is_fine) && asked.sum.as_ref().is_none_or(has_sums)
}

/// Whether sums stand only beside numbers of persons, and nothing is the sum of nobody.
fn sums_stand(numbers: &Column, sums: &Column) -> bool {
    (0..numbers.rows()).all(|row| match (numbers.text(row).parse::<u64>(), sums.text(row).parse::<u128>()) {
        (Ok(0), Ok(sum)) => sum == 0,
        (Ok(_), Ok(_)) => true,
        (_, Err(_)) => sums.text(row) == HIDDEN,
        (Err(_), Ok(_)) => false,
    })
}

/// The rows in each cell.
fn cells(columns: &[&Column], rows: usize) -> Vec<Vec<usize>> {
    let mut rows_of: std::collections::BTreeMap<Vec<u32>, Vec<usize>> = std::collections::BTreeMap::new();
    for row in 0..rows {
        let place = columns.iter().filter_map(|column| column.codes().get(row).copied()).collect();
        rows_of.entry(place).or_default().push(row);
    }
    rows_of.into_values().collect()
}
