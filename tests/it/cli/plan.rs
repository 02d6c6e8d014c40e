//! Checking, showing and listing plans.

use super::Place;

#[test]
fn every_mistake_of_every_plan_is_named_with_its_place() {
    let place = Place::with_plan();
    place.plan(
        "bad",
        "name = \"bad\"\nclass = \"sistem\"\n[[source]]\nkind = \"directory\"\npath = \"relative\"\n",
    );
    let ran = place.kura(&["plan", "check"]).ends(2);
    let bad = place.text("home/policies/bad.toml");
    assert!(ran.err.contains(&format!("{bad}:2:")) && ran.err.contains(&format!("{bad}:5:")), "{}", ran.err);
    assert!(ran.err.contains("2 mistakes"), "{}", ran.err);
    assert!(ran.out.contains("records.toml: ok"), "{}", ran.out);
    let checked = place.kura(&["plan", "check", "--json", "bad", "records"]).ends(2).json();
    assert_eq!((&checked[0]["ok"], &checked[1]["ok"]), (&false.into(), &true.into()));
    assert_eq!(checked[0]["problems"][0]["line"], 2);
}

#[test]
fn a_file_is_checked_without_a_home() {
    let place = Place::new();
    place.write("records.toml", &place.source_plan("records"));
    let ran = place.kura(&["plan", "check", "records.toml"]).ends(0);
    assert!(ran.err.contains("is no folder on this machine"), "{}", ran.err);
    place.kura(&["plan", "check", "./nowhere.toml"]).ends(2);
    let ran = place.kura(&["plan", "check", "records"]).ends(1);
    assert!(ran.err.contains("is not a Kura home"), "{}", ran.err);
}

#[test]
fn a_plan_is_shown_in_words_and_days() {
    let place = Place::with_plan();
    let ran = place.kura(&["plan", "show", "records"]).ends(0);
    for word in ["system", "1 year", "Asia/Tokyo", "may be deleted from", "next generation", "compliance"] {
        assert!(ran.out.contains(word), "{word} is missing:\n{}", ran.out);
    }
    let meaning = place.kura(&["plan", "show", "records", "--json"]).ends(0).json();
    assert_eq!(meaning["clock"], "generation");
    let (promised, deleted) = (&meaning["example"]["promised_until"], &meaning["example"]["delete_from"]);
    assert!(promised.as_str() < deleted.as_str(), "{meaning}");
}

#[test]
fn plans_are_listed_even_if_one_is_wrong() {
    let place = Place::with_plan();
    place.plan("bad", "name = 1");
    let ran = place.kura(&["plan", "list"]).ends(0);
    assert!(ran.out.contains("records") && ran.out.contains("kura plan check"), "{}", ran.out);
    let ran = place.kura(&["snapshot", "bad"]).ends(2);
    assert!(ran.err.contains("bad.toml:1:"), "{}", ran.err);
    let ran = place.kura(&["snapshot", "none"]).ends(2);
    assert!(ran.err.contains("there is no plan \"none\"") && ran.err.contains("records"), "{}", ran.err);
}
