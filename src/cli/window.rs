//! `kura window`: asking for windows, deciding, withdrawing; what they mean and what became of their occurrences.

use clap::{Args, Subcommand, ValueEnum};

use crate::app::{App, Desk};
use crate::domain::plan::PlanName;
use crate::domain::recurrence::Recurrence;
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant, TimeOfDay, half_width};
use crate::domain::window::{Terms, TermsParts, WindowKind};
use crate::workflows::{schedule, windows};

use super::at_desk::at_desk;
use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::who::Who;
use super::window_list;
use super::words::{print, print_json, tokyo};

/// Ask for, approve and withdraw windows; show their occurrences.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  kura window request records --kind daily --at 02:00 --length 2h --from 2026-12-01\n  \
                  kura window request records --kind monthly --day \"first sunday\" --at 01:00 --length 4h \\\n      \
                  --from 2026-12-01 --stop ポータル\n  \
                  kura window request --kind power-inspection --day 2027-02-11 --at 00:00 --length 24h\n\
                  Nobody approves what he asked for. Once a plan has a window, `kura snapshot` needs an occurrence.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask for a window (システム管理者).
    Request(Request),
    /// List the windows.
    List,
    /// Show the next 12 occurrences of a window, with holidays and clashes.
    Preview(Which),
    /// List occurrences that are open or lie ahead.
    Occurrences,
    /// Approve a request (サービス運用者): its occurrences are announced, and run.
    Approve(Approve),
    /// Return a request with a reason (サービス運用者).
    Return(Reasoned),
    /// Withdraw a window; what was announced is cancelled.
    Withdraw(Reasoned),
    /// Let an occurrence run although rules refuse it (運用管理責任者).
    BreakGlass(Reasoned),
    /// Confirm, under your name, that you have seen the report of a break-glass (サービス運用者).
    SeeReport(Seen),
}

