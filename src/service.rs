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
use crate::workflows::deliver_notices::{self, Target, TargetError};
use crate::workflows::desk::Desks;
use crate::workflows::event_runs::{self, EventRun, Starts};
use crate::workflows::start_due_runs::{self, Attempt};
use crate::workflows::under_way::UnderWay;

/// Without a beat for this long the heart has stopped, minutes.
const BEAT_MINUTES_MAX: i64 = 1;

/// Why the service does not start, or ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The home, the catalog or the host's records.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A portal of the settings.
    #[error("[[push]] in kura.toml: {0}")]
    Target(#[from] TargetError),
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
        let push = app.home.settings()?.push;
        let targets = push.iter().map(Target::open).collect::<Result<Vec<_>, _>>()?;
        let (stop, beat) = (CancellationToken::new(), Arc::new(AtomicI64::new(clock.now().as_micros())));
        let under_way = UnderWay::default();
        let program = Arc::new(Program {
            app: app.clone(),
            catalog: catalog.clone(),
            targets,
            under_way: under_way.clone(),
            clock: clock.clone(),
            asked: TaskTracker::new(),
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
