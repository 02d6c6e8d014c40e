//! The parts of `kura quickstart` that are no other workflow: where things lie, the sample, a copy, the changes, the
//! comparison.
//!
//! `sample` makes up records, `tree` copies and compares folders. What snapshots, restores and checks is elsewhere: the
//! demonstration uses the same workflows as real work. Only files below the demonstration's own folder are ever written.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

mod sample;
mod tree;

pub use sample::write_sample;
pub use tree::{Comparison, Size, compare, copy, measure};

/// A larger source is protected where it lies and not copied, bytes.
pub const COPY_BYTES_MAX: u64 = 2 << 30;

/// Files of the copy that get a line at their end.
const CHANGED_MAX: usize = 3;

/// A file that a demonstration could not use.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} {}", .path.display())]
pub struct TreeError {
    /// What was tried.
    pub act: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl TreeError {
    fn new(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { act, path: path.to_owned(), source }
    }
}

/// Where a demonstration keeps what it makes. Everything lies below the home.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What is protected.
    pub source: PathBuf,
    /// The store.
    pub store: PathBuf,
    /// What would go offline.
    pub offline: PathBuf,
    /// Where the snapshot is given back.
    pub restored: PathBuf,
}

impl Layout {
    /// The folders below `home`.
    pub fn below(home: &Path) -> Self {
        let at = |name: &str| home.join(name);
        Self { source: at("source"), store: at("store"), offline: at("offline"), restored: at("restored") }
    }

    /// The recovery key.
    pub fn recovery_key(&self) -> PathBuf {
        self.offline.join("recovery.key")
    }
}

/// What the source is, and so which class its plan has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Made-up records, filed by their sent day.
    Sample,
    /// A folder of the user's, filed by month.
    Given,
}

impl Origin {
    /// The name of the plan.
    pub const fn plan_name(self) -> &'static str {
        match self {
            Self::Sample => "records",
            Self::Given => "files",
        }
    }

    /// The plan file for a source; `None` if its path is not UTF-8, which a plan cannot name.
    pub fn plan_text(self, source: &Path) -> Option<String> {
        let name = self.plan_name();
        let path = toml::Value::String(source.to_str()?.to_owned());
        let (class, sent_day) = match self {
            Self::Sample => ("application", "sent_day = \"mtime\"\n"),
            Self::Given => ("system", ""),
        };
        Some(format!(
            "# Made by `kura quickstart`. Every key is explained in policies/README.md of the source of Kura.\n\
             name = \"{name}\"\nclass = \"{class}\"\n\n[[source]]\nkind = \"directory\"\npath = {path}\n{sent_day}"
        ))
    }
}

/// Writes a plan file that must not be there yet.
pub fn write_plan(file: &Path, text: &str) -> Result<(), TreeError> {
    let written = fs::File::create_new(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(TreeError::new("write", file))
}

/// Changes a few files of the copy and adds one; answers how many were changed.
///
/// `source` must be a copy: this writes there.
pub fn change(source: &Path) -> Result<usize, TreeError> {
    let mut changed = 0;
    for path in tree::files(source)? {
        if changed == CHANGED_MAX {
            break;
        }
        // A file that this user may not write is left alone; another one will do.
        let Ok(mut file) = fs::OpenOptions::new().append(true).open(&path) else { continue };
        file.write_all("追記：kura quickstart による変更です。\n".as_bytes())
            .map_err(TreeError::new("change", &path))?;
        changed += 1;
    }
    let added = source.join("kura-quickstart-追加.txt");
    let written = fs::write(&added, "kura quickstart が追加した見本のファイルです。\n");
    written.map_err(TreeError::new("write", &added))?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_a_path_with_quotes_and_japanese() {
        let text = Origin::Given.plan_text(Path::new("/srv/\"記録\"\\x")).unwrap();
        let value: toml::Table = text.parse().unwrap();
        let source = value.get("source").and_then(|list| list.get(0)).and_then(|one| one.get("path"));
        assert_eq!(source.and_then(toml::Value::as_str), Some("/srv/\"記録\"\\x"));
        assert!(!text.contains("sent_day"));
    }

    #[test]
    fn the_sample_lies_in_the_past_and_every_change_of_its_copy_is_found() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now = crate::domain::time::Instant::from_micros(1_795_300_000_000_000);
        write_sample(one.path(), now).unwrap();
        assert_eq!(copy(one.path(), two.path()).unwrap(), 0);
        let size = measure(one.path());
        assert!(size.files >= 60, "{size:?}");
        assert!(one.path().join("2026/11/21").is_dir() && !one.path().join("2026/11/22").exists());
        let compared = compare(one.path(), two.path()).unwrap();
        assert_eq!((compared.right, compared.wrong.len()), (size.files, 0), "{:?}", compared.wrong);
        assert_eq!(change(two.path()).unwrap(), CHANGED_MAX);
        let compared = compare(one.path(), two.path()).unwrap();
        assert_eq!(compared.wrong.iter().filter(|line| !line.contains("quickstart")).count(), CHANGED_MAX);
        assert_eq!(compared.wrong.len(), CHANGED_MAX + 1);
    }

    #[test]
    fn a_copy_has_the_same_bytes_rights_times_and_links_and_a_difference_is_named() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/one"), "1").unwrap();
        fs::set_permissions(from.join("deep/one"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("deep/one", from.join("link")).unwrap();
        assert_eq!(copy(&from, &to).unwrap(), 0);
        let compared = compare(&from, &to).unwrap();
        assert_eq!((compared.right, compared.wrong.len()), (2, 0), "{:?}", compared.wrong);
        fs::set_permissions(to.join("deep/one"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(to.join("link")).unwrap();
        let wrong = compare(&from, &to).unwrap().wrong;
        assert_eq!(wrong, ["deep/one: the rights differ", "link: is missing"]);
    }
}
