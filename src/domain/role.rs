//! Who may do what: the roles of the security policy, the acts, and the one table that joins them.
//!
//! Two rules stand beside the table: nobody decides about what he asked for (第21条②, the design's §2), and who may make
//! accounts that decide.

use std::fmt;

/// A role of the security policy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// サービス運用者 (医師会): approves.
    ServiceOperator,
    /// 運用管理責任者: acts in an emergency, is the second approver, keeps the accounts.
    OperationsManager,
    /// システム管理者（運用管理事業者）: plans, runs, restores.
    SystemAdministrator,
    /// システム運用者: notices, extracts, incidents.
    SystemOperator,
    /// 監査: reads everything.
    Auditor,
    /// The portal, a machine: reads notices.
    Portal,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::ServiceOperator,
        Self::OperationsManager,
        Self::SystemAdministrator,
        Self::SystemOperator,
        Self::Auditor,
        Self::Portal,
    ];

    /// The word in commands, rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ServiceOperator => "service_operator",
            Self::OperationsManager => "operations_manager",
            Self::SystemAdministrator => "system_administrator",
            Self::SystemOperator => "system_operator",
            Self::Auditor => "auditor",
            Self::Portal => "portal",
        }
    }

    /// The name in the security policy.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::ServiceOperator => "サービス運用者",
            Self::OperationsManager => "運用管理責任者",
            Self::SystemAdministrator => "システム管理者（運用管理事業者）",
            Self::SystemOperator => "システム運用者",
            Self::Auditor => "監査",
            Self::Portal => "ポータル",
        }
    }

    /// The role of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether this role decides about what others ask for.
    pub const fn decides(self) -> bool {
        matches!(self, Self::ServiceOperator | Self::OperationsManager)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something that needs a right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// Read plans, windows, occurrences, runs and snapshots.
    Read,
    /// Read notices in all their revisions; the current ones are public.
    ReadNotices,
    /// Read the audit log and check it.
    ReadAudit,
    /// Ask for a window; withdraw it.
    RequestWindow,
    /// Approve a window or return it.
    DecideWindow,
    /// Let an occurrence run although a rule refuses it, with a reason.
    BreakGlass,
    /// Take snapshots through the service.
    TakeSnapshot,
    /// Confirm that a service was stopped or started by hand.
    ConfirmService,
    /// Correct and close notices.
    EditNotice,
    /// Add and disable accounts.
    ManageAccounts,
    /// Approve an order of deletion.
    ApproveDeletion,
    /// Confirm what somebody else approved; say what day it is.
    ConfirmDeletion,
    /// Approve for good that a plan's data is deleted when its time is over.
    StandingDeletion,
    /// Delete what was approved.
    RunDeletion,
    /// Place and release holds.
    ManageHolds,
    /// Order that records are not given back any more, and take such orders back.
    OrderErasures,
    /// Read permits.
    ReadPermits,
    /// Apply for a permit; change the application.
    ApplyPermit,
    /// Approve a permit, return it or take it away.
    DecidePermit,
    /// Make an extract under a permit.
    ExecutePermit,
    /// Confirm the after-use measure of a permit.
    ClosePermit,
    /// Open incidents, write what happens, tell those concerned, report and close.
    ManageIncidents,
    /// Keep the records of acceptance and maintenance; review access logs.
    KeepRecords,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 23] = [
        Self::Read,
        Self::ReadNotices,
        Self::ReadAudit,
        Self::RequestWindow,
        Self::DecideWindow,
        Self::BreakGlass,
        Self::TakeSnapshot,
        Self::ConfirmService,
        Self::EditNotice,
        Self::ManageAccounts,
        Self::ApproveDeletion,
        Self::ConfirmDeletion,
        Self::StandingDeletion,
        Self::RunDeletion,
        Self::ManageHolds,
        Self::OrderErasures,
        Self::ReadPermits,
        Self::ApplyPermit,
        Self::DecidePermit,
        Self::ExecutePermit,
        Self::ClosePermit,
        Self::ManageIncidents,
        Self::KeepRecords,
    ];

    /// The word, also the name of a token's scope.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadNotices => "notice.read",
            Self::ReadAudit => "audit",
            Self::RequestWindow => "window.request",
            Self::DecideWindow => "window.decide",
            Self::BreakGlass => "break-glass",
            Self::TakeSnapshot => "snapshot",
            Self::ConfirmService => "service.confirm",
            Self::EditNotice => "notice.edit",
            Self::ManageAccounts => "account.manage",
            Self::ApproveDeletion => "deletion.approve",
            Self::ConfirmDeletion => "deletion.confirm",
            Self::StandingDeletion => "deletion.standing",
            Self::RunDeletion => "deletion.run",
            Self::ManageHolds => "hold",
            Self::OrderErasures => "erasure",
            Self::ReadPermits => "permit.read",
            Self::ApplyPermit => "permit.apply",
            Self::DecidePermit => "permit.decide",
            Self::ExecutePermit => "permit.execute",
            Self::ClosePermit => "permit.close",
            Self::ManageIncidents => "incident",
            Self::KeepRecords => "record",
        }
    }

    /// The act of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }

    /// What the act is, for sentences: "may not …".
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Read => "read plans, windows, runs and snapshots",
            Self::ReadNotices => "read notices in all their revisions",
            Self::ReadAudit => "read the audit log",
            Self::RequestWindow => "request or withdraw windows",
            Self::DecideWindow => "approve or return windows",
            Self::BreakGlass => "let a refused occurrence run (break-glass)",
            Self::TakeSnapshot => "take snapshots through the service",
            Self::ConfirmService => "confirm that a service was stopped or started by hand",
            Self::EditNotice => "correct or close notices",
            Self::ManageAccounts => "add or disable accounts",
            Self::ApproveDeletion => "approve orders of deletion",
            Self::ConfirmDeletion => "confirm orders of deletion",
            Self::StandingDeletion => "approve deletion for good",
            Self::RunDeletion => "delete what was approved",
            Self::ManageHolds => "place or release holds",
            Self::OrderErasures => "order erasures or take them back",
            Self::ReadPermits => "read permits",
            Self::ApplyPermit => "apply for permits",
            Self::DecidePermit => "approve, return or revoke permits",
            Self::ExecutePermit => "make extracts under a permit",
            Self::ClosePermit => "confirm the after-use measure of permits",
            Self::ManageIncidents => "open, write or close incidents",
            Self::KeepRecords => "keep records of acceptance, maintenance and reviews",
        }
    }
}

