//! Permits (本番データ使用許可, 第14条 and 別紙2): where one stands, who may move it, and whether it may be used now.
//!
//! applied → approved → executing → delivered → closed; or returned, revoked, expired. An approval is bound to the
//! digest of everything that was applied for: whatever changes afterwards, the permit allows nothing any more. Days are
//! civil days in the zone of the permit, both ends included.

use crate::domain::account::AccountId;
use crate::domain::time::{Instant, Zone};

pub use crate::domain::permit_refusal::PermitRefusal;
pub use crate::domain::permit_state::{PermitApproval, PermitState};

pub use crate::domain::permit_content::{
    AfterUse, Attachment, BadContent, Form, LegalClass, Medium, PermitContent,
};

/// A permit: what was applied for, and where that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permit {
    /// Its number, such as `R08-014`.
    pub number: String,
    /// What was applied for.
    pub content: PermitContent,
    /// Where it stands.
    pub state: PermitState,
    /// How many extracts were begun: the number of the last one.
    pub executions: u32,
    /// How many of them ended without anything handed over. They are not counted.
    pub given_up: u32,
}

/// What can happen to a permit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PermitEvent {
    /// The applicant writes something else: whatever was approved is approved no more.
    Change {
        /// What it says from now on.
        content: Box<PermitContent>,
    },
    /// サービス運用者 approves what was shown, by its digest.
    Approve {
        /// The digest.
        digest: [u8; 32],
    },
    /// サービス運用者 returns it.
    Return {
        /// Why.
        reason: String,
    },
    /// The applicant takes it back before anything is made: it is returned by himself, and may be written anew.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// サービス運用者 takes it away, before or after delivery.
    Revoke {
        /// Why.
        reason: String,
    },
    /// システム運用者 begins an extract.
    Begin {
        /// The digest of what the permit says now.
        digest: [u8; 32],
    },
    /// An extract ends without anything handed over.
    Abort,
    /// An extract is handed over.
    Deliver {
        /// The digest of what the permit says now.
        digest: [u8; 32],
    },
    /// Somebody other than the applicant confirms the after-use measure.
    Close,
    /// Its period is over.
    Expire,
}

/// The circumstances of an act.
#[derive(Clone, Copy, Debug)]
pub struct PermitCircumstances<'a> {
    /// Who acts.
    pub by: &'a AccountId,
    /// The time.
    pub now: Instant,
    /// The zone of the permit's days.
    pub zone: &'a Zone,
    /// The newest line of the audit log.
    pub last_audit_at: Instant,
}

impl Permit {
    /// Where the permit stands after an event; or why it does not happen.
    pub fn after(&self, event: &PermitEvent, here: PermitCircumstances<'_>) -> Result<Self, PermitRefusal> {
        let (by, at) = (here.by.clone(), here.now);
        let is_over = here.zone.day_of(at) > self.content.period.1;
        let mut next = self.clone();
        next.state = match (&self.state, event) {
            (
                PermitState::Applied | PermitState::Returned { .. } | PermitState::Approved(_),
                PermitEvent::Change { content },
            ) => {
                next.content = self.only_by_the_applicant(content, here.by)?;
                PermitState::Applied
            }
            (PermitState::Applied, PermitEvent::Approve { digest }) => {
                self.not_the_applicant(here.by)?;
                if is_over {
                    return Err(PermitRefusal::Over(self.content.period.1));
                }
                PermitState::Approved(PermitApproval { by, at, digest: *digest })
            }
            (PermitState::Applied, PermitEvent::Return { reason }) => {
                Self::returned(self.not_the_applicant(here.by), here, reason)?
            }
            (PermitState::Applied | PermitState::Approved(_), PermitEvent::Withdraw { reason }) => {
                Self::returned(self.only_the_applicant(here.by), here, reason)?
            }
            (
                PermitState::Approved(approval) | PermitState::Delivered { approval, .. },
                PermitEvent::Begin { digest },
            ) => {
                next.executions = self.executions.saturating_add(1);
                self.begun(approval, digest, here)?
            }
            (PermitState::Executing { approval, delivered_at, .. }, PermitEvent::Abort) => {
                next.given_up = self.given_up.saturating_add(1);
                before_execution(approval.clone(), *delivered_at)
            }
            (PermitState::Executing { approval, by: began, .. }, PermitEvent::Deliver { digest }) => {
                only_who_began(began, here.by)?;
                self.may_execute(approval, digest, here)?;
                PermitState::Delivered { approval: approval.clone(), at }
            }
            (
                PermitState::Delivered { .. } | PermitState::Revoked { was_delivered: true, .. },
                PermitEvent::Close,
            ) => {
                self.not_the_applicant(here.by)?;
                PermitState::Closed { by, at }
            }
            (
                PermitState::Applied
                | PermitState::Approved(_)
                | PermitState::Executing { .. }
                | PermitState::Delivered { .. },
                PermitEvent::Revoke { reason },
            ) => {
                let was_delivered = self.delivered_at().is_some();
                PermitState::Revoked { by, at, reason: reason.clone(), was_delivered }
            }
            (PermitState::Applied | PermitState::Approved(_), PermitEvent::Expire) if is_over => {
                PermitState::Expired { at }
            }
            (state, event) => {
                let number = self.number.clone();
                return Err(PermitRefusal::State { number, state: state.word(), verb: event.verb() });
            }
        };
        Ok(next)
    }

