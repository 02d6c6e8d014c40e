//! `kura hold`: keeping what must not be deleted although its time is over.

use clap::{Args, Subcommand};

use crate::app::{App, Catalog, Host};
use crate::clock::Clock as _;
use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::workflows::holds::{self, HoldError, NewHold};
use crate::workflows::legal_holds::{self, Kept};

use super::commands::Global;
use super::exit::Exit;
use super::failure::{Failure, with_causes};
use super::who::Who;
use super::words::{counted, day, plan_name, print, print_json, table, tokyo};

/// Place, release and list holds (保全).
#[derive(Debug, Args)]
#[command(
    after_help = "A hold keeps what counts from its days, whatever is added to them later. It ends on its last day, or\n\
                        when somebody other than who placed it releases it."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Place a hold (サービス運用者, 運用管理責任者).
    Add(Add),
    /// Release one that somebody else placed.
    Release(Release),
    /// List the holds.
    List(List),
}

#[derive(Debug, Args)]
struct Add {
    /// The plan.
    plan: String,
    /// The first clock day: of records the sent day, of system data the generation's last day.
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The last clock day [default: the first].
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The last day on which it holds [default: until it is released].
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Why, in one line, without names of persons.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Release {
    /// The plan.
    plan: String,
    /// The number of the hold.
    number: u64,
    /// Why, in one line.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct List {
    /// The plan [default: all].
    plan: Option<String>,
}

impl From<HoldError> for Failure {
    fn from(error: HoldError) -> Self {
        Self::Hold(error)
    }
}

pub(super) const fn exit_of(error: &HoldError) -> Exit {
    match error {
        HoldError::Days | HoldError::Reason => Exit::Usage,
        HoldError::Denied(_) | HoldError::Begun(_) | HoldError::Missing { .. } => Exit::Refused,
        HoldError::None { .. }
        | HoldError::Repository(_)
        | HoldError::Upload(_)
        | HoldError::Seal(_)
        | HoldError::Compress(_)
        | HoldError::Catalog(_) => Exit::Failed,
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let catalog = app.catalog().await?;
    let done = Box::pin(act(app, global, arguments.command, &catalog)).await;
    catalog.close().await;
    done
}

async fn act(app: &App, global: &Global, command: Command, catalog: &Catalog) -> Result<Exit, Failure> {
    let now = app.clock.now();
    match command {
        Command::Add(add) => {
            let by = add.who.sign_in_for(app, catalog, Act::ManageHolds, now).await?;
            let plan = plan_name(&add.plan)?;
            let from = day(&add.from)?;
            let to = add.to.as_deref().map(day).transpose()?.unwrap_or(from);
            let until = add.until.as_deref().map(day).transpose()?;
            let new = NewHold { plan, days: (from, to), until, reason: add.reason };
            let host = app.host(None).await?;
            let number = holds::add(&host, catalog, &new, &by, app.clock.now()).await?;
            let kept = legal(app, (&host, catalog), &new.plan).await;
            say(global, (&new.plan, number), "placed", &kept)?;
        }
        Command::Release(release) => {
            let by = release.who.sign_in_for(app, catalog, Act::ManageHolds, now).await?;
            let (plan, host) = (plan_name(&release.plan)?, app.host(None).await?);
            let which = (&plan, release.number, release.reason.as_str());
            holds::release(&host, catalog, which, &by, app.clock.now()).await?;
            let kept = legal(app, (&host, catalog), &plan).await;
            say(global, (&plan, release.number), "released", &kept)?;
        }
        Command::List(list) => show(app, global, catalog, list.plan.as_deref()).await?,
    }
    Ok(Exit::Done)
}

async fn show(app: &App, global: &Global, catalog: &Catalog, only: Option<&str>) -> Result<(), Failure> {
    let host = app.host(None).await?;
    let names = only.map_or_else(|| app.plan_names(), |name| vec![name.to_owned()]);
    let mut all = Vec::new();
    for name in &names {
        all.extend(holds::of_host(&host, catalog, &plan_name(name)?).await?);
    }
    if global.json {
        let rows = all.iter().map(|shown| {
            let hold = &shown.hold;
            serde_json::json!({
                "plan": hold.plan.as_str(), "number": hold.number,
                "from": hold.days.0.to_string(), "to": hold.days.1.to_string(),
                "until": hold.until.map(|day| day.to_string()), "released": hold.is_released,
                "reason": shown.reason, "by": shown.by, "at": shown.at,
            })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    if all.is_empty() {
        return print("There is no hold.\n");
    }
    let cells = all.iter().map(|shown| {
        let hold = &shown.hold;
        let until = hold.until.map_or_else(|| "it is released".to_owned(), |day| day.to_string());
        let is_over = hold.until.is_some_and(|day| day < tokyo().day_of(app.clock.now()));
        let state = match (hold.is_released, is_over) {
            (true, _) => "released",
            (false, true) => "over",
            (false, false) => "in force",
        };
        let days = format!("{} to {}", hold.days.0, hold.days.1);
        vec![
            hold.plan.to_string(),
            hold.number.to_string(),
            days,
            state.to_owned(),
            until,
            shown.by.clone(),
            shown.reason.clone(),
        ]
    });
    print(&table(&["PLAN", "NO>", "DAYS", "STATE", "UNTIL", "BY", "WHY"], &cells.collect::<Vec<_>>()))
}

/// What became of the store's own legal hold. The hold itself stands, whatever that is.
async fn legal(app: &App, (host, catalog): (&Host, &Catalog), plan: &PlanName) -> (&'static str, String) {
    let plans: Vec<_> = app.plan(plan.as_str()).into_iter().collect();
    match legal_holds::keep_up(host, catalog, &plans, app.clock.now()).await {
        Ok(Kept::Done { held, released }) => {
            let (held, released) = (counted(held, "object"), counted(released, "object"));
            ("set", format!("the store's legal hold was set on {held} and taken off {released}"))
        }
        Ok(Kept::Unsupported) => (
            "unsupported",
            "this store has no legal hold: Kura keeps what is held by its ledger, and the lock keeps it to its day".to_owned(),
        ),
        Ok(Kept::NoCredential) => (
            "no-credential",
            "no legal hold was set in the store: kura.toml has no [legal_hold]; Kura keeps what is held by its ledger".to_owned(),
        ),
        Err(error) => (
            "failed",
            format!("the store's legal hold could not be brought in line: {}; the service tries again", with_causes(&error)),
        ),
    }
}

fn say(
    global: &Global,
    (plan, number): (&PlanName, u64),
    what: &str,
    (code, words): &(&'static str, String),
) -> Result<(), Failure> {
    if global.json {
        let said =
            serde_json::json!({ "plan": plan.as_str(), "hold": number, "state": what, "legal_hold": code });
        print_json(&said)
    } else {
        print(&format!("hold {number} of {plan}: {what}\n{words}\n"))
    }
}
