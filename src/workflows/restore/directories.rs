//! Directories get their metadata at the end, deepest first, so that nothing written into them changes it again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::archive::block::Block;
use crate::archive::digest::{Hashing, PathDigest};
use crate::archive::entry::{Kind, Meta, path_key};
use crate::archive::place::Target;
use crate::archive::sorter::Sorter;
use crate::archive::tree::StatFacts;
use crate::workflows::cohort_entries::Located;

use super::counts::Counts;

const MEMORY_BYTES: usize = 16 << 20;

/// Directories to be finished.
pub(super) struct Directories<'a> {
    sorter: Sorter,
    current: &'a BTreeMap<PathDigest, Meta>,
}

impl<'a> Directories<'a> {
    /// None yet. `current`: metadata that wins over what manifests say.
    pub(super) fn new(spill: PathBuf, current: &'a BTreeMap<PathDigest, Meta>) -> Self {
        Self { sorter: Sorter::new(MEMORY_BYTES, spill), current }
    }

    /// Remembers a directory. Of several cohorts' words about it, that of the cohort which has it as an entry of its
    /// own counts, because it is written again when the directory changes; else the newest cohort's.
    pub(super) fn later(
        &mut self,
        path: &[u8],
        located: &Located,
        (is_context, cohort): (bool, u32),
    ) -> std::io::Result<()> {
        let depth = path.iter().filter(|byte| **byte == b'/').count() + usize::from(!path.is_empty());
        let mut key = (u32::MAX - u32::try_from(depth).unwrap_or(u32::MAX)).to_be_bytes().to_vec();
        key.extend_from_slice(&path_key(path));
        key.extend_from_slice(&[0, 0, u8::from(is_context)]);
        key.extend_from_slice(&(u32::MAX - cohort).to_be_bytes());
        let block = Block {
            chunks: Vec::new(),
            owners: (*located.owners).clone(),
            entries: vec![located.entry.clone()],
        };
        let mut payload = vec![u8::from(is_context)];
        payload.extend_from_slice(&u32::try_from(path.len()).unwrap_or(0).to_le_bytes());
        payload.extend_from_slice(path);
        payload.extend_from_slice(&block.encode());
        self.sorter.push(&key, &payload)
    }

    /// Gives all of them their metadata.
    pub(super) fn finish(self, target: &Target, hashing: &Hashing, counts: &Counts) -> std::io::Result<()> {
        let mut sorted = self.sorter.finish()?;
        let mut last: Option<Vec<u8>> = None;
        while let Some(record) = sorted.next()? {
            let Some((path, is_context, block)) = decoded(record.payload()) else {
                return Err(std::io::Error::other("temporary data was altered"));
            };
            if last.as_ref() == Some(&path) {
                continue;
            }
            let Some(entry) = block.entries.first() else { continue };
            let meta = self.current.get(&hashing.path(&entry.path)).unwrap_or(&entry.meta);
            // What manifests name as a parent may have become something else, or nothing, since.
            let is_directory = |there: Option<StatFacts>| there.is_some_and(|t| t.kind == Kind::Directory);
            let is_there = !is_context || path.is_empty() || target.look(&path).is_ok_and(is_directory);
            if is_there {
                match target.finish_directory(&path, meta, &block.owners) {
                    Ok(lacks) => counts.add(|summary| {
                        for lack in lacks {
                            *summary.shortcomings.entry(lack.kind()).or_default() += 1;
                        }
                    }),
                    Err(e) => counts.fail(&path, e.reason()),
                }
            }
            last = Some(path);
        }
        Ok(())
    }
}

fn decoded(payload: &[u8]) -> Option<(Vec<u8>, bool, Block)> {
    let (is_context, rest) = payload.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (path, block) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some((path.to_vec(), *is_context == 1, Block::decode(block).ok()?))
}
