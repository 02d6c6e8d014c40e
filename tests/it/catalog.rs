//! The catalog: every query once, several programs at a time, files that are old, new or broken.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use kura::archive::digest::Sha256;
use kura::catalog::{
    Catalog, CatalogError, PackRow, RunEnd, RunLife, RunRow, RunStart, RunState, SnapshotRow, Trouble,
};
use kura::domain::time::{Day, Instant};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::task::JoinSet;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

fn at(second: i64) -> Instant {
    Instant::from_micros(1_795_287_600_000_000 + second * 1_000_000)
}

fn run_start(number: u64) -> RunStart {
    RunStart {
        run: format!("{number:032x}"),
        plan: "records".to_owned(),
        event: "daily".to_owned(),
        started_at: at(i64::try_from(number).expect("small")),
        reason: Some("before the update".to_owned()),
    }
}

fn run_end(state: RunState) -> RunEnd {
    RunEnd {
        state,
        ended_at: at(600),
        snapshot: Some(Sha256::of(b"snapshot")),
        files: 3,
        bytes: 4096,
        new_bytes_stored: 2048,
        skipped: 1,
    }
}

fn snapshot(plan: &str, sequence: u64) -> SnapshotRow {
    SnapshotRow {
        plan: plan.to_owned(),
        sequence,
        digest: Sha256::of(format!("{plan} {sequence}").as_bytes()),
        parent: sequence.checked_sub(2).map(|_| Sha256::of(format!("{plan} {}", sequence - 1).as_bytes())),
        taken_at: at(i64::try_from(sequence).expect("small")),
        day: Day::of(2026, 11, 22).expect("a day"),
        event: "adhoc".to_owned(),
        is_complete: sequence == 1,
        files: 7,
        bytes: 1 << 40,
        new_bytes_stored: 1 << 30,
        skipped: 2,
        cohorts: 366,
    }
}

fn packs(plan: &str, cohort: &str, numbers: std::ops::Range<u64>) -> Vec<PackRow> {
    let pack = |number: u64| PackRow {
        plan: plan.to_owned(),
        cohort: cohort.to_owned(),
        name: Sha256::of(format!("{cohort} {number}").as_bytes()),
        size_bytes: 16 << 20,
        files: number,
    };
    numbers.map(pack).collect()
}

fn sorted(mut packs: Vec<PackRow>) -> Vec<PackRow> {
    packs.sort_by(|a, b| (&a.cohort, a.name).cmp(&(&b.cohort, b.name)));
    packs
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    options.connect().await.expect("the file opens")
}

async fn execute(path: &Path, sql: &'static str) {
    let mut connection = raw(path).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statements run");
    connection.close().await.expect("the file closes");
}

// ---------------------------------------------------------------------------------------------------------------
// Runs
// ---------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_run_is_recorded_from_its_beginning_to_its_end() {
    let catalog = Catalog::in_memory().await.unwrap();
    let start = run_start(1);
    catalog.begin_run(&start).await.unwrap();
    let running = RunRow { start: start.clone(), life: RunLife::Running };
    assert_eq!(catalog.last_runs("records", 10).await.unwrap(), [running]);
    catalog.end_run(&start.run, &run_end(RunState::Partial)).await.unwrap();
    let ended = RunRow { start, life: RunLife::Ended(run_end(RunState::Partial)) };
    assert_eq!(catalog.last_runs("records", 10).await.unwrap(), [ended]);
}

#[tokio::test]
async fn every_end_of_a_run_comes_back_as_it_was_written() {
    let catalog = Catalog::in_memory().await.unwrap();
    let states = [RunState::Verified, RunState::Partial, RunState::Failed, RunState::Refused];
    for (number, state) in (1..).zip(states) {
        let end = RunEnd { snapshot: None, ..run_end(state) };
        catalog.begin_run(&run_start(number)).await.unwrap();
        catalog.end_run(&run_start(number).run, &end).await.unwrap();
        let last = catalog.last_runs("records", 1).await.unwrap();
        assert_eq!(last, [RunRow { start: run_start(number), life: RunLife::Ended(end) }]);
    }
}

#[tokio::test]
async fn a_run_ends_only_once() {
    let catalog = Catalog::in_memory().await.unwrap();
    let start = run_start(1);
    catalog.begin_run(&start).await.unwrap();
    catalog.end_run(&start.run, &run_end(RunState::Failed)).await.unwrap();
    let again = catalog.end_run(&start.run, &run_end(RunState::Verified)).await;
    assert!(matches!(again, Err(CatalogError::Stale { .. })), "{again:?}");
    let last = catalog.last_runs("records", 1).await.unwrap();
    assert_eq!(last, [RunRow { start, life: RunLife::Ended(run_end(RunState::Failed)) }]);
}

