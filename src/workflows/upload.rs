//! Sending packs and reading them back.
//!
//! Workers hand over sealed packs and block while too many bytes are on their way. Each batch is journalled with one
//! sync, then sent several at a time. What the store acknowledged is fetched again, compared byte by byte, and opened
//! with the run's throw-away key: nothing is named by a snapshot that was not seen to be whole in the store.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::archive::buffers::Buffers;
use crate::archive::digest::Hashing;
use crate::archive::layout;
use crate::archive::outlet::{Outgoing, Outlet, Stopped};
use crate::archive::pack::PackFacts;
use crate::archive::progress::Progress;
use crate::archive::seal::Keys;
use crate::archive::unseal::{Checker, UnsealError};
use crate::archive::wire::to_u64;
use crate::domain::cohort::CohortId;
use crate::domain::plan::Plan;
use crate::vault::{Lock, Put, Vault, VaultError};

use super::index_copies::IndexCopies;
use super::journal::{Journal, JournalledPack};
use super::pace::Pace;

/// Bytes that may be on their way at once, KiB: hardly more than a pack where each is done at once, several packs where
/// answers take their time.
const BUDGET_KIB_NEAR: u32 = 14 << 10;
const BUDGET_KIB_REMOTE: u32 = 96 << 10;
/// Objects sent at once.
const SENDS_MAX: usize = 6;
/// Objects journalled with one sync.
const BATCH_MAX: usize = 64;

/// Why sending failed.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The store failed.
    #[error("could not store {key}")]
    Vault {
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: VaultError,
    },
    /// The journal cannot be written.
    #[error("could not write the journal {}", .path.display())]
    Journal {
        /// Its file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store gave back something else.
    #[error("the store did not give back {key} as it was sent: it must not be trusted with backups")]
    NotKept {
        /// The object.
        key: String,
    },
    /// A fresh pack does not open.
    #[error("{key} does not open after it was sealed: memory or processor may be faulty")]
    DoesNotOpen {
        /// The object.
        key: String,
        /// What is wrong.
        #[source]
        source: UnsealError,
    },
    /// A task of the runtime was lost.
    #[error("a sending task ended early")]
    Lost,
}

struct Queued {
    outgoing: Outgoing,
    permit: OwnedSemaphorePermit,
}

/// What the senders share.
struct Sending {
    vault: Arc<dyn Vault>,
    plan: Plan,
    run: Keys,
    hashing: Hashing,
    progress: Arc<Progress>,
    indexes: IndexCopies,
    buffers: Arc<Buffers>,
    checkers: Mutex<Vec<Checker>>,
    sent_bytes: AtomicU64,
    pace: Pace,
}

/// The workers' end: hands packs over.
pub struct UploadOutlet {
    runtime: Handle,
    sender: mpsc::Sender<Queued>,
    budget: Arc<Semaphore>,
    budget_kib: u32,
}

impl Outlet for UploadOutlet {
    fn send(&self, outgoing: Outgoing) -> Result<(), Stopped> {
        let bytes = match &outgoing {
            Outgoing::Pack(_, pack) => pack.bytes.len(),
            Outgoing::Index(_, _, bytes) => bytes.len(),
        };
        let kib = u32::try_from(bytes / 1024).unwrap_or(self.budget_kib).clamp(1, self.budget_kib);
        let permit =
            self.runtime.block_on(self.budget.clone().acquire_many_owned(kib)).map_err(|_| Stopped)?;
        self.runtime.block_on(self.sender.send(Queued { outgoing, permit })).map_err(|_| Stopped)
    }
}

/// The sending side of a run.
pub struct Upload {
    tasks: JoinSet<Result<(), UploadError>>,
    sending: Arc<Sending>,
}

/// What an upload needs.
pub struct UploadParts {
    /// The store.
    pub vault: Arc<dyn Vault>,
    /// The plan: where objects go and how long they are locked.
    pub plan: Plan,
    /// The run's throw-away key.
    pub run: Keys,
    /// Checks chunk ids.
    pub hashing: Hashing,
    /// Counts what was sent.
    pub progress: Arc<Progress>,
    /// Is told of packs before they are sent.
    pub journal: Arc<Mutex<Journal>>,
    /// Takes back the buffers of packs that are in the store.
    pub buffers: Arc<Buffers>,
    /// Keeps copies of the index objects that were sent.
    pub indexes: IndexCopies,
    /// The most that is sent in a second, KiB; `None` for no limit.
    pub limit_kib: Option<NonZeroU32>,
    /// Recipients by cohort, for the journal.
    pub recipients: Arc<dyn Fn(&CohortId) -> String + Send + Sync>,
}

