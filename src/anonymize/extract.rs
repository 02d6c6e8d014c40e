//! One extract from beginning to end: classes, profile, treatment, search, release, writing, reading back, scan, measure.
//!
//! What is written is made new from the columns that were allowed, never by deleting from a copy. It is read again and
//! searched before anybody gets it, and it is measured by code that shares nothing with the search. Refusals give
//! columns and numbers, never values; how many persons there are is not said where they are fewer than k.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::classes::{Class, ClassProblem, ColumnRule};
use super::delimited::{ReadProblem, WriteProblem, Writing, read_back, write};
use super::hierarchy::HierarchyProblem;
use super::measure::{InputCounts, Measured, measure};
use super::metric::Metric;
use super::number::{Ratio, at, count, float};
pub use super::prepare::Counts;
use super::prepare::{Outlet, Prepared, prepare};
use super::profile::ProfileProblem;
use super::pseudonym::ExtractKey;
use super::release::Release;
use super::rules::Model;
use super::scan::{Scan, scan};
use super::search::{Answer, Estimate, NODES_MAX, Progress, SearchStopped, estimate, search};
use super::table::{Column, Table};

/// What a permit asks of an extract.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractRules {
    /// Every column of the source, once.
    pub columns: Vec<ColumnRule>,
    /// The column that says whose each row is; without it each row is a person.
    pub person: Option<String>,
    /// At least so many persons look alike.
    pub k: u64,
    /// At most this share of the rows may be left out.
    pub suppression: Ratio,
    /// What must hold for sensitive columns.
    pub models: Vec<(String, Model)>,
    /// What is kept small.
    pub metric: Metric,
    /// How many rows are drawn before anything else; all without it.
    pub sample: Option<usize>,
    /// Up to three public columns together may single out this share of the rows.
    pub singling_out: Ratio,
    /// Whole cells that are no names although somebody of the source is called so: `山口県`.
    pub words: Vec<String>,
    /// How the file is written.
    pub writing: Writing,
}

/// Why there is no extract.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The rules do not fit the source.
    #[error("the rules do not fit the columns of the source: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Classes(Vec<ClassProblem>),
    /// Columns are not what their rules say.
    #[error("columns are not what their rules say: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Profile(Vec<ProfileProblem>),
    /// A hierarchy cannot be made.
    #[error("column {column:?}: {problem}")]
    Hierarchy {
        /// The column.
        column: String,
        /// Why.
        problem: HierarchyProblem,
    },
    /// Values that the hierarchy does not know.
    #[error("column {column:?}: {values} value(s) are not in its hierarchy")]
    NotInHierarchy {
        /// The column.
        column: String,
        /// How many values.
        values: usize,
    },
    /// The column that says whose a row is does not exist, or is needed.
    #[error("the rules need a column that says whose each row is, and name none that exists")]
    NoPersonColumn,
    /// A pseudonym of something else than persons.
    #[error(
        "column {column:?} would join rows that the rules do not look at: only ids of persons can have pseudonyms"
    )]
    JoinsUnseen {
        /// The column.
        column: String,
    },
    /// A k of one or none.
    #[error("k must be at least 2: with less nobody is hidden")]
    NoCrowd,
    /// A rule about a column that is not released as sensitive.
    #[error("a rule is about {column:?}, which is not released as a sensitive column")]
    NoSensitiveColumn {
        /// The column.
        column: String,
    },
    /// Fewer persons than k; none is the same.
    #[error("there are fewer than {k} persons: nothing can be released, and how many is not said")]
    TooFew {
        /// The k.
        k: u64,
    },
    /// No levels keep the rules.
    #[error("no choice of levels keeps the rules: allow more to be left out, or add vaguer levels")]
    NoLevels,
    /// Persons whose rows together stand out are more than may be left out.
    #[error(
        "{rows} rows would be left out because their persons' rows together stand out; {limit} may be: drop the pseudonym"
    )]
    StandOut {
        /// Rows.
        rows: u64,
        /// How many may be left out.
        limit: u64,
    },
    /// Everything would be left out.
    #[error("nothing would be left to release")]
    Empty,
    /// More identifiers than can be looked for.
    #[error("the source has more names and numbers of persons than can be looked for in what is written")]
    TooManyIdentifiers,
    /// More choices of levels than are searched to the end, and nobody allowed less.
    #[error(
        "there are {nodes} choices of levels, and up to {NODES_MAX} are searched to the end: generalise fewer columns, give \
         hierarchies fewer levels, or allow a search that does not prove its result (bounded = true)"
    )]
    TooLarge {
        /// How many.
        nodes: u128,
    },
    /// The search was stopped.
    #[error("the search was cancelled")]
    Cancelled,
    /// The file cannot be written.
    #[error("the extract cannot be written: {0}")]
    Write(WriteProblem),
    /// The file that was written cannot be read again.
    #[error("what was written cannot be read again: {0}")]
    ReadBack(ReadProblem),
    /// Names or numbers of persons are in what was written.
    #[error("what was written holds names or numbers of persons in {} column(s): nothing is delivered", .0.hits.keys().map(|(column, _)| column).collect::<BTreeSet<_>>().len())]
    Leak(Box<Scan>),
    /// What was written does not keep the rules by the second measure.
    #[error("what was written does not keep the rules when it is measured again: nothing is delivered")]
    Unproved(Box<Measured>),
}

