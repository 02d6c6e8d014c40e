//! Evidence of drills: one signed object each in the store, and a row in the catalog; what is due next.

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, payload_type};
use crate::archive::evidence::{AuditPosition, DrillRecord};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::FORMAT;
use crate::catalog::{Catalog, CatalogError, DrillRow};
use crate::clock::Clock;
use crate::domain::drill::{DrillFacts, DrillKind, EVERY_DEFAULT};
use crate::domain::retention::Retention;
use crate::vault::{Vault, VaultError};
use crate::workflows::evidence::instant;
use crate::workflows::host::Host;
use crate::workflows::replica;
use crate::workflows::repository::{RepositoryError, Trust, decode};
use crate::workflows::sign_in::line;
use crate::workflows::upload::put_own;

use super::{DrillError, Drilled};

/// So many rows are looked at; drills are a few in a month.
const ROWS_MAX: u32 = 1000;

/// Signs and stores what came of a drill, then notes it in the catalog with a line in the audit log. Gives its number.
pub async fn record(
    host: &Host,
    catalog: &Catalog,
    (drilled, by): (&Drilled, &str),
    clock: &dyn Clock,
) -> Result<u64, DrillError> {
    absorb(host, catalog).await?;
    let head = catalog.audit_newest(1).await?;
    let mut record = DrillRecord {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        number: 0,
        kind: drilled.kind.word().to_owned(),
        plan: drilled.plan.as_ref().map(ToString::to_string),
        snapshots: drilled.snapshots.clone(),
        keys: drilled.keys.clone(),
        scope: drilled.scope.to_owned(),
        began_at: drilled.span.0.to_string(),
        ended_at: drilled.span.1.to_string(),
        milliseconds: drilled.milliseconds,
        cohorts: drilled.cohorts,
        files: drilled.files,
        bytes: drilled.bytes,
        failed: drilled.failed,
        of_files: drilled.of.0,
        of_bytes: drilled.of.1,
        audit: head
            .first()
            .map(|line| AuditPosition { sequence: line.sequence, digest: Sha256(line.digest) }),
    };
    let until = host.evidence_end(clock.now());
    // What the store does not show now was stored nevertheless: no number is given twice.
    let known = catalog.last_drills(1).await?.first().map_or(0, |row| row.number);
    let newest = numbers(&*host.vault).await?.last().copied().unwrap_or(0).max(known);
    let first = newest.saturating_add(1);
    for number in first..=u64::MAX {
        record.number = number;
        let key = layout::drill(number);
        let bytes = Bytes::from(host.sign_record(&key, payload_type::DRILL, &record)?);
        if put_own(&*host.vault, &key, &bytes, Some(until.into())).await? {
            break;
        }
    }
    host.vault.flush().await?;
    let key = layout::drill(record.number);
    let bytes = host.vault.get(&key, None).await?;
    replica::bring(host, &key, &bytes, until).await;
    note(catalog, &record, Sha256::of(&bytes), (by, "drill")).await?;
    Ok(record.number)
}

/// Notes the drills of the store that the catalog does not know: of a program that was killed, or of another catalog.
pub async fn absorb(host: &Host, catalog: &Catalog) -> Result<(), DrillError> {
    let known: Vec<u64> = catalog.last_drills(ROWS_MAX).await?.iter().map(|row| row.number).collect();
    for number in numbers(&*host.vault).await? {
        if known.contains(&number) {
            continue;
        }
        let key = layout::drill(number);
        let bytes = host.vault.get(&key, None).await?;
        match open(&host.trust, &key, number, &bytes) {
            Ok(record) => note(catalog, &record, Sha256::of(&bytes), ("kura", "drill.found")).await?,
            Err(reason) => tracing::warn!(object = %key, %reason, "the evidence of a drill does not count"),
        }
    }
    Ok(())
}

