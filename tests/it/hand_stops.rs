//! Services that persons stop: nothing is stopped, begun or counted before somebody confirmed it under his name.

use kura::clock::Clock as _;
use kura::domain::actor::Actor;
use kura::domain::hand_stop::NotConfirmed;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::service::{How, Service};
use kura::domain::window::WindowKind;
use kura::workflows::desk::DeskError;
use kura::workflows::hand_stops::{self, Confirmed, HandStop, Stage};
use kura::workflows::start_due_runs::Attempt;
use kura::workflows::{service_list, windows};

use crate::running::{Machine, START, service};
use crate::steps::killed_after;
use crate::windows::{at, terms};

const OCCURRENCE: &str = "w-0001-2027-01-03";

/// A machine on which persons stop two services and Kura a third, at the start of their window.
async fn machine() -> Machine {
    let mut machine = Machine::new().await;
    let by_hand = |name: &str| Service { name: name.to_owned(), how: How::Manual };
    machine.office.desk.services = vec![by_hand("ポータル"), service("メール"), by_hand("掲示板")];
    let stops = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル", "メール", "掲示板"]);
    machine.office.approved(&stops, machine.clock.now()).await;
    machine.clock.set(at(START.0, START.1));
    machine.office.prove(machine.clock.now()).await;
    machine
}

async fn confirm(machine: &Machine, name: &str, what: Confirmed, by: &Actor) -> Result<(), DeskError> {
    let now = machine.clock.now();
    hand_stops::confirm(&machine.office.desk, (OCCURRENCE, name), what, by, now).await.map(drop)
}

async fn stop_both(machine: &Machine) {
    for name in ["ポータル", "掲示板"] {
        confirm(machine, name, Confirmed::Stopped, &machine.office.operator).await.expect("confirmed");
    }
}

async fn stages(machine: &Machine) -> Vec<Stage> {
    let rows = machine.office.desk.catalog.hand_stops_of(OCCURRENCE).await.expect("rows");
    rows.iter().map(HandStop::stage).collect()
}

/// What users read of the occurrence now.
async fn told(machine: &Machine) -> (&'static str, &'static str) {
    let row = machine.office.desk.catalog.notice_of("w-0001", OCCURRENCE).await.expect("a catalog");
    let row = row.expect("its notice");
    (row.kind.word(), row.status.word())
}

async fn acts(machine: &Machine, act: &str) -> usize {
    let log = machine.office.desk.catalog.audit_newest(500).await.expect("the log");
    log.iter().filter(|line| line.entry.act == act).count()
}

