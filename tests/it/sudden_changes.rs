//! A source that changes suddenly between two snapshots: counted by the engine, told once, kept until somebody has looked,
//! and nothing that was stored is harmed (K-105).

use kura::catalog::Catalog;
use kura::domain::alarm::AlarmCode;
use kura::domain::sudden_change::ChangeFacts;
use kura::domain::time::Instant;
use kura::workflows::alarms;
use kura::workflows::desk::Desk;
use kura::workflows::incidents::tend;
use kura::workflows::take_snapshot::Summary;

use crate::support::kura::{Kura, listing};
use crate::support::simulate::{restore_of, run, write};
use crate::support::site::noise;

/// Sixty texts of 50 KiB.
async fn texts() -> Kura {
    let kura = Kura::new("2031-03-03").await;
    for number in 0..60 {
        let text = format!("record {number} of somebody, with words that come again and again\n").repeat(800);
        write(&kura.source().join(format!("{}/{number}.txt", number % 6)), text, "2031-03-01");
    }
    kura
}

async fn take(kura: &Kura, class: &str, day: &str) -> Summary {
    kura.set_day(day);
    let plan = if class == "system" { kura.system() } else { kura.records() };
    kura.snapshot(&plan).await.expect("a snapshot")
}

async fn told(kura: &Kura) -> Vec<String> {
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let rows = catalog.last_alarms(100).await.unwrap();
    catalog.close().await;
    rows.into_iter()
        .filter(|row| row.alarm.code == AlarmCode::SourceChangedSuddenly)
        .map(|row| row.alarm.japanese)
        .collect()
}

fn counts(facts: ChangeFacts) -> (u64, u64, u64, u64) {
    (facts.files_before, facts.new_files, facts.changed_files, facts.removed_files)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_what_was_done() {
    for class in ["application", "system"] {
        let kura = texts().await;
        let first = take(&kura, class, "2031-03-03").await.changes;
        assert_eq!(counts(first), (0, 60, 0, 0), "{class}");
        assert!(first.is_resent && !first.is_compared);
        assert!(first.new_bytes > 2_000_000 && first.packed_bytes * 10 < first.new_bytes, "{first:?}");
        write(&kura.source().join("new"), "new", "2031-03-04");
        write(&kura.source().join("0/0.txt"), "other words", "2031-03-04");
        std::fs::remove_file(kura.source().join("1/1.txt")).unwrap();
        // Only its time and its rights change: its content is as it was.
        run("touch", &["-d", "2031-03-04T09:00:00+09:00", "2/2.txt"], &kura.source());
        run("chmod", &["600", "3/3.txt"], &kura.source());
        run("ln", &["5/5.txt", "link"], &kura.source());
        let second = take(&kura, class, "2031-03-04").await.changes;
        // The linked file has a second name, which is new.
        let (before, new, changed, removed) = counts(second);
        assert_eq!((before, changed, removed), (60, 1, 1), "{class}");
        assert!((1..=2).contains(&new), "{class}: {new}");
        assert!(second.is_compared && !second.is_resent, "{second:?}");
        let quiet = take(&kura, class, "2031-03-05").await.changes;
        assert_eq!(
            (quiet.new_files, quiet.changed_files, quiet.removed_files, quiet.new_bytes),
            (0, 0, 0, 0)
        );
        // Much later, in another generation: what is sent again is not new.
        write(&kura.source().join("4/4.txt"), "later", "2031-04-02");
        let next = take(&kura, class, "2031-04-02").await.changes;
        assert_eq!((next.new_files, next.changed_files), (0, 1), "{class}: {next:?}");
        assert_eq!(next.is_resent, class == "system");
    }
}

/// Overwrites every file with noise of the same length, on a day.
fn encrypt(kura: &Kura, day: &str) {
    for number in 0..60_u64 {
        let path = kura.source().join(format!("{}/{number}.txt", number % 6));
        let length = std::fs::metadata(&path).map_or(50_000, |meta| usize::try_from(meta.len()).unwrap());
        write(&path, noise(number, length), day);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_source_is_told_of_once_until_somebody_has_looked_and_harms_nothing() {
    for class in ["application", "system"] {
        let kura = texts().await;
        for day in ["2031-03-03", "2031-03-04"] {
            write(&kura.source().join("0/0.txt"), format!("of {day}"), day);
            take(&kura, class, day).await;
        }
        let before = listing(&kura.source());
        let good = take(&kura, class, "2031-03-05").await;
        encrypt(&kura, "2031-03-06");
        let bad = take(&kura, class, "2031-03-06").await;
        assert!(bad.is_complete, "it is taken like any other");
        assert_eq!(bad.changes.changed_files, 60, "{class}: {:?}", bad.changes);
        let alarms_told = told(&kura).await;
        assert_eq!(alarms_told.len(), 1, "{class}");
        assert!(
            alarms_told[0].contains("100%が書き換えられたか")
                && alarms_told[0].contains("暗号化された可能性"),
            "{alarms_told:?}"
        );
        assert_eq!(bad.sudden.map(|words| words.0), Some(alarms_told[0].clone()));
        let to = restore_of(&kura, &good.snapshot.to_string(), "good").await;
        assert_eq!(listing(&to), before, "what was good before is good");

        // A quiet day does not end it, nor does the service; a person does.
        take(&kura, class, "2031-03-07").await;
        let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
        let desk = Desk::new(catalog.clone(), [("test".to_owned(), "plan".to_owned())].into(), None);
        let lasting = async |now: Instant| {
            alarms::refresh(&desk, now).await.unwrap();
            tend::refresh(&desk, now).await.unwrap();
            let open = desk.catalog.open_alarms().await.unwrap();
            open.into_iter().filter(|row| row.alarm.code == AlarmCode::SourceChangedSuddenly).count()
        };
        for _ in 0..3 {
            assert_eq!(lasting(kura.clock_now()).await, 1, "{class}");
        }
        catalog.close().await;
        // The next snapshots do not raise it again, and those of a source that is as it was before are not sudden by it.
        take(&kura, class, "2031-03-08").await;
        assert_eq!(told(&kura).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_snapshots_tell_nothing_and_a_lost_cache_is_no_attack() {
    let kura = texts().await;
    take(&kura, "application", "2031-03-03").await;
    encrypt(&kura, "2031-03-04");
    take(&kura, "application", "2031-03-04").await;
    assert!(told(&kura).await.is_empty(), "nobody knows yet what is usual");
    take(&kura, "application", "2031-03-05").await;
    std::fs::remove_file(kura.home().state_file("test", "cache.json")).unwrap();
    let lost = take(&kura, "application", "2031-03-06").await;
    assert!(!lost.changes.is_compared && lost.changes.is_resent, "{:?}", lost.changes);
    assert!(told(&kura).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_before_it_could_tell_tells_next_time() {
    let kura = texts().await;
    for day in ["2031-03-03", "2031-03-04", "2031-03-05"] {
        take(&kura, "application", day).await;
    }
    encrypt(&kura, "2031-03-06");
    take(&kura, "application", "2031-03-06").await;
    // As if the machine had stopped after the snapshot was stored and before the catalog was told.
    let forget = "import sqlite3; c = sqlite3.connect('home/catalog.sqlite'); c.execute('DELETE FROM alarms'); c.commit()";
    run("python3", &["-c", forget], kura.dir.path());
    take(&kura, "application", "2031-03-07").await;
    assert_eq!(told(&kura).await.len(), 1);
}
