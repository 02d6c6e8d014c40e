//! Which paths of a snapshot are wanted: everything, given paths with what is below them, or globs.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::archive::entry::path_order;

/// A pattern cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{pattern:?} is not a path or glob: {problem}")]
pub struct BadPattern {
    /// What was written.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The wanted paths, as `<source name>/<path>`.
#[derive(Debug)]
pub struct Selection {
    literals: Vec<Vec<u8>>,
    globs: Option<GlobSet>,
}

impl Selection {
    /// Everything.
    pub fn everything() -> Self {
        Self { literals: Vec::new(), globs: None }
    }

    /// One path and what is below it, as manifests write it.
    pub fn exactly(path: Vec<u8>) -> Self {
        Self { literals: vec![path], globs: None }
    }

    /// The paths that people name, relative to what a restore makes; nothing named is everything.
    ///
    /// `prefix`: the source's name if the snapshot has one source only, since restores leave it out then.
    pub fn new(patterns: &[std::ffi::OsString], prefix: Option<&[u8]>) -> Result<Self, BadPattern> {
        let mut literals = Vec::new();
        let mut globs = GlobSetBuilder::new();
        let mut has_globs = false;
        for pattern in patterns {
            let unescaped = unescaped(pattern.as_bytes());
            let bytes = trimmed(&unescaped);
            let shown = pattern.to_string_lossy().into_owned();
            if bytes.split(|b| *b == b'/').any(|part| part == b"..") {
                let problem = "`..` leads out of the snapshot".to_owned();
                return Err(BadPattern { pattern: shown, problem });
            }
            let full = match prefix {
                Some(prefix) if bytes.is_empty() => prefix.to_vec(),
                Some(prefix) => [prefix, b"/", bytes].concat(),
                None => bytes.to_vec(),
            };
            if !bytes.iter().any(|b| b"*?[{".contains(b)) {
                literals.push(full);
                continue;
            }
            let bad = |problem: String| BadPattern { pattern: shown.clone(), problem };
            let text = std::str::from_utf8(&full).map_err(|_| bad("a glob must be UTF-8".to_owned()))?;
            let glob =
                GlobBuilder::new(text).literal_separator(true).build().map_err(|e| bad(e.to_string()))?;
            globs.add(glob);
            has_globs = true;
        }
        let globs = match (has_globs, globs.build()) {
            (false, _) => None,
            (true, Ok(set)) => Some(set),
            (true, Err(e)) => return Err(BadPattern { pattern: String::new(), problem: e.to_string() }),
        };
        Ok(Self { literals, globs })
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.literals.is_empty() && self.globs.is_none()
    }

    /// Whether a path is wanted: it, or a directory above it, was named.
    pub fn wants(&self, path: &[u8]) -> bool {
        self.is_everything()
            || self.literals.iter().any(|literal| is_within(path, literal))
            || self
                .globs
                .as_ref()
                .is_some_and(|globs| prefixes(path).any(|prefix| globs.is_match(OsStr::from_bytes(prefix))))
    }

    /// Whether a path is a directory above something wanted.
    pub fn leads(&self, path: &[u8]) -> bool {
        self.globs.is_some() || self.literals.iter().any(|literal| is_within(literal, path))
    }

    /// Whether a block from `first` to `last` may hold something wanted or a directory above it.
    pub fn touches(&self, first: &[u8], last: &[u8]) -> bool {
        if self.is_everything() || self.globs.is_some() {
            return true;
        }
        let covers = |path: &[u8]| {
            path_order(first, path) != Ordering::Greater && path_order(path, last) != Ordering::Greater
        };
        self.literals.iter().any(|literal| {
            // Between them, or it begins or ends inside what was named.
            prefixes(literal).any(covers) || is_within(first, literal) || is_within(last, literal)
        })
    }
}

/// A path as listings show it: `\\xNN` is a byte. Listings never show a backslash that is not one of these.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digits =
            after.strip_prefix(b"x").filter(|_| *byte == b'\\').and_then(|after| after.first_chunk::<2>());
        let code = digits.and_then(|digits| {
            let mut code = [0_u8; 1];
            hex::decode_to_slice(digits, &mut code).ok().map(|()| code[0])
        });
        match code {
            Some(code) => {
                out.push(code);
                rest = &after[3..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"./").or_else(|| bytes.strip_prefix(b"/")) {
        bytes = rest;
    }
    while let Some(rest) = bytes.strip_suffix(b"/") {
        bytes = rest;
    }
    if bytes == b"." { &[] } else { bytes }
}

/// Whether `path` is `above` or lies below it.
fn is_within(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The path and every directory above it.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
    slashes.chain(std::iter::once(path.len())).map(|at| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(patterns: &[&str]) -> Selection {
        let patterns: Vec<std::ffi::OsString> = patterns.iter().map(Into::into).collect();
        Selection::new(&patterns, Some(b"src")).unwrap()
    }

    #[test]
    fn a_named_directory_brings_what_is_below_it_and_nothing_beside_it() {
        let wanted = selection(&["a/b/"]);
        assert!(wanted.wants(b"src/a/b") && wanted.wants(b"src/a/b/c/d"));
        assert!(!wanted.wants(b"src/a/bc") && !wanted.wants(b"src/a"));
        assert!(wanted.leads(b"src/a") && wanted.leads(b"src") && !wanted.leads(b"src/x"));
    }

    #[test]
    fn a_star_stays_in_its_directory_and_two_cross_them() {
        assert!(selection(&["*.txt"]).wants(b"src/x.txt") && !selection(&["*.txt"]).wants(b"src/a/x.txt"));
        assert!(selection(&["**/*.txt"]).wants(b"src/a/b/x.txt"));
        assert!(selection(&["a*"]).wants(b"src/ab/c"));
    }

    #[test]
    fn blocks_without_anything_wanted_are_passed_over() {
        let wanted = selection(&["m/file"]);
        assert!(wanted.touches(b"src/a", b"src/z"));
        assert!(wanted.touches(b"src/m", b"src/m/a"));
        assert!(!wanted.touches(b"src/n", b"src/z"));
        assert!(!wanted.touches(b"src/a", b"src/c"));
        assert!(selection(&["m"]).touches(b"src/m/d", b"src/m/e"));
    }

    #[test]
    fn the_way_out_is_refused() {
        assert!(Selection::new(&["../x".into()], None).is_err());
    }
}
