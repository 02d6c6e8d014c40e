//! Drills: what is restored is compared and removed, what came of it is signed, found again, and asked for in time (K-50).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::clock::Clock as _;
use kura::domain::alarm::AlarmCode;
use kura::domain::drill::{DrillKind, EVERY_DEFAULT};
use kura::workflows::choice::Wanted;
use kura::workflows::desk::Desk;
use kura::workflows::drill::{self, DrillError, Drilled, Scope, Scratch};
use kura::workflows::host::Host;
use kura::workflows::{alarms, check_audit};

use crate::support::kura::Kura;
use crate::support::simulate::{objects, run, write};

/// Three days with some of everything that a directory may hold.
async fn taken() -> Kura {
    let kura = Kura::new("2031-03-03").await;
    for day in ["2031-03-03", "2031-03-04", "2031-03-05"] {
        kura.set_day(day);
        for number in 0..20 {
            write(
                &kura.source().join(format!("{day}/[{number}] {{a}}*?\\x41")),
                format!("{day} {number}"),
                day,
            );
        }
        let sparse = "truncate -s 1M hole; printf x | dd of=hole bs=1 seek=500000 conv=notrunc 2>/dev/null; ln -s hole link";
        run("sh", &["-c", sparse], &kura.source().join(day));
        let touch = format!("touch -h -d {day}T12:00:00+09:00 hole link");
        run("sh", &["-c", &touch], &kura.source().join(day));
        kura.snapshot(&kura.records()).await.unwrap();
    }
    kura
}

fn place(kura: &Kura) -> PathBuf {
    kura.home().spill()
}

async fn drill_with(kura: &Kura, scope: Scope, scratch: &Scratch) -> Result<Drilled, DrillError> {
    let plan = "test".parse().unwrap();
    let wanted = Wanted::LatestOf("test".parse().unwrap());
    let progress = Arc::new(Progress::default());
    let keys = vec!["age1key".to_owned()];
    drill::restore_drill(
        kura.opened().await,
        (&plan, &wanted, scope),
        (scratch, keys),
        &kura.clock,
        &progress,
    )
    .await
}

