//! Who may: every address of the document, by every role, without a token, with a wrong one.

use std::collections::BTreeSet;

use kura::domain::role::{Act, Role, may};
use kura::workflows::tokens;
use serde_json::Value;

use super::site::{PASSWORD, Site};

/// Who may, by the operation: the first letters stand for サービス運用者, 運用管理責任者, システム管理者,
/// システム運用者, 監査, ポータル (S M A O U P). A new address needs a row here.
const ROWS: &[(&str, &str)] = &[
    ("whoAmI", "SMAOUP"),
    ("listWindows", "SMAOU"),
    ("getWindow", "SMAOU"),
    ("requestWindow", "A"),
    ("approveWindow", "S"),
    ("returnWindow", "S"),
    ("withdrawWindow", "A"),
    ("listOccurrences", "SMAOU"),
    ("getOccurrence", "SMAOU"),
    ("breakGlass", "M"),
    ("seeReport", "S"),
    ("listPlans", "SMAOU"),
    ("getPlan", "SMAOU"),
    ("takeSnapshot", "A"),
    ("listRuns", "SMAOU"),
    ("getRun", "SMAOU"),
    ("listSnapshots", "SMAOU"),
    ("listServices", "SMAOU"),
    ("confirmService", "AO"),
    ("listDeletions", "SMAOU"),
    ("listDue", "SMAOU"),
    ("listDeletionOrders", "SMAOU"),
    ("approveDeletion", "MA"),
    ("confirmDeletion", "SM"),
    ("confirmToday", "SM"),
    ("standDeletion", "S"),
    ("endStandingDeletion", "S"),
    ("listHolds", "SMAOU"),
    ("placeHold", "SM"),
    ("releaseHold", "SM"),
    ("listCertificates", "SMAOU"),
    ("getCertificate", "SMAOU"),
    ("listPermits", "SMAOU"),
    ("getPermit", "SMAOU"),
    ("applyPermit", "SMAO"),
    ("changePermit", "SMAO"),
    ("approvePermit", "S"),
    ("returnPermit", "S"),
    ("revokePermit", "S"),
    ("closePermit", "SO"),
    ("withdrawPermit", "SMAO"),
    ("listExtracts", "SMAOU"),
    ("getExtract", "SMAOU"),
    ("getExtractPlan", "SMAOU"),
    ("cancelExtract", "O"),
    ("listIncidents", "SMAOU"),
    ("getIncident", "SMAOU"),
    ("openIncident", "AO"),
    ("noteIncident", "AO"),
    ("writeIncidentField", "AO"),
    ("stepIncident", "AO"),
    ("stateRecoverability", "AO"),
    ("listWorks", "SMAOU"),
    ("getWork", "SMAOU"),
    ("stepWork", "A"),
    ("listMonitorTargets", "SMAOU"),
    ("listAccessLogs", "SMAOU"),
    ("reviewAccessLog", "A"),
    ("getCoverage", "SMAOU"),
    ("listAlarms", "SMAOU"),
    ("listNotices", "SMAOUP"),
    ("listRevisions", "SMAOUP"),
    ("correctNotice", "MO"),
    ("closeNotice", "MO"),
    ("listAccounts", "SMAU"),
    ("getAccount", "SMAU"),
    ("addAccount", "SMA"),
    ("disableAccount", "SMA"),
    ("resetPassword", "SMA"),
    ("listTokens", "SMAOUP"),
    ("makeToken", "SMAOUP"),
    ("revokeToken", "SMAOUP"),
    ("listAudit", "SMAU"),
    ("verifyAudit", "SMAU"),
];

const LETTERS: [(char, Role); 6] = [
    ('S', Role::ServiceOperator),
    ('M', Role::OperationsManager),
    ('A', Role::SystemAdministrator),
    ('O', Role::SystemOperator),
    ('U', Role::Auditor),
    ('P', Role::Portal),
];

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
    /// Any of these scopes; none: any token.
    scopes: Vec<Act>,
    needs_version: bool,
}

fn operations() -> (Vec<Operation>, Vec<String>) {
    let document: Value = serde_json::from_str(kura::web::api::document()).expect("JSON");
    let (mut guarded, mut public) = (Vec::new(), Vec::new());
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let security = operation["security"].as_array().expect("security");
            let tokens: Vec<&Value> = security.iter().filter_map(|one| one.get("token")).collect();
            if tokens.is_empty() {
                assert_eq!(method, "get", "what is public is only read: {path}");
                public.push(path.clone());
                continue;
            }
            let words = tokens.iter().flat_map(|scopes| scopes.as_array().expect("scopes"));
            let scopes = words.map(|word| Act::of_word(word.as_str().expect("a word")).expect("a scope"));
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            guarded.push(Operation {
                id: operation["operationId"].as_str().expect("an id").to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                scopes: scopes.collect(),
                needs_version: parameters
                    .iter()
                    .any(|one| one["name"] == "If-Match" && one["required"] == true),
            });
        }
    }
    (guarded, public)
}

