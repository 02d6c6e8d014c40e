//! One incident for each cause, not for each alarm: which alarms open an incident, which join one, which are no failure.
//!
//! Two alarms have one cause if what they tell of breaks for the same reason: a plan whose backups do not come, a run
//! whose services do not start, a store whose objects are damaged. A wrong clock is the cause of what fails by it.

use crate::domain::alarm_code::AlarmCode;
use crate::domain::incident::IncidentState;
use crate::domain::incident_clock::Concern;
use crate::domain::time::Instant;

/// What kind of thing is broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CauseKind {
    /// This machine's clock. First: what fails by it belongs to it.
    Clock,
    /// What is stored is missing or altered.
    StoredData,
    /// A store does not keep what it is told to keep: what lies there could be gone tomorrow.
    Store,
    /// What a plan protects was changed by somebody, it seems, who must not.
    Source,
    /// A service that users wait for.
    Service,
    /// Backups of a plan do not come.
    Backup,
    /// What is past its time is not deleted.
    Deletion,
    /// The public page does not show notices.
    Portal,
    /// What is monitored does not answer.
    Monitoring,
    /// What a person noticed.
    Person,
}

impl CauseKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Clock,
        Self::StoredData,
        Self::Store,
        Self::Source,
        Self::Service,
        Self::Backup,
        Self::Deletion,
        Self::Portal,
        Self::Monitoring,
        Self::Person,
    ];

    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::StoredData => "stored-data",
            Self::Store => "store",
            Self::Source => "source",
            Self::Service => "service",
            Self::Backup => "backup",
            Self::Deletion => "deletion",
            Self::Portal => "portal",
            Self::Monitoring => "monitoring",
            Self::Person => "person",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What is broken: one incident is open for it at a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cause {
    /// What kind of thing.
    pub kind: CauseKind,
    /// Which: a plan, a store, an occurrence, a service; empty for what there is one of.
    pub subject: String,
}

/// An alarm that lasts, with what it belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raised {
    /// What is wrong.
    pub code: AlarmCode,
    /// With what, as the alarm says it.
    pub subject: String,
    /// Since when.
    pub since: Instant,
    /// The plan of what it tells of, where there is one.
    pub plan: Option<String>,
    /// The occurrence that it goes back to, where there is one.
    pub occurrence: Option<String>,
    /// The service that users cannot use by it, where there is one.
    pub service: Option<String>,
}

/// An incident that is not closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its number.
    pub incident: String,
    /// What is broken.
    pub cause: Cause,
    /// Where it stands.
    pub state: IncidentState,
}

/// What a code means for incidents. The whole policy; a new code needs a line here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// It is no failure: work that somebody has to do, or a rule that did what it is for.
    Nothing,
    /// It belongs to an incident of its cause, and opens none.
    Joins(CauseKind),
    /// It opens an incident, unless one of its cause is open.
    Opens(CauseKind),
}

/// What a code means for incidents.
pub const fn weight(code: AlarmCode) -> Weight {
    match code {
        AlarmCode::BackupMissed
        | AlarmCode::SnapshotOld
        | AlarmCode::SnapshotPartial
        | AlarmCode::RunRefused
        | AlarmCode::PlanUnreadable => Weight::Opens(CauseKind::Backup),
        AlarmCode::StoredDataDamaged | AlarmCode::LockWrong => Weight::Opens(CauseKind::StoredData),
        AlarmCode::LockNotEnforced => Weight::Opens(CauseKind::Store),
        AlarmCode::SourceChangedSuddenly => Weight::Opens(CauseKind::Source),
        AlarmCode::ServiceStopped => Weight::Opens(CauseKind::Service),
        AlarmCode::ClockWrong => Weight::Opens(CauseKind::Clock),
        AlarmCode::DeletionOverdue => Weight::Opens(CauseKind::Deletion),
        // A rule that stops deletion does what it is for; only what is overdue by it is a failure.
        AlarmCode::DeletionStopped => Weight::Joins(CauseKind::Deletion),
        AlarmCode::NoticeNotReadable => Weight::Opens(CauseKind::Portal),
        AlarmCode::NoticeUndelivered => Weight::Joins(CauseKind::Portal),
        // Where nobody asks, nobody knows whether anything fails: monitoring is itself a duty (第22条②).
        AlarmCode::TargetDown | AlarmCode::MonitoringStopped => Weight::Opens(CauseKind::Monitoring),
        AlarmCode::ApprovalLapsed
        | AlarmCode::ServiceByHand
        | AlarmCode::BreakGlass
        | AlarmCode::DrillOverdue
        | AlarmCode::AfterUseOverdue
        | AlarmCode::LogReviewOverdue => Weight::Nothing,
    }
}

/// Whether users are told on the portal as soon as an incident of this code is open: what they use does not work (第17条③).
/// Whatever else users should know, a person decides.
pub const fn asks_for_notice(code: AlarmCode) -> bool {
    matches!(code, AlarmCode::ServiceStopped)
}

