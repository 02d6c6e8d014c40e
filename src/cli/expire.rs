//! `kura expire`: what is past its time, who allows its deletion, deleting it.

use clap::{Args, Subcommand};

use crate::app::{App, BenchError, Catalog};
use crate::clock::Clock as _;
use crate::domain::calendar::{english, wareki};
use crate::domain::role::Act;
use crate::workflows::expire::{self, Bench, ExpireError, Item, Look, OpenError, Ran, Refusal};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::words::{counted, day, print, print_json, size, table};

/// Delete what is past its time (消去): plan, approve, confirm, run.
#[derive(Debug, Args)]
#[command(
    after_help = "One person approves exactly what `kura expire plan` shows, by its digest; another confirms it; then\n\
                  `kura expire run` deletes it and issues a certificate. A standing approval (サービス運用者) takes the place\n\
                  of both as long as the plan stays as it is; the service then deletes daily.\n\
                  Where no clock outside this machine can be asked (file:// alone), somebody says what day it is first:\n\
                  `kura expire today 2027-11-23`."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what may be deleted now and why, what is kept back and why, and the digest to approve.
    Plan,
    /// Approve what the plan shows (システム管理者, 運用管理責任者).
    Approve(Approve),
    /// Confirm what somebody else approved (サービス運用者, 運用管理責任者).
    Confirm(Confirm),
    /// Say what day it is; counts for a day.
    Today(Today),
    /// Delete what is due and approved, and certify it. Exit code 4: something that is due was not deleted.
    Run(Run),
    /// Allow for good, for a plan as it is now, that what is past its time is deleted (サービス運用者).
    Standing(Standing),
}

#[derive(Debug, Args)]
struct Approve {
    /// The digest that the plan shows, at least 12 digits.
    digest: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Confirm {
    /// The digest that was approved, at least 12 digits.
    digest: String,
    /// Today's date, where no clock outside this machine can be asked.
    #[arg(long, value_name = "DATE")]
    today: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Today {
    /// Today's date, from a calendar and not from this machine.
    date: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Standing {
    /// The plan.
    plan: String,
    /// End it.
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    who: Who,
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Vault(error) => error.into(),
            OpenError::Config(error) => error.into(),
            OpenError::Second(error) => error.into(),
            OpenError::NoReaper | OpenError::Address(_) => Self::Usage(error.to_string()),
        }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Plan(error) => error.into(),
            BenchError::Host(error) => error.into(),
            BenchError::Open(error) => error.into(),
        }
    }
}

/// What deletion needs, from the home.
async fn bench(app: &App, catalog: &Catalog) -> Result<Bench, Failure> {
    Ok(app.bench(&app.desk_on(catalog.clone())?).await?)
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
        Command::Plan => {
            let bench = bench(app, catalog).await?;
            show(&expire::look(bench.on(catalog, &app.clock)).await?, global.json)?;
        }
        Command::Approve(approve) => {
            let by = approve.who.sign_in_for(app, catalog, Act::ApproveDeletion, now).await?;
            let bench = bench(app, catalog).await?;
            let on = bench.on(catalog, &app.clock);
            let look = expire::look(on).await?;
            let digest = expire::approve(on, &look, &approve.digest, &by).await?;
            say(
                global,
                "approved",
                &digest.to_string(),
                "somebody else confirms it with `kura expire confirm`",
            )?;
        }
        Command::Confirm(confirm) => {
            let by = confirm.who.sign_in_for(app, catalog, Act::ConfirmDeletion, now).await?;
            let today = confirm.today.as_deref().map(day).transpose()?;
            let digest = expire::confirm(catalog, &confirm.digest, today, &by, app.clock.now()).await?;
            say(global, "confirmed", &digest.to_string(), "`kura expire run` deletes it")?;
        }
        Command::Today(today) => {
            let by = today.who.sign_in_for(app, catalog, Act::ConfirmDeletion, now).await?;
            let date = day(&today.date)?;
            expire::confirm_today(catalog, date, &by, app.clock.now()).await?;
            say(global, "today", &date.to_string(), "this counts for a day")?;
        }
        Command::Run(run) => {
            let by = run.who.sign_in_for(app, catalog, Act::RunDeletion, now).await?;
            let bench = bench(app, catalog).await?;
            let ran = Box::pin(expire::run(bench.on(catalog, &app.clock), by.account.as_str())).await?;
            return tell_ran(&ran, global.json);
        }
        Command::Standing(standing) => {
            let by = standing.who.sign_in_for(app, catalog, Act::StandingDeletion, now).await?;
            if standing.end {
                let was = expire::end_standing(catalog, &standing.plan, &by, app.clock.now()).await?;
                let next = if was { "it has ended" } else { "there was none" };
                say(global, "standing-end", &standing.plan, next)?;
            } else {
                let bench = bench(app, catalog).await?;
                let row = expire::stand(bench.on(catalog, &app.clock), &standing.plan, &by).await?;
                say(global, "standing", &row.plan, "it lapses when the plan or its recovery keys change")?;
            }
        }
    }
    Ok(Exit::Done)
}

fn say(global: &Global, what: &str, about: &str, next: &str) -> Result<(), Failure> {
    if global.json {
        print_json(&serde_json::json!({ what: about }))
    } else {
        print(&format!("{what}: {about}\n  next: {next}\n"))
    }
}

