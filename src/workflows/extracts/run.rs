//! Making an extract under a permit and handing it over: begin → read → make → compare → seal → keep → publish.
//!
//! The permit is asked when it begins, between the stages, while a search goes on, and in the transaction that hands
//! over. Killed between any two effects nothing is handed over: the row still says that it is being made, and whoever
//! takes the lock next gives it up and removes the sealed file.

use std::sync::Arc;

use secrecy::SecretString;

use crate::anonymize::instructions::{Instructions, Seal};
use crate::archive::digest::Sha256;
use crate::archive::seal::{Recipient, seal, seal_bytes_with_passphrase};
use crate::catalog::{Catalog, CrowdsRow};
use crate::clock::{Clock, random_bytes};
use crate::config::Home;
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::workflows::desk::DeskError;
use crate::workflows::permits::{self, Execution};
use crate::workflows::sign_in::line;

use super::cancel::is_cancelled;
use super::course::Noting;
use super::dress::Dress;
use super::making::{AsyncHeard, Cancel, Told, make};
use super::marks::{LedgerKey, compare, marked};
use super::plan::instructions_of;
use super::report::ExtractReport;
use super::shelf::{self, ExtractLock};
use super::source::{Recovery, dataset, openable, read_source};
use super::tend::give_up_dead;
use super::{ExtractError, off};

/// A release that came in between is compared with, too; so often at most.
const ROUNDS_MAX: usize = 5;

/// What a run works with.
pub struct Run<'r> {
    /// The catalog.
    pub catalog: &'r Catalog,
    /// The installation.
    pub home: &'r Home,
    /// The time.
    pub clock: &'r dyn Clock,
    /// Who makes it.
    pub by: &'r Actor,
    /// What opens the snapshot that the data set is in.
    pub recovery: Option<&'r Recovery>,
    /// Stops it.
    pub cancel: &'r Cancel,
}

/// What was handed over.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The permit.
    pub permit: String,
    /// Which execution.
    pub execution: u32,
    /// SHA-256 of the sealed file.
    pub digest: Sha256,
    /// Its size.
    pub size_bytes: u64,
    /// What is told of it.
    pub report: ExtractReport,
}

/// Makes an extract and hands it over. `once` is shown the passphrase before anything is handed over, if there is one:
/// nobody can find it out later.
pub async fn run(
    on: &Run<'_>,
    number: &str,
    tell: &mut (dyn FnMut(Told) + Send),
    once: &mut (dyn FnMut(&SecretString) + Send),
) -> Result<Handed, ExtractError> {
    on.by.check(Act::ExecutePermit)?;
    let lock = ExtractLock::take(on.home, number)?.ok_or_else(|| ExtractError::Busy(number.to_owned()))?;
    give_up_dead(on.catalog, on.home, number, on.clock.now()).await?;
    // What can be known to be wrong before it begins is told before; no row is read for that, because nobody has begun yet.
    let none = || DeskError::None { what: "permit", id: number.to_owned() };
    let row = on.catalog.permit(number).await?.ok_or_else(none)?;
    let instructions = Arc::new(instructions_of(&row.permit.content)?);
    let recipient = match &instructions.seal {
        Seal::Key(key) => Some(key.parse::<Recipient>()?),
        Seal::Passphrase => None,
    };
    openable(&dataset(on.home, &instructions.dataset)?, on.recovery)?;
    LedgerKey::of(on.home)?;
    let now = on.clock.now();
    let dress = Dress::of_permit((number, &row.permit.content), now).fit(&instructions, on.home, now)?;
    let execution = begin(on, number).await?;
    let (permit, which) = (execution.permit.clone(), execution.number);
    let mut noting = Noting::begin(&lock, now);
    let mut heard = |told| {
        noting.hear(told);
        tell(told);
    };
    let how: How<'_> = (&mut heard, once);
    match Box::pin(hand_over(on, &execution, (&instructions, dress), recipient, how)).await {
        Ok(handed) => Ok(handed),
        Err(error) => {
            shelf::remove(on.home, &permit, which)?;
            if is_cancelled(on.catalog, (&permit, which)).await? {
                return Err(ExtractError::Ended(permit));
            }
            match give_up(on, &execution, error.code()).await {
                // Cancelled between the two: it has ended already.
                Err(ExtractError::Desk(DeskError::Stale(_))) => return Err(ExtractError::Ended(permit)),
                given_up => given_up?,
            }
            drop(lock);
            Err(error)
        }
    }
}

async fn begin(on: &Run<'_>, number: &str) -> Result<Execution, ExtractError> {
    let now = on.clock.now();
    let mut tx = on.catalog.begin().await?;
    let (_, execution, begun) = permits::begin(&mut tx, number, on.by, now).await?;
    tx.begin_extract((number, execution.number), &on.by.account, now).await?;
    tx.commit(&[begun]).await?;
    Ok(execution)
}

/// Ends an execution without anything handed over.
async fn give_up(on: &Run<'_>, execution: &Execution, code: &str) -> Result<(), ExtractError> {
    let now = on.clock.now();
    let mut tx = on.catalog.begin().await?;
    let who = (on.by.account.as_str(), code);
    let given_up = permits::abandon(&mut tx, execution, who, now).await?;
    tx.abandon_extract((&execution.permit, execution.number), code, now).await?;
    let detail = format!("execution {}: {code}", execution.number);
    let own = line(now, who.0, "extract.abandon", &execution.permit, &detail);
    let lines: Vec<_> = given_up.into_iter().chain([own]).collect();
    tx.commit(&lines).await?;
    Ok(())
}

