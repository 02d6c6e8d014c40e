//! `kura erase`: orders that records are not given back any more (消去指示), because a consent was withdrawn.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::plan::{LockMode, Plan, PlanName};
use crate::domain::role::Act;
use crate::workflows::browse::Browser;
use crate::workflows::choice::Wanted;
use crate::workflows::erasures::{self, ErasureError, ShownErasure};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Place;
use super::who::Who;
use super::words::{counted, plan_name, print, print_json, table, tell};

/// Order that records are not given back any more, take such orders back, list them (消去指示).
#[derive(Debug, Args)]
#[command(
    after_help = "An order deletes nothing and shortens no lock: what is locked goes on its day, as everything does. Until then no\n\
                  reader of Kura shows or restores what an order covers, not even one that has only the store and a recovery\n\
                  key. Stock `age` knows nothing of it. Remove the record at the source too, or it is backed up anew when it\n\
                  changes."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Order that files or folders are not given back any more, as far as they were sent until today.
    Order(Order),
    /// Take an order back; whoever gave it cannot.
    Revoke(Revoke),
    /// List the orders of a plan, or of all.
    List(List),
}

#[derive(Debug, Args)]
struct Order {
    /// The plan.
    plan: String,
    /// A file, or a folder with what is below it, as `kura ls` shows it; may be given several times. A record that has
    /// several names (hard links) needs all of them.
    #[arg(long, value_name = "PATH", required = true)]
    path: Vec<OsString>,
    /// Why, in one line, without names of persons.
    #[arg(long)]
    reason: String,
    /// A recovery key: says how many files of the newest snapshot are covered, before the order is given.
    #[arg(long, short, value_name = "FILE")]
    identity: Option<std::path::PathBuf>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The plan.
    plan: String,
    /// The number of the order.
    number: u64,
    /// Why, in one line, without names of persons.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct List {
    /// Only this plan.
    plan: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    plan: &'a str,
    number: u64,
    paths: usize,
    sent_until: String,
    is_revoked: bool,
    reason: &'a str,
    by: &'a str,
    at: &'a str,
}

impl From<ErasureError> for Failure {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Denied(denied) => {
                Self::Access(crate::workflows::sign_in::AccessError::from(denied))
            }
            ErasureError::Repository(error) => error.into(),
            ErasureError::Catalog(error) => error.into(),
            ErasureError::Upload(error) => crate::workflows::take_snapshot::SnapshotError::from(error).into(),
            ErasureError::Paths | ErasureError::Reason => Self::Usage(error.to_string()),
            other => Self::Failed(super::failure::with_causes(&other)),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Order(asked) => order(app, global, asked).await,
        Command::Revoke(asked) => revoke(app, global, asked).await,
        Command::List(list) => show(app, global, &list).await,
    }
}

async fn order(app: &App, global: &Global, asked: Order) -> Result<Exit, Failure> {
    let plan = app.plan(&asked.plan)?;
    let paths: Vec<Vec<u8>> = asked.path.iter().map(|path| path.as_bytes().to_vec()).collect();
    erasures::full_paths(&plan, &paths)?;
    let (host, catalog, now) = (app.host(None).await?, app.catalog().await?, app.clock.now());
    let by = asked.who.sign_in_for(app, &catalog, Act::OrderErasures, now).await?;
    let covered = match &asked.identity {
        Some(identity) => Some(count(app, &plan, &asked.path, identity).await?),
        None => None,
    };
    if covered == Some(0) {
        return Err(Failure::Failed(
            "the newest snapshot holds nothing at these paths: nothing was ordered; compare with `kura ls`"
                .to_owned(),
        ));
    }
    let number = erasures::order(&host, &catalog, (&plan, &paths, &asked.reason), &by, now).await;
    catalog.close().await;
    let number = number?;
    let until = plan.cohort_of(plan.zone().day_of(now)).delete_from(plan.retention(), plan.zone());
    if global.json {
        print_json(&serde_json::json!({
            "plan": plan.name().as_str(), "order": number, "files_in_newest": covered,
            "gone_from_store_by": until.to_string(),
        }))?;
        return Ok(Exit::Done);
    }
    let covered =
        covered.map_or_else(String::new, |n| format!(", {} of the newest snapshot", counted(n, "file")));
    print(&format!(
        "erasure order {number} of {}: {}{covered}\n",
        plan.name(),
        counted(len(&paths), "path")
    ))?;
    tell(match plan.lock_mode() {
        LockMode::Compliance => {
            "kura: no reader of Kura gives these back from now on; the sealed bytes are locked (compliance) and are deleted \
             with their day, not before"
        }
        LockMode::Governance => {
            "kura: no reader of Kura gives these back from now on; the sealed bytes stay until their day: this version \
             deletes nothing early, although the plan's lock (governance) would allow it"
        }
    });
    Ok(Exit::Done)
}

