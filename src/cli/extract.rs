//! `kura extract`: what a permit lets leave, in which no one can be identified.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::{App, Catalog};
use crate::clock::Clock as _;
use crate::domain::role::Act;
use crate::print;
use crate::workflows::extracts::{
    self, Cancel, ExtractError, ExtractRow, ExtractState, Recovery, Run, Told, link,
};

use super::as_paper::AsPaper;
use super::commands::Global;
use super::exit::Exit;
use super::extract_show::{figures, show_list, show_plan, watched};
use super::extract_verify;
use super::failure::Failure;
use super::opening::Place;
use super::who::Who;
use super::words::{local, print, print_json, size, tell, tokyo};

/// Plan, make, hand over and check extracts (抽出) under a permit.
#[derive(Debug, Args)]
#[command(
    after_help = "The rows are in memory only; what leaves is sealed from its first byte to the applicant's age key or to a\n\
                  passphrase that is shown once. Exit code 4 says that a rule refused: nothing was handed over."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the columns of a data set with their fingerprint: what the instructions of a permit need to say.
    Columns(Columns),
    /// Say what an extract would be: levels, what they cost, what is left out, a row with made-up values.
    Plan(Plan),
    /// Make an extract and hand it over (システム運用者, who neither applied nor approved).
    Run(RunArguments),
    /// Stop an extract that is being made, here or by another program; nothing of it is handed over.
    Cancel(Deliver),
    /// Print an address, once, at which the applicant fetches what was handed over.
    Deliver(Deliver),
    /// Open what was handed over, measure it again, and compare it with its report.
    Verify(extract_verify::Arguments),
    /// Print the report of an extract, or write it as a page to print.
    Report(ReportArguments),
    /// List extracts.
    List(List),
}

/// A recovery key for a data set inside a snapshot.
#[derive(Clone, Debug, Args)]
struct Key {
    /// The recovery key that opens the snapshot; `-` asks for it at the terminal.
    #[arg(long, short, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Which snapshot [default: the last of the data set's plan].
    #[arg(long, value_name = "SNAPSHOT", requires = "identity")]
    snapshot: Option<String>,
}

impl Key {
    async fn recovery(&self, app: &App) -> Result<Option<Recovery>, Failure> {
        let Some(identity) = &self.identity else { return Ok(None) };
        let opened = Box::pin(Place::of_home().open(app, identity)).await?;
        Ok(Some(Recovery { opened, wanted: self.snapshot.clone() }))
    }
}

