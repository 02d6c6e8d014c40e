//! `kura drill` and `kura key drill`: trying out that backups come back, with measured time.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::domain::drill::{DrillFacts, DrillKind};
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;
use crate::workflows::Progress;
use crate::workflows::choice::Wanted;
use crate::workflows::drill::{self, DrillError, Drilled, Scope, Scratch};
use crate::workflows::restore::RestoreError;
use crate::workflows::take_snapshot::SnapshotError;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Opening;
use super::progress::Display;
use super::restore::days;
use super::who::host_user;
use super::words::{counted, local, plan_name, print, print_json, size, stderr_is_a_journal, tell, tokyo};

/// At most this many names are shown.
const NAMES_MAX: usize = 20;

/// Restore a part of a plan into a private place, compare it with what was recorded, and record how long it took.
#[derive(Debug, Args)]
#[command(after_help = "Example: kura drill records --identity /media/usb/recovery.key --sample 500\n\
                  What is restored lies in a private folder of the home (or --scratch) and is removed at once; it needs as\n\
                  much room as it is large. The evidence is signed and locked in the store. Exit code 1: something did not\n\
                  come back as it was. An alarm reminds when `drill_every` of the plan has passed.")]
pub(super) struct Arguments {
    /// The plan.
    plan: String,
    #[command(flatten)]
    opening: Opening,
    /// Another snapshot than the newest: an id or a date.
    #[arg(long, value_name = "SNAPSHOT")]
    snapshot: Option<String>,
    /// How many files, chosen at random.
    #[arg(long, value_name = "FILES", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    sample: u64,
    /// Everything that was sent on these days, instead of a sample: `FROM..TO` or one day.
    #[arg(long, value_name = "FROM..TO", conflicts_with = "all")]
    sent: Option<String>,
    /// Everything, instead of a sample.
    #[arg(long)]
    all: bool,
    /// Where to restore to [default: the home's `tmp`]; nobody else may enter it.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// Open everything that lives with a recovery key, and record that it did.
#[derive(Debug, Args)]
#[command(
    after_help = "Due each quarter with every recovery key: no check without a key can show to whom something is sealed.\n\
                  Run it on the backup host, with the key on a medium that goes back to its place."
)]
pub(super) struct KeyDrill {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Serialize)]
struct Told<'a> {
    number: Option<u64>,
    kind: &'a str,
    scope: &'a str,
    ok: bool,
    milliseconds: u64,
    cohorts: u64,
    files: u64,
    bytes: u64,
    of_files: u64,
    of_bytes: u64,
    failed: u64,
    failures: Vec<Failed<'a>>,
    keys: &'a [String],
}

#[derive(Serialize)]
struct Failed<'a> {
    what: &'a str,
    reason: &'a str,
}

