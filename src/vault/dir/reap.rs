//! Deleting from a directory. The end of an object's lock is its modification time: whoever may write here can change
//! it, so this guards against mistakes and not against root.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use super::errors::{fault, is_absence};
use super::files::open_folder;
use super::{DirVault, Missing, Tree};
use crate::clock::{Clock, SystemClock};
use crate::domain::time::Instant;
use crate::vault::reaper::{Locking, Reaper, Remain, RemainKind};
use crate::vault::{VaultError, key};

#[async_trait]
impl Reaper for DirVault {
    fn address(&self) -> String {
        crate::vault::Vault::address(self)
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        let (folder, name) = key::split_prefix(prefix)?;
        let (folder, name) = (folder.to_owned(), name.to_owned());
        self.slowly(move |tree| {
            let mut found = Vec::new();
            tree.walk_all(&folder, &name, &mut found).map_err(|error| {
                let place = tree.root.join(&folder);
                fault("listing", &place.display().to_string(), &error)
            })?;
            found.sort_unstable();
            Ok(found)
        })
        .await
    }

    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError> {
        let key = remain.key.clone();
        self.slowly(move |tree| tree.locked_until(&key).map_err(|error| fault("look-up", &key, &error))).await
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        let key = remain.key.clone();
        self.slowly(move |tree| {
            let until = tree.locked_until(&key).map_err(|error| fault("look-up", &key, &error))?;
            if let Some(until) = until.filter(|until| tree.now() < *until) {
                return Err(VaultError::Locked { key, until });
            }
            tree.remove(&key).map_err(|error| fault("removal", &key, &error))
        })
        .await
    }

    async fn flush(&self) -> Result<(), VaultError> {
        self.slowly(|tree| {
            let place = || tree.root.display().to_string();
            rustix::fs::syncfs(&tree.folder).map_err(|errno| fault("flush", &place(), &errno.into()))
        })
        .await
    }

    fn locking(&self) -> Locking {
        Locking::Noted
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        Ok(None)
    }
}

impl DirVault {
    /// Lets another clock say whether a lock has ended; for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        // A vault that was just opened has none.
        self.tree.clock.get_or_init(|| clock);
        self
    }

    /// Removes an object; only for what a probe has left.
    pub(in crate::vault) fn remove(&self, key: &str) -> Result<(), VaultError> {
        key::check(key)?;
        self.tree.remove(key).map_err(|error| fault("removal", key, &error))
    }
}

impl Tree {
    fn now(&self) -> Instant {
        self.clock.get().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }

    /// The end of an object's lock. A time in the past says nothing, and harms nothing.
    pub(super) fn locked_until(&self, key: &str) -> io::Result<Option<Instant>> {
        let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
        let about = self
            .enter(path, Missing::Report)
            .and_then(|folder| Ok(rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match about {
            Err(error) if is_absence(&error) => Ok(None),
            about => Ok(Some(Instant::from_micros(about?.st_mtime.saturating_mul(1_000_000)))),
        }
    }

    /// Removes a file, and the folders above it that are empty then.
    fn remove(&self, key: &str) -> io::Result<()> {
        let (mut path, name) = key.rsplit_once('/').unwrap_or(("", key));
        let folder = match self.enter(path, Missing::Report) {
            Err(error) if is_absence(&error) => return Ok(()),
            entered => entered?,
        };
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        // The folder of the plan stays.
        while let Some((above, part)) = path.rsplit_once('/') {
            let removed = self
                .enter(above, Missing::Report)
                .and_then(|folder| Ok(rustix::fs::unlinkat(&folder, part, AtFlags::REMOVEDIR)?));
            if removed.is_err() {
                break;
            }
            path = above;
        }
        Ok(())
    }

    /// Everything below a folder that is not a folder, whatever its name and kind.
    fn walk_all(&self, path: &str, name: &str, found: &mut Vec<Remain>) -> io::Result<()> {
        let folder = match self.enter(path, Missing::Report) {
            Err(error) if is_absence(&error) => return Ok(()),
            entered => entered?,
        };
        let mut folders = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." || !bytes.starts_with(name.as_bytes()) {
                continue;
            }
            let Some(part) = std::ffi::OsStr::from_bytes(bytes).to_str() else {
                let words = "a file with an impossible name lies there: it is not Kura's, remove it by hand";
                return Err(io::Error::other(words));
            };
            let about = match rustix::fs::statat(&folder, part, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                about => about?,
            };
            let key = if path.is_empty() { part.to_owned() } else { format!("{path}/{part}") };
            if FileType::from_raw_mode(about.st_mode) == FileType::Directory {
                drop(open_folder(&folder, part)?);
                folders.push(key);
            } else {
                let size_bytes = u64::try_from(about.st_size).unwrap_or(0);
                found.push(Remain { key, kind: RemainKind::Version, id: String::new(), size_bytes });
            }
        }
        drop(folder);
        folders.iter().try_for_each(|inner| self.walk_all(inner, "", found))
    }
}
