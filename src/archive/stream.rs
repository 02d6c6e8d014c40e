//! Sources without a folder: they name files and give the content of each as a stream.
//!
//! A database or the output of a program has no inodes. What such a source gives is kept as files all the same, so that
//! chunks, manifests, restores and proofs know nothing of it. Nothing here knows where the bytes come from.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::entry::{FileTime, Kind, Meta};
use super::tree::{StatFacts, Tree};
use super::walk::{Finds, Found, Refusal};
use super::wire::to_u64;

/// Names that a batch of a listing has at most.
const BATCH: usize = 1024;

/// What shows that a stream's content is as it was: any 96 bits that change with it.
pub type StreamPrint = [u8; 12];

/// A file that a source gives as a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamFile {
    /// Its path below the source.
    pub path: Vec<u8>,
    /// What stands for the time of its last change: its civil day is the day that its records count from.
    pub mtime: FileTime,
    /// About how long it is, bytes; what is read counts.
    pub size_bytes: u64,
    /// Equal in two runs only if the content is equal; `None`: nobody knows, it is read every time.
    pub print: Option<StreamPrint>,
}

/// A source whose files are streams.
pub trait Streams: Send + Sync {
    /// The files, as they stand for the whole of a run.
    fn files(&self) -> &[StreamFile];

    /// What should have been a file and is not, by path below the source, with the reason.
    fn refusals(&self) -> &[Refusal];

    /// Begins to read a file. Called from several threads.
    ///
    /// The reader comes to an end only if it gave everything: a stream that broke off, or a program that ended badly,
    /// is an error of the last read, so that half of a file is never taken for the whole.
    fn open(&self, below: &[u8]) -> Result<Box<dyn Read + Send>, String>;
}

/// Where a source's entries come from.
pub enum SourceRoot {
    /// A folder that is walked.
    Folder(Tree),
    /// A source that names its files.
    Streams(Box<dyn Streams>),
}

impl SourceRoot {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Tree> {
        match self {
            Self::Folder(tree) => Some(tree),
            Self::Streams(_) => None,
        }
    }

    /// The streams, if it gives streams.
    pub fn streams(&self) -> Option<&dyn Streams> {
        match self {
            Self::Folder(_) => None,
            Self::Streams(streams) => Some(&**streams),
        }
    }
}

/// Lists a source's files and the folders above them, as a walk would find them.
pub fn list(streams: &dyn Streams, name: &str, number: u32, finds: &dyn Finds) -> io::Result<()> {
    let full = |below: &[u8]| [name.as_bytes(), b"/", below].concat();
    for refusal in streams.refusals() {
        finds.refused(Refusal { path: full(&refusal.path), reason: refusal.reason.clone() })?;
    }
    let mut folders = BTreeSet::new();
    for files in streams.files().chunks(BATCH) {
        let mut batch = Vec::with_capacity(files.len());
        for file in files {
            let path = full(&file.path);
            let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
            folders.extend(slashes.map(|at| path[..at].to_vec()));
            batch.push(Found { source: number, path, stat: stat_of(file), is_leaf: false });
        }
        finds.found(batch)?;
    }
    let folder = |path| Found { source: number, path, stat: folder_stat(), is_leaf: false };
    finds.found(folders.into_iter().map(folder).collect())
}

/// What stands for a file's `lstat`. A file without a print seems to have changed just now.
fn stat_of(file: &StreamFile) -> StatFacts {
    let (inode, ctime) = match &file.print {
        Some(print) => {
            let byte = |at: usize| u64::from(print[at]);
            let inode = (0..8).fold(0, |n, at| n << 8 | byte(at));
            let rest = (8..12).fold(0, |n, at| n << 8 | u32::from(print[at]));
            (inode, FileTime { seconds: 0, nanos: rest })
        }
        None => (0, FileTime { seconds: i64::MAX, nanos: 1 }),
    };
    StatFacts {
        kind: Kind::File,
        mode: 0o600,
        size_bytes: file.size_bytes,
        mtime: file.mtime,
        ctime,
        inode,
        links: 1,
        ..folder_stat()
    }
}

/// What stands for the `lstat` of a folder: always the same, and root's.
pub fn folder_stat() -> StatFacts {
    let never = FileTime { seconds: 0, nanos: 0 };
    StatFacts {
        kind: Kind::Directory,
        mode: 0o700,
        uid: 0,
        gid: 0,
        size_bytes: 0,
        mtime: never,
        ctime: never,
        inode: 0,
        device: 0,
        links: 2,
        device_number: 0,
        allocated_bytes: 0,
    }
}

/// The metadata of a folder above streams.
pub fn folder_meta() -> Meta {
    folder_stat().meta()
}

/// A stream whose bytes are here already.
pub fn of_bytes(bytes: Vec<u8>) -> Box<dyn Read + Send> {
    Box::new(io::Cursor::new(bytes))
}

/// A file of a source whose content is here already: its digest is its print.
pub fn file_of_bytes(path: Vec<u8>, mtime: FileTime, bytes: &[u8]) -> StreamFile {
    let mut print = StreamPrint::default();
    print.copy_from_slice(&blake3::hash(bytes).as_bytes()[..12]);
    StreamFile { path, mtime, size_bytes: to_u64(bytes.len()), print: Some(print) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::stat_cache::print_of;
    use std::sync::Mutex;

    struct Two;

    impl Streams for Two {
        fn files(&self) -> &[StreamFile] {
            static FILES: std::sync::OnceLock<Vec<StreamFile>> = std::sync::OnceLock::new();
            FILES.get_or_init(|| {
                let never = FileTime { seconds: 0, nanos: 0 };
                vec![
                    file_of_bytes(b"a/b/one".to_vec(), never, b"1"),
                    StreamFile { path: b"two".to_vec(), mtime: never, size_bytes: 1, print: None },
                ]
            })
        }

        fn refusals(&self) -> &[Refusal] {
            &[]
        }

        fn open(&self, _below: &[u8]) -> Result<Box<dyn Read + Send>, String> {
            Ok(of_bytes(Vec::new()))
        }
    }

    #[derive(Default)]
    struct Names(Mutex<Vec<(String, Kind)>>);

    impl Finds for Names {
        fn found(&self, batch: Vec<Found>) -> io::Result<()> {
            let names = batch.iter().map(|f| (String::from_utf8(f.path.clone()).unwrap(), f.stat.kind));
            self.0.lock().unwrap().extend(names);
            Ok(())
        }

        fn refused(&self, _refusal: Refusal) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_listing_names_the_files_and_every_folder_above_them_once() {
        let names = Names::default();
        list(&Two, "src", 0, &names).unwrap();
        let mut names = names.0.into_inner().unwrap();
        names.sort();
        let shown: Vec<_> = names.iter().map(|(name, kind)| format!("{}{name}", kind.letter())).collect();
        assert_eq!(shown, ["dsrc", "dsrc/a", "dsrc/a/b", "-src/a/b/one", "-src/two"]);
    }

    #[test]
    fn another_print_is_another_stat() {
        let file = |print| StreamFile {
            path: b"x".to_vec(),
            mtime: FileTime { seconds: 9, nanos: 0 },
            size_bytes: 3,
            print: Some(print),
        };
        let base = print_of(&stat_of(&file([0; 12])), false);
        for bit in 0..96 {
            let mut print = [0_u8; 12];
            print[bit / 8] = 1 << (bit % 8);
            assert_ne!(print_of(&stat_of(&file(print)), false), base, "bit {bit}");
        }
    }
}
