//! The public pages and feeds over a real socket.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use kura::clock::ManualClock;
use kura::config::Home;
use kura::domain::time::Instant;
use kura::domain::window::WindowKind;
use kura::web::{self, Shared};
use kura::workflows::notices;
use kura::workflows::under_way::UnderWay;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::windows::{Fixed, NoRuns, Office, at, terms};

/// A service with two windows approved and one notice corrected, and what stops it.
struct Site {
    address: std::net::SocketAddr,
    beat: Arc<AtomicI64>,
    now: Instant,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Site {
    async fn new() -> Self {
        let (office, now) = (Office::new().await, at("2026-11-22", "12:00"));
        office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), now).await;
        let stop_words = ["ポータル、<script>alert(1)</script>"];
        office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &stop_words), now).await;
        let correction = "開始が<b>30分</b>遅れます; ご注意, ください。";
        notices::correct(&office.desk, "N-2026-0002", correction, &office.operator, now)
            .await
            .expect("corrected");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (beat, stop) = (Arc::new(AtomicI64::new(now.as_micros())), CancellationToken::new());
        let shared = Shared {
            home: Home::at(std::path::PathBuf::from("no-home")),
            desks: Arc::new(Fixed(office.desk.clone())),
            under_way: UnderWay::default(),
            starts: Arc::new(NoRuns),
            clock: Arc::new(ManualClock::new(now)),
            base: "https://kura.example".into(),
            beat: beat.clone(),
        };
        let served = TaskTracker::new().spawn(web::serve(listener, shared, stop.clone()));
        Self { address, beat, now, stop, served }
    }

    async fn ask(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (u16, String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

#[tokio::test]
async fn the_page_is_plain_japanese_and_escapes_what_people_wrote() {
    let site = Site::new().await;
    let (status, head, body) = site.get("/notices").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(
        body.contains("<html lang=\"ja\">") && body.contains("【予告】毎日のデータ・バックアップのお知らせ")
    );
    assert!(body.contains("更新") && body.contains("新規"), "第13条③");
    assert!(body.contains("令和8年11月22日（日）"), "{body}");
    assert!(!body.contains("<script") && !body.contains("<b>30"), "nothing that people wrote is HTML");
    assert!(body.contains("&lt;script&gt;"), "{body}");
    let (_, _, english) = site.get("/notices?lang=en").await;
    assert!(
        english.contains("<html lang=\"en\">") && english.contains("Notice: the daily backup"),
        "{english}"
    );
    let (status, head, _) = site.get("/notices?lang=%3Cscript%3E").await;
    assert!(status == 400 && head.contains("application/problem+json"), "{head}");
}

#[tokio::test]
async fn every_feed_tells_the_same_notices() {
    let site = Site::new().await;
    let api = site.json("/api/v1/notices").await;
    let list = api["notices"].as_array().expect("a list");
    assert_eq!(list.len(), 2);
    let stop = list.iter().find(|one| one["impact"] == "full").expect("a stop");
    assert_eq!(
        (&stop["revision"], &stop["lead_days"], &stop["is_new"]),
        (&2.into(), &14.into(), &false.into())
    );
    assert_eq!(stop["stop_window"]["start"], "2027-01-02T16:00:00Z");
    assert_eq!(stop["url"], "https://kura.example/notices#N-2026-0002");

    let feed = site.json("/notices.json").await;
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    assert_eq!(feed["items"].as_array().map(Vec::len), Some(2));

    let (_, head, atom) = site.get("/notices.atom").await;
    assert!(head.contains("application/atom+xml"), "{head}");
    assert_eq!(atom.matches("<entry>").count(), 2);
    assert!(atom.contains("<updated>2026-11-22T03:00:00+00:00</updated>"), "{atom}");
    assert!(!atom.contains("<script"), "{atom}");

    let (_, head, calendar) = site.get("/notices.ics").await;
    assert!(head.contains("text/calendar"), "{head}");
    assert_eq!(calendar.matches("BEGIN:VEVENT").count(), 1, "the daily notice has no end");
    assert!(calendar.contains("UID:N-2026-0002@kura.example\r\nSEQUENCE:1\r\n"), "{calendar}");
    assert!(calendar.contains("DTSTART;TZID=Asia/Tokyo:20270103T010000\r\n"), "{calendar}");
    assert!(calendar.split("\r\n").all(|line| line.len() <= 75), "{calendar}");
    assert!(calendar.replace("\r\n ", "").contains("遅れます\\; ご注意\\, ください。"), "{calendar}");

    let all = site.json("/api/v2/scheduled-maintenances.json").await;
    assert_eq!(all["scheduled_maintenances"][0]["status"], "scheduled");
    assert_eq!(all["scheduled_maintenances"][0]["scheduled_until"], "2027-01-02T20:00:00Z");
    let upcoming = site.json("/api/v2/scheduled-maintenances/upcoming.json").await;
    assert_eq!(upcoming["scheduled_maintenances"].as_array().map(Vec::len), Some(1));
    let active = site.json("/api/v2/scheduled-maintenances/active.json").await;
    assert_eq!(active["scheduled_maintenances"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn what_is_not_public_or_not_read_is_refused() {
    let site = Site::new().await;
    for (request, code) in [
        ("GET /api/v1/windows HTTP/1.1", 401),
        ("GET /api/v1/nothing HTTP/1.1", 404),
        ("GET /../kura.toml HTTP/1.1", 404),
        ("POST /notices HTTP/1.1", 405),
        ("DELETE /api/v1/notices HTTP/1.1", 405),
    ] {
        let (status, head, body) =
            site.ask(&format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status, code, "{request}");
        assert!(head.contains("application/problem+json"), "{request}: {head}");
        assert!(serde_json::from_str::<Value>(&body).is_ok(), "{body}");
    }
}

#[tokio::test]
async fn health_is_the_beat_of_the_scheduler() {
    let site = Site::new().await;
    assert_eq!((site.get("/healthz").await.0, site.get("/readyz").await.0), (200, 200));
    let stopped = site.now.plus_minutes(-3).as_micros();
    site.beat.store(stopped, std::sync::atomic::Ordering::SeqCst);
    assert_eq!((site.get("/healthz").await.0, site.get("/readyz").await.0), (503, 503));
    site.stop.cancel();
    site.served.await.expect("no panic").expect("a clean end");
}
