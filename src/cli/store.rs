//! `kura store probe`: tries out what a store can do, and says so line by line. `kura store copy` is in `scrub`,
//! `kura store hidden` in `store_hidden`.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::workflows::store::{self, ProbeReport, StoreUrl, Verdict};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{print, print_json, table};

/// Try out what a store can do; bring the second store up to date; find what somebody hid.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write, read and lock a few small objects, and say what the store does. Exit 1 if it cannot be used.
    Probe(Probe),
    /// Copy to the second store (`[replica]`) what it lacks. Done after each snapshot too.
    Copy,
    /// List objects that somebody hid behind delete markers; bring them back.
    Hidden(super::store_hidden::Arguments),
}

#[derive(Debug, Args)]
struct Probe {
    /// The store [default: the one in the settings of the home].
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Serialize)]
struct Report {
    store: String,
    usable: bool,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    verdict: &'static str,
    detail: String,
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::NotSupported => "not supported",
        Verdict::NotTested => "not tested",
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let probe = match arguments.command {
        Command::Probe(probe) => probe,
        Command::Copy => return super::scrub::copy(app, global).await,
        Command::Hidden(hidden) => return super::store_hidden::run(app, global, hidden).await,
    };
    let address: StoreUrl = match probe.store {
        Some(store) => store.parse()?,
        None => app.home.settings()?.store.parse()?,
    };
    let report = Box::pin(store::probe(&address, &app.clock)).await?;
    if global.json {
        let checks = report.lines.iter();
        let checks =
            checks.map(|l| Check { name: l.check, verdict: word(l.verdict), detail: l.detail.clone() });
        print_json(&Report { store: address.to_string(), usable: report.usable, checks: checks.collect() })?;
    } else {
        let verdict =
            if report.usable { "can be used" } else { "cannot be used: backups would not be safe there" };
        print(&format!("{}\nThe store {address} {verdict}.\n", lines(&report)))?;
    }
    Ok(if report.usable { Exit::Done } else { Exit::Failed })
}

/// The checks as a table.
pub(super) fn lines(report: &ProbeReport) -> String {
    let rows: Vec<Vec<String>> = report
        .lines
        .iter()
        .map(|line| vec![line.check.to_owned(), word(line.verdict).to_owned(), line.detail.clone()])
        .collect();
    table(&["CHECK", "VERDICT", "DETAIL"], &rows)
}
