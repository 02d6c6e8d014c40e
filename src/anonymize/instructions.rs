//! What a permit asks of a source, as its instructions say it: which data set, which rows, what becomes of each column.
//!
//! A data set is a name that the settings know: no path and no query comes from a permit. Rows are chosen by a closed
//! set of comparisons. How the text is written is `policy_files::extraction`'s.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::classes::{Class, Treatment};
use super::era::parse_day;
use super::extract::ExtractRules;
use super::hierarchy::UNKNOWN;
use super::normal_form::canonical;
use super::number::at;
use super::statistics::TableRules;
use super::table::{Column, Table};

/// The instructions of an extract.
#[derive(Debug, Clone, PartialEq)]
pub struct Instructions {
    /// The data set, by its name in the settings.
    pub dataset: String,
    /// The fingerprint of the columns that were there when this was written: SHA-256 of [`schema_text`].
    pub schema: String,
    /// With more rows than this nothing is read.
    pub rows_max: Option<u64>,
    /// Which rows are wanted: those that pass every test.
    pub filter: Vec<Test>,
    /// The columns and the rules for persons.
    pub rules: ExtractRules,
    /// The table of counts that is made instead of rows, if one is.
    pub counts: Option<CountsAsked>,
    /// Whether a search may end without the proof that there is nothing better.
    pub may_be_bounded: bool,
    /// As what it is handed over.
    pub shape: Shape,
    /// To whom the file is sealed.
    pub seal: Seal,
}

/// As what an extract is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// CSV.
    Csv,
    /// XLSX, every cell as text.
    Spreadsheet,
    /// Parquet, every column as text.
    Parquet,
    /// Pages to print.
    Paper,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Spreadsheet, Self::Parquet, Self::Paper];

    /// How it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Spreadsheet => "xlsx",
            Self::Parquet => "parquet",
            Self::Paper => "paper",
        }
    }

    /// How the names of such files end.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Paper => "pdf",
            Self::Csv | Self::Spreadsheet | Self::Parquet => self.word(),
        }
    }

    /// The shape of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.word() == word)
    }
}

/// A table of counts, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountsAsked {
    /// The columns that it groups by, and the level on which.
    pub by: Vec<(String, u8)>,
    /// How small cells are protected.
    pub rules: TableRules,
    /// The column that is added up in each cell, if one is.
    pub sum: Option<String>,
}

/// To whom an extract is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// To the applicant's age key, `age1…`.
    Key(String),
    /// To a passphrase that is made for this one file and shown once.
    Passphrase,
}

/// One test that a row must pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The column.
    pub column: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what: one value, or several for [`Comparison::In`].
    pub values: Vec<String>,
}

/// How a cell is compared. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same text in its canonical form.
    Is,
    /// Another text.
    IsNot,
    /// One of several.
    In,
    /// Less: days by their order, numbers by size.
    Less,
    /// Less or the same.
    AtMost,
    /// More.
    More,
    /// More or the same.
    AtLeast,
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 7] =
        [Self::Is, Self::IsNot, Self::In, Self::Less, Self::AtMost, Self::More, Self::AtLeast];

    /// How it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::In => "in",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What the source is not, that the permit says it is. Names of columns only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Drift {
    /// The source has a column that it did not have.
    #[error("column {0:?} is new")]
    New(String),
    /// A column is gone.
    #[error("column {0:?} is gone")]
    Gone(String),
    /// The columns are those of the rules, in another order or of another data set than was fingerprinted.
    #[error("the columns have another fingerprint, {fingerprint}; they stand in the order {}", .order.join(", "))]
    Fingerprint {
        /// Of the columns as they are.
        fingerprint: String,
        /// Their names as they stand.
        order: Vec<String>,
    },
}

