//! What an extract would be: levels, what they cost, what is left out, and what a row would look like. Nothing leaves.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::anonymize::faults::Fault;
use crate::anonymize::instructions::{Instructions, Seal, Shape};
use crate::archive::digest::Sha256;
use crate::archive::seal::Recipient;
use crate::catalog::{Catalog, ExtractPlanRow};
use crate::config::Home;
use crate::domain::actor::Actor;
use crate::domain::permit::{Form, LegalClass, PermitContent};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::policy_files::{BadInstructions, read_with_faults};
use crate::workflows::desk::DeskError;
use crate::workflows::sign_in::line;

use super::ExtractError;
use super::course::{Noting, Work};
use super::dress::Dress;
use super::making::{AsyncHeard, Cancel, Made, Told, make};
use super::marks::{compare, marked};
use super::preview::{PreviewCell, preview};
use super::report::ExtractReport;
use super::shelf::ExtractLock;
use super::source::{Recovery, Source, dataset, read_source};

/// What an extract would be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractPlan {
    /// What would be told of it. Its digest is that of no file: rows come in another order each time.
    pub report: ExtractReport,
    /// A row with made-up values.
    pub preview: Vec<PreviewCell>,
}

/// Whether what is applied for can be carried out at all, with the data sets that the settings know: asked when somebody
/// applies, and when somebody approves. Everything that is wrong is said at once.
pub fn check(content: &PermitContent, datasets: &[String]) -> Result<(), BadInstructions> {
    let (instructions, mut faults) = read_with_faults(&content.extraction)?;
    faults.extend(unfit(content, &instructions));
    let name = &instructions.dataset;
    if !datasets.contains(name) {
        let known = if datasets.is_empty() { "-".to_owned() } else { datasets.join(", ") };
        let english = format!("kura.toml has no [[dataset]] of this name; it knows: {known}");
        let japanese = format!("kura.toml の [[dataset]] にない名前です。登録されている名前：{known}");
        faults.push(Fault::new(format!("dataset = {name:?}"), english, japanese));
    }
    BadInstructions::unless(instructions, &faults).map(drop)
}

/// The instructions of a permit, if they make what the permit is for.
pub(super) fn instructions_of(content: &PermitContent) -> Result<Instructions, BadInstructions> {
    let (instructions, mut faults) = read_with_faults(&content.extraction)?;
    faults.extend(unfit(content, &instructions));
    BadInstructions::unless(instructions, &faults)
}

/// What of the instructions is not what the permit is for, or cannot be sealed.
fn unfit(content: &PermitContent, instructions: &Instructions) -> Vec<Fault> {
    let mut found = Vec::new();
    if (content.legal_class == LegalClass::Statistics) != instructions.counts.is_some() {
        let words = "[table] makes 統計情報 and only that: the permit and its instructions are about different things";
        let japanese =
            "集計表（[table]）を作るのは統計情報の申請だけで、統計情報の申請には集計表が必要です。";
        found.push(Fault::new("legal_class", words, japanese));
    }
    if (content.form == Form::Paper) != (instructions.shape == Shape::Paper) {
        let words = "提供方法 紙 (form = \"paper\") and output.format = \"paper\" go together, and only with each other";
        let japanese = "提供方法が紙なら output.format も \"paper\"、紙でなければ output.format も \"paper\" 以外にしてください。";
        found.push(Fault::new("form", words, japanese));
    }
    found.extend(wrong_key(&instructions.seal));
    found
}

/// A key that looks like one of age and is none: a letter was left out or mistaken.
fn wrong_key(seal: &Seal) -> Option<Fault> {
    let Seal::Key(key) = seal else { return None };
    let english =
        "this is no age key: a character is wrong or missing; copy the line that begins with age1 again";
    let japanese =
        "ageの公開鍵として正しくありません（文字の誤りや抜け）。age1で始まる行をもう一度写してください。";
    key.parse::<Recipient>().is_err().then(|| Fault::new("output.seal", english, japanese))
}

/// Tells people.
struct Teller<'t>(&'t mut (dyn FnMut(Told) + Send));

#[async_trait::async_trait]
impl AsyncHeard for Teller<'_> {
    async fn hear(&mut self, told: Told) -> Result<(), ExtractError> {
        (self.0)(told);
        Ok(())
    }
}

