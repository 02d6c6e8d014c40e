//! Recovery keys that are added, retired, lost or in wrong hands (K-16, K-48, K-49).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kura::archive::envelope::SigningKey;
use kura::archive::progress::Progress;
use kura::archive::seal;
use kura::clock::Clock as _;
use kura::domain::cohort::CohortId;
use kura::domain::time::Instant;
use kura::vault::{DirVault, MemoryVault, Vault};
use kura::workflows::cohort_key::open_cohort;
use kura::workflows::host::Host;
use kura::workflows::keys::Recipient;
use kura::workflows::repository::{self, Opened, RepositoryError, RootPolicy};
use kura::workflows::rewrap::{self, Rewrapped};
use kura::workflows::rotate::{self, Change, RecoveryKeys, RotateError};
use kura::workflows::verify::{self, Viewer};
use kura::workflows::{init, key_list, restore};

use crate::expiry_steps::Slow;
use crate::steps::killed_after;
use crate::support::kura::Kura;
use crate::support::simulate::{files, objects, request, write};

/// A Kura with a snapshot of each of these days.
async fn taken(days: &[&str]) -> Kura {
    let kura = Kura::new("2031-03-03").await;
    for day in days {
        another_day(&kura, day).await;
    }
    kura
}

async fn another_day(kura: &Kura, day: &str) {
    kura.set_day(day);
    write(&kura.source().join(day), day, day);
    kura.snapshot(&kura.records()).await.unwrap();
}

fn root(kura: &Kura) -> SigningKey {
    let pem = std::fs::read_to_string(kura.dir.path().join("recovery.key.root")).unwrap();
    SigningKey::from_pem(&pem).unwrap()
}

/// A further recovery key in a file.
fn further(kura: &Kura, name: &str) -> (PathBuf, Recipient) {
    let file = kura.dir.path().join(name);
    let recipient = init::new_recovery_key(&file, &root(kura), kura.clock.now(), None).unwrap();
    (file, recipient)
}

async fn open_in(vault: Arc<dyn Vault>, identity: &Path) -> Result<Arc<Opened>, RepositoryError> {
    let file = seal::read_identity_file(&std::fs::read(identity).unwrap(), None).unwrap();
    let root = RootPolicy::Fingerprint(file.root.unwrap());
    Ok(Arc::new(repository::open(vault, file.keys, &root).await?))
}

async fn open(kura: &Kura, identity: &Path) -> Result<Arc<Opened>, RepositoryError> {
    open_in(Arc::new(DirVault::open(&kura.store()).unwrap()), identity).await
}

fn adding(recipient: &Recipient) -> Change {
    Change { add: vec![(recipient.clone(), Some("医師会".to_owned()))], ..Change::default() }
}

fn own(kura: &Kura) -> String {
    let file = seal::read_identity_file(&std::fs::read(kura.recovery_key()).unwrap(), None).unwrap();
    file.recipients.into_iter().next().unwrap()
}

/// What `kura key rotate` does.
async fn change(
    opened: &Opened,
    root: &SigningKey,
    change: &Change,
    now: Instant,
) -> (RecoveryKeys, Rewrapped) {
    let recovery = rotate::rotate(opened, root, change, now).await.unwrap();
    let done = rewrap::rewrap(opened, &recovery, root, now).await.unwrap();
    (recovery, done)
}

async fn restored(kura: &Kura, identity: &Path, name: &str) -> BTreeSet<String> {
    let request = request(kura, name);
    let opened = open(kura, identity).await.unwrap();
    let progress = Arc::new(Progress::default());
    let summary = restore::restore(opened, &request, kura.clock.now(), &progress).await.unwrap();
    assert_eq!(summary.failed, Vec::new());
    let found = files(&request.to);
    for file in &found {
        assert_eq!(std::fs::read_to_string(request.to.join(file)).unwrap(), *file);
    }
    found
}