impl Upload {
    /// Begins: gives the workers' end and the sending side.
    pub fn begin(parts: UploadParts) -> (UploadOutlet, Self) {
        let (sender, receiver) = mpsc::channel(BATCH_MAX);
        let budget_kib = if parts.vault.is_remote() { BUDGET_KIB_REMOTE } else { BUDGET_KIB_NEAR };
        let permits = usize::try_from(budget_kib).unwrap_or(1024);
        let budget = Arc::new(Semaphore::new(permits));
        let outlet = UploadOutlet { runtime: Handle::current(), sender, budget, budget_kib };
        let sending = Arc::new(Sending {
            vault: parts.vault,
            plan: parts.plan,
            run: parts.run,
            hashing: parts.hashing,
            progress: parts.progress,
            indexes: parts.indexes,
            buffers: parts.buffers,
            checkers: Mutex::default(),
            sent_bytes: AtomicU64::new(0),
            pace: Pace::new(parts.limit_kib),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(drive(sending.clone(), receiver, parts.journal, parts.recipients));
        (outlet, Self { tasks, sending })
    }

    /// Waits until everything handed over is stored and checked. The workers' end must have been dropped.
    ///
    /// Returns the bytes that were sent.
    pub async fn finish(mut self) -> Result<u64, UploadError> {
        while let Some(done) = self.tasks.join_next().await {
            done.map_err(|_| UploadError::Lost)??;
        }
        Ok(self.sending.sent_bytes.load(Ordering::Relaxed))
    }
}

async fn drive(
    sending: Arc<Sending>,
    mut receiver: mpsc::Receiver<Queued>,
    journal: Arc<Mutex<Journal>>,
    recipients: Arc<dyn Fn(&CohortId) -> String + Send + Sync>,
) -> Result<(), UploadError> {
    let mut sends: JoinSet<Result<(), UploadError>> = JoinSet::new();
    while let Some(first) = receiver.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = receiver.try_recv()
        {
            batch.push(next);
        }
        let lines: Vec<JournalledPack> =
            batch.iter().filter_map(|queued| journalled(&queued.outgoing, &*recipients)).collect();
        if !lines.is_empty() {
            let journal = journal.clone();
            let write = move || {
                let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
                let path = journal.path().to_owned();
                journal.append(&lines).map_err(|source| UploadError::Journal { path, source })
            };
            tokio::task::spawn_blocking(write).await.map_err(|_| UploadError::Lost)??;
        }
        for queued in batch {
            while sends.len() >= SENDS_MAX {
                if let Some(done) = sends.join_next().await {
                    done.map_err(|_| UploadError::Lost)??;
                }
            }
            sends.spawn(send(sending.clone(), queued));
        }
    }
    while let Some(done) = sends.join_next().await {
        done.map_err(|_| UploadError::Lost)??;
    }
    Ok(())
}

fn journalled(
    outgoing: &Outgoing,
    recipient: &(dyn Fn(&CohortId) -> String + Send + Sync),
) -> Option<JournalledPack> {
    let Outgoing::Pack(cohort, pack) = outgoing else { return None };
    let facts = pack.facts.clone();
    Some(JournalledPack { cohort: cohort.to_string(), recipient: recipient(cohort), name: pack.name, facts })
}

async fn send(sending: Arc<Sending>, queued: Queued) -> Result<(), UploadError> {
    let plan = sending.plan.name();
    let (key, name, bytes, cohort, facts) = match queued.outgoing {
        Outgoing::Pack(cohort, pack) => {
            (layout::pack(plan, &cohort, &pack.name), pack.name, pack.bytes, cohort, Some(pack.facts))
        }
        Outgoing::Index(cohort, name, bytes) => {
            (layout::index(plan, &cohort, &name), name, Bytes::from(bytes), cohort, None)
        }
    };
    let until = cohort.delete_from(sending.plan.retention(), sending.plan.zone());
    sending.pace.take(bytes.len()).await;
    let lock = Lock { until, mode: sending.plan.lock_mode() };
    put_and_compare(&*sending.vault, &key, &bytes, Some(lock)).await?;
    let length = to_u64(bytes.len());
    match facts {
        Some(facts) => check(sending.clone(), key, bytes, facts).await?,
        None => {
            let copies = sending.indexes.clone();
            let kept = tokio::task::spawn_blocking(move || copies.keep(&name, &bytes)).await;
            kept.map_err(|_| UploadError::Lost)?;
        }
    }
    sending.sent_bytes.fetch_add(length, Ordering::Relaxed);
    sending.progress.sent(length);
    drop(queued.permit);
    Ok(())
}

async fn check(
    sending: Arc<Sending>,
    key: String,
    bytes: Bytes,
    facts: PackFacts,
) -> Result<(), UploadError> {
    let open = move || {
        let checkers = || sending.checkers.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = checkers().pop();
        let mut checker = idle.map_or_else(Checker::new, Ok)?;
        checker.check(&bytes, &sending.run, &facts.frames, &sending.hashing)?;
        checkers().push(checker);
        sending.buffers.give(bytes);
        Ok(())
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(|_| UploadError::Lost)?;
    opened.map_err(|source| UploadError::DoesNotOpen { key, source })
}

/// Stores an object and fetches it again: the same bytes, or an error.
pub async fn put_and_compare(
    vault: &dyn Vault,
    key: &str,
    bytes: &Bytes,
    lock: Option<Lock>,
) -> Result<(), UploadError> {
    if put_own(vault, key, bytes, lock).await? {
        return Ok(());
    }
    Err(UploadError::NotKept { key: key.to_owned() })
}

/// Stores an object whose name another program may take at the same moment, and fetches it again; `false` if what is there
/// is the other's.
pub(super) async fn put_own(
    vault: &dyn Vault,
    key: &str,
    bytes: &Bytes,
    lock: Option<Lock>,
) -> Result<bool, UploadError> {
    let failed = |source| UploadError::Vault { key: key.to_owned(), source };
    let put = vault.put(key, bytes.clone(), lock).await.map_err(failed)?;
    let is_kept = match vault.holds(key, bytes).await {
        // It was acknowledged a moment ago.
        Err(VaultError::Missing { .. }) => false,
        held => held.map_err(failed)?,
    };
    if !is_kept && put == Put::Created {
        return Err(UploadError::NotKept { key: key.to_owned() });
    }
    Ok(is_kept)
}
