//! `kura incident open`: a failure that a person noticed.

use clap::Args;

use crate::app::{App, Desk};
use crate::domain::time::Instant;
use crate::workflows::incidents;
use crate::workflows::incidents::people::{self, New};

use super::commands::Global;
use super::failure::Failure;
use super::incident_words::{self as said, shown};
use super::who::Who;
use super::words::{print, print_json};

/// Open one that a person noticed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What failed, in a sentence.
    content: String,
    /// Where it was found (発見箇所).
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,
    /// What is concerned (影響範囲).
    #[arg(long, value_name = "TEXT")]
    scope: Option<String>,
    /// When it was found [default: now].
    #[arg(long, value_name = "TIME")]
    found: Option<String>,
    /// When it began.
    #[arg(long, value_name = "TIME")]
    occurred: Option<String>,
    /// A service that users cannot use, by the name that they know; users are told of it.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// Whether data of persons are concerned: none, possible, on-purpose.
    #[arg(long, value_name = "ANSWER", default_value = "none")]
    persons: String,
    /// It is another failure than the one that is open about the same plan or service.
    #[arg(long)]
    another: bool,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(
    app: &App,
    global: &Global,
    (desk, now): (&Desk, Instant),
    open: Arguments,
) -> Result<(), Failure> {
    let new = New {
        content: open.content,
        place: open.place,
        scope: open.scope,
        found_at: open.found.as_deref().map(said::time).transpose()?,
        occurred_at: open.occurred.as_deref().map(said::time).transpose()?,
        services: open.services,
        concern: said::concern(&open.persons)?,
        is_another: open.another,
    };
    let by = open.who.sign_in(app, &desk.catalog, now).await?;
    let id = people::open(desk, &new, &by, now).await?;
    if global.json {
        return print_json(&shown(&incidents::look(desk, &id).await?));
    }
    print(&format!(
        "{id} is open. Confirm it when you have seen that it is so: `kura incident confirm {id}`.\n"
    ))
}
