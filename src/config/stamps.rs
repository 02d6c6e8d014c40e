//! Whether the files that decisions rest on have changed: what the file system says of them, without reading them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Home;
use crate::domain::time::Instant;

/// A file that changed less than this before it was looked at may change again without its times telling: one second,
/// in nanoseconds, which is more than any file system's clock takes for a step.
const SETTLED_NANOS: i128 = 1_000_000_000;

/// What the file system says of a file that is there: inode, size, mtime and ctime in nanoseconds.
type Stamp = (u64, u64, i128, i128);

/// The settings, plans and keys of a home, as the file system tells them apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let times = (nanos(data.mtime(), data.mtime_nsec()), nanos(data.ctime(), data.ctime_nsec()));
    Some((data.ino(), data.size(), times.0, times.1))
}

impl Home {
    /// Checklists of work.
    pub fn checklists(&self) -> PathBuf {
        self.policies().join("checklists")
    }

    /// The ledger of assets.
    pub fn inventory(&self) -> PathBuf {
        self.policies().join("inventory")
    }

    /// Results that are attached to records of work, under their digests.
    pub fn works(&self) -> PathBuf {
        self.path().join("works")
    }

    /// What is monitored.
    pub fn monitoring(&self) -> PathBuf {
        self.policies().join("monitoring")
    }

    /// The stamps of `kura.toml`, of `contacts.toml`, of everything in `policies` and its folders, and of everything in `keys`.
    pub fn stamps(&self) -> Stamps {
        let mut paths = vec![self.settings_file(), self.contacts_file()];
        for folder in [self.policies(), self.monitoring(), self.key_file("")] {
            paths.extend(fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()));
            paths.push(folder);
        }
        paths.sort();
        Stamps(paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect())
    }
}

impl Stamps {
    /// Whether the same stamps will mean the same contents: no file had changed just before `now`.
    pub fn are_settled(&self, now: Instant) -> bool {
        let now = i128::from(now.as_micros()) * 1000;
        let is_old = |(_, _, mtime, ctime): &Stamp| (*mtime).max(*ctime) + SETTLED_NANOS < now;
        self.0.iter().filter_map(|(_, stamp)| stamp.as_ref()).all(is_old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_is_seen_and_young_files_are_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        home.create().unwrap();
        let plan = home.policies().join("records.toml");
        fs::write(&plan, "a").unwrap();
        let first = home.stamps();
        assert_eq!(first, home.stamps());
        let written = fs::metadata(&plan).unwrap();
        let at = |seconds: i64| Instant::from_micros((written.ctime() + seconds) * 1_000_000);
        assert!(!first.are_settled(at(0)) && first.are_settled(at(5)) && !first.are_settled(at(-5)));
        fs::write(&plan, "ab").unwrap();
        assert_ne!(first, home.stamps(), "another size");
        let second = home.stamps();
        fs::write(home.key_file("recovery.json"), "k").unwrap();
        assert_ne!(second, home.stamps(), "another file");
    }
}
