//! `/metrics` for Prometheus, on a listener of its own: figures are read when somebody asks. docs/metrics.md names them.

use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::domain::monitor::Standing;
use crate::domain::time::Instant;
use crate::workflows::figures::{self, Figures};

use super::Shared;
use super::problem::Problem;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels of one time series.
type Labels = Vec<(&'static str, String)>;
type Series = Family<Labels, Gauge<i64>>;

/// Answers until `stop` is cancelled.
pub async fn serve(listener: TcpListener, shared: Shared, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(metrics)).with_state(shared);
    let answering = axum::serve(listener, router);
    tokio::select! {
        ended = async { answering.await } => ended,
        () = stop.cancelled() => Ok(()),
    }
}

/// `/metrics`.
async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Problem> {
    let desk = shared.desk()?;
    let figures = figures::read(&desk, shared.clock.now()).await?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    encode(&mut text, &registry(&shared, &figures)).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Registers one gauge with all its series.
fn add(registry: &mut Registry, name: &str, help: &str, series: impl IntoIterator<Item = (Labels, i64)>) {
    let family = Series::default();
    for (labels, value) in series {
        family.get_or_create(&labels).set(value);
    }
    registry.register(name, help, family);
}

fn registry(shared: &Shared, figures: &Figures) -> Registry {
    let mut registry = Registry::with_prefix("kura");
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    add(&mut registry, "build_info", "The running program", [(version, 1)]);
    add_age(
        &mut registry,
        shared,
        "heart_beat_age_seconds",
        (shared.pulse.last_beat(), "Time since the scheduler's heart last beat"),
    );
    let worked = (shared.pulse.last_work(), "Time since the scheduler last brought everything up to date");
    add_age(&mut registry, shared, "heart_work_age_seconds", worked);
    let plan = |plan: &String| vec![("plan", plan.clone())];
    let last = figures.last_complete.iter().map(|(name, at)| (plan(name), at.as_seconds()));
    add(
        &mut registry,
        "snapshot_last_complete_timestamp_seconds",
        "When the newest complete snapshot was taken",
        last,
    );
    let complete = figures.is_complete.iter().map(|(name, is)| (plan(name), i64::from(*is)));
    add(&mut registry, "snapshot_is_complete", "Whether the newest snapshot is complete", complete);
    let states = figures.occurrences.iter().map(|(state, n)| (vec![("state", state.clone())], signed(*n)));
    add(&mut registry, "occurrences", "Occurrences of windows by state", states);
    let alarms = figures.alarms.iter().map(|(code, n)| (vec![("code", (*code).to_owned())], signed(*n)));
    add(&mut registry, "alarms", "Alarms that last, by code", alarms);
    let outbox = figures
        .outbox
        .iter()
        .map(|((target, state), n)| (vec![("target", target.clone()), ("state", state.clone())], signed(*n)));
    add(&mut registry, "outbox_messages", "Messages to portals by state", outbox);
    let stopped = signed(figures.services_stopped);
    add(&mut registry, "services_stopped", "Services that are recorded as stopped", [(Vec::new(), stopped)]);
    add_monitored(&mut registry, figures);
    add_runs(&mut registry, shared);
    registry
}

/// Registers the time since an instant.
fn add_age(registry: &mut Registry, shared: &Shared, name: &str, (since, help): (Instant, &str)) {
    let age = Gauge::<f64, AtomicU64>::default();
    let micros = shared.clock.now().as_micros().saturating_sub(since.as_micros());
    age.set(std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64());
    registry.register(name, help, age);
}

fn add_monitored(registry: &mut Registry, figures: &Figures) {
    let target = |name: &String| vec![("target", name.clone())];
    let up = figures.monitored.iter().map(|(name, (standing, _, _))| {
        let value = match standing {
            Standing::Up => 1,
            Standing::Down => 0,
            Standing::Unknown => -1,
        };
        (target(name), value)
    });
    add(registry, "monitor_target_up", "Whether a monitored target lives; -1 while nobody knows", up);
    let asked = figures.monitored.iter();
    let asked = asked.filter_map(|(name, (_, asked, _))| Some((target(name), (*asked)?.as_seconds())));
    add(registry, "monitor_asked_timestamp_seconds", "When a monitored target was asked last", asked);
    let shares = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for (name, (_, _, tally)) in &figures.monitored {
        if let Some(share) = tally.availability().and_then(|share| u32::try_from(share).ok()) {
            shares.get_or_create(&target(name)).set(f64::from(share) / 10_000.0);
        }
    }
    registry.register("monitor_availability_ratio", "The share of good answers this month", shares);
    let unseen = figures.unreviewed.iter().map(|(log, n)| (vec![("log", log.clone())], signed(*n)));
    add(registry, "log_looks_unreviewed", "Looks through an access log that nobody has reviewed", unseen);
}

fn add_runs(registry: &mut Registry, shared: &Shared) {
    let runs = shared.under_way.list();
    let count = i64::try_from(runs.len()).unwrap_or(i64::MAX);
    add(registry, "runs_under_way", "Runs of this program that are under way", [(Vec::new(), count)]);
    let each = |value: fn(&crate::workflows::Shown) -> u64| {
        let series = runs
            .iter()
            .map(|(plan, progress)| (vec![("plan", plan.to_string())], signed(value(&progress.shown()))));
        series.collect::<Vec<(Labels, i64)>>()
    };
    add(registry, "run_files", "Entries that the phase under way has done", each(|shown| shown.files));
    add(registry, "run_bytes", "Bytes that the phase under way has done", each(|shown| shown.bytes));
    add(registry, "run_sent_bytes", "Bytes that reached the store in this run", each(|shown| shown.sent));
}
