//! Deletion from end to end over HTTP: what is due, two people, the morning, the certificate; holds; standing approvals.

use kura::domain::role::Role;

use super::{Answer, Site, Visitor};
use crate::support::simulate::{objects, write};
use crate::windows::at;

const ADMIN: &str = "person0000";
const MANAGER: &str = "person0001";
const DOCTOR: &str = "person0002";
const AUDITOR: &str = "person0003";

/// Two days of records that were sent two years ago, so that the machine's own clock is past every lock; the first is due.
async fn a_year_later() -> Site {
    let site = Site::on("2024-11-01", None, "").await;
    let roles = [Role::SystemAdministrator, Role::OperationsManager, Role::ServiceOperator, Role::Auditor];
    site.people(&roles).await;
    let file = site.kura.home().policies().join("records.toml");
    let plan = kura::policy_files::load_plan(&file).expect("a plan");
    for day in ["2024-11-01", "2024-11-02", "2025-11-01"] {
        site.kura.set_day(day);
        write(&site.kura.source().join(day), day, day);
        site.kura.snapshot(&plan).await.expect("a snapshot");
    }
    site.clock.set(at("2025-11-02", "12:00"));
    site
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let start = page.split_once(&format!("name=\"{name}\" value=\"")).expect("a hidden field").1;
    start.split('"').next().expect("a value")
}

async fn morning(site: &Site, day: &str) {
    site.clock.set(at(day, "5:00"));
    site.service.heart.beat().await;
    site.service.heart.settle().await;
}