/// Why rows cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterProblem {
    /// No such column.
    #[error("a filter names column {0:?}, which has no rule")]
    Column(String),
    /// The column names persons.
    #[error("a filter chooses rows by column {0:?}, which names persons: no extract is about named persons")]
    NamesPersons(String),
    /// What it is compared with has no order.
    #[error("the filter on column {0:?} compares by order: its value must be a day or a number")]
    NoOrder(String),
}

/// The text that the fingerprint of a source is the SHA-256 of: the names of its columns in their order.
pub fn schema_text<'n>(dataset: &'n str, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut text = String::from("kura schema 1\n");
    for part in std::iter::once(dataset).chain(names) {
        text.extend([&part.len().to_string(), " ", part, "\n"]);
    }
    text
}

/// How the columns of a source differ from those of the rules.
pub fn drift(source: &[String], rules: &[String]) -> Vec<Drift> {
    let mut found: Vec<Drift> =
        source.iter().filter(|name| !rules.contains(name)).cloned().map(Drift::New).collect();
    found.extend(rules.iter().filter(|name| !source.contains(name)).cloned().map(Drift::Gone));
    found
}

impl Instructions {
    /// The rules, their columns in the order of a source: the order in which they are released.
    pub fn rules_for(&self, source: &Table) -> ExtractRules {
        let mut rules = self.rules.clone();
        let place = |name: &str| source.columns.iter().position(|column| column.name == name);
        rules.columns.sort_by_key(|rule| place(&rule.name).unwrap_or(usize::MAX));
        rules
    }

    /// The names of the columns that have rules.
    pub fn columns(&self) -> Vec<String> {
        self.rules.columns.iter().map(|rule| rule.name.clone()).collect()
    }

    /// The names of the columns that are released.
    pub fn heads(&self) -> Vec<String> {
        match &self.counts {
            Some(asked) => {
                let by = asked.by.iter().map(|(name, _)| name.clone());
                let sum = asked.sum.as_deref().map(super::count_extract::sum_head);
                by.chain([super::count_extract::PERSONS.to_owned()]).chain(sum).collect()
            }
            None => {
                let released = self.rules.columns.iter().filter(|rule| rule.treatment != Treatment::Drop);
                released.map(|rule| rule.name.clone()).collect()
            }
        }
    }

    /// The texts that the instructions themselves put into cells: those of tables, and what rare values become.
    pub fn texts(&self) -> BTreeSet<String> {
        let mut texts = BTreeSet::new();
        for rule in &self.rules.columns {
            match &rule.treatment {
                Treatment::Table(hierarchy) => texts.extend(hierarchy.lines().into_iter().flatten()),
                Treatment::Fold { other, .. } => {
                    texts.insert(other.clone());
                }
                Treatment::Drop
                | Treatment::Keep
                | Treatment::Pseudonym { .. }
                | Treatment::Ladder(_)
                | Treatment::Shift { .. }
                | Treatment::Round { .. } => {}
            }
        }
        texts
    }

    /// What is wrong with the filter.
    pub fn filter_problems(&self) -> Vec<FilterProblem> {
        let mut found = Vec::new();
        for test in &self.filter {
            let name = || test.column.clone();
            let rule = self.rules.columns.iter().find(|rule| rule.name == test.column);
            match rule.map(|rule| rule.class) {
                None => found.push(FilterProblem::Column(name())),
                Some(Class::Direct | Class::PersonalCode | Class::Link | Class::FreeText) => {
                    found.push(FilterProblem::NamesPersons(name()));
                }
                Some(_) if !test.has_order() => found.push(FilterProblem::NoOrder(name())),
                Some(_) => {}
            }
        }
        found
    }

    /// The rows that pass every test.
    pub fn chosen(&self, source: &Table) -> Vec<bool> {
        let mut chosen = vec![true; source.rows()];
        for test in &self.filter {
            let Some(column) = source.column(&test.column) else { continue };
            let passes = test.passes_of(column);
            for (chosen, code) in chosen.iter_mut().zip(column.codes()) {
                *chosen = *chosen && passes.get(at(*code)).copied().unwrap_or(false);
            }
        }
        chosen
    }
}

