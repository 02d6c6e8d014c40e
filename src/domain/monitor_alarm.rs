//! Alarms of monitoring: a target that is down, monitoring that does not go on, a log that nobody reviews.

use crate::domain::access_log::{AccessLog, Looked, review_overdue};
use crate::domain::alarm::Alarm;
use crate::domain::alarm_code::AlarmCode;
use crate::domain::monitor::{MonitorTarget, Pulse, Standing, is_unheard};
use crate::domain::time::Instant;

/// The subject of an alarm about monitoring as a whole.
pub const WHOLE: &str = "monitoring";

/// What is wrong with a target. `began` is since when this program could have asked.
pub fn of_target(target: &MonitorTarget, pulse: Option<&Pulse>, times: (Instant, Instant)) -> Option<Alarm> {
    let (name, kind) = (&target.name, &target.ask);
    let alarm = |code, since, japanese, english| {
        Some(Alarm { code, subject: name.clone(), since, japanese, english })
    };
    if let Some(pulse) = pulse.filter(|pulse| pulse.standing == Standing::Down) {
        let services = if target.services.is_empty() {
            String::new()
        } else {
            format!("関係するサービス：{}。", target.services.join("、"))
        };
        return alarm(
            AlarmCode::TargetDown,
            pulse.since,
            format!("監視対象 {name} の{}に失敗し続けています。{services}", kind.japanese()),
            format!("The monitor target {name} does not answer as it should ({}).", kind.word()),
        );
    }
    if is_unheard(pulse, target.every_minutes, times) {
        let since = pulse.map_or(times.0, |pulse| pulse.known_at);
        return alarm(
            AlarmCode::MonitoringStopped,
            since,
            format!("監視対象 {name} を確認できていません。稼働しているかどうかが分かりません。"),
            format!("The monitor target {name} is not being checked: nobody knows whether it lives."),
        );
    }
    None
}

/// The file that says what is monitored cannot be read.
pub fn of_file(now: Instant) -> Alarm {
    Alarm {
        code: AlarmCode::MonitoringStopped,
        subject: WHOLE.to_owned(),
        since: now,
        japanese: "監視の設定（policies/monitoring）を読み取れません。監視は行われていません。".to_owned(),
        english: "What is to be monitored (policies/monitoring) cannot be read: nothing is monitored."
            .to_owned(),
    }
}

/// Nobody has reviewed a log for too long.
pub fn of_log(log: &AccessLog, looks: &[Looked], now: Instant) -> Option<Alarm> {
    let (name, since) = (&log.name, review_overdue(looks, log.review_days, now)?);
    Some(Alarm {
        code: AlarmCode::LogReviewOverdue,
        subject: name.clone(),
        since,
        japanese: format!("アクセス・ログ {name} の集計結果の確認が、期限を過ぎています。"),
        english: format!("What was counted in the access log {name} should have been reviewed by now."),
    })
}