async fn refused(visitor: &mut Visitor, path: &str, fields: &[(&str, &str)], status: u16) -> Answer {
    let answer = visitor.post(path, fields).await;
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_allow_a_deletion_and_in_the_morning_it_is_done_and_certified() {
    let site = a_year_later().await;
    let before = objects(&site.kura).len();
    let (mut admin, mut doctor) = (site.visitor(ADMIN).await, site.visitor(DOCTOR).await);
    let mut auditor = site.visitor(AUDITOR).await;

    let page = admin.get("/console/deletion").await.body;
    assert!(page.contains("包括承認なし") && page.contains("証明書はまだありません"), "{page}");
    let due = admin.get("/console/deletion/due").await.body;
    for words in ["sent-2024-11-01", "令和7年10月31日", "令和7年11月1日", "この内容の消去を承認する"]
    {
        assert!(due.contains(words), "{words}: {due}");
    }
    assert!(!due.contains("sent-2024-11-02"), "its time is not over: {due}");
    let digest = hidden(&due, "digest").to_owned();
    let shown = auditor.get("/console/deletion/due").await.body;
    assert!(shown.contains("sent-2024-11-01") && !shown.contains("この内容の消去を承認する"), "{shown}");
    refused(&mut auditor, "/console/deletion/approve", &[("digest", &digest)], 403).await;
    refused(&mut doctor, "/console/deletion/approve", &[("digest", &digest)], 403).await;
    let other = "0".repeat(64);
    let changed = refused(&mut admin, "/console/deletion/approve", &[("digest", &other)], 409).await;
    assert!(changed.body.contains("消去できるものが変わりました"), "{}", changed.body);

    refused(&mut admin, "/console/deletion/approve", &[("digest", &digest)], 303).await;
    let order = format!("/console/deletion/orders/{digest}");
    let own = admin.get(&order).await.body;
    assert!(own.contains("承認した方とは別の方") && !own.contains("消去を許可する"), "{own}");
    refused(&mut admin, &order, &[], 403).await;
    morning(&site, "2025-11-03").await;
    assert!(objects(&site.kura).len() >= before, "one person is not enough");

    // A day later two days are due; the order covers what was shown and nothing else.
    site.clock.set(at("2025-11-03", "12:00"));
    let mut doctor = site.visitor(DOCTOR).await;
    let wrong = refused(&mut doctor, &order, &[("today", "2025年13月1日")], 422).await;
    assert!(wrong.body.contains("日付を"), "{}", wrong.body);
    let wrong = refused(&mut doctor, &order, &[("today", "2025-11-04")], 409).await;
    assert!(wrong.body.contains("時計が合いません"), "{}", wrong.body);
    refused(&mut doctor, &order, &[("today", "令和７年１１月３日")], 303).await;
    refused(&mut doctor, &order, &[], 409).await;
    let page = doctor.get("/console/deletion").await.body;
    assert!(page.contains("確認済み"), "{page}");
    morning(&site, "2025-11-04").await;
    let left = objects(&site.kura);
    assert!(!left.iter().any(|key| key.starts_with("records/sent-2024-11-01/")), "{left:?}");
    assert!(left.iter().any(|key| key.starts_with("records/sent-2024-11-02/")), "{left:?}");

    let mut auditor = site.visitor(AUDITOR).await;
    let list = auditor.get("/console/certificates").await.body;
    assert!(list.contains("/console/certificates/1"), "{list}");
    let printed = auditor.get("/console/certificates/1").await;
    for words in ["消去証明書", "第1号", "令和6年11月1日", ADMIN, DOCTOR, "残り 0 件"] {
        assert!(printed.body.contains(words), "{words}: {}", printed.body);
    }
    assert!(printed.head.contains("style-src 'sha256-"), "{}", printed.head);
    assert!(printed.body.contains("href=\"?format=pdf\""), "{}", printed.body);
    let filed = auditor.get("/console/certificates/1?format=pdf").await;
    assert_eq!(
        (filed.status, filed.header("content-type")),
        (200, Some("application/pdf")),
        "{}",
        filed.head
    );
    assert!(filed.body.starts_with("%PDF-"), "{}", filed.head);
    assert_eq!(auditor.get("/console/certificates/1?format=doc").await.status, 404);
    let file = auditor.get("/console/certificates/1/file").await;
    assert!(file.head.contains("filename=\"certificate-1.json\""), "{}", file.head);
    let identity = std::fs::read_to_string(site.kura.recovery_key()).expect("a key");
    let root = identity.lines().find_map(|line| line.strip_prefix("# kura-root: ")).expect("a root");
    kura::workflows::certificates::check("file", file.body.as_bytes(), root).expect("it is checked offline");
    assert_eq!(auditor.get("/console/certificates/2").await.status, 404);
    assert!(auditor.get("/console/deletion").await.body.contains("/console/certificates/1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_approval_is_given_and_ended_by_the_service_operator_alone() {
    let site = a_year_later().await;
    let path = "/console/deletion/standing/records";
    let mut manager = site.visitor(MANAGER).await;
    assert_eq!(manager.get(path).await.status, 403);
    refused(&mut manager, path, &[("act", "stand")], 403).await;
    let mut doctor = site.visitor(DOCTOR).await;
    let page = doctor.get(path).await.body;
    assert!(page.contains("包括承認をする") && page.contains("毎朝"), "{page}");
    refused(&mut doctor, path, &[("act", "other")], 400).await;
    refused(&mut doctor, path, &[("act", "stand")], 303).await;
    let page = doctor.get("/console/deletion").await.body;
    assert!(page.contains("✓ 包括承認あり") && page.contains(DOCTOR), "{page}");
    assert_eq!(doctor.get("/console/deletion/standing/none").await.status, 404);
    // No clock outside this machine can be asked: somebody says what day it is, on the page that says so.
    let due = doctor.get("/console/deletion/due").await.body;
    assert!(due.contains("今日の日付を確認する"), "{due}");
    let empty = refused(&mut doctor, "/console/deletion/today", &[("today", "")], 422).await;
    assert!(empty.body.contains("日付を"), "{}", empty.body);
    refused(&mut manager, "/console/deletion/today", &[("today", "2025-11-02")], 303).await;
    let due = doctor.get("/console/deletion/due").await.body;
    assert!(!due.contains("今日の日付を確認する"), "{due}");
    refused(&mut doctor, path, &[("act", "end")], 303).await;
    assert!(doctor.get("/console/deletion").await.body.contains("包括承認なし"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_placed_by_one_and_released_by_another() {
    let site = a_year_later().await;
    let mut doctor = site.visitor(DOCTOR).await;
    let wrong = [("plan", "none"), ("from", "x"), ("to", ""), ("until", "2020-01-01"), ("reason", "")];
    let faulty = refused(&mut doctor, "/console/holds/new", &wrong, 422).await.body;
    for words in ["計画を選んでください", "日付を 2026-11-01", "理由を1行", "今日以後の日"]
    {
        assert!(faulty.contains(words), "{words}: {faulty}");
    }
    let right = [
        ("plan", "records"),
        ("from", "令和6年11月1日"),
        ("to", "２０２４－１１－０１"),
        ("until", ""),
        ("reason", "監査のため<b>"),
    ];
    let mut auditor = site.visitor(AUDITOR).await;
    refused(&mut auditor, "/console/holds/new", &right, 403).await;
    refused(&mut doctor, "/console/holds/new", &right, 303).await;
    let list = auditor.get("/console/holds").await.body;
    assert!(list.contains("records 保全 1") && list.contains("監査のため&lt;b&gt;"), "{list}");
    let due = auditor.get("/console/deletion/due").await.body;
    assert!(due.contains("いま消去できるものはありません") && due.contains("保全 1 の対象です"), "{due}");
    let release = "/console/holds/records/1/release";
    assert_eq!(doctor.get(release).await.status, 200);
    refused(&mut doctor, release, &[("reason", "終了")], 403).await;
    let mut manager = site.visitor(MANAGER).await;
    refused(&mut manager, release, &[("reason", " ")], 422).await;
    refused(&mut manager, release, &[("reason", "終了")], 303).await;
    refused(&mut manager, release, &[("reason", "終了")], 409).await;
    assert!(manager.get("/console/holds").await.body.contains("解除済み"));
    assert!(manager.get("/console/deletion/due").await.body.contains("sent-2024-11-01"));
    let english = manager.get("/console/holds?lang=en").await.body;
    assert!(english.contains("released") && !english.contains("解除"), "{english}");
}
