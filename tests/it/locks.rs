//! Locks on a real server that keeps them: each plan's kind, read back, and told of when they are not the plan's (K-97).
//! Who counts is locked again each month (K-98).

use std::sync::Arc;

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode};
use bytes::Bytes;
use kura::archive::envelope::SigningKey;
use kura::archive::progress::Progress;
use kura::archive::seal;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock, SystemClock};
use kura::domain::alarm_code::AlarmCode;
use kura::domain::coverage::Exception;
use kura::domain::locks::lock_alarm;
use kura::domain::plan::{LockMode, Plan};
use kura::domain::time::{Instant, Zone};
use kura::vault::s3::S3Vault;
use kura::vault::{BucketUrl, Lock, MemoryVault, Vault};
use kura::workflows::coverage::{self, Proof};
use kura::workflows::coverage_proofs;
use kura::workflows::host::Host;
use kura::workflows::repository::{self, Opened, RootPolicy};
use kura::workflows::rotate::{self, Change};
use kura::workflows::take_snapshot::{self, take_snapshot};
use kura::workflows::verify::Viewer;
use kura::workflows::{init, perpetual, replica, rewrap};

use crate::expiry_steps::Slow;
use crate::steps::killed_after;
use crate::support::kura::Kura;
use crate::support::s3::{address, server, settings, stock_client};
use crate::support::simulate::{objects, write};

async fn bucket(address: &BucketUrl) -> Arc<S3Vault> {
    Arc::new(S3Vault::open(address, &settings(&server().writer)).await.unwrap())
}

/// A Kura of today whose first objects lie in a part of a bucket; the real server knows no other day.
async fn in_bucket(address: &BucketUrl) -> (Kura, Arc<S3Vault>) {
    // Made at noon of the day before, which is over whatever time it is now.
    let before = Instant::from_micros(SystemClock.now().as_micros() - 86_400_000_000);
    let kura = Kura::new(&Zone::named("Asia/Tokyo").unwrap().day_of(before).to_string()).await;
    kura.clock.set(SystemClock.now());
    let vault = bucket(address).await;
    for key in objects(&kura) {
        let bytes = std::fs::read(kura.store().join(&key)).unwrap();
        vault.put(&key, bytes.into(), None).await.unwrap();
    }
    (kura, vault)
}

async fn host(kura: &Kura, vault: &Arc<S3Vault>) -> Host {
    Host { vault: vault.clone(), ..Host::open(kura.home(), None).await.unwrap() }
}

async fn snapshot(kura: &Kura, vault: &Arc<S3Vault>, plan: &Plan, catalog: &Catalog) {
    let request =
        take_snapshot::Request { plan: plan.clone(), event: "adhoc".to_owned(), reason: None, reread: false };
    let host = host(kura, vault).await;
    take_snapshot(&host, catalog, &request, &kura.clock, &Arc::new(Progress::default())).await.unwrap();
}

async fn proof(kura: &Kura, vault: &Arc<S3Vault>, plan: &Plan, catalog: &Catalog) -> Proof {
    kura.clock.set(Instant::from_micros(kura.clock.now().as_micros() + 1_000_000));
    let viewer = Arc::new(Viewer::of_host(host(kura, vault).await));
    let plans = [plan.clone()];
    let read = (&plans[..], Some((1, 1)));
    coverage::prove(viewer, catalog, read, &kura.clock, &Arc::new(Progress::default())).await.unwrap()
}

fn codes(proof: &Proof) -> Vec<String> {
    proof.plans["test"].exceptions.iter().map(|one| Exception::code(one).to_owned()).collect()
}

