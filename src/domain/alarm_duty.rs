//! Alarms about what is owed: trials of restores and keys, the locks of a store, the measure after use.

use crate::domain::alarm::{Alarm, alarm};
use crate::domain::alarm_code::AlarmCode;
use crate::domain::calendar::{english, wareki};
use crate::domain::canary::CanaryOutcome;
use crate::domain::drill::{DrillFacts, DrillKind};
use crate::domain::permit::Permit;
use crate::domain::time::{Instant, Zone};

/// Days of drills are those of Tokyo, like those of all evidence.
pub(super) fn of_drill(drill: &DrillFacts, now: Instant) -> Option<Alarm> {
    let zone = Zone::tokyo();
    let since = drill.due_at(&zone).filter(|due| *due <= now)?;
    let last = drill.last.map(|at| zone.day_of(at));
    let (japanese_last, english_last) = last.map_or_else(
        || ("まだ実施していません".to_owned(), "never done".to_owned()),
        |day| (format!("最後は{}", wareki(day)), format!("last on {}", english(day))),
    );
    let subject = &drill.subject;
    let (japanese, english) = match drill.kind {
        DrillKind::Restore => (
            format!("計画 {subject} の復元の訓練が期限を過ぎています（{japanese_last}）。"),
            format!("A restore drill of {subject} is overdue ({english_last})."),
        ),
        DrillKind::Key => (
            format!("復旧鍵 {subject} の訓練が期限を過ぎています（{japanese_last}）。"),
            format!("A drill with the recovery key {subject} is overdue ({english_last})."),
        ),
    };
    Some(alarm(AlarmCode::DrillOverdue, subject, since, japanese, english))
}

/// A store that did not keep its lock.
pub(super) fn of_canary((store, outcome, since): &(String, CanaryOutcome, Instant)) -> Option<Alarm> {
    let (japanese, english) = match outcome {
        CanaryOutcome::Held => return None,
        CanaryOutcome::NotLocked => (
            format!("保管先 {store} に書き込んだデータが、指定した期限まで保護されていません。"),
            format!("What is written to {store} is not locked for as long as it was asked for."),
        ),
        CanaryOutcome::Deleted => (
            format!("保管先 {store} で、保護したはずのデータを期限より前に消去できました。"),
            format!("In {store} something could be deleted although it was locked."),
        ),
    };
    Some(alarm(AlarmCode::LockNotEnforced, store, *since, japanese, english))
}

/// Days of permits are those of Tokyo.
pub(super) fn of_permit(permit: &Permit, now: Instant) -> Option<Alarm> {
    let zone = Zone::tokyo();
    if !permit.is_overdue(&zone, now) {
        return None;
    }
    let (number, due) = (&permit.number, permit.content.after_use_due);
    let japanese =
        format!("許可 {number} の使用後の措置が、期日（{}）を過ぎても確認されていません。", wareki(due));
    let english = format!(
        "The after-use measure of permit {number} was due on {}, and nobody confirmed it.",
        english(due)
    );
    Some(alarm(AlarmCode::AfterUseOverdue, number, zone.start_of(due.next()), japanese, english))
}
