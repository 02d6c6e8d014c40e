//! `kura catalog rebuild`: brings the catalog back from the store.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::workflows::rebuild;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Opening;
use super::words::{counted, print, print_json};

/// Bring the catalog of the home back.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the store again and record its snapshots; the record of past runs stays. The store counts as right.
    Rebuild(Rebuild),
}

#[derive(Debug, Args)]
struct Rebuild {
    #[command(flatten)]
    opening: Opening,
}

#[derive(Serialize)]
struct Rebuilt {
    plans: u64,
    snapshots: u64,
    packs: u64,
    certificates: u64,
    unreadable: u64,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let Command::Rebuild(wanted) = arguments.command;
    app.home.settings()?;
    app.home.make_folders()?;
    let opened = wanted.opening.open(app).await?;
    let catalog = app.catalog().await?;
    let outcome = Box::pin(rebuild::rebuild(&opened, &catalog, app.clock.now())).await;
    catalog.close().await;
    let done = outcome?;
    if global.json {
        let rebuild::Rebuilt { plans, snapshots, packs, certificates, unreadable } = done;
        print_json(&Rebuilt { plans, snapshots, packs, certificates, unreadable })?;
    } else {
        print(&format!(
            "recorded {} and {} of {}, and {}\n",
            counted(done.snapshots, "snapshot"),
            counted(done.packs, "pack"),
            counted(done.plans, "plan"),
            counted(done.certificates, "certificate"),
        ))?;
        if done.unreadable > 0 {
            print(&format!(
                "{} could not be read and was left out; `kura verify` names it\n",
                counted(done.unreadable, "object"),
            ))?;
        }
    }
    Ok(if done.unreadable == 0 { Exit::Done } else { Exit::Partial })
}
