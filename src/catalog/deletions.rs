//! Orders of deletion that people approved, approvals that stand until they are ended, and how expiry stands.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

/// An order that was carried out may be approved again: something of it was not deleted.
const APPROVE: &str = "
INSERT INTO deletion_orders (digest, order_text, approved_by, approved_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO UPDATE
SET approved_by = $3, approved_at = $4, confirmed_by = NULL, confirmed_at = NULL, certificate = NULL
WHERE deletion_orders.certificate IS NOT NULL";

const CONFIRM: &str = "
UPDATE deletion_orders
SET confirmed_by = $2, confirmed_at = $3
WHERE digest = $1 AND confirmed_by IS NULL AND certificate IS NULL";

const DONE: &str = "
UPDATE deletion_orders
SET certificate = $2
WHERE digest = $1 AND confirmed_by IS NOT NULL";

const OPEN: &str = "
SELECT digest, order_text, approved_by, approved_at, confirmed_by, confirmed_at
FROM deletion_orders
WHERE certificate IS NULL
ORDER BY approved_at, digest
LIMIT 1000";

const STAND: &str = "
INSERT INTO standing_deletions (plan, approved_at, approved_by, digest)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING";

const END_STANDING: &str = "
UPDATE standing_deletions
SET ended_at = $2, ended_by = $3
WHERE plan = $1 AND ended_at IS NULL";

const STANDING: &str = "
SELECT plan, approved_at, approved_by, digest
FROM standing_deletions
WHERE ended_at IS NULL
ORDER BY plan, approved_at
LIMIT 10000";

const LOOK: &str = "
INSERT INTO expiry_looks (plan, looked_at, due, kept_back, due_since, stopped)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (plan) DO UPDATE
SET looked_at = $2, due = $3, kept_back = $4, due_since = $5, stopped = $6";

const LOOKS: &str = "
SELECT plan, looked_at, due, kept_back, due_since, stopped
FROM expiry_looks
ORDER BY plan
LIMIT 10000";

/// An order that was approved and not carried out yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRow {
    /// SHA-256 of the text.
    pub digest: Sha256,
    /// The text.
    pub text: String,
    /// Who approved it.
    pub approved_by: AccountId,
    /// When.
    pub approved_at: Instant,
    /// Who confirmed it, and when.
    pub confirmed: Option<(AccountId, Instant)>,
}

/// An approval that stands until it is ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandingRow {
    /// The plan.
    pub plan: String,
    /// When it was approved.
    pub approved_at: Instant,
    /// By whom.
    pub approved_by: AccountId,
    /// SHA-256 of the plan's content that was approved.
    pub digest: Sha256,
}

/// How expiry of a plan stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LookRow {
    /// The plan.
    pub plan: String,
    /// When it was looked at.
    pub looked_at: Instant,
    /// Cohorts that may be deleted.
    pub due: u64,
    /// Cohorts past their time that are kept back.
    pub kept_back: u64,
    /// Since when the oldest that is due could have been deleted.
    pub due_since: Option<Instant>,
    /// The code of why expiry is stopped; empty if it is not.
    pub stopped: String,
}

impl Catalog {
    /// Orders that were approved and not carried out, oldest first.
    pub async fn open_orders(&self) -> Result<Vec<OrderRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read_order).collect()
    }

    /// Standing approvals in force, by plan.
    pub async fn standing_deletions(&self) -> Result<Vec<StandingRow>, CatalogError> {
        let rows = sqlx::query(STANDING).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read_standing).collect()
    }

    /// How expiry stands, by plan.
    pub async fn expiry_looks(&self) -> Result<Vec<LookRow>, CatalogError> {
        let rows = sqlx::query(LOOKS).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read_look).collect()
    }
}