#[derive(Debug, Args)]
struct Columns {
    /// The data set, by its name in `kura.toml`.
    dataset: String,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Plan {
    /// The permit.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    permit: Option<String>,
    /// Instructions in a file, before anybody applied with them.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The permit.
    permit: String,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Deliver {
    /// The permit.
    permit: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct ReportArguments {
    /// The permit.
    permit: String,
    #[command(flatten)]
    paper: AsPaper,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct List {
    /// The permit [default: all].
    permit: Option<String>,
    #[command(flatten)]
    who: Who,
}

impl From<ExtractError> for Failure {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Desk(error) => Self::Desk(error),
            ExtractError::Config(error) => error.into(),
            other => Self::Extract(Box::new(other)),
        }
    }
}

pub(super) fn exit_of(error: &ExtractError) -> Exit {
    match error {
        ExtractError::Instructions(_) | ExtractError::NoDataset { .. } | ExtractError::NeedsKey(_) => {
            Exit::Usage
        }
        error if error.is_refusal() => Exit::Refused,
        _ => Exit::Failed,
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let catalog = app.catalog().await?;
    let done = Box::pin(act(app, global, arguments.command, &catalog)).await;
    catalog.close().await;
    done
}

async fn act(app: &App, global: &Global, command: Command, catalog: &Catalog) -> Result<Exit, Failure> {
    match command {
        Command::Columns(asked) => Box::pin(columns(app, global, catalog, &asked)).await,
        Command::Plan(asked) => Box::pin(plan(app, global, catalog, &asked)).await,
        Command::Run(asked) => Box::pin(make(app, global, catalog, &asked)).await,
        Command::Cancel(asked) => cancel(app, global, catalog, &asked).await,
        Command::Deliver(asked) => deliver(app, global, catalog, &asked).await,
        Command::Verify(asked) => extract_verify::verify(app, global, catalog, &asked).await,
        Command::Report(asked) => report(app, global, catalog, &asked).await,
        Command::List(asked) => list(app, global, catalog, &asked).await,
    }
}

async fn columns(app: &App, global: &Global, catalog: &Catalog, asked: &Columns) -> Result<Exit, Failure> {
    asked.who.sign_in_for(app, catalog, Act::ExecutePermit, app.clock.now()).await?;
    let recovery = asked.key.recovery(app).await?;
    let found = Box::pin(extracts::columns(&app.home, &asked.dataset, recovery.as_ref(), app.clock.now()));
    let (names, fingerprint) = found.await?;
    if global.json {
        print_json(
            &serde_json::json!({ "dataset": asked.dataset, "schema": fingerprint, "columns": names }),
        )?;
    } else {
        print(&format!("dataset = {:?}\nschema = \"{fingerprint}\"\n\n[columns]\n", asked.dataset))?;
        for name in names {
            print(&format!("{name:?} = {{ class = \"\", do = \"drop\" }}\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// What stops it, and who is told.
type How<'h> = (&'h Cancel, &'h mut (dyn FnMut(Told) + Send));

/// Does something that Ctrl-C stops.
async fn stoppable<T>(cancel: &Cancel, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        asked = tokio::signal::ctrl_c() => if asked.is_ok() {
            tell("kura: stopping; nothing is handed over");
            cancel.ask();
        },
    }
    work.await
}

async fn plan(app: &App, global: &Global, catalog: &Catalog, asked: &Plan) -> Result<Exit, Failure> {
    let now = app.clock.now();
    let by = asked.who.sign_in_for(app, catalog, Act::ExecutePermit, now).await?;
    let recovery = asked.key.recovery(app).await?;
    let cancel = Cancel::default();
    let mut told = watched(global.quiet);
    let made = match (&asked.permit, &asked.file) {
        (Some(permit), _) => {
            let how: How<'_> = (&cancel, &mut told);
            let work = extracts::plan((catalog, &app.home), permit, recovery.as_ref(), how, (&by, now));
            Box::pin(stoppable(&cancel, work)).await?
        }
        (None, file) => {
            let file = file.as_deref().unwrap_or(Path::new("-"));
            let text = std::fs::read_to_string(file).map_err(Failure::file("read", file))?;
            let how: How<'_> = (&cancel, &mut told);
            let work = extracts::plan_file(&app.home, &text, recovery.as_ref(), how, now);
            Box::pin(stoppable(&cancel, work)).await?
        }
    };
    if global.json {
        print_json(&made)?;
    } else {
        show_plan(&made)?;
    }
    Ok(Exit::Done)
}

async fn make(app: &App, global: &Global, catalog: &Catalog, asked: &RunArguments) -> Result<Exit, Failure> {
    let by = asked.who.sign_in_for(app, catalog, Act::ExecutePermit, app.clock.now()).await?;
    let recovery = asked.key.recovery(app).await?;
    let cancel = Cancel::default();
    let mut told = watched(global.quiet);
    let mut passphrase = None;
    // Shown before anything is handed over: if this program ends a moment later, it is known nevertheless.
    let mut once = |words: &SecretString| {
        if global.json {
            passphrase = Some(words.clone());
        } else {
            let shown = words.expose_secret();
            tell(&format!(
                "kura: the passphrase of this extract, shown now and never again:\n\n    {shown}\n"
            ));
        }
    };
    let on = Run {
        catalog,
        home: &app.home,
        clock: &app.clock,
        by: &by,
        recovery: recovery.as_ref(),
        cancel: &cancel,
    };
    let work = extracts::run(&on, &asked.permit, &mut told, &mut once);
    let handed = Box::pin(stoppable(&cancel, work)).await?;
    if global.json {
        print_json(&serde_json::json!({
            "permit": handed.permit, "execution": handed.execution, "sealed": handed.digest,
            "size_bytes": handed.size_bytes, "report": handed.report,
            "passphrase": passphrase.as_ref().map(|words| words.expose_secret().to_owned()),
        }))?;
    } else {
        print(&figures(&handed.report))?;
        let (permit, digest) = (&handed.permit, handed.digest);
        let bytes = size(handed.size_bytes);
        let opened = if handed.report.sealed_to == "passphrase" {
            "tell the applicant the passphrase that was shown above another way than the address"
        } else {
            "the applicant opens the file with the age key that the permit names; there is no passphrase"
        };
        print(&format!(
            "\npermit {permit}: extract {} handed over, {bytes}, SHA-256 {digest}\nnext: `kura extract deliver {permit}` prints \
             the address for the applicant; {opened}\n",
            handed.execution
        ))?;
    }
    Ok(Exit::Done)
}

async fn cancel(app: &App, global: &Global, catalog: &Catalog, asked: &Deliver) -> Result<Exit, Failure> {
    let now = app.clock.now();
    let by = asked.who.sign_in_for(app, catalog, Act::ExecutePermit, now).await?;
    let execution = extracts::cancel(catalog, &asked.permit, (&by, now)).await?;
    if global.json {
        print_json(
            &serde_json::json!({ "permit": asked.permit, "execution": execution, "state": "abandoned" }),
        )?;
    } else {
        print(&format!(
            "permit {}: extract {execution} was cancelled; nothing is handed over\n",
            asked.permit
        ))?;
    }
    Ok(Exit::Done)
}

async fn deliver(app: &App, global: &Global, catalog: &Catalog, asked: &Deliver) -> Result<Exit, Failure> {
    let now = app.clock.now();
    let by = asked.who.sign_in_for(app, catalog, Act::ExecutePermit, now).await?;
    let made = link::make(catalog, &asked.permit, (&by, now)).await?;
    let base = app.home.settings()?.notices.and_then(|notices| notices.public_url).unwrap_or_default();
    let address = format!("{}/extracts/{}", base.trim_end_matches('/'), *made.path);
    if global.json {
        print_json(&serde_json::json!({
            "permit": asked.permit, "execution": made.execution, "address": address,
            "expires_at": made.expires_at.to_string(),
        }))?;
    } else {
        let until = local(made.expires_at, &tokyo());
        print(&format!(
            "{address}\nIt is shown now and never again, and counts until {until} (Asia/Tokyo).\n"
        ))?;
    }
    Ok(Exit::Done)
}

/// The extract that was handed over last.
pub(super) async fn last(catalog: &Catalog, permit: &str) -> Result<ExtractRow, Failure> {
    let rows = catalog.extracts(Some(permit)).await?;
    let found = rows.into_iter().find(|row| row.state == ExtractState::Delivered);
    found.ok_or_else(|| ExtractError::None(permit.to_owned()).into())
}

async fn report(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    asked: &ReportArguments,
) -> Result<Exit, Failure> {
    asked.who.sign_in_for(app, catalog, Act::ReadPermits, app.clock.now()).await?;
    let row = last(catalog, &asked.permit).await?;
    let found = extracts::report_of(&row)?;
    if asked.paper.is_asked() {
        asked.paper.write(app, &print::extract::page(&found))?;
    } else if global.json {
        print_json(&found)?;
    } else {
        print(&figures(&found))?;
    }
    Ok(Exit::Done)
}

async fn list(app: &App, global: &Global, catalog: &Catalog, asked: &List) -> Result<Exit, Failure> {
    asked.who.sign_in_for(app, catalog, Act::ReadPermits, app.clock.now()).await?;
    let rows = catalog.extracts(asked.permit.as_deref()).await?;
    show_list(global, &rows)?;
    Ok(Exit::Done)
}
