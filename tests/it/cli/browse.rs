//! Looking into snapshots, checking the store, bringing the catalog back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::Place;

#[test]
fn entries_are_listed_found_and_written_out() {
    let place = Place::with_snapshot();
    assert_eq!(place.bare(&["ls", "latest"]).ends(0).out, "deep/\ndeep/two.txt\none.txt\n");
    assert_eq!(place.bare(&["ls", "latest", "--depth", "1"]).ends(0).out, "deep/\none.txt\n");
    let long = place.bare(&["ls", "latest", "deep", "-l"]).ends(0).out;
    assert!(long.contains("-rw-r--r--") && long.ends_with("deep/two.txt\n"), "{long}");
    place.bare(&["ls", "latest", "nowhere"]).ends(1);
    assert_eq!(place.bare(&["find", "*.txt"]).ends(0).out, "deep/two.txt\none.txt\n");
    assert_eq!(place.bare(&["find", "DEEP/*", "--ignore-case", "-0"]).ends(0).out, "deep/two.txt\0");
    assert_eq!(place.bare(&["find", "*.xml", "--json"]).ends(0).json(), serde_json::json!([]));
    let listed = place.bare(&["ls", "latest", "--json"]).ends(0).json();
    assert_eq!((&listed[1]["path"], &listed[1]["size"]), (&"deep/two.txt".into(), &3.into()));
    assert_eq!(place.bare(&["cat", "latest", "deep/two.txt"]).ends(0).out, "two");
    let ran = place.bare(&["cat", "latest", "deep"]).ends(1);
    assert!(ran.err.contains("deep is not one file") && ran.out.is_empty(), "{}", ran.err);
    place.bare(&["find", "[", "--store", &place.store()]).ends(2);
}

#[test]
fn names_need_a_recovery_key() {
    let place = Place::with_snapshot();
    for arguments in
        [&["ls", "latest"][..], &["find", "*"], &["diff", "latest", "latest"], &["cat", "latest", "x"]]
    {
        let ran = place.kura(arguments).ends(2);
        assert!(ran.err.contains("--identity"), "{}", ran.err);
    }
}

#[test]
fn two_snapshots_are_compared() {
    let place = Place::with_snapshot();
    let first =
        place.kura(&["snapshots", "--json"]).ends(0).json()[0]["id"].as_str().expect("text").to_owned();
    place.write("source/one.txt", "other");
    place.write("source/three.txt", "three");
    std::fs::remove_file(place.path("source/deep/two.txt")).expect("removed");
    place.kura(&["snapshot", "records"]).ends(0);
    let changes = place.bare(&["diff", &first, "latest"]).ends(0).out;
    for line in ["- deep/two.txt\n", "M one.txt\n", "+ three.txt\n"] {
        assert!(changes.contains(line), "{line} is missing:\n{changes}");
    }
    let same = place.bare(&["diff", &first, &first]).ends(0);
    assert_eq!(same.out, "");
}

fn a_pack(place: &Place) -> PathBuf {
    let folders = std::fs::read_dir(place.path("store/records")).expect("the plan's folder");
    let packs =
        folders.map(|cohort| cohort.expect("a cohort").path().join("packs")).find(|path| path.is_dir());
    let mut packs = std::fs::read_dir(packs.expect("packs")).expect("packs");
    packs.next().expect("a pack").expect("a pack").path()
}

#[test]
fn damage_is_found_named_and_told_by_the_exit_code() {
    let place = Place::with_snapshot();
    assert!(place.kura(&["verify"]).ends(0).out.contains("is right"));
    assert!(place.kura(&["verify", "--read", "1/1"]).ends(0).out.contains("SHA-256 right"));
    assert!(place.bare(&["verify"]).ends(0).out.contains("every chunk checked"));
    place.kura(&["verify", "--read", "2/1"]).ends(2);
    let pack = a_pack(&place);
    let mut bytes = std::fs::read(&pack).expect("the pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o600)).expect("rights");
    std::fs::write(&pack, bytes).expect("damage");
    place.kura(&["verify"]).ends(0);
    let ran = place.kura(&["verify", "--read", "1/1"]).ends(1);
    let name = pack.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(ran.err.contains("kura: wrong: records/") && ran.err.contains(&name), "{}", ran.err);
    let report = place.bare(&["verify", "--json"]).ends(1).json();
    assert_eq!(report["ok"], false);
    std::fs::remove_file(&pack).expect("removed");
    let ran = place.kura(&["verify"]).ends(1);
    assert!(ran.err.contains("missing from the store"), "{}", ran.err);
    let ran = place.kura(&["--home", "none", "verify"]).ends(2);
    assert!(ran.err.contains("--identity"), "{}", ran.err);
}

#[test]
fn a_lost_catalog_comes_back_from_the_store() {
    let place = Place::with_snapshot();
    let before = place.kura(&["snapshots", "--json"]).ends(0).json();
    std::fs::remove_file(place.path("home/catalog.sqlite")).expect("removed");
    assert!(place.kura(&["snapshots"]).ends(0).out.contains("no snapshot yet"));
    let ran = place.kura(&["catalog", "rebuild", "--identity", "recovery.key"]).ends(0);
    assert!(ran.out.contains("recorded 1 snapshot and"), "{}", ran.out);
    let after = place.kura(&["snapshots", "--json"]).ends(0).json();
    assert_eq!((&after[0]["id"], &after[0]["files"]), (&before[0]["id"], &before[0]["files"]));
    place.kura(&["snapshot", "records"]).ends(0);
}
