//! Killed at every step: a program that is dropped at each of its waits, one after the other, and then started again,
//! ends in the same state as one that never was (K-8, K-25, K-27, K-28).
//!
//! A future that is dropped while it waits is a program that is killed there: everything before the wait has happened,
//! nothing after it has, and what was waited for may have happened or not.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use kura::clock::Clock as _;
use kura::domain::occurrence::OccurrenceState;
use kura::domain::window::WindowKind;
use kura::workflows::start_due_runs::Attempt;
use kura::workflows::{answers, check_audit, schedule, windows};

use crate::push::Push;
use crate::running::Machine;
use crate::windows::{Office, at, terms};

/// Runs a future for so many waits and kills it at the next. `None` if it was killed.
pub(crate) async fn killed_after<T>(waits: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = waits;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// More than any of these needs.
const WAITS_MAX: usize = 2000;

/// Each of these waits at least so often. How often it really does depends on the machine: what another thread has
/// answered before it is asked for is no wait (a run with services: 46 times on one core, 110 on two).
const KILLS_MIN: usize = 5;

#[tokio::test]
async fn a_run_with_services_that_is_killed_at_any_step_ends_as_if_it_had_not_been() {
    let mut kills = 0;
    for waits in 0..WAITS_MAX {
        let machine = Machine::stopping().await;
        let first = killed_after(waits, machine.run_as("first")).await;
        kills += usize::from(first.is_none());
        // The service starts again and looks after what was left.
        machine.tend().await;
        assert!(machine.shop.all_run(), "after {waits} waits services run before anything else begins");
        let state = machine.state().await;
        let second = machine.run_as("second").await;
        machine.tend().await;
        assert!(machine.shop.all_run(), "after {waits} waits: {:?}", machine.shop.log());
        assert!(machine.office.desk.catalog.stopped_services().await.unwrap().is_empty());
        assert_eq!(
            machine.state().await,
            OccurrenceState::Done,
            "after {waits} waits: {state:?}, {second:?}"
        );
        let taken = machine.office.desk.catalog.head("records").await.unwrap().unwrap().sequence;
        assert!((1..=2).contains(&taken), "killed after its snapshot, before its note: taken again");
        check_audit::verify(&machine.office.desk.catalog, None).await.expect("the log holds");
        let told = machine.office.notices().await;
        let is_own = |row: &&kura::catalog::NoticeRow| row.occurrence.as_deref() == Some("w-0001-2027-01-03");
        let own = told.iter().find(is_own).expect("a notice");
        assert_eq!((own.kind.word(), own.status.word(), own.revision), ("completion", "completed", 3));
        if first.is_some() {
            assert!(matches!(first, Some(Attempt::Taken(_))) && kills >= KILLS_MIN, "{kills} kills");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn services_run_again_although_their_start_is_killed_at_any_step() {
    for waits in 0..WAITS_MAX {
        let machine = Machine::stopping().await;
        // Somewhere in the middle: both services are down.
        machine.shop.fail("start", 2);
        drop(machine.run().await);
        assert!(!machine.shop.all_run());
        let ended = killed_after(waits, machine.tend()).await;
        machine.tend().await;
        assert!(machine.shop.all_run(), "after {waits} waits");
        assert!(machine.office.desk.catalog.stopped_services().await.unwrap().is_empty());
        if ended.is_some() {
            assert!(waits >= KILLS_MIN, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn an_approval_that_is_killed_at_any_step_happened_as_a_whole_or_not_at_all() {
    let now = at("2026-11-22", "12:00");
    for waits in 0..WAITS_MAX {
        let office = Office::light().await;
        let monthly = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]);
        let id = windows::request(&office.desk, &monthly, &office.admin, now).await.unwrap();
        let ended = killed_after(waits, windows::approve(&office.desk, &id, None, &office.doctor, now)).await;
        let is_approved = office.desk.catalog.windows().await.unwrap()[0].approval().is_some();
        let log = office.desk.catalog.audit_newest(10).await.unwrap();
        assert_eq!(
            is_approved,
            log.iter().any(|line| line.entry.act == "window.approve"),
            "after {waits} waits"
        );
        if !is_approved {
            windows::approve(&office.desk, &id, None, &office.doctor, now).await.unwrap();
        }
        schedule::refresh(&office.desk, now).await.unwrap();
        let told = office.notices().await;
        assert_eq!((told.len(), told[0].notice.as_str()), (1, "N-2026-0001"), "after {waits} waits");
        let open = office.desk.catalog.occurrences_since(now).await.unwrap();
        assert_eq!(open.len(), 1, "after {waits} waits");
        check_audit::verify(&office.desk.catalog, None).await.expect("the log holds");
        if ended.is_some() {
            assert!(waits >= KILLS_MIN, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn a_push_that_is_killed_at_any_step_arrives_and_counts_once() {
    for waits in 0..WAITS_MAX {
        let push = Push::new(&[200]).await;
        let ended = killed_after(waits, push.after(0)).await;
        for minutes in [1, 2, 10] {
            push.after(minutes).await;
        }
        let ids = push.ids();
        assert!(!ids.is_empty() && ids.len() <= 2, "after {waits} waits: {ids:?}");
        assert!(ids.iter().all(|id| id == "n-2026-0001.1.portal"), "one id, however often it is sent");
        let notice = &push.office.notices().await[0];
        let deliveries = push.office.desk.catalog.deliveries(notice).await.unwrap();
        assert_eq!((deliveries.len(), deliveries[0].state.as_str()), (1, "delivered"), "after {waits} waits");
        check_audit::verify(&push.office.desk.catalog, None).await.expect("the log holds");
        if ended.is_some() {
            assert!(waits >= KILLS_MIN && ids.len() == 1, "{waits}");
            return;
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn a_look_at_the_page_that_is_killed_at_any_step_is_made_good_by_the_next() {
    for waits in 0..WAITS_MAX {
        let machine = Machine::new().await;
        let office = &machine.office;
        office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), machine.clock.now()).await;
        machine.clock.set(at("2026-11-30", "2:00"));
        let ended = killed_after(waits, office.prove(machine.clock.now())).await;
        machine.clock.set(at("2026-11-30", "2:01"));
        office.prove(machine.clock.now()).await;
        assert_eq!(
            office.desk.catalog.proofs("N-2026-0001", 10).await.unwrap().len(),
            1,
            "after {waits} waits"
        );
        assert!(matches!(machine.run().await, Attempt::Taken(_)));
        if ended.is_some() {
            return;
        }
    }
    panic!("it never ends");
}

/// A request of a program with an idempotency key, as the API works on it: reserve, decide and mark, keep the answer.
async fn ask(office: &Office, now: kura::domain::time::Instant) -> Result<String, answers::Verdict> {
    let (catalog, admin) = (&office.desk.catalog, &office.admin);
    let asked = answers::digest("token", "POST", "/api/v1/windows", b"{}");
    let receipt = answers::reserve(catalog, &admin.account, "key", &asked, now).await.expect("a catalog")?;
    let mut desk = office.desk.clone();
    desk.catalog = catalog.with_receipt(&receipt);
    let monthly = terms(WindowKind::Monthly, "monthly first sunday 01:00", &[]);
    let id = windows::request(&desk, &monthly, admin, now).await.expect("a request");
    // A wait of its own: what is asked of the catalog next would happen although the program dies while it waits.
    tokio::task::yield_now().await;
    let answer = answers::Answer { status: 201, location: None, etag: None, body: id.clone() };
    answers::settle(catalog, &receipt, Some(&answer)).await.expect("a catalog");
    Ok(id)
}

#[tokio::test]
async fn a_request_with_a_key_that_is_killed_at_any_step_has_one_effect_when_it_is_sent_again() {
    let now = at("2026-11-22", "12:00");
    for waits in 0..WAITS_MAX {
        let office = Office::light().await;
        let first = killed_after(waits, ask(&office, now)).await;
        let again = ask(&office, now.plus_minutes(1)).await;
        let later = ask(&office, now.plus_minutes(answers::RESERVED_MINUTES + 1)).await;
        let made = office.desk.catalog.windows().await.unwrap();
        assert_eq!(made.len(), 1, "after {waits} waits: {first:?}, {again:?}, {later:?}");
        let id = &made[0].id;
        match (again, later) {
            // It had no effect, and somebody who asks again has it.
            (Ok(found), Err(answers::Verdict::Kept(kept))) => assert_eq!((&found, &kept.body), (id, id)),
            (Err(answers::Verdict::UnderWay), Ok(found)) => assert_eq!(&found, id),
            // It had its effect, and its answer was lost or kept.
            (Err(answers::Verdict::UnderWay), Err(answers::Verdict::Lost(subject))) => {
                assert_eq!(&subject, id);
            }
            (Err(answers::Verdict::Kept(one)), Err(answers::Verdict::Kept(two))) => {
                assert_eq!((&one.body, &two.body), (id, id));
            }
            other => panic!("after {waits} waits: {other:?}"),
        }
        check_audit::verify(&office.desk.catalog, None).await.expect("the log holds");
        if first.is_some() {
            return;
        }
    }
    panic!("it never ends");
}