async fn numbers(vault: &dyn Vault) -> Result<Vec<u64>, VaultError> {
    let listed = vault.list(layout::DRILLS).await?;
    let number = |key: &str| match layout::parse(key) {
        Some(ObjectKind::Drill(number)) => Some(number),
        _ => None,
    };
    let mut numbers: Vec<u64> = listed.iter().filter_map(|one| number(&one.key)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens the evidence of a drill: a host signed it, for this repository and number, while its key counted.
fn open(trust: &Trust, key: &str, number: u64, bytes: &[u8]) -> Result<DrillRecord, RepositoryError> {
    let opened = envelope::open(bytes, payload_type::DRILL, &trust.host_keys());
    let opened = opened.map_err(|source| RepositoryError::Record { key: key.to_owned(), source })?;
    let found: DrillRecord = decode(key, &opened.payload)?;
    let is_right = found.format == FORMAT
        && found.repository == trust.repository.repository
        && found.number == number
        && DrillKind::of_word(&found.kind).is_some()
        && trust.counted(&opened.signer, &found.ended_at);
    if is_right { Ok(found) } else { Err(RepositoryError::wrong(key, "it is for another place or time")) }
}

async fn note(
    catalog: &Catalog,
    record: &DrillRecord,
    digest: Sha256,
    (by, act): (&str, &str),
) -> Result<(), DrillError> {
    let key = layout::drill(record.number);
    let wrong = || RepositoryError::wrong(&key, "its kind or time cannot be read");
    let row = DrillRow {
        number: record.number,
        kind: DrillKind::of_word(&record.kind).ok_or_else(wrong)?,
        plan: record.plan.clone().unwrap_or_default(),
        keys: record.keys.clone(),
        scope: record.scope.clone(),
        ended_at: instant(&record.ended_at).ok_or_else(wrong)?,
        milliseconds: record.milliseconds,
        cohorts: record.cohorts,
        files: record.files,
        bytes: record.bytes,
        failed: record.failed,
        digest,
    };
    let mut tx = catalog.begin().await?;
    match tx.add_drill(&row).await {
        Err(CatalogError::Stale { .. }) => return Ok(()),
        other => other?,
    }
    let subject = if row.plan.is_empty() { row.kind.word() } else { &row.plan };
    let outcome = if row.failed == 0 { "good" } else { "failed" };
    let detail = format!(
        "{} {outcome}: {} files, {} bytes, {} cohorts in {} ms, {digest}",
        row.number, row.files, row.bytes, row.cohorts, row.milliseconds
    );
    Ok(tx.commit(&[line(row.ended_at, by, act, subject, &detail)]).await?)
}

/// The newest restore drill of each plan that went well, by plan.
pub async fn newest(catalog: &Catalog, plan: &str) -> Result<Option<DrillRow>, CatalogError> {
    let rows = catalog.last_drills(ROWS_MAX).await?;
    Ok(rows.into_iter().find(|row| row.kind == DrillKind::Restore && row.plan == plan && row.failed == 0))
}

/// What has to be tried out: each plan, as often as it says, and each recovery key that counts.
pub async fn standing(
    catalog: &Catalog,
    plans: &[(String, Retention)],
    keys: &[String],
) -> Result<Vec<DrillFacts>, CatalogError> {
    let rows = catalog.last_drills(ROWS_MAX).await?;
    let first = catalog.first_runs().await?;
    let good = |wanted: &dyn Fn(&DrillRow) -> bool| {
        rows.iter().filter(|row| row.failed == 0 && wanted(row)).map(|row| row.ended_at).max()
    };
    let of_plan = plans.iter().map(|(plan, every)| DrillFacts {
        kind: DrillKind::Restore,
        subject: plan.clone(),
        every: *every,
        first: first.iter().find(|(name, _)| name == plan).map(|(_, at)| *at),
        last: good(&|row| row.kind == DrillKind::Restore && row.plan == *plan),
    });
    let of_key = keys.iter().map(|key| DrillFacts {
        kind: DrillKind::Key,
        subject: key.clone(),
        every: EVERY_DEFAULT,
        first: first.iter().map(|(_, at)| *at).min(),
        last: good(&|row| row.kind == DrillKind::Key && row.keys.contains(key)),
    });
    Ok(of_plan.chain(of_key).collect())
}
