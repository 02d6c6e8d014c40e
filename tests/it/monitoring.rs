//! Monitoring on real targets of the loopback address: killed, silenced by a window, logs looked through, told outside.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use kura::catalog::MonitorCheck;
use kura::clock::{Clock as _, ManualClock};
use kura::config::HeartbeatSettings;
use kura::domain::access_log::{AccessLog, LogRule, LogSource};
use kura::domain::alarm::AlarmCode;
use kura::domain::monitor::{
    Answer, Ask, Damping, Heard, MonitorTarget, Monitoring, Pulse, Question, Standing, Tally,
};
use kura::domain::source_kind::Tls;
use kura::domain::time::Instant;
use kura::domain::window::WindowKind;
use kura::workflows::desk::{Desk, DeskError};
use kura::workflows::monitor::beat::{OutwardBeat, Told};
use kura::workflows::monitor::{self, Asker, FromHere, MonitorDesk, logs};
use kura::workflows::{alarms, check_audit, incidents, pulse, schedule};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::postgres::Database;
use crate::windows::{Office, at, terms};

/// A page on the loopback address that can be killed; it counts who asks.
struct Page {
    address: std::net::SocketAddr,
    serving: JoinSet<()>,
}

impl Page {
    async fn new(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0_u8; 1024];
                drop(stream.read(&mut asked).await);
                let text = "はち丸";
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                );
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self { address, serving }
    }

    async fn kill(&mut self) {
        self.serving.shutdown().await;
    }

    async fn revive(&mut self) {
        *self = Self::new(&self.address.to_string()).await;
    }
}

fn target(name: &str, ask: Ask, service: &str) -> MonitorTarget {
    let every_minutes = ask.every_minutes();
    let services = vec![service.to_owned()];
    MonitorTarget {
        name: name.to_owned(),
        ask,
        services,
        every_minutes,
        timeout: Duration::from_secs(10),
        damping: Damping::default(),
    }
}

fn tcp(name: &str, page: &Page, service: &str) -> MonitorTarget {
    let ask = Ask::Tcp { host: page.address.ip().to_string(), port: page.address.port() };
    target(name, ask, service)
}

fn http(name: &str, page: &Page, contains: &str) -> MonitorTarget {
    let url = format!("http://{}/", page.address);
    target(name, Ask::Http { url, status: 200, contains: Some(contains.to_owned()) }, "ポータル")
}

fn watched(desk: &Desk, targets: Vec<MonitorTarget>, logs: Vec<AccessLog>) -> Desk {
    desk.clone().with_monitoring(MonitorDesk::of(Ok(Monitoring { targets, logs })))
}

/// One beat of the service: asks, raises alarms, opens incidents.
async fn beat(desk: &Desk, clock: &ManualClock) {
    let asker: Arc<dyn Asker> = Arc::new(FromHere);
    monitor::refresh(desk, &asker, clock).await.unwrap();
    logs::refresh(desk, clock).await.unwrap();
    alarms::refresh(desk, clock.now()).await.unwrap();
    incidents::tend::refresh(desk, clock.now()).await.unwrap();
}

async fn later(desk: &Desk, clock: &ManualClock, minutes: i64) {
    clock.set(clock.now().plus_minutes(minutes));
    beat(desk, clock).await;
}

async fn standings(desk: &Desk, now: Instant) -> Vec<Standing> {
    let found = monitor::list(desk, 1, now).await.unwrap();
    found.iter().map(|shown| shown.pulse.as_ref().unwrap().standing).collect()
}

async fn open_codes(desk: &Desk) -> Vec<AlarmCode> {
    alarms::list(desk, false, 100).await.unwrap().into_iter().map(|row| row.alarm.code).collect()
}

