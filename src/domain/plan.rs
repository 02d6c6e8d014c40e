//! A plan: one protected system, with everything that its approval covers.
//!
//! A `Plan` is made by `Plan::new` from `PlanParts` and is right as a whole from then on; what is wrong
//! is returned as a list, all of it at once. How plans are written in files lives in `policy_files`.
//!
//! Public here: `Plan`, `PlanParts`, `PlanName`, `Class`, `PastRetention`, `LockMode`, `Source`,
//! `SourceParts`, `SourceName`, `PlanProblem`, `Field`, `Place`.

use crate::domain::cohort::{CohortId, Generation};
pub use crate::domain::plan_choice::{Class, LockMode, PastRetention};
pub use crate::domain::plan_name::{BadPlanName, BadSourceName, PlanName, RESERVED_NAMES, SourceName};
use crate::domain::plan_problem::problem;
pub use crate::domain::plan_problem::{Field, Place, PlanProblem};
pub use crate::domain::plan_source::{Source, SourceParts};
use crate::domain::plan_source::{name_of, new_source};
use crate::domain::retention::Retention;
pub use crate::domain::source_kind::SourceKind;
use crate::domain::time::{Day, Zone};
use std::collections::BTreeMap;

/// What a plan is made from; see [`Plan`].
#[derive(Clone, Debug)]
pub struct PlanParts {
    /// The name.
    pub name: PlanName,
    /// The class.
    pub class: Class,
    /// More than zero, at most [`Retention::LONGEST`].
    pub retention: Retention,
    /// Where civil days are counted.
    pub zone: Zone,
    /// How long a generation lasts (system class).
    pub generation: Generation,
    /// How many stores hold the data: 1 to 9.
    pub copies: u8,
    /// What happens to records past their year.
    pub past_retention: PastRetention,
    /// How objects are locked.
    pub lock_mode: LockMode,
    /// How often a restore is tried out; more than zero.
    pub drill_every: Retention,
    /// At least one.
    pub sources: Vec<SourceParts>,
}

/// One protected system (計画). Right as a whole: see [`Plan::new`].
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    name: PlanName,
    class: Class,
    retention: Retention,
    zone: Zone,
    generation: Generation,
    copies: u8,
    past_retention: PastRetention,
    lock_mode: LockMode,
    drill_every: Retention,
    sources: Vec<Source>,
}

impl Plan {
    /// Makes a plan.
    ///
    /// # Errors
    /// Everything that is wrong with the parts, at once: first the plan's own keys, then source by source.
    pub fn new(parts: PlanParts) -> Result<Self, Vec<PlanProblem>> {
        let mut problems = own_problems(&parts);
        let mut sources = Vec::new();
        let mut names = BTreeMap::new();
        for (index, source) in parts.sources.into_iter().enumerate() {
            let name = source.name.clone().or_else(|| name_of(&source));
            if let Some(name) = name.clone() {
                let first = *names.entry(name.clone()).or_insert(index);
                if first != index {
                    problems.push(same_name(index, first, &name));
                }
            }
            match new_source(index, name, source, parts.class) {
                Ok(source) => sources.push(source),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            name: parts.name,
            class: parts.class,
            retention: parts.retention,
            zone: parts.zone,
            generation: parts.generation,
            copies: parts.copies,
            past_retention: parts.past_retention,
            lock_mode: parts.lock_mode,
            drill_every: parts.drill_every,
            sources,
        })
    }

    /// The name.
    pub fn name(&self) -> &PlanName {
        &self.name
    }

    /// The class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// How long everything is kept.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Where civil days are counted.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// How long a generation lasts; used by the system class only.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How many stores hold the data, 1 to 9.
    pub fn copies(&self) -> u8 {
        self.copies
    }

    /// What happens to records past their year; used by the application class only.
    pub fn past_retention(&self) -> PastRetention {
        self.past_retention
    }

    /// How objects are locked.
    pub fn lock_mode(&self) -> LockMode {
        self.lock_mode
    }

    /// How often a restore is tried out.
    pub fn drill_every(&self) -> Retention {
        self.drill_every
    }

    /// The sources in the order of the plan; at least one, names unique.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The cohort of a clock day: the sent day itself, or the generation in which the snapshot day lies.
    pub fn cohort_of(&self, day: Day) -> CohortId {
        match self.class {
            Class::Application => CohortId::Sent(day),
            Class::System => CohortId::Generation(self.generation.generation_of(day)),
        }
    }
}

