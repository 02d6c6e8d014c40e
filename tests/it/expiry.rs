//! Expiry end to end on simulated days: what is past its time is deleted by approval, proved gone, and certified.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock};
use kura::domain::actor::Actor;
use kura::domain::expiry::Limits;
use kura::domain::plan::Plan;
use kura::domain::role::Role;
use kura::domain::time::Instant;
use kura::portal::date::OutsideClock;
use kura::vault::{DirVault, Reaper};
use kura::workflows::coverage::{self, Proof};
use kura::workflows::expire::{self, ExpireError, Look, OnHost, Ran, Refusal};
use kura::workflows::host::Host;
use kura::workflows::keep_day::{self, Kept};
use kura::workflows::verify::Viewer;
use kura::workflows::{alarms, certificates};

use crate::support::kura::Kura;
use crate::support::simulate::{files, objects, write};

/// A clock outside the machine that a test sets.
pub(crate) struct Portal(pub(crate) Instant);

#[async_trait]
impl OutsideClock for Portal {
    fn name(&self) -> &'static str {
        "https://portal.example.jp/"
    }

    async fn now(&self) -> Option<Instant> {
        Some(self.0)
    }
}

pub(crate) fn actor(id: &str, role: Role) -> Actor {
    Actor { account: id.parse().expect("an id"), role, scopes: None }
}

pub(crate) fn admin() -> Actor {
    actor("admin00001", Role::SystemAdministrator)
}

pub(crate) fn doctor() -> Actor {
    actor("ishikai001", Role::ServiceOperator)
}

pub(crate) fn manager() -> Actor {
    actor("manager001", Role::OperationsManager)
}

/// A home with what expiry needs.
pub(crate) struct Desk {
    pub(crate) host: Host,
    pub(crate) catalog: Catalog,
    pub(crate) reaper: Arc<dyn Reaper>,
    pub(crate) second: Option<Arc<dyn Reaper>>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) contents: BTreeMap<String, String>,
    pub(crate) clocks: Vec<Arc<dyn OutsideClock>>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) limits: Limits,
}

impl Desk {
    /// A desk at the time of a Kura; the portal's clock agrees.
    pub(crate) async fn of(kura: &Kura, plan: &Plan) -> Self {
        let clock = Arc::new(ManualClock::new(kura.clock.now()));
        let reaper = DirVault::open(&kura.store()).expect("the store").with_clock(clock.clone());
        Self {
            host: Host::open(kura.home(), None).await.expect("the host"),
            catalog: Catalog::open(&kura.home().catalog_file()).await.expect("the catalog"),
            reaper: Arc::new(reaper),
            second: None,
            plans: vec![plan.clone()],
            contents: BTreeMap::from([(plan.name().to_string(), plan.content_digest_text())]),
            clocks: vec![Arc::new(Portal(kura.clock.now()))],
            clock,
            limits: Limits::default(),
        }
    }

    pub(crate) fn on(&self) -> OnHost<'_> {
        OnHost {
            host: &self.host,
            catalog: &self.catalog,
            reaper: &*self.reaper,
            second: self.second.as_deref(),
            plans: &self.plans,
            contents: &self.contents,
            clocks: &self.clocks,
            limits: self.limits,
            clock: &*self.clock,
        }
    }

    pub(crate) async fn look(&self) -> Look {
        expire::look(self.on()).await.expect("a look")
    }

    pub(crate) async fn run(&self) -> Result<Ran, ExpireError> {
        Box::pin(expire::run(self.on(), "kura")).await
    }

    /// Approves and confirms all that is due.
    pub(crate) async fn allow(&self) {
        let look = self.look().await;
        let digest = look.digest().to_string();
        expire::approve(self.on(), &look, &digest, &admin()).await.expect("approved");
        let now = self.clock.now();
        expire::confirm(&self.catalog, &digest, None, &doctor(), now).await.expect("confirmed");
    }

    pub(crate) async fn prove(&self, kura: &Kura) -> Proof {
        // Each proof has its time.
        self.clock.set(Instant::from_micros(self.clock.now().as_micros() + 1_000_000));
        let viewer = Arc::new(Viewer::of_host(Host::open(kura.home(), None).await.expect("the host")));
        let progress = Arc::new(Progress::default());
        Box::pin(coverage::prove(viewer, &self.catalog, (&self.plans, None), &*self.clock, &progress))
            .await
            .expect("a proof")
    }
}

