//! Carrying out an intent: delete, look again until nothing is left, forget, certify. Doing it twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::evidence::{Certificate, CopyDeleted, NotDeleted, Suppressed};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::FORMAT;
use crate::domain::cohort::CohortId;
use crate::domain::deletion::{Item, Order, What};
use crate::domain::expiry::Why;
use crate::domain::plan::{Plan, PlanName};
use crate::domain::time::Instant;
use crate::vault::reaper::Locking;
use crate::vault::{Reaper, RemainKind, VaultError};
use crate::workflows::desk::tokyo;
use crate::workflows::erasures::{self, ErasureError};
use crate::workflows::evidence::{self, Certified, Evidence, OpenIntent};
use crate::workflows::holds;
use crate::workflows::index_copies::IndexCopies;
use crate::workflows::replica;
use crate::workflows::repository::RepositoryError;
use crate::workflows::sign_in::line;
use crate::workflows::snapshots::{self, SnapshotKeys};

use super::run::{not_deleted, position};
use super::{ExpireError, OnHost};

/// How often what came in between is deleted too.
const ROUNDS_MAX: usize = 3;

/// Why it says that it was done.
const BASIS: &str = "第21条①、第22条①（発信した日から起算して1年間の保管の終了後の消去）";

/// Deletes what an intent names and certifies it.
pub(super) async fn carry_out(
    on: OnHost<'_>,
    number: u64,
    open: &OpenIntent,
    executor: &str,
) -> Result<(), ExpireError> {
    let key = layout::intent(number);
    let order = Order::read(&open.intent.order)
        .ok_or_else(|| RepositoryError::wrong(&key, "its order cannot be read"))?;
    let (mut gone, mut kept) = (Vec::new(), open.intent.not_deleted.clone());
    // Cohorts come before snapshots, and snapshots go in their order: what is kept back keeps what comes after it.
    let mut before: BTreeMap<&PlanName, NotDeleted> = BTreeMap::new();
    for item in &order.items {
        let needed = before.get(&item.plan).filter(|_| item.cohort().is_none());
        let kept_back = match needed {
            Some(why) => Some(NotDeleted { what: item.name(), ..why.clone() }),
            None => delete(on, item).await?,
        };
        let Some(why) = kept_back else {
            gone.push(item.clone());
            continue;
        };
        let needed = item.cohort().map(|cohort| not_deleted(item, &Why::Needed(*cohort)));
        before.insert(&item.plan, needed.unwrap_or_else(|| why.clone()));
        kept.push(why);
    }
    for reaper in on.second.into_iter().chain([on.reaper]) {
        reaper.flush().await?;
    }
    forget_copies(on, &gone).await?;
    certify(on, number, open, (&gone, kept), executor).await
}

/// Deletes everything of one item, and looks again until nothing is left. Gives why it was not deleted, if it was not.
async fn delete(on: OnHost<'_>, item: &Item) -> Result<Option<NotDeleted>, ExpireError> {
    if let Some(why) = why_not_now(on, item).await? {
        return Ok(Some(not_deleted(item, &why)));
    }
    // The second store first: should it keep something back, the first is not touched either, and both are asked again.
    for reaper in on.second.into_iter().chain([on.reaper]) {
        if let Some(kept) = delete_from(reaper, item).await? {
            return Ok(Some(kept));
        }
    }
    Ok(None)
}

/// The same in one store.
async fn delete_from(reaper: &dyn Reaper, item: &Item) -> Result<Option<NotDeleted>, ExpireError> {
    let place = item.place();
    for _ in 0..ROUNDS_MAX {
        let remains = reaper.remains(&place).await?;
        if remains.is_empty() {
            return Ok(None);
        }
        // Markers last: while they are there, what they hide is not shown to readers again.
        let (markers, others): (Vec<_>, Vec<_>) =
            remains.iter().partition(|remain| remain.kind == RemainKind::DeleteMarker);
        for remain in others.into_iter().chain(markers) {
            match reaper.delete(remain).await {
                Err(VaultError::Locked { key, until }) => {
                    tracing::error!(object = %key, %until, "the store keeps an object from being deleted");
                    return Ok(Some(not_deleted(item, &Why::Locked(until))));
                }
                other => other?,
            }
        }
    }
    match reaper.remains(&place).await?.len() {
        0 => Ok(None),
        left => Err(ExpireError::StillThere { place, left }),
    }
}

