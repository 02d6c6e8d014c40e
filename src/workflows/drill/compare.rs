//! Comparing a restored file with what the manifest recorded of it, on the disk and without the code that restored it.

use std::ffi::OsStr;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::archive::entry::{Entry, Kind};
use crate::workflows::browse::Shown;
use crate::workflows::restore::data_extents;

use super::Drilled;

/// Compares one entry and counts it.
pub(super) fn count(shown: &Shown, root: &Path, drilled: &mut Drilled) {
    let path = root.join(OsStr::from_bytes(&shown.path));
    match difference(&shown.entry, &path) {
        Ok(None) => {
            drilled.files += 1;
            drilled.bytes += shown.entry.size_bytes;
        }
        Ok(Some(what)) => drilled.fail(crate::archive::report::shown(&shown.path), what.to_owned()),
        // What could not be restored was counted already.
        Err(error) if error.kind() == io::ErrorKind::NotFound && drilled.failed > 0 => {}
        Err(error) => drilled.fail(crate::archive::report::shown(&shown.path), error.to_string()),
    }
}

/// How an entry on the disk differs from what was recorded.
fn difference(entry: &Entry, path: &Path) -> io::Result<Option<&'static str>> {
    let found = path.symlink_metadata()?;
    if entry.meta.kind == Kind::Symlink {
        let target = std::fs::read_link(path)?;
        return Ok((target.as_os_str().as_bytes() != entry.target).then_some("it points elsewhere"));
    }
    if entry.meta.kind != Kind::File {
        return Ok(None);
    }
    if !found.is_file() || found.len() != entry.size_bytes {
        return Ok(Some("it has another size than was recorded"));
    }
    let mut file = std::fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    for extent in data_extents(entry) {
        file.seek(SeekFrom::Start(extent.offset))?;
        hasher.update_reader((&mut file).take(extent.length))?;
    }
    let is_same = *hasher.finalize().as_bytes() == entry.hash;
    Ok((!is_same).then_some("its bytes have another digest than was recorded"))
}