/// Records of three days, each with a snapshot; then it is the day on which the first may go.
pub(crate) async fn a_year_later() -> (Kura, Plan) {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.records();
    for day in ["2031-03-03", "2031-03-04", "2031-03-05"] {
        kura.set_day(day);
        write(&kura.source().join(day), format!("sent on {day}"), day);
        kura.snapshot(&plan).await.expect("a snapshot");
    }
    kura.set_day("2032-03-04");
    (kura, plan)
}

pub(crate) fn below(kura: &Kura, prefix: &str) -> usize {
    objects(kura).iter().filter(|key| key.starts_with(prefix)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_deleted_when_two_people_say_so_and_a_certificate_says_what_went() {
    let (kura, plan) = a_year_later().await;
    let desk = Desk::of(&kura, &plan).await;
    let ran = desk.run().await.unwrap();
    assert_eq!(ran.refused, [Refusal::Unapproved("test".to_owned())]);
    assert!(below(&kura, "test/sent-2031-03-03/") > 2, "nothing goes without approval");
    let look = desk.look().await;
    assert_eq!(look.order.items.len(), 2, "a cohort and the snapshot of that day: {look:?}");
    let digest = look.digest().to_string();
    let on = desk.on();
    assert!(expire::approve(on, &look, &digest, &doctor()).await.is_err(), "the role may not");
    assert!(matches!(
        expire::approve(on, &look, &"0".repeat(64), &admin()).await,
        Err(ExpireError::Changed(_))
    ));
    expire::approve(on, &look, &digest, &manager()).await.unwrap();
    let now = desk.clock.now();
    let own = expire::confirm(&desk.catalog, &digest, None, &manager(), now).await;
    assert!(matches!(own, Err(ExpireError::Denied(_))), "nobody confirms what he approved: {own:?}");
    assert!(desk.run().await.unwrap().certificates.is_empty(), "one person is not enough");
    expire::confirm(&desk.catalog, &digest, None, &doctor(), now).await.unwrap();
    let ran = desk.run().await.unwrap();
    assert_eq!((ran.certificates, ran.refused), (vec![1], vec![]));
    assert_eq!(below(&kura, "test/sent-2031-03-03"), 0);
    assert_eq!(below(&kura, "test/snapshots/"), 2);
    assert_eq!(below(&kura, "certificates/"), 2);
    assert!(desk.catalog.packs_of_cohort("test", "sent-2031-03-03").await.unwrap().is_empty());
    let row = &desk.catalog.certificates(u64::MAX, 10).await.unwrap()[0];
    assert_eq!((row.number, row.cohorts), (1, 1));
    let proof = desk.prove(&kura).await;
    assert!(proof.is_whole(), "{proof:?}");
    assert_eq!((proof.report.expired, proof.report.certificates), (1, 1));
    let (to, summary) = kura.restore_to("left", &[]).await;
    assert_eq!(summary.failed, Vec::new());
    assert_eq!(files(&to).into_iter().collect::<Vec<_>>(), ["2031-03-04", "2031-03-05"]);
    // Doing it again changes nothing, and the next snapshot builds on what is left.
    let before = objects(&kura);
    assert!(desk.run().await.unwrap().certificates.is_empty());
    assert_eq!(objects(&kura), before);
    let summary = kura.snapshot(&plan).await.unwrap();
    assert_eq!((summary.files, summary.sequence), (2, 4));
    assert!(desk.prove(&kura).await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_without_evidence_is_lost_and_what_survives_its_certificate_is_named() {
    let (kura, plan) = a_year_later().await;
    let cohort = kura.store().join("test/sent-2031-03-03");
    let aside = kura.dir.path().join("aside");
    std::fs::rename(&cohort, &aside).unwrap();
    let desk = Desk::of(&kura, &plan).await;
    let proof = desk.prove(&kura).await;
    assert_eq!(proof.plans["test"].exceptions[0].code(), "cohort-lost", "{proof:?}");
    std::fs::rename(&aside, &cohort).unwrap();
    desk.allow().await;
    let copy = std::process::Command::new("cp").arg("-a").args([&cohort, &aside]).status().unwrap();
    assert!(copy.success());
    desk.run().await.unwrap();
    assert!(desk.prove(&kura).await.is_whole());
    std::fs::rename(&aside, &cohort).unwrap();
    let proof = desk.prove(&kura).await;
    assert_eq!(proof.plans["test"].exceptions.last().unwrap().code(), "past-its-time", "{proof:?}");
    assert!(proof.report.problems.iter().any(|problem| problem.what.contains("certificate")), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_approval_covers_its_version_of_the_plan_and_a_few_days() {
    let (kura, plan) = a_year_later().await;
    let mut desk = Desk::of(&kura, &plan).await;
    expire::stand(desk.on(), "test", &doctor()).await.unwrap();
    desk.contents.insert("test".to_owned(), "another version".to_owned());
    let ran = desk.run().await.unwrap();
    assert_eq!(ran.refused, [Refusal::Unapproved("test".to_owned())], "the plan is another one now");
    desk.contents.insert("test".to_owned(), plan.content_digest_text());
    assert_eq!(desk.run().await.unwrap().certificates, [1]);
    assert_eq!(below(&kura, "test/sent-2031-03-03"), 0);
    drop(desk);
    // Two days, each of which ends on its own.
    kura.set_day("2032-03-06");
    kura.snapshot(&plan).await.unwrap();
    let mut desk = Desk::of(&kura, &plan).await;
    desk.limits = Limits { cohorts: 0, percent: 0 };
    let ran = desk.run().await.unwrap();
    assert!(matches!(ran.refused[..], [Refusal::TooMany(_)]), "{ran:?}");
    assert!(
        matches!(desk.run().await.unwrap().refused[..], [Refusal::TooMany(_)]),
        "looking does not cure it"
    );
    desk.allow().await;
    assert_eq!(desk.run().await.unwrap().certificates, [2], "a second person does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_clock_stops_expiry_whatever_is_approved() {
    let (kura, plan) = a_year_later().await;
    let mut desk = Desk::of(&kura, &plan).await;
    desk.allow().await;
    let now = desk.clock.now();
    let before = objects(&kura);
    desk.clocks = vec![Arc::new(Portal(now.plus_minutes(-395 * 24 * 60)))];
    assert!(matches!(desk.run().await.unwrap().refused[..], [Refusal::Clock(_)]));
    desk.clocks.clear();
    let ran = desk.run().await.unwrap();
    assert!(matches!(ran.refused[..], [Refusal::Clock(_)]), "a directory alone proves no date: {ran:?}");
    assert_eq!(objects(&kura), before);
    let said = expire::confirm_today(&desk.catalog, "2031-03-04".parse().unwrap(), &doctor(), now).await;
    assert!(matches!(said, Err(ExpireError::OtherDay { .. })), "{said:?}");
    expire::confirm_today(&desk.catalog, "2032-03-04".parse().unwrap(), &doctor(), now).await.unwrap();
    assert_eq!(desk.run().await.unwrap().certificates, [1]);
}

/// Three days, one certificate each.
async fn three_certificates() -> (Kura, Desk) {
    let (kura, plan) = a_year_later().await;
    for day in ["2032-03-04", "2032-03-05", "2032-03-06"] {
        kura.set_day(day);
        let desk = Desk::of(&kura, &plan).await;
        if day == "2032-03-04" {
            expire::stand(desk.on(), "test", &doctor()).await.unwrap();
        }
        assert_eq!(desk.run().await.unwrap().certificates.len(), 1, "{day}");
        desk.catalog.close().await;
    }
    let desk = Desk::of(&kura, &plan).await;
    (kura, desk)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_altered_by_one_byte_or_missing_from_the_chain_is_found_and_named() {
    let (kura, desk) = three_certificates().await;
    let identity = std::fs::read_to_string(kura.recovery_key()).unwrap();
    let root = identity.lines().find_map(|line| line.strip_prefix("# kura-root: ")).unwrap();
    let mut bundles = Vec::new();
    for row in desk.catalog.certificates(u64::MAX, 10).await.unwrap().iter().rev() {
        bundles.push(serde_json::to_vec(&certificates::bundle(&desk.host, row).unwrap()).unwrap());
    }
    let checked = |numbers: &[usize]| {
        let one = |number: &usize| certificates::check("file", &bundles[*number - 1], root).unwrap();
        certificates::check_links(&mut numbers.iter().map(one).collect::<Vec<_>>())
    };
    assert_eq!(checked(&[3, 1, 2]), Vec::<String>::new(), "in any order");
    assert_eq!(checked(&[1, 3]), ["certificate 2 is missing"]);
    for at in (0..bundles[0].len()).step_by(5) {
        let mut bad = bundles[0].clone();
        bad[at] ^= 1;
        assert!(certificates::check("file", &bad, root).is_err(), "byte {at}");
    }
    // In the store: altered, then gone.
    let file = kura.store().join("certificates/0000000002.json");
    let whole = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let mut bad = whole.clone();
    bad[whole.len() / 2] ^= 1;
    std::fs::write(&file, bad).unwrap();
    let named = |proof: &Proof| proof.report.problems.iter().any(|one| one.object.contains("certificates/"));
    let proof = desk.prove(&kura).await;
    assert!(!proof.is_whole() && named(&proof), "{proof:?}");
    assert!(matches!(desk.run().await, Err(ExpireError::Evidence { .. })), "none can follow");
    std::fs::remove_file(&file).unwrap();
    let proof = desk.prove(&kura).await;
    assert!(!proof.is_whole(), "the intent alone is left, and the chain is broken: {proof:?}");
    std::fs::write(&file, whole).unwrap();
    assert!(desk.prove(&kura).await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_deletes_and_proves_once_a_day_and_alarms_tell_what_stops_it() {
    // Two years ago, so that the machine's own clock is past every lock.
    let kura = Kura::new("2024-11-01").await;
    let plan = kura.records();
    for day in ["2024-11-01", "2024-11-02"] {
        kura.set_day(day);
        write(&kura.source().join(day), day, day);
        kura.snapshot(&plan).await.unwrap();
    }
    kura.set_day("2025-11-02");
    let desk = Desk::of(&kura, &plan).await;
    let service = kura::workflows::desk::Desk::new(desk.catalog.clone(), desk.contents.clone(), None);
    let (kept, now) = (Kept::default(), kura.clock.now());
    assert!(keep_day::is_due(&desk.catalog, &kept, now).await.unwrap());
    assert!(!keep_day::is_due(&desk.catalog, &kept, now).await.unwrap(), "not again at once");
    let keep = async || {
        let host = Host::open(kura.home(), None).await.unwrap();
        keep_day::keep(host, (&service, vec![plan.clone()]), &kura.clock).await;
        alarms::refresh(&service, kura.clock.now()).await.unwrap();
        let rows = alarms::list(&service, false, 10).await.unwrap();
        rows.iter().map(|row| row.alarm.code.word()).collect::<BTreeSet<_>>()
    };
    expire::stand(desk.on(), "test", &doctor()).await.unwrap();
    assert_eq!(keep().await, BTreeSet::from(["deletion-stopped"]), "a folder alone proves no date");
    let look = &desk.catalog.expiry_looks().await.unwrap()[0];
    assert_eq!((look.due, look.stopped.as_str()), (1, "clock-unproved"));
    assert!(!keep_day::is_due(&desk.catalog, &Kept::default(), now).await.unwrap(), "proved today");
    kura.set_day("2025-11-09");
    assert_eq!(keep().await, BTreeSet::from(["deletion-overdue", "deletion-stopped"]));
    let today = "2025-11-09".parse().unwrap();
    expire::confirm_today(&desk.catalog, today, &doctor(), kura.clock.now()).await.unwrap();
    kura.clock.set(kura.clock.now().plus_minutes(1));
    assert!(!keep().await.is_empty(), "who approved also said what day it is");
    expire::confirm_today(&desk.catalog, today, &manager(), kura.clock.now()).await.unwrap();
    kura.clock.set(kura.clock.now().plus_minutes(1));
    assert_eq!(keep().await, BTreeSet::new());
    assert_eq!(desk.catalog.newest_certificate().await.unwrap(), 1);
    let proof = &desk.catalog.newest_coverage(kura.clock.now()).await.unwrap()[0];
    assert_eq!(proof.exceptions, Vec::<String>::new(), "{proof:?}");
    let read = desk.catalog.read_parts(30).await.unwrap();
    let parts: Vec<u32> = read.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 2, 3, 4], "another part of what is stored is read each time");
    // The clock was ahead, and goes back: what was proved then says nothing of today.
    kura.set_day("2025-11-08");
    assert!(keep_day::is_due(&desk.catalog, &Kept::default(), kura.clock.now()).await.unwrap());
    let proof = &desk.catalog.newest_coverage(kura.clock.now()).await.unwrap()[0];
    assert!(proof.checked_at <= kura.clock.now());
}
