//! `kura incident`: what failed, what happened since, who was told; the report of 別紙3.

use clap::{Args, Subcommand};

use crate::app::{App, Desk};
use crate::domain::incident_contact::Way;
use crate::domain::time::Instant;
use crate::print::incident_report;
use crate::workflows::incidents::people::{self, Doing};
use crate::workflows::incidents::{self, Incident, IncidentState};

use super::as_paper::AsPaper;
use super::at_desk::at_desk;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::incident_open;
use super::incident_statement;
use super::incident_words::{self as said, shown};
use super::who::Who;
use super::words::{day, print, print_json};

/// How many incidents are listed.
const LISTED_MAX: u32 = 1000;

/// See, open, write and report incidents (障害).
#[derive(Debug, Args)]
#[command(
    after_help = "Kura opens incidents by itself from alarms, one for each cause; `open` is for what a person noticed.\n\
                  Examples:\n  \
                  kura incident list\n  \
                  kura incident confirm I-2026-0001 --account operator01\n  \
                  kura incident set I-2026-0001 cause 'ディスクの故障' --account operator01\n  \
                  kura incident recover I-2026-0001 --measures 'ディスクを交換' --account operator01\n  \
                  kura incident report I-2026-0001 --pdf --account operator01 > 障害報告書.pdf\n\
                  Times are `2026-11-23 09:30`, in Tokyo. Names and numbers of contacts stand in contacts.toml alone."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the incidents that are not closed, newest first.
    List(List),
    /// Show one: what happened, who is to be told, what is left to do.
    Show(Show),
    /// What the help desk answers now (第15条⑦).
    Helpdesk,
    Open(incident_open::Arguments),
    /// Write down what you see or do.
    Note(WithText),
    /// Say that it is a failure (第17条①); those of 別紙4 are told.
    Confirm(One),
    /// Say that it is mended; with --begin, that somebody works on it.
    Recover(Recover),
    /// Issue the report (別紙3) and print it with --pdf or --html; --draft prints it without issuing it. Of a closed incident
    /// the last version is printed again.
    Report(Report),
    /// Close it: the report is out and complete, those of 別紙4 were told, and what is done against a recurrence is decided. If
    /// something came after the report was issued, its last version is issued with the closing.
    Close(Close),
    /// Write a field of the report: place, content, scope, cause, measures, remarks, attachments, data, persons, harm,
    /// response, publication, other, users (what users are told beside the facts).
    Set(Set),
    /// Say when it is expected to be mended; users and the help desk read it.
    Expect(When),
    /// Say when it began.
    Occurred(When),
    /// Tell users on the portal, or tell them something new.
    Notice(Notice),
    /// Tick that a contact was told.
    Contact(Contact),
    /// Add an action against a recurrence with its due date, or note that one is done.
    Action(Action),
    /// Say whether data of persons are concerned: none, possible, on-purpose.
    Persons(Persons),
    /// Note that who entrusted the data was told, and what shows it.
    Told(Told),
    Statement(incident_statement::Arguments),
}

#[derive(Debug, Args)]
struct List {
    /// Also those that are closed.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// Its number, such as I-2026-0001.
    id: String,
}

