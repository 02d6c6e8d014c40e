//! What a worker does with a job: read, cut, hash, leave out what is stored, compress, seal.
//!
//! A job is a segment (small files and entries without content, in order of path) or a span of a large file. Jobs are
//! independent; the same entries make the same jobs whatever the number of workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::block::{Block, OwnerNames};
use super::capture::{self, Captured, Missed};
use super::chunk::Cutter;
use super::churn::Churn;
use super::compress::Compressor;
use super::cutting::Cut;
use super::digest::SeenDigest;
use super::entry::{Content, Entry, Kind};
use super::large::LargeFile;
use super::outlet::{Makers, SessionError, SessionOutcome};
use super::progress::Progress;
use super::racy::RacyFrom;
use super::report::{Remark, RunReport};
use super::session::CohortSession;
use super::sorter::Sorter;
use super::stat_cache::{Known, print_of};
use super::stream::SourceRoot;
use super::streaming::folder_of_streams;
use super::task::Task;
use super::tree::{StatFacts, Tree};
use super::walk;

/// One thing to store.
#[derive(Debug)]
pub enum Item {
    /// An entry; `leader` is set if another name of its inode in this cohort has the content.
    Entry {
        /// The entry.
        task: Box<Task>,
        /// The path that has the content.
        leader: Option<Vec<u8>>,
    },
    /// A directory above entries: named so that they have somewhere to be.
    Context {
        /// Which source.
        source: u32,
        /// `<source name>/<path below the source>`.
        path: Vec<u8>,
    },
}

/// A job for a worker.
pub enum Job {
    /// Entries in order of path.
    Segment {
        /// The cohort.
        session: Arc<CohortSession>,
        /// The number of the block they make.
        number: u64,
        /// The entries.
        items: Vec<Item>,
    },
    /// A span of a large file.
    Span {
        /// The cohort.
        session: Arc<CohortSession>,
        /// The file.
        file: Arc<LargeFile>,
        /// Which span.
        span: usize,
    },
    /// A source's file that is a stream.
    Stream {
        /// The cohort.
        session: Arc<CohortSession>,
        /// The number of the block it makes.
        number: u64,
        /// The file.
        task: Box<Task>,
    },
}

/// What all workers of a run share.
pub struct Shared<'a> {
    /// Makes packs and indexes.
    pub makers: Makers<'a>,
    /// Cuts.
    pub cutter: Cutter,
    /// The plan's sources.
    pub trees: &'a [SourceRoot],
    /// Remarks.
    pub report: &'a RunReport,
    /// What the next cache must say.
    pub news: Mutex<Sorter>,
    /// Finished cohorts.
    pub outcomes: Mutex<Vec<SessionOutcome>>,
    /// Counters for people.
    pub progress: &'a Progress,
    /// A file changed at or after this may change again unseen: it is looked at again in the next run.
    pub racy_from: RacyFrom,
    /// Counts what is different.
    pub churn: &'a Churn,
    /// First-seen digests are kept (application plans).
    pub keeps_first_seen: bool,
}

/// A worker with its buffers.
pub struct Worker<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) compressor: Compressor,
    pub(super) segment: Vec<u8>,
    pub(super) fresh: Vec<u8>,
    users: BTreeMap<u32, Option<Vec<u8>>>,
    groups: BTreeMap<u32, Option<Vec<u8>>>,
}

/// What became of an item.
enum Taken {
    Kept(Captured, Option<SeenDigest>),
    Left,
}

impl<'a> Worker<'a> {
    /// A worker with empty buffers.
    pub fn new(shared: &'a Shared<'a>) -> Result<Self, SessionError> {
        Ok(Self {
            shared,
            compressor: Compressor::new()?,
            segment: Vec::new(),
            fresh: Vec::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
        })
    }

    /// Does a job, and finishes the cohort if it was its last.
    pub fn work(&mut self, job: Job) -> Result<(), SessionError> {
        let session = match job {
            Job::Segment { session, number, items } => {
                self.segment(&session, number, items)?;
                session
            }
            Job::Span { session, file, span } => {
                self.span(&session, &file, span)?;
                session
            }
            Job::Stream { session, number, task } => {
                self.stream(&session, number, *task)?;
                session
            }
        };
        if session.end_job() { self.finish(&session) } else { Ok(()) }
    }

