//! The report of a run: every path that was not backed up as it stands, with the reason.
//!
//! Names go to this file (0600, in the home) and, sealed, into the run-day cohort; never to logs or the catalog.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Why a path stands in the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remark {
    /// It could not be read: the snapshot is partial.
    Skipped,
    /// It changed each time it was read; what was read last is kept.
    ChangedWhileRead,
    /// It is past its year at the source and was not backed up (第22条).
    PastRetention,
    /// Its cohort is deleted in less than a day; it was not backed up.
    TooCloseToDeletion,
    /// Its day lies in the future; it counts from today.
    FutureDay,
    /// Its day cannot be right; it counts from today.
    AbsurdDay,
    /// Its path holds no day; it counts from today.
    NoDayInPath,
}

impl Remark {
    /// Whether it tells of what is deleted elsewhere: a snapshot that named it would keep its name for another year.
    const fn is_of_what_goes(self) -> bool {
        matches!(self, Self::PastRetention | Self::TooCloseToDeletion)
    }
}

#[derive(Deserialize)]
struct Told {
    remark: Remark,
}

#[derive(Serialize)]
struct Line<'a> {
    remark: Remark,
    path: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

struct Inner {
    file: BufWriter<File>,
    counts: BTreeMap<Remark, u64>,
    failed: Option<io::Error>,
}

/// Collects remarks from several threads into one file of JSON lines.
pub struct RunReport {
    inner: Mutex<Inner>,
    path: PathBuf,
}

impl RunReport {
    /// Begins a report at `path`.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let inner = Inner { file: BufWriter::new(file), counts: BTreeMap::new(), failed: None };
        Ok(Self { inner: Mutex::new(inner), path: path.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line. A failure to write is kept and told by `finish`.
    pub fn add(&self, remark: Remark, path: &[u8], reason: &str) {
        let mut inner = self.lock();
        *inner.counts.entry(remark).or_default() += 1;
        let line = Line { remark, path: shown(path), reason };
        let written = serde_json::to_writer(&mut inner.file, &line).map_err(io::Error::from);
        if let Err(e) = written.and_then(|()| inner.file.write_all(b"\n")) {
            inner.failed.get_or_insert(e);
        }
    }

    /// How many lines of one kind there are.
    pub fn count(&self, remark: Remark) -> u64 {
        self.lock().counts.get(&remark).copied().unwrap_or(0)
    }

    /// Whether nothing was remarked.
    pub fn is_empty(&self) -> bool {
        self.lock().counts.is_empty()
    }

    /// Where the report lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What goes into the snapshot: whole lines, at most so many bytes, without the names of what is past its time.
    pub fn for_snapshot(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.flush()?;
        let mut kept = Vec::new();
        let mut lines = BufReader::new(File::open(&self.path)?);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let told: Told = serde_json::from_slice(&line)?;
            if !told.remark.is_of_what_goes() {
                if kept.len() + line.len() > bytes_max {
                    break;
                }
                kept.extend_from_slice(&line);
            }
            line.clear();
        }
        Ok(kept)
    }

    /// Writes out what is buffered and tells of any failure to write.
    pub fn flush(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.file.flush()?;
        inner.failed.take().map_or(Ok(()), Err)
    }
}

/// A path for people: bytes that are not UTF-8, and control characters, as `\xNN`.
pub fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\\' {
                let mut buffer = [0_u8; 4];
                c.encode_utf8(&mut buffer).bytes().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
            } else {
                text.push(c);
            }
        }
        chunk.invalid().iter().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_snapshot_keeps_of_a_report_names_nothing_that_is_past_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let report = RunReport::create(&folder.path().join("report")).unwrap();
        for (remark, path) in [
            (Remark::FutureDay, &b"a"[..]),
            (Remark::PastRetention, b"old"),
            (Remark::TooCloseToDeletion, b"soon"),
            (Remark::Skipped, b"line\nend"),
        ] {
            report.add(remark, path, "");
        }
        let whole = "{\"remark\":\"future-day\",\"path\":\"a\"}\n{\"remark\":\"skipped\",\"path\":\"line\\\\x0aend\"}\n";
        assert_eq!(String::from_utf8(report.for_snapshot(1 << 20).unwrap()).unwrap(), whole);
        let first = "{\"remark\":\"future-day\",\"path\":\"a\"}\n";
        assert_eq!(String::from_utf8(report.for_snapshot(whole.len() - 1).unwrap()).unwrap(), first);
        let local = std::fs::read_to_string(report.path()).unwrap();
        assert!(local.contains("\"old\"") && local.contains("\"soon\""));
    }
}
