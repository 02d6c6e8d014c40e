//! Coverage: is everything inside its time here and whole, and is nothing past it? Decided from what a check found.
//!
//! Every cohort that a snapshot names counts until its `delete_from`; after that it may not be there any more (第21条①).

use crate::domain::alarm::{Alarm, AlarmCode};
use crate::domain::calendar::{english, wareki};
use crate::domain::cohort::CohortId;
use crate::domain::locks::{LockFacts, LockFlaw};
use crate::domain::plan::{Class, LockMode, Plan};
use crate::domain::time::Instant;

/// What a check found of one cohort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CohortFacts {
    /// The cohort.
    pub cohort: CohortId,
    /// Packs that are there with the right size.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects of it that are missing or altered.
    pub problems: u64,
    /// Whether evidence shows that it was deleted when its time was over.
    pub is_deleted: bool,
    /// Whether a hold keeps it.
    pub is_held: bool,
}

/// What is known of one plan.
#[derive(Clone, Copy, Debug)]
pub struct PlanFacts<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// When its newest snapshot was taken, and whether that is complete. `None` if there is none.
    pub newest: Option<(Instant, bool)>,
    /// Every cohort that its snapshots name, once each.
    pub cohorts: &'a [CohortFacts],
    /// Objects that belong to no cohort and are wrong: snapshots, keys.
    pub other_problems: u64,
    /// How many copies there are: stores that hold the same objects.
    pub copies: u8,
    /// Its locks as they were read back.
    pub locks: LockFacts,
}

/// Something that keeps the promise from being proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exception {
    /// There is no snapshot at all.
    NoSnapshot,
    /// The newest snapshot lacks something that could not be read.
    Partial,
    /// Snapshots or keys are missing or altered.
    Records(u64),
    /// Objects of a cohort are missing or altered.
    Damaged(CohortId, u64),
    /// A cohort is past its time and still there.
    Past(CohortId),
    /// A cohort is gone, and no certificate says that it was deleted.
    Lost(CohortId),
    /// The newest generation of a system plan is past its time: it is kept, and nothing locks it any more.
    Unlocked(CohortId),
    /// There are fewer copies than the plan asks for.
    Copies {
        /// How many there are.
        found: u8,
        /// How many the plan asks for.
        wanted: u8,
    },
    /// Objects are not locked as the plan says.
    Locks(LockFlaw, u64),
    /// Nobody may see how objects are locked.
    LocksHidden,
    /// The clock is behind what was recorded: what is past its time and what is not cannot be told by it.
    ClockBehind,
}

