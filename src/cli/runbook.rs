//! `kura runbook`: the runbooks (手順書, 第22条2項), readable without a network, a home or a console.

use clap::Args;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{print, print_json};
use crate::workflows::runbooks;

/// Read a runbook (手順書): one for each alarm, and one for each disaster.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a name the overview and the names are printed. Each alarm has a runbook of its name."
)]
pub(super) struct Arguments {
    /// Its name, such as `backup-missed` or `restore`.
    name: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<Exit, Failure> {
    let wanted = arguments.name.as_deref();
    let names = runbooks::names;
    if wanted.is_none() && global.json {
        print_json(&names().collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let name = wanted.unwrap_or(runbooks::OVERVIEW).trim_end_matches(".md");
    let text = runbooks::text(name).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        Failure::Usage(format!("there is no such runbook; there are: {}", known.join(", ")))
    })?;
    if global.json {
        print_json(&serde_json::json!({ "name": name, "text": text, "version": env!("CARGO_PKG_VERSION") }))?;
    } else {
        print(text)?;
        if wanted.is_none() {
            print(&format!("\nkura runbook NAME: {}\n", names().collect::<Vec<_>>().join(" ")))?;
        }
    }
    Ok(Exit::Done)
}
