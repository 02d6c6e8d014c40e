//! Hierarchies: how a value becomes vaguer, level by level.
//!
//! Level 0 is the value itself, the last level the vaguest. A hierarchy is a table with a line for each value, as ARX
//! writes it: the value first, most general last. Values that are one on some level stay one on every later level;
//! without that a search could not reason about levels, so that such a table is refused when it is read. A value that
//! is not known has a line of its own: it is neither dropped nor equal to everything.

use std::collections::{BTreeMap, BTreeSet};

use super::number::{at, code, count};

/// What stands for a value that is not known.
pub const UNKNOWN: &str = "不明";

/// What stands for everything.
pub const ANYTHING: &str = "*";

/// The most levels of a hierarchy: every number up to it divides a number below 2^53.
pub const LEVELS_MAX: usize = 41;

/// How the values of a column become vaguer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Code of a value, by the value.
    leaves: BTreeMap<String, u32>,
    levels: Vec<Level>,
}

/// One level: which group each value is in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    /// Group of each value, by the value's code.
    groups: Vec<u32>,
    /// Text of each group.
    labels: Vec<String>,
    /// How many values each group has.
    weights: Vec<u32>,
}

/// Why a table is no hierarchy. Messages give counts and levels, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HierarchyProblem {
    /// No line, or a line without a value.
    #[error("the hierarchy has no values")]
    Empty,
    /// Lines of different lengths.
    #[error("{lines} line(s) of the hierarchy have another number of levels than the first")]
    Ragged {
        /// How many.
        lines: usize,
    },
    /// A value has more than one line.
    #[error("{values} value(s) have more than one line in the hierarchy")]
    Repeated {
        /// How many values.
        values: usize,
    },
    /// Values that are one on this level are two on the next.
    #[error("on level {level} {groups} group(s) are split again on the next level")]
    NotMonotone {
        /// The lower level.
        level: usize,
        /// How many groups.
        groups: usize,
    },
    /// More than 2^32 values or [`LEVELS_MAX`] levels.
    #[error("the hierarchy is too large")]
    TooLarge,
}

/// Values of a column that its hierarchy does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{values} value(s) of the column are not in its hierarchy")]
pub struct NotInHierarchy {
    /// How many different values.
    pub values: usize,
}

impl Hierarchy {
    /// Reads a table: a line for each value, most general last.
    pub fn from_lines(lines: &[Vec<String>]) -> Result<Self, HierarchyProblem> {
        let Some(width) = lines.first().map(Vec::len).filter(|width| *width > 0) else {
            return Err(HierarchyProblem::Empty);
        };
        if width > LEVELS_MAX || u32::try_from(lines.len()).is_err() {
            return Err(HierarchyProblem::TooLarge);
        }
        let ragged = lines.iter().filter(|line| line.len() != width).count();
        if ragged > 0 {
            return Err(HierarchyProblem::Ragged { lines: ragged });
        }
        let mut leaves = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for (place, line) in lines.iter().enumerate() {
            let value = line.first().map(String::as_str).unwrap_or_default();
            if leaves.insert(value.to_owned(), code(place)).is_some() {
                twice.insert(value);
            }
        }
        if !twice.is_empty() {
            return Err(HierarchyProblem::Repeated { values: twice.len() });
        }
        let levels: Vec<Level> = (0..width).map(|level| Level::of(lines, level)).collect();
        for (level, pair) in levels.windows(2).enumerate() {
            let split = pair.first().zip(pair.last()).map_or(0, |(finer, coarser)| finer.splits(coarser));
            if split > 0 {
                return Err(HierarchyProblem::NotMonotone { level, groups: split });
            }
        }
        Ok(Self { leaves, levels })
    }

    /// The same hierarchy with a line for values that are not known: [`UNKNOWN`] on every level but the last.
    pub fn with_unknown(&self) -> Result<Self, HierarchyProblem> {
        if self.leaves.contains_key(UNKNOWN) {
            return Ok(self.clone());
        }
        let mut lines = self.lines();
        let last = self.levels.last().map(|level| level.labels.as_slice()).unwrap_or_default();
        let top = if let [one] = last { one.clone() } else { ANYTHING.to_owned() };
        let mut line = vec![UNKNOWN.to_owned(); self.height()];
        line.push(if self.height() == 0 { UNKNOWN.to_owned() } else { top });
        lines.push(line);
        Self::from_lines(&lines)
    }

    /// The table that this hierarchy is: what is hashed, and written beside a report.
    pub fn lines(&self) -> Vec<Vec<String>> {
        let mut lines = vec![Vec::new(); self.leaves.len()];
        for (leaf, line) in (0_u32..).zip(lines.iter_mut()) {
            *line = self.levels.iter().map(|level| level.label(leaf).to_owned()).collect();
        }
        lines
    }

    /// How many values it knows.
    pub fn size(&self) -> u64 {
        count(self.leaves.len())
    }