#[tokio::test]
async fn a_killed_target_is_one_incident_and_ends_when_it_answers_again() {
    let office = Office::light().await;
    let clock = ManualClock::new(at("2026-11-23", "9:00"));
    let mut page = Page::new("127.0.0.1:0").await;
    let rhythm = |target: MonitorTarget| MonitorTarget { every_minutes: 5, ..target };
    let targets = vec![tcp("portal-port", &page, "ポータル"), rhythm(http("portal-page", &page, "はち丸"))];
    let desk = watched(&office.desk, targets, Vec::new());
    beat(&desk, &clock).await;
    assert_eq!(standings(&desk, clock.now()).await, [Standing::Up; 2]);
    assert!(open_codes(&desk).await.is_empty());

    page.kill().await;
    later(&desk, &clock, 5).await;
    assert!(open_codes(&desk).await.is_empty(), "one answer is no news");
    later(&desk, &clock, 5).await;
    assert_eq!(standings(&desk, clock.now()).await, [Standing::Down; 2]);
    assert_eq!(open_codes(&desk).await, [AlarmCode::TargetDown; 2]);
    let open = incidents::list(&desk, false, 10).await.unwrap();
    assert_eq!(open.len(), 1, "one cause, one incident");
    let (kind, subject) = (open[0].cause.kind.word(), open[0].cause.subject.as_str());
    assert_eq!((kind, subject), ("monitoring", "ポータル"));
    assert_eq!(open[0].occurred_at, Some(at("2026-11-23", "9:05")), "since the first failure");
    // Everything again, as after a restart: nothing is there twice.
    beat(&desk, &clock).await;
    assert_eq!(incidents::list(&desk, true, 10).await.unwrap().len(), 1);
    assert_eq!(desk.catalog.monitor_answers("portal-port", 100).await.unwrap().len(), 3);

    page.revive().await;
    later(&desk, &clock, 5).await;
    assert_eq!(open_codes(&desk).await.len(), 2, "one answer is no recovery");
    later(&desk, &clock, 5).await;
    assert_eq!(standings(&desk, clock.now()).await, [Standing::Up; 2]);
    assert!(open_codes(&desk).await.is_empty());
    let (shown, changes, answers) = monitor::look(&desk, "portal-port", clock.now()).await.unwrap();
    assert_eq!(shown.months, [("2026-11".to_owned(), Tally { good: 3, bad: 2, silenced: 0, unknown: 0 })]);
    let changes: Vec<Standing> = changes.iter().map(|change| change.standing).collect();
    assert_eq!(changes, [Standing::Up, Standing::Down, Standing::Up]);
    assert_eq!(answers.len(), 5);
    check_audit::verify(&desk.catalog, None).await.unwrap();
}

#[tokio::test]
async fn what_answers_otherwise_than_it_should_is_told_apart() {
    let office = Office::light().await;
    let page = Page::new("127.0.0.1:0").await;
    let database = Database::new();
    let ask = |query: &str, expect: Option<&str>, name: &str| {
        Ask::Postgresql(Box::new(Question {
            host: database.socket().to_owned(),
            port: database.port().parse().unwrap(),
            database: name.to_owned(),
            user: "kura_backup".to_owned(),
            password_file: None,
            tls: Tls::Disable,
            query: query.to_owned(),
            expect: expect.map(str::to_owned),
        }))
    };
    let missing = Ask::Http { url: format!("http://{}/", page.address), status: 404, contains: None };
    let table = [
        (http("a", &page, "はち丸").ask, Answer::Good),
        (http("b", &page, "七丸").ask, Answer::WrongContent),
        (missing, Answer::WrongStatus),
        (Ask::Tcp { host: "127.0.0.1".to_owned(), port: 1 }, Answer::Unreachable),
        (ask("SELECT 1", None, &database.name), Answer::Good),
        (ask("SELECT 40 + 2", Some("42"), &database.name), Answer::Good),
        (ask("SELECT 1", Some("2"), &database.name), Answer::WrongContent),
        (ask("SELECT * FROM no_such_table", None, &database.name), Answer::QueryFailed),
        (ask("CREATE TABLE made_by_monitoring (x int)", None, &database.name), Answer::QueryFailed),
        (ask("SELECT 1", None, "no_such_database"), Answer::QueryFailed),
    ];
    let name = |index: usize| format!("t-{index:02}");
    let targets = table.iter().enumerate();
    let targets = targets.map(|(index, (ask, _))| target(&name(index), ask.clone(), "ポータル"));
    let desk = watched(&office.desk, targets.collect(), Vec::new());
    let asker: Arc<dyn Asker> = Arc::new(FromHere);
    let heard = monitor::check(&desk, &[], &asker).await.unwrap();
    assert_eq!(heard.len(), table.len());
    for ((target, answer), (_, expected)) in heard.iter().zip(&table) {
        assert_eq!(answer, expected, "{:?}", target.ask);
    }
    assert!(desk.catalog.monitor_pulses().await.unwrap().is_empty(), "a check by hand notes nothing");
    let unknown = monitor::check(&desk, &["no-such".to_owned()], &asker).await;
    assert!(matches!(unknown, Err(DeskError::None { .. })), "{unknown:?}");
}

