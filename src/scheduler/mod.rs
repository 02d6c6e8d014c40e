//! The heartbeat: on every beat everything is brought up to date and what is due is started.
//!
//! tokio-cron-scheduler beats and knows nothing; what is due is decided in `domain`. Beats never overlap, and a run never
//! holds one up. Nothing here decides; a missed beat costs nothing, because the next one looks at the whole.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::domain::time::Instant;
use crate::workflows::desk::{Desk, Desks};
use crate::workflows::gate;
use crate::workflows::pulse::Pulse;
use crate::workflows::schedule;
use crate::workflows::take_event_snapshot;

/// A beat every five seconds.
const BEATS: &str = "*/5 * * * * *";
/// After a refusal or a failure the occurrence is looked at again after this long, minutes.
const PAUSE_MINUTES: i64 = 10;
/// How often the catalog is proved writable, minutes.
const CHECK_MINUTES: i64 = 1;
/// While it waits for persons, after this long.
const WAIT_MINUTES: i64 = 1;

/// What a beat needs from the program: things that are read afresh each time, and a run in its own task.
pub trait Works: Desks + 'static {
    /// Runs the plan of an occurrence that has come, to its end.
    fn run<'a>(&'a self, plan: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
    /// Pushes notices that portals have not taken yet.
    fn deliver(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    /// Takes a snapshot that somebody asked for. `false` if it has to wait for another run of the plan.
    fn run_event<'a>(&'a self, _request: &'a str) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async { true })
    }
    /// Looks after what no run does: proofs, services that were left stopped, alarms.
    fn tend(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
    /// Whether the run of a plan waits for persons, so that it is looked at again soon. Takes no time.
    fn is_waiting(&self, _plan: &str) -> bool {
        false
    }
    /// Asks what is monitored and due.
    fn monitor(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
    /// Does what is done once a day: deletes what is past its time, proves that the rest is there.
    fn keep(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
    /// Stops runs whose time is over. Takes no time.
    fn watch(&self, _now: Instant) {}
}

/// The heart.
pub struct Heart {
    works: Arc<dyn Works>,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    stop: CancellationToken,
    runs: TaskTracker,
    /// When the catalog was proved writable last, microseconds.
    checked: AtomicI64,
    is_beating: tokio::sync::Mutex<()>,
    is_delivering: Arc<tokio::sync::Mutex<()>>,
    is_tending: Arc<tokio::sync::Mutex<()>>,
    is_monitoring: Arc<tokio::sync::Mutex<()>>,
    is_keeping: Arc<tokio::sync::Mutex<()>>,
    /// Plans that run, or pause after a try, with the instant from which they may be tried again, and
    /// whether a break-glass let that try through.
    pauses: Mutex<BTreeMap<String, Option<(Instant, bool)>>>,
}

impl Heart {
    /// A heart that notes its beats in `pulse` and stops with `stop`.
    pub fn new(
        works: Arc<dyn Works>,
        clock: Arc<dyn Clock>,
        pulse: Arc<Pulse>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            works,
            clock,
            pulse,
            checked: AtomicI64::new(i64::MIN),
            stop,
            runs: TaskTracker::new(),
            is_beating: tokio::sync::Mutex::new(()),
            is_delivering: Arc::default(),
            is_tending: Arc::default(),
            is_monitoring: Arc::default(),
            is_keeping: Arc::default(),
            pauses: Mutex::new(BTreeMap::new()),
        })
    }

    /// One beat. Skipped while another one is under way, or after the stop.
    pub async fn beat(self: &Arc<Self>) {
        let Ok(_guard) = self.is_beating.try_lock() else { return };
        if self.stop.is_cancelled() {
            return;
        }
        let now = self.clock.now();
        // Also where the installation cannot be read: a deadline is a deadline.
        self.works.watch(now);
        let worked = match self.works.desk() {
            Ok(desk) => self.work(&desk, now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &worked {
            tracing::error!(error, "the scheduler could not bring everything up to date; it tries again");
        }
        self.pulse.note(self.clock.now(), worked.is_ok());
    }

    async fn work(self: &Arc<Self>, desk: &Desk, now: Instant) -> Result<(), String> {
        // First of all: what this program runs is alive.
        gate::keep_leases(desk, now).await.map_err(|error| error.to_string())?;
        self.check_catalog(desk, now).await?;
        let refreshed = schedule::refresh(desk, now).await.map_err(|error| error.to_string())?;
        if refreshed.steps > 0 {
            tracing::info!(
                steps = refreshed.steps,
                "windows, occurrences and notices were brought up to date"
            );
        }
        // A slow portal holds up neither the heart nor a run.
        if let Ok(guard) = self.is_delivering.clone().try_lock_owned() {
            let works = self.works.clone();
            self.runs.spawn(async move {
                works.deliver().await;
                drop(guard);
            });
        }
        if let Ok(guard) = self.is_tending.clone().try_lock_owned() {
            let works = self.works.clone();
            self.runs.spawn(async move {
                works.tend().await;
                drop(guard);
            });
        }
        if let Ok(guard) = self.is_monitoring.clone().try_lock_owned() {
            let works = self.works.clone();
            self.runs.spawn(async move {
                works.monitor().await;
                drop(guard);
            });
        }
        if let Ok(guard) = self.is_keeping.clone().try_lock_owned() {
            let works = self.works.clone();
            self.runs.spawn(async move {
                works.keep().await;
                drop(guard);
            });
        }
        self.start_occurrences(desk, now).await?;
        self.start_events(desk, now).await
    }

    /// Proves now and then that decisions can be written: most beats only read, and would go on in a file that nobody will
    /// open again, or on a full disk.
    async fn check_catalog(&self, desk: &Desk, now: Instant) -> Result<(), String> {
        let checked = Instant::from_micros(self.checked.load(Ordering::SeqCst));
        if checked <= now && now < checked.plus_minutes(CHECK_MINUTES) {
            return Ok(());
        }
        desk.catalog.prove_writable().await.map_err(|error| error.to_string())?;
        self.checked.store(now.as_micros(), Ordering::SeqCst);
        Ok(())
    }

    async fn start_occurrences(self: &Arc<Self>, desk: &Desk, now: Instant) -> Result<(), String> {
        for (plan, occurrence) in gate::due(desk, now).await.map_err(|error| error.to_string())? {
            let plan = plan.to_string();
            let is_let_through = occurrence.break_glass.is_some();
            if !self.may_start(&plan, is_let_through, now) {
                continue;
            }
            tracing::info!(occurrence.id, plan, "an occurrence has come");
            let heart = self.clone();
            self.runs.spawn(async move {
                heart.works.run(&plan).await;
                let pause = if heart.works.is_waiting(&plan) { WAIT_MINUTES } else { PAUSE_MINUTES };
                let again = heart.clock.now().plus_minutes(pause);
                let pause = Some((again, is_let_through));
                heart.pauses.lock().unwrap_or_else(PoisonError::into_inner).insert(plan, pause);
            });
        }
        Ok(())
    }

    async fn start_events(self: &Arc<Self>, desk: &Desk, now: Instant) -> Result<(), String> {
        for request in take_event_snapshot::open(desk).await.map_err(|error| error.to_string())? {
            if !self.may_start(&request.plan, false, now) {
                continue;
            }
            tracing::info!(request.id = request.request, plan = request.plan, "a snapshot was asked for");
            let heart = self.clone();
            self.runs.spawn(async move {
                let is_over = heart.works.run_event(&request.request).await;
                // A window that opens meanwhile must not wait for long.
                let again = heart.clock.now().plus_minutes(i64::from(!is_over));
                let pause = Some((again, false));
                heart.pauses.lock().unwrap_or_else(PoisonError::into_inner).insert(request.plan, pause);
            });
        }
        Ok(())
    }

    /// Whether a plan neither runs nor pauses; if so, it counts as running. A break-glass that came after the last try ends
    /// the pause: whoever broke the glass must not wait for it, and the window may end before.
    fn may_start(&self, plan: &str, is_let_through: bool, now: Instant) -> bool {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let may = match pauses.get(plan) {
            None => true,
            Some(None) => false,
            Some(Some((again, was_let_through))) => *again <= now || (is_let_through && !was_let_through),
        };
        if may {
            pauses.insert(plan.to_owned(), None);
        }
        may
    }

    /// Beats until the stop, then waits until every run has ended.
    pub async fn live(self: Arc<Self>) -> Result<(), JobSchedulerError> {
        self.beat().await;
        let mut ticker = JobScheduler::new().await?;
        let heart = self.clone();
        let job = Job::new_async(BEATS, move |_, _| {
            let heart = heart.clone();
            Box::pin(async move { heart.beat().await })
        })?;
        ticker.add(job).await?;
        ticker.start().await?;
        self.stop.cancelled().await;
        ticker.shutdown().await?;
        self.settle().await;
        Ok(())
    }

    /// Waits until every run that was started has ended.
    pub async fn settle(&self) {
        self.runs.close();
        self.runs.wait().await;
        self.runs.reopen();
    }
}
