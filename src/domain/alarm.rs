//! Alarms (警報): what somebody has to look after. A pure function of facts; an alarm ends when its cause is mended.
//!
//! Among them is the dead man's: a plan whose snapshots no longer come is told of, whatever kept them from coming.

use std::collections::BTreeMap;

use crate::domain::alarm_duty::{of_canary, of_drill, of_permit};
use crate::domain::calendar::{english, wareki};
use crate::domain::canary::CanaryOutcome;
use crate::domain::drill::DrillFacts;
use crate::domain::expiry::stop_words;
use crate::domain::freshness;
use crate::domain::hand_stop::Stage;
use crate::domain::notice::LeadDays;
use crate::domain::occurrence::{Occurrence, OccurrenceState, first_start};
use crate::domain::permit::Permit;
use crate::domain::plan::PlanName;
use crate::domain::time::{Instant, Zone};
use crate::domain::window::{Window, WindowKind, WindowState};

pub use crate::domain::alarm_code::AlarmCode;

/// Something that somebody has to look after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// What is wrong.
    pub code: AlarmCode,
    /// With what: a plan, an occurrence, a window, a notice, a target or a service.
    pub subject: String,
    /// Since when.
    pub since: Instant,
    /// The sentence in Japanese.
    pub japanese: String,
    /// The sentence in English.
    pub english: String,
}

/// A snapshot, as far as alarms look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// When.
    pub at: Instant,
    /// Whether everything was read.
    pub is_complete: bool,
}

/// A service that is recorded as stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// Its name.
    pub service: String,
    /// Since when.
    pub since: Instant,
    /// Who starts it again, and how that stands.
    pub how: StoppedHow,
}

/// Who starts a stopped service again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoppedHow {
    /// Kura, when the run is over for which it is stopped, in its window.
    Wanted,
    /// Kura, which keeps trying.
    Left,
    /// A person. `is_late`: the time of the occurrence is over.
    ByHand {
        /// What he is asked for.
        stage: Stage,
        /// Whether users may not be kept waiting any more.
        is_late: bool,
    },
}

/// How the deletion of a plan's data stood when it was looked at last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiring {
    /// The plan.
    pub plan: String,
    /// Since when the oldest that may go could have been deleted.
    pub due_since: Option<Instant>,
    /// The code of the rule that stops deletion; empty if none does.
    pub stopped: String,
}

/// What alarms are made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Every window.
    pub windows: &'a [Window],
    /// The occurrences of the last two months that have not ended, that ended without a snapshot, or that were let through
    /// behind the glass; more than these do no harm.
    pub occurrences: &'a [Occurrence],
    /// By plan: its newest snapshots, in the order of their taking.
    pub snapshots: &'a BTreeMap<String, Vec<Taken>>,
    /// Open occurrences that a rule refuses, with its code and since when.
    pub refused: &'a [(String, String, Instant)],
    /// Notices that the public page does not show, since when.
    pub unproven: &'a [(String, Instant)],
    /// Targets that did not take their newest notice, since when.
    pub undelivered: &'a [(String, Instant)],
    /// Services that are recorded as stopped.
    pub stopped: &'a [Stopped],
    /// Occurrences that were let through behind the glass and whose report was seen.
    pub reported: &'a [String],
    /// How deletion stands, by plan.
    pub expiring: &'a [Expiring],
    /// What has to be tried out, and when it was.
    pub drills: &'a [DrillFacts],
    /// Stores that did not keep their locks when that was tried last, what became of it, and since when.
    pub unlocked: &'a [(String, CanaryOutcome, Instant)],
    /// Permits under which something was handed over.
    pub permits: &'a [Permit],
    /// The plans whose files are there and can be read.
    pub readable: &'a [String],
    /// How early notices come.
    pub lead: LeadDays,
}

