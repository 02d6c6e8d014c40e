//! Crowds: the rows that look alike on given levels, counted in persons.
//!
//! Made once from the rows, then made coarser again and again: a vaguer choice of levels joins whole crowds, so that
//! no row is read twice. Persons with one row add up; those with rows in several crowds are kept by name (a number)
//! and counted once in each crowd, however many rows they have there.

use super::hierarchy::Hierarchy;
use super::keys::{Alike, join};
use super::number::{at, code};

/// The columns by which persons could be recognised, as leaves of their hierarchies: one leaf for each row.
pub(super) type Columns<'a> = [(&'a [u32], &'a Hierarchy)];

/// The rows that look alike.
#[derive(Debug, Clone)]
pub(super) struct Crowds {
    /// A tuple of each crowd.
    pub(super) reps: Vec<u32>,
    /// Rows in each.
    pub(super) rows: Vec<u32>,
    /// Persons in each whose rows are all in it.
    settled: Vec<u32>,
    /// Persons with rows in several.
    spread: Shared,
    /// For each sensitive column.
    values: Vec<Values>,
}

/// Persons with something in several places: the places of person `i` are `places[starts[i]..starts[i + 1]]`.
#[derive(Debug, Clone, Default)]
struct Shared {
    starts: Vec<u32>,
    /// A crowd, and a value in it (0 where only the crowd counts).
    places: Vec<(u32, u32)>,
}

/// Persons with each value of a sensitive column in each crowd.
#[derive(Debug, Clone, Default)]
struct Values {
    starts: Vec<u32>,
    counts: Vec<(u32, u32)>,
    spread: Shared,
}

/// The rows, before anything is joined.
pub(super) struct Rows<'a> {
    /// A number for each row's person; without it each row is a person.
    pub(super) persons: Option<&'a [u32]>,
    /// The value of each row, for each sensitive column.
    pub(super) sensitive: &'a [&'a [u32]],
    pub(super) rows: usize,
}

impl Crowds {
    /// Each row by itself.
    pub(super) fn of_rows(rows: &Rows<'_>) -> Self {
        let total = code(rows.rows);
        let groups = rows.persons.map(rows_of_persons);
        let alone = |row: u32| groups.as_ref().is_none_or(|groups| groups.is_alone(row));
        let settled = (0..total).map(|row| u32::from(alone(row))).collect();
        let spread = groups.as_ref().map(|groups| groups.shared(|_| 0)).unwrap_or_default();
        let values = rows.sensitive.iter().map(|values| {
            let mut made = Values { starts: vec![0], ..Values::default() };
            for (row, value) in (0..total).zip(*values) {
                if alone(row) {
                    made.counts.push((*value, 1));
                }
                made.starts.push(code(made.counts.len()));
            }
            made.spread =
                groups.as_ref().map(|groups| groups.shared(|row| values[at(row)])).unwrap_or_default();
            made
        });
        Self {
            reps: (0..total).collect(),
            rows: vec![1; rows.rows],
            settled,
            spread,
            values: values.collect(),
        }
    }

    /// How many crowds there are.
    pub(super) fn len(&self) -> usize {
        self.reps.len()
    }

    /// Whether some person has rows in more than one crowd.
    pub(super) fn has_spread_persons(&self) -> bool {
        self.spread.starts.len() > 1 || self.values.iter().any(|values| values.spread.starts.len() > 1)
    }

    /// About how much memory they take.
    pub(super) fn size_bytes(&self) -> usize {
        let words = self.reps.len() * 3 + self.spread.places.len() * 2;
        let values: usize =
            self.values.iter().map(|v| v.starts.len() + (v.counts.len() + v.spread.places.len()) * 2).sum();
        (words + values) * 4
    }

    /// The crowds on these levels, each of which is at least as vague as those on which these were made.
    pub(super) fn coarser(&self, columns: &Columns<'_>, levels: &[u8]) -> Self {
        let Alike { crowd_of, reps } = join(columns, levels, &self.reps);
        let crowds = reps.len();
        let mut rows = vec![0; crowds];
        let mut settled = vec![0; crowds];
        for ((crowd, own_rows), own_settled) in crowd_of.iter().zip(&self.rows).zip(&self.settled) {
            rows[at(*crowd)] += own_rows;
            settled[at(*crowd)] += own_settled;
        }
        let (mut spread, alone) = self.spread.joined(&crowd_of);
        for (crowd, _) in alone {
            settled[at(crowd)] += 1;
        }
        spread.places.shrink_to_fit();
        let members =
            if self.values.is_empty() { Members::default() } else { Members::new(&crowd_of, crowds) };
        let values = self.values.iter().map(|values| values.joined(&crowd_of, &members)).collect();
        Self { reps, rows, settled, spread, values }
    }

    /// Persons in each crowd.
    pub(super) fn persons(&self) -> Vec<u32> {
        let mut persons = self.settled.clone();
        for (crowd, _) in &self.spread.places {
            persons[at(*crowd)] += 1;
        }
        persons
    }

