//! `kura incident statement`: of which days and paths an identical copy exists, and how long giving them back takes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::domain::statement::{NamedSnapshot, Verdict};
use crate::print::statement as printed;
use crate::workflows::Progress;
use crate::workflows::choice::Wanted;
use crate::workflows::past::PastError;
use crate::workflows::replica;
use crate::workflows::restore::RestoreError;
use crate::workflows::statement::{self, AsOf, Asked, Checked, Copy, Statement, StatementError};
use crate::workflows::verify::Viewer;

use super::as_paper::AsPaper;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::incident_words::time;
use super::opening::Place;
use super::progress::Display;
use super::restore::days;
use super::who::host_user;
use super::words::{counted, local, plan_name, print, print_json, size, tell, tokyo};

/// Say of which sent days and paths of a plan an identical copy exists, from when, where, and how long a restore takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  kura incident statement records --sent 2026-11-01..2026-11-20\n  \
                  kura incident statement records --identity /media/usb/recovery.key --path 2026/11 --pdf > 証明.pdf\n\
                  Every copy is read again unless --presence. The statement is signed and locked in the store as evidence; \
                  it names no path.\nAfter an \
                  attack or a wrong deletion, name the snapshot before it by --snapshot or --before. A path that it has \
                  no file of is looked for in the ones before it.\nExit code 1: something of what was asked for cannot be given back, or no copy of it was found.")]
pub(super) struct Arguments {
    /// The plan.
    plan: String,
    /// Only what was sent on these days: `FROM..TO` or one day.
    #[arg(long, value_name = "FROM..TO")]
    sent: Option<String>,
    /// Speak of this snapshot: an id, `latest` or a date (the last one of the day). The newest, unless one is meant.
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "before")]
    snapshot: Option<String>,
    /// Speak of the newest snapshot taken before this time in Tokyo, such as when it happened: `2026-11-24 09:00`.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// A path, as `kura restore --path` takes it; may be repeated. Names are sealed: only a recovery key can look for it.
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<OsString>,
    /// A recovery key: open everything.
    #[arg(long, short, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Check only that everything is there, without reading it again.
    #[arg(long, conflicts_with = "identity")]
    presence: bool,
    #[command(flatten)]
    paper: AsPaper,
}

impl From<StatementError> for Failure {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Past(PastError::Choice(error)) => RestoreError::from(error).into(),
            StatementError::Past(PastError::Repository(error)) => error.into(),
            StatementError::Past(_) => Self::Failed(error.to_string()),
            StatementError::Sealed => Self::Usage(error.to_string()),
            StatementError::Repository(error) => error.into(),
            StatementError::Restore(error) => error.into(),
            StatementError::Snapshot(error) => error.into(),
            StatementError::Catalog(error) => error.into(),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let checked = match (&arguments.identity, arguments.presence) {
        (Some(_), _) => Checked::Opened,
        (None, true) => Checked::Presence,
        (None, false) => Checked::Read,
    };
    // Before anything is read, or signed.
    if arguments.identity.is_none() && !arguments.paths.is_empty() {
        return Err(StatementError::Sealed.into());
    }
    let asked = Asked {
        plan: plan_name(&arguments.plan)?,
        as_of: as_of(&arguments)?,
        days: arguments.sent.as_deref().map(days).transpose()?,
        paths: arguments.paths.clone(),
        checked,
    };
    let host = app.host(None).await?;
    let second = replica::open(&host.settings).await?;
    let mut copies = Vec::new();
    let opened = match &arguments.identity {
        Some(identity) => Some(Box::pin(Place::of_home().open(app, identity)).await?),
        None => None,
    };
    let viewer = match &opened {
        Some(opened) => Viewer::of_opened(opened.clone())?,
        None => Viewer::of_host(app.host(None).await?),
    };
    copies.push(Copy { location: host.settings.store.clone(), viewer: Arc::new(viewer) });
    if let Some(vault) = second {
        // The second store is looked at by itself, as if the first were gone.
        let viewer = Viewer { vault, ..Viewer::of_host(app.host(None).await?) };
        let location =
            host.settings.replica.as_ref().map_or_else(String::new, |replica| replica.store.clone());
        copies.push(Copy { location, viewer: Arc::new(viewer) });
    }
    let catalog = app.catalog().await?;
    let progress = Arc::new(Progress::default());
    let display = Display::begin(&progress, global.quiet);
    let made =
        Box::pin(statement::make(asked, &copies, (Some(&catalog), opened), &app.clock, &progress)).await;
    drop(display);
    let statement = made?;
    let stored = statement::record(&host, &catalog, (&statement, &host_user()), &app.clock).await;
    catalog.close().await;
    let (number, signed) = stored?;
    let digest = statement::digest(&signed);
    if arguments.paper.is_asked() {
        let paths: Vec<String> =
            arguments.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        arguments.paper.write(app, &printed::page(&statement, &paths, Some((number, &digest))))?;
    } else if global.json {
        print_json(&shown(&statement, number, &digest))?;
    } else {
        tell_words(&statement, number)?;
    }
    Ok(if statement.is_whole() { Exit::Done } else { Exit::Failed })
}

