//! Effects over the API: keys that are sent twice, versions that race, and what hostile clients send.

use std::time::Duration;

use kura::domain::role::Role;
use kura::web::limits::TOKEN_BURST;
use kura::workflows::take_event_snapshot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::site::{Answer, PASSWORD, Site};

const REQUEST: &str = r#"{"plan":"records","kind":"daily","recurrence":"daily 03:00","length_minutes":60}"#;

async fn windows(site: &Site) -> usize {
    let list = site.get(Role::Auditor, "/api/v1/windows?limit=200").await.json();
    list["items"].as_array().expect("rows").len()
}

#[tokio::test]
async fn a_request_that_is_sent_again_has_one_effect_and_the_same_answer() {
    let site = Site::new().await;
    let (admin, before) = (Role::SystemAdministrator, windows(&site).await);
    let key = [("Idempotency-Key", "a-1")];
    let first = site.post(admin, "/api/v1/windows", &key, REQUEST).await;
    let again = site.post(admin, "/api/v1/windows", &key, REQUEST).await;
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!(first.body, again.body);
    for name in ["location", "etag"] {
        assert!(first.header(name).is_some() && first.header(name) == again.header(name), "{name}");
    }
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        (None, Some("true"))
    );
    assert_eq!(windows(&site).await, before + 1);
    let other = site.post(admin, "/api/v1/windows", &key, &REQUEST.replace("60", "61")).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency-key-reused"));
    // Another account's keys are its own; a request that failed has used up nothing.
    let doctor = site.post(Role::ServiceOperator, "/api/v1/windows", &key, REQUEST).await;
    assert_eq!(doctor.status, 403);
    site.clock.set(site.now.plus_minutes(24 * 60 + 1));
    let next_day = site.post(admin, "/api/v1/windows", &key, REQUEST).await;
    assert_eq!((next_day.status, windows(&site).await), (201, before + 2), "after a day the key is free");
    for bad in ["", "a b", "é", &"x".repeat(256)] {
        let answer = site.post(admin, "/api/v1/windows", &[("Idempotency-Key", bad)], REQUEST).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-idempotency-key"), "{bad:?}");
    }
}

