//! Everything is gone but the store and the recovery key: Kura's own records come back from there, and the service with
//! them, by the commands of docs/runbooks/rebuild.md.

use super::Place;

#[test]
fn an_installation_comes_back_whole_from_the_store_and_the_recovery_key() {
    let place = Place::with_plan();
    place.add_account("", "operator01", "service_operator");
    place.write("source/1", "x");
    place.kura(&["snapshot", "records"]).ends(0);
    let taken = place.kura(&["snapshot", "kura-home", "--json"]).ends(0).json();
    assert_eq!(taken["state"], "verified", "{taken}");
    let plan = std::fs::read_to_string(place.path("home/policies/kura-home.toml")).unwrap();
    let audit = place.kura(&["audit", "list", "--json"]).ends(0).json();
    let settings = std::fs::read_to_string(place.path("home/kura.toml")).unwrap();
    // One plan beside Kura's own is still meant by `latest`.
    place.bare(&["restore", "latest", "--to", "records"]).ends(0);
    assert_eq!(std::fs::read_to_string(place.path("records/1")).unwrap(), "x");

    std::fs::remove_dir_all(place.path("home")).unwrap();
    place.bare(&["restore", "latest:kura-home", "--to", "own"]).ends(0);
    assert!(!place.path("own/home/state").exists() && !place.path("own/home/catalog.sqlite").exists());
    std::fs::rename(place.path("own/home"), place.path("home")).unwrap();
    std::fs::rename(place.path("own/catalog/catalog.sqlite"), place.path("home/catalog.sqlite")).unwrap();
    let none = place.kura(&["snapshots", "--json"]).ends(0).json();
    let empty = none.as_array().or_else(|| none["snapshots"].as_array()).expect("a list").is_empty();
    assert!(empty, "what the store says is not kept twice: {none}");
    let rebuilt = place.kura(&["catalog", "rebuild", "--identity", "recovery.key", "--json"]).ends(0).json();
    assert_eq!((&rebuilt["plans"], &rebuilt["snapshots"]), (&2.into(), &2.into()), "{rebuilt}");

    assert_eq!(std::fs::read_to_string(place.path("home/policies/kura-home.toml")).unwrap(), plan);
    assert_eq!(std::fs::read_to_string(place.path("home/kura.toml")).unwrap(), settings);
    let back = place.kura(&["audit", "list", "--json"]).ends(0).json();
    let text = back.to_string();
    assert!(audit.to_string().contains("operator01") && text.contains("operator01"), "{text}");
    place.kura(&["audit", "verify"]).ends(0);
    // Who counted still does, and work goes on in the same repository.
    place.kura_as("operator01", &["account", "list"]).ends(0);
    place.write("source/2", "y");
    place.kura(&["snapshot", "records"]).ends(0);
    place.kura(&["snapshot", "kura-home"]).ends(0);
    let proof = place.kura(&["coverage", "--json", "--read", "1/1"]).ends(0).json();
    assert_eq!(proof["ok"], true, "{proof}");
    place.bare(&["restore", "latest:records", "--to", "after"]).ends(0);
    assert_eq!(std::fs::read_to_string(place.path("after/2")).unwrap(), "y");
}
