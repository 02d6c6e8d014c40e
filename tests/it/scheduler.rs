//! The heartbeat on a clock that is moved by hand: what is due is started once, and a stop waits for runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use kura::clock::{Clock as _, ManualClock};
use kura::domain::window::WindowKind;
use kura::scheduler::{Heart, Works};
use kura::workflows::desk::{Desk, Desks};
use kura::workflows::gate::{self, Entry};
use kura::workflows::prove_notices;
use kura::workflows::pulse::Pulse;
use tokio_util::sync::CancellationToken;

use crate::windows::{Office, Showing, at, plan, terms, tokyo};

/// A program whose snapshots take no time, or fail.
struct Runs {
    desk: Desk,
    clock: Arc<ManualClock>,
    taken: Mutex<Vec<String>>,
    fails: Mutex<u32>,
}

impl Desks for Runs {
    fn desk(&self) -> Result<Desk, String> {
        Ok(self.desk.clone())
    }
}

impl Works for Runs {
    fn deliver(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }

    fn run<'a>(&'a self, _plan: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async {
            let page = Showing(self.desk.clone());
            prove_notices::prove(&self.desk, &page, self.clock.now()).await.expect("the catalog answers");
            let Ok(Entry::Occurrence(occurrence, _)) =
                gate::enter(&self.desk, &plan(), &tokyo(), self.clock.now()).await
            else {
                return;
            };
            let is_good = {
                let mut fails = self.fails.lock().expect("no panic");
                let is_good = *fails == 0;
                *fails = fails.saturating_sub(1);
                is_good
            };
            if is_good {
                self.taken.lock().expect("no panic").push(occurrence.id.clone());
            }
            gate::leave(&self.desk, &occurrence, is_good, self.clock.now()).await.expect("the end is noted");
        })
    }
}

#[tokio::test]
async fn each_occurrence_is_run_once_and_a_failure_is_tried_again_in_its_window() {
    let (office, start) = (Office::new().await, at("2026-11-22", "12:00"));
    office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), start).await;
    let clock = Arc::new(ManualClock::new(start));
    let works = Arc::new(Runs {
        desk: office.desk.clone(),
        clock: clock.clone(),
        taken: Mutex::new(Vec::new()),
        fails: Mutex::new(2),
    });
    let (pulse, stop) = (Arc::new(Pulse::new(start)), CancellationToken::new());
    let heart = Heart::new(works.clone(), clock.clone(), pulse.clone(), stop.clone());
    for quarter in 0..12 * 24 * 4 {
        clock.set(start.plus_minutes(quarter * 15));
        heart.beat().await;
        heart.settle().await;
    }
    stop.cancel();
    heart.clone().live().await.expect("runs have ended");
    let taken = works.taken.lock().expect("no panic").clone();
    let expected = ["2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04"];
    assert_eq!(
        taken,
        expected.map(|day| format!("w-0001-{day}")),
        "two failures on the first day were made good"
    );
    assert!(pulse.last_beat() > start && pulse.last_work() > start);
}
