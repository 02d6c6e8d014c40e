//! A thousand days through the real workflows, the real catalog and the real heart, on a clock that jumps: no rule is broken,
//! whatever fails (K-24, K-25, K-28, K-29). The clock, the services, the snapshots and the public page are made up.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kura::archive::progress::Progress;
use kura::clock::{Clock as _, ManualClock};
use kura::config::Home;
use kura::domain::occurrence::{Occurrence, OccurrenceState};
use kura::domain::time::{Instant, Zone};
use kura::domain::window::{Terms, TermsParts, Window, WindowKind};
use kura::hooks::{HookError, Hooks};
use kura::portal::page::{Fetched, Page, PageError};
use kura::scheduler::{Heart, Works};
use kura::workflows::desk::{Desk, Desks};
use kura::workflows::pulse::Pulse;
use kura::workflows::start_due_runs::{self, Attempt, Runner, TakesSnapshots};
use kura::workflows::take_snapshot::{SnapshotError, Summary};
use kura::workflows::under_way::UnderWay;
use kura::workflows::{alarms, check_audit, prove_notices, services, windows};
use tokio_util::sync::CancellationToken;

use crate::running::{Shop, Snaps, service};
use crate::steps::killed_after;
use crate::windows::{Office, Showing, plan};

const DAY: i64 = 24 * 60;

/// Numbers that seem random and are the same every time.
struct Dice(AtomicU64);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        let old = self.0.fetch_add(1, Ordering::SeqCst);
        let hash = blake3::hash(&old.to_le_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes")) % sides
    }
}

struct World {
    desk: Mutex<Desk>,
    zone: Zone,
    clock: Arc<ManualClock>,
    shop: Shop,
    snaps: Snaps,
    under_way: UnderWay,
    dice: Dice,
    home: Home,
    is_page_down: AtomicBool,
    /// A run was killed: the program is gone and has to be started again.
    was_killed: AtomicBool,
    /// Occurrences whose run came back with a snapshot.
    taken: Mutex<BTreeMap<String, u32>>,
    stops: AtomicU64,
}

impl World {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn office_desk(&self) -> Desk {
        self.desk.lock().expect("no panic").clone()
    }

    /// The occurrence that runs now, with its window, after every rule was looked at once more, by other means.
    async fn check_rules(&self) -> (Occurrence, Window) {
        let (desk, now) = (self.office_desk(), self.now());
        let open = desk.catalog.occurrences_since(now.plus_minutes(-2 * DAY)).await.expect("occurrences");
        let living = desk.catalog.living_leases(now).await.expect("leases");
        let is_running =
            |found: &&Occurrence| found.state == OccurrenceState::Running && living.contains(&found.id);
        let running: Vec<&Occurrence> = open.iter().filter(is_running).collect();
        let [found] = running[..] else { panic!("one run at a time: {running:?}") };
        let all = desk.catalog.windows().await.expect("windows");
        let window = all.iter().find(|window| window.id == found.window).expect("its window").clone();
        let approval = window.approval().expect("never a run in a window that is not approved");
        assert_eq!(Some(approval.digest), desk.digest_now(&window.terms), "approved as it is now");
        let (start, end) = found.span;
        assert!(start <= now && now < end, "in its time: {found:?} at {now}");
        let days = if window.terms.stops_services() { 14 } else { 7 };
        let announced = found.announced_at.expect("announced");
        assert!(announced <= start.plus_minutes(-days * DAY), "for its whole lead: {found:?}");
        let told = desk.catalog.notices(10_000).await.expect("notices");
        let names = |row: &&kura::catalog::NoticeRow| {
            row.occurrence.as_ref() == Some(&found.id)
                || (row.occurrence.is_none() && row.window == found.window)
        };
        let notice = told.iter().find(names).expect("a notice names it");
        let proofs = desk.catalog.proofs(&notice.notice, 1000).await.expect("proofs");
        let counts = |at: Instant| at <= now && at >= announced && at >= start.plus_minutes(-DAY);
        assert!(
            proofs.iter().any(|proof| counts(proof.fetched_at)),
            "users could read {notice:?} for {found:?}"
        );
        for other in all.iter().filter(|other| other.approval().is_some()) {
            let parts = other.terms.parts();
            if parts.kind == WindowKind::PowerInspection {
                let (from, until) = other.terms.span_on(parts.first_day);
                assert!(end <= from || until <= start, "never in a power inspection");
            }
        }
        (found.clone(), window)
    }
}

