//! Checking what is stored: without a key (presence, signatures, digests of ciphertext) or with one (everything).
//!
//! Every problem names the object, says what is wrong, and which snapshots and how many files it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::archive::digest::{Hashing, Sha256};
use crate::archive::envelope::payload_type;
use crate::archive::index::Index;
use crate::archive::layout;
use crate::archive::pack::PackFacts;
use crate::archive::progress::Progress;
use crate::archive::records::{Location, Snapshot};
use crate::archive::seal::Keys;
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::retention::Retention;
use crate::domain::time::Instant;
use crate::vault::Vault;

mod deleted;
mod erasures;
mod known;
mod manifests;
mod others;
mod packs;
mod records;
mod sealed_again;

use deleted::{check_deleted, check_evidence};
use erasures::check_erasures;
use known::{check_certificates, check_known};
use manifests::{check_manifests, cohort_keys};
use others::count_others;
use packs::check_packs;
use records::check_records;
use sealed_again::check_sealed_again;

pub use known::Known;

use super::causes::with_causes;
use super::chain::Chain;
use super::cohort_key;
use super::evidence;
use super::replica::Compared;
use super::repository::{Opened, RepositoryError, Trust, open_signed};
use super::snapshots::{self, SnapshotKeys, SnapshotName};

/// What to check.
#[derive(Clone, Debug)]
pub struct Request {
    /// Only this plan.
    pub plan: Option<PlanName>,
    /// Read the bytes of part N of M of all packs.
    pub read: Option<(u32, u32)>,
    /// What the host's catalog knows.
    pub known: Known,
    /// What time it is: what is past its time may be gone.
    pub now: Instant,
}

/// Who checks: the host (no recovery key) or a recovery key.
pub struct Viewer {
    /// The store.
    pub vault: Arc<dyn Vault>,
    /// Who counts.
    pub trust: Trust,
    /// Opens snapshots and indexes.
    pub catalog: Keys,
    /// Checks chunk ids.
    pub hashing: Hashing,
    /// The repository opened with a recovery key: everything is opened then.
    pub opened: Option<Arc<Opened>>,
    /// The host's copy of `keys/catalog-1.age`, which it cannot open.
    pub sealed_catalog: Option<Vec<u8>>,
    /// How long evidence is kept, where somebody can say so.
    pub evidence: Option<Retention>,
    /// A second store, which must hold the same.
    pub second: Option<Arc<dyn Vault>>,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// Snapshots that need it, by short id.
    pub snapshots: Vec<String>,
    /// Files that have bytes in it (of a pack), or that its cohort holds.
    pub files: u64,
}

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Snapshots opened and checked.
    pub snapshots: u64,
    /// Cohorts they name.
    pub cohorts: u64,
    /// Packs found with the right size.
    pub packs: u64,
    /// Bytes of those packs.
    pub bytes: u64,
    /// Packs whose bytes were read and compared with their name.
    pub read_packs: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Packs opened, every chunk checked.
    pub opened_packs: u64,
    /// Files whose entries were read in manifests.
    pub files: u64,
    /// Objects that nothing names: left by runs that did not finish, or keys of cohorts that got nothing.
    pub orphans: u64,
    /// Objects that are not Kura's.
    pub foreign: u64,
    /// Cohorts that snapshots name and that were deleted when their time was over, as evidence shows.
    pub expired: u64,
    /// Certificates of deletion that are whole.
    pub certificates: u64,
    /// What is there of each cohort that a snapshot names.
    pub seen: Vec<Seen>,
    /// How the second store differs, if there is one.
    pub second: Option<Compared>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What is there of one cohort.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The plan.
    pub plan: PlanName,
    /// The cohort.
    pub cohort: CohortId,
    /// Packs found with the right size.
    pub packs: u64,
    /// Bytes of those packs.
    pub bytes: u64,
    /// Whether evidence shows that it was deleted when its time was over.
    pub is_deleted: bool,
}

/// What is known of one cohort from all snapshots.
#[derive(Default)]
struct Cohort {
    /// From when on it could be deleted, as snapshots promised: the latest counts.
    delete_from: Option<Instant>,
    keys: BTreeSet<(u32, Sha256)>,
    indexes: BTreeSet<Sha256>,
    parts: BTreeMap<Vec<Sha256>, Vec<Location>>,
    snapshots: Vec<Needing>,
    files: u64,
    packs: BTreeMap<Sha256, PackFacts>,
    /// The index objects that name a pack.
    named_by: BTreeMap<Sha256, BTreeSet<Sha256>>,
}

/// A snapshot and what it needs of a cohort.
struct Needing {
    /// Its short id.
    id: String,
    key: (u32, Sha256),
    indexes: BTreeSet<Sha256>,
}