/// What an extract by these instructions would be, without a permit: for whoever writes them.
pub async fn plan_file(
    home: &Home,
    text: &str,
    recovery: Option<&Recovery>,
    (cancel, tell): (&Cancel, &mut (dyn FnMut(Told) + Send)),
    now: Instant,
) -> Result<ExtractPlan, ExtractError> {
    Ok(planned((home, Dress::default()), text, recovery, (cancel, tell), now).await?.0)
}

/// Who would be shown together with whom.
struct Shown {
    source: Arc<Source>,
    instructions: Arc<Instructions>,
    crowds: Vec<Vec<usize>>,
    threshold: u64,
}

async fn planned(
    (home, dress): (&Home, Dress),
    text: &str,
    recovery: Option<&Recovery>,
    how: (&Cancel, &mut (dyn FnMut(Told) + Send)),
    now: Instant,
) -> Result<(ExtractPlan, Shown), ExtractError> {
    let (instructions, mut faults) = read_with_faults(text)?;
    faults.extend(wrong_key(&instructions.seal));
    let instructions = Arc::new(BadInstructions::unless(instructions, &faults)?);
    let dress = dress.fit(&instructions, home, now)?;
    let (made, source) = gathered((home, dress), &instructions, recovery, how, now).await?;
    let plan = ExtractPlan { preview: preview(&instructions.rules, &made.report), report: made.report };
    Ok((plan, Shown { source, instructions, crowds: made.crowds, threshold: made.threshold }))
}

/// What an extract under a permit would be. It is noted for those who decide, with what the permit says now. What would be
/// refused because of an earlier release is refused here too.
pub async fn plan(
    (catalog, home): (&Catalog, &Home),
    number: &str,
    recovery: Option<&Recovery>,
    (cancel, tell): (&Cancel, &mut (dyn FnMut(Told) + Send)),
    (by, now): (&Actor, Instant),
) -> Result<ExtractPlan, ExtractError> {
    by.check(Act::ExecutePermit)?;
    let none = || DeskError::None { what: "permit", id: number.to_owned() };
    let row = catalog.permit(number).await?.ok_or_else(none)?;
    instructions_of(&row.permit.content)?;
    let content = &row.permit.content;
    let dress = Dress::of_permit((number, content), now);
    // Two may plan at once; how far the first is can be seen.
    let lock = ExtractLock::take(home, &Work::Plan.lock(number))?;
    let mut noting = lock.as_ref().map(|lock| Noting::begin(lock, now));
    let mut heard = |told| {
        if let Some(noting) = &mut noting {
            noting.hear(told);
        }
        tell(told);
    };
    let planned = planned((home, dress), &content.extraction, recovery, (cancel, &mut heard), now).await?;
    let (mut made, shown) = planned;
    let (key, crowds) = marked(home, (shown.source, shown.instructions), shown.crowds).await?;
    // No execution of its own has this number: it is compared with all that there were.
    let (compared, _) = compare(catalog, &key, (number, 0), &crowds, shown.threshold).await?;
    made.report.compared_with = compared;
    number.clone_into(&mut made.report.permit);
    made.report.permit_digest = row.digest.to_string();
    let text = serde_json::to_string(&made).map_err(|_| ExtractError::Report)?;
    let mut tx = catalog.begin().await?;
    let noted = ExtractPlanRow {
        permit: number.to_owned(),
        digest: row.digest,
        planned_by: by.account.clone(),
        planned_at: now,
        plan: text,
    };
    tx.note_extract_plan(&noted).await?;
    let detail = format!("digest {}, plan {}", row.digest, Sha256::of(noted.plan.as_bytes()));
    tx.commit(&[line(now, by.account.as_str(), "extract.plan", number, &detail)]).await?;
    Ok(made)
}

async fn gathered(
    (home, dress): (&Home, Dress),
    instructions: &Arc<Instructions>,
    recovery: Option<&Recovery>,
    (cancel, tell): (&Cancel, &mut (dyn FnMut(Told) + Send)),
    now: Instant,
) -> Result<(Made, Arc<Source>), ExtractError> {
    let dataset = dataset(home, &instructions.dataset)?;
    let source = Arc::new(Box::pin(read_source(&dataset, recovery, now)).await?);
    let (digest, snapshot) = (source.digest, source.snapshot.clone());
    let mut made = make((source.clone(), instructions.clone()), dress, cancel, &mut Teller(tell)).await?;
    made.report.made_at = now.to_string();
    made.report.source_digest = digest.to_string();
    made.report.snapshot = snapshot;
    Ok((made, source))
}
