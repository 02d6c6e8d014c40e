//! Looking into snapshots: listing, finding, comparing, and one file to a stream. Names are sealed, so all of this
//! needs a recovery key.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::block::Block;
use crate::archive::entry::{Content, Entry, Kind, path_key};
use crate::archive::records::SnapshotCohort;
use crate::archive::sorter::{Sorted, Sorter};
use crate::archive::unseal::Unpacker;
use crate::domain::time::{Day, Instant};

use super::causes::with_causes;
use super::choice::Wanted;
use super::cohort_entries::{CohortEntries, Located, Lost};
use super::reading::CohortReader;
use super::repository::Opened;
use super::restore::{OpenSnapshot, RestoreError, open_snapshot};
use super::selection::Selection;

const MEMORY_BYTES: usize = 32 << 20;

/// An entry as listings show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The path that a restore would make.
    pub path: Vec<u8>,
    /// Its metadata, size and hash.
    pub entry: Entry,
    /// The cohort it is filed in.
    pub cohort: String,
}

/// Entries of a snapshot in order of path.
pub struct Listing {
    sorted: Sorted,
    last: Option<Vec<u8>>,
    /// What could not be read, one line each.
    pub lost: Vec<String>,
}

impl Listing {
    /// Itself, if nothing of it is lost.
    pub fn whole(self) -> Result<Self, RestoreError> {
        self.lost.first().map_or(Ok(()), |reason| Err(RestoreError::Lost(reason.clone())))?;
        Ok(self)
    }

    /// The next entry; each directory once, however many cohorts name it.
    pub fn next(&mut self) -> Result<Option<Shown>, RestoreError> {
        while let Some(record) = self.sorted.next()? {
            let altered = || io::Error::other("temporary data was altered");
            let (length, rest) = record.payload().split_first_chunk::<4>().ok_or_else(altered)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(io::Error::other)?;
            let (cohort, block) = rest.split_at_checked(length).ok_or_else(altered)?;
            let block = Block::decode(block).map_err(io::Error::other)?;
            let entry = block.entries.into_iter().next().ok_or_else(altered)?;
            if entry.meta.kind == Kind::Directory && self.last.as_ref() == Some(&entry.path) {
                continue;
            }
            self.last = Some(entry.path.clone());
            let cohort = String::from_utf8_lossy(cohort).into_owned();
            return Ok(Some(Shown { path: entry.path.clone(), entry, cohort }));
        }
        Ok(None)
    }
}

/// A snapshot opened for looking.
pub struct Browser {
    opened: Arc<Opened>,
    /// The snapshot.
    pub open: OpenSnapshot,
    spill: PathBuf,
}

impl Browser {
    /// Opens a snapshot.
    pub async fn open(opened: Arc<Opened>, wanted: &Wanted, now: Instant) -> Result<Self, RestoreError> {
        Self::open_days(opened, wanted, None, now).await
    }

    /// The same, of these sent days alone.
    pub async fn open_days(
        opened: Arc<Opened>,
        wanted: &Wanted,
        sent: Option<(Day, Day)>,
        now: Instant,
    ) -> Result<Self, RestoreError> {
        let open = open_snapshot(&opened, wanted, sent, now).await?;
        Ok(Self { opened, open, spill: std::env::temp_dir() })
    }

    /// Lists what fits the patterns (everything, if there are none), in order of path.
    pub fn list(&self, patterns: &[OsString]) -> Result<Listing, RestoreError> {
        tokio::task::block_in_place(|| {
            let source = super::restore::source_name(&self.opened, &self.open)?;
            let selection = super::restore::selection(&self.open, patterns, source.as_deref())?;
            let mut sorter = Sorter::new(MEMORY_BYTES, self.spill.clone());
            let mut lost: Vec<String> = self.lost_cohorts();
            for (cohort, reader) in &self.open.cohorts {
                match self.list_cohort((cohort, reader), &selection, &mut sorter) {
                    Ok(more) => lost.extend(more),
                    Err(RestoreError::Read(e)) if e.is_damage() => {
                        lost.push(format!("everything of {}: {}", cohort.cohort, with_causes(&e)));
                    }
                    Err(e) => return Err(e),
                }
            }
            Ok(Listing { sorted: sorter.finish()?, last: None, lost })
        })
    }

