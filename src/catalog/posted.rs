//! Notices as readers see them: each joined with what its window says. Reading only; `notices` writes.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Sqlite, query::Query};

use super::convert::Columns;
use super::notices::{self, NoticeRow};
use super::{Catalog, CatalogError};
use crate::domain::recurrence::Recurrence;
use crate::domain::time::{Instant, Zone};
use crate::domain::window::WindowKind;

const TABLE: &str = "notices";

/// The board: the highest revision of each notice that is current, last changed first. See `domain::board`.
const CURRENT: &str = "
SELECT notices.notice AS notice, revision, notices.kind AS kind, status, notices.window_id AS window_id, occurrence,
    notices.title AS title, body, notices.title_en AS title_en, body_en, notices.stops AS stops, work_from, work_until, published_at, updated_at, notices.closed_at AS closed_at,
    notices.incident AS incident, incidents.services AS incident_services,
    windows.approval AS approval, windows.stops AS services, windows.zone AS zone,
    windows.recurrence AS recurrence, windows.kind AS window_kind
FROM notices
LEFT JOIN windows ON windows.window_id = notices.window_id
LEFT JOIN incidents ON incidents.incident = notices.incident
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND notices.closed_at IS NULL AND (status IN ('scheduled', 'in_progress') OR updated_at >= $1)
ORDER BY updated_at DESC, notices.notice DESC
LIMIT $2";

/// What is no longer on the board.
const PAST: &str = "
SELECT notices.notice AS notice, revision, notices.kind AS kind, status, notices.window_id AS window_id, occurrence,
    notices.title AS title, body, notices.title_en AS title_en, body_en, notices.stops AS stops, work_from, work_until, published_at, updated_at, notices.closed_at AS closed_at,
    notices.incident AS incident, incidents.services AS incident_services,
    windows.approval AS approval, windows.stops AS services, windows.zone AS zone,
    windows.recurrence AS recurrence, windows.kind AS window_kind
FROM notices
LEFT JOIN windows ON windows.window_id = notices.window_id
LEFT JOIN incidents ON incidents.incident = notices.incident
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND NOT (notices.closed_at IS NULL AND (status IN ('scheduled', 'in_progress') OR updated_at >= $1))
ORDER BY updated_at DESC, notices.notice DESC
LIMIT $2";

/// One notice in its highest revision.
const ONE: &str = "
SELECT notices.notice AS notice, revision, notices.kind AS kind, status, notices.window_id AS window_id, occurrence,
    notices.title AS title, body, notices.title_en AS title_en, body_en, notices.stops AS stops, work_from, work_until, published_at, updated_at, notices.closed_at AS closed_at,
    notices.incident AS incident, incidents.services AS incident_services,
    windows.approval AS approval, windows.stops AS services, windows.zone AS zone,
    windows.recurrence AS recurrence, windows.kind AS window_kind
FROM notices
LEFT JOIN windows ON windows.window_id = notices.window_id
LEFT JOIN incidents ON incidents.incident = notices.incident
WHERE notices.notice = $1
ORDER BY revision DESC
LIMIT 1";

/// Every revision of the notices on the board, newest first.
const REVISIONS: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE EXISTS (SELECT 1 FROM notices AS newest
    WHERE newest.notice = notices.notice AND newest.closed_at IS NULL
        AND newest.revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
        AND (newest.status IN ('scheduled', 'in_progress') OR newest.updated_at >= $1))
ORDER BY notice, revision DESC
LIMIT $2";

const CHANGED_AT: &str = "
SELECT updated_at
FROM notices
ORDER BY updated_at DESC
LIMIT 1";

/// A notice and what its window says.
#[derive(Clone, PartialEq, Debug)]
pub struct Posted {
    /// The notice.
    pub row: NoticeRow,
    /// The number of the approval that it rests on.
    pub approval: Option<String>,
    /// The services that stop, by the names that users know.
    pub services: Vec<String>,
    /// Where its times are counted.
    pub zone: Zone,
    /// When its window comes again.
    pub recurrence: Recurrence,
    /// What its window is for.
    pub window_kind: WindowKind,
}

impl Catalog {
    /// The current notices; those that are over only if they changed at `over_since` or later.
    pub async fn board(&self, over_since: Instant, limit: u32) -> Result<Vec<Posted>, CatalogError> {
        self.posted(sqlx::query(CURRENT).bind(over_since.as_micros()).bind(i64::from(limit))).await
    }

    /// The newest of those that are no longer current.
    pub async fn past_notices(&self, over_since: Instant, limit: u32) -> Result<Vec<Posted>, CatalogError> {
        self.posted(sqlx::query(PAST).bind(over_since.as_micros()).bind(i64::from(limit))).await
    }

    /// A notice in its highest revision, current or not.
    pub async fn notice(&self, id: &str) -> Result<Option<Posted>, CatalogError> {
        Ok(self.posted(sqlx::query(ONE).bind(id)).await?.pop())
    }

    /// Every revision of the current notices, by notice, newest first.
    pub async fn board_revisions(
        &self,
        over_since: Instant,
        limit: u32,
    ) -> Result<Vec<NoticeRow>, CatalogError> {
        let query = sqlx::query(REVISIONS).bind(over_since.as_micros()).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(notices::read).collect()
    }

    /// When any notice changed last.
    pub async fn notices_changed_at(&self) -> Result<Option<Instant>, CatalogError> {
        let row = sqlx::query(CHANGED_AT).fetch_optional(self.engine.readers()).await;
        let row = row.map_err(|error| self.engine.failed(error))?;
        let read = |row: &SqliteRow| Columns { row, table: TABLE, key: &[] }.instant("updated_at");
        row.as_ref().map(read).transpose()
    }

    async fn posted(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<Posted>, CatalogError> {
        let rows = query.fetch_all(self.engine.readers()).await.map_err(|error| self.engine.failed(error))?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<Posted, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["notice", "revision"] };
    let notice = notices::read(row)?;
    if notice.incident.is_some() {
        // A failure comes once; its times are told in Tokyo, like those of all evidence.
        let zone = Zone::tokyo();
        let from = notice.work_from;
        return Ok(Posted {
            approval: None,
            services: columns.get::<&str>("incident_services")?.lines().map(str::to_owned).collect(),
            recurrence: Recurrence::Once(zone.day_of(from), zone.time_of(from)),
            window_kind: WindowKind::Maintenance,
            zone,
            row: notice,
        });
    }
    Ok(Posted {
        row: notice,
        approval: columns.get("approval")?,
        services: columns.get::<&str>("services")?.lines().map(str::to_owned).collect(),
        zone: Zone::named(columns.get("zone")?).map_err(|_| columns.corrupt("zone"))?,
        recurrence: columns.get::<&str>("recurrence")?.parse().map_err(|_| columns.corrupt("recurrence"))?,
        window_kind: WindowKind::of_word(columns.get("window_kind")?)
            .ok_or_else(|| columns.corrupt("window_kind"))?,
    })
}
