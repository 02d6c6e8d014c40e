//! From a source and its rules to a problem for the search; or everything that speaks against it.

use super::classes::{Class, ColumnRule, Treatment, problems};
use super::evaluate::{Problem, Quasi, Sensitive};
use super::extract::{ExtractRules, Refusal};
use super::hierarchy::{Hierarchy, HierarchyProblem, UNKNOWN};
use super::ladders::Ladder;
use super::number::{at, count};
use super::profile::{look_at, singling_out};
use super::pseudonym::ExtractKey;
use super::rules::Rules;
use super::scan::Dictionary;
use super::table::{Column, Table};
use super::treat::{Treated, fold, replace, round, shift};

/// A source, made ready.
pub(super) struct Prepared {
    pub(super) problem: Problem,
    pub(super) outlets: Vec<Outlet>,
    pub(super) dictionary: Dictionary,
    pub(super) counts: Counts,
    /// Whether rows of a person can be joined in what is released.
    pub(super) joins_persons: bool,
}

/// Where a column of the release comes from.
pub(super) enum Outlet {
    /// The quasi-identifier of the problem with this number.
    Quasi(String, usize),
    /// As it was treated.
    Plain(Column, Class),
}

/// Rows that were touched on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows with a value coded as top, bottom or rare.
    pub coded: u64,
    /// Rows with a value that could not be read and is not known now.
    pub unreadable: u64,
    /// Columns that are not released.
    pub dropped_columns: u64,
}

pub(super) fn prepare(source: &Table, rules: &ExtractRules, key: &ExtractKey) -> Result<Prepared, Refusal> {
    if rules.k < 2 {
        return Err(Refusal::NoCrowd);
    }
    let names: Vec<String> = source.columns.iter().map(|column| column.name.clone()).collect();
    let found = problems(&names, &rules.columns);
    if !found.is_empty() {
        return Err(Refusal::Classes(found));
    }
    let person = rules.person.as_deref().map(|name| source.column(name).ok_or(Refusal::NoPersonColumn));
    let person = person.transpose()?;
    let persons = person.map(Column::codes);
    let heads = person.map_or(source.rows(), |column| column.values().len());
    if count(heads) < rules.k.max(1) {
        return Err(Refusal::TooFew { k: rules.k });
    }
    let is_joined = |rule: &&ColumnRule| matches!(rule.treatment, Treatment::Pseudonym { .. });
    let unseen = |rule: &&ColumnRule| rules.person.as_deref() != Some(rule.name.as_str());
    if let Some(rule) = rules.columns.iter().filter(is_joined).find(unseen) {
        return Err(Refusal::JoinsUnseen { column: rule.name.clone() });
    }
    let dictionary = dictionary(source, rules)?;
    profile(source, rules, &dictionary)?;
    let problem = Problem {
        rows: source.rows(),
        persons: persons.map(<[u32]>::to_vec),
        quasi: Vec::new(),
        sensitive: Vec::new(),
        rules: Rules { k: rules.k, suppression: rules.suppression, models: Vec::new() },
        metric: rules.metric,
    };
    let mut made = Prepared {
        problem,
        outlets: Vec::new(),
        dictionary,
        counts: Counts::default(),
        joins_persons: false,
    };
    for rule in &rules.columns {
        let Some(column) = source.column(&rule.name) else { continue };
        made.joins_persons |= matches!(rule.treatment, Treatment::Pseudonym { .. });
        made.add(rule, column, person, key)?;
    }
    made.joins_persons &= person.is_some();
    made.model_columns(rules)?;
    let open: Vec<&Column> = made.outlets.iter().filter_map(Outlet::open).collect();
    let alone = singling_out(&open, rules.singling_out);
    if alone.is_empty() { Ok(made) } else { Err(Refusal::Profile(alone)) }
}

/// What must not appear in what is written: the columns that name persons.
fn dictionary(source: &Table, rules: &ExtractRules) -> Result<Dictionary, Refusal> {
    let names_persons = |class| matches!(class, Class::Direct | Class::PersonalCode | Class::Link);
    let columns = rules.columns.iter().filter(|rule| names_persons(rule.class));
    let columns: Vec<&Column> = columns.filter_map(|rule| source.column(&rule.name)).collect();
    Dictionary::new(&columns, &rules.words).map_err(|_| Refusal::TooManyIdentifiers)
}

fn profile(source: &Table, rules: &ExtractRules, dictionary: &Dictionary) -> Result<(), Refusal> {
    let is_open = |class| matches!(class, Class::Sensitive | Class::Measure | Class::Public);
    let mut found = Vec::new();
    for rule in rules.columns.iter().filter(|rule| is_open(rule.class) && rule.treatment != Treatment::Drop) {
        if let Some(column) = source.column(&rule.name) {
            found.extend(look_at(column, rule.class == Class::Public, dictionary));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Refusal::Profile(found)) }
}

impl Outlet {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Quasi(name, _) => name,
            Self::Plain(column, _) => &column.name,
        }
    }

    /// A column that is released row by row and could single somebody out.
    fn open(&self) -> Option<&Column> {
        match self {
            Self::Plain(column, Class::Public | Class::Measure) => Some(column),
            _ => None,
        }
    }
}

