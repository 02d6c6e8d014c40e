//! `kura snapshots`: what the catalog knows of past snapshots, or, with a recovery key, what the store has. Counts,
//! sizes and days; no names.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::app::{App, SnapshotRow};
use crate::clock::Clock as _;
use crate::domain::plan::PlanName;
use crate::domain::time::Zone;
use crate::workflows::rebuild;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Place;
use super::words::{grouped, local, print, print_json, size, table, tokyo};

/// List snapshots: counts, sizes and days.
#[derive(Debug, Args)]
#[command(
    after_help = "Times stand in the plan's zone. An id may be shortened wherever a snapshot is asked for."
)]
pub(super) struct Arguments {
    /// Only those of this plan.
    plan: Option<String>,
    /// A recovery key: list what the store has, without a home or a catalog.
    #[arg(long, short, value_name = "FILE")]
    identity: Option<std::path::PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: String,
    digest: String,
    plan: &'a str,
    sequence: u64,
    taken_at: String,
    day: String,
    event: &'a str,
    files: u64,
    bytes: u64,
    /// Not known of a snapshot that a rebuild found in the store.
    new_bytes_stored: Option<u64>,
    skipped: u64,
    state: &'static str,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let (rows, unreadable) = match &arguments.identity {
        Some(identity) => stored(app, &arguments, identity).await?,
        None if !app.home.exists() => {
            return Err(Failure::Usage(format!(
                "{} is not a Kura home: make one with `kura init`, or give --store URL and --identity FILE to list what a \
                 store has",
                app.home.path().display()
            )));
        }
        None => (app.catalog().await?.snapshots(arguments.plan.as_deref()).await?, 0),
    };
    if let Some(plan) = arguments.plan.as_deref()
        && rows.is_empty()
        && app.plan(plan).is_err()
    {
        return Err(Failure::Usage(format!("there is no plan {plan}, and no snapshot of one")));
    }
    let done = if unreadable == 0 { Exit::Done } else { Exit::Partial };
    let listed: Vec<Listed<'_>> = rows
        .iter()
        .map(|row| Listed {
            id: short(&row.digest.to_string()),
            digest: row.digest.to_string(),
            plan: &row.plan,
            sequence: row.sequence,
            taken_at: row.taken_at.to_string(),
            day: row.day.to_string(),
            event: &row.event,
            files: row.files,
            bytes: row.bytes,
            // No run stores nothing: its snapshot at least is new.
            new_bytes_stored: Some(row.new_bytes_stored).filter(|bytes| *bytes > 0),
            skipped: row.skipped,
            state: if row.is_complete { "verified" } else { "partial" },
        })
        .collect();
    if global.json {
        print_json(&listed)?;
        return Ok(done);
    }
    let mut zones: BTreeMap<&str, Zone> = BTreeMap::new();
    let mut cells = Vec::new();
    for (row, listed) in rows.iter().zip(&listed) {
        if !zones.contains_key(listed.plan) {
            zones.insert(listed.plan, zone_of(app, listed.plan));
        }
        let time =
            zones.get(listed.plan).map_or_else(|| listed.taken_at.clone(), |zone| local(row.taken_at, zone));
        cells.push(vec![
            listed.id.clone(),
            listed.plan.to_owned(),
            time,
            grouped(listed.files),
            size(listed.bytes),
            listed.new_bytes_stored.map_or_else(|| "-".to_owned(), size),
            listed.state.to_owned(),
        ]);
    }
    if cells.is_empty() {
        print(
            "There is no snapshot yet; `kura snapshot PLAN` takes one. If the catalog was lost, `kura catalog rebuild` \
             brings back what the store has.\n",
        )?;
    } else {
        print(&table(&["ID", "PLAN", "TAKEN", "FILES>", "SIZE>", "STORED>", "STATE"], &cells))?;
    }
    Ok(done)
}

/// What the store has, opened with a recovery key; and how many objects cannot be read.
async fn stored(
    app: &App,
    arguments: &Arguments,
    identity: &std::path::Path,
) -> Result<(Vec<SnapshotRow>, u64), Failure> {
    let plan = arguments.plan.as_deref().map(str::parse::<PlanName>).transpose();
    let plan = plan.map_err(|e| Failure::Usage(e.to_string()))?;
    let opened = Box::pin(arguments.place.open(app, identity)).await?;
    Ok(rebuild::stored_snapshots(&opened, plan.as_ref(), app.clock.now()).await?)
}

/// The id that people type: the first 12 digits.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// The zone of a plan; Tokyo's, if the plan is gone or wrong: a listing is not the place to complain about it.
fn zone_of(app: &App, plan: &str) -> Zone {
    app.plan(plan).map_or_else(|_| tokyo(), |plan| plan.zone().clone())
}
