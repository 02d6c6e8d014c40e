//! From what the walk found and what the cache knows to what this run must do.
//!
//! One merge of two streams sorted by path digest. Each entry is unchanged, to be stored in a cohort (`dirty`), or, if
//! the day depends on whether its content changed, to be hashed first (`undecided`). Memory does not grow with the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::domain::plan::{Class, PastRetention, Plan};
use crate::domain::sent_day::{self, Earlier, Fate, Note, SentDayFacts};
use crate::domain::time::{Day, Instant};

use super::digest::{Hashing, PathDigest, SeenDigest};
use super::entry::{Kind, Meta};
use super::manifest::DirectoryMeta;
use super::report::{Remark, RunReport};
use super::sorter::{Sorted, Sorter};
use super::stat_cache::{CacheReader, Known, print_of};
use super::stream::SourceRoot;
use super::task::Task;
use super::tree::{self, Tree};
use super::walk::Found;
use super::wire::Reader;

/// What becomes of a file whose hash is known.
mod decide;

pub use decide::decide;

/// Contents first seen in living cohorts, read from index objects when the cache was lost.
pub type FirstSeen = BTreeMap<SeenDigest, i32>;

/// What a run must know to resolve.
pub struct Basis<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// When the run began.
    pub now: Instant,
    /// The day of the last run in the plan's zone, if there was one.
    pub last_run: Option<Day>,
    /// The repository's hashing keys.
    pub hashing: &'a Hashing,
    /// The plan's sources, opened.
    pub trees: &'a [SourceRoot],
    /// Read every file again, whatever the cache says.
    pub reread: bool,
    /// Days whose cohorts must be sent again (their key or a pack is missing).
    pub damaged: &'a BTreeSet<i32>,
    /// What was first seen when, if the cache was lost.
    pub first_seen: Option<&'a FirstSeen>,
    /// Where remarks go.
    pub report: &'a RunReport,
}

impl Basis<'_> {
    /// The source tree of an entry and the entry's path below it.
    pub fn tree_of<'f>(&self, found: &'f Found) -> Option<(&Tree, &'f [u8])> {
        let root = usize::try_from(found.source).ok().and_then(|n| self.trees.get(n))?;
        Some((root.folder()?, found.below()))
    }

    /// Whether an entry belongs to a source of streams. Their days are told by the source, and a stream is read once:
    /// its day does not wait for its hash.
    fn is_of_streams(&self, found: &Found) -> bool {
        let root = usize::try_from(found.source).ok().and_then(|n| self.trees.get(n));
        root.is_some_and(|root| root.streams().is_some())
    }
}

/// What is known of one cohort after resolving.
#[derive(Default, Debug)]
pub struct Tally {
    /// Unchanged entries that are not directories.
    pub files: u64,
    /// Bytes of unchanged regular files.
    pub bytes: u64,
    /// Paths that are gone.
    pub gone: Vec<PathDigest>,
}

/// What this run must do.
pub struct Resolution {
    /// Cohorts with unchanged or gone entries, by clock day.
    pub cohorts: BTreeMap<i32, Tally>,
    /// Clock days of the cohorts that get entries.
    pub dirty_days: BTreeSet<i32>,
    /// Entries to store, by cohort and path.
    pub dirty: Sorter,
    /// Files to be hashed before their day is known, by path.
    pub undecided: Sorter,
    /// What the next cache must say differently, by path digest.
    pub news: Sorter,
    /// Directories whose current metadata differs from what manifests say.
    pub directories: Vec<DirectoryMeta>,
    /// Files that are gone.
    pub removed_files: u64,
    /// Entries seen.
    pub entries: u64,
    /// Entries to store, for progress.
    pub dirty_files: u64,
    /// Bytes of files to read, for progress.
    pub dirty_bytes: u64,
}

