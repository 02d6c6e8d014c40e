//! Each alarm is caused for real by some test: the list of them, and those that had no test of their own from the cause to the
//! closing of the incident (K-90, K-91).

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use kura::app::App;
use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, SystemClock};
use kura::domain::actor::Actor;
use kura::domain::alarm::AlarmCode;
use kura::domain::audit::AuditEntry;
use kura::domain::role::Role;
use kura::domain::time::Instant;
use kura::domain::window::WindowKind;
use kura::policy_files;
use kura::print::incident_report;
use kura::vault::MemoryVault;
use kura::workflows::desk::Desk;
use kura::workflows::host::Host;
use kura::workflows::incidents::people::{self, Doing};
use kura::workflows::incidents::{self, Concern, Incident, IncidentField, IncidentState, tend};
use kura::workflows::take_snapshot::{Request, SnapshotError, Summary, take_snapshot};
use kura::workflows::{alarms, canary, check_audit, notices, windows};

use crate::canary::Lying;
use crate::support::ROOT;
use crate::support::kura::Kura;
use crate::windows::{at, terms};

/// Where each alarm is caused: the file below `tests/it`, and the test.
const CAUSED: [(AlarmCode, &str, &str); 23] = [
    (AlarmCode::BackupMissed, "incidents.rs", "a_missed_backup_is_one_incident_and_users_are_not_told_twice"),
    (AlarmCode::SnapshotOld, "incidents.rs", "each_failure_opens_one_incident_of_its_cause"),
    (AlarmCode::SnapshotPartial, "alarm_causes.rs", "a_source_that_breaks_off_is_one_incident"),
    (AlarmCode::RunRefused, "running.rs", "alarms_are_raised_once_and_cleared_when_mended"),
    (AlarmCode::ApprovalLapsed, "windows.rs", "an_approval_lapses_when_what_would_run_changes"),
    (
        AlarmCode::NoticeNotReadable,
        "proofs.rs",
        "kura_sees_its_own_notices_on_its_own_page_and_keeps_what_it_saw",
    ),
    (AlarmCode::NoticeUndelivered, "push.rs", "a_portal_that_never_answers_well_is_given_up_and_named"),
    (
        AlarmCode::ServiceStopped,
        "incidents.rs",
        "services_that_do_not_start_are_one_incident_from_alarm_to_closing",
    ),
    (
        AlarmCode::ServiceByHand,
        "hand_stops.rs",
        "a_run_begins_only_once_every_stop_is_confirmed_by_somebody_who_may",
    ),
    (
        AlarmCode::BreakGlass,
        "console/glass.rs",
        "in_the_console_the_operations_manager_alone_breaks_the_glass_and_it_is_reported",
    ),
    (
        AlarmCode::DeletionOverdue,
        "expiry.rs",
        "the_service_deletes_and_proves_once_a_day_and_alarms_tell_what_stops_it",
    ),
    (
        AlarmCode::DeletionStopped,
        "expiry.rs",
        "the_service_deletes_and_proves_once_a_day_and_alarms_tell_what_stops_it",
    ),
    (AlarmCode::PlanUnreadable, "alarm_causes.rs", "a_plan_whose_file_is_gone_is_one_incident"),
    (AlarmCode::ClockWrong, "alarm_causes.rs", "a_clock_that_is_set_back_is_one_incident"),
    (
        AlarmCode::DrillOverdue,
        "drill.rs",
        "the_evidence_is_signed_and_found_again_and_the_next_drill_is_asked_for",
    ),
    (
        AlarmCode::LockNotEnforced,
        "alarm_causes.rs",
        "a_store_that_lets_locked_things_go_is_one_incident_of_its_own",
    ),
    (AlarmCode::LockWrong, "locks.rs", "a_plan_locks_in_its_mode_and_every_other_lock_is_told_of"),
    (
        AlarmCode::AfterUseOverdue,
        "permits.rs",
        "an_after_use_measure_that_nobody_confirms_is_an_alarm_and_blocks_the_applicant",
    ),
    (
        AlarmCode::StoredDataDamaged,
        "incidents.rs",
        "a_damaged_object_is_one_incident_that_starts_the_clock_of_personal_data",
    ),
    (
        AlarmCode::SourceChangedSuddenly,
        "ransomware.rs",
        "ransomware_is_told_of_deletes_nothing_and_is_recovered_from_by_the_runbook",
    ),
    (
        AlarmCode::TargetDown,
        "monitoring.rs",
        "a_killed_target_is_one_incident_and_ends_when_it_answers_again",
    ),
    (AlarmCode::MonitoringStopped, "monitoring.rs", "rules_that_cannot_be_read_end_no_alarm_and_raise_one"),
    (AlarmCode::LogReviewOverdue, "monitoring.rs", "a_log_is_counted_and_reviewed_and_no_line_of_it_is_kept"),
];