#[tokio::test]
async fn a_second_incident_about_one_service_names_the_open_one_unless_it_is_another() {
    let site = Site::new().await;
    let open = async |body: &str| site.post(Role::SystemOperator, "/api/v1/incidents", &[], body).await;
    let first = open(r#"{"content":"つながりません。","services":["検査予約"]}"#).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["incident"]["incident"].as_str().expect("a number").to_owned();
    let second = open(r#"{"content":"画面が出ません。","services":["検査予約"]}"#).await;
    assert_eq!(second.status, 409, "{second:?}");
    let said = second.json().to_string();
    assert!(said.contains(&id) && said.contains("is_another"), "{said}");
    let another = open(r#"{"content":"画面が出ません。","services":["検査予約"],"is_another":true}"#).await;
    assert_eq!(another.status, 201, "{another:?}");
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_has_an_effect() {
    let site = std::sync::Arc::new(Site::new().await);
    let before = windows(&site).await;
    let mut asks = JoinSet::new();
    for _ in 0..12 {
        let site = site.clone();
        asks.spawn(async move {
            let key = [("Idempotency-Key", "race")];
            site.post(Role::SystemAdministrator, "/api/v1/windows", &key, REQUEST).await
        });
    }
    let answers: Vec<Answer> = asks.join_all().await;
    for answer in &answers {
        let is_right = answer.status == 201 || (answer.status == 409 && answer.code() == "request-under-way");
        assert!(is_right, "{answer:?}");
    }
    assert_eq!(
        answers
            .iter()
            .filter(|one| one.status == 201 && one.header("idempotency-replayed").is_none())
            .count(),
        1
    );
    assert_eq!(windows(&site).await, before + 1);
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_kept_nowhere() {
    let site = Site::new().await;
    let (admin, key) = (Role::SystemAdministrator, [("Idempotency-Key", "t-1")]);
    let body = format!(r#"{{"password":"{PASSWORD}","label":"for the portal","scopes":["read"],"days":1}}"#);
    let first = site.post(admin, "/api/v1/tokens", &key, &body).await;
    let secret = first.json()["secret"].as_str().expect("a token").to_owned();
    let again = site.post(admin, "/api/v1/tokens", &key, &body).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert!(again.json()["secret"].is_null() && !again.body.contains(&secret), "{again:?}");
    assert_eq!(again.json()["id"], first.json()["id"]);
    let me = site.ask(("GET", "/api/v1/me"), &secret, &[], None).await.json();
    assert_eq!((&me["account"], &me["scopes"]), (&"admin00001".into(), &serde_json::json!(["read"])));
    let wrong = body.replace(PASSWORD, "wrong-Horse7battery");
    let wrong = site.post(admin, "/api/v1/tokens", &[], &wrong).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "proof-refused"));
    let greedy = body.replace("\"read\"", "\"window.decide\"");
    assert_eq!(site.post(admin, "/api/v1/tokens", &[], &greedy).await.status, 422);
    let revoke = format!("/api/v1/tokens/{}/revoke", first.json()["id"].as_str().expect("an id"));
    assert_eq!(site.ask(("POST", &revoke), site.token(admin), &[], None).await.status, 200);
    assert_eq!(site.ask(("GET", "/api/v1/me"), &secret, &[], None).await.status, 401);
}

#[tokio::test]
async fn a_decision_is_about_what_was_seen() {
    let site = Site::new().await;
    let (path, doctor) = ("/api/v1/windows/w-0002/approve", Role::ServiceOperator);
    let ask = async |path: &str, role: Role, headers: &[(&str, &str)]| {
        let answer = site.ask(("POST", path), site.token(role), headers, Some(r#"{"reason":"理由"}"#)).await;
        let code = if answer.status < 400 { String::new() } else { answer.code() };
        (answer.status, code)
    };
    let needed = (428, "if-match-required".to_owned());
    let changed = (412, "changed".to_owned());
    for (path, role) in [
        (path, doctor),
        ("/api/v1/windows/w-0002/return", doctor),
        ("/api/v1/windows/w-0002/withdraw", Role::SystemAdministrator),
    ] {
        assert_eq!(ask(path, role, &[]).await, needed, "{path}");
        for stale in ["*", "\"abc\"", "W/\"abc\"", &format!("\"{}\"", "0".repeat(64))] {
            assert_eq!(ask(path, role, &[("If-Match", stale)]).await, changed, "{path} {stale}");
        }
    }
    let seen = site.version("w-0002").await;
    assert_eq!(ask(path, doctor, &[("If-Match", &seen)]).await.0, 200);
    // The version that was seen is gone with the approval.
    assert_eq!(
        ask("/api/v1/windows/w-0002/withdraw", Role::SystemAdministrator, &[("If-Match", &seen)]).await,
        changed
    );
    let now = site.version("w-0002").await;
    assert_ne!(seen, now);
    assert_eq!(ask(path, doctor, &[("If-Match", &now)]).await, (409, "wrong-state".to_owned()));
    assert_eq!(
        ask("/api/v1/windows/w-0002/withdraw", Role::SystemAdministrator, &[("If-Match", &now)]).await.0,
        200
    );
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_does() {
    for round in 0..5 {
        let site = std::sync::Arc::new(Site::new().await);
        let seen = site.version("w-0002").await;
        let mut asks = JoinSet::new();
        for what in ["approve", "return", "approve", "return"] {
            let (site, seen) = (site.clone(), seen.clone());
            asks.spawn(async move {
                let path = format!("/api/v1/windows/w-0002/{what}");
                site.post(Role::ServiceOperator, &path, &[("If-Match", &seen)], r#"{"reason":"x"}"#)
                    .await
                    .status
            });
        }
        let mut statuses = asks.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412], "round {round}");
    }
}

#[tokio::test]
async fn an_account_that_changed_meanwhile_is_not_changed_again_if_its_version_was_named() {
    let site = Site::new().await;
    let (path, manager) = ("/api/v1/accounts/operator01", Role::OperationsManager);
    let seen = site.get(manager, path).await.header("etag").expect("a version").to_owned();
    let reset = format!("{path}/password");
    let body = format!(r#"{{"password":"{PASSWORD}!"}}"#);
    let first = site.post(manager, &reset, &[("If-Match", &seen)], &body).await;
    assert_eq!((first.status, first.header("etag") == Some(&seen)), (200, false), "{first:?}");
    assert_eq!(site.post(manager, &reset, &[("If-Match", &seen)], &body).await.status, 412);
    let weak = site.post(manager, &reset, &[], r#"{"password":"short"}"#).await;
    assert_eq!(
        (weak.status, weak.json()["detail_ja"].as_str().is_some_and(|text| text.contains("別紙1"))),
        (422, true)
    );
    let disable = site.post(manager, &format!("{path}/disable"), &[], r#"{"reason":"退職"}"#).await;
    assert_eq!(disable.json()["is_disabled"], true);
    assert_eq!(
        site.get(Role::SystemOperator, "/api/v1/me").await.status,
        401,
        "its token is revoked at once"
    );
}

#[tokio::test]
async fn a_run_that_is_asked_for_begins_once() {
    let site = Site::new().await;
    let (path, admin) = ("/api/v1/plans/records/snapshots", Role::SystemAdministrator);
    let body = r#"{"event":"acceptance","reason":"new server"}"#;
    for _ in 0..2 {
        let answer = site.post(admin, path, &[("Idempotency-Key", "r")], body).await;
        assert_eq!((answer.status, answer.header("location")), (202, Some("/api/v1/runs?plan=records")));
    }
    let asked = take_event_snapshot::open(&site.office.desk).await.expect("requests");
    let runs: Vec<String> = asked.iter().map(|one| format!("{} {}", one.plan, one.event)).collect();
    assert_eq!(runs, ["records acceptance"]);
    assert_eq!(site.post(admin, "/api/v1/plans/nothing/snapshots", &[], body).await.status, 404);
    assert_eq!(site.post(admin, "/api/v1/plans/..%2Fkura/snapshots", &[], body).await.status, 404);
    let audit = site.get(Role::Auditor, "/api/v1/audit?limit=1").await.json();
    assert_eq!(audit["items"][0]["act"], "snapshot.request");
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_words() {
    let site = Site::new().await;
    let (admin, path) = (Role::SystemAdministrator, "/api/v1/windows");
    let token = site.token(admin);
    let post = |kind: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let json = "Content-Type: application/json\r\n";
    for (request, status, code) in [
        (post("", REQUEST), 415, "wrong-content-type"),
        (post("Content-Type: text/plain\r\n", REQUEST), 415, "wrong-content-type"),
        (post("Content-Type: application/x-www-form-urlencoded\r\n", "a=b"), 415, "wrong-content-type"),
        (post(json, ""), 400, "bad-request"),
        (post(json, "{"), 400, "bad-request"),
        (post(json, &"[".repeat(5000)), 400, "bad-request"),
        (post(json, "{}"), 422, "refused"),
        (post(json, &REQUEST.replace("plan", "plant")), 422, "refused"),
        (post(json, &REQUEST.replace("60", "0")), 422, "refused"),
        (post(json, &REQUEST.replace("60", "99999999999")), 422, "refused"),
        (post(json, &REQUEST.replace("daily 03:00", "hourly")), 422, "refused"),
        (post(json, &REQUEST.replace("records", "nothing")), 409, "wrong-state"),
        (post(json, &format!("\"{}\"", "x".repeat(1024 * 1024))), 413, "too-large"),
    ] {
        let answer = site.raw(request.as_bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{:?}", request.get(..300));
    }
    // The same without a length: the body is counted while it comes.
    let body = "10000\r\n".to_owned() + &"x".repeat(0x10000) + "\r\n1\r\ny\r\n0\r\n\r\n";
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{json}\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    assert_eq!(site.raw((head + &body).as_bytes()).await.status, 413);
    for method in ["PUT", "DELETE", "PATCH", "TRACE"] {
        let answer = site.ask((method, path), token, &[], None).await;
        assert_eq!((answer.status, answer.header("allow").is_some()), (405, true), "{method}: {answer:?}");
    }
}

/// Nothing that people write becomes a header, a line or a property anywhere.
#[tokio::test]
async fn what_people_write_stays_text() {
    let site = Site::new().await;
    for evil in [
        r"a\r\nSet-Cookie: x=y",
        r"a\nATTENDEE:x",
        r"a\u0000b",
        r"a\u0085b",
        r"a\u202eb",
        r"a\u2028b",
        "",
        "   ",
    ] {
        let body = format!(r#"{{"text":"{evil}"}}"#);
        let answer = site.post(Role::SystemOperator, "/api/v1/notices/N-2026-0001/correct", &[], &body).await;
        assert_eq!(answer.status, 422, "{evil}: {answer:?}");
        let seen = site.version("w-0002").await;
        let body = format!(r#"{{"reason":"{evil}"}}"#);
        let path = "/api/v1/windows/w-0002/return";
        let answer = site.post(Role::ServiceOperator, path, &[("If-Match", &seen)], &body).await;
        assert_eq!(answer.status, 422, "{evil}: {answer:?}");
    }
    let html = r#"{"text":"<script>alert(1)</script> \" onload=x"}"#;
    let answer = site.post(Role::SystemOperator, "/api/v1/notices/N-2026-0001/correct", &[], html).await;
    assert_eq!(answer.status, 200);
    let page = site.ask(("GET", "/notices"), "", &[], None).await;
    assert!(!page.body.contains("<script>") && page.body.contains("&lt;script&gt;"), "{page:?}");
    for path in
        ["/api/v1/windows/%0d%0aSet-Cookie:%20x", "/api/v1/plans/%00", "/api/v1/runs?cursor=%0d%0aX:y"]
    {
        let answer = site.get(Role::Auditor, path).await;
        assert!(
            answer.status >= 400 && answer.status < 500 && !answer.head.contains("Set-Cookie"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn who_asks_too_often_waits_and_only_he() {
    let site = Site::new().await;
    for number in 0..TOKEN_BURST.get() {
        assert_eq!(site.get(Role::Auditor, "/api/v1/me").await.status, 200, "request {number}");
    }
    let answer = site.get(Role::Auditor, "/api/v1/me").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too-many-requests"));
    let wait: i64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert_eq!(site.get(Role::Portal, "/api/v1/me").await.status, 200, "another token is not held back");
    site.clock.set(site.now.plus_minutes(wait / 60 + 1));
    assert_eq!(site.get(Role::Auditor, "/api/v1/me").await.status, 200);
}

/// It sends a header every now and then and never the empty line; it would do so for ever.
#[tokio::test]
async fn a_client_that_takes_for_ever_is_cut_off() {
    let site = Site::hurried().await;
    let mut stream = TcpStream::connect(site.address).await.expect("a connection");
    stream.write_all(b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n").await.expect("sent");
    for number in 0.. {
        let mut answer = [0_u8; 64];
        match tokio::time::timeout(Duration::from_millis(20), stream.read(&mut answer)).await {
            // The end, or a connection that was reset: it was cut off without an answer.
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(read)) => panic!("an answer of {read} bytes to half a request"),
            Err(_) if stream.write_all(format!("X-{number}: y\r\n").as_bytes()).await.is_err() => break,
            Err(_) => assert!(number < 3000, "it was waited for"),
        }
    }
    assert_eq!(site.get(Role::Auditor, "/api/v1/me").await.status, 200, "others are answered");
}

#[tokio::test]
async fn a_window_is_changed_by_one_that_takes_its_place() {
    let site = Site::new().await;
    let (admin, doctor) = (Role::SystemAdministrator, Role::ServiceOperator);
    let body = REQUEST.replace('}', r#","replaces":"w-0001"}"#);
    let other = body.replace("w-0001", "w-0002");
    assert_eq!(site.post(admin, "/api/v1/windows", &[], &other).await.status, 404, "that is not approved");
    let asked = site.post(admin, "/api/v1/windows", &[], &body).await;
    assert_eq!((asked.status, &asked.json()["replaces"]), (201, &"w-0001".into()), "{asked:?}");
    let old = site.get(doctor, "/api/v1/windows/w-0001").await.json();
    assert_eq!((&old["state"], old["replaces"].is_null()), (&"approved".into(), true), "until it is decided");
    let (path, seen) = ("/api/v1/windows/w-0003/approve", site.version("w-0003").await);
    assert_eq!(site.ask(("POST", path), site.token(doctor), &[("If-Match", &seen)], None).await.status, 200);
    let old = site.get(doctor, "/api/v1/windows/w-0001").await.json();
    assert_eq!(old["state"], "withdrawn");
}

#[tokio::test]
async fn coverage_alarms_and_services_are_told_to_programs() {
    let site = Site::new().await;
    let (desk, now) = (&site.office.desk, site.now);
    let coverage = site.get(Role::Auditor, "/api/v1/coverage").await.json();
    assert_eq!((&coverage["standing"], coverage["proved_at"].is_null()), (&"unproved".into(), true));
    let mut tx = desk.catalog.begin().await.expect("a transaction");
    let exceptions = vec!["cohort-damaged".to_owned()];
    let (plan, checked_at) = ("records".to_owned(), now);
    let row =
        kura::catalog::CoverageRow { plan, checked_at, alive: 8, whole: 7, packs: 9, bytes: 10, exceptions };
    tx.add_coverage(&row).await.expect("added");
    for number in 1..=3 {
        let alarm = kura::domain::alarm::Alarm {
            code: kura::domain::alarm::AlarmCode::NoticeUndelivered,
            subject: format!("portal-{number}"),
            since: now.plus_minutes(number.min(2)),
            japanese: "。".to_owned(),
            english: ".".to_owned(),
        };
        tx.raise(&alarm).await.expect("raised");
        if number == 1 {
            tx.clear(&alarm, now.plus_minutes(5)).await.expect("cleared");
        }
    }
    let [actor, act, subject, detail] = ["kura", "coverage", "records", ""].map(str::to_owned);
    let entry = kura::domain::audit::AuditEntry { at: now, actor, act, subject, detail };
    tx.commit(&[entry]).await.expect("committed");
    let coverage = site.get(Role::Auditor, "/api/v1/coverage").await.json();
    assert_eq!((&coverage["standing"], &coverage["exceptions"]), (&"broken".into(), &1.into()));
    let exception = &coverage["plans"][0]["exceptions"][0];
    assert!(
        exception["code"] == "cohort-damaged" && exception["sentence_ja"].as_str().unwrap().ends_with('。')
    );
    let subjects = async |query: &str| -> Vec<String> {
        let list = site.get(Role::SystemOperator, &format!("/api/v1/alarms{query}")).await.json();
        let rows = list["items"].as_array().expect("rows").clone();
        rows.iter().map(|row| row["subject"].as_str().expect("a subject").to_owned()).collect()
    };
    assert_eq!(subjects("").await, ["portal-3", "portal-2", "portal-1"]);
    assert_eq!(subjects("?state=open").await, ["portal-3", "portal-2"]);
    assert_eq!(subjects("?state=cleared").await, ["portal-1"]);
    let first = site.get(Role::SystemOperator, "/api/v1/alarms?limit=1").await.json();
    let next = first["next"].as_str().expect("more").to_owned();
    assert_eq!(subjects(&format!("?limit=1&cursor={next}")).await, ["portal-2"], "of the same minute");
    let services = site.get(Role::Auditor, "/api/v1/services?limit=2").await.json();
    assert_eq!(services["items"].as_array().expect("rows").len(), 2);
    assert!(services["items"][0]["is_by_hand"] == true && services["next"].is_string(), "{services}");
    let body = r#"{"occurrence":"w-0001-2026-12-01","service":"portal","state":"stopped"}"#;
    let none = site.post(Role::SystemOperator, "/api/v1/services/confirm", &[], body).await;
    assert_eq!((none.status, none.code().as_str()), (404, "not-found"), "nobody was asked");
}
