//! `kura init`: makes an installation without asking questions, and says what must now go offline.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::config::ConfigError;
use crate::workflows::init::{self, InitError, Installed, NewInstallation};
use crate::workflows::rejoin::{self, Rejoining};
use crate::workflows::store::{self, StoreUrl, Verdict};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Place;
use super::words::{counted, print, print_json};
use super::{passphrase, store as probe};

/// Make an installation: keys, settings and an empty repository.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: kura init --store file:///srv/backup --new-recovery-key /media/usb/recovery.key\n\
                  The recovery key and the root key are made once. Take them offline: without a recovery key\n\
                  nobody can open a backup."
)]
pub(super) struct Arguments {
    /// Where backups are kept: `file:///PATH` or `s3://BUCKET/PREFIX?endpoint=https://HOST`. Never holds a password.
    #[arg(long, value_name = "URL")]
    store: String,
    /// Seal to this recovery key (age1…); may be given several times.
    #[arg(long, value_name = "AGE-PUBLIC-KEY")]
    recipient: Vec<String>,
    /// Make a recovery key and write it here.
    #[arg(long, value_name = "FILE")]
    new_recovery_key: Option<PathBuf>,
    /// The root key: read from here, or made here if missing [default: beside the new recovery key, `.root`].
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// The repository is there and its host was lost: make this machine its new host, with a recovery key and the root
    /// key. The keys of hosts before end.
    #[arg(long, requires = "identity", requires = "root_key", conflicts_with_all = ["recipient", "new_recovery_key"])]
    rejoin: bool,
    /// With --rejoin: the recovery key.
    #[arg(long, short, value_name = "FILE", requires = "rejoin")]
    identity: Option<PathBuf>,
    /// With --rejoin: other hosts of the repository live, and their keys count as before.
    #[arg(long, requires = "rejoin")]
    keep_others: bool,
    /// Protect the new recovery key with a passphrase (asked for, or from the file named in `KURA_PASSPHRASE_FILE`).
    #[arg(long, requires = "new_recovery_key")]
    passphrase: bool,
}

#[derive(Serialize)]
struct Made<'a> {
    home: &'a Path,
    store: String,
    repository: &'a str,
    root_fingerprint: &'a str,
    root_key: &'a Path,
    recovery_key: Option<&'a Path>,
    recipients: &'a [String],
    warnings: &'a [String],
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let address: StoreUrl = arguments.store.parse()?;
    if let (Some(identity), Some(root_key)) = (&arguments.identity, &arguments.root_key) {
        return rejoin(app, global, (&address, arguments.keep_others), (identity, root_key)).await;
    }
    let parsed = arguments.recipient.iter().map(|text| {
        text.parse().map_err(|_| {
            Failure::Usage(format!(
                "{text:?} is not a recovery key: give its public half, which begins with age1"
            ))
        })
    });
    let recipients = parsed.collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() && arguments.new_recovery_key.is_none() {
        return Err(InitError::NoRecoveryKey.into());
    }
    if arguments.root_key.is_none() && arguments.new_recovery_key.is_none() {
        return Err(InitError::NoRootKey.into());
    }
    if app.home.exists() {
        return Err(ConfigError::Taken(app.home.path().to_owned()).into());
    }
    if let Some(key) = arguments.new_recovery_key.as_deref().filter(|key| key.exists()) {
        return Err(Failure::Failed(format!(
            "{} is there already and is not overwritten: choose another name for the new recovery key, or give the \
             public half of that one with --recipient",
            key.display()
        )));
    }
    let passphrase = match &arguments.new_recovery_key {
        Some(key) if arguments.passphrase => Some(passphrase::new_for(key)?),
        Some(_) | None => None,
    };
    let warnings = try_out(app, &address).await?;
    let new = NewInstallation {
        home: app.home.clone(),
        store: address.clone(),
        recipients,
        new_recovery_key: arguments.new_recovery_key,
        passphrase,
        root_key: arguments.root_key,
    };
    let made = init::init(new, &app.clock).await?;
    if global.json {
        print_json(&Made {
            home: app.home.path(),
            store: address.to_string(),
            repository: &made.repository,
            root_fingerprint: &made.root_fingerprint,
            root_key: &made.root_key,
            recovery_key: made.recovery_key.as_deref(),
            recipients: &made.recipients,
            warnings: &warnings,
        })?;
    } else {
        print(&words(app, &address, &made, &warnings))?;
    }
    Ok(Exit::Done)
}

/// A store that does not do what is needed gets no repository. What it merely lacks is a warning.
async fn try_out(app: &App, address: &StoreUrl) -> Result<Vec<String>, Failure> {
    let report = Box::pin(store::create_and_probe(address, &app.clock)).await?;
    if !report.usable {
        return Err(Failure::Failed(format!(
            "the store at {address} does not do what backups need; nothing was made:\n{}",
            probe::lines(&report)
        )));
    }
    let lacks =
        report.lines.iter().filter(|line| matches!(line.verdict, Verdict::Fail | Verdict::NotSupported));
    Ok(lacks.map(|line| format!("{}: {}", line.check, line.detail)).collect())
}

/// Makes this machine the new host of a repository that is there.
async fn rejoin(
    app: &App,
    global: &Global,
    (address, keeps_others): (&StoreUrl, bool),
    (identity, root_key): (&Path, &Path),
) -> Result<Exit, Failure> {
    if app.home.exists() {
        return Err(ConfigError::Taken(app.home.path().to_owned()).into());
    }
    let opened = Box::pin(Place::at(address.to_string()).open(app, identity)).await?;
    let asked = Rejoining { home: &app.home, store: address, root_key, keeps_others };
    let made = Box::pin(rejoin::rejoin(&asked, &opened, app.clock.now())).await?;
    let home = app.home.path().display();
    if global.json {
        let ended = made.ended;
        let json = serde_json::json!({
            "home": app.home.path(), "store": address.to_string(), "repository": made.repository, "ended_host_keys": ended,
        });
        print_json(&json)?;
        return Ok(Exit::Done);
    }
    print(&format!(
        "Made {home} the home of a new host of repository {}\n  {} of hosts before ended\n\nNext:\n  \
         kura catalog rebuild --identity {}\n  put the plans and the settings back: {home}/policies, {home}/kura.toml\n  \
         take the recovery key and the root key offline again\n",
        made.repository,
        counted(u64::try_from(made.ended).unwrap_or(u64::MAX), "key"),
        identity.display(),
    ))?;
    Ok(Exit::Done)
}

fn words(app: &App, address: &StoreUrl, made: &Installed, warnings: &[String]) -> String {
    let mut lines = vec![
        format!("Made the installation {}", app.home.path().display()),
        format!("  store             {address}"),
        format!("  repository        {}", made.repository),
        format!("  root fingerprint  {}", made.root_fingerprint),
    ];
    lines.extend(made.recipients.iter().map(|key| format!("  recovery key      {key}")));
    lines.extend(warnings.iter().map(|warning| format!("  note              {warning}")));
    lines.push(String::new());
    lines.push("Take offline now, two copies in two places, and remove from this machine:".to_owned());
    if let Some(key) = &made.recovery_key {
        lines.push(format!("  {}   the recovery key: it alone opens every backup", key.display()));
    }
    lines.push(format!("  {}   the root key: it says which keys count", made.root_key.display()));
    lines.push(String::new());
    lines.push("Next:".to_owned());
    lines.push(format!("  write a plan, {}", app.home.policies().join("NAME.toml").display()));
    lines.push("  kura plan check NAME".to_owned());
    lines.push("  kura snapshot NAME".to_owned());
    lines.push(String::new());
    lines.join("\n")
}
