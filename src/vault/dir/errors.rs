//! What the errors of a file system mean for a vault.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::vault::VaultError;

/// Not there, or not an object: a link, or a file where a folder should be.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
}

/// What a failed system call means for the object or folder at `place`.
pub(super) fn fault(act: &'static str, place: &str, error: &io::Error) -> VaultError {
    let (place, reason) = (place.to_owned(), error.to_string());
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if act == "read" => {
            VaultError::Missing { key: place }
        }
        Some(Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => VaultError::Unusable { place, reason },
        Some(Errno::NOSPC | Errno::DQUOT) => VaultError::Full { place },
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => VaultError::Denied { place, reason },
        _ => VaultError::Unavailable { act, place, reason },
    }
}

/// Why the root cannot be opened, and what to do.
pub(super) fn cannot_open(root: &Path, errno: Errno) -> VaultError {
    let place = root.display().to_string();
    let reason = match errno {
        Errno::NOENT => {
            "the folder is not there: mount its disk, correct the address, or make it with `kura init`"
        }
        Errno::NOTDIR => "this is not a folder: correct the address",
        _ => return fault("opening", &place, &errno.into()),
    };
    VaultError::Unusable { place, reason: reason.to_owned() }
}
