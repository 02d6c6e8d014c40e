//! Lists page by page, and the document.

use std::collections::BTreeSet;

use kura::catalog::RunStart;
use kura::domain::role::Role;
use serde_json::Value;

use super::site::Site;

/// The generated document in `docs/`.
const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

#[test]
fn the_copy_of_the_document_is_what_the_code_says() {
    let now = kura::web::api::document();
    if std::env::var_os("KURA_WRITE_OPENAPI").is_some() {
        std::fs::write(COPY, now).expect("written");
    }
    let copy = std::fs::read_to_string(COPY).unwrap_or_default();
    assert!(
        copy == now,
        "{COPY} is not what the code says: KURA_WRITE_OPENAPI=1 cargo nextest run --release --workspace -E \
         'test(the_copy_of_the_document)' writes it again"
    );
}

#[tokio::test]
async fn the_document_is_served_and_readable_without_script() {
    let site = Site::new().await;
    let answer = site.ask(("GET", "/api/openapi.json"), "", &[], None).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let japanese = site.ask(("GET", "/api/docs"), "", &[], None).await;
    let english = site.ask(("GET", "/api/docs?lang=en"), "", &[], None).await;
    assert!(japanese.body.contains("<html lang=\"ja\">") && japanese.body.contains("実施時間帯を承認する"));
    assert!(english.body.contains("<html lang=\"en\">") && english.body.contains("Approve a window"));
    for page in [&japanese, &english] {
        assert!(
            !page.body.contains("<script") && !page.body.contains(" style="),
            "no script, no inline style"
        );
        assert!(page.body.contains("id=\"right-missing\""), "each problem's type leads there");
        for path in document["paths"].as_object().expect("paths").keys() {
            assert!(page.body.contains(&format!("<code>{path}</code>")), "{path} is described");
        }
    }
    assert_eq!(site.ask(("GET", "/api/docs?lang=fr"), "", &[], None).await.status, 400);
}

/// Follows `next` to the end; gives every row once, by its key, in order.
async fn all(site: &Site, role: Role, path: &str, key: &str) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        site.tick();
        let answer = site.get(role, &path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let page: Value = answer.json();
        let rows = page["items"].as_array().expect("rows");
        found.extend(rows.iter().map(|row| row[key].to_string()));
        let link = answer.header("link").and_then(|link| link.strip_prefix('<'));
        next = link.and_then(|link| link.strip_suffix(">; rel=\"next\"")).map(str::to_owned);
        assert_eq!(next.is_some(), page["next"].is_string(), "body and header agree: {page}");
    }
    found
}

#[tokio::test]
async fn five_hundred_rows_come_each_once_in_order() {
    let site = Site::new().await;
    let catalog = &site.office.desk.catalog;
    for number in 0..503_i64 {
        // Three at a time begin at one instant: their ids tell them apart.
        let started_at = site.now.plus_minutes(number / 3);
        let plan = if number % 2 == 0 { "records" } else { "other" };
        let run = RunStart {
            run: format!("{number:032x}"),
            plan: plan.to_owned(),
            event: "daily".to_owned(),
            started_at,
            reason: None,
        };
        catalog.begin_run(&run).await.expect("a run");
    }
    let runs = all(&site, Role::Auditor, "/api/v1/runs?limit=200", "run").await;
    assert_eq!(runs.len(), 503);
    assert!(runs.is_sorted_by(|a, b| a > b), "newest first, each once");
    assert_eq!(all(&site, Role::Auditor, "/api/v1/runs?plan=other&limit=7", "run").await.len(), 251);
    assert_eq!(all(&site, Role::Auditor, "/api/v1/runs", "run").await, runs);
    // A row that comes while somebody turns pages moves nothing.
    let first = site.get(Role::Auditor, "/api/v1/runs?limit=2").await.json();
    let late = RunStart {
        run: "f".repeat(32),
        plan: "records".to_owned(),
        event: "daily".to_owned(),
        started_at: site.now.plus_minutes(9999),
        reason: None,
    };
    catalog.begin_run(&late).await.expect("a run");
    let cursor = first["next"].as_str().expect("a cursor");
    let second = site.get(Role::Auditor, &format!("/api/v1/runs?limit=2&cursor={cursor}")).await.json();
    assert_eq!(second["items"][0]["run"], format!("{:032x}", 500));
}

