//! What refuses: the permit, its days, drift, other permits, names in what would be written. Nothing leaves then.

use kura::domain::permit::PermitRefusal;
use kura::workflows::desk::DeskError;
use kura::workflows::extracts::{self, Cancel, ExtractError, ExtractState, Run};
use kura::workflows::permits::{self, Seen};

use super::ward::{CANARIES, Ward, Words, rows};
use crate::windows::at;

/// Nothing was handed over, and what is said holds no value.
async fn nothing_left(ward: &Ward, number: &str, error: &ExtractError) {
    assert!(ward.sealed().is_empty());
    let rows = ward.catalog.extracts(Some(number)).await.expect("rows");
    assert!(rows.iter().all(|row| row.state == ExtractState::Abandoned), "{rows:?}");
    let said = format!("{error} {error:?}");
    for canary in CANARIES {
        assert!(!said.contains(canary), "{said}");
    }
    assert_eq!(ward.state(number).await, "approved");
    ward.assert_nothing_leaked("after a refusal");
}

fn write(ward: &Ward, text: &str) {
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(text);
    std::fs::write(ward.source(), bytes).expect("a source");
}

#[tokio::test]
async fn case_20_a_source_that_changed_is_refused_with_what_changed() {
    let ward = Ward::new().await;
    let number = ward.permit(&ward.instructions(&Words::default()).await, 5).await;
    write(&ward, &rows().replacen("note\r\n", "my_number2\r\n", 1));
    let error = ward.run(&number).await.expect_err("is refused");
    assert!(error.is_refusal());
    let said = error.to_string();
    assert!(
        said.contains("column \"my_number2\" is new") && said.contains("column \"note\" is gone"),
        "{said}"
    );
    nothing_left(&ward, &number, &error).await;
    write(&ward, &rows().replacen("patient_id,name", "name,patient_id", 1));
    let error = ward.run(&number).await.expect_err("is refused");
    assert!(error.to_string().contains("in the order name, patient_id"), "{error}");
    write(&ward, &rows().replacen("age,postal", "аge,postal", 1));
    let error = ward.run(&number).await.expect_err("a look-alike letter");
    assert!(matches!(error, ExtractError::Drift(_)), "{error}");
}

#[tokio::test]
async fn case_3_and_4_names_and_numbers_in_a_column_that_is_kept_stop_everything() {
    let ward = Ward::new().await;
    let number = ward.permit(&ward.instructions(&Words::default()).await, 5).await;
    for planted in ["姓0001様", "一二三四-五六七八-九〇一八", "金糸雀"] {
        write(&ward, &rows().replacen("1病棟", planted, 1));
        let error = ward.run(&number).await.expect_err(planted);
        assert!(matches!(error, ExtractError::Refused(_)), "{planted}: {error}");
        nothing_left(&ward, &number, &error).await;
    }
}

#[tokio::test]
async fn case_12_and_13_too_few_persons_give_nothing_and_no_number() {
    let ward = Ward::new().await;
    let filter = "[[filter]]\ncolumn = \"age\"\nop = \">\"\nvalue = \"100\"";
    let number = ward.permit_of(&Words { filter, ..Words::default() }).await;
    let error = ward.run(&number).await.expect_err("one person");
    assert_eq!((error.code(), error.is_refusal()), ("empty", true));
    assert!(!error.to_string().contains('1'), "{error}");
    nothing_left(&ward, &number, &error).await;
}

#[tokio::test]
async fn case_17_and_18_the_permit_says_when_and_how_often() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    let refusal = |result: Result<_, ExtractError>| match result {
        Err(ExtractError::Desk(DeskError::Permit(refusal))) => refusal,
        other => panic!("no refusal: {:?}", other.map(|(handed, _): (extracts::Handed, _)| handed.execution)),
    };
    ward.clock.set(at("2026-12-01", "23:59"));
    assert!(matches!(refusal(ward.run(&number).await), PermitRefusal::NotToday(..)));
    ward.clock.set(at("2026-12-29", "0:00"));
    assert!(matches!(refusal(ward.run(&number).await), PermitRefusal::Over(_)));
    ward.clock.set(at("2026-12-28", "23:00"));
    assert!(ward.run_as(&number, &ward.doctor, &mut |_| {}, &mut || {}).await.is_err(), "who approved it");
    ward.run(&number).await.expect("on the last day");
    assert_eq!(refusal(ward.run(&number).await), PermitRefusal::UsedUp(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_17_a_permit_that_ends_in_the_middle_hands_nothing_over() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words { passphrase: true, ..Words::default() }).await;
    let clock = ward.clock.clone();
    let mut late = || clock.set(at("2026-12-29", "0:00"));
    let error = ward.run_as(&number, &ward.operator, &mut |_| {}, &mut late).await.expect_err("is over");
    assert!(error.is_refusal(), "{error}");
    nothing_left(&ward, &number, &error).await;
}

