//! The engine's threads: one producer that makes jobs in order, as many workers as there are cores.
//!
//! The queue between them is short (jobs are small until a worker fills them), so memory is what workers hold. The
//! first error stops everybody.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::capture::{self, LARGE_BYTES};
use super::crew::Crew;
use super::digest::FileHash;
use super::entry::Kind;
use super::large::LargeFile;
use super::outlet::SessionError;
use super::progress::Progress;
use super::report::Remark;
use super::resolve::{self, Basis, Resolution};
use super::session::CohortSession;
use super::sorter::{Sorted, Sorter};
use super::task::Task;
use super::worker::{Item, Job, Shared, Worker};

/// Small files share a segment until it holds this much, bytes.
const SEGMENT_BYTES: u64 = 2 << 20;
/// No segment holds more entries.
const SEGMENT_ENTRIES: usize = 1024;

/// Opens the session of a cohort when its first entry comes.
pub trait Sessions {
    /// The session of the cohort of a clock day.
    fn session(&mut self, day: i32) -> Result<CohortSession, SessionError>;
}

/// Hashes the undecided files and files them by day among the dirty ones.
///
/// Ends early if the run is asked to stop; the caller looks at that.
pub fn decide_all(
    basis: &Basis<'_>,
    resolution: &mut Resolution,
    crew: Crew,
    progress: &Progress,
) -> io::Result<()> {
    let empty = Sorter::new(0, std::path::PathBuf::new());
    let mut undecided = std::mem::replace(&mut resolution.undecided, empty).finish()?;
    let (tasks, to_hash) = crossbeam_channel::bounded::<Task>(256);
    let (hashed, decided) = crossbeam_channel::bounded::<(Task, FileHash)>(256);
    std::thread::scope(|scope| {
        for _ in 0..crew.threads {
            let (to_hash, hashed) = (to_hash.clone(), hashed.clone());
            drop(crew.spawn(scope, move || hash_tasks(basis, &to_hash, &hashed)));
        }
        drop((to_hash, hashed));
        let feeder = scope.spawn(move || -> io::Result<()> {
            while let Some(record) = undecided.next()? {
                if progress.is_stopped() {
                    break;
                }
                if tasks.send(Task::decode(record.payload()).map_err(io::Error::other)?).is_err() {
                    break;
                }
            }
            Ok(())
        });
        for (task, hash) in decided {
            if let Some(task) = resolve::decide(basis, task, &hash, &mut resolution.cohorts) {
                resolution.dirty_days.insert(task.day);
                resolution.dirty_files += 1;
                resolution.dirty_bytes += task.found.stat.size_bytes;
                resolution.dirty.push(&task.key(), &task.encode())?;
            }
        }
        feeder.join().unwrap_or_else(|_| Err(io::Error::other("the hashing thread failed")))
    })
}

fn hash_tasks(basis: &Basis<'_>, tasks: &Receiver<Task>, hashed: &Sender<(Task, FileHash)>) {
    let mut buffer = vec![0_u8; 256 << 10];
    for task in tasks {
        let Some((tree, below)) = basis.tree_of(&task.found) else { continue };
        let hash = capture::open_regular(tree, below).and_then(|(fd, _)| capture::hash_of(&fd, &mut buffer));
        match hash {
            Ok(hash) => {
                if hashed.send((task, hash)).is_err() {
                    return;
                }
            }
            Err(capture::Missed::Vanished) => {}
            Err(capture::Missed::Unreadable(reason)) => {
                basis.report.add(Remark::Skipped, &task.found.path, &reason);
            }
        }
    }
}

