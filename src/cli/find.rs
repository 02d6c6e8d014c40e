//! `kura find`: entries whose name or path fits a pattern.

use clap::Args;
use globset::{GlobBuilder, GlobMatcher};

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

/// Find entries of a snapshot by name or path.
#[derive(Debug, Args)]
#[command(after_help = "Example: kura find '*.xml' --identity /media/usb/recovery.key\n\
                  A pattern without `/` is compared with the name, one with `/` with the whole path.")]
pub(super) struct Arguments {
    /// A glob: `*` stays in a folder, `**` crosses them.
    pattern: String,
    /// Which snapshot: an id, `latest`, `latest:PLAN` or a date.
    #[arg(long, value_name = "SNAPSHOT", default_value = "latest")]
    snapshot: String,
    #[command(flatten)]
    opening: Opening,
    /// With rights, owner, size, time and cohort.
    #[arg(long, short)]
    long: bool,
    /// Do not distinguish A from a.
    #[arg(long)]
    ignore_case: bool,
    /// Paths as they are, each ended by a zero byte.
    #[arg(long, short = '0')]
    null: bool,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let wanted = Wanted::parse(&arguments.snapshot).map_err(RestoreError::from)?;
    let pattern = matcher(&arguments)?;
    let opened = arguments.opening.open(app).await?;
    let browser = Box::pin(Browser::open(opened, &wanted, app.clock.now())).await?;
    let mut listing = browser.list(&[])?;
    let form = Form::of(global.json, arguments.null, arguments.long);
    let by_name = !arguments.pattern.contains('/');
    let mut sink = Sink::stdout();
    let mut write = || -> Result<(), RestoreError> {
        let mut lines = Lines::begin(&mut sink, form, tokyo())?;
        while let Some(shown) = listing.next()? {
            if !shown.path.is_empty() && fits(&pattern, by_name, &shown.path) {
                lines.entry(&shown, None)?;
            }
        }
        lines.end()?;
        Ok(())
    };
    let outcome = write();
    sink.settle(outcome)?;
    tell_erasures(&browser);
    for lost in &listing.lost {
        tell(&format!("kura: could not be read: {lost}"));
    }
    Ok(if listing.lost.is_empty() { Exit::Done } else { Exit::Partial })
}

fn matcher(arguments: &Arguments) -> Result<GlobMatcher, Failure> {
    let text = arguments.pattern.trim_start_matches("./").trim_start_matches('/');
    let built =
        GlobBuilder::new(text).literal_separator(true).case_insensitive(arguments.ignore_case).build();
    let glob = built.map_err(|e| Failure::Usage(format!("{:?} is not a pattern: {e}", arguments.pattern)))?;
    Ok(glob.compile_matcher())
}

fn fits(pattern: &GlobMatcher, by_name: bool, path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    pattern.is_match(std::ffi::OsStr::from_bytes(if by_name { name } else { path }))
}