    fn lost_cohorts(&self) -> Vec<String> {
        let lost = self.open.lost.iter();
        lost.map(|(cohort, reason)| format!("everything of {}: {reason}", cohort.cohort)).collect()
    }

    /// Lists one cohort; gives what could not be read.
    fn list_cohort(
        &self,
        (cohort, reader): (&SnapshotCohort, &CohortReader),
        selection: &Selection,
        sorter: &mut Sorter,
    ) -> Result<Vec<String>, RestoreError> {
        let hashing = &self.opened.secrets.hashing;
        let mut entries = CohortEntries::open(reader, hashing, &cohort.parts, selection)?;
        while let Some(located) = entries.next()? {
            if !located.is_doubtful && selection.wants(&located.entry.path) {
                self.push(sorter, located.entry, &cohort.cohort)?;
            }
        }
        let stretch = |lost: &Lost| {
            let path = |path: &[u8]| crate::archive::report::shown(&self.open.shown_path(path));
            format!(
                "{} entries from {} to {}: {}",
                lost.entries,
                path(&lost.first),
                path(&lost.last),
                lost.reason
            )
        };
        Ok(entries.lost().iter().map(stretch).collect())
    }

    fn push(&self, sorter: &mut Sorter, mut entry: Entry, cohort: &str) -> io::Result<()> {
        entry.path = self.open.shown_path(&entry.path);
        let mut payload = u32::try_from(cohort.len()).unwrap_or(0).to_le_bytes().to_vec();
        payload.extend_from_slice(cohort.as_bytes());
        let key = path_key(&entry.path);
        let block = Block {
            chunks: Vec::new(),
            owners: crate::archive::block::OwnerNames::default(),
            entries: vec![entry],
        };
        payload.extend_from_slice(&block.encode());
        sorter.push(&key, &payload)
    }

    /// Writes one file to `out`. A short file is checked before its first byte leaves; a long one at its end.
    pub fn cat(&self, path: &OsString, out: &mut dyn Write) -> Result<u64, RestoreError> {
        tokio::task::block_in_place(|| {
            let patterns = std::slice::from_ref(path);
            let source = super::restore::source_name(&self.opened, &self.open)?;
            let selection = super::restore::selection(&self.open, patterns, source.as_deref())?;
            let (located, reader) = self.find_file(&selection)?.ok_or(RestoreError::Nothing)?;
            write_out(&located, reader, out)
        })
    }

    fn find_file(&self, selection: &Selection) -> Result<Option<(Located, &CohortReader)>, RestoreError> {
        let mut lost = self.lost_cohorts();
        for (cohort, reader) in &self.open.cohorts {
            let hashing = &self.opened.secrets.hashing;
            let mut entries = match CohortEntries::open(reader, hashing, &cohort.parts, selection) {
                Err(e) if e.is_damage() => {
                    lost.push(with_causes(&e));
                    continue;
                }
                entries => entries?,
            };
            while let Some(located) = entries.next()? {
                if located.is_doubtful {
                    lost.push("a damaged manifest block may say otherwise of the file".to_owned());
                    continue;
                }
                if !selection.wants(&located.entry.path) || located.entry.meta.kind != Kind::File {
                    continue;
                }
                if let Content::LinkTo(leader) = &located.entry.content {
                    let leader = Selection::exactly(leader.clone());
                    return self.find_file(&leader);
                }
                return Ok(Some((located, reader)));
            }
            lost.extend(entries.lost().iter().map(|lost| lost.reason.clone()));
        }
        lost.pop().map_or(Ok(None), |reason| Err(RestoreError::Lost(reason)))
    }
}

/// Bytes that are checked before anything is written.
const CHECKED_FIRST_BYTES: u64 = 16 << 20;

