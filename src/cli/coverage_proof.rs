//! `kura coverage list|show|verify`: the proofs that were stored, signed and chained.

use crate::app::App;
use crate::workflows::coverage_proofs::{self, CoverageProofError, StoredProof};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::words::{counted, print, print_json, size, table, tell};

impl From<CoverageProofError> for Failure {
    fn from(error: CoverageProofError) -> Self {
        match error {
            CoverageProofError::None(_) => Self::Failed(error.to_string()),
            CoverageProofError::Repository(error) => error.into(),
            CoverageProofError::Upload(error) => Self::Failed(super::failure::with_causes(&error)),
            CoverageProofError::Catalog(error) => error.into(),
        }
    }
}

fn sums(proof: &StoredProof) -> (u64, u64, usize) {
    let plans = &proof.record.plans;
    let sum =
        |of: fn(&(u64, u64)) -> u64| plans.iter().map(|plan| of(&(plan.alive, plan.whole))).sum::<u64>();
    let exceptions = plans.iter().map(|plan| plan.exceptions.len()).sum::<usize>();
    (sum(|both| both.0), sum(|both| both.1), exceptions + proof.record.unplanned.len())
}

pub(super) async fn list(app: &App, global: &Global) -> Result<Exit, Failure> {
    let catalog = app.catalog().await?;
    let proofs = coverage_proofs::load(&app.host(None).await?, &catalog).await;
    catalog.close().await;
    let proofs = proofs?;
    if global.json {
        let rows = proofs.stored.iter().rev().map(|proof| {
            let (alive, whole, exceptions) = sums(proof);
            serde_json::json!({
                "number": proof.record.number, "digest": proof.digest.to_string(), "at": proof.record.at,
                "alive": alive, "whole": whole, "exceptions": exceptions,
            })
        });
        print_json(&rows.collect::<Vec<_>>())?;
    } else if proofs.stored.is_empty() {
        print("There is no proof yet: `kura coverage` makes one, and `kura serve` one each morning.\n")?;
    } else {
        let cells = proofs.stored.iter().rev().map(|proof| {
            let (alive, whole, exceptions) = sums(proof);
            let digest = proof.digest.to_string().chars().take(12).collect();
            let at = proof.record.at.clone();
            vec![
                proof.record.number.to_string(),
                at,
                alive.to_string(),
                whole.to_string(),
                exceptions.to_string(),
                digest,
            ]
        });
        let titles = ["NO>", "AT", "COHORTS>", "WHOLE>", "EXCEPTIONS>", "DIGEST"];
        print(&table(&titles, &cells.collect::<Vec<_>>()))?;
    }
    Ok(Exit::Done)
}

/// One proof; with `--json` the signed envelope as it is stored.
pub(super) async fn show(app: &App, global: &Global, number: u64) -> Result<Exit, Failure> {
    let proof = coverage_proofs::one(&app.host(None).await?, number).await?;
    if global.json {
        print(&String::from_utf8_lossy(&proof.envelope))?;
        print("\n")?;
        return Ok(Exit::Done);
    }
    let record = &proof.record;
    let mut text = format!("proof {} of {}, {}\n", record.number, record.at, proof.digest);
    for plan in &record.plans {
        text.push_str(&format!(
            "  {}: {} of {} whole ({} of {}), {} held, {} lock, {} read back\n",
            plan.plan,
            plan.whole,
            counted(plan.alive, "cohort"),
            counted(plan.packs, "pack"),
            size(plan.bytes),
            plan.held,
            plan.lock,
            plan.locks_read,
        ));
        for exception in &plan.exceptions {
            let cohort = exception.cohort.as_deref().map(|cohort| format!(" {cohort}")).unwrap_or_default();
            let count = exception.count.map(|count| format!(" ({count})")).unwrap_or_default();
            text.push_str(&format!("    {}{cohort}{count}\n", exception.code));
        }
    }
    for plan in &record.unplanned {
        text.push_str(&format!("  {plan}: nobody can say how long it is owed\n"));
    }
    text.push_str(&format!(
        "  {} wrong; read {}, {}\n",
        record.problems,
        counted(record.read_packs, "pack"),
        size(record.read_bytes)
    ));
    for store in &record.stores {
        text.push_str(&format!("  looked at {store}\n"));
    }
    if let Some(previous) = &record.previous {
        text.push_str(&format!("  after {previous}\n"));
    }
    print(&text)?;
    Ok(Exit::Done)
}

pub(super) async fn verify(app: &App, global: &Global) -> Result<Exit, Failure> {
    let catalog = app.catalog().await?;
    let proofs = coverage_proofs::load(&app.host(None).await?, &catalog).await;
    catalog.close().await;
    let proofs = proofs?;
    let ok = proofs.problems.is_empty();
    if global.json {
        let numbers: Vec<u64> = proofs.stored.iter().map(|proof| proof.record.number).collect();
        let problems = proofs.problems.iter();
        let problems: Vec<_> =
            problems.map(|(object, what)| serde_json::json!({ "object": object, "problem": what })).collect();
        print_json(&serde_json::json!({ "ok": ok, "proofs": numbers, "problems": problems }))?;
    } else {
        for (object, what) in &proofs.problems {
            tell(&format!("kura: wrong: {object}: {what}"));
        }
        let count = counted(u64::try_from(proofs.stored.len()).unwrap_or(u64::MAX), "proof");
        let rest = if ok { "whole, and each follows the one before" } else { "read" };
        print(&format!("{count} {rest}.\n"))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}
