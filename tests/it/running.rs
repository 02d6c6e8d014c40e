//! Runs of occurrences with services that stop and start, on a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use kura::archive::digest::Sha256;
use kura::archive::progress::Progress;
use kura::catalog::{EventRequest, SnapshotRow};
use kura::clock::{Clock as _, ManualClock};
use kura::config::Home;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::service::{How, Service};
use kura::domain::sudden_change::ChangeFacts;
use kura::domain::window::WindowKind;
use kura::hooks::{HookError, Hooks};
use kura::workflows::desk::{Desk, DeskError};
use kura::workflows::start_due_runs::{self, Attempt, Runner, TakesSnapshots};
use kura::workflows::take_event_snapshot::{self, Event, RequestState, TakesEvents};
use kura::workflows::take_snapshot::{SnapshotError, Summary};
use kura::workflows::under_way::UnderWay;
use kura::workflows::{alarms, gate, notice_ends, services, windows};

use crate::windows::{Office, at, plan, terms, tokyo};

/// The services of a machine that does not exist: which run, and what was done to them.
#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) stopped: Mutex<BTreeMap<String, bool>>,
    pub(crate) log: Mutex<Vec<String>>,
    /// Commands that fail next, by their first word.
    pub(crate) fails: Mutex<BTreeMap<String, u32>>,
}

impl Shop {
    pub(crate) fn all_run(&self) -> bool {
        self.stopped.lock().expect("no panic").values().all(|is_stopped| !is_stopped)
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }

    pub(crate) fn fail(&self, word: &str, times: u32) {
        self.fails.lock().expect("no panic").insert(word.to_owned(), times);
    }
}

#[async_trait]
impl Hooks for Shop {
    async fn run(&self, command: &[String], timeout: Duration) -> Result<(), HookError> {
        // A command takes a moment: a program may be killed meanwhile.
        tokio::task::yield_now().await;
        let [word, service] = command else { panic!("{command:?}") };
        if let Some(left) = self.fails.lock().expect("no panic").get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            return Err(HookError::TimedOut { program: word.clone(), timeout, tail: String::new() });
        }
        self.log.lock().expect("no panic").push(format!("{word} {service}"));
        self.stopped.lock().expect("no panic").insert(service.clone(), word == "stop");
        tokio::task::yield_now().await;
        Ok(())
    }
}

pub(crate) fn service(name: &str) -> Service {
    let command = |word: &str| vec![word.to_owned(), name.to_owned()];
    let how =
        How::Commands { stop: command("stop"), start: command("start"), timeout: Duration::from_mins(1) };
    Service { name: name.to_owned(), how }
}