/// All that is wrong now, by code and subject; each pair once.
pub fn alarms(facts: &Facts<'_>, now: Instant) -> Vec<Alarm> {
    let mut found = Vec::new();
    for plan in plans(facts.windows) {
        found.extend(of_plan(facts, plan, now));
    }
    found.extend(unreadable(facts, now));
    found.extend(facts.windows.iter().filter_map(lapsed));
    for (occurrence, code, since) in facts.refused {
        found.push(alarm(
            AlarmCode::RunRefused,
            occurrence,
            *since,
            format!("実施回 {occurrence} は規則（{code}）により開始できません。"),
            format!("Occurrence {occurrence} may not start: {code}."),
        ));
    }
    for (notice, since) in facts.unproven {
        found.push(alarm(
            AlarmCode::NoticeNotReadable,
            notice,
            *since,
            format!("お知らせ {notice} が公開ページで閲覧できることを確認できません。"),
            format!("The public page does not show notice {notice}."),
        ));
    }
    for (target, since) in facts.undelivered {
        found.push(alarm(
            AlarmCode::NoticeUndelivered,
            target,
            *since,
            format!("送信先 {target} にお知らせを届けられませんでした。"),
            format!("A notice could not be delivered to {target}; it is no longer tried."),
        ));
    }
    found.extend(facts.stopped.iter().filter_map(of_service));
    found.extend(facts.occurrences.iter().filter_map(|occurrence| to_report(facts, occurrence, now)));
    found.extend(facts.drills.iter().filter_map(|drill| of_drill(drill, now)));
    found.extend(facts.unlocked.iter().filter_map(of_canary));
    found.extend(facts.permits.iter().filter_map(|permit| of_permit(permit, now)));
    found.extend(facts.expiring.iter().flat_map(|expiring| of_expiry(expiring, now)));
    found.sort_by(|a, b| (a.code, &a.subject, a.since).cmp(&(b.code, &b.subject, b.since)));
    found.dedup_by(|a, b| (a.code, &a.subject) == (b.code, &b.subject));
    found
}

pub(super) fn alarm(
    code: AlarmCode,
    subject: &str,
    since: Instant,
    japanese: String,
    english: String,
) -> Alarm {
    Alarm { code, subject: subject.to_owned(), since, japanese, english }
}

/// Plans without which windows that wait or were approved mean nothing.
fn unreadable(facts: &Facts<'_>, now: Instant) -> Vec<Alarm> {
    let bound = plans(facts.windows).into_iter().filter(|plan| {
        let is_bound = |w: &Window| w.is_alive() && w.terms.parts().plan.as_ref() == Some(*plan);
        facts.windows.iter().any(is_bound)
    });
    let gone = bound.filter(|plan| !facts.readable.iter().any(|known| known == plan.as_str()));
    let told = gone.map(|plan| {
        let japanese = format!(
            "計画 {plan} のファイルがないか、読み取れません。このままではバックアップは実施されません。"
        );
        let english =
            format!("The file of plan {plan} is gone or cannot be read: nothing is backed up by it.");
        alarm(AlarmCode::PlanUnreadable, plan.as_str(), now, japanese, english)
    });
    told.collect()
}

/// Whether a missed occurrence of a window is still told of: a single day ends with its day, and its loss stays one.
const fn counts(window: &Window) -> bool {
    window.is_alive() || matches!(window.state, WindowState::Ended { .. })
}

/// The plans that have a window that binds them, or had one until its last day.
fn plans(windows: &[Window]) -> Vec<&PlanName> {
    let mut plans: Vec<&PlanName> =
        windows.iter().filter(|w| counts(w)).filter_map(|w| w.terms.parts().plan.as_ref()).collect();
    plans.sort();
    plans.dedup();
    plans
}

