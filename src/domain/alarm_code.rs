//! What alarms are called: the same words in rows, metrics and runbooks, and which of them come first.

/// What is wrong. The same words in rows, metrics and runbooks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AlarmCode {
    /// An occurrence passed and no complete snapshot came after it.
    BackupMissed,
    /// The newest complete snapshot is older than the rhythm of the plan's windows.
    SnapshotOld,
    /// The newest snapshot lacks something that could not be read.
    SnapshotPartial,
    /// An occurrence whose time has come is refused by a rule.
    RunRefused,
    /// A window's approval no longer covers what would run.
    ApprovalLapsed,
    /// The public page does not show a notice.
    NoticeNotReadable,
    /// A portal did not take a notice, and it is no longer tried.
    NoticeUndelivered,
    /// A service was stopped and does not run again.
    ServiceStopped,
    /// A service has to be stopped and started by a person.
    ServiceByHand,
    /// An occurrence was let through although a rule refused it, and nobody has seen the report yet.
    BreakGlass,
    /// Something is past its time for days and is not deleted, though nothing keeps it.
    DeletionOverdue,
    /// A rule stops deletion: the clock is in doubt, or too much is due at once.
    DeletionStopped,
    /// The file of a plan that has windows is gone or cannot be read.
    PlanUnreadable,
    /// The newest snapshot of a plan lies in the future: this machine's clock went back, or was ahead then.
    ClockWrong,
    /// A restore, or a recovery key, was not tried out for too long.
    DrillOverdue,
    /// A store let something be deleted before its lock was over, or did not lock it.
    LockNotEnforced,
    /// Objects of a plan are locked otherwise than it says: too short, too long, in another mode.
    LockWrong,
    /// The after-use measure of an extract (使用後の措置) was due and nobody confirmed it.
    AfterUseOverdue,
    /// The last proof of coverage found that what a plan keeps is missing or altered.
    StoredDataDamaged,
    /// Between two snapshots much of a source was rewritten, went, came, or stopped to compress: perhaps an attack.
    SourceChangedSuddenly,
    /// A monitored target does not answer as it should.
    TargetDown,
    /// Nobody knows whether a monitored target lives, because it is not asked.
    MonitoringStopped,
    /// Nobody has reviewed what was counted in an access log.
    LogReviewOverdue,
}

impl AlarmCode {
    /// Every code.
    pub const ALL: [Self; 23] = [
        Self::BackupMissed,
        Self::SnapshotOld,
        Self::SnapshotPartial,
        Self::RunRefused,
        Self::ApprovalLapsed,
        Self::NoticeNotReadable,
        Self::NoticeUndelivered,
        Self::ServiceStopped,
        Self::ServiceByHand,
        Self::BreakGlass,
        Self::DeletionOverdue,
        Self::DeletionStopped,
        Self::PlanUnreadable,
        Self::ClockWrong,
        Self::DrillOverdue,
        Self::LockNotEnforced,
        Self::LockWrong,
        Self::AfterUseOverdue,
        Self::StoredDataDamaged,
        Self::SourceChangedSuddenly,
        Self::TargetDown,
        Self::MonitoringStopped,
        Self::LogReviewOverdue,
    ];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BackupMissed => "backup-missed",
            Self::SnapshotOld => "snapshot-old",
            Self::SnapshotPartial => "snapshot-partial",
            Self::RunRefused => "run-refused",
            Self::ApprovalLapsed => "approval-lapsed",
            Self::NoticeNotReadable => "notice-not-readable",
            Self::NoticeUndelivered => "notice-undelivered",
            Self::ServiceStopped => "service-stopped",
            Self::ServiceByHand => "service-by-hand",
            Self::BreakGlass => "break-glass",
            Self::DeletionOverdue => "deletion-overdue",
            Self::DeletionStopped => "deletion-stopped",
            Self::PlanUnreadable => "plan-unreadable",
            Self::ClockWrong => "clock-wrong",
            Self::DrillOverdue => "drill-overdue",
            Self::LockNotEnforced => "lock-not-enforced",
            Self::LockWrong => "lock-wrong",
            Self::AfterUseOverdue => "after-use-overdue",
            Self::StoredDataDamaged => "stored-data-damaged",
            Self::SourceChangedSuddenly => "source-changed-suddenly",
            Self::TargetDown => "target-down",
            Self::MonitoringStopped => "monitoring-stopped",
            Self::LogReviewOverdue => "log-review-overdue",
        }
    }

    /// Whether users wait, or what comes next will fail: told before all others.
    pub const fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::ServiceStopped
                | Self::ServiceByHand
                | Self::RunRefused
                | Self::PlanUnreadable
                | Self::ClockWrong
                | Self::LockNotEnforced
                | Self::StoredDataDamaged
                | Self::SourceChangedSuddenly
                | Self::TargetDown
        )
    }

    /// The code of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }
}
