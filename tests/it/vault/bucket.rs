//! Object Lock, wrong credentials, the probe.

use bytes::Bytes;
use kura::clock::{Clock as _, SystemClock};
use kura::domain::time::Instant;
use kura::vault::probe::{ProbeReport, Verdict, probe, probe_vault};
use kura::vault::s3::S3Vault;
use kura::vault::{Lock, MemoryVault, Put, StoreUrl, Vault as _, VaultError};

use crate::support::fault_proxy::FaultProxy;
use crate::support::s3::{address, server, settings, stock_client};

fn in_seconds(seconds: i64) -> Instant {
    Instant::from_micros(SystemClock.now().as_micros() + seconds * 1_000_000)
}

#[tokio::test]
async fn a_lock_is_set_in_the_put_and_holds() {
    let server = server();
    let address = address(&server.lock_bucket, &server.endpoint);
    let vault = S3Vault::open(&address, &settings(&server.writer)).await.expect("opened");
    assert!(vault.can_lock());
    let until = in_seconds(60);
    assert_eq!(vault.put("p/x", Bytes::from("x"), Some(until.into())).await.expect("put"), Put::Created);
    assert_eq!(vault.put("p/x", Bytes::from("y"), Some(until.into())).await.expect("put"), Put::AlreadyThere);

    let client = stock_client(server);
    let name = format!("{}/p/x", address.prefix);
    let versions =
        client.list_object_versions().bucket(&server.lock_bucket).prefix(&name).send().await.expect("listed");
    let [version] = versions.versions() else { panic!("{versions:?}") };
    let id = version.version_id().expect("a version");
    let lock = client.get_object_retention().bucket(&server.lock_bucket).key(&name).version_id(id);
    let lock = lock.send().await.expect("asked").retention.expect("a lock");
    assert_eq!(lock.mode.expect("a mode").as_str(), "COMPLIANCE");
    assert_eq!(
        lock.retain_until_date.expect("a date").secs(),
        until.as_seconds() + 1,
        "rounded up to a second"
    );
    let deleted = client.delete_object().bucket(&server.lock_bucket).key(&name).version_id(id).send().await;
    assert!(deleted.is_err(), "a locked version was deleted early");
    assert_eq!(vault.get("p/x", None).await.expect("read"), "x");
}

#[tokio::test]
async fn every_object_carries_its_digest() {
    let server = server();
    let address = address(&server.bucket, &server.endpoint);
    let vault = S3Vault::open(&address, &settings(&server.writer)).await.expect("opened");
    assert!(!vault.can_lock());
    vault.put("p/x", Bytes::from("x"), Some(in_seconds(60).into())).await.expect("put without a lock");
    let head =
        stock_client(server).head_object().bucket(&server.bucket).key(format!("{}/p/x", address.prefix));
    let head = head.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.expect("there");
    let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    assert_eq!(head.metadata().expect("metadata")["kura-sha256"], digest);
    assert_eq!(head.checksum_sha256(), Some("LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="));
}

#[tokio::test]
async fn a_put_carries_its_checksum_its_lock_and_its_condition_in_signed_headers() {
    let server = server();
    let proxy = FaultProxy::before(&server.endpoint).await;
    let address = address(&server.lock_bucket, &proxy.endpoint);
    let vault = S3Vault::open(&address, &settings(&server.writer)).await.expect("opened");
    vault.put("p/x", Bytes::from("x"), Some(in_seconds(1).into())).await.expect("put");
    let head = proxy.last_head();
    let signed = head.lines().find(|line| line.starts_with("authorization:")).expect("signed");
    for header in [
        "if-none-match: *",
        "x-amz-checksum-sha256: lxewqrcmseqbynyp+6wy9chtd7gqpmtbaiwhf5iasie=",
        "x-amz-content-sha256: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "x-amz-object-lock-mode: compliance",
        "x-amz-object-lock-retain-until-date: 2",
        "x-amz-meta-kura-sha256: 2d711642",
    ] {
        assert!(head.contains(&format!("\n{header}")), "{header} is missing in\n{head}");
        let (name, _) = header.split_once(':').expect("a header");
        assert!(signed.contains(name), "{name} is not signed in\n{head}");
    }
    for unwanted in ["aws-chunked", "x-amz-trailer", "transfer-encoding", "crc32"] {
        assert!(!head.contains(unwanted), "{unwanted} in\n{head}");
    }
}