#[tokio::test]
async fn a_run_begins_only_once_every_stop_is_confirmed_by_somebody_who_may() {
    let machine = machine().await;
    let waiting = machine.run().await;
    let Attempt::Waiting(names, until) = &waiting else { panic!("{waiting:?}") };
    assert_eq!(
        (names.as_slice(), *until),
        (&["ポータル".into(), "掲示板".into()][..], at("2027-01-03", "1:30"))
    );
    assert!(matches!(machine.run_as("two").await, Attempt::Waiting(..)), "asked once by all programs");
    assert_eq!(acts(&machine, "service.ask-stop").await, 2);
    machine.tend().await;
    assert_eq!(stages(&machine).await, [Stage::ToStop; 2], "what is waited for is left alone");
    assert_eq!(machine.alarms().await, ["service-by-hand"; 2]);
    let office = &machine.office;
    for by in [&office.doctor, &office.manager] {
        let denied = confirm(&machine, "ポータル", Confirmed::Stopped, by).await;
        assert!(matches!(denied, Err(DeskError::Access(_))), "{denied:?}");
    }
    let unknown = confirm(&machine, "メール", Confirmed::Stopped, &office.operator).await;
    assert!(matches!(unknown, Err(DeskError::None { .. })), "Kura stops that: {unknown:?}");
    machine.clock.set(at("2027-01-03", "1:10"));
    confirm(&machine, "ポータル", Confirmed::Stopped, &office.operator).await.expect("confirmed");
    let waiting = machine.run().await;
    assert!(matches!(&waiting, Attempt::Waiting(names, _) if *names == ["掲示板"]), "{waiting:?}");
    assert_eq!(machine.state().await, OccurrenceState::Announced);
    assert!(machine.shop.log().is_empty(), "nothing is stopped in vain");
    assert!(office.desk.catalog.head("records").await.expect("a catalog").is_none());
    confirm(&machine, "掲示板", Confirmed::Stopped, &office.admin).await.expect("confirmed");
    let taken = machine.run().await;
    assert!(matches!(taken, Attempt::Taken(_)), "{taken:?}");
    assert_eq!(machine.shop.log(), ["stop メール", "start メール"]);

    // The work is over; what persons stopped, persons start.
    assert_eq!(stages(&machine).await, [Stage::ToStart; 2]);
    assert_eq!(machine.alarms().await, ["service-by-hand"; 2]);
    machine.tend().await;
    assert_eq!(told(&machine).await, ("start", "in_progress"), "users cannot use them yet");
    let twice = confirm(&machine, "掲示板", Confirmed::Stopped, &office.admin).await;
    assert!(matches!(twice, Err(DeskError::Confirmation(NotConfirmed::NotAsked))), "{twice:?}");
    // The time is over, and nobody has said that they run.
    machine.clock.set(at("2027-01-04", "9:00"));
    machine.tend().await;
    machine.tend().await;
    assert_eq!(told(&machine).await, ("incident", "in_progress"));
    assert_eq!(machine.alarms().await, ["service-stopped"; 2]);
    for name in ["ポータル", "掲示板"] {
        confirm(&machine, name, Confirmed::Running, &office.operator).await.expect("never too late");
    }
    machine.tend().await;
    assert_eq!(told(&machine).await, ("completion", "completed"));
    let revisions = office.notices().await;
    let own = revisions.iter().filter(|row| row.occurrence.as_deref() == Some(OCCURRENCE));
    assert_eq!(own.map(|row| row.revision).max(), Some(4), "each is told once: 予告, 開始, 障害, 終了");
    assert!(machine.alarms().await.is_empty());
    let rows = office.desk.catalog.hand_stops_of(OCCURRENCE).await.expect("rows");
    let names: Vec<&str> =
        rows.iter().filter_map(|row| row.stopped.as_ref()).map(|(_, by)| by.as_str()).collect();
    assert_eq!(names, ["operator01", "admin00001"], "who confirmed is kept");
    assert_eq!(
        (acts(&machine, "service.confirm-stopped").await, acts(&machine, "service.confirm-running").await),
        (2, 2)
    );
}

#[tokio::test]
async fn without_a_confirmation_in_time_the_occurrence_is_refused_and_nothing_is_stopped_in_vain() {
    let machine = machine().await;
    assert!(matches!(machine.run().await, Attempt::Waiting(..)));
    confirm(&machine, "ポータル", Confirmed::Stopped, &machine.office.operator).await.expect("confirmed");
    machine.clock.set(at("2027-01-03", "1:30"));
    let late = confirm(&machine, "掲示板", Confirmed::Stopped, &machine.office.operator).await;
    assert!(matches!(late, Err(DeskError::Confirmation(NotConfirmed::TooLate))), "{late:?}");
    let refused = machine.run().await;
    assert!(matches!(&refused, Attempt::NotConfirmed(names) if *names == ["掲示板"]), "{refused:?}");
    assert_eq!(
        (machine.state().await, machine.reasons().await),
        (OccurrenceState::Refused, vec!["service-not-confirmed".into()])
    );
    assert!(machine.shop.log().is_empty());
    let mut raised = machine.alarms().await;
    raised.sort_unstable();
    assert_eq!(raised, ["backup-missed", "service-by-hand", "service-by-hand"]);
    let told = machine.office.notices().await;
    let own = told.iter().find(|row| row.occurrence.as_deref() == Some(OCCURRENCE)).expect("its notice");
    assert_eq!(own.status.word(), "cancelled", "users read that it does not take place");
    assert!(matches!(machine.run().await, Attempt::Refused(_)), "it is over");
    assert_eq!(machine.office.desk.catalog.hand_stops_of(OCCURRENCE).await.expect("rows").len(), 2);
    for name in ["ポータル", "掲示板"] {
        confirm(&machine, name, Confirmed::Running, &machine.office.operator).await.expect("seen to run");
    }
    assert_eq!(machine.alarms().await, ["backup-missed"]);
}

