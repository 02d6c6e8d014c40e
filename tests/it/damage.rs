//! A damaged store: what comes back is right or named, never wrong; the next snapshot mends what it can.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::archive::seal;
use kura::clock::Clock as _;
use kura::vault::{DirVault, Vault};
use kura::workflows::repository::{self, RootPolicy};
use kura::workflows::restore;

use crate::days::{comes_back, complete};
use crate::support::kura::{Kura, listing, touch};
use crate::support::simulate::{files, objects, request, settle, write};

/// Three days of records, some small, one larger than a span of a pack, one renamed away, one linked.
async fn small_repository() -> Kura {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    for day in ["2031-03-03", "2031-03-04", "2031-03-05"] {
        kura.set_day(day);
        for n in 0..5 {
            write(&at(&format!("box-{n}/{day}")), format!("{day} {n}").repeat(500), day);
        }
        let mut noise = vec![0; 1_500_000];
        blake3::Hasher::new().update(day.as_bytes()).finalize_xof().fill(&mut noise);
        write(&at(&format!("large-{day}")), &noise, day);
        if day == "2031-03-04" {
            std::fs::remove_file(at("box-1/2031-03-03")).unwrap();
            std::fs::hard_link(at("box-2/2031-03-04"), at("linked")).unwrap();
        }
        let summary = kura.snapshot(&kura.records()).await.unwrap();
        assert!(summary.is_complete && summary.remarks.is_empty(), "{summary:?}");
    }
    kura
}

/// Content of every file below a folder.
fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    files(root).into_iter().map(|path| (path.clone(), std::fs::read(root.join(path)).unwrap())).collect()
}

/// Restores; every file that appears must be right, and every file that does not must be named.
async fn is_right_or_named(kura: &Kura, expected: &BTreeMap<String, Vec<u8>>, what: &str) -> bool {
    let vault: Arc<dyn Vault> = Arc::new(DirVault::open(&kura.store()).unwrap());
    let file = std::fs::read(kura.recovery_key()).unwrap();
    let file = seal::read_identity_file(&file, None).unwrap();
    let root = RootPolicy::Fingerprint(file.root.unwrap());
    let Ok(opened) = repository::open(vault, file.keys, &root).await else { return false };
    let asked = request(kura, "damaged");
    let progress = Arc::new(Progress::default());
    let restored = restore::restore(Arc::new(opened), &asked, kura.clock.now(), &progress).await;
    let found = if asked.to.exists() { contents(&asked.to) } else { BTreeMap::new() };
    for (path, content) in &found {
        assert!(expected.get(path) == Some(content), "{what}: {path} is wrong");
    }
    let is_whole = if let Ok(summary) = &restored {
        let named: BTreeSet<&str> = summary.failed.iter().map(|named| named.path.as_str()).collect();
        // What stands in a block or a cohort that cannot be read is named by that.
        let is_vague = named.iter().any(|name| name.contains(" … ") || name.starts_with("everything of "));
        for path in expected.keys().filter(|path| !found.contains_key(*path)) {
            assert!(is_vague || named.contains(path.as_str()), "{what}: {path} is missing and not named");
        }
        summary.failed.is_empty()
    } else {
        false
    };
    if asked.to.exists() {
        std::fs::remove_dir_all(&asked.to).unwrap();
    }
    is_whole
}

