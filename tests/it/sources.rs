//! Sources that are no folders, but for PostgreSQL: the output of a program, and SQLite databases.

use kura::domain::plan::Plan;
use kura::policy_files;

use crate::support::kura::Kura;

fn plan(class: &str, sources: &str) -> Plan {
    let text = format!("name = \"test\"\nclass = \"{class}\"\n{sources}");
    policy_files::parse_plan("test.toml", &text).unwrap_or_else(|e| panic!("the plan is good: {e}"))
}

fn command(script: &str) -> String {
    format!(
        "[[source]]\nkind = \"command\"\nname = \"ldap\"\nfile = \"all.ldif\"\ncommand = [\"/bin/sh\", \"-c\", {script:?}]\n"
    )
}

/// Statements on a SQLite database.
fn sqlite(path: &std::path::Path, statements: &str) -> String {
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\n\
                  print('\\n'.join('|'.join(map(str,r)) for s in sys.argv[2].split(';') for r in c.execute(s)))\nc.commit()";
    let output =
        std::process::Command::new("python3").arg("-c").arg(script).arg(path).arg(statements).output();
    let output = output.expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_of_a_program_is_a_file_and_costs_nothing_if_it_is_the_same() {
    let kura = Kura::new("2026-11-22").await;
    let state = kura.dir.path().join("state");
    std::fs::write(&state, b"one\n").unwrap();
    let plan = plan("system", &command(&format!("seq 1 2000000; cat {}", state.display())));
    let first = kura.snapshot(&plan).await.unwrap();
    assert!(first.is_complete && first.files == 1 && first.bytes > 13_000_000, "{first:?}");
    let (to, _) = kura.restore_to("first", &[]).await;
    let restored = std::fs::read_to_string(to.join("all.ldif")).unwrap();
    assert!(restored.ends_with("\n2000000\none\n") && restored.starts_with("1\n2\n"));
    let again = kura.snapshot(&plan).await.unwrap();
    assert_eq!((again.files, again.bytes, again.is_complete), (1, first.bytes, true));
    assert!(again.new_bytes_stored < 20_000, "{again:?}");
    std::fs::write(&state, b"two\n").unwrap();
    kura.set_day("2026-11-23");
    let changed = kura.snapshot(&plan).await.unwrap();
    assert!(changed.new_bytes_stored < first.new_bytes_stored / 2 + 20_000, "{first:?} {changed:?}");
    let (to, _) = kura.restore_to("changed", &[]).await;
    assert!(std::fs::read_to_string(to.join("all.ldif")).unwrap().ends_with("\n2000000\ntwo\n"));
    // Another month is another generation, sent as a whole.
    kura.set_day("2026-12-01");
    kura.snapshot(&plan).await.unwrap();
    assert_eq!(kura.cohorts(), ["gen-2026-11", "gen-2026-12"]);
    let (to, summary) = kura.restore_to("december", &[]).await;
    assert_eq!((summary.failed.len(), std::fs::read_dir(to).unwrap().count()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_leaves_a_partial_snapshot_and_no_half_file() {
    let kura = Kura::new("2026-11-22").await;
    std::fs::write(kura.source().join("kept"), b"kept").unwrap();
    let folder =
        format!("[[source]]\nkind = \"directory\"\npath = {:?}\n", kura.source().display().to_string());
    for script in ["seq 1 3000000; exit 7", "seq 1 10; kill -9 $$", "exit 1"] {
        let plan = plan("system", &format!("{folder}{}", command(script)));
        let summary = kura.snapshot(&plan).await.unwrap();
        assert!(!summary.is_complete && summary.skipped == 1, "{script}: {summary:?}");
        let report = std::fs::read_to_string(summary.report.unwrap()).unwrap();
        assert!(report.contains("ldap/all.ldif") && report.contains("/bin/sh ended with"), "{report}");
        let (to, restored) = kura.restore_to(&script.len().to_string(), &[]).await;
        assert_eq!(restored.failed, Vec::new());
        assert!(to.join("source/kept").is_file() && !to.join("ldap/all.ldif").exists(), "{script}");
    }
    // What was whole yesterday is not replaced by a half of today.
    let whole = plan("system", &command("echo whole"));
    let folder = kura.dir.path().join("again");
    let good = Kura::new("2026-11-22").await;
    assert!(good.snapshot(&whole).await.unwrap().is_complete);
    assert!(!good.snapshot(&plan("system", &command("echo half; exit 1"))).await.unwrap().is_complete);
    let (to, _) = good.restore_to("whole", &[]).await;
    assert_eq!(std::fs::read_to_string(to.join("all.ldif")).unwrap(), "whole\n");
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_database_in_use_is_copied_whole_and_leaves_no_copy_behind() {
    let kura = Kura::new("2026-11-22").await;
    let file = kura.dir.path().join("app.db");
    sqlite(&file, "PRAGMA journal_mode=wal; CREATE TABLE t(a, b); INSERT INTO t VALUES (1, '一')");
    // A writer is at work: its transaction is not over and must not be seen.
    let script = "import sqlite3,sys,time\nc=sqlite3.connect(sys.argv[1],isolation_level=None)\n\
                  c.execute('BEGIN IMMEDIATE')\nc.execute(\"INSERT INTO t VALUES (2, 'open')\")\nprint('on',flush=True)\nsys.stdin.read()";
    let mut writer = std::process::Command::new("python3");
    writer
        .arg("-c")
        .arg(script)
        .arg(&file)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(writer.stdout.as_mut().unwrap()), &mut line)
        .unwrap();
    let source = format!("[[source]]\nkind = \"sqlite\"\npath = {:?}\n", file.display().to_string());
    let plan = plan("system", &source);
    let summary = kura.snapshot(&plan).await.unwrap();
    drop(writer.stdin.take());
    writer.wait().unwrap();
    assert!(summary.is_complete && summary.files == 1, "{summary:?}");
    let (to, _) = kura.restore_to("first", &[]).await;
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 1);
    let restored = to.join("app.db");
    assert_eq!(sqlite(&restored, "PRAGMA integrity_check; SELECT a, b FROM t"), "ok\n1|一");
    let left: Vec<_> = std::fs::read_dir(kura.home().spill()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    // One that is no database is named, and a leftover of a killed run goes.
    std::fs::create_dir(kura.home().spill().join("sqlite.test.left")).unwrap();
    std::fs::write(
        &file,
        "no database at all, but long enough to be one of more than a hundred bytes".repeat(9),
    )
    .unwrap();
    let summary = kura.snapshot(&plan).await.unwrap();
    assert_eq!((summary.is_complete, summary.skipped), (false, 1));
    assert!(
        std::fs::read_to_string(summary.report.unwrap()).unwrap().contains("emr") || summary.skipped == 1
    );
    assert!(std::fs::read_dir(kura.home().spill()).unwrap().next().is_none());
}

#[test]
fn a_file_without_a_sent_day_is_for_system_plans() {
    let text = format!("name = \"test\"\nclass = \"application\"\n{}", command("true"));
    let refused = policy_files::parse_plan("test.toml", &text).unwrap_err().to_string();
    assert!(refused.contains("is for class = \"system\" only"), "{refused}");
}

#[test]
fn what_is_wrong_in_a_source_is_said_with_its_place() {
    let wrong = "name = \"test\"\nclass = \"system\"\n\
                 [[source]]\nkind = \"command\"\ncommand = [\"ls\"]\nfile = \"a/b\"\npath = \"/x\"\n\
                 [[source]]\nkind = \"postgresql\"\nhost = \"postgres://u:p@h/d\"\ndatabase = \"d\"\nport = 70000\n\
                 tls = \"prefer\"\n[[source.table]]\nname = \"a\"\nsystem = true\nsent_at = \"x\"\n\
                 [[source.table]]\nname = \"b\"\nparent = \"c\"\n\
                 [[source]]\nkind = \"postgres\"\n[[source]]\nkind = \"mysql\"\n";
    let refused = policy_files::parse_plan("test.toml", wrong).unwrap_err().to_string();
    for said in [
        "test.toml:5:11: command begins with \"ls\"",
        "test.toml:6:8: file is \"a/b\"",
        "test.toml:7:1: a source has no key \"path\"",
        "no URL and no password",
        "port is 70000; allowed: 1 to 65535",
        "tls is \"prefer\"",
        "user is missing",
        "a table has one of sent_at",
        "which is not named",
        "kind \"postgres\" is not known; did you mean \"postgresql\"",
        "kind \"mysql\" is not available in this version",
    ] {
        assert!(refused.contains(said), "{said}\n---\n{refused}");
    }
}
