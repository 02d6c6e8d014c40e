//! Statements of recoverability: what is whole somewhere is recoverable, what is damaged everywhere is not called so, what
//! nobody can know without a key is said so; the evidence is signed, stored, and names no path (K-93).

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::domain::statement::{CohortStanding, CopyState, NamedSnapshot, PathStanding, Verdict};
use kura::print::statement as printed;
use kura::vault::DirVault;
use kura::workflows::choice::Wanted;
use kura::workflows::drill::{self, Scope, Scratch};
use kura::workflows::evidence::instant;
use kura::workflows::host::Host;
use kura::workflows::past::PastError;
use kura::workflows::statement::{self, AsOf, Asked, Checked, Copy, Statement, StatementError};
use kura::workflows::verify::{self, Viewer};

use crate::support::kura::Kura;
use crate::support::simulate::{objects, run, write};

/// Three days of records.
async fn taken() -> Kura {
    let kura = Kura::new("2031-03-03").await;
    for day in ["2031-03-03", "2031-03-04", "2031-03-05"] {
        kura.set_day(day);
        for number in 0..5 {
            let path = kura.source().join(format!("{day}/tanaka-{number}"));
            write(&path, format!("{day} {number}").repeat(1000), day);
        }
        run("touch", &["-d", &format!("{day}T12:00:00+09:00"), "."], &kura.source().join(day));
        kura.snapshot(&kura.records()).await.unwrap();
    }
    kura
}

async fn host(kura: &Kura) -> Host {
    Host::open(kura.home(), None).await.unwrap()
}

/// The first store, as its host sees it.
async fn first(kura: &Kura) -> Copy {
    let viewer = Arc::new(Viewer::of_host(host(kura).await));
    Copy { location: "file:///first".to_owned(), viewer }
}

/// A copy of the store in another folder, looked at by itself.
async fn second(kura: &Kura) -> Copy {
    let folder = kura.dir.path().join("second");
    if !folder.exists() {
        run("cp", &["-a", kura.store().to_str().unwrap(), folder.to_str().unwrap()], Path::new("/"));
    }
    let vault = Arc::new(DirVault::open(&folder).unwrap());
    let viewer = Viewer { vault, ..Viewer::of_host(host(kura).await) };
    Copy { location: "file:///second".to_owned(), viewer: Arc::new(viewer) }
}

fn asked(checked: Checked) -> Asked {
    Asked { plan: "test".parse().unwrap(), days: None, as_of: AsOf::NEWEST, paths: Vec::new(), checked }
}

async fn make(kura: &Kura, copies: &[Copy], asked: Asked) -> Result<Statement, StatementError> {
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let progress = Arc::new(Progress::default());
    statement::make(asked, copies, (Some(&catalog), None), &kura.clock, &progress).await
}

