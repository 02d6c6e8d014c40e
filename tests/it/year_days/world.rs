//! A home, a store and a source, day after day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use kura::archive::seal;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock};
use kura::domain::plan::Plan;
use kura::domain::time::{Day, Instant};
use kura::portal::date::OutsideClock;
use kura::vault::{Put, Reaper, Vault as _};
use kura::workflows::choice::Wanted;
use kura::workflows::expire;
use kura::workflows::host::Host;
use kura::workflows::repository::{self, Opened, RootPolicy};
use kura::workflows::restore;
use kura::workflows::take_snapshot::{Refused, Request, SnapshotError, Summary, take_snapshot};
use kura::workflows::verify::{self, Viewer};
use kura::workflows::{check_audit, coverage};
use tokio::runtime::Runtime;

use super::looking::{Looked, check_home};
use super::source::{Churn, Source, content_of, end_of, file_of, is_past_day, path_of};
use crate::expiry::{Desk, Portal, doctor};
use crate::steps::killed_after;
use crate::support::dice::Dice;
use crate::support::kura::{Kura, noon};
use crate::support::simulate::{files, request};
use crate::support::versions::VersionStore;

/// What is simulated.
pub(super) struct Course {
    pub(super) days: i32,
    pub(super) seed: u64,
    pub(super) churn: Churn,
    /// Everything is searched and whole snapshots are restored every so many days, and on the last.
    pub(super) check_every: i32,
    pub(super) has_second: bool,
}

/// What happened, so that a course in which too little does is seen.
#[derive(Debug, Default)]
pub(super) struct Happened {
    pub(super) kills: u64,
    pub(super) wrong_clocks: u64,
    pub(super) holds: u64,
    pub(super) erasures: u64,
    pub(super) rotations: u64,
    pub(super) restores: u64,
    pub(super) restored_files: u64,
    pub(super) certificates: u64,
}

pub(super) struct World {
    pub(super) kura: Kura,
    pub(super) plan: Plan,
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Arc<VersionStore>,
    pub(super) second: Option<Arc<VersionStore>>,
    pub(super) dice: Dice,
    pub(super) source: Source,
    looked: Looked,
    /// Days that are held, with the number of the hold and when it is released.
    pub(super) held: BTreeMap<Day, (u64, Day)>,
    /// Names that are erased, and through which day.
    pub(super) erased: BTreeMap<u32, Day>,
    /// The recovery key that counts.
    pub(super) identity: PathBuf,
    pub(super) happened: Happened,
    course: Course,
    first: Day,
    /// The program that runs on days on which nothing is killed.
    runtime: Option<Arc<Runtime>>,
}

/// A program: what it has begun dies with it.
pub(super) fn program() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

impl World {
    pub(super) fn new(first: &str, course: Course) -> Self {
        let runtime = program();
        let kura = runtime.block_on(Kura::new(first));
        let clock = Arc::new(ManualClock::new(noon(first)));
        let store = Arc::new(VersionStore::new(clock.clone()));
        for key in files(&kura.store()) {
            let bytes = std::fs::read(kura.store().join(&key)).expect("an object").into();
            let until = Some(noon("2040-01-01").into());
            assert_eq!(runtime.block_on(store.put(&key, bytes, until)).expect("put"), Put::Created);
        }
        let second = course.has_second.then(|| Arc::new(VersionStore::new(clock.clone())));
        let plan = kura.plan("application", "retention = \"1 year\"", "sent_day = \"mtime\"");
        let (source, identity) = (Source::new(&kura.source()), kura.recovery_key());
        let (dice, first) = (Dice::of(course.seed), first.parse().expect("a day"));
        let (looked, happened) = (Looked::default(), Happened::default());
        let (held, erased) = (BTreeMap::new(), BTreeMap::new());
        let runtime = Some(Arc::new(runtime));
        Self {
            kura,
            plan,
            clock,
            store,
            second,
            dice,
            source,
            looked,
            held,
            erased,
            identity,
            happened,
            course,
            first,
            runtime,
        }
    }