/// An extract, ready to be sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Extract {
    /// The file.
    pub bytes: Vec<u8>,
    /// What is told of it.
    pub report: Report,
    /// The rows of the source in each crowd that is released, for the ledger.
    pub crowds: Vec<Vec<usize>>,
}

/// What making a column vaguer costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnCost {
    /// The level that was chosen.
    pub level: u8,
    /// The vaguest level there is.
    pub height: u8,
    /// How much of the column's domain a released value stands for, on average: 0 to 1.
    pub share: f64,
}

/// What is told of an extract: numbers and names of columns, never values.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Rows of the source (or of the sample).
    pub rows_in: u64,
    /// Persons of the source (or of the sample).
    pub persons_in: u64,
    /// Rows that are released.
    pub rows_out: u64,
    /// The level of each column that was made vaguer.
    pub levels: BTreeMap<String, u8>,
    /// What that costs, column by column.
    pub costs: BTreeMap<String, ColumnCost>,
    /// How the levels were found, and whether they are proved to be the best.
    pub answer: Answer,
    /// Rows left out because their crowd breaks a rule, or their person stands out.
    pub left_out: u64,
    /// Rows that were touched on the way.
    pub counts: Counts,
    /// Cells that a spreadsheet would run as a formula.
    pub formulas: u64,
    /// What the written file keeps.
    pub measured: Measured,
    /// What was looked for in it.
    pub scan: Scan,
}

/// What is told while an extract is made, and what it may do.
pub struct Watch<'w> {
    /// Whether a search may end without the proof that there is nothing better.
    pub may_be_bounded: bool,
    /// Is told how large the search will be, before it begins.
    pub estimated: &'w mut dyn FnMut(Estimate),
    /// Follows the search and may stop it.
    pub searching: &'w mut dyn FnMut(Progress) -> ControlFlow<()>,
}

