//! Reports to the 医師会: what they say follows from what the installation is and does.

use super::{Place, Ran};

fn rows(report: &Ran) -> Vec<Vec<String>> {
    let json = report.json();
    let tables = json["tables"].as_array().expect("tables").clone();
    let rows = tables.iter().flat_map(|table| table["rows"].as_array().expect("rows").clone());
    rows.map(|row| serde_json::from_value(row).expect("texts")).collect()
}

/// The answer to each clause of a control.
fn answers(report: &Ran, control: &str) -> Vec<String> {
    rows(report).into_iter().filter(|row| row[4] == control).map(|row| row[2].clone()).collect()
}

#[test]
fn what_is_not_so_is_not_claimed_and_what_becomes_so_is() {
    let place = Place::with_plan();
    let ask =
        |place: &Place| place.kura(&["report", "checklist", "--guideline", "mhlw-6.0", "--json"]).ends(0);
    let before = ask(&place);
    assert_eq!(answers(&before, "G-01"), ["いいえ", "いいえ"], "no generation, and a folder locks nothing");
    assert_eq!(answers(&before, "G-07"), ["いいえ"]);
    assert_eq!(answers(&before, "G-13"), ["はい", "いいえ"], "the log is whole; no clock outside is asked");
    assert_eq!(answers(&before, "1.6"), ["要確認"]);
    for name in ["1", "2", "3"] {
        place.write(&format!("source/{name}"), name);
        place.kura(&["snapshot", "records"]).ends(0);
    }
    place.kura(&["coverage"]).ends(0);
    let after = ask(&place);
    assert_eq!(answers(&after, "G-01"), ["はい", "いいえ"]);
    assert_eq!(answers(&after, "G-07"), ["はい"]);
    assert_eq!(answers(&after, "G-05"), ["いいえ"], "nobody tried a restore, though none is due yet");
}

#[test]
fn the_five_items_are_those_of_the_installation() {
    let place = Place::with_snapshot();
    let report = place.kura(&["report", "sla", "--json"]).ends(0);
    let rows = rows(&report);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0][0].contains("records") && rows[0][2].contains("1世代"), "{rows:?}");
    assert!(rows[0][4].contains(&place.store()), "{rows:?}");
    for kind in ["checklist", "sla", "bcp", "storage", "generations"] {
        let page = place.kura(&["report", kind, "--html"]).ends(0).out;
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("作成日：令和"), "{kind}");
        assert!(page.contains(r#"lang="ja""#) && !page.contains("<script"), "{kind}");
        assert!(!place.kura(&["report", kind]).ends(0).out.is_empty());
    }
    let wrong = place.kura(&["report", "checklist", "--guideline", "mhlw-5"]).ends(2);
    assert!(wrong.err.contains("mhlw-5") && wrong.err.contains("mhlw-6.0"), "{}", wrong.err);
}
