//! `kura monitor`, `kura work` and `kura inventory`, as people use them.

use std::net::TcpListener;

use super::Place;
use crate::support::pdf;

#[test]
fn targets_are_asked_by_hand_and_files_that_are_wrong_are_named() {
    let place = Place::with_snapshot();
    let none = place.kura(&["monitor", "list"]).ends(0);
    assert!(none.out.contains("Nothing is monitored"), "{}", none.out);
    let folder = place.path("home").join("policies/monitoring");
    std::fs::create_dir_all(&folder).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = format!("[[target]]\nname = \"portal\"\nkind = \"tcp\"\naddress = \"{address}\"\n");
    std::fs::write(folder.join("own.toml"), &file).unwrap();
    let listed = place.kura(&["monitor", "list"]).ends(0);
    assert!(listed.out.contains("portal") && listed.out.contains("unknown"), "{}", listed.out);
    let good = place.kura(&["monitor", "check"]).ends(0);
    assert!(good.out.contains("good"), "{}", good.out);
    drop(listener);
    let bad = place.kura(&["monitor", "check", "portal", "--json"]).ends(1).json();
    assert_eq!(bad[0]["answer"], "unreachable");
    place.kura(&["monitor", "check", "other"]).ends(1);
    assert!(place.kura(&["monitor", "status", "portal"]).ends(0).out.contains("every 5 minutes"));
    std::fs::write(folder.join("own.toml"), file.replace("tcp", "udp")).unwrap();
    let told = place.kura(&["monitor", "list"]).ends(1).err;
    assert!(told.contains("own.toml") && told.contains("udp"), "{told}");
}

#[test]
fn a_record_of_work_is_opened_written_and_printed_but_not_closed_without_a_snapshot() {
    let place = Place::with_snapshot();
    let source = "[[source]]\nkind = \"directory\"\npath = \"/etc/ssl\"\n";
    place.plan("system-files", &format!("name = \"system-files\"\nclass = \"system\"\n{source}"));
    place.add_account("", "manager001", "operations_manager");
    place.add_account("manager001", "admin00001", "system_administrator");
    place.add_account("manager001", "operator01", "system_operator");
    let plan = ["work", "plan", "maintenance", "パッチの適用", "--on", "2026-12-06", "--before", "1.0"];
    place.kura_as("operator01", &plan).ends(4);
    place.kura_as("admin00001", &["work", "plan", "repair", "x", "--on", "2026-12-06"]).ends(2);
    let planned = place.kura_as("admin00001", &plan).ends(0);
    let id = planned.out.split_whitespace().next().unwrap().to_owned();
    assert!(id.starts_with("WR-"), "{}", planned.out);
    let early = place.kura_as("admin00001", &["work", "close", &id]).ends(4).err;
    assert!(early.contains("kura work begin") && early.contains("kura work finish"), "{early}");
    place.kura_as("admin00001", &["work", "begin", &id]).ends(0);
    let twice = place.kura_as("admin00001", &["work", "begin", &id]).ends(4).err;
    assert!(twice.contains("has begun already"), "{twice}");
    let snapshot = ["work", "snapshot", &id, "system-files"];
    let asked = place.kura_as("admin00001", &snapshot).ends(0).out;
    assert!(asked.contains("does not close the record"), "{asked}");
    place.kura_as("admin00001", &["work", "finish", &id]).ends(0);
    for point in ["1", "2", "3", "4"] {
        place.kura_as("admin00001", &["work", "tick", &id, point, "--remark", "確認"]).ends(0);
    }
    place.kura_as("admin00001", &["work", "versions", &id, "--after", "1.1"]).ends(0);
    let file = place.path("result.txt");
    std::fs::write(&file, "ok").unwrap();
    place
        .kura_as("admin00001", &["work", "attach", &id, "動作確認の結果", "--file", file.to_str().unwrap()])
        .ends(0);
    let endless = ["work", "attach", &id, "終わりのないもの", "--file", "/dev/zero"];
    assert!(place.kura_as("admin00001", &endless).ends(2).err.contains("32 MiB"));
    let missing = ["work", "attach", &id, "ないもの", "--file", "nowhere.pdf"];
    assert!(place.kura_as("admin00001", &missing).ends(2).err.contains("cannot be read"));
    let ticked = place.kura_as("admin00001", &["work", "tick", &id, "1"]).ends(4).err;
    assert!(ticked.contains("point 1 is ticked already"), "{ticked}");
    let refused = place.kura_as("admin00001", &["work", "close", &id]).ends(4);
    assert!(refused.err.contains("第20条③") && refused.err.contains("after it was over"), "{}", refused.err);
    let asked = place.kura_as("admin00001", &snapshot).ends(0).out;
    assert!(asked.contains("is asked for") && !asked.contains("does not close"), "{asked}");
    let waits = place.kura_as("admin00001", &["work", "close", &id]).ends(4).err;
    assert!(waits.contains("is not taken yet"), "{waits}");
    let shown = place.kura(&["work", "show", &id]).ends(0).out;
    assert_eq!(shown.matches("does not count").count(), 1, "{shown}");
    let filed = place.kura(&["work", "show", &id, "--pdf"]).ends(0).bytes;
    assert!(pdf::solid(&pdf::pages(&filed).concat()).contains("■"), "a point that is ticked");
    let page = place.kura(&["work", "show", &id, "--html"]).ends(0).out;
    assert!(
        page.contains("パッチの適用") && page.contains("動作確認の結果") && !page.contains("result.txt"),
        "{page}"
    );
    let json = place.kura(&["work", "show", &id, "--json"]).ends(0).json();
    assert_eq!(json["state"], "done");
    assert!(place.kura(&["work", "list"]).ends(0).out.contains("no inspection of the power supply"));
}

#[test]
fn the_inventory_shows_what_is_missing_and_what_the_program_is_built_from() {
    let place = Place::with_snapshot();
    let gaps = place.kura(&["inventory", "--gaps"]).ends(1);
    assert!(gaps.out.contains("no-asset") && gaps.out.contains("no-place"), "{}", gaps.out);
    let folder = place.path("home").join("policies/inventory");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), "[[asset]]\nname = \"スイッチ\"\n").unwrap();
    let page = place.kura(&["inventory", "--html"]).ends(0).out;
    assert!(
        page.contains("資産台帳（第7条）") && page.contains("「スイッチ」に、計画も免除の理由もありません。"),
        "{page}"
    );
    let json = place.kura(&["inventory", "--json"]).ends(0).json();
    assert!(json["software"]["components"].as_u64().unwrap() > 100, "{json}");
    let sbom = place.kura(&["inventory", "--sbom"]).ends(0).json();
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let has_age = sbom["components"].as_array().unwrap().iter().any(|one| one["name"] == "age");
    assert!(has_age);
    std::fs::write(folder.join("own.toml"), "[[asset]]\nname = \"a\"\nplan = \"x\"\n").unwrap();
    place.kura(&["inventory"]).ends(2);
}
