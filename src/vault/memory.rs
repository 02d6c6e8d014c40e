//! A vault in memory for tests, with faults on request. It keeps the promises of the traits; with a clock it also enforces
//! locks against its own reaper.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::reaper::{Locking, Reaper, Remain, RemainKind};
use super::{KeptLock, Listed, Lock, Put, Vault, VaultError, key};
use crate::clock::Clock;
use crate::domain::time::Instant;

/// How a call to a `MemoryVault` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store does not answer; nothing is done.
    Unavailable,
    /// The act is done, but its answer is lost.
    LostAnswer,
    /// The store is full; nothing is done.
    Full,
    /// The store refuses; nothing is done.
    Denied,
}

/// A vault in memory.
#[derive(Default)]
pub struct MemoryVault {
    state: Mutex<State>,
    /// Says whether a lock has ended, and what a clock outside the machine shows.
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    puts: Counter,
    gets: Counter,
    deletes: Counter,
    flushes: u64,
    /// Delete markers, hidden versions and unfinished uploads that a test put there.
    hidden: Vec<Remain>,
}

#[derive(Debug)]
struct Object {
    bytes: Bytes,
    lock: Option<Lock>,
}

/// Counts calls and knows which of them fail.
#[derive(Debug, Default)]
struct Counter {
    calls: u64,
    faults: BTreeMap<u64, Fault>,
}

impl Counter {
    fn next(&mut self) -> Option<Fault> {
        self.calls += 1;
        self.faults.remove(&self.calls)
    }
}

