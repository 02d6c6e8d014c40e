//! Permits: what was applied for, revision by revision, and where that stands. Guarded updates: a state is left once.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Place, Tx};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::permit::{Permit, PermitApproval, PermitContent, PermitState};
use crate::domain::time::Instant;

const TABLE: &str = "permits";

const INSERT: &str = "
INSERT INTO permits (permit, applicant, applied_at, state, revision, executions)
VALUES ($1, $2, $3, 'applied', 1, 0)
ON CONFLICT (permit) DO NOTHING";

const INSERT_CONTENT: &str = "
INSERT INTO permit_contents (permit, revision, written_at, content, digest)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (permit, revision) DO NOTHING";

/// How many permits have numbers of a year.
const COUNT: &str = "SELECT COUNT(*) FROM permits WHERE permit LIKE $1";

const GET: &str = "
SELECT p.permit, p.applicant, p.applied_at, p.state, p.revision, p.executions, p.approved_by, p.approved_at,
    p.approved_digest, p.executing_by, p.executing_since, p.delivered_at, p.ended_by, p.ended_at, p.reason,
    c.written_at, c.content, c.digest,
    (SELECT COUNT(*) FROM extracts AS e WHERE e.permit = p.permit AND e.state = 'abandoned') AS given_up
FROM permits AS p
JOIN permit_contents AS c ON c.permit = p.permit AND c.revision = p.revision
WHERE p.permit = $1";

/// Newest first, from a place on; of one state, or of any if it is empty.
const PAGE: &str = "
SELECT p.permit, p.applicant, p.applied_at, p.state, p.revision, p.executions, p.approved_by, p.approved_at,
    p.approved_digest, p.executing_by, p.executing_since, p.delivered_at, p.ended_by, p.ended_at, p.reason,
    c.written_at, c.content, c.digest,
    (SELECT COUNT(*) FROM extracts AS e WHERE e.permit = p.permit AND e.state = 'abandoned') AS given_up
FROM permits AS p
JOIN permit_contents AS c ON c.permit = p.permit AND c.revision = p.revision
WHERE (p.applied_at, p.permit) < ($1, $2) AND ($3 = '' OR p.state = $3)
ORDER BY p.applied_at DESC, p.permit DESC
LIMIT $4";

/// Those of which something may still become, oldest first.
const OPEN: &str = "
SELECT p.permit, p.applicant, p.applied_at, p.state, p.revision, p.executions, p.approved_by, p.approved_at,
    p.approved_digest, p.executing_by, p.executing_since, p.delivered_at, p.ended_by, p.ended_at, p.reason,
    c.written_at, c.content, c.digest,
    (SELECT COUNT(*) FROM extracts AS e WHERE e.permit = p.permit AND e.state = 'abandoned') AS given_up
FROM permits AS p
JOIN permit_contents AS c ON c.permit = p.permit AND c.revision = p.revision
WHERE p.state IN ('applied', 'approved', 'executing', 'delivered')
    OR (p.state = 'revoked' AND p.delivered_at IS NOT NULL)
ORDER BY p.applied_at, p.permit
LIMIT 10000";

/// Those under which something was handed over whose after-use measure nobody confirmed, oldest first.
const OWED: &str = "
SELECT p.permit, p.applicant, p.applied_at, p.state, p.revision, p.executions, p.approved_by, p.approved_at,
    p.approved_digest, p.executing_by, p.executing_since, p.delivered_at, p.ended_by, p.ended_at, p.reason,
    c.written_at, c.content, c.digest,
    (SELECT COUNT(*) FROM extracts AS e WHERE e.permit = p.permit AND e.state = 'abandoned') AS given_up
FROM permits AS p
JOIN permit_contents AS c ON c.permit = p.permit AND c.revision = p.revision
WHERE p.delivered_at IS NOT NULL AND p.state IN ('executing', 'delivered', 'revoked')
ORDER BY p.applied_at, p.permit
LIMIT 10000";

/// A permit is moved from exactly where it was seen.
const MOVE: &str = "
UPDATE permits
SET state = $5, revision = $6, executions = $7, approved_by = $8, approved_at = $9, approved_digest = $10,
    executing_by = $11, executing_since = $12, delivered_at = $13, ended_by = $14, ended_at = $15, reason = $16
WHERE permit = $1 AND state = $2 AND revision = $3 AND executions = $4";

const NEWEST_LINE: &str =
    "SELECT COALESCE(MAX(at), 0) FROM audit WHERE sequence = (SELECT MAX(sequence) FROM audit)";

