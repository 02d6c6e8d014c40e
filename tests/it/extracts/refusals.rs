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
    let (cancel, mut silent) = (Cancel::default(), |_| {});
    let planned = extracts::plan(
        (&ward.catalog, &ward.home),
        &second,
        None,
        (&cancel, &mut silent),
        (&ward.operator, ward.now()),
    );
    let refused = planned.await.expect_err("whoever approves must not think that nothing is in its way");
    assert!(matches!(refused, ExtractError::Overlaps(_)), "{refused}");
    let error = ward.run(&second).await.expect_err("differs by one");
    let ExtractError::Overlaps(found) = &error else { panic!("{error}") };
    assert_eq!(found[0].permit, first);
    assert!(!error.to_string().contains(&second) && !error.to_string().contains(&same), "{error}");
    nothing_left_but(&ward, &second, 1).await;
    // Once the first is confirmed to be erased, it is compared with no more.
    let seen = Seen::Version(permits::version(
        &permits::show(&ward.catalog, &first, &ward.doctor).await.expect("one"),
    ));
    permits::end(
        &ward.catalog,
        (&first, permits::Ending::Close),
        ("消去を確認", &seen),
        &ward.doctor,
        at("2026-12-04", "9:00"),
    )
    .await
    .expect("is closed");
    ward.clock.set(at("2026-12-05", "9:00"));
    let third = ward.permit_of(&Words { filter: without, k: 7, ..Words::default() }).await;
    let planned = extracts::plan(
        (&ward.catalog, &ward.home),
        &same,
        None,
        (&cancel, &mut silent),
        (&ward.operator, ward.now()),
    );
    assert_eq!(planned.await.expect("nothing is in its way").report.compared_with, 0, "the first is erased");
    ward.run(&third).await.expect("is handed over");
}

#[tokio::test]
async fn case_9_the_same_persons_by_other_columns_are_refused_where_both_together_show_few() {
    let ward = Ward::new().await;
    let all = ward.instructions(&Words::default()).await;
    let without = |all: &str, names: &[&str]| {
        let line = |line: &str| match line.split_once(" = { class = ") {
            Some((name, rest)) if names.contains(&name) => {
                let class = rest.split('"').nth(1).unwrap_or_default();
                format!("{name} = {{ class = {class:?}, do = \"drop\" }}")
            }
            _ => line.to_owned(),
        };
        all.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
    };
    // Each alone hides everybody: the ages, and the months. Who was how old in which month is one or two.
    let ages = ward.permit(&without(&all, &["patient_id", "postal", "admitted", "ward"]), 1).await;
    let months = ward.permit(&without(&all, &["patient_id", "postal", "age", "ward"]), 1).await;
    ward.run(&ages).await.expect("is handed over");
    let error = ward.run(&months).await.expect_err("both together show few");
    let ExtractError::Overlaps(found) = &error else { panic!("{error}") };
    assert!(found.iter().all(|overlap| overlap.permit == ages), "{error}");
    nothing_left_but(&ward, &months, 1).await;
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
    let number = ward.permit_of(&Words::default()).await;
    let none_begun = async |ward: &Ward, number: &str| {
        assert!(ward.catalog.extracts(Some(number)).await.expect("rows").is_empty());
    };
    // The data set is called otherwise since the approval, or lies in a snapshot that nothing opens.
    let settings = std::fs::read_to_string(ward.home.settings_file()).expect("settings");
    let renamed = settings.replacen("\"patients\"", "\"others\"", 1);
    let sealed = settings.replacen("\"csv\"", "\"snapshot\"\nplan = \"records\"", 1);
    for changed in [renamed, sealed] {
        std::fs::write(ward.home.settings_file(), changed).expect("settings");
        let error = ward.run(&number).await.expect_err("it cannot be read");
        assert_eq!((error.code(), error.is_refusal()), ("instructions", false), "{error}");
        none_begun(&ward, &number).await;
    }
    std::fs::write(ward.home.settings_file(), settings).expect("settings");
    // What the permit itself says cannot be printed; or what the tables of its instructions say.
    let paper = ward.instructions(&Words::default()).await.replacen("\"csv\"", "\"paper\"", 1);
    for (from, to) in [
        ("男;*", "男;\u{1F9EC}"),
        ("do = \"fold\", below = 10", "do = \"fold\", below = 10, other = \"\u{1F9EC}\""),
    ] {
        let number = ward.permit(&paper.replacen(from, to, 1), 1).await;
        let error = ward.run(&number).await.expect_err("it cannot be printed");
        assert!(error.is_refusal() && error.to_string().contains("U+1F9EC"), "{error}");
        none_begun(&ward, &number).await;
    }
}

#[tokio::test]
async fn what_ended_with_nothing_handed_over_does_not_count() {
    let ward = Ward::new().await;
    let paper = ward.instructions(&Words::default()).await.replacen("\"csv\"", "\"paper\"", 1);
    let number = ward.permit(&paper, 1).await;
    let used = async || {
        let permit = permits::show(&ward.catalog, &number, &ward.doctor).await.expect("one").permit;
        (permit.executions, permit.used())
    };
    // A font without the character: known only when the rows are.
    std::fs::write(ward.source(), rows().replace("1病棟", "\u{1F9EC}病棟")).expect("a source");
    let utf8 = std::fs::read_to_string(ward.home.settings_file()).expect("settings").replacen(
        "shift_jis",
        "utf-8",
        1,
    );
    std::fs::write(ward.home.settings_file(), utf8).expect("settings");
    let error = ward.run(&number).await.expect_err("it cannot be printed");
    assert!(error.to_string().contains("U+1F9EC"), "{error}");
    nothing_left(&ward, &number, &error).await;
    assert_eq!(used().await, (1, 0));
    // A name in what would be written.
    std::fs::write(ward.source(), rows().replacen("1病棟", "姓0001様", 1)).expect("a source");
    let error = ward.run(&number).await.expect_err("a name");
    nothing_left(&ward, &number, &error).await;
    std::fs::write(ward.source(), rows()).expect("a source");
    let (handed, _) = ward.run(&number).await.expect("nothing had been handed over");
    assert_eq!((handed.execution, used().await), (3, (3, 1)));
    let error = ward.run(&number).await.expect_err("it was handed over");
    assert!(matches!(error, ExtractError::Desk(DeskError::Permit(PermitRefusal::UsedUp(1)))), "{error}");
    let locks = std::fs::read_dir(ward.home.extracts()).expect("a folder").flatten();
    let locks: Vec<_> = locks
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "lock"))
        .collect();
    assert_eq!(locks, Vec::<std::path::PathBuf>::new(), "no lock is left");
}
