//! Extracts: each execution of a permit, what was handed over and fetched, what later ones are compared with, and what
//! one would be.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::{Catalog, CatalogError, Tx};
use crate::archive::digest::Sha256;
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

const TABLE: &str = "extracts";

const BEGIN: &str = "
INSERT INTO extracts (permit, execution, state, made_by, begun_at, fetched)
VALUES ($1, $2, 'making', $3, $4, 0)";

const ABANDON: &str = "
UPDATE extracts
SET state = 'abandoned', ended_at = $3, reason = $4
WHERE permit = $1 AND execution = $2 AND state = 'making'";

const PUBLISH: &str = "
UPDATE extracts
SET state = 'delivered', ended_at = $3, digest = $4, size_bytes = $5, report = $6
WHERE permit = $1 AND execution = $2 AND state = 'making'";

const LINK: &str = "
UPDATE extracts
SET link = $3, secret = $4, expires_at = $5
WHERE permit = $1 AND execution = $2 AND state = 'delivered' AND removed_at IS NULL";

const FETCHED: &str = "
UPDATE extracts
SET fetched = fetched + 1, first_fetched_at = COALESCE(first_fetched_at, $3)
WHERE permit = $1 AND execution = $2 AND state = 'delivered' AND removed_at IS NULL";

const REMOVED: &str = "
UPDATE extracts
SET removed_at = $3
WHERE permit = $1 AND execution = $2 AND removed_at IS NULL";

const CROWDS: &str = "
INSERT INTO extract_crowds (permit, execution, threshold, crowds)
VALUES ($1, $2, $3, $4)";

const EARLIER: &str = "
SELECT permit, execution, threshold, crowds
FROM extract_crowds
WHERE permit <> $1 OR execution <> $2
ORDER BY permit, execution
LIMIT 10000";

const HOW_MANY: &str = "SELECT COUNT(*) AS number FROM extract_crowds";

const OF_PERMIT: &str = "
SELECT permit, execution, state, made_by, begun_at, ended_at, reason, digest, size_bytes, report, link, secret,
    expires_at, fetched, first_fetched_at, removed_at
FROM extracts
WHERE $1 = '' OR permit = $1
ORDER BY begun_at DESC, permit, execution DESC
LIMIT 1000";

/// Those of which something is left: a program that makes it, or a sealed file. Oldest first.
const OPEN: &str = "
SELECT permit, execution, state, made_by, begun_at, ended_at, reason, digest, size_bytes, report, link, secret,
    expires_at, fetched, first_fetched_at, removed_at
FROM extracts
WHERE state = 'making' OR (state = 'delivered' AND removed_at IS NULL)
ORDER BY begun_at, permit, execution
LIMIT 1000";

const OF_LINK: &str = "
SELECT permit, execution, state, made_by, begun_at, ended_at, reason, digest, size_bytes, report, link, secret,
    expires_at, fetched, first_fetched_at, removed_at
FROM extracts
WHERE link = $1";

const PLAN: &str = "
INSERT INTO extract_plans (permit, digest, planned_by, planned_at, plan)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (permit) DO UPDATE
SET digest = $2, planned_by = $3, planned_at = $4, plan = $5";

const PLAN_OF: &str = "
SELECT permit, digest, planned_by, planned_at, plan
FROM extract_plans
WHERE permit = $1";

/// Where an execution stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtractState {
    /// It is being made.
    Making,
    /// It was handed over.
    Delivered,
    /// It ended without anything handed over.
    Abandoned,
}

impl ExtractState {
    /// The word in rows and listings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Delivered => "delivered",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One execution of a permit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtractRow {
    /// The permit.
    pub permit: String,
    /// Which execution, from 1.
    pub execution: u32,
    /// Where it stands.
    pub state: ExtractState,
    /// Who made it.
    pub made_by: AccountId,
    /// When it was begun.
    pub begun_at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// Why it was abandoned.
    pub reason: Option<String>,
    /// SHA-256 of the sealed file.
    pub digest: Option<Sha256>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// The report, JSON.
    pub report: Option<String>,
    /// The public half of the download's address.
    pub link: Option<String>,
    /// SHA-256 of the secret half.
    pub secret: Option<Sha256>,
    /// Until when it can be fetched there.
    pub expires_at: Option<Instant>,
    /// How often it was fetched.
    pub fetched: u64,
    /// When first.
    pub first_fetched_at: Option<Instant>,
    /// When the sealed file was removed.
    pub removed_at: Option<Instant>,
}

