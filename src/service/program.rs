//! What the heart of the service asks for: runs, notices, looking after what was left, the work of each day.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::app::{App, Catalog, Desk, DeskSource, Host, HostCommands, PublicPage};
use crate::clock::Clock;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::scheduler::Works;
use crate::workflows::audit_head;
use crate::workflows::causes::with_causes;
use crate::workflows::deliver_notices::{self, Target};
use crate::workflows::desk::Desks;
use crate::workflows::expire::{Bench, Benches};
use crate::workflows::keep_day::{self, Kept};
use crate::workflows::monitor::Asker;
use crate::workflows::monitor::beat::{OutwardBeat, Told};
use crate::workflows::pulse::Pulse;
use crate::workflows::start_due_runs::{self, Attempt, Runner};
use crate::workflows::under_way::UnderWay;
use crate::workflows::{
    alarms, extracts, incidents, monitor, notice_ends, own, permits, prove_notices, replica, services,
    take_event_snapshot,
};

/// How often a plan's lock is asked for, and how long is waited in between.
const LOCK_TRIES_MAX: u32 = 15;
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// After a try to store the head of the audit log, the next one comes no sooner than this, minutes.
const HEAD_PAUSE_MINUTES: i64 = 30;

/// What the heart needs, built from the home afresh each time.
pub(super) struct Program {
    pub(super) app: App,
    pub(super) catalog: Catalog,
    pub(super) source: DeskSource,
    pub(super) targets: Vec<Target>,
    pub(super) under_way: UnderWay,
    pub(super) page: PublicPage,
    pub(super) clock: Arc<dyn Clock>,
    /// The plans whose run waits for persons.
    pub(super) waiting: Mutex<BTreeSet<String>>,
    /// When storing the head of the audit log was tried last, microseconds.
    pub(super) head_tried: AtomicI64,
    pub(super) kept: Kept,
    /// Since when this program runs.
    pub(super) began: Instant,
    pub(super) pulse: Arc<Pulse>,
    /// Who is told that it lives, and when.
    pub(super) outward: OutwardBeat,
    /// Who asks what is monitored.
    pub(super) asker: Arc<dyn Asker>,
}

impl Desks for Program {
    fn desk(&self) -> Result<Desk, String> {
        let mut desk = self.source.desk().map_err(|error| error.to_string())?;
        desk.monitoring.began = Some(self.began);
        Ok(desk)
    }
}

#[async_trait]
impl Benches for Program {
    async fn bench(&self) -> Result<Bench, String> {
        self.app.bench(&self.desk()?).await.map_err(|error| with_causes(&error))
    }
}

impl Works for Program {
    fn run<'a>(&'a self, plan: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.run_plan(plan))
    }

    fn deliver(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.push_notices())
    }

    fn run_event<'a>(&'a self, request: &'a str) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(self.run_request(request))
    }

    fn tend(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.look_after())
    }

    fn monitor(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.ask_targets())
    }

    fn is_waiting(&self, plan: &str) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).contains(plan)
    }

    fn keep(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.keep_day())
    }

    fn watch(&self, now: Instant) {
        self.under_way.stop_due(now);
    }
}

impl Program {
    async fn push_notices(&self) {
        let desk = match self.desk() {
            Ok(desk) => desk,
            Err(error) => return tracing::error!(error, "the installation cannot be read"),
        };
        for target in &self.targets {
            if let Err(error) = deliver_notices::deliver(&desk, target, &*self.clock).await {
                tracing::error!(%error, "notices could not be pushed; it is tried again");
            }
        }
        if let Err(error) = permits::reminders::deliver(&desk, &*self.clock).await {
            tracing::error!(%error, "reminders of permits could not be sent");
        }
        if let Err(error) = incidents::mails::deliver(&desk, &*self.clock).await {
            tracing::error!(%error, "mails of incidents could not be sent; it is tried again");
        }
        self.store_audit_head().await;
    }

