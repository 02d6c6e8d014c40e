//! What a reader can work out about a cell that a table does not show.
//!
//! A published table is a system of equations: every total is the sum of its parts. Whoever knows that reads hidden
//! cells from their neighbours. For a cell this finds values, other than the true one, with which every equation still
//! holds in whole numbers; each is a table that might as well be the true one. The search is complete, and when it is
//! cut short the cell counts as found out, never as safe.

/// A system of cells and sums.
#[derive(Debug, Clone, Default)]
pub(super) struct System {
    /// What a reader knows of each cell: at least, at most.
    pub(super) domains: Vec<(i64, i64)>,
    /// What each cell is.
    pub(super) truth: Vec<i64>,
    /// Cells that add up, each with its sign, to nothing: parts and their total.
    pub(super) equations: Vec<Vec<(usize, i64)>>,
}

/// What a reader can say of a cell: it is at least, at most; both within the reach that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The smallest value that is possible.
    pub low: i64,
    /// The largest value that is possible.
    pub high: i64,
}

impl Range {
    /// How far the two are apart.
    pub fn width(self) -> i64 {
        self.high - self.low
    }
}

/// So many steps are taken for one value of one cell; then it counts as impossible.
const STEPS_MAX: u32 = 4_000;

impl System {
    /// The values that a cell may have, as far as `reach` from the true one.
    pub(super) fn range(&self, cell: usize, reach: i64) -> Range {
        let Some(truth) = self.truth.get(cell).copied() else { return Range { low: 0, high: 0 } };
        let touching = self.touching();
        let furthest = |sign: i64| {
            let values = (1..=reach).rev().map(|by| truth + sign * by);
            values.into_iter().find(|value| self.is_possible(&touching, cell, *value)).unwrap_or(truth)
        };
        Range { low: furthest(-1), high: furthest(1) }
    }

    /// Which equations each cell is in.
    fn touching(&self) -> Vec<Vec<usize>> {
        let mut touching = vec![Vec::new(); self.truth.len()];
        for (number, equation) in self.equations.iter().enumerate() {
            for (cell, _) in equation {
                touching[*cell].push(number);
            }
        }
        touching
    }

    /// Whether everything can hold with this value in this cell.
    fn is_possible(&self, touching: &[Vec<usize>], cell: usize, value: i64) -> bool {
        let mut attempt = Attempt {
            system: self,
            touching,
            changes: vec![0; self.truth.len()],
            is_fixed: vec![false; self.truth.len()],
            gaps: vec![0; self.equations.len()],
            steps: 0,
        };
        attempt.allows(cell, value) && attempt.with(cell, value - self.truth[cell])
    }
}

/// A change of the true table that is being completed: it starts in one cell, and every equation that it breaks must be
/// mended by cells that were not changed yet.
struct Attempt<'a> {
    system: &'a System,
    touching: &'a [Vec<usize>],
    changes: Vec<i64>,
    is_fixed: Vec<bool>,
    /// By how much each equation is broken.
    gaps: Vec<i64>,
    steps: u32,
}

impl Attempt<'_> {
    fn allows(&self, cell: usize, value: i64) -> bool {
        let (low, high) = self.system.domains[cell];
        low <= value && value <= high
    }

    /// Changes a cell and completes the table; undoes it if that cannot be done.
    fn with(&mut self, cell: usize, by: i64) -> bool {
        self.steps += 1;
        self.set(cell, by, true);
        if self.completes() {
            return true;
        }
        self.set(cell, -by, false);
        false
    }

    fn set(&mut self, cell: usize, by: i64, is_fixed: bool) {
        self.is_fixed[cell] = is_fixed;
        self.changes[cell] += by;
        for equation in &self.touching[cell] {
            let signs = &self.system.equations[*equation];
            let sign: i64 = signs.iter().filter(|(own, _)| *own == cell).map(|(_, sign)| sign).sum();
            self.gaps[*equation] += sign * by;
        }
    }

    /// Mends the broken equation with the fewest cells left to change.
    fn completes(&mut self) -> bool {
        if self.steps > STEPS_MAX {
            return false;
        }
        let free =
            |equation: &Vec<(usize, i64)>| equation.iter().filter(|(cell, _)| !self.is_fixed[*cell]).count();
        let broken = self.gaps.iter().enumerate().filter(|(_, gap)| **gap != 0).map(|(number, _)| number);
        let Some(equation) = broken.min_by_key(|number| free(&self.system.equations[*number])) else {
            return true;
        };
        if !self.can_be_mended(equation) {
            return false;
        }
        let gap = self.gaps[equation];
        let cells: Vec<(usize, i64)> = self.system.equations[equation]
            .iter()
            .copied()
            .filter(|(cell, _)| !self.is_fixed[*cell])
            .collect();
        let Some((cell, sign)) = self.roomiest(&cells, gap) else { return false };
        let (low, high) = self.system.domains[cell];
        let truth = self.system.truth[cell];
        // All of the gap first, then everything between, then the other side: a cell may have to move against it.
        let wanted = -gap * sign;
        let mut values: Vec<i64> = ((low - truth).max(-SPREAD)..=(high - truth).min(SPREAD)).collect();
        values.sort_by_key(|by| ((by - wanted).abs(), by.abs()));
        values.into_iter().any(|by| self.with(cell, by))
    }

    /// Whether the cells that are free could close the gap at all.
    fn can_be_mended(&self, equation: usize) -> bool {
        let (mut least, mut most) = (self.gaps[equation], self.gaps[equation]);
        for (cell, sign) in self.system.equations[equation].iter().filter(|(cell, _)| !self.is_fixed[*cell]) {
            let (low, high) = self.system.domains[*cell];
            let truth = self.system.truth[*cell];
            let (a, b) = (sign * (low - truth), sign * (high - truth));
            least += a.min(b);
            most += a.max(b);
        }
        least <= 0 && 0 <= most
    }

    /// The free cell that can take the most of a gap.
    fn roomiest(&self, cells: &[(usize, i64)], gap: i64) -> Option<(usize, i64)> {
        let room = |(cell, sign): &(usize, i64)| {
            let (low, high) = self.system.domains[*cell];
            let truth = self.system.truth[*cell];
            if gap * sign > 0 { truth - low } else { high - truth }
        };
        cells.iter().copied().max_by_key(|cell| room(cell).min(gap.abs()))
    }
}

