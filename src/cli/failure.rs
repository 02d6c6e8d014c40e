//! Why a command failed, and the words for it: what happened, to what, why, what to do next.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use crate::app::{AppError, CatalogError, PlanError};
use crate::config::ConfigError;
use crate::policy_files::{BadInstructions, Refused};
use crate::telemetry::BadFilter;
use crate::workflows::accounts::AccountError;
use crate::workflows::audit_head::AuditHeadError;
use crate::workflows::check_audit::AuditError;
use crate::workflows::choice::ChoiceError;
use crate::workflows::desk::DeskError;
use crate::workflows::expire::ExpireError;
use crate::workflows::extracts::ExtractError;
use crate::workflows::gate::GateError;
use crate::workflows::holds::HoldError;
use crate::workflows::host::HostError;
use crate::workflows::init::InitError;
use crate::workflows::keys::IdentityError;
use crate::workflows::reading::ReadError;
use crate::workflows::rebuild::RebuildError;
use crate::workflows::rejoin::RejoinError;
use crate::workflows::repository::RepositoryError;
use crate::workflows::restore::RestoreError;
use crate::workflows::sign_in::AccessError;
use crate::workflows::store::{StoreUrlError, VaultError};
use crate::workflows::take_snapshot::SnapshotError;
use crate::workflows::tokens::TokenError;
use crate::workflows::upload::UploadError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// A plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Plan files were checked and have mistakes.
    #[error("{}", count(.0))]
    Problems(Refused),
    /// The address of a store.
    #[error(transparent)]
    Store(#[from] StoreUrlError),
    /// The setting of messages.
    #[error(transparent)]
    Log(#[from] BadFilter),
    /// Making an installation or a key.
    #[error(transparent)]
    Init(#[from] InitError),
    /// Taking the place of a lost host.
    #[error(transparent)]
    Rejoin(#[from] RejoinError),
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Taking a snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An identity file.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A repository, or a record in it.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A restore, or reading a snapshot.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Loading into a database.
    #[error(transparent)]
    Load(#[from] crate::workflows::load_database::LoadError),
    /// Bringing the catalog back.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// A store.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The home or the catalog.
    #[error(transparent)]
    App(#[from] AppError),
    /// Who somebody is, or what he may do.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// An account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A window, an occurrence or a notice.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The gate before a snapshot.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The audit log against the store.
    #[error(transparent)]
    AuditHead(#[from] AuditHeadError),
    /// Deletion.
    #[error(transparent)]
    Expire(#[from] ExpireError),
    /// A hold.
    #[error(transparent)]
    Hold(HoldError),
    /// An extract.
    #[error(transparent)]
    Extract(Box<ExtractError>),
    /// A PDF.
    #[error(transparent)]
    Print(#[from] crate::workflows::printing::PrintError),
    /// A file that the command itself reads or writes.
    #[error("cannot {act} {}", .path.display())]
    File {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Anything else; the text says what to do.
    #[error("{0}")]
    Failed(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::App(error.into())
    }
}

impl From<crate::app::DeskError> for Failure {
    fn from(error: crate::app::DeskError) -> Self {
        match error {
            crate::app::DeskError::App(error) => Self::App(error),
            crate::app::DeskError::Host(error) => Self::Host(error),
        }
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self::App(error.into())
    }
}

fn count(refused: &Refused) -> String {
    match refused.problems.len() {
        1 => "1 mistake in the plan; correct it and check again".to_owned(),
        n => format!("{n} mistakes in the plans; correct them and check again"),
    }
}

/// Everything that is wrong with instructions, one on a line.
fn listed(bad: &BadInstructions) -> String {
    format!("kura: error: the instructions of the extract cannot be used\n{}", bad.english().join("\n"))
}

impl Failure {
    /// A file that could not be used.
    pub(super) fn file(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { act, path: path.to_owned(), source }
    }

    /// The whole message: what happened, why down to the last cause, what to do next.
    pub(super) fn message(&self) -> String {
        let first = self.to_string();
        let mut text = match self {
            // One problem a line, each with its place.
            Self::Plan(PlanError::Refused(_)) => format!("kura: error: the plan cannot be used\n{first}"),
            Self::Desk(DeskError::Instructions(bad)) => listed(bad),
            Self::Extract(error) => match &**error {
                ExtractError::Instructions(bad) => listed(bad),
                _ => format!("kura: error: {first}"),
            },
            _ => format!("kura: error: {first}"),
        };
        let mut said = first;
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !said.contains(&words) {
                // Writing to a String cannot fail.
                write!(text, "\n  because: {words}").unwrap_or_default();
            }
            said = words;
            cause = error.source();
        }
        if let Some(next) = self.next() {
            write!(text, "\n  next: {next}").unwrap_or_default();
        }
        text
    }

    /// What to do next, where the message does not say it itself.
    fn next(&self) -> Option<&'static str> {
        if let Some(vault) = self.vault() {
            return match vault {
                VaultError::Missing { .. } => Some(
                    "the object was deleted or this is another store: compare the address with `kura.toml`",
                ),
                VaultError::Denied { .. } => {
                    Some("check the credentials and the rights on the folder or bucket")
                }
                VaultError::Full { .. } => Some("make room there and run again; what was sent is taken over"),
                VaultError::Unavailable { .. } => {
                    Some("check that the store can be reached and run again; what was sent is taken over")
                }
                VaultError::Locked { .. } | VaultError::Unusable { .. } => None,
            };
        }
        if let Some(next) = self.repository().and_then(next_for_repository) {
            return Some(next);
        }
        match self {
            Self::Identity(IdentityError::Unusable { .. }) => {
                Some("give the recovery key as `kura init` wrote it, and its own passphrase")
            }
            Self::Restore(RestoreError::Read(ReadError::Damaged { .. })) => {
                Some("`kura verify` says what else is damaged; another copy of the store may be whole")
            }
            Self::Restore(
                RestoreError::Choice(ChoiceError::Chain { .. }) | RestoreError::RolledBack { .. },
            ) => Some(
                "compare with another copy of the store and with the last notices before anything is added",
            ),
            Self::Plan(PlanError::None { .. }) => {
                Some("write the plan there; `kura plan list` shows those there are")
            }
            Self::Plan(PlanError::Refused(_)) => Some("correct the file; `kura plan check` checks it again"),
            Self::Snapshot(SnapshotError::Source { .. }) => {
                Some("check that the source is mounted and readable for this user, or correct the plan")
            }
            Self::Snapshot(SnapshotError::Unopened { .. }) => {
                Some("`kura plan check PLAN` says what the source and this plan lack")
            }
            Self::Snapshot(SnapshotError::Local { .. }) => {
                Some("check that the disk of the home has room and that this user owns it")
            }
            _ => self.io().and_then(next_for_file),
        }
    }

    /// What the operating system said about a file, if that is what failed.
    fn io(&self) -> Option<&io::Error> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<io::Error>() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }

    /// The record that was refused, if that is what failed.
    const fn repository(&self) -> Option<&RepositoryError> {
        match self {
            Self::Repository(error)
            | Self::Expire(ExpireError::Repository(error))
            | Self::Hold(HoldError::Repository(error))
            | Self::Init(InitError::Repository(error))
            | Self::Rejoin(RejoinError::Repository(error))
            | Self::Rebuild(RebuildError::Repository(error))
            | Self::Host(HostError::Repository(error))
            | Self::Snapshot(SnapshotError::Repository(error))
            | Self::Restore(
                RestoreError::Repository(error) | RestoreError::Choice(ChoiceError::Repository(error)),
            ) => Some(error),
            _ => None,
        }
    }

    /// What the store said, if that is what failed.
    const fn vault(&self) -> Option<&VaultError> {
        match self {
            Self::Vault(error)
            | Self::Expire(ExpireError::Vault(error))
            | Self::Init(InitError::Vault(error))
            | Self::Host(HostError::Vault(error))
            | Self::Snapshot(SnapshotError::Upload(UploadError::Vault { source: error, .. }))
            | Self::Restore(RestoreError::Read(ReadError::Vault { source: error, .. })) => Some(error),
            _ => match self.repository() {
                Some(RepositoryError::Vault(error)) => Some(error),
                _ => None,
            },
        }
    }
}

/// An error and what caused it, in one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

const fn next_for_repository(error: &RepositoryError) -> Option<&'static str> {
    match error {
        RepositoryError::WrongIdentity => Some(
            "use one of its recovery keys (`kura key list` on the backup host names them), or check --store",
        ),
        RepositoryError::OtherRoot { .. } => {
            Some("check --store; never go on unless you know why the root key changed")
        }
        RepositoryError::Record { .. } | RepositoryError::Contradiction { .. } => Some(
            "the object was altered or belongs elsewhere: keep the store as it is and find out who wrote it",
        ),
        RepositoryError::Base { .. } => Some(
            "put the other one back with `kura scrub --heal` if there is a second store; the next run lists everything anew",
        ),
        _ => None,
    }
}

fn next_for_file(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound => Some("check the path; the folder that it lies in must exist"),
        io::ErrorKind::PermissionDenied => Some("run as the user that owns it, or correct its rights"),
        io::ErrorKind::AlreadyExists => Some("Kura overwrites nothing: choose another name"),
        io::ErrorKind::StorageFull => Some("make room on that disk, then run again"),
        _ => None,
    }
}
