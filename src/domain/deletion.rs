//! An order of deletion: exactly what may be deleted, as a text whose digest people approve.
//!
//! The text is read back by the run that deletes, so that an approval covers what was shown and nothing else: neither what
//! falls due later nor what was added since.

use crate::domain::cohort::CohortId;
use crate::domain::plan_name::PlanName;
use crate::domain::retention::Kept;
use crate::domain::time::{Day, Instant};

/// What is deleted as a whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// A cohort: all of its objects.
    Cohort(CohortId),
    /// A snapshot object.
    Snapshot {
        /// Its number.
        sequence: u64,
        /// SHA-256 of the object, hexadecimal.
        digest: String,
    },
}

/// One line of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The plan.
    pub plan: PlanName,
    /// What.
    pub what: What,
    /// How long it was kept, in both readings.
    pub kept: Kept,
    /// From when on it may be deleted.
    pub delete_from: Instant,
    /// Objects: every version, delete marker and unfinished upload.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 over all of them.
    pub digest: [u8; 32],
}

impl Item {
    /// What the names of its objects begin with; of a snapshot, the whole name.
    pub fn place(&self) -> String {
        match &self.what {
            What::Cohort(cohort) => format!("{}/{cohort}/", self.plan),
            What::Snapshot { sequence, digest } => {
                format!("{}/snapshots/{sequence:010}-{digest}", self.plan)
            }
        }
    }

    /// The name that people read.
    pub fn name(&self) -> String {
        match &self.what {
            What::Cohort(cohort) => cohort.to_string(),
            What::Snapshot { sequence, .. } => format!("snapshot {sequence}"),
        }
    }

    /// Whether it is the cohort of a plan that has this name.
    pub fn is_cohort(&self, plan: &str, name: &str) -> bool {
        self.plan.as_str() == plan && self.cohort().is_some_and(|cohort| cohort.to_string() == name)
    }

    /// The cohort, if it is one.
    pub const fn cohort(&self) -> Option<&CohortId> {
        match &self.what {
            What::Cohort(cohort) => Some(cohort),
            What::Snapshot { .. } => None,
        }
    }
}

/// What may be deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The repository's id.
    pub repository: String,
    /// What.
    pub items: Vec<Item>,
}

impl Order {
    /// The text: what an approval covers.
    pub fn text(&self) -> String {
        let mut text = format!("kura deletion 1\nrepository {}\n", self.repository);
        for item in &self.items {
            let what = match &item.what {
                What::Cohort(cohort) => cohort.to_string(),
                What::Snapshot { sequence, digest } => format!("{sequence}-{digest}"),
            };
            text.push_str(&format!(
                "{} {what} {} {} {} {} {} {} {}\n",
                item.plan,
                item.kept.promised_last_day,
                item.kept.last_day_b,
                item.kept.delete_from,
                item.delete_from.as_micros(),
                item.objects,
                item.bytes,
                hex::encode(item.digest),
            ));
        }
        text
    }

    /// Reads exactly what [`Order::text`] writes; `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some("kura deletion 1") {
            return None;
        }
        let repository = lines.next()?.strip_prefix("repository ")?.to_owned();
        let items = lines.map(read_item).collect::<Option<Vec<_>>>()?;
        let order = Self { repository, items };
        (order.text() == text).then_some(order)
    }
}

fn read_item(line: &str) -> Option<Item> {
    let words: Vec<&str> = line.split(' ').collect();
    let [plan, what, promised, reading_b, from, instant, objects, bytes, digest] = words.as_slice() else {
        return None;
    };
    let what = match what.parse::<CohortId>() {
        Ok(cohort) => What::Cohort(cohort),
        Err(_) => {
            let (sequence, digest) = what.split_once('-')?;
            What::Snapshot { sequence: sequence.parse().ok()?, digest: digest.to_owned() }
        }
    };
    let day = |text: &str| text.parse::<Day>().ok();
    Some(Item {
        plan: plan.parse().ok()?,
        what,
        kept: Kept {
            promised_last_day: day(promised)?,
            last_day_b: day(reading_b)?,
            delete_from: day(from)?,
        },
        delete_from: Instant::from_micros(instant.parse().ok()?),
        objects: objects.parse().ok()?,
        bytes: bytes.parse().ok()?,
        digest: unhex(digest)?,
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    hex::decode_to_slice(text, &mut out).ok().map(|()| out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::retention::{Retention, kept};

    fn order() -> Order {
        let day: Day = "2026-11-22".parse().unwrap();
        let item = |what| Item {
            plan: "records".parse().unwrap(),
            what,
            kept: kept(Retention::Years(1), day),
            delete_from: Instant::from_micros(1_826_895_600_000_000),
            objects: 3,
            bytes: 4096,
            digest: [0xab; 32],
        };
        let snapshot = What::Snapshot { sequence: 12, digest: "0f".repeat(32) };
        let items = vec![item(What::Cohort(CohortId::Sent(day))), item(snapshot)];
        Order { repository: "00ff".to_owned(), items }
    }

    #[test]
    fn an_order_is_read_back_as_it_was_written() {
        let text = order().text();
        assert_eq!(Order::read(&text), Some(order()));
        assert_eq!(order().items[1].place(), format!("records/snapshots/0000000012-{}", "0f".repeat(32)));
    }

    #[test]
    fn what_is_no_order_is_not_read_as_one() {
        let text = order().text();
        for (from, to) in [
            ("kura deletion 1", "kura deletion 2"),
            ("records", "Records"),
            (" 3 ", " 03 "),
            ("abab", "ABAB"),
        ] {
            assert_eq!(Order::read(&text.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(Order::read(""), None);
        assert_eq!(Order::read(&format!("{text}more\n")), None);
    }
}