#[tokio::test]
async fn a_run_that_never_began_cannot_end_and_none_begins_twice() {
    let catalog = Catalog::in_memory().await.unwrap();
    let unknown = catalog.end_run(&run_start(1).run, &run_end(RunState::Failed)).await;
    assert!(matches!(unknown, Err(CatalogError::Stale { .. })), "{unknown:?}");
    catalog.begin_run(&run_start(1)).await.unwrap();
    let twice = catalog.begin_run(&run_start(1)).await;
    assert!(matches!(twice, Err(CatalogError::Stale { .. })), "{twice:?}");
}

#[tokio::test]
async fn runs_left_by_a_crash_are_abandoned_and_others_are_not() {
    let catalog = Catalog::in_memory().await.unwrap();
    for number in 1..=3 {
        catalog.begin_run(&run_start(number)).await.unwrap();
    }
    let other = RunStart { plan: "other".to_owned(), ..run_start(4) };
    catalog.begin_run(&other).await.unwrap();
    catalog.end_run(&run_start(2).run, &run_end(RunState::Verified)).await.unwrap();

    assert_eq!(catalog.abandon_runs("records", at(700)).await.unwrap(), 2);
    assert_eq!(catalog.abandon_runs("records", at(800)).await.unwrap(), 0);

    let lives: Vec<_> =
        catalog.last_runs("records", 10).await.unwrap().into_iter().map(|row| row.life).collect();
    let abandoned = RunLife::Abandoned { at: at(700) };
    assert_eq!(lives, [abandoned.clone(), RunLife::Ended(run_end(RunState::Verified)), abandoned]);
    assert_eq!(catalog.last_runs("other", 10).await.unwrap()[0].life, RunLife::Running);
    let ended = catalog.end_run(&run_start(1).run, &run_end(RunState::Verified)).await;
    assert!(matches!(ended, Err(CatalogError::Stale { .. })), "{ended:?}");
}

#[tokio::test]
async fn the_last_runs_are_the_newest_and_no_more_than_asked_for() {
    let catalog = Catalog::in_memory().await.unwrap();
    for number in [2, 5, 1, 4, 3] {
        catalog.begin_run(&run_start(number)).await.unwrap();
    }
    let last = catalog.last_runs("records", 2).await.unwrap();
    assert_eq!(last.into_iter().map(|row| row.start).collect::<Vec<_>>(), [run_start(5), run_start(4)]);
    assert_eq!(catalog.last_runs("records", 0).await.unwrap(), []);
}

// ---------------------------------------------------------------------------------------------------------------
// Snapshots and packs
// ---------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn snapshots_come_back_as_they_were_recorded_ascending() {
    let catalog = Catalog::in_memory().await.unwrap();
    for row in [snapshot("records", 2), snapshot("a", 1), snapshot("records", 1)] {
        catalog.record_snapshot(&row, &[]).await.unwrap();
    }
    let records = [snapshot("records", 1), snapshot("records", 2)];
    assert_eq!(catalog.snapshots(Some("records")).await.unwrap(), records);
    let all = [snapshot("a", 1), snapshot("records", 1), snapshot("records", 2)];
    assert_eq!(catalog.snapshots(None).await.unwrap(), all);
    assert_eq!(catalog.snapshots(Some("none")).await.unwrap(), []);
}

#[tokio::test]
async fn the_head_is_the_snapshot_with_the_highest_number() {
    let catalog = Catalog::in_memory().await.unwrap();
    assert_eq!(catalog.head("records").await.unwrap(), None);
    for sequence in [9, 10, 2] {
        catalog.record_snapshot(&snapshot("records", sequence), &[]).await.unwrap();
    }
    assert_eq!(catalog.head("records").await.unwrap(), Some(snapshot("records", 10)));
}

#[tokio::test]
async fn recording_a_snapshot_twice_changes_nothing_but_adds_packs_that_were_missing() {
    let catalog = Catalog::in_memory().await.unwrap();
    let first = packs("records", "sent-2026-11-22", 0..23);
    let all = packs("records", "sent-2026-11-22", 0..31);
    catalog.record_snapshot(&snapshot("records", 1), &first).await.unwrap();
    catalog.record_snapshot(&snapshot("records", 1), &first).await.unwrap();
    assert_eq!(catalog.packs_of("records").await.unwrap(), sorted(first));
    catalog.record_snapshot(&snapshot("records", 1), &all).await.unwrap();
    assert_eq!(catalog.packs_of("records").await.unwrap(), sorted(all));
    assert_eq!(catalog.snapshots(None).await.unwrap(), [snapshot("records", 1)]);
}

