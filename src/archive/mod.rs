//! Bytes to sealed packs and back: synchronous, CPU-bound, no network.
//!
//! The way out, in reading order: `walk` finds entries, `chunk` cuts their bytes, `compress` and `pack` turn new
//! chunks into sealed packs, `block` and `manifest` say what is where, `index` says which chunks a cohort holds.
//! The way back: `unseal` opens a pack or a part of it, `manifest` merges the parts of a cohort, `place` writes files.
//! `docs/format.md` is the prose of everything that is stored.
//!
//! Memory: a worker holds one segment (≤ 4 MiB), one compressed frame and one open pack; sorters spill to disk.

/// Digests, ids and the keyed hashing that makes them.
pub mod digest;

/// Varints and byte strings: the encoding of manifests and indexes.
pub mod wire;

/// The names of objects in the repository.
pub mod layout;

/// Signed envelopes (DSSE) and the Ed25519 keys that sign them.
pub mod envelope;

/// age plugins: keys for which a program of its own speaks.
pub mod plugin;

/// age: recipients, identities, sealing and opening whole objects.
pub mod seal;

/// The JSON records: repository, keys, cohort keys, snapshots.
pub mod records;

/// The JSON record of a proof of coverage.
pub mod coverage_proof;

/// Snapshots that list only what differs from another one.
pub mod base;

/// The JSON records of deletion.
pub mod evidence;

/// The JSON records of erasure orders.
pub mod erasure;

/// Content-defined cuts with a secret table.
pub mod chunk;

/// zstd with an output cap.
pub mod compress;

/// Buffers of packs, used again.
pub mod buffers;

/// Packs: zstd frames of one cohort inside one age file.
pub mod pack;

/// Opening packs, whole or in part.
pub mod unseal;

/// What Kura keeps of a file, directory, link or device.
pub mod entry;

/// Blocks of manifest entries.
pub mod block;

/// Manifest parts: a table of packs, a list of blocks, what is gone.
pub mod manifest;

/// Index objects: which chunks a cohort holds, and where.
pub mod index;

/// A directory tree that is read without ever leaving it.
pub mod tree;

/// The engine's threads.
pub mod crew;

/// Walking a source.
pub mod walk;

/// Sources without a folder: they name files and give the content of each as a stream.
pub mod stream;

/// Sorting more records than memory holds.
pub mod sorter;

/// The local cache of what a plan's last snapshot knew.
pub mod stat_cache;

/// The JSON record of a statement of recoverability.
pub mod statement;

/// The report of a run: every path that was not backed up as it stands.
pub mod report;

/// An entry that a run must store.
pub mod task;

/// From what the walk found and what the cache knows to what this run must do.
pub mod resolve;

/// What sessions share and what leaves them.
pub mod outlet;

/// One cohort while a run adds to it.
pub mod session;

/// Counters that a run turns while people watch.
pub mod progress;

/// Counts of what a run found different.
pub mod churn;

/// Reading one entry of a source.
pub mod capture;

/// Reading one large file in spans.
pub mod large;

/// Which changes are too young to trust a time stamp.
pub mod racy;

/// What a worker does with a job.
pub mod worker;

/// The worker's part in chunks.
mod cutting;

/// The worker's part in large files.
mod span;

/// The worker's part in streams.
mod streaming;

/// The engine's work, from what is dirty to what is sealed.
pub mod pipeline;

/// Writing restored entries into a target directory, and never outside of it.
pub mod place;
