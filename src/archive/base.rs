//! A snapshot may build on another one, its base, and list only the cohorts that are not as they are there.
//!
//! A base builds on nothing itself, so that a reader needs one object more at most. Its cohorts die before those that came
//! later: once its time is over it may be gone, and what builds on it then has the cohorts that it lists itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::Sha256;
use super::records::{Snapshot, SnapshotCohort};
use crate::domain::cohort::CohortId;
use crate::domain::time::Instant;

/// Which snapshot another one builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Its place in the plan's chain.
    pub sequence: u64,
    /// SHA-256 of the object.
    pub digest: Sha256,
    /// From when on none of its cohorts is owed any more, RFC 3339: it may be gone then.
    pub delete_from: String,
}

impl Base {
    /// How others refer to a whole snapshot; `None` if nothing can be built on it.
    pub fn of(snapshot: &Snapshot, digest: Sha256) -> Option<Self> {
        let newest = snapshot.cohorts.iter().max_by_key(|cohort| instant(&cohort.delete_from))?;
        let delete_from = newest.delete_from.clone();
        let is_whole = snapshot.base.is_none() && instant(&delete_from).is_some();
        is_whole.then_some(Self { sequence: snapshot.sequence, digest, delete_from })
    }

    /// Whether its time is over: then it may be gone.
    pub fn is_over(&self, now: Instant) -> bool {
        instant(&self.delete_from).is_some_and(|end| end <= now)
    }
}

fn instant(text: &str) -> Option<Instant> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Instant::from_micros(at.as_microsecond()))
}

impl Snapshot {
    /// This whole snapshot as it is written beside a base: with what is not as it is there.
    #[must_use]
    pub fn beside(&self, base: &Self, named: Base) -> Self {
        let before: BTreeMap<&str, &SnapshotCohort> =
            base.cohorts.iter().map(|cohort| (cohort.cohort.as_str(), cohort)).collect();
        let is_other = |cohort: &&SnapshotCohort| before.get(cohort.cohort.as_str()) != Some(cohort);
        let alive: BTreeSet<&str> = self.cohorts.iter().map(|cohort| cohort.cohort.as_str()).collect();
        let gone = base.cohorts.iter().map(|cohort| &cohort.cohort);
        Self {
            base: Some(named),
            gone: gone.filter(|name| !alive.contains(name.as_str())).cloned().collect(),
            cohorts: self.cohorts.iter().filter(is_other).cloned().collect(),
            ..self.clone()
        }
    }

