//! Files that hold a secret, one in the first line.

use std::path::Path;

use zeroize::Zeroizing;

use super::{ConfigError, read_file};

/// The first line of a file that holds a secret, without its end.
pub fn secret_line(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let bytes = Zeroizing::new(read_file(path)?);
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}
