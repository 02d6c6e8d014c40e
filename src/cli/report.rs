//! `kura report`: pages for the 医師会 from live facts.

use clap::{Args, ValueEnum};

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::evidence_report;
use crate::domain::guideline;
use crate::domain::plan::Plan;
use crate::print::evidence as print_page;
use crate::workflows::reports::{self, GuidelineError, Report};

use super::as_paper::AsPaper;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{print, print_json, table};

/// Print a report to the 医師会 from what is known now (報告書).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  kura report checklist --pdf > 準拠度チェックリスト.pdf   to print and file\n  \
                  kura report checklist --guideline mhlw-7.0\n  \
                  kura report sla --json\n\
                  A guideline of your own is a file in policies/guidelines/ of the home.")]
pub(super) struct Arguments {
    /// Which report.
    kind: Kind,
    /// Only this guideline, by the name of its file; may be given again [default: all].
    #[arg(long, value_name = "NAME")]
    guideline: Vec<String>,
    #[command(flatten)]
    paper: AsPaper,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Each clause of the guidelines with its answer (準拠度チェックリスト).
    Checklist,
    /// What is backed up, how often, which generations, how, where; and the availability of each month (SLA).
    Sla,
    /// How backups are made and restored (BCP).
    Bcp,
    /// The places where copies lie (保存場所の台帳).
    Storage,
    /// What can be brought back (世代表).
    Generations,
}

impl From<GuidelineError> for Failure {
    fn from(error: GuidelineError) -> Self {
        Self::Usage(error.to_string())
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let guidelines = chosen(app, &arguments)?;
    let plans = app.plan_names().iter().map(|name| app.plan(name)).collect::<Result<Vec<Plan>, _>>()?;
    let (host, desk) = (app.host(None).await?, app.desk().await?);
    let facts = reports::facts(&host, &desk, &plans, app.clock.now()).await;
    desk.catalog.close().await;
    let facts = facts?;
    let report = match arguments.kind {
        Kind::Checklist => guideline::checklist(&guidelines, &facts),
        Kind::Sla => evidence_report::sla(&facts),
        Kind::Bcp => evidence_report::bcp(&facts),
        Kind::Storage => evidence_report::storage(&facts),
        Kind::Generations => evidence_report::generations(&facts),
    };
    if global.json {
        print_json(&as_json(&report))?;
    } else if arguments.paper.is_asked() {
        arguments.paper.write(app, &print_page::page(&report))?;
    } else {
        print(&text(&report))?;
    }
    Ok(Exit::Done)
}

fn chosen(app: &App, arguments: &Arguments) -> Result<Vec<reports::Guideline>, Failure> {
    let all = reports::load_guidelines(&app.home.policies().join("guidelines"))?;
    let names: Vec<&str> = all.iter().map(|(file, _)| file.trim_end_matches(".toml")).collect();
    if let Some(unknown) = arguments.guideline.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Failure::Usage(format!(
            "there is no guideline {unknown}: there are {}",
            names.join(", ")
        )));
    }
    let is_wanted = |file: &str| {
        arguments.guideline.is_empty()
            || arguments.guideline.iter().any(|name| file == format!("{name}.toml"))
    };
    Ok(all.into_iter().filter(|(file, _)| is_wanted(file)).map(|(_, one)| one).collect())
}

fn as_json(report: &Report) -> serde_json::Value {
    let tables = report
        .tables
        .iter()
        .map(|table| serde_json::json!({ "title": table.title, "columns": table.heads, "rows": table.rows }));
    serde_json::json!({
        "title": report.title, "made_on": report.made_on.to_string(), "note": report.note,
        "tables": tables.collect::<Vec<_>>(),
    })
}

fn text(report: &Report) -> String {
    let mut text = format!("{}（{}）\n", report.title, report.made_on);
    for one in &report.tables {
        text.push_str(&format!("\n{}\n{}", one.title, table(&one.heads, &one.rows)));
    }
    text.push_str(&format!("\n{}\n", report.note));
    text
}