/// A value that has an order.
#[derive(Debug, PartialEq, PartialOrd)]
enum Ordered {
    Day(crate::domain::time::Day),
    Number(f64),
}

fn ordered(text: &str) -> Option<Ordered> {
    let number = text.replace(',', "").parse::<f64>().ok().filter(|number| number.is_finite());
    // Eight digits are a number here, and a day where what they are compared with is one.
    number.map(Ordered::Number).or_else(|| parse_day(text).map(Ordered::Day))
}

impl Test {
    fn has_order(&self) -> bool {
        match self.comparison {
            Comparison::Is | Comparison::IsNot | Comparison::In => true,
            Comparison::Less | Comparison::AtMost | Comparison::More | Comparison::AtLeast => {
                self.values.first().is_some_and(|value| ordered(&canonical(value)).is_some())
            }
        }
    }

    /// Whether each value of a column passes. What is not known passes no comparison by order.
    fn passes_of(&self, column: &Column) -> Vec<bool> {
        let wanted: BTreeSet<String> = self.values.iter().map(|value| canonical(value)).collect();
        let limit = self.values.first().and_then(|value| ordered(&canonical(value)));
        let passes = |value: &String| match self.comparison {
            Comparison::Is | Comparison::In => wanted.contains(value),
            Comparison::IsNot => !wanted.contains(value),
            Comparison::Less => self.compared(value, limit.as_ref(), Ordering::is_lt),
            Comparison::AtMost => self.compared(value, limit.as_ref(), Ordering::is_le),
            Comparison::More => self.compared(value, limit.as_ref(), Ordering::is_gt),
            Comparison::AtLeast => self.compared(value, limit.as_ref(), Ordering::is_ge),
        };
        column.values().iter().map(passes).collect()
    }

    fn compared(&self, value: &str, limit: Option<&Ordered>, is_wanted: impl Fn(Ordering) -> bool) -> bool {
        if value == UNKNOWN {
            return false;
        }
        let own = match limit {
            Some(Ordered::Day(_)) => parse_day(value).map(Ordered::Day),
            Some(Ordered::Number(_)) => ordered(value).filter(|own| matches!(own, Ordered::Number(_))),
            None => None,
        };
        own.zip(limit).and_then(|(own, limit)| own.partial_cmp(limit)).is_some_and(is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn passes(comparison: Comparison, values: &[&str], cells: &[&str]) -> Vec<bool> {
        let test = Test { column: "c".to_owned(), comparison, values: texts(values) };
        let column = Column::of("c", cells.iter().copied());
        let passes = test.passes_of(&column);
        column.codes().iter().map(|code| passes[at(*code)]).collect()
    }

    #[test]
    fn rows_are_chosen_by_days_numbers_and_words() {
        let days = ["R6.4.1", "2024-03-31", "令和6年4月2日", "", "昭和64年1月8日"];
        assert_eq!(passes(Comparison::AtLeast, &["2024-04-01"], &days), [true, false, true, false, false]);
        assert_eq!(
            passes(Comparison::Less, &["65"], &["64", "６５", "7", "x", "100"]),
            [true, false, true, false, false]
        );
        assert_eq!(passes(Comparison::In, &["男", "女"], &["男", "不明", "女"]), [true, false, true]);
        assert_eq!(passes(Comparison::IsNot, &["Ａ"], &["A", "B"]), [false, true], "one canonical form");
    }

    #[test]
    fn case_20_what_changed_is_told_column_by_column() {
        let was = texts(&["id", "age", "note"]);
        assert_eq!(drift(&was, &was), []);
        assert_eq!(
            drift(&texts(&["id", "age", "my_number2"]), &was),
            [Drift::New("my_number2".to_owned()), Drift::Gone("note".to_owned())]
        );
        assert_ne!(schema_text("a", ["b c"]), schema_text("a", ["b", "c"]), "no two lists have one text");
    }
}
