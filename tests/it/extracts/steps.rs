//! Killed at every step, revoked in the middle, two operators at once: nothing is handed over by halves (K-8).

use kura::domain::actor::Actor;
use kura::workflows::check_audit;
use kura::workflows::extracts::{self, ExtractError, ExtractState};
use kura::workflows::permits::{self, Seen};

use super::ward::{Ward, Words};
use crate::steps::killed_after;

/// More than it needs.
const WAITS_MAX: usize = 500;

#[tokio::test]
async fn an_extract_that_is_killed_at_any_step_is_handed_over_whole_or_not_at_all() {
    let mut kills = 0;
    for waits in 0..WAITS_MAX {
        let ward = Ward::new().await;
        let number = ward.permit_of(&Words::default()).await;
        let ended = killed_after(waits, ward.run(&number)).await;
        ward.assert_nothing_leaked(&format!("killed after {waits} waits"));
        // What was being committed when it died is there or is not: the next writer waits for that.
        drop(ward.catalog.begin().await.expect("a transaction"));
        // The service starts again and looks after what was left.
        extracts::tend(&ward.catalog, &ward.home, ward.now()).await.expect("is tended");
        let rows = ward.catalog.extracts(Some(&number)).await.expect("rows");
        let state = ward.state(&number).await;
        let delivered = rows.iter().filter(|row| row.state == ExtractState::Delivered).count();
        assert!(rows.iter().all(|row| row.state != ExtractState::Making), "after {waits} waits: {rows:?}");
        assert_eq!(ward.sealed().len(), delivered, "after {waits} waits");
        assert_eq!(state, if delivered == 1 { "delivered" } else { "approved" }, "after {waits} waits");
        if delivered == 1 {
            let plain = ward.opened(&ward.sealed()[0]);
            assert!(plain.len() > 1000, "after {waits} waits it opens");
        }
        ward.assert_nothing_leaked(&format!("tended after {waits} waits"));
        check_audit::verify(&ward.catalog, None).await.expect("the log holds");
        assert_eq!(extracts::tend(&ward.catalog, &ward.home, ward.now()).await.expect("again"), (0, 0));
        match ended {
            None => kills += 1,
            Some(done) => {
                done.expect("is handed over");
                // How often it waits depends on the machine.
                assert!(kills >= 5, "{kills} kills");
                return;
            }
        }
    }
    panic!("it never ends");
}

async fn revoke(ward: &Ward, number: &str, by: &Actor) {
    let row = permits::show(&ward.catalog, number, by).await.expect("a permit");
    let seen = Seen::Version(permits::version(&row));
    permits::end(&ward.catalog, (number, permits::Ending::Revoke), ("誤って承認した", &seen), by, ward.now())
        .await
        .expect("is revoked");
}

/// Waits for something from a place that cannot wait.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

#[tokio::test(flavor = "multi_thread")]
async fn case_18_revoked_before_the_search_and_after_the_sealing_nothing_is_handed_over() {
    for is_late in [false, true] {
        let ward = Ward::new().await;
        let number = ward.permit_of(&Words { passphrase: true, ..Words::default() }).await;
        let (mut early, mut late) = (!is_late, is_late);
        let mut tell = |_| {
            if std::mem::take(&mut early) {
                wait(revoke(&ward, &number, &ward.doctor));
            }
        };
        let mut at_passphrase = || {
            if std::mem::take(&mut late) {
                wait(revoke(&ward, &number, &ward.doctor));
            }
        };
        let run = ward.run_as(&number, &ward.operator, &mut tell, &mut at_passphrase);
        let error = run.await.expect_err("is revoked");
        assert!(error.is_refusal(), "{error}");
        assert_eq!(ward.state(&number).await, "revoked");
        assert!(ward.sealed().is_empty());
        let rows = ward.catalog.extracts(Some(&number)).await.expect("rows");
        assert_eq!((rows.len(), rows[0].state), (1, ExtractState::Abandoned));
        ward.assert_nothing_leaked("after a revocation");
        check_audit::verify(&ward.catalog, None).await.expect("the log holds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extract_that_somebody_else_cancels_hands_nothing_over_and_may_be_made_again() {
    for is_late in [false, true] {
        let ward = Ward::new().await;
        let words = Words { passphrase: true, ..Words::default() };
        let number = ward.permit(&ward.instructions(&words).await, 3).await;
        let nothing = extracts::cancel(&ward.catalog, &number, (&ward.operator2, ward.now())).await;
        assert!(matches!(&nothing, Err(ExtractError::NotMaking(_))), "{nothing:?}");
        let cancel = || {
            wait(extracts::cancel(&ward.catalog, &number, (&ward.operator2, ward.now()))).map_err(Box::new)
        };
        let (mut early, mut late) = (!is_late, is_late);
        let mut tell = |_| {
            if std::mem::take(&mut early) {
                assert_eq!(cancel().expect("is cancelled"), 1);
            }
        };
        let mut at_passphrase = || {
            if std::mem::take(&mut late) {
                assert_eq!(cancel().expect("is cancelled"), 1);
            }
        };
        let run = ward.run_as(&number, &ward.operator, &mut tell, &mut at_passphrase);
        let error = run.await.expect_err("is cancelled");
        assert!(matches!(&error, ExtractError::Ended(_)) && error.is_refusal(), "{error}");
        assert_eq!((ward.state(&number).await, ward.sealed().len()), ("approved", 0));
        let rows = ward.catalog.extracts(Some(&number)).await.expect("rows");
        assert_eq!((rows[0].state, rows[0].reason.as_deref()), (ExtractState::Abandoned, Some("cancelled")));
        ward.assert_nothing_leaked("after a cancel");
        let by_applicant = extracts::cancel(&ward.catalog, &number, (&ward.applicant, ward.now())).await;
        assert!(matches!(by_applicant, Err(ExtractError::Desk(_))), "{by_applicant:?}");
        ward.run(&number).await.expect("is made again");
        check_audit::verify(&ward.catalog, None).await.expect("the log holds");
    }
}

#[tokio::test]
async fn case_18_of_two_operators_at_once_one_hands_over() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    let (one, other) = tokio::join!(ward.run(&number), ward.run_by(&number, &ward.operator2));
    let (handed, refused): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
    assert_eq!((handed.len(), refused.len()), (1, 1));
    let error = refused.into_iter().next().and_then(Result::err).expect("one is refused");
    assert!(matches!(&error, ExtractError::Busy(_)), "{error}");
    assert_eq!(ward.sealed().len(), 1);
    let rows = ward.catalog.extracts(Some(&number)).await.expect("rows");
    assert_eq!((rows.len(), rows[0].state), (1, ExtractState::Delivered));
}
