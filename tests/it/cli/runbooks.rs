//! Every command of Kura in the runbooks is run as it stands: those of disasters in stories of their own, the rest here, in a
//! home in which what they speak of was made.

use std::collections::BTreeSet;
use std::path::Path;

use kura::clock::{Clock as _, SystemClock};
use kura::workflows::desk::tokyo;

use super::Place;
use super::expire::old_home;
use crate::support::runbook::Runbook;

/// Runbooks that are followed from the first to the last line elsewhere, and where.
const STORIES: [(&str, &str); 8] = [
    ("bucket-lost", "disasters.rs"),
    ("wrong-deletion", "disasters.rs"),
    ("database-corrupted", "disasters.rs"),
    ("ransomware", "ransomware.rs"),
    ("host-lost", "host_lost.rs"),
    ("rebuild", "cli/own.rs"),
    ("deploy", "deploy.rs"),
    ("README", "it has no command"),
];

/// Those that are run here.
const HERE: [&str; 27] = [
    "after-use-overdue",
    "approval-lapsed",
    "audit-log",
    "backup-missed",
    "break-glass",
    "clock-wrong",
    "deletion-overdue",
    "deletion-stopped",
    "drill-overdue",
    "erasure",
    "keys",
    "lock-not-enforced",
    "lock-wrong",
    "log-review-overdue",
    "monitoring-stopped",
    "notice-not-readable",
    "notice-undelivered",
    "plan-unreadable",
    "restore",
    "run-refused",
    "service-by-hand",
    "service-down",
    "service-stopped",
    "snapshot-old",
    "snapshot-partial",
    "source-changed-suddenly",
    "stored-data-damaged",
];

/// And these.
const HERE_TOO: [&str; 2] = ["target-down", "update"];

const ADMIN: &str = "admin00001";
const DOCTOR: &str = "ishikai001";
/// When the incident of the home was found, and when the entruster was told of it.
const FOUND: &str = "2026-01-05 09:00";
const TOLD: &str = "2026-01-06 10:00";

fn today() -> String {
    tokyo().day_of(SystemClock.now()).to_string()
}

/// A home with records sent today, people, an approved window with its notice, a service that is stopped by hand, and an
/// incident.
fn place() -> Place {
    let place = Place::new();
    place.init().ends(0);
    for name in ["one", "ward/12345", "2026/11/20/a"] {
        place.write(&format!("source/{name}"), name);
    }
    let plan = place.source_plan("records");
    let plan = plan.replace("class = \"system\"", "class = \"application\"");
    place.plan("records", &format!("{plan}sent_day = \"mtime\"\n"));
    place.add_account("", DOCTOR, "service_operator");
    place.add_account(DOCTOR, ADMIN, "system_administrator");
    place.add_account(DOCTOR, "operator01", "system_operator");
    place.add_account(DOCTOR, "manager001", "operations_manager");
    let settings = std::fs::read_to_string(place.path("home/kura.toml")).expect("settings");
    let second = place.text("second");
    let more =
        format!("\n[replica]\nstore = {second:?}\n\n[[service]]\nname = \"ポータル\"\nmanual = true\n");
    place.write("home/kura.toml", &(settings + &more));
    place.kura(&["snapshot", "records"]).ends(0);
    let monthly =
        ["window", "request", "records", "--kind", "monthly", "--day", "first sunday", "--at", "1:00"];
    let monthly = [&monthly[..], &["--length", "4h", "--stop", "ポータル"]].concat();
    place.kura_as(ADMIN, &monthly).ends(0);
    place.kura_as(DOCTOR, &["window", "approve", "w-0001"]).ends(0);
    place
        .kura_as(
            "operator01",
            &["incident", "open", "つながりません。", "--persons", "possible", "--found", FOUND],
        )
        .ends(0);
    place
}

/// A runbook in a home, with what its placeholders stand for there.
pub(super) fn runbook(place: &Place, name: &str, more: &[(&str, &str)]) -> Runbook {
    let mut runbook = Runbook::read(name, place.dir.path());
    runbook.places = more.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    // The newest of a kind; a home without any has no use for it.
    let newest = |noun: &str, otherwise: &str| {
        let listed = place.kura(&[noun, "list", "--json"]).out;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap_or_default();
        listed[0][noun].as_str().unwrap_or(otherwise).to_owned()
    };
    let (incident, notice) = (newest("incident", "I-2026-0001"), newest("notice", "N-2026-0001"));
    for (from, to) in [
        ("s3://BUCKET/PREFIX?endpoint=https://HOST", place.store()),
        ("/media/usb/recovery.key", place.text("recovery.key")),
        ("/media/usb", place.text("usb")),
        ("/srv", place.text("srv")),
        ("2026-11-24 09:00", TOLD.to_owned()),
        ("I-2026-0001", incident),
        ("N-2026-0001", notice),
    ] {
        runbook.places.push((from.to_owned(), to));
    }
    place.write("password", super::PASSWORD);
    place.write("passphrase", "correct horse battery staple");
    std::fs::create_dir_all(place.path("usb")).expect("a folder");
    for (variable, file) in
        [("KURA_HOME", "home"), ("KURA_PASSWORD_FILE", "password"), ("KURA_PASSPHRASE_FILE", "passphrase")]
    {
        runbook.environment.push((variable, place.text(file)));
    }
    runbook
}

