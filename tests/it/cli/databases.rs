//! `kura restore --to-postgres` and `kura plan check`, with the real program.

use super::Place;
use crate::support::clinic;
use crate::support::postgres::Database;

fn write_plans(place: &Place, database: &Database) {
    for (name, text) in clinic::plans(database) {
        place.plan(name, &text);
    }
}

#[test]
fn two_plans_load_into_an_empty_database_that_equals_the_first() {
    let (place, database) = (Place::new(), clinic::clinic(9));
    place.init().ends(0);
    write_plans(&place, &database);
    let checked = place.kura(&["plan", "check", "records"]).ends(0);
    assert!(checked.err.contains("no index of public.visit begins with \"sent_at\""), "{}", checked.err);
    for plan in ["records", "codes"] {
        place.kura(&["snapshot", plan]).ends(0);
    }
    place.bare(&["restore", "latest:codes", "--to", "codes"]).ends(0);
    let empty = Database::empty();
    let url = |secret: &str| {
        let socket = empty.socket().replace('/', "%2F");
        format!("postgres://postgres{secret}@{socket}:{}/{}", empty.port(), empty.name)
    };
    let load = |url: &str, to: &str| {
        place.bare(&["restore", "latest:records", "--to", to, "--to-postgres", url, "--rows-from", "codes"])
    };
    // A password in an argument is seen by everybody on the machine.
    let refused = load(&url(":secret"), "never").ends(2);
    assert!(refused.err.contains("PGPASSFILE") && !refused.err.contains("secret"), "{}", refused.err);
    assert!(!place.path("never").exists());
    let loaded = load(&url(""), "records").ends(0);
    assert!(loaded.out.contains("loaded into the database"), "{}", loaded.out);
    assert_eq!(empty.dump(), database.dump());
    // It is not empty any more.
    let again = load(&url(""), "again").ends(4);
    assert!(again.err.contains("make an empty one"), "{}", again.err);
}

#[test]
fn a_check_says_what_a_run_would_miss() {
    let (place, database) = (Place::new(), clinic::clinic(9));
    place.init().ends(0);
    write_plans(&place, &database);
    database.run("CREATE TABLE more (x int); REVOKE SELECT ON visit FROM kura_backup");
    let checked = place.kura(&["plan", "check", "records"]).ends(0);
    for said in ["does not name table public.more", "GRANT SELECT ON public.visit TO kura_backup"] {
        assert!(checked.err.contains(said), "{said}: {}", checked.err);
    }
    let failed = place.kura(&["snapshot", "records"]).ends(1);
    assert!(failed.err.contains("does not name table public.more"), "{}", failed.err);
    assert!(failed.err.contains("kura plan check"), "{}", failed.err);
}
