//! Reading both stores, comparing them, and putting back what one lost or has altered and the other has right.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::vault::{Vault, VaultError};
use crate::workflows::upload::{UploadError, put_and_compare};

use super::judge::Is;
use super::{Ends, ReplicaError, rank, sizes};

/// What a scrub found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Objects whose bytes were read in both stores and are alike.
    pub read: u64,
    /// Objects that were put back into a store that lacked or had altered them: the store, the object.
    pub healed: Vec<(String, String)>,
    /// What is wrong and was not mended: the object, what is wrong.
    pub wrong: Vec<(String, String)>,
}

/// Reads every object of both stores (part N of M of them), compares, and puts back what one lost or has altered.
///
/// Only bytes that are shown to be right are put over others: by the digest in their name or in a snapshot, or by the
/// signature inside (K-96). In a bucket with versions the altered one stays below until its lock is over; nothing that is
/// locked is ever written over or deleted.
pub async fn scrub(
    (first, second): (&dyn Vault, &dyn Vault),
    ends: &Ends,
    (part, heals): (Option<(u32, u32)>, bool),
) -> Result<Scrubbed, ReplicaError> {
    let (there, here) = (sizes(first).await?, sizes(second).await?);
    let mut keys: Vec<&String> =
        there.keys().chain(here.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    keys.retain(|key| ends.is_wanted(key));
    keys.sort_by_key(|key| (rank(key), *key));
    let mut done = Scrubbed::default();
    for (at, key) in (0_u32..).zip(keys) {
        if part.is_some_and(|(number, of)| at % of.max(1) != number.saturating_sub(1)) {
            continue;
        }
        let (one, other) = (Copy::read(first, key, ends).await?, Copy::read(second, key, ends).await?);
        settle(&mut done, (one, other), key, (ends, heals)).await?;
    }
    first.flush().await?;
    second.flush().await?;
    Ok(done)
}

/// One store's object.
struct Copy<'a> {
    vault: &'a dyn Vault,
    /// `None` if it is missing.
    found: Option<(Bytes, Is)>,
}

impl<'a> Copy<'a> {
    async fn read(vault: &'a dyn Vault, key: &str, ends: &Ends) -> Result<Self, VaultError> {
        let found = match vault.get(key, None).await {
            Ok(bytes) => {
                let is = ends.judge.look(key, &bytes);
                Some((bytes, is))
            }
            Err(VaultError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { vault, found })
    }

    /// What is wrong with it beside the other one, which has the right bytes.
    fn what(&self) -> String {
        match &self.found {
            None => "it is missing".to_owned(),
            Some((_, Is::Wrong(what))) => what.clone(),
            Some(_) => "its bytes are not the right ones".to_owned(),
        }
    }
}

async fn settle(
    done: &mut Scrubbed,
    (one, other): (Copy<'_>, Copy<'_>),
    key: &str,
    healing: (&Ends, bool),
) -> Result<(), ReplicaError> {
    let wrong = |what: String| (key.to_owned(), what);
    match (&one.found, &other.found) {
        // Listed a moment ago and gone: deleted in its time.
        (None, None) => {}
        (Some((a, Is::Right | Is::Unknown)), Some((b, _))) if a == b => done.read += 1,
        (Some((_, Is::Right)), Some((_, Is::Right))) => {
            done.wrong.push(wrong("the two stores have different bytes, and both are right".to_owned()));
        }
        (Some((good, Is::Right)), _) | (Some((good, Is::Unknown)), None) => {
            mend(done, (&other, key), good, healing).await?;
        }
        (_, Some((good, Is::Right))) | (None, Some((good, Is::Unknown))) => {
            mend(done, (&one, key), good, healing).await?;
        }
        (Some((_, Is::Unknown)), Some((_, Is::Unknown))) => {
            let what = "the two stores have different bytes, and nobody without a recovery key can tell which are right";
            done.wrong.push(wrong(what.to_owned()));
        }
        _ => {
            let what = format!("in the first store {}, in the second {}", one.what(), other.what());
            done.wrong.push(wrong(what));
        }
    }
    Ok(())
}

async fn mend(
    done: &mut Scrubbed,
    (bad, key): (&Copy<'_>, &str),
    good: &Bytes,
    (ends, heals): (&Ends, bool),
) -> Result<(), ReplicaError> {
    let vault = bad.vault;
    if !heals {
        let rest = if bad.found.is_none() { "" } else { "; the other store has it right" };
        done.wrong.push((key.to_owned(), format!("in {}: {}{rest}", vault.address(), bad.what())));
        return Ok(());
    }
    let lock = ends.lock_of(key);
    if bad.found.is_none() {
        put_and_compare(vault, key, good, lock).await?;
    } else {
        vault.mend(key, good.clone(), lock).await?;
        if !vault.holds(key, good).await? {
            return Err(UploadError::NotKept { key: key.to_owned() }.into());
        }
    }
    done.healed.push((vault.address(), key.to_owned()));
    Ok(())
}