impl Catalog {
    /// Notes how expiry of a plan stands: what the store shows, nobody's decision.
    pub async fn set_look(&self, row: &LookRow) -> Result<(), CatalogError> {
        let query = sqlx::query(LOOK)
            .bind(&row.plan)
            .bind(row.looked_at.as_micros())
            .bind(stored(row.due, "expiry_looks", "due")?)
            .bind(stored(row.kept_back, "expiry_looks", "kept_back")?)
            .bind(row.due_since.map(Instant::as_micros))
            .bind(&row.stopped);
        let done = query.execute(self.engine.pool()).await;
        done.map(drop).map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Notes an approval. `Stale` if the order is approved already.
    pub async fn approve_order(
        &mut self,
        (digest, text): (&Sha256, &str),
        by: &AccountId,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(APPROVE).bind(digest.0.as_slice()).bind(text).bind(by.as_str());
        self.changed_one(query.bind(now.as_micros()), "deletion_orders", &digest.to_string()).await
    }

    /// Notes a confirmation. `Stale` if the order is not waiting for one.
    pub async fn confirm_order(
        &mut self,
        digest: &Sha256,
        by: &AccountId,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(CONFIRM).bind(digest.0.as_slice()).bind(by.as_str()).bind(now.as_micros());
        self.changed_one(query, "deletion_orders", &digest.to_string()).await
    }

    /// Notes the certificate of an order, if there is such an order.
    pub async fn end_order(&mut self, digest: &Sha256, certificate: u64) -> Result<(), CatalogError> {
        let number = stored(certificate, "deletion_orders", "certificate")?;
        let query = sqlx::query(DONE).bind(digest.0.as_slice()).bind(number);
        let done = query.execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// Notes a standing approval, in the place of an earlier one of the plan.
    pub async fn stand(&mut self, row: &StandingRow) -> Result<(), CatalogError> {
        self.end_standing(&row.plan, &row.approved_by, row.approved_at).await?;
        let query = sqlx::query(STAND)
            .bind(&row.plan)
            .bind(row.approved_at.as_micros())
            .bind(row.approved_by.as_str())
            .bind(row.digest.0.as_slice());
        self.changed_one(query, "standing_deletions", &row.plan).await
    }

    /// Ends the standing approval of a plan; how many there were.
    pub async fn end_standing(
        &mut self,
        plan: &str,
        by: &AccountId,
        now: Instant,
    ) -> Result<u64, CatalogError> {
        let query = sqlx::query(END_STANDING).bind(plan).bind(now.as_micros()).bind(by.as_str());
        let done = query.execute(self.connection()).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected())
    }
}

fn read_order(row: &SqliteRow) -> Result<OrderRow, CatalogError> {
    let columns = Columns { row, table: "deletion_orders", key: &["digest"] };
    let account = |column, text: &str| text.parse().map_err(|_| columns.corrupt(column));
    let confirmed: Option<&str> = columns.get("confirmed_by")?;
    let confirmed = confirmed.map(|by| account("confirmed_by", by)).transpose()?;
    Ok(OrderRow {
        digest: columns.digest("digest")?,
        text: columns.get("order_text")?,
        approved_by: account("approved_by", columns.get("approved_by")?)?,
        approved_at: columns.instant("approved_at")?,
        confirmed: confirmed.zip(columns.optional_instant("confirmed_at")?),
    })
}

fn read_standing(row: &SqliteRow) -> Result<StandingRow, CatalogError> {
    let columns = Columns { row, table: "standing_deletions", key: &["plan", "approved_at"] };
    let by: &str = columns.get("approved_by")?;
    Ok(StandingRow {
        plan: columns.get("plan")?,
        approved_at: columns.instant("approved_at")?,
        approved_by: by.parse().map_err(|_| columns.corrupt("approved_by"))?,
        digest: columns.digest("digest")?,
    })
}

fn read_look(row: &SqliteRow) -> Result<LookRow, CatalogError> {
    let columns = Columns { row, table: "expiry_looks", key: &["plan"] };
    Ok(LookRow {
        plan: columns.get("plan")?,
        looked_at: columns.instant("looked_at")?,
        due: columns.number("due")?,
        kept_back: columns.number("kept_back")?,
        due_since: columns.optional_instant("due_since")?,
        stopped: columns.get("stopped")?,
    })
}