#[tokio::test]
async fn a_reader_reads_and_cannot_write() {
    let server = server();
    for bucket in [&server.bucket, &server.lock_bucket] {
        let address = address(bucket, &server.endpoint);
        let writer = S3Vault::open(&address, &settings(&server.writer)).await.expect("opened");
        writer.put("p/x", Bytes::from("x"), None).await.expect("put");
        let reader = S3Vault::open(&address, &settings(&server.reader)).await.expect("opened");
        assert_eq!(reader.get("p/x", None).await.expect("read"), "x");
        assert_eq!(reader.list("p/").await.expect("listed").len(), 1);
        for lock in [None, Some(in_seconds(60).into())] {
            let refused = reader.put("p/y", Bytes::from("y"), lock).await;
            assert!(matches!(refused, Err(VaultError::Denied { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn wrong_credentials_and_buckets_are_told_with_what_to_do() {
    let server = server();
    let (key, _) = server.writer.split_once(':').expect("key:secret");
    for (bucket, identity, words) in [
        (&*server.bucket, "nobody:wrong-secret-0123456789".to_owned(), "AWS_ACCESS_KEY_ID"),
        (&*server.bucket, format!("{key}:wrong-secret-0123456789"), "AWS_SECRET_ACCESS_KEY"),
        ("no-such-bucket", server.admin.clone(), "make the bucket first"),
    ] {
        let address = address(bucket, &server.endpoint);
        let Err(error) = S3Vault::open(&address, &settings(&identity)).await else { panic!("{words}") };
        let said = error.to_string();
        assert!(matches!(error, VaultError::Denied { .. } | VaultError::Unusable { .. }), "{said}");
        assert!(said.contains(words) && !said.contains("wrong-secret"), "{said}");
    }
}

fn verdicts(report: &ProbeReport) -> Vec<(&'static str, Verdict)> {
    report.lines.iter().map(|line| (line.check, line.verdict)).collect()
}

const BASICS: [(&str, Verdict); 6] = [
    ("write", Verdict::Pass),
    ("read", Verdict::Pass),
    ("range read", Verdict::Pass),
    ("list", Verdict::Pass),
    ("conditional create", Verdict::Pass),
    ("latency", Verdict::Pass),
];

#[tokio::test]
async fn the_probe_tells_what_a_bucket_can_do() {
    let server = server();
    let plain =
        [("checksum", Verdict::Pass), ("object lock", Verdict::NotSupported), ("clock", Verdict::Pass)];
    let locked = |holds| {
        let kept = ("lock read back", Verdict::Pass);
        vec![
            ("checksum", Verdict::Pass),
            ("object lock", Verdict::Pass),
            kept,
            holds,
            ("clock", Verdict::Pass),
        ]
    };
    for (bucket, identity, expected) in [
        (&server.bucket, &server.admin, plain.to_vec()),
        (&server.lock_bucket, &server.admin, locked(("lock holds", Verdict::Pass))),
    ] {
        let address = StoreUrl::Bucket(address(bucket, &server.endpoint));
        let report = probe(&address, &settings(identity), &SystemClock).await.expect("opened");
        assert_eq!(verdicts(&report), [&BASICS[..], &expected].concat(), "{report:#?}");
        assert!(report.usable);
        let vault = kura::vault::open(&address, &settings(identity)).await.expect("opened");
        let left = vault.list("probe/").await.expect("listed");
        assert!(left.iter().all(|one| one.key.ends_with("-locked")), "{left:?}");
    }
    let address = StoreUrl::Bucket(address(&server.bucket, &server.endpoint));
    let report = probe(&address, &settings(&server.reader), &SystemClock).await.expect("opened");
    assert_eq!(verdicts(&report), [("write", Verdict::Fail)]);
    assert!(!report.usable && report.lines[0].detail.contains("right"), "{report:#?}");
}

#[tokio::test]
async fn the_probe_tells_what_a_directory_can_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = StoreUrl::Directory(folder.path().to_path_buf());
    let report = probe(&address, &settings("no:one"), &SystemClock).await.expect("opened");
    assert_eq!(
        verdicts(&report),
        [&BASICS[..], &[("object lock", Verdict::NotSupported)]].concat(),
        "{report:#?}"
    );
    assert!(report.usable);
    let vault = kura::vault::open(&address, &settings("no:one")).await.expect("opened");
    assert!(vault.list("").await.expect("listed").is_empty());
}

/// A store that ignores the condition: it overwrites.
struct Overwriting(MemoryVault);

#[async_trait::async_trait]
impl kura::vault::Vault for Overwriting {
    fn address(&self) -> String {
        self.0.address()
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        self.0.remove(key);
        self.0.put(key, bytes, lock).await
    }

    async fn get(&self, key: &str, range: Option<std::ops::Range<u64>>) -> Result<Bytes, VaultError> {
        self.0.get(key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        self.0.size(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<kura::vault::Listed>, VaultError> {
        self.0.list(prefix).await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        self.0.flush().await
    }

    fn can_lock(&self) -> bool {
        self.0.can_lock()
    }

    fn is_remote(&self) -> bool {
        self.0.is_remote()
    }
}

#[tokio::test]
async fn a_store_that_overwrites_is_not_usable() {
    let report = probe_vault(&Overwriting(MemoryVault::new())).await;
    assert!(!report.usable);
    assert!(
        report.lines.contains(&report.lines[4]) && report.lines[4].verdict == Verdict::Fail,
        "{report:#?}"
    );
    assert!(probe_vault(&MemoryVault::new()).await.usable);
}
