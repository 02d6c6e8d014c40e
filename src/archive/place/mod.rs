//! Writing restored entries into a target directory, and never outside of it.
//!
//! Paths are bytes below the target. Every directory on the way is opened without following a symbolic link, so a
//! link that was there before, or that the snapshot itself brings, leads nowhere. A file is written under a temporary
//! name and renamed when the caller has found its content right. Directories are private (0700) while they are
//! filled and get their own metadata last, children first. Which entries are written, and in which order, is not
//! decided here. Start at `Target`.
//!
//! Nothing is forced to the disk per file: `Target::sync` does that once. After a power failure before it, restore
//! again in place; `Target::matches` and the hash tell what is whole.

/// What can go wrong, and what may be lacking.
mod error;

/// Directories of the target.
mod directory;

/// Owner, permissions, attributes, times.
mod meta;

/// Regular files.
mod file;

/// Links, pipes, sockets, devices.
mod other;

use std::fs::DirBuilder;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::block::OwnerNames;
use super::entry::{Entry, Kind, Meta};
use super::tree::{self, StatFacts};

use directory::{Directories, OpenDirectory};
use meta::{Before, Owners, Spot, Wish};

pub use error::{PlaceError, Shortcoming};
pub use file::PlacedFile;
pub use meta::OwnerMapping;

/// How entries are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlaceOptions {
    /// Whose they are.
    pub owners: OwnerMapping,
    /// Whether what stands in the target may be replaced.
    pub in_place: bool,
}

/// A directory that receives a restore. Several threads may write to it.
#[derive(Debug)]
pub struct Target {
    directories: Directories,
    settings: Arc<Settings>,
}

/// What everything written to one target has in common.
#[derive(Debug)]
struct Settings {
    in_place: bool,
    owners: Owners,
    /// Makes temporary names differ from those of other restores.
    seed: u64,
    count: AtomicU64,
}

impl Settings {
    fn wish<'a>(&'a self, meta: &'a Meta, names: &'a OwnerNames) -> Wish<'a> {
        Wish { meta, names, owners: &self.owners }
    }

    fn temporary_name(&self) -> Vec<u8> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!(".kura-{:016x}-{count:x}.part", self.seed).into_bytes()
    }
}

fn is_temporary_name(name: &[u8]) -> bool {
    let middle = name.strip_prefix(b".kura-").and_then(|rest| rest.strip_suffix(b".part"));
    let Some((seed, count)) = middle.and_then(|middle| middle.split_at_checked(16)) else { return false };
    let is_hex = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
    is_hex(seed) && count.strip_prefix(b"-").is_some_and(is_hex)
}

/// Refuses a path that is not a plain way down from the target: absolute, or with an empty part, `.`, `..` or NUL.
pub fn check_path(path: &[u8]) -> Result<(), PlaceError> {
    if path.is_empty() {
        return Err(PlaceError::BadPath("is empty"));
    }
    if path.starts_with(b"/") {
        return Err(PlaceError::BadPath("is absolute"));
    }
    if path.contains(&0) {
        return Err(PlaceError::BadPath("contains a NUL byte"));
    }
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" => return Err(PlaceError::BadPath("has an empty part")),
            b"." => return Err(PlaceError::BadPath("has a part \".\"")),
            b".." => return Err(PlaceError::BadPath("has a part \"..\"")),
            _ => {}
        }
    }
    Ok(())
}

/// As `check_path`; the empty path is the target itself.
fn check_directory_path(path: &[u8]) -> Result<(), PlaceError> {
    if path.is_empty() { Ok(()) } else { check_path(path) }
}

/// The directory of a path and its name in there.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