fn as_of(arguments: &Arguments) -> Result<AsOf, Failure> {
    match (&arguments.snapshot, &arguments.before) {
        (Some(text), _) => Ok(AsOf::Snapshot(Wanted::parse(text).map_err(RestoreError::from)?)),
        (None, Some(text)) => time(text).map(AsOf::Before),
        (None, None) => Ok(AsOf::NEWEST),
    }
}

fn named(snapshot: &NamedSnapshot) -> serde_json::Value {
    json!({
        "id": snapshot.id(), "sequence": snapshot.sequence, "taken_at": snapshot.taken_at.to_string(),
    })
}

fn shown(statement: &Statement, number: u64, digest: &str) -> serde_json::Value {
    let cohorts = statement.cohorts.iter().map(|one| {
        json!({
            "cohort": one.cohort.to_string(), "since": one.since.to_string(),
            "files": one.size.0, "bytes": one.size.1, "verdict": one.verdict().word(),
            "snapshot": one.older.as_ref().map(named),
            "copies": one.copies.iter().map(|copy| copy.word()).collect::<Vec<_>>(),
        })
    });
    let paths = statement.paths.iter().map(|path| {
        json!({
            "files": path.files, "bytes": path.bytes, "recoverable": path.recoverable, "unreadable": path.unreadable,
            "snapshot": path.older.as_ref().map(named),
        })
    });
    json!({
        "number": number, "digest": digest, "plan": statement.asked.plan.to_string(), "ok": statement.is_whole(),
        "made_at": statement.made_at.to_string(), "checked": statement.asked.checked.word(),
        "snapshot": named(&statement.snapshot),
        "copies": statement.locations, "cohorts": cohorts.collect::<Vec<_>>(),
        "paths": paths.collect::<Vec<_>>(),
        "other_problems": statement.other_problems, "drill": statement.drill.map(|(number, _)| number),
        "estimate_milliseconds": statement.estimate_ms,
    })
}

fn tell_words(statement: &Statement, number: u64) -> Result<(), Failure> {
    let spoken_of = &statement.snapshot;
    let mut text = format!(
        "Snapshot {} of {}, taken {}\n",
        spoken_of.id(),
        statement.asked.plan,
        local(spoken_of.taken_at, &tokyo())
    );
    let elsewhere = |older: &Option<NamedSnapshot>| {
        older.as_ref().map_or_else(String::new, |older| {
            format!("  in snapshot {} of {}", older.id(), local(older.taken_at, &tokyo()))
        })
    };
    for one in &statement.cohorts {
        let since = local(one.since, &tokyo());
        let copies: Vec<&str> = one.copies.iter().map(|copy| copy.word()).collect();
        text.push_str(&format!(
            "{}  {}  {} {}  copies: {}  from {since}{}\n",
            one.cohort,
            one.verdict().word(),
            counted(one.size.0, "file"),
            size(one.size.1),
            copies.join(", "),
            elsewhere(&one.older)
        ));
    }
    for verdict in Verdict::ALL {
        let count = statement.count(verdict);
        if count > 0 {
            text.push_str(&format!("{count} {}: {}\n", verdict.word(), verdict.names().1));
        }
    }
    for (path, found) in statement.asked.paths.iter().zip(&statement.paths) {
        let (files, recoverable) = (found.files, found.recoverable);
        text.push_str(&format!(
            "{}: {recoverable} of {files} files can be given back{}\n",
            path.to_string_lossy(),
            elsewhere(&found.older)
        ));
    }
    let unreadable = statement.paths.iter().map(|path| path.unreadable).max().unwrap_or(0);
    if unreadable > 0 {
        tell(&format!(
            "kura: {} of names cannot be read: nobody knows what else these paths name in them",
            counted(unreadable, "list")
        ));
    }
    if let Some((ja, en)) = statement.nothing_found() {
        text.push_str(&format!("{ja}。\n{en}.\n"));
    }
    if statement.asked.days.is_some() && !statement.cohorts.is_empty() {
        text.push_str("Of days that are not listed no copy was found.\n");
    }
    if statement.other_problems > 0 {
        let found = counted(statement.other_problems, "snapshot or key");
        tell(&format!("kura: {found} is missing or altered: `kura verify` names them"));
    }
    text.push_str(&match (statement.estimate_ms, statement.drill) {
        (Some(ms), Some((drill, _))) => {
            format!("Giving it back takes about {} s, by drill {drill}.\n", ms.div_ceil(1000))
        }
        _ => "How long giving it back takes nobody knows: there is no restore drill.\n".to_owned(),
    });
    text.push_str(&format!(
        "Checked: {}. Statement {number} is signed and stored.\n",
        statement.asked.checked.names().1
    ));
    print(&text)
}
