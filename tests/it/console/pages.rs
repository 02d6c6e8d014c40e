//! What the pages show and do: the first account, second factors, a window from the form to the printed approval.

use kura::catalog::CoverageRow;
use kura::domain::alarm::{Alarm, AlarmCode};
use kura::domain::audit::AuditEntry;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::role::Role;
use kura::domain::window::WindowKind;
use kura::workflows::{schedule, windows};
use totp_rs::{Builder, Secret, Totp};

use super::{PASSWORD, Site, Visitor};
use crate::windows::{at, terms};

/// A code for a secret as people type it.
fn code(base32: &str, seconds: i64) -> String {
    let mut bits = 0_u32;
    let (mut held, mut bytes) = (0, Vec::new());
    for letter in base32.bytes() {
        let value =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|one| *one == letter).expect("base 32");
        bits = (bits << 5) | u32::try_from(value).expect("5 bits");
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).expect("a byte"));
        }
    }
    let secret = Secret::from(<[u8; 20]>::try_from(bytes.as_slice()).expect("20 bytes"));
    let totp: Totp = Builder::new().with_secret(secret).build().expect("a generator");
    totp.generate(u64::try_from(seconds).expect("after 1970")).to_string()
}

/// What stands between two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    text.split(begin)
        .nth(1)
        .and_then(|rest| rest.split(end).next())
        .unwrap_or_else(|| panic!("no {begin}: {text}"))
}

#[tokio::test]
async fn the_link_for_the_first_account_counts_once_and_for_an_hour() {
    let site = Site::new(None).await;
    let mut visitor = site.nobody();
    let refused = visitor.get("/console/setup").await;
    assert!(refused.status == 403 && refused.body.contains("kura serve を起動し直す"), "{}", refused.body);
    let old = site.service.set_up_link().await.unwrap().expect("a link");
    let link = site.service.set_up_link().await.unwrap().expect("a link");
    let path = link.strip_prefix(&format!("http://{}", site.address)).expect("our address");
    let old = old.strip_prefix(&format!("http://{}", site.address)).expect("our address");
    assert_eq!(visitor.get(old).await.status, 403, "a new link takes the place of the last");
    assert_eq!(visitor.get(path).await.status, 200);
    let key = between(path, "key=", "&");
    let form = |id: &'static str, role: &'static str, password: &'static str, again: &'static str| {
        [("key", key), ("account", id), ("role", role), ("password", password), ("again", again)]
    };
    for (fields, words) in [
        (form("short", "service_operator", PASSWORD, PASSWORD), "10桁以上64桁以内の英数字"),
        (form("ishikai0001", "auditor", PASSWORD, PASSWORD), "最初のアカウントの役割"),
        (form("ishikai0001", "service_operator", PASSWORD, "x"), "一致しません"),
        (form("ishikai0001", "service_operator", "abc", "abc"), "8桁以上にしてください（別紙1）"),
        (form("ishikai0001", "service_operator", "longEnoughWords", "longEnoughWords"), "数字を1つ以上"),
    ] {
        let answer = visitor.post("/console/setup", &fields).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{words}: {}", answer.body);
    }
    // Full-width letters and digits are what a Japanese keyboard writes.
    let good = form("ｉｓｈｉｋａｉ０００１", "service_operator", PASSWORD, PASSWORD);
    let made = visitor.post("/console/setup", &good).await;
    assert!(made.status == 200 && made.body.contains("ishikai0001"), "{}", made.body);
    assert_eq!(visitor.get(path).await.status, 403, "it was used");
    assert_eq!(visitor.post("/console/setup", &good).await.status, 403);
    assert!(site.service.set_up_link().await.unwrap().is_none(), "there is an account");
    site.visitor("ishikai0001").await;

    let late = Site::new(None).await;
    let link = late.service.set_up_link().await.unwrap().expect("a link");
    let path = link.strip_prefix(&format!("http://{}", late.address)).expect("our address").to_owned();
    late.clock.set(late.now().plus_minutes(60));
    assert_eq!(late.nobody().get(&path).await.status, 403, "an hour is over");
}