#[async_trait]
impl Hooks for World {
    async fn run(&self, command: &[String], timeout: Duration) -> Result<(), HookError> {
        if command.first().is_some_and(|word| word == "stop") {
            let (_, window) = self.check_rules().await;
            let parts = window.terms.parts();
            assert!(
                matches!(parts.kind, WindowKind::Monthly | WindowKind::Maintenance),
                "never a stop elsewhere"
            );
            assert!(parts.stops.contains(&command[1]), "only what was approved");
            self.stops.fetch_add(1, Ordering::SeqCst);
        }
        if self.dice.roll(12) == 0 {
            return Err(HookError::TimedOut { program: command[0].clone(), timeout, tail: String::new() });
        }
        self.shop.run(command, timeout).await
    }
}

#[async_trait]
impl TakesSnapshots for World {
    async fn take(&self, kind: WindowKind, progress: &Arc<Progress>) -> Result<Summary, SnapshotError> {
        let (_, window) = self.check_rules().await;
        let down = self.shop.stopped.lock().expect("no panic").clone();
        for name in &window.terms.parts().stops {
            assert_eq!(down.get(name), Some(&true), "no run begins whose services did not stop");
        }
        *self.snaps.minutes.lock().expect("no panic") = i64::try_from(self.dice.roll(300)).expect("small");
        *self.snaps.fails.lock().expect("no panic") = u32::from(self.dice.roll(20) == 0);
        self.snaps.take(kind, progress).await
    }
}

#[async_trait]
impl Page for World {
    fn address(&self) -> &'static str {
        "https://kura.example/notices"
    }

    async fn fetch(&self) -> Result<Fetched, PageError> {
        if self.is_page_down.load(Ordering::SeqCst) {
            return Ok(Fetched { status: 503, body: Vec::new() });
        }
        Showing(self.office_desk()).fetch().await
    }
}

impl Desks for World {
    fn desk(&self) -> Result<Desk, String> {
        Ok(self.office_desk())
    }
}

impl Works for World {
    fn deliver(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }

    fn run<'a>(&'a self, _plan: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let desk = self.office_desk();
            prove_notices::prove(&desk, self, self.now()).await.expect("the catalog answers");
            let runner = Runner {
                desk: &desk,
                home: &self.home,
                hooks: self,
                under_way: &self.under_way,
                progress: &Arc::default(),
                clock: &*self.clock,
                is_asked: false,
            };
            let (name, zone) = (plan(), &self.zone);
            let running = start_due_runs::run(runner, self, &name, zone);
            let waits = if self.dice.roll(12) == 0 { self.dice.roll(150) } else { u64::MAX };
            match killed_after(usize::try_from(waits).unwrap_or(usize::MAX), running).await {
                None => {
                    self.was_killed.store(true, Ordering::SeqCst);
                    self.under_way.end(&name);
                }
                Some(Attempt::Taken(_)) => {
                    let log = desk.catalog.audit_newest(30).await.expect("the log");
                    let done = log.iter().find(|line| line.entry.act == "occurrence.done").expect("done");
                    *self.taken.lock().expect("no panic").entry(done.entry.subject.clone()).or_default() += 1;
                }
                Some(_) => {}
            }
        })
    }

    fn tend(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let desk = self.office_desk();
            services::start_left(&desk, &self.home, self, &*self.clock).await.expect("looked after");
            prove_notices::prove(&desk, self, self.now()).await.expect("the catalog answers");
            alarms::refresh(&desk, self.now()).await.expect("alarms");
        })
    }

    fn watch(&self, now: Instant) {
        self.under_way.stop_due(now);
    }
}

