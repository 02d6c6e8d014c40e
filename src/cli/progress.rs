//! Showing how far a run is: a bar on a terminal, a plain line every ten seconds otherwise, nothing with `--quiet`.
//!
//! Everything goes to stderr, and no line holds the name of a file.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::workflows::{Phase, Progress, Shown};

use super::words::{entries, grouped, size, tell};

/// How often the bar is drawn.
const BAR_EVERY: Duration = Duration::from_millis(125);

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the counters of a run until it is dropped.
pub(super) struct Display {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Begins to show `progress`.
    pub(super) fn begin(progress: &Arc<Progress>, is_quiet: bool) -> Self {
        if is_quiet {
            return Self { stop: None, thread: None };
        }
        let progress = progress.clone();
        let (stop, stopped) = mpsc::channel::<()>();
        let is_terminal = io::stderr().is_terminal();
        let watch = move || {
            let bar = is_terminal.then(bar);
            let every = if is_terminal { BAR_EVERY } else { LINE_EVERY };
            let mut phase = None;
            let mut since = Instant::now();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                let shown = progress.shown();
                if phase != Some(shown.phase) {
                    (phase, since) = (Some(shown.phase), Instant::now());
                }
                let line = line(&shown, since.elapsed());
                match &bar {
                    Some(bar) => bar.set_message(line),
                    None => tell(&line),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        };
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(watch);
        Self { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A display that failed is no reason to fail the run.
            drop(thread.join());
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(BAR_EVERY);
    bar
}

/// One line: phase, entries, bytes, rate, share, time left.
fn line(shown: &Shown, elapsed: Duration) -> String {
    let word = match shown.phase {
        Phase::Walking => "looking through the source",
        Phase::Hashing => "comparing",
        Phase::Storing => "storing",
        Phase::Committing => return "signing and committing".to_owned(),
        Phase::Restoring => "restoring",
        Phase::Verifying => "verifying",
    };
    let files = of(&entries(shown.files), shown.files_total, grouped);
    let mut parts = vec![files, of(&size(shown.bytes), shown.bytes_total, size)];
    let millis = elapsed.as_millis();
    if millis >= 1000 && shown.bytes > 0 {
        let rate = u64::try_from(u128::from(shown.bytes) * 1000 / millis).unwrap_or(u64::MAX);
        parts.push(format!("{}/s", size(rate)));
    }
    if shown.sent > 0 {
        parts.push(format!("{} sent", size(shown.sent)));
    }
    if let Some(left) = left(shown, elapsed) {
        parts.push(format!("{left} left"));
    }
    let share = match shown.bytes_total {
        0 => String::new(),
        total => format!(" {:>2}%", (u128::from(shown.bytes) * 100 / u128::from(total)).min(100)),
    };
    format!("{word}{share}: {}", parts.join(", "))
}

fn of(done: &str, total: u64, words: impl Fn(u64) -> String) -> String {
    if total == 0 { done.to_owned() } else { format!("{done} of {}", words(total)) }
}

/// The time left, if enough is known to guess it.
fn left(shown: &Shown, elapsed: Duration) -> Option<String> {
    let (done, total) = (u128::from(shown.bytes), u128::from(shown.bytes_total));
    if elapsed.as_secs() < 2 || done == 0 || total <= done {
        return None;
    }
    let seconds = elapsed.as_millis() * (total - done) / done / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    Some(match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {} s", seconds % 60),
        (_, _) => format!("{hours} h {minutes} min"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(phase: Phase) -> Shown {
        Shown {
            phase,
            files: 1,
            bytes: 1 << 20,
            files_total: 4,
            bytes_total: 4 << 20,
            stored: 0,
            sent: 1 << 19,
        }
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let text = line(&shown(Phase::Storing), Duration::from_secs(4));
        assert_eq!(
            text,
            "storing 25%: 1 entry of 4, 1.0 MiB of 4.0 MiB, 256.0 KiB/s, 512.0 KiB sent, 12 s left"
        );
    }

    #[test]
    fn nothing_is_guessed_while_the_end_is_unknown() {
        let walking = Shown { files: 1200, files_total: 0, bytes_total: 0, sent: 0, ..shown(Phase::Walking) };
        let text = line(&walking, Duration::from_millis(500));
        assert_eq!(text, "looking through the source: 1,200 entries, 1.0 MiB");
    }
}
