//! Requests with an idempotency key: one effect for each key, whatever is sent again and whatever crashes.
//!
//! The key is reserved; the effect's own transaction marks it (`Catalog::with_receipt`); then the answer is kept. A
//! crash before the mark leaves a reservation without effect, which is taken over once its time is up; a crash after it
//! leaves an effect without answer, which is told and never made again.

use crate::archive::digest::Sha256;
use crate::catalog::{AnswerRow, Catalog, CatalogError};
use crate::clock::random_bytes;
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

pub use crate::catalog::{Answer, Receipt};

/// How long answers are kept, minutes: a day.
pub const KEPT_MINUTES: i64 = 24 * 60;
/// How long a reservation counts, minutes: no request is worked on for longer, so whoever holds an older one is gone.
pub const RESERVED_MINUTES: i64 = 2;

/// What a request with a key comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was answered before, with this.
    Kept(Answer),
    /// The key was used for something else.
    Other,
    /// Another request with it is being answered now.
    UnderWay,
    /// It had its effect, on this, but the answer was lost.
    Lost(String),
    /// Whoever reserved it is gone without an effect.
    Abandoned,
}

/// What to do about a key that is reserved already.
fn judge(row: &AnswerRow, asked: &Sha256, now: Instant) -> Verdict {
    if row.digest != *asked {
        return Verdict::Other;
    }
    match (&row.answer, row.done_at) {
        (Some(answer), _) => Verdict::Kept(answer.clone()),
        (None, _) if now < row.reserved_at.plus_minutes(RESERVED_MINUTES) => Verdict::UnderWay,
        (None, Some(_)) => Verdict::Lost(row.subject.clone().unwrap_or_default()),
        (None, None) => Verdict::Abandoned,
    }
}

/// The digest of what is asked for. The token is part of it: it keeps a password in the body from being guessed from
/// the catalog, which does not hold the token.
pub fn digest(token: &str, method: &str, address: &str, body: &[u8]) -> Sha256 {
    let mut bytes = b"kura request 1\n".to_vec();
    for part in [token.as_bytes(), method.as_bytes(), address.as_bytes(), body] {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(part);
    }
    let digest = Sha256::of(&bytes);
    zeroize::Zeroize::zeroize(&mut bytes);
    digest
}

/// Reserves a key: the receipt, or what became of the request before.
pub async fn reserve(
    catalog: &Catalog,
    account: &AccountId,
    key: &str,
    asked: &Sha256,
    now: Instant,
) -> Result<Result<Receipt, Verdict>, CatalogError> {
    let mut reservation = [0_u8; 16];
    random_bytes(&mut reservation);
    let receipt = Receipt::new(account.clone(), key, &hex::encode(reservation));
    if catalog.reserve_answer(&receipt, asked, now, now.plus_minutes(-KEPT_MINUTES)).await? {
        return Ok(Ok(receipt));
    }
    // It was given back a moment ago: whoever asks again finds it free.
    let Some(row) = catalog.answer(&receipt).await? else { return Ok(Err(Verdict::UnderWay)) };
    match judge(&row, asked, now) {
        Verdict::Abandoned if catalog.take_answer_over(&receipt, &row.reservation, now).await? => {
            Ok(Ok(receipt))
        }
        Verdict::Abandoned => Ok(Err(Verdict::UnderWay)),
        verdict => Ok(Err(verdict)),
    }
}

