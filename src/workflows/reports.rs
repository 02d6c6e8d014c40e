//! The facts of reports to the 医師会: gathered from the home, its catalog and what was proved; nothing is asked of people.

use crate::catalog::{CatalogError, CoverageRow, DrillRow};
use crate::domain::availability::Availability;
use crate::domain::evidence_facts::{Facts, PlanEvidence, ProofEvidence};
use crate::domain::plan::Plan;
use crate::domain::reread;
use crate::domain::time::Instant;
use crate::domain::window::{Window, WindowState};

use super::check_audit;
use super::desk::{Desk, DeskError, tokyo};
use super::drill;
use super::host::Host;
use super::monitor;

pub use crate::domain::evidence_report::{Report, ReportTable};
pub use crate::domain::guideline::Guideline;
pub use crate::policy_files::{GuidelineError, load_guidelines};

/// At most so many drills are looked through for the last one of each plan.
const DRILLS_MAX: u32 = 1000;
/// For so many months availability is stated: this one, and the year before.
const MONTHS: u32 = 13;

/// What is known of the installation now.
pub async fn facts(host: &Host, desk: &Desk, plans: &[Plan], now: Instant) -> Result<Facts, DeskError> {
    let (catalog, zone) = (&desk.catalog, tokyo());
    let proofs = catalog.newest_coverage(now).await?;
    let windows = catalog.windows_alive().await?;
    let tried = catalog.last_drills(DRILLS_MAX).await?;
    let drills = drill::standing(catalog, &desk.drills, &desk.recovery_keys).await?;
    let parts = host.settings.coverage.unwrap_or_default().parts();
    let read = catalog.read_parts(parts).await?;
    let store = host.vault.address();
    let canaries = catalog.canaries().await?;
    let canary = canaries.iter().find(|row| row.store == store);
    let accounts = catalog.accounts().await?;
    let active: Vec<_> = accounts.iter().filter(|row| row.disabled_at.is_none()).collect();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut shown = Vec::new();
    for plan in plans {
        shown.push(plan_facts(desk, plan, (&windows, &proofs, &tried)).await?);
    }
    Ok(Facts {
        plans: shown,
        can_lock: host.vault.can_lock(),
        lock_tried: canary.map(|row| (zone.day_of(row.tried_at), row.outcome)),
        store,
        second: host.settings.replica.as_ref().map(|replica| replica.store.clone()),
        recovery_keys: count(desk.recovery_keys.len()),
        drills: count(drills.len()),
        drills_overdue: count(drills.iter().filter(|one| one.is_overdue(&zone, now)).count()),
        reread_days: parts,
        reread_since: reread::since(&read, parts).map(|at| zone.day_of(at)),
        certificates: catalog.newest_certificate().await?,
        outside_clocks: count(host.clocks.len()).saturating_add(u64::from(host.vault.is_remote())),
        accounts: count(active.len()),
        with_factor: count(active.iter().filter(|row| row.has_second_factor()).count()),
        audit_lines: check_audit::verify(catalog, None).await.ok().map(|head| head.sequence),
        lead_days: (desk.lead.routine, desk.lead.downtime),
        availability: availability(desk, now).await?,
        ..Facts::of(zone.day_of(now))
    })
}

/// What monitoring measured of each target; none if nobody knows what is monitored.
async fn availability(desk: &Desk, now: Instant) -> Result<Option<Vec<Availability>>, DeskError> {
    if desk.monitoring.trouble.is_some() {
        return Ok(None);
    }
    let shown = monitor::list(desk, MONTHS, now).await?.into_iter().map(|shown| Availability {
        target: shown.target.name,
        how: shown.target.ask.japanese(),
        services: shown.target.services,
        months: shown.months,
    });
    Ok(Some(shown.collect()))
}

async fn plan_facts(
    desk: &Desk,
    plan: &Plan,
    (windows, proofs, tried): (&[Window], &[CoverageRow], &[DrillRow]),
) -> Result<PlanEvidence, CatalogError> {
    let name = plan.name().to_string();
    let zone = tokyo();
    let snapshots = desk.catalog.snapshots(Some(&name)).await?;
    let is_approved = |window: &&Window| {
        matches!(window.state, WindowState::Approved(_))
            && window.terms.parts().plan.as_ref() == Some(plan.name())
    };
    let windows = windows.iter().filter(is_approved).map(|window| window.terms.parts().recurrence.japanese());
    let proof = proofs.iter().find(|row| row.plan == name).map(|row| ProofEvidence {
        day: zone.day_of(row.checked_at),
        alive: row.alive,
        whole: row.whole,
        bytes: row.bytes,
        is_clean: row.exceptions.is_empty(),
    });
    let drill = tried.iter().find(|row| row.plan == name && row.failed == 0);
    Ok(PlanEvidence {
        class: plan.class(),
        retention: plan.retention(),
        copies: plan.copies(),
        sources: plan.sources().iter().map(|source| source.name().to_string()).collect(),
        windows: windows.collect(),
        snapshots: u64::try_from(snapshots.len()).unwrap_or(u64::MAX),
        oldest: snapshots.iter().map(|row| row.day).min(),
        newest: snapshots.iter().max_by_key(|row| row.sequence).map(|row| (row.day, row.is_complete)),
        proof,
        drill: drill.map(|row| (zone.day_of(row.ended_at), row.milliseconds / 1000, row.files)),
        name,
    })
}
