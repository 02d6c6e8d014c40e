//! Simulated days: records are sent, edited and removed, a snapshot is taken and what is past its time is deleted every
//! day, whatever fails. On sampled days everything in the store is opened with the recovery key and searched (K-39, K-40).

use std::collections::{BTreeMap, BTreeSet};

use kura::archive::digest::Sha256;
use kura::archive::seal;
use kura::clock::Clock as _;
use kura::domain::cohort::CohortId;
use kura::domain::plan::Plan;
use kura::domain::time::{Day, Instant};
use kura::workflows::expire::Refusal;
use kura::workflows::{certificates, check_audit, cohort_key, expire, holds};

use crate::expiry::{Desk, Portal, doctor, manager};
use crate::steps::killed_after;
use crate::support::dice::Dice;
use crate::support::kura::Kura;
use crate::support::simulate::{files, write};

/// What is simulated.
struct Course {
    first: &'static str,
    days: i32,
    retention: &'static str,
    sent_daily: u64,
    check_every: i32,
    seed: u64,
}

struct World {
    kura: Kura,
    plan: Plan,
    dice: Dice,
    /// Every content that was ever sent: its mark, and its day.
    sent: BTreeMap<u64, Day>,
    /// Those that stood at the source when a snapshot was taken.
    seen: BTreeSet<u64>,
    /// What is at the source now: file name, mark of its content.
    source: BTreeMap<String, u64>,
    /// Days that are held, with the number of the hold and when it is released.
    held: BTreeMap<Day, (u64, Day)>,
    certificates: u64,
    kills: u64,
}

fn mark(id: u64) -> String {
    format!("mark{id:08}kram")
}

impl World {
    fn is_past(&self, day: Day) -> bool {
        let cohort = CohortId::Sent(day);
        cohort.delete_from(self.plan.retention(), self.plan.zone()) <= self.kura.clock.now()
    }

    fn send(&mut self, name: String, today: Day) {
        let id = u64::try_from(self.sent.len()).expect("small") + 1;
        // Text that does not compress to nothing, with the mark at both ends.
        let body = blake3::hash(&id.to_le_bytes()).to_hex().repeat(3);
        let content = format!("{} {body} {}", mark(id), mark(id));
        write(&self.kura.source().join(&name), content, &today.to_string());
        self.sent.insert(id, today);
        self.source.insert(name, id);
    }

    fn change_source(&mut self, today: Day, daily: u64) {
        for number in 0..daily {
            self.send(format!("box{}/{today}-{number}", number % 3), today);
        }
        let names: Vec<String> = self.source.keys().cloned().collect();
        for turn in 0..2 {
            let name = names
                [usize::try_from(self.dice.roll(u64::try_from(names.len()).expect("small"))).expect("small")]
            .clone();
            if turn == 0 {
                self.send(name, today);
            } else if self.source.remove(&name).is_some() {
                std::fs::remove_file(self.kura.source().join(&name)).expect("removed");
            }
        }
        // The portal deletes what is past its time itself, now and then later than Kura.
        let past: Vec<String> = self
            .source
            .iter()
            .filter(|(_, id)| self.is_past(self.sent[id]))
            .map(|(name, _)| name.clone())
            .collect();
        for name in past {
            if self.dice.roll(2) == 0 {
                self.source.remove(&name);
                std::fs::remove_file(self.kura.source().join(&name)).expect("removed");
            }
        }
    }

    async fn place_holds(&mut self, desk: &Desk, today: Day) {
        let now = desk.clock.now();
        let over: Vec<Day> =
            self.held.iter().filter(|(_, (_, end))| *end <= today).map(|(day, _)| *day).collect();
        for day in over {
            let (number, _) = self.held.remove(&day).expect("a hold");
            let which = (self.plan.name(), number, "終了");
            holds::release(&desk.host, &desk.catalog, which, &manager(), now).await.expect("released");
        }
        if self.dice.roll(12) != 0 {
            return;
        }
        // The oldest day that is still there.
        let oldest = self.sent.values().filter(|day| !self.is_past(**day)).min();
        let Some(day) = oldest.copied().filter(|day| !self.held.contains_key(day)) else { return };
        let new = holds::NewHold {
            plan: self.plan.name().clone(),
            days: (day, day),
            until: None,
            reason: "監査".to_owned(),
        };
        let number = holds::add(&desk.host, &desk.catalog, &new, &doctor(), now).await.expect("held");
        self.held.insert(day, (number, Day::from_number(today.number() + 20)));
    }

