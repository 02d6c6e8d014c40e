//! The service: the heart and the pages on one catalog, with the clock and the socket passed in.
//!
//! `kura serve` gives it the machine's clock; tests give it one that they move.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Catalog, Desk, DeskError};
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::domain::time::Instant;
use crate::scheduler::{Heart, Works};
use crate::web::{self, Shared};
use crate::workflows::audit_head;
use crate::workflows::deliver_notices::{self, Target, TargetError};
use crate::workflows::desk::Desks;
use crate::workflows::event_runs::{self, EventRun, Starts};
use crate::workflows::identities::{Entrance, OpenError};
use crate::workflows::start_due_runs::{self, Attempt};
use crate::workflows::under_way::UnderWay;

/// Without a beat for this long the heart has stopped, minutes.
const BEAT_MINUTES_MAX: i64 = 1;

/// After a try to store the head of the audit log, the next one comes no sooner than this, minutes.
const HEAD_PAUSE_MINUTES: i64 = 30;

/// Why the service does not start, or ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The home, the catalog or the host's records.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A portal or a mail server of the settings.
    #[error("kura.toml: {0}")]
    Target(#[from] TargetError),
    /// The identity provider of the settings.
    #[error("[oidc] in kura.toml: {0}")]
    Entrance(#[from] OpenError),
    /// A part of it ended by itself.
    #[error("the service ended badly: {0}")]
    Ended(String),
}

/// What the heart needs, built from the home afresh each time.
struct Program {
    app: App,
    catalog: Catalog,
    targets: Vec<Target>,
    under_way: UnderWay,
    clock: Arc<dyn Clock>,
    /// Runs that were asked for by hand.
    asked: TaskTracker,
    /// When storing the head of the audit log was tried last, microseconds.
    head_tried: AtomicI64,
}

impl Desks for Program {
    fn desk(&self) -> Result<Desk, String> {
        self.app.desk_on(self.catalog.clone()).map_err(|error| error.to_string())
    }
}

impl Works for Program {
    fn run<'a>(&'a self, plan: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.run_plan(plan))
    }

    fn deliver(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.push_notices())
    }
}

impl Starts for Program {
    fn start(self: Arc<Self>, run: EventRun) {
        let asked = self.asked.clone();
        drop(asked.spawn(async move { self.run_event(run).await }));
    }
}

impl Program {
    async fn run_event(&self, run: EventRun) {
        let name = run.plan.as_str();
        let plan = match self.app.plan(name) {
            Ok(plan) => plan,
            Err(error) => return tracing::error!(plan = name, %error, "the plan cannot be read"),
        };
        let host = match self.app.host(None).await {
            Ok(host) => host,
            Err(error) => return tracing::error!(plan = name, %error, "the host or its store cannot be used"),
        };
        let taken = event_runs::take(&host, (&self.catalog, &self.under_way), plan, &run, &*self.clock);
        match Box::pin(taken).await {
            Ok(summary) => {
                tracing::info!(plan = name, snapshot.id = %summary.snapshot, "a snapshot was taken by hand");
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(plan = name, error, "the run that was asked for failed; ask for it again");
            }
        }
    }

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

    async fn run_plan(&self, name: &str) {
        let plan = match self.app.plan(name) {
            Ok(plan) => plan,
            Err(error) => return tracing::error!(plan = name, %error, "the plan cannot be read"),
        };
        let host = match self.app.host(None).await {
            Ok(host) => host,
            Err(error) => return tracing::error!(plan = name, %error, "the host or its store cannot be used"),
        };
        let desk = match self.desk() {
            Ok(desk) => desk,
            Err(error) => return tracing::error!(plan = name, error, "the installation cannot be read"),
        };
        match Box::pin(start_due_runs::run(&desk, &host, &plan, &self.under_way, &*self.clock)).await {
            Attempt::Taken(summary) if summary.is_complete => {
                tracing::info!(plan = name, snapshot.id = %summary.snapshot, "a snapshot was taken");
            }
            Attempt::Taken(summary) => tracing::error!(
                plan = name, snapshot.id = %summary.snapshot, skipped = summary.skipped,
                "a snapshot is partial: something could not be read; its report names it"
            ),
            Attempt::Refused(error) => tracing::error!(plan = name, %error, "the occurrence may not run now"),
            Attempt::Failed(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    plan = name,
                    error,
                    "the run failed; it is tried again while its window lasts"
                );
            }
            Attempt::Elsewhere | Attempt::Nothing => {}
        }
    }
}

