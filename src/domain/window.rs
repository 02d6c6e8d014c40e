//! Windows (実施時間帯): where a request stands, and what an approval is bound to.
//!
//! requested → approved → lapsed or ended; or returned; or withdrawn. Each state holds who, when and why.

use crate::domain::account::AccountId;
use crate::domain::time::Instant;

pub use crate::domain::window_terms::{BadTerms, Terms, TermsParts, WindowKind, is_one_line};

/// The longest reason, characters.
pub const REASON_CHARACTERS_MAX: usize = 500;

/// The reason of every lapse, as it is kept.
pub const LAPSE_REASON: &str = "the plan, its recipients or the times changed after the approval";

/// Where a window stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WindowState {
    /// It waits for a decision.
    Requested,
    /// It may be used.
    Approved(Approval),
    /// It was returned to who asked.
    Returned {
        /// By whom.
        by: AccountId,
        /// When.
        at: Instant,
        /// Why.
        reason: String,
    },
    /// Who asked took it back, before or after the approval.
    Withdrawn {
        /// When.
        at: Instant,
        /// Why.
        reason: String,
    },
    /// What was approved is no longer what would run.
    Lapsed {
        /// When that was found.
        at: Instant,
        /// What changed.
        reason: String,
    },
    /// Its last day is over.
    Ended {
        /// When that was found.
        at: Instant,
    },
}

/// An approval and what it is bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Its number, such as `BW-2026-001`.
    pub number: String,
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Instant,
    /// SHA-256 of the plan's content, its recipients and the terms.
    pub digest: [u8; 32],
}

impl WindowState {
    /// The word in rows and listings.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved(_) => "approved",
            Self::Returned { .. } => "returned",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Lapsed { .. } => "lapsed",
            Self::Ended { .. } => "ended",
        }
    }

    /// The word for people.
    pub const fn japanese(&self) -> &'static str {
        match self {
            Self::Requested => "申請中",
            Self::Approved(_) => "承認済み",
            Self::Returned { .. } => "差戻し",
            Self::Withdrawn { .. } => "取下げ",
            Self::Lapsed { .. } => "失効",
            Self::Ended { .. } => "終了",
        }
    }
}

/// A window: who asked for what, and where that stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    /// Its id, such as `w-0001`.
    pub id: String,
    /// What is asked for.
    pub terms: Terms,
    /// Who asked.
    pub requested_by: AccountId,
    /// When.
    pub requested_at: Instant,
    /// Where it stands.
    pub state: WindowState,
}

/// A move that the state does not allow.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("window {window} is {state}: it cannot be {verb}")]
pub struct IllegalMove {
    /// The window.
    pub window: String,
    /// Its state.
    pub state: &'static str,
    /// What was tried.
    pub verb: &'static str,
}

/// What can happen to a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// It is approved.
    Approve,
    /// It is returned.
    Return,
    /// It is withdrawn.
    Withdraw,
    /// It lapses.
    Lapse,
    /// It ends.
    End,
}

impl Window {
    /// Whether a move is allowed now.
    pub fn check_move(&self, what: Move) -> Result<(), IllegalMove> {
        let (allowed, verb) = match (&self.state, what) {
            (WindowState::Requested, Move::Approve) => (true, "approved"),
            (_, Move::Approve) => (false, "approved"),
            (WindowState::Requested, Move::Return) => (true, "returned"),
            (_, Move::Return) => (false, "returned"),
            // A lapsed one too, so that nobody goes on being told of it.
            (
                WindowState::Requested | WindowState::Approved(_) | WindowState::Lapsed { .. },
                Move::Withdraw,
            ) => (true, "withdrawn"),
            (_, Move::Withdraw) => (false, "withdrawn"),
            (WindowState::Approved(_), Move::Lapse) => (true, "lapsed"),
            (_, Move::Lapse) => (false, "lapsed"),
            (WindowState::Approved(_), Move::End) => (true, "ended"),
            (_, Move::End) => (false, "ended"),
        };
        let refused = || IllegalMove { window: self.id.clone(), state: self.state.word(), verb };
        if allowed { Ok(()) } else { Err(refused()) }
    }

    /// The approval, if it is approved.
    pub const fn approval(&self) -> Option<&Approval> {
        match &self.state {
            WindowState::Approved(approval) => Some(approval),
            WindowState::Requested
            | WindowState::Returned { .. }
            | WindowState::Withdrawn { .. }
            | WindowState::Lapsed { .. }
            | WindowState::Ended { .. } => None,
        }
    }

    /// Whether it binds its plan to occurrences: only a returned, withdrawn or ended one does not.
    pub const fn is_alive(&self) -> bool {
        match self.state {
            WindowState::Requested | WindowState::Approved(_) | WindowState::Lapsed { .. } => true,
            WindowState::Returned { .. } | WindowState::Withdrawn { .. } | WindowState::Ended { .. } => false,
        }
    }
}
