//! Windows, notices and the gate with the real program and the real clock.

use super::{Place, Ran};

const ADMIN: &str = "admin00001";
const DOCTOR: &str = "ishikai001";
const OPERATOR: &str = "operator01";

/// A place with a plan and an account for each of those who take part.
fn place() -> Place {
    let place = Place::with_plan();
    place.add_account("", DOCTOR, "service_operator");
    place.add_account(DOCTOR, ADMIN, "system_administrator");
    place.add_account(DOCTOR, OPERATOR, "system_operator");
    place
}

fn request(place: &Place, account: &str, more: &[&str]) -> Ran {
    let daily =
        ["window", "request", "records", "--kind", "daily", "--at", "０２：００", "--length", "2h", "--json"];
    place.kura_as(account, &[&daily[..], more].concat())
}

#[test]
fn a_window_is_asked_for_looked_at_and_approved_by_somebody_else() {
    let place = place();
    request(&place, DOCTOR, &[]).ends(4);
    request(&place, OPERATOR, &[]).ends(4);
    let asked = request(&place, ADMIN, &[]).ends(0).json();
    assert_eq!((&asked["window"], &asked["state"]), (&"w-0001".into(), &"requested".into()));
    let preview = place.kura(&["window", "preview", "w-0001", "--json"]).ends(0).json();
    assert_eq!(preview["occurrences"].as_array().map(Vec::len), Some(12));
    assert_eq!(preview["occurrences"][0]["too_early_for_a_notice"], true);
    assert_eq!(preview["occurrences"][8]["too_early_for_a_notice"], false);
    let digest = preview["digest"].as_str().expect("a digest");
    let other = digest.replace(|c: char| c.is_ascii_digit(), "a");
    place.kura_as(ADMIN, &["window", "approve", "w-0001"]).ends(4);
    let ran = place.kura_as(DOCTOR, &["window", "approve", "w-0001", "--digest", &other]).ends(4);
    assert!(ran.err.contains("look at it again"), "{}", ran.err);
    let ran = place.kura_as(DOCTOR, &["window", "approve", "w-0001", "--digest", digest]).ends(0);
    assert!(ran.out.contains("承認番号 BW-20"), "{}", ran.out);
    let listed = place.kura(&["window", "list", "--json"]).ends(0).json();
    assert_eq!((&listed[0]["state"], &listed[0]["approved_by"]), (&"approved".into(), &DOCTOR.into()));
    let ahead = place.kura(&["window", "occurrences", "--json"]).ends(0).json();
    assert!(ahead.as_array().is_some_and(|ahead| ahead.len() >= 50), "{ahead}");
    assert!(ahead.as_array().unwrap().iter().all(|one| one["state"] == "announced"));
    place.kura(&["audit", "verify"]).ends(0);
}

#[test]
fn a_plan_with_windows_waits_for_its_time() {
    let place = place();
    place.kura(&["snapshot", "records"]).ends(0);
    request(&place, ADMIN, &[]).ends(0);
    let ran = place.kura(&["snapshot", "records"]).ends(4);
    assert!(ran.err.contains("承認を受けていません") && ran.err.contains("not approved"), "{}", ran.err);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    let ran = place.kura(&["snapshot", "records"]).ends(4);
    assert!(ran.err.contains("The next occurrence is") && ran.err.contains("令和"), "{}", ran.err);
    // As the help and docs/operations.md say.
    place.kura(&["snapshot", "records", "--event", "daily", "--reason", "no event"]).ends(4);
    place.kura(&["snapshot", "records", "--event", "monthly", "--reason", "no event"]).ends(4);
    let help = place.kura(&["snapshot", "--help"]).ends(0).out;
    assert!(help.contains("daily and monthly are the windows' own"), "{help}");
    place.kura(&["snapshot", "records", "--event", "adhoc"]).ends(4);
    place.kura(&["snapshot", "records", "--event", "acceptance", "--reason", "release 7"]).ends(0);
    let log = place.kura(&["audit", "list", "--limit", "500", "--json"]).ends(0).json();
    let refused = log.as_array().unwrap().iter().filter(|line| line["act"] == "snapshot.refuse").count();
    assert_eq!(refused, 5, "every refusal is recorded");
}

