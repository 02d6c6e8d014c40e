//! Starting the runs whose occurrence has come: each once, in its window, if the gate lets it through.
//!
//! Order of effects: the lock of the place, what persons stop and confirm, the lease with 開始, each service's row and
//! then its stop, the snapshot, each service's start and then its row, the end of the occurrence with 終了. A crash
//! between any two leaves rows that say what is still to be done: services are started again (`services::start_left`),
//! the occurrence may be run again.

use std::sync::Arc;

use async_trait::async_trait;

use crate::archive::progress::Progress;
use crate::clock::Clock;
use crate::config::Home;
use crate::domain::occurrence::Occurrence;
use crate::domain::plan::{Plan, PlanName};
use crate::domain::service::stops_at;
use crate::domain::time::{Instant, Zone};
use crate::domain::window::{Window, WindowKind};
use crate::hooks::Hooks;

use super::desk::{Desk, DeskError};
use super::gate::{self, Ending, GateError, Why};
use super::hand_stops::{self, Readiness};
use super::host::Host;
use super::occurrence_lock::OccurrenceLock;
use super::services::{self, StopError};
use super::take_snapshot::{self, Request, SnapshotError, Summary};
use super::under_way::UnderWay;

/// How an attempt at a due occurrence ended.
#[derive(Debug)]
pub enum Attempt {
    /// A snapshot was taken.
    Taken(Summary),
    /// A rule refused it, or the catalog failed.
    Refused(GateError),
    /// The run failed; the occurrence may be tried again while it lasts.
    Failed(SnapshotError),
    /// A service could not be stopped: the run did not begin, and what had stopped was started again.
    NotStopped(StopError),
    /// Persons have to stop these services first, and to confirm it until then.
    Waiting(Vec<String>, Instant),
    /// Persons did not confirm in time that these services stopped: the occurrence is refused.
    NotConfirmed(Vec<String>),
    /// Another program runs this plan already.
    Elsewhere,
    /// There was nothing to do.
    Nothing,
}

/// What a run needs beside its plan.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    /// What decisions look at.
    pub desk: &'a Desk,
    /// Where the lock is.
    pub home: &'a Home,
    /// Stops and starts services.
    pub hooks: &'a dyn Hooks,
    /// The runs that people watch.
    pub under_way: &'a UnderWay,
    /// How far the run is.
    pub progress: &'a Arc<Progress>,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Whether somebody asks for it now, and is told why there is nothing to run; else nothing is done then.
    pub is_asked: bool,
}

/// Whatever takes the snapshot of a plan.
#[async_trait]
pub trait TakesSnapshots: Send + Sync {
    /// Takes one in a window of this kind; ends at the next safe point once `progress` is asked to stop.
    async fn take(&self, kind: WindowKind, progress: &Arc<Progress>) -> Result<Summary, SnapshotError>;
}

/// The backup host takes it.
pub struct OnHost<'a> {
    /// What the host holds.
    pub host: &'a Host,
    /// What decisions look at.
    pub desk: &'a Desk,
    /// The plan.
    pub plan: &'a Plan,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Read every file again in any window.
    pub reread: bool,
    /// In the administrator's words.
    pub reason: Option<String>,
}

#[async_trait]
impl TakesSnapshots for OnHost<'_> {
    async fn take(&self, kind: WindowKind, progress: &Arc<Progress>) -> Result<Summary, SnapshotError> {
        let request = Request {
            plan: self.plan.clone(),
            event: event_of(kind).to_owned(),
            reason: self.reason.clone(),
            // The monthly run reads everything again (第21条①).
            reread: self.reread || kind == WindowKind::Monthly,
        };
        let catalog = &self.desk.catalog;
        Box::pin(take_snapshot::take_snapshot(self.host, catalog, &request, self.clock, progress)).await
    }
}

/// What a snapshot in a window of a kind is called.
pub const fn event_of(kind: WindowKind) -> &'static str {
    match kind {
        WindowKind::Monthly => "monthly",
        WindowKind::Maintenance => "maintenance",
        WindowKind::Daily | WindowKind::PowerInspection => "daily",
    }
}

/// Runs a plan whose occurrence has come.
pub async fn run(
    runner: Runner<'_>,
    snapshots: &dyn TakesSnapshots,
    plan: &PlanName,
    zone: &Zone,
) -> Attempt {
    match attempt(runner, snapshots, plan, zone).await {
        Ok(attempt) => attempt,
        Err(GateError::Elsewhere(_)) => Attempt::Elsewhere,
        Err(error) => Attempt::Refused(error),
    }
}

