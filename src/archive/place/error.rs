//! What can go wrong while entries are written, and what may remain to be wished for. Never a file name: the caller
//! knows it and decides who may read it.

use std::fmt;

use rustix::io::Errno;
use thiserror::Error;

use crate::archive::walk::words;

/// Why an entry was not written.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// The path could lead out of the target.
    #[error("the path {0}: nothing is written under such a name; the snapshot is damaged or hostile")]
    BadPath(&'static str),
    /// A directory above the entry is a symbolic link in the target.
    #[error(
        "a symbolic link stands in the target where a directory is needed and is not followed; remove the link or \
         restore to an empty directory"
    )]
    Symlink,
    /// Something above the entry is no directory.
    #[error(
        "something else stands in the target where a directory is needed; move it away or restore to an empty directory"
    )]
    NotDirectory,
    /// The name is taken and in-place restore was not asked for.
    #[error(
        "it exists in the target already and was left as it is; restore to an empty directory, or restore in place"
    )]
    Exists,
    /// The name is taken by a directory.
    #[error(
        "a directory of that name stands in the target and is not replaced; move it away and restore again"
    )]
    IsDirectory,
    /// A directory that should make room has something in it.
    #[error(
        "the directory of that name in the target is not empty and is not removed; move it away and restore again"
    )]
    NotEmpty,
    /// The target's file system or the quota is full.
    #[error(
        "the target's file system or quota is full; make room or restore to another one, then restore in place"
    )]
    Full,
    /// The target's file system does not take names this long.
    #[error("the name is longer than the target's file system takes; restore to a file system that takes it")]
    NameTooLong,
    /// This user may not do that.
    #[error("this user may not {act} in the target; restore as root or to a directory of your own")]
    Denied {
        /// What was tried.
        act: &'static str,
        /// What the system said.
        #[source]
        source: Errno,
    },
    /// Devices are made by root only.
    #[error("a device may be made by root only; restore as root if it is needed")]
    DeviceDenied,
    /// The file system has no hard links, or no more of them.
    #[error("a second name for a file cannot be made here; write the file once more instead")]
    LinkDenied {
        /// What the system said.
        #[source]
        source: Errno,
    },
    /// The entry is of a kind that is written in another way.
    #[error("the entry is of another kind than its record says; the snapshot is damaged")]
    WrongKind,
    /// Bytes beyond the length the file was begun with.
    #[error("there are more bytes than the file is long; the snapshot is damaged")]
    BeyondEnd,
    /// Anything else.
    #[error("the system could not {act} in the target; see the reason, then restore in place")]
    System {
        /// What was tried.
        act: &'static str,
        /// What the system said.
        #[source]
        source: Errno,
    },
}

impl PlaceError {
    /// Sorts an error of the system by what can be done about it.
    pub(super) fn of(act: &'static str, source: Errno) -> Self {
        match source {
            Errno::NOSPC | Errno::DQUOT => Self::Full,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Denied { act, source },
            Errno::LOOP => Self::Symlink,
            Errno::NOTDIR => Self::NotDirectory,
            Errno::EXIST => Self::Exists,
            Errno::ISDIR => Self::IsDirectory,
            Errno::NOTEMPTY => Self::NotEmpty,
            _ => Self::System { act, source },
        }
    }

    /// The message with the system's own words where it gave any.
    pub fn reason(&self) -> String {
        match self {
            Self::Denied { source, .. } | Self::LinkDenied { source } | Self::System { source, .. } => {
                format!("{self} ({})", words(*source))
            }
            _ => self.to_string(),
        }
    }
}

/// Metadata that an entry should have and does not; its content is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shortcoming {
    /// Owner or group could not be set.
    Owner(Errno),
    /// The owner's or group's name is not known here; the number was used.
    OwnerName,
    /// Set-user-id or set-group-id was left out because the owner is another one than in the snapshot.
    SetId,
    /// The permissions could not be set.
    Mode(Errno),
    /// An extended attribute could not be set.
    Attribute(Vec<u8>, Errno),
    /// An extended attribute that the snapshot does not have could not be removed.
    AttributeLeft(Vec<u8>, Errno),
    /// The extended attributes that are there could not be read.
    AttributesUnread(Errno),
    /// The time could not be set, or the file system cannot hold it.
    Time(Option<Errno>),
}

impl Shortcoming {
    /// A short word by which shortcomings are counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Owner(_) => "owner",
            Self::OwnerName => "owner-name",
            Self::SetId => "set-id",
            Self::Mode(_) => "mode",
            Self::Attribute(..) | Self::AttributeLeft(..) | Self::AttributesUnread(_) => "attribute",
            Self::Time(_) => "time",
        }
    }
}

impl fmt::Display for Shortcoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(e) => write!(f, "owner could not be set ({})", words(*e)),
            Self::OwnerName => f.write_str("owner's name is not known here; the number was used"),
            Self::SetId => {
                f.write_str("set-user-id and set-group-id were left out because the owner is another")
            }
            Self::Mode(e) => write!(f, "permissions could not be set ({})", words(*e)),
            Self::Attribute(name, e) => {
                write!(f, "attribute {} could not be set ({})", name.escape_ascii(), words(*e))
            }
            Self::AttributeLeft(name, e) => {
                write!(f, "attribute {} could not be removed ({})", name.escape_ascii(), words(*e))
            }
            Self::AttributesUnread(e) => write!(f, "attributes could not be read ({})", words(*e)),
            Self::Time(Some(e)) => write!(f, "time could not be set ({})", words(*e)),
            Self::Time(None) => f.write_str("the file system cannot hold this time"),
        }
    }
}
