//! Drills (復旧訓練): restoring into a private place and comparing with what was recorded; opening everything with a
//! recovery key. What came of it is signed, stored and locked, and noted in the catalog.
//!
//! What is restored lies in a folder that only this user may enter, and goes when the drill ends. Of a drill that was
//! killed it goes when the next one begins, or with the service's daily work.

use std::collections::BinaryHeap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::digest::Sha256;
use crate::archive::entry::Kind;
use crate::archive::progress::Progress;
use crate::clock::{self, Clock};
use crate::domain::cohort::CohortId;
use crate::domain::drill::DrillKind;
use crate::domain::plan::PlanName;
use crate::domain::time::{Day, Instant};

use super::browse::{Browser, Shown};
use super::choice::Wanted;
use super::repository::{Opened, RepositoryError};
use super::restore::{self, Owners, RestoreError, open_snapshot};
use super::snapshots;

mod compare;
mod record;
mod scratch;

pub use crate::catalog::DrillRow;
pub use record::{absorb, newest, record, standing};
pub use scratch::{Scratch, sweep};

/// The most files of a sample.
pub const SAMPLE_MAX: usize = 10_000;

/// How much is tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// So many files, others each time.
    Sample(usize),
    /// What was sent, or what generations end, between these days.
    Days(Day, Day),
    /// Everything.
    All,
}

impl Scope {
    /// The word in rows and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sample(_) => "sample",
            Self::Days(..) => "days",
            Self::All => "all",
        }
    }
}