impl From<DrillError> for Failure {
    fn from(error: DrillError) -> Self {
        match error {
            DrillError::Restore(error) => error.into(),
            DrillError::Repository(error) => error.into(),
            DrillError::Upload(error) => SnapshotError::from(error).into(),
            DrillError::Catalog(error) => error.into(),
            DrillError::Scratch { path, source } => Self::File { act: "use", path, source },
            other @ (DrillError::Busy(_) | DrillError::Nothing) => Self::Failed(other.to_string()),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let plan: PlanName = plan_name(&arguments.plan)?;
    let wanted = match &arguments.snapshot {
        Some(text) => Wanted::parse(text).map_err(RestoreError::from)?,
        None => Wanted::LatestOf(plan.clone()),
    };
    let scope = match (&arguments.sent, arguments.all) {
        (Some(text), _) => {
            let (from, until) = days(text)?;
            Scope::Days(from, until)
        }
        (None, true) => Scope::All,
        (None, false) => Scope::Sample(usize::try_from(arguments.sample).unwrap_or(drill::SAMPLE_MAX)),
    };
    let (opened, keys) = arguments.opening.open_with_names(app).await?;
    let place = arguments
        .scratch
        .unwrap_or_else(|| if app.home.exists() { app.home.spill() } else { std::env::temp_dir() });
    let scratch = Scratch::make(&place)?;
    let progress = Arc::new(Progress::default());
    let display = Display::begin(&progress, global.quiet);
    let outcome = Box::pin(drill::restore_drill(
        opened,
        (&plan, &wanted, scope),
        (&scratch, keys),
        &app.clock,
        &progress,
    ))
    .await;
    drop(display);
    drop(scratch);
    let drilled = outcome?;
    let number = record(app, &drilled, arguments.opening.is_of_home()).await?;
    tell_outcome(global, &drilled, number)
}

pub(super) async fn key(app: &App, global: &Global, arguments: &KeyDrill) -> Result<Exit, Failure> {
    let (opened, keys) = arguments.opening.open_with_names(app).await?;
    let drilled = Box::pin(drill::key_drill(opened, keys, &app.clock)).await?;
    let number = record(app, &drilled, arguments.opening.is_of_home()).await?;
    tell_outcome(global, &drilled, number)
}

/// Records a drill where there is a home that can sign it; elsewhere it is only told.
async fn record(app: &App, drilled: &Drilled, is_of_home: bool) -> Result<Option<u64>, Failure> {
    if !is_of_home || !app.home.exists() {
        tell("kura: not recorded: evidence is signed by the backup host; run the drill there to record it");
        return Ok(None);
    }
    let host = app.host(None).await?;
    let catalog = app.catalog().await?;
    let user = host_user();
    let number = drill::record(&host, &catalog, (drilled, &user), &app.clock).await;
    catalog.close().await;
    Ok(Some(number?))
}

fn tell_outcome(global: &Global, drilled: &Drilled, number: Option<u64>) -> Result<Exit, Failure> {
    if global.json {
        let failures = drilled.failures.iter().map(|(what, reason)| Failed { what, reason });
        print_json(&Told {
            number,
            kind: drilled.kind.word(),
            scope: drilled.scope,
            ok: drilled.is_good(),
            milliseconds: drilled.milliseconds,
            cohorts: drilled.cohorts,
            files: drilled.files,
            bytes: drilled.bytes,
            of_files: drilled.of.0,
            of_bytes: drilled.of.1,
            failed: drilled.failed,
            failures: failures.collect(),
            keys: &drilled.keys,
        })?;
    } else {
        print(&words(drilled, number))?;
        let shown = if stderr_is_a_journal() { 0 } else { NAMES_MAX };
        for (what, reason) in drilled.failures.iter().take(shown) {
            tell(&format!("kura: {what}: {reason}"));
        }
    }
    Ok(if drilled.is_good() { Exit::Done } else { Exit::Failed })
}

fn words(drilled: &Drilled, number: Option<u64>) -> String {
    let number = number.map_or_else(String::new, |number| format!("drill {number}: "));
    let failed = match drilled.failed {
        0 => "everything as recorded".to_owned(),
        n => format!("{} NOT as recorded", counted(n, "thing")),
    };
    match drilled.kind {
        DrillKind::Key => format!("{number}{} opened; {failed}\n", counted(drilled.cohorts, "cohort")),
        DrillKind::Restore => format!(
            "{number}{}, {} of {} ({} in all) restored in {} and compared; {failed}{}\n",
            counted(drilled.files, "file"),
            size(drilled.bytes),
            size(drilled.of.1),
            counted(drilled.of.0, "file"),
            seconds(drilled.milliseconds),
            estimate(drilled),
        ),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// How long everything would take at this pace; said only of what took long enough to tell.
fn estimate(drilled: &Drilled) -> String {
    if drilled.milliseconds < 1000 || drilled.bytes == 0 || drilled.bytes >= drilled.of.1 {
        return String::new();
    }
    let whole = u128::from(drilled.milliseconds) * u128::from(drilled.of.1) / u128::from(drilled.bytes);
    let minutes = u64::try_from(whole.div_ceil(60_000)).unwrap_or(u64::MAX);
    format!("\n  at this pace everything takes about {}", counted(minutes, "minute"))
}

/// How a drill stands, for people: of a plan or of a recovery key.
pub(super) fn standing(facts: &DrillFacts, now: Instant) -> String {
    let zone = tokyo();
    let what = match facts.kind {
        DrillKind::Restore => format!("restore drill of {}", facts.subject),
        DrillKind::Key => format!("drill with recovery key {}", facts.subject),
    };
    let last = facts.last.map_or_else(|| "never done".to_owned(), |at| format!("last {}", local(at, &zone)));
    let overdue = if facts.is_overdue(&zone, now) { ", OVERDUE" } else { "" };
    format!("{what}: {last}{overdue}")
}
