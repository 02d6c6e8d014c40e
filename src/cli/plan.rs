//! `kura plan`: checking plan files and listing them; what a plan means is told in `plan_show`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::plan::Plan;
use crate::policy_files::{self, Problem, Refused};
use crate::workflows::check_sources;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::plan_show;
use super::words::{print, print_json, table, tell};

/// Check plans and say what they mean.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Name everything that is wrong in plan files, as `file:line:column`. Exit 2 if there is anything.
    Check(Check),
    /// Say in words what a plan means: sources, clock, retention, days.
    Show(Show),
    /// List the plans of the home.
    List,
}

#[derive(Debug, Args)]
struct Check {
    /// Files (with a `/` or `.toml`) or names of plans in the home [default: all plans of the home].
    #[arg(value_name = "FILE|NAME")]
    plans: Vec<String>,
}

#[derive(Debug, Args)]
struct Show {
    /// A file (with a `/` or `.toml`) or the name of a plan in the home.
    #[arg(value_name = "FILE|NAME")]
    plan: String,
}

#[derive(Serialize)]
struct Checked {
    file: PathBuf,
    ok: bool,
    problems: Vec<Shown>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Shown {
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    ok: bool,
    class: Option<&'static str>,
    retention: Option<String>,
    sources: Option<usize>,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Check(wanted) => check(app, global, wanted).await,
        Command::Show(wanted) => {
            let plan = load(app, &wanted.plan)?;
            plan_show::show(&plan, global, &app.clock)
        }
        Command::List => list(app, global),
    }
}

fn is_file(text: &str) -> bool {
    text.contains('/') || Path::new(text).extension().is_some_and(|ending| ending == "toml")
}

fn load(app: &App, text: &str) -> Result<Plan, Failure> {
    if is_file(text) {
        return Ok(policy_files::load_plan(Path::new(text)).map_err(crate::app::PlanError::from)?);
    }
    app.home.settings()?;
    Ok(app.plan(text)?)
}

async fn check(app: &App, global: &Global, wanted: Check) -> Result<Exit, Failure> {
    let names = if wanted.plans.is_empty() {
        app.home.settings()?;
        app.plan_names()
    } else {
        wanted.plans
    };
    if names.is_empty() {
        let policies = app.home.policies();
        return Err(Failure::Usage(format!(
            "there is no plan in {}: write one, NAME.toml",
            policies.display()
        )));
    }
    let mut checked = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for name in &names {
        let file = if is_file(name) { PathBuf::from(name) } else { app.plan_file(name) };
        let (found, warnings) = match load(app, name) {
            Ok(plan) => (Vec::new(), warnings(app, &plan).await),
            Err(Failure::Plan(crate::app::PlanError::Refused(refused))) => (refused.problems, Vec::new()),
            Err(other) => return Err(other),
        };
        let shown = found.iter().map(|problem| Shown {
            line: problem.position.map(|at| at.line),
            column: problem.position.map(|at| at.column),
            message: problem.message.clone(),
        });
        checked.push(Checked { file, ok: found.is_empty(), problems: shown.collect(), warnings });
        problems.extend(found);
    }
    if global.json {
        print_json(&checked)?;
    } else {
        for problem in &problems {
            tell(&problem.to_string());
        }
        for one in checked.iter().filter(|one| one.ok) {
            print(&format!("{}: ok\n", one.file.display()))?;
            for warning in &one.warnings {
                tell(&format!("{}: note: {warning}", one.file.display()));
            }
        }
    }
    if problems.is_empty() { Ok(Exit::Done) } else { Err(Failure::Problems(Refused { problems })) }
}

/// What is not wrong in the file, but would fail on this machine.
async fn warnings(app: &App, plan: &Plan) -> Vec<String> {
    check_sources::missing(plan, app.clock.now(), &app.home.spill()).await
}

fn list(app: &App, global: &Global) -> Result<Exit, Failure> {
    app.home.settings()?;
    let listed = app.plan_names().into_iter().map(|name| match app.plan(&name) {
        Ok(plan) => Listed {
            name,
            ok: true,
            class: Some(plan.class().word()),
            retention: Some(plan.retention().to_string()),
            sources: Some(plan.sources().len()),
        },
        Err(_) => Listed { name, ok: false, class: None, retention: None, sources: None },
    });
    let listed: Vec<Listed> = listed.collect();
    if global.json {
        print_json(&listed)?;
        return Ok(Exit::Done);
    }
    if listed.is_empty() {
        print(&format!("There is no plan in {} yet.\n", app.home.policies().display()))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|plan| {
            let wrong = || "(mistakes: `kura plan check`)".to_owned();
            vec![
                plan.name.clone(),
                plan.class.map_or_else(wrong, str::to_owned),
                plan.retention.clone().unwrap_or_default(),
                plan.sources.map(|n| n.to_string()).unwrap_or_default(),
            ]
        })
        .collect();
    print(&table(&["PLAN", "CLASS", "KEPT", "SOURCES>"], &rows))?;
    Ok(Exit::Done)
}