#[test]
fn every_alarm_has_a_test_that_causes_it_for_real() {
    for code in AlarmCode::ALL {
        let (_, file, test) = CAUSED.into_iter().find(|(caused, ..)| *caused == code).expect("a test");
        let path = Path::new(ROOT).join("tests/it").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no {test}, which causes {}", code.word());
    }
}

const PLAN: &str = "records";

/// A real home with a store, a source, an approved daily window and two contacts. Its catalog is opened anew for everything
/// that is done, as if the service were started again each time.
struct Ward {
    kura: Kura,
    operator: Actor,
}

impl Ward {
    async fn new() -> Self {
        let kura = Kura::new("2026-11-22").await;
        let actor = |id: &str, role| Actor { account: id.parse().expect("an id"), role, scopes: None };
        let ward = Self { operator: actor("operator01", Role::SystemOperator), kura };
        let (admin, doctor) =
            (actor("admin00001", Role::SystemAdministrator), actor("ishikai001", Role::ServiceOperator));
        let contacts = ward.kura.home().contacts_file();
        let text = "[[contact]]\nid = \"night-1\"\ngroup = \"administrator\"\nname = \"夜間担当\"\nphone = \"052-000-0000\"\n\
                    [[contact]]\nid = \"office-1\"\ngroup = \"service-operator\"\nname = \"事務局\"\nfax = \"052-000-0001\"\n";
        std::fs::write(&contacts, text).unwrap();
        std::fs::set_permissions(&contacts, std::fs::Permissions::from_mode(0o600)).unwrap();
        // A program that may break off: a file says how it ends.
        let (state, script) = (ward.kura.dir.path().join("state"), "seq 1 5000; exit $(cat");
        std::fs::write(&state, "0").unwrap();
        let plan = format!(
            "name = \"{PLAN}\"\nclass = \"system\"\n[[source]]\nkind = \"command\"\nname = \"ldap\"\nfile = \"all.ldif\"\n\
             command = [\"/bin/sh\", \"-c\", {:?}]\n",
            format!("{script} {})", state.display())
        );
        std::fs::write(ward.plan_file(), plan).unwrap();
        let desk = ward.desk().await;
        let mut tx = desk.catalog.begin().await.unwrap();
        let made = at("2026-11-22", "9:00");
        for actor in [&admin, &doctor, &ward.operator] {
            tx.add_account(&actor.account, actor.role, "-", false, made).await.unwrap();
        }
        let (actor, act, subject) = ("root".to_owned(), "account.add".to_owned(), "3".to_owned());
        tx.commit(&[AuditEntry { at: made, actor, act, subject, detail: String::new() }]).await.unwrap();
        let noon = at("2026-11-22", "12:00");
        let wanted = terms(WindowKind::Daily, "daily 02:00", &[]);
        let id = windows::request(&desk, &wanted, &admin, noon).await.unwrap();
        windows::approve(&desk, &id, None, &doctor, noon).await.unwrap();
        desk.catalog.close().await;
        ward
    }

    fn plan_file(&self) -> std::path::PathBuf {
        self.kura.home().policies().join(format!("{PLAN}.toml"))
    }

    async fn desk(&self) -> Desk {
        App { home: self.kura.home(), clock: SystemClock }.desk().await.expect("a desk")
    }

