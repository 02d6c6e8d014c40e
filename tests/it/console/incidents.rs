//! Incidents in the console: opened, written, told of, reported and closed by forms; seen by every role, changed by two.

use std::collections::BTreeSet;

use kura::domain::alarm_code::AlarmCode;
use kura::domain::role::Role;
use kura::policy_files;
use kura::workflows::incidents;

use super::{Site, Visitor};
use crate::support::simulate::write;

/// The ids of a page; each stands once, or labels would point at the wrong field.
fn ids_are_unique(page: &str) {
    let mut seen = BTreeSet::new();
    for id in page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(seen.insert(id), "the id {id} stands twice in {page}");
    }
}

/// Closing says what the report lacks and asks why it is closed without it.
async fn closes_with_a_reason(operator: &mut Visitor, path: &str) {
    let act = format!("{path}/act");
    let missing = operator.post(&act, &[("act", "close")]).await;
    assert!(missing.status == 409 && missing.body.contains("未記入の欄：発見箇所。"), "{}", missing.body);
    let page = operator.get(path).await.body;
    for part in [
        "⚠ 未記入の欄：発見箇所。",
        "name=\"close-incomplete\"",
        "障害報告書の案を見る",
        "最終版を発行します",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let excused = [("act", "close"), ("close-incomplete", "発見箇所は不明")];
    let closed = operator.post(&act, &excused).await;
    assert_eq!(closed.status, 303, "{}", closed.body);
}

#[tokio::test]
async fn a_person_takes_an_incident_from_opening_to_closing_by_forms() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator, Role::SystemOperator, Role::Auditor]).await;
    let (mut operator, mut auditor) = (site.visitor("person0001").await, site.visitor("person0002").await);
    let list = operator.get("/console/incidents").await.body;
    assert!(
        list.contains("現在、お知らせする障害はありません。") && list.contains("障害を登録する"),
        "{list}"
    );
    let empty = operator.post("/console/incidents/new", &[("text", "")]).await;
    assert!(empty.status == 422 && empty.body.contains("内容を1行"), "{}", empty.body);
    let fields =
        [("text", "ポータルに<b>接続</b>できません。"), ("service", "ポータル"), ("concern", "possible")];
    let opened = operator.post("/console/incidents/new", &fields).await;
    assert_eq!((opened.status, opened.header("location")), (303, Some("/console/incidents/I-2026-0001")));
    let path = "/console/incidents/I-2026-0001";
    let act = format!("{path}/act");
    let page = operator.get(path).await.body;
    ids_are_unique(&page);
    for part in
        ["✕ 検知", "&lt;b&gt;接続&lt;/b&gt;", "個人データに関する期限", "状況を確認し、障害と判断する"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    // A second one about the same service is opened only where somebody says that it is another.
    let second = [("text", "画面が出ません。"), ("service", "ポータル"), ("concern", "none")];
    let asked = operator.post("/console/incidents/new", &second).await;
    assert_eq!(asked.status, 422, "{}", asked.body);
    for part in ["障害 I-2026-0001 が対応中です", "name=\"another\"", "画面が出ません。"] {
        assert!(asked.body.contains(part), "{part} in {}", asked.body);
    }
    // Everybody reads it; only two roles change it.
    let seen = auditor.get(path).await.body;
    assert!(seen.contains("✕ 検知") && !seen.contains("状況を確認し、障害と判断する"), "{seen}");
    assert_eq!(auditor.post(&act, &[("act", "confirm")]).await.status, 403);
    let public = site.nobody().get("/notices").await.body;
    assert!(public.contains("【障害】ポータルの障害のお知らせ") && !public.contains("接続"), "{public}");

    assert_eq!(operator.post(&act, &[("act", "confirm")]).await.status, 303);
    let late = operator
        .post(&act, &[("act", "expect"), ("expect-day", "2026-13-01"), ("expect-time", "15:00")])
        .await;
    assert!(late.status == 422 && late.body.contains("href=\"#expect-day\""), "{}", late.body);
    let refused = operator.post(&act, &[("act", "close")]).await;
    assert!(
        refused.status == 409 && refused.body.contains("検知、確認、復旧、報告、完了の順"),
        "{}",
        refused.body
    );
    assert_eq!(operator.post(&act, &[("act", "wipe")]).await.status, 400);
    for fields in [
        &[("act", "note"), ("note-text", "回線の事業者に連絡しました。")][..],
        &[("act", "recover"), ("recover-text", "機器を再起動しました。")],
        &[("act", "field"), ("field", "cause"), ("field-text", "機器の故障")],
        &[("act", "report")],
        &[
            ("act", "action"),
            ("action-text", "予備機を置く"),
            ("owner", "システム管理者"),
            ("action-day", "令和8年12月31日"),
        ],
        &[("act", "concern"), ("concern", "none"), ("concern-text", "データに影響なし")],
    ] {
        let answer = operator.post(&act, fields).await;
        assert_eq!(answer.status, 303, "{fields:?}: {}", answer.body);
    }
    closes_with_a_reason(&mut operator, path).await;
    what_is_closed_is_shown(&site, &mut operator, path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_stands_on_the_first_page_and_leads_to_a_statement() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator, Role::SystemOperator, Role::Auditor]).await;
    let (mut operator, mut auditor) = (site.visitor("person0001").await, site.visitor("person0002").await);
    assert!(!operator.get("/console").await.body.contains("対応中の障害"));
    operator.post("/console/incidents/new", &[("text", "接続できません。")]).await;
    for visitor in [&mut operator, &mut auditor] {
        let home = visitor.get("/console").await.body;
        for part in
            ["対応中の障害", "（検知）", "接続できません。", "href=\"/console/incidents/I-2026-0001\""]
        {
            assert!(home.contains(part), "{part} in {home}");
        }
    }
    let path = "/console/incidents/I-2026-0001/statement";
    assert!(operator.get("/console/incidents/I-2026-0001").await.body.contains(path));
    assert!(!auditor.get("/console/incidents/I-2026-0001").await.body.contains(path));
    assert_eq!(auditor.get(path).await.status, 403);
    let asked = operator.get(path).await;
    assert!(asked.status == 200 && asked.body.contains("同一の写し"), "{}", asked.body);
    ids_are_unique(&asked.body);
    let wrong = operator.post(path, &[("plan", "none"), ("from", "2026-13-01")]).await;
    assert!(wrong.status == 422 && wrong.body.contains("計画を選んでください。"), "{}", wrong.body);
    assert_eq!(operator.get("/console/incidents/I-2026-0009/statement").await.status, 404);
    let nothing = operator.post(path, &[("plan", "records")]).await;
    assert!(nothing.status == 422 && nothing.body.contains("まだ保管されていない"), "{}", nothing.body);
    write(&site.kura.source().join("紹介状"), "本文", "2026-11-20");
    let file = site.kura.home().policies().join("records.toml");
    let plan = policy_files::parse_plan("records.toml", &std::fs::read_to_string(file).expect("a plan"));
    site.kura.snapshot(&plan.unwrap_or_else(|e| panic!("a good plan: {e}"))).await.expect("a snapshot");
    let issued = operator.post(path, &[("plan", "records"), ("from", "令和8年11月20日")]).await;
    for part in ["<h1>復元可能性の証明</h1>", "第1号", "同一の写しがあり、復元できます 1日分"]
    {
        assert!(issued.status == 200 && issued.body.contains(part), "{part} in {}", issued.body);
    }
}

