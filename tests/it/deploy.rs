//! What stands in `deploy/` and `docs/runbooks/`: it parses, it is complete, and it names what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kura::config::Settings;
use serde_json::Value;

fn root(path: &str) -> PathBuf {
    Path::new(crate::support::ROOT).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Runs a program of the machine; `None` where the machine does not have it.
fn of_machine(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).current_dir(root("")).output().ok()
}

/// Says that a program that this machine lacks checked nothing; what can be checked without it was.
#[expect(clippy::print_stderr, reason = "a test has no other place for remarks")]
fn not_checked(program: &str) {
    eprintln!("there is no {program} here: it checked nothing");
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs of characters that a test of characters accepts.
fn words(text: &str, is_part: impl Fn(char) -> bool) -> BTreeSet<String> {
    text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The example with its switched-off lines switched on.
fn switched_on(example: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') && !rest.is_empty() => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    example.lines().map(line).collect()
}

#[test]
fn the_example_of_the_settings_parses_and_names_every_key() {
    let example = text("deploy/kura.example.toml");
    toml::from_str::<Settings>(&example).unwrap_or_else(|e| panic!("as it stands: {e}"));
    let all: Settings = toml::from_str(&switched_on(&example)).unwrap_or_else(|e| panic!("switched on: {e}"));
    assert_eq!(all.evidence_retention().to_string(), "5 years");
    // Every field of every struct that is read from kura.toml.
    let source = text("src/config/mod.rs");
    let mut missing = Vec::new();
    for part in source.split("#[serde(deny_unknown_fields)]").skip(1) {
        let body = part.split("\n}\n").next().unwrap_or_default();
        for field in body.lines().filter_map(|line| line.strip_prefix("    pub ")?.split_once(": ")) {
            let (name, on) = (field.0, switched_on(&example));
            let is_there = on.lines().any(|line| {
                line.starts_with(&format!("{name} = "))
                    || line == format!("[{name}]")
                    || line == format!("[[{name}]]")
            });
            if !is_there {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "deploy/kura.example.toml does not show {missing:?}");
}

/// What a statement allows or denies.
fn actions(policy: &Value, effect: &str) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().expect("statements");
    let of = |statement: &Value| match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => many
            .as_array()
            .expect("actions")
            .iter()
            .map(|one| one.as_str().expect("a text").to_owned())
            .collect(),
    };
    statements.iter().filter(|statement| statement["Effect"] == effect).flat_map(of).collect()
}

/// The rights that the calls of the S3 vault need, beside those of the probe.
fn needed() -> BTreeSet<&'static str> {
    let rights: BTreeMap<&str, &[&str]> = BTreeMap::from([
        // With a lock in the PUT.
        ("put_object", &["s3:PutObject", "s3:PutObjectRetention"][..]),
        ("get_object", &["s3:GetObject"][..]),
        ("head_object", &["s3:GetObject"][..]),
        ("list_objects_v2", &["s3:ListBucket"][..]),
        ("get_object_lock_configuration", &["s3:GetBucketObjectLockConfiguration"][..]),
        ("get_object_retention", &["s3:GetObjectRetention"][..]),
    ]);
    let mut needed = BTreeSet::new();
    for file in ["mod", "connect"] {
        let source = text(&format!("src/vault/s3/{file}.rs"));
        let calls = source.match_indices("client").filter_map(|(at, _)| {
            let rest = source.get(at..)?.trim_start_matches("client").trim_start();
            let call = rest.strip_prefix('.')?;
            Some(
                call.chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '_' || c.is_ascii_digit())
                    .collect(),
            )
        });
        for call in calls.collect::<Vec<String>>() {
            let rights = rights.get(call.as_str()).unwrap_or_else(|| panic!("which right does {call} need?"));
            needed.extend(rights.iter().copied());
        }
    }
    assert!(needed.contains("s3:PutObject") && needed.contains("s3:ListBucket"), "{needed:?}");
    needed
}

