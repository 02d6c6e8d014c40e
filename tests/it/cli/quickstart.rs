//! The newcomer's first minutes: `kura quickstart`, the commands it prints, and those of the README.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, Ran};

/// Runs commands in bash, in the place's folder, with the program on the path and no home named.
fn shell(place: &Place, script: &str) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_kura"));
    let path = format!("{}:/usr/bin:/bin", program.parent().expect("a folder").display());
    let mut command = Command::new("bash");
    command.env_clear().env("PATH", path).env("HOME", place.dir.path()).current_dir(place.dir.path());
    Ran::of(&command.args(["-euo", "pipefail", "-c", script]).output().expect("bash starts"))
}

/// Path, rights, time and bytes of everything below a folder.
fn listing(folder: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let facts = std::fs::symlink_metadata(&path).expect("metadata");
        let bytes = if facts.is_file() { std::fs::read(&path).expect("bytes") } else { Vec::new() };
        found.insert(path.clone(), (facts.mode(), facts.mtime(), facts.mtime_nsec(), bytes));
        if facts.is_dir() {
            found.extend(listing(&path));
        }
    }
    found
}

#[test]
fn the_sample_comes_back_as_it_was_and_what_is_printed_next_works() {
    let place = Place::new();
    let ran = shell(&place, "kura quickstart").ends(0);
    for word in ["approved as a demonstration", "医師会", "70 files", "71 files", "Right:", "Try next:"] {
        assert!(ran.out.contains(word), "{word} is missing:\n{}", ran.out);
    }
    assert_eq!(ran.err, "");
    for name in ["kura.toml", "offline/recovery.key", "offline/recovery.key.root", "policies/records.toml"] {
        assert!(place.path("kura-demo").join(name).is_file(), "{name}");
    }
    let next = ran.out.split_once("Try next:").expect("commands").1;
    let commands: Vec<&str> = next.lines().map(str::trim).filter(|line| line.starts_with("kura ")).collect();
    assert_eq!(commands.len(), 6, "{next}");
    for command in commands {
        let ran = shell(&place, command).ends(0);
        assert!(!ran.out.is_empty(), "{command}");
        if command.contains(" diff ") {
            assert_eq!(ran.out.lines().count(), 4, "three changed and one added:\n{}", ran.out);
        }
    }
    assert!(place.path("kura-demo/again/kura-quickstart-追加.txt").is_file());
}

#[test]
fn a_given_folder_is_only_read_and_its_copy_comes_back() {
    let place = Place::new();
    place.write("my files/one.txt", "one");
    place.write("my files/深い/two.txt", "two");
    std::os::unix::fs::symlink("one.txt", place.path("my files/link")).expect("a link");
    std::fs::set_permissions(place.path("my files/one.txt"), std::fs::Permissions::from_mode(0o640))
        .expect("rights");
    let before = listing(&place.path("my files"));
    let ran = shell(&place, "kura quickstart 'my files' --home 'a demo' --json").ends(0);
    assert_eq!(listing(&place.path("my files")), before);
    let told = ran.json();
    assert_eq!(
        (&told["ok"], &told["plan"], &told["verified"]),
        (&true.into(), &"files".into(), &true.into())
    );
    assert_eq!((&told["snapshots"][0]["files"], &told["compared_files"]), (&3.into(), &4.into()));
    assert_eq!(told["differences"], serde_json::json!([]));
    for command in told["next"].as_array().expect("commands") {
        shell(&place, command.as_str().expect("text")).ends(0);
    }
}

#[test]
fn what_is_there_is_left_alone_and_the_folder_to_protect_is_never_written_to() {
    let place = Place::with_plan();
    let before = listing(place.dir.path());
    let ran = place.kura(&["quickstart"]).ends(1);
    assert!(ran.err.contains("is a Kura home already"), "{}", ran.err);
    let ran = place.kura(&["quickstart", "--home", "source"]).ends(1);
    assert!(ran.err.contains("not empty"), "{}", ran.err);
    for folder in [".", "source"] {
        let ran = place.kura(&["quickstart", folder, "--home", "source/deep/new"]).ends(2);
        assert!(ran.err.contains("which is only read") && ran.err.contains("--home"), "{}", ran.err);
    }
    let ran = place.kura(&["quickstart", "nowhere", "--home", "new"]).ends(1);
    assert!(ran.err.contains("nowhere"), "{}", ran.err);
    place.kura(&["quickstart", "source/one.txt", "--home", "new"]).ends(2);
    assert_eq!(listing(place.dir.path()), before);
}

#[test]
fn a_file_that_may_not_be_read_is_counted_and_the_run_is_partial() {
    let place = Place::new();
    place.write("source/open", "open");
    place.write("source/closed", "closed");
    std::fs::set_permissions(place.path("source/closed"), std::fs::Permissions::from_mode(0o000))
        .expect("rights");
    let ran = place.kura_as_nobody(&["quickstart", "source", "--home", "demo"]).ends(3);
    assert!(ran.out.contains("Not protected: 1 entries"), "{}", ran.out);
}

#[test]
fn the_first_steps_of_both_readmes_work_as_they_stand() {
    for readme in [include_str!("../../../README.md"), include_str!("../../../README.ja.md")] {
        let place = Place::new();
        place.write("srv/records/2026/one.txt", "one");
        place.write("srv/records/2026/two.txt", "two");
        std::fs::create_dir_all(place.path("usb")).expect("a folder");
        std::fs::create_dir_all(place.path("backup")).expect("a folder");
        let section = readme.split_once("<!-- first steps -->").expect("the marker of the section").1;
        let section = section.split_once("<!-- end of first steps -->").expect("its end").0;
        let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
        let mut script: String = blocks.map(|(block, _)| block).collect();
        for (there, here) in [
            ("/var/lib/kura", "home"),
            ("/mnt/backup", "backup"),
            ("/media/usb", "usb"),
            ("/srv/records", "srv/records"),
            ("/srv/restored", "restored"),
        ] {
            assert!(script.contains(there), "{there} is missing:\n{script}");
            script = script.replace(there, &place.text(here));
        }
        let ran = shell(&place, &script).ends(0);
        assert!(ran.out.contains("2 files"), "{}", ran.out);
        let restored = std::fs::read_to_string(place.path("restored/2026/two.txt")).expect("the file");
        assert_eq!(restored, "two");
    }
}