/// A cell is changed by at most so much while an equation is mended; further away counts as impossible.
const SPREAD: i64 = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table with a row and a column of totals, in which these cells are hidden: `cells[row * width + column]`.
    fn table(cells: &[i64], width: usize, hidden: &[bool]) -> System {
        let height = cells.len() / width;
        let mut system = System::default();
        let mut number = vec![None; cells.len()];
        for (at, _) in hidden.iter().enumerate().filter(|(_, hidden)| **hidden) {
            number[at] = Some(system.truth.len());
            system.truth.push(cells[at]);
            system.domains.push((1, 100));
        }
        let mut line = |places: Vec<usize>| {
            let own: Vec<(usize, i64)> =
                places.into_iter().filter_map(|at| number[at].map(|cell| (cell, 1))).collect();
            if !own.is_empty() {
                system.equations.push(own);
            }
        };
        for row in 0..height {
            line((0..width).map(|column| row * width + column).collect());
        }
        for column in 0..width {
            line((0..height).map(|row| row * width + column).collect());
        }
        system
    }

    /// All values that the first hidden cell may have, by trying everything.
    fn brute_force(system: &System, at: usize, values: &mut Vec<i64>, found: &mut Vec<i64>, max: i64) {
        if at == system.truth.len() {
            let holds = system.equations.iter().all(|equation| {
                equation.iter().map(|(cell, sign)| sign * (values[*cell] - system.truth[*cell])).sum::<i64>()
                    == 0
            });
            if holds {
                found.push(values[0]);
            }
            return;
        }
        for value in 1..=max {
            values.push(value);
            brute_force(system, at + 1, values, found, max);
            values.pop();
        }
    }

    #[test]
    fn case_21_a_single_hidden_cell_is_read_from_its_total() {
        let system = table(&[2, 30, 40, 50], 2, &[true, false, false, false]);
        assert_eq!(system.range(0, 9), Range { low: 2, high: 2 });
    }

    #[test]
    fn case_21_four_hidden_cells_protect_each_other_as_far_as_their_totals_allow() {
        let system = table(&[2, 30, 11, 50], 2, &[true, true, true, true]);
        assert_eq!(system.range(0, 9), Range { low: 1, high: 11 });
        let tight = table(&[2, 1, 1, 50], 2, &[true, true, true, true]);
        assert_eq!(tight.range(0, 9), Range { low: 1, high: 2 }, "the neighbours have nothing to give");
    }

    proptest! {
        /// Never says that a value is possible which is not, and misses none within its reach.
        #[test]
        fn the_range_is_that_of_trying_everything(
            cells in prop::collection::vec(1_i64..6, 6),
            hidden in prop::collection::vec(any::<bool>(), 6),
        ) {
            let mut hidden = hidden;
            hidden[0] = true;
            let system = table(&cells, 2, &hidden);
            let mut found = Vec::new();
            brute_force(&system, 0, &mut Vec::new(), &mut found, 12);
            let range = system.range(0, 9);
            prop_assert_eq!(Some(range.low), found.iter().min().copied());
            prop_assert_eq!(Some(range.high), found.iter().max().copied());
        }
    }
}