/// Runs all of it; every command was run.
pub(super) fn run(mut runbook: Runbook) -> String {
    let said = runbook.run_all();
    let missing: BTreeSet<String> =
        runbook.commands().into_iter().filter(|line| !runbook.ran.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    said
}

#[test]
fn every_runbook_is_run_somewhere() {
    let folder = Path::new(crate::support::ROOT).join("docs/runbooks");
    let files = std::fs::read_dir(folder).expect("runbooks").flatten();
    let names: BTreeSet<String> =
        files.filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned())).collect();
    let known = STORIES.iter().map(|(name, _)| *name).chain(HERE).chain(HERE_TOO);
    assert_eq!(names, known.map(ToOwned::to_owned).collect());
}

#[test]
fn the_commands_for_alarms_do_what_they_are_for() {
    let place = place();
    for name in [
        "backup-missed",
        "break-glass",
        "drill-overdue",
        "lock-not-enforced",
        "lock-wrong",
        "monitoring-stopped",
        "notice-not-readable",
        "notice-undelivered",
        "plan-unreadable",
        "service-down",
        "service-stopped",
        "snapshot-old",
        "snapshot-partial",
        "target-down",
        "update",
    ] {
        run(runbook(&place, name, &[]));
    }
    run(runbook(&place, "clock-wrong", &[("2027-11-23", today().as_str())]));
    let said = run(runbook(&place, "approval-lapsed", &[]));
    assert!(said.contains("w-0002"), "{said}");
    let occurrence = {
        let ahead = place.kura(&["window", "occurrences", "--json"]).ends(0).json();
        ahead[0]["occurrence"].as_str().expect("an occurrence").to_owned()
    };
    let more = [("w-0001-2026-12-10", occurrence.as_str()), ("…", "緊急")];
    let said = run(runbook(&place, "run-refused", &more));
    assert!(said.contains("was let through"), "{said}");
    let mut reviewed = runbook(&place, "log-review-overdue", &[]);
    // The service counts the lines; nothing was counted here.
    reviewed.refused = vec![("monitor review", 1, "there is no look with number 12")];
    run(reviewed);
    let mut by_hand = runbook(&place, "service-by-hand", &[]);
    by_hand.refused = vec![("service confirm", 1, "nobody is asked to confirm this")];
    run(by_hand);
}

#[test]
fn the_commands_for_damage_and_sudden_change_lead_to_a_statement_and_a_mended_store() {
    let place = place();
    run(runbook(&place, "source-changed-suddenly", &[]));
    place.kura(&["store", "copy"]).ends(0);
    let said = run(runbook(&place, "stored-data-damaged", &[]));
    assert!(said.contains("recoverable") && said.contains("nothing is hidden"), "{said}");
}

