//! The proof that everything inside its time is stored, as the morning's check makes it.

use super::Place;

fn codes(proof: &serde_json::Value) -> Vec<String> {
    let exceptions = proof["plans"][0]["exceptions"].as_array().expect("a list");
    exceptions.iter().map(|one| one["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn what_is_there_counts_and_what_is_missing_is_named() {
    let place = Place::with_plan();
    let empty = place.kura(&["coverage", "--json"]).ends(1).json();
    assert_eq!(codes(&empty), ["no-snapshot"], "{empty}");
    place.write("source/1", "x");
    place.kura(&["snapshot", "records"]).ends(0);
    let whole = place.kura(&["coverage", "--json", "--read", "1/1"]).ends(0).json();
    assert_eq!((&whole["ok"], &whole["store_can_lock"]), (&true.into(), &false.into()), "{whole}");
    let (alive, read) = (whole["alive"].as_u64(), whole["read_packs"].as_u64());
    assert!(alive == whole["whole"].as_u64() && alive > Some(0) && read > Some(0), "{whole}");

    let cohort = std::fs::read_dir(place.path("store/records")).expect("cohorts").flatten();
    let packs = cohort.map(|entry| entry.path().join("packs")).find(|path| path.is_dir()).expect("packs");
    let pack = std::fs::read_dir(packs).expect("packs").flatten().next().expect("a pack");
    std::fs::remove_file(pack.path()).expect("removed");
    let torn = place.kura(&["coverage", "--json"]).ends(1).json();
    assert_eq!(codes(&torn), ["cohort-damaged"], "{torn}");
    assert_eq!(torn["whole"].as_u64(), alive.map(|alive| alive - 1), "{torn}");
    let words = place.kura(&["coverage"]).ends(1);
    assert!(
        words.out.contains("objects are missing or altered: 1") && words.err.contains("/packs/"),
        "{} {}",
        words.out,
        words.err
    );
}

#[test]
fn a_plan_without_its_file_is_owed_nobody_knows_how_long() {
    let place = Place::with_plan();
    place.write("source/1", "x");
    place.kura(&["snapshot", "records"]).ends(0);
    std::fs::remove_file(place.path("home/policies/records.toml")).expect("removed");
    let proof = place.kura(&["coverage", "--json"]).ends(1).json();
    assert_eq!(proof["unplanned"], serde_json::json!(["records"]), "{proof}");
}
