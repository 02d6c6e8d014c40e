//! The second store: it has what the first has, loses what the first loses in its time, and each mends the other (K-52).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::clock::Clock as _;
use kura::domain::time::Instant;
use kura::vault::{DirVault, MemoryVault, Vault};
use kura::workflows::choice::Wanted;
use kura::workflows::coverage;
use kura::workflows::holds::{self, NewHold};
use kura::workflows::host::Host;
use kura::workflows::replica::{self, Ends};
use kura::workflows::verify::Viewer;
use kura::workflows::{repository, restore};

use crate::expiry::{Desk, a_year_later, doctor, manager};
use crate::expiry_steps::Slow;
use crate::steps::killed_after;
use crate::support::kura::Kura;
use crate::support::simulate::{files, objects, request, write};

fn second(kura: &Kura) -> PathBuf {
    kura.dir.path().join("second")
}

/// Names a second store in the settings.
fn with_second(kura: &Kura) {
    let file = kura.home().settings_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let more = format!("{text}\n[replica]\nstore = \"{}\"\n", second(kura).display());
    std::fs::write(file, more).unwrap();
}

async fn taken(days: &[&str]) -> Kura {
    let kura = Kura::new("2031-03-03").await;
    with_second(&kura);
    for day in days {
        another_day(&kura, day).await;
    }
    kura
}

async fn another_day(kura: &Kura, day: &str) {
    kura.set_day(day);
    write(&kura.source().join(day), day, day);
    kura.snapshot(&kura.records()).await.unwrap();
    replica::keep_up(&host(kura).await, kura.clock.now()).await;
}

async fn host(kura: &Kura) -> Host {
    Host::open(kura.home(), None).await.unwrap()
}

async fn ends(host: &Host, second: &dyn Vault, now: Instant) -> Ends {
    replica::ends_of(host, second, now).await.unwrap()
}

fn lock(root: &Path, key: &str) -> std::time::SystemTime {
    std::fs::metadata(root.join(key)).unwrap().modified().unwrap()
}