#[test]
fn the_commands_about_the_log_and_erasure_and_restores_work_on_real_records() {
    let place = place();
    let verified = place.kura(&["audit", "verify", "--json"]).ends(0).json();
    let head = verified["head"].as_str().expect("a number and a digest").to_owned();
    run(runbook(&place, "audit-log", &[("1234:9f86d081884c7d65", &head)]));
    let people = [("サービス運用者のID", DOCTOR), ("別の人のID", "manager001")];
    let said = run(runbook(&place, "erasure", &people));
    assert!(said.contains("ward/12345"), "{said}");
    let public = {
        let key = std::fs::read_to_string(place.path("recovery.key")).expect("the key");
        key.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its public part").to_owned()
    };
    let (today, other, home) = (today(), format!("file://{}", place.text("other")), place.text("new-home"));
    let more = [
        ("s3://BUCKET/NEW?endpoint=https://HOST", other.as_str()),
        ("/var/lib/kura", home.as_str()),
        ("2026-11-14..2026-11-20", "2026-01-01..2099-12-31"),
        ("2026-11-20 ", &format!("{today} ")),
        ("2026-11-19", today.as_str()),
        ("ファイル名", "12345"),
        ("age1…", public.as_str()),
        ("/media/usb/recovery.key.root", &place.text("recovery.key.root")),
    ];
    run(runbook(&place, "restore", &more));
    assert_eq!(
        std::fs::read_to_string(place.path("srv/urgent/2026/11/20/a")).expect("restored"),
        "2026/11/20/a"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_deletion_delete_what_is_past() {
    let place = old_home().await;
    place.add_account(DOCTOR, "manager001", "operations_manager");
    let order = place.kura(&["expire", "plan", "--json"]).ends(0).json();
    let digest = order["digest"].as_str().expect("a digest").to_owned();
    let (day, plan) = (today(), [("records", "test")]);
    let more = [("2027-11-23", day.as_str()), ("承認した人と別の人のID", DOCTOR), ("実行する人のID", ADMIN)];
    let mut stopped = runbook(&place, "deletion-stopped", &[&more[..], &plan].concat());
    stopped.refused = vec![("expire run", 4, "")];
    run(stopped);
    let people = [
        ("承認番号", digest.as_str()),
        ("承認する人のID", ADMIN),
        ("別の人のID", DOCTOR),
        ("サービス運用者のID", DOCTOR),
    ];
    let said = run(runbook(&place, "deletion-overdue", &[&people[..], &plan].concat()));
    assert!(said.contains("0000000001") || said.contains("certificate"), "{said}");
}

/// The public part that a command printed.
fn public(said: &str) -> Vec<String> {
    let words = said.split_whitespace().filter(|word| word.starts_with("age1"));
    let mut keys: Vec<String> = words.map(ToOwned::to_owned).collect();
    keys.dedup();
    keys
}

#[test]
fn the_commands_about_keys_make_change_and_retire_them() {
    let place = Place::new();
    let mut keys = runbook(&place, "keys", &[]);
    let of = |text: &str| place.text(text);
    keys.places.splice(
        0..0,
        [
            ("保存先".to_owned(), place.store()),
            ("old.key".to_owned(), of("usb/keys/recovery-1.key")),
            ("別の鍵".to_owned(), of("usb/keys/recovery-2.key")),
            (
                "new.key --root-key root.key".to_owned(),
                format!("new.key --root-key {}", of("usb/keys/root.key")),
            ),
            (" root.key".to_owned(), format!(" {}", of("usb/keys/root.key"))),
        ],
    );
    let lines = keys.commands();
    let [ceremony, init, list, new, add, change, adopt, wrap, compromised] = &lines[..] else {
        panic!("other commands than are known here: {lines:#?}");
    };
    let made = public(&keys.command(ceremony));
    let two = format!("--recipient {} --recipient {}", made[0], made[1]);
    keys.places.insert(0, ("--recipient age1… --recipient age1…".to_owned(), two));
    keys.command(init);
    place.write("source/one", "one");
    place.plan("records", &place.source_plan("records"));
    place.kura(&["snapshot", "records"]).ends(0);
    assert!(keys.command(list).contains(&made[0]));
    let third = public(&keys.command(new)).remove(0);
    let mut with = |line: &str, added: &str, retired: &str| {
        let places = [
            (
                format!("--retire {}", if line.contains("漏れた") { "漏れた鍵の公開部分" } else { "age1…" }),
                format!("--retire {retired}"),
            ),
            ("--add age1…".to_owned(), format!("--add {added}")),
        ];
        keys.places.splice(0..0, places);
        let said = keys.command(line);
        keys.places.drain(0..2);
        said
    };
    with(add, &third, "");
    let another = |name: &str| {
        let root = of("usb/keys/root.key");
        public(&place.kura(&["key", "new", name, "--root-key", &root]).ends(0).out).remove(0)
    };
    let (fourth, fifth) = (another("fourth.key"), another("fifth.key"));
    with(change, &fourth, &third);
    with(adopt, "", "");
    with(wrap, "", "");
    with(compromised, &fifth, &made[0]);
    place.kura(&["key", "adopt"]).ends(0);
    let listed = place.kura(&["key", "list", "--json"]).ends(0).out;
    for key in [&made[1], &fourth, &fifth] {
        assert!(listed.contains(key), "{key} in {listed}");
    }
    let to = of("back");
    let store = place.store();
    let restore = ["restore", "latest", "--store", &store, "--identity", "fourth.key", "--to", &to];
    place.kura(&restore).ends(0);
    assert_eq!(std::fs::read_to_string(place.path("back/one")).expect("restored"), "one");
}
