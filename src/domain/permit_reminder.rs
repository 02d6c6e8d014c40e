//! What somebody is reminded of about a permit, and when: that its period ends, that its after-use measure is due, that it
//! is overdue.

use crate::domain::calendar::{english, wareki};
use crate::domain::permit::{Permit, PermitState};
use crate::domain::time::{Instant, Zone};

/// So many days before a day somebody is reminded of it.
pub const DAYS_BEFORE: i64 = 7;

/// A stage at which somebody is reminded, once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reminder {
    /// 使用期間 ends within the week.
    PeriodEnds,
    /// 使用後の措置 is due within the week.
    AfterUseDue,
    /// 使用後の措置 was due, and nobody confirmed it.
    AfterUseOverdue,
}

impl Reminder {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::PeriodEnds, Self::AfterUseDue, Self::AfterUseOverdue];

    /// The word in rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PeriodEnds => "period-ends",
            Self::AfterUseDue => "after-use-due",
            Self::AfterUseOverdue => "after-use-overdue",
        }
    }

    /// The stage of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }

    /// The stage that a permit is in, if it is one of which somebody is reminded: the last that has come.
    pub fn of(permit: &Permit, zone: &Zone, now: Instant) -> Option<Self> {
        let soon = zone.day_of(now.plus_minutes(DAYS_BEFORE * 24 * 60));
        let (last, due) = (permit.content.period.1, permit.content.after_use_due);
        if permit.is_overdue(zone, now) {
            return Some(Self::AfterUseOverdue);
        }
        if permit.is_owed() && soon >= due {
            return Some(Self::AfterUseDue);
        }
        let lasts = match permit.state {
            PermitState::Applied
            | PermitState::Approved(_)
            | PermitState::Executing { .. }
            | PermitState::Delivered { .. } => true,
            PermitState::Closed { .. }
            | PermitState::Returned { .. }
            | PermitState::Revoked { .. }
            | PermitState::Expired { .. } => false,
        };
        (lasts && soon >= last && zone.day_of(now) <= last).then_some(Self::PeriodEnds)
    }

    /// What is said of a permit: the subject and the text of a mail. Numbers and days, nothing of what it is about.
    pub fn words(self, permit: &Permit) -> (String, String) {
        let (number, content) = (&permit.number, &permit.content);
        let (last, due) = (content.period.1, content.after_use_due);
        let (title, japanese, words) = match self {
            Self::PeriodEnds => (
                "使用期間がまもなく終わります",
                format!(
                    "許可 {number} の使用期間は{}までです。その日を過ぎると、抽出も取得もできません。",
                    wareki(last)
                ),
                format!("The period of permit {number} ends on {}.", english(last)),
            ),
            Self::AfterUseDue => (
                "使用後の措置の期日が近づいています",
                format!(
                    "許可 {number} で提供したものの使用後の措置（{}）の期日は{}です。申請者に確かめ、管理画面で確認してください。",
                    content.after_use.japanese(),
                    wareki(due)
                ),
                format!("The after-use measure of permit {number} is due on {}: confirm it.", english(due)),
            ),
            Self::AfterUseOverdue => (
                "使用後の措置の期日を過ぎています",
                format!(
                    "許可 {number} で提供したものの使用後の措置（{}）は、期日（{}）を過ぎても確認されていません。確認が済むまで、この申請者は新しく申請できません。",
                    content.after_use.japanese(),
                    wareki(due)
                ),
                format!(
                    "The after-use measure of permit {number} was due on {} and nobody confirmed it.",
                    english(due)
                ),
            ),
        };
        (format!("【使用許可 {number}】{title}"), format!("{japanese}\n\n{words}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::permit::{AfterUse, Form, LegalClass, Medium, PermitApproval, PermitContent};

    fn permit(state: PermitState) -> Permit {
        let day = |text: &str| text.parse().expect("a day");
        let content = PermitContent {
            applied_on: day("2026-11-20"),
            applicant: "applicant01".parse().expect("an id"),
            subject: "糖尿病の受診動向".to_owned(),
            purpose: "学会発表".to_owned(),
            processing: "5歳刻み".to_owned(),
            medium: Medium::CdR,
            after_use: AfterUse::Erased,
            after_use_due: day("2027-01-31"),
            period: (day("2026-12-01"), day("2026-12-28")),
            execution: (day("2026-12-02"), day("2026-12-04")),
            remarks: String::new(),
            attachments: Vec::new(),
            form: Form::File,
            legal_class: LegalClass::Statistics,
            executions_max: 1,
            extraction: "k".to_owned(),
        };
        Permit { number: "R08-014".to_owned(), content, state, executions: 1, given_up: 0 }
    }

    #[test]
    fn each_stage_begins_on_its_day_in_tokyo() {
        let zone = Zone::tokyo();
        let at = |day: &str, hour: i64| zone.start_of(day.parse().expect("a day")).plus_minutes(hour * 60);
        let then = at("2026-12-03", 0);
        let approval = PermitApproval { by: "doctor0001".parse().expect("an id"), at: then, digest: [0; 32] };
        let delivered = permit(PermitState::Delivered { approval: approval.clone(), at: then });
        let by = approval.by.clone();
        let revoked =
            permit(PermitState::Revoked { by, at: then, reason: String::new(), was_delivered: true });
        let approved = permit(PermitState::Approved(approval));
        let closed = permit(PermitState::Closed { by: "doctor0001".parse().expect("an id"), at: then });
        for (permit, day, hour, stage) in [
            (&approved, "2026-12-20", 23, None),
            (&approved, "2026-12-21", 0, Some(Reminder::PeriodEnds)),
            (&approved, "2026-12-28", 23, Some(Reminder::PeriodEnds)),
            (&approved, "2026-12-29", 0, None),
            (&delivered, "2026-12-21", 0, Some(Reminder::PeriodEnds)),
            (&delivered, "2026-12-29", 0, None),
            (&delivered, "2027-01-23", 23, None),
            (&delivered, "2027-01-24", 0, Some(Reminder::AfterUseDue)),
            (&delivered, "2027-01-31", 23, Some(Reminder::AfterUseDue)),
            (&delivered, "2027-02-01", 0, Some(Reminder::AfterUseOverdue)),
            (&revoked, "2026-12-21", 0, None),
            (&revoked, "2027-02-01", 0, Some(Reminder::AfterUseOverdue)),
            (&closed, "2027-02-01", 0, None),
        ] {
            assert_eq!(Reminder::of(permit, &zone, at(day, hour)), stage, "{} on {day}", permit.state.word());
        }
        for stage in Reminder::ALL {
            assert_eq!(Reminder::of_word(stage.word()), Some(stage));
            let (subject, body) = stage.words(&delivered);
            assert!(subject.contains("R08-014") && body.contains("令和"), "{body}");
            assert!(!body.contains("糖尿病") && !body.contains("applicant01"), "{body}");
        }
    }
}