fn len<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// How many files of the newest snapshot the paths name.
async fn count(
    app: &App,
    plan: &Plan,
    paths: &[OsString],
    identity: &std::path::Path,
) -> Result<u64, Failure> {
    let opened = Place::of_home().open(app, identity).await?;
    let wanted = Wanted::LatestOf(plan.name().clone());
    let browser = Box::pin(Browser::open(opened, &wanted, app.clock.now())).await?;
    let mut listing = browser.list(paths)?;
    let mut found = 0;
    while listing.next()?.is_some() {
        found += 1;
    }
    Ok(found)
}

async fn revoke(app: &App, global: &Global, asked: Revoke) -> Result<Exit, Failure> {
    let plan = plan_name(&asked.plan)?;
    let (host, catalog, now) = (app.host(None).await?, app.catalog().await?, app.clock.now());
    let by = asked.who.sign_in_for(app, &catalog, Act::OrderErasures, now).await?;
    let taken = (&plan, asked.number, asked.reason.as_str());
    let done = erasures::revoke(&host, &catalog, taken, &by, now).await;
    catalog.close().await;
    let number = done?;
    if global.json {
        print_json(
            &serde_json::json!({ "plan": plan.as_str(), "order": asked.number, "revoked_by": number }),
        )?;
    } else {
        print(&format!("erasure order {} of {plan} was taken back\n", asked.number))?;
    }
    Ok(Exit::Done)
}

async fn show(app: &App, global: &Global, list: &List) -> Result<Exit, Failure> {
    let plans = match &list.plan {
        Some(plan) => vec![plan_name(plan)?],
        None => app.plan_names().iter().filter_map(|plan| plan.parse().ok()).collect(),
    };
    let (host, catalog) = (app.host(None).await?, app.catalog().await?);
    let mut all: Vec<(PlanName, ShownErasure)> = Vec::new();
    for plan in plans {
        let ledger = erasures::of_host(&host, &catalog, &plan).await?;
        all.extend(ledger.orders.into_iter().map(|shown| (plan.clone(), shown)));
    }
    catalog.close().await;
    if global.json {
        let listed = all.iter().map(|(plan, shown)| Listed {
            plan: plan.as_str(),
            number: shown.erasure.number,
            paths: shown.erasure.paths.len(),
            sent_until: shown.erasure.through.to_string(),
            is_revoked: shown.erasure.is_revoked,
            reason: &shown.reason,
            by: &shown.by,
            at: &shown.at,
        });
        print_json(&listed.collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let cells = all.iter().map(|(plan, shown)| {
        let state = if shown.erasure.is_revoked { "taken back" } else { "in force" };
        vec![
            plan.to_string(),
            shown.erasure.number.to_string(),
            shown.erasure.paths.len().to_string(),
            shown.erasure.through.to_string(),
            state.to_owned(),
            shown.by.clone(),
            shown.reason.clone(),
        ]
    });
    print(&table(
        &["PLAN", "NO>", "PATHS>", "SENT UNTIL", "STATE", "BY", "WHY"],
        &cells.collect::<Vec<_>>(),
    ))?;
    Ok(Exit::Done)
}
