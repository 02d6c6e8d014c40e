//! What is really in the store and on the host, opened with the recovery key and searched as bytes.
//!
//! Objects are never changed, so that what one holds is looked at once, when it is new, and counts as long as the object
//! is there with the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use kura::archive::digest::{Hashing, SeenDigest, Sha256};
use kura::archive::envelope::payload_type;
use kura::archive::index::Index;
use kura::archive::layout::{self, ObjectKind};
use kura::archive::seal;
use kura::domain::cohort::CohortId;
use kura::domain::plan::PlanName;
use kura::domain::time::Day;
use kura::workflows::cohort_key;
use kura::workflows::repository::{Opened, open_signed};

use super::source::{Source, content_of, seen_of};
use crate::support::simulate::files;
use crate::support::versions::VersionStore;

/// What bytes speak of: whole records, and names.
#[derive(Clone, Default, Debug)]
pub(super) struct Spoken {
    pub(super) records: BTreeSet<u32>,
    pub(super) names: BTreeSet<u32>,
}

impl Spoken {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.names.is_empty()
    }

    fn add(&mut self, other: &Self) {
        self.records.extend(&other.records);
        self.names.extend(&other.names);
    }
}

/// Finds marks.
pub(super) struct Finder(AhoCorasick);

impl Default for Finder {
    fn default() -> Self {
        Self(AhoCorasick::new(["mark", "name"]).expect("two words"))
    }
}

impl Finder {
    /// What bytes speak of; `wholly`: a record counts only with all that it says, and a mark without is an error.
    pub(super) fn find(&self, bytes: &[u8], wholly: bool) -> Spoken {
        let (mut spoken, mut after) = (Spoken::default(), 0);
        for hit in self.0.find_iter(bytes) {
            let Some(word) = bytes.get(hit.end()..hit.end() + 12) else { continue };
            let Ok(digits) = std::str::from_utf8(&word[..8]) else { continue };
            match (&word[8..], digits.parse::<u32>()) {
                (b"kram", Ok(id)) if hit.start() >= after => {
                    let content = content_of(id);
                    let is_whole = bytes[hit.start()..].starts_with(content.as_bytes());
                    assert!(is_whole || !wholly, "record {id} is stored in part");
                    after = if is_whole { hit.start() + content.len() } else { after };
                    spoken.records.insert(id);
                }
                (b"eman", Ok(name)) => {
                    spoken.names.insert(name);
                }
                _ => {}
            }
        }
        spoken
    }
}

/// What is known of a store.
#[derive(Default)]
pub(super) struct Looked {
    finder: Finder,
    /// By key, what each object of a cohort speaks of, and its digest.
    objects: BTreeMap<String, (Option<Day>, Sha256, Spoken)>,
    /// Cohorts of which something came or went.
    changed: BTreeSet<Day>,
    /// By day, what index objects may say.
    seen: BTreeMap<Day, (usize, BTreeSet<SeenDigest>)>,
    /// How many objects were opened.
    pub(super) opened: u64,
}

fn day_of_key(key: &str) -> Option<Day> {
    match key.split('/').nth(1)?.parse::<CohortId>().ok()? {
        CohortId::Sent(day) => Some(day),
        CohortId::Generation(_) => None,
    }
}

impl Looked {
    /// Opens what is new, forgets what is gone.
    pub(super) async fn look(&mut self, store: &VersionStore, opened: &Opened, source: &Source) {
        let keys = store.keys();
        let is_gone = |key: &String| keys.binary_search(key).is_err();
        let gone: Vec<String> = self.objects.keys().filter(|key| is_gone(key)).cloned().collect();
        for key in gone {
            let (day, ..) = self.objects.remove(&key).expect("it is known");
            self.changed.extend(day);
        }
        for key in keys {
            if self.objects.contains_key(&key) {
                continue;
            }
            let versions = store.versions(&key);
            let Some(bytes) = versions.first() else { continue };
            assert!(versions.iter().all(|other| other == bytes), "{key} has other versions");
            let day = day_of_key(&key);
            let spoken = self.open(&key, bytes, opened, source).await;
            self.changed.extend(day);
            self.opened += 1;
            self.objects.insert(key, (day, Sha256::of(bytes), spoken));
        }
    }