#[tokio::test]
async fn another_snapshot_with_the_same_number_is_refused_with_its_packs() {
    let catalog = Catalog::in_memory().await.unwrap();
    catalog.record_snapshot(&snapshot("records", 1), &[]).await.unwrap();
    let other = SnapshotRow { digest: Sha256::of(b"other"), ..snapshot("records", 1) };
    let refused = catalog.record_snapshot(&other, &packs("records", "sent-2026-11-22", 0..1)).await;
    assert!(matches!(refused, Err(CatalogError::OtherSnapshot { sequence: 1, .. })), "{refused:?}");
    assert_eq!(catalog.snapshots(None).await.unwrap(), [snapshot("records", 1)]);
    assert_eq!(catalog.packs_of("records").await.unwrap(), []);
}

#[tokio::test]
async fn a_number_that_no_column_holds_is_refused_and_nothing_is_recorded() {
    let catalog = Catalog::in_memory().await.unwrap();
    let mut large = packs("records", "sent-2026-11-22", 0..12);
    large[11].size_bytes = u64::MAX;
    let refused = catalog.record_snapshot(&snapshot("records", 1), &large).await;
    assert!(
        matches!(refused, Err(CatalogError::TooLarge { column: "size_bytes", value: u64::MAX, .. })),
        "{refused:?}"
    );
    assert_eq!(catalog.head("records").await.unwrap(), None);
    assert_eq!(catalog.packs_of("records").await.unwrap(), []);
}

#[tokio::test]
async fn packs_are_listed_by_cohort_and_forgotten_with_it() {
    let catalog = Catalog::in_memory().await.unwrap();
    let [old, new] = ["sent-2026-11-21", "sent-2026-11-22"];
    let both = [packs("records", new, 0..11), packs("records", old, 0..4)].concat();
    catalog.record_snapshot(&snapshot("records", 1), &both).await.unwrap();
    catalog.record_snapshot(&snapshot("other", 1), &packs("other", old, 0..2)).await.unwrap();
    assert_eq!(catalog.packs_of("records").await.unwrap(), sorted(both));
    let of_old = catalog.packs_of_cohort("records", old).await.unwrap();
    assert_eq!(of_old, sorted(packs("records", old, 0..4)));

    assert_eq!(catalog.remove_cohort("records", old).await.unwrap(), 4);
    assert_eq!(catalog.remove_cohort("records", old).await.unwrap(), 0);
    assert_eq!(catalog.packs_of("records").await.unwrap(), sorted(packs("records", new, 0..11)));
    assert_eq!(catalog.packs_of("other").await.unwrap(), sorted(packs("other", old, 0..2)));
    assert_eq!(catalog.head("records").await.unwrap(), Some(snapshot("records", 1)));
}

#[tokio::test]
async fn clearing_a_plan_keeps_its_runs_and_the_other_plans() {
    let catalog = Catalog::in_memory().await.unwrap();
    catalog.begin_run(&run_start(1)).await.unwrap();
    for plan in ["records", "other"] {
        let packs = packs(plan, "gen-2026-11", 0..3);
        catalog.record_snapshot(&snapshot(plan, 1), &packs).await.unwrap();
    }
    catalog.clear_plan("records").await.unwrap();
    assert_eq!(catalog.snapshots(None).await.unwrap(), [snapshot("other", 1)]);
    assert_eq!(catalog.packs_of("records").await.unwrap(), []);
    assert_eq!(catalog.packs_of("other").await.unwrap().len(), 3);
    assert_eq!(catalog.last_runs("records", 10).await.unwrap().len(), 1);
}

// ---------------------------------------------------------------------------------------------------------------
// The file
// ---------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn what_was_recorded_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let recorded = packs("records", "gen-2026-11", 0..25);
    let catalog = Catalog::open(&path).await.unwrap();
    catalog.begin_run(&run_start(1)).await.unwrap();
    catalog.record_snapshot(&snapshot("records", 1), &recorded).await.unwrap();
    catalog.close().await;

    let catalog = Catalog::open(&path).await.unwrap();
    assert_eq!(catalog.head("records").await.unwrap(), Some(snapshot("records", 1)));
    assert_eq!(catalog.packs_of("records").await.unwrap(), sorted(recorded));
    assert_eq!(catalog.last_runs("records", 1).await.unwrap()[0].start, run_start(1));
}