/// Snapshots that take no data and the time that they are told to take.
pub(crate) struct Snaps {
    pub(crate) desk: Desk,
    pub(crate) clock: Arc<ManualClock>,
    /// How many minutes the next ones take; fewer if they are asked to stop.
    pub(crate) minutes: Mutex<i64>,
    /// How many fail next.
    pub(crate) fails: Mutex<u32>,
    /// What looks after the clock meanwhile.
    pub(crate) under_way: UnderWay,
    pub(crate) during: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Snaps {
    pub(crate) fn new(desk: &Desk, clock: &Arc<ManualClock>, under_way: &UnderWay) -> Self {
        Self {
            desk: desk.clone(),
            clock: clock.clone(),
            minutes: Mutex::new(0),
            fails: Mutex::new(0),
            under_way: under_way.clone(),
            during: OnceLock::new(),
        }
    }

    async fn snapshot(&self, progress: &Progress) -> Result<Summary, SnapshotError> {
        tokio::task::yield_now().await;
        if let Some(during) = self.during.get() {
            during();
        }
        let minutes = *self.minutes.lock().expect("no panic");
        for _ in 0..minutes {
            self.clock.set(self.clock.now().plus_minutes(1));
            self.under_way.stop_due(self.clock.now());
            if progress.is_stopped() {
                return Err(SnapshotError::Stopped);
            }
        }
        let is_failing = {
            let mut fails = self.fails.lock().expect("no panic");
            let is_failing = *fails > 0;
            *fails = fails.saturating_sub(1);
            is_failing
        };
        if is_failing {
            let path = std::path::PathBuf::from("/srv/records");
            return Err(SnapshotError::Source { path, reason: "gone".to_owned() });
        }
        let head = self.desk.catalog.head("records").await?;
        let sequence = head.as_ref().map_or(1, |head| head.sequence + 1);
        let digest = Sha256::of(&sequence.to_le_bytes());
        let now = self.clock.now();
        let row = SnapshotRow {
            plan: "records".to_owned(),
            sequence,
            digest,
            parent: head.map(|head| head.digest),
            taken_at: now,
            day: tokyo().day_of(now),
            event: "daily".to_owned(),
            is_complete: true,
            files: 1,
            bytes: 1,
            new_bytes_stored: 1,
            skipped: 0,
            cohorts: 1,
        };
        self.desk.catalog.record_snapshot(&row, &[]).await?;
        Ok(Summary {
            snapshot: digest,
            sequence,
            is_complete: true,
            files: 1,
            bytes: 1,
            new_bytes_stored: 1,
            remarks: BTreeMap::new(),
            skipped: 0,
            report: None,
            adopted_packs: 0,
            repaired_cohorts: Vec::new(),
            changes: ChangeFacts::default(),
            sudden: None,
        })
    }
}

#[async_trait]
impl TakesSnapshots for Snaps {
    async fn take(&self, _kind: WindowKind, progress: &Arc<Progress>) -> Result<Summary, SnapshotError> {
        self.snapshot(progress).await
    }
}

#[async_trait]
impl TakesEvents for Snaps {
    async fn take(
        &self,
        _request: &EventRequest,
        progress: &Arc<Progress>,
    ) -> Result<Summary, SnapshotError> {
        self.snapshot(progress).await
    }
}

/// A machine with services, and an office that has approved a monthly window which stops them.
pub(crate) struct Machine {
    pub(crate) office: Office,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shop: Arc<Shop>,
    pub(crate) under_way: UnderWay,
    pub(crate) snaps: Arc<Snaps>,
    pub(crate) folder: tempfile::TempDir,
}

/// The start of the first occurrence of `Machine::stopping`.
pub(crate) const START: (&str, &str) = ("2027-01-03", "1:00");

impl Machine {
    pub(crate) async fn new() -> Self {
        let mut office = Office::light().await;
        office.desk.services = ["ポータル", "メール"].map(service).to_vec();
        let (clock, under_way) = (Arc::new(ManualClock::new(at("2026-11-22", "12:00"))), UnderWay::default());
        let snaps = Arc::new(Snaps::new(&office.desk, &clock, &under_way));
        let folder = tempfile::tempdir().expect("a folder");
        Self { office, clock, shop: Arc::default(), under_way, snaps, folder }
    }

    /// With a window of the first Sundays, 1:00 to 5:00, that stops both services.
    pub(crate) async fn stopping() -> Self {
        let machine = Self::new().await;
        let stops = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル", "メール"]);
        machine.office.approved(&stops, machine.clock.now()).await;
        machine.clock.set(at(START.0, START.1));
        machine.office.prove(machine.clock.now()).await;
        machine
    }

    pub(crate) fn home(&self) -> Home {
        Home::at(self.folder.path().to_owned())
    }

    /// Runs what is due, as the service does, as a program of this name.
    pub(crate) async fn run_as(&self, program: &str) -> Attempt {
        let mut desk = self.office.desk.clone();
        program.clone_into(&mut desk.holder.program);
        let runner = Runner {
            desk: &desk,
            home: &self.home(),
            hooks: &*self.shop,
            under_way: &self.under_way,
            progress: &Arc::default(),
            clock: &*self.clock,
            is_asked: true,
        };
        start_due_runs::run(runner, &*self.snaps, &plan(), &tokyo()).await
    }