/// Makes an object something else for a while.
struct Damaged {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Damaged {
    fn new(kura: &Kura, key: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let path = kura.store().join(key);
        let bytes = std::fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        change(&mut changed);
        replace(&path, &changed);
        Self { path, bytes }
    }
}

impl Drop for Damaged {
    fn drop(&mut self) {
        replace(&self.path, &self.bytes);
    }
}

/// Stored objects are read-only: a new file takes the place.
fn replace(path: &Path, bytes: &[u8]) {
    if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::write(path, bytes).unwrap();
}

/// Keys of objects by kind; `2031-03-04` and so on are left out of the kind.
fn by_kind(kura: &Kura) -> BTreeMap<String, Vec<String>> {
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in objects(kura) {
        let parts: Vec<&str> = key.split('/').collect();
        let kind = match parts.as_slice() {
            [_, "snapshots", _] => "snapshot",
            [_, _, kind, _] => kind,
            ["test", _, _] => "key",
            _ => &key,
        };
        kinds.entry(kind.to_owned()).or_default().push(key.clone());
    }
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn one_altered_byte_anywhere_never_gives_a_wrong_file() {
    let kura = small_repository().await;
    let expected = contents(&kura.source());
    assert!(is_right_or_named(&kura, &expected, "nothing").await);
    let mut harmless = Vec::new();
    for (kind, keys) in by_kind(&kura) {
        for key in keys.iter().take(4) {
            let length = std::fs::metadata(kura.store().join(key)).unwrap().len();
            for position in [0, 150, length / 3, length / 2, length * 9 / 10, length - 1] {
                let at = usize::try_from(position.min(length - 1)).unwrap();
                let what = format!("{key} at {at}");
                let damaged = Damaged::new(&kura, key, |bytes| bytes[at] ^= 0x20);
                if is_right_or_named(&kura, &expected, &what).await {
                    harmless.push(kind.clone());
                }
                drop(damaged);
            }
        }
    }
    // A restore needs no index, and only the newest snapshot; parts of a pack may be of no use any more.
    harmless.retain(|kind| !["index", "snapshot", "packs"].contains(&kind.as_str()));
    assert!(harmless.len() <= 4, "{harmless:?}");
    assert!(is_right_or_named(&kura, &expected, "mended").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_short_missing_or_swapped_never_gives_a_wrong_file() {
    let kura = small_repository().await;
    let expected = contents(&kura.source());
    for (kind, keys) in by_kind(&kura) {
        for key in keys.iter().take(4) {
            for length in [0, 200, 5000] {
                let damaged = Damaged::new(&kura, key, |bytes| bytes.truncate(length));
                is_right_or_named(&kura, &expected, &format!("{key} cut to {length}")).await;
                drop(damaged);
            }
            let damaged = Damaged::new(&kura, key, |bytes| bytes.extend_from_slice(b"more"));
            is_right_or_named(&kura, &expected, &format!("{key} longer")).await;
            drop(damaged);
            let path = kura.store().join(key);
            if kind == "snapshot" && Some(key) == keys.last() {
                // Without the newest one the one before it is the latest; `expect_head` is there for that.
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let is_whole = is_right_or_named(&kura, &expected, &format!("without {key}")).await;
            assert!(!is_whole || kind == "index" || kind == "snapshot" || kind == "packs", "without {key}");
            replace(&path, &bytes);
        }
        for pair in keys.windows(2).take(4) {
            let other = std::fs::read(kura.store().join(&pair[1])).unwrap();
            let first = Damaged::new(&kura, &pair[0], |bytes| *bytes = other.clone());
            let mine = first.bytes.clone();
            let second = Damaged::new(&kura, &pair[1], |bytes| *bytes = mine);
            is_right_or_named(&kura, &expected, &format!("{} and its neighbour swapped", pair[0])).await;
            drop((first, second));
        }
    }
    assert!(is_right_or_named(&kura, &expected, "mended").await);
}

/// The store's object of a kind in the cohort of a day that has the most bytes.
fn largest(kura: &Kura, part: &str) -> PathBuf {
    let keys = objects(kura).into_iter().filter(|key| key.contains(part)).map(|key| kura.store().join(key));
    keys.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

/// Takes the next snapshot, which must mend the cohort of the third of March, and then all is well again.
async fn is_mended(kura: &Kura, what: &str) {
    kura.set_day("2031-03-07");
    let summary = kura.snapshot(&kura.records()).await.unwrap();
    assert_eq!(summary.repaired_cohorts.len(), 1, "{what}: {summary:?}");
    assert!(summary.is_complete && summary.remarks.is_empty(), "{what}: {summary:?}");
    let (to, restored) = kura.restore_to(what, &[]).await;
    assert_eq!(restored.failed, Vec::new(), "{what}");
    assert_eq!(listing(&to), listing(&kura.source()), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_pack_is_noticed_and_its_cohort_is_sent_again() {
    let kura = small_repository().await;
    settle_root(&kura);
    std::fs::remove_file(largest(&kura, "2031-03-03/packs")).unwrap();
    is_mended(&kura, "pack").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_was_cut_short_is_noticed_and_its_cohort_is_sent_again() {
    let kura = small_repository().await;
    settle_root(&kura);
    let pack = largest(&kura, "2031-03-03/packs");
    let bytes = std::fs::read(&pack).unwrap();
    replace(&pack, &bytes[..bytes.len() / 2]);
    is_mended(&kura, "cut").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_cohort_key_is_noticed_and_its_cohort_is_sent_again_under_a_new_key() {
    let kura = small_repository().await;
    settle_root(&kura);
    std::fs::remove_file(largest(&kura, "2031-03-03/key-")).unwrap();
    is_mended(&kura, "key").await;
    let summary = kura.snapshot(&kura.records()).await.unwrap();
    assert!(summary.is_complete, "{summary:?}");
}

fn settle_root(kura: &Kura) {
    for n in 0..5 {
        touch(&kura.source().join(format!("box-{n}")), "2031-03-05");
    }
    touch(&kura.source(), "2031-03-05");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cohort_is_mended_though_a_file_of_it_was_touched() {
    let kura = small_repository().await;
    settle_root(&kura);
    touch(&kura.source().join("box-0/2031-03-03"), "2031-03-06");
    touch(&kura.source().join("large-2031-03-03"), "2031-03-06");
    std::fs::remove_file(largest(&kura, "2031-03-03/packs")).unwrap();
    is_mended(&kura, "touched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cohort_that_was_mended_is_not_mended_again_every_day() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("a"), vec![1; 100_000], "2031-03-03");
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    let packs = kura.store().join("test").join(&kura.cohorts()[0]).join("packs");
    std::fs::remove_dir_all(packs).unwrap();
    kura.set_day("2031-03-04");
    assert_eq!(complete(&kura).await.repaired_cohorts.len(), 1);
    kura.set_day("2031-03-05");
    assert_eq!(complete(&kura).await.repaired_cohorts.len(), 0);
}

/// The index objects of the only cohort.
fn indexes(kura: &Kura) -> Vec<PathBuf> {
    let folder = kura.store().join("test").join(&kura.cohorts()[0]).join("index");
    std::fs::read_dir(folder).unwrap().flatten().map(|index| index.path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_is_put_back_from_its_copy_or_its_cohort_is_sent_again() {
    for (is_altered, has_copies) in [(false, true), (true, true), (false, false), (true, false)] {
        let what = format!("altered {is_altered}, copies {has_copies}");
        let kura = Kura::new("2031-03-03").await;
        write(&kura.source().join("a"), "a", "2031-03-03");
        settle(&kura.source(), "2031-03-03");
        complete(&kura).await;
        let before: BTreeMap<PathBuf, Vec<u8>> =
            indexes(&kura).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        for index in before.keys() {
            std::fs::remove_file(index).unwrap();
            if is_altered {
                std::fs::write(index, "rubbish").unwrap();
            }
        }
        if !has_copies {
            std::fs::remove_dir_all(kura.home().path().join("state/test/index")).unwrap();
        }
        write(&kura.source().join("b"), "b", "2031-03-03");
        settle(&kura.source(), "2031-03-03");
        let summary = complete(&kura).await;
        assert_eq!(summary.repaired_cohorts.len(), usize::from(!has_copies), "{what}");
        if has_copies && !is_altered {
            assert!(before.iter().all(|(path, bytes)| std::fs::read(path).unwrap() == *bytes), "{what}");
        }
        comes_back(&kura, "to").await;
        assert_eq!(complete(&kura).await.repaired_cohorts, Vec::<String>::new(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cohort_whose_key_was_altered_is_sent_again_under_another_key() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("a"), "a", "2031-03-03");
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    let cohort = kura.store().join("test").join(&kura.cohorts()[0]);
    let key = cohort.join("key-1.json");
    let whole = std::fs::read(&key).unwrap();
    replace(&key, b"rubbish");
    // A day that touches no file of the cohort does not open its key.
    kura.set_day("2031-03-04");
    write(&kura.source().join("b"), "b", "2031-03-04");
    complete(&kura).await;
    write(&kura.source().join("c"), "c", "2031-03-03");
    settle(&kura.source(), "2031-03-03");
    let summary = complete(&kura).await;
    assert_eq!(summary.repaired_cohorts.len(), 1, "{summary:?}");
    assert!(cohort.join("key-2.json").exists());
    comes_back(&kura, "to").await;
    assert_eq!(complete(&kura).await.repaired_cohorts, Vec::<String>::new());
    // The old key back in its place changes nothing for the new snapshots.
    replace(&key, &whole);
    complete(&kura).await;
    comes_back(&kura, "again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cohort_does_not_keep_the_others_from_coming_back() {
    let kura = small_repository().await;
    let expected = contents(&kura.source());
    let of_third = |path: &str| path.contains("2031-03-03");
    for part in ["2031-03-03/packs", "2031-03-03/key-"] {
        let keys: Vec<String> = objects(&kura).into_iter().filter(|key| key.contains(part)).collect();
        let damaged: Vec<Damaged> =
            keys.iter().map(|key| Damaged::new(&kura, key, |bytes| bytes.truncate(300))).collect();
        let (to, restored) = kura.restore_to("partly", &[]).await;
        assert!(restored.failed_count > 0, "{part}");
        assert!(restored.failed.iter().any(|named| named.path.contains("2031-03-03")), "{restored:?}");
        let found = contents(&to);
        for (path, content) in &expected {
            assert!(of_third(path) || found.get(path) == Some(content), "{part}: {path}");
        }
        std::fs::remove_dir_all(to).unwrap();
        drop(damaged);
    }
}