    /// Finishes a cohort that has no more jobs.
    pub fn finish(&mut self, session: &CohortSession) -> Result<(), SessionError> {
        let outcome = session.finish(&self.shared.makers, &mut self.compressor)?;
        self.shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        Ok(())
    }

    fn segment(
        &mut self,
        session: &CohortSession,
        number: u64,
        items: Vec<Item>,
    ) -> Result<(), SessionError> {
        let mut segment = std::mem::take(&mut self.segment);
        segment.clear();
        let mut entries = Vec::new();
        let mut seen = Vec::new();
        for item in items {
            let start = segment.len();
            match self.item(session, item, &mut segment)? {
                Taken::Kept(captured, digest) => {
                    seen.extend(digest);
                    self.shared.progress.file(captured.entry.size_bytes, captured.entry.meta.kind);
                    entries.push(captured.entry);
                }
                Taken::Left => segment.truncate(start),
            }
        }
        if !entries.is_empty() {
            let mut pack = session.take_pack(&self.shared.makers)?;
            let mut chunks = Cut::default();
            self.cut_and_store(session, &mut pack, &segment, &mut chunks)?;
            self.flush_fresh(session, &mut pack, &mut chunks)?;
            let block = Block { chunks: chunks.places(), owners: self.owners(&entries), entries };
            session.store_block(
                &self.shared.makers,
                &mut pack,
                &mut self.compressor,
                (number, &block),
                &seen,
            )?;
            session.give_back(&self.shared.makers, pack)?;
        }
        self.segment = segment;
        Ok(())
    }

    fn item(
        &mut self,
        session: &CohortSession,
        item: Item,
        segment: &mut Vec<u8>,
    ) -> Result<Taken, SessionError> {
        match item {
            Item::Context { source, path } => self.context(source, path),
            Item::Entry { task, leader } => self.entry(session, *task, leader, segment),
        }
    }