/// Resolves the whole walk.
pub fn resolve(
    basis: &Basis<'_>,
    mut found: Sorted,
    mut cache: CacheReader,
    (budget_bytes, spill): (usize, std::path::PathBuf),
) -> io::Result<Resolution> {
    let sorter = || Sorter::new(budget_bytes, spill.clone());
    let resolution = Resolution {
        cohorts: BTreeMap::new(),
        dirty_days: BTreeSet::new(),
        dirty: sorter(),
        undecided: sorter(),
        news: sorter(),
        directories: Vec::new(),
        removed_files: 0,
        entries: 0,
        dirty_files: 0,
        dirty_bytes: 0,
    };
    let mut resolver = Resolver { basis, out: resolution, fates: BTreeMap::new() };
    while let Some(record) = found.next()? {
        let digest = PathDigest(record.key().try_into().map_err(io::Error::other)?);
        let found = Found::decode(&mut Reader::new(record.payload())).map_err(io::Error::other)?;
        while let Some(known) = cache.next_before(Some(digest))? {
            resolver.gone(known)?;
        }
        let known = cache.take(digest)?;
        resolver.entry(found, digest, known)?;
    }
    while let Some(known) = cache.next_before(None)? {
        resolver.gone(known)?;
    }
    Ok(resolver.out)
}

struct Resolver<'a, Out> {
    basis: &'a Basis<'a>,
    out: Out,
    fates: BTreeMap<i32, Fate>,
}

impl<Out> Resolver<'_, Out> {
    fn fate(&mut self, day: Day) -> Fate {
        let basis = self.basis;
        *self.fates.entry(day.number()).or_insert_with(|| sent_day::fate(basis.plan, day, basis.now))
    }

    /// Whether the cohort of a day is not past its year. One that is may not be added to, not even what is gone.
    fn is_alive(&mut self, day: i32) -> bool {
        let day = Day::from_number(day);
        match self.fate(day) {
            Fate::Keep(cohort) => cohort.clock_day() == self.basis.plan.cohort_of(day).clock_day(),
            Fate::TooCloseToDeletion(_) => true,
            Fate::PastRetention(_) => false,
        }
    }

    /// The day that the plan's rule finds.
    fn rule_day(&self, found: &Found) -> Option<Day> {
        let plan = self.basis.plan;
        let mtime = found.stat.mtime.instant();
        let source = usize::try_from(found.source).ok().and_then(|n| plan.sources().get(n));
        match source.and_then(|source| source.sent_day()).filter(|_| found.stat.kind == Kind::File) {
            Some(rule) => rule.find(found.below(), mtime, plan.zone()),
            None => Some(plan.zone().day_of(mtime)),
        }
    }

    /// Whether an untouched file lay in the future at the last run and does not any more: it is filed by its own day now.
    fn catches_up(&self, found: &Found, day: i32) -> bool {
        let plan = self.basis.plan;
        let Some(last_run) = self.basis.last_run else { return false };
        plan.class() == Class::Application
            && found.stat.kind == Kind::File
            && !self.basis.is_of_streams(found)
            && sent_day::catches_up(
                self.rule_day(found),
                (Day::from_number(day), last_run),
                plan.zone().day_of(self.basis.now),
            )
    }

    /// The clock day under which something to be stored is filed; `None` with a remark if it is not stored.
    fn day_of(&mut self, found: &Found, earlier: Earlier) -> Option<i32> {
        let plan = self.basis.plan;
        let today = plan.zone().day_of(self.basis.now);
        let mut day = today;
        if plan.class() == Class::Application {
            let mtime = found.stat.mtime.instant();
            let mtime_day = plan.zone().day_of(mtime);
            let rule_day = self.rule_day(found);
            let clock = sent_day::clock_day(SentDayFacts { rule_day, mtime_day, today, earlier });
            let remark = match clock.note {
                Note::None => None,
                Note::FutureDay => Some(Remark::FutureDay),
                Note::AbsurdDay => Some(Remark::AbsurdDay),
                Note::NoDayInPath => Some(Remark::NoDayInPath),
            };
            if let Some(remark) = remark {
                self.basis.report.add(remark, &found.path, "");
            }
            day = clock.day;
        }
        match self.fate(day) {
            Fate::Keep(cohort) => Some(cohort.clock_day().number()),
            Fate::PastRetention(_) => {
                self.basis.report.add(Remark::PastRetention, &found.path, "");
                None
            }
            Fate::TooCloseToDeletion(_) => {
                self.basis.report.add(Remark::TooCloseToDeletion, &found.path, "");
                None
            }
        }
    }
}

