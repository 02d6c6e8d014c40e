//! Running programs and reading what they write: no shell, a clean environment, a deadline, an end that counts.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::domain::last_words::LastWords;

/// The end of what a program said that is kept, bytes.
const TAIL_BYTES: usize = 8192;
/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to run.
pub(crate) struct Program<'a> {
    /// Its path or name, and its arguments.
    pub(crate) command: &'a [String],
    /// What its environment has beside `PATH` and `LANG`.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// Where it runs.
    pub(crate) folder: &'a Path,
    /// So long it may run.
    pub(crate) timeout: Duration,
}

/// A program under way: reads as what it writes, and ends well only if the program does.
pub(crate) struct Running {
    name: String,
    child: Child,
    output: ChildStdout,
    tail: Arc<Mutex<LastWords>>,
    listener: Option<JoinHandle<()>>,
    is_late: Arc<AtomicBool>,
    timeout: Duration,
    /// Dropped when the program ended: the watch ends too.
    _watch: Sender<()>,
    has_ended: bool,
}

impl Program<'_> {
    /// Starts it.
    pub(crate) fn start(&self) -> Result<Running, String> {
        let (program, arguments) = self.command.split_first().ok_or("there is no program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: it can be killed with all that it started.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))?;
        let taken = (child.stdout.take(), child.stderr.take());
        let (Some(output), Some(errors)) = taken else { return Err(format!("{program} has no output")) };
        let tail = Arc::new(Mutex::new(LastWords::new(TAIL_BYTES)));
        let listener = std::thread::spawn({
            let tail = tail.clone();
            move || keep_tail(errors, &tail)
        });
        let is_late = Arc::new(AtomicBool::new(false));
        let (watch, ended) = mpsc::channel::<()>();
        let (group, late, timeout) = (child.id(), is_late.clone(), self.timeout);
        std::thread::spawn(move || {
            if ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                late.store(true, Ordering::SeqCst);
                kill_group(group);
            }
        });
        Ok(Running {
            name: program.clone(),
            child,
            output,
            tail,
            listener: Some(listener),
            is_late,
            timeout,
            _watch: watch,
            has_ended: false,
        })
    }

    /// Runs it to its end and gives what it wrote.
    pub(crate) fn output(&self, bytes_max: u64) -> Result<Vec<u8>, String> {
        self.answer(bytes_max).map(|(output, _)| output)
    }

    /// Runs it to its end and gives what it wrote, and the end of what it said beside.
    pub(crate) fn answer(&self, bytes_max: u64) -> Result<(Vec<u8>, String), String> {
        let mut running = self.start()?;
        let mut bytes = Vec::new();
        let read = (&mut running).take(bytes_max + 1).read_to_end(&mut bytes);
        let read = read.map_err(|error| error.to_string())?;
        if u64::try_from(read).unwrap_or(u64::MAX) > bytes_max {
            return Err(format!("{} wrote more than {bytes_max} bytes", running.name));
        }
        Ok((bytes, running.said()))
    }
}

impl Running {
    /// The end of what it said beside its output, in one line.
    fn said(&self) -> String {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).line()
    }

    /// How it ended.
    fn end(&mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        self.has_ended = true;
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap_or_default();
        }
        let tail = self.said();
        let said = if tail.is_empty() { String::new() } else { format!("; it said: {tail}") };
        let name = &self.name;
        if self.is_late.load(Ordering::SeqCst) {
            let minutes = self.timeout.as_secs() / 60;
            return Err(io::Error::other(format!(
                "{name} took longer than {minutes} minutes and was killed{said}"
            )));
        }
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{name} ended with {status}{said}")))
        }
    }
}

impl Read for Running {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended {
            return Ok(0);
        }
        let read = self.output.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.end()?;
        }
        Ok(read)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            kill_group(self.child.id());
            // It is killed: this only takes note of it.
            drop(self.child.wait());
        }
    }
}

fn kill_group(leader: u32) {
    let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return };
    // What has ended already cannot be killed, and need not.
    rustix::process::kill_process_group(pid, Signal::KILL).unwrap_or_default();
}

fn keep_tail(mut errors: impl Read, tail: &Mutex<LastWords>) {
    let mut part = [0_u8; 4096];
    while let Ok(count @ 1..) = errors.read(&mut part) {
        let said = part.get(..count).unwrap_or_default();
        tail.lock().unwrap_or_else(PoisonError::into_inner).hear(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, timeout: Duration) -> Result<String, String> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        let program = Program { command: &command, environment: &[], folder: Path::new("/"), timeout };
        program.output(1 << 20).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn output_counts_only_if_the_program_ends_well() {
        let minute = Duration::from_mins(1);
        assert_eq!(run("echo whole", minute), Ok("whole\n".to_owned()));
        assert_eq!(
            run("echo half; echo broken >&2; exit 3", minute).unwrap_err(),
            "/bin/sh ended with exit status: 3; it said: broken"
        );
        assert!(run("kill -9 $$", minute).unwrap_err().contains("signal: 9"));
        assert!(run("head -c 2000000 /dev/zero", minute).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_all_it_started() {
        let said = run("echo begun; sleep 600 & sleep 600", Duration::from_millis(200)).unwrap_err();
        assert!(said.contains("and was killed"), "{said}");
    }
}
