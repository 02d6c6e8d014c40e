//! `--html` and `--pdf`: something to print and file, on standard output.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use clap::Args;

use super::failure::Failure;
use super::words::print;
use crate::app::App;
use crate::paper::Paper;
use crate::workflows::printing;

/// As what it is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct AsPaper {
    /// As a page to print, in Japanese.
    #[arg(long)]
    html: bool,
    /// As a PDF to print and file (PDF/A), in Japanese; standard output must be a file.
    #[arg(long, conflicts_with = "html")]
    pdf: bool,
}

impl AsPaper {
    /// Whether one of them is asked for.
    pub(super) const fn is_asked(self) -> bool {
        self.html || self.pdf
    }

    /// Whether it could be written: told before something is done that cannot be undone.
    pub(super) fn check(self, app: &App, paper: &Paper) -> Result<(), Failure> {
        if self.pdf { Ok(printing::pdf(&app.home, paper).map(drop)?) } else { Ok(()) }
    }

    /// Writes it.
    pub(super) fn write(self, app: &App, paper: &Paper) -> Result<(), Failure> {
        if !self.pdf {
            return print(&paper.html());
        }
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            return Err(Failure::Usage(
                "a PDF is not for a terminal: write it into a file, `… --pdf > FILE.pdf`".to_owned(),
            ));
        }
        let bytes = printing::pdf(&app.home, paper)?;
        out.write_all(&bytes)
            .and_then(|()| out.flush())
            .map_err(Failure::file("write to", Path::new("stdout")))
    }
}
