//! `kura work`: records of acceptance, maintenance and inspections of the power supply.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::app::{App, Desk};
use crate::domain::time::Instant;
use crate::domain::work::{InspectionDue, WorkKind};
use crate::print;
use crate::workflows::take_event_snapshot::EventRequest;
use crate::workflows::works::{self, Doing, NewWork, Row, WorkShown};

use super::as_paper::AsPaper;
use super::at_desk::at_desk;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::words::{day, local, plan_name, print, print_json, table, tokyo};

/// How many records are listed.
const LISTED_MAX: u32 = 1000;

/// Records of acceptance (受入), maintenance (維持管理) and inspections of the power supply.
#[derive(Debug, Args)]
#[command(
    after_help = "A record of acceptance or maintenance is closed only with every point ticked, the version after it noted and a \
                  complete snapshot of a system plan that was taken for it after it was done (第19条④, 第20条③).\n\
                  Examples:\n  \
                  kura work plan acceptance 'ポータルの更新' --reference release-42 --on 2026-12-06 --account admin00001\n  \
                  kura work begin WR-2026-0001 --account admin00001\n  \
                  kura work tick WR-2026-0001 1 --account admin00001\n  \
                  kura work attach WR-2026-0001 '試験成績書' --file result.pdf --account admin00001\n  \
                  kura work finish WR-2026-0001 --account admin00001\n  \
                  kura work snapshot WR-2026-0001 system-files --account admin00001\n  \
                  kura work close WR-2026-0001 --account admin00001\n  \
                  kura work show WR-2026-0001 --pdf > 受入・維持管理記録.pdf"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the records that are open, newest first, and when the power supply is to be inspected.
    List(List),
    /// Show one: its checklist, results, snapshots, and what is missing.
    Show(Show),
    /// Open a record: acceptance, maintenance, power-inspection.
    Plan(Plan),
    /// Begin the work.
    Begin(One),
    /// Say that the work is over.
    Finish(One),
    /// Do not do it after all.
    Withdraw(One),
    /// Tick a point of the checklist.
    Tick(Tick),
    /// Note which versions ran before and run now.
    Versions(Versions),
    /// Note what else is to be said.
    Remarks(Remarks),
    /// Attach the result of a test; it is kept in the home under its digest.
    Attach(Attach),
    /// Ask for a snapshot of a system plan for this work; the service takes it.
    Snapshot(Snapshot),
    /// Close the record.
    Close(One),
}

#[derive(Debug, Args)]
struct List {
    /// Also those that are over.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// Its number, such as WR-2026-0001.
    id: String,
    #[command(flatten)]
    paper: AsPaper,
}

