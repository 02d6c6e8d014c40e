//! Telling users that work is over, once it is true: as long as a service that stopped for it does not run again, the notice
//! stays at 開始, and from the end of its time on it says 障害.

use crate::catalog::NoticeRow;
use crate::domain::notice::{NoticeKind, NoticeStatus};
use crate::domain::occurrence::OccurrenceState;
use crate::domain::time::Instant;

use super::desk::{Desk, DeskError};
use super::{publish, services};

/// Tells the end of what is over and back, and what is over and not back. Doing it twice tells nothing twice.
pub async fn tell(desk: &Desk, now: Instant) -> Result<(), DeskError> {
    let standing = desk.catalog.standing_notices().await?;
    let has_begun = |row: &&NoticeRow| row.status == NoticeStatus::InProgress;
    for id in standing.iter().filter(has_begun).filter_map(|row| row.occurrence.as_deref()) {
        let Some(found) = desk.catalog.occurrence(id).await? else { continue };
        let kind = match found.state {
            OccurrenceState::Done => NoticeKind::Completion,
            OccurrenceState::Missed => NoticeKind::Incident,
            _ => continue,
        };
        let Some(window) = desk.catalog.window(&found.window).await? else { continue };
        let down = services::still_down(desk, id).await?;
        let mut tx = desk.catalog.begin().await?;
        let lines = if down.is_empty() {
            let end = (kind, NoticeStatus::Completed);
            publish::tell_progress(desk, &mut tx, &window, &found, end, now).await?
        } else if found.span.1 <= now {
            publish::tell_still_down(desk, &mut tx, &window, &found, &down, now).await?
        } else {
            continue;
        };
        if !lines.is_empty() {
            tx.commit(&lines).await?;
        }
    }
    Ok(())
}
