//! The command line: arguments, one workflow each, words for people, exit codes.
//!
//! `commands` says what can be typed, `exit` what the codes mean, `failure` how errors are told. Each command has a file of
//! its own, which parses, calls one workflow and prints; no rule is decided here.

use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

use clap::Parser as _;
use rustix::process::{Resource, Rlimit};

use crate::{app::App, telemetry};

/// What can be typed.
mod commands;

/// Exit codes.
pub mod exit;

/// Why a command failed.
pub mod failure;

/// Papers to print and file.
mod as_paper;

/// What is done at a desk.
mod at_desk;

/// Words for people.
mod words;

/// Showing how far a run is.
mod progress;

/// Passphrases.
mod passphrase;

/// What `kura quickstart` says.
mod quickstart_words;

/// `kura quickstart`.
mod quickstart;

/// `kura init`.
mod init;

/// `kura config`.
mod config;

/// `kura key`.
mod key;

/// `kura key wrap`, `rotate` and `adopt`.
mod key_change;

/// `kura key ceremony` and `kura key sheet`.
mod key_sheet;

/// `kura plan check` and `kura plan list`.
mod plan;

/// `kura plan show`.
mod plan_show;

/// `kura store`.
mod store;

/// `kura store hidden`.
mod store_hidden;

/// `kura snapshot`.
mod snapshot;

/// `kura snapshots`.
mod snapshots;

/// Opening a repository with a recovery key.
mod opening;

/// `kura restore`.
mod restore;

/// Entries of snapshots on stdout.
mod listing;

/// `kura ls`.
mod ls;

/// `kura find`.
mod find;

/// `kura diff`.
mod diff;

/// `kura cat`.
mod cat;

/// `kura coverage`.
mod coverage;
/// `kura coverage list`, `show` and `verify`.
mod coverage_proof;

/// `kura drill` and `kura key drill`.
mod drill;

/// `kura scrub` and `kura store copy`.
mod scrub;

/// `kura verify`.
mod verify;

/// Who somebody is.
mod who;

/// `kura window`.
mod window;

/// What `kura window` shows.
mod window_list;

/// `kura incident`.
mod incident;
/// `kura permit`.
mod permit;

/// `kura incident open`.
mod incident_open;

/// `kura incident statement`.
mod incident_statement;

/// What `kura incident` prints.
mod incident_words;

/// `kura runbook`.
mod runbook;

/// `kura monitor`.
mod monitor;

/// `kura work`.
mod work;

/// `kura inventory`.
mod inventory;

/// `kura notice`.
mod notice;

/// `kura serve`.
mod serve;

/// `kura account`.
mod account;

/// `kura account link` and `unlink`.
mod account_link;

/// `kura token`.
mod token;

/// `kura audit`.
mod audit;

/// `kura expire`.
mod expire;

/// `kura hold`.
mod hold;

/// `kura erase`.
mod erase;

/// `kura extract`.
mod extract;

/// What `kura extract` shows.
mod extract_show;

/// `kura certificate`.
mod certificate;
mod report;

/// `kura alarm`.
mod alarm;

/// `kura service`.
mod service;

/// `kura catalog`.
mod catalog;

/// `kura completions` and `kura man`.
mod pages;

use commands::{Arguments, Command};
use exit::Exit;
use failure::Failure;
use words::tell;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version go to stdout and are no mistake.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            drop(error.print());
            return exit.into();
        }
    };
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            tell(&failure.message());
            Exit::of(&failure).into()
        }
    }
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    telemetry::start()?;
    keep_secrets_out_of_core_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Failed(format!("cannot start threads: {e}")))?;
    runtime.block_on(dispatch(arguments))
}

/// A crash must not leave keys on a disk. Failing is harmless: most systems write no core dumps anyway.
fn keep_secrets_out_of_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = rustix::process::setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
}

