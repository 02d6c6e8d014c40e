//! Who may see and do what, and what an attacker tries: forged forms, fixed sessions, floods, redirects, large bodies.

use kura::domain::role::{Act, Role, may};
use kura::domain::window::WindowKind;
use kura::web::console::{Need, addresses};
use kura::workflows::{accounts, windows};

use super::{PASSWORD, Site};
use crate::windows::terms;

/// An address with something that exists in the place of `{id}`.
fn filled(path: &str, window: &str) -> String {
    let id = if path.starts_with("/console/accounts") {
        "person0001".to_owned()
    } else if path.starts_with("/console/snapshots") {
        "e-0001".to_owned()
    } else if path.starts_with("/console/occurrences") {
        format!("{window}-2026-12-01")
    } else {
        window.to_owned()
    };
    path.replace("{id}", &id)
        .replace("{digest}", &"0".repeat(64))
        .replace("{plan}", "records")
        .replace("{number}", "1")
}

#[tokio::test]
async fn every_page_and_act_is_for_exactly_those_whose_role_may() {
    let site = Site::new(None).await;
    let mut roles = Role::ALL.to_vec();
    roles.swap(0, 2);
    let people = site.people(&roles).await;
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let window = windows::request(&site.desk(), &daily, &people[0], site.now()).await.unwrap();
    let all = addresses();
    assert!(all.len() > 40, "{}", all.len());
    let mut nobody = site.nobody();
    for address in &all {
        let path = filled(address.path, &window);
        let answer = nobody.ask(address.method, &path, "").await;
        let expected = match (address.need, address.path) {
            (Need::Nobody, "/console/setup") => 403,
            (Need::Nobody, "/console/login/code") => 401,
            (Need::Nobody, "/console/provider") => 404,
            (Need::Nobody, "/console/provider/return") => 409,
            (Need::Nobody, "/console/login") if address.method == "GET" => 200,
            (Need::Nobody, _) => 422,
            (Need::SignedIn | Need::Right(_), _) => 401,
        };
        assert_eq!(answer.status, expected, "nobody {} {path}", address.method);
        assert!(answer.body.contains("<html lang=\"ja\">"), "{path}: {}", answer.body);
    }
    for (person, role) in people.iter().zip(roles) {
        let visitor = site.visitor(person.account.as_str()).await;
        for address in all.iter().filter(|address| address.need != Need::Nobody) {
            let path = filled(address.path, &window);
            let is_allowed = match address.need {
                Need::Right(act) => may(role, act),
                Need::Nobody | Need::SignedIn => true,
            };
            let what = format!("{role} {} {path}", address.method);
            if address.method == "GET" {
                let answer = visitor.clone().get(&path).await;
                assert_eq!(answer.status != 403, is_allowed, "{what}: {}", answer.status);
                assert!(answer.status != 401 && answer.status < 500, "{what}: {}", answer.status);
                continue;
            }
            let forged = visitor.clone().ask("POST", &path, "reason=x&token=0000").await;
            assert_eq!(forged.status, 403, "{what} with a wrong token");
            if !is_allowed {
                let answer = visitor.clone().post(&path, &[("reason", "x")]).await;
                assert_eq!(answer.status, 403, "{what}");
            }
        }
    }
    let left = site.desk().catalog.window(&window).await.unwrap().unwrap();
    assert_eq!(left.state.word(), "requested", "nothing of all that did anything");
}

#[tokio::test]
async fn what_a_role_may_not_is_not_offered() {
    let site = Site::new(None).await;
    let people = site.people(&[Role::SystemAdministrator, Role::ServiceOperator, Role::SystemOperator]).await;
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let id = windows::request(&site.desk(), &daily, &people[0], site.now()).await.unwrap();
    for (person, offered, hidden) in [
        ("person0000", "取下げへ進む", "承認へ進む"),
        ("person0001", "承認へ進む", "取下げへ進む"),
        ("person0002", "これからの12回", "承認へ進む"),
    ] {
        let page = site.visitor(person).await.get(&format!("/console/windows/{id}")).await.body;
        assert!(page.contains(offered) && !page.contains(hidden), "{person}: {page}");
    }
    assert!(!may(Role::SystemOperator, Act::ManageAccounts));
    let home = site.visitor("person0002").await.get("/console").await.body;
    assert!(!home.contains("/console/accounts") && !home.contains("/console/audit"), "{home}");
}

