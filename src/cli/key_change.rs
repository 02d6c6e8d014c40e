//! `kura key wrap`, `rotate` and `adopt`: which recovery keys count, and what exists sealed to them.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::workflows::keys::{self, Recipient};
use crate::workflows::replica;
use crate::workflows::repository::Opened;
use crate::workflows::rewrap::{self, RewrapError, Rewrapped};
use crate::workflows::rotate::{self, Change, RecoveryKeys, RotateError};
use crate::workflows::store;
use crate::workflows::take_snapshot::SnapshotError;

use super::commands::Global;
use super::exit::Exit;
use super::failure::{Failure, with_causes};
use super::opening::Opening;
use super::words::{counted, print, print_json, tell};

/// Seal what exists to the recovery keys that count now, with one that opens it.
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no home: run it where the recovery key is, with --store URL and --root-key FILE. On the backup host the\n\
                  host's own key signs, and --root-key is not needed. Small files are written, data is not touched; run it\n\
                  again after an interruption."
)]
pub(super) struct Wrap {
    #[command(flatten)]
    opening: Opening,
    /// The root key, to sign with [default: the backup host's key, on that host].
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    #[command(flatten)]
    second: Second,
}

/// The second store of a repository, where no home names it.
#[derive(Debug, Args)]
struct Second {
    /// The second store, if there is one: it gets the new objects too [default: the one in the settings of the home].
    #[arg(long, value_name = "URL")]
    second: Option<String>,
}

/// Change which recovery keys count: add new ones, retire old ones, say that one is in wrong hands.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: kura key rotate --root-key root.key --identity old.key --add age1… --holder 医師会 --retire age1…\n\
                  Signs the new set, then seals what exists to it. The backup host takes it over with `kura key adopt`; the\n\
                  approvals of its windows lapse then, because they name the recovery keys. Keep a retired key until\n\
                  `kura key list` says that it opens nothing: a lock cannot be opened for the new keys without one."
)]
pub(super) struct Rotate {
    #[command(flatten)]
    opening: Opening,
    /// The root key.
    #[arg(long, value_name = "FILE")]
    root_key: PathBuf,
    /// The public half of a key that counts from now on; may be given several times.
    #[arg(long, value_name = "AGE-PUBLIC-KEY")]
    add: Vec<String>,
    /// The office that keeps the added key, in the order of --add. Not a person: it is stored in clear.
    #[arg(long, value_name = "NAME", requires = "add")]
    holder: Vec<String>,
    /// The public half of a key that counts no more; may be given several times.
    #[arg(long, value_name = "AGE-PUBLIC-KEY")]
    retire: Vec<String>,
    /// The retired keys are, or may be, in wrong hands: cohorts that grow get new keys and are sent again.
    #[arg(long, requires = "retire")]
    compromised: bool,
    #[command(flatten)]
    second: Second,
}

/// Take over the recovery keys that the root key signed in the store, on the backup host.
#[derive(Debug, Args)]
pub(super) struct Adopt {}

#[derive(Serialize)]
struct Done<'a> {
    set: u32,
    recipients: &'a [String],
    cohorts: u64,
    sealed_again: u64,
    catalog_sealed_again: bool,
    unopened: &'a [String],
    adopted: bool,
}

