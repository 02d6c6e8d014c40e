//! Giving an entry its metadata.
//!
//! The order matters: a change of owner clears set-user-id and capabilities; a user may set `user.` attributes only
//! while the entry is writable; permissions change the mask of an ACL; and the time comes last. Nothing here fails an
//! entry whose content is right: what could not be set is returned.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::Errno;

use crate::archive::block::OwnerNames;
use crate::archive::entry::{FileTime, Kind, Meta, Xattr};
use crate::archive::tree;

use super::error::Shortcoming;

const ACCESS_ACL: &[u8] = b"system.posix_acl_access";
const SET_USER_ID: u32 = 0o4000;
const SET_GROUP_ID: u32 = 0o2000;

/// Whose the restored entries are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerMapping {
    /// The numbers of the snapshot.
    Numeric,
    /// The numbers that the names of the snapshot have here; the snapshot's number for a name unknown here.
    ByName,
    /// Whoever restores: the owner is not touched, and not reported.
    Keep,
}

impl OwnerMapping {
    /// The usual mapping: `Numeric` for root, `Keep` for others.
    pub fn for_this_user() -> Self {
        if rustix::process::geteuid().is_root() { Self::Numeric } else { Self::Keep }
    }
}

/// The mapping and the numbers it has found.
#[derive(Debug)]
pub(super) struct Owners {
    mapping: OwnerMapping,
    users: Mutex<BTreeMap<Vec<u8>, Option<u32>>>,
    groups: Mutex<BTreeMap<Vec<u8>, Option<u32>>>,
}

impl Owners {
    pub(super) fn new(mapping: OwnerMapping) -> Self {
        Self { mapping, users: Mutex::new(BTreeMap::new()), groups: Mutex::new(BTreeMap::new()) }
    }

    /// The owner and group to set here, and whether each is known by name.
    fn wanted(&self, meta: &Meta, names: &OwnerNames) -> (u32, u32, bool) {
        if self.mapping != OwnerMapping::ByName {
            return (meta.uid, meta.gid, true);
        }
        let user = find(&self.users, names.users.get(&meta.uid), |name| {
            uzers::get_user_by_name(name).map(|user| user.uid())
        });
        let group = find(&self.groups, names.groups.get(&meta.gid), |name| {
            uzers::get_group_by_name(name).map(|group| group.gid())
        });
        (user.unwrap_or(meta.uid), group.unwrap_or(meta.gid), user.is_some() && group.is_some())
    }
}

fn find(
    known: &Mutex<BTreeMap<Vec<u8>, Option<u32>>>,
    name: Option<&Vec<u8>>,
    ask: impl Fn(&OsStr) -> Option<u32>,
) -> Option<u32> {
    let name = name?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = known.get(name) {
        return *number;
    }
    let number = ask(OsStr::from_bytes(name));
    known.insert(name.clone(), number);
    number
}

/// The metadata an entry should get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) meta: &'a Meta,
    /// The names of the snapshot's owners.
    pub(super) names: &'a OwnerNames,
    pub(super) owners: &'a Owners,
}

/// What attributes an entry may have before it gets its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// None: it was just made.
    Nothing,
    /// An ACL from its directory: it was just made.
    InheritedAcl,
    /// Any: it was there.
    Anything,
}

impl Before {
    /// For an entry that was just made in a directory.
    pub(super) fn made_in(directory: &super::directory::OpenDirectory) -> Self {
        if directory.passes_acl() { Self::InheritedAcl } else { Self::Nothing }
    }
}

/// Where an entry is: open, or a name in an open directory (links, pipes and devices are not opened).
#[derive(Clone, Copy, Debug)]
pub(super) enum Spot<'a> {
    Open(BorrowedFd<'a>),
    Named(BorrowedFd<'a>, &'a [u8]),
}

impl Spot<'_> {
    fn stat(self) -> Result<Stat, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fstat(fd),
            Self::Named(directory, name) => rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    fn chown(self, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        // The highest number means "leave it" to the system; nobody owns anything by it.
        if uid == Some(u32::MAX) || gid == Some(u32::MAX) {
            return Err(Errno::INVAL);
        }
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        match self {
            Self::Open(fd) => rustix::fs::fchown(fd, uid, gid),
            Self::Named(directory, name) => {
                rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    fn chmod(self, mode: Mode) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fchmod(fd, mode),
            Self::Named(directory, name) => {
                // A handle on the inode, so that a link put there meanwhile is not followed.
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(directory, name, flags, Mode::empty())?;
                if tree::fstat(&fd)?.is_none_or(|stat| stat.kind == Kind::Symlink) {
                    return Err(Errno::LOOP);
                }
                let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
                rustix::fs::chmodat(CWD, path, mode, AtFlags::empty())
            }
        }
    }

    fn xattrs(self) -> Result<Vec<Xattr>, Errno> {
        match self {
            Self::Open(fd) => tree::xattrs_of(fd),
            Self::Named(directory, name) => tree::xattrs_at(directory, name),
        }
    }

    fn set_xattr(self, xattr: &Xattr) -> Result<(), Errno> {
        let (name, value) = (xattr.name.as_slice(), xattr.value.as_slice());
        match self {
            Self::Open(fd) => rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty()),
            Self::Named(directory, entry) => {
                rustix::fs::lsetxattr(by_proc(directory, entry), name, value, XattrFlags::empty())
            }
        }
    }

    fn remove_xattr(self, name: &[u8]) -> Result<(), Errno> {
        let removed = match self {
            Self::Open(fd) => rustix::fs::fremovexattr(fd, name),
            Self::Named(directory, entry) => rustix::fs::lremovexattr(by_proc(directory, entry), name),
        };
        match removed {
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            other => other,
        }
    }

    fn set_time(self, time: FileTime) -> Result<(), Errno> {
        // Higher numbers have a meaning of their own ("now", "leave it").
        let nanos = i64::from(time.nanos.min(999_999_999));
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: time.seconds, tv_nsec: nanos },
        };
        match self {
            Self::Open(fd) => rustix::fs::futimens(fd, &times),
            Self::Named(directory, name) => {
                rustix::fs::utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }
}

