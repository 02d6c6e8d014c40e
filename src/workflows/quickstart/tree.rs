//! Measuring, copying and comparing folders. Links are never followed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::TreeError;

/// The rights that are copied and compared; set-id bits stay out of a demonstration.
const RIGHTS: u32 = 0o777;

/// How much a folder holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Files and links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Files and links that are the same in bytes, rights and time.
    pub right: u64,
    /// Bytes compared.
    pub bytes: u64,
    /// What differs, by path; ascending.
    pub wrong: Vec<String>,
    /// Entries of the source that this user may not read.
    pub unreadable: u64,
}

/// Adds up a folder. What cannot be read counts for nothing.
pub fn measure(root: &Path) -> Size {
    let mut size = Size::default();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            if facts.is_dir() {
                open.push(entry.path());
            } else if facts.is_file() || facts.is_symlink() {
                size.files += 1;
                size.bytes = size.bytes.saturating_add(if facts.is_file() { facts.len() } else { 0 });
            }
        }
    }
    size
}

/// The entries of a folder in order of name.
fn listing(folder: &Path) -> io::Result<BTreeMap<OsString, Metadata>> {
    let mut entries = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.insert(entry.file_name(), entry.metadata()?);
    }
    Ok(entries)
}

/// All regular files below a folder, in order of path.
pub(super) fn files(root: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for (name, facts) in listing(&folder).map_err(TreeError::new("read the folder", &folder))? {
            let path = folder.join(name);
            if facts.is_dir() {
                open.push(path);
            } else if facts.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a folder with rights and times; answers how many entries could not be read and were left out.
///
/// Devices, pipes and sockets are left out and not counted.
pub fn copy(from: &Path, to: &Path) -> Result<u64, TreeError> {
    fs::create_dir_all(to).map_err(TreeError::new("make the folder", to))?;
    let Ok(entries) = listing(from) else { return Ok(1) };
    let mut left_out = 0;
    for (name, facts) in entries {
        let (source, target) = (from.join(&name), to.join(&name));
        if facts.is_dir() {
            left_out += copy(&source, &target)?;
        } else if facts.is_symlink() {
            let link = fs::read_link(&source).and_then(|link| symlink(link, &target));
            link.map_err(TreeError::new("copy", &source))?;
        } else if facts.is_file() {
            match File::open(&source) {
                Ok(file) => copy_file(file, &facts, &target).map_err(TreeError::new("copy", &source))?,
                Err(_) => left_out += 1,
            }
        }
    }
    // Last of all: copying into a folder moves its time, and its rights may forbid it.
    let facts = fs::metadata(from).map_err(TreeError::new("read the folder", from))?;
    let finish = || {
        let folder = File::open(to)?;
        folder.set_modified(facts.modified()?)?;
        folder.set_permissions(Permissions::from_mode(facts.mode() & RIGHTS))
    };
    finish().map_err(TreeError::new("set the time and rights of", to))?;
    Ok(left_out)
}

fn copy_file(mut from: File, facts: &Metadata, to: &Path) -> io::Result<()> {
    let mut target = File::create_new(to)?;
    io::copy(&mut from, &mut target)?;
    target.set_permissions(Permissions::from_mode(facts.mode() & RIGHTS))?;
    target.set_modified(facts.modified()?)
}

/// Compares every entry of `source` with `restored`: kind, bytes (BLAKE3), rights, time; and looks for entries too many.
pub fn compare(source: &Path, restored: &Path) -> Result<Comparison, TreeError> {
    let mut found = Comparison::default();
    compare_folder(source, restored, Path::new(""), &mut found)?;
    found.wrong.sort();
    Ok(found)
}

fn compare_folder(
    source: &Path,
    restored: &Path,
    below: &Path,
    found: &mut Comparison,
) -> Result<(), TreeError> {
    let Ok(there) = listing(&source.join(below)) else {
        found.unreadable += 1;
        return Ok(());
    };
    let folder = restored.join(below);
    let mut here = listing(&folder).map_err(TreeError::new("read the folder", &folder))?;
    for (name, facts) in there {
        let path = below.join(&name);
        let given_back = here.remove(&name);
        if !(facts.is_dir() || facts.is_file() || facts.is_symlink()) {
            continue;
        }
        let Some(given_back) = given_back else {
            if facts.is_file() && File::open(source.join(&path)).is_err() {
                found.unreadable += 1;
            } else {
                found.wrong.push(format!("{}: is missing", path.display()));
            }
            continue;
        };
        let differs = difference((&source.join(&path), &facts), (&restored.join(&path), &given_back));
        match differs.map_err(TreeError::new("compare", &path))? {
            Some(what) => found.wrong.push(format!("{}: {what}", path.display())),
            None if facts.is_dir() => {}
            None => {
                found.right += 1;
                found.bytes = found.bytes.saturating_add(if facts.is_file() { facts.len() } else { 0 });
            }
        }
        if facts.is_dir() && given_back.is_dir() {
            compare_folder(source, restored, &path, found)?;
        }
    }
    found.wrong.extend(here.keys().map(|name| format!("{}: is too many", below.join(name).display())));
    Ok(())
}

/// What differs between two entries, if anything.
fn difference(one: (&Path, &Metadata), two: (&Path, &Metadata)) -> io::Result<Option<&'static str>> {
    let (facts, given_back) = (one.1, two.1);
    if facts.file_type() != given_back.file_type() {
        return Ok(Some("is of another kind"));
    }
    if facts.is_symlink() {
        let is_same = fs::read_link(one.0)? == fs::read_link(two.0)?;
        return Ok(if is_same { None } else { Some("points elsewhere") });
    }
    if facts.mode() & RIGHTS != given_back.mode() & RIGHTS {
        return Ok(Some("the rights differ"));
    }
    if (facts.mtime(), facts.mtime_nsec()) != (given_back.mtime(), given_back.mtime_nsec()) {
        return Ok(Some("the time differs"));
    }
    if facts.is_file() && (facts.len() != given_back.len() || digest(one.0)? != digest(two.0)?) {
        return Ok(Some("the bytes differ"));
    }
    Ok(None)
}

fn digest(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize())
}