    /// Everything that speaks against making or handing over an extract now. Asked at the start, before each batch, and
    /// in the transaction that hands it over.
    fn may_execute(
        &self,
        approval: &PermitApproval,
        digest: &[u8; 32],
        here: PermitCircumstances<'_>,
    ) -> Result<(), PermitRefusal> {
        self.not_the_applicant(here.by)?;
        if *here.by == approval.by {
            return Err(PermitRefusal::IsApprover(here.by.clone()));
        }
        if *digest != approval.digest {
            return Err(PermitRefusal::Changed);
        }
        if here.now < here.last_audit_at || here.now < approval.at {
            return Err(PermitRefusal::ClockBehind);
        }
        let today = here.zone.day_of(here.now);
        let ((first, last), (from, until)) = (self.content.period, self.content.execution);
        if today < first {
            return Err(PermitRefusal::NotYet(first));
        }
        if today > last {
            return Err(PermitRefusal::Over(last));
        }
        if today < from || today > until {
            return Err(PermitRefusal::NotToday(from, until));
        }
        Ok(())
    }

    fn begun(
        &self,
        approval: &PermitApproval,
        digest: &[u8; 32],
        here: PermitCircumstances<'_>,
    ) -> Result<PermitState, PermitRefusal> {
        self.may_execute(approval, digest, here)?;
        if self.used() >= self.content.executions_max {
            return Err(PermitRefusal::UsedUp(self.content.executions_max));
        }
        let (by, since) = (here.by.clone(), here.now);
        Ok(PermitState::Executing {
            approval: approval.clone(),
            by,
            since,
            delivered_at: self.delivered_at(),
        })
    }

    fn returned(
        may: Result<(), PermitRefusal>,
        here: PermitCircumstances<'_>,
        reason: &str,
    ) -> Result<PermitState, PermitRefusal> {
        may.map(|()| PermitState::Returned { by: here.by.clone(), at: here.now, reason: reason.to_owned() })
    }

    fn only_the_applicant(&self, by: &AccountId) -> Result<(), PermitRefusal> {
        let applicant = &self.content.applicant;
        if by == applicant { Ok(()) } else { Err(PermitRefusal::IsNotApplicant(applicant.clone())) }
    }

    fn not_the_applicant(&self, by: &AccountId) -> Result<(), PermitRefusal> {
        if *by == self.content.applicant { Err(PermitRefusal::IsApplicant(by.clone())) } else { Ok(()) }
    }

    fn only_by_the_applicant(
        &self,
        content: &PermitContent,
        by: &AccountId,
    ) -> Result<PermitContent, PermitRefusal> {
        self.only_the_applicant(by)?;
        self.only_the_applicant(&content.applicant)?;
        Ok(content.clone())
    }