    /// Persons with each value of a sensitive column, crowd by crowd: who has it twice counts once.
    pub(super) fn histograms(&self, column: usize) -> Histograms {
        let empty = Histograms { starts: vec![0; self.len() + 1], counts: Vec::new() };
        let Some(values) = self.values.get(column) else { return empty };
        if values.spread.places.is_empty() {
            return Histograms { starts: values.starts.clone(), counts: values.counts.clone() };
        }
        let mut extra = values.spread.places.clone();
        extra.sort_unstable();
        let mut made = Histograms { starts: vec![0], counts: Vec::new() };
        let mut extra = extra.into_iter().peekable();
        for crowd in 0..code(self.len()) {
            let mut own = values.own(crowd).to_vec();
            while let Some((_, value)) = extra.next_if(|(place, _)| *place == crowd) {
                own.push((value, 1));
            }
            own.sort_unstable();
            own.dedup_by(|later, kept| {
                later.0 == kept.0 && {
                    kept.1 += later.1;
                    true
                }
            });
            made.counts.extend(own);
            made.starts.push(code(made.counts.len()));
        }
        made
    }
}

/// Persons with each value, for each crowd.
pub(super) struct Histograms {
    starts: Vec<u32>,
    counts: Vec<(u32, u32)>,
}

impl Histograms {
    pub(super) fn of(&self, crowd: usize) -> &[(u32, u32)] {
        &self.counts[at(self.starts[crowd])..at(self.starts[crowd + 1])]
    }
}

impl Shared {
    /// The places after a joining, each once for a person; and those of persons who have only one place left.
    fn joined(&self, crowd_of: &[u32]) -> (Self, Vec<(u32, u32)>) {
        let mut alone = Vec::new();
        let mut made = Self { starts: vec![0], places: Vec::new() };
        let mut own = Vec::new();
        for range in self.starts.windows(2) {
            own.clear();
            let places = &self.places[at(range[0])..at(range[1])];
            own.extend(places.iter().map(|(crowd, value)| (crowd_of[at(*crowd)], *value)));
            own.sort_unstable();
            own.dedup();
            if let [one] = own.as_slice() {
                alone.push(*one);
            } else {
                made.places.extend_from_slice(&own);
                made.starts.push(code(made.places.len()));
            }
        }
        (made, alone)
    }
}

impl Values {
    fn own(&self, crowd: u32) -> &[(u32, u32)] {
        &self.counts[at(self.starts[at(crowd)])..at(self.starts[at(crowd) + 1])]
    }

    fn joined(&self, crowd_of: &[u32], members: &Members) -> Self {
        let (spread, mut alone) = self.spread.joined(crowd_of);
        alone.sort_unstable();
        let mut alone = alone.into_iter().peekable();
        let mut made = Self { starts: vec![0], counts: Vec::with_capacity(self.counts.len() / 2), spread };
        let mut totals: Vec<u32> = Vec::new();
        let mut seen: Vec<u32> = Vec::new();
        let add = |seen: &mut Vec<u32>, totals: &mut Vec<u32>, value: u32, persons: u32| {
            if totals.len() <= at(value) {
                totals.resize(at(value) + 1, 0);
            }
            if totals[at(value)] == 0 {
                seen.push(value);
            }
            totals[at(value)] += persons;
        };
        for crowd in 0..code(members.starts.len() - 1) {
            for member in members.of(crowd) {
                for (value, persons) in self.own(*member) {
                    add(&mut seen, &mut totals, *value, *persons);
                }
            }
            while let Some((_, value)) = alone.next_if(|(place, _)| *place == crowd) {
                add(&mut seen, &mut totals, value, 1);
            }
            seen.sort_unstable();
            for value in seen.drain(..) {
                made.counts.push((value, std::mem::take(&mut totals[at(value)])));
            }
            made.starts.push(code(made.counts.len()));
        }
        made
    }
}

/// Which entries each crowd is made of.
#[derive(Default)]
struct Members {
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl Members {
    fn new(crowd_of: &[u32], crowds: usize) -> Self {
        let mut starts = vec![0_u32; crowds + 1];
        for crowd in crowd_of {
            starts[at(*crowd) + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut entries = vec![0; crowd_of.len()];
        for (entry, crowd) in (0_u32..).zip(crowd_of) {
            entries[at(next[at(*crowd)])] = entry;
            next[at(*crowd)] += 1;
        }
        Self { starts, entries }
    }

    fn of(&self, crowd: u32) -> &[u32] {
        &self.entries[at(self.starts[at(crowd)])..at(self.starts[at(crowd) + 1])]
    }
}

/// The rows of each person.
struct RowsOfPersons {
    members: Members,
    alone: Vec<bool>,
}

fn rows_of_persons(persons: &[u32]) -> RowsOfPersons {
    let highest = persons.iter().max().map_or(0, |highest| at(*highest) + 1);
    let members = Members::new(persons, highest);
    let mut alone = vec![false; persons.len()];
    for person in 0..code(highest) {
        if let [row] = members.of(person) {
            alone[at(*row)] = true;
        }
    }
    RowsOfPersons { members, alone }
}

impl RowsOfPersons {
    fn is_alone(&self, row: u32) -> bool {
        self.alone[at(row)]
    }

    /// The places of persons with several rows.
    fn shared(&self, value: impl Fn(u32) -> u32) -> Shared {
        let mut made = Shared { starts: vec![0], places: Vec::new() };
        for person in 0..code(self.members.starts.len() - 1) {
            let rows = self.members.of(person);
            if rows.len() > 1 {
                made.places.extend(rows.iter().map(|row| (*row, value(*row))));
                made.starts.push(code(made.places.len()));
            }
        }
        made
    }
}
