//! Break-glass from end to end, over HTTP: refused, let through with a reason, run, reported, seen.

use kura::domain::actor::Actor;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::role::Role;
use kura::domain::window::WindowKind;
use kura::workflows::tokens::{self, NewToken};
use kura::workflows::{alarms, windows};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Site;
use crate::windows::{at, terms};

const ID: &str = "w-0001-2026-12-10";
const REASON: &str = "点検は延期された";

/// A service whose occurrence of 10 December is refused, because the power is inspected on that day; it is due now.
async fn refused() -> (Site, Vec<Actor>) {
    let site = Site::new(None).await;
    let mut roles = Role::ALL.to_vec();
    roles.swap(0, 2);
    let people = site.people(&roles).await;
    let (admin, doctor) = (&people[0], &people[2]);
    crate::support::simulate::write(&site.kura.source().join("a.txt"), "text", "2026-11-20");
    for asked in [
        terms(WindowKind::Daily, "daily 02:00", &[]),
        terms(WindowKind::PowerInspection, "once 2026-12-10 00:00", &[]),
    ] {
        let id = windows::request(&site.desk(), &asked, admin, site.now()).await.expect("a request");
        windows::approve(&site.desk(), &id, None, doctor, site.now()).await.expect("an approval");
    }
    beat(&site, "2026-12-09", "12:00").await;
    beat(&site, "2026-12-10", "2:10").await;
    assert_eq!(state(&site).await, OccurrenceState::Announced, "a rule refuses it");
    (site, people)
}

async fn beat(site: &Site, day: &str, time: &str) {
    site.clock.set(at(day, time));
    site.service.heart.beat().await;
    site.service.heart.settle().await;
}

async fn state(site: &Site) -> OccurrenceState {
    site.desk().catalog.occurrence(ID).await.expect("the catalog").expect("an occurrence").state
}

async fn open_alarms(site: &Site) -> Vec<&'static str> {
    alarms::refresh(&site.desk(), site.now()).await.expect("alarms");
    let open = alarms::list(&site.desk(), false, 100).await.expect("alarms");
    open.into_iter().filter(|row| row.alarm.subject == ID).map(|row| row.alarm.code.word()).collect()
}

