//! `kura snapshot`: takes a snapshot by hand, and says what became of it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Desk, Host, HostCommands, PublicPage};
use crate::clock::{Clock as _, SystemClock};
use crate::domain::plan::Plan;
use crate::workflows::start_due_runs::{self, Attempt, OnHost, Runner};
use crate::workflows::store::StoreUrl;
use crate::workflows::take_snapshot::{self, Request, SnapshotError, Summary};
use crate::workflows::under_way::UnderWay;
use crate::workflows::{Progress, gate, prove_notices, replica};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::progress::Display;
use super::snapshots::short;
use super::words::{counted, entries, local, print, print_json, size, stderr_is_a_journal, tell};

/// At most this many names are shown; the report has them all.
const NAMES_MAX: usize = 20;

/// How often the lease of a run is kept and its deadline looked at.
const WATCH: Duration = Duration::from_secs(5);

/// The longest reason, characters.
const REASON_CHARACTERS_MAX: usize = 500;

/// Take a snapshot of what a plan protects.
#[derive(Debug, Args)]
#[command(after_help = "Example: kura snapshot records --event maintenance --reason \"before the update\"\n\
                        Exit codes: 3 if something could not be read (it is named), 4 if a rule said no.")]
pub(super) struct Arguments {
    /// The plan: policies/PLAN.toml in the home.
    plan: String,
    /// Why the snapshot is taken [default: the occurrence that is due, or adhoc for a plan without windows].
    ///
    /// With --reason, acceptance, maintenance and adhoc may be taken outside of the plan's windows; they stop no service.
    /// daily and monthly are the windows' own: for a plan with windows they are taken in its approved and announced
    /// occurrences only, which `kura serve` starts; by hand they are for plans that have no window.
    #[arg(long, value_enum)]
    event: Option<Event>,
    /// In words, for the record of runs; no names of persons.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Read every file again, whatever is remembered of it.
    #[arg(long)]
    reread: bool,
    /// Send no more than so many KiB in a second [default: that of the settings].
    #[arg(long, value_name = "KIB")]
    limit_upload: Option<NonZeroU32>,
    /// Use so many threads for reading, compressing and sealing [default: threads in the settings, or one for each core].
    #[arg(long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    limit_cpu: Option<u16>,
    /// Let other programs go first, at the processor and at the disk: 0 (as everybody) to 19 [default: nice in the settings].
    #[arg(long, value_name = "NICE", value_parser = clap::value_parser!(u8).range(..=19))]
    nice: Option<u8>,
    /// Another address of the same repository [default: the one in the settings].
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Event {
    /// 受入: before something new is accepted.
    Acceptance,
    /// 維持管理: before or after maintenance.
    Maintenance,
    /// 臨時: by hand.
    Adhoc,
    /// 日次: every day.
    Daily,
    /// 月次: every month.
    Monthly,
}

impl Event {
    const fn word(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Maintenance => "maintenance",
            Self::Adhoc => "adhoc",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
        }
    }
}

#[derive(Serialize)]
struct Taken<'a> {
    snapshot: String,
    state: &'static str,
    files: u64,
    bytes: u64,
    new_bytes_stored: u64,
    skipped: u64,
    plan: &'a str,
    sequence: u64,
    digest: String,
    remarks: &'a std::collections::BTreeMap<&'static str, u64>,
    report: Option<&'a Path>,
    adopted_packs: u64,
    repaired_cohorts: &'a [String],
    changes: Changed,
    sudden_change: Option<&'a str>,
}

/// What is different from the snapshot before.
#[derive(Serialize)]
struct Changed {
    new_files: u64,
    changed_files: u64,
    removed_files: u64,
    new_bytes: u64,
    packed_bytes: u64,
}

