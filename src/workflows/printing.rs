//! The typeface that papers are written with as PDF.

use crate::config::{ConfigError, Home};
use crate::paper::{Paper, PaperProblem, Typeface};

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The settings, or the font that they name.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no font.
    #[error(
        "there is no Japanese font for a PDF on this machine: install one (`apt-get install fonts-ipaexfont-gothic`), or name \
         a font file in kura.toml: font = \"/…\""
    )]
    NoFont,
    /// The file is no font.
    #[error("{0} is no TrueType or OpenType font: name another one in kura.toml (font)")]
    NotAFont(String),
    /// The paper cannot be written with it.
    #[error(transparent)]
    Paper(#[from] PaperProblem),
}

/// The typeface of an installation.
pub fn typeface(home: &Home) -> Result<Typeface, PrintError> {
    let (path, bytes) = home.font()?.ok_or(PrintError::NoFont)?;
    Typeface::new(bytes).ok_or_else(|| PrintError::NotAFont(path.display().to_string()))
}

/// A paper of a record as a PDF in the typeface of an installation. What was written into a record stays there: a character
/// that the font lacks is written as a substitute, and the paper says so. Extracts are not written so: they are data.
pub fn pdf(home: &Home, paper: &Paper) -> Result<Vec<u8>, PrintError> {
    let typeface = typeface(home)?;
    Ok(paper.clone().with_substitutes(&typeface).pdf(&typeface)?)
}