#[tokio::test]
async fn every_role_reads_the_runbooks_in_the_console() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator, Role::Auditor]).await;
    let mut auditor = site.visitor("person0001").await;
    assert_eq!(site.nobody().get("/console/runbooks").await.status, 401);
    let list = auditor.get("/console/runbooks").await.body;
    assert!(list.contains("<a href=\"/console/runbooks\" aria-current=\"page\">手順書</a>"), "{list}");
    let links: Vec<&str> = list.split("href=\"").filter_map(|rest| rest.split('"').next()).collect();
    let mut pages = BTreeSet::new();
    for link in links.into_iter().filter(|link| link.starts_with("/console/runbooks/")) {
        let page = auditor.get(link).await;
        assert!(page.status == 200 && page.body.matches("<h1").count() == 1, "{link}: {}", page.body);
        ids_are_unique(&page.body);
        pages.insert(link.to_owned());
    }
    for code in AlarmCode::ALL {
        assert!(pages.contains(&format!("/console/runbooks/{}", code.word())), "{code:?}");
    }
    let page = auditor.get("/console/runbooks/backup-missed").await.body;
    for part in [
        "<h1>backup-missed：バックアップが行われなかった</h1>",
        "<strong>意味</strong>",
        "kura store probe",
        "<a href=\"/console/runbooks/run-refused\">run-refused.md</a>",
        "<table>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for nothing in ["nothing", "..%2Foperations", "backup-missed.md"] {
        assert_eq!(auditor.get(&format!("/console/runbooks/{nothing}")).await.status, 404, "{nothing}");
    }
}

/// Everything that happened stands on the page, in both languages, and in the report.
async fn what_is_closed_is_shown(site: &Site, operator: &mut Visitor, path: &str) {
    let page = operator.get(path).await.body;
    ids_are_unique(&page);
    for part in [
        "✓ 完了",
        "障害報告書を印刷する",
        "回線の事業者に連絡しました。",
        "予備機を置く",
        "令和8年12月31日（木）",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let english = operator.get(&format!("{path}?lang=en")).await.body;
    assert!(english.contains("What happened") && english.contains("✓ closed"), "{english}");
    let report = operator.get(&format!("{path}/report")).await;
    assert!(
        report.body.contains("<h1>障害報告書</h1>")
            && report.body.contains("機器の故障")
            && report.body.contains("その理由：発見箇所は不明"),
        "{}",
        report.body
    );
    let policy = report.header("content-security-policy").unwrap_or_default().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("sha256-"), "{policy}");
    assert_eq!(operator.get("/console/incidents/I-2026-0009").await.status, 404);
    let rows = incidents::list(&site.desk(), true, 10).await.expect("incidents");
    assert_eq!(rows.len(), 1);
    let public = site.nobody().get("/notices").await.body;
    assert!(public.contains("【復旧】ポータルの障害は復旧しました"), "{public}");
}