/// The largest pack of a day, under a folder.
fn pack_of(kura: &Kura, store: &Path, day: &str) -> std::path::PathBuf {
    let keys = objects(kura).into_iter().filter(|key| key.contains(&format!("sent-{day}/packs/")));
    keys.map(|key| store.join(key)).max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn verdicts(statement: &Statement) -> Vec<(String, &'static str)> {
    statement.cohorts.iter().map(|one| (one.cohort.to_string(), one.verdict().word())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_found_by_reading_and_the_second_copy_makes_up_for_it() {
    let kura = taken().await;
    let whole = make(&kura, &[first(&kura).await], asked(Checked::Read)).await.unwrap();
    assert!(whole.is_whole() && whole.count(Verdict::Recoverable) == 3, "{:?}", verdicts(&whole));
    let since = whole.cohorts[0].since.to_string();
    assert!(since.starts_with("2031-03-03T03:00"), "{since}");
    let copy = second(&kura).await;
    flip(&pack_of(&kura, &kura.store(), "2031-03-04"));
    let presence = make(&kura, &[first(&kura).await], asked(Checked::Presence)).await.unwrap();
    assert!(presence.is_whole(), "presence cannot know it, and its statement says how it was checked");
    let alone = make(&kura, &[first(&kura).await], asked(Checked::Read)).await.unwrap();
    assert_eq!(verdicts(&alone)[1], ("sent-2031-03-04".to_owned(), "partly"));
    assert!(!alone.is_whole());
    let both = make(&kura, &[first(&kura).await, copy], asked(Checked::Read)).await.unwrap();
    assert!(both.is_whole(), "{:?}", verdicts(&both));
    assert_eq!(both.cohorts[1].copies, [CopyState::Damaged(1), CopyState::Whole]);
    let days = Some(("2031-03-05".parse().unwrap(), "2031-03-31".parse().unwrap()));
    let later = make(&kura, &[first(&kura).await], Asked { days, ..asked(Checked::Read) }).await.unwrap();
    assert!(later.is_whole() && later.cohorts.len() == 1, "only what was asked for counts");
    let other = Asked { plan: "other".parse().unwrap(), ..asked(Checked::Read) };
    let nothing = make(&kura, &[first(&kura).await], other).await;
    assert!(matches!(nothing, Err(StatementError::Past(PastError::Nothing(_)))), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_is_signed_and_stored_names_no_path_and_says_what_nobody_knows() {
    let kura = taken().await;
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let paths = vec![OsString::from("2031-03-04"), OsString::from("2031-03-05/tanaka-1")];
    let with_paths = Asked { paths: paths.clone(), ..asked(Checked::Read) };
    let sealed = make(&kura, &[first(&kura).await], with_paths.clone()).await;
    assert!(matches!(sealed, Err(StatementError::Sealed)), "{sealed:?}");
    let blind = make(&kura, &[first(&kura).await], asked(Checked::Read)).await.unwrap();
    assert!(blind.estimate_ms.is_none(), "without a drill");
    let page = printed::page(&blind, &[], None).html();
    assert!(page.contains("個々のファイルについては確認していません。"), "{page}");
    assert!(page.contains("分かりません（復元の訓練の記録がありません）"), "{page}");

    // A drill, then a statement by whoever holds a recovery key.
    let scratch = Scratch::make(&kura.home().spill()).unwrap();
    let latest = Wanted::LatestOf("test".parse().unwrap());
    let progress = Arc::new(Progress::default());
    let mut drilled = drill::restore_drill(
        kura.opened().await,
        (&"test".parse().unwrap(), &latest, Scope::All),
        (&scratch, Vec::new()),
        &kura.clock,
        &progress,
    )
    .await
    .unwrap();
    drilled.milliseconds = 3_000;
    drill::record(&host(&kura).await, &catalog, (&drilled, "root"), &kura.clock).await.unwrap();
    flip(&pack_of(&kura, &kura.store(), "2031-03-04"));
    let viewer = Arc::new(Viewer::of_opened(kura.opened().await).unwrap());
    let copies = [Copy { location: "file:///first".to_owned(), viewer }];
    let with_paths = Asked { checked: Checked::Opened, ..with_paths };
    let keys = (Some(&catalog), Some(kura.opened().await));
    let known = statement::make(with_paths, &copies, keys, &kura.clock, &progress).await.unwrap();
    assert_eq!(known.count(Verdict::Recoverable), 2, "{:?}", verdicts(&known));
    assert_eq!((known.paths[1].files, known.paths[1].recoverable), (1, 1));
    let first = &known.paths[0];
    assert_eq!((first.recoverable, first.unreadable), (0, 1), "its names are in the damaged pack: {first:?}");
    assert!(!known.is_whole() && known.estimate_ms == Some(2_000), "{:?}", known.estimate_ms);

    let (number, signed) =
        statement::record(&host(&kura).await, &catalog, (&known, "root"), &kura.clock).await.unwrap();
    assert_eq!(number, 1);
    let key = kura.store().join("audit/statements/0000000001.json");
    assert_eq!(std::fs::read(&key).unwrap(), signed);
    let text = String::from_utf8_lossy(&signed).into_owned();
    assert!(text.contains("application/vnd.kura.statement+json") && !text.contains("tanaka"), "{text}");
    let log = format!("{:?}", catalog.audit_newest(5).await.unwrap());
    assert!(log.contains("statement 1: 2 of 3 can be given back") && !log.contains("tanaka"), "{log}");
    let (next, _) =
        statement::record(&host(&kura).await, &catalog, (&known, "root"), &kura.clock).await.unwrap();
    assert_eq!(next, 2);
    // What somebody hid keeps its number.
    let hidden = kura.store().join("audit/statements/0000000002.json");
    std::fs::rename(&hidden, kura.dir.path().join("hidden")).unwrap();
    let (third, _) =
        statement::record(&host(&kura).await, &catalog, (&known, "root"), &kura.clock).await.unwrap();
    assert_eq!(third, 3);
    std::fs::rename(kura.dir.path().join("hidden"), &hidden).unwrap();
    let page = printed::page(&known, &["2031-03-04".into(), "tanaka-1".into()], Some((1, "0123"))).html();
    for part in
        ["復元可能性の証明", "令和13年3月4日（火）", "完全な写しがありません", "およそ2秒", "第1号 0123"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    // What is stored is known to the checks: it is no foreign object.
    let viewer = Arc::new(Viewer::of_host(host(&kura).await));
    let request =
        verify::Request { plan: None, read: None, known: verify::Known::default(), now: kura.clock_now() };
    let report = verify::verify(viewer, &request, &progress).await.unwrap();
    assert_eq!((report.foreign, report.orphans), (0, 0));
}

/// A statement by whoever holds a recovery key.
async fn told(kura: &Kura, as_of: AsOf, paths: &[&str]) -> Result<Statement, StatementError> {
    let viewer = Arc::new(Viewer::of_opened(kura.opened().await).unwrap());
    let copies = [Copy { location: "file:///first".to_owned(), viewer }];
    let paths = paths.iter().map(OsString::from).collect();
    let asked = Asked { as_of, paths, ..asked(Checked::Opened) };
    let opened = Some(kura.opened().await);
    statement::make(asked, &copies, (None, opened), &kura.clock, &Arc::new(Progress::default())).await
}

fn day<'s>(statement: &'s Statement, day: &str) -> &'s CohortStanding {
    let name = format!("sent-{day}");
    statement.cohorts.iter().find(|one| one.cohort.to_string() == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_encrypted_or_deleted_is_spoken_of_as_it_was_before() {
    let kura = taken().await;
    kura.set_day("2031-03-06");
    for number in 0..5 {
        let path = kura.source().join(format!("2031-03-04/tanaka-{number}"));
        std::fs::remove_file(&path).unwrap();
        write(&path.with_extension("locked"), "noise".repeat(7000), "2031-03-04");
    }
    std::fs::remove_dir_all(kura.source().join("2031-03-05")).unwrap();
    kura.snapshot(&kura.records()).await.unwrap();

    let paths = ["2031-03-04/tanaka-1", "2031-03-05", "nonexist/x", "2031-03-03"];
    let newest = told(&kura, AsOf::NEWEST, &paths).await.unwrap();
    let taken_at = |snapshot: &NamedSnapshot| snapshot.taken_at.to_string();
    assert!(taken_at(&newest.snapshot).starts_with("2031-03-06"), "{:?}", newest.snapshot);
    let since = day(&newest, "2031-03-04").since.to_string();
    assert!(since.starts_with("2031-03-06"), "what is encrypted was not there before: {since}");
    let gone = day(&newest, "2031-03-05");
    assert!(taken_at(gone.older.as_ref().unwrap()).starts_with("2031-03-05"), "{gone:?}");
    assert_eq!((gone.size.0, gone.verdict()), (5, Verdict::Recoverable));
    for (path, files) in [(0, 1), (1, 5)] {
        let found = &newest.paths[path];
        assert_eq!((found.files, found.recoverable, found.unreadable), (files, files, 0), "{found:?}");
        assert!(taken_at(found.older.as_ref().expect("an older one has it")).starts_with("2031-03-05"));
    }
    assert_eq!(newest.paths[2], PathStanding::default());
    assert!(newest.paths[3].files == 5 && newest.paths[3].older.is_none(), "{:?}", newest.paths[3]);
    assert!(!newest.is_whole() && newest.missing_paths() == 1);
    let typed = paths.map(ToOwned::to_owned);
    let page = printed::page(&newest, &typed, None).html();
    for part in
        ["パス4件のうち1件は、写しが見つかりませんでした", "写しなし", "令和13年3月5日", newest.snapshot.id()]
    {
        assert!(page.contains(part), "{part} in {page}");
    }

    let noon = |text: &str| instant(text).unwrap();
    let attack = noon("2031-03-06T00:00:00Z");
    let locked = ["2031-03-04/tanaka-1", "2031-03-04/tanaka-1.locked"];
    let before = told(&kura, AsOf::Before(attack), &locked).await.unwrap();
    assert!(taken_at(&before.snapshot).starts_with("2031-03-05"), "{:?}", before.snapshot);
    let then = day(&before, "2031-03-04");
    assert!(then.since.to_string().starts_with("2031-03-04") && then.size.0 == 5, "{then:?}");
    assert_ne!(then.size.1, day(&newest, "2031-03-04").size.1, "the bytes are those of that time");
    assert!(before.cohorts.iter().all(|one| one.older.is_none()), "{:?}", before.cohorts);
    assert!(before.paths[0].files == 1 && before.paths[0].older.is_none());
    assert_eq!(before.paths[1].files, 0, "what came later is not in it");

    let id = before.snapshot.id().to_owned();
    let named = told(&kura, AsOf::Snapshot(Wanted::Prefix(id)), &[]).await.unwrap();
    assert_eq!((&named.snapshot, &named.cohorts), (&before.snapshot, &before.cohorts));
    let of_day = told(&kura, AsOf::Snapshot(Wanted::Day("2031-03-04".to_owned())), &[]).await.unwrap();
    assert!(of_day.is_whole() && of_day.cohorts.len() == 2, "{:?}", verdicts(&of_day));
    for none in
        [AsOf::Snapshot(Wanted::Day("2031-03-10".to_owned())), AsOf::Snapshot(Wanted::Prefix("0".repeat(64)))]
    {
        let none = told(&kura, none, &[]).await;
        assert!(matches!(none, Err(StatementError::Past(PastError::Choice(_)))), "{none:?}");
    }
    let none = told(&kura, AsOf::Before(noon("2031-01-01T00:00:00Z")), &[]).await;
    assert!(matches!(none, Err(StatementError::Past(PastError::NoneBefore(..)))), "{none:?}");
    let any = told(&kura, AsOf::BeforeIfAny(noon("2031-01-01T00:00:00Z")), &[]).await.unwrap();
    assert_eq!(any.snapshot, newest.snapshot);
}
