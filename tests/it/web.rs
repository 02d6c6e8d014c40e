//! The public pages and feeds over a real socket.

use std::sync::Arc;

use kura::clock::ManualClock;
use kura::config::Home;
use kura::domain::time::Instant;
use kura::domain::window::WindowKind;
use kura::web::{self, Shared};
use kura::workflows::pulse::Pulse;
use kura::workflows::under_way::UnderWay;
use kura::workflows::{notices, windows};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::windows::{Fixed, NoBench, Office, at, terms};

/// A service with two windows approved and one notice corrected, and what stops it.
pub(crate) struct Site {
    address: std::net::SocketAddr,
    pulse: Arc<Pulse>,
    clock: Arc<ManualClock>,
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
        Self::of(office).await
    }

    /// The pages of a desk, at noon of 22 November 2026.
    pub(crate) async fn of(office: Office) -> Self {
        let now = at("2026-11-22", "12:00");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (pulse, stop) = (Arc::new(Pulse::new(now)), CancellationToken::new());
        let clock = Arc::new(ManualClock::new(now));
        let shared = Shared {
            home: Home::at(std::path::PathBuf::from("no-home")),
            desks: Arc::new(Fixed(office.desk.clone())),
            benches: Arc::new(NoBench),
            under_way: UnderWay::default(),
            clock: clock.clone(),
            base: "https://kura.example".into(),
            pulse: pulse.clone(),
            console: web::Console::new(Arc::new(ManualClock::new(now))),
        };
        let served = TaskTracker::new().spawn(web::serve(listener, shared, stop.clone()));
        Self { address, pulse, clock, now, stop, served }
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

    pub(crate) async fn get(&self, path: &str) -> (u16, String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
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
    assert_eq!(
        calendar.matches("BEGIN:VEVENT").count(),
        54,
        "53 days from 30 November to the horizon, and the stop"
    );
    assert!(calendar.contains("UID:N-2026-0001-2026-11-30@kura.example\r\nSEQUENCE:0\r\n"), "{calendar}");
    assert!(calendar.contains("UID:N-2026-0002@kura.example\r\nSEQUENCE:1\r\n"), "{calendar}");
    let (_, _, stops) = site.get("/notices.ics?impact=full").await;
    assert_eq!(stops.matches("BEGIN:VEVENT").count(), 1);
    assert!(calendar.contains("DTSTART;TZID=Asia/Tokyo:20270103T010000\r\n"), "{calendar}");
    assert!(calendar.split("\r\n").all(|line| line.len() <= 75), "{calendar}");
    assert!(calendar.replace("\r\n ", "").contains("遅れます\\; ご注意\\, ください。"), "{calendar}");

    let all = site.json("/api/v2/scheduled-maintenances.json").await;
    let [stop, daily] = [0, 1].map(|number| &all["scheduled_maintenances"][number]);
    assert_eq!((&stop["status"], &daily["status"]), (&"scheduled".into(), &"scheduled".into()));
    assert_eq!(stop["scheduled_until"], "2027-01-02T20:00:00Z");
    assert_eq!(daily["scheduled_for"], "2026-11-29T17:00:00Z", "its next occurrence");
    assert_eq!(stop["incident_updates"].as_array().map(Vec::len), Some(2), "all revisions");
    assert_eq!(stop["components"][0]["status"], "operational");
    let upcoming = site.json("/api/v2/scheduled-maintenances/upcoming.json").await;
    assert_eq!(upcoming["scheduled_maintenances"].as_array().map(Vec::len), Some(2));
    let active = site.json("/api/v2/scheduled-maintenances/active.json").await;
    assert_eq!(active["scheduled_maintenances"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn who_has_the_newest_is_not_sent_it_again_and_marks_end_after_a_week() {
    let site = Site::new().await;
    let ask = async |path: &str, header: &str| {
        site.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n")).await
    };
    let value = |head: &str, name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.expect("the header is there").to_owned()
    };
    for path in [
        "/notices",
        "/notices.atom",
        "/notices.json",
        "/notices.ics",
        "/api/v1/notices",
        "/api/v2/scheduled-maintenances.json",
    ] {
        let (_, head, _) = site.get(path).await;
        let (tag, modified) = (value(&head, "etag"), value(&head, "last-modified"));
        let (status, head, body) = ask(path, &format!("If-None-Match: {tag}")).await;
        assert!(status == 304 && body.is_empty() && value(&head, "etag") == tag, "{path}: {head}");
        assert_eq!(modified, "sun, 22 nov 2026 03:00:00 gmt", "{path}");
        let modified = "Sun, 22 Nov 2026 03:00:00 GMT";
        assert_eq!(ask(path, &format!("If-Modified-Since: {modified}")).await.0, 304, "{path}");
    }
    let tag = value(&site.get("/notices").await.1, "etag");
    site.clock.set(at("2026-11-29", "12:00"));
    let (status, head, body) = ask("/notices", &format!("If-None-Match: {tag}")).await;
    assert!(status == 200 && !body.contains("新規") && !body.contains("更新"), "{body}");
    assert_eq!(value(&head, "last-modified"), "sun, 29 nov 2026 03:00:00 gmt");
    let api = site.json("/api/v1/notices").await;
    assert!(
        api["notices"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["is_new"] == false && one["updated"] == false)
    );
}

#[tokio::test]
async fn old_notices_are_listed_when_they_are_asked_for() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let daily = office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    let id =
        office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]), noon).await;
    for id in [&id, &daily] {
        windows::withdraw(&office.desk, id, "見合わせます。", &office.admin, noon).await.expect("withdrawn");
    }
    notices::close(&office.desk, "N-2026-0001", &office.operator, noon).await.expect("closed");
    let site = Site::of(office).await;
    let ids = async |path: &str| {
        let listed = site.json(path).await;
        let ids = listed["notices"].as_array().expect("a list").iter().map(|one| one["id"].to_string());
        ids.collect::<Vec<String>>().join(" ")
    };
    assert_eq!(ids("/api/v1/notices").await, "\"N-2026-0002\"", "a cancelled one stays for a month");
    assert_eq!(ids("/api/v1/notices?closed=true").await, "\"N-2026-0001\"");
    site.clock.set(at("2026-12-23", "12:00"));
    assert_eq!(ids("/api/v1/notices").await, "");
    assert_eq!(ids("/api/v1/notices?closed=true").await, "\"N-2026-0002\" \"N-2026-0001\"");
    let (status, head, _) = site.get("/api/v1/notices?closed=perhaps").await;
    assert!(status == 400 && head.contains("application/problem+json"), "{head}");
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
    site.pulse.note(site.now.plus_minutes(-3), true);
    site.pulse.note(site.now, false);
    let (status, _, body) = site.get("/readyz").await;
    assert_eq!((site.get("/healthz").await.0, status), (200, 503), "it beats, and nothing succeeds");
    assert!(body.contains("cannot bring everything up to date"), "{body}");
    site.pulse.note(site.now.plus_minutes(-3), true);
    assert_eq!((site.get("/healthz").await.0, site.get("/readyz").await.0), (503, 503));
    site.stop.cancel();
    site.served.await.expect("no panic").expect("a clean end");
}
