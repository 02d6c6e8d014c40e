//! Records of work (受入・維持管理記録, 第10条, 第19条, 第20条): planned with a checklist, written while it is done, and closed only with
//! everything that the policy asks for.

use std::io::Read as _;
use std::path::Path;

use crate::archive::digest::Sha256;
use crate::catalog::{PointRow, RequestState, ResultRow, WorkRow};
use crate::config::{self, Home};
use crate::domain::actor::Actor;
use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::domain::window::is_one_line;
use crate::domain::work::{
    BackupResult, Closing, InspectionDue, RESULT_BYTES_MAX, WorkBackup, WorkEvent, WorkKind, WorkRefusal,
    WorkState, inspected_on, inspection_due, is_after, may_close,
};
use crate::policy_files::load_checklist;

use super::desk::{Desk, DeskError, tokyo};
use super::own;
use super::sign_in::line;
use super::take_event_snapshot::{self, Event, EventRequest};

pub use crate::catalog::{PointRow as Point, ResultRow as WorkResult, WorkRow as Row};

/// The longest line that a record keeps, characters.
const LINE_MAX: usize = 300;

/// A record with all that belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkShown {
    /// The record.
    pub row: WorkRow,
    /// Its checklist.
    pub points: Vec<PointRow>,
    /// What is attached.
    pub results: Vec<ResultRow>,
    /// The snapshots that were asked for for it.
    pub requests: Vec<EventRequest>,
}

impl WorkShown {
    /// Whether a snapshot was asked for before the work was over, where one of afterwards is needed: it does not count.
    pub fn is_early(&self, request: &EventRequest) -> bool {
        self.row.kind.needs_snapshot() && !is_after(self.row.done_at, request.requested_at)
    }
}

/// What a new record says.
#[derive(Clone, Debug)]
pub struct NewWork {
    /// What kind.
    pub kind: WorkKind,
    /// What is done.
    pub title: String,
    /// The id of a release or of a work order.
    pub reference: String,
    /// On which day.
    pub planned_on: Day,
    /// The window in which it stops something.
    pub window: Option<String>,
    /// What runs before.
    pub before_version: String,
}

/// What somebody does with a record.
#[derive(Clone, Debug)]
pub enum Doing {
    /// Begins the work.
    Begin,
    /// Says that it is over.
    Finish,
    /// Closes the record.
    Close,
    /// Does not do it after all.
    Withdraw,
    /// Ticks a point of the checklist.
    Tick(u64, String),
    /// Notes versions: before, after.
    Versions(Option<String>, Option<String>),
    /// Notes what else is to be said.
    Remarks(String),
    /// Asks for a snapshot of a plan.
    Snapshot(PlanName),
}

fn one_line(text: &str, may_be_empty: bool) -> Result<(), DeskError> {
    let is_good = is_one_line(text, LINE_MAX) || (may_be_empty && text.is_empty());
    if is_good { Ok(()) } else { Err(DeskError::Reason(LINE_MAX)) }
}

/// The records, newest first; those that are over too, if `all`.
pub async fn list(desk: &Desk, all: bool, limit: u32) -> Result<Vec<WorkRow>, DeskError> {
    Ok(desk.catalog.works(all, limit).await?)
}

/// One record.
pub async fn look(desk: &Desk, work: &str) -> Result<WorkShown, DeskError> {
    let none = || DeskError::None { what: "record of work", id: work.to_owned() };
    let row = desk.catalog.work(work).await?.ok_or_else(none)?;
    let mut requests = Vec::new();
    for request in desk.catalog.work_snapshots(work).await? {
        requests.extend(desk.catalog.request(&request).await?);
    }
    let points = desk.catalog.work_points(work).await?;
    Ok(WorkShown { row, points, results: desk.catalog.work_results(work).await?, requests })
}

/// How the yearly inspection of the power supply stands.
pub async fn inspection(desk: &Desk, now: Instant) -> Result<InspectionDue, DeskError> {
    let rows = desk.catalog.last_works_of(WorkKind::PowerInspection).await?;
    let days = rows.iter().filter_map(|row| Some(inspected_on(row.planned_on, tokyo().day_of(row.done_at?))));
    Ok(inspection_due(days.max(), tokyo().day_of(now)))
}

