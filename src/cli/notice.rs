//! `kura notice`: what users are told; corrections. Publishing is done by approvals and runs, never here.

use clap::{Args, Subcommand};

use crate::app::{App, Desk};
use crate::clock::Clock as _;
use crate::domain::time::Instant;
use crate::workflows::{notices, schedule};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::words::{local, print, print_json, table, tokyo};

/// How many notices are listed.
const LISTED_MAX: u32 = 1000;

/// List, correct and close notices (お知らせ).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the current notices, last changed first.
    List(List),
    /// Print a notice in both languages.
    Show(Which),
    /// Correct a notice: the text stands on top of it, the title says 訂正 (システム運用者).
    Correct(Correct),
    /// Take a notice from the current ones; it stays readable (システム運用者).
    Close(Close),
}

#[derive(Debug, Args)]
struct List {
    /// Also those that were closed.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Which {
    /// Its number, such as N-2026-0001.
    id: String,
}

#[derive(Debug, Args)]
struct Correct {
    /// Its number.
    id: String,
    /// What to add, on one line.
    #[arg(long, value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Close {
    /// Its number.
    id: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let (desk, now) = (app.desk().await?, app.clock.now());
    let done = match arguments.command {
        Command::List(list) => show_all(global, &desk, list.all, now).await,
        Command::Show(which) => show(global, &desk, &which.id).await,
        Command::Correct(correct) => {
            let by = correct.who.sign_in(app, &desk.catalog, now).await?;
            let row = notices::correct(&desk, &correct.id, &correct.text, &by, now).await?;
            print(&format!("{} is now revision {}: {}\n", row.notice, row.revision, row.words.title))
        }
        Command::Close(close) => {
            let by = close.who.sign_in(app, &desk.catalog, now).await?;
            notices::close(&desk, &close.id, &by, now).await?;
            print(&format!("{} was closed.\n", close.id))
        }
    };
    desk.catalog.close().await;
    done.map(|()| Exit::Done)
}

async fn show_all(global: &Global, desk: &Desk, all: bool, now: Instant) -> Result<(), Failure> {
    schedule::refresh(desk, now).await?;
    let rows = notices::list(desk, all, LISTED_MAX).await?;
    if global.json {
        let shown = rows.iter().map(|row| {
            serde_json::json!({
                "id": row.notice, "revision": row.revision, "kind": row.kind.word(), "status": row.status.word(),
                "title": row.words.title, "body": row.words.body, "title_en": row.words.title_en,
                "body_en": row.words.body_en, "impact": if row.stops { "full" } else { "none" },
                "window": row.window, "occurrence": row.occurrence,
                "work_window": { "start": row.work_from.to_string(), "end": row.work_until.map(|at| at.to_string()) },
                "published_at": row.published_at.to_string(), "updated_at": row.updated_at.to_string(),
                "is_new": row.revision == 1, "closed_at": row.closed_at.map(|at| at.to_string()),
            })
        });
        return print_json(&shown.collect::<Vec<serde_json::Value>>());
    }
    if rows.is_empty() {
        return print("There is no current notice.\n");
    }
    let cells = rows.iter().map(|row| {
        vec![
            row.notice.clone(),
            row.revision.to_string(),
            local(row.updated_at, &tokyo()),
            row.status.word().to_owned(),
            row.words.title.clone(),
        ]
    });
    print(&table(&["NOTICE", "REV>", "CHANGED", "STATUS", "TITLE"], &cells.collect::<Vec<_>>()))
}

async fn show(global: &Global, desk: &Desk, id: &str) -> Result<(), Failure> {
    let rows = notices::list(desk, true, LISTED_MAX).await?;
    let found = rows.into_iter().find(|row| row.notice == id);
    let row = found.ok_or_else(|| {
        Failure::Failed(format!("there is no notice {id}; `kura notice list --all` names them"))
    })?;
    let words = &row.words;
    if global.json {
        return print_json(&serde_json::json!({
            "id": id, "revision": row.revision, "title": words.title, "body": words.body,
            "title_en": words.title_en, "body_en": words.body_en,
        }));
    }
    print(&format!("{}\n{}\n{}\n{}", words.title, words.body, words.title_en, words.body_en))
}
