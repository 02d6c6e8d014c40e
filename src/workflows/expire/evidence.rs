//! Evidence before a deletion: whole, and the same in the store and in the catalog.

use bytes::Bytes;

use crate::archive::layout;
use crate::vault::Put;
use crate::workflows::evidence::{self, Evidence};
use crate::workflows::replica;
use crate::workflows::sign_in::line;

use super::carry_out::absorb;
use super::{ExpireError, OnHost};

/// The evidence in the store, which must be whole; what either the store or the catalog lacks of it is added.
pub(super) async fn whole_evidence(on: OnHost<'_>) -> Result<Evidence, ExpireError> {
    // First: another program may issue one while the store is read.
    let known = on.catalog.known_certificates().await?;
    let mut found = evidence::load(&on.host.vault, &on.host.trust).await?;
    let (missing, wrong) = found.against(&known);
    if let Some((object, what)) = wrong.into_iter().next() {
        let what = format!("{what}; `kura store hidden` shows what somebody hid");
        return Err(ExpireError::Evidence { object, what });
    }
    if !missing.is_empty() {
        // No number is given twice: what was issued goes back as it was, byte for byte.
        for number in missing {
            put_back(on, number).await?;
        }
        found = evidence::load(&on.host.vault, &on.host.trust).await?;
    }
    if let Some((object, what)) = found.problems.first() {
        return Err(ExpireError::Evidence { object: object.clone(), what: what.clone() });
    }
    absorb(on, &found).await?;
    Ok(found)
}

/// Puts a certificate that this host knows and the store lost back, with a line in the log.
async fn put_back(on: OnHost<'_>, number: u64) -> Result<(), ExpireError> {
    let rows = on.catalog.certificates(number.saturating_add(1), 1).await?;
    let Some(row) = rows.into_iter().find(|row| row.number == number) else { return Ok(()) };
    let (key, now) = (layout::certificate(number), on.clock.now());
    let until = on.host.evidence_end(now);
    let bytes = Bytes::from(row.envelope);
    if on.host.vault.put(&key, bytes.clone(), Some(until.into())).await? == Put::AlreadyThere {
        // It is there and does not open: that is told as what it is.
        return Ok(());
    }
    on.host.vault.flush().await?;
    replica::bring(on.host, &key, &bytes, until).await;
    tracing::error!(object = key, "a certificate was missing from the store: it was put back");
    let tx = on.catalog.begin().await?;
    Ok(tx.commit(&[line(now, "kura", "expire.certificate-put-back", &key, &row.digest.to_string())]).await?)
}