/// What is wrong with the plan beside its sources.
fn own_problems(parts: &PlanParts) -> Vec<PlanProblem> {
    let mut problems = Vec::new();
    if parts.retention.is_zero() {
        problems.push(problem(None, Field::Retention, "retention is zero; keep at least \"1 day\""));
    }
    if parts.retention.is_too_long() {
        let message = format!("retention is {}; the longest is {}", parts.retention, Retention::LONGEST);
        problems.push(problem(None, Field::Retention, message));
    }
    if !(1..=9).contains(&parts.copies) {
        problems.push(problem(None, Field::Copies, format!("copies is {}; allowed: 1 to 9", parts.copies)));
    }
    if parts.drill_every.is_zero() {
        problems.push(problem(
            None,
            Field::DrillEvery,
            "drill_every is zero; write for example \"3 months\"",
        ));
    }
    if parts.drill_every.is_too_long() {
        let message = format!("drill_every is {}; the longest is {}", parts.drill_every, Retention::LONGEST);
        problems.push(problem(None, Field::DrillEvery, message));
    }
    if parts.sources.is_empty() {
        problems.push(problem(None, Field::Sources, "the plan has no source; add a [[source]]"));
    }
    problems
}

fn same_name(index: usize, first: usize, name: &SourceName) -> PlanProblem {
    let message = format!(
        "source {} is called {name:?} like source {}; give each source its own name",
        index.saturating_add(1),
        first.saturating_add(1),
        name = name.as_str(),
    );
    problem(Some(index), Field::SourceName, message)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::sent_day::SentDayRule;

    /// A plan of application data in Tokyo, kept for a year.
    pub(crate) fn application() -> Plan {
        Plan::new(parts(vec![source("/srv/records")])).unwrap()
    }

    pub(crate) fn system() -> Plan {
        let whole = SourceParts { sent_day: None, ..source("/srv/records") };
        Plan::new(PlanParts { class: Class::System, ..parts(vec![whole]) }).unwrap()
    }

    pub(crate) fn source(path: &str) -> SourceParts {
        SourceParts {
            name: None,
            kind: SourceKind::Directory,
            path: path.into(),
            sent_day: Some(SentDayRule::Mtime),
            exclude: Vec::new(),
            one_file_system: false,
        }
    }

    pub(crate) fn parts(sources: Vec<SourceParts>) -> PlanParts {
        PlanParts {
            name: "records".parse().unwrap(),
            class: Class::Application,
            retention: Retention::Years(1),
            zone: Zone::named("Asia/Tokyo").unwrap(),
            generation: Generation::Month,
            copies: 1,
            past_retention: PastRetention::default(),
            lock_mode: LockMode::default(),
            drill_every: crate::domain::drill::EVERY_DEFAULT,
            sources,
        }
    }

    #[test]
    fn a_plan_keeps_what_it_was_made_from() {
        let plan = Plan::new(parts(vec![source("/srv//records/./"), source("/srv/images")])).unwrap();
        let names: Vec<&str> = plan.sources().iter().map(|s| s.name().as_str()).collect();
        assert_eq!(names, ["records", "images"]);
        assert_eq!(plan.sources()[0].path().as_os_str(), "/srv/records");
        assert_eq!(plan.lock_mode(), LockMode::Compliance);
    }

    #[test]
    fn everything_wrong_with_a_plan_is_said_at_once() {
        let mut absent = source("/srv/records");
        absent.sent_day = None;
        let mut globs = source("/other/records");
        globs.exclude = vec!["ok".to_owned(), "/bad".to_owned()];
        let mut all = parts(vec![absent, globs, source("relative"), source("/a/../b"), source("/")]);
        all.retention = Retention::Days(0);
        all.copies = 0;
        let problems = Plan::new(all).unwrap_err();
        let places: Vec<(Option<usize>, Field)> =
            problems.iter().map(|p| (p.place.source, p.place.field)).collect();
        assert_eq!(
            places,
            [
                (None, Field::Retention),
                (None, Field::Copies),
                (Some(0), Field::SentDay),
                (Some(1), Field::SourceName),
                (Some(1), Field::Exclude),
                (Some(2), Field::Path),
                (Some(3), Field::Path),
                (Some(4), Field::SourceName),
            ]
        );
        assert_eq!(problems[4].place.entry, Some(1));
    }

    #[test]
    fn a_plan_without_a_source_or_with_an_endless_year_is_refused() {
        let mut none = parts(Vec::new());
        none.retention = Retention::Years(101);
        let fields: Vec<Field> = Plan::new(none).unwrap_err().iter().map(|p| p.place.field).collect();
        assert_eq!(fields, [Field::Retention, Field::Sources]);
    }

    #[test]
    fn only_application_data_has_a_sent_day() {
        let mut system = parts(vec![source("/etc")]);
        system.class = Class::System;
        let problems = Plan::new(system).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].place.field, Field::SentDay);
    }
}
