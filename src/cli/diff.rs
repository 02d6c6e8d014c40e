//! `kura diff`: how two snapshots differ.

use clap::Args;

use crate::app::App;
use crate::clock::Clock as _;
use crate::workflows::browse::{self, Browser, Difference};
use crate::workflows::choice::Wanted;
use crate::workflows::restore::RestoreError;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::listing::{Form, Lines, Sink};
use super::opening::Opening;
use super::words::tokyo;

/// Say how two snapshots differ.
#[derive(Debug, Args)]
#[command(
    after_help = "Marks: + only in B, - only in A, M other content, m other rights, owner, time or attributes.\n\
                  The exit code is 0 whether they differ or not."
)]
pub(super) struct Arguments {
    /// The first snapshot: an id, `latest`, `latest:PLAN` or a date.
    a: String,
    /// The second snapshot.
    b: String,
    #[command(flatten)]
    opening: Opening,
    /// With rights, owner, size, time and cohort.
    #[arg(long, short)]
    long: bool,
}

const fn words(difference: Difference) -> (&'static str, &'static str) {
    match difference {
        Difference::Added => ("+", "added"),
        Difference::Removed => ("-", "removed"),
        Difference::Content => ("M", "content"),
        Difference::Metadata => ("m", "metadata"),
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let a = Wanted::parse(&arguments.a).map_err(RestoreError::from)?;
    let b = Wanted::parse(&arguments.b).map_err(RestoreError::from)?;
    let opened = arguments.opening.open(app).await?;
    let now = app.clock.now();
    let a = Box::pin(Browser::open(opened.clone(), &a, now)).await?.list(&[])?.whole()?;
    let b = Box::pin(Browser::open(opened, &b, now)).await?.list(&[])?.whole()?;
    let form = Form::of(global.json, false, arguments.long);
    let mut sink = Sink::stdout();
    let write = || -> Result<(), RestoreError> {
        let mut lines = Lines::begin(&mut sink, form, tokyo())?;
        browse::diff(a, b, |difference, shown| {
            if shown.path.is_empty() { Ok(()) } else { lines.entry(shown, Some(words(difference))) }
        })?;
        lines.end()?;
        Ok(())
    };
    let outcome = write();
    sink.settle(outcome)?;
    Ok(Exit::Done)
}
