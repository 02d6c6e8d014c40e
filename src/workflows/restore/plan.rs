//! From entries to jobs: one producer, in order of cohort and path; workers do the jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;

use crate::archive::digest::PathDigest;
use crate::archive::entry::{Content, Kind, Meta};
use crate::archive::place::{PlaceError, Shortcoming, Target};
use crate::archive::progress::Progress;
use crate::archive::report::shown;
use crate::workflows::cohort_entries::{CohortEntries, Located};
use crate::workflows::reading::CohortReader;
use crate::workflows::repository::Opened;
use crate::workflows::selection::Selection;

use super::directories::Directories;
use super::files::{self, FileWorker, LargeRestore};
use super::links::Links;
use super::{OpenSnapshot, Request, RestoreError, Summary};

/// A job holds about so many bytes of files.
const JOB_BYTES: u64 = 4 << 20;
/// A job holds at most so many files.
const JOB_FILES: usize = 512;
/// Files longer than this are restored by several workers.
const LARGE_BYTES: u64 = 16 << 20;
/// At most so many failures are named.
const NAMED_MAX: usize = 1000;
/// Workers: some wait for the store while others write.
const WORKERS_MIN: usize = 2;

/// Something that could not be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its path, as people see it.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// One entry to restore.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its path in the target.
    pub(super) path: Vec<u8>,
    /// What it is and where its bytes are.
    pub(super) located: Located,
}

