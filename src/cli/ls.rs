//! `kura ls`: the entries of a snapshot.

use std::ffi::OsString;

use clap::Args;

use crate::app::App;
use crate::clock::Clock as _;
use crate::workflows::browse::Browser;
use crate::workflows::choice::Wanted;
use crate::workflows::restore::RestoreError;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::listing::{Form, Lines, Sink, tell_erasures};
use super::opening::Opening;
use super::words::{tell, tokyo};

/// List the entries of a snapshot.
#[derive(Debug, Args)]
#[command(after_help = "Example: kura ls latest 2026/11 -l --identity /media/usb/recovery.key")]
pub(super) struct Arguments {
    /// Which snapshot: an id, `latest`, `latest:PLAN` or a date.
    snapshot: String,
    /// Only this path with what is below it, or a glob (`**/*.xml`).
    path: Option<OsString>,
    #[command(flatten)]
    opening: Opening,
    /// With rights, owner, size, time and cohort.
    #[arg(long, short)]
    long: bool,
    /// At most so many levels below PATH.
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Paths as they are, each ended by a zero byte.
    #[arg(long, short = '0')]
    null: bool,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let wanted = Wanted::parse(&arguments.snapshot).map_err(RestoreError::from)?;
    let opened = arguments.opening.open(app).await?;
    let browser = Box::pin(Browser::open(opened, &wanted, app.clock.now())).await?;
    let patterns: Vec<OsString> = arguments.path.into_iter().collect();
    let mut listing = browser.list(&patterns)?;
    let form = Form::of(global.json, arguments.null, arguments.long);
    let mut sink = Sink::stdout();
    let mut write = || -> Result<(), RestoreError> {
        let mut lines = Lines::begin(&mut sink, form, tokyo())?;
        let mut top = None;
        let mut found = false;
        while let Some(shown) = listing.next()? {
            found = true;
            let level = shown.path.split(|byte| *byte == b'/').count();
            // The first entry of a path is the path itself, which is level 0 of what was asked for.
            let top = *top.get_or_insert(if patterns.is_empty() { 0 } else { level });
            let is_near = arguments.depth.is_none_or(|depth| level.saturating_sub(top) <= depth);
            if is_near && !shown.path.is_empty() {
                lines.entry(&shown, None)?;
            }
        }
        lines.end()?;
        if found || patterns.is_empty() { Ok(()) } else { Err(RestoreError::Nothing) }
    };
    let outcome = write();
    sink.settle(outcome)?;
    tell_erasures(&browser);
    for lost in &listing.lost {
        tell(&format!("kura: could not be read: {lost}"));
    }
    Ok(if listing.lost.is_empty() { Exit::Done } else { Exit::Partial })
}