    /// Takes a snapshot at noon of a day.
    async fn take(&self, day: &str) -> Result<Summary, SnapshotError> {
        self.kura.set_day(day);
        let text = std::fs::read_to_string(self.plan_file()).unwrap();
        let plan =
            policy_files::parse_plan("records.toml", &text).unwrap_or_else(|e| panic!("a good plan: {e}"));
        let host = Host::open(self.kura.home(), None).await.expect("the host opens");
        let catalog = Catalog::open(&self.kura.home().catalog_file()).await.expect("the catalog opens");
        let request = Request { plan, event: "daily".to_owned(), reason: None, reread: false };
        let taken =
            take_snapshot(&host, &catalog, &request, &self.kura.clock, &Arc::new(Progress::default())).await;
        catalog.close().await;
        taken
    }

    /// What the service does about failures, three times, each time started anew; gives the only incident.
    async fn beat(&self, now: Instant) -> Option<Incident> {
        let mut found: Option<Incident> = None;
        for turn in 0..3 {
            let desk = self.desk().await;
            alarms::refresh(&desk, now).await.unwrap();
            tend::refresh(&desk, now).await.unwrap();
            let rows = incidents::list(&desk, true, 100).await.unwrap();
            assert!(rows.len() <= 1, "one cause, one incident: {rows:#?}");
            let next = match rows.first() {
                Some(row) => Some(incidents::look(&desk, &row.incident).await.unwrap()),
                None => None,
            };
            if turn > 0 {
                let (before, after) = (format!("{found:?}"), format!("{next:?}"));
                assert_eq!(before, after, "started again, nothing is told twice");
            }
            found = next;
            check_audit::verify(&desk.catalog, None).await.expect("the log holds");
            desk.catalog.close().await;
        }
        found
    }

    /// The incident of an alarm, with its checklist; users are told only where the policy asks for it.
    async fn opened(&self, code: AlarmCode, kind: &str, now: Instant) -> Incident {
        let incident = self.beat(now).await.unwrap_or_else(|| panic!("{}: no incident", code.word()));
        assert_eq!(incident.row.cause.kind.word(), kind, "{}", code.word());
        assert!(incident.alarms.iter().any(|alarm| alarm.code == code), "{incident:#?}");
        assert_eq!(incident.entries.iter().filter(|entry| entry.kind == "opened").count(), 1);
        let due: Vec<&str> =
            incident.checklist.iter().filter(|one| one.is_due).map(|one| one.contact.id.as_str()).collect();
        assert_eq!((incident.checklist.len(), due), (2, vec!["night-1"]), "who is told at once");
        let desk = self.desk().await;
        assert!(incident.call(&desk, now).contains(&incident.row.incident));
        let told = notices::list(&desk, true, 100).await.unwrap();
        assert!(told.iter().all(|notice| notice.kind.word() != "incident"), "users are not told of it");
        desk.catalog.close().await;
        incident
    }

    async fn act(&self, id: &str, doing: Doing, now: Instant) -> Incident {
        let desk = self.desk().await;
        let done = people::act(&desk, id, &doing, &self.operator, now).await;
        desk.catalog.close().await;
        done.unwrap_or_else(|error| panic!("{doing:?}: {error}"))
    }

    /// It is mended: from the confirmation to the closing, with the report in between.
    async fn closes(&self, incident: &Incident, now: Instant) {
        let id = &incident.row.incident;
        let mended = self.beat(now).await.expect("it is there");
        assert_eq!(mended.lasting(), 0, "mended: {:?}", mended.alarms);
        let write = |field, text: &str| Doing::Field(field, text.to_owned());
        let mut steps = vec![
            write(IncidentField::Cause, "設備の故障"),
            Doing::Recover { at: None, measures: Some("直しました。".to_owned()) },
        ];
        if incident.row.state == IncidentState::Detected {
            steps.insert(0, Doing::Confirm);
        }
        if mended.row.concern != Concern::None {
            steps.push(Doing::Concern(Concern::None, "同一の写しあり".to_owned()));
        }
        steps.push(Doing::Report);
        for step in steps {
            self.act(id, step, now).await;
        }
        let close = Doing::Close { no_action: Some("再発のおそれがないため".to_owned()) };
        let closed = self.act(id, close, now).await;
        assert_eq!(closed.row.state, IncidentState::Closed);
        let desk = self.desk().await;
        is_complete(&incident_report::page(&closed, &desk, now).html());
        desk.catalog.close().await;
        let after = self.beat(now).await.expect("it is there");
        assert_eq!((after.row.state, after.entries.len()), (IncidentState::Closed, closed.entries.len()));
    }
}

