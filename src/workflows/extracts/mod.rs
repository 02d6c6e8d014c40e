//! Extracts (抽出): what a permit allows to leave, in which no one can be identified, sealed to the applicant.
//!
//! `plan` says what an extract would be, `run` makes and hands one over, `link` lets the applicant fetch it, `verify`
//! opens what was handed over and measures it again. The rows, and what is written of them, are in memory only until
//! they are sealed. No error, log line or report holds a value.

use std::io;
use std::path::PathBuf;

use crate::anonymize::count_extract::CountRefusal;
use crate::anonymize::delimited::ReadProblem;
use crate::anonymize::extract::Refusal;
use crate::anonymize::instructions::Drift;
use crate::anonymize::ledger::Overlap;
use crate::anonymize::parquet::ParquetProblem;
use crate::anonymize::spreadsheet::SheetProblem;
use crate::archive::seal::SealError;
use crate::catalog::CatalogError;
use crate::config::ConfigError;
use crate::domain::actor::Denied;
use crate::policy_files::BadInstructions;

use super::desk::DeskError;
use super::printing::PrintError;
use super::restore::RestoreError;

/// Where rows come from.
mod source;

/// Sealed files in the home, and the lock of a permit's extracts.
mod shelf;

/// CSV, spreadsheets, Parquet, pages.
mod dress;

/// From rows to what is handed over, in memory.
mod making;

/// What is told of an extract.
mod report;

/// What was measured, as reports tell it.
mod measured;

/// What reports call things.
mod words;

/// What a row will look like, with made-up values.
mod preview;

/// Whose rows were released, as marks.
mod marks;

/// What an extract would be.
mod plan;

/// Making an extract and handing it over.
mod run;

/// How far one is, for other programs.
mod course;

/// Stopping one that is being made.
mod cancel;

/// Extracts that ended halfway, and files whose time is over.
mod tend;

/// Fetching what was handed over.
pub mod link;

/// Looking at extracts.
pub mod look;

/// Opening what was handed over, and measuring it again.
mod verify;

pub use crate::anonymize::search::Estimate;
pub use crate::catalog::{ExtractPlanRow, ExtractRow, ExtractState};
pub use cancel::cancel;
pub use course::{Course, SearchCourse, Work, course};
pub use making::{Cancel, Told};
pub use measured::{MeasuredReport, SensitiveReport};
pub use plan::{ExtractPlan, check, plan, plan_file};
pub use preview::PreviewCell;
pub use report::{
    ColumnReport, CountsReport, ExtractReport, RuleReport, ScanReport, SearchReport, report_of,
};
pub use run::{Handed, Run, run};
pub use source::{Recovery, columns};
pub use tend::tend;
pub use verify::{Difference, Opener, Verified, verify};

