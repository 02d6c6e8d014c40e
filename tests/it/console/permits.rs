//! Permits in the console without script: the form of 別紙2, its confirmation, the approval, return, revocation, after use.

use kura::domain::role::Role;
use kura::workflows::permits;

use super::{Answer, Site, Visitor};
use crate::windows::at;

const MANAGER: &str = "person0001";
const DOCTOR: &str = "person0000";
const OPERATOR: &str = "person0002";
const AUDITOR: &str = "person0003";

const FORM: [(&str, &str); 18] = [
    ("subject", "糖尿病の受診動向 <script>"),
    ("purpose", "学会発表\r\n（令和9年2月）"),
    ("processing", "年齢は5歳刻み"),
    ("medium", "usb-memory"),
    ("medium_other", ""),
    ("after_use", "erase"),
    ("after_use_other", ""),
    ("after_use_due", "令和９年１月３１日"),
    ("period_from", "２０２６年１２月１日"),
    ("period_until", "令和8年12月28日"),
    ("execution_from", "2026/12/2"),
    ("execution_until", ""),
    ("remarks", ""),
    ("attachments", "0707070707070707070707070707070707070707070707070707070707070707  研究計画書.pdf"),
    ("form", "file"),
    ("legal_class", "anonymously_processed"),
    ("executions_max", "１"),
    ("extraction", crate::permits::INSTRUCTIONS),
];

async fn office() -> Site {
    let site = Site::new(None).await;
    let roles = [
        Role::ServiceOperator,
        Role::OperationsManager,
        Role::SystemOperator,
        Role::Auditor,
        Role::ServiceOperator,
    ];
    site.people(&roles).await;
    site
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let start = page.split_once(&format!("name=\"{name}\" value=\"")).expect("a hidden field").1;
    start.split('"').next().expect("a value")
}

async fn sent(visitor: &mut Visitor, path: &str, fields: &[(&str, &str)], status: u16) -> Answer {
    let answer = visitor.post(path, fields).await;
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    answer
}

/// What was said to be sent again by the page of confirmation.
fn kept<'a>(page: &'a str, also: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    FORM.iter().map(|(name, _)| (*name, hidden(page, name))).chain(also.iter().copied()).collect()
}

