//! The journal of packs before they are sent.
//!
//! Each pack's name, cohort and contents are written and synced here before its PUT. After a crash the next run finds
//! which packs of the unfinished run reached the store and builds upon them instead of sending them again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::archive::digest::Sha256;
use crate::archive::pack::{PackFacts, decode_frames, encode_frames};
use crate::archive::wire::{Malformed, Reader, Writer};

/// A journal longer than this is not read: it would not be one of ours.
const JOURNAL_BYTES_MAX: u64 = 4 << 30;

/// A pack that was about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalledPack {
    /// Its cohort.
    pub cohort: String,
    /// The cohort's recipient it was sealed to: with another key it is of no use.
    pub recipient: String,
    /// Its name.
    pub name: Sha256,
    /// What is in it.
    pub facts: PackFacts,
}

/// A plan's journal, open for appending.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal at `path`, keeping the whole records in it.
    ///
    /// What a crash or a full disk left of one that was not written whole is cut off, or it would hide those after it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let journal = Self { file, path: path.to_owned() };
        let whole = journal.records()?.1;
        if journal.file.metadata()?.len() > whole {
            journal.file.set_len(whole)?;
            journal.file.sync_data()?;
        }
        Ok(journal)
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends packs and makes them durable.
    pub fn append(&mut self, packs: &[JournalledPack]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for pack in packs {
            let body = encode(pack);
            let length = u32::try_from(body.len()).map_err(io::Error::other)?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&blake3::hash(&body).as_bytes()[..8]);
            bytes.extend_from_slice(&body);
        }
        self.file.write_all(&bytes)?;
        self.file.sync_data()
    }

    /// Forgets everything: the run was committed, or its packs are of no use.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() == 0 {
            return Ok(());
        }
        self.file.set_len(0)?;
        self.file.sync_data()
    }

    /// What is in the journal, up to the first record that was not written whole.
    pub fn read(&self) -> io::Result<Vec<JournalledPack>> {
        Ok(self.records()?.0)
    }

    /// The whole records, and how many bytes they take.
    fn records(&self) -> io::Result<(Vec<JournalledPack>, u64)> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(JOURNAL_BYTES_MAX).read_to_end(&mut bytes)?;
        let mut packs = Vec::new();
        let mut rest = &bytes[..];
        while let Some((head, after)) = rest.split_at_checked(12) {
            let length = head.iter().take(4).rev().fold(0_usize, |n, byte| n << 8 | usize::from(*byte));
            let Some((body, next)) = after.split_at_checked(length) else { break };
            if blake3::hash(body).as_bytes()[..8] != head[4..] {
                break;
            }
            match decode(body) {
                Ok(pack) => packs.push(pack),
                Err(_) => break,
            }
            rest = next;
        }
        let whole = bytes.len() - rest.len();
        Ok((packs, crate::archive::wire::to_u64(whole)))
    }
}

fn encode(pack: &JournalledPack) -> Vec<u8> {
    let mut w = Writer::new();
    w.bytes(pack.cohort.as_bytes());
    w.bytes(pack.recipient.as_bytes());
    w.raw(&pack.name.0);
    w.number(pack.facts.size_bytes);
    w.number(u64::from(pack.facts.header_length));
    w.number(pack.facts.files);
    encode_frames(&mut w, &pack.facts.frames);
    w.into_bytes()
}

fn decode(body: &[u8]) -> Result<JournalledPack, Malformed> {
    let r = &mut Reader::new(body);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let cohort = text(r.bytes("cohort")?);
    let recipient = text(r.bytes("recipient")?);
    let name = Sha256(r.array("pack name")?);
    let size_bytes = r.number("pack size")?;
    let header_length = r.number32("header length")?;
    let files = r.number("files")?;
    let facts = PackFacts { size_bytes, header_length, files, frames: decode_frames(r)? };
    Ok(JournalledPack { cohort, recipient, name, facts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_record_ends_the_journal_and_hurts_nothing_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let pack = |n: u8| JournalledPack {
            cohort: "gen-2026-11".to_owned(),
            recipient: "age1x".to_owned(),
            name: Sha256([n; 32]),
            facts: PackFacts { size_bytes: 10, header_length: 3, files: 1, frames: Vec::new() },
        };
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&[pack(1), pack(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(journal.read().unwrap().len() < 2);
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(journal.read().unwrap(), vec![pack(1), pack(2)]);
        journal.clear().unwrap();
        assert_eq!(journal.read().unwrap(), Vec::new());
    }
}