    /// All days.
    pub(super) fn live(mut self) {
        let runtime = self.runtime.clone().expect("a program");
        for number in 0..self.course.days {
            let today = Day::from_number(self.first.number() + number);
            self.set(noon(&today.to_string()));
            let root = self.kura.source();
            self.source.change(&root, (today, self.clock.now()), self.course.churn, &mut self.dice);
            self.back_up(&runtime, today);
            if number == 0 {
                runtime
                    .block_on(async { expire::stand(self.desk().await.on(), "test", &doctor()).await })
                    .expect("approved");
            }
            self.decide(&runtime, today);
            self.delete(&runtime);
            if number % 25 == 0 || number + 1 == self.course.days {
                self.copy(&runtime);
            }
            let is_last = number + 1 == self.course.days;
            let is_full = is_last || number % self.course.check_every == self.course.check_every - 1;
            runtime.block_on(self.check(today, is_full));
            if is_last {
                runtime.block_on(self.check_the_end());
            }
        }
        self.was_hard();
    }

    pub(super) fn set(&self, at: Instant) {
        self.clock.set(at);
        self.kura.clock.set(at);
    }

    pub(super) fn later(&self) {
        self.set(Instant::from_micros(self.clock.now().as_micros() + 1_000_000));
    }

    /// A desk on the simulated stores; every clock agrees.
    pub(super) async fn desk(&self) -> Desk {
        let mut desk = Desk::of(&self.kura, &self.plan).await;
        desk.clock = self.clock.clone();
        desk.reaper = self.store.clone();
        desk.second = self.second.clone().map(|second| -> Arc<dyn Reaper> { second });
        desk.host = Host { vault: self.store.clone(), ..desk.host };
        desk
    }

    async fn snapshot(
        &self,
        event: &str,
        clocks: Vec<Arc<dyn OutsideClock>>,
    ) -> Result<Summary, SnapshotError> {
        let host = Host::open(self.kura.home(), None).await.expect("the host");
        let host = Host { vault: self.store.clone(), clocks, ..host };
        let catalog = Catalog::open(&self.kura.home().catalog_file()).await.expect("the catalog");
        let (event, reread) = (event.to_owned(), event == "monthly");
        let request = Request { plan: self.plan.clone(), event, reason: None, reread };
        let done = Box::pin(take_snapshot(&host, &catalog, &request, &*self.clock, &Arc::default())).await;
        catalog.close().await;
        done
    }

    /// The day's snapshot: killed and failing first, now and then; with a wrong clock not at all.
    fn back_up(&mut self, runtime: &Runtime, today: Day) {
        let event = if today.next().to_string().ends_with("-01") { "monthly" } else { "daily" };
        if self.dice.roll(25) == 0 {
            let wrong = [395, -395, 1][self.dice.place(3)] * 24 * 60;
            let clock: Arc<dyn OutsideClock> = Arc::new(Portal(self.clock.now().plus_minutes(wrong)));
            let of_store = self.dice.roll(2) == 0;
            self.store.run_ahead(if of_store { wrong } else { 0 });
            let clocks = if of_store { Vec::new() } else { vec![clock] };
            let before = self.store.keys();
            let refused = runtime.block_on(self.snapshot(event, clocks));
            assert!(
                matches!(refused, Err(SnapshotError::Refused(Refused::ClockDisagrees { .. }))),
                "{refused:?}"
            );
            assert_eq!(self.store.keys(), before, "nothing is stored by a wrong clock");
            self.store.run_ahead(0);
            self.happened.wrong_clocks += 1;
        }
        for _ in 0..[2, 1, 0, 0, 0, 0][self.dice.place(6)] {
            self.later();
            self.store.trouble(Some(self.dice.others()));
            let waits = self.dice.place(150);
            // What else the program had begun dies with it.
            let killed = program().block_on(killed_after(waits, self.snapshot(event, Vec::new()))).is_none();
            self.happened.kills += u64::from(killed);
            self.store.trouble(None);
        }
        self.later();
        let taken = runtime.block_on(self.snapshot(event, Vec::new()));
        let taken = taken.unwrap_or_else(|error| panic!("{today}: {error:?}"));
        assert_eq!((taken.skipped, taken.is_complete), (0, true), "{today}");
        self.source.taken.insert(today, self.source.standing.clone());
    }