fn write_out(located: &Located, reader: &CohortReader, out: &mut dyn Write) -> Result<u64, RestoreError> {
    let entry = &located.entry;
    let mut unpacker = Unpacker::new().map_err(io::Error::other)?;
    let mut hasher = blake3::Hasher::new();
    let mut held = Vec::new();
    let is_short = entry.data_bytes() <= CHECKED_FIRST_BYTES;
    let mut extents = crate::workflows::restore::data_extents(entry).into_iter();
    let (mut at, mut extent) = (0_u64, extents.next());
    for piece in &located.pieces {
        let plain = reader.whole_frame(&piece.pack, piece.frame, &mut unpacker)?;
        let start = usize::try_from(piece.offset).map_err(io::Error::other)?;
        let end = start.saturating_add(usize::try_from(piece.length).map_err(io::Error::other)?);
        let mut bytes = plain.get(start..end).ok_or_else(|| io::Error::other("bytes outside their frame"))?;
        hasher.update(bytes);
        while !bytes.is_empty() {
            let Some(here) = extent else {
                return Err(io::Error::other("more bytes than the file has").into());
            };
            let sink: &mut dyn Write = if is_short { &mut held } else { out };
            zeros(sink, here.offset.saturating_sub(at))?;
            at = at.max(here.offset);
            let left = usize::try_from(here.offset + here.length - at).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(left.min(bytes.len()));
            sink.write_all(now)?;
            at += crate::archive::wire::to_u64(now.len());
            bytes = later;
            if at >= here.offset + here.length {
                extent = extents.next();
            }
        }
    }
    let sink: &mut dyn Write = if is_short { &mut held } else { out };
    zeros(sink, entry.size_bytes.saturating_sub(at))?;
    if *hasher.finalize().as_bytes() != entry.hash {
        return Err(io::Error::other("the content is not what was backed up (wrong hash)").into());
    }
    out.write_all(&held)?;
    Ok(entry.size_bytes)
}

/// Writes the bytes of a hole.
fn zeros(out: &mut dyn Write, mut count: u64) -> io::Result<()> {
    let block = [0_u8; 8192];
    while count > 0 {
        let n = usize::try_from(count).unwrap_or(usize::MAX).min(block.len());
        out.write_all(&block[..n])?;
        count -= crate::archive::wire::to_u64(n);
    }
    Ok(())
}

/// How an entry differs between two snapshots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// Only in the second.
    Added,
    /// Only in the first.
    Removed,
    /// Other content.
    Content,
    /// Other metadata only.
    Metadata,
}

/// Compares two listings; `tell` gets each difference in order of path.
pub fn diff(
    mut a: Listing,
    mut b: Listing,
    mut tell: impl FnMut(Difference, &Shown) -> io::Result<()>,
) -> Result<u64, RestoreError> {
    let (mut left, mut right) = (a.next()?, b.next()?);
    let mut count = 0;
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(count),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(x), Some(y)) => path_key(&x.path).cmp(&path_key(&y.path)),
        };
        let found = match (order, &left, &right) {
            (std::cmp::Ordering::Less, Some(x), _) => Some((Difference::Removed, x)),
            (std::cmp::Ordering::Greater, _, Some(y)) => Some((Difference::Added, y)),
            (_, Some(x), Some(y)) => changed(&x.entry, &y.entry).map(|difference| (difference, y)),
            (_, _, _) => None,
        };
        if let Some((difference, shown)) = found {
            tell(difference, shown)?;
            count += 1;
        }
        if order != std::cmp::Ordering::Greater {
            left = a.next()?;
        }
        if order != std::cmp::Ordering::Less {
            right = b.next()?;
        }
    }
}

fn changed(a: &Entry, b: &Entry) -> Option<Difference> {
    let is_same_link = matches!((&a.content, &b.content), (Content::LinkTo(_), _) | (_, Content::LinkTo(_)));
    let same_bytes =
        a.size_bytes == b.size_bytes && (a.hash == b.hash || is_same_link) && a.target == b.target;
    if a.meta.kind != b.meta.kind || !same_bytes {
        return Some(Difference::Content);
    }
    let mut meta = b.meta.clone();
    meta.link_group = a.meta.link_group;
    (a.meta != meta).then_some(Difference::Metadata)
}