impl Exception {
    /// The code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSnapshot => "no-snapshot",
            Self::Partial => "newest-partial",
            Self::Records(_) => "records-damaged",
            Self::Damaged(..) => "cohort-damaged",
            Self::Past(_) => "past-its-time",
            Self::Lost(_) => "cohort-lost",
            Self::Unlocked(_) => "newest-unlocked",
            Self::Copies { .. } => "too-few-copies",
            Self::Locks(flaw, _) => flaw.code(),
            Self::LocksHidden => "locks-hidden",
            Self::ClockBehind => "clock-behind",
        }
    }

    /// The sentences of a code as it is recorded, without what it is about: Japanese and English. `None` for a code of
    /// another version.
    pub fn sentences(code: &str) -> Option<(&'static str, &'static str)> {
        Some(match code {
            "no-snapshot" => ("バックアップがまだ1つもありません。", "There is no snapshot yet."),
            "newest-partial" => (
                "最新のバックアップに、読めなかったものがあります。",
                "The newest snapshot lacks something that could not be read.",
            ),
            "records-damaged" => (
                "バックアップの記録または鍵が、欠けているか書き換えられています。",
                "Snapshots or keys are missing or altered.",
            ),
            "cohort-damaged" => (
                "データが欠けているか書き換えられている日があります。",
                "There are days whose objects are missing or altered.",
            ),
            "past-its-time" => (
                "保管期限を過ぎたのに残っているものがあります。",
                "Something is past its time and still there.",
            ),
            "cohort-lost" => (
                "なくなっている日があります。消去の記録もないため、失われたものとして扱います。",
                "There are days that are gone, and no certificate says why: they are lost.",
            ),
            "newest-unlocked" => (
                "最新の世代の保管期限が過ぎました。新しい世代を取得してください。",
                "The newest generation is past its time and no longer locked: take a new one.",
            ),
            "too-few-copies" => {
                ("写しの数が計画より少なくなっています。", "There are fewer copies than the plan asks for.")
            }
            "locks-hidden" => (
                "保護の期限を読み取る権限がありません。",
                "These credentials may not see until when objects are locked.",
            ),
            "clock-behind" => (
                "この機器の時計が、最新のスナップショットか監査記録より前です。日付を証明できません。",
                "The clock of this machine is behind the newest snapshot or line of the audit log: nothing is proved by it.",
            ),
            code => {
                return LockFlaw::ALL.into_iter().find(|flaw| flaw.code() == code).map(LockFlaw::sentences);
            }
        })
    }

    /// The sentence for people.
    pub fn japanese(&self) -> String {
        match self {
            Self::NoSnapshot => "バックアップがまだ1つもありません。".to_owned(),
            Self::Partial => "最新のバックアップに、読めなかったものがあります。".to_owned(),
            Self::Records(n) => {
                format!("バックアップの記録または鍵が{n}個、欠けているか書き換えられています。")
            }
            Self::Damaged(cohort, n) => {
                format!(
                    "{}の分は、{n}個のデータが欠けているか書き換えられています。",
                    wareki(cohort.clock_day())
                )
            }
            Self::Past(cohort) => {
                format!("{}の分は、保管期限を過ぎていますが、まだ残っています。", wareki(cohort.clock_day()))
            }
            Self::Lost(cohort) => {
                format!(
                    "{}の分がありません。消去の記録もないため、失われたものとして扱います。",
                    wareki(cohort.clock_day())
                )
            }
            Self::Unlocked(cohort) => format!(
                "最新の世代（{}まで）の保管期限が過ぎました。新しい世代を取得してください。",
                wareki(cohort.clock_day())
            ),
            Self::Copies { found, wanted } => format!("写しは{found}か所です。計画では{wanted}か所です。"),
            Self::Locks(flaw, n) => {
                format!("{}（調べたうちの{n}個）。", flaw.sentences().0.trim_end_matches('。'))
            }
            Self::LocksHidden => {
                "保護の期限を読み取る権限がありません。認証情報に s3:GetObjectRetention を許してください。"
                    .to_owned()
            }
            Self::ClockBehind => {
                "この機器の時計が、最新のスナップショットか監査記録より前です。時計を直してください。"
                    .to_owned()
            }
        }
    }

    /// The same in English.
    pub fn english(&self) -> String {
        match self {
            Self::NoSnapshot => "There is no snapshot yet.".to_owned(),
            Self::Partial => "The newest snapshot lacks something that could not be read.".to_owned(),
            Self::Records(n) => format!("Snapshots or keys are missing or altered: {n}."),
            Self::Damaged(cohort, n) => {
                format!("Of {}, objects are missing or altered: {n}.", english(cohort.clock_day()))
            }
            Self::Past(cohort) => {
                format!("What counts from {} is past its time and still there.", english(cohort.clock_day()))
            }
            Self::Lost(cohort) => format!(
                "What counts from {} is gone and no certificate says why: it is lost.",
                english(cohort.clock_day())
            ),
            Self::Unlocked(cohort) => format!(
                "The newest generation (to {}) is past its time and no longer locked: take a new one.",
                english(cohort.clock_day())
            ),
            Self::Copies { found, wanted } => {
                format!("Copies: {found}; the plan asks for {wanted}.")
            }
            Self::Locks(flaw, n) => format!("{} Found among those looked at: {n}.", flaw.sentences().1),
            Self::LocksHidden => {
                "These credentials may not see until when objects are locked: give them s3:GetObjectRetention."
                    .to_owned()
            }
            Self::ClockBehind => {
                "The clock of this machine is behind the newest snapshot or line of the audit log: set it.".to_owned()
            }
        }
    }
}

/// Codes that mean: something that is kept is missing or altered.
const DAMAGES: [&str; 3] = ["records-damaged", "cohort-damaged", "cohort-lost"];

