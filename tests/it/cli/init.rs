//! Making an installation and recovery keys.

use std::os::unix::fs::PermissionsExt as _;

use super::Place;

#[test]
fn an_installation_is_made_without_a_question_and_says_what_goes_offline() {
    let place = Place::new();
    let ran = place.init().ends(0);
    for word in
        ["Take offline", "recovery.key", "recovery.key.root", "sha256:", "age1", "cannot enforce a lock"]
    {
        assert!(ran.out.contains(word), "{word} is missing:\n{}", ran.out);
    }
    let key = std::fs::read_to_string(place.path("recovery.key")).expect("the key");
    assert!(key.contains("# kura-root: sha256:") && key.contains("AGE-SECRET-KEY-1"));
    let mode = |name: &str| std::fs::metadata(place.path(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("recovery.key"), mode("recovery.key.root"), mode("home")), (0o600, 0o600, 0o700));
    assert!(place.path("home/kura.toml").exists());
}

#[test]
fn root_does_not_write_into_the_home_of_another_user() {
    let place = Place::new();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::fs::create_dir(place.path("home")).expect("the home");
    std::os::unix::fs::chown(place.path("home"), Some(super::NOBODY), None).expect("its owner");
    let ran = place.init().ends(2);
    assert!(ran.err.contains("belongs to user 65534") && ran.err.contains("as-kura"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(place.path("home")).expect("the home").count(), 0);
    assert!(!place.path("recovery.key").exists() && !place.path("store").exists());
    place.kura(&["account", "add", "ishikai001", "--role", "service_operator"]).ends(2);
}

#[test]
fn the_same_is_told_as_json() {
    let place = Place::new();
    let key = place.text("recovery.key");
    let made =
        place.kura(&["init", "--json", "--store", &place.store(), "--new-recovery-key", &key]).ends(0).json();
    assert_eq!(made["recovery_key"], key);
    assert_eq!(made["root_key"], format!("{key}.root"));
    let listed = place.kura(&["key", "list", "--json"]).ends(0).json();
    assert_eq!(listed["recipients"], made["recipients"]);
    assert_eq!(listed["root_fingerprint"], made["root_fingerprint"]);
}

#[test]
fn a_home_is_not_made_twice_and_no_key_is_overwritten() {
    let place = Place::new();
    place.init().ends(0);
    let again = place.init().ends(1);
    assert!(again.err.contains("is a Kura home already"), "{}", again.err);
    let (other, store) = (place.text("other"), format!("file://{}", place.text("other-store")));
    let key = place.text("recovery.key");
    let kept = std::fs::read(place.path("recovery.key")).expect("the key");
    let ran = place.kura(&["--home", &other, "init", "--store", &store, "--new-recovery-key", &key]).ends(1);
    assert!(ran.err.contains("is there already and is not overwritten"), "{}", ran.err);
    assert_eq!(std::fs::read(place.path("recovery.key")).expect("the key"), kept);
    assert!(!place.path("other-store").exists());
}

#[test]
fn a_store_that_is_taken_gets_no_second_repository() {
    let place = Place::new();
    place.init().ends(0);
    let (other, key) = (place.text("other"), place.text("other.key"));
    let ran = place
        .kura(&["--home", &other, "init", "--store", &place.store(), "--new-recovery-key", &key])
        .ends(1);
    assert!(ran.err.contains("there is a repository at"), "{}", ran.err);
    assert!(!place.path("other/kura.toml").exists() && !place.path("other.key").exists());
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    let place = Place::new();
    for store in ["s3://tanaka:hanako@bucket/kura", "s3://bucket?secret_access_key=hanako"] {
        for arguments in [
            &["init", "--new-recovery-key", "recovery.key", "--store", store][..],
            &["store", "probe", "--store", store],
        ] {
            let ran = place.kura(arguments).ends(2);
            assert!(!ran.err.contains("hanako") && !ran.out.contains("hanako"), "{}", ran.err);
        }
    }
    assert!(!place.path("home").exists() && !place.path("recovery.key").exists());
}

#[test]
fn without_a_recovery_key_nothing_is_made() {
    let place = Place::new();
    let ran = place.kura(&["init", "--store", &place.store()]).ends(2);
    assert!(ran.err.contains("--recipient"), "{}", ran.err);
    let ran = place.kura(&["init", "--store", &place.store(), "--recipient", "tanaka"]).ends(2);
    assert!(ran.err.contains("begins with age1"), "{}", ran.err);
    assert!(!place.path("home").exists() && !place.path("store").exists());
}

#[test]
fn a_further_recovery_key_names_the_same_root_and_can_be_the_recipient_of_an_installation() {
    let place = Place::new();
    place.init().ends(0);
    let root = place.text("recovery.key.root");
    let made = place.kura(&["key", "new", "second.key", "--root-key", &root, "--json"]).ends(0).json();
    let text = std::fs::read_to_string(place.path("second.key")).expect("the key");
    assert!(text.contains(made["root_fingerprint"].as_str().expect("text")));
    place.kura(&["key", "new", "second.key", "--root-key", &root]).ends(1);
    let ran = place.kura(&["key", "new", "third.key", "--root-key", "missing"]).ends(1);
    assert!(ran.err.contains("missing") && ran.err.contains("because:"), "{}", ran.err);
    assert!(!place.path("third.key").exists() && !place.path("missing").exists());
    let (home, store) = (place.text("other"), format!("file://{}", place.text("other-store")));
    let recipient = made["recipient"].as_str().expect("text");
    let init = ["--home", &home, "init", "--store", &store, "--recipient", recipient, "--root-key", &root];
    let ran = place.kura(&init).ends(0);
    assert!(ran.out.contains(recipient), "{}", ran.out);
}

#[test]
fn a_passphrase_comes_from_a_file_and_not_from_an_argument() {
    let place = Place::new();
    place.write("passphrase", "correct horse battery\n");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_kura"));
    let store = place.store();
    let arguments = ["init", "--store", &store, "--new-recovery-key", "recovery.key", "--passphrase"];
    let mut command = place.command(program, &arguments);
    command.env("KURA_PASSPHRASE_FILE", place.path("passphrase"));
    super::Ran::of(&command.output().expect("the program starts")).ends(0);
    let key = std::fs::read_to_string(place.path("recovery.key")).expect("the key");
    assert!(key.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !key.contains("AGE-SECRET-KEY"));
    place.write("passphrase", "short\n");
    let mut command =
        place.command(program, &["key", "new", "k", "--root-key", "recovery.key.root", "--passphrase"]);
    command.env("KURA_PASSPHRASE_FILE", place.path("passphrase"));
    super::Ran::of(&command.output().expect("the program starts")).ends(2);
}

#[test]
fn a_store_is_tried_out_line_by_line() {
    let place = Place::new();
    place.init().ends(0);
    let ran = place.kura(&["store", "probe"]).ends(0);
    for word in ["conditional create", "pass", "object lock", "not supported", "can be used"] {
        assert!(ran.out.contains(word), "{word} is missing:\n{}", ran.out);
    }
    assert_eq!(place.kura(&["store", "probe", "--json"]).ends(0).json()["usable"], true);
    let ran = place.kura(&["store", "probe", "--store", "file:///nowhere/at/all"]).ends(1);
    assert!(ran.err.starts_with("kura: error: "), "{}", ran.err);
}
