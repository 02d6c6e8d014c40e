//! Access logs (第22条②): looks through each that is due, counts by its rules, and notes who has reviewed what.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::domain::access_log::{self, AccessLog, LogLook, LogPlace, LogSource, Looked};
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::monitor::read_log;
use crate::policy_files::Expression;
use crate::workflows::desk::{Desk, DeskError};
use crate::workflows::sign_in::line;
use crate::workflows::windows::check_reason;

pub use crate::catalog::LogLookRow;

/// Looks through every log that is due; how many there were.
pub async fn refresh(desk: &Desk, clock: &dyn Clock) -> Result<usize, DeskError> {
    let mut looked = 0;
    for log in &desk.monitoring.rules.logs {
        let last = desk.catalog.log_looks(&log.name, 1).await?.into_iter().next();
        if access_log::is_due(last.as_ref().map(|row| row.at), log.every_hours, clock.now()) {
            match look(desk, log, last, clock).await {
                // Another program looked meanwhile.
                Ok(()) | Err(DeskError::Stale(_)) => looked += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(looked)
}

async fn look(
    desk: &Desk,
    log: &AccessLog,
    last: Option<LogLookRow>,
    clock: &dyn Clock,
) -> Result<(), DeskError> {
    let before = last.as_ref().map(|row| row.place).filter(|place| *place != LogPlace::default());
    let before = before.filter(|_| matches!(log.source, LogSource::File(_)));
    let (place, found) = count(log, before).await;
    let row = LogLookRow {
        log: log.name.clone(),
        number: last.map_or(0, |row| row.number).saturating_add(1),
        at: clock.now(),
        // What could not be read is read on from where it was read last.
        place: place.or(before).unwrap_or_default(),
        look: found,
        review: None,
    };
    let noteworthy = row.look.noteworthy(log).len();
    let trouble = if row.look.trouble.is_empty() { "-" } else { &row.look.trouble };
    let detail =
        format!("{} lines, {noteworthy} rules passed their limit, trouble {trouble}", row.look.lines);
    let mut tx = desk.catalog.begin().await?;
    tx.add_log_look(&row).await?;
    tx.commit(&[line(row.at, "kura", "log.look", &log.name, &detail)]).await?;
    if !row.look.trouble.is_empty() {
        tracing::error!(log = log.name, trouble = row.look.trouble, "an access log could not be read");
    }
    Ok(())
}

/// Counts what is new in a log.
async fn count(log: &AccessLog, from: Option<LogPlace>) -> (Option<LogPlace>, LogLook) {
    let trouble = |word: &str| LogLook { trouble: word.to_owned(), ..LogLook::default() };
    let rules: Result<Vec<Expression>, String> =
        log.rules.iter().map(|rule| Expression::new(&rule.pattern)).collect();
    let Ok(rules) = rules else { return (None, trouble("bad-rule")) };
    let counts = std::sync::Arc::new(std::sync::Mutex::new(vec![0_u64; rules.len()]));
    let own = counts.clone();
    let each = move |line: &[u8]| {
        let mut counts = own.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (count, rule) in counts.iter_mut().zip(&rules) {
            *count += u64::from(rule.is_in(line));
        }
    };
    match read_log(&log.source, from, each).await.0 {
        Err(error) => (None, trouble(&error.to_string())),
        Ok(reading) => {
            let counts = counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            let named = log.rules.iter().map(|rule| rule.name.clone()).zip(counts).collect();
            let word = if reading.is_cut { "too-long" } else { "" };
            let look = LogLook {
                lines: reading.lines,
                counts: named,
                is_gap: reading.is_gap,
                trouble: word.to_owned(),
            };
            (Some(reading.place), look)
        }
    }
}

/// A log as it is shown.
#[derive(Clone, Debug)]
pub struct LogShown {
    /// What is looked through.
    pub log: AccessLog,
    /// Its last looks, newest first.
    pub looks: Vec<LogLookRow>,
    /// Since when a review is overdue.
    pub overdue_since: Option<Instant>,
}

/// Every log, by name, with its last looks.
pub async fn list(desk: &Desk, looks: u32, now: Instant) -> Result<Vec<LogShown>, DeskError> {
    let open = open_looks(desk).await?;
    let mut found = Vec::new();
    for log in &desk.monitoring.rules.logs {
        let none = Vec::new();
        let waiting = open.get(&log.name).unwrap_or(&none);
        found.push(LogShown {
            log: log.clone(),
            looks: desk.catalog.log_looks(&log.name, looks).await?,
            overdue_since: access_log::review_overdue(waiting, log.review_days, now),
        });
    }
    Ok(found)
}

/// The looks that nobody has reviewed, by log.
pub(in crate::workflows) async fn open_looks(
    desk: &Desk,
) -> Result<BTreeMap<String, Vec<Looked>>, DeskError> {
    let mut found: BTreeMap<String, Vec<Looked>> = BTreeMap::new();
    for row in desk.catalog.open_log_looks().await? {
        found.entry(row.log).or_default().push(Looked { at: row.at, is_reviewed: false });
    }
    Ok(found)
}

/// Somebody has seen all looks through a log up to a number, and says what he makes of them; how many there were.
pub async fn review(
    desk: &Desk,
    (log, number): (&str, u64),
    remark: &str,
    by: &Actor,
    now: Instant,
) -> Result<u64, DeskError> {
    by.check(Act::KeepRecords)?;
    check_reason(remark)?;
    // Nobody has seen a look that was not made; numbers only grow.
    let newest = desk.catalog.log_looks(log, 1).await?.first().map_or(0, |row| row.number);
    if number > newest {
        return Err(DeskError::None { what: "look with number", id: number.to_string() });
    }
    let mut tx = desk.catalog.begin().await?;
    let seen = tx.review_log_looks((log, number), (&by.account, remark), now).await?;
    if seen == 0 {
        return Err(DeskError::None { what: "look that waits for a review in log", id: log.to_owned() });
    }
    let detail = format!("up to {number}, {seen} looks: {remark}");
    tx.commit(&[line(now, by.account.as_str(), "log.review", log, &detail)]).await?;
    Ok(seen)
}
