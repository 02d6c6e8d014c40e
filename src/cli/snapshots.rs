//! `kura snapshots`: what the catalog knows of past snapshots. Counts, sizes and days; no names.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::domain::time::Zone;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{grouped, local, print, print_json, size, table, tokyo};

/// List snapshots: counts, sizes and days.
#[derive(Debug, Args)]
#[command(
    after_help = "Times stand in the plan's zone. An id may be shortened wherever a snapshot is asked for."
)]
pub(super) struct Arguments {
    /// Only those of this plan.
    plan: Option<String>,
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
    let catalog = app.catalog().await?;
    let rows = catalog.snapshots(arguments.plan.as_deref()).await?;
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
        return Ok(Exit::Done);
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
        print("There is no snapshot yet; `kura snapshot PLAN` takes one.\n")?;
    } else {
        print(&table(&["ID", "PLAN", "TAKEN", "FILES>", "SIZE>", "STORED>", "STATE"], &cells))?;
    }
    Ok(Exit::Done)
}

/// The id that people type: the first 12 digits.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// The zone of a plan; Tokyo's, if the plan is gone or wrong: a listing is not the place to complain about it.
fn zone_of(app: &App, plan: &str) -> Zone {
    app.plan(plan).map_or_else(|_| tokyo(), |plan| plan.zone().clone())
}