    /// The number of its last level.
    pub fn height(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    /// The code of a value.
    pub fn leaf(&self, value: &str) -> Option<u32> {
        self.leaves.get(value).copied()
    }

    /// Codes in this hierarchy of the values of a column's dictionary.
    pub fn codes_of(&self, values: &[String]) -> Result<Vec<u32>, NotInHierarchy> {
        let found: Vec<u32> = values.iter().filter_map(|value| self.leaf(value)).collect();
        if found.len() < values.len() {
            return Err(NotInHierarchy { values: values.len() - found.len() });
        }
        Ok(found)
    }

    /// The text of a value on a level.
    pub fn label(&self, level: usize, leaf: u32) -> &str {
        self.levels.get(level).map(|level| level.label(leaf)).unwrap_or_default()
    }

    /// The group of each value on a level.
    pub(super) fn groups(&self, level: usize) -> &[u32] {
        self.levels.get(level).map(|level| level.groups.as_slice()).unwrap_or_default()
    }

    /// How many groups a level has.
    pub(super) fn width(&self, level: usize) -> usize {
        self.levels.get(level).map_or(0, |level| level.labels.len())
    }

    /// How many values are in the group of a value on a level.
    pub(super) fn weight(&self, level: usize, leaf: u32) -> u64 {
        let Some(level) = self.levels.get(level) else { return 0 };
        level
            .groups
            .get(at(leaf))
            .and_then(|group| level.weights.get(at(*group)))
            .map_or(0, |w| u64::from(*w))
    }
}

impl Level {
    fn of(lines: &[Vec<String>], level: usize) -> Self {
        let mut known: BTreeMap<&str, u32> = BTreeMap::new();
        let mut made =
            Self { groups: Vec::with_capacity(lines.len()), labels: Vec::new(), weights: Vec::new() };
        for line in lines {
            let label = line.get(level).map(String::as_str).unwrap_or_default();
            let group = *known.entry(label).or_insert_with(|| {
                made.labels.push(label.to_owned());
                made.weights.push(0);
                code(made.labels.len() - 1)
            });
            made.groups.push(group);
            if let Some(weight) = made.weights.get_mut(at(group)) {
                *weight += 1;
            }
        }
        made
    }

    fn label(&self, leaf: u32) -> &str {
        let group = self.groups.get(at(leaf));
        group.and_then(|group| self.labels.get(at(*group))).map(String::as_str).unwrap_or_default()
    }

    /// How many of these groups lie in more than one group of the next level.
    fn splits(&self, coarser: &Self) -> usize {
        let mut above: Vec<Option<u32>> = vec![None; self.labels.len()];
        let mut split = BTreeSet::new();
        for (mine, next) in self.groups.iter().zip(&coarser.groups) {
            if let Some(seen) = above.get_mut(at(*mine))
                && *seen.get_or_insert(*next) != *next
            {
                split.insert(*mine);
            }
        }
        split.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(';').map(str::to_owned).collect()).collect()
    }

    fn problem(text: &str) -> HierarchyProblem {
        Hierarchy::from_lines(&lines(text)).expect_err(text)
    }

    #[test]
    fn case_15_a_bad_hierarchy_is_refused_when_it_is_read() {
        assert_eq!(problem(""), HierarchyProblem::Empty);
        assert_eq!(problem("a;x;*\nb;*"), HierarchyProblem::Ragged { lines: 1 });
        assert_eq!(problem("a;*\nb;*\na;*"), HierarchyProblem::Repeated { values: 1 });
        assert_eq!(
            problem("a;x;1;*\nb;x;2;*\nc;y;2;*"),
            HierarchyProblem::NotMonotone { level: 1, groups: 1 }
        );
        let fine = Hierarchy::from_lines(&lines("a;x;*\nb;x;*\nc;y;*")).expect("is one");
        assert_eq!(fine.codes_of(&["a".into(), "秘".into(), "d".into()]), Err(NotInHierarchy { values: 2 }));
        let said = NotInHierarchy { values: 2 }.to_string();
        assert!(!said.contains('秘'), "{said}");
    }

    #[test]
    fn a_value_has_a_text_and_a_weight_on_each_level() {
        let made = Hierarchy::from_lines(&lines("a;x;*\nb;x;*\nc;y;*")).expect("is one");
        let leaf = made.leaf("b").expect("is there");
        assert_eq!((made.label(0, leaf), made.label(1, leaf), made.label(2, leaf)), ("b", "x", "*"));
        assert_eq!((made.weight(0, leaf), made.weight(1, leaf), made.weight(2, leaf)), (1, 2, 3));
        assert_eq!((made.size(), made.height()), (3, 2));
        assert_eq!(Hierarchy::from_lines(&made.lines()), Ok(made));
    }

    #[test]
    fn case_14_what_is_not_known_goes_its_own_way() {
        let made =
            Hierarchy::from_lines(&lines("a;x;*\nb;x;*")).and_then(|one| one.with_unknown()).expect("is one");
        let leaf = made.leaf(UNKNOWN).expect("is there");
        assert_eq!((made.label(1, leaf), made.weight(1, leaf)), (UNKNOWN, 1), "no wildcard");
        assert_eq!((made.label(2, leaf), made.weight(2, leaf)), ("*", 3));
        assert_eq!(made.with_unknown(), Ok(made.clone()), "twice is once");
    }
}
