//! Snapshots and clocks outside the machine: nothing is stored by a clock that disagrees.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use kura::app::{Catalog, Host};
use kura::clock::Clock as _;
use kura::domain::plan::Plan;
use kura::domain::time::Instant;
use kura::vault::{DirVault, Listed, Put, Vault, VaultError};
use kura::workflows::take_snapshot::{Refused, Request, SnapshotError, Summary, take_snapshot};

use crate::expiry::Portal;
use crate::support::kura::Kura;
use crate::support::simulate::{objects, write};

/// A store whose server tells the time.
struct Telling(DirVault, Instant);

#[async_trait]
impl Vault for Telling {
    fn address(&self) -> String {
        "s3://bucket/kura".to_owned()
    }

    async fn put(&self, key: &str, bytes: Bytes, until: Option<Instant>) -> Result<Put, VaultError> {
        self.0.put(key, bytes, until).await
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
