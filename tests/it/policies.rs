//! Plan files: those that ship load, and each bad one shows exactly the messages written beside it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kura::domain::plan::{Class, PastRetention, Plan};
use kura::domain::retention::Retention;
use kura::policy_files::{load_plan, load_plans, parse_plan};
use std::path::{Path, PathBuf};

fn in_repository(path: &str) -> PathBuf {
    Path::new(crate::support::ROOT).join(path)
}

fn good(name: &str) -> Plan {
    load_plan(&in_repository("tests/it/fixtures/policies/good").join(name)).unwrap()
}

/// The files of a folder with an extension, sorted.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(in_repository(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

#[test]
fn every_plan_that_ships_loads() {
    let plans = load_plans(&in_repository("policies")).unwrap();
    let names: Vec<&str> = plans.iter().map(|plan| plan.name().as_str()).collect();
    assert_eq!(names, ["records-database", "records", "system-database", "system-files"]);
    assert!(plans.iter().all(|plan| plan.retention() == Retention::Years(1)));
}

#[test]
fn every_good_plan_loads() {
    let plans = load_plans(&in_repository("tests/it/fixtures/policies/good")).unwrap();
    assert_eq!(plans.len(), files("tests/it/fixtures/policies/good", "toml").len());
}

#[test]
fn each_bad_plan_shows_exactly_its_messages() {
    let plans = files("tests/it/fixtures/policies/bad", "toml");
    assert_eq!(plans.len(), files("tests/it/fixtures/policies/bad", "expected").len());
    for path in plans {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = format!("{}\n", parse_plan(name, &text).unwrap_err());
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        assert_eq!(shown, expected, "\n{name} shows:\n{shown}");
    }
}

#[test]
fn the_shortest_plan_has_the_documented_defaults() {
    let expected = r#"kura plan 1
name "shortest"
class application
retention 1 year
time_zone "Asia/Tokyo"
generation month
copies 1
past_retention report
lock compliance
source "records"
  path "/srv/records"
  sent_day "mtime"
  one_file_system false
"#;
    assert_eq!(good("shortest.toml").content_digest_text(), expected);
}

#[test]
fn every_key_reaches_the_plan() {
    let plan = good("every-key.toml");
    assert_eq!(plan.class(), Class::Application);
    assert_eq!(plan.past_retention(), PastRetention::KeepFromFirstSeen);
    assert_eq!(plan.sources()[0].name().as_str(), "診療 記録");
    let expected = r#"kura plan 1
name "every-key"
class application
retention 6 months
time_zone "Europe/London"
generation quarter
copies 2
past_retention keep-from-first-seen
lock governance
source "\xe8\xa8\xba\xe7\x99\x82 \xe8\xa8\x98\xe9\x8c\xb2"
  path "/srv/records"
  sent_day "path */%Y%m%d/*"
  exclude "**/*.tmp"
  exclude "old/{a,b}"
  one_file_system true
source "images"
  path "/srv/images"
  sent_day "path %Y/%m/%d"
  one_file_system false
"#;
    assert_eq!(plan.content_digest_text(), expected);
}

#[test]
fn comments_and_order_do_not_change_what_is_approved() {
    let a = "name = \"a\"\nclass = \"system\"\nsource = [{ kind = \"directory\", path = \"/etc\" }]";
    let b = "# note\nclass = \"system\"\nname = 'a'\ncopies = 0x1\n[[source]]\npath = \"/etc/\"\nkind = \"directory\"";
    let (a, b) = (parse_plan("a.toml", a).unwrap(), parse_plan("a.toml", b).unwrap());
    assert_eq!(a.content_digest_text(), b.content_digest_text());
}

#[test]
fn a_folder_reports_the_problems_of_all_its_files() {
    let refused = load_plans(&in_repository("tests/it/fixtures/policies/bad")).unwrap_err();
    for path in files("tests/it/fixtures/policies/bad", "toml") {
        let file = path.display().to_string();
        assert!(refused.problems.iter().any(|problem| problem.file == file), "{file}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.toml");
    let shown = load_plan(&missing).unwrap_err().to_string();
    assert!(shown.starts_with(&format!("{}: cannot be opened", missing.display())), "{shown}");
    let latin = dir.path().join("latin.toml");
    std::fs::write(&latin, b"name = \"\xff\"").unwrap();
    assert!(load_plan(&latin).unwrap_err().to_string().ends_with("is not UTF-8; save it as UTF-8"));
    std::fs::write(&latin, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(load_plan(&latin).unwrap_err().to_string().contains("is larger than"));
    assert!(load_plans(&dir.path().join("no-folder")).is_err());
}
