//! What is put in the place of an altered object, and what a crash left behind.

use std::io;

use rustix::fs::{AtFlags, Dir, FileType};

use super::files::{random_name, remove_quietly, write_new};
use super::{Missing, TEMP, Tree};
use crate::clock::{Clock as _, SystemClock};
use crate::domain::time::Instant;

/// A file in `.tmp` this old was left by a crash, seconds.
const LEFTOVER_AGE_SECONDS: i64 = 24 * 60 * 60;

impl Tree {
    /// Puts the whole object in the place of an altered one.
    pub(super) fn replace(&self, key: &str, bytes: &[u8], until: Option<Instant>) -> io::Result<()> {
        let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
        let temp = self.enter(TEMP, Missing::Make)?;
        let folder = self.enter(path, Missing::Make)?;
        let temp_name = random_name();
        let written = write_new(&temp, &temp_name, bytes, until)
            .and_then(|()| Ok(rustix::fs::renameat(&temp, &temp_name, &folder, name)?));
        if written.is_err() {
            remove_quietly(&temp, &temp_name);
        }
        self.unflushed().insert(key.to_owned());
        written
    }

    /// Removes old files from `.tmp`. A store that may only be read keeps them; that is no reason to refuse it.
    pub(super) fn remove_leftovers(&self) {
        let Ok(temp) = self.enter(TEMP, Missing::Report) else { return };
        let Ok(entries) = Dir::read_from(&temp) else { return };
        let oldest = SystemClock.now().as_seconds() - LEFTOVER_AGE_SECONDS;
        for entry in entries.flatten() {
            let about = rustix::fs::statat(&temp, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
            let Ok(about) = about else { continue };
            let is_file = FileType::from_raw_mode(about.st_mode) == FileType::RegularFile;
            if let Ok(name) = entry.file_name().to_str()
                && is_file
                // The modification time may be the end of a lock.
                && about.st_mtime.min(about.st_ctime) < oldest
            {
                remove_quietly(&temp, name);
            }
        }
    }
}
