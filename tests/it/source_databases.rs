//! PostgreSQL as a source: days as cohorts, changes, what is refused, and a restore that equals the database.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kura::domain::plan::Plan;
use kura::policy_files;
use kura::workflows::check_sources;
use kura::workflows::take_snapshot::Summary;

use crate::support::kura::Kura;
use crate::support::postgres::Database;
use crate::support::simulate::{files, objects, sent_on};

/// Every table of the fixture.
pub(crate) const TABLES: &str = r#"
    [[source.table]]
    name = "emr.受診"
    sent_at = "発信日時"
    [[source.table]]
    name = "emr.note"
    parent = "emr.受診"
    [[source.table]]
    name = "emr.attachment"
    parent = "emr.note"
    [[source.table]]
    name = "emr.event"
    sent_at = "at"
    [[source.table]]
    name = "いろいろ; $x"
    sent_at = "sent_on"
    [[source.table]]
    name = "empty_one"
    sent_at = "sent_on"
    [[source.table]]
    name = "emr.code"
    system = true
"#;

pub(crate) fn plan_of(database: &Database, class: &str, tables: &str) -> Plan {
    let text = format!("name = \"test\"\nclass = \"{class}\"\n{}{tables}", database.source());
    policy_files::parse_plan("test.toml", &text).unwrap_or_else(|e| panic!("the plan is good: {e}"))
}

pub(crate) fn records(database: &Database) -> Plan {
    plan_of(database, "application", TABLES)
}

/// Rows of one day: a visit with a note, an attachment, events.
pub(crate) fn day(database: &Database, day: &str, hour: &str) {
    database.run(&format!(
        "INSERT INTO emr.\"受診\" (patient, kind, code, detail, plain, tags, image, points, range, normal, ratio, \"発信日時\")
         VALUES ('患者' || '{day}', '往診', 'I10', '{{\"値\": [1, 2.5, null]}}', '{{\"b\":1,  \"a\":2}}',
                 ARRAY['a,b', 'c\"d', NULL, '\\N'], '\\x00ff0a', 3, '[1,5)', '(1.10,2.20)', 0.1, '{day} {hour}:30:00+09');
         INSERT INTO emr.note (visit_id, body) SELECT max(id), E'行1\\n行2\\t\\\\.' FROM emr.\"受診\";
         INSERT INTO emr.attachment SELECT max(id), 'x.bin', decode(repeat('00ff', 5000), 'hex') FROM emr.note;
         INSERT INTO emr.event SELECT '{day} {hour}:00', max(id), 'w' || n, n % 3 FROM emr.\"受診\", generate_series(1, 5) n GROUP BY n;
         INSERT INTO public.\"いろいろ; $x\" VALUES ('{day}', 'v', 1), ('{day}', 'v', 1), ('{day}', NULL, NULL);"
    ));
}

pub(crate) async fn complete(kura: &Kura, plan: &Plan) -> Summary {
    let summary = kura.snapshot(plan).await.unwrap();
    let said = summary.report.as_ref().map(|path| std::fs::read_to_string(path).unwrap());
    assert!(summary.is_complete, "{summary:?}\n{said:?}");
    summary
}

pub(crate) fn report(summary: &Summary) -> String {
    std::fs::read_to_string(summary.report.as_ref().expect("a report")).unwrap()
}

