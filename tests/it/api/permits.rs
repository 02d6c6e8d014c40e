//! Permits over the API: versions, idempotency, who may not, what is wrong by its field.

use kura::domain::role::Role;
use serde_json::Value;

use super::site::Site;

/// An application that is in order.
pub(super) const BODY: &str = r#"{"subject":"糖尿病の受診動向","purpose":"学会発表","processing":"年齢は5歳刻み",
"medium":"other","medium_other":"専用の記憶装置","after_use":"erase","after_use_due":"2027-01-31",
"period":{"from":"2026-12-01","until":"2026-12-28"},"execution":{"from":"2026-12-02","until":"2026-12-02"},
"attachments":[{"name":"研究計画書.pdf","sha256":"0707070707070707070707070707070707070707070707070707070707070707"}],
"form":"file","legal_class":"anonymously_processed","extraction":"dataset = 'admissions'\nschema = '0000000000000000000000000000000000000000000000000000000000000000'\n[columns]\nage = { class = 'qi', do = 'age', widths = [10] }\n[privacy]\nk = 10\n[output]\nformat = 'csv'\nseal = 'passphrase'\n"}"#;

const PERMITS: &str = "/api/v1/permits";

#[tokio::test]
async fn a_permit_is_applied_for_changed_approved_and_revoked_by_versions() {
    let site = Site::new().await;
    let key = [("Idempotency-Key", "apply-1")];
    let first = site.post(Role::OperationsManager, PERMITS, &key, BODY).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("location"), Some("/api/v1/permits/R08-001"));
    let again = site.post(Role::OperationsManager, PERMITS, &key, BODY).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "one effect");
    let permit: Value = first.json();
    for (field, value) in [
        ("state", "applied"),
        ("applicant", "manager001"),
        ("applied_on", "2026-11-22"),
        ("medium", "other"),
        ("medium_other", "専用の記憶装置"),
        ("legal_class", "anonymously_processed"),
    ] {
        assert_eq!(permit[field], value, "{field}");
    }
    let one = "/api/v1/permits/R08-001";
    let approve = "/api/v1/permits/R08-001/approve";
    let version = first.header("etag").expect("a version").to_owned();
    let blind = site.ask(("POST", approve), site.token(Role::ServiceOperator), &[], None).await;
    assert_eq!((blind.status, blind.code().as_str()), (428, "if-match-required"));

    let seen = [("If-Match", version.as_str())];
    let other = BODY.replace("k = 10", "k = 12");
    let by_other = site.post(Role::SystemAdministrator, &format!("{one}/change"), &seen, &other).await;
    assert_eq!((by_other.status, by_other.code().as_str()), (409, "wrong-state"));
    let changed = site.post(Role::OperationsManager, &format!("{one}/change"), &seen, &other).await;
    assert_eq!((changed.status, changed.json()["revision"].as_u64()), (200, Some(2)), "{changed:?}");
    let stale = site.ask(("POST", approve), site.token(Role::ServiceOperator), &seen, None).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "changed"), "what changed is not approved");

    let version = changed.header("etag").expect("a version").to_owned();
    let seen = [("If-Match", version.as_str())];
    let approved = site.ask(("POST", approve), site.token(Role::ServiceOperator), &seen, None).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    assert_eq!(approved.json()["approval"]["digest"], approved.json()["digest"]);
    assert_eq!(approved.json()["approval"]["by"], "ishikai001");

    let list = site.get(Role::Auditor, "/api/v1/permits?state=approved").await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    let list = site.get(Role::Auditor, "/api/v1/permits?state=closed").await.json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(0));
    let version = site.get(Role::Auditor, one).await.header("etag").expect("a version").to_owned();
    let seen = [("If-Match", version.as_str())];
    let close = site.post(Role::ServiceOperator, &format!("{one}/close"), &seen, r#"{"reason":"済"}"#).await;
    assert_eq!(close.status, 409, "nothing was handed over: {close:?}");
    let empty = site.post(Role::ServiceOperator, &format!("{one}/revoke"), &seen, r#"{"reason":""}"#).await;
    assert_eq!(empty.status, 422);
    let revoke =
        site.post(Role::ServiceOperator, &format!("{one}/revoke"), &seen, r#"{"reason":"誤り"}"#).await;
    assert_eq!((revoke.status, revoke.json()["state"].as_str()), (200, Some("revoked")), "{revoke:?}");
}

#[tokio::test]
async fn an_application_is_taken_back_and_what_was_made_is_listed() {
    let site = Site::new().await;
    let first = site.post(Role::OperationsManager, PERMITS, &[], BODY).await;
    let version = first.header("etag").expect("a version").to_owned();
    let seen = [("If-Match", version.as_str())];
    let path = "/api/v1/permits/R08-001/withdraw";
    let why = r#"{"reason":"目的の変更"}"#;
    assert_eq!(site.post(Role::SystemAdministrator, path, &seen, why).await.status, 409, "not his");
    let withdrawn = site.post(Role::OperationsManager, path, &seen, why).await;
    assert_eq!(
        (withdrawn.status, withdrawn.json()["state"].as_str()),
        (200, Some("returned")),
        "{withdrawn:?}"
    );
    let list = site.get(Role::Auditor, "/api/v1/permits/R08-001/extracts").await;
    assert_eq!((list.status, list.json()["items"].as_array().map(Vec::len)), (200, Some(0)));
    assert_eq!(site.get(Role::Auditor, "/api/v1/permits/R08-001/extracts/1").await.status, 404);
    assert_eq!(site.get(Role::Auditor, "/api/v1/permits/R08-001/extracts/one").await.status, 400);
    assert_eq!(site.get(Role::Auditor, "/api/v1/permits/R08-001/plan").await.status, 404);
    let cancel = "/api/v1/permits/R08-001/extracts/cancel";
    let nothing = site.ask(("POST", cancel), site.token(Role::SystemOperator), &[], None).await;
    assert_eq!((nothing.status, nothing.code().as_str()), (409, "wrong-state"), "{nothing:?}");
}

#[tokio::test]
async fn nobody_decides_about_his_own_and_what_is_wrong_is_named() {
    let site = Site::new().await;
    let own = site.post(Role::ServiceOperator, PERMITS, &[], BODY).await;
    let version = own.header("etag").expect("a version").to_owned();
    let seen = [("If-Match", version.as_str())];
    let path = "/api/v1/permits/R08-001/approve";
    let refused = site.ask(("POST", path), site.token(Role::ServiceOperator), &seen, None).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "own-request"));
    for (from, to, said) in [
        ("2026-12-28", "2026-11-30", "period"),
        ("\"until\":\"2026-12-02\"", "\"until\":\"2027-12-02\"", "execution"),
        ("2027-01-31", "2026-12-01", "after_use_due"),
        ("専用の記憶装置", "", "medium_other"),
        ("糖尿病の受診動向", "a\\nb", "subject"),
        ("do = 'age'", "do = 'agee'", "columns.age.do"),
        ("0707", "07", "sha256"),
        ("\"form\":\"file\"", "\"form\":\"file\",\"executions_max\":0", "executions_max"),
    ] {
        let bad = BODY.replacen(from, to, 1);
        assert_ne!(bad, BODY, "{said}");
        let answer = site.post(Role::OperationsManager, PERMITS, &[], &bad).await;
        assert_eq!(answer.status, 422, "{said}: {answer:?}");
        assert!(answer.body.contains(said), "{said}: {}", answer.body);
    }
    assert_eq!(site.get(Role::Portal, PERMITS).await.status, 403, "a portal has no business here");
}
