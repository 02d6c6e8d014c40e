//! `kura audit`: checking and reading the audit log.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::workflows::check_audit::{self, Head};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{counted, local, print, print_json, table, tokyo};

/// Check and read the audit log.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check every line against the one before; print the head. Exit 1 if the log does not hold.
    Verify(Verify),
    /// Print the newest lines, newest first.
    List(List),
}

#[derive(Debug, Args)]
struct Verify {
    /// A head that was noted before, as this command prints it: NUMBER:DIGEST.
    #[arg(long, value_name = "HEAD")]
    expect_head: Option<String>,
}

#[derive(Debug, Args)]
struct List {
    /// How many lines.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

#[derive(Serialize)]
struct Listed<'a> {
    sequence: u64,
    at: String,
    actor: &'a str,
    act: &'a str,
    subject: &'a str,
    detail: &'a str,
    digest: String,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let catalog = app.catalog().await?;
    match arguments.command {
        Command::Verify(verify) => {
            let expected = verify.expect_head.as_deref().map(parse_head).transpose()?;
            let head = check_audit::verify(&catalog, expected).await?;
            let text = format!("{}:{}", head.sequence, head.digest);
            if global.json {
                print_json(&serde_json::json!({ "lines": head.sequence, "head": text, "holds": true }))?;
            } else {
                let lines = counted(head.sequence, "line");
                print(&format!("The audit log holds: {lines}, head {text}\n"))?;
            }
        }
        Command::List(list) => {
            let lines = catalog.audit_newest(list.limit).await?;
            if global.json {
                let listed = lines.iter().map(|line| Listed {
                    sequence: line.sequence,
                    at: line.entry.at.to_string(),
                    actor: &line.entry.actor,
                    act: &line.entry.act,
                    subject: &line.entry.subject,
                    detail: &line.entry.detail,
                    digest: hex::encode(line.digest),
                });
                print_json(&listed.collect::<Vec<_>>())?;
            } else {
                let cells = lines.iter().map(|line| {
                    let entry = &line.entry;
                    let texts = [&entry.actor, &entry.act, &entry.subject, &entry.detail].map(Clone::clone);
                    [vec![line.sequence.to_string(), local(entry.at, &tokyo())], texts.to_vec()].concat()
                });
                let titles = ["NO>", "AT", "ACTOR", "ACT", "SUBJECT", "DETAIL"];
                print(&table(&titles, &cells.collect::<Vec<_>>()))?;
            }
        }
    }
    catalog.close().await;
    Ok(Exit::Done)
}

fn parse_head(text: &str) -> Result<Head, Failure> {
    let wrong = || Failure::Usage(format!("{text:?} is no head; write it as `kura audit verify` printed it"));
    let (sequence, digest) = text.split_once(':').ok_or_else(wrong)?;
    let sequence = sequence.parse().map_err(|_| wrong())?;
    Ok(Head { sequence, digest: digest.parse().map_err(|_| wrong())? })
}