impl MemoryVault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty vault that enforces locks by a clock, which also counts as one outside the machine.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..Self::default() }
    }

    /// Makes the `nth` delete from now on fail (1 is the next).
    pub fn fail_delete(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        let call = state.deletes.calls + nth;
        state.deletes.faults.insert(call, fault);
    }

    /// Leaves a delete marker, a hidden version or an unfinished upload.
    pub fn hide(&self, remain: Remain) {
        self.state().hidden.push(remain);
    }

    /// How often `delete` was called.
    pub fn deletes(&self) -> u64 {
        self.state().deletes.calls
    }

    /// Makes the `nth` put from now on fail (1 is the next).
    pub fn fail_put(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        let call = state.puts.calls + nth;
        state.puts.faults.insert(call, fault);
    }

    /// Makes the `nth` get from now on fail (1 is the next).
    pub fn fail_get(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        let call = state.gets.calls + nth;
        state.gets.faults.insert(call, fault);
    }

    /// Changes the bytes of an object behind Kura's back; false if there is none.
    pub fn tamper(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.state();
        let Some(object) = state.objects.get_mut(key) else { return false };
        let mut bytes = object.bytes.to_vec();
        change(&mut bytes);
        object.bytes = bytes.into();
        true
    }

    /// Removes an object behind Kura's back; false if there is none.
    pub fn remove(&self, key: &str) -> bool {
        self.state().objects.remove(key).is_some()
    }

    /// Until when an object was asked to be locked.
    pub fn lock_of(&self, key: &str) -> Option<Instant> {
        self.state().objects.get(key).and_then(|object| object.lock).map(|lock| lock.until)
    }

    /// Every key, ascending.
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// How often `put` was called.
    pub fn puts(&self) -> u64 {
        self.state().puts.calls
    }

    /// How often `get` was called.
    pub fn gets(&self) -> u64 {
        self.state().gets.calls
    }

    /// How often `flush` was called.
    pub fn flushes(&self) -> u64 {
        self.state().flushes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Vault for MemoryVault {
    fn address(&self) -> String {
        "memory:".to_owned()
    }

    async fn put(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<Put, VaultError> {
        key::check(key)?;
        let mut state = self.state();
        let fault = state.puts.next();
        if let Some(fault) = fault.filter(|fault| *fault != Fault::LostAnswer) {
            return Err(error_of(fault, "PUT", key));
        }
        let put = if state.objects.contains_key(key) {
            Put::AlreadyThere
        } else {
            state.objects.insert(key.to_owned(), Object { bytes, lock });
            Put::Created
        };
        fault.map_or(Ok(put), |fault| Err(error_of(fault, "PUT", key)))
    }

    async fn mend(&self, key: &str, bytes: Bytes, lock: Option<Lock>) -> Result<(), VaultError> {
        key::check(key)?;
        let mut state = self.state();
        if let Some(fault) = state.puts.next() {
            return Err(error_of(fault, "PUT", key));
        }
        state.objects.insert(key.to_owned(), Object { bytes, lock });
        Ok(())
    }

    async fn kept_lock(&self, key: &str) -> Result<Option<KeptLock>, VaultError> {
        key::check(key)?;
        let lock = self.state().objects.get(key).and_then(|object| object.lock);
        Ok(lock.map(|lock| KeptLock { until: lock.until, mode: Some(lock.mode) }))
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, VaultError> {
        key::check(key)?;
        let mut state = self.state();
        if let Some(fault) = state.gets.next() {
            return Err(error_of(fault, "GET", key));
        }
        let missing = || VaultError::Missing { key: key.to_owned() };
        let object = state.objects.get(key).ok_or_else(missing)?;
        let Some(range) = range else { return Ok(object.bytes.clone()) };
        let start = usize::try_from(range.start).map_err(|_| missing())?;
        let end = usize::try_from(range.end).map_err(|_| missing())?;
        if start > end || end > object.bytes.len() {
            return Err(missing());
        }
        Ok(object.bytes.slice(start..end))
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, VaultError> {
        key::check(key)?;
        Ok(self.state().objects.get(key).map(Object::size_bytes))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, VaultError> {
        key::split_prefix(prefix)?;
        let state = self.state();
        let from_prefix = state.objects.range(prefix.to_owned()..);
        let listed = from_prefix.take_while(|(key, _)| key.starts_with(prefix));
        Ok(listed.map(|(key, object)| Listed { key: key.clone(), size_bytes: object.size_bytes() }).collect())
    }

    async fn flush(&self) -> Result<(), VaultError> {
        self.state().flushes += 1;
        Ok(())
    }

    fn can_lock(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        false
    }
}

#[async_trait]
impl Reaper for MemoryVault {
    fn address(&self) -> String {
        Vault::address(self)
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        let listed = self.list(prefix).await?.into_iter().map(|listed| Remain {
            key: listed.key,
            kind: RemainKind::Version,
            id: String::new(),
            size_bytes: listed.size_bytes,
        });
        let state = self.state();
        let hidden = state.hidden.iter().filter(|hidden| hidden.key.starts_with(prefix)).cloned();
        let mut found: Vec<Remain> = listed.chain(hidden).collect();
        found.sort_unstable();
        Ok(found)
    }

    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError> {
        Ok(self.lock_of(&remain.key).filter(|_| remain.kind == RemainKind::Version))
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        let until = self.locked_until(remain).await?;
        let mut state = self.state();
        let fault = state.deletes.next();
        if let Some(fault) = fault.filter(|fault| *fault != Fault::LostAnswer) {
            return Err(error_of(fault, "DELETE", &remain.key));
        }
        if let (Some(until), Some(clock)) = (until, &self.clock)
            && clock.now() < until
        {
            return Err(VaultError::Locked { key: remain.key.clone(), until });
        }
        let before = state.hidden.len();
        state.hidden.retain(|hidden| hidden != remain);
        if state.hidden.len() == before && remain.kind == RemainKind::Version {
            state.objects.remove(&remain.key);
        }
        fault.map_or(Ok(()), |fault| Err(error_of(fault, "DELETE", &remain.key)))
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn locking(&self) -> Locking {
        if self.clock.is_some() { Locking::Enforced } else { Locking::Noted }
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(self.clock.as_ref().map(|clock| clock.now()))
    }
}

impl Object {
    fn size_bytes(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}

fn error_of(fault: Fault, act: &'static str, key: &str) -> VaultError {
    let (place, reason) = (key.to_owned(), "as the test asked".to_owned());
    match fault {
        Fault::Unavailable | Fault::LostAnswer => VaultError::Unavailable { act, place, reason },
        Fault::Full => VaultError::Full { place },
        Fault::Denied => VaultError::Denied { place, reason },
    }
}
