//! The service: the heart and the pages on one catalog, with the clock and the socket passed in.
//!
//! `kura serve` gives it the machine's clock; tests give it one that they move.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, BadPage, Catalog, DeskError, DeskSource, PublicPage};
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::scheduler::Heart;
use crate::web::{self, Shared};
use crate::workflows::deliver_notices::{self, TargetError};
use crate::workflows::identities::{Entrance, OpenError};
use crate::workflows::keep_day::Kept;
use crate::workflows::monitor::FromHere;
use crate::workflows::monitor::beat::OutwardBeat;
use crate::workflows::pulse::Pulse;
use crate::workflows::under_way::UnderWay;

/// What the heart asks for.
mod program;

use program::Program;

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
    /// The address of the public page.
    #[error(transparent)]
    Page(#[from] BadPage),
    /// The identity provider of the settings.
    #[error("[oidc] in kura.toml: {0}")]
    Entrance(#[from] OpenError),
    /// A part of it ended by itself.
    #[error("the service ended badly: {0}")]
    Ended(String),
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
    beating: JoinHandle<Result<(), String>>,
    answering: JoinHandle<Result<(), String>>,
    metrics: Vec<JoinHandle<std::io::Result<()>>>,
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
        let (stop, pulse) = (CancellationToken::new(), Arc::new(Pulse::new(clock.now())));
        let oidc = app.home.settings()?.oidc;
        let entrance = oidc.map(|oidc| Entrance::open(&oidc, base.trim_end_matches('/'))).transpose()?;
        let under_way = UnderWay::default();
        let program = Arc::new(Program {
            app: app.clone(),
            catalog: catalog.clone(),
            source: DeskSource::new(app.clone(), catalog.clone()),
            targets,
            under_way: under_way.clone(),
            page: PublicPage::of_site(base)?,
            clock: clock.clone(),
            waiting: Mutex::default(),
            head_tried: AtomicI64::new(i64::MIN),
            kept: Kept::default(),
            began: clock.now(),
            pulse: pulse.clone(),
            outward: OutwardBeat::default(),
            asker: Arc::new(FromHere),
        });
        let shared = Shared {
            home: app.home.clone(),
            desks: program.clone(),
            benches: program.clone(),
            under_way,
            clock: clock.clone(),
            base: base.trim_end_matches('/').into(),
            pulse: pulse.clone(),
            console: web::Console::new(clock.clone()).with_entrance(entrance),
        };
        let heart = Heart::new(program, clock, pulse, stop.clone());
        let tasks = TaskTracker::new();
        let (living, pages) = (heart.clone(), web::serve(listener, shared.clone(), stop.clone()));
        let beating = tasks.spawn(async { living.live().await.map_err(|error| error.to_string()) });
        let answering = tasks.spawn(async { pages.await.map_err(|error| error.to_string()) });
        tasks.close();
        Ok(Self { heart, shared, catalog, stop, tasks, beating, answering, metrics: Vec::new() })
    }

    /// Answers `/metrics` on a socket of its own.
    pub fn serve_metrics(&mut self, listener: TcpListener) {
        let serving = web::metrics::serve(listener, self.shared.clone(), self.stop.clone());
        self.metrics.push(TaskTracker::new().spawn(serving));
    }

    /// Whether both parts live and the heart has beaten lately.
    pub fn is_well(&self) -> bool {
        self.is_whole() && self.shared.pulse.beats(self.shared.clock.now())
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
        for metrics in self.metrics {
            drop(metrics.await);
        }
        self.catalog.close().await;
        match ended {
            (Ok(Ok(())), Ok(Ok(()))) => Ok(()),
            (pages, heart) => Err(ServiceError::Ended(format!("{pages:?}, {heart:?}"))),
        }
    }
}
