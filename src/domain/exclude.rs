//! Which names below a source are left out of a backup. Pure matching; the walk decides what to do with it.
//!
//! Public here: `Excludes`, `BadGlob`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The exclude globs of one source, in the order of the plan, ready to match.
///
/// A glob is matched against the whole path relative to the source root, in bytes. `*` and `?` stay within one
/// component, `**` crosses components, `[a-z]` and `{a,b}` choose. `**/cache` matches `cache` at any depth.
/// A directory that matches is left out with everything in it, so the walk need not enter it.
#[derive(Clone, Debug)]
pub struct Excludes {
    globs: Vec<String>,
    set: globset::GlobSet,
}

/// An exclude glob that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{glob:?} is not a glob relative to the source: {why}")]
pub struct BadGlob {
    /// Position in the list, from 0.
    pub index: usize,
    /// The glob as written.
    pub glob: String,
    /// What is wrong with it, as a sentence fragment.
    pub why: String,
}

impl Excludes {
    /// The matcher of a list of globs.
    ///
    /// # Errors
    /// Every glob that cannot be used.
    pub fn new(globs: Vec<String>) -> Result<Self, Vec<BadGlob>> {
        let mut bad = Vec::new();
        let mut set = globset::GlobSetBuilder::new();
        for (index, glob) in globs.iter().enumerate() {
            match one(glob) {
                Ok(compiled) => {
                    set.add(compiled);
                }
                Err(why) => bad.push(BadGlob { index, glob: glob.clone(), why }),
            }
        }
        match set.build() {
            Ok(set) if bad.is_empty() => Ok(Self { globs, set }),
            Ok(_) => Err(bad),
            Err(e) => {
                bad.push(BadGlob { index: 0, glob: globs.join(" "), why: e.to_string() });
                Err(bad)
            }
        }
    }

    /// The globs as written.
    pub fn globs(&self) -> &[String] {
        &self.globs
    }

    /// Whether a path relative to the source root (no leading `/`) is left out by name.
    ///
    /// Asks about this path only; a caller that did not walk down to it must ask about each parent as well.
    pub fn matches(&self, path: &[u8]) -> bool {
        !self.globs.is_empty() && self.set.is_match(OsStr::from_bytes(path))
    }
}

impl PartialEq for Excludes {
    fn eq(&self, other: &Self) -> bool {
        self.globs == other.globs
    }
}

fn one(glob: &str) -> Result<globset::Glob, String> {
    if glob.is_empty() {
        return Err("it is empty".to_owned());
    }
    if glob.starts_with('/') || glob.ends_with('/') {
        return Err("it starts or ends with \"/\"".to_owned());
    }
    if glob.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("it has an empty part, \".\" or \"..\"".to_owned());
    }
    globset::GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|e| e.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(globs: &[&str]) -> Result<Excludes, Vec<BadGlob>> {
        Excludes::new(globs.iter().map(|glob| (*glob).to_owned()).collect())
    }

    #[test]
    fn a_star_stays_within_one_component_and_two_cross_them() {
        let set = excludes(&["*.tmp", "**/cache", "logs/**/old"]).unwrap();
        for (path, out) in [
            ("a.tmp", true),
            ("sub/a.tmp", false),
            ("cache", true),
            ("x/y/cache", true),
            ("x/cached", false),
            ("logs/old", true),
            ("logs/a/b/old", true),
        ] {
            assert_eq!(set.matches(path.as_bytes()), out, "{path}");
        }
    }

    #[test]
    fn names_that_are_not_utf_8_are_matched_as_bytes() {
        let set = excludes(&["*.tmp"]).unwrap();
        assert!(set.matches(b"\xff\xfe.tmp"));
        assert!(!set.matches(b"\xff\xfe.txt"));
    }

    #[test]
    fn no_glob_leaves_nothing_out() {
        assert!(!excludes(&[]).unwrap().matches(b"anything"));
    }

    #[test]
    fn every_bad_glob_is_named() {
        let bad = excludes(&["ok", "/etc", "", "a/../b", "[z"]).unwrap_err();
        assert_eq!(bad.iter().map(|b| b.index).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
