//! `kura coverage`: is everything inside its time here and whole, and is nothing past it?

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::clock::Clock as _;
use crate::domain::canary::CanaryOutcome;
use crate::domain::coverage::Coverage;
use crate::domain::drill::{DrillFacts, DrillKind};
use crate::domain::plan::Plan;
use crate::domain::reread;
use crate::domain::time::Instant;
use crate::workflows::Progress;
use crate::workflows::canary::CanaryRow;
use crate::workflows::coverage::{self, CoverageError, Proof};
use crate::workflows::coverage_proofs;
use crate::workflows::drill as drill_work;
use crate::workflows::keys;
use crate::workflows::replica;
use crate::workflows::verify::Viewer;

use super::commands::Global;
use super::coverage_proof;
use super::drill;
use super::exit::Exit;
use super::failure::Failure;
use super::progress::Display;
use super::verify::part;
use super::words::{counted, print, print_json, size, tell, tokyo};

/// Prove that everything inside its time is stored and whole, and that nothing past it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Checks every plan of the home without a recovery key and records what came of it. Exit code 1: something\n\
                  is missing, altered, or past its time; `kura verify` names each object.\n\
                  --read 3/30 also reads the third of thirty parts: one part a day reads everything in thirty days.\n\
                  What came of it is signed and stored; list, show and verify look at what was.",
    args_conflicts_with_subcommands = true
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Read the bytes of part N of M of all packs; 1/1 reads all.
    #[arg(long, value_name = "N/M")]
    read: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the proofs in the store, newest first.
    List,
    /// Show one; with --json as it was signed.
    Show {
        /// Its number.
        number: u64,
    },
    /// Check every proof in the store: signed, none missing, none replaced.
    Verify,
}

#[derive(Serialize)]
struct Proved<'a> {
    proof: u64,
    ok: bool,
    alive: u64,
    whole: u64,
    read_packs: u64,
    store_can_lock: bool,
    second_store: Option<Second<'a>>,
    plans: Vec<PlanProved<'a>>,
    unplanned: &'a [String],
    recovery_keys: usize,
    drills: Vec<Tried<'a>>,
    read_again: Option<ReadAgain>,
    locks: Vec<LockTried<'a>>,
}

/// How far everything was read again.
#[derive(Serialize)]
struct ReadAgain {
    parts: u32,
    read: usize,
    all_since: Option<String>,
}

#[derive(Serialize)]
struct LockTried<'a> {
    store: &'a str,
    tried_at: String,
    outcome: &'static str,
}

/// What was tried out on mornings before.
struct Tries {
    drills: Vec<DrillFacts>,
    parts: u32,
    read: Vec<(u32, Instant)>,
    canaries: Vec<CanaryRow>,
}

#[derive(Serialize)]
struct Second<'a> {
    store: &'a str,
    missing: usize,
    past: usize,
}

#[derive(Serialize)]
struct Tried<'a> {
    kind: &'static str,
    subject: &'a str,
    last: Option<String>,
    overdue: bool,
}

#[derive(Serialize)]
struct PlanProved<'a> {
    plan: &'a str,
    alive: u64,
    whole: u64,
    packs: u64,
    bytes: u64,
    lock: LockSaid,
    exceptions: Vec<Said>,
}

/// How a plan locks, and what was read back.
#[derive(Serialize)]
struct LockSaid {
    mode: &'static str,
    read: u64,
    short: u64,
    long: u64,
    other_mode: u64,
}

#[derive(Serialize)]
struct Said {
    code: &'static str,
    ja: String,
    en: String,
}

impl From<CoverageError> for Failure {
    fn from(error: CoverageError) -> Self {
        match error {
            CoverageError::Repository(error) => error.into(),
            CoverageError::Catalog(error) => error.into(),
        }
    }
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        None => {}
        Some(Command::List) => return coverage_proof::list(app, global).await,
        Some(Command::Show { number }) => return coverage_proof::show(app, global, number).await,
        Some(Command::Verify) => return coverage_proof::verify(app, global).await,
    }
    let read = arguments.read.as_deref().map(part).transpose()?;
    let plans = app.plan_names().iter().map(|name| app.plan(name)).collect::<Result<Vec<Plan>, _>>()?;
    let host = app.host(None).await?;
    let parts = host.settings.coverage.unwrap_or_default().parts();
    let second = replica::open(&host.settings).await?;
    let viewer = Arc::new(Viewer::of_host(&host).with_second(second.clone()));
    let catalog = app.catalog().await?;
    let progress = Arc::new(Progress::default());
    let display = Display::begin(&progress, global.quiet);
    let proof = Box::pin(coverage::prove(viewer, &catalog, (&plans, read), &app.clock, &progress)).await;
    drop(display);
    let every: Vec<_> = plans.iter().map(|plan| (plan.name().to_string(), plan.drill_every())).collect();
    let keys = keys::in_force(&app.home)?.recipients;
    let tries = async {
        Ok::<_, Failure>(Tries {
            drills: drill_work::standing(&catalog, &every, &keys).await?,
            parts,
            read: catalog.read_parts(parts).await?,
            canaries: catalog.canaries().await?,
        })
    };
    let tries = tries.await;
    let stored = match &proof {
        Ok(proof) => {
            coverage_proofs::record((&host, second.as_deref()), &catalog, (proof, read), &app.clock).await
        }
        Err(_) => Ok(0),
    };
    catalog.close().await;
    let (proof, tries, now) = (proof?, tries?, app.clock.now());
    let stored = stored?;
    if global.json {
        print_json(&proved((&proof, stored), &tries, now))?;
    } else {
        tell_words((&proof, stored), &tries, now)?;
    }
    Ok(if proof.is_whole() { Exit::Done } else { Exit::Failed })
}

