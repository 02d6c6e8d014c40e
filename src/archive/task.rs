//! An entry that a run must store, on its way through the sorters.

use super::digest::{FileHash, PathDigest};
use super::entry;
use super::stat_cache::Known;
use super::walk::Found;
use super::wire::{Malformed, Reader};

/// An entry that must be stored, with what is known of it.
#[derive(Clone, Debug)]
pub struct Task {
    /// What the walk saw.
    pub found: Found,
    /// The path's digest.
    pub digest: PathDigest,
    /// What the last snapshot has of it, if that is in the same cohort.
    pub known: Option<Known>,
    /// The hash that was known of it, in whatever cohort.
    pub before: Option<FileHash>,
    /// The clock day of its cohort.
    pub day: i32,
}

impl Task {
    /// Sorts by cohort, then by path.
    pub fn key(&self) -> Vec<u8> {
        let mut key = (self.day.cast_unsigned() ^ 0x8000_0000).to_be_bytes().to_vec();
        key.extend_from_slice(&entry::path_key(&self.found.path));
        key
    }

    /// Encodes it for a sorter.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.day.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.digest.0);
        match &self.known {
            Some(known) => {
                bytes.push(1);
                bytes.extend_from_slice(&known.encode());
            }
            None => bytes.push(0),
        }
        bytes.push(u8::from(self.before.is_some()));
        bytes.extend_from_slice(self.before.as_ref().map_or(&[][..], |hash| hash.as_slice()));
        bytes.extend_from_slice(&self.found.encode());
        bytes
    }

    /// Decodes what `encode` wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let day = i32::from_le_bytes(r.array("day")?);
        let digest = PathDigest(r.array("path digest")?);
        let known = match r.byte("known")? {
            0 => None,
            _ => Some(Known::decode(r.raw(69, "known")?).ok_or(Malformed { what: "known" })?),
        };
        let before = if r.byte("before")? == 0 { None } else { Some(r.array("before")?) };
        Ok(Self { found: Found::decode(&mut r)?, digest, known, before, day })
    }
}
