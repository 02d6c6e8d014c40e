//! What only a directory does.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use kura::vault::{DirVault, Put, Vault as _, VaultError};

#[tokio::test]
async fn an_object_is_a_read_only_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = DirVault::open(folder.path()).expect("opened");
    vault.put("p/x", Bytes::from("x"), None).await.expect("put");
    let about = fs::metadata(folder.path().join("p/x")).expect("there");
    assert_eq!(about.permissions().mode() & 0o777, 0o444);
    assert!(!vault.can_lock());
    assert_eq!(fs::read_dir(folder.path().join(".tmp")).expect("there").count(), 0);
}

#[tokio::test]
async fn links_and_odd_files_are_neither_followed_nor_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("x"), "outside").expect("written");
    let vault = DirVault::open(folder.path()).expect("opened");
    vault.put("p/x", Bytes::from("x"), None).await.expect("put");
    symlink(outside.path(), folder.path().join("link")).expect("linked");
    symlink(outside.path().join("x"), folder.path().join("p/link")).expect("linked");
    fs::write(folder.path().join("p/not a key"), "x").expect("written");
    let keys: Vec<String> = vault.list("").await.expect("listed").into_iter().map(|one| one.key).collect();
    assert_eq!(keys, ["p/x"]);
    assert!(vault.list("link/").await.expect("listed").is_empty());
    for key in ["link/x", "p/link", "p"] {
        assert!(matches!(vault.get(key, None).await, Err(VaultError::Missing { .. })), "{key}");
        assert_eq!(vault.size(key).await.expect("asked"), None, "{key}");
    }
    assert!(matches!(vault.put("link/y", Bytes::from("y"), None).await, Err(VaultError::Unusable { .. })));
    assert_eq!(fs::read_dir(outside.path()).expect("there").count(), 1);
}

#[tokio::test]
async fn what_a_power_cut_left_of_an_object_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = DirVault::open(folder.path()).expect("opened");
    let bytes = Bytes::from(vec![7; 10_000]);
    fs::create_dir(folder.path().join("p")).expect("made");
    for (key, left, expected) in [
        ("p/empty", vec![], Put::Created),
        ("p/page", vec![7; 4096], Put::Created),
        ("p/other", vec![8; 4096], Put::AlreadyThere),
        ("p/odd", vec![7; 4095], Put::AlreadyThere),
        ("p/whole", vec![7; 10_000], Put::AlreadyThere),
    ] {
        fs::write(folder.path().join(key), &left).expect("written");
        assert_eq!(vault.put(key, bytes.clone(), None).await.expect("put"), expected, "{key}");
        let there = vault.get(key, None).await.expect("read");
        assert!(if expected == Put::Created { there == bytes } else { there == left }, "{key}");
    }
    vault.flush().await.expect("flushed");
}

#[tokio::test]
async fn many_objects_are_flushed_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = DirVault::open(folder.path()).expect("opened");
    for number in 0..40 {
        vault.put(&format!("p/{number}/x"), Bytes::from("x"), None).await.expect("put");
    }
    vault.flush().await.expect("flushed");
    vault.put("q/x", Bytes::from("x"), None).await.expect("put");
    fs::remove_dir_all(folder.path().join("q")).expect("removed");
    vault.flush().await.expect("what was deleted since needs no flush");
}

#[tokio::test]
async fn leftovers_of_a_crash_go_after_a_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let temp = folder.path().join(".tmp");
    fs::create_dir(&temp).expect("made");
    for (name, age) in [("old", "2 days ago"), ("new", "1 hour ago")] {
        let touched = Command::new("touch").args(["-d", age]).arg(temp.join(name)).status();
        assert!(touched.expect("touch runs").success());
    }
    DirVault::open(folder.path()).expect("opened");
    assert!(!temp.join("old").exists() && temp.join("new").exists());
}

#[test]
fn a_missing_folder_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("written");
    for (name, advice) in [("nothing", "mount its disk"), ("file", "not a folder")] {
        let Err(error) = DirVault::open(&folder.path().join(name)) else { panic!("{name} opened") };
        assert!(
            matches!(error, VaultError::Unusable { .. }) && error.to_string().contains(advice),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let disk = SmallDisk::mount();
    let vault = DirVault::open(&disk.0).expect("opened");
    vault.put("p/small", Bytes::from("x"), None).await.expect("put");
    let error = vault.put("p/large", Bytes::from(vec![1; 2 << 20]), None).await.expect_err("it does not fit");
    assert!(matches!(&error, VaultError::Full { place } if place == "p/large"), "{error}");
    assert_eq!(vault.size("p/large").await.expect("asked"), None);
    assert_eq!(fs::read_dir(disk.0.join(".tmp")).expect("there").count(), 0);
    vault.put("p/next", Bytes::from(vec![1; 256 << 10]), None).await.expect("there is room again");
    vault.flush().await.expect("flushed");
    assert_eq!(vault.list("p/").await.expect("listed").len(), 2);
}

/// A file system of 1 MiB; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Self {
        let at = tempfile::tempdir().expect("a folder").keep();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "kura-test"]).arg(&at).status();
        assert!(mounted.expect("mount runs").success(), "this test mounts a small disk and must run as root");
        Self(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let run = |program: &str, at: &Path| Command::new(program).arg(at).status();
        assert!(run("umount", &self.0).is_ok_and(|status| status.success()), "the test's disk stays mounted");
        assert!(run("rmdir", &self.0).is_ok());
    }
}
