//! What a key may look like. The same rule for every store, so that a repository can be copied between them.

use super::VaultError;

/// Longest key, bytes (the limit of S3).
const KEY_BYTES_MAX: usize = 1024;

/// Longest part of a key between two slashes, bytes (the limit of common file systems).
const PART_BYTES_MAX: usize = 255;

/// Whether one part of a key is allowed: `[A-Za-z0-9._-]`, not empty, no leading dot.
///
/// The leading dot keeps `.`, `..` and the store's own folders out of reach.
pub(super) fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= PART_BYTES_MAX
        && !part.starts_with('.')
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Whether `key` is a key.
pub(super) fn is_key(key: &str) -> bool {
    key.len() <= KEY_BYTES_MAX && key.split('/').all(is_part)
}

/// Refuses what is not a key.
pub(super) fn check(key: &str) -> Result<(), VaultError> {
    if is_key(key) { Ok(()) } else { Err(refusal("key", key)) }
}

/// Splits a listing prefix into its folder and the beginning of a name: `a/b/c1` is (`a/b`, `c1`).
///
/// Both may be empty. Anything that cannot be the beginning of a key is refused.
pub(super) fn split_prefix(prefix: &str) -> Result<(&str, &str), VaultError> {
    let (folder, name) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    let is_folder = is_key(folder) || (folder.is_empty() && !prefix.starts_with('/'));
    if is_folder && (name.is_empty() || is_part(name)) {
        Ok((folder, name))
    } else {
        Err(refusal("prefix", prefix))
    }
}

fn refusal(what: &str, text: &str) -> VaultError {
    VaultError::Unusable {
        place: format!("{what} {text:?}"),
        reason: "keys are parts of A-Z a-z 0-9 . _ - joined by single slashes, and no part begins with a dot"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_store() {
        for key in ["", "/a", "a//b", "a/", "..", "a/../b", ".", ".tmp/x", "a\0b", "a b", "é", "a\\b"] {
            assert!(check(key).is_err(), "{key:?}");
        }
        assert!(check(&"a/".repeat(600)).is_err());
        assert!(check(&"a".repeat(256)).is_err());
        for key in ["a", "kura/1.json", "records/2026-11-22/packs/00ff", "p/snapshots/000001-ab_c"] {
            assert!(check(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_folder_and_the_beginning_of_a_name() {
        assert_eq!(split_prefix("").expect("allowed"), ("", ""));
        assert_eq!(split_prefix("a").expect("allowed"), ("", "a"));
        assert_eq!(split_prefix("a/").expect("allowed"), ("a", ""));
        assert_eq!(split_prefix("a/b/c1").expect("allowed"), ("a/b", "c1"));
        for prefix in ["/", "/a", "../a", "a//", ".tmp/"] {
            assert!(split_prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
