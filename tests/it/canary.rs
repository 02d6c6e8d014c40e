//! A store that stops keeping its locks is told of the next morning (K-72).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock, SystemClock};
use kura::domain::alarm::AlarmCode;
use kura::domain::canary::CanaryOutcome;
use kura::domain::time::Instant;
use kura::vault::s3::S3Vault;
use kura::vault::{Locking, MemoryVault, Reaper, Remain, Vault, VaultError};
use kura::workflows::desk::Desk;
use kura::workflows::{alarms, canary, check_audit};

use crate::support::s3::{address, server, settings};

/// A store that says it locks, and does what it likes.
pub(crate) struct Lying<'a> {
    pub(crate) store: &'a MemoryVault,
    pub(crate) deletes: bool,
    pub(crate) forgets: bool,
}

#[async_trait]
impl Reaper for Lying<'_> {
    fn address(&self) -> String {
        Reaper::address(self.store)
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        self.store.remains(prefix).await
    }

    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError> {
        if self.forgets { Ok(None) } else { self.store.locked_until(remain).await }
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        if self.deletes {
            self.store.remove(&remain.key);
            return Ok(());
        }
        self.store.delete(remain).await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn locking(&self) -> Locking {
        Locking::Enforced
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_store_that_lets_locked_things_go_raises_an_alarm_until_it_keeps_them() {
    let clock = Arc::new(ManualClock::new(Instant::from_micros(1_795_000_000_000_000)));
    let store = MemoryVault::with_clock(clock.clone());
    let catalog = Catalog::in_memory().await.unwrap();
    let desk = Desk::new(catalog.clone(), BTreeMap::default(), None);
    let told = async || {
        alarms::refresh(&desk, clock.now()).await.unwrap();
        let open = alarms::list(&desk, false, 10).await.unwrap().into_iter().map(|row| row.alarm);
        open.filter(|alarm| alarm.code == AlarmCode::LockNotEnforced).map(|one| one.since).collect::<Vec<_>>()
    };
    let fly = async |deletes, forgets| {
        let lying = Lying { store: &store, deletes, forgets };
        canary::fly((&store, &lying), &catalog, clock.now()).await.unwrap()
    };
    assert_eq!(fly(false, false).await, Some(CanaryOutcome::Held));
    assert_eq!(told().await, []);
    assert_eq!(store.keys().len(), 1, "it is locked");
    clock.set(clock.now().plus_minutes(24 * 60));
    let since = clock.now();
    assert_eq!(fly(true, false).await, Some(CanaryOutcome::Deleted));
    assert_eq!(told().await, [since]);
    assert_eq!(store.keys().len(), 0, "yesterday's went, its lock was over; today's went too");
    clock.set(clock.now().plus_minutes(24 * 60));
    assert_eq!(fly(true, true).await, Some(CanaryOutcome::Deleted));
    assert_eq!(told().await, [since], "the same alarm");
    assert_eq!(fly(false, true).await, Some(CanaryOutcome::NotLocked));
    assert_eq!(told().await, [clock.now()], "it asks for something else");
    clock.set(clock.now().plus_minutes(24 * 60));
    assert_eq!(fly(false, false).await, Some(CanaryOutcome::Held));
    assert_eq!(told().await, []);
    check_audit::verify(&catalog, None).await.unwrap();
}

#[tokio::test]
async fn nothing_is_claimed_of_a_store_that_keeps_no_locks() {
    let store = MemoryVault::new();
    let catalog = Catalog::in_memory().await.unwrap();
    let now = SystemClock.now();
    assert_eq!(canary::fly((&store, &store), &catalog, now).await.unwrap(), None);
    assert!(store.keys().is_empty() && catalog.canaries().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_refuses_to_delete_a_canary() {
    let server = server();
    let address = address(&server.lock_bucket, &server.endpoint);
    let vault = S3Vault::open(&address, &settings(&server.writer)).await.unwrap();
    let reaper = S3Vault::open(&address, &settings(&server.admin)).await.unwrap();
    let catalog = Catalog::in_memory().await.unwrap();
    for _ in 0..2 {
        let flown = canary::fly((&vault, &reaper), &catalog, SystemClock.now()).await.unwrap();
        assert_eq!(flown, Some(CanaryOutcome::Held));
    }
    assert_eq!(reaper.remains("probe/canary-").await.unwrap().len(), 2, "both are locked");
    assert_eq!(Vault::address(&vault), catalog.canaries().await.unwrap()[0].store);
}