    pub(crate) async fn run(&self) -> Attempt {
        self.run_as("one").await
    }

    /// What the service does beside runs, on each beat.
    pub(crate) async fn tend(&self) {
        let desk = &self.office.desk;
        services::start_left(desk, &self.home(), &*self.shop, &*self.clock).await.expect("looked after");
        notice_ends::tell(desk, self.clock.now()).await.expect("told");
        alarms::refresh(desk, self.clock.now()).await.expect("alarms");
    }

    pub(crate) async fn state(&self) -> OccurrenceState {
        let found = self.office.desk.catalog.occurrence("w-0001-2027-01-03").await.expect("the catalog");
        found.expect("an occurrence").state
    }

    pub(crate) async fn alarms(&self) -> Vec<&'static str> {
        alarms::refresh(&self.office.desk, self.clock.now()).await.expect("alarms");
        let open = alarms::list(&self.office.desk, false, 100).await.expect("alarms");
        open.into_iter().map(|row| row.alarm.code.word()).collect()
    }

    /// The codes of why something did not run or end well.
    pub(crate) async fn reasons(&self) -> Vec<String> {
        let rows = self.office.desk.catalog.reasons(100).await.expect("reasons");
        assert!(
            rows.iter().all(|row| row.japanese.ends_with('。') && row.english.ends_with('.')),
            "{rows:?}"
        );
        rows.into_iter().map(|row| row.code).collect()
    }
}

