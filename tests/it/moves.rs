//! Notices of what changes: moved windows, lapsed ones, runs that are tried again or never end. Each is told once.

use kura::catalog::NoticeRow;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::time::Instant;
use kura::domain::window::{WindowKind, WindowState};
use kura::workflows::desk::DeskError;
use kura::workflows::gate::{self, Entry};
use kura::workflows::{schedule, windows};

use crate::windows::{Office, at, plan, terms, tokyo};

async fn one(office: &Office, notice: &str) -> NoticeRow {
    office.notices().await.into_iter().find(|row| row.notice == notice).expect("the notice")
}

async fn begin(office: &Office, now: Instant) -> kura::domain::occurrence::Occurrence {
    office.prove(now).await;
    match gate::enter(&office.desk, &plan(), &tokyo(), now).await {
        Ok(Entry::Occurrence(occurrence, _)) => occurrence,
        other => panic!("not let in: {other:?}"),
    }
}

#[tokio::test]
async fn a_moved_window_ends_when_the_new_one_is_approved_and_its_notices_say_when() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let monthly = |recurrence| terms(WindowKind::Monthly, recurrence, &["ポータル"]);
    let old = office.approved(&monthly("monthly first sunday 01:00"), noon).await;
    let later = noon.plus_minutes(60);
    let new = monthly("monthly second sunday 02:00");
    for (terms, replaces) in [(&new, "w-0009"), (&terms(WindowKind::Daily, "daily 02:00", &[]), old.as_str())]
    {
        let refused = windows::request_for(&office.desk, terms, Some(replaces), &office.admin, later).await;
        assert!(matches!(refused, Err(DeskError::None { .. })), "{refused:?}");
    }
    let id =
        windows::request_for(&office.desk, &new, Some(&old), &office.admin, later).await.expect("asked for");
    assert_eq!(one(&office, "N-2026-0001").await.revision, 1, "nothing moves before it is approved");
    let approval = windows::approve(&office.desk, &id, None, &office.doctor, later).await.expect("approved");
    let told = one(&office, "N-2026-0001").await;
    assert_eq!((told.revision, told.status.word()), (2, "cancelled"));
    assert!(told.words.title.starts_with("【訂正】"), "{}", told.words.title);
    let expected = format!(
        "※令和8年11月22日（日） 訂正：日時を変更しました。変更後は「毎月第2日曜日 2:00～6:00」です（承認番号 {}）。",
        approval.number
    );
    assert!(told.words.body.starts_with(&expected), "{}", told.words.body);
    assert_eq!(one(&office, "N-2026-0002").await.occurrence.as_deref(), Some("w-0002-2026-12-13"));
    let all = office.desk.catalog.windows().await.expect("windows");
    assert!(matches!(all[0].state, WindowState::Withdrawn { .. }), "{:?}", all[0].state);
    let open = office.desk.catalog.occurrences_since(noon).await.expect("occurrences");
    let of_old = open.iter().filter(|found| found.window == old);
    assert!(
        of_old.clone().count() > 0 && of_old.clone().all(|found| found.state == OccurrenceState::Cancelled)
    );
    let again = schedule::refresh(&office.desk, later).await.expect("up to date");
    assert_eq!(again.steps, 0, "once");
}

#[tokio::test]
async fn of_two_windows_that_take_the_same_place_one_is_approved() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let old = office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    let ask = async |recurrence| {
        let terms = terms(WindowKind::Daily, recurrence, &[]);
        windows::request_for(&office.desk, &terms, Some(&old), &office.admin, noon).await.expect("asked for")
    };
    let (first, second) = (ask("daily 04:30").await, ask("daily 05:30").await);
    windows::approve(&office.desk, &first, None, &office.doctor, noon).await.expect("approved");
    let refused = windows::approve(&office.desk, &second, None, &office.doctor, noon).await;
    assert!(matches!(&refused, Err(DeskError::Stale(id)) if *id == old), "{refused:?}");
    let all = office.desk.catalog.windows().await.expect("windows");
    let states: Vec<&str> = all.iter().map(|window| window.state.word()).collect();
    assert_eq!(states, ["withdrawn", "approved", "requested"], "nothing of it was done");
}

#[tokio::test]
async fn a_run_that_is_tried_again_has_begun_once() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]), noon).await;
    for minute in ["1:05", "1:15", "1:25"] {
        let now = at("2027-01-03", minute);
        let occurrence = begin(&office, now).await;
        assert_eq!(one(&office, "N-2026-0001").await.revision, 2, "begun once");
        gate::leave(&office.desk, &occurrence, false, now).await.expect("noted");
    }
    let done = begin(&office, at("2027-01-03", "1:35")).await;
    gate::leave(&office.desk, &done, true, at("2027-01-03", "2:00")).await.expect("noted");
    let over = one(&office, "N-2026-0001").await;
    assert_eq!((over.revision, over.status.word()), (3, "completed"));
    let log = office.desk.catalog.audit_newest(100).await.expect("the log");
    let before = log.iter().find(|line| line.entry.act == "occurrence.done").expect("the end");
    // The transaction of the end wrote the notice: the head that it tells is the line before its own lines.
    let digest = kura::archive::digest::Sha256(before.previous).to_string();
    let (sequence, digest) = (before.sequence - 1, digest.get(..16).expect("64 digits"));
    assert!(over.words.body.contains(&format!("監査記録 {sequence}:{digest}\n")), "{}", over.words.body);
}

#[tokio::test]
async fn what_began_and_never_ended_is_told_as_an_incident() {
    let (office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]), noon).await;
    let occurrence = begin(&office, at("2027-01-03", "1:05")).await;
    gate::leave(&office.desk, &occurrence, false, at("2027-01-03", "4:50")).await.expect("noted");
    schedule::refresh(&office.desk, at("2027-01-03", "5:01")).await.expect("up to date");
    let told = one(&office, "N-2026-0001").await;
    assert_eq!((told.kind.word(), told.status.word(), told.revision), ("incident", "completed", 3));
    assert!(told.words.title.starts_with("【障害】"), "{}", told.words.title);
    assert!(!told.words.body.contains("現在"), "{}", told.words.body);
    let again = schedule::refresh(&office.desk, at("2027-01-03", "5:02")).await.expect("up to date");
    assert_eq!((again.steps, one(&office, "N-2026-0001").await.revision), (0, 3), "once");
}

#[tokio::test]
async fn a_lapsed_window_may_be_withdrawn_so_that_nobody_goes_on_being_told() {
    let (mut office, noon) = (Office::new().await, at("2026-11-22", "12:00"));
    let id = office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), noon).await;
    office.desk.contents.insert("records".to_owned(), "plan 2\n".to_owned());
    schedule::refresh(&office.desk, noon).await.expect("up to date");
    windows::withdraw(&office.desk, &id, "申請し直しました。", &office.admin, noon).await.expect("withdrawn");
    assert!(!gate::has_windows(&office.desk, &plan()).await.expect("windows"));
    assert_eq!(one(&office, "N-2026-0001").await.revision, 2, "cancelled when it lapsed, and not again");
}
