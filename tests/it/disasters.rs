//! The runbooks of disasters, command by command: the bucket is lost, a record was deleted by mistake, a database is broken.

use std::fs;

use crate::support::clinic;
use crate::support::postgres::Database;
use crate::support::runbook::Runbook;
use crate::support::simulate::files;
use crate::support::site::Site;

/// A site whose plan `records` keeps the folder `source`.
fn site() -> Site {
    let site = Site::in_folder();
    fs::remove_file(site.path("home/policies/test.toml")).unwrap();
    let source = site.path("source").display().to_string();
    let plan = format!(
        "name = \"records\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {source:?}\nsent_day = \"mtime\"\n"
    );
    fs::write(site.path("home/policies/records.toml"), plan).unwrap();
    site
}

/// A runbook with the places of a site, and more.
fn runbook(site: &Site, name: &str, more: &[(&str, String)]) -> Runbook {
    let mut runbook = Runbook::read(name, site.dir.path());
    let text = |path: &str| site.path(path).display().to_string();
    runbook.places = more.iter().map(|(from, to)| ((*from).to_owned(), to.clone())).collect();
    for (from, to) in [
        ("s3://BUCKET/PREFIX?endpoint=https://HOST", site.store.clone()),
        ("/media/usb/recovery.key", text("recovery.key")),
        ("/srv", text("srv")),
    ] {
        runbook.places.push((from.to_owned(), to));
    }
    runbook.environment.push(("KURA_HOME", text("home")));
    runbook
}

/// Every command of Kura in it was run.
fn is_run(runbook: &Runbook) {
    let missing: Vec<String> =
        runbook.commands().into_iter().filter(|line| !runbook.ran.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_lost_bucket_is_filled_again_from_the_second_store() {
    let site = site();
    let second = format!("file://{}", site.path("second").display());
    let file = site.path("home/kura.toml");
    let settings = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{settings}\n[replica]\nstore = {second:?}\n")).unwrap();
    fs::create_dir(site.path("second")).unwrap();
    site.write("letter", "a referral");
    site.kura(&["snapshot", "records"]).ends(0);
    site.kura(&["store", "copy"]).ends(0);
    let kept = files(&site.path("store"));
    fs::remove_dir_all(site.path("store")).unwrap();
    let places = [("s3://OTHER-BUCKET/kura?endpoint=https://OTHER-HOST", second)];
    let mut runbook = runbook(&site, "bucket-lost", &places);
    let seen = runbook.run("1.", &[]);
    assert!(seen.contains("records"), "{seen}");
    runbook.run("2.", &[]);
    assert_eq!(fs::read_to_string(site.path("srv/urgent/letter")).unwrap(), "a referral");
    fs::create_dir(site.path("store")).unwrap();
    let healed = runbook.run("3.", &[]);
    assert!(healed.contains("0 wrong") && !healed.contains(" 0 put back"), "{healed}");
    assert!(kept.len() > 5 && kept.is_subset(&files(&site.path("store"))), "the bucket is filled: {kept:#?}");
    runbook.run("4.", &[]);
    let proven = runbook.run("6.", &[]);
    assert!(proven.contains("recoverable"), "{proven}");
    is_run(&runbook);
    site.verifies();
}

#[test]
fn a_record_that_was_deleted_by_mistake_is_found_and_given_back() {
    let site = site();
    site.write("2026/11/20/紹介状.txt", "a referral");
    site.write("2026/11/21/other", "another");
    let take = || {
        let taken = site.kura(&["snapshot", "records", "--json"]).ends(0).json();
        taken["snapshot"].as_str().expect("an id").to_owned()
    };
    let before = take();
    fs::remove_file(site.path("source/2026/11/20/紹介状.txt")).unwrap();
    let after = take();
    let id = before.chars().take(12).collect::<String>();
    let places = [("7d1c2e9a", before), ("5b0a9c44", after)];
    let mut runbook = runbook(&site, "wrong-deletion", &places);
    let found = runbook.run("2.", &["kura diff"]);
    assert!(found.contains("2026/11/20/紹介状.txt"), "{found}");
    let line = runbook.commands().into_iter().find(|line| line.starts_with("kura diff")).expect("a diff");
    let gone = runbook.command(&line);
    assert!(gone.lines().any(|line| line.starts_with("- ") && line.contains("紹介状")), "{gone}");
    runbook.run("3.", &[]);
    assert_eq!(fs::read_to_string(site.path("srv/restored/2026/11/20/紹介状.txt")).unwrap(), "a referral");
    runbook.run("4.", &[]);
    let proven = runbook.run("5.", &[]);
    assert!(
        proven.contains(&id) && proven.contains("2026/11/20: 1 of 1 files can be given back\n"),
        "{proven}"
    );
    // Who does not say when is told where it is.
    let key = site.path("recovery.key").display().to_string();
    let line = ["incident", "statement", "records", "--identity", &key, "--path", "2026/11/20"];
    let newest = site.kura(&line).ends(0).out;
    assert!(newest.contains(&format!("1 of 1 files can be given back  in snapshot {id} of ")), "{newest}");
    is_run(&runbook);
}

#[test]
fn a_broken_database_is_given_back_into_an_empty_one() {
    let (site, database, empty) = (Site::in_folder(), clinic::clinic(40), Database::empty());
    fs::remove_file(site.path("home/policies/test.toml")).unwrap();
    for (name, text) in clinic::plans(&database) {
        fs::write(site.path(&format!("home/policies/{name}.toml")), text).unwrap();
    }
    for plan in ["records", "codes"] {
        site.kura(&["snapshot", plan]).ends(0);
    }
    let before = database.dump();
    let url =
        format!("postgres://postgres@{}:{}/{}", empty.socket().replace('/', "%2F"), empty.port(), empty.name);
    let mut runbook = runbook(&site, "database-corrupted", &[("postgres://restore@HOST/EMPTY", url)]);
    runbook.run("2.", &[]);
    runbook.run("3.", &[]);
    assert_eq!(empty.dump(), before, "the same tables, rows and rules");
    runbook.run("4.", &[]);
    runbook.run("5.", &[]);
    is_run(&runbook);
}