#[tokio::test]
async fn services_stop_before_the_snapshot_and_start_after_it() {
    let machine = Machine::stopping().await;
    let (shop, during) = (machine.shop.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = during.clone();
    let look = move || seen.lock().expect("no panic").extend(shop.log());
    assert!(machine.snaps.during.set(Box::new(look)).is_ok());
    assert!(matches!(machine.run().await, Attempt::Taken(_)));
    assert_eq!(*during.lock().unwrap(), ["stop ポータル", "stop メール"]);
    let expected = ["stop ポータル", "stop メール", "start メール", "start ポータル"];
    assert_eq!(machine.shop.log(), expected);
    assert_eq!(machine.state().await, OccurrenceState::Done);
    assert!(machine.office.desk.catalog.stopped_services().await.unwrap().is_empty());
    assert!(machine.alarms().await.is_empty());
    assert!(matches!(machine.run().await, Attempt::Refused(_)), "each occurrence once");
    assert_eq!(machine.shop.log().len(), 4);
}

#[tokio::test]
async fn a_run_that_fails_starts_the_services_and_may_be_tried_again() {
    let machine = Machine::stopping().await;
    *machine.snaps.fails.lock().unwrap() = 1;
    assert!(matches!(machine.run().await, Attempt::Failed(_)));
    assert!(machine.shop.all_run() && machine.shop.log().len() == 4);
    assert_eq!(machine.reasons().await, ["run-failed"]);
    assert_eq!(machine.alarms().await, ["run-refused"], "told of while it lasts");
    let again = machine.run().await;
    assert!(matches!(again, Attempt::Taken(_)), "{again:?}");
    assert!(machine.shop.all_run() && machine.alarms().await.is_empty());
}

#[tokio::test]
async fn no_run_begins_whose_services_did_not_stop() {
    let machine = Machine::stopping().await;
    machine.shop.fail("stop", 1);
    let attempt = machine.run().await;
    assert!(matches!(attempt, Attempt::NotStopped(_)), "{attempt:?}");
    assert!(machine.office.desk.catalog.head("records").await.unwrap().is_none(), "no snapshot");
    assert!(machine.shop.all_run());
    assert_eq!(
        (machine.state().await, machine.reasons().await),
        (OccurrenceState::Missed, vec!["stop-failed".into()])
    );
    let told = machine.office.notices().await;
    let own = told.iter().find(|row| row.occurrence.as_deref() == Some("w-0001-2027-01-03")).unwrap();
    assert_eq!((own.kind.word(), own.status.word()), ("incident", "completed"));
    assert_eq!(machine.alarms().await, ["backup-missed"]);
}

#[tokio::test]
async fn a_service_that_does_not_start_is_tried_on_every_beat_and_told_of() {
    let machine = Machine::stopping().await;
    machine.shop.fail("start", 4);
    assert!(matches!(machine.run().await, Attempt::Taken(_)), "the snapshot counts all the same");
    assert!(!machine.shop.all_run());
    assert_eq!(machine.alarms().await, ["service-stopped", "service-stopped"]);
    machine.tend().await;
    assert!(!machine.shop.all_run());
    let left = machine.office.desk.catalog.stopped_services().await.unwrap();
    assert!(left.iter().all(|row| row.attempts == 2 && row.failure.is_some()), "{left:?}");
    machine.tend().await;
    assert!(machine.shop.all_run() && machine.alarms().await.is_empty());
    let log = machine.shop.log();
    machine.tend().await;
    assert_eq!(machine.shop.log(), log, "once they run they are left alone");
}

#[tokio::test]
async fn a_run_that_stops_services_ends_before_its_window_does() {
    let machine = Machine::stopping().await;
    *machine.snaps.minutes.lock().unwrap() = 600;
    assert!(matches!(machine.run().await, Attempt::Failed(SnapshotError::Stopped)));
    assert_eq!(machine.clock.now(), at("2027-01-03", "4:55"), "five minutes are left for the services");
    assert!(machine.shop.all_run());
    assert_eq!(
        (machine.state().await, machine.reasons().await),
        (OccurrenceState::Missed, vec!["deadline".into()])
    );
    let told = machine.office.notices().await;
    assert!(told.iter().any(|row| row.words.title.starts_with("【障害】")), "{told:?}");
    assert_eq!(machine.alarms().await, ["backup-missed"]);
}

#[tokio::test]
async fn a_run_that_stops_nothing_may_finish_after_its_window() {
    let machine = Machine::new().await;
    machine.office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), machine.clock.now()).await;
    machine.clock.set(at("2026-11-30", "2:00"));
    machine.office.prove(machine.clock.now()).await;
    *machine.snaps.minutes.lock().unwrap() = 600;
    assert!(matches!(machine.run().await, Attempt::Taken(_)));
    assert_eq!(machine.clock.now(), at("2026-11-30", "12:00"));
    assert!(machine.shop.log().is_empty());
}

#[tokio::test]
async fn of_two_programs_one_runs_an_occurrence_and_a_dead_ones_lease_passes_on() {
    let machine = Machine::stopping().await;
    let (one, other) = tokio::join!(machine.run_as("one"), machine.run_as("two"));
    let taken = [&one, &other].into_iter().filter(|attempt| matches!(attempt, Attempt::Taken(_))).count();
    assert_eq!(taken, 1, "{one:?} {other:?}");
    assert_eq!(machine.office.desk.catalog.head("records").await.unwrap().unwrap().sequence, 1);

    // A program of another machine, which shares no lock with this one.
    let machine = Machine::stopping().await;
    let mut far = machine.office.desk.clone();
    far.holder = kura::catalog::Holder { program: "far".to_owned(), place: "elsewhere:1:1".to_owned() };
    let now = machine.clock.now();
    let Ok(gate::Entry::Occurrence(occurrence, _)) = gate::enter(&far, &plan(), &tokyo(), now).await else {
        panic!("not let in")
    };
    assert!(matches!(machine.run().await, Attempt::Elsewhere), "it holds the lease");
    machine.clock.set(now.plus_minutes(1));
    gate::keep_leases(&far, machine.clock.now()).await.unwrap();
    machine.clock.set(now.plus_minutes(2));
    assert!(matches!(machine.run().await, Attempt::Elsewhere), "it lives");
    machine.clock.set(now.plus_minutes(3));
    assert!(matches!(machine.run().await, Attempt::Taken(_)), "it is dead");
    let late = gate::leave(&far, &occurrence, true, machine.clock.now()).await;
    assert!(late.is_err(), "one that was overtaken changes nothing");
    assert_eq!(machine.state().await, OccurrenceState::Done);
}