/// Why nothing was tried out.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The snapshot, or the place for what is restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A record in the store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The place for what is restored.
    #[error("cannot use {} for what a drill restores", .path.display())]
    Scratch {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another drill uses the place.
    #[error("another drill is under way in {}: wait until it has ended", .0.display())]
    Busy(PathBuf),
    /// There is nothing to try out.
    #[error("the snapshot holds no file that could be tried out in these days")]
    Nothing,
    /// Storing the evidence.
    #[error(transparent)]
    Upload(#[from] super::upload::UploadError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::CatalogError),
}

impl From<crate::vault::VaultError> for DrillError {
    fn from(error: crate::vault::VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// What was tried out, and what came of it.
#[derive(Clone, Debug)]
pub struct Drilled {
    /// What.
    pub kind: DrillKind,
    /// The plan of a restore.
    pub plan: Option<PlanName>,
    /// The snapshots that were looked into.
    pub snapshots: Vec<Sha256>,
    /// The public halves of the recovery keys that were used.
    pub keys: Vec<String>,
    /// How much.
    pub scope: &'static str,
    /// When it began and ended.
    pub span: (Instant, Instant),
    /// How long the restore took.
    pub milliseconds: u64,
    /// Cohorts that were opened.
    pub cohorts: u64,
    /// Files that were restored and compared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it was, with the reason, for the terminal only: names stay there.
    pub failures: Vec<(String, String)>,
    /// How much that is.
    pub failed: u64,
    /// Files and bytes of the whole snapshot.
    pub of: (u64, u64),
}

/// At most so many failures are named.
const NAMED_MAX: usize = 1000;

impl Drilled {
    fn fail(&mut self, what: String, why: String) {
        self.failed += 1;
        if self.failures.len() < NAMED_MAX {
            self.failures.push((what, why));
        }
    }

    /// Whether everything came back as it was.
    pub fn is_good(&self) -> bool {
        self.failed == 0
    }
}

/// Restores a part of a plan's newest snapshot, or of another, and compares it with what was recorded of it.
pub async fn restore_drill(
    opened: Arc<Opened>,
    (plan, wanted, scope): (&PlanName, &Wanted, Scope),
    (scratch, keys): (&Scratch, Vec<String>),
    clock: &dyn Clock,
    progress: &Arc<Progress>,
) -> Result<Drilled, DrillError> {
    let began = clock.now();
    let browser = Browser::open(opened.clone(), wanted, began).await?;
    let chosen = choose(&browser, scope)?;
    let to = scratch.folder().join("restored");
    let request = restore::Request {
        wanted: Wanted::Prefix(browser.open.name.digest.to_string()),
        patterns: chosen.patterns(),
        to: to.clone(),
        sent: if let Scope::Days(from, until) = scope { Some((from, until)) } else { None },
        in_place: false,
        sync: true,
        dry_run: false,
        owners: Owners::Usual,
        expect_head: None,
    };
    let start = clock.now();
    let summary = restore::restore(opened, &request, start, progress).await?;
    let restored_in = clock.now().as_micros().saturating_sub(start.as_micros());
    let snapshot = &browser.open.snapshot;
    let mut drilled = Drilled {
        kind: DrillKind::Restore,
        plan: Some(plan.clone()),
        snapshots: vec![browser.open.name.digest],
        keys,
        scope: scope.word(),
        span: (began, began),
        milliseconds: u64::try_from(restored_in / 1000).unwrap_or(0),
        cohorts: crate::archive::wire::to_u64(browser.open.cohorts.len()),
        files: 0,
        bytes: 0,
        failures: Vec::new(),
        failed: 0,
        of: (snapshot.files, snapshot.bytes),
    };
    for one in summary.failed {
        drilled.fail(one.path, one.reason);
    }
    drilled.failed = drilled.failed.max(summary.failed_count);
    tokio::task::block_in_place(|| chosen.compare(&browser, scope, &to, &mut drilled))?;
    drilled.span.1 = clock.now();
    Ok(drilled)
}

/// Opens the identity of every living cohort of every plan's newest snapshot.
pub async fn key_drill(
    opened: Arc<Opened>,
    keys: Vec<String>,
    clock: &dyn Clock,
) -> Result<Drilled, DrillError> {
    let began = clock.now();
    let mut drilled = Drilled {
        kind: DrillKind::Key,
        plan: None,
        snapshots: Vec::new(),
        keys,
        scope: Scope::All.word(),
        span: (began, began),
        milliseconds: 0,
        cohorts: 0,
        files: 0,
        bytes: 0,
        failures: Vec::new(),
        failed: 0,
        of: (0, 0),
    };
    for plan in snapshots::list(&*opened.vault, None).await?.into_keys() {
        match open_snapshot(&opened, &Wanted::LatestOf(plan.clone()), None, began).await {
            Ok(open) => {
                drilled.snapshots.push(open.name.digest);
                drilled.cohorts += crate::archive::wire::to_u64(open.cohorts.len());
                for (cohort, reason) in open.lost {
                    drilled.fail(format!("{plan}/{}", cohort.cohort), reason);
                }
            }
            // Of a plan whose every cohort stays shut.
            Err(RestoreError::Repository(error)) if error.is_of_object() => {
                drilled.fail(plan.to_string(), super::causes::with_causes(&error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let ended = clock.now();
    drilled.span.1 = ended;
    drilled.milliseconds =
        u64::try_from(ended.as_micros().saturating_sub(began.as_micros()) / 1000).unwrap_or(0);
    Ok(drilled)
}

/// What a drill restores: everything, or these.
enum Chosen {
    Everything,
    These(Vec<Shown>),
}

/// Chooses what is restored. A sample is drawn anew each time, evenly among files of every cohort.
fn choose(browser: &Browser, scope: Scope) -> Result<Chosen, DrillError> {
    let Scope::Sample(count) = scope else { return Ok(Chosen::Everything) };
    let mut seed = [0_u8; 32];
    clock::random_bytes(&mut seed);
    let mut drawn: BinaryHeap<(u64, Vec<u8>)> = BinaryHeap::new();
    let draw = |path: &[u8]| {
        let hash = blake3::keyed_hash(&seed, path);
        u64::from_le_bytes(hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default())
    };
    let mut listing = browser.list(&[])?.whole()?;
    while let Some(shown) = listing.next()? {
        if shown.entry.meta.kind != Kind::Directory && pattern(&shown.path).is_some() {
            drawn.push((draw(&shown.path), shown.path));
            if drawn.len() > count.clamp(1, SAMPLE_MAX) {
                drawn.pop();
            }
        }
    }
    if drawn.is_empty() {
        return Err(DrillError::Nothing);
    }
    let patterns: Vec<OsString> = drawn.into_iter().filter_map(|(_, path)| pattern(&path)).collect();
    let (mut listing, mut these) = (browser.list(&patterns)?.whole()?, Vec::new());
    while let Some(shown) = listing.next()? {
        if shown.entry.meta.kind != Kind::Directory {
            these.push(shown);
        }
    }
    Ok(Chosen::These(these))
}

/// A path as people would name exactly it; `None` if they cannot.
fn pattern(path: &[u8]) -> Option<OsString> {
    let has_marks = path.iter().any(|byte| b"*?[{".contains(byte));
    if has_marks && std::str::from_utf8(path).is_err() {
        return None;
    }
    let mut text = Vec::with_capacity(path.len());
    for byte in path {
        match byte {
            b'\\' if has_marks => text.extend_from_slice(b"[\\x5c]"),
            b'\\' => text.extend_from_slice(b"\\x5c"),
            b'*' | b'?' | b'[' | b'{' => text.extend_from_slice(&[b'[', *byte, b']']),
            b'}' | b']' if has_marks => text.extend_from_slice(&[b'[', *byte, b']']),
            _ => text.push(*byte),
        }
    }
    Some(OsString::from_vec(text))
}

impl Chosen {
    fn patterns(&self) -> Vec<OsString> {
        match self {
            Self::Everything => Vec::new(),
            Self::These(these) => these.iter().filter_map(|shown| pattern(&shown.path)).collect(),
        }
    }

    /// Compares what was restored with what was recorded; counts it.
    fn compare(
        &self,
        browser: &Browser,
        scope: Scope,
        root: &Path,
        drilled: &mut Drilled,
    ) -> Result<(), RestoreError> {
        if let Self::These(these) = self {
            for shown in these {
                compare::count(shown, root, drilled);
            }
            return Ok(());
        }
        let mut listing = browser.list(&[])?.whole()?;
        while let Some(shown) = listing.next()? {
            let is_meant = match scope {
                Scope::Days(from, until) => {
                    let day = shown.cohort.parse::<CohortId>().map(|id| id.clock_day());
                    day.is_ok_and(|day| from <= day && day <= until)
                }
                Scope::All | Scope::Sample(_) => true,
            };
            if is_meant && shown.entry.meta.kind != Kind::Directory {
                compare::count(&shown, root, drilled);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::selection::Selection;

    #[test]
    fn every_name_can_be_asked_for_exactly() {
        let names: [&[u8]; 6] = [b"a/b", b"a/[b]", b"a/{b,c}*?", b"a\\x41", b"a\\[x41]", b"caf\xc3\xa9 \xff"];
        for name in names {
            let selection = Selection::new(&[pattern(name).unwrap()], None).unwrap();
            assert!(selection.wants(name), "{name:?}");
            for other in names.into_iter().filter(|other| *other != name) {
                assert!(!selection.wants(other), "{name:?} also asks for {other:?}");
            }
        }
        assert_eq!(pattern(b"\xff*"), None);
    }
}
