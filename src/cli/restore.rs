//! `kura restore`: gives a snapshot back, and says by name what could not be given back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::time::Day;
use crate::workflows::Progress;
use crate::workflows::choice::Wanted;
use crate::workflows::load_database::{check_address, load_database};
use crate::workflows::restore::{self, Owners, Request, RestoreError, Summary};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Opening;
use super::progress::Display;
use super::snapshots::short;
use super::words::{counted, entries, print, print_json, size, stderr_is_a_journal, tell};

/// At most this many names are shown.
const NAMES_MAX: usize = 20;

/// Give a snapshot back, from the store and a recovery key alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: kura restore latest --identity /media/usb/recovery.key --to /srv/restored\n\
                  SNAPSHOT is an id (at least 4 digits), `latest`, `latest:PLAN` or a date (the last of that day).\n\
                  A file appears only after its content was checked. Exit code 3: some could not be given back."
)]
pub(super) struct Arguments {
    /// Which snapshot.
    snapshot: String,
    #[command(flatten)]
    opening: Opening,
    /// Where to; made if missing. What is there already is not replaced without --in-place.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    to: Option<PathBuf>,
    /// Then load it into an empty PostgreSQL database: postgres://USER@HOST:PORT/DATABASE, without a password.
    #[arg(long, value_name = "URL", requires = "to", conflicts_with = "dry_run")]
    to_postgres: Option<String>,
    /// With the rows of another restored folder, such as that of the plan of system data; may be given several times.
    #[arg(long, value_name = "DIR", requires = "to_postgres")]
    rows_from: Vec<PathBuf>,
    /// Only this path with what is below it, or a glob (`**/*.xml`); may be given several times.
    #[arg(long, value_name = "PATH")]
    path: Vec<OsString>,
    /// Only records sent on these days, both included: `FROM..TO`, `FROM..`, `..TO` or one day.
    #[arg(long, value_name = "FROM..TO")]
    sent: Option<String>,
    /// Restore into a folder that is in use: replace what differs, leave what is right, remove nothing.
    #[arg(long)]
    in_place: bool,
    /// End only when everything is on the disk: as safe from a power cut as after `sync`.
    #[arg(long)]
    sync: bool,
    /// Only say how much would be restored.
    #[arg(long)]
    dry_run: bool,
    /// Give files to the owners of the same name on this machine, not of the same number.
    #[arg(long)]
    owner_names: bool,
    /// Refuse a repository whose chain does not hold this snapshot; it stands in the notice of each backup.
    #[arg(long, value_name = "SEQUENCE:DIGEST")]
    expect_head: Option<String>,
}

#[derive(Serialize)]
struct Restored<'a> {
    snapshot: &'a str,
    taken_at: &'a str,
    state: &'static str,
    files: u64,
    bytes: u64,
    unchanged: u64,
    failed: u64,
    failures: Vec<NotRestored<'a>>,
    shortcomings: &'a BTreeMap<&'static str, u64>,
    expired_cohorts: u64,
    erased: u64,
    skipped_when_taken: u64,
    dry_run: bool,
}

#[derive(Serialize)]
struct NotRestored<'a> {
    path: &'a str,
    reason: &'a str,
}

/// The newest snapshot that this host's catalog knows, if the newest is asked for. No catalog is no reason to stop.
async fn known_head(app: &App, wanted: &Wanted) -> Option<(u64, String)> {
    let plan = match wanted {
        Wanted::LatestOf(plan) => Some(plan.as_str()),
        Wanted::Latest => None,
        Wanted::Day(_) | Wanted::Prefix(_) => return None,
    };
    if !app.home.exists() {
        return None;
    }
    let catalog = app.catalog().await.ok()?;
    let rows = catalog.snapshots(plan).await.ok();
    catalog.close().await;
    let rows = rows?;
    let newest = rows.last()?;
    // With several plans `latest` alone is refused anyway.
    rows.iter().all(|row| row.plan == newest.plan).then(|| (newest.sequence, newest.digest.to_string()))
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    arguments.to_postgres.as_deref().map(check_address).transpose()?;
    let wanted = Wanted::parse(&arguments.snapshot).map_err(RestoreError::from)?;
    let mut request = Request {
        wanted,
        patterns: arguments.path,
        to: arguments.to.unwrap_or_default(),
        sent: arguments.sent.as_deref().map(days).transpose()?,
        in_place: arguments.in_place,
        sync: arguments.sync,
        dry_run: arguments.dry_run,
        owners: if arguments.owner_names { Owners::ByName } else { Owners::Usual },
        expect_head: arguments.expect_head.as_deref().map(head).transpose()?,
    };
    if request.expect_head.is_none() && arguments.opening.is_of_home() {
        request.expect_head = known_head(app, &request.wanted).await;
    }
    let opened = arguments.opening.open(app).await?;
    let progress = Arc::new(Progress::default());
    let display = Display::begin(&progress, global.quiet);
    let outcome = Box::pin(restore::restore(opened, &request, app.clock.now(), &progress)).await;
    drop(display);
    let summary = outcome?;
    if global.json {
        print_json(&restored(&summary, request.dry_run))?;
    } else {
        print(&words(&summary, &request))?;
    }
    tell_remarks(&summary, global.quiet);
    if let Some(url) = arguments.to_postgres {
        if summary.failed_count > 0 {
            tell("kura: nothing was loaded into the database, because not everything was restored");
            return Ok(Exit::Partial);
        }
        let said = load_database(url, request.to, arguments.rows_from)?;
        for line in &said {
            tell(&format!("kura: {line}"));
        }
        if !global.json {
            print("loaded into the database\n")?;
        }
    }
    Ok(if summary.failed_count == 0 { Exit::Done } else { Exit::Partial })
}

