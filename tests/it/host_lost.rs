//! The host is lost: a bare folder, the bucket, the recovery key, the root key and the runbook bring the whole service back,
//! timed; nothing that was stored is sent again or changed (K-106).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Instant;

use crate::support::kura::listing;
use crate::support::runbook::Runbook;
use crate::support::s3::{address, server};
use crate::support::simulate::run;
use crate::support::site::{Site, noise};

const PASSWORD: &str = "correct-Horse7battery";

/// A site in the locked bucket with the application plan `records`.
fn site() -> Site {
    let server = server();
    let site = Site::in_bucket(address(&server.lock_bucket, &server.endpoint).to_string(), &server.writer);
    std::fs::remove_file(site.path("home/policies/test.toml")).unwrap();
    let plan = format!(
        "name = \"records\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {:?}\nsent_day = \"mtime\"\n",
        site.path("source").display().to_string()
    );
    std::fs::write(site.path("home/policies/records.toml"), plan).unwrap();
    for day in 1..30_u64 {
        let name = format!("{day}/scan");
        site.write(&name, noise(day, 40_000));
        run("touch", &["-d", &format!("{day} days ago"), &name], &site.path("source"));
    }
    site
}

/// The service of the home answers, and is asked to end.
fn serves(site: &Site) {
    let mut command = site.command(env!("CARGO_BIN_EXE_kura"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--json"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address = said["listening"].as_str().expect("an address").trim_start_matches("http://").to_owned();
    for path in ["/readyz", "/notices"] {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("asked to stop");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

fn runbook(site: &Site) -> Runbook {
    let mut runbook = Runbook::read("host-lost", site.dir.path());
    let text = |path: &str| site.path(path).display().to_string();
    let places = [
        ("s3://BUCKET/PREFIX?endpoint=https://HOST", site.store.clone()),
        ("/media/usb/recovery.key", text("recovery.key")),
        ("/media/usb/backup", text("kept")),
        ("/var/lib/kura", text("home")),
        ("/media/usb/first-password", text("password")),
    ];
    runbook.places = places.map(|(from, to)| (from.to_owned(), to)).into();
    let (key, secret) = server().writer.split_once(':').unwrap();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", key.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("KURA_HOME", text("home")),
        ("KURA_PASSWORD_FILE", text("password")),
    ] {
        runbook.environment.push((name, value));
    }
    runbook
}

#[test]
fn a_bare_machine_the_bucket_and_a_recovery_key_bring_the_service_back() {
    let site = site();
    let first = site.kura(&["snapshot", "records", "--json"]).ends(0).json();
    site.write("new", "of today");
    site.kura(&["snapshot", "records"]).ends(0);
    let before = listing(&site.path("source"));
    std::fs::create_dir(site.path("kept")).unwrap();
    run("cp", &["-a", "home/policies", "home/kura.toml", "kept"], site.dir.path());
    std::fs::remove_dir_all(site.path("home")).unwrap();
    site.write("../password", PASSWORD);

    let began = Instant::now();
    let mut runbook = runbook(&site);
    runbook.run("1.", &[]);
    runbook.run("2.", &[]);
    runbook.run("3.", &[]);
    runbook.run("4.", &[]);
    let back = began.elapsed();
    let said = runbook.run("5.", &["systemctl", "curl"]);
    serves(&site);
    let whole = began.elapsed();
    writeln!(std::io::stdout(), "the host was back after {back:?}, the whole service after {whole:?}")
        .unwrap();
    assert!(said.contains("records number 3"), "the chain goes on: {said}");

    // Nothing was sent again; the days are what they were; the old snapshots count.
    let taken = site.kura(&["snapshots", "records", "--json"]).ends(0).json();
    let rows = taken.as_array().expect("a list");
    assert_eq!(rows.len(), 3, "{taken}");
    let sent = rows[2]["new_bytes_stored"].as_u64().expect("a number");
    assert!(sent < first["new_bytes_stored"].as_u64().expect("a number") / 4, "{taken}");
    let coverage = site.kura(&["coverage", "--json"]).ends(0).json();
    assert_eq!(coverage["ok"], true, "{coverage}");
    site.verifies();
    site.bare(&["restore", "latest", "--to", "out"]).ends(0);
    assert_eq!(listing(&site.path("out")), before);

    // The first account of the runbook adds the one that opens the incident.
    site.write("../first", "first!Pass-word-77");
    let add = ["account", "add", "operator01", "--role", "system_operator", "--password-file", "first"];
    let as_manager = |arguments: &[&str]| {
        let mut command = site.command(env!("CARGO_BIN_EXE_kura"));
        command.env("KURA_PASSWORD_FILE", site.path("password")).env("KURA_ACCOUNT", "manager001");
        let output = command.args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    as_manager(&add);
    let mut change = site.command(env!("CARGO_BIN_EXE_kura"));
    change.env("KURA_PASSWORD_FILE", site.path("first"));
    change.args(["account", "password", "operator01", "--new-password-file", "password"]);
    assert!(change.output().expect("it runs").status.success());
    runbook.run("6.", &[]);
    let missing: Vec<String> =
        runbook.commands().into_iter().filter(|line| !runbook.ran.contains(line)).collect();
    assert!(missing.is_empty(), "every command of the runbook was run: {missing:#?}");
}

#[test]
fn a_new_host_that_was_killed_while_it_was_made_is_made_again_with_one_key() {
    let site = Site::in_folder();
    site.write("a", "words");
    site.kura(&["snapshot", "test"]).ends(0);
    run("cp", &["-a", "home/policies", "kept"], site.dir.path());
    std::fs::remove_dir_all(site.path("home")).unwrap();
    let rejoin = |more: &[&str]| {
        let root = ["--root-key", "recovery.key.root", "--identity", "recovery.key", "--store", &site.store];
        site.kura(&[&["init", "--rejoin"], &root[..], more].concat())
    };
    let elsewhere = site.path("elsewhere").display().to_string();
    let other = [
        "init",
        "--rejoin",
        "--root-key",
        "other.root",
        "--identity",
        "recovery.key",
        "--store",
        &site.store,
    ];
    site.kura(&["init", "--store", &elsewhere, "--new-recovery-key", "other", "--home", "other-home"])
        .ends(0);
    let refused = site.kura(&other).ends(1);
    assert!(refused.err.contains("the repository belongs to"), "{}", refused.err);
    assert!(!site.path("home/kura.toml").exists());
    rejoin(&[]).ends(0);
    let signers = || crate::support::simulate::files(&site.path("store/keys"));
    let after_first = signers();
    assert_eq!(after_first.iter().filter(|name| name.contains("signing-")).count(), 2);
    // As if it had been killed before the settings were written, and before the store took the record.
    std::fs::remove_file(site.path("home/kura.toml")).unwrap();
    rejoin(&[]).ends(0);
    assert_eq!(signers(), after_first, "the same key");
    rejoin(&[]).ends(1);
    run("cp", &["-a", "kept/test.toml", "home/policies/test.toml"], site.dir.path());
    site.kura(&["catalog", "rebuild", "--identity", "recovery.key"]).ends(0);
    site.is_well();
    site.kura(&["init", "--rejoin", "--store", &site.store]).ends(2);
}