/// The folder with the schema in a restored source.
fn schema(root: &Path) -> PathBuf {
    let days: Vec<_> = std::fs::read_dir(root.join("schema")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(days.len(), 1, "{days:?}");
    days[0].clone()
}

fn in_schema(root: &Path, file: &str) -> String {
    schema(root).join(file).display().to_string()
}

/// Loads the rows of both plans into an empty database, with psql alone.
pub(crate) fn load(root: &Path, system: &Path) -> (Database, String) {
    let empty = Database::empty();
    empty.load(root, &in_schema(root, "pre-data.sql"));
    empty.load(system, &in_schema(system, "rows.sql"));
    empty.load(root, &in_schema(root, "rows.sql"));
    empty.load(root, &in_schema(root, "sequences.sql"));
    empty.load(root, &in_schema(root, "post-data.sql"));
    let said = empty.load(root, &in_schema(root, "foreign-keys.sql"));
    (empty, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_comes_back_as_it_was_day_after_day() {
    let database = Database::new();
    // In the zone of the plan this is the 20th, in UTC the 19th.
    day(&database, "2026-11-20", "08");
    day(&database, "2026-11-21", "23");
    let (kura, system) = (Kura::new("2026-11-22").await, Kura::new("2026-11-22").await);
    let (plan, codes) = (records(&database), plan_of(&database, "system", TABLES));
    let first = complete(&kura, &plan).await;
    complete(&system, &codes).await;
    assert_eq!(kura.cohorts(), ["sent-2026-11-20", "sent-2026-11-21", "sent-2026-11-22"]);
    let of_day = [
        "rows/emr/attachment/2026-11-20.copy",
        "rows/emr/event/2026-11-20.copy",
        "rows/emr/note/2026-11-20.copy",
        "rows/emr/受診/2026-11-20.copy",
        "rows/public/いろいろ%3B%20%24x/2026-11-20.copy",
    ];
    let found: BTreeSet<String> = sent_on(&kura, "2026-11-20").await.into_iter().collect();
    assert_eq!(found, of_day.map(str::to_owned).into());
    compare(&kura, &system, &database, "first").await;

    // The same again: nothing of the rows is read or sent.
    let before = objects(&kura);
    let again = complete(&kura, &plan).await;
    assert_eq!((again.files, again.bytes > 0), (first.files, true));
    let new: Vec<_> = objects(&kura).difference(&before).cloned().collect();
    assert_eq!(new.iter().filter(|key| key.contains("/packs/")).count(), 0, "{new:?}");

    // The next day: new rows, an old row changed, one deleted, the schema changed.
    day(&database, "2026-11-23", "00");
    database.run(
        "UPDATE emr.note SET body = 'changed' WHERE visit_id = 1;
         DELETE FROM emr.event WHERE at < '2026-11-21' AND what = 'w3';
         ALTER TABLE public.\"いろいろ; $x\" ADD COLUMN more int DEFAULT 7;
         ALTER TABLE emr.note DROP COLUMN written_at;
         INSERT INTO emr.code VALUES ('J00', '急性鼻咽頭炎', NULL);",
    );
    for one in [&kura, &system] {
        one.set_day("2026-11-23");
    }
    complete(&kura, &plan).await;
    complete(&system, &codes).await;
    let found: BTreeSet<String> = sent_on(&kura, "2026-11-20").await.into_iter().collect();
    assert_eq!(found, of_day.map(str::to_owned).into(), "what changed keeps its sent day");
    compare(&kura, &system, &database, "second").await;
}

/// Restores both snapshots, loads them and compares the dumps.
pub(crate) async fn compare(kura: &Kura, system: &Kura, database: &Database, name: &str) {
    let (rows, summary) = kura.restore_to(name, &[]).await;
    assert_eq!(summary.failed, Vec::new());
    let (codes, _) = system.restore_to(name, &[]).await;
    let (loaded, said) = load(&rows, &codes);
    assert!(!said.contains("kura:"), "{said}");
    let (was, is) = (database.dump(), loaded.dump());
    let is = is.replace(&loaded.name, &database.name);
    let differ: Vec<_> = was.lines().zip(is.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(was == is, "{name}: {} and {} lines: {differ:?}", was.lines().count(), is.lines().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_right_day_are_reported_and_never_lost() {
    let database = Database::new();
    let kura = Kura::new("2026-11-22").await;
    let insert = |sent: &str| {
        database.run(&format!("INSERT INTO emr.\"受診\" (patient, \"発信日時\") VALUES ('p', {sent})"));
    };
    for sent in [
        "NULL",
        "'infinity'",
        "'0044-03-15 BC'",
        "'2027-05-05'",
        "'2025-11-21 23:59+09'",
        "'2025-11-22 12:00+09'",
    ] {
        insert(sent);
    }
    let plan = records(&database);
    let first = complete(&kura, &plan).await;
    let said = report(&first);
    for line in [
        "{\"remark\":\"absurd-day\",\"path\":\"emr/rows/emr/受診/undated.copy\"}",
        "{\"remark\":\"future-day\",\"path\":\"emr/rows/emr/受診/2027-05-05.copy\"}",
        "{\"remark\":\"past-retention\",\"path\":\"emr/rows/emr/受診/2025-11-21.copy\"}",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let today: BTreeSet<String> =
        sent_on(&kura, "2026-11-22").await.into_iter().filter(|f| f.starts_with("rows")).collect();
    let undated = "rows/emr/受診/undated.copy";
    assert_eq!(today, [undated, "rows/emr/受診/2027-05-05.copy"].map(str::to_owned).into());
    // Unchanged they stay under the day that saw them first; changed, all of them count from today.
    kura.set_day("2026-11-24");
    complete(&kura, &plan).await;
    assert!(sent_on(&kura, "2026-11-22").await.contains(&undated.to_owned()));
    insert("NULL");
    kura.set_day("2026-11-25");
    let later = complete(&kura, &plan).await;
    assert!(report(&later).contains("absurd-day"), "{}", report(&later));
    assert!(!sent_on(&kura, "2026-11-22").await.contains(&undated.to_owned()));
    let (to, _) = kura.restore_to("later", &[]).await;
    assert_eq!(std::fs::read_to_string(to.join(undated)).unwrap().lines().count(), 4);
    assert!(!files(&to).contains("rows/emr/受診/2025-11-21.copy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_to_a_row_past_its_year_counts_for_new_rows_only() {
    let database = Database::new();
    day(&database, "2026-11-20", "10");
    // A note of today belongs to an event's visit that was sent long ago: the event outlives its parent.
    database.run(
        "UPDATE emr.\"受診\" SET \"発信日時\" = '2025-01-01 00:00+09'; UPDATE emr.event SET visit_id = 1;",
    );
    database.run("ALTER TABLE public.\"いろいろ; $x\" ADD COLUMN visit bigint REFERENCES emr.\"受診\"; UPDATE public.\"いろいろ; $x\" SET visit = 1");
    let (kura, system) = (Kura::new("2026-11-22").await, Kura::new("2026-11-22").await);
    complete(&kura, &records(&database)).await;
    complete(&system, &plan_of(&database, "system", TABLES)).await;
    let (rows, _) = kura.restore_to("rows", &[]).await;
    let (codes, _) = system.restore_to("codes", &[]).await;
    let (loaded, said) = load(&rows, &codes);
    assert!(said.contains("kura: rows whose parents are past their year"), "{said}");
    assert!(said.contains("this foreign key is left out"), "{said}");
    let count = |table: &str| loaded.run(&format!("SELECT count(*) FROM {table}")).trim().to_owned();
    assert_eq!(
        (count("emr.\"受診\""), count("emr.event"), count("public.\"いろいろ; $x\"")),
        ("0".into(), "5".into(), "3".into())
    );
    let invalid = "SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f' AND NOT convalidated";
    assert_eq!(loaded.run(invalid).trim(), "いろいろ; $x_visit_fkey|f");
    // For new rows it counts.
    let refused = "DO $$ BEGIN INSERT INTO public.\"いろいろ; $x\" (visit) VALUES (9); RAISE 'not refused'; \
                   EXCEPTION WHEN foreign_key_violation THEN NULL; END $$";
    loaded.run(refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_rightly_is_refused_by_name() {
    let kura = Kura::new("2026-11-22").await;
    let refused = async |database: &Database, tables: &str| {
        let plan = plan_of(database, "application", tables);
        let error = kura.snapshot(&plan).await.unwrap_err().to_string();
        let checked = check_sources::missing(&plan, kura.clock_now(), kura.dir.path()).await.join("\n");
        // What stops a run is what the check says before.
        let reason = error.split_once("cannot be read: ").expect("a reason").1;
        assert!(checked.contains(reason), "{checked}\n{reason}");
        error
    };
    let database = Database::new();
    database.run("CREATE TABLE emr.\"新しい表\" (x int)");
    let said = refused(&database, TABLES).await;
    assert!(said.contains("the plan does not name table emr.新しい表;"), "{said}");
    database.run("DROP TABLE emr.\"新しい表\"");
    let absent = format!("{TABLES}[[source.table]]\nname = \"no.such\"\nsystem = true\n");
    let said = refused(&database, &absent).await;
    assert!(said.contains("the database has no table no.such"), "{said}");
    database.run("SELECT lo_create(0)");
    assert!(refused(&database, TABLES).await.contains("1 large objects"));
    database.run("SELECT lo_unlink(oid) FROM pg_largeobject_metadata");
    database.run("ALTER TABLE emr.note ENABLE ROW LEVEL SECURITY");
    let said = refused(&database, TABLES).await;
    assert!(said.contains("row security hides rows of table emr.note"), "{said}");
    database.run("ALTER TABLE emr.note DISABLE ROW LEVEL SECURITY");
    complete(&kura, &records(&database)).await;
    let gone = plan_of(&database, "application", TABLES);
    drop(database);
    let said = kura.snapshot(&gone).await.unwrap_err().to_string();
    assert!(
        said.contains("no connection to database") && said.contains("there is no such database"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_read_makes_the_run_partial_and_the_rest_is_kept() {
    let database = Database::new();
    day(&database, "2026-11-20", "10");
    let kura = Kura::new("2026-11-22").await;
    database
        .run("REVOKE SELECT ON emr.note FROM kura_backup; ALTER TABLE emr.event RENAME COLUMN at TO moment");
    let plan = records(&database);
    let summary = kura.snapshot(&plan).await.unwrap();
    let said = report(&summary);
    assert!(!summary.is_complete, "{summary:?}");
    for part in [
        "emr/rows/emr/note\",\"reason\":\"the role may not read emr.note; GRANT SELECT ON emr.note TO kura_backup",
        "emr/rows/emr/attachment\",\"reason\":\"the role may not read emr.note",
        "emr/rows/emr/event\",\"reason\":\"emr.event has no column \\\"at\\\"",
        "pre-data.sql\",\"reason\":\"/usr/lib/postgresql/",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let (to, _) = kura.restore_to("rest", &[]).await;
    let there = files(&to);
    assert!(
        there.contains("rows/emr/受診/2026-11-20.copy") && !there.iter().any(|f| f.contains("/note/")),
        "{there:?}"
    );
    let missing = check_sources::missing(&plan, kura.clock_now(), kura.dir.path()).await;
    assert!(missing.iter().any(|line| line.contains("GRANT SELECT ON emr.note")), "{missing:?}");
    assert!(
        missing.iter().any(|line| line.contains("no index of public.いろいろ; $x begins with \"sent_on\"")),
        "{missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_mid_copy_leaves_no_half_day() {
    let database = Database::new();
    database.run("INSERT INTO emr.event SELECT '2026-11-20 10:00', NULL, repeat('x', 1000), 1 FROM generate_series(1, 40000)");
    // Every session that copies events is ended once it is well under way.
    let killer = {
        let (name, socket, port) = (database.name.clone(), database.socket(), database.port());
        let script = format!(
            "for i in $(seq 3000); do psql -X -q -t -h {socket} -p {port} -U postgres -c \"SELECT pg_terminate_backend(pid) \
             FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'COPY%event%'\" | grep -q t && exit; sleep 0.01; done"
        );
        std::process::Command::new("bash").arg("-c").arg(script).spawn().unwrap()
    };
    let kura = Kura::new("2026-11-22").await;
    let summary = kura.snapshot(&records(&database)).await.unwrap();
    let mut killer = killer;
    killer.wait().unwrap();
    let said = report(&summary);
    assert!(!summary.is_complete && summary.skipped == 1, "{summary:?}\n{said}");
    assert!(said.contains("rows/emr/event/2026-11-20.copy"), "{said}");
    let (to, restored) = kura.restore_to("rest", &[]).await;
    assert_eq!(restored.failed, Vec::new());
    assert!(!files(&to).contains("rows/emr/event/2026-11-20.copy"));
    // The next run makes it whole.
    complete(&kura, &records(&database)).await;
    let (to, _) = kura.restore_to("whole", &[]).await;
    let rows = std::fs::read_to_string(to.join("rows/emr/event/2026-11-20.copy")).unwrap();
    assert_eq!(rows.lines().count(), 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_comes_from_a_file_that_nobody_else_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = Database::new();
    let kura = Kura::new("2026-11-22").await;
    let file = kura.dir.path().join("pgpass");
    std::fs::write(&file, format!("127.0.0.1:*:{}:kura_backup:made-up-for-tests\n", database.name)).unwrap();
    let source = database.source().replace(&format!("{:?}", database.socket()), "\"127.0.0.1\"");
    let plan = format!(
        "name = \"test\"\nclass = \"application\"\n{source}tls = \"disable\"\npassword_file = {:?}\n{TABLES}",
        file.display().to_string()
    );
    let plan = policy_files::parse_plan("test.toml", &plan).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = kura.snapshot(&plan).await.unwrap_err().to_string();
    assert!(said.contains("others may read it"), "{said}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    complete(&kura, &plan).await;
    std::fs::write(&file, "127.0.0.1:*:*:*:wrong\n").unwrap();
    let said = kura.snapshot(&plan).await.unwrap_err().to_string();
    assert!(said.contains("28P01") && said.contains("is not accepted"), "{said}");
}
