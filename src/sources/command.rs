//! A program's standard output as one file.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use crate::archive::entry::FileTime;
use crate::archive::stream::{StreamFile, Streams};
use crate::archive::walk::Refusal;
use crate::domain::source_kind::CommandOutput;

use crate::programs::Program;

/// The output of a program. What it will write is not known before, so it runs every time.
pub(super) struct Output {
    command: CommandOutput,
    files: Vec<StreamFile>,
}

impl Output {
    /// The output of `command`, as of `now`.
    pub(super) fn new(command: &CommandOutput, now: FileTime) -> Self {
        let path = command.file.clone().into_bytes();
        let file = StreamFile { path, mtime: now, size_bytes: 0, print: None };
        Self { command: command.clone(), files: vec![file] }
    }
}

impl Streams for Output {
    fn files(&self) -> &[StreamFile] {
        &self.files
    }

    fn refusals(&self) -> &[Refusal] {
        &[]
    }

    fn open(&self, _below: &[u8]) -> Result<Box<dyn Read + Send>, String> {
        let timeout = Duration::from_secs(u64::from(self.command.timeout_minutes) * 60);
        let program =
            Program { command: &self.command.command, environment: &[], folder: Path::new("/"), timeout };
        Ok(Box::new(program.start()?))
    }
}

/// What this machine lacks for it.
pub(super) fn missing(command: &CommandOutput) -> Option<String> {
    let program = command.command.first()?;
    (!Path::new(program).is_file()).then(|| format!("there is no program {program} on this machine"))
}