async fn attempt(
    runner: Runner<'_>,
    snapshots: &dyn TakesSnapshots,
    plan: &PlanName,
    zone: &Zone,
) -> Result<Attempt, GateError> {
    let lock = OccurrenceLock::take(runner.home, plan).map_err(|error| DeskError::Lock(error.to_string()))?;
    let Some(lock) = lock else { return Ok(Attempt::Elsewhere) };
    let mut desk = runner.desk.clone();
    desk.holder.place.clone_from(&lock.place);
    // Nobody else is alive here: what a dead program held is free.
    desk.catalog.expire_leases(&lock.place, plan.as_str()).await?;
    let now = runner.clock.now();
    if !runner.is_asked && !gate::due(&desk, now).await?.iter().any(|(due, _)| due == plan) {
        // Another program was faster, and has ended already.
        return Ok(Attempt::Nothing);
    }
    let (window, occurrence) = match gate::admit(&desk, plan, zone, now).await {
        Ok(Some(admitted)) => admitted,
        Ok(None) => return Ok(Attempt::Nothing),
        Err(error @ GateError::Refused { .. }) => {
            // What a person stopped for a run that may not begin any more is started again.
            hand_stops::give_up(&desk, plan, now).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    // Persons first: nothing is stopped in vain while nobody is there.
    match hand_stops::ready(&desk, (&window, &occurrence), now).await? {
        Readiness::Ready => {}
        Readiness::Wait(names, until) => return Ok(Attempt::Waiting(names, until)),
        Readiness::Ask(names) | Readiness::Late(names) => return Ok(Attempt::NotConfirmed(names)),
    }
    gate::begin(&desk, &window, &occurrence, now).await?;
    let window = &window;
    let inner = Runner { desk: &desk, ..runner };
    let progress = runner.progress;
    if let Some(limit) = stops_at(&window.terms, occurrence.span, &desk.services, desk.on_deadline) {
        progress.stop_from(limit);
        progress.stop_if_due(runner.clock.now());
    }
    runner.under_way.begin(plan, progress);
    let ended = in_window(inner, snapshots, window, &occurrence).await;
    runner.under_way.end(plan);
    drop(lock);
    ended
}

/// Stops services, takes the snapshot, starts services, notes the end.
async fn in_window(
    runner: Runner<'_>,
    snapshots: &dyn TakesSnapshots,
    window: &Window,
    occurrence: &Occurrence,
) -> Result<Attempt, GateError> {
    let Runner { desk, hooks, progress, clock, .. } = runner;
    let stopped = services::stop_all(desk, hooks, window, occurrence, clock).await;
    let taken = match &stopped {
        Ok(()) if progress.is_stopped() => Some(Err(SnapshotError::Stopped)),
        Ok(()) => Some(snapshots.take(window.terms.parts().kind, progress).await),
        Err(_) => None,
    };
    // Whatever happened: what was stopped is started again, now or on a later beat.
    services::start_all(desk, hooks, &occurrence.id, clock).await?;
    let (ending, attempt) = match (stopped, taken) {
        (Err(error), _) => (not_stopped(&error), Attempt::NotStopped(error)),
        (Ok(()), Some(Ok(summary))) => (Ending::Taken, Attempt::Taken(summary)),
        (Ok(()), Some(Err(error))) => match failed(&error) {
            (ending, true) => (ending, Attempt::Elsewhere),
            (ending, false) => (ending, Attempt::Failed(error)),
        },
        (Ok(()), None) => return Ok(Attempt::Nothing),
    };
    gate::leave_as(desk, occurrence, &ending, clock.now()).await?;
    Ok(attempt)
}

fn not_stopped(error: &StopError) -> Ending {
    Ending::Over(Why {
        code: "stop-failed",
        japanese: "サービスを停止できなかったため、作業を開始しませんでした。".to_owned(),
        english: match error {
            // What its command said stays with the service; it may say anything.
            StopError::Failed { service, .. } => format!("The run did not begin: {service} did not stop."),
            StopError::NotAllowed(kind) => format!("The run did not begin: a {kind} window stops nothing."),
            StopError::Desk(_) => "The run did not begin: the catalog failed.".to_owned(),
        },
    })
}

/// What failed, in words that name no file: they go into rows that others read. The log and the report say more.
pub(super) const fn cause(error: &SnapshotError) -> &'static str {
    match error {
        SnapshotError::Refused(_) => "a rule of the clock or of the store said no",
        SnapshotError::Running(_) => "another run of the plan is under way",
        SnapshotError::Stopped => "the end of its window came",
        SnapshotError::Source { .. } | SnapshotError::Unopened { .. } => "a source cannot be opened",
        SnapshotError::Local { .. } => "the disk of the home cannot be used",
        SnapshotError::Repository(_) | SnapshotError::Upload(_) => "the store failed",
        SnapshotError::Session(_) | SnapshotError::Seal(_) => "the engine failed",
        SnapshotError::Catalog(_) => "the catalog failed",
    }
}

/// How an occurrence ends whose run failed, and whether another run of the plan was in its way.
fn failed(error: &SnapshotError) -> (Ending, bool) {
    let english = format!("The run ended without a snapshot: {}.", cause(error));
    let why = |code, japanese: &str, english: String| Why { code, japanese: japanese.to_owned(), english };
    match error {
        SnapshotError::Stopped => {
            let japanese =
                "実施時間の終了時刻になったため、作業を中断しました。保存済みのデータは次回に引き継ぎます。";
            (Ending::Over(why("deadline", japanese, english)), false)
        }
        SnapshotError::Running(_) => {
            let japanese = "同じ計画の別の実行が終わるのを待っています。";
            (Ending::Failed(why("plan-busy", japanese, english)), true)
        }
        _ => {
            let japanese = "実行に失敗しました。時間内に再試行します。";
            (Ending::Failed(why("run-failed", japanese, english)), false)
        }
    }
}
