//! Walking a source: every entry with its `lstat`, every refusal reported, nothing opened but directories.
//!
//! Several threads take directories from one stack. The order of what they find does not matter: it is sorted after.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use crate::domain::plan::Source;

use super::crew::Crew;
use super::entry::{FileTime, Kind};
use super::tree::{StatFacts, Tree};
use super::wire::{Malformed, Reader, Writer};

/// One entry of a source as the walk saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Which source of the plan, counted from 0.
    pub source: u32,
    /// `<source name>/<path below the source>`.
    pub path: Vec<u8>,
    /// What `lstat` said.
    pub stat: StatFacts,
    /// A directory with nothing in it that is backed up: it is an entry of its own.
    pub is_leaf: bool,
}

impl Found {
    /// The path below the source's root; empty for the root itself.
    pub fn below(&self) -> &[u8] {
        below(&self.path)
    }

    /// Encodes it for a sorter.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        let s = &self.stat;
        w.number(u64::from(self.source));
        w.bytes(&self.path);
        w.byte(s.kind.number());
        for n in [u64::from(s.mode), u64::from(s.uid), u64::from(s.gid), s.size_bytes] {
            w.number(n);
        }
        for time in [s.mtime, s.ctime] {
            w.signed(time.seconds);
            w.number(u64::from(time.nanos));
        }
        for n in [s.inode, s.device, s.links, s.device_number, s.allocated_bytes] {
            w.number(n);
        }
        w.byte(u8::from(self.is_leaf));
        w.into_bytes()
    }

    /// Decodes what `encode` wrote.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let source = r.number32("source")?;
        let path = r.bytes("path")?.to_vec();
        let kind = *Kind::ALL.get(usize::from(r.byte("kind")?)).ok_or(Malformed { what: "kind" })?;
        let (mode, uid, gid) = (r.number32("mode")?, r.number32("uid")?, r.number32("gid")?);
        let size_bytes = r.number("size")?;
        let mtime = FileTime { seconds: r.signed("mtime")?, nanos: r.number32("mtime")? };
        let ctime = FileTime { seconds: r.signed("ctime")?, nanos: r.number32("ctime")? };
        let stat = StatFacts {
            kind,
            mode,
            uid,
            gid,
            size_bytes,
            mtime,
            ctime,
            inode: r.number("inode")?,
            device: r.number("device")?,
            links: r.number("links")?,
            device_number: r.number("device number")?,
            allocated_bytes: r.number("allocated")?,
        };
        Ok(Self { source, path, stat, is_leaf: r.byte("leaf")? == 1 })
    }
}

/// The part of `<source name>/<path>` below the source; empty for the source's root.
pub fn below(path: &[u8]) -> &[u8] {
    path.iter().position(|byte| *byte == b'/').map_or(&[], |at| &path[at + 1..])
}

/// Something that could not be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refusal {
    /// `<source name>/<path below the source>`.
    pub path: Vec<u8>,
    /// Why, in words.
    pub reason: String,
}

/// Where the walk puts what it finds. Called from several threads.
pub trait Finds: Sync {
    /// Takes a batch of entries; an error ends the walk.
    fn found(&self, batch: Vec<Found>) -> std::io::Result<()>;
    /// Takes a refusal.
    fn refused(&self, refusal: Refusal) -> std::io::Result<()>;
}

struct Stack {
    waiting: VecDeque<Vec<u8>>,
    working: usize,
    failed: Option<std::io::Error>,
}

struct Walk<'a> {
    tree: &'a Tree,
    source: &'a Source,
    number: u32,
    finds: &'a dyn Finds,
    stack: Mutex<Stack>,
    changed: Condvar,
}