/// Why there is no extract, or it cannot be handed over. Columns and counts only.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The permit, a right, or the catalog.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The instructions in the permit.
    #[error(transparent)]
    Instructions(#[from] BadInstructions),
    /// The settings know no such data set.
    #[error("kura.toml has no [[dataset]] {name:?}{}", others(.known))]
    NoDataset {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The data set is inside a snapshot.
    #[error("the data set {0:?} is inside a snapshot: give a recovery key with --identity FILE")]
    NeedsKey(String),
    /// The snapshot is of another plan.
    #[error(
        "the snapshot is of plan {plan:?}, which is not where kura.toml says that the data set {dataset:?} is"
    )]
    OtherPlan {
        /// The data set.
        dataset: String,
        /// The plan of the snapshot.
        plan: String,
    },
    /// The data set cannot be read.
    #[error("the data set {dataset:?} cannot be read")]
    Source {
        /// The data set.
        dataset: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database with the data set; without its words, which may quote a row.
    #[error("the data set {dataset:?} cannot be read: {problem}")]
    Database {
        /// The data set.
        dataset: String,
        /// Why.
        problem: String,
    },
    /// The data set is no table.
    #[error("the data set {dataset:?} cannot be used: {problem}")]
    Read {
        /// The data set.
        dataset: String,
        /// Why; a line's number, no value.
        problem: ReadProblem,
    },
    /// The data set does not fit into memory.
    #[error("the data set {dataset:?} has {size_bytes} bytes: more than 2 GiB are not read")]
    SourceTooLarge {
        /// The data set.
        dataset: String,
        /// Its size.
        size_bytes: u64,
    },
    /// The source is not what the permit was written for.
    #[error("the data set is not what the permit was written for: {}", list(.0))]
    Drift(Vec<Drift>),
    /// More rows than the permit allows.
    #[error("the data set has {rows} rows; the permit is for at most {most}")]
    ManyRows {
        /// Its rows.
        rows: u64,
        /// What is allowed.
        most: u64,
    },
    /// A snapshot cannot be opened or read.
    #[error(transparent)]
    Snapshot(#[from] RestoreError),
    /// A rule of the engine says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The same for a table of counts.
    #[error(transparent)]
    Counts(#[from] CountRefusal),
    /// It does not fit into a spreadsheet.
    #[error(transparent)]
    Sheet(#[from] SheetProblem),
    /// It cannot be written as Parquet.
    #[error(transparent)]
    Parquet(#[from] ParquetProblem),
    /// It cannot be printed.
    #[error(transparent)]
    Print(#[from] PrintError),
    /// Together with earlier extracts it would show somebody.
    #[error("{}", list(.0))]
    Overlaps(Vec<Overlap>),
    /// Nobody can say what earlier extracts released.
    #[error(
        "what the extract of permit {0} released cannot be compared: keys/ledger.key is not the key that it was noted with, \
         or the note is damaged; put the key back from a copy of the home"
    )]
    Ledger(String),
    /// Somebody makes an extract under this permit now.
    #[error("an extract under permit {0} is being made by another program: wait until it has ended")]
    Busy(String),
    /// Nothing is being made.
    #[error("no extract is being made under permit {0}: there is nothing to cancel")]
    NotMaking(String),
    /// Somebody ended it.
    #[error("the extract under permit {0} was cancelled: nothing was handed over")]
    Ended(String),
    /// There is no such extract.
    #[error("permit {0} has no extract that was handed over; `kura extract list` shows those there are")]
    None(String),
    /// Sealing or opening.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The sealed file in the home.
    #[error("cannot use {}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A report that cannot be read.
    #[error("the report of the extract cannot be read: another version wrote it, or it is damaged")]
    Report,
    /// The thread that computes ended.
    #[error("the computation ended without a result; try again")]
    Stopped,
    /// The home.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

fn others(names: &[String]) -> String {
    if names.is_empty() { " and no other".to_owned() } else { format!(" (it knows: {})", names.join(", ")) }
}

fn list<T: ToString>(things: &[T]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl ExtractError {
    /// Whether a rule says no: trying again changes nothing.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Desk(error) => {
                matches!(error, DeskError::Permit(_) | DeskError::Access(_) | DeskError::Stale(_))
            }
            Self::Refused(_)
            | Self::Counts(_)
            | Self::Sheet(_)
            | Self::Parquet(_)
            | Self::Print(PrintError::Paper(_))
            | Self::Drift(_)
            | Self::ManyRows { .. }
            | Self::Overlaps(_)
            | Self::Ledger(_)
            | Self::Busy(_)
            | Self::NotMaking(_)
            | Self::Ended(_)
            | Self::OtherPlan { .. } => true,
            Self::Instructions(_)
            | Self::NoDataset { .. }
            | Self::NeedsKey(_)
            | Self::Source { .. }
            | Self::Database { .. }
            | Self::Read { .. }
            | Self::SourceTooLarge { .. }
            | Self::Snapshot(_)
            | Self::None(_)
            | Self::Seal(_)
            | Self::File { .. }
            | Self::Report
            | Self::Stopped
            | Self::Print(_)
            | Self::Config(_) => false,
        }
    }

    /// Why an extract was given up, as a code: nothing of a value, a column or a path.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Desk(_) => "permit",
            Self::Instructions(_) | Self::NoDataset { .. } | Self::NeedsKey(_) => "instructions",
            Self::OtherPlan { .. }
            | Self::Source { .. }
            | Self::Database { .. }
            | Self::Read { .. }
            | Self::SourceTooLarge { .. }
            | Self::Snapshot(_) => "source",
            Self::Drift(_) | Self::ManyRows { .. } => "drift",
            Self::Refused(Refusal::Leak(_)) | Self::Counts(CountRefusal::Rows(Refusal::Leak(_))) => "leak",
            Self::Ended(_)
            | Self::Refused(Refusal::Cancelled)
            | Self::Counts(CountRefusal::Rows(Refusal::Cancelled)) => cancel::CANCELLED,
            Self::Refused(Refusal::Empty | Refusal::TooFew { .. })
            | Self::Counts(CountRefusal::Rows(Refusal::Empty | Refusal::TooFew { .. })) => "empty",
            Self::Refused(_) | Self::Counts(_) | Self::Sheet(_) | Self::Parquet(_) | Self::Print(_) => {
                "rules"
            }
            Self::Overlaps(_) | Self::Ledger(_) => "ledger",
            Self::Busy(_) => "busy",
            Self::None(_) | Self::NotMaking(_) | Self::Report => "none",
            Self::Seal(_) => "seal",
            Self::File { .. } | Self::Config(_) => "disk",
            Self::Stopped => "stopped",
        }
    }
}

impl From<CatalogError> for ExtractError {
    fn from(error: CatalogError) -> Self {
        Self::Desk(error.into())
    }
}

impl From<Denied> for ExtractError {
    fn from(error: Denied) -> Self {
        Self::Desk(error.into())
    }
}

/// Does a piece of computing off the threads that answer.
async fn off<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExtractError> + Send + 'static,
) -> Result<T, ExtractError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ExtractError::Stopped))
}
