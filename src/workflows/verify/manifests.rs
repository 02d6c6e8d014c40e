//! Opening a cohort's keys and reading its manifests.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::archive::digest::Hashing;
use crate::archive::entry::Kind;
use crate::archive::layout;
use crate::archive::records::Location;
use crate::archive::seal::Keys;
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::workflows::causes::with_causes;
use crate::workflows::cohort_entries::CohortEntries;
use crate::workflows::cohort_key;
use crate::workflows::reading::CohortReader;
use crate::workflows::repository::Opened;
use crate::workflows::selection::Selection;

use super::{Cohort, Report, Viewer};

/// The keys of a cohort that open, together: one that was damaged has a successor, and packs are sealed to either.
///
/// `None` without a recovery key, or if none opens. What does not open is named.
pub(super) async fn cohort_keys(
    viewer: &Viewer,
    plan: &PlanName,
    id: &CohortId,
    cohort: &Cohort,
    report: &mut Report,
) -> Option<Arc<Keys>> {
    let opened = viewer.opened.as_ref()?;
    let mut all: Option<Keys> = None;
    for (number, digest) in &cohort.keys {
        match cohort_key::open_cohort(opened, plan, id, (*number, digest)).await {
            Ok(keys) => {
                all = Some(match all {
                    Some(others) => keys.and(others),
                    None => keys,
                });
            }
            Err(e) => {
                let key = layout::cohort_key(plan, id, *number);
                // An altered key object was named already.
                if !report.problems.iter().any(|problem| problem.object == key) {
                    report.problems.push(cohort.problem(key, with_causes(&e)));
                }
            }
        }
    }
    all.map(Arc::new)
}

/// Reads every manifest of a cohort: all entries decode, and every stretch of data lies in a pack that an index names.
///
/// The manifest of a snapshot is mostly the beginning of that of the next one: only the longest are read.
pub(super) fn check_manifests(
    opened: &Opened,
    plan: &PlanName,
    id: &CohortId,
    (cohort, keys): (&Cohort, Arc<Keys>),
    report: &mut Report,
) {
    let reader = CohortReader::new(opened.vault.clone(), Handle::current(), plan.clone(), *id, keys);
    let mut chains = cohort.parts.iter().peekable();
    while let Some((packs, parts)) = chains.next() {
        if chains.peek().is_some_and(|(longer, _)| longer.starts_with(packs)) {
            continue;
        }
        let checked =
            tokio::task::block_in_place(|| read_manifest(&reader, &opened.secrets.hashing, parts, cohort));
        match checked {
            Ok(files) => report.files += files,
            Err(what) => {
                let object = format!("{plan}/{id} (manifest)");
                report.problems.push(cohort.problem(object, what));
            }
        }
    }
}

fn read_manifest(
    reader: &CohortReader,
    hashing: &Hashing,
    parts: &[Location],
    cohort: &Cohort,
) -> Result<u64, String> {
    let everything = Selection::everything();
    let mut entries =
        CohortEntries::open(reader, hashing, parts, &everything).map_err(|e| with_causes(&e))?;
    let mut files = 0;
    while let Some(located) = entries.next().map_err(|e| with_causes(&e))? {
        if located.entry.meta.kind != Kind::Directory {
            files += 1;
        }
        for piece in &located.pieces {
            let facts =
                cohort.packs.get(&piece.pack.name).ok_or("a file has bytes in a pack that no index names")?;
            let frame = facts.frames.binary_search_by_key(&piece.frame.offset, |frame| frame.offset);
            let frame = frame.ok().and_then(|at| facts.frames.get(at));
            if frame.is_none_or(|frame| frame.length != piece.frame.length) {
                return Err("a file has bytes in a frame that its pack does not have".to_owned());
            }
        }
    }
    match entries.lost().first() {
        None => Ok(files),
        Some(lost) => Err(format!("{} of its entries cannot be read: {}", lost.entries, lost.reason)),
    }
}