/// Walks one source.
pub fn walk(tree: &Tree, source: &Source, number: u32, crew: Crew, finds: &dyn Finds) -> std::io::Result<()> {
    let stack = Stack { waiting: VecDeque::from([Vec::new()]), working: 0, failed: None };
    let walk = Walk { tree, source, number, finds, stack: Mutex::new(stack), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 0..crew.threads.max(1) {
            drop(crew.spawn(scope, || walk.work()));
        }
    });
    let failed = walk.lock().failed.take();
    failed.map_or(Ok(()), Err)
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Vec<u8>> {
        let mut stack = self.lock();
        loop {
            if stack.failed.is_some() {
                return None;
            }
            if let Some(path) = stack.waiting.pop_back() {
                stack.working += 1;
                return Some(path);
            }
            if stack.working == 0 {
                self.changed.notify_all();
                return None;
            }
            stack = self.changed.wait(stack).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self) {
        while let Some(path) = self.take() {
            let outcome = self.directory(&path);
            let mut stack = self.lock();
            stack.working -= 1;
            match outcome {
                Ok(below) => stack.waiting.extend(below),
                Err(e) => stack.failed = Some(e),
            }
            drop(stack);
            self.changed.notify_all();
        }
    }

    fn full_path(&self, below: &[u8]) -> Vec<u8> {
        let mut path = self.source.name().as_str().as_bytes().to_vec();
        if !below.is_empty() {
            path.push(b'/');
            path.extend_from_slice(below);
        }
        path
    }

    fn refuse(&self, below: &[u8], reason: &str) -> std::io::Result<()> {
        self.finds.refused(Refusal { path: self.full_path(below), reason: reason.to_owned() })
    }

    /// Reads one directory; gives the directories below it.
    fn directory(&self, path: &[u8]) -> std::io::Result<Vec<Vec<u8>>> {
        let opened = self.tree.open_directory(path).and_then(|fd| {
            let stat = super::tree::fstat(&fd)?;
            Ok((Dir::new(fd)?, stat))
        });
        let (mut listing, stat) = match opened {
            Ok((listing, Some(stat))) => (listing, stat),
            Ok((_, None)) => return Ok(Vec::new()),
            // Removed or replaced since its parent was listed.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if !path.is_empty() => return Ok(Vec::new()),
            Err(e) => {
                self.refuse(path, &format!("directory cannot be opened: {}", words(e)))?;
                return self.unreadable_directory(path);
            }
        };
        let mut batch = Vec::new();
        let mut below = Vec::new();
        let mut is_leaf = true;
        let stays = !(self.source.one_file_system() && stat.device != self.tree.device);
        while let Some(listed) = if stays { listing.read() } else { None } {
            match listed {
                Ok(entry) => {
                    let name = entry.file_name().to_bytes();
                    if name != b"."
                        && name != b".."
                        && self.entry(path, name, &listing, &mut batch, &mut below)?
                    {
                        is_leaf = false;
                    }
                }
                Err(e) => {
                    self.refuse(path, &format!("directory cannot be listed: {}", words(e)))?;
                    break;
                }
            }
        }
        batch.push(Found { source: self.number, path: self.full_path(path), stat, is_leaf });
        self.finds.found(batch)?;
        Ok(below)
    }

    /// A directory that may not be opened is still kept, with the metadata its parent shows.
    fn unreadable_directory(&self, path: &[u8]) -> std::io::Result<Vec<Vec<u8>>> {
        if let Ok(Some(stat)) = self.tree.lstat(path) {
            let found = Found { source: self.number, path: self.full_path(path), stat, is_leaf: true };
            self.finds.found(vec![found])?;
        }
        Ok(Vec::new())
    }

    /// Looks at one name; tells whether it is backed up.
    fn entry(
        &self,
        directory: &[u8],
        name: &[u8],
        listing: &Dir,
        batch: &mut Vec<Found>,
        below: &mut Vec<Vec<u8>>,
    ) -> std::io::Result<bool> {
        let mut path = directory.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        if self.source.exclude().matches(&path) {
            return Ok(false);
        }
        let stat = listing.fd().and_then(|fd| rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW));
        match stat.map(|stat| StatFacts::of(&stat)) {
            Ok(Some(stat)) if stat.kind == Kind::Directory => below.push(path),
            Ok(Some(stat)) => {
                batch.push(Found { source: self.number, path: self.full_path(&path), stat, is_leaf: false });
            }
            Ok(None) => self.refuse(&path, "is of a kind that cannot be backed up")?,
            Err(Errno::NOENT) => return Ok(false),
            Err(e) => self.refuse(&path, &format!("cannot be looked at: {}", words(e)))?,
        }
        Ok(true)
    }
}

/// An error of the operating system in words, without a path.
pub fn words(error: Errno) -> String {
    std::io::Error::from(error).to_string()
}
