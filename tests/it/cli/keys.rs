//! Recovery keys from the ceremony to the day on which one is replaced, as people do it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{Place, Ran};

/// Runs the program with the test's age plugin on the PATH.
fn with_plugin(place: &Place, arguments: &[&str]) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_kura"));
    let mut command = place.command(program, arguments);
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", place.text("bin")));
    Ran::of(&command.output().expect("the program starts"))
}

/// Installs the plugin, and writes an identity file that names the root key; gives the public half.
fn hardware_key(place: &Place, root_fingerprint: &str) -> String {
    let script = Path::new(crate::support::ROOT).join("tests/it/fixtures/plugin/age-plugin-xor");
    std::fs::create_dir(place.path("bin")).expect("a folder");
    std::fs::copy(script, place.path("bin/age-plugin-xor")).expect("the plugin");
    let made = Command::new(place.path("bin/age-plugin-xor")).output().expect("the plugin runs");
    let identity = String::from_utf8(made.stdout).expect("text");
    place.write("hardware.key", &format!("# kura-root: {root_fingerprint}\n{identity}"));
    let line = identity.lines().next().expect("a line");
    line.rsplit(' ').next().expect("the public half").to_owned()
}

#[test]
fn from_the_ceremony_to_a_restore() {
    let place = Place::new();
    let folder = place.text("keys");
    let made = place
        .kura(&["key", "ceremony", &folder, "--holder", "医師会", "--holder", "運用管理事業者", "--json"])
        .ends(0)
        .json();
    let mode = |name: &str| std::fs::metadata(place.path(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/root.key"), mode("keys/sheet-1.html")), (0o700, 0o600, 0o600));
    let sheet = std::fs::read_to_string(place.path("keys/sheet-1.html")).expect("the sheet");
    let secret = std::fs::read_to_string(place.path("keys/recovery-1.key")).expect("the key");
    let secret = secret.lines().last().expect("a line");
    let fingerprint = made["root_fingerprint"].as_str().expect("a fingerprint");
    for word in ["復旧票", "医師会", "<svg", secret, fingerprint] {
        assert!(sheet.contains(word), "{word} is missing");
    }
    place.kura(&["key", "ceremony", &folder, "--holder", "医師会"]).ends(1);
    let keys: Vec<&str> =
        (0..2).map(|n| made["keys"][n]["recipient"].as_str().expect("a public half")).collect();
    let root = place.text("keys/root.key");
    let (store, init) = (place.store(), ["init", "--root-key", &root, "--recipient", keys[0]]);
    place.kura(&[&init[..], &["--recipient", keys[1], "--store", &store]].concat()).ends(0);
    place.write("source/one.txt", "one");
    place.plan("records", &place.source_plan("records"));
    place.kura(&["snapshot", "records"]).ends(0);
    let listed = place.kura(&["key", "list", "--json"]).ends(0).json();
    assert_eq!((&listed["keys"][1]["opens"], &listed["cohorts"]), (&1.into(), &1.into()));
    assert_eq!(listed["warnings"], serde_json::json!([]));
    for number in ["1", "2"] {
        let (to, key) = (place.text(&format!("back-{number}")), format!("keys/recovery-{number}.key"));
        place.kura(&["restore", "latest", "--identity", &key, "--to", &to]).ends(0);
        assert_eq!(std::fs::read(place.path(&format!("back-{number}/one.txt"))).expect("it is back"), b"one");
    }
    // Without the key on it, a sheet says how; with it, it is the key.
    let sheet = ["key", "sheet", "keys/recovery-2.key", "--out"];
    place.kura(&[&sheet[..], &["plain.html"]].concat()).ends(0);
    let plain = std::fs::read_to_string(place.path("plain.html")).expect("the sheet");
    assert!(plain.contains(keys[1]) && !plain.contains("AGE-SECRET-KEY-1Q"), "{plain}");
    place.kura(&[&sheet[..], &["plain.html"]].concat()).ends(1);
    place.kura(&[&sheet[..], &["secret.html", "--with-secret"]].concat()).ends(0);
}

#[test]
fn a_hardware_key_takes_the_place_of_a_file() {
    let place = Place::with_snapshot();
    let listed = place.kura(&["key", "list", "--json"]).ends(0).json();
    assert_eq!(listed["warnings"][0]["code"], "one-key");
    let old = listed["recipients"][0].as_str().expect("a key").to_owned();
    let hardware = hardware_key(&place, listed["root_fingerprint"].as_str().expect("a fingerprint"));
    let rotate = [
        "key",
        "rotate",
        "--root-key",
        "recovery.key.root",
        "--identity",
        "recovery.key",
        "--json",
        "--add",
        &hardware,
        "--holder",
        "医師会",
        "--retire",
        &old,
        "--compromised",
    ];
    // Without the plugin nothing is done by half.
    let refused = place.kura(&rotate).ends(1);
    assert!(refused.err.contains("age-plugin-xor"), "{}", refused.err);
    let done = with_plugin(&place, &rotate).ends(0).json();
    assert_eq!((&done["set"], &done["adopted"], &done["sealed_again"]), (&2.into(), &true.into(), &1.into()));
    let told = with_plugin(&place, &rotate);
    assert!(told.err.contains("approvals of windows") && told.err.contains("until it"), "{}", told.err);
    assert_eq!(told.ends(0).json()["sealed_again"], 0, "twice is once");
    let restore = |to: &str| {
        let to = place.text(to);
        with_plugin(&place, &["restore", "latest", "--identity", "hardware.key", "--to", &to])
    };
    restore("back").ends(0);
    assert_eq!(std::fs::read(place.path("back/deep/two.txt")).expect("it is back"), b"two");
    // The next run seals to it, and the compromised key no longer opens what it adds.
    place.write("source/three.txt", "three");
    with_plugin(&place, &["snapshot", "records"]).ends(0);
    restore("again").ends(0);
    assert_eq!(std::fs::read(place.path("again/three.txt")).expect("it is back"), b"three");
    let to = place.text("stolen");
    let stolen = place.kura(&["restore", "latest", "--identity", "recovery.key", "--to", &to]);
    assert!(stolen.code != 0 && !place.path("stolen/three.txt").exists(), "{}", stolen.err);
    let listed = place.kura(&["key", "list"]).ends(0);
    for word in ["COMPROMISED", "only one recovery key", "医師会", "in wrong hands"] {
        assert!(listed.out.contains(word), "{word} is missing:\n{}", listed.out);
    }
    with_plugin(&place, &["verify", "--identity", "hardware.key"]).ends(0);
}

#[test]
fn what_changes_nothing_or_cannot_be_is_refused() {
    let place = Place::with_snapshot();
    let rotate = ["key", "rotate", "--root-key", "recovery.key.root", "--identity", "recovery.key"];
    let ran = place.kura(&rotate).ends(2);
    assert!(ran.err.contains("--add or --retire"), "{}", ran.err);
    let ran = place.kura(&[&rotate[..], &["--add", "age1nothing"]].concat()).ends(2);
    assert!(ran.err.contains("not a recovery key"), "{}", ran.err);
    let own = place.kura(&["key", "list", "--json"]).ends(0).json()["recipients"][0].clone();
    let retire = [&rotate[..], &["--retire", own.as_str().expect("a key")]].concat();
    let ran = place.kura(&retire).ends(1);
    assert!(ran.err.contains("no recovery key would be left"), "{}", ran.err);
    // Where there is no home, somebody must sign.
    let ran = place.bare(&["key", "wrap"]).ends(2);
    assert!(ran.err.contains("--root-key"), "{}", ran.err);
    let done = place.bare(&["key", "wrap", "--root-key", "recovery.key.root", "--json"]).ends(0).json();
    assert_eq!(done["sealed_again"], 0);
    place.kura(&["key", "adopt"]).ends(0);
}

#[test]
fn a_drill_is_told_recorded_and_asked_for() {
    let place = Place::with_snapshot();
    let before = place.kura(&["coverage"]).ends(0);
    assert!(before.out.contains("restore drill of records: never done"), "{}", before.out);
    let done = place.kura(&["drill", "records", "--identity", "recovery.key", "--json"]).ends(0).json();
    assert_eq!((&done["files"], &done["number"], &done["ok"]), (&2.into(), &1.into(), &true.into()));
    let all = place.kura(&["drill", "records", "--identity", "recovery.key", "--all"]).ends(0);
    assert!(
        all.out.contains("drill 2: 2 files") && all.out.contains("everything as recorded"),
        "{}",
        all.out
    );
    let key = place.kura(&["key", "drill", "--identity", "recovery.key"]).ends(0);
    assert!(key.out.contains("drill 3: 1 cohort opened"), "{}", key.out);
    let after = place.kura(&["coverage", "--json"]).ends(0).json();
    for number in 0..2 {
        assert!(after["drills"][number]["last"].is_string(), "{after}");
    }
    assert_eq!(after["recovery_keys"], 1);
    // Where there is no home it is told and not recorded.
    let bare = place.bare(&["drill", "records"]).ends(0);
    assert!(bare.err.contains("not recorded") && bare.out.contains("2 files"), "{} {}", bare.out, bare.err);
    place.kura(&["drill", "nothing", "--identity", "recovery.key"]).ends(1);
    place.kura(&["drill", "records", "--identity", "recovery.key", "--all", "--sent", "2026-01-01"]).ends(2);
    let listed = place.kura(&["audit", "list"]).ends(0);
    assert!(listed.out.contains("drill"), "{}", listed.out);
    assert!(!listed.out.contains("one.txt"));
}

#[test]
fn a_second_store_is_kept_up_compared_and_mended() {
    let place = Place::with_plan();
    place.kura(&["scrub"]).ends(1);
    let settings = std::fs::read_to_string(place.path("home/kura.toml")).expect("settings");
    let second = place.text("second");
    place.write("home/kura.toml", &format!("{settings}\n[replica]\nstore = \"file://{second}\"\n"));
    place.kura(&["snapshot", "records"]).ends(0);
    let covered = place.kura(&["coverage", "--json"]).ends(0).json();
    assert_eq!(covered["second_store"]["missing"], 0, "copied after the snapshot: {covered}");
    let same = place.kura(&["scrub", "--json"]).ends(0).json();
    assert!(same["read"].as_u64() > Some(4) && same["healed"] == serde_json::json!([]), "{same}");
    let snapshots = place.path("second/records/snapshots");
    let lost = std::fs::read_dir(&snapshots).expect("snapshots").flatten().next().expect("one").path();
    std::fs::remove_file(&lost).expect("it is lost");
    let ran = place.kura(&["verify"]).ends(1);
    assert!(ran.err.contains("the second store lacks"), "{}", ran.err);
    place.kura(&["scrub"]).ends(1);
    place.kura(&["scrub", "--heal"]).ends(0);
    assert!(lost.exists());
    place.kura(&["verify"]).ends(0);
    std::fs::remove_file(&lost).expect("it is lost");
    let copied = place.kura(&["store", "copy", "--json"]).ends(0).json();
    assert_eq!(copied["objects"], 1);
    // The second store alone is enough.
    let (to, store) = (place.text("back"), format!("file://{second}"));
    place.kura(&["restore", "latest", "--store", &store, "--identity", "recovery.key", "--to", &to]).ends(0);
    assert_eq!(std::fs::read(place.path("back/one.txt")).expect("it is back"), b"one");
}
