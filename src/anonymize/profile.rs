//! The profile gate: whether a column is what its rule says, looked up in the rows before anything is released.

use std::collections::BTreeMap;

use super::detect::{Kind, detect};
use super::hierarchy::UNKNOWN;
use super::number::{Ratio, at, count};
use super::scan::Dictionary;
use super::table::Column;

/// A column with more values than this share of its rows is no public vocabulary: 0.05.
const DISTINCT_MAX: Ratio = match Ratio::new(1, 20) {
    Some(share) => share,
    None => Ratio::whole(0),
};

/// A column is prose if this share of its rows looks like it: 0.2.
const PROSE_MAX: Ratio = match Ratio::new(1, 5) {
    Some(share) => share,
    None => Ratio::whole(0),
};

/// A column is prose if its texts are longer than this on average.
const LENGTH_MAX: u64 = 50;

/// Below so many rows shares say nothing, and only what is found in a value counts.
const ROWS_MIN: u64 = 100;

/// Why a column is not what its rule says. Numbers only, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileProblem {
    /// It has too many values to say nothing about a person.
    #[error("column {column:?} has {values} values in {rows} rows: too many for a public column")]
    ManyValues {
        /// The column.
        column: String,
        /// Different values.
        values: u64,
        /// Rows.
        rows: u64,
    },
    /// It looks like text that somebody wrote.
    #[error("column {column:?} looks like free text in {rows} rows: drop it, or make a coded column of it")]
    FreeText {
        /// The column.
        column: String,
        /// Rows.
        rows: u64,
    },
    /// It holds numbers or addresses of persons.
    #[error("column {column:?} holds what looks like {} in {rows} rows", .kind.name_ja())]
    Detected {
        /// The column.
        column: String,
        /// What.
        kind: Kind,
        /// Rows.
        rows: u64,
    },
    /// It holds values of columns that name persons.
    #[error("column {column:?} holds names or numbers of persons of the source in {rows} rows")]
    Identifiers {
        /// The column.
        column: String,
        /// Rows.
        rows: u64,
    },
    /// Together these single out too many rows.
    #[error("columns {columns:?} together single out {rows} rows: one of them must be made vaguer")]
    SinglesOut {
        /// The columns.
        columns: Vec<String>,
        /// Rows that nothing else looks like.
        rows: u64,
    },
}

/// Looks at a column that is to be released; `is_vocabulary` if it is public, so that few values are expected.
pub fn look_at(column: &Column, is_vocabulary: bool, dictionary: &Dictionary) -> Vec<ProfileProblem> {
    let rows = count(column.rows());
    let mut found = Vec::new();
    let name = || column.name.clone();
    let (mut prose, mut letters, mut named) = (0, 0, 0);
    let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
    for (value, own) in column.values().iter().zip(column.counts()) {
        letters += count(value.chars().count()) * own;
        prose += if is_prose(value) { own } else { 0 };
        named += if value != UNKNOWN && dictionary.is_in(value) { own } else { 0 };
        for kind in detect(value).into_iter().filter(|kind| kind.stops()) {
            *kinds.entry(kind).or_insert(0) += own;
        }
    }
    let values = count(column.values().len());
    if is_vocabulary && rows >= ROWS_MIN && values > DISTINCT_MAX.floor_of(rows) {
        found.push(ProfileProblem::ManyValues { column: name(), values, rows });
    }
    if letters > LENGTH_MAX * rows || prose > PROSE_MAX.floor_of(rows) {
        found.push(ProfileProblem::FreeText { column: name(), rows: prose.max(1) });
    }
    found.extend(kinds.into_iter().map(|(kind, rows)| ProfileProblem::Detected {
        column: name(),
        kind,
        rows,
    }));
    if named > 0 {
        found.push(ProfileProblem::Identifiers { column: name(), rows: named });
    }
    found
}

/// Sentences: marks of a sentence, several words, or simply long.
fn is_prose(value: &str) -> bool {
    value.contains(['。', '、', '!', '?', '\n']) || value.split(' ').count() > 4 || value.chars().count() > 40
}

