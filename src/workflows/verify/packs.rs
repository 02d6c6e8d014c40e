//! Reading packs: their digests, and with a recovery key every chunk in them.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::archive::digest::Sha256;
use crate::archive::entry::Kind;
use crate::archive::layout;
use crate::archive::pack::{PackFacts, PackedFrame};
use crate::archive::progress::{Phase, Progress};
use crate::archive::seal::Keys;
use crate::archive::unseal::Checker;
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::vault::VaultError;
use crate::workflows::causes::with_causes;

use super::{Cohort, Report, Request, Viewer};

/// Packs read at once.
const READS_MAX: usize = 4;

/// Reads packs: compares their digests, and with a recovery key opens them and checks every chunk.
pub(super) async fn check_packs(
    viewer: &Arc<Viewer>,
    plan: &PlanName,
    id: &CohortId,
    (cohort, keys): (&Cohort, Option<&Arc<Keys>>),
    (request, report, progress): (&Request, &mut Report, &Arc<Progress>),
) {
    let is_due = |name: &Sha256| match request.read {
        Some((part, parts)) => u32::from(name.0[0]) % parts.max(1) == part.saturating_sub(1) % parts.max(1),
        None => keys.is_some(),
    };
    let due: Vec<(&Sha256, &PackFacts)> = cohort.packs.iter().filter(|(name, _)| is_due(name)).collect();
    let bytes = due.iter().map(|(_, facts)| facts.size_bytes).sum();
    progress.begin(Phase::Verifying, crate::archive::wire::to_u64(due.len()), bytes);
    let mut reads: JoinSet<(Sha256, Result<u64, String>)> = JoinSet::new();
    for (name, facts) in due {
        if reads.len() >= READS_MAX
            && let Some(Ok(done)) = reads.join_next().await
        {
            note_read(report, plan, id, cohort, (done, keys.is_some()));
        }
        let read = ReadPack {
            viewer: viewer.clone(),
            key: layout::pack(plan, id, name),
            name: *name,
            frames: facts.frames.clone(),
            keys: keys.cloned(),
            progress: progress.clone(),
        };
        reads.spawn(async move { (read.name, read.check().await) });
    }
    while let Some(Ok(done)) = reads.join_next().await {
        note_read(report, plan, id, cohort, (done, keys.is_some()));
    }
}

fn note_read(
    report: &mut Report,
    plan: &PlanName,
    id: &CohortId,
    cohort: &Cohort,
    ((name, outcome), is_opened): ((Sha256, Result<u64, String>), bool),
) {
    match outcome {
        Ok(bytes) => {
            report.read_packs += 1;
            report.read_bytes += bytes;
            report.opened_packs += u64::from(is_opened);
        }
        Err(what) => {
            let key = layout::pack(plan, id, &name);
            // A missing pack was named already.
            if !report.problems.iter().any(|problem| problem.object == key) {
                report.problems.push(cohort.pack_problem(key, what, &name));
            }
        }
    }
}

struct ReadPack {
    viewer: Arc<Viewer>,
    key: String,
    name: Sha256,
    frames: Vec<PackedFrame>,
    keys: Option<Arc<Keys>>,
    progress: Arc<Progress>,
}

impl ReadPack {
    async fn check(self) -> Result<u64, String> {
        let bytes = self.viewer.vault.get(&self.key, None).await.map_err(|e: VaultError| with_causes(&e))?;
        let length = crate::archive::wire::to_u64(bytes.len());
        let progress = self.progress.clone();
        let work = move || -> Result<(), String> {
            if Sha256::of(&bytes) != self.name {
                return Err("its bytes are not those that its name states".to_owned());
            }
            let Some(keys) = self.keys else { return Ok(()) };
            let mut checker = Checker::new().map_err(|e| with_causes(&e))?;
            let checked = checker.check(&bytes, &keys, &self.frames, &self.viewer.hashing);
            checked.map_err(|e| with_causes(&e))
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())??;
        progress.file(length, Kind::File);
        Ok(length)
    }
}