async fn opened(kura: &Kura, vault: Arc<dyn Vault>, key: &std::path::Path) -> Opened {
    let _ = kura;
    let file = seal::read_identity_file(&std::fs::read(key).unwrap(), None).unwrap();
    repository::open(vault, file.keys, &RootPolicy::Fingerprint(file.root.unwrap())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_locks_in_its_mode_and_every_other_lock_is_told_of() {
    let server = server();
    let address = address(&server.lock_bucket, &server.endpoint);
    let (kura, vault) = in_bucket(&address).await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let plan = kura.plan("application", "lock = \"governance\"", "sent_day = \"mtime\"");
    let strict = kura.plan("application", "", "sent_day = \"mtime\"");
    std::fs::write(kura.source().join("record"), "a record of today").unwrap();
    snapshot(&kura, &vault, &plan, &catalog).await;
    let mine = vault.list("test/").await.unwrap();
    assert!(mine.len() >= 4, "{mine:?}");
    for listed in &mine {
        let kept = vault.kept_lock(&listed.key).await.unwrap().expect("it is locked");
        assert_eq!(kept.mode, Some(LockMode::Governance), "{}", listed.key);
    }
    let whole = proof(&kura, &vault, &plan, &catalog).await;
    let found = &whole.plans["test"];
    assert_eq!(codes(&whole), [""; 0]);
    assert_eq!(
        (found.lock_mode, found.locks.read),
        (LockMode::Governance, 4),
        "a key, a pack, an index, a snapshot"
    );
    // The same objects under a plan that says otherwise.
    let other = proof(&kura, &vault, &strict, &catalog).await;
    assert_eq!(codes(&other), ["lock-other-mode"]);
    // Somebody with the writer's right makes one lock longer, and adds an object without a lock.
    let pack = mine.iter().find(|one| one.key.contains("/packs/")).unwrap().key.clone();
    let far = SystemClock.now().as_seconds() + 5 * 366 * 86_400;
    let retention = ObjectLockRetention::builder()
        .mode(ObjectLockRetentionMode::Governance)
        .retain_until_date(DateTime::from_secs(far))
        .build();
    let longer = stock_client(server).put_object_retention().bucket(&server.lock_bucket);
    let name = format!("{}/{pack}", address.prefix);
    longer.key(name).bypass_governance_retention(true).retention(retention).send().await.unwrap();
    let (folder, _) = pack.rsplit_once('/').unwrap();
    let unlocked = format!("{folder}/{}", "0".repeat(64));
    vault.put(&unlocked, Bytes::from_static(b"nobody names it"), None).await.unwrap();
    let wrong = proof(&kura, &vault, &plan, &catalog).await;
    assert_eq!(codes(&wrong), ["lock-short", "lock-long"]);
    let alarm = lock_alarm("test", &codes(&wrong), kura.clock.now()).unwrap();
    assert_eq!(alarm.code, AlarmCode::LockWrong);
    assert!(lock_alarm("test", &codes(&whole), kura.clock.now()).is_none());
}

/// The address of a bucket for trying out says `lock=governance`: it is never locked harder, and coverage says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_lock_more_weakly_than_the_plan_and_coverage_says_so() {
    let server = server();
    let address = BucketUrl {
        lock: kura::vault::LockKind::Governance,
        ..address(&server.lock_bucket, &server.endpoint)
    };
    let (kura, vault) = in_bucket(&address).await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    std::fs::write(kura.source().join("record"), "a record of today").unwrap();
    let plan = kura.records();
    snapshot(&kura, &vault, &plan, &catalog).await;
    let mode = ObjectLockMode::Governance;
    let pack =
        vault.list("test/").await.unwrap().into_iter().find(|one| one.key.contains("/packs/")).unwrap();
    let head = stock_client(server).head_object().bucket(&server.lock_bucket);
    let head = head.key(format!("{}/{}", address.prefix, pack.key)).send().await.unwrap();
    assert_eq!(head.object_lock_mode(), Some(&mode));
    assert_eq!(codes(&proof(&kura, &vault, &plan, &catalog).await), ["lock-other-mode"]);
}

/// New keys reach a second bucket as copies: both stores open with the new key, each under locks of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_reaches_a_second_bucket_in_the_same_mode() {
    let server = server();
    let (one, two) =
        (address(&server.lock_bucket, &server.endpoint), address(&server.lock_bucket, &server.endpoint));
    let (kura, vault) = in_bucket(&one).await;
    let second = bucket(&two).await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let plan = kura.plan("application", "lock = \"governance\"", "sent_day = \"mtime\"");
    std::fs::write(kura.source().join("record"), "a record of today").unwrap();
    snapshot(&kura, &vault, &plan, &catalog).await;
    let now = kura.clock.now();
    let old = opened(&kura, vault.clone(), &kura.recovery_key()).await;
    let who = (&old.trust, &old.secrets.catalog);
    replica::copy_with((&*vault, &*second), who, now).await.unwrap();

    let pem = std::fs::read_to_string(kura.dir.path().join("recovery.key.root")).unwrap();
    let root = SigningKey::from_pem(&pem).unwrap();
    let new = kura.dir.path().join("new.key");
    let recipient = init::new_recovery_key(&new, &root, now, None).unwrap();
    let change = Change { add: vec![(recipient, None)], ..Change::default() };
    let recovery = rotate::rotate(&old, &root, &change, now).await.unwrap();
    rewrap::rewrap(&old, &recovery, &root, now).await.unwrap();
    let copied = replica::copy_with((&*vault, &*second), who, now).await.unwrap();
    assert_eq!((copied.objects, copied.wrong.len()), (3, 0), "a set, the secrets, the cohort's key");
    let keys = |listed: Vec<kura::vault::Listed>| listed.into_iter().map(|one| one.key).collect::<Vec<_>>();
    assert_eq!(keys(vault.list("").await.unwrap()), keys(second.list("").await.unwrap()));
    for vault in [&vault, &second] {
        opened(&kura, vault.clone(), &new).await;
        let key =
            vault.list("test/sent-").await.unwrap().into_iter().find(|one| one.key.ends_with("key-2.json"));
        let kept = vault.kept_lock(&key.unwrap().key).await.unwrap().expect("it is locked");
        assert_eq!(kept.mode, Some(LockMode::Governance));
    }
}

