//! From rows to what is handed over, in memory: the filter, the engine, the report. Computation only.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::anonymize::count_extract::count_extract;
use crate::anonymize::extract::{Watch, extract_watched};
use crate::anonymize::instructions::Instructions;
use crate::anonymize::pseudonym::ExtractKey;
use crate::anonymize::search::{Estimate, Progress};
use crate::archive::digest::Sha256;
use crate::clock::random_bytes;

use super::ExtractError;
use super::dress::Dress;
use super::report::ExtractReport;
use super::source::{Source, wanted_rows};

/// So many choices are looked at between two tellings.
const LOOKS_BETWEEN: u64 = 64;

/// Stops an extract that is being made.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks it to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Asks it to stop when whoever waits for it is gone.
struct AskOnDrop(Cancel);

impl Drop for AskOnDrop {
    fn drop(&mut self) {
        self.0.ask();
    }
}

/// What is told while an extract is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// How large the search is, before it begins.
    Estimated(Estimate),
    /// How far it is.
    Searched(Progress),
}

/// What was made.
pub(super) struct Made {
    /// The file; wiped from memory when it is dropped.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// What is told of it.
    pub(super) report: ExtractReport,
    /// The rows of the whole source in each crowd.
    pub(super) crowds: Vec<Vec<usize>>,
    /// How many must look alike.
    pub(super) threshold: u64,
}

/// Makes it on a thread of its own. `heard` is asked between: it tells people, and may refuse to go on.
pub(super) async fn make(
    (source, instructions): (Arc<Source>, Arc<Instructions>),
    dress: Dress,
    cancel: &Cancel,
    heard: &mut dyn AsyncHeard,
) -> Result<Made, ExtractError> {
    // A cancel of its own, too: what nobody waits for any more is stopped.
    let mine = AskOnDrop(Cancel::default());
    let (own, others) = (mine.0.clone(), cancel.clone());
    let (tell, mut told) = mpsc::channel::<Told>(1);
    let work = tokio::task::spawn_blocking(move || {
        let is_stopped = || own.is_asked() || others.is_asked();
        let mut made = compute(&source, &instructions, &is_stopped, &tell)?;
        let encoding = instructions.rules.writing.encoding;
        made.report.controls = source.controls;
        made.bytes = dress.put_on(instructions.shape, made.bytes, encoding, &mut made.report)?;
        Ok(made)
    });
    while let Some(told) = told.recv().await {
        heard.hear(told).await?;
    }
    work.await.unwrap_or(Err(ExtractError::Stopped))
}

/// Somebody who hears how far it is.
#[async_trait::async_trait]
pub(super) trait AsyncHeard: Send {
    /// Hears; an error stops the work.
    async fn hear(&mut self, told: Told) -> Result<(), ExtractError>;
}

fn compute(
    source: &Source,
    instructions: &Instructions,
    is_stopped: &dyn Fn() -> bool,
    tell: &mpsc::Sender<Told>,
) -> Result<Made, ExtractError> {
    let wished = wanted_rows(source, instructions)?;
    let table = wished.table.as_ref().unwrap_or(&source.table);
    let rules = instructions.rules_for(table);
    let mut random = Zeroizing::new([0_u8; 32]);
    random_bytes(&mut *random);
    // The key is made here and dropped here: nobody can make these pseudonyms again.
    let key = ExtractKey::new(&random, &instructions.dataset);
    let in_source = |crowds: Vec<Vec<usize>>| -> Vec<Vec<usize>> {
        let place = |row: &usize| wished.places.get(*row).copied().unwrap_or(*row);
        crowds.iter().map(|rows| rows.iter().map(place).collect()).collect()
    };
    if let Some(asked) = &instructions.counts {
        let made = count_extract(table, &rules, asked, &key)?;
        let digest = Sha256::of(&made.bytes).to_string();
        let report = ExtractReport::of_counts((instructions, &rules), asked, &made, digest);
        let threshold = u64::from(asked.rules.cell_min);
        return Ok(Made {
            bytes: Zeroizing::new(made.bytes),
            report,
            crowds: in_source(made.cells),
            threshold,
        });
    }
    let mut looks = 0;
    let made = extract_watched(
        table,
        &rules,
        &key,
        Watch {
            may_be_bounded: instructions.may_be_bounded,
            // Nobody listens any more only when it is being stopped.
            estimated: &mut |estimate| tell.blocking_send(Told::Estimated(estimate)).unwrap_or_default(),
            searching: &mut |progress| {
                looks += 1;
                if looks % LOOKS_BETWEEN == 0 {
                    // Full means that somebody is still busy with the last one.
                    tell.try_send(Told::Searched(progress)).unwrap_or_default();
                }
                if is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        },
    )?;
    let bytes = u64::try_from(made.bytes.len()).unwrap_or(u64::MAX);
    let report = ExtractReport::of_rows(
        (instructions, &rules),
        &made.report,
        bytes,
        Sha256::of(&made.bytes).to_string(),
    );
    let threshold = rules.k;
    Ok(Made { bytes: Zeroizing::new(made.bytes), report, crowds: in_source(made.crowds), threshold })
}