/// A service that runs.
pub struct Service {
    /// The heart, for those who do not want to wait for its next beat.
    pub heart: Arc<Heart>,
    /// What its pages share.
    pub shared: Shared,
    catalog: Catalog,
    stop: CancellationToken,
    tasks: TaskTracker,
    asked: TaskTracker,
    beating: JoinHandle<Result<(), String>>,
    answering: JoinHandle<Result<(), String>>,
}

impl Service {
    /// Starts the service of a home on a socket. `base` is its address as readers see it.
    pub async fn start(
        app: &App,
        clock: Arc<dyn Clock>,
        listener: TcpListener,
        base: &str,
    ) -> Result<Self, ServiceError> {
        let catalog = app.desk().await?.catalog;
        let targets = deliver_notices::targets(&app.home.settings()?, base)?;
        let (stop, beat) = (CancellationToken::new(), Arc::new(AtomicI64::new(clock.now().as_micros())));
        let oidc = app.home.settings()?.oidc;
        let entrance = oidc.map(|oidc| Entrance::open(&oidc, base.trim_end_matches('/'))).transpose()?;
        let under_way = UnderWay::default();
        let program = Arc::new(Program {
            app: app.clone(),
            catalog: catalog.clone(),
            targets,
            under_way: under_way.clone(),
            clock: clock.clone(),
            asked: TaskTracker::new(),
            head_tried: AtomicI64::new(i64::MIN),
        });
        let asked = program.asked.clone();
        let shared = Shared {
            home: app.home.clone(),
            desks: program.clone(),
            under_way,
            starts: program.clone(),
            clock: clock.clone(),
            base: base.trim_end_matches('/').into(),
            beat: beat.clone(),
            console: web::Console::new(clock.clone()).with_entrance(entrance),
        };
        let heart = Heart::new(program, clock, beat, stop.clone());
        let tasks = TaskTracker::new();
        let (living, pages) = (heart.clone(), web::serve(listener, shared.clone(), stop.clone()));
        let beating = tasks.spawn(async { living.live().await.map_err(|error| error.to_string()) });
        let answering = tasks.spawn(async { pages.await.map_err(|error| error.to_string()) });
        tasks.close();
        Ok(Self { heart, shared, catalog, stop, tasks, asked, beating, answering })
    }

    /// Whether both parts live and the heart has beaten lately.
    pub fn is_well(&self) -> bool {
        let last = Instant::from_micros(self.shared.beat.load(Ordering::SeqCst));
        self.is_whole() && self.shared.clock.now() < last.plus_minutes(BEAT_MINUTES_MAX)
    }

    /// Whether no part has ended by itself: none must go on alone.
    pub fn is_whole(&self) -> bool {
        self.tasks.len() == 2
    }

    /// Whether there is an account.
    pub async fn has_account(&self) -> Result<bool, ServiceError> {
        let accounts = self.catalog.accounts().await;
        Ok(!accounts.map_err(|error| DeskError::App(error.into()))?.is_empty())
    }

    /// The link for the first account, told this once; none if there is an account. A new one takes the place of the last.
    pub async fn set_up_link(&self) -> Result<Option<String>, ServiceError> {
        if self.has_account().await? {
            return Ok(None);
        }
        let path = self.shared.console.open_set_up(self.shared.clock.now());
        Ok(Some(format!("{}{path}", self.shared.base)))
    }

    /// Ends it: runs under way end first, open answers are given.
    pub async fn stop(self) -> Result<(), ServiceError> {
        self.stop.cancel();
        let ended = (self.answering.await, self.beating.await);
        self.asked.close();
        self.asked.wait().await;
        self.catalog.close().await;
        match ended {
            (Ok(Ok(())), Ok(Ok(()))) => Ok(()),
            (pages, heart) => Err(ServiceError::Ended(format!("{pages:?}, {heart:?}"))),
        }
    }
}
