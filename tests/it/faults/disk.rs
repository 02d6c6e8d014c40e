//! A full disk under the store, under the home and under the target of a restore.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::support::kura::listing;
use crate::support::site::{Ran, Site, noise};

/// Builds the library that makes writes fail (`tests/support/full-disk.c`) in the test's folder.
fn full_disk(site: &Site) {
    let source = Path::new(crate::support::ROOT).join("tests/support/full-disk.c");
    let library = site.path("full-disk.so");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").output();
    let built = built.expect("a C compiler, which Rust needs as well");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Runs the program with a disk under a folder that takes this many bytes and no more.
fn with_room(site: &Site, folder: &str, room: u64, arguments: &[&str]) -> Ran {
    let below = site.path(folder).canonicalize().expect("the folder is there");
    let mut command = site.command(env!("CARGO_BIN_EXE_kura"));
    command.env("LD_PRELOAD", site.path("full-disk.so"));
    command.env("KURA_TEST_FULL_BELOW", below).env("KURA_TEST_FULL_AFTER", room.to_string());
    Ran::of(&command.args(arguments).output().expect("the program starts"))
}

/// Runs the program with no file allowed to be longer than this, in KiB: needs no C library in between.
fn with_files_up_to(site: &Site, kib: u32, arguments: &[&str]) -> Ran {
    let mut command = site.command("bash");
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"")).arg("bash");
    command.arg(env!("CARGO_BIN_EXE_kura")).args(arguments);
    Ran::of(&command.output().expect("the program starts"))
}

/// A site with a snapshot.
fn site() -> Site {
    let site = Site::in_folder();
    for number in 0..100 {
        site.write(&format!("sub/{number}"), noise(number, 3000));
    }
    full_disk(&site);
    site.kura(&["snapshot", "test"]).ends(0);
    site
}

#[test]
fn a_store_that_runs_full_at_any_moment_is_told_and_nothing_is_committed_by_halves() {
    let site = site();
    site.write("large", noise(1000, 3 << 20));
    let needed = site.kura(&["snapshot", "test", "--json"]).ends(0).json()["new_bytes_stored"].as_u64();
    let needed = needed.expect("a number");
    let begin = [0, 1, 4096, needed / 3, needed / 2];
    // Manifest, index and snapshot come last and are small: there the steps are.
    let end = (0..100).map(|step| needed - 20_000 + step * 1000);
    let mut failed = 0;
    for (round, room) in (0..).zip(begin.into_iter().chain(end)) {
        site.write("large", noise(2000 + round, 3 << 20));
        let ran = with_room(&site, "store", room, &["snapshot", "test"]);
        if ran.code == 0 {
            assert!(room > needed / 2, "{room} bytes of {needed} cannot be enough");
            break;
        }
        ran.fails_clearly(&["the store has no space left", "/", "next: make room there"]);
        assert_eq!(std::fs::read_dir(site.path("store/.tmp")).unwrap().count(), 0, "half an object stays");
        site.verifies();
        failed += 1;
    }
    assert!((6..100).contains(&failed), "{failed}");
    site.is_well();
}

/// Takes snapshots with ever more room in a folder of the home, until one succeeds; gives how many failed.
fn fill(site: &Site, folder: &str, step: u64) -> u64 {
    for round in 1.. {
        site.write("large", noise(round, 1 << 20));
        let ran = with_room(site, folder, round * step, &["snapshot", "test"]);
        if ran.code == 0 {
            return round - 1;
        }
        let said = ran.fails_clearly(&["room"]).err;
        assert!(said.contains("No space left") || said.contains("disk is full"), "{said}");
        site.verifies();
        assert!(round < 200, "the run succeeds when there is room enough");
    }
    0
}

#[test]
fn a_home_that_runs_full_at_any_moment_is_told_and_the_next_run_succeeds() {
    let site = site();
    // The catalog writes most.
    let failed = fill(&site, "home", 3000);
    assert!(failed > 5, "{failed}");
    site.is_well();
}

#[test]
fn a_home_that_runs_full_in_the_journal_or_the_stat_cache_is_told_and_the_next_run_succeeds() {
    let site = site();
    let failed = fill(&site, "home/state", 700);
    assert!(failed > 5, "{failed}");
    site.is_well();
}

#[test]
fn a_home_that_runs_full_of_temporary_data_is_told_and_the_next_run_succeeds() {
    let site = site();
    let mut settings = std::fs::File::options().append(true).open(site.path("home/kura.toml")).unwrap();
    settings.write_all(b"sort_memory_mib = 1\n").unwrap();
    for number in 0..8000 {
        site.write(&format!("many/a-name-that-is-long-so-that-sorting-needs-the-disk-soon-{number}"), "x");
    }
    with_room(&site, "home/tmp", 100_000, &["snapshot", "test"]).fails_clearly(&[
        "No space left",
        "next: ",
        "room",
    ]);
    assert_eq!(std::fs::read_dir(site.path("home/tmp")).unwrap().count(), 0, "temporary data stays");
    site.verifies();
    site.is_well();
}

#[test]
fn an_object_longer_than_the_store_takes_is_told() {
    let site = site();
    site.write("large", noise(1000, 3 << 20));
    with_files_up_to(&site, 1024, &["snapshot", "test"]).fails_clearly(&["/packs/", "too large", "next: "]);
    assert_eq!(std::fs::read_dir(site.path("store/.tmp")).unwrap().count(), 0, "half an object stays");
    site.verifies();
    site.is_well();
}

#[test]
fn a_target_that_takes_no_more_is_told_and_the_restore_goes_on_when_it_does() {
    let site = site();
    site.write("large", noise(1000, 3 << 20));
    site.kura(&["snapshot", "test"]).ends(0);
    let identity = ["--store", &site.store, "--identity", "recovery.key"];
    let restore = ["restore", "latest", "--to", "out"];
    let ran = with_files_up_to(&site, 1024, &[&restore[..], &identity[..]].concat()).ends(3);
    assert!(
        ran.err.contains("1 entry could not be restored") && ran.err.contains("  large: "),
        "{}",
        ran.err
    );
    assert!(!site.path("out/large").exists(), "a file appears whole or not at all");
    let left: Vec<_> =
        std::fs::read_dir(site.path("out")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["sub"], "nothing else is left in the target");
    site.bare(&["restore", "latest", "--to", "out", "--in-place"]).ends(0);
    assert_eq!(listing(&site.path("out")), listing(&site.path("source")));
}

#[test]
fn a_home_without_a_byte_of_room_is_told() {
    let site = site();
    with_room(&site, "home", 0, &["snapshot", "test"]).fails_clearly(&["home", "full", "room"]);
    site.is_well();
}

#[test]
fn a_full_home_is_told_with_its_path() {
    let site = site();
    let home = site.path("home").display().to_string();
    for (round, room) in (0..).zip([0, 3000]) {
        site.write("large", noise(round, 1 << 20));
        with_room(&site, "home/state", room, &["snapshot", "test"]).fails_clearly(&[&home]);
    }
}

#[test]
fn what_is_journalled_after_a_torn_record_is_taken_over_as_well() {
    let site = site();
    site.write("large", noise(1000, 40 << 20));
    // A record whose end was not written any more: the disk was full, or the power failed.
    std::fs::write(site.path("home/state/test/journal"), [7; 50]).unwrap();
    with_room(&site, "store", 30 << 20, &["snapshot", "test"]).fails_clearly(&["no space left"]);
    let taken = site.kura(&["snapshot", "test", "--json"]).ends(0).json();
    assert!(taken["adopted_packs"].as_u64() >= Some(1), "{taken}");
}