    /// Deletes as the service does; now and then it is killed, or a clock is wrong.
    async fn expire(&mut self, desk: &mut Desk) {
        let now = desk.clock.now();
        if self.dice.roll(15) == 0 {
            let wrong = [395, -395, 1][usize::try_from(self.dice.roll(3)).expect("small")] * 24 * 60;
            desk.clocks = vec![std::sync::Arc::new(Portal(now.plus_minutes(wrong)))];
            let ran = desk.run().await.expect("a run");
            assert!(matches!(ran.refused[..], [Refusal::Clock(_)]) && ran.certificates.is_empty(), "{ran:?}");
            desk.clocks = vec![std::sync::Arc::new(Portal(now))];
        }
        if self.dice.roll(4) == 0 {
            let waits = usize::try_from(self.dice.roll(60)).expect("small");
            self.kills += u64::from(killed_after(waits, desk.run()).await.is_none());
        }
        let ran = desk.run().await.expect("a run");
        assert!(ran.refused.is_empty(), "{ran:?}");
        self.certificates = desk.catalog.newest_certificate().await.expect("a number");
    }

    /// Every mark that is anywhere in the packs of the store, opened with the recovery key.
    async fn marks_in_the_store(&self) -> BTreeSet<u64> {
        let opened = self.kura.opened().await;
        let mut found = BTreeSet::new();
        for cohort in self.kura.cohorts() {
            let Ok(id) = cohort.parse::<CohortId>() else { continue };
            let folder = self.kura.store().join("test").join(&cohort);
            let key = std::fs::read(folder.join("key-1.json")).expect("a key");
            let at = (1, &Sha256::of(&key));
            let keys = cohort_key::open_cohort(&opened, self.plan.name(), &id, at).await.expect("it opens");
            for pack in std::fs::read_dir(folder.join("packs")).expect("packs").flatten() {
                let sealed = std::fs::read(pack.path()).expect("a pack");
                let payload = seal::open(&sealed, &keys, 1 << 30).expect("it opens");
                let mut plain = Vec::new();
                let mut decoder = zstd::stream::read::Decoder::new(&payload[..]).expect("a decoder");
                std::io::copy(&mut decoder, &mut plain).expect("it decompresses");
                find_marks(&plain, &mut found);
            }
        }
        found
    }

    async fn check(&self, name: &str) {
        let found = self.marks_in_the_store().await;
        for (id, day) in &self.sent {
            let is_kept = !self.is_past(*day) || self.held.contains_key(day);
            let is_owed = is_kept && self.seen.contains(id);
            assert_eq!(found.contains(id), is_owed, "{name}: record {id} of {day}");
        }
        // Nor is it anywhere on the host, but for reports, which are kept for 30 days of real time.
        let mut on_host = BTreeSet::new();
        for file in files(self.kura.home().path()) {
            if !file.starts_with("reports/") {
                find_marks(&std::fs::read(self.kura.home().path().join(file)).expect("a file"), &mut on_host);
            }
        }
        assert_eq!(on_host, BTreeSet::new(), "{name}: no content on the host");
        let (to, summary) = self.kura.restore_to(name, &[]).await;
        assert_eq!(summary.failed, Vec::new(), "{name}");
        let owed = self.source.iter().filter(|(_, id)| !self.is_past(self.sent[id]));
        let owed: Vec<&String> = owed.map(|(name, _)| name).collect();
        assert_eq!(files(&to).iter().collect::<Vec<_>>(), owed, "{name}");
        for file in owed {
            let same = std::fs::read(to.join(file)).expect("restored");
            assert_eq!(same, std::fs::read(self.kura.source().join(file)).expect("sent"), "{name}: {file}");
        }
        std::fs::remove_dir_all(to).expect("removed");
    }

    /// Every certificate, offline and as a chain.
    async fn check_certificates(&self, desk: &Desk) {
        let identity = std::fs::read_to_string(self.kura.recovery_key()).expect("the recovery key");
        let root = identity.lines().find_map(|line| line.strip_prefix("# kura-root: ")).expect("a root");
        let mut checked = Vec::new();
        for row in desk.catalog.certificates(u64::MAX, 10_000).await.expect("certificates") {
            let bundle = certificates::bundle(&desk.host, &row).expect("a bundle");
            let bytes = serde_json::to_vec(&bundle).expect("JSON");
            checked.push(certificates::check("bundle", &bytes, root).expect("it holds"));
        }
        assert_eq!(u64::try_from(checked.len()), Ok(self.certificates));
        assert_eq!(certificates::check_links(&mut checked), Vec::<String>::new());
    }
}