    /// How many executions count: those under which something was handed over, and the one that goes on. Of what was refused,
    /// cancelled or broken off nobody has anything, and it may be made again.
    pub fn used(&self) -> u32 {
        self.executions.saturating_sub(self.given_up)
    }

    /// Whether the applicant took it back himself.
    pub fn is_withdrawn(&self) -> bool {
        matches!(&self.state, PermitState::Returned { by, .. } if *by == self.content.applicant)
    }

    /// Where it stands, for people.
    pub fn japanese(&self) -> &'static str {
        if self.is_withdrawn() { "取下げ" } else { self.state.japanese() }
    }

    /// Whether something was handed over whose after-use measure nobody confirmed yet.
    pub fn is_owed(&self) -> bool {
        let is_revoked = matches!(self.state, PermitState::Revoked { was_delivered: true, .. });
        is_revoked || self.delivered_at().is_some()
    }

    /// Whether something was handed over whose after-use measure nobody confirmed although it is due.
    pub fn is_overdue(&self, zone: &Zone, now: Instant) -> bool {
        self.is_owed() && zone.day_of(now) > self.content.after_use_due
    }

    /// When something was handed over whose after-use measure is still open.
    pub fn delivered_at(&self) -> Option<Instant> {
        match &self.state {
            PermitState::Delivered { at, .. } => Some(*at),
            PermitState::Executing { delivered_at, .. } => *delivered_at,
            PermitState::Applied
            | PermitState::Approved(_)
            | PermitState::Closed { .. }
            | PermitState::Returned { .. }
            | PermitState::Revoked { .. }
            | PermitState::Expired { .. } => None,
        }
    }

    /// Whether what was handed over may still be fetched.
    pub fn may_be_fetched(&self, by: &AccountId, zone: &Zone, now: Instant) -> bool {
        let is_delivered = matches!(self.state, PermitState::Delivered { .. });
        is_delivered && *by == self.content.applicant && zone.day_of(now) <= self.content.period.1
    }
}

/// Where a permit stood before an extract that ends without a delivery.
fn before_execution(approval: PermitApproval, delivered_at: Option<Instant>) -> PermitState {
    match delivered_at {
        Some(at) => PermitState::Delivered { approval, at },
        None => PermitState::Approved(approval),
    }
}

fn only_who_began(began: &AccountId, by: &AccountId) -> Result<(), PermitRefusal> {
    if by == began { Ok(()) } else { Err(PermitRefusal::IsNotExecutor(began.clone())) }
}

/// Whether somebody may apply: not while he owes an after-use measure.
pub fn may_apply(
    applicant: &AccountId,
    permits: &[Permit],
    zone: &Zone,
    now: Instant,
) -> Result<(), PermitRefusal> {
    let owed = permits.iter().filter(|permit| permit.content.applicant == *applicant);
    let overdue = owed.into_iter().find(|permit| permit.is_overdue(zone, now));
    overdue.map_or(Ok(()), |permit| Err(PermitRefusal::Overdue(permit.number.clone())))
}