/// Opens a record with the checklist of its kind as it is now.
pub async fn plan(
    (desk, home): (&Desk, &Home),
    new: &NewWork,
    by: &Actor,
    now: Instant,
) -> Result<WorkShown, DeskError> {
    by.check(Act::KeepRecords)?;
    one_line(&new.title, false)?;
    one_line(&new.reference, true)?;
    one_line(&new.before_version, true)?;
    let points = load_checklist(&home.checklists(), new.kind)
        .map_err(|error| DeskError::Checklist(error.to_string()))?;
    if let Some(window) = &new.window
        && desk.catalog.window(window).await?.is_none()
    {
        return Err(DeskError::None { what: "window", id: window.clone() });
    }
    let row = WorkRow {
        work: String::new(),
        kind: new.kind,
        state: WorkState::Planned,
        title: new.title.clone(),
        reference: new.reference.clone(),
        planned_on: new.planned_on,
        window: new.window.clone(),
        before_version: new.before_version.clone(),
        after_version: String::new(),
        remarks: String::new(),
        opened_at: now,
        opened_by: by.account.to_string(),
        begun_at: None,
        done_at: None,
        closed: None,
        version: 1,
    };
    let mut tx = desk.catalog.begin().await?;
    let work = tx.add_work(&row, &points, tokyo().day_of(now).date().year()).await?;
    let detail = format!("{} {}", new.kind.word(), new.title);
    tx.commit(&[line(now, by.account.as_str(), "work.plan", &work, &detail)]).await?;
    look(desk, &work).await
}

/// Does something with a record.
pub async fn act(
    desk: &Desk,
    work: &str,
    doing: &Doing,
    by: &Actor,
    now: Instant,
) -> Result<WorkShown, DeskError> {
    by.check(Act::KeepRecords)?;
    let shown = look(desk, work).await?;
    let who = by.account.as_str();
    if let Doing::Snapshot(plan) = doing {
        ask_snapshot(desk, &shown, plan, by, now).await?;
        return look(desk, work).await;
    }
    if let Doing::Tick(number, _) = doing {
        let none = || DeskError::None { what: "point with number", id: number.to_string() };
        let point = shown.points.iter().find(|point| point.number == *number).ok_or_else(none)?;
        still_open(&shown.row)?;
        if point.ticked.is_some() {
            return Err(WorkRefusal::Ticked(*number).into());
        }
    }
    let mut row = shown.row.clone();
    let (act, detail) = match doing {
        Doing::Close => {
            may_close(&closing(&shown, &backups(desk, &shown.requests)))?;
            move_on(&mut row, WorkEvent::Close)?;
            row.closed = Some((now, who.to_owned()));
            ("work.close", String::new())
        }
        other => write(&mut row, other, now)?,
    };
    let mut tx = desk.catalog.begin().await?;
    if let Doing::Tick(number, remark) = doing {
        tx.tick_work_point((work, *number), (who, remark), now).await?;
    }
    tx.change_work(&row).await?;
    tx.commit(&[line(now, who, act, work, &detail)]).await?;
    look(desk, work).await
}

/// Writes what somebody does into a record; the words for the audit log.
fn write(row: &mut WorkRow, doing: &Doing, now: Instant) -> Result<(&'static str, String), DeskError> {
    Ok(match doing {
        Doing::Begin => {
            move_on(row, WorkEvent::Begin)?;
            row.begun_at = Some(now);
            ("work.begin", String::new())
        }
        Doing::Finish => {
            move_on(row, WorkEvent::Finish)?;
            row.done_at = Some(now);
            ("work.finish", String::new())
        }
        Doing::Withdraw => {
            move_on(row, WorkEvent::Withdraw)?;
            ("work.withdraw", String::new())
        }
        Doing::Tick(number, remark) => {
            still_open(row)?;
            one_line(remark, true)?;
            ("work.tick", format!("{number} {remark}"))
        }
        Doing::Versions(before, after) => {
            still_open(row)?;
            for (version, place) in [(before, &mut row.before_version), (after, &mut row.after_version)] {
                if let Some(version) = version {
                    one_line(version, false)?;
                    place.clone_from(version);
                }
            }
            ("work.versions", format!("{} -> {}", row.before_version, row.after_version))
        }
        Doing::Remarks(remarks) => {
            still_open(row)?;
            one_line(remarks, true)?;
            row.remarks.clone_from(remarks);
            ("work.remarks", remarks.clone())
        }
        // Both are decided where more is known than the record.
        Doing::Close | Doing::Snapshot(_) => {
            return Err(WorkRefusal::State(row.state, WorkEvent::Close).into());
        }
    })
}

fn still_open(row: &WorkRow) -> Result<(), WorkRefusal> {
    if row.state.is_open() { Ok(()) } else { Err(WorkRefusal::Over(row.state)) }
}

fn move_on(row: &mut WorkRow, event: WorkEvent) -> Result<(), WorkRefusal> {
    row.state = row.state.after(event).ok_or(WorkRefusal::State(row.state, event))?;
    Ok(())
}