/// Refuses to write as root into the home of another user: keys and catalog would become root's, and the service, which
/// runs as that user, could not start any more.
fn keep_to_its_owner(app: &App, command: &Command) -> Result<(), Failure> {
    let writes = match command {
        Command::Init(_)
        | Command::Snapshot(_)
        | Command::Window(_)
        | Command::Permit(_)
        | Command::Notice(_)
        | Command::Incident(_)
        | Command::Monitor(_)
        | Command::Work(_)
        | Command::Inventory(_)
        | Command::Serve(_)
        | Command::Account(_)
        | Command::Token(_)
        | Command::Service(_)
        | Command::Catalog(_)
        | Command::Expire(_)
        | Command::Hold(_)
        | Command::Certificate(_)
        | Command::Report(_)
        | Command::Coverage(_)
        | Command::Verify(_)
        | Command::Alarm(_)
        | Command::Audit(_)
        | Command::Drill(_)
        | Command::Scrub(_)
        | Command::Store(_)
        | Command::Erase(_)
        | Command::Extract(_) => true,
        Command::Key(arguments) => arguments.is_of_home(),
        Command::Quickstart(_)
        | Command::Config(_)
        | Command::Runbook(_)
        | Command::Plan(_)
        | Command::Snapshots(_)
        | Command::Restore(_)
        | Command::Ls(_)
        | Command::Find(_)
        | Command::Diff(_)
        | Command::Cat(_)
        | Command::Completions(_)
        | Command::Man(_) => false,
    };
    let home = app.home.path();
    let owner = std::fs::metadata(home).map_or(0, |facts| facts.uid());
    if writes && owner != 0 && rustix::process::geteuid().is_root() {
        return Err(Failure::Usage(format!(
            "the home {} belongs to user {owner}, and you are root: what you write there the service could not read; run \
             this as its user: as-kura (deploy/systemd/as-kura), or sudo -u '#{owner}'",
            home.display()
        )));
    }
    Ok(())
}

async fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    let global = arguments.global;
    let app = App::new(global.home.clone());
    keep_to_its_owner(&app, &arguments.command)?;
    match arguments.command {
        Command::Quickstart(arguments) => Box::pin(quickstart::run(&app, &global, arguments)).await,
        Command::Init(arguments) => Box::pin(init::run(&app, &global, arguments)).await,
        Command::Key(arguments) => Box::pin(key::run(&app, &global, arguments)).await,
        Command::Config(arguments) => config::run(&app, &global, arguments),
        Command::Plan(arguments) => plan::run(&app, &global, arguments).await,
        Command::Store(arguments) => Box::pin(store::run(&app, &global, arguments)).await,
        Command::Snapshot(arguments) => Box::pin(snapshot::run(&app, &global, arguments)).await,
        Command::Snapshots(arguments) => snapshots::run(&app, &global, arguments).await,
        Command::Restore(arguments) => Box::pin(restore::run(&app, &global, arguments)).await,
        Command::Ls(arguments) => Box::pin(ls::run(&app, &global, arguments)).await,
        Command::Find(arguments) => Box::pin(find::run(&app, &global, arguments)).await,
        Command::Diff(arguments) => Box::pin(diff::run(&app, &global, arguments)).await,
        Command::Cat(arguments) => Box::pin(cat::run(&app, arguments)).await,
        Command::Coverage(arguments) => Box::pin(coverage::run(&app, &global, arguments)).await,
        Command::Scrub(arguments) => Box::pin(scrub::run(&app, &global, arguments)).await,
        Command::Drill(arguments) => Box::pin(drill::run(&app, &global, arguments)).await,
        Command::Verify(arguments) => Box::pin(verify::run(&app, &global, arguments)).await,
        Command::Window(arguments) => Box::pin(window::run(&app, &global, arguments)).await,
        Command::Permit(arguments) => Box::pin(permit::run(&app, &global, arguments)).await,
        Command::Notice(arguments) => Box::pin(notice::run(&app, &global, arguments)).await,
        Command::Runbook(arguments) => runbook::run(&global, &arguments),
        Command::Work(arguments) => Box::pin(work::run(&app, &global, arguments)).await,
        Command::Inventory(arguments) => Box::pin(inventory::run(&app, &global, arguments)).await,
        Command::Monitor(arguments) => Box::pin(monitor::run(&app, &global, arguments)).await,
        Command::Incident(arguments) => Box::pin(incident::run(&app, &global, arguments)).await,
        Command::Serve(arguments) => Box::pin(serve::run(&app, &global, arguments)).await,
        Command::Account(arguments) => Box::pin(account::run(&app, &global, arguments)).await,
        Command::Token(arguments) => Box::pin(token::run(&app, &global, arguments)).await,
        Command::Service(arguments) => Box::pin(service::run(&app, &global, arguments)).await,
        Command::Alarm(arguments) => alarm::run(&app, &global, arguments).await,
        Command::Audit(arguments) => audit::run(&app, &global, arguments).await,
        Command::Expire(arguments) => Box::pin(expire::run(&app, &global, arguments)).await,
        Command::Hold(arguments) => Box::pin(hold::run(&app, &global, arguments)).await,
        Command::Erase(arguments) => Box::pin(erase::run(&app, &global, arguments)).await,
        Command::Extract(arguments) => Box::pin(extract::run(&app, &global, arguments)).await,
        Command::Certificate(arguments) => Box::pin(certificate::run(&app, &global, arguments)).await,
        Command::Report(arguments) => Box::pin(report::run(&app, &global, arguments)).await,
        Command::Catalog(arguments) => Box::pin(catalog::run(&app, &global, arguments)).await,
        Command::Completions(arguments) => pages::completions(&arguments),
        Command::Man(arguments) => pages::man(&arguments),
    }
}