/// A job for a worker.
pub(super) enum Job<'a> {
    /// Entries without or with few bytes.
    Items(&'a CohortReader, Vec<Item>),
    /// A part of a large file.
    Part(&'a CohortReader, Arc<LargeRestore>, usize),
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

    fn take(&self) -> Summary {
        std::mem::take(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Restores everything that is asked for.
pub(super) fn run(
    opened: &Opened,
    open: &OpenSnapshot,
    request: &Request,
    target: Option<&Target>,
    (current, progress): (&BTreeMap<PathDigest, Meta>, &Progress),
) -> Result<Summary, RestoreError> {
    let counts = Counts::default();
    let spill = std::env::temp_dir();
    let mut producer = Producer {
        opened,
        open,
        request,
        target,
        counts: &counts,
        progress,
        directories: Directories::new(spill, current),
        links: Links::default(),
        pending: Vec::new(),
        pending_bytes: 0,
    };
    let cores = std::thread::available_parallelism().map_or(WORKERS_MIN, std::num::NonZero::get);
    // One more than cores, since a worker also waits for the disk; more where each request takes its time.
    let workers = if opened.vault.is_remote() { cores * 2 + 4 } else { cores + 1 };
    let (sender, jobs) = crossbeam_channel::bounded::<Job<'_>>(workers);
    let outcome = std::thread::scope(|scope| {
        for _ in 0..workers {
            let jobs = jobs.clone();
            let counts = &counts;
            scope.spawn(move || {
                let (Some(target), Ok(mut worker)) = (target, FileWorker::new(counts, progress)) else {
                    jobs.into_iter().for_each(drop);
                    return;
                };
                for job in jobs {
                    worker.work(target, job);
                }
            });
        }
        drop(jobs);
        let outcome = producer.produce(&sender);
        // Workers end when no more jobs can come.
        drop(sender);
        outcome
    });
    outcome?;
    let Producer { directories, links, .. } = producer;
    if let Some(target) = target {
        links.make(target, &counts);
        directories.finish(target, &opened.secrets.hashing, &counts)?;
    }
    let summary = counts.take();
    let is_nothing = summary.files == 0 && summary.failed_count == 0 && summary.unchanged == 0;
    if is_nothing && !request.patterns.is_empty() {
        return Err(RestoreError::Nothing);
    }
    Ok(summary)
}

struct Producer<'a> {
    opened: &'a Opened,
    open: &'a OpenSnapshot,
    request: &'a Request,
    target: Option<&'a Target>,
    counts: &'a Counts,
    progress: &'a Progress,
    directories: Directories<'a>,
    links: Links,
    pending: Vec<Item>,
    pending_bytes: u64,
}

impl<'a> Producer<'a> {
    fn produce(&mut self, jobs: &Sender<Job<'a>>) -> Result<(), RestoreError> {
        let source = source_name(self.opened, self.open)?;
        let selection = super::selection(self.open, &self.request.patterns, source.as_deref())?;
        for (number, (cohort, reader)) in (0_u32..).zip(&self.open.cohorts) {
            let leaders = self.leaders_needed(reader, &cohort.parts, &selection)?;
            let hashing = &self.opened.secrets.hashing;
            // Leaders that were not asked for are read along: their names may lie in any block.
            let everything = Selection::everything();
            let scope = if leaders.is_empty() { &selection } else { &everything };
            let mut entries = CohortEntries::open(reader, hashing, &cohort.parts, scope)?;
            while let Some(located) = entries.next()? {
                self.entry(located, &selection, &leaders, (number, reader), jobs)?;
            }
            self.flush(reader, jobs);
        }
        Ok(())
    }

    /// First names of inodes that are not wanted themselves but whose bytes a wanted name needs.
    fn leaders_needed(
        &self,
        reader: &CohortReader,
        parts: &[crate::archive::records::Location],
        selection: &Selection,
    ) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RestoreError> {
        let mut needed = BTreeMap::new();
        if selection.is_everything() {
            return Ok(needed);
        }
        let mut entries = CohortEntries::open(reader, &self.opened.secrets.hashing, parts, selection)?;
        while let Some(located) = entries.next()? {
            if let Content::LinkTo(leader) = &located.entry.content
                && selection.wants(&located.entry.path)
                && !selection.wants(leader)
            {
                needed.entry(leader.clone()).or_insert(located.entry.path);
            }
        }
        Ok(needed)
    }

    fn in_target(&self, path: &[u8]) -> Vec<u8> {
        self.open.shown_path(path)
    }

    fn entry(
        &mut self,
        mut located: Located,
        selection: &Selection,
        leaders: &BTreeMap<Vec<u8>, Vec<u8>>,
        (number, reader): (u32, &'a CohortReader),
        jobs: &Sender<Job<'a>>,
    ) -> Result<(), RestoreError> {
        let wanted = selection.wants(&located.entry.path);
        if located.entry.meta.kind == Kind::Directory {
            return self.directory(&located, wanted, selection.leads(&located.entry.path), number);
        }
        if let Some(member) = leaders.get(&located.entry.path) {
            located.entry.path.clone_from(member);
        } else if !wanted {
            return Ok(());
        }
        let path = self.in_target(&located.entry.path);
        if self.target.is_none() {
            self.counts.placed(&path, located.entry.size_bytes, Ok(Vec::new()));
            return Ok(());
        }
        if let Content::LinkTo(leader) = &located.entry.content {
            let leader = leaders.get(leader).unwrap_or(leader);
            if *leader != located.entry.path {
                self.links.later(path, self.in_target(leader));
            }
            return Ok(());
        }
        if let Some(first) = self.links.same_inode(&located.entry, &path) {
            self.links.later(path, first);
            return Ok(());
        }
        if located.entry.data_bytes() > LARGE_BYTES {
            self.flush(reader, jobs);
            self.large(Item { path, located }, reader, jobs);
            return Ok(());
        }
        self.pending_bytes += located.entry.data_bytes();
        self.pending.push(Item { path, located });
        if self.pending_bytes >= JOB_BYTES || self.pending.len() >= JOB_FILES {
            self.flush(reader, jobs);
        }
        Ok(())
    }

    fn directory(
        &mut self,
        located: &Located,
        wanted: bool,
        leads: bool,
        number: u32,
    ) -> Result<(), RestoreError> {
        let path = self.in_target(&located.entry.path);
        let is_context = located.entry.context || !wanted;
        if !wanted && !leads {
            return Ok(());
        }
        if let Some(target) = self.target {
            if !is_context && let Err(e) = target.ensure_directory(&path) {
                self.counts.fail(&path, e.reason());
                return Ok(());
            }
            self.directories.later(&path, located, (is_context, number))?;
        }
        Ok(())
    }

    fn flush(&mut self, reader: &'a CohortReader, jobs: &Sender<Job<'a>>) {
        self.pending_bytes = 0;
        if !self.pending.is_empty() {
            // Workers end only after this end is dropped, so a job always finds one.
            jobs.send(Job::Items(reader, std::mem::take(&mut self.pending))).unwrap_or_else(drop);
        }
    }

    fn large(&mut self, item: Item, reader: &'a CohortReader, jobs: &Sender<Job<'a>>) {
        let Some(target) = self.target else { return };
        match files::begin_large(target, item, self.counts, self.progress) {
            Ok(Some(large)) => {
                let large = Arc::new(large);
                for part in 0..large.parts.len() {
                    jobs.send(Job::Part(reader, large.clone(), part)).unwrap_or_else(drop);
                }
            }
            Ok(None) => {}
            Err((path, e)) => self.counts.fail(&path, e.reason()),
        }
    }
}

/// The first part of every path, read from the first manifest block there is; needed to read people's paths.
pub(in crate::workflows) fn source_name(
    opened: &Opened,
    open: &OpenSnapshot,
) -> Result<Option<Vec<u8>>, RestoreError> {
    let everything = Selection::everything();
    let mut names = BTreeSet::new();
    for (cohort, reader) in &open.cohorts {
        let mut entries = CohortEntries::open(reader, &opened.secrets.hashing, &cohort.parts, &everything)?;
        if let Some(located) = entries.next()? {
            let path = located.entry.path;
            names.insert(path.split(|b| *b == b'/').next().unwrap_or(&[]).to_vec());
            break;
        }
    }
    Ok(names.pop_first())
}

/// Bytes of an item's data, for counting.
pub(super) fn bytes_of(item: &Item) -> u64 {
    if item.located.entry.meta.kind == Kind::File { item.located.entry.size_bytes } else { 0 }
}
