//! Giving snapshots back, with the store and a recovery key alone.

use super::{Place, Ran, copy};

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn a_bare_machine_restores_with_the_store_and_the_key_alone() {
    let place = Place::with_snapshot();
    let ran = place.bare(&["restore", "latest", "--to", "out"]).ends(0);
    assert!(ran.out.contains("2 files, 6 B restored to out"), "{}", ran.out);
    assert_eq!((read(&place, "out/one.txt"), read(&place, "out/deep/two.txt")), ("one".into(), "two".into()));
    assert!(!place.path("no-home").exists());
    let again =
        place.bare(&["restore", "latest:records", "--to", "out", "--in-place", "--json"]).ends(0).json();
    assert_eq!((&again["unchanged"], &again["failed"]), (&2.into(), &0.into()));
}

#[test]
fn a_path_keeps_its_place_and_a_dry_run_writes_nothing() {
    let place = Place::with_snapshot();
    place.bare(&["restore", "latest", "--to", "out", "--path", "deep/two.txt"]).ends(0);
    assert_eq!(read(&place, "out/deep/two.txt"), "two");
    assert!(!place.path("out/one.txt").exists());
    let ran = place.bare(&["restore", "latest", "--dry-run", "--path", "**/*.txt"]).ends(0);
    assert!(ran.out.contains("2 files, 6 B would be restored"), "{}", ran.out);
    place.bare(&["restore", "latest", "--to", "nothing", "--path", "three.txt"]).ends(1);
    place.bare(&["restore", "latest", "--to", "nothing", "--path", "../three.txt"]).ends(2);
}

#[test]
fn what_differs_in_the_target_is_named_and_left_alone() {
    let place = Place::with_snapshot();
    place.write("out/one.txt", "mine");
    let ran = place.bare(&["restore", "latest", "--to", "out"]).ends(3);
    assert!(
        ran.err.contains("1 entry could not be restored") && ran.err.contains("  one.txt: "),
        "{}",
        ran.err
    );
    assert_eq!(
        (read(&place, "out/one.txt"), read(&place, "out/deep/two.txt")),
        ("mine".into(), "two".into())
    );
    let partial = place.bare(&["restore", "latest", "--to", "out", "--json"]).ends(3).json();
    assert_eq!((&partial["state"], &partial["failures"][0]["path"]), (&"partial".into(), &"one.txt".into()));
    place.bare(&["restore", "latest", "--to", "out", "--in-place"]).ends(0);
    assert_eq!(read(&place, "out/one.txt"), "one");
}

#[test]
fn a_repository_that_nobody_vouches_for_is_refused() {
    let place = Place::with_snapshot();
    let key = read(&place, "recovery.key");
    let stripped: Vec<&str> = key.lines().filter(|line| !line.contains("kura-root")).collect();
    place.write("bare.key", &stripped.join("\n"));
    let root =
        key.lines().find_map(|line| line.strip_prefix("# kura-root: ")).expect("a root line").to_owned();
    let restore = |more: &[&str]| {
        let arguments = ["restore", "latest", "--identity", "bare.key", "--to", "out"];
        place.kura(&[&arguments[..], more].concat())
    };
    let ran = restore(&[]).ends(4);
    assert!(ran.err.contains("--trust-on-first-use"), "{}", ran.err);
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(restore(&["--root", &other]).ends(4).err.contains("the repository belongs to root key"));
    restore(&["--root", "tanaka"]).ends(2);
    assert!(!place.path("out").exists());
    restore(&["--root", &root]).ends(0);
    let ran = restore(&["--in-place", "--trust-on-first-use"]).ends(0);
    assert!(ran.err.contains(&root), "{}", ran.err);
}

