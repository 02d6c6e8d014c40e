//! Index objects: which chunks a cohort holds, and where; and which contents were first seen in it.
//!
//! The host can open these (they hold keyed ids and lengths, no names), so a host that lost its cache still knows what
//! is stored and which day a record was first seen on.

use super::digest::{SeenDigest, Sha256};
use super::pack::{PackFacts, decode_frames, encode_frames};
use super::wire::{Malformed, Reader, Writer};

const VERSION: u8 = 1;

/// What one run added to one cohort.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Index {
    /// The plan's name; a reader refuses an index of another plan.
    pub plan: String,
    /// The cohort; a reader refuses an index of another cohort.
    pub cohort: String,
    /// The packs by name, with their frames and chunks.
    pub packs: Vec<(Sha256, PackFacts)>,
    /// Contents first seen in this cohort (application plans), ascending.
    pub seen: Vec<SeenDigest>,
}

impl Index {
    /// Encodes the index.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.byte(VERSION);
        w.bytes(self.plan.as_bytes());
        w.bytes(self.cohort.as_bytes());
        w.length(self.packs.len());
        for (name, facts) in &self.packs {
            w.raw(&name.0);
            w.number(facts.size_bytes);
            w.number(u64::from(facts.header_length));
            w.number(facts.files);
            encode_frames(&mut w, &facts.frames);
        }
        w.length(self.seen.len());
        self.seen.iter().for_each(|seen| w.raw(&seen.0));
        w.into_bytes()
    }

    /// Decodes an index that must be of this plan and cohort.
    pub fn decode(bytes: &[u8], plan: &str, cohort: &str) -> Result<Self, Malformed> {
        let r = &mut Reader::new(bytes);
        if r.byte("index version")? != VERSION {
            return Err(Malformed { what: "index version" });
        }
        if r.bytes("index plan")? != plan.as_bytes() || r.bytes("index cohort")? != cohort.as_bytes() {
            return Err(Malformed { what: "index of another plan or cohort" });
        }
        let mut index = Self { plan: plan.to_owned(), cohort: cohort.to_owned(), ..Self::default() };
        for _ in 0..r.count(36, "packs of an index")? {
            let name = Sha256(r.array("pack name")?);
            let size_bytes = r.number("pack size")?;
            let header_length = r.number32("pack header length")?;
            let files = r.number("files of a pack")?;
            index
                .packs
                .push((name, PackFacts { size_bytes, header_length, files, frames: decode_frames(r)? }));
        }
        for _ in 0..r.count(16, "first-seen digests")? {
            index.seen.push(SeenDigest(r.array("first-seen digest")?));
        }
        r.end("index")?;
        Ok(index)
    }
}
