//! What is sent, edited and removed, and what is owed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kura::archive::digest::{Hashing, PathDigest, SeenDigest};
use kura::domain::time::{Day, Instant, Zone};

use crate::support::dice::Dice;
use crate::support::kura::touch;

/// How much happens in a day.
#[derive(Clone, Copy)]
pub(super) struct Churn {
    /// Records that are sent.
    pub(super) sent: usize,
    /// Records that are edited: what they say from then on is a new record.
    pub(super) edited: usize,
    /// Records that may stand at the source at once; beyond, as many are removed.
    pub(super) standing: usize,
}

/// A content that was sent once, at a name.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) name: u32,
    pub(super) day: Day,
}

/// Everything that was ever sent, and what stands at the source.
pub(super) struct Source {
    /// By number of the record.
    pub(super) records: Vec<Record>,
    /// What stands at the source: the record at each name, roughly in the order of sending.
    pub(super) standing: Vec<(u32, u32)>,
    /// The numbers of records by day; all of them stood there when a snapshot was taken.
    pub(super) by_day: BTreeMap<Day, BTreeSet<u32>>,
    /// By day of a snapshot, what stood there.
    pub(super) taken: BTreeMap<Day, Vec<(u32, u32)>>,
    /// How many names there are.
    names: u32,
}

/// The file of a name. The name has marks, as contents have, after what tells it from its neighbours: a list of names may
/// leave out what a name has in common with the one before it.
pub(super) fn file_of(name: u32) -> String {
    format!("box{}/{name:08}name{name:08}eman", name % 7)
}

/// What a record says: text that does not compress to nothing, between marks.
pub(super) fn content_of(id: u32) -> String {
    let body = blake3::hash(&id.to_le_bytes()).to_hex();
    format!("mark{id:08}kram {body}{body} mark{id:08}kram\n")
}

/// The digest that an index object keeps of a record.
pub(super) fn seen_of(hashing: &Hashing, name: u32, id: u32) -> SeenDigest {
    hashing.seen(path_of(hashing, name), blake3::hash(content_of(id).as_bytes()).as_bytes())
}

/// The digest that caches keep of a name.
pub(super) fn path_of(hashing: &Hashing, name: u32) -> PathDigest {
    hashing.path(format!("source/{}", file_of(name)).as_bytes())
}

impl Source {
    pub(super) fn new(root: &Path) -> Self {
        for number in 0..7 {
            std::fs::create_dir(root.join(format!("box{number}"))).expect("a folder");
        }
        Self {
            records: Vec::new(),
            standing: Vec::new(),
            by_day: BTreeMap::new(),
            taken: BTreeMap::new(),
            names: 0,
        }
    }

    fn write(&mut self, root: &Path, name: u32, today: Day) -> u32 {
        let id = u32::try_from(self.records.len()).expect("small");
        let path = root.join(file_of(name));
        std::fs::write(&path, content_of(id)).expect("written");
        touch(&path, &today.to_string());
        self.records.push(Record { name, day: today });
        self.by_day.entry(today).or_default().insert(id);
        id
    }

    /// A day at the source.
    pub(super) fn change(
        &mut self,
        root: &Path,
        (today, now): (Day, Instant),
        churn: Churn,
        dice: &mut Dice,
    ) {
        let plan_of_portal = dice.roll(2);
        // Edits and removals come in neighbourhoods: records of some days.
        for _ in 0..3 {
            let first = if self.standing.is_empty() { break } else { dice.place(self.standing.len()) };
            for at in (first..self.standing.len()).take(churn.edited / 3) {
                let (name, id) = self.standing[at];
                // What is edited twice in a day was never seen in between.
                if self.record(id).day < today {
                    self.standing[at].1 = self.write(root, name, today);
                }
            }
        }
        for _ in 0..churn.sent {
            let name = self.names;
            self.names += 1;
            let id = self.write(root, name, today);
            self.standing.push((name, id));
        }
        let surplus = self.standing.len().saturating_sub(churn.standing);
        for _ in 0..3 {
            let first = dice.place(self.standing.len());
            let last = self.standing.len().min(first + surplus.div_ceil(3));
            // One in fifty is never removed before its time, and nothing before it was seen.
            let records = &self.records;
            let may_go = |(name, id): &(u32, u32)| {
                name % 50 != 0 && records[usize::try_from(*id).expect("small")].day < today
            };
            let (gone, kept): (Vec<_>, Vec<_>) = self.standing.drain(first..last).partition(may_go);
            for (name, _) in &gone {
                std::fs::remove_file(root.join(file_of(*name))).expect("removed");
            }
            self.standing.splice(first..first, kept);
        }
        // The application deletes what is past its time itself, now and then later than Kura.
        if plan_of_portal == 0 {
            let records = &self.records;
            self.standing.retain(|(name, id)| {
                let is_past = is_past_day(records[usize::try_from(*id).expect("small")].day, now);
                if is_past {
                    std::fs::remove_file(root.join(file_of(*name))).expect("removed");
                }
                !is_past
            });
        }
    }

    pub(super) fn record(&self, id: u32) -> Record {
        self.records[usize::try_from(id).expect("small")]
    }
}

/// From which day what was sent on a day may be deleted, worked out beside the product's rule: by both readings the year
/// is over a year after the day that follows the sent day, on 1 March where there is no such day.
pub(super) fn end_of(sent: Day) -> Day {
    let begin = sent.next().to_string();
    let (year, rest) = begin.split_once('-').expect("a year");
    let year = year.parse::<i16>().expect("a number") + 1;
    format!("{year:04}-{rest}").parse().unwrap_or_else(|_| format!("{year:04}-03-01").parse().expect("a day"))
}

/// Whether the time of what was sent on a day is over.
pub(super) fn is_past_day(sent: Day, now: Instant) -> bool {
    Zone::tokyo().start_of(end_of(sent)) <= now
}