async fn acts(site: &Site) -> Vec<(String, String)> {
    let log = site.desk().catalog.audit_newest(200).await.expect("the log");
    let mine = log.into_iter().filter(|line| line.entry.subject == ID);
    mine.map(|line| (line.entry.act, line.entry.actor)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_console_the_operations_manager_alone_breaks_the_glass_and_it_is_reported() {
    let (site, people) = refused().await;
    assert_eq!(open_alarms(&site).await, ["run-refused"]);
    let path = format!("/console/occurrences/{ID}");
    let mut by_role = std::collections::BTreeMap::new();
    for person in &people {
        by_role.insert(person.role, site.visitor(person.account.as_str()).await);
    }
    for (role, visitor) in by_role.iter_mut().filter(|(role, _)| **role != Role::OperationsManager) {
        let page = visitor.get(&path).await.body;
        assert!(!page.contains("緊急実施へ進む"), "{role}: {page}");
        assert_eq!(visitor.get(&format!("{path}/break-glass")).await.status, 403, "{role}");
        let answer = visitor.post(&format!("{path}/break-glass"), &[("reason", REASON)]).await;
        assert_eq!(answer.status, 403, "{role}");
    }
    let mut manager = by_role[&Role::OperationsManager].clone();
    let page = manager.get(&path).await.body;
    assert!(page.contains("緊急実施へ進む") && page.contains("電源設備の点検日です"), "{page}");
    assert!(page.contains("記録された理由") && page.contains("<code>power-inspection</code>"), "{page}");
    let empty = manager.post(&format!("{path}/break-glass"), &[("reason", " ")]).await;
    assert!(empty.status == 422 && empty.body.contains("理由を1行で"), "{}", empty.body);
    let done = manager.post(&format!("{path}/break-glass"), &[("reason", REASON)]).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let twice = manager.post(&format!("{path}/break-glass"), &[("reason", "again")]).await;
    assert_eq!(twice.status, 409, "once");

    let mut doctor = by_role[&Role::ServiceOperator].clone();
    let page = doctor.get(&path).await.body;
    assert!(
        page.contains("緊急実施の報告（事後報告）") && !page.contains("報告を確認した"),
        "not over: {page}"
    );
    assert_eq!(doctor.post(&format!("{path}/report"), &[]).await.status, 409, "it is reported afterwards");
    // It runs at the next beat, and not ten minutes after the refusal.
    beat(&site, "2026-12-10", "2:11").await;
    assert_eq!(state(&site).await, OccurrenceState::Done);
    assert_eq!(open_alarms(&site).await, ["break-glass"], "reported until somebody has seen it");

    let home = doctor.get("/console").await.body;
    assert!(
        home.contains("緊急実施の報告を確認してください") && home.contains("緊急実施が許可されました"),
        "{home}"
    );
    let page = doctor.get(&path).await.body;
    for words in ["緊急実施の報告（事後報告）", REASON, "まだ確認されていません", "✓ 完了", "報告を確認した"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    for (role, visitor) in by_role.iter_mut().filter(|(role, _)| **role != Role::ServiceOperator) {
        let answer = visitor.post(&format!("{path}/report"), &[]).await;
        assert_eq!(answer.status, 403, "{role}: the report is for who approves");
    }
    assert_eq!(doctor.post(&format!("{path}/report"), &[]).await.status, 303);
    assert!(open_alarms(&site).await.is_empty());
    let page = by_role.get_mut(&Role::Auditor).expect("an auditor").get(&path).await.body;
    assert!(
        page.contains("緊急実施の報告") && page.contains("person0002") && !page.contains("報告を確認した"),
        "{page}"
    );
    let log = acts(&site).await;
    for (act, actor) in [("break-glass", "person0001"), ("break-glass.report-seen", "person0002")] {
        assert_eq!(
            log.iter().filter(|line| **line == (act.to_owned(), actor.to_owned())).count(),
            1,
            "{log:?}"
        );
    }
    let audit = by_role.get_mut(&Role::Auditor).expect("an auditor").get("/console/audit").await.body;
    assert!(audit.contains("break-glass") && audit.contains(REASON), "{audit}");
}

/// Posts JSON with a token; gives status and body.
async fn post(site: &Site, path: &str, token: &str, body: &str) -> (u16, String) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(site.address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1.to_owned();
    (status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_api_the_operations_manager_alone_breaks_the_glass_and_it_is_reported() {
    let (site, people) = refused().await;
    let mut by_role = std::collections::BTreeMap::new();
    for person in &people {
        let new = NewToken {
            account: None,
            scopes: std::collections::BTreeSet::default(),
            days: 30,
            label: "a test".to_owned(),
        };
        let made = tokens::make(&site.desk().catalog, new, person, site.now()).await.expect("a token");
        by_role.insert(person.role, made.text.to_string());
    }
    let (glass, seen) =
        (format!("/api/v1/occurrences/{ID}/break-glass"), format!("/api/v1/occurrences/{ID}/report-seen"));
    let body = format!(r#"{{"reason":"{REASON}"}}"#);
    let doctor = &by_role[&Role::ServiceOperator];
    assert_eq!(post(&site, &seen, doctor, "").await.0, 404, "there is nothing to report yet");
    for (role, token) in by_role.iter().filter(|(role, _)| **role != Role::OperationsManager) {
        assert_eq!(post(&site, &glass, token, &body).await.0, 403, "{role}");
    }
    let (status, answer) = post(&site, &glass, &by_role[&Role::OperationsManager], &body).await;
    assert!(status == 200 && answer.contains("person0001") && answer.contains(REASON), "{status} {answer}");
    beat(&site, "2026-12-10", "2:21").await;
    assert_eq!(state(&site).await, OccurrenceState::Done);
    assert_eq!(open_alarms(&site).await, ["break-glass"]);
    for (role, token) in by_role.iter().filter(|(role, _)| **role != Role::ServiceOperator) {
        assert_eq!(post(&site, &seen, token, "").await.0, 403, "{role}");
    }
    assert_eq!(post(&site, &seen, doctor, "").await.0, 200);
    assert_eq!(post(&site, &seen, doctor, "").await.0, 200, "the same person has seen it already");
    assert!(open_alarms(&site).await.is_empty());
}

#[tokio::test]
async fn the_pages_say_what_an_inspection_keeps_from_running() {
    let (site, people) = refused().await;
    let mut visitor = site.visitor(people[0].account.as_str()).await;
    for path in ["/console", "/console/calendar?month=2026-12"] {
        let page = visitor.get(path).await.body;
        assert_eq!(page.matches("⚠ 電源設備の点検のため、実施されません（第10条）。").count(), 1, "{page}");
    }
    let december = visitor.get("/console/calendar?month=2026-12").await.body;
    assert!(december.contains("href=\"/console/windows/w-0002\""), "the inspection itself: {december}");
    let mut reader = site.nobody();
    let calendar = reader.get("/notices.ics").await.body;
    let event = calendar.split("BEGIN:VEVENT").find(|event| event.contains("-2026-12-10@"));
    assert!(event.is_some_and(|event| event.contains("STATUS:CANCELLED")), "{calendar}");
}
