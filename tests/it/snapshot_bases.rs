//! Snapshots that list only what differs from a base: they read as if they listed everything, a base outlives whatever
//! needs it, and one that is lost is named and replaced (K-120).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use kura::archive::progress::Progress;
use kura::archive::records::Snapshot;
use kura::catalog::Catalog;
use kura::clock::Clock as _;
use kura::domain::plan::Plan;
use kura::domain::time::{Day, Instant};
use kura::vault::reaper::Locking;
use kura::vault::{DirVault, MemoryVault, Reaper, Remain, Vault, VaultError};
use kura::workflows::choice::ChoiceError;
use kura::workflows::expire;
use kura::workflows::holds::{self, NewHold};
use kura::workflows::host::Host;
use kura::workflows::rebuild;
use kura::workflows::replica::{self, Ends};
use kura::workflows::repository::Opened;
use kura::workflows::restore::RestoreError;
use kura::workflows::snapshots::{self, SnapshotKeys, SnapshotName};
use kura::workflows::verify::{self, Problem, Viewer};

use crate::expiry::{Desk, doctor};
use crate::expiry_steps::Slow;
use crate::steps::killed_after;
use crate::support::kura::{Kura, listing};
use crate::support::simulate::{files, objects, request, restore_as, restore_of, write};

const FIRST: &str = "2031-03-03";

fn day(number: i32) -> Day {
    Day::from_number(FIRST.parse::<Day>().unwrap().number() + number)
}

/// A day on which three records are sent; one of the day before is edited and one removed.
async fn live(kura: &Kura, plan: &Plan, number: i32) {
    let (today, root) = (day(number).to_string(), kura.source());
    kura.set_day(&today);
    for place in 0..3 {
        write(&root.join(format!("{today}-{place}")), format!("sent on {today}, {place}"), &today);
    }
    if number > 0 {
        let before = day(number - 1);
        write(&root.join(format!("{before}-1")), format!("edited on {today}"), &today);
        std::fs::remove_file(root.join(format!("{before}-2"))).unwrap();
    }
    kura.snapshot(plan).await.unwrap();
}

/// So many days, and one more if the newest snapshot happens to be a whole one; how many that were.
async fn lived(days: i32) -> (Kura, Plan, i32) {
    let kura = Kura::new(FIRST).await;
    let plan = kura.records();
    for number in 0..days {
        live(&kura, &plan, number).await;
    }
    if written(&kura, &kura.opened().await).await.pop().unwrap().1.base.is_some() {
        return (kura, plan, days);
    }
    live(&kura, &plan, days).await;
    (kura, plan, days + 1)
}

async fn names(vault: &dyn Vault) -> Vec<SnapshotName> {
    snapshots::list(vault, None).await.unwrap().into_values().flatten().collect()
}

/// Every snapshot in the store as it is written.
async fn written(kura: &Kura, opened: &Arc<Opened>) -> Vec<(SnapshotName, Snapshot)> {
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, kura.clock.now());
    let mut found = Vec::new();
    for name in names(&*opened.vault).await {
        let own = snapshots::open(&*opened.vault, &name, &keys).await.unwrap();
        found.push((name, own));
    }
    found
}

async fn problems(kura: &Kura) -> Vec<Problem> {
    let viewer = Arc::new(Viewer::of_opened(kura.opened().await).unwrap());
    let request =
        verify::Request { plan: None, read: None, known: verify::Known::default(), now: kura.clock.now() };
    verify::verify(viewer, &request, &Arc::new(Progress::default())).await.unwrap().problems
}

/// The base of the newest snapshot, which has one.
async fn newest_base(kura: &Kura) -> SnapshotName {
    let opened = kura.opened().await;
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, kura.clock.now());
    let name = names(&*opened.vault).await.pop().unwrap();
    let own = snapshots::open(&*opened.vault, &name, &keys).await.unwrap();
    snapshots::base_name(&name.plan, &own.base.expect("the newest one builds on another"))
}

fn alter(kura: &Kura, key: &str, bytes: Option<&[u8]>) -> Vec<u8> {
    let path = kura.store().join(key);
    let before = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    if let Some(bytes) = bytes {
        std::fs::write(&path, bytes).unwrap();
    }
    before
}