/// Sets of up to three columns that are released as they are and together single out more than this share of rows.
pub fn singling_out(columns: &[&Column], share: Ratio) -> Vec<ProfileProblem> {
    let mut found: Vec<(Vec<usize>, u64)> = Vec::new();
    for size in 1..=3 {
        for set in sets(columns.len(), size) {
            if found.iter().any(|(smaller, _)| smaller.iter().all(|own| set.contains(own))) {
                continue;
            }
            let chosen: Vec<&Column> = set.iter().filter_map(|place| columns.get(*place).copied()).collect();
            let (alone, rows) = alone(&chosen);
            if alone > share.floor_of(rows) && rows >= ROWS_MIN {
                found.push((set, alone));
            }
        }
    }
    let names = |set: Vec<usize>| {
        set.iter().filter_map(|place| columns.get(*place).map(|c| c.name.clone())).collect()
    };
    found.into_iter().map(|(set, rows)| ProfileProblem::SinglesOut { columns: names(set), rows }).collect()
}

fn sets(of: usize, size: usize) -> Vec<Vec<usize>> {
    let mut made: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        made = made
            .into_iter()
            .flat_map(|set| {
                let first = set.last().map_or(0, |last| last + 1);
                (first..of).map(move |next| [set.as_slice(), &[next]].concat())
            })
            .collect();
    }
    made
}

/// Rows that have their values for themselves, and all rows.
fn alone(columns: &[&Column]) -> (u64, u64) {
    let rows = columns.first().map_or(0, |column| column.rows());
    let mut ids: Vec<u64> = vec![0; rows];
    for column in columns {
        let mut known: BTreeMap<(u64, u32), u64> = BTreeMap::new();
        for (id, own) in ids.iter_mut().zip(column.codes()) {
            let next = count(known.len());
            *id = *known.entry((*id, *own)).or_insert(next);
        }
    }
    let mut sizes = vec![0_u64; rows];
    for id in &ids {
        if let Some(size) = u32::try_from(*id).ok().and_then(|id| sizes.get_mut(at(id))) {
            *size += 1;
        }
    }
    (count(sizes.iter().filter(|size| **size == 1).count()), count(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_names() -> Dictionary {
        Dictionary::new(&[], &[]).expect("small")
    }

    fn column(name: &str, value: impl Fn(usize) -> String) -> Column {
        let mut made = Column::new(name);
        (0..1_000).map(value).for_each(|value| made.push(&value));
        made
    }

    #[test]
    fn a_vocabulary_passes_and_an_id_does_not() {
        let ward = column("ward", |row| format!("{}病棟", row % 12));
        assert!(look_at(&ward, true, &no_names()).is_empty());
        let id = column("id", |row| format!("X{row}"));
        let many = ProfileProblem::ManyValues { column: "id".into(), values: 1_000, rows: 1_000 };
        assert_eq!(look_at(&id, true, &no_names()), [many]);
        assert!(look_at(&id, false, &no_names()).is_empty(), "a measure may have many values");
    }

    #[test]
    fn case_3_text_that_somebody_wrote_is_known_by_its_looks() {
        let note = column("note", |row| {
            if row % 3 == 0 { "頭痛あり、経過観察。".into() } else { "なし".into() }
        });
        assert_eq!(
            look_at(&note, false, &no_names()),
            [ProfileProblem::FreeText { column: "note".into(), rows: 334 }]
        );
    }

    #[test]
    fn case_4_a_column_with_numbers_of_persons_is_refused_before_anything_runs() {
        let code = column("code", |row| {
            if row == 7 { "１２３４ ５６７８ ９０１８".into() } else { "A".into() }
        });
        let detected =
            ProfileProblem::Detected { column: "code".into(), kind: Kind::IndividualNumber, rows: 1 };
        assert_eq!(look_at(&code, true, &no_names()), std::slice::from_ref(&detected));
        assert!(detected.to_string().contains("個人番号"));
        let names = Dictionary::new(&[&Column::of("name", ["山田 太郎"])], &[]).expect("small");
        let code = column("code", |row| if row == 7 { "ﾔﾏﾀﾞ山田".into() } else { "A".into() });
        assert_eq!(
            look_at(&code, true, &names),
            [ProfileProblem::Identifiers { column: "code".into(), rows: 1 }]
        );
    }

    #[test]
    fn case_23_columns_that_single_out_together_are_named() {
        let a = column("a", |row| (row % 10).to_string());
        let b = column("b", |row| (row / 10 % 10).to_string());
        let c = column("c", |row| (row / 100).to_string());
        assert!(singling_out(&[&a, &b], DISTINCT_MAX).is_empty());
        let columns = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(
            singling_out(&[&a, &b, &c], DISTINCT_MAX),
            [ProfileProblem::SinglesOut { columns, rows: 1_000 }]
        );
    }
}
