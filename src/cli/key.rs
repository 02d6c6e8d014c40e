//! `kura key`: a further recovery key, and the list of those in force.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::workflows::keys;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::passphrase;
use super::words::{print, print_json};

/// Make and list recovery keys.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a further recovery key that names the same root key.
    New(New),
    /// List the recovery keys in force and the fingerprint of the root key.
    List,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The key opens nothing until it is among a repository's recovery keys: give its public half to\n\
                  `kura init --recipient`."
)]
struct New {
    /// Where to write the key; the file must not exist.
    file: PathBuf,
    /// The root key, as `kura init` made it.
    #[arg(long, value_name = "FILE")]
    root_key: PathBuf,
    /// Protect the key with a passphrase (asked for, or from the file named in `KURA_PASSPHRASE_FILE`).
    #[arg(long)]
    passphrase: bool,
}

#[derive(Serialize)]
struct Made<'a> {
    file: &'a Path,
    recipient: &'a str,
    root_fingerprint: &'a str,
}

#[derive(Serialize)]
struct InForce<'a> {
    repository: &'a str,
    root_fingerprint: &'a str,
    set: u32,
    recipients: &'a [String],
}

pub(super) fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::New(new) => make(app, global, &new),
        Command::List => list(app, global),
    }
}

fn make(app: &App, global: &Global, new: &New) -> Result<Exit, Failure> {
    if new.file.exists() {
        let file = new.file.display();
        return Err(Failure::Failed(format!(
            "{file} is there already and is not overwritten: choose another name"
        )));
    }
    let passphrase = if new.passphrase { Some(passphrase::new_for(&new.file)?) } else { None };
    let made = keys::new_key(&new.file, &new.root_key, passphrase.as_ref(), &app.clock)?;
    if global.json {
        let (recipient, root_fingerprint) = (&*made.recipient, &*made.root_fingerprint);
        print_json(&Made { file: &new.file, recipient, root_fingerprint })?;
    } else {
        print(&format!(
            "Made the recovery key {}\n  public half       {}\n  root fingerprint  {}\n\
             Take the file offline. It opens nothing until a repository names it (`kura init --recipient`).\n",
            new.file.display(),
            made.recipient,
            made.root_fingerprint
        ))?;
    }
    Ok(Exit::Done)
}

fn list(app: &App, global: &Global) -> Result<Exit, Failure> {
    let keys = keys::in_force(&app.home)?;
    if global.json {
        print_json(&InForce {
            repository: &keys.repository,
            root_fingerprint: &keys.root_fingerprint,
            set: keys.set,
            recipients: &keys.recipients,
        })?;
        return Ok(Exit::Done);
    }
    let mut text = format!(
        "repository        {}\nroot fingerprint  {}\nrecovery keys, set {}:\n",
        keys.repository, keys.root_fingerprint, keys.set
    );
    for recipient in &keys.recipients {
        text.extend(["  ", recipient, "\n"]);
    }
    print(&text)?;
    Ok(Exit::Done)
}