    async fn open(&mut self, key: &str, bytes: &[u8], opened: &Opened, source: &Source) -> Spoken {
        let signers = opened.trust.host_keys();
        let record = |kind| {
            let keys = [&opened.secrets.catalog, &opened.keys];
            let plain = keys.into_iter().find_map(|keys| open_signed(key, bytes, keys, kind, &signers).ok());
            plain.unwrap_or_else(|| panic!("{key} opens")).payload
        };
        let plain = match layout::parse(key) {
            Some(ObjectKind::Pack(plan, cohort, _)) => {
                let plain = pack(bytes, opened, &plan, &cohort).await;
                return self.finder.find(&plain, true);
            }
            Some(ObjectKind::Index(plan, cohort, _)) => {
                let payload = record(payload_type::INDEX);
                self.check_index(&payload, (&plan, &cohort), &opened.secrets.hashing, source);
                payload
            }
            Some(ObjectKind::Snapshot(..)) => record(payload_type::SNAPSHOT),
            Some(ObjectKind::Hold(..)) => record(payload_type::HOLD),
            Some(ObjectKind::Erasure(..)) => record(payload_type::ERASURE),
            _ => {
                // An envelope's payload is base64.
                let envelope: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
                let payload = envelope.as_ref().and_then(|envelope| envelope["payload"].as_str());
                let payload =
                    payload.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
                [bytes, &payload.unwrap_or_default()].concat()
            }
        };
        let spoken = self.finder.find(&plain, false);
        assert!(spoken.is_empty(), "{key} speaks of records or names: {spoken:?}");
        Spoken::default()
    }

    /// An index object speaks of its own cohort's records only, so that what it knows dies with them.
    fn check_index(
        &mut self,
        payload: &[u8],
        (plan, cohort): (&PlanName, &CohortId),
        hashing: &Hashing,
        source: &Source,
    ) {
        let index = Index::decode(payload, plan.as_str(), &cohort.to_string()).expect("an index");
        let day = cohort.clock_day();
        let ids = source.by_day.get(&day);
        let (known, allowed) = self.seen.entry(day).or_default();
        if *known != ids.map_or(0, BTreeSet::len) {
            *known = ids.map_or(0, BTreeSet::len);
            let records = ids.into_iter().flatten();
            *allowed = records.map(|id| seen_of(hashing, source.record(*id).name, *id)).collect();
        }
        let foreign = index.seen.iter().filter(|seen| !allowed.contains(*seen)).count();
        assert_eq!(foreign, 0, "an index of {cohort} knows of other records");
    }

