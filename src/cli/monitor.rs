//! `kura monitor`: what lives and what is down; asking now; access logs and who has reviewed them.

use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::app::{App, Desk};
use crate::domain::monitor::share;
use crate::domain::time::Instant;
use crate::workflows::monitor::logs::{self, LogShown};
use crate::workflows::monitor::{self, Asker, FromHere, MonitorShown};

use super::at_desk::at_desk;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::words::{local, print, print_json, table, tokyo};

/// How many looks through each log are shown.
const LOOKS: u32 = 10;

/// Monitoring (稼働監視): what lives, what is down, access logs and their review.
#[derive(Debug, Args)]
#[command(
    after_help = "What is monitored stands in policies/monitoring/*.toml (policies/README.md says how). The service asks; a \
                  window silences what it stops, and only that.\n\
                  Examples:\n  \
                  kura monitor list\n  \
                  kura monitor status portal-page\n  \
                  kura monitor check\n  \
                  kura monitor logs\n  \
                  kura monitor review firewall 12 --remark '異常なし' --account admin00001"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the targets: how each stands, since when, and its availability this month and last.
    List,
    /// Show one target: its availability by month, its changes, its last answers.
    Status(One),
    /// Ask now and note nothing; all targets, unless some are named. Exits with 1 if one does not answer as it should.
    Check(Check),
    /// Show what was counted in access logs, and what nobody has reviewed.
    Logs,
    /// Note that you have reviewed all looks through a log up to a number.
    Review(Review),
}

#[derive(Debug, Args)]
struct One {
    /// Its name.
    name: String,
}

#[derive(Debug, Args)]
struct Check {
    /// Names of targets.
    names: Vec<String>,
}

#[derive(Debug, Args)]
struct Review {
    /// The log's name.
    log: String,
    /// The number of the newest look that you have seen.
    number: u64,
    /// What you make of it, on one line. No names of persons, no addresses.
    #[arg(long, value_name = "TEXT")]
    remark: String,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    at_desk(app, async |desk, now| carry_out(app, global, (desk, now), arguments.command).await).await
}