/// Whether a role may do an act at all. The whole table; nothing else grants a right.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub const fn may(role: Role, act: Act) -> bool {
    match (role, act) {
        // A portal is a machine outside: it has no business with what is protected and when (design §2).
        (Role::Portal, Act::Read | Act::ReadPermits) => false,
        (_, Act::Read | Act::ReadNotices | Act::ReadPermits) => true,
        (Role::Auditor, Act::ReadAudit)
        | (
            Role::ServiceOperator,
            Act::ReadAudit
            | Act::ManageAccounts
            | Act::DecideWindow
            | Act::ConfirmDeletion
            | Act::StandingDeletion
            | Act::ManageHolds
            | Act::OrderErasures
            | Act::ApplyPermit
            | Act::DecidePermit
            | Act::ClosePermit,
        )
        | (
            Role::OperationsManager,
            Act::ReadAudit
            | Act::ManageAccounts
            | Act::BreakGlass
            | Act::EditNotice
            | Act::ApproveDeletion
            | Act::ConfirmDeletion
            | Act::RunDeletion
            | Act::ManageHolds
            | Act::OrderErasures
            | Act::ApplyPermit,
        )
        | (
            Role::SystemAdministrator,
            Act::ReadAudit
            | Act::ManageAccounts
            | Act::RequestWindow
            | Act::TakeSnapshot
            | Act::ConfirmService
            | Act::ApproveDeletion
            | Act::RunDeletion
            | Act::ApplyPermit
            // 第17条: システム管理者 finds what fails and records it in 別紙3; システム運用者 answers for it.
            | Act::ManageIncidents
            // 第19条, 第20条, 第22条②: the administrator accepts, maintains and watches.
            | Act::KeepRecords,
        )
        | (
            Role::SystemOperator,
            Act::EditNotice
            | Act::ConfirmService
            | Act::ApplyPermit
            | Act::ExecutePermit
            | Act::ClosePermit
            | Act::ManageIncidents,
        ) => true,
        (
            Role::ServiceOperator
            | Role::OperationsManager
            | Role::SystemAdministrator
            | Role::SystemOperator
            | Role::Auditor
            | Role::Portal,
            Act::ReadAudit
            | Act::RequestWindow
            | Act::DecideWindow
            | Act::BreakGlass
            | Act::TakeSnapshot
            | Act::ConfirmService
            | Act::EditNotice
            | Act::ManageAccounts
            | Act::ApproveDeletion
            | Act::ConfirmDeletion
            | Act::StandingDeletion
            | Act::RunDeletion
            | Act::ManageHolds
            | Act::OrderErasures
            | Act::ApplyPermit
            | Act::DecidePermit
            | Act::ExecutePermit
            | Act::ClosePermit
            | Act::ManageIncidents
            | Act::KeepRecords,
        ) => false,
    }
}

