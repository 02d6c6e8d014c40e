//! `kura permit`: applying for the use of production data (本番データ使用許可, 別紙2), deciding, confirming what became of it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::app::{App, Catalog};
use crate::clock::Clock as _;
use crate::domain::calendar::wareki;
use crate::domain::permit::Attachment;
use crate::domain::permit_text::STATES;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::policy_files::{Application, Attaching, beside, parse_permit};
use crate::print::permit as print_page;
use crate::workflows::permits::{self, Ending, PermitRow, PermitState, Seen};

use super::as_paper::AsPaper;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::words::{local, print, print_json, table, tokyo};

/// A file larger than this is no application.
const SIZE_MAX_BYTES: u64 = 1024 * 1024;
/// How many permits are listed.
const LISTED_MAX: u32 = 10_000;

/// Apply for the use of production data (別紙2), approve, revoke, confirm the after-use measure.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  kura permit apply 申請.toml --account tanaka0001\n  \
                  kura permit show R08-014 --pdf > 許可R08-014.pdf    to print and file\n  \
                  kura permit approve R08-014 --digest 3f0c91d2a4b7 --account ishikai001\n  \
                  kura permit close R08-014 --reason \"立会いで消去を確認\" --account ishikai001\n\
                  Nobody approves, executes or closes what he applied for. Whatever changes, the approval counts no more.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply with a file; with --replaces write an application anew that waits, was returned or was approved.
    Apply(Apply),
    /// List permits, newest first.
    List(List),
    /// Show what was applied for and where it stands.
    Show(Show),
    /// Approve what was shown (サービス運用者).
    Approve(Approve),
    /// Return an application with a reason (サービス運用者).
    Return(Reasoned),
    /// Take back what you applied for, before anything is extracted; with --replaces it can be written anew.
    Withdraw(Reasoned),
    /// Take a permit away, before or after something was handed over (サービス運用者).
    Revoke(Reasoned),
    /// Confirm the after-use measure: what was found, and how.
    Close(Reasoned),
}