#[tokio::test]
async fn who_is_asked_late_has_until_the_deadline_of_the_window_and_no_longer() {
    let machine = machine().await;
    machine.clock.set(at("2027-01-03", "4:30"));
    let waiting = machine.run().await;
    // Ten minutes for each start by hand, and the command's own time, are left before the end.
    let limit = at("2027-01-03", "4:39");
    assert!(matches!(&waiting, Attempt::Waiting(_, until) if *until == limit), "{waiting:?}");
    machine.clock.set(limit);
    assert!(matches!(machine.run().await, Attempt::NotConfirmed(_)));
}

#[tokio::test]
async fn after_a_failure_the_services_may_run_and_a_new_try_asks_again() {
    let machine = machine().await;
    *machine.snaps.fails.lock().expect("no panic") = 1;
    machine.run().await;
    stop_both(&machine).await;
    assert!(matches!(machine.run().await, Attempt::Failed(_)));
    assert_eq!(stages(&machine).await, [Stage::ToStart; 2]);
    confirm(&machine, "ポータル", Confirmed::Running, &machine.office.operator).await.expect("it runs");
    machine.clock.set(at("2027-01-03", "1:20"));
    let waiting = machine.run().await;
    assert!(matches!(&waiting, Attempt::Waiting(names, _) if names.len() == 2), "{waiting:?}");
    stop_both(&machine).await;
    assert!(matches!(machine.run().await, Attempt::Taken(_)));
    assert_eq!(machine.shop.log().len(), 4, "once for each try");
}

#[tokio::test]
async fn a_window_that_is_withdrawn_meanwhile_gives_the_services_back() {
    let machine = machine().await;
    machine.run().await;
    stop_both(&machine).await;
    let (desk, now) = (&machine.office.desk, machine.clock.now());
    windows::withdraw(desk, "w-0001", "延期", &machine.office.admin, now).await.expect("withdrawn");
    assert!(matches!(machine.run().await, Attempt::Refused(_) | Attempt::Nothing));
    machine.tend().await;
    assert_eq!(stages(&machine).await, [Stage::ToStart; 2]);
    let listed = service_list::list(desk, &machine.office.doctor).await.expect("services");
    let down: Vec<&str> = listed.iter().filter(|one| one.is_down()).map(|one| one.name.as_str()).collect();
    assert_eq!(down, ["ポータル", "掲示板"]);
}

#[tokio::test]
async fn killed_at_any_step_a_run_never_counts_what_nobody_confirmed_for_it() {
    let mut finished = 0;
    for steps in (0..270).step_by(9) {
        let machine = machine().await;
        assert!(matches!(machine.run().await, Attempt::Waiting(..)));
        stop_both(&machine).await;
        let attempt = killed_after(steps, machine.run_as("one")).await;
        finished += usize::from(matches!(attempt, Some(Attempt::Taken(_))));
        machine.clock.set(machine.clock.now().plus_minutes(3));
        machine.tend().await;
        assert!(machine.shop.all_run(), "step {steps}: what Kura stopped runs again");
        if attempt.is_none() && machine.state().await != OccurrenceState::Done {
            // Whoever comes next begins only with what was confirmed for no other run.
            let again = machine.run_as("two").await;
            if matches!(again, Attempt::Waiting(..)) {
                stop_both(&machine).await;
                let again = machine.run_as("two").await;
                assert!(matches!(again, Attempt::Taken(_)), "step {steps}: {again:?}");
            } else {
                assert!(matches!(again, Attempt::Taken(_)), "step {steps}: {again:?}");
            }
        }
        machine.tend().await;
        assert_eq!(machine.state().await, OccurrenceState::Done, "step {steps}");
        assert_eq!(stages(&machine).await, [Stage::ToStart; 2], "step {steps}: persons are asked to start");
        assert_eq!(acts(&machine, "occurrence.done").await, 1, "step {steps}");
    }
    assert!(finished > 0, "some runs were not killed at all");
}