impl Target {
    /// Opens a target and makes it, and the directories above it, where they are missing.
    pub fn open(path: &Path, options: PlaceOptions) -> Result<Self, PlaceError> {
        let failed = |e: std::io::Error| {
            let source = Errno::from_io_error(&e).unwrap_or(Errno::IO);
            PlaceError::of("make the target directory", source)
        };
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(failed)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(e) if !path.is_dir() => return Err(failed(e)),
            _ => {}
        }
        let root =
            rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .map_err(|e| PlaceError::of("open the target directory", e))?;
        let user = rustix::process::geteuid();
        let widen_for = (options.in_place && !user.is_root()).then(|| user.as_raw());
        let mut seed = [0_u8; 8];
        crate::clock::random_bytes(&mut seed);
        let settings = Settings {
            in_place: options.in_place,
            owners: Owners::new(options.owners),
            seed: u64::from_le_bytes(seed),
            count: AtomicU64::new(0),
        };
        Ok(Self { directories: Directories::new(root, widen_for), settings: Arc::new(settings) })
    }

    /// Makes a directory and those above it where they are missing, for nobody but this user until
    /// `finish_directory`. The empty path is the target itself.
    ///
    /// In place and not as root, a directory of this user's that is closed to writing is opened for it; call
    /// `finish_directory` for it in the end.
    pub fn ensure_directory(&self, path: &[u8]) -> Result<(), PlaceError> {
        check_directory_path(path)?;
        self.directories.ensure(path).map(|_| ())
    }

    /// Gives a directory its metadata; returns what it still lacks. Called at the end, children first.
    pub fn finish_directory(
        &self,
        path: &[u8],
        meta: &Meta,
        owners: &OwnerNames,
    ) -> Result<Vec<Shortcoming>, PlaceError> {
        check_directory_path(path)?;
        let directory = self.directories.get(path)?;
        Ok(self.apply(directory.as_fd(), meta, owners))
    }

    /// Begins a regular file of `size_bytes`; directories above it are made where they are missing.
    pub fn begin_file(&self, path: &[u8], size_bytes: u64) -> Result<PlacedFile, PlaceError> {
        let (directory, name) = self.parent(path)?;
        PlacedFile::begin(directory, name, size_bytes, &self.settings)
    }

    /// What stands at a path; none if nothing does.
    pub fn look(&self, path: &[u8]) -> Result<Option<StatFacts>, PlaceError> {
        check_path(path)?;
        let (above, name) = split(path);
        let directory = match self.directories.get(above) {
            Ok(directory) => directory,
            Err(PlaceError::System { source: Errno::NOENT, .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(StatFacts::of(&stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(PlaceError::of("look for an entry", e)),
        }
    }

    /// Opens the file at a path for reading if, by kind, length and time, it may be the entry already.
    ///
    /// The caller hashes it, and rewrites it if that differs. A file with further names is not taken for an entry
    /// that has none, because `fix_meta` would change them too.
    pub fn matches(&self, path: &[u8], entry: &Entry) -> Result<Option<OwnedFd>, PlaceError> {
        let may_be = |there: &StatFacts| {
            there.kind == Kind::File
                && entry.meta.kind == Kind::File
                && there.size_bytes == entry.size_bytes
                && there.mtime == entry.meta.mtime
                && (there.links == 1 || entry.meta.link_group.is_some())
        };
        // A look first: a restore to an empty target opens nothing, and devices are never opened.
        if !self.look(path)?.is_some_and(|there| may_be(&there)) {
            return Ok(None);
        }
        let (above, name) = split(path);
        let directory = self.directories.get(above)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&directory, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            // Replaced meanwhile, or not for this user to read: it is written anew.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ACCESS) => return Ok(None),
            Err(e) => return Err(PlaceError::of("read a file", e)),
        };
        let there = tree::fstat(&fd).map_err(|e| PlaceError::of("read a file", e))?;
        Ok(there.is_some_and(|there| may_be(&there)).then_some(fd))
    }

    /// Corrects the metadata of a file that `matches` opened; returns what it still lacks.
    pub fn fix_meta(&self, file: &OwnedFd, meta: &Meta, owners: &OwnerNames) -> Vec<Shortcoming> {
        self.apply(file.as_fd(), meta, owners)
    }

    fn apply(&self, fd: BorrowedFd<'_>, meta: &Meta, owners: &OwnerNames) -> Vec<Shortcoming> {
        meta::apply(Spot::Open(fd), Before::Anything, self.settings.wish(meta, owners))
    }

    /// Removes what killed restores left anywhere below the target; returns how many files.
    ///
    /// For a restore in place, before anything is written, and only while no other restore writes to the same target.
    pub fn remove_all_leftovers(&self) -> Result<u64, PlaceError> {
        let mut removed = 0;
        let mut waiting = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            let (here, below) = self.remove_leftovers(&path)?;
            removed += here;
            waiting.extend(below);
        }
        Ok(removed)
    }

    /// Removes temporary files that a killed restore left in a directory; returns how many, and the directories in it.
    ///
    /// A directory that does not exist, or that may not be listed, has none.
    fn remove_leftovers(&self, path: &[u8]) -> Result<(u64, Vec<Vec<u8>>), PlaceError> {
        check_directory_path(path)?;
        let failed = |e| PlaceError::of("list a directory", e);
        let directory = match self.directories.get(path) {
            Ok(directory) => directory,
            Err(PlaceError::System { source: Errno::NOENT | Errno::ACCESS, .. }) => {
                return Ok((0, Vec::new()));
            }
            Err(e) => return Err(e),
        };
        let (mut names, mut below) = (Vec::new(), Vec::new());
        for listed in Dir::read_from(&directory).map_err(failed)? {
            let listed = listed.map_err(failed)?;
            let name = listed.file_name();
            if is_temporary_name(name.to_bytes()) {
                names.push(name.to_owned());
            } else if listed.file_type() == FileType::Directory
                && ![&b"."[..], b".."].contains(&name.to_bytes())
            {
                let inner = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
                below.push([&inner, name.to_bytes()].concat());
            }
        }
        let mut removed = 0;
        for name in names {
            match rustix::fs::unlinkat(&directory, name, AtFlags::empty()) {
                Ok(()) => removed += 1,
                Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(e) => return Err(PlaceError::of("remove a leftover", e)),
            }
        }
        Ok((removed, below))
    }

    /// Forces everything written to the disk; an error of the disk that came late is found here.
    pub fn sync(&self) -> Result<(), PlaceError> {
        rustix::fs::syncfs(self.directories.root())
            .map_err(|e| PlaceError::of("write everything to the disk", e))
    }

    /// The directory of an entry, made where it is missing, and the entry's name.
    fn parent<'p>(&self, path: &'p [u8]) -> Result<(Arc<OpenDirectory>, &'p [u8]), PlaceError> {
        check_path(path)?;
        let (above, name) = split(path);
        Ok((self.directories.ensure(above)?, name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;

    use super::super::entry::{FileTime, Xattr};
    use super::super::tree::Tree;
    use super::*;

    const IN_PLACE: PlaceOptions = PlaceOptions { owners: OwnerMapping::Numeric, in_place: true };
    const FRESH: PlaceOptions = PlaceOptions { owners: OwnerMapping::Numeric, in_place: false };

    struct Place {
        _folder: tempfile::TempDir,
        root: PathBuf,
        target: Target,
    }

    fn place(options: PlaceOptions) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("above/target");
        let target = Target::open(&root, options).unwrap();
        Place { _folder: folder, root, target }
    }

    impl Place {
        fn at(&self, path: &[u8]) -> PathBuf {
            self.root.join(std::ffi::OsStr::from_bytes(path))
        }

        fn write(&self, path: &[u8], bytes: &[u8]) -> Result<Vec<Shortcoming>, PlaceError> {
            self.write_as(path, bytes, &meta(Kind::File, 0o644))
        }

        fn write_as(&self, path: &[u8], bytes: &[u8], meta: &Meta) -> Result<Vec<Shortcoming>, PlaceError> {
            let file = self.target.begin_file(path, u64::try_from(bytes.len()).unwrap())?;
            file.write_at(0, bytes)?;
            file.finish(meta, &OwnerNames::default())
        }

        fn names(&self) -> Vec<String> {
            let listed = fs::read_dir(&self.root).unwrap();
            let mut names: Vec<String> =
                listed.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }

        /// The metadata that a snapshot of the target would keep.
        fn captured(&self, path: &[u8]) -> Meta {
            let tree = Tree::open(&self.root).unwrap();
            let stat = tree.lstat(path).unwrap().unwrap();
            let mut meta = stat.meta();
            let (directory, name) = tree.parent(path).unwrap();
            meta.xattrs = match stat.kind {
                Kind::File => tree::xattrs_of(tree.open_file(path).unwrap().as_fd()).unwrap(),
                Kind::Directory => tree::xattrs_of(tree.open_directory(path).unwrap().as_fd()).unwrap(),
                _ => tree::xattrs_at(directory.as_fd(), name).unwrap(),
            };
            meta
        }
    }

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn meta(kind: Kind, mode: u32) -> Meta {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let mtime = FileTime { seconds: 1_700_000_000, nanos: 123_456_789 };
        Meta { kind, mode, uid, gid, mtime, device: 0, link_group: None, xattrs: Vec::new() }
    }

    fn xattr(name: &str, value: &[u8]) -> Xattr {
        Xattr { name: name.as_bytes().to_vec(), value: value.to_vec() }
    }

    /// Gives metadata the owner, and leaves out the attributes, that only root can set, as who runs the tests may.
    fn of_another(meta: &mut Meta) {
        if is_root() {
            (meta.uid, meta.gid) = (1234, 5678);
        }
    }

    fn settable(xattrs: Vec<Xattr>) -> Vec<Xattr> {
        let is_settable = |xattr: &Xattr| {
            is_root() || xattr.name.starts_with(b"user.") || xattr.name.starts_with(b"system.")
        };
        xattrs.into_iter().filter(is_settable).collect()
    }

    /// An ACL of user rwx, user 4321 r, group r, mask rwx, others none.
    fn acl(name: &str) -> Xattr {
        let mut value = 2_u32.to_le_bytes().to_vec();
        for (tag, perm, id) in [(1_u16, 7_u16, u32::MAX), (2, 4, 4321), (4, 4, u32::MAX), (16, 7, u32::MAX)] {
            value.extend([tag.to_le_bytes(), perm.to_le_bytes()].concat());
            value.extend(id.to_le_bytes());
        }
        value.extend([32_u16.to_le_bytes(), 0_u16.to_le_bytes()].concat());
        value.extend(u32::MAX.to_le_bytes());
        xattr(name, &value)
    }

    fn names() -> OwnerNames {
        OwnerNames::default()
    }

    #[test]
    fn a_file_gets_back_all_of_its_metadata() {
        let place = place(FRESH);
        let mut wanted = meta(Kind::File, 0o6770);
        of_another(&mut wanted);
        wanted.mtime = FileTime { seconds: -1_234_567, nanos: 987_654_321 };
        // One capability (net_bind_service), permitted and effective.
        let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        wanted.xattrs = settable(vec![
            xattr("security.capability", &capability),
            acl("system.posix_acl_access"),
            xattr("trusted.kura", b"t"),
            xattr("user.comment", "診療情報".as_bytes()),
            xattr("user.empty", b""),
        ]);
        assert_eq!(place.write_as(b"day/record", b"content", &wanted).unwrap(), Vec::new());
        assert_eq!(place.captured(b"day/record"), wanted);
        assert_eq!(fs::read(place.at(b"day/record")).unwrap(), b"content");
    }

    #[test]
    fn a_directory_gets_back_all_of_its_metadata_after_its_files() {
        let place = place(FRESH);
        let mut wanted = meta(Kind::Directory, 0o3770);
        of_another(&mut wanted);
        wanted.mtime = FileTime { seconds: 4_102_444_800, nanos: 1 };
        wanted.xattrs = vec![
            acl("system.posix_acl_access"),
            acl("system.posix_acl_default"),
            xattr("user.comment", b"x"),
        ];
        place.target.ensure_directory(b"a/b").unwrap();
        assert_eq!(fs::metadata(place.at(b"a/b")).unwrap().mode() & 0o7777, 0o700);
        place.write(b"a/b/file", b"1").unwrap();
        assert_eq!(place.target.finish_directory(b"a/b", &wanted, &names()).unwrap(), Vec::new());
        assert_eq!(place.captured(b"a/b"), wanted);
        let root = meta(Kind::Directory, 0o755);
        assert_eq!(place.target.finish_directory(b"", &root, &names()).unwrap(), Vec::new());
        assert_eq!(fs::metadata(&place.root).unwrap().mode() & 0o7777, 0o755);
    }

    #[test]
    fn times_before_1970_and_after_2100_come_back_to_the_nanosecond() {
        let place = place(FRESH);
        for seconds in [-2_000_000_000, -1, 0, 4_102_444_801, 13_000_000_000] {
            let mut wanted = meta(Kind::File, 0o600);
            wanted.mtime = FileTime { seconds, nanos: 999_999_999 };
            let path = format!("at {seconds}").into_bytes();
            assert_eq!(place.write_as(&path, b"", &wanted).unwrap(), Vec::new());
            assert_eq!(place.captured(&path).mtime, wanted.mtime);
        }
    }

    #[test]
    fn a_time_the_file_system_cannot_hold_is_told() {
        let place = place(FRESH);
        let mut wanted = meta(Kind::File, 0o600);
        wanted.mtime = FileTime { seconds: i64::MIN, nanos: u32::MAX };
        assert_eq!(place.write_as(b"f", b"", &wanted).unwrap(), vec![Shortcoming::Time(None)]);
    }

    #[test]
    fn links_pipes_sockets_and_devices_get_back_all_of_their_metadata() {
        let place = place(FRESH);
        for (path, kind) in [(&b"p"[..], Kind::Fifo), (b"s", Kind::Socket), (b"c", Kind::CharDevice)] {
            if kind == Kind::CharDevice && !is_root() {
                continue;
            }
            let mut wanted = meta(kind, 0o1622);
            of_another(&mut wanted);
            wanted.device = if kind == Kind::CharDevice { 1 << 32 | 3 } else { 0 };
            wanted.xattrs = settable(vec![xattr("trusted.kura", b"t")]);
            assert_eq!(place.target.special(path, &wanted, &names()).unwrap(), Vec::new());
            assert_eq!(place.captured(path), wanted);
        }
        let mut wanted = meta(Kind::Symlink, 0o777);
        of_another(&mut wanted);
        wanted.mtime.seconds = -5;
        wanted.xattrs = settable(vec![xattr("trusted.kura", b"t")]);
        let target = b"/nowhere/\xff\n";
        assert_eq!(place.target.symlink(b"d/l", target, &wanted, &names()).unwrap(), Vec::new());
        assert_eq!(place.captured(b"d/l"), wanted);
        assert_eq!(fs::read_link(place.at(b"d/l")).unwrap().as_os_str().as_bytes(), target);
    }

    #[test]
    fn an_acl_that_a_directory_passes_on_does_not_stay_on_what_is_restored() {
        let place = place(FRESH);
        let default = acl("system.posix_acl_default");
        let root = fs::File::open(&place.root).unwrap();
        rustix::fs::fsetxattr(&root, &*default.name, &default.value, rustix::fs::XattrFlags::empty())
            .unwrap();
        let (file, pipe, directory) =
            (meta(Kind::File, 0o640), meta(Kind::Fifo, 0o640), meta(Kind::Directory, 0o750));
        place.write_as(b"file", b"1", &file).unwrap();
        place.target.special(b"pipe", &pipe, &names()).unwrap();
        place.target.ensure_directory(b"directory").unwrap();
        place.write_as(b"directory/file", b"1", &file).unwrap();
        place.target.finish_directory(b"directory", &directory, &names()).unwrap();
        for (path, wanted) in
            [(&b"file"[..], &file), (b"pipe", &pipe), (b"directory", &directory), (b"directory/file", &file)]
        {
            assert_eq!(&place.captured(path), wanted);
        }
    }

    #[test]
    fn a_group_that_a_directory_passes_on_does_not_stay_on_what_is_restored() {
        let place = place(FRESH);
        if is_root() {
            std::os::unix::fs::chown(&place.root, None, Some(5678)).unwrap();
        }
        fs::set_permissions(&place.root, fs::Permissions::from_mode(0o2700)).unwrap();
        place.write(b"file", b"1").unwrap();
        assert_eq!(place.captured(b"file").gid, meta(Kind::File, 0).gid);
    }

    #[test]
    fn a_sparse_file_stays_sparse() {
        let place = place(FRESH);
        let size_bytes = 1 << 30;
        let file = place.target.begin_file(b"sparse", size_bytes).unwrap();
        file.write_at(1 << 20, &[7; 4096]).unwrap();
        file.write_at(1 << 29, &[8; 4096]).unwrap();
        file.finish(&meta(Kind::File, 0o600), &names()).unwrap();
        let small = place.target.begin_file(b"small", 100_000).unwrap();
        small.write_at(0, b"x").unwrap();
        small.finish(&meta(Kind::File, 0o600), &names()).unwrap();
        let there = fs::metadata(place.at(b"sparse")).unwrap();
        assert_eq!(there.len(), size_bytes);
        assert!(there.blocks() * 512 < 1 << 20, "{} blocks", there.blocks());
        let there = fs::metadata(place.at(b"small")).unwrap();
        assert_eq!((there.len(), there.blocks() < 100), (100_000, true));
    }

    #[test]
    fn any_bytes_may_be_a_name() {
        let place = place(FRESH);
        let longest = [b'n'; 255];
        for name in [&b"new\nline"[..], b"\xff\xfe\x83J\x83\x8b", b"...", b" ", b"\\", &longest] {
            let mut path = b"\x80 dir/".to_vec();
            path.extend_from_slice(name);
            place.write(&path, name).unwrap();
            assert_eq!(fs::read(place.at(&path)).unwrap(), name);
        }
        let error = place.write(&[b'n'; 256], b"").unwrap_err();
        assert!(matches!(error, PlaceError::NameTooLong), "{error}");
    }

    #[test]
    fn a_path_may_be_deeper_than_one_call_takes() {
        let place = place(IN_PLACE);
        let part = [b'd'; 40];
        let deep = vec![&part[..]; 300].join(&b'/');
        let mut path = deep.clone();
        path.extend_from_slice(b"/file");
        place.write(&path, b"deep").unwrap();
        // Others push it out of the open directories.
        for n in 0..40 {
            place.target.ensure_directory(format!("other {n}").as_bytes()).unwrap();
        }
        let mut entry = Entry::bare(path.clone(), meta(Kind::File, 0o644));
        entry.size_bytes = 4;
        assert!(place.target.matches(&path, &entry).unwrap().is_some());
        place.target.finish_directory(&deep, &meta(Kind::Directory, 0o750), &names()).unwrap();
        let tree = Tree::open(&place.root).unwrap();
        assert_eq!(tree.lstat(&path).unwrap().unwrap().size_bytes, 4);
        assert_eq!(tree.lstat(&deep).unwrap().unwrap().mode, 0o750);
    }

    #[test]
    fn a_symbolic_link_in_the_target_leads_nowhere() {
        for in_place in [false, true] {
            let place = place(PlaceOptions { in_place, ..FRESH });
            let outside = place.root.parent().unwrap().join("outside");
            fs::create_dir_all(outside.join("sub")).unwrap();
            fs::write(outside.join("victim"), b"safe").unwrap();
            place.target.symlink(b"l", b"../outside", &meta(Kind::Symlink, 0o777), &names()).unwrap();
            let longer = [b"l/".to_vec(), vec![&b"0123456789"[..]; 500].join(&b'/')].concat();
            for path in [&b"l/new"[..], b"l/victim", b"l/sub/new", b"l/made/new", &longer] {
                let is_refused = |outcome: Option<PlaceError>| {
                    assert!(matches!(outcome, Some(PlaceError::Symlink)), "{outcome:?}");
                };
                is_refused(place.write(path, b"evil").err());
                is_refused(place.target.ensure_directory(path).err());
                is_refused(place.target.symlink(path, b"x", &meta(Kind::Symlink, 0), &names()).err());
                is_refused(place.target.special(path, &meta(Kind::Fifo, 0o600), &names()).err());
                is_refused(place.target.remove(path).err());
                is_refused(place.target.look(path).err());
                is_refused(place.target.hard_link(path, b"h").err());
                is_refused(
                    place.target.finish_directory(path, &meta(Kind::Directory, 0o777), &names()).err(),
                );
            }
            let directory = meta(Kind::Directory, 0o777);
            assert!(matches!(place.target.ensure_directory(b"l"), Err(PlaceError::Symlink)));
            assert!(matches!(
                place.target.finish_directory(b"l", &directory, &names()),
                Err(PlaceError::Symlink)
            ));
            assert_eq!(fs::read(outside.join("victim")).unwrap(), b"safe");
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_directory_that_was_removed_is_not_written_to_through_an_open_handle() {
        let place = place(IN_PLACE);
        place.target.ensure_directory(b"a/b").unwrap();
        place.target.ensure_directory(b"ab").unwrap();
        place.target.remove(b"a/b").unwrap();
        place.target.remove(b"a").unwrap();
        place.target.symlink(b"a", b"..", &meta(Kind::Symlink, 0o777), &names()).unwrap();
        assert!(matches!(place.write(b"a/b/f", b""), Err(PlaceError::Symlink)));
        place.write(b"ab/f", b"").unwrap();
    }

    #[test]
    fn a_hostile_path_is_refused_by_everything_that_writes() {
        let place = place(IN_PLACE);
        for path in [
            &b""[..],
            b"/",
            b"/etc/x",
            b"..",
            b"a/../b",
            b"a/..",
            b".",
            b"./a",
            b"a//b",
            b"a/",
            b"a\0b",
            b"../x",
        ] {
            assert!(matches!(check_path(path), Err(PlaceError::BadPath(_))), "{path:?}");
            assert!(place.target.begin_file(path, 0).is_err());
            assert!(place.target.symlink(path, b"x", &meta(Kind::Symlink, 0), &names()).is_err());
            assert!(place.target.special(path, &meta(Kind::Fifo, 0), &names()).is_err());
            assert!(
                place.target.hard_link(path, b"y").is_err() && place.target.hard_link(b"y", path).is_err()
            );
            assert!(place.target.remove(path).is_err() && place.target.look(path).is_err());
            if !path.is_empty() {
                assert!(place.target.ensure_directory(path).is_err());
                assert!(place.target.finish_directory(path, &meta(Kind::Directory, 0), &names()).is_err());
            }
        }
        assert_eq!(place.names(), Vec::<String>::new());
        assert!(check_path("2026/日付/.hidden/..a".as_bytes()).is_ok());
    }

    #[test]
    fn an_entry_that_exists_is_left_alone_unless_the_restore_is_in_place() {
        let place = place(FRESH);
        fs::write(place.at(b"taken"), b"old").unwrap();
        let refused = |outcome: Result<(), PlaceError>| assert!(matches!(outcome, Err(PlaceError::Exists)));
        refused(place.write(b"taken", b"new").map(|_| ()));
        refused(place.target.begin_file(b"taken", 1 << 30).map(|_| ()));
        refused(place.target.symlink(b"taken", b"x", &meta(Kind::Symlink, 0), &names()).map(|_| ()));
        refused(place.target.special(b"taken", &meta(Kind::Fifo, 0), &names()).map(|_| ()));
        refused(place.target.remove(b"taken"));
        place.write(b"other", b"1").unwrap();
        refused(place.target.hard_link(b"other", b"taken"));
        assert_eq!(fs::read(place.at(b"taken")).unwrap(), b"old");
        assert_eq!(place.names(), ["other", "taken"]);
    }

    #[test]
    fn in_place_everything_but_a_directory_is_replaced() {
        let place = place(IN_PLACE);
        let make = |path: &[u8]| fs::write(place.at(path), b"old").unwrap();
        for path in [&b"file"[..], b"link", b"pipe", b"second"] {
            make(path);
        }
        place.write(b"file", b"new").unwrap();
        place.target.symlink(b"link", b"x", &meta(Kind::Symlink, 0o777), &names()).unwrap();
        place.target.special(b"pipe", &meta(Kind::Fifo, 0o600), &names()).unwrap();
        for _ in 0..2 {
            place.target.hard_link(b"file", b"second").unwrap();
            place.target.symlink(b"link", b"x", &meta(Kind::Symlink, 0o777), &names()).unwrap();
            place.target.special(b"pipe", &meta(Kind::Fifo, 0o640), &names()).unwrap();
        }
        assert_eq!(fs::read(place.at(b"second")).unwrap(), b"new");
        assert_eq!(fs::metadata(place.at(b"second")).unwrap().nlink(), 2);
        assert_eq!(place.captured(b"pipe"), meta(Kind::Fifo, 0o640));
        place.target.ensure_directory(b"full/below").unwrap();
        for size_bytes in [1, 1 << 21] {
            let begun = place.target.begin_file(b"full", size_bytes);
            let outcome = begun.and_then(|file| file.finish(&meta(Kind::File, 0o600), &names()));
            assert!(matches!(outcome, Err(PlaceError::IsDirectory)));
        }
        let outcome = place.target.special(b"full", &meta(Kind::Fifo, 0o600), &names());
        assert!(matches!(outcome, Err(PlaceError::IsDirectory)));
        assert!(matches!(place.target.remove(b"full"), Err(PlaceError::NotEmpty)));
        assert!(matches!(place.target.ensure_directory(b"file/x"), Err(PlaceError::NotDirectory)));
        place.target.remove(b"full/below").unwrap();
        place.target.remove(b"full").unwrap();
        place.target.remove(b"full").unwrap();
        place.target.remove(b"file").unwrap();
        assert_eq!(place.names(), ["link", "pipe", "second"]);
    }

    #[test]
    fn a_file_that_is_there_already_is_found_and_only_its_metadata_corrected() {
        let place = place(IN_PLACE);
        let mut entry = Entry::bare(b"f".to_vec(), meta(Kind::File, 0o640));
        entry.size_bytes = 3;
        entry.meta.xattrs = vec![xattr("user.a", b"1"), xattr("user.b", b"2")];
        assert!(place.target.matches(b"f", &entry).unwrap().is_none());
        assert!(place.target.matches(b"none/f", &entry).unwrap().is_none());
        let mut other = meta(Kind::File, 0o604);
        of_another(&mut other);
        other.xattrs =
            vec![acl("system.posix_acl_access"), xattr("user.a", b"old"), xattr("user.foreign", b"")];
        place.write_as(b"f", b"abc", &other).unwrap();
        let inode = fs::metadata(place.at(b"f")).unwrap().ino();
        let fd = place.target.matches(b"f", &entry).unwrap().unwrap();
        let mut bytes = [0; 3];
        fs::File::from(fd.try_clone().unwrap()).read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"abc");
        assert_eq!(place.target.fix_meta(&fd, &entry.meta, &names()), Vec::new());
        assert_eq!(place.captured(b"f"), entry.meta);
        assert_eq!(fs::metadata(place.at(b"f")).unwrap().ino(), inode);
        // Another length, another time, a second name, another kind.
        let different = |change: fn(&mut Entry)| {
            let mut entry = entry.clone();
            change(&mut entry);
            assert!(place.target.matches(b"f", &entry).unwrap().is_none());
        };
        different(|entry| entry.size_bytes = 4);
        different(|entry| entry.meta.mtime.nanos += 1);
        different(|entry| entry.meta.kind = Kind::Fifo);
        place.target.hard_link(b"f", b"g").unwrap();
        different(|_| {});
        entry.meta.link_group = Some([1; 16]);
        assert!(place.target.matches(b"f", &entry).unwrap().is_some());
    }

    #[test]
    fn a_file_that_is_dropped_unfinished_leaves_nothing() {
        let place = place(FRESH);
        let file = place.target.begin_file(b"f", 10).unwrap();
        file.write_at(0, b"12345").unwrap();
        assert!(matches!(file.write_at(8, b"123"), Err(PlaceError::BeyondEnd)));
        assert!(matches!(file.write_at(u64::MAX, b"1"), Err(PlaceError::BeyondEnd)));
        assert!(is_temporary_name(place.names()[0].as_bytes()), "not under its name while it is written");
        drop(file);
        assert_eq!(place.names(), Vec::<String>::new());
    }

    #[test]
    fn leftovers_of_a_killed_restore_are_removed_and_nothing_else() {
        let place = place(IN_PLACE);
        std::mem::forget(place.target.begin_file(b"a/f", 1).unwrap());
        let kept = ["a/.kura-x.part", "a/.kura-0123456789abcdef-.part", "a/f.part"];
        for name in kept {
            fs::write(place.at(name.as_bytes()), b"").unwrap();
        }
        assert_eq!(place.target.remove_all_leftovers().unwrap(), 1);
        assert_eq!(place.target.remove_leftovers(b"none").unwrap(), (0, Vec::new()));
        assert_eq!(fs::read_dir(place.at(b"a")).unwrap().count(), 3);
        assert!(!is_temporary_name(b".kura-\xe8\x94\xb5\xe8\x94\xb5-0.part"));
    }

    #[test]
    fn several_threads_write_one_file_and_many_files() {
        let place = place(FRESH);
        let part = 1 << 18;
        let file = place.target.begin_file(b"large", 16 * part).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let (file, target) = (&file, &place.target);
                scope.spawn(move || {
                    for n in (thread..16).step_by(4) {
                        let bytes = vec![n; usize::try_from(part).unwrap()];
                        file.write_at(u64::from(n) * part, &bytes).unwrap();
                    }
                    for n in 0..500_u32 {
                        // All threads make the same directories, each its own files.
                        let path = format!("d{}/e{}/f{thread}-{n}", n % 7, n % 50).into_bytes();
                        let small = target.begin_file(&path, 1).unwrap();
                        small.write_at(0, &[thread]).unwrap();
                        small.finish(&meta(Kind::File, 0o600), &names()).unwrap();
                    }
                });
            }
        });
        file.finish(&meta(Kind::File, 0o600), &names()).unwrap();
        place.target.sync().unwrap();
        let bytes = fs::read(place.at(b"large")).unwrap();
        assert!(bytes.chunks(1 << 18).zip(0_u8..).all(|(part, n)| part.iter().all(|byte| *byte == n)));
        let count: usize = (0..500)
            .filter(|n| place.at(format!("d{}/e{}/f0-{n}", n % 7, n % 50).as_bytes()).exists())
            .count();
        assert_eq!(count, 500);
    }

    #[test]
    fn owners_are_mapped_by_name_and_the_number_is_used_for_a_name_unknown_here() {
        let place = place(PlaceOptions { owners: OwnerMapping::ByName, ..FRESH });
        let name = if is_root() { "daemon".into() } else { uzers::get_current_username().unwrap() };
        let here = uzers::get_user_by_name(&name).unwrap().uid();
        let mut wanted = meta(Kind::File, 0o4755);
        wanted.uid = 7001;
        let mut owners = OwnerNames::default();
        owners.users.insert(7001, name.as_bytes().to_vec());
        owners.groups.insert(wanted.gid, b"no such group \xff".to_vec());
        let file = place.target.begin_file(b"f", 0).unwrap();
        assert_eq!(file.finish(&wanted, &owners).unwrap(), vec![Shortcoming::OwnerName]);
        let there = place.captured(b"f");
        assert_eq!((there.uid, there.gid, there.mode), (here, wanted.gid, 0o4755));
    }

    #[test]
    fn a_kept_owner_is_lent_no_rights_by_set_user_id() {
        let place = place(PlaceOptions { owners: OwnerMapping::Keep, ..FRESH });
        let mut wanted = meta(Kind::File, 0o6755);
        let own = wanted.uid;
        wanted.uid = 1234;
        assert_eq!(place.write_as(b"f", b"", &wanted).unwrap(), vec![Shortcoming::SetId]);
        let there = place.captured(b"f");
        assert_eq!((there.uid, there.mode), (own, 0o2755));
    }

    #[test]
    fn an_owner_number_that_nobody_can_have_is_told() {
        let place = place(FRESH);
        let mut wanted = meta(Kind::File, 0o600);
        wanted.uid = u32::MAX;
        let lacks = place.write_as(b"f", b"", &wanted).unwrap();
        assert_eq!(lacks, vec![Shortcoming::Owner(Errno::INVAL)]);
    }

    #[test]
    fn who_is_not_root_restores_what_he_may_and_is_told_the_rest() {
        if is_root() {
            // The same test again as another user, from a copy that he may run.
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
            let copy = folder.path().join("tests");
            fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
            let name = "who_is_not_root_restores_what_he_may_and_is_told_the_rest";
            let run = std::process::Command::new(&copy)
                .args(["--exact", &format!("archive::place::tests::{name}")])
                .env("TMPDIR", folder.path())
                .uid(65534)
                .gid(65534)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let place = place(IN_PLACE);
        let mut wanted = meta(Kind::File, 0o4444);
        wanted.uid = 0;
        wanted.xattrs =
            vec![acl("system.posix_acl_access"), xattr("trusted.t", b"1"), xattr("user.comment", b"x")];
        wanted.mode = 0o4474;
        let lacks = place.write_as(b"d/f", b"abc", &wanted).unwrap();
        let kinds: Vec<&str> = lacks.iter().map(Shortcoming::kind).collect();
        assert_eq!(kinds, ["owner", "set-id", "attribute"], "{lacks:?}");
        let mut device = meta(Kind::BlockDevice, 0o600);
        device.device = 7 << 32;
        assert!(matches!(place.target.special(b"d/dev", &device, &names()), Err(PlaceError::DeviceDenied)));
        place.target.special(b"d/pipe", &meta(Kind::Fifo, 0o600), &names()).unwrap();
        // A second restore in place writes to a directory that the first one closed.
        place.target.finish_directory(b"d", &meta(Kind::Directory, 0o500), &names()).unwrap();
        let again = Target::open(&place.root, IN_PLACE).unwrap();
        again.begin_file(b"d/g", 0).unwrap().finish(&meta(Kind::File, 0o600), &names()).unwrap();
        again.finish_directory(b"d", &meta(Kind::Directory, 0o500), &names()).unwrap();
        assert_eq!(place.captured(b"d").mode, 0o500);
        let error = Target::open(Path::new("/proc/kura"), FRESH).unwrap_err();
        assert!(!error.reason().contains("kura"), "no name in an error: {}", error.reason());
        fs::set_permissions(place.at(b"d"), fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn a_full_file_system_is_told_as_such() {
        assert!(matches!(PlaceError::of("write a file", Errno::NOSPC), PlaceError::Full));
        let words = PlaceError::of("write a file", Errno::IO).reason();
        assert_eq!(
            words,
            "the system could not write a file in the target; see the reason, then restore in place \
             (Input/output error (os error 5))"
        );
    }
}