/// What is remembered of a release: who its crowds are, as marks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrowdsRow {
    /// The permit.
    pub permit: String,
    /// Which execution.
    pub execution: u32,
    /// How many must look alike.
    pub threshold: u64,
    /// The crowds, as `workflows::extracts` writes them.
    pub crowds: Vec<u8>,
}

/// What an extract would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtractPlanRow {
    /// The permit.
    pub permit: String,
    /// SHA-256 of what the permit said.
    pub digest: Sha256,
    /// Who planned.
    pub planned_by: AccountId,
    /// When.
    pub planned_at: Instant,
    /// The plan, JSON.
    pub plan: String,
}

impl Catalog {
    /// The executions of a permit, or of all, newest first.
    pub async fn extracts(&self, permit: Option<&str>) -> Result<Vec<ExtractRow>, CatalogError> {
        let rows = sqlx::query(OF_PERMIT).bind(permit.unwrap_or("")).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Executions that are being made, and those whose sealed file is there, oldest first.
    pub async fn open_extracts(&self) -> Result<Vec<ExtractRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The extract of a download's address, by its public half.
    pub async fn extract_of_link(&self, link: &str) -> Result<Option<ExtractRow>, CatalogError> {
        let row = sqlx::query(OF_LINK).bind(link).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// What is remembered of every release but this one.
    pub async fn earlier_crowds(&self, permit: &str, execution: u32) -> Result<Vec<CrowdsRow>, CatalogError> {
        let query = sqlx::query(EARLIER).bind(permit).bind(i64::from(execution));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read_crowds).collect()
    }

    /// What an extract under a permit would be, as it was planned last.
    pub async fn extract_plan(&self, permit: &str) -> Result<Option<ExtractPlanRow>, CatalogError> {
        let row = sqlx::query(PLAN_OF).bind(permit).fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read_plan).transpose()
    }
}

impl Tx {
    /// Notes that an execution begins.
    pub async fn begin_extract(
        &mut self,
        (permit, execution): (&str, u32),
        by: &AccountId,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(BEGIN).bind(permit).bind(i64::from(execution)).bind(by.as_str());
        self.changed_one(query.bind(now.as_micros()), TABLE, permit).await
    }

    /// Notes that an execution ended without anything handed over. `Stale` if it is not being made.
    pub async fn abandon_extract(
        &mut self,
        (permit, execution): (&str, u32),
        reason: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(ABANDON).bind(permit).bind(i64::from(execution)).bind(now.as_micros());
        self.changed_one(query.bind(reason), TABLE, permit).await
    }

    /// Notes what was handed over, and what later releases are compared with. `Stale` if it is not being made.
    pub async fn publish_extract(
        &mut self,
        row: &CrowdsRow,
        (digest, size_bytes): (&Sha256, u64),
        report: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(PUBLISH)
            .bind(&row.permit)
            .bind(i64::from(row.execution))
            .bind(now.as_micros())
            .bind(digest.0.as_slice())
            .bind(stored(size_bytes, TABLE, "size_bytes")?)
            .bind(report);
        self.changed_one(query, TABLE, &row.permit).await?;
        let query = sqlx::query(CROWDS)
            .bind(&row.permit)
            .bind(i64::from(row.execution))
            .bind(stored(row.threshold, "extract_crowds", "threshold")?)
            .bind(&row.crowds);
        self.changed_one(query, "extract_crowds", &row.permit).await
    }

    /// How many releases are remembered, as this transaction sees it.
    pub async fn releases(&mut self) -> Result<u64, CatalogError> {
        let row = sqlx::query(HOW_MANY).fetch_one(self.connection()).await;
        let row = row.map_err(|error| self.failed(error))?;
        Columns { row: &row, table: "extract_crowds", key: &["number"] }.number("number")
    }

