//! A permit and its extract for the browser's story: applied for, planned, handed over. What is done in the console is done by
//! the script; what the command line does is done here.

use kura::archive::seal::Identity;
use kura::domain::actor::Actor;
use kura::domain::permit::{AfterUse, PermitContent};
use kura::domain::role::Role;
use kura::workflows::extracts::{self, Cancel, Run};
use kura::workflows::permits;

use super::Site;
use crate::extracts::ward::{Words, instructions, rows};

fn actor(account: &str, role: Role) -> Actor {
    Actor { account: account.parse().expect("an id"), role, scopes: None }
}

/// Somebody applies; gives the number of the permit.
pub(super) async fn apply(site: &Site) -> String {
    let home = &site.service.shared.home;
    let source = home.path().join("patients.csv");
    std::fs::write(&source, encoding_rs::SHIFT_JIS.encode(&rows()).0).expect("a source");
    let settings = std::fs::read_to_string(home.settings_file()).expect("settings");
    let dataset = format!(
        "\n[[dataset]]\nname = \"patients\"\nkind = \"csv\"\npath = {:?}\nencoding = \"shift_jis\"\n",
        source.display().to_string()
    );
    std::fs::write(home.settings_file(), settings + &dataset).expect("settings");
    let (_, schema, ..) = extracts::columns(home, "patients", None, site.now()).await.expect("columns");
    let key = Identity::generate().recipient().to_string();
    let day = |text: &str| text.parse().expect("a day");
    let content = PermitContent {
        period: (day("2027-02-07"), day("2027-03-31")),
        execution: (day("2027-02-07"), day("2027-03-31")),
        after_use: AfterUse::Erased,
        after_use_due: day("2027-04-30"),
        extraction: instructions(&schema.to_string(), &key, &Words::default()),
        ..crate::permits::content()
    };
    let by = actor("manager001", Role::OperationsManager);
    let desk = site.desk();
    permits::apply((&desk.catalog, &desk.datasets), &content, &by, site.now()).await.expect("applied")
}

/// Somebody says what the extract would be.
pub(super) async fn plan(site: &Site, number: &str) {
    let (home, catalog) = (&site.service.shared.home, &site.desk().catalog);
    let by = actor("operator01", Role::SystemOperator);
    let cancel = Cancel::default();
    extracts::plan((catalog, home), number, None, (&cancel, &mut |_| {}), (&by, site.now()))
        .await
        .expect("planned");
}

/// Somebody makes it.
pub(super) async fn run(site: &Site, number: &str) {
    let (home, catalog) = (&site.service.shared.home, &site.desk().catalog);
    let by = actor("operator01", Role::SystemOperator);
    let cancel = Cancel::default();
    let on = Run { catalog, home, clock: &*site.clock, by: &by, recovery: None, cancel: &cancel };
    extracts::run(&on, number, &mut |_| {}, &mut |_| {}).await.expect("handed over");
}
