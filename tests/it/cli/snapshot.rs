//! Taking and listing snapshots.

use std::os::unix::fs::PermissionsExt as _;

use super::{Place, copy};

#[test]
fn a_snapshot_is_taken_told_and_listed() {
    let place = Place::with_plan();
    let taken = place.kura(&["snapshot", "records", "--json"]).ends(0).json();
    assert_eq!(
        (&taken["state"], &taken["files"], &taken["bytes"]),
        (&"verified".into(), &2.into(), &6.into())
    );
    assert_eq!(taken["skipped"], 0);
    assert!(taken["new_bytes_stored"].as_u64().is_some_and(|n| n > 0));
    let id = taken["snapshot"].as_str().expect("text");
    assert_eq!(id.len(), 12);
    let ran = place.kura(&["snapshots"]).ends(0);
    assert!(ran.out.contains(id) && ran.out.contains("verified"), "{}", ran.out);
    let second = ["snapshot", "records", "--event", "maintenance", "--reason", "before the update"];
    let second = place.kura(&second).ends(0);
    assert!(second.out.contains("number 2: 2 files"), "{}", second.out);
    let listed = place.kura(&["snapshots", "records", "--json"]).ends(0).json();
    assert_eq!((&listed[0]["id"], &listed[1]["event"]), (&id.into(), &"maintenance".into()));
    place.kura(&["snapshots", "other", "--json"]).ends(2);
}

#[test]
fn what_could_not_be_read_is_named_and_the_run_is_partial() {
    let place = Place::with_plan();
    for number in 0..23 {
        let name = format!("source/closed-{number:02}");
        place.write(&name, "secret");
        std::fs::set_permissions(place.path(&name), std::fs::Permissions::from_mode(0o000)).expect("rights");
    }
    let ran = place.kura_as_nobody(&["snapshot", "records", "--json"]).ends(3);
    let taken = ran.json();
    assert_eq!(
        (&taken["state"], &taken["skipped"], &taken["files"]),
        (&"partial".into(), &23.into(), &2.into())
    );
    assert!(ran.err.contains("23 entries: could not be read"), "{}", ran.err);
    assert_eq!(ran.err.matches("closed-").count(), 20, "{}", ran.err);
    assert!(ran.err.contains("and 3 more"), "{}", ran.err);
    let report = std::fs::read_to_string(taken["report"].as_str().expect("a report")).expect("the report");
    assert_eq!(report.matches("closed-").count(), 23);
    let ran = place.kura_as_nobody(&["snapshots"]).ends(0);
    assert!(ran.out.contains("partial"), "{}", ran.out);
}

#[test]
fn a_run_that_is_told_to_be_slow_is_slow_and_complete() {
    let place = Place::with_plan();
    let noise: Vec<u8> =
        (0..3_u32 << 16).flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..16].to_vec()).collect();
    std::fs::write(place.path("source/noise"), noise).expect("a file");
    let begun = std::time::Instant::now();
    let slow =
        ["snapshot", "records", "--limit-upload", "1024", "--limit-cpu", "1", "--nice", "19", "--json"];
    let taken = place.kura(&slow).ends(0).json();
    assert!(taken["new_bytes_stored"].as_u64() > Some(3 << 20), "{taken}");
    // The first second's worth goes at once, the two MiB after it take their time.
    assert!(begun.elapsed().as_millis() > 1900, "{:?}", begun.elapsed());
    place.kura(&["snapshot", "records", "--limit-upload", "0"]).ends(2);
    place.kura(&["snapshot", "records", "--nice", "20"]).ends(2);
}

#[test]
fn a_store_that_was_rolled_back_is_refused() {
    let place = Place::with_plan();
    place.kura(&["snapshot", "records"]).ends(0);
    copy(&place.path("store"), &place.path("old"));
    place.kura(&["snapshot", "records"]).ends(0);
    let old = format!("file://{}", place.text("old"));
    let ran = place.kura(&["snapshot", "records", "--store", &old]).ends(4);
    assert!(ran.err.contains("rolled back"), "{}", ran.err);
}

#[test]
fn a_failure_says_what_why_and_what_next() {
    let place = Place::with_plan();
    std::fs::rename(place.path("source"), place.path("elsewhere")).expect("a new name");
    let ran = place.kura(&["snapshot", "records"]).ends(1);
    assert!(ran.err.contains(&place.text("source")) && ran.err.contains("\n  next: "), "{}", ran.err);
    let nowhere = format!("file://{}", place.text("nowhere"));
    let ran = place.kura(&["snapshot", "records", "--store", &nowhere]).ends(1);
    assert!(ran.err.contains("nowhere"), "{}", ran.err);
    let ran = place.kura(&["--home", &place.text("none"), "snapshots"]).ends(2);
    assert!(ran.err.contains("is not a Kura home") && ran.err.contains("kura init"), "{}", ran.err);
    assert!(!place.path("none").exists(), "a question must not make a home");
}

#[test]
fn nothing_but_the_result_is_written_where_nobody_watches() {
    let place = Place::with_plan();
    let ran = place.kura(&["snapshot", "records"]).ends(0);
    assert_eq!((ran.out.lines().count(), ran.err.as_str()), (1, ""));
}
