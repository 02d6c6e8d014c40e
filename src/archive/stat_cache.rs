//! The local cache of what a plan's last snapshot knew: no names, one fixed-size record for each path, sorted by the
//! keyed digest of the path.
//!
//! Losing it costs one full read of the source, nothing else. It is read and written front to back, merged with the
//! sorted walk, so memory does not grow with the tree.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::digest::{FileHash, PathDigest, first16};
use super::entry::Kind;
use super::tree::StatFacts;
use super::wire::Writer;

const MARK: &[u8; 8] = b"KURASTA1";
const RECORD_BYTES: usize = 69;

/// A digest of all `lstat` fields that change when a file changes; zeros never match.
pub type StatPrint = [u8; 16];

/// The fingerprint of an entry's `lstat`.
pub fn print_of(stat: &StatFacts, is_leaf: bool) -> StatPrint {
    let mut w = Writer::new();
    w.byte(stat.kind.number() | u8::from(is_leaf) << 4);
    for n in [u64::from(stat.mode), u64::from(stat.uid), u64::from(stat.gid), stat.size_bytes] {
        w.number(n);
    }
    for time in [stat.mtime, stat.ctime] {
        w.signed(time.seconds);
        w.number(u64::from(time.nanos));
    }
    for n in [stat.inode, stat.links, stat.device_number] {
        w.number(n);
    }
    first16(blake3::hash(&w.into_bytes()).as_bytes())
}

/// What is known of one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// The path's keyed digest.
    pub path: PathDigest,
    /// The `lstat` fingerprint when it was read; zeros force a new look.
    pub print: StatPrint,
    /// A file's or link target's hash; of a directory, the digest of the metadata last written in manifests.
    pub hash: FileHash,
    /// The clock day of its cohort, days since 1970-01-01.
    pub day: i32,
    /// What it was.
    pub kind: Kind,
    /// A file whose latest manifest entry has content of its own (not a link to another name).
    pub has_content: bool,
    /// A directory that has an entry of its own, not only as the parent of something.
    pub is_own: bool,
    /// A directory whose manifests disagree about its metadata.
    pub is_ambiguous: bool,
    /// A directory whose current metadata differs from what its manifests say.
    pub is_listed: bool,
    /// No longer there; kept so that the same content keeps its day if it comes back.
    pub is_gone: bool,
}

impl Known {
    /// The record's 69 bytes.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut out = [0_u8; RECORD_BYTES];
        out[..16].copy_from_slice(&self.path.0);
        out[16..32].copy_from_slice(&self.print);
        out[32..64].copy_from_slice(&self.hash);
        out[64..68].copy_from_slice(&self.day.to_le_bytes());
        let flags = [self.has_content, self.is_own, self.is_ambiguous, self.is_listed, self.is_gone];
        out[68] =
            flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)) << 3 | self.kind.number();
        out
    }

    /// Decodes a record; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; RECORD_BYTES] = bytes.try_into().ok()?;
        let flag = |n: u8| bytes[68] >> (3 + n) & 1 == 1;
        Some(Self {
            path: PathDigest(bytes[..16].try_into().ok()?),
            print: bytes[16..32].try_into().ok()?,
            hash: bytes[32..64].try_into().ok()?,
            day: i32::from_le_bytes(bytes[64..68].try_into().ok()?),
            kind: *Kind::ALL.get(usize::from(bytes[68] & 7))?,
            has_content: flag(0),
            is_own: flag(1),
            is_ambiguous: flag(2),
            is_listed: flag(3),
            is_gone: flag(4),
        })
    }
}

/// Reads a cache front to back.
pub struct CacheReader {
    file: Option<BufReader<File>>,
    next: Option<Known>,
}

impl CacheReader {
    /// A cache that knows nothing.
    pub fn empty() -> Self {
        Self { file: None, next: None }
    }

