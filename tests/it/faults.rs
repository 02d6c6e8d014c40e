//! Whole runs while the store or the disk fails: success after another try, or one clear error; never half a commit.

/// Disks that are full.
mod disk;

/// Servers that break off, lose, refuse or are not there.
mod server;