/// Restores without Kura.
fn read_by_python(kura: &Kura, snapshot: &str, to: &Path) {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recovery/kura_restore.py")).arg(kura.store());
    command.arg("--identity").arg(kura.recovery_key()).arg("--to").arg(to).args(["--snapshot", snapshot]);
    command.args(["--now", &kura.clock.now().to_string()]);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().expect("python3 runs");
    assert!(output.status.success(), "{snapshot}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_lists_differences_reads_as_a_whole_one() {
    let kura = Kura::new(FIRST).await;
    let plan = kura.records();
    let mut listings = Vec::new();
    for number in 0..16 {
        live(&kura, &plan, number).await;
        listings.push(listing(&kura.source()));
    }
    let opened = kura.opened().await;
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, kura.clock.now());
    let written = written(&kura, &opened).await;
    let bases: BTreeSet<u64> =
        written.iter().filter_map(|(_, own)| own.base.as_ref()).map(|base| base.sequence).collect();
    assert!(bases.len() >= 2, "more than one base was used: {bases:?}");
    for (number, (name, own)) in (0..).zip(&written) {
        let whole = snapshots::fetch(&*opened.vault, name, &keys).await.unwrap();
        let cohorts: Vec<String> = whole.cohorts.iter().map(|cohort| cohort.cohort.clone()).collect();
        let expected: Vec<String> = (0..=number).map(|number| format!("sent-{}", day(number))).collect();
        assert_eq!(cohorts, expected, "of {}", name.sequence);
        let files: u64 = whole.cohorts.iter().map(|cohort| cohort.files).sum();
        assert_eq!(files, whole.files);
        // What is listed is what was added to since the base.
        if let Some(base) = &own.base {
            let since = number + 1 - i32::try_from(base.sequence).unwrap();
            assert!(i32::try_from(own.cohorts.len()).unwrap() <= since + 2, "{}", name.sequence);
            assert!(bases.contains(&base.sequence) && own.cohorts.len() < whole.cohorts.len());
        }
    }
    for number in [0, 7, 11, 14, 15] {
        let (id, at) = (written[number].0.short(), format!("restored-{number}"));
        let restored = restore_of(&kura, &id, &at).await;
        assert!(listing(&restored) == listings[number], "snapshot {number}");
        let by_python = kura.dir.path().join(format!("python-{number}"));
        read_by_python(&kura, &id, &by_python);
        assert!(listing(&by_python) == listings[number], "snapshot {number}, without Kura");
    }
    assert_eq!(problems(&kura).await, []);
    // The catalog can be made anew from them.
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let before = catalog.snapshots(None).await.unwrap();
    let rebuilt = rebuild::rebuild(&opened, &catalog, kura.clock.now()).await.unwrap();
    assert_eq!((rebuilt.snapshots, rebuilt.unreadable), (16, 0));
    let after = catalog.snapshots(None).await.unwrap();
    let said = |rows: &[kura::catalog::SnapshotRow]| -> Vec<_> {
        rows.iter().map(|row| (row.sequence, row.files, row.bytes, row.cohorts)).collect()
    };
    assert_eq!(said(&after), said(&before));
    catalog.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_lost_is_named_and_the_next_snapshot_lists_everything() {
    for is_missing in [false, true] {
        let (kura, plan, days) = lived(12).await;
        let base = newest_base(&kura).await;
        let before = written(&kura, &kura.opened().await).await;
        let dependents: Vec<&SnapshotName> = before
            .iter()
            .filter(|(_, own)| own.base.as_ref().is_some_and(|named| named.digest == base.digest))
            .map(|(name, _)| name)
            .collect();
        assert!(!dependents.is_empty() && base.sequence > 1, "there is something before the base");
        let good = alter(&kura, &base.key(), (!is_missing).then_some(b"something else"));

        let found = problems(&kura).await;
        let named: BTreeSet<&String> = found.iter().map(|problem| &problem.object).collect();
        assert!(dependents.iter().all(|name| named.contains(&name.key())), "{found:?}");
        assert!(is_missing || named.contains(&base.key()), "{found:?}");
        assert!(found.iter().any(|problem| problem.what.contains(&base.key())), "{found:?}");
        let desk = Desk::of(&kura, &plan).await;
        let proof = desk.prove(&kura).await;
        assert_eq!(proof.plans["test"].exceptions[0].code(), "records-damaged");
        desk.catalog.close().await;
        let refused = restore_as(&kura, &request(&kura, "refused")).await;
        assert!(matches!(refused, Err(RestoreError::Choice(ChoiceError::Newest { .. }))), "{refused:?}");

        // The chain goes on, and everything is there again.
        kura.set_day(&day(days).to_string());
        let taken = kura.snapshot(&plan).await.unwrap();
        let (last, _) = before.last().unwrap();
        assert_eq!(taken.sequence, last.sequence + 1);
        let keys = kura.opened().await;
        let keys = SnapshotKeys::new(&keys.trust, &keys.secrets.catalog, kura.clock.now());
        let vault = DirVault::open(&kura.store()).unwrap();
        let newest = names(&vault).await.pop().unwrap();
        let own = snapshots::open(&vault, &newest, &keys).await.unwrap();
        assert!(own.base.is_none() && own.parent == Some(last.digest));
        let listed: BTreeSet<String> = own.cohorts.into_iter().map(|cohort| cohort.cohort).collect();
        assert!((0..days).all(|number| listed.contains(&format!("sent-{}", day(number)))), "{listed:?}");
        // Where one is missing between others, `latest` is refused: a person names it.
        let wanted = if is_missing { newest.short() } else { "latest".to_owned() };
        let restored = restore_of(&kura, &wanted, "after").await;
        assert_eq!(listing(&restored), listing(&kura.source()));
        // Nothing was sent twice: a day has one pack of records, and small ones with what was listed anew.
        let sizes = objects(&kura).into_iter().filter(|key| key.contains("/packs/"));
        let sizes: u64 =
            sizes.map(|key| std::fs::metadata(kura.store().join(key)).unwrap().len()).max().unwrap();
        assert!(sizes < 20_000);
        let today = day(days + 1).to_string();
        kura.set_day(&today);
        write(&kura.source().join(&today), "one more", &today);
        kura.snapshot(&plan).await.unwrap();
        assert_eq!(newest_base(&kura).await, newest, "the next one builds on it");
        // Once the base is back, so are those that build on it.
        if !is_missing {
            std::fs::remove_file(kura.store().join(base.key())).unwrap();
        }
        std::fs::write(kura.store().join(base.key()), good).unwrap();
        assert_eq!(problems(&kura).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_store_gets_a_base_before_what_builds_on_it_and_each_mends_the_other() {
    let (kura, ..) = lived(9).await;
    let host = Host::open(kura.home(), None).await.unwrap();
    let now = kura.clock.now();
    let keys = |now| SnapshotKeys::new(&host.trust, &host.secrets.catalog, now);
    let base = newest_base(&kura).await;
    let mut second = Arc::new(MemoryVault::new());
    for waits in (0..).step_by(3) {
        second = Arc::new(MemoryVault::new());
        let slow = Slow(second.clone());
        let ends = replica::ends_of(&host, &slow, now).await.unwrap();
        let ended = killed_after(waits, replica::copy(&*host.vault, &slow, &ends)).await;
        for name in names(&*second).await {
            let read = snapshots::fetch(&*second, &name, &keys(now)).await;
            assert!(read.is_ok(), "after {waits} waits {} cannot be read: {read:?}", name.sequence);
        }
        if ended.is_some() {
            assert!(waits > 50, "{waits}");
            break;
        }
    }
    let wanted = objects(&kura);
    // The first store lost the base, the second what builds on it: together they still know everything.
    let newest = names(&*second).await.pop().unwrap();
    alter(&kura, &base.key(), Some(b"something else"));
    second.remove(&newest.key());
    let slow = Slow(second.clone());
    let ends: Ends = replica::ends_of(&host, &slow, now).await.unwrap();
    let healed = replica::scrub((&*host.vault, &slow), &ends, (None, true)).await.unwrap();
    let mended: BTreeSet<String> = healed.healed.into_iter().map(|(_, key)| key).collect();
    assert_eq!(mended, BTreeSet::from([base.key(), newest.key()]), "{:?}", healed.wrong);
    assert_eq!(healed.wrong, []);
    assert_eq!(problems(&kura).await, []);
    assert_eq!(second.keys().into_iter().collect::<BTreeSet<_>>(), wanted);
}

/// Restores every snapshot in the store and compares it with what was there of what is not past its time; how many had lost
/// their base.
async fn all_come_back(kura: &Kura, plan: &Plan, listings: &[BTreeSet<(String, String)>]) -> usize {
    let (opened, now) = (kura.opened().await, kura.clock.now());
    let mut alone = 0;
    for (name, own) in written(kura, &opened).await {
        let number = usize::try_from(name.sequence).unwrap() - 1;
        let owed: BTreeSet<String> = listings[number]
            .iter()
            .filter(|(_, sent)| {
                let cohort = plan.cohort_of(sent.parse().unwrap());
                now < cohort.delete_from(plan.retention(), plan.zone())
            })
            .map(|(file, _)| file.clone())
            .collect();
        let to = format!("restored-{}", name.sequence);
        let found = files(&restore_of(kura, &name.short(), &to).await);
        std::fs::remove_dir_all(kura.dir.path().join(&to)).unwrap();
        assert_eq!(found, owed, "of snapshot {}", name.sequence);
        let base = own.base.as_ref().map(|base| snapshots::base_name(&name.plan, base).key());
        alone += usize::from(base.is_some_and(|key| !kura.store().join(key).exists()));
    }
    alone
}

/// What stands at the source, with the day from which it counts.
fn standing(kura: &Kura) -> BTreeSet<(String, String)> {
    let sent = |file: &String| {
        let text = std::fs::read_to_string(kura.source().join(file)).unwrap();
        text.split_whitespace().find_map(|word| word.trim_matches(',').parse::<Day>().ok()).unwrap()
    };
    files(&kura.source()).into_iter().map(|file| (file.clone(), sent(&file).to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_goes_in_its_time_and_what_builds_on_it_keeps_what_lives() {
    let kura = Kura::new(FIRST).await;
    let plan = kura.plan("application", "retention = \"9 days\"", "sent_day = \"mtime\"");
    let (mut listings, mut alone, mut held) = (Vec::new(), 0, 0);
    for number in 0..34 {
        let today = day(number).to_string();
        kura.set_day(&today);
        for place in 0..3 {
            write(
                &kura.source().join(format!("{today}-{place}")),
                format!("sent on {today}, {place}"),
                &today,
            );
        }
        kura.snapshot(&plan).await.unwrap();
        listings.push(standing(&kura));
        let desk = Desk::of(&kura, &plan).await;
        if number == 0 {
            expire::stand(desk.on(), "test", &doctor()).await.unwrap();
        }
        if number == 14 {
            // What was sent on the tenth day is held for another ten days after its time.
            let held = day(10);
            let until = Some(day(29));
            let new = NewHold {
                plan: plan.name().clone(),
                days: (held, held),
                until,
                reason: "requested by the committee".to_owned(),
            };
            holds::add(&desk.host, &desk.catalog, &new, &doctor(), kura.clock.now()).await.unwrap();
        }
        let ran = desk.run().await.unwrap();
        assert!(ran.refused.is_empty(), "{today}: {ran:?}");
        desk.catalog.close().await;
        alone += all_come_back(&kura, &plan, &listings).await;
        assert_eq!(problems(&kura).await, [], "{today}");
        // As long as the day is held, snapshots name it, and their bases are there.
        let name = format!("sent-{}", day(10));
        if kura.store().join("test").join(&name).exists() && (22..29).contains(&number) {
            let opened = kura.opened().await;
            let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, kura.clock.now());
            let mut naming = 0;
            for stored in names(&*opened.vault).await {
                let whole = snapshots::fetch(&*opened.vault, &stored, &keys).await.unwrap();
                naming += usize::from(whole.cohorts.iter().any(|cohort| cohort.cohort == name));
            }
            assert!(naming >= 9, "{today}: {naming} snapshots name what is held");
            held += 1;
        }
        // The application removes what is past its time.
        let past = day(number - 9);
        for place in 0..3 {
            drop(std::fs::remove_file(kura.source().join(format!("{past}-{place}"))));
        }
    }
    assert!(alone >= 10 && held >= 5, "bases went {alone} times before what built on them; held {held} days");
    for (number, name) in names(&DirVault::open(&kura.store()).unwrap()).await.iter().enumerate() {
        let (by_kura, by_python) =
            (format!("kura-{number}"), kura.dir.path().join(format!("python-{number}")));
        read_by_python(&kura, &name.short(), &by_python);
        assert_eq!(files(&by_python), files(&restore_of(&kura, &name.short(), &by_kura).await));
    }
}

/// A bucket that locks nothing.
struct Unlocked(DirVault);

#[async_trait]
impl Reaper for Unlocked {
    fn address(&self) -> String {
        Reaper::address(&self.0)
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        self.0.remains(prefix).await
    }

    async fn locked_until(&self, _: &Remain) -> Result<Option<Instant>, VaultError> {
        Ok(None)
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        let path = Reaper::address(&self.0);
        std::fs::remove_file(Path::new(path.trim_start_matches("file://")).join(&remain.key)).unwrap();
        Ok(())
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn locking(&self) -> Locking {
        Locking::Unknown
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_plan_takes_no_base_from_those_that_need_it_where_nothing_is_locked() {
    let (kura, _, days) = lived(16).await;
    let base = newest_base(&kura).await;
    let short = kura.plan("application", "retention = \"2 days\"", "sent_day = \"mtime\"");
    kura.set_day(&day(days - 1).to_string());
    let desk = Desk::of(&kura, &short).await;
    let desk = Desk { reaper: Arc::new(Unlocked(DirVault::open(&kura.store()).unwrap())), ..desk };
    desk.allow().await;
    desk.run().await.unwrap();
    desk.catalog.close().await;
    let left = objects(&kura);
    assert!(left.contains(&base.key()), "the base of the newest one stays");
    assert!(
        !left.iter().any(|key| key.starts_with(&format!("test/sent-{}/", day(days - 6)))),
        "its time is over"
    );
    assert!(left.iter().any(|key| key.starts_with(&format!("test/sent-{}/", day(days - 1)))));
    let taken = kura.snapshot(&short).await.unwrap();
    assert_eq!(i32::try_from(taken.sequence).unwrap(), days + 1);
    restore_of(&kura, "latest", "after").await;
}