    /// What is stored of each day is what is owed of it, and nothing is stored of what is past its time: no version, no
    /// marker, no unfinished upload.
    pub(super) fn check(&mut self, store: &VersionStore, source: &Source, kept: &BTreeSet<Day>, all: bool) {
        for key in store.keys() {
            assert!(day_of_key(&key).is_none_or(|day| kept.contains(&day)), "{key} is past its time");
        }
        let mut by_day: BTreeMap<Day, Spoken> = BTreeMap::new();
        for (day, _, spoken) in self.objects.values() {
            let Some(day) = day else { continue };
            if all || self.changed.contains(day) {
                by_day.entry(*day).or_default().add(spoken);
            }
        }
        for (day, owed) in source.by_day.iter().filter(|(day, _)| kept.contains(day)) {
            if all || self.changed.contains(day) {
                let spoken = by_day.remove(day).unwrap_or_default();
                assert!(spoken.records == *owed, "{day}: {} of {}", spoken.records.len(), owed.len());
                let names: BTreeSet<u32> = owed.iter().map(|id| source.record(*id).name).collect();
                let foreign: Vec<u32> = spoken.names.difference(&names).copied().collect();
                let speaks = |(key, (_, _, spoken)): (&String, &(Option<Day>, Sha256, Spoken))| {
                    let is_one = day_of_key(key) == Some(*day)
                        && foreign.iter().any(|name| spoken.names.contains(name));
                    is_one.then(|| key.clone())
                };
                let places: Vec<String> = self.objects.iter().filter_map(speaks).collect();
                assert!(foreign.is_empty(), "{day}: names {foreign:?} of other days in {places:?}");
                // Where a list of names is cut in two, one may be.
                let missing = names.len() - spoken.names.len();
                assert!(missing * 50 <= names.len(), "{day}: {missing} names are not there");
            }
        }
        let of_nobody: BTreeSet<u32> =
            by_day.values().flat_map(|spoken| spoken.names.iter().copied()).collect();
        assert_eq!(of_nobody, BTreeSet::new(), "cohorts of days on which nothing was sent");
        self.changed.clear();
    }

    /// The second store has the same objects of data, byte for byte.
    pub(super) fn check_second(&self, second: &VersionStore, is_whole: bool) {
        let (mut found, keys) = (0, second.keys());
        for key in keys.iter().filter(|key| key.starts_with("test/")) {
            let (_, digest, _) =
                self.objects.get(key).unwrap_or_else(|| panic!("{key} is in the second store only"));
            assert!(second.versions(key).iter().all(|bytes| Sha256::of(bytes) == *digest), "{key}");
            found += 1;
        }
        let owed = self.objects.keys().filter(|key| key.starts_with("test/")).count();
        assert!(!is_whole || found == owed, "{found} of {owed}");
    }
}

/// The decompressed bytes of a pack. A cohort whose key was lost in a listing has several.
async fn pack(sealed: &[u8], opened: &Opened, plan: &PlanName, cohort: &CohortId) -> Vec<u8> {
    for number in cohort_key::numbers(&*opened.vault, plan, cohort).await.expect("numbers").into_iter().rev()
    {
        let key = opened.vault.get(&layout::cohort_key(plan, cohort, number), None).await.expect("a key");
        let at = (number, &Sha256::of(&key));
        let Ok(keys) = cohort_key::open_cohort(opened, plan, cohort, at).await else { continue };
        let Ok(payload) = seal::open(sealed, &keys, 1 << 30) else { continue };
        let mut plain = Vec::new();
        let mut decoder = zstd::stream::read::Decoder::new(&payload[..]).expect("a decoder");
        std::io::copy(&mut decoder, &mut plain).expect("it decompresses");
        return plain;
    }
    panic!("no key of {cohort} opens a pack of it")
}

/// Nothing of what is past its time is on the host: no content at all, names in reports of the last month only, and no
/// digest of a name or a content that is gone.
pub(super) fn check_home(home: &Path, now_micros: i64, gone: &[Vec<u8>]) {
    let finder = Finder::default();
    let digests = AhoCorasick::new(gone).expect("some hundreds");
    let month = 31 * 24 * 3_600_000_000;
    for file in files(home) {
        let bytes = std::fs::read(home.join(&file)).expect("a file");
        let spoken = finder.find(&bytes, false);
        assert!(spoken.records.is_empty(), "{file} holds records");
        let report = file.strip_prefix("reports/").and_then(|name| name.strip_suffix(".jsonl"));
        let taken = report.and_then(|name| name.rsplit('-').next()?.parse::<i64>().ok());
        match taken {
            Some(at) => assert!(now_micros - at <= month, "{file} is older than a month"),
            None => assert!(spoken.names.is_empty(), "{file} holds names"),
        }
        let digest = digests.find(&bytes).map(|hit| hit.pattern());
        assert!(digest.is_none(), "{file} holds a digest of what is gone");
    }
}
