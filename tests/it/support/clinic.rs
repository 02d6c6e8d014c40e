//! The database of a small clinic: visits with the day on which they were sent, and codes without one; two plans for it.

use super::postgres::Database;

/// What the plans say of its tables.
const TABLES: &str = r#"
    [[source.table]]
    name = "visit"
    sent_at = "sent_at"
    [[source.table]]
    name = "code"
    system = true
"#;

/// A database with so many visits of the last forty days: the program's clock is the machine's.
pub(crate) fn clinic(visits: u32) -> Database {
    let database = Database::empty();
    database.run(&format!(
        "CREATE TABLE code (code text PRIMARY KEY);
         CREATE TABLE visit (id int PRIMARY KEY, code text REFERENCES code, note text, sent_at timestamptz);
         INSERT INTO code VALUES ('患者A');
         INSERT INTO visit SELECT n, '患者A', repeat('経過良好。', 20), now() - (n % 40) * interval '1 day'
             FROM generate_series(1, {visits}) n;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO kura_backup;"
    ));
    database
}

/// Its plans, by name: one for what was sent, one for the codes.
pub(crate) fn plans(database: &Database) -> [(&'static str, String); 2] {
    [("records", "application"), ("codes", "system")].map(|(name, class)| {
        (name, format!("name = \"{name}\"\nclass = \"{class}\"\n{}{TABLES}", database.source()))
    })
}