#[derive(Debug, Args)]
struct One {
    /// Its number.
    id: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct WithText {
    /// Its number.
    id: String,
    /// On one line. No names of persons or files.
    text: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Recover {
    /// Its number.
    id: String,
    /// Somebody begins to mend it.
    #[arg(long, conflicts_with_all = ["at", "measures"])]
    begin: bool,
    /// Since when it is mended [default: now].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What was done (処置).
    #[arg(long, value_name = "TEXT")]
    measures: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Report {
    /// Its number.
    id: String,
    #[command(flatten)]
    paper: AsPaper,
    /// Print the page as it stands, and issue nothing: marked 【案】, unless nothing came since the last version.
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Close {
    /// Its number.
    id: String,
    /// Why nothing has to be done against a recurrence.
    #[arg(long, value_name = "REASON")]
    no_action: Option<String>,
    /// Why it is closed although a field of the report is empty or somebody was not told.
    #[arg(long, value_name = "REASON")]
    incomplete: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Set {
    /// Its number.
    id: String,
    /// The field.
    field: String,
    /// What stands in it.
    text: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct When {
    /// Its number.
    id: String,
    /// When: `2026-11-23 15:00`; `unknown` if nobody knows any more.
    time: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Notice {
    /// Its number.
    id: String,
    /// A service that users cannot use.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// What else users should know, on one line.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Contact {
    /// Its number.
    id: String,
    /// The contact's id in contacts.toml.
    contact: String,
    /// How: phone, fax, mail.
    #[arg(long, value_name = "WAY", default_value = "phone")]
    way: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Action {
    /// Its number.
    id: String,
    /// What is done.
    #[arg(required_unless_present = "done")]
    what: Option<String>,
    /// Which role or department does it.
    #[arg(long, value_name = "ROLE", default_value = "システム管理者")]
    owner: String,
    /// Until when: `2026-12-31`.
    #[arg(long, value_name = "DAY", required_unless_present = "done")]
    due: Option<String>,
    /// The action of this number is done.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["what", "due"])]
    done: Option<u64>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Persons {
    /// Its number.
    id: String,
    /// The answer.
    answer: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Told {
    /// Its number.
    id: String,
    /// When.
    #[arg(long, value_name = "TIME")]
    at: String,
    /// What shows it: the number of a letter, of a mail.
    #[arg(long, value_name = "TEXT")]
    receipt: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    if let Command::Statement(statement) = arguments.command {
        return Box::pin(incident_statement::run(app, global, statement)).await;
    }
    at_desk(app, async |desk, now| carry_out(app, global, (desk, now), arguments.command).await)
        .await
        .map(|()| Exit::Done)
}

async fn carry_out(
    app: &App,
    global: &Global,
    (desk, now): (&Desk, Instant),
    command: Command,
) -> Result<(), Failure> {
    match command {
        Command::List(list) => said::list(global, &incidents::list(desk, list.all, LISTED_MAX).await?),
        Command::Show(show) => said::one(global, desk, &incidents::look(desk, &show.id).await?, now),
        Command::Helpdesk => said::help_desk(global, &incidents::help_desk(desk, now).await?),
        Command::Open(open) => incident_open::run(app, global, (desk, now), open).await,
        Command::Report(report) => reported(app, global, (desk, now), report).await,
        other => {
            let (id, doing, who) = meant(other)?;
            let by = who.sign_in(app, &desk.catalog, now).await?;
            let incident = people::act(desk, &id, &doing, &by, now).await?;
            if global.json {
                return print_json(&shown(&incident));
            }
            print(&format!("{id} is {}.\n", incident.row.state.word()))?;
            let row = &incident.row;
            if row.state == IncidentState::Closed && row.reported_at == row.closed_at {
                let print_it = format!("print it with `kura incident report {id} --pdf`");
                print(&format!(
                    "Version {} of the report, the last one, was issued with it: {print_it}.\n",
                    row.reports
                ))?;
            }
            Ok(())
        }
    }
}

/// What a command asks for.
fn meant(command: Command) -> Result<(String, Doing, Who), Failure> {
    Ok(match command {
        Command::Note(one) => (one.id, Doing::Note(one.text), one.who),
        Command::Confirm(one) => (one.id, Doing::Confirm, one.who),
        Command::Recover(one) if one.begin => (one.id, Doing::Begin, one.who),
        Command::Recover(one) => {
            let at = one.at.as_deref().map(said::time).transpose()?;
            (one.id, Doing::Recover { at, measures: one.measures }, one.who)
        }
        Command::Close(one) => {
            (one.id, Doing::Close { no_action: one.no_action, incomplete: one.incomplete }, one.who)
        }
        Command::Set(one) => {
            let field = said::field(&one.field)?;
            (one.id, Doing::Field(field, one.text), one.who)
        }
        Command::Expect(one) if one.time == "unknown" => (one.id, Doing::Expect(None), one.who),
        Command::Expect(one) => (one.id, Doing::Expect(Some(said::time(&one.time)?)), one.who),
        Command::Occurred(one) => (one.id, Doing::Occurred(said::time(&one.time)?), one.who),
        Command::Notice(one) => (one.id, Doing::TellUsers(one.services, one.text), one.who),
        Command::Contact(one) => {
            let way = Way::of_word(&one.way)
                .ok_or_else(|| Failure::Usage(format!("{:?} is not phone, fax or mail", one.way)))?;
            (one.id, Doing::Contact(one.contact, way), one.who)
        }
        Command::Action(one) => match (one.done, one.what, one.due) {
            (None, Some(what), Some(due)) => (one.id, Doing::Action(what, one.owner, day(&due)?), one.who),
            (done, _, _) => (one.id, Doing::ActionDone(done.unwrap_or_default()), one.who),
        },
        Command::Persons(one) => (one.id, Doing::Concern(said::concern(&one.answer)?, one.reason), one.who),
        Command::Told(one) => (one.id, Doing::Told(said::time(&one.at)?, one.receipt), one.who),
        Command::List(_)
        | Command::Show(_)
        | Command::Helpdesk
        | Command::Open(_)
        | Command::Report(_)
        | Command::Statement(_) => {
            return Err(Failure::Usage("this command is carried out elsewhere".to_owned()));
        }
    })
}

async fn reported(
    app: &App,
    global: &Global,
    (desk, now): (&Desk, Instant),
    report: Report,
) -> Result<(), Failure> {
    let found = incidents::look(desk, &report.id).await?;
    let is_again = found.row.state == IncidentState::Closed && report.paper.is_asked();
    let incident: Incident = if report.draft || is_again {
        found
    } else {
        report.paper.check(app, &incident_report::page(&found, desk, now))?;
        let by = report.who.sign_in(app, &desk.catalog, now).await?;
        people::act(desk, &report.id, &Doing::Report, &by, now).await?
    };
    if report.paper.is_asked() || report.draft {
        return report.paper.write(app, &incident_report::page(&incident, desk, now));
    }
    if global.json {
        return print_json(&shown(&incident));
    }
    print(&format!("The report of {} was issued, version {}.\n", report.id, incident.row.reports))
}
