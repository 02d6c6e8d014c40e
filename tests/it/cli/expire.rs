//! Deletion, holds and certificates with the real program, on a home whose data is two years old.

use kura::clock::{Clock as _, SystemClock};
use kura::workflows::desk::tokyo;

use super::Place;
use crate::support::kura::Kura;
use crate::support::pdf;
use crate::support::simulate::write;

const ADMIN: &str = "admin00001";
const DOCTOR: &str = "ishikai001";

/// A home with two days of 2024, whose year is over.
pub(super) async fn old_home() -> Place {
    let kura = Kura::new("2024-11-01").await;
    let plan = kura.records();
    for day in ["2024-11-01", "2024-11-02"] {
        kura.set_day(day);
        write(&kura.source().join(day), day, day);
        kura.snapshot(&plan).await.expect("a snapshot");
    }
    let text = format!(
        "name = \"test\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {:?}\nsent_day = \"mtime\"\n",
        kura.source().display().to_string()
    );
    std::fs::write(kura.home().policies().join("test.toml"), text).expect("the plan");
    let place = Place { dir: kura.dir };
    place.add_account("", DOCTOR, "service_operator");
    place.add_account(DOCTOR, ADMIN, "system_administrator");
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_delete_what_is_past_and_hand_on_a_certificate() {
    let place = old_home().await;
    let shown = place.kura(&["expire", "plan", "--json"]).ends(0).json();
    assert_eq!(shown["due"].as_array().expect("a list").len(), 3, "{shown}");
    assert_eq!(shown["due"][0]["promised_last_day"], "2025-10-31", "{shown}");
    assert_eq!(shown["clock"], "clock-unproved", "a folder on one machine: {shown}");
    let words = place.kura(&["expire", "plan"]).ends(0);
    assert!(words.out.contains("令和7年11月2日") && words.out.contains("digest: "), "{}", words.out);
    let ran = place.kura_as(ADMIN, &["expire", "run"]).ends(4);
    assert!(ran.out.contains("kura expire today"), "{}", ran.out);
    let digest = shown["digest"].as_str().expect("a digest").to_owned();
    let today = tokyo().day_of(SystemClock.now()).to_string();
    let ran = place.kura_as(DOCTOR, &["expire", "approve", &digest]).ends(4);
    assert!(ran.err.contains("may not approve orders of deletion"), "{}", ran.err);
    place.kura_as(ADMIN, &["expire", "approve", &digest]).ends(0);
    place.kura_as(ADMIN, &["expire", "confirm", &digest]).ends(4);
    let ran = place.kura_as(DOCTOR, &["expire", "confirm", &digest, "--today", "2025-01-01"]).ends(4);
    assert!(ran.err.contains("one of them is wrong"), "{}", ran.err);
    let short: String = digest.chars().take(12).collect();
    place.kura_as(DOCTOR, &["expire", "confirm", &short, "--today", &today]).ends(0);
    let ran = place.kura_as(ADMIN, &["expire", "run", "--json"]).ends(0).json();
    assert_eq!(ran["certificates"], serde_json::json!([1]), "{ran}");
    let shown = place.kura(&["expire", "plan"]).ends(0);
    assert!(shown.out.contains("Nothing is due."), "{}", shown.out);
    place.kura(&["coverage"]).ends(0);
    place.kura(&["verify"]).ends(0);
    place.kura(&["audit", "verify"]).ends(0);

    let list = place.kura(&["certificate", "list", "--json"]).ends(0).json();
    assert_eq!((&list[0]["number"], &list[0]["cohorts"]), (&1.into(), &2.into()), "{list}");
    let page = place.kura(&["certificate", "show", "1", "--html"]).ends(0).out;
    for words in ["消去証明書", "令和6年11月1日", "承認", ADMIN, DOCTOR, "残り 0 件"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("2024-11-01</"), "{page}");
    let printed = pdf::pages(&place.kura(&["certificate", "show", "1", "--pdf"]).ends(0).bytes).concat();
    for words in ["消去証明書第1号", "令和6年11月1日", "保管期間1年、", "残り0件"] {
        assert!(pdf::solid(&printed).contains(words), "{words}: {printed}");
    }
    let bundle = place.kura(&["certificate", "show", "1", "--json"]).ends(0).out;
    place.write("certificate-1.json", &bundle);
    let identity = std::fs::read_to_string(place.path("recovery.key")).expect("the recovery key");
    let root = identity.lines().find_map(|line| line.strip_prefix("# kura-root: ")).expect("a root");
    let file = place.text("certificate-1.json");
    let verify = ["certificate", "verify", &file, "--root", root];
    place.kura(&verify).ends(0);
    place.kura(&["certificate", "verify", &file, "--root", &format!("sha256:{}", "0".repeat(64))]).ends(1);
    let mut bytes = bundle.clone().into_bytes();
    let at = bundle.find("\"certificate\"").expect("an envelope") + 200;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    place.write("certificate-1.json", &String::from_utf8(bytes).expect("ASCII there"));
    let ran = place.kura(&verify).ends(1);
    assert!(ran.err.contains("certificate-1.json"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_placed_by_the_association_and_shown() {
    let place = old_home().await;
    let add = ["hold", "add", "test", "--from", "2024-11-01", "--reason", "監査のため"];
    place.kura_as(ADMIN, &add).ends(4);
    place.kura_as(DOCTOR, &add).ends(0);
    let ran = place.kura_as(DOCTOR, &["hold", "release", "test", "1", "--reason", "終了"]).ends(4);
    assert!(ran.err.contains("somebody else must"), "{}", ran.err);
    let list = place.kura(&["hold", "list", "--json"]).ends(0).json();
    assert_eq!(
        (&list[0]["from"], &list[0]["reason"]),
        (&"2024-11-01".into(), &"監査のため".into()),
        "{list}"
    );
    let shown = place.kura(&["expire", "plan", "--json"]).ends(0).json();
    assert_eq!(shown["kept_back"][0]["code"], "hold", "{shown}");
    assert_eq!(shown["due"].as_array().expect("a list").len(), 1, "{shown}");
    place
        .kura_as(
            DOCTOR,
            &["hold", "add", "test", "--from", "2024-11-02", "--to", "2024-11-01", "--reason", "x"],
        )
        .ends(2);
}
