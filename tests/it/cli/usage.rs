//! Usage errors, help, the version, completions, manual pages, messages.

use super::Place;

#[test]
fn a_wrong_word_is_a_usage_error() {
    let place = Place::new();
    for arguments in [
        &[][..],
        &["snapshoot"],
        &["snapshot"],
        &["snapshot", "records", "--event", "christmas"],
        &["init"],
        &["plan"],
        &["completions", "cmd"],
    ] {
        let ran = place.kura(arguments).ends(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_mistake() {
    let place = Place::new();
    assert!(place.kura(&["--version"]).ends(0).out.starts_with("kura 0."));
    let help = place.kura(&["--help"]).ends(0).out;
    assert!(help.contains("Exit codes: 0 done, 1 failed, 2 usage, 3 partial"), "{help}");
    let commands =
        "init key plan store snapshot snapshots restore ls find diff cat verify catalog completions man";
    for command in commands.split(' ') {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing:\n{help}");
        place.kura(&[command, "--help"]).ends(0);
    }
}

#[test]
fn the_help_names_every_scope_of_a_token() {
    let help = Place::new().kura(&["token", "new", "--help"]).ends(0).out;
    for act in kura::domain::role::Act::ALL {
        assert!(help.contains(&format!("  {} ", act.word())), "{} is missing:\n{help}", act.word());
    }
}

#[test]
fn every_shell_gets_completions_and_every_command_a_page() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.kura(&["completions", shell]).ends(0).out.contains("kura"), "{shell}");
    }
    place.kura(&["man", "pages"]).ends(0);
    for page in ["kura.1", "kura-snapshot.1", "kura-plan-check.1"] {
        let text = std::fs::read_to_string(place.path("pages").join(page)).expect(page);
        assert!(text.contains(".TH"), "{page}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let place = Place::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_kura"));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut command = place.command(program, &["completions", "bash"]);
    let ran = super::Ran::of(&command.stdout(full).output().expect("the program starts")).ends(1);
    assert!(ran.err.contains("cannot write to stdout"), "{}", ran.err);
}

#[test]
fn messages_are_set_by_the_environment() {
    let place = Place::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_kura"));
    let mut command = place.command(program, &["plan", "list"]);
    let ran = super::Ran::of(&command.env("KURA_LOG", "loud=what=no").output().expect("the program starts"))
        .ends(2);
    assert!(ran.err.contains("KURA_LOG is not a filter"), "{}", ran.err);
}
