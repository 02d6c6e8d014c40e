//! What sessions share and what leaves them: complete packs and index objects, outcomes, errors.

use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;

use super::buffers::Buffers;
use super::compress::CompressError;
use super::digest::{Hashing, Sha256};
use super::envelope::SigningKey;
use super::pack::{PackError, PackFacts, SealedPack};
use super::records::Location;
use super::seal::{Recipient, SealError};

/// Something complete that must reach the store.
#[derive(Debug)]
pub enum Outgoing {
    /// A pack.
    Pack(CohortId, SealedPack),
    /// An index object: its name and bytes.
    Index(CohortId, Sha256, Vec<u8>),
}

/// The receiving end is gone: the run has failed elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("the run was stopped")]
pub struct Stopped;

/// Where complete packs and objects go. `send` may block; it is called from several threads.
pub trait Outlet: Sync {
    /// Hands one over.
    fn send(&self, outgoing: Outgoing) -> Result<(), Stopped>;
}

/// Why a session could not go on. Errors of the source are not among them: those are remarks.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A pack could not be made.
    #[error("could not make a pack")]
    Pack(#[from] PackError),
    /// An index object could not be sealed.
    #[error("could not seal an index object")]
    Seal(#[from] SealError),
    /// An index object could not be compressed.
    #[error("could not compress an index object")]
    Compress(#[from] CompressError),
    /// The local disk failed.
    #[error("could not use the disk for temporary data")]
    Spill(#[from] std::io::Error),
    /// The other end is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What every session of a run shares.
pub struct Makers<'a> {
    /// The plan's name.
    pub plan: PlanName,
    /// The hashing keys.
    pub hashing: &'a Hashing,
    /// Signs index objects.
    pub signing: &'a SigningKey,
    /// The catalog key: index objects are sealed to it.
    pub catalog: Recipient,
    /// The run's throw-away key: packs are sealed to it too, so that they can be read back.
    pub run: Recipient,
    /// Where packs go.
    pub outlet: &'a dyn Outlet,
    /// Buffers of packs that are in the store.
    pub buffers: &'a Buffers,
}

/// A pack that the cohort already has and that may be built upon.
#[derive(Clone, Debug)]
pub struct ExistingPack {
    /// Its name.
    pub name: Sha256,
    /// What is in it.
    pub facts: PackFacts,
    /// Taken over from a run that did not finish: it must be named by this run's index.
    pub is_adopted: bool,
}

/// What a finished session leaves for the snapshot.
#[derive(Clone, Debug)]
pub struct SessionOutcome {
    /// The cohort.
    pub cohort: CohortId,
    /// The new manifest part, if anything changed.
    pub part: Option<Location>,
    /// The new index objects, if there are new packs.
    pub indexes: Vec<Sha256>,
    /// The packs that are new in this run.
    pub packs: Vec<(Sha256, PackFacts)>,
    /// Entries added or replaced that are not directories.
    pub files: u64,
    /// Bytes of regular files added or replaced.
    pub bytes: u64,
}
