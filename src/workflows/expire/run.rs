//! Deciding what may go under which authority, writing the intent, carrying it out.

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::evidence::{
    AuditPosition, Authority, ClockReading, ClockRecord, ClockWord, DeletedCohort, DeletedSnapshot, Intent,
    NotDeleted, Rule,
};
use crate::archive::layout;
use crate::archive::records::FORMAT;
use crate::archive::wire::to_u64;
use crate::catalog::{LookRow, OrderRow, StandingRow};
use crate::domain::clock_evidence::{Doubt, Proof, Reading};
use crate::domain::deletion::{Item, Order, What};
use crate::domain::expiry::{KeptBack, TooMany, Why};
use crate::domain::time::Instant;
use crate::vault::VaultError;
use crate::workflows::evidence::{self, Evidence};
use crate::workflows::replica;
use crate::workflows::sign_in::line;

use super::carry_out::carry_out;
use super::evidence::whole_evidence;
use super::gather::{LOOKED, WAITS, digest_of};
use super::{ExpireError, Look, OnHost, look};

/// Why something that is due was not deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The date is not known well enough: nothing at all was deleted.
    Clock(Doubt),
    /// Nobody approved it, or the approval was for another version of the plan.
    Unapproved(String),
    /// So much is due that a second person must confirm it.
    TooMany(TooMany),
    /// Whoever said what day it is also approved the deletion.
    SamePerson(String),
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The certificates that were issued, by number.
    pub certificates: Vec<u64>,
    /// What is past its time and kept back.
    pub kept_back: Vec<KeptBack>,
    /// What is due and was not deleted.
    pub refused: Vec<Refusal>,
}

/// What is deleted under one authority.
struct Job {
    items: Vec<Item>,
    authority: Authority,
    approved: Option<Sha256>,
    not_deleted: Vec<NotDeleted>,
}

/// Ends what was begun, deletes what is due and approved, and certifies it. `executor` is an account, or `kura`.
pub async fn run(on: OnHost<'_>, executor: &str) -> Result<Ran, ExpireError> {
    let mut ran = Ran::default();
    let mut evidence = whole_evidence(on).await?;
    for (number, open) in std::mem::take(&mut evidence.open) {
        // What was begun was decided by a proved date; ending it needs no other.
        carry_out(on, number, &open, executor).await?;
        ran.certificates.push(number);
    }
    let look = look(on).await?;
    ran.kept_back.clone_from(&look.decision.kept_back);
    record(on, &look).await?;
    let proof = match &look.clock {
        Ok(proof) => proof.clone(),
        Err(doubt) => {
            ran.refused.push(Refusal::Clock(doubt.clone()));
            return Ok(ran);
        }
    };
    for mut job in jobs(on, &look, &proof, &mut ran).await? {
        let evidence = whole_evidence(on).await?;
        if let Some(number) = evidence.open.keys().next() {
            // Certificates follow each other: the next intent waits for this one's.
            return Err(ExpireError::Busy(layout::intent(*number)));
        }
        let number = evidence.next_number();
        // After the number was taken: what another program deleted meanwhile is not certified twice.
        job.items = still_there(on, job.items).await?;
        if job.items.is_empty() {
            continue;
        }
        let intent = intent(on, number, (&evidence, &job), (&look, &proof), executor).await?;
        let open = write_intent(on, number, intent).await?;
        carry_out(on, number, &open, executor).await?;
        ran.certificates.push(number);
    }
    if !ran.certificates.is_empty() {
        // What is left now is what alarms are to tell of.
        record_looks(on, &super::look(on).await?).await?;
    }
    Ok(ran)
}

/// The items of which exactly the same is there as when it was looked at.
async fn still_there(on: OnHost<'_>, items: Vec<Item>) -> Result<Vec<Item>, ExpireError> {
    let mut there = Vec::new();
    for item in items {
        if digest_of(&on.reaper.remains(&item.place()).await?) == item.digest {
            there.push(item);
        }
    }
    Ok(there)
}

/// Notes how expiry stands, with a line in the log.
async fn record(on: OnHost<'_>, look: &Look) -> Result<(), ExpireError> {
    record_looks(on, look).await?;
    if look.clock.is_err() {
        return Ok(());
    }
    // Only what was within the limits becomes an arrear by being looked at.
    let act = if look.decision.too_many.is_empty() { LOOKED } else { WAITS };
    let detail = format!("due {} kept back {}", look.decision.due.len(), look.decision.kept_back.len());
    let tx = on.catalog.begin().await?;
    Ok(tx.commit(&[line(look.at, "kura", act, "expiry", &detail)]).await?)
}