#[tokio::test]
async fn every_list_gives_each_row_once_whatever_the_page() {
    let site = Site::new().await;
    for (path, key) in [
        ("/api/v1/windows", "window"),
        ("/api/v1/occurrences", "occurrence"),
        ("/api/v1/plans", "plan"),
        ("/api/v1/notices/archive", "id"),
        ("/api/v1/accounts", "account"),
        ("/api/v1/tokens", "id"),
        ("/api/v1/audit", "sequence"),
        ("/api/v1/notices/N-2026-0001/revisions", "revision"),
    ] {
        let one = all(&site, Role::Auditor, &format!("{path}?limit=1"), key).await;
        let many = all(&site, Role::Auditor, &format!("{path}?limit=200"), key).await;
        assert_eq!(one, many, "{path}");
        assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), one.len(), "{path}: each once");
        assert!(!one.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_in_words() {
    let site = Site::new().await;
    let windows = site.get(Role::Auditor, "/api/v1/windows?limit=1").await.json();
    let cursor = windows["next"].as_str().expect("a cursor").to_owned();
    for (path, code) in [
        ("/api/v1/runs?limit=0".to_owned(), "bad-request"),
        ("/api/v1/runs?limit=201".to_owned(), "bad-request"),
        ("/api/v1/runs?limit=-1".to_owned(), "bad-request"),
        ("/api/v1/runs?limit=a".to_owned(), "bad-request"),
        ("/api/v1/runs?limit=1&limit=2".to_owned(), "bad-request"),
        ("/api/v1/runs?offset=7".to_owned(), "bad-request"),
        ("/api/v1/runs?cursor=".to_owned(), "bad-cursor"),
        ("/api/v1/runs?cursor=%ff".to_owned(), "bad-cursor"),
        (format!("/api/v1/runs?cursor={cursor}"), "bad-cursor"),
        ("/api/v1/occurrences?from=tomorrow".to_owned(), "bad-request"),
        ("/api/v1/windows?state=gone".to_owned(), "bad-request"),
        ("/api/v1/audit/verification?sequence=1".to_owned(), "bad-request"),
    ] {
        let answer = site.get(Role::Auditor, &path).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{path}");
        let problem = answer.json();
        assert!(
            ["detail", "detail_ja", "title", "title_ja"].iter().all(|key| problem[key].is_string()),
            "{problem}"
        );
        assert_eq!(problem["type"], format!("/api/docs#{code}"));
    }
}

#[tokio::test]
async fn occurrences_are_listed_by_days_of_tokyo() {
    let site = Site::new().await;
    let path = "/api/v1/occurrences?from=2026-11-29&until=2026-12-01";
    let found = site.get(Role::Auditor, path).await.json();
    let days: Vec<&str> =
        found["items"].as_array().expect("rows").iter().filter_map(|row| row["day"].as_str()).collect();
    assert!(
        !days.is_empty() && days.iter().all(|day| ("2026-11-29"..="2026-12-01").contains(day)),
        "{days:?}"
    );
}

#[tokio::test]
async fn the_audit_log_is_checked_against_a_head_that_was_noted() {
    let site = Site::new().await;
    let now = site.get(Role::Auditor, "/api/v1/audit/verification").await.json();
    assert_eq!(now["holds"], true);
    let (sequence, digest) =
        (now["sequence"].as_u64().expect("a number"), now["digest"].as_str().expect("a digest"));
    let check = async |sequence: u64, digest: &str| {
        let path = format!("/api/v1/audit/verification?sequence={sequence}&digest={digest}");
        site.get(Role::Auditor, &path).await.json()["holds"].clone()
    };
    assert_eq!(check(sequence, digest).await, true);
    assert_eq!(check(sequence + 1, digest).await, false, "a line that was cut off");
    assert_eq!(check(sequence, &"0".repeat(64)).await, false, "another log");
}