#[test]
fn each_credential_may_do_what_its_part_needs_and_no_more() {
    let policy = |name: &str| json(&format!("deploy/bucket-policies/{name}.json"));
    let writer = policy("writer");
    let allowed = actions(&writer, "Allow");
    for right in needed() {
        assert!(allowed.contains(right), "the writer needs {right}");
    }
    let taking = [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
        "s3:PutObjectLegalHold",
    ];
    for name in ["writer", "auditor", "restorer"] {
        let (allowed, denied) = (actions(&policy(name), "Allow"), actions(&policy(name), "Deny"));
        assert!(taking.iter().all(|right| denied.contains(*right) && !allowed.contains(*right)), "{name}");
    }
    for name in ["auditor", "restorer"] {
        let reads = |right: &String| right.starts_with("s3:Get") || right.starts_with("s3:List");
        assert!(actions(&policy(name), "Allow").iter().all(reads), "{name} only reads");
    }
    let reaper = policy("reaper");
    let (allowed, denied) = (actions(&reaper, "Allow"), actions(&reaper, "Deny"));
    assert!(allowed.contains("s3:DeleteObjectVersion") && !allowed.iter().any(|right| right.contains("Put")));
    assert!(
        ["s3:PutObject", "s3:BypassGovernanceRetention", "s3:DeleteObject"]
            .iter()
            .all(|right| denied.contains(*right))
    );
    let keeper = policy("legal-hold");
    let (allowed, denied) = (actions(&keeper, "Allow"), actions(&keeper, "Deny"));
    assert!(allowed.contains("s3:PutObjectLegalHold") && !allowed.contains("s3:PutObject"));
    assert!(
        ["s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"]
            .iter()
            .all(|right| denied.contains(*right))
    );
    // No star, no other service, and a cap on locks that covers the longest that Kura asks for.
    for name in ["writer", "reaper", "legal-hold", "auditor", "restorer"] {
        let all = actions(&policy(name), "Allow");
        assert!(all.iter().all(|right| right.starts_with("s3:") && !right.contains('*')), "{name}: {all:?}");
    }
    let caps: Vec<i64> = writer["Statement"]
        .as_array()
        .expect("statements")
        .iter()
        .filter_map(|one| {
            one["Condition"]["NumericGreaterThan"]["s3:object-lock-remaining-retention-days"]
                .as_str()?
                .parse()
                .ok()
        })
        .collect();
    assert_eq!(caps, [465, 1830], "a year and a quarter of days; five years of days");
}