fn by_proc(directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", directory.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}

/// Gives an entry its metadata; returns what it still lacks.
pub(super) fn apply(spot: Spot<'_>, before: Before, wish: Wish<'_>) -> Vec<Shortcoming> {
    let meta = wish.meta;
    let mut lacks = Vec::new();
    let stat = match spot.stat() {
        Ok(stat) => stat,
        Err(e) => return vec![Shortcoming::Mode(e)],
    };
    let (owner_changed, mode) = set_owner(spot, &stat, wish, &mut lacks);
    let had = if before == Before::Anything {
        spot.xattrs().unwrap_or_else(|e| {
            lacks.push(Shortcoming::AttributesUnread(e));
            Vec::new()
        })
    } else {
        Vec::new()
    };
    let acl_removed = remove_foreign(spot, before, &had, meta, &mut lacks);
    for xattr in meta.xattrs.iter().filter(|xattr| xattr.name != ACCESS_ACL && !had.contains(xattr)) {
        if let Err(e) = spot.set_xattr(xattr) {
            lacks.push(Shortcoming::Attribute(xattr.name.clone(), e));
        }
    }
    let mode_changes = owner_changed || acl_removed || stat.st_mode & 0o7777 != mode;
    if meta.kind != Kind::Symlink
        && mode_changes
        && let Err(e) = spot.chmod(Mode::from_raw_mode(mode))
    {
        lacks.push(Shortcoming::Mode(e));
    }
    for acl in meta.xattrs.iter().filter(|xattr| xattr.name == ACCESS_ACL) {
        if (mode_changes || !had.contains(acl))
            && let Err(e) = spot.set_xattr(acl)
        {
            lacks.push(Shortcoming::Attribute(acl.name.clone(), e));
        }
    }
    set_time(spot, &stat, meta.mtime, &mut lacks);
    lacks
}

/// Sets owner and group; tells whether that was done and which permissions fit the owner the entry has now.
fn set_owner(spot: Spot<'_>, stat: &Stat, wish: Wish<'_>, lacks: &mut Vec<Shortcoming>) -> (bool, u32) {
    let Wish { meta, names, owners } = wish;
    let (uid, gid, is_known) = owners.wanted(meta, names);
    if !is_known {
        lacks.push(Shortcoming::OwnerName);
    }
    let mut has = (stat.st_uid == uid, stat.st_gid == gid);
    let mut is_changed = false;
    if owners.mapping != OwnerMapping::Keep && has != (true, true) {
        match spot.chown((!has.0).then_some(uid), (!has.1).then_some(gid)) {
            Ok(()) => (is_changed, has) = (true, (true, true)),
            Err(e) => {
                lacks.push(Shortcoming::Owner(e));
                // Whoever is not root may still give a file to a group of his own.
                if has == (false, false) && spot.chown(None, Some(gid)).is_ok() {
                    (is_changed, has) = (true, (false, true));
                }
            }
        }
    }
    let mut mode = meta.mode & 0o7777;
    if !has.0 {
        mode &= !SET_USER_ID;
    }
    // On a directory set-group-id lends nobody rights.
    if !has.1 && meta.kind != Kind::Directory {
        mode &= !SET_GROUP_ID;
    }
    if meta.kind != Kind::Symlink && mode != meta.mode & 0o7777 {
        lacks.push(Shortcoming::SetId);
    }
    (is_changed, mode)
}

/// Removes attributes the snapshot does not have; tells whether an ACL may have gone.
fn remove_foreign(
    spot: Spot<'_>,
    before: Before,
    had: &[Xattr],
    meta: &Meta,
    lacks: &mut Vec<Shortcoming>,
) -> bool {
    let keeps = |name: &[u8]| meta.xattrs.iter().any(|xattr| xattr.name == name);
    let mut acl_removed = false;
    let inherited = (before == Before::InheritedAcl && meta.kind != Kind::Symlink).then_some(ACCESS_ACL);
    // Labels that the system here gives to every file (`security.selinux` and others) stay.
    let is_ours = |name: &&[u8]| !name.starts_with(b"security.") || *name == b"security.capability";
    let had = had.iter().map(|xattr| xattr.name.as_slice()).filter(is_ours);
    for name in inherited.into_iter().chain(had).filter(|name| !keeps(name)) {
        acl_removed |= name == ACCESS_ACL;
        if let Err(e) = spot.remove_xattr(name) {
            lacks.push(Shortcoming::AttributeLeft(name.to_vec(), e));
        }
    }
    acl_removed
}

fn set_time(spot: Spot<'_>, stat: &Stat, time: FileTime, lacks: &mut Vec<Shortcoming>) {
    let has =
        |stat: &Stat| stat.st_mtime == time.seconds && u32::try_from(stat.st_mtime_nsec) == Ok(time.nanos);
    if has(stat) {
        return;
    }
    if let Err(e) = spot.set_time(time) {
        lacks.push(Shortcoming::Time(Some(e)));
    } else if !(0..i64::from(i32::MAX)).contains(&time.seconds) {
        // Some file systems cut such times short without a word.
        if !spot.stat().is_ok_and(|stat| stat.st_mtime == time.seconds) {
            lacks.push(Shortcoming::Time(None));
        }
    }
}