impl Cohort {
    fn needing(&self, needs: impl Fn(&Needing) -> bool) -> Vec<String> {
        self.snapshots.iter().filter(|needing| needs(needing)).map(|needing| needing.id.clone()).collect()
    }

    /// Something wrong with what all snapshots of the cohort need.
    fn problem(&self, object: String, what: String) -> Problem {
        Problem { object, what, snapshots: self.needing(|_| true), files: self.files }
    }

    /// Something wrong with a pack: it touches the snapshots that name it through an index object.
    fn pack_problem(&self, object: String, what: String, name: &Sha256) -> Problem {
        let empty = BTreeSet::new();
        let named_by = self.named_by.get(name).unwrap_or(&empty);
        let snapshots = self.needing(|needing| !needing.indexes.is_disjoint(named_by));
        let files = self.packs.get(name).map_or(0, |facts| facts.files);
        Problem { object, what, snapshots, files }
    }
}

/// Checks.
pub async fn verify(
    viewer: Arc<Viewer>,
    request: &Request,
    progress: &Arc<Progress>,
) -> Result<Report, RepositoryError> {
    let mut stored: BTreeMap<String, u64> =
        viewer.vault.list("").await?.into_iter().map(|listed| (listed.key, listed.size_bytes)).collect();
    let mut report = Report::default();
    let mut named: BTreeSet<String> = BTreeSet::new();
    let evidence = evidence::load(&viewer.vault, &viewer.trust).await?;
    check_evidence(&evidence, &mut report);
    check_certificates(&evidence, &request.known, &mut report);
    check_records(&viewer, &stored, &mut report).await;
    check_known(&stored, request, &mut report);
    let mut plans = snapshots::by_plan(stored.keys());
    plans.retain(|plan, _| request.plan.as_ref().is_none_or(|wanted| wanted == plan));
    for (plan, names) in plans {
        let cohorts = check_snapshots(&viewer, (&plan, request.now), &names, &mut report, &mut named).await;
        check_erasures(&viewer, &plan, request, &mut report).await;
        for (id, mut cohort) in cohorts {
            if check_deleted(&evidence, (&plan, &id, &cohort), &stored, (&mut report, &mut named)) {
                continue;
            }
            report.cohorts += 1;
            check_keys(&viewer, &plan, &id, &cohort, (&mut report, &mut named)).await;
            check_sealed_again(&viewer, &plan, &id, (&cohort, &stored), (&mut report, &mut named)).await;
            check_indexes(&viewer, &plan, &id, &mut cohort, (&mut report, &mut named)).await;
            let before = (report.packs, report.bytes);
            check_presence(&plan, &id, &cohort, &stored, (&mut report, &mut named));
            let (packs, bytes) = (report.packs - before.0, report.bytes - before.1);
            report.seen.push(Seen { plan: plan.clone(), cohort: id, packs, bytes, is_deleted: false });
            let keys = cohort_keys(&viewer, &plan, &id, &cohort, &mut report).await;
            check_packs(&viewer, &plan, &id, (&cohort, keys.as_ref()), (request, &mut report, progress))
                .await;
            if let (Some(opened), Some(keys)) = (&viewer.opened, keys) {
                check_manifests(opened, &plan, &id, (&cohort, keys), &mut report);
            }
        }
    }
    count_others(&mut stored, &named, request, &mut report);
    Ok(report)
}

async fn check_snapshots(
    viewer: &Viewer,
    (plan, now): (&PlanName, Instant),
    names: &[SnapshotName],
    report: &mut Report,
    named: &mut BTreeSet<String>,
) -> BTreeMap<CohortId, Cohort> {
    let keys = SnapshotKeys::new(&viewer.trust, &viewer.catalog, now);
    let chain =
        |what: String| Problem { object: layout::snapshots(plan), what, snapshots: Vec::new(), files: 0 };
    let mut cohorts: BTreeMap<CohortId, Cohort> = BTreeMap::new();
    let mut links = Chain::default();
    let mut parents = Vec::new();
    for name in names {
        named.insert(name.key());
        match snapshots::fetch(&*viewer.vault, name, &keys).await {
            Ok(snapshot) => {
                report.snapshots += 1;
                collect(&mut cohorts, name, &snapshot);
                links.names.push(name.clone());
                parents.push((name, snapshot.parent));
            }
            Err(e) => report.problems.push(Problem {
                object: name.key(),
                what: with_causes(&e),
                snapshots: vec![name.short()],
                files: 0,
            }),
        }
    }
    if let Err(e) = links.check_sequence(plan) {
        report.problems.push(chain(e.to_string()));
    }
    for (name, parent) in parents {
        if let Err(e) = links.check_parent(name, parent.as_ref()) {
            report.problems.push(chain(e.to_string()));
        }
    }
    cohorts
}