#[tokio::test]
async fn k_101_a_window_silences_what_it_stops_and_nothing_else() {
    let office = Office::light().await;
    let clock = ManualClock::new(at("2026-11-22", "12:00"));
    let stops = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]);
    office.approved(&stops, clock.now()).await;
    schedule::refresh(&office.desk, clock.now()).await.unwrap();
    let mut page = Page::new("127.0.0.1:0").await;
    let targets = vec![tcp("mail-port", &page, "メール"), tcp("portal-port", &page, "ポータル")];
    let desk = watched(&office.desk, targets, Vec::new());
    clock.set(at("2027-01-03", "0:55"));
    beat(&desk, &clock).await;
    page.kill().await;
    for _ in 0..3 {
        later(&desk, &clock, 5).await;
    }
    assert_eq!(standings(&desk, clock.now()).await, [Standing::Down, Standing::Up], "mail was not announced");
    let silent = monitor::silenced_now(&desk, clock.now()).await.unwrap();
    assert_eq!(silent.into_iter().collect::<Vec<_>>(), ["ポータル"]);
    let tally = |shown: &monitor::MonitorShown| shown.months[0].1;
    let found = monitor::list(&desk, 1, clock.now()).await.unwrap();
    assert_eq!(tally(&found[0]), Tally { good: 1, bad: 3, silenced: 0, unknown: 0 });
    assert_eq!(tally(&found[1]), Tally { good: 1, bad: 0, silenced: 3, unknown: 0 });
    // The window is over and it does not answer: that is a failure.
    clock.set(at("2027-01-03", "5:00"));
    beat(&desk, &clock).await;
    later(&desk, &clock, 5).await;
    assert_eq!(standings(&desk, clock.now()).await, [Standing::Down; 2]);
}

#[tokio::test]
async fn of_two_programs_that_ask_at_once_one_answer_counts() {
    let office = Office::light().await;
    let catalog = &office.desk.catalog;
    let now = at("2026-11-23", "9:00");
    let check = |before, at: Instant| MonitorCheck {
        target: "portal".to_owned(),
        before,
        pulse: Pulse::unknown(at),
        heard: Heard { answer: Answer::Good, at, is_silenced: false },
        day: "2026-11-23".parse().unwrap(),
    };
    catalog.note_monitor_check(&check(None, now)).await.unwrap();
    assert!(catalog.note_monitor_check(&check(None, now)).await.is_err(), "somebody was first");
    let next = now.plus_minutes(5);
    catalog.note_monitor_check(&check(Some(now), next)).await.unwrap();
    assert!(catalog.note_monitor_check(&check(Some(now), next.plus_minutes(1))).await.is_err());
    let day = "2026-11-23".parse().unwrap();
    let days = catalog.monitor_days(day, day).await.unwrap();
    assert_eq!(days, [("portal".to_owned(), day, Tally { good: 2, ..Tally::default() })]);
    assert_eq!(catalog.forget_monitor_answers(next).await.unwrap(), 1);
    assert_eq!(catalog.monitor_days(day, day).await.unwrap().len(), 1, "what they were stays counted");
}

#[tokio::test]
async fn rules_that_cannot_be_read_end_no_alarm_and_raise_one() {
    let office = Office::light().await;
    let clock = ManualClock::new(at("2026-11-23", "9:00"));
    let gone = Ask::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
    let desk = watched(&office.desk, vec![target("gone", gone, "ポータル")], Vec::new());
    beat(&desk, &clock).await;
    later(&desk, &clock, 5).await;
    assert_eq!(open_codes(&desk).await, [AlarmCode::TargetDown]);
    let broken = office.desk.clone().with_monitoring(MonitorDesk::of(Err("own.toml:1".to_owned())));
    later(&broken, &clock, 5).await;
    assert_eq!(open_codes(&broken).await, [AlarmCode::TargetDown, AlarmCode::MonitoringStopped]);
    // Nobody asks any more: after four rounds that is an alarm, whatever keeps them.
    clock.set(clock.now().plus_minutes(60));
    let none = Ask::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
    let quiet = watched(&office.desk, vec![target("new", none, "ポータル")], Vec::new());
    let here: Arc<dyn Asker> = Arc::new(FromHere);
    monitor::refresh(&quiet, &here, &clock).await.unwrap();
    clock.set(clock.now().plus_minutes(20));
    alarms::refresh(&quiet, clock.now()).await.unwrap();
    assert_eq!(open_codes(&quiet).await, [AlarmCode::MonitoringStopped]);
}

