//! Alarms: gathering what they are made from, raising each once, clearing those that were mended.

use std::collections::BTreeMap;

use crate::catalog::LinkedAlarm;
use crate::domain::alarm::{self, Expiring, Facts, Stopped, StoppedHow, Taken};
use crate::domain::coverage::damage_alarm;
use crate::domain::hand_stop::Stage;
use crate::domain::locks::lock_alarm;
use crate::domain::monitor_alarm;
use crate::domain::occurrence::Occurrence;
use crate::domain::permit::Permit;
use crate::domain::service::{How, stops_at};
use crate::domain::sudden_change::is_answered;
use crate::domain::time::Instant;
use crate::domain::window::Window;

use super::desk::{Desk, DeskError};
use super::drill;
use super::incidents::tend;
use super::monitor;
use super::sign_in::line;

pub use crate::catalog::AlarmRow;
pub use crate::domain::alarm::{Alarm, AlarmCode};

/// How far back occurrences are looked at, minutes: two months.
const LOOK_BACK_MINUTES: i64 = 62 * 24 * 60;

/// The alarms that last, oldest first; with `all` the last `limit`, mended ones too, newest first.
pub async fn list(desk: &Desk, all: bool, limit: u32) -> Result<Vec<AlarmRow>, DeskError> {
    let rows = if all { desk.catalog.last_alarms(limit).await? } else { desk.catalog.open_alarms().await? };
    Ok(rows.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
}

/// What is wrong now.
async fn gather(desk: &Desk, now: Instant) -> Result<Vec<Alarm>, DeskError> {
    let windows = desk.catalog.windows().await?;
    let occurrences = desk.catalog.troubled_occurrences(now.plus_minutes(-LOOK_BACK_MINUTES), now).await?;
    let mut snapshots: BTreeMap<String, Vec<Taken>> = BTreeMap::new();
    for row in desk.catalog.newest_snapshots().await? {
        let taken = Taken { at: row.taken_at, is_complete: row.is_complete };
        snapshots.entry(row.plan).or_default().push(taken);
    }
    let refused = desk.catalog.open_reasons(now).await?;
    let unproven = desk.catalog.unproven().await?.into_iter().map(|row| (row.notice, row.since));
    let undelivered = desk.catalog.undelivered().await?;
    let stopped = stopped(desk, &windows, &occurrences, now).await?;
    let reported = desk.catalog.seen_reports().await?;
    let expiring = desk.catalog.expiry_looks().await?.into_iter().map(|row| Expiring {
        plan: row.plan,
        due_since: row.due_since,
        stopped: row.stopped,
    });
    let expiring: Vec<Expiring> = expiring.collect();
    let drills = drill::standing(&desk.catalog, &desk.drills, &desk.recovery_keys).await?;
    let canaries = desk.catalog.canaries().await?.into_iter();
    let unlocked: Vec<_> = canaries.map(|row| (row.store, row.outcome, row.since)).collect();
    let permits: Vec<Permit> = desk.catalog.permits_owed().await?.into_iter().map(|row| row.permit).collect();
    let readable: Vec<String> = desk.contents.keys().cloned().collect();
    let facts = Facts {
        windows: &windows,
        occurrences: &occurrences,
        snapshots: &snapshots,
        refused: &refused,
        unproven: &unproven.collect::<Vec<_>>(),
        undelivered: &undelivered,
        stopped: &stopped,
        reported: &reported,
        expiring: &expiring,
        drills: &drills,
        unlocked: &unlocked,
        permits: &permits,
        readable: &readable,
        lead: desk.lead,
    };
    let mut found = alarm::alarms(&facts, now);
    let proofs = desk.catalog.newest_coverage(now).await?;
    found.extend(proofs.iter().filter_map(|row| damage_alarm(&row.plan, &row.exceptions, row.checked_at)));
    found.extend(proofs.iter().filter_map(|row| lock_alarm(&row.plan, &row.exceptions, row.checked_at)));
    found.extend(unanswered(desk).await?);
    found.extend(monitored(desk, now).await?);
    Ok(found)
}

/// Sudden changes that nobody has looked at yet. A run raises them; they tell of what happened once, so that no later
/// snapshot ends them.
async fn unanswered(desk: &Desk) -> Result<Vec<Alarm>, DeskError> {
    let open = desk.catalog.open_alarms().await?.into_iter().map(|row| row.alarm);
    let sudden: Vec<Alarm> = open.filter(|alarm| alarm.code == AlarmCode::SourceChangedSuddenly).collect();
    let linked = if sudden.is_empty() { Vec::new() } else { desk.catalog.linked_alarms().await? };
    let mut found = Vec::new();
    for alarm in sudden {
        let is_same = |known: &&LinkedAlarm| {
            (known.code, &known.subject, known.since) == (alarm.code, &alarm.subject, alarm.since)
        };
        let entries = match linked.iter().find(is_same) {
            Some(known) => desk.catalog.incident_entries(&known.incident).await?,
            None => Vec::new(),
        };
        let told = entries.iter().map(|one| (one.actor.as_str(), one.kind.as_str(), one.reference.as_str()));
        if !is_answered(&tend::reference_of(&alarm), told) {
            found.push(alarm);
        }
    }
    Ok(found)
}

/// What monitoring tells of.
async fn monitored(desk: &Desk, now: Instant) -> Result<Vec<Alarm>, DeskError> {
    let monitoring = &desk.monitoring;
    if monitoring.trouble.is_some() {
        // Nobody knows any more what is monitored: what was down counts as down until somebody does.
        let open = desk.catalog.open_alarms().await?.into_iter().map(|row| row.alarm);
        let kept =
            open.filter(|alarm| matches!(alarm.code, AlarmCode::TargetDown | AlarmCode::LogReviewOverdue));
        return Ok(kept.chain([monitor_alarm::of_file(now)]).collect());
    }
    let (pulses, looks) = (desk.catalog.monitor_pulses().await?, monitor::logs::open_looks(desk).await?);
    let times = (monitoring.began.unwrap_or(Instant::from_micros(i64::MIN)), now);
    let down = monitoring.rules.targets.iter();
    let down = down.filter_map(|target| monitor_alarm::of_target(target, pulses.get(&target.name), times));
    let unseen = monitoring.rules.logs.iter().filter_map(|log| {
        let looks = looks.get(&log.name).map(Vec::as_slice).unwrap_or_default();
        monitor_alarm::of_log(log, looks, now)
    });
    Ok(down.chain(unseen).collect())
}

async fn stopped(
    desk: &Desk,
    windows: &[Window],
    occurrences: &[Occurrence],
    now: Instant,
) -> Result<Vec<Stopped>, DeskError> {
    let living = desk.catalog.living_leases(now).await?;
    let is_wanted = |id: &str| {
        let found = occurrences.iter().find(|found| found.id == id);
        let window = found.and_then(|found| windows.iter().find(|window| window.id == found.window));
        let limit = found.zip(window).and_then(|(found, window)| {
            stops_at(&window.terms, found.span, &desk.services, desk.on_deadline)
        });
        living.iter().any(|living| living == id) && limit.is_some_and(|limit| now < limit)
    };
    let mut found = Vec::new();
    for row in desk.catalog.stopped_services().await? {
        let is_manual = desk.service(&row.service).is_some_and(|service| service.how == How::Manual);
        let how = if is_manual {
            StoppedHow::ByHand { stage: Stage::ToStart, is_late: true }
        } else if is_wanted(&row.occurrence) {
            StoppedHow::Wanted
        } else {
            StoppedHow::Left
        };
        found.push(Stopped { how, since: row.stopping_at, service: row.service });
    }
    for row in desk.catalog.open_hand_stops().await? {
        let stage = row.stage();
        let since = match stage {
            Stage::Stopped => row.stopped.as_ref().map(|(at, _)| *at),
            Stage::ToStart => row.over_at,
            Stage::ToStop | Stage::Runs => None,
        };
        let occurrence = desk.catalog.occurrence(&row.occurrence).await?;
        let is_late = occurrence.is_none_or(|occurrence| occurrence.span.1 <= now);
        let how = StoppedHow::ByHand { stage, is_late };
        found.push(Stopped { how, since: since.unwrap_or(row.asked_at), service: row.service });
    }
    Ok(found)
}

/// Raises what is new and clears what was mended. Doing it twice changes nothing.
pub async fn refresh(desk: &Desk, now: Instant) -> Result<(), DeskError> {
    let found = gather(desk, now).await?;
    let open = desk.catalog.open_alarms().await?;
    // Another sentence asks for something else: the alarm ends and a new one is raised.
    let same = |a: &Alarm, b: &Alarm| (a.code, &a.subject, &a.japanese) == (b.code, &b.subject, &b.japanese);
    let new: Vec<&Alarm> =
        found.iter().filter(|found| !open.iter().any(|open| same(found, &open.alarm))).collect();
    let mended: Vec<&Alarm> =
        open.iter().map(|open| &open.alarm).filter(|open| !found.iter().any(|f| same(f, open))).collect();
    if new.is_empty() && mended.is_empty() {
        return Ok(());
    }
    let mut tx = desk.catalog.begin().await?;
    let mut lines = Vec::new();
    for alarm in mended {
        match tx.clear(alarm, now).await.map_err(DeskError::from) {
            Err(DeskError::Stale(_)) => return Ok(()),
            other => other?,
        }
        lines.push(line(now, "kura", "alarm.clear", &alarm.subject, alarm.code.word()));
    }
    for alarm in new {
        match tx.raise(alarm).await.map_err(DeskError::from) {
            // Another program raised it a moment ago.
            Err(DeskError::Stale(_)) => return Ok(()),
            other => other?,
        }
        tracing::error!(
            alarm.code = alarm.code.word(),
            "an alarm was raised: `kura alarm list` says what to do"
        );
        let detail = format!("{}: {}", alarm.code.word(), alarm.english);
        lines.push(line(now, "kura", "alarm.raise", &alarm.subject, &detail));
    }
    Ok(tx.commit(&lines).await?)
}