    /// This snapshot with the cohorts that it takes from its base; what is wrong if they do not fit together.
    pub fn on(self, base: &Self) -> Result<Self, &'static str> {
        if base.base.is_some() || base.sequence >= self.sequence {
            return Err("its base is no whole snapshot before it");
        }
        let mut cohorts: BTreeMap<&str, &SnapshotCohort> =
            base.cohorts.iter().map(|cohort| (cohort.cohort.as_str(), cohort)).collect();
        for name in &self.gone {
            cohorts.remove(name.as_str()).ok_or("a cohort that it says is gone is not in its base")?;
        }
        for cohort in &self.cohorts {
            if self.gone.contains(&cohort.cohort) {
                return Err("a cohort in it is said to be gone");
            }
            cohorts.insert(&cohort.cohort, cohort);
        }
        let mut ascending = Vec::new();
        for cohort in cohorts.into_values() {
            let id: CohortId = cohort.cohort.parse().map_err(|_| "a cohort in it has no valid name")?;
            ascending.push((id.clock_day(), cohort.clone()));
        }
        ascending.sort_by_key(|(day, _)| *day);
        let cohorts: Vec<SnapshotCohort> = ascending.into_iter().map(|(_, cohort)| cohort).collect();
        let sum = |of: fn(&SnapshotCohort) -> u64| cohorts.iter().map(of).fold(0, u64::saturating_add);
        if (sum(|cohort| cohort.files), sum(|cohort| cohort.bytes)) != (self.files, self.bytes) {
            return Err("its cohorts and those of its base do not hold what it says");
        }
        Ok(Self { cohorts, gone: Vec::new(), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::records::Completeness;
    use proptest::prelude::*;

    fn cohort(day: i32, version: u64) -> SnapshotCohort {
        let id = CohortId::Sent(crate::domain::time::Day::from_number(day));
        SnapshotCohort {
            cohort: id.to_string(),
            key: Sha256::of(b"key"),
            key_number: 1,
            parts: Vec::new(),
            indexes: vec![Sha256::of(&version.to_be_bytes())],
            files: version,
            bytes: version,
            delete_from: Instant::from_micros(i64::from(day) * 86_400_000_000).to_string(),
        }
    }

    fn snapshot(sequence: u64, cohorts: &BTreeMap<i32, u64>) -> Snapshot {
        let cohorts: Vec<_> = cohorts.iter().map(|(day, version)| cohort(*day, *version)).collect();
        Snapshot {
            format: 1,
            repository: "00".repeat(16),
            plan: "records".to_owned(),
            class: "application".to_owned(),
            sequence,
            parent: None,
            taken_at: "2031-03-03T03:00:00Z".to_owned(),
            day: "2031-03-03".to_owned(),
            event: "daily".to_owned(),
            completeness: Completeness::Complete,
            sources: 1,
            base: None,
            gone: Vec::new(),
            files: cohorts.iter().map(|cohort| cohort.files).sum(),
            bytes: cohorts.iter().map(|cohort| cohort.bytes).sum(),
            cohorts,
            directories: None,
            report: None,
            skipped: 0,
            erasures: None,
        }
    }

    fn some() -> impl Strategy<Value = BTreeMap<i32, u64>> {
        proptest::collection::btree_map(20_000..20_040_i32, 0..3_u64, 1..30)
    }

    proptest! {
        /// Whatever changed since the base: what is written beside it and read on it is what was there.
        #[test]
        fn what_is_written_beside_a_base_is_read_whole(before in some(), after in some()) {
            let (base, whole) = (snapshot(3, &before), snapshot(5, &after));
            let named = Base::of(&base, Sha256::of(b"base")).unwrap();
            let written = whole.beside(&base, named.clone());
            let listed = after.iter().filter(|(day, version)| before.get(day) != Some(version));
            prop_assert_eq!(written.cohorts.len(), listed.count());
            let text = serde_json::to_vec(&written).unwrap();
            let read: Snapshot = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(&read, &written);
            prop_assert_eq!(read.on(&base).unwrap(), Snapshot { base: Some(named), ..whole });
        }

        /// As soon as the base may be gone, all that its dependents do not list themselves is past its time too.
        #[test]
        fn what_a_base_takes_along_is_past_its_time(before in some(), after in some()) {
            let (base, whole) = (snapshot(3, &before), snapshot(5, &after));
            let named = Base::of(&base, Sha256::of(b"base")).unwrap();
            let written = whole.beside(&base, named.clone());
            for cohort in whole.cohorts.iter().filter(|cohort| !written.cohorts.contains(cohort)) {
                let end = instant(&cohort.delete_from).unwrap();
                prop_assert!(named.is_over(end) || instant(&named.delete_from) > Some(end));
                prop_assert!(end <= instant(&named.delete_from).unwrap());
            }
        }
    }

    #[test]
    fn a_whole_snapshot_says_nothing_of_a_base_and_one_that_does_not_fit_is_refused() {
        let base = snapshot(3, &BTreeMap::from([(20_000, 1), (20_001, 1)]));
        assert!(!serde_json::to_string(&base).unwrap().contains("base"));
        let whole = snapshot(5, &BTreeMap::from([(20_001, 1), (20_002, 1)]));
        let named = Base::of(&base, Sha256::of(b"base")).unwrap();
        let written = whole.beside(&base, named.clone());
        assert_eq!(written.gone, [base.cohorts[0].cohort.clone()]);
        let refused = |own: Snapshot, base: &Snapshot| own.on(base).is_err();
        assert!(!refused(written.clone(), &base));
        assert!(refused(written.clone(), &Snapshot { sequence: 5, ..base.clone() }), "not before it");
        assert!(refused(written.clone(), &Snapshot { base: Some(named), ..base.clone() }), "not whole");
        assert!(refused(Snapshot { gone: Vec::new(), ..written.clone() }, &base), "another count");
        let gone = vec![whole.cohorts[1].cohort.clone()];
        assert!(refused(Snapshot { gone, ..written.clone() }, &base), "gone and there");
        let mut other = base.clone();
        other.cohorts.pop();
        assert!(refused(written, &other), "another base");
        let empty = snapshot(1, &BTreeMap::new());
        assert_eq!(Base::of(&empty, Sha256::of(b"base")), None);
    }
}