/// Whether `by` may make an account of a role, or disable one.
///
/// Accounts that decide are made by those that decide, so that an administrator cannot make himself an approver. Until
/// there is an active サービス運用者 the installation is being set up, and whoever set it up may make those too.
pub const fn may_manage(by: Role, account: Role, has_service_operator: bool) -> bool {
    may(by, Act::ManageAccounts) && (!account.decides() || by.decides() || !has_service_operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every role against every act, as the security policy and the design say it: a change here is a decision.
    #[test]
    fn who_may_do_what_is_exactly_this() {
        let table = Role::ALL.map(|role| {
            let acts = Act::ALL.into_iter().filter(|act| may(role, *act)).map(Act::word);
            (role.word(), acts.collect::<Vec<_>>().join(" "))
        });
        let expected = [
            (
                "service_operator",
                "read notice.read audit window.decide account.manage deletion.confirm deletion.standing hold erasure permit.read permit.apply permit.decide permit.close",
            ),
            (
                "operations_manager",
                "read notice.read audit break-glass notice.edit account.manage deletion.approve deletion.confirm deletion.run hold erasure permit.read permit.apply",
            ),
            (
                "system_administrator",
                "read notice.read audit window.request snapshot service.confirm account.manage deletion.approve deletion.run permit.read permit.apply incident record",
            ),
            (
                "system_operator",
                "read notice.read service.confirm notice.edit permit.read permit.apply permit.execute permit.close incident",
            ),
            ("auditor", "read notice.read audit permit.read"),
            ("portal", "notice.read"),
        ];
        assert_eq!(table, expected.map(|(role, acts)| (role, acts.to_owned())));
    }

    #[test]
    fn no_role_both_asks_for_a_window_and_decides_about_it() {
        assert!(!Role::ALL.into_iter().any(|r| may(r, Act::RequestWindow) && may(r, Act::DecideWindow)));
    }

    #[test]
    fn once_the_association_has_an_account_an_administrator_makes_no_deciders() {
        use Role::{Auditor, OperationsManager, ServiceOperator, SystemAdministrator, SystemOperator};
        for decider in [ServiceOperator, OperationsManager] {
            assert!(may_manage(SystemAdministrator, decider, false), "while it is being set up");
            assert!(!may_manage(SystemAdministrator, decider, true));
            assert!(
                may_manage(ServiceOperator, decider, true) && may_manage(OperationsManager, decider, true)
            );
        }
        assert!(may_manage(SystemAdministrator, SystemOperator, true));
        assert!(!may_manage(SystemOperator, Auditor, false) && !may_manage(Auditor, Auditor, false));
    }

    #[test]
    fn words_are_read_back() {
        assert!(Role::ALL.into_iter().all(|role| Role::of_word(role.word()) == Some(role)));
        assert!(Act::ALL.into_iter().all(|act| Act::of_word(act.word()) == Some(act)));
        assert_eq!(Role::of_word("root"), None);
    }
}
