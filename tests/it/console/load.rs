//! Fifty people at once, ten years of history, a writer that never rests: how long pages take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use kura::domain::role::Role;
use kura::domain::window::WindowKind;
use kura::workflows::windows;
use tokio::task::JoinSet;

use super::{Site, Visitor};
use crate::support::simulate::write;
use crate::support::site::noise;
use crate::windows::terms;

/// People at once.
const PEOPLE: usize = 50;
/// Pages that each of them reads.
const PAGES_EACH: usize = 40;
/// Days of history.
const DAYS: i64 = 3650;

/// Ten years: a run, a snapshot and an occurrence each day, 20 lines of the audit log, a closed notice with three revisions
/// for each second day, ten windows a year. Written as rows: living through them would take long. The snapshots are those
/// of a plan that is no more: the store has none of them.
const HISTORY: &[&str] = &[
    "INSERT INTO windows (window_id, plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone, requested_by,
        requested_at, state, approval, decided_by, decided_at, digest, closed_at)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
     SELECT printf('v-%04d', i), 'records', 'daily', 'daily 02:00', 240, '', '2016-11-22', '2026-11-01', 'Asia/Tokyo',
        'person0000', 1, 'ended', printf('BW-2016-%03d', i), 'person0001', 2, zeroblob(32), 3 FROM n",
    "INSERT INTO occurrences (occurrence, window_id, day, starts_at, ends_at, state, announced_at)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3650)
     SELECT 'v-0001-' || date('2016-11-23', '+' || i || ' days'), 'v-0001', date('2016-11-23', '+' || i || ' days'),
        (strftime('%s', '2016-11-23', '+' || i || ' days') - 25200) * 1000000,
        (strftime('%s', '2016-11-23', '+' || i || ' days') - 10800) * 1000000, 'done', 1 FROM n",
    "INSERT INTO runs (run, plan, event, state, started_at, ended_at, snapshot, files, bytes, new_bytes_stored, skipped)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3650)
     SELECT printf('%032d', i), 'records', 'daily', 'verified',
        (strftime('%s', '2016-11-23', '+' || i || ' days') - 25200) * 1000000,
        (strftime('%s', '2016-11-23', '+' || i || ' days') - 24000) * 1000000, zeroblob(32), 1000, 1000000, 1000, 0 FROM n",
    "INSERT INTO snapshots (plan, sequence, digest, parent, taken_at, day, event, is_complete, files, bytes, new_bytes_stored,
        skipped, cohorts)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3650)
     SELECT 'older', i, randomblob(32), NULL, (strftime('%s', '2016-11-23', '+' || i || ' days') - 25200) * 1000000,
        date('2016-11-23', '+' || i || ' days'), 'daily', 1, 1000, 1000000, 1000, 0, 366 FROM n",
    "INSERT INTO notices (notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
        work_until, published_at, updated_at, closed_at)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1825), r(k) AS (VALUES (1), (2), (3))
     SELECT printf('N-2016-%04d', i), k, 'downtime', 'completed', 'v-0001', NULL, '【終了】毎月のデータ・バックアップ', 'a', 'Notice', 'b',
        1, i, i + 1, i, i * 10 + k, CASE WHEN k = 3 THEN i END FROM n, r",
    "INSERT INTO audit (sequence, at, actor, act, subject, detail, previous, digest)
     WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 74000)
     SELECT i, i, 'kura', 'occurrence.done', 'v-0001', 'BW-2016-001', zeroblob(32), zeroblob(32) FROM n",
];

const PATHS: &[&str] = &[
    "/console",
    "/console/calendar",
    "/console/windows",
    "/console/runs",
    "/console/restore-points",
    "/console/notices",
    "/console/audit",
    "/console/windows/w-0001",
    "/console/calendar?month=2021-05",
    "/console/audit?before=20000",
];

async fn filled() -> Site {
    let site = Site::new(None).await;
    let people = site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    let path = site.service.shared.home.catalog_file();
    let mut raw = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    raw = raw.busy_timeout(Duration::from_secs(10));
    let mut connection = sqlx::ConnectOptions::connect(&raw).await.expect("the catalog");
    for &statement in HISTORY {
        sqlx::query(statement).execute(&mut connection).await.expect("history");
    }
    sqlx::Connection::close(connection).await.expect("closed");
    let desk = site.desk();
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let id = windows::request(&desk, &daily, &people[0], site.now()).await.expect("asked");
    // Counted by rows, as ids are.
    assert_eq!(id, "w-0101", "{DAYS} days");
    site
}

