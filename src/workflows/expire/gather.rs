//! What is known before anything is decided: what the store has, holds, clocks, what was decided last.

use std::collections::BTreeMap;

use crate::archive::base::Base;
use crate::archive::digest::Sha256;
use crate::archive::layout::{self, ObjectKind};
use crate::catalog::SnapshotRow;
use crate::domain::clock_evidence::{ClockFacts, Doubt, Proof, Word, prove};
use crate::domain::cohort::CohortId;
use crate::domain::deletion::Order;
use crate::domain::expiry::{Decision, PlanFacts, Present, SnapshotFacts, decide};
use crate::domain::hold::Hold;
use crate::domain::plan::{Class, Plan};
use crate::domain::time::{Day, Instant};
use crate::vault::Remain;
use crate::vault::reaper::Locking;
use crate::workflows::clocks;
use crate::workflows::desk::tokyo;
use crate::workflows::evidence;
use crate::workflows::holds;
use crate::workflows::snapshots::{self, SnapshotKeys, SnapshotName};

use super::{ExpireError, OnHost};

/// The act of the line that says that everything was looked at and the date was proved.
pub(super) const LOOKED: &str = "expire.look";
/// The act of the line that says that so much is due that a person must confirm it.
pub(super) const WAITS: &str = "expire.waits";
/// The act of the line that says what day somebody says it is.
pub(in crate::workflows) const TODAY: &str = "expire.today";

/// What is due, and whether the date is known well enough to delete it.
#[derive(Clone, Debug)]
pub struct Look {
    /// When, by the host's clock.
    pub at: Instant,
    /// What speaks for the date, or against it.
    pub clock: Result<Proof, Doubt>,
    /// What may go and what is kept back.
    pub decision: Decision,
    /// All that may go, as an order.
    pub order: Order,
}

impl Look {
    /// SHA-256 of the order: what people approve.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.order.text().as_bytes())
    }
}

/// Looks at everything. Changes nothing.
pub async fn look(on: OnHost<'_>) -> Result<Look, ExpireError> {
    let at = on.clock.now();
    let clock = prove_clock(on, at).await?;
    let now = clock.as_ref().map_or(at, |proof| proof.now);
    let mut gathered = Vec::new();
    for plan in on.plans {
        gathered.push(gather(on, plan, now).await?);
    }
    let facts: Vec<PlanFacts<'_>> =
        on.plans.iter().zip(&gathered).map(|(plan, one)| one.facts(plan)).collect();
    let last_look = on.catalog.audit_newest_of(LOOKED).await?.map(|line| line.entry.at);
    let decision = decide(&facts, on.limits, last_look, now);
    let repository = on.host.trust.repository.repository.clone();
    let order = Order { repository, items: decision.due.clone() };
    Ok(Look { at, clock, decision, order })
}

/// What speaks against deleting anything now, if something does: the clocks are asked, and nothing else of the store.
pub async fn clock_doubt(on: OnHost<'_>) -> Result<Option<Doubt>, ExpireError> {
    Ok(prove_clock(on, on.clock.now()).await?.err())
}

/// What every clock says.
async fn prove_clock(on: OnHost<'_>, at: Instant) -> Result<Result<Proof, Doubt>, ExpireError> {
    let store = (on.reaper.address(), on.reaper.outside_time().await?);
    let outside = clocks::readings(store, on.clocks).await;
    let newest = |act| on.catalog.audit_newest_of(act);
    let last_line = on.catalog.audit_newest(1).await?.first().map(|line| line.entry.at);
    let proved = [newest(LOOKED).await?, newest(WAITS).await?];
    let last_proved = proved.into_iter().flatten().map(|line| line.entry.at).max();
    let word = newest(TODAY).await?.and_then(|line| {
        let by = line.entry.actor.parse().ok()?;
        Some(Word { by, at: line.entry.at, day: line.entry.subject.parse().ok()? })
    });
    let zone = tokyo();
    let facts =
        ClockFacts { host: at, outside: &outside, last_line, last_proved, word: word.as_ref(), zone: &zone };
    Ok(prove(&facts))
}

/// What is known of one plan.
struct Gathered {
    cohorts: Vec<(CohortId, Present)>,
    snapshots: Vec<SnapshotFacts>,
    holds: Vec<Hold>,
    newest_verified: Option<Day>,
}

impl Gathered {
    fn facts<'a>(&'a self, plan: &'a Plan) -> PlanFacts<'a> {
        PlanFacts {
            plan,
            cohorts: &self.cohorts,
            snapshots: &self.snapshots,
            holds: &self.holds,
            newest_verified: self.newest_verified,
        }
    }
}