/// What may have changed since the intent was written: holds, and a clock that went back.
async fn why_not_now(on: OnHost<'_>, item: &Item) -> Result<Option<Why>, ExpireError> {
    let now = on.clock.now();
    let plan = plan_of(on, item).ok_or_else(|| ExpireError::Plan(item.plan.to_string()))?;
    // What the plan says now counts too: an intent is a file in the store.
    let of_plan = item.cohort().map(|cohort| cohort.delete_from(plan.retention(), plan.zone()));
    let delete_from = of_plan.map_or(item.delete_from, |of_plan| of_plan.max(item.delete_from));
    if now < delete_from {
        return Ok(Some(Why::NotYet(delete_from)));
    }
    let Some(cohort) = item.cohort() else { return Ok(None) };
    let holds = holds::of_host(on.host, on.catalog, plan.name()).await?;
    let held = holds.iter().find(|shown| shown.hold.keeps(cohort, plan.zone(), now));
    Ok(held.map(|shown| Why::Hold(shown.hold.number)))
}

fn plan_of<'a>(on: OnHost<'a>, item: &Item) -> Option<&'a Plan> {
    on.plans.iter().find(|plan| *plan.name() == item.plan)
}

/// Removes local copies of index objects, but for those of cohorts that live.
async fn forget_copies(on: OnHost<'_>, gone: &[Item]) -> Result<(), ExpireError> {
    let plans: BTreeSet<_> =
        gone.iter().filter(|item| item.cohort().is_some()).map(|item| &item.plan).collect();
    for plan in plans {
        let mut living: BTreeSet<Sha256> = BTreeSet::new();
        let keys: Vec<String> =
            on.host.vault.list(&format!("{plan}/")).await?.into_iter().map(|listed| listed.key).collect();
        for key in &keys {
            if let Some(ObjectKind::Index(_, _, name)) = layout::parse(key) {
                living.insert(name);
            }
        }
        // One that the store lost is put back from its copy by the next run.
        if let Some(newest) = snapshots::by_plan(keys.iter()).get(plan).and_then(|names| names.last()) {
            let keys = SnapshotKeys::new(&on.host.trust, &on.host.secrets.catalog, on.clock.now());
            match snapshots::fetch(&*on.host.vault, newest, &keys).await {
                Ok(snapshot) => {
                    let is_gone = |name: &str| gone.iter().any(|item| item.is_cohort(plan.as_str(), name));
                    let alive = snapshot.cohorts.into_iter().filter(|cohort| !is_gone(&cohort.cohort));
                    living.extend(alive.flat_map(|cohort| cohort.indexes));
                }
                Err(reason) if reason.is_of_object() => {}
                Err(error) => return Err(error.into()),
            }
        }
        IndexCopies::new(on.host.home.state_file(plan.as_str(), "index")).retain(&living);
    }
    Ok(())
}

async fn certify(
    on: OnHost<'_>,
    number: u64,
    open: &OpenIntent,
    (gone, not_deleted): (&[Item], Vec<NotDeleted>),
    executor: &str,
) -> Result<(), ExpireError> {
    let (intent, now) = (&open.intent, on.clock.now());
    let is_gone_snapshot = |plan: &str, number: u64| {
        gone.iter().any(|item| {
            item.plan.as_str() == plan
                && matches!(item.what, What::Snapshot { sequence, .. } if sequence == number)
        })
    };
    let cohorts = intent.cohorts.iter();
    let cohorts = cohorts.filter(|one| gone.iter().any(|item| item.is_cohort(&one.plan, &one.cohort)));
    let snapshots = intent.snapshots.iter().filter(|one| is_gone_snapshot(&one.plan, one.sequence));
    let certificate = Certificate {
        format: FORMAT,
        repository: intent.repository.clone(),
        number,
        previous: intent.previous,
        intent: open.digest,
        order: Sha256::of(intent.order.as_bytes()),
        basis: BASIS.to_owned(),
        rules: intent.rules.clone(),
        cohorts: cohorts.cloned().collect(),
        snapshots: snapshots.cloned().collect(),
        not_deleted,
        suppressed: suppressed(on, gone).await?,
        copies: [on.reaper].into_iter().chain(on.second).map(|reaper| copy(reaper, now)).collect(),
        local: vec!["catalog".to_owned(), "index-copies".to_owned()],
        authority: intent.authority.clone(),
        executor: executor.to_owned(),
        clock: intent.clock.clone(),
        audit: position(on).await?,
        issued_at: now.to_string(),
    };
    let key = layout::certificate(number);
    let bytes = Bytes::from(on.host.sign_record(&key, payload_type::CERTIFICATE, &certificate)?);
    on.host.vault.put(&key, bytes, Some(on.host.evidence_end(now).into())).await?;
    on.host.vault.flush().await?;
    // Another program may have ended the same intent a moment ago: what is in the store counts.
    let stored = on.host.vault.get(&key, None).await?;
    let certificate = evidence::open_certificate(&key, &stored, &on.host.trust, number)?;
    replica::bring(on.host, &key, &stored, on.host.evidence_end(now)).await;
    let certified = Certified { digest: Sha256::of(&stored), envelope: stored.to_vec(), certificate };
    note(on, &certified, intent.approved).await
}

