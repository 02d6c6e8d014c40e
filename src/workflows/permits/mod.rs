//! Permits (本番データ使用許可, 第14条 and 別紙2): applying, deciding, using, closing.
//!
//! `apply` writes applications, `decide` is what somebody else does about them, `execution` is called by whoever makes
//! an extract, inside its own transaction. Whether something may happen is decided in `domain::permit`.

/// Applying, and changing what was applied for.
pub mod apply;

/// Approving, returning, revoking, confirming the after-use measure.
pub mod decide;

/// Beginning, handing over and giving up an extract.
pub mod execution;

/// Looking at permits.
pub mod look;

/// Reminders by mail.
pub mod reminders;

use std::io::Read as _;
use std::path::Path;

use crate::archive::digest::{Sha256, Sha256Hasher};
use crate::catalog::Tx;
use crate::domain::account::AccountId;
use crate::domain::permit::{Permit, PermitCircumstances, PermitEvent};
use crate::domain::time::{Instant, Zone};

use super::desk::{DeskError, tokyo};

pub use crate::catalog::PermitRow;
pub use crate::domain::permit::{PermitContent, PermitRefusal, PermitState};
pub use apply::{apply, change};
pub use decide::{Ending, Seen, approve, end, expire};
pub use execution::{Execution, abandon, begin, deliver, may_continue};
pub use look::{all, of_number, open, owed, page, show};

/// How far a program's time may lie behind the newest line of the audit log, minutes: another program wrote it a moment ago,
/// or it waited for its turn to write.
const CLOCK_SLACK_MINUTES: i64 = 1;

/// The zone of the days of permits.
pub fn zone() -> Zone {
    tokyo()
}

/// SHA-256 of a file that is attached, read in pieces.
pub fn file_digest(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256Hasher::default();
    let mut piece = vec![0_u8; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finish().0),
            read => hasher.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// The version of a permit: SHA-256 of where it stands and of what it says.
pub fn version(row: &PermitRow) -> [u8; 32] {
    let Permit { number, state, executions, .. } = &row.permit;
    let (state, revision, digest) = (state.word(), row.revision, row.digest);
    Sha256::of(
        format!("kura permit version 1\n{number}\n{revision}\n{state}\n{executions}\n{digest}").as_bytes(),
    )
    .0
}

/// The permit of a number inside a transaction.
async fn find(tx: &mut Tx, number: &str) -> Result<PermitRow, DeskError> {
    let none = || DeskError::None { what: "permit", id: number.to_owned() };
    tx.permit(number).await?.ok_or_else(none)
}

/// Where a permit stands after an event that happens now, inside a transaction.
async fn after(
    tx: &mut Tx,
    row: &PermitRow,
    event: &PermitEvent,
    by: &AccountId,
    now: Instant,
) -> Result<Permit, DeskError> {
    let last_audit_at = tx.newest_line_at().await?.plus_minutes(-CLOCK_SLACK_MINUTES);
    let zone = zone();
    let here = PermitCircumstances { by, now, zone: &zone, last_audit_at };
    Ok(row.permit.after(event, here)?)
}