async fn carry_out(
    app: &App,
    global: &Global,
    (desk, now): (&Desk, Instant),
    command: Command,
) -> Result<Exit, Failure> {
    if let Some(trouble) = &desk.monitoring.trouble {
        return Err(Failure::Failed(format!(
            "what is monitored cannot be read, so nothing is monitored; mend this:\n{trouble}"
        )));
    }
    match command {
        Command::List => list(global, &monitor::list(desk, 2, now).await?, &monitor::months(now, 2))?,
        Command::Status(one) => status(global, desk, &one.name, now).await?,
        Command::Check(wanted) => return check(global, desk, &wanted.names).await,
        Command::Logs => show_logs(global, &logs::list(desk, LOOKS, now).await?)?,
        Command::Review(review) => {
            let by = review.who.sign_in(app, &desk.catalog, now).await?;
            let seen = logs::review(desk, (&review.log, review.number), &review.remark, &by, now).await?;
            if global.json {
                print_json(
                    &serde_json::json!({ "log": review.log, "number": review.number, "reviewed": seen }),
                )?;
            } else {
                print(&format!("{seen} looks through {} are reviewed now.\n", review.log))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn standing(shown: &MonitorShown) -> &'static str {
    let standing = shown.pulse.as_ref().map_or("unknown", |pulse| {
        if pulse.is_unsteady() { "down (unsteady)" } else { pulse.standing.word() }
    });
    if shown.is_silenced { "silenced" } else { standing }
}

fn as_json(shown: &MonitorShown) -> serde_json::Value {
    let (target, pulse) = (&shown.target, shown.pulse.as_ref());
    let months = shown.months.iter().map(|(month, tally)| {
        serde_json::json!({
            "month": month, "good": tally.good, "bad": tally.bad, "silenced": tally.silenced,
            "not_asked": tally.unknown, "availability": share(tally.availability()),
        })
    });
    serde_json::json!({
        "name": target.name, "kind": target.ask.word(), "address": target.ask.address(),
        "services": target.services, "every_minutes": target.every_minutes,
        "standing": pulse.map_or("unknown", |pulse| pulse.standing.word()),
        "since": pulse.map(|pulse| pulse.since.to_string()),
        "asked_at": pulse.map(|pulse| pulse.asked_at.to_string()),
        "answer": pulse.map(|pulse| pulse.answer.word()),
        "is_unsteady": pulse.is_some_and(crate::domain::monitor::Pulse::is_unsteady),
        "is_silenced": shown.is_silenced, "months": months.collect::<Vec<_>>(),
    })
}

fn list(global: &Global, found: &[MonitorShown], months: &[String]) -> Result<(), Failure> {
    if global.json {
        return print_json(&found.iter().map(as_json).collect::<Vec<_>>());
    }
    if found.is_empty() {
        return print(
            "Nothing is monitored: write policies/monitoring/*.toml (policies/README.md says how).\n",
        );
    }
    let rows = found.iter().map(|shown| {
        let pulse = shown.pulse.as_ref();
        let at = |at: Option<Instant>| at.map_or_else(|| "-".to_owned(), |at| local(at, &tokyo()));
        let month = |back: usize| {
            let found = shown.months.iter().find(|(month, _)| months.get(back) == Some(month));
            share(found.and_then(|(_, tally)| tally.availability()))
        };
        vec![
            shown.target.name.clone(),
            shown.target.ask.word().to_owned(),
            standing(shown).to_owned(),
            at(pulse.map(|pulse| pulse.since)),
            at(pulse.map(|pulse| pulse.asked_at)),
            pulse.map_or("-", |pulse| pulse.answer.word()).to_owned(),
            month(0),
            month(1),
        ]
    });
    let titles = ["TARGET", "KIND", "STANDING", "SINCE", "ASKED", "ANSWER", "MONTH>", "BEFORE>"];
    print(&table(&titles, &rows.collect::<Vec<_>>()))
}

async fn status(global: &Global, desk: &Desk, name: &str, now: Instant) -> Result<(), Failure> {
    let (shown, changes, answers) = monitor::look(desk, name, now).await?;
    if global.json {
        let mut value = as_json(&shown);
        let changes = changes.iter().map(|change| {
            serde_json::json!({
                "at": change.at.to_string(), "since": change.since.to_string(),
                "standing": change.standing.word(), "answer": change.answer.word(),
            })
        });
        let answers = answers.iter().map(|heard| {
            serde_json::json!({
                "at": heard.at.to_string(), "answer": heard.answer.word(), "is_silenced": heard.is_silenced,
            })
        });
        if let Some(fields) = value.as_object_mut() {
            fields.insert("changes".to_owned(), changes.collect());
            fields.insert("answers".to_owned(), answers.collect());
        }
        return print_json(&value);
    }
    let (target, zone) = (&shown.target, tokyo());
    print(&format!(
        "{} is {}: {} {} every {} minutes; services: {}\n",
        target.name,
        standing(&shown),
        target.ask.word(),
        target.ask.address(),
        target.every_minutes,
        if target.services.is_empty() { "-".to_owned() } else { target.services.join("、") },
    ))?;
    let months = shown.months.iter().map(|(month, tally)| {
        let count = |count: u64| count.to_string();
        let share = share(tally.availability());
        vec![
            month.clone(),
            share,
            count(tally.good),
            count(tally.bad),
            count(tally.silenced),
            count(tally.unknown),
        ]
    });
    print(&table(
        &["MONTH", "SHARE>", "GOOD>", "BAD>", "SILENCED>", "NOT ASKED>"],
        &months.collect::<Vec<_>>(),
    ))?;
    let rows = changes.iter().map(|change| {
        let (at, since) = (local(change.at, &zone), local(change.since, &zone));
        vec![at, change.standing.word().to_owned(), since, change.answer.word().to_owned()]
    });
    print(&table(&["CHANGED", "TO", "SINCE", "ANSWER"], &rows.collect::<Vec<_>>()))?;
    let rows = answers.iter().take(20).map(|heard| {
        let silenced = if heard.is_silenced { "silenced" } else { "" };
        vec![local(heard.at, &zone), heard.answer.word().to_owned(), silenced.to_owned()]
    });
    print(&table(&["ASKED", "ANSWER", ""], &rows.collect::<Vec<_>>()))
}

async fn check(global: &Global, desk: &Desk, names: &[String]) -> Result<Exit, Failure> {
    let asker: Arc<dyn Asker> = Arc::new(FromHere);
    let heard = monitor::check(desk, names, &asker).await?;
    if global.json {
        let rows = heard
            .iter()
            .map(|(target, answer)| serde_json::json!({ "name": target.name, "answer": answer.word() }));
        print_json(&rows.collect::<Vec<_>>())?;
    } else {
        let rows = heard.iter().map(|(target, answer)| {
            let (kind, words) = (target.ask.word().to_owned(), answer.sentences().1.to_owned());
            vec![target.name.clone(), kind, target.ask.address(), answer.word().to_owned(), words]
        });
        print(&table(&["TARGET", "KIND", "ADDRESS", "ANSWER", ""], &rows.collect::<Vec<_>>()))?;
    }
    let is_good = heard.iter().all(|(_, answer)| *answer == crate::domain::monitor::Answer::Good);
    Ok(if is_good { Exit::Done } else { Exit::Failed })
}

fn show_logs(global: &Global, found: &[LogShown]) -> Result<(), Failure> {
    if global.json {
        let logs = found.iter().map(|shown| {
            let looks = shown.looks.iter().map(|row| {
                let counts = row.look.counts.iter();
                let counts = counts.map(|(name, count)| serde_json::json!({ "rule": name, "lines": count }));
                serde_json::json!({
                    "number": row.number, "at": row.at.to_string(), "lines": row.look.lines,
                    "counts": counts.collect::<Vec<_>>(), "gap": row.look.is_gap, "trouble": row.look.trouble,
                    "reviewed_at": row.review.as_ref().map(|(at, _, _)| at.to_string()),
                    "remark": row.review.as_ref().map(|(_, _, remark)| remark),
                })
            });
            serde_json::json!({
                "log": shown.log.name, "looks": looks.collect::<Vec<_>>(),
                "review_overdue_since": shown.overdue_since.map(|at| at.to_string()),
            })
        });
        return print_json(&logs.collect::<Vec<_>>());
    }
    if found.is_empty() {
        return print(
            "No access log is looked through: write [[access_log]] in policies/monitoring/*.toml.\n",
        );
    }
    let rows = found.iter().flat_map(|shown| {
        shown.looks.iter().map(|row| {
            let counts = row.look.counts.iter().map(|(name, count)| {
                let rule = shown.log.rules.iter().find(|rule| rule.name == *name);
                let is_over = rule.and_then(|rule| rule.limit).is_some_and(|limit| *count > limit);
                format!("{name} {count}{}", if is_over { "!" } else { "" })
            });
            let mut remarks: Vec<String> = Vec::new();
            if !row.look.trouble.is_empty() {
                remarks.push(row.look.trouble.clone());
            }
            if row.look.is_gap {
                remarks.push("another file: lines in between may be missing".to_owned());
            }
            remarks.push(row.review.as_ref().map_or_else(
                || "not reviewed".to_owned(),
                |(at, _, _)| format!("reviewed {}", local(*at, &tokyo())),
            ));
            vec![
                shown.log.name.clone(),
                row.number.to_string(),
                local(row.at, &tokyo()),
                row.look.lines.to_string(),
                counts.collect::<Vec<_>>().join(", "),
                remarks.join("; "),
            ]
        })
    });
    print(&table(
        &["LOG", "NUMBER>", "LOOKED", "LINES>", "COUNTED (! over its limit)", ""],
        &rows.collect::<Vec<_>>(),
    ))?;
    for shown in found.iter().filter(|shown| shown.overdue_since.is_some()) {
        print(&format!("The review of {} is overdue.\n", shown.log.name))?;
    }
    Ok(())
}
