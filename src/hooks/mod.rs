//! Runs the commands that stop and start services: no shell, a clean environment, a deadline, a short memory of output.
//!
//! What is run, when and what becomes of a failure is the workflows'.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::domain::last_words::LastWords;

/// The end of the output that is kept, bytes.
const TAIL_BYTES: usize = 2048;
/// How long output is waited for after a command ended: a service that it started may keep it open for ever.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);
/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a command did not do what it was run for.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It is empty, or its program cannot be started.
    #[error("{program} cannot be started: {source}")]
    NotStarted {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended badly.
    #[error("{program} ended with {status}{}", said(.tail))]
    Failed {
        /// The program.
        program: String,
        /// How.
        status: ExitStatus,
        /// The end of what it said.
        tail: String,
    },
    /// It took too long and was killed.
    #[error("{program} took longer than {} s and was killed{}", .timeout.as_secs(), said(.tail))]
    TimedOut {
        /// The program.
        program: String,
        /// How long it had.
        timeout: Duration,
        /// The end of what it said.
        tail: String,
    },
}

fn said(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; it said: {tail}") }
}

/// Whatever runs commands.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Runs a program with its arguments to its end, for at most `timeout`.
    async fn run(&self, command: &[String], timeout: Duration) -> Result<(), HookError>;
}

/// Commands of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostCommands;

#[async_trait]
impl Hooks for HostCommands {
    async fn run(&self, command: &[String], timeout: Duration) -> Result<(), HookError> {
        let program = command.first().cloned().unwrap_or_default();
        let not_started = |source| HookError::NotStarted { program: program.clone(), source };
        let mut child = start(command).map_err(not_started)?;
        let (group, tail) = (child.id(), Arc::new(Mutex::new(LastWords::new(TAIL_BYTES))));
        let mut readers = JoinSet::new();
        if let Some(output) = child.stdout.take() {
            readers.spawn(keep_tail(output, tail.clone()));
        }
        if let Some(output) = child.stderr.take() {
            readers.spawn(keep_tail(output, tail.clone()));
        }
        let ended = tokio::time::timeout(timeout, child.wait()).await;
        if ended.is_err() {
            kill_group(group);
        }
        // What is still open then belongs to a service that was started.
        drop(tokio::time::timeout(OUTPUT_WAIT, async { while readers.join_next().await.is_some() {} }).await);
        let tail = tail.lock().unwrap_or_else(PoisonError::into_inner).line();
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(HookError::Failed { program, status, tail }),
            Ok(Err(source)) => Err(HookError::NotStarted { program, source }),
            Err(_) => Err(HookError::TimedOut { program, timeout, tail }),
        }
    }
}

fn start(command: &[String]) -> io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: it can be killed with all that it started, and a signal to Kura does not reach it.
        .process_group(0)
        .spawn()
}

fn kill_group(leader: Option<u32>) {
    let Some(pid) = leader.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
    if let Err(error) = rustix::process::kill_process_group(pid, Signal::KILL) {
        tracing::warn!(%error, "a command that took too long could not be killed");
    }
}

async fn keep_tail(mut output: impl AsyncRead + Unpin, tail: Arc<Mutex<LastWords>>) {
    let mut part = [0_u8; 4096];
    while let Ok(count @ 1..) = output.read(&mut part).await {
        let said = part.get(..count).unwrap_or_default();
        tail.lock().unwrap_or_else(PoisonError::into_inner).hear(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(command: &[&str], seconds: u64) -> Result<(), String> {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let done = HostCommands.run(&command, Duration::from_secs(seconds)).await;
        done.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_command_runs_without_a_shell_and_with_a_clean_environment() {
        assert_eq!(run(&["true"], 10).await, Ok(()));
        let said =
            run(&["sh", "-c", "env | sort | cut -d= -f1 | tr '\\n' ' '; exit 3"], 10).await.unwrap_err();
        assert_eq!(said, "sh ended with exit status: 3; it said: LANG PATH PWD");
        let words = run(&["ls", "; touch x", "$HOME"], 10).await.unwrap_err();
        assert!(words.contains("'; touch x'"), "{words}");
        assert!(run(&["no-such-program"], 10).await.unwrap_err().contains("cannot be started"));
        assert!(run(&[], 10).await.is_err());
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_killed_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("(sleep 3; touch {}) & echo waiting; sleep 60", mark.display());
        let said = run(&["sh", "-c", &script], 1).await.unwrap_err();
        assert_eq!(said, "sh took longer than 1 s and was killed; it said: waiting");
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!mark.exists(), "what it had started was killed too");
    }

    #[tokio::test]
    async fn a_service_that_keeps_the_output_open_holds_nobody_up() {
        assert_eq!(run(&["sh", "-c", "sleep 20 & exit 0"], 10).await, Ok(()));
    }

    #[tokio::test]
    async fn only_the_end_of_the_output_is_kept() {
        let said = run(&["sh", "-c", "seq 1 100000; exit 1"], 30).await.unwrap_err();
        assert!(said.len() < TAIL_BYTES + 100 && said.ends_with("99999 100000"), "{}", said.len());
    }
}
