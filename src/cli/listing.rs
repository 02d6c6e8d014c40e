//! Entries of snapshots on stdout: a line each, or JSON, or paths ended by zero bytes. Written as they are found.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;

use serde::Serialize;

use crate::domain::time::{Instant, Zone};
use crate::workflows::browse::{Browser, Shown};
use crate::workflows::restore::RestoreError;
use crate::workflows::{FileTime, Kind, shown_path};

use super::failure::Failure;
use super::words::{counted, local, tell};

/// stdout that remembers whether writing to it failed, so that such a failure is told as what it is.
pub(super) struct Sink {
    out: BufWriter<StdoutLock<'static>>,
    failed: Option<io::Error>,
}

impl Sink {
    /// stdout.
    pub(super) fn stdout() -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, io::stdout().lock()), failed: None }
    }

    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed = Some(error.kind().into());
            }
        })
    }

    /// The outcome of what was written here. A reader that went away is no failure.
    pub(super) fn settle(mut self, outcome: Result<(), RestoreError>) -> Result<(), Failure> {
        if outcome.is_ok() {
            // The error is kept in `failed`.
            drop(self.flush());
        }
        match self.failed.take() {
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(error) => Err(Failure::file("write to", Path::new("stdout"))(error)),
            None => Ok(outcome?),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.out.write(bytes);
        self.note(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.out.flush();
        self.note(outcome)
    }
}

/// Says that something may be left out on purpose.
pub(super) fn tell_erasures(browser: &Browser) {
    if browser.open.erasures > 0 {
        let orders = counted(browser.open.erasures, "erasure order");
        tell(&format!("kura: {orders} in force: what they cover is not shown"));
    }
}

/// How entries are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// The path.
    Short,
    /// Rights, owner, size, time, cohort, path.
    Long,
    /// The path as it is, ended by a zero byte.
    Zero,
    /// One JSON array.
    Json,
}

impl Form {
    /// The form that the options ask for; JSON wins, then `-0`.
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "three switches of the command line, as they were typed"
    )]
    pub(super) const fn of(is_json: bool, is_zero: bool, is_long: bool) -> Self {
        match (is_json, is_zero, is_long) {
            (true, _, _) => Self::Json,
            (false, true, _) => Self::Zero,
            (false, false, true) => Self::Long,
            (false, false, false) => Self::Short,
        }
    }
}

/// Writes entries one after the other.
pub(super) struct Lines<'a> {
    sink: &'a mut Sink,
    form: Form,
    zone: Zone,
    count: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
    path: String,
    kind: &'static str,
    size: u64,
    mtime: String,
    mode: String,
    uid: u32,
    gid: u32,
    cohort: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blake3: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl<'a> Lines<'a> {
    /// No entry yet.
    pub(super) fn begin(sink: &'a mut Sink, form: Form, zone: Zone) -> io::Result<Self> {
        if form == Form::Json {
            sink.write_all(b"[")?;
        }
        Ok(Self { sink, form, zone, count: 0 })
    }

    /// Writes an entry; `change` says how it differs, in a comparison.
    pub(super) fn entry(&mut self, shown: &Shown, change: Option<(&str, &str)>) -> io::Result<()> {
        let first = self.count == 0;
        self.count += 1;
        if let (Some((mark, _)), Form::Short | Form::Long) = (change, self.form) {
            write!(self.sink, "{mark} ")?;
        }
        match self.form {
            Form::Short => writeln!(self.sink, "{}", named(shown)),
            Form::Long => writeln!(self.sink, "{}", long(shown, &self.zone)),
            Form::Zero => self.sink.write_all(&shown.path).and_then(|()| self.sink.write_all(&[0])),
            Form::Json => {
                self.sink.write_all(if first { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut *self.sink, &entry(shown, change.map(|(_, word)| word)))
                    .map_err(io::Error::from)
            }
        }
    }

    /// Ends the list; gives the number of entries.
    pub(super) fn end(self) -> io::Result<u64> {
        if self.form == Form::Json {
            self.sink.write_all(if self.count == 0 { b"]\n" } else { b"\n]\n" })?;
        }
        Ok(self.count)
    }
}

/// The path; a directory's ends with `/`.
fn named(shown: &Shown) -> String {
    let slash = if shown.entry.meta.kind == Kind::Directory { "/" } else { "" };
    format!("{}{slash}", shown_path(&shown.path))
}

fn long(shown: &Shown, zone: &Zone) -> String {
    let meta = &shown.entry.meta;
    let at = Instant::from_micros(meta.mtime.seconds.saturating_mul(1_000_000));
    let target = match meta.kind {
        Kind::Symlink => format!(" -> {}", shown_path(&shown.entry.target)),
        _ => String::new(),
    };
    format!(
        "{} {:>5} {:>5} {:>12} {} {:<15} {}{target}",
        rights(meta.kind, meta.mode),
        meta.uid,
        meta.gid,
        shown.entry.size_bytes,
        local(at, zone),
        shown.cohort,
        named(shown),
    )
}

fn entry<'a>(shown: &'a Shown, change: Option<&'a str>) -> Entry<'a> {
    let meta = &shown.entry.meta;
    Entry {
        change,
        path: shown_path(&shown.path),
        kind: word(meta.kind),
        size: shown.entry.size_bytes,
        mtime: exact(meta.mtime),
        mode: format!("{:04o}", meta.mode),
        uid: meta.uid,
        gid: meta.gid,
        cohort: &shown.cohort,
        blake3: (meta.kind == Kind::File).then(|| hex::encode(shown.entry.hash)),
        target: (meta.kind == Kind::Symlink).then(|| shown_path(&shown.entry.target)),
    }
}

/// RFC 3339 with all that is known of the second.
fn exact(time: FileTime) -> String {
    let nanos = i32::try_from(time.nanos).unwrap_or(0);
    jiff::Timestamp::new(time.seconds, nanos)
        .map_or_else(|_| format!("{}s", time.seconds), |at| at.to_string())
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice => "char-device",
        Kind::BlockDevice => "block-device",
    }
}

/// `drwxr-x--t` as `ls -l` has it.
fn rights(kind: Kind, mode: u32) -> String {
    let mut text = String::from(match kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    });
    for (shift, special, letters) in
        [(6, 0o4000, ['s', 'S']), (3, 0o2000, ['s', 'S']), (0, 0o1000, ['t', 'T'])]
    {
        let bits = mode >> shift;
        let may_enter = bits & 1 != 0;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (mode & special != 0, may_enter) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letters[0],
            (true, false) => letters[1],
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_written_as_ls_writes_them() {
        for (kind, mode, text) in [
            (Kind::File, 0o644, "-rw-r--r--"),
            (Kind::File, 0o4711, "-rws--x--x"),
            (Kind::Directory, 0o1777, "drwxrwxrwt"),
            (Kind::Directory, 0o2640, "drw-r-S---"),
        ] {
            assert_eq!(rights(kind, mode), text);
        }
    }

    #[test]
    fn a_time_keeps_its_nanoseconds() {
        assert_eq!(exact(FileTime { seconds: 0, nanos: 1 }), "1970-01-01T00:00:00.000000001Z");
    }
}