fn terms(zone: &Zone, kind: WindowKind, recurrence: &str, minutes: u32, stops: &[&str]) -> Terms {
    let parts = TermsParts {
        plan: kind.takes_snapshots().then(plan),
        kind,
        recurrence: recurrence.parse().expect("a recurrence"),
        length_minutes: minutes,
        stops: stops.iter().map(|&name| name.to_owned()).collect(),
        first_day: "2026-11-22".parse().expect("a day"),
        last_day: None,
        zone: zone.clone(),
    };
    Terms::new(parts).expect("good terms")
}

fn beat_of(world: &Arc<World>) -> Arc<Heart> {
    Heart::new(
        world.clone(),
        world.clock.clone(),
        Arc::new(Pulse::new(world.now())),
        CancellationToken::new(),
    )
}

/// What a day's decisions are.
async fn decide(office: &Office, world: &World, day: i64) {
    let now = world.now();
    let zone = &world.zone;
    let daily = || terms(zone, WindowKind::Daily, "daily 02:30", 180, &[]);
    let desk = world.office_desk();
    let approve = async |terms: &Terms| {
        let id = windows::request(&desk, terms, &office.admin, now).await.expect("a request");
        windows::approve(&desk, &id, None, &office.doctor, now).await.expect("an approval");
    };
    match day {
        0 => {
            approve(&daily()).await;
            approve(&terms(
                zone,
                WindowKind::Monthly,
                "monthly last day 22:45",
                240,
                &["ポータル", "メール"],
            ))
            .await;
            approve(&terms(zone, WindowKind::Maintenance, "once 2027-01-20 13:00", 120, &["メール"])).await;
            approve(&terms(zone, WindowKind::PowerInspection, "once 2027-02-11 00:00", 1440, &[])).await;
            // Asked for and never approved.
            let never = terms(zone, WindowKind::Daily, "daily 12:00", 600, &[]);
            windows::request(&desk, &never, &office.admin, now).await.expect("a request");
        }
        // The plan changes; three weeks later everything is approved again.
        500 => {
            let mut desk = world.desk.lock().expect("no panic");
            desk.contents.insert("records".to_owned(), "plan 2\n".to_owned());
        }
        520 => {
            approve(&daily()).await;
            approve(&terms(zone, WindowKind::Monthly, "monthly last day 22:45", 240, &["ポータル"])).await;
        }
        700 => {
            let windows = desk.catalog.windows().await.expect("windows");
            let is_daily = |w: &&Window| w.approval().is_some() && w.terms.parts().kind == WindowKind::Daily;
            let id = windows.iter().find(is_daily).expect("a daily one").id.clone();
            windows::withdraw(&desk, &id, "作業を見合わせます。", &office.admin, now)
                .await
                .expect("withdrawn");
        }
        710 => approve(&daily()).await,
        _ => {}
    }
}

async fn simulate(zone: &str, seed: u64) {
    let zone = Zone::named(zone).expect("a zone");
    let mut office = Office::light().await;
    office.desk.services = ["ポータル", "メール"].map(service).to_vec();
    let start = zone.at("2026-11-22".parse().expect("a day"), "12:00".parse().expect("a time"));
    let (clock, under_way) = (Arc::new(ManualClock::new(start)), UnderWay::default());
    let folder = tempfile::tempdir().expect("a folder");
    let world = Arc::new(World {
        desk: Mutex::new(office.desk.clone()),
        zone: zone.clone(),
        clock: clock.clone(),
        shop: Shop::default(),
        snaps: Snaps::new(&office.desk, &clock, &under_way),
        under_way,
        dice: Dice(AtomicU64::new(seed)),
        home: Home::at(folder.path().to_owned()),
        is_page_down: AtomicBool::new(false),
        was_killed: AtomicBool::new(false),
        taken: Mutex::default(),
        stops: AtomicU64::new(0),
    });
    let mut heart = beat_of(&world);
    let mut day = start;
    let first = zone.day_of(start);
    let mut civil = first;
    for number in 0..1000_i64 {
        // Nobody beats for up to three days: an upgrade, a power cut; what was stopped before stays stopped.
        let is_off = number > 30 && world.dice.roll(40) == 0;
        world.is_page_down.store(number % 100 > 94, Ordering::SeqCst);
        clock.set(clock.now().max(day));
        decide(&office, &world, number).await;
        // Hours in which nothing is planned are looked at now and then.
        let is_full =
            civil.next().date().day() == 1 || [59, 60, 81].contains(&number) || world.dice.roll(20) == 0;
        let times: &[&str] = match (is_off, is_full, world.dice.roll(3)) {
            (true, ..) => &[],
            (false, true, _) => &["01:40", "02:30", "03:10", "13:05", "22:45", "23:20"],
            (false, false, 0) => &["01:40", "02:30", "03:10"],
            (false, false, _) => &["02:30"],
        };
        for time in times {
            let at = zone.at(civil, time.parse().expect("a time"));
            // Now and then the clock is some hours behind for a beat.
            let back = if world.dice.roll(200) == 0 { -300 } else { 0 };
            if at.plus_minutes(back) < start {
                continue;
            }
            // A run may have taken until now.
            clock.set(if back < 0 { at.plus_minutes(back) } else { at.max(clock.now()) });
            heart.beat().await;
            heart.settle().await;
            if world.was_killed.swap(false, Ordering::SeqCst) {
                heart = beat_of(&world);
                heart.beat().await;
                heart.settle().await;
            }
        }
        civil = civil.next();
        day = zone.start_of(civil);
    }
    for minutes in 0..20 {
        clock.set(day.plus_minutes(3 * DAY + minutes));
        heart.beat().await;
        heart.settle().await;
    }
    check_the_end(&world).await;
}