/// Stores all dirty entries. `names_parents`: manifests also name the directories above entries (application plans).
pub fn store_all(
    shared: &Shared<'_>,
    dirty: Sorted,
    sessions: &mut dyn Sessions,
    names_parents: bool,
    crew: Crew,
) -> Result<(), SessionError> {
    let (sender, jobs) = crossbeam_channel::bounded::<Job>(crew.threads * 2);
    let stop = AtomicBool::new(false);
    let failed: Mutex<Option<SessionError>> = Mutex::new(None);
    let fail = |error: SessionError| {
        stop.store(true, Ordering::SeqCst);
        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    std::thread::scope(|scope| {
        for _ in 0..crew.threads {
            let jobs = jobs.clone();
            let (stop, fail) = (&stop, &fail);
            drop(crew.spawn(scope, move || {
                let mut worker = match Worker::new(shared) {
                    Ok(worker) => worker,
                    Err(e) => return fail(e),
                };
                for job in jobs {
                    if shared.progress.is_stopped() {
                        fail(super::outlet::Stopped.into());
                    }
                    if !stop.load(Ordering::SeqCst)
                        && let Err(e) = worker.work(job)
                    {
                        fail(e);
                    }
                }
            }));
        }
        drop(jobs);
        let mut producer =
            Producer { shared, sender, stop: &stop, names_parents, current: None, leaders: BTreeMap::new() };
        if let Err(e) = producer.run(dirty, sessions) {
            fail(e);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

struct Current {
    day: i32,
    session: Arc<CohortSession>,
    next_number: u64,
    items: Vec<Item>,
    bytes: u64,
    above: Vec<u8>,
}

struct Producer<'a> {
    shared: &'a Shared<'a>,
    sender: Sender<Job>,
    stop: &'a AtomicBool,
    names_parents: bool,
    current: Option<Current>,
    /// Names of inodes with several names in this cohort, by device and inode: the first has the content.
    leaders: BTreeMap<(u64, u64), Vec<u8>>,
}

impl Producer<'_> {
    fn run(&mut self, mut dirty: Sorted, sessions: &mut dyn Sessions) -> Result<(), SessionError> {
        while let Some(record) = dirty.next()? {
            if self.stop.load(Ordering::SeqCst) {
                return Ok(());
            }
            // The safe point: what was handed over is sent and journalled, nothing is begun any more.
            if self.shared.progress.is_stopped() {
                return Err(super::outlet::Stopped.into());
            }
            let task = Task::decode(record.payload()).map_err(io::Error::other)?;
            if self.current.as_ref().is_none_or(|current| current.day != task.day) {
                self.close()?;
                let session = Arc::new(sessions.session(task.day)?);
                let day = task.day;
                self.current = Some(Current {
                    day,
                    session,
                    next_number: 0,
                    items: Vec::new(),
                    bytes: 0,
                    above: Vec::new(),
                });
            }
            self.take(task)?;
        }
        self.close()
    }

    fn take(&mut self, task: Task) -> Result<(), SessionError> {
        let is_stream = task.found.stat.kind == Kind::File && self.is_stream(&task);
        let Some(current) = &mut self.current else { return Ok(()) };
        if self.names_parents {
            for path in parents(&current.above, &task.found.path) {
                current.items.push(Item::Context { source: task.found.source, path });
            }
            current.above = parent(&task.found.path).to_vec();
        }
        if is_stream {
            self.flush()?;
            return self.stream(task);
        }
        let stat = &task.found.stat;
        let mut leader = None;
        if stat.kind == Kind::File && stat.links > 1 {
            match self.leaders.entry((stat.device, stat.inode)) {
                std::collections::btree_map::Entry::Occupied(first) => leader = Some(first.get().clone()),
                std::collections::btree_map::Entry::Vacant(first) => {
                    first.insert(task.found.path.clone());
                }
            }
        }
        if leader.is_none() && stat.kind == Kind::File && stat.size_bytes >= LARGE_BYTES {
            self.flush()?;
            return self.large(task);
        }
        if leader.is_none() && stat.kind == Kind::File {
            current.bytes += stat.size_bytes;
        }
        current.items.push(Item::Entry { task: Box::new(task), leader });
        if current.bytes >= SEGMENT_BYTES || current.items.len() >= SEGMENT_ENTRIES {
            self.flush()?;
        }
        Ok(())
    }

    fn is_stream(&self, task: &Task) -> bool {
        let root = usize::try_from(task.found.source).ok().and_then(|n| self.shared.trees.get(n));
        root.is_some_and(|root| root.streams().is_some())
    }

    fn stream(&mut self, task: Task) -> Result<(), SessionError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let job = Job::Stream {
            session: current.session.clone(),
            number: current.next_number,
            task: Box::new(task),
        };
        current.next_number += 1;
        current.session.begin_job();
        self.send(job)
    }

    fn large(&mut self, task: Task) -> Result<(), SessionError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let file = Arc::new(LargeFile::new(task, current.next_number));
        current.next_number += 1;
        let session = current.session.clone();
        // All spans are announced before the first can end, so that none is taken for the cohort's last job.
        (0..file.spans).for_each(|_| session.begin_job());
        for span in 0..file.spans {
            self.send(Job::Span { session: session.clone(), file: file.clone(), span })?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SessionError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.items.is_empty() {
            return Ok(());
        }
        let items = std::mem::take(&mut current.items);
        let job = Job::Segment { session: current.session.clone(), number: current.next_number, items };
        current.next_number += 1;
        current.bytes = 0;
        current.session.begin_job();
        self.send(job)
    }

    fn send(&self, job: Job) -> Result<(), SessionError> {
        self.sender.send(job).map_err(|_| super::outlet::Stopped.into())
    }

    /// Ends the current cohort. One whose jobs are all done already is finished here.
    fn close(&mut self) -> Result<(), SessionError> {
        self.flush()?;
        self.leaders.clear();
        if let Some(current) = self.current.take()
            && current.session.close()
        {
            Worker::new(self.shared)?.finish(&current.session)?;
        }
        Ok(())
    }
}

fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(&[], |at| &path[..at])
}

/// The directories above `path` that are not `above` itself or above it, outermost first.
fn parents(above: &[u8], path: &[u8]) -> Vec<Vec<u8>> {
    let is_named = |directory: &[u8]| {
        above.starts_with(directory)
            && matches!(above.get(directory.len()), None | Some(b'/'))
            && !above.is_empty()
    };
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.map(|at| &path[..at]).filter(|directory| !is_named(directory)).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_above_an_entry_is_named_once() {
        let text = |above: &str, path: &str| -> Vec<String> {
            parents(above.as_bytes(), path.as_bytes())
                .into_iter()
                .map(|p| String::from_utf8(p).unwrap())
                .collect()
        };
        assert_eq!(text("", "s/a/b/f"), ["s", "s/a", "s/a/b"]);
        assert_eq!(text("s/a/b", "s/a/b/g"), Vec::<String>::new());
        assert_eq!(text("s/a/b", "s/a/c/g"), ["s/a/c"]);
        assert_eq!(text("s/a/bb", "s/a/b/g"), ["s/a/b"]);
        assert_eq!(text("s", "s"), Vec::<String>::new());
    }
}
