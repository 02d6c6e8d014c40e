//! Snapshots and clocks outside the machine: nothing is stored by a clock that disagrees.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;
use kura::app::{Catalog, Host};
use kura::clock::Clock as _;
use kura::domain::cohort::CohortId;
use kura::domain::coverage::Exception;
use kura::domain::plan::Plan;
use kura::domain::time::{Day, Instant};
use kura::portal::date::OutsideClock;
use kura::vault::{DirVault, Listed, Lock, Put, Vault, VaultError};
use kura::workflows::take_snapshot::{Refused, Request, SnapshotError, Summary, take_snapshot};
use kura::workflows::{alarms, expire, keep_day, restore};

use crate::expiry::{Desk, Portal, doctor};
use crate::support::kura::{Kura, noon};
use crate::support::simulate::{objects, request, write};

/// A store whose server tells the time.
struct Telling(DirVault, Instant);

#[async_trait]
impl Vault for Telling {
    fn address(&self) -> String {
        "s3://bucket/kura".to_owned()
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        self.0.put(key, bytes, lock).await
    }

    async fn get(&self, key: &str, range: Option<std::ops::Range<u64>>) -> Result<Bytes, VaultError> {
        Vault::get(&self.0, key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        self.0.size(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        self.0.list(prefix).await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Vault::flush(&self.0).await
    }

    fn can_lock(&self) -> bool {
        self.0.can_lock()
    }

    fn is_remote(&self) -> bool {
        self.0.is_remote()
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(Some(self.1))
    }
}

async fn snapshot(kura: &Kura, host: &Host, plan: &Plan) -> Result<Summary, SnapshotError> {
    let catalog = Catalog::open(&kura.home().catalog_file()).await.expect("the catalog opens");
    let request = Request { plan: plan.clone(), event: "adhoc".to_owned(), reason: None, reread: false };
    let done = take_snapshot(host, &catalog, &request, &kura.clock, &Arc::default()).await;
    catalog.close().await;
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_while_a_clock_outside_the_machine_disagrees() {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.records();
    write(&kura.source().join("a"), "a", "2031-03-03");
    let (before, now) = (objects(&kura), kura.clock.now());
    for minutes in [-395 * 24 * 60, -11, 11, 395 * 24 * 60] {
        let shown = now.plus_minutes(minutes);
        let host = Host::open(kura.home(), None).await.expect("the host");
        let by_page = Host { clocks: vec![Arc::new(Portal(shown))], ..host };
        let host = Host::open(kura.home(), None).await.expect("the host");
        let vault = DirVault::open(&kura.store()).expect("the store");
        let by_store = Host { vault: Arc::new(Telling(vault, shown)), ..host };
        for (host, name) in [(by_page, "https://portal.example.jp/"), (by_store, "s3://bucket/kura")] {
            let Err(SnapshotError::Refused(refused)) = snapshot(&kura, &host, &plan).await else {
                panic!("{minutes} minutes apart, and stored")
            };
            let Refused::ClockDisagrees { ahead_seconds, .. } = &refused else { panic!("{refused}") };
            assert_eq!(*ahead_seconds, -minutes * 60);
            let text = refused.to_string();
            assert!(text.contains(name) && text.contains("set the clock"), "{text}");
            assert_eq!(objects(&kura), before, "{minutes}");
        }
    }
    let host = Host::open(kura.home(), None).await.expect("the host");
    let host = Host { clocks: vec![Arc::new(Portal(now.plus_minutes(9)))], ..host };
    snapshot(&kura, &host, &plan).await.expect("nine minutes do no harm");
    assert!(objects(&kura).len() > before.len());
}

/// How a host's clock is wrong, in days, so many days after it began.
type Wrong = fn(i32) -> i32;

/// The clock jumps, gains a day each day, or goes back a day each day. (One that loses a day each day stands still: no day
/// passes for it, nothing falls due, and a machine that is alone cannot tell.)
const WRONG: [(&str, Wrong); 4] = [
    ("13 months ahead", |_| 395),
    ("13 months back", |_| -395),
    ("gaining", |n| n),
    ("going back", |n| -2 * n),
];

/// A clock outside the machine that does not answer: NTP or the network is lost.
struct Lost;

#[async_trait]
impl OutsideClock for Lost {
    fn name(&self) -> &'static str {
        "ntp://clock.example.jp/"
    }

    async fn now(&self) -> Option<Instant> {
        None
    }
}

/// The only clock that is asked.
fn asked(clock: impl OutsideClock + 'static) -> Vec<Arc<dyn OutsideClock>> {
    vec![Arc::new(clock)]
}

/// What a week with a wrong clock left behind.
struct Week {
    kura: Kura,
    /// Objects that were there when the clock went wrong.
    before: BTreeSet<String>,
    /// Codes of alarms, over all days.
    alarms: BTreeSet<&'static str>,
    snapshots: u32,
}

/// Some weeks of true days on one machine with a catalog in SQLite and a store in a folder; in the last its clock is
/// wrong. Its days lie before the machine's own, so that no lock would keep anything from being deleted.
async fn week(wrong: Wrong, outside: impl Fn(Instant) -> Vec<Arc<dyn OutsideClock>>) -> Week {
    let kura = Kura::new("2024-11-01").await;
    // Ten days' retention: there is always something due.
    let plan = kura.plan("application", "retention = \"10 days\"", "sent_day = \"mtime\"");
    let first: Day = "2024-11-01".parse().expect("a day");
    let mut left = Week { kura, before: BTreeSet::new(), alarms: BTreeSet::new(), snapshots: 0 };
    for number in 0..20 {
        let today = Day::from_number(first.number() + number);
        let truth = noon(&today.to_string());
        let is_wrong = number >= 13;
        let days = if is_wrong { wrong(number - 12) } else { 0 };
        left.kura.clock.set(truth.plus_minutes(i64::from(days) * 24 * 60));
        write(&left.kura.source().join(today.to_string()), format!("sent on {today}"), &today.to_string());
        if number == 13 {
            left.before = objects(&left.kura);
        }
        let host = Host::open(left.kura.home(), None).await.expect("the host");
        let clocks = if is_wrong { outside(truth) } else { asked(Portal(truth)) };
        let taken = snapshot(&left.kura, &Host { clocks: clocks.clone(), ..host }, &plan).await;
        left.snapshots += u32::from(is_wrong && taken.is_ok());
        let desk = Desk::of(&left.kura, &plan).await;
        if number == 0 {
            expire::stand(desk.on(), "test", &doctor()).await.expect("approved");
        }
        let service = kura::workflows::desk::Desk::new(desk.catalog.clone(), desk.contents.clone(), None);
        let host = Host::open(left.kura.home(), None).await.expect("the host");
        let host = Host { clocks, ..host };
        keep_day::keep(host, (&service, vec![plan.clone()]), &left.kura.clock).await;
        if is_wrong {
            alarms::refresh(&service, left.kura.clock.now()).await.expect("alarms");
            let rows = alarms::list(&service, false, 20).await.expect("alarms");
            left.alarms.extend(rows.iter().map(|row| row.alarm.code.word()));
        }
        desk.catalog.close().await;
    }
    left
}

impl Week {
    /// Nothing that was there is gone, and nothing is locked for less than it is owed.
    fn kept_everything(&self, name: &str) {
        let after = objects(&self.kura);
        let gone: Vec<&String> = self.before.difference(&after).collect();
        assert_eq!(gone, Vec::<&String>::new(), "{name}: deleted by a wrong clock");
        let plan = self.kura.plan("application", "retention = \"10 days\"", "sent_day = \"mtime\"");
        for key in after.iter().filter(|key| key.starts_with("test/sent-")) {
            let cohort: CohortId = key.split('/').nth(1).expect("a cohort").parse().expect("a cohort");
            let first: Day = "2024-11-01".parse().expect("a day");
            assert!(first <= cohort.clock_day(), "{name}: {key} counts from before it was sent");
            let file = std::fs::metadata(self.kura.store().join(key)).expect("an object");
            let until = file.modified().expect("a time").duration_since(UNIX_EPOCH).expect("after 1970");
            let until = Instant::from_micros(i64::try_from(until.as_micros()).expect("small"));
            let owed = cohort.delete_from(plan.retention(), plan.zone());
            assert!(owed <= until, "{name}: {key} is locked until {until}, owed until {owed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_machine_that_is_alone_a_wrong_clock_deletes_nothing_shortens_nothing_and_is_told() {
    for (number, (name, wrong)) in (0..).zip(WRONG) {
        // Nobody is asked, or somebody who does not answer.
        let lost = |_| if number % 2 == 0 { asked(Lost) } else { Vec::new() };
        let left = Box::pin(week(wrong, lost)).await;
        left.kept_everything(name);
        let told = ["deletion-stopped", "clock-wrong"];
        assert!(told.iter().any(|code| left.alarms.contains(code)), "{name}: {:?}", left.alarms);
        // A clock that is behind what is stored stores nothing more.
        assert_eq!(left.snapshots == 0, wrong(5) < 0, "{name}: {} snapshots", left.snapshots);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_right_clock_a_wrong_one_stores_nothing_deletes_nothing_and_is_told() {
    for (name, wrong) in WRONG {
        let left = Box::pin(week(wrong, |truth| asked(Portal(truth)))).await;
        left.kept_everything(name);
        assert_eq!(left.snapshots, 0, "{name}");
        let told = ["deletion-stopped", "clock-wrong"];
        assert!(told.iter().any(|code| left.alarms.contains(code)), "{name}: {:?}", left.alarms);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_clock_filed_too_early_is_filed_by_its_own_day_once_that_has_come() {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.records();
    write(&kura.source().join("of-today"), "a", "2031-03-03");
    write(&kura.source().join("ahead"), "b", "2031-04-02");
    kura.snapshot(&plan).await.unwrap();
    let days = |kura: &Kura| -> BTreeSet<String> {
        let objects = objects(kura);
        let of =
            |key: &String| key.split('/').nth(1).filter(|part| part.starts_with("sent-")).map(str::to_owned);
        objects.iter().filter_map(of).collect()
    };
    assert_eq!(days(&kura), BTreeSet::from(["sent-2031-03-03".to_owned()]), "the day of the run");
    // As long as it lies ahead it stays where it is; what is only touched stays for good.
    kura.set_day("2031-04-01");
    write(&kura.source().join("of-today"), "a", "2031-04-01");
    kura.snapshot(&plan).await.unwrap();
    let all = days(&kura);
    kura.set_day("2031-04-03");
    kura.snapshot(&plan).await.unwrap();
    let more: Vec<String> = days(&kura).difference(&all).cloned().collect();
    assert!(more.contains(&"sent-2031-04-02".to_owned()), "{more:?}");
    // A year after the slow clock's day it is there still, and nowhere a year after its own.
    kura.set_day("2032-03-20");
    let restored = async |to: &str| {
        let (asked, now) = (request(&kura, to), kura.clock.now());
        drop(restore::restore(kura.opened().await, &asked, now, &Arc::default()).await);
        ["ahead", "of-today"].map(|name| asked.to.join(name).exists())
    };
    assert_eq!(restored("first").await, [true, false]);
    kura.set_day("2032-04-10");
    assert_eq!(restored("second").await, [false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_clock_that_ran_ahead_a_snapshot_waits_for_a_person_who_says_what_day_it_is() {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.records();
    write(&kura.source().join("a"), "a", "2031-03-03");
    kura.set_day("2031-12-03");
    kura.snapshot(&plan).await.unwrap();
    kura.set_day("2031-03-04");
    write(&kura.source().join("b"), "b", "2031-03-04");
    let refused = kura.snapshot(&plan).await;
    assert!(matches!(refused, Err(SnapshotError::Refused(Refused::ClockBehind { .. }))), "{refused:?}");
    // Nor is anything proved by a clock that is behind what was recorded.
    let desk = Desk::of(&kura, &plan).await;
    let proof = desk.prove(&kura).await;
    assert_eq!(proof.plans["test"].exceptions, [Exception::ClockBehind], "{proof:?}");
    desk.catalog.close().await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let today = "2031-03-04".parse().unwrap();
    expire::confirm_today(&catalog, today, &doctor(), kura.clock.now()).await.unwrap();
    kura.snapshot(&plan).await.unwrap();
    // The word counts for a day.
    kura.set_day("2031-03-06");
    kura.snapshot(&plan).await.unwrap();
    kura.set_day("2031-03-05");
    let refused = kura.snapshot(&plan).await;
    assert!(matches!(refused, Err(SnapshotError::Refused(Refused::ClockBehind { .. }))), "{refused:?}");
    catalog.close().await;
}