    /// Opens a cache file; a file that is not one is refused, so that it counts as lost.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(256 << 10, File::open(path)?);
        let mut mark = [0_u8; 8];
        file.read_exact(&mut mark)?;
        if &mark != MARK {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a stat cache"));
        }
        let mut reader = Self { file: Some(file), next: None };
        reader.next = reader.read()?;
        Ok(reader)
    }

    fn read(&mut self) -> io::Result<Option<Known>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        let mut bytes = [0_u8; RECORD_BYTES];
        match file.read_exact(&mut bytes) {
            Ok(()) => {
                let known = Known::decode(&bytes);
                known.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "stat cache record"))
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Takes the next record if its path comes before `path` (`None`: takes any).
    pub fn next_before(&mut self, path: Option<PathDigest>) -> io::Result<Option<Known>> {
        match self.next {
            Some(known) if path.is_none_or(|path| known.path < path) => {
                self.next = self.read()?;
                Ok(Some(known))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Takes the next record if it is of exactly this path.
    pub fn take(&mut self, path: PathDigest) -> io::Result<Option<Known>> {
        match self.next {
            Some(known) if known.path == path => {
                self.next = self.read()?;
                Ok(Some(known))
            }
            Some(_) | None => Ok(None),
        }
    }
}

/// Writes a cache front to back.
pub struct CacheWriter(BufWriter<File>);

impl CacheWriter {
    /// Begins a cache file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(256 << 10, File::create(path)?);
        file.write_all(MARK)?;
        Ok(Self(file))
    }

    /// Appends a record; records must come in ascending order of path digest.
    pub fn push(&mut self, known: &Known) -> io::Result<()> {
        self.0.write_all(&known.encode())
    }

    /// Ends the file durably.
    pub fn finish(self) -> io::Result<()> {
        self.0.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// Merges the old cache with what a run learned (`news`: records of `Known`, sorted by path) into a new file.
///
/// `keep` tells which old records are still worth keeping (those of expired cohorts that are gone are not).
pub fn merge(
    mut old: CacheReader,
    mut news: super::sorter::Sorted,
    keep: impl Fn(&Known) -> bool,
    into: &Path,
) -> io::Result<()> {
    let mut out = CacheWriter::create(into)?;
    let mut next = read_news(&mut news)?;
    while let Some(mut known) = next {
        next = read_news(&mut news)?;
        while let Some(more) = next.filter(|more| more.path == known.path) {
            known = folded(&known, &more);
            next = read_news(&mut news)?;
        }
        while let Some(before) = old.next_before(Some(known.path))? {
            if keep(&before) {
                out.push(&before)?;
            }
        }
        let earlier = old.take(known.path)?;
        let now = earlier.map_or(known, |earlier| succeeded(&earlier, &known));
        if !now.is_gone || keep(&now) {
            out.push(&now)?;
        }
    }
    while let Some(rest) = old.next_before(None)? {
        if keep(&rest) {
            out.push(&rest)?;
        }
    }
    out.finish()
}

fn read_news(news: &mut super::sorter::Sorted) -> io::Result<Option<Known>> {
    let Some(record) = news.next()? else { return Ok(None) };
    let known = Known::decode(record.payload());
    known.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "stat cache record"))
}

/// Two things learned of one path in one run: only directories can be, from several cohorts.
fn folded(a: &Known, b: &Known) -> Known {
    // A path that is gone as one thing and there as another is there.
    if a.is_gone != b.is_gone {
        return if a.is_gone { *b } else { *a };
    }
    let mut one = *b;
    one.is_ambiguous |= a.is_ambiguous || a.hash != b.hash;
    one.is_listed |= a.is_listed;
    if a.is_own && !b.is_own {
        (one.is_own, one.day) = (true, a.day);
    }
    if a.print != b.print {
        one.print = [0; 16];
    }
    one
}

/// A directory that manifests of different runs describe differently is ambiguous from then on.
fn succeeded(earlier: &Known, known: &Known) -> Known {
    let mut now = *known;
    let both_directories = known.kind == Kind::Directory && earlier.kind == Kind::Directory;
    if both_directories && !known.is_gone && !earlier.is_gone {
        now.is_ambiguous |= earlier.is_ambiguous || (earlier.hash != known.hash && !known.is_own);
        if earlier.is_own && !known.is_own {
            (now.is_own, now.day) = (true, earlier.day);
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::super::sorter::Sorter;
    use super::*;

    fn known(n: u8, day: i32) -> Known {
        Known {
            path: PathDigest([n; 16]),
            print: [n; 16],
            hash: [n; 32],
            day,
            kind: Kind::File,
            has_content: n.is_multiple_of(2),
            is_own: false,
            is_ambiguous: n == 3,
            is_listed: false,
            is_gone: n == 4,
        }
    }

    #[test]
    fn news_replace_what_was_known_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("1"), dir.path().join("2"));
        let mut writer = CacheWriter::create(&first).unwrap();
        for n in [1, 3, 5] {
            writer.push(&known(n, -7)).unwrap();
        }
        writer.finish().unwrap();
        let mut news = Sorter::new(1 << 20, dir.path().to_owned());
        for n in [4, 3, 9] {
            news.push(&[n; 16], &known(n, 100).encode()).unwrap();
        }
        merge(CacheReader::open(&first).unwrap(), news.finish().unwrap(), |_| true, &second).unwrap();
        let mut reader = CacheReader::open(&second).unwrap();
        let mut back = Vec::new();
        while let Some(record) = reader.next_before(None).unwrap() {
            back.push(record);
        }
        assert_eq!(back, vec![known(1, -7), known(3, 100), known(4, 100), known(5, -7), known(9, 100)]);
    }

    #[test]
    fn a_torn_cache_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        std::fs::write(&path, b"rubbish").unwrap();
        assert!(CacheReader::open(&path).is_err());
    }
}
