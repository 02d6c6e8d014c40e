//! `kura verify`: checks what is stored, and names every object that is wrong and what it costs.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::plan::PlanName;
use crate::workflows::Progress;
use crate::workflows::coverage;
use crate::workflows::replica;
use crate::workflows::verify::{self, Known, Problem, Report, Request, Viewer};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Place;
use super::progress::Display;
use super::words::{counted, entries, print, print_json, size, tell};

/// Check what is stored: signatures, presence, digests; with a recovery key everything.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --identity the host checks with what it holds: signatures, presence and sizes; with --read\n\
                  also the bytes against their SHA-256. With --identity every pack is opened and every chunk checked.\n\
                  --read 3/30 reads the third of thirty parts: one part a day reads everything in thirty days.\n\
                  Exit code 1: something is wrong; the report says what."
)]
pub(super) struct Arguments {
    /// Only this plan.
    plan: Option<String>,
    /// Read the bytes of part N of M of all packs; 1/1 reads all.
    #[arg(long, value_name = "N/M")]
    read: Option<String>,
    /// A recovery key: open everything.
    #[arg(long, short, value_name = "FILE")]
    identity: Option<std::path::PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Checked<'a> {
    ok: bool,
    snapshots: u64,
    cohorts: u64,
    packs: u64,
    bytes: u64,
    read_packs: u64,
    read_bytes: u64,
    opened_packs: u64,
    files: u64,
    orphans: u64,
    expired: u64,
    certificates: u64,
    foreign: u64,
    second_store_lacks: Option<usize>,
    problems: Vec<Wrong<'a>>,
}

#[derive(Serialize)]
struct Wrong<'a> {
    object: &'a str,
    problem: &'a str,
    snapshots: &'a [String],
    files: u64,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let plan = arguments.plan.as_deref().map(str::parse::<PlanName>).transpose();
    let plan = plan.map_err(|e| Failure::Usage(e.to_string()))?;
    let known = known(app, &arguments).await?;
    let read = arguments.read.as_deref().map(part).transpose()?;
    let request = Request { plan, read, known, now: app.clock.now() };
    let viewer = match &arguments.identity {
        Some(identity) => Viewer::of_opened(Box::pin(arguments.place.open(app, identity)).await?)?,
        None if !app.home.exists() => {
            return Err(Failure::Usage(format!(
                "without a recovery key only the backup host can check, and {} is not a Kura home: give --identity FILE",
                app.home.path().display()
            )));
        }
        None => {
            let address = arguments.place.address(app)?.to_string();
            let host = app.host(Some(&address)).await?;
            let is_own = arguments.place.store.is_none();
            let second = if is_own { replica::open(&host.settings).await? } else { None };
            Viewer::of_host(host).with_second(second)
        }
    };
    let progress = Arc::new(Progress::default());
    let display = Display::begin(&progress, global.quiet);
    let viewer = Arc::new(viewer);
    let outcome = Box::pin(verify::verify(viewer.clone(), &request, &progress)).await;
    drop(display);
    let mut report = outcome?;
    report.second = Box::pin(coverage::compare_second(&viewer, app.clock.now())).await?;
    if let Some(plan) = arguments.plan.as_deref()
        && report.snapshots == 0
        && report.problems.is_empty()
        && app.plan(plan).is_err()
    {
        let message =
            format!("there is no plan {plan}: neither the home has such a plan nor the store such snapshots");
        return Err(Failure::Usage(message));
    }
    if global.json {
        print_json(&checked(&report))?;
    } else {
        for problem in &report.problems {
            tell(&line(problem));
        }
        print(&words(&report))?;
        tell_second(&report);
    }
    let is_alike =
        report.second.as_ref().is_none_or(|second| second.missing.is_empty() && second.past.is_empty());
    Ok(if report.problems.is_empty() && is_alike { Exit::Done } else { Exit::Failed })
}

/// How the second store differs.
fn tell_second(report: &Report) {
    let Some(second) = &report.second else { return };
    for key in &second.missing {
        tell(&format!("kura: the second store lacks {key}: `kura store copy` brings it there"));
    }
    for key in &second.past {
        tell(&format!("kura: the second store still has {key}, which was deleted in its time"));
    }
}