fn proved<'a>((proof, stored): (&'a Proof, u64), tries: &'a Tries, now: Instant) -> Proved<'a> {
    let drills = &tries.drills;
    let tried = |one: &'a DrillFacts| Tried {
        kind: one.kind.word(),
        subject: &one.subject,
        last: one.last.map(|at| at.to_string()),
        overdue: one.is_overdue(&tokyo(), now),
    };
    Proved {
        proof: stored,
        ok: proof.is_whole(),
        alive: proof.plans.values().map(|one| one.alive).sum(),
        whole: proof.plans.values().map(|one| one.whole).sum(),
        read_packs: proof.report.read_packs,
        store_can_lock: proof.can_lock,
        second_store: proof.report.second.as_ref().map(|second| Second {
            store: &second.address,
            missing: second.missing.len(),
            past: second.past.len(),
        }),
        plans: proof.plans.iter().map(|(plan, found)| plan_proved(plan, found)).collect(),
        unplanned: &proof.unplanned,
        recovery_keys: drills.iter().filter(|one| one.kind == DrillKind::Key).count(),
        drills: drills.iter().map(tried).collect(),
        read_again: (tries.parts > 0).then(|| ReadAgain {
            parts: tries.parts,
            read: tries.read.len(),
            all_since: reread::since(&tries.read, tries.parts).map(|at| at.to_string()),
        }),
        locks: tries.canaries.iter().map(lock_tried).collect(),
    }
}

fn lock_tried(row: &CanaryRow) -> LockTried<'_> {
    LockTried { store: &row.store, tried_at: row.tried_at.to_string(), outcome: row.outcome.word() }
}

/// How far everything was read again, and whether stores kept their locks.
fn tries_words(tries: &Tries) -> Vec<String> {
    let zone = tokyo();
    let mut lines = Vec::new();
    match reread::since(&tries.read, tries.parts) {
        Some(since) => lines.push(format!("Every byte was read again since {}.", zone.day_of(since))),
        None if tries.parts == 0 => {
            lines.push(
                "What is stored is not read again: kura.toml says [coverage] reread_days = 0.".to_owned(),
            );
        }
        None => lines.push(format!(
            "Read again so far: {} of {} parts; `kura serve` reads one each morning.",
            tries.read.len(),
            tries.parts
        )),
    }
    lines.extend(tries.canaries.iter().map(|row| {
        let (store, day) = (&row.store, zone.day_of(row.tried_at));
        match row.outcome {
            CanaryOutcome::Held => format!("{store} kept its lock when that was tried on {day}."),
            CanaryOutcome::NotLocked => format!("{store} did NOT lock what it was asked to lock ({day})."),
            CanaryOutcome::Deleted => {
                format!("{store} let something be deleted although it was locked ({day}).")
            }
        }
    }));
    lines
}

fn plan_proved<'a>(plan: &'a str, found: &Coverage) -> PlanProved<'a> {
    let said = found.exceptions.iter().map(|exception| Said {
        code: exception.code(),
        ja: exception.japanese(),
        en: exception.english(),
    });
    PlanProved {
        plan,
        alive: found.alive,
        whole: found.whole,
        packs: found.packs,
        bytes: found.bytes,
        lock: LockSaid {
            mode: found.lock_mode.word(),
            read: found.locks.read,
            short: found.locks.short,
            long: found.locks.long,
            other_mode: found.locks.other_mode,
        },
        exceptions: said.collect(),
    }
}

fn tell_words((proof, stored): (&Proof, u64), tries: &Tries, now: Instant) -> Result<(), Failure> {
    let drills = &tries.drills;
    let mut lines = Vec::new();
    for (plan, found) in &proof.plans {
        let stored = format!("{} of {}", counted(found.packs, "pack"), size(found.bytes));
        lines.push(format!("{plan}: {} of {} whole ({stored})", found.whole, counted(found.alive, "cohort")));
        if proof.can_lock {
            let (mode, read) = (found.lock_mode.word(), counted(found.locks.read, "lock"));
            lines.push(format!("  locks objects in {mode} mode; {read} read back"));
        }
        lines.extend(found.exceptions.iter().map(|exception| format!("  {}", exception.english())));
    }
    for plan in &proof.unplanned {
        lines.push(format!(
            "{plan}: stored, but policies/{plan}.toml is missing: nobody can say how long it is owed"
        ));
    }
    lines.extend(drills.iter().map(|one| drill::standing(one, now)));
    if drills.iter().filter(|one| one.kind == DrillKind::Key).count() == 1 {
        lines.push("There is only one recovery key: if it is lost, every backup is.".to_owned());
    }
    if let Some(second) = &proof.report.second {
        let (address, missing, past) = (&second.address, second.missing.len(), second.past.len());
        lines.push(format!("second store {address}: {missing} missing, {past} past their time"));
    }
    lines.extend(tries_words(tries));
    if !proof.can_lock {
        lines.push(
            "The store is a directory: whoever is root can delete in it; no lock prevents that.".to_owned(),
        );
    }
    lines.push(if proof.is_whole() {
        "Everything inside its time is here, and nothing past it.".to_owned()
    } else {
        "The promise is not proved; `kura verify` names each object that is wrong.".to_owned()
    });
    lines.push(format!("Signed and stored as proof {stored}."));
    for problem in &proof.report.problems {
        tell(&format!("kura: wrong: {}: {}", problem.object, problem.what));
    }
    lines.push(String::new());
    print(&lines.join("\n"))
}
