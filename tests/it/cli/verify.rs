//! Checking what is stored, as the daily check of an administrator does.

use super::Place;

fn with_three() -> Place {
    let place = Place::with_plan();
    for number in 0..3 {
        place.write(&format!("source/{number}"), "x");
        place.kura(&["snapshot", "records"]).ends(0);
    }
    place
}

#[test]
fn the_objects_without_which_nothing_opens_are_missed() {
    for name in ["kura/1.json", "keys/signing-1.json", "keys/recovery-1.json", "keys/catalog-1.age"] {
        for is_altered in [false, true] {
            let place = with_three();
            let object = place.path("store").join(name);
            let mut bytes = std::fs::read(&object).expect("the object");
            std::fs::remove_file(&object).expect("removed");
            if is_altered {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&object, bytes).expect("written");
            }
            let ran = place.kura(&["verify"]).ends(1);
            let kind: String = name.chars().take_while(|c| !c.is_ascii_digit()).collect();
            assert!(ran.err.contains(&kind), "{name}: {}", ran.err);
        }
    }
}

#[test]
fn an_emptied_or_rolled_back_store_is_not_right() {
    for removed in ["", "records", "records/snapshots/0000000003-", "records/snapshots/0000000001-"] {
        let place = with_three();
        let store = place.path("store");
        let known = place.kura(&["snapshots", "--json"]).ends(0).json();
        if removed.ends_with('-') {
            for entry in std::fs::read_dir(store.join("records/snapshots")).expect("snapshots").flatten() {
                let name = format!("records/snapshots/{}", entry.file_name().to_string_lossy());
                if name.starts_with(removed) {
                    std::fs::remove_file(entry.path()).expect("removed");
                }
            }
        } else {
            std::fs::remove_dir_all(store.join(removed)).expect("removed");
            std::fs::create_dir_all(&store).expect("a store");
        }
        let ran = place.kura(&["verify", "--json"]).ends(1);
        assert_eq!(ran.json()["ok"], false, "{removed}");
        if removed.ends_with("3-") {
            let id = known[2]["id"].as_str().expect("an id");
            assert!(ran.out.contains(id), "{}", ran.out);
            let refused =
                place.kura(&["restore", "latest", "--identity", "recovery.key", "--to", "out"]).ends(4);
            assert!(refused.err.contains('3'), "{}", refused.err);
        }
    }
}

#[test]
fn a_plan_that_is_not_there_is_a_mistake() {
    let place = with_three();
    place.kura(&["verify", "records"]).ends(0);
    let ran = place.kura(&["verify", "record"]).ends(2);
    assert!(ran.err.contains("there is no plan record"), "{}", ran.err);
    place.kura(&["snapshots", "record"]).ends(2);
}

#[test]
fn a_bare_machine_lists_what_a_store_has() {
    let place = with_three();
    let ran = place.bare(&["snapshots", "--json"]).ends(0);
    assert_eq!(ran.json().as_array().map(Vec::len), Some(3));
    let without_key = ["--home", &place.text("none"), "snapshots"];
    let ran = place.kura(&without_key).ends(2);
    assert!(ran.err.contains("--identity"), "{}", ran.err);
}

#[test]
fn what_a_killed_restore_left_is_removed_by_the_next_one_in_place() {
    let place = with_three();
    let restore = ["restore", "latest", "--identity", "recovery.key", "--to", "out"];
    place.kura(&restore).ends(0);
    let left = "out/.kura-0123456789abcdef-1f.part";
    place.write(left, "half a record");
    place.kura(&[&restore[..], &["--in-place"]].concat()).ends(0);
    assert!(!place.path(left).exists());
}

#[test]
fn settings_with_a_mistake_are_a_usage_error() {
    for line in ["colour = 0\n", "threads = 0\n"] {
        let place = Place::with_plan();
        let file = place.path("home/kura.toml");
        let text = std::fs::read_to_string(&file).expect("settings");
        std::fs::write(&file, format!("{line}{text}")).expect("settings");
        place.kura(&["snapshot", "records"]).ends(2);
        place.kura(&["config", "check"]).ends(2);
    }
}

#[test]
fn the_configuration_is_shown_as_it_takes_effect_with_what_is_wrong_in_it() {
    let place = Place::with_plan();
    let ran = place.kura(&["config", "check"]).ends(0);
    assert!(ran.out.contains("store") && ran.out.contains(&place.text("store")), "{}", ran.out);
    assert!(ran.err.contains("only one recovery key"), "{}", ran.err);
    place.write("home/policies/bad.toml", "name = \"bad\"\nclass = \"none\"\n");
    let ran = place.kura(&["config", "check", "--json"]).ends(2);
    assert_eq!(ran.json()["ok"], false);
    assert!(ran.out.contains("bad.toml"), "{}", ran.out);
}

#[test]
fn a_path_is_given_as_listings_show_it_and_a_directory_alone_comes_back() {
    let place = Place::with_plan();
    place.write("source/n\nl", "newline");
    std::fs::create_dir_all(place.path("source/a/b/c")).expect("directories");
    place.kura(&["snapshot", "records"]).ends(0);
    let listed = place.kura(&["ls", "latest", "--identity", "recovery.key"]).ends(0);
    assert!(listed.out.contains("n\\x0al"), "{}", listed.out);
    let cat = place.kura(&["cat", "latest", "n\\x0al", "--identity", "recovery.key"]).ends(0);
    assert_eq!(cat.out, "newline");
    place.kura(&["restore", "latest", "--identity", "recovery.key", "--path", "a", "--to", "out"]).ends(0);
    assert!(place.path("out/a/b/c").is_dir());
}