#[test]
fn an_edit_that_matters_ends_the_approval_and_a_comment_does_not() {
    let place = place();
    request(&place, ADMIN, &[]).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    let plan = place.source_plan("records");
    place.plan("records", &format!("# a remark\n{plan}"));
    let listed = place.kura(&["window", "list", "--json"]).ends(0).json();
    assert_eq!(listed[0]["state"], "approved");
    place.plan("records", &plan.replace("class = \"system\"", "class = \"system\"\nretention = \"2 years\""));
    let listed = place.kura(&["window", "list", "--json"]).ends(0).json();
    assert_eq!(listed[0]["state"], "lapsed");
    let ran = place.kura(&["snapshot", "records"]).ends(4);
    assert!(ran.err.contains("must be approved again"), "{}", ran.err);
    let told = place.kura(&["notice", "list", "--json"]).ends(0).json();
    assert_eq!((&told[0]["status"], &told[0]["revision"]), (&"cancelled".into(), &2.into()));
}

#[test]
fn requests_are_returned_and_withdrawn_with_a_reason() {
    let place = place();
    request(&place, ADMIN, &[]).ends(0);
    let back = ["window", "return", "w-0001", "--reason", "時間が早すぎます"];
    place.kura_as(ADMIN, &back).ends(4);
    place.kura_as(DOCTOR, &back).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(4);
    place.kura(&["snapshot", "records"]).ends(0);
    request(&place, ADMIN, &[]).ends(0);
    place.kura_as(ADMIN, &["window", "withdraw", "w-0002", "--reason", "no longer needed"]).ends(0);
    let listed = place.kura(&["window", "list", "--json"]).ends(0).json();
    assert_eq!(
        (&listed[0]["reason"], &listed[1]["state"]),
        (&"時間が早すぎます".into(), &"withdrawn".into())
    );
}

#[test]
fn a_stop_is_for_monthly_windows_and_is_announced_in_both_languages() {
    let place = place();
    let ran = request(&place, ADMIN, &["--stop", "ポータル"]).ends(2);
    assert!(ran.err.contains("第21条③"), "{}", ran.err);
    let monthly =
        ["window", "request", "records", "--kind", "monthly", "--day", "first sunday", "--at", "01:00"];
    let monthly = [&monthly[..], &["--length", "4h", "--stop", "ポータル"]].concat();
    let ran = place.kura_as(ADMIN, &monthly).ends(2);
    assert!(ran.err.contains("ポータル") && ran.err.contains("[[service]]"), "{}", ran.err);
    let settings = place.path("home/kura.toml");
    let mut text = std::fs::read_to_string(&settings).unwrap();
    text.push_str("\n[[service]]\nname = \"ポータル\"\nstop = [\"true\"]\nstart = [\"true\"]\n");
    std::fs::write(&settings, text).unwrap();
    place.kura_as(ADMIN, &monthly).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    let told = place.kura(&["notice", "list", "--json"]).ends(0).json();
    assert_eq!(told[0]["impact"], "full");
    let id = told[0]["id"].as_str().unwrap();
    let shown = place.kura(&["notice", "show", id]).ends(0).out;
    assert!(shown.contains("サービス停止のお知らせ") && shown.contains("ポータル cannot be used"), "{shown}");
    place.kura_as(ADMIN, &["notice", "correct", id, "--text", "x"]).ends(4);
    for text in ["二\n行", "右から\u{202e}左", "段落\u{2029}の区切り"] {
        let ran = place.kura_as(OPERATOR, &["notice", "correct", id, "--text", text]).ends(2);
        assert!(ran.err.contains("without line breaks") && !ran.err.contains("reason"), "{}", ran.err);
    }
    place.kura_as(OPERATOR, &["notice", "correct", id, "--text", "対象を訂正します。"]).ends(0);
    let shown = place.kura(&["notice", "show", id]).ends(0).out;
    assert!(shown.starts_with("【訂正】") && shown.contains("対象を訂正します。"), "{shown}");
    let ahead = place.kura_as(OPERATOR, &["notice", "close", id]).ends(4);
    assert!(ahead.err.contains("withdraw window w-0001"), "{}", ahead.err);
    place.kura_as(ADMIN, &["window", "withdraw", "w-0001", "--reason", "見合わせます。"]).ends(0);
    place.kura_as(OPERATOR, &["notice", "close", id]).ends(0);
}

