//! The address at which an extract is fetched: once in a while, with a receipt, as long as it counts.

use kura::workflows::check_audit;
use kura::workflows::extracts::link::{self, FETCHES_MAX, FetchError};
use kura::workflows::extracts::{self, ExtractError};
use kura::workflows::permits::{self, Seen};

use super::ward::{Ward, Words};
use crate::windows::at;

async fn handed() -> (Ward, String, String) {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    ward.run(&number).await.expect("is handed over");
    let link = link::make(&ward.catalog, &number, (&ward.operator, ward.now())).await.expect("an address");
    let path = link.path.to_string();
    (ward, number, path)
}

async fn fetch(ward: &Ward, path: &str) -> Result<Vec<u8>, &'static str> {
    match link::fetch(&ward.catalog, &ward.home, path, ward.now()).await {
        Ok(fetched) => Ok(fetched.sealed),
        Err(FetchError::None) => Err("none"),
        Err(FetchError::Over) => Err("over"),
        Err(FetchError::Failed(_)) => Err("failed"),
    }
}

#[tokio::test]
async fn what_was_handed_over_is_fetched_with_a_receipt() {
    let (ward, number, path) = handed().await;
    let sealed = fetch(&ward, &path).await.expect("is given");
    assert_eq!(sealed, std::fs::read(&ward.sealed()[0]).expect("a file"));
    let row = ward.catalog.extracts(Some(&number)).await.expect("rows").remove(0);
    assert_eq!((row.fetched, row.first_fetched_at), (1, Some(ward.now())));
    let secret = path.rsplit('_').next().expect("a secret");
    for (file, bytes) in ward.everything() {
        let has = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!has, "the address is kept as a digest only: {}", file.display());
    }
    let log = ward.catalog.audit_newest(10).await.expect("a log");
    assert!(log.iter().any(|line| line.entry.act == "extract.fetch" && line.entry.subject == number));
    check_audit::verify(&ward.catalog, None).await.expect("the log holds");
    // Another secret, another id, no address at all: nothing is told apart.
    let wrong = format!("{}{}", path.get(..path.len() - 4).expect("long"), "0000");
    for wrong in [wrong.as_str(), "kura_0000000000000000_00", "..", ""] {
        assert_eq!(fetch(&ward, wrong).await, Err("none"), "{wrong}");
    }
    assert_eq!(ward.catalog.extracts(Some(&number)).await.expect("rows")[0].fetched, 1);
}

#[tokio::test]
async fn a_new_address_takes_the_place_of_the_old_one_and_fetches_are_few() {
    let (ward, number, old) = handed().await;
    let new = link::make(&ward.catalog, &number, (&ward.operator, ward.now())).await.expect("an address");
    assert_eq!(fetch(&ward, &old).await, Err("none"));
    for _ in 0..FETCHES_MAX {
        assert!(fetch(&ward, &new.path).await.is_ok());
    }
    assert_eq!(fetch(&ward, &new.path).await, Err("over"));
}

#[tokio::test]
async fn case_27_an_address_is_over_with_its_time_its_permit_and_its_file() {
    // Fourteen days, and never longer than the permit.
    let (ward, _, path) = handed().await;
    ward.clock.set(at("2026-12-17", "9:59"));
    assert!(fetch(&ward, &path).await.is_ok());
    ward.clock.set(at("2026-12-17", "10:00"));
    assert_eq!(fetch(&ward, &path).await, Err("over"));

    let (ward, number, path) = handed().await;
    let seen = Seen::Version(permits::version(
        &permits::show(&ward.catalog, &number, &ward.doctor).await.expect("one"),
    ));
    let why = ("誤り", &seen);
    permits::end(&ward.catalog, (&number, permits::Ending::Revoke), why, &ward.doctor, ward.now())
        .await
        .expect("is revoked");
    assert_eq!(fetch(&ward, &path).await, Err("over"));
    let refused = link::make(&ward.catalog, &number, (&ward.operator, ward.now())).await;
    assert!(matches!(refused, Err(ExtractError::None(_))));
    assert_eq!(extracts::tend(&ward.catalog, &ward.home, ward.now()).await.expect("is tended"), (0, 1));
    assert!(ward.sealed().is_empty(), "the file is gone, and only then it is noted");
    assert_eq!(fetch(&ward, &path).await, Err("over"));

    let (ward, _, path) = handed().await;
    std::fs::write(&ward.sealed()[0], b"something else").expect("is written");
    assert_eq!(fetch(&ward, &path).await, Err("failed"), "an altered file is given to nobody");
}
