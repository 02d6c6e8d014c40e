//! Reading both stores, comparing them, and putting back what one lost and the other has.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::vault::Vault;
use crate::workflows::upload::put_and_compare;

use super::{Ends, ReplicaError, rank, read_right, sizes};

/// What a scrub found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Objects whose bytes were read in both stores.
    pub read: u64,
    /// Objects that were put back into a store that lacked them: the store, the object.
    pub healed: Vec<(String, String)>,
    /// What is wrong and was not mended: the object, what is wrong.
    pub wrong: Vec<(String, String)>,
}

/// Reads every object of both stores (part N of M of them), compares, and puts back what one lost and the other has.
///
/// An altered object is told and not replaced: nothing that is locked is ever written over.
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
        let (one, other) = (read_right(first, key).await?, read_right(second, key).await?);
        match (one, other) {
            (Ok(one), Ok(other)) => {
                done.read += 1;
                if one != other {
                    done.wrong.push((key.clone(), "the two stores have different bytes".to_owned()));
                }
            }
            (Ok(good), Err(what)) => mend(&mut done, (second, key, what), &good, (ends, heals)).await?,
            (Err(what), Ok(good)) => mend(&mut done, (first, key, what), &good, (ends, heals)).await?,
            (Err(what), Err(other)) => {
                let what = format!("in the first store {what}, in the second {other}");
                done.wrong.push((key.clone(), what));
            }
        }
    }
    first.flush().await?;
    second.flush().await?;
    Ok(done)
}

async fn mend(
    done: &mut Scrubbed,
    (vault, key, what): (&dyn Vault, &String, &'static str),
    good: &Bytes,
    (ends, heals): (&Ends, bool),
) -> Result<(), ReplicaError> {
    let is_missing = vault.size(key).await?.is_none();
    if heals && is_missing {
        put_and_compare(vault, key, good, ends.of_key(key)).await?;
        done.healed.push((vault.address(), key.clone()));
    } else {
        let rest = if is_missing { "" } else { "; the other store has it right" };
        done.wrong.push((key.clone(), format!("in {}: {what}{rest}", vault.address())));
    }
    Ok(())
}
