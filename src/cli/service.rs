//! `kura service`: the services that windows stop, and confirming what a person did.

use clap::{Args, Subcommand};

use crate::app::{App, Desk};
use crate::clock::Clock as _;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::hand_stops::{self, Confirmed};
use crate::workflows::service_list::{self, ServiceState, Stage};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::words::{local, print, print_json, table, tokyo};

/// List the services that windows stop; confirm stops and starts by hand.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  kura service list\n  \
                  kura service confirm ポータル --stopped --account operator01\n\
                  A run whose services a person stops begins only once every stop is confirmed, within 30 minutes.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List services: how each is stopped, and how it stands now.
    List,
    /// Confirm, under your name, that a service was stopped or started by hand (システム管理者, システム運用者).
    Confirm(Confirm),
}

#[derive(Debug, Args)]
struct Confirm {
    /// The service, by the name that users know.
    name: String,
    /// It has stopped: users cannot open it.
    #[arg(long, conflicts_with = "running", required_unless_present = "running")]
    stopped: bool,
    /// It runs: users can open it.
    #[arg(long)]
    running: bool,
    /// For which occurrence, if it is asked for more than one.
    #[arg(long, value_name = "ID")]
    occurrence: Option<String>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let (desk, now) = (app.desk().await?, app.clock.now());
    let done = match arguments.command {
        Command::List => show(global, &desk).await,
        Command::Confirm(confirm) => confirmed(app, global, &desk, confirm, now).await,
    };
    desk.catalog.close().await;
    done.map(|()| Exit::Done)
}

async fn confirmed(
    app: &App,
    global: &Global,
    desk: &Desk,
    confirm: Confirm,
    now: Instant,
) -> Result<(), Failure> {
    let by = confirm.who.sign_in_for(app, &desk.catalog, Act::ConfirmService, now).await?;
    let what = if confirm.stopped { Confirmed::Stopped } else { Confirmed::Running };
    let name = confirm.name;
    let occurrence = match confirm.occurrence {
        Some(occurrence) => occurrence,
        None => hand_stops::waiting_for(desk, &name, what).await?.ok_or_else(|| {
            Failure::Failed(format!(
                "nobody is asked to confirm this of {name}, or for more than one occurrence: \
                 see `kura service list`, and say --occurrence ID"
            ))
        })?,
    };
    hand_stops::confirm(desk, (&occurrence, &name), what, &by, now).await?;
    if global.json {
        return print_json(
            &serde_json::json!({ "service": name, "occurrence": occurrence, "state": what.word() }),
        );
    }
    print(&format!("{} confirmed: {name} is {} ({occurrence}).\n", by.account, what.word()))
}

fn standing(state: &ServiceState) -> String {
    let by_hand = state.by_hand.iter().map(|one| {
        let row = &one.row;
        match row.stage() {
            Stage::ToStop => {
                format!(
                    "stop it and confirm until {} ({})",
                    local(one.confirm_until, &tokyo()),
                    row.occurrence
                )
            }
            Stage::Stopped => format!("stopped by hand ({})", row.occurrence),
            Stage::ToStart => format!("start it and confirm ({})", row.occurrence),
            Stage::Runs => "runs".to_owned(),
        }
    });
    let stopped = state
        .stopped
        .iter()
        .map(|row| format!("stopped since {} ({})", local(row.stopping_at, &tokyo()), row.occurrence));
    let all: Vec<String> = by_hand.chain(stopped).collect();
    if all.is_empty() { "not stopped".to_owned() } else { all.join("; ") }
}

const fn how(state: &ServiceState) -> &'static str {
    match state.is_by_hand {
        Some(true) => "by hand",
        Some(false) => "by Kura",
        None => "not in kura.toml",
    }
}

async fn show(global: &Global, desk: &Desk) -> Result<(), Failure> {
    let services = service_list::all(desk).await?;
    if global.json {
        let rows = services.iter().map(|state| {
            let waits = state.by_hand.iter().map(|one| {
                serde_json::json!({
                    "occurrence": one.row.occurrence,
                    "stage": stage_word(one.row.stage()),
                    "confirm_until": one.confirm_until.to_string(),
                })
            });
            serde_json::json!({
                "service": state.name, "is_by_hand": state.is_by_hand, "is_down": state.is_down(),
                "by_hand": waits.collect::<Vec<_>>(),
                "windows": state.windows.iter().map(|window| &window.id).collect::<Vec<_>>(),
            })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    if services.is_empty() {
        return print("No window stops a service, and kura.toml names none ([[service]]).\n");
    }
    let cells = services.iter().map(|state| vec![state.name.clone(), how(state).to_owned(), standing(state)]);
    print(&table(&["SERVICE", "STOPPED", "NOW"], &cells.collect::<Vec<_>>()))
}

const fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::ToStop => "to-stop",
        Stage::Stopped => "stopped",
        Stage::ToStart => "to-start",
        Stage::Runs => "runs",
    }
}