/// Whether data of persons may be lost, so that the clock of the law runs until somebody says otherwise.
pub const fn concern(code: AlarmCode) -> Concern {
    // What was rewritten may have been read too; who finds that it was done on purpose says so.
    let is_possible = matches!(code, AlarmCode::StoredDataDamaged | AlarmCode::SourceChangedSuddenly);
    if is_possible { Concern::Possible } else { Concern::None }
}

impl Raised {
    /// What is broken by this alarm, and whether it opens an incident. `None` if it is no failure.
    pub fn cause(&self) -> Option<(Cause, bool)> {
        let (kind, opens) = match weight(self.code) {
            Weight::Nothing => return None,
            Weight::Joins(kind) => (kind, false),
            Weight::Opens(kind) => (kind, true),
        };
        // Several targets of one service fail for one reason; what a window stopped fails because it does not run again.
        if let (CauseKind::Monitoring, Some(occurrence)) = (kind, &self.occurrence) {
            return Some((Cause { kind: CauseKind::Service, subject: occurrence.clone() }, opens));
        }
        let subject = match kind {
            CauseKind::Monitoring => self.service.clone().unwrap_or_else(|| self.subject.clone()),
            CauseKind::Clock | CauseKind::Portal => String::new(),
            CauseKind::Service => self.occurrence.clone().unwrap_or_else(|| self.subject.clone()),
            CauseKind::StoredData
            | CauseKind::Store
            | CauseKind::Source
            | CauseKind::Backup
            | CauseKind::Deletion
            | CauseKind::Person => self.plan.clone().unwrap_or_else(|| self.subject.clone()),
        };
        Some((Cause { kind, subject }, opens))
    }
}

/// What becomes of an alarm that belongs to no incident yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// It opens an incident.
    Opens(Cause),
    /// It joins this one.
    Joins(String),
    /// Nothing.
    Nothing,
}

/// Where an alarm belongs, given the incidents that are not closed.
pub fn place(alarm: &Raised, open: &[Standing]) -> Placed {
    let Some((cause, opens)) = alarm.cause() else { return Placed::Nothing };
    let same = open.iter().find(|standing| standing.cause == cause);
    // A wrong clock keeps snapshots and deletions from coming: as long as it is wrong they are its doing.
    let is_by_clock = matches!(cause.kind, CauseKind::Backup | CauseKind::Deletion);
    let clock = open
        .iter()
        .find(|standing| is_by_clock && standing.cause.kind == CauseKind::Clock && standing.state.lasts());
    match same.or(clock) {
        Some(standing) => Placed::Joins(standing.incident.clone()),
        None if opens => Placed::Opens(cause),
        None => Placed::Nothing,
    }
}

