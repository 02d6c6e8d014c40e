//! Expiry (消去): what may be deleted now, what is kept back and why. Decided from what is stored; nothing is deleted here.
//!
//! A cohort is due from its `delete_from` on, never before; a snapshot with the newest cohort that it could name. Kept back
//! are what a hold covers, what the store still locks, the newest verified generation of a system plan, and the newest
//! snapshot of every plan, on which the next one builds; and, since snapshots go in their order, whatever was taken after one
//! that is kept back.
//!
//! Public here: `PlanFacts`, `decide`, `Decision`, `KeptBack`, `Limits`. The text of an order is in `deletion`.

use crate::domain::cohort::CohortId;
use crate::domain::deletion::{Item, What};
use crate::domain::hold::Hold;
use crate::domain::plan::{Class, Plan, PlanName};
use crate::domain::retention::kept;
use crate::domain::time::{Day, Instant};

/// What the store has of one cohort, or of one snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// Objects: every version, delete marker and unfinished upload.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 over all of them.
    pub digest: [u8; 32],
    /// Until when the store keeps the last of them from being deleted.
    pub locked_until: Option<Instant>,
}

/// A snapshot as the store names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFacts {
    /// Its number.
    pub sequence: u64,
    /// SHA-256 of the object, hexadecimal.
    pub digest: String,
    /// The day on which it was taken: no cohort in it is newer.
    pub day: Day,
    /// What there is of it.
    pub present: Present,
}

/// What is known of one plan.
#[derive(Clone, Copy, Debug)]
pub struct PlanFacts<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Every cohort in the store.
    pub cohorts: &'a [(CohortId, Present)],
    /// Every snapshot in the store, ascending.
    pub snapshots: &'a [SnapshotFacts],
    /// Its holds.
    pub holds: &'a [Hold],
    /// The day of its newest snapshot that is verified.
    pub newest_verified: Option<Day>,
}

/// How much may be deleted at once without a second person, beside the arrears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Cohorts of a plan.
    pub cohorts: u64,
    /// Percent of the cohorts of a plan; the larger of both counts.
    pub percent: u64,
}

impl Default for Limits {
    /// Two cohorts, since 28 and 29 February of a leap year end together; or one in a hundred.
    fn default() -> Self {
        Self { cohorts: 2, percent: 1 }
    }
}

/// Why something whose time is over is not deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// A hold covers it.
    Hold(u64),
    /// It is, or names, the generation of the newest verified snapshot of a system plan.
    NewestGeneration,
    /// The store locks it for longer.
    Locked(Instant),
    /// A cohort that is held back needs it.
    Needed(CohortId),
    /// Since it was decided, its plan was lengthened or the clock went back: its time is not over before then.
    NotYet(Instant),
}

impl Why {
    /// The code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Hold(_) => "hold",
            Self::NewestGeneration => "newest-generation",
            Self::Locked(_) => "locked",
            Self::Needed(_) => "needed",
            Self::NotYet(_) => "not-yet",
        }
    }

    /// The sentence for people.
    pub fn japanese(&self) -> String {
        match self {
            Self::Hold(number) => format!("保全 {number} の対象です。"),
            Self::NewestGeneration => {
                "検証済みの最新の世代です。新しい世代ができるまで残します（第20条④）。".to_owned()
            }
            Self::Locked(until) => format!("保管先が {until} まで削除を禁じています。"),
            Self::Needed(cohort) => format!("残してある {cohort} を戻すために必要です。"),
            Self::NotYet(from) => {
                format!("消去を決めたあとに、計画または時計が変わりました。{from} までは消去しません。")
            }
        }
    }

    /// The same in English.
    pub fn english(&self) -> String {
        match self {
            Self::Hold(number) => format!("Hold {number} covers it."),
            Self::NewestGeneration => {
                "It is the newest verified generation: it stays until there is a newer one.".to_owned()
            }
            Self::Locked(until) => format!("The store locks it until {until}."),
            Self::Needed(cohort) => format!("{cohort}, which is kept back, cannot be restored without it."),
            Self::NotYet(from) => {
                format!("The plan or the clock has changed since it was decided: not before {from}.")
            }
        }
    }
}

