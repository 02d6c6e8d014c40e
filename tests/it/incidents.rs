//! Incidents: each alarm is caused for real and ends in one incident, one notice where the policy asks for one, one checklist
//! and one report; a service that is killed and started again doubles nothing (K-90 to K-93).

use std::sync::Arc;

use base64::Engine as _;
use kura::archive::digest::Sha256;
use kura::archive::progress::Progress;
use kura::catalog::{Catalog, EntryRow, SnapshotRow};
use kura::clock::Clock as _;
use kura::config::{MailSettings, MailTls};
use kura::domain::audit::AuditEntry;
use kura::domain::incident_contact::{Contact, Group, Way};
use kura::domain::window::WindowKind;
use kura::print::incident_report;
use kura::workflows::desk::{Desk, DeskError};
use kura::workflows::host::Host;
use kura::workflows::incidents::people::{self, Doing, New};
use kura::workflows::incidents::{
    self, Concern, Incident, IncidentField, IncidentRow, IncidentState, NotAllowed, tend,
};
use kura::workflows::start_due_runs::Attempt;
use kura::workflows::verify::Viewer;
use kura::workflows::{alarms, check_audit, coverage, notices};

use crate::running::Machine;
use crate::steps::killed_after;
use crate::support::kura::Kura;
use crate::support::simulate::{objects, write};
use crate::support::smtp::{MailServer, Received};
use crate::windows::{Office, at, terms, tokyo};

/// What the service does about failures on a beat; twice, because the second time nothing may be left to do.
async fn beat(desk: &Desk, now: kura::domain::time::Instant) {
    alarms::refresh(desk, now).await.expect("alarms");
    tend::refresh(desk, now).await.expect("incidents");
    let before = whole(desk).await;
    tend::refresh(desk, now).await.expect("incidents");
    assert_eq!(whole(desk).await, before, "a second look changes nothing");
}

async fn all(desk: &Desk) -> Vec<IncidentRow> {
    incidents::list(desk, true, 100).await.expect("incidents")
}

/// Everything that is kept about incidents, in one text.
async fn whole(desk: &Desk) -> String {
    let mut text = String::new();
    for row in all(desk).await {
        text.push_str(&format!("{:?}\n", incidents::look(desk, &row.incident).await.expect("there")));
    }
    for row in notices::list(desk, true, 100).await.expect("notices") {
        text.push_str(&format!("{row:?}\n"));
    }
    text
}

async fn only(desk: &Desk) -> Incident {
    let rows = all(desk).await;
    assert_eq!(rows.len(), 1, "one cause, one incident: {rows:#?}");
    incidents::look(desk, &rows[0].incident).await.expect("there")
}

fn codes(incident: &Incident) -> Vec<&'static str> {
    incident.alarms.iter().map(|alarm| alarm.code.word()).collect()
}

async fn act(office: &Office, id: &str, doing: Doing, time: &str) -> Result<Incident, DeskError> {
    let now = at(time.split_once(' ').expect("two parts").0, time.split_once(' ').expect("two parts").1);
    people::act(&office.desk, id, &doing, &office.operator, now).await
}

#[tokio::test]
async fn a_missed_backup_is_one_incident_and_users_are_not_told_twice() {
    let machine = Machine::stopping().await;
    machine.shop.fail("stop", 1);
    assert!(matches!(machine.run().await, Attempt::NotStopped(_)));
    let told = machine.office.notices().await.len();
    beat(&machine.office.desk, machine.clock.now()).await;
    let incident = only(&machine.office.desk).await;
    assert_eq!(codes(&incident), ["backup-missed"]);
    assert_eq!((incident.row.cause.kind.word(), incident.row.cause.subject.as_str()), ("backup", "records"));
    assert_eq!((incident.row.state, incident.row.notice.as_deref()), (IncidentState::Detected, None));
    assert_eq!(incident.field(IncidentField::Scope), Some("計画 records のバックアップ"));
    assert_eq!(
        machine.office.notices().await.len(),
        told,
        "no service is stopped: the run's own notice says it"
    );
    check_audit::verify(&machine.office.desk.catalog, None).await.expect("the log holds");
}