/// What this host recorded, if the home's own store is checked.
async fn known(app: &App, arguments: &Arguments) -> Result<Known, Failure> {
    if arguments.place.store.is_some() || !app.home.exists() {
        return Ok(Known::default());
    }
    let catalog = app.catalog().await?;
    let known = Known::of(&catalog, arguments.plan.as_deref()).await?;
    catalog.close().await;
    Ok(known)
}

fn checked(report: &Report) -> Checked<'_> {
    Checked {
        ok: report.problems.is_empty(),
        snapshots: report.snapshots,
        cohorts: report.cohorts,
        packs: report.packs,
        bytes: report.bytes,
        read_packs: report.read_packs,
        read_bytes: report.read_bytes,
        opened_packs: report.opened_packs,
        files: report.files,
        orphans: report.orphans,
        expired: report.expired,
        certificates: report.certificates,
        foreign: report.foreign,
        second_store_lacks: report.second.as_ref().map(|second| second.missing.len()),
        problems: report
            .problems
            .iter()
            .map(|one| Wrong {
                object: &one.object,
                problem: &one.what,
                snapshots: &one.snapshots,
                files: one.files,
            })
            .collect(),
    }
}

fn line(problem: &Problem) -> String {
    let mut parts = Vec::new();
    if problem.files > 0 {
        parts.push(format!("up to {}", counted(problem.files, "file")));
    }
    match problem.snapshots.as_slice() {
        [] => {}
        [one] => parts.push(format!("snapshot {one}")),
        [first, .., last] => {
            parts.push(format!("{} snapshots, {first} to {last}", problem.snapshots.len()));
        }
    }
    let touched = if parts.is_empty() { String::new() } else { format!(" (touches {})", parts.join(", ")) };
    format!("kura: wrong: {}: {}{touched}", problem.object, problem.what)
}

fn words(report: &Report) -> String {
    let mut lines = vec![format!(
        "checked {}, {}, {} of {}",
        counted(report.snapshots, "snapshot"),
        counted(report.cohorts, "cohort"),
        counted(report.packs, "pack"),
        size(report.bytes),
    )];
    if report.read_packs > 0 {
        let how = if report.opened_packs > 0 {
            "read and opened, every chunk checked"
        } else {
            "read, SHA-256 right"
        };
        lines.push(format!("  {} ({}) {how}", counted(report.read_packs, "pack"), size(report.read_bytes)));
    }
    if report.files > 0 {
        lines.push(format!("  {} read in manifests", entries(report.files)));
    }
    if report.expired > 0 {
        let cohorts = counted(report.expired, "cohort");
        let certificates = counted(report.certificates, "certificate");
        lines.push(format!("  {cohorts} deleted when their time was over ({certificates})"));
    }
    if report.orphans > 0 {
        let orphans = counted(report.orphans, "object");
        lines.push(format!("  {orphans} that no snapshot needs, harmless; they expire with their cohort"));
    }
    if report.foreign > 0 {
        lines.push(format!("  {} not Kura's", counted(report.foreign, "object")));
    }
    lines.push(match report.problems.len() {
        0 => "Everything that was checked is right.".to_owned(),
        1 => "1 object is wrong.".to_owned(),
        n => format!("{n} objects are wrong."),
    });
    lines.push(String::new());
    lines.join("\n")
}

/// Reads `N/M`, 1 ≤ N ≤ M.
pub(super) fn part(text: &str) -> Result<(u32, u32), Failure> {
    let parts = text.split_once('/').and_then(|(n, m)| Some((n.parse().ok()?, m.parse().ok()?)));
    parts.filter(|(n, m)| (1..=*m).contains(n)).ok_or_else(|| {
        Failure::Usage(format!(
            "--read {text:?} is not N/M: write for example 3/30, the third of thirty parts"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_so_many() {
        assert_eq!(part("3/30").unwrap(), (3, 30));
        for wrong in ["", "3", "0/3", "4/3", "a/b", "1/0"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
