//! What changes in a PostgreSQL database from day to day: noticed whatever changed it, read in one scan where no index
//! leads to a day, and brought back as it stood at each snapshot but for what is past its time (K-67, K-68).

use std::collections::BTreeSet;

use kura::clock::Clock as _;
use kura::domain::cohort::CohortId;
use kura::domain::plan::Plan;
use kura::domain::time::Day;

use crate::source_databases::{TABLES, compare, complete, day, plan_of, records, report};
use crate::support::dice::Dice;
use crate::support::kura::Kura;
use crate::support::postgres::{Database, Replica, bin};
use crate::support::simulate::{files, objects};

/// The rows of a file of the newest snapshot.
async fn rows(kura: &Kura, name: &str, file: &str) -> Vec<String> {
    let (to, summary) = kura.restore_to(name, &[]).await;
    assert_eq!(summary.failed, Vec::new());
    let text = std::fs::read_to_string(to.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_no_index_finds_come_from_one_scan_in_their_order() {
    let database = Database::new();
    for number in 1..=8 {
        day(&database, &format!("2026-11-0{number}"), "10");
    }
    database.run(
        "INSERT INTO public.\"いろいろ; $x\" VALUES (NULL, E'without\\ta\\nday\\\\', 9), ('2026-11-03', 'a further one', 4);
         INSERT INTO public.empty_one (sent_on) SELECT DATE '2026-11-01' + n / 2 FROM generate_series(0, 11) n;",
    );
    let (kura, system) = (Kura::new("2026-11-20").await, Kura::new("2026-11-20").await);
    complete(&kura, &records(&database)).await;
    complete(&system, &plan_of(&database, "system", TABLES)).await;
    let (to, _) = kura.restore_to("files", &[]).await;
    let of = |table: &str| -> BTreeSet<String> {
        let folder = format!("rows/{table}/");
        files(&to).iter().filter_map(|file| file.strip_prefix(&folder).map(str::to_owned)).collect()
    };
    // The table has no index on its day, and the children none on what leads to their parents.
    for table in ["public/いろいろ%3B%20%24x", "emr/note", "emr/attachment", "emr/受診"] {
        let days: BTreeSet<String> = (1..=8).map(|n| format!("2026-11-0{n}.copy")).collect();
        let found: BTreeSet<String> = of(table).into_iter().filter(|file| file != "undated.copy").collect();
        assert_eq!(found, days, "{table}");
    }
    assert_eq!(of("public/empty_one").len(), 6);
    let undated = rows(&kura, "undated", "rows/public/いろいろ%3B%20%24x/undated.copy").await;
    assert_eq!(undated, ["\\N\twithout\\ta\\nday\\\\\t9"]);
    compare(&kura, &system, &database, "whole").await;
    // Nothing of it is left in the home.
    let left: Vec<String> =
        files(kura.home().path()).into_iter().filter(|file| file.contains("spill")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_the_text_of_rows_without_writing_them_is_noticed() {
    let database = Database::new();
    day(&database, "2026-11-10", "10");
    database.run(
        "CREATE TABLE emr.part_a (LIKE emr.event); CREATE TABLE emr.part_b (LIKE emr.event);
         GRANT SELECT ON emr.part_a, emr.part_b TO kura_backup;
         INSERT INTO emr.part_a VALUES ('2031-05-05 10:00', NULL, 'first', 1);
         INSERT INTO emr.part_b VALUES ('2031-05-05 10:00', NULL, 'other', 1);",
    );
    let attach = |name: &str| {
        format!(
            "ALTER TABLE emr.event ATTACH PARTITION emr.{name} FOR VALUES FROM ('2031-01-01') TO ('2032-01-01');"
        )
    };
    // Both came in one transaction; what is not attached goes to another schema's tables, named as system data.
    database.run(&attach("part_a"));
    let tables = format!("{TABLES}[[source.table]]\nname = \"emr.part_b\"\nsystem = true\n");
    let kura = Kura::new("2026-11-20").await;
    complete(&kura, &plan_of(&database, "application", &tables)).await;
    let before = objects(&kura);
    complete(&kura, &plan_of(&database, "application", &tables)).await;
    assert!(objects(&kura).difference(&before).all(|key| !key.contains("/packs/")), "nothing changed");

    let visits = "rows/emr/受診/2026-11-10.copy";
    assert!(rows(&kura, "1", visits).await[0].contains("往診"));
    database.run("ALTER TYPE emr.visit_kind RENAME VALUE '往診' TO '訪問診療'");
    complete(&kura, &plan_of(&database, "application", &tables)).await;
    assert!(rows(&kura, "2", visits).await[0].contains("訪問診療"), "a label was renamed");

    let event = "rows/emr/event/2031-05-05.copy";
    assert!(rows(&kura, "3", event).await[0].contains("first"));
    database.run(&format!("ALTER TABLE emr.event DETACH PARTITION emr.part_a; {}", attach("part_b")));
    let tables = tables.replace("emr.part_b", "emr.part_a");
    complete(&kura, &plan_of(&database, "application", &tables)).await;
    assert!(rows(&kura, "4", event).await[0].contains("other"), "a partition took another's place");

    let other = "rows/public/いろいろ%3B%20%24x/2026-11-10.copy";
    database.run("ALTER TABLE public.\"いろいろ; $x\" DROP COLUMN kura_0; ALTER TABLE public.\"いろいろ; $x\" ADD COLUMN kura_0 int DEFAULT 77");
    complete(&kura, &plan_of(&database, "application", &tables)).await;
    assert!(rows(&kura, "5", other).await.iter().all(|row| row.ends_with("\t77")), "a column came anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_must_catch_up_makes_the_run_partial_and_a_quiet_one_serves() {
    let database = Database::new();
    let fill = "INSERT INTO emr.event SELECT '2026-11-10 10:00', NULL, repeat('x', 1000), n % 3 FROM generate_series(1, 40000) n";
    database.run(fill);
    let replica = Replica::new();
    replica.catch_up(&database);
    let kura = Kura::new("2026-11-20").await;
    let text = format!("name = \"test\"\nclass = \"application\"\n{}{TABLES}", replica.source(&database));
    let plan = kura::policy_files::parse_plan("test.toml", &text).expect("a plan");
    complete(&kura, &plan).await;
    // Rows are removed for good while they are read: as soon as a session reads by a snapshot.
    database.run(&fill.replace("11-10", "11-11"));
    replica.catch_up(&database);
    let script = format!(
        "for i in $(seq 3000); do {psql} -X -A -t -h {} -p {} -U postgres -d {name} -c \"SELECT 'found' FROM pg_stat_activity \
         WHERE datname = '{name}' AND application_name = 'kura' AND backend_xmin IS NOT NULL\" | grep -q found && \
         exec {psql} -X -q -h {} -p {} -U postgres -d {name} -c 'DELETE FROM emr.event WHERE t = 1' -c 'VACUUM emr.event'; \
         sleep 0.01; done; exit 1",
        replica.socket,
        replica.port,
        database.socket(),
        database.port(),
        name = database.name,
        psql = bin("psql").display(),
    );
    let mut remover = std::process::Command::new("bash").arg("-c").arg(script).spawn().expect("bash");
    let taken = kura.snapshot(&plan).await;
    assert!(remover.wait().expect("it ends").success());
    // Which session the replica cancels is chance: one that reads a day, or the one whose snapshot all read by.
    let said = match &taken {
        Ok(summary) => {
            assert!(!summary.is_complete && summary.skipped > 0, "{summary:?}");
            report(summary)
        }
        Err(error) => error.to_string(),
    };
    assert!(
        ["read from the primary", "conflict with recovery", "the connection was lost", "snapshot"]
            .iter()
            .any(|words| said.contains(words)),
        "{said}"
    );
    replica.catch_up(&database);
    complete(&kura, &plan).await;
}

/// What an application does on a day: it writes, corrects and removes.
fn work(database: &Database, today: &str, dice: &mut Dice) {
    day(database, today, "09");
    if dice.roll(2) == 0 {
        day(database, today, "17");
    }
    let mut statements = String::new();
    for _ in 0..dice.roll(4) {
        let (which, value) = (dice.roll(1000), dice.roll(1_000_000));
        let one = match dice.roll(6) {
            0 => format!("UPDATE emr.note SET body = 'v{value}' WHERE id % 17 = {which} % 17"),
            1 => format!(
                "UPDATE emr.\"受診\" SET points = {value}, image = '\\x{value:08x}' WHERE id % 23 = {which} % 23"
            ),
            2 => format!("DELETE FROM emr.event WHERE t = {which} % 3 AND visit_id % 29 = {which} % 29"),
            3 => format!("DELETE FROM emr.attachment WHERE note_id % 19 = {which} % 19"),
            4 => format!(
                "UPDATE public.\"いろいろ; $x\" SET kura_0 = {value} WHERE extract(day FROM sent_on) = {which} % 30"
            ),
            _ => {
                format!("INSERT INTO emr.code VALUES ('C{value}', '新しい病名', NULL) ON CONFLICT DO NOTHING")
            }
        };
        statements.push_str(&one);
        statements.push_str(";\n");
    }
    database.run(&statements);
}

/// The database without what is past its time.
fn without_past(database: &Database, plan: &Plan, kura: &Kura, days: &[Day]) -> Database {
    let copy = database.copied();
    let is_past =
        |day: &&Day| CohortId::Sent(**day).delete_from(plan.retention(), plan.zone()) <= kura.clock.now();
    let past: Vec<String> = days.iter().filter(is_past).map(|day| format!("'{day}'")).collect();
    if !past.is_empty() {
        let past = past.join(", ");
        let visits = format!(
            "SELECT id FROM emr.\"受診\" WHERE (\"発信日時\" AT TIME ZONE 'Asia/Tokyo')::date IN ({past})"
        );
        copy.run(&format!(
            "SET session_replication_role = replica;
             DELETE FROM emr.attachment WHERE note_id IN (SELECT id FROM emr.note WHERE visit_id IN ({visits}));
             DELETE FROM emr.note WHERE visit_id IN ({visits});
             DELETE FROM emr.event WHERE at::date IN ({past});
             DELETE FROM emr.\"受診\" WHERE id IN ({visits});
             DELETE FROM public.\"いろいろ; $x\" WHERE sent_on IN ({past});"
        ));
    }
    copy
}

async fn simulate(first: &str, count: i32, retention: &str, compare_every: i32, seed: u64) {
    let database = Database::new();
    let with_retention = |class: &str| {
        let plan = plan_of(&database, class, TABLES);
        let text = format!(
            "name = \"test\"\nclass = \"{class}\"\nretention = {retention:?}\n{}{TABLES}",
            database.source()
        );
        if class == "application" {
            kura::policy_files::parse_plan("test.toml", &text).expect("a plan")
        } else {
            plan
        }
    };
    let (plan, codes) = (with_retention("application"), with_retention("system"));
    let (kura, system) = (Kura::new(first).await, Kura::new(first).await);
    let (first, mut dice, mut days): (Day, _, Vec<Day>) =
        (first.parse().expect("a day"), Dice::of(seed), Vec::new());
    for number in 0..count {
        let today = Day::from_number(first.number() + number);
        days.push(today);
        for one in [&kura, &system] {
            one.set_day(&today.to_string());
        }
        work(&database, &today.to_string(), &mut dice);
        complete(&kura, &plan).await;
        if number % compare_every == compare_every - 1 || number + 1 == count {
            complete(&system, &codes).await;
            let expected = without_past(&database, &plan, &kura, &days);
            compare(&kura, &system, &expected, &today.to_string()).await;
        }
    }
}

/// A month's retention, over a leap day.
#[tokio::test(flavor = "multi_thread")]
async fn every_day_comes_back_as_the_database_stood_but_for_what_is_past() {
    simulate("2028-02-01", 40, "1 month", 20, 1).await;
}

/// A year's retention, and two months beyond.
#[tokio::test(flavor = "multi_thread")]
async fn long_a_year_of_days_of_a_database() {
    simulate("2026-12-20", 425, "1 year", 25, 2).await;
}
