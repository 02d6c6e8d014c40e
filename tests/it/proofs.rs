//! The proof that users can read a notice, over real sockets; and the figures for monitoring.

use std::sync::Arc;

use kura::archive::digest::Sha256;
use kura::clock::ManualClock;
use kura::config::Home;
use kura::domain::window::WindowKind;
use kura::portal::page::{Page as _, PageError, PublicPage};
use kura::web::{self, Shared};
use kura::workflows::prove_notices::{self, Proven};
use kura::workflows::pulse::Pulse;
use kura::workflows::under_way::UnderWay;
use kura::workflows::{alarms, windows};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::windows::{Fixed, NoBench, Office, at, terms};

/// A server that gives every caller the same answer.
async fn answering(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(TaskTracker::new().spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut part = [0; 4096];
            if stream.read(&mut part).await.is_ok() {
                drop(stream.write_all(answer.as_bytes()).await);
            }
        }
    }));
    base
}

fn shared(office: &Office, clock: Arc<ManualClock>) -> Shared {
    Shared {
        home: Home::at(std::path::PathBuf::from("no-home")),
        desks: Arc::new(Fixed(office.desk.clone())),
        benches: Arc::new(NoBench),
        under_way: UnderWay::default(),
        clock: clock.clone(),
        base: "https://kura.example".into(),
        pulse: Arc::new(Pulse::new(at("2026-11-22", "12:00"))),
        console: web::Console::new(clock),
    }
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn kura_sees_its_own_notices_on_its_own_page_and_keeps_what_it_saw() {
    let (office, now) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), now).await;
    let hostile = ["ポータル、<script>alert(1)</script>"];
    office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &hostile), now).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (base, stop) = (format!("http://{}", listener.local_addr().unwrap()), CancellationToken::new());
    let serving = web::serve(listener, shared(&office, Arc::new(ManualClock::new(now))), stop.clone());
    let served = TaskTracker::new().spawn(serving);
    let page = PublicPage::of_site(&base).unwrap();
    let proven = prove_notices::prove(&office.desk, &page, now).await.unwrap();
    assert_eq!(proven, Proven { seen: 2, missing: 0 });
    let again = prove_notices::prove(&office.desk, &page, now.plus_minutes(1)).await.unwrap();
    assert_eq!(again, Proven::default(), "once is enough, for now");
    let proof = office.desk.catalog.proofs("N-2026-0001", 10).await.unwrap().remove(0);
    let body = page.fetch().await.unwrap().body;
    assert_eq!((proof.revision, proof.status, proof.fetched_at), (1, 200, now));
    assert_eq!((proof.address, proof.digest), (format!("{base}/notices"), Sha256::of(&body)));
    let lead = prove_notices::prove(&office.desk, &page, at("2026-11-23", "2:00")).await.unwrap();
    assert_eq!(lead.seen, 1, "again when the lead of the first day begins");
    stop.cancel();
    served.await.unwrap().unwrap();
    let later = at("2026-11-30", "1:00");
    let gone = prove_notices::prove(&office.desk, &page, later).await.unwrap();
    assert_eq!((gone.seen, gone.missing), (0, 1), "nobody answers any more");
    alarms::refresh(&office.desk, later).await.unwrap();
    let raised = alarms::list(&office.desk, false, 10).await.unwrap();
    assert_eq!(raised[0].alarm.subject, "N-2026-0001");
    let id = "w-0001";
    windows::withdraw(&office.desk, id, "中止します", &office.admin, later).await.unwrap();
    prove_notices::prove(&office.desk, &page, later).await.unwrap();
    alarms::refresh(&office.desk, later).await.unwrap();
    assert!(alarms::list(&office.desk, false, 10).await.unwrap().is_empty(), "nobody has to see it any more");
}

#[tokio::test]
async fn a_page_that_is_not_the_public_page_proves_nothing() {
    let (office, now) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), now).await;
    let row = office.notices().await.remove(0);
    let whole = format!("{} {} {}", row.notice, row.words.title, row.words.body);
    let ok = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    let other = answering(ok(&whole)).await.replace("127.0.0.1", "localhost");
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: {other}/notices\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let failing = ok(&whole).replace("200 OK", "503 Service Unavailable");
    for (answer, problem) in [
        (redirect, "it answered 302"),
        (failing, "it answered 503"),
        (ok("<html>another page</html>"), "it does not show its number"),
        (ok(&whole.replace("のお知らせ", "")), "it does not show its title"),
        (ok(&whole.replace("2:00", "3:00")), "it does not show its time"),
    ] {
        let page = PublicPage::of_site(&answering(answer).await).unwrap();
        let desk = &office.desk;
        desk.catalog.forget_unproven(&row.notice).await.unwrap();
        let proven = prove_notices::prove(desk, &page, now).await.unwrap();
        assert_eq!(proven, Proven { seen: 0, missing: 1 }, "{problem}");
        assert_eq!(desk.catalog.unproven().await.unwrap()[0].problem, problem);
    }
    assert!(office.desk.catalog.proofs(&row.notice, 10).await.unwrap().is_empty());
    let page = PublicPage::of_site(&other).unwrap();
    office.desk.catalog.forget_unproven(&row.notice).await.unwrap();
    assert_eq!(
        prove_notices::prove(&office.desk, &page, now).await.unwrap().seen,
        1,
        "the same page at its own address"
    );
    let endless =
        answering(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(9 << 20))).await;
    let fetched = PublicPage::of_site(&endless).unwrap().fetch().await;
    assert!(matches!(fetched, Err(PageError::TooLarge)), "{:?}", fetched.map(|f| f.status));
}

#[tokio::test]
async fn the_figures_name_plans_states_and_alarms_and_no_person() {
    let (office, now) = (Office::light().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), now).await;
    let clock = Arc::new(ManualClock::new(at("2026-12-03", "12:00")));
    kura::workflows::schedule::refresh(&office.desk, at("2026-12-03", "12:00")).await.unwrap();
    alarms::refresh(&office.desk, at("2026-12-03", "12:00")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let shared = shared(&office, clock);
    let (name, progress) = ("records".parse().unwrap(), Arc::default());
    shared.under_way.begin(&name, &progress);
    progress.sent(4096);
    let served = TaskTracker::new().spawn(web::metrics::serve(listener, shared, stop.clone()));
    let answer = get(address, "/metrics").await;
    for line in [
        "kura_build_info{version=",
        "kura_heart_beat_age_seconds 950400.0",
        "kura_heart_work_age_seconds 950400.0",
        "kura_occurrences{state=\"missed\"} 4",
        "kura_alarms{code=\"backup-missed\"} 1",
        "kura_alarms{code=\"service-stopped\"} 0",
        "kura_services_stopped{} 0",
        "kura_runs_under_way{} 1",
        "kura_run_sent_bytes{plan=\"records\"} 4096",
        "# EOF",
    ] {
        assert!(answer.contains(line), "{line} is missing: {answer}");
    }
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    for person in ["admin00001", "ishikai001"] {
        assert!(!answer.contains(person), "{answer}");
    }
    let documented = include_str!("../../docs/metrics.md");
    for line in answer.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let metric = line.split_whitespace().next().unwrap();
        assert!(documented.contains(&format!("`{metric}`")), "{metric} is not in docs/metrics.md");
    }
    for code in alarms::AlarmCode::ALL {
        assert!(
            documented.contains(&format!("`{}`", code.word())),
            "{} is not in docs/metrics.md",
            code.word()
        );
    }
    assert!(get(address, "/notices").await.starts_with("HTTP/1.1 404"));
    stop.cancel();
    served.await.unwrap().unwrap();
}
