//! The names of plans and of their sources, which are also folders in the store and on restore.
//!
//! Public here, and again from `plan`: `PlanName`, `SourceName`, `RESERVED_NAMES`.

use std::fmt;
use std::path::Path;

/// Top-level folders of the repository, which no plan may be called.
pub const RESERVED_NAMES: [&str; 4] = ["kura", "keys", "certificates", "audit"];

/// The name of a plan: also its file name and its folder in the store.
///
/// One to 63 characters `a`–`z`, `0`–`9` and `-`, not beginning with `-`, and none of [`RESERVED_NAMES`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlanName(String);

/// The text cannot be the name of a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlanName {
    /// A character, the length or the beginning is not allowed.
    #[error("{0:?} is not a plan name; use 1 to 63 of a-z, 0-9 and \"-\", not beginning with \"-\"")]
    Form(String),
    /// The repository uses the name itself.
    #[error("{0:?} is reserved; a plan is not called kura, keys, certificates or audit")]
    Reserved(String),
}

impl PlanName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for PlanName {
    type Err = BadPlanName;

    fn from_str(text: &str) -> Result<Self, BadPlanName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > 63 || text.starts_with('-') || !text.bytes().all(allowed) {
            return Err(BadPlanName::Form(text.to_owned()));
        }
        if RESERVED_NAMES.contains(&text) {
            return Err(BadPlanName::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a source within its plan: one path component, also the folder it is restored into.
///
/// One to 255 bytes without `/` and control characters; not `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceName(String);

/// The text cannot be the name of a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a source name; use 1 to 255 bytes without \"/\" and control characters, not \".\" or \"..\""
)]
pub struct BadSourceName(pub String);

impl SourceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The default name of a source: the last component of its path. `None` for `/` and for names that are not text.
    pub fn of_path(path: &Path) -> Option<Self> {
        path.file_name()?.to_str()?.parse().ok()
    }
}

impl std::str::FromStr for SourceName {
    type Err = BadSourceName;

    fn from_str(text: &str) -> Result<Self, BadSourceName> {
        let long = text.is_empty() || text.len() > 255;
        if long || matches!(text, "." | "..") || text.chars().any(|c| c == '/' || c.is_control()) {
            return Err(BadSourceName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_name_is_short_lower_case_and_not_a_folder_of_the_repository() {
        for good in ["records", "a", "0", "ss-mix2", "keys2", &"a".repeat(63)] {
            assert_eq!(good.parse::<PlanName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "Records", "a_b", "a.b", "a/b", "..", "記録", "a b", &"a".repeat(64)] {
            assert_eq!(bad.parse::<PlanName>(), Err(BadPlanName::Form(bad.to_owned())), "{bad}");
        }
        for reserved in RESERVED_NAMES {
            assert_eq!(reserved.parse::<PlanName>(), Err(BadPlanName::Reserved(reserved.to_owned())));
        }
    }

    #[test]
    fn a_source_name_is_one_path_component() {
        for good in ["records", "診療 記録", ".ssh", &"a".repeat(255)] {
            assert!(good.parse::<SourceName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\0b", "a\nb", &"a".repeat(256)] {
            assert!(bad.parse::<SourceName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_source_is_called_after_the_last_part_of_its_path() {
        for (path, name) in
            [("/srv/records", Some("records")), ("/srv/records/", Some("records")), ("/", None)]
        {
            assert_eq!(
                SourceName::of_path(Path::new(path)).map(|n| n.to_string()).as_deref(),
                name,
                "{path}"
            );
        }
    }
}
