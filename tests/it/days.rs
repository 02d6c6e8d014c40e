//! An application plan over simulated weeks: what counts from which day, what is sent, what comes back.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::workflows::host::Host;
use kura::workflows::restore;
use kura::workflows::take_snapshot::{self, Summary, take_snapshot};

use crate::support::kura::{Kura, listing, touch};
use crate::support::simulate::{
    files, objects, request, restore_as, restore_of, run, sent_on, settle, write,
};

/// Forgets the stat cache.
pub(crate) fn lose_cache(kura: &Kura) {
    std::fs::remove_dir_all(kura.home().path().join("state/test")).unwrap();
}

/// Takes a snapshot of the records that must be complete.
pub(crate) async fn complete(kura: &Kura) -> Summary {
    let summary = kura.snapshot(&kura.records()).await.unwrap();
    assert!(summary.is_complete, "{summary:?}");
    summary
}

/// Restores the latest snapshot; it must be the source as it is now.
pub(crate) async fn comes_back(kura: &Kura, name: &str) {
    let (to, summary) = kura.restore_to(name, &[]).await;
    assert_eq!(summary.failed, Vec::new(), "{name}");
    assert_eq!(listing(&to), listing(&kura.source()), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_counts_from_the_day_it_was_sent() {
    let kura = Kura::new("2031-03-03").await;
    for day in 3..10 {
        let today = format!("2031-03-{day:02}");
        kura.set_day(&today);
        write(&kura.source().join(format!("box/{day}")), today.as_bytes(), &today);
        let summary = complete(&kura).await;
        assert_eq!(summary.files, day - 2, "{today}");
        assert!(summary.remarks.is_empty(), "{summary:?}");
    }
    for day in 3..10 {
        assert_eq!(sent_on(&kura, &format!("2031-03-{day:02}")).await, [format!("box/{day}")]);
    }
    settle(&kura.source(), "2031-03-09");
    comes_back_after(&kura).await;
    let range = Some(("2031-03-05".parse().unwrap(), "2031-03-06".parse().unwrap()));
    let request = restore::Request { sent: range, ..request(&kura, "range") };
    restore_as(&kura, &request).await.unwrap();
    assert_eq!(files(&request.to).into_iter().collect::<Vec<_>>(), ["box/5", "box/6"]);
}

/// One more snapshot, then what comes back is what is there.
async fn comes_back_after(kura: &Kura) {
    complete(kura).await;
    comes_back(kura, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_never_moves_for_the_same_content_and_new_content_has_a_new_day() {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    for name in ["touched", "copied", "renamed", "edited", "deleted", "edited-back"] {
        write(&at(name), name, "2031-03-03");
    }
    settle(&kura.source(), "2031-03-03");
    let first = complete(&kura).await;
    kura.set_day("2031-03-05");
    touch(&at("touched"), "2031-03-05");
    write(&at("copy"), "copied", "2031-03-05");
    std::fs::rename(at("renamed"), at("renamed-2")).unwrap();
    write(&at("edited"), "other", "2031-03-05");
    // Edited, then given its old time: the rule and the time both say the third.
    write(&at("edited-back"), "other", "2031-03-03");
    std::fs::remove_file(at("deleted")).unwrap();
    settle_root(&kura, "2031-03-05");
    complete(&kura).await;
    assert_eq!(sent_on(&kura, "2031-03-03").await, ["copied", "edited-back", "renamed-2", "touched"]);
    assert_eq!(sent_on(&kura, "2031-03-05").await, ["copy", "edited"]);
    comes_back(&kura, "now").await;
    let then = restore_of(&kura, &first.snapshot.to_string(), "then").await;
    assert_eq!(files(&then).len(), 6);
    assert_eq!(std::fs::read(then.join("edited")).unwrap(), b"edited");
    // Deleted and brought back with a new time: the content was first seen on the third.
    kura.set_day("2031-03-07");
    write(&at("deleted"), "deleted", "2031-03-07");
    settle_root(&kura, "2031-03-07");
    complete(&kura).await;
    assert!(sent_on(&kura, "2031-03-03").await.contains(&"deleted".to_owned()));
    comes_back(&kura, "again").await;
}

pub(crate) fn settle_root(kura: &Kura, day: &str) {
    let root = std::fs::File::open(kura.source()).unwrap();
    let time = u64::try_from(crate::support::kura::noon(day).as_micros()).unwrap();
    root.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_micros(time)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_cannot_be_is_today_and_a_past_year_is_only_reported() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("future"), "future", "2031-04-01");
    write(&kura.source().join("old"), "old", "2030-03-01");
    write(&kura.source().join("nearly-old"), "nearly", "2030-03-05");
    settle_root(&kura, "2031-03-03");
    for remarked in [Some(1), None] {
        let summary = complete(&kura).await;
        assert_eq!(summary.remarks.get("future-day").copied(), remarked, "{summary:?}");
        assert_eq!(summary.remarks.get("past-retention"), Some(&1), "{summary:?}");
        assert_eq!(summary.files, 2);
        assert_eq!(sent_on(&kura, "2031-03-03").await, ["future"]);
        assert_eq!(sent_on(&kura, "2030-03-05").await, ["nearly-old"]);
    }
    let report = complete(&kura).await.report.unwrap();
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("old") && !report.contains("nearly"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_day_sends_only_a_snapshot() {
    let kura = Kura::new("2031-03-03").await;
    for day in ["2031-02-01", "2031-02-02", "2031-03-03"] {
        write(&kura.source().join("box").join(day), vec![7; 50_000], day);
    }
    settle_root(&kura, "2031-03-03");
    touch(&kura.source().join("box"), "2031-03-03");
    complete(&kura).await;
    let before = objects(&kura);
    for day in ["2031-03-04", "2031-03-05"] {
        kura.set_day(day);
        let summary = complete(&kura).await;
        assert_eq!(summary.files, 3);
        assert!(summary.new_bytes_stored < 10_000, "{summary:?}");
    }
    let new: Vec<String> = objects(&kura).difference(&before).cloned().collect();
    assert!(new.len() == 2 && new.iter().all(|key| key.starts_with("test/snapshots/")), "{new:?}");
    // A new file beside the others: their cohorts get nothing.
    kura.set_day("2031-03-06");
    write(&kura.source().join("box/new"), "new", "2031-03-06");
    let before = objects(&kura);
    complete(&kura).await;
    let new: Vec<String> = objects(&kura).difference(&before).cloned().collect();
    let is_todays = |key: &String| key.starts_with("test/snapshots/") || key.contains("2031-03-06");
    assert!(new.iter().all(is_todays), "{new:?}");
    comes_back(&kura, "new").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_links_over_several_days_come_back_linked() {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    write(&at("a/first"), vec![1; 5000], "2031-03-03");
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    kura.set_day("2031-03-05");
    touch(&at("a/first"), "2031-03-05");
    std::fs::hard_link(at("a/first"), at("second")).unwrap();
    complete(&kura).await;
    assert_eq!(sent_on(&kura, "2031-03-03").await, ["a/first"]);
    assert_eq!(sent_on(&kura, "2031-03-05").await, ["second"]);
    comes_back(&kura, "linked").await;
    let (to, _) = kura.restore_to("one", &["second"]).await;
    assert_eq!(std::fs::read(to.join("second")).unwrap(), vec![1; 5000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_come_back_as_they_are_now() {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    write(&at("a/b/f"), "f", "2031-03-03");
    std::fs::create_dir_all(at("empty/deep")).unwrap();
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    comes_back(&kura, "0").await;
    kura.set_day("2031-03-04");
    std::fs::set_permissions(at("a"), PermissionsExt::from_mode(0o2711)).unwrap();
    complete(&kura).await;
    comes_back(&kura, "1").await;
    kura.set_day("2031-03-05");
    touch(&at("a/b"), "2031-03-05");
    write(&at("empty/deep/now-full"), "x", "2031-03-05");
    run("setfattr", &["-n", "user.k", "-v", "v", "a/b"], &kura.source());
    complete(&kura).await;
    comes_back(&kura, "2").await;
    for day in ["2031-03-06", "2031-03-07"] {
        kura.set_day(day);
        complete(&kura).await;
        comes_back(&kura, day).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_stat_cache_everything_is_read_once_and_nothing_is_sent_twice() {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    let noise = |seed: u8| {
        let mut bytes = vec![0; 300_000];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
        bytes
    };
    for (seed, day) in (0_u8..).zip(["2031-02-01", "2031-03-01", "2031-03-02", "2031-03-03"]) {
        write(&at(day), noise(seed), day);
    }
    settle_root(&kura, "2031-03-03");
    assert!(complete(&kura).await.new_bytes_stored > 1_200_000);
    kura.set_day("2031-03-05");
    touch(&at("2031-03-01"), "2031-03-05");
    complete(&kura).await;
    lose_cache(&kura);
    touch(&at("2031-03-02"), "2031-03-05");
    kura.set_day("2031-03-06");
    let summary = complete(&kura).await;
    assert!(summary.new_bytes_stored < 100_000 && summary.files == 4, "{summary:?}");
    for day in ["2031-02-01", "2031-03-01", "2031-03-02", "2031-03-03"] {
        assert_eq!(sent_on(&kura, day).await, [day]);
    }
    comes_back(&kura, "lost").await;
    kura.set_day("2031-03-07");
    let summary = complete(&kura).await;
    assert!(summary.new_bytes_stored < 20_000 && summary.files == 4, "{summary:?}");
    comes_back(&kura, "found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_plan_is_sent_whole_every_month() {
    let kura = Kura::new("2031-03-30").await;
    let mut noise = vec![0; 400_000];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut noise);
    write(&kura.source().join("etc/large"), &noise, "2031-03-03");
    write(&kura.source().join("etc/small"), "small", "2020-03-03");
    settle_root(&kura, "2031-03-03");
    let mut sent = Vec::new();
    for day in ["2031-03-30", "2031-03-31", "2031-04-01", "2031-04-02"] {
        kura.set_day(day);
        let summary = kura.snapshot(&kura.system()).await.unwrap();
        assert_eq!(summary.files, 2);
        sent.push(summary.new_bytes_stored > 400_000);
        comes_back(&kura, day).await;
    }
    assert_eq!(sent, [true, false, true, false]);
    assert_eq!(kura.cohorts().len(), 2);
    kura.set_day("2032-04-15");
    let march = restore_as(&kura, &request(&kura, "late")).await.unwrap();
    assert_eq!(march.expired_cohorts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_year_is_left_out_of_a_restore() {
    let kura = Kura::new("2031-03-03").await;
    for day in ["2031-03-01", "2031-03-03"] {
        write(&kura.source().join(day), day, day);
    }
    settle_root(&kura, "2031-03-03");
    complete(&kura).await;
    kura.set_day("2032-03-01");
    let (_, summary) = kura.restore_to("a", &[]).await;
    assert_eq!((summary.files, summary.expired_cohorts), (2, 0));
    kura.set_day("2032-03-02");
    let (to, summary) = kura.restore_to("b", &[]).await;
    assert_eq!((summary.files, summary.expired_cohorts), (1, 1));
    assert_eq!(files(&to).into_iter().collect::<Vec<_>>(), ["2031-03-03"]);
    let summary = complete(&kura).await;
    assert_eq!(summary.remarks.get("past-retention"), Some(&1), "{summary:?}");
    assert_eq!(summary.files, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_whose_files_are_all_removed_stays() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("box/f"), "f", "2031-03-03");
    write(&kura.source().join("g"), "g", "2031-03-03");
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    kura.set_day("2031-03-05");
    std::fs::remove_file(kura.source().join("box/f")).unwrap();
    touch(&kura.source().join("box"), "2031-03-05");
    let summary = complete(&kura).await;
    assert!(summary.remarks.is_empty(), "{summary:?}");
    comes_back(&kura, "emptied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_reads_everything_again_counts_everything() {
    let kura = Kura::new("2031-03-03").await;
    for name in ["a", "b", "c"] {
        write(&kura.source().join(name), name, "2031-03-03");
    }
    write(&kura.source().join("large"), vec![3; 2 << 20], "2031-03-03");
    settle(&kura.source(), "2031-03-03");
    for plan in [kura.records(), kura.system()] {
        let first = kura.snapshot(&plan).await.unwrap();
        let host = Host::open(kura.home(), None).await.unwrap();
        let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
        let request =
            take_snapshot::Request { plan, event: "monthly".to_owned(), reason: None, reread: true };
        let progress = Arc::new(Progress::default());
        let again = take_snapshot(&host, &catalog, &request, &kura.clock, &progress).await.unwrap();
        assert_eq!((again.files, again.bytes), (first.files, first.bytes), "{again:?}");
        assert!(again.new_bytes_stored < 20_000, "{again:?}");
        comes_back(&kura, request.plan.class().word()).await;
        drop(catalog);
        std::fs::remove_dir_all(kura.store().join("test")).unwrap();
        std::fs::remove_file(kura.home().catalog_file()).unwrap();
        lose_cache(&kura);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_of_a_touched_inode_keeps_its_day() {
    let kura = Kura::new("2031-03-03").await;
    write(&kura.source().join("a"), "same", "2031-03-03");
    std::fs::hard_link(kura.source().join("a"), kura.source().join("b")).unwrap();
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    kura.set_day("2031-03-05");
    touch(&kura.source().join("a"), "2031-03-05");
    complete(&kura).await;
    comes_back(&kura, "touched").await;
    assert_eq!(sent_on(&kura, "2031-03-03").await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_keeps_old_records_keeps_them_anew_when_their_year_is_over() {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.plan("application", "past_retention = \"keep-from-first-seen\"", "sent_day = \"mtime\"");
    write(&kura.source().join("old"), "old", "2020-01-01");
    for day in ["2031-03-03", "2032-03-10", "2033-03-20"] {
        kura.set_day(day);
        settle_root(&kura, day);
        let summary = kura.snapshot(&plan).await.unwrap();
        assert_eq!(summary.files, 1, "{day}: {summary:?}");
        comes_back(&kura, day).await;
        assert_eq!(std::fs::metadata(kura.source().join("old")).unwrap().nlink(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_the_place_of_something_else_comes_back_alone() {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    write(&at("file-then-directory"), "f", "2031-03-03");
    write(&at("directory-then-file/g"), "g", "2031-03-03");
    std::os::unix::fs::symlink("nowhere", at("link-then-directory")).unwrap();
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    kura.set_day("2031-03-05");
    std::fs::remove_file(at("file-then-directory")).unwrap();
    write(&at("file-then-directory/h"), "h", "2031-03-05");
    std::fs::remove_dir_all(at("directory-then-file")).unwrap();
    write(&at("directory-then-file"), "i", "2031-03-05");
    std::fs::remove_file(at("link-then-directory")).unwrap();
    write(&at("link-then-directory/j"), "j", "2031-03-05");
    settle(&kura.source(), "2031-03-05");
    complete(&kura).await;
    comes_back(&kura, "replaced").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_was_full_for_a_while_is_empty_as_it_is_now() {
    let kura = Kura::new("2031-03-03").await;
    let at = |name: &str| kura.source().join(name);
    std::fs::create_dir_all(at("box")).unwrap();
    settle(&kura.source(), "2031-03-03");
    complete(&kura).await;
    kura.set_day("2031-03-05");
    write(&at("box/f"), "f", "2031-03-05");
    complete(&kura).await;
    kura.set_day("2031-03-08");
    std::fs::remove_file(at("box/f")).unwrap();
    touch(&at("box"), "2031-03-08");
    complete(&kura).await;
    comes_back(&kura, "emptied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_that_moved_on_cost_nothing_on_an_unchanged_day() {
    let kura = Kura::new("2031-03-03").await;
    for day in ["2031-03-03", "2031-03-05"] {
        kura.set_day(day);
        write(&kura.source().join("box").join(day), day, day);
        settle_root(&kura, day);
        touch(&kura.source().join("box"), day);
        complete(&kura).await;
    }
    let before = objects(&kura);
    for day in ["2031-03-06", "2031-03-07"] {
        kura.set_day(day);
        complete(&kura).await;
        comes_back(&kura, day).await;
    }
    assert_eq!(objects(&kura).difference(&before).count(), 2, "one snapshot each");
    touch(&kura.source().join("box"), "2031-03-08");
    kura.set_day("2031-03-08");
    complete(&kura).await;
    comes_back(&kura, "moved on again").await;
}