async fn with_factor(site: &Site, visitor: &mut Visitor) -> String {
    let begun = visitor.post("/console/own/factor", &[("password", PASSWORD)]).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    let page = visitor.get("/console/own/factor").await.body;
    assert!(page.contains("<svg class=\"qr\"") && !page.contains(" style="), "{page}");
    let secret = between(&page, "この文字を入力してください：<code>", "</code>").to_owned();
    let wrong =
        visitor.post("/console/own/factor/confirm", &[("password", PASSWORD), ("code", "000000")]).await;
    assert!(wrong.status == 422 && wrong.body.contains(&secret), "the picture is still there");
    let right = code(&secret, site.now().as_seconds());
    let done = visitor.post("/console/own/factor/confirm", &[("password", PASSWORD), ("code", &right)]).await;
    assert!(done.status == 200 && done.body.matches("<li><code>").count() == 10, "{}", done.body);
    assert_eq!(visitor.get("/console").await.status, 200);
    secret
}

#[tokio::test]
async fn a_second_factor_is_asked_for_in_a_second_step() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator]).await;
    let mut visitor = site.visitor("person0000").await;
    let other = site.visitor("person0000").await;
    let secret = with_factor(&site, &mut visitor).await;
    assert_eq!(other.clone().get("/console").await.status, 401, "sessions without it have ended");

    let mut again = site.nobody();
    let form = [("account", "person0000"), ("password", PASSWORD), ("next", "/console/runs")];
    let first = again.post("/console/login", &form).await;
    assert_eq!(first.header("location"), Some("/console/login/code?next=%2Fconsole%2Fruns"));
    assert_eq!(again.get("/console").await.status, 401, "half a proof is none");
    let used = code(&secret, site.now().as_seconds());
    let refused = again.post("/console/login/code", &[("code", &used)]).await;
    assert!(refused.status == 422 && refused.body.contains("すでに使用されています"), "{}", refused.body);
    site.clock.set(site.now().plus_minutes(1));
    let half = again.cookies["kura-session"].clone();
    let fresh = code(&secret, site.now().as_seconds());
    let wide: String =
        fresh.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).expect("full width")).collect();
    let done = again.post("/console/login/code", &[("code", &wide), ("next", "/console/runs")]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/console/runs")), "{}", done.body);
    assert_ne!(again.cookies["kura-session"], half, "a new id when everything is proved");
    assert_eq!(again.get("/console/runs").await.status, 200);

    let mut slow = site.nobody();
    slow.post("/console/login", &form).await;
    site.clock.set(site.now().plus_minutes(6));
    assert_eq!(slow.get("/console/login/code").await.status, 401, "five minutes for the code");
}

#[tokio::test]
async fn a_password_of_somebody_else_is_changed_before_anything() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator]).await;
    let mut admin = site.visitor("person0000").await;
    let first = "first-Word7forYou!";
    let fields =
        [("account", "ｎｅｗｃｏｍｅｒ01"), ("role", "auditor"), ("password", first), ("again", first)];
    assert_eq!(admin.post("/console/accounts/new", &fields).await.status, 303);
    let decider =
        [("account", "doctor00001"), ("role", "service_operator"), ("password", first), ("again", first)];
    assert_eq!(admin.post("/console/accounts/new", &decider).await.status, 303, "while it is set up");
    let second =
        [("account", "doctor00002"), ("role", "service_operator"), ("password", first), ("again", first)];
    assert_eq!(admin.post("/console/accounts/new", &second).await.status, 403, "afterwards only deciders do");
    let mut newcomer = site.nobody();
    let answer = newcomer.post("/console/login", &[("account", "newcomer01"), ("password", first)]).await;
    assert_eq!(answer.status, 303);
    for path in ["/console", "/console/audit", "/console/own/tokens"] {
        let answer = newcomer.get(path).await;
        assert_eq!(answer.header("location"), Some("/console/own/password"), "{path}");
    }
    let same = newcomer
        .post("/console/own/password", &[("password", first), ("new", first), ("again", first)])
        .await;
    assert!(same.status == 422 && same.body.contains("以前に使用したパスワード"), "{}", same.body);
    let change = [("password", first), ("new", PASSWORD), ("again", PASSWORD)];
    assert_eq!(newcomer.post("/console/own/password", &change).await.header("location"), Some("/console"));
    assert_eq!(newcomer.get("/console").await.status, 200);
    let made =
        newcomer.post("/console/own/tokens", &[("label", "見本"), ("days", "３０"), ("read", "1")]).await;
    assert!(made.status == 200 && made.body.contains("今しか表示されません"), "{}", made.body);
}

