//! `kura cat`: one file of a snapshot, to stdout.

use std::ffi::{OsStr, OsString};
use std::io;

use clap::Args;

use crate::app::App;
use crate::clock::Clock as _;
use crate::workflows::Kind;
use crate::workflows::browse::Browser;
use crate::workflows::choice::Wanted;
use crate::workflows::restore::RestoreError;

use super::exit::Exit;
use super::failure::Failure;
use super::listing::Sink;
use super::opening::Opening;

/// Write one file of a snapshot to stdout.
#[derive(Debug, Args)]
#[command(
    after_help = "A file of up to 16 MiB is checked before its first byte is written, a longer one at its end:\n\
                  exit code 1 then says that what was written is not to be used."
)]
pub(super) struct Arguments {
    /// Which snapshot: an id, `latest`, `latest:PLAN` or a date.
    snapshot: String,
    /// The file's path, as `kura ls` shows it.
    path: OsString,
    #[command(flatten)]
    opening: Opening,
}

pub(super) async fn run(app: &App, arguments: Arguments) -> Result<Exit, Failure> {
    let wanted = Wanted::parse(&arguments.snapshot).map_err(RestoreError::from)?;
    let opened = arguments.opening.open(app).await?;
    let browser = Box::pin(Browser::open(opened, &wanted, app.clock.now())).await?;
    refuse_other_kinds(&browser, &arguments.path)?;
    let mut sink = Sink::stdout();
    let outcome = browser.cat(&arguments.path, &mut sink).map(|_| ());
    sink.settle(outcome).map_err(|failure| damaged(failure, &arguments.path))?;
    Ok(Exit::Done)
}

/// A wrong hash is no failure of the local disk.
fn damaged(failure: Failure, path: &OsStr) -> Failure {
    match failure {
        Failure::Restore(RestoreError::Spill(error)) if error.kind() == io::ErrorKind::Other => {
            let path = path.to_string_lossy();
            Failure::Failed(format!(
                "{path}: {error}. Do not use what was written; `kura verify` says what is damaged"
            ))
        }
        other => other,
    }
}

/// A directory would otherwise stand for the first file in it.
fn refuse_other_kinds(browser: &Browser, path: &OsString) -> Result<(), Failure> {
    let mut listing = browser.list(std::slice::from_ref(path))?;
    let Some(first) = listing.next()? else { return Err(RestoreError::Nothing.into()) };
    let is_one = first.entry.meta.kind == Kind::File && listing.next()?.is_none();
    if is_one {
        return Ok(());
    }
    let path = path.to_string_lossy();
    Err(Failure::Failed(format!(
        "{path} is not one file: `kura ls` shows what is there, `kura restore` gives it back"
    )))
}
