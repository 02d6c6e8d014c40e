//! `kura erase`, as people use it.

use super::Place;

#[test]
fn an_order_is_given_seen_and_taken_back_by_somebody_else() {
    let place = Place::with_snapshot();
    place.add_account("", "ishikai001", "service_operator");
    place.add_account("ishikai001", "manager001", "operations_manager");
    let order = ["erase", "order", "records", "--path", "deep", "--reason", "請求 2026-001"];
    let with_key = [&order[..], &["--identity", "recovery.key"]].concat();
    place.kura(&with_key).ends(2);
    let nothing =
        ["erase", "order", "records", "--path", "nothing", "--reason", "x", "--identity", "recovery.key"];
    let ran = place.kura_as("ishikai001", &nothing).ends(1);
    assert!(ran.err.contains("nothing was ordered"), "{}", ran.err);
    let ran = place.kura_as("ishikai001", &with_key).ends(0);
    assert!(ran.out.contains("erasure order 1 of records: 1 path"), "{}", ran.out);
    assert!(ran.err.contains("not before"), "{}", ran.err);
    let to = place.text("back");
    let ran = place.bare(&["restore", "latest", "--to", &to]).ends(0);
    assert!(ran.err.contains("an erasure order covers them"), "{}", ran.err);
    assert!(place.path("back/one.txt").exists() && !place.path("back/deep").exists());
    let ran = place.bare(&["ls", "latest"]).ends(0);
    assert!(
        !ran.out.contains("deep") && ran.err.contains("1 erasure order in force"),
        "{} {}",
        ran.out,
        ran.err
    );
    assert!(!place.bare(&["find", "two*"]).out.contains("two"));
    place.bare(&["cat", "latest", "deep/two.txt"]).ends(1);
    let listed = place.kura(&["erase", "list", "--json"]).ends(0).json();
    assert_eq!((&listed[0]["paths"], &listed[0]["is_revoked"]), (&1.into(), &false.into()));
    let revoke = ["erase", "revoke", "records", "1", "--reason", "誤り"];
    place.kura_as("ishikai001", &revoke).ends(4);
    place.kura_as("manager001", &revoke).ends(0);
    assert!(place.bare(&["ls", "latest"]).ends(0).out.contains("deep/two.txt"));
    let log = place.kura(&["audit", "list"]).ends(0);
    assert!(log.out.contains("erasure.order") && !log.out.contains("two.txt"), "{}", log.out);
}
