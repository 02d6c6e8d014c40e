//! `kura alarm`: what somebody has to look after.

use clap::{Args, Subcommand};

use crate::app::App;
use crate::workflows::alarms::{self, AlarmRow};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{local, print, print_json, table, tokyo};

/// How many alarms are listed.
const LISTED_MAX: u32 = 1000;

/// List alarms (警報).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the alarms that last, oldest first. They end by themselves when their cause is mended.
    List(List),
}

#[derive(Debug, Args)]
struct List {
    /// Also those that were mended, newest first.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let Command::List(list) = arguments.command;
    let desk = app.desk().await?;
    let rows = alarms::list(&desk, list.all, LISTED_MAX).await;
    desk.catalog.close().await;
    let rows = rows?;
    if global.json {
        print_json(&rows.iter().map(as_json).collect::<Vec<_>>())?;
    } else if rows.is_empty() {
        print("There is no alarm.\n")?;
    } else {
        let cells = rows.iter().map(|row| {
            let alarm = &row.alarm;
            let since = local(alarm.since, &tokyo());
            vec![alarm.code.word().to_owned(), alarm.subject.clone(), since, alarm.english.clone()]
        });
        print(&table(&["ALARM", "ABOUT", "SINCE", "WHAT"], &cells.collect::<Vec<_>>()))?;
    }
    Ok(Exit::Done)
}

fn as_json(row: &AlarmRow) -> serde_json::Value {
    let alarm = &row.alarm;
    serde_json::json!({
        "code": alarm.code.word(), "subject": alarm.subject, "since": alarm.since.to_string(),
        "japanese": alarm.japanese, "english": alarm.english,
        "cleared_at": row.cleared_at.map(|at| at.to_string()),
    })
}