/// The alarm of a plan whose last proof found that what it keeps is missing or altered.
pub fn damage_alarm(plan: &str, codes: &[String], checked_at: Instant) -> Option<Alarm> {
    let found = codes.iter().filter(|code| DAMAGES.contains(&code.as_str()));
    let (mut japanese, mut english_words) = (String::new(), Vec::new());
    for (ja, en) in found.filter_map(|code| Exception::sentences(code)) {
        japanese.push_str(ja);
        english_words.push(en);
    }
    (!japanese.is_empty()).then(|| Alarm {
        code: AlarmCode::StoredDataDamaged,
        subject: plan.to_owned(),
        since: checked_at,
        japanese: format!("計画 {plan} で保管しているものに異常があります。{japanese}"),
        english: format!("What plan {plan} keeps is not whole. {}", english_words.join(" ")),
    })
}

/// How far a plan's promise is proved.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Cohorts inside their time.
    pub alive: u64,
    /// Those of them whose every object is there.
    pub whole: u64,
    /// Cohorts past their time that a hold keeps.
    pub held: u64,
    /// Packs of cohorts inside their time.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How the plan locks.
    pub lock_mode: LockMode,
    /// How its locks were found.
    pub locks: LockFacts,
    /// What keeps the promise from being proved, the plan first, then by cohort.
    pub exceptions: Vec<Exception>,
}

/// Decides how far a plan's promise is proved at `now`.
pub fn coverage(facts: &PlanFacts<'_>, now: Instant) -> Coverage {
    let plan = facts.plan;
    let mut found = Coverage { lock_mode: plan.lock_mode(), locks: facts.locks, ..Coverage::default() };
    match facts.newest {
        None => found.exceptions.push(Exception::NoSnapshot),
        Some((_, false)) => found.exceptions.push(Exception::Partial),
        Some((_, true)) => {}
    }
    if facts.other_problems > 0 {
        found.exceptions.push(Exception::Records(facts.other_problems));
    }
    if facts.copies < plan.copies() {
        found.exceptions.push(Exception::Copies { found: facts.copies, wanted: plan.copies() });
    }
    if facts.locks.is_hidden {
        found.exceptions.push(Exception::LocksHidden);
    }
    for flaw in LockFlaw::ALL {
        let count = facts.locks.with(flaw);
        if count > 0 {
            found.exceptions.push(Exception::Locks(flaw, count));
        }
    }
    for one in facts.cohorts {
        let is_past = one.cohort.delete_from(plan.retention(), plan.zone()) <= now;
        if is_past {
            past(facts, one, &mut found);
            continue;
        }
        found.alive = found.alive.saturating_add(1);
        found.packs = found.packs.saturating_add(one.packs);
        found.bytes = found.bytes.saturating_add(one.bytes);
        if one.problems == 0 {
            found.whole = found.whole.saturating_add(1);
        } else {
            found.exceptions.push(Exception::Damaged(one.cohort, one.problems));
        }
    }
    found
}

