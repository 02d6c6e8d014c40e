//! Deletion that is killed at every step, refused by the store, or done by two programs at once ends in the same state
//! (K-40, K-41).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock};
use kura::domain::time::Instant;
use kura::vault::memory::Fault;
use kura::vault::reaper::Locking;
use kura::vault::{KeptLock, Listed, Lock, MemoryVault, Put, Reaper, Remain, RemainKind, Vault, VaultError};
use kura::workflows::coverage::Proof;
use kura::workflows::expire::{self, ExpireError};
use kura::workflows::host::Host;
use kura::workflows::verify::{self, Known, Problem, Request, Viewer};
use kura::workflows::{check_audit, evidence, holds};

use crate::expiry::{Desk, Portal, a_year_later, admin, below, doctor, manager};
use crate::steps::killed_after;
use crate::support::kura::Kura;
use crate::support::simulate::objects;

/// A home whose store lies in memory and keeps its locks, with one day that is due and approved.
async fn in_memory() -> (Kura, Desk, Arc<MemoryVault>) {
    let (kura, plan) = a_year_later().await;
    let mut desk = Desk::of(&kura, &plan).await;
    let vault = Arc::new(MemoryVault::with_clock(desk.clock.clone()));
    for key in objects(&kura) {
        let bytes = std::fs::read(kura.store().join(&key)).expect("an object");
        let modified =
            std::fs::metadata(kura.store().join(&key)).expect("an object").modified().expect("a time");
        let until = modified.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_micros();
        let until = Instant::from_micros(i64::try_from(until).expect("small"));
        assert_eq!(vault.put(&key, bytes.into(), Some(until.into())).await.expect("put"), Put::Created);
    }
    desk.host = Host { vault: vault.clone(), ..desk.host };
    desk.reaper = vault.clone();
    desk.allow().await;
    (kura, desk, vault)
}

/// A copy of a home, so that the next one need not be made anew.
struct Saved {
    home: tempfile::TempDir,
    objects: Vec<(String, Bytes, Option<Instant>)>,
}

impl Saved {
    async fn of(kura: &Kura, desk: Desk, vault: &MemoryVault) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        desk.catalog.close().await;
        let status = std::process::Command::new("cp")
            .arg("-a")
            .args([kura.dir.path().join("home"), home.path().join("home")])
            .status();
        assert!(status.expect("cp runs").success());
        let mut objects = Vec::new();
        for key in vault.keys() {
            let bytes = vault.get(&key, None).await.expect("an object");
            objects.push((key.clone(), bytes, vault.lock_of(&key)));
        }
        Self { home, objects }
    }

    /// The same again: the home as it was, the store as it was.
    async fn again(&self, kura: &Kura, plan: &kura::domain::plan::Plan) -> (Desk, Arc<MemoryVault>) {
        let home = kura.dir.path().join("home");
        std::fs::remove_dir_all(&home).expect("the home is removed");
        let copied =
            std::process::Command::new("cp").arg("-a").args([self.home.path().join("home"), home]).status();
        assert!(copied.expect("cp runs").success());
        let mut desk = Desk::of(kura, plan).await;
        let vault = Arc::new(MemoryVault::with_clock(desk.clock.clone()));
        for (key, bytes, until) in &self.objects {
            vault.put(key, bytes.clone(), until.map(Lock::from)).await.expect("put");
        }
        let slow = Arc::new(Slow(vault.clone()));
        desk.host = Host { vault: slow.clone(), ..desk.host };
        desk.reaper = slow;
        // A second store with the same objects: it is deleted from as well, whatever happens.
        let second = Arc::new(MemoryVault::with_clock(desk.clock.clone()));
        for (key, bytes, until) in &self.objects {
            second.put(key, bytes.clone(), until.map(Lock::from)).await.expect("put");
        }
        desk.second = Some(Arc::new(Slow(second)));
        (desk, vault)
    }
}

/// A store whose every answer takes a moment, in which a program can be killed: before the act and after it.
pub(crate) struct Slow(pub(crate) Arc<MemoryVault>);

#[async_trait]
impl Vault for Slow {
    fn address(&self) -> String {
        Vault::address(&*self.0)
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        tokio::task::yield_now().await;
        let put = self.0.put(key, bytes, lock).await;
        tokio::task::yield_now().await;
        put
    }