async fn record_looks(on: OnHost<'_>, look: &Look) -> Result<(), ExpireError> {
    let stopped = look.clock.as_ref().err().map_or("", Doubt::code);
    for plan in on.plans {
        let is_cohort = |item: &&Item| item.plan == *plan.name() && item.cohort().is_some();
        let due: Vec<&Item> = look.decision.due.iter().filter(is_cohort).collect();
        let kept = look.decision.kept_back.iter().filter(|kept| is_cohort(&&kept.item)).count();
        let is_much = look.decision.too_many.iter().any(|found| found.plan == *plan.name());
        // A lock beyond the end of its time is longer than the policy allows.
        let locked = look.decision.kept_back.iter();
        let locked = locked.filter(|kept| is_cohort(&&kept.item) && matches!(kept.why, Why::Locked(_)));
        let locked_since = locked.map(|kept| kept.item.delete_from).min();
        let stopped = match stopped {
            "" if is_much => "too-many",
            "" if locked_since.is_some() => "locked-too-long",
            code => code,
        };
        let row = LookRow {
            plan: plan.name().to_string(),
            looked_at: look.at,
            due: to_u64(due.len()),
            kept_back: to_u64(kept),
            due_since: due.iter().map(|item| item.delete_from).chain(locked_since).min(),
            stopped: stopped.to_owned(),
        };
        on.catalog.set_look(&row).await?;
    }
    Ok(())
}

/// What may be deleted under which authority.
async fn jobs(on: OnHost<'_>, look: &Look, proof: &Proof, ran: &mut Ran) -> Result<Vec<Job>, ExpireError> {
    let (mut jobs, mut left) = (Vec::new(), look.decision.due.clone());
    for row in on.catalog.open_orders().await? {
        let Some((confirmed_by, confirmed_at)) = row.confirmed.clone() else { continue };
        if proof.word.as_ref().is_some_and(|word| word.by == row.approved_by) {
            ran.refused.push(Refusal::SamePerson(row.approved_by.to_string()));
            continue;
        }
        let Some(order) = Order::read(&row.text) else { continue };
        let (items, not_deleted) = covered(&order, look, &mut left);
        if items.is_empty() && not_deleted.is_empty() {
            end_empty(on, &row).await?;
            continue;
        }
        if items.is_empty() {
            continue;
        }
        let authority = Authority {
            kind: "order".to_owned(),
            approved_by: row.approved_by.to_string(),
            approved_at: row.approved_at.to_string(),
            confirmed_by: Some(confirmed_by.to_string()),
            confirmed_at: Some(confirmed_at.to_string()),
        };
        jobs.push(Job { items, authority, approved: Some(row.digest), not_deleted });
    }
    let standing = on.catalog.standing_deletions().await?;
    for plan in on.plans {
        let mine = |item: &Item| item.plan == *plan.name();
        if !left.iter().any(mine) {
            continue;
        }
        let name = plan.name().to_string();
        let is_current = |row: &&StandingRow| row.plan == name && on.version(&name) == Some(row.digest);
        let Some(row) = standing.iter().find(is_current) else {
            ran.refused.push(Refusal::Unapproved(name));
            continue;
        };
        if let Some(found) = look.decision.too_many.iter().find(|found| found.plan == *plan.name()) {
            ran.refused.push(Refusal::TooMany(found.clone()));
            continue;
        }
        if proof.word.as_ref().is_some_and(|word| word.by == row.approved_by) {
            ran.refused.push(Refusal::SamePerson(row.approved_by.to_string()));
            continue;
        }
        let authority = Authority {
            kind: "standing".to_owned(),
            approved_by: row.approved_by.to_string(),
            approved_at: row.approved_at.to_string(),
            confirmed_by: None,
            confirmed_at: None,
        };
        let items = left.iter().filter(|item| mine(item)).cloned().collect();
        let kept = look.decision.kept_back.iter().filter(|kept| mine(&kept.item));
        let not_deleted = kept.map(|kept| not_deleted(&kept.item, &kept.why)).collect();
        jobs.push(Job { items, authority, approved: None, not_deleted });
    }
    Ok(jobs)
}

/// The items of an order that are due exactly as they were shown, and those that are not deleted, with the reason.
fn covered(order: &Order, look: &Look, left: &mut Vec<Item>) -> (Vec<Item>, Vec<NotDeleted>) {
    let (mut items, mut others) = (Vec::new(), Vec::new());
    for item in &order.items {
        if let Some(at) = left.iter().position(|due| due == item) {
            items.push(left.remove(at));
        } else if let Some(kept) =
            look.decision.kept_back.iter().find(|kept| kept.item.place() == item.place())
        {
            others.push(not_deleted(item, &kept.why));
        } else if left.iter().any(|due| due.place() == item.place()) {
            let japanese = "承認のあとに内容が変わりました。もう一度承認が必要です。".to_owned();
            others.push(NotDeleted {
                plan: item.plan.to_string(),
                what: item.name(),
                code: "changed".to_owned(),
                japanese,
            });
        }
    }
    (items, others)
}