fn as_json(item: &Item) -> serde_json::Value {
    serde_json::json!({
        "plan": item.plan.as_str(), "what": item.name(),
        "promised_last_day": item.kept.promised_last_day.to_string(),
        "last_day_reading_b": item.kept.last_day_b.to_string(),
        "delete_from": item.delete_from.to_string(),
        "objects": item.objects, "bytes": item.bytes,
    })
}

fn show(look: &Look, is_json: bool) -> Result<(), Failure> {
    let doubt = look.clock.as_ref().err();
    if is_json {
        let kept = look.decision.kept_back.iter().map(|kept| {
            let mut value = as_json(&kept.item);
            value["code"] = kept.why.code().into();
            value["ja"] = kept.why.japanese().into();
            value["en"] = kept.why.english().into();
            value
        });
        let many = look.decision.too_many.iter().map(|found| {
            serde_json::json!({
                "plan": found.plan.as_str(), "fresh": found.fresh, "allowed": found.allowed,
            })
        });
        return print_json(&serde_json::json!({
            "digest": look.digest().to_string(),
            "due": look.decision.due.iter().map(as_json).collect::<Vec<_>>(),
            "kept_back": kept.collect::<Vec<_>>(),
            "needs_second_person": many.collect::<Vec<_>>(),
            "clock": doubt.map_or("proved", |doubt| doubt.code()),
        }));
    }
    let mut text = String::new();
    if look.decision.due.is_empty() {
        text.push_str("Nothing is due.\n");
    } else {
        let cells = look.decision.due.iter().map(|item| {
            let from = item.kept.delete_from;
            vec![
                item.plan.to_string(),
                item.name(),
                item.kept.promised_last_day.to_string(),
                item.kept.last_day_b.to_string(),
                format!("{} {}", wareki(from), english(from)),
                item.objects.to_string(),
                size(item.bytes),
            ]
        });
        let titles = ["PLAN", "WHAT", "KEPT TO (A)", "KEPT TO (B)", "MAY GO FROM", "OBJECTS>", "SIZE>"];
        text.push_str(&table(&titles, &cells.collect::<Vec<_>>()));
    }
    for kept in &look.decision.kept_back {
        let (plan, what) = (&kept.item.plan, kept.item.name());
        text.push_str(&format!("kept back: {plan} {what}: {}\n", kept.why.english()));
    }
    for found in &look.decision.too_many {
        text.push_str(&format!(
            "{}: {} fell due since the last look, {} may go without a second person\n",
            found.plan,
            counted(found.fresh, "cohort"),
            found.allowed
        ));
    }
    if let Some(doubt) = doubt {
        text.push_str(&format!("stopped: {}\n", doubt.english()));
    }
    if !look.decision.due.is_empty() {
        text.push_str(&format!("digest: {}\n", look.digest()));
    }
    print(&text)
}

fn words(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::Clock(doubt) => (doubt.code(), doubt.english()),
        Refusal::Unapproved(plan) => (
            "unapproved",
            format!(
                "{plan}: something is due and nobody approved it: `kura expire plan`, then approve and confirm"
            ),
        ),
        Refusal::TooMany(found) => (
            "too-many",
            format!(
                "{}: {} fell due at once and {} may: approve and confirm it, if that is right",
                found.plan,
                counted(found.fresh, "cohort"),
                found.allowed
            ),
        ),
        Refusal::SamePerson(account) => {
            ("same-person", format!("{account} approved it and also said what day it is: somebody else must"))
        }
    }
}

fn tell_ran(ran: &Ran, is_json: bool) -> Result<Exit, Failure> {
    if is_json {
        let refused = ran.refused.iter().map(|refusal| {
            let (code, text) = words(refusal);
            serde_json::json!({ "code": code, "en": text })
        });
        print_json(&serde_json::json!({
            "certificates": ran.certificates, "kept_back": ran.kept_back.len(),
            "refused": refused.collect::<Vec<_>>(),
        }))?;
    } else {
        let mut text = String::new();
        for number in &ran.certificates {
            text.push_str(&format!("certificate {number}: `kura certificate show {number}`\n"));
        }
        for kept in &ran.kept_back {
            let (plan, what) = (&kept.item.plan, kept.item.name());
            text.push_str(&format!("kept back: {plan} {what}: {}\n", kept.why.english()));
        }
        for refusal in &ran.refused {
            text.push_str(&format!("not deleted: {}\n", words(refusal).1));
        }
        if text.is_empty() {
            text.push_str("Nothing is due.\n");
        }
        print(&text)?;
    }
    Ok(if ran.refused.is_empty() { Exit::Done } else { Exit::Refused })
}

impl Exit {
    /// A rule, a right or a clock that says no is refused.
    pub(super) const fn of_expiry(error: &ExpireError) -> Self {
        match error {
            ExpireError::Changed(_)
            | ExpireError::Stale(_)
            | ExpireError::OtherDay { .. }
            | ExpireError::NothingDue
            | ExpireError::Busy(_)
            | ExpireError::Denied(_) => Self::Refused,
            ExpireError::Hold(error) => super::hold::exit_of(error),
            ExpireError::NoOrder(_)
            | ExpireError::Plan(_)
            | ExpireError::StillThere { .. }
            | ExpireError::Evidence { .. }
            | ExpireError::Repository(_)
            | ExpireError::Vault(_)
            | ExpireError::Catalog(_) => Self::Failed,
        }
    }
}
