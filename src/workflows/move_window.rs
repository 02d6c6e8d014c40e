//! Moving a window: another one is asked for in its place. When that is approved, the old one ends in the same
//! transaction, and its notices say 訂正 with the new times; a moved time is never approved by itself (第21条②).

use crate::catalog::Tx;
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEntry;
use crate::domain::time::Instant;
use crate::domain::window::{Terms, Window, WindowState};

use super::desk::DeskError;
use super::publish;
use super::sign_in::line;

/// Checks that a window may be asked for in the place of `replaces`: an approved one of the same plan and kind.
pub(super) async fn check(tx: &mut Tx, terms: &Terms, replaces: &str) -> Result<(), DeskError> {
    let (plan, kind) = (&terms.parts().plan, terms.parts().kind);
    let may_go = |old: &Window| {
        let parts = old.terms.parts();
        old.id == replaces && old.approval().is_some() && parts.plan == *plan && parts.kind == kind
    };
    if tx.windows().await?.iter().any(may_go) {
        return Ok(());
    }
    Err(DeskError::None { what: "approved window of the same plan and kind", id: replaces.to_owned() })
}

/// Ends the window in whose place `approved` was asked for, if it still stands, and corrects its notices. `Stale` if another
/// window has taken that place already: both would run.
pub(super) async fn replace(
    tx: &mut Tx,
    windows: &[Window],
    approved: &Window,
    by: &Actor,
    now: Instant,
) -> Result<Vec<AuditEntry>, DeskError> {
    let Some(replaced) = tx.replaced(&approved.id).await? else { return Ok(Vec::new()) };
    let stands = |old: &&Window| old.id == replaced && matches!(old.state, WindowState::Approved(_));
    let Some(old) = windows.iter().find(stands) else {
        let standing = |other: &&Window| other.id != approved.id && other.approval().is_some();
        for other in windows.iter().filter(standing) {
            if tx.replaced(&other.id).await?.as_ref() == Some(&replaced) {
                return Err(DeskError::Stale(replaced));
            }
        }
        return Ok(Vec::new());
    };
    let reason = format!("{} took its place", approved.id);
    tx.withdraw_window(&old.id, now, &reason).await?;
    let cancelled = tx.cancel_occurrences(&old.id).await?;
    let detail = format!("{reason} (occurrences cancelled: {cancelled})");
    let mut lines = vec![line(now, by.account.as_str(), "window.replace", &old.id, &detail)];
    lines.extend(publish::move_window(tx, old, approved, now).await?);
    Ok(lines)
}
