//! `kura audit`: checking and reading the audit log.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::workflows::audit_head;
use crate::workflows::check_audit::{self, Noted};

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
    /// A head that was noted before, as this command and notices (備考) print it: NUMBER:DIGEST, at least 12 digits.
    #[arg(long, value_name = "HEAD")]
    expect_head: Option<String>,
    /// Compare with every head that was stored, one for each day [URL default: the store of the settings].
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    store: Option<String>,
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
            let compared = match &verify.store {
                Some(url) => {
                    let host = app.host(Some(url.as_str()).filter(|url| !url.is_empty())).await?;
                    Some(audit_head::verify(&host, &catalog, expected.clone()).await?)
                }
                None => None,
            };
            let head = match &compared {
                Some(compared) => compared.head,
                None => check_audit::verify_against(&catalog, expected.as_slice()).await?,
            };
            let text = format!("{}:{}", head.sequence, head.digest);
            if global.json {
                print_json(&serde_json::json!({
                    "lines": head.sequence, "head": text, "holds": true,
                    "stored_heads": compared.as_ref().map(|compared| compared.stored),
                    "newest_stored": compared.as_ref().map(|compared| compared.newest),
                }))?;
            } else {
                let lines = counted(head.sequence, "line");
                print(&format!("The audit log holds: {lines}, head {text}\n"))?;
                if let Some(compared) = compared {
                    let heads = counted(compared.stored, "stored head");
                    print(&format!("It agrees with {heads}, the newest of line {}.\n", compared.newest))?;
                }
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

fn parse_head(text: &str) -> Result<Noted, Failure> {
    let parts = text.split_once(':').and_then(|(sequence, digest)| {
        let digest = digest.to_ascii_lowercase();
        let is_digest = (12..=64).contains(&digest.len()) && digest.bytes().all(|b| b.is_ascii_hexdigit());
        Some((sequence.parse().ok()?, digest)).filter(|_| is_digest)
    });
    let (sequence, digest) = parts.ok_or_else(|| {
        Failure::Usage(format!("{text:?} is no head; write it as `kura audit verify` printed it"))
    })?;
    Ok(Noted { sequence, digest, place: "the head that you gave".to_owned() })
}