/// Reads pages one after the other on one connection, with a pause between them, and says how long each took.
async fn read(
    client: reqwest::Client,
    visitor: Visitor,
    number: usize,
    pause: Duration,
) -> Vec<(Duration, &'static str)> {
    // Not all at the same moment: nobody waits for the others.
    tokio::time::sleep(pause * u32::try_from(number).unwrap_or_default() / 50).await;
    let cookie =
        visitor.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let mut taken = Vec::new();
    for at in 0..PAGES_EACH {
        let path = PATHS[(at + number) % PATHS.len()];
        let path = if path.ends_with("w-0001") { "/console/windows/w-0101" } else { path };
        let begun = Stopwatch::now();
        let request = client.get(format!("http://{}{path}", visitor.address)).header("cookie", &cookie);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let page = answer.bytes().await.expect("a page");
        taken.push((begun.elapsed(), path));
        assert!(status == 200 && page.len() > 1000, "{path}: {status}");
        tokio::time::sleep(pause).await;
    }
    taken
}

#[expect(clippy::print_stderr, reason = "what is measured is read by people")]
async fn measure(pause: Duration, p99_max: Duration) {
    let site = Arc::new(filled().await);
    for number in 0..200_u64 {
        let name = format!("r{number}");
        write(&site.kura.source().join(name), noise(number, 1_000_000), "2026-11-20");
    }
    let visitor = site.visitor("person0001").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (busy, over) = (site.clone(), is_over.clone());
    // A snapshot after the other: threads that seal, and rows that are written.
    let mut work = JoinSet::new();
    work.spawn(async move {
        let plan =
            kura::policy_files::load_plan(&busy.kura.home().policies().join("records.toml")).expect("a plan");
        let mut snapshots = 0;
        while !over.load(Ordering::SeqCst) {
            busy.kura.snapshot(&plan).await.expect("a snapshot");
            write(&busy.kura.source().join("r0"), noise(1000 + snapshots, 40_000_000), "2026-11-20");
            snapshots += 1;
        }
        snapshots
    });
    let client = reqwest::Client::builder().pool_max_idle_per_host(PEOPLE).build().expect("a client");
    drop(read(client.clone(), visitor.clone(), 0, Duration::ZERO).await);
    let mut readers = JoinSet::new();
    let begun = Stopwatch::now();
    for number in 0..PEOPLE {
        readers.spawn(read(client.clone(), visitor.clone(), number, pause));
    }
    let mut taken: Vec<(Duration, &str)> = readers.join_all().await.concat();
    let whole = begun.elapsed();
    is_over.store(true, Ordering::SeqCst);
    let snapshots = work.join_all().await;
    taken.sort();
    let at = |share: usize| taken[(taken.len() - 1) * share / 1000];
    eprintln!(
        "{} pages in {whole:?} by {PEOPLE} people, {snapshots:?} snapshots meanwhile: p50 {:?}, p90 {:?}, p99 {:?}, longest {:?}",
        taken.len(),
        at(500).0,
        at(900).0,
        at(990).0,
        at(1000)
    );
    for path in PATHS {
        let of_path: Vec<Duration> =
            taken.iter().filter(|(_, found)| found == path).map(|(time, _)| *time).collect();
        if let (Some(middle), Some(last)) = (of_path.get(of_path.len() / 2), of_path.last()) {
            eprintln!("{path}: middle {middle:?}, longest {last:?}");
        }
    }
    assert!(at(990).0 < p99_max, "p99 is {:?}", at(990));
}

/// Fifty people who each open a page every second. Built as it is shipped, nobody waits.
#[tokio::test(flavor = "multi_thread")]
async fn long_fifty_people_read_ten_years_while_snapshots_run() {
    measure(Duration::from_secs(1), Duration::from_millis(50)).await;
}

/// Fifty programs that never rest, on the cores that also send the answers and seal a snapshot: nobody is left waiting.
#[tokio::test(flavor = "multi_thread")]
async fn long_fifty_readers_without_a_pause_are_served_alike() {
    measure(Duration::ZERO, Duration::from_millis(500)).await;
}
