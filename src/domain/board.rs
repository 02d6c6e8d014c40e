//! The board of notices: how long a notice is marked 新規 or 更新 (第13条③), and how long it stays after it is over.

use crate::domain::notice::NoticeStatus;
use crate::domain::time::Instant;

/// How long 新規 and 更新 stand beside a notice, days. The policy names no number: a week, so that who looks once a week
/// sees each mark.
pub const MARK_DAYS: i64 = 7;

/// How long a notice stays among the current ones after it is over or was cancelled, days.
pub const OVER_DAYS: i64 = 30;

const DAY_MINUTES: i64 = 24 * 60;

/// 新規 or 更新.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// 新規: its first revision is fresh.
    New,
    /// 更新: a later revision is fresh.
    Updated,
}

/// The mark of a notice: its newest revision, when that came, and the time.
pub const fn mark(revision: u32, updated_at: Instant, now: Instant) -> Option<Mark> {
    let ends = updated_at.plus_minutes(MARK_DAYS * DAY_MINUTES);
    if now.as_micros() >= ends.as_micros() {
        None
    } else if revision <= 1 {
        Some(Mark::New)
    } else {
        Some(Mark::Updated)
    }
}

/// Notices that are over and were last changed before this are no longer current.
pub const fn over_since(now: Instant) -> Instant {
    now.plus_minutes(-OVER_DAYS * DAY_MINUTES)
}

/// Whether a notice is current: not taken away, and to come, going on, or over for a short while.
pub fn is_current(
    status: NoticeStatus,
    updated_at: Instant,
    closed_at: Option<Instant>,
    now: Instant,
) -> bool {
    let is_over = matches!(status, NoticeStatus::Completed | NoticeStatus::Cancelled);
    closed_at.is_none() && (!is_over || updated_at >= over_since(now))
}

/// The last instant at which what a page shows of a notice changed: its revision, the end of its mark, its departure.
pub fn shown_since(updated_at: Instant, now: Instant) -> Instant {
    let ends = [MARK_DAYS, OVER_DAYS].map(|days| updated_at.plus_minutes(days.saturating_mul(DAY_MINUTES)));
    ends.into_iter().filter(|end| *end <= now).max().unwrap_or(updated_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn day(number: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(number.saturating_mul(DAY_MINUTES))
    }

    #[test]
    fn a_mark_stands_for_a_week() {
        assert_eq!(mark(1, day(0), day(0)), Some(Mark::New));
        assert_eq!(mark(1, day(0), day(7).plus_minutes(-1)), Some(Mark::New));
        assert_eq!(mark(1, day(0), day(7)), None);
        assert_eq!(mark(3, day(0), day(6)), Some(Mark::Updated));
        assert_eq!(mark(3, day(0), day(8)), None);
    }

    #[test]
    fn what_is_over_leaves_after_a_month_and_what_is_to_come_stays() {
        let shown = |status, days| is_current(status, day(0), None, day(days));
        assert!(shown(NoticeStatus::Scheduled, 4000) && shown(NoticeStatus::InProgress, 4000));
        for over in [NoticeStatus::Completed, NoticeStatus::Cancelled] {
            assert!(shown(over, 30) && !shown(over, 31));
        }
        assert!(!is_current(NoticeStatus::Scheduled, day(0), Some(day(0)), day(0)));
    }

    #[test]
    fn a_page_changes_when_a_mark_ends() {
        assert_eq!(shown_since(day(0), day(6)), day(0));
        assert_eq!(shown_since(day(0), day(9)), day(7));
        assert_eq!(shown_since(day(0), day(90)), day(30));
    }
}
