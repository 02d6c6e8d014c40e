//! Over HTTP: the sealed file for whoever has its address, and the console's pages about it.

use kura::archive::seal::Identity;
use kura::domain::permit::PermitContent;
use kura::domain::role::Role;
use kura::workflows::extracts::{self, Cancel, Run, link};
use kura::workflows::permits::{self, Seen};

use super::ward::{CANARIES, Words, instructions, rows};
use crate::console::{Site, Visitor};

#[tokio::test(flavor = "multi_thread")]
async fn an_extract_is_fetched_and_its_report_is_shown_to_those_who_may() {
    let source = tempfile::tempdir().expect("a folder");
    let file = source.path().join("ward.csv");
    std::fs::write(&file, rows()).expect("a source");
    let settings = format!("\n[[dataset]]\nname = \"patients\"\nkind = \"csv\"\npath = {file:?}\n");
    let site = Site::on("2026-12-03", None, &settings).await;
    let people = site
        .people(&[Role::ServiceOperator, Role::OperationsManager, Role::SystemOperator, Role::Auditor])
        .await;
    let [doctor, applicant, operator, _] = people.as_slice() else { panic!("four people") };
    let (desk, home, now) = (site.desk(), &site.service.shared.home, site.now());
    let catalog = &desk.catalog;
    let schema = extracts::columns(home, "patients", None, now).await.expect("columns").1.to_string();
    let seal = Identity::generate().recipient().to_string();
    let extraction = instructions(&schema, &seal, &Words::default());
    let content = PermitContent { extraction, ..crate::permits::content() };
    let number = permits::apply((catalog, &crate::permits::DATASETS), &content, applicant, now)
        .await
        .expect("applied");
    let cancel = Cancel::default();
    let mut silent = |_| {};
    let planned = extracts::plan((catalog, home), &number, None, (&cancel, &mut silent), (operator, now));
    planned.await.expect("is planned before anybody decides");
    let plan = site.visitor("person0000").await.get(&format!("/console/extracts/{number}")).await;
    assert_eq!(plan.status, 200, "{}", plan.body);
    assert!(plan.body.contains("架空の値") && plan.body.contains("人が判断"), "{}", plan.body);

    let ask = site.visitor("person0000").await.get(&format!("/console/permits/{number}/approve")).await;
    assert!(ask.body.contains("抽出の試算") && ask.body.contains("同じ組合せの最少人数"), "{}", ask.body);
    let row = permits::show(catalog, &number, doctor).await.expect("a permit");
    let seen = Seen::Version(permits::version(&row));
    permits::approve((catalog, &crate::permits::DATASETS), &number, &seen, doctor, now)
        .await
        .expect("approved");
    let clock = &site.service.shared.clock;
    let on = Run { catalog, home, clock: &**clock, by: operator, recovery: None, cancel: &cancel };
    let handed = extracts::run(&on, &number, &mut |_| {}, &mut |_| {}).await.expect("is handed over");
    let made = link::make(catalog, &number, (operator, clock.now())).await.expect("an address");
    let path = format!("/extracts/{}", *made.path);

    let mut nobody = site.nobody();
    let head = nobody.ask("HEAD", &path, "").await;
    assert_eq!(head.status, 405, "a look is no fetch");
    let fetched = nobody.get(&path).await;
    assert_eq!((fetched.status, fetched.header("cache-control")), (200, Some("no-store")));
    assert!(fetched.body.starts_with("age-encryption.org/v1"));
    assert!(fetched.header("content-disposition").is_some_and(|name| name.contains(&number)));
    let wrong = nobody.get(&format!("{}0", path.get(..path.len() - 1).expect("long"))).await;
    let wrong = if wrong.status == 200 { nobody.get("/extracts/kura_0_0").await } else { wrong };
    assert_eq!((wrong.status, wrong.header("cache-control")), (404, Some("no-store")));

    for person in &people {
        let address = format!("/console/extracts/{number}/{}", handed.execution);
        shown(&mut site.visitor(person.account.as_str()).await, &number, &address).await;
    }
    assert!(CANARIES.into_iter().filter(|one| *one != "116").all(|canary| !plan.body.contains(canary)));
    assert_eq!(nobody.get("/console/extracts").await.status, 401);

    let row = permits::show(catalog, &number, doctor).await.expect("a permit");
    let seen = Seen::Version(permits::version(&row));
    permits::end(catalog, (&number, permits::Ending::Revoke), ("誤り", &seen), doctor, clock.now())
        .await
        .expect("is revoked");
    let over = nobody.get(&path).await;
    assert_eq!(over.status, 410, "{}", over.body);
    // Whoever tries on and on waits.
    let mut last = over.status;
    for _ in 0..40 {
        last = nobody.get("/extracts/kura_0_0").await.status;
    }
    assert_eq!(last, 429);
}

/// The list, the permit and the report, to one person.
async fn shown(visitor: &mut Visitor, number: &str, address: &str) {
    let list = visitor.get("/console/extracts").await;
    assert_eq!(list.status, 200);
    assert!(list.body.contains(number) && list.body.contains("提供済み"), "{}", list.body);
    let permit = visitor.get(&format!("/console/permits/{number}")).await;
    let is_linked = permit.body.contains("この許可による抽出") && permit.body.contains(address);
    assert!(is_linked, "{}", permit.body);
    let report = visitor.get(address).await;
    assert_eq!(report.status, 200);
    assert!(report.body.contains("抽出の測定報告書") && report.body.contains("公表文（案）"));
    for canary in CANARIES.into_iter().filter(|canary| *canary != "116") {
        assert!(!report.body.contains(canary) && !list.body.contains(canary));
    }
}
