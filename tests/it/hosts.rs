//! Two hosts that hold the same keys and add to the same repository in the same instant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kura::vault::{DirVault, Listed, Lock, Put, Vault, VaultError};
use kura::workflows::take_snapshot::Summary;
use tokio::sync::Barrier;

use crate::support::kura::listing;
use crate::support::simulate::{files, run};
use crate::support::site::{Ran, Site, noise};

/// A store in which both hosts must have come to a cohort's key before either may write it.
struct Meeting {
    vault: DirVault,
    places: Arc<Mutex<BTreeMap<String, Arc<Barrier>>>>,
}

#[async_trait]
impl Vault for Meeting {
    fn address(&self) -> String {
        self.vault.address()
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        if key.contains("/key-") {
            let place = || Arc::new(Barrier::new(2));
            let place = self
                .places
                .lock()
                .expect("nobody panics")
                .entry(key.to_owned())
                .or_insert_with(place)
                .clone();
            tokio::time::timeout(Duration::from_mins(1), place.wait())
                .await
                .expect("the other host comes too");
        }
        self.vault.put(key, bytes, lock).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        self.vault.get(key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        self.vault.size(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        self.vault.list(prefix).await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        self.vault.flush().await
    }

    fn can_lock(&self) -> bool {
        self.vault.can_lock()
    }

    fn is_remote(&self) -> bool {
        self.vault.is_remote()
    }
}

/// A site, and a second host: a copy of its home before the first run, with a source of its own.
fn two_hosts(seed: u64) -> Site {
    let site = Site::in_folder();
    for (source, seed) in [("source", seed), ("other", seed + 1000)] {
        for number in 0..20 {
            site.write(&format!("../{source}/{number}"), noise(seed * 100 + number, 2000));
        }
        site.write(&format!("../{source}/both"), noise(7, 500_000));
    }
    run("cp", &["-a", "home", "other-home"], site.dir.path());
    let plan = std::fs::read_to_string(site.path("home/policies/test.toml")).unwrap();
    let plan = plan.replace("/source\"", "/other\"");
    std::fs::write(site.path("other-home/policies/test.toml"), plan).unwrap();
    site
}

/// Keys of cohorts in the store.
fn cohort_keys(site: &Site) -> BTreeSet<String> {
    files(&site.path("store/test")).into_iter().filter(|name| name.contains("/key-")).collect()
}

/// Every snapshot, taken by itself, verifies and gives back one of the two sources; gives which.
fn each_restores(site: &Site) -> BTreeSet<String> {
    let names: Vec<String> = files(&site.path("store/test/snapshots")).into_iter().collect();
    let mut restored = BTreeSet::new();
    for name in &names {
        run("rm", &["-rf", "alone", "out"], site.dir.path());
        run("cp", &["-a", "store", "alone"], site.dir.path());
        for other in names.iter().filter(|other| *other != name && same_number(other, name)) {
            std::fs::remove_file(site.path("alone/test/snapshots").join(other)).unwrap();
        }
        let store = format!("file://{}", site.path("alone").display());
        let (_, digest) = name.split_once('-').unwrap();
        let bare = |arguments: &[&str]| {
            let more = ["--store", &store, "--identity", "recovery.key", "--home", "none"];
            site.kura(&[arguments, &more[..]].concat()).ends(0)
        };
        let report = bare(&["verify", "--json"]).json();
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        bare(&["restore", digest.get(..12).unwrap(), "--to", "out"]);
        let now = listing(&site.path("out"));
        let source = ["source", "other"].into_iter().find(|source| listing(&site.path(source)) == now);
        restored.insert(source.expect("what comes back is what one of the hosts had").to_owned());
    }
    restored
}

fn same_number(one: &str, other: &str) -> bool {
    one.split_once('-').map(|(number, _)| number) == other.split_once('-').map(|(number, _)| number)
}

/// Takes a snapshot on both hosts; both know what is stored before either writes.
async fn meet(site: &Site) -> [Summary; 2] {
    let places = Arc::new(Mutex::new(BTreeMap::new()));
    let vault = || -> Arc<dyn Vault> {
        let vault = DirVault::open(&site.path("store")).unwrap();
        Arc::new(Meeting { vault, places: places.clone() })
    };
    let (one, other) =
        tokio::join!(site.snapshot_of("home", vault()), site.snapshot_of("other-home", vault()));
    [one.unwrap(), other.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_open_a_cohort_at_once_agree_on_one_key() {
    for round in 0..5 {
        let site = two_hosts(round);
        let [one, other] = Box::pin(meet(&site)).await;
        assert_ne!(one.snapshot, other.snapshot);
        assert_eq!((one.sequence, other.sequence), (1, 1), "neither knew of the other");
        assert_eq!(cohort_keys(&site).len(), 1, "{:?}", cohort_keys(&site));
        assert_eq!(each_restores(&site), ["other".to_owned(), "source".to_owned()].into());
    }
}

/// Starts both programs and waits for both.
fn both_run(site: &Site) -> [Ran; 2] {
    let homes = ["home", "other-home"];
    let started = homes.map(|home| {
        let mut command = site.command(env!("CARGO_BIN_EXE_kura"));
        command.args(["snapshot", "test", "--home", home]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    });
    started.map(|child| Ran::of(&child.wait_with_output().expect("the program ends")))
}

#[test]
fn twenty_races_of_two_programs_leave_one_key_and_snapshots_that_restore() {
    for round in 0..20 {
        let site = two_hosts(round);
        let ran = both_run(&site);
        assert!(ran.iter().any(|ran| ran.code == 0), "{ran:?}");
        for ran in ran.into_iter().filter(|ran| ran.code != 0) {
            assert!([1, 4].contains(&ran.code) && ran.err.starts_with("kura: error: "), "{ran:?}");
        }
        assert_eq!(cohort_keys(&site).len(), 1, "{:?}", cohort_keys(&site));
        assert!(!each_restores(&site).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_both_took_the_same_number_both_hosts_go_on() {
    for round in 0..3 {
        let site = two_hosts(round);
        Box::pin(meet(&site)).await;
        site.verifies();
        for (turn, home, source) in [
            (0, "home", "source"),
            (1, "other-home", "other"),
            (2, "other-home", "other"),
            (3, "home", "source"),
        ] {
            site.write(&format!("../{source}/new"), noise(round + turn, 100_000));
            site.kura(&["snapshot", "test", "--home", home]).ends(0);
            site.verifies();
            run("rm", &["-rf", "out"], site.dir.path());
            site.bare(&["restore", "latest", "--to", "out"]).ends(0);
            assert_eq!(listing(&site.path("out")), listing(&site.path(source)));
        }
    }
}
