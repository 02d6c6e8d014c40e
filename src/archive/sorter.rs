//! Sorting more records than memory holds.
//!
//! Records are a key and a payload. They are collected in pages; when the budget is used up, they are sorted and
//! spilled to an unnamed temporary file in the home (it holds names, so it must vanish with the process). Reading
//! merges the runs. Memory: the budget, and one buffer for each run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

const PAGE_BYTES: usize = 1 << 20;
const RUN_BUFFER_BYTES: usize = 256 << 10;

/// A key and its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    bytes: Vec<u8>,
    key_length: usize,
}

impl Record {
    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.bytes[..self.key_length]
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.key_length..]
    }
}

struct Slot {
    /// The key's first eight bytes: most comparisons end here.
    prefix: u64,
    page: usize,
    start: usize,
    key_length: usize,
    end: usize,
}

/// Collects records to be read back in ascending order of key.
pub struct Sorter {
    pages: Vec<Vec<u8>>,
    slots: Vec<Slot>,
    held_bytes: usize,
    budget_bytes: usize,
    directory: PathBuf,
    runs: Vec<File>,
}

impl Sorter {
    /// A sorter that holds `budget_bytes` in memory and spills into `directory`.
    pub fn new(budget_bytes: usize, directory: PathBuf) -> Self {
        Self {
            pages: Vec::new(),
            slots: Vec::new(),
            held_bytes: 0,
            budget_bytes,
            directory,
            runs: Vec::new(),
        }
    }

    /// Adds a record.
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> io::Result<()> {
        let need = key.len() + payload.len();
        if self.pages.last().is_none_or(|page| page.capacity() - page.len() < need) {
            self.pages.push(Vec::with_capacity(PAGE_BYTES.max(need)));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        let start = page.len();
        page.extend_from_slice(key);
        page.extend_from_slice(payload);
        let mut prefix = [0_u8; 8];
        let n = key.len().min(8);
        prefix[..n].copy_from_slice(&key[..n]);
        self.slots.push(Slot {
            prefix: u64::from_be_bytes(prefix),
            page: number,
            start,
            key_length: key.len(),
            end: page.len(),
        });
        self.held_bytes += need + size_of::<Slot>();
        if self.held_bytes > self.budget_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.runs.is_empty()
    }

    fn sort(&mut self) {
        let pages = &self.pages;
        self.slots.sort_unstable_by(|a, b| {
            a.prefix.cmp(&b.prefix).then_with(|| {
                let key = |slot: &Slot| &pages[slot.page][slot.start..slot.start + slot.key_length];
                key(a).cmp(key(b))
            })
        });
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let mut run = BufWriter::with_capacity(RUN_BUFFER_BYTES, tempfile::tempfile_in(&self.directory)?);
        for slot in &self.slots {
            let bytes = &self.pages[slot.page][slot.start..slot.end];
            run.write_all(&length32(slot.key_length)?)?;
            run.write_all(&length32(bytes.len())?)?;
            run.write_all(bytes)?;
        }
        let mut file = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        self.pages.clear();
        self.slots.clear();
        self.held_bytes = 0;
        Ok(())
    }

    /// Ends the collecting; records come back in ascending order of key.
    pub fn finish(mut self) -> io::Result<Sorted> {
        self.sort();
        let mut runs: Vec<BufReader<File>> =
            self.runs.into_iter().map(|file| BufReader::with_capacity(RUN_BUFFER_BYTES, file)).collect();
        let mut heap = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(record) = read_record(run)? {
                heap.push(Reverse((record.key().to_vec(), number, record.payload().to_vec())));
            }
        }
        Ok(Sorted { pages: self.pages, slots: self.slots.into_iter(), peeked: None, runs, heap })
    }
}

fn length32(n: usize) -> io::Result<[u8; 4]> {
    u32::try_from(n).map(u32::to_le_bytes).map_err(|_| io::Error::other("a record of more than 4 GiB"))
}

fn read_record(run: &mut BufReader<File>) -> io::Result<Option<Record>> {
    let mut head = [0_u8; 8];
    match run.read_exact(&mut head) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_usize, |n, byte| n << 8 | usize::from(*byte));
    let mut bytes = vec![0_u8; number(&head[4..])];
    run.read_exact(&mut bytes)?;
    Ok(Some(Record { bytes, key_length: number(&head[..4]) }))
}

/// Sorted records, read one after the other.
pub struct Sorted {
    pages: Vec<Vec<u8>>,
    slots: std::vec::IntoIter<Slot>,
    peeked: Option<Record>,
    runs: Vec<BufReader<File>>,
    heap: BinaryHeap<Reverse<(Vec<u8>, usize, Vec<u8>)>>,
}

impl Sorted {
    fn next_in_memory(&mut self) -> Option<Record> {
        let slot = self.slots.next()?;
        let bytes = self.pages[slot.page][slot.start..slot.end].to_vec();
        Some(Record { bytes, key_length: slot.key_length })
    }

    /// The next record, or `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Record>> {
        if self.heap.is_empty() {
            return Ok(self.peeked.take().or_else(|| self.next_in_memory()));
        }
        if self.peeked.is_none() {
            self.peeked = self.next_in_memory();
        }
        let from_run = match (&self.peeked, self.heap.peek()) {
            (Some(held), Some(Reverse((key, _, _)))) => key.as_slice() <= held.key(),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !from_run {
            return Ok(self.peeked.take());
        }
        let Some(Reverse((key, number, payload))) = self.heap.pop() else { return Ok(None) };
        if let Some(next) = read_record(&mut self.runs[number])? {
            self.heap.push(Reverse((next.key().to_vec(), number, next.payload().to_vec())));
        }
        let key_length = key.len();
        let mut bytes = key;
        bytes.extend_from_slice(&payload);
        Ok(Some(Record { bytes, key_length }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back_sorted_whether_spilled_or_not(
            records in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..20), any::<u8>()), 0..200),
            budget in 100_usize..20_000,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(budget, dir.path().to_owned());
            for (key, payload) in &records {
                sorter.push(key, &[*payload]).unwrap();
            }
            let mut sorted = sorter.finish().unwrap();
            let mut back = Vec::new();
            while let Some(record) = sorted.next().unwrap() {
                back.push((record.key().to_vec(), record.payload()[0]));
            }
            prop_assert!(back.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            let (mut expected, mut got) = (records, back);
            expected.sort();
            got.sort();
            prop_assert_eq!(expected, got);
        }
    }
}
