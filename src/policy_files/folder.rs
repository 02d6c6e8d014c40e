//! The files of a folder of policies that are no plans.

use std::path::Path;

use super::diagnose::Refused;

/// Every `*.toml` of a folder with its text, by name. None if the folder is not there.
pub(super) fn toml_files(folder: &Path) -> Result<Vec<(String, String)>, Refused> {
    let failed = |path: &Path, error: std::io::Error| {
        Refused::whole_file(&path.display().to_string(), format!("cannot be read: {error}"))
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir() {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    Ok(found)
}
