//! The catalog: a record of runs, and a cache of what the repository says. Rows in, rows out.
//!
//! No rule is decided here, and no row holds the name of a file or of a person (invariant K-9). The repository is the
//! truth for snapshots and packs: `kura catalog rebuild` makes those rows again. Runs, accounts and the audit log are
//! recorded nowhere else. Start with `Catalog` and `Tx`; each file with a noun's name holds the queries of that noun.

use std::path::Path;

use engine::Engine;

use crate::domain::time::Instant;

/// The database behind the catalog: opening, migrating, failing.
mod engine;

/// Between columns and the types of the domain, checked both ways.
mod convert;

/// Runs: begun, ended, abandoned.
mod runs;

/// Snapshots as the repository has them.
mod snapshots;

/// The packs that snapshots need.
mod packs;

/// Transactions that change what people decided; they end with lines of the audit log.
mod tx;

/// The audit log.
mod audit;

/// Accounts and what proves who they are.
mod accounts;

/// API tokens.
mod tokens;

/// Subjects of an identity provider.
mod subjects;

/// Proofs of coverage.
mod coverage;

/// Drills.
mod drills;

/// What is tried out every day.
mod checks;

/// Erasure orders.
mod erasures;

/// Sessions of the console.
mod sessions;

/// Windows.
mod windows;

/// Which window takes the place of which.
mod replacements;

/// Their occurrences.
mod occurrences;

/// Notices, revision by revision.
mod notices;

/// Notices as readers see them.
mod posted;

/// How far their delivery to portals is.
mod outbox;

/// Answers to requests that carry an idempotency key.
mod answers;

/// Who runs an occurrence.
mod leases;

/// Whether users could read notices.
mod proofs;

/// Services that were stopped.
mod stopped_services;

/// Services that a person stops.
mod hand_stops;

/// Break-glasses whose report was seen.
mod seen_reports;

/// Why something did not run or end well.
mod reasons;

/// Snapshots that people asked for.
mod event_requests;

/// What somebody has to look after.
mod alarms;

/// Orders of deletion, standing approvals, how expiry stands.
mod deletions;

/// Reminders of permits by mail.
mod permit_mails;

/// Permits: what was applied for, and where that stands.
mod permits;

/// Extracts, and what later ones are compared with.
mod extracts;

/// Certificates of deletion, and holds as far as they are noted here.
mod certificates;

/// Incidents.
mod incidents;

/// What belongs to an incident.
mod incident_details;

/// Records of work.
mod works;

/// How monitored targets stand.
mod monitoring;

/// Looks through access logs.
mod log_looks;

pub use accounts::AccountRow;
pub use alarms::AlarmRow;
pub use answers::{Answer, AnswerRow, Receipt};
pub use certificates::CertificateRow;
pub use checks::CanaryRow;
pub use coverage::CoverageRow;
pub use deletions::{LookRow, OrderRow, StandingRow};
pub use drills::DrillRow;
pub use engine::Trouble;
pub use event_requests::{EventRequest, RequestState};
pub use extracts::{CrowdsRow, ExtractPlanRow, ExtractRow, ExtractState};
pub use incident_details::{ActionRow, EntryRow, MailRow, TickRow};
pub use incidents::{IncidentRow, LinkedAlarm};
pub use leases::Holder;
pub use log_looks::LogLookRow;
pub use monitoring::{MonitorChange, MonitorCheck};
pub use notices::NoticeRow;
pub use outbox::{Delivery, Message};
pub use packs::PackRow;
pub use permit_mails::{PermitMailEnd, PermitMailRow};
pub use permits::PermitRow;
pub use posted::Posted;
pub use proofs::{ProofRow, Unproven};
pub use reasons::ReasonRow;
pub use runs::{RunEnd, RunLife, RunRow, RunStart, RunState};
pub use sessions::{SessionRow, SessionStage};
pub use snapshots::SnapshotRow;
pub use stopped_services::StoppedService;
pub use tokens::TokenRow;
pub use tx::Tx;
pub use works::{PointRow, ResultRow, WorkRow};

/// Why the catalog could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The row is not in the state that the change begins from; somebody else changed it first, or there is none.
    #[error("{id} in {table} is not in the state that this change begins from")]
    Stale {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
    },
    /// The place of a snapshot is taken by another one: the chain has forked, or the catalog is of another repository.
    #[error(
        "the catalog has another snapshot {sequence} of {plan}; `kura catalog rebuild` reads the repository again"
    )]
    OtherSnapshot {
        /// The plan.
        plan: String,
        /// The number that both claim.
        sequence: u64,
    },
    /// A row holds what Kura never writes.
    #[error("{column} of {id} in {table} cannot be read; `kura catalog rebuild` makes the catalog again")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
    },
    /// A number is larger than a column holds (2⁶³ − 1).
    #[error("{value} is too large for {column} in {table}")]
    TooLarge {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The number.
        value: u64,
    },
    /// The database cannot be used now.
    #[error("cannot use the catalog {file}: {trouble}")]
    Unavailable {
        /// The catalog's file.
        file: String,
        /// What is wrong, and what to do.
        trouble: Trouble,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// A newer Kura wrote the catalog.
    #[error(
        "the catalog {file} was written by a newer Kura (schema {found}, this one knows {known}); \
         use the newer program"
    )]
    Newer {
        /// The catalog's file.
        file: String,
        /// The schema version of the file.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
}

/// The place in a list after which a page begins: the time and the id of the last row that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The time by which the list is ordered.
    pub at: Instant,
    /// What tells rows of the same time apart.
    pub id: String,
}

impl Place {
    /// Before the first row of a list whose newest come first.
    pub const fn newest() -> Self {
        Self { at: Instant::from_micros(i64::MAX), id: String::new() }
    }

    /// Before the first row of a list whose oldest come first.
    pub const fn oldest() -> Self {
        Self { at: Instant::from_micros(i64::MIN), id: String::new() }
    }
}

/// An open catalog. Cloning gives another handle to the same one; all handles share its connections.
#[derive(Clone, Debug)]
pub struct Catalog {
    engine: Engine,
    /// What the next transaction marks as done.
    receipt: Option<Receipt>,
}

impl Catalog {
    /// Opens the catalog in `path`, makes it where there is none, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, CatalogError> {
        Ok(Self { engine: Engine::open(path).await?, receipt: None })
    }

    /// An empty catalog in memory, gone with its last handle; for tests.
    pub async fn in_memory() -> Result<Self, CatalogError> {
        Ok(Self { engine: Engine::in_memory().await?, receipt: None })
    }

    /// Proves that decisions can be written, and to the file that the next start will open.
    pub async fn prove_writable(&self) -> Result<(), CatalogError> {
        self.engine.prove_writable().await
    }

    /// Waits until the file is closed. Dropping the last handle closes it too, but without waiting.
    pub async fn close(self) {
        self.engine.close().await;
    }

    /// Forgets the snapshots and packs of a plan, so that `kura catalog rebuild` can record them again. Runs stay.
    pub async fn clear_plan(&self, plan: &str) -> Result<(), CatalogError> {
        let mut tx = self.engine.begin().await?;
        for statement in [snapshots::DELETE_PLAN, packs::DELETE_PLAN] {
            let done = sqlx::query(statement).bind(plan).execute(&mut *tx).await;
            done.map_err(|error| self.engine.failed(error))?;
        }
        self.engine.commit(tx).await
    }
}
