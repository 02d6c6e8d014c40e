//! `kura certificate`: showing and checking certificates of deletion.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::{App, Host};
use crate::print::certificate as print_page;
use crate::workflows::certificates::{self, Certificate, CertificateRow, Checked};

use super::as_paper::AsPaper;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::fingerprint;
use super::words::{counted, local, print, print_json, size, table, tell, tokyo};

/// How many certificates are listed.
const LISTED_MAX: u32 = 10_000;

/// List, show and check certificates of deletion (消去証明書).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  kura certificate show 12 --pdf > 消去証明書12.pdf    to print and file\n  \
                  kura certificate show 12 --json > certificate-12.json  to hand on\n  \
                  kura certificate verify certificate-*.json --root sha256:…   on any machine, offline\n\
                  The fingerprint of the root key stands on the printed recovery sheet.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the certificates, newest first.
    List,
    /// Show one.
    Show(Show),
    /// Check files that `show --json` wrote, each by itself and as a chain. Needs no home and no store.
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Show {
    /// Its number.
    number: u64,
    #[command(flatten)]
    paper: AsPaper,
}

#[derive(Debug, Args)]
struct Verify {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The fingerprint of the root key.
    #[arg(long, value_name = "FINGERPRINT")]
    root: String,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::List => list(app, global).await,
        Command::Show(show) => {
            let catalog = app.catalog().await?;
            let rows = catalog.certificates(show.number.saturating_add(1), 1).await;
            catalog.close().await;
            let row = rows?.into_iter().find(|row| row.number == show.number);
            let row = row.ok_or_else(|| {
                let number = show.number;
                Failure::Failed(format!(
                    "there is no certificate {number}: `kura certificate list` shows those there are"
                ))
            })?;
            one(app, &app.host(None).await?, &row, (global.json, show.paper))
        }
        Command::Verify(arguments) => verify(&arguments, global.json),
    }
}

async fn list(app: &App, global: &Global) -> Result<Exit, Failure> {
    let catalog = app.catalog().await?;
    let rows = catalog.certificates(u64::MAX, LISTED_MAX).await;
    catalog.close().await;
    let rows = rows?;
    if global.json {
        let rows = rows.iter().map(|row| {
            serde_json::json!({
                "number": row.number, "digest": row.digest.to_string(),
                "issued_at": row.issued_at.to_string(),
                "cohorts": row.cohorts, "objects": row.objects, "bytes": row.bytes,
            })
        });
        print_json(&rows.collect::<Vec<_>>())?;
    } else if rows.is_empty() {
        print("There is no certificate: nothing was deleted yet.\n")?;
    } else {
        let cells = rows.iter().map(|row| {
            vec![
                row.number.to_string(),
                local(row.issued_at, &tokyo()),
                row.cohorts.to_string(),
                row.objects.to_string(),
                size(row.bytes),
                row.digest.to_string().chars().take(12).collect(),
            ]
        });
        let titles = ["NO>", "ISSUED", "COHORTS>", "OBJECTS>", "SIZE>", "DIGEST"];
        print(&table(&titles, &cells.collect::<Vec<_>>()))?;
    }
    Ok(Exit::Done)
}

fn one(
    app: &App,
    host: &Host,
    row: &CertificateRow,
    (is_json, paper): (bool, AsPaper),
) -> Result<Exit, Failure> {
    let certificate = certificates::read(host, row)?;
    if is_json {
        print_json(&certificates::bundle(host, row)?)?;
    } else if paper.is_asked() {
        paper.write(app, &print_page::page(&certificate, &row.digest.to_string()))?;
    } else {
        print(&text(&certificate))?;
    }
    Ok(Exit::Done)
}

fn text(certificate: &Certificate) -> String {
    let mut text = format!("certificate {} of {}\n", certificate.number, certificate.issued_at);
    for cohort in &certificate.cohorts {
        text.push_str(&format!(
            "  {} {}: {}, {}, kept to {} (A) and {} (B)\n",
            cohort.plan,
            cohort.cohort,
            counted(cohort.objects, "object"),
            size(cohort.bytes),
            cohort.last_day_a,
            cohort.last_day_b
        ));
    }
    for snapshot in &certificate.snapshots {
        text.push_str(&format!("  {} snapshot {}\n", snapshot.plan, snapshot.sequence));
    }
    for copy in &certificate.copies {
        let left = copy.left;
        text.push_str(&format!(
            "  gone from {} ({}) at {}: {left} left\n",
            copy.location, copy.method, copy.finished_at
        ));
    }
    for kept in &certificate.not_deleted {
        text.push_str(&format!("  not deleted: {} {} ({})\n", kept.plan, kept.what, kept.code));
    }
    let authority = &certificate.authority;
    let confirmed = authority.confirmed_by.as_deref().unwrap_or("standing");
    text.push_str(&format!(
        "  approved by {}, confirmed by {confirmed}, carried out by {}\n",
        authority.approved_by, certificate.executor
    ));
    text
}

fn verify(arguments: &Verify, is_json: bool) -> Result<Exit, Failure> {
    let root = fingerprint(&arguments.root)?;
    let (mut checked, mut problems): (Vec<Checked>, Vec<String>) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        let bytes = std::fs::read(path).map_err(Failure::file("read", path))?;
        match certificates::check(&path.display().to_string(), &bytes, &root) {
            Ok(one) => checked.push(one),
            Err(error) => problems.push(super::failure::with_causes(&error)),
        }
    }
    problems.extend(certificates::check_links(&mut checked));
    let numbers: Vec<u64> = checked.iter().map(|one| one.certificate.number).collect();
    if is_json {
        let ok = problems.is_empty();
        print_json(&serde_json::json!({ "ok": ok, "certificates": numbers, "problems": problems }))?;
    } else {
        for problem in &problems {
            tell(&format!("kura: {problem}"));
        }
        let count = counted(u64::try_from(numbers.len()).unwrap_or(u64::MAX), "certificate");
        let rest = match (problems.is_empty(), numbers.len()) {
            (false, _) => "read",
            (true, 1) => "whole",
            (true, _) => "whole, and each follows the one before",
        };
        print(&format!("{count} {rest}.\n"))?;
        if let Some(first) = numbers.iter().min().filter(|first| **first > 1) {
            let before = first.saturating_sub(1);
            print(&format!(
                "Certificate {before}, which number {first} names, was not given: nothing is said of those before.\n"
            ))?;
        }
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}
