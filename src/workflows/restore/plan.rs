//! From entries to jobs: one producer, in order of cohort and path; workers do the jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::archive::digest::PathDigest;
use crate::archive::entry::{Content, Kind, Meta};
use crate::archive::place::Target;
use crate::archive::progress::Progress;
use crate::archive::records::SnapshotCohort;
use crate::workflows::causes::with_causes;
use crate::workflows::cohort_entries::{CohortEntries, Located, Piece};
use crate::workflows::reading::CohortReader;
use crate::workflows::repository::Opened;
use crate::workflows::selection::Selection;

use super::counts::Counts;
use super::directories::Directories;
use super::files::{self, FileWorker, LargeRestore};
use super::links::Links;
use super::{OpenSnapshot, Request, RestoreError, Summary};

/// A job holds about so many bytes of files.
const JOB_BYTES: u64 = 2 << 20;
/// A job holds at most so many files.
const JOB_FILES: usize = 512;
/// Files longer than this are restored by several workers.
const LARGE_BYTES: u64 = 16 << 20;
/// Workers: some wait for the store while others write.
const WORKERS_MIN: usize = 2;

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
        has_directory: false,
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
    let has_directory = producer.has_directory;
    let Producer { directories, links, .. } = producer;
    if let Some(target) = target {
        links.make(target, &counts);
        directories.finish(target, &opened.secrets.hashing, &counts)?;
    }
    let summary = counts.take();
    let is_nothing =
        summary.files == 0 && summary.failed_count == 0 && summary.unchanged == 0 && !has_directory;
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
    /// A directory that was asked for is there.
    has_directory: bool,
}

impl<'a> Producer<'a> {
    fn produce(&mut self, jobs: &Sender<Job<'a>>) -> Result<(), RestoreError> {
        let source = source_name(self.opened, self.open)?;
        let selection = super::selection(self.open, &self.request.patterns, source.as_deref())?;
        for (cohort, reason) in &self.open.lost {
            self.counts.lose(&cohort.cohort, cohort.files, reason.clone());
        }
        for (number, (cohort, reader)) in (0_u32..).zip(&self.open.cohorts) {
            let outcome = self.cohort((number, reader), cohort, &selection, jobs);
            self.flush(reader, jobs);
            match outcome {
                // Each cohort stands for itself: the others are given back.
                Err(RestoreError::Read(e)) if e.is_damage() => {
                    self.counts.lose(&cohort.cohort, cohort.files, with_causes(&e));
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn cohort(
        &mut self,
        (number, reader): (u32, &'a CohortReader),
        cohort: &SnapshotCohort,
        selection: &Selection,
        jobs: &Sender<Job<'a>>,
    ) -> Result<(), RestoreError> {
        let leaders = self.leaders_needed(reader, &cohort.parts, selection)?;
        let hashing = &self.opened.secrets.hashing;
        // Leaders that were not asked for are read along: their names may lie in any block.
        let everything = Selection::everything();
        let scope = if leaders.is_empty() { selection } else { &everything };
        let mut entries = CohortEntries::open(reader, hashing, &cohort.parts, scope)?;
        while let Some(located) = entries.next()? {
            if located.is_doubtful && selection.wants(&located.entry.path) {
                let reason = "a damaged manifest block may say otherwise of it; it was not written";
                self.counts.fail(&self.in_target(&located.entry.path), reason.to_owned());
                continue;
            }
            self.entry(located, selection, &leaders, (number, reader), jobs)?;
        }
        self.counts.erase(entries.erased());
        for lost in entries.lost() {
            let (first, last) = (self.in_target(&lost.first), self.in_target(&lost.last));
            self.counts.lose_stretch((&first, &last), lost.entries, lost.reason.clone());
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
        let is_due = self.pending_bytes >= JOB_BYTES || self.pending.len() >= JOB_FILES;
        let is_overdue = self.pending_bytes >= JOB_BYTES * 4 || self.pending.len() >= JOB_FILES * 4;
        if is_overdue || (is_due && !self.goes_on(&located)) {
            self.flush(reader, jobs);
        }
        self.pending_bytes += located.entry.data_bytes();
        self.pending.push(Item { path, located });
        Ok(())
    }

    /// Whether an entry's data begins in the frame where that of the last pending one ends: such entries are restored
    /// by one worker, so that the frame is decompressed once.
    fn goes_on(&self, located: &Located) -> bool {
        let frame = |piece: &Piece| (piece.pack.name, piece.frame.offset);
        let last = self.pending.iter().rev().find_map(|item| item.located.pieces.last());
        match (last, located.pieces.first()) {
            (Some(last), Some(first)) => frame(last) == frame(first),
            (_, None) => true,
            (None, Some(_)) => false,
        }
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
        self.has_directory |= wanted && !located.entry.context;
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
        let first = CohortEntries::open(reader, &opened.secrets.hashing, &cohort.parts, &everything)
            .and_then(|mut entries| entries.next());
        let first = match first {
            Err(e) if e.is_damage() => continue,
            first => first?,
        };
        if let Some(located) = first {
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
