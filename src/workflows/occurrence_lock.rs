//! The lock of a plan's occurrences in the home: whoever holds it knows that no run of the plan lives beside it.
//!
//! The system lets go of it when a program ends, however it ends. Leases in the catalog keep programs of other places apart.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::FlockOperation;

use crate::config::{self, Home};
use crate::domain::plan::PlanName;

/// The lock, held.
#[derive(Debug)]
pub(super) struct OccurrenceLock {
    /// Where it is: the same for everybody who would wait for it, and for nobody else.
    pub(super) place: String,
    _file: File,
}

impl OccurrenceLock {
    /// Takes the lock of a plan; `None` if somebody holds it.
    pub(super) fn take(home: &Home, plan: &PlanName) -> io::Result<Option<Self>> {
        let path = home.state_file(plan.as_str(), "occurrence.lock");
        config::make_folder(path.parent().unwrap_or(Path::new("."))).map_err(io::Error::other)?;
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let (facts, machine) = (file.metadata()?, rustix::system::uname());
        let machine = machine.nodename().to_string_lossy();
        Ok(Some(Self { place: format!("{machine}:{}:{}", facts.dev(), facts.ino()), _file: file }))
    }
}
