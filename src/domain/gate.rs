//! The gate: whether an occurrence may start now. A pure function of facts; every refusal has a code and a sentence.

use crate::domain::account::AccountId;
use crate::domain::calendar::{english_span, wareki_span};
use crate::domain::proof::{self, ToProve};
use crate::domain::time::{Instant, Zone};
use crate::domain::window::{Window, WindowState};

/// What the gate looks at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The window of the occurrence.
    pub window: &'a Window,
    /// What would run now: SHA-256 of the plan's content, its recipients and the terms.
    pub digest_now: [u8; 32],
    /// When the occurrence starts and ends.
    pub span: (Instant, Instant),
    /// When the notice that names it was published, if it was.
    pub announced_at: Option<Instant>,
    /// How long before its start that must be, days.
    pub lead_days: u32,
    /// Approved power inspections, start and end.
    pub inspections: &'a [(Instant, Instant)],
    /// When the public page was last seen with that notice on it.
    pub proven_at: Option<Instant>,
    /// Who let it run all the same, if somebody did.
    pub break_glass: Option<&'a AccountId>,
}

/// Why an occurrence may not start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nobody approved the window.
    NotApproved(&'static str),
    /// The plan, its recipients or the terms are no longer what was approved.
    Changed,
    /// It is not its time.
    OutsideWindow(Instant, Instant),
    /// No notice names it.
    NotAnnounced,
    /// Its notice came too late.
    AnnouncedLate {
        /// When it came.
        at: Instant,
        /// How many days before it had to.
        lead_days: u32,
    },
    /// Nobody knows that users could read its notice.
    NotReadable,
    /// A service would stop where none may.
    StopNotAllowed,
    /// The power is inspected.
    PowerInspection(Instant, Instant),
}

impl Refusal {
    /// The code: the same in rows, answers and runbooks.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotApproved(_) => "not-approved",
            Self::Changed => "approval-lapsed",
            Self::OutsideWindow(..) => "outside-window",
            Self::NotAnnounced => "not-announced",
            Self::AnnouncedLate { .. } => "announced-late",
            Self::NotReadable => "notice-not-readable",
            Self::StopNotAllowed => "stop-not-allowed",
            Self::PowerInspection(..) => "power-inspection",
        }
    }

    /// Whether 運用管理責任者 may let the occurrence run all the same. Never a stop that the policy forbids, never
    /// another time, never what nobody approved.
    pub const fn gives_way(&self) -> bool {
        matches!(
            self,
            Self::Changed
                | Self::NotAnnounced
                | Self::AnnouncedLate { .. }
                | Self::NotReadable
                | Self::PowerInspection(..)
        )
    }

    /// The sentence in English.
    pub fn english(&self, zone: &Zone) -> String {
        match self {
            Self::NotApproved(state) => format!("The window is {state}, not approved (第21条②)."),
            Self::Changed => "The plan, its recipients or the times are no longer those that were approved: \
                              the window must be approved again; ask for it with `kura window request` (第21条②)."
                .to_owned(),
            Self::OutsideWindow(from, until) => {
                format!("This occurrence is for {}.", english_span(*from, *until, zone))
            }
            Self::NotAnnounced => "No notice has told the users of it (第21条②③).".to_owned(),
            Self::AnnouncedLate { at, lead_days } => {
                format!("Its notice of {at} came less than {lead_days} days before its start.")
            }
            Self::NotReadable => "The public page was not seen with its notice in the day before its start: \
                                  look whether users can open it (第21条②③)."
                .to_owned(),
            Self::StopNotAllowed => {
                "Services may stop in monthly and maintenance windows only (第21条③).".to_owned()
            }
            Self::PowerInspection(from, until) => {
                format!("The power supply is inspected {} (第10条).", english_span(*from, *until, zone))
            }
        }
    }

    /// The sentence in Japanese.
    pub fn japanese(&self, zone: &Zone) -> String {
        match self {
            Self::NotApproved(_) => {
                "この実施時間帯はサービス運用者の承認を受けていません（第21条②）。".to_owned()
            }
            Self::Changed => {
                "承認後に計画・復旧鍵・日時のいずれかが変更されました。実施時間帯をもう一度申請し、承認を受けてください（第21条②）。"
                    .to_owned()
            }
            Self::OutsideWindow(from, until) => {
                format!("この実施回の時間帯は{}です。", wareki_span(*from, *until, zone))
            }
            Self::NotAnnounced => "利用者への周知が行われていません（第21条②③）。".to_owned(),
            Self::AnnouncedLate { lead_days, .. } => {
                format!("お知らせの掲載が開始の{lead_days}日前までに行われていません。")
            }
            Self::NotReadable => "開始前の1日間に、お知らせが公開ページで閲覧できることを確認できていません\
                                  （第21条②③）。"
                .to_owned(),
            Self::StopNotAllowed => {
                "サービスを停止できるのは毎月のバックアップと維持管理の時間帯だけです（第21条③）。".to_owned()
            }
            Self::PowerInspection(from, until) => {
                format!("電源設備の点検日です（第10条）：{}。", wareki_span(*from, *until, zone))
            }
        }
    }
}