fn of_plan(facts: &Facts<'_>, plan: &PlanName, now: Instant) -> Vec<Alarm> {
    let of_plan = |window: &&Window| counts(window) && window.terms.parts().plan.as_ref() == Some(plan);
    let windows: Vec<&Window> = facts.windows.iter().filter(of_plan).collect();
    let is_bound = windows.iter().any(|window| window.is_alive());
    let taken = facts.snapshots.get(plan.as_str()).map(Vec::as_slice).unwrap_or_default();
    // One of the future says nothing about when the last one was taken: it would keep the dead man's alarm silent.
    let is_past = |taken: &&Taken| !freshness::is_in_future(taken.at, now);
    let complete = taken.iter().rev().filter(is_past).find(|taken| taken.is_complete).map(|taken| taken.at);
    let zone = windows.first().map_or_else(Zone::utc, |window| window.terms.parts().zone.clone());
    let mut found = Vec::new();
    let is_lost = |occurrence: &&Occurrence| {
        matches!(occurrence.state, OccurrenceState::Missed | OccurrenceState::Refused)
            && windows.iter().any(|window| window.id == occurrence.window)
            && complete.is_none_or(|complete| complete < occurrence.span.0)
    };
    if let Some(lost) = facts.occurrences.iter().filter(is_lost).min_by_key(|lost| lost.span.1) {
        let day = lost.day;
        let japanese = format!(
            "計画 {plan} のバックアップ（{}）が実施されず、その後の完全なスナップショットもありません。",
            wareki(day)
        );
        let english = format!("The backup of {plan} on {} was missed, and none came since.", english(day));
        found.push(alarm(AlarmCode::BackupMissed, plan.as_str(), lost.span.1, japanese, english));
    }
    if let Some(newest) = taken.last().filter(|newest| is_bound && !newest.is_complete) {
        let japanese = format!("計画 {plan} の最新のスナップショットに、読み取れなかった項目があります。");
        let english = format!("The newest snapshot of {plan} is partial: something could not be read.");
        found.push(alarm(AlarmCode::SnapshotPartial, plan.as_str(), newest.at, japanese, english));
    }
    if let Some(newest) = taken.last().filter(|newest| !is_past(newest)) {
        let day = zone.day_of(newest.at);
        let japanese = format!(
            "計画 {plan} の最新のスナップショットの日時が未来（{}）です。このマシンの時計を確かめてください。",
            wareki(day)
        );
        let english = format!(
            "The newest snapshot of {plan} is of {}, which is in the future: look at this machine's clock.",
            english(day)
        );
        found.push(alarm(AlarmCode::ClockWrong, plan.as_str(), now, japanese, english));
    }
    let late = windows.iter().filter_map(|window| late_from(facts, window, complete)).min();
    if let Some(since) = late.filter(|since| *since <= now) {
        let (japanese, english) = complete.map_or_else(
            || ("まだありません".to_owned(), "there is none yet".to_owned()),
            |at| (wareki(zone.day_of(at)), format!("the last is of {}", english(zone.day_of(at)))),
        );
        let japanese = format!(
            "計画 {plan} の完全なスナップショットが予定の間隔で取得されていません（最新：{japanese}）。"
        );
        let english = format!("Complete snapshots of {plan} do not come in their rhythm: {english}.");
        found.push(alarm(AlarmCode::SnapshotOld, plan.as_str(), since, japanese, english));
    }
    found
}

/// From when on the rhythm of an approved window is broken, if nothing comes.
fn late_from(facts: &Facts<'_>, window: &Window, complete: Option<Instant>) -> Option<Instant> {
    const HOUR: i64 = 60;
    const DAY: i64 = 24 * HOUR;
    let parts = window.terms.parts();
    // A clock change may add an hour or two.
    let slack = i64::from(parts.length_minutes).saturating_add(2 * HOUR);
    let patience = match parts.kind {
        WindowKind::Daily => slack.saturating_add(DAY),
        // The first Sunday comes after 35 days at most.
        WindowKind::Monthly => slack.saturating_add(35 * DAY),
        // Single days have no rhythm; if one is missed, that is told by itself.
        WindowKind::Maintenance | WindowKind::PowerInspection => return None,
    };
    let first = first_start(window, facts.lead)?.max(parts.zone.start_of(parts.first_day));
    Some(complete.map_or(first, |complete| complete.max(first)).plus_minutes(patience))
}

fn lapsed(window: &Window) -> Option<Alarm> {
    let WindowState::Lapsed { at, .. } = &window.state else { return None };
    let id = &window.id;
    let japanese = format!("実施時間帯 {id} の承認が失効しました。申請と承認をやり直してください。");
    let english = format!("The approval of window {id} lapsed: request it and have it approved again.");
    Some(alarm(AlarmCode::ApprovalLapsed, id, *at, japanese, english))
}

