//! A table whose days no index finds: read once, in the order of days, instead of once for each day.
//!
//! The first few days are read one by one, because mostly only a few changed. Then the database sorts the whole table
//! and the rows lie in a file of the home that has no name any more, so that a run that dies leaves nothing behind.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::copying::{Copied, miscounted};

/// So many days of a table are read by a scan of their own.
pub(super) const SINGLE_DAYS: usize = 3;
/// What is read at once.
const READ_BYTES: usize = 256 << 10;

/// A table of which several days may be wanted.
pub(super) struct Sorted {
    statement: String,
    opened: AtomicUsize,
    rows: Mutex<Option<Rows>>,
}

/// All rows of a table in a file, day after day.
#[derive(Clone)]
struct Rows {
    file: Arc<File>,
    days: Arc<BTreeMap<Option<i32>, Span>>,
}

/// Where a day's rows lie.
#[derive(Clone, Copy, Default)]
struct Span {
    begin: u64,
    end: u64,
    rows: i64,
}

impl Sorted {
    /// A table that `statement` gives in the order of days, each row with the number of its day before it.
    pub(super) fn new(statement: String) -> Self {
        Self { statement, opened: AtomicUsize::new(0), rows: Mutex::default() }
    }

    /// Notes that one more day is read; whether it is to be taken from the whole table.
    pub(super) fn is_wanted(&self) -> bool {
        self.opened.fetch_add(1, Ordering::SeqCst) >= SINGLE_DAYS
    }

    /// The rows of a day, which must be so many. The first call reads the table; others wait for it.
    pub(super) fn day(
        &self,
        (day, counted): (Option<i32>, i64),
        spill: &Path,
        copy: impl FnOnce(&str) -> Copied,
    ) -> Result<Box<dyn Read + Send>, String> {
        let mut held = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = match &*held {
            Some(rows) => rows.clone(),
            None => {
                let read = Rows::read(spill, copy(&self.statement));
                held.insert(read.map_err(|error| format!("the table could not be read as a whole: {error}"))?)
                    .clone()
            }
        };
        drop(held);
        let span = rows.days.get(&day).copied().unwrap_or_default();
        if span.rows == counted {
            Ok(Box::new(Part { file: rows.file, at: span.begin, end: span.end }))
        } else {
            Err(miscounted(span.rows, counted))
        }
    }
}

impl Rows {
    fn read(spill: &Path, copied: Copied) -> io::Result<Self> {
        let temporary =
            |error: io::Error| io::Error::new(error.kind(), format!("the temporary file: {error}"));
        let file = tempfile::tempfile_in(spill).map_err(temporary)?;
        let mut writer = BufWriter::with_capacity(READ_BYTES, &file);
        let mut reader = BufReader::with_capacity(READ_BYTES, copied);
        let (mut days, mut at) = (BTreeMap::<Option<i32>, Span>::new(), 0_u64);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let (day, row) = parted(&line)?;
            writer.write_all(row).map_err(temporary)?;
            let span = days.entry(day).or_insert(Span { begin: at, end: at, rows: 0 });
            if span.end != at {
                return Err(io::Error::other("the rows did not come in the order of their days"));
            }
            at += u64::try_from(row.len()).map_err(io::Error::other)?;
            (span.end, span.rows) = (at, span.rows + 1);
        }
        writer.flush().map_err(temporary)?;
        drop(writer);
        Ok(Self { file: Arc::new(file), days: Arc::new(days) })
    }
}

/// The number of a day, and the row after it. In COPY's text a line is a row; a tab parts its columns.
fn parted(line: &[u8]) -> io::Result<(Option<i32>, &[u8])> {
    let wrong = || io::Error::other("a row has no day before it");
    // A row without columns of its own is an empty line.
    let (first, row) = match line.iter().position(|byte| *byte == b'\t') {
        Some(tab) => (&line[..tab], &line[tab + 1..]),
        None => line.split_at(line.len().checked_sub(1).ok_or_else(wrong)?),
    };
    if first == b"\\N" {
        return Ok((None, row));
    }
    let number = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok());
    Ok((Some(number.ok_or_else(wrong)?), row))
}

/// A part of a file.
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..left).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = self.file.read_at(buffer, self.at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += u64::try_from(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_before_a_row_is_taken_off() {
        assert_eq!(parted(b"20000\ta\tb\n").unwrap(), (Some(20_000), &b"a\tb\n"[..]));
        assert_eq!(parted(b"-3\t\n").unwrap(), (Some(-3), &b"\n"[..]));
        assert_eq!(parted(b"\\N\t\\N\n").unwrap(), (None, &b"\\N\n"[..]));
        assert_eq!(parted(b"7\n").unwrap(), (Some(7), &b"\n"[..]));
        for wrong in [&b""[..], b"\n", b"x\ty\n"] {
            assert!(parted(wrong).is_err(), "{wrong:?}");
        }
    }
}
