//! Whom a reader and a host trust: what is forged, swapped or rolled back is refused, and the host opens no pack.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use kura::archive::envelope::{self, SigningKey, payload_type};
use kura::archive::records::{Repository, Snapshot};
use kura::archive::seal::{self, Identity, Keys, Recipient};
use kura::archive::{compress, digest, layout, unseal};
use kura::vault::{DirVault, Vault};
use kura::workflows::choice::{ChoiceError, Wanted};
use kura::workflows::cohort_key::open_cohort;
use kura::workflows::repository::{self, Opened, RepositoryError, RootPolicy};
use kura::workflows::restore::RestoreError;
use kura::workflows::take_snapshot::{Refused, SnapshotError};

use crate::support::kura::Kura;
use crate::support::simulate::{files, objects, request, restore_as, restore_of, settle, write};

/// A Kura with snapshots of these days.
async fn taken(days: &[&str]) -> Kura {
    let kura = Kura::new("2031-03-03").await;
    for day in days {
        kura.set_day(day);
        write(&kura.source().join(day), day, day);
        settle(&kura.source(), day);
        kura.snapshot(&kura.records()).await.unwrap();
    }
    kura
}

/// Puts other bytes in an object's place.
fn replace(kura: &Kura, key: &str, bytes: &[u8]) {
    let path = kura.store().join(key);
    if path.exists() {
        std::fs::remove_file(&path).unwrap();
    }
    std::fs::write(path, bytes).unwrap();
}

fn snapshots(kura: &Kura) -> Vec<String> {
    objects(kura).into_iter().filter(|key| key.starts_with("test/snapshots/")).collect()
}