async fn copies(kura: &Kura, host: Host, plan: &kura::domain::plan::Plan) -> (Vec<&'static str>, u64) {
    kura.clock.set(Instant::from_micros(kura.clock.now().as_micros() + 1_000_000));
    let second: Arc<dyn Vault> = Arc::new(DirVault::open(&second(kura)).unwrap());
    let viewer = Arc::new(Viewer::of_host(host).with_second(Some(second)));
    let catalog = kura::catalog::Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let progress = Arc::new(Progress::default());
    let plans = [plan.clone()];
    let proof = coverage::prove(viewer, &catalog, (&plans, None), &kura.clock, &progress).await.unwrap();
    catalog.close().await;
    let found = &proof.plans["test"];
    (found.exceptions.iter().map(kura::domain::coverage::Exception::code).collect(), found.whole)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_store_has_the_same_under_locks_of_its_own_and_restores_alone() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    assert_eq!(files(&second(&kura)), objects(&kura), "the same objects");
    for key in objects(&kura).iter().filter(|key| key.contains("sent-") || key.contains("snapshots")) {
        let (one, other) = (kura.store().join(key), second(&kura).join(key));
        assert_eq!(std::fs::read(one).unwrap(), std::fs::read(other).unwrap(), "{key}");
        assert_eq!(lock(&kura.store(), key), lock(&second(&kura), key), "{key}");
    }
    let copied = replica::copy_host(&host(&kura).await, kura.clock.now()).await.unwrap().unwrap();
    assert_eq!((copied.objects, copied.wrong.len()), (0, 0), "nothing more to do");
    // The first store is gone: the second restores everything.
    let file =
        kura::archive::seal::read_identity_file(&std::fs::read(kura.recovery_key()).unwrap(), None).unwrap();
    let root = repository::RootPolicy::Fingerprint(file.root.unwrap());
    let vault: Arc<dyn Vault> = Arc::new(DirVault::open(&second(&kura)).unwrap());
    let opened = Arc::new(repository::open(vault, file.keys, &root).await.unwrap());
    let asked = restore::Request { wanted: Wanted::Latest, ..request(&kura, "from-second") };
    let progress = Arc::new(Progress::default());
    restore::restore(opened, &asked, kura.clock.now(), &progress).await.unwrap();
    assert_eq!(files(&asked.to), BTreeSet::from(["2031-03-03".to_owned(), "2031-03-04".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_counts_a_copy_only_if_it_is_whole_and_each_store_mends_the_other() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let two = kura.plan("application", "copies = 2", "sent_day = \"mtime\"");
    assert_eq!(copies(&kura, host(&kura).await, &two).await, (vec![], 2));
    let lost = |part: &str| objects(&kura).into_iter().find(|key| key.contains(part)).unwrap();
    let pack = lost("sent-2031-03-03/packs/");
    std::fs::remove_file(second(&kura).join(&pack)).unwrap();
    assert_eq!(copies(&kura, host(&kura).await, &two).await, (vec!["too-few-copies"], 2));
    // The first store lost other things: a pack, a snapshot, a key.
    for part in ["sent-2031-03-04/packs/", "snapshots/0000000001-", "sent-2031-03-03/key-1.json"] {
        std::fs::remove_file(kura.store().join(lost(part))).unwrap();
    }
    let (told, whole) = copies(&kura, host(&kura).await, &two).await;
    assert!(told.contains(&"cohort-damaged") && whole == 0, "{told:?}");
    let (vault, other) = (host(&kura).await, DirVault::open(&second(&kura)).unwrap());
    let ends = ends(&vault, &other, kura.clock.now()).await;
    let found = replica::scrub((&*vault.vault, &other), &ends, (None, false)).await.unwrap();
    assert_eq!((found.wrong.len(), found.healed.len()), (4, 0), "{found:?}");
    let healed = replica::scrub((&*vault.vault, &other), &ends, (None, true)).await.unwrap();
    assert_eq!((healed.wrong.len(), healed.healed.len()), (0, 4), "{healed:?}");
    assert_eq!(files(&second(&kura)), objects(&kura));
    assert_eq!(lock(&kura.store(), &pack), lock(&second(&kura), &pack));
    assert_eq!(copies(&kura, host(&kura).await, &two).await, (vec![], 2));
    // An altered object is named, with where it is right; `tests/it/heal.rs` mends it.
    let altered = kura.store().join(&pack);
    std::fs::remove_file(&altered).unwrap();
    std::fs::write(&altered, "something else").unwrap();
    let found = replica::scrub((&*vault.vault, &other), &ends, (None, false)).await.unwrap();
    assert_eq!(found.healed, []);
    assert!(
        found.wrong[0].0 == pack && found.wrong[0].1.contains("the other store has it right"),
        "{found:?}"
    );
    assert_eq!(std::fs::read(&altered).unwrap(), b"something else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_at_any_step_ends_as_if_it_had_not_been() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let host = host(&kura).await;
    let (wanted, now) = (objects(&kura), kura.clock.now());
    for waits in 0..1000 {
        let vault = Arc::new(MemoryVault::new());
        let slow = Slow(vault.clone());
        let ends = ends(&host, &slow, now).await;
        let ended = killed_after(waits, replica::copy(&*host.vault, &slow, &ends)).await;
        let there: BTreeSet<String> = vault.keys().into_iter().collect();
        let has_snapshot = there.iter().any(|key| key.contains("/snapshots/"));
        let has_data = wanted.iter().filter(|key| key.contains("/packs/")).all(|key| there.contains(key));
        assert!(!has_snapshot || has_data, "after {waits} waits a snapshot names what is not there");
        replica::copy(&*host.vault, &slow, &ends).await.unwrap();
        assert_eq!(vault.keys().into_iter().collect::<BTreeSet<_>>(), wanted, "after {waits} waits");
        if ended.is_some() {
            assert!(waits > 20, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_goes_from_both_and_the_certificate_says_so() {
    let (kura, plan) = a_year_later().await;
    let desk = Desk::of(&kura, &plan).await;
    with_second(&kura);
    let host = host(&kura).await;
    // A copy from before its time was over, so that there is something to delete in both.
    let earlier = Instant::from_micros(kura.clock.now().as_micros() - 2 * 86_400_000_000 * 30);
    let other = DirVault::create(&second(&kura)).unwrap();
    let ends = ends(&host, &other, earlier).await;
    let copied = replica::copy(&*host.vault, &other, &ends).await.unwrap();
    assert!(copied.objects > 0);
    let is_there = |root: &Path| files(root).iter().any(|key| key.starts_with("test/sent-2031-03-03/"));
    assert!(is_there(&kura.store()) && is_there(&second(&kura)));
    let reaper = DirVault::open(&second(&kura)).unwrap().with_clock(desk.clock.clone());
    let desk = Desk { second: Some(Arc::new(reaper)), ..desk };
    desk.allow().await;
    desk.run().await.unwrap();
    assert!(!is_there(&kura.store()) && !is_there(&second(&kura)));
    let row = desk.catalog.certificates(u64::MAX, 10).await.unwrap().remove(0);
    let certificate = kura::workflows::certificates::read(&desk.host, &row).unwrap();
    let places: Vec<&str> = certificate.copies.iter().map(|copy| copy.location.as_str()).collect();
    assert_eq!(places.len(), 2, "{places:?}");
    assert!(places[1].contains("second") && certificate.copies.iter().all(|copy| copy.left == 0));
    // It does not come back with the next copy.
    let later = replica::copy_host(&host, kura.clock.now()).await.unwrap().unwrap();
    assert!(later.wrong.is_empty() && !is_there(&second(&kura)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hold_keeps_past_its_time_is_in_both_as_long_as_it_holds() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let plan = kura.records();
    kura.set_day("2032-03-10");
    let desk = Desk::of(&kura, &plan).await;
    let day = "2031-03-03".parse().unwrap();
    let new =
        NewHold { plan: plan.name().clone(), days: (day, day), until: None, reason: "監査".to_owned() };
    let now = kura.clock.now();
    let number = holds::add(&desk.host, &desk.catalog, &new, &doctor(), now).await.unwrap();
    // The second store is made anew after the disk broke.
    std::fs::remove_dir_all(second(&kura)).unwrap();
    let copied = replica::copy_host(&desk.host, now).await.unwrap().unwrap();
    assert_eq!(copied.wrong, Vec::new());
    let here = |prefix: &str| files(&second(&kura)).iter().filter(|key| key.starts_with(prefix)).count();
    let there = |prefix: &str| objects(&kura).iter().filter(|key| key.starts_with(prefix)).count();
    assert_eq!(here("test/sent-2031-03-03/"), there("test/sent-2031-03-03/"));
    assert!(here("test/sent-2031-03-03/") > 2 && here("test/sent-2031-03-04/") == 0, "{:?}", objects(&kura));
    assert!(here("test/snapshots/") == 2, "those that name what is held");
    let other = DirVault::open(&second(&kura)).unwrap();
    let found =
        replica::compare(&*desk.host.vault, &other, &ends(&desk.host, &other, now).await).await.unwrap();
    assert!(found.is_whole("test"), "{found:?}");
    let which = (plan.name(), number, "終了");
    holds::release(&desk.host, &desk.catalog, which, &manager(), now).await.unwrap();
    std::fs::remove_dir_all(second(&kura)).unwrap();
    replica::copy_host(&desk.host, now).await.unwrap().unwrap();
    assert_eq!((here("test/"), here("test/holds/")), (2, 2), "the ledger of holds alone");
}