/// Why deletion of a plan is stopped, by the code on record: Japanese and English. An unknown code stands for itself.
pub fn stop_words(code: &str) -> (String, String) {
    let (japanese, english) = match code {
        "clock-disagrees" => {
            ("この機器の時計が外の時計とずれています", "this machine's clock disagrees with another one")
        }
        "clock-went-back" => ("この機器の時計が戻っています", "this machine's clock went back"),
        "clock-unproved" | "clock-after-silence" => {
            ("今日の日付を人が確かめる必要があります", "somebody must say what day it is")
        }
        "too-many" => (
            "一度に多くの期限が来たため、2人の承認が必要です",
            "so much fell due at once that two people must approve it",
        ),
        "locked-too-long" => (
            "期限を過ぎても保管先が消去を禁じています",
            "the store locks something beyond the end of its time",
        ),
        other => (other, other),
    };
    (japanese.to_owned(), english.to_owned())
}

/// Something whose time is over and that is not deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptBack {
    /// What.
    pub item: Item,
    /// Why.
    pub why: Why,
}

/// More of a plan than a standing approval covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TooMany {
    /// The plan.
    pub plan: PlanName,
    /// Cohorts that fell due since the last look.
    pub fresh: u64,
    /// How many are allowed.
    pub allowed: u64,
}

/// What may be deleted now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decision {
    /// What is due, by plan; cohorts before snapshots, both ascending.
    pub due: Vec<Item>,
    /// What is past its time and kept back.
    pub kept_back: Vec<KeptBack>,
    /// Plans of which so much is due at once that a second person must confirm it.
    pub too_many: Vec<TooMany>,
}