    fn tree(&self, source: u32) -> Option<&'a Tree> {
        usize::try_from(source).ok().and_then(|n| self.folder(n))
    }

    /// The folder of a source that has one.
    pub(super) fn folder(&self, source: usize) -> Option<&'a Tree> {
        self.shared.trees.get(source).and_then(SourceRoot::folder)
    }

    fn is_of_streams(&self, source: u32) -> bool {
        let root = usize::try_from(source).ok().and_then(|n| self.shared.trees.get(n));
        root.is_some_and(|root| root.streams().is_some())
    }

    fn context(&mut self, source: u32, path: Vec<u8>) -> Result<Taken, SessionError> {
        let Some(mut captured) = self.folder_above(source, &path) else { return Ok(Taken::Left) };
        captured.entry.context = true;
        let digest = self.shared.makers.hashing.path(&path);
        self.learn(&Known {
            path: digest,
            print: print_of(&captured.stat, false),
            hash: captured.entry.meta.digest(),
            day: 0,
            kind: Kind::Directory,
            has_content: false,
            is_own: false,
            is_ambiguous: false,
            is_listed: false,
            is_gone: false,
        })?;
        Ok(Taken::Kept(captured, None))
    }

    fn folder_above(&self, source: u32, path: &[u8]) -> Option<Captured> {
        if self.is_of_streams(source) {
            return Some(folder_of_streams(path));
        }
        let tree = self.tree(source)?;
        let listed = tree.lstat(walk::below(path)).ok()??;
        capture::directory(tree, path, &listed).ok()
    }

    fn entry(
        &mut self,
        session: &CohortSession,
        task: Task,
        leader: Option<Vec<u8>>,
        segment: &mut Vec<u8>,
    ) -> Result<Taken, SessionError> {
        if self.is_of_streams(task.found.source) {
            let captured = folder_of_streams(&task.found.path);
            let digest = self.remember(&task, &captured.entry, &captured.stat)?;
            return Ok(Taken::Kept(captured, digest));
        }
        let Some(tree) = self.tree(task.found.source) else { return Ok(Taken::Left) };
        let captured = match (&leader, task.found.stat.kind) {
            (None, Kind::File) => capture::small_file(tree, &task.found, segment),
            (Some(leader), _) => capture::other_name(tree, &task.found, leader.clone()),
            (None, _) => capture::special(tree, &task.found),
        };
        let mut captured = match captured {
            Ok(captured) => captured,
            Err(missed) => return Ok(self.missed(&task, missed)),
        };
        if self.is_as_known(&task, &captured.entry, &captured.stat) {
            session.keep(captured.entry.size_bytes);
            self.shared.progress.file(captured.entry.size_bytes, captured.entry.meta.kind);
            return Ok(Taken::Left);
        }
        if let Some(known) = &task.known
            && captured.entry.content == Content::Own
            && known.has_content
            && known.kind == Kind::File
            && known.hash == captured.entry.hash
            && captured.entry.meta.link_group.is_none()
        {
            captured.entry.content = Content::Inherited;
            let own = usize::try_from(captured.entry.size_bytes).unwrap_or(0);
            segment.truncate(segment.len() - own);
        }
        let digest = self.remember(&task, &captured.entry, &captured.stat)?;
        Ok(Taken::Kept(captured, digest))
    }

    /// A forced re-read that found exactly what is stored needs no new entry.
    pub(super) fn is_as_known(&self, task: &Task, entry: &Entry, stat: &StatFacts) -> bool {
        task.known.is_some_and(|known| {
            entry.meta.kind == Kind::File
                && entry.content != Content::Inherited
                && known.hash == entry.hash
                && known.print == print_of(stat, false)
        })
    }

    /// Notes that an entry was not captured: silence only for what is really gone.
    fn missed(&self, task: &Task, missed: Missed) -> Taken {
        self.note_missed(task, missed);
        Taken::Left
    }

    /// Notes that an entry was not captured.
    pub(super) fn note_missed(&self, task: &Task, missed: Missed) {
        match missed {
            Missed::Vanished if task.found.stat.links <= 1 => {}
            Missed::Vanished => {
                self.shared.report.add(
                    Remark::Skipped,
                    &task.found.path,
                    "one name of a file was removed meanwhile",
                );
            }
            Missed::Unreadable(reason) => self.shared.report.add(Remark::Skipped, &task.found.path, &reason),
        }
    }

    /// Tells the next cache what was stored; gives the first-seen digest.
    pub(super) fn remember(
        &self,
        task: &Task,
        entry: &Entry,
        stat: &StatFacts,
    ) -> Result<Option<SeenDigest>, SessionError> {
        if entry.unstable {
            self.shared.report.add(Remark::ChangedWhileRead, &entry.path, "");
        }
        let hash = match entry.meta.kind {
            Kind::File => entry.hash,
            Kind::Symlink => *blake3::hash(&entry.target).as_bytes(),
            Kind::Directory => entry.meta.digest(),
            Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => [0; 32],
        };
        let is_racy = entry.unstable || self.shared.racy_from.covers(stat.ctime);
        let is_linked = matches!(entry.content, Content::LinkTo(_));
        if entry.meta.kind == Kind::File && !is_linked {
            self.shared.churn.file(task.before.as_ref(), &hash);
        }
        self.learn(&Known {
            path: task.digest,
            print: if is_racy { [0; 16] } else { print_of(stat, task.found.is_leaf) },
            hash,
            day: task.day,
            kind: entry.meta.kind,
            has_content: entry.meta.kind == Kind::File && !is_linked,
            is_own: true,
            is_ambiguous: false,
            is_listed: false,
            is_gone: false,
        })?;
        let is_content = matches!(entry.meta.kind, Kind::File | Kind::Symlink) && !is_linked;
        Ok((self.shared.keeps_first_seen && is_content)
            .then(|| self.shared.makers.hashing.seen(task.digest, &hash)))
    }

    fn learn(&self, known: &Known) -> Result<(), SessionError> {
        let mut news = self.shared.news.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(news.push(&known.path.0, &known.encode())?)
    }

    /// The names of the owners of some entries.
    pub(super) fn owners(&mut self, entries: &[Entry]) -> OwnerNames {
        let mut names = OwnerNames::default();
        for meta in entries.iter().map(|entry| &entry.meta) {
            let user = self
                .users
                .entry(meta.uid)
                .or_insert_with(|| uzers::get_user_by_uid(meta.uid).map(|user| os_bytes(user.name())));
            if let Some(name) = user {
                names.users.insert(meta.uid, name.clone());
            }
            let group = self
                .groups
                .entry(meta.gid)
                .or_insert_with(|| uzers::get_group_by_gid(meta.gid).map(|group| os_bytes(group.name())));
            if let Some(name) = group {
                names.groups.insert(meta.gid, name.clone());
            }
        }
        names
    }
}

fn os_bytes(name: &std::ffi::OsStr) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec()
}
