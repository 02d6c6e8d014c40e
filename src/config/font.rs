//! The font of PDFs: the one that the settings name, or one that Debian has.

use std::path::{Path, PathBuf};

use super::{ConfigError, Home, read_file};

/// Where Debian's packages put fonts with Japanese, the smaller ones first.
const PLACES: [&str; 3] = [
    "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
];

impl Home {
    /// The font of PDFs: its file and what is in it. `None` if the settings name none and none of Debian's is there.
    pub fn font(&self) -> Result<Option<(PathBuf, Vec<u8>)>, ConfigError> {
        let found = || PLACES.iter().map(PathBuf::from).find(|path| path.is_file());
        let Some(path) = self.settings()?.font.or_else(found) else { return Ok(None) };
        let bytes = read_file(Path::new(&path))?;
        Ok(Some((path, bytes)))
    }
}