#[tokio::test]
async fn forms_of_other_sites_and_without_the_token_change_nothing() {
    let site = Site::new(None).await;
    let people = site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    let daily = terms(WindowKind::Daily, "daily 02:00", &[]);
    let id = windows::request(&site.desk(), &daily, &people[0], site.now()).await.unwrap();
    let visitor = site.visitor("person0001").await;
    let page = visitor.clone().get(&format!("/console/windows/{id}")).await.body;
    let seen = page.split("seen=").nth(1).and_then(|rest| rest.get(..64)).unwrap().to_owned();
    let path = format!("/console/windows/{id}/approve");
    let state = async || site.desk().catalog.window(&id).await.unwrap().unwrap().state.word();
    let body = format!("seen={seen}");
    assert_eq!(visitor.clone().ask("POST", &path, &body).await.status, 403, "no token");
    for extra in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
    ] {
        let mut other = visitor.clone();
        other.extra = extra.to_owned();
        let answer = other.post(&path, &[("seen", &seen)]).await;
        assert_eq!(answer.status, 403, "{extra}");
        assert!(answer.body.contains("何も変更されていません"), "{}", answer.body);
    }
    let mut other = site.visitor("person0000").await;
    other.cookies = visitor.cookies.clone();
    assert_eq!(other.post(&path, &[("seen", &seen)]).await.status, 403, "the token of another session");
    let unseen = visitor.clone().post(&path, &[("seen", &"0".repeat(64))]).await;
    assert_eq!(unseen.status, 409, "what was not shown is not approved");
    assert_eq!(state().await, "requested");
    let mut own = visitor.clone();
    own.extra = "Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n".to_owned();
    assert_eq!(own.post(&path, &[("seen", &seen)]).await.status, 303);
    assert_eq!(state().await, "approved");
}

#[tokio::test]
async fn a_session_is_new_at_each_sign_in_and_ends_with_its_time_or_its_account() {
    let site = Site::new(None).await;
    let people = site.people(&[Role::SystemAdministrator, Role::SystemOperator]).await;
    let mut visitor = site.nobody();
    visitor.cookies.insert("kura-session".to_owned(), "f".repeat(64));
    assert_eq!(visitor.get("/console").await.status, 401, "a planted cookie is worth nothing");
    let form = [("account", "person0001"), ("password", PASSWORD)];
    let answer = visitor.post("/console/login", &form).await;
    assert_eq!(answer.status, 303);
    let first = visitor.clone();
    assert_ne!(first.cookies["kura-session"], "f".repeat(64), "fixation");
    assert_eq!(visitor.post("/console/login", &form).await.status, 303);
    assert_ne!(first.cookies["kura-session"], visitor.cookies["kura-session"]);
    assert_eq!(first.clone().get("/console").await.status, 401, "the session before counts no more");

    let start = site.now();
    for minutes in [29, 58, 87] {
        site.clock.set(start.plus_minutes(minutes));
        assert_eq!(visitor.get("/console").await.status, 200, "being used keeps it alive");
    }
    site.clock.set(start.plus_minutes(87 + 31));
    assert_eq!(visitor.get("/console").await.status, 401, "idle");
    let mut whole = site.visitor("person0001").await;
    let begun = site.now();
    for quarter in 1..48 {
        site.clock.set(begun.plus_minutes(quarter * 15));
        assert_eq!(whole.get("/console").await.status, 200);
    }
    site.clock.set(begun.plus_minutes(12 * 60));
    assert_eq!(whole.get("/console").await.status, 401, "half a day at most");

    let mut disabled = site.visitor("person0001").await;
    assert_eq!(disabled.get("/console").await.status, 200);
    let account = people[1].account.clone();
    accounts::disable(&site.desk().catalog, &account, "left", &people[0], site.now()).await.unwrap();
    assert_eq!(disabled.get("/console").await.status, 401, "at once");

    let mut leaving = site.visitor("person0000").await;
    let mut other = site.visitor("person0000").await;
    let kept = leaving.clone();
    let answer = leaving.post("/console/sign-out", &[]).await;
    assert!(answer.status == 303 && answer.head.contains("Max-Age=0"), "{}", answer.head);
    assert_eq!(kept.clone().get("/console").await.status, 401);
    let change =
        [("password", PASSWORD), ("new", "another-Horse8battery"), ("again", "another-Horse8battery")];
    let mut changer = other.clone();
    assert_eq!(changer.post("/console/own/password", &change).await.status, 303);
    assert_eq!(other.get("/console").await.status, 401, "sessions end with the password");
    assert_eq!(changer.get("/console").await.status, 200, "but for the browser that changed it");
}

#[tokio::test]
async fn cookies_and_headers_leave_nothing_open() {
    let site = Site::new(Some("https://kura.example")).await;
    site.people(&[Role::SystemAdministrator]).await;
    let mut visitor = site.nobody();
    let form = [("account", "person0000"), ("password", PASSWORD)];
    let answer = visitor.post("/console/login", &form).await;
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    let (value, flags) = cookie.split_once("; ").unwrap();
    assert!(value.starts_with("__Secure-kura-session=") && value.len() == 22 + 64, "{value}");
    assert_eq!(flags, "Path=/console; HttpOnly; SameSite=Lax; Secure");
    let page = visitor.get("/console?lang=en").await;
    for (name, expected) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), Some(expected), "{name}");
    }
    assert_eq!(
        page.header("set-cookie"),
        Some("kura-lang=en; Path=/console; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure")
    );
    assert!(page.body.contains("<html lang=\"en\">") && !page.body.contains("<script"), "{}", page.body);
    assert!(!page.body.contains(" style="), "the policy forbids it");
    let again = visitor.get("/console").await;
    assert!(again.body.contains("<html lang=\"en\">"), "the language is kept");
}