#[derive(Debug, Args)]
struct Request {
    /// The plan; none for a power inspection.
    plan: Option<String>,
    /// What for.
    #[arg(long, value_enum)]
    kind: KindName,
    /// Which day: "first sunday", "last day", 1 to 28 (each month), or a date such as 2026-12-06 (once).
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// At what time, in the plan's zone.
    #[arg(long, value_name = "HH:MM")]
    at: String,
    /// How long: 90m, 4h, 24h.
    #[arg(long, value_name = "LENGTH")]
    length: String,
    /// The first day on which it may come [default: today].
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The last one [default: none].
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// The approved window whose place it takes: once this one is approved, that one ends and users are told (訂正).
    #[arg(long, value_name = "WINDOW")]
    replaces: Option<String>,
    /// A service that stops, by the name that users know; may be given several times.
    #[arg(long = "stop", value_name = "SERVICE")]
    stops: Vec<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Which {
    /// The window.
    id: String,
}

#[derive(Debug, Args)]
struct Seen {
    /// The occurrence, which is over.
    id: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Approve {
    /// The window.
    id: String,
    /// The digest that `kura window preview` showed; if what would run has changed since, nothing is approved.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Reasoned {
    /// The window, or the occurrence.
    id: String,
    /// Why, on one line; users may read it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindName {
    /// 日次.
    Daily,
    /// 月次; may stop services.
    Monthly,
    /// 維持管理; may stop services.
    Maintenance,
    /// 電源設備点検; nothing runs.
    PowerInspection,
}

impl KindName {
    const fn kind(self) -> WindowKind {
        match self {
            Self::Daily => WindowKind::Daily,
            Self::Monthly => WindowKind::Monthly,
            Self::Maintenance => WindowKind::Maintenance,
            Self::PowerInspection => WindowKind::PowerInspection,
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    at_desk(app, async |desk, now| dispatch(app, global, desk, arguments.command, now).await)
        .await
        .map(|()| Exit::Done)
}

async fn dispatch(
    app: &App,
    global: &Global,
    desk: &Desk,
    command: Command,
    now: Instant,
) -> Result<(), Failure> {
    match command {
        Command::Request(request) => ask(app, global, desk, request, now).await,
        Command::List => {
            schedule::refresh(desk, now).await?;
            window_list::windows(global, desk).await
        }
        Command::Preview(which) => window_list::preview(global, desk, &which.id, now).await,
        Command::Occurrences => {
            schedule::refresh(desk, now).await?;
            window_list::occurrences(global, desk, now).await
        }
        Command::Approve(approve) => {
            let seen = approve.digest.as_deref().map(parse_digest).transpose()?;
            let by = approve.who.sign_in(app, &desk.catalog, now).await?;
            let approval = windows::approve(desk, &approve.id, seen, &by, now).await?;
            if global.json {
                return print_json(
                    &serde_json::json!({ "window": approve.id, "state": "approved", "approval": approval.number }),
                );
            }
            print(&format!(
                "承認番号 {}: {} was approved and its notices are published.\n",
                approval.number, approve.id
            ))
        }
        Command::Return(reasoned) => {
            let by = reasoned.who.sign_in(app, &desk.catalog, now).await?;
            windows::return_request(desk, &reasoned.id, &reasoned.reason, &by, now).await?;
            tell(global, &reasoned.id, "returned")
        }
        Command::Withdraw(reasoned) => {
            let by = reasoned.who.sign_in(app, &desk.catalog, now).await?;
            windows::withdraw(desk, &reasoned.id, &reasoned.reason, &by, now).await?;
            tell(global, &reasoned.id, "withdrawn")
        }
        Command::BreakGlass(reasoned) => {
            let by = reasoned.who.sign_in_for(app, &desk.catalog, Act::BreakGlass, now).await?;
            windows::break_glass(desk, &reasoned.id, &reasoned.reason, &by, now).await?;
            tell(global, &reasoned.id, "let through")
        }
        Command::SeeReport(seen) => {
            let by = seen.who.sign_in_for(app, &desk.catalog, Act::DecideWindow, now).await?;
            windows::see_report(desk, &seen.id, &by, now).await?;
            tell(global, &seen.id, "reported, which you have seen")
        }
    }
}

fn tell(global: &Global, id: &str, state: &str) -> Result<(), Failure> {
    if global.json {
        return print_json(&serde_json::json!({ "id": id, "state": state }));
    }
    print(&format!("{id} was {state}.\n"))
}

async fn ask(app: &App, global: &Global, desk: &Desk, request: Request, now: Instant) -> Result<(), Failure> {
    let (who, replaces) = (request.who.clone(), request.replaces.clone());
    let terms = terms(app, request, now)?;
    let by = who.sign_in(app, &desk.catalog, now).await?;
    let id = windows::request_for(desk, &terms, replaces.as_deref(), &by, now).await?;
    if global.json {
        return print_json(&serde_json::json!({ "window": id, "state": "requested" }));
    }
    print(&format!(
        "Asked for {id}: {terms}. It waits for an approval by a service_operator (サービス運用者).\n\
         `kura window preview {id}` shows what it means.\n"
    ))
}

fn terms(app: &App, request: Request, now: Instant) -> Result<Terms, Failure> {
    let usage = |message: String| Failure::Usage(message);
    let (plan, zone) = match &request.plan {
        Some(name) => {
            let plan = app.plan(name)?;
            (Some::<PlanName>(plan.name().clone()), plan.zone().clone())
        }
        None => (None, tokyo()),
    };
    let time: TimeOfDay = request.at.parse().map_err(|e| usage(format!("--at {e}")))?;
    let date = |text: &str| half_width(text).parse::<Day>().map_err(|e| usage(e.to_string()));
    let recurrence = match request.day.as_deref() {
        None => Recurrence::Daily(time),
        Some(text) => match half_width(text).parse::<Day>() {
            Ok(day) => Recurrence::Once(day, time),
            Err(_) => Recurrence::Monthly(text.parse().map_err(|e| usage(format!("--day {e}")))?, time),
        },
    };
    let first_day = request.from.as_deref().map(date).transpose()?.unwrap_or_else(|| zone.day_of(now));
    let parts = TermsParts {
        plan,
        kind: request.kind.kind(),
        recurrence,
        length_minutes: parse_length(&request.length)?,
        stops: request.stops,
        first_day,
        last_day: request.until.as_deref().map(date).transpose()?,
        zone,
    };
    Terms::new(parts).map_err(|error| usage(error.to_string()))
}

/// `90m`, `4h`.
fn parse_length(text: &str) -> Result<u32, Failure> {
    let plain = half_width(text.trim());
    let wrong = || Failure::Usage(format!("--length {text:?} is no length such as 90m or 4h"));
    let (number, factor) = match (plain.strip_suffix('h'), plain.strip_suffix('m')) {
        (Some(hours), _) => (hours, 60),
        (None, Some(minutes)) => (minutes, 1),
        (None, None) => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

fn parse_digest(text: &str) -> Result<[u8; 32], Failure> {
    let mut digest = [0; 32];
    let wrong = |_| Failure::Usage(format!("{text:?} is no digest of 64 hexadecimal digits"));
    hex::decode_to_slice(text, &mut digest).map_err(wrong)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_unit() {
        assert_eq!(parse_length("90m").unwrap(), 90);
        assert_eq!(parse_length("４ｈ").unwrap(), 240);
        for text in ["", "4", "h", "-1h", "4d", "99999999999h", "4294967295h"] {
            assert!(parse_length(text).is_err(), "{text}");
        }
    }
}
