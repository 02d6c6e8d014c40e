//! `kura store copy` and `kura scrub`: the second store gets what it lacks; both are read and compared.

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::workflows::replica::{self, Copied, ReplicaError, Scrubbed};
use crate::workflows::take_snapshot::SnapshotError;

use super::commands::Global;
use super::exit::Exit;
use super::failure::{Failure, with_causes};
use super::verify::part;
use super::words::{counted, print, print_json, size, tell};

/// Read every object of both stores, compare them, and say what is missing or altered in which.
#[derive(Debug, Args)]
#[command(
    after_help = "Needs [replica] in kura.toml. --heal puts back what one store lost or has altered and the other has right,\n\
                  locked as its plan says. Only bytes that are shown to be right (by a digest or a signature) are put over\n\
                  others; in a bucket with versions the altered ones stay below until their lock is over. Exit code 1:\n\
                  something is wrong that was not mended."
)]
pub(super) struct Arguments {
    /// Read part N of M of all objects.
    #[arg(long, value_name = "N/M")]
    read: Option<String>,
    /// Put back what one store lost or has altered and the other has right.
    #[arg(long)]
    heal: bool,
}

#[derive(Serialize)]
struct Told<'a> {
    ok: bool,
    read: u64,
    healed: Vec<Named<'a>>,
    wrong: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    object: &'a str,
    what: &'a str,
}

impl From<ReplicaError> for Failure {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Host(error) => error.into(),
            ReplicaError::Repository(error) => error.into(),
            ReplicaError::Upload(error) => SnapshotError::from(error).into(),
            other @ (ReplicaError::None | ReplicaError::Same | ReplicaError::NoReaper) => {
                Self::Failed(with_causes(&other))
            }
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let host = app.host(None).await?;
    let second = replica::open(&host.settings).await?.ok_or(ReplicaError::None)?;
    let ends = replica::ends_of(&host, &*second, app.clock.now()).await?;
    let part = arguments.read.as_deref().map(part).transpose()?;
    let done = replica::scrub((&*host.vault, &*second), &ends, (part, arguments.heal)).await?;
    tell_scrubbed(global, &done)?;
    Ok(if done.wrong.is_empty() { Exit::Done } else { Exit::Failed })
}

fn tell_scrubbed(global: &Global, done: &Scrubbed) -> Result<(), Failure> {
    if global.json {
        return print_json(&Told {
            ok: done.wrong.is_empty(),
            read: done.read,
            healed: done.healed.iter().map(|(what, object)| Named { object, what }).collect(),
            wrong: done.wrong.iter().map(|(object, what)| Named { object, what }).collect(),
        });
    }
    for (object, what) in &done.wrong {
        tell(&format!("kura: wrong: {object}: {what}"));
    }
    for (store, object) in &done.healed {
        tell(&format!("kura: put back into {store}: {object}"));
    }
    let (healed, wrong) = (done.healed.len(), done.wrong.len());
    print(&format!(
        "{} alike in both stores, {healed} put back, {wrong} wrong\n",
        counted(done.read, "object")
    ))
}

/// `kura store copy`.
pub(super) async fn copy(app: &App, global: &Global) -> Result<Exit, Failure> {
    let host = app.host(None).await?;
    let copied = replica::copy_host(&host, app.clock.now()).await?.ok_or(ReplicaError::None)?;
    let Copied { objects, bytes, wrong } = &copied;
    if global.json {
        print_json(&serde_json::json!({ "objects": objects, "bytes": bytes, "wrong": wrong.len() }))?;
    } else {
        print(&format!("{} of {} copied to the second store\n", counted(*objects, "object"), size(*bytes)))?;
    }
    for (object, what) in wrong {
        tell(&format!("kura: not copied: {object}: {what}"));
    }
    Ok(if wrong.is_empty() { Exit::Done } else { Exit::Failed })
}
