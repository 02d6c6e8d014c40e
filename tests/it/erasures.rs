//! Erasure orders: what they cover comes back by no way, and nothing is deleted by them (K-51).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use kura::archive::entry::Kind;
use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::clock::Clock as _;
use kura::domain::actor::{Actor, Denied};
use kura::domain::plan::Plan;
use kura::domain::role::Role;
use kura::workflows::browse::Browser;
use kura::workflows::choice::Wanted;
use kura::workflows::erasures::{self, ErasureError};
use kura::workflows::host::Host;
use kura::workflows::restore::{self, RestoreError};
use kura::workflows::verify::{self, Viewer};
use kura::workflows::{check_audit, holds};

use crate::expiry::{Desk, a_year_later};
use crate::support::kura::Kura;
use crate::support::simulate::{files, objects, request, restore_as, run, write};

fn actor(account: &str, role: Role) -> Actor {
    Actor { account: account.parse().unwrap(), role, scopes: None }
}

fn doctor() -> Actor {
    actor("ishikai001", Role::ServiceOperator)
}

fn manager() -> Actor {
    actor("manager001", Role::OperationsManager)
}

/// Two days, each with two persons.
async fn taken() -> (Kura, Plan) {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.records();
    for day in ["2031-03-03", "2031-03-04"] {
        kura.set_day(day);
        for person in ["ward/100", "ward/200"] {
            let name = format!("{person}/{day}");
            write(&kura.source().join(&name), &name, day);
        }
        if day == "2031-03-04" {
            std::fs::hard_link(kura.source().join("ward/100/2031-03-04"), kura.source().join("zz-same"))
                .unwrap();
        }
        kura.snapshot(&plan).await.unwrap();
    }
    (kura, plan)
}

async fn open(kura: &Kura) -> (Host, Catalog) {
    let host = Host::open(kura.home(), None).await.unwrap();
    (host, Catalog::open(&kura.home().catalog_file()).await.unwrap())
}

async fn order(kura: &Kura, plan: &Plan, path: &str) -> Result<u64, ErasureError> {
    let (host, catalog) = open(kura).await;
    let paths = [path.as_bytes().to_vec()];
    erasures::order(&host, &catalog, (plan, &paths, "請求 2031-001"), &doctor(), kura.clock.now()).await
}

fn everything() -> BTreeSet<String> {
    let all = [
        "ward/100/2031-03-03",
        "ward/200/2031-03-03",
        "ward/100/2031-03-04",
        "ward/200/2031-03-04",
        "zz-same",
    ];
    all.map(str::to_owned).into()
}

fn of_others() -> BTreeSet<String> {
    everything().into_iter().filter(|name| !name.starts_with("ward/100") && name != "zz-same").collect()
}

async fn restored(kura: &Kura, name: &str, wanted: &str) -> (BTreeSet<String>, restore::Summary) {
    let asked = restore::Request { wanted: Wanted::parse(wanted).unwrap(), ..request(kura, name) };
    let summary = restore_as(kura, &asked).await.unwrap();
    assert_eq!(summary.failed, Vec::new());
    (files(&asked.to), summary)
}

async fn listed(kura: &Kura, wanted: &str) -> BTreeSet<String> {
    let wanted = Wanted::parse(wanted).unwrap();
    let browser = Browser::open(kura.opened().await, &wanted, kura.clock.now()).await.unwrap();
    let (mut listing, mut found) = (browser.list(&[]).unwrap(), BTreeSet::new());
    while let Some(shown) = listing.next().unwrap() {
        let path = String::from_utf8(shown.path).unwrap();
        assert!(!path.contains("100") || kura.store().join("test/erasures").exists());
        if shown.entry.meta.kind != Kind::Directory {
            found.insert(path);
        }
    }
    found
}

