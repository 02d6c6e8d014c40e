//! Services that a person stops and starts for an occurrence: asked for, confirmed with a name, no longer needed.

use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::account::AccountId;
use crate::domain::hand_stop::{Confirmed, HandStop};
use crate::domain::time::Instant;

const TABLE: &str = "hand_stops";

/// What is asked for already stays as it is.
const ASK: &str = "
INSERT INTO hand_stops (occurrence, service, asked_at)
VALUES ($1, $2, $3)
ON CONFLICT (occurrence, service) DO UPDATE
SET asked_at = excluded.asked_at, stopped_at = NULL, stopped_by = NULL, over_at = NULL,
    running_at = NULL, running_by = NULL
WHERE hand_stops.over_at IS NOT NULL";

const STOPPED: &str = "
UPDATE hand_stops
SET stopped_at = $3, stopped_by = $4
WHERE occurrence = $1 AND service = $2 AND stopped_at IS NULL AND over_at IS NULL";

const RUNNING: &str = "
UPDATE hand_stops
SET running_at = $3, running_by = $4
WHERE occurrence = $1 AND service = $2 AND over_at IS NOT NULL AND running_at IS NULL";

const OVER: &str = "
UPDATE hand_stops
SET over_at = $3
WHERE occurrence = $1 AND service = $2 AND over_at IS NULL";

const OF_OCCURRENCE: &str = "
SELECT occurrence, service, asked_at, stopped_at, stopped_by, over_at, running_at, running_by
FROM hand_stops
WHERE occurrence = $1
ORDER BY service
LIMIT 1000";

/// Those that are waited for, or needed.
const OPEN: &str = "
SELECT occurrence, service, asked_at, stopped_at, stopped_by, over_at, running_at, running_by
FROM hand_stops
WHERE running_at IS NULL
ORDER BY asked_at, occurrence, service
LIMIT 10000";

impl Catalog {
    /// The services that persons stop for an occurrence.
    pub async fn hand_stops_of(&self, occurrence: &str) -> Result<Vec<HandStop>, CatalogError> {
        let rows = sqlx::query(OF_OCCURRENCE).bind(occurrence).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The services that nobody has confirmed to run again, in the order of asking.
    pub async fn open_hand_stops(&self) -> Result<Vec<HandStop>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// Asks for the stop of a service. `Stale` if that is asked for already.
    pub async fn ask_by_hand(
        &mut self,
        occurrence: &str,
        service: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(ASK).bind(occurrence).bind(service).bind(now.as_micros());
        self.changed_one(query, TABLE, service).await
    }

    /// Notes who confirmed what. `Stale` if that is not asked for.
    pub async fn confirm_by_hand(
        &mut self,
        (occurrence, service): (&str, &str),
        confirmed: Confirmed,
        by: &AccountId,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = match confirmed {
            Confirmed::Stopped => STOPPED,
            Confirmed::Running => RUNNING,
        };
        let query = sqlx::query(query).bind(occurrence).bind(service).bind(now.as_micros()).bind(by.as_str());
        self.changed_one(query, TABLE, service).await
    }

    /// Notes that a service is not needed stopped any more. `Stale` if that is noted already.
    pub async fn over_by_hand(
        &mut self,
        occurrence: &str,
        service: &str,
        now: Instant,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(OVER).bind(occurrence).bind(service).bind(now.as_micros());
        self.changed_one(query, TABLE, service).await
    }
}

fn read(row: &SqliteRow) -> Result<HandStop, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["occurrence", "service"] };
    let confirmed =
        |at: &'static str, by: &'static str| -> Result<Option<(Instant, AccountId)>, CatalogError> {
            let name: Option<&str> = columns.get(by)?;
            let name = name.map(str::parse).transpose().map_err(|_| columns.corrupt(by))?;
            Ok(columns.optional_instant(at)?.zip(name))
        };
    Ok(HandStop {
        occurrence: columns.get("occurrence")?,
        service: columns.get("service")?,
        asked_at: columns.instant("asked_at")?,
        stopped: confirmed("stopped_at", "stopped_by")?,
        over_at: columns.optional_instant("over_at")?,
        running: confirmed("running_at", "running_by")?,
    })
}