fn closing<'a>(shown: &WorkShown, backups: &'a [WorkBackup]) -> Closing<'a> {
    Closing {
        kind: shown.row.kind,
        state: shown.row.state,
        unticked: shown.points.iter().filter(|point| point.ticked.is_none()).count(),
        results: shown.results.len(),
        has_version: !shown.row.after_version.is_empty(),
        done_at: shown.row.done_at,
        backups,
    }
}

/// What is missing before a record can be closed; `None` if nothing is.
pub fn missing(desk: &Desk, shown: &WorkShown) -> Option<WorkRefusal> {
    may_close(&closing(shown, &backups(desk, &shown.requests))).err()
}

/// The snapshots of a record as the rule sees them. A run that ends well has read back and compared every pack it wrote.
fn backups(desk: &Desk, requests: &[EventRequest]) -> Vec<WorkBackup> {
    let backup = |request: &EventRequest| WorkBackup {
        is_system: is_system(desk, &request.plan),
        result: match (request.state, request.snapshot) {
            (RequestState::Requested | RequestState::Running, _) => BackupResult::Waits,
            (RequestState::Done, Some(_)) => BackupResult::Whole,
            (RequestState::Done | RequestState::Partial | RequestState::Failed, _) => BackupResult::Lacking,
        },
        asked_at: request.requested_at,
    };
    requests.iter().map(backup).collect()
}

/// Whether a plan keeps system data, as the text of its approval says.
fn is_system(desk: &Desk, plan: &str) -> bool {
    // Kura's own records are of no system that is worked on.
    let says_so = |content: &String| content.lines().any(|line| line == "class system");
    plan != own::PLAN && desk.contents.get(plan).is_some_and(says_so)
}

/// The plans that keep system data: a snapshot of one of them closes a record.
pub fn system_plans(desk: &Desk) -> Vec<String> {
    desk.contents.keys().filter(|plan| is_system(desk, plan)).cloned().collect()
}

/// Asks for a snapshot for a record; the service takes it with its next beat.
async fn ask_snapshot(
    desk: &Desk,
    shown: &WorkShown,
    plan: &PlanName,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    still_open(&shown.row)?;
    if !is_system(desk, plan.as_str()) {
        return Err(WorkRefusal::Plan.into());
    }
    let event = match shown.row.kind {
        WorkKind::Acceptance => Event::Acceptance,
        WorkKind::Maintenance | WorkKind::PowerInspection => Event::Maintenance,
    };
    let reason = format!("{} {}", shown.row.work, shown.row.title);
    let request = take_event_snapshot::request(desk, (plan, event), &reason, by, now).await?;
    let mut tx = desk.catalog.begin().await?;
    tx.add_work_snapshot(&shown.row.work, &request).await?;
    Ok(tx.commit(&[line(now, by.account.as_str(), "work.snapshot", &shown.row.work, &request)]).await?)
}

/// Attaches a result that lies in a file.
pub async fn attach_file(
    at: (&Desk, &Home),
    work: &str,
    (title, file): (&str, &Path),
    by: &Actor,
    now: Instant,
) -> Result<WorkShown, DeskError> {
    by.check(Act::KeepRecords)?;
    let opened = std::fs::File::open(file).map_err(|_| WorkRefusal::File)?;
    // What a file says of its length is not believed: a device has none and no end.
    let mut bytes = Vec::new();
    opened.take(RESULT_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(|_| WorkRefusal::File)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > RESULT_BYTES_MAX {
        return Err(WorkRefusal::TooLarge.into());
    }
    attach(at, work, (title, &bytes), by, now).await
}

/// Attaches a result: its bytes are stored in the home under their digest before the record names them.
pub async fn attach(
    (desk, home): (&Desk, &Home),
    work: &str,
    (title, bytes): (&str, &[u8]),
    by: &Actor,
    now: Instant,
) -> Result<WorkShown, DeskError> {
    by.check(Act::KeepRecords)?;
    one_line(title, false)?;
    let shown = look(desk, work).await?;
    still_open(&shown.row)?;
    let sha256 = Sha256::of(bytes);
    let stored = home.works().join(sha256.to_string());
    let keep = || -> Result<(), config::ConfigError> {
        config::make_folder(&home.works())?;
        config::replace(&stored, bytes, 0o600)
    };
    keep().map_err(|_| WorkRefusal::NotKept)?;
    let row = ResultRow {
        number: 0,
        title: title.to_owned(),
        sha256,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        added: (now, by.account.to_string()),
    };
    let mut tx = desk.catalog.begin().await?;
    tx.add_work_result(work, &row).await?;
    tx.commit(&[line(now, by.account.as_str(), "work.attach", work, &format!("{title} {sha256}"))]).await?;
    look(desk, work).await
}