/// Keeps the answer of a request that had an effect, or gives the key back.
pub async fn settle(
    catalog: &Catalog,
    receipt: &Receipt,
    answer: Option<&Answer>,
) -> Result<(), CatalogError> {
    match answer {
        Some(answer) => catalog.keep_answer(receipt, answer).await,
        None => catalog.release_answer(receipt).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::Role;
    use crate::workflows::sign_in::line;

    fn at(minutes: i64) -> Instant {
        Instant::from_micros(1_796_486_400_000_000).plus_minutes(minutes)
    }

    async fn catalog() -> (Catalog, AccountId) {
        let catalog = Catalog::in_memory().await.unwrap();
        let account: AccountId = "tanaka0001".parse().unwrap();
        let mut tx = catalog.begin().await.unwrap();
        tx.add_account(&account, Role::SystemAdministrator, "hash", false, at(0)).await.unwrap();
        tx.commit(&[line(at(0), "test", "account.add", "tanaka0001", "")]).await.unwrap();
        (catalog, account)
    }

    /// The effect of these tests: a line of the audit log.
    async fn effect(catalog: &Catalog, receipt: &Receipt, subject: &str) -> Result<(), CatalogError> {
        let tx = catalog.with_receipt(receipt).begin().await?;
        tx.commit(&[line(at(1), "test", "effect", subject, "")]).await
    }

    async fn effects(catalog: &Catalog) -> usize {
        let lines = catalog.audit_after(0, 100).await.unwrap();
        lines.iter().filter(|line| line.entry.act == "effect").count()
    }

    #[tokio::test]
    async fn a_key_has_one_effect_and_one_answer() {
        let (catalog, account) = catalog().await;
        let (asked, other) = (digest("t", "POST", "/a", b"{}"), digest("t", "POST", "/a", b"{ }"));
        let reserve_at =
            async |asked, minutes| reserve(&catalog, &account, "k", asked, at(minutes)).await.unwrap();
        let receipt = reserve_at(&asked, 0).await.unwrap();
        assert_eq!(reserve_at(&asked, 1).await.unwrap_err(), Verdict::UnderWay);
        assert_eq!(reserve_at(&other, 1).await.unwrap_err(), Verdict::Other);
        effect(&catalog, &receipt, "w-0001").await.unwrap();
        assert_eq!(reserve_at(&asked, 9).await.unwrap_err(), Verdict::Lost("w-0001".to_owned()));
        let answer = Answer { status: 201, location: None, etag: None, body: "{}".to_owned() };
        settle(&catalog, &receipt, Some(&answer)).await.unwrap();
        assert_eq!(reserve_at(&asked, 10).await.unwrap_err(), Verdict::Kept(answer));
        assert!(reserve_at(&asked, KEPT_MINUTES + 1).await.is_ok(), "after a day the key is free");
        assert_eq!(effects(&catalog).await, 1);
    }

    /// K-8 for requests: whoever was overtaken cannot have an effect any more.
    #[tokio::test]
    async fn a_request_that_was_overtaken_has_no_effect() {
        let (catalog, account) = catalog().await;
        let asked = digest("t", "POST", "/a", b"");
        let slow = reserve(&catalog, &account, "k", &asked, at(0)).await.unwrap().unwrap();
        let fast = reserve(&catalog, &account, "k", &asked, at(RESERVED_MINUTES)).await.unwrap().unwrap();
        let late = effect(&catalog, &slow, "w-0001").await;
        assert!(matches!(late, Err(CatalogError::Stale { table: "answers", .. })), "{late:?}");
        effect(&catalog, &fast, "w-0001").await.unwrap();
        settle(&catalog, &slow, None).await.unwrap();
        let again = reserve(&catalog, &account, "k", &asked, at(9)).await.unwrap();
        assert_eq!((again.unwrap_err(), effects(&catalog).await), (Verdict::Lost("w-0001".to_owned()), 1));
    }

    #[tokio::test]
    async fn a_request_that_failed_gives_its_key_back() {
        let (catalog, account) = catalog().await;
        let asked = digest("t", "POST", "/a", b"");
        let first = reserve(&catalog, &account, "k", &asked, at(0)).await.unwrap().unwrap();
        settle(&catalog, &first, None).await.unwrap();
        assert!(reserve(&catalog, &account, "k", &asked, at(0)).await.unwrap().is_ok());
    }

    #[test]
    fn no_two_requests_have_one_digest() {
        assert_ne!(digest("a", "b", "c", b"d"), digest("ab", "", "c", b"d"));
        assert_ne!(digest("t", "POST", "/a", b"x"), digest("u", "POST", "/a", b"x"));
    }
}