async fn problems(kura: &Kura, identity: &Path) -> (Vec<String>, u64) {
    let viewer = Arc::new(Viewer::of_opened(open(kura, identity).await.unwrap()).unwrap());
    let request =
        verify::Request { plan: None, read: None, known: verify::Known::default(), now: kura.clock.now() };
    let report = verify::verify(viewer, &request, &Arc::new(Progress::default())).await.unwrap();
    (report.problems.into_iter().map(|one| format!("{}: {}", one.object, one.what)).collect(), report.orphans)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_added_opens_everything_and_the_old_one_still_does() {
    let kura = taken(&["2031-03-03", "2031-03-04", "2031-03-05"]).await;
    let before = objects(&kura);
    let (second, recipient) = further(&kura, "second.key");
    assert!(matches!(open(&kura, &second).await, Err(RepositoryError::WrongIdentity)));
    let opened = open(&kura, &kura.recovery_key()).await.unwrap();
    let now = kura.clock.now();
    let (set, done) = change(&opened, &root(&kura), &adding(&recipient), now).await;
    assert_eq!((set.set, set.recipients.len()), (2, 2));
    assert_eq!((done.cohorts, done.sealed, done.is_catalog_sealed, done.unopened.len()), (3, 3, true, 0));
    let made: Vec<String> = objects(&kura).difference(&before).cloned().collect();
    assert_eq!(
        made,
        [
            "keys/catalog-2.age",
            "keys/recovery-2.json",
            "test/sent-2031-03-03/key-2.json",
            "test/sent-2031-03-04/key-2.json",
            "test/sent-2031-03-05/key-2.json"
        ],
        "small files, no data"
    );
    let everything = BTreeSet::from(["2031-03-03", "2031-03-04", "2031-03-05"].map(str::to_owned));
    assert_eq!(restored(&kura, &second, "by-second").await, everything);
    assert_eq!(restored(&kura, &kura.recovery_key(), "by-first").await, everything);
    for identity in [&second, &kura.recovery_key()] {
        assert_eq!(problems(&kura, identity).await, (Vec::new(), 0));
    }
    // A reader that knows only the format page honours it too.
    let to = kura.dir.path().join("without-kura");
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recovery/kura_restore.py");
    let mut python = std::process::Command::new("python3");
    python.arg("-B").arg(reader).arg(kura.store()).arg("--identity").arg(&second).arg("--to").arg(&to);
    let ran = python.output().expect("python3 runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(files(&to), everything);
    // Each is locked as long as what it opens.
    let lock = |key: &str| std::fs::metadata(kura.store().join(key)).unwrap().modified().unwrap();
    for day in ["2031-03-03", "2031-03-05"] {
        let key = |n: u32| format!("test/sent-{day}/key-{n}.json");
        assert_eq!(lock(&key(1)), lock(&key(2)), "{day}");
    }
    // Again, with either key: nothing more to do.
    for identity in [&second, &kura.recovery_key()] {
        let opened = open(&kura, identity).await.unwrap();
        let (again, done) = change(&opened, &root(&kura), &adding(&recipient), now).await;
        assert_eq!((again.set, done.sealed, done.is_catalog_sealed), (2, 0, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_seals_to_the_new_set_once_it_took_it_over() {
    let kura = taken(&["2031-03-03"]).await;
    let (second, recipient) = further(&kura, "second.key");
    let opened = open(&kura, &kura.recovery_key()).await.unwrap();
    let first = own(&kura);
    let replaced = Change { retire: vec![first.clone()], ..adding(&recipient) };
    change(&opened, &root(&kura), &replaced, kura.clock.now()).await;
    let host = || Host::open(kura.home(), None);
    let listing = key_list::list(&host().await.unwrap(), kura.clock.now()).await.unwrap();
    let is_stale =
        |warning: &key_list::Warning| matches!(warning, key_list::Warning::NotAdopted { stored: 2, own: 1 });
    assert!(listing.warnings.iter().any(is_stale), "{:?}", listing.warnings);
    // Not taken over yet: the day's cohort is sealed to the old key only, and that is told.
    another_day(&kura, "2031-03-04").await;
    let listing = key_list::list(&host().await.unwrap(), kura.clock.now()).await.unwrap();
    assert_eq!(listing.keys.iter().map(|key| key.opens).collect::<Vec<_>>(), [1, 2], "{listing:?}");
    let vault = DirVault::open(&kura.store()).unwrap();
    assert_eq!(rotate::adopt(&kura.home(), &vault).await.unwrap().set, 2);
    assert_eq!(rotate::adopt(&kura.home(), &vault).await.unwrap().set, 2, "twice is once");
    another_day(&kura, "2031-03-05").await;
    let opened = open(&kura, &kura.recovery_key()).await.unwrap();
    let recovery = opened.trust.recovery.clone();
    // The host's own key may sign, and the retired key still opens what is to be sealed again.
    let done =
        rewrap::rewrap(&opened, &recovery, &host().await.unwrap().signing, kura.clock.now()).await.unwrap();
    assert_eq!((done.sealed, done.is_catalog_sealed, done.unopened.len()), (1, false, 0));
    let everything = BTreeSet::from(["2031-03-03", "2031-03-04", "2031-03-05"].map(str::to_owned));
    assert_eq!(restored(&kura, &second, "by-second").await, everything);
    let cohort: CohortId = "sent-2031-03-05".parse().unwrap();
    let bytes = std::fs::read(kura.store().join("test/sent-2031-03-05/key-1.json")).unwrap();
    let at = (1, &kura::archive::digest::Sha256::of(&bytes));
    let old = open_cohort(&opened, &"test".parse().unwrap(), &cohort, at).await;
    assert!(old.is_err(), "what was made after the change does not open for the retired key");
    let listing = key_list::list(&host().await.unwrap(), kura.clock.now()).await.unwrap();
    let told: Vec<_> = listing.keys.iter().map(|key| (key.opens, key.retired_at.is_some())).collect();
    assert_eq!(told, [(3, false), (2, true)]);
    assert_eq!(listing.warnings, [key_list::Warning::OneKey]);
    assert_eq!(listing.keys[0].holder.as_deref(), Some("医師会"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_and_still_there_opens_for_the_new_key() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    // A hold may keep it, and whoever asked for that must be able to read it.
    kura.set_day("2033-03-04");
    let (second, recipient) = further(&kura, "second.key");
    let opened = open(&kura, &kura.recovery_key()).await.unwrap();
    let (_, done) = change(
        &opened,
        &root(&kura),
        &Change { retire: vec![own(&kura)], ..adding(&recipient) },
        kura.clock.now(),
    )
    .await;
    assert_eq!((done.cohorts, done.sealed, done.unopened.len()), (2, 2, 0));
    assert_eq!(problems(&kura, &second).await.0, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_grows_after_a_key_fell_into_wrong_hands_does_not_open_for_it() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let (second, recipient) = further(&kura, "second.key");
    let opened = open(&kura, &kura.recovery_key()).await.unwrap();
    let stolen = Change { retire: vec![own(&kura)], is_compromised: true, ..adding(&recipient) };
    change(&opened, &root(&kura), &stolen, kura.clock.now()).await;
    rotate::adopt(&kura.home(), &DirVault::open(&kura.store()).unwrap()).await.unwrap();
    // A record of the open day comes late: its cohort gets a new key and is sent again.
    write(&kura.source().join("2031-03-04-late"), "2031-03-04-late", "2031-03-04");
    kura.snapshot(&kura.records()).await.unwrap();
    let everything = BTreeSet::from(["2031-03-03", "2031-03-04", "2031-03-04-late"].map(str::to_owned));
    assert_eq!(restored(&kura, &second, "by-second").await, everything);
    let thief = open(&kura, &kura.recovery_key()).await.unwrap();
    let request = request(&kura, "by-thief");
    let progress = Arc::new(Progress::default());
    let summary = restore::restore(thief, &request, kura.clock.now(), &progress).await.unwrap();
    assert!(summary.failed_count > 0);
    assert_eq!(files(&request.to), BTreeSet::from(["2031-03-03".to_owned()]));
    let (found, _) = problems(&kura, &second).await;
    assert_eq!(found, Vec::<String>::new());
    // And the next run has nothing to send again.
    let before = objects(&kura);
    another_day(&kura, "2031-03-05").await;
    let again: Vec<String> =
        objects(&kura).difference(&before).filter(|key| key.contains("sent-2031-03-04")).cloned().collect();
    assert_eq!(again, Vec::<String>::new());
    let host = Host::open(kura.home(), None).await.unwrap();
    let listing = key_list::list(&host, kura.clock.now()).await.unwrap();
    let told = listing
        .warnings
        .iter()
        .any(|warning| matches!(warning, key_list::Warning::Compromised { cohorts: 2, until: Some(_), .. }));
    assert!(told, "{:?}", listing.warnings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_killed_at_any_step_ends_as_if_it_had_not_been() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let (second, recipient) = further(&kura, "second.key");
    let now = kura.clock.now();
    let root = root(&kura);
    let replaced = Change { retire: vec![own(&kura)], ..adding(&recipient) };
    let mut saved: Vec<(String, Bytes)> = Vec::new();
    for key in objects(&kura) {
        saved.push((key.clone(), std::fs::read(kura.store().join(&key)).unwrap().into()));
    }
    let expected: BTreeSet<String> = saved
        .iter()
        .map(|(key, _)| key.clone())
        .chain(
            [
                "keys/recovery-2.json",
                "keys/catalog-2.age",
                "test/sent-2031-03-03/key-2.json",
                "test/sent-2031-03-04/key-2.json",
            ]
            .map(str::to_owned),
        )
        .collect();
    for waits in 0..1000 {
        let vault = Arc::new(MemoryVault::new());
        for (key, bytes) in &saved {
            vault.put(key, bytes.clone(), None).await.unwrap();
        }
        let slow: Arc<dyn Vault> = Arc::new(Slow(vault.clone()));
        let opened = open_in(slow.clone(), &kura.recovery_key()).await.unwrap();
        let ended = killed_after(waits, change(&opened, &root, &replaced, now)).await;
        // Whatever was done: the old key still opens everything that it opened.
        let opened = open_in(slow.clone(), &kura.recovery_key()).await.unwrap();
        let (set, done) = change(&opened, &root, &replaced, now).await;
        assert_eq!((set.set, done.unopened.len()), (2, 0), "after {waits} waits");
        assert_eq!(vault.keys().into_iter().collect::<BTreeSet<_>>(), expected, "after {waits} waits");
        let new = open_in(slow, &second).await.unwrap();
        for day in ["2031-03-03", "2031-03-04"] {
            let cohort: CohortId = format!("sent-{day}").parse().unwrap();
            let bytes = vault.get(&format!("test/{cohort}/key-1.json"), None).await.unwrap();
            let at = (1, &kura::archive::digest::Sha256::of(&bytes));
            open_cohort(&new, &"test".parse().unwrap(), &cohort, at).await.unwrap();
        }
        if ended.is_some() {
            assert!(waits > 10, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_root_key_changes_who_counts_and_only_known_keys_sign() {
    let kura = taken(&["2031-03-03"]).await;
    let (_, recipient) = further(&kura, "second.key");
    let opened = open(&kura, &kura.recovery_key()).await.unwrap();
    let (stranger, _) = SigningKey::generate().unwrap();
    let before = objects(&kura);
    let now = kura.clock.now();
    let refused = rotate::rotate(&opened, &stranger, &adding(&recipient), now).await;
    assert!(matches!(refused, Err(RotateError::OtherRoot { .. })));
    let recovery = opened.trust.recovery.clone();
    assert!(matches!(
        rewrap::rewrap(&opened, &recovery, &stranger, now).await,
        Err(rewrap::RewrapError::Signer)
    ));
    assert_eq!(objects(&kura), before);
    // A key object by a stranger, under a number that is free, is named and never used.
    let bytes = std::fs::read(kura.store().join("test/sent-2031-03-03/key-1.json")).unwrap();
    let payload =
        kura::archive::envelope::peek(&bytes, kura::archive::envelope::payload_type::COHORT_KEY).unwrap();
    let forged = stranger.sign(kura::archive::envelope::payload_type::COHORT_KEY, &payload);
    std::fs::write(kura.store().join("test/sent-2031-03-03/key-2.json"), forged).unwrap();
    let (found, _) = problems(&kura, &kura.recovery_key()).await;
    assert!(
        found.iter().any(|one| one.contains("key-2.json") && one.contains("no trusted key")),
        "{found:?}"
    );
}