/// Every field of 別紙3, in its order.
fn is_complete(page: &str) {
    let mut rest = page;
    for part in [
        "<h1>障害報告書</h1>",
        "一般社団法人名古屋市医師会長　様",
        "発見日時</th><td>令和",
        "発見箇所</th><td>Kura の監視（警報 ",
        "障害内容</th><td>",
        "影響範囲</th><td>",
        "復旧日時</th><td>令和",
        "経過</th><td>",
        "原因</th><td>設備の故障",
        "処置</th><td>直しました。",
        "備考</th><td>",
        "添付資料</th><td>",
    ] {
        let found = rest.find(part).unwrap_or_else(|| panic!("{part} is missing or out of order in {page}"));
        rest = rest.get(found..).unwrap_or_default();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_breaks_off_is_one_incident() {
    let ward = Ward::new().await;
    assert!(ward.take("2026-11-23").await.unwrap().is_complete);
    assert!(ward.beat(at("2026-11-23", "12:05")).await.is_none(), "nothing failed");
    std::fs::write(ward.kura.dir.path().join("state"), "7").unwrap();
    assert!(!ward.take("2026-11-24").await.unwrap().is_complete);
    let incident = ward.opened(AlarmCode::SnapshotPartial, "backup", at("2026-11-24", "12:05")).await;
    std::fs::write(ward.kura.dir.path().join("state"), "0").unwrap();
    assert!(ward.take("2026-11-25").await.unwrap().is_complete);
    ward.closes(&incident, at("2026-11-25", "12:05")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_file_is_gone_is_one_incident() {
    let ward = Ward::new().await;
    let text = std::fs::read_to_string(ward.plan_file()).unwrap();
    std::fs::remove_file(ward.plan_file()).unwrap();
    let incident = ward.opened(AlarmCode::PlanUnreadable, "backup", at("2026-11-23", "9:00")).await;
    std::fs::write(ward.plan_file(), text).unwrap();
    ward.closes(&incident, at("2026-11-23", "10:00")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_is_one_incident() {
    let ward = Ward::new().await;
    // It was a month ahead when the snapshot was taken.
    ward.take("2026-12-24").await.unwrap();
    let incident = ward.opened(AlarmCode::ClockWrong, "clock", at("2026-11-24", "9:00")).await;
    let refused = ward.take("2026-11-24").await;
    assert!(matches!(refused, Err(SnapshotError::Refused(_))), "nothing is stored by it");
    // It is mended when that day has come.
    ward.take("2026-12-25").await.unwrap();
    ward.closes(&incident, at("2026-12-25", "12:05")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lets_locked_things_go_is_one_incident_of_its_own() {
    let ward = Ward::new().await;
    ward.take("2026-11-23").await.unwrap();
    let store = MemoryVault::with_clock(Arc::new(kura::clock::ManualClock::new(ward.kura.clock.now())));
    let fly = async |deletes, now| {
        let desk = ward.desk().await;
        let lying = Lying { store: &store, deletes, forgets: false };
        canary::fly((&store, &lying), &desk.catalog, now).await.unwrap();
        desk.catalog.close().await;
    };
    fly(true, at("2026-11-23", "12:01")).await;
    let incident = ward.opened(AlarmCode::LockNotEnforced, "store", at("2026-11-23", "12:05")).await;
    let scope = incident.field(IncidentField::Scope).expect("a scope");
    assert!(scope.starts_with("保管先 ") && !scope.contains("計画"), "{scope}");
    assert_eq!(incident.row.concern, Concern::None);
    fly(false, at("2026-11-23", "13:00")).await;
    ward.closes(&incident, at("2026-11-23", "13:05")).await;
}