    async fn mend(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<(), VaultError> {
        self.0.mend(key, bytes, lock).await
    }

    async fn kept_lock(&self, key: &str) -> Result<Option<KeptLock>, VaultError> {
        self.0.kept_lock(key).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        self.0.get(key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        self.0.size(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        self.0.list(prefix).await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        tokio::task::yield_now().await;
        Ok(())
    }

    fn can_lock(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        false
    }
}

#[async_trait]
impl Reaper for Slow {
    fn address(&self) -> String {
        Vault::address(&*self.0)
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        self.0.remains(prefix).await
    }

    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError> {
        self.0.locked_until(remain).await
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        tokio::task::yield_now().await;
        let deleted = self.0.delete(remain).await;
        tokio::task::yield_now().await;
        deleted
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn locking(&self) -> Locking {
        self.0.locking()
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Reaper::outside_time(&*self.0).await
    }
}

fn keys(vault: &MemoryVault) -> BTreeSet<String> {
    vault.keys().into_iter().collect()
}

async fn is_done(desk: &Desk, vault: &MemoryVault, waits: usize) {
    let left = keys(vault);
    assert!(!left.iter().any(|key| key.starts_with("test/sent-2031-03-03/")), "after {waits} waits");
    let second = desk.second.as_ref().expect("a second store");
    assert_eq!(second.remains("test/sent-2031-03-03/").await.unwrap(), [], "after {waits} waits");
    let evidence: Vec<&String> = left.iter().filter(|key| key.starts_with("certificates/")).collect();
    assert_eq!(evidence.len(), 2, "after {waits} waits: {evidence:?}");
    let rows = desk.catalog.certificates(u64::MAX, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].cohorts), (1, 1), "after {waits} waits");
    assert!(desk.catalog.packs_of_cohort("test", "sent-2031-03-03").await.unwrap().is_empty());
    assert_eq!(desk.catalog.snapshots(Some("test")).await.unwrap().len(), 2);
    assert!(desk.catalog.open_orders().await.unwrap().is_empty());
    let vault: Arc<dyn Vault> = desk.host.vault.clone();
    let found = evidence::load(&vault, &desk.host.trust).await.unwrap();
    assert!(found.problems.is_empty() && found.open.is_empty(), "{found:?}");
    check_audit::verify(&desk.catalog, None).await.expect("the log holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_killed_at_any_step_ends_as_if_it_had_not_been() {
    let (kura, desk, vault) = in_memory().await;
    let plan = desk.plans[0].clone();
    let saved = Saved::of(&kura, desk, &vault).await;
    for waits in 0..2000 {
        let (desk, vault) = saved.again(&kura, &plan).await;
        let ended = killed_after(waits, desk.run()).await;
        // The program is gone, and with it its connections.
        let Desk { host, catalog, reaper, second, plans, contents, clocks, clock, limits } = desk;
        catalog.close().await;
        let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
        let desk = Desk { host, catalog, reaper, second, plans, contents, clocks, clock, limits };
        let before = keys(&vault);
        let is_begun = before.iter().any(|key| key.ends_with(".intent.json"));
        let second = desk.second.as_ref().expect("a second store").remains("").await.unwrap();
        let is_touched =
            before.len() - usize::from(is_begun) < saved.objects.len() || second.len() < saved.objects.len();
        assert!(is_begun || !is_touched, "after {waits} waits: deleted before the intent was stored");
        desk.run().await.unwrap();
        is_done(&desk, &vault, waits).await;
        desk.catalog.close().await;
        if ended.is_some() {
            assert!(waits > 30, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_store_refuses_the_next_run_ends_it() {
    let (kura, desk, vault) = in_memory().await;
    let plan = desk.plans[0].clone();
    let saved = Saved::of(&kura, desk, &vault).await;
    for nth in 1..=4 {
        for fault in [Fault::Unavailable, Fault::LostAnswer, Fault::Denied] {
            let (desk, vault) = saved.again(&kura, &plan).await;
            vault.fail_delete(nth, fault);
            let failed = desk.run().await;
            assert!(matches!(failed, Err(ExpireError::Vault(_))), "{failed:?}");
            assert!(
                desk.catalog.certificates(u64::MAX, 10).await.unwrap().is_empty(),
                "nothing is certified"
            );
            desk.run().await.unwrap();
            is_done(&desk, &vault, 0).await;
            desk.catalog.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_marker_and_upload_goes_and_two_programs_make_one_certificate() {
    let (_kura, desk, vault) = in_memory().await;
    let hidden = |kind, id: &str| Remain {
        key: "test/sent-2031-03-03/packs/hidden".to_owned(),
        kind,
        id: id.to_owned(),
        size_bytes: 7,
    };
    vault.hide(hidden(RemainKind::Version, "old"));
    vault.hide(hidden(RemainKind::DeleteMarker, "marker"));
    vault.hide(hidden(RemainKind::Upload, "upload"));
    // What was approved is not what is there now: it is not deleted under that approval.
    let ran = desk.run().await.unwrap();
    assert!(ran.certificates.len() <= 1 && !ran.refused.is_empty(), "{ran:?}");
    assert!(keys(&vault).iter().any(|key| key.starts_with("test/sent-2031-03-03/")));
    desk.allow().await;
    let (one, other) = tokio::join!(desk.run(), desk.run());
    let issued: usize =
        [&one, &other].iter().filter_map(|ran| ran.as_ref().ok()).map(|ran| ran.certificates.len()).sum();
    assert!(issued >= 1, "{one:?} {other:?}");
    desk.run().await.unwrap();
    let left = desk.reaper.remains("test/sent-2031-03-03/").await.unwrap();
    assert_eq!(left, []);
    let cohorts: u64 =
        desk.catalog.certificates(u64::MAX, 10).await.unwrap().iter().map(|row| row.cohorts).sum();
    assert_eq!(cohorts, 1, "one deletion, one certificate that names it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_for_longer_is_refused_by_name_and_never_tried_in_a_loop() {
    let (_kura, mut desk, vault) = in_memory().await;
    let key =
        keys(&vault).into_iter().find(|key| key.starts_with("test/sent-2031-03-03/packs/")).expect("a pack");
    let bytes = vault.get(&key, None).await.unwrap();
    vault.remove(&key);
    let until = desk.clock.now().plus_minutes(1);
    vault.put(&key, bytes, Some(until.into())).await.unwrap();
    let remains = desk.reaper.remains(&key).await.unwrap();
    let refused = desk.reaper.delete(&remains[0]).await.unwrap_err();
    assert!(
        refused.to_string().contains(&key) && refused.to_string().contains(&until.to_string()),
        "{refused}"
    );
    let ran = desk.run().await.unwrap();
    assert!(ran.kept_back.iter().any(|kept| kept.why.code() == "locked"), "{ran:?}");
    assert!(vault.get(&key, None).await.is_ok());
    desk.clock.set(until);
    desk.clocks = vec![Arc::new(Portal(until))];
    // What was approved is unchanged: it is carried out as soon as it may be.
    desk.run().await.unwrap();
    assert!(vault.get(&key, None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_its_days_until_somebody_else_releases_it() {
    let (kura, plan) = a_year_later().await;
    let desk = Desk::of(&kura, &plan).await;
    expire::stand(desk.on(), "test", &doctor()).await.unwrap();
    let day = "2031-03-03".parse().unwrap();
    let new = holds::NewHold {
        plan: plan.name().clone(),
        days: (day, day),
        until: None,
        reason: "監査のため".to_owned(),
    };
    let now = desk.clock.now();
    assert!(holds::add(&desk.host, &desk.catalog, &new, &admin(), now).await.is_err(), "the role may not");
    assert_eq!(holds::add(&desk.host, &desk.catalog, &new, &doctor(), now).await.unwrap(), 1);
    let ran = desk.run().await.unwrap();
    let codes: Vec<&str> = ran.kept_back.iter().map(|kept| kept.why.code()).collect();
    assert_eq!(codes, ["hold", "needed"], "the day, and the snapshot that names it");
    assert!(below(&kura, "test/sent-2031-03-03/") > 2 && below(&kura, "test/snapshots/") == 3);
    let proof = desk.prove(&kura).await;
    assert!(proof.is_whole() && proof.plans["test"].held == 1, "{proof:?}");
    // The holder of a recovery key reads it without this host.
    let shown = holds::of_opened(&kura.opened().await, plan.name()).await.unwrap();
    assert_eq!((shown.len(), shown[0].reason.as_str()), (1, "監査のため"));
    let which = (plan.name(), 1, "終了");
    let own = holds::release(&desk.host, &desk.catalog, which, &doctor(), now).await;
    assert!(matches!(own, Err(holds::HoldError::Denied(_))), "{own:?}");
    // A hold that vanished stops everything.
    let file = kura.store().join("test/holds/0000000001");
    let aside = kura.dir.path().join("hold");
    std::fs::rename(&file, &aside).unwrap();
    assert!(matches!(desk.run().await, Err(ExpireError::Hold(holds::HoldError::Missing { .. }))));
    assert!(!desk.prove(&kura).await.is_whole());
    std::fs::rename(&aside, &file).unwrap();
    holds::release(&desk.host, &desk.catalog, which, &manager(), now).await.unwrap();
    assert_eq!(desk.run().await.unwrap().certificates, [1]);
    assert_eq!(below(&kura, "test/sent-2031-03-03/"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_the_reaper_alone_deletes_nothing_early() {
    let (kura, plan) = a_year_later().await;
    let mut desk = Desk::of(&kura, &plan).await;
    desk.allow().await;
    // The reaper's own clock is a day behind: it keeps the lock that it reads.
    let slow = Arc::new(ManualClock::new(desk.clock.now().plus_minutes(-24 * 60)));
    let vault = kura::vault::DirVault::open(&kura.store()).unwrap().with_clock(slow);
    desk.reaper = Arc::new(vault);
    let before = below(&kura, "test/sent-2031-03-03/");
    let ran = desk.run().await.unwrap();
    assert_eq!(below(&kura, "test/sent-2031-03-03/"), before, "{ran:?}");
    let row = &desk.catalog.certificates(u64::MAX, 1).await.unwrap()[0];
    assert_eq!(row.cohorts, 0, "the certificate says that nothing went");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_hidden_goes_back_as_it_was_and_its_number_is_not_given_again() {
    let (kura, plan) = a_year_later().await;
    let desk = Desk::of(&kura, &plan).await;
    expire::stand(desk.on(), "test", &doctor()).await.unwrap();
    assert_eq!(desk.run().await.unwrap().certificates, [1]);
    // Somebody with the credential that writes hides it behind a delete marker.
    let file = |name: &str| kura.store().join("certificates").join(name);
    let aside = |name: &str| kura.dir.path().join(name);
    let (certificate, intent) = ("0000000001.json", "0000000001.intent.json");
    std::fs::rename(file(certificate), aside(certificate)).unwrap();
    let missed = |proof: &Proof| {
        let named = |problem: &Problem| problem.object == "certificates/0000000001.json";
        proof.report.problems.iter().any(named)
    };
    let proof = desk.prove(&kura).await;
    assert!(missed(&proof) && !proof.is_whole(), "{:?}", proof.report.problems);
    assert_eq!(desk.run().await.unwrap().certificates, Vec::<u64>::new());
    assert_eq!(std::fs::read(file(certificate)).unwrap(), std::fs::read(aside(certificate)).unwrap());
    assert!(!missed(&desk.prove(&kura).await));
    // Another one in its place is not taken for it; what has no intent any more stops deletion.
    kura.set_day("2032-03-05");
    desk.catalog.close().await;
    let desk = Desk::of(&kura, &plan).await;
    std::fs::rename(file(intent), aside(intent)).unwrap();
    match desk.run().await {
        Err(ExpireError::Evidence { object, what }) => {
            assert!(object.contains("0000000001") && what.contains("no intent"), "{object}: {what}");
        }
        other => panic!("{other:?}"),
    }
    std::fs::rename(aside(intent), file(intent)).unwrap();
    assert_eq!(desk.run().await.unwrap().certificates, [2]);
    // Without a catalog the first of two is missed by the intent that is still there.
    std::fs::remove_file(file(certificate)).unwrap();
    let viewer = Arc::new(Viewer::of_opened(kura.opened().await).unwrap());
    let request = Request { plan: None, read: None, known: Known::default(), now: kura.clock.now() };
    let report = verify::verify(viewer, &request, &Arc::default()).await.unwrap();
    assert!(report.problems.iter().any(|one| one.object == "certificates/0000000001.json"), "{report:?}");
    check_audit::verify(&desk.catalog, None).await.unwrap();
}