async fn check_the_end(world: &World) {
    let desk = world.office_desk();
    assert!(world.shop.all_run(), "every service runs at the end");
    assert!(desk.catalog.stopped_services().await.expect("services").is_empty());
    let all = desk.catalog.occurrences_since(Instant::from_micros(0)).await.expect("occurrences");
    let past: Vec<&Occurrence> = all.iter().filter(|found| found.span.1 <= world.now()).collect();
    let reasons = desk.catalog.reasons(10_000).await.expect("reasons");
    let explained: BTreeSet<&str> = reasons.iter().filter_map(|row| row.occurrence.as_deref()).collect();
    let taken = world.taken.lock().expect("no panic").clone();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for found in &past {
        *counts.entry(found.state.word()).or_default() += 1;
        assert!(!found.state.is_open(), "{found:?}");
        let is_lost = matches!(found.state, OccurrenceState::Missed | OccurrenceState::Refused);
        assert!(!is_lost || explained.contains(found.id.as_str()), "explained: {found:?}");
    }
    assert!(taken.values().all(|times| *times == 1), "each at most once: {taken:?}");
    assert!(taken.keys().all(|id| past.iter().any(|o| o.id == *id && o.state == OccurrenceState::Done)));
    assert!(reasons.iter().all(|row| row.japanese.ends_with('。') && row.english.ends_with('.')));
    check_audit::verify(&desk.catalog, None).await.expect("the log holds");
    assert!(counts["done"] > 600 && counts["missed"] > 20 && counts["refused"] > 5, "{counts:?}");
    let stops = world.stops.load(Ordering::SeqCst);
    assert!(stops > 30, "{stops} stops");
    let codes: BTreeSet<&str> = reasons.iter().map(|row| row.code.as_str()).collect();
    for code in ["notice-not-readable", "power-inspection", "run-failed", "stop-failed", "time-over"] {
        assert!(codes.contains(code), "the days were not hard enough: {code} is missing from {codes:?}");
    }
    let raised = alarms::list(&desk, true, 10_000).await.expect("alarms");
    let codes: BTreeSet<&str> = raised.iter().map(|row| row.alarm.code.word()).collect();
    for code in ["approval-lapsed", "backup-missed", "notice-not-readable", "run-refused", "snapshot-old"] {
        assert!(codes.contains(code), "{code} was never raised: {codes:?}");
    }
}

#[tokio::test]
async fn a_thousand_days_in_tokyo_break_no_rule() {
    simulate("Asia/Tokyo", 1).await;
}

#[tokio::test]
async fn a_thousand_days_in_new_york_break_no_rule() {
    simulate("America/New_York", 1_000_000).await;
}

#[tokio::test]
async fn a_thousand_days_on_lord_howe_break_no_rule() {
    simulate("Australia/Lord_Howe", 2_000_000).await;
}
