//! Where a permit stands, and its words for that.

use crate::domain::account::AccountId;
use crate::domain::time::Instant;

/// Where a permit stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PermitState {
    /// It waits for a decision.
    Applied,
    /// It may be used in its period.
    Approved(PermitApproval),
    /// An extract is being made.
    Executing {
        /// By whom it was approved, and what.
        approval: PermitApproval,
        /// Who makes it.
        by: AccountId,
        /// Since when.
        since: Instant,
        /// When an earlier one was handed over, for which the after-use measure is owed.
        delivered_at: Option<Instant>,
    },
    /// An extract was handed over.
    Delivered {
        /// By whom it was approved, and what.
        approval: PermitApproval,
        /// When.
        at: Instant,
    },
    /// The after-use measure was confirmed.
    Closed {
        /// By whom.
        by: AccountId,
        /// When.
        at: Instant,
    },
    /// It was returned to the applicant.
    Returned {
        /// By whom.
        by: AccountId,
        /// When.
        at: Instant,
        /// Why.
        reason: String,
    },
    /// It was taken away.
    Revoked {
        /// By whom.
        by: AccountId,
        /// When.
        at: Instant,
        /// Why.
        reason: String,
        /// Whether an extract had been handed over: then the after-use measure is still owed.
        was_delivered: bool,
    },
    /// Its period is over and nothing was handed over.
    Expired {
        /// When that was found.
        at: Instant,
    },
}

/// An approval and what it is bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermitApproval {
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Instant,
    /// SHA-256 of what it says (`PermitContent::digest_text`).
    pub digest: [u8; 32],
}

impl PermitState {
    /// The word in rows and listings.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Approved(_) => "approved",
            Self::Executing { .. } => "executing",
            Self::Delivered { .. } => "delivered",
            Self::Closed { .. } => "closed",
            Self::Returned { .. } => "returned",
            Self::Revoked { .. } => "revoked",
            Self::Expired { .. } => "expired",
        }
    }

    /// The word for people.
    pub const fn japanese(&self) -> &'static str {
        match self {
            Self::Applied => "申請中",
            Self::Approved(_) => "承認済み",
            Self::Executing { .. } => "実施中",
            Self::Delivered { .. } => "提供済み",
            Self::Closed { .. } => "完了",
            Self::Returned { .. } => "差戻し",
            Self::Revoked { .. } => "取消し",
            Self::Expired { .. } => "期限切れ",
        }
    }
}
