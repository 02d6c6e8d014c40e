//! `kura key`: making recovery keys, listing them, changing which of them count, proving that they open.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::drill::DrillFacts;
use crate::domain::time::Instant;
use crate::workflows::drill as drill_work;
use crate::workflows::key_list::{self, KeyListing, KeyStanding, Warning};
use crate::workflows::keys;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{counted, local, print, print_json, tokyo};
use super::{drill, key_change, key_sheet, passphrase};

/// Make and list recovery keys, change which of them count, prove that they open.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a further recovery key that names the same root key.
    New(New),
    /// List the recovery keys: who keeps each, since when it counts, what it opens, what is to be done.
    List,
    Wrap(key_change::Wrap),
    Rotate(key_change::Rotate),
    Adopt(key_change::Adopt),
    Ceremony(key_sheet::Ceremony),
    Sheet(key_sheet::Sheet),
    Drill(drill::KeyDrill),
}

#[derive(Debug, Args)]
#[command(
    after_help = "The key opens nothing until it is among a repository's recovery keys: `kura key rotate --add`, or\n\
                  `kura init --recipient` for a new repository."
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
    cohorts: u64,
    keys: Vec<Key<'a>>,
    warnings: Vec<Said>,
}

#[derive(Serialize)]
struct Key<'a> {
    recipient: &'a str,
    holder: Option<&'a str>,
    since: &'a str,
    retired_at: Option<&'a str>,
    is_compromised: bool,
    opens: u64,
    opens_until: Option<String>,
}

#[derive(Serialize)]
struct Said {
    code: &'static str,
    text: String,
}

impl Arguments {
    /// Whether it writes into the home, or what the home's service must be able to read.
    pub(super) const fn is_of_home(&self) -> bool {
        matches!(self.command, Command::Wrap(_) | Command::Rotate(_) | Command::Adopt(_) | Command::Drill(_))
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::New(new) => make(app, global, &new),
        Command::List => list(app, global).await,
        Command::Wrap(wrap) => key_change::wrap(app, global, &wrap).await,
        Command::Rotate(rotate) => key_change::rotate(app, global, &rotate).await,
        Command::Adopt(adopt) => key_change::adopt(app, global, &adopt).await,
        Command::Ceremony(ceremony) => key_sheet::ceremony(app, global, &ceremony),
        Command::Drill(arguments) => drill::key(app, global, &arguments).await,
        Command::Sheet(sheet) => key_sheet::sheet(global, &sheet),
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
             Take the file offline. It opens nothing until a repository names it: `kura key rotate --add` (or\n\
             `kura init --recipient` for a new one).\n",
            new.file.display(),
            made.recipient,
            made.root_fingerprint
        ))?;
    }
    Ok(Exit::Done)
}

async fn list(app: &App, global: &Global) -> Result<Exit, Failure> {
    let host = app.host(None).await?;
    let now = app.clock.now();
    let listing = key_list::list(&host, now).await?;
    let catalog = app.catalog().await?;
    let drills = drill_work::standing(&catalog, &[], &listing.recipients).await;
    catalog.close().await;
    let drills = drills?;
    if global.json {
        print_json(&in_force(&listing, &drills, now))?;
        return Ok(Exit::Done);
    }
    let mut text = format!(
        "repository        {}\nroot fingerprint  {}\nrecovery keys, set {}:\n",
        listing.repository, listing.root_fingerprint, listing.set
    );
    for key in &listing.keys {
        text.push_str(&lines(key, listing.cohorts));
    }
    for one in &drills {
        text.push_str(&format!("  {}\n", drill::standing(one, now)));
    }
    for warning in &listing.warnings {
        text.push_str(&format!("! {}\n", words(warning)));
    }
    print(&text)?;
    Ok(Exit::Done)
}

fn in_force<'a>(listing: &'a KeyListing, drills: &[DrillFacts], now: Instant) -> InForce<'a> {
    let overdue = drills.iter().filter(|one| one.is_overdue(&tokyo(), now));
    let overdue = overdue.map(|one| Said { code: "drill-overdue", text: drill::standing(one, now) });
    InForce {
        repository: &listing.repository,
        root_fingerprint: &listing.root_fingerprint,
        set: listing.set,
        recipients: &listing.recipients,
        cohorts: listing.cohorts,
        keys: listing.keys.iter().map(shown).collect(),
        warnings: listing
            .warnings
            .iter()
            .map(|warning| Said { code: code(warning), text: words(warning) })
            .chain(overdue)
            .collect(),
    }
}

fn shown(key: &KeyStanding) -> Key<'_> {
    Key {
        recipient: &key.recipient,
        holder: key.holder.as_deref(),
        since: &key.since,
        retired_at: key.retired_at.as_deref(),
        is_compromised: key.is_compromised,
        opens: key.opens,
        opens_until: key.opens_until.map(|at| at.to_string()),
    }
}

fn day(text: &str) -> String {
    key_list::at(text).map_or_else(|| text.to_owned(), |at| when(Some(at)))
}

fn when(at: Option<Instant>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| local(at, &tokyo()))
}

fn lines(key: &KeyStanding, cohorts: u64) -> String {
    let state = match (&key.retired_at, key.is_compromised) {
        (None, _) => format!("counts since {}", day(&key.since)),
        (Some(at), false) => format!("retired {}", day(at)),
        (Some(at), true) => format!("COMPROMISED, retired {}", day(at)),
    };
    let holder = key.holder.as_ref().map(|holder| format!("  {holder}")).unwrap_or_default();
    let opens = if key.opens == 0 {
        format!("opens none of {}", counted(cohorts, "living cohort"))
    } else {
        let of = counted(cohorts, "living cohort");
        format!("opens {} of {of}, the last until {}", key.opens, when(key.opens_until))
    };
    format!("  {}{holder}\n    {state}; {opens}\n", key.recipient)
}

const fn code(warning: &Warning) -> &'static str {
    match warning {
        Warning::OneKey => "one-key",
        Warning::NotAdopted { .. } => "not-adopted",
        Warning::NotWrapped { .. } => "not-wrapped",
        Warning::Compromised { .. } => "compromised",
    }
}

fn words(warning: &Warning) -> String {
    match warning {
        Warning::OneKey => {
            "There is only one recovery key: if it is lost, every backup is. Make another for an office in \
                            another place (`kura key new`, then `kura key rotate --add`)."
                .to_owned()
        }
        Warning::NotAdopted { stored, own } => format!(
            "The store has recovery-key set {stored}, this host still seals to set {own}: run `kura key adopt` here."
        ),
        Warning::NotWrapped { recipient, cohorts } => format!(
            "{recipient} does not open {}: run `kura key wrap` with a recovery key that does.",
            counted(*cohorts, "living cohort")
        ),
        Warning::Compromised { recipient, cohorts, until } => format!(
            "{recipient} is in wrong hands and opens {} until {}: whoever has it and can read the store can read them. \
             Withdraw what lets him read the store; what is locked cannot be deleted earlier.",
            counted(*cohorts, "living cohort"),
            when(*until)
        ),
    }
}
