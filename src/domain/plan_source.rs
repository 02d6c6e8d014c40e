//! One source of a plan: right as a whole, like the plan.
//!
//! Public here, and again from `plan`: `Source`, `SourceParts`.

use crate::domain::exclude::Excludes;
use crate::domain::plan_choice::Class;
use crate::domain::plan_name::SourceName;
use crate::domain::plan_problem::{Field, Place, PlanProblem, problem};
use crate::domain::sent_day::SentDayRule;
use crate::domain::source_kind::{SourceKind, TableClock};
use std::path::{Component, Path, PathBuf};

/// What a source is made from; see [`Source`].
#[derive(Clone, Debug)]
pub struct SourceParts {
    /// `None`: the last component of the path.
    pub name: Option<SourceName>,
    /// What it is.
    pub kind: SourceKind,
    /// Absolute, without `..`; only folders and database files have one.
    pub path: PathBuf,
    /// Needed for a folder in an application plan, not allowed elsewhere.
    pub sent_day: Option<SentDayRule>,
    /// Globs relative to the source root, see [`Excludes`].
    pub exclude: Vec<String>,
    /// Whether the walk stays on the file system of the source root.
    pub one_file_system: bool,
}

/// One thing that a plan protects: a directory tree, a database, the output of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    name: SourceName,
    kind: SourceKind,
    path: PathBuf,
    sent_day: Option<SentDayRule>,
    exclude: Excludes,
    one_file_system: bool,
}

impl Source {
    /// The name, unique in the plan.
    pub fn name(&self) -> &SourceName {
        &self.name
    }

    /// What it is.
    pub fn kind(&self) -> &SourceKind {
        &self.kind
    }

    /// The root of the tree or the file of the database, absolute; empty for what has no path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a record's sent day is found: `Some` for a folder in an application plan, else `None`.
    pub fn sent_day(&self) -> Option<&SentDayRule> {
        self.sent_day.as_ref()
    }

    /// What is left out.
    pub fn exclude(&self) -> &Excludes {
        &self.exclude
    }

    /// Whether the walk stays on the file system of the root.
    pub fn one_file_system(&self) -> bool {
        self.one_file_system
    }
}

/// Makes a source, or says everything that is wrong with it.
pub(super) fn new_source(
    index: usize,
    name: Option<SourceName>,
    parts: SourceParts,
    class: Class,
) -> Result<Source, Vec<PlanProblem>> {
    let mut problems = Vec::new();
    let mut wrong = |field, message: String| problems.push(problem(Some(index), field, message));
    let shown = parts.path.display();
    let has_path = matches!(parts.kind, SourceKind::Directory | SourceKind::Sqlite);
    if !has_path && name.is_none() {
        wrong(Field::SourceName, "the source has no name; add name = \"…\"".to_owned());
    } else if !has_path {
        // Nothing else to say of a path.
    } else if !parts.path.is_absolute() {
        wrong(Field::Path, format!("path {shown:?} is not absolute; begin it with \"/\""));
    } else if parts.path.components().any(|part| part == Component::ParentDir) {
        wrong(Field::Path, format!("path {shown:?} contains \"..\"; write the path without it"));
    } else if name.is_none() {
        wrong(Field::SourceName, format!("path {shown:?} ends in no usable name; add name = \"…\""));
    }
    match (class, &parts.sent_day) {
        (_, sent_day) if !matches!(parts.kind, SourceKind::Directory) => {
            if sent_day.is_some() {
                wrong(Field::SentDay, "sent_day is for folders only".to_owned());
            }
        }
        (Class::Application, None) => wrong(
            Field::SentDay,
            "sent_day is missing; an application source needs \"mtime\" or { path = \"%Y/%m/%d\" }"
                .to_owned(),
        ),
        (Class::System, Some(_)) => wrong(
            Field::SentDay,
            "sent_day stands in a system plan; it is for class = \"application\" only".to_owned(),
        ),
        (Class::Application, Some(_)) | (Class::System, None) => {}
    }
    problems.extend(kind_problems(index, &parts.kind, class));
    let exclude = match Excludes::new(parts.exclude) {
        Ok(exclude) => Some(exclude),
        Err(bad) => {
            problems.extend(bad.into_iter().map(|bad| PlanProblem {
                place: Place { source: Some(index), field: Field::Exclude, entry: Some(bad.index) },
                message: format!("exclude {bad}"),
            }));
            None
        }
    };
    match (name, exclude) {
        (Some(name), Some(exclude)) if problems.is_empty() => Ok(Source {
            name,
            kind: parts.kind,
            path: parts.path.components().collect(),
            sent_day: parts.sent_day,
            exclude,
            one_file_system: parts.one_file_system,
        }),
        (Some(_) | None, Some(_) | None) => Err(problems),
    }
}

/// The name of a source that was given none.
pub(super) fn name_of(source: &SourceParts) -> Option<SourceName> {
    match &source.kind {
        SourceKind::Directory | SourceKind::Sqlite => SourceName::of_path(&source.path),
        SourceKind::Postgresql(database) => database.database.parse().ok(),
        SourceKind::Command(_) => None,
    }
}

/// What a plan's class does not allow, and what is wrong with the tables of a database.
fn kind_problems(index: usize, kind: &SourceKind, class: Class) -> Vec<PlanProblem> {
    let database = match (kind, class) {
        (SourceKind::Directory, _) | (SourceKind::Command(_) | SourceKind::Sqlite, Class::System) => {
            return Vec::new();
        }
        (SourceKind::Command(_) | SourceKind::Sqlite, Class::Application) => {
            let message = format!(
                "kind {:?} gives one file without a sent day, so it is for class = \"system\" only; records of users \
                 go into folders by day, or are read with kind = \"postgresql\"",
                kind.word()
            );
            return vec![problem(Some(index), Field::Kind, message)];
        }
        (SourceKind::Postgresql(database), _) => database,
    };
    let mut problems: Vec<PlanProblem> = database
        .table_problems()
        .into_iter()
        .map(|(entry, message)| PlanProblem {
            place: Place { source: Some(index), field: Field::Tables, entry: Some(entry) },
            message,
        })
        .collect();
    let is_system = |clock: &TableClock| matches!(clock, TableClock::System);
    let is_used = |clock: &TableClock| is_system(clock) == (class == Class::System);
    if !database.tables.iter().any(|rule| is_used(&rule.clock)) {
        let message = match class {
            Class::Application => {
                "no table has sent_at: a plan of class \"application\" keeps rows by their sent day"
            }
            Class::System => "no table has system = true: a plan of class \"system\" keeps only those",
        };
        problems.push(problem(Some(index), Field::Tables, message));
    }
    problems
}