/// Decides what may be deleted at `now`. `last_look` is when this was decided last: what was due then are arrears.
pub fn decide(facts: &[PlanFacts<'_>], limits: Limits, last_look: Option<Instant>, now: Instant) -> Decision {
    let mut decision = Decision::default();
    for one in facts {
        let kept_cohorts = decide_cohorts(one, &mut decision, now);
        decide_snapshots(one, &kept_cohorts, &mut decision, now);
        decision.too_many.extend(too_many(one, &decision.due, limits, last_look));
    }
    decision
}

/// Decides about cohorts; those that are past their time and kept back for a reason that may last are given back.
fn decide_cohorts(facts: &PlanFacts<'_>, decision: &mut Decision, now: Instant) -> Vec<CohortId> {
    let (plan, mut kept_cohorts) = (facts.plan, Vec::new());
    for (cohort, present) in facts.cohorts {
        let item = item(plan, What::Cohort(*cohort), cohort.clock_day(), present);
        if now < item.delete_from {
            continue;
        }
        match why_kept(facts, cohort, present, now) {
            Some(why) => {
                kept_cohorts.push(*cohort);
                decision.kept_back.push(KeptBack { item, why });
            }
            None => decision.due.push(item),
        }
    }
    kept_cohorts
}

fn why_kept(facts: &PlanFacts<'_>, cohort: &CohortId, present: &Present, now: Instant) -> Option<Why> {
    let plan = facts.plan;
    if let Some(hold) = facts.holds.iter().find(|hold| hold.keeps(cohort, plan.zone(), now)) {
        return Some(Why::Hold(hold.number));
    }
    let is_newest = facts.newest_verified.is_none_or(|day| plan.cohort_of(day) == *cohort);
    if plan.class() == Class::System && is_newest {
        return Some(Why::NewestGeneration);
    }
    present.locked_until.filter(|until| now < *until).map(Why::Locked)
}

fn decide_snapshots(facts: &PlanFacts<'_>, kept_cohorts: &[CohortId], decision: &mut Decision, now: Instant) {
    let plan = facts.plan;
    let newest = facts.snapshots.iter().map(|snapshot| snapshot.sequence).max();
    // Snapshots go in their order, so that nothing is missing between those that are left.
    let mut before: Option<Why> = None;
    for snapshot in facts.snapshots.iter().filter(|snapshot| Some(snapshot.sequence) != newest) {
        let clock_day = plan.cohort_of(snapshot.day).clock_day();
        let what = What::Snapshot { sequence: snapshot.sequence, digest: snapshot.digest.clone() };
        let item = item(plan, what, clock_day, &snapshot.present);
        if now < item.delete_from {
            continue;
        }
        let needing = kept_cohorts.iter().find(|cohort| may_name(plan, snapshot.day, cohort));
        let locked = snapshot.present.locked_until.filter(|until| now < *until);
        match needing.map(|cohort| Why::Needed(*cohort)).or(locked.map(Why::Locked)).or(before.clone()) {
            Some(why) => {
                before = Some(why.clone());
                decision.kept_back.push(KeptBack { item, why });
            }
            None => decision.due.push(item),
        }
    }
}

/// Whether a snapshot of a day may name a cohort: it was taken when the cohort was there.
fn may_name(plan: &Plan, day: Day, cohort: &CohortId) -> bool {
    match plan.class() {
        Class::System => plan.cohort_of(day) == *cohort,
        Class::Application => {
            let clock_day = cohort.clock_day();
            clock_day <= day && day <= kept(plan.retention(), clock_day).delete_from
        }
    }
}

fn item(plan: &Plan, what: What, clock_day: Day, present: &Present) -> Item {
    let cohort = CohortId::Sent(clock_day);
    Item {
        plan: plan.name().clone(),
        what,
        kept: kept(plan.retention(), clock_day),
        delete_from: cohort.delete_from(plan.retention(), plan.zone()),
        objects: present.objects,
        bytes: present.bytes,
        digest: present.digest,
    }
}

/// The most sent days whose time can end on the same day.
const TOGETHER_MAX: usize = 4;

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What fell due since the last look may be no more than a few days' worth: a wrong retention or clock shows here.
fn too_many(
    facts: &PlanFacts<'_>,
    due: &[Item],
    limits: Limits,
    last_look: Option<Instant>,
) -> Option<TooMany> {
    let is_fresh = |item: &&Item| {
        item.plan == *facts.plan.name()
            && matches!(item.what, What::Cohort(_))
            && last_look.is_none_or(|last| last < item.delete_from)
    };
    let fresh: Vec<Instant> = due.iter().filter(is_fresh).map(|item| item.delete_from).collect();
    // Periods of months end together for the last days of a month: 28 to 31 January a month later on 1 March.
    let together = |at: &Instant| fresh.iter().filter(|other| *other == at).count().min(TOGETHER_MAX);
    let together = count(fresh.iter().map(together).max().unwrap_or(0));
    let share = count(facts.cohorts.len()).saturating_mul(limits.percent).div_euclid(100);
    let (fresh, allowed) = (count(fresh.len()), limits.cohorts.max(share).max(together));
    (fresh > allowed).then(|| TooMany { plan: facts.plan.name().clone(), fresh, allowed })
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may stop where a sum overflows")]
mod tests {
    use super::*;
    use crate::domain::plan::PlanParts;
    use crate::domain::plan::tests::{application, parts, source, system};
    use crate::domain::retention::Retention;
    use crate::domain::time::Zone;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn start(text: &str) -> Instant {
        Zone::named("Asia/Tokyo").unwrap().start_of(day(text))
    }

    fn present() -> Present {
        Present { objects: 3, bytes: 30, digest: [7; 32], locked_until: None }
    }

    fn sent(days: &[&str]) -> Vec<(CohortId, Present)> {
        days.iter().map(|text| (CohortId::Sent(day(text)), present())).collect()
    }

    fn snapshot(sequence: u64, text: &str) -> SnapshotFacts {
        SnapshotFacts { sequence, digest: "00".repeat(32), day: day(text), present: present() }
    }

    struct World {
        plan: Plan,
        cohorts: Vec<(CohortId, Present)>,
        snapshots: Vec<SnapshotFacts>,
        holds: Vec<Hold>,
        newest_verified: Option<Day>,
    }

    impl World {
        fn of(plan: Plan, cohorts: Vec<(CohortId, Present)>) -> Self {
            Self { plan, cohorts, snapshots: Vec::new(), holds: Vec::new(), newest_verified: None }
        }

        fn decide(&self, last_look: Option<Instant>, now: Instant) -> Decision {
            let facts = PlanFacts {
                plan: &self.plan,
                cohorts: &self.cohorts,
                snapshots: &self.snapshots,
                holds: &self.holds,
                newest_verified: self.newest_verified,
            };
            decide(&[facts], Limits::default(), last_look, now)
        }

        fn said(&self, now: &str) -> (Vec<String>, Vec<String>) {
            let decision = self.decide(Some(start(now)), start(now));
            let kept =
                decision.kept_back.iter().map(|kept| format!("{} {}", kept.item.place(), kept.why.code()));
            (decision.due.iter().map(Item::place).collect(), kept.collect())
        }
    }

    #[test]
    fn a_cohort_is_due_from_the_instant_after_both_readings() {
        let world = World::of(application(), sent(&["2023-02-28", "2024-02-29"]));
        let at = start("2024-03-01");
        assert_eq!(world.decide(None, Instant::from_micros(at.as_micros() - 1)).due, []);
        let due = world.decide(None, at).due;
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].kept.promised_last_day, day("2024-02-27"));
        assert_eq!(due[0].kept.last_day_b, day("2024-02-29"));
        assert_eq!(due[0].place(), "records/sent-2023-02-28/");
    }

    #[test]
    fn holds_locks_and_the_newest_snapshot_keep_things_back_and_say_so() {
        let mut world = World::of(application(), sent(&["2026-11-20", "2026-11-21", "2026-11-22"]));
        world.cohorts[2].1.locked_until = Some(start("2028-01-01"));
        world.snapshots = vec![
            snapshot(1, "2026-11-19"),
            snapshot(2, "2026-11-20"),
            snapshot(3, "2026-11-21"),
            snapshot(4, "2026-11-22"),
        ];
        world.holds.push(Hold {
            number: 1,
            plan: world.plan.name().clone(),
            days: (day("2026-11-21"), day("2026-11-21")),
            until: None,
            is_released: false,
        });
        let (due, kept) = world.said("2027-12-01");
        let snapshot = |n: u64| format!("records/snapshots/{n:010}-{}", "00".repeat(32));
        assert_eq!(due, ["records/sent-2026-11-20/".to_owned(), snapshot(1), snapshot(2)]);
        assert_eq!(
            kept,
            [
                "records/sent-2026-11-21/ hold".to_owned(),
                "records/sent-2026-11-22/ locked".to_owned(),
                format!("{} needed", snapshot(3)),
            ]
        );
        world.holds[0].is_released = true;
        assert_eq!(world.said("2028-01-01").0.len(), 6, "all but the newest snapshot");
    }

    /// A hold that outlasts another year: what was taken when the held day was no longer there stays as well.
    #[test]
    fn snapshots_go_in_their_order_so_that_the_chain_has_no_gap() {
        let mut world = World::of(application(), sent(&["2026-11-20"]));
        world.snapshots = vec![
            snapshot(1, "2026-11-19"),
            snapshot(2, "2026-11-20"),
            snapshot(3, "2027-12-01"),
            snapshot(4, "2028-12-10"),
        ];
        let days = (day("2026-11-20"), day("2026-11-20"));
        let plan = world.plan.name().clone();
        world.holds.push(Hold { number: 1, plan, days, until: None, is_released: false });
        let (due, kept) = world.said("2028-12-20");
        assert_eq!(due.len(), 1, "{due:?}: the one before the held day");
        assert_eq!(kept.len(), 3, "{kept:?}: the held day, the snapshot that names it, and the next");
        world.holds[0].is_released = true;
        assert_eq!(world.said("2028-12-20").0.len(), 4, "the day and three snapshots");
    }

    #[test]
    fn the_newest_verified_generation_stays_whatever_its_age() {
        let generation = |text: &str| (text.parse().unwrap(), present());
        let mut world = World::of(system(), vec![generation("gen-2026-10"), generation("gen-2026-11")]);
        world.snapshots =
            vec![snapshot(1, "2026-10-05"), snapshot(2, "2026-11-05"), snapshot(3, "2026-11-06")];
        assert_eq!(world.said("2030-01-01").0.len(), 0, "nothing was ever verified");
        world.newest_verified = Some(day("2026-10-05"));
        let (due, kept) = world.said("2030-01-01");
        assert_eq!(due.len(), 1, "{due:?}: a newer generation that is not verified does not count");
        assert_eq!(kept.len(), 3, "{kept:?}: the generation, its snapshot, and the one after that");
        world.newest_verified = Some(day("2026-11-06"));
        let (due, _) = world.said("2030-01-01");
        assert!(
            due.iter().any(|place| place.contains("gen-2026-10"))
                && !due.iter().any(|place| place.contains("gen-2026-11"))
        );
    }

    #[test]
    fn more_than_a_few_days_at_once_need_a_second_person_unless_they_were_seen_before() {
        let world = World::of(application(), sent(&["2026-11-20", "2026-11-21", "2026-11-22"]));
        let now = start("2027-11-24");
        let too_many =
            |last: Option<&str>| world.decide(last.map(start), now).too_many.first().map(|found| found.fresh);
        assert_eq!(too_many(None), Some(3), "never looked before");
        assert_eq!(too_many(Some("2027-11-20")), Some(3));
        assert_eq!(too_many(Some("2027-11-21")), None, "one is an arrear");
        assert_eq!(too_many(Some("2027-11-23")), None);
        let many: Vec<String> = (1..=28).map(|d| format!("2026-11-{d:02}")).collect();
        let mut year = World::of(application(), sent(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        year.cohorts.extend((0..300).map(|n| (CohortId::Sent(Day::from_number(30_000 + n)), present())));
        let found = year.decide(Some(start("2027-11-02")), start("2027-11-05"));
        assert_eq!(found.too_many, [], "three of 328 are less than one in a hundred");
    }

    #[test]
    fn days_that_end_together_go_together() {
        let month = PlanParts { retention: Retention::Months(1), ..parts(vec![source("/srv/records")]) };
        let plan = Plan::new(month).unwrap();
        let world = World::of(plan, sent(&["2031-01-28", "2031-01-29", "2031-01-30", "2031-01-31"]));
        let found = world.decide(Some(start("2031-02-28")), start("2031-03-01"));
        assert_eq!((found.due.len(), found.too_many), (4, vec![]));
    }

    proptest! {
        /// Whatever is stored and held: nothing before its instant, nothing held or locked, everything else.
        #[test]
        fn what_is_due_is_exactly_what_is_past_and_free(
            days in proptest::collection::btree_set(20_000..20_800_i32, 0..40),
            hold in (20_000..20_800_i32, 0..60_i32, any::<bool>()),
            locks in proptest::collection::vec(proptest::option::of(20_000..21_500_i32), 40),
            now in 20_300..21_300_i32,
        ) {
            let plan = application();
            let zone = plan.zone().clone();
            let at = |number: i32| zone.start_of(Day::from_number(number));
            let cohorts: Vec<_> = days.iter().zip(&locks).map(|(number, lock)| {
                let locked_until = lock.map(at);
                (CohortId::Sent(Day::from_number(*number)), Present { locked_until, ..present() })
            }).collect();
            let mut world = World::of(plan, cohorts);
            world.holds.push(Hold {
                number: 1,
                plan: world.plan.name().clone(),
                days: (Day::from_number(hold.0), Day::from_number(hold.0 + hold.1)),
                until: None,
                is_released: hold.2,
            });
            let decision = world.decide(None, at(now));
            let due: Vec<String> = decision.due.iter().map(Item::place).collect();
            for (cohort, present) in &world.cohorts {
                let is_past = cohort.delete_from(world.plan.retention(), &zone) <= at(now);
                let is_held = world.holds[0].keeps(cohort, &zone, at(now));
                let is_locked = present.locked_until.is_some_and(|until| at(now) < until);
                let place = format!("records/{cohort}/");
                prop_assert_eq!(due.contains(&place), is_past && !is_held && !is_locked);
                let is_kept = decision.kept_back.iter().any(|kept| kept.item.place() == place);
                prop_assert_eq!(is_kept, is_past && (is_held || is_locked));
            }
        }
    }
}