impl Prepared {
    fn add(
        &mut self,
        rule: &ColumnRule,
        column: &Column,
        person: Option<&Column>,
        key: &ExtractKey,
    ) -> Result<(), Refusal> {
        let persons = person.map(Column::codes);
        let treated = match &rule.treatment {
            Treatment::Drop => {
                self.counts.dropped_columns += 1;
                return Ok(());
            }
            Treatment::Table(hierarchy) => return self.add_table(column, hierarchy),
            Treatment::Ladder(ladder) => return self.add_ladder(column, ladder),
            Treatment::Shift { days_max } => {
                let person = person.ok_or(Refusal::NoPersonColumn)?;
                let moved = shift(column, person, "days of a person", *days_max, key);
                self.counts.unreadable += moved.unreadable;
                return self.add_ladder(&moved.column, &Ladder::Days);
            }
            Treatment::Pseudonym { space } => replace(column, space, key),
            Treatment::Fold { below, other } => fold(column, persons, *below, other),
            Treatment::Round { step, low, high } => round(column, *step, *low, *high),
            Treatment::Keep => Treated { column: column.clone(), coded: 0, unreadable: 0 },
        };
        self.counts.coded += treated.coded;
        self.counts.unreadable += treated.unreadable;
        self.outlets.push(Outlet::Plain(treated.column, rule.class));
        Ok(())
    }

    fn add_table(&mut self, column: &Column, hierarchy: &Hierarchy) -> Result<(), Refusal> {
        let has_unknown = column.values().iter().any(|value| value == UNKNOWN);
        let own = if has_unknown { hierarchy.with_unknown() } else { Ok(hierarchy.clone()) };
        self.add_quasi(column, own, column.values())
    }

    /// Adds a column along a rule, from the finest level that may be released.
    fn add_ladder(&mut self, column: &Column, ladder: &Ladder) -> Result<(), Refusal> {
        let finest = ladder.finest();
        let refused = |problem| Refusal::Hierarchy { column: column.name.clone(), problem };
        let climbed = ladder.climb(column.values()).map_err(refused)?;
        let rows = column.counts();
        for (value, (before, rows)) in climbed.values.iter().zip(column.values().iter().zip(rows)) {
            self.counts.unreadable += if value == UNKNOWN && before != UNKNOWN { rows } else { 0 };
            self.counts.coded += if value.ends_with("以上") { rows } else { 0 };
        }
        if finest == 0 {
            return self.add_quasi(column, Ok(climbed.hierarchy), &climbed.values);
        }
        let mut lines: Vec<Vec<String>> = climbed
            .hierarchy
            .lines()
            .into_iter()
            .map(|line| line.into_iter().skip(finest).collect())
            .collect();
        lines.sort();
        lines.dedup();
        let label = |value: &String| {
            climbed.hierarchy.leaf(value).map(|leaf| climbed.hierarchy.label(finest, leaf).to_owned())
        };
        let values: Vec<String> = climbed.values.iter().filter_map(label).collect();
        self.add_quasi(column, Hierarchy::from_lines(&lines), &values)
    }

    fn add_quasi(
        &mut self,
        column: &Column,
        hierarchy: Result<Hierarchy, HierarchyProblem>,
        values: &[String],
    ) -> Result<(), Refusal> {
        let name = || column.name.clone();
        let hierarchy = hierarchy.map_err(|problem| Refusal::Hierarchy { column: name(), problem })?;
        let leaf_of = hierarchy.codes_of(values);
        let leaf_of =
            leaf_of.map_err(|missing| Refusal::NotInHierarchy { column: name(), values: missing.values })?;
        let leaves = column.codes().iter().map(|own| leaf_of.get(at(*own)).copied().unwrap_or(0)).collect();
        self.outlets.push(Outlet::Quasi(name(), self.problem.quasi.len()));
        self.problem.quasi.push(Quasi { leaves, hierarchy });
        Ok(())
    }

    /// Adds the sensitive columns that rules are about, their values in the order of their numbers or texts.
    fn model_columns(&mut self, rules: &ExtractRules) -> Result<(), Refusal> {
        for (name, model) in &rules.models {
            let treated = self.outlets.iter().find_map(|outlet| match outlet {
                Outlet::Plain(column, Class::Sensitive) if column.name == *name => Some(column),
                _ => None,
            });
            let Some(column) = treated else {
                return Err(Refusal::NoSensitiveColumn { column: name.clone() });
            };
            let mut order: Vec<usize> = (0..column.values().len()).collect();
            order.sort_by(|a, b| compare(&column.values()[*a], &column.values()[*b]));
            let mut rank = vec![0_u32; order.len()];
            for (place, own) in (0_u32..).zip(order) {
                rank[own] = place;
            }
            let codes = column.codes().iter().map(|own| rank[at(*own)]).collect();
            self.problem.rules.models.push((self.problem.sensitive.len(), *model));
            self.problem.sensitive.push(Sensitive { codes, values: rank.len() });
        }
        Ok(())
    }
}

/// Numbers before texts, numbers by size, texts letter by letter.
fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}
