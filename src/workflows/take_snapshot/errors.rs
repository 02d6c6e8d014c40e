//! Why a run ended without a snapshot.

use std::io;
use std::path::PathBuf;

use crate::archive::outlet::SessionError;
use crate::archive::seal::SealError;
use crate::catalog::CatalogError;
use crate::config::Home;
use crate::domain::time::Instant;
use crate::workflows::repository::RepositoryError;
use crate::workflows::upload::UploadError;

/// A rule said no. Nothing was stored under a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The clock runs behind the last snapshot.
    #[error(
        "the clock says {now}, but the last snapshot was taken at {last}: set the clock, then try again. If it is right \
         now and was wrong then, somebody says first what day it is: `kura expire today DATE --account ID`"
    )]
    ClockBehind {
        /// The clock.
        now: Instant,
        /// The last snapshot.
        last: String,
    },
    /// A clock outside the machine disagrees.
    #[error(
        "this machine's clock differs from that of {source_name} by {} s (it is {}): what is stored now would be filed \
         under a wrong day. Nothing was stored; set the clock, then try again",
        .ahead_seconds.unsigned_abs(), if *.ahead_seconds > 0 { "ahead" } else { "behind" }
    )]
    ClockDisagrees {
        /// Which clock.
        source_name: String,
        /// Seconds that this machine's clock is ahead of it.
        ahead_seconds: i64,
    },
    /// Too many records seem to come from the future.
    #[error(
        "{clamped} of {entries} records seem to come from the future: the clock of this machine or of the source \
         is wrong. Nothing was stored; set the clock, then try again"
    )]
    Clamped {
        /// How many.
        clamped: u64,
        /// Of how many.
        entries: u64,
    },
    /// The store shows an older state than this host remembers.
    #[error(
        "the store's newest snapshot of this plan is number {stored}, but this host took number {known}: the store \
         was rolled back or is another one. Find out which before anything is added; `kura catalog rebuild` accepts \
         the store as it is"
    )]
    RolledBack {
        /// Newest in the store.
        stored: u64,
        /// Newest this host knows.
        known: u64,
    },
}

/// Why a run ended without a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another run of the plan is under way.
    #[error("another run of plan {0} is under way (its lock is held); wait for it to end")]
    Running(String),
    /// The end of its window came.
    #[error("the run was stopped at the end of its window; what was sent is taken over by the next run")]
    Stopped,
    /// A source cannot be opened.
    #[error("the source {} cannot be opened: {reason}", .path.display())]
    Source {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A source that is no folder cannot be opened.
    #[error("the source {source_name} cannot be read: {reason}")]
    Unopened {
        /// Its name.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// The home's disk.
    #[error("cannot use {what} in the home {}", .home.display())]
    Local {
        /// What was needed.
        what: &'static str,
        /// The home.
        home: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store, or a record in it.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Sending.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The engine.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Sealing.
    #[error(transparent)]
    Seal(SealError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl SnapshotError {
    /// The home's disk failed.
    pub(super) fn local(home: &Home, what: &'static str, source: io::Error) -> Self {
        Self::Local { what, home: home.path().to_owned(), source }
    }
}

impl From<crate::vault::VaultError> for SnapshotError {
    fn from(error: crate::vault::VaultError) -> Self {
        Self::Repository(error.into())
    }
}