/// The reader that knows only the format page.
fn without_kura(kura: &Kura, name: &str) -> Result<BTreeSet<String>, String> {
    let to = kura.dir.path().join(name);
    let mut python = std::process::Command::new("python3");
    python.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recovery/kura_restore.py"));
    python.arg(kura.store()).arg("--identity").arg(kura.recovery_key()).arg("--to").arg(&to);
    let ran = python.output().expect("python3 runs");
    if ran.status.success() { Ok(files(&to)) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
}

fn problems(report: &verify::Report) -> Vec<String> {
    report.problems.iter().map(|one| format!("{}: {}", one.object, one.what)).collect()
}

async fn verified(kura: &Kura) -> Vec<String> {
    let viewer = Arc::new(Viewer::of_opened(kura.opened().await).unwrap());
    let asked =
        verify::Request { plan: None, read: None, known: verify::Known::default(), now: kura.clock.now() };
    problems(&verify::verify(viewer, &asked, &Arc::new(Progress::default())).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_order_covers_comes_back_by_no_way() {
    let (kura, plan) = taken().await;
    assert_eq!(restored(&kura, "before", "latest").await.0, everything());
    let before = objects(&kura);
    assert_eq!(order(&kura, &plan, "ward/100").await.unwrap(), 1);
    let made: Vec<String> = objects(&kura).difference(&before).cloned().collect();
    assert_eq!(made, ["test/erasures/0000000001"], "nothing is deleted and nothing else is written");
    assert!(before.is_subset(&objects(&kura)));
    let older = before.iter().find(|key| key.contains("/snapshots/0000000001-")).unwrap();
    let older = older.rsplit('-').next().unwrap();
    for (name, wanted) in [("latest", "latest"), ("older", older), ("by-day", "2031-03-04")] {
        let (found, summary) = restored(&kura, name, wanted).await;
        let expected: BTreeSet<String> =
            of_others().into_iter().filter(|path| name != "older" || path.ends_with("03-03")).collect();
        assert_eq!(found, expected, "{name}");
        assert!(summary.erased > 0, "{name}");
        assert!(!kura.dir.path().join(name).join("ward/100").exists(), "{name}: not even the folder");
        assert_eq!(listed(&kura, wanted).await, expected, "{name}");
    }
    // Not one file, by its exact name or by the other name of its inode.
    let browser = Browser::open(kura.opened().await, &Wanted::Latest, kura.clock.now()).await.unwrap();
    for path in ["ward/100/2031-03-03", "ward/100/2031-03-04", "zz-same"] {
        let refused = browser.cat(&path.into(), &mut Vec::new());
        assert!(matches!(refused, Err(RestoreError::Nothing)), "{path}");
        let asked = restore::Request { patterns: vec![path.into()], ..request(&kura, "one") };
        let refused = restore_as(&kura, &asked).await;
        assert!(matches!(refused, Err(RestoreError::Nothing)), "{path}: {refused:?}");
    }
    assert_eq!(without_kura(&kura, "without").unwrap(), of_others());
    assert_eq!(verified(&kura).await, Vec::<String>::new());
    // The next snapshot changes nothing of it; a record that is sent anew is another record.
    kura.set_day("2031-03-05");
    write(&kura.source().join("ward/100/2031-03-05"), "anew", "2031-03-05");
    kura.snapshot(&plan).await.unwrap();
    let mut expected = of_others();
    expected.insert("ward/100/2031-03-05".to_owned());
    assert_eq!(restored(&kura, "later", "latest").await.0, expected);
    assert_eq!(without_kura(&kura, "later-without").unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_altered_order_keeps_everything_back() {
    let (kura, plan) = taken().await;
    order(&kura, &plan, "ward/100").await.unwrap();
    order(&kura, &plan, "ward/200/2031-03-03").await.unwrap();
    kura.set_day("2031-03-05");
    kura.snapshot(&plan).await.unwrap();
    let aside = kura.dir.path().join("aside");
    let refused = async |name: &str| {
        let asked = request(&kura, name);
        let outcome = restore_as(&kura, &asked).await;
        assert!(matches!(outcome, Err(RestoreError::Erasures(_))), "{name}: {outcome:?}");
        assert!(!asked.to.exists());
        assert!(without_kura(&kura, &format!("{name}-without")).is_err(), "{name}");
        assert!(verified(&kura).await.iter().any(|one| one.starts_with("test/erasures/")), "{name}");
        let (host, catalog) = open(&kura).await;
        let refused = erasures::of_host(&host, &catalog, plan.name()).await;
        assert!(refused.is_err(), "{name}: the host notices too");
        catalog.close().await;
    };
    for number in [1, 2] {
        let object = kura.store().join(format!("test/erasures/000000000{number}"));
        std::fs::rename(&object, &aside).unwrap();
        refused(&format!("lost-{number}")).await;
        let mut bytes = std::fs::read(&aside).unwrap();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        std::fs::write(&object, bytes).unwrap();
        refused(&format!("altered-{number}")).await;
        std::fs::remove_file(&object).unwrap();
        std::fs::rename(&aside, &object).unwrap();
    }
    // Both gone: the newest snapshot knows of them, also where an older one is asked for.
    let folder = kura.store().join("test/erasures");
    run("mv", &[folder.to_str().unwrap(), aside.to_str().unwrap()], Path::new("/"));
    refused("both").await;
    // A run goes on, tells of it, and does not forget them.
    kura.set_day("2031-03-06");
    kura.snapshot(&plan).await.unwrap();
    refused("still").await;
    run("mv", &[aside.to_str().unwrap(), folder.to_str().unwrap()], Path::new("/"));
    let mut expected = of_others();
    expected.remove("ward/200/2031-03-03");
    assert_eq!(restored(&kura, "whole", "latest").await.0, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_order_and_who_may_take_back() {
    let (kura, plan) = taken().await;
    let (host, catalog) = open(&kura).await;
    let now = kura.clock.now();
    let paths = [b"ward/100".to_vec()];
    for role in [Role::SystemAdministrator, Role::SystemOperator, Role::Auditor, Role::Portal] {
        let by = actor("somebody01", role);
        let refused = erasures::order(&host, &catalog, (&plan, &paths, "x"), &by, now).await;
        assert!(matches!(refused, Err(ErasureError::Denied(_))), "{role:?}");
    }
    for bad in ["", "../x", "a/*", "a//b"] {
        let paths = [bad.as_bytes().to_vec()];
        let refused = erasures::order(&host, &catalog, (&plan, &paths, "x"), &doctor(), now).await;
        assert!(matches!(refused, Err(ErasureError::Paths)), "{bad}");
    }
    let refused = erasures::order(&host, &catalog, (&plan, &paths, "two\nlines"), &doctor(), now).await;
    assert!(matches!(refused, Err(ErasureError::Reason)));
    assert_eq!(erasures::order(&host, &catalog, (&plan, &paths, "x"), &doctor(), now).await.unwrap(), 1);
    let back = (plan.name(), 1, "wrong person");
    let own = erasures::revoke(&host, &catalog, back, &doctor(), now).await;
    assert!(matches!(own, Err(ErasureError::Denied(Denied::OwnRequest(_)))), "{own:?}");
    assert_eq!(erasures::revoke(&host, &catalog, back, &manager(), now).await.unwrap(), 2);
    let again = erasures::revoke(&host, &catalog, back, &manager(), now).await;
    assert!(matches!(again, Err(ErasureError::None { number: 1, .. })));
    assert_eq!(restored(&kura, "again", "latest").await.0, everything());
    assert_eq!(without_kura(&kura, "again-without").unwrap(), everything());
    check_audit::verify(&catalog, None).await.unwrap();
    // No name leaves the sealed object: not in the store, not in the catalog.
    assert!(holds::of_host(&host, &catalog, plan.name()).await.unwrap().is_empty());
    catalog.close().await;
    for file in [kura.home().catalog_file(), kura.store().join("test/erasures/0000000001")] {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"ward/100"), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_before_its_day_and_the_certificate_names_the_order() {
    let (kura, plan) = a_year_later().await;
    let before = objects(&kura);
    order(&kura, &plan, "some/person").await.unwrap();
    assert!(before.is_subset(&objects(&kura)), "an order deletes nothing");
    let desk = Desk::of(&kura, &plan).await;
    desk.allow().await;
    desk.run().await.unwrap();
    let row = desk.catalog.certificates(u64::MAX, 10).await.unwrap().remove(0);
    let certificate = kura::workflows::certificates::read(&desk.host, &row).unwrap();
    let named: Vec<(u64, &str)> =
        certificate.suppressed.iter().map(|one| (one.order, one.by.as_str())).collect();
    assert_eq!(named, [(1, "ishikai001")]);
    let gone: BTreeSet<String> = before.difference(&objects(&kura)).cloned().collect();
    let is_due = |key: &String| key.starts_with("test/sent-2031-03-03/") || key.contains("/snapshots/");
    assert!(!gone.is_empty() && gone.iter().all(is_due), "only what was due: {gone:?}");
}