#[test]
fn settings_say_who_speaks_and_how_early() {
    let place = place();
    let settings = std::fs::read_to_string(place.path("home/kura.toml")).expect("settings");
    let notices = "\n[notices]\ncontact = \"窓口 052-000-0000\"\nlead_days = 30\n";
    place.write("home/kura.toml", &format!("{settings}{notices}"));
    request(&place, ADMIN, &[]).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    let told = place.kura(&["notice", "list", "--json"]).ends(0).json();
    assert!(told[0]["body"].as_str().unwrap().contains("窓口 052-000-0000"));
    let ahead = place.kura(&["window", "occurrences", "--json"]).ends(0).json();
    assert!(ahead.as_array().is_some_and(|ahead| ahead.len() <= 31), "{ahead}");
}

#[test]
fn a_stop_by_hand_is_listed_and_confirmed_by_somebody_who_may() {
    let place = place();
    let file = place.path("home/kura.toml");
    let settings = std::fs::read_to_string(&file).expect("settings");
    std::fs::write(&file, settings + "\n[[service]]\nname = \"ポータル\"\nmanual = true\n")
        .expect("settings");
    let monthly =
        ["window", "request", "records", "--kind", "monthly", "--day", "first sunday", "--at", "1:00"];
    let monthly = [&monthly[..], &["--length", "4h", "--stop", "ポータル"]].concat();
    place.kura_as(ADMIN, &monthly).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    let listed = place.kura(&["service", "list"]).ends(0).out;
    assert!(listed.contains("by hand") && listed.contains("not stopped"), "{listed}");
    let confirm = ["service", "confirm", "ポータル", "--stopped"];
    let ran = place.kura_as(OPERATOR, &confirm).ends(1);
    assert!(ran.err.contains("nobody is asked to confirm this"), "{}", ran.err);
    place.kura_as(OPERATOR, &["service", "confirm", "ポータル"]).ends(2);

    // As the service does when the window begins.
    let ahead = place.kura(&["window", "occurrences", "--json"]).ends(0).json();
    let occurrence = ahead[0]["occurrence"].as_str().expect("an occurrence").to_owned();
    let catalog = place.path("home/catalog.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use kura::clock::Clock as _;
        let catalog = kura::catalog::Catalog::open(&catalog).await.expect("a catalog");
        let (mut tx, now) = (catalog.begin().await.expect("a transaction"), kura::clock::SystemClock.now());
        tx.ask_by_hand(&occurrence, "ポータル", now).await.expect("asked for");
        let [actor, act, detail] = ["kura", "service.ask-stop", ""].map(str::to_owned);
        let entry =
            kura::domain::audit::AuditEntry { at: now, actor, act, subject: occurrence.clone(), detail };
        tx.commit(&[entry]).await.expect("committed");
        catalog.close().await;
    });
    let listed = place.kura(&["service", "list", "--json"]).ends(0).json();
    assert_eq!((&listed[0]["is_down"], &listed[0]["by_hand"][0]["stage"]), (&true.into(), &"to-stop".into()));
    place.kura_as(DOCTOR, &confirm).ends(4);
    let ran = place.kura_as(OPERATOR, &confirm).ends(0);
    assert!(ran.out.contains("operator01 confirmed: ポータル is stopped"), "{}", ran.out);
    let listed = place.kura(&["service", "list", "--json"]).ends(0).json();
    assert_eq!(listed[0]["by_hand"][0]["stage"], "stopped");
    place
        .kura_as(OPERATOR, &["service", "confirm", "ポータル", "--running", "--occurrence", &occurrence])
        .ends(4);
    place.kura(&["audit", "verify"]).ends(0);
}

#[test]
fn the_report_of_a_break_glass_is_seen_by_who_approves_and_only_where_there_is_one() {
    let place = place();
    request(&place, ADMIN, &[]).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    let ahead = place.kura(&["window", "occurrences", "--json"]).ends(0).json();
    let id = ahead[0]["occurrence"].as_str().expect("an occurrence").to_owned();
    for account in [ADMIN, OPERATOR] {
        let ran = place.kura_as(account, &["window", "see-report", &id]).ends(4);
        assert!(ran.err.contains("window.decide") || ran.err.contains("may not"), "{}", ran.err);
    }
    for (which, words) in
        [(id.as_str(), "break-glass to report of"), ("w-0009-2026-01-01", "w-0009-2026-01-01")]
    {
        let ran = place.kura_as(DOCTOR, &["window", "see-report", which]).ends(1);
        assert!(ran.err.contains(words), "{}", ran.err);
    }
}