/// The copy of changed keys is killed at any step; the next one ends in the same objects, and both keys open them.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_that_is_killed_on_its_way_to_the_second_store_arrives_the_next_time() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("a"), "a", "2031-03-03");
    kura.snapshot(&kura.records()).await.unwrap();
    let before: Vec<(String, Bytes)> = objects(&kura)
        .into_iter()
        .map(|key| (key.clone(), std::fs::read(kura.store().join(key)).unwrap().into()))
        .collect();
    let now = kura.clock.now();
    let old = kura.opened().await;
    let pem = std::fs::read_to_string(kura.dir.path().join("recovery.key.root")).unwrap();
    let root = SigningKey::from_pem(&pem).unwrap();
    let new = kura.dir.path().join("new.key");
    let recipient = init::new_recovery_key(&new, &root, now, None).unwrap();
    let change = Change { add: vec![(recipient, None)], ..Change::default() };
    let recovery = rotate::rotate(&old, &root, &change, now).await.unwrap();
    rewrap::rewrap(&old, &recovery, &root, now).await.unwrap();
    let wanted = objects(&kura);
    let who = (&old.trust, &old.secrets.catalog);
    for waits in 0..1000 {
        let memory = Arc::new(MemoryVault::new());
        for (key, bytes) in &before {
            memory.put(key, bytes.clone(), None).await.unwrap();
        }
        let slow = Slow(memory.clone());
        let ended = killed_after(waits, replica::copy_with((&*old.vault, &slow), who, now)).await;
        replica::copy_with((&*old.vault, &slow), who, now).await.unwrap();
        assert_eq!(memory.keys().into_iter().collect::<std::collections::BTreeSet<_>>(), wanted, "{waits}");
        for key in [&kura.recovery_key(), &new] {
            opened(&kura, memory.clone(), key).await;
        }
        if ended.is_some() {
            assert!(waits > 3, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_counts_is_written_again_each_month_and_killed_at_any_step_ends_the_same() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("a"), "a", "2031-03-03");
    kura.snapshot(&kura.records()).await.unwrap();
    let plans = [kura.records()];
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let host = Host::open(kura.home(), None).await.unwrap();
    kura.set_day("2031-03-30");
    let early = perpetual::renew(&host, &catalog, &plans, kura.clock.now()).await.unwrap();
    assert_eq!(early, [""; 0], "a month is not over");
    let before: Vec<(String, Bytes)> = objects(&kura)
        .into_iter()
        .map(|key| (key.clone(), std::fs::read(kura.store().join(key)).unwrap().into()))
        .collect();
    kura.set_day("2031-04-10");
    let now = kura.clock.now();
    let made = perpetual::renew(&host, &catalog, &plans, now).await.unwrap();
    let expected = ["kura/2.json", "keys/signing-2.json", "keys/recovery-2.json", "keys/catalog-2.age"];
    assert_eq!(made, expected);
    assert_eq!(perpetual::renew(&host, &catalog, &plans, now).await.unwrap(), [""; 0], "once");
    let zone = Zone::named("Asia/Tokyo").unwrap();
    for key in &made {
        let kept = host.vault.kept_lock(key).await.unwrap().unwrap();
        assert_eq!(
            zone.day_of(kept.until).to_string(),
            "2032-04-11",
            "{key}: to the end of the newest cohort"
        );
    }
    // Everything still opens, with nothing but the store and the recovery key, and nothing is wrong.
    let opened = kura.opened().await;
    let viewer = Arc::new(Viewer::of_opened(opened).unwrap());
    let request = kura::workflows::verify::Request {
        plan: None,
        read: Some((1, 1)),
        known: kura::workflows::verify::Known::default(),
        now: kura.clock.now(),
    };
    let report =
        kura::workflows::verify::verify(viewer, &request, &Arc::new(Progress::default())).await.unwrap();
    assert!(report.problems.is_empty() && report.orphans == 0, "{report:?}");

    let wanted = objects(&kura);
    // The locks of before, which were asked for when the clock said March.
    let march = Instant::from_micros(now.as_micros() + 320 * 86_400_000_000);
    for waits in 0..1000 {
        let memory = Arc::new(MemoryVault::new());
        for (key, bytes) in &before {
            memory.put(key, bytes.clone(), Some(march.into())).await.unwrap();
        }
        let host =
            Host { vault: Arc::new(Slow(memory.clone())), ..Host::open(kura.home(), None).await.unwrap() };
        let ended = killed_after(waits, perpetual::renew(&host, &catalog, &plans, now)).await.is_some();
        // A commit that was cut short may still be on its way.
        drop(catalog.begin().await.unwrap());
        perpetual::renew(&host, &catalog, &plans, now).await.unwrap();
        let found: std::collections::BTreeSet<String> = memory.keys().into_iter().collect();
        assert_eq!(found, wanted, "after {waits} waits");
        if ended {
            assert!(waits > 3, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

/// A hold is also set in the bucket, so that not even a credential that may bypass a lock deletes what is held.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_set_in_the_store_and_taken_off_with_its_release() {
    use kura::domain::hold::Hold;
    use kura::vault::LegalHolds as _;
    use kura::workflows::legal_holds;
    let server = server();
    let address = address(&server.lock_bucket, &server.endpoint);
    let (kura, vault) = in_bucket(&address).await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let plan = kura.plan("application", "lock = \"governance\"", "sent_day = \"mtime\"");
    std::fs::write(kura.source().join("record"), "a record of today").unwrap();
    snapshot(&kura, &vault, &plan, &catalog).await;
    let keeper = S3Vault::open(&address, &settings(&server.admin)).await.unwrap();
    let now = kura.clock.now();
    let today = plan.zone().day_of(now);
    let hold =
        Hold { number: 1, plan: plan.name().clone(), days: (today, today), until: None, is_released: false };
    let settle = |holds: Vec<Hold>| {
        let (keeper, plan) = (&keeper, &plan);
        async move { legal_holds::settle(keeper, plan, &holds, now).await.unwrap() }
    };
    assert_eq!(settle(vec![hold.clone()]).await, (3, 0), "the key, the pack and the index of the day");
    assert_eq!(settle(vec![hold.clone()]).await, (0, 0), "once");
    let versions = keeper.versions("test/sent-").await.unwrap();
    let pack = versions.iter().find(|one| one.key.contains("/packs/")).unwrap();
    assert!(keeper.is_held(pack).await.unwrap());
    let stock = stock_client(server);
    let delete = || {
        let delete = stock.delete_object().bucket(&server.lock_bucket).bypass_governance_retention(true);
        delete.key(format!("{}/{}", address.prefix, pack.key)).version_id(&pack.id).send()
    };
    assert!(delete().await.is_err(), "what is held is not deleted, whoever may bypass its lock");
    assert_eq!(settle(vec![Hold { is_released: true, ..hold }]).await, (0, 3));
    assert!(!keeper.is_held(pack).await.unwrap());
    delete().await.expect("released, and its lock may be bypassed: it goes");
}

/// A store in memory with what a Kura of some days has in its folder, locked as that notes it; a snapshot of a day more.
async fn in_memory(kura: &Kura, plan: &Plan, catalog: &Catalog) -> Arc<Slow> {
    let memory = Arc::new(MemoryVault::with_clock(Arc::new(ManualClock::new(kura.clock.now()))));
    for key in objects(kura) {
        let bytes = std::fs::read(kura.store().join(&key)).unwrap();
        memory.put(&key, bytes.into(), None).await.unwrap();
    }
    let vault = Arc::new(Slow(memory));
    for day in ["2031-03-03", "2031-03-04", "2031-03-05"] {
        kura.set_day(day);
        write(&kura.source().join(day), day, day);
        let host = Host { vault: vault.clone(), ..Host::open(kura.home(), None).await.unwrap() };
        let (plan, event) = (plan.clone(), "adhoc".to_owned());
        let request = take_snapshot::Request { plan, event, reason: None, reread: false };
        take_snapshot(&host, catalog, &request, &kura.clock, &Arc::new(Progress::default())).await.unwrap();
    }
    vault
}

/// The locks of snapshots and of evidence are read back too, and those of the second store.
#[tokio::test(flavor = "multi_thread")]
async fn locks_of_snapshots_of_evidence_and_of_the_second_store_are_read_back() {
    let kura = Kura::new("2031-03-03").await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let plan = kura.records();
    let vault = in_memory(&kura, &plan, &catalog).await;
    let host = async || Host { vault: vault.clone(), ..Host::open(kura.home(), None).await.unwrap() };
    let path = kura.source().display().to_string();
    let text = format!(
        "name = \"test\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {path:?}\nsent_day = \"mtime\"\n"
    );
    std::fs::create_dir_all(kura.home().policies()).unwrap();
    std::fs::write(kura.home().policies().join("test.toml"), text).unwrap();
    let second = Arc::new(Slow(Arc::new(MemoryVault::new())));
    let plans = [plan.clone()];
    // One of 256 parts: no more than the first of each.
    let prove = async |part: Option<(u32, u32)>| {
        kura.clock.set(Instant::from_micros(kura.clock.now().as_micros() + 1_000_000));
        let host = host().await;
        let ends = replica::ends_of(&host, &*second, kura.clock.now()).await.unwrap();
        replica::copy(&*host.vault, &*second, &ends).await.unwrap();
        let viewer = Viewer::of_host(&host).with_second(Some(second.clone()));
        let progress = Arc::new(Progress::default());
        let proof = coverage::prove(Arc::new(viewer), &catalog, (&plans, part), &kura.clock, &progress);
        let proof = proof.await.unwrap();
        coverage_proofs::record((&host, Some(&*second)), &catalog, (&proof, part), &kura.clock)
            .await
            .unwrap();
        proof
    };
    assert_eq!(codes(&prove(None).await), [""; 0]);
    let usual = prove(None).await;
    assert_eq!(codes(&usual), [""; 0]);
    let all = prove(Some((1, 1))).await;
    assert_eq!(codes(&all), [""; 0]);
    // Three days with a first object each, the newest snapshot, the newest proof; twice.
    assert_eq!(usual.plans["test"].locks.read, 2 * 5);
    assert!(all.plans["test"].locks.read >= 2 * 14, "{:?}", all.plans["test"].locks);
    // One that is not locked as it should be, wherever it is.
    let is_of = |part: &'static str| move |key: &&String| key.contains(part);
    for (store, part) in [
        (&vault, "snapshots/"),
        (&vault, "audit/coverage/"),
        (&second, "/packs/"),
        (&second, "audit/coverage/"),
    ] {
        let memory = &store.0;
        let key = memory.keys().iter().find(is_of(part)).unwrap().clone();
        let (bytes, lock) =
            (memory.get(&key, None).await.unwrap(), memory.kept_lock(&key).await.unwrap().unwrap());
        let again = async |until: Option<Instant>| {
            memory.remove(&key);
            let lock = until.map(|until| Lock { until, mode: lock.mode.unwrap() });
            memory.put(&key, bytes.clone(), lock).await.unwrap();
            codes(&prove(Some((1, 1))).await)
        };
        assert_eq!(again(None).await, ["lock-short"], "{key}");
        assert_eq!(again(Some(lock.until.plus_minutes(-1))).await, ["lock-short"], "{key}");
        assert_eq!(again(Some(lock.until.plus_minutes(3 * 24 * 60))).await, ["lock-long"], "{key}");
        assert_eq!(again(Some(lock.until)).await, [""; 0], "{key}");
    }
    catalog.close().await;
}