/// A permit as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermitRow {
    /// The permit.
    pub permit: Permit,
    /// Which revision of its application counts, from 1.
    pub revision: u32,
    /// When it was applied for first.
    pub applied_at: Instant,
    /// When this revision was written.
    pub written_at: Instant,
    /// SHA-256 of what it says: what an approval is bound to.
    pub digest: Sha256,
    /// The last approval, also where the permit is over.
    pub approval: Option<PermitApproval>,
    /// When something was handed over last, also where the permit is over.
    pub delivered_at: Option<Instant>,
    /// Why it was returned or revoked, or what was found when it was closed; empty otherwise.
    pub reason: String,
}

impl Catalog {
    /// The permit of a number.
    pub async fn permit(&self, number: &str) -> Result<Option<PermitRow>, CatalogError> {
        let row = sqlx::query(GET).bind(number).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// At most `limit` permits after a place, newest first; of one state, or of any if it is empty.
    pub async fn permits_page(
        &self,
        after: &Place,
        state: &str,
        limit: u32,
    ) -> Result<Vec<PermitRow>, CatalogError> {
        let query =
            sqlx::query(PAGE).bind(after.at.as_micros()).bind(&after.id).bind(state).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The permits of which something may still become, oldest first.
    pub async fn permits_open(&self) -> Result<Vec<PermitRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The permits whose after-use measure is owed, oldest first.
    pub async fn permits_owed(&self) -> Result<Vec<PermitRow>, CatalogError> {
        let rows = sqlx::query(OWED).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// The permit of a number, as it is inside this transaction.
    pub async fn permit(&mut self, number: &str) -> Result<Option<PermitRow>, CatalogError> {
        let row = sqlx::query(GET).bind(number).fetch_optional(self.connection()).await;
        row.map_err(|error| self.failed(error))?.as_ref().map(read).transpose()
    }

    /// The permits of which something may still become, oldest first.
    pub async fn permits_open(&mut self) -> Result<Vec<PermitRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// The time of the newest line of the audit log.
    pub async fn newest_line_at(&mut self) -> Result<Instant, CatalogError> {
        Ok(Instant::from_micros(self.scalar(sqlx::query_scalar(NEWEST_LINE)).await?))
    }

    /// Adds an application and gives its number: the next one of the year, such as `R08-014`.
    pub async fn add_permit(
        &mut self,
        year: &str,
        content: &PermitContent,
        at: Instant,
    ) -> Result<String, CatalogError> {
        let count = self.scalar(sqlx::query_scalar(COUNT).bind(format!("{year}-%"))).await?;
        let number = format!("{year}-{:03}", count + 1);
        let applicant = content.applicant.as_str();
        let query = sqlx::query(INSERT).bind(&number).bind(applicant).bind(at.as_micros());
        self.changed_one(query, TABLE, &number).await?;
        self.add_permit_content(&number, 1, content, at).await?;
        Ok(number)
    }

    /// Writes another revision of an application. `Stale` if somebody moved the permit meanwhile.
    pub async fn revise_permit(
        &mut self,
        from: &PermitRow,
        next: &Permit,
        at: Instant,
    ) -> Result<u32, CatalogError> {
        let revision = from.revision.saturating_add(1);
        self.write_permit(from, revision, next, "").await?;
        self.add_permit_content(&next.number, revision, &next.content, at).await?;
        Ok(revision)
    }

    /// Moves a permit to another state. `Stale` if somebody moved it meanwhile.
    pub async fn move_permit(
        &mut self,
        from: &PermitRow,
        next: &Permit,
        reason: &str,
    ) -> Result<(), CatalogError> {
        self.write_permit(from, from.revision, next, reason).await
    }

    async fn add_permit_content(
        &mut self,
        number: &str,
        revision: u32,
        content: &PermitContent,
        at: Instant,
    ) -> Result<(), CatalogError> {
        let text = content.digest_text();
        let digest = Sha256::of(text.as_bytes());
        let query = sqlx::query(INSERT_CONTENT)
            .bind(number)
            .bind(i64::from(revision))
            .bind(at.as_micros())
            .bind(&text)
            .bind(digest.0.as_slice());
        self.changed_one(query, "permit_contents", number).await
    }

    async fn write_permit(
        &mut self,
        from: &PermitRow,
        revision: u32,
        next: &Permit,
        reason: &str,
    ) -> Result<(), CatalogError> {
        let written = Written::of(from, &next.state);
        let old = &from.permit;
        let query = sqlx::query(MOVE)
            .bind(&old.number)
            .bind(old.state.word())
            .bind(i64::from(from.revision))
            .bind(i64::from(old.executions))
            .bind(next.state.word())
            .bind(i64::from(revision))
            .bind(stored(next.executions.into(), TABLE, "executions")?)
            .bind(written.approval.map(|approval| approval.by.as_str()))
            .bind(written.approval.map(|approval| approval.at.as_micros()))
            .bind(written.approval.map(|approval| approval.digest.as_slice()))
            .bind(written.executing.map(|(by, _)| by.as_str()))
            .bind(written.executing.map(|(_, since)| since.as_micros()))
            .bind(written.delivered_at.map(Instant::as_micros))
            .bind(written.ended.and_then(|(by, _)| by).map(AccountId::as_str))
            .bind(written.ended.map(|(_, at)| at.as_micros()))
            .bind((!reason.is_empty()).then_some(reason));
        self.changed_one(query, TABLE, &old.number).await
    }
}

/// A state in columns.
struct Written<'a> {
    approval: Option<&'a PermitApproval>,
    executing: Option<(&'a AccountId, Instant)>,
    delivered_at: Option<Instant>,
    ended: Option<(Option<&'a AccountId>, Instant)>,
}

impl<'a> Written<'a> {
    fn of(from: &'a PermitRow, state: &'a PermitState) -> Self {
        // What came before stays to be read where the permit is over; a new application begins without it.
        let kept = Self {
            approval: from.approval.as_ref(),
            executing: None,
            delivered_at: from.delivered_at,
            ended: None,
        };
        match state {
            PermitState::Applied => Self { approval: None, ..kept },
            PermitState::Approved(approval) => Self { approval: Some(approval), ..kept },
            PermitState::Executing { approval, by, since, delivered_at } => Self {
                approval: Some(approval),
                executing: Some((by, *since)),
                delivered_at: *delivered_at,
                ended: None,
            },
            PermitState::Delivered { approval, at } => {
                Self { approval: Some(approval), delivered_at: Some(*at), ..kept }
            }
            PermitState::Closed { by, at }
            | PermitState::Returned { by, at, .. }
            | PermitState::Revoked { by, at, .. } => Self { ended: Some((Some(by), *at)), ..kept },
            PermitState::Expired { at } => Self { ended: Some((None, *at)), ..kept },
        }
    }
}

fn read(row: &SqliteRow) -> Result<PermitRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["permit"] };
    let count = |column| u32::try_from(columns.number(column)?).map_err(|_| columns.corrupt(column));
    let digest = columns.digest("digest")?;
    let text: &str = columns.get("content")?;
    let content = PermitContent::of_digest_text(text).filter(|_| Sha256::of(text.as_bytes()) == digest);
    let content = content.ok_or_else(|| columns.corrupt("content"))?;
    if columns.get::<&str>("applicant")? != content.applicant.as_str() {
        return Err(columns.corrupt("applicant"));
    }
    let approval = match optional_account(&columns, "approved_by")? {
        Some(by) => Some(PermitApproval {
            by,
            at: columns.instant("approved_at")?,
            digest: columns.digest("approved_digest")?.0,
        }),
        None => None,
    };
    let reason = columns.get::<Option<String>>("reason")?.unwrap_or_default();
    let delivered_at = columns.optional_instant("delivered_at")?;
    Ok(PermitRow {
        permit: Permit {
            number: columns.get("permit")?,
            content,
            state: read_state(&columns, approval.clone(), delivered_at, &reason)?,
            executions: count("executions")?,
            given_up: count("given_up")?,
        },
        revision: count("revision")?,
        applied_at: columns.instant("applied_at")?,
        written_at: columns.instant("written_at")?,
        digest,
        approval,
        delivered_at,
        reason,
    })
}

fn read_state(
    columns: &Columns<'_>,
    approval: Option<PermitApproval>,
    delivered_at: Option<Instant>,
    reason: &str,
) -> Result<PermitState, CatalogError> {
    let approval = || approval.clone().ok_or_else(|| columns.corrupt("approved_by"));
    let account = |column| optional_account(columns, column)?.ok_or_else(|| columns.corrupt(column));
    let at = || columns.instant("ended_at");
    Ok(match columns.get::<&str>("state")? {
        "applied" => PermitState::Applied,
        "approved" => PermitState::Approved(approval()?),
        "executing" => PermitState::Executing {
            approval: approval()?,
            by: account("executing_by")?,
            since: columns.instant("executing_since")?,
            delivered_at,
        },
        "delivered" => PermitState::Delivered {
            approval: approval()?,
            at: delivered_at.ok_or_else(|| columns.corrupt("delivered_at"))?,
        },
        "closed" => PermitState::Closed { by: account("ended_by")?, at: at()? },
        "returned" => {
            PermitState::Returned { by: account("ended_by")?, at: at()?, reason: reason.to_owned() }
        }
        "revoked" => PermitState::Revoked {
            by: account("ended_by")?,
            at: at()?,
            reason: reason.to_owned(),
            was_delivered: delivered_at.is_some(),
        },
        "expired" => PermitState::Expired { at: at()? },
        _ => return Err(columns.corrupt("state")),
    })
}

fn optional_account(columns: &Columns<'_>, column: &'static str) -> Result<Option<AccountId>, CatalogError> {
    let text: Option<&str> = columns.get(column)?;
    text.map(|text| text.parse().map_err(|_| columns.corrupt(column))).transpose()
}