impl From<RotateError> for Failure {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Host(error) => error.into(),
            RotateError::Repository(error) => error.into(),
            RotateError::Upload(error) => SnapshotError::from(error).into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<RewrapError> for Failure {
    fn from(error: RewrapError) -> Self {
        match error {
            RewrapError::Repository(error) => error.into(),
            RewrapError::Upload(error) => SnapshotError::from(error).into(),
            RewrapError::Seal(error) => Self::Failed(format!("cannot seal to the recovery keys: {error}")),
            RewrapError::Signer => Self::Failed(RewrapError::Signer.to_string()),
        }
    }
}

pub(super) async fn wrap(app: &App, global: &Global, wrap: &Wrap) -> Result<Exit, Failure> {
    let opened = wrap.opening.open(app).await?;
    let signer = match &wrap.root_key {
        Some(file) => keys::root_key(file)?,
        None if app.home.exists() && wrap.opening.is_of_home() => app.host(None).await?.signing,
        None => {
            let message = "say who signs: --root-key FILE, or run this on the backup host without --store";
            return Err(Failure::Usage(message.to_owned()));
        }
    };
    let recovery = opened.trust.recovery.clone();
    let done = rewrap::rewrap(&opened, &recovery, &signer, app.clock.now()).await?;
    let exit = tell_done(global, &recovery, &done, false)?;
    let copied = to_second(app, (&wrap.second, wrap.opening.is_of_home()), &opened).await?;
    Ok(if copied { exit } else { Exit::Partial })
}

/// Brings the new objects to the second store, if there is one; `false` if it did not get them all, which is told.
///
/// They are copied and not sealed again: both stores hold the same objects under the same names.
async fn to_second(
    app: &App,
    (second, is_of_home): (&Second, bool),
    opened: &Opened,
) -> Result<bool, Failure> {
    let now = app.clock.now();
    let copied = match &second.second {
        Some(url) => {
            let vault = store::open(&url.parse()?).await?;
            let who = (&opened.trust, &opened.secrets.catalog);
            replica::copy_with((&*opened.vault, &*vault), who, now).await.map(Some)
        }
        None if is_of_home && app.home.exists() => {
            let host = app.host(None).await?;
            replica::copy_host(&host, now).await
        }
        None => return Ok(true),
    };
    match copied {
        Ok(copied) => {
            let wrong = copied.map(|copied| copied.wrong).unwrap_or_default();
            for (object, what) in &wrong {
                tell(&format!("kura: not copied to the second store: {object}: {what}"));
            }
            Ok(wrong.is_empty())
        }
        Err(error) => {
            tell(&format!(
                "kura: the second store did not get the new keys: {}; the service tries again, or run this once more",
                with_causes(&error)
            ));
            Ok(false)
        }
    }
}

pub(super) async fn rotate(app: &App, global: &Global, rotate: &Rotate) -> Result<Exit, Failure> {
    if rotate.add.is_empty() && rotate.retire.is_empty() {
        return Err(Failure::Usage("nothing would change: give --add or --retire".to_owned()));
    }
    let change = change(rotate)?;
    let root = keys::root_key(&rotate.root_key)?;
    let opened = rotate.opening.open(app).await?;
    let recovery = rotate::rotate(&opened, &root, &change, app.clock.now()).await?;
    let is_here = is_of_this_home(app, rotate, &opened);
    if is_here {
        rotate::adopt(&app.home, &*opened.vault).await?;
    }
    let done = rewrap::rewrap(&opened, &recovery, &root, app.clock.now()).await?;
    let exit = tell_done(global, &recovery, &done, is_here)?;
    if !global.quiet {
        tell_next(rotate, is_here);
    }
    let copied = to_second(app, (&rotate.second, rotate.opening.is_of_home()), &opened).await?;
    Ok(if copied { exit } else { Exit::Partial })
}

fn change(rotate: &Rotate) -> Result<Change, Failure> {
    let mut holders = rotate.holder.iter().cloned();
    let mut add = Vec::new();
    for text in &rotate.add {
        let recipient: Recipient = text.parse().map_err(|_| {
            Failure::Usage(format!(
                "{text:?} is not a recovery key: give its public half, which begins with age1"
            ))
        })?;
        add.push((recipient, holders.next()));
    }
    Ok(Change { add, retire: rotate.retire.clone(), is_compromised: rotate.compromised })
}

fn is_of_this_home(app: &App, rotate: &Rotate, opened: &Opened) -> bool {
    let of_home = keys::in_force(&app.home).ok();
    rotate.opening.is_of_home()
        && of_home.is_some_and(|of_home| of_home.repository == opened.trust.repository.repository)
}

fn tell_next(rotate: &Rotate, is_here: bool) {
    if !is_here {
        tell("kura: next: run `kura key adopt` on the backup host; until then it seals to the old keys");
    }
    tell(
        "kura: approvals of windows name the recovery keys: those of this host lapse and must be given again",
    );
    if rotate.compromised {
        tell(
            "kura: whoever has the compromised key and can read the store can still read what was sealed to it until it \
             is deleted (`kura key list` says what and until when): change who can read the store. Cohorts that grow are \
             sent again under new keys by the next run; nothing is deleted earlier, because nothing may be",
        );
    }
}

pub(super) async fn adopt(app: &App, global: &Global, _: &Adopt) -> Result<Exit, Failure> {
    let host = app.host(None).await?;
    let before = host.trust.recovery.set;
    let recovery = rotate::adopt(&app.home, &*host.vault).await?;
    let is_new = recovery.set > before;
    if global.json {
        print_json(&serde_json::json!({
            "set": recovery.set, "recipients": recovery.recipients, "adopted": is_new,
        }))?;
    } else if is_new {
        let keys = counted(u64::try_from(recovery.recipients.len()).unwrap_or(u64::MAX), "recovery key");
        print(&format!(
            "this host seals to set {} from now on: {keys}\nApprovals of windows name the recovery keys: request and \
             approve them again.\n",
            recovery.set
        ))?;
    } else {
        print(&format!("this host seals to the newest set already: {}\n", recovery.set))?;
    }
    Ok(Exit::Done)
}

fn tell_done(
    global: &Global,
    recovery: &RecoveryKeys,
    done: &Rewrapped,
    adopted: bool,
) -> Result<Exit, Failure> {
    if global.json {
        print_json(&Done {
            set: done.set,
            recipients: &recovery.recipients,
            cohorts: done.cohorts,
            sealed_again: done.sealed,
            catalog_sealed_again: done.is_catalog_sealed,
            unopened: &done.unopened,
            adopted,
        })?;
    } else {
        let mut text = format!("recovery keys, set {}:\n", done.set);
        text.extend(recovery.recipients.iter().map(|recipient| format!("  {recipient}\n")));
        text.push_str(&format!(
            "{} of {} sealed to them just now\n",
            done.sealed,
            counted(done.cohorts, "living cohort")
        ));
        print(&text)?;
    }
    for cohort in &done.unopened {
        tell(&format!("kura: {cohort} is not opened by this recovery key and stays as it is"));
    }
    Ok(if done.unopened.is_empty() { Exit::Done } else { Exit::Partial })
}