#[tokio::test]
async fn case_8_the_same_ward_without_one_person_is_refused_and_only_the_earlier_permit_is_named() {
    let ward = Ward::new().await;
    let first = ward.permit_of(&Words::default()).await;
    ward.run(&first).await.expect("is handed over");
    // The same again says nothing new; without one person it says who he is.
    let same = ward.permit_of(&Words { k: 6, ..Words::default() }).await;
    let without = "[[filter]]\ncolumn = \"age\"\nop = \"<\"\nvalue = \"100\"";
    let second = ward.permit_of(&Words { filter: without, ..Words::default() }).await;
    let error = ward.run(&second).await.expect_err("differs by one");
    let ExtractError::Overlaps(found) = &error else { panic!("{error}") };
    assert_eq!(found[0].permit, first);
    assert!(!error.to_string().contains(&second) && !error.to_string().contains(&same), "{error}");
    nothing_left_but(&ward, &second, 1).await;
    // Once the first is confirmed to be erased, it is compared with no more.
    let seen = Seen::Version(permits::version(
        &permits::show(&ward.catalog, &first, &ward.doctor).await.expect("one"),
    ));
    permits::close(&ward.catalog, &first, ("消去を確認", &seen), &ward.doctor, at("2026-12-04", "9:00"))
        .await
        .expect("is closed");
    ward.clock.set(at("2026-12-05", "9:00"));
    let third = ward.permit_of(&Words { filter: without, k: 7, ..Words::default() }).await;
    ward.run(&third).await.expect("is handed over");
}

async fn nothing_left_but(ward: &Ward, number: &str, files: usize) {
    assert_eq!(ward.sealed().len(), files);
    let rows = ward.catalog.extracts(Some(number)).await.expect("rows");
    assert!(rows.iter().all(|row| row.state == ExtractState::Abandoned), "{rows:?}");
}

#[tokio::test]
async fn a_lost_ledger_key_stops_every_further_extract() {
    let ward = Ward::new().await;
    let first = ward.permit_of(&Words::default()).await;
    ward.run(&first).await.expect("is handed over");
    std::fs::remove_file(ward.home.key_file("ledger.key")).expect("is there");
    let second = ward.permit_of(&Words { k: 6, ..Words::default() }).await;
    let error = ward.run(&second).await.expect_err("nobody can compare");
    assert!(matches!(&error, ExtractError::Ledger(permit) if *permit == first), "{error}");
    nothing_left_but(&ward, &second, 1).await;
}

#[tokio::test]
async fn a_cancelled_extract_hands_nothing_over() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    let cancel = Cancel::default();
    cancel.ask();
    let on = Run {
        catalog: &ward.catalog,
        home: &ward.home,
        clock: &*ward.clock,
        by: &ward.operator,
        recovery: None,
        cancel: &cancel,
    };
    let error = extracts::run(&on, &number, &mut |_| {}, &mut |_| {}).await.expect_err("is cancelled");
    assert_eq!(error.code(), "cancelled");
    nothing_left(&ward, &number, &error).await;
}

#[tokio::test]
async fn what_is_known_to_be_wrong_before_it_begins_uses_up_nothing() {
    let ward = Ward::new().await;
    let instructions = ward.instructions(&Words::default()).await;
    let other = instructions.replacen("dataset = \"patients\"", "dataset = \"/etc/passwd\"", 1);
    let number = ward.permit(&other, 1).await;
    let error = ward.run(&number).await.expect_err("no such data set");
    assert_eq!((error.code(), error.is_refusal()), ("instructions", false), "{error}");
    assert!(ward.catalog.extracts(Some(&number)).await.expect("rows").is_empty());
}
