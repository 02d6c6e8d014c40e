//! What restore workers count together, and what they name.

use std::sync::{Mutex, PoisonError};

use crate::archive::place::{PlaceError, Shortcoming};
use crate::archive::report::shown;

use super::Summary;

/// At most so many failures are named.
const NAMED_MAX: usize = 1000;

/// Something that could not be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its path, as people see it.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What workers count. Shared.
#[derive(Default)]
pub(super) struct Counts {
    inner: Mutex<Summary>,
}

impl Counts {
    /// Changes the counts.
    pub(super) fn add(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes that an entry could not be restored.
    pub(super) fn fail(&self, path: &[u8], reason: String) {
        self.add(|summary| {
            summary.failed_count += 1;
            if summary.failed.len() < NAMED_MAX {
                summary.failed.push(Named { path: shown(path), reason });
            }
        });
    }

    /// Notes that a whole cohort cannot be read.
    pub(super) fn lose(&self, cohort: &str, files: u64, reason: String) {
        self.lost(format!("everything of {cohort}"), files, reason);
    }

    /// Notes entries that an erasure order covers.
    pub(super) fn erase(&self, entries: u64) {
        self.add(|summary| summary.erased += entries);
    }

    /// Notes that some entries between two paths cannot be read.
    pub(super) fn lose_stretch(&self, (first, last): (&[u8], &[u8]), entries: u64, reason: String) {
        self.lost(format!("{} … {}", shown(first), shown(last)), entries, reason);
    }

    fn lost(&self, path: String, entries: u64, reason: String) {
        self.add(|summary| {
            summary.failed_count += entries.max(1);
            if summary.failed.len() < NAMED_MAX {
                summary.failed.push(Named { path, reason });
            }
        });
    }

    /// Notes the outcome of placing an entry.
    pub(super) fn placed(&self, path: &[u8], bytes: u64, outcome: Result<Vec<Shortcoming>, PlaceError>) {
        match outcome {
            Ok(lacks) => self.add(|summary| {
                summary.files += 1;
                summary.bytes += bytes;
                for lack in lacks {
                    *summary.shortcomings.entry(lack.kind()).or_default() += 1;
                }
            }),
            Err(e) => self.fail(path, e.reason()),
        }
    }

    /// The sums, once all workers have ended.
    pub(super) fn take(&self) -> Summary {
        std::mem::take(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