    /// Gives an extract a new address for its download, in the place of an earlier one. `Stale` if there is no file.
    pub async fn link_extract(
        &mut self,
        (permit, execution): (&str, u32),
        (link, secret): (&str, &Sha256),
        expires_at: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(LINK).bind(permit).bind(i64::from(execution)).bind(link);
        let query = query.bind(secret.0.as_slice()).bind(expires_at.as_micros());
        self.changed_one(query, TABLE, permit).await
    }

    /// Counts a fetch. `Stale` if there is no file any more.
    pub async fn count_fetch(
        &mut self,
        (permit, execution): (&str, u32),
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(FETCHED).bind(permit).bind(i64::from(execution)).bind(now.as_micros());
        self.changed_one(query, TABLE, permit).await
    }

    /// Notes that the sealed file is gone. `Stale` if it was before.
    pub async fn remove_extract(
        &mut self,
        (permit, execution): (&str, u32),
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(REMOVED).bind(permit).bind(i64::from(execution)).bind(now.as_micros());
        self.changed_one(query, TABLE, permit).await
    }

    /// Notes what an extract would be, in the place of what was planned before.
    pub async fn note_extract_plan(&mut self, row: &ExtractPlanRow) -> Result<(), CatalogError> {
        let query = sqlx::query(PLAN)
            .bind(&row.permit)
            .bind(row.digest.0.as_slice())
            .bind(row.planned_by.as_str())
            .bind(row.planned_at.as_micros())
            .bind(&row.plan);
        self.changed_one(query, "extract_plans", &row.permit).await
    }
}

fn read(row: &SqliteRow) -> Result<ExtractRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["permit", "execution"] };
    let states = [ExtractState::Making, ExtractState::Delivered, ExtractState::Abandoned];
    let state: &str = columns.get("state")?;
    let size: Option<i64> = columns.get("size_bytes")?;
    let size = size.map(|size| u64::try_from(size).map_err(|_| columns.corrupt("size_bytes")));
    Ok(ExtractRow {
        permit: columns.get("permit")?,
        execution: execution(&columns)?,
        state: states.into_iter().find(|one| one.word() == state).ok_or_else(|| columns.corrupt("state"))?,
        made_by: columns.get::<&str>("made_by")?.parse().map_err(|_| columns.corrupt("made_by"))?,
        begun_at: columns.instant("begun_at")?,
        ended_at: columns.optional_instant("ended_at")?,
        reason: columns.get("reason")?,
        digest: columns.optional_digest("digest")?,
        size_bytes: size.transpose()?,
        report: columns.get("report")?,
        link: columns.get("link")?,
        secret: columns.optional_digest("secret")?,
        expires_at: columns.optional_instant("expires_at")?,
        fetched: columns.number("fetched")?,
        first_fetched_at: columns.optional_instant("first_fetched_at")?,
        removed_at: columns.optional_instant("removed_at")?,
    })
}

fn execution(columns: &Columns<'_>) -> Result<u32, CatalogError> {
    u32::try_from(columns.number("execution")?).map_err(|_| columns.corrupt("execution"))
}

fn read_crowds(row: &SqliteRow) -> Result<CrowdsRow, CatalogError> {
    let columns = Columns { row, table: "extract_crowds", key: &["permit", "execution"] };
    Ok(CrowdsRow {
        permit: columns.get("permit")?,
        execution: execution(&columns)?,
        threshold: columns.number("threshold")?,
        crowds: columns.get("crowds")?,
    })
}

fn read_plan(row: &SqliteRow) -> Result<ExtractPlanRow, CatalogError> {
    let columns = Columns { row, table: "extract_plans", key: &["permit"] };
    Ok(ExtractPlanRow {
        permit: columns.get("permit")?,
        digest: columns.digest("digest")?,
        planned_by: columns.get::<&str>("planned_by")?.parse().map_err(|_| columns.corrupt("planned_by"))?,
        planned_at: columns.instant("planned_at")?,
        plan: columns.get("plan")?,
    })
}
