//! Leases: which program runs an occurrence. Taken and given back with guarded updates; a dead one's expires.

use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::time::Instant;

const TABLE: &str = "leases";

/// Takes a lease that nobody has, that has expired, or that the holder has already.
const TAKE: &str = "
INSERT INTO leases (occurrence, holder, place, fence, expires_at)
VALUES ($1, $2, $3, 1, $5)
ON CONFLICT (occurrence) DO UPDATE
SET holder = excluded.holder, place = excluded.place, fence = leases.fence + 1, expires_at = excluded.expires_at
WHERE leases.holder = $2 OR leases.expires_at <= $4";

const RENEW: &str = "
UPDATE leases
SET expires_at = $2
WHERE holder = $1 AND expires_at > 0";

const GIVE_BACK: &str = "
UPDATE leases
SET expires_at = 0
WHERE occurrence = $1 AND holder = $2";

/// Those of a place.
const EXPIRE: &str = "
UPDATE leases
SET expires_at = 0
WHERE place = $1 AND expires_at > 0
    AND occurrence IN (SELECT occurrences.occurrence FROM occurrences
        JOIN windows ON windows.window_id = occurrences.window_id WHERE windows.plan = $2)";

const HELD_BY_OTHER: &str = "
SELECT COUNT(*)
FROM leases
WHERE occurrence = $1 AND holder <> $2 AND expires_at > $3";

const LIVING: &str = "
SELECT occurrence
FROM leases
WHERE expires_at > $1
ORDER BY occurrence
LIMIT 10000";

/// Who takes a lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The random id of a program.
    pub program: String,
    /// Where its lock is.
    pub place: String,
}

impl Catalog {
    /// Makes every lease of a program last until `until`.
    pub async fn renew_leases(&self, program: &str, until: Instant) -> Result<(), CatalogError> {
        let query = sqlx::query(RENEW).bind(program).bind(until.as_micros());
        query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(())
    }

    /// Lets the leases of a place for a plan's occurrences expire. The caller holds the lock of the place, so that no run
    /// of them can be alive.
    pub async fn expire_leases(&self, place: &str, plan: &str) -> Result<u64, CatalogError> {
        let query = sqlx::query(EXPIRE).bind(place).bind(plan);
        let done = query.execute(self.engine.pool()).await.map_err(|error| self.engine.failed(error))?;
        Ok(done.rows_affected())
    }

    /// The occurrences that somebody holds.
    pub async fn living_leases(&self, now: Instant) -> Result<Vec<String>, CatalogError> {
        let query = sqlx::query_scalar(LIVING).bind(now.as_micros());
        query.fetch_all(self.engine.pool()).await.map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Takes the lease of an occurrence until `until`. `Stale` if another program holds it.
    pub async fn take_lease(
        &mut self,
        occurrence: &str,
        holder: &Holder,
        now: Instant,
        until: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(TAKE)
            .bind(occurrence)
            .bind(&holder.program)
            .bind(&holder.place)
            .bind(now.as_micros())
            .bind(until.as_micros());
        self.changed_one(query, TABLE, occurrence).await
    }

    /// Gives a lease back. `Stale` if another program holds it now: this one was overtaken (fenced off).
    pub async fn give_lease_back(
        &mut self,
        occurrence: &str,
        holder: &Holder,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let held = sqlx::query_scalar(HELD_BY_OTHER).bind(occurrence).bind(&holder.program);
        if self.scalar(held.bind(now.as_micros())).await? > 0 {
            return Err(CatalogError::Stale { table: TABLE, id: occurrence.to_owned() });
        }
        let done =
            sqlx::query(GIVE_BACK).bind(occurrence).bind(&holder.program).execute(self.connection()).await;
        done.map(|_| ()).map_err(|error| self.failed(error))
    }
}