#[tokio::test]
async fn the_file_keeps_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    Catalog::open(&path).await.unwrap().close().await;
    let mut raw = raw(&path).await;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut raw).await.unwrap();
    assert_eq!(journal, "wal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn programs_that_make_the_same_catalog_at_once_all_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let mut openings = JoinSet::new();
    for _ in 0..8 {
        let path = path.clone();
        openings.spawn(async move { Catalog::open(&path).await?.head("records").await });
    }
    while let Some(opened) = openings.join_next().await {
        assert_eq!(opened.unwrap().unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_the_same_time_wait_for_each_other_and_do_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let mut writers = JoinSet::new();
    for writer in 0..6_u64 {
        let path = path.clone();
        writers.spawn(async move {
            let catalog = Catalog::open(&path).await?;
            let plan = format!("plan-{writer}");
            for number in 1..=20 {
                let start = RunStart { plan: plan.clone(), ..run_start(writer * 100 + number) };
                catalog.begin_run(&start).await?;
                let packs = packs(&plan, "gen-2026-11", number * 10..number * 10 + 10);
                catalog.record_snapshot(&snapshot(&plan, number), &packs).await?;
                catalog.end_run(&start.run, &run_end(RunState::Verified)).await?;
            }
            Ok::<_, CatalogError>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap().unwrap();
    }
    let catalog = Catalog::open(&path).await.unwrap();
    assert_eq!(catalog.snapshots(None).await.unwrap().len(), 120);
    assert_eq!(catalog.packs_of("plan-3").await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_file_that_is_no_catalog_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    fs::write(&path, "something else ".repeat(1000)).unwrap();
    let refused = Catalog::open(&path).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Unavailable { trouble: Trouble::Damaged, .. }), "{refused:?}");
    let message = refused.to_string();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert!(message.contains("kura catalog rebuild"), "{message}");
    assert!(refused.source().is_some());
}

#[tokio::test]
async fn a_catalog_with_overwritten_pages_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let catalog = Catalog::open(&path).await.unwrap();
    catalog.record_snapshot(&snapshot("records", 1), &packs("records", "gen-2026-11", 0..500)).await.unwrap();
    catalog.close().await;
    let mut bytes = fs::read(&path).unwrap();
    // The last pages: before them lie the definitions of the tables, without which nothing opens.
    let from = bytes.len() - 4 * 4096;
    bytes[from..].fill(0xa5);
    fs::write(&path, bytes).unwrap();

    let catalog = Catalog::open(&path).await.unwrap();
    let read = catalog.packs_of("records").await.unwrap_err();
    assert!(matches!(read, CatalogError::Unavailable { trouble: Trouble::Damaged, .. }), "{read:?}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Catalog::open(&folder.path().join("missing/catalog.db")).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Unavailable { trouble: Trouble::NotOpened, .. }), "{refused:?}");
    assert!(refused.to_string().contains("missing/catalog.db"), "{refused}");
}

#[tokio::test]
async fn a_row_that_kura_never_writes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let catalog = Catalog::open(&path).await.unwrap();
    catalog.record_snapshot(&snapshot("records", 7), &[]).await.unwrap();
    execute(&path, "UPDATE snapshots SET day = '2026-13-45'").await;
    let read = catalog.head("records").await.unwrap_err();
    let CatalogError::Corrupt { table, column, id } = &read else { panic!("{read:?}") };
    assert_eq!((*table, *column, id.as_str()), ("snapshots", "day", "records/7"));
}

#[tokio::test]
async fn the_tables_refuse_what_is_outside_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let catalog = Catalog::open(&path).await.unwrap();
    catalog.begin_run(&run_start(1)).await.unwrap();
    catalog.record_snapshot(&snapshot("records", 1), &[]).await.unwrap();
    let mut raw = raw(&path).await;
    for wrong in [
        "UPDATE runs SET state = 'gone'",
        "UPDATE runs SET ended_at = 1",
        "UPDATE runs SET started_at = 'yesterday'",
        "UPDATE snapshots SET digest = X'00'",
        "UPDATE snapshots SET is_complete = 2",
        "UPDATE snapshots SET files = -1",
        "UPDATE snapshots SET day = 'today'",
    ] {
        assert!(sqlx::query(wrong).execute(&mut raw).await.is_err(), "{wrong}");
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Migrations
// ---------------------------------------------------------------------------------------------------------------

/// Rows as each migration's schema holds them.
const SAMPLES: &[(i64, &str)] = &[
    (1, include_str!("fixtures/migrations/0001_runs.sql")),
    (2, include_str!("fixtures/migrations/0002_repository.sql")),
    (3, include_str!("fixtures/migrations/0003_run_reason.sql")),
    (4, include_str!("fixtures/migrations/0004_accounts.sql")),
    (5, include_str!("fixtures/migrations/0005_windows.sql")),
    (6, include_str!("fixtures/migrations/0006_outbox.sql")),
    (7, include_str!("fixtures/migrations/0007_answers.sql")),
    (8, include_str!("fixtures/migrations/0008_sessions.sql")),
    (9, include_str!("fixtures/migrations/0009_running.sql")),
    (10, include_str!("fixtures/migrations/0010_replacements.sql")),
    (11, include_str!("fixtures/migrations/0011_subjects.sql")),
    (12, include_str!("fixtures/migrations/0012_coverage.sql")),
    (13, include_str!("fixtures/migrations/0013_expiry.sql")),
    (14, include_str!("fixtures/migrations/0014_hand_stops.sql")),
    (15, include_str!("fixtures/migrations/0015_indexes.sql")),
    (16, include_str!("fixtures/migrations/0016_drills.sql")),
    (17, include_str!("fixtures/migrations/0017_erasures.sql")),
    (18, include_str!("fixtures/migrations/0018_permits.sql")),
    (19, include_str!("fixtures/migrations/0019_extracts.sql")),
    (20, include_str!("fixtures/migrations/0020_incidents.sql")),
    (21, include_str!("fixtures/migrations/0021_checks.sql")),
    (22, include_str!("fixtures/migrations/0022_monitoring.sql")),
    (23, include_str!("fixtures/migrations/0023_works.sql")),
    (24, include_str!("fixtures/migrations/0024_permit_mails.sql")),
];

#[tokio::test]
async fn migrations_apply_one_after_the_other_and_keep_the_rows() {
    let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    assert_eq!(
        versions,
        SAMPLES.iter().map(|(version, _)| *version).collect::<Vec<_>>(),
        "a sample for each"
    );
    for oldest in 1..=versions.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        for (version, sample) in &SAMPLES[..oldest] {
            MIGRATIONS.run_to(*version, &mut raw(&path).await).await.unwrap();
            execute(&path, sample).await;
        }
        let catalog = Catalog::open(&path).await.unwrap();
        let runs = catalog.last_runs("records", 10).await.unwrap();
        assert_eq!(runs.len(), 3);
        assert_eq!(runs[0].life, RunLife::Running);
        let snapshots = catalog.snapshots(None).await.unwrap();
        assert_eq!(snapshots.len(), if oldest == 1 { 0 } else { 2 });
        assert!(snapshots.windows(2).all(|pair| pair[1].parent == Some(pair[0].digest)));
    }
}

#[tokio::test]
async fn a_catalog_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    Catalog::open(&path).await.unwrap().close().await;
    execute(&path, "PRAGMA user_version = 99").await;
    let before = fs::read(&path).unwrap();
    let refused = Catalog::open(&path).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Newer { found: 99, .. }), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_catalog_whose_migrations_were_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    Catalog::open(&path).await.unwrap().close().await;
    execute(&path, "UPDATE _sqlx_migrations SET checksum = X'00'; PRAGMA user_version = 0").await;
    let refused = Catalog::open(&path).await.unwrap_err();
    assert!(
        matches!(refused, CatalogError::Unavailable { trouble: Trouble::OtherTables, .. }),
        "{refused:?}"
    );
}

#[test]
fn both_migration_folders_hold_the_same_numbers_and_names() {
    let root = Path::new(crate::support::ROOT).join("migrations");
    let files = |database: &str| -> BTreeMap<String, String> {
        let entries = fs::read_dir(root.join(database)).expect("the folder is there");
        let files = entries.map(|entry| entry.expect("readable").path());
        let named = |path: std::path::PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
            (name, fs::read_to_string(path).expect("text"))
        };
        files.map(named).collect()
    };
    // What follows this line changes a table that is there already, and each database does that differently.
    let own = "-- In this database's own way:";
    let columns = |sql: &str| -> Vec<String> {
        let lines = sql.lines().take_while(|line| *line != own);
        let lines = lines.map(str::trim).filter(|line| !line.starts_with("--") && !line.starts_with(')'));
        lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let [sqlite, postgres] = ["sqlite", "postgres"].map(files);
    assert!(sqlite.keys().eq(postgres.keys()), "{:?} {:?}", sqlite.keys(), postgres.keys());
    for (name, sql) in &sqlite {
        assert_eq!(columns(sql), columns(&postgres[name]), "{name} has the same columns in the same order");
    }
}
