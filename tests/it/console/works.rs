//! Records of work in the console: opened, written and given results by forms, one of them with a file.

use kura::archive::digest::Sha256;
use kura::domain::role::Role;

use super::Site;

const RECORD: &str = "/console/works/WR-2026-0001";
const RESULTS: &str = "/console/works/WR-2026-0001/results";

/// A site with a record that an administrator opened by a form; then an administrator, an auditor and the site.
async fn opened() -> Site {
    let site = Site::new(None).await;
    let system =
        "name = \"system-files\"\nclass = \"system\"\n[[source]]\nkind = \"directory\"\npath = \"/etc\"\n";
    std::fs::write(site.kura.home().policies().join("system-files.toml"), system).unwrap();
    site.people(&[Role::SystemAdministrator, Role::Auditor]).await;
    let mut admin = site.visitor("person0000").await;
    let empty = admin.post("/console/works/new", &[("kind", "acceptance"), ("day", "2026-13-01")]).await;
    assert_eq!(empty.status, 422);
    for part in ["href=\"#title\"", "href=\"#day\"", "作業の内容を入力してください。"] {
        assert!(empty.body.contains(part), "{part} in {}", empty.body);
    }
    let mut fields = vec![
        ("kind", "acceptance"),
        ("title", "ポータルの<b>更新</b>"),
        ("day", "令和8年11月24日"),
        ("reference", "release-42"),
        ("window", "w-0009"),
        ("before", "1.0"),
    ];
    let unknown = admin.post("/console/works/new", &fields).await;
    assert!(unknown.status == 422 && unknown.body.contains("href=\"#window\""), "{}", unknown.body);
    fields.retain(|(name, _)| *name != "window");
    let made = admin.post("/console/works/new", &fields).await;
    assert_eq!((made.status, made.header("location")), (303, Some(RECORD)), "{}", made.body);
    site
}

#[tokio::test]
async fn a_record_is_opened_written_and_closed_as_far_as_it_can_be_by_forms() {
    let site = opened().await;
    let mut admin = site.visitor("person0000").await;
    let list = admin.get("/console/works").await.body;
    assert!(list.contains("記録を開く") && list.contains("WR-2026-0001"), "{list}");
    let page = admin.get(RECORD).await.body;
    for part in
        ["ポータルの&lt;b&gt;更新", "release-42", "令和8年11月24日", "試験結果を添付する", "system-files"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each id stands once, or labels point at the wrong field");
    let act = format!("{RECORD}/act");
    for fields in [
        &[("step", "begin")][..],
        &[("step", "tick"), ("point", "1"), ("text", "異常なし")],
        &[("step", "snapshot"), ("plan", "system-files")],
        &[("step", "after"), ("text", "1.1")],
    ] {
        let answer = admin.post(&act, fields).await;
        assert_eq!(answer.status, 303, "{fields:?}: {}", answer.body);
    }
    let early = admin.get(RECORD).await.body;
    for part in ["記録を完了できません（第19条④、第20条③）", "（作業の終了前に依頼したもの"]
    {
        assert!(early.contains(part), "{part} in {early}");
    }
    assert_eq!(admin.post(&act, &[("step", "finish")]).await.status, 303);
    let page = admin.get(RECORD).await.body;
    assert!(page.contains("… 取得待ち") && page.contains("確認していないチェック項目が"), "{page}");
    for plan in ["records", "kura-home"] {
        let refused = admin.post(&act, &[("step", "snapshot"), ("plan", plan)]).await;
        assert_eq!(refused.status, 409, "{plan} is no system that is worked on");
    }
    let auditor = site.visitor("person0001").await.get("/console/works").await.body;
    assert!(auditor.contains("WR-2026-0001") && !auditor.contains("記録を開く"), "{auditor}");
}

#[tokio::test]
async fn a_result_is_attached_from_the_console_and_kept_under_its_digest() {
    let site = opened().await;
    let mut admin = site.visitor("person0000").await;
    // A photograph: larger than any other form may be.
    let photograph: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let title = [("result-title", "試験成績書")];
    let sent = admin.upload(RESULTS, &title, &photograph).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some(RECORD)), "{}", sent.body);
    let digest = Sha256::of(&photograph).to_string();
    assert_eq!(std::fs::read(site.kura.home().works().join(&digest)).unwrap(), photograph);
    let page = admin.get(RECORD).await.body;
    assert!(page.contains("試験成績書") && page.contains(&digest), "{page}");
    assert!(!page.contains("secret.pdf"), "the name of a file is not kept");

    for (fields, file, fault) in [
        (&[][..], &b"x"[..], "#result-title"),
        (&title, b"", "#file"),
        (&[("result-title", "")], b"", "#result-title"),
    ] {
        let answer = admin.upload(RESULTS, fields, file).await;
        assert!(answer.status == 422 && answer.body.contains(fault), "{fault}: {}", answer.body);
    }
    let large = admin.upload(RESULTS, &title, &vec![0; 9 << 20]).await;
    assert!(large.status == 413 && large.body.contains("8 MiB"), "{}: {}", large.status, large.body);
    let other = admin.upload("/console/works/new", &title, &vec![0; 100_000]).await;
    assert_eq!(other.status, 413, "other forms stay small");
    let count = std::fs::read_dir(site.kura.home().works()).unwrap().count();
    assert_eq!(count, 1, "nothing else was kept");
}

#[tokio::test]
async fn a_file_of_another_site_or_of_somebody_who_may_not_is_not_kept() {
    let site = opened().await;
    let title = [("result-title", "試験成績書")];
    let admin = site.visitor("person0000").await;
    let mut forged = admin.clone();
    forged.token = "0".repeat(64);
    assert_eq!(forged.upload(RESULTS, &title, b"x").await.status, 403, "a wrong token");
    let mut other = admin.clone();
    other.extra = "Origin: https://evil.example\r\n".to_owned();
    assert_eq!(other.upload(RESULTS, &title, b"x").await.status, 403, "another site");
    let mut auditor = site.visitor("person0001").await;
    assert_eq!(auditor.upload(RESULTS, &title, b"x").await.status, 403, "the role may not");
    assert_eq!(site.nobody().upload(RESULTS, &title, b"x").await.status, 401, "nobody");
    assert_eq!(admin.clone().ask("POST", RESULTS, "no form").await.status, 403, "no token");
    let torn = format!("--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{}", admin.token);
    let torn =
        admin.clone().send(("POST", RESULTS), "multipart/form-data; boundary=b", torn.as_bytes()).await;
    assert_eq!(torn.status, 403, "half a form holds no token");
    assert!(!site.kura.home().works().exists(), "nothing was kept");
}
