//! `kura serve`: the heartbeat and the public pages, until somebody asks it to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::service::{Service, ServiceError};

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

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Desk(error) => error.into(),
            ServiceError::Config(error) => error.into(),
            ServiceError::Target(_) | ServiceError::Entrance(_) => Self::Usage(error.to_string()),
            ServiceError::Ended(_) => Self::Failed(error.to_string()),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let signals = Signals::catch()?;
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        let message = format!("cannot listen on {}: {error}; choose another with --listen", arguments.listen);
        Failure::Failed(message)
    })?;
    let address = listener.local_addr().map_err(|e| Failure::Failed(format!("cannot listen: {e}")))?;
    let base = arguments.public_url.unwrap_or_else(|| format!("http://{address}"));
    let service = Service::start(app, Arc::new(app.clock), listener, &base).await?;
    if global.json {
        print(&format!("{{\"listening\":\"http://{address}\"}}\n"))?;
    } else {
        print(&format!(
            "Kura listens on http://{address}; notices are on {}/notices\n",
            service.shared.base
        ))?;
    }
    // On the terminal only: the log keeps no secret.
    if let Some(link) = service.set_up_link().await?.filter(|_| !global.quiet) {
        tell(&format!(
            "kura: there is no account yet. Open this link within an hour to make the first one; it counts once:
      \
             {link}
      (or use `kura account add ID --role ROLE`)"
        ));
    }
    notify(&[sd_notify::NotifyState::Ready]);
    wait_for_the_end(signals, &service).await;
    notify(&[sd_notify::NotifyState::Stopping]);
    service.stop().await?;
    Ok(Exit::Done)
}

/// Waits for SIGTERM or SIGINT, or until a part has ended by itself; keeps systemd's watchdog quiet while the heart beats.
async fn wait_for_the_end(mut signals: Signals, service: &Service) {
    let mut ticks = tokio::time::interval(WATCHDOG);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = ticks.tick() => {
                if !service.is_whole() {
                    return;
                }
                if service.is_well() {
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