#[derive(Debug, Args)]
struct Apply {
    /// The application.
    file: PathBuf,
    /// The permit whose application this one takes the place of.
    #[arg(long, value_name = "PERMIT")]
    replaces: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct List {
    /// Only those in this state: applied, approved, executing, delivered, closed, returned, revoked, expired.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only those whose after-use measure was due and is not confirmed.
    #[arg(long, conflicts_with = "state")]
    overdue: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// The permit.
    number: String,
    #[command(flatten)]
    paper: AsPaper,
}

#[derive(Debug, Args)]
struct Approve {
    /// The permit.
    number: String,
    /// The digest that `kura permit show` showed, or its first 12 digits; if it has changed since, nothing is approved.
    #[arg(long, value_name = "DIGEST")]
    digest: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Reasoned {
    /// The permit.
    number: String,
    /// Why, or what was found, on one line.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let (catalog, now) = (app.catalog().await?, app.clock.now());
    let done = dispatch(app, global, &catalog, arguments.command, now).await;
    catalog.close().await;
    done.map(|()| Exit::Done)
}

async fn dispatch(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    command: Command,
    now: Instant,
) -> Result<(), Failure> {
    match command {
        Command::Apply(apply) => ask(app, global, catalog, apply, now).await,
        Command::List(wanted) => list(global, catalog, &wanted, now).await,
        Command::Show(show) => one(app, global, catalog, &show).await,
        Command::Approve(approve) => {
            let by = approve.who.sign_in_for(app, catalog, Act::DecidePermit, now).await?;
            let (seen, datasets) = (Seen::Digits(approve.digest), app.home.settings()?.dataset_names());
            let number = &approve.number;
            let digest = permits::approve((catalog, &datasets), number, &seen, &by, now).await?;
            let plan = catalog.extract_plan(number).await?.filter(|plan| plan.digest == digest);
            let remark = if plan.is_some() { String::new() } else { format!("{}\n", without_plan(number)) };
            tell(global, number, "approved", &format!("It says: {digest}.\n{remark}"))
        }
        Command::Return(reasoned) => end(app, global, catalog, (&reasoned, Ending::Return), now).await,
        Command::Withdraw(reasoned) => end(app, global, catalog, (&reasoned, Ending::Withdraw), now).await,
        Command::Revoke(reasoned) => end(app, global, catalog, (&reasoned, Ending::Revoke), now).await,
        Command::Close(reasoned) => end(app, global, catalog, (&reasoned, Ending::Close), now).await,
    }
}

async fn end(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    (reasoned, ending): (&Reasoned, Ending),
    now: Instant,
) -> Result<(), Failure> {
    let by = reasoned.who.sign_in_for(app, catalog, ending.right(), now).await?;
    let (number, why) = (reasoned.number.as_str(), (reasoned.reason.as_str(), &Seen::Anything));
    permits::end(catalog, (number, ending), why, &by, now).await?;
    let (word, more) = match ending {
        Ending::Return => ("returned", ""),
        Ending::Withdraw => ("withdrawn", ""),
        Ending::Revoke => ("revoked", "What runs under it hands nothing over any more.\n"),
        Ending::Close => ("closed", ""),
    };
    tell(global, number, word, more)
}

/// That nobody has seen what an extract would be.
fn without_plan(number: &str) -> String {
    format!(
        "この版の申請について、抽出の試算は行われていません。 No extract was planned for what it says now: \
         `kura extract plan {number}` does so."
    )
}

fn tell(global: &Global, number: &str, state: &str, more: &str) -> Result<(), Failure> {
    if global.json {
        return print_json(&serde_json::json!({ "permit": number, "state": state }));
    }
    print(&format!("{number} was {state}.\n{more}"))
}

fn load(path: &Path) -> Result<Application, Failure> {
    let size = std::fs::metadata(path).map_err(Failure::file("read", path))?.len();
    if size > SIZE_MAX_BYTES {
        return Err(Failure::Usage(format!("{} is too large to be an application", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(Failure::file("read", path))?;
    parse_permit(&path.display().to_string(), &text)
        .map_err(|refused| Failure::Usage(format!("the application cannot be used\n{refused}")))
}

fn attachments(path: &Path, application: &Application) -> Result<Vec<Attachment>, Failure> {
    let mut read = Vec::new();
    for (name, attaching) in &application.attachments {
        let sha256 = match attaching {
            Attaching::Digest(digest) => *digest,
            Attaching::File(file) => {
                let file = beside(path, file);
                permits::file_digest(&file).map_err(Failure::file("read", &file))?
            }
        };
        read.push(Attachment { name: name.clone(), sha256 });
    }
    Ok(read)
}

async fn ask(
    app: &App,
    global: &Global,
    catalog: &Catalog,
    apply: Apply,
    now: Instant,
) -> Result<(), Failure> {
    let application = load(&apply.file)?;
    let attachments = attachments(&apply.file, &application)?;
    let by = apply.who.sign_in_for(app, catalog, Act::ApplyPermit, now).await?;
    let content = application.content(by.account.clone(), attachments);
    let datasets = app.home.settings()?.dataset_names();
    let number = match apply.replaces {
        Some(number) => {
            permits::change((catalog, &datasets), &number, (&content, Seen::Anything), &by, now).await?;
            number
        }
        None => permits::apply((catalog, &datasets), &content, &by, now).await?,
    };
    if global.json {
        let row = permits::show(catalog, &number, &by).await?;
        return print_json(&value(&row));
    }
    print(&format!(
        "Applied for {number}. It waits for an approval by a service_operator (サービス運用者) other than you.\n\
         `kura permit show {number}` shows what it says, `--pdf` as a form to print and file.\n"
    ))
}

/// A permit for programs: the words of the file, and where it stands.
fn value(row: &PermitRow) -> serde_json::Value {
    let content = &row.permit.content;
    let attachments = content
        .attachments
        .iter()
        .map(|attached| serde_json::json!({ "name": attached.name, "sha256": hex::encode(attached.sha256) }));
    let approval = row.approval.as_ref().map(|approval| {
        serde_json::json!({
            "by": approval.by.as_str(), "at": approval.at.to_string(), "digest": hex::encode(approval.digest),
        })
    });
    serde_json::json!({
        "permit": row.permit.number, "state": row.permit.state.word(), "revision": row.revision,
        "digest": row.digest.to_string(), "applicant": content.applicant.as_str(),
        "applied_at": row.applied_at.to_string(), "applied_on": content.applied_on.to_string(),
        "subject": content.subject, "purpose": content.purpose, "processing": content.processing,
        "medium": content.medium.word(), "medium_other": content.medium.other(),
        "after_use": content.after_use.word(), "after_use_other": content.after_use.other(),
        "after_use_due": content.after_use_due.to_string(),
        "period": { "from": content.period.0.to_string(), "until": content.period.1.to_string() },
        "execution": { "from": content.execution.0.to_string(), "until": content.execution.1.to_string() },
        "remarks": content.remarks, "attachments": attachments.collect::<Vec<_>>(),
        "form": content.form.word(), "legal_class": content.legal_class.word(),
        "executions": row.permit.used(), "executions_max": content.executions_max,
        "given_up": row.permit.given_up,
        "extraction": content.extraction, "approval": approval,
        "delivered_at": row.delivered_at.map(|at| at.to_string()),
        "reason": (!row.reason.is_empty()).then_some(&row.reason),
    })
}

async fn list(global: &Global, catalog: &Catalog, wanted: &List, now: Instant) -> Result<(), Failure> {
    let state = wanted.state.as_deref().unwrap_or_default();
    if !state.is_empty() && !STATES.iter().any(|(word, _)| *word == state) {
        let words: Vec<&str> = STATES.iter().map(|(word, _)| *word).collect();
        return Err(Failure::Usage(format!("--state {state:?} is none of {}", words.join(", "))));
    }
    let rows = permits::all(catalog, state, wanted.overdue, LISTED_MAX, now).await?;
    if global.json {
        return print_json(&rows.iter().map(value).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return print("There is no such permit; `kura permit apply` applies for one.\n");
    }
    let cells = rows.iter().map(|row| {
        let content = &row.permit.content;
        vec![
            row.permit.number.clone(),
            format!("{} {}", row.permit.state.word(), row.permit.japanese()),
            content.applicant.to_string(),
            format!("{} to {}", content.period.0, content.period.1),
            content.after_use_due.to_string(),
            content.subject.clone(),
        ]
    });
    let titles = ["PERMIT", "STATE", "APPLICANT", "PERIOD", "AFTER USE BY", "SUBJECT"];
    print(&table(&titles, &cells.collect::<Vec<_>>()))
}

async fn one(app: &App, global: &Global, catalog: &Catalog, show: &Show) -> Result<(), Failure> {
    let row = permits::of_number(catalog, &show.number).await?;
    if show.paper.is_asked() {
        return show.paper.write(app, &print_page::page(&row, app.clock.now()));
    }
    if global.json {
        return print_json(&value(&row));
    }
    let plan = catalog.extract_plan(&show.number).await?;
    print(&sheet(&row, plan.is_some_and(|plan| plan.digest == row.digest)))
}

/// How often it was made, of how often it may be.
fn times(row: &PermitRow) -> String {
    let (permit, most) = (&row.permit, row.permit.content.executions_max);
    let given_up = match permit.given_up {
        0 => String::new(),
        given_up => format!("（ほかに、何も提供せずに終わった{given_up}回。数えません）"),
    };
    format!("{} / {most}{given_up}", permit.used())
}

/// A permit for people at a terminal.
fn sheet(row: &PermitRow, is_planned: bool) -> String {
    let content = &row.permit.content;
    let span = |(first, last)| format!("{}～{}", wareki(first), wareki(last));
    let mut lines = vec![
        ("許可番号", row.permit.number.clone()),
        ("状態", row.permit.japanese().to_owned()),
        ("申請日", wareki(content.applied_on)),
        ("申請者", content.applicant.to_string()),
        ("件名", content.subject.clone()),
        ("使用目的", content.purpose.clone()),
        ("処理内容", content.processing.clone()),
        ("保存媒体", print_page::medium(&content.medium)),
        ("使用後の措置", print_page::after_use(&content.after_use)),
        ("使用期間", span(content.period)),
        ("実施日", span(content.execution)),
        ("備考", content.remarks.clone()),
    ];
    for attached in &content.attachments {
        lines.push(("添付資料", format!("{} {}", hex::encode(attached.sha256), attached.name)));
    }
    lines.extend([
        ("提供方法", content.form.japanese().to_owned()),
        ("法令上の区分", content.legal_class.japanese().to_owned()),
        ("実施回数", times(row)),
        ("措置の期日", wareki(content.after_use_due)),
    ]);
    let waits = matches!(row.permit.state, PermitState::Applied | PermitState::Approved(_));
    if is_planned {
        lines.push(("抽出の試算", "済み（この版）".to_owned()));
    } else if waits {
        lines.push(("抽出の試算", without_plan(&row.permit.number)));
    }
    if let Some(approval) = &row.approval {
        lines.push(("承認", format!("{} {}", approval.by, local(approval.at, &tokyo()))));
    }
    if !row.reason.is_empty() {
        lines.push(("理由", row.reason.clone()));
    }
    lines.push(("抽出の条件", format!("\n{}", content.extraction)));
    lines.push(("digest", row.digest.to_string()));
    let mut sheet = String::new();
    for (name, text) in lines {
        sheet.extend([name, "：", &text, "\n"]);
    }
    sheet
}
