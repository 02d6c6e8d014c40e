//! Services that were stopped for an occurrence. A row is written before the stop; one without an end means that the
//! service has to be started again.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::time::Instant;

const TABLE: &str = "stopped_services";

/// No second row while one is open.
const STOPPING: &str = "
INSERT INTO stopped_services (occurrence, service, stopping_at)
SELECT $1, $2, $3
WHERE NOT EXISTS (SELECT 1 FROM stopped_services
    WHERE occurrence = $1 AND service = $2 AND started_at IS NULL)
-- A clock that stands still or went back: the same stop, once more.
ON CONFLICT (occurrence, service, stopping_at) DO UPDATE
SET stopped_at = NULL, started_at = NULL, attempts = 0, failure = NULL";

const STOPPED: &str = "
UPDATE stopped_services
SET stopped_at = $3, failure = NULL
WHERE occurrence = $1 AND service = $2 AND started_at IS NULL";

const STARTED: &str = "
UPDATE stopped_services
SET started_at = $3
WHERE occurrence = $1 AND service = $2 AND started_at IS NULL";

const FAILED: &str = "
UPDATE stopped_services
SET attempts = attempts + 1, failure = $3
WHERE occurrence = $1 AND service = $2 AND started_at IS NULL";

const OPEN: &str = "
SELECT occurrence, service, stopping_at, stopped_at, started_at, attempts, failure
FROM stopped_services
WHERE started_at IS NULL
ORDER BY stopping_at, occurrence, service
LIMIT 10000";

/// A service that was stopped for an occurrence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoppedService {
    /// For which occurrence.
    pub occurrence: String,
    /// The name that users know.
    pub service: String,
    /// When its stop began.
    pub stopping_at: Instant,
    /// When it had stopped.
    pub stopped_at: Option<Instant>,
    /// When it ran again.
    pub started_at: Option<Instant>,
    /// Attempts to start it that failed.
    pub attempts: u32,
    /// What went wrong last.
    pub failure: Option<String>,
}

impl Catalog {
    /// The services that have to be started again.
    pub async fn stopped_services(&self) -> Result<Vec<StoppedService>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.pool()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// Notes that a service could not be started.
    pub async fn start_failed(
        &self,
        occurrence: &str,
        service: &str,
        failure: &str,
    ) -> Result<(), CatalogError> {
        let done = sqlx::query(FAILED).bind(occurrence).bind(service).bind(failure);
        let done = done.execute(self.engine.pool()).await;
        done.map(|_| ()).map_err(|error| self.engine.failed(error))
    }
}

impl Tx {
    /// Notes that a service is about to be stopped, if that is not noted yet.
    pub async fn stopping(
        &mut self,
        occurrence: &str,
        service: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(STOPPING).bind(occurrence).bind(service).bind(now.as_micros());
        let done = query.execute(self.connection()).await;
        done.map(|_| ()).map_err(|error| self.failed(error))
    }

    /// Notes that a service has stopped. `Stale` if it was started meanwhile.
    pub async fn stopped(
        &mut self,
        occurrence: &str,
        service: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(STOPPED).bind(occurrence).bind(service).bind(now.as_micros());
        self.changed_one(query, TABLE, service).await
    }

    /// Notes that a service runs again. `Stale` if somebody else noted it.
    pub async fn started(
        &mut self,
        occurrence: &str,
        service: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(STARTED).bind(occurrence).bind(service).bind(now.as_micros());
        self.changed_one(query, TABLE, service).await
    }
}

fn read(row: &SqliteRow) -> Result<StoppedService, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["occurrence", "service"] };
    Ok(StoppedService {
        occurrence: columns.get("occurrence")?,
        service: columns.get("service")?,
        stopping_at: columns.instant("stopping_at")?,
        stopped_at: columns.optional_instant("stopped_at")?,
        started_at: columns.optional_instant("started_at")?,
        attempts: u32::try_from(columns.number("attempts")?).map_err(|_| columns.corrupt("attempts"))?,
        failure: columns.get("failure")?,
    })
}
