//! Each alarm is caused for real by some test: the list of them, and what becomes of each (K-90, K-91).

use std::path::Path;

use kura::domain::alarm::AlarmCode;
use kura::domain::incident_cause::{Weight, weight};

use crate::support::ROOT;

/// What becomes of an alarm.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// Its test follows it to the closing of its incident, through restarts: a story of `alarm_stories.rs`.
    Closed,
    /// It opens no incident by itself and belongs to one that is open: why.
    Joins(&'static str),
    /// It belongs to no incident: why.
    NoIncident(&'static str),
}

/// Where each alarm is caused: the file below `tests/it`, the test, and what becomes of it.
const CAUSED: [(AlarmCode, &str, &str, Ends); 23] = [
    (
        AlarmCode::BackupMissed,
        "alarm_stories.rs",
        "a_night_on_which_the_machine_was_off_is_one_incident",
        Ends::Closed,
    ),
    (
        AlarmCode::SnapshotOld,
        "alarm_stories.rs",
        "a_store_that_is_not_there_for_days_is_one_incident",
        Ends::Closed,
    ),
    (
        AlarmCode::SnapshotPartial,
        "alarm_stories.rs",
        "a_source_that_breaks_off_is_one_incident",
        Ends::Closed,
    ),
    (AlarmCode::RunRefused, "alarm_stories.rs", "a_full_disk_is_one_incident", Ends::Closed),
    (
        AlarmCode::ApprovalLapsed,
        "windows.rs",
        "an_approval_lapses_when_what_would_run_changes",
        Ends::NoIncident("a rule did what it is for; a backup that is missed by it is told of by itself"),
    ),
    (
        AlarmCode::NoticeNotReadable,
        "alarm_stories.rs",
        "a_page_that_shows_no_notice_is_one_incident_with_the_portal_that_takes_none",
        Ends::Closed,
    ),
    (
        AlarmCode::NoticeUndelivered,
        "alarm_stories.rs",
        "a_page_that_shows_no_notice_is_one_incident_with_the_portal_that_takes_none",
        Ends::Joins("users read the public page all the same; whether they can is the other alarm"),
    ),
    (
        AlarmCode::ServiceStopped,
        "alarm_stories.rs",
        "a_service_that_does_not_start_is_one_incident_of_which_users_are_told",
        Ends::Closed,
    ),
    (
        AlarmCode::ServiceByHand,
        "hand_stops.rs",
        "a_run_begins_only_once_every_stop_is_confirmed_by_somebody_who_may",
        Ends::NoIncident("work that somebody is asked for; once he is late it is service-stopped"),
    ),
    (
        AlarmCode::BreakGlass,
        "console/glass.rs",
        "in_the_console_the_operations_manager_alone_breaks_the_glass_and_it_is_reported",
        Ends::NoIncident("a decision of a person that another has to read"),
    ),
    (
        AlarmCode::DeletionOverdue,
        "alarm_stories.rs",
        "what_is_not_deleted_is_one_incident_with_the_rule_that_stops_it",
        Ends::Closed,
    ),
    (
        AlarmCode::DeletionStopped,
        "alarm_stories.rs",
        "what_is_not_deleted_is_one_incident_with_the_rule_that_stops_it",
        Ends::Joins(
            "a rule that stops deletion does what it is for; only what is overdue by it is a failure",
        ),
    ),
    (
        AlarmCode::PlanUnreadable,
        "alarm_stories.rs",
        "a_plan_whose_file_is_gone_is_one_incident",
        Ends::Closed,
    ),
    (AlarmCode::ClockWrong, "alarm_stories.rs", "a_clock_that_is_set_back_is_one_incident", Ends::Closed),
    (
        AlarmCode::DrillOverdue,
        "drill.rs",
        "the_evidence_is_signed_and_found_again_and_the_next_drill_is_asked_for",
        Ends::NoIncident("work that is due"),
    ),
    (
        AlarmCode::LockNotEnforced,
        "alarm_stories.rs",
        "a_store_that_lets_locked_things_go_is_one_incident",
        Ends::Closed,
    ),
    (
        AlarmCode::LockWrong,
        "alarm_stories.rs",
        "a_lock_that_somebody_made_longer_is_one_incident",
        Ends::Closed,
    ),
    (
        AlarmCode::AfterUseOverdue,
        "permits.rs",
        "an_after_use_measure_that_nobody_confirms_is_an_alarm_and_blocks_the_applicant",
        Ends::NoIncident("work that somebody owes, and that blocks him"),
    ),
    (
        AlarmCode::StoredDataDamaged,
        "alarm_stories.rs",
        "a_flipped_byte_is_one_incident_that_starts_the_clock_of_personal_data",
        Ends::Closed,
    ),
    (
        AlarmCode::SourceChangedSuddenly,
        "alarm_stories.rs",
        "an_encrypted_source_is_one_incident_that_ends_when_somebody_has_confirmed_it",
        Ends::Closed,
    ),
    (
        AlarmCode::TargetDown,
        "alarm_stories.rs",
        "a_killed_target_is_one_incident_and_users_are_told_by_a_person",
        Ends::Closed,
    ),
    (
        AlarmCode::MonitoringStopped,
        "alarm_stories.rs",
        "monitoring_whose_rules_cannot_be_read_is_one_incident",
        Ends::Closed,
    ),
    (
        AlarmCode::LogReviewOverdue,
        "monitoring.rs",
        "a_log_is_counted_and_reviewed_and_no_line_of_it_is_kept",
        Ends::NoIncident("work that is due"),
    ),
];

#[test]
fn every_alarm_has_a_test_that_causes_it_for_real() {
    for code in AlarmCode::ALL {
        let (_, file, test, ends) = CAUSED.into_iter().find(|(caused, ..)| *caused == code).expect("a test");
        let path = Path::new(ROOT).join("tests/it").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        let body = text.split_once(&format!("fn {test}(")).map(|(_, rest)| rest);
        let body = body.unwrap_or_else(|| panic!("{file} has no {test}, which causes {}", code.word()));
        let body = body.split_once("\n}\n").map_or("", |(body, _)| body);
        match (ends, weight(code)) {
            (Ends::Closed, Weight::Opens(_)) => {
                let told =
                    body.contains(&format!("Story::of(AlarmCode::{code:?}")) && body.contains(".story(");
                assert!(told, "{test} does not follow {} to its closing", code.word());
            }
            (Ends::Joins(why), Weight::Joins(_)) | (Ends::NoIncident(why), Weight::Nothing) => {
                let is_seen = body.contains(&format!("AlarmCode::{code:?}")) || body.contains(code.word());
                assert!(!why.is_empty() && is_seen, "{test} does not see {}", code.word());
            }
            (ends, weight) => panic!("{}: {ends:?}, and it is {weight:?}", code.word()),
        }
    }
}
