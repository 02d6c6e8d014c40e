//! What one store altered is mended from the other, in either direction, and never the other way round (K-96).

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kura::clock::{Clock as _, SystemClock};
use kura::domain::time::{Instant, Zone};
use kura::vault::s3::S3Vault;
use kura::vault::{DirVault, RemainKind, Vault, reaper::Reaper};
use kura::workflows::host::Host;
use kura::workflows::replica;

use crate::support::kura::Kura;
use crate::support::s3::{address, server, settings, stock_client};
use crate::support::simulate::{files, objects, write};

async fn two_stores() -> (Kura, Host, DirVault, std::path::PathBuf) {
    let kura = Kura::new("2031-03-03").await;
    let second = kura.dir.path().join("second");
    let file = kura.home().settings_file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[replica]\nstore = \"{}\"\n", second.display())).unwrap();
    for day in ["2031-03-03", "2031-03-04"] {
        kura.set_day(day);
        write(&kura.source().join(day), day, day);
        kura.snapshot(&kura.records()).await.unwrap();
    }
    let host = Host::open(kura.home(), None).await.unwrap();
    replica::keep_up(&host, kura.clock.now()).await;
    let other = DirVault::open(&second).unwrap();
    (kura, host, other, second)
}

/// The same length, other bytes.
fn alter(file: &Path) -> Vec<u8> {
    let good = std::fs::read(file).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bad).unwrap();
    good
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_altered_object_is_mended_in_either_direction() {
    let (kura, host, other, second) = two_stores().await;
    let ends = replica::ends_of(&host, &other, kura.clock.now()).await.unwrap();
    let kinds = [
        "kura/1.json",
        "keys/signing-1.json",
        "keys/recovery-1.json",
        "keys/catalog-1.age",
        "sent-2031-03-03/key-1.json",
        "sent-2031-03-03/packs/",
        "sent-2031-03-03/index/",
        "snapshots/0000000001-",
    ];
    for kind in kinds {
        let key =
            objects(&kura).into_iter().find(|key| key.contains(kind)).unwrap_or_else(|| panic!("{kind}"));
        for root in [kura.store(), second.clone()] {
            let good = alter(&root.join(&key));
            let scrub = |heals| replica::scrub((&*host.vault, &other), &ends, (None, heals));
            let found = scrub(false).await.unwrap();
            assert_eq!((found.wrong.len(), found.healed.len()), (1, 0), "{key}: {found:?}");
            let healed = scrub(true).await.unwrap();
            assert_eq!((healed.wrong.len(), healed.healed.len()), (0, 1), "{key}: {healed:?}");
            assert_eq!(std::fs::read(root.join(&key)).unwrap(), good, "{key}");
            let again = scrub(true).await.unwrap();
            assert_eq!((again.wrong.len(), again.healed.len()), (0, 0), "{key}");
        }
        let lock = |root: &Path| std::fs::metadata(root.join(&key)).unwrap().modified().unwrap();
        assert_eq!(lock(&kura.store()), lock(&second), "{key}: locked as before");
    }
    assert_eq!(files(&second), objects(&kura));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_copy_is_never_put_over_anything() {
    let (kura, host, other, second) = two_stores().await;
    let ends = replica::ends_of(&host, &other, kura.clock.now()).await.unwrap();
    let find = |part: &str| objects(&kura).into_iter().find(|key| key.contains(part)).unwrap();
    let pack = find("sent-2031-03-03/packs/");
    // Both are altered, each in its own way; another one is lost here and altered there.
    alter(&kura.store().join(&pack));
    std::fs::remove_file(second.join(&pack)).unwrap();
    std::fs::write(second.join(&pack), "something else").unwrap();
    let key = find("sent-2031-03-04/key-1.json");
    std::fs::remove_file(kura.store().join(&key)).unwrap();
    alter(&second.join(&key));
    let before = [kura.store().join(&pack), second.join(&pack), second.join(&key)];
    let bytes = || before.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>();
    let kept = bytes();
    let found = replica::scrub((&*host.vault, &other), &ends, (None, true)).await.unwrap();
    assert_eq!((found.wrong.len(), found.healed.len()), (2, 0), "{found:?}");
    assert_eq!(bytes(), kept);
    assert!(!kura.store().join(&key).exists());
}

/// A bucket that locks: somebody put other bytes in front of a locked object. The right ones come in front of those, and
/// nothing that is locked is touched.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_bucket_gets_the_right_version_in_front_of_the_altered_one() {
    let server = server();
    let address = address(&server.lock_bucket, &server.endpoint);
    // Made at noon of the day before, which is over whatever time it is now.
    let before = Instant::from_micros(SystemClock.now().as_micros() - 86_400_000_000);
    let kura = Kura::new(&Zone::named("Asia/Tokyo").unwrap().day_of(before).to_string()).await;
    kura.clock.set(SystemClock.now());
    std::fs::write(kura.source().join("record"), "a record of today").unwrap();
    kura.snapshot(&kura.records()).await.unwrap();
    let host = Host::open(kura.home(), None).await.unwrap();
    let vault = Arc::new(S3Vault::open(&address, &settings(&server.writer)).await.unwrap());
    let now = kura.clock.now();
    let ends = replica::ends_of(&host, &*vault, now).await.unwrap();
    replica::copy(&*host.vault, &*vault, &ends).await.unwrap();
    let pack = objects(&kura).into_iter().find(|key| key.contains("/packs/")).unwrap();
    let good = std::fs::read(kura.store().join(&pack)).unwrap();
    let bad = vec![7; good.len()];
    let stock = stock_client(server);
    let put = stock.put_object().bucket(&server.lock_bucket).key(format!("{}/{pack}", address.prefix));
    put.body(Bytes::from(bad.clone()).into()).send().await.unwrap();
    assert_eq!(vault.get(&pack, None).await.unwrap(), bad, "somebody put it in front");

    let healed = replica::scrub((&*host.vault, &*vault), &ends, (None, true)).await.unwrap();
    assert_eq!((healed.wrong.len(), healed.healed.len()), (0, 1), "{healed:?}");
    assert_eq!(vault.get(&pack, None).await.unwrap(), good);
    let remains = vault.remains(&pack).await.unwrap();
    let versions = remains.iter().filter(|one| one.kind == RemainKind::Version).count();
    assert_eq!(versions, 3, "the first, the altered, the right one: {remains:?}");
    let kept = vault.kept_lock(&pack).await.unwrap().expect("it is locked");
    assert!(now < kept.until);
    // The way back: the folder is altered, the bucket mends it.
    alter(&kura.store().join(&pack));
    let healed = replica::scrub((&*host.vault, &*vault), &ends, (None, true)).await.unwrap();
    assert_eq!((healed.wrong.len(), healed.healed.len()), (0, 1), "{healed:?}");
    assert_eq!(std::fs::read(kura.store().join(&pack)).unwrap(), good);
}