/// Opens a store with an identity file and the root key that it names, or another.
async fn open(kura: &Kura, identity: &Path, root: Option<&str>) -> Result<Opened, RepositoryError> {
    let file = seal::read_identity_file(&std::fs::read(identity).unwrap(), None).unwrap();
    let root = root.map_or_else(|| file.root.clone().unwrap(), str::to_owned);
    let vault: Arc<dyn Vault> = Arc::new(DirVault::open(&kura.store()).unwrap());
    repository::open(vault, file.keys, &RootPolicy::Fingerprint(root)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_another_root_key_is_refused() {
    let (kura, other) = (taken(&["2031-03-03"]).await, taken(&["2031-03-03"]).await);
    assert!(open(&kura, &kura.recovery_key(), None).await.is_ok());
    let refused = open(&other, &kura.recovery_key(), None).await;
    assert!(matches!(refused, Err(RepositoryError::OtherRoot { .. })));
    let wrong = open(&kura, &kura.recovery_key(), Some("sha256:00")).await;
    assert!(matches!(wrong, Err(RepositoryError::OtherRoot { .. })));
    let theirs = seal::read_identity_file(&std::fs::read(kura.recovery_key()).unwrap(), None).unwrap().root;
    let stranger = open(&kura, &other.recovery_key(), theirs.as_deref()).await;
    assert!(matches!(stranger, Err(RepositoryError::WrongIdentity)));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_another_repository_are_refused_in_its_place() {
    for key in ["kura/1.json", "keys/recovery-1.json", "keys/signing-1.json", "keys/catalog-1.age"] {
        let (kura, other) = (taken(&["2031-03-03"]).await, taken(&["2031-03-03"]).await);
        replace(&kura, key, &std::fs::read(other.store().join(key)).unwrap());
        assert!(open(&kura, &kura.recovery_key(), None).await.is_err(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_recovery_keys_were_swapped_does_not_start() {
    let (kura, other) = (taken(&["2031-03-03"]).await, taken(&["2031-03-03"]).await);
    for name in ["recovery.json", "signing.json", "repository.json", "catalog.json", "host-signing-key.pem"] {
        let path = kura.home().key_file(name);
        let own = std::fs::read(&path).unwrap();
        std::fs::write(&path, std::fs::read(other.home().key_file(name)).unwrap()).unwrap();
        let opened = kura::workflows::host::Host::open(kura.home(), None).await;
        assert!(opened.is_err(), "{name}");
        std::fs::write(&path, own).unwrap();
    }
    assert!(kura.snapshot(&kura.records()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_is_said_to_be_one() {
    let kura = taken(&["2031-03-03"]).await;
    let bytes = std::fs::read(kura.store().join("kura/1.json")).unwrap();
    let payload = envelope::peek(&bytes, payload_type::REPOSITORY).unwrap();
    let record: Repository = serde_json::from_slice(&payload).unwrap();
    let newer = serde_json::to_vec(&Repository { format: 9, ..record }).unwrap();
    let pem = std::fs::read_to_string(kura.dir.path().join("recovery.key.root")).unwrap();
    let root = SigningKey::from_pem(&pem).unwrap();
    replace(&kura, "kura/1.json", &root.sign(payload_type::REPOSITORY, &newer));
    let refused = open(&kura, &kura.recovery_key(), None).await;
    assert!(matches!(refused, Err(RepositoryError::NewerFormat { found: 9 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_signed_by_an_unknown_key_is_refused() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let opened = kura.opened().await;
    let newest = snapshots(&kura).pop().unwrap();
    let sealed = std::fs::read(kura.store().join(&newest)).unwrap();
    let plain = seal::open(&sealed, &opened.secrets.catalog, 1 << 20).unwrap();
    let payload = compress::decompress(&plain, 1 << 20)
        .map(|signed| envelope::peek(&signed, payload_type::SNAPSHOT).unwrap())
        .unwrap();
    let catalog: Recipient = opened.trust.repository.catalog.parse().unwrap();
    let (stranger, _) = SigningKey::generate().unwrap();
    let pem = std::fs::read_to_string(kura.home().key_file("host-signing-key.pem")).unwrap();
    let host = SigningKey::from_pem(&pem).unwrap();
    std::fs::remove_file(kura.store().join(&newest)).unwrap();
    for (signer, is_accepted) in [(stranger, false), (host, true)] {
        let compressed = compress::compress(&signer.sign(payload_type::SNAPSHOT, &payload)).unwrap();
        let sealed = seal::seal(&compressed, &[&catalog]).unwrap();
        let key = layout::snapshot(&"test".parse().unwrap(), 2, &digest::Sha256::of(&sealed));
        replace(&kura, &key, &sealed);
        let asked = request(&kura, &format!("{is_accepted}"));
        assert_eq!(restore_as(&kura, &asked).await.is_ok(), is_accepted);
        assert_eq!(asked.to.exists(), is_accepted);
        std::fs::remove_file(kura.store().join(&key)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_rolled_back_is_refused() {
    let kura = taken(&["2031-03-03", "2031-03-04", "2031-03-05"]).await;
    let names = snapshots(&kura);
    let newest = std::fs::read(kura.store().join(&names[2])).unwrap();
    std::fs::remove_file(kura.store().join(&names[2])).unwrap();
    let before = objects(&kura);
    let refused = kura.snapshot(&kura.records()).await;
    let expected = Refused::RolledBack { stored: 2, known: 3 };
    assert!(
        matches!(&refused, Err(SnapshotError::Refused(found)) if found.to_string() == expected.to_string()),
        "{refused:?}"
    );
    assert_eq!(objects(&kura), before);
    // A restore knows of it only if it is told the head.
    let mut asked = request(&kura, "to");
    let digest = names[2].rsplit('-').next().unwrap().to_owned();
    asked.expect_head = Some((3, digest.clone()));
    let refused = restore_as(&kura, &asked).await;
    assert!(matches!(refused, Err(RestoreError::RolledBack { expected: 3, found: 2 })), "{refused:?}");
    // The newest is back, and the one before it is gone.
    replace(&kura, &names[2], &newest);
    std::fs::remove_file(kura.store().join(&names[1])).unwrap();
    asked.expect_head = None;
    let refused = restore_as(&kura, &asked).await;
    assert!(matches!(refused, Err(RestoreError::Choice(ChoiceError::Chain { .. }))), "{refused:?}");
    // A snapshot that is named by its id speaks for itself, and backups go on: the sooner the better.
    restore_of(&kura, &digest, "by-id").await;
    assert!(kura.snapshot(&kura.records()).await.is_ok());
    let refused = restore_as(&kura, &asked).await;
    assert!(matches!(refused, Err(RestoreError::Choice(ChoiceError::Chain { .. }))), "{refused:?}");
    // The oldest may go: expiry takes it.
    let kura = taken(&["2031-03-03", "2031-03-04", "2031-03-05"]).await;
    std::fs::remove_file(kura.store().join(&snapshots(&kura)[0])).unwrap();
    assert!(restore_as(&kura, &request(&kura, "to")).await.is_ok());
    assert!(kura.snapshot(&kura.records()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_in_the_place_of_another_is_refused() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let names = snapshots(&kura);
    let first = std::fs::read(kura.store().join(&names[0])).unwrap();
    std::fs::remove_file(kura.store().join(&names[1])).unwrap();
    let moved = layout::snapshot(&"test".parse().unwrap(), 2, &digest::Sha256::of(&first));
    replace(&kura, &moved, &first);
    let refused = restore_as(&kura, &request(&kura, "to")).await;
    assert!(matches!(refused, Err(RestoreError::Choice(ChoiceError::Newest { .. }))), "{refused:?}");
}

/// Every age identity that stands anywhere in the files below a folder.
fn identities(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files(root) {
        // The files beside the catalog go away when it is closed.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for (at, _) in text.match_indices("AGE-SECRET-KEY-1") {
            found.insert(text.get(at..).unwrap_or_default().chars().take(74).collect());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_opens_no_pack_and_the_recovery_key_opens_all() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let secrets = identities(kura.home().path());
    assert_eq!(secrets.len(), 1, "the catalog identity");
    let opened = kura.opened().await;
    let keys =
        repository::Secrets::check(opened.secrets.record.clone(), &opened.trust.repository, "k").unwrap();
    let progress = kura::workflows::restore::open_snapshot(
        &opened,
        &Wanted::Latest,
        None,
        crate::support::kura::noon("2031-03-05"),
    );
    let open = progress.await.unwrap();
    let record: &Snapshot = &open.snapshot;
    let mut packs = 0;
    for cohort in &record.cohorts {
        let (plan, id) = ("test".parse().unwrap(), cohort.cohort.parse().unwrap());
        let with_recovery = open_cohort(&opened, &plan, &id, (cohort.key_number, &cohort.key)).await.unwrap();
        let folder = kura.store().join("test").join(&cohort.cohort);
        for pack in std::fs::read_dir(folder.join("packs")).unwrap().flatten() {
            let sealed = std::fs::read(pack.path()).unwrap();
            for secret in &secrets {
                let host = Keys::from(Identity::from_secret(secret).unwrap());
                assert!(unseal::open_pack(&sealed, &host).is_err(), "the host opens a pack");
            }
            assert!(unseal::open_pack(&sealed, &keys.catalog).is_err());
            assert!(
                unseal::open_pack(&sealed, &opened.keys).is_err(),
                "packs are sealed to the cohort's key only"
            );
            assert!(unseal::open_pack(&sealed, &with_recovery).is_ok());
            packs += 1;
        }
        let text = std::fs::read_to_string(folder.join("key-1.json")).unwrap();
        let payload = envelope::peek(text.as_bytes(), payload_type::COHORT_KEY).unwrap();
        let key: kura::archive::records::CohortKey = serde_json::from_slice(&payload).unwrap();
        assert!(seal::open(key.sealed_identity.as_bytes(), &keys.catalog, 1 << 16).is_err());
        assert!(seal::open(key.sealed_identity.as_bytes(), &opened.keys, 1 << 16).is_ok());
    }
    assert!(packs >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_repository_record_with_a_higher_number_does_not_end_all_restores() {
    let kura = taken(&["2031-03-03"]).await;
    std::fs::write(kura.store().join("kura/2.json"), "rubbish").unwrap();
    assert!(restore_as(&kura, &request(&kura, "to")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_snapshots_do_not_end_all_backups_and_restores() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let forge = |plan: &str, sequence: u32| {
        let key = format!("{plan}/snapshots/{sequence:010}-{}", "f".repeat(64));
        std::fs::create_dir_all(kura.store().join(plan).join("snapshots")).unwrap();
        std::fs::write(kura.store().join(key), "rubbish").unwrap();
    };
    // Used numbers, and one far beyond the chain: left aside.
    for sequence in [1, 2, 9999] {
        forge("test", sequence);
    }
    restore_as(&kura, &request(&kura, "used")).await.unwrap();
    // The next number may be a real snapshot that was altered: no older one is taken in its place unasked.
    forge("test", 3);
    let refused = restore_as(&kura, &request(&kura, "next")).await;
    let Err(RestoreError::Choice(ChoiceError::Newest { instead, .. })) = refused else {
        panic!("{refused:?}");
    };
    let second = snapshots(&kura)
        .into_iter()
        .find(|key| key.contains("/0000000002-") && !key.ends_with(&"f".repeat(64)));
    let id: String = second.unwrap().rsplit('-').next().unwrap().chars().take(12).collect();
    assert!(instead.contains(&id), "{instead}");
    restore_of(&kura, &id, "by-id").await;
    // The next backup takes the number, and then all is well again.
    assert_eq!(kura.snapshot(&kura.records()).await.unwrap().sequence, 3);
    restore_as(&kura, &request(&kura, "after")).await.unwrap();
    // Another plan's forgeries are that plan's trouble: it must only be named.
    forge("stranger", 1);
    let mut asked = request(&kura, "of-test");
    asked.wanted = Wanted::parse("latest:test").unwrap();
    restore_as(&kura, &asked).await.unwrap();
    assert!(kura.snapshot(&kura.records()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_newest_snapshot_does_not_end_backups_and_is_never_silently_replaced_by_an_older_one() {
    let kura = taken(&["2031-03-03", "2031-03-04"]).await;
    let newest = snapshots(&kura).pop().unwrap();
    replace(&kura, &newest, b"rubbish");
    let refused = restore_as(&kura, &request(&kura, "altered")).await;
    assert!(matches!(refused, Err(RestoreError::Choice(ChoiceError::Newest { .. }))), "{refused:?}");
    for sequence in [2, 3] {
        assert_eq!(kura.snapshot(&kura.records()).await.unwrap().sequence, sequence);
        let to = format!("after-{sequence}");
        restore_as(&kura, &request(&kura, &to)).await.unwrap();
        assert_eq!(files(&kura.dir.path().join(to)), files(&kura.source()));
    }
}