#[test]
fn the_unit_is_right_and_exposes_little() {
    let unit = text("deploy/systemd/kura.service");
    for line in [
        "Type=notify",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "LimitCORE=0",
        "MemorySwapMax=0",
        "WatchdogSec=60",
        "User=kura",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let arguments = ["security", "--offline=true", "--threshold=20", "deploy/systemd/kura.service"];
    let Some(output) = of_machine("systemd-analyze", &arguments) else {
        not_checked("systemd-analyze");
        return;
    };
    assert!(output.status.success(), "an exposure above 2.0:\n{}", said(&output));
    let output =
        of_machine("systemd-analyze", &["verify", "deploy/systemd/kura.service"]).expect("it ran before");
    let faults = said(&output);
    let faults =
        faults.lines().filter(|line| line.contains("kura.service") && !line.contains("is not executable"));
    assert_eq!(faults.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Runs `as-kura` with a `sudo` that changes nobody, and a `kura` that tells what it was given.
fn as_kura(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let program = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("a program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its rights");
    };
    program("sudo", "#!/bin/sh\n[ \"$1 $2\" = '-u kura' ] || exit 9\nshift 2\nexec \"$@\"\n");
    program("kura", "#!/bin/sh\nenv | grep ^KURA_HOME=\nfor one; do echo \"<$one>\"; done\n");
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let mut command = Command::new(root("deploy/systemd/as-kura"));
    let output = command.args(arguments).env_clear().env("PATH", path).output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[test]
fn by_hand_kura_is_run_as_the_service_runs_it() {
    let unit = text("deploy/systemd/kura.service");
    assert!(unit.contains("KURA_HOME=/var/lib/kura ") && unit.contains("User=kura"));
    assert_eq!(
        as_kura(&["window", "request", "--day", "first sunday", "$HOME"]),
        "KURA_HOME=/var/lib/kura\n<window>\n<request>\n<--day>\n<first sunday>\n<$HOME>\n"
    );
    // As root, or in another home, what the runbook makes could not be read by the service.
    let runbook = text("docs/runbooks/deploy.md");
    let by_root: Vec<&str> = runbook
        .lines()
        .filter(|line| ["    kura ", "    sudo kura "].iter().any(|start| line.starts_with(start)))
        .collect();
    assert_eq!(by_root, Vec::<&str>::new(), "run it with as-kura");
}

#[test]
fn what_the_service_writes_and_reads_is_opened_to_it() {
    let unit = text("deploy/systemd/kura.service");
    // systemd would make it root's alone.
    assert!(!unit.lines().any(|line| line.starts_with("ConfigurationDirectory")));
    let runbook = text("docs/runbooks/deploy.md");
    assert!(runbook.contains("install -d -m 0750 -o root -g kura /etc/kura"));
    let store = text("deploy/systemd/store-folder.conf");
    let folder = store.lines().find_map(|line| line.strip_prefix("ReadWritePaths=")).expect("a folder");
    assert!(store.contains(&format!("RequiresMountsFor={folder}\n")));
    assert!(runbook.contains(&format!("file://{folder}")), "the runbook names the same folder");
    for part in ["store-folder.conf", "read-everything.conf", "as-kura", "50-kura.rules"] {
        assert!(text("deploy/README.md").contains(part), "{part}");
        assert!(root(&format!("deploy/systemd/{part}")).is_file(), "{part}");
    }
}

/// Each `kura init …` of a text, with a store, keys and a recipient of its own in the place of the examples.
fn first_commands(text: &str) -> usize {
    let lines = text.lines().filter_map(|line| line.split_once("kura init ")).map(|(_, rest)| rest);
    lines
        .map(|line| {
            let dir = tempfile::tempdir().expect("a folder");
            let at = |name: &str| dir.path().join(name).display().to_string();
            std::fs::write(at("passphrase"), "correct horse battery staple\n").expect("a file");
            let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
            let mut previous = "";
            let given = line.split_whitespace().map(|word| {
                let given = match previous {
                    "--store" => format!("file://{}", at("store")),
                    "--recipient" => key.to_owned(),
                    _ => word.replace("/media/usb", &at("")),
                };
                previous = word;
                given
            });
            let output = Command::new(env!("CARGO_BIN_EXE_kura"))
                .arg("init")
                .args(given.collect::<Vec<_>>())
                .env_clear()
                .env("KURA_HOME", at("home"))
                .env("KURA_PASSPHRASE_FILE", at("passphrase"))
                .output()
                .expect("it runs");
            assert!(output.status.success(), "kura init {line}\n{}", said(&output));
        })
        .count()
}

#[test]
fn the_first_commands_of_the_runbook_and_of_the_container_make_an_installation() {
    assert_eq!(first_commands(&text("docs/runbooks/deploy.md")), 1);
    assert_eq!(first_commands(&text("deploy/container/compose.yaml")), 2);
}

#[test]
fn the_container_runs_without_root_and_without_a_shell() {
    let file = text("deploy/container/Containerfile");
    let last = file.rsplit("FROM ").next().expect("a last stage");
    assert!(last.contains("distroless") && last.contains("USER 65532") && !last.contains("RUN "), "{last}");
    let compose = text("deploy/container/compose.yaml");
    for part in ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "stop_grace_period: 15m"] {
        assert!(compose.contains(part), "{part}");
    }
}

#[test]
fn what_is_watched_is_what_kura_shows() {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let metrics: BTreeSet<String> = words(&text("docs/metrics.md"), is_name)
        .into_iter()
        .filter(|word| word.starts_with("kura_"))
        .collect();
    for file in ["kura.rules.yml", "kura.rules.test.yml", "kura-dashboard.json"] {
        let named = words(&text(&format!("deploy/monitoring/{file}")), is_name);
        for name in named.iter().filter(|word| word.starts_with("kura_")) {
            assert!(metrics.contains(name), "{file} names {name}, which docs/metrics.md does not describe");
        }
    }
    let dashboard = json("deploy/monitoring/kura-dashboard.json");
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 5));
    let rules = text("deploy/monitoring/kura.rules.yml");
    for runbook in rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")) {
        assert!(root(runbook).is_file(), "there is no {runbook}");
    }
    for arguments in [
        ["check", "rules", "deploy/monitoring/kura.rules.yml"],
        ["test", "rules", "deploy/monitoring/kura.rules.test.yml"],
    ] {
        match of_machine("promtool", &arguments) {
            Some(output) => assert!(output.status.success(), "{}", said(&output)),
            None => not_checked("promtool"),
        }
    }
}

