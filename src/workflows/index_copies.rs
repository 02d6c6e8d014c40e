//! Local copies of a plan's index objects, so that a run fetches none and can put a lost one back.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::archive::digest::Sha256;

/// The folder of a plan's copies. Losing it costs fetches, nothing else.
#[derive(Clone, Debug)]
pub struct IndexCopies {
    folder: PathBuf,
}

impl IndexCopies {
    /// Copies in `folder`, which is made when the first one is kept.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The copy of an index object, if there is one and it is what its name states.
    pub fn read(&self, name: &Sha256) -> Option<Vec<u8>> {
        let bytes = fs::read(self.folder.join(name.to_string())).ok()?;
        (Sha256::of(&bytes) == *name).then_some(bytes)
    }

    /// Keeps a copy. Failing is harmless: the object is fetched when it is needed.
    pub fn keep(&self, name: &Sha256, bytes: &[u8]) {
        let kept = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(self.folder.join(name.to_string()), bytes));
        if let Err(error) = kept {
            tracing::debug!(%error, "no local copy of an index object");
        }
    }

    /// Removes the copies of index objects that no living cohort has.
    pub fn retain(&self, living: &BTreeSet<Sha256>) {
        let Ok(listing) = fs::read_dir(&self.folder) else { return };
        for entry in listing.flatten() {
            let name = entry.file_name().to_string_lossy().parse::<Sha256>();
            if name.is_ok_and(|name| living.contains(&name)) {
                continue;
            }
            if let Err(error) = fs::remove_file(entry.path()) {
                tracing::debug!(%error, "a copy of an index object could not be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_read_back_until_it_is_altered_or_no_longer_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let copies = IndexCopies::new(dir.path().join("index"));
        let (a, b) = (Sha256::of(b"a"), Sha256::of(b"b"));
        assert_eq!(copies.read(&a), None);
        copies.keep(&a, b"a");
        copies.keep(&b, b"altered");
        assert_eq!(copies.read(&a), Some(b"a".to_vec()));
        assert_eq!(copies.read(&b), None);
        copies.retain(&BTreeSet::from([b]));
        assert_eq!(copies.read(&a), None);
    }
}