fn find_marks(bytes: &[u8], found: &mut BTreeSet<u64>) {
    for (at, _) in bytes.windows(4).enumerate().filter(|(_, four)| *four == b"mark") {
        let Some(word) = bytes.get(at + 4..at + 16) else { continue };
        if let (Ok(digits), b"kram") = (std::str::from_utf8(&word[..8]), &word[8..])
            && let Ok(id) = digits.parse()
        {
            found.insert(id);
        }
    }
}

async fn simulate(course: Course) {
    let kura = Kura::new(course.first).await;
    let plan =
        kura.plan("application", &format!("retention = {:?}", course.retention), "sent_day = \"mtime\"");
    let mut world = World {
        kura,
        plan,
        dice: Dice::of(course.seed),
        sent: BTreeMap::new(),
        seen: BTreeSet::new(),
        source: BTreeMap::new(),
        held: BTreeMap::new(),
        certificates: 0,
        kills: 0,
    };
    let first: Day = course.first.parse().expect("a day");
    for number in 0..course.days {
        let today = Day::from_number(first.number() + number);
        world.kura.set_day(&today.to_string());
        world.change_source(today, course.sent_daily);
        let summary = world.kura.snapshot(&world.plan).await.expect("a snapshot");
        assert_eq!(summary.skipped, 0, "{today}");
        world.seen.extend(world.source.values());
        // A little after the snapshot.
        world.kura.clock.set(Instant::from_micros(world.kura.clock.now().as_micros() + 60_000_000));
        let mut desk = Desk::of(&world.kura, &world.plan).await;
        if number == 0 {
            expire::stand(desk.on(), "test", &doctor()).await.expect("approved");
        }
        world.place_holds(&desk, today).await;
        world.expire(&mut desk).await;
        let is_last = number + 1 == course.days;
        if is_last || number % course.check_every == course.check_every - 1 {
            world.check(&today.to_string()).await;
            let proof = desk.prove(&world.kura).await;
            assert!(proof.is_whole(), "{today}: {:?} {:?}", proof.plans, proof.report.problems);
        }
        if is_last {
            world.check_certificates(&desk).await;
            check_audit::verify(&desk.catalog, None).await.expect("the log holds");
        }
        desk.catalog.close().await;
    }
    assert!(world.certificates > 10 && world.kills > 0, "{} {}", world.certificates, world.kills);
}

/// A month's retention, over the turn of a leap year's February.
#[tokio::test(flavor = "multi_thread")]
async fn every_day_what_is_owed_is_there_and_what_is_past_is_nowhere() {
    let course = Course {
        first: "2031-12-20",
        days: 84,
        retention: "1 month",
        sent_daily: 3,
        check_every: 12,
        seed: 1,
    };
    simulate(course).await;
}

/// The host forgets what it knew of a path when its time is over, also on days on which nothing else changes (K-94).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_after_its_time_or_before_is_forgotten_by_the_host() {
    let kura = Kura::new("2031-03-03").await;
    let plan = kura.plan("application", "retention = \"5 days\"", "sent_day = \"mtime\"");
    for name in ["late", "early", "standing"] {
        write(&kura.source().join(name), format!("{name} one"), "2031-03-03");
    }
    let hashing = kura.opened().await.secrets.hashing.clone();
    let known = |name: &str| -> bool {
        let digest = hashing.path(format!("source/{name}").as_bytes()).0;
        let state = kura.dir.path().join("home/state");
        files(&state).iter().any(|file| {
            let bytes = std::fs::read(state.join(file)).expect("a file");
            bytes.windows(digest.len()).any(|window| window == digest)
        })
    };
    let mut seen = Vec::new();
    for day in ["2031-03-03", "2031-03-05", "2031-03-11", "2031-03-12"] {
        kura.set_day(day);
        match day {
            "2031-03-05" => std::fs::remove_file(kura.source().join("early")).expect("removed"),
            "2031-03-12" => std::fs::remove_file(kura.source().join("late")).expect("removed"),
            _ => {}
        }
        kura.snapshot(&plan).await.expect("a snapshot");
        seen.push((known("early"), known("late"), known("standing")));
    }
    let expected = [(true, true, true), (true, true, true), (false, true, true), (false, false, true)];
    assert_eq!(seen, expected);
}