#[test]
fn every_alarm_has_a_runbook_and_a_rule() {
    let metrics = text("docs/metrics.md");
    let table = metrics.split("## Alarms").nth(1).expect("a table of alarms");
    let codes: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(codes.len() >= 9, "{codes:?}");
    let (index, rules) = (text("docs/runbooks/README.md"), text("deploy/monitoring/kura.rules.yml"));
    for code in codes {
        let runbook = text(&format!("docs/runbooks/{code}.md"));
        for part in ["**意味**", "**利用者への影響**", "## すること", "## だれに、いつ連絡するか"]
        {
            assert!(runbook.contains(part), "{code}.md has no {part}");
        }
        assert!(index.contains(&format!("]({code}.md)")), "the index does not lead to {code}.md");
        assert!(rules.contains(&format!("code=\"{code}\"")), "no rule watches {code}");
    }
}

/// The commands of Kura in the indented lines of the runbooks, with their file.
fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let files = std::fs::read_dir(root("docs/runbooks")).expect("runbooks").flatten();
    for file in files.map(|entry| entry.path()) {
        let text = std::fs::read_to_string(&file).expect("a runbook").replace("\\\n", " ");
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let code = text.lines().filter(|line| line.starts_with("    ")).map(str::trim);
        let lines = code.filter_map(|line| {
            let line = line.split(" | ").next()?;
            line.strip_prefix("as-").unwrap_or(line).strip_prefix("kura ").map(str::to_owned)
        });
        found.extend(lines.map(|line| (name.clone(), line)));
    }
    found
}

#[test]
fn every_command_of_the_runbooks_exists_with_its_options() {
    let commands = commands();
    assert!(commands.len() > 60, "{}", commands.len());
    let mut help: BTreeMap<Vec<String>, Option<String>> = BTreeMap::new();
    let mut of = |words: &[&str]| {
        let key: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        help.entry(key)
            .or_insert_with_key(|key| {
                let output = Command::new(env!("CARGO_BIN_EXE_kura"))
                    .args(key)
                    .arg("--help")
                    .output()
                    .expect("it runs");
                output.status.success().then(|| said(&output))
            })
            .clone()
    };
    let mut wrong = Vec::new();
    for (file, line) in commands {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let is_word =
            |part: &&&str| part.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !part.starts_with('-');
        let names: Vec<&str> = parts.iter().take_while(is_word).copied().collect();
        // `kura snapshot records`: the second word may be an argument.
        let both = names.get(..2).and_then(&mut of);
        let shown = both
            .or_else(|| names.get(..1).and_then(&mut of))
            .or_else(|| parts.first().filter(|part| part.starts_with("--")).and_then(|_| of(&[])));
        let Some(shown) = shown else {
            wrong.push(format!("{file}: kura {line}"));
            continue;
        };
        let options = parts
            .iter()
            .filter(|part| part.starts_with("--"))
            .map(|part| part.split('=').next().unwrap_or(part));
        for option in options.filter(|option| !shown.contains(*option)) {
            wrong.push(format!("{file}: kura {line}: there is no {option}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