#[tokio::test]
async fn nobody_is_led_elsewhere() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator]).await;
    for (next, expected) in [
        ("https://evil.example/", "/console"),
        ("//evil.example", "/console"),
        ("/console//evil.example", "/console"),
        ("/console\\evil", "/console"),
        ("/console\r\nSet-Cookie: a=b", "/console"),
        ("/notices", "/console"),
        ("/console/runs?at=1", "/console/runs?at=1"),
    ] {
        let form = [("account", "person0000"), ("password", PASSWORD), ("next", next)];
        let answer = site.nobody().post("/console/login", &form).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(expected)), "{next:?}");
    }
    let asked = site.nobody().get("/console/windows?before=w-0009").await;
    assert_eq!(asked.status, 401);
    assert!(asked.body.contains("value=\"/console/windows?before=w-0009\""), "{}", asked.body);
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_is_slowed_down_and_locked_out() {
    let site = Site::new(None).await;
    site.people(&[Role::SystemAdministrator]).await;
    let mut visitor = site.nobody();
    let wrong = [("account", "person0000"), ("password", "wrong-Password7!")];
    for _ in 0..5 {
        let answer = visitor.post("/console/login", &wrong).await;
        assert!(answer.status == 422 && answer.body.contains("正しくありません"), "{}", answer.body);
        assert!(!answer.body.contains("wrong-Password7!"), "a password is never sent back");
    }
    let right = [("account", "person0000"), ("password", PASSWORD)];
    let locked = visitor.post("/console/login", &right).await;
    assert!(locked.status == 422 && locked.body.contains("ロックされ、その間は"), "{}", locked.body);
    let unknown = [("account", "person0009"), ("password", PASSWORD)];
    let told = visitor.post("/console/login", &unknown).await;
    assert_eq!(told.body.replace("person0009", "person0000"), locked.body, "an unknown id is told the same");
    for _ in 7..20 {
        assert_eq!(visitor.post("/console/login", &wrong).await.status, 422);
    }
    let throttled = visitor.post("/console/login", &right).await;
    assert!(throttled.status == 429 && throttled.body.contains("待ってから"), "{}", throttled.body);
    let mut elsewhere = site.nobody();
    elsewhere.extra = "X-Forwarded-For: 203.0.113.9\r\n".to_owned();
    assert_eq!(
        elsewhere.post("/console/login", &wrong).await.status,
        422,
        "each address has its own measure"
    );
    site.clock.set(site.now().plus_minutes(16));
    assert_eq!(site.nobody().post("/console/login", &right).await.status, 303);
}

#[tokio::test]
async fn what_people_wrote_is_never_html_and_large_bodies_are_refused() {
    let evil = ["<script>alert(1)</script>\"'>"];
    let settings = format!("\n[[service]]\nname = {:?}\nmanual = true\n", evil[0]);
    let site = Site::with(None, &settings).await;
    let people = site.people(&[Role::SystemAdministrator, Role::ServiceOperator]).await;
    let monthly = terms(WindowKind::Monthly, "monthly first sunday 01:00", &evil);
    let id = windows::request(&site.desk(), &monthly, &people[0], site.now()).await.unwrap();
    let mut doctor = site.visitor("person0001").await;
    let reason = [("reason", "<img src=x onerror=alert(1)>")];
    assert_eq!(doctor.post(&format!("/console/windows/{id}/return"), &reason).await.status, 303);
    for path in [
        "/console",
        "/console/windows",
        &format!("/console/windows/{id}"),
        "/console/audit",
        "/console/calendar",
    ] {
        let page = doctor.get(path).await.body;
        assert!(!page.contains("<script") && !page.contains("<img"), "{path}: {page}");
    }
    let shown = doctor.get(&format!("/console/windows/{id}")).await.body;
    assert!(shown.contains("&lt;img src=x") && shown.contains("&lt;script&gt;"), "{shown}");
    let strange = doctor.get("/console/restore-points?plan=%3Cscript%3E").await.body;
    assert!(!strange.contains("<script"), "{strange}");

    let large = format!("account={}", "x".repeat(1024 * 1024));
    let refused = site.nobody().ask("POST", "/console/login", &large).await;
    assert!(refused.status == 413 && refused.body.contains("送信内容が大きすぎます"), "{}", refused.body);
    assert_eq!(refused.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    let program = site.nobody().ask("POST", "/api/v1/windows", &large).await;
    assert_eq!((program.status, program.header("content-type")), (413, Some("application/problem+json")));
    for answer in [&refused, &program] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("'none'")));
    }
    let mut streamed = site.nobody();
    streamed.extra = "Transfer-Encoding: chunked\r\n".to_owned();
    let answer = streamed.ask("POST", "/console/login", "5\r\nhello\r\n0\r\n\r\n").await;
    assert!((400..500).contains(&answer.status), "two lengths: {}", answer.status);
    assert_eq!(doctor.ask("DELETE", "/console/windows", "").await.status, 405);
    assert_eq!(doctor.get("/console/nothing/here").await.status, 404);
}
