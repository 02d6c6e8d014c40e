//! `kura serve`: the heartbeat and the public pages, until somebody asks it to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Catalog, Desk};
use crate::clock::Clock as _;
use crate::scheduler::{Heart, Works};
use crate::web::{self, Shared};
use crate::workflows::deliver_notices::{self, Target};
use crate::workflows::desk::Desks;
use crate::workflows::start_due_runs::{self, Attempt};
use crate::workflows::under_way::UnderWay;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{print, tell};

/// How often systemd is told that the service lives.
const WATCHDOG: Duration = Duration::from_secs(10);

/// Run the service.
#[derive(Debug, Args)]
#[command(
    after_help = "Public addresses: /notices /notices.atom /notices.ics /notices.json /api/v1/notices\n\
                  /api/v2/scheduled-maintenances.json /healthz /readyz. Stops on SIGTERM after the runs under way."
)]
pub(super) struct Arguments {
    /// Where to listen; put a proxy with TLS before it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The address that readers use, for links in feeds [default: that of --listen].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// What the heart needs, built from the home afresh each time.
struct Program {
    app: App,
    catalog: Catalog,
    targets: Vec<Target>,
    under_way: UnderWay,
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

impl Program {
    async fn push_notices(&self) {
        let desk = match self.desk() {
            Ok(desk) => desk,
            Err(error) => return tracing::error!(error, "the installation cannot be read"),
        };
        for target in &self.targets {
            if let Err(error) = deliver_notices::deliver(&desk, target, &self.app.clock).await {
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
        match Box::pin(start_due_runs::run(&desk, &host, &plan, &self.under_way, &self.app.clock)).await {
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

/// What asks the service to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Waited for from now on: a signal that comes while the service starts is kept.
    fn catch() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::Failed(format!("cannot wait for signals: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let signals = Signals::catch()?;
    let desk = app.desk().await?;
    let push = app.home.settings()?.push;
    let targets = push.iter().map(Target::open).collect::<Result<Vec<_>, _>>();
    let targets = targets.map_err(|error| Failure::Usage(format!("[[push]] in kura.toml: {error}")))?;
    let catalog = desk.catalog.clone();
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        let message = format!("cannot listen on {}: {error}; choose another with --listen", arguments.listen);
        Failure::Failed(message)
    })?;
    let address = listener.local_addr().map_err(|e| Failure::Failed(format!("cannot listen: {e}")))?;
    let base = arguments.public_url.unwrap_or_else(|| format!("http://{address}"));
    let (stop, beat) = (CancellationToken::new(), Arc::new(AtomicI64::new(app.clock.now().as_micros())));
    let clock = Arc::new(app.clock);
    let under_way = UnderWay::default();
    let program = Arc::new(Program {
        app: app.clone(),
        catalog: catalog.clone(),
        targets,
        under_way: under_way.clone(),
    });
    let shared = Shared {
        home: app.home.clone(),
        desks: program.clone(),
        under_way,
        clock: clock.clone(),
        base: base.trim_end_matches('/').into(),
        beat: beat.clone(),
        console: web::Console::new(clock.clone()),
    };
    let tasks = TaskTracker::new();
    let heart = tasks.spawn(Heart::new(program, clock.clone(), beat, stop.clone()).live());
    let pages = tasks.spawn(web::serve(listener, shared.clone(), stop.clone()));
    if global.json {
        print(&format!("{{\"listening\":\"http://{address}\"}}\n"))?;
    } else {
        print(&format!("Kura listens on http://{address}; notices are on {}/notices\n", shared.base))?;
    }
    if catalog.accounts().await?.is_empty() && !global.quiet {
        // On the terminal only: the log keeps no secret.
        let path = shared.console.open_set_up(clock.now());
        tell(&format!(
            "kura: there is no account yet. Within an hour, open this link once to make the first one:\n      {}{path}\n      \
             (or use `kura account add ID --role ROLE`)",
            shared.base
        ));
    }
    notify(&[sd_notify::NotifyState::Ready]);
    wait_for_the_end(signals, &shared, &stop, &tasks).await;
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.cancel();
    tasks.close();
    let ended = (pages.await, heart.await);
    catalog.close().await;
    match ended {
        (Ok(Ok(())), Ok(Ok(()))) => Ok(Exit::Done),
        (pages, heart) => Err(Failure::Failed(format!("the service ended badly: {pages:?}, {heart:?}"))),
    }
}

/// Waits for SIGTERM or SIGINT, or until a part has ended by itself; keeps systemd's watchdog quiet while the heart beats.
async fn wait_for_the_end(
    mut signals: Signals,
    shared: &Shared,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    let mut ticks = tokio::time::interval(WATCHDOG);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            () = stop.cancelled() => return,
            _ = ticks.tick() => {
                // A part that ended before the stop has failed: the other one must not go on alone.
                if tasks.len() < 2 {
                    return;
                }
                if shared.clock.now() < shared.last_beat().plus_minutes(1) {
                    notify(&[sd_notify::NotifyState::Watchdog]);
                }
            }
        }
    }
}

/// Tells systemd, if there is one.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