#[tokio::test]
async fn services_that_do_not_start_are_one_incident_from_alarm_to_closing() {
    let machine = Machine::stopping().await;
    let (office, desk) = (&machine.office, &machine.office.desk);
    machine.shop.fail("start", 4);
    assert!(matches!(machine.run().await, Attempt::Taken(_)));
    let told = office.notices().await.len();
    beat(desk, machine.clock.now()).await;
    let incident = only(desk).await;
    let id = incident.row.incident.clone();
    assert_eq!(codes(&incident), ["service-stopped"; 2], "both services were stopped by one run");
    assert_eq!(incident.row.services.len(), 2);
    let is_own = |row: &kura::catalog::NoticeRow| row.occurrence.as_deref() == Some("w-0001-2027-01-03");
    let own = office.notices().await.into_iter().find(is_own).expect("its notice");
    assert_eq!(incident.row.notice.as_ref(), Some(&own.notice), "users are told by the notice of the run");
    assert_eq!(office.notices().await.len(), told);

    let early = act(office, &id, Doing::Recover { at: None, measures: None }, "2027-01-03 2:00").await;
    assert!(matches!(early, Err(DeskError::Incident(NotAllowed::State { .. }))), "seen by nobody: {early:?}");
    act(office, &id, Doing::Confirm, "2027-01-03 2:01").await.expect("confirmed");
    act(office, &id, Doing::Begin, "2027-01-03 2:02").await.expect("begun");
    let lasting = act(office, &id, Doing::Recover { at: None, measures: None }, "2027-01-03 2:03").await;
    assert!(matches!(lasting, Err(DeskError::Incident(NotAllowed::AlarmsLast(2)))), "{lasting:?}");
    // The service starts them at last.
    machine.tend().await;
    machine.tend().await;
    assert!(machine.shop.all_run());
    machine.clock.set(at("2027-01-03", "2:10"));
    beat(desk, machine.clock.now()).await;
    let mended = only(desk).await;
    assert_eq!(mended.lasting(), 0);
    assert!(mended.entries.iter().filter(|entry| entry.reference.starts_with("cleared/")).count() == 2);
    let measures = Some("サービスを再起動しました。".to_owned());
    act(office, &id, Doing::Recover { at: None, measures }, "2027-01-03 2:20").await.expect("recovered");
    let cause = Doing::Field(IncidentField::Cause, "起動スクリプトの誤り".to_owned());
    act(office, &id, cause, "2027-01-03 3:00").await.expect("written");
    let close = Doing::Close { no_action: None, incomplete: None };
    let unreported = act(office, &id, close.clone(), "2027-01-03 3:01").await;
    assert!(matches!(unreported, Err(DeskError::Incident(NotAllowed::State { .. }))), "{unreported:?}");
    act(office, &id, Doing::Report, "2027-01-03 3:02").await.expect("reported");
    let undecided = act(office, &id, close.clone(), "2027-01-03 3:03").await;
    assert!(matches!(undecided, Err(DeskError::Incident(NotAllowed::NoActions))), "{undecided:?}");
    let action = Doing::Action(
        "起動の確認を手順に加える".to_owned(),
        "システム管理者".to_owned(),
        "2027-01-31".parse().unwrap(),
    );
    act(office, &id, action, "2027-01-03 3:04").await.expect("decided");
    let closed = act(office, &id, close, "2027-01-03 3:05").await.expect("closed");
    assert_eq!(closed.row.state, IncidentState::Closed);
    let after = act(office, &id, Doing::Note("まだ書けますか".to_owned()), "2027-01-03 3:06").await;
    assert!(after.is_err(), "what is closed stays as it is");
    beat(desk, machine.clock.now()).await;
    assert_eq!(all(desk).await.len(), 1);
    is_complete(&closed, desk, at("2027-01-03", "3:10"));
    check_audit::verify(&desk.catalog, None).await.expect("the log holds");
}

/// The report has every field of 別紙3, in its order and wording, and says what nobody has written.
fn is_complete(incident: &Incident, desk: &Desk, now: kura::domain::time::Instant) {
    let page = incident_report::page(incident, desk, now).html();
    let mut rest = page.as_str();
    for part in [
        "<h1>障害報告書</h1>",
        "拝啓　時下ますますご清栄のこととお慶び申し上げます。",
        "平素は当社サービスをご利用いただき、厚くお礼申し上げます。",
        "障害内容について次の通り報告させて頂きますので、ご査収を宜しくお願いいたします。",
        "敬具",
        "令和9年1月3日（日）",
        "一般社団法人名古屋市医師会長　様",
        "中部テレコミュニケーション株式会社",
        "発見日時</th><td>令和9年1月3日（日）1:00",
        "発見箇所</th><td>Kura の監視（警報 service-stopped）",
        "発生日時</th><td>令和9年1月3日（日）",
        "障害内容</th><td>「",
        "影響範囲</th><td>利用できないサービス：",
        "復旧日時</th><td>令和9年1月3日（日）2:20",
        "経過</th><td>",
        "Kura が障害を検知しました。",
        "復旧しました（令和9年1月3日（日）2:20）。",
        "原因</th><td>起動スクリプトの誤り",
        "処置</th><td>サービスを再起動しました。",
        "備考</th><td>（未記入）",
        "添付資料</th><td>（未記入）",
        "起動の確認を手順に加える",
    ] {
        let found = rest.find(part).unwrap_or_else(|| panic!("{part} is missing or out of order in {page}"));
        rest = rest.get(found..).unwrap_or_default();
    }
    assert!(!page.contains("<script") && !page.contains("style="), "the console's policy allows neither");
}