#[tokio::test]
async fn a_window_goes_from_the_form_to_the_printed_approval() {
    let site = Site::with(None, "\n[[service]]\nname = \"ポータル\"\nmanual = true\n").await;
    site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    let (mut admin, mut doctor) = (site.visitor("person0000").await, site.visitor("person0001").await);
    let fields = [
        ("kind", "monthly"),
        ("plan", "records"),
        ("monthly", "first sunday"),
        ("start", "０１：００"),
        ("hours", "４：００"),
        ("stops", "ポータル"),
        ("first_day", "令和８年１２月１日"),
    ];
    let bad = admin.post("/console/windows/new", &[("kind", "daily"), ("start", "夜"), ("stops", "x")]).await;
    assert_eq!(bad.status, 422);
    assert!(
        bad.body.contains("href=\"#start\"") && bad.body.contains("aria-invalid=\"true\""),
        "{}",
        bad.body
    );
    let check = admin.post("/console/windows/new", &fields).await;
    assert!(check.status == 200 && check.body.contains("14日後以降"), "{}", check.body);
    assert!(check.body.contains("令和9年1月3日（日）1:00～5:00"), "{}", check.body);
    let asked = admin.post("/console/windows", &fields).await;
    assert_eq!(asked.header("location"), Some("/console/windows/w-0001"), "{}", asked.body);

    let home = doctor.get("/console").await.body;
    assert!(home.contains("承認をお待ちしています：毎月のデータ・バックアップ"), "{home}");
    let sheet = doctor.get("/console/windows/w-0001").await.body;
    for words in
        ["停止します：ポータル", "初めての申請です", "本日（令和8年11月22日（日））承認すると", "第1日曜日"]
    {
        assert!(sheet.contains(words), "{words}: {sheet}");
    }
    let seen = between(&sheet, "/console/windows/w-0001/approve?seen=", "\"");
    let confirm = doctor.get(&format!("/console/windows/w-0001/approve?seen={seen}")).await.body;
    assert!(confirm.contains("よろしいですか"), "{confirm}");
    let done = doctor.post("/console/windows/w-0001/approve", &[("seen", seen)]).await;
    assert_eq!(done.header("location"), Some("/console/windows/w-0001/approval"));
    let record = doctor.get("/console/windows/w-0001/approval").await.body;
    assert!(record.contains("BW-2026-001") && record.contains("押印欄"), "{record}");
    let english = doctor.get("/console/windows/w-0001/approval?lang=en").await.body;
    assert!(english.contains("Approved. Number: ") && !english.contains("押印欄"), "{english}");
    for path in [
        "/console/calendar?month=2027-01&lang=ja",
        "/console/notices",
        "/console/occurrences/w-0001-2027-01-03",
    ] {
        let page = doctor.get(path).await;
        assert!(
            page.status == 200 && page.body.contains("予") || page.body.contains("周知済み"),
            "{path}: {}",
            page.body
        );
    }
    let log = doctor.post("/console/audit/verify", &[]).await;
    assert!(log.status == 200 && log.body.contains("すべての行が連続しています"), "{}", log.body);
    changed_and_returned(&mut admin, &mut doctor, &fields).await;
}