    pub(super) async fn opened(&self) -> Arc<Opened> {
        let file = std::fs::read(&self.identity).expect("the recovery key");
        let file = seal::read_identity_file(&file, None).expect("an identity");
        let root = RootPolicy::Fingerprint(file.root.expect("a root line"));
        Arc::new(repository::open(self.store.clone(), file.keys, &root).await.expect("the repository opens"))
    }

    fn is_kept(&self, day: Day) -> bool {
        !is_past_day(day, self.clock.now()) || self.held.contains_key(&day)
    }

    /// Everything, as far as it changed today; on some days everything.
    async fn check(&mut self, today: Day, is_full: bool) {
        assert_eq!(
            self.plan.zone().start_of(end_of(today)),
            kura::domain::cohort::CohortId::Sent(today).delete_from(self.plan.retention(), self.plan.zone()),
            "the rule and the table of the test agree about {today}"
        );
        let opened = self.opened().await;
        self.looked.look(&self.store, &opened, &self.source).await;
        let now = self.clock.now();
        let kept = self.source.by_day.keys().copied().filter(|day| self.is_kept(*day)).collect();
        self.looked.check(&self.store, &self.source, &kept, is_full);
        // A day that was sent, as the newest snapshot and as an older one have it.
        let older = self.some_snapshot();
        let day = Day::from_number(older.number() - i32::try_from(self.dice.roll(40)).expect("small"));
        self.restore(&opened, older, Some(day)).await;
        self.restore(&opened, today, Some(self.some_snapshot_day())).await;
        if is_full {
            self.restore(&opened, today, None).await;
            self.restore(&opened, older, None).await;
            if let Some(second) = &self.second {
                self.looked.check_second(second, false);
            }
            check_home(&self.kura.dir.path().join("home"), now.as_micros(), &self.gone(&opened));
            let desk = self.desk().await;
            let proof = self.prove(&desk).await;
            assert!(proof.is_whole(), "{today}: {:?} {:?}", proof.plans, proof.report.problems);
            desk.catalog.close().await;
        }
    }

    async fn prove(&self, desk: &Desk) -> coverage::Proof {
        self.later();
        let host = Host::open(self.kura.home(), None).await.expect("the host");
        let viewer = Arc::new(Viewer::of_host(Host { vault: self.store.clone(), ..host }));
        let clock = &*self.clock;
        Box::pin(coverage::prove(viewer, &desk.catalog, (&desk.plans, None), clock, &Arc::default()))
            .await
            .expect("a proof")
    }

    fn some_snapshot_day(&self) -> Day {
        let mut dice = self.dice.clone();
        let living: Vec<Day> =
            self.source.by_day.keys().copied().filter(|day| !is_past_day(*day, self.clock.now())).collect();
        living[dice.place(living.len())]
    }

    fn some_snapshot(&mut self) -> Day {
        let living: Vec<Day> =
            self.source.taken.keys().copied().filter(|day| !is_past_day(*day, self.clock.now())).collect();
        living[self.dice.place(living.len())]
    }

