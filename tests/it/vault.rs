//! The promises of a vault, on every kind of store.

/// Connections that break.
mod faults;

/// What only a directory does.
mod directory;

/// Object Lock, wrong credentials, the probe.
mod bucket;

use std::sync::Arc;

use bytes::Bytes;
use kura::vault::{DirVault, MemoryVault, Put, Vault, VaultError};
use tokio::task::JoinSet;

use crate::support::s3::server;

/// Every promise, one after the other.
async fn keeps_its_promises(vault: Arc<dyn Vault>) {
    an_object_is_created_once(&*vault).await;
    ranges_are_exact(&*vault).await;
    listings_are_complete_and_in_order(&*vault).await;
    what_is_not_a_key_is_refused(&*vault).await;
    a_large_object_comes_back(&*vault).await;
    one_of_many_writers_wins(vault).await;
}

async fn an_object_is_created_once(vault: &dyn Vault) {
    assert_eq!(vault.size("once/a").await.expect("asked"), None);
    assert!(matches!(vault.get("once/a", None).await, Err(VaultError::Missing { key }) if key == "once/a"));
    assert_eq!(vault.put("once/a", Bytes::from("first"), None).await.expect("put"), Put::Created);
    assert_eq!(vault.put("once/a", Bytes::from("second"), None).await.expect("put"), Put::AlreadyThere);
    assert_eq!(vault.put("once/a", Bytes::from("first"), None).await.expect("put"), Put::AlreadyThere);
    vault.flush().await.expect("flushed");
    vault.flush().await.expect("flushed again");
    assert_eq!(vault.get("once/a", None).await.expect("read"), "first");
    assert_eq!(vault.size("once/a").await.expect("asked"), Some(5));
}

async fn ranges_are_exact(vault: &dyn Vault) {
    vault.put("range/a", Bytes::from("0123456789"), None).await.expect("put");
    for (range, expected) in
        [(0..10, "0123456789"), (0..1, "0"), (3..7, "3456"), (9..10, "9"), (4..4, ""), (10..10, "")]
    {
        assert_eq!(vault.get("range/a", Some(range.clone())).await.expect("read"), expected, "{range:?}");
    }
    for range in [0..11, 10..11, 11..11, 100..200] {
        let read = vault.get("range/a", Some(range.clone())).await;
        assert!(matches!(read, Err(VaultError::Missing { .. })), "{range:?}: {read:?}");
    }
    assert!(matches!(vault.get("range/none", Some(0..1)).await, Err(VaultError::Missing { .. })));
}

async fn listings_are_complete_and_in_order(vault: &dyn Vault) {
    let keys = ["list/a-b", "list/a.b", "list/a/b", "list/a/c", "list/a0", "list/b/c/d", "list/c"];
    for key in keys.iter().rev() {
        vault.put(key, Bytes::from(*key), None).await.expect("put");
    }
    let listed = async |prefix: &str| -> Vec<String> {
        let listed = vault.list(prefix).await.expect("listed");
        let mut own = listed.iter().filter(|one| one.key.starts_with("list/"));
        assert!(own.all(|one| usize::try_from(one.size_bytes) == Ok(one.key.len())));
        listed.into_iter().map(|one| one.key).collect()
    };
    assert_eq!(listed("list/").await, keys);
    assert_eq!(listed("list/a").await, keys[..5]);
    assert_eq!(listed("list/a/").await, keys[2..4]);
    assert_eq!(listed("list/b/c/d").await, keys[5..6]);
    assert!(listed("list/nothing").await.is_empty());
    assert!(listed("nothing/").await.is_empty());
    let all = listed("").await;
    assert!(keys.iter().all(|key| all.iter().any(|one| one == key)) && all.is_sorted());
}

async fn what_is_not_a_key_is_refused(vault: &dyn Vault) {
    for key in ["", "/a", "a/../b", "../a", "a//b", ".tmp/a", "a\0"] {
        assert!(
            matches!(vault.put(key, Bytes::from("x"), None).await, Err(VaultError::Unusable { .. })),
            "{key:?}"
        );
        assert!(matches!(vault.get(key, None).await, Err(VaultError::Unusable { .. })), "{key:?}");
        assert!(matches!(vault.size(key).await, Err(VaultError::Unusable { .. })), "{key:?}");
    }
    assert!(matches!(vault.list("../").await, Err(VaultError::Unusable { .. })));
}

async fn a_large_object_comes_back(vault: &dyn Vault) {
    let mut bytes = vec![0; 17 << 20];
    kura::clock::random_bytes(&mut bytes);
    let bytes = Bytes::from(bytes);
    assert_eq!(vault.put("large/a", bytes.clone(), None).await.expect("put"), Put::Created);
    assert!(vault.get("large/a", None).await.expect("read") == bytes, "other bytes came back");
    let middle = vault.get("large/a", Some(5_000_001..9_000_003)).await.expect("read");
    assert!(middle == bytes.slice(5_000_001..9_000_003), "other bytes came back");
}

async fn one_of_many_writers_wins(vault: Arc<dyn Vault>) {
    for round in 0..5 {
        let key = format!("race/{round}");
        let mut writers = JoinSet::new();
        for writer in 0..16 {
            let (vault, key) = (Arc::clone(&vault), key.clone());
            writers.spawn(async move {
                let put = vault.put(&key, Bytes::from(format!("writer {writer}")), None).await.expect("put");
                (writer, put)
            });
        }
        let ended = writers.join_all().await;
        let winners: Vec<i32> =
            ended.iter().filter(|(_, put)| *put == Put::Created).map(|(writer, _)| *writer).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let there = vault.get(&key, None).await.expect("read");
        assert_eq!(there, format!("writer {}", winners[0]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_vault_in_memory_keeps_its_promises() {
    keeps_its_promises(Arc::new(MemoryVault::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_vault_in_a_directory_keeps_its_promises() {
    let folder = tempfile::tempdir().expect("a folder");
    keeps_its_promises(Arc::new(DirVault::create(&folder.path().join("a/store")).expect("made"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_vault_in_a_bucket_keeps_its_promises() {
    let server = server();
    keeps_its_promises(Arc::new(server.vault(&server.endpoint).await)).await;
}