/// Nothing is owed any more: it should be gone, and a certificate should say so. What is left of it need not be whole.
fn past(facts: &PlanFacts<'_>, one: &CohortFacts, found: &mut Coverage) {
    let newest = facts.newest.map(|(at, _)| facts.plan.cohort_of(facts.plan.zone().day_of(at)));
    let is_newest = facts.plan.class() == Class::System && newest == Some(one.cohort);
    match (one.packs > 0, one.is_deleted) {
        (true, true) => found.exceptions.push(Exception::Past(one.cohort)),
        (true, false) if one.is_held => found.held = found.held.saturating_add(1),
        (true, false) if is_newest => found.exceptions.push(Exception::Unlocked(one.cohort)),
        (true, false) => found.exceptions.push(Exception::Past(one.cohort)),
        (false, true) => {}
        (false, false) => found.exceptions.push(Exception::Lost(one.cohort)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::tests::application;
    use crate::domain::time::Zone;

    fn cohort(day: &str, packs: u64, problems: u64) -> CohortFacts {
        CohortFacts {
            cohort: CohortId::Sent(day.parse().unwrap()),
            packs,
            bytes: packs.saturating_mul(10),
            problems,
            is_deleted: false,
            is_held: false,
        }
    }

    fn noon(day: &str) -> Instant {
        Zone::named("Asia/Tokyo").unwrap().at(day.parse().unwrap(), "12:00".parse().unwrap())
    }

    /// Each day is owed until the later of the two readings is over, and must be gone from then on.
    #[test]
    fn a_day_is_owed_for_its_year_and_no_longer() {
        let plan = application();
        let cohorts = [cohort("2026-11-22", 3, 0)];
        let newest = Some((noon("2026-11-22"), true));
        let locks = LockFacts::default();
        let facts = PlanFacts { plan: &plan, newest, cohorts: &cohorts, other_problems: 0, copies: 1, locks };
        let last = coverage(&facts, noon("2027-11-22"));
        assert_eq!((last.alive, last.whole, last.packs, last.bytes), (1, 1, 3, 30));
        assert_eq!(last.exceptions, []);
        let over = coverage(&facts, noon("2027-11-23"));
        assert_eq!((over.alive, over.whole), (0, 0));
        assert_eq!(over.exceptions, [Exception::Past(cohorts[0].cohort)]);
        let told = |cohorts: &[CohortFacts]| {
            let found = coverage(&PlanFacts { cohorts, ..facts }, noon("2027-11-23"));
            (found.held, found.exceptions.first().map(Exception::code))
        };
        let gone = cohort("2026-11-22", 0, 4);
        assert_eq!(told(&[gone]), (0, Some("cohort-lost")), "gone, and nobody says why");
        assert_eq!(told(&[CohortFacts { is_deleted: true, ..gone }]), (0, None));
        let there = cohort("2026-11-22", 3, 0);
        assert_eq!(told(&[CohortFacts { is_held: true, ..there }]), (1, None));
        assert_eq!(told(&[CohortFacts { is_deleted: true, ..there }]), (0, Some("past-its-time")));
        let early = coverage(
            &PlanFacts { cohorts: &[CohortFacts { is_deleted: true, ..gone }], ..facts },
            noon("2027-11-22"),
        );
        assert_eq!(
            early.exceptions[0].code(),
            "cohort-damaged",
            "evidence does not excuse an early deletion"
        );
    }

    #[test]
    fn every_kind_of_doubt_is_named() {
        let plan = application();
        let cohorts = [cohort("2026-11-20", 1, 2), cohort("2026-11-21", 1, 0)];
        let locks = LockFacts { short: 1, long: 2, other_mode: 3, is_hidden: true, read: 9 };
        let facts =
            PlanFacts { plan: &plan, newest: None, cohorts: &cohorts, other_problems: 1, copies: 0, locks };
        let found = coverage(&facts, noon("2026-11-22"));
        assert_eq!((found.alive, found.whole), (2, 1));
        let codes: Vec<&str> = found.exceptions.iter().map(Exception::code).collect();
        assert!(codes.iter().all(|code| Exception::sentences(code).is_some()), "{codes:?}");
        let expected = [
            "no-snapshot",
            "records-damaged",
            "too-few-copies",
            "locks-hidden",
            "lock-short",
            "lock-long",
            "lock-other-mode",
            "cohort-damaged",
        ];
        assert_eq!(codes, expected);
        let partial = PlanFacts { newest: Some((noon("2026-11-22"), false)), ..facts };
        assert_eq!(coverage(&partial, noon("2026-11-22")).exceptions[0], Exception::Partial);
        let day = CohortId::Sent("2026-11-22".parse().unwrap());
        for exception in [
            Exception::NoSnapshot,
            Exception::Partial,
            Exception::Records(1),
            Exception::Damaged(day, 1),
            Exception::Past(day),
            Exception::Lost(day),
            Exception::Unlocked(day),
            Exception::Copies { found: 1, wanted: 2 },
            Exception::Locks(LockFlaw::Long, 1),
            Exception::LocksHidden,
            Exception::ClockBehind,
        ] {
            assert!(Exception::sentences(exception.code()).is_some(), "{exception:?}");
            assert!(exception.japanese().ends_with('。') && exception.english().ends_with('.'));
        }
    }
}