    /// What a snapshot gives back is what stood there when it was taken, without what is past its time or erased since.
    async fn restore(&mut self, opened: &Arc<Opened>, taken: Day, sent: Option<Day>) {
        let now = self.clock.now();
        let wanted = Wanted::parse(&taken.to_string()).expect("a day");
        let asked =
            restore::Request { wanted, sent: sent.map(|day| (day, day)), ..request(&self.kura, "restored") };
        let restored =
            restore::restore(opened.clone(), &asked, now, &Arc::default()).await.expect("a restore");
        assert_eq!(restored.failed, Vec::new(), "of {taken}");
        let is_owed = |(name, id): &&(u32, u32)| {
            let day = self.source.record(*id).day;
            sent.is_none_or(|sent| sent == day)
                && !is_past_day(day, now)
                && self.erased.get(name).is_none_or(|through| *through < day)
        };
        let owed: BTreeMap<String, u32> = self.source.taken[&taken]
            .iter()
            .filter(is_owed)
            .map(|(name, id)| (file_of(*name), *id))
            .collect();
        let found = if asked.to.exists() { files(&asked.to) } else { BTreeSet::new() };
        assert_eq!(found, owed.keys().cloned().collect(), "of {taken}, sent on {sent:?}");
        for (file, id) in &owed {
            let content = std::fs::read(asked.to.join(file)).expect("restored");
            assert!(content == content_of(*id).as_bytes(), "{file} of {taken}");
        }
        if asked.to.exists() {
            std::fs::remove_dir_all(&asked.to).expect("removed");
        }
        self.happened.restores += 1;
        self.happened.restored_files += u64::try_from(owed.len()).expect("small");
    }

    /// Digests of names and contents that ended since about the last search and are nowhere at the source.
    fn gone(&self, opened: &Opened) -> Vec<Vec<u8>> {
        let hashing = &opened.secrets.hashing;
        let standing: BTreeSet<u32> = self.source.standing.iter().map(|(name, _)| *name).collect();
        let records: BTreeSet<u32> = self.source.standing.iter().map(|(_, id)| *id).collect();
        let kept = self.source.by_day.iter().filter(|(day, _)| self.is_kept(**day)).flat_map(|(_, ids)| ids);
        let kept: BTreeSet<u32> = kept.map(|id| self.source.record(*id).name).collect();
        let past = self.source.by_day.iter().filter(|(day, _)| !self.is_kept(**day)).rev().take(50);
        let mut gone = Vec::new();
        for id in past.flat_map(|(_, ids)| ids) {
            let name = self.source.record(*id).name;
            let hash = blake3::hash(content_of(*id).as_bytes());
            let path = path_of(hashing, name);
            if !standing.contains(&name) && !kept.contains(&name) {
                gone.extend([path.0.to_vec(), hex::encode(path.0).into_bytes()]);
            }
            if !records.contains(id) {
                gone.extend([hash.as_bytes()[..16].to_vec(), hash.to_hex().as_bytes()[..32].to_vec()]);
                gone.push(hashing.seen(path, hash.as_bytes()).0.to_vec());
            }
        }
        gone
    }

    /// With the recovery key everything is read and opened; the log and all certificates hold.
    async fn check_the_end(&mut self) {
        let desk = self.desk().await;
        self.check_certificates(&desk).await;
        check_audit::verify(&desk.catalog, None).await.expect("the log holds");
        let viewer = Arc::new(Viewer::of_opened(self.opened().await).expect("a viewer"));
        let asked = verify::Request {
            plan: None,
            read: None,
            known: verify::Known::default(),
            now: self.clock.now(),
        };
        let report = verify::verify(viewer, &asked, &Arc::default()).await.expect("a report");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        desk.catalog.close().await;
        if let Some(second) = &self.second {
            self.looked.check_second(second, true);
        }
    }

    /// The course was hard enough.
    #[expect(clippy::print_stderr, reason = "a long course says what happened in it")]
    fn was_hard(&self) {
        let (happened, (faults, early)) = (&self.happened, self.store.counts());
        let objects = self.looked.opened;
        eprintln!("{happened:?}, {faults} faults, {objects} objects, {} records", self.source.records.len());
        if self.course.days < 100 {
            return;
        }
        assert!(happened.kills > 5 && faults > 50 && happened.restores > 150, "{happened:?} {faults}");
        assert!(self.course.days < 400 || happened.certificates > 300, "{happened:?}");
        assert!(self.course.days < 400 || happened.holds * happened.erasures * happened.wrong_clocks > 0);
        assert_eq!(early, 0, "Kura never asks the store for what it still locks");
    }
}