    /// Once a day: how far the audit log is, to where this host cannot change it.
    async fn store_audit_head(&self) {
        let now = self.clock.now();
        let tried = Instant::from_micros(self.head_tried.load(Ordering::SeqCst));
        if now < tried.plus_minutes(HEAD_PAUSE_MINUTES) {
            return;
        }
        match audit_head::is_due(&self.catalog, now).await {
            Ok(false) => return,
            Ok(true) => self.head_tried.store(now.as_micros(), Ordering::SeqCst),
            Err(error) => return tracing::error!(%error, "the audit log cannot be read"),
        }
        let host = match self.app.host(None).await {
            Ok(host) => host,
            Err(error) => return tracing::error!(%error, "the host or its store cannot be used"),
        };
        match audit_head::write(&host, &self.catalog, &*self.clock).await {
            Ok(_) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the head of the audit log could not be stored; it is tried again");
            }
        }
    }

    async fn look_after(&self) {
        let desk = match self.desk() {
            Ok(desk) => desk,
            Err(error) => return tracing::error!(error, "the installation cannot be read"),
        };
        // Services first: users wait for them.
        if let Err(error) = services::start_left(&desk, &self.app.home, &HostCommands, &*self.clock).await {
            tracing::error!(%error, "services that were left stopped could not be looked after");
        }
        if let Err(error) = notice_ends::tell(&desk, self.clock.now()).await {
            tracing::error!(%error, "the end of work could not be told");
        }
        self.prove(&desk).await;
        if let Err(error) = permits::expire(&desk.catalog, self.clock.now()).await {
            tracing::error!(%error, "permits whose time is over could not be ended");
        }
        if let Err(error) = permits::reminders::queue(&desk, self.clock.now()).await {
            tracing::error!(%error, "reminders of permits could not be queued");
        }
        if let Err(error) = extracts::tend(&desk.catalog, &self.app.home, self.clock.now()).await {
            tracing::error!(code = error.code(), "extracts that ended halfway could not be given up");
        }
        if let Err(error) = alarms::refresh(&desk, self.clock.now()).await {
            tracing::error!(%error, "alarms could not be brought up to date");
        }
        if let Err(error) = incidents::tend::refresh(&desk, self.clock.now()).await {
            tracing::error!(%error, "incidents could not be brought up to date");
        }
    }

    /// Asks what is monitored, looks through logs, tells outside that Kura lives.
    async fn ask_targets(&self) {
        let settings = self.app.home.settings().ok().and_then(|settings| settings.heartbeat);
        match self.outward.tell(settings.as_ref(), &self.pulse, self.clock.now()).await {
            Ok(Told::NotTaken) => tracing::warn!("nobody took the heartbeat; it is tried again"),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the heartbeat cannot be sent: url_file of [heartbeat]"),
        }
        let desk = match self.desk() {
            Ok(desk) => desk,
            Err(error) => return tracing::error!(error, "the installation cannot be read"),
        };
        if let Err(error) = monitor::refresh(&desk, &self.asker, &*self.clock).await {
            tracing::error!(%error, "what came of monitoring could not be noted");
        }
        if let Err(error) = monitor::logs::refresh(&desk, &*self.clock).await {
            tracing::error!(%error, "what was counted in access logs could not be noted");
        }
    }

    /// Once a day: delete what is past its time, prove that the rest is there.
    async fn keep_day(&self) {
        let now = self.clock.now();
        match keep_day::is_due(&self.catalog, &self.kept, now).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => return tracing::error!(%error, "the catalog cannot be read"),
        }
        let plans: Result<Vec<Plan>, _> =
            self.app.plan_names().iter().map(|name| self.app.plan(name)).collect();
        let (plans, desk, host) = match (plans, self.desk(), self.app.host(None).await) {
            (Ok(plans), Ok(desk), Ok(host)) => (plans, desk, host),
            (plans, desk, host) => {
                let (plans, desk, host) = (plans.err(), desk.err(), host.err());
                return tracing::error!(?plans, ?desk, ?host, "deletion and proof cannot begin");
            }
        };
        let has_plans = !plans.is_empty();
        Box::pin(keep_day::keep(host, (&desk, plans), &*self.clock)).await;
        if has_plans {
            self.keep_own().await;
        }
    }

    /// Kura's own records, after the day's work, so that today's evidence is in them.
    async fn keep_own(&self) {
        // A run reads on threads of the runtime; the service always has several, and only a test may have one.
        if tokio::runtime::Handle::current().runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread
        {
            return;
        }
        let (desk, plan, host) = match self.parts(own::PLAN).await {
            Ok(parts) => parts,
            Err(error) => return tracing::error!(plan = own::PLAN, error, "Kura's own records are not kept"),
        };
        match Box::pin(own::keep((&host, &desk), &plan, &*self.clock)).await {
            Ok(None) => {}
            Ok(Some(summary)) => {
                tracing::info!(plan = own::PLAN, snapshot.id = %summary.snapshot, "Kura's own records were kept");
                Box::pin(replica::keep_up(&host, self.clock.now())).await;
            }
            Err(error) => {
                tracing::error!(
                    plan = own::PLAN,
                    error = with_causes(&error),
                    "Kura's own records are not kept"
                );
            }
        }
    }

    async fn prove(&self, desk: &Desk) {
        if let Err(error) = prove_notices::prove(desk, &self.page, self.clock.now()).await {
            tracing::error!(%error, "the public page could not be looked at");
        }
    }

    /// What a run of a plan needs, read afresh.
    async fn parts(&self, name: &str) -> Result<(Desk, Plan, Host), String> {
        let plan = self.app.plan(name).map_err(|error| format!("the plan cannot be read: {error}"))?;
        let host = self.app.host(None).await;
        let host = host.map_err(|error| format!("the host or its store cannot be used: {error}"))?;
        let host = host.in_background();
        Ok((self.desk()?, plan, host))
    }

    async fn run_plan(&self, name: &str) {
        let (desk, plan, host) = match self.parts(name).await {
            Ok(parts) => parts,
            Err(error) => {
                self.note_waiting(name, false);
                return tracing::error!(plan = name, error, "a run cannot begin");
            }
        };
        // After a restart the proof may be missing although the page is there.
        self.prove(&desk).await;
        let (desk, plan, host, clock) = (&desk, &plan, &host, &*self.clock);
        let on_host = start_due_runs::OnHost { host, desk, plan, clock, reread: false, reason: None };
        for again in (0..LOCK_TRIES_MAX).rev() {
            let runner = Runner {
                desk,
                home: &self.app.home,
                hooks: &HostCommands,
                under_way: &self.under_way,
                progress: &Arc::default(),
                clock,
                is_asked: false,
            };
            let attempt = Box::pin(start_due_runs::run(runner, &on_host, plan.name(), plan.zone())).await;
            tell_of(name, &attempt);
            self.note_waiting(name, matches!(attempt, Attempt::Waiting(..)));
            if matches!(attempt, Attempt::Taken(_)) {
                // Services run again: users do not wait for the second store.
                Box::pin(replica::keep_up(host, clock.now())).await;
            }
            // Services that were left stopped are just being started: that takes a moment, and the window is short.
            if again == 0 || !matches!(attempt, Attempt::Elsewhere) {
                return;
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    }

    fn note_waiting(&self, plan: &str, is_waiting: bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if is_waiting {
            waiting.insert(plan.to_owned());
        } else {
            waiting.remove(plan);
        }
    }

    async fn run_request(&self, id: &str) -> bool {
        let open = match self.desk() {
            Ok(desk) => take_event_snapshot::open(&desk).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let found = open.map(|open| open.into_iter().find(|request| request.request == id));
        let parts = match found {
            Ok(Some(request)) => self.parts(&request.plan).await,
            Ok(None) => return true,
            Err(error) => Err(error),
        };
        let (desk, plan, host) = match parts {
            Ok(parts) => parts,
            Err(error) => {
                tracing::error!(request.id = id, error, "a snapshot that was asked for cannot begin");
                return false;
            }
        };
        let on_host =
            take_event_snapshot::OnHost { host: &host, desk: &desk, plan: &plan, clock: &*self.clock };
        let at = (&desk, &self.app.home);
        match Box::pin(take_event_snapshot::run(at, &on_host, id, &self.under_way, &*self.clock)).await {
            Ok(is_over) => {
                if is_over {
                    Box::pin(replica::keep_up(&host, self.clock.now())).await;
                }
                is_over
            }
            Err(error) => {
                tracing::error!(request.id = id, %error, "a snapshot that was asked for failed");
                false
            }
        }
    }
}

fn tell_of(plan: &str, attempt: &Attempt) {
    match attempt {
        Attempt::Taken(summary) if summary.is_complete => {
            tracing::info!(plan, snapshot.id = %summary.snapshot, "a snapshot was taken");
        }
        Attempt::Taken(summary) => tracing::error!(
            plan, snapshot.id = %summary.snapshot, skipped = summary.skipped,
            "a snapshot is partial: something could not be read; its report names it"
        ),
        Attempt::Refused(error) => tracing::error!(plan, %error, "the occurrence may not run now"),
        Attempt::NotStopped(_) => tracing::error!(
            plan,
            "the run did not begin, because a service did not stop; what had stopped was started again"
        ),
        Attempt::Failed(error) => {
            let error: &dyn std::error::Error = error;
            tracing::error!(plan, error, "the run failed; it is tried again while its window lasts");
        }
        Attempt::Waiting(services, until) => tracing::warn!(
            plan, services = services.len(), %until,
            "the run waits until somebody confirms that services were stopped by hand"
        ),
        Attempt::NotConfirmed(services) => tracing::error!(
            plan,
            services = services.len(),
            "the occurrence was refused: nobody confirmed in time that services were stopped by hand"
        ),
        Attempt::Elsewhere | Attempt::Nothing => {}
    }
}