#[test]
fn a_chain_without_the_expected_head_is_refused() {
    let place = Place::with_snapshot();
    copy(&place.path("store"), &place.path("old"));
    let head = place.kura(&["snapshot", "records", "--json"]).ends(0).json();
    let head = format!("{}:{}", head["sequence"], head["digest"].as_str().expect("text"));
    place.bare(&["restore", "latest", "--to", "new", "--expect-head", &head]).ends(0);
    let old = format!("file://{}", place.text("old"));
    let restore = ["restore", "latest", "--to", "out", "--identity", "recovery.key", "--store", &old];
    let ran = place.kura(&[&restore[..], &["--expect-head", &head]].concat()).ends(4);
    assert!(ran.err.contains("rolled back"), "{}", ran.err);
    assert!(!place.path("out").exists());
    place.kura(&[&restore[..], &["--expect-head", "1"]].concat()).ends(2);
}

#[test]
fn a_wrong_key_a_wrong_snapshot_and_a_wrong_place_are_told_apart() {
    let place = Place::with_snapshot();
    let root = place.text("recovery.key.root");
    place.kura(&["key", "new", "other.key", "--root-key", &root]).ends(0);
    let ran = place.kura(&["restore", "latest", "--identity", "other.key", "--to", "out"]).ends(1);
    assert!(
        ran.err.contains("it is not one of its recovery keys") && ran.err.contains("next:"),
        "{}",
        ran.err
    );
    place.write("no.key", "hello\n");
    let ran = place.kura(&["restore", "latest", "--identity", "no.key", "--to", "out"]).ends(1);
    assert!(ran.err.contains("cannot use the identity file no.key"), "{}", ran.err);
    place.bare(&["restore", "x", "--to", "out"]).ends(2);
    assert!(place.bare(&["restore", "ffff", "--to", "out"]).ends(1).err.contains("no snapshot fits"));
    let ran = place
        .kura(&["--home", "none", "restore", "latest", "--identity", "recovery.key", "--to", "out"])
        .ends(2);
    assert!(ran.err.contains("give --store"), "{}", ran.err);
    assert!(!place.path("out").exists());
}

#[test]
fn a_key_with_a_passphrase_opens_with_it_only() {
    let place = Place::new();
    place.write("passphrase", "correct horse battery\n");
    place.write("wrong", "wrong horse battery\n");
    let kura = |passphrase: &str, arguments: &[&str]| {
        let mut command = place.command(std::path::Path::new(env!("CARGO_BIN_EXE_kura")), arguments);
        command.env("KURA_PASSPHRASE_FILE", place.path(passphrase));
        Ran::of(&command.output().expect("the program starts"))
    };
    let store = place.store();
    kura("passphrase", &["init", "--store", &store, "--new-recovery-key", "recovery.key", "--passphrase"])
        .ends(0);
    place.write("source/one.txt", "one");
    place.plan("records", &place.source_plan("records"));
    place.kura(&["snapshot", "records"]).ends(0);
    let restore = ["restore", "latest", "--identity", "recovery.key", "--to", "out"];
    let ran = kura("wrong", &restore).ends(1);
    assert!(ran.err.contains("the passphrase does not open"), "{}", ran.err);
    kura("passphrase", &restore).ends(0);
    assert_eq!(read(&place, "out/one.txt"), "one");
}

#[test]
fn only_what_was_sent_on_the_days_asked_for_comes_back() {
    let place = Place::with_plan();
    let plan = place.source_plan("sent").replace("\"system\"", "\"application\"") + "sent_day = \"mtime\"\n";
    place.plan("sent", &plan);
    let ran = place.kura(&["snapshot", "sent"]).ends(0);
    assert!(ran.out.contains("2 files"), "{}", ran.out);
    place.bare(&["restore", "latest:sent", "--to", "all", "--sent", "2000-01-01.."]).ends(0);
    assert!(place.path("all/one.txt").exists());
    let none =
        place.bare(&["restore", "latest:sent", "--to", "none", "--sent", "..2000-01-01", "--json"]).ends(0);
    assert_eq!(none.json()["files"], 0);
    place.bare(&["restore", "latest:sent", "--to", "out", "--sent", "2026-13-01"]).ends(2);
}