/// The order in which alarms are placed: causes before what fails by them, and those that open before those that join.
pub fn order(alarm: &Raised) -> (u8, Option<CauseKind>, Instant, AlarmCode) {
    match alarm.cause() {
        Some((cause, opens)) => (u8::from(!opens), Some(cause.kind), alarm.since, alarm.code),
        None => (u8::MAX, None, alarm.since, alarm.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raised(code: AlarmCode, subject: &str, plan: Option<&str>) -> Raised {
        let (subject, plan) = (subject.to_owned(), plan.map(str::to_owned));
        Raised { code, subject, since: Instant::from_micros(1), plan, occurrence: None, service: None }
    }

    fn standing(number: usize, cause: Cause, state: IncidentState) -> Standing {
        Standing { incident: format!("I-2026-{number:04}"), cause, state }
    }

    fn cause(kind: CauseKind, subject: &str) -> Cause {
        Cause { kind, subject: subject.to_owned() }
    }

    /// Every code: what it means for incidents, and whether users are told. A change here is a decision.
    #[test]
    fn what_each_alarm_means_is_exactly_this() {
        let table = AlarmCode::ALL.map(|code| {
            let weight = match weight(code) {
                Weight::Nothing => "nothing".to_owned(),
                Weight::Joins(kind) => format!("joins {}", kind.word()),
                Weight::Opens(kind) => format!("opens {}", kind.word()),
            };
            let told = if asks_for_notice(code) { ", users are told" } else { "" };
            format!("{}: {weight}{told}", code.word())
        });
        assert_eq!(
            table.as_slice(),
            [
                "backup-missed: opens backup",
                "snapshot-old: opens backup",
                "snapshot-partial: opens backup",
                "run-refused: opens backup",
                "approval-lapsed: nothing",
                "notice-not-readable: opens portal",
                "notice-undelivered: joins portal",
                "service-stopped: opens service, users are told",
                "service-by-hand: nothing",
                "break-glass: nothing",
                "deletion-overdue: opens deletion",
                "deletion-stopped: joins deletion",
                "plan-unreadable: opens backup",
                "clock-wrong: opens clock",
                "drill-overdue: nothing",
                "lock-not-enforced: opens store",
                "lock-wrong: opens stored-data",
                "after-use-overdue: nothing",
                "stored-data-damaged: opens stored-data",
                "source-changed-suddenly: opens source",
                "target-down: opens monitoring",
                "monitoring-stopped: opens monitoring",
                "log-review-overdue: nothing",
            ]
        );
    }

    #[test]
    fn alarms_of_one_plan_are_one_incident_and_those_of_another_a_second() {
        let missed = raised(AlarmCode::BackupMissed, "records", Some("records"));
        let refused = raised(AlarmCode::RunRefused, "w-0001-2026-12-01", Some("records"));
        let other = raised(AlarmCode::BackupMissed, "mail", Some("mail"));
        let Placed::Opens(opened) = place(&missed, &[]) else { panic!("it opens one") };
        let open = [standing(1, opened, IncidentState::Detected)];
        assert_eq!(place(&refused, &open), Placed::Joins("I-2026-0001".to_owned()));
        assert!(matches!(place(&other, &open), Placed::Opens(_)));
    }

    #[test]
    fn what_fails_while_the_clock_is_wrong_belongs_to_the_clock_until_it_is_right() {
        let old = raised(AlarmCode::SnapshotOld, "records", Some("records"));
        let clock = cause(CauseKind::Clock, "");
        let wrong = [standing(1, clock.clone(), IncidentState::Confirmed)];
        assert_eq!(place(&old, &wrong), Placed::Joins("I-2026-0001".to_owned()));
        let right = [standing(1, clock, IncidentState::Recovered)];
        assert!(matches!(place(&old, &right), Placed::Opens(_)), "not the clock any more");
        let damaged = raised(AlarmCode::StoredDataDamaged, "records", Some("records"));
        assert!(matches!(place(&damaged, &wrong), Placed::Opens(_)), "no clock damages objects");
    }

    #[test]
    fn targets_of_one_service_are_one_incident_and_join_that_of_a_service_that_a_window_stopped() {
        let down = |name: &str, service: Option<&str>| Raised {
            service: service.map(str::to_owned),
            ..raised(AlarmCode::TargetDown, name, None)
        };
        let Placed::Opens(portal) = place(&down("portal-web", Some("ポータル")), &[]) else {
            panic!("it opens one")
        };
        assert_eq!(portal, cause(CauseKind::Monitoring, "ポータル"));
        let open = [standing(1, portal, IncidentState::Detected)];
        assert_eq!(
            place(&down("portal-db", Some("ポータル")), &open),
            Placed::Joins("I-2026-0001".to_owned())
        );
        assert!(matches!(place(&down("mail", None), &open), Placed::Opens(_)));
        let left = Raised {
            occurrence: Some("w-0001-2027-01-03".to_owned()),
            ..down("portal-web", Some("ポータル"))
        };
        let stopped = [standing(1, cause(CauseKind::Service, "w-0001-2027-01-03"), IncidentState::Confirmed)];
        assert_eq!(place(&left, &stopped), Placed::Joins("I-2026-0001".to_owned()));
    }

    #[test]
    fn what_a_rule_stops_is_no_failure_by_itself() {
        let stopped = raised(AlarmCode::DeletionStopped, "records", Some("records"));
        assert_eq!(place(&stopped, &[]), Placed::Nothing);
        let overdue = [standing(1, cause(CauseKind::Deletion, "records"), IncidentState::Detected)];
        assert_eq!(place(&stopped, &overdue), Placed::Joins("I-2026-0001".to_owned()));
    }

    fn any_alarm() -> impl Strategy<Value = Raised> {
        let plan = prop_oneof![Just("records"), Just("mail"), Just("system")];
        (0_usize..AlarmCode::ALL.len(), plan, proptest::option::of("w-[0-9]"), 0_i64..5).prop_map(
            |(code, plan, occurrence, since)| Raised {
                code: AlarmCode::ALL[code],
                subject: plan.to_owned(),
                since: Instant::from_micros(since),
                plan: Some(plan.to_owned()),
                occurrence,
                service: None,
            },
        )
    }

    proptest! {
        /// However alarms come, no two open incidents have one cause, and every alarm that is a failure has its place.
        #[test]
        fn one_cause_has_one_incident(mut alarms in proptest::collection::vec(any_alarm(), 0..30)) {
            alarms.sort_by_key(order);
            let mut open: Vec<Standing> = Vec::new();
            for alarm in &alarms {
                match place(alarm, &open) {
                    Placed::Opens(cause) => open.push(standing(open.len(), cause, IncidentState::Detected)),
                    Placed::Joins(incident) => prop_assert!(open.iter().any(|one| one.incident == incident)),
                    Placed::Nothing => prop_assert!(!matches!(weight(alarm.code), Weight::Opens(_))),
                }
            }
            let mut causes: Vec<&Cause> = open.iter().map(|one| &one.cause).collect();
            causes.sort();
            causes.dedup();
            prop_assert_eq!(causes.len(), open.len());
            for alarm in &alarms {
                prop_assert!(!matches!(place(alarm, &open), Placed::Opens(_)), "a second look opens nothing");
            }
        }
    }
}