/// Whether the occurrence may start at `now`: all that speaks against it, in a fixed order; empty if nothing does.
///
/// A break-glass takes away only what gives way. Source: 第10条, 第21条②③.
pub fn refusals(facts: &Facts<'_>, now: Instant) -> Vec<Refusal> {
    let mut found = standing_refusals(facts);
    let (start, end) = facts.span;
    if !(start <= now && now < end) {
        found.push(Refusal::OutsideWindow(start, end));
    }
    found
}

/// The same, whatever time it is: what will be refused if nothing changes.
pub fn standing_refusals(facts: &Facts<'_>) -> Vec<Refusal> {
    let mut found = Vec::new();
    match &facts.window.state {
        WindowState::Approved(approval) if approval.digest != facts.digest_now => {
            found.push(Refusal::Changed);
        }
        WindowState::Approved(_) => {}
        // What nobody approved, or no longer, was never announced either: one reason is enough.
        WindowState::Lapsed { .. } => return vec![Refusal::Changed],
        other @ (WindowState::Requested
        | WindowState::Returned { .. }
        | WindowState::Withdrawn { .. }
        | WindowState::Ended { .. }) => return vec![Refusal::NotApproved(other.word())],
    }
    let (start, end) = facts.span;
    let latest = start.plus_minutes(i64::from(facts.lead_days).saturating_mul(-24 * 60));
    match facts.announced_at {
        None => found.push(Refusal::NotAnnounced),
        Some(at) if at > latest => found.push(Refusal::AnnouncedLate { at, lead_days: facts.lead_days }),
        Some(_) => {}
    }
    // Without a notice there is nothing to read: one reason is enough.
    if let Some(announced_at) = facts.announced_at {
        let what = ToProve { announced_at, span: facts.span, lead_days: facts.lead_days };
        if !proof::is_enough(&what, facts.proven_at) {
            found.push(Refusal::NotReadable);
        }
    }
    let terms = &facts.window.terms;
    if terms.stops_services() && !terms.parts().kind.may_stop() {
        found.push(Refusal::StopNotAllowed);
    }
    let overlapping = facts.inspections.iter().find(|(from, until)| *from < end && start < *until);
    found.extend(overlapping.map(|(from, until)| Refusal::PowerInspection(*from, *until)));
    if facts.break_glass.is_some() {
        found.retain(|refusal| !refusal.gives_way());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::{Approval, Terms, WindowKind};
    use crate::domain::window_terms::tests::parts;
    use proptest::prelude::*;

    const DAY: i64 = 24 * 60;

    fn window(state: WindowState) -> Window {
        let mut parts = parts(WindowKind::Monthly, "monthly first sunday 01:00");
        parts.stops = vec!["ポータル".to_owned()];
        Window {
            id: "w-0001".to_owned(),
            terms: Terms::new(parts).unwrap(),
            requested_by: "admin00001".parse().unwrap(),
            requested_at: Instant::from_micros(0),
            state,
        }
    }

    fn approved() -> WindowState {
        WindowState::Approved(Approval {
            number: "BW-2026-001".to_owned(),
            by: "ishikai001".parse().unwrap(),
            at: Instant::from_micros(0),
            digest: [1; 32],
        })
    }

    fn facts(window: &Window) -> Facts<'_> {
        let span = window.terms.span_on("2026-12-06".parse().unwrap());
        Facts {
            window,
            digest_now: [1; 32],
            span,
            announced_at: Some(span.0.plus_minutes(-14 * DAY)),
            lead_days: 14,
            inspections: &[],
            proven_at: Some(span.0.plus_minutes(-30)),
            break_glass: None,
        }
    }

    fn codes(facts: &Facts<'_>, minutes: i64) -> Vec<&'static str> {
        refusals(facts, facts.span.0.plus_minutes(minutes)).iter().map(Refusal::code).collect()
    }

    #[test]
    fn each_rule_refuses_by_its_code() {
        let window = window(approved());
        let good = facts(&window);
        let start = good.span.0;
        let none: [&str; 0] = [];
        assert_eq!(codes(&good, 0), none);
        assert_eq!(codes(&good, 239), none);
        assert_eq!(codes(&good, 240), ["outside-window"]);
        assert_eq!(codes(&good, -1), ["outside-window"]);
        assert_eq!(codes(&Facts { digest_now: [2; 32], ..good.clone() }, 0), ["approval-lapsed"]);
        assert_eq!(codes(&Facts { announced_at: None, ..good.clone() }, 0), ["not-announced"]);
        let late = Some(start.plus_minutes(-14 * DAY + 1));
        assert_eq!(codes(&Facts { announced_at: late, ..good.clone() }, 0), ["announced-late"]);
        for proven_at in [None, Some(start.plus_minutes(-DAY - 1))] {
            assert_eq!(codes(&Facts { proven_at, ..good.clone() }, 0), ["notice-not-readable"]);
        }
        let inspections = [(start.plus_minutes(-60), start.plus_minutes(1))];
        assert_eq!(codes(&Facts { inspections: &inspections, ..good.clone() }, 0), ["power-inspection"]);
        let over = [(start.plus_minutes(-60), start)];
        assert_eq!(codes(&Facts { inspections: &over, ..good }, 0), none);
    }

    #[test]
    fn what_is_not_approved_is_refused_whatever_else_holds() {
        let at = Instant::from_micros(0);
        let by: AccountId = "ishikai001".parse().unwrap();
        let reason = String::new;
        for state in [
            WindowState::Requested,
            WindowState::Returned { by, at, reason: reason() },
            WindowState::Withdrawn { at, reason: reason() },
            WindowState::Ended { at },
        ] {
            assert_eq!(codes(&facts(&window(state)), 0), ["not-approved"]);
        }
        let lapsed = window(WindowState::Lapsed { at, reason: reason() });
        assert_eq!(codes(&facts(&lapsed), 0), ["approval-lapsed"]);
    }

    #[test]
    fn breaking_the_glass_takes_away_only_what_gives_way() {
        let (approved, requested) = (window(approved()), window(WindowState::Requested));
        let manager = "manager001".parse().unwrap();
        let with = |window, break_glass, minutes| {
            let facts = facts(window);
            let inspections = [facts.span];
            let bad = Facts { digest_now: [2; 32], proven_at: None, break_glass, ..facts.clone() };
            codes(&Facts { inspections: &inspections, ..bad }, minutes)
        };
        let all = ["approval-lapsed", "notice-not-readable", "power-inspection"];
        assert_eq!(with(&approved, None, 0), all);
        assert_eq!(with(&approved, Some(&manager), 0), Vec::<&str>::new());
        assert_eq!(with(&approved, Some(&manager), 300), ["outside-window"]);
        assert_eq!(with(&requested, Some(&manager), 0), ["not-approved"]);
    }

    #[test]
    fn every_refusal_is_a_sentence_in_both_languages() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let at = Instant::from_micros(1_796_486_400_000_000);
        for refusal in [
            Refusal::NotApproved("requested"),
            Refusal::Changed,
            Refusal::OutsideWindow(at, at.plus_minutes(240)),
            Refusal::NotAnnounced,
            Refusal::AnnouncedLate { at, lead_days: 14 },
            Refusal::NotReadable,
            Refusal::StopNotAllowed,
            Refusal::PowerInspection(at, at.plus_minutes(DAY)),
        ] {
            assert!(refusal.japanese(&zone).ends_with('。'), "{refusal:?}");
            assert!(refusal.english(&zone).ends_with('.'), "{refusal:?}");
        }
    }

    proptest! {
        /// Whatever the facts: what passes is approved as it is now, announced in time, in its span, and off inspections.
        #[test]
        fn nothing_passes_that_breaks_a_rule(
            digest in 1_u8..3, announced in proptest::option::of(-30_000_i64..100), lead_days in 0_u32..20,
            minutes in -300_i64..300, inspection in -600_i64..600, proven in proptest::option::of(-30_000_i64..300),
        ) {
            let window = window(approved());
            let (start, end) = window.terms.span_on("2026-12-06".parse().unwrap());
            let inspections = [(start.plus_minutes(inspection), start.plus_minutes(inspection.saturating_add(60)))];
            let announced_at = announced.map(|minutes| start.plus_minutes(minutes));
            let proven_at = proven.map(|minutes| start.plus_minutes(minutes));
            let facts = Facts {
                window: &window, digest_now: [digest; 32], span: (start, end), announced_at, lead_days,
                inspections: &inspections, proven_at, break_glass: None,
            };
            let now = start.plus_minutes(minutes);
            if refusals(&facts, now).is_empty() {
                prop_assert_eq!(digest, 1);
                prop_assert!(announced.is_some_and(|at| at <= DAY.saturating_mul(i64::from(lead_days)).saturating_neg()));
                prop_assert!(proven.is_some_and(|at| at >= -DAY && Some(at) >= announced));
                prop_assert!((0..240).contains(&minutes));
                prop_assert!(inspection <= -60 || inspection >= 240);
            }
        }
    }
}
