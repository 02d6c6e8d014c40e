//! `kura plan show`: what a plan means, in words, with today's days as an example.

use serde::Serialize;

use crate::clock::Clock;
use crate::domain::cohort::CohortId;
use crate::domain::plan::{Class, LockMode, PastRetention, Plan, Source, SourceKind};
use crate::domain::retention::{self, Kept};
use crate::domain::sent_day::SentDayRule;
use crate::domain::source_kind::{TableClock, TableRule};
use crate::domain::time::Day;

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{counted, print, print_json};

#[derive(Serialize)]
struct Meaning<'a> {
    name: &'a str,
    class: &'static str,
    clock: &'static str,
    time_zone: &'a str,
    retention: String,
    copies: u8,
    drill_every: String,
    lock: &'static str,
    past_retention: Option<&'static str>,
    generation: Option<&'static str>,
    sources: Vec<SourceMeaning<'a>>,
    example: Example,
}

#[derive(Serialize)]
struct SourceMeaning<'a> {
    name: &'a str,
    kind: &'static str,
    path: String,
    sent_day: Option<String>,
    exclude: Vec<&'a str>,
    one_file_system: bool,
}

/// What becomes of a record of today.
#[derive(Serialize)]
struct Example {
    today: String,
    cohort: String,
    counts_from: String,
    promised_until: String,
    delete_from: String,
    next_generation: Option<String>,
}

fn example(plan: &Plan, today: Day) -> (Example, Kept) {
    let cohort = plan.cohort_of(today);
    let kept = retention::kept(plan.retention(), cohort.clock_day());
    let next = match cohort {
        CohortId::Sent(_) => None,
        CohortId::Generation(generation) => Some(generation.last_day().next().to_string()),
    };
    let example = Example {
        today: today.to_string(),
        cohort: cohort.to_string(),
        counts_from: cohort.clock_day().to_string(),
        promised_until: kept.promised_last_day.to_string(),
        delete_from: kept.delete_from.to_string(),
        next_generation: next,
    };
    (example, kept)
}

pub(super) fn show(plan: &Plan, global: &Global, clock: &dyn Clock) -> Result<Exit, Failure> {
    let today = plan.zone().day_of(clock.now());
    if global.json {
        print_json(&meaning(plan, today))?;
    } else {
        print(&words(plan, today))?;
    }
    Ok(Exit::Done)
}

fn meaning(plan: &Plan, today: Day) -> Meaning<'_> {
    let is_system = plan.class() == Class::System;
    let source = |source: &'_ Source| source.sent_day().map(ToString::to_string);
    Meaning {
        name: plan.name().as_str(),
        class: plan.class().word(),
        clock: if is_system { "generation" } else { "sent-day" },
        time_zone: plan.zone().name(),
        retention: plan.retention().to_string(),
        copies: plan.copies(),
        drill_every: plan.drill_every().to_string(),
        lock: plan.lock_mode().word(),
        past_retention: (!is_system).then(|| plan.past_retention().word()),
        generation: is_system.then(|| plan.generation().word()),
        sources: plan
            .sources()
            .iter()
            .map(|one| SourceMeaning {
                name: one.name().as_str(),
                kind: one.kind().word(),
                path: place_of(one),
                sent_day: source(one),
                exclude: one.exclude().globs().iter().map(String::as_str).collect(),
                one_file_system: one.one_file_system(),
            })
            .collect(),
        example: example(plan, today).0,
    }
}

fn words(plan: &Plan, today: Day) -> String {
    let mut lines = vec![format!("Plan {} ({})", plan.name().as_str(), class_words(plan.class()))];
    lines.push(format!("  kept        {}, days counted in {}", plan.retention(), plan.zone().name()));
    lines.push(format!("  copies      {}", counted(u64::from(plan.copies()), "store")));
    lines.push(format!("  drill       every {}", plan.drill_every()));
    lines.push(format!("  lock        {}", lock_words(plan.lock_mode())));
    if plan.class() == Class::Application {
        lines.push(format!("  past year   {}", past_words(plan.past_retention())));
    }
    for source in plan.sources() {
        lines.extend(source_lines(source));
    }
    lines.push(String::new());
    lines.extend(example_lines(plan, today));
    lines.push(String::new());
    lines.join("\n")
}

const fn class_words(class: Class) -> &'static str {
    match class {
        Class::Application => {
            "application, 利用者の複製診療情報: each record counts from the day it was sent"
        }
        Class::System => "system, システムデータ: each generation counts from its last day",
    }
}

const fn lock_words(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Compliance => "compliance: nobody can delete before the day, where the store can lock",
        LockMode::Governance => "governance: a person with a special right can delete early",
    }
}

const fn past_words(past: PastRetention) -> &'static str {
    match past {
        PastRetention::Report => "not backed up; counted and listed for the administrator (第22条)",
        PastRetention::KeepFromFirstSeen => "backed up, and counted from the day it was first seen",
    }
}

/// What a source reads.
fn place_of(source: &Source) -> String {
    match source.kind() {
        SourceKind::Directory => source.path().display().to_string(),
        SourceKind::Sqlite => format!("SQLite database {}", source.path().display()),
        SourceKind::Command(output) => format!("output of {}, as {}", output.command.join(" "), output.file),
        SourceKind::Postgresql(database) => format!(
            "PostgreSQL database {} on {} port {}, as {}",
            database.database, database.host, database.port, database.user
        ),
    }
}

fn table_line(rule: &TableRule) -> String {
    let clock = match &rule.clock {
        TableClock::SentAt(column) => format!("sent day: column {column}"),
        TableClock::Parent(parent) => format!("sent day: that of {parent}"),
        TableClock::System => "system data".to_owned(),
    };
    format!("              {}: {clock}", rule.name)
}

fn source_lines(source: &Source) -> Vec<String> {
    let mut lines = vec![format!("  source      {}: {}", source.name().as_str(), place_of(source))];
    if let SourceKind::Postgresql(database) = source.kind() {
        lines.extend(database.tables.iter().map(table_line));
    }
    match source.sent_day() {
        Some(SentDayRule::Mtime) => {
            lines.push("              sent day: the file's modification time".to_owned());
        }
        Some(SentDayRule::Path(pattern)) => {
            lines.push(format!("              sent day: in the path, {pattern}"));
        }
        None => {}
    }
    let globs: Vec<&str> = source.exclude().globs().iter().map(String::as_str).collect();
    if !globs.is_empty() {
        lines.push(format!("              left out: {}", globs.join(", ")));
    }
    if source.one_file_system() {
        lines.push("              stays on its file system".to_owned());
    }
    lines
}

fn example_lines(plan: &Plan, today: Day) -> Vec<String> {
    let (example, kept) = example(plan, today);
    let end = if kept.delete_from == Day::LAST {
        "is never deleted".to_owned()
    } else {
        format!("may be deleted from {} 00:00", example.delete_from)
    };
    let mut lines = match plan.class() {
        Class::Application => vec![format!(
            "A record sent today ({}) goes to {}, is kept until {} at least, and {end}.",
            example.today, example.cohort, example.promised_until
        )],
        Class::System => vec![format!(
            "A snapshot of today ({}) goes to {}, which counts from {}, is kept until {} at least, and {end}.",
            example.today, example.cohort, example.counts_from, example.promised_until
        )],
    };
    if let Some(next) = &example.next_generation {
        lines.push(format!(
            "The next generation begins on {next}; its first snapshot sends everything again."
        ));
    }
    lines
}