fn of_service(stopped: &Stopped) -> Option<Alarm> {
    let (name, since) = (&stopped.service, stopped.since);
    let by_hand = |japanese: String, english: String| {
        Some(alarm(AlarmCode::ServiceByHand, name, since, japanese, english))
    };
    let left = |japanese: String, english: String| {
        Some(alarm(AlarmCode::ServiceStopped, name, since, japanese, english))
    };
    match stopped.how {
        StoppedHow::Wanted | StoppedHow::ByHand { stage: Stage::Runs, .. } => None,
        StoppedHow::Left => left(
            format!("「{name}」が停止したままです。Kura が再開を繰り返し試みています。"),
            format!("{name} is still stopped; Kura keeps trying to start it."),
        ),
        StoppedHow::ByHand { stage: Stage::ToStop, .. } => by_hand(
            format!("「{name}」を手動で停止し、「サービス」の画面で停止の確認を入力してください。"),
            format!("Stop {name} by hand now, and confirm it on the page of services."),
        ),
        StoppedHow::ByHand { stage: Stage::Stopped, .. } => by_hand(
            format!("「{name}」を手動で停止して作業中です。終わったら、手動で再開してください。"),
            format!("{name} was stopped by hand for the work: start it by hand when the work is over."),
        ),
        StoppedHow::ByHand { stage: Stage::ToStart, is_late: false } => by_hand(
            format!("「{name}」を手動で再開し、「サービス」の画面で再開の確認を入力してください。"),
            format!("Start {name} by hand now, and confirm it on the page of services."),
        ),
        StoppedHow::ByHand { stage: Stage::ToStart, is_late: true } => left(
            format!(
                "予定の時刻を過ぎても「{name}」の再開が確認されていません。手動で再開し、確認を入力してください。"
            ),
            format!(
                "The time is over and nobody confirmed that {name} runs: start it by hand and confirm it."
            ),
        ),
    }
}

/// A break-glass is reported afterwards: from the start of its occurrence until somebody who approves has seen it.
fn to_report(facts: &Facts<'_>, occurrence: &Occurrence, now: Instant) -> Option<Alarm> {
    occurrence.break_glass.as_ref()?;
    let (id, since) = (&occurrence.id, occurrence.span.0);
    if now < since || occurrence.state == OccurrenceState::Cancelled || facts.reported.contains(id) {
        return None;
    }
    let japanese =
        format!("実施回 {id} に緊急実施が許可されました。サービス運用者は報告を確認してください。");
    let english = format!(
        "Occurrence {id} was let through by a break-glass; the service operator must see the report."
    );
    Some(alarm(AlarmCode::BreakGlass, id, since, japanese, english))
}

/// How long something that may go may still be there, minutes: a week (遅滞なく).
const OVERDUE_MINUTES: i64 = 7 * 24 * 60;

fn of_expiry(expiring: &Expiring, now: Instant) -> Vec<Alarm> {
    let Some(since) = expiring.due_since else { return of_clock(expiring, now).into_iter().collect() };
    let (plan, mut found) = (&expiring.plan, Vec::new());
    if since.plus_minutes(OVERDUE_MINUTES) <= now {
        let japanese =
            format!("計画 {plan} に、保管期限を過ぎて7日以上たってもまだ消去していないものがあります。");
        let english = format!("Something of {plan} could have been deleted a week ago and is still there.");
        let from = since.plus_minutes(OVERDUE_MINUTES);
        found.push(alarm(AlarmCode::DeletionOverdue, plan, from, japanese, english));
    }
    if !expiring.stopped.is_empty() {
        let (japanese, english) = stop_words(&expiring.stopped);
        let code = &expiring.stopped;
        let japanese = format!("計画 {plan} の消去が止まっています：{japanese}（{code}）。");
        let english = format!("Deletion of {plan} is stopped: {english} ({code}).");
        found.push(alarm(AlarmCode::DeletionStopped, plan, since, japanese, english));
    }
    found
}

