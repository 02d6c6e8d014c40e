//! Deletion on a real S3 server that keeps its locks: refused before the date, by version after it, nothing left, certified.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kura::clock::{Clock as _, SystemClock};
use kura::domain::time::Instant;
use kura::vault::s3::S3Vault;
use kura::vault::{Listed, Lock, Put, Reaper, RemainKind, Vault, VaultError};
use kura::workflows::host::Host;

use crate::expiry::{Desk, a_year_later};
use crate::support::s3::{address, server, settings, stock_client};
use crate::support::simulate::objects;

/// How long every lock of this test lasts, seconds of real time.
const LOCK_SECONDS: i64 = 12;

/// A bucket whose locks last seconds instead of a year.
struct Hasty(S3Vault);

fn in_seconds(seconds: i64) -> Instant {
    Instant::from_micros((SystemClock.now().as_seconds() + seconds) * 1_000_000)
}

#[async_trait]
impl Vault for Hasty {
    fn address(&self) -> String {
        Vault::address(&self.0)
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        self.0.put(key, bytes, lock.map(|lock| Lock { until: in_seconds(LOCK_SECONDS), ..lock })).await
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
        Ok(())
    }

    fn can_lock(&self) -> bool {
        self.0.can_lock()
    }

    fn is_remote(&self) -> bool {
        true
    }
}

async fn wait_until(at: Instant) {
    let seconds = at.as_seconds() - SystemClock.now().as_seconds() + 1;
    tokio::time::sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_day_is_refused_and_goes_by_version_when_its_lock_has_ended() {
    let server = server();
    let address = address(&server.lock_bucket, &server.endpoint);
    let (kura, plan) = a_year_later().await;
    let mut desk = Desk::of(&kura, &plan).await;
    let vault = Hasty(S3Vault::open(&address, &settings(&server.writer)).await.expect("the writer"));
    assert!(vault.can_lock());
    let mut last = in_seconds(0);
    for key in objects(&kura) {
        let bytes = std::fs::read(kura.store().join(&key)).expect("an object");
        last = in_seconds(LOCK_SECONDS);
        assert_eq!(vault.put(&key, bytes.into(), Some(last.into())).await.expect("put"), Put::Created);
    }
    let reaper = Arc::new(S3Vault::open(&address, &settings(&server.admin)).await.expect("the reaper"));
    desk.host = Host { vault: Arc::new(vault), ..desk.host };
    desk.reaper = reaper.clone();
    assert_eq!(
        Reaper::outside_time(&*reaper).await.expect("asked"),
        None,
        "a server on this machine is no witness"
    );

    // Behind Kura's back: a mark that hides a pack, and an upload that nobody finished.
    let stock = stock_client(server);
    let name = |key: &str| format!("{}/{key}", address.prefix);
    let packs = desk.host.vault.list("test/sent-2031-03-03/packs/").await.expect("packs");
    let hidden = name(&packs[0].key);
    stock.delete_object().bucket(&server.lock_bucket).key(&hidden).send().await.expect("a mark");
    let upload = stock.create_multipart_upload().bucket(&server.lock_bucket);
    upload.key(name("test/sent-2031-03-03/packs/begun")).send().await.expect("an upload");
    let kinds = |remains: &[kura::vault::Remain], kind| remains.iter().filter(|one| one.kind == kind).count();
    let remains = reaper.remains("test/sent-2031-03-03/").await.expect("listed");
    assert_eq!(kinds(&remains, RemainKind::DeleteMarker), 1, "{remains:?}");
    assert_eq!(kinds(&remains, RemainKind::Upload), 1, "{remains:?}");

    let version = remains.iter().find(|one| one.kind == RemainKind::Version).expect("a version");
    let refused = reaper.delete(version).await.expect_err("it is locked");
    assert!(
        matches!(&refused, VaultError::Locked { key, until }
        if *key == version.key && *until <= last),
        "{refused:?}"
    );
    desk.allow().await;
    let ran = desk.run().await.expect("a run");
    let first = &desk.catalog.certificates(u64::MAX, 1).await.expect("certificates")[0];
    assert_eq!(
        (ran.certificates.len(), first.cohorts),
        (1, 0),
        "the store refused, and the certificate says so"
    );
    assert!(reaper.remains("test/sent-2031-03-03/").await.expect("listed").len() >= packs.len());

    wait_until(last).await;
    desk.allow().await;
    desk.run().await.expect("a run");
    assert_eq!(reaper.remains("test/sent-2031-03-03/").await.expect("listed"), []);
    let listed =
        stock.list_object_versions().bucket(&server.lock_bucket).prefix(name("test/sent-2031-03-03"));
    let listed = listed.send().await.expect("listed");
    assert!(listed.versions().is_empty() && listed.delete_markers().is_empty(), "{listed:?}");
    let rows = desk.catalog.certificates(u64::MAX, 10).await.expect("certificates");
    assert_eq!((rows[0].number, rows[0].cohorts), (2, 1));
    assert!(
        desk.host.vault.list("test/sent-2031-03-04/").await.expect("listed").len() > 2,
        "the next day stays"
    );
}
