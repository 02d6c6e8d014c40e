//! Reading what is new in a log, line by line: a file from where it was read last, or what a program prints. No line is kept.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::domain::access_log::{LogPlace, LogSource};
use crate::programs::Program;

/// The most that one look reads, bytes; what is left is read by the next.
const BYTES_MAX: u64 = 1 << 30;
/// The most of a line that is looked at, bytes.
const LINE_BYTES_MAX: usize = 64 << 10;
/// The longest that a program may print.
const COMMAND_MAX: Duration = Duration::from_mins(5);

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reading {
    /// How far.
    pub place: LogPlace,
    /// Lines.
    pub lines: u64,
    /// The file is another one than last time, or was cut: what the former one got after that look was not read.
    pub is_gap: bool,
    /// There was more than one look reads.
    pub is_cut: bool,
}

/// Why a log could not be read. The same words in rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogTrouble {
    /// It is not there, or this program may not read it.
    #[error("not-read")]
    NotRead,
    /// The program did not end well.
    #[error("command-failed")]
    CommandFailed,
}

/// Gives every line that is new to `each`, and `each` back with how far the log was read.
pub async fn read_log<F>(
    source: &LogSource,
    from: Option<LogPlace>,
    each: F,
) -> (Result<Reading, LogTrouble>, Option<F>)
where
    F: FnMut(&[u8]) + Send + 'static,
{
    let source = source.clone();
    let trouble = match &source {
        LogSource::File(_) => LogTrouble::NotRead,
        LogSource::Command(_) => LogTrouble::CommandFailed,
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut each = each;
        let read = match &source {
            LogSource::File(path) => of_file(path, from, &mut each),
            LogSource::Command(command) => of_command(command, &mut each),
        };
        (read.map_err(|_| trouble), Some(each))
    });
    read.await.unwrap_or((Err(trouble), None))
}

fn of_file(path: &str, from: Option<LogPlace>, each: &mut impl FnMut(&[u8])) -> std::io::Result<Reading> {
    let mut file = File::open(path)?;
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    // A column holds 63 bits, and so does every inode that is known to differ.
    let inode = data.ino() & (u64::MAX >> 1);
    let goes_on = from.filter(|place| place.file == inode && place.offset <= data.size());
    let start = goes_on.map_or(0, |place| place.offset);
    file.seek(SeekFrom::Start(start))?;
    let mut reading = read_lines(&mut BufReader::new(file), false, each)?;
    reading.is_gap = from.is_some() && goes_on.is_none();
    reading.place = LogPlace { file: inode, offset: start.saturating_add(reading.place.offset) };
    Ok(reading)
}

/// Reads lines to the end, or to the cap. A last line without an end is left for the next time, unless nothing can follow it.
fn read_lines(
    reader: &mut impl BufRead,
    is_whole: bool,
    each: &mut impl FnMut(&[u8]),
) -> std::io::Result<Reading> {
    let mut reading = Reading::default();
    let (mut line, mut size) = (Vec::new(), 0_u64);
    loop {
        let part = reader.fill_buf()?;
        if part.is_empty() {
            if is_whole && size > 0 {
                each(&line);
                reading.lines += 1;
                reading.place.offset += size;
            }
            return Ok(reading);
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(part.len());
        let kept = taken.min(LINE_BYTES_MAX.saturating_sub(line.len()));
        line.extend_from_slice(part.get(..kept).unwrap_or_default());
        let used = taken + usize::from(end.is_some());
        size += u64::try_from(used).unwrap_or(u64::MAX);
        reader.consume(used);
        if end.is_some() {
            each(&line);
            reading.lines += 1;
            reading.place.offset += size;
            line.clear();
            size = 0;
            if reading.place.offset >= BYTES_MAX {
                reading.is_cut = !reader.fill_buf()?.is_empty();
                return Ok(reading);
            }
        }
    }
}

/// A program that ended badly, or that the deadline killed with all it started, is an error of the last read.
fn of_command(command: &[String], each: &mut impl FnMut(&[u8])) -> std::io::Result<Reading> {
    let program = Program { command, environment: &[], folder: Path::new("/"), timeout: COMMAND_MAX };
    let running = program.start().map_err(std::io::Error::other)?;
    let mut reading = read_lines(&mut BufReader::new(running), true, each)?;
    reading.place = LogPlace::default();
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    async fn lines(source: &LogSource, from: Option<LogPlace>) -> (Result<Reading, LogTrouble>, Vec<String>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let own = heard.clone();
        let (read, _) = read_log(source, from, move |line: &[u8]| {
            own.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
        })
        .await;
        let heard = heard.lock().unwrap().clone();
        (read, heard)
    }

    #[tokio::test]
    async fn a_file_is_read_on_and_its_successor_from_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("firewall.log");
        let source = LogSource::File(path.to_str().unwrap().to_owned());
        assert_eq!(lines(&source, None).await.0, Err(LogTrouble::NotRead));
        std::fs::write(&path, "a\nb\nhal").unwrap();
        let (first, heard) = lines(&source, None).await;
        let first = first.unwrap();
        assert_eq!((first.lines, first.is_gap, first.place.offset), (2, false, 4));
        assert_eq!(heard, ["a", "b"], "a line that is not ended is not a line yet");
        std::fs::write(&path, "a\nb\nhalf\nc\n").unwrap();
        let (second, heard) = lines(&source, Some(first.place)).await;
        let second = second.unwrap();
        assert_eq!((heard, second.is_gap), (vec!["half".to_owned(), "c".to_owned()], false));
        std::fs::rename(&path, folder.path().join("firewall.log.1")).unwrap();
        std::fs::write(&path, "new\n").unwrap();
        let (third, heard) = lines(&source, Some(second.place)).await;
        assert_eq!((heard, third.unwrap().is_gap), (vec!["new".to_owned()], true));
    }

    #[tokio::test]
    async fn what_a_program_prints_is_read_if_it_ends_well() {
        let shell = |script: &str| LogSource::Command(["sh", "-c", script].map(str::to_owned).to_vec());
        let (read, heard) = lines(&shell("printf 'a\\nb'"), None).await;
        assert_eq!((read.unwrap().lines, heard), (2, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(lines(&shell("echo a; exit 3"), None).await.0, Err(LogTrouble::CommandFailed));
        let none = LogSource::Command(vec!["no-such-program".to_owned()]);
        assert_eq!(lines(&none, None).await.0, Err(LogTrouble::CommandFailed));
    }
}