fn snapshot(day: &str, is_complete: bool) -> SnapshotRow {
    SnapshotRow {
        plan: "records".to_owned(),
        sequence: 1,
        digest: Sha256::of(day.as_bytes()),
        parent: None,
        taken_at: at(day, "2:30"),
        day: day.parse().unwrap(),
        event: "daily".to_owned(),
        is_complete,
        files: 1,
        bytes: 1,
        new_bytes_stored: 1,
        skipped: u64::from(!is_complete),
        cohorts: 1,
    }
}

/// An office whose daily window is approved.
async fn daily() -> Office {
    let office = Office::light().await;
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), at("2026-11-22", "12:00")).await;
    office
}

#[tokio::test]
async fn each_failure_opens_one_incident_of_its_cause() {
    // (what is broken, the day, the alarms that last, the cause)
    type Break = fn(&mut Office);
    let cases: [(&str, Break, &str, &str); 3] = [
        ("no snapshot comes", |_| {}, "snapshot-old", "backup/records"),
        (
            "the plan's file is gone",
            |office| office.desk.contents.clear(),
            "plan-unreadable",
            "backup/records",
        ),
        ("the page does not show a notice", |_| {}, "notice-not-readable", "portal/"),
    ];
    for (what, spoil, code, cause) in cases {
        let mut office = daily().await;
        spoil(&mut office);
        let now = at("2026-12-02", "12:00");
        if code == "notice-not-readable" {
            office.desk.catalog.record_snapshot(&snapshot("2026-12-02", true), &[]).await.unwrap();
            let address = "https://kura.example/notices";
            office.desk.catalog.note_unproven("N-2026-0001", address, "it answered 503", now).await.unwrap();
        }
        beat(&office.desk, now).await;
        let rows = all(&office.desk).await;
        let found: Vec<String> =
            rows.iter().map(|row| format!("{}/{}", row.cause.kind.word(), row.cause.subject)).collect();
        assert_eq!(found, [cause], "{what}");
        let incident = incidents::look(&office.desk, &rows[0].incident).await.unwrap();
        assert!(codes(&incident).contains(&code), "{what}: {:?}", codes(&incident));
    }
}

#[tokio::test]
async fn a_partial_snapshot_is_over_when_a_complete_one_comes_and_back_when_it_is_partial_again() {
    let (office, day) = (daily().await, "2026-12-01");
    office.desk.catalog.record_snapshot(&snapshot(day, false), &[]).await.unwrap();
    beat(&office.desk, at(day, "3:00")).await;
    let id = only(&office.desk).await.row.incident;
    act(&office, &id, Doing::Confirm, "2026-12-01 9:00").await.expect("confirmed");
    let next = |sequence: u64, day: &str, is_complete: bool| SnapshotRow {
        sequence,
        parent: Some(Sha256::of(if sequence == 2 { b"2026-12-01" } else { b"2026-12-02" })),
        ..snapshot(day, is_complete)
    };
    office.desk.catalog.record_snapshot(&next(2, "2026-12-02", true), &[]).await.unwrap();
    beat(&office.desk, at("2026-12-02", "3:00")).await;
    act(&office, &id, Doing::Recover { at: None, measures: None }, "2026-12-02 9:00").await.expect("mended");
    act(&office, &id, Doing::Report, "2026-12-02 10:00").await.expect("reported");
    office.desk.catalog.record_snapshot(&next(3, "2026-12-03", false), &[]).await.unwrap();
    beat(&office.desk, at("2026-12-03", "3:00")).await;
    let back = only(&office.desk).await;
    assert_eq!(
        (back.row.state, back.row.recovered_at),
        (IncidentState::Recovering, None),
        "not over after all"
    );
    assert_eq!(codes(&back), ["snapshot-old", "snapshot-partial", "snapshot-partial"]);
}

#[tokio::test]
async fn a_wrong_clock_is_the_cause_of_what_fails_by_it() {
    let office = daily().await;
    // Taken while the clock was a month ahead; now it is right, and looks back at a snapshot of the future.
    office.desk.catalog.record_snapshot(&snapshot("2027-01-03", true), &[]).await.unwrap();
    beat(&office.desk, at("2026-12-03", "12:00")).await;
    let incident = only(&office.desk).await;
    assert_eq!(incident.row.cause.kind.word(), "clock");
    assert_eq!(codes(&incident), ["snapshot-old", "clock-wrong"], "by when they began");
}