impl PermitEvent {
    const fn verb(&self) -> &'static str {
        match self {
            Self::Change { .. } => "changed",
            Self::Approve { .. } => "approved",
            Self::Return { .. } => "returned",
            Self::Withdraw { .. } => "withdrawn",
            Self::Revoke { .. } => "revoked",
            Self::Begin { .. } => "executed",
            Self::Abort => "aborted",
            Self::Deliver { .. } => "delivered",
            Self::Close => "closed",
            Self::Expire => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Day;

    fn id(text: &str) -> AccountId {
        text.parse().expect("an id")
    }

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    fn tokyo() -> Zone {
        Zone::named("Asia/Tokyo").expect("a zone")
    }

    fn content() -> PermitContent {
        PermitContent {
            applied_on: day("2026-11-20"),
            applicant: id("applicant01"),
            subject: "糖尿病の受診動向".to_owned(),
            purpose: "学会発表".to_owned(),
            processing: "年齢は5歳刻み".to_owned(),
            medium: Medium::HardDisk,
            after_use: AfterUse::Erased,
            after_use_due: day("2027-03-31"),
            period: (day("2026-12-01"), day("2026-12-28")),
            execution: (day("2026-12-02"), day("2026-12-04")),
            remarks: String::new(),
            attachments: vec![Attachment { name: "研究計画書.pdf".to_owned(), sha256: [7; 32] }],
            form: Form::File,
            legal_class: LegalClass::AnonymouslyProcessed,
            executions_max: 1,
            extraction: "k 10".to_owned(),
        }
    }

    fn applied() -> Permit {
        Permit {
            number: "R08-014".to_owned(),
            content: content(),
            state: PermitState::Applied,
            executions: 0,
            given_up: 0,
        }
    }

    /// Noon of a day in Tokyo, and what happens then.
    fn on(day_text: &str, by: &str, permit: &Permit, event: &PermitEvent) -> Result<Permit, PermitRefusal> {
        let zone = tokyo();
        let noon = Instant::from_micros(zone.start_of(day(day_text)).as_micros()).plus_minutes(12 * 60);
        at(noon, by, permit, event)
    }

    fn at(now: Instant, by: &str, permit: &Permit, event: &PermitEvent) -> Result<Permit, PermitRefusal> {
        let (by, zone) = (id(by), tokyo());
        permit.after(
            event,
            PermitCircumstances { by: &by, now, zone: &zone, last_audit_at: Instant::from_micros(0) },
        )
    }

    const DIGEST: [u8; 32] = [1; 32];

    fn approved() -> Permit {
        on("2026-11-25", "operator01", &applied(), &PermitEvent::Approve { digest: DIGEST })
            .expect("is approved")
    }

    fn executing() -> Permit {
        on("2026-12-02", "executor01", &approved(), &begin()).expect("begins")
    }

    const fn begin() -> PermitEvent {
        PermitEvent::Begin { digest: DIGEST }
    }

    const fn deliver() -> PermitEvent {
        PermitEvent::Deliver { digest: DIGEST }
    }

    #[test]
    fn case_17_days_are_those_of_tokyo_and_both_ends_belong_to_the_period() {
        let run = |day: &str| on(day, "executor01", &approved(), &begin()).map(|permit| permit.state.word());
        assert_eq!(run("2026-11-30"), Err(PermitRefusal::NotYet(day("2026-12-01"))));
        assert_eq!(run("2026-12-01"), Err(PermitRefusal::NotToday(day("2026-12-02"), day("2026-12-04"))));
        assert_eq!(run("2026-12-02"), Ok("executing"));
        assert_eq!(run("2026-12-04"), Ok("executing"));
        assert_eq!(run("2026-12-05"), Err(PermitRefusal::NotToday(day("2026-12-02"), day("2026-12-04"))));
        assert_eq!(run("2026-12-29"), Err(PermitRefusal::Over(day("2026-12-28"))));
        // 2026-12-04T15:00:00Z is midnight of the 5th in Tokyo; a microsecond earlier it is still the 4th.
        let midnight = tokyo().start_of(day("2026-12-05"));
        let before = Instant::from_micros(midnight.as_micros() - 1);
        assert!(at(before, "executor01", &executing(), &deliver()).is_ok());
        assert!(matches!(
            at(midnight, "executor01", &executing(), &deliver()),
            Err(PermitRefusal::NotToday(..))
        ));
    }

    #[test]
    fn case_17_a_clock_that_went_back_stops_everything() {
        let (by, zone) = (id("executor01"), tokyo());
        let now = zone.start_of(day("2026-12-03"));
        let here = |last_audit_at| PermitCircumstances { by: &by, now, zone: &zone, last_audit_at };
        assert!(approved().after(&begin(), here(now)).is_ok());
        assert_eq!(approved().after(&begin(), here(now.plus_minutes(1))), Err(PermitRefusal::ClockBehind));
    }

    #[test]
    fn nobody_approves_executes_or_closes_what_he_applied_for_or_executes_what_he_approved() {
        let applicant = PermitRefusal::IsApplicant(id("applicant01"));
        let approve = PermitEvent::Approve { digest: DIGEST };
        assert_eq!(on("2026-11-25", "applicant01", &applied(), &approve), Err(applicant.clone()));
        assert_eq!(on("2026-12-02", "applicant01", &approved(), &begin()), Err(applicant.clone()));
        let approver = PermitRefusal::IsApprover(id("operator01"));
        assert_eq!(on("2026-12-02", "operator01", &approved(), &begin()), Err(approver));
        let delivered = on("2026-12-02", "executor01", &executing(), &deliver()).expect("is delivered");
        assert_eq!(on("2026-12-20", "applicant01", &delivered, &PermitEvent::Close), Err(applicant));
        let closed = on("2026-12-20", "operator01", &delivered, &PermitEvent::Close).expect("is closed");
        assert_eq!(closed.state.word(), "closed");
    }

    #[test]
    fn case_18_revoked_in_the_middle_nothing_is_delivered_and_nothing_runs_twice() {
        let revoked =
            on("2026-12-02", "operator01", &executing(), &PermitEvent::Revoke { reason: "誤り".into() });
        let revoked = revoked.expect("is revoked");
        let refused = on("2026-12-02", "executor01", &revoked, &deliver()).expect_err("is refused");
        assert_eq!(refused.to_string(), "permit R08-014 is revoked: it cannot be delivered");
        assert!(on("2026-12-02", "executor02", &executing(), &begin()).is_err(), "two operators at once");
        let aborted = on("2026-12-02", "executor01", &executing(), &PermitEvent::Abort).expect("is aborted");
        let again = on("2026-12-02", "executor01", &aborted, &begin()).expect("nothing was handed over");
        let delivered = on("2026-12-02", "executor01", &again, &deliver()).expect("is delivered");
        assert_eq!(on("2026-12-02", "executor01", &delivered, &begin()), Err(PermitRefusal::UsedUp(1)));
    }

    #[test]
    fn case_19_whatever_changes_after_the_approval_voids_it() {
        let changed = PermitEvent::Begin { digest: [2; 32] };
        assert_eq!(on("2026-12-02", "executor01", &approved(), &changed), Err(PermitRefusal::Changed));
        let late = PermitEvent::Deliver { digest: [2; 32] };
        assert_eq!(on("2026-12-02", "executor01", &executing(), &late), Err(PermitRefusal::Changed));
        let text = content().digest_text();
        let changes: [fn(&mut PermitContent); 10] = [
            |c| c.subject.push('x'),
            |c| c.purpose.push('x'),
            |c| c.medium = Medium::Dvd,
            |c| c.medium = Medium::Other("ハードディスク".to_owned()),
            |c| c.after_use = AfterUse::Kept,
            |c| c.period.1 = c.period.1.next(),
            |c| c.attachments[0].sha256[31] = 8,
            |c| c.legal_class = LegalClass::Statistics,
            |c| c.executions_max = 2,
            |c| c.extraction = "k 9".to_owned(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = content();
            change(&mut other);
            assert_ne!(other.digest_text(), text, "change {number}");
        }
        let mut forged = content();
        forged.subject = "a\npurpose 1 b".to_owned();
        assert!(forged.problems().contains(&BadContent::Subject), "one line");
        forged.purpose = "a\nprocessing 1 b".to_owned();
        forged.processing = "c".to_owned();
        let mut other = content();
        (other.subject, other.purpose, other.processing) =
            (forged.subject.clone(), "a".into(), "b\nprocessing 1 c".into());
        assert_ne!(forged.digest_text(), other.digest_text(), "no value looks like another field");
    }

    #[test]
    fn case_27_an_after_use_measure_that_is_overdue_blocks_the_next_permit() {
        let delivered = on("2026-12-02", "executor01", &executing(), &deliver()).expect("is delivered");
        let zone = tokyo();
        let (last, after) = (zone.start_of(day("2027-03-31")), zone.start_of(day("2027-04-01")));
        let all = [delivered.clone(), applied()];
        assert_eq!(may_apply(&id("applicant01"), &all, &zone, last), Ok(()));
        assert_eq!(
            may_apply(&id("applicant01"), &all, &zone, after),
            Err(PermitRefusal::Overdue("R08-014".into()))
        );
        assert_eq!(may_apply(&id("applicant02"), &all, &zone, after), Ok(()));
        let revoked =
            on("2026-12-03", "operator01", &delivered, &PermitEvent::Revoke { reason: "誤り".into() });
        assert!(revoked.expect("is revoked").is_overdue(&zone, after), "what is out is owed, revoked or not");
    }

    #[test]
    fn case_27_only_the_applicant_fetches_and_only_in_the_period() {
        let delivered = on("2026-12-02", "executor01", &executing(), &deliver()).expect("is delivered");
        let zone = tokyo();
        let fetch = |by: &str, on: &str| delivered.may_be_fetched(&id(by), &zone, zone.start_of(day(on)));
        assert!(fetch("applicant01", "2026-12-28") && !fetch("applicant01", "2026-12-29"));
        assert!(!fetch("executor01", "2026-12-03"));
    }

    #[test]
    fn a_second_execution_that_ends_without_a_delivery_leaves_the_first_one_owed() {
        let mut twice = applied();
        twice.content.executions_max = 2;
        let approve = PermitEvent::Approve { digest: DIGEST };
        let mut permit = on("2026-11-25", "operator01", &twice, &approve).expect("is approved");
        for event in [begin(), deliver(), begin(), PermitEvent::Abort] {
            permit = on("2026-12-03", "executor01", &permit, &event).expect("goes on");
        }
        assert_eq!((permit.state.word(), permit.executions, permit.used()), ("delivered", 2, 1));
        for event in [begin(), deliver()] {
            permit = on("2026-12-03", "executor01", &permit, &event)
                .expect("what ended with nothing does not count");
        }
        assert_eq!((permit.executions, permit.used()), (3, 2));
        assert_eq!(on("2026-12-03", "executor01", &permit, &begin()), Err(PermitRefusal::UsedUp(2)));
    }

    #[test]
    fn an_application_that_contradicts_itself_is_refused() {
        assert_eq!(content().problems(), []);
        let faults: [(fn(&mut PermitContent), BadContent); 9] = [
            (|c| c.subject = "a\nb".into(), BadContent::Subject),
            (|c| c.purpose = " ".into(), BadContent::Purpose),
            (|c| c.period = (c.period.1, c.period.0), BadContent::Period),
            (|c| c.execution.1 = c.period.1.next(), BadContent::Execution),
            (|c| c.after_use_due = c.period.0, BadContent::AfterUse),
            (|c| c.medium = Medium::Other(String::new()), BadContent::MediumOther),
            (|c| c.executions_max = 0, BadContent::Executions),
            (|c| c.extraction.clear(), BadContent::Extraction),
            (|c| c.attachments.push(c.attachments[0].clone()), BadContent::Attachments),
        ];
        for (change, problem) in faults {
            let mut bad = content();
            change(&mut bad);
            assert!(bad.problems().contains(&problem), "{problem}");
        }
    }

    #[test]
    fn expired_is_what_was_never_used() {
        assert!(on("2026-12-28", "executor01", &approved(), &PermitEvent::Expire).is_err());
        let expired = on("2026-12-29", "executor01", &approved(), &PermitEvent::Expire).expect("expires");
        assert_eq!(expired.state.word(), "expired");
        assert!(on("2026-12-29", "executor01", &executing(), &PermitEvent::Expire).is_err());
        let late = PermitEvent::Approve { digest: DIGEST };
        assert_eq!(
            on("2026-12-29", "operator01", &applied(), &late),
            Err(PermitRefusal::Over(day("2026-12-28")))
        );
    }
}
