//! What can be wrong with a plan, and where in it.
//!
//! Public here, and again from `plan`: `PlanProblem`, `Place`, `Field`.

/// A key of a plan or of one of its sources, as people write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// `retention` of the plan.
    Retention,
    /// `copies` of the plan.
    Copies,
    /// `drill_every` of the plan.
    DrillEvery,
    /// The list of sources.
    Sources,
    /// `kind` of a source.
    Kind,
    /// The tables of a source.
    Tables,
    /// `name` of a source.
    SourceName,
    /// `path` of a source.
    Path,
    /// `sent_day` of a source.
    SentDay,
    /// `exclude` of a source.
    Exclude,
}

/// Where in a plan something is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The number of the source, from 0; `None` for the plan itself.
    pub source: Option<usize>,
    /// The key.
    pub field: Field,
    /// The number of the entry, from 0, where the key is a list.
    pub entry: Option<usize>,
}

/// One thing that is wrong in a plan: where, what, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanProblem {
    /// Where.
    pub place: Place,
    /// What is wrong; what is allowed.
    pub message: String,
}

/// A problem of a whole key.
pub(crate) fn problem(source: Option<usize>, field: Field, message: impl Into<String>) -> PlanProblem {
    PlanProblem { place: Place { source, field, entry: None }, message: message.into() }
}