/// An order of which nothing is there any more was carried out together with another one.
async fn end_empty(on: OnHost<'_>, row: &OrderRow) -> Result<(), ExpireError> {
    let number = on.catalog.newest_certificate().await?;
    let mut tx = on.catalog.begin().await?;
    tx.end_order(&row.digest, number).await?;
    let at = on.clock.now();
    Ok(tx.commit(&[line(at, "kura", "expire.order-empty", &row.digest.to_string(), "")]).await?)
}

pub(super) fn not_deleted(item: &Item, why: &Why) -> NotDeleted {
    NotDeleted {
        plan: item.plan.to_string(),
        what: item.name(),
        code: why.code().to_owned(),
        japanese: why.japanese(),
    }
}

async fn intent(
    on: OnHost<'_>,
    number: u64,
    (evidence, job): (&Evidence, &Job),
    (look, proof): (&Look, &Proof),
    executor: &str,
) -> Result<Intent, ExpireError> {
    let order = Order { repository: look.order.repository.clone(), items: job.items.clone() };
    let (mut cohorts, mut snapshots, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for item in &job.items {
        match &item.what {
            What::Cohort(cohort) => {
                let (plan, name) = (item.plan.to_string(), cohort.to_string());
                let packs = on.catalog.packs_of_cohort(&plan, &name).await?;
                cohorts.push(DeletedCohort {
                    plan,
                    cohort: name,
                    clock_day: cohort.clock_day().to_string(),
                    last_day_a: item.kept.promised_last_day.to_string(),
                    last_day_b: item.kept.last_day_b.to_string(),
                    delete_from: item.delete_from.to_string(),
                    records: packs.iter().map(|pack| pack.files).sum(),
                    objects: item.objects,
                    bytes: item.bytes,
                });
            }
            What::Snapshot { sequence, digest } => snapshots.push(DeletedSnapshot {
                plan: item.plan.to_string(),
                sequence: *sequence,
                digest: digest.clone(),
                delete_from: item.delete_from.to_string(),
            }),
        }
    }
    for plan in on.plans.iter().filter(|plan| job.items.iter().any(|item| item.plan == *plan.name())) {
        let version = on.version(plan.name().as_str());
        rules.push(Rule {
            plan: plan.name().to_string(),
            version: version.ok_or_else(|| ExpireError::Plan(plan.name().to_string()))?,
            retention: plan.retention().to_string(),
            zone: plan.zone().name().to_owned(),
        });
    }
    Ok(Intent {
        format: FORMAT,
        repository: on.host.trust.repository.repository.clone(),
        number,
        previous: evidence.head(),
        order: order.text(),
        approved: job.approved,
        rules,
        cohorts,
        snapshots,
        not_deleted: job.not_deleted.clone(),
        authority: job.authority.clone(),
        executor: executor.to_owned(),
        clock: clock_record(look.at, proof),
        audit: position(on).await?,
        at: look.at.to_string(),
    })
}

fn clock_record(at: Instant, proof: &Proof) -> ClockRecord {
    let reading =
        |reading: &Reading| ClockReading { source: reading.source.clone(), at: reading.at.to_string() };
    let word = proof.word.as_ref();
    ClockRecord {
        host: at.to_string(),
        outside: proof.outside.iter().map(reading).collect(),
        word: word.map(|word| ClockWord { by: word.by.to_string(), day: word.day.to_string() }),
    }
}

/// Where the audit log stands.
pub(super) async fn position(on: OnHost<'_>) -> Result<Option<AuditPosition>, ExpireError> {
    let newest = on.catalog.audit_newest(1).await?;
    let newest = newest.first();
    Ok(newest.map(|line| AuditPosition { sequence: line.sequence, digest: Sha256(line.digest) }))
}

/// Stores the intent; of two programs one wins, and the other stops.
async fn write_intent(
    on: OnHost<'_>,
    number: u64,
    intent: Intent,
) -> Result<evidence::OpenIntent, ExpireError> {
    let key = layout::intent(number);
    let bytes = Bytes::from(on.host.sign_record(&key, payload_type::INTENT, &intent)?);
    let now = on.clock.now();
    on.host.vault.put(&key, bytes.clone(), Some(on.host.evidence_end(now).into())).await?;
    match on.host.vault.holds(&key, &bytes).await {
        Ok(true) => {}
        Ok(false) | Err(VaultError::Missing { .. }) => return Err(ExpireError::Busy(key)),
        Err(error) => return Err(error.into()),
    }
    on.host.vault.flush().await?;
    replica::bring(on.host, &key, &bytes, on.host.evidence_end(now)).await;
    let tx = on.catalog.begin().await?;
    let digest = Sha256::of(&bytes);
    tx.commit(&[line(now, "kura", "expire.intent", &key, &digest.to_string())]).await?;
    Ok(evidence::OpenIntent { digest, intent })
}