/// Asks the permit whenever the search tells how far it is.
struct Guarded<'g> {
    on: &'g Run<'g>,
    execution: &'g Execution,
    tell: &'g mut (dyn FnMut(Told) + Send),
}

#[async_trait::async_trait]
impl AsyncHeard for Guarded<'_> {
    async fn hear(&mut self, told: Told) -> Result<(), ExtractError> {
        (self.tell)(told);
        may_continue(self.on, self.execution).await
    }
}

async fn may_continue(on: &Run<'_>, execution: &Execution) -> Result<(), ExtractError> {
    Ok(permits::may_continue(on.catalog, execution, on.by, on.clock.now()).await?)
}

/// Who hears how far it is, and who is shown the passphrase.
type How<'h> = (&'h mut (dyn FnMut(Told) + Send), &'h mut (dyn FnMut(&SecretString) + Send));

async fn hand_over(
    on: &Run<'_>,
    execution: &Execution,
    (instructions, dress): (&Arc<Instructions>, Dress),
    recipient: Option<Recipient>,
    (tell, once): How<'_>,
) -> Result<Handed, ExtractError> {
    let (permit, which) = (execution.permit.as_str(), execution.number);
    let dataset = dataset(on.home, &instructions.dataset)?;
    let source = Arc::new(Box::pin(read_source(&dataset, on.recovery, on.clock.now())).await?);
    may_continue(on, execution).await?;
    let mut guarded = Guarded { on, execution, tell };
    let mut made = make((source.clone(), instructions.clone()), dress, on.cancel, &mut guarded).await?;
    may_continue(on, execution).await?;
    let crowds = std::mem::take(&mut made.crowds);
    let (key, crowds) = marked(on.home, (source.clone(), instructions.clone()), crowds).await?;
    let report = &mut made.report;
    permit.clone_into(&mut report.permit);
    report.execution = which;
    report.permit_digest = execution.digest.to_string();
    report.source_digest = source.digest.to_string();
    report.snapshot.clone_from(&source.snapshot);
    drop(source);
    let plain = made.bytes;
    let (sealed, passphrase) = off(move || sealed(&plain, recipient.as_ref())).await?;
    let digest = Sha256::of(&sealed);
    let size_bytes = u64::try_from(sealed.len()).unwrap_or(u64::MAX);
    shelf::keep(on.home, permit, which, &sealed)?;
    may_continue(on, execution).await?;
    if let Some(passphrase) = &passphrase {
        once(passphrase);
    }
    let noted = CrowdsRow {
        permit: permit.to_owned(),
        execution: which,
        threshold: made.threshold,
        crowds: key.write(&crowds),
    };
    for _ in 0..ROUNDS_MAX {
        let (compared, releases) =
            compare(on.catalog, &key, (permit, which), &crowds, made.threshold).await?;
        made.report.compared_with = compared;
        if publish(on, execution, (&noted, releases), (&digest, size_bytes), &mut made.report).await? {
            let (permit, report) = (permit.to_owned(), made.report);
            return Ok(Handed { permit, execution: which, digest, size_bytes, report });
        }
    }
    Err(ExtractError::Busy(permit.to_owned()))
}

/// Hands over, in one transaction with everything that is noted of it. `false` if another release came in between.
async fn publish(
    on: &Run<'_>,
    execution: &Execution,
    (noted, releases): (&CrowdsRow, u64),
    sealed: (&Sha256, u64),
    report: &mut ExtractReport,
) -> Result<bool, ExtractError> {
    let mut tx = on.catalog.begin().await?;
    if tx.releases().await? != releases {
        return Ok(false);
    }
    let now = on.clock.now();
    report.made_at = now.to_string();
    let text = serde_json::to_string(report).map_err(|_| ExtractError::Report)?;
    tx.publish_extract(noted, sealed, &text, now).await?;
    let detail = format!("sealed {}, report {}", sealed.0, Sha256::of(text.as_bytes()));
    let delivered = permits::deliver(&mut tx, execution, &detail, on.by, now).await?;
    tx.commit(&[delivered]).await?;
    Ok(true)
}

/// Seals to the applicant's key, or under a passphrase that is made for this one file.
fn sealed(
    plain: &[u8],
    recipient: Option<&Recipient>,
) -> Result<(Vec<u8>, Option<SecretString>), ExtractError> {
    if let Some(recipient) = recipient {
        return Ok((seal(plain, &[recipient])?, None));
    }
    let passphrase = new_passphrase();
    Ok((seal_bytes_with_passphrase(plain, passphrase.clone())?, Some(passphrase)))
}

/// Letters and digits that are not mistaken for each other when they are read out.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Six groups of five letters: 150 random bits.
fn new_passphrase() -> SecretString {
    let mut random = zeroize::Zeroizing::new([0_u8; 30]);
    random_bytes(&mut *random);
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied().map_or('0', char::from);
    let mut text = String::with_capacity(35);
    for (place, byte) in random.iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            text.push('-');
        }
        text.push(letter(byte));
    }
    SecretString::from(text)
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recovery(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_passphrase_is_long_and_never_the_same() {
        let (one, other) = (new_passphrase(), new_passphrase());
        assert_eq!(one.expose_secret().len(), 35);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
