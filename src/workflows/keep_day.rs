//! Once a day, early in the morning of Tokyo: what is past its time is deleted as far as it is approved for good, the
//! store's locks are tried out, and the rest is proved to be there, a part of it by reading it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::archive::progress::Progress;
use crate::catalog::{Catalog, CatalogError};
use crate::clock::Clock;
use crate::domain::canary::CanaryOutcome;
use crate::domain::plan::Plan;
use crate::domain::reread;
use crate::domain::time::Instant;
use crate::vault::Vault;

use super::canary;
use super::causes::with_causes;
use super::coverage;
use super::coverage_proofs;
use super::desk::{Desk, tokyo};
use super::drill;
use super::expire::{self, Bench, Refusal};
use super::host::Host;
use super::legal_holds;
use super::perpetual;
use super::replica;
use super::verify::Viewer;

/// After a try the next one comes no sooner than this, minutes.
const PAUSE_MINUTES: i64 = 60;

/// When to ask next whether a proof is missing: the service asks every few seconds.
#[derive(Debug)]
pub struct Kept(AtomicI64);

impl Default for Kept {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

/// Whether today's proof is missing and was not tried a short while ago; then this is a try.
pub async fn is_due(catalog: &Catalog, kept: &Kept, now: Instant) -> Result<bool, CatalogError> {
    let ask_next = Instant::from_micros(kept.0.load(Ordering::SeqCst));
    // More than a day ahead it was set by a clock that has gone back since.
    if now < ask_next && ask_next < now.plus_minutes(26 * 60) {
        return Ok(false);
    }
    let zone = tokyo();
    let today = zone.day_of(now);
    let proved = catalog.newest_coverage(now).await?.iter().map(|row| zone.day_of(row.checked_at)).max();
    let is_due = proved.is_none_or(|proved| proved < today);
    let ask_next = if is_due { now.plus_minutes(PAUSE_MINUTES) } else { zone.start_of(today.next()) };
    kept.0.store(ask_next.as_micros(), Ordering::SeqCst);
    Ok(is_due)
}

/// Deletes, then proves. What fails is told and tried again; the proof is made whatever came of the deletion.
pub async fn keep(host: Host, (desk, plans): (&Desk, Vec<Plan>), clock: &dyn Clock) {
    if plans.is_empty() {
        return;
    }
    let catalog = &desk.catalog;
    let second = replica::open(&host.settings).await.unwrap_or_else(|error| {
        tracing::error!(error = with_causes(&error), "the second store cannot be used");
        None
    });
    // Before deletion: what was released may go today.
    match legal_holds::keep_up(&host, catalog, &plans, clock.now()).await {
        Ok(_) => {}
        Err(error) => {
            tracing::error!(error = with_causes(&error), "legal holds could not be brought in line");
        }
    }
    let host = match Bench::open(host, plans.clone(), desk.contents.clone()).await {
        Ok(bench) => {
            match Box::pin(expire::run(bench.on(catalog, clock), "kura")).await {
                Ok(ran) => tell(&ran),
                Err(error) => {
                    tracing::error!(error = with_causes(&error), "deletion failed; it is tried again");
                }
            }
            try_locks(&bench, second.as_deref(), catalog, clock.now()).await;
            bench.host
        }
        Err((host, error)) => {
            tracing::error!(error = with_causes(&error), "deletion cannot begin");
            *host
        }
    };
    match perpetual::renew(&host, catalog, &plans, clock.now()).await {
        Ok(made) if made.is_empty() => {}
        Ok(made) => tracing::info!(objects = made.len(), "who counts was written again under new locks"),
        Err(error) => {
            tracing::error!(
                error = with_causes(&error),
                "who counts could not be written again under new locks"
            );
        }
    }
    replica::keep_up(&host, clock.now()).await;
    drill::sweep(&host.home.spill());
    if let Err(error) = drill::absorb(&host, catalog).await {
        tracing::warn!(error = with_causes(&error), "drills could not be looked up");
    }
    let parts = host.settings.coverage.unwrap_or_default().parts();
    let read = part_to_read(catalog, parts).await;
    let viewer = Arc::new(Viewer::of_host(&host).with_second(second.clone()));
    let progress = Arc::new(Progress::default());
    match Box::pin(coverage::prove(viewer, catalog, (&plans, read), clock, &progress)).await {
        Ok(proof) => {
            if proof.is_whole() {
                tracing::info!("everything inside its time is stored and whole");
            } else {
                tracing::error!("not everything is stored and whole: `kura coverage` says what is not");
            }
            if let Err(error) =
                coverage_proofs::record((&host, second.as_deref()), catalog, (&proof, read), clock).await
            {
                tracing::error!(error = with_causes(&error), "the proof of coverage could not be stored");
            }
        }
        Err(error) => tracing::error!(error = with_causes(&error), "coverage could not be proved"),
    }
}

/// Sees whether the stores keep their locks.
async fn try_locks(bench: &Bench, second: Option<&dyn Vault>, catalog: &Catalog, now: Instant) {
    let first = (&*bench.host.vault, &*bench.reaper);
    for store in std::iter::once(first).chain(second.zip(bench.second.as_deref())) {
        match canary::fly(store, catalog, now).await {
            Ok(None | Some(CanaryOutcome::Held)) => {}
            Ok(Some(outcome)) => {
                tracing::error!(outcome = outcome.word(), "the store does not keep its locks");
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "the store's locks could not be tried");
            }
        }
    }
}

/// The part of all packs that is read today; `None` if the settings say that none is.
async fn part_to_read(catalog: &Catalog, parts: u32) -> Option<(u32, u32)> {
    if parts == 0 {
        return None;
    }
    match catalog.read_parts(parts).await {
        Ok(read) => Some((reread::next(&read, parts), parts)),
        Err(error) => {
            tracing::error!(error = with_causes(&error), "which packs were read last is not known");
            None
        }
    }
}

fn tell(ran: &expire::Ran) {
    for number in &ran.certificates {
        tracing::info!(certificate = number, "what was past its time was deleted and certified");
    }
    for refusal in &ran.refused {
        match refusal {
            Refusal::Clock(doubt) => {
                tracing::error!(code = doubt.code(), "nothing is deleted: the clock is in doubt");
            }
            Refusal::Unapproved(plan) => {
                tracing::warn!(plan, "something is due and nobody approved its deletion");
            }
            Refusal::TooMany(found) => {
                let (plan, fresh) = (&found.plan, found.fresh);
                tracing::error!(%plan, fresh, "too much is due at once: a second person must confirm it");
            }
            Refusal::SamePerson(_) => {
                tracing::warn!("who said what day it is also approved the deletion");
            }
        }
    }
}
