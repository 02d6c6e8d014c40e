//! A data set in a real PostgreSQL database: a table, a view, drift of types, and no word of the server that quotes a row.

use kura::anonymize::delimited::{Encoding, read};
use kura::workflows::extracts::{self, ExtractError};

use super::ward::{CANARIES, PERSONS, Ward, Words, rows};
use crate::support::postgres::Database;

/// A ward whose data set is a table or a view of a database.
async fn ward_of(table: &str) -> (Ward, Database) {
    let database = Database::new();
    let mut statements = String::from(
        "CREATE SCHEMA ward;
         CREATE TABLE ward.patients (patient_id text NOT NULL, name text, my_number text, age integer, postal text,
             sex text, admitted text, icd10 text, ward text, note text, image bytea, seen timestamptz);\n",
    );
    for line in rows().lines().skip(1) {
        let cells: Vec<String> = line.split(',').map(|cell| format!("'{cell}'")).collect();
        statements.push_str(&format!(
            "INSERT INTO ward.patients VALUES ({}, '\\x00ff', '2024-05-31 23:30:00+00');\n",
            cells.join(", ")
        ));
    }
    statements.push_str(
        "CREATE VIEW ward.of_women AS
             SELECT patient_id, name, my_number, age, postal, sex, admitted, icd10, ward, note
             FROM ward.patients WHERE sex = '女';
         CREATE VIEW ward.broken AS SELECT name::integer AS name FROM ward.patients;
         CREATE TABLE ward.secret (name text);
         GRANT USAGE ON SCHEMA ward TO kura_backup;
         GRANT SELECT ON ward.patients, ward.of_women, ward.broken TO kura_backup;",
    );
    database.run(&statements);
    let ward = Ward::new().await;
    point_to(&ward, &database, table);
    (ward, database)
}

fn point_to(ward: &Ward, database: &Database, table: &str) {
    let (socket, port, name) = (database.socket(), database.port(), &database.name);
    let settings = format!(
        "store = \"file:///nowhere\"\n[[dataset]]\nname = \"patients\"\nkind = \"postgresql\"\nhost = {socket:?}\n\
         port = {port}\ndatabase = {name:?}\nuser = \"kura_backup\"\ntable = {table:?}\n"
    );
    std::fs::write(ward.home.settings_file(), settings).expect("settings");
}

fn said(error: &ExtractError) -> String {
    let said = format!("{error} {error:?}");
    for canary in CANARIES.into_iter().chain(["姓0001"]).filter(|canary| *canary != "116") {
        assert!(!said.contains(canary), "{said}");
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_handed_over_and_a_changed_type_refuses() {
    let (ward, database) = ward_of("ward.patients").await;
    let instructions = ward.instructions(&Words::default()).await.replacen(
        "[tables]",
        "image = { class = \"binary\", do = \"drop\" }\nseen = { class = \"date\", do = \"days\" }\n[tables]",
        1,
    );
    let number = ward.permit(&instructions, 5).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    assert_eq!((handed.report.rows_in, handed.report.source_digest.len()), (PERSONS + 1, 64));
    let table = read(&ward.opened(&ward.sealed()[0]), Encoding::Utf8).expect("is CSV");
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["patient_id", "age", "postal", "sex", "admitted", "icd10", "ward", "seen"]);
    // 23:30 in UTC is the next day in Tokyo, here one of the next month.
    let seen = table.column("seen").expect("is there").values();
    assert!(seen.iter().all(|day| day.starts_with("2024-06")), "{seen:?}");
    ward.assert_nothing_leaked("after a run");

    for (change, found) in [
        ("DROP VIEW ward.of_women; ALTER TABLE ward.patients ALTER age TYPE bigint", "bigint"),
        ("ALTER TABLE ward.patients ALTER age TYPE integer, ALTER age SET NOT NULL", "not null"),
        ("ALTER TABLE ward.patients ALTER age DROP NOT NULL, ADD my_number2 text", "my_number2"),
    ] {
        database.run(change);
        let error = ward.run(&number).await.expect_err(change);
        assert!(matches!(error, ExtractError::Drift(_)) && error.is_refusal(), "{error}");
        assert!(said(&error).contains(found), "{change}: {error}");
        database.run("ALTER TABLE ward.patients DROP COLUMN IF EXISTS my_number2");
    }
    assert_eq!(ward.sealed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_read_and_what_cannot_be_read_says_no_value() {
    let (ward, database) = ward_of("ward.of_women").await;
    let filter = "[[filter]]\ncolumn = \"age\"\nop = \"<\"\nvalue = \"60\"";
    let number = ward.permit_of(&Words { filter, ..Words::default() }).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    assert!(handed.report.rows_in < PERSONS, "the filter counts: {}", handed.report.rows_in);
    let table = read(&ward.opened(&ward.sealed()[0]), Encoding::Utf8).expect("is CSV");
    assert_eq!(table.column("sex").expect("is there").values(), ["女"]);

    for (table, found) in [
        ("ward.broken", "22P02"),
        ("ward.secret", "may not read"),
        ("ward.nothing", "the database has no"),
        ("ward.patients; DROP TABLE ward.patients", "the database has no"),
    ] {
        point_to(&ward, &database, table);
        let text = super::ward::instructions(&"0".repeat(64), "passphrase", &Words::default());
        let (cancel, mut silent) = (extracts::Cancel::default(), |_| {});
        let asked = extracts::plan_file(&ward.home, &text, None, (&cancel, &mut silent), ward.now());
        let error = asked.await.expect_err(table);
        assert_eq!((error.code(), error.is_refusal()), ("source", false), "{table}: {error}");
        assert!(said(&error).contains(found), "{table}: {error}");
    }
    // Row policies would make the same permit give other rows to another role: nothing is read then.
    database.run("ALTER TABLE ward.patients ENABLE ROW LEVEL SECURITY");
    point_to(&ward, &database, "ward.patients");
    let error = extracts::columns(&ward.home, "patients", None, ward.now()).await.expect_err("hidden rows");
    assert!(said(&error).contains("row security"), "{error}");
}
