//! A store as a bucket with versions and locks is, in memory: it keeps every version until the end of its lock by the
//! test's clock, keeps older versions and delete markers, and is troubled when a test asks for it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use kura::clock::{Clock as _, ManualClock};
use kura::domain::time::Instant;
use kura::vault::reaper::Locking;
use kura::vault::{KeptLock, Listed, Lock, Put, Reaper, Remain, RemainKind, Vault, VaultError};

use super::dice::Dice;

/// The store.
pub(crate) struct VersionStore {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<Version>>,
    uploads: Vec<Remain>,
    ids: u64,
    trouble: Option<Dice>,
    faults: u64,
    refused: u64,
    ahead_minutes: i64,
}

struct Version {
    id: String,
    /// A delete marker has none.
    body: Option<Bytes>,
    until: Option<Instant>,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// No answer, and nothing was done.
    Unavailable,
    /// No answer, although it was done.
    LostAnswer,
    /// Done, and something is left beside it: a second version, a marker, an unfinished upload.
    Litter,
    /// Something that is there is not shown, or only half of it.
    Half,
}

impl State {
    /// One call in twelve goes wrong while there is trouble.
    fn next_trouble(&mut self) -> Option<Trouble> {
        let dice = self.trouble.as_mut()?;
        if dice.roll(12) != 0 {
            return None;
        }
        self.faults += 1;
        let kinds = [Trouble::Unavailable, Trouble::LostAnswer, Trouble::Litter, Trouble::Half];
        let dice = self.trouble.as_mut()?;
        kinds.get(usize::try_from(dice.roll(4)).ok()?).copied()
    }

    fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("v{:08}", self.ids)
    }

    fn add(&mut self, key: &str, body: Option<Bytes>, until: Option<Instant>) {
        let id = self.next_id();
        self.objects.entry(key.to_owned()).or_default().push(Version { id, body, until });
    }

    /// The oldest version: it was there first, and a marker hides it from nobody who knows of versions.
    fn read(&self, key: &str) -> Option<&Bytes> {
        self.objects.get(key)?.iter().find_map(|version| version.body.as_ref())
    }
}

impl VersionStore {
    /// An empty store.
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Until it is told otherwise, calls go wrong now and then.
    pub(crate) fn trouble(&self, dice: Option<Dice>) {
        self.state().trouble = dice;
    }

    /// How many calls went wrong, and how many deletions came before their time.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.faults, state.refused)
    }

    /// Sets the clock of the store itself wrong; its locks still end when they should.
    pub(crate) fn run_ahead(&self, minutes: i64) {
        self.state().ahead_minutes = minutes;
    }

    /// Every key of which anything is left: a version, a marker, an upload.
    pub(crate) fn keys(&self) -> Vec<String> {
        let state = self.state();
        let mut keys: Vec<String> = state.objects.keys().cloned().collect();
        keys.extend(state.uploads.iter().map(|upload| upload.key.clone()));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// All bytes of a key, version by version.
    pub(crate) fn versions(&self, key: &str) -> Vec<Bytes> {
        let state = self.state();
        let versions = state.objects.get(key).map_or(&[][..], Vec::as_slice);
        versions.iter().filter_map(|version| version.body.clone()).collect()
    }

    /// The bytes of everything that is stored.
    pub(crate) fn stored_bytes(&self, prefix: &str) -> u64 {
        let state = self.state();
        let mine = state.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let sizes = mine.flat_map(|(_, versions)| versions).filter_map(|version| version.body.as_ref());
        sizes.map(|body| u64::try_from(body.len()).expect("small")).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds it")
    }

    /// In trouble every answer takes a moment, in which a program can be killed.
    async fn pause(&self) {
        if self.state().trouble.is_some() {
            tokio::task::yield_now().await;
        }
    }
}

fn no_answer(act: &'static str, key: &str) -> VaultError {
    VaultError::Unavailable { act, place: key.to_owned(), reason: "as the test asked".to_owned() }
}

#[async_trait]
impl Vault for VersionStore {
    fn address(&self) -> String {
        "s3://simulated/kura".to_owned()
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        let until = lock.map(|lock| lock.until);
        self.pause().await;
        let put = {
            let mut state = self.state();
            let trouble = state.next_trouble();
            if trouble == Some(Trouble::Unavailable) {
                return Err(no_answer("PUT", key));
            }
            if trouble == Some(Trouble::Half) {
                let id = state.next_id();
                let size_bytes = 1;
                let upload = Remain { key: key.to_owned(), kind: RemainKind::Upload, id, size_bytes };
                state.uploads.push(upload);
                return Err(no_answer("PUT", key));
            }
            if state.read(key).is_some() {
                Ok(Put::AlreadyThere)
            } else {
                state.add(key, Some(bytes.clone()), until);
                if trouble == Some(Trouble::Litter) {
                    state.add(key, Some(bytes), until);
                    state.add(key, None, None);
                }
                if trouble == Some(Trouble::LostAnswer) {
                    Err(no_answer("PUT", key))
                } else {
                    Ok(Put::Created)
                }
            }
        };
        self.pause().await;
        put
    }