fn collect(cohorts: &mut BTreeMap<CohortId, Cohort>, name: &SnapshotName, snapshot: &Snapshot) {
    for named in &snapshot.cohorts {
        let Ok(id) = named.cohort.parse::<CohortId>() else { continue };
        let cohort = cohorts.entry(id).or_default();
        cohort.delete_from = cohort.delete_from.max(evidence::instant(&named.delete_from));
        cohort.keys.insert((named.key_number, named.key));
        cohort.indexes.extend(&named.indexes);
        cohort.parts.insert(named.parts.iter().map(|part| part.pack).collect(), named.parts.clone());
        cohort.snapshots.push(Needing {
            id: name.short(),
            key: (named.key_number, named.key),
            indexes: named.indexes.iter().copied().collect(),
        });
        cohort.files = cohort.files.max(named.files);
    }
}

async fn check_keys(
    viewer: &Viewer,
    plan: &PlanName,
    id: &CohortId,
    cohort: &Cohort,
    (report, named): (&mut Report, &mut BTreeSet<String>),
) {
    for (number, digest) in &cohort.keys {
        let key = layout::cohort_key(plan, id, *number);
        named.insert(key.clone());
        let checked = match viewer.vault.get(&key, None).await {
            Ok(bytes) if Sha256::of(&bytes) != *digest => {
                Err("its bytes are not those that snapshots name".to_owned())
            }
            Ok(bytes) => cohort_key::check_cohort_key(&bytes, &viewer.trust, plan, id, *number)
                .map(|_| ())
                .map_err(|e| with_causes(&e)),
            Err(e) => Err(with_causes(&e)),
        };
        if let Err(what) = checked {
            let snapshots = cohort.needing(|needing| needing.key == (*number, *digest));
            report.problems.push(Problem { object: key, what, snapshots, files: cohort.files });
        }
    }
}

async fn check_indexes(
    viewer: &Viewer,
    plan: &PlanName,
    id: &CohortId,
    cohort: &mut Cohort,
    (report, named): (&mut Report, &mut BTreeSet<String>),
) {
    for digest in cohort.indexes.clone() {
        let key = layout::index(plan, id, &digest);
        named.insert(key.clone());
        match read_index(viewer, &key, &digest, plan, id).await {
            Ok(index) => {
                for (name, facts) in index.packs {
                    cohort.packs.insert(name, facts);
                    cohort.named_by.entry(name).or_default().insert(digest);
                }
            }
            Err(what) => {
                let snapshots = cohort.needing(|needing| needing.indexes.contains(&digest));
                report.problems.push(Problem { object: key, what, snapshots, files: cohort.files });
            }
        }
    }
}

async fn read_index(
    viewer: &Viewer,
    key: &str,
    digest: &Sha256,
    plan: &PlanName,
    id: &CohortId,
) -> Result<Index, String> {
    let sealed = viewer.vault.get(key, None).await.map_err(|e| with_causes(&e))?;
    if Sha256::of(&sealed) != *digest {
        return Err("its bytes are not those that its name states".to_owned());
    }
    let signers = viewer.trust.host_keys();
    let payload = open_signed(key, &sealed, &viewer.catalog, payload_type::INDEX, &signers);
    let payload = payload.map_err(|e| with_causes(&e))?;
    Index::decode(&payload.payload, plan.as_str(), &id.to_string()).map_err(|e| e.to_string())
}

fn check_presence(
    plan: &PlanName,
    id: &CohortId,
    cohort: &Cohort,
    stored: &BTreeMap<String, u64>,
    (report, named): (&mut Report, &mut BTreeSet<String>),
) {
    for (name, facts) in &cohort.packs {
        let key = layout::pack(plan, id, name);
        match stored.get(&key) {
            Some(size) if *size == facts.size_bytes => {
                report.packs += 1;
                report.bytes += facts.size_bytes;
            }
            Some(size) => {
                let what = format!("it has {size} bytes in the store instead of {}", facts.size_bytes);
                report.problems.push(cohort.pack_problem(key.clone(), what, name));
            }
            None => {
                let what = "it is missing from the store".to_owned();
                report.problems.push(cohort.pack_problem(key.clone(), what, name));
            }
        }
        named.insert(key);
    }
    let wanted = cohort.parts.values().flatten().map(|part| part.pack);
    for pack in wanted.filter(|pack| !cohort.packs.contains_key(pack)).collect::<BTreeSet<_>>() {
        let key = layout::pack(plan, id, &pack);
        let what = "it holds a manifest, but no index names it".to_owned();
        report.problems.push(cohort.problem(key, what));
    }
}