/// A clock that is wrong hides what is due: it is told of although deletion has nothing to do. That nobody said what day it
/// is does no harm as long as nothing is due.
fn of_clock(expiring: &Expiring, now: Instant) -> Option<Alarm> {
    let (plan, code) = (&expiring.plan, expiring.stopped.as_str());
    if !["clock-disagrees", "clock-went-back"].contains(&code) {
        return None;
    }
    let (japanese, english) = stop_words(code);
    let japanese = format!(
        "このマシンの時計を確かめてください：{japanese}（{code}）。直すまで計画 {plan} の消去もスナップショットも止まります。"
    );
    let english =
        format!("Look at this machine's clock: {english} ({code}). Deletion of {plan} waits for it.");
    Some(alarm(AlarmCode::ClockWrong, plan, now, japanese, english))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::{Approval, Terms};
    use crate::domain::window_terms::tests::parts;

    const DAY: i64 = 24 * 60;

    fn at(minutes: i64) -> Instant {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        zone.at("2026-11-22".parse().unwrap(), "12:00".parse().unwrap()).plus_minutes(minutes)
    }

    fn window(kind: WindowKind, recurrence: &str) -> Window {
        let by = "ishikai001".parse().unwrap();
        Window {
            id: "w-0001".to_owned(),
            terms: Terms::new(parts(kind, recurrence)).unwrap(),
            requested_by: "admin00001".parse().unwrap(),
            requested_at: at(0),
            state: WindowState::Approved(Approval {
                number: "BW-1".to_owned(),
                by,
                at: at(0),
                digest: [1; 32],
            }),
        }
    }

    struct World {
        windows: Vec<Window>,
        occurrences: Vec<Occurrence>,
        snapshots: BTreeMap<String, Vec<Taken>>,
        stopped: Vec<Stopped>,
        reported: Vec<String>,
        expiring: Vec<Expiring>,
        readable: Vec<String>,
    }

    impl World {
        fn codes(&self, minutes: i64) -> Vec<&'static str> {
            let facts = Facts {
                windows: &self.windows,
                occurrences: &self.occurrences,
                snapshots: &self.snapshots,
                refused: &[],
                unproven: &[],
                undelivered: &[],
                stopped: &self.stopped,
                reported: &self.reported,
                expiring: &self.expiring,
                drills: &[],
                unlocked: &[],
                permits: &[],
                readable: &self.readable,
                lead: LeadDays::default(),
            };
            let found = alarms(&facts, at(minutes));
            assert!(
                found.iter().all(|a| a.japanese.ends_with('。') && a.english.ends_with('.')),
                "{found:?}"
            );
            found.iter().map(|alarm| alarm.code.word()).collect()
        }

        fn take(&mut self, minutes: i64, is_complete: bool) {
            let taken = Taken { at: at(minutes), is_complete };
            self.snapshots.entry("records".to_owned()).or_default().push(taken);
        }
    }

    fn daily() -> World {
        World {
            windows: vec![window(WindowKind::Daily, "daily 12:00")],
            occurrences: Vec::new(),
            snapshots: BTreeMap::new(),
            stopped: Vec::new(),
            reported: Vec::new(),
            expiring: Vec::new(),
            readable: vec!["records".to_owned()],
        }
    }

    #[test]
    fn what_is_due_for_a_week_is_overdue_and_a_stopped_deletion_is_told_at_once() {
        let mut world = World { windows: Vec::new(), ..daily() };
        let expiring = |due_since, stopped: &str| Expiring {
            plan: "records".to_owned(),
            due_since,
            stopped: stopped.to_owned(),
        };
        world.expiring = vec![expiring(None, "clock-unproved")];
        assert!(world.codes(30 * DAY).is_empty(), "nothing is due");
        for wrong in ["clock-disagrees", "clock-went-back"] {
            world.expiring = vec![expiring(None, wrong)];
            assert_eq!(world.codes(1), ["clock-wrong"], "nothing is due by a clock that is wrong");
        }
        world.expiring = vec![expiring(Some(at(0)), "")];
        assert!(world.codes(7 * DAY - 1).is_empty());
        assert_eq!(world.codes(7 * DAY), ["deletion-overdue"]);
        world.expiring = vec![expiring(Some(at(0)), "clock-disagrees")];
        assert_eq!(world.codes(1), ["deletion-stopped"]);
    }

    #[test]
    fn a_plan_whose_snapshots_stop_coming_is_told_of_once_its_rhythm_is_broken() {
        let mut world = daily();
        let late = 7 * DAY + DAY + 240 + 120;
        assert!(world.codes(late - 1).is_empty(), "the first start is a week after the approval");
        assert_eq!(world.codes(late), ["snapshot-old"]);
        world.take(late, true);
        assert!(world.codes(late + DAY).is_empty());
        assert_eq!(world.codes(late + DAY + 360), ["snapshot-old"]);
        world.take(late + DAY + 400, false);
        assert_eq!(
            world.codes(late + DAY + 400),
            ["snapshot-old", "snapshot-partial"],
            "a partial one mends nothing"
        );
        world.take(late + DAY + 500, true);
        assert!(world.codes(late + DAY + 500).is_empty());
    }

    #[test]
    fn a_snapshot_of_the_future_keeps_no_alarm_silent_and_is_told_of() {
        let mut world = daily();
        world.take(70 * DAY, true);
        assert_eq!(world.codes(70 * DAY), [""; 0]);
        // The clock is set back by ten weeks.
        assert_eq!(world.codes(5), ["clock-wrong"]);
        assert_eq!(world.codes(40 * DAY), ["snapshot-old", "clock-wrong"]);
        // A new one, taken by the clock that is right, ends both.
        world.take(40 * DAY, true);
        assert_eq!(world.codes(40 * DAY), [""; 0]);
    }

    #[test]
    fn a_missed_occurrence_is_mended_by_a_later_complete_snapshot() {
        let mut world = daily();
        world.take(7 * DAY, true);
        world.occurrences.push(Occurrence {
            id: "w-0001-2026-11-30".to_owned(),
            window: "w-0001".to_owned(),
            day: "2026-11-30".parse().unwrap(),
            span: (at(8 * DAY), at(8 * DAY + 240)),
            state: OccurrenceState::Missed,
            announced_at: Some(at(0)),
            break_glass: None,
        });
        assert_eq!(world.codes(8 * DAY + 240), ["backup-missed"]);
        world.take(9 * DAY, false);
        let late = ["backup-missed", "snapshot-old", "snapshot-partial"];
        assert_eq!(world.codes(9 * DAY), late, "a partial one mends nothing");
        world.take(9 * DAY + 1, true);
        assert!(world.codes(9 * DAY + 1).is_empty());
    }

    #[test]
    fn a_break_glass_is_told_of_from_its_start_until_its_report_is_seen() {
        let mut world = daily();
        world.take(7 * DAY, true);
        let occurrence = Occurrence {
            id: "w-0001-2026-11-29".to_owned(),
            window: "w-0001".to_owned(),
            day: "2026-11-29".parse().unwrap(),
            span: (at(7 * DAY), at(7 * DAY + 240)),
            state: OccurrenceState::Announced,
            announced_at: Some(at(0)),
            break_glass: Some(("manager001".to_owned(), "reason".to_owned())),
        };
        world.occurrences.push(occurrence.clone());
        assert!(world.codes(7 * DAY - 1).is_empty(), "it is reported afterwards");
        assert_eq!(world.codes(7 * DAY), ["break-glass"]);
        world.occurrences[0].state = OccurrenceState::Done;
        assert_eq!(world.codes(7 * DAY + 1), ["break-glass"]);
        world.reported.push(occurrence.id);
        assert!(world.codes(7 * DAY + 1).is_empty());
        world.reported.clear();
        world.occurrences[0].state = OccurrenceState::Cancelled;
        assert!(world.codes(7 * DAY + 1).is_empty(), "nothing was done behind the glass");
    }

    #[test]
    fn a_plan_that_is_gone_is_told_of_as_long_as_a_window_needs_it() {
        let mut world = daily();
        world.readable.clear();
        assert_eq!(world.codes(1), ["plan-unreadable"]);
        world.windows[0].state = WindowState::Requested;
        assert_eq!(world.codes(1), ["plan-unreadable"], "nobody can approve it");
        world.windows[0].state = WindowState::Ended { at: at(0) };
        assert!(world.codes(1).is_empty());
    }

    #[test]
    fn a_lapsed_approval_a_stopped_service_and_work_by_hand_are_told_of() {
        let mut world = daily();
        world.windows[0].state = WindowState::Lapsed { at: at(0), reason: String::new() };
        let by_hand = |stage, is_late| StoppedHow::ByHand { stage, is_late };
        for (how, code, word) in [
            (StoppedHow::Left, Some("service-stopped"), "Kura keeps trying"),
            (StoppedHow::Wanted, None, ""),
            (by_hand(Stage::ToStop, false), Some("service-by-hand"), "Stop web by hand now"),
            (by_hand(Stage::Stopped, false), Some("service-by-hand"), "when the work is over"),
            (by_hand(Stage::ToStart, false), Some("service-by-hand"), "Start web by hand now"),
            (by_hand(Stage::ToStart, true), Some("service-stopped"), "nobody confirmed that web runs"),
            (by_hand(Stage::Runs, true), None, ""),
        ] {
            let told = of_service(&Stopped { service: "web".to_owned(), since: at(0), how });
            assert_eq!(told.as_ref().map(|alarm| alarm.code.word()), code, "{how:?}");
            assert!(told.is_none_or(|alarm| alarm.english.contains(word) && alarm.japanese.ends_with('。')));
        }
        let how = StoppedHow::Left;
        world.stopped = vec![Stopped { service: "portal".to_owned(), since: at(0), how }];
        assert_eq!(world.codes(1), ["approval-lapsed", "service-stopped"]);
    }

    #[test]
    fn words_are_read_back() {
        assert!(AlarmCode::ALL.into_iter().all(|code| AlarmCode::of_word(code.word()) == Some(code)));
    }
}