    async fn kept_lock(&self, key: &str) -> Result<Option<KeptLock>, VaultError> {
        let state = self.state();
        let versions = state.objects.get(key).ok_or_else(|| VaultError::Missing { key: key.to_owned() })?;
        let read = versions.iter().find(|version| version.body.is_some());
        Ok(read.and_then(|version| version.until).map(|until| KeptLock { until, mode: None }))
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        self.pause().await;
        let mut state = self.state();
        let missing = || VaultError::Missing { key: key.to_owned() };
        let trouble = state.next_trouble();
        let body = state.read(key).ok_or_else(missing)?.clone();
        match trouble {
            Some(Trouble::Unavailable | Trouble::LostAnswer) => return Err(no_answer("GET", key)),
            // A torn read: half of the bytes, and nobody says so.
            Some(Trouble::Half)
                if range.is_none() && (key.contains("/packs/") || key.contains("/index/")) =>
            {
                return Ok(body.slice(..body.len() / 2));
            }
            Some(_) | None => {}
        }
        let Some(range) = range else { return Ok(body) };
        let bound = |at: u64| usize::try_from(at).map_err(|_| missing());
        let (start, end) = (bound(range.start)?, bound(range.end)?);
        if start > end || end > body.len() { Err(missing()) } else { Ok(body.slice(start..end)) }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        Ok(self.state().read(key).map(|body| u64::try_from(body.len()).expect("small")))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        self.pause().await;
        let mut state = self.state();
        let trouble = state.next_trouble();
        if trouble == Some(Trouble::Unavailable) {
            return Err(no_answer("LIST", prefix));
        }
        let found = state.objects.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        let found = found.filter_map(|(key, versions)| {
            let body = versions.iter().find_map(|version| version.body.as_ref())?;
            Some(Listed { key: key.clone(), size_bytes: u64::try_from(body.len()).expect("small") })
        });
        let mut found: Vec<Listed> = found.collect();
        if trouble == Some(Trouble::Half) {
            // Some packs and indexes are not listed.
            let mut number = 0;
            found.retain(|listed| {
                number += 1;
                number % 7 != 3 || !(listed.key.contains("/packs/") || listed.key.contains("/index/"))
            });
        }
        Ok(found)
    }

    async fn flush(&self) -> Result<(), VaultError> {
        self.pause().await;
        Ok(())
    }

    fn can_lock(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(Some(self.clock.now().plus_minutes(self.state().ahead_minutes)))
    }
}

#[async_trait]
impl Reaper for VersionStore {
    fn address(&self) -> String {
        Vault::address(self)
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        self.pause().await;
        let mut state = self.state();
        if state.next_trouble() == Some(Trouble::Unavailable) {
            return Err(no_answer("LIST", prefix));
        }
        let mut found: Vec<Remain> =
            state.uploads.iter().filter(|upload| upload.key.starts_with(prefix)).cloned().collect();
        let objects = state.objects.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        for (key, versions) in objects {
            found.extend(versions.iter().map(|version| Remain {
                key: key.clone(),
                kind: if version.body.is_some() { RemainKind::Version } else { RemainKind::DeleteMarker },
                id: version.id.clone(),
                size_bytes: version.body.as_ref().map_or(0, |body| u64::try_from(body.len()).expect("small")),
            }));
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError> {
        let state = self.state();
        let versions = state.objects.get(&remain.key).map_or(&[][..], Vec::as_slice);
        Ok(versions.iter().find(|version| version.id == remain.id).and_then(|version| version.until))
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        self.pause().await;
        let until = self.locked_until(remain).await?;
        let done = {
            let mut state = self.state();
            let trouble = state.next_trouble();
            if trouble == Some(Trouble::Unavailable) {
                return Err(no_answer("DELETE", &remain.key));
            }
            if trouble == Some(Trouble::Half) {
                let (place, reason) = (remain.key.clone(), "as the test asked".to_owned());
                return Err(VaultError::Denied { place, reason });
            }
            if let Some(until) = until.filter(|until| self.clock.now() < *until) {
                state.refused += 1;
                return Err(VaultError::Locked { key: remain.key.clone(), until });
            }
            state.uploads.retain(|upload| upload != remain);
            if let Some(versions) = state.objects.get_mut(&remain.key) {
                versions.retain(|version| version.id != remain.id);
                if versions.is_empty() {
                    state.objects.remove(&remain.key);
                }
            }
            if trouble == Some(Trouble::LostAnswer) { Err(no_answer("DELETE", &remain.key)) } else { Ok(()) }
        };
        self.pause().await;
        done
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn locking(&self) -> Locking {
        Locking::Enforced
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Vault::outside_time(self).await
    }
}
