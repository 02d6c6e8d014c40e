//! What is released on the levels that were chosen: which rows, and the text of each cell.

use super::crowds::{Crowds, Rows};
use super::evaluate::{Problem, spread};
use super::hierarchy::Hierarchy;
use super::keys::join;
use super::linked::standing_out;
use super::number::{at, code, count};
use super::rules::Spread;

/// The rows that may be released, and the levels on which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    levels: Vec<u8>,
    kept: Vec<bool>,
}

impl Release {
    /// Applies levels to the rows of a problem.
    pub fn new(problem: &Problem, levels: &[u8]) -> Self {
        let (_, kept) = once(problem, levels, &vec![true; problem.rows]);
        Self { levels: levels.to_vec(), kept }
    }

    /// The same where rows of a person stay joined: persons whose rows together stand out are left out too, and
    /// whoever stands out without them, until nobody does.
    pub fn with_persons_joined(problem: &Problem, levels: &[u8]) -> Self {
        let Some(persons) = &problem.persons else { return Self::new(problem, levels) };
        let mut asked = vec![true; problem.rows];
        loop {
            let (crowd_of, kept) = once(problem, levels, &asked);
            let out = standing_out(&crowd_of, &kept, persons, problem.rules.k);
            if !out.contains(&true) {
                return Self { levels: levels.to_vec(), kept };
            }
            asked = kept.iter().zip(out).map(|(kept, out)| *kept && !out).collect();
        }
    }

    /// Whether each row is released. A row that is not is a flag here, never a text such as `*`.
    pub fn kept(&self) -> &[bool] {
        &self.kept
    }

    /// How many rows are left out.
    pub fn left_out(&self) -> u64 {
        count(self.kept.iter().filter(|kept| !**kept).count())
    }

    /// The text of a cell that is released.
    pub fn text<'p>(&self, problem: &'p Problem, column: usize, row: usize) -> &'p str {
        let level = self.levels.get(column).copied().unwrap_or(u8::MAX);
        let cell = problem.quasi.get(column).and_then(|quasi| Some((quasi, *quasi.leaves.get(row)?)));
        cell.map(|(quasi, leaf)| quasi.hierarchy.label(usize::from(level), leaf)).unwrap_or_default()
    }
}

/// The crowd of each row among those asked for, and which of them may be released.
fn once(problem: &Problem, levels: &[u8], asked: &[bool]) -> (Vec<u32>, Vec<bool>) {
    let places: Vec<usize> =
        asked.iter().enumerate().filter(|(_, asked)| **asked).map(|(row, _)| row).collect();
    let only =
        |codes: &[u32]| -> Vec<u32> { places.iter().filter_map(|row| codes.get(*row).copied()).collect() };
    let leaves: Vec<Vec<u32>> = problem.quasi.iter().map(|quasi| only(&quasi.leaves)).collect();
    let columns: Vec<(&[u32], &Hierarchy)> = leaves
        .iter()
        .zip(&problem.quasi)
        .map(|(leaves, quasi)| (leaves.as_slice(), &quasi.hierarchy))
        .collect();
    let sensitive: Vec<Vec<u32>> = problem.sensitive.iter().map(|column| only(&column.codes)).collect();
    let sensitive: Vec<&[u32]> = sensitive.iter().map(Vec::as_slice).collect();
    let persons = problem.persons.as_deref().map(only);
    let rows = Rows { persons: persons.as_deref(), sensitive: &sensitive, rows: places.len() };
    let alone = Crowds::of_rows(&rows);
    let joined = join(&columns, levels, &alone.reps).crowd_of;
    let good = good(problem, &alone.coarser(&columns, levels));
    let mut crowd_of = vec![code(good.len()); problem.rows];
    let mut kept = vec![false; problem.rows];
    for (row, crowd) in places.iter().zip(joined) {
        crowd_of[*row] = crowd;
        kept[*row] = good[at(crowd)];
    }
    (crowd_of, kept)
}

/// Which crowds keep the rules; closeness is that to the whole input.
fn good(problem: &Problem, crowds: &Crowds) -> Vec<bool> {
    let mut good: Vec<bool> =
        crowds.persons().iter().map(|persons| u64::from(*persons) >= problem.rules.k).collect();
    for (place, model) in &problem.rules.models {
        let Some(column) = problem.sensitive.get(*place) else { continue };
        let whole: Spread = spread(column, problem.persons.as_deref());
        let histograms = crowds.histograms(*place);
        for (crowd, good) in good.iter_mut().enumerate() {
            *good = *good && model.holds(histograms.of(crowd), &whole);
        }
    }
    good
}