/// The approved window is changed by another request that is filled with its terms; its notices say so.
async fn moved(admin: &mut Visitor, doctor: &mut Visitor) {
    let page = admin.get("/console/windows/w-0001").await.body;
    assert!(
        page.contains("/console/windows/new?replaces=w-0001") && page.contains("この時間帯を変更する"),
        "{page}"
    );
    assert!(!doctor.get("/console/windows/w-0001").await.body.contains("この時間帯を変更する"));
    let form = admin.get("/console/windows/new?replaces=w-0001").await.body;
    for words in [
        "name=\"replaces\" value=\"w-0001\"",
        "name=\"kind\" value=\"monthly\"",
        "value=\"first sunday\" selected",
        "value=\"01:00\"",
        "value=\"4:00\"",
        ">ポータル</textarea>",
    ] {
        assert!(form.contains(words), "{words}: {form}");
    }
    assert_eq!(admin.get("/console/windows/new?replaces=w-0009").await.status, 404);
    let fields = [
        ("kind", "monthly"),
        ("plan", "records"),
        ("monthly", "second sunday"),
        ("start", "2:00"),
        ("hours", "4:00"),
        ("stops", "ポータル"),
        ("first_day", "2026-12-01"),
        ("replaces", "w-0001"),
    ];
    let check = admin.post("/console/windows/new", &fields).await;
    assert!(check.status == 200 && check.body.contains("変更する時間帯"), "{}", check.body);
    assert!(!check.body.contains("時間が重なっています"), "not with what it replaces: {}", check.body);
    assert!(
        check.body.contains("新しい時間帯の最初の実施までは、バックアップがありません"),
        "{}",
        check.body
    );
    let daily = fields.map(|(name, value)| (name, if name == "kind" { "maintenance" } else { value }));
    assert_eq!(admin.post("/console/windows", &daily).await.status, 404, "of the same kind only");
    let asked = admin.post("/console/windows", &fields).await;
    let new = asked.header("location").expect("a place").to_owned();
    let sheet = doctor.get(&new).await.body;
    assert!(sheet.contains("まだ始まっていない回もすべて中止になります"), "{sheet}");
    assert!(doctor.get("/console/windows/w-0001").await.body.contains("変更の申請"));
    let seen = between(&sheet, "/approve?seen=", "\"");
    assert_eq!(doctor.post(&format!("{new}/approve"), &[("seen", seen)]).await.status, 303);
    let old = doctor.get("/console/windows/w-0001").await.body;
    assert!(old.contains("取下げ") && !old.contains("この時間帯を変更する"), "{old}");
    let notices = doctor.get("/notices").await.body;
    assert!(notices.contains("変更後は「毎月第2日曜日 2:00～6:00」です"), "{notices}");
}

/// Another request is compared with what was approved, and returned; the approved one is withdrawn.
async fn changed_and_returned(admin: &mut Visitor, doctor: &mut Visitor, fields: &[(&str, &str); 7]) {
    let again = admin
        .post("/console/windows", &fields.map(|(n, v)| (n, if n == "hours" { "5:00" } else { v })))
        .await;
    assert_eq!(again.header("location"), Some("/console/windows/w-0002"));
    let sheet = doctor.get("/console/windows/w-0002").await.body;
    assert!(sheet.contains("4時間 → <strong>5時間</strong>"), "前回からの変更点: {sheet}");
    assert!(
        sheet.contains("時間が重なっています：</p>") || sheet.contains("⚠ 時間が重なっています：w-0001"),
        "{sheet}"
    );
    let empty = doctor.post("/console/windows/w-0002/return", &[("reason", " ")]).await;
    assert!(empty.status == 422 && empty.body.contains("理由を1行で"), "{}", empty.body);
    assert_eq!(doctor.post("/console/windows/w-0002/return", &[("reason", "長すぎます")]).await.status, 303);
    assert!(admin.get("/console/windows/w-0002").await.body.contains("差戻しの理由：長すぎます"));
    moved(admin, doctor).await;
    let gone = admin.post("/console/windows/w-0003/withdraw", &[("reason", "延期")]).await;
    assert_eq!(gone.status, 303);
    let notices = admin.get("/console/notices").await.body;
    assert!(notices.contains("中止"), "{notices}");
}