/// A line of the run's report.
#[derive(Deserialize)]
struct Remarked {
    remark: String,
    path: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let store = arguments.store.as_deref().map(str::parse::<StoreUrl>).transpose()?;
    let store = store.map(|store| store.to_string());
    if arguments.reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARACTERS_MAX) {
        let message = format!("--reason is longer than {REASON_CHARACTERS_MAX} characters: say it shorter");
        return Err(Failure::Usage(message));
    }
    app.home.settings()?;
    let plan = app.plan(&arguments.plan)?;
    let mut host = app.host(store.as_deref()).await?;
    let settings = &mut host.settings;
    settings.limit_upload_kib = arguments.limit_upload.or(settings.limit_upload_kib);
    settings.threads = arguments.limit_cpu.map(usize::from).or(settings.threads);
    settings.nice = arguments.nice.or(settings.nice);
    let desk = app.desk().await?;
    let progress = Arc::new(Progress::default());
    let display = Display::begin(&progress, global.quiet);
    let outcome = take(app, (&desk, &host, &plan), &arguments, &progress).await;
    drop(display);
    desk.catalog.close().await;
    let summary = outcome?;
    let plan = plan.name().as_str();
    if global.json {
        print_json(&taken(&summary, plan))?;
    } else {
        print(&words(&summary, plan))?;
    }
    tell_remarks(&summary, global.quiet)?;
    if let Some((_, english)) = &summary.sudden {
        tell(&format!("kura: warning: {english}"));
        tell("kura: the snapshots before are as they were; next: `kura runbook source-changed-suddenly`");
    }
    Ok(if summary.is_complete { Exit::Done } else { Exit::Partial })
}

/// Takes the snapshot. A plan with windows needs an occurrence, but for an event with its reason.
async fn take(
    app: &App,
    (desk, host, plan): (&Desk, &Host, &Plan),
    arguments: &Arguments,
    progress: &Arc<Progress>,
) -> Result<Summary, Failure> {
    let by_hand = [Event::Acceptance, Event::Maintenance, Event::Adhoc];
    let is_event = arguments.event.is_some_and(|event| by_hand.contains(&event));
    if (is_event && arguments.reason.is_some()) || !gate::has_windows(desk, plan.name()).await? {
        let event = arguments.event.unwrap_or(Event::Adhoc);
        let request = Request {
            plan: plan.clone(),
            event: event.word().to_owned(),
            reason: arguments.reason.clone(),
            // The monthly run reads everything again (第21条①; design §5).
            reread: arguments.reread || event == Event::Monthly,
        };
        let catalog = &desk.catalog;
        let taking = take_snapshot::take_snapshot(host, catalog, &request, &app.clock, progress);
        let summary = Box::pin(taking).await?;
        Box::pin(replica::keep_up(host, app.clock.now())).await;
        return Ok(summary);
    }
    let clock = app.clock;
    if let Some(base) = app.home.settings()?.notices.and_then(|notices| notices.public_url) {
        let page = PublicPage::of_site(&base).map_err(|error| Failure::Usage(error.to_string()))?;
        prove_notices::prove(desk, &page, clock.now()).await?;
    }
    let (under_way, stop, mut watching) = (UnderWay::default(), CancellationToken::new(), JoinSet::new());
    let _ended = stop.clone().drop_guard();
    watching.spawn(watch(desk.clone(), progress.clone(), clock, stop));
    let runner = Runner {
        desk,
        home: &app.home,
        hooks: &HostCommands,
        under_way: &under_way,
        progress,
        clock: &clock,
        is_asked: true,
    };
    let (reread, reason) = (arguments.reread, arguments.reason.clone());
    let on_host = OnHost { host, desk, plan, clock: &clock, reread, reason };
    match Box::pin(start_due_runs::run(runner, &on_host, plan.name(), plan.zone())).await {
        Attempt::Taken(summary) => {
            // Services run again: users do not wait for the second store.
            Box::pin(replica::keep_up(host, clock.now())).await;
            Ok(summary)
        }
        Attempt::Refused(error) => Err(error.into()),
        Attempt::Failed(error) => Err(error.into()),
        Attempt::NotStopped(error) => Err(Failure::Failed(error.to_string())),
        Attempt::Waiting(services, until) => Err(Failure::Failed(format!(
            "stop by hand: {}; then `kura service confirm NAME --stopped` until {}, and run this again",
            services.join("、"),
            local(until, plan.zone())
        ))),
        Attempt::NotConfirmed(services) => Err(Failure::Failed(format!(
            "the occurrence is refused: nobody confirmed in time that {} had been stopped by hand",
            services.join("、")
        ))),
        Attempt::Elsewhere | Attempt::Nothing => Err(SnapshotError::Running(plan.name().to_string()).into()),
    }
}