#[tokio::test]
async fn a_log_is_counted_and_reviewed_and_no_line_of_it_is_kept() {
    let office = Office::light().await;
    let clock = ManualClock::new(at("2026-11-23", "9:00"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("firewall.log");
    let rule = |name: &str, pattern: &str, limit| LogRule {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        limit,
    };
    let log = AccessLog {
        name: "firewall".to_owned(),
        source: LogSource::File(file.to_str().unwrap().to_owned()),
        every_hours: 24,
        review_days: 7,
        rules: vec![rule("拒否した接続", r"\bDENY\b", Some(1)), rule("すべて", "", None)],
    };
    let desk = watched(&office.desk, Vec::new(), vec![log.clone()]);
    beat(&desk, &clock).await;
    let looks = desk.catalog.log_looks("firewall", 10).await.unwrap();
    assert_eq!(
        (looks.len(), looks[0].look.trouble.as_str()),
        (1, "not-read"),
        "a log that is not there is told"
    );
    std::fs::write(&file, "DENY src=192.0.2.7\nALLOW src=192.0.2.8\nDENY src=192.0.2.9\n").unwrap();
    later(&desk, &clock, 24 * 60).await;
    std::fs::write(&file, "DENY src=192.0.2.7\nALLOW src=192.0.2.8\nDENY src=192.0.2.9\nALLOW x\n").unwrap();
    later(&desk, &clock, 24 * 60).await;
    beat(&desk, &clock).await;
    let looks = desk.catalog.log_looks("firewall", 10).await.unwrap();
    let counts: Vec<Vec<u64>> =
        looks.iter().map(|row| row.look.counts.iter().map(|(_, count)| *count).collect()).collect();
    assert_eq!(counts, [vec![0, 1], vec![2, 3], vec![]], "read on from where the last look ended");
    assert_eq!(looks[1].look.noteworthy(&log).len(), 1);
    assert!(open_codes(&desk).await.is_empty());
    later(&desk, &clock, 6 * 24 * 60).await;
    assert_eq!(open_codes(&desk).await, [AlarmCode::LogReviewOverdue]);
    assert!(incidents::list(&desk, true, 10).await.unwrap().is_empty(), "work to do is no failure");
    let denied = logs::review(&desk, ("firewall", 4), "異常なし", &office.operator, clock.now()).await;
    assert!(matches!(denied, Err(DeskError::Access(_))), "{denied:?}");
    for number in [5, u64::MAX] {
        let never = logs::review(&desk, ("firewall", number), "異常なし", &office.admin, clock.now()).await;
        assert!(matches!(never, Err(DeskError::None { .. })), "a look that was not made: {never:?}");
    }
    let seen = logs::review(&desk, ("firewall", 4), "異常なし", &office.admin, clock.now()).await.unwrap();
    assert_eq!(seen, 4);
    beat(&desk, &clock).await;
    assert!(open_codes(&desk).await.is_empty());
    let again = logs::review(&desk, ("firewall", 4), "異常なし", &office.admin, clock.now()).await;
    assert!(matches!(again, Err(DeskError::None { .. })), "{again:?}");
    let rows = format!("{:?}", desk.catalog.log_looks("firewall", 10).await.unwrap());
    assert!(!rows.contains("192.0.2"), "{rows}");
    check_audit::verify(&desk.catalog, None).await.unwrap();
}

#[tokio::test]
async fn somebody_outside_is_told_as_long_as_the_heart_does_its_work() {
    let mut page = Page::new("127.0.0.1:0").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, format!("http://{}/secret\n", page.address)).unwrap();
    let settings = HeartbeatSettings { url_file: file.clone(), every_minutes: Some(5) };
    let now = at("2026-11-23", "9:00");
    let (outward, heart) = (OutwardBeat::default(), pulse::Pulse::new(now));
    assert_eq!(outward.tell(None, &heart, now).await.unwrap(), Told::NotYet);
    assert_eq!(outward.tell(Some(&settings), &heart, now).await.unwrap(), Told::Taken);
    assert_eq!(outward.last(), Some(now));
    assert_eq!(outward.tell(Some(&settings), &heart, now.plus_minutes(4)).await.unwrap(), Told::NotYet);
    let ill = outward.tell(Some(&settings), &heart, now.plus_minutes(5)).await.unwrap();
    assert_eq!(ill, Told::HeartIll, "silence is the message");
    heart.note(now.plus_minutes(5), true);
    page.kill().await;
    let at_five = now.plus_minutes(5);
    assert_eq!(outward.tell(Some(&settings), &heart, at_five).await.unwrap(), Told::NotTaken);
    assert_eq!(outward.tell(Some(&settings), &heart, at_five).await.unwrap(), Told::NotYet);
    page.revive().await;
    let next = at_five.plus_minutes(1);
    assert_eq!(outward.tell(Some(&settings), &heart, next).await.unwrap(), Told::Taken, "tried again soon");
    std::fs::write(&file, "http://outside.example/\n").unwrap();
    assert!(
        outward.tell(Some(&settings), &heart, next.plus_minutes(5)).await.is_ok(),
        "the heart is ill by now"
    );
    heart.note(next.plus_minutes(6), true);
    let bad = outward.tell(Some(&settings), &heart, next.plus_minutes(6)).await;
    assert!(bad.is_err(), "a secret does not go in the clear: {bad:?}");
}