/// Makes an extract, or says why there is none. `watch` follows the search and may stop it.
pub fn extract(
    source: &Table,
    rules: &ExtractRules,
    key: &ExtractKey,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Extract, Refusal> {
    extract_watched(
        source,
        rules,
        key,
        Watch { may_be_bounded: true, estimated: &mut |_| {}, searching: watch },
    )
}

/// The same, told how large the search is before it begins.
pub fn extract_watched(
    source: &Table,
    rules: &ExtractRules,
    key: &ExtractKey,
    watch: Watch<'_>,
) -> Result<Extract, Refusal> {
    let drawn = rules.sample.map(|size| key.sample(source.rows(), size));
    let sampled = drawn.as_ref().map(|drawn| source.filtered(drawn));
    let places: Option<Vec<usize>> =
        drawn.map(|drawn| drawn.iter().enumerate().filter(|(_, own)| **own).map(|(row, _)| row).collect());
    let source = sampled.as_ref().unwrap_or(source);
    let prepared = prepare(source, rules, key)?;
    let size = estimate(&prepared.problem);
    (watch.estimated)(size);
    if !size.is_exact && !watch.may_be_bounded {
        return Err(Refusal::TooLarge { nodes: size.nodes });
    }
    let answer = search(&prepared.problem, watch.searching).map_err(|stopped| match stopped {
        SearchStopped::TooFew { k } => Refusal::TooFew { k },
        SearchStopped::Cancelled | SearchStopped::Unequal => Refusal::Cancelled,
    })?;
    let best = answer.best.clone().ok_or(Refusal::NoLevels)?;
    let release = if prepared.joins_persons {
        Release::with_persons_joined(&prepared.problem, &best.levels)
    } else {
        Release::new(&prepared.problem, &best.levels)
    };
    let limit = rules.suppression.floor_of(count(source.rows()));
    let rows_out = count(source.rows()) - release.left_out();
    if rows_out == 0 {
        return Err(Refusal::Empty);
    }
    if release.left_out() > limit {
        return Err(Refusal::StandOut { rows: release.left_out(), limit });
    }
    let order: Vec<usize> =
        key.order(source.rows()).into_iter().filter(|row| release.kept().get(*row) == Some(&true)).collect();
    let table = released(&prepared, &release, &order);
    let written = write(&table, rules.writing).map_err(Refusal::Write)?;
    let back = read_back(&written.bytes, rules.writing).map_err(Refusal::ReadBack)?;
    let scan = scanned(&back, &prepared);
    if !scan.is_clean() {
        return Err(Refusal::Leak(Box::new(scan)));
    }
    let measured = measured(&back, &prepared, &order);
    if !keeps(&measured, rules) || measured.rows != rows_out {
        return Err(Refusal::Unproved(Box::new(measured)));
    }
    let levels = prepared.outlets.iter().filter_map(|outlet| match outlet {
        Outlet::Quasi(name, place) => Some((name.clone(), best.levels.get(*place).copied()?)),
        Outlet::Plain(..) => None,
    });
    let heads = rules.person.as_deref().and_then(|name| source.column(name));
    let report = Report {
        rows_in: count(source.rows()),
        persons_in: count(heads.map_or(source.rows(), |column| column.values().len())),
        rows_out,
        costs: costs(&prepared, &best.levels, &order),
        levels: levels.collect(),
        answer,
        left_out: release.left_out(),
        counts: prepared.counts,
        formulas: written.formulas,
        measured,
        scan,
    };
    let crowds = crowds(&prepared, &release, &order, places.as_deref());
    Ok(Extract { bytes: written.bytes, report, crowds })
}

fn costs(prepared: &Prepared, levels: &[u8], order: &[usize]) -> BTreeMap<String, ColumnCost> {
    let mut costs = BTreeMap::new();
    for outlet in &prepared.outlets {
        let Outlet::Quasi(name, place) = outlet else { continue };
        let (Some(quasi), Some(level)) = (prepared.problem.quasi.get(*place), levels.get(*place)) else {
            continue;
        };
        let weight =
            |row: &usize| quasi.leaves.get(*row).map(|leaf| quasi.hierarchy.weight((*level).into(), *leaf));
        let stands_for: u64 = order.iter().filter_map(weight).sum();
        let all = float(quasi.hierarchy.size()) * float(count(order.len()));
        let height = u8::try_from(quasi.hierarchy.height()).unwrap_or(u8::MAX);
        costs.insert(
            name.clone(),
            ColumnCost { level: *level, height, share: float(stands_for) / all.max(1.0) },
        );
    }
    costs
}

/// The rows of each crowd by their places in the whole source.
fn crowds(
    prepared: &Prepared,
    release: &Release,
    order: &[usize],
    places: Option<&[usize]>,
) -> Vec<Vec<usize>> {
    let quasi = prepared.problem.quasi.len();
    let mut rows_of: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for row in order {
        let texts = (0..quasi).map(|column| release.text(&prepared.problem, column, *row)).collect();
        let place = places.map_or(*row, |places| places.get(*row).copied().unwrap_or(*row));
        rows_of.entry(texts).or_default().push(place);
    }
    rows_of.into_values().collect()
}

/// The table that is written: new columns, rows in an order drawn by lot.
fn released(prepared: &Prepared, release: &Release, order: &[usize]) -> Table {
    let mut table = Table::default();
    for outlet in &prepared.outlets {
        let mut column = Column::new(outlet.name());
        for row in order {
            match outlet {
                Outlet::Quasi(_, place) => column.push(release.text(&prepared.problem, *place, *row)),
                Outlet::Plain(plain, _) => column.push(plain.text(*row)),
            }
        }
        table.columns.push(column);
    }
    table
}

fn scanned(back: &Table, prepared: &Prepared) -> Scan {
    let is_pseudonym = |outlet: &&Outlet| matches!(outlet, Outlet::Plain(_, Class::Link | Class::Direct));
    let pseudonyms = prepared.outlets.iter().filter(is_pseudonym).map(Outlet::name).collect();
    scan(back, &prepared.dictionary, &pseudonyms)
}

fn measured(back: &Table, prepared: &Prepared, order: &[usize]) -> Measured {
    let quasi: Vec<&str> = prepared
        .outlets
        .iter()
        .filter(|outlet| matches!(outlet, Outlet::Quasi(..)))
        .map(Outlet::name)
        .collect();
    let own = prepared.problem.persons.as_ref();
    let persons = own.map(|own| order.iter().filter_map(|row| own.get(*row).copied()).collect::<Vec<u32>>());
    let mut input = InputCounts::new();
    for outlet in &prepared.outlets {
        if let Outlet::Plain(column, Class::Sensitive) = outlet {
            let counts = column.persons(own.map(Vec::as_slice));
            input.insert(column.name.clone(), column.values().iter().cloned().zip(counts).collect());
        }
    }
    measure(back, &quasi, persons.as_deref(), &input)
}

/// Whether the second measure finds what was promised.
fn keeps(measured: &Measured, rules: &ExtractRules) -> bool {
    let column = |name: &str| measured.sensitive.iter().find(|column| column.name == name);
    let model = |(name, model): &(String, Model)| {
        column(name).is_some_and(|column| match model {
            Model::DistinctDiversity(l) => column.distinct >= *l,
            Model::EntropyDiversity(l) => column.entropy >= l.value() - 1e-6,
            Model::RecursiveDiversity { c, l } => column.is_recursive(*c, *l),
            Model::EqualCloseness(t) => column.is_within(*t),
            Model::OrderedCloseness(t) => column.is_within_in_order(*t),
        })
    };
    measured.smallest >= rules.k && rules.models.iter().all(model)
}

impl Table {
    /// The rows that are chosen.
    #[must_use]
    pub fn filtered(&self, chosen: &[bool]) -> Self {
        let only = |column: &Column| {
            let mut made = Column::new(&column.name);
            for (own, _) in column.codes().iter().zip(chosen).filter(|(_, chosen)| **chosen) {
                made.push(column.values().get(at(*own)).map(String::as_str).unwrap_or_default());
            }
            made
        };
        Self { columns: self.columns.iter().map(only).collect() }
    }
}
