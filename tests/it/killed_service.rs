//! `kill -9` of the real service at any moment of a run that stops services (K-28): started again, it brings the services
//! back and ends the run.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kura::app::App;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, SystemClock};
use kura::domain::actor::Actor;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::role::Role;
use kura::domain::window::{Terms, TermsParts, WindowKind};
use kura::workflows::windows;

use crate::support::kura::Kura;
use crate::windows::{plan, tokyo};

/// How often a service is killed.
const KILLS: u64 = 8;

/// An installation with a window that began two minutes ago and stops one service.
async fn prepared() -> Kura {
    let kura = Kura::new("2026-11-01").await;
    std::fs::write(kura.source().join("a"), "a".repeat(100_000)).expect("a file");
    let (home, folder) = (kura.home(), kura.dir.path());
    let text = format!(
        "name = \"records\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = \"{}\"\nsent_day = \"mtime\"\n",
        kura.source().display()
    );
    std::fs::write(home.policies().join("records.toml"), text).expect("a plan");
    let script = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a script");
        path
    };
    let mark = folder.join("running");
    std::fs::write(&mark, "").expect("the service runs");
    let log = folder.join("stops");
    let stop = format!("echo stop >> {}; sleep 0.1; rm -f {}; sleep 0.1\n", log.display(), mark.display());
    let stop = script("stop.sh", &stop);
    let start = script("start.sh", &format!("sleep 0.1; touch {0}; sleep 0.1\n", mark.display()));
    let mut settings = std::fs::read_to_string(home.settings_file()).expect("settings");
    settings.push_str(&format!(
        "\n[[service]]\nname = \"ポータル\"\nstop = [\"sh\", \"{}\"]\nstart = [\"sh\", \"{}\"]\n",
        stop.display(),
        start.display()
    ));
    std::fs::write(home.settings_file(), settings).expect("settings");
    let desk = App::new(Some(home.path().to_owned())).desk().await.expect("a desk");
    let now = SystemClock.now();
    let (begin, then) = (now.plus_minutes(-2), now.plus_minutes(-20 * 24 * 60));
    let (admin, doctor) = (("admin00001", Role::SystemAdministrator), ("ishikai001", Role::ServiceOperator));
    let [admin, doctor] =
        [admin, doctor].map(|(id, role)| Actor { account: id.parse().expect("an id"), role, scopes: None });
    let mut tx = desk.catalog.begin().await.expect("a transaction");
    for actor in [&admin, &doctor] {
        tx.add_account(&actor.account, actor.role, "-", false, then).await.expect("an account");
    }
    let (actor, act, subject) = ("root".to_owned(), "account.add".to_owned(), "2".to_owned());
    let entry = kura::domain::audit::AuditEntry { at: then, actor, act, subject, detail: String::new() };
    tx.commit(&[entry]).await.expect("committed");
    let zone = tokyo();
    let day = zone.day_of(begin);
    let parts = TermsParts {
        plan: Some(plan()),
        kind: WindowKind::Maintenance,
        recurrence: format!("once {day} {}", zone.time_of(begin)).parse().expect("a recurrence"),
        length_minutes: 120,
        stops: vec!["ポータル".to_owned()],
        first_day: day.previous(),
        last_day: None,
        zone,
    };
    let id =
        windows::request(&desk, &Terms::new(parts).expect("terms"), &admin, then).await.expect("a request");
    windows::approve(&desk, &id, None, &doctor, then).await.expect("an approval");
    desk.catalog.close().await;
    kura
}

fn serve(home: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kura"));
    command.arg("--home").arg(home).args(["serve", "--listen", "127.0.0.1:0", "--quiet"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_brings_services_back_and_ends_the_run() {
    let mut seen_down = false;
    for kill in 0..KILLS {
        let kura = prepared().await;
        let (home, mark) = (kura.home(), kura.dir.path().join("running"));
        let mut child = serve(home.path());
        tokio::time::sleep(Duration::from_millis(60 + kill * 110)).await;
        child.kill().expect("killed");
        child.wait().expect("an end");
        seen_down |= !mark.exists();
        let mut child = serve(home.path());
        let mut state = None;
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let catalog = Catalog::open(&home.catalog_file()).await.expect("the catalog");
            let open =
                catalog.occurrences_since(SystemClock.now().plus_minutes(-600)).await.expect("occurrences");
            let is_clean = catalog.stopped_services().await.expect("services").is_empty();
            state = open.first().map(|found| found.state);
            catalog.close().await;
            if state == Some(OccurrenceState::Done) && is_clean {
                break;
            }
        }
        child.kill().expect("killed");
        child.wait().expect("an end");
        assert_eq!(state, Some(OccurrenceState::Done), "killed after {} ms", 60 + kill * 110);
        assert!(mark.exists(), "the service runs again");
        let catalog = Catalog::open(&home.catalog_file()).await.expect("the catalog");
        let taken = catalog.snapshots(Some("records")).await.expect("snapshots").len();
        assert!((1..=2).contains(&taken), "{taken} snapshots");
        let log = catalog.audit_newest(1000).await.expect("the log");
        assert_eq!(log.iter().filter(|line| line.entry.act == "occurrence.done").count(), 1);
    }
    assert!(seen_down, "no kill came while the service was down");
}

/// K-29 with real programs: three services on one home, one run.
#[tokio::test(flavor = "multi_thread")]
async fn several_services_on_one_home_run_an_occurrence_once() {
    let kura = prepared().await;
    let (home, mark) = (kura.home(), kura.dir.path().join("running"));
    let mut services = [(); 3].map(|()| serve(home.path()));
    let mut is_done = false;
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let catalog = Catalog::open(&home.catalog_file()).await.expect("the catalog");
        let from = SystemClock.now().plus_minutes(-600);
        let open = catalog.occurrences_since(from).await.expect("occurrences");
        is_done = open.iter().any(|found| found.state == OccurrenceState::Done);
        catalog.close().await;
        if is_done {
            break;
        }
    }
    // A beat or two more: nobody begins again what is done.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for service in &mut services {
        assert!(service.try_wait().expect("a child").is_none(), "each of them goes on");
        service.kill().expect("killed");
        service.wait().expect("an end");
    }
    assert!(is_done && mark.exists());
    let stops = std::fs::read_to_string(kura.dir.path().join("stops")).expect("the log of stops");
    assert_eq!(stops, "stop\n", "stopped once");
    let catalog = Catalog::open(&home.catalog_file()).await.expect("the catalog");
    assert_eq!(catalog.snapshots(Some("records")).await.expect("snapshots").len(), 1);
    let log = catalog.audit_newest(1000).await.expect("the log");
    for act in ["occurrence.start", "occurrence.done", "service.stopped", "service.started"] {
        assert_eq!(log.iter().filter(|line| line.entry.act == act).count(), 1, "{act}");
    }
}
