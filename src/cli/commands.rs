//! What can be typed: the commands and their options, with their help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{
    account, alarm, audit, cat, catalog, certificate, config, coverage, diff, drill, erase, expire, extract,
    find, hold, incident, init, inventory, key, ls, monitor, notice, pages, permit, plan, quickstart, report,
    restore, runbook, scrub, serve, service, snapshot, snapshots, store, token, verify, window, work,
};

/// Kura (蔵): sealed backups that are kept for their year, then provably gone.
#[derive(Debug, Parser)]
#[command(
    name = "kura",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 partial (something was not read), 4 refused by a rule.\n\
                  KURA_LOG=info shows more messages; KURA_LOG_FORMAT=json writes them as JSON."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// The installation [default: /var/lib/kura for root, else kura in the XDG data folder].
    #[arg(long, global = true, env = "KURA_HOME", value_name = "DIR")]
    pub(super) home: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Show no progress and no remarks, only results and errors.
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the main job on a folder or on made-up records: keys, plan, snapshots, restore, check.
    Quickstart(quickstart::Arguments),
    /// Make an installation: keys, settings and an empty repository.
    Init(init::Arguments),
    /// Print the settings as they take effect, and say what is wrong with them.
    Config(config::Arguments),
    /// Make and list recovery keys, change which of them count, try them out.
    Key(key::Arguments),
    /// Check plans and say what they mean.
    Plan(plan::Arguments),
    /// Try out what a store can do; bring the second store up to date.
    Store(store::Arguments),
    /// Take a snapshot of what a plan protects.
    Snapshot(snapshot::Arguments),
    /// List snapshots: counts, sizes and days.
    Snapshots(snapshots::Arguments),
    /// Give a snapshot back, from the store and a recovery key alone.
    Restore(restore::Arguments),
    /// List the entries of a snapshot.
    Ls(ls::Arguments),
    /// Find entries of a snapshot by name or path.
    Find(find::Arguments),
    /// Say how two snapshots differ.
    Diff(diff::Arguments),
    /// Write one file of a snapshot to stdout.
    Cat(cat::Arguments),
    /// Check what is stored.
    Verify(verify::Arguments),
    Coverage(coverage::Arguments),
    Scrub(scrub::Arguments),
    Drill(drill::Arguments),
    /// Run the service: start what is due, publish notices, show them.
    Serve(serve::Arguments),
    /// Ask for, approve and withdraw windows.
    Window(window::Arguments),
    /// Apply for the use of production data (別紙2), decide, confirm the after-use measure.
    Permit(permit::Arguments),
    /// List, correct and close notices.
    Notice(notice::Arguments),
    Incident(incident::Arguments),
    Monitor(monitor::Arguments),
    Work(work::Arguments),
    Inventory(inventory::Arguments),
    Runbook(runbook::Arguments),
    /// Add, list and disable accounts.
    Account(account::Arguments),
    /// Make, list and revoke API tokens.
    Token(token::Arguments),
    /// List the services that windows stop; confirm stops and starts by hand.
    Service(service::Arguments),
    /// List what somebody has to look after.
    Alarm(alarm::Arguments),
    /// Check and read the audit log.
    Audit(audit::Arguments),
    Expire(expire::Arguments),
    Hold(hold::Arguments),
    Erase(erase::Arguments),
    Extract(extract::Arguments),
    Certificate(certificate::Arguments),
    Report(report::Arguments),
    /// Bring the catalog back from the store.
    Catalog(catalog::Arguments),
    /// Print completions for a shell.
    Completions(pages::Completions),
    /// Write manual pages into a folder.
    Man(pages::Man),
}