#[tokio::test]
async fn a_service_that_is_killed_while_it_opens_an_incident_opens_one() {
    let mut kills = 0;
    for waits in 0..500 {
        let machine = Machine::stopping().await;
        machine.shop.fail("start", 2);
        drop(machine.run().await);
        let (desk, now) = (&machine.office.desk, machine.clock.now());
        alarms::refresh(desk, now).await.expect("alarms");
        let ended = killed_after(waits, tend::refresh(desk, now)).await;
        kills += usize::from(ended.is_none());
        beat(desk, now).await;
        let incident = only(desk).await;
        assert_eq!(codes(&incident), ["service-stopped"; 2], "after {waits} waits");
        let opened = incident.entries.iter().filter(|entry| entry.kind == "opened").count();
        let told = incident.entries.iter().filter(|entry| entry.kind == "notice").count();
        assert_eq!((opened, told, incident.entries.len()), (1, 1, 4), "after {waits} waits");
        check_audit::verify(&desk.catalog, None).await.expect("the log holds");
        if ended.is_some() {
            assert!(kills >= 5, "{kills} kills");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn a_person_opens_an_incident_and_users_read_it_until_it_is_mended() {
    let office = Office::light().await;
    let (desk, found) = (&office.desk, at("2026-11-23", "9:00"));
    let new = New {
        content: "ポータルに接続できません。".to_owned(),
        place: Some("ヘルプデスクへの電話".to_owned()),
        scope: None,
        found_at: None,
        occurred_at: Some(at("2026-11-23", "8:50")),
        services: vec!["ポータル".to_owned()],
        concern: Concern::None,
        is_another: false,
    };
    for nobody in [&office.doctor, &office.manager] {
        let denied = people::open(desk, &new, nobody, found).await;
        assert!(matches!(denied, Err(DeskError::Access(_))), "{denied:?}");
    }
    let id = people::open(desk, &new, &office.operator, found).await.expect("open");
    assert_eq!(id, "I-2026-0001");
    let board =
        async || notices::board(desk, at("2026-11-23", "12:00"), 10).await.expect("the board").notices;
    let shown = board().await;
    assert_eq!(
        (shown.len(), shown[0].row.kind.word(), shown[0].row.status.word()),
        (1, "incident", "in_progress")
    );
    assert_eq!((shown[0].services.as_slice(), shown[0].row.stops), (&["ポータル".to_owned()][..], true));
    let closing = notices::close(desk, &shown[0].row.notice, &office.operator, found).await;
    assert!(matches!(closing, Err(DeskError::OfIncident(_))), "{closing:?}");
    act(&office, &id, Doing::Confirm, "2026-11-23 9:10").await.expect("confirmed");
    act(&office, &id, Doing::Expect(Some(at("2026-11-23", "15:00"))), "2026-11-23 9:20").await.expect("said");
    let lines = incidents::help_desk(desk, at("2026-11-23", "9:30")).await.expect("lines");
    assert!(lines[0].1.contains("復旧予定：令和8年11月23日（月）15:00"), "{lines:?}");
    let text = Doing::TellUsers(Vec::new(), Some("電話でお問い合わせください。".to_owned()));
    act(&office, &id, text, "2026-11-23 9:40").await.expect("told");
    act(&office, &id, Doing::Recover { at: None, measures: None }, "2026-11-23 14:00").await.expect("mended");
    let shown = board().await;
    assert_eq!((shown.len(), shown[0].row.status.word(), shown[0].row.revision), (1, "completed", 5));
    assert!(shown[0].row.words.title.starts_with("【復旧】"), "{}", shown[0].row.words.title);
    assert!(
        shown[0].row.words.body.contains("備考：電話でお問い合わせください。"),
        "{}",
        shown[0].row.words.body
    );
    assert!(lines.len() == 1 && !shown[0].row.words.body.contains("接続できません"));
    // Feeds and corrections know a notice without a window.
    notices::correct(
        desk,
        &shown[0].row.notice,
        "時刻の訂正です。",
        &office.operator,
        at("2026-11-23", "15:00"),
    )
    .await
    .expect("corrected");
}

fn noticed(content: &str, services: &[&str]) -> New {
    New {
        content: content.to_owned(),
        place: None,
        scope: None,
        found_at: None,
        occurred_at: None,
        services: services.iter().map(|&name| name.to_owned()).collect(),
        concern: Concern::None,
        is_another: false,
    }
}

#[tokio::test]
async fn a_second_incident_about_the_same_service_or_plan_is_opened_only_if_somebody_says_that_it_is_another()
{
    let mut office = Office::light().await;
    office.desk.contents.insert("records".to_owned(), "kura plan 1\n".to_owned());
    let now = at("2026-11-23", "9:00");
    let open = async |new: &New| people::open(&office.desk, new, &office.operator, now).await;
    let first = open(&noticed("つながりません。", &["ポータル"])).await.expect("open");
    let plan = open(&noticed("計画 records を復元できません。", &[])).await.expect("another thing");
    for (new, of, about) in [
        (noticed("画面が出ません。", &["ポータル"]), &first, "ポータル"),
        (noticed("ポータルが遅いようです。", &[]), &first, "ポータル"),
        (noticed("recordsの一覧が空です。", &[]), &plan, "records"),
    ] {
        match open(&new).await {
            Err(DeskError::Alike { incident, about: said }) => {
                assert_eq!((&incident, said.as_str()), (of, about), "{new:?}");
            }
            other => panic!("{new:?}: {other:?}"),
        }
    }
    let another = New { is_another: true, ..noticed("画面が出ません。", &["ポータル"]) };
    open(&another).await.expect("somebody says so");
    open(&noticed("サーバー室が停電しました。", &[])).await.expect("about nothing that is open");
    for doing in [Doing::Confirm, Doing::Recover { at: None, measures: None }, Doing::Report] {
        act(&office, &plan, doing, "2026-11-23 10:00").await.expect("a step");
    }
    act(
        &office,
        &plan,
        Doing::Close {
            no_action: Some("誤操作".to_owned()), incomplete: Some("誤操作のため".to_owned())
        },
        "2026-11-23 10:00",
    )
    .await
    .expect("closed");
    open(&noticed("recordsの一覧が空です。", &[])).await.expect("the one before is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_persons_who_open_the_same_incident_at_once_one_opens_it_and_users_are_told_once() {
    let office = Office::light().await;
    let mut opening = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (desk, by) = (office.desk.clone(), office.operator.clone());
        opening.spawn(async move {
            let new = noticed(&format!("x {number}"), &["ポータル"]);
            people::open(&desk, &new, &by, at("2026-11-23", "9:00")).await
        });
    }
    let (mut opened, mut refused) = (0, 0);
    while let Some(one) = opening.join_next().await {
        match one.expect("it ends") {
            Ok(_) => opened += 1,
            Err(DeskError::Alike { incident, .. }) => {
                assert_eq!(incident, "I-2026-0001");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((opened, refused, all(&office.desk).await.len()), (1, 7, 1));
    assert_eq!(office.notices().await.len(), 1, "one notice");
}

/// The report as it is printed at a time of a day.
fn printed(office: &Office, incident: &Incident, time: &str) -> String {
    incident_report::page(incident, &office.desk, at("2026-11-23", time)).html()
}

#[tokio::test]
async fn what_is_printed_under_a_version_is_what_was_issued_under_it() {
    let office = Office::light().await;
    let new = New {
        place: Some("ヘルプデスク".to_owned()),
        scope: Some("予約".to_owned()),
        concern: Concern::Possible,
        ..noticed("つながりません。", &[])
    };
    let id =
        people::open(&office.desk, &new, &office.operator, at("2026-11-23", "9:00")).await.expect("open");
    let does = async |doing: Doing, time: &str| act(&office, &id, doing, &format!("2026-11-23 {time}")).await;
    let field = |field, text: &str| Doing::Field(field, text.to_owned());
    does(Doing::Confirm, "9:10").await.expect("confirmed");
    let open = does(field(IncidentField::Cause, "回線の故障"), "9:11").await.expect("written");
    assert!(printed(&office, &open, "9:12").contains("第1版（案）"), "nothing is issued yet");
    does(Doing::Recover { at: None, measures: Some("切替え".to_owned()) }, "10:00").await.expect("mended");
    let first = does(Doing::Report, "10:10").await.expect("reported");
    let page = printed(&office, &first, "10:10");
    assert!(page.contains("第1版") && !page.contains("案】") && !page.contains("（案）"), "{page}");
    assert_eq!(printed(&office, &first, "23:00"), page, "the same whenever it is printed");
    // What comes after it makes it another page, which says so.
    let told = Doing::Told(at("2026-11-23", "10:20"), "文書 12号".to_owned());
    let due = "2026-12-31".parse().unwrap();
    let action = Doing::Action("二重にする".to_owned(), "システム管理者".to_owned(), due);
    for (doing, words) in [(told, "控え：文書 12号"), (action, "二重にする")] {
        let after = does(doing, "10:30").await.expect("done");
        let page = printed(&office, &after, "10:30");
        for part in ["【案】", "第2版（案）", words] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
    does(Doing::Report, "10:40").await.expect("reported again");
    does(Doing::Note("利用者から電話".to_owned()), "10:50").await.expect("noted");
    let closed = does(Doing::Close { no_action: None, incomplete: None }, "11:00").await.expect("closed");
    assert_eq!((closed.row.reports, closed.row.reported_at), (3, closed.row.closed_at), "the last version");
    let page = printed(&office, &closed, "11:00");
    for part in ["第3版", "利用者から電話", "最終版（第3版）を発行しました。"] {
        assert!(page.contains(part) && !page.contains("（案）"), "{part} in {page}");
    }
    // A mail that arrives later is noted, and stands in no version.
    let mut tx = office.desk.catalog.begin().await.expect("a transaction");
    let late = EntryRow {
        number: 0,
        at: at("2026-11-23", "11:05"),
        actor: "kura".to_owned(),
        kind: "contact".to_owned(),
        reference: "mail/late".to_owned(),
        japanese: "e-mail で連絡しました".to_owned(),
        english: "Told by e-mail".to_owned(),
    };
    assert!(tx.add_incident_entry(&id, &late).await.expect("written"));
    let entry = AuditEntry {
        at: late.at,
        actor: late.actor.clone(),
        act: "incident.mail".to_owned(),
        subject: id.clone(),
        detail: String::new(),
    };
    tx.commit(&[entry]).await.expect("committed");
    let later = incidents::look(&office.desk, &id).await.expect("there");
    assert_eq!(later.entries.len(), closed.entries.len() + 1);
    assert_eq!(printed(&office, &later, "12:00"), page, "closed: the version that was issued last");
}

#[tokio::test]
async fn a_report_that_says_everything_is_the_last_one_and_what_is_missing_is_named_at_closing() {
    let mut office = Office::light().await;
    office.desk.incidents.contacts = vec![contact("night-1", Group::Administrator, None)];
    let now = at("2026-11-23", "9:00");
    let id = people::open(&office.desk, &noticed("遅い。", &[]), &office.operator, now).await.expect("open");
    let does = async |doing: Doing| act(&office, &id, doing, "2026-11-23 10:00").await;
    let due = "2026-12-31".parse().unwrap();
    for doing in [
        Doing::Confirm,
        Doing::Recover { at: None, measures: None },
        Doing::Action("増やす".to_owned(), "システム管理者".to_owned(), due),
        Doing::Report,
    ] {
        does(doing).await.expect("a step");
    }
    let close = |incomplete: Option<&str>| Doing::Close {
        no_action: None,
        incomplete: incomplete.map(str::to_owned),
    };
    let before = whole(&office.desk).await;
    match does(close(None)).await {
        Err(DeskError::Incident(NotAllowed::Incomplete(lacking))) => {
            use IncidentField::{Cause, Measures, Place, Scope};
            assert_eq!(lacking.fields, [Place, Scope, Cause, Measures]);
            assert_eq!(lacking.contacts, ["night-1"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(does(close(Some(""))).await, Err(DeskError::Reason(_))), "a reason is a text");
    assert_eq!(whole(&office.desk).await, before, "nothing was written");
    for field in [IncidentField::Place, IncidentField::Scope, IncidentField::Cause, IncidentField::Measures] {
        does(Doing::Field(field, "記入".to_owned())).await.expect("written");
    }
    assert!(matches!(does(close(None)).await, Err(DeskError::Incident(NotAllowed::Incomplete(_)))), "untold");
    does(Doing::Contact("night-1".to_owned(), Way::Phone)).await.expect("told");
    does(Doing::Report).await.expect("reported again");
    let closed = does(close(None)).await.expect("closed");
    assert_eq!(closed.row.reports, 2, "nothing came after the second version");
    let page = printed(&office, &closed, "12:00");
    assert!(page.contains("第2版") && !page.contains("対応を完了しました"), "as it was issued: {page}");

    let id =
        people::open(&office.desk, &noticed("別の件。", &[]), &office.operator, now).await.expect("open");
    let does = async |doing: Doing| act(&office, &id, doing, "2026-11-23 10:00").await;
    for doing in [
        Doing::Confirm,
        Doing::Recover { at: None, measures: None },
        Doing::Action("増やす".to_owned(), "システム管理者".to_owned(), due),
        Doing::Report,
    ] {
        does(doing).await.expect("a step");
    }
    let closed = does(close(Some("誤報のため"))).await.expect("closed with a reason");
    assert_eq!(closed.row.reports, 2, "the reason stands in the last version");
    let page = printed(&office, &closed, "12:00");
    for part in ["未記入の欄：発見箇所、影響範囲、原因、処置。未連絡：night-1。その理由：誤報のため", "第2版"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn times_that_cannot_be_are_refused_each_with_its_own_words() {
    let office = Office::light().await;
    let (desk, now) = (&office.desk, at("2026-11-23", "12:00"));
    let late = New {
        found_at: Some(at("2026-11-23", "9:00")),
        occurred_at: Some(at("2026-11-23", "10:00")),
        ..noticed("つながりません。", &[])
    };
    let refused = people::open(desk, &late, &office.operator, now).await.expect_err("found before it began");
    assert!(refused.to_string().contains("lies after the incident was found"), "{refused}");
    let id =
        people::open(desk, &New { occurred_at: None, ..late }, &office.operator, now).await.expect("open");
    let day = |text: &str| text.parse().unwrap();
    let told = |time| Doing::Told(at("2026-11-23", time), "文書 12号".to_owned());
    let due = |text| Doing::Action("二重にする".to_owned(), "システム管理者".to_owned(), day(text));
    let recover = |time| Doing::Recover { at: Some(at("2026-11-23", time)), measures: None };
    act(&office, &id, Doing::Confirm, "2026-11-23 12:00").await.expect("confirmed");
    for (doing, words) in [
        (told("8:59"), "the time of telling lies before the incident was found"),
        (told("12:01"), "the time of telling lies in the future"),
        (Doing::Occurred(at("2026-11-23", "9:01")), "lies after the incident was found"),
        (recover("8:59"), "the time of recovery lies before the incident was found"),
        (Doing::Expect(Some(at("2026-11-23", "11:00"))), "recovery is expected does not lie ahead"),
        (due("2026-11-22"), "2026-11-22, is over"),
        (Doing::ActionDone(7), "there is no action with number 7"),
    ] {
        let said =
            act(&office, &id, doing.clone(), "2026-11-23 12:00").await.expect_err("refused").to_string();
        assert!(said.contains(words), "{doing:?}: {said}");
    }
    act(&office, &id, due("2026-11-23"), "2026-11-23 12:00").await.expect("today");
    act(&office, &id, Doing::ActionDone(1), "2026-11-23 12:00").await.expect("done");
    let twice = act(&office, &id, Doing::ActionDone(1), "2026-11-23 12:00").await;
    assert!(matches!(twice, Err(DeskError::Incident(NotAllowed::DoneAlready(1)))), "{twice:?}");
    act(&office, &id, recover("11:00"), "2026-11-23 12:00").await.expect("mended");
    let expected = act(&office, &id, Doing::Expect(None), "2026-11-23 12:00").await;
    assert!(matches!(expected, Err(DeskError::Incident(NotAllowed::Mended))), "{expected:?}");
    act(&office, &id, Doing::Report, "2026-11-23 12:00").await.expect("reported");
    let excused = Doing::Close { no_action: None, incomplete: Some("訓練のため".to_owned()) };
    act(&office, &id, excused, "2026-11-23 12:00").await.expect("closed");
    let note = act(&office, &id, Doing::Note("追記".to_owned()), "2026-11-23 12:00").await;
    assert!(matches!(note, Err(DeskError::Incident(NotAllowed::Closed))), "{note:?}");
}

#[tokio::test]
async fn data_of_persons_start_the_clock_and_keep_the_incident_open_until_who_entrusted_them_knows() {
    let office = Office::light().await;
    let new = New {
        content: "記録の一部を読み取れません。".to_owned(),
        place: None,
        scope: None,
        found_at: None,
        occurred_at: None,
        services: Vec::new(),
        concern: Concern::Possible,
        is_another: false,
    };
    let id = people::open(&office.desk, &new, &office.admin, at("2026-11-23", "9:00")).await.expect("open");
    let timers = only(&office.desk).await.timers.expect("timers");
    let days = [timers.first_from, timers.first_by, timers.second_by].map(|day| day.to_string());
    assert_eq!(days, ["2026-11-26", "2026-11-28", "2026-12-23"]);
    for doing in [Doing::Confirm, Doing::Recover { at: None, measures: None }, Doing::Report] {
        act(&office, &id, doing, "2026-11-23 10:00").await.expect("a step");
    }
    let close = Doing::Close {
        no_action: Some("一時的な障害のため".to_owned()),
        incomplete: Some("調査の結果は別に報告する".to_owned()),
    };
    let untold = act(&office, &id, close.clone(), "2026-11-24 9:00").await;
    assert!(matches!(untold, Err(DeskError::Incident(NotAllowed::NotTold))), "{untold:?}");
    let future = Doing::Told(at("2026-11-25", "9:00"), "文書 12号".to_owned());
    assert!(act(&office, &id, future, "2026-11-24 9:00").await.is_err(), "not yet");
    let told = Doing::Told(at("2026-11-24", "8:00"), "文書 12号".to_owned());
    let incident = act(&office, &id, told, "2026-11-24 9:00").await.expect("told");
    let page = incident_report::page(&incident, &office.desk, at("2026-11-24", "9:00")).html();
    for item in ["本人の数", "二次被害", "公表の実施状況", "控え：文書 12号", "令和8年11月28日"]
    {
        assert!(page.contains(item), "{item}");
    }
    act(&office, &id, close, "2026-11-24 9:05").await.expect("closed");
}

fn contact(id: &str, group: Group, mail: Option<&str>) -> Contact {
    let phone = Some("052-000-0000".to_owned());
    Contact {
        id: id.to_owned(),
        group,
        name: "田中".to_owned(),
        phone,
        fax: None,
        mail: mail.map(str::to_owned),
    }
}

/// The subject of a letter: what is encoded of it.
fn subject(letter: &Received) -> String {
    let subject = letter.header("Subject").expect("a subject");
    let words = subject.split("=?utf-8?b?").filter_map(|rest| Some(rest.split_once("?=")?.0));
    let bytes = words.map(|word| base64::engine::general_purpose::STANDARD.decode(word).expect("base64"));
    String::from_utf8(bytes.collect::<Vec<_>>().concat()).expect("UTF-8")
}

#[tokio::test]
async fn those_of_the_contact_tree_are_told_once_by_mail_and_ticked_by_phone() {
    let mut machine = Machine::stopping().await;
    machine.office.desk.incidents.contacts = vec![
        contact("office-1", Group::ServiceOperator, Some("office@ishikai.example")),
        contact("night-1", Group::Administrator, Some("night@ops.example")),
        contact("clinic-1", Group::Facility, None),
    ];
    let server = MailServer::new(&[451, 250]).await;
    let mail = MailSettings {
        name: "office".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(server.port),
        tls: MailTls::NoneOnLoopback,
        from: "notices@hachimaru.example".to_owned(),
        to: vec!["everybody@hachimaru.example".to_owned()],
        user: None,
        password_file: None,
    };
    machine.office.desk.incidents.server = Some(mail);
    machine.shop.fail("start", 9);
    drop(machine.run().await);
    let desk = &machine.office.desk;
    beat(desk, machine.clock.now()).await;
    let deliver = async || incidents::mails::deliver(desk, &*machine.clock).await.expect("delivered");
    assert_eq!((deliver().await, deliver().await), (0, 0), "refused, and not again at once");
    machine.clock.set(machine.clock.now().plus_minutes(2));
    assert_eq!((deliver().await, deliver().await), (1, 0));
    let letters = server.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        letters[0].to,
        ["night@ops.example"],
        "the administrator at once, others when it is confirmed"
    );
    assert_eq!(
        letters[0].header("Message-ID").as_deref(),
        Some("<I-2027-0001.detected.night-1@hachimaru.example>")
    );
    let id = only(desk).await.row.incident;
    act(&machine.office, &id, Doing::Confirm, "2027-01-03 3:00").await.expect("confirmed");
    act(&machine.office, &id, Doing::Begin, "2027-01-03 3:00").await.expect("and begun at once");
    machine.clock.set(at("2027-01-03", "3:01"));
    assert_eq!(deliver().await, 2, "the association, and the administrator again");
    for letter in server.letters().iter().skip(1) {
        let subject = subject(letter);
        assert!(subject.contains("（確認済み）"), "each tells of its own step: {subject}");
    }
    let call = Doing::Contact("clinic-1".to_owned(), Way::Phone);
    let incident = act(&machine.office, &id, call.clone(), "2027-01-03 3:05").await.expect("ticked");
    let again = act(&machine.office, &id, call, "2027-01-03 3:06").await;
    assert!(matches!(again, Err(DeskError::Incident(NotAllowed::ToldAlready))), "once: {again:?}");
    let by_fax =
        act(&machine.office, &id, Doing::Contact("clinic-1".into(), Way::Fax), "2027-01-03 3:06").await;
    assert!(matches!(by_fax, Err(DeskError::Incident(NotAllowed::NoWay))), "{by_fax:?}");
    let list: Vec<(&str, bool, usize)> =
        incident.checklist.iter().map(|one| (one.contact.id.as_str(), one.is_due, one.ticks.len())).collect();
    assert_eq!(list, [("night-1", true, 1), ("office-1", true, 1), ("clinic-1", true, 1)]);
    assert!(incident.call(desk, machine.clock.now()).contains("障害番号 I-2027-0001"));
    // Names, numbers and addresses stand in no row and no line of the log.
    let mut kept = format!("{:?}{:?}", incident.entries, incident.row);
    for line in desk.catalog.audit_newest(500).await.expect("the log") {
        kept.push_str(&format!("{line:?}"));
    }
    for personal in ["田中", "052-", "@ops.example", "@ishikai"] {
        assert!(!kept.contains(personal), "{personal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_object_is_one_incident_that_starts_the_clock_of_personal_data() {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.records();
    write(&kura.source().join("a"), vec![1; 100_000], "2031-03-03");
    kura.snapshot(&plan).await.unwrap();
    let pack = objects(&kura).into_iter().find(|key| key.contains("/packs/")).expect("a pack");
    let pack = kura.store().join(pack);
    let bytes = std::fs::read(&pack).unwrap();
    std::fs::remove_file(&pack).unwrap();
    let catalog = Catalog::open(&kura.home().catalog_file()).await.unwrap();
    let desk = Desk::new(catalog.clone(), [("test".to_owned(), "plan".to_owned())].into(), None);
    let prove = async || {
        let viewer = Arc::new(Viewer::of_host(Host::open(kura.home(), None).await.unwrap()));
        let plans = [plan.clone()];
        coverage::prove(viewer, &catalog, (&plans, None), &kura.clock, &Arc::new(Progress::default()))
            .await
            .unwrap()
    };
    assert!(!prove().await.is_whole());
    beat(&desk, kura.clock.now()).await;
    let incident = only(&desk).await;
    assert_eq!(
        (incident.row.cause.kind.word(), incident.row.cause.subject.as_str()),
        ("stored-data", "test")
    );
    assert_eq!((incident.row.concern, incident.timers.is_some()), (Concern::Possible, true));
    // A copy of it is put back: the next proof says so, the alarm is over.
    kura.set_day("2031-03-04");
    std::fs::write(&pack, bytes).unwrap();
    assert!(prove().await.is_whole());
    beat(&desk, kura.clock.now()).await;
    let mended = only(&desk).await;
    assert_eq!(
        (mended.lasting(), mended.row.state),
        (0, IncidentState::Detected),
        "a person says that it is over"
    );
    assert!(tokyo().name() == "Asia/Tokyo" && mended.entries.iter().any(|entry| entry.kind == "alarm"));
}