#[derive(Debug, Args)]
struct One {
    /// Its number.
    id: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Plan {
    /// What kind: acceptance, maintenance, power-inspection.
    kind: String,
    /// What is done, on one line.
    title: String,
    /// On which day: `2026-12-06`.
    #[arg(long, value_name = "DAY")]
    on: String,
    /// The id of a release or of a work order.
    #[arg(long, value_name = "ID", default_value = "")]
    reference: String,
    /// The window in which it stops something.
    #[arg(long, value_name = "WINDOW")]
    window: Option<String>,
    /// The version that runs before.
    #[arg(long, value_name = "VERSION", default_value = "")]
    before: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Tick {
    /// Its number.
    id: String,
    /// The point.
    point: u64,
    /// What was seen, on one line.
    #[arg(long, value_name = "TEXT", default_value = "")]
    remark: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Versions {
    /// Its number.
    id: String,
    /// What ran before.
    #[arg(long, value_name = "VERSION", required_unless_present = "after")]
    before: Option<String>,
    /// What runs now.
    #[arg(long, value_name = "VERSION")]
    after: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Remarks {
    /// Its number.
    id: String,
    /// On one line. No names of persons or files.
    text: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Attach {
    /// Its number.
    id: String,
    /// What it is, on one line.
    title: String,
    /// The file; at most 32 MiB.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Snapshot {
    /// Its number.
    id: String,
    /// A plan of class system.
    plan: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
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
    let asks_snapshot = matches!(command, Command::Snapshot(_));
    let shown = match command {
        Command::List(wanted) => return list(global, desk, wanted.all, now).await,
        Command::Show(wanted) => {
            let shown = works::look(desk, &wanted.id).await?;
            if wanted.paper.is_asked() {
                return wanted.paper.write(app, &print::work::page(&shown, now));
            }
            return show(global, desk, &shown);
        }
        Command::Plan(plan) => planned(app, (desk, now), plan).await?,
        Command::Attach(attach) => {
            let by = attach.who.sign_in(app, &desk.catalog, now).await?;
            let what = (attach.title.as_str(), attach.file.as_path());
            works::attach_file((desk, &app.home), &attach.id, what, &by, now).await?
        }
        other => {
            let (id, doing, who) = meant(other)?;
            let by = who.sign_in(app, &desk.catalog, now).await?;
            works::act(desk, &id, &doing, &by, now).await?
        }
    };
    if global.json {
        return print_json(&as_json(desk, &shown));
    }
    print(&format!("{} is {}.\n", shown.row.work, shown.row.state.word()))?;
    match shown.requests.last().filter(|_| asks_snapshot) {
        Some(request) => print(&asked(&shown, request)),
        None => Ok(()),
    }
}

/// What becomes of a snapshot that was asked for, and whether it will do.
fn asked(shown: &WorkShown, request: &EventRequest) -> String {
    let (id, plan) = (&request.request, &request.plan);
    let mut text =
        format!("Snapshot {id} of {plan} is asked for: the service takes it with its next beat.\n");
    if shown.is_early(request) {
        text.push_str(
            "The work is not over yet, so this one does not close the record: ask for another one after `kura work finish` \
             (第19条④, 第20条③).\n",
        );
    }
    text
}

async fn planned(app: &App, (desk, now): (&Desk, Instant), plan: Plan) -> Result<WorkShown, Failure> {
    let kind = WorkKind::of_word(&plan.kind).ok_or_else(|| {
        let words: Vec<&str> = WorkKind::ALL.into_iter().map(WorkKind::word).collect();
        Failure::Usage(format!("{:?} is no kind of work: write {}", plan.kind, words.join(", ")))
    })?;
    let by = plan.who.sign_in(app, &desk.catalog, now).await?;
    let new = NewWork {
        kind,
        title: plan.title,
        reference: plan.reference,
        planned_on: day(&plan.on)?,
        window: plan.window,
        before_version: plan.before,
    };
    Ok(works::plan((desk, &app.home), &new, &by, now).await?)
}

fn meant(command: Command) -> Result<(String, Doing, Who), Failure> {
    Ok(match command {
        Command::Begin(one) => (one.id, Doing::Begin, one.who),
        Command::Finish(one) => (one.id, Doing::Finish, one.who),
        Command::Withdraw(one) => (one.id, Doing::Withdraw, one.who),
        Command::Close(one) => (one.id, Doing::Close, one.who),
        Command::Tick(one) => (one.id, Doing::Tick(one.point, one.remark), one.who),
        Command::Versions(one) => (one.id, Doing::Versions(one.before, one.after), one.who),
        Command::Remarks(one) => (one.id, Doing::Remarks(one.text), one.who),
        Command::Snapshot(one) => (one.id, Doing::Snapshot(plan_name(&one.plan)?), one.who),
        Command::List(_) | Command::Show(_) | Command::Plan(_) | Command::Attach(_) => {
            return Err(Failure::Usage("this is carried out elsewhere".to_owned()));
        }
    })
}

fn row_json(row: &Row) -> Value {
    let at = |at: Option<Instant>| at.map(|at| at.to_string());
    json!({
        "work": row.work, "kind": row.kind.word(), "state": row.state.word(), "title": row.title,
        "reference": row.reference, "planned_on": row.planned_on.to_string(), "window": row.window,
        "before_version": row.before_version, "after_version": row.after_version, "remarks": row.remarks,
        "opened_at": row.opened_at.to_string(), "begun_at": at(row.begun_at), "done_at": at(row.done_at),
        "closed_at": row.closed.as_ref().map(|(at, _)| at.to_string()),
    })
}

fn as_json(desk: &Desk, shown: &WorkShown) -> Value {
    let points = shown.points.iter().map(|point| {
        json!({
            "number": point.number, "article": point.article, "text": point.text, "remark": point.remark,
            "ticked_at": point.ticked.as_ref().map(|(at, _)| at.to_string()),
            "ticked_by": point.ticked.as_ref().map(|(_, by)| by),
        })
    });
    let results = shown.results.iter().map(|result| {
        json!({ "number": result.number, "title": result.title, "sha256": result.sha256.to_string(), "bytes": result.bytes })
    });
    let snapshots = shown.requests.iter().map(|request| {
        json!({
            "request": request.request, "plan": request.plan, "state": request.state.word(),
            "snapshot": request.snapshot.map(|digest| digest.to_string()), "is_early": shown.is_early(request),
        })
    });
    let mut value = row_json(&shown.row);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("points".to_owned(), points.collect());
        fields.insert("results".to_owned(), results.collect());
        fields.insert("snapshots".to_owned(), snapshots.collect());
        let missing = works::missing(desk, shown).map(|missing| missing.to_string());
        fields.insert("missing".to_owned(), json!(missing));
    }
    value
}

async fn list(global: &Global, desk: &Desk, all: bool, now: Instant) -> Result<(), Failure> {
    let rows = works::list(desk, all, LISTED_MAX).await?;
    let inspection = match works::inspection(desk, now).await? {
        InspectionDue::Never => "no inspection of the power supply is recorded (第10条)".to_owned(),
        InspectionDue::Until(day) => format!("the power supply is to be inspected until {day} (第10条)"),
        InspectionDue::Overdue(day) => {
            format!("OVERDUE: the power supply was to be inspected until {day} (第10条)")
        }
    };
    if global.json {
        let works = rows.iter().map(row_json).collect::<Vec<_>>();
        return print_json(&json!({ "works": works, "inspection": inspection }));
    }
    let cells = rows.iter().map(|row| {
        let (state, kind) = (row.state.word().to_owned(), row.kind.word().to_owned());
        vec![row.work.clone(), kind, state, row.planned_on.to_string(), row.title.clone()]
    });
    print(&table(&["WORK", "KIND", "STATE", "ON", "WHAT"], &cells.collect::<Vec<_>>()))?;
    print(&format!("{inspection}\n"))
}

fn show(global: &Global, desk: &Desk, shown: &WorkShown) -> Result<(), Failure> {
    if global.json {
        return print_json(&as_json(desk, shown));
    }
    let (row, zone) = (&shown.row, tokyo());
    print(&format!(
        "{} {} is {}: {} (reference {:?}, on {}, versions {:?} -> {:?})\n",
        row.work,
        row.kind.word(),
        row.state.word(),
        row.title,
        row.reference,
        row.planned_on,
        row.before_version,
        row.after_version,
    ))?;
    let points = shown.points.iter().map(|point| {
        let ticked = point.ticked.as_ref();
        let ticked =
            ticked.map_or_else(|| "open".to_owned(), |(at, by)| format!("{} {by}", local(*at, &zone)));
        vec![
            point.number.to_string(),
            ticked,
            point.article.clone(),
            point.text.clone(),
            point.remark.clone(),
        ]
    });
    print(&table(&["POINT>", "TICKED", "ARTICLE", "WHAT", "SEEN"], &points.collect::<Vec<_>>()))?;
    for result in &shown.results {
        print(&format!("result {}: {} sha256 {}\n", result.number, result.title, result.sha256))?;
    }
    for request in &shown.requests {
        let early = if shown.is_early(request) {
            " (asked for before the work was over: does not count)"
        } else {
            ""
        };
        print(&format!(
            "snapshot {} of {}: {}{early}\n",
            request.request,
            request.plan,
            request.state.word()
        ))?;
    }
    match works::missing(desk, shown).filter(|_| row.state.is_open()) {
        Some(missing) => print(&format!("Before it can be closed: {missing}\n")),
        None => Ok(()),
    }
}