/// What the heart does for the service: keeps the lease, stops the run when its time is over.
async fn watch(desk: Desk, progress: Arc<Progress>, clock: SystemClock, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(WATCH);
    while !stop.is_cancelled() {
        ticks.tick().await;
        progress.stop_if_due(clock.now());
        if let Err(error) = gate::keep_leases(&desk, clock.now()).await {
            tracing::warn!(%error, "the lease of the run could not be kept");
        }
    }
}

const fn state(summary: &Summary) -> &'static str {
    if summary.is_complete { "verified" } else { "partial" }
}

fn taken<'a>(summary: &'a Summary, plan: &'a str) -> Taken<'a> {
    let digest = summary.snapshot.to_string();
    Taken {
        snapshot: short(&digest),
        state: state(summary),
        files: summary.files,
        bytes: summary.bytes,
        new_bytes_stored: summary.new_bytes_stored,
        skipped: summary.skipped,
        plan,
        sequence: summary.sequence,
        digest,
        remarks: &summary.remarks,
        report: summary.report.as_deref(),
        adopted_packs: summary.adopted_packs,
        repaired_cohorts: &summary.repaired_cohorts,
        changes: Changed {
            new_files: summary.changes.new_files,
            changed_files: summary.changes.changed_files,
            removed_files: summary.changes.removed_files,
            new_bytes: summary.changes.new_bytes,
            packed_bytes: summary.changes.packed_bytes,
        },
        sudden_change: summary.sudden.as_ref().map(|(_, english)| english.as_str()),
    }
}

fn words(summary: &Summary, plan: &str) -> String {
    let mut lines = vec![format!(
        "{}  {plan} number {}: {}, {}, {} sent, {}",
        short(&summary.snapshot.to_string()),
        summary.sequence,
        counted(summary.files, "file"),
        size(summary.bytes),
        size(summary.new_bytes_stored),
        state(summary),
    )];
    if summary.adopted_packs > 0 {
        let packs = counted(summary.adopted_packs, "pack");
        lines.push(format!("  {packs} taken over from a run that did not finish"));
    }
    if !summary.repaired_cohorts.is_empty() {
        let cohorts = summary.repaired_cohorts.join(", ");
        lines.push(format!("  damaged in the store, sent again from the source: {cohorts}"));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What a kind of remark means.
fn meaning(remark: &str) -> &str {
    match remark {
        "skipped" => "could not be read",
        "changed-while-read" => "changed while it was read; kept as read last",
        "past-retention" => "past its year at the source; not backed up (第22条: to be deleted by hand)",
        "too-close-to-deletion" => "its day is deleted in less than 24 hours; not backed up",
        "future-day" => "its day lies in the future; counted from today",
        "absurd-day" => "its day cannot be right; counted from today",
        "no-day-in-path" => "no day in its path; counted from today",
        other => other,
    }
}

/// Tells on stderr what was remarked: what was skipped by name, the rest by number.
///
/// Names stay out of a journal; there the report's path stands instead.
fn tell_remarks(summary: &Summary, is_quiet: bool) -> Result<(), Failure> {
    let Some(report) = summary.report.as_deref() else { return Ok(()) };
    for (remark, count) in &summary.remarks {
        if !is_quiet || *remark == "skipped" {
            tell(&format!("kura: {}: {}", entries(*count), meaning(remark)));
        }
    }
    if summary.skipped > 0 && !stderr_is_a_journal() {
        let names = skipped_names(report)?;
        let shown = names.len();
        for line in &names {
            tell(&format!("  {line}"));
        }
        let more = usize::try_from(summary.skipped).unwrap_or(usize::MAX).saturating_sub(shown);
        if more > 0 {
            tell(&format!("  … and {more} more"));
        }
    }
    if !is_quiet || summary.skipped > 0 {
        tell(&format!("kura: all are named in {}", report.display()));
    }
    Ok(())
}

/// The first skipped entries of a report, with the reason.
fn skipped_names(report: &Path) -> Result<Vec<String>, Failure> {
    let file = File::open(report).map_err(Failure::file("read the report", report))?;
    let mut names = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(Failure::file("read the report", report))?;
        let Ok(entry) = serde_json::from_str::<Remarked>(&line) else { continue };
        if entry.remark == "skipped" {
            names.push(format!("{}: {}", entry.path, entry.reason));
        }
        if names.len() == NAMES_MAX {
            break;
        }
    }
    Ok(names)
}