/// The erasure orders that kept something of the deleted cohorts back. Orders that cannot be read stop no deletion.
async fn suppressed(on: OnHost<'_>, gone: &[Item]) -> Result<Vec<Suppressed>, ExpireError> {
    let mut found = Vec::new();
    let plans: BTreeSet<_> = gone.iter().map(|item| &item.plan).collect();
    for plan in plans {
        let ledger = match erasures::of_host(on.host, on.catalog, plan).await {
            Ok(ledger) => ledger,
            Err(ErasureError::Repository(error)) if !error.is_of_object() => return Err(error.into()),
            Err(ErasureError::Catalog(error)) => return Err(error.into()),
            Err(reason) => {
                tracing::error!(%plan, %reason, "an erasure order is missing or altered");
                continue;
            }
        };
        let days: Vec<_> = gone
            .iter()
            .filter(|item| item.plan == *plan)
            .filter_map(|item| item.cohort().map(CohortId::clock_day))
            .collect();
        for shown in ledger.orders.into_iter().filter(|shown| !shown.erasure.is_revoked) {
            if days.iter().any(|day| *day <= shown.erasure.through) {
                found.push(Suppressed {
                    plan: plan.to_string(),
                    order: shown.erasure.number,
                    ordered_at: shown.at,
                    by: shown.by,
                });
            }
        }
    }
    Ok(found)
}

fn copy(reaper: &dyn Reaper, now: Instant) -> CopyDeleted {
    let (method, locked_by) = match reaper.locking() {
        Locking::Enforced => ("version-purged", "store"),
        Locking::Noted => ("object-deleted", "kura"),
        Locking::Unknown => ("version-purged", "nobody"),
    };
    let zone = tokyo();
    CopyDeleted {
        location: reaper.address(),
        method: method.to_owned(),
        locked_by: locked_by.to_owned(),
        finished_at: format!("{} {} JST", zone.day_of(now), zone.time_of(now)),
        left: 0,
    }
}

/// Adds the certificates that the store has and the catalog lacks: a run that was killed, or another host, issued them.
pub(super) async fn absorb(on: OnHost<'_>, found: &Evidence) -> Result<(), ExpireError> {
    let known = on.catalog.newest_certificate().await?;
    for (_, certified) in found.certificates.range(known.saturating_add(1)..) {
        let key = layout::intent(certified.certificate.number);
        let intent = on.host.vault.get(&key, None).await?;
        let intent = evidence::open_intent(&key, &intent, &on.host.trust, certified.certificate.number)?;
        note(on, certified, intent.approved).await?;
    }
    Ok(())
}

/// Records a certificate in the catalog, and forgets what it says is gone; all at once.
async fn note(on: OnHost<'_>, certified: &Certified, approved: Option<Sha256>) -> Result<(), ExpireError> {
    let certificate = &certified.certificate;
    let row = certified.row(on.clock.now());
    let mut tx = on.catalog.begin().await?;
    if !tx.add_certificate(&row).await? {
        // Another program ended the same intent, and noted it with all that follows.
        return Ok(());
    }
    for cohort in &certificate.cohorts {
        tx.forget_packs(&cohort.plan, &cohort.cohort).await?;
    }
    for snapshot in &certificate.snapshots {
        if let Ok(digest) = snapshot.digest.parse::<Sha256>() {
            tx.forget_snapshot(&snapshot.plan, snapshot.sequence, &digest).await?;
        }
    }
    if let Some(digest) = approved {
        tx.end_order(&digest, certificate.number).await?;
    }
    let mut lines = Vec::new();
    let now = on.clock.now();
    let subject = layout::certificate(certificate.number);
    lines.push(line(
        now,
        &certificate.executor,
        "expire.certificate",
        &subject,
        &certified.digest.to_string(),
    ));
    // The chain of snapshots is checked back to the oldest that is left; the log names what was before it.
    for snapshot in &certificate.snapshots {
        let subject = format!("{}/{}", snapshot.plan, snapshot.sequence);
        lines.push(line(now, "kura", "expire.snapshot", &subject, &snapshot.digest));
    }
    Ok(tx.commit(&lines).await?)
}