impl Resolver<'_, Resolution> {
    /// Whether what is known counts for this run: a system plan starts anew with each generation.
    fn counts(&self, known: &Known) -> bool {
        let plan = self.basis.plan;
        match plan.class() {
            Class::Application => true,
            Class::System => {
                let today = plan.zone().day_of(self.basis.now);
                plan.cohort_of(today).clock_day().number() == known.day
            }
        }
    }

    /// A record that a plan keeps beyond its year is a new one when the year of its cohort is over.
    fn begins_anew(&mut self, known: &Known, is_parent: bool) -> bool {
        let keeps = self.basis.plan.past_retention() == PastRetention::KeepFromFirstSeen;
        keeps && !is_parent && !self.is_alive(known.day)
    }

    fn gone(&mut self, known: Known) -> io::Result<()> {
        let has_entry = known.kind != Kind::Directory || known.is_own;
        let is_past = has_entry && !self.is_alive(known.day);
        if !self.counts(&known) || (known.is_gone && !is_past) {
            return Ok(());
        }
        // What is past its time is not listed as gone; that there is news makes the next cache forget it (K-94).
        if !is_past {
            self.out.removed_files += u64::from(known.kind == Kind::File);
        }
        if has_entry && !is_past {
            self.out.cohorts.entry(known.day).or_default().gone.push(known.path);
        }
        self.out.news.push(&known.path.0, &Known { is_gone: true, ..known }.encode())
    }

    fn entry(&mut self, found: Found, digest: PathDigest, known: Option<Known>) -> io::Result<()> {
        self.out.entries += 1;
        let is_parent = found.stat.kind == Kind::Directory && !found.is_leaf;
        let before = known.filter(|known| !known.is_gone && known.kind == Kind::File).map(|known| known.hash);
        // A directory that manifests only name as a parent has no cohort of its own to keep.
        let has_day = |known: &Known| is_parent || known.kind != Kind::Directory || known.is_own;
        let known =
            known.filter(|known| self.counts(known) && has_day(known) && !self.begins_anew(known, is_parent));
        if found.stat.kind == Kind::Directory
            && !found.is_leaf
            && self.basis.plan.class() == Class::Application
        {
            return self.parent_directory(&found, digest, known);
        }
        let living = known.filter(|known| !known.is_gone);
        let print = print_of(&found.stat, found.is_leaf);
        if let Some(known) = living
            && known.print == print
            && (known.kind != Kind::Directory || known.is_own)
            && !(self.basis.reread && known.kind == Kind::File)
            && !self.basis.damaged.contains(&known.day)
            && !self.catches_up(&found, known.day)
        {
            self.unchanged(&found, known.day);
            return Ok(());
        }
        self.changed(Task { found, digest, known, before, day: 0 })
    }

    fn unchanged(&mut self, found: &Found, day: i32) {
        if !self.is_alive(day) {
            self.basis.report.add(Remark::PastRetention, &found.path, "");
            return;
        }
        let tally = self.out.cohorts.entry(day).or_default();
        if found.stat.kind != Kind::Directory {
            tally.files += 1;
        }
        if found.stat.kind == Kind::File {
            tally.bytes += found.stat.size_bytes;
        }
    }

    fn changed(&mut self, mut task: Task) -> io::Result<()> {
        let (digest, known) = (task.digest, task.known);
        // A damaged cohort is sent again: its old entries cannot be built upon.
        let rebuilt = |known: Known| Known { has_content: false, hash: [0; 32], ..known };
        let is_damaged = known.is_some_and(|known| self.basis.damaged.contains(&known.day));
        let is_file = task.found.stat.kind == Kind::File;
        let is_application = self.basis.plan.class() == Class::Application;
        let unchanged_print =
            known.is_some_and(|known| known.print == print_of(&task.found.stat, task.found.is_leaf));
        let may_be_known = known.is_some() || self.basis.first_seen.is_some();
        let is_stream = self.basis.is_of_streams(&task.found);
        if is_application && is_file && !is_stream && may_be_known && !(is_damaged && unchanged_print) {
            return self.out.undecided.push(&task.found.path, &task.encode());
        }
        let earlier = match known {
            Some(known) if is_application && self.is_same_thing(&task.found, &known, unchanged_print) => {
                Earlier::SameContent(Day::from_number(known.day))
            }
            Some(_) if is_application => Earlier::OtherContent,
            Some(_) | None => Earlier::Never,
        };
        let Some(day) = self.day_of(&task.found, earlier) else { return Ok(()) };
        task.day = day;
        if let Some(known) = known
            && (known.is_gone || known.day != day)
        {
            if !known.is_gone && self.is_alive(known.day) {
                self.out.cohorts.entry(known.day).or_default().gone.push(digest);
            }
            task.known = None;
        }
        if is_damaged {
            task.known = task.known.map(rebuilt);
        }
        self.out.dirty_days.insert(task.day);
        self.out.dirty_bytes += task.found.stat.size_bytes;
        self.out.dirty_files += 1;
        self.out.dirty.push(&task.key(), &task.encode())
    }

    /// Whether something that is not a file still says the same: a link's target, or merely its kind. A stream does
    /// if its source says so.
    fn is_same_thing(&self, found: &Found, known: &Known, unchanged_print: bool) -> bool {
        if found.stat.kind == Kind::File && self.basis.is_of_streams(found) {
            return unchanged_print;
        }
        if found.stat.kind != known.kind || found.stat.kind != Kind::Symlink {
            return found.stat.kind == known.kind;
        }
        let target = self.basis.tree_of(found).and_then(|(tree, below)| tree.read_link(below).ok());
        target.is_some_and(|target| *blake3::hash(&target).as_bytes() == known.hash)
    }

    /// A directory that stands above entries: manifests name it, this run only notes where its metadata moved on.
    fn parent_directory(
        &mut self,
        found: &Found,
        digest: PathDigest,
        known: Option<Known>,
    ) -> io::Result<()> {
        let Some(known) = known.filter(|known| !known.is_gone) else { return Ok(()) };
        if known.kind != Kind::Directory {
            // A file or link became a directory: its entry is gone.
            return self.gone(known);
        }
        let print = print_of(&found.stat, false);
        if known.print == print && !known.is_listed && !known.is_ambiguous {
            return Ok(());
        }
        let Some(meta) = self.directory_meta(found) else { return Ok(()) };
        let is_listed = known.is_ambiguous || meta.digest() != known.hash;
        if is_listed {
            self.out.directories.push(DirectoryMeta { path: digest, meta });
        }
        if known.print != print || known.is_listed != is_listed {
            let news = Known { print, is_listed, ..known };
            self.out.news.push(&digest.0, &news.encode())?;
        }
        Ok(())
    }

    fn directory_meta(&self, found: &Found) -> Option<Meta> {
        if self.basis.is_of_streams(found) {
            return Some(found.stat.meta());
        }
        let (tree, below) = self.basis.tree_of(found)?;
        let fd = tree.open_directory(below).ok()?;
        let mut meta = found.stat.meta();
        meta.xattrs = tree::xattrs_of(std::os::fd::AsFd::as_fd(&fd)).unwrap_or_default();
        Some(meta)
    }
}
