//! Names of one inode: made as hard links at the end, once the name that has the bytes is there.

use std::collections::BTreeMap;

use crate::archive::entry::{Entry, Kind};
use crate::archive::place::Target;

use super::counts::Counts;

/// Hard links to be made.
#[derive(Default)]
pub(super) struct Links {
    /// New name, existing name.
    waiting: Vec<(Vec<u8>, Vec<u8>)>,
    /// The first name of each inode that has several, with the hash of its content.
    firsts: BTreeMap<[u8; 16], (Vec<u8>, [u8; 32])>,
}

impl Links {
    /// Remembers a link.
    pub(super) fn later(&mut self, path: Vec<u8>, existing: Vec<u8>) {
        self.waiting.push((path, existing));
    }

    /// The name of the same inode with the same content that another cohort restored, if there is one.
    pub(super) fn same_inode(&mut self, entry: &Entry, path: &[u8]) -> Option<Vec<u8>> {
        let group = entry.meta.link_group.filter(|_| entry.meta.kind == Kind::File)?;
        match self.firsts.get(&group) {
            Some((first, hash)) if *hash == entry.hash => Some(first.clone()),
            Some(_) => None,
            None => {
                self.firsts.insert(group, (path.to_vec(), entry.hash));
                None
            }
        }
    }

    /// Makes the links.
    pub(super) fn make(self, target: &Target, counts: &Counts) {
        for (path, existing) in self.waiting {
            let made = target.hard_link(&existing, &path);
            counts.placed(&path, 0, made.map(|()| Vec::new()));
        }
    }
}