#[expect(clippy::too_many_lines, reason = "it is one story")]
#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_filled_in_confirmed_approved_and_taken_away() {
    let site = office().await;
    let mut manager = site.visitor(MANAGER).await;
    let form = manager.get("/console/permits/new").await.body;
    let order = [
        "件名",
        "使用目的",
        "処理内容",
        "保存媒体",
        "CD-R",
        "DVD",
        "USBメモリ",
        "ハードディスク",
        "その他",
        "使用後の措置",
        "自動保管",
        "返却",
        "消去",
        "使用期間",
        "実施日",
        "備考",
        "添付資料",
    ];
    let mut rest = form.as_str();
    for words in order {
        rest = rest.split_once(words).unwrap_or_else(|| panic!("{words} in its order: {form}")).1;
    }
    // What is wrong is said at its field, and what was written is kept.
    let wrong: Vec<(&str, &str)> = FORM
        .iter()
        .map(|(name, value)| match *name {
            "period_until" => (*name, "令和8年11月30日"),
            "medium" => (*name, ""),
            _ => (*name, *value),
        })
        .collect();
    let page = sent(&mut manager, "/console/permits/new", &wrong, 422).await.body;
    assert!(page.contains("保存媒体を選んでください") && page.contains("学会発表"), "{page}");
    assert!(page.contains("href=\"#medium\""), "{page}");
    let unread: Vec<(&str, &str)> = FORM
        .iter()
        .map(|(name, value)| if *name == "extraction" { (*name, "k = 10") } else { (*name, *value) })
        .collect();
    let page = sent(&mut manager, "/console/permits/new", &unread, 422).await.body;
    assert!(page.contains("抽出の条件をこのままでは実施できません"), "{page}");
    assert!(page.contains("href=\"#extraction\""), "{page}");
    let asked = sent(&mut manager, "/console/permits/new", &FORM, 200).await.body;
    for words in [
        "令和8年12月28日（月）",
        "■USBメモリ",
        "■消去",
        "研究計画書.pdf",
        "&lt;script&gt;",
        "この内容で申請する",
    ] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
    assert!(!asked.contains("<script>"), "{asked}");
    let plain = asked.replace("&lt;", "<").replace("&gt;", ">");
    let done = sent(&mut manager, "/console/permits", &kept(&plain, &[]), 303).await;
    let location = done.header("location").expect("an address").to_owned();
    assert!(location.ends_with("/console/permits/R08-001/applied"), "{location}");
    let page = manager.get("/console/permits/R08-001/applied").await.body;
    assert!(page.contains("申請しました") && page.contains("R08-001"), "{page}");
    let own = manager.get("/console/permits/R08-001").await.body;
    assert!(own.contains("内容を変更する") && !own.contains("承認へ進む"), "{own}");

    let mut doctor = site.visitor(DOCTOR).await;
    assert!(doctor.get("/console").await.body.contains("使用許可の承認をお待ちしています"));
    let ask = doctor.get("/console/permits/R08-001/approve").await.body;
    let seen = hidden(&ask, "seen").to_owned();
    // Meanwhile the applicant changes it: what was shown is approved by nobody.
    let form = manager.get("/console/permits/new?replaces=R08-001").await.body;
    let version = hidden(&form, "seen").to_owned();
    let changed: Vec<(&str, &str)> = FORM
        .iter()
        .map(|(name, value)| if *name == "subject" { (*name, "高血圧の受診動向") } else { (*name, *value) })
        .chain([("replaces", "R08-001"), ("seen", version.as_str())])
        .collect();
    let asked = sent(&mut manager, "/console/permits/new", &changed, 200).await.body;
    assert!(asked.contains("これまでの承認は無効"), "{asked}");
    sent(&mut manager, "/console/permits", &changed, 303).await;
    let path = "/console/permits/R08-001/approve";
    let refused = sent(&mut doctor, path, &[("seen", &seen)], 409).await;
    assert!(refused.body.contains("内容が変わりました"), "{}", refused.body);
    sent(&mut doctor, path, &[], 409).await;
    let ask = doctor.get(path).await.body;
    let seen = hidden(&ask, "seen").to_owned();
    sent(&mut doctor, path, &[("seen", &seen)], 303).await;
    sent(&mut doctor, path, &[("seen", &seen)], 303).await;
    let page = doctor.get("/console/permits/R08-001/approval").await.body;
    assert!(page.contains("承認しました"), "{page}");

    let mut auditor = site.visitor(AUDITOR).await;
    let printed = auditor.get("/console/permits/R08-001/page").await;
    for words in [
        "本データ使用許可申請書",
        "拝啓",
        "高血圧の受診動向",
        "□CD-R",
        "■USBメモリ",
        "R08-001",
        DOCTOR,
        MANAGER,
    ] {
        assert!(printed.body.contains(words), "{words}: {}", printed.body);
    }
    assert!(printed.head.contains("style-src 'sha256-"), "{}", printed.head);
    assert!(auditor.get("/console/permits?lang=en").await.body.contains("Permits"));
    let page = auditor.get("/console/permits/R08-001").await.body;
    assert!(!page.contains("許可を取り消す"), "an auditor only looks: {page}");

    let path = "/console/permits/R08-001/revoke";
    let ask = doctor.get(path).await.body;
    let seen = hidden(&ask, "seen").to_owned();
    let page = sent(&mut doctor, path, &[("seen", &seen), ("reason", "")], 422).await;
    assert!(page.body.contains("href=\"#reason\""), "{}", page.body);
    sent(&mut doctor, path, &[("seen", &seen), ("reason", "目的の変更")], 303).await;
    let page = manager.get("/console/permits/R08-001").await.body;
    assert!(page.contains("取消し") && page.contains("目的の変更"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_offered_to_decide_about_his_own_and_after_use_measures_are_asked_for() {
    let site = office().await;
    let mut doctor = site.visitor(DOCTOR).await;
    sent(&mut doctor, "/console/permits", &FORM, 303).await;
    let page = doctor.get("/console/permits/R08-001").await.body;
    assert!(page.contains("別の方に依頼してください") && !page.contains("承認へ進む"), "{page}");
    let ask = doctor.get("/console/permits/R08-001/approve").await.body;
    let seen = hidden(&ask, "seen").to_owned();
    let refused = sent(&mut doctor, "/console/permits/R08-001/approve", &[("seen", &seen)], 409).await;
    assert!(refused.body.contains("自分が申請した許可"), "{}", refused.body);
    let mut second = site.visitor("person0004").await;
    sent(&mut second, "/console/permits/R08-001/approve", &[("seen", &seen)], 303).await;

    site.clock.set(at("2026-12-02", "12:00"));
    let mut operator = site.visitor(OPERATOR).await;
    assert!(operator.get("/console").await.body.contains("許可による抽出を実施できます"));
    let catalog = site.desk().catalog;
    let actor = kura::domain::actor::Actor {
        account: OPERATOR.parse().expect("an id"),
        role: Role::SystemOperator,
        scopes: None,
    };
    let mut tx = catalog.begin().await.expect("a transaction");
    let (_, execution, line) =
        permits::begin(&mut tx, "R08-001", &actor, site.now()).await.expect("it begins");
    tx.commit(&[line]).await.expect("committed");
    let mut tx = catalog.begin().await.expect("a transaction");
    let line =
        permits::deliver(&mut tx, &execution, "output 00", &actor, site.now()).await.expect("delivered");
    tx.commit(&[line]).await.expect("committed");

    site.clock.set(at("2027-02-01", "9:00"));
    site.service.heart.beat().await;
    site.service.heart.settle().await;
    let mut operator = site.visitor(OPERATOR).await;
    let home = operator.get("/console").await.body;
    assert!(home.contains("使用後の措置を確認してください"), "{home}");
    assert!(home.contains("使用後の措置が、期日"), "the alarm: {home}");
    let list = operator.get("/console/permits").await.body;
    assert!(list.contains("期日超過"), "{list}");
    let mut doctor = site.visitor(DOCTOR).await;
    let home = doctor.get("/console").await.body;
    assert!(home.contains("使用後の措置を済ませ"), "the applicant is told too: {home}");
    let path = "/console/permits/R08-001/close";
    let ask = operator.get(path).await.body;
    let seen = hidden(&ask, "seen").to_owned();
    sent(&mut operator, path, &[("seen", &seen), ("reason", "立会いで消去を確認")], 303).await;
    let page = operator.get("/console/permits/R08-001").await.body;
    assert!(page.contains("完了") && page.contains("立会いで消去を確認"), "{page}");
}