async fn gather(on: OnHost<'_>, plan: &Plan, now: Instant) -> Result<Gathered, ExpireError> {
    let name = plan.name();
    let mut by_cohort: BTreeMap<CohortId, Vec<Remain>> = BTreeMap::new();
    let mut by_snapshot: BTreeMap<SnapshotName, Vec<Remain>> = BTreeMap::new();
    for remain in on.reaper.remains(&format!("{name}/")).await? {
        if let Some(ObjectKind::Snapshot(plan, sequence, digest)) = layout::parse(&remain.key) {
            by_snapshot.entry(SnapshotName { plan, sequence, digest }).or_default().push(remain);
        } else if let Some(cohort) = remain.key.split('/').nth(1).and_then(|part| part.parse().ok()) {
            by_cohort.entry(cohort).or_default().push(remain);
        }
    }
    let mut cohorts = Vec::new();
    for (cohort, remains) in by_cohort {
        let is_past = cohort.delete_from(plan.retention(), plan.zone()) <= now;
        cohorts.push((cohort, present(on, &remains, is_past).await?));
    }
    let rows = on.catalog.snapshots(Some(name.as_str())).await?;
    let mut snapshots = Vec::new();
    for (found, remains) in by_snapshot {
        // What no host signed is not this repository's: verification names it.
        let Some(day) = day_of(on, &rows, &found).await? else { continue };
        let is_past = plan.cohort_of(day).delete_from(plan.retention(), plan.zone()) <= now;
        let mut present = present(on, &remains, is_past).await?;
        if is_past && plan.class() == Class::Application && on.reaper.locking() == Locking::Unknown {
            present.locked_until = present.locked_until.max(promised(on, &found).await?);
        }
        snapshots.push(SnapshotFacts {
            sequence: found.sequence,
            digest: found.digest.to_string(),
            day,
            present,
        });
    }
    let holds = holds::of_host(on.host, on.catalog, name).await?;
    Ok(Gathered {
        cohorts,
        snapshots,
        holds: holds.into_iter().map(|shown| shown.hold).collect(),
        newest_verified: on.catalog.newest_complete(name.as_str()).await?.map(|row| row.day),
    })
}

/// What there is, and until when the store locks it; locks are asked for only where they matter.
async fn present(on: OnHost<'_>, remains: &[Remain], is_past: bool) -> Result<Present, ExpireError> {
    let mut locked_until = None;
    if is_past {
        for remain in remains {
            locked_until = locked_until.max(on.reaper.locked_until(remain).await?);
        }
    }
    Ok(Present {
        objects: u64::try_from(remains.len()).unwrap_or(u64::MAX),
        bytes: remains.iter().map(|remain| remain.size_bytes).sum(),
        digest: digest_of(remains),
        locked_until,
    })
}

/// SHA-256 over all that there is.
pub(super) fn digest_of(remains: &[Remain]) -> [u8; 32] {
    let mut remains: Vec<&Remain> = remains.iter().collect();
    remains.sort_unstable();
    let line = |remain: &&Remain| {
        format!("{} {} {} {}\n", remain.kind.word(), remain.key, remain.id, remain.size_bytes)
    };
    Sha256::of(remains.iter().map(line).collect::<String>().as_bytes()).0
}

/// Until when a snapshot that others may build on is kept where no store locks it: as long as it says itself.
///
/// Readers know by that when it may be gone. Without it a plan that was shortened would take it from those that need it.
async fn promised(on: OnHost<'_>, name: &SnapshotName) -> Result<Option<Instant>, ExpireError> {
    let keys = SnapshotKeys::new(&on.host.trust, &on.host.secrets.catalog, on.clock.now());
    match snapshots::open(&*on.host.vault, name, &keys).await {
        Ok(snapshot) => {
            let base = Base::of(&snapshot, name.digest);
            Ok(base.and_then(|base| evidence::instant(&base.delete_from)))
        }
        Err(reason) if reason.is_of_object() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The day on which a snapshot was taken; `None` if it is none of this repository.
async fn day_of(
    on: OnHost<'_>,
    rows: &[SnapshotRow],
    name: &SnapshotName,
) -> Result<Option<Day>, ExpireError> {
    let row = rows.iter().find(|row| row.sequence == name.sequence && row.digest == name.digest);
    if let Some(row) = row {
        return Ok(Some(row.day));
    }
    let keys = SnapshotKeys::new(&on.host.trust, &on.host.secrets.catalog, on.clock.now());
    match snapshots::open(&*on.host.vault, name, &keys).await {
        Ok(snapshot) => Ok(snapshot.day.parse().ok()),
        Err(reason) if reason.is_of_object() => {
            tracing::warn!(object = %name.key(), %reason, "not a snapshot of this repository: it is left alone");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
