//! What is released on the levels that were chosen: which rows, in which crowds, and the text of each cell.

use super::crowds::Crowds;
use super::crowds::Rows;
use super::evaluate::{Problem, spread};
use super::hierarchy::Hierarchy;
use super::keys::join;
use super::number::at;

/// The rows that may be released, and the levels on which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    levels: Vec<u8>,
    kept: Vec<bool>,
}

impl Release {
    /// Applies levels to the rows of a problem.
    pub fn new(problem: &Problem, levels: &[u8]) -> Self {
        let columns: Vec<(&[u32], &Hierarchy)> =
            problem.quasi.iter().map(|quasi| (quasi.leaves.as_slice(), &quasi.hierarchy)).collect();
        let sensitive: Vec<&[u32]> = problem.sensitive.iter().map(|column| column.codes.as_slice()).collect();
        let persons = problem.persons.as_deref();
        let rows = Rows { persons, sensitive: &sensitive, rows: problem.rows };
        let alone = Crowds::of_rows(&rows);
        let crowd_of = join(&columns, levels, &alone.reps).crowd_of;
        let crowds = alone.coarser(&columns, levels);
        let mut good: Vec<bool> =
            crowds.persons().iter().map(|persons| u64::from(*persons) >= problem.rules.k).collect();
        for (place, model) in &problem.rules.models {
            let Some(column) = problem.sensitive.get(*place) else { continue };
            let whole = spread(column, persons);
            let histograms = crowds.histograms(*place);
            for (crowd, good) in good.iter_mut().enumerate() {
                *good = *good && model.holds(histograms.of(crowd), &whole);
            }
        }
        let kept = crowd_of.iter().map(|crowd| good[at(*crowd)]).collect();
        Self { levels: levels.to_vec(), kept }
    }

    /// Whether each row is released. A row that is not is a flag here, never a text such as `*`.
    pub fn kept(&self) -> &[bool] {
        &self.kept
    }

    /// The text of a cell that is released.
    pub fn text<'p>(&self, problem: &'p Problem, column: usize, row: usize) -> &'p str {
        let level = self.levels.get(column).copied().unwrap_or(u8::MAX);
        let cell = problem.quasi.get(column).and_then(|quasi| Some((quasi, *quasi.leaves.get(row)?)));
        cell.map(|(quasi, leaf)| quasi.hierarchy.label(usize::from(level), leaf)).unwrap_or_default()
    }
}