#[tokio::test]
async fn a_window_stops_only_services_that_kura_can_start_again() {
    let machine = Machine::new().await;
    let office = &machine.office;
    let unknown = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["電子カルテ"]);
    let refused = windows::request(&office.desk, &unknown, &office.admin, machine.clock.now()).await;
    let Err(DeskError::Service { name, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(name, "電子カルテ");
}

#[tokio::test]
async fn a_snapshot_that_was_asked_for_needs_a_right_and_a_reason_and_stops_nothing() {
    let machine = Machine::stopping().await;
    let (office, now) = (&machine.office, machine.clock.now());
    let name = plan();
    let ask = |by, reason: &'static str| {
        take_event_snapshot::request(&office.desk, (&name, Event::Acceptance), reason, by, now)
    };
    for by in [&office.doctor, &office.manager, &office.operator] {
        assert!(matches!(ask(by, "before the update").await, Err(DeskError::Access(_))));
    }
    assert!(matches!(ask(&office.admin, " ").await, Err(DeskError::Reason(_))));
    let id = ask(&office.admin, "before the update").await.unwrap();
    let run = || {
        let at = (&office.desk, machine.home());
        let (snaps, under_way, clock, id) = (&machine.snaps, &machine.under_way, &machine.clock, &id);
        async move { take_event_snapshot::run((at.0, &at.1), &**snaps, id, under_way, &**clock).await.unwrap() }
    };
    assert!(run().await);
    assert!(run().await, "once");
    let done = take_event_snapshot::list(&office.desk, 10).await.unwrap().remove(0);
    assert_eq!((done.state, done.reason.as_str()), (RequestState::Done, "before the update"));
    assert_eq!(office.desk.catalog.head("records").await.unwrap().unwrap().sequence, 1);
    assert!(machine.shop.log().is_empty(), "it stops nothing");
    assert_eq!(machine.state().await, OccurrenceState::Announced, "it is not the window's run");
    let log = office.desk.catalog.audit_newest(10).await.unwrap();
    let line = log.iter().find(|line| line.entry.act == "snapshot.request").unwrap();
    assert_eq!((line.entry.actor.as_str(), line.entry.subject.as_str()), ("admin00001", "e-0001"));
}

#[tokio::test]
async fn alarms_are_raised_once_and_cleared_when_mended() {
    let machine = Machine::new().await;
    let office = &machine.office;
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), machine.clock.now()).await;
    machine.clock.set(at("2026-11-30", "2:30"));
    assert!(matches!(machine.run().await, Attempt::Refused(_)), "no proof");
    assert_eq!(
        (machine.reasons().await, machine.alarms().await),
        (vec!["notice-not-readable".into()], vec!["run-refused"])
    );
    assert_eq!(machine.alarms().await.len(), 1, "asking twice raises nothing");
    machine.clock.set(at("2026-12-02", "2:30"));
    assert_eq!(machine.alarms().await, ["run-refused", "snapshot-old"]);
    kura::workflows::schedule::refresh(&office.desk, machine.clock.now()).await.unwrap();
    assert_eq!(machine.alarms().await, ["backup-missed", "snapshot-old"]);
    office.prove(machine.clock.now()).await;
    assert!(matches!(machine.run().await, Attempt::Taken(_)));
    assert!(machine.alarms().await.is_empty());
    let all = alarms::list(&office.desk, true, 100).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|row| row.cleared_at.is_some()));
    let log = office.desk.catalog.audit_newest(100).await.unwrap();
    let of = |act: &str| log.iter().filter(|line| line.entry.act == act).count();
    assert_eq!((of("alarm.raise"), of("alarm.clear")), (3, 3));
}