fn is_empty(place: &Path) -> bool {
    let names = std::fs::read_dir(place).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name != "kura-drill.lock").count() == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_some_days_or_everything_comes_back_and_goes() {
    let kura = taken().await;
    let day = |text: &str| text.parse().unwrap();
    for (scope, files) in [
        (Scope::Sample(7), 7),
        (Scope::Sample(1000), 66),
        (Scope::Days(day("2031-03-04"), day("2031-03-04")), 22),
        (Scope::All, 66),
    ] {
        let scratch = Scratch::make(&place(&kura)).unwrap();
        let folder = scratch.folder().to_owned();
        let drilled = drill_with(&kura, scope, &scratch).await.unwrap();
        assert_eq!((drilled.files, drilled.failed), (files, 0), "{scope:?}: {drilled:?}");
        assert_eq!(drilled.of.0, 66);
        assert!(folder.exists());
        drop(scratch);
        assert!(is_empty(&place(&kura)), "{scope:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_is_told_and_not_counted_as_tried_out() {
    let kura = taken().await;
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let packs = objects(&kura).into_iter().filter(|key| key.contains("sent-2031-03-04/packs/"));
    // The largest: a worker that found little to do leaves one that is shorter than where the damage begins.
    let path = packs.map(|key| kura.store().join(key)).max_by_key(size).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // All over: one byte alone may lie in what only fills the pack up.
    bytes.iter_mut().skip(1000).step_by(97).for_each(|byte| *byte ^= 1);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let scratch = Scratch::make(&place(&kura)).unwrap();
    match drill_with(&kura, Scope::All, &scratch).await {
        Ok(drilled) => {
            assert!(drilled.failed > 0 && !drilled.is_good(), "{drilled:?}");
            let (host, catalog) = open(&kura).await;
            drill::record(&host, &catalog, (&drilled, "root"), &kura.clock).await.unwrap();
            assert_eq!(drill::newest(&catalog, "test").await.unwrap(), None, "it did not go well");
        }
        // What cannot even be listed is no drill.
        Err(DrillError::Restore(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}

async fn open(kura: &Kura) -> (Host, Catalog) {
    let host = Host::open(kura.home(), None).await.unwrap();
    (host, Catalog::open(&kura.home().catalog_file()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_is_signed_and_found_again_and_the_next_drill_is_asked_for() {
    let kura = taken().await;
    let (host, catalog) = open(&kura).await;
    let codes = async |catalog: &Catalog| {
        let desk = Desk::new(catalog.clone(), BTreeMap::default(), None)
            .with_drills(vec![("test".to_owned(), EVERY_DEFAULT)], vec!["age1key".to_owned()]);
        alarms::refresh(&desk, kura.clock.now()).await.unwrap();
        let open = alarms::list(&desk, false, 100).await.unwrap();
        let overdue = open.into_iter().filter(|row| row.alarm.code == AlarmCode::DrillOverdue);
        overdue.map(|row| row.alarm.subject).collect::<Vec<_>>()
    };
    kura.set_day("2031-06-03");
    assert_eq!(codes(&catalog).await, Vec::<String>::new());
    kura.set_day("2031-06-04");
    assert_eq!(codes(&catalog).await, ["age1key", "test"]);
    let scratch = Scratch::make(&place(&kura)).unwrap();
    let drilled = drill_with(&kura, Scope::Sample(5), &scratch).await.unwrap();
    assert_eq!(drill::record(&host, &catalog, (&drilled, "root"), &kura.clock).await.unwrap(), 1);
    assert_eq!(codes(&catalog).await, ["age1key"]);
    let opened =
        drill::key_drill(kura.opened().await, vec!["age1key".to_owned()], &kura.clock).await.unwrap();
    assert_eq!((opened.kind, opened.cohorts, opened.failed), (DrillKind::Key, 3, 0));
    assert_eq!(drill::record(&host, &catalog, (&opened, "root"), &kura.clock).await.unwrap(), 2);
    assert_eq!(codes(&catalog).await, Vec::<String>::new());
    let evidence = objects(&kura).into_iter().filter(|key| key.starts_with("audit/drills/"));
    assert_eq!(
        evidence.collect::<Vec<_>>(),
        ["audit/drills/0000000001.json", "audit/drills/0000000002.json"]
    );
    // What somebody hid keeps its number.
    let (shown, aside) = (kura.store().join("audit/drills/0000000002.json"), kura.dir.path().join("aside"));
    std::fs::rename(&shown, &aside).unwrap();
    assert_eq!(drill::record(&host, &catalog, (&opened, "root"), &kura.clock).await.unwrap(), 3);
    std::fs::remove_file(kura.store().join("audit/drills/0000000003.json")).unwrap();
    std::fs::rename(&aside, &shown).unwrap();
    check_audit::verify(&catalog, None).await.unwrap();
    // A catalog that does not know them finds them; one that was altered does not count.
    catalog.close().await;
    std::fs::remove_file(kura.home().catalog_file()).unwrap();
    let second = kura.store().join("audit/drills/0000000002.json");
    let text = std::fs::read_to_string(&second).unwrap();
    std::fs::remove_file(&second).unwrap();
    std::fs::write(&second, text.replacen("sig\":\"", "sig\":\"AAAA", 1)).unwrap();
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    drill::absorb(&host, &catalog).await.unwrap();
    drill::absorb(&host, &catalog).await.unwrap();
    let rows = catalog.last_drills(10).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.number, row.files)).collect::<Vec<_>>(), [(1, 5)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_drill_left_goes_and_two_do_not_meet() {
    let kura = taken().await;
    let place = place(&kura);
    std::fs::create_dir_all(place.join("kura-drill-00ff/restored/shut")).unwrap();
    std::fs::write(place.join("kura-drill-00ff/restored/shut/name"), "secret").unwrap();
    run("chmod", &["500", "kura-drill-00ff/restored/shut"], &place);
    std::fs::write(place.join("other"), "stays").unwrap();
    let scratch = Scratch::make(&place).unwrap();
    assert!(!place.join("kura-drill-00ff").exists() && place.join("other").exists());
    assert!(matches!(Scratch::make(&place), Err(DrillError::Busy(_))));
    drill::sweep(&place);
    assert!(scratch.folder().exists(), "a drill that is under way keeps its folder");
    drop(scratch);
    std::fs::create_dir_all(place.join("kura-drill-11")).unwrap();
    drill::sweep(&place);
    assert!(!place.join("kura-drill-11").exists());
}