/// Records what a check of coverage found, and an alarm.
pub(super) async fn record(site: &Site, whole: u64, exceptions: &[&str], alarm: Option<&Alarm>) {
    // The service has made a proof of its own when it began.
    site.clock.set(site.now().plus_minutes(1));
    let (desk, now) = (site.desk(), site.now());
    let mut tx = desk.catalog.begin().await.expect("a transaction");
    let row = CoverageRow {
        plan: "records".to_owned(),
        checked_at: now,
        alive: 366,
        whole,
        packs: 400,
        bytes: 5_000_000,
        exceptions: exceptions.iter().map(|&code| code.to_owned()).collect(),
    };
    tx.add_coverage(&row).await.expect("added");
    if let Some(alarm) = alarm {
        tx.raise(alarm).await.expect("raised");
    }
    let [actor, act, subject, detail] = ["kura", "coverage", "records", ""].map(str::to_owned);
    tx.commit(&[AuditEntry { at: now, actor, act, subject, detail }]).await.expect("committed");
}

#[tokio::test]
async fn the_first_page_says_whether_all_is_proved_and_names_the_alarms() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator]).await;
    let mut visitor = site.visitor("person0000").await;
    let subject = "N-2026-0001".to_owned();
    let alarm = Alarm {
        code: AlarmCode::NoticeNotReadable,
        subject,
        since: site.now().plus_minutes(-90),
        japanese: "お知らせ N-2026-0001 が公開ページで閲覧できることを確認できません。".to_owned(),
        english: "The public page does not show notice N-2026-0001.".to_owned(),
    };
    record(&site, 365, &["cohort-damaged", "newest-partial"], Some(&alarm)).await;
    let home = visitor.get("/console").await.body;
    for words in
        ["99.7%", "366日分のうち365日分", "例外 2件", "最後の確認：", "続いている警報", &alarm.japanese]
    {
        assert!(home.contains(words), "{words}: {home}");
    }
    let page = visitor.get("/console/coverage").await.body;
    for words in ["✕ 例外あり", "365 / 366", "最新のバックアップに、読めなかったものがあります", "(1日分)"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let page = visitor.get("/console/alarms").await.body;
    for words in ["対応が必要", "1時間前", "すること：", "href=\"/console/runbooks/notice-not-readable\""]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let english = visitor.get("/console/alarms?lang=en").await.body;
    assert!(english.contains(&alarm.english) && !english.contains(&alarm.japanese), "{english}");

    // The next day it is mended and proved.
    site.clock.set(site.now().plus_minutes(24 * 60));
    let mut visitor = site.visitor("person0000").await;
    let desk = site.desk();
    record(&site, 366, &[], None).await;
    kura::workflows::alarms::refresh(&desk, site.now()).await.expect("alarms");
    let page = visitor.get("/console/coverage?lang=ja").await.body;
    assert!(page.contains("✓ 証明済み") && page.contains("100.0%"), "{page}");
    let page = visitor.get("/console/alarms").await.body;
    assert!(page.contains("✓ 解消") && !page.contains("対応が必要"), "{page}");
    site.clock.set(site.now().plus_minutes(48 * 60));
    let page = site.visitor("person0000").await.get("/console/coverage").await.body;
    // Where the machine is slow, the service has made a proof of its own for this day by now.
    assert!(page.contains("？ 証明が古い") || page.contains("(0分前)"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_for_an_event_goes_from_the_form_to_its_end() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    crate::support::simulate::write(&site.kura.source().join("a.txt"), "text", "2026-11-20");
    let (mut admin, mut doctor) = (site.visitor("person0000").await, site.visitor("person0001").await);
    assert_eq!(doctor.get("/console/snapshots/new").await.status, 403);
    let empty = [("plan", "records"), ("event", "daily"), ("reason", " ")];
    let bad = admin.post("/console/snapshots/new", &empty).await;
    assert!(
        bad.status == 422 && bad.body.contains("href=\"#reason\"") && bad.body.contains("href=\"#event\"")
    );
    let fields = [("plan", "records"), ("event", "acceptance"), ("reason", "新しい端末の受入の前")];
    let check = admin.post("/console/snapshots/new", &fields).await;
    assert!(check.status == 200 && check.body.contains("よろしいですか") && check.body.contains("第19条④"));
    assert!(site.desk().catalog.open_requests().await.unwrap().is_empty(), "nothing was asked for yet");
    let asked = admin.post("/console/snapshots", &fields).await;
    assert_eq!(asked.header("location"), Some("/console/snapshots/e-0001"), "{}", asked.body);
    site.service.heart.beat().await;
    site.service.heart.settle().await;
    let done = doctor.get("/console/snapshots/e-0001").await.body;
    assert!(done.contains("✓ 完了") && done.contains("新しい端末の受入の前"), "{done}");
    assert!(doctor.get("/console/snapshots").await.body.contains("e-0001"));
    assert_eq!(doctor.get("/console/snapshots/e-0009").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_by_hand_is_confirmed_by_a_person_before_the_run_begins_and_after_it() {
    let site = Site::with(None, "\n[[service]]\nname = \"ポータル\"\nmanual = true\n").await;
    let people = site.people(&[Role::SystemAdministrator, Role::ServiceOperator, Role::SystemOperator]).await;
    crate::support::simulate::write(&site.kura.source().join("a.txt"), "text", "2026-11-20");
    let monthly = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]);
    let id = windows::request(&site.desk(), &monthly, &people[0], site.now()).await.unwrap();
    windows::approve(&site.desk(), &id, None, &people[1], site.now()).await.unwrap();
    let state = async || {
        let found = site.desk().catalog.occurrence("w-0001-2027-01-03").await.unwrap();
        found.map(|found| found.state)
    };
    let beat = async |day: &str, time: &str| {
        site.clock.set(at(day, time));
        site.service.heart.beat().await;
        site.service.heart.settle().await;
    };
    // The first beat sees the notice on the public page.
    beat("2027-01-02", "12:00").await;
    beat("2027-01-03", "1:00").await;
    let (mut doctor, mut operator) = (site.visitor("person0001").await, site.visitor("person0002").await);
    let home = operator.get("/console").await.body;
    assert!(home.contains("サービスを止めて確認してください：ポータル（期限 1:30）"), "{home}");
    let page = doctor.get("/console/services").await.body;
    assert!(page.contains("止めてください：ポータル") && page.contains("… 停止の確認待ち"), "{page}");
    assert!(!page.contains("name=\"seen\""), "what a role may not is not offered: {page}");
    let fields =
        [("occurrence", "w-0001-2027-01-03"), ("service", "ポータル"), ("state", "stopped"), ("seen", "1")];
    assert_eq!(doctor.post("/console/services/confirm", &fields).await.status, 403);
    let unseen = operator.post("/console/services/confirm", &fields[..3]).await;
    assert!(unseen.status == 422 && unseen.body.contains("チェックを入れてください"), "{}", unseen.body);
    beat("2027-01-03", "1:02").await;
    assert_eq!(state().await, Some(OccurrenceState::Announced), "nothing begins before it is confirmed");
    assert_eq!(operator.post("/console/services/confirm", &fields).await.status, 303);
    let again = operator.post("/console/services/confirm", &fields).await;
    assert!(again.status == 409 && again.body.contains("必要としていません"), "{}", again.body);
    beat("2027-01-03", "1:04").await;
    assert_eq!(state().await, Some(OccurrenceState::Done));
    let page = operator.get("/console/services").await.body;
    assert!(page.contains("動かしてください：ポータル") && page.contains("停止の確認：person0002"), "{page}");
    let fields = [fields[0], fields[1], ("state", "running"), fields[3]];
    assert_eq!(operator.post("/console/services/confirm", &fields).await.status, 303);
    let page = operator.get("/console/services").await.body;
    assert!(page.contains("✓ 停止していません") && !page.contains("動かしてください"), "{page}");
    let log = site.desk().catalog.audit_newest(50).await.unwrap();
    let line = log.iter().find(|line| line.entry.act == "service.confirm-stopped").expect("a line");
    assert_eq!((line.entry.actor.as_str(), line.entry.subject.as_str()), ("person0002", "ポータル"));
}

#[tokio::test]
async fn what_lies_in_the_past_is_refused_at_its_field_and_a_double_click_asks_once() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    let mut admin = site.visitor("person0000").await;
    let fields = |once: &'static str, first: &'static str| {
        [
            ("kind", "maintenance"),
            ("plan", "records"),
            ("once", once),
            ("start", "1:00"),
            ("hours", "4:00"),
            ("first_day", first),
        ]
    };
    for path in ["/console/windows/new", "/console/windows"] {
        for (once, first) in [("2020-02-28", "2020-01-01"), ("2026-12-06", "2026-12-07")] {
            let refused = admin.post(path, &fields(once, first)).await;
            assert_eq!(refused.status, 422, "{path}");
            let body = refused.body;
            assert!(
                body.contains("href=\"#once\"") && body.contains("これから実施される回がありません"),
                "{body}"
            );
        }
    }
    let far = admin.post("/console/windows/new", &fields("2028-02-29", "2026-11-22")).await.body;
    assert!(far.contains("令和10年2月29日（火）1:00～5:00"), "{far}");
    for _ in 0..2 {
        let asked = admin.post("/console/windows", &fields("2028-02-29", "2026-11-22")).await;
        assert_eq!(asked.header("location"), Some("/console/windows/w-0001"), "{}", asked.body);
    }
    assert_eq!(site.desk().catalog.windows().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_plan_that_is_gone_and_an_approval_that_lapsed_are_told_in_plain_words() {
    let site = Site::new(None).await;
    let people = site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    let mut doctor = site.visitor("person0001").await;
    let daily = |time: &str| terms(WindowKind::Daily, &format!("daily {time}"), &[]);
    for (time, is_approved) in [("02:00", true), ("03:00", false)] {
        let id = windows::request(&site.desk(), &daily(time), &people[0], site.now()).await.unwrap();
        if is_approved {
            windows::approve(&site.desk(), &id, None, &people[1], site.now()).await.unwrap();
        }
    }
    let file = site.kura.dir.path().join("home/policies/records.toml");
    let plan = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let home = doctor.get("/console").await.body;
    assert!(home.contains("1件の計画のファイルがないか、読み取れません"), "{home}");
    assert!(!home.contains("保護する計画がまだありません"), "{home}");
    let sheet = doctor.get("/console/windows/w-0002").await.body;
    assert!(sheet.contains("計画の内容は比べられません") && !sheet.contains("が変わりました"), "{sheet}");

    std::fs::write(&file, plan.replace("[[source]]", "[[source]]\nexclude = [\"*.tmp\"]")).unwrap();
    assert!(site.desk().contents.contains_key("records"), "it can be read");
    schedule::refresh(&site.desk(), site.now()).await.unwrap();
    let sheet = doctor.get("/console/windows/w-0001").await.body;
    for words in
        ["失効の理由：承認後に計画・復旧鍵・日時のいずれかが変更されました", "これ以上お知らせを掲載しません"]
    {
        assert!(sheet.contains(words), "{words}: {sheet}");
    }
    assert!(!sheet.contains("ただちにお知らせを掲載") && !sheet.contains("the plan, its"), "{sheet}");
}