fn restored(summary: &Summary, dry_run: bool) -> Restored<'_> {
    let failures = summary.failed.iter().map(|one| NotRestored { path: &one.path, reason: &one.reason });
    Restored {
        snapshot: &summary.snapshot,
        taken_at: &summary.taken_at,
        state: if summary.failed_count == 0 { "done" } else { "partial" },
        files: summary.files,
        bytes: summary.bytes,
        unchanged: summary.unchanged,
        failed: summary.failed_count,
        failures: failures.collect(),
        shortcomings: &summary.shortcomings,
        expired_cohorts: summary.expired_cohorts,
        erased: summary.erased,
        skipped_when_taken: summary.skipped_then,
        dry_run,
    }
}

fn words(summary: &Summary, request: &Request) -> String {
    let (id, taken) = (short(&summary.snapshot), &summary.taken_at);
    let (files, bytes) = (counted(summary.files, "file"), size(summary.bytes));
    let unchanged = match summary.unchanged {
        0 => String::new(),
        n => format!(", {} unchanged", counted(n, "file")),
    };
    if request.dry_run {
        return format!("{id}  taken {taken}: {files}, {bytes} would be restored\n");
    }
    let to = request.to.display();
    format!("{id}  taken {taken}: {files}, {bytes} restored to {to}{unchanged}\n")
}

/// Tells on stderr what is not as it was. Names stay out of a journal.
fn tell_remarks(summary: &Summary, is_quiet: bool) {
    if summary.failed_count > 0 {
        tell(&format!("kura: {} could not be restored:", entries(summary.failed_count)));
        let shown = if stderr_is_a_journal() { 0 } else { summary.failed.len().min(NAMES_MAX) };
        for one in summary.failed.iter().take(shown) {
            tell(&format!("  {}: {}", one.path, one.reason));
        }
        let more = summary.failed_count.saturating_sub(u64::try_from(shown).unwrap_or(0));
        if more > 0 {
            tell(&format!("  … and {more} more (--json names up to a thousand)"));
        }
    }
    if is_quiet {
        return;
    }
    for (kind, count) in &summary.shortcomings {
        tell(&format!("kura: {}: {}", entries(*count), meaning(kind)));
    }
    if summary.skipped_then > 0 {
        let skipped = entries(summary.skipped_then);
        tell(&format!("kura: {skipped} could not be read when the snapshot was taken and are not in it"));
    }
    if summary.erased > 0 {
        let erased = entries(summary.erased);
        tell(&format!("kura: {erased} left out: an erasure order covers them"));
    }
    if summary.expired_cohorts > 0 {
        let cohorts = counted(summary.expired_cohorts, "cohort");
        tell(&format!("kura: {cohorts} left out: the year is over"));
    }
}

/// What a kind of shortcoming means.
fn meaning(kind: &str) -> &str {
    match kind {
        "owner" => "the owner could not be set",
        "owner-name" => "no user or group of that name here; the number was used",
        "set-id" => "the set-user-id or set-group-id bit was left out, as the owner differs",
        "mode" => "the rights could not be set",
        "attribute" => "not every extended attribute could be set",
        "time" => "the time could not be set",
        other => other,
    }
}

/// Reads `FROM..TO`.
pub(super) fn days(text: &str) -> Result<(Day, Day), Failure> {
    let wrong = || {
        Failure::Usage(format!("--sent {text:?} is not FROM..TO: write for example 2026-04-01..2026-04-30"))
    };
    let day = |text: &str, open: Option<Day>| match text {
        "" => open.ok_or_else(wrong),
        text => text.parse().map_err(|_| wrong()),
    };
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (day(from, Day::of(0, 1, 1))?, day(to, Some(Day::LAST))?),
        None => (day(text, None)?, day(text, None)?),
    };
    if from > to {
        return Err(Failure::Usage(format!("--sent {text:?}: the first day lies after the last")));
    }
    Ok((from, to))
}

/// Reads `SEQUENCE:DIGEST`; the digest may be shortened to 12 digits.
fn head(text: &str) -> Result<(u64, String), Failure> {
    let parts = text.split_once(':').and_then(|(sequence, digest)| {
        let digest = digest.to_ascii_lowercase();
        let is_digest = (12..=64).contains(&digest.len()) && digest.bytes().all(|b| b.is_ascii_hexdigit());
        Some((sequence.parse().ok()?, digest)).filter(|_| is_digest)
    });
    parts.ok_or_else(|| {
        Failure::Usage(format!(
            "--expect-head {text:?} is not SEQUENCE:DIGEST: write for example 41:04edb833ffe1"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_may_be_open_at_either_end() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(days("2026-04-01..2026-04-30").unwrap(), (day("2026-04-01"), day("2026-04-30")));
        assert_eq!(days("2026-04-01").unwrap(), (day("2026-04-01"), day("2026-04-01")));
        assert_eq!(days("2026-04-01..").unwrap(), (day("2026-04-01"), Day::LAST));
        assert_eq!(days("..2026-04-01").unwrap().1, day("2026-04-01"));
        for wrong in ["", "2026-04", "2026-04-30..2026-04-01", "a..b"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_head_is_a_number_and_a_digest() {
        assert_eq!(head("41:04EDB833FFE1").unwrap(), (41, "04edb833ffe1".to_owned()));
        for wrong in ["41", "41:12", "x:04edb833ffe1", "41:04edb833ffeg"] {
            assert!(head(wrong).is_err(), "{wrong}");
        }
    }
}