/// What is sent to an operation so that nothing but a right can be missing.
fn filled(operation: &Operation, occurrence: &str, role: Role) -> (String, Option<String>) {
    let path = operation
        .path
        .replace("{window}", "w-0002")
        .replace("{occurrence}", occurrence)
        .replace("{plan}", "records")
        .replace("{permit}", "R08-999")
        .replace("{execution}", "1")
        .replace("{run}", &"0".repeat(32))
        .replace("{notice}", "N-2026-0001")
        .replace("{incident}", "I-2026-0001")
        .replace("{work}", "WR-2026-0001")
        .replace("{account}", "spare00001")
        .replace("{token}", &"0".repeat(16))
        .replace("{digest}", &"0".repeat(64))
        // Each role places a hold before it releases one, and nobody releases his own.
        .replace("{number}", if role == Role::ServiceOperator { "2" } else { "1" });
    let body = match operation.id.as_str() {
        "requestWindow" => {
            r#"{"plan":"records","kind":"daily","recurrence":"daily 03:00","length_minutes":60}"#.to_owned()
        }
        "applyPermit" | "changePermit" => super::permits::BODY.to_owned(),
        "returnPermit" | "revokePermit" | "closePermit" | "withdrawPermit" => {
            r#"{"reason":"理由"}"#.to_owned()
        }
        "returnWindow" | "withdrawWindow" | "breakGlass" => r#"{"reason":"理由"}"#.to_owned(),
        "disableAccount" => r#"{"reason":"退職"}"#.to_owned(),
        "takeSnapshot" => r#"{"event":"maintenance","reason":"before the update"}"#.to_owned(),
        "confirmService" => {
            format!(r#"{{"occurrence":"{occurrence}","service":"portal","state":"stopped"}}"#)
        }
        "approveDeletion" => format!(r#"{{"digest":"{}"}}"#, "0".repeat(64)),
        "confirmDeletion" => "{}".to_owned(),
        "confirmToday" => r#"{"today":"2026-11-22"}"#.to_owned(),
        "placeHold" => {
            r#"{"plan":"records","from":"2026-11-01","to":"2026-11-02","reason":"監査のため"}"#.to_owned()
        }
        "releaseHold" => r#"{"reason":"監査の終了"}"#.to_owned(),
        "openIncident" => r#"{"content":"接続できません。"}"#.to_owned(),
        "noteIncident" => r#"{"text":"確認中です。"}"#.to_owned(),
        "writeIncidentField" => r#"{"field":"cause","text":"調査中です。"}"#.to_owned(),
        "stepWork" => r#"{"step":"begin"}"#.to_owned(),
        "reviewAccessLog" => r#"{"log":"firewall","number":1,"remark":"異常なし"}"#.to_owned(),
        "stepIncident" => r#"{"step":"confirm"}"#.to_owned(),
        "stateRecoverability" => r#"{"plan":"records"}"#.to_owned(),
        "correctNotice" => r#"{"text":"訂正です。"}"#.to_owned(),
        "addAccount" => {
            let id = format!("new{}", role.word().replace('_', ""));
            format!(r#"{{"account":"{id}","role":"system_operator","password":"{PASSWORD}"}}"#)
        }
        "resetPassword" => format!(r#"{{"password":"{PASSWORD}!"}}"#),
        "makeToken" => format!(r#"{{"password":"{PASSWORD}","label":"another"}}"#),
        _ => return (path, None),
    };
    (path, Some(body))
}

async fn some_occurrence(site: &Site) -> String {
    let list = site.get(Role::Auditor, "/api/v1/occurrences?limit=1").await.json();
    list["items"][0]["occurrence"].as_str().expect("an occurrence").to_owned()
}

async fn send(
    site: &Site,
    operation: &Operation,
    occurrence: &str,
    (token, role): (&str, Role),
) -> (u16, String) {
    let (path, body) = filled(operation, occurrence, role);
    let version = site.version("w-0002").await;
    let headers: &[(&str, &str)] = if operation.needs_version { &[("If-Match", &version)] } else { &[] };
    let answer = site.ask((&operation.method, &path), token, headers, body.as_deref()).await;
    assert!(answer.status < 500, "{} {path} by {role}: {answer:?}", operation.method);
    let code = if answer.status < 400 { String::new() } else { answer.code() };
    (answer.status, code)
}

#[test]
fn every_address_of_the_document_has_a_row() {
    let (guarded, _) = operations();
    let addresses: BTreeSet<&str> = guarded.iter().map(|operation| operation.id.as_str()).collect();
    let rows: BTreeSet<&str> = ROWS.iter().map(|(id, _)| *id).collect();
    assert_eq!(addresses, rows);
    assert_eq!((guarded.len(), ROWS.len()), (addresses.len(), rows.len()), "each once");
}

#[tokio::test]
async fn every_role_may_exactly_what_the_table_says() {
    let site = Site::new().await;
    let occurrence = some_occurrence(&site).await;
    let (guarded, _) = operations();
    let mut wrong = Vec::new();
    for (minutes, operation) in guarded.iter().enumerate() {
        // The limits of how often are another test's.
        site.clock.set(site.now.plus_minutes(i64::try_from(minutes).expect("few")));
        let (_, letters) = ROWS.iter().find(|(id, _)| *id == operation.id).expect("a row");
        for (letter, role) in LETTERS {
            let (status, code) = send(&site, operation, &occurrence, (site.token(role), role)).await;
            let is_let_in = status != 401 && status != 403;
            if is_let_in != letters.contains(letter) || (status == 403 && code != "right-missing") {
                wrong.push(format!("{} by {role}: {status} {code}", operation.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused_whatever_its_role_may() {
    let site = Site::new().await;
    let occurrence = some_occurrence(&site).await;
    for (minutes, operation) in operations().0.iter().enumerate() {
        site.clock.set(site.now.plus_minutes(i64::try_from(minutes).expect("few")));
        if operation.scopes.is_empty() {
            continue;
        }
        let may_all = |role: &Role| operation.scopes.iter().any(|scope| may(*role, *scope));
        let role = Role::ALL.into_iter().find(may_all).expect("a role");
        let others: Vec<Act> =
            Act::ALL.into_iter().filter(|act| may(role, *act) && !operation.scopes.contains(act)).collect();
        let token = site.make(role, &others, 1).await;
        let found = send(&site, operation, &occurrence, (&token, role)).await;
        assert_eq!(found, (403, "right-missing".to_owned()), "{}", operation.id);
        // With the scope alone it is let in.
        let token = site.make(role, &operation.scopes[..1], 1).await;
        let (status, _) = send(&site, operation, &occurrence, (&token, role)).await;
        assert!(status != 401 && status != 403, "{} by {role}: {status}", operation.id);
    }
}

#[tokio::test]
async fn without_a_token_that_counts_nobody_is_let_in() {
    let site = Site::new().await;
    let (occurrence, role) = (some_occurrence(&site).await, Role::SystemAdministrator);
    let admin = &site.actors[&role];
    let (expired, revoked) = (site.make(role, &[], 1).await, site.make(role, &[], 90).await);
    let revoked_id = revoked.get(5..21).expect("an id");
    tokens::revoke(&site.office.desk.catalog, revoked_id, admin, site.now).await.expect("revoked");
    let other = format!("kura_{revoked_id}_{}", "0".repeat(64));
    let tomorrow = site.now.plus_minutes(24 * 60);
    for (minutes, operation) in operations().0.iter().enumerate() {
        site.clock.set(tomorrow.plus_minutes(i64::try_from(minutes).expect("few")));
        for (token, code) in [
            ("", "token-required"),
            (expired.as_str(), "token-refused"),
            (&revoked, "token-refused"),
            (&other, "token-refused"),
            ("nonsense", "token-refused"),
        ] {
            let found = send(&site, operation, &occurrence, (token, role)).await;
            assert_eq!(found, (401, code.to_owned()), "{} with {token:?}", operation.id);
        }
    }
    let answer = site.ask(("GET", "/api/v1/me"), "", &[("Authorization", "Basic eDp5")], None).await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"kura\""));
    let twice = [("Authorization", "Bearer x"), ("Authorization", "Bearer y")];
    assert_eq!(site.ask(("GET", "/api/v1/me"), "", &twice, None).await.status, 401);
    let cookie = [("Cookie", format!("token={}", site.token(role)))];
    let cookie: Vec<(&str, &str)> = cookie.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(site.ask(("GET", "/api/v1/me"), "", &cookie, None).await.status, 401, "no cookie counts");
}

#[tokio::test]
async fn what_is_public_needs_no_token_and_sets_no_cookie() {
    let site = Site::new().await;
    for path in operations().1 {
        let answer = site.ask(("GET", &path), "", &[("Origin", "https://elsewhere.example")], None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(answer.header("set-cookie").is_none(), "{path}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{path}");
    }
}
