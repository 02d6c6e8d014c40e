//! Exit codes: a contract with scripts.
//!
//! | code | name | meaning |
//! |---|---|---|
//! | 0 | done | everything that was asked for was done |
//! | 1 | failed | it was not done; the message says why and what to do next |
//! | 2 | usage | the arguments, a plan file or a setting are wrong; nothing was tried |
//! | 3 | partial | done, but something named in the report was not read |
//! | 4 | refused | a rule said no; nothing was changed |

use std::process::ExitCode;

use crate::app::{AppError, PlanError};
use crate::config::ConfigError;
use crate::domain::work::WorkRefusal;
use crate::workflows::accounts::AccountError;
use crate::workflows::choice::ChoiceError;
use crate::workflows::desk::DeskError;
use crate::workflows::gate::GateError;
use crate::workflows::host::HostError;
use crate::workflows::init::InitError;
use crate::workflows::load_database::LoadError;
use crate::workflows::rebuild::RebuildError;
use crate::workflows::repository::RepositoryError;
use crate::workflows::restore::RestoreError;
use crate::workflows::sign_in::AccessError;
use crate::workflows::take_snapshot::SnapshotError;
use crate::workflows::tokens::TokenError;

use super::failure::Failure;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Wrong arguments, plans or settings.
    Usage,
    /// Done in part.
    Partial,
    /// A rule said no.
    Refused,
}

impl Exit {
    /// The code that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Refused => 4,
        }
    }

    /// How a command ends that failed so.
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Usage(_)
            | Failure::Plan(PlanError::None { .. } | PlanError::Refused(_))
            | Failure::Problems(_)
            | Failure::Store(_)
            | Failure::Log(_)
            | Failure::Init(InitError::NoRecoveryKey | InitError::NoRootKey)
            | Failure::App(AppError::Config(ConfigError::Invalid { .. }))
            | Failure::Host(HostError::Config(ConfigError::Invalid { .. }) | HostError::Address { .. }) => {
                Self::Usage
            }
            Failure::Snapshot(SnapshotError::Refused(_)) => Self::Refused,
            Failure::Repository(error) | Failure::Rebuild(RebuildError::Repository(error)) => {
                Self::of_repository(error)
            }
            Failure::Restore(error) => Self::of_restore(error),
            Failure::Load(LoadError::Address(_)) => Self::Usage,
            Failure::Load(LoadError::NotEmpty(_)) => Self::Refused,
            Failure::Access(error) | Failure::Account(AccountError::Access(error)) => Self::of_access(error),
            Failure::Account(
                AccountError::Hash(_)
                | AccountError::Seal(_)
                | AccountError::Config(_)
                | AccountError::Catalog(_),
            )
            | Failure::Token(TokenError::Catalog(_))
            | Failure::Audit(_)
            | Failure::AuditHead(_) => Self::Failed,
            Failure::Account(_)
            | Failure::Token(_)
            | Failure::Gate(GateError::Refused { .. } | GateError::Elsewhere(_)) => Self::Refused,
            Failure::Expire(error) => Self::of_expiry(error),
            Failure::Hold(error) => super::hold::exit_of(error),
            Failure::Extract(error) => super::extract::exit_of(error),
            Failure::Desk(error) | Failure::Gate(GateError::Desk(error)) => Self::of_desk(error),
            Failure::Init(_)
            | Failure::Rejoin(_)
            | Failure::Host(_)
            | Failure::Snapshot(_)
            | Failure::Load(_)
            | Failure::Identity(_)
            | Failure::Rebuild(RebuildError::Catalog(_))
            | Failure::Vault(_)
            | Failure::App(_)
            | Failure::Print(_)
            | Failure::File { .. }
            | Failure::Failed(_) => Self::Failed,
        }
    }
}

impl Exit {
    /// A state or a right that says no is refused.
    const fn of_desk(error: &DeskError) -> Self {
        match error {
            DeskError::Access(error) => Self::of_access(error),
            DeskError::Terms(_)
            | DeskError::Reason(_)
            | DeskError::Service { .. }
            | DeskError::Application(_)
            | DeskError::Instructions(_)
            | DeskError::Work(WorkRefusal::File | WorkRefusal::TooLarge) => Self::Usage,
            DeskError::Move(_)
            | DeskError::Permit(_)
            | DeskError::Ahead(_)
            | DeskError::NotOver(_)
            | DeskError::Stale(_)
            | DeskError::Begun(_)
            | DeskError::Incident(_)
            | DeskError::Alike { .. }
            | DeskError::OfIncident(_)
            | DeskError::Work(_)
            | DeskError::Checklist(_)
            | DeskError::Confirmation(_) => Self::Refused,
            DeskError::None { .. } | DeskError::Plan(_) | DeskError::Catalog(_) | DeskError::Lock(_) => {
                Self::Failed
            }
        }
    }

    /// Whoever is not let in is refused; what broke on the way has failed.
    const fn of_access(error: &AccessError) -> Self {
        match error {
            AccessError::Config(_) | AccessError::Catalog(_) | AccessError::Factor(..) => Self::Failed,
            _ => Self::Refused,
        }
    }

    /// A repository that nobody vouches for is refused.
    const fn of_repository(error: &RepositoryError) -> Self {
        match error {
            RepositoryError::NoRoot | RepositoryError::OtherRoot { .. } => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// A chain that was cut or replaced is refused.
    const fn of_restore(error: &RestoreError) -> Self {
        match error {
            RestoreError::Pattern(_) | RestoreError::Choice(ChoiceError::Unreadable(_)) => Self::Usage,
            RestoreError::RolledBack { .. }
            | RestoreError::OtherHead { .. }
            | RestoreError::Erasures(_)
            | RestoreError::Choice(ChoiceError::Chain { .. }) => Self::Refused,
            RestoreError::Repository(error) | RestoreError::Choice(ChoiceError::Repository(error)) => {
                Self::of_repository(error)
            }
            RestoreError::Choice(_)
            | RestoreError::Read(_)
            | RestoreError::Target { .. }
            | RestoreError::Nothing
            | RestoreError::Lost(_)
            | RestoreError::Spill(_) => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
